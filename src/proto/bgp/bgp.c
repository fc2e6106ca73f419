/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP speaker: neighbors by address, one listener for each family that has neighbors, and the
 * way in for connections.
 *
 * A new generation of the configuration is a diff: neighbors that are not named any more say
 * goodbye (Cease/Peer De-configured), new ones start, the others decide for themselves what they
 * must do with what changed (bgp_neighbor.c). A connection is accepted from a configured neighbor
 * only; whoever else knocks is closed at once and counted, before any state exists for it.
 *
 * Stopping sends Cease/Administrative Shutdown to everybody with the reason in it; the speaker is
 * idle when the last of these has arrived or a second has passed.
 *
 * Owns neighbors, listeners and lingering connections (bgp_io.c).
 */
#include "proto/bgp/bgp.h"

#include "base/log.h"
#include "proto/bgp/bgp_priv.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#define STRANGER_LOG DUR_MIN /* how often the log tells of connections from strangers */

mono_t
bgp_now(const struct bgp_speaker *b)
{
	return loop_now(b->env.loop);
}

struct bgp_neighbor *
bgp_find(const struct bgp_speaker *b, const struct addr *addr)
{
	struct bgp_neighbor *n;

	TAILQ_FOREACH (n, &b->neighbors, link) {
		if (addr_equal(&n->addr, addr))
			return n;
	}
	return NULL;
}

/* -- connections from outside -- */

/* A link-local address means nothing without its link. */
static bool
on_right_link(const struct bgp_neighbor *n, const struct endpoint *remote)
{
	char name[IF_NAMESIZE];

	if (n->opts.device[0] == '\0' || remote->scope == 0)
		return true;
	return if_indextoname(remote->scope, name) != NULL && str_equal(name, n->opts.device);
}

static void
on_accept(struct bgp_speaker *b, struct net_stream *stream)
{
	struct bgp_neighbor *n = bgp_find(b, &stream->remote.addr);
	char text[ENDPOINT_TEXT];
	mono_t now = bgp_now(b);

	if (n != NULL && on_right_link(n, &stream->remote)) {
		bgp_neighbor_accept(n, stream);
		return;
	}
	b->strangers++;
	if (b->strangers == 1 || mono_sub(now, b->stranger_logged) >= STRANGER_LOG) {
		b->stranger_logged = now;
		log_info("bgp: connection from %s refused: no such neighbor is configured "
			 "(%llu so far)",
		    endpoint_format(&stream->remote, text, sizeof(text)),
		    (unsigned long long)b->strangers);
	}
	net_stream_close(stream);
}

static void
on_accept_ipv4(struct net_listener *l, struct net_stream *s)
{
	on_accept(container_of(l, struct bgp_speaker, listener[BGP_AF_IPV4]), s);
}

static void
on_accept_ipv6(struct net_listener *l, struct net_stream *s)
{
	on_accept(container_of(l, struct bgp_speaker, listener[BGP_AF_IPV6]), s);
}

/* -- listening -- */

static const struct {
	enum addr_family family;
	net_accept_fn *accept;
} listens[BGP_AF_COUNT] = {
    [BGP_AF_IPV4] = {ADDR_V4, on_accept_ipv4},
    [BGP_AF_IPV6] = {ADDR_V6, on_accept_ipv6},
};

/* The largest TTL that a neighbor of the family needs; 0: there is none, or nobody listens. What we
 * accept inherits it. */
static uint8_t
listen_ttl(const struct bgp_speaker *b, enum addr_family family)
{
	const struct bgp_neighbor *n;
	uint8_t ttl = 0;

	if (b->conf == NULL || !b->conf->listen || b->stopping || b->router_id == 0)
		return 0;
	TAILQ_FOREACH (n, &b->neighbors, link) {
		if (n->addr.family == family && n->opts.ttl > ttl)
			ttl = n->opts.ttl;
	}
	return ttl;
}

static void
listeners_update(struct bgp_speaker *b)
{
	for (int af = 0; af < BGP_AF_COUNT; af++) {
		struct net_listener *l = &b->listener[af];
		struct net_opts opts = {.ttl = listen_ttl(b, listens[af].family)};
		struct endpoint at = {.addr = {.family = listens[af].family}};

		if (b->conf != NULL)
			at.port = (uint16_t)b->conf->port;
		if (l->net != NULL && opts.ttl == b->listener_ttl[af] && at.port == l->local.port)
			continue;
		net_unlisten(l);
		b->listener_ttl[af] = opts.ttl;
		if (opts.ttl == 0)
			continue;
		*l = (struct net_listener){.fn = listens[af].accept};
		/* The provider logs and goes on trying; `show bgp` tells as well. */
		(void)net_listen(b->env.net, l, &at, &opts);
	}
}

/* -- configuration -- */

static void
deconfigure(struct bgp_speaker *b, struct bgp_neighbor *n)
{
	struct bgp_cause cause = {
	    .why = BGP_WHY_DECONFIGURED, .notify = bgp_notify_cease(BGP_CEASE_DECONFIGURED, NULL)};

	bgp_neighbor_stop(n, &cause);
	TAILQ_REMOVE(&b->neighbors, n, link);
	bgp_neighbor_free(n);
}

