/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples in Prometheus' text format.
 *
 * A text is lines; a line is empty, a comment (it begins with #), or a sample:
 *
 *	name{label="value",...} value [timestamp] [# exemplar]
 *
 * In label values \\, \" and \n stand for a backslash, a quote and a line's end. Values are what
 * strtod reads, NaN and the infinities with it. OpenMetrics (RFC draft of 2020) differs in what
 * stands behind the value, which is not looked at.
 *
 * Lines of other names are passed by after comparing the name. Every sample that the selector fits
 * must keep within the bounds: the first that does not is the one to be told of. NaN keeps within
 * none. The reader allocates nothing but the text of one line, which the caller owns.
 */
#include "probe/metric_msg.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_MAX 64 /* bytes of a number */

/* A place in a line or in a selector. */
struct cursor {
	const char *at;
	const char *end;
};

static bool
name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == ':';
}

static void
skip_blanks(struct cursor *c)
{
	while (c->at < c->end && (*c->at == ' ' || *c->at == '\t'))
		c->at++;
}

static bool
take(struct cursor *c, char expected)
{
	if (c->at == c->end || *c->at != expected)
		return false;
	c->at++;
	return true;
}

/* A name: its length, from c->at on before the call. 0: none. */
static size_t
take_name(struct cursor *c)
{
	const char *begin = c->at;

	if (c->at < c->end && isdigit((unsigned char)*c->at))
		return 0;
	while (c->at < c->end && name_char(*c->at))
		c->at++;
	return (size_t)(c->at - begin);
}

/* A value in quotes, without its escapes, into `out` (room for what is left of the text). False
 * when it does not end. */
static bool
take_quoted(struct cursor *c, char *out)
{
	if (!take(c, '"'))
		return false;
	while (c->at < c->end && *c->at != '"') {
		char ch = *c->at++;
		if (ch == '\\' && c->at < c->end) {
			ch = *c->at++;
			if (ch == 'n')
				ch = '\n';
		}
		*out++ = ch;
	}
	*out = '\0';
	return take(c, '"');
}

/* One `name="value"`; `value` has room for the whole text. */
static bool
take_label(struct cursor *c, const char **name, size_t *len, char *value)
{
	skip_blanks(c);
	*name = c->at;
	*len = take_name(c);
	skip_blanks(c);
	if (*len == 0 || !take(c, '='))
		return false;
	skip_blanks(c);
	return take_quoted(c, value);
}

/* Behind a label: true when another may follow; *fine is false when neither ',' nor '}' stands
 * there. */
static bool
more_labels(struct cursor *c, bool *fine)
{
	bool comma;

	skip_blanks(c);
	comma = take(c, ',');
	skip_blanks(c);
	*fine = true;
	if (take(c, '}'))
		return false;
	*fine = comma;
	return comma;
}

/* -- selectors -- */

static bool
selector_read(struct arena *a, const char *text, struct metric_selector *out)
{
	struct cursor c = {text, text + strlen(text)};
	struct metric_label labels[METRIC_LABELS_MAX];
	struct metric_selector s = {.text = arena_strdup(a, text)};
	char *value = arena_alloc(a, strlen(text) + 1);
	struct metric_label *copy;
	size_t len = take_name(&c);
	bool fine = true, more;

	if (len == 0)
		return false;
	s.name = arena_strndup(a, text, len);
	more = take(&c, '{');
	if (more) {
		skip_blanks(&c);
		more = !take(&c, '}');
	}
	while (more) {
		const char *name;
		if (s.label_count == METRIC_LABELS_MAX || !take_label(&c, &name, &len, value))
			return false;
		labels[s.label_count++] =
		    (struct metric_label){arena_strndup(a, name, len), arena_strdup(a, value)};
		more = more_labels(&c, &fine);
	}
	copy = arena_alloc(a, (s.label_count + 1) * sizeof(*copy));
	if (s.label_count > 0)
		memcpy(copy, labels, s.label_count * sizeof(*copy));
	s.labels = copy;
	*out = s;
	return fine && c.at == c.end;
}

static void
selector_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct metric_selector s;

	if (node->kind != CONF_SCALAR || !selector_read(conf_arena(ctx), node->text, &s))
		conf_error(ctx, node,
		    "a metric's name is needed, with labels if you like (%d at most): 'up' or "
		    "'up{job=\"node\"}'",
		    METRIC_LABELS_MAX);
	else
		*(struct metric_selector *)out = s;
}

