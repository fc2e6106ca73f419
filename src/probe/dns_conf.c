/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the dns probe: the rows, and what no single row can check.
 *
 * Some options ask for others: a demand on signatures needs the DO bit, an NSID has to be requested
 * (RFC 5001 section 2.1), and serials can only be compared when the question is for the SOA record.
 * The first two follow by themselves, the last is the operator's to write.
 */
#include "probe/dns_conf.h"

#include <ldns/ldns.h>
#include <regex.h>
#include <string.h>

static const struct conf_choice protocols[] = {
    {"udp", DNS_UDP, "UDP, and TCP when the answer is truncated"},
    {"tcp", DNS_TCP, "TCP only"},
    {"tls", DNS_TLS, "DNS over TLS (RFC 7858), port 853 when none is written"},
    {NULL, 0, NULL},
};

static const struct conf_row expect_rows[] = {
    {.key = "rcode",
	.type = CONF_ENUM,
	.choices = dns_rcodes,
	.dflt = "NOERROR",
	.offset = offsetof(struct dns_expect, rcode),
	.doc = "The response code that counts as healthy."},
    {.key = "answer",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct dns_expect, answers),
	.doc = "Record data that must be in the answer, as text: `192.0.2.80`, `10 "
	       "mail.example.net`; or behind `regex:` a POSIX extended regular expression that the "
	       "text of a record must match."},
    {.key = "records",
	.type = CONF_U32,
	.max = 1000,
	.dflt = "1",
	.offset = offsetof(struct dns_expect, records),
	.doc = "At least that many records of the type asked for, when the rcode is NOERROR."},
    {.key = "flags",
	.type = CONF_FLAGS,
	.choices = dns_flags,
	.offset = offsetof(struct dns_expect, flags),
	.doc = "Header flags that must be set."},
    {.type = CONF_END},
};

static void
expect_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct dns_expect *e = obj;
	const char *const *answers = e->answers.items;

	for (size_t i = 0; i < e->answers.count; i++) {
		const char *expression = dns_answer_regex(answers[i]);
		char why[128];
		regex_t regex;
		int rc;
		if (expression == NULL)
			continue;
		rc = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);
		if (rc == 0) {
			regfree(&regex);
			continue;
		}
		regerror(rc, &regex, why, sizeof(why));
		conf_error(ctx, conf_node_find(node, "answer"),
		    "answer: '%s' is no regular expression: %s", expression, why);
	}
}

static const struct conf_schema expect_schema = {
    .name = "expect",
    .size = sizeof(struct dns_expect),
    .rows = expect_rows,
    .check = expect_check,
    .doc = "What an answer must be like. Without this section: NOERROR with at least one record of "
	   "the type.",
};

static const struct conf_row identity_rows[] = {
    {.key = "nsid",
	.type = CONF_CUSTOM,
	.custom = &probe_bytes_custom,
	.offset = offsetof(struct dns_identity_conf, nsid),
	.doc = "The name server identifier (RFC 5001) that the answer must carry; it is requested "
	       "in the query itself."},
    {.key = "chaos",
	.type = CONF_STRING,
	.offset = offsetof(struct dns_identity_conf, chaos),
	.doc = "What the server must say to `id.server CH TXT`, or to `hostname.bind` when it does "
	       "not know the first; asked beside the query, within the same attempt."},
    {.type = CONF_END},
};

static void
identity_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct dns_identity_conf *c = obj;

	if (c->nsid.data == NULL && c->chaos == NULL)
		conf_error(ctx, node, "identity: nsid or chaos is needed");
}

static const struct conf_schema identity_schema = {
    .name = "identity",
    .size = sizeof(struct dns_identity_conf),
    .rows = identity_rows,
    .check = identity_check,
    .doc = "Which node must have answered: a service address is shared, and the answer of another "
	   "node says nothing about this one.",
};

static const struct conf_row serial_rows[] = {
    {.key = "primary",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = DNS_PORT,
	.offset = offsetof(struct dns_serial_conf, primary),
	.doc = "The primary of the zone. Port 53 when none is written."},
    {.key = "max-lag",
	.type = CONF_U32,
	.max = INT32_MAX,
	.dflt = "0",
	.offset = offsetof(struct dns_serial_conf, max_lag),
	.doc = "By how much the server's serial may be lower than that of the primary (RFC 1982)."},
    {.key = "require-primary",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct dns_serial_conf, require_primary),
	.doc = "Fail when the primary does not answer. Otherwise that is only remarked: a primary "
	       "that is away must not take its secondaries off the air."},
    {.type = CONF_END},
};

