/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building DNS queries and judging DNS answers.
 *
 * The query is built once; an attempt only changes its id. Judging looks at the header first (id,
 * QR, rcode, flags), and parses the whole message with ldns only when the answer section matters. A
 * datagram that does not carry our id or our question is not an answer to us and is ignored;
 * anything else that cannot be read fails the attempt, because the server we asked sent it.
 *
 * RFC 1035 section 4.1 (header), 4.2.1 (truncation); RFC 4035 section 3.2.3 (AD).
 */
#include "probe/dns_msg.h"

#include "base/addr.h"
#include "base/str.h"
#include "base/wire.h"

#include <ctype.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DNS_HEADER 12
#define HDR_QR     0x8000
#define HDR_AA     0x0400
#define HDR_TC     0x0200
#define HDR_RD     0x0100
#define HDR_RA     0x0080
#define HDR_AD     0x0020
#define HDR_RCODE  0x000f

const struct conf_choice dns_rcodes[] = {
    {"NOERROR", 0, "the name exists"},
    {"FORMERR", 1, "the server could not read the query"},
    {"SERVFAIL", 2, "the server failed"},
    {"NXDOMAIN", 3, "there is no such name"},
    {"NOTIMP", 4, "the server does not do that"},
    {"REFUSED", 5, "the server refuses"},
    {"NOTAUTH", 9, "the server is not authoritative"},
    {NULL, 0, NULL},
};

const struct conf_choice dns_flags[] = {
    {"aa", DNS_AA, "authoritative answer"},
    {"ra", DNS_RA, "recursion available"},
    {"ad", DNS_AD, "authenticated data (DNSSEC)"},
    {NULL, 0, NULL},
};

const char *
dns_rcode_str(unsigned rcode, char *buf, size_t size)
{
	for (const struct conf_choice *c = dns_rcodes; c->word != NULL; c++) {
		if ((unsigned)c->value == rcode) {
			str_copy(buf, size, c->word);
			return buf;
		}
	}
	snprintf(buf, size, "RCODE%u", rcode);
	return buf;
}

/* -- the question -- */

size_t
dns_query_build(const struct dns_question *q, bool recursive, uint8_t *buf, size_t cap)
{
	struct wire_writer w;
	ldns_rdf *name = ldns_dname_new_frm_str(q->name);

	if (name == NULL)
		return 0;
	wire_writer_init(&w, buf, cap);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, recursive ? HDR_RD : 0);
	wire_put_u16(&w, 1);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, 0);
	wire_put_bytes(&w, ldns_rdf_data(name), ldns_rdf_size(name));
	wire_put_u16(&w, q->type);
	wire_put_u16(&w, q->class);
	ldns_rdf_deep_free(name);
	return wire_writer_ok(&w) ? w.pos : 0;
}

void
dns_query_set_id(uint8_t *query, uint16_t id)
{
	query[0] = (uint8_t)(id >> 8);
	query[1] = (uint8_t)id;
}

/* `query:` is "NAME TYPE", or "NAME TYPE CLASS" for CHAOS. */
static void
question_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct dns_question *q = out;
	char name[256], type[16], class[16], extra;
	uint8_t scratch[DNS_QUERY_MAX];
	int words;

	if (node->kind != CONF_SCALAR) {
		conf_error(
		    ctx, node, "query: a name and a type are needed, as in 'www.example.net A'");
		return;
	}
	words = sscanf(node->text, "%255s %15s %15s %c", name, type, class, &extra);
	if (words != 2 && words != 3) {
		conf_error(ctx, node,
		    "query: '%s' must be a name and a type, as in 'www.example.net A'", node->text);
		return;
	}
	q->type = (uint16_t)ldns_get_rr_type_by_name(type);
	q->class = words == 3 ? (uint16_t)ldns_get_rr_class_by_name(class) : LDNS_RR_CLASS_IN;
	q->name = arena_strdup(conf_arena(ctx), name);
	if (q->type == 0)
		conf_error(ctx, node,
		    "query: '%s' is no record type; A, AAAA, SOA and TXT are some", type);
	else if (q->class == 0)
		conf_error(ctx, node, "query: '%s' is no class; IN and CH are", class);
	else if (dns_query_build(q, true, scratch, sizeof(scratch)) == 0)
		conf_error(ctx, node, "query: '%s' is no domain name", name);
}

