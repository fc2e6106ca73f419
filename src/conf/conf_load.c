/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the tree to structs, along the rows of a schema.
 *
 * A struct first gets the defaults of all its rows, read by the same readers as a person's text,
 * then what the mapping says. What cannot be read is reported and keeps its default, and reading
 * goes on: all mistakes are told together.
 *
 * A mistake belongs to the struct whose option it is. The struct's check() runs when its own
 * options are right, even if something further down is wrong; so a name that dangles is reported
 * together with a wrong unit elsewhere, and a check never judges what was not read.
 *
 * A schema with variants has a key `type` that picks the variant; the rest of the mapping's keys
 * belong to the variant's rows or to the common ones.
 */
#include "conf/conf_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TYPE_KEY "type"
#define KEYS_MAX 160 /* bytes of a list of options in a message */

/* A mapping on its way into a struct. */
struct reading {
	struct conf_ctx *ctx;
	const struct conf_schema *schema;
	const struct conf_node *node;
	char *obj;
	const struct conf_variant *variant;
	char *variant_conf;
	bool type_wrong; /* there should be a variant, but we do not know which */
	bool wrong;      /* one of the struct's own options */
};

static void *
member_of(char *obj, const struct conf_row *row)
{
	return obj + row->offset;
}

const struct conf_row *
conf_row_find(const struct conf_row *rows, const char *key)
{
	for (; rows->type != CONF_END; rows++) {
		if (str_equal(rows->key, key))
			return rows;
	}
	return NULL;
}

/* -- lists -- */

static bool
need_list(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node)
{
	if (row->type != CONF_STRUCT || node->kind == CONF_SEQUENCE)
		return true;
	conf_error(
	    ctx, node, "%s: a list is needed: begin each of its mappings with '- '", row->key);
	return false;
}

static bool
read_list(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	const struct conf_pair lone = {.value = (struct conf_node *)(uintptr_t)node};
	const struct conf_pair *pairs = node->kind == CONF_SEQUENCE ? node->pairs : &lone;
	size_t count = node->kind == CONF_SEQUENCE ? node->count : 1;
	size_t size = conf_member_size(row);
	struct conf_list list = {0};
	bool fine = true;
	char *items;

	assert(size > 0 && row->type != CONF_MAP && row->type != CONF_VARIANT);
	if (conf_node_is_empty(node))
		count = 0;
	else if (!need_list(ctx, row, node))
		return false;
	if (count == 0 && (row->flags & CONF_REQUIRED) != 0) {
		struct str example = {0};

		conf_row_example(row, &example);
		conf_error(
		    ctx, node, "%s: at least one is needed, like %s", row->key, str_text(&example));
		str_done(&example);
		return false;
	}
	items = arena_alloc(ctx->arena, count * size);
	list.items = items;
	for (size_t i = 0; i < count; i++) {
		if (conf_read_scalar(ctx, row, pairs[i].value, items + list.count * size))
			list.count++;
		else
			fine = false;
	}
	*(struct conf_list *)member = list;
	return fine;
}

bool
conf_read_member(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	if ((row->flags & CONF_LIST) != 0)
		return read_list(ctx, row, node, member);
	return conf_read_scalar(ctx, row, node, member);
}

/* -- defaults -- */

/* A single value is taken as it is; what may be a list or a mapping is YAML. */
const struct conf_node *
conf_default_node(struct conf_ctx *ctx, const struct conf_row *row)
{
	bool whole = conf_type_ops(row)->whole || (row->flags & CONF_LIST) != 0;
	struct conf_node *node;

	if (whole && strpbrk(row->dflt, "[{\"'") != NULL)
		return conf_tree_parse(ctx, row->dflt, strlen(row->dflt));
	node = arena_alloc(ctx->arena, sizeof(*node));
	*node = (struct conf_node){.kind = CONF_SCALAR, .text = row->dflt, .quoted = true};
	return node;
}

void
conf_read_defaults(struct arena *arena, const struct conf_row *rows, void *obj)
{
	struct conf_ctx ctx = {.arena = arena, .file = ""};

	for (; rows->type != CONF_END; rows++) {
		if (rows->type == CONF_LATER || rows->dflt == NULL)
			continue;
		conf_read_member(&ctx, rows, conf_default_node(&ctx, rows), member_of(obj, rows));
	}
}

/* -- structs -- */

/* The variants' words as a list, for choosing and for messages. */
static const char *const *
variant_words(struct conf_ctx *ctx, const struct conf_schema *schema, struct str *list)
{
	const char **words;
	size_t count = 0;

	while (schema->variants[count] != NULL)
		count++;
	words = arena_alloc(ctx->arena, (count + 1) * sizeof(words[0]));
	for (size_t i = 0; i < count; i++) {
		words[i] = schema->variants[i]->type;
		str_printf(list, "%s%s", i > 0 ? ", " : "", words[i]);
	}
	return words;
}

