/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Routers that speak BGP, for nodes that do: the daemon's own speaker talks to them over the
 * virtual network, with its real timers.
 *
 * A router listens on its address (the neighbor's name in the configuration) and takes what nodes
 * 10.1.1.N announce into the view of the session, as its routing table would. It is the passive end
 * of RFC 4271 section 8: OPEN against OPEN, KEEPALIVE, then UPDATEs; it keeps the hold time, and
 * forgets a node's routes when the session ends in whatever way. A newer session of the same node
 * replaces an older one. It originates nothing.
 *
 * A frozen router reads nothing and its timers stand still; a cut path is the cloud's business.
 * Connections that end are freed at the end of the turn, never inside their own callback.
 */
#include "loop/net_virtual.h"
#include "proto/bgp/bgp_msg.h"
#include "sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ROUTER_AS      64500u
#define ROUTER_HOLD    9 /* seconds */
#define ROUTER_LATENCY SIM_LATENCY
#define NODE_NET       0x0a010100u /* node N is 10.1.1.N */

enum conn_state { CONN_OPEN_SENT, CONN_OPEN_CONFIRM, CONN_ESTABLISHED };

struct sim_conn {
	LIST_ENTRY(sim_conn) link;
	struct sim_router *router;
	struct sim_session *session; /* NULL: ended, waits to be freed */
	struct net_stream stream;
	enum conn_state state;
	struct bgp_update_ctx ctx;
	dur_t hold;
	struct loop_timer hold_timer;
	struct loop_timer keepalive;
	struct loop_task bury;
	size_t len;
	uint8_t buffer[2 * BGP_MSG_MAX];
};

struct sim_router {
	LIST_ENTRY(sim_router) link;
	struct sim *sim;
	char name[SIM_NAME];
	struct addr addr;
	struct net *net;
	struct net_listener listener;
	LIST_HEAD(, sim_conn) conns;
};

static struct addr
node_addr(unsigned number)
{
	return addr_v4(NODE_NET + number);
}

/* -- the end of a connection -- */

static void
conn_bury(struct loop_task *t)
{
	struct sim_conn *c = container_of(t, struct sim_conn, bury);

	LIST_REMOVE(c, link);
	free(c);
}

static void
conn_end(struct sim_conn *c, const char *why)
{
	struct sim_session *x = c->session;

	if (x == NULL)
		return;
	if (x->up)
		sim_trace(
		    x->node->sim, "router %s: node %u is gone: %s", x->name, x->node->number, why);
	c->session = NULL;
	x->conn = NULL;
	x->up = false;
	x->view.count = 0;
	net_stream_close(&c->stream);
	loop_timer_cancel(&c->hold_timer);
	loop_timer_cancel(&c->keepalive);
	loop_task_schedule(&c->bury);
}

static void
conn_hold(struct loop_timer *t)
{
	conn_end(container_of(t, struct sim_conn, hold_timer), "hold time expired");
}

/* -- messages -- */

/* What a router sends is small; a full buffer means that the path is cut, and the hold timer runs.
 */
static void
conn_send(struct sim_conn *c, const uint8_t *msg, size_t len)
{
	assert(len > 0);
	(void)net_stream_write(&c->stream, msg, len);
}

static void
conn_keepalive(struct loop_timer *t)
{
	struct sim_conn *c = container_of(t, struct sim_conn, keepalive);
	uint8_t msg[BGP_HEADER_LEN];

	conn_send(c, msg, bgp_keepalive_encode(msg, sizeof(msg)));
	loop_timer_after(&c->keepalive, c->hold / 3);
}

static void
conn_send_open(struct sim_conn *c)
{
	struct bgp_open open = {
	    .version = BGP_VERSION,
	    .as = ROUTER_AS,
	    .hold_s = ROUTER_HOLD,
	    .router_id = addr_to_v4(&c->router->addr),
	    .caps = {.mp = true,
		.af = BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6),
		.as4 = true,
		.as4_number = ROUTER_AS,
		.refresh = true},
	};
	uint8_t msg[BGP_MSG_MAX];

	conn_send(c, msg, bgp_open_encode(&open, msg, sizeof(msg)));
}

