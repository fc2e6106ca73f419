/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner on a virtual clock: when attempts start, that they never overlap, what a time-out
 * does, and that nothing drifts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/runner.h"

/* A kind that answers after a while, or never. */
struct fake_probe {
	struct probe probe;
	struct loop_timer answer;
	dur_t delay; /* DUR_NEVER: no answer; 0: from within start */
	bool fails;
	bool under_way;
	int starts, cancels;
};

struct fake_conf {
	dur_t delay;
};

static void
fake_answer(struct fake_probe *f)
{
	f->under_way = false;
	if (f->fails)
		probe_fail(&f->probe, WHY_REFUSED, "port %d", 53);
	else
		probe_ok(&f->probe, NULL);
}

static void
fake_timer(struct loop_timer *t)
{
	fake_answer(container_of(t, struct fake_probe, answer));
}

static struct probe *
fake_new(const struct probe_env *env, const void *conf)
{
	struct fake_probe *f = calloc(1, sizeof(*f));

	loop_timer_init(&f->answer, env->loop, fake_timer);
	f->delay = ((const struct fake_conf *)conf)->delay;
	return &f->probe;
}

static void
fake_start(struct probe *p)
{
	struct fake_probe *f = container_of(p, struct fake_probe, probe);

	assert_false(f->under_way);
	f->under_way = true;
	f->starts++;
	if (f->delay == 0)
		fake_answer(f);
	else if (f->delay != DUR_NEVER)
		loop_timer_after(&f->answer, f->delay);
}

static void
fake_cancel(struct probe *p)
{
	struct fake_probe *f = container_of(p, struct fake_probe, probe);

	assert_true(f->under_way);
	f->under_way = false;
	f->cancels++;
	loop_timer_cancel(&f->answer);
}

static void
fake_free(struct probe *p)
{
	struct fake_probe *f = container_of(p, struct fake_probe, probe);

	assert_false(f->under_way);
	free(f);
}

static void
fake_describe(const struct probe *p, struct str *out)
{
	str_add(out, "fake");
}

static const struct conf_row fake_rows[] = {{.type = CONF_END}};
static const struct conf_schema fake_schema = {
    .name = "fake", .size = sizeof(struct fake_conf), .rows = fake_rows};
static const struct probe_kind fake_kind = {
    .variant = {.type = "fake", .schema = &fake_schema},
    .new = fake_new,
    .start = fake_start,
    .cancel = fake_cancel,
    .free = fake_free,
    .describe = fake_describe,
};

struct bed {
	struct loop *loop;
	struct rng rng;
	struct probe_env env;
	struct fake_conf fake;
	struct probe_conf conf;
	struct runner runner;
	int results;
	mono_t first; /* start of the first attempt, undisturbed */
	mono_t last_start;
	bool check_grid;
	bool end_in_result;
	bool again_in_result;
};

static void
bed_result(struct runner *r, const struct probe_sample *s)
{
	struct bed *b = container_of(r, struct bed, runner);

	assert_ptr_equal(s, &r->last);
	b->results++;
	if (b->check_grid) {
		dur_t f = b->conf.frequency;
		dur_t off = mono_sub(r->started, b->first) - (b->results - 1) * f;

		if (b->results == 1) {
			b->first = r->started;
			off = 0;
		}
		assert_true(off >= -f / 50 && off <= f / 50);
		if (b->results > 1)
			assert_true(mono_sub(r->started, b->last_start) > 0);
	}
	b->last_start = r->started;
	if (b->end_in_result)
		runner_done(r);
	else if (b->again_in_result && b->results % 2 == 1)
		runner_ask_now(r);
}

static struct bed *
bed_new(uint64_t seed, dur_t frequency, dur_t timeout, dur_t delay)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->loop = loop_virtual_new((mono_t){.ns = 1000});
	rng_init(&b->rng, seed);
	b->env = (struct probe_env){.loop = b->loop, .rng = &b->rng};
	b->fake.delay = delay;
	b->conf = (struct probe_conf){.variant = &fake_kind.variant,
	    .kind_conf = &b->fake,
	    .frequency = frequency,
	    .timeout = timeout,
	    .rise = 1,
	    .fall = 1};
	runner_init(&b->runner, &b->env, "p", &b->conf, bed_result);
	return b;
}

