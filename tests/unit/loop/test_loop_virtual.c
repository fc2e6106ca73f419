/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual loop: how time moves, deferred tasks, stopping, the wall clock.
 */
#include "base/mem.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct trace {
	char text[64];
	size_t len;
};

struct actor {
	struct loop *loop;
	struct loop_timer timer;
	struct loop_task task;
	struct trace *trace;
	char mark;              /* upper case when its timer runs, lower case for its task */
	struct actor *schedule; /* schedules that one's task */
	struct actor *cancel;   /* cancels that one's task */
	bool arm_now;           /* the task arms the timer for now */
	bool dies;              /* frees itself */
	bool stops;             /* ends the run */
};

static void
put(struct trace *t, int c)
{
	assert_true(t->len + 1 < sizeof(t->text));
	t->text[t->len++] = (char)c;
}

static void
actor_act(struct actor *a)
{
	if (a->schedule != NULL)
		loop_task_schedule(&a->schedule->task);
	if (a->cancel != NULL)
		loop_task_cancel(&a->cancel->task);
	if (a->stops)
		loop_stop(a->loop);
	if (a->dies)
		free(a);
}

static void
actor_timer(struct loop_timer *t)
{
	struct actor *a = container_of(t, struct actor, timer);

	put(a->trace, a->mark - 'a' + 'A');
	actor_act(a);
}

static void
actor_task(struct loop_task *t)
{
	struct actor *a = container_of(t, struct actor, task);

	put(a->trace, a->mark);
	if (a->arm_now) {
		a->arm_now = false;
		loop_timer_after(&a->timer, 0);
	}
	actor_act(a);
}

static struct actor *
actor_new(struct loop *l, struct trace *trace, char mark)
{
	struct actor *a = mem_alloc(sizeof(*a));

	a->loop = l;
	a->trace = trace;
	a->mark = mark;
	loop_timer_init(&a->timer, l, actor_timer);
	loop_task_init(&a->task, l, actor_task);
	return a;
}

static void
test_tasks_run_after_timers_until_none_is_left(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');
	struct actor *c = actor_new(l, &t, 'c');

	(void)state;
	a->schedule = b;
	b->schedule = c;
	b->arm_now = true;
	loop_timer_at(&a->timer, (mono_t){1});
	loop_timer_at(&c->timer, (mono_t){1});
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(t.text, "ACbc");
	/* What a task armed for now runs in the next turn. */
	assert_true(loop_turn(l, 0));
	assert_string_equal(t.text, "ACbcBc");
	assert_false(loop_turn(l, 0));
	free(a);
	free(b);
	free(c);
	loop_free(l);
}

static void
test_task_scheduled_twice_runs_once(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');

	(void)state;
	loop_task_schedule(&a->task);
	loop_task_schedule(&b->task);
	loop_task_schedule(&a->task);
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(t.text, "ab");
	assert_false(loop_turn(l, DUR_NEVER));
	assert_int_equal(loop_now(l).ns, 0);
	free(a);
	free(b);
	loop_free(l);
}

static void
test_task_cancels_another_and_frees_itself(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');
	struct actor *c = actor_new(l, &t, 'c');

	(void)state;
	a->cancel = b;
	a->dies = true;
	loop_task_schedule(&a->task);
	loop_task_schedule(&b->task);
	loop_task_schedule(&c->task);
	loop_task_cancel(&c->task);
	loop_task_cancel(&c->task);
	loop_task_schedule(&c->task);
	assert_true(loop_turn(l, 0));
	assert_string_equal(t.text, "ac");
	free(b);
	free(c);
	loop_free(l);
}

static void
test_timer_frees_itself(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');

	(void)state;
	a->dies = true;
	loop_timer_at(&a->timer, (mono_t){3});
	loop_timer_at(&b->timer, (mono_t){3});
	loop_run(l);
	assert_string_equal(t.text, "AB");
	free(b);
	loop_free(l);
}