static void
take_open(struct sim_conn *c, const uint8_t *msg, size_t len)
{
	struct bgp_open_expect expect = {.local_as = ROUTER_AS};
	struct bgp_notify n;
	struct bgp_open open;

	if (c->state != CONN_OPEN_SENT || bgp_open_decode(msg, len, &expect, &open, &n) != 0) {
		conn_end(c, "bad OPEN");
		return;
	}
	c->state = CONN_OPEN_CONFIRM;
	c->hold = (open.hold_s < ROUTER_HOLD ? open.hold_s : ROUTER_HOLD) * DUR_S;
	c->ctx = (struct bgp_update_ctx){.ebgp = true,
	    .as4 = open.caps.as4,
	    .af = open.caps.af,
	    .first_as = open.as,
	    .local_as = ROUTER_AS};
	conn_keepalive(&c->keepalive);
}

static void
take_keepalive(struct sim_conn *c)
{
	if (c->state != CONN_OPEN_CONFIRM)
		return;
	c->state = CONN_ESTABLISHED;
	c->session->up = true;
	sim_trace(c->session->node->sim, "router %s: session with node %u established",
	    c->session->name, c->session->node->number);
}

static struct attrs
attrs_of(const struct bgp_path *path)
{
	struct attrs a = {.has_med = path->has_med, .med = path->med};
	struct wire_reader r;

	a.prepend = path->as_count > 0 ? (uint8_t)(path->as_count - 1) : 0;
	wire_reader_init(&r, path->communities, path->community_count * sizeof(uint32_t));
	while (a.community_count < path->community_count && a.community_count < ATTRS_COMMUNITIES)
		a.communities[a.community_count++] = wire_u32(&r);
	return a;
}

static void
take_prefixes(struct sim_conn *c, struct bgp_nlri list, const struct attrs *attrs)
{
	struct sim_session *x = c->session;
	struct sim_route route = {0};
	char text[PREFIX_TEXT];

	while (list.data != NULL && bgp_nlri_next(&list, &route.prefix)) {
		sim_trace(x->node->sim, "router %s: node %u %s %s", x->name, x->node->number,
		    attrs != NULL ? "announces" : "withdraws",
		    prefix_format(&route.prefix, text, sizeof(text)));
		if (attrs != NULL) {
			route.attrs = *attrs;
			sim_view_put(&x->view, &route);
			x->total_handed++;
			continue;
		}
		if (x->node->sim->sabotage == SABOTAGE_DEAF)
			continue;
		x->total_handed++;
		sim_view_del(&x->view, &route.prefix);
		if (sim_bgp_is_up(x))
			sim_node_lost(x->node, &route.prefix);
	}
}

static void
take_update(struct sim_conn *c, const uint8_t *msg, size_t len)
{
	struct sim *s = c->session->node->sim;
	struct bgp_update u;
	struct attrs attrs;

	bgp_update_decode(msg, len, &c->ctx, &u);
	if (c->state != CONN_ESTABLISHED || u.disposition != BGP_ACCEPT) {
		sim_violation(s, "protocol", "node %u sends a bad UPDATE: %s",
		    c->session->node->number, u.reason);
		return;
	}
	attrs = attrs_of(&u.path);
	take_prefixes(c, u.withdrawn, NULL);
	take_prefixes(c, u.mp_withdrawn, NULL);
	take_prefixes(c, u.announced, &attrs);
	take_prefixes(c, u.mp_announced, &attrs);
}

