/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time and durations: saturation, reading, writing, and reading what was written.
 */
#include "base/mem.h"
#include "base/mono.h"
#include "base/rng.h"
#include "base/str.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void
sums_saturate(void **state)
{
	mono_t t = {5};

	assert_int_equal(mono_add(t, 3).ns, 8);
	assert_int_equal(mono_add(t, -8).ns, -3);
	assert_int_equal(mono_add(t, DUR_NEVER).ns, INT64_MAX);
	assert_int_equal(mono_add((mono_t){-5}, DUR_NEVER).ns, INT64_MAX);
	assert_int_equal(mono_add(t, INT64_MAX - 2).ns, INT64_MAX);
	assert_int_equal(mono_add((mono_t){-5}, INT64_MIN).ns, INT64_MIN);
	assert_int_equal(mono_sub((mono_t){9}, t), 4);
	assert_int_equal(mono_sub(t, (mono_t){9}), -4);
	assert_int_equal(mono_sub((mono_t){INT64_MAX}, (mono_t){-1}), INT64_MAX);
	assert_int_equal(mono_sub((mono_t){INT64_MIN}, (mono_t){1}), INT64_MIN);
}

static void
points_are_ordered(void **state)
{
	mono_t a = {1}, b = {2};

	assert_true(mono_before(a, b));
	assert_false(mono_before(b, a));
	assert_false(mono_before(a, a));
	assert_int_equal(mono_min(a, b).ns, 1);
	assert_int_equal(mono_min(b, a).ns, 1);
}

static void
clocks_run(void **state)
{
	mono_t t = mono_clock();

	assert_true(t.ns > 0);
	assert_false(mono_before(mono_clock(), t));
	assert_true(wall_clock_ns() > 1600000000 * DUR_S);
}

static void
writes_durations_for_people(void **state)
{
	static const struct {
		dur_t d;
		const char *text;
	} rows[] = {
	    {0, "0s"},
	    {1, "1ns"},
	    {999, "999ns"},
	    {1500, "1.5us"},
	    {300 * DUR_MS, "300ms"},
	    {999999999, "999.999ms"},
	    {DUR_S, "1s"},
	    {1500 * DUR_MS, "1.5s"},
	    {1050 * DUR_MS, "1.05s"},
	    {1005 * DUR_MS, "1.005s"},
	    {DUR_S + 500, "1s"},
	    {59 * DUR_S + 999999999, "59.999s"},
	    {DUR_MIN, "1m"},
	    {90 * DUR_S, "1m30s"},
	    {90 * DUR_S + 500 * DUR_MS, "1m30.5s"},
	    {DUR_MIN + 5 * DUR_MS, "1m0.005s"},
	    {DUR_MIN + 5, "1m"},
	    {DUR_HOUR, "1h"},
	    {DUR_HOUR + 999 * DUR_MS, "1h"},
	    {2 * DUR_HOUR + 5 * DUR_MIN, "2h5m"},
	    {DUR_DAY + 1 * DUR_S, "1d1s"},
	    {DUR_DAY + 2 * DUR_HOUR + 3 * DUR_MIN + 4 * DUR_S, "1d2h3m4s"},
	    {-1500 * DUR_MS, "-1.5s"},
	    {-(90 * DUR_S), "-1m30s"},
	    {-300 * DUR_MS, "-300ms"},
	    {-1, "-1ns"},
	    {DUR_NEVER, "never"},
	    {DUR_NEVER - 1, "106751d23h47m16s"},
	    {INT64_MIN, "-106751d23h47m16s"},
	};
	char text[24];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(dur_format(rows[i].d, text, sizeof(text)), rows[i].text);
	assert_string_equal(dur_format(300 * DUR_MS, text, 4), "300");
}

static void
reads_durations(void **state)
{
	static const struct {
		const char *text;
		dur_t d;
	} rows[] = {
	    {"0", 0},
	    {"0s", 0},
	    {"300ms", 300 * DUR_MS},
	    {"1s", DUR_S},
	    {"1.5s", 1500 * DUR_MS},
	    {"0.000000001s", 1},
	    {"2m", 2 * DUR_MIN},
	    {"0.5m", 30 * DUR_S},
	    {"1h30m", 90 * DUR_MIN},
	    {"1h0.5m", DUR_HOUR + 30 * DUR_S},
	    {"1d", DUR_DAY},
	    {"1d2h3m4s5ms6us7ns",
		DUR_DAY + 2 * DUR_HOUR + 3 * DUR_MIN + 4 * DUR_S + 5 * DUR_MS + 6 * DUR_US + 7},
	    {"90m", 90 * DUR_MIN},
	    {"9223372036854775806ns", INT64_MAX - 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		dur_t d = -1;

		if (dur_parse(rows[i].text, &d) < 0 || d != rows[i].d)
			fail_msg("'%s' gives %" PRId64, rows[i].text, d);
	}
}

static void
refuses_garbage_durations(void **state)
{
	static const char *const rows[] = {"", " ", "1", "00", "10", "s", "1 s", " 1s", "1s ",
	    "-1s", "+1s", "1.s", ".5s", "1..5s", "1.5", "1.5s5ms", "1.5h30m", "5m1h", "1s1s", "1sm",
	    "1w", "1S", "1min", "1sec", "1e3s", "0x1s", "1,5s", "0.5ns", "0.0000000001s", "1h 30m",
	    "never", "9223372036854775807ns", "9223372036854775808ns", "106752d",
	    "99999999999999999999s", "106751d24h", "1\xc2\xb5s"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		dur_t d = 42;

		if (dur_parse(rows[i], &d) == 0)
			fail_msg("'%s' is read as a duration", rows[i]);
		assert_int_equal(d, 42);
	}
}

/* Durations of up to three digits of fraction are written without loss. */
static void
reads_back_what_it_writes(void **state)
{
	static const dur_t grains[] = {1, DUR_US, DUR_MS, DUR_S};
	static const dur_t spans[] = {DUR_US, DUR_MS, DUR_HOUR, 1000 * DUR_DAY};
	char text[24];
	struct rng r;

	rng_init(&r, 3);
	for (size_t i = 0; i < 40000; i++) {
		size_t size = i % ARRAY_LEN(grains);
		dur_t d = rng_between(&r, 0, spans[size]) / grains[size] * grains[size];
		dur_t back;

		dur_format(d, text, sizeof(text));
		if (dur_parse(text, &back) < 0 || back != d)
			fail_msg("%" PRId64 " is written as %s", d, text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sums_saturate),
	    cmocka_unit_test(points_are_ordered),
	    cmocka_unit_test(clocks_run),
	    cmocka_unit_test(writes_durations_for_people),
	    cmocka_unit_test(reads_durations),
	    cmocka_unit_test(refuses_garbage_durations),
	    cmocka_unit_test(reads_back_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
