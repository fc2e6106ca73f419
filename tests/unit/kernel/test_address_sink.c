/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink of addresses between the real intent and a model of a host, in virtual time.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/address_sink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#define HOST_MAX 16

/* A host whose answers wait until the test lets them go. */
struct world {
	struct loop *loop;
	struct intent *intent;
	struct address_sink *sink;
	struct address_sink_host host;
	struct kernel_port port;
	struct host_entry {
		struct prefix prefix;
		char ifname[KERNEL_IFNAME];
		bool present;
		bool foreign;
		bool asked; /* an answer is owed */
		unsigned requests;
	} entries[HOST_MAX];
	int refuse; /* every request is answered with this error */
};

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct host_entry *
entry(struct world *w, const struct prefix *prefix)
{
	for (size_t i = 0; i < HOST_MAX; i++) {
		if (w->entries[i].prefix.addr.family == ADDR_NONE)
			w->entries[i].prefix = *prefix;
		if (prefix_equal(&w->entries[i].prefix, prefix))
			return &w->entries[i];
	}
	fail_msg("too many addresses");
	return NULL;
}

static struct host_entry *
entry_of(struct world *w, const char *text)
{
	struct prefix p = pfx(text);

	return entry(w, &p);
}

static void
host_address_set(
    struct kernel_port *k, const struct prefix *prefix, const char *ifname, bool present)
{
	struct world *w = container_of(k, struct world, port);
	struct host_entry *e = entry(w, prefix);

	e->requests++;
	e->asked = true;
	str_copy(e->ifname, sizeof(e->ifname), ifname);
	if (w->refuse == 0 && !e->foreign)
		e->present = present;
}

/* Lets the answers go, and time pass. */
static void
answer(struct world *w)
{
	for (size_t i = 0; i < HOST_MAX; i++) {
		struct host_entry *e = &w->entries[i];

		if (!e->asked)
			continue;
		e->asked = false;
		address_sink_state(w->sink, &e->prefix, e->present, w->refuse);
	}
}

static void
pass(struct world *w, dur_t d)
{
	loop_run_until(w->loop, mono_add(loop_now(w->loop), d));
}

static void
on_present(struct address_sink_host *h, const struct prefix *prefix, bool present)
{
	struct world *w = container_of(h, struct world, host);

	intent_address_present(w->intent, prefix, present, loop_now(w->loop));
}

static void
want(struct world *w, const char *text, bool wanted)
{
	struct prefix p = pfx(text);
	struct intent_ask ask = {.service = "dns",
	    .interface = "lo",
	    .level = LEVEL_UP,
	    .why = WHY_HEALTHY,
	    .repair = true,
	    .address = wanted};

	intent_set(w->intent, &p, &ask, loop_now(w->loop));
	intent_run(w->intent, loop_now(w->loop));
}

static const struct intent_entry *
wish(struct world *w, const char *text)
{
	struct prefix p = pfx(text);

	return intent_find(w->intent, INTENT_ADDRESS, &p);
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static const struct kernel_ops port_ops = {.address_set = host_address_set};

static int
setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));

	log_set_sink(quiet);
	w->loop = loop_virtual_new((mono_t){DUR_S});
	w->intent = intent_new();
	w->port.ops = &port_ops;
	w->host.present = on_present;
	w->sink = address_sink_new(w->loop, w->intent, &w->port, &w->host);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	address_sink_free(w->sink);
	intent_free(w->intent);
	loop_free(w->loop);
	free(w);
	log_set_sink(NULL);
	return 0;
}

static void
test_makes_it_so(void **state)
{
	struct world *w = *state;

	want(w, "192.0.2.53/32", true);
	want(w, "2001:db8::53/128", true);
	pass(w, DUR_MS);
	assert_int_equal(entry_of(w, "192.0.2.53/32")->requests, 1);
	assert_string_equal(entry_of(w, "192.0.2.53/32")->ifname, "lo");
	assert_false(wish(w, "192.0.2.53/32")->present); /* not before the host says so */
	answer(w);
	assert_true(wish(w, "192.0.2.53/32")->present);
	assert_true(wish(w, "2001:db8::53/128")->present);
	pass(w, DUR_MIN);
	assert_int_equal(entry_of(w, "192.0.2.53/32")->requests, 1); /* said once */
}

