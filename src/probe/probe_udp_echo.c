/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The udp-echo probe: sends a datagram to an echo service and expects the same bytes back.
 *
 * The payload begins with a random number and the attempt's sequence number, and goes on with a
 * pattern that makes bytes in the wrong place visible. A datagram of another attempt cannot arrive,
 * since every attempt has its own port; one that differs was damaged, or comes from a service that
 * is no echo.
 *
 * RFC 862: the echo protocol over UDP.
 */
#include "base/rng.h"
#include "base/wire.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

#define ECHO_PORT 7
#define ECHO_MIN  12    /* cookie and sequence */
#define ECHO_MAX  65507 /* what fits into a datagram of IPv4 */

struct echo_conf {
	struct endpoint server;
	struct probe_net_conf net;
	uint32_t size;
};

struct echo_probe {
	struct udp_ask ask;
	uint32_t sequence;
	size_t size;
	uint8_t payload[];
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = ECHO_PORT,
	.offset = offsetof(struct echo_conf, server),
	.doc = "The echo service. Port 7 when none is written."},
    PROBE_NET_ROWS(struct echo_conf, net),
    {.key = "size",
	.type = CONF_U32,
	.min = ECHO_MIN,
	.max = ECHO_MAX,
	.dflt = "16",
	.offset = offsetof(struct echo_conf, size),
	.doc = "How many bytes to send and to expect back."},
    {.type = CONF_END},
};

static void
echo_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct echo_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "udp-echo",
    .size = sizeof(struct echo_conf),
    .rows = rows,
    .check = echo_check,
    .doc = "Sends a datagram to a UDP echo service and expects the same bytes back.",
};

static enum udp_verdict
echo_judge(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	const struct echo_probe *e = const_container_of(a, struct echo_probe, ask);
	size_t at = 0;

	while (at < len && at < e->size && msg[at] == e->payload[at])
		at++;
	if (len != e->size)
		probe_sample_set(sample, WHY_CONTENT, "%zu bytes came back of %zu", len, e->size);
	else if (at < len)
		probe_sample_set(sample, WHY_CONTENT,
		    "byte %zu of %zu came back as 0x%02x, was 0x%02x", at + 1, len, msg[at],
		    e->payload[at]);
	else
		probe_sample_set(sample, WHY_OK, "%zu bytes", len);
	return UDP_JUDGED;
}

static struct probe *
echo_new(const struct probe_env *env, const void *kind_conf)
{
	const struct echo_conf *c = kind_conf;
	struct echo_probe *e = mem_alloc(sizeof(*e) + c->size);

	udp_ask_init(&e->ask, env, echo_judge);
	e->size = c->size;
	for (size_t i = ECHO_MIN; i < e->size; i++)
		e->payload[i] = (uint8_t)i;
	return &e->ask.probe;
}

static void
echo_start(struct probe *p)
{
	struct echo_probe *e = container_of(p, struct echo_probe, ask.probe);
	const struct echo_conf *c = p->conf;
	struct wire_writer w;

	wire_writer_init(&w, e->payload, e->size);
	wire_put_u64(&w, rng_next(e->ask.env->rng));
	wire_put_u32(&w, ++e->sequence);
	udp_ask_send(
	    &e->ask, &(struct udp_question){
			 .server = &c->server, .net = &c->net, .data = e->payload, .len = e->size});
}

static void
echo_free(struct probe *p)
{
	free(container_of(p, struct echo_probe, ask.probe));
}

static void
echo_describe(const struct probe *p, struct str *out)
{
	const struct echo_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "udp-echo %s %u bytes", endpoint_format(&c->server, server, sizeof(server)),
	    c->size);
}

const struct probe_kind probe_udp_echo = {
    .variant = {.type = "udp-echo", .schema = &schema},
    .new = echo_new,
    .start = echo_start,
    .cancel = udp_ask_cancel,
    .free = echo_free,
    .describe = echo_describe,
    .timed_out = udp_ask_timed_out,
};
