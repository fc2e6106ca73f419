/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a neighbor gets to hear: order, packing, silence when nothing changed, attributes and next
 * hops that change under a session, refresh, large tables, and when a withdrawal counts as done.
 */
#include "bgp_world.h"

#include "base/mem.h"
#include "proto/bgp/bgp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EBGP "{as: 64501, neighbors: {10.0.0.1: {as: 64500}}}"
#define IBGP "{as: 64500, neighbors: {10.0.0.1: {as: 64500}}}"

static struct attrs
med(uint32_t value)
{
	return (struct attrs){.has_med = true, .med = value};
}

static const char *
numbered(uint32_t base, unsigned i, char *buf)
{
	struct prefix p = {.addr = addr_v4(base + i), .len = 32};

	return prefix_format(&p, buf, PREFIX_TEXT);
}

static void
test_attributes(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct attrs a = {.has_med = true,
	    .med = 100,
	    .prepend = 2,
	    .has_local_pref = true,
	    .local_pref = 50,
	    .community_count = 2,
	    .communities = {0xfc010007, 0xffff0000}};

	(void)state;
	node_announce(&p->n, "192.0.2.53/32", &a);
	node_announce(&p->n, "192.0.2.54/32", NULL);
	world_run(&p->w, 10 * DUR_MS);
	/* LOCAL_PREF does not leave the AS. */
	assert_text(router_route(&p->r, "192.0.2.53/32"),
	    "next-hop 10.0.0.2, as-path 64501 64501 64501, med 100, 64513:7, ");
	assert_null(strstr(router_route(&p->r, "192.0.2.53/32"), "local-pref"));
	assert_string_equal(
	    router_route(&p->r, "192.0.2.54/32"), "next-hop 10.0.0.2, as-path 64501");
	pair_free(p);
}

static void
test_attributes_ibgp(void **state)
{
	struct pair *p = pair_up(IBGP);
	struct attrs a = {.has_local_pref = true, .local_pref = 50, .prepend = 2};

	(void)state;
	node_announce(&p->n, "192.0.2.53/32", &a);
	node_announce(&p->n, "192.0.2.54/32", NULL);
	world_run(&p->w, 10 * DUR_MS);
	assert_string_equal(
	    router_route(&p->r, "192.0.2.53/32"), "next-hop 10.0.0.2, as-path, local-pref 50");
	assert_string_equal(
	    router_route(&p->r, "192.0.2.54/32"), "next-hop 10.0.0.2, as-path, local-pref 100");
	pair_free(p);
}

/* Announcing first and withdrawing second in one turn still lets the withdrawal leave first, and
 * each set of attributes has one UPDATE. */
static void
test_order_and_packing(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct attrs five = med(5), six = med(6);
	char text[PREFIX_TEXT];

	(void)state;
	for (unsigned i = 0; i < 4; i++)
		node_announce(&p->n, numbered(0xc0000200, i, text), &five);
	world_run(&p->w, 10 * DUR_MS);
	assert_int_equal(p->r.updates, 1);
	str_clear(&p->r.log);

	/* Sets interleaved on purpose. */
	node_announce(&p->n, "192.0.2.10/32", &five);
	node_announce(&p->n, "192.0.2.11/32", &six);
	node_announce(&p->n, "192.0.2.12/32", &five);
	node_announce(&p->n, "192.0.2.0/32", &six);
	node_withdraw(&p->n, "192.0.2.1/32");
	node_withdraw(&p->n, "192.0.2.2/32");
	world_run(&p->w, 10 * DUR_MS);
	assert_string_equal(str_text(&p->r.log),
	    "-192.0.2.1/32\n-192.0.2.2/32\n|\n"
	    "+192.0.2.10/32 next-hop 10.0.0.2, as-path 64501, med 5\n"
	    "+192.0.2.12/32 next-hop 10.0.0.2, as-path 64501, med 5\n|\n"
	    "+192.0.2.11/32 next-hop 10.0.0.2, as-path 64501, med 6\n"
	    "+192.0.2.0/32 next-hop 10.0.0.2, as-path 64501, med 6\n|\n");
	assert_int_equal(node_announced(&p->n, "10.0.0.1"), 5);
	pair_free(p);
}

