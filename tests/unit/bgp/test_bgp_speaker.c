/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speaker as a whole: what the configuration may say, that a new generation touches only what
 * it changes, what operators see, and two speakers that speak to each other.
 */
#include "bgp_world.h"

#include "base/mem.h"
#include "proto/bgp/bgp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* -- configuration -- */

static void
test_conf_errors(void **state)
{
	static const struct {
		const char *yaml;
		const char *error; /* "": accepted */
	} cases[] = {
	    {"{as: 64501}", ""},
	    {"{as: 64501, neighbors: {10.1.1.1: {as: 64500}}}", ""},
	    {"{as: 4200000000, neighbors: {\"fe80::1\": {as: 1, interface: eth0}}}", ""},
	    {"{as: 1, router-id: 10.1.1.2, hold-time: 9s, connect-retry: 1s, listen: false, "
	     "port: 1179, neighbors: {10.1.1.1: {as: 2, description: tor, port: 1179, passive: "
	     "true, source: 10.1.1.2, interface: eth0, ttl: 3, hold-time: 3s, families: [ipv4], "
	     "next-hop: 10.1.1.2, next-hop-ipv6: \"2001:db8::2\", attributes: {med: 5}, import: "
	     "none, shutdown: true}}}",
		""},
	    {"{}", "as"},
	    {"{as: 0}", "as"},
	    {"{as: 23456}", "reserved"},
	    {"{as: 1, neighbors: {10.1.1.1: {}}}", "as"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 23456}}}", "reserved"},
	    {"{as: 1, neighbors: {router: {as: 2}}}", "neighbor 'router': not an address"},
	    {"{as: 1, neighbors: {0.0.0.0: {as: 2}}}", "nobody can be there"},
	    {"{as: 1, neighbors: {\"fe80::1\": {as: 2}}}", "needs its interface"},
	    {"{as: 1, neighbors: {\"2001:db8::1\": {as: 2}, \"2001:DB8:0::1\": {as: 2}}}",
		"is there already as '2001:db8::1'"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, source: \"2001:db8::1\"}}}",
		"source is an IPv6 address"},
	    {"{as: 1, hold-time: 0}", "write 3s or more"},
	    {"{as: 1, hold-time: 2s}", "at least 3s"},
	    {"{as: 1, hold-time: 3500ms}", "whole seconds"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, hold-time: 0}}}", "write 3s or more"},
	    {"{as: 1, router-id: \"2001:db8::1\"}", "router-id: an IPv4 address"},
	    {"{as: 1, router-id: 0.0.0.0}", "router-id: an IPv4 address"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, next-hop: \"2001:db8::1\"}}}",
		"next-hop: an IPv4 address"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, next-hop-ipv6: 10.1.1.2}}}",
		"next-hop-ipv6: an IPv6 address"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, import: all}}}", "import"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, families: [ipv5]}}}", "ipv5"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, ttl: 256}}}", "ttl"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, bfd: true}}}", "bfd"},
	    {"{as: 1, neighbors: {10.1.1.1: {as: 2, password: x}}}", "password"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *errors = bgp_conf_errors(cases[i].yaml);
		if (cases[i].error[0] == '\0')
			assert_string_equal(errors, "");
		else if (strstr(errors, "t:1:") == NULL || strstr(errors, cases[i].error) == NULL)
			fail_msg(
			    "%s\ngives: %s\nand not: %s", cases[i].yaml, errors, cases[i].error);
		free(errors);
	}
}

static void
test_conf_rows(void **state)
{
	struct str out = {0};

	(void)state;
	conf_lint(&bgp_schema, &out);
	assert_string_equal(str_text(&out), "");
	str_done(&out);
}

/* -- several routers -- */

#define ROUTERS 3

struct site {
	struct world w;
	struct node n;
	struct router r[ROUTERS];
};

static struct site *
site_new(void)
{
	static const char *const addr[ROUTERS] = {"10.0.0.1", "10.0.0.3", "2001:db8::1"};
	struct site *s = mem_alloc(sizeof(*s));

	world_init(&s->w, 1);
	node_init(&s->n, &s->w, "10.0.0.2 2001:db8::2");
	for (size_t i = 0; i < ROUTERS; i++) {
		router_init(&s->r[i], &s->w, addr[i], 64500 + (uint32_t)i, 90);
		router_listen(&s->r[i]);
	}
	return s;
}

