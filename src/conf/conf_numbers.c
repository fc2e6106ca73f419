/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Truth values, numbers and durations.
 *
 * Numbers are decimal and nothing else: no octal, no hexadecimal, no exponent, no leading zeros or
 * plus signs, so that no two people read one differently. Bounds come from the row, within those
 * of the type.
 */
#include "conf/conf_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DOUBLE_DIGITS 40 /* longest number with a point, in bytes */

/* -- true or false -- */

static bool
read_bool(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	static const struct {
		const char *word;
		const char *advice;
	} others[] = {
	    {"yes", "true"},
	    {"on", "true"},
	    {"y", "true"},
	    {"1", "true"},
	    {"true", "true"},
	    {"no", "false"},
	    {"off", "false"},
	    {"n", "false"},
	    {"0", "false"},
	    {"false", "false"},
	};
	const char *advice = "true or false";

	if (str_equal(node->text, "true") || str_equal(node->text, "false")) {
		*(bool *)member = node->text[0] == 't';
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		if (strcasecmp(node->text, others[i].word) == 0)
			advice = others[i].advice;
	}
	return conf_wrong(ctx, row, node, "is not true or false: write %s", advice);
}

static void
show_bool(const struct conf_row *row, const void *member, struct str *out)
{
	str_add(out, *(const bool *)member ? "true" : "false");
}

static bool
equal_bool(const struct conf_row *row, const void *a, const void *b)
{
	return *(const bool *)a == *(const bool *)b;
}

/* -- numbers -- */

struct conf_bounds
conf_row_bounds(const struct conf_row *row)
{
	struct conf_bounds b = {.min = row->min, .max = row->max};
	int64_t least = row->type == CONF_I64 || row->type == CONF_DOUBLE ? INT64_MIN : 0;
	int64_t most = row->type == CONF_U32 ? UINT32_MAX : INT64_MAX;

	if (b.min == 0 && b.max == 0)
		return (struct conf_bounds){.min = least, .max = most};
	if (b.max == 0 && b.min > 0)
		b.max = most;
	b.min = b.min > least ? b.min : least;
	b.max = b.max < most ? b.max : most;
	return b;
}

static bool
in_bounds(const struct conf_row *row, int64_t value)
{
	struct conf_bounds b = conf_row_bounds(row);

	return value >= b.min && value <= b.max;
}

/* "0", "17", "-3"; never "+3", "017", "0x11", "1e3", "1_000". */
static bool
is_whole_number(const char *text)
{
	const char *digits = text[0] == '-' ? text + 1 : text;
	size_t len = strlen(digits);

	if (len == 0 || strspn(digits, "0123456789") != len)
		return false;
	return len == 1 || digits[0] != '0';
}

static bool
read_whole(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, int64_t *out)
{
	int64_t value = 0;

	if (!is_whole_number(node->text))
		return conf_wrong_type(
		    ctx, row, node, "is not a whole number: write decimal digits only,");
	if (str_to_i64(node->text, INT64_MIN, INT64_MAX, &value) < 0 || !in_bounds(row, value))
		return conf_wrong_range(ctx, row, node);
	*out = value;
	return true;
}

static bool
read_u32(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	int64_t value = 0;

	if (!read_whole(ctx, row, node, &value))
		return false;
	*(uint32_t *)member = (uint32_t)value;
	return true;
}

static void
show_u32(const struct conf_row *row, const void *member, struct str *out)
{
	uint32_t value = *(const uint32_t *)member;

	if (in_bounds(row, value))
		str_printf(out, "%" PRIu32, value);
}

static bool
equal_u32(const struct conf_row *row, const void *a, const void *b)
{
	return *(const uint32_t *)a == *(const uint32_t *)b;
}

static bool
read_i64(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	return read_whole(ctx, row, node, member);
}

static void
show_i64(const struct conf_row *row, const void *member, struct str *out)
{
	int64_t value = *(const int64_t *)member;

	if (in_bounds(row, value))
		str_printf(out, "%" PRId64, value);
}

static bool
equal_i64(const struct conf_row *row, const void *a, const void *b)
{
	return *(const int64_t *)a == *(const int64_t *)b;
}

/* "1", "-0.25"; never "1e3", ".5", "inf". */
static bool
is_decimal(const char *text)
{
	const char *s = text[0] == '-' ? text + 1 : text;
	size_t whole = strspn(s, "0123456789");
	size_t fraction = s[whole] == '.' ? strspn(s + whole + 1, "0123456789") : 0;

	if (whole == 0 || (whole > 1 && s[0] == '0') || strlen(text) > DOUBLE_DIGITS)
		return false;
	return s[whole] == '\0' || (fraction > 0 && s[whole + 1 + fraction] == '\0');
}

