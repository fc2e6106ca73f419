/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema rows of probes, tracks and services: what they read, what they refuse, how they print,
 * and the checks of names across the configuration.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/core.h"

struct bed_conf {
	struct conf_map probes;
	struct conf_map tracks;
	struct conf_map services;
};

static const struct conf_row kind_rows[] = {{.type = CONF_END}};
static const struct conf_schema kind_schema = {
    .name = "fake", .size = sizeof(int), .rows = kind_rows, .doc = "Nothing."};
static const struct conf_variant kind = {.type = "fake", .schema = &kind_schema};
static const struct conf_variant *const kinds[] = {&kind, NULL};

static const struct conf_schema bed_probe_schema = {
    .name = "probe",
    .size = sizeof(struct probe_conf),
    .rows = probe_rows,
    .check = probe_conf_check,
    .variants = kinds,
    .variant_offset = offsetof(struct probe_conf, variant),
    .variant_conf_offset = offsetof(struct probe_conf, kind_conf),
    .doc = "A probe.",
};

static const struct conf_row bed_rows[] = {
    {.key = "probes",
	.type = CONF_VARIANT,
	.sub = &bed_probe_schema,
	.offset = offsetof(struct bed_conf, probes),
	.doc = "Probes."},
    {.key = "tracks",
	.type = CONF_MAP,
	.sub = &track_schema,
	.offset = offsetof(struct bed_conf, tracks),
	.doc = "Tracks."},
    {.key = "services",
	.type = CONF_MAP,
	.sub = &service_schema,
	.offset = offsetof(struct bed_conf, services),
	.doc = "Services."},
    {.type = CONF_END},
};

static void
bed_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct bed_conf *c = obj;
	struct core_conf conf = {
	    .probes = &c->probes, .tracks = &c->tracks, .services = &c->services};

	core_check_names(ctx, &conf);
}

static const struct conf_schema bed_schema = {
    .name = "bed",
    .size = sizeof(struct bed_conf),
    .rows = bed_rows,
    .check = bed_check,
    .doc = "All.",
};

#define PROBES "probes: {p: {type: fake}, q: {type: fake}}\n"

static void
expect_refused(const char *text, const char *message)
{
	struct diag diag;
	struct str out = {0};

	diag_init(&diag);
	assert_null(conf_load(&bed_schema, "t", text, strlen(text), &diag));
	diag_print(&diag, &out);
	if (strstr(str_text(&out), message) == NULL)
		fail_msg("expected \"%s\" in:\n%s", message, str_text(&out));
	str_done(&out);
	diag_done(&diag);
}

static struct conf_generation *
load(const char *text)
{
	struct conf_generation *g;
	struct diag diag;
	struct str out = {0};

	diag_init(&diag);
	g = conf_load(&bed_schema, "t", text, strlen(text), &diag);
	diag_print(&diag, &out);
	if (g == NULL)
		fail_msg("refused:\n%s", str_text(&out));
	str_done(&out);
	diag_done(&diag);
	return g;
}

static void
test_rows_are_well_formed(void **state)
{
	struct str out = {0};

	conf_lint(&bed_schema, &out);
	assert_string_equal(str_text(&out), "");
	str_done(&out);
}

static void
test_defaults(void **state)
{
	struct conf_generation *g = load(PROBES "services: {dns: {addresses: 192.0.2.53}}\n");
	const struct bed_conf *c = g->root;
	const struct probe_conf *p = c->probes.entries[0].value;
	const struct service_conf *s = c->services.entries[0].value;

	assert_int_equal(p->frequency, DUR_S);
	assert_int_equal(p->timeout, 300 * DUR_MS);
	assert_int_equal(p->rise, 3);
	assert_int_equal(p->fall, 2);
	assert_string_equal(s->interface, "lo");
	assert_int_equal(s->if_missing, ADDRESS_REPAIR);
	assert_int_equal(s->hold_up, 0);
	assert_int_equal(s->addresses.count, 1);
	conf_free(g);
}