static void
report_type(struct reading *r, const struct conf_node *type)
{
	struct str list = {0};
	const char *const *words = variant_words(r->ctx, r->schema, &list);

	r->wrong = r->type_wrong = true;
	if (type == NULL)
		conf_error(r->ctx, r->node, "'%s' is missing in %s: write one of %s", TYPE_KEY,
		    r->schema->name, str_text(&list));
	else if (type->kind != CONF_SCALAR)
		conf_error(r->ctx, type, "%s: a single word is needed, one of %s: here is %s",
		    TYPE_KEY, str_text(&list), conf_node_kind_str(type));
	else
		conf_error(r->ctx, type, "%s: %s is not known: write one of %s%s", TYPE_KEY,
		    conf_quote(r->ctx, type->text), str_text(&list),
		    conf_suggest(r->ctx, type->text, words));
	str_done(&list);
}

/* Finds the variant that `type` names and makes room for its options. */
static void
pick_variant(struct reading *r)
{
	const struct conf_node *type = conf_node_find(r->node, TYPE_KEY);

	if (type == NULL || type->kind != CONF_SCALAR) {
		report_type(r, type);
		return;
	}
	for (size_t i = 0; r->schema->variants[i] != NULL && r->variant == NULL; i++) {
		if (str_equal(r->schema->variants[i]->type, type->text))
			r->variant = r->schema->variants[i];
	}
	if (r->variant == NULL) {
		report_type(r, type);
		return;
	}
	r->variant_conf = arena_alloc(r->ctx->arena, r->variant->schema->size);
	conf_read_defaults(r->ctx->arena, r->variant->schema->rows, r->variant_conf);
	memcpy(r->obj + r->schema->variant_offset, &r->variant, sizeof(r->variant));
	memcpy(r->obj + r->schema->variant_conf_offset, &r->variant_conf, sizeof(r->variant_conf));
}

static size_t
add_keys(const char **keys, size_t count, const struct conf_row *rows)
{
	for (; rows->type != CONF_END; rows++) {
		if (rows->type != CONF_LATER)
			keys[count++] = rows->key;
	}
	return count;
}

static size_t
row_count(const struct conf_row *rows)
{
	size_t count = 0;

	while (rows[count].type != CONF_END)
		count++;
	return count;
}

/* " of type 'tcp' (it belongs to type dns)": the option of another variant. */
static const char *
belongs_elsewhere(struct reading *r, const char *key)
{
	struct str s = {0};
	const char *comma = "";
	const char *text;

	for (size_t i = 0; r->schema->variants != NULL && r->schema->variants[i] != NULL; i++) {
		if (conf_row_find(r->schema->variants[i]->schema->rows, key) == NULL)
			continue;
		if (s.len == 0)
			str_printf(&s, " of type '%s' (it is an option of type ", r->variant->type);
		str_printf(&s, "%s%s", comma, r->schema->variants[i]->type);
		comma = ", ";
	}
	if (s.len == 0)
		return NULL;
	str_add(&s, ")");
	text = arena_strdup(r->ctx->arena, s.text);
	str_done(&s);
	return text;
}

/* "; it has: up, down" when that is short enough to be read. */
static const char *
list_keys(struct conf_ctx *ctx, const char *const *keys)
{
	struct str s = {0};
	const char *text = "";

	for (size_t i = 0; keys[i] != NULL; i++)
		str_printf(&s, "%s%s", i > 0 ? ", " : "; it has: ", keys[i]);
	if (s.len > 0 && s.len <= KEYS_MAX)
		text = arena_strdup(ctx->arena, s.text);
	str_done(&s);
	return text;
}

static void
report_unknown(struct reading *r, const struct conf_node *key)
{
	const struct conf_row *more = r->variant != NULL ? r->variant->schema->rows : NULL;
	const char **keys;
	const char *hint = NULL;
	size_t count = 0;

	r->wrong = true;
	keys = arena_alloc(
	    r->ctx->arena, (row_count(r->schema->rows) + (more != NULL ? row_count(more) : 0) + 2) *
			       sizeof(keys[0]));
	if (more != NULL)
		hint = belongs_elsewhere(r, key->text);
	if (r->schema->variants != NULL)
		keys[count++] = TYPE_KEY;
	if (more != NULL)
		count = add_keys(keys, count, more);
	add_keys(keys, count, r->schema->rows);
	if (hint == NULL)
		hint = conf_suggest(r->ctx, key->text, keys);
	if (hint[0] == '\0')
		hint = list_keys(r->ctx, keys);
	conf_error(r->ctx, key, "unknown option %s in %s%s", conf_quote(r->ctx, key->text),
	    r->schema->name, hint);
}

/* The type is wrong, and some type has this option: we cannot judge it. */
static bool
may_be_known(const struct reading *r, const char *key)
{
	if (!r->type_wrong)
		return false;
	for (size_t i = 0; r->schema->variants[i] != NULL; i++) {
		if (conf_row_find(r->schema->variants[i]->schema->rows, key) != NULL)
			return true;
	}
	return false;
}

