/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariants, by the names that a report uses:
 *
 *   level        no route is announced that the service's level withdraws, none is missing that it
 *                announces, and each has the attributes of its level
 *   address      no route is announced while its address is not on the host, as far as the host has
 *                been able to tell
 *   removal      no address leaves the host before every neighbor has settled the withdrawal and
 *                the drain has passed since
 *   settled      a router whose session has settled everything has exactly what the intent says
 *   dead         a router has nothing of a node whose session it knows to be gone
 *   order        withdrawals are sent before announcements
 *   economy      a neighbor is sent no more than has changed since its session came up
 *   counters     the counters tell the same as the history (sim_node.c)
 *   truth        after a time of quiet all is as facts and configuration demand (sim_truth.c)
 *
 * They read the engine only through what it shows to everybody, and compute what must be from the
 * configuration and the models alone.
 */
#include "proto/bgp/bgp_conf.h"
#include "sim/sim.h"

#include <inttypes.h>
#include <string.h>

/* -- what a service's level means, from the manual and not from the code -- */

static struct attrs
attrs_by_default(const struct attrs *base, enum service_level level)
{
	static const uint32_t graceful_shutdown[] = {0xffff0000u};
	static const struct attrs_conf degraded = {.prepend = 2};
	static const struct attrs_conf drained = {.communities = {graceful_shutdown, 1}};

	if (level == LEVEL_DEGRADED)
		return attrs_apply(base, &degraded);
	if (level == LEVEL_DRAINED)
		return attrs_apply(base, &drained);
	return *base;
}

bool
sim_level_announces(const struct service_conf *conf, enum service_level level, struct attrs *attrs)
{
	const struct level_conf *l = conf->levels != NULL ? &conf->levels->level[level] : NULL;
	struct attrs none = {0};

	*attrs = attrs_apply(&none, conf->attributes);
	if (l != NULL && l->withdraw)
		return false;
	if (l != NULL && l->attrs != NULL) {
		*attrs = attrs_apply(attrs, l->attrs);
		return true;
	}
	*attrs = attrs_by_default(attrs, level);
	return level != LEVEL_DOWN;
}

/* -- intent against levels and the host -- */

static bool
host_will_tell(const struct sim_host *h, const struct prefix *p)
{
	const struct sim_request *r;

	TAILQ_FOREACH (r, &h->requests, link) {
		if (prefix_equal(&r->prefix, p))
			return true;
	}
	return false;
}

static void
check_address(struct sim_node *n, const struct prefix *p)
{
	const struct sim_address *a = sim_host_find(&n->host, p);
	char text[PREFIX_TEXT];

	if (a != NULL && (a->present || host_will_tell(&n->host, p)))
		return;
	sim_violation(n->sim, "address", "node %u announces %s, which is not on the host",
	    n->number, prefix_format(p, text, sizeof(text)));
}

/* What is asked for stays for the drain of its service once it is given up. */
static void
note_drain(struct sim_node *n, const struct service_conf *conf, const struct intent_entry *a)
{
	struct sim_address *own = a != NULL ? sim_host_find(&n->host, &a->prefix) : NULL;

	if (own != NULL && a->asked)
		own->drain = conf->drain;
}

static void
check_route(struct sim_node *n, const struct service_view *v, const struct prefix *p)
{
	const struct intent *in = core_intent(engine_core(n->engine));
	const struct intent_entry *r = intent_find(in, INTENT_ROUTE, p);
	const struct intent_entry *a = intent_find(in, INTENT_ADDRESS, p);
	bool present = a != NULL && a->present && a->wanted && a->interface_to == NULL;
	bool wanted = r != NULL && r->wanted, expected;
	struct attrs attrs;
	char text[PREFIX_TEXT];

	expected = sim_level_announces(v->conf, v->level, &attrs) && v->why != WHY_STOP && present;
	note_drain(n, v->conf, a);
	if (wanted)
		check_address(n, p);
	if (wanted != expected)
		sim_violation(n->sim, "level", "node %u: service %s is %s, but %s is %s", n->number,
		    v->name, service_level_str(v->level), prefix_format(p, text, sizeof(text)),
		    wanted ? "announced" : "withdrawn");
	else if (wanted && !attrs_equal(&attrs, r->attrs))
		sim_violation(n->sim, "level",
		    "node %u: service %s is %s, but %s has other attributes", n->number, v->name,
		    service_level_str(v->level), prefix_format(p, text, sizeof(text)));
}

