/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adj-RIB-Out: what a neighbor has from us, and how it gets the rest.
 *
 * The neighbor is a sink of the intent. The intent's cursor is the queue: as long as there is room
 * in the session's buffer, a batch of changed entries is taken from it, compared with what the
 * neighbor has (bgp_rib.c), sorted by attributes and packed: withdrawals first, then one UPDATE for
 * each set of attributes, or as many as its prefixes need. When the buffer is full the walk stops,
 * and goes on when the socket has taken something; so a neighbor that reads slowly costs 64 KiB and
 * never a list of what it has missed. A batch is only as large as its worst packing fits the room.
 *
 * All of it happens in a task at the end of the loop's turn: many changes make one UPDATE. A
 * session that has just come up, changed attributes and a ROUTE-REFRESH (RFC 2918, 7313) are the
 * same walk from the beginning.
 *
 * A withdrawal is settled when the neighbor's TCP has acknowledged its last byte, which a short
 * timer asks for as long as one is on its way. Without a session the cursor stands at the beginning
 * and nothing is owed, because the neighbor has nothing from us.
 */
#include "proto/bgp/bgp_priv.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_MAX    8192 /* entries looked at in one go */
#define BATCH_ROUNDS 16   /* batches in one turn of the loop */
#define ROOM_MIN     ((size_t)8 * 1024)
#define OVERHEAD     256 /* more than the header and attributes of any UPDATE of ours */
#define SETTLE_MIN   DUR_MS
#define SETTLE_MAX   (64 * DUR_MS)

struct bgp_batch {
	struct {
		struct prefix prefix;
		uint32_t next; /* of the same chain: index + 1 */
	} item[BATCH_MAX];
	size_t count;
	struct {
		uint32_t head, tail; /* index + 1 */
	} withdraw[BGP_AF_COUNT];
	uint32_t sets[BATCH_MAX]; /* with a chain in this batch */
	size_t set_count;
	size_t bytes; /* that packing will need at most */
};

struct bgp_batch *
bgp_batch_new(void)
{
	return mem_alloc(sizeof(struct bgp_batch));
}

void
bgp_batch_free(struct bgp_batch *b)
{
	free(b);
}

static const char *const held_texts[BGP_HELD_COUNT] = {
    [BGP_HELD_NOT] = "",
    [BGP_HELD_CONFIG] = "the neighbor's 'families' leaves this family out",
    [BGP_HELD_PEER] = "the neighbor did not offer this family",
    [BGP_HELD_NEXT_HOP] = "no next hop of this family: set 'next-hop' or 'next-hop-ipv6'",
};

const char *
bgp_held_text(enum bgp_held held)
{
	return held_texts[held];
}

static enum bgp_af
prefix_af(const struct prefix *p)
{
	return p->addr.family == ADDR_V6 ? BGP_AF_IPV6 : BGP_AF_IPV4;
}

/* -- policy -- */

/* RFC 4271 section 5.1.3: ourselves, unless the configuration knows better. RFC 2545 section 3: the
 * link-local address goes along when the session runs over it. */
static void
export_update(struct bgp_out *o, enum bgp_af af)
{
	static const enum addr_family family[] = {[BGP_AF_IPV4] = ADDR_V4, [BGP_AF_IPV6] = ADDR_V6};
	const struct bgp_neighbor *n = o->neighbor;
	const struct bgp_session *s = n->up;
	const struct addr *local = &s->stream.local.addr;
	struct bgp_export *x = &o->export[af];
	bool own = local->family == family[af];

	*x = (struct bgp_export){0};
	if ((n->opts.families & BGP_AF_BIT(af)) == 0)
		x->held = BGP_HELD_CONFIG;
	else if ((s->af & BGP_AF_BIT(af)) == 0)
		x->held = BGP_HELD_PEER;
	else if (n->conf->next_hop[af].family != ADDR_NONE)
		x->next_hop = n->conf->next_hop[af];
	else if (own)
		x->next_hop = *local;
	else
		x->held = BGP_HELD_NEXT_HOP;
	if (x->held == BGP_HELD_NOT && own && af == BGP_AF_IPV6 && addr_is_linklocal(local))
		x->next_hop_ll = *local;
}

static void
exports_update(struct bgp_out *o)
{
	o->cached = false;
	for (int af = 0; af < BGP_AF_COUNT; af++)
		export_update(o, (enum bgp_af)af);
}

