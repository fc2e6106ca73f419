/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The invariant "truth": when faults have been healed and nothing has changed for long enough, then
 * everything must be as the facts and the configuration demand. What they demand is computed here
 * from the outside in: from the scripted answers and links to tracks, levels, addresses on the host
 * and routes at every router, by plain recursion, without any of the engine's own state except what
 * operators said.
 */
#include "proto/bgp/bgp_conf.h"
#include "sim/sim.h"

#include <string.h>

static bool
link_up(const struct sim_node *n, const char *name)
{
	const struct sim_link *l;

	TAILQ_FOREACH (l, &n->host.links, link) {
		if (strcmp(l->name, name) == 0)
			return l->up;
	}
	return false;
}

/* Well, and in time. */
static bool
probe_answers(struct sim_node *n, const struct config *c, const char *name)
{
	const struct probe_conf *conf = conf_map_find(&c->probes, name)->value;
	const struct sim_result *r = sim_result_get(n, name);

	return r->answer == ANSWER_OK && r->delay < conf->timeout;
}

static bool
probe_in_time(struct sim_node *n, const struct config *c, const char *name)
{
	const struct probe_conf *conf = conf_map_find(&c->probes, name)->value;

	return probe_answers(n, c, name) &&
	       (conf->threshold == 0 || sim_result_get(n, name)->delay <= conf->threshold);
}

static bool
all_served(struct sim_node *n, const struct conf_list *listens)
{
	const struct service_listen *l = listens->items;

	for (size_t i = 0; i < listens->count; i++) {
		if (!sim_host_serves(&n->host, l[i].proto, l[i].port))
			return false;
	}
	return true;
}

static bool name_up(struct sim_node *n, const struct config *c, const char *name);

static bool
list_up(struct sim_node *n, const struct config *c, const struct track_conf *t)
{
	const struct conf_list *list = t->all.count > 0 ? &t->all : &t->any;
	const char *const *name = list->items;
	size_t up = 0;

	for (size_t i = 0; i < list->count; i++)
		up += name_up(n, c, name[i]);
	return t->all.count > 0 ? up == list->count : up > 0;
}

static bool
name_up(struct sim_node *n, const struct config *c, const char *name)
{
	const struct conf_map_entry *e = conf_map_find(&c->tracks, name);
	const struct track_conf *t;

	if (e == NULL)
		return probe_answers(n, c, name);
	t = e->value;
	if (t->in_time != NULL)
		return probe_in_time(n, c, t->in_time);
	return t->interface != NULL ? link_up(n, t->interface) : list_up(n, c, t);
}

static bool
all_up(struct sim_node *n, const struct config *c, const struct conf_list *names)
{
	const char *const *name = names->items;

	for (size_t i = 0; i < names->count; i++) {
		if (!name_up(n, c, name[i]))
			return false;
	}
	return true;
}

static enum service_level
level_of(struct sim_node *n, const struct config *c, const struct service_view *v)
{
	enum service_level level = LEVEL_UP;

	if (v->admin == ADMIN_DOWN)
		return LEVEL_DOWN;
	if (v->admin == ADMIN_AUTO) {
		if (!all_up(n, c, &v->conf->require) || !all_served(n, &v->conf->listens))
			return LEVEL_DOWN;
		if (!all_up(n, c, &v->conf->prefer))
			level = LEVEL_DEGRADED;
	}
	return v->draining ? LEVEL_DRAINED : level;
}

static const struct conf_map *
neighbors_of(const struct config *c)
{
	const struct bgp_conf *bgp = c->speakers[0];

	return bgp != NULL ? &bgp->neighbors : NULL;
}

static void
truth_route(struct sim_session *x, const struct bgp_neighbor_conf *conf, const struct prefix *p,
    bool expected, const struct attrs *attrs)
{
	const struct sim_route *r = sim_view_find(&x->view, p);
	struct attrs with;
	char text[PREFIX_TEXT];

	prefix_format(p, text, sizeof(text));
	if (!x->up || (r != NULL) != expected) {
		sim_violation(x->node->sim, "truth", "router %s %s %s of node %u", x->name,
		    !x->up     ? "has no session and so not"
		    : expected ? "should have"
			       : "should not have",
		    text, x->node->number);
		return;
	}
	with = attrs_apply(attrs, conf->attributes);
	if (expected && !attrs_equal(&r->attrs, &with))
		sim_violation(
		    x->node->sim, "truth", "router %s has other attributes for %s", x->name, text);
}

