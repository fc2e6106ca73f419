/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What counts as down: failures among the last samples, late answers, deserted ports.
 */
#include "core/core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const speakers[] = {"bgp", NULL};
static const char *const probe_names[] = {"p"};
static const char *const fast_names[] = {"fast"};

struct bed {
	struct core_env env;
	struct core *core;
	struct probe_conf probe;
	struct track_conf fast;
	struct service_conf service;
	struct prefix prefixes[2];
	struct service_listen listens[2];
	struct conf_map_entry probe_entry, track_entry, service_entry;
	struct conf_map probes, tracks, services;
	mono_t now;
};

static void
bed_configure(struct bed *b)
{
	const struct core_conf conf = {
	    .probes = &b->probes, .tracks = &b->tracks, .services = &b->services, .configured = 1};

	core_configure(b->core, &conf, b->now);
	core_run(b->core, b->now);
}

/* A service "s" with a probe "p" and, when there is a threshold, a track "fast". */
static int
setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->env.speakers = speakers;
	b->core = core_new(&b->env);
	b->probe = (struct probe_conf){.rise = 2, .fall = 2, .threshold = 10 * DUR_MS};
	b->fast.in_time = "p";
	assert_int_equal(prefix_parse("192.0.2.53/32", &b->prefixes[0]), 0);
	assert_int_equal(prefix_parse("2001:db8::53/128", &b->prefixes[1]), 0);
	b->service.interface = "lo";
	b->service.addresses = (struct conf_list){b->prefixes, 2};
	b->service.require = (struct conf_list){probe_names, 1};
	b->service.prefer = (struct conf_list){fast_names, 1};
	b->listens[0] = (struct service_listen){KERNEL_UDP, 53};
	b->listens[1] = (struct service_listen){KERNEL_TCP, 53};
	b->probe_entry = (struct conf_map_entry){.name = "p", .value = &b->probe};
	b->track_entry = (struct conf_map_entry){.name = "fast", .value = &b->fast};
	b->service_entry = (struct conf_map_entry){.name = "s", .value = &b->service};
	b->probes = (struct conf_map){.entries = &b->probe_entry, .count = 1};
	b->tracks = (struct conf_map){.entries = &b->track_entry, .count = 1};
	b->services = (struct conf_map){.entries = &b->service_entry, .count = 1};
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bed *b = *state;

	core_free(b->core);
	free(b);
	return 0;
}

enum { GOOD, LATE, BAD };

static void
sample(struct bed *b, int what)
{
	const struct probe_sample s = {.ok = what != BAD,
	    .late = what == LATE,
	    .why = what == BAD ? WHY_TIMEOUT : WHY_OK,
	    .rtt = what == LATE ? 20 * DUR_MS : DUR_MS};

	b->now = mono_add(b->now, DUR_S);
	core_sample(b->core, "p", &s, b->now);
	core_run(b->core, b->now);
}

static void
served(struct bed *b, size_t address, size_t listen, enum kernel_served what)
{
	const struct kernel_listen l = {.addr = b->prefixes[address].addr,
	    .port = b->listens[listen].port,
	    .proto = b->listens[listen].proto};

	b->now = mono_add(b->now, DUR_MS);
	core_served(b->core, &l, what, what == KERNEL_SERVED ? WHY_OK : WHY_EXIT, b->now);
	core_run(b->core, b->now);
}

static enum service_level
level(const struct bed *b)
{
	struct service_view v;

	assert_true(core_service_at(b->core, 0, &v));
	return v.level;
}

static struct track_view
track(const struct bed *b, const char *name)
{
	struct track_view v;

	for (size_t i = 0; core_track_at(b->core, i, &v); i++) {
		if (strcmp(v.name, name) == 0)
			return v;
	}
	fail_msg("no track %s", name);
	return v;
}