static void
selector_show(const void *member, struct str *out)
{
	const struct metric_selector *s = member;

	if (s->text != NULL)
		conf_print_scalar(s->text, out);
}

const struct conf_custom metric_selector_custom = {
    .parse = selector_parse,
    .show = selector_show,
    .syntax = "up or up{job=\"node\"}",
    .json_schema = "{\"type\": \"string\"}",
    .size = sizeof(struct metric_selector),
};

/* -- bounds -- */

static void
bound_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	static const struct conf_row row = {.type = CONF_DOUBLE};
	struct metric_bound *b = out;
	double value;

	if (node->kind != CONF_SCALAR)
		conf_error(ctx, node, "a number is needed");
	else if (conf_read_scalar(ctx, &row, node, &value))
		*b = (struct metric_bound){arena_strdup(conf_arena(ctx), node->text), value};
}

static void
bound_show(const void *member, struct str *out)
{
	const struct metric_bound *b = member;

	if (b->text != NULL)
		conf_print_scalar(b->text, out);
}

const struct conf_custom metric_bound_custom = {
    .parse = bound_parse,
    .show = bound_show,
    .syntax = "number",
    .json_schema = "{\"type\": \"number\"}",
    .size = sizeof(struct metric_bound),
};

/* Does the value keep within what is expected? NaN does not. */
static bool
within(const struct metric_expect *e, double value)
{
	if (e == NULL)
		return true;
	return (e->above.text == NULL || value > e->above.value) &&
	       (e->below.text == NULL || value < e->below.value) &&
	       (e->equal.text == NULL || value == e->equal.value);
}

/* -- samples -- */

/* Marks the label in `wanted` when it is one that the selector asks for. */
static unsigned
label_bit(const struct metric_selector *s, const char *name, size_t len, const char *value)
{
	for (size_t i = 0; i < s->label_count; i++) {
		const struct metric_label *l = &s->labels[i];
		if (strlen(l->name) == len && memcmp(l->name, name, len) == 0 &&
		    strcmp(l->value, value) == 0)
			return 1u << i;
	}
	return 0;
}

/* Reads the labels, if any. False when they are malformed; *fits tells whether they are what the
 * selector asks for. */
static bool
read_labels(const struct metric_selector *s, struct cursor *c, bool *fits)
{
	char value[METRIC_LINE_MAX + 1];
	unsigned seen = 0;
	bool fine = true, more = take(c, '{');

	if (more) {
		skip_blanks(c);
		more = !take(c, '}');
	}
	while (more) {
		const char *name;
		size_t len;
		if (!take_label(c, &name, &len, value))
			return false;
		seen |= label_bit(s, name, len, value);
		more = more_labels(c, &fine);
	}
	*fits = seen == (1u << s->label_count) - 1;
	return fine;
}

/* The number behind name and labels. */
static bool
read_value(struct cursor *c, double *out)
{
	char text[VALUE_MAX];
	size_t len = 0;
	char *end;

	skip_blanks(c);
	while (c->at < c->end && *c->at != ' ' && *c->at != '\t') {
		if (len + 1 == sizeof(text))
			return false;
		text[len++] = *c->at++;
	}
	text[len] = '\0';
	*out = strtod(text, &end);
	return len > 0 && end == text + len;
}

static void
sample_seen(struct metric_scan *s, double value)
{
	bool good = within(s->expect, value);

	if (s->found == 0 || (!good && !s->broken))
		s->value = value;
	if (!good)
		s->broken = true;
	s->found++;
}