static void
test_time_jumps(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){100});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');

	(void)state;
	assert_int_equal(loop_now(l).ns, 100);
	/* Nothing to do: a turn without a limit cannot wait, one with a limit waits that long. */
	assert_false(loop_turn(l, DUR_NEVER));
	assert_int_equal(loop_now(l).ns, 100);
	assert_false(loop_turn(l, 50));
	assert_int_equal(loop_now(l).ns, 150);
	loop_timer_at(&a->timer, (mono_t){1000});
	assert_false(loop_turn(l, 100));
	assert_int_equal(loop_now(l).ns, 250);
	assert_true(loop_turn(l, DUR_NEVER));
	assert_int_equal(loop_now(l).ns, 1000);
	/* The past does not turn time back. */
	loop_timer_at(&a->timer, (mono_t){10});
	assert_true(loop_turn(l, DUR_NEVER));
	assert_int_equal(loop_now(l).ns, 1000);
	assert_string_equal(t.text, "AA");
	free(a);
	loop_free(l);
}

static void
test_run_until(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');
	struct actor *c = actor_new(l, &t, 'c');

	(void)state;
	a->schedule = c;
	loop_timer_at(&a->timer, (mono_t){10});
	loop_timer_at(&b->timer, (mono_t){11});
	loop_run_until(l, (mono_t){10});
	assert_string_equal(t.text, "Ac");
	assert_int_equal(loop_now(l).ns, 10);
	loop_run_until(l, (mono_t){10});
	assert_string_equal(t.text, "Ac");
	loop_run_until(l, (mono_t){500});
	assert_string_equal(t.text, "AcB");
	assert_int_equal(loop_now(l).ns, 500);
	loop_task_schedule(&c->task);
	loop_run_until(l, (mono_t){500});
	assert_string_equal(t.text, "AcBc");
	free(a);
	free(b);
	free(c);
	loop_free(l);
}

static void
test_stop(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	struct actor *b = actor_new(l, &t, 'b');

	(void)state;
	a->stops = true;
	a->schedule = b;
	loop_timer_at(&a->timer, (mono_t){1});
	loop_timer_at(&b->timer, (mono_t){2});
	/* The turn is finished, the next one is not begun. */
	loop_run(l);
	assert_string_equal(t.text, "Ab");
	loop_run(l);
	assert_string_equal(t.text, "AbB");
	loop_timer_at(&a->timer, (mono_t){10});
	loop_run_until(l, (mono_t){20});
	assert_int_equal(loop_now(l).ns, 10);
	free(a);
	free(b);
	loop_free(l);
}

static void
test_wall_clock_starts_in_2026(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){42});

	(void)state;
	assert_int_equal(loop_wall_ns(l), 1767225600 * DUR_S);
	loop_run_until(l, (mono_t){42 + 5 * DUR_S});
	assert_int_equal(loop_wall_ns(l), 1767225605 * DUR_S);
	assert_null(loop_event_base(l));
	loop_free(l);
}

static void
test_lag(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){DUR_MIN});
	struct trace t = {0};
	struct actor *a = actor_new(l, &t, 'a');
	const struct loop_lag *lag = loop_lag(l);

	(void)state;
	assert_int_equal(loop_lag_bound[LOOP_LAG_BUCKETS - 1], DUR_NEVER);
	for (size_t i = 0; i < LOOP_LAG_BUCKETS; i++) {
		dur_t late = i + 1 < LOOP_LAG_BUCKETS ? loop_lag_bound[i] : 10 * DUR_S;
		loop_timer_at(&a->timer, mono_add(loop_now(l), -late));
		assert_true(loop_turn(l, 0));
		assert_int_equal(lag->bucket[i], 1);
		assert_int_equal(lag->count, i + 1);
		assert_int_equal(lag->max, late);
	}
	free(a);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_tasks_run_after_timers_until_none_is_left),
	    cmocka_unit_test(test_task_scheduled_twice_runs_once),
	    cmocka_unit_test(test_task_cancels_another_and_frees_itself),
	    cmocka_unit_test(test_timer_frees_itself),
	    cmocka_unit_test(test_time_jumps),
	    cmocka_unit_test(test_run_until),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_wall_clock_starts_in_2026),
	    cmocka_unit_test(test_lag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