/* Every sequence of 12 samples against a model: `fall` among the last `of`, `rise` in a row. */
static void
failures_among_the_last(void **state)
{
	for (unsigned of = 0; of <= 5; of += of == 0 ? 2 : 1) {
		for (unsigned bits = 0; bits < 4096; bits++) {
			struct bed *b;
			enum track_state want = TRACK_UNKNOWN;
			unsigned good = 0, bad = 0;

			setup((void **)&b);
			b->probe.of = of;
			bed_configure(b);
			for (int i = 0; i < 12; i++) {
				bool ok = (bits >> i & 1) != 0;
				unsigned among = 0;
				sample(b, ok ? GOOD : BAD);
				good = ok ? good + 1 : 0;
				bad = ok ? 0 : bad + 1;
				for (int k = i; k >= 0 && k > i - (int)of; k--)
					among += (bits >> k & 1) == 0;
				if (of == 0 ? bad >= 2 : among >= 2)
					want = TRACK_DOWN;
				else if (good >= 2)
					want = TRACK_UP;
				assert_int_equal(track(b, "p").state, want);
			}
			teardown((void **)&b);
		}
	}
}

static void
late_is_degraded_not_down(void **state)
{
	struct bed *b = *state;

	bed_configure(b);
	sample(b, GOOD);
	sample(b, GOOD);
	assert_int_equal(level(b), LEVEL_UP);
	sample(b, LATE);
	assert_int_equal(level(b), LEVEL_UP);
	sample(b, LATE);
	assert_int_equal(level(b), LEVEL_DEGRADED);
	assert_int_equal(track(b, "p").state, TRACK_UP);
	assert_int_equal(track(b, "fast").why, WHY_LATE);
	assert_string_equal(track(b, "fast").kind, "in-time");
	sample(b, GOOD);
	sample(b, GOOD);
	assert_int_equal(level(b), LEVEL_UP);
	sample(b, BAD);
	sample(b, BAD);
	assert_int_equal(level(b), LEVEL_DOWN);
	assert_int_equal(track(b, "fast").state, TRACK_DOWN);
}

/* Every port on every address, or the service is down; one report is enough, at once. */
static void
ports_must_be_served(void **state)
{
	struct bed *b = *state;
	struct service_view v;

	b->service.listens = (struct conf_list){b->listens, 2};
	bed_configure(b);
	sample(b, GOOD);
	sample(b, GOOD);
	assert_int_equal(level(b), LEVEL_DOWN);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(level(b), LEVEL_DOWN);
		served(b, i / 2, i % 2, KERNEL_SERVED);
	}
	assert_int_equal(level(b), LEVEL_UP);

	served(b, 1, 0, KERNEL_DESERTED);
	assert_int_equal(level(b), LEVEL_DOWN);
	assert_true(core_service_at(b->core, 0, &v));
	assert_string_equal(v.culprit, "s udp/53");
	assert_int_equal(track(b, "s udp/53").why, WHY_EXIT);
	assert_string_equal(track(b, "s udp/53").detail, "2001:db8::53");
	assert_int_equal(track(b, "s tcp/53").state, TRACK_UP);
	served(b, 1, 0, KERNEL_SERVED);
	assert_int_equal(level(b), LEVEL_UP);
}

/* A reload keeps what is known of a port, and forgets ports that are not watched any more. */
static void
ports_over_reloads(void **state)
{
	struct bed *b = *state;

	b->service.listens = (struct conf_list){b->listens, 2};
	b->service.addresses.count = 1;
	bed_configure(b);
	sample(b, GOOD);
	sample(b, GOOD);
	served(b, 0, 0, KERNEL_SERVED);
	served(b, 0, 1, KERNEL_SERVED);
	assert_int_equal(level(b), LEVEL_UP);
	bed_configure(b);
	assert_int_equal(level(b), LEVEL_UP);

	served(b, 0, 1, KERNEL_DESERTED);
	assert_int_equal(level(b), LEVEL_DOWN);
	b->service.listens.count = 1;
	bed_configure(b);
	assert_int_equal(level(b), LEVEL_UP);
	served(b, 0, 1, KERNEL_DESERTED);
	assert_int_equal(level(b), LEVEL_UP);
	served(b, 1, 0, KERNEL_DESERTED); /* not an address of the service now */
	assert_int_equal(level(b), LEVEL_UP);
}

/* One outage: down, and well again after a second of each. */
static void
flap(struct bed *b)
{
	sample(b, BAD);
	sample(b, BAD);
	assert_int_equal(level(b), LEVEL_DOWN);
	sample(b, GOOD);
	sample(b, GOOD);
}

/* The third outage within the half-life keeps the well service down until the penalty has halved
 * often enough, and no longer. */