static void
bed_free(struct bed *b)
{
	runner_done(&b->runner);
	loop_free(b->loop);
	free(b);
}

static struct fake_probe *
bed_probe(struct bed *b)
{
	return container_of(b->runner.probe, struct fake_probe, probe);
}

static void
bed_run(struct bed *b, dur_t d)
{
	loop_run_until(b->loop, mono_add(loop_now(b->loop), d));
}

/* Ten thousand periods later every attempt still starts at its point of the grid. */
static void
test_no_drift(void **state)
{
	struct bed *b = bed_new(7, DUR_S, 300 * DUR_MS, 3 * DUR_MS);

	b->check_grid = true;
	runner_start(&b->runner);
	bed_run(b, 10001 * DUR_S);
	assert_true(b->results >= 10000 && b->results <= 10001);
	assert_int_equal(b->runner.attempts, b->results);
	assert_int_equal(b->runner.failures, 0);
	assert_int_equal(b->runner.rtt_sum, b->results * 3 * DUR_MS);
	assert_int_equal(b->runner.by_why[WHY_OK], b->results);
	assert_int_equal(b->runner.by_why[WHY_MISSED], 0);
	bed_free(b);
}

/* A time-out as long as the frequency is the worst case for overlap. */
static void
test_hanging_never_overlaps(void **state)
{
	struct bed *b = bed_new(8, 100 * DUR_MS, 100 * DUR_MS, DUR_NEVER);

	b->check_grid = true;
	runner_start(&b->runner);
	bed_run(b, 1000 * 100 * DUR_MS);
	assert_true(b->results >= 998);
	assert_int_equal(b->runner.by_why[WHY_TIMEOUT], b->results);
	assert_int_equal(b->runner.failures, b->results);
	assert_int_equal(b->runner.by_why[WHY_MISSED], 0);
	assert_string_equal(b->runner.last.detail, "no answer within 100ms");
	assert_int_equal(b->runner.last.rtt, 100 * DUR_MS);
	assert_true(bed_probe(b)->cancels >= b->results);
	bed_free(b);
}

static void
test_first_attempt_is_soon(void **state)
{
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct bed *b = bed_new(seed, 5 * DUR_MIN, DUR_S, 0);

		runner_start(&b->runner);
		bed_run(b, DUR_S);
		assert_int_equal(b->results, 1);
		bed_run(b, 5 * DUR_MIN - 8 * DUR_S);
		assert_int_equal(b->results, 1);
		bed_run(b, 15 * DUR_S);
		assert_int_equal(b->results, 2);
		bed_free(b);
	}
}

static void
test_failure_says_why(void **state)
{
	struct bed *b = bed_new(1, DUR_S, 300 * DUR_MS, DUR_MS);

	bed_probe(b)->fails = true;
	runner_start(&b->runner);
	bed_run(b, DUR_S + 2 * DUR_MS);
	assert_false(b->runner.last.ok);
	assert_int_equal(b->runner.last.why, WHY_REFUSED);
	assert_string_equal(b->runner.last.detail, "port 53");
	assert_int_equal(b->runner.by_why[WHY_REFUSED], b->results);
	bed_free(b);
}

/* Out of turn: at once, unless one is under way, and the schedule does not move. */
static void
test_ask_now(void **state)
{
	struct bed *b = bed_new(2, DUR_S, 300 * DUR_MS, 50 * DUR_MS);
	mono_t planned;

	runner_start(&b->runner);
	bed_run(b, DUR_S + 50 * DUR_MS);
	assert_int_equal(b->results, 1);
	planned = b->runner.planned;
	runner_ask_now(&b->runner);
	runner_ask_now(&b->runner);
	assert_int_equal(bed_probe(b)->starts, 2);
	assert_int_equal(b->runner.planned.ns, planned.ns);
	bed_run(b, 50 * DUR_MS);
	assert_int_equal(b->results, 2);
	bed_free(b);
}