static void
complain(struct bgp_out *o, enum bgp_af af, const struct prefix *p)
{
	struct bgp_export *x = &o->export[af];
	char text[PREFIX_TEXT];

	if (x->complained || x->held != BGP_HELD_NEXT_HOP)
		return;
	x->complained = true;
	log_warn("bgp: %s is not told of %s routes (such as %s): %s", o->neighbor->name,
	    af == BGP_AF_IPV6 ? "IPv6" : "IPv4", prefix_format(p, text, sizeof(text)),
	    bgp_held_text(x->held));
}

/* The number of the attributes with which the entry is announced here; 0: it is not. */
static uint32_t
entry_set(struct bgp_out *o, const struct intent_entry *e)
{
	enum bgp_af af = prefix_af(&e->prefix);
	const struct bgp_export *x = &o->export[af];
	struct bgp_route route;

	if (!e->wanted)
		return 0;
	if (x->held != BGP_HELD_NOT) {
		complain(o, af, &e->prefix);
		return 0;
	}
	if (o->cached && o->cached_af == af && attrs_equal(&o->cached_in, e->attrs))
		return o->cached_set;
	route = (struct bgp_route){
	    .af = af,
	    .attrs = attrs_apply(e->attrs, o->neighbor->conf->attributes),
	    .next_hop = x->next_hop,
	    .next_hop_ll = x->next_hop_ll,
	};
	o->cached = true;
	o->cached_af = af;
	o->cached_in = *e->attrs;
	o->cached_set = bgp_sets_get(&o->sets, &route);
	return o->cached_set;
}

static void
set_unref(struct bgp_out *o, uint32_t set)
{
	bgp_sets_unref(&o->sets, set);
	if (o->sets.items[set].routes == 0)
		o->cached = false;
}

/* -- a batch -- */

static void
batch_clear(struct bgp_batch *b)
{
	b->count = 0;
	b->set_count = 0;
	b->bytes = 0;
	memset(b->withdraw, 0, sizeof(b->withdraw));
}

/* What the batch may grow to if one more entry comes: each set may need a message of its own, and
 * one message more for every 3,800 bytes of prefixes. */
static bool
batch_fits(const struct bgp_batch *b, size_t room)
{
	size_t messages = b->set_count + 1 + BGP_AF_COUNT;

	return b->count < BATCH_MAX && b->bytes + b->bytes / 8 + 32 + messages * OVERHEAD <= room;
}

static uint32_t
batch_item(struct bgp_batch *b, const struct prefix *p)
{
	b->item[b->count].prefix = *p;
	b->item[b->count].next = 0;
	b->bytes += 1 + (p->len + 7u) / 8;
	return (uint32_t)++b->count;
}

static void
batch_chain(struct bgp_batch *b, uint32_t item, uint32_t *head, uint32_t *tail)
{
	if (*tail != 0)
		b->item[*tail - 1].next = item;
	else
		*head = item;
	*tail = item;
}

static void
batch_withdraw(struct bgp_out *o, struct bgp_batch *b, const struct prefix *p)
{
	enum bgp_af af = prefix_af(p);
	uint32_t set = bgp_rib_del(&o->rib, p);

	if (set == 0)
		return;
	set_unref(o, set);
	o->routes[af]--;
	batch_chain(b, batch_item(b, p), &b->withdraw[af].head, &b->withdraw[af].tail);
}

static uint32_t
ticks_now(const struct bgp_out *o)
{
	const struct bgp_neighbor *n = o->neighbor;

	return (uint32_t)(mono_sub(bgp_now(n->speaker), n->since) / BGP_TICK);
}

static void
batch_announce(struct bgp_out *o, struct bgp_batch *b, const struct prefix *p, uint32_t set)
{
	enum bgp_af af = prefix_af(p);
	struct bgp_rib_slot *slot = bgp_rib_put(&o->rib, p);
	uint32_t old = slot->set;
	struct bgp_set *s;

	if (old == set && (o->again & BGP_AF_BIT(af)) == 0)
		return;
	if (old != set) {
		slot->set = set;
		slot->ticks = ticks_now(o);
		bgp_sets_ref(&o->sets, set);
		if (old != 0)
			set_unref(o, old);
		else
			o->routes[af]++;
	}
	s = &o->sets.items[set];
	if (s->head == 0)
		b->sets[b->set_count++] = set;
	batch_chain(b, batch_item(b, p), &s->head, &s->tail);
}

