/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop's common part: the turn, the time of the turn, deferred tasks.
 *
 * A turn waits in the back end (loop_libevent.c, loop_virtual.c), which runs the callbacks of ready
 * descriptors and queues the signals that were caught. Then come signals, due timers
 * (loop_timer.c), and deferred tasks until none is left.
 *
 * Time stands still within a phase: the clock is read when the first callback asks after the wait,
 * and once more before timers run. Outside of a turn every question reads the clock anew, because
 * start-up may take long.
 *
 * Nothing here holds a pointer to an object across its callback: timers and tasks are taken out of
 * their queue before they run, so a callback may cancel, re-arm or free anything, itself included.
 */
#include "loop/loop_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void
loop_base_init(struct loop *l, const struct loop_ops *ops)
{
	l->ops = ops;
	l->clock = mem_alloc(sizeof(*l->clock));
	TAILQ_INIT(&l->tasks);
	TAILQ_INIT(&l->signals);
}

void
loop_base_done(struct loop *l)
{
	assert(!l->in_turn);
	free(l->heap);
	free(l->clock);
}

void
loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	assert(!l->in_turn);
	l->ops->free(l);
}

mono_t
loop_now(const struct loop *l)
{
	if (!l->clock->fresh) {
		l->clock->now = l->ops->clock(l);
		l->clock->fresh = l->in_turn;
	}
	return l->clock->now;
}

int64_t
loop_wall_ns(const struct loop *l)
{
	return l->ops->wall_ns(l);
}

static void
run_signals(struct loop *l)
{
	struct loop_signal *s;

	while ((s = TAILQ_FIRST(&l->signals)) != NULL) {
		TAILQ_REMOVE(&l->signals, s, link);
		s->pending = false;
		l->ran++;
		s->fn(s);
	}
}

static void
run_tasks(struct loop *l)
{
	struct loop_task *t;

	while ((t = TAILQ_FIRST(&l->tasks)) != NULL) {
		TAILQ_REMOVE(&l->tasks, t, link);
		t->waiting = false;
		l->ran++;
		t->fn(t);
	}
}

/* Until when this turn may wait. Tasks that were scheduled between turns do not wait at all. */
static mono_t
turn_until(struct loop *l, dur_t max_wait)
{
	if (!TAILQ_EMPTY(&l->tasks) || max_wait <= 0)
		return loop_now(l);
	if (max_wait == DUR_NEVER)
		return loop_timer_next(l);
	return mono_min(loop_timer_next(l), mono_add(loop_now(l), max_wait));
}

bool
loop_turn(struct loop *l, dur_t max_wait)
{
	assert(!l->in_turn);
	mono_t until = turn_until(l, max_wait);

	l->in_turn = true;
	l->ran = 0;
	l->clock->fresh = false;
	l->ops->wait(l, until);
	run_signals(l);
	if (l->count > 0) {
		l->clock->fresh = false;
		loop_timer_expire(l);
	}
	run_tasks(l);
	l->in_turn = false;
	l->clock->fresh = false;
	return l->ran > 0;
}

void
loop_run(struct loop *l)
{
	while (!l->stopping && !l->ops->dead(l))
		loop_turn(l, DUR_NEVER);
	l->stopping = false;
}

void
loop_stop(struct loop *l)
{
	l->stopping = true;
}

void
loop_task_init(struct loop_task *t, struct loop *l, loop_task_fn *fn)
{
	*t = (struct loop_task){.loop = l, .fn = fn};
}

void
loop_task_schedule(struct loop_task *t)
{
	assert(t->loop != NULL && t->fn != NULL);
	if (t->waiting)
		return;
	t->waiting = true;
	TAILQ_INSERT_TAIL(&t->loop->tasks, t, link);
}

void
loop_task_cancel(struct loop_task *t)
{
	if (!t->waiting)
		return;
	t->waiting = false;
	TAILQ_REMOVE(&t->loop->tasks, t, link);
}

const struct loop_lag *
loop_lag(const struct loop *l)
{
	return &l->lag;
}
