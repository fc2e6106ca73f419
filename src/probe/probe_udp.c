/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The udp probe: sends a datagram and looks at the first that comes back.
 *
 * Without `expect` any answer is good. A closed port is heard at once (ICMP port unreachable);
 * silence is a failure, for a port that swallows everything cannot be told from a dead one.
 */
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/probe_text.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

struct udp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	struct probe_bytes send;
	struct probe_pattern expect;
};

struct udp_probe {
	struct udp_ask ask;
	struct probe_matcher *expect; /* NULL: anything will do */
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct udp_conf, server),
	.doc = "Address and port to send to."},
    PROBE_NET_ROWS(struct udp_conf, net),
    {.key = "send",
	.type = CONF_CUSTOM,
	.custom = &probe_bytes_custom,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct udp_conf, send),
	.doc = "What the datagram holds."},
    {.key = "expect",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct udp_conf, expect),
	.doc = "What must occur in the first datagram that comes back. Without it, any answer is "
	       "good."},
    {.type = CONF_END},
};

static void
udp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct udp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "udp",
    .size = sizeof(struct udp_conf),
    .rows = rows,
    .check = udp_check,
    .doc = "Sends a UDP datagram and looks at what comes back.",
};

static enum udp_verdict
udp_judge(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	const struct udp_probe *u = const_container_of(a, struct udp_probe, ask);
	char excerpt[PROBE_EXCERPT];

	probe_bytes_excerpt(msg, len, excerpt, sizeof(excerpt));
	if (probe_matcher_find(u->expect, msg, len))
		probe_sample_set(sample, WHY_OK, "%s", excerpt);
	else
		probe_sample_set(sample, WHY_CONTENT, "got \"%s\"", excerpt);
	return UDP_JUDGED;
}

static struct probe *
udp_new(const struct probe_env *env, const void *kind_conf)
{
	const struct udp_conf *c = kind_conf;
	struct udp_probe *u = mem_alloc(sizeof(*u));

	udp_ask_init(&u->ask, env, udp_judge);
	u->expect = probe_matcher_new(&c->expect);
	return &u->ask.probe;
}

static void
udp_start(struct probe *p)
{
	struct udp_probe *u = container_of(p, struct udp_probe, ask.probe);
	const struct udp_conf *c = p->conf;

	udp_ask_send(&u->ask,
	    &(struct udp_question){
		.server = &c->server, .net = &c->net, .data = c->send.data, .len = c->send.len});
}

static void
udp_free(struct probe *p)
{
	struct udp_probe *u = container_of(p, struct udp_probe, ask.probe);

	probe_matcher_free(u->expect);
	free(u);
}

static void
udp_describe(const struct probe *p, struct str *out)
{
	const struct udp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "udp %s", endpoint_format(&c->server, server, sizeof(server)));
	if (c->expect.regex != NULL || c->expect.bytes.data != NULL) {
		str_add(out, " expect ");
		probe_pattern_custom.show(&c->expect, out);
	}
}

const struct probe_kind probe_udp = {
    .variant = {.type = "udp", .schema = &schema},
    .new = udp_new,
    .start = udp_start,
    .cancel = udp_ask_cancel,
    .free = udp_free,
    .describe = udp_describe,
    .timed_out = udp_ask_timed_out,
};
