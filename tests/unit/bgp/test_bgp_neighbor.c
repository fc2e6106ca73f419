/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A neighbor's two connections and the pauses between attempts: who may connect, which of two
 * connections stays, how often a router that is away or refuses us is tried, and two speakers
 * through cuts, deaths and collisions.
 */
#include "bgp_world.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ACTIVE_YAML  "{as: 64501, neighbors: {10.0.0.1: {as: 64500}}}"
#define PASSIVE_YAML "{as: 64501, neighbors: {10.0.0.1: {as: 64500, passive: true}}}"

static void
test_passive(void **state)
{
	struct pair *p = pair_new(PASSIVE_YAML);

	(void)state;
	world_run(&p->w, DUR_MIN);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Active");
	assert_int_equal(p->r.links, 0); /* it never connects */
	assert_string_equal(node_detail(&p->n, "10.0.0.1"), "waiting for the neighbor to connect");
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	/* And again after the end of it. */
	link_close(router_up(&p->r));
	world_run(&p->w, 3 * DUR_S);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Active");
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

static void
test_passive_no_more(void **state)
{
	struct pair *p = pair_new(PASSIVE_YAML);

	(void)state;
	world_run(&p->w, DUR_MIN);
	assert_int_equal(p->r.links, 0);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 100 * DUR_MS);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

static void
test_stranger(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct router stranger;

	(void)state;
	router_init(&stranger, &p->w, "10.0.0.66", 64500, 90);
	router_connect(&stranger, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(router_last(&stranger)->closed);
	assert_int_equal(router_last(&stranger)->rx_total, 0);
	assert_int_equal((int)node_metric(&p->n, "nigh_bgp_strangers_total "), 1);
	assert_true(node_up(&p->n, "10.0.0.1"));
	router_done(&stranger);
	pair_free(p);
}

/* Both sides connect at once. The connection that the larger router-id opened stays. */
static void
collide(uint32_t router_id, bool from_router)
{
	struct pair *p = pair_new(NULL);
	unsigned collisions = 0;

	p->r.open.router_id = router_id;
	node_configure(&p->n, ACTIVE_YAML);
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.links, 2);
	assert_int_equal(router_open_links(&p->r), 1);
	assert_int_equal(router_up(&p->r)->incoming, !from_router);
	for (size_t i = 0; i < p->r.links; i++) {
		const struct bgp_notify *n = &p->r.link[i].notify;
		collisions += n->code == BGP_ERR_CEASE && n->subcode == BGP_CEASE_COLLISION;
	}
	assert_int_equal(collisions, 1);
	world_run(&p->w, 10 * DUR_MIN);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.links, 2);
	assert_int_equal(
	    (int)node_metric(&p->n, "nigh_bgp_session_established_total{neighbor=\"10.0.0.1\"} "),
	    1);
	pair_free(p);
}

static void
test_collision_router_wins(void **state)
{
	(void)state;
	collide(0x0a0000ff, true);
}

static void
test_collision_speaker_wins(void **state)
{
	(void)state;
	collide(0x0a000001, false);
}

/* RFC 6286: equal identifiers of different ASes; the larger AS decides, ours is. */
static void
test_collision_equal_ids(void **state)
{
	(void)state;
	collide(0x0a000002, false);
}

/* The winner is confirmed only when the loser has had time to go: FRR would close both. */
static void
test_collision_loser_goes_first(void **state)
{
	struct pair *p = pair_new(NULL);
	const struct link *winner;

	(void)state;
	p->r.open.router_id = 0x0a0000ff;
	node_configure(&p->n, ACTIVE_YAML);
	winner = router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, 40 * DUR_MS);
	assert_int_equal(p->r.links, 2);
	assert_int_equal(p->r.link[1].notify.subcode, BGP_CEASE_COLLISION);
	assert_int_equal(winner->received[BGP_OPEN], 1);
	assert_int_equal(winner->received[BGP_KEEPALIVE], 0);
	world_run(&p->w, 20 * DUR_MS);
	assert_int_equal(winner->received[BGP_KEEPALIVE], 1);
	assert_true(winner->up);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Established");
	pair_free(p);
}

