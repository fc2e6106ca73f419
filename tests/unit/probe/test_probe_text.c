/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and patterns as people write them: read, printed, matched.
 */
#include "probe/probe_text.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct root {
	struct probe_bytes send;
	struct probe_pattern expect;
};

static const struct conf_row rows[] = {
    {.key = "send",
	.type = CONF_CUSTOM,
	.custom = &probe_bytes_custom,
	.offset = offsetof(struct root, send)},
    {.key = "expect",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct root, expect)},
    {.type = CONF_END},
};

static const struct conf_schema schema = {
    .name = "root", .size = sizeof(struct root), .rows = rows};

static struct conf_generation *
load(const char *text, struct str *message)
{
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&schema, "t", text, strlen(text), &diag);
	diag_print(&diag, message);
	diag_done(&diag);
	return g;
}

static void
check_bytes(const char *text, const void *want, size_t len)
{
	struct str message = {0}, printed = {0};
	struct conf_generation *g = load(text, &message), *again;
	const struct root *r;

	assert_string_equal(str_text(&message), "");
	r = g->root;
	assert_int_equal(r->send.len, len);
	assert_memory_equal(r->send.data, want, len);
	conf_print(&schema, r, CONF_SHOW_SET, &printed);
	again = load(str_text(&printed), &message);
	assert_non_null(again);
	assert_true(conf_equal(&schema, r, again->root));
	conf_free(g);
	conf_free(again);
	str_done(&message);
	str_done(&printed);
}

static void
bytes(void **state)
{
	check_bytes("send: PING\n", "PING", 4);
	check_bytes("send: 'a\\r\\n\\t\\\\\\x7f\\0b'\n", "a\r\n\t\\\x7f\0b", 8);
	check_bytes("send: hex:00ff10\n", "\x00\xff\x10", 3);
	check_bytes("send: 'hex:00 FF 10'\n", "\x00\xff\x10", 3);
	check_bytes("send: ''\n", "", 0);
}

static void
mistakes(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
	    {"send: hex:0\n", "pairs of hexadecimal digits"},
	    {"send: hex:0g\n", "pairs of hexadecimal digits"},
	    {"send: 'a\\q'\n", "a backslash begins one of"},
	    {"send: 'a\\x1'\n", "a backslash begins one of"},
	    {"send: 'a\\'\n", "a backslash begins one of"},
	    {"send: [a]\n", "a text is needed"},
	    {"expect: 'regex:(a'\n", "is no regular expression"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str message = {0};
		assert_null(load(cases[i].text, &message));
		if (strstr(str_text(&message), cases[i].message) == NULL)
			fail_msg("%s: %s", cases[i].text, str_text(&message));
		str_done(&message);
	}
}

static bool
matches(const char *text, const char *data, size_t len)
{
	struct str message = {0};
	struct conf_generation *g = load(text, &message);
	const struct root *r;
	struct probe_matcher *m;
	bool found;

	assert_string_equal(str_text(&message), "");
	r = g->root;
	m = probe_matcher_new(&r->expect);
	conf_free(g); /* the matcher must not need it */
	found = probe_matcher_find(m, (const uint8_t *)data, len);
	probe_matcher_free(m);
	str_done(&message);
	return found;
}

static void
patterns(void **state)
{
	assert_true(matches("expect: PONG\n", "+PONG\r\n", 7));
	assert_false(matches("expect: PONG\n", "+PON", 4));
	assert_true(matches("expect: hex:00ff\n", "a\0\xff", 3));
	assert_true(matches("expect: 'regex:^220 [a-z]+'\n", "220 mail", 8));
	assert_false(matches("expect: 'regex:^220 [a-z]+'\n", "x220 mail", 9));
	/* never beyond the length that is given */
	assert_false(matches("expect: 'regex:mail'\n", "220 mail", 7));
	assert_true(matches("send: x\n", "", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(bytes),
	    cmocka_unit_test(mistakes),
	    cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
