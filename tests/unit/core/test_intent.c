/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent: its rules one by one, and what they cost with many entries.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/intent.h"

#define AT(n) ((mono_t){.ns = (n)})

static struct prefix
prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct intent_ask
ask_of(bool address, bool route)
{
	return (struct intent_ask){
	    .service = "dns",
	    .interface = "lo",
	    .audience = 1,
	    .level = route ? LEVEL_UP : LEVEL_DOWN,
	    .why = route ? WHY_HEALTHY : WHY_REQUIRE,
	    .repair = true,
	    .address = address,
	    .route = route,
	};
}

struct counting_sink {
	struct intent_sink sink;
	int notified;
};

static void
count_notify(struct intent_sink *s)
{
	container_of(s, struct counting_sink, sink)->notified++;
}

static void
sink_open(struct intent *in, struct counting_sink *s, enum intent_kind kind, const char *name)
{
	*s = (struct counting_sink){.sink.audience = 1};
	intent_sink_add(in, &s->sink, name, kind, count_notify);
}

static const struct intent_entry *
route_of(const struct intent *in, const struct prefix *p)
{
	return intent_find(in, INTENT_ROUTE, p);
}

static void
test_address_before_route(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.53");
	struct intent_ask ask = ask_of(true, true);

	intent_set(in, &p, &ask, AT(1));
	assert_true(intent_find(in, INTENT_ADDRESS, &p)->wanted);
	assert_false(route_of(in, &p)->wanted);
	assert_int_equal(route_of(in, &p)->why, WHY_ADDRESS);
	intent_address_present(in, &p, true, AT(2));
	assert_true(route_of(in, &p)->wanted);
	assert_int_equal(route_of(in, &p)->why, WHY_HEALTHY);
	intent_address_present(in, &p, false, AT(3));
	assert_false(route_of(in, &p)->wanted);
	assert_int_equal(route_of(in, &p)->why, WHY_ADDRESS);
	intent_free(in);
}

static void
test_nothing_changed_nothing_seen(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.53");
	struct intent_ask ask = ask_of(true, true);
	struct counting_sink s;
	uint64_t version;

	sink_open(in, &s, INTENT_ROUTE, "a");
	intent_set(in, &p, &ask, AT(1));
	intent_address_present(in, &p, true, AT(2));
	assert_int_equal(s.notified, 1);
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &p));
	assert_null(intent_next(&s.sink));
	version = intent_version(in);
	intent_set(in, &p, &ask, AT(3));
	ask.why = WHY_ADMIN; /* another reason for the same is no change for sinks */
	intent_set(in, &p, &ask, AT(3));
	intent_address_present(in, &p, true, AT(3));
	intent_run(in, AT(4));
	assert_int_equal(intent_version(in), version);
	assert_int_equal(s.notified, 1);
	assert_null(intent_next(&s.sink));
	intent_sink_del(&s.sink);
	intent_free(in);
}

static void
test_withdrawals_first(void **state)
{
	struct intent *in = intent_new();
	struct prefix a = prefix_of("192.0.2.1"), b = prefix_of("192.0.2.2");
	struct intent_ask up = ask_of(false, true), down = ask_of(true, false);
	struct counting_sink s;

	sink_open(in, &s, INTENT_ROUTE, "a");
	intent_set(in, &b, &up, AT(1));
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &b));
	intent_set(in, &a, &up, AT(2));
	intent_set(in, &b, &down, AT(3));
	assert_ptr_equal(intent_peek(&s.sink), route_of(in, &b));
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &b));
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &a));
	assert_null(intent_next(&s.sink));
	intent_sink_del(&s.sink);
	intent_free(in);
}

/* What a sink never had is not withdrawn from it, and nobody waits for it. */
static void
test_unseen_is_not_withdrawn(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(false, true), down = ask_of(true, false);
	struct counting_sink s;

	sink_open(in, &s, INTENT_ROUTE, "a");
	intent_set(in, &p, &up, AT(1));
	intent_set(in, &p, &down, AT(2));
	assert_true(intent_settled(in, "dns"));
	assert_null(intent_next(&s.sink));
	/* Once handed, even a change of heart in between does not make it forget. */
	intent_set(in, &p, &up, AT(3));
	assert_non_null(intent_next(&s.sink));
	intent_set(in, &p, &down, AT(4));
	intent_set(in, &p, &up, AT(5));
	intent_set(in, &p, &down, AT(6));
	assert_false(intent_settled(in, "dns"));
	assert_false(intent_next(&s.sink)->wanted);
	assert_false(intent_settled(in, "dns"));
	intent_settle(&s.sink, intent_version(in));
	assert_true(intent_settled(in, "dns"));
	intent_sink_del(&s.sink);
	intent_free(in);
}

