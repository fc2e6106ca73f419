/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing buffer, numbers, suggestions, and the cleaning of foreign text.
 */
#include "base/mem.h"
#include "base/str.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
buffer_grows(void **state)
{
	struct str s = {0};
	char want[2001];

	assert_string_equal(str_text(&s), "");
	for (int i = 0; i < 200; i++)
		str_printf(&s, "%010d", i);
	assert_int_equal(s.len, 2000);
	for (int i = 0; i < 200; i++)
		snprintf(want + (size_t)i * 10, 11, "%010d", i);
	assert_string_equal(str_text(&s), want);
	str_clear(&s);
	assert_string_equal(str_text(&s), "");
	str_add(&s, "");
	assert_string_equal(s.text, "");
	str_addn(&s, "abc", 2);
	str_add(&s, "c");
	assert_string_equal(s.text, "abc");
	assert_int_equal(s.len, 3);
	str_done(&s);
	assert_null(s.text);
}

/* Around every size at which the buffer grows. */
static void
printf_is_never_cut(void **state)
{
	for (int len = 0; len < 600; len++) {
		struct str s = {0};

		str_printf(&s, "%*s", len, "");
		assert_int_equal(s.len, len);
		assert_int_equal(strlen(s.text), len);
		str_done(&s);
	}
}

static void
text_is_handed_over(void **state)
{
	struct str s = {0};
	char *text;

	str_add(&s, "mine");
	text = str_take(&s);
	assert_string_equal(text, "mine");
	free(text);
	assert_null(s.text);
	text = str_take(&s);
	assert_string_equal(text, "");
	free(text);
}

static void
copy_says_whether_it_fitted(void **state)
{
	char buf[4] = "xyz";

	assert_true(str_copy(buf, sizeof(buf), "abc"));
	assert_string_equal(buf, "abc");
	assert_false(str_copy(buf, sizeof(buf), "defg"));
	assert_string_equal(buf, "def");
	assert_false(str_copy(buf, 0, "x"));
	assert_string_equal(buf, "def");
	assert_true(str_copy(buf, 1, ""));
	assert_string_equal(buf, "");
}

