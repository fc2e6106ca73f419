/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole engine, from a configuration and a probe's answers to what a router hears: start,
 * failure, recovery, trouble with addresses, reloads that touch only what changed, and the order in
 * which everything is given up at the end.
 */
#include "engine_world.h"

#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NODE "node: {name: ns1, router-id: " SITE_ADDR "}\n"
#define BGP  "bgp: {as: 64501, neighbors: {" ROUTER_ADDR ": {as: 64500}}}\n"
#define CHECK                                                                                      \
	"{type: exec, command: [/bin/check], frequency: 100ms, timeout: 100ms, rise: 3, fall: 2}"
#define ONE                                                                                        \
	NODE "probes: {check: " CHECK "}\n"                                                        \
	     "services: {dns: {addresses: [192.0.2.53/32], require: [check], drain: 2s}}\n" BGP

#define MANY 50

struct test {
	struct world world;
	struct site site;
	struct router router;
};

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));

	world_init(&t->world, 1);
	site_init(&t->site, &t->world);
	router_init(&t->router, &t->world, ROUTER_ADDR, 64500, 90);
	router_listen(&t->router);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	site_done(&t->site);
	router_done(&t->router);
	world_done(&t->world);
	free(t);
	return 0;
}

static void
forget(struct test *t)
{
	str_clear(&t->router.log);
	t->router.updates = 0;
}