/* A withdrawal that jumped the queue has the newer version; settling the older one does not do. */
static void
test_settle_out_of_order(void **state)
{
	struct intent *in = intent_new();
	struct prefix a = prefix_of("192.0.2.1"), b = prefix_of("192.0.2.2");
	struct intent_ask up = ask_of(false, true), down = ask_of(true, false);
	const struct intent_entry *e;
	struct counting_sink s;

	sink_open(in, &s, INTENT_ROUTE, "a");
	intent_set(in, &a, &up, AT(1));
	intent_next(&s.sink);
	intent_set(in, &b, &up, AT(2));
	intent_set(in, &a, &down, AT(3));
	intent_next(&s.sink); /* a goes, version 3 */
	e = intent_next(&s.sink);
	assert_true(e->wanted); /* b comes, version 2 */
	intent_settle(&s.sink, e->version);
	assert_false(s.sink.settled >= route_of(in, &a)->version);
	intent_settle(&s.sink, s.sink.handed);
	assert_true(s.sink.settled >= route_of(in, &a)->version);
	intent_sink_del(&s.sink);
	intent_free(in);
}

static void
test_address_leaves_after_drain(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("2001:db8::53/128");
	struct intent_ask up = ask_of(true, true), gone = ask_of(false, false);
	struct counting_sink router, host;

	up.drain = gone.drain = 100;
	sink_open(in, &router, INTENT_ROUTE, "router");
	sink_open(in, &host, INTENT_ADDRESS, "host");
	intent_set(in, &p, &up, AT(1));
	assert_non_null(intent_next(&host.sink));
	intent_address_present(in, &p, true, AT(2));
	assert_non_null(intent_next(&router.sink));
	intent_set(in, &p, &gone, AT(10));
	intent_run(in, AT(500));
	assert_null(intent_next(&host.sink)); /* the withdrawal has not settled */
	assert_non_null(intent_next(&router.sink));
	intent_settle(&router.sink, router.sink.handed);
	assert_int_equal(intent_run(in, AT(1000)).ns, 1100);
	assert_true(intent_find(in, INTENT_ADDRESS, &p)->draining);
	intent_run(in, AT(1099));
	assert_null(intent_next(&host.sink));
	intent_run(in, AT(1100));
	assert_false(intent_next(&host.sink)->wanted);
	intent_run(in, AT(1200));
	assert_non_null(intent_first(in)); /* not settled by the host */
	intent_settle(&host.sink, host.sink.handed);
	intent_run(in, AT(1201));
	assert_null(intent_first(in));
	intent_sink_del(&router.sink);
	intent_sink_del(&host.sink);
	intent_free(in);
}

/* An address that is asked for after its route was announced waits for the route all the same. */
static void
test_address_asked_later(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask bare = ask_of(false, true), up = ask_of(true, true);
	struct intent_ask gone = ask_of(false, false);
	struct counting_sink router, host;

	sink_open(in, &router, INTENT_ROUTE, "router");
	sink_open(in, &host, INTENT_ADDRESS, "host");
	intent_set(in, &p, &bare, AT(1));
	assert_true(intent_next(&router.sink)->wanted);
	intent_set(in, &p, &up, AT(2)); /* not on the host yet: withdrawn */
	assert_false(route_of(in, &p)->wanted);
	intent_next(&host.sink);
	intent_address_present(in, &p, true, AT(3));
	assert_int_equal(intent_find(in, INTENT_ADDRESS, &p)->holds, 1);
	intent_set(in, &p, &gone, AT(4));
	intent_run(in, AT(5));
	assert_null(intent_next(&host.sink));
	intent_next(&router.sink);
	intent_settle(&router.sink, router.sink.handed);
	intent_run(in, AT(6));
	assert_false(intent_next(&host.sink)->wanted);
	intent_sink_del(&router.sink);
	intent_sink_del(&host.sink);
	intent_free(in);
}