/* The intent lets go of an address only when the host has. */
static void
test_removal_settles(void **state)
{
	struct world *w = *state;

	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	answer(w);
	want(w, "192.0.2.53/32", false);
	pass(w, DUR_MS);
	intent_run(w->intent, loop_now(w->loop));
	pass(w, DUR_MS);
	assert_int_equal(entry_of(w, "192.0.2.53/32")->requests, 2);
	assert_false(entry_of(w, "192.0.2.53/32")->present);
	intent_run(w->intent, loop_now(w->loop));
	assert_non_null(wish(w, "192.0.2.53/32"));
	answer(w);
	intent_run(w->intent, loop_now(w->loop));
	assert_null(wish(w, "192.0.2.53/32"));
}

/* An address that somebody else put there stays, and holds nothing up. */
static void
test_foreign_address_settles(void **state)
{
	struct world *w = *state;
	struct host_entry *e = entry_of(w, "192.0.2.53/32");

	e->foreign = true;
	e->present = true;
	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	answer(w);
	assert_true(wish(w, "192.0.2.53/32")->present);
	want(w, "192.0.2.53/32", false);
	pass(w, DUR_MS);
	answer(w);
	intent_run(w->intent, loop_now(w->loop));
	assert_true(e->present);
	assert_null(wish(w, "192.0.2.53/32"));
}

static void
test_refusals_are_retried(void **state)
{
	struct world *w = *state;
	struct host_entry *e = entry_of(w, "192.0.2.53/32");

	w->refuse = -ENODEV;
	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	answer(w);
	assert_int_equal(e->requests, 1);
	pass(w, ADDRESS_SINK_RETRY - DUR_MS);
	assert_int_equal(e->requests, 1);
	pass(w, 2 * DUR_MS);
	assert_int_equal(e->requests, 2);
	answer(w);
	w->refuse = 0;
	pass(w, ADDRESS_SINK_RETRY);
	assert_int_equal(e->requests, 3);
	answer(w);
	assert_true(wish(w, "192.0.2.53/32")->present);
	pass(w, DUR_MIN);
	assert_int_equal(e->requests, 3);
}

/* Somebody deletes the address between the request and its answer: the answer says absent. */
static void
test_lost_before_the_answer(void **state)
{
	struct world *w = *state;
	struct host_entry *e = entry_of(w, "192.0.2.53/32");

	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	e->present = false;
	answer(w);
	pass(w, ADDRESS_SINK_RETRY);
	assert_int_equal(e->requests, 2);
	answer(w);
	assert_true(wish(w, "192.0.2.53/32")->present);
}

static void
test_repair(void **state)
{
	struct world *w = *state;
	struct host_entry *e = entry_of(w, "192.0.2.53/32");

	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	answer(w);
	pass(w, DUR_MIN);
	e->present = false;
	address_sink_state(w->sink, &e->prefix, false, 0);
	intent_run(w->intent, loop_now(w->loop));
	pass(w, DUR_MS);
	assert_int_equal(e->requests, 2);
	answer(w);
	assert_true(wish(w, "192.0.2.53/32")->present);
}

/* Changes in one turn become one request. */
static void
test_coalesces(void **state)
{
	struct world *w = *state;
	struct host_entry *e = entry_of(w, "192.0.2.53/32");

	for (int i = 0; i < 5; i++) {
		want(w, "192.0.2.53/32", true);
		want(w, "192.0.2.53/32", false);
	}
	want(w, "192.0.2.53/32", true);
	pass(w, DUR_MS);
	assert_int_equal(e->requests, 1);
	assert_true(e->present);
}

/* Reports about addresses that nobody asked for harm nothing. */
static void
test_unknown_reports(void **state)
{
	struct world *w = *state;
	struct prefix p = pfx("198.51.100.1/32");

	address_sink_state(w->sink, &p, true, 0);
	address_sink_state(w->sink, &p, false, -EPERM);
	pass(w, DUR_MIN);
	assert_null(wish(w, "198.51.100.1/32"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_makes_it_so),
	    TEST(test_removal_settles),
	    TEST(test_foreign_address_settles),
	    TEST(test_refusals_are_retried),
	    TEST(test_lost_before_the_answer),
	    TEST(test_repair),
	    TEST(test_coalesces),
	    TEST(test_unknown_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
