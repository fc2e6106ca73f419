/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks, services and what follows from them, through core.h alone: small spaces exhaustively
 * against reference models, and the rules that need time one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/rng.h"
#include "core/core.h"

#define AT(n)   ((mono_t){.ns = (n)})
#define OBJECTS 8

/* A configuration made of plain structs. */
struct bed {
	struct core_env env;
	struct history history;
	struct core *core;
	int woken;
	struct probe_conf probe_confs[OBJECTS];
	struct track_conf track_confs[OBJECTS];
	struct service_conf service_confs[OBJECTS];
	struct conf_map_entry probe_entries[OBJECTS];
	struct conf_map_entry track_entries[OBJECTS];
	struct conf_map_entry service_entries[OBJECTS];
	struct conf_map probes, tracks, services;
	struct prefix prefix;
	mono_t now;
};

static const char *const speaker_words[] = {"bgp", "ospf", NULL};

static void
on_wake(struct core_env *env)
{
	container_of(env, struct bed, env)->woken++;
}

static struct bed *
bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	history_init(&b->history, 256);
	b->env =
	    (struct core_env){.history = &b->history, .wake = on_wake, .speakers = speaker_words};
	b->core = core_new(&b->env);
	b->probes.entries = b->probe_entries;
	b->tracks.entries = b->track_entries;
	b->services.entries = b->service_entries;
	assert_int_equal(prefix_parse("192.0.2.53", &b->prefix), 0);
	b->now = AT(1000 * DUR_S);
	return b;
}

static void
bed_free(struct bed *b)
{
	core_free(b->core);
	history_done(&b->history);
	free(b);
}

static void
add_probe(struct bed *b, const char *name, uint32_t rise, uint32_t fall)
{
	size_t n = b->probes.count++;

	b->probe_confs[n] = (struct probe_conf){.rise = rise, .fall = fall};
	b->probe_entries[n] = (struct conf_map_entry){.name = name, .value = &b->probe_confs[n]};
}

static struct track_conf *
add_track(struct bed *b, const char *name)
{
	size_t n = b->tracks.count++;

	b->track_confs[n] = (struct track_conf){0};
	b->track_entries[n] = (struct conf_map_entry){.name = name, .value = &b->track_confs[n]};
	return &b->track_confs[n];
}

static struct service_conf *
add_service(struct bed *b, const char *name)
{
	size_t n = b->services.count++;

	b->service_confs[n] = (struct service_conf){
	    .addresses = {&b->prefix, 1}, .interface = "lo", .if_missing = ADDRESS_REPAIR};
	b->service_entries[n] =
	    (struct conf_map_entry){.name = name, .value = &b->service_confs[n]};
	return &b->service_confs[n];
}

static struct conf_list
list_of(const char *const *names, size_t count)
{
	return (struct conf_list){.items = names, .count = count};
}

static void
configure(struct bed *b)
{
	struct core_conf conf = {
	    .probes = &b->probes, .tracks = &b->tracks, .services = &b->services, .configured = 1};

	core_configure(b->core, &conf, b->now);
}

static void
sample(struct bed *b, const char *probe, bool ok)
{
	struct probe_sample s = {.ok = ok, .why = ok ? WHY_OK : WHY_TIMEOUT};

	core_sample(b->core, probe, &s, b->now);
}

static struct track_view
track_of(struct bed *b, const char *name)
{
	struct track_view v;

	for (size_t i = 0; core_track_at(b->core, i, &v); i++) {
		if (strcmp(v.name, name) == 0)
			return v;
	}
	fail_msg("no track %s", name);
	return v;
}

static struct service_view
service_of(struct bed *b, const char *name)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(b->core, i, &v); i++) {
		if (strcmp(v.name, name) == 0)
			return v;
	}
	fail_msg("no service %s", name);
	return v;
}

/* Lets time pass, stopping at every deadline on the way. */
static void
pass(struct bed *b, dur_t d)
{
	mono_t end = mono_add(b->now, d);

	for (;;) {
		mono_t next = core_run(b->core, b->now);

		assert_true(mono_before(b->now, next));
		if (mono_before(end, next))
			break;
		b->now = next;
	}
	b->now = end;
	core_run(b->core, b->now);
}

static const struct intent_entry *
route_of(struct bed *b)
{
	return intent_find(core_intent(b->core), INTENT_ROUTE, &b->prefix);
}

/* -- tracks -- */

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

static void
set_track(struct bed *b, const char *probe, enum track_state s)
{
	if (s != TRACK_UNKNOWN)
		sample(b, probe, s == TRACK_UP);
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

/* -- services -- */

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

static struct bed *
bed_with_hold_up(dur_t hold_up)
{
	static const char *const p[] = {"p"};
	struct bed *b = bed_new();
	struct service_conf *s;

	add_probe(b, "p", 1, 1);
	s = add_service(b, "dns");
	s->require = list_of(p, 1);
	s->hold_up = hold_up;
	configure(b);
	return b;
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

/* -- reload and stop -- */

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
	    cmocka_unit_test(test_rise_and_fall),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_depth),
	    cmocka_unit_test(test_interface),
	    cmocka_unit_test(test_delay),
	    cmocka_unit_test(test_delay_broken_between_runs),
	    cmocka_unit_test(test_level),
	    cmocka_unit_test(test_no_such_service),
	    cmocka_unit_test(test_hold_up),
	    cmocka_unit_test(test_new_service_that_is_good_goes_up),
	    cmocka_unit_test(test_drain_ends),
	    cmocka_unit_test(test_last_resort),
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
