/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a generation of the configuration to tracks, services and how they hang together.
 *
 * Objects are matched by name. What is named again keeps its state, its history and what operators
 * said about it, even if its options changed: a reload is no reason to withdraw anything, and the
 * new options show their effect with the next fact. (A track that becomes another kind of track is
 * a new one.) What is not named any more is removed; the prefixes that no service claims any more
 * are withdrawn and given up. Then all pointers between objects and all ranks are made anew, and
 * everything is looked at once.
 *
 * The old generation must still be there during core_configure(): the prefixes that a service had
 * are read from it.
 */
#include "base/log.h"
#include "base/mem.h"
#include "core/core_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* -- tracks -- */

static enum track_kind
track_kind_of(const struct track_conf *conf)
{
	if (conf->interface != NULL)
		return TRACK_INTERFACE;
	if (conf->in_time != NULL)
		return TRACK_IN_TIME;
	if (conf->quality != NULL)
		return TRACK_QUALITY;
	return conf->all.count > 0 ? TRACK_ALL : TRACK_ANY;
}

static void
track_free(struct core *c, struct track *t)
{
	due_cancel(&c->track_due, &t->delay_due);
	RB_REMOVE(track_tree, &c->tracks, t);
	core_refs_done(&t->members);
	core_refs_done(&t->lists);
	core_refs_done(&t->services);
	free(t->interface);
	free(t->ports);
	free(t->ring);
	free(t->name);
	free(t);
}

static struct track *
track_get(struct core *c, const char *name, enum track_kind kind, mono_t now)
{
	struct track *t = core_track_find(c, name);

	if (t != NULL && t->kind != kind) {
		track_free(c, t);
		t = NULL;
	}
	if (t == NULL) {
		t = mem_alloc(sizeof(*t));
		t->name = mem_strdup(name);
		t->kind = kind;
		t->why = WHY_START;
		t->since = now;
		RB_INSERT(track_tree, &c->tracks, t);
	}
	t->kept = true;
	core_refs_clear(&t->members);
	core_refs_clear(&t->lists);
	core_refs_clear(&t->services);
	return t;
}

static void
track_configure_probe(struct track *t, const struct probe_conf *conf)
{
	t->rise = conf->rise;
	t->fall = conf->fall;
	t->of = conf->of;
}

/* An interface track starts with what is known of the link. */
static void
track_configure_interface(struct core *c, struct track *t, const char *ifname)
{
	if (str_equal(t->interface, ifname))
		return;
	free(t->interface);
	t->interface = mem_strdup(ifname);
	if (c->links_known)
		track_link(t, core_link_is_up(c, ifname));
}

static void
track_configure(struct core *c, struct track *t, const struct track_conf *conf)
{
	struct track_delay_conf delay = {0};

	if (conf->delay != NULL)
		delay = *conf->delay;
	if (delay.up != t->delay.up || delay.down != t->delay.down)
		t->raw_broken = true;
	t->delay = delay;
	if (t->kind == TRACK_INTERFACE)
		track_configure_interface(c, t, conf->interface);
	else if (t->kind == TRACK_QUALITY)
		track_configure_quality(t, conf->quality);
}

static void
refs_resolve(struct core *c, struct core_refs *refs, const struct conf_list *names)
{
	const char *const *name = names->items;

	core_refs_clear(refs);
	for (size_t i = 0; i < names->count; i++) {
		struct track *t = core_track_find(c, name[i]);

		assert(t != NULL); /* core_check_names() refused the configuration otherwise */
		core_refs_add(refs, t);
	}
}

static void
track_connect(struct core *c, struct track *t, const struct track_conf *conf)
{
	const char *probe = conf->quality != NULL ? conf->quality->probe : conf->in_time;
	const struct conf_list one = {.items = &probe, .count = 1};

	if (probe != NULL)
		refs_resolve(c, &t->members, &one);
	else
		refs_resolve(c, &t->members, t->kind == TRACK_ALL ? &conf->all : &conf->any);
	for (size_t i = 0; i < t->members.count; i++) {
		struct track *m = t->members.items[i];

		core_refs_add(&m->lists, t);
		if (t->kind == TRACK_IN_TIME) {
			t->rise = m->rise;
			t->fall = m->fall;
			t->of = m->of;
		}
	}
}

/* Above every member. The depth is that of the longest chain of lists, which a person wrote. */
static unsigned
track_rank(struct track *t)
{
	if (t->rank != 0 || t->members.count == 0)
		return t->rank;
	assert(!t->ranking); /* core_check_names() refuses loops */
	t->ranking = true;
	for (size_t i = 0; i < t->members.count; i++) {
		unsigned below = track_rank(t->members.items[i]);

		if (t->rank <= below)
			t->rank = below + 1;
	}
	t->ranking = false;
	return t->rank;
}

