/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the rows themselves, for the tests of whoever writes schemas: what would otherwise be
 * found by the first person who writes the option, or by an assertion at start-up.
 */
#include "conf/conf_priv.h"

#include <string.h>

struct lint {
	const char *section;
	const struct conf_schema *schema;
	struct str *out;
};

static void complain(const struct lint *l, const struct conf_row *row, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void
complain(const struct lint *l, const struct conf_row *row, const char *fmt, ...)
{
	va_list ap;

	str_printf(
	    l->out, "%s%s%s: ", l->section, row != NULL ? "." : "", row != NULL ? row->key : "");
	va_start(ap, fmt);
	str_vprintf(l->out, fmt, ap);
	va_end(ap);
	str_add(l->out, "\n");
}

/* What the type cannot do without. */
static void
lint_needs(const struct lint *l, const struct conf_row *row)
{
	bool words = row->type == CONF_ENUM || row->type == CONF_FLAGS;
	bool map = row->type == CONF_MAP || row->type == CONF_VARIANT;

	if (words && (row->choices == NULL || row->choices[0].word == NULL))
		complain(l, row, "needs choices");
	if ((map || row->type == CONF_STRUCT) && row->sub == NULL)
		complain(l, row, "needs a sub-schema");
	if (row->type == CONF_VARIANT && row->sub != NULL && row->sub->variants == NULL)
		complain(l, row, "its sub-schema needs variants");
	if (row->type == CONF_CUSTOM &&
	    (row->custom == NULL || row->custom->parse == NULL || row->custom->show == NULL ||
		row->custom->syntax == NULL))
		complain(l, row, "needs a custom type with parse, show and syntax");
	else if (row->type == CONF_CUSTOM && (row->flags & CONF_LIST) != 0 &&
		 row->custom->size == 0)
		complain(l, row, "a list of a custom type needs its size");
	if ((row->flags & CONF_LIST) != 0 && (map || row->type == CONF_FLAGS))
		complain(l, row, "cannot be a list");
	if (row->type == CONF_ENDPOINT && (row->min < 0 || row->min > 65535))
		complain(l, row, "its port is not one");
	if (row->max != 0 && row->min > row->max)
		complain(l, row, "its least value is above its greatest");
}

/* The member must lie inside the struct. */
static void
lint_place(const struct lint *l, const struct conf_row *row)
{
	size_t size =
	    (row->flags & CONF_LIST) != 0 ? sizeof(struct conf_list) : conf_member_size(row);

	if (row->offset + size > l->schema->size)
		complain(l, row, "lies outside its struct");
}

static void
lint_default(const struct lint *l, const struct conf_row *row)
{
	struct diag diag;
	struct conf_ctx ctx = {.arena = arena_new(), .diag = &diag, .file = row->key};
	char *obj = arena_alloc(ctx.arena, l->schema->size);
	const struct conf_node *node;

	diag_init(&diag);
	if ((row->flags & CONF_REQUIRED) != 0)
		complain(l, row, "is required and has a default");
	node = conf_default_node(&ctx, row);
	if (node != NULL)
		conf_read_member(&ctx, row, node, obj + row->offset);
	if (ctx.errors > 0)
		complain(l, row, "its default is refused: %s", diag.entries[0].message);
	diag_done(&diag);
	arena_free(ctx.arena);
}

static void
lint_row(const struct lint *l, const struct conf_row *row)
{
	if (row->doc == NULL || row->doc[0] == '\0')
		complain(l, row, "needs a doc");
	else if (row->doc[strlen(row->doc) - 1] != '.')
		complain(l, row, "its doc does not end as a sentence");
	if (row->type != CONF_LATER) {
		size_t before = l->out->len;

		lint_needs(l, row);
		if (l->out->len > before)
			return;
		lint_place(l, row);
		if (row->dflt != NULL)
			lint_default(l, row);
	}
}

static void
lint_keys(const struct lint *l, const struct conf_row *rows, const struct conf_row *others)
{
	for (const struct conf_row *row = rows; row->type != CONF_END; row++) {
		if (conf_row_find(rows, row->key) != row)
			complain(l, row, "is there twice");
		if (others != NULL && conf_row_find(others, row->key) != NULL)
			complain(l, row, "is a common option, too");
		if (others != NULL && str_equal(row->key, "type"))
			complain(l, row, "this key picks the variant");
	}
}

static void
lint_section(const struct conf_section *s, struct str *out)
{
	struct lint l = {.section = s->name, .out = out};

	l.schema = s->variant != NULL ? s->variant->schema : s->schema;
	if (l.schema->doc == NULL)
		complain(&l, NULL, "needs a doc");
	lint_keys(&l, l.schema->rows, s->variant != NULL ? s->schema->rows : NULL);
	if (s->variant == NULL && s->schema->variants != NULL &&
	    conf_row_find(s->schema->rows, "type") != NULL)
		complain(&l, NULL, "'type' picks the variant and cannot be an option");
	for (const struct conf_row *row = l.schema->rows; row->type != CONF_END; row++)
		lint_row(&l, row);
}

void
conf_lint(const struct conf_schema *root, struct str *out)
{
	struct conf_sections sections;

	conf_sections_init(&sections, root);
	for (size_t i = 0; i < sections.count; i++)
		lint_section(&sections.items[i], out);
	conf_sections_done(&sections);
}
