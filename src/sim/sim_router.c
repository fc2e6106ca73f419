/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's end of a session, and the path between: what the router has from the node, and when
 * it learns that the node has gone.
 *
 * A path that is cut carries nothing; each end gives up after the hold time. A frozen router does
 * nothing at all: the node gives up after the hold time, the router learns of it when it thaws. A
 * node that ends or closes a session over an open path is noticed after the latency. A new session
 * replaces an old one, and begins with nothing.
 */
#include "sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PAINT_EVERY 7

/* -- views -- */

struct sim_route *
sim_view_find(struct sim_view *v, const struct prefix *p)
{
	for (size_t i = 0; i < v->count; i++) {
		if (prefix_equal(&v->routes[i].prefix, p))
			return &v->routes[i];
	}
	return NULL;
}

void
sim_view_put(struct sim_view *v, const struct sim_route *r)
{
	struct sim_route *old = sim_view_find(v, &r->prefix);

	if (old != NULL) {
		*old = *r;
		return;
	}
	if (v->count == v->cap) {
		v->cap = v->cap == 0 ? 8 : v->cap * 2;
		v->routes = mem_resize(v->routes, v->cap, sizeof(*v->routes));
	}
	assert(v->routes != NULL);
	v->routes[v->count++] = *r;
}

void
sim_view_del(struct sim_view *v, const struct prefix *p)
{
	struct sim_route *old = sim_view_find(v, p);

	if (old == NULL)
		return;
	v->count--;
	memmove(old, old + 1, (size_t)(v->routes + v->count - old) * sizeof(*old));
}

/* -- the router -- */

static void
router_clear(struct sim_session *x, const char *why)
{
	x->gone = false;
	loop_timer_cancel(&x->flush);
	loop_timer_cancel(&x->router_hold);
	if (x->view.count == 0)
		return;
	if (x->node->engine == NULL && x->node->sim->sabotage == SABOTAGE_ZOMBIE)
		return;
	sim_trace(x->node->sim, "router %s: drops %zu routes of node %u: %s", x->name,
	    x->view.count, x->node->number, why);
	x->view.count = 0;
}

static void
router_flush(struct loop_timer *t)
{
	router_clear(container_of(t, struct sim_session, flush), "the session has ended");
}

static void
router_held(struct loop_timer *t)
{
	router_clear(container_of(t, struct sim_session, router_hold), "hold time expired");
}

void
sim_router_init(struct sim_session *x)
{
	loop_timer_init(&x->flush, x->node->sim->loop, router_flush);
	loop_timer_init(&x->router_hold, x->node->sim->loop, router_held);
}

void
sim_router_done(struct sim_session *x)
{
	loop_timer_cancel(&x->flush);
	loop_timer_cancel(&x->router_hold);
	free(x->view.routes);
}

void
sim_router_opened(struct sim_session *x)
{
	router_clear(x, "replaced by a new session");
}

void
sim_router_lost(struct sim_session *x)
{
	x->gone = true;
	if (sim_path_open(x))
		loop_timer_after(&x->flush, SIM_LATENCY);
}

void
sim_router_take(struct sim_session *x, const struct sim_message *m)
{
	struct sim *s = x->node->sim;
	struct sim_route route = m->route;
	char text[PREFIX_TEXT];

	sim_trace(s, "router %s: node %u %s %s", x->name, x->node->number,
	    m->wanted ? "announces" : "withdraws",
	    prefix_format(&m->route.prefix, text, sizeof(text)));
	if (!m->wanted && s->sabotage == SABOTAGE_DEAF)
		return;
	if (m->wanted && s->sabotage == SABOTAGE_PAINT && m->version % PAINT_EVERY == 0)
		route.attrs.prepend++;
	if (m->wanted)
		sim_view_put(&x->view, &route);
	else
		sim_view_del(&x->view, &m->route.prefix);
}

/* -- the path -- */

bool
sim_path_open(const struct sim_session *x)
{
	return !x->cut && !x->frozen;
}

void
sim_path_update(struct sim_session *x)
{
	if (x->node->sim->real) {
		sim_bgp_path(x);
		return;
	}
	if (x->closed) {
		sim_session_down(x, "the router closed it");
		if (!x->frozen)
			router_clear(x, "closed");
	}
	sim_session_path(x);
	if (x->frozen || !x->cut)
		loop_timer_cancel(&x->router_hold);
	else if (!loop_timer_armed(&x->router_hold) && x->view.count > 0)
		loop_timer_after(&x->router_hold, SIM_HOLD);
	if (!sim_path_open(x))
		loop_timer_cancel(&x->flush);
	else if (x->gone && !loop_timer_armed(&x->flush))
		loop_timer_after(&x->flush, SIM_LATENCY);
}
