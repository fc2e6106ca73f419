/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a loop, for the files of this folder: what both back ends share, and what each of
 * them has to provide.
 */
#ifndef LOOP_LOOP_PRIV_H
#define LOOP_LOOP_PRIV_H

#include "loop/loop.h"

/* What a back end does. */
struct loop_ops {
	/* The clock, now. */
	mono_t (*clock)(const struct loop *l);
	int64_t (*wall_ns)(const struct loop *l);
	/* Waits until something is ready or until the point in time, runs the callbacks of ready
	 * descriptors and queues signals. Does not wait when `until` has passed. */
	void (*wait)(struct loop *l, mono_t until);
	/* Can nothing happen any more, ever? Then loop_run() returns. */
	bool (*dead)(const struct loop *l);
	void (*free)(struct loop *l);
};

/* The heap keeps the keys beside the pointers, so that comparing touches no timer. */
struct loop_slot {
	mono_t deadline;
	uint64_t order;
	struct loop_timer *timer;
};

/* The time of the turn. It is read when it is first asked for. Behind a pointer because asking is a
 * const operation on the loop. */
struct loop_clock {
	mono_t now;
	bool fresh;
};

TAILQ_HEAD(loop_task_queue, loop_task);
TAILQ_HEAD(loop_signal_queue, loop_signal);

/* The head of each back end's own struct. */
struct loop {
	const struct loop_ops *ops;
	struct loop_clock *clock;         /* owned */
	struct loop_slot *heap;           /* owned; 4-ary, the earliest first */
	size_t count;                     /* armed timers */
	size_t cap;                       /* of the heap */
	uint64_t order;                   /* of the next timer that is armed */
	struct loop_task_queue tasks;     /* waiting */
	struct loop_signal_queue signals; /* caught, not yet delivered */
	struct loop_lag lag;
	uint64_t ran; /* callbacks of this turn */
	bool in_turn;
	bool expiring; /* timers are being run */
	bool stopping;
};

/* For back ends: sets up and releases the common part. */
void loop_base_init(struct loop *l, const struct loop_ops *ops);
void loop_base_done(struct loop *l);

/* The earliest deadline; {DUR_NEVER} when there is none. */
mono_t loop_timer_next(const struct loop *l);
/* Runs the timers that are due now; those armed meanwhile wait for the next turn. */
void loop_timer_expire(struct loop *l);

#endif
