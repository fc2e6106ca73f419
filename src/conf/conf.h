/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: from YAML text to plain C structs, driven by schema rows.
 *
 * One row describes one option: its key, type, default, bounds, place in the struct and what it
 * means. From the rows come the parser, the error messages, the reference manual, the JSON Schema
 * and the normal form that `nigh show config` prints. Scalars are read by the row's type and never
 * by YAML's guess. All mistakes are collected with their place; a text with any mistake yields
 * nothing.
 *
 * The structs live in the arena of their generation and never change after conf_load().
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/addr.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The member of the struct that `offset` points at, by type. Bounds: min and max both 0 mean those
 * of the type; a max of 0 beside a positive min means no upper bound. */
enum conf_type {
	CONF_END = 0,
	CONF_BOOL,     /* bool: true, false */
	CONF_U32,      /* uint32_t, within [min, max] */
	CONF_I64,      /* int64_t, within [min, max] */
	CONF_DOUBLE,   /* double, within [min, max] */
	CONF_DUR,      /* dur_t: "300ms"; min and max in ns */
	CONF_STRING,   /* const char *; min, max: length in bytes, a max of 0 = 255 */
	CONF_ENUM,     /* int, one of `choices` */
	CONF_FLAGS,    /* uint32_t, a list of `choices`, or'ed */
	CONF_ADDR,     /* struct addr */
	CONF_PREFIX,   /* struct prefix */
	CONF_ENDPOINT, /* struct endpoint; min: the port when none is written (0: one must be) */
	CONF_CUSTOM,   /* by `custom`: a scalar or a whole node with its own syntax; `sub`, if any:
			* a schema that its syntax uses, for the reference and JSON Schema */
	CONF_STRUCT,   /* const void *: a struct of `sub`; NULL when absent */
	CONF_MAP,      /* struct conf_map: name -> struct of `sub` */
	CONF_VARIANT,  /* struct conf_map: as CONF_MAP; the key `type` picks the variant of `sub` */
	CONF_LATER,    /* a key that a later version brings: refused with a message that says so */
};

enum conf_flag {
	CONF_REQUIRED = 1, /* must be written; a list must have something in it */
	CONF_LIST = 2,   /* a list of the type: struct conf_list; a lone scalar is a list of one */
	CONF_SECRET = 4, /* never printed: the normal form has a comment '# key: "(hidden)"' */
};

struct conf_choice {
	const char *word; /* NULL ends the table */
	int value;
	const char *doc;
};

struct conf_node;
struct conf_ctx;
struct conf_schema;

/* Reads a node into the member `out`; reports with conf_error() and returns. */
typedef void conf_custom_fn(struct conf_ctx *ctx, const struct conf_node *node, void *out);
/* Writes the member's normal form as YAML flow text ("{a: 1}" or a scalar); nothing when the member
 * is not set. Two members are equal when their normal forms are. */
typedef void conf_custom_show_fn(const void *member, struct str *out);

struct conf_custom {
	conf_custom_fn *parse;
	conf_custom_show_fn *show;
	const char *syntax;      /* for the reference: "NAME TYPE" */
	const char *json_schema; /* a JSON Schema fragment, '{"type":"string"}' */
	size_t size;             /* of the member; for CONF_LIST */
};

struct conf_row {
	const char *key;
	enum conf_type type;
	unsigned flags;
	size_t offset;
	const char *dflt; /* as it would be written (scalars: without quotes); NULL: zero, absent */
	int64_t min;
	int64_t max;
	const struct conf_choice *choices;
	const struct conf_schema *sub;
	const struct conf_custom *custom;
	const char *doc; /* one or two sentences for the reference */
};

/* A struct's options. `check` looks at what no single row can: combinations. It may be NULL. It is
 * called when the struct's own options held no mistake. Structs and maps below it may have had one
 * (then nothing is applied): there, what could not be read has its default, and an entry whose
 * `type` is unknown has NULL as its variant. */
struct conf_schema {
	const char *name; /* "probe", "service": for messages and the reference */
	size_t size;
	const struct conf_row *rows; /* ends with CONF_END */
	void (*check)(struct conf_ctx *ctx, const struct conf_node *node, void *obj);
	/* CONF_VARIANT only: the variants, NULL-terminated, and where the struct keeps the chosen
	 * one (const struct conf_variant *) and its options (const void *). */
	const struct conf_variant *const *variants;
	size_t variant_offset;
	size_t variant_conf_offset;
	const char *doc;
};

