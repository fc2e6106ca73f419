/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual network: a cloud of nodes on one virtual loop. What happens on a connection once it
 * has two ends is in net_side.c.
 *
 * A connect asks once after one latency. If the path is cut, it asks again every CONNECT_AGAIN and
 * gives up with -ETIMEDOUT after CONNECT_TIMEOUT; an address where nobody listens answers with a
 * reset, which is -ECONNREFUSED to somebody who connects. When several living nodes own an address,
 * the first one that listens there is asked.
 *
 * The cloud owns connections and cuts, and outlives the nodes; a node owns its listeners and knows
 * its open sides, to end them when it dies. A dead node keeps its provider, which refuses
 * everything, until its owner frees it. Freeing a node kills what is left of it.
 */
#include "loop/net_virtual_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_AGAIN   DUR_S
#define CONNECT_TIMEOUT (30 * DUR_S)
#define PORT_FIRST      49152u
#define PORT_COUNT      16384u

struct node_listener {
	struct net_listener *handle;
	TAILQ_ENTRY(node_listener) link;
};

struct net_node {
	struct net net;
	struct net_cloud *cloud;
	TAILQ_ENTRY(net_node) link;
	struct addr *addrs; /* owned */
	size_t count;
	bool dead;
	TAILQ_HEAD(, node_listener) listeners;
	struct net_side_list sides;
};

static struct net_node *
node_of(struct net *n)
{
	return container_of(n, struct net_node, net);
}

/* -- paths -- */

static bool
cut_is(const struct net_cut *c, const struct addr *a, const struct addr *b)
{
	return (addr_equal(&c->a, a) && addr_equal(&c->b, b)) ||
	       (addr_equal(&c->a, b) && addr_equal(&c->b, a));
}

/* The index of the cut between two addresses, or cut_count. */
static size_t
cut_find(const struct net_cloud *c, const struct addr *a, const struct addr *b)
{
	size_t i = 0;

	while (i < c->cut_count && !cut_is(&c->cuts[i], a, b))
		i++;
	return i;
}

bool
net_conn_is_cut(const struct net_conn *conn)
{
	const struct net_cloud *c = conn->cloud;

	return cut_find(c, &conn->at[0].addr, &conn->at[1].addr) < c->cut_count;
}

void
net_cloud_cut(struct net_cloud *c, const struct addr *a, const struct addr *b, bool cut)
{
	size_t i = cut_find(c, a, b);

	if (cut == (i < c->cut_count))
		return;
	if (cut) {
		c->cuts = mem_resize(c->cuts, c->cut_count + 1, sizeof(*c->cuts));
		c->cuts[c->cut_count++] = (struct net_cut){.a = *a, .b = *b};
		return;
	}
	struct net_cut healed = c->cuts[i];
	c->cuts[i] = c->cuts[--c->cut_count];

	struct net_conn *conn;
	TAILQ_FOREACH (conn, &c->conns, link) {
		if (cut_is(&healed, &conn->at[0].addr, &conn->at[1].addr))
			net_conn_heal(conn);
	}
}

void
net_cloud_set_latency(struct net_cloud *c, dur_t latency)
{
	assert(latency >= 0);
	c->latency = latency;
}

/* -- addresses and ports -- */

static bool
node_owns(const struct net_node *n, const struct addr *a)
{
	for (size_t i = 0; i < n->count; i++)
		if (addr_equal(&n->addrs[i], a))
			return true;
	return false;
}

/* The node's own address for talking to `remote`: the first of its family. */
static const struct addr *
node_source(const struct net_node *n, const struct addr *remote)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->addrs[i].family == remote->family)
			return &n->addrs[i];
	return NULL;
}

static uint16_t
port_next(struct net_cloud *c)
{
	return (uint16_t)(PORT_FIRST + c->ports++ % PORT_COUNT);
}

static struct net_listener *
node_listener_at(const struct net_node *n, const struct endpoint *e)
{
	struct node_listener *l;

	TAILQ_FOREACH (l, &n->listeners, link) {
		const struct endpoint *at = &l->handle->local;
		if (at->port == e->port && at->addr.family == e->addr.family &&
		    (addr_is_any(&at->addr) || addr_equal(&at->addr, &e->addr)))
			return l->handle;
	}
	return NULL;
}

static struct net_listener *
cloud_listener_at(const struct net_cloud *c, const struct endpoint *e)
{
	struct net_node *n;

	TAILQ_FOREACH (n, &c->nodes, link) {
		struct net_listener *l = node_owns(n, &e->addr) ? node_listener_at(n, e) : NULL;
		if (l != NULL)
			return l;
	}
	return NULL;
}

/* -- connecting -- */

/* The question has reached the far end. */
static void
connect_arrive(struct net_conn *conn)
{
	struct net_listener *l = cloud_listener_at(conn->cloud, &conn->at[1]);
	struct net_side *s = &conn->side[1];
	struct net_stream handle = {0};

	loop_timer_at(&conn->connect, conn->give_up);
	if (l == NULL) {
		net_side_send(s, NET_SEGMENT_RESET, 0);
		return;
	}
	net_side_attach(s, &handle, &node_of(l->net)->sides);
	s->open = true;
	s->open_told = true;
	net_side_send(s, NET_SEGMENT_OPEN, 0);
	l->fn(l, &handle);
	assert(handle.ops == NULL);
}

