/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timers against a reference model: a list that is searched from end to end. A crowd of timers
 * arms, re-arms, cancels and frees itself and each other at random, from outside and from
 * callbacks, on the virtual clock; at every call the timer that runs must be the one that the model
 * names.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "loop/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define CROWD  97
#define ROUNDS 40000
#define SEEDS  8

struct crowd;

struct member {
	struct loop_timer timer;
	struct crowd *crowd;
	size_t index;
};

/* What the model knows of a timer. */
struct belief {
	bool armed;
	int64_t deadline;
	uint64_t order;
};

struct crowd {
	struct loop *loop;
	struct rng rng;
	struct member *member[CROWD];
	struct belief belief[CROWD];
	uint64_t order;
	uint64_t limit; /* of this turn: what was armed later does not run */
	int64_t now;
	bool running;
	unsigned fired;
};

static void member_fired(struct loop_timer *t);

static void
member_new(struct crowd *c, size_t i)
{
	c->member[i] = mem_alloc(sizeof(*c->member[i]));
	c->member[i]->crowd = c;
	c->member[i]->index = i;
	loop_timer_init(&c->member[i]->timer, c->loop, member_fired);
}

/* The timer that has to run next within the turn; CROWD: none. */
static size_t
model_due(const struct crowd *c)
{
	size_t best = CROWD;

	for (size_t i = 0; i < CROWD; i++) {
		const struct belief *b = &c->belief[i];
		if (!b->armed || b->deadline > c->now || b->order >= c->limit)
			continue;
		if (best == CROWD || b->deadline < c->belief[best].deadline ||
		    (b->deadline == c->belief[best].deadline && b->order < c->belief[best].order))
			best = i;
	}
	return best;
}

static int64_t
model_next(const struct crowd *c)
{
	int64_t next = DUR_NEVER;

	for (size_t i = 0; i < CROWD; i++)
		if (c->belief[i].armed && c->belief[i].deadline < next)
			next = c->belief[i].deadline;
	return next;
}

static void
arm(struct crowd *c, size_t i)
{
	/* Few different deadlines, so that ties and the past happen often. */
	int64_t when = c->now + (int64_t)rng_below(&c->rng, 12) - 4;

	if (rng_below(&c->rng, 50) == 0)
		when = DUR_NEVER;
	if (rng_below(&c->rng, 2) == 0 || when == DUR_NEVER)
		loop_timer_at(&c->member[i]->timer, (mono_t){when});
	else
		loop_timer_after(&c->member[i]->timer, when - c->now);
	if (c->running && when < c->now)
		when = c->now;
	c->belief[i] = (struct belief){.armed = true, .deadline = when, .order = c->order++};
}

static void
disarm(struct crowd *c, size_t i)
{
	loop_timer_cancel(&c->member[i]->timer);
	c->belief[i].armed = false;
}

/* One random act upon a random timer. */
static void
act(struct crowd *c)
{
	size_t i = rng_below(&c->rng, CROWD);

	switch (rng_below(&c->rng, 6)) {
	case 0: disarm(c, i); break;
	case 1:
		disarm(c, i);
		free(c->member[i]);
		member_new(c, i);
		break;
	default: arm(c, i); break;
	}
	assert_int_equal(loop_timer_armed(&c->member[i]->timer), c->belief[i].armed);
}

static void
member_fired(struct loop_timer *t)
{
	struct member *m = container_of(t, struct member, timer);
	struct crowd *c = m->crowd;
	size_t i = m->index;

	assert_int_equal(i, model_due(c));
	assert_int_equal(loop_now(c->loop).ns, c->now);
	assert_false(loop_timer_armed(t));
	c->belief[i].armed = false;
	c->fired++;
	for (uint64_t n = rng_below(&c->rng, 3); n > 0; n--)
		act(c);
	if (rng_below(&c->rng, 8) == 0) {
		disarm(c, i);
		free(c->member[i]);
		member_new(c, i);
	}
}

