/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two tables behind an Adj-RIB-Out.
 *
 * bgp_rib remembers for each prefix which attributes the neighbor has and since when: 28 bytes in
 * an open-addressed table with linear probing, at most three quarters full. Removing closes the gap
 * by moving later entries back, so there are no tombstones and no clean-up.
 *
 * bgp_sets gives every distinct set of attributes one number, so that two routes can be compared
 * and grouped by comparing numbers. A set lives as long as a route uses it.
 *
 * Both are empty without a session and take no memory then.
 */
#include "proto/bgp/bgp_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RIB_MIN  64
#define SETS_MIN 16

/* -- prefixes -- */

/* Where the prefix is, or the free slot where it would be. */
static size_t
rib_probe(const struct bgp_rib *r, const struct prefix *p)
{
	size_t i = prefix_hash(p) & (r->size - 1);

	while (r->slots[i].set != 0 && !prefix_equal(&r->slots[i].prefix, p))
		i = (i + 1) & (r->size - 1);
	return i;
}

static void
rib_grow(struct bgp_rib *r)
{
	struct bgp_rib old = *r;

	r->size = old.size != 0 ? old.size * 2 : RIB_MIN;
	r->slots = mem_array(r->size, sizeof(*r->slots));
	for (size_t i = 0; i < old.size; i++) {
		if (old.slots[i].set != 0)
			r->slots[rib_probe(r, &old.slots[i].prefix)] = old.slots[i];
	}
	free(old.slots);
}

const struct bgp_rib_slot *
bgp_rib_find(const struct bgp_rib *r, const struct prefix *p)
{
	const struct bgp_rib_slot *slot;

	if (r->count == 0)
		return NULL;
	slot = &r->slots[rib_probe(r, p)];
	return slot->set != 0 ? slot : NULL;
}

struct bgp_rib_slot *
bgp_rib_put(struct bgp_rib *r, const struct prefix *p)
{
	struct bgp_rib_slot *slot;

	if ((r->count + 1) * 4 > r->size * 3)
		rib_grow(r);
	slot = &r->slots[rib_probe(r, p)];
	if (slot->set == 0) {
		slot->prefix = *p;
		r->count++;
	}
	return slot;
}

uint32_t
bgp_rib_del(struct bgp_rib *r, const struct prefix *p)
{
	size_t gap, i, mask = r->size - 1;
	uint32_t set;

	if (r->count == 0)
		return 0;
	gap = rib_probe(r, p);
	set = r->slots[gap].set;
	if (set == 0)
		return 0;
	/* An entry may move into the gap unless its own place lies behind the gap. */
	for (i = (gap + 1) & mask; r->slots[i].set != 0; i = (i + 1) & mask) {
		size_t home = prefix_hash(&r->slots[i].prefix) & mask;
		if (((i - home) & mask) >= ((i - gap) & mask)) {
			r->slots[gap] = r->slots[i];
			gap = i;
		}
	}
	r->slots[gap] = (struct bgp_rib_slot){0};
	r->count--;
	return set;
}

void
bgp_rib_done(struct bgp_rib *r)
{
	free(r->slots);
	*r = (struct bgp_rib){0};
}

/* -- attributes -- */

static uint32_t
mix(uint32_t h, uint32_t v)
{
	h = (h ^ v) * 16777619u;
	return h ^ h >> 15;
}

static uint32_t
mix_addr(uint32_t h, const struct addr *a)
{
	for (size_t i = 0; i < sizeof(a->bytes); i++)
		h = mix(h, a->bytes[i]);
	return h;
}

static uint32_t
route_hash(const struct bgp_route *r)
{
	uint32_t h = mix(2166136261u, (uint32_t)r->af);

	h = mix(h, r->attrs.has_med ? 1 + r->attrs.med : 0);
	h = mix(h, r->attrs.has_local_pref ? 1 + r->attrs.local_pref : 0);
	h = mix(h, r->attrs.prepend);
	for (size_t i = 0; i < r->attrs.community_count; i++)
		h = mix(h, r->attrs.communities[i]);
	h = mix_addr(h, &r->next_hop);
	return mix_addr(h, &r->next_hop_ll);
}

static bool
route_equal(const struct bgp_route *a, const struct bgp_route *b)
{
	return a->af == b->af && attrs_equal(&a->attrs, &b->attrs) &&
	       addr_equal(&a->next_hop, &b->next_hop) &&
	       addr_equal(&a->next_hop_ll, &b->next_hop_ll);
}

static void
sets_grow_buckets(struct bgp_sets *s)
{
	free(s->buckets);
	s->size = s->size != 0 ? s->size * 2 : SETS_MIN;
	s->buckets = mem_array(s->size, sizeof(*s->buckets));
	for (uint32_t i = 1; i < s->count; i++) {
		struct bgp_set *set = &s->items[i];
		if (set->routes == 0)
			continue;
		set->next = s->buckets[set->hash & (s->size - 1)];
		s->buckets[set->hash & (s->size - 1)] = i;
	}
}

/* The number of a set that is free to use. */
static uint32_t
sets_take(struct bgp_sets *s)
{
	uint32_t i = s->free;

	if (i != 0) {
		s->free = s->items[i].next;
		return i;
	}
	if (s->count == 0)
		s->count = 1;
	if (s->count >= s->cap) {
		s->cap = s->cap != 0 ? s->cap * 2 : SETS_MIN;
		s->items = mem_resize(s->items, s->cap, sizeof(*s->items));
	}
	return s->count++;
}

uint32_t
bgp_sets_get(struct bgp_sets *s, const struct bgp_route *route)
{
	uint32_t hash = route_hash(route), i;

	if (s->live >= s->size)
		sets_grow_buckets(s);
	for (i = s->buckets[hash & (s->size - 1)]; i != 0; i = s->items[i].next) {
		if (s->items[i].hash == hash && route_equal(&s->items[i].route, route))
			return i;
	}
	i = sets_take(s);
	s->items[i] = (struct bgp_set){
	    .route = *route, .hash = hash, .next = s->buckets[hash & (s->size - 1)]};
	s->buckets[hash & (s->size - 1)] = i;
	s->live++;
	return i;
}

void
bgp_sets_ref(struct bgp_sets *s, uint32_t set)
{
	s->items[set].routes++;
}

void
bgp_sets_unref(struct bgp_sets *s, uint32_t set)
{
	struct bgp_set *item = &s->items[set];
	uint32_t *at = &s->buckets[item->hash & (s->size - 1)];

	assert(item->routes > 0);
	if (--item->routes > 0)
		return;
	while (*at != set)
		at = &s->items[*at].next;
	*at = item->next;
	item->next = s->free;
	s->free = set;
	s->live--;
}

void
bgp_sets_done(struct bgp_sets *s)
{
	free(s->items);
	free(s->buckets);
	*s = (struct bgp_sets){0};
}
