/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions of one node: facts in, intent out.
 *
 * A fact changes a track's raw state at once and marks the track; a mark wakes whoever runs the
 * core. core_run() then looks at the marked tracks in the order of their ranks (a list's rank is
 * above that of its members, so each track is looked at once), at the marked services after them,
 * and lets every service whose level changed say to the intent what it wants. So a hundred tracks
 * that move in one turn make one change.
 *
 * Deadlines (delays, hold-ups, drains) wait in trees; a deadline that comes marks its object like a
 * fact does. track_set_state() and service_set_level() are the only places where states change:
 * they log, count, record and mark who depends on it.
 *
 * core_configure() is in core_conf.c, the views in core_view.c.
 */
#include "core/core.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int
core_track_cmp(const struct track *a, const struct track *b)
{
	return strcmp(a->name, b->name);
}

int
core_link_cmp(const struct core_link *a, const struct core_link *b)
{
	return strcmp(a->ifname, b->ifname);
}

RB_GENERATE(track_tree, track, tree, core_track_cmp)
RB_GENERATE(core_links, core_link, tree, core_link_cmp)

/* -- lists of pointers -- */

void
core_refs_add(struct core_refs *refs, void *item)
{
	if (refs->count == refs->cap) {
		refs->cap = refs->cap == 0 ? 4 : refs->cap * 2;
		refs->items = mem_resize(refs->items, refs->cap, sizeof(*refs->items));
	}
	refs->items[refs->count++] = item;
}

void
core_refs_clear(struct core_refs *refs)
{
	refs->count = 0;
}

void
core_refs_done(struct core_refs *refs)
{
	free(refs->items);
	*refs = (struct core_refs){0};
}

/* -- finding and marking -- */

struct track *
core_track_find(const struct core *c, const char *name)
{
	struct track *t = RB_ROOT(&c->tracks);

	while (t != NULL) {
		int order = strcmp(name, t->name);

		if (order == 0)
			return t;
		t = order < 0 ? RB_LEFT(t, tree) : RB_RIGHT(t, tree);
	}
	return NULL;
}

static struct core_link *
link_find(const struct core *c, const char *ifname)
{
	struct core_link *l = RB_ROOT(&c->links);

	while (l != NULL) {
		int order = strcmp(ifname, l->ifname);

		if (order == 0)
			return l;
		l = order < 0 ? RB_LEFT(l, tree) : RB_RIGHT(l, tree);
	}
	return NULL;
}

bool
core_link_is_up(const struct core *c, const char *ifname)
{
	return link_find(c, ifname) != NULL;
}