/* Deleted by somebody and not to be repaired: then it may be missing, and the route with it. */
static bool
truth_address(struct sim_node *n, const struct service_view *v, const struct prefix *p)
{
	const struct sim_address *a = sim_host_find(&n->host, p);
	char text[PREFIX_TEXT];

	if (a != NULL && a->present) {
		if (strcmp(a->ifname, v->conf->interface) != 0)
			sim_violation(n->sim, "truth", "node %u has %s on %s instead of %s",
			    n->number, prefix_format(p, text, sizeof(text)), a->ifname,
			    v->conf->interface);
		return true;
	}
	if (v->conf->if_missing == ADDRESS_REPAIR)
		sim_violation(n->sim, "truth", "node %u has not put %s back", n->number,
		    prefix_format(p, text, sizeof(text)));
	return false;
}

static void
truth_service(struct sim_node *n, const struct config *c, const struct service_view *v)
{
	enum service_level level = level_of(n, c, v);
	const struct prefix *p = v->conf->addresses.items;
	const struct conf_map *neighbors = neighbors_of(c);
	struct attrs attrs;
	bool announces;

	if (v->level != level)
		sim_violation(n->sim, "truth", "node %u: service %s is %s and should be %s",
		    n->number, v->name, service_level_str(v->level), service_level_str(level));
	announces = sim_level_announces(v->conf, level, &attrs);
	for (size_t i = 0; i < v->conf->addresses.count; i++) {
		bool present = truth_address(n, v, &p[i]);

		for (size_t k = 0; neighbors != NULL && k < neighbors->count; k++)
			truth_route(sim_session_get(n, neighbors->entries[k].name),
			    neighbors->entries[k].value, &p[i], announces && present, &attrs);
	}
}

static size_t
claimed(const struct config *c, const struct prefix *p)
{
	for (size_t i = 0; i < c->services.count; i++) {
		const struct service_conf *s = c->services.entries[i].value;
		const struct prefix *own = s->addresses.items;

		for (size_t k = 0; k < s->addresses.count; k++) {
			if (prefix_equal(&own[k], p))
				return true;
		}
	}
	return false;
}

/* What no service claims any more has gone from the host and from the routers. */
static void
truth_rest(struct sim_node *n, const struct config *c)
{
	const struct conf_map *neighbors = neighbors_of(c);
	const struct sim_address *a;
	struct sim_session *x;
	char text[PREFIX_TEXT];

	TAILQ_FOREACH (a, &n->host.addresses, link) {
		if (a->present && a->ours && !claimed(c, &a->prefix))
			sim_violation(n->sim, "truth", "node %u has not given up %s", n->number,
			    prefix_format(&a->prefix, text, sizeof(text)));
	}
	LIST_FOREACH (x, &n->sessions, link) {
		for (size_t i = 0; i < x->view.count; i++) {
			const struct prefix *p = &x->view.routes[i].prefix;

			if (neighbors == NULL || conf_map_find(neighbors, x->name) == NULL ||
			    !claimed(c, p))
				sim_violation(n->sim, "truth", "router %s still has %s of node %u",
				    x->name, prefix_format(p, text, sizeof(text)), n->number);
		}
	}
}

static void
truth_dead(struct sim_node *n)
{
	const struct sim_session *x;

	LIST_FOREACH (x, &n->sessions, link) {
		if (x->view.count > 0)
			sim_violation(n->sim, "truth", "router %s has routes of dead node %u",
			    x->name, n->number);
	}
}

void
sim_check_truth(struct sim *s)
{
	for (size_t i = 0; i < s->node_count; i++) {
		struct sim_node *n = s->nodes[i];
		struct service_view v;
		const struct config *c;

		if (n->engine == NULL) {
			truth_dead(n);
			continue;
		}
		c = engine_config(n->engine);
		for (size_t k = 0; core_service_at(engine_core(n->engine), k, &v); k++)
			truth_service(n, c, &v);
		truth_rest(n, c);
	}
}
