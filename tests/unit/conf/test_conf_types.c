/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The types of single values: which texts each takes, that what it writes it reads again, and that
 * a refusal leaves the member alone.
 */
#include "conf/conf_priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after the four above, which it needs */
#include <cmocka.h>

union value {
	bool boolean;
	uint32_t u32;
	int64_t i64;
	double real;
	const char *text;
	int word;
	struct addr addr;
	struct prefix prefix;
	struct endpoint endpoint;
	unsigned char bytes[64];
};

/* Reads `text` by `row`; the normal form, "" when refused. The member starts as 0xa5 bytes. */
static char *
read_show(const struct conf_row *row, const char *text, union value *out)
{
	struct diag diag;
	struct conf_ctx ctx = {.arena = arena_new(), .diag = &diag, .file = "t"};
	struct conf_node node = {.kind = CONF_SCALAR, .text = text, .quoted = true};
	struct str shown = {0};
	union value v;

	diag_init(&diag);
	memset(&v, 0xa5, sizeof(v));
	if (conf_read_scalar(&ctx, row, &node, &v)) {
		assert_int_equal(ctx.errors, 0);
		conf_show_member(row, &v, &shown);
	} else {
		assert_int_equal(ctx.errors, 1);
		for (size_t i = 0; i < sizeof(v); i++)
			assert_int_equal(v.bytes[i], 0xa5);
	}
	if (out != NULL)
		*out = v;
	diag_done(&diag);
	arena_free(ctx.arena);
	return str_take(&shown);
}

struct example {
	const char *text;
	const char *shown; /* NULL: refused */
};

static void
try_all(const struct conf_row *row, const struct example *examples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *shown = read_show(row, examples[i].text, NULL);
		char *again;

		assert_string_equal(shown, examples[i].shown != NULL ? examples[i].shown : "");
		if (examples[i].shown != NULL && shown[0] != '"') {
			again = read_show(row, shown, NULL);
			assert_string_equal(shown, again);
			free(again);
		}
		free(shown);
	}
}

static void
truth_values(void **state)
{
	static const struct conf_row row = {.key = "k", .type = CONF_BOOL};
	static const struct example examples[] = {
	    {"true", "true"},
	    {"false", "false"},
	    {"True", NULL},
	    {"yes", NULL},
	    {"1", NULL},
	    {"", NULL},
	    {"true ", NULL},
	};

	try_all(&row, examples, ARRAY_LEN(examples));
}

static void
whole_numbers(void **state)
{
	static const struct conf_row any = {.key = "k", .type = CONF_U32};
	static const struct conf_row bounded = {.key = "k", .type = CONF_U32, .min = 5, .max = 7};
	static const struct conf_row from = {.key = "k", .type = CONF_U32, .min = 5};
	static const struct conf_row wide = {
	    .key = "k", .type = CONF_U32, .min = 1, .max = INT64_MAX};
	static const struct conf_row big = {.key = "k", .type = CONF_I64};
	static const struct conf_row negative = {.key = "k", .type = CONF_I64, .min = -5, .max = 0};
	static const struct example of_any[] = {{"0", "0"}, {"4294967295", "4294967295"},
	    {"4294967296", NULL}, {"-1", NULL}, {"-0", "0"}, {"+1", NULL}, {"01", NULL},
	    {"00", NULL}, {"0x1", NULL}, {"1e1", NULL}, {"1.0", NULL}, {"1_0", NULL}, {" 1", NULL},
	    {"1 ", NULL}, {"", NULL}, {"-", NULL}, {"99999999999999999999", NULL},
	    {"\xd9\xa1", NULL}};
	static const struct example of_bounded[] = {
	    {"4", NULL}, {"5", "5"}, {"7", "7"}, {"8", NULL}};
	static const struct example of_from[] = {{"4", NULL}, {"4294967295", "4294967295"}};
	static const struct example of_wide[] = {{"0", NULL}, {"4294967296", NULL}};
	static const struct example of_big[] = {{"-9223372036854775808", "-9223372036854775808"},
	    {"9223372036854775807", "9223372036854775807"}, {"9223372036854775808", NULL},
	    {"-9223372036854775809", NULL}, {"--1", NULL}};
	static const struct example of_negative[] = {
	    {"-6", NULL}, {"-5", "-5"}, {"0", "0"}, {"1", NULL}};

	try_all(&any, of_any, ARRAY_LEN(of_any));
	try_all(&bounded, of_bounded, ARRAY_LEN(of_bounded));
	try_all(&from, of_from, ARRAY_LEN(of_from));
	try_all(&wide, of_wide, ARRAY_LEN(of_wide));
	try_all(&big, of_big, ARRAY_LEN(of_big));
	try_all(&negative, of_negative, ARRAY_LEN(of_negative));
}

