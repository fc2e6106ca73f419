/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop on libevent: descriptors, signals, timers on the real clock, the order within a turn,
 * and that it wakes for nothing but these.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE (10 * DUR_S)

struct trace {
	char text[64];
	size_t len;
};

static void
put(struct trace *t, char c)
{
	assert_true(t->len + 1 < sizeof(t->text));
	t->text[t->len++] = c;
}

/* One of everything, each leaving its mark: f, s, t, d(eferred). */
struct fixture {
	struct loop *loop;
	struct trace trace;
	int pair[2];
	struct loop_fd fd;
	struct loop_signal signal;
	struct loop_timer timer;
	struct loop_task task;
	unsigned ready; /* last mask */
};

static void
fixture_fd(struct loop_fd *w, unsigned ready)
{
	struct fixture *f = container_of(w, struct fixture, fd);
	char byte;

	put(&f->trace, 'f');
	f->ready = ready;
	if (ready & LOOP_READ)
		assert_int_equal(read(w->fd, &byte, 1), 1);
}

static void
fixture_signal(struct loop_signal *s)
{
	put(&container_of(s, struct fixture, signal)->trace, 's');
}

static void
fixture_timer(struct loop_timer *t)
{
	put(&container_of(t, struct fixture, timer)->trace, 't');
}

static void
fixture_task(struct loop_task *t)
{
	put(&container_of(t, struct fixture, task)->trace, 'd');
}

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->loop = loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, f->pair), 0);
	loop_fd_init(&f->fd, f->loop, f->pair[0], fixture_fd);
	loop_timer_init(&f->timer, f->loop, fixture_timer);
	loop_task_init(&f->task, f->loop, fixture_task);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	loop_fd_done(&f->fd);
	loop_signal_stop(&f->signal);
	close(f->pair[0]);
	close(f->pair[1]);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void
test_order_within_a_turn(void **state)
{
	struct fixture *f = *state;

	loop_signal_start(&f->signal, f->loop, SIGUSR1, fixture_signal);
	loop_fd_want(&f->fd, LOOP_READ);
	loop_task_schedule(&f->task);
	loop_timer_after(&f->timer, 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_string_equal(f->trace.text, "fstd");
	assert_false(loop_turn(f->loop, 0));
	assert_string_equal(f->trace.text, "fstd");
}

static void
test_descriptor(void **state)
{
	struct fixture *f = *state;

	assert_false(loop_turn(f->loop, 0));
	loop_fd_want(&f->fd, LOOP_READ);
	assert_false(loop_turn(f->loop, 0));
	assert_int_equal(write(f->pair[1], "abc", 3), 3);
	/* Level-triggered: one call per turn as long as there is something. */
	for (int i = 0; i < 3; i++)
		assert_true(loop_turn(f->loop, PATIENCE));
	assert_false(loop_turn(f->loop, 0));
	assert_string_equal(f->trace.text, "fff");
	assert_int_equal(f->ready, LOOP_READ);

	loop_fd_want(&f->fd, LOOP_READ | LOOP_WRITE);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_int_equal(f->ready, LOOP_WRITE);
	assert_int_equal(write(f->pair[1], "d", 1), 1);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_int_equal(f->ready, LOOP_READ | LOOP_WRITE);
	loop_fd_want(&f->fd, LOOP_READ);
	assert_false(loop_turn(f->loop, 0));

	assert_int_equal(write(f->pair[1], "e", 1), 1);
	loop_fd_want(&f->fd, 0);
	assert_false(loop_turn(f->loop, 0));
	loop_fd_want(&f->fd, LOOP_READ);
	assert_true(loop_turn(f->loop, PATIENCE));
	loop_fd_done(&f->fd);
	loop_fd_done(&f->fd);
	assert_int_equal(write(f->pair[1], "f", 1), 1);
	assert_false(loop_turn(f->loop, 0));
}

/* Two watchers that are ready in the same turn: the first to run ends and frees both. */
struct twins {
	struct loop_fd *fd[2];
	int pair[2][2];
	unsigned calls;
};

struct twin {
	struct loop_fd watch;
	struct twins *twins;
};

static void
twin_ready(struct loop_fd *w, unsigned ready)
{
	struct twins *t = container_of(w, struct twin, watch)->twins;

	(void)ready;
	t->calls++;
	for (int i = 0; i < 2; i++) {
		loop_fd_done(t->fd[i]);
		free(container_of(t->fd[i], struct twin, watch));
	}
}

static void
test_callback_frees_itself_and_its_twin(void **state)
{
	struct fixture *f = *state;
	struct twins t = {0};

	for (int i = 0; i < 2; i++) {
		struct twin *twin = mem_alloc(sizeof(*twin));
		twin->twins = &t;
		t.fd[i] = &twin->watch;
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t.pair[i]), 0);
		loop_fd_init(&twin->watch, f->loop, t.pair[i][0], twin_ready);
		loop_fd_want(&twin->watch, LOOP_READ | LOOP_WRITE);
		assert_int_equal(write(t.pair[i][1], "x", 1), 1);
	}
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_int_equal(t.calls, 1);
	assert_false(loop_turn(f->loop, 0));
	for (int i = 0; i < 4; i++)
		close(t.pair[i / 2][i % 2]);
}

