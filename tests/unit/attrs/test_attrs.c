/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route attributes: reading and writing their options, adding up layers, formats.
 */
#include "core/attrs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four that it needs */
#include <cmocka.h>

/* A layer from YAML; NULL and the mistakes in `*errors` when it is refused. */
static struct conf_generation *
load(const char *text, char **errors)
{
	struct conf_generation *g;
	struct diag diag;
	struct str s = {0};

	diag_init(&diag);
	g = conf_load(&attrs_schema, "t", text, strlen(text), &diag);
	diag_print(&diag, &s);
	diag_done(&diag);
	if (errors != NULL)
		*errors = str_take(&s);
	str_done(&s);
	return g;
}

static void
assert_refused(const char *text, const char *message)
{
	char *errors;

	assert_null(load(text, &errors));
	assert_string_equal(errors, message);
	free(errors);
}

/* `base` with the layers on top, as text. */
static void
assert_sum(const char *const *layers, const char *expected)
{
	struct attrs a = {0};
	struct str text = {0};

	for (; *layers != NULL; layers++) {
		struct conf_generation *g = load(*layers, NULL);

		assert_non_null(g);
		a = attrs_apply(&a, g->root);
		conf_free(g);
	}
	attrs_format(&a, &text);
	assert_string_equal(str_text(&text), expected);
	str_done(&text);
}

static void
nothing_is_nothing(void **state)
{
	struct attrs none = {0};
	struct attrs same = attrs_apply(&none, NULL);

	assert_true(attrs_equal(&none, &same));
	assert_sum((const char *[]){"{}", NULL}, "");
}

static void
numbers_replace_or_add(void **state)
{
	assert_sum((const char *[]){"med: 100", NULL}, "med 100");
	assert_sum((const char *[]){"med: 0", NULL}, "med 0");
	assert_sum((const char *[]){"med: +100", NULL}, "med 100");
	assert_sum((const char *[]){"med: 50", "med: +100", NULL}, "med 150");
	assert_sum((const char *[]){"med: 50", "med: 100", NULL}, "med 100");
	assert_sum((const char *[]){"med: 50", "med: -20", NULL}, "med 30");
	assert_sum((const char *[]){"med: 50", "prepend: 1", NULL}, "med 50, prepend 1");
	assert_sum((const char *[]){"local-pref: +20", NULL}, "local-pref 120");
	assert_sum((const char *[]){"local-pref: 50", "local-pref: -20", NULL}, "local-pref 30");
}

static void
numbers_stay_in_their_range(void **state)
{
	assert_sum((const char *[]){"med: -1", NULL}, "med 0");
	assert_sum((const char *[]){"local-pref: -101", NULL}, "local-pref 0");
	assert_sum((const char *[]){"med: 4294967295", "med: +1", NULL}, "med 4294967295");
	assert_sum((const char *[]){"med: 4294967295", "med: +4294967295", NULL}, "med 4294967295");
	assert_sum((const char *[]){"med: 1", "med: -4294967295", NULL}, "med 0");
}

static void
prepends_add_up(void **state)
{
	assert_sum((const char *[]){"prepend: 1", "prepend: 2", NULL}, "prepend 3");
	assert_sum((const char *[]){"prepend: 16", "prepend: 16", NULL}, "prepend 16");
	assert_sum((const char *[]){"prepend: 15", "prepend: 1", NULL}, "prepend 16");
}

static void
communities_are_joined_in_order(void **state)
{
	assert_sum((const char *[]){"communities: ['64500:2', '64500:1', no-export]", NULL},
	    "communities 64500:1 64500:2 65535:65281");
	assert_sum((const char *[]){"communities: ['64500:2', '64500:2']",
		       "communities: ['64500:1', '64500:2']", NULL},
	    "communities 64500:1 64500:2");
	assert_sum((const char *[]){"communities: graceful-shutdown", "med: 5", NULL},
	    "med 5, communities 65535:0");
}

/* All layers, each as full as it may be, fit. */
static void
full_layers_fit(void **state)
{
	struct str layers[ATTRS_LAYERS] = {{0}};
	struct attrs a = {0};

	for (size_t l = 0; l < ATTRS_LAYERS; l++) {
		struct conf_generation *g;

		str_add(&layers[l], "communities: [");
		for (unsigned i = 0; i < ATTRS_LAYER_COMMUNITIES; i++)
			str_printf(&layers[l], "%s'%u:1'", i > 0 ? ", " : "",
			    100 - (unsigned)l - ATTRS_LAYERS * i);
		str_add(&layers[l], "]");
		g = load(str_text(&layers[l]), NULL);
		assert_non_null(g);
		a = attrs_apply(&a, g->root);
		conf_free(g);
		str_done(&layers[l]);
	}
	assert_int_equal(a.community_count, ATTRS_COMMUNITIES);
	for (size_t i = 1; i < ATTRS_COMMUNITIES; i++)
		assert_true(a.communities[i - 1] < a.communities[i]);
	assert_refused(
	    "communities: ['1:1', '1:2', '1:3', '1:4', '1:5', '1:6', '1:7', '1:8', '1:9']",
	    "t:1:14: communities: 9 are too many: 8 are allowed\n");
}