static void
real_numbers(void **state)
{
	static const struct conf_row any = {.key = "k", .type = CONF_DOUBLE};
	static const struct conf_row part = {.key = "k", .type = CONF_DOUBLE, .max = 1};
	static const struct example of_any[] = {{"0", "0"}, {"-0.5", "-0.5"}, {"1.50", "1.5"},
	    {"0.1", "0.1"}, {"123456789.123456789", "123456789.12345679"},
	    {"0.00000000000000000000000000000000000001",
		"0.00000000000000000000000000000000000001"},
	    {"0.000000000000000000000000000000000000001", NULL}, {".5", NULL}, {"5.", NULL},
	    {"1e3", NULL}, {"inf", NULL}, {"nan", NULL}, {"0x1p3", NULL}, {"00.5", NULL},
	    {"1,5", NULL}, {"1.5.5", NULL}, {"", NULL}};
	static const struct example of_part[] = {
	    {"0", "0"}, {"1", "1"}, {"1.0000001", NULL}, {"-0.1", NULL}};

	try_all(&any, of_any, ARRAY_LEN(of_any));
	try_all(&part, of_part, ARRAY_LEN(of_part));
}

static void
durations(void **state)
{
	static const struct conf_row any = {.key = "k", .type = CONF_DUR};
	static const struct conf_row bounded = {
	    .key = "k", .type = CONF_DUR, .min = DUR_MS, .max = DUR_HOUR};
	static const struct example of_any[] = {{"0", "0s"}, {"0s", "0s"}, {"300ms", "300ms"},
	    {"1500ms", "1.5s"}, {"90s", "1m30s"}, {"36h", "1d12h"}, {"1ns", "1ns"},
	    {"1.000000001s", "1.000000001s"}, {"1000001ns", "1.000001ms"}, {"1001ns", "1.001us"},
	    {"2d1ns", "172800.000000001s"}, {"1", NULL}, {"1.5", NULL}, {"-1s", NULL}, {"s", NULL},
	    {"1 s", NULL}, {"1y", NULL}, {"999999999d", NULL}, {"never", NULL}, {"", NULL}};
	static const struct example of_bounded[] = {
	    {"0", NULL}, {"999us", NULL}, {"1ms", "1ms"}, {"60m", "1h"}, {"3600.001s", NULL}};

	try_all(&any, of_any, ARRAY_LEN(of_any));
	try_all(&bounded, of_bounded, ARRAY_LEN(of_bounded));
}

static void
texts(void **state)
{
	static const struct conf_row any = {.key = "k", .type = CONF_STRING};
	static const struct conf_row few = {.key = "k", .type = CONF_STRING, .min = 2, .max = 3};
	static const struct example of_any[] = {{"", "\"\""}, {"a", "a"},
	    {"/run/x.sock", "/run/x.sock"}, {"True", "\"True\""}, {"no", "\"no\""},
	    {"nobody", "nobody"}, {"1", "\"1\""}, {"a b", "\"a b\""}, {"a: b", "\"a: b\""},
	    {"-", "\"-\""}, {"a\"\\", "\"a\\\"\\\\\""}, {"\xff", "\"\\uFFFD\""}};
	static const struct example of_few[] = {{"a", NULL}, {"ab", "ab"}, {"abc", "abc"},
	    {"abcd", NULL}, {"\xc3\xbc", "\"\xc3\xbc\""}};
	char longest[257];
	char *shown;

	try_all(&any, of_any, ARRAY_LEN(of_any));
	try_all(&few, of_few, ARRAY_LEN(of_few));
	memset(longest, 'x', sizeof(longest));
	longest[255] = '\0';
	shown = read_show(&any, longest, NULL);
	assert_string_equal(shown, longest);
	free(shown);
	longest[255] = 'x';
	longest[256] = '\0';
	shown = read_show(&any, longest, NULL);
	assert_string_equal(shown, "");
	free(shown);
}