static void
damping(void **state)
{
	struct bed *b = *state;
	const struct damping_conf conf = {
	    .half_life = 60 * DUR_S, .suppress = 2.5, .reuse = 1, .max = 10 * DUR_MIN};
	struct service_view v;
	mono_t next;

	b->service.damping = &conf;
	b->service.prefer.count = 0;
	bed_configure(b);
	sample(b, GOOD);
	sample(b, GOOD);
	flap(b);
	assert_int_equal(level(b), LEVEL_UP);
	flap(b);
	assert_int_equal(level(b), LEVEL_UP);
	flap(b);
	assert_int_equal(level(b), LEVEL_DOWN);
	assert_true(core_service_at(b->core, 0, &v));
	assert_int_equal(v.why, WHY_DAMPED);
	assert_true(v.damped);
	/* the penalty is between 2.5 and 3 of reuse 1: one to two half-lives */
	assert_in_range(mono_sub(v.damped_until, b->now), 60 * DUR_S, 100 * DUR_S);
	next = core_run(b->core, b->now);
	assert_int_equal(next.ns, v.damped_until.ns);
	core_run(b->core, mono_add(v.damped_until, -1));
	assert_int_equal(level(b), LEVEL_DOWN);
	b->now = v.damped_until;
	core_run(b->core, b->now);
	assert_int_equal(level(b), LEVEL_UP);
}

/* However often it flaps, it is kept down for `max` at the longest; an operator can overrule. */
static void
damping_is_bounded(void **state)
{
	struct bed *b = *state;
	const struct damping_conf conf = {
	    .half_life = 60 * DUR_S, .suppress = 2, .reuse = 1, .max = 3 * DUR_MIN};
	struct service_view v;

	b->service.damping = &conf;
	bed_configure(b);
	sample(b, GOOD);
	sample(b, GOOD);
	for (int i = 0; i < 100; i++) {
		flap(b);
		core_admin(b->core, "s", ADMIN_UP, b->now);
		core_run(b->core, b->now);
		assert_int_equal(level(b), LEVEL_UP);
		core_admin(b->core, "s", ADMIN_AUTO, b->now);
		core_run(b->core, b->now);
	}
	flap(b);
	assert_true(core_service_at(b->core, 0, &v));
	assert_true(mono_sub(v.damped_until, b->now) <= 3 * DUR_MIN);
}

static void
quality(void **state)
{
	struct bed *b = *state;
	const struct quality_conf conf = {.probe = "p",
	    .samples = 10,
	    .max_loss = 20,
	    .percentile = 90,
	    .max_percentile = 15 * DUR_MS};

	b->fast = (struct track_conf){.quality = &conf};
	b->probe.fall = 100;
	bed_configure(b);
	for (int i = 0; i < 9; i++)
		sample(b, GOOD);
	assert_int_equal(track(b, "fast").state, TRACK_UNKNOWN);
	sample(b, GOOD);
	assert_int_equal(track(b, "fast").state, TRACK_UP);
	sample(b, BAD);
	sample(b, BAD);
	assert_int_equal(track(b, "fast").state, TRACK_UP); /* 20 % */
	sample(b, BAD);
	assert_int_equal(track(b, "fast").state, TRACK_DOWN);
	assert_int_equal(track(b, "fast").why, WHY_QUALITY);
	assert_string_equal(track(b, "fast").detail, "30 % lost, 1ms on average, 90 % within 1ms");
	assert_int_equal(level(b), LEVEL_DEGRADED);
	for (int i = 0; i < 10; i++)
		sample(b, GOOD);
	assert_int_equal(track(b, "fast").state, TRACK_UP);
	sample(b, LATE); /* one of ten is beyond the 90th percentile */
	assert_int_equal(track(b, "fast").state, TRACK_UP);
	sample(b, LATE);
	assert_int_equal(track(b, "fast").state, TRACK_DOWN);
	bed_configure(b);
	assert_int_equal(track(b, "fast").state, TRACK_DOWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(failures_among_the_last),
	    cmocka_unit_test_setup_teardown(late_is_degraded_not_down, setup, teardown),
	    cmocka_unit_test_setup_teardown(ports_must_be_served, setup, teardown),
	    cmocka_unit_test_setup_teardown(ports_over_reloads, setup, teardown),
	    cmocka_unit_test_setup_teardown(damping, setup, teardown),
	    cmocka_unit_test_setup_teardown(damping_is_bounded, setup, teardown),
	    cmocka_unit_test_setup_teardown(quality, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
