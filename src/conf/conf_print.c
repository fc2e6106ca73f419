/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The normal form: a configuration written back as YAML.
 *
 * Structs and maps become blocks, lists of values stand in brackets; options come in the order of
 * the rows, with a variant's own before the common ones. Text is put in quotes as soon as any
 * reader of YAML could take it for something else. Loading the normal form gives an equal
 * configuration, with one exception: a secret is written as a comment, so that what is shown to
 * people or attached to a report neither tells it nor loads with a wrong one.
 *
 * Which options differ from their defaults is found by comparing with a struct that holds nothing
 * but defaults, made once for each schema while printing.
 */
#include "conf/conf_priv.h"

#include <string.h>
#include <strings.h>

#define INDENT 2

/* A struct with the defaults of `rows`. */
struct dflt_obj {
	struct dflt_obj *next;
	const struct conf_row *rows;
	void *obj;
};

enum form { FORM_FLOW, FORM_BLOCK };

struct printer {
	enum form form;
	enum conf_show what;
	struct arena *arena;
	struct dflt_obj *dflts;
};

enum shown { SHOWN_NOT, SHOWN_HIDDEN, SHOWN };

static size_t print_body(struct printer *p, const struct conf_schema *schema, const void *obj,
    unsigned indent, struct str *out);

/* -- scalars -- */