static void
test_end_in_result(void **state)
{
	struct bed *b = bed_new(3, DUR_S, 300 * DUR_MS, DUR_NEVER);

	b->end_in_result = true;
	runner_start(&b->runner);
	bed_run(b, 10 * DUR_S);
	assert_int_equal(b->results, 1);
	assert_null(b->runner.probe);
	bed_free(b);
}

static void
test_ask_again_in_result(void **state)
{
	struct bed *b = bed_new(4, DUR_S, 300 * DUR_MS, 0);

	b->again_in_result = true;
	runner_start(&b->runner);
	bed_run(b, 10 * DUR_S + DUR_S / 2);
	assert_true(b->results >= 20);
	assert_int_equal(b->runner.attempts, b->results);
	bed_free(b);
}

static void
test_end_while_under_way(void **state)
{
	struct bed *b = bed_new(5, DUR_S, 300 * DUR_MS, DUR_NEVER);

	runner_start(&b->runner);
	runner_ask_now(&b->runner);
	assert_true(bed_probe(b)->under_way);
	bed_free(b); /* fake_free() checks that it was cancelled */
}

static void
test_new_generation_moves_the_pointers(void **state)
{
	struct bed *b = bed_new(6, DUR_S, 300 * DUR_MS, 0);
	struct probe_conf next = b->conf;
	struct fake_conf fake = b->fake;
	struct probe *before = b->runner.probe;

	next.kind_conf = &fake;
	runner_start(&b->runner);
	bed_run(b, DUR_S);
	runner_set_conf(&b->runner, &next);
	assert_ptr_equal(b->runner.probe, before);
	assert_ptr_equal(before->conf, &fake);
	bed_run(b, DUR_S);
	assert_true(b->results >= 1);
	bed_free(b);
}

/* Ten thousand probes that start together are spread over the whole first second. */
#define RUNNERS 10000
static uint32_t spread_bucket[100];

static void
spread_result(struct runner *r, const struct probe_sample *s)
{
	if (r->attempts == 1)
		spread_bucket[(r->started.ns - 1000) * 100 / (DUR_S + 1)]++;
}

static void
test_spread(void **state)
{
	struct bed *b = bed_new(9, DUR_S, 300 * DUR_MS, 0);
	struct runner *runners = calloc(RUNNERS, sizeof(*runners));

	for (size_t i = 0; i < RUNNERS; i++) {
		runner_init(&runners[i], &b->env, "p", &b->conf, spread_result);
		runner_start(&runners[i]);
	}
	bed_run(b, DUR_S);
	for (size_t i = 0; i < ARRAY_LEN(spread_bucket); i++)
		assert_in_range(spread_bucket[i], 50, 150); /* 100 expected, deviation 10 */
	for (size_t i = 0; i < RUNNERS; i++)
		runner_done(&runners[i]);
	free(runners);
	bed_free(b);
}

static void
test_errno_has_a_reason(void **state)
{
	static const struct {
		int error;
		enum why why;
	} cases[] = {
	    {-111 /* ECONNREFUSED */, WHY_REFUSED},
	    {-104 /* ECONNRESET */, WHY_RESET},
	    {-113 /* EHOSTUNREACH */, WHY_UNREACHABLE},
	    {-101 /* ENETUNREACH */, WHY_UNREACHABLE},
	    {-24 /* EMFILE */, WHY_LOCAL},
	    {-1 /* EPERM */, WHY_LOCAL},
	};
	struct bed *b = bed_new(10, DUR_S, 300 * DUR_MS, DUR_NEVER);

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		runner_ask_now(&b->runner);
		bed_probe(b)->under_way = false;
		probe_fail_errno(b->runner.probe, cases[i].error, "connect");
		assert_int_equal(b->runner.last.why, cases[i].why);
		assert_memory_equal(b->runner.last.detail, "connect: ", 9);
	}
	bed_free(b);
}