/* Runs in steps of a millisecond until the condition holds; the test fails after 30 s. */
#define RUN_UNTIL(t, condition)                                                                    \
	do {                                                                                       \
		for (int ms_ = 0; !(condition); ms_++) {                                           \
			if (ms_ == 30000)                                                          \
				fail_msg("not within 30 s: %s", #condition);                       \
			world_run(&(t)->world, DUR_MS);                                            \
		}                                                                                  \
	} while (0)

static bool
hears(struct test *t, const char *prefix)
{
	return router_route(&t->router, prefix) != NULL;
}

/* The configuration is in force, its service is announced, and some time has passed. */
static void
start_one(struct test *t)
{
	site_load(&t->site, ONE);
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
	world_run(&t->world, 5 * DUR_S);
	forget(t);
}

/* -- the chain -- */

static void
announces_when_the_address_is_there_and_the_probe_is_well(void **state)
{
	struct test *t = *state;

	site_load(&t->site, ONE);
	RUN_UNTIL(t, site_present(&t->site, "192.0.2.53/32"));
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
	assert_string_equal(site_level(&t->site, "dns"), "up");
	assert_true(t->site.kernel.starts >= 3); /* rise */
	assert_text(router_route(&t->router, "192.0.2.53/32"), "next-hop " SITE_ADDR);
	assert_text(router_route(&t->router, "192.0.2.53/32"), "as-path 64501");
	assert_int_equal(t->router.errors, 0);
}

static void
announces_nothing_before_the_probe_has_answered(void **state)
{
	struct test *t = *state;

	t->site.kernel.hung = true;
	site_load(&t->site, ONE);
	world_run(&t->world, 20 * DUR_S);
	assert_non_null(router_up(&t->router));
	assert_true(site_present(&t->site, "192.0.2.53/32"));
	assert_int_equal(t->router.updates, 0);
	assert_false(hears(t, "192.0.2.53/32"));
}

static void
withdraws_when_the_probe_fails_and_comes_back(void **state)
{
	struct test *t = *state;
	mono_t failed;

	start_one(t);
	site_health(&t->site, "check", 1);
	failed = world_now(&t->world);
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
	/* two failures, a period of 100 ms each, and the way to the router */
	assert_true(mono_sub(world_now(&t->world), failed) <= 250 * DUR_MS);
	assert_true(site_present(&t->site, "192.0.2.53/32"));
	assert_string_equal(t->router.log.text, "-192.0.2.53/32\n|\n");
	site_health(&t->site, "check", 0);
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
}

static void
withdraws_when_the_program_hangs(void **state)
{
	struct test *t = *state;

	start_one(t);
	t->site.kernel.hung = true;
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
	site_says(&t->site, "show probes", "timeout: still running");
}

static void
one_bad_sample_changes_nothing(void **state)
{
	struct test *t = *state;
	unsigned starts;

	start_one(t);
	starts = t->site.kernel.starts;
	site_health(&t->site, "check", 1);
	RUN_UNTIL(t, t->site.kernel.starts == starts + 1);
	world_run(&t->world, 10 * DUR_MS);
	site_health(&t->site, "check", 0);
	world_run(&t->world, 5 * DUR_S);
	assert_int_equal(t->router.updates, 0);
}

static void
link_of_a_track_decides(void **state)
{
	struct test *t = *state;

	site_load(&t->site,
	    NODE "tracks: {uplink: {interface: eth0}}\n"
		 "services: {dns: {addresses: [192.0.2.53/32], require: [uplink]}}\n" BGP);
	world_run(&t->world, 5 * DUR_S);
	assert_false(hears(t, "192.0.2.53/32"));
	site_link(&t->site, "eth0", true);
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
	site_link(&t->site, "eth1", false);
	world_run(&t->world, DUR_S);
	assert_true(hears(t, "192.0.2.53/32"));
	site_link(&t->site, "eth0", false);
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
}

/* -- addresses -- */

static void
announces_nothing_without_the_address(void **state)
{
	struct test *t = *state;

	t->site.kernel.refuse = -EPERM;
	site_load(&t->site, ONE);
	world_run(&t->world, 10 * DUR_S);
	assert_string_equal(site_level(&t->site, "dns"), "up");
	assert_false(hears(t, "192.0.2.53/32"));
	assert_true(site_requests(&t->site, "192.0.2.53/32") > 2);
	site_says(&t->site, "status", "address 192.0.2.53/32 of service dns is not on lo");
	t->site.kernel.refuse = 0;
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
	site_says(&t->site, "status", "All is well.");
}

static void
deleted_address_is_withdrawn_repaired_announced(void **state)
{
	static const char expected[] = "-192.0.2.53/32\n|\n+192.0.2.53/32";
	struct test *t = *state;

	start_one(t);
	site_meddle(&t->site, "192.0.2.53/32", false);
	RUN_UNTIL(t, t->router.updates >= 2);
	assert_true(site_present(&t->site, "192.0.2.53/32"));
	assert_int_equal(strncmp(t->router.log.text, expected, strlen(expected)), 0);
}

/* -- a reload touches what changed -- */

/* MANY services with a probe each; the one with the number `changed` has another MED, the one with
 * the number `left_out` is not there. */
static char *
many(int changed, int left_out)
{
	struct str s = {0};

	str_add(&s, NODE "probes:\n");
	for (int i = 0; i < MANY; i++)
		str_printf(&s, "  p%d: " CHECK "\n", i);
	str_add(&s, "services:\n");
	for (int i = 0; i < MANY; i++) {
		if (i != left_out)
			str_printf(&s,
			    "  s%d: {addresses: [192.0.2.%d/32], require: [p%d], attributes: {med: "
			    "%d}}\n",
			    i, i + 1, i, i == changed ? 77 : 1);
	}
	str_add(&s, BGP);
	return str_take(&s);
}

static void
load_many(struct test *t, int changed, int left_out)
{
	char *yaml = many(changed, left_out);

	site_load(&t->site, yaml);
	free(yaml);
}

static void
start_many(struct test *t)
{
	load_many(t, -1, -1);
	RUN_UNTIL(t, t->router.routes == MANY);
	world_run(&t->world, 5 * DUR_S);
	forget(t);
}

static void
reload_of_the_same_sends_nothing(void **state)
{
	struct test *t = *state;
	unsigned requests;

	start_many(t);
	requests = site_requests(&t->site, "192.0.2.7/32");
	load_many(t, -1, -1);
	world_run(&t->world, 10 * DUR_S);
	assert_int_equal(t->router.updates, 0);
	assert_int_equal(t->router.links, 1);
	assert_int_equal(site_requests(&t->site, "192.0.2.7/32"), requests);
}

static void
reload_that_changes_one_sends_one(void **state)
{
	struct test *t = *state;

	start_many(t);
	load_many(t, 6, -1);
	world_run(&t->world, 5 * DUR_S);
	assert_int_equal(t->router.updates, 1);
	assert_non_null(strstr(t->router.log.text, "+192.0.2.7/32"));
	assert_text(router_route(&t->router, "192.0.2.7/32"), "med 77");
	assert_text(router_route(&t->router, "192.0.2.8/32"), "med 1");
}

static void
reload_that_removes_one_withdraws_one(void **state)
{
	struct test *t = *state;

	start_many(t);
	load_many(t, -1, 6);
	RUN_UNTIL(t, !site_present(&t->site, "192.0.2.7/32"));
	assert_string_equal(t->router.log.text, "-192.0.2.7/32\n|\n");
	load_many(t, -1, -1);
	RUN_UNTIL(t, hears(t, "192.0.2.7/32"));
	assert_int_equal(t->router.updates, 2);
	assert_int_equal(t->router.routes, MANY);
}

static void
reload_that_changes_probes_withdraws_nothing(void **state)
{
	struct test *t = *state;

	start_one(t);
	site_load(&t->site, NODE
	    "probes: {check: {type: exec, command: [/bin/other], frequency: 200ms, timeout: "
	    "50ms}}\n"
	    "services: {dns: {addresses: [192.0.2.53/32], require: [check], drain: 2s}}\n" BGP);
	world_run(&t->world, 5 * DUR_S);
	assert_int_equal(t->router.updates, 0);
	site_health(&t->site, "check", 3);
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
}

/* A requirement that has not reported yet does not take down what is announced. */
static void
reload_that_adds_a_probe_waits_for_it(void **state)
{
	struct test *t = *state;

	start_one(t);
	site_health(&t->site, "more", 1);
	site_load(&t->site,
	    NODE "probes: {check: " CHECK ", more: " CHECK "}\n"
		 "services: {dns: {addresses: [192.0.2.53/32], require: [check, more], drain: "
		 "2s}}\n" BGP);
	world_run(&t->world, 10 * DUR_MS);
	assert_true(hears(t, "192.0.2.53/32"));
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
	site_says(&t->site, "show services", "(more)");
}

static void
reload_without_speaker_says_goodbye(void **state)
{
	struct test *t = *state;
	const struct link *l;

	start_one(t);
	l = router_up(&t->router);
	site_load(&t->site,
	    NODE "probes: {check: " CHECK "}\n"
		 "services: {dns: {addresses: [192.0.2.53/32], require: [check], drain: 2s}}\n");
	RUN_UNTIL(t, l->closed);
	assert_int_equal(l->notify.code, BGP_ERR_CEASE);
	assert_int_equal(l->notify.subcode, BGP_CEASE_DECONFIGURED);
	assert_true(site_present(&t->site, "192.0.2.53/32"));
	site_load(&t->site, ONE);
	RUN_UNTIL(t, hears(t, "192.0.2.53/32"));
}

static void
many_failures_in_one_turn_make_one_update(void **state)
{
	struct test *t = *state;
	const struct probe_sample bad = {.why = WHY_REFUSED};
	char name[8];

	start_many(t);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		for (int n = 0; n < 2; n++)
			core_sample(engine_core(t->site.engine), name, &bad, world_now(&t->world));
	}
	RUN_UNTIL(t, t->router.routes == 0);
	assert_int_equal(t->router.updates, 1);
}