static void
take_message(struct sim_conn *c, const uint8_t *msg, size_t len)
{
	if (c->state != CONN_OPEN_SENT)
		loop_timer_after(&c->hold_timer, c->hold);
	switch (bgp_frame_type(msg)) {
	case BGP_OPEN: take_open(c, msg, len); break;
	case BGP_KEEPALIVE: take_keepalive(c); break;
	case BGP_UPDATE: take_update(c, msg, len); break;
	case BGP_NOTIFICATION: conn_end(c, "it said goodbye"); break;
	case BGP_REFRESH: break; /* there is nothing to send again */
	}
}

static void
take_bytes(struct sim_conn *c)
{
	struct bgp_notify n;
	size_t used = 0;
	int len;

	while (c->session != NULL &&
	       (len = bgp_frame(c->buffer + used, c->len - used, BGP_MSG_MAX, &n)) > 0) {
		take_message(c, c->buffer + used, (size_t)len);
		used += (size_t)len;
	}
	memmove(c->buffer, c->buffer + used, c->len - used);
	c->len -= used;
}

static void
conn_read(struct sim_conn *c)
{
	ssize_t n = -1;

	while (c->session != NULL) {
		n = net_stream_read(&c->stream, c->buffer + c->len, sizeof(c->buffer) - c->len);
		if (n <= 0)
			break;
		c->len += (size_t)n;
		take_bytes(c);
	}
	if (c->session != NULL && n == 0)
		conn_end(c, "closed");
}

static void
conn_event(struct net_stream *stream, enum net_event what)
{
	struct sim_conn *c = container_of(stream, struct sim_conn, stream);

	if (what == NET_READABLE)
		conn_read(c);
	else if (what == NET_FAILED)
		conn_end(c, "reset");
}

/* -- routers -- */

static struct sim_session *
session_of(struct sim_router *r, const struct addr *remote)
{
	struct sim *s = r->sim;

	for (size_t i = 0; i < s->node_count; i++) {
		struct addr a = node_addr(s->nodes[i]->number);

		if (addr_equal(&a, remote))
			return sim_session_get(s->nodes[i], r->name);
	}
	return NULL;
}

static void
router_accept(struct net_listener *l, struct net_stream *stream)
{
	struct sim_router *r = container_of(l, struct sim_router, listener);
	struct sim_session *x = session_of(r, &stream->remote.addr);
	struct sim_conn *c;

	if (x == NULL || x->closed) {
		net_stream_close(stream);
		return;
	}
	if (x->conn != NULL)
		conn_end(x->conn, "replaced by a new session");
	c = mem_alloc(sizeof(*c));
	c->router = r;
	LIST_INSERT_HEAD(&r->conns, c, link);
	c->session = x;
	c->hold = ROUTER_HOLD * DUR_S;
	c->stream.fn = conn_event;
	loop_timer_init(&c->hold_timer, r->sim->loop, conn_hold);
	loop_timer_init(&c->keepalive, r->sim->loop, conn_keepalive);
	loop_task_init(&c->bury, r->sim->loop, conn_bury);
	net_stream_adopt(&c->stream, stream);
	x->conn = c;
	loop_timer_after(&c->hold_timer, c->hold);
	conn_send_open(c);
	sim_bgp_path(x);
}

void
sim_bgp_session(struct sim_session *x)
{
	struct sim *s = x->node->sim;
	struct net_opts opts = {0};
	struct endpoint at = {.port = BGP_PORT};
	struct sim_router *r;

	if (addr_parse(x->name, &at.addr) != 0)
		return;
	LIST_FOREACH (r, &s->routers, link) {
		if (strcmp(r->name, x->name) == 0)
			return;
	}
	r = mem_alloc(sizeof(*r));
	r->sim = s;
	r->addr = at.addr;
	str_copy(r->name, sizeof(r->name), x->name);
	r->net = net_cloud_node(s->cloud, &r->addr, 1);
	r->listener.fn = router_accept;
	LIST_INIT(&r->conns);
	LIST_INSERT_HEAD(&s->routers, r, link);
	if (net_listen(r->net, &r->listener, &at, &opts) != 0)
		abort();
}

