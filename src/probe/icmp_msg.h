/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP echo requests, and what comes back to a raw socket: pure (RFC 792, RFC 4443).
 */
#ifndef PROBE_ICMP_MSG_H
#define PROBE_ICMP_MSG_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ICMP_HEADER      8
#define ICMP_PAYLOAD_MIN 8     /* the cookie */
#define ICMP_PAYLOAD_MAX 65507 /* what fits into a packet of IPv4 */

/* What tells one request from all others. The cookie is random and leads the payload. */
struct icmp_token {
	uint16_t id;
	uint16_t sequence;
	uint64_t cookie;
};

/* Writes an echo request with `size` bytes of payload (the cookie, then a pattern), ICMP_HEADER +
 * size bytes in all. IPv4: with its checksum; IPv6: the kernel computes it. */
void icmp_echo_build(
    enum addr_family family, const struct icmp_token *token, size_t size, uint8_t *buf);

enum icmp_kind {
	ICMP_NOTHING, /* nothing that could be for us, or malformed */
	ICMP_REPLY,
	ICMP_FAILURE, /* somebody could not deliver a request of ours */
};

struct icmp_msg {
	enum icmp_kind kind;
	struct icmp_token token; /* of the reply, or of the request that is quoted */
	bool has_cookie;         /* a quotation may end before it */
	const uint8_t *payload;  /* replies: all of it, the cookie too */
	size_t len;
	struct addr target; /* failures: where the quoted request was going */
	uint8_t type, code; /* failures */
};

/* Reads what a raw socket received: IPv4 with its IP header, IPv6 without. `out` points into
 * `data`. */
void icmp_read(enum addr_family family, const uint8_t *data, size_t len, struct icmp_msg *out);
/* The first byte behind the cookie that is not as icmp_echo_build() wrote it; `len` when there is
 * none. */
size_t icmp_payload_damage(const uint8_t *payload, size_t len);
/* "host unreachable", for a failure. */
const char *icmp_failure_text(enum addr_family family, const struct icmp_msg *m);

#endif
