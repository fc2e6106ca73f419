/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verdict on an answer.
 *
 * In this order: the rcode, the header's flags, whose answer it is (NSID), the records, and how
 * long their signatures are still good. The records are looked at in one of two ways. When they
 * only have to be counted, or compared with addresses, a walk over the message is enough and
 * allocates nothing. Anything else (texts of other types, regular expressions) is parsed by ldns
 * and compared as ldns prints it.
 *
 * struct dns_judge is made from the configuration once and owns copies of what it needs.
 *
 * RFC 1035 section 4.1, RFC 3596 (AAAA), RFC 4034 section 3.1.5 (the end of a signature is a serial
 * number), RFC 5001 (NSID).
 */
#include "probe/dns_judge.h"

#include "probe/dns_walk.h"

#include <ldns/ldns.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REGEX_WORD  "regex:"
#define OPTION_NSID 3

struct dns_want {
	char *text; /* as configured */
	struct addr addr;
	bool is_regex;
	regex_t regex;
};

const struct conf_choice dns_flags[] = {
    {"aa", DNS_AA, "authoritative answer"},
    {"ra", DNS_RA, "recursion available"},
    {"ad", DNS_AD, "authenticated data (DNSSEC)"},
    {NULL, 0, NULL},
};

const char *
dns_answer_regex(const char *answer)
{
	size_t len = strlen(REGEX_WORD);

	return strncmp(answer, REGEX_WORD, len) == 0 ? answer + len : NULL;
}

static bool
is_address_type(uint16_t type)
{
	return type == LDNS_RR_TYPE_A || type == LDNS_RR_TYPE_AAAA;
}

static void
want_init(struct dns_want *w, const char *text)
{
	const char *regex = dns_answer_regex(text);

	w->text = mem_strdup(text);
	addr_parse(text, &w->addr);
	w->is_regex = regex != NULL;
	if (regex != NULL && regcomp(&w->regex, regex, REG_EXTENDED | REG_NOSUB) != 0)
		abort(); /* it compiled when the configuration was read: no memory */
}

void
dns_judge_init(struct dns_judge *j, uint16_t type, const struct dns_demands *d)
{
	static const struct dns_expect plain = {.records = 1};
	const struct dns_expect *e = d->expect != NULL ? d->expect : &plain;
	const char *const *answers = e->answers.items;

	*j = (struct dns_judge){
	    .type = type,
	    .rcode = e->rcode,
	    .flags = e->flags,
	    .records = e->records,
	    .report_nsid = d->report_nsid,
	    .signature_left = d->signature_left,
	    .want_count = e->answers.count,
	    .walk = e->answers.count == 0 || is_address_type(type),
	};
	if (d->nsid.data != NULL) {
		j->nsid_len = d->nsid.len;
		j->nsid = mem_alloc(d->nsid.len + 1);
		memcpy(j->nsid, d->nsid.data, d->nsid.len);
	}
	if (j->want_count > 0)
		j->wants = mem_array(j->want_count, sizeof(*j->wants));
	for (size_t i = 0; i < j->want_count; i++) {
		want_init(&j->wants[i], answers[i]);
		if (j->wants[i].addr.family == ADDR_NONE)
			j->walk = false;
	}
}

void
dns_judge_done(struct dns_judge *j)
{
	for (size_t i = 0; i < j->want_count; i++) {
		free(j->wants[i].text);
		if (j->wants[i].is_regex)
			regfree(&j->wants[i].regex);
	}
	free(j->wants);
	free(j->nsid);
	*j = (struct dns_judge){0};
}

static bool
type_matches(const struct dns_judge *j, uint16_t type)
{
	return type == j->type || j->type == LDNS_RR_TYPE_ANY;
}

static void
too_few(const struct dns_judge *j, uint32_t count, struct probe_sample *s)
{
	probe_sample_set(
	    s, WHY_CONTENT, "%u records of the type, expected at least %u", count, j->records);
}

/* -- the cheap way -- */

/* The address in a record of an address type. */
static bool
record_addr(const struct dns_record *rec, struct addr *out)
{
	bool v6 = rec->type == LDNS_RR_TYPE_AAAA;

	if (rec->rdata_len != (v6 ? 16 : 4))
		return false;
	*out = addr_from_bytes(v6 ? ADDR_V6 : ADDR_V4, rec->rdata);
	return true;
}

static bool
walk_finds(const uint8_t *msg, size_t len, uint16_t type, const struct addr *want)
{
	struct dns_record rec;
	struct dns_walk w;
	struct addr a;

	dns_walk_start(&w, msg, len);
	while (dns_walk_next(&w, DNS_SECTION_ANSWER, &rec)) {
		if (rec.type == type && record_addr(&rec, &a) && addr_equal(&a, want))
			return true;
	}
	return false;
}