/* A prefix that comes and goes within a turn is not spoken of. */
static void
test_silence(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct attrs five = med(5), six = med(6);
	uint64_t updates;

	(void)state;
	node_announce(&p->n, "192.0.2.1/32", &five);
	world_run(&p->w, DUR_S);
	updates = p->r.updates;
	node_announce(&p->n, "192.0.2.1/32", &five);
	node_announce(&p->n, "192.0.2.1/32", &six);
	node_announce(&p->n, "192.0.2.1/32", &five);
	node_announce(&p->n, "192.0.2.2/32", &five);
	node_withdraw(&p->n, "192.0.2.2/32");
	node_configure(&p->n, EBGP);
	world_run(&p->w, DUR_HOUR);
	assert_int_equal(p->r.updates, updates);
	assert_int_equal(p->r.links, 1);
	assert_int_equal(node_announced(&p->n, "10.0.0.1"), 1);
	pair_free(p);
}

/* Options that are applied under the running session, and only what they change is sent. */
static void
test_live_changes(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct attrs five = med(5);

	(void)state;
	node_announce(&p->n, "192.0.2.1/32", NULL);
	node_announce(&p->n, "192.0.2.2/32", &five);
	world_run(&p->w, DUR_S);
	assert_int_equal(p->r.updates, 2);

	node_configure(&p->n, "{as: 64501, neighbors: {10.0.0.1: {as: 64500, description: x, "
			      "passive: true}}, connect-retry: 20s}");
	world_run(&p->w, DUR_S);
	assert_int_equal(p->r.updates, 2);

	node_configure(
	    &p->n, "{as: 64501, neighbors: {10.0.0.1: {as: 64500, attributes: {med: 5}}}}");
	world_run(&p->w, DUR_S);
	assert_int_equal(p->r.updates, 3); /* 192.0.2.2 has MED 5 already */
	assert_text(router_route(&p->r, "192.0.2.1/32"), "med 5");

	node_configure(
	    &p->n, "{as: 64501, neighbors: {10.0.0.1: {as: 64500, next-hop: 10.0.0.77}}}");
	world_run(&p->w, DUR_S);
	assert_string_equal(
	    router_route(&p->r, "192.0.2.1/32"), "next-hop 10.0.0.77, as-path 64501");
	assert_string_equal(
	    router_route(&p->r, "192.0.2.2/32"), "next-hop 10.0.0.77, as-path 64501, med 5");
	assert_int_equal(p->r.links, 1);
	pair_free(p);
}

/* IPv6 over an IPv4 session: nothing without a next hop, and it says why. */
static void
test_other_family(void **state)
{
	struct pair *p = pair_up(EBGP);
	char *text;

	(void)state;
	node_announce(&p->n, "2001:db8::53/128", NULL);
	node_announce(&p->n, "192.0.2.53/32", NULL);
	world_run(&p->w, DUR_S);
	assert_int_equal(p->r.routes, 1);
	text = node_explain(&p->n, "2001:db8::53/128");
	assert_text(text, "10.0.0.1 (AS 64500): not announced: no next hop of this family");
	assert_text(text, "next-hop-ipv6");
	free(text);
	text = node_command(&p->n, "show neighbors", NULL);
	assert_text(text, "no next hop of this family");
	free(text);

	node_configure(&p->n,
	    "{as: 64501, neighbors: {10.0.0.1: {as: 64500, next-hop-ipv6: \"2001:db8::2\"}}}");
	world_run(&p->w, DUR_S);
	assert_string_equal(
	    router_route(&p->r, "2001:db8::53/128"), "next-hop 2001:db8::2, as-path 64501");
	/* And away again: what the neighbor has must go. */
	node_configure(&p->n, EBGP);
	world_run(&p->w, DUR_S);
	assert_null(router_route(&p->r, "2001:db8::53/128"));
	assert_non_null(router_route(&p->r, "192.0.2.53/32"));
	assert_int_equal(p->r.links, 1);
	pair_free(p);
}