/* A second connection beside an Established session is closed, and the session stays. */
static void
test_second_connection(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *second = router_connect(&p->r, "10.0.0.2");

	(void)state;
	world_run(&p->w, DUR_S);
	assert_true(second->closed);
	assert_int_equal(second->notify.code, BGP_ERR_CEASE);
	assert_int_equal(second->notify.subcode, BGP_CEASE_COLLISION);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(router_open_links(&p->r), 1);
	pair_free(p);
}

/* Ours hangs in the network while the router's own comes up: it is given up. */
static void
test_attempt_overtaken(void **state)
{
	struct pair *p = pair_new(NULL);

	(void)state;
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 10 * DUR_MS);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Connect");
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, false);
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, 100 * DUR_MS);
	assert_true(node_up(&p->n, "10.0.0.1"));
	world_run(&p->w, DUR_MIN);
	assert_int_equal(p->r.links, 1);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* Two connections die before they said anything: one is tried again, not two. */
static void
test_both_die_young(void **state)
{
	struct pair *p = pair_new(NULL);
	size_t links = 0;

	(void)state;
	p->r.silent = true;
	node_configure(&p->n, ACTIVE_YAML);
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, 100 * DUR_MS);
	assert_int_equal(p->r.links, 2);
	for (int i = 0; i < 60 * 20; i++) {
		for (; links < p->r.links; links++)
			link_close(&p->r.link[links]);
		world_run(&p->w, 50 * DUR_MS);
	}
	assert_in_range(links, 10, 19);
	pair_free(p);
}

/* A router with another AS than configured: refused with 2/2, again and again, ever more slowly. */
static void
test_bad_as_and_back_off(void **state)
{
	struct pair *p = pair_new(NULL);
	size_t after_minute;

	(void)state;
	p->r.open.as = 64999;
	p->r.open.caps.as4_number = 64999;
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, DUR_MIN);
	assert_false(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.link[0].notify.code, BGP_ERR_OPEN);
	assert_int_equal(p->r.link[0].notify.subcode, 2);
	assert_text(node_detail(&p->n, "10.0.0.1"), "Bad Peer AS");
	/* After about 1, 3, 7, 15, 31, 63 s. */
	after_minute = p->r.links;
	assert_in_range(after_minute, 5, 8);
	world_run(&p->w, 10 * DUR_MIN);
	assert_in_range(p->r.links - after_minute, 9, 14);
	/* Mended there: back within a minute. */
	p->r.open.as = 64500;
	p->r.open.caps.as4_number = 64500;
	world_run(&p->w, DUR_MIN);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* Nobody listens: the attempts stay within connect-retry, and one reason is recorded once. */