void
dns_judge_walk(const struct dns_judge *j, const uint8_t *msg, size_t len, struct probe_sample *s)
{
	struct addr first = {0}, a;
	struct dns_record rec;
	struct dns_walk w;
	char text[ADDR_TEXT];
	uint32_t count = 0;

	dns_walk_start(&w, msg, len);
	while (dns_walk_next(&w, DNS_SECTION_ANSWER, &rec)) {
		if (!type_matches(j, rec.type))
			continue;
		if (is_address_type(j->type) && !record_addr(&rec, &a)) {
			probe_sample_set(s, WHY_MALFORMED, "an address of %u bytes", rec.rdata_len);
			return;
		}
		if (count++ == 0 && is_address_type(j->type))
			first = a;
	}
	if (w.error != DNS_WALK_FINE) {
		probe_sample_set(
		    s, WHY_MALFORMED, "answer of %zu bytes: %s", len, dns_walk_error_str(w.error));
		return;
	}
	if (count < j->records) {
		too_few(j, count, s);
		return;
	}
	for (size_t i = 0; i < j->want_count; i++) {
		if (walk_finds(msg, len, j->type, &j->wants[i].addr))
			continue;
		probe_sample_set(s, WHY_CONTENT, "answer %s, expected %s",
		    count > 0 ? addr_format(&first, text, sizeof(text)) : "empty",
		    j->wants[i].text);
		return;
	}
	s->ok = true;
	s->why = WHY_OK;
	if (first.family != ADDR_NONE)
		addr_format(&first, s->detail, sizeof(s->detail));
	else
		snprintf(
		    s->detail, sizeof(s->detail), count == 1 ? "%u record" : "%u records", count);
}

/* -- the full way -- */

/* A record's data as text: "192.0.2.80", "10 mail.example.net.", "\"ns1\"". */
static void
rdata_text(const ldns_rr *rr, struct str *out)
{
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		char *text = ldns_rdf2str(ldns_rr_rdf(rr, i));
		str_printf(out, "%s%s", i > 0 ? " " : "", text != NULL ? text : "?");
		free(text);
	}
}

/* Text without quotes around it and without the dot at the end of a name. */
static size_t
trim(const char **text)
{
	size_t len = strlen(*text);

	if (len >= 2 && (*text)[0] == '"' && (*text)[len - 1] == '"') {
		(*text)++;
		len -= 2;
	}
	if (len > 1 && (*text)[len - 1] == '.')
		len--;
	return len;
}

/* As a pattern, equal as addresses when both are, else equal as text without regard to case. */
static bool
want_matches(const struct dns_want *want, const char *got)
{
	const char *text = want->text;
	struct addr a;
	size_t text_len, got_len;

	if (want->is_regex)
		return regexec(&want->regex, got, 0, NULL, 0) == 0;
	if (want->addr.family != ADDR_NONE && addr_parse(got, &a) == 0)
		return addr_equal(&want->addr, &a);
	text_len = trim(&text);
	got_len = trim(&got);
	return text_len == got_len && strncasecmp(text, got, text_len) == 0;
}

static bool
full_finds(const struct dns_judge *j, const ldns_rr_list *answers, const struct dns_want *want)
{
	bool found = false;
	struct str text = {0};

	for (size_t i = 0; i < ldns_rr_list_rr_count(answers) && !found; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (!type_matches(j, (uint16_t)ldns_rr_get_type(rr)))
			continue;
		str_clear(&text);
		rdata_text(rr, &text);
		found = want_matches(want, str_text(&text));
	}
	str_done(&text);
	return found;
}

/* The first record of the type as text, and how many there are. */
static uint32_t
full_count(const struct dns_judge *j, const ldns_rr_list *answers, struct str *first)
{
	uint32_t count = 0;

	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (type_matches(j, (uint16_t)ldns_rr_get_type(rr)) && count++ == 0)
			rdata_text(rr, first);
	}
	return count;
}

static void
full_answers(const struct dns_judge *j, const ldns_rr_list *answers, struct probe_sample *s)
{
	struct str first = {0};
	uint32_t count = full_count(j, answers, &first);

	probe_sample_set(s, WHY_OK, "%s", str_text(&first));
	if (count < j->records)
		too_few(j, count, s);
	for (size_t i = 0; i < j->want_count && s->ok; i++) {
		if (!full_finds(j, answers, &j->wants[i]))
			probe_sample_set(s, WHY_CONTENT, "answer %s, expected %s",
			    count > 0 ? str_text(&first) : "empty", j->wants[i].text);
	}
	str_done(&first);
}

