/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share.
 */
#ifndef CONF_CONF_PRIV_H
#define CONF_CONF_PRIV_H

#include "conf/conf.h"

#define CONF_DEPTH_MAX 32 /* levels of mappings and lists in a file */
#define CONF_NAME_MAX  63 /* bytes of an entry's name */

/* One run of the loader. Everything that it makes is in the arena. */
struct conf_ctx {
	struct arena *arena;
	struct diag *diag; /* NULL: reading defaults; a mistake there is a bug */
	const char *file;
	size_t errors;
};

/* -- conf.c -- */

/* `text` in single quotes for a message, clipped when it is long. In the arena. */
const char *conf_quote(struct conf_ctx *ctx, const char *text);
/* ", did you mean ..." for messages: " (did you mean 'x'?)", or "" when no word is near. */
const char *conf_suggest(struct conf_ctx *ctx, const char *word, const char *const *words);

/* -- conf_tree.c -- */

/* The text as a tree in the arena. An empty text is an empty mapping. NULL when nothing can be made
 * of it; other mistakes are reported and the tree is still good for looking at. */
struct conf_node *conf_tree_parse(struct conf_ctx *ctx, const char *text, size_t len);
/* Nothing stands behind the colon: an empty list, mapping, or a value that is missing. */
bool conf_node_is_empty(const struct conf_node *node);
/* The bytes of the UTF-8 character at `s` (RFC 3629), of which `left` are there; 0: invalid. */
size_t conf_utf8_len(const unsigned char *s, size_t left, uint32_t *code);
/* "a list", "a mapping", "a single value", "nothing". */
const char *conf_node_kind_str(const struct conf_node *node);

/* -- conf_types.c -- */

/* What all the files have to know about a type. `member` is one value, never a list of them. */
struct conf_type_ops {
	const char *word;    /* "duration"; for the reference */
	const char *example; /* how one is written */
	const char *json;    /* JSON Schema members; NULL: conf_json.c computes them */
	size_t size;         /* of the member; 0: the row says */
	bool whole;          /* reads lists and mappings, too */
	/* Reports and returns false when this option is wrong; the member is then unchanged.
	 * (Mistakes inside a struct or map do not make the option itself wrong.) */
	bool (*read)(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node,
	    void *member);
	/* YAML flow text; nothing when the member is unset and cannot be written. */
	void (*show)(const struct conf_row *row, const void *member, struct str *out);
	bool (*equal)(const struct conf_row *row, const void *a, const void *b);
};
const struct conf_type_ops *conf_type_ops(const struct conf_row *row);
extern const struct conf_type_ops conf_type_bool, conf_type_u32, conf_type_i64, conf_type_double,
    conf_type_dur, conf_type_string, conf_type_enum, conf_type_flags, conf_type_addr,
    conf_type_prefix, conf_type_endpoint;
/* Report and return false: "option: 'text' ...", ending as `fmt` says, ... */
bool conf_wrong(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* ... in `what` and an example from the row, ... */
bool conf_wrong_type(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node,
    const char *what);
/* ... or in the row's bounds. */
bool conf_wrong_range(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node);
size_t conf_member_size(const struct conf_row *row);
/* The bounds that really hold, those of the type included. */
struct conf_bounds {
	int64_t min;
	int64_t max;
};
struct conf_bounds conf_row_bounds(const struct conf_row *row);
/* One bound as a value of the type. */
void conf_bound_format(const struct conf_row *row, int64_t value, struct str *out);
/* "from 1 to 10", "of at least 5ms". */
void conf_bounds_format(const struct conf_row *row, struct str *out);
/* Reports that a single value is needed here; returns whether there is one. */
bool conf_need_scalar(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node);
/* A value that this row would take, for messages: "3", "300ms", "fast". */
void conf_row_example(const struct conf_row *row, struct str *out);
/* "fast, slow" */
void conf_choices_format(const struct conf_choice *choices, struct str *out);

/* -- conf_load.c -- */

bool conf_read_substruct(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member);
bool conf_read_map(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member);
/* One option, which may be a list, as conf_type_ops.read. */
bool conf_read_member(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member);
/* The default as a node, as the reader is given it. NULL when it is not YAML. */
const struct conf_node *conf_default_node(struct conf_ctx *ctx, const struct conf_row *row);
/* The defaults of all rows into a zeroed struct. */
void conf_read_defaults(struct arena *arena, const struct conf_row *rows, void *obj);
/* The row of a key, or NULL. */
const struct conf_row *conf_row_find(const struct conf_row *rows, const char *key);

/* -- conf_print.c -- */

void conf_show_substruct(const struct conf_row *row, const void *member, struct str *out);
void conf_show_map(const struct conf_row *row, const void *member, struct str *out);
/* One option with all its items. */
void conf_show_member(const struct conf_row *row, const void *member, struct str *out);
bool conf_equal_substruct(const struct conf_row *row, const void *a, const void *b);
bool conf_equal_map(const struct conf_row *row, const void *a, const void *b);
bool conf_equal_member(const struct conf_row *row, const void *a, const void *b);
/* Text that must not be taken for anything else by other readers of YAML. */
void conf_print_string(const char *text, struct str *out);

/* A variant that a struct has chosen, or NULL. */
static inline const struct conf_variant *
conf_variant_of(const struct conf_schema *schema, const void *obj)
{
	if (schema->variants == NULL)
		return NULL;
	return *(const struct conf_variant *const *)((const char *)obj + schema->variant_offset);
}
static inline const void *
conf_variant_conf_of(const struct conf_schema *schema, const void *obj)
{
	return *(const void *const *)((const char *)obj + schema->variant_conf_offset);
}

/* -- conf_section.c -- */

/* A schema as a reader of the reference meets it: each once, in the order of the rows. */
struct conf_section {
	char *name; /* unique: "service", "probe dns" */
	const struct conf_schema *schema;
	const struct conf_variant *variant; /* NULL: the schema's common options */
};
struct conf_sections {
	struct conf_section *items;
	size_t count;
};
void conf_sections_init(struct conf_sections *s, const struct conf_schema *root);
void conf_sections_done(struct conf_sections *s);
const char *conf_section_name(const struct conf_sections *s, const struct conf_schema *schema,
    const struct conf_variant *variant);
/* The name as an anchor and as a JSON pointer's word: "probe-dns". */
void conf_section_slug(const char *name, struct str *out);

#endif