static void
question_show(const void *member, struct str *out)
{
	const struct dns_question *q = member;
	char *type = ldns_rr_type2str((ldns_rr_type)q->type);
	char *class = ldns_rr_class2str((ldns_rr_class)q->class);

	str_printf(out, "%s %s", q->name, type);
	if (q->class != LDNS_RR_CLASS_IN)
		str_printf(out, " %s", class);
	free(type);
	free(class);
}

const struct conf_custom dns_question_custom = {
    .parse = question_parse,
    .show = question_show,
    .syntax = "NAME TYPE [CLASS]",
    .json_schema = "{\"type\": \"string\", \"pattern\": \"^\\\\S+ \\\\S+( \\\\S+)?$\"}",
};

/* -- the answer -- */

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

/* Equal as addresses when both are, else as text without regard to case. */
static bool
same_data(const char *want, const char *got)
{
	struct addr a, b;
	size_t want_len, got_len;

	if (addr_parse(want, &a) == 0 && addr_parse(got, &b) == 0)
		return addr_equal(&a, &b);
	want_len = trim(&want);
	got_len = trim(&got);
	return want_len == got_len && strncasecmp(want, got, want_len) == 0;
}

static bool
has_answer(const ldns_rr_list *answers, uint16_t type, const char *want)
{
	bool found = false;
	struct str text = {0};

	for (size_t i = 0; i < ldns_rr_list_rr_count(answers) && !found; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (ldns_rr_get_type(rr) != (ldns_rr_type)type && type != LDNS_RR_TYPE_ANY)
			continue;
		str_clear(&text);
		rdata_text(rr, &text);
		found = same_data(want, str_text(&text));
	}
	str_done(&text);
	return found;
}

static void
sample_set(struct probe_sample *s, enum why why, const char *detail)
{
	s->ok = why == WHY_OK;
	s->why = why;
	str_copy(s->detail, sizeof(s->detail), detail);
	str_sanitise(s->detail);
}

/* The first record of the type, for the detail line; "" when there is none. */
static void
first_answer(const ldns_rr_list *answers, uint16_t type, struct str *out, uint32_t *count)
{
	*count = 0;
	for (size_t i = 0; i < ldns_rr_list_rr_count(answers); i++) {
		const ldns_rr *rr = ldns_rr_list_rr(answers, i);
		if (ldns_rr_get_type(rr) != (ldns_rr_type)type && type != LDNS_RR_TYPE_ANY)
			continue;
		if ((*count)++ == 0)
			rdata_text(rr, out);
	}
}

static void
judge_answers(
    const ldns_pkt *pkt, uint16_t type, const struct dns_expect *expect, struct probe_sample *s)
{
	const ldns_rr_list *answers = ldns_pkt_answer(pkt);
	const char *const *want = expect->answers.items;
	struct str first = {0}, text = {0};
	uint32_t count;

	first_answer(answers, type, &first, &count);
	if (count < expect->records) {
		str_printf(
		    &text, "%u records of the type, expected at least %u", count, expect->records);
		sample_set(s, WHY_CONTENT, str_text(&text));
		goto out;
	}
	for (size_t i = 0; i < expect->answers.count; i++) {
		if (has_answer(answers, type, want[i]))
			continue;
		str_printf(&text, "answer %s, expected %s", str_text(&first), want[i]);
		sample_set(s, WHY_CONTENT, str_text(&text));
		goto out;
	}
	sample_set(s, WHY_OK, str_text(&first));
out:
	str_done(&first);
	str_done(&text);
}

