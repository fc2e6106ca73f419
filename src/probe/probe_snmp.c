/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snmp probe: asks an SNMPv2c agent for one object and may look at its value.
 *
 * An agent that does not like the community says nothing at all, so a wrong one looks like a dead
 * agent.
 */
#include "base/rng.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/snmp_msg.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

#define SNMP_PORT 161

struct snmp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	const char *community;
	const char *oid;
	struct probe_pattern expect;
};

struct snmp_probe {
	struct udp_ask ask;
	struct probe_matcher *expect; /* NULL: any value */
	struct snmp_question question;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = SNMP_PORT,
	.offset = offsetof(struct snmp_conf, server),
	.doc = "The SNMP agent. Port 161 when none is written."},
    PROBE_NET_ROWS(struct snmp_conf, net),
    {.key = "community",
	.type = CONF_STRING,
	.flags = CONF_SECRET,
	.max = SNMP_COMMUNITY_MAX,
	.dflt = "public",
	.offset = offsetof(struct snmp_conf, community),
	.doc = "The community of SNMPv2c."},
    {.key = "oid",
	.type = CONF_STRING,
	.dflt = "1.3.6.1.2.1.1.3.0",
	.offset = offsetof(struct snmp_conf, oid),
	.doc = "The object to ask for, in numbers. The default is sysUpTime."},
    {.key = "expect",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct snmp_conf, expect),
	.doc = "What must occur in the value, written as text. Without it, any value is good."},
    {.type = CONF_END},
};

static void
snmp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct snmp_conf *c = obj;
	uint8_t oid[SNMP_OID_MAX];

	probe_net_check(ctx, node, &c->net, &c->server.addr);
	if (snmp_oid_encode(c->oid, oid, sizeof(oid)) == 0)
		conf_error(ctx, conf_node_find(node, "oid"),
		    "oid: '%s' is no object identifier; write one like 1.3.6.1.2.1.1.3.0", c->oid);
}

static const struct conf_schema schema = {
    .name = "snmp",
    .size = sizeof(struct snmp_conf),
    .rows = rows,
    .check = snmp_check,
    .doc = "Asks an SNMPv2c agent for one object.",
};

static enum udp_verdict
on_answer(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	const struct snmp_probe *s = const_container_of(a, struct snmp_probe, ask);
	struct wire_reader r;

	wire_reader_init(&r, msg, len);
	return snmp_judge(&s->question, s->expect, &r, sample) == SNMP_IGNORE ? UDP_IGNORE
									      : UDP_JUDGED;
}

static struct probe *
snmp_new(const struct probe_env *env, const void *kind_conf)
{
	const struct snmp_conf *c = kind_conf;
	struct snmp_probe *s = mem_alloc(sizeof(*s));

	udp_ask_init(&s->ask, env, on_answer);
	s->expect = probe_matcher_new(&c->expect);
	return &s->ask.probe;
}

static void
snmp_start(struct probe *p)
{
	struct snmp_probe *s = container_of(p, struct snmp_probe, ask.probe);
	const struct snmp_conf *c = p->conf;
	uint8_t request[SNMP_REQUEST_MAX];

	s->question = (struct snmp_question){.community = c->community,
	    .oid = c->oid,
	    .id = SNMP_ID_MIN | (uint32_t)rng_below(s->ask.env->rng, SNMP_ID_MIN)};
	udp_ask_send(
	    &s->ask, &(struct udp_question){.server = &c->server,
			 .net = &c->net,
			 .data = request,
			 .len = snmp_request_build(&s->question, request, sizeof(request))});
}

static void
snmp_free(struct probe *p)
{
	struct snmp_probe *s = container_of(p, struct snmp_probe, ask.probe);

	probe_matcher_free(s->expect);
	free(s);
}

static void
snmp_describe(const struct probe *p, struct str *out)
{
	const struct snmp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "snmp %s %s", endpoint_format(&c->server, server, sizeof(server)), c->oid);
}

const struct probe_kind probe_snmp = {
    .variant = {.type = "snmp", .schema = &schema},
    .new = snmp_new,
    .start = snmp_start,
    .cancel = udp_ask_cancel,
    .free = snmp_free,
    .describe = snmp_describe,
    .timed_out = udp_ask_timed_out,
};