static void
read_line(struct metric_scan *s, const char *text, size_t len)
{
	struct cursor c = {text, text + len};
	size_t name_len = strlen(s->selector->name);
	double value;
	bool fits;

	if (len > 0 && text[len - 1] == '\r')
		c.end--;
	skip_blanks(&c);
	if ((size_t)(c.end - c.at) < name_len || memcmp(c.at, s->selector->name, name_len) != 0)
		return;
	c.at += name_len;
	if (c.at < c.end && name_char(*c.at))
		return; /* a longer name */
	skip_blanks(&c);
	if (!read_labels(s->selector, &c, &fits))
		s->malformed = true;
	else if (fits && !read_value(&c, &value))
		s->malformed = true;
	else if (fits)
		sample_seen(s, value);
}

/* -- the text -- */

void
metric_scan_init(struct metric_scan *s, const struct metric_selector *selector,
    const struct metric_expect *expect, struct str *line)
{
	*s = (struct metric_scan){.selector = selector, .expect = expect, .line = line};
}

/* A piece of a line; `ends` it or not. */
static void
line_piece(struct metric_scan *s, const char *text, size_t len, bool ends)
{
	if (s->too_long || s->line->len + len > METRIC_LINE_MAX) {
		s->too_long = !ends;
		str_clear(s->line);
		return;
	}
	if (ends && s->line->len == 0) {
		read_line(s, text, len);
		return;
	}
	str_addn(s->line, text, len);
	if (!ends)
		return;
	read_line(s, str_text(s->line), s->line->len);
	str_clear(s->line);
}

void
metric_scan_feed(struct metric_scan *s, const uint8_t *data, size_t len)
{
	const char *at = (const char *)data;

	while (len > 0) {
		const char *end = memchr(at, '\n', len);
		size_t piece = end != NULL ? (size_t)(end - at) : len;
		line_piece(s, at, piece, end != NULL);
		if (end != NULL)
			piece++;
		at += piece;
		len -= piece;
	}
}

static void say(struct probe_sample *sample, enum why why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
say(struct probe_sample *sample, enum why why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(sample->detail, sizeof(sample->detail), fmt, ap);
	va_end(ap);
	sample->why = why;
	sample->ok = why == WHY_OK;
}

/* "expected above 0.5" */
static void
say_expected(const struct metric_scan *s, struct probe_sample *sample)
{
	const struct metric_expect *e = s->expect;
	const struct {
		const struct metric_bound *bound;
		const char *word;
	} bounds[] = {{&e->above, "above"}, {&e->below, "below"}, {&e->equal, "equal to"}};
	size_t len = strlen(sample->detail);
	const char *before = ", expected ";

	for (size_t i = 0; i < ARRAY_LEN(bounds) && len < sizeof(sample->detail); i++) {
		if (bounds[i].bound->text == NULL)
			continue;
		snprintf(sample->detail + len, sizeof(sample->detail) - len, "%s%s %s", before,
		    bounds[i].word, bounds[i].bound->text);
		len += strlen(sample->detail + len);
		before = " and ";
	}
}

void
metric_scan_end(struct metric_scan *s, struct probe_sample *sample)
{
	line_piece(s, "", 0, true);
	if (s->broken) {
		say(sample, WHY_CONTENT, "%.40s %g", s->selector->name, s->value);
		say_expected(s, sample);
	} else if (s->malformed) {
		say(sample, WHY_MALFORMED, "a sample of %.60s could not be read",
		    s->selector->name);
	} else if (s->found == 0) {
		say(sample, WHY_CONTENT, "there is no %.80s", s->selector->text);
	} else if (s->found == 1) {
		say(sample, WHY_OK, "%.40s %g", s->selector->name, s->value);
	} else {
		say(sample, WHY_OK, "%.40s: %u samples, the first %g", s->selector->name, s->found,
		    s->value);
	}
}
