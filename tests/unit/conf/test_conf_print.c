/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Equality and the normal form: each option alone must count, and each option alone must survive
 * being printed. (The golden files do the same for whole texts.)
 */
#include "conf_test_schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above, which it needs */
#include <cmocka.h>

static struct conf_generation *
load(const char *text)
{
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&test_schema, "t", text, strlen(text), &diag);
	if (g == NULL)
		print_error("%s\n%s\n", text, diag.entries[0].message);
	assert_non_null(g);
	diag_done(&diag);
	return g;
}

static char *
print(const struct conf_generation *g, enum conf_show what)
{
	struct str out = {0};

	conf_print(&test_schema, g->root, what, &out);
	return str_take(&out);
}

/* Every row of every schema is touched by one of these; all differ from "name: x" and from each
 * other. */
static const char *const differing[] = {
    "name: y",
    "motto: x",
    "empty: x",
    "enabled: false",
    "rise: 4",
    "count: 1",
    "offset: 1",
    "big: 1",
    "ratio: 1",
    "factor: 1",
    "timeout: 1s",
    "wait: 1s",
    "mode: odd",
    "level: low",
    "families: ipv4",
    "families: []",
    "router-id: 0.0.0.0",
    "net: 0.0.0.0/0",
    "server: ::1",
    "target: '[::1]:1'",
    "query: a A",
    "delay: {}",
    "delay: {up: 11s}",
    "delay: {down: 1s}",
    "pause: {}",
    "addresses: [192.0.2.0/24]",
    "addresses: [192.0.2.0/24, 192.0.2.0/25]",
    "addresses: [192.0.2.0/25, 192.0.2.0/24]",
    "ports: []",
    "ports: [53]",
    "names: ['']",
    "modes: fast",
    "queries: [a A]",
    "queries: [a A, a A]",
    "routes: [{prefix: 192.0.2.0/24}]",
    "routes: [{prefix: 192.0.2.0/24, distance: 2}]",
    "routes: [{prefix: 192.0.2.0/24, via: 192.0.2.1}]",
    "routes: [{prefix: 192.0.2.0/24}, {prefix: 192.0.2.0/24}]",
    "neighbors: {a: {}}",
    "neighbors: {b: {}}",
    "neighbors: {a: {as: 1}}",
    "neighbors: {a: {bfd: true}}",
    "neighbors: {a: {}, b: {}}",
    "probes: {a: {type: tcp, target: '192.0.2.1:1'}}",
    "probes: {a: {type: tcp, target: '192.0.2.1:2'}}",
    "probes: {a: {type: tcp, target: '192.0.2.1:1', send: ''}}",
    "probes: {a: {type: tcp, target: '192.0.2.1:1', rise: 1}}",
    "probes: {a: {type: dns, server: 192.0.2.1, query: a A}}",
    "probes: {a: {type: dns, server: 192.0.2.1, query: b A}}",
    "probes: {a: {type: dns, server: 192.0.2.1, query: a A, expect: '::1'}}",
};

static struct conf_generation *
load_differing(size_t i)
{
	struct str text = {0};
	struct conf_generation *g;

	str_add(&text, i == 0 ? "" : "name: x\n"); /* the first brings its own */
	str_add(&text, differing[i]);
	g = load(str_text(&text));
	str_done(&text);
	return g;
}