static void
test_ipv6_session(void **state)
{
	struct world w;
	struct node n;
	struct router *r = mem_alloc(sizeof(*r));

	(void)state;
	world_init(&w, 1);
	node_init(&n, &w, "2001:db8::2");
	router_init(r, &w, "2001:db8::1", 64500, 90);
	router_listen(r);
	node_configure(&n, "{as: 64501, neighbors: {\"2001:db8::1\": {as: 64500}}}");
	node_announce(&n, "2001:db8::53/128", NULL);
	node_announce(&n, "192.0.2.53/32", NULL);
	world_run(&w, DUR_S);
	assert_true(node_up(&n, "2001:db8::1"));
	assert_string_equal(
	    router_route(r, "2001:db8::53/128"), "next-hop 2001:db8::2, as-path 64501");
	assert_null(router_route(r, "192.0.2.53/32"));
	node_withdraw(&n, "2001:db8::53/128");
	world_run(&w, DUR_S);
	assert_int_equal(r->routes, 0);
	router_done(r);
	node_done(&n);
	world_done(&w);
	free(r);
}

/* A family that only one side offers. */
static void
test_families(void **state)
{
	struct pair *p = pair_new("{as: 64501, neighbors: {10.0.0.1: {as: 64500, families: ipv4, "
				  "next-hop-ipv6: \"2001:db8::2\"}}}");
	char *text;

	(void)state;
	node_announce(&p->n, "2001:db8::53/128", NULL);
	world_run(&p->w, DUR_S);
	assert_int_equal(router_up(&p->r)->peer.caps.af, 1);
	assert_int_equal(router_up(&p->r)->end_of_rib, 1);
	assert_int_equal(p->r.routes, 0);
	text = node_explain(&p->n, "2001:db8::53/128");
	assert_text(text, "'families' leaves this family out");
	free(text);
	pair_free(p);
}

/* RFC 2918 and 7313: everything again, between two marks. */
static void
test_refresh(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct bgp_refresh r = {.afi = 1, .safi = 1};
	uint8_t buf[64];
	struct link *l = router_up(&p->r);
	char text[PREFIX_TEXT];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		node_announce(&p->n, numbered(0xc0000200, i, text), NULL);
	node_withdraw(&p->n, "192.0.2.2/32");
	world_run(&p->w, DUR_S);
	str_clear(&p->r.log);
	link_send(l, buf, bgp_refresh_encode(&r, buf, sizeof(buf)));
	world_run(&p->w, DUR_S);
	assert_string_equal(str_text(&p->r.log),
	    "+192.0.2.0/32 next-hop 10.0.0.2, as-path 64501\n"
	    "+192.0.2.1/32 next-hop 10.0.0.2, as-path 64501\n|\n");
	assert_int_equal(l->begin_refresh, 1);
	assert_int_equal(l->end_refresh, 1);
	/* The other family is not asked for. */
	str_clear(&p->r.log);
	r.afi = 2;
	link_send(l, buf, bgp_refresh_encode(&r, buf, sizeof(buf)));
	world_run(&p->w, DUR_S);
	assert_string_equal(str_text(&p->r.log), "");
	assert_int_equal(l->end_refresh, 2);
	pair_free(p);
}

/* A router that asks for everything again and again and reads nothing: no buffer overflows. */
static void
test_refresh_flood(void **state)
{
	struct pair *p = pair_up(EBGP);
	struct bgp_refresh r = {.afi = 1, .safi = 1};
	uint8_t buf[64];
	struct link *l = router_up(&p->r);
	char text[PREFIX_TEXT];

	(void)state;
	p->r.quiet = true;
	for (unsigned i = 0; i < 1000; i++)
		node_announce(&p->n, numbered(0x0b000000, i, text), NULL);
	world_run(&p->w, DUR_S);
	link_deaf(l);
	for (unsigned i = 0; i < 4000; i++) {
		link_send(l, buf, bgp_refresh_encode(&r, buf, sizeof(buf)));
		if (i % 20 == 0)
			world_run(&p->w, 5 * DUR_MS);
	}
	l->deaf = false;
	net_stream_want_read(&l->stream, true);
	world_run(&p->w, 5 * DUR_S);
	assert_int_equal(l->begin_refresh, l->end_refresh);
	assert_in_range(l->end_refresh, 2, 400);
	assert_int_equal(p->r.routes, 1000);
	assert_int_equal(p->r.links, 1);
	pair_free(p);
}