static void
check_services(struct sim_node *n)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(engine_core(n->engine), i, &v); i++) {
		const struct prefix *p = v.conf->addresses.items;

		for (size_t k = 0; k < v.conf->addresses.count; k++)
			check_route(n, &v, &p[k]);
	}
}

/* -- routers against the intent -- */

/* Has everything been walked, delivered and acknowledged? */
static bool
session_settled(const struct sim_session *x)
{
	return x->up && x->sink.idle && TAILQ_EMPTY(&x->messages) && !x->walk.waiting &&
	       x->sink.settled == intent_version(x->sink.intent);
}

static void
check_settled(struct sim_session *x)
{
	const struct bgp_neighbor_conf *conf = x->conf;
	const struct intent *in = x->sink.intent;
	struct attrs attrs;
	size_t expected = 0;
	char text[PREFIX_TEXT];

	for (const struct intent_entry *e = intent_first(in); e != NULL; e = intent_after(e)) {
		const struct sim_route *r;

		if (e->kind != INTENT_ROUTE || !e->wanted || (e->audience & x->sink.audience) == 0)
			continue;
		expected++;
		r = sim_view_find(&x->view, &e->prefix);
		attrs = attrs_apply(e->attrs, conf->attributes);
		if (r == NULL || !attrs_equal(&r->attrs, &attrs))
			sim_violation(x->node->sim, "settled",
			    "router %s has settled everything of node %u and %s %s", x->name,
			    x->node->number, r == NULL ? "lacks" : "has other attributes for",
			    prefix_format(&e->prefix, text, sizeof(text)));
	}
	if (x->view.count != expected)
		sim_violation(x->node->sim, "settled",
		    "router %s has settled everything of node %u and has %zu routes instead of %zu",
		    x->name, x->node->number, x->view.count, expected);
}

/* Over an open path, with nothing on its way, a session that is down has left nothing. */
static void
check_dead(struct sim_session *x)
{
	if (x->view.count == 0 || x->frozen || x->gone)
		return;
	if (x->cut && loop_timer_armed(&x->router_hold))
		return;
	sim_violation(x->node->sim, "dead", "router %s has %zu routes of node %u, which has gone",
	    x->name, x->view.count, x->node->number);
}

static void
check_economy(struct sim_session *x)
{
	uint64_t changes = intent_version(x->sink.intent) - x->reset_version;

	if (x->handed_count > changes + x->reset_entries)
		sim_violation(x->node->sim, "economy",
		    "node %u has sent %" PRIu64 " messages to %s for %" PRIu64
		    " changes and %" PRIu64 " routes",
		    x->node->number, x->handed_count, x->name, changes, x->reset_entries);
}

void
sim_check_handed(struct sim_session *x, const struct intent_entry *e)
{
	char text[PREFIX_TEXT], late[PREFIX_TEXT];

	if (!e->wanted)
		return;
	for (size_t i = 0; i < x->handed.count; i++) {
		const struct prefix *p = &x->handed.routes[i].prefix;
		const struct intent_entry *r = intent_find(x->sink.intent, INTENT_ROUTE, p);

		if (r == NULL || !r->wanted || (r->audience & x->sink.audience) == 0)
			sim_violation(x->node->sim, "order",
			    "node %u announces %s to %s before it withdraws %s", x->node->number,
			    prefix_format(&e->prefix, text, sizeof(text)), x->name,
			    prefix_format(p, late, sizeof(late)));
	}
}

void
sim_check_removal(struct sim_node *n, struct sim_address *a)
{
	dur_t since = mono_sub(sim_now(n->sim), a->lost_at);
	char text[PREFIX_TEXT], waited[32], drain[32];

	prefix_format(&a->prefix, text, sizeof(text));
	if (sim_node_told(n, &a->prefix))
		sim_violation(n->sim, "removal",
		    "node %u removes %s while a neighbor may have the route", n->number, text);
	else if (since < a->drain)
		sim_violation(n->sim, "removal",
		    "node %u removes %s after %s, before the drain of %s has passed", n->number,
		    text, dur_format(since, waited, sizeof(waited)),
		    dur_format(a->drain, drain, sizeof(drain)));
}

void
sim_check(struct sim *s)
{
	for (size_t i = 0; i < s->node_count; i++) {
		struct sim_node *n = s->nodes[i];
		struct sim_session *x;

		if (n->engine != NULL)
			check_services(n);
		LIST_FOREACH (x, &n->sessions, link) {
			if (s->real) { /* the rest looks into modelled sessions */
				sim_bgp_watch(x);
				continue;
			}
			if (!x->up)
				check_dead(x);
			if (x->up)
				check_economy(x);
			if (session_settled(x))
				check_settled(x);
		}
	}
}