static void
one_probe_of_many_services_makes_one_update(void **state)
{
	struct test *t = *state;
	struct str s = {0};

	str_add(&s, NODE "probes: {shared: " CHECK "}\nservices:\n");
	for (int i = 0; i < MANY; i++)
		str_printf(
		    &s, "  s%d: {addresses: [192.0.2.%d/32], require: [shared]}\n", i, i + 1);
	str_add(&s, BGP);
	site_load(&t->site, str_text(&s));
	str_done(&s);
	RUN_UNTIL(t, t->router.routes == MANY);
	world_run(&t->world, 5 * DUR_S);
	forget(t);
	site_health(&t->site, "shared", 1);
	RUN_UNTIL(t, t->router.routes == 0);
	assert_int_equal(t->router.updates, 1);
	site_health(&t->site, "shared", 0);
	RUN_UNTIL(t, t->router.routes == MANY);
	assert_int_equal(t->router.updates, 2);
}

/* -- asking for a reload -- */

static void
reload_is_asked_for_and_answered(void **state)
{
	struct test *t = *state;
	uint64_t ticket;
	char words[64];

	start_one(t);
	ticket = engine_reload(t->site.engine);
	assert_int_equal(t->site.reloads, 1);
	snprintf(words, sizeof(words), "reload-result %llu", (unsigned long long)ticket);
	site_reloaded(&t->site, ONE);
	site_says(&t->site, words, "generation 2 is in force");
	engine_reload(t->site.engine);
	engine_reloaded(t->site.engine, "nigh.yaml:1:1: this is wrong\nnigh.yaml:2:1: this too\n");
	site_says(
	    &t->site, "reload-result 2", "in force:\nnigh.yaml:1:1: this is wrong\nnigh.yaml:2");
	site_says(&t->site, "status", "nigh.yaml:1:1: this is wrong");
	site_says(&t->site, "history", "config|ns1|2|refused|config|nigh.yaml:1:1: this is wrong|");
	assert_int_equal(engine_config(t->site.engine)->services.count, 1);
	engine_reload(t->site.engine);
	site_reloaded(&t->site, ONE);
	site_says(&t->site, "status", "All is well.");
	site_says(&t->site, "history", "config|ns1|2|3|config|nigh.yaml|");
}

