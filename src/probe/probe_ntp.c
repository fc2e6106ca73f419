/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ntp probe: asks a time server once, as a client does, and looks at how good its time is.
 *
 * The offset is measured against this host's own clock, with the times at which the question left
 * and the answer was read: a server that is off cannot be told from a host that is. So `offset` is
 * a limit for hosts whose clock is kept by somebody else than the server under test.
 *
 * RFC 5905; see ntp_msg.c.
 */
#include "base/rng.h"
#include "loop/net.h"
#include "probe/ntp_msg.h"
#include "probe/probe_kinds.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

#define NTP_PORT 123

struct ntp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	const struct ntp_expect *expect;
};

struct ntp_probe {
	struct udp_ask ask;
	struct ntp_exchange exchange;
};

static const struct conf_row expect_rows[] = {
    {.key = "stratum",
	.type = CONF_U32,
	.min = 1,
	.max = 15,
	.dflt = "15",
	.offset = offsetof(struct ntp_expect, stratum),
	.doc = "The highest stratum that counts as healthy."},
    {.key = "offset",
	.type = CONF_DUR,
	.offset = offsetof(struct ntp_expect, offset),
	.doc = "How far the server's time may be from this host's clock, either way. 0: not "
	       "looked at."},
    {.key = "root-dispersion",
	.type = CONF_DUR,
	.offset = offsetof(struct ntp_expect, root_dispersion),
	.doc = "The greatest root dispersion: how uncertain the server is of its time. 0: not "
	       "looked at."},
    {.key = "root-delay",
	.type = CONF_DUR,
	.offset = offsetof(struct ntp_expect, root_delay),
	.doc = "The greatest root delay: the way from the server to its reference clock and back. "
	       "0: not looked at."},
    {.type = CONF_END},
};

static const struct conf_schema expect_schema = {
    .name = "expect",
    .size = sizeof(struct ntp_expect),
    .rows = expect_rows,
    .doc = "How good the server's time must be. A server that says that it is not synchronised is "
	   "never healthy.",
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = NTP_PORT,
	.offset = offsetof(struct ntp_conf, server),
	.doc = "The time server. Port 123 when none is written."},
    PROBE_NET_ROWS(struct ntp_conf, net),
    {.key = "expect",
	.type = CONF_STRUCT,
	.sub = &expect_schema,
	.offset = offsetof(struct ntp_conf, expect),
	.doc = "How good the server's time must be."},
    {.type = CONF_END},
};

static void
ntp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct ntp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "ntp",
    .size = sizeof(struct ntp_conf),
    .rows = rows,
    .check = ntp_check,
    .doc = "Asks a time server (NTP) and looks at whether it is synchronised.",
};

static const struct ntp_expect expect_default = {.stratum = 15};

static enum udp_verdict
on_reply(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	struct ntp_probe *n = container_of(a, struct ntp_probe, ask);
	const struct ntp_conf *c = a->probe.conf;
	struct wire_reader r;

	n->exchange.received_ns = loop_wall_ns(a->env->loop);
	wire_reader_init(&r, msg, len);
	return ntp_judge(&n->exchange, c->expect != NULL ? c->expect : &expect_default, &r,
		   sample) == NTP_IGNORE
		   ? UDP_IGNORE
		   : UDP_JUDGED;
}

static struct probe *
ntp_new(const struct probe_env *env, const void *kind_conf)
{
	struct ntp_probe *n = mem_alloc(sizeof(*n));

	udp_ask_init(&n->ask, env, on_reply);
	return &n->ask.probe;
}

static void
ntp_start(struct probe *p)
{
	struct ntp_probe *n = container_of(p, struct ntp_probe, ask.probe);
	const struct ntp_conf *c = p->conf;
	uint8_t request[NTP_LEN];

	n->exchange.cookie = rng_next(n->ask.env->rng);
	n->exchange.sent_ns = loop_wall_ns(n->ask.env->loop);
	ntp_request_build(n->exchange.cookie, request);
	udp_ask_send(&n->ask,
	    &(struct udp_question){
		.server = &c->server, .net = &c->net, .data = request, .len = sizeof(request)});
}

static void
ntp_free(struct probe *p)
{
	free(container_of(p, struct ntp_probe, ask.probe));
}

static void
ntp_describe(const struct probe *p, struct str *out)
{
	const struct ntp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "ntp %s", endpoint_format(&c->server, server, sizeof(server)));
}

const struct probe_kind probe_ntp = {
    .variant = {.type = "ntp", .schema = &schema},
    .new = ntp_new,
    .start = ntp_start,
    .cancel = udp_ask_cancel,
    .free = ntp_free,
    .describe = ntp_describe,
    .timed_out = udp_ask_timed_out,
};