static void
judge_body(const uint8_t *msg, size_t len, uint16_t type, const struct dns_expect *expect,
    struct probe_sample *s)
{
	ldns_pkt *pkt = NULL;
	ldns_status status = ldns_wire2pkt(&pkt, msg, len);

	if (status != LDNS_STATUS_OK) {
		char text[PROBE_DETAIL];
		snprintf(text, sizeof(text), "answer of %zu bytes: %s", len,
		    ldns_get_errorstr_by_id(status));
		sample_set(s, WHY_MALFORMED, text);
		return;
	}
	judge_answers(pkt, type, expect, s);
	ldns_pkt_free(pkt);
}

/* The flags that are expected and missing, as words. */
static bool
flags_missing(uint16_t header, const struct dns_expect *expect, char *text, size_t size)
{
	static const struct {
		uint32_t flag;
		uint16_t bit;
	} bits[] = {{DNS_AA, HDR_AA}, {DNS_RA, HDR_RA}, {DNS_AD, HDR_AD}};

	for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
		if ((expect->flags & bits[i].flag) == 0 || (header & bits[i].bit) != 0)
			continue;
		for (const struct conf_choice *c = dns_flags; c->word != NULL; c++) {
			if ((uint32_t)c->value == bits[i].flag)
				snprintf(text, size, "flag %s is not set", c->word);
		}
		return true;
	}
	return false;
}

/* The question section comes back as it was asked, but for the case of letters. */
static bool
same_question(const uint8_t *query, size_t query_len, const uint8_t *data, size_t len)
{
	if (len < query_len)
		return false;
	for (size_t i = DNS_HEADER; i < query_len; i++) {
		if (tolower(query[i]) != tolower(data[i]))
			return false;
	}
	return true;
}

enum dns_verdict
dns_judge(const uint8_t *query, size_t query_len, const struct dns_expect *expect,
    const struct wire_reader *msg, struct probe_sample *sample)
{
	const uint8_t *data = wire_here(msg);
	size_t len = wire_left(msg);
	struct wire_reader r = *msg;
	char text[PROBE_DETAIL], got[16], want[16];
	uint16_t id, header, questions, type;

	id = wire_u16(&r);
	header = wire_u16(&r);
	questions = wire_u16(&r);
	if (!wire_ok(&r) || len < DNS_HEADER) {
		snprintf(text, sizeof(text), "answer of %zu bytes is shorter than a header", len);
		sample_set(sample, WHY_MALFORMED, text);
		return DNS_JUDGED;
	}
	if (id != (uint16_t)(query[0] << 8 | query[1]) || (header & HDR_QR) == 0)
		return DNS_IGNORE;
	if (questions == 1 && !same_question(query, query_len, data, len))
		return DNS_IGNORE;
	if ((header & HDR_TC) != 0)
		return DNS_TRUNCATED;
	if ((header & HDR_RCODE) != expect->rcode) {
		snprintf(text, sizeof(text), "%s, expected %s",
		    dns_rcode_str(header & HDR_RCODE, got, sizeof(got)),
		    dns_rcode_str((unsigned)expect->rcode, want, sizeof(want)));
		sample_set(sample, WHY_STATUS, text);
		return DNS_JUDGED;
	}
	if (flags_missing(header, expect, text, sizeof(text))) {
		sample_set(sample, WHY_CONTENT, text);
		return DNS_JUDGED;
	}
	if (expect->rcode != 0) {
		sample_set(
		    sample, WHY_OK, dns_rcode_str((unsigned)expect->rcode, got, sizeof(got)));
		return DNS_JUDGED;
	}
	type = (uint16_t)(query[query_len - 4] << 8 | query[query_len - 3]);
	judge_body(data, len, type, expect, sample);
	return DNS_JUDGED;
}