static void
each_option_counts(void **state)
{
	struct conf_generation *all[ARRAY_LEN(differing)];
	struct conf_generation *base = load("name: x");

	for (size_t i = 0; i < ARRAY_LEN(differing); i++) {
		all[i] = load_differing(i);
		assert_true(conf_equal(&test_schema, all[i]->root, all[i]->root));
		assert_false(conf_equal(&test_schema, base->root, all[i]->root));
		for (size_t j = 0; j < i; j++) {
			assert_false(conf_equal(&test_schema, all[i]->root, all[j]->root));
			assert_false(conf_equal(&test_schema, all[j]->root, all[i]->root));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(differing); i++)
		conf_free(all[i]);
	conf_free(base);
}

static void
each_option_survives(void **state)
{
	static const enum conf_show forms[] = {CONF_SHOW_SET, CONF_SHOW_ALL};

	for (size_t i = 0; i < ARRAY_LEN(differing) * ARRAY_LEN(forms); i++) {
		struct conf_generation *g = load_differing(i / ARRAY_LEN(forms));
		char *text = print(g, forms[i % ARRAY_LEN(forms)]);
		struct conf_generation *again = load(text);

		assert_true(conf_equal(&test_schema, g->root, again->root));
		free(text);
		conf_free(g);
		conf_free(again);
	}
}

/* The same in other words, on other lines, in another order. */
static void
places_do_not_count(void **state)
{
	struct conf_generation *a = load("name: x\n"
					 "rise: 4\n"
					 "neighbors: {a: {as: 1}, b: {}}\n"
					 "timeout: 1500ms\n"
					 "addresses: [192.0.2.1/32]\n");
	struct conf_generation *b = load("timeout: 1.5s\n"
					 "addresses: 192.0.2.1\n"
					 "neighbors:\n"
					 "  b:\n"
					 "  a: {as: '1', bfd: false}\n"
					 "rise: '4'\n"
					 "name: 'x'\n"
					 "enabled: true\n");
	char *text = print(a, CONF_SHOW_SET);

	assert_true(conf_equal(&test_schema, a->root, b->root));
	assert_string_equal(text, "name: x\n"
				  "rise: 4\n"
				  "timeout: 1.5s\n"
				  "addresses: [192.0.2.1/32]\n"
				  "neighbors:\n"
				  "  a:\n"
				  "    as: 1\n"
				  "  b: {}\n");
	free(text);
	conf_free(a);
	conf_free(b);
}

static void
secrets_count_and_are_hidden(void **state)
{
	struct conf_generation *a = load("name: x\npassword: sesame\n");
	struct conf_generation *b = load("name: x\npassword: other\n");
	struct conf_generation *c = load("name: x\n");
	char *text = print(a, CONF_SHOW_ALL);
	char *none = print(c, CONF_SHOW_ALL);

	assert_false(conf_equal(&test_schema, a->root, b->root));
	assert_false(conf_equal(&test_schema, a->root, c->root));
	assert_null(strstr(text, "sesame"));
	assert_non_null(strstr(text, "\n# password: \"(hidden)\"\n"));
	assert_null(strstr(none, "password"));
	free(text);
	free(none);
	conf_free(a);
	conf_free(b);
	conf_free(c);
}

static void
secrets_do_not_break_their_surroundings(void **state)
{
	struct conf_generation *a = load("name: x\n"
					 "neighbors: {a: {password: p}, b: {as: 1, password: p}}\n"
					 "routes: [{prefix: '::/0', key: k}]\n");
	char *text = print(a, CONF_SHOW_SET);
	struct conf_generation *again = load(text);
	const struct test_conf *c = again->root;

	assert_int_equal(c->neighbors.count, 2);
	assert_int_equal(c->routes.count, 1);
	free(text);
	conf_free(a);
	conf_free(again);
}

static void
all_shows_the_defaults(void **state)
{
	struct conf_generation *g = load("name: x\n"
					 "delay: {}\n"
					 "probes: {p: {type: tcp, target: '192.0.2.1:1'}}\n");
	char *text = print(g, CONF_SHOW_ALL);

	assert_string_equal(text, "name: x\n"
				  "motto: \"near: & \\\"far\\\"\"\n"
				  "empty: \"\"\n"
				  "enabled: true\n"
				  "rise: 3\n"
				  "ratio: 0.5\n"
				  "timeout: 300ms\n"
				  "mode: slow\n"
				  "families: [ipv4, ipv6]\n"
				  "server: \"[::1]:5353\"\n"
				  "delay:\n"
				  "  up: 10s\n"
				  "pause:\n"
				  "  up: 2s\n"
				  "  down: 1s\n"
				  "ports: [53, 853]\n"
				  "probes:\n"
				  "  p:\n"
				  "    type: tcp\n"
				  "    target: \"192.0.2.1:1\"\n"
				  "    frequency: 1s\n"
				  "    timeout: 300ms\n"
				  "    rise: 3\n");
	free(text);
	conf_free(g);
}

static void
flow_is_the_same_in_one_line(void **state)
{
	struct conf_generation *g =
	    load("{name: x, password: p, delay: {up: 1s}, neighbors: {a: {as: 1}, b: {}},\n"
		 "probes: {p: {type: tcp, target: '192.0.2.1:1', rise: 1}},\n"
		 "routes: [{prefix: '::/0'}]}");
	struct conf_generation *bare = load("name: x");
	struct str out = {0};

	conf_print_flow(&test_schema, g->root, &out);
	assert_string_equal(str_text(&out),
	    "{name: x, delay: {up: 1s}, routes: [{prefix: \"::/0\"}], neighbors: {a: {as: 1}, b: "
	    "{}}, "
	    "probes: {p: {type: tcp, target: \"192.0.2.1:1\", rise: 1}}}");
	str_clear(&out);
	conf_print_flow(&test_schema, bare->root, &out);
	assert_string_equal(str_text(&out), "{name: x}");
	str_done(&out);
	conf_free(g);
	conf_free(bare);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_option_counts),
	    cmocka_unit_test(each_option_survives),
	    cmocka_unit_test(places_do_not_count),
	    cmocka_unit_test(secrets_count_and_are_hidden),
	    cmocka_unit_test(secrets_do_not_break_their_surroundings),
	    cmocka_unit_test(all_shows_the_defaults),
	    cmocka_unit_test(flow_is_the_same_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