static void
test_signals(void **state)
{
	struct fixture *f = *state;

	loop_signal_start(&f->signal, f->loop, SIGUSR1, fixture_signal);
	assert_false(loop_turn(f->loop, 0));
	raise(SIGUSR1);
	raise(SIGUSR1);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_true(f->trace.len >= 1);
	size_t len = f->trace.len;
	raise(SIGUSR1);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_int_equal(f->trace.len, len + 1);
	loop_signal_stop(&f->signal);
	loop_signal_stop(&f->signal);
	assert_false(loop_turn(f->loop, 0));
}

/* A descriptor's callback stops a signal that was caught in the same turn. */
struct stopper {
	struct loop_fd watch;
	struct loop_signal *signal;
};

static void
stopper_ready(struct loop_fd *w, unsigned ready)
{
	(void)ready;
	loop_signal_stop(container_of(w, struct stopper, watch)->signal);
	loop_fd_want(w, 0);
}

static void
test_signal_stopped_before_delivery(void **state)
{
	struct fixture *f = *state;
	struct stopper s = {.signal = &f->signal};

	loop_fd_init(&s.watch, f->loop, f->pair[0], stopper_ready);
	loop_fd_want(&s.watch, LOOP_WRITE);
	loop_signal_start(&f->signal, f->loop, SIGUSR2, fixture_signal);
	raise(SIGUSR2);
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_false(loop_turn(f->loop, 0));
	assert_string_equal(f->trace.text, "");
	loop_fd_done(&s.watch);
}

/* Every deadline costs exactly one turn: no early wake-up, no second look. */
static void
test_one_turn_per_deadline(void **state)
{
	struct fixture *f = *state;
	struct rng rng;

	rng_init(&rng, 7);
	for (unsigned i = 0; i < 300; i++) {
		mono_t when = mono_add(mono_clock(), rng_between(&rng, 20 * DUR_US, DUR_MS));
		loop_timer_at(&f->timer, when);
		f->trace = (struct trace){0};
		assert_true(loop_turn(f->loop, DUR_NEVER));
		assert_string_equal(f->trace.text, "t");
		assert_false(mono_before(mono_clock(), when));
	}
	assert_int_equal(loop_lag(f->loop)->count, 300);
	assert_true(loop_lag(f->loop)->sum > 0);
}

/* A deadline that was moved or cancelled wakes nobody. */
static void
test_no_wake_up_for_cancelled_timers(void **state)
{
	struct fixture *f = *state;
	struct rusage before, after;

	loop_timer_after(&f->timer, 5 * DUR_S);
	assert_false(loop_turn(f->loop, 0));
	assert_false(loop_turn(f->loop, DUR_MS));
	loop_timer_after(&f->timer, 60 * DUR_MS);
	getrusage(RUSAGE_SELF, &before);
	mono_t start = mono_clock();
	assert_true(loop_turn(f->loop, DUR_NEVER));
	assert_true(mono_sub(mono_clock(), start) >= 59 * DUR_MS);
	getrusage(RUSAGE_SELF, &after);
	assert_true(after.ru_nvcsw - before.ru_nvcsw <= 1);

	loop_timer_after(&f->timer, 5 * DUR_S);
	assert_false(loop_turn(f->loop, DUR_MS));
	loop_timer_cancel(&f->timer);
	start = mono_clock();
	assert_false(loop_turn(f->loop, 30 * DUR_MS));
	assert_true(mono_sub(mono_clock(), start) >= 30 * DUR_MS);
	assert_string_equal(f->trace.text, "t");
}