static bool
names(const struct bgp_conf *conf, const struct addr *addr)
{
	struct addr a;

	for (size_t i = 0; conf != NULL && i < conf->neighbors.count; i++) {
		if (addr_parse(conf->neighbors.entries[i].name, &a) == 0 && addr_equal(&a, addr))
			return true;
	}
	return false;
}

static void
neighbors_update(struct bgp_speaker *b)
{
	const struct conf_map *map = &b->conf->neighbors;
	struct bgp_neighbor *n;
	struct addr addr;

	for (size_t i = 0; i < map->count; i++) {
		if (addr_parse(map->entries[i].name, &addr) != 0)
			continue;
		n = bgp_find(b, &addr);
		if (n != NULL) {
			bgp_neighbor_reconfigure(n, map->entries[i].value);
			TAILQ_REMOVE(&b->neighbors, n, link); /* to its place in the file */
		} else {
			n = bgp_neighbor_new(b, &addr, map->entries[i].value);
		}
		TAILQ_INSERT_TAIL(&b->neighbors, n, link);
	}
}

static uint32_t
router_id(const struct bgp_conf *conf, const struct speaker_node *node)
{
	if (conf->router_id.family == ADDR_V4)
		return addr_to_v4(&conf->router_id);
	return node->router_id.family == ADDR_V4 ? addr_to_v4(&node->router_id) : 0;
}

static void
bgp_configure(struct speaker *s, const struct speaker_node *node, const void *section)
{
	struct bgp_speaker *b = container_of(s, struct bgp_speaker, head);
	const struct bgp_conf *conf = section;
	struct bgp_neighbor *n, *next;

	if (b->stopping)
		return;
	TAILQ_FOREACH_SAFE (n, &b->neighbors, link, next) {
		if (!names(conf, &n->addr))
			deconfigure(b, n);
	}
	b->conf = conf;
	if (conf != NULL) {
		b->router_id = router_id(conf, node);
		if (b->router_id == 0)
			log_error("bgp: there is no router-id, and no session is started: set "
				  "'node: {router-id: A.B.C.D}' to an address of this node");
		neighbors_update(b);
	}
	listeners_update(b);
}

/* -- life -- */

static struct speaker *
bgp_new(const struct speaker_env *env)
{
	struct bgp_speaker *b = mem_alloc(sizeof(*b));

	b->head.kind = &bgp_speaker;
	b->head.commands.commands = bgp_commands;
	b->env = *env;
	TAILQ_INIT(&b->neighbors);
	LIST_INIT(&b->lingers);
	b->batch = bgp_batch_new();
	return &b->head;
}

static void
bgp_stop(struct speaker *s, const char *text)
{
	struct bgp_speaker *b = container_of(s, struct bgp_speaker, head);
	struct bgp_cause cause = {
	    .why = BGP_WHY_STOP, .notify = bgp_notify_cease(BGP_CEASE_SHUTDOWN, text)};
	struct bgp_neighbor *n;

	b->stopping = true;
	listeners_update(b);
	TAILQ_FOREACH (n, &b->neighbors, link)
		bgp_neighbor_stop(n, &cause);
}

static bool
bgp_idle(const struct speaker *s)
{
	const struct bgp_speaker *b = const_container_of(s, struct bgp_speaker, head);
	const struct bgp_neighbor *n;

	TAILQ_FOREACH (n, &b->neighbors, link) {
		if (n->state != BGP_IDLE)
			return false;
	}
	return LIST_EMPTY(&b->lingers);
}

static void
bgp_free(struct speaker *s)
{
	struct bgp_speaker *b = container_of(s, struct bgp_speaker, head);
	struct bgp_neighbor *n;

	while ((n = TAILQ_FIRST(&b->neighbors)) != NULL) {
		TAILQ_REMOVE(&b->neighbors, n, link);
		bgp_neighbor_free(n);
	}
	while (!LIST_EMPTY(&b->lingers))
		bgp_linger_done(LIST_FIRST(&b->lingers));
	for (int af = 0; af < BGP_AF_COUNT; af++)
		net_unlisten(&b->listener[af]);
	bgp_batch_free(b->batch);
	free(b);
}

/* The wildcard address of each family: which of them is used follows from the neighbors. */
static void
bgp_listens(const void *section, speaker_listen_fn *fn, void *arg)
{
	const struct bgp_conf *conf = section;

	for (int af = 0; conf->listen && af < BGP_AF_COUNT; af++) {
		struct endpoint at = {
		    .addr = {.family = listens[af].family}, .port = (uint16_t)conf->port};
		fn(arg, &at);
	}
}

const struct speaker_kind bgp_speaker = {
    .name = "bgp",
    .schema = &bgp_schema,
    .new = bgp_new,
    .configure = bgp_configure,
    .stop = bgp_stop,
    .idle = bgp_idle,
    .free = bgp_free,
    .peers = bgp_peers,
    .explain = bgp_explain,
    .hears = bgp_hears,
    .metrics = bgp_metrics,
    .listens = bgp_listens,
};
