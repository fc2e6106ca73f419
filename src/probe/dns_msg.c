/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building DNS queries, and telling their answers from other datagrams.
 *
 * The query is built once; an attempt changes its id and, if asked for, its first label, which no
 * cache can know. A message is an answer to us when it has our id, is a response, and repeats our
 * question; everything else is somebody else's, or forged, and says nothing about the server. The
 * question may be missing when the server reports an error: some do that with a query that they
 * could not read.
 *
 * RFC 1035 section 4.1 (header), RFC 6891 section 6.1 (OPT), RFC 5001 section 2 (NSID), RFC 3225
 * (DO).
 */
#include "probe/dns_msg.h"

#include "base/str.h"
#include "base/wire.h"

#include <ctype.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_LABEL 12 /* characters, of five bits each */
#define NAME_MAX_LEN 255
#define EDNS_DO      0x8000
#define OPTION_NSID  3

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

/* -- the query -- */

static void
put_edns(struct wire_writer *w, const struct dns_query_opts *opts)
{
	size_t mark;

	wire_put_u8(w, 0); /* the root */
	wire_put_u16(w, LDNS_RR_TYPE_OPT);
	wire_put_u16(w, opts->edns_size != 0 ? opts->edns_size : DNS_EDNS_SIZE);
	wire_put_u16(w, 0); /* extended rcode, version */
	wire_put_u16(w, (opts->flags & DNS_QUERY_DO) != 0 ? EDNS_DO : 0);
	mark = wire_mark_u16(w);
	if ((opts->flags & DNS_QUERY_NSID) != 0) {
		wire_put_u16(w, OPTION_NSID);
		wire_put_u16(w, 0);
	}
	wire_set_u16(w, mark);
}

bool
dns_query_build(
    const struct dns_question *q, const struct dns_query_opts *opts, struct dns_query *out)
{
	static const uint8_t label[1 + RANDOM_LABEL] = {RANDOM_LABEL};
	bool edns = opts->edns_size != 0 || (opts->flags & (DNS_QUERY_DO | DNS_QUERY_NSID)) != 0;
	struct wire_writer w;
	ldns_rdf *name = ldns_dname_new_frm_str(q->name);
	size_t name_len;

	if (name == NULL)
		return false;
	memset(out, 0, sizeof(*out));
	out->random = (opts->flags & DNS_QUERY_RANDOM) != 0;
	name_len = ldns_rdf_size(name) + (out->random ? sizeof(label) : 0);
	wire_writer_init(&w, out->bytes + 2, DNS_QUERY_MAX);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, ((opts->flags & DNS_QUERY_RD) != 0 ? DNS_HDR_RD : 0) |
			     ((opts->flags & DNS_QUERY_CD) != 0 ? DNS_HDR_CD : 0));
	wire_put_u16(&w, 1);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, edns ? 1 : 0);
	if (out->random)
		wire_put_bytes(&w, label, sizeof(label));
	wire_put_bytes(&w, ldns_rdf_data(name), ldns_rdf_size(name));
	wire_put_u16(&w, q->type);
	wire_put_u16(&w, q->class);
	out->question_len = (uint16_t)w.pos;
	if (edns)
		put_edns(&w, opts);
	ldns_rdf_deep_free(name);
	out->len = (uint16_t)w.pos;
	out->bytes[0] = (uint8_t)(w.pos >> 8);
	out->bytes[1] = (uint8_t)w.pos;
	dns_query_renew(out, 0);
	return wire_writer_ok(&w) && name_len <= NAME_MAX_LEN;
}

void
dns_query_set_id(struct dns_query *q, uint16_t id)
{
	q->bytes[2] = (uint8_t)(id >> 8);
	q->bytes[3] = (uint8_t)id;
}

void
dns_query_renew(struct dns_query *q, uint64_t random)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t *label = q->bytes + 2 + DNS_HEADER + 1;

	if (!q->random)
		return;
	for (size_t i = 0; i < RANDOM_LABEL; i++, random >>= 5)
		label[i] = (uint8_t)letters[random & 31];
}

uint16_t
dns_query_id(const struct dns_query *q)
{
	return (uint16_t)(q->bytes[2] << 8 | q->bytes[3]);
}

uint16_t
dns_query_type(const struct dns_query *q)
{
	const uint8_t *end = dns_query_msg(q) + q->question_len;

	return (uint16_t)(end[-4] << 8 | end[-3]);
}

/* -- its answer -- */

/* The question section comes back as it was asked, but for the case of letters. */
static bool
same_question(const struct dns_query *q, const uint8_t *msg, size_t len)
{
	const uint8_t *query = dns_query_msg(q);

	if (len < q->question_len)
		return false;
	if (memcmp(query + DNS_HEADER, msg + DNS_HEADER, q->question_len - DNS_HEADER) == 0)
		return true;
	for (size_t i = DNS_HEADER; i < q->question_len; i++) {
		if (tolower(query[i]) != tolower(msg[i]))
			return false;
	}
	return true;
}

enum dns_match
dns_match(const struct dns_query *q, const uint8_t *msg, size_t len)
{
	unsigned flags, questions;

	if (len < DNS_HEADER || msg[0] != q->bytes[2] || msg[1] != q->bytes[3])
		return DNS_IGNORE;
	flags = (unsigned)msg[2] << 8 | msg[3];
	questions = (unsigned)msg[4] << 8 | msg[5];
	if ((flags & DNS_HDR_QR) == 0)
		return DNS_IGNORE;
	if (questions == 0)
		return (flags & DNS_HDR_RCODE) != 0 ? DNS_ANSWER : DNS_IGNORE;
	if (questions != 1 || !same_question(q, msg, len))
		return DNS_IGNORE;
	return (flags & DNS_HDR_TC) != 0 ? DNS_TRUNCATED : DNS_ANSWER;
}

/* -- the option -- */

/* `query:` is "NAME TYPE", or "NAME TYPE CLASS" for CHAOS. */
static void
question_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct dns_question *q = out;
	char name[256], type[16], class[16], extra;
	const struct dns_query_opts plain = {0};
	struct dns_query scratch;
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
	else if (!dns_query_build(q, &plain, &scratch))
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
