/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree: places, kinds, quoting, and what is refused. The exact messages are in the golden
 * files; here are the properties that a message cannot show.
 */
#include "conf/conf_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* after the four above, which it needs */
#include <cmocka.h>

struct fixture {
	struct conf_ctx ctx;
	struct diag diag;
};

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	diag_init(&f->diag);
	f->ctx = (struct conf_ctx){.arena = arena_new(), .diag = &f->diag, .file = "t"};
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	arena_free(f->ctx.arena);
	diag_done(&f->diag);
	free(f);
	return 0;
}

static const struct conf_node *
parse(struct fixture *f, const char *text)
{
	return conf_tree_parse(&f->ctx, text, strlen(text));
}

static void
assert_place(const struct conf_node *n, unsigned line, unsigned column)
{
	assert_non_null(n);
	assert_int_equal(n->line, line);
	assert_int_equal(n->column, column);
}

static void
every_node_knows_its_place(void **state)
{
	const struct conf_node *root = parse(*state, "# comment\n"
						     "a: 1\n"
						     "b:\n"
						     "  - x\n"
						     "  -   y\n"
						     "c: {d: ü, e: 'f'}\n"
						     "g:\n"
						     "  h: i\n");

	assert_non_null(root);
	assert_int_equal(root->kind, CONF_MAPPING);
	assert_int_equal(root->count, 4);
	assert_place(root, 2, 1);
	assert_place(root->pairs[0].key, 2, 1);
	assert_place(conf_node_find(root, "a"), 2, 4);
	assert_place(conf_node_find(root, "b"), 4, 3);
	assert_place(conf_node_find(root, "b")->pairs[1].value, 5, 7);
	assert_null(conf_node_find(root, "b")->pairs[1].key);
	assert_place(conf_node_find(conf_node_find(root, "c"), "d"), 6, 8);
	/* columns count characters, not bytes */
	assert_place(conf_node_find(conf_node_find(root, "c"), "e"), 6, 14);
	assert_place(conf_node_find(root, "g"), 8, 3);
}

static void
find_is_for_mappings(void **state)
{
	const struct conf_node *root = parse(*state, "a: [b]\nc: d\n");

	assert_null(conf_node_find(root, "x"));
	assert_null(conf_node_find(conf_node_find(root, "a"), "b"));
	assert_null(conf_node_find(conf_node_find(root, "c"), "d"));
}

static void
quotes_are_remembered(void **state)
{
	const struct conf_node *root =
	    parse(*state, "a:\nb: ''\nc: \"\"\nd: x\ne: 'x'\nf: |\n  x\n");

	assert_true(conf_node_is_empty(conf_node_find(root, "a")));
	assert_false(conf_node_is_empty(conf_node_find(root, "b")));
	assert_false(conf_node_is_empty(conf_node_find(root, "c")));
	assert_false(conf_node_find(root, "d")->quoted);
	assert_true(conf_node_find(root, "e")->quoted);
	assert_true(conf_node_find(root, "f")->quoted);
	assert_string_equal(conf_node_find(root, "f")->text, "x\n");
}

static void
nothing_is_an_empty_mapping(void **state)
{
	static const char *const texts[] = {"", "\n", "# only\n", "\xef\xbb\xbf"};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct conf_node *root = parse(*state, texts[i]);

		assert_place(root, 1, 1);
		assert_int_equal(root->kind, CONF_MAPPING);
		assert_int_equal(root->count, 0);
	}
}

static void
the_first_of_two_stays(void **state)
{
	struct fixture *f = *state;
	const struct conf_node *root = parse(f, "a: 1\nb: 2\na: 3\nc: 4\nb: 5\n");

	assert_int_equal(f->ctx.errors, 2);
	assert_int_equal(root->count, 3);
	assert_string_equal(conf_node_find(root, "a")->text, "1");
	assert_string_equal(root->pairs[1].key->text, "b");
	assert_string_equal(root->pairs[2].key->text, "c");
}