static void
site_free(struct site *s)
{
	for (size_t i = 0; i < ROUTERS; i++)
		router_done(&s->r[i]);
	node_done(&s->n);
	world_done(&s->w);
	free(s);
}

#define ALL                                                                                        \
	"10.0.0.1: {as: 64500}, 10.0.0.3: {as: 64501}, \"2001:db8::1\": {as: 64502, "              \
	"description: spine}"

static void
test_reconfigure_touches_what_changed(void **state)
{
	struct site *s = site_new();
	struct link *l;

	(void)state;
	node_configure(&s->n, "{as: 64999, neighbors: {" ALL "}}");
	node_announce(&s->n, "192.0.2.53/32", NULL);
	world_run(&s->w, DUR_S);
	for (size_t i = 0; i < ROUTERS; i++)
		assert_non_null(router_up(&s->r[i]));

	/* One option of one neighbor: it alone starts anew, and is told why. */
	l = router_up(&s->r[1]);
	node_configure(&s->n,
	    "{as: 64999, neighbors: {10.0.0.1: {as: 64500}, 10.0.0.3: {as: 64501, "
	    "hold-time: 30s}, \"2001:db8::1\": {as: 64502}}}");
	world_run(&s->w, 2 * DUR_S);
	assert_int_equal(l->notify.code, BGP_ERR_CEASE);
	assert_int_equal(l->notify.subcode, BGP_CEASE_CONFIG_CHANGE);
	assert_int_equal(router_up(&s->r[1])->peer.hold_s, 30);
	assert_int_equal(s->r[0].links, 1);
	assert_int_equal(s->r[1].links, 2);
	assert_int_equal(s->r[2].links, 1);
	assert_non_null(router_route(&s->r[1], "192.0.2.53/32"));

	/* Out of the file: 6/3, and no more connections. */
	l = router_up(&s->r[0]);
	node_configure(&s->n, "{as: 64999, neighbors: {10.0.0.3: {as: 64501, hold-time: 30s}, "
			      "\"2001:db8::1\": {as: 64502}}}");
	world_run(&s->w, DUR_MIN);
	assert_int_equal(l->notify.subcode, BGP_CEASE_DECONFIGURED);
	assert_true(l->closed);
	assert_int_equal(s->r[0].links, 1);
	assert_int_equal(s->r[2].links, 1);
	assert_non_null(router_up(&s->r[1]));
	router_connect(&s->r[0], "10.0.0.2");
	world_run(&s->w, DUR_S);
	assert_true(router_last(&s->r[0])->closed);

	/* And in again. */
	node_configure(&s->n,
	    "{as: 64999, neighbors: {10.0.0.1: {as: 64500}, 10.0.0.3: {as: 64501, "
	    "hold-time: 30s}, \"2001:db8::1\": {as: 64502}}}");
	world_run(&s->w, DUR_S);
	assert_non_null(router_up(&s->r[0]));
	assert_int_equal(s->r[1].links, 2);

	/* Our own AS changes: everybody. The section goes: everybody, for good. */
	node_configure(&s->n, "{as: 64998, neighbors: {" ALL "}}");
	world_run(&s->w, 3 * DUR_S);
	for (size_t i = 0; i < ROUTERS; i++)
		assert_int_equal(router_up(&s->r[i])->peer.as, 64998);
	bgp_speaker.configure(s->n.speaker, &s->n.identity, NULL);
	world_run(&s->w, DUR_MIN);
	for (size_t i = 0; i < ROUTERS; i++) {
		assert_int_equal(router_open_links(&s->r[i]), 0);
		assert_int_equal(router_last(&s->r[i])->notify.subcode, BGP_CEASE_DECONFIGURED);
	}
	assert_true(isnan(node_metric(&s->n, "nigh_bgp_strangers_total ")));
	site_free(s);
}