static size_t
listens_count(const struct conf_map *services)
{
	size_t count = 0;

	for (size_t i = 0; i < services->count; i++) {
		const struct service_conf *s = services->entries[i].value;

		count += s->listens.count;
	}
	return count;
}

/* A track for each port of each service, at the end of the order. */
static void
configure_listens(struct core *c, const struct conf_map *services, size_t at, mono_t now)
{
	for (size_t i = 0; i < services->count; i++) {
		const struct service_conf *s = services->entries[i].value;
		const struct service_listen *l = s->listens.items;

		for (size_t k = 0; k < s->listens.count; k++) {
			char *name = listen_track_name(services->entries[i].name, &l[k]);

			c->order[at] = track_get(c, name, TRACK_LISTEN, now);
			track_configure_listen(c->order[at++], s, &l[k]);
			free(name);
		}
	}
}

static void
configure_tracks(struct core *c, const struct core_conf *conf, mono_t now)
{
	size_t n = 0;

	c->order_count = conf->probes->count + conf->tracks->count + listens_count(conf->services);
	free(c->order);
	c->order = mem_array(c->order_count + 1, sizeof(struct track *));
	for (size_t i = 0; i < conf->probes->count; i++) {
		const struct conf_map_entry *e = &conf->probes->entries[i];

		c->order[n] = track_get(c, e->name, TRACK_PROBE, now);
		track_configure_probe(c->order[n++], e->value);
	}
	for (size_t i = 0; i < conf->tracks->count; i++) {
		const struct conf_map_entry *e = &conf->tracks->entries[i];

		c->order[n] = track_get(c, e->name, track_kind_of(e->value), now);
		track_configure(c, c->order[n++], e->value);
	}
	for (size_t i = 0; i < conf->tracks->count; i++)
		track_connect(c, c->order[conf->probes->count + i], conf->tracks->entries[i].value);
	configure_listens(c, conf->services, n, now);
}

static void
rank_tracks(struct core *c)
{
	c->ranks = 1;
	for (size_t i = 0; i < c->order_count; i++)
		c->order[i]->rank = 0;
	for (size_t i = 0; i < c->order_count; i++) {
		unsigned rank = track_rank(c->order[i]);

		if (rank >= c->ranks)
			c->ranks = rank + 1;
	}
	free(c->dirty);
	c->dirty = mem_array(c->ranks, sizeof(*c->dirty));
	for (unsigned i = 0; i < c->ranks; i++)
		TAILQ_INIT(&c->dirty[i]);
}

/* -- services -- */

static void
service_free(struct core *c, struct service *s)
{
	due_cancel(&c->service_due, &s->due);
	TAILQ_REMOVE(&c->services, s, link);
	core_refs_done(&s->require);
	core_refs_done(&s->prefer);
	free(s->culprit);
	free(s->name);
	free(s);
}

static struct service *
service_new(const char *name, mono_t now)
{
	struct service *s = mem_alloc(sizeof(*s));

	s->name = mem_strdup(name);
	s->fresh = true;
	s->why = WHY_START;
	s->since = now;
	return s;
}

static intent_audience
service_audience(const struct core *c, const struct service_conf *conf, intent_audience configured)
{
	const char *const *word = conf->advertise.items;
	intent_audience audience = 0;

	if (conf->advertise.count == 0)
		return configured;
	for (size_t i = 0; i < conf->advertise.count; i++) {
		for (unsigned k = 0; c->env->speakers[k] != NULL; k++) {
			if (strcmp(c->env->speakers[k], word[i]) == 0)
				audience |= 1u << k;
		}
	}
	return audience;
}

static void
service_connect(struct core *c, struct service *s)
{
	refs_resolve(c, &s->require, &s->conf->require);
	refs_resolve(c, &s->prefer, &s->conf->prefer);
	for (size_t i = 0; i < s->conf->listens.count; i++) {
		const struct service_listen *l = s->conf->listens.items;
		char *name = listen_track_name(s->name, &l[i]);

		core_refs_add(&s->require, core_track_find(c, name));
		free(name);
	}
	for (size_t i = 0; i < s->require.count; i++) {
		struct track *t = s->require.items[i];

		core_refs_add(&t->services, s);
	}
	for (size_t i = 0; i < s->prefer.count; i++) {
		struct track *t = s->prefer.items[i];

		core_refs_add(&t->services, s);
	}
}

static int
prefix_order(const void *a, const void *b)
{
	return prefix_cmp(a, b);
}