static void
read_pair(struct reading *r, const struct conf_pair *pair)
{
	const struct conf_row *row = NULL;
	char *obj = r->variant_conf;

	if (r->schema->variants != NULL && str_equal(pair->key->text, TYPE_KEY))
		return;
	if (r->variant != NULL)
		row = conf_row_find(r->variant->schema->rows, pair->key->text);
	if (row == NULL) {
		row = conf_row_find(r->schema->rows, pair->key->text);
		obj = r->obj;
	}
	if (row == NULL) {
		if (!may_be_known(r, pair->key->text))
			report_unknown(r, pair->key);
		return;
	}
	if (row->type == CONF_LATER) {
		conf_error(
		    r->ctx, pair->key, "'%s' is not in this version of nigh; remove it", row->key);
		r->wrong = true;
		return;
	}
	if (!conf_read_member(r->ctx, row, pair->value, member_of(obj, row)))
		r->wrong = true;
}

static void
check_required(struct reading *r, const struct conf_row *rows)
{
	struct str example = {0};

	for (; rows->type != CONF_END; rows++) {
		if ((rows->flags & CONF_REQUIRED) == 0 ||
		    conf_node_find(r->node, rows->key) != NULL)
			continue;
		r->wrong = true;
		str_clear(&example);
		str_add(&example, (rows->flags & CONF_LIST) != 0 ? "[" : "");
		conf_row_example(rows, &example);
		str_add(&example, (rows->flags & CONF_LIST) != 0 ? "]" : "");
		conf_error(r->ctx, r->node, "'%s' is missing in %s: write '%s: %s'", rows->key,
		    r->schema->name, rows->key, str_text(&example));
	}
	str_done(&example);
}

void
conf_read_struct(
    struct conf_ctx *ctx, const struct conf_schema *schema, const struct conf_node *node, void *obj)
{
	struct reading r = {.ctx = ctx, .schema = schema, .node = node, .obj = obj};

	conf_read_defaults(ctx->arena, schema->rows, obj);
	if (node->kind != CONF_MAPPING && !conf_node_is_empty(node)) {
		conf_error(ctx, node, "%s: a mapping of options is needed: here is %s",
		    schema->name, conf_node_kind_str(node));
		return;
	}
	if (schema->variants != NULL)
		pick_variant(&r);
	for (size_t i = 0; i < node->count; i++)
		read_pair(&r, &node->pairs[i]);
	if (r.variant != NULL)
		check_required(&r, r.variant->schema->rows);
	check_required(&r, schema->rows);
	if (r.wrong)
		return;
	if (r.variant != NULL && r.variant->schema->check != NULL)
		r.variant->schema->check(ctx, node, r.variant_conf);
	if (schema->check != NULL)
		schema->check(ctx, node, obj);
}

bool
conf_read_substruct(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	void *obj;

	if (node->kind != CONF_MAPPING && !conf_node_is_empty(node)) {
		conf_error(ctx, node, "%s: a mapping of options is needed ('%s: ...'): here is %s",
		    row->key, row->sub->variants != NULL ? TYPE_KEY : row->sub->rows[0].key,
		    conf_node_kind_str(node));
		return false;
	}
	obj = arena_alloc(ctx->arena, row->sub->size);
	conf_read_struct(ctx, row->sub, node, obj);
	*(const void **)member = obj;
	return true;
}

/* -- maps -- */

static void
check_name(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *key)
{
	static const char allowed[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:%-";
	size_t len = strlen(key->text);

	if (len > 0 && len <= CONF_NAME_MAX && strspn(key->text, allowed) == len)
		return;
	conf_error(ctx, key,
	    "%s: %s cannot be a name: use 1 to %d letters, digits and the characters _ . : %% -",
	    row->key, conf_quote(ctx, key->text), CONF_NAME_MAX);
}

static int
entry_cmp(const void *a, const void *b)
{
	const struct conf_map_entry *const *x = a;
	const struct conf_map_entry *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void
map_sort(struct conf_ctx *ctx, struct conf_map *m)
{
	const struct conf_map_entry **sorted =
	    arena_alloc(ctx->arena, m->count * sizeof(sorted[0]));

	for (size_t i = 0; i < m->count; i++)
		sorted[i] = &m->entries[i];
	qsort(sorted, m->count, sizeof(sorted[0]), entry_cmp);
	m->by_name = sorted;
}

bool
conf_read_map(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	struct conf_map_entry *entries;
	struct conf_map map;

	if (node->kind != CONF_MAPPING && !conf_node_is_empty(node)) {
		conf_error(ctx, node, "%s: a mapping of names is needed ('NAME: ...'): here is %s",
		    row->key, conf_node_kind_str(node));
		return false;
	}
	entries = arena_alloc(ctx->arena, node->count * sizeof(entries[0]));
	for (size_t i = 0; i < node->count; i++) {
		const struct conf_pair *pair = &node->pairs[i];
		void *obj = arena_alloc(ctx->arena, row->sub->size);

		check_name(ctx, row, pair->key);
		conf_read_struct(ctx, row->sub, pair->value, obj);
		entries[i] = (struct conf_map_entry){
		    .name = pair->key->text,
		    .value = obj,
		    .line = pair->key->line,
		    .column = pair->key->column,
		};
	}
	map = (struct conf_map){.entries = entries, .count = node->count};
	map_sort(ctx, &map);
	*(struct conf_map *)member = map;
	return true;
}