static void
test_refused_connections(void **state)
{
	struct pair *p = pair_new(NULL);
	double attempts;

	(void)state;
	router_unlisten(&p->r);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 10 * DUR_MIN);
	assert_text(node_detail(&p->n, "10.0.0.1"), "cannot connect: Connection refused");
	attempts = node_metric(
	    &p->n, "nigh_bgp_connections_total{neighbor=\"10.0.0.1\",what=\"attempted\"} ");
	assert_in_range((int)attempts, 120, 165);
	assert_non_null(history_from(&p->n.history, 1));
	assert_null(history_from(&p->n.history, 2));
	router_listen(&p->r);
	world_run(&p->w, 5 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* A path that swallows the SYN: the attempt is given up after connect-retry and begun again. */
static void
test_connect_times_out(void **state)
{
	struct pair *p = pair_new(NULL);
	double attempts;

	(void)state;
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, DUR_MIN);
	assert_text(node_detail(&p->n, "10.0.0.1"), "timed out");
	attempts = node_metric(
	    &p->n, "nigh_bgp_connections_total{neighbor=\"10.0.0.1\",what=\"attempted\"} ");
	assert_in_range((int)attempts, 12, 17);
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, false);
	world_run(&p->w, 6 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* A router that accepts and closes at once must not be run down. */
static void
test_closed_at_once(void **state)
{
	struct pair *p = pair_new(NULL);
	unsigned links = 0;

	(void)state;
	p->r.silent = true;
	node_configure(&p->n, ACTIVE_YAML);
	for (int i = 0; i < 60 * 20; i++) {
		world_run(&p->w, 50 * DUR_MS);
		for (; links < p->r.links; links++)
			link_close(&p->r.link[links]);
	}
	assert_in_range(links, 8, 20);
	pair_free(p);
}

/* -- disorder -- */

/* Two speakers through cuts, deaths and collisions: whatever happens, once it is quiet both are up
 * over one connection, and each has what the other one wants. */
static void
disorder(uint64_t seed)
{
	struct world w;
	struct node n[2];
	static const char *const addr[] = {"10.0.0.1", "10.0.0.2"};
	static const char *const yaml[] = {
	    "{as: 64500, hold-time: 9s, neighbors: {10.0.0.2: {as: 64501}}}",
	    "{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500}}}"};

	world_init(&w, seed);
	for (int i = 0; i < 2; i++) {
		node_init(&n[i], &w, addr[i]);
		node_configure(&n[i], yaml[i]);
		node_announce(&n[i], i == 0 ? "192.0.2.1/32" : "192.0.2.2/32", NULL);
	}
	struct addr a = n[0].identity.router_id, b = n[1].identity.router_id;
	for (int step = 0; step < 60; step++) {
		int who = (int)rng_below(&w.rng, 2);
		switch (rng_below(&w.rng, 6)) {
		case 0: net_cloud_cut(w.cloud, &a, &b, true); break;
		case 1:
			node_kill(&n[who]);
			node_done(&n[who]);
			node_init(&n[who], &w, addr[who]);
			node_configure(&n[who], yaml[who]);
			node_announce(&n[who], who == 0 ? "192.0.2.1/32" : "192.0.2.2/32", NULL);
			break;
		case 2: net_cloud_set_latency(w.cloud, rng_between(&w.rng, 1, 200 * DUR_MS)); break;
		default: net_cloud_cut(w.cloud, &a, &b, false); break;
		}
		world_run(&w, rng_between(&w.rng, DUR_MS, 20 * DUR_S));
		assert_int_equal(strcmp(node_state(&n[0], addr[1]), "Established") == 0,
		    node_up(&n[0], addr[1]));
	}
	net_cloud_cut(w.cloud, &a, &b, false);
	net_cloud_set_latency(w.cloud, DUR_MS);
	world_run(&w, 80 * DUR_S);
	for (int i = 0; i < 2; i++) {
		if (!node_up(&n[i], addr[1 - i]))
			fail_msg("seed %d: %s is %s: %s", (int)seed, addr[i],
			    node_state(&n[i], addr[1 - i]), node_detail(&n[i], addr[1 - i]));
		assert_int_equal(node_announced(&n[i], addr[1 - i]), 1);
	}
	for (int i = 0; i < 2; i++)
		node_done(&n[i]);
	world_done(&w);
}

static void
test_disorder(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++)
		disorder(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_passive),
	    cmocka_unit_test(test_passive_no_more),
	    cmocka_unit_test(test_stranger),
	    cmocka_unit_test(test_collision_router_wins),
	    cmocka_unit_test(test_collision_speaker_wins),
	    cmocka_unit_test(test_collision_equal_ids),
	    cmocka_unit_test(test_collision_loser_goes_first),
	    cmocka_unit_test(test_second_connection),
	    cmocka_unit_test(test_attempt_overtaken),
	    cmocka_unit_test(test_both_die_young),
	    cmocka_unit_test(test_bad_as_and_back_off),
	    cmocka_unit_test(test_refused_connections),
	    cmocka_unit_test(test_connect_times_out),
	    cmocka_unit_test(test_closed_at_once),
	    cmocka_unit_test(test_disorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