/* Every prefix that the generation claims, sorted. */
static struct prefix *
claims_new(const struct conf_map *services, size_t *count)
{
	struct prefix *claims;
	size_t total = 0, n = 0;

	for (size_t i = 0; i < services->count; i++) {
		const struct service_conf *s = services->entries[i].value;

		total += s->addresses.count;
	}
	claims = mem_array(total + 1, sizeof(*claims));
	for (size_t i = 0; i < services->count; i++) {
		const struct service_conf *s = services->entries[i].value;

		if (s->addresses.count == 0)
			continue;
		memcpy(&claims[n], s->addresses.items, s->addresses.count * sizeof(*claims));
		n += s->addresses.count;
	}
	qsort(claims, n, sizeof(*claims), prefix_order);
	*count = n;
	return claims;
}

/* Gives up the prefixes of the generation before that nobody claims in this one. */
static void
services_unclaim(struct core *c, const struct conf_map *services, mono_t now)
{
	size_t count;
	struct prefix *claims = claims_new(services, &count);
	struct service *s;

	TAILQ_FOREACH (s, &c->services, link) {
		struct intent_ask ask = {.service = s->name,
		    .why = WHY_CONFIG,
		    .level = s->level,
		    .drain = s->conf->drain};
		const struct prefix *p = s->conf->addresses.items;

		for (size_t i = 0; i < s->conf->addresses.count; i++) {
			if (bsearch(&p[i], claims, count, sizeof(*claims), prefix_order) == NULL)
				intent_set(c->intent, &p[i], &ask, now);
		}
	}
	free(claims);
}

/* The existing services, sorted by name, so that ten thousand are matched quickly. */
static int
service_order(const void *a, const void *b)
{
	const struct service *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static struct service *
service_match(struct service **sorted, size_t count, const char *name)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int order = strcmp(name, sorted[mid]->name);

		if (order == 0)
			return sorted[mid];
		if (order < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

static void
configure_services(struct core *c, const struct core_conf *conf, mono_t now)
{
	const struct conf_map *map = conf->services;
	struct service **old = c->service_order;
	size_t old_count = c->service_count;

	services_unclaim(c, map, now);
	if (old_count > 0)
		qsort(old, old_count, sizeof(*old), service_order);
	c->service_count = map->count;
	c->service_order = mem_array(map->count + 1, sizeof(struct service *));
	for (size_t i = 0; i < map->count; i++) {
		const struct conf_map_entry *e = &map->entries[i];
		struct service *s = service_match(old, old_count, e->name);

		if (s == NULL)
			s = service_new(e->name, now);
		else
			TAILQ_REMOVE(&c->services, s, link);
		s->kept = true;
		s->conf = e->value;
		s->audience = service_audience(c, s->conf, conf->configured);
		s->stopping = c->stopping;
		s->asks = true;
		TAILQ_INSERT_TAIL(&c->services, s, link);
		c->service_order[i] = s;
	}
	free(old);
}

/* -- removal -- */

static void
remove_tracks(struct core *c)
{
	struct track *t, *next;

	RB_FOREACH_SAFE (t, track_tree, &c->tracks, next) {
		if (!t->kept)
			track_free(c, t);
	}
}

static void
remove_services(struct core *c)
{
	struct service *s, *next;

	TAILQ_FOREACH_SAFE (s, &c->services, link, next) {
		if (s->kept)
			continue;
		log_notice("service %s: removed by the configuration", s->name);
		service_free(c, s);
	}
}

/* Takes everything off the lists of marked objects, and forgets who was named. */
static void
unmark_all(struct core *c)
{
	struct service *s;
	struct track *t;

	RB_FOREACH (t, track_tree, &c->tracks) {
		t->dirty = false;
		t->kept = false;
	}
	TAILQ_FOREACH (s, &c->services, link) {
		s->dirty = false;
		s->kept = false;
	}
	TAILQ_INIT(&c->dirty_services);
}

void
core_configure(struct core *c, const struct core_conf *conf, mono_t now)
{
	unmark_all(c);
	configure_tracks(c, conf, now);
	rank_tracks(c);
	configure_services(c, conf, now);
	remove_services(c);
	remove_tracks(c);
	for (size_t i = 0; i < c->order_count; i++)
		core_mark_track(c, c->order[i]);
	for (size_t i = 0; i < c->service_count; i++) {
		service_connect(c, c->service_order[i]);
		core_mark_service(c, c->service_order[i]);
	}
}

void
core_forget(struct core *c)
{
	struct service *s, *next_service;
	struct track *t, *next;

	TAILQ_FOREACH_SAFE (s, &c->services, link, next_service)
		service_free(c, s);
	RB_FOREACH_SAFE (t, track_tree, &c->tracks, next)
		track_free(c, t);
	free(c->order);
	free(c->dirty);
	free(c->service_order);
}
