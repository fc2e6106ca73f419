/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dhcp probe: a DHCP server (version 4) offers an address, or tells its options.
 *
 * A DISCOVER is answered by an OFFER. Nothing follows it: without a REQUEST no lease is given, and
 * the server forgets the offer. The hardware address in the question is made up, from the locally
 * administered ones, and always the same for a probe, so that a server sets aside one address for
 * it at most, however often it is asked. An INFORM is answered by an ACK that gives no address.
 *
 *   mode      server written               only interface written
 *   discover  as a relay would, port 67    broadcast on the interface, port 68
 *   inform    unicast, port 68             broadcast on the interface, port 68
 *
 * A relay's own address (giaddr) says which network the offer is for, and where the answer goes to.
 * It is `source`, or the address from which this host would reach the server.
 *
 * When `server-id` is expected, answers of other servers are waited past: on a network with two,
 * both answer.
 *
 * RFC 2131; see dhcp_msg.c and dhcp_socket.c. DHCPv6 is another protocol, which this kind does not
 * speak.
 */
#include "base/rng.h"
#include "core/probe.h"
#include "loop/net.h"
#include "probe/dhcp_socket.h"
#include "probe/probe_kinds.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTNAME 65

struct dhcp_conf {
	struct endpoint server; /* ADDR_NONE: broadcast */
	const char *interface;
	struct addr source;
	struct addr link;
	int mode; /* enum dhcp_type */
	const struct dhcp_expect *expect;
};

/* What all dhcp probes have in common. */
struct dhcp_shared {
	struct probe_shared shared;
	struct dhcp_socket client;
	struct dhcp_socket relay;
};

struct dhcp_probe {
	struct probe probe;
	const struct probe_env *env;
	struct dhcp_shared *shared;
	struct dhcp_client client;
	unsigned others;   /* answers of servers that were not meant, in this attempt */
	struct addr other; /* the last of those servers */
};

static const struct conf_choice modes[] = {
    {"discover", DHCP_DISCOVER, "ask for an address, without taking it"},
    {"inform", DHCP_INFORM, "ask for the options only"},
    {0},
};

static const struct conf_row expect_rows[] = {
    {.key = "server-id",
	.type = CONF_ADDR,
	.offset = offsetof(struct dhcp_expect, server_id),
	.doc = "The server identifier that an answer must carry. Answers of other servers are "
	       "waited past."},
    {.key = "offers-from",
	.type = CONF_PREFIX,
	.flags = CONF_LIST,
	.offset = offsetof(struct dhcp_expect, offers_from),
	.doc = "The prefixes of which one must hold the address that is offered."},
    {.type = CONF_END},
};

static const struct conf_schema expect_schema = {
    .name = "expect",
    .size = sizeof(struct dhcp_expect),
    .rows = expect_rows,
    .doc = "What the answer must be. Without it, any server's will do.",
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.min = DHCP_SERVER_PORT,
	.offset = offsetof(struct dhcp_conf, server),
	.doc =
	    "The server to ask directly, as a relay would. Port 67 when none is written. Without "
	    "it, the question is broadcast on `interface`."},
    {.key = "interface",
	.type = CONF_STRING,
	.max = 15,
	.offset = offsetof(struct dhcp_conf, interface),
	.doc = "The interface to ask through."},
    {.key = "source",
	.type = CONF_ADDR,
	.offset = offsetof(struct dhcp_conf, source),
	.doc = "An address of this host to ask from. The server answers to it, and a relay's "
	       "address also says from which network to offer. Without it, the address from which "
	       "this host reaches the server."},
    {.key = "link",
	.type = CONF_ADDR,
	.offset = offsetof(struct dhcp_conf, link),
	.doc = "With `server`: an address of the network that the offer shall be from, when it is "
	       "not that of `source` (link selection, RFC 3527)."},
    {.key = "mode",
	.type = CONF_ENUM,
	.choices = modes,
	.dflt = "discover",
	.offset = offsetof(struct dhcp_conf, mode),
	.doc = "What to ask. `discover` with a `server` needs UDP port 67 of this host, so it "
	       "cannot be used where a DHCP server or relay runs: there, ask with `inform`."},
    {.key = "expect",
	.type = CONF_STRUCT,
	.sub = &expect_schema,
	.offset = offsetof(struct dhcp_conf, expect),
	.doc = "What the answer must be."},
    {.type = CONF_END},
};

