/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text exposition format, version 0.0.4, as Prometheus documents it under "Exposition
 * formats".
 *
 * The writer owns nothing: text goes straight into the caller's str. Label values escape backslash,
 * quote and newline; help texts escape backslash and newline. A byte that a name must not have
 * becomes '_', so that no label or family can break the page for all others.
 *
 * Numbers are written with as few digits as read back to the same value.
 */
#include "base/metric.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_INTEGER 9007199254740992.0 /* 2^53: up to here every whole number is a double */

static const char *const type_words[] = {
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
};

void
metric_init(struct metric_writer *m, struct str *out)
{
	*m = (struct metric_writer){.out = out};
}

static void
add_name(struct str *out, const char *name)
{
	size_t start = out->len;

	str_add(out, name);
	for (char *c = out->text + start; *c != '\0'; c++) {
		bool digit = *c >= '0' && *c <= '9';
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';

		if (!letter && (!digit || c == out->text + start))
			*c = '_';
	}
}

/* Adds `text` with a backslash before each of `special`; a newline becomes "\n". */
static void
add_escaped(struct str *out, const char *text, const char *special)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, special);

		str_addn(out, text, plain);
		text += plain;
		if (*text == '\0')
			return;
		str_add(out, "\\");
		str_addn(out, *text == '\n' ? "n" : text, 1);
		text++;
	}
}

static void
add_value(struct str *out, double value)
{
	char text[32];

	if (isnan(value)) {
		str_add(out, "NaN");
		return;
	}
	if (isinf(value)) {
		str_add(out, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	if (fabs(value) <= EXACT_INTEGER && value == (double)(int64_t)value) {
		str_printf(out, "%" PRId64, (int64_t)value);
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	str_add(out, text);
}

void
metric_family(struct metric_writer *m, const char *name, enum metric_type type, const char *help)
{
	m->family = name;
	str_add(m->out, "# HELP ");
	add_name(m->out, name);
	str_add(m->out, " ");
	add_escaped(m->out, help, "\\\n");
	str_add(m->out, "\n# TYPE ");
	add_name(m->out, name);
	str_printf(m->out, " %s\n", type_words[type]);
}

void
metric_sample(struct metric_writer *m, const struct metric_label *labels, double value)
{
	metric_sample_suffix(m, "", labels, value);
}

void
metric_sample_suffix(
    struct metric_writer *m, const char *suffix, const struct metric_label *labels, double value)
{
	const char *before = "{";

	assert(m->family != NULL);
	add_name(m->out, m->family);
	str_add(m->out, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		str_add(m->out, before);
		add_name(m->out, labels->name);
		str_add(m->out, "=\"");
		add_escaped(m->out, labels->value, "\\\"\n");
		str_add(m->out, "\"");
		before = ",";
	}
	if (*before == ',')
		str_add(m->out, "}");
	str_add(m->out, " ");
	add_value(m->out, value);
	str_add(m->out, "\n");
}
