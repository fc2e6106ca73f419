/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers: a 4-ary heap of (deadline, order of arming), and how late they ran.
 *
 * A timer knows its place in the heap, so cancelling and re-arming cost O(log n) and no search.
 * Four children instead of two halve the depth, and the keys of four siblings share two cache
 * lines; with a million timers that is what counts. The heap grows by doubling and never shrinks;
 * arming allocates nothing else. The heap borrows the timers: each is a member of its owner.
 *
 * All timers that are due when the phase begins run in it. One that is armed in a callback runs in
 * a later turn even if its time has come, so no turn is endless: it gets an order number beyond the
 * phase's limit and, when it was armed for the past, a deadline of now, which puts it behind
 * everything that is still due.
 *
 * A deadline of DUR_NEVER is armed and never reached.
 */
#include "loop/loop_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define ARITY    4
#define HEAP_MIN 64

const dur_t loop_lag_bound[LOOP_LAG_BUCKETS] = {
    50 * DUR_US,
    200 * DUR_US,
    DUR_MS,
    5 * DUR_MS,
    20 * DUR_MS,
    100 * DUR_MS,
    DUR_S,
    DUR_NEVER,
};

static bool
slot_before(const struct loop_slot *a, const struct loop_slot *b)
{
	if (a->deadline.ns != b->deadline.ns)
		return a->deadline.ns < b->deadline.ns;
	return a->order < b->order;
}

static void
slot_put(struct loop *l, size_t at, const struct loop_slot *s)
{
	l->heap[at] = *s;
	s->timer->slot = at + 1;
}

/* Puts `s` at the hole `at` or above it. */
static void
sift_up(struct loop *l, size_t at, const struct loop_slot *s)
{
	while (at > 0) {
		size_t parent = (at - 1) / ARITY;
		if (!slot_before(s, &l->heap[parent]))
			break;
		slot_put(l, at, &l->heap[parent]);
		at = parent;
	}
	slot_put(l, at, s);
}

/* Puts `s` at the hole `at` or below it. */
static void
sift_down(struct loop *l, size_t at, const struct loop_slot *s)
{
	for (;;) {
		size_t first = at * ARITY + 1;
		size_t end = first + ARITY < l->count ? first + ARITY : l->count;
		if (first >= l->count)
			break;
		size_t best = first;
		for (size_t i = first + 1; i < end; i++)
			if (slot_before(&l->heap[i], &l->heap[best]))
				best = i;
		if (!slot_before(&l->heap[best], s))
			break;
		slot_put(l, at, &l->heap[best]);
		at = best;
	}
	slot_put(l, at, s);
}

/* Puts `s` at the hole `at`, above or below it. */
static void
sift(struct loop *l, size_t at, const struct loop_slot *s)
{
	if (at > 0 && slot_before(s, &l->heap[(at - 1) / ARITY]))
		sift_up(l, at, s);
	else
		sift_down(l, at, s);
}

void
loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn)
{
	*t = (struct loop_timer){.loop = l, .fn = fn};
}

void
loop_timer_at(struct loop_timer *t, mono_t when)
{
	struct loop *l = t->loop;

	assert(l != NULL && t->fn != NULL);
	if (l->expiring && mono_before(when, loop_now(l)))
		when = loop_now(l);
	t->deadline = when;
	t->order = l->order++;

	struct loop_slot s = {.deadline = when, .order = t->order, .timer = t};
	if (t->slot != 0) {
		sift(l, t->slot - 1, &s);
		return;
	}
	if (l->count == l->cap) {
		l->cap = l->cap > 0 ? 2 * l->cap : HEAP_MIN;
		l->heap = mem_resize(l->heap, l->cap, sizeof(*l->heap));
	}
	sift_up(l, l->count++, &s);
}

void
loop_timer_after(struct loop_timer *t, dur_t d)
{
	assert(t->loop != NULL);
	loop_timer_at(t, mono_add(loop_now(t->loop), d));
}

void
loop_timer_cancel(struct loop_timer *t)
{
	if (t->slot == 0)
		return;

	struct loop *l = t->loop;
	size_t at = t->slot - 1;
	assert(at < l->count && l->heap[at].timer == t);
	t->slot = 0;
	l->count--;
	if (at == l->count)
		return;
	struct loop_slot last = l->heap[l->count];
	sift(l, at, &last);
}

bool
loop_timer_armed(const struct loop_timer *t)
{
	return t->slot != 0;
}

mono_t
loop_timer_next(const struct loop *l)
{
	return l->count > 0 ? l->heap[0].deadline : (mono_t){DUR_NEVER};
}

static void
lag_add(struct loop_lag *lag, dur_t late)
{
	size_t i = 0;

	while (late > loop_lag_bound[i])
		i++;
	lag->bucket[i]++;
	lag->count++;
	lag->sum += late;
	if (late > lag->max)
		lag->max = late;
}

void
loop_timer_expire(struct loop *l)
{
	mono_t now = loop_now(l);
	uint64_t limit = l->order;

	l->expiring = true;
	while (l->count > 0) {
		struct loop_slot top = l->heap[0];
		if (top.deadline.ns == DUR_NEVER || mono_before(now, top.deadline) ||
		    top.order >= limit)
			break;
		loop_timer_cancel(top.timer);
		lag_add(&l->lag, mono_sub(now, top.deadline));
		l->ran++;
		top.timer->fn(top.timer);
	}
	l->expiring = false;
}