/* What `type:` may name: its own rows are read from the same map as the common ones. Embedded in
 * the thing that it stands for (a probe kind), found back with container_of. */
struct conf_variant {
	const char *type;
	const struct conf_schema *schema;
};

struct conf_list {
	const void *items; /* array of the row's type: struct addr[], const char *[], int[];
			    * of CONF_STRUCT: const void *[] */
	size_t count;
};

struct conf_map_entry {
	const char *name;
	const void *value; /* struct of the row's sub */
	unsigned line, column;
};
struct conf_map {
	const struct conf_map_entry *entries; /* in the order of the file */
	size_t count;
	const struct conf_map_entry *const *by_name; /* sorted, for conf_map_find(); or NULL */
};
const struct conf_map_entry *conf_map_find(const struct conf_map *m, const char *name);

/* The tree, for custom parsers. */
enum conf_kind { CONF_SCALAR, CONF_SEQUENCE, CONF_MAPPING };
struct conf_node {
	enum conf_kind kind;
	const char *text; /* scalars */
	bool quoted;      /* scalars: written in quotes or as a block, so "" is meant */
	struct conf_pair {
		struct conf_node *key; /* NULL in a sequence */
		struct conf_node *value;
	} * pairs;
	size_t count;
	unsigned line, column;
};
/* The value of a key in a mapping, or NULL. */
const struct conf_node *conf_node_find(const struct conf_node *map, const char *key);

/* For custom parsers and checks. */
void conf_error(struct conf_ctx *ctx, const struct conf_node *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, at a place that was kept (conf_map_entry). */
void conf_error_at(struct conf_ctx *ctx, unsigned line, unsigned column, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
struct arena *conf_arena(struct conf_ctx *ctx);
/* Reads one scalar as `row` says (custom parsers with inner rows). True when fine. */
bool conf_read_scalar(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *out);
/* The mapping's keys by `schema`, into obj. */
void conf_read_struct(struct conf_ctx *ctx, const struct conf_schema *schema,
    const struct conf_node *node, void *obj);

/* A loaded configuration. */
struct conf_generation {
	struct arena *arena;
	const void *root; /* struct of the root schema */
	const struct conf_schema *schema;
	const char *file;
	uint64_t number; /* set by whoever applies it */
};

/* Parses `text` (len bytes) of `file`; NULL when `diag` got anything. Owned by the caller. */
struct conf_generation *conf_load(const struct conf_schema *root, const char *file,
    const char *text, size_t len, struct diag *diag);
void conf_free(struct conf_generation *g);
/* Reads a whole file (at most CONF_FILE_MAX bytes) into *out. 0, or -1 with a diagnostic. */
int conf_read_file(const char *file, struct str *out, struct diag *diag);
#define CONF_FILE_MAX (16u << 20)

/* Are two structs of a schema equal, member by member? What reload asks. */
bool conf_equal(const struct conf_schema *schema, const void *a, const void *b);
/* The normal form: YAML with every option that differs from its default (or all that have a value);
 * loading it gives an equal configuration, but for secrets. */
enum conf_show { CONF_SHOW_SET, CONF_SHOW_ALL };
void conf_print(
    const struct conf_schema *schema, const void *obj, enum conf_show what, struct str *out);
/* The options that differ from their defaults as YAML flow text, "{med: 100}": for the show
 * function of a CONF_CUSTOM. */
void conf_print_flow(const struct conf_schema *schema, const void *obj, struct str *out);
/* `text` as a YAML scalar, in quotes when it needs them: likewise. */
void conf_print_scalar(const char *text, struct str *out);
/* doc/config.md and the JSON Schema, from the rows. */
void conf_print_reference(const struct conf_schema *root, struct str *out);
void conf_print_json_schema(const struct conf_schema *root, struct str *out);
/* Writes a line for each mistake in the rows themselves: no doc, key twice, a default that its own
 * reader refuses... For the tests of whoever writes schemas. */
void conf_lint(const struct conf_schema *root, struct str *out);

#endif
