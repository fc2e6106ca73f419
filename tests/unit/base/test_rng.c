/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random numbers: the published algorithm, repetition by seed, and the bounds.
 */
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* The state {1, 2, 3, 4} and its first numbers are the usual test vector of xoshiro256**. */
static void
is_xoshiro256starstar(void **state)
{
	static const uint64_t wanted[] = {11520, 0, 1509978240, 1215971899390074240};
	struct rng r = {.s = {1, 2, 3, 4}};

	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_int_equal(rng_next(&r), wanted[i]);
}

/* splitmix64 with seed 0 gives 0xe220a8397b1dcdaf first. */
static void
is_seeded_by_splitmix64(void **state)
{
	struct rng r;

	rng_init(&r, 0);
	assert_int_equal(r.s[0], 0xe220a8397b1dcdaf);
	assert_int_equal(r.s[1], 0x6e789e6aa1b965f4);
}

static void
a_seed_repeats(void **state)
{
	struct rng a, b, c;
	unsigned differ = 0;

	rng_init(&a, 7);
	rng_init(&b, 7);
	rng_init(&c, 8);
	for (int i = 0; i < 1000; i++) {
		uint64_t number = rng_next(&a);

		assert_int_equal(number, rng_next(&b));
		differ += number != rng_next(&c);
	}
	assert_int_equal(differ, 1000);
}

static void
below_is_uniform(void **state)
{
	static const uint64_t bounds[] = {1, 2, 7, 10};
	struct rng r;

	rng_init(&r, 11);
	for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
		unsigned counts[10] = {0};

		for (int n = 0; n < 70000; n++) {
			uint64_t x = rng_below(&r, bounds[i]);

			assert_true(x < bounds[i]);
			counts[x]++;
		}
		/* Five per cent are more than four standard deviations, and the seed is fixed. */
		for (uint64_t x = 0; x < bounds[i]; x++)
			assert_in_range(counts[x], 66500 / bounds[i], 73500 / bounds[i]);
	}
	assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

static void
between_includes_both_ends(void **state)
{
	unsigned counts[7] = {0};
	struct rng r;

	rng_init(&r, 12);
	for (int i = 0; i < 1000; i++) {
		dur_t d = rng_between(&r, -3, 3);

		assert_in_range(d + 3, 0, 6);
		counts[d + 3]++;
	}
	for (size_t i = 0; i < ARRAY_LEN(counts); i++)
		assert_true(counts[i] > 0);
	assert_int_equal(rng_between(&r, 5, 5), 5);
	rng_between(&r, INT64_MIN, INT64_MAX);
}

static void
secure_numbers_differ(void **state)
{
	assert_int_not_equal(rng_secure(), rng_secure());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(is_xoshiro256starstar),
	    cmocka_unit_test(is_seeded_by_splitmix64),
	    cmocka_unit_test(a_seed_repeats),
	    cmocka_unit_test(below_is_uniform),
	    cmocka_unit_test(between_includes_both_ends),
	    cmocka_unit_test(secure_numbers_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