static void
test_shutdown_option(void **state)
{
	struct site *s = site_new();
	struct link *l;

	(void)state;
	node_configure(&s->n, "{as: 64999, neighbors: {" ALL "}}");
	world_run(&s->w, DUR_S);
	l = router_up(&s->r[0]);
	node_configure(&s->n, "{as: 64999, neighbors: {10.0.0.1: {as: 64500, shutdown: true}}}");
	world_run(&s->w, DUR_MIN);
	assert_int_equal(l->notify.subcode, BGP_CEASE_SHUTDOWN);
	assert_int_equal(s->r[0].links, 1);
	assert_string_equal(node_state(&s->n, "10.0.0.1"), "Idle");
	assert_text(node_detail(&s->n, "10.0.0.1"), "shut down by the configuration");
	/* Whoever knocks is told. */
	l = router_connect(&s->r[0], "10.0.0.2");
	world_run(&s->w, DUR_S);
	assert_true(l->closed);
	assert_int_equal(l->notify.subcode, BGP_CEASE_SHUTDOWN);
	/* Another option does not wake it up. */
	node_configure(
	    &s->n, "{as: 64999, neighbors: {10.0.0.1: {as: 64500, shutdown: true, ttl: 5}}}");
	world_run(&s->w, DUR_MIN);
	assert_string_equal(node_state(&s->n, "10.0.0.1"), "Idle");
	assert_int_equal(s->r[0].links, 2);
	node_configure(&s->n, "{as: 64999, neighbors: {10.0.0.1: {as: 64500}}}");
	world_run(&s->w, DUR_S);
	assert_non_null(router_up(&s->r[0]));
	site_free(s);
}

/* Without a router-id nothing is started, and it says what to do. */
static void
test_no_router_id(void **state)
{
	struct site *s = site_new();

	(void)state;
	s->n.identity.router_id = (struct addr){0};
	node_configure(&s->n, "{as: 64999, neighbors: {10.0.0.1: {as: 64500}}}");
	world_run(&s->w, DUR_MIN);
	assert_int_equal(s->r[0].links, 0);
	assert_text(node_detail(&s->n, "10.0.0.1"), "router-id");
	node_configure(
	    &s->n, "{as: 64999, router-id: 10.9.9.9, neighbors: {10.0.0.1: {as: 64500}}}");
	world_run(&s->w, DUR_S);
	assert_int_equal(router_up(&s->r[0])->peer.router_id, 0x0a090909);
	site_free(s);
}

static void
test_no_listen(void **state)
{
	struct site *s = site_new();

	(void)state;
	router_unlisten(&s->r[0]);
	node_configure(&s->n, "{as: 64999, listen: false, neighbors: {10.0.0.1: {as: 64500}}}");
	router_connect(&s->r[0], "10.0.0.2");
	world_run(&s->w, DUR_S);
	assert_true(router_last(&s->r[0])->closed);
	assert_false(node_up(&s->n, "10.0.0.1"));
	/* Switched on: at once. */
	node_configure(&s->n, "{as: 64999, neighbors: {10.0.0.1: {as: 64500}}}");
	router_connect(&s->r[0], "10.0.0.2");
	world_run(&s->w, DUR_S);
	assert_true(node_up(&s->n, "10.0.0.1"));
	site_free(s);
}

/* -- what people see -- */

static void
test_shown(void **state)
{
	struct site *s = site_new();
	struct attrs a = {.has_med = true, .med = 100};
	char *text;

	(void)state;
	router_unlisten(&s->r[1]);
	node_configure(&s->n, "{as: 64999, neighbors: {" ALL "}}");
	node_announce(&s->n, "192.0.2.53/32", &a);
	world_run(&s->w, 125 * DUR_S);

	text = node_explain(&s->n, "192.0.2.53/32");
	assert_text(text, "10.0.0.1 (AS 64500): announced 2m4s ago, med 100, next hop 10.0.0.2");
	assert_text(text, "10.0.0.3 (AS 64501): not announced: the session is ");
	assert_text(text, "cannot connect: Connection refused");
	assert_text(text, "2001:db8::1 (AS 64502): not announced: no next hop of this family");
	free(text);
	text = node_explain(&s->n, "192.0.2.99/32");
	assert_text(text, "10.0.0.1 (AS 64500): not announced: no service wants it");
	free(text);

	text = node_command(&s->n, "show neighbors", NULL);
	assert_text(text, "\"neighbor\":\"10.0.0.1\"");
	assert_text(text, "\"state\":\"Established\"");
	assert_text(text, "\"families\":\"ipv4-unicast ipv6-unicast\"");
	assert_text(text, "\"announced\":1");
	free(text);

	text = node_command(&s->n, "show bgp", NULL);
	assert_text(text, "AS 64999, router-id 10.0.0.2");
	assert_text(text, "listening on IPv6 port 179");
	assert_text(text, "2001:db8::1 (AS 64502, eBGP): spine");
	assert_text(text, "negotiated: hold time 1m30s");
	assert_text(text, "enhanced-route-refresh");
	assert_text(text, "ipv4-unicast: 1 routes announced, next hop 10.0.0.2");
	assert_text(text, "next attempt in ");
	free(text);
	text = node_command(&s->n, "show bgp", "10.0.0.3");
	assert_text(text, "10.0.0.3 (AS 64501");
	assert_null(strstr(text, "10.0.0.1 "));
	free(text);
	text = node_command(&s->n, "show bgp", "10.0.0.4");
	assert_text(text, "there is no neighbor 10.0.0.4");
	free(text);

	assert_int_equal((int)node_metric(&s->n, "nigh_bgp_session_up{neighbor=\"10.0.0.1\"} "), 1);
	assert_int_equal((int)node_metric(&s->n, "nigh_bgp_session_up{neighbor=\"10.0.0.3\"} "), 0);
	assert_int_equal((int)node_metric(&s->n, "nigh_bgp_routes_announced{neighbor=\"10.0.0.1\","
						 "family=\"ipv4-unicast\"} "),
	    1);
	assert_int_equal((int)node_metric(&s->n, "nigh_bgp_neighbor_info{neighbor=\"2001:db8::1\","
						 "as=\"64502\",description=\"spine\"} "),
	    1);
	site_free(s);
}

