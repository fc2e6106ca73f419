/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of types, what their readers share, and the types that are more than a single value.
 *
 * A reader is handed the text as it stands in the file and decides by its row alone; whether YAML
 * would have taken it for a number, a date or a truth value never matters. Each says what it wants
 * and gives an example that the row would take. A reader that refuses leaves the member alone, so
 * that the default stays.
 *
 * The types themselves are in conf_numbers.c, conf_texts.c and conf_addresses.c. A new one is a
 * struct conf_type_ops there and a row in `types`.
 */
#include "conf/conf_priv.h"

#include <assert.h>

/* Reports "option: 'text' ..." and returns false. */
bool
conf_wrong(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node,
    const char *fmt, ...)
{
	struct str s = {0};
	va_list ap;

	va_start(ap, fmt);
	str_vprintf(&s, fmt, ap);
	va_end(ap);
	conf_error(ctx, node, "%s%s%s %s", row->key != NULL ? row->key : "",
	    row->key != NULL ? ": " : "", conf_quote(ctx, node->text), s.text);
	str_done(&s);
	return false;
}

/* The same, ending in an example from the row. */
bool
conf_wrong_type(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node,
    const char *what)
{
	struct str example = {0};

	conf_row_example(row, &example);
	conf_wrong(ctx, row, node, "%s like %s", what, str_text(&example));
	str_done(&example);
	return false;
}

bool
conf_wrong_range(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node)
{
	struct str bounds = {0};

	conf_bounds_format(row, &bounds);
	conf_wrong(ctx, row, node, "is out of range: write a %s %s", conf_type_ops(row)->word,
	    str_text(&bounds));
	str_done(&bounds);
	return false;
}

/* -- custom -- */

static bool
read_custom(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	size_t before = ctx->errors;

	row->custom->parse(ctx, node, member);
	return ctx->errors == before;
}

static void
show_custom(const struct conf_row *row, const void *member, struct str *out)
{
	row->custom->show(member, out);
}

static bool
equal_custom(const struct conf_row *row, const void *a, const void *b)
{
	struct str x = {0};
	struct str y = {0};
	bool equal;

	row->custom->show(a, &x);
	row->custom->show(b, &y);
	equal = str_equal(str_text(&x), str_text(&y));
	str_done(&x);
	str_done(&y);
	return equal;
}

/* -- the table -- */

static const struct conf_type_ops type_custom = {
    .whole = true,
    .read = read_custom,
    .show = show_custom,
    .equal = equal_custom,
};
static const struct conf_type_ops type_struct = {
    .word = "options",
    .size = sizeof(const void *),
    .whole = true,
    .read = conf_read_substruct,
    .show = conf_show_substruct,
    .equal = conf_equal_substruct,
};
static const struct conf_type_ops type_map = {
    .word = "names with options",
    .example = "{NAME: ...}",
    .size = sizeof(struct conf_map),
    .whole = true,
    .read = conf_read_map,
    .show = conf_show_map,
    .equal = conf_equal_map,
};

static const struct conf_type_ops *const types[] = {
    [CONF_BOOL] = &conf_type_bool,
    [CONF_U32] = &conf_type_u32,
    [CONF_I64] = &conf_type_i64,
    [CONF_DOUBLE] = &conf_type_double,
    [CONF_DUR] = &conf_type_dur,
    [CONF_STRING] = &conf_type_string,
    [CONF_ENUM] = &conf_type_enum,
    [CONF_FLAGS] = &conf_type_flags,
    [CONF_ADDR] = &conf_type_addr,
    [CONF_PREFIX] = &conf_type_prefix,
    [CONF_ENDPOINT] = &conf_type_endpoint,
    [CONF_CUSTOM] = &type_custom,
    [CONF_STRUCT] = &type_struct,
    [CONF_MAP] = &type_map,
    [CONF_VARIANT] = &type_map,
};

const struct conf_type_ops *
conf_type_ops(const struct conf_row *row)
{
	assert(row->type > CONF_END && row->type < CONF_LATER);
	return types[row->type];
}

size_t
conf_member_size(const struct conf_row *row)
{
	return row->type == CONF_CUSTOM ? row->custom->size : conf_type_ops(row)->size;
}

bool
conf_need_scalar(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node)
{
	struct str example = {0};

	if (node->kind == CONF_SCALAR && !conf_node_is_empty(node))
		return true;
	conf_row_example(row, &example);
	conf_error(ctx, node, "%s%sa single value is needed, like %s: here is %s",
	    row->key != NULL ? row->key : "", row->key != NULL ? ": " : "", str_text(&example),
	    conf_node_kind_str(node));
	str_done(&example);
	return false;
}

bool
conf_read_scalar(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *out)
{
	const struct conf_type_ops *ops = conf_type_ops(row);

	if (!ops->whole && !conf_need_scalar(ctx, row, node))
		return false;
	return ops->read(ctx, row, node, out);
}

/* -- for messages and the reference -- */

void
conf_choices_format(const struct conf_choice *choices, struct str *out)
{
	for (size_t i = 0; choices[i].word != NULL; i++)
		str_printf(out, "%s%s", i > 0 ? ", " : "", choices[i].word);
}

static int64_t
clamp(int64_t value, struct conf_bounds b)
{
	if (value < b.min)
		return b.min;
	return value > b.max ? b.max : value;
}

void
conf_row_example(const struct conf_row *row, struct str *out)
{
	const char *fixed = conf_type_ops(row)->example;

	switch (row->type) {
	case CONF_CUSTOM: str_add(out, row->custom->syntax); return;
	case CONF_ENUM:
	case CONF_FLAGS: str_add(out, row->choices[0].word); return;
	case CONF_U32:
	case CONF_I64:
	case CONF_DOUBLE: conf_bound_format(row, clamp(3, conf_row_bounds(row)), out); return;
	case CONF_DUR:
		conf_bound_format(row, clamp(300 * DUR_MS, conf_row_bounds(row)), out);
		return;
	case CONF_STRUCT:
		str_printf(
		    out, "{%s: ...}", row->sub->variants != NULL ? "type" : row->sub->rows[0].key);
		return;
	case CONF_ENDPOINT: str_add(out, row->min > 0 ? "192.0.2.53" : fixed); return;
	default: str_add(out, fixed); return;
	}
}
