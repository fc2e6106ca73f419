/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on an answer: pure, on top of dns_walk.h and ldns.
 */
#ifndef PROBE_DNS_JUDGE_H
#define PROBE_DNS_JUDGE_H

#include "core/probe.h"
#include "probe/dns_msg.h"
#include "probe/probe_text.h"

/* What an answer must be like; from `expect:`. */
struct dns_expect {
	int rcode;
	uint32_t flags;   /* mask of enum dns_flag: must be set */
	uint32_t records; /* at least that many of the type asked for, when the rcode is NOERROR */
	struct conf_list answers; /* of const char *: each must be among them; "regex:..." */
};
enum dns_flag { DNS_AA = 1, DNS_RA = 2, DNS_AD = 4 };
extern const struct conf_choice dns_flags[];
/* The pattern behind "regex:"; NULL when it is a plain text. */
const char *dns_answer_regex(const char *answer);

/* All that an answer is held against. */
struct dns_demands {
	const struct dns_expect *expect; /* NULL: NOERROR with a record of the type */
	struct probe_bytes nsid;         /* data NULL: any server may answer */
	bool report_nsid;                /* show the server's identifier */
	dur_t signature_left;            /* 0: signatures are not looked at */
};

/* The same, ready for use: owns what it points at. */
struct dns_want;
struct dns_judge {
	uint16_t type;
	int rcode;
	uint32_t flags;
	uint32_t records;
	bool walk; /* the cheap way is enough */
	bool report_nsid;
	uint8_t *nsid; /* NULL: any */
	size_t nsid_len;
	dur_t signature_left;
	struct dns_want *wants;
	size_t want_count;
};
void dns_judge_init(struct dns_judge *j, uint16_t type, const struct dns_demands *d);
void dns_judge_done(struct dns_judge *j);

/* Judges an answer (DNS_ANSWER by dns_match()). `wall_ns`: the time of day, for signatures. */
void dns_judge_answer(const struct dns_judge *j, const uint8_t *msg, size_t len, int64_t wall_ns,
    struct probe_sample *sample);
/* The answer section's verdict in one of both ways, for the test that compares them. */
void dns_judge_walk(
    const struct dns_judge *j, const uint8_t *msg, size_t len, struct probe_sample *sample);
void dns_judge_full(
    const struct dns_judge *j, const uint8_t *msg, size_t len, struct probe_sample *sample);

#endif
