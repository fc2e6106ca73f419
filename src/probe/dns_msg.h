/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS questions and answers of the dns probe: pure, on top of ldns (RFC 1035).
 */
#ifndef PROBE_DNS_MSG_H
#define PROBE_DNS_MSG_H

#include "base/wire.h"
#include "core/probe.h"

#define DNS_QUERY_MAX 300 /* header, the longest name, type and class */

struct dns_question {
	const char *name; /* as written */
	uint16_t type;
	uint16_t class;
};

/* What an answer must be like; from `expect:`. */
struct dns_expect {
	int rcode;
	uint32_t flags;   /* mask of enum dns_flag: must be set */
	uint32_t records; /* at least that many of the type asked for, when the rcode is NOERROR */
	struct conf_list answers; /* of const char *: each must be among them */
};
enum dns_flag { DNS_AA = 1, DNS_RA = 2, DNS_AD = 4 };

/* Writes the query; `recursive` sets RD. Returns its length, 0 when the name is no name. */
size_t dns_query_build(const struct dns_question *q, bool recursive, uint8_t *buf, size_t cap);
void dns_query_set_id(uint8_t *query, uint16_t id);

enum dns_verdict {
	DNS_IGNORE,    /* not the answer to our query: wait on */
	DNS_TRUNCATED, /* ask again over TCP */
	DNS_JUDGED,    /* `sample` says how it is */
};
/* Judges a message received in answer to `query` (`query_len` bytes). */
enum dns_verdict dns_judge(const uint8_t *query, size_t query_len, const struct dns_expect *expect,
    const struct wire_reader *msg, struct probe_sample *sample);

/* "NXDOMAIN"; "RCODE23". Writes into buf and returns it. */
const char *dns_rcode_str(unsigned rcode, char *buf, size_t size);
extern const struct conf_choice dns_rcodes[];
extern const struct conf_choice dns_flags[];
/* `query: www.example.net A` */
extern const struct conf_custom dns_question_custom;

#endif
