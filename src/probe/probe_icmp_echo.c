/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The icmp-echo probe: ping.
 *
 * All probes of a family ask through one raw socket (icmp_socket.c), which the kind's shared object
 * owns; so `source`, `interface` and `tos` are options of each packet. A reply must bring the whole
 * payload back unharmed. "Destination unreachable" for our request fails the attempt at once.
 *
 * RFC 792, RFC 4443 section 4.
 */
#include "probe/icmp_socket.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"

#include <stdlib.h>
#include <string.h>

struct icmp_conf {
	struct addr server;
	struct probe_net_conf net;
	uint32_t size;
	uint32_t ttl;
};

struct icmp_shared {
	struct probe_shared shared;
	struct icmp_socket v4;
	struct icmp_socket v6;
};

struct icmp_probe {
	struct probe probe;
	struct icmp_socket *socket; /* the shared object's */
	struct icmp_client client;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ADDR,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct icmp_conf, server),
	.doc = "The address to ping."},
    PROBE_NET_ROWS(struct icmp_conf, net),
    {.key = "size",
	.type = CONF_U32,
	.min = ICMP_PAYLOAD_MIN,
	.max = ICMP_PAYLOAD_MAX,
	.dflt = "56",
	.offset = offsetof(struct icmp_conf, size),
	.doc = "How many bytes of payload to send and to expect back."},
    {.key = "ttl",
	.type = CONF_U32,
	.max = 255,
	.offset = offsetof(struct icmp_conf, ttl),
	.doc = "The TTL or hop limit of what is sent. 0: the system's default."},
    {.type = CONF_END},
};

static void
icmp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct icmp_conf *c = obj;
	const struct conf_node *at = conf_node_find(node, "server");

	probe_net_check(ctx, node, &c->net, &c->server);
	if (addr_is_multicast(&c->server))
		conf_error(ctx, at,
		    "server: a multicast address cannot be pinged: the replies "
		    "come from other addresses");
	if (addr_is_linklocal(&c->server) && c->server.family == ADDR_V6 &&
	    c->net.interface == NULL)
		conf_error(
		    ctx, at, "server: a link-local address needs 'interface' to say on which link");
}

static const struct conf_schema schema = {
    .name = "icmp-echo",
    .size = sizeof(struct icmp_conf),
    .rows = rows,
    .check = icmp_check,
    .doc = "Sends an ICMP echo request (ping) and expects the reply.",
};

static void
shared_free(struct probe_shared *s)
{
	struct icmp_shared *i = container_of(s, struct icmp_shared, shared);

	icmp_socket_done(&i->v4);
	icmp_socket_done(&i->v6);
	free(i);
}

static struct icmp_shared *
shared_get(const struct probe_env *env)
{
	struct probe_shared *s = probe_shared_find(env, &probe_icmp_echo);
	struct icmp_shared *i;

	if (s != NULL)
		return container_of(s, struct icmp_shared, shared);
	i = mem_alloc(sizeof(*i));
	i->shared.free = shared_free;
	icmp_socket_init(&i->v4, env, ADDR_V4);
	icmp_socket_init(&i->v6, env, ADDR_V6);
	probe_shared_add(env, &probe_icmp_echo, &i->shared);
	return i;
}

static void
on_reply(struct icmp_probe *i, const struct icmp_msg *m)
{
	size_t size = i->client.ask.size;
	size_t damage = icmp_payload_damage(m->payload, m->len);

	if (m->len != size)
		probe_fail(&i->probe, WHY_CONTENT, "%zu bytes came back of %zu", m->len, size);
	else if (damage < size)
		probe_fail(&i->probe, WHY_CONTENT,
		    "byte %zu of %zu came back as 0x%02x, was 0x%02x", damage + 1, size,
		    m->payload[damage], (unsigned)(uint8_t)damage);
	else
		probe_ok(&i->probe, "%zu bytes", size);
}

static void
on_outcome(struct icmp_client *c, const struct icmp_outcome *o)
{
	struct icmp_probe *i = container_of(c, struct icmp_probe, client);
	char from[ADDR_TEXT];

	if (o->msg == NULL)
		probe_fail_errno(&i->probe, o->error, o->what);
	else if (o->msg->kind == ICMP_REPLY)
		on_reply(i, o->msg);
	else
		probe_fail(&i->probe, WHY_UNREACHABLE, "%s, says %s",
		    icmp_failure_text((enum addr_family)c->ask.target.family, o->msg),
		    addr_format(&o->from, from, sizeof(from)));
}

static struct probe *
icmp_new(const struct probe_env *env, const void *kind_conf)
{
	const struct icmp_conf *c = kind_conf;
	struct icmp_shared *shared = shared_get(env);
	struct icmp_probe *i = mem_alloc(sizeof(*i));

	i->socket = c->server.family == ADDR_V6 ? &shared->v6 : &shared->v4;
	icmp_client_add(i->socket, &i->client, on_outcome);
	return &i->probe;
}

static void
icmp_start(struct probe *p)
{
	struct icmp_probe *i = container_of(p, struct icmp_probe, probe);
	const struct icmp_conf *c = p->conf;
	struct icmp_ask ask = {
	    .target = c->server,
	    .source = c->net.source,
	    .tos = (uint8_t)c->net.tos,
	    .ttl = (uint8_t)c->ttl,
	    .size = c->size,
	};

	if (c->net.interface != NULL)
		str_copy(ask.device, sizeof(ask.device), c->net.interface);
	icmp_client_ask(i->socket, &i->client, &ask);
}

static void
icmp_cancel(struct probe *p)
{
	struct icmp_probe *i = container_of(p, struct icmp_probe, probe);

	icmp_client_cancel(i->socket, &i->client);
}

static void
icmp_free(struct probe *p)
{
	struct icmp_probe *i = container_of(p, struct icmp_probe, probe);

	icmp_client_del(i->socket, &i->client);
	free(i);
}

static void
icmp_describe(const struct probe *p, struct str *out)
{
	const struct icmp_conf *c = p->conf;
	char server[ADDR_TEXT];

	str_printf(out, "icmp-echo %s", addr_format(&c->server, server, sizeof(server)));
}

static void
icmp_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct icmp_probe *i = const_container_of(p, struct icmp_probe, probe);

	str_copy(
	    detail, size, i->client.waiting ? "the raw ICMP socket is not open yet" : "no reply");
}

const struct probe_kind probe_icmp_echo = {
    .variant = {.type = "icmp-echo", .schema = &schema},
    .new = icmp_new,
    .start = icmp_start,
    .cancel = icmp_cancel,
    .free = icmp_free,
    .describe = icmp_describe,
    .timed_out = icmp_timed_out,
    .sockets = 1u << KERNEL_SOCKET_ICMP4 | 1u << KERNEL_SOCKET_ICMP6,
};