/* An empty key, unlike a missing value, is a key. */
static void
keys_may_be_odd_text(void **state)
{
	const struct conf_node *root = parse(*state, "'': 1\n12: 2\ntrue: 3\n~: 4\n");

	assert_int_equal(root->count, 4);
	assert_string_equal(conf_node_find(root, "")->text, "1");
	assert_string_equal(conf_node_find(root, "12")->text, "2");
	assert_string_equal(conf_node_find(root, "~")->text, "4");
}

static void
depth_is_limited(void **state)
{
	struct fixture *f = *state;
	char text[2 * (CONF_DEPTH_MAX + 1) + 1] = "";

	memset(text, '[', CONF_DEPTH_MAX);
	memset(text + CONF_DEPTH_MAX, ']', CONF_DEPTH_MAX);
	assert_non_null(parse(f, text));
	assert_int_equal(f->ctx.errors, 0);
	memset(text, '[', CONF_DEPTH_MAX + 1);
	memset(text + CONF_DEPTH_MAX + 1, ']', CONF_DEPTH_MAX + 1);
	assert_null(parse(f, text));
	assert_int_equal(f->ctx.errors, 1);
	assert_int_equal(f->diag.entries[0].column, CONF_DEPTH_MAX + 1);
}

static void
what_has_no_clear_shape_is_no_tree(void **state)
{
	static const char *const texts[] = {
	    "a: *b\n", "? [a]\n: b\n", "a: \"\\0\"\n", "a: [1, 2\n", "a: 1\n b: 2\n", "a: \x01\n",
	    "a: \xc3\n", "a: \xe2\x98\n", "a: \xf4\x90\x80\x80\n", /* beyond U+10FFFF */
	    "a: \xf8\x88\x80\x80\x80\n", "a: \x80\n", "a: \x7f\n", "a: \xc2\x80\n", /* U+0080 */
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		size_t before = f->ctx.errors;

		assert_null(parse(f, texts[i]));
		assert_true(f->ctx.errors > before);
	}
}

static void
all_of_utf8_is_text(void **state)
{
	const char *text =
	    "\xc2\xa0|\xdf\xbf|\xe0\xa0\x80|\xed\x9f\xbf|\xee\x80\x80|\xf0\x90\x80\x80|"
	    "\xf4\x8f\xbf\xbd";
	const struct conf_node *root = parse(*state, text);

	assert_non_null(root);
	assert_int_equal(root->kind, CONF_SCALAR);
	assert_string_equal(root->text, text);
}

static void
zero_bytes_are_seen(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "a: b\n\0c: d\n";

	assert_null(conf_tree_parse(&f->ctx, text, sizeof(text) - 1));
	assert_int_equal(f->diag.entries[0].line, 2);
	assert_int_equal(f->diag.entries[0].column, 1);
}

static void
large_mappings_are_quick(void **state)
{
	struct str text = {0};
	const struct conf_node *root;

	for (unsigned i = 0; i < 50000; i++)
		str_printf(&text, "key%u: value\n", i);
	root = parse(*state, str_text(&text));
	assert_int_equal(root->count, 50000);
	assert_string_equal(root->pairs[49999].key->text, "key49999");
	str_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(every_node_knows_its_place, setup, teardown),
	    cmocka_unit_test_setup_teardown(find_is_for_mappings, setup, teardown),
	    cmocka_unit_test_setup_teardown(quotes_are_remembered, setup, teardown),
	    cmocka_unit_test_setup_teardown(nothing_is_an_empty_mapping, setup, teardown),
	    cmocka_unit_test_setup_teardown(the_first_of_two_stays, setup, teardown),
	    cmocka_unit_test_setup_teardown(keys_may_be_odd_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(depth_is_limited, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_has_no_clear_shape_is_no_tree, setup, teardown),
	    cmocka_unit_test_setup_teardown(all_of_utf8_is_text, setup, teardown),
	    cmocka_unit_test_setup_teardown(zero_bytes_are_seen, setup, teardown),
	    cmocka_unit_test_setup_teardown(large_mappings_are_quick, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