/* Takes entries from the cursor as long as there is room. True when the cursor has no more. */
static bool
batch_fill(struct bgp_out *o, struct bgp_batch *b, size_t room)
{
	batch_clear(b);
	while (batch_fits(b, room)) {
		const struct intent_entry *e = intent_next(&o->sink);
		if (e == NULL)
			return true;
		uint32_t set = entry_set(o, e);
		if (set != 0) {
			batch_announce(o, b, &e->prefix, set);
			continue;
		}
		batch_withdraw(o, b, &e->prefix);
		if (e->version > o->next_mark.version)
			o->next_mark.version = e->version;
		o->next_mark.set = true;
	}
	return false;
}

/* -- packing -- */

static struct bgp_announce
announce_make(const struct bgp_out *o, const struct bgp_route *r)
{
	const struct bgp_neighbor *n = o->neighbor;

	return (struct bgp_announce){
	    .ebgp = bgp_neighbor_ebgp(n),
	    .as4 = n->up->as4,
	    .local_as = n->opts.local_as,
	    .prepend = r->attrs.prepend,
	    .next_hop = r->next_hop,
	    .next_hop_ll = r->next_hop_ll,
	    .has_med = r->attrs.has_med,
	    .med = r->attrs.med,
	    .local_pref = r->attrs.has_local_pref ? r->attrs.local_pref : BGP_LOCAL_PREF,
	    .communities = r->attrs.communities,
	    .community_count = r->attrs.community_count,
	};
}

/* One chain as UPDATEs. `a` NULL: withdrawals. */
static void
pack_chain(struct bgp_out *o, const struct bgp_batch *b, enum bgp_af af, uint32_t at,
    const struct bgp_announce *a)
{
	struct bgp_session *s = o->neighbor->up;
	struct bgp_packer p;

	while (at != 0) {
		uint8_t *buf = bgp_session_reserve(s);
		if (a != NULL)
			bgp_pack_announce(&p, buf, BGP_MSG_MAX, af, a);
		else
			bgp_pack_withdraw(&p, buf, BGP_MSG_MAX, af);
		while (at != 0 && bgp_pack_add(&p, &b->item[at - 1].prefix))
			at = b->item[at - 1].next;
		size_t len = bgp_pack_finish(&p);
		assert(len > 0 && p.count > 0);
		bgp_session_commit(s, len);
	}
}

static void
batch_emit(struct bgp_out *o, struct bgp_batch *b)
{
	for (int af = 0; af < BGP_AF_COUNT; af++)
		pack_chain(o, b, (enum bgp_af)af, b->withdraw[af].head, NULL);
	if (o->next_mark.set)
		o->next_mark.position = o->neighbor->up->queued;
	for (size_t i = 0; i < b->set_count; i++) {
		struct bgp_set *set = &o->sets.items[b->sets[i]];
		struct bgp_announce a = announce_make(o, &set->route);
		pack_chain(o, b, set->route.af, set->head, &a);
		set->head = 0;
		set->tail = 0;
	}
}

/* -- the ends of a walk -- */

static void
send_refresh_mark(struct bgp_out *o, enum bgp_af af, uint8_t subtype)
{
	struct bgp_session *s = o->neighbor->up;
	struct bgp_refresh r = {.subtype = subtype};

	if (!s->peer.caps.enhanced_refresh)
		return;
	bgp_af_to_wire(af, &r.afi, &r.safi);
	bgp_session_commit(s, bgp_refresh_encode(&r, bgp_session_reserve(s), BGP_MSG_MAX));
}

/* Everything has been said: End-of-RIB (RFC 4724 section 2), end of a refresh (RFC 7313). */
static void
walk_done(struct bgp_out *o)
{
	struct bgp_session *s = o->neighbor->up;

	for (int i = 0; i < BGP_AF_COUNT; i++) {
		enum bgp_af af = (enum bgp_af)i;
		if ((o->eor & BGP_AF_BIT(af)) != 0)
			bgp_session_commit(
			    s, bgp_end_of_rib_encode(af, bgp_session_reserve(s), BGP_MSG_MAX));
		if ((o->again & BGP_AF_BIT(af)) != 0)
			send_refresh_mark(o, af, 2);
	}
	o->eor = 0;
	o->again = 0;
}

/* -- settling -- */