static void
test_levels_read_and_print(void **state)
{
	static const char *const text = "services:\n"
					"  dns:\n"
					"    addresses: [192.0.2.53/32, \"2001:db8::53/128\"]\n"
					"    levels:\n"
					"      degraded: {med: +100, prepend: 2}\n"
					"      drained: {communities: [graceful-shutdown]}\n"
					"      down: withdraw\n";
	struct conf_generation *g = load(text), *again;
	const struct bed_conf *c = g->root;
	const struct service_conf *s = c->services.entries[0].value;
	struct str out = {0};

	assert_true(s->levels->level[LEVEL_DOWN].withdraw);
	assert_int_equal(s->levels->level[LEVEL_DEGRADED].attrs->prepend, 2);
	assert_int_equal(s->levels->level[LEVEL_DRAINED].attrs->communities.count, 1);
	assert_null(s->levels->level[LEVEL_UP].attrs);
	conf_print(&bed_schema, c, CONF_SHOW_SET, &out);
	again = load(str_text(&out));
	assert_true(conf_equal(&bed_schema, g->root, again->root));
	conf_free(again);
	conf_print(&bed_schema, c, CONF_SHOW_ALL, &out);
	conf_free(g);
	g = load("services: {dns: {addresses: 192.0.2.53, levels: {down: {prepend: 3}}}}\n");
	again = load("services: {dns: {addresses: 192.0.2.53, levels: {down: withdraw}}}\n");
	assert_false(conf_equal(&bed_schema, g->root, again->root));
	conf_free(g);
	conf_free(again);
	str_done(&out);
}

static void
test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
	    {"probes: {p: {type: fake, timeout: 2s}}\n", "t:1:35: the timeout (2s) is longer"},
	    {"probes: {p: {type: fake, frequency: 200ms}}\n", "the timeout (300ms) is longer"},
	    {"tracks: {t: {interface: eth0, all: [t]}}\n", "this one has several"},
	    {"tracks: {t: {}}\n", "this one has none of them"},
	    {"tracks: {u: {interface: eth0}, a: {all: [u, b]}, b: {any: [u, a]}}\n",
		"it depends on itself: a, b, a"},
	    {"services:\n  s: {addresses: [192.0.2.3, 192.0.2.1]}\n  t: {addresses: 192.0.2.2}\n"
	     "  u: {addresses: [192.0.2.4, 192.0.2.3]}\n",
		"t:4:3: service \"u\": addresses: 192.0.2.3/32 belongs to service \"s\""},
	    {PROBES "tracks: {p: {interface: eth0}}\n", "t:2:10: track \"p\": a probe has this"},
	    {PROBES "tracks: {t: {all: [p, x]}}\n", "there is no probe or track \"x\""},
	    {"probes: {resolver: {type: fake}}\nservices: {s: {addresses: 192.0.2.1, require: "
	     "resolvr}}\n",
		"t:2:12: service \"s\": require: there is no probe or track \"resolvr\" (did you "
		"mean \"resolver\"?)"},
	    {"services: {s: {addresses: 192.0.2.1, prefer: [x]}}\n", "prefer: there is no probe"},
	    {"tracks: {a: {all: [b]}, b: {any: [c]}, c: {all: [a]}}\n",
		"it depends on itself: a, b, c, a"},
	    {"tracks: {a: {all: [a]}}\n", "it depends on itself: a, a"},
	    {"services: {s: {addresses: [192.0.2.1, 192.0.2.1/32]}}\n",
		"192.0.2.1/32 is listed twice"},
	    {"services:\n  s: {addresses: 192.0.2.1}\n  t: {addresses: 192.0.2.1}\n",
		"t:3:3: service \"t\": addresses: 192.0.2.1/32 belongs to service \"s\" already"},
	    {"services: {s: {addresses: 192.0.2.1, levels: {down: gone}}}\n",
		"a level is the word \"withdraw\" or attributes"},
	    {"services: {s: {addresses: 192.0.2.1, levels: {down: {mde: 3}}}}\n", "mde"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		expect_refused(cases[i].text, cases[i].message);
}

/* One reading finds them all. */
static void
test_all_at_once(void **state)
{
	static const char *const text = "tracks: {a: {all: [b]}, b: {all: [a, x]}}\n"
					"services:\n"
					"  s: {addresses: 192.0.2.1, require: y}\n"
					"  t: {addresses: 192.0.2.1, prefer: z}\n";
	static const char *const messages[] = {"\"x\"", "\"y\"", "\"z\"", "itself", "belongs"};

	for (size_t i = 0; i < ARRAY_LEN(messages); i++)
		expect_refused(text, messages[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows_are_well_formed),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_levels_read_and_print),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