static void
check_family(
    struct conf_ctx *ctx, const struct conf_node *node, const char *key, const struct addr *addr)
{
	if (addr->family == ADDR_V6)
		conf_error(ctx, conf_node_find(node, key),
		    "%s: an IPv4 address is needed: this kind does not speak DHCPv6", key);
}

static void
dhcp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct dhcp_conf *c = obj;
	bool discover = c->mode == DHCP_DISCOVER;

	check_family(ctx, node, "server", &c->server.addr);
	check_family(ctx, node, "source", &c->source);
	check_family(ctx, node, "link", &c->link);
	if (c->server.addr.family == ADDR_NONE && c->interface == NULL)
		conf_error(ctx, node,
		    "write 'server' to ask one server, or 'interface' to broadcast on a network");
	if (c->link.family != ADDR_NONE && (!discover || c->server.addr.family == ADDR_NONE))
		conf_error(ctx, conf_node_find(node, "link"),
		    "link: only with 'server' and 'mode: discover'");
	if (c->expect != NULL && c->expect->offers_from.count > 0 && !discover)
		conf_error(ctx, conf_node_find(node, "expect"),
		    "offers-from: nothing is offered with 'mode: inform'");
}

static const struct conf_schema schema = {
    .name = "dhcp",
    .size = sizeof(struct dhcp_conf),
    .rows = rows,
    .check = dhcp_check,
    .doc = "Asks a DHCP server (IPv4) for an offer, and takes no lease. Many servers look whether "
	   "an address is free before they offer it, which takes a second or more: choose the "
	   "timeout accordingly.",
};

/* -- what is shared -- */

static void
dhcp_shared_free(struct probe_shared *s)
{
	struct dhcp_shared *d = container_of(s, struct dhcp_shared, shared);

	dhcp_socket_done(&d->client);
	dhcp_socket_done(&d->relay);
	free(d);
}

static struct dhcp_shared *
dhcp_shared_get(const struct probe_env *env)
{
	struct probe_shared *s = probe_shared_find(env, &probe_dhcp);
	struct dhcp_shared *d;

	if (s != NULL)
		return container_of(s, struct dhcp_shared, shared);
	d = mem_alloc(sizeof(*d));
	d->shared.free = dhcp_shared_free;
	dhcp_socket_init(&d->client, env, KERNEL_SOCKET_DHCP_CLIENT);
	dhcp_socket_init(&d->relay, env, KERNEL_SOCKET_DHCP_RELAY);
	probe_shared_add(env, &probe_dhcp, &d->shared);
	return d;
}

static bool
is_relayed(const struct dhcp_conf *c)
{
	return c->mode == DHCP_DISCOVER && c->server.addr.family != ADDR_NONE;
}

static struct dhcp_socket *
socket_of(struct dhcp_probe *d)
{
	return is_relayed(d->probe.conf) ? &d->shared->relay : &d->shared->client;
}

/* -- an attempt -- */

static void
dhcp_cancel(struct probe *p)
{
	struct dhcp_probe *d = container_of(p, struct dhcp_probe, probe);

	dhcp_client_cancel(socket_of(d), &d->client);
}

static void
on_reply(struct dhcp_client *client, const uint8_t *msg, size_t len)
{
	static const struct dhcp_expect anything;
	struct dhcp_probe *d = container_of(client, struct dhcp_probe, client);
	const struct dhcp_conf *c = d->probe.conf;
	struct probe_sample sample = {0};
	enum dhcp_verdict verdict;
	struct wire_reader r;
	struct addr server;

	wire_reader_init(&r, msg, len);
	verdict = dhcp_judge(
	    &client->ask.query, c->expect != NULL ? c->expect : &anything, &r, &sample, &server);
	if (verdict == DHCP_OTHER) {
		d->others++;
		d->other = server;
	}
	if (verdict != DHCP_JUDGED)
		return;
	dhcp_cancel(&d->probe);
	probe_done(&d->probe, &sample);
}

static void
on_failed(struct dhcp_client *client, int error, const char *what)
{
	struct dhcp_probe *d = container_of(client, struct dhcp_probe, client);

	probe_fail_errno(&d->probe, error, what);
}