static bool
double_in_bounds(const struct conf_row *row, double value)
{
	if (row->min == 0 && row->max == 0)
		return true;
	return value >= (double)row->min &&
	       (value <= (double)row->max || (row->max == 0 && row->min > 0));
}

static bool
read_double(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	double value;

	if (!is_decimal(node->text))
		return conf_wrong_type(ctx, row, node,
		    "is not a number: write decimal digits with or without a point,");
	value = strtod(node->text, NULL);
	if (!double_in_bounds(row, value))
		return conf_wrong_range(ctx, row, node);
	*(double *)member = value;
	return true;
}

/* As few digits behind the point as give the same value again. */
static void
show_double(const struct conf_row *row, const void *member, struct str *out)
{
	double value = *(const double *)member;
	char text[400] = "";

	if (!double_in_bounds(row, value))
		return;
	for (int digits = 0; digits <= DOUBLE_DIGITS; digits++) {
		snprintf(text, sizeof(text), "%.*f", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	str_add(out, text);
}

static bool
equal_double(const struct conf_row *row, const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;

	return !islessgreater(x, y);
}

/* -- durations -- */

static bool
read_dur(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	size_t digits = strspn(node->text, "0123456789.");
	dur_t value;

	if (dur_parse(node->text, &value) < 0) {
		if (digits > 0 && node->text[digits] == '\0')
			return conf_wrong(ctx, row, node, "has no unit: write %.20sms or %.20ss",
			    node->text, node->text);
		return conf_wrong_type(ctx, row, node,
		    "is not a duration: write numbers with the units ms, s, m, h or d,");
	}
	if (!in_bounds(row, value))
		return conf_wrong_range(ctx, row, node);
	*(dur_t *)member = value;
	return true;
}

/* The way people write it, unless that drops something. */
static void
dur_format_exact(dur_t value, struct str *out)
{
	static const struct {
		dur_t ns;
		int digits;
		const char *name;
	} units[] = {{DUR_S, 9, "s"}, {DUR_MS, 6, "ms"}, {DUR_US, 3, "us"}, {1, 0, "ns"}};
	char text[48];
	size_t unit = 0;
	size_t len;
	dur_t again;

	dur_format(value, text, sizeof(text));
	if (dur_parse(text, &again) == 0 && again == value) {
		str_add(out, text);
		return;
	}
	while (units[unit].ns > value && units[unit].digits > 0)
		unit++;
	snprintf(text, sizeof(text), "%" PRId64 ".%0*" PRId64, value / units[unit].ns,
	    units[unit].digits, value % units[unit].ns);
	len = strlen(text);
	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	str_addn(out, text, len);
	str_add(out, units[unit].name);
}

static void
show_dur(const struct conf_row *row, const void *member, struct str *out)
{
	if (in_bounds(row, *(const dur_t *)member))
		dur_format_exact(*(const dur_t *)member, out);
}

void
conf_bound_format(const struct conf_row *row, int64_t value, struct str *out)
{
	if (row->type == CONF_DUR)
		dur_format_exact(value, out);
	else
		str_printf(out, "%" PRId64, value);
}

void
conf_bounds_format(const struct conf_row *row, struct str *out)
{
	struct conf_bounds b = conf_row_bounds(row);

	if (b.min == INT64_MIN && b.max == INT64_MAX) {
		str_add(out, "of at most 18 digits");
		return;
	}
	if (b.max == INT64_MAX) {
		str_add(out, "of at least ");
		conf_bound_format(row, b.min, out);
		return;
	}
	str_add(out, "from ");
	conf_bound_format(row, b.min, out);
	str_add(out, " to ");
	conf_bound_format(row, b.max, out);
}

/* -- types -- */

const struct conf_type_ops conf_type_bool = {
    .word = "true or false",
    .example = "true",
    .json = "\"type\": \"boolean\"",
    .size = sizeof(bool),
    .read = read_bool,
    .show = show_bool,
    .equal = equal_bool,
};

const struct conf_type_ops conf_type_u32 = {
    .word = "number",
    .size = sizeof(uint32_t),
    .read = read_u32,
    .show = show_u32,
    .equal = equal_u32,
};

const struct conf_type_ops conf_type_i64 = {
    .word = "number",
    .size = sizeof(int64_t),
    .read = read_i64,
    .show = show_i64,
    .equal = equal_i64,
};

const struct conf_type_ops conf_type_double = {
    .word = "number",
    .size = sizeof(double),
    .read = read_double,
    .show = show_double,
    .equal = equal_double,
};

const struct conf_type_ops conf_type_dur = {
    .word = "duration",
    .size = sizeof(dur_t),
    .read = read_dur,
    .show = show_dur,
    .equal = equal_i64,
};
