/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: file descriptors, timers, deferred tasks and signals behind one façade with two
 * back ends: libevent on the real clock, and a virtual clock for tests and the simulator.
 *
 * One turn of the loop does, in this order: ready descriptors, signals, timers that are due,
 * deferred tasks until none is left. Reading before expiring means that a process that was stalled
 * drains its sockets before it declares anybody dead. Timers live in the loop's own heap, so both
 * back ends share their order: by deadline, then by the order in which they were armed.
 *
 * Timers, watchers and tasks are members of their owner's struct; the callback finds the owner with
 * container_of. Each may be armed, cancelled or freed (after cancel/done) inside any callback.
 */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include "base/mono.h"
#include "base/queue.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_timer;
struct loop_fd;
struct loop_task;
struct loop_signal;

/* A loop on the real clock; aborts when the kernel gives no epoll. Owned by the caller. */
struct loop *loop_new(void);
/* A loop on a virtual clock that starts at `start`: time jumps to the next timer when nothing else
 * is left to do. It watches no descriptors and no signals (an assertion says so). */
struct loop *loop_virtual_new(mono_t start);
void loop_free(struct loop *l);

/* The time of this turn: read once when the turn began, again before timers run. */
mono_t loop_now(const struct loop *l);
/* The wall clock, for people: nanoseconds since 1970. Virtual loops count from 2026-01-01. */
int64_t loop_wall_ns(const struct loop *l);
/* Runs until loop_stop(); a virtual loop also returns when nothing can happen any more. */
void loop_run(struct loop *l);
/* One turn that waits at most `max_wait`; true when anything ran. */
bool loop_turn(struct loop *l, dur_t max_wait);
/* Virtual only: runs everything that is due up to and including `until`, then stands at `until`. */
void loop_run_until(struct loop *l, mono_t until);
void loop_stop(struct loop *l);

/* Timers. A zeroed struct is a valid, unarmed timer after loop_timer_init(). */
typedef void loop_timer_fn(struct loop_timer *t);
struct loop_timer {
	struct loop *loop;
	loop_timer_fn *fn;
	mono_t deadline;
	uint64_t order;
	size_t slot; /* position in the heap + 1; 0: not armed */
};
void loop_timer_init(struct loop_timer *t, struct loop *l, loop_timer_fn *fn);
/* Arms, or arms anew, for a point in time or for a duration from now. */
void loop_timer_at(struct loop_timer *t, mono_t when);
void loop_timer_after(struct loop_timer *t, dur_t d);
void loop_timer_cancel(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);

/* Descriptors. The watcher does not own the descriptor: call loop_fd_done() before close(). */
enum loop_io { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fd_fn(struct loop_fd *w, unsigned ready); /* mask of enum loop_io */
struct loop_fd {
	struct loop *loop;
	loop_fd_fn *fn;
	int fd;
	unsigned want;
	struct event *event; /* the back end's */
};
void loop_fd_init(struct loop_fd *w, struct loop *l, int fd, loop_fd_fn *fn);
/* Sets what is waited for (mask; 0: nothing). */
void loop_fd_want(struct loop_fd *w, unsigned mask);
/* Stops watching; safe on a zeroed struct and twice. */
void loop_fd_done(struct loop_fd *w);

/* Deferred tasks: run once at the end of this turn, in the order of scheduling; scheduling one that
 * waits already changes nothing. This is how many changes become one update. */
typedef void loop_task_fn(struct loop_task *t);
struct loop_task {
	struct loop *loop;
	loop_task_fn *fn;
	bool waiting;
	TAILQ_ENTRY(loop_task) link;
};
void loop_task_init(struct loop_task *t, struct loop *l, loop_task_fn *fn);
void loop_task_schedule(struct loop_task *t);
void loop_task_cancel(struct loop_task *t);

/* Signals, delivered in the loop and never in a handler. */
typedef void loop_signal_fn(struct loop_signal *s);
struct loop_signal {
	struct loop *loop;
	loop_signal_fn *fn;
	int signo;
	struct event *event;
	bool pending; /* caught, not yet delivered */
	TAILQ_ENTRY(loop_signal) link;
};
void loop_signal_start(struct loop_signal *s, struct loop *l, int signo, loop_signal_fn *fn);
void loop_signal_stop(struct loop_signal *s);

/* How late timers ran, as histogram counters: the health of the process itself. */
#define LOOP_LAG_BUCKETS 8
struct loop_lag {
	uint64_t bucket[LOOP_LAG_BUCKETS]; /* cumulative is left to the reader */
	uint64_t count;
	dur_t sum;
	dur_t max;
};
/* Upper bounds of the buckets; the last is DUR_NEVER. */
extern const dur_t loop_lag_bound[LOOP_LAG_BUCKETS];
const struct loop_lag *loop_lag(const struct loop *l);
/* The libevent base, for the HTTP server in control/; NULL on a virtual loop. */
struct event_base *loop_event_base(struct loop *l);

#endif