/* Made from this host's name and the probe's (FNV-1a), locally administered, not a group. */
static void
make_mac(const char *name, uint8_t *mac)
{
	char host[HOSTNAME] = "";
	uint64_t hash = 0xcbf29ce484222325;

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	for (const char *p = host; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3;
	hash *= 0x100000001b3; /* between the two */
	for (const char *p = name; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 0x100000001b3;
	for (size_t i = 0; i < DHCP_MAC; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

/* The address from which this host reaches the server: 0 or a negative errno. */
static int
own_address(const struct dhcp_conf *c, struct addr *out)
{
	struct net_opts opts = {0};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint own;
	int fd, error;

	if (c->interface != NULL)
		str_copy(opts.device, sizeof(opts.device), c->interface);
	fd = net_udp_connect(&c->server, &opts);
	if (fd < 0)
		return fd;
	error = getsockname(fd, (struct sockaddr *)&ss, &len) < 0 ? -errno : 0;
	close(fd);
	if (error == 0 && endpoint_from_sockaddr((struct sockaddr *)&ss, &own) < 0)
		error = -EADDRNOTAVAIL;
	if (error == 0)
		*out = own.addr;
	return error;
}

static void
dhcp_start(struct probe *p)
{
	struct dhcp_probe *d = container_of(p, struct dhcp_probe, probe);
	const struct dhcp_conf *c = p->conf;
	const struct endpoint broadcast = {
	    .addr = addr_v4(INADDR_BROADCAST), .port = DHCP_SERVER_PORT};
	struct dhcp_ask *ask = &d->client.ask;
	int error = 0;

	d->others = 0;
	*ask = (struct dhcp_ask){.server = c->server, .source = c->source};
	if (c->interface != NULL)
		str_copy(ask->interface, sizeof(ask->interface), c->interface);
	if (c->server.addr.family == ADDR_NONE)
		ask->server = broadcast;
	else if (c->source.family == ADDR_NONE)
		error = own_address(c, &ask->source);
	if (error < 0) {
		probe_fail_errno(p, error, "no way to the server");
		return;
	}
	ask->query = (struct dhcp_query){
	    .type = (enum dhcp_type)c->mode, .xid = (uint32_t)rng_secure(), .link = c->link};
	make_mac(p->name, ask->query.mac);
	if (is_relayed(c))
		ask->query.relay = ask->source;
	else if (c->mode == DHCP_INFORM)
		ask->query.client = ask->source;
	dhcp_client_ask(socket_of(d), &d->client);
}

static struct probe *
dhcp_new(const struct probe_env *env, const void *kind_conf)
{
	struct dhcp_probe *d = mem_alloc(sizeof(*d));

	d->env = env;
	d->shared = dhcp_shared_get(env);
	d->client.reply = on_reply;
	d->client.failed = on_failed;
	return &d->probe;
}

static void
dhcp_free(struct probe *p)
{
	free(container_of(p, struct dhcp_probe, probe));
}

static void
dhcp_describe(const struct probe *p, struct str *out)
{
	const struct dhcp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "dhcp %s", c->mode == DHCP_INFORM ? "inform" : "discover");
	if (c->server.addr.family != ADDR_NONE)
		str_printf(out, " %s", endpoint_format(&c->server, server, sizeof(server)));
	if (c->interface != NULL)
		str_printf(out, " on %s", c->interface);
}

static void
dhcp_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct dhcp_probe *d = const_container_of(p, struct dhcp_probe, probe);
	char other[ADDR_TEXT];

	if (d->client.state == DHCP_WAITING)
		str_copy(detail, size, "no socket yet");
	else if (d->others == 0)
		str_copy(detail, size, "no answer");
	else
		snprintf(detail, size, "no answer but of other servers, last %s",
		    addr_format(&d->other, other, sizeof(other)));
}

const struct probe_kind probe_dhcp = {
    .variant = {.type = "dhcp", .schema = &schema},
    .new = dhcp_new,
    .start = dhcp_start,
    .cancel = dhcp_cancel,
    .free = dhcp_free,
    .describe = dhcp_describe,
    .timed_out = dhcp_timed_out,
    .sockets = 1u << KERNEL_SOCKET_DHCP_CLIENT | 1u << KERNEL_SOCKET_DHCP_RELAY,
};
