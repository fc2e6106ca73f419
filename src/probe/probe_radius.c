/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The radius probe: asks a RADIUS server whether it is there (Status-Server), without any user's
 * name or password.
 *
 * The server must know this host as a client and allow Status-Server (FreeRADIUS: status_server =
 * yes). It drops requests that it does not like, so a wrong secret looks like a dead server, unless
 * the response is what does not fit.
 *
 * RFC 5997; see radius_msg.c.
 */
#include "base/rng.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/radius_msg.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

#define RADIUS_PORT 1812

struct radius_conf {
	struct endpoint server;
	struct probe_net_conf net;
	const char *secret;
};

struct radius_probe {
	struct udp_ask ask;
	struct radius_question question;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = RADIUS_PORT,
	.offset = offsetof(struct radius_conf, server),
	.doc = "The RADIUS server. Port 1812 when none is written; 1813 asks for accounting."},
    PROBE_NET_ROWS(struct radius_conf, net),
    {.key = "secret",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED | CONF_SECRET,
	.min = 1,
	.offset = offsetof(struct radius_conf, secret),
	.doc = "The secret that the server shares with this host."},
    {.type = CONF_END},
};

static void
radius_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct radius_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "radius",
    .size = sizeof(struct radius_conf),
    .rows = rows,
    .check = radius_check,
    .doc = "Asks a RADIUS server whether it is there (Status-Server).",
};

static enum udp_verdict
on_answer(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	const struct radius_probe *r = const_container_of(a, struct radius_probe, ask);
	struct wire_reader reader;

	wire_reader_init(&reader, msg, len);
	return radius_judge(&r->question, &reader, sample) == RADIUS_IGNORE ? UDP_IGNORE
									    : UDP_JUDGED;
}

static struct probe *
radius_new(const struct probe_env *env, const void *kind_conf)
{
	struct radius_probe *r = mem_alloc(sizeof(*r));

	udp_ask_init(&r->ask, env, on_answer);
	return &r->ask.probe;
}

static void
radius_start(struct probe *p)
{
	struct radius_probe *r = container_of(p, struct radius_probe, ask.probe);
	const struct radius_conf *c = p->conf;
	uint8_t request[RADIUS_REQUEST_LEN];
	struct wire_writer w;

	r->question.secret = c->secret;
	r->question.id++;
	wire_writer_init(&w, r->question.authenticator, RADIUS_AUTHENTICATOR);
	wire_put_u64(&w, rng_secure());
	wire_put_u64(&w, rng_secure());
	if (radius_request_build(&r->question, request) < 0) {
		probe_fail(p, WHY_LOCAL, "libcrypto has no MD5 here (FIPS mode?)");
		return;
	}
	udp_ask_send(&r->ask,
	    &(struct udp_question){
		.server = &c->server, .net = &c->net, .data = request, .len = sizeof(request)});
}

static void
radius_free(struct probe *p)
{
	free(container_of(p, struct radius_probe, ask.probe));
}

static void
radius_describe(const struct probe *p, struct str *out)
{
	const struct radius_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "radius %s", endpoint_format(&c->server, server, sizeof(server)));
}

const struct probe_kind probe_radius = {
    .variant = {.type = "radius", .schema = &schema},
    .new = radius_new,
    .start = radius_start,
    .cancel = udp_ask_cancel,
    .free = radius_free,
    .describe = radius_describe,
    .timed_out = udp_ask_timed_out,
};