/* A withdrawal is done when the neighbor's TCP has it, or when there is no session any more. */
static void
test_settle(void **state)
{
	struct pair *p = pair_up("{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500}}}");

	(void)state;
	node_announce(&p->n, "192.0.2.1/32", NULL);
	node_announce(&p->n, "192.0.2.2/32", NULL);
	world_run(&p->w, DUR_S);
	net_cloud_set_latency(p->w.cloud, 20 * DUR_MS);
	node_withdraw(&p->n, "192.0.2.1/32");
	world_run(&p->w, 10 * DUR_MS);
	assert_false(intent_settled(p->n.intent, "s"));
	node_withdraw(&p->n, "192.0.2.2/32");
	world_run(&p->w, 90 * DUR_MS);
	assert_int_equal(p->r.routes, 0);
	assert_true(intent_settled(p->n.intent, "s"));

	node_announce(&p->n, "192.0.2.1/32", NULL);
	world_run(&p->w, DUR_S);
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	node_withdraw(&p->n, "192.0.2.1/32");
	world_run(&p->w, 5 * DUR_S);
	assert_false(intent_settled(p->n.intent, "s"));
	world_run(&p->w, 5 * DUR_S); /* the hold time ends */
	assert_false(node_up(&p->n, "10.0.0.1"));
	assert_true(intent_settled(p->n.intent, "s"));
	pair_free(p);
}