static void
run_crowd(uint64_t seed)
{
	struct crowd c = {.now = 1000};

	rng_init(&c.rng, seed);
	c.loop = loop_virtual_new((mono_t){c.now});
	for (size_t i = 0; i < CROWD; i++)
		member_new(&c, i);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (uint64_t n = rng_below(&c.rng, 3); n > 0; n--)
			act(&c);
		int64_t next = model_next(&c);
		if (next == DUR_NEVER)
			continue;
		c.now = next > c.now ? next : c.now;
		c.limit = c.order;
		c.running = true;
		assert_true(loop_turn(c.loop, DUR_NEVER));
		c.running = false;
		assert_int_equal(model_due(&c), CROWD);
		assert_int_equal(loop_now(c.loop).ns, c.now);
	}
	assert_true(c.fired > ROUNDS);
	assert_int_equal(loop_lag(c.loop)->count, c.fired);
	for (size_t i = 0; i < CROWD; i++) {
		loop_timer_cancel(&c.member[i]->timer);
		free(c.member[i]);
	}
	loop_free(c.loop);
}

static void
test_model(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run_crowd(seed);
}

/* -- single facts -- */

struct trace {
	char text[32];
	size_t len;
};

struct marked {
	struct loop_timer timer;
	struct trace *trace;
	char mark;
	unsigned again; /* re-arms itself for now that many times */
};

static void
marked_fired(struct loop_timer *t)
{
	struct marked *m = container_of(t, struct marked, timer);

	m->trace->text[m->trace->len++] = m->mark;
	if (m->again > 0) {
		m->again--;
		loop_timer_after(t, 0);
	}
}

static void
marked_init(struct marked *m, struct loop *l, struct trace *trace, char mark)
{
	*m = (struct marked){.trace = trace, .mark = mark};
	loop_timer_init(&m->timer, l, marked_fired);
}

static void
test_armed_for_now_runs_in_the_next_turn(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace trace = {0};
	struct marked a, b;

	(void)state;
	marked_init(&a, l, &trace, 'a');
	marked_init(&b, l, &trace, 'b');
	a.again = 2;
	loop_timer_at(&a.timer, (mono_t){5});
	loop_timer_at(&b.timer, (mono_t){5});
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(trace.text, "ab");
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(trace.text, "aba");
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(trace.text, "abaa");
	assert_false(loop_turn(l, DUR_NEVER));
	assert_int_equal(loop_now(l).ns, 5);
	loop_free(l);
}

static void
test_ties_in_order_of_arming(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace trace = {0};
	struct marked m[20];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(m); i++) {
		marked_init(&m[i], l, &trace, (char)('a' + i));
		loop_timer_at(&m[i].timer, (mono_t){7});
	}
	/* Armed anew: to the end of the line. */
	loop_timer_at(&m[3].timer, (mono_t){7});
	assert_true(loop_turn(l, DUR_NEVER));
	assert_string_equal(trace.text, "abcefghijklmnopqrstd");
	loop_free(l);
}

static void
test_never_is_armed_and_not_reached(void **state)
{
	struct loop *l = loop_virtual_new((mono_t){0});
	struct trace trace = {0};
	struct marked m;

	(void)state;
	marked_init(&m, l, &trace, 'n');
	loop_timer_after(&m.timer, DUR_NEVER);
	assert_true(loop_timer_armed(&m.timer));
	assert_false(loop_turn(l, DUR_NEVER));
	loop_run_until(l, (mono_t){DUR_NEVER - 1});
	loop_run(l);
	assert_string_equal(trace.text, "");
	loop_timer_cancel(&m.timer);
	assert_false(loop_timer_armed(&m.timer));
	loop_free(l);
}

static void
test_zeroed_timer_can_be_cancelled(void **state)
{
	struct loop_timer t = {0};

	(void)state;
	loop_timer_cancel(&t);
	assert_false(loop_timer_armed(&t));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_model),
	    cmocka_unit_test(test_armed_for_now_runs_in_the_next_turn),
	    cmocka_unit_test(test_ties_in_order_of_arming),
	    cmocka_unit_test(test_never_is_armed_and_not_reached),
	    cmocka_unit_test(test_zeroed_timer_can_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