/* -- confirming attempts -- */

/* A first failure is asked about again every `retry` until `fall` in a row; the grid stays. */
static void
test_retry(void **state)
{
	struct bed *b = bed_new(3, 10 * DUR_S, DUR_S, 0);
	struct fake_probe *f = container_of(b->runner.probe, struct fake_probe, probe);
	mono_t started;

	b->conf.fall = 3;
	b->conf.retry = 20 * DUR_MS;
	runner_ask_now(&b->runner);
	assert_int_equal(b->results, 1);
	assert_false(loop_timer_armed(&b->runner.again));

	f->fails = true;
	started = loop_now(b->loop);
	runner_ask_now(&b->runner);
	loop_run_until(b->loop, mono_add(started, 19 * DUR_MS));
	assert_int_equal(b->results, 2);
	loop_run_until(b->loop, mono_add(started, 40 * DUR_MS));
	assert_int_equal(b->results, 4);
	assert_int_equal(b->runner.failed_in_row, 3);
	/* confirmed: nothing more out of turn */
	loop_run_until(b->loop, mono_add(started, 5 * DUR_S));
	assert_int_equal(b->results, 4);

	/* refuted: one failure, then a good answer */
	f->fails = false;
	runner_ask_now(&b->runner);
	f->fails = true;
	runner_ask_now(&b->runner);
	f->fails = false;
	loop_run_until(b->loop, mono_add(loop_now(b->loop), DUR_S));
	assert_int_equal(b->results, 7);
	assert_int_equal(b->runner.failed_in_row, 0);
	bed_free(b);
}

/* A time-out is a failure as well; the pause begins when it is known. */
static void
test_retry_after_timeouts(void **state)
{
	struct bed *b = bed_new(4, 10 * DUR_S, 300 * DUR_MS, DUR_NEVER);
	mono_t started = loop_now(b->loop);

	b->conf.fall = 3;
	b->conf.retry = 20 * DUR_MS;
	runner_ask_now(&b->runner);
	loop_run_until(b->loop, mono_add(started, 3 * 300 * DUR_MS + 2 * 20 * DUR_MS - 1));
	assert_int_equal(b->results, 2);
	loop_run_until(b->loop, mono_add(started, 3 * 300 * DUR_MS + 2 * 20 * DUR_MS));
	assert_int_equal(b->results, 3);
	bed_free(b);
}

static void
test_threshold(void **state)
{
	struct bed *b = bed_new(5, 10 * DUR_S, DUR_S, 50 * DUR_MS);

	b->conf.threshold = 50 * DUR_MS;
	runner_ask_now(&b->runner);
	loop_run_until(b->loop, mono_add(loop_now(b->loop), DUR_S));
	assert_false(b->runner.last.late);
	b->conf.threshold = 49 * DUR_MS;
	runner_ask_now(&b->runner);
	loop_run_until(b->loop, mono_add(loop_now(b->loop), DUR_S));
	assert_true(b->runner.last.ok && b->runner.last.late);
	assert_int_equal(b->runner.late, 1);
	assert_int_equal(b->runner.failures, 0);
	bed_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_drift),
	    cmocka_unit_test(test_hanging_never_overlaps),
	    cmocka_unit_test(test_first_attempt_is_soon),
	    cmocka_unit_test(test_failure_says_why),
	    cmocka_unit_test(test_ask_now),
	    cmocka_unit_test(test_end_in_result),
	    cmocka_unit_test(test_ask_again_in_result),
	    cmocka_unit_test(test_end_while_under_way),
	    cmocka_unit_test(test_new_generation_moves_the_pointers),
	    cmocka_unit_test(test_spread),
	    cmocka_unit_test(test_errno_has_a_reason),
	    cmocka_unit_test(test_retry),
	    cmocka_unit_test(test_retry_after_timeouts),
	    cmocka_unit_test(test_threshold),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
