/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reloads, stopping, waking, counters and history of the core.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/rng.h"
#include "core_bed.h"

static void
test_reload_keeps(void **state)
{
	static const char *const both[] = {"p", "new"};
	struct bed *b = bed_with_hold_up(0);
	uint64_t version;
	mono_t since;

	sample(b, "p", true);
	core_run(b->core, b->now);
	core_address(b->core, &b->prefix, true, b->now);
	core_run(b->core, b->now);
	since = service_of(b, "dns").since;
	version = intent_version(core_intent(b->core));
	b->now = mono_add(b->now, 1000);
	configure(b);
	core_run(b->core, b->now);
	assert_int_equal(intent_version(core_intent(b->core)), version);
	assert_int_equal(service_of(b, "dns").since.ns, since.ns);
	/* A requirement that has not reported yet does not take down what is up. */
	add_probe(b, "new", 1, 1);
	b->service_confs[0].require = list_of(both, 2);
	configure(b);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_UP);
	assert_int_equal(intent_version(core_intent(b->core)), version);
	sample(b, "new", false);
	core_run(b->core, b->now);
	assert_int_equal(service_of(b, "dns").level, LEVEL_DOWN);
	assert_string_equal(service_of(b, "dns").culprit, "new");
	bed_free(b);
}

static void
test_removed_service_withdraws(void **state)
{
	struct bed *b = bed_with_hold_up(0);

	sample(b, "p", true);
	core_run(b->core, b->now);
	core_address(b->core, &b->prefix, true, b->now);
	core_run(b->core, b->now);
	assert_true(route_of(b)->wanted);
	b->service_confs[0].drain = 100;
	configure(b);
	b->services.count = 0;
	configure(b);
	assert_false(route_of(b)->wanted);
	assert_int_equal(route_of(b)->why, WHY_CONFIG);
	pass(b, 99);
	assert_true(intent_find(core_intent(b->core), INTENT_ADDRESS, &b->prefix)->wanted);
	pass(b, 1);
	assert_null(intent_first(core_intent(b->core)));
	bed_free(b);
}

/* A prefix that moves to another service is not disturbed. */
static void
test_prefix_changes_hands(void **state)
{
	struct bed *b = bed_with_hold_up(0);
	uint64_t version;

	sample(b, "p", true);
	core_run(b->core, b->now);
	core_address(b->core, &b->prefix, true, b->now);
	core_run(b->core, b->now);
	version = intent_version(core_intent(b->core));
	b->service_entries[0].name = "ntp";
	configure(b);
	core_run(b->core, b->now);
	assert_true(route_of(b)->wanted);
	assert_string_equal(route_of(b)->service, "ntp");
	assert_int_equal(intent_version(core_intent(b->core)), version);
	assert_true(intent_settled(core_intent(b->core), "dns"));
	assert_false(intent_settled(core_intent(b->core), "ntp"));
	bed_free(b);
}

static void
test_stop(void **state)
{
	struct bed *b = bed_with_hold_up(0);

	b->service_confs[0].drain = 30;
	configure(b);
	sample(b, "p", true);
	core_run(b->core, b->now);
	core_address(b->core, &b->prefix, true, b->now);
	core_run(b->core, b->now);
	core_stop(b->core, b->now);
	core_run(b->core, b->now);
	assert_null(route_of(b)); /* nobody had it: settled at once */
	assert_int_equal(service_of(b, "dns").why, WHY_STOP);
	assert_false(core_stopped(b->core));
	pass(b, 29);
	assert_false(core_stopped(b->core));
	pass(b, 1);
	assert_true(core_stopped(b->core));
	bed_free(b);
}

static void
test_wakes_only_for_news(void **state)
{
	struct bed *b = bed_with_hold_up(0);

	sample(b, "p", true);
	core_run(b->core, b->now);
	b->woken = 0;
	sample(b, "p", true);
	sample(b, "p", true);
	assert_int_equal(b->woken, 0);
	sample(b, "p", false);
	assert_int_equal(b->woken, 1);
	bed_free(b);
}

/* -- the history tells the same as the counters -- */

struct tally {
	struct bed *bed;
	uint64_t total;
};