/* What is written while a reload is under way must not be missed. */
static void
reload_during_a_reload_reads_once_more(void **state)
{
	struct test *t = *state;

	start_one(t);
	assert_int_equal(engine_reload(t->site.engine), 1);
	assert_int_equal(engine_reload(t->site.engine), 1);
	assert_int_equal(t->site.reloads, 2);
	site_reloaded(&t->site, ONE);
	assert_int_equal(engine_reload(t->site.engine), 2);
}

static void
no_reload_while_stopping(void **state)
{
	struct test *t = *state;

	start_one(t);
	assert_false(engine_stopping(t->site.engine));
	engine_stop(t->site.engine, "enough");
	assert_true(engine_stopping(t->site.engine));
	engine_reload(t->site.engine);
	assert_int_equal(t->site.reloads, 0);
	site_says(&t->site, "reload", "error: nighd is stopping");
	RUN_UNTIL(t, t->site.stopped);
}

/* -- the end -- */

static void
stop_withdraws_drains_removes_says_goodbye(void **state)
{
	struct test *t = *state;
	const struct link *l;
	mono_t withdrawn, removed;

	start_one(t);
	l = router_up(&t->router);
	engine_stop(t->site.engine, "nigh stops");
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
	withdrawn = world_now(&t->world);
	assert_true(site_present(&t->site, "192.0.2.53/32"));
	assert_false(l->closed);
	RUN_UNTIL(t, !site_present(&t->site, "192.0.2.53/32"));
	removed = site_changed(&t->site, "192.0.2.53/32");
	assert_true(mono_sub(removed, withdrawn) >= 2 * DUR_S);
	assert_true(mono_sub(removed, withdrawn) <= 2 * DUR_S + 50 * DUR_MS);
	assert_false(l->closed);
	assert_false(t->site.stopped);
	RUN_UNTIL(t, l->closed);
	assert_int_equal(l->notify.code, BGP_ERR_CEASE);
	assert_int_equal(l->notify.subcode, BGP_CEASE_SHUTDOWN);
	assert_int_equal(l->notify.data[0], strlen("nigh stops"));
	assert_memory_equal(l->notify.data + 1, "nigh stops", strlen("nigh stops"));
	RUN_UNTIL(t, t->site.stopped);
	assert_string_equal(t->router.log.text, "-192.0.2.53/32\n|\n");
}