static void
reads_unsigned_numbers(void **state)
{
	static const struct {
		const char *text;
		uint64_t min, max;
		int rc;
		uint64_t value;
	} rows[] = {
	    {"0", 0, 10, 0, 0},
	    {"10", 0, 10, 0, 10},
	    {"11", 0, 10, -1, 0},
	    {"4", 5, 10, -1, 0},
	    {"007", 0, 10, 0, 7},
	    {"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
	    {"18446744073709551616", 0, UINT64_MAX, -1, 0},
	    {"18446744073709551620", 0, UINT64_MAX, -1, 0},
	    {"99999999999999999999999", 0, UINT64_MAX, -1, 0},
	    {"", 0, 10, -1, 0},
	    {"-1", 0, UINT64_MAX, -1, 0},
	    {"+1", 0, 10, -1, 0},
	    {" 1", 0, 10, -1, 0},
	    {"1 ", 0, 10, -1, 0},
	    {"0x1", 0, 10, -1, 0},
	    {"1e1", 0, 10, -1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint64_t value = 0;

		if (str_to_u64(rows[i].text, rows[i].min, rows[i].max, &value) != rows[i].rc ||
		    value != rows[i].value)
			fail_msg("'%s' gives %" PRIu64, rows[i].text, value);
	}
}

static void
reads_signed_numbers(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max;
		int rc;
		int64_t value;
	} rows[] = {
	    {"-0", -5, 5, 0, 0},
	    {"+5", -5, 5, 0, 5},
	    {"-5", -5, 5, 0, -5},
	    {"-6", -5, 5, -1, 0},
	    {"6", -5, 5, -1, 0},
	    {"9223372036854775807", INT64_MIN, INT64_MAX, 0, INT64_MAX},
	    {"-9223372036854775808", INT64_MIN, INT64_MAX, 0, INT64_MIN},
	    {"9223372036854775808", INT64_MIN, INT64_MAX, -1, 0},
	    {"-9223372036854775809", INT64_MIN, INT64_MAX, -1, 0},
	    {"-", -5, 5, -1, 0},
	    {"--1", -5, 5, -1, 0},
	    {"+-1", -5, 5, -1, 0},
	    {"", -5, 5, -1, 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t value = 0;

		if (str_to_i64(rows[i].text, rows[i].min, rows[i].max, &value) != rows[i].rc ||
		    value != rows[i].value)
			fail_msg("'%s' gives %" PRId64, rows[i].text, value);
	}
}

static void
suggests_the_nearest_word(void **state)
{
	static const char *const words[] = {"frequency", "timeout", "threshold", "rise", "fall",
	    "neighbors", "as", "med", "interface", "interfaces", "", NULL};
	static const struct {
		const char *word, *nearest;
	} rows[] = {
	    {"timeout", "timeout"},
	    {"timout", "timeout"},
	    {"tiemout", "timeout"}, /* swapped */
	    {"Time-Out", "timeout"},
	    {"neighbours", "neighbors"},
	    {"freqency", "frequency"},
	    {"treshhold", "threshold"},
	    {"rsie", "rise"},
	    {"fal", "fall"},
	    {"interfcae", "interface"},
	    {"interfacess", "interfaces"},
	    {"mde", "med"},
	    {"ass", "as"},
	    {"emd", "med"},
	    {"dem", NULL}, /* two slips are too many for three letters */
	    {"x", NULL},
	    {"", NULL},
	    {"colour", NULL},
	    {"prefer", NULL},
	    {"a-word-that-is-far-too-long-to-be-compared-with-anything", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *nearest = str_nearest(rows[i].word, words);

		if (rows[i].nearest == NULL)
			assert_null(nearest);
		else if (nearest == NULL || !str_equal(nearest, rows[i].nearest))
			fail_msg("'%s' suggests '%s'", rows[i].word, nearest ? nearest : "(none)");
	}
	assert_null(str_nearest("word", (const char *const[]){NULL}));
}

static void
cleans_foreign_text(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"", ""},
	    {"plain ~ text", "plain ~ text"},
	    {"a\tb\nc\x1b[2J\x7f", "a?b?c?[2J?"},
	    {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d",
		"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d"},
	    {"\xc2\x9b", "??"}, /* C1 control */
	    {"\xc2\xa0", "\xc2\xa0"},
	    {"\xc0\x80", "??"}, /* overlong */
	    {"\xe0\x9f\xbf", "???"},
	    {"\xe0\xa0\x80", "\xe0\xa0\x80"},
	    {"\xed\x9f\xbf", "\xed\x9f\xbf"},
	    {"\xed\xa0\x80", "???"}, /* surrogate */
	    {"\xf0\x8f\xbf\xbf", "????"},
	    {"\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf"},
	    {"\xf4\x90\x80\x80", "????"}, /* beyond U+10FFFF */
	    {"\xf5\x80\x80\x80", "????"},
	    {"\x80", "?"},
	    {"\xe2\x82", "??"}, /* cut short */
	    {"\xe2\x82g", "??g"},
	    {"\xf0\x9f\x8c", "???"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = mem_strdup(rows[i].in);

		str_sanitise(text);
		assert_string_equal(text, rows[i].out);
		free(text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(buffer_grows),
	    cmocka_unit_test(printf_is_never_cut),
	    cmocka_unit_test(text_is_handed_over),
	    cmocka_unit_test(copy_says_whether_it_fitted),
	    cmocka_unit_test(reads_unsigned_numbers),
	    cmocka_unit_test(reads_signed_numbers),
	    cmocka_unit_test(suggests_the_nearest_word),
	    cmocka_unit_test(cleans_foreign_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
