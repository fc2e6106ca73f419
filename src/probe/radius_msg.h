/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RADIUS Status-Server requests and their responses: pure, with MD5 by libcrypto (RFC 5997).
 */
#ifndef PROBE_RADIUS_MSG_H
#define PROBE_RADIUS_MSG_H

#include "base/wire.h"
#include "core/probe.h"

#define RADIUS_AUTHENTICATOR 16
#define RADIUS_REQUEST_LEN   38 /* header and Message-Authenticator */
#define RADIUS_MAX           4096

struct radius_question {
	const char *secret;
	uint8_t id;
	uint8_t authenticator[RADIUS_AUTHENTICATOR]; /* random */
};

/* Writes RADIUS_REQUEST_LEN bytes. 0, or -1 when libcrypto has no MD5 (FIPS mode). */
int radius_request_build(const struct radius_question *q, uint8_t *buf);

enum radius_verdict {
	RADIUS_IGNORE, /* not the response to our request: wait on */
	RADIUS_JUDGED, /* `sample` says how it is */
};
enum radius_verdict radius_judge(
    const struct radius_question *q, struct wire_reader *msg, struct probe_sample *sample);

#endif