static void
stop_twice_is_one_stop(void **state)
{
	struct test *t = *state;

	start_one(t);
	engine_stop(t->site.engine, "one");
	world_run(&t->world, 100 * DUR_MS);
	engine_stop(t->site.engine, "two");
	RUN_UNTIL(t, t->site.stopped);
	world_run(&t->world, 20 * DUR_S);
}

static void
stop_before_there_is_a_configuration(void **state)
{
	struct test *t = *state;

	engine_stop(t->site.engine, "never began");
	world_run(&t->world, DUR_S);
	assert_true(t->site.stopped);
}

/* A router that reads nothing does not hold us up for ever. */
static void
stop_does_not_wait_for_the_deaf(void **state)
{
	struct test *t = *state;
	mono_t begin;

	start_one(t);
	link_deaf(router_up(&t->router));
	begin = world_now(&t->world);
	engine_stop(t->site.engine, "enough");
	RUN_UNTIL(t, t->site.stopped);
	assert_true(mono_sub(t->site.stopped_at, begin) <= 2 * DUR_S + ENGINE_STOP_LIMIT + DUR_S);
}

static void
stop_with_nobody_there_is_quick(void **state)
{
	struct test *t = *state;
	mono_t begin;

	router_unlisten(&t->router);
	site_load(&t->site, ONE);
	world_run(&t->world, 5 * DUR_S);
	begin = world_now(&t->world);
	engine_stop(t->site.engine, "enough");
	RUN_UNTIL(t, t->site.stopped);
	assert_false(site_present(&t->site, "192.0.2.53/32"));
	assert_true(mono_sub(t->site.stopped_at, begin) <= 2 * DUR_S + 200 * DUR_MS);
}

/* Nothing is announced any more once the stop began, whatever probes and links say. */
static void
stop_is_for_good(void **state)
{
	struct test *t = *state;

	start_one(t);
	site_health(&t->site, "check", 1);
	RUN_UNTIL(t, !hears(t, "192.0.2.53/32"));
	forget(t);
	engine_stop(t->site.engine, "enough");
	site_health(&t->site, "check", 0);
	site_says(&t->site, "admin dns up", "dns");
	RUN_UNTIL(t, t->site.stopped);
	assert_int_equal(t->router.updates, 0);
}

/* Freed in the middle of everything: the sanitizers watch. */
static void
freed_while_busy(void **state)
{
	struct test *t = *state;

	t->site.kernel.hung = true;
	site_load(&t->site, ONE);
	world_run(&t->world, 1500 * DUR_MS);
	engine_reload(t->site.engine);
	engine_stop(t->site.engine, "enough");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(announces_when_the_address_is_there_and_the_probe_is_well),
	    TEST(announces_nothing_before_the_probe_has_answered),
	    TEST(withdraws_when_the_probe_fails_and_comes_back),
	    TEST(withdraws_when_the_program_hangs),
	    TEST(one_bad_sample_changes_nothing),
	    TEST(link_of_a_track_decides),
	    TEST(announces_nothing_without_the_address),
	    TEST(deleted_address_is_withdrawn_repaired_announced),
	    TEST(reload_of_the_same_sends_nothing),
	    TEST(reload_that_changes_one_sends_one),
	    TEST(reload_that_removes_one_withdraws_one),
	    TEST(reload_that_changes_probes_withdraws_nothing),
	    TEST(reload_that_adds_a_probe_waits_for_it),
	    TEST(reload_without_speaker_says_goodbye),
	    TEST(many_failures_in_one_turn_make_one_update),
	    TEST(one_probe_of_many_services_makes_one_update),
	    TEST(reload_is_asked_for_and_answered),
	    TEST(reload_during_a_reload_reads_once_more),
	    TEST(no_reload_while_stopping),
	    TEST(stop_withdraws_drains_removes_says_goodbye),
	    TEST(stop_twice_is_one_stop),
	    TEST(stop_before_there_is_a_configuration),
	    TEST(stop_does_not_wait_for_the_deaf),
	    TEST(stop_with_nobody_there_is_quick),
	    TEST(stop_is_for_good),
	    TEST(freed_while_busy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
