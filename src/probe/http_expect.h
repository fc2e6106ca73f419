/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP answer must be like: status, header fields, body.
 */
#ifndef PROBE_HTTP_EXPECT_H
#define PROBE_HTTP_EXPECT_H

#include "probe/http_pool.h"
#include "probe/probe_text.h"

#define HTTP_BODY_MAX 65536 /* bytes of a body that are looked at */

/* From `expect:`. */
struct http_expect {
	struct conf_list status;  /* of struct http_status_range; empty: 200-399 */
	struct conf_list headers; /* of struct http_header_expect */
	struct probe_pattern body;
};
struct http_status_range {
	uint16_t low, high;
};
struct http_header_expect {
	const char *text; /* "Name: pattern", as written */
	const char *name;
	struct probe_pattern pattern;
};
extern const struct conf_schema http_expect_schema;

/* The patterns ready for matching; owned by the probe. */
struct http_checks {
	struct probe_matcher *body;     /* NULL: any */
	struct probe_matcher **headers; /* one for each of the list */
	size_t header_count;
};
/* `e` may be NULL here and below. */
void http_checks_init(struct http_checks *c, const struct http_expect *e);
void http_checks_done(struct http_checks *c);

/* Is the answer not what is expected? Then these give the verdict, and the probe may be gone. */
bool http_status_fails(struct probe *p, const struct http_expect *e, unsigned status);
bool http_headers_fail(struct probe *p, const struct http_expect *e, const struct http_checks *c,
    const struct http_reply *reply);

#endif
