/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference manual and conf_lint(). The JSON Schema is read by check_json_schema.py.
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

static void
assert_has(const struct str *text, const char *part)
{
	if (strstr(str_text(text), part) == NULL)
		print_error("not there: %s\n", part);
	assert_non_null(strstr(str_text(text), part));
}

static void
the_reference_has_every_option(void **state)
{
	struct str out = {0};
	const char *at;

	conf_print_reference(&test_schema, &out);
	for (const struct conf_row *row = test_schema.rows; row->type != CONF_END; row++) {
		char cell[64];

		snprintf(cell, sizeof(cell), "\n| `%s` | ", row->key);
		assert_has(&out, cell);
		assert_has(&out, row->doc);
	}
	assert_has(
	    &out, "| `name` | text of at most 20 bytes | **required** | What it is called. |");
	assert_has(&out, "| `empty` | text | `\"\"` |");
	assert_has(&out, "| `rise` | number from 1 to 100 | `3` |");
	assert_has(&out, "| `count` | number |  |");
	assert_has(&out, "| `timeout` | duration from 1ms to 1h | `300ms` |");
	assert_has(&out,
	    "| `mode` | `fast`, `slow` or `odd` | `slow` | One word. `fast`: as fast as possible. "
	    "`slow`: with time \\| for a pipe. |");
	assert_has(&out, "| `families` | list of: `ipv4` and `ipv6` | `[ipv4, ipv6]` |");
	assert_has(&out, "| `server` | address and port; port 53 unless written | `[::1]:5353` |");
	assert_has(&out, "| `query` | `NAME TYPE` |");
	assert_has(&out, "`# password: \"(hidden)\"`");
	assert_has(&out, "| `delay` | [delay](#delay) |");
	assert_has(&out, "| `routes` | list of: [route](#route) |");
	assert_has(&out, "| `probes` | names, each with [probe](#probe) |");
	assert_has(&out, "| `ospf` | – |  | Not in this version: refused. The OSPF speaker. |");
	assert_has(&out, "| `type` | [`dns`](#probe-dns) or [`tcp`](#probe-tcp) | **required** |");
	/* each section once, in the order of the rows */
	at = str_text(&out);
	for (size_t i = 0; i < 7; i++) {
		static const char *const heads[] = {"\n## configuration\n", "\n## delay\n",
		    "\n## route\n", "\n## neighbor\n", "\n## probe\n", "\n## probe dns\n",
		    "\n## probe tcp\n"};

		at = strstr(at, heads[i]);
		assert_non_null(at);
		at++;
		assert_null(strstr(at, heads[i]));
	}
	str_done(&out);
}

static void
the_reference_is_stable(void **state)
{
	struct str a = {0};
	struct str b = {0};

	conf_print_reference(&test_schema, &a);
	conf_print_reference(&test_schema, &b);
	assert_string_equal(str_text(&a), str_text(&b));
	str_done(&a);
	str_done(&b);
}

static void
lint_has_nothing_to_say(void **state)
{
	struct str out = {0};

	conf_lint(&test_schema, &out);
	assert_string_equal(str_text(&out), "");
	str_done(&out);
}

struct faulty {
	uint32_t a;
};

static void
lint_finds_faults(void **state)
{
	static const struct conf_choice none[] = {{NULL}};
	static const struct conf_row sub_rows[] = {
	    {.key = "type", .type = CONF_U32, .doc = "Type."}, {.type = CONF_END}};
	static const struct conf_schema sub = {
	    .name = "root", .size = sizeof(struct faulty), .rows = sub_rows, .doc = "Sub."};
	static const struct conf_row rows[] = {
	    {.key = "a", .type = CONF_U32, .dflt = "7", .max = 5, .doc = "A."},
	    {.key = "a", .type = CONF_U32, .doc = "no sentence"},
	    {.key = "b", .type = CONF_ENUM, .choices = none, .doc = "B."},
	    {.key = "c", .type = CONF_STRUCT},
	    {.key = "d", .type = CONF_CUSTOM, .doc = "D."},
	    {.key = "e", .type = CONF_U32, .offset = sizeof(struct faulty), .doc = "E."},
	    {.key = "f", .type = CONF_U32, .flags = CONF_REQUIRED, .dflt = "1", .doc = "F."},
	    {.key = "g", .type = CONF_U32, .min = 5, .max = 4, .doc = "G."},
	    {.key = "h", .type = CONF_MAP, .sub = &sub, .flags = CONF_LIST, .doc = "H."},
	    {.key = "i", .type = CONF_VARIANT, .sub = &sub, .doc = "I."},
	    {.type = CONF_END},
	};
	static const struct conf_schema root = {
	    .name = "root", .size = sizeof(struct faulty), .rows = rows};
	struct str out = {0};

	conf_lint(&root, &out);
	assert_string_equal(str_text(&out),
	    "root: needs a doc\n"
	    "root.a: is there twice\n"
	    "root.a: its default is refused: a: '7' is out of range: write a number from 0 to 5\n"
	    "root.a: its doc does not end as a sentence\n"
	    "root.b: needs choices\n"
	    "root.c: needs a doc\n"
	    "root.c: needs a sub-schema\n"
	    "root.d: needs a custom type with parse, show and syntax\n"
	    "root.e: lies outside its struct\n"
	    "root.f: is required and has a default\n"
	    "root.g: its least value is above its greatest\n"
	    "root.h: cannot be a list\n"
	    "root.i: its sub-schema needs variants\n");
	str_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_reference_has_every_option),
	    cmocka_unit_test(the_reference_is_stable),
	    cmocka_unit_test(lint_has_nothing_to_say),
	    cmocka_unit_test(lint_finds_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
