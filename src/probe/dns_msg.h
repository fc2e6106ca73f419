/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS queries of the dns probe, and which messages answer them: pure (RFC 1035, 6891, 5001).
 */
#ifndef PROBE_DNS_MSG_H
#define PROBE_DNS_MSG_H

#include "conf/conf.h"

#define DNS_HEADER    12
#define DNS_QUERY_MAX 300 /* header, the longest name, type and class, OPT with NSID */

/* Header bits (RFC 1035 section 4.1.1, RFC 4035 section 3.2). */
#define DNS_HDR_QR    0x8000
#define DNS_HDR_AA    0x0400
#define DNS_HDR_TC    0x0200
#define DNS_HDR_RD    0x0100
#define DNS_HDR_RA    0x0080
#define DNS_HDR_AD    0x0020
#define DNS_HDR_CD    0x0010
#define DNS_HDR_RCODE 0x000f

struct dns_question {
	const char *name; /* as written */
	uint16_t type;
	uint16_t class;
};

/* What a query asks for beside its question. */
enum dns_query_flag {
	DNS_QUERY_RD = 1,     /* recursion desired */
	DNS_QUERY_CD = 2,     /* checking disabled */
	DNS_QUERY_DO = 4,     /* DNSSEC OK: signatures, please */
	DNS_QUERY_NSID = 8,   /* the server's identifier, please (RFC 5001) */
	DNS_QUERY_RANDOM = 16 /* a first label that is new in each attempt */
};
struct dns_query_opts {
	unsigned flags;     /* mask of enum dns_query_flag */
	uint16_t edns_size; /* UDP payload size; 0: no EDNS, unless a flag needs it */
};
#define DNS_EDNS_SIZE 1232 /* when a flag needs EDNS and no size was written */

/* A query as bytes, built once; an attempt only renews its id and its random label. */
struct dns_query {
	uint8_t bytes[2 + DNS_QUERY_MAX]; /* the length, for TCP; then the message */
	uint16_t len;                     /* of the message */
	uint16_t question_len;            /* of the header and the question */
	bool random;
};
/* False when the name is no domain name (or too long for a random label in front). */
bool dns_query_build(
    const struct dns_question *q, const struct dns_query_opts *opts, struct dns_query *out);
void dns_query_set_id(struct dns_query *q, uint16_t id);
/* A new random label from these bits, when the query has one. */
void dns_query_renew(struct dns_query *q, uint64_t random);
uint16_t dns_query_id(const struct dns_query *q);
uint16_t dns_query_type(const struct dns_query *q);
static inline const uint8_t *
dns_query_msg(const struct dns_query *q)
{
	return q->bytes + 2;
}

enum dns_match {
	DNS_IGNORE,    /* not the answer to our query: wait on */
	DNS_TRUNCATED, /* ours, but ask again over TCP */
	DNS_ANSWER,
};
/* What is a message to this query? */
enum dns_match dns_match(const struct dns_query *q, const uint8_t *msg, size_t len);

/* "NXDOMAIN"; "RCODE23". Writes into buf and returns it. */
const char *dns_rcode_str(unsigned rcode, char *buf, size_t size);
extern const struct conf_choice dns_rcodes[];
/* `query: www.example.net A` */
extern const struct conf_custom dns_question_custom;

#endif