static const struct conf_schema serial_schema = {
    .name = "serial",
    .size = sizeof(struct dns_serial_conf),
    .rows = serial_rows,
    .doc = "Compare the zone's serial with that of its primary. The query must be for the zone's "
	   "SOA record.",
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = DNS_PORT,
	.offset = offsetof(struct dns_conf, server),
	.doc = "The name server to ask: usually the service address itself. Port 53 when none is "
	       "written."},
    {.key = "query",
	.type = CONF_CUSTOM,
	.custom = &dns_question_custom,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct dns_conf, question),
	.doc = "What to ask: name and type."},
    {.key = "random-label",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct dns_conf, random_label),
	.doc = "Put a random label in front of the name in each attempt, so that no cache knows "
	       "the answer."},
    {.key = "protocol",
	.type = CONF_ENUM,
	.choices = protocols,
	.dflt = "udp",
	.offset = offsetof(struct dns_conf, protocol),
	.doc = "How to ask."},
    {.key = "recursion",
	.type = CONF_BOOL,
	.dflt = "true",
	.offset = offsetof(struct dns_conf, recursion),
	.doc = "Set the RD bit: ask a resolver to resolve."},
    {.key = "cd",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct dns_conf, checking_disabled),
	.doc = "Set the CD bit: a resolver answers even when DNSSEC validation fails, so that a "
	       "zone with broken signatures does not take it down."},
    {.key = "edns",
	.type = CONF_U32,
	.min = 512,
	.max = 4096,
	.offset = offsetof(struct dns_conf, edns),
	.doc = "The UDP payload size to offer by EDNS. Without it a query has no EDNS, unless "
	       "another option needs it (then 1232)."},
    {.key = "dnssec",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct dns_conf, dnssec),
	.doc = "Set the DO bit: ask for signatures."},
    {.key = "signature-left",
	.type = CONF_DUR,
	.max = 3650 * DUR_DAY,
	.offset = offsetof(struct dns_conf, signature_left),
	.doc = "The answer must be signed, and no signature over it may expire sooner than this. "
	       "Sets the DO bit."},
    {.key = "nsid",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct dns_conf, nsid),
	.doc = "Ask for the name server's identifier and show it with the answer."},
    {.key = "identity",
	.type = CONF_STRUCT,
	.sub = &identity_schema,
	.offset = offsetof(struct dns_conf, identity),
	.doc = "Which node must have answered."},
    {.key = "serial",
	.type = CONF_STRUCT,
	.sub = &serial_schema,
	.offset = offsetof(struct dns_conf, serial),
	.doc = "How far the zone may be behind its primary."},
    {.key = "tls-name",
	.type = CONF_STRING,
	.offset = offsetof(struct dns_conf, tls_name),
	.doc = "With `protocol: tls`: the server name to ask for (SNI), which must be in the "
	       "certificate. Without it the server's address must be in the certificate."},
    TLS_ROWS(struct dns_conf, tls),
    PROBE_NET_ROWS(struct dns_conf, net),
    {.key = "expect",
	.type = CONF_STRUCT,
	.sub = &expect_schema,
	.offset = offsetof(struct dns_conf, expect),
	.doc = "What an answer must be like."},
    {.type = CONF_END},
};

static void
dns_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	struct dns_conf *c = obj;
	struct dns_query_opts opts = dns_conf_query(c);
	struct dns_query scratch;

	/* TLS never runs on port 53 (RFC 7858 section 3.1). */
	if (c->protocol == DNS_TLS && c->server.port == DNS_PORT)
		c->server.port = DNS_TLS_PORT;
	probe_net_check(ctx, node, &c->net, &c->server.addr);
	tls_conf_check(ctx, node, &c->tls);
	if (c->protocol != DNS_TLS && (c->tls_name != NULL || c->tls.ca != NULL))
		conf_error(ctx, conf_node_find(node, c->tls.ca != NULL ? "ca" : "tls-name"),
		    "tls-name and ca need protocol: tls");
	if (c->serial != NULL && c->question.type != LDNS_RR_TYPE_SOA)
		conf_error(ctx, conf_node_find(node, "serial"),
		    "serial: the query must be for the zone's SOA record, as in 'example.net SOA'");
	if (!dns_query_build(&c->question, &opts, &scratch))
		conf_error(ctx, conf_node_find(node, "query"),
		    "query: '%s' is too long for a random label in front", c->question.name);
}

const struct conf_schema dns_conf_schema = {
    .name = "dns",
    .size = sizeof(struct dns_conf),
    .rows = rows,
    .check = dns_check,
    .doc = "Asks a name server one question and looks at the answer.",
};

struct dns_query_opts
dns_conf_query(const struct dns_conf *c)
{
	bool nsid = c->nsid || (c->identity != NULL && c->identity->nsid.data != NULL);
	bool signatures = c->dnssec || c->signature_left > 0;

	return (struct dns_query_opts){
	    .edns_size = (uint16_t)c->edns,
	    .flags = (c->recursion ? DNS_QUERY_RD : 0u) |
		     (c->checking_disabled ? DNS_QUERY_CD : 0u) | (signatures ? DNS_QUERY_DO : 0u) |
		     (nsid ? DNS_QUERY_NSID : 0u) | (c->random_label ? DNS_QUERY_RANDOM : 0u),
	};
}

struct dns_demands
dns_conf_demands(const struct dns_conf *c)
{
	return (struct dns_demands){
	    .expect = c->expect,
	    .nsid = c->identity != NULL ? c->identity->nsid : (struct probe_bytes){0},
	    .report_nsid = c->nsid,
	    .signature_left = c->signature_left,
	};
}
