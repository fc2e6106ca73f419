/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command answers, as one JSON object:
 *
 *   {"ok": true,
 *    "tables": [{"title": "...", "columns": [{"key", "head", "unit"}...], "rows": [{...}...]}...],
 *    "lines": [{"level": 0, "text": "..."}...]}
 *   {"ok": false, "error": "...", "usage": true}         "usage" only when that is the trouble
 *
 * A successful answer may end with "again": {"after_ms": 500, "words": "history --since 17"}: the
 * client asks that next, if it wants to go on.
 *
 * A table says which columns it has and what their values mean, so that whoever renders it needs to
 * know nothing of the command. Text that came from outside is made valid UTF-8 before it goes in.
 *
 * The answer owns the whole tree; whoever takes `root` away sets it to NULL.
 */
#include "core/answer.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const answer_units[] = {
    [ANSWER_TEXT] = "text",
    [ANSWER_NUMBER] = "number",
    [ANSWER_DURATION] = "duration",
    [ANSWER_AGO] = "ago",
    [ANSWER_TIME] = "time",
    [ANSWER_STATE] = "state",
};

/* jansson reports only a lack of memory here, and text that is not UTF-8, which was cleaned. */
static void
answer_put(json_t *object, const char *key, json_t *value)
{
	if (json_object_set_new(object, key, value) != 0)
		abort();
}

static json_t *
answer_push(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) != 0)
		abort();
	return value;
}

static json_t *
answer_text(const char *text)
{
	char *copy;
	json_t *value;

	if (text == NULL)
		return json_null();
	copy = mem_strdup(text);
	str_sanitise(copy);
	value = json_string(copy);
	free(copy);
	return value;
}

/* The same for a message of several lines: their ends are meant. */
static json_t *
answer_lines(const char *text)
{
	char *copy = mem_strdup(text);
	json_t *value;

	for (char *at = copy, *end; at != NULL; at = end) {
		end = strchr(at, '\n');
		if (end != NULL)
			*end = '\0';
		str_sanitise(at);
		if (end != NULL)
			*end++ = '\n';
	}
	value = json_string(copy);
	free(copy);
	return value;
}

void
answer_init(struct answer *a)
{
	*a = (struct answer){.root = json_object()};
	answer_put(a->root, "ok", json_true());
	answer_put(a->root, "tables", json_array());
	answer_put(a->root, "lines", json_array());
}

void
answer_done(struct answer *a)
{
	json_decref(a->root);
	*a = (struct answer){0};
}

void
answer_table(struct answer *a, const char *title, const struct answer_column *columns)
{
	json_t *heads = json_array();

	if (a->failed) {
		json_decref(heads);
		return;
	}
	a->table = answer_push(json_object_get(a->root, "tables"), json_object());
	a->row = NULL;
	answer_put(a->table, "title", answer_text(title));
	answer_put(a->table, "columns", heads);
	answer_put(a->table, "rows", json_array());
	for (; columns->key != NULL; columns++) {
		json_t *head = answer_push(heads, json_object());

		answer_put(head, "key", answer_text(columns->key));
		answer_put(head, "head", answer_text(columns->head));
		answer_put(head, "unit", answer_text(answer_units[columns->unit]));
	}
}

void
answer_row(struct answer *a)
{
	if (a->failed)
		return;
	assert(a->table != NULL);
	a->row = answer_push(json_object_get(a->table, "rows"), json_object());
}

static void
answer_value(struct answer *a, const char *key, json_t *value)
{
	if (a->failed) {
		json_decref(value);
		return;
	}
	assert(a->row != NULL);
	answer_put(a->row, key, value);
}

void
answer_str(struct answer *a, const char *key, const char *value)
{
	answer_value(a, key, answer_text(value));
}

void
answer_fmt(struct answer *a, const char *key, const char *fmt, ...)
{
	struct str text = {0};
	va_list ap;

	va_start(ap, fmt);
	str_vprintf(&text, fmt, ap);
	va_end(ap);
	answer_str(a, key, str_text(&text));
	str_done(&text);
}

void
answer_int(struct answer *a, const char *key, int64_t value)
{
	answer_value(a, key, json_integer(value));
}

void
answer_bool(struct answer *a, const char *key, bool value)
{
	answer_value(a, key, json_boolean(value));
}

void
answer_addr(struct answer *a, const char *key, const struct addr *addr)
{
	char text[ADDR_TEXT];

	answer_str(a, key, addr_format(addr, text, sizeof(text)));
}

void
answer_prefix(struct answer *a, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];

	answer_str(a, key, prefix_format(p, text, sizeof(text)));
}

void
answer_line(struct answer *a, unsigned level, const char *fmt, ...)
{
	struct str text = {0};
	json_t *line;
	va_list ap;

	if (a->failed)
		return;
	va_start(ap, fmt);
	str_vprintf(&text, fmt, ap);
	va_end(ap);
	line = answer_push(json_object_get(a->root, "lines"), json_object());
	answer_put(line, "level", json_integer(level));
	answer_put(line, "text", answer_text(str_text(&text)));
	str_done(&text);
}

void
answer_again(struct answer *a, unsigned after_ms, const char *fmt, ...)
{
	struct str words = {0};
	json_t *again;
	va_list ap;

	if (a->failed)
		return;
	va_start(ap, fmt);
	str_vprintf(&words, fmt, ap);
	va_end(ap);
	again = json_object();
	answer_put(again, "after_ms", json_integer(after_ms));
	answer_put(again, "words", answer_text(str_text(&words)));
	answer_put(a->root, "again", again);
	str_done(&words);
}

void
answer_usage(struct answer *a)
{
	assert(a->failed);
	answer_put(a->root, "usage", json_true());
}

void
answer_fail(struct answer *a, const char *fmt, ...)
{
	struct str text = {0};
	va_list ap;

	if (a->failed) /* the first failure is the one that explains */
		return;
	va_start(ap, fmt);
	str_vprintf(&text, fmt, ap);
	va_end(ap);
	json_object_clear(a->root);
	answer_put(a->root, "ok", json_false());
	answer_put(a->root, "error", answer_lines(str_text(&text)));
	a->failed = true;
	a->table = NULL;
	a->row = NULL;
	str_done(&text);
}