static void
tally_count(
    void *arg, const char *kind, const char *name, const char *to, enum why why, uint64_t count)
{
	struct tally *t = arg;
	uint64_t seen = 0;
	const struct history_event *e;

	for (uint64_t seq = 0; (e = history_from(&t->bed->history, seq)) != NULL; seq = e->seq + 1)
		seen += strcmp(e->kind, kind) == 0 && strcmp(e->to, to) == 0 &&
			strcmp(e->why, why_str(why)) == 0 &&
			(name[0] == '\0' || strcmp(e->object, name) == 0);
	assert_int_equal(seen, count);
	t->total += count;
}

static void
test_counters_match_history(void **state)
{
	static const char *const p[] = {"p", "q"};
	struct bed *b = bed_new();
	struct tally tally = {.bed = b};
	struct rng rng;

	rng_init(&rng, 5);
	add_probe(b, "p", 2, 1);
	add_probe(b, "q", 1, 2);
	add_track(b, "any")->any = list_of(p, 2);
	add_service(b, "dns")->require = list_of(p, 2);
	configure(b);
	core_address(b->core, &b->prefix, true, b->now);
	for (int i = 0; i < 60; i++) {
		sample(b, p[rng_below(&rng, 2)], rng_below(&rng, 2) == 0);
		pass(b, 10);
	}
	core_each_count(b->core, tally_count, &tally);
	assert_int_equal(tally.total, b->history.next_seq - 1);
	assert_true(tally.total > 20);
	bed_free(b);
}

static void
expect_event(
    struct bed *b, const char *kind, const char *object, const char *to, const char *detail)
{
	const struct history_event *e;

	for (uint64_t seq = 0; (e = history_from(&b->history, seq)) != NULL; seq = e->seq + 1) {
		if (strcmp(e->kind, kind) == 0 && strcmp(e->object, object) == 0 &&
		    strcmp(e->to, to) == 0 && strcmp(e->detail, detail) == 0) {
			assert_int_equal(e->wall_ns, e->at.ns + 77);
			return;
		}
	}
	fail_msg("no event: %s %s -> %s (%s)", kind, object, to, detail);
}

/* What a person reads afterwards: who, where to, and what decided. */
static void
test_history_says_what_decided(void **state)
{
	static const char *const both[] = {"p", "up"}, *const list[] = {"list"};
	static const struct attrs_conf attributes = {.prepend = 3};
	struct bed *b = bed_new();
	struct service_conf *s;

	core_free(b->core);
	b->env.wall_offset_ns = 77;
	b->core = core_new(&b->env);
	add_probe(b, "p", 1, 1);
	add_track(b, "up")->interface = "eth0";
	add_track(b, "list")->all = list_of(both, 2);
	s = add_service(b, "dns");
	s->require = list_of(list, 1);
	s->attributes = &attributes;
	configure(b);
	core_link(b->core, "eth0", true, b->now);
	pass(b, 1);
	sample(b, "p", true);
	pass(b, 1);
	core_address(b->core, &b->prefix, true, b->now);
	assert_string_equal(track_of(b, "list").detail, "p");
	sample(b, "p", false);
	pass(b, 1);
	assert_string_equal(track_of(b, "p").detail, why_text(WHY_TIMEOUT));
	expect_event(b, "track", "up", "up", "eth0");
	expect_event(b, "track", "list", "up", "p");
	expect_event(b, "service", "dns", "up", "");
	expect_event(b, "address", "192.0.2.53/32", "wanted", "lo");
	expect_event(b, "route", "192.0.2.53/32", "announced", "prepend 3");
	expect_event(b, "probe", "p", "down", why_text(WHY_TIMEOUT));
	expect_event(b, "track", "list", "down", "p");
	expect_event(b, "service", "dns", "down", "list");
	expect_event(b, "route", "192.0.2.53/32", "withdrawn", "");
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
	    cmocka_unit_test(test_reload_keeps),
	    cmocka_unit_test(test_removed_service_withdraws),
	    cmocka_unit_test(test_prefix_changes_hands),
	    cmocka_unit_test(test_stop),
	    cmocka_unit_test(test_wakes_only_for_news),
	    cmocka_unit_test(test_counters_match_history),
	    cmocka_unit_test(test_history_says_what_decided),
	};

	log_set_sink(quiet);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