/* Routes that came and went while there was no session. */
static void
test_away_meanwhile(void **state)
{
	struct pair *p = pair_up(EBGP);

	(void)state;
	node_announce(&p->n, "192.0.2.1/32", NULL);
	node_announce(&p->n, "192.0.2.2/32", NULL);
	world_run(&p->w, DUR_S);
	link_close(router_up(&p->r));
	world_run(&p->w, 10 * DUR_MS);
	assert_false(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(node_announced(&p->n, "10.0.0.1"), 0);
	node_withdraw(&p->n, "192.0.2.1/32");
	assert_true(intent_settled(p->n.intent, "s") || p->r.routes == 0);
	node_announce(&p->n, "192.0.2.3/32", NULL);
	str_clear(&p->r.log);
	world_run(&p->w, 3 * DUR_S);
	assert_string_equal(str_text(&p->r.log),
	    "+192.0.2.2/32 next-hop 10.0.0.2, as-path 64501\n"
	    "+192.0.2.3/32 next-hop 10.0.0.2, as-path 64501\n|\n");
	assert_int_equal(router_up(&p->r)->end_of_rib, 3);
	pair_free(p);
}

/* 100,000 routes to a router that reads 4 KiB every 100 ms: the session stays, the queue is
 * bounded, keepalives go through, and a withdrawal does not wait for the rest of the table. */
static void
test_large_table(void **state)
{
	struct pair *p = pair_new("{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500}}}");
	const unsigned count = 100000;
	char text[PREFIX_TEXT], *shown;
	size_t waiting, unacknowledged;

	(void)state;
	p->r.quiet = true;
	p->r.pace = 4096;
	for (unsigned i = 0; i < count; i++)
		node_announce(&p->n, numbered(0x0b000000, i, text), NULL);
	world_run(&p->w, 3 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_in_range(p->r.routes, 1000, count / 2);
	assert_int_equal(router_up(&p->r)->end_of_rib, 0);
	shown = node_command(&p->n, "show bgp", "10.0.0.1");
	const char *at = strstr(shown, " bytes waiting");
	while (at > shown && at[-1] >= '0' && at[-1] <= '9')
		at--;
	assert_int_equal(sscanf(at, "%zu bytes waiting, %zu unack", &waiting, &unacknowledged), 2);
	assert_in_range(waiting, 1, 72 * 1024);
	free(shown);

	node_withdraw(&p->n, numbered(0x0b000000, 0, text));
	uint64_t before = p->r.routes;
	while (router_route(&p->r, numbered(0x0b000000, 0, text)) != NULL)
		world_run(&p->w, 100 * DUR_MS);
	/* What had been queued before, and nothing more: three buffers of 64 KiB. */
	assert_in_range(p->r.routes - before, 0, 3 * 72 * 1024 / 5 + 1000);
	assert_true(p->r.routes < count - 1);

	world_run(&p->w, 30 * DUR_S);
	assert_int_equal(p->r.routes, count - 1);
	assert_int_equal(router_up(&p->r)->end_of_rib, 3);
	assert_int_equal(p->r.links, 1);
	assert_int_equal(node_announced(&p->n, "10.0.0.1"), count - 1);
	/* About 800 host routes fit a message. */
	assert_in_range(p->r.updates, count / 820, count / 650);
	pair_free(p);
}

/* Every prefix with attributes of its own: no packing helps, and nothing overflows. */
static void
test_many_sets(void **state)
{
	struct pair *p = pair_new(EBGP);
	const unsigned count = 5000;
	char text[PREFIX_TEXT];

	(void)state;
	p->r.quiet = true;
	for (unsigned i = 0; i < count; i++) {
		struct attrs a = med(i);
		a.community_count = ATTRS_COMMUNITIES;
		for (uint32_t k = 0; k < ATTRS_COMMUNITIES; k++)
			a.communities[k] = 0xfc000000 + i * 16 + k;
		a.prepend = ATTRS_PREPEND_MAX;
		node_announce(&p->n, numbered(0x0b000000, i, text), &a);
	}
	world_run(&p->w, 5 * DUR_S);
	assert_int_equal(p->r.routes, count);
	assert_int_equal(p->r.updates, count);
	assert_text(router_route(&p->r, numbered(0x0b000000, 1234, text)), "med 1234,");
	/* All of them alike again: one set, and the old ones are gone. */
	for (unsigned i = 0; i < count; i++)
		node_announce(&p->n, numbered(0x0b000000, i, text), NULL);
	world_run(&p->w, 5 * DUR_S);
	assert_in_range(p->r.updates - count, 6, 8);
	pair_free(p);
}

/* Random changes against a model, with sessions that break in between. */
static void
random_changes(uint64_t seed)
{
	struct pair *p = pair_new(EBGP);
	uint32_t model[64] = {0}; /* MED + 1; 0: not announced */
	char text[PREFIX_TEXT], expect[64];

	rng_init(&p->w.rng, seed);
	for (unsigned step = 0; step < 400; step++) {
		unsigned i = (unsigned)rng_below(&p->w.rng, 64);
		switch (rng_below(&p->w.rng, 8)) {
		case 0:
		case 1:
		case 2:
		case 3: {
			struct attrs a = med((uint32_t)rng_below(&p->w.rng, 3));
			node_announce(&p->n, numbered(0xc0000200, i, text), &a);
			model[i] = a.med + 1;
			break;
		}
		case 4:
		case 5:
			node_withdraw(&p->n, numbered(0xc0000200, i, text));
			model[i] = 0;
			break;
		case 6: world_run(&p->w, rng_between(&p->w.rng, 1, 5 * DUR_MS)); break;
		default:
			if (router_up(&p->r) != NULL && p->r.links < ROUTER_LINKS &&
			    rng_below(&p->w.rng, 10) == 0)
				link_close(router_up(&p->r));
			intent_run(p->n.intent, world_now(&p->w));
			break;
		}
	}
	world_run(&p->w, 70 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	for (unsigned i = 0; i < 64; i++) {
		const char *route = router_route(&p->r, numbered(0xc0000200, i, text));
		if (model[i] == 0) {
			assert_null(route);
			continue;
		}
		(void)snprintf(expect, sizeof(expect), "next-hop 10.0.0.2, as-path 64501, med %u",
		    model[i] - 1);
		assert_string_equal(route, expect);
	}
	assert_true(intent_settled(p->n.intent, "nobody"));
	pair_free(p);
}

static void
test_random_changes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++)
		random_changes(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_attributes),
	    cmocka_unit_test(test_attributes_ibgp),
	    cmocka_unit_test(test_order_and_packing),
	    cmocka_unit_test(test_silence),
	    cmocka_unit_test(test_live_changes),
	    cmocka_unit_test(test_other_family),
	    cmocka_unit_test(test_ipv6_session),
	    cmocka_unit_test(test_families),
	    cmocka_unit_test(test_refresh),
	    cmocka_unit_test(test_refresh_flood),
	    cmocka_unit_test(test_settle),
	    cmocka_unit_test(test_away_meanwhile),
	    cmocka_unit_test(test_large_table),
	    cmocka_unit_test(test_many_sets),
	    cmocka_unit_test(test_random_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