void
dns_judge_full(const struct dns_judge *j, const uint8_t *msg, size_t len, struct probe_sample *s)
{
	ldns_pkt *pkt = NULL;
	ldns_status status = ldns_wire2pkt(&pkt, msg, len);

	if (status != LDNS_STATUS_OK) {
		probe_sample_set(s, WHY_MALFORMED, "answer of %zu bytes: %s", len,
		    ldns_get_errorstr_by_id(status));
		return;
	}
	full_answers(j, ldns_pkt_answer(pkt), s);
	ldns_pkt_free(pkt);
}

/* -- what is around the records -- */

/* The flags that are expected and missing. */
static bool
flags_missing(const struct dns_judge *j, uint16_t header, struct probe_sample *s)
{
	static const struct {
		uint32_t flag;
		uint16_t bit;
		const char *word;
	} bits[] = {
	    {DNS_AA, DNS_HDR_AA, "aa"}, {DNS_RA, DNS_HDR_RA, "ra"}, {DNS_AD, DNS_HDR_AD, "ad"}};

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		if ((j->flags & bits[i].flag) == 0 || (header & bits[i].bit) != 0)
			continue;
		probe_sample_set(s, WHY_CONTENT, "flag %s is not set", bits[i].word);
		return true;
	}
	return false;
}

/* Is it our node's answer? */
static bool
nsid_wrong(const struct dns_judge *j, const uint8_t *msg, size_t len, struct probe_sample *s)
{
	char got[PROBE_EXCERPT], want[PROBE_EXCERPT];
	uint16_t nsid_len = 0;
	const uint8_t *nsid;

	if (j->nsid == NULL)
		return false;
	nsid = dns_edns_option(msg, len, OPTION_NSID, &nsid_len);
	if (nsid != NULL && nsid_len == j->nsid_len && memcmp(nsid, j->nsid, nsid_len) == 0)
		return false;
	probe_bytes_excerpt(j->nsid, j->nsid_len, want, sizeof(want));
	if (nsid == NULL)
		probe_sample_set(s, WHY_CONTENT, "no NSID in the answer, expected %s", want);
	else
		probe_sample_set(s, WHY_CONTENT, "NSID %s, expected %s",
		    probe_bytes_excerpt(nsid, nsid_len, got, sizeof(got)), want);
	return true;
}

static bool
signature_short(const struct dns_judge *j, const uint8_t *msg, size_t len, int64_t wall_ns,
    struct probe_sample *s)
{
	uint32_t now = (uint32_t)(wall_ns / DUR_S), end;
	char left_text[24], want_text[24];
	dur_t left;

	if (j->signature_left == 0)
		return false;
	if (!dns_signature_end(msg, len, j->type, now, &end)) {
		probe_sample_set(s, WHY_CONTENT, "the answer is not signed");
		return true;
	}
	left = (dur_t)(int32_t)(end - now) * DUR_S;
	if (left >= j->signature_left)
		return false;
	dur_format(left < 0 ? -left : left, left_text, sizeof(left_text));
	if (left <= 0)
		probe_sample_set(s, WHY_CONTENT, "the signature expired %s ago", left_text);
	else
		probe_sample_set(s, WHY_CONTENT, "the signature expires in %s, expected %s",
		    left_text, dur_format(j->signature_left, want_text, sizeof(want_text)));
	return true;
}

static void
add_nsid(const uint8_t *msg, size_t len, struct probe_sample *s)
{
	char got[PROBE_EXCERPT];
	uint16_t nsid_len = 0;
	const uint8_t *nsid = dns_edns_option(msg, len, OPTION_NSID, &nsid_len);
	size_t at = strlen(s->detail);

	if (nsid != NULL)
		snprintf(s->detail + at, sizeof(s->detail) - at, "%sNSID %s", at > 0 ? ", " : "",
		    probe_bytes_excerpt(nsid, nsid_len, got, sizeof(got)));
	str_sanitise(s->detail);
}

void
dns_judge_answer(const struct dns_judge *j, const uint8_t *msg, size_t len, int64_t wall_ns,
    struct probe_sample *s)
{
	uint16_t header = (uint16_t)(msg[2] << 8 | msg[3]);
	char got[16], want[16];

	if ((header & DNS_HDR_RCODE) != j->rcode) {
		probe_sample_set(s, WHY_STATUS, "%s, expected %s",
		    dns_rcode_str(header & DNS_HDR_RCODE, got, sizeof(got)),
		    dns_rcode_str((unsigned)j->rcode, want, sizeof(want)));
		return;
	}
	if (flags_missing(j, header, s) || nsid_wrong(j, msg, len, s))
		return;
	if (j->rcode != 0)
		probe_sample_set(
		    s, WHY_OK, "%s", dns_rcode_str((unsigned)j->rcode, got, sizeof(got)));
	else if (j->walk)
		dns_judge_walk(j, msg, len, s);
	else
		dns_judge_full(j, msg, len, s);
	if (!s->ok || signature_short(j, msg, len, wall_ns, s))
		return;
	if (j->report_nsid)
		add_nsid(msg, len, s);
}
