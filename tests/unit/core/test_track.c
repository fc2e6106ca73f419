/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks, through core.h alone: small spaces exhaustively against reference models, and the rules
 * that need time one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "core_bed.h"

/* Every sequence of eight samples, for every rise and fall up to three. */
static void
test_rise_and_fall(void **state)
{
	for (uint32_t rise = 1; rise <= 3; rise++)
		for (uint32_t fall = 1; fall <= 3; fall++)
			for (unsigned bits = 0; bits < 256; bits++) {
				struct bed *b = bed_new();
				enum track_state expected = TRACK_UNKNOWN;
				unsigned ups = 0, downs = 0;

				add_probe(b, "p", rise, fall);
				configure(b);
				for (int i = 0; i < 8; i++) {
					bool ok = (bits >> i & 1) != 0;

					ups = ok ? ups + 1 : 0;
					downs = ok ? 0 : downs + 1;
					if (ups >= rise)
						expected = TRACK_UP;
					if (downs >= fall)
						expected = TRACK_DOWN;
					sample(b, "p", ok);
					core_run(b->core, b->now);
					assert_int_equal(track_of(b, "p").state, expected);
					assert_int_equal(track_of(b, "p").streak, ok ? ups : downs);
				}
				bed_free(b);
			}
}

/* All states of three members, for both kinds of list. */
static void
test_lists(void **state)
{
	static const char *const names[] = {"a", "b", "c"};

	for (int code = 0; code < 27; code++) {
		enum track_state m[3] = {code % 3, code / 3 % 3, code / 9};
		int count[3] = {0};
		struct bed *b = bed_new();

		for (int i = 0; i < 3; i++) {
			add_probe(b, names[i], 1, 1);
			count[m[i]]++;
		}
		add_track(b, "all")->all = list_of(names, 3);
		add_track(b, "any")->any = list_of(names, 3);
		configure(b);
		for (int i = 0; i < 3; i++)
			set_track(b, names[i], m[i]);
		core_run(b->core, b->now);
		assert_int_equal(track_of(b, "all").state, count[TRACK_DOWN] > 0  ? TRACK_DOWN
							   : count[TRACK_UP] == 3 ? TRACK_UP
										  : TRACK_UNKNOWN);
		assert_int_equal(track_of(b, "any").state, count[TRACK_UP] > 0 ? TRACK_UP
							   : count[TRACK_DOWN] == 3
							       ? TRACK_DOWN
							       : TRACK_UNKNOWN);
		bed_free(b);
	}
}

/* Lists of lists, named in the wrong order: one run carries a change all the way. */
static void
test_depth(void **state)
{
	static const char *const p[] = {"p"}, *const one[] = {"one"}, *const two[] = {"two", "p"};
	struct bed *b = bed_new();

	add_probe(b, "p", 1, 1);
	add_track(b, "three")->all = list_of(two, 2);
	add_track(b, "two")->any = list_of(one, 1);
	add_track(b, "one")->all = list_of(p, 1);
	configure(b);
	sample(b, "p", true);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "three").state, TRACK_UP);
	assert_string_equal(track_of(b, "two").detail, "one");
	sample(b, "p", false);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "three").state, TRACK_DOWN);
	assert_int_equal(track_of(b, "three").why, WHY_MEMBER);
	bed_free(b);
}

static void
test_interface(void **state)
{
	struct bed *b = bed_new();

	add_track(b, "up")->interface = "eth0";
	configure(b);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "up").state, TRACK_UNKNOWN);
	core_link(b->core, "eth1", true, b->now);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "up").state, TRACK_UNKNOWN);
	core_link(b->core, "eth0", true, b->now);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "up").state, TRACK_UP);
	assert_string_equal(track_of(b, "up").kind, "interface");
	core_link(b->core, "eth0", false, b->now);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "up").state, TRACK_DOWN);
	/* A later generation starts from what is known. */
	add_track(b, "one")->interface = "eth1";
	add_track(b, "none")->interface = "eth7";
	configure(b);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "one").state, TRACK_UP);
	assert_int_equal(track_of(b, "none").state, TRACK_DOWN);
	bed_free(b);
}

static void
test_delay(void **state)
{
	static const struct track_delay_conf delay = {.up = 10, .down = 20};
	static const char *const p[] = {"p"};
	struct bed *b = bed_new();
	struct track_conf *t;

	add_probe(b, "p", 1, 1);
	t = add_track(b, "t");
	t->all = list_of(p, 1);
	t->delay = &delay;
	configure(b);
	sample(b, "p", true);
	pass(b, 9);
	assert_int_equal(track_of(b, "t").state, TRACK_UNKNOWN);
	assert_true(track_of(b, "t").pending);
	pass(b, 1);
	assert_int_equal(track_of(b, "t").state, TRACK_UP);
	assert_false(track_of(b, "t").pending);
	/* A change that does not last is none. */
	sample(b, "p", false);
	pass(b, 19);
	sample(b, "p", true);
	pass(b, 5);
	sample(b, "p", false);
	pass(b, 19);
	assert_int_equal(track_of(b, "t").state, TRACK_UP);
	pass(b, 1);
	assert_int_equal(track_of(b, "t").state, TRACK_DOWN);
	bed_free(b);
	/* Nothing is held back that says for the first time that something is down. */
	b = bed_new();
	add_probe(b, "p", 1, 1);
	t = add_track(b, "t");
	t->all = list_of(p, 1);
	t->delay = &delay;
	configure(b);
	sample(b, "p", false);
	core_run(b->core, b->now);
	assert_int_equal(track_of(b, "t").state, TRACK_DOWN);
	bed_free(b);
}

/* A break within one turn of the loop starts the delay again. */
static void
test_delay_broken_between_runs(void **state)
{
	static const struct track_delay_conf delay = {.up = 10};
	struct bed *b = bed_new();
	struct track_conf *t = add_track(b, "t");

	t->interface = "eth0";
	t->delay = &delay;
	configure(b);
	core_link(b->core, "eth0", true, b->now);
	pass(b, 8);
	core_link(b->core, "eth0", false, b->now);
	core_link(b->core, "eth0", true, b->now);
	pass(b, 8);
	assert_int_equal(track_of(b, "t").state, TRACK_UNKNOWN);
	pass(b, 2);
	assert_int_equal(track_of(b, "t").state, TRACK_UP);
	bed_free(b);
}

static void
quiet(enum log_level level, const char *line)
{
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rise_and_fall),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_interface),
	    cmocka_unit_test(test_delay),
	    cmocka_unit_test(test_delay_broken_between_runs),
	};

	log_set_sink(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