/* Asked for again before anybody was told to remove it: what the kernel said still holds. */
static void
test_change_of_mind(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(true, true), gone = ask_of(false, false);
	struct counting_sink host;

	sink_open(in, &host, INTENT_ADDRESS, "host");
	intent_set(in, &p, &up, AT(1));
	intent_next(&host.sink);
	intent_address_present(in, &p, true, AT(2));
	intent_set(in, &p, &gone, AT(3));
	intent_run(in, AT(3));
	assert_false(intent_find(in, INTENT_ADDRESS, &p)->wanted);
	intent_set(in, &p, &up, AT(4));
	assert_true(route_of(in, &p)->wanted);
	/* Told to remove it: only a fresh report counts. */
	intent_set(in, &p, &gone, AT(5));
	intent_run(in, AT(5));
	assert_false(intent_next(&host.sink)->wanted);
	intent_set(in, &p, &up, AT(6));
	assert_false(route_of(in, &p)->wanted);
	assert_true(intent_next(&host.sink)->wanted);
	intent_address_present(in, &p, true, AT(7));
	assert_true(route_of(in, &p)->wanted);
	intent_sink_del(&host.sink);
	assert_null(host.sink.intent);
	intent_sink_del(&host.sink); /* twice does no harm */
	intent_free(in);
}

static void
test_repair(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(true, true);
	mono_t next;
	struct counting_sink host;

	sink_open(in, &host, INTENT_ADDRESS, "host");
	intent_set(in, &p, &up, AT(0));
	intent_next(&host.sink);
	intent_address_present(in, &p, true, AT(1));
	assert_null(intent_next(&host.sink));
	/* Deleted long after: put back at once. */
	intent_address_present(in, &p, false, AT(5 * DUR_S));
	assert_true(intent_next(&host.sink)->wanted);
	intent_address_present(in, &p, true, AT(5 * DUR_S));
	/* Deleted again right away: only after a pause. */
	intent_address_present(in, &p, false, AT(5 * DUR_S + 1));
	assert_null(intent_next(&host.sink));
	next = intent_run(in, AT(5 * DUR_S + 2));
	assert_true(next.ns > 5 * DUR_S + 2 && next.ns <= 6 * DUR_S);
	intent_run(in, next);
	assert_true(intent_next(&host.sink)->wanted);
	intent_address_present(in, &p, true, AT(6500 * DUR_MS));
	/* Somebody is quicker: nothing is left to do. */
	intent_address_present(in, &p, false, AT(6600 * DUR_MS));
	intent_address_present(in, &p, true, AT(6700 * DUR_MS));
	assert_int_equal(intent_run(in, AT(9 * DUR_S)).ns, DUR_NEVER);
	assert_null(intent_next(&host.sink));
	/* Without repair it stays away. */
	up.repair = false;
	intent_set(in, &p, &up, AT(9 * DUR_S));
	intent_address_present(in, &p, false, AT(10 * DUR_S));
	assert_null(intent_next(&host.sink));
	assert_int_equal(intent_run(in, AT(11 * DUR_S)).ns, DUR_NEVER);
	assert_false(route_of(in, &p)->wanted);
	intent_sink_del(&host.sink);
	intent_free(in);
}

static void
test_interface_change_moves_the_address(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(true, true);
	const struct intent_entry *e;
	struct counting_sink host;

	sink_open(in, &host, INTENT_ADDRESS, "host");
	intent_set(in, &p, &up, AT(0));
	intent_next(&host.sink);
	intent_address_present(in, &p, true, AT(1));
	up.interface = "eth0";
	intent_set(in, &p, &up, AT(2));
	assert_false(route_of(in, &p)->wanted);
	intent_run(in, AT(3));
	e = intent_next(&host.sink);
	assert_false(e->wanted);
	assert_string_equal(e->interface, "lo");
	intent_settle(&host.sink, e->version); /* what was reported of the old place is void */
	intent_run(in, AT(5));
	e = intent_next(&host.sink);
	assert_true(e->wanted);
	assert_string_equal(e->interface, "eth0");
	assert_false(route_of(in, &p)->wanted);
	intent_address_present(in, &p, true, AT(6));
	assert_true(route_of(in, &p)->wanted);
	intent_sink_del(&host.sink);
	intent_free(in);
}

/* A speaker that is not addressed any more withdraws; the others are not disturbed. */
static void
test_audience_shrinks(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(false, true);
	const struct intent_entry *e;
	struct counting_sink a, b;

	up.audience = 3;
	sink_open(in, &a, INTENT_ROUTE, "a");
	sink_open(in, &b, INTENT_ROUTE, "b");
	b.sink.audience = 2;
	intent_set(in, &p, &up, AT(1));
	assert_non_null(intent_next(&a.sink));
	assert_non_null(intent_next(&b.sink));
	up.audience = 2;
	intent_set(in, &p, &up, AT(2));
	e = intent_next(&a.sink);
	assert_false(e->wanted);
	assert_true(prefix_equal(&e->prefix, &p));
	assert_null(intent_next(&a.sink));
	e = intent_next(&b.sink);
	assert_true(e == NULL || e->wanted);
	assert_ptr_equal(intent_first(in), route_of(in, &p));
	assert_null(intent_after(intent_first(in)));
	intent_settle(&a.sink, a.sink.handed);
	intent_run(in, AT(3));
	intent_sink_del(&a.sink);
	intent_sink_del(&b.sink);
	intent_free(in);
}