/* Nor when no timer is left at all: only the signal ends the wait. */
static void
test_no_wake_up_without_timers(void **state)
{
	struct fixture *f = *state;
	const struct itimerval alarm = {.it_value = {.tv_usec = 60000}};

	loop_signal_start(&f->signal, f->loop, SIGALRM, fixture_signal);
	loop_fd_want(&f->fd, LOOP_READ);
	loop_timer_after(&f->timer, 30 * DUR_MS);
	assert_int_equal(setitimer(ITIMER_REAL, &alarm, NULL), 0);
	/* A turn that was to end with the timer ends with a descriptor. */
	assert_int_equal(write(f->pair[1], "x", 1), 1);
	assert_true(loop_turn(f->loop, DUR_NEVER));
	assert_string_equal(f->trace.text, "f");
	loop_timer_cancel(&f->timer);
	assert_true(loop_turn(f->loop, DUR_NEVER));
	assert_string_equal(f->trace.text, "fs");
}

/* The time of the turn stands still, is read after the wait, and anew outside of turns. */
struct reader {
	struct loop_fd watch;
	struct loop_timer writer;
	int far;
	mono_t written;
	mono_t first, second;
};

static void
reader_ready(struct loop_fd *w, unsigned ready)
{
	struct reader *r = container_of(w, struct reader, watch);

	(void)ready;
	r->first = loop_now(w->loop);
	while (mono_sub(mono_clock(), r->first) < 100 * DUR_US)
		continue;
	r->second = loop_now(w->loop);
	loop_fd_want(w, 0);
}

static void
reader_write(struct loop_timer *t)
{
	struct reader *r = container_of(t, struct reader, writer);

	r->written = mono_clock();
	assert_int_equal(write(r->far, "x", 1), 1);
}

static void
test_now(void **state)
{
	struct fixture *f = *state;
	struct reader r = {.far = f->pair[1]};
	mono_t before = loop_now(f->loop);

	while (!mono_before(before, mono_clock()))
		continue;
	assert_true(mono_before(before, loop_now(f->loop)));
	loop_fd_init(&r.watch, f->loop, f->pair[0], reader_ready);
	loop_fd_want(&r.watch, LOOP_READ);
	loop_timer_init(&r.writer, f->loop, reader_write);
	loop_timer_after(&r.writer, 20 * DUR_MS);
	while (r.first.ns == 0)
		loop_turn(f->loop, PATIENCE);
	assert_false(mono_before(r.first, r.written));
	assert_int_equal(r.first.ns, r.second.ns);
	loop_fd_done(&r.watch);
}

struct stop {
	struct loop_timer timer;
	struct loop *loop;
};

static void
stop_fired(struct loop_timer *t)
{
	loop_stop(container_of(t, struct stop, timer)->loop);
}

static void
test_run_and_stop(void **state)
{
	struct fixture *f = *state;
	struct stop s = {.loop = f->loop};

	loop_timer_init(&s.timer, f->loop, stop_fired);
	loop_timer_after(&s.timer, 2 * DUR_MS);
	loop_timer_after(&f->timer, DUR_MS);
	loop_run(f->loop);
	assert_string_equal(f->trace.text, "t");
	/* Stopped before it runs: runs no turn. */
	loop_task_schedule(&f->task);
	loop_stop(f->loop);
	loop_run(f->loop);
	assert_string_equal(f->trace.text, "t");
	loop_task_cancel(&f->task);
	assert_non_null(loop_event_base(f->loop));
	assert_true(loop_wall_ns(f->loop) > 1767225600 * DUR_S);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_order_within_a_turn),
	    TEST(test_descriptor),
	    TEST(test_callback_frees_itself_and_its_twin),
	    TEST(test_signals),
	    TEST(test_signal_stopped_before_delivery),
	    TEST(test_one_turn_per_deadline),
	    TEST(test_no_wake_up_for_cancelled_timers),
	    TEST(test_no_wake_up_without_timers),
	    TEST(test_now),
	    TEST(test_run_and_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