static bool
is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Needs no quotes, in a block or in brackets. */
static bool
is_plain(const char *text)
{
	static const char safe[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+-";
	static const char first[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/";
	const char *start = text[0] == '+' || text[0] == '-' ? text + 1 : text;

	if (*start == '\0' || strspn(text, safe) != strlen(text))
		return false;
	if (start != text)
		return *start >= '0' && *start <= '9';
	return strchr(first, *start) != NULL;
}

/* Characters that a quoted text cannot have as they are (YAML 1.2.2, sections 5.1 and 5.4). */
static bool
needs_escape(uint32_t c)
{
	return c < 0x20 || c == '"' || c == '\\' || (c >= 0x7f && c <= 0x9f) || c == 0x2028 ||
	       c == 0x2029 || c == 0xfeff || c == 0xfffe || c == 0xffff;
}

static void
print_quoted(const char *text, struct str *out)
{
	size_t left = strlen(text);
	uint32_t code = 0;

	str_add(out, "\"");
	while (left > 0) {
		size_t len = conf_utf8_len((const unsigned char *)text, left, &code);

		if (len == 0) { /* cannot come from a file; shown, not hidden */
			len = 1;
			code = 0xfffd;
			str_add(out, "\\uFFFD");
		} else if (!needs_escape(code)) {
			str_addn(out, text, len);
		} else if (code == '"' || code == '\\') {
			str_printf(out, "\\%c", (char)code);
		} else if (code == '\n' || code == '\r' || code == '\t') {
			str_add(out, code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t");
		} else {
			str_printf(out, "\\u%04X", code);
		}
		text += len;
		left -= len;
	}
	str_add(out, "\"");
}

void
conf_print_scalar(const char *text, struct str *out)
{
	if (is_plain(text))
		str_add(out, text);
	else
		print_quoted(text, out);
}

void
conf_print_string(const char *text, struct str *out)
{
	static const char *const words[] = {
	    "true", "false", "yes", "no", "on", "off", "y", "n", "null", NULL};
	bool plain = is_letter(text[0]) || text[0] == '/';

	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcasecmp(words[i], text) == 0)
			plain = false;
	}
	if (plain)
		conf_print_scalar(text, out);
	else
		print_quoted(text, out);
}

/* -- which options -- */

static const char *
dflts_of(struct printer *p, const struct conf_schema *schema)
{
	struct dflt_obj *d = p->dflts;

	while (d != NULL && d->rows != schema->rows)
		d = d->next;
	if (d == NULL) {
		d = arena_alloc(p->arena, sizeof(*d));
		d->rows = schema->rows;
		d->obj = arena_alloc(p->arena, schema->size);
		conf_read_defaults(p->arena, schema->rows, d->obj);
		d->next = p->dflts;
		p->dflts = d;
	}
	return d->obj;
}

/* Does the option have lines of its own? */
static bool
is_block(const struct conf_row *row, const char *member)
{
	const void *const *obj = (const void *)member;
	const struct conf_list *list = (const void *)member;
	const struct conf_map *map = (const void *)member;

	if (row->type == CONF_MAP || row->type == CONF_VARIANT)
		return map->count > 0;
	if (row->type != CONF_STRUCT)
		return false;
	return (row->flags & CONF_LIST) != 0 ? list->count > 0 : *obj != NULL;
}

/* Is the option shown although its value is the default? Where there is no default and nothing was
 * written, a zero need not be a value at all, so only a truth value is. */
static bool
is_shown_anyway(const struct printer *p, const struct conf_row *row)
{
	if ((row->flags & CONF_REQUIRED) != 0)
		return true;
	return p->what == CONF_SHOW_ALL && (row->dflt != NULL || row->type == CONF_BOOL);
}

/* `text` gets the value as flow text; in blocks only when it has no lines of its own. */
static enum shown
is_shown(const struct printer *p, const struct conf_row *row, const char *obj, const char *dflts,
    struct str *text)
{
	bool same = row->type == CONF_LATER ||
		    conf_equal_member(row, obj + row->offset, dflts + row->offset);
	bool secret = (row->flags & CONF_SECRET) != 0;

	str_clear(text);
	if (same && (secret || !is_shown_anyway(p, row)))
		return SHOWN_NOT;
	if (secret)
		return SHOWN_HIDDEN;
	if (p->form == FORM_BLOCK && is_block(row, obj + row->offset))
		return SHOWN;
	conf_show_member(row, obj + row->offset, text);
	return text->len > 0 ? SHOWN : SHOWN_NOT;
}

/* -- flow -- */

static void
print_flow_rows(struct printer *p, const struct conf_schema *schema, const char *obj,
    const char **comma, struct str *out)
{
	const char *dflts = dflts_of(p, schema);
	struct str text = {0};

	for (const struct conf_row *row = schema->rows; row->type != CONF_END; row++) {
		if (is_shown(p, row, obj, dflts, &text) != SHOWN)
			continue;
		str_printf(out, "%s%s: %s", *comma, row->key, str_text(&text));
		*comma = ", ";
	}
	str_done(&text);
}

void
conf_print_flow(const struct conf_schema *schema, const void *obj, struct str *out)
{
	struct printer p = {.form = FORM_FLOW, .what = CONF_SHOW_SET, .arena = arena_new()};
	const struct conf_variant *variant = conf_variant_of(schema, obj);
	const char *comma = "";

	str_add(out, "{");
	if (variant != NULL) {
		str_add(out, "type: ");
		conf_print_scalar(variant->type, out);
		comma = ", ";
		print_flow_rows(
		    &p, variant->schema, conf_variant_conf_of(schema, obj), &comma, out);
	}
	print_flow_rows(&p, schema, obj, &comma, out);
	str_add(out, "}");
	arena_free(p.arena);
}

void
conf_show_substruct(const struct conf_row *row, const void *member, struct str *out)
{
	const void *obj = *(const void *const *)member;

	if (obj != NULL)
		conf_print_flow(row->sub, obj, out);
}

void
conf_show_map(const struct conf_row *row, const void *member, struct str *out)
{
	const struct conf_map *map = member;

	str_add(out, "{");
	for (size_t i = 0; i < map->count; i++) {
		str_add(out, i > 0 ? ", " : "");
		conf_print_scalar(map->entries[i].name, out);
		str_add(out, ": ");
		conf_print_flow(row->sub, map->entries[i].value, out);
	}
	str_add(out, "}");
}

void
conf_show_member(const struct conf_row *row, const void *member, struct str *out)
{
	const struct conf_type_ops *ops = conf_type_ops(row);
	const struct conf_list *list = member;

	if ((row->flags & CONF_LIST) == 0) {
		ops->show(row, member, out);
		return;
	}
	if (list->count == 0 && (row->flags & CONF_REQUIRED) != 0)
		return;
	str_add(out, "[");
	for (size_t i = 0; i < list->count; i++) {
		str_add(out, i > 0 ? ", " : "");
		ops->show(row, (const char *)list->items + i * conf_member_size(row), out);
	}
	str_add(out, "]");
}

/* -- blocks -- */

static void
print_indent(unsigned indent, struct str *out)
{
	str_printf(out, "%*s", (int)indent, "");
}

/* "name:" and the struct's options below it. */
static void
print_block(struct printer *p, const char *name, const struct conf_schema *schema, const void *obj,
    unsigned indent, struct str *out)
{
	struct str body = {0};
	size_t options = print_body(p, schema, obj, indent + INDENT, &body);

	print_indent(indent, out);
	conf_print_scalar(name, out);
	str_add(out, options > 0 ? ":\n" : ": {}\n");
	str_add(out, str_text(&body));
	str_done(&body);
}

/* "- " and the struct's options behind it. */
static void
print_item(struct printer *p, const struct conf_schema *schema, const void *obj, unsigned indent,
    struct str *out)
{
	struct str body = {0};
	size_t options = print_body(p, schema, obj, indent + INDENT, &body);

	if (options > 0) {
		body.text[indent] = '-';
	} else {
		print_indent(indent, out);
		str_add(out, "- {}\n");
	}
	str_add(out, str_text(&body));
	str_done(&body);
}

static void
print_option(struct printer *p, const struct conf_row *row, const char *member, unsigned indent,
    struct str *out)
{
	const struct conf_list *list = (const void *)member;
	const struct conf_map *map = (const void *)member;

	if (row->type == CONF_STRUCT && (row->flags & CONF_LIST) == 0) {
		print_block(
		    p, row->key, row->sub, *(const void *const *)(const void *)member, indent, out);
		return;
	}
	print_indent(indent, out);
	str_printf(out, "%s:\n", row->key);
	if (row->type == CONF_STRUCT) {
		const void *const *items = list->items;

		for (size_t i = 0; i < list->count; i++)
			print_item(p, row->sub, items[i], indent + INDENT, out);
		return;
	}
	for (size_t i = 0; i < map->count; i++)
		print_block(
		    p, map->entries[i].name, row->sub, map->entries[i].value, indent + INDENT, out);
}

static size_t
print_rows(struct printer *p, const struct conf_schema *schema, const char *obj, unsigned indent,
    struct str *out)
{
	const char *dflts = dflts_of(p, schema);
	struct str text = {0};
	size_t options = 0;

	for (const struct conf_row *row = schema->rows; row->type != CONF_END; row++) {
		enum shown shown = is_shown(p, row, obj, dflts, &text);

		if (shown == SHOWN_NOT)
			continue;
		if (shown == SHOWN_HIDDEN) {
			print_indent(indent, out);
			str_printf(out, "# %s: \"(hidden)\"\n", row->key);
			continue;
		}
		options++;
		if (is_block(row, obj + row->offset)) {
			print_option(p, row, obj + row->offset, indent, out);
		} else {
			print_indent(indent, out);
			str_printf(out, "%s: %s\n", row->key, str_text(&text));
		}
	}
	str_done(&text);
	return options;
}

/* Returns how many options were written; comments do not count. */
static size_t
print_body(struct printer *p, const struct conf_schema *schema, const void *obj, unsigned indent,
    struct str *out)
{
	const struct conf_variant *variant = conf_variant_of(schema, obj);
	size_t options = 0;

	if (variant != NULL) {
		print_indent(indent, out);
		str_add(out, "type: ");
		conf_print_scalar(variant->type, out);
		str_add(out, "\n");
		options = 1 + print_rows(p, variant->schema, conf_variant_conf_of(schema, obj),
				  indent, out);
	}
	return options + print_rows(p, schema, obj, indent, out);
}

void
conf_print(const struct conf_schema *schema, const void *obj, enum conf_show what, struct str *out)
{
	struct printer p = {.form = FORM_BLOCK, .what = what, .arena = arena_new()};
	struct str body = {0};

	if (print_body(&p, schema, obj, 0, &body) == 0)
		str_add(out, "{}\n");
	str_add(out, str_text(&body));
	str_done(&body);
	arena_free(p.arena);
}
