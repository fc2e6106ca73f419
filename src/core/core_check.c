/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no schema row can check: names that point across the configuration.
 *
 * Reported, all at once: a name that is both a probe and a track; a reference to nothing, with the
 * nearest name as a suggestion; a loop between tracks; a prefix that is listed twice. After this,
 * core_configure() may resolve every name without asking.
 */
#include "core/core_priv.h"

#include <stdlib.h>

struct name_check {
	struct conf_ctx *ctx;
	const struct core_conf *conf;
	const char **names; /* of all probes and tracks, NULL-terminated */
};

static void
names_collect(struct name_check *k)
{
	const struct conf_map *maps[] = {k->conf->probes, k->conf->tracks};
	size_t n = 0;

	k->names = mem_array(maps[0]->count + maps[1]->count + 1, sizeof(*k->names));
	for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
		for (size_t i = 0; i < maps[m]->count; i++)
			k->names[n++] = maps[m]->entries[i].name;
	}
}

static void
check_twice(struct name_check *k)
{
	for (size_t i = 0; i < k->conf->tracks->count; i++) {
		const struct conf_map_entry *e = &k->conf->tracks->entries[i];
		const struct conf_map_entry *probe = conf_map_find(k->conf->probes, e->name);

		if (probe != NULL)
			conf_error_at(k->ctx, e->line, e->column,
			    "track \"%s\": a probe has this name already (line %u), and every "
			    "probe is a track of its own name; rename one of them",
			    e->name, probe->line);
	}
}

static void
check_list(struct name_check *k, const struct conf_map_entry *e, const char *kind,
    const char *option, const struct conf_list *names)
{
	const char *const *name = names->items;

	for (size_t i = 0; i < names->count; i++) {
		const char *near;

		if (conf_map_find(k->conf->probes, name[i]) != NULL ||
		    conf_map_find(k->conf->tracks, name[i]) != NULL)
			continue;
		near = str_nearest(name[i], k->names);
		conf_error_at(k->ctx, e->line, e->column,
		    "%s \"%s\": %s: there is no probe or track \"%s\"%s%s%s", kind, e->name, option,
		    name[i], near != NULL ? " (did you mean \"" : "", near != NULL ? near : "",
		    near != NULL ? "\"?)" : "");
	}
}

/* The probe that a track follows. NULL after saying that it is none. */
static const struct probe_conf *
check_probe(
    struct name_check *k, const struct conf_map_entry *e, const char *option, const char *probe)
{
	const struct conf_list one = {.items = &probe, .count = 1};
	const struct conf_map_entry *p = conf_map_find(k->conf->probes, probe);

	if (p != NULL)
		return p->value;
	if (conf_map_find(k->conf->tracks, probe) != NULL)
		conf_error_at(k->ctx, e->line, e->column,
		    "track \"%s\": %s: \"%s\" is a track; name a probe", e->name, option, probe);
	else
		check_list(k, e, "track", option, &one);
	return NULL;
}

/* `in-time` follows a probe that knows what late is. */
static void
check_in_time(struct name_check *k, const struct conf_map_entry *e, const char *probe)
{
	const struct probe_conf *conf = check_probe(k, e, "in-time", probe);

	if (conf != NULL && conf->threshold == 0)
		conf_error_at(k->ctx, e->line, e->column,
		    "track \"%s\": in-time: probe \"%s\" has no threshold; give it one, as in "
		    "threshold: 50ms",
		    e->name, probe);
}

static void
check_references(struct name_check *k)
{
	for (size_t i = 0; i < k->conf->tracks->count; i++) {
		const struct conf_map_entry *e = &k->conf->tracks->entries[i];
		const struct track_conf *t = e->value;

		check_list(k, e, "track", "all", &t->all);
		check_list(k, e, "track", "any", &t->any);
		if (t->in_time != NULL)
			check_in_time(k, e, t->in_time);
		if (t->quality != NULL && t->quality->probe != NULL)
			check_probe(k, e, "quality", t->quality->probe);
	}
	for (size_t i = 0; i < k->conf->services->count; i++) {
		const struct conf_map_entry *e = &k->conf->services->entries[i];
		const struct service_conf *s = e->value;

		check_list(k, e, "service", "require", &s->require);
		check_list(k, e, "service", "prefer", &s->prefer);
	}
}