/* -- two speakers -- */

static void
test_two_speakers(void **state)
{
	struct world w;
	struct node a, b;

	(void)state;
	world_init(&w, 5);
	node_init(&a, &w, "10.0.0.1");
	node_init(&b, &w, "10.0.0.2");
	node_configure(&a, "{as: 64500, neighbors: {10.0.0.2: {as: 4200000001}}}");
	node_configure(&b, "{as: 4200000001, neighbors: {10.0.0.1: {as: 64500}}}");
	node_announce(&a, "192.0.2.1/32", NULL);
	node_announce(&b, "192.0.2.2/32", NULL);
	world_run(&w, 5 * DUR_S);
	assert_true(node_up(&a, "10.0.0.2"));
	assert_true(node_up(&b, "10.0.0.1"));
	world_run(&w, DUR_HOUR);
	/* No transit: each has told its own route and nothing else. */
	assert_int_equal(node_announced(&a, "10.0.0.2"), 1);
	assert_int_equal(node_announced(&b, "10.0.0.1"), 1);
	assert_int_equal(
	    (int)node_metric(
		&a, "nigh_bgp_prefixes_received_total{neighbor=\"10.0.0.2\",what=\"announced\"} "),
	    1);
	assert_int_equal(
	    (int)node_metric(&a, "nigh_bgp_session_established_total{neighbor=\"10.0.0.2\"} "), 1);
	bgp_speaker.stop(a.speaker, "bye");
	world_run(&w, 100 * DUR_MS);
	assert_true(bgp_speaker.idle(a.speaker));
	assert_text(node_detail(&b, "10.0.0.1"), "received Cease/Administrative Shutdown: bye");
	node_done(&a);
	node_done(&b);
	world_done(&w);
}

/* iBGP between two of the same AS, over IPv6. */
static void
test_two_speakers_ibgp(void **state)
{
	struct world w;
	struct node a, b;

	(void)state;
	world_init(&w, 5);
	node_init(&a, &w, "2001:db8::1");
	node_init(&b, &w, "2001:db8::2");
	node_configure(
	    &a, "{as: 64500, router-id: 10.0.0.1, neighbors: {\"2001:db8::2\": {as: 64500}}}");
	node_configure(&b, "{as: 64500, router-id: 10.0.0.2, neighbors: {\"2001:db8::1\": {as: "
			   "64500, passive: true}}}");
	node_announce(&a, "2001:db8:53::1/128", NULL);
	world_run(&w, 5 * DUR_S);
	assert_true(node_up(&a, "2001:db8::2"));
	assert_int_equal((int)node_metric(&b, "nigh_bgp_prefixes_received_total{neighbor=\"2001:"
					      "db8::1\",what=\"announced\"} "),
	    1);
	node_done(&a);
	node_done(&b);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_conf_errors),
	    cmocka_unit_test(test_conf_rows),
	    cmocka_unit_test(test_reconfigure_touches_what_changed),
	    cmocka_unit_test(test_shutdown_option),
	    cmocka_unit_test(test_no_router_id),
	    cmocka_unit_test(test_no_listen),
	    cmocka_unit_test(test_shown),
	    cmocka_unit_test(test_two_speakers),
	    cmocka_unit_test(test_two_speakers_ibgp),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
