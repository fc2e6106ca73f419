/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts and words: strings, one word of a table, several words of a table.
 *
 * A string keeps exactly the bytes that were written. A table of words (struct conf_choice) serves
 * the reader, the messages with their suggestions, the reference and the JSON Schema.
 */
#include "conf/conf_priv.h"

#include <inttypes.h>
#include <string.h>

#define STRING_MAX 255

static bool
read_string(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	size_t len = strlen(node->text);
	size_t max = row->max > 0 ? (size_t)row->max : STRING_MAX;

	if (len > max)
		return conf_wrong(ctx, row, node, "is too long: %zu bytes are allowed", max);
	if (len < (size_t)row->min)
		return conf_wrong(ctx, row, node, "is too short: write at least %" PRId64 " byte%s",
		    row->min, row->min == 1 ? "" : "s");
	*(const char **)member = node->text;
	return true;
}

static void
show_string(const struct conf_row *row, const void *member, struct str *out)
{
	const char *text = *(const char *const *)member;

	if (text != NULL)
		conf_print_string(text, out);
}

static bool
equal_string(const struct conf_row *row, const void *a, const void *b)
{
	const char *x = *(const char *const *)a;
	const char *y = *(const char *const *)b;

	if (x == NULL || y == NULL)
		return x == y;
	return str_equal(x, y);
}

static const struct conf_choice *
choice_by_word(const struct conf_choice *choices, const char *word)
{
	for (; choices->word != NULL; choices++) {
		if (str_equal(choices->word, word))
			return choices;
	}
	return NULL;
}

static bool
read_enum(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	const struct conf_choice *found = choice_by_word(row->choices, node->text);
	struct str list = {0};
	const char **words;
	size_t count = 0;

	if (found != NULL) {
		*(int *)member = found->value;
		return true;
	}
	while (row->choices[count].word != NULL)
		count++;
	words = arena_alloc(ctx->arena, (count + 1) * sizeof(words[0]));
	for (size_t i = 0; i < count; i++)
		words[i] = row->choices[i].word;
	conf_choices_format(row->choices, &list);
	conf_wrong(ctx, row, node, "is not known: write %s%s%s", count > 1 ? "one of " : "",
	    str_text(&list), conf_suggest(ctx, node->text, words));
	str_done(&list);
	return false;
}

static void
show_enum(const struct conf_row *row, const void *member, struct str *out)
{
	for (const struct conf_choice *c = row->choices; c->word != NULL; c++) {
		if (c->value == *(const int *)member) {
			conf_print_scalar(c->word, out);
			return;
		}
	}
}

static bool
equal_enum(const struct conf_row *row, const void *a, const void *b)
{
	return *(const int *)a == *(const int *)b;
}

static bool
read_flags(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	size_t before = ctx->errors;
	uint32_t flags = 0;
	int one = 0;

	if (node->kind != CONF_SEQUENCE && !conf_node_is_empty(node)) {
		if (!conf_need_scalar(ctx, row, node) || !read_enum(ctx, row, node, &one))
			return false;
		flags = (uint32_t)one;
	}
	for (size_t i = 0; i < node->count && node->kind == CONF_SEQUENCE; i++) {
		const struct conf_node *item = node->pairs[i].value;

		if (conf_need_scalar(ctx, row, item) && read_enum(ctx, row, item, &one))
			flags |= (uint32_t)one;
	}
	if (ctx->errors > before)
		return false;
	*(uint32_t *)member = flags;
	return true;
}

static bool
equal_flags(const struct conf_row *row, const void *a, const void *b)
{
	return *(const uint32_t *)a == *(const uint32_t *)b;
}

static void
show_flags(const struct conf_row *row, const void *member, struct str *out)
{
	uint32_t left = *(const uint32_t *)member;
	const char *comma = "";

	str_add(out, "[");
	for (const struct conf_choice *c = row->choices; c->word != NULL; c++) {
		uint32_t bits = (uint32_t)c->value;

		if ((bits & left) == 0 || (bits & ~*(const uint32_t *)member) != 0)
			continue;
		left &= ~bits;
		str_add(out, comma);
		conf_print_scalar(c->word, out);
		comma = ", ";
	}
	str_add(out, "]");
}

const struct conf_type_ops conf_type_string = {
    .word = "text",
    .example = "TEXT",
    .size = sizeof(const char *),
    .read = read_string,
    .show = show_string,
    .equal = equal_string,
};

const struct conf_type_ops conf_type_enum = {
    .word = "word",
    .size = sizeof(int),
    .read = read_enum,
    .show = show_enum,
    .equal = equal_enum,
};

const struct conf_type_ops conf_type_flags = {
    .word = "list of words",
    .size = sizeof(uint32_t),
    .whole = true,
    .read = read_flags,
    .show = show_flags,
    .equal = equal_flags,
};