void
sim_bgp_start(struct sim *s)
{
	s->real = true;
	s->cloud = net_cloud_new(s->loop);
	net_cloud_set_latency(s->cloud, ROUTER_LATENCY);
	LIST_INIT(&s->routers);
}

void
sim_bgp_session_done(struct sim_session *x)
{
	if (x->conn != NULL)
		conn_end(x->conn, "the simulation ends");
}

void
sim_bgp_done(struct sim *s)
{
	struct sim_router *r;
	struct sim_conn *c;

	if (!s->real)
		return;
	while ((r = LIST_FIRST(&s->routers)) != NULL) {
		while ((c = LIST_FIRST(&r->conns)) != NULL) {
			loop_task_cancel(&c->bury);
			conn_bury(&c->bury);
		}
		LIST_REMOVE(r, link);
		net_unlisten(&r->listener);
		net_free(r->net);
		free(r);
	}
	net_cloud_free(s->cloud);
}

void
sim_bgp_node_up(struct sim_node *n)
{
	struct addr a = node_addr(n->number);
	struct sim_session *x;

	n->cloud_net = net_cloud_node(n->sim->cloud, &a, 1);
	LIST_FOREACH (x, &n->sessions, link)
		sim_bgp_path(x);
}

void
sim_bgp_node_down(struct sim_node *n)
{
	net_free(n->cloud_net);
	n->cloud_net = NULL;
}

/* -- the path -- */

static void
router_close(struct sim_conn *c)
{
	struct bgp_notify n = bgp_notify_cease(BGP_CEASE_SHUTDOWN, "closed by the scenario");
	uint8_t msg[BGP_MSG_MAX];

	conn_send(c, msg, bgp_notify_encode(&n, msg, sizeof(msg)));
	conn_end(c, "closed by the router");
}

void
sim_bgp_path(struct sim_session *x)
{
	struct addr node = node_addr(x->node->number), router;
	struct sim_conn *c = x->conn;

	if (addr_parse(x->name, &router) != 0)
		return;
	net_cloud_cut(x->node->sim->cloud, &node, &router, x->cut);
	if (c == NULL)
		return;
	net_stream_want_read(&c->stream, !x->frozen);
	if (x->frozen) {
		loop_timer_cancel(&c->hold_timer);
		loop_timer_cancel(&c->keepalive);
		return;
	}
	if (!loop_timer_armed(&c->hold_timer))
		loop_timer_after(&c->hold_timer, c->hold);
	if (!loop_timer_armed(&c->keepalive) && c->state != CONN_OPEN_SENT)
		loop_timer_after(&c->keepalive, 0);
	if (x->closed)
		router_close(c);
}

struct peer_query {
	const char *name;
	bool up;
};

static void
on_peer(void *arg, const struct speaker_peer *peer)
{
	struct peer_query *q = arg;

	if (strcmp(peer->name, q->name) == 0)
		q->up = peer->up;
}

/* What the router has while the node believes in the session. What a frozen router has in its
 * kernel, acknowledged and unread, nobody can know. */
bool
sim_bgp_told(const struct sim_session *x, const struct prefix *p)
{
	struct sim_session *own = x->conn != NULL ? x->conn->session : NULL;

	return own != NULL && !own->frozen && sim_view_find(&own->view, p) != NULL &&
	       sim_bgp_is_up(x);
}

void
sim_bgp_watch(struct sim_session *x)
{
	bool up = sim_bgp_is_up(x), was = x->believed;

	x->believed = up;
	if (!was || up)
		return;
	for (size_t i = 0; i < x->view.count; i++)
		sim_node_lost(x->node, &x->view.routes[i].prefix);
}

bool
sim_bgp_is_up(const struct sim_session *x)
{
	struct peer_query q = {.name = x->name};

	if (x->node->engine != NULL)
		x->node->speaker->kind->peers(x->node->speaker, on_peer, &q);
	return q.up;
}