static void
test_reset_and_replay(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1"), q = prefix_of("192.0.2.2");
	struct intent_ask up = ask_of(false, true), down = ask_of(true, false);
	struct counting_sink s;

	sink_open(in, &s, INTENT_ROUTE, "a");
	intent_set(in, &p, &up, AT(1));
	intent_set(in, &q, &up, AT(1));
	assert_non_null(intent_next(&s.sink));
	assert_non_null(intent_next(&s.sink));
	intent_set(in, &q, &down, AT(2));
	assert_false(intent_settled(in, "dns"));
	intent_sink_reset(&s.sink);
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &p));
	assert_null(intent_next(&s.sink));
	intent_sink_replay(&s.sink);
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &q));
	assert_ptr_equal(intent_next(&s.sink), route_of(in, &p));
	assert_null(intent_next(&s.sink));
	intent_sink_del(&s.sink);
	intent_free(in);
}

/* A sink that goes away owes nothing any more. */
static void
test_sink_leaves(void **state)
{
	struct intent *in = intent_new();
	struct prefix p = prefix_of("192.0.2.1");
	struct intent_ask up = ask_of(false, true), down = ask_of(false, false);
	struct counting_sink a, b;

	sink_open(in, &a, INTENT_ROUTE, "a");
	sink_open(in, &b, INTENT_ROUTE, "b");
	intent_set(in, &p, &up, AT(1));
	intent_next(&a.sink);
	intent_next(&b.sink);
	intent_set(in, &p, &down, AT(2));
	assert_false(intent_settled(in, "dns"));
	intent_sink_del(&a.sink);
	assert_false(intent_settled(in, "dns")); /* b has it */
	intent_sink_del(&b.sink);
	assert_true(intent_settled(in, "dns"));
	intent_run(in, AT(3));
	assert_null(intent_first(in));
	intent_free(in);
}

/* Cost follows changes: among a hundred thousand routes, one change is one step. */
static void
test_many(void **state)
{
	enum { MANY = 100000 };
	struct intent *in = intent_new();
	struct intent_ask up = ask_of(false, true), down = ask_of(false, false);
	struct counting_sink s;
	struct prefix p = {.len = 32};
	int seen = 0;

	sink_open(in, &s, INTENT_ROUTE, "a");
	for (uint32_t i = 0; i < MANY; i++) {
		p.addr = addr_v4(0x0a000000u + i * 7919u);
		intent_set(in, &p, &up, AT(1));
	}
	while (intent_next(&s.sink) != NULL)
		seen++;
	assert_int_equal(seen, MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		p.addr = addr_v4(0x0a000000u + i * 7919u);
		assert_true(prefix_equal(&route_of(in, &p)->prefix, &p));
	}
	assert_int_equal(s.notified, 1);
	p.addr = addr_v4(0x0a000000u);
	intent_set(in, &p, &down, AT(2));
	assert_false(intent_next(&s.sink)->wanted);
	assert_null(intent_next(&s.sink));
	for (uint32_t i = 0; i < MANY; i++) {
		p.addr = addr_v4(0x0a000000u + i * 7919u);
		intent_set(in, &p, &down, AT(3));
	}
	while (intent_next(&s.sink) != NULL)
		;
	assert_false(intent_settled(in, "dns"));
	intent_settle(&s.sink, s.sink.handed);
	assert_true(intent_settled(in, "dns"));
	intent_run(in, AT(4));
	assert_null(intent_first(in));
	intent_sink_del(&s.sink);
	intent_free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_address_before_route),
	    cmocka_unit_test(test_nothing_changed_nothing_seen),
	    cmocka_unit_test(test_withdrawals_first),
	    cmocka_unit_test(test_unseen_is_not_withdrawn),
	    cmocka_unit_test(test_settle_out_of_order),
	    cmocka_unit_test(test_address_leaves_after_drain),
	    cmocka_unit_test(test_address_asked_later),
	    cmocka_unit_test(test_change_of_mind),
	    cmocka_unit_test(test_repair),
	    cmocka_unit_test(test_interface_change_moves_the_address),
	    cmocka_unit_test(test_audience_shrinks),
	    cmocka_unit_test(test_reset_and_replay),
	    cmocka_unit_test(test_sink_leaves),
	    cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