static void
connect_timer(struct loop_timer *t)
{
	struct net_conn *conn = container_of(t, struct net_conn, connect);
	struct net_side *s = &conn->side[0];
	mono_t now = loop_now(conn->cloud->loop);

	if (!mono_before(now, conn->give_up)) {
		s->error = -ETIMEDOUT;
		net_side_update(s);
		return;
	}
	if (net_conn_is_cut(conn)) {
		loop_timer_at(t, mono_min(mono_add(now, CONNECT_AGAIN), conn->give_up));
		return;
	}
	connect_arrive(conn);
}

static int
virtual_connect(struct net *net, struct net_stream *s, const struct endpoint *remote,
    const struct net_opts *opts)
{
	struct net_node *n = node_of(net);
	struct net_cloud *c = n->cloud;
	bool chosen = opts->local.family != ADDR_NONE;
	const struct addr *local = chosen ? &opts->local : node_source(n, &remote->addr);

	if (n->dead || local == NULL)
		return -ENETUNREACH;
	if (!node_owns(n, local))
		return -EADDRNOTAVAIL;
	if (local->family != remote->addr.family)
		return -EAFNOSUPPORT;

	struct net_conn *conn = net_conn_new(c);
	conn->at[0].addr = *local;
	conn->at[0].port = opts->local_port != 0 ? opts->local_port : port_next(c);
	conn->at[1] = *remote;
	conn->give_up = mono_add(loop_now(c->loop), CONNECT_TIMEOUT);
	net_side_attach(&conn->side[0], s, &n->sides);
	loop_timer_init(&conn->connect, c->loop, connect_timer);
	loop_timer_after(&conn->connect, c->latency);
	return 0;
}

/* -- listening -- */

static int
virtual_listen(struct net *net, struct net_listener *l, const struct endpoint *local,
    const struct net_opts *opts)
{
	struct net_node *n = node_of(net);

	(void)opts;
	if (n->dead)
		return -ENETDOWN;
	if (!addr_is_any(&local->addr) && !node_owns(n, &local->addr))
		return -EADDRNOTAVAIL;
	if (node_listener_at(n, local) != NULL)
		return -EADDRINUSE;

	struct node_listener *v = mem_alloc(sizeof(*v));
	v->handle = l;
	l->net = net;
	l->impl = v;
	l->local = *local;
	if (l->local.port == 0)
		l->local.port = port_next(n->cloud);
	TAILQ_INSERT_TAIL(&n->listeners, v, link);
	return 0;
}

static void
virtual_unlisten(struct net_listener *l)
{
	struct node_listener *v = l->impl;

	TAILQ_REMOVE(&node_of(l->net)->listeners, v, link);
	free(v);
}

/* -- nodes -- */

void
net_cloud_kill(struct net *node)
{
	struct net_node *n = node_of(node);

	n->dead = true;
	while (!TAILQ_EMPTY(&n->listeners))
		net_unlisten(TAILQ_FIRST(&n->listeners)->handle);
	while (!LIST_EMPTY(&n->sides))
		net_side_detach(LIST_FIRST(&n->sides), NET_SEGMENT_RESET);
}

static void
virtual_free(struct net *net)
{
	struct net_node *n = node_of(net);

	net_cloud_kill(net);
	TAILQ_REMOVE(&n->cloud->nodes, n, link);
	free(n->addrs);
	free(n);
}

static const struct net_ops virtual_ops = {
    .connect = virtual_connect,
    .listen = virtual_listen,
    .unlisten = virtual_unlisten,
    .free = virtual_free,
};

struct net *
net_cloud_node(struct net_cloud *c, const struct addr *addrs, size_t count)
{
	struct net_node *n = mem_alloc(sizeof(*n));

	n->net.ops = &virtual_ops;
	n->net.loop = c->loop;
	n->cloud = c;
	n->count = count;
	n->addrs = mem_array(count > 0 ? count : 1, sizeof(*addrs));
	if (count > 0)
		memcpy(n->addrs, addrs, count * sizeof(*addrs));
	TAILQ_INIT(&n->listeners);
	LIST_INIT(&n->sides);
	TAILQ_INSERT_TAIL(&c->nodes, n, link);
	return &n->net;
}

struct net_cloud *
net_cloud_new(struct loop *l)
{
	struct net_cloud *c = mem_alloc(sizeof(*c));

	c->loop = l;
	c->latency = DUR_MS;
	TAILQ_INIT(&c->nodes);
	TAILQ_INIT(&c->conns);
	return c;
}

void
net_cloud_free(struct net_cloud *c)
{
	if (c == NULL)
		return;
	assert(TAILQ_EMPTY(&c->nodes) && TAILQ_EMPTY(&c->conns));
	free(c->cuts);
	free(c);
}