/* -- loops: a walk in depth that colours what it has seen -- */

enum loop_colour { LOOP_NEW, LOOP_ON_PATH, LOOP_DONE };

struct loop_walk {
	struct name_check *check;
	enum loop_colour *colour;
	const struct conf_map_entry **path;
	size_t depth;
};

static void
loop_report(struct loop_walk *w, const struct conf_map_entry *back)
{
	struct str text = {0};
	size_t i = w->depth;

	while (w->path[i - 1] != back)
		i--;
	for (i--; i < w->depth; i++)
		str_printf(&text, "%s, ", w->path[i]->name);
	str_add(&text, back->name);
	conf_error_at(w->check->ctx, back->line, back->column,
	    "track \"%s\": it depends on itself: %s; take it out of one of these lists", back->name,
	    str_text(&text));
	str_done(&text);
}

static void
loop_walk(struct loop_walk *w, const struct conf_map_entry *e)
{
	const struct conf_map *tracks = w->check->conf->tracks;
	const struct track_conf *t = e->value;
	const struct conf_list *lists[] = {&t->all, &t->any};
	size_t index = (size_t)(e - tracks->entries);

	if (w->colour[index] == LOOP_ON_PATH)
		loop_report(w, e);
	if (w->colour[index] != LOOP_NEW)
		return;
	w->colour[index] = LOOP_ON_PATH;
	w->path[w->depth++] = e;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
		const char *const *name = lists[l]->items;

		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct conf_map_entry *m = conf_map_find(tracks, name[i]);

			if (m != NULL)
				loop_walk(w, m);
		}
	}
	w->depth--;
	w->colour[index] = LOOP_DONE;
}

static void
check_loops(struct name_check *k)
{
	const struct conf_map *tracks = k->conf->tracks;
	struct loop_walk w = {.check = k};

	w.colour = mem_array(tracks->count + 1, sizeof(*w.colour));
	w.path = mem_array(tracks->count + 1, sizeof(*w.path));
	for (size_t i = 0; i < tracks->count; i++)
		loop_walk(&w, &tracks->entries[i]);
	free(w.colour);
	free(w.path);
}

/* -- prefixes -- */

struct prefix_claim {
	struct prefix prefix;
	const struct conf_map_entry *service;
};

/* By prefix, then by the place of the service in the file. */
static int
claim_order(const void *a, const void *b)
{
	const struct prefix_claim *x = a, *y = b;
	int order = prefix_cmp(&x->prefix, &y->prefix);

	if (order != 0)
		return order;
	return x->service < y->service ? -1 : x->service > y->service;
}

static void
check_prefixes(struct name_check *k)
{
	const struct conf_map *services = k->conf->services;
	struct prefix_claim *claims;
	size_t total = 0, n = 0;
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < services->count; i++)
		total += ((const struct service_conf *)services->entries[i].value)->addresses.count;
	claims = mem_array(total + 1, sizeof(*claims));
	for (size_t i = 0; i < services->count; i++) {
		const struct service_conf *s = services->entries[i].value;
		const struct prefix *p = s->addresses.items;

		for (size_t a = 0; a < s->addresses.count; a++)
			claims[n++] = (struct prefix_claim){p[a], &services->entries[i]};
	}
	qsort(claims, n, sizeof(*claims), claim_order);
	for (size_t i = 1; i < n; i++) {
		const struct conf_map_entry *before = claims[i - 1].service;
		const struct conf_map_entry *e = claims[i].service;

		if (!prefix_equal(&claims[i].prefix, &claims[i - 1].prefix))
			continue;
		prefix_format(&claims[i].prefix, text, sizeof(text));
		if (e == before)
			conf_error_at(k->ctx, e->line, e->column,
			    "service \"%s\": addresses: %s is listed twice", e->name, text);
		else
			conf_error_at(k->ctx, e->line, e->column,
			    "service \"%s\": addresses: %s belongs to service \"%s\" already (line "
			    "%u)",
			    e->name, text, before->name, before->line);
	}
	free(claims);
}

void
core_check_names(struct conf_ctx *ctx, const struct core_conf *conf)
{
	struct name_check k = {.ctx = ctx, .conf = conf};

	names_collect(&k);
	check_twice(&k);
	check_references(&k);
	check_loops(&k);
	check_prefixes(&k);
	free(k.names);
}