static void
words_stand_for_communities(void **state)
{
	static const struct {
		const char *text;
		uint32_t value;
	} examples[] = {
	    {"graceful-shutdown", 0xffff0000},
	    {"accept-own", 0xffff0001},
	    {"llgr-stale", 0xffff0006},
	    {"no-llgr", 0xffff0007},
	    {"blackhole", 65535U << 16 | 666},
	    {"no-export", 0xffffff01},
	    {"no-advertise", 0xffffff02},
	    {"no-export-subconfed", 0xffffff03},
	    {"no-peer", 0xffffff04},
	    {"100:200", 100U << 16 | 200},
	    {"0:0", 0},
	    {"65535:65535", 0xffffffff},
	};

	for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
		uint32_t value = 1;
		uint32_t again = 2;
		struct str text = {0};

		assert_int_equal(community_parse(examples[i].text, &value), 0);
		assert_int_equal(value, examples[i].value);
		community_format(value, &text);
		assert_int_equal(community_parse(str_text(&text), &again), 0);
		assert_int_equal(again, value);
		str_done(&text);
	}
}

static void
other_texts_are_no_communities(void **state)
{
	static const char *const texts[] = {"", ":", "1", "1:", ":1", "65536:1", "1:65536", "1:1:1",
	    "01:1", "1:01", "-1:1", "+1:1", "1 :1", " 1:1", "1:1 ", "0x1:1", "No-Export",
	    "100000:1", "1:4294967296"};
	uint32_t value;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(community_parse(texts[i], &value), -1);
}

static void
mistakes_say_what_to_write(void **state)
{
	assert_refused("med: ten",
	    "t:1:6: 'ten' is not a number from 0 to 4294967295: write 100, or +100 or -50 to add "
	    "to what is there before\n");
	assert_refused("med: 010\nlocal-pref: +4294967296\n",
	    "t:1:6: '010' is not a number from 0 to 4294967295: write 100, or +100 or -50 to add "
	    "to what is there before\n"
	    "t:2:13: '+4294967296' is not a number from 0 to 4294967295: write 100, or +100 or "
	    "-50 to add to what is there before\n");
	assert_refused("med: [1]",
	    "t:1:6: '[...]' is not a number from 0 to 4294967295: write 100, or +100 or -50 to add "
	    "to what is there before\n");
	assert_refused(
	    "prepend: 17", "t:1:10: prepend: '17' is out of range: write a number from 0 to 16\n");
	assert_refused("communities: [no-exprt]",
	    "t:1:15: communities: 'no-exprt' is not a community: write two numbers from 0 to 65535 "
	    "like 64500:100, or one of graceful-shutdown, accept-own, llgr-stale, no-llgr, "
	    "blackhole, no-export, no-advertise, no-export-subconfed, no-peer (did you mean "
	    "'no-export'?)\n");
}

static void
the_normal_form_loads_again(void **state)
{
	struct conf_generation *g = load("{med: +100, local-pref: -5, prepend: 2, communities: "
					 "['100:200', '65535:666', '65535:65535']}",
	    NULL);
	struct conf_generation *again;
	struct str text = {0};

	assert_non_null(g);
	conf_print(&attrs_schema, g->root, CONF_SHOW_SET, &text);
	assert_string_equal(str_text(&text),
	    "med: +100\n"
	    "local-pref: -5\n"
	    "prepend: 2\n"
	    "communities: [\"100:200\", blackhole, \"65535:65535\"]\n");
	again = load(str_text(&text), NULL);
	assert_true(conf_equal(&attrs_schema, g->root, again->root));
	conf_free(again);
	str_clear(&text);
	conf_print_flow(&attrs_schema, g->root, &text);
	again = load(str_text(&text), NULL);
	assert_true(conf_equal(&attrs_schema, g->root, again->root));
	conf_free(again);
	conf_free(g);
	str_done(&text);
}

static void
equality_sees_every_member(void **state)
{
	const struct attrs base = {
	    .has_med = true, .med = 1, .community_count = 1, .communities = {5}};
	struct attrs a;

	a = base;
	assert_true(attrs_equal(&a, &base));
	a.communities[1] = 7; /* beyond the count */
	a.local_pref = 9;     /* not there */
	assert_true(attrs_equal(&a, &base));
	a = base, a.med = 2;
	assert_false(attrs_equal(&a, &base));
	a = base, a.has_med = false;
	assert_false(attrs_equal(&a, &base));
	a = base, a.has_local_pref = true;
	assert_false(attrs_equal(&a, &base));
	a = base, a.prepend = 1;
	assert_false(attrs_equal(&a, &base));
	a = base, a.communities[0] = 6;
	assert_false(attrs_equal(&a, &base));
	a = base, a.community_count = 0;
	assert_false(attrs_equal(&a, &base));
}

static void
the_rows_are_sound(void **state)
{
	struct str out = {0};

	conf_lint(&attrs_schema, &out);
	assert_string_equal(str_text(&out), "");
	str_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_is_nothing),
	    cmocka_unit_test(numbers_replace_or_add),
	    cmocka_unit_test(numbers_stay_in_their_range),
	    cmocka_unit_test(prepends_add_up),
	    cmocka_unit_test(communities_are_joined_in_order),
	    cmocka_unit_test(full_layers_fit),
	    cmocka_unit_test(words_stand_for_communities),
	    cmocka_unit_test(other_texts_are_no_communities),
	    cmocka_unit_test(mistakes_say_what_to_write),
	    cmocka_unit_test(the_normal_form_loads_again),
	    cmocka_unit_test(equality_sees_every_member),
	    cmocka_unit_test(the_rows_are_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