static void
settle_check(struct bgp_out *o)
{
	uint64_t acked;

	if (!o->mark.set && !o->next_mark.set)
		return;
	acked = bgp_session_acked(o->neighbor->up);
	if (!o->mark.set) {
		o->mark = o->next_mark;
		o->next_mark.set = false;
		o->settle_wait = SETTLE_MIN;
	}
	while (o->mark.set && acked >= o->mark.position) {
		intent_settle(&o->sink, o->mark.version);
		o->mark = o->next_mark;
		o->next_mark.set = false;
	}
	if (!o->mark.set) {
		loop_timer_cancel(&o->settle);
	} else if (!loop_timer_armed(&o->settle)) {
		loop_timer_after(&o->settle, o->settle_wait);
		if (o->settle_wait < SETTLE_MAX)
			o->settle_wait *= 2;
	}
}

static void
on_settle(struct loop_timer *t)
{
	settle_check(container_of(t, struct bgp_out, settle));
}

/* -- the walk -- */

static void
walk(struct bgp_out *o)
{
	struct bgp_session *s = o->neighbor->up;
	struct bgp_batch *b = o->neighbor->speaker->batch;
	bool done = false;

	for (unsigned i = 0; i < BATCH_ROUNDS && !done; i++) {
		size_t room = bgp_session_room(s);
		if (room < ROOM_MIN)
			break;
		done = batch_fill(o, b, room);
		batch_emit(o, b);
		if (done)
			walk_done(o);
		bgp_session_push(s);
	}
	o->more = !done;
	if (!done)
		bgp_session_want_room(s);
	settle_check(o);
}

static void
on_flush(struct loop_task *t)
{
	struct bgp_out *o = container_of(t, struct bgp_out, flush);

	if (o->running)
		walk(o);
}

void
bgp_out_writable(struct bgp_out *o)
{
	if (o->more)
		walk(o);
}

static void
on_notify(struct intent_sink *sink)
{
	struct bgp_out *o = container_of(sink, struct bgp_out, sink);

	loop_task_schedule(&o->flush);
}

void
bgp_out_start(struct bgp_out *o)
{
	o->running = true;
	o->eor = o->neighbor->up->af;
	exports_update(o);
	intent_sink_reset(&o->sink);
	loop_task_schedule(&o->flush);
}

void
bgp_out_stop(struct bgp_out *o)
{
	o->running = false;
	o->more = false;
	o->cached = false;
	o->eor = 0;
	o->again = 0;
	memset(o->routes, 0, sizeof(o->routes));
	o->mark = (struct bgp_mark){0};
	o->next_mark = (struct bgp_mark){0};
	loop_timer_cancel(&o->settle);
	bgp_rib_done(&o->rib);
	bgp_sets_done(&o->sets);
	loop_task_cancel(&o->flush);
	intent_sink_reset(&o->sink);
}

void
bgp_out_replay(struct bgp_out *o)
{
	if (!o->running)
		return;
	exports_update(o);
	intent_sink_replay(&o->sink);
	loop_task_schedule(&o->flush);
}

void
bgp_out_refresh(struct bgp_out *o, enum bgp_af af)
{
	/* One that comes during another begins again from the start, between the same marks: so
	 * a neighbor that asks and asks and reads nothing cannot fill the buffer. */
	if ((o->again & BGP_AF_BIT(af)) == 0)
		send_refresh_mark(o, af, 1);
	o->again |= BGP_AF_BIT(af);
	intent_sink_replay(&o->sink);
	loop_task_schedule(&o->flush);
}

const struct bgp_route *
bgp_out_find(const struct bgp_out *o, const struct prefix *p, mono_t *at)
{
	const struct bgp_rib_slot *slot = bgp_rib_find(&o->rib, p);

	if (slot == NULL)
		return NULL;
	*at = mono_add(o->neighbor->since, (dur_t)slot->ticks * BGP_TICK);
	return &o->sets.items[slot->set].route;
}

void
bgp_out_init(struct bgp_out *o, struct bgp_neighbor *n)
{
	const struct speaker_env *env = &n->speaker->env;

	o->neighbor = n;
	loop_task_init(&o->flush, env->loop, on_flush);
	loop_timer_init(&o->settle, env->loop, on_settle);
	o->sink.audience = env->audience;
	intent_sink_add(env->intent, &o->sink, n->name, INTENT_ROUTE, on_notify);
}

void
bgp_out_done(struct bgp_out *o)
{
	bgp_out_stop(o);
	intent_sink_del(&o->sink);
}
