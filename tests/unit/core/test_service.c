/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services, through core.h alone: every combination of members, admin state and drain against a
 * reference model, and the rules that need time one by one.
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

/* Two required, one preferred, all states; every admin state; drained or not. */
static void
test_level(void **state)
{
	static const char *const names[] = {"r1", "r2", "p1"};

	for (int code = 0; code < 27 * 3 * 2; code++) {
		enum track_state r1 = code % 3, r2 = code / 3 % 3, p1 = code / 9 % 3;
		enum service_admin admin = code / 27 % 3;
		bool drain = code / 81 == 1;
		enum service_level health = LEVEL_UP, expected;
		enum why why = WHY_HEALTHY;
		struct service_conf *s;
		struct bed *b = bed_new();

		for (int i = 0; i < 3; i++)
			add_probe(b, names[i], 1, 1);
		s = add_service(b, "dns");
		s->require = list_of(names, 2);
		s->prefer = list_of(names + 2, 1);
		configure(b);
		set_track(b, "r1", r1);
		set_track(b, "r2", r2);
		set_track(b, "p1", p1);
		assert_int_equal(core_admin(b->core, "dns", admin, b->now), 0);
		if (drain)
			core_drain(b->core, "dns", true, AT(DUR_NEVER), b->now);
		core_run(b->core, b->now);

		if (p1 != TRACK_UP)
			health = LEVEL_DEGRADED, why = WHY_PREFER;
		if (r1 == TRACK_UNKNOWN || r2 == TRACK_UNKNOWN)
			health = LEVEL_DOWN, why = WHY_UNKNOWN;
		if (r1 == TRACK_DOWN || r2 == TRACK_DOWN)
			health = LEVEL_DOWN, why = WHY_REQUIRE;
		expected = health;
		if (admin != ADMIN_AUTO) {
			expected = admin == ADMIN_UP ? LEVEL_UP : LEVEL_DOWN;
			why = WHY_ADMIN;
		}
		if (drain && expected > LEVEL_DRAINED)
			expected = LEVEL_DRAINED, why = WHY_DRAIN;
		assert_int_equal(service_of(b, "dns").level, expected);
		assert_int_equal(service_of(b, "dns").why, why);
		if (why == WHY_REQUIRE)
			assert_string_equal(
			    service_of(b, "dns").culprit, r1 == TRACK_DOWN ? "r1" : "r2");
		/* What follows: every level but down keeps the route; the address always. */
		core_address(b->core, &b->prefix, true, b->now);
		assert_int_equal(route_of(b)->wanted, expected != LEVEL_DOWN);
		assert_true(intent_find(core_intent(b->core), INTENT_ADDRESS, &b->prefix)->wanted);
		if (expected == LEVEL_DEGRADED)
			assert_int_equal(route_of(b)->attrs->prepend, 2);
		if (expected == LEVEL_DRAINED)
			assert_int_equal(route_of(b)->attrs->communities[0], 0xffff0000u);
		bed_free(b);
	}
}

static void
test_no_such_service(void **state)
{
	struct bed *b = bed_new();

	configure(b);
	assert_int_equal(core_admin(b->core, "dns", ADMIN_UP, b->now), -1);
	assert_int_equal(core_drain(b->core, "dns", true, b->now, b->now), -1);
	bed_free(b);
}

static void
test_hold_up(void **state)
{
	struct bed *b = bed_with_hold_up(100);

	core_run(b->core, b->now);
	sample(b, "p", true);
	pass(b, 60);
	assert_int_equal(service_of(b, "dns").why, WHY_HOLD_UP);
	assert_true(service_of(b, "dns").holding);
	sample(b, "p", false);
	pass(b, 10);
	assert_int_equal(service_of(b, "dns").why, WHY_REQUIRE);
	sample(b, "p", true);
	pass(b, 99);
	assert_int_equal(service_of(b, "dns").level, LEVEL_DOWN);
	pass(b, 1);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	assert_false(service_of(b, "dns").holding);
	/* Worse is immediate. */
	sample(b, "p", false);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_DOWN);
	/* An operator's word does not wait; back to auto, goodness counts from its beginning. */
	core_admin(b->core, "dns", ADMIN_UP, b->now);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	core_admin(b->core, "dns", ADMIN_DOWN, b->now);
	sample(b, "p", true);
	pass(b, 150);
	core_admin(b->core, "dns", ADMIN_AUTO, b->now);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	bed_free(b);
}

static void
test_new_service_that_is_good_goes_up(void **state)
{
	static const char *const p[] = {"p"};
	struct bed *b = bed_new();
	struct service_conf *s;

	add_probe(b, "p", 1, 1);
	configure(b);
	sample(b, "p", true);
	core_run(b->core, b->now);
	s = add_service(b, "dns");
	s->require = list_of(p, 1);
	s->hold_up = DUR_HOUR;
	configure(b);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	bed_free(b);
}

/* By all speakers that are configured, or by those that are named; since when is told. */
static void
test_advertise(void **state)
{
	static const char *const ospf[] = {"ospf"}, *const both[] = {"ospf", "bgp"};
	const struct {
		struct conf_list words;
		intent_audience audience;
	} cases[] = {
	    {{NULL, 0}, 3},
	    {{ospf, 1}, 2},
	    {{both, 2}, 3},
	    {{both + 1, 1}, 1},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct bed *b = bed_new();

		add_service(b, "dns")->advertise = cases[i].words;
		configure(b);
		b->now = mono_add(b->now, 5);
		core_run(b->core, b->now);
		core_address(b->core, &b->prefix, true, b->now);
		assert_true(route_of(b)->wanted);
		assert_int_equal(route_of(b)->audience, cases[i].audience);
		assert_int_equal(service_of(b, "dns").since.ns, b->now.ns);
		bed_free(b);
	}
}

static void
test_drain_ends(void **state)
{
	struct bed *b = bed_with_hold_up(0);

	sample(b, "p", true);
	core_drain(b->core, "dns", true, mono_add(b->now, 50), b->now);
	pass(b, 49);
	assert_int_equal(service_of(b, "dns").level, LEVEL_DRAINED);
	pass(b, 1);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	assert_false(service_of(b, "dns").draining);
	bed_free(b);
}

static void
test_last_resort(void **state)
{
	static const struct attrs_conf far = {.prepend = 5};
	static const struct levels_conf levels = {.level[LEVEL_DOWN] = {.attrs = &far}};
	struct bed *b = bed_with_hold_up(0);

	b->service_confs[0].levels = &levels;
	configure(b);
	sample(b, "p", false);
	core_run(b->core, b->now);
	core_address(b->core, &b->prefix, true, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_DOWN);
	assert_true(route_of(b)->wanted);
	assert_int_equal(route_of(b)->attrs->prepend, 5);
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
	    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_no_such_service),
	    cmocka_unit_test(test_hold_up),
	    cmocka_unit_test(test_new_service_that_is_good_goes_up),
	    cmocka_unit_test(test_advertise),
	    cmocka_unit_test(test_drain_ends),
	    cmocka_unit_test(test_last_resort),
	};

	log_set_sink(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
