/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop's virtual clock: time moves only when nothing is left to do at this instant, and then
 * jumps straight to the next timer. A day of protocol time takes as long as its events take, and
 * every run with the same inputs is the same run.
 *
 * There are no descriptors and no signals; loop_libevent.c asserts that nobody asks for them.
 * loop_run() returns when no timer is armed and no task waits, because nothing could ever happen
 * again. Something that re-arms itself for "now" without end would stop time; after STUCK_TURNS
 * turns at one instant that is taken for the bug that it is.
 */
#include "loop/loop_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

#define STUCK_TURNS  10000000u
#define WALL_2026_NS (1767225600 * DUR_S) /* 2026-01-01T00:00:00Z */

struct virtual_loop {
	struct loop loop;
	mono_t start;
	mono_t now;
	unsigned turns_here; /* turns since time moved last */
};

static const struct virtual_loop *
virtual_of_const(const struct loop *l)
{
	return (const struct virtual_loop *)(const void *)l;
}

static struct virtual_loop *
virtual_of(struct loop *l)
{
	return container_of(l, struct virtual_loop, loop);
}

static mono_t
virtual_clock(const struct loop *l)
{
	return virtual_of_const(l)->now;
}

static int64_t
virtual_wall_ns(const struct loop *l)
{
	const struct virtual_loop *v = virtual_of_const(l);

	return WALL_2026_NS + mono_sub(v->now, v->start);
}

static void
virtual_wait(struct loop *l, mono_t until)
{
	struct virtual_loop *v = virtual_of(l);

	if (until.ns == DUR_NEVER)
		return;
	if (mono_before(v->now, until)) {
		v->now = until;
		v->turns_here = 0;
		return;
	}
	v->turns_here++;
	assert(v->turns_here < STUCK_TURNS);
}

static bool
virtual_dead(const struct loop *l)
{
	return TAILQ_EMPTY(&l->tasks) && loop_timer_next(l).ns == DUR_NEVER;
}

static void
virtual_free(struct loop *l)
{
	loop_base_done(l);
	free(virtual_of(l));
}

static const struct loop_ops virtual_ops = {
    .clock = virtual_clock,
    .wall_ns = virtual_wall_ns,
    .wait = virtual_wait,
    .dead = virtual_dead,
    .free = virtual_free,
};

struct loop *
loop_virtual_new(mono_t start)
{
	struct virtual_loop *v = mem_alloc(sizeof(*v));

	loop_base_init(&v->loop, &virtual_ops);
	v->start = start;
	v->now = start;
	return &v->loop;
}

void
loop_run_until(struct loop *l, mono_t until)
{
	assert(l->ops == &virtual_ops && until.ns != DUR_NEVER);
	struct virtual_loop *v = virtual_of(l);

	while (!l->stopping && (!TAILQ_EMPTY(&l->tasks) || !mono_before(until, loop_timer_next(l))))
		loop_turn(l, DUR_NEVER);
	if (!l->stopping && mono_before(v->now, until))
		v->now = until;
	l->stopping = false;
}