static void
words(void **state)
{
	static const struct conf_choice choices[] = {
	    {"a", 1}, {"b", 2}, {"both", 3}, {"-", 8}, {NULL}};
	static const struct conf_row one = {.key = "k", .type = CONF_ENUM, .choices = choices};
	static const struct conf_row some = {.key = "k", .type = CONF_FLAGS, .choices = choices};
	static const struct example of_one[] = {
	    {"a", "a"}, {"both", "both"}, {"-", "\"-\""}, {"A", NULL}, {"c", NULL}, {"", NULL}};
	static const struct example of_some[] = {{"b", NULL}, {"x", NULL}};
	union value v;
	char *shown;

	try_all(&one, of_one, ARRAY_LEN(of_one));
	shown = read_show(&some, "both", &v);
	assert_string_equal(shown, "[a, b]");
	assert_int_equal(v.u32, 3);
	free(shown);
	shown = read_show(&some, of_some[1].text, &v);
	assert_string_equal(shown, "");
	free(shown);
}

static void
addresses(void **state)
{
	static const struct conf_row addr = {.key = "k", .type = CONF_ADDR};
	static const struct conf_row prefix = {.key = "k", .type = CONF_PREFIX};
	static const struct conf_row endpoint = {.key = "k", .type = CONF_ENDPOINT, .min = 53};
	static const struct conf_row full = {.key = "k", .type = CONF_ENDPOINT};
	static const struct example of_addr[] = {{"192.0.2.1", "192.0.2.1"},
	    {"2001:DB8::1", "\"2001:db8::1\""}, {"192.0.2", NULL}, {"192.0.2.01", NULL},
	    {"192.0.2.1/32", NULL}, {"::1%1", NULL}, {"", NULL}};
	static const struct example of_prefix[] = {{"192.0.2.1", "192.0.2.1/32"},
	    {"192.0.2.0/24", "192.0.2.0/24"}, {"::/0", "\"::/0\""}, {"192.0.2.1/24", NULL},
	    {"192.0.2.0/33", NULL}, {"192.0.2.0/", NULL}, {"192.0.2.0/024", NULL},
	    {"0.0.0.0/0", "0.0.0.0/0"}, {"192.0.2.0/-1", NULL}};
	static const struct example of_endpoint[] = {{"192.0.2.1", "\"192.0.2.1:53\""},
	    {"192.0.2.1:99", "\"192.0.2.1:99\""}, {"::1", "\"[::1]:53\""},
	    {"[::1]:99", "\"[::1]:99\""}, {"192.0.2.1:0", NULL}, {"192.0.2.1:65536", NULL},
	    {"host:53", NULL}, {"", NULL}};
	static const struct example of_full[] = {
	    {"192.0.2.1", NULL}, {"::1", NULL}, {"[::1]", NULL}, {"[::1]:1", "\"[::1]:1\""}};

	try_all(&addr, of_addr, ARRAY_LEN(of_addr));
	try_all(&prefix, of_prefix, ARRAY_LEN(of_prefix));
	try_all(&endpoint, of_endpoint, ARRAY_LEN(of_endpoint));
	try_all(&full, of_full, ARRAY_LEN(of_full));
}

/* Without a key (an inner row of a custom type) the message begins with the value. */
static void
a_row_without_a_key(void **state)
{
	static const struct conf_row row = {.type = CONF_U32};
	struct diag diag;
	struct conf_ctx ctx = {.arena = arena_new(), .diag = &diag, .file = "t"};
	struct conf_node node = {.kind = CONF_SCALAR, .text = "x", .line = 3, .column = 4};
	uint32_t out;

	diag_init(&diag);
	assert_false(conf_read_scalar(&ctx, &row, &node, &out));
	assert_string_equal(diag.entries[0].message,
	    "'x' is not a whole number: write decimal digits only, like 3");
	assert_int_equal(diag.entries[0].line, 3);
	assert_int_equal(diag.entries[0].column, 4);
	diag_done(&diag);
	arena_free(ctx.arena);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(truth_values),
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(real_numbers),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(texts),
	    cmocka_unit_test(words),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(a_row_without_a_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