struct service *
core_service_find(const struct core *c, const char *name)
{
	struct service *s;

	TAILQ_FOREACH (s, &c->services, link) {
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

static void
core_wake(struct core *c)
{
	if (!c->running && c->env->wake != NULL)
		c->env->wake(c->env);
}

static void
on_intent_wake(struct intent_host *h)
{
	core_wake(container_of(h, struct core, intent_host));
}

void
core_mark_track(struct core *c, struct track *t)
{
	if (t->dirty)
		return;
	t->dirty = true;
	TAILQ_INSERT_TAIL(&c->dirty[t->rank], t, dirty_link);
	core_wake(c);
}

void
core_mark_service(struct core *c, struct service *s)
{
	if (s->dirty)
		return;
	s->dirty = true;
	TAILQ_INSERT_TAIL(&c->dirty_services, s, dirty_link);
	core_wake(c);
}

/* -- the only places where states change -- */

/* What changed, for the history. */
static void
core_record(struct core *c, struct history_event *e, const char *name, const char *detail)
{
	if (c->env->history == NULL)
		return;
	str_copy(e->object, sizeof(e->object), name);
	str_copy(e->detail, sizeof(e->detail), detail);
	e->wall_ns = e->at.ns + c->env->wall_offset_ns;
	history_add(c->env->history, e);
}

void
track_set_state(struct core *c, struct track *t, enum track_state state, mono_t now)
{
	struct history_event e = {.at = now, .kind = t->kind == TRACK_PROBE ? "probe" : "track"};
	enum track_state from = t->state;

	assert(state != from);
	t->state = state;
	t->why = t->raw_why;
	t->since = now;
	t->counts[state][t->why]++;
	str_copy(e.from, sizeof(e.from), track_state_str(from));
	str_copy(e.to, sizeof(e.to), track_state_str(state));
	str_copy(e.why, sizeof(e.why), why_str(t->why));
	core_record(c, &e, t->name, t->detail);
	log_info("%s %s: %s -> %s: %s%s%s", e.kind, t->name, e.from, e.to, why_text(t->why),
	    t->detail[0] != '\0' ? ": " : "", t->detail);
	for (size_t i = 0; i < t->lists.count; i++)
		core_mark_track(c, t->lists.items[i]);
	for (size_t i = 0; i < t->services.count; i++)
		core_mark_service(c, t->services.items[i]);
}

static void
service_set_culprit(struct service *s, const char *culprit)
{
	if (str_equal(s->culprit, culprit))
		return;
	free(s->culprit);
	s->culprit = culprit != NULL ? mem_strdup(culprit) : NULL;
}

void
service_set_level(struct core *c, struct service *s, const struct service_verdict *v, mono_t now)
{
	struct history_event e = {.at = now, .kind = "service"};
	enum service_level from = s->level;

	service_set_culprit(s, v->culprit);
	if (v->level == from && v->why == s->why)
		return;
	s->why = v->why;
	s->asks = true;
	if (v->level == from) {
		log_info("service %s: still %s: %s%s%s", s->name, service_level_str(from),
		    why_text(v->why), v->culprit != NULL ? ": " : "",
		    v->culprit != NULL ? v->culprit : "");
		return;
	}
	if (v->level == LEVEL_DOWN && v->why == WHY_REQUIRE)
		damping_penalise(s, now);
	s->level = v->level;
	s->since = now;
	s->counts[v->level][v->why]++;
	str_copy(e.from, sizeof(e.from), service_level_str(from));
	str_copy(e.to, sizeof(e.to), service_level_str(v->level));
	str_copy(e.why, sizeof(e.why), why_str(v->why));
	core_record(c, &e, s->name, v->culprit != NULL ? v->culprit : "");
	log_notice("service %s: %s -> %s: %s%s%s", s->name, e.from, e.to, why_text(v->why),
	    v->culprit != NULL ? ": " : "", v->culprit != NULL ? v->culprit : "");
}

/* -- facts -- */

void
core_sample(struct core *c, const char *probe, const struct probe_sample *s, mono_t now)
{
	struct track *t = core_track_find(c, probe);

	if (t == NULL || t->kind != TRACK_PROBE)
		return;
	if (track_sample(t, s))
		core_mark_track(c, t);
	for (size_t i = 0; i < t->lists.count; i++) {
		struct track *follower = t->lists.items[i];

		if ((follower->kind == TRACK_IN_TIME || follower->kind == TRACK_QUALITY) &&
		    track_sample(follower, s))
			core_mark_track(c, follower);
	}
}

void
core_served(struct core *c, const struct kernel_listen *what, enum kernel_served served,
    enum why why, mono_t now)
{
	for (size_t i = 0; i < c->order_count; i++) {
		struct track *t = c->order[i];

		if (t->kind == TRACK_LISTEN && track_served(t, what, served, why))
			core_mark_track(c, t);
	}
}

static void
link_remember(struct core *c, const char *ifname, bool up)
{
	struct core_link *l = link_find(c, ifname);

	c->links_known = true;
	if (up == (l != NULL))
		return;
	if (up) {
		l = mem_alloc(sizeof(*l));
		l->ifname = mem_strdup(ifname);
		RB_INSERT(core_links, &c->links, l);
		return;
	}
	RB_REMOVE(core_links, &c->links, l);
	free(l->ifname);
	free(l);
}

void
core_link(struct core *c, const char *ifname, bool up, mono_t now)
{
	link_remember(c, ifname, up);
	for (size_t i = 0; i < c->order_count; i++) {
		struct track *t = c->order[i];

		if (t->kind == TRACK_INTERFACE && strcmp(t->interface, ifname) == 0 &&
		    track_link(t, up))
			core_mark_track(c, t);
	}
}

void
core_address(struct core *c, const struct prefix *p, bool present, mono_t now)
{
	intent_address_present(c->intent, p, present, now);
}

int
core_admin(struct core *c, const char *service, enum service_admin admin, mono_t now)
{
	struct service *s = core_service_find(c, service);

	if (s == NULL)
		return -1;
	s->admin = admin;
	core_mark_service(c, s);
	return 0;
}

int
core_drain(struct core *c, const char *service, bool drain, mono_t until, mono_t now)
{
	struct service *s = core_service_find(c, service);

	if (s == NULL)
		return -1;
	s->draining = drain;
	s->drain_until = until;
	core_mark_service(c, s);
	return 0;
}

void
core_stop(struct core *c, mono_t now)
{
	struct service *s;

	c->stopping = true;
	TAILQ_FOREACH (s, &c->services, link) {
		s->stopping = true;
		core_mark_service(c, s);
	}
}

bool
core_stopped(const struct core *c)
{
	return c->stopping && intent_first(c->intent) == NULL;
}

/* -- decision -- */

/* Tells the intent what the service wants of every address. */
static void
service_ask(struct core *c, struct service *s, mono_t now)
{
	const struct level_conf *level = service_level_conf(s->conf, s->level);
	const struct prefix *prefixes = s->conf->addresses.items;
	struct attrs none = {0};
	struct attrs own = attrs_apply(&none, s->conf->attributes);
	struct intent_ask ask = {
	    .service = s->name,
	    .interface = s->conf->interface,
	    .attrs = attrs_apply(&own, level->attrs),
	    .audience = s->audience,
	    .level = s->level,
	    .why = s->why,
	    .repair = s->conf->if_missing == ADDRESS_REPAIR,
	    .drain = s->conf->drain,
	    .address = !s->stopping,
	    .route = !s->stopping && !level->withdraw,
	};

	for (size_t i = 0; i < s->conf->addresses.count; i++)
		intent_set(c->intent, &prefixes[i], &ask, now);
}

static void
run_track(struct core *c, struct track *t, mono_t now)
{
	t->dirty = false;
	if (t->kind == TRACK_ALL || t->kind == TRACK_ANY)
		track_combine(t);
	if (track_ripe(t, &c->track_due, now))
		track_set_state(c, t, t->raw, now);
}

static void
run_service(struct core *c, struct service *s, mono_t now)
{
	struct service_verdict v = service_judge(s, now);

	s->dirty = false;
	service_set_level(c, s, &v, now);
	due_set(&c->service_due, &s->due, service_deadline(s));
	if (!s->asks)
		return;
	s->asks = false;
	service_ask(c, s, now);
}

mono_t
core_run(struct core *c, mono_t now)
{
	struct due_node *n;
	struct service *s;
	struct track *t;
	mono_t next;

	c->running = true;
	while ((n = due_pop(&c->track_due, now)) != NULL)
		core_mark_track(c, container_of(n, struct track, delay_due));
	while ((n = due_pop(&c->service_due, now)) != NULL)
		core_mark_service(c, container_of(n, struct service, due));
	for (unsigned rank = 0; rank < c->ranks; rank++) {
		while ((t = TAILQ_FIRST(&c->dirty[rank])) != NULL) {
			TAILQ_REMOVE(&c->dirty[rank], t, dirty_link);
			run_track(c, t, now);
		}
	}
	while ((s = TAILQ_FIRST(&c->dirty_services)) != NULL) {
		TAILQ_REMOVE(&c->dirty_services, s, dirty_link);
		run_service(c, s, now);
	}
	next = intent_run(c->intent, now);
	c->running = false;
	next = mono_min(next, due_next(&c->track_due));
	return mono_min(next, due_next(&c->service_due));
}

/* -- life -- */

struct core *
core_new(struct core_env *env)
{
	struct core *c = mem_alloc(sizeof(*c));

	c->env = env;
	c->intent = intent_new();
	c->intent_host = (struct intent_host){
	    .wake = on_intent_wake,
	    .history = env->history,
	    .wall_offset_ns = env->wall_offset_ns,
	};
	intent_attach(c->intent, &c->intent_host);
	RB_INIT(&c->tracks);
	RB_INIT(&c->links);
	TAILQ_INIT(&c->services);
	TAILQ_INIT(&c->dirty_services);
	due_init(&c->track_due);
	due_init(&c->service_due);
	return c;
}

void
core_free(struct core *c)
{
	struct core_link *l;

	if (c == NULL)
		return;
	intent_free(c->intent);
	core_forget(c);
	while ((l = RB_ROOT(&c->links)) != NULL) {
		RB_REMOVE(core_links, &c->links, l);
		free(l->ifname);
		free(l);
	}
	free(c);
}

struct intent *
core_intent(struct core *c)
{
	return c->intent;
}
