/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTP requests and replies of the ntp probe: pure (RFC 5905).
 */
#ifndef PROBE_NTP_MSG_H
#define PROBE_NTP_MSG_H

#include "base/wire.h"
#include "core/probe.h"

#define NTP_LEN 48 /* the header; extensions and MAC follow */

/* What a server must be like; from `expect:`. */
struct ntp_expect {
	uint32_t stratum;      /* at most */
	dur_t offset;          /* from our clock, at most; 0: any */
	dur_t root_dispersion; /* at most; 0: any */
	dur_t root_delay;      /* at most; 0: any */
};

/* One attempt: what was sent, and both times by our clock (ns since 1970). */
struct ntp_exchange {
	uint64_t cookie; /* sent as the transmit timestamp; comes back as the origin */
	int64_t sent_ns;
	int64_t received_ns;
};

/* Writes NTP_LEN bytes: a client's request that tells nothing about our clock. */
void ntp_request_build(uint64_t cookie, uint8_t *buf);

enum ntp_verdict {
	NTP_IGNORE, /* not the reply to our request: wait on */
	NTP_JUDGED, /* `sample` says how it is */
};
enum ntp_verdict ntp_judge(const struct ntp_exchange *x, const struct ntp_expect *expect,
    struct wire_reader *msg, struct probe_sample *sample);

#endif
