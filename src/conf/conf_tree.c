/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From YAML text to a tree in which every node knows its line and column.
 *
 * libyaml tells events; a stack of open mappings and lists, at most CONF_DEPTH_MAX deep, makes
 * nodes of them. While a collection is open its pairs are on the heap; when it ends they move to
 * the arena.
 *
 * We read less than YAML has, because a configuration must mean what it seems to mean: one
 * document, no anchors and aliases, no tags, plain keys, each once. Bytes are checked before
 * libyaml sees them (RFC 3629 UTF-8, no control characters), so that the message can name the
 * place.
 *
 * Mistakes that leave the shape of the tree intact (a key twice, a tag) are reported and reading
 * goes on, so that they come together with those that the schema finds. Others end it.
 */
#include "conf/conf_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct frame {
	struct conf_node *node;
	struct conf_node *key;   /* mapping: the key that waits for its value */
	struct conf_pair *pairs; /* on the heap until the node ends */
	size_t cap;
};

struct tree {
	struct conf_ctx *ctx;
	struct frame frames[CONF_DEPTH_MAX];
	unsigned depth;
	struct conf_node *root;
	bool broken; /* the shape is not what was meant: the schema must not see it */
	bool end;
};

/* -- bytes -- */

size_t
conf_utf8_len(const unsigned char *s, size_t left, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : 4;

	if (len == 1) {
		*code = s[0];
		return 1;
	}
	if (len > left || (len == 4 && s[0] >> 3 != 30))
		return 0;
	*code = s[0] & (0x7fU >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return len;
}

/* May the character stand in a YAML text at all (YAML 1.2.2, section 5.1)? */
static bool
printable(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	return c != 0x7f && (c < 0x80 || c > 0x9f || c == 0x85) && c != 0xfeff && c != 0xfffe &&
	       c != 0xffff;
}

/* The first byte that is not part of a text is enough: what follows it is no text either. */
static bool
check_bytes(struct conf_ctx *ctx, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned line = 1;
	unsigned column = 1;
	uint32_t code = 0;
	size_t step;

	for (size_t i = 0; i < len; i += step) {
		step = conf_utf8_len(s + i, len - i, &code);
		if (step == 0) {
			conf_error_at(ctx, line, column,
			    "byte 0x%02x is not UTF-8: save the file as UTF-8", s[i]);
			return false;
		}
		if (code == 0) {
			conf_error_at(
			    ctx, line, column, "a zero byte: this is not a text file; remove it");
			return false;
		}
		if (!printable(code)) {
			conf_error_at(
			    ctx, line, column, "control character U+%04X: remove it", code);
			return false;
		}
		if (code == '\n' || (code == '\r' && (i + 1 == len || s[i + 1] != '\n'))) {
			line++;
			column = 1;
		} else {
			column++;
		}
	}
	return true;
}

/* -- libyaml's own complaints -- */

/* What helps against the usual ones. */
static const struct {
	const char *problem;
	const char *hint;
} hints[] = {
    {"mapping values are not allowed",
	"a value with ': ' in it needs quotes, and options of one mapping stand in one column"},
    {"could not find expected ':'", "write 'option: value'"},
    {"did not find expected key", "look at the indentation and the quotes"},
    {"did not find expected '-' indicator", "the items of a list stand in one column"},
    {"cannot start any token",
	"indent with blanks, not tabs; a value that begins with @ ` or % needs quotes"},
    {"did not find expected ',' or ']'", "a list in [ ] must be closed by ]"},
    {"did not find expected ',' or '}'", "a mapping in { } must be closed by }"},
    {"did not find expected node content",
	"a value in [ ] or { } that begins with a special character, : as well, needs quotes"},
    {"found unexpected end of stream", "a quote is not closed"},
    {"did not find expected alphabetic or numeric character",
	"a value that begins with * or & needs quotes"},
};

static void
report_problem(struct conf_ctx *ctx, const yaml_parser_t *p)
{
	const char *problem = p->problem != NULL ? p->problem : "it cannot be read";
	const char *hint = NULL;
	struct str since = {0};

	assert(p->error != YAML_MEMORY_ERROR);
	for (size_t i = 0; i < ARRAY_LEN(hints) && hint == NULL; i++) {
		if (strstr(problem, hints[i].problem) != NULL)
			hint = hints[i].hint;
	}
	if (p->context != NULL && p->context_mark.line != p->problem_mark.line)
		str_printf(
		    &since, " %s that begins in line %zu", p->context, p->context_mark.line + 1);
	else if (p->context != NULL)
		str_printf(&since, " %s", p->context);
	conf_error_at(ctx, (unsigned)p->problem_mark.line + 1, (unsigned)p->problem_mark.column + 1,
	    "not YAML: %s%s%s%s", problem, str_text(&since), hint != NULL ? ": " : "",
	    hint != NULL ? hint : "");
	str_done(&since);
}

/* -- nodes -- */

static struct conf_node *
node_new(struct tree *t, enum conf_kind kind, const yaml_event_t *e)
{
	struct conf_node *n = arena_alloc(t->ctx->arena, sizeof(*n));

	n->kind = kind;
	n->line = (unsigned)e->start_mark.line + 1;
	n->column = (unsigned)e->start_mark.column + 1;
	return n;
}

static void
pair_add(struct frame *f, struct conf_node *key, struct conf_node *value)
{
	if (f->node->count == f->cap) {
		f->cap = f->cap > 0 ? f->cap * 2 : 8;
		f->pairs = mem_resize(f->pairs, f->cap, sizeof(f->pairs[0]));
	}
	assert(f->pairs != NULL);
	f->pairs[f->node->count++] = (struct conf_pair){.key = key, .value = value};
}

/* Puts a node where it belongs: the document, a list's next item, a key, a key's value. */
static void
node_put(struct tree *t, struct conf_node *n)
{
	struct frame *f;

	if (t->depth == 0) {
		t->root = n;
		return;
	}
	f = &t->frames[t->depth - 1];
	if (f->node->kind == CONF_SEQUENCE) {
		pair_add(f, NULL, n);
		return;
	}
	if (f->key != NULL) {
		pair_add(f, f->key, n);
		f->key = NULL;
		return;
	}
	if (n->kind != CONF_SCALAR) {
		conf_error(t->ctx, n, "%s cannot be an option's name: write 'option: value'",
		    conf_node_kind_str(n));
		t->broken = true;
	}
	f->key = n;
}

static void
refuse_extras(
    struct tree *t, const struct conf_node *n, const yaml_char_t *anchor, const yaml_char_t *tag)
{
	static const char core_tag[] = "tag:yaml.org,2002:"; /* what '!!' stands for */
	bool core = tag != NULL && strncmp((const char *)tag, core_tag, strlen(core_tag)) == 0;

	if (anchor != NULL)
		conf_error(t->ctx, n,
		    "anchors ('&%s') are not supported: remove it and write values out where they "
		    "are needed",
		    (const char *)anchor);
	if (tag != NULL)
		conf_error(t->ctx, n,
		    "tags ('%s%s') are not supported: remove it, each option knows its own type",
		    core ? "!!" : "", (const char *)tag + (core ? strlen(core_tag) : 0));
}

static void
on_scalar(struct tree *t, const yaml_event_t *e)
{
	struct conf_node *n = node_new(t, CONF_SCALAR, e);
	const char *value = (const char *)e->data.scalar.value;

	refuse_extras(t, n, e->data.scalar.anchor, e->data.scalar.tag);
	if (memchr(value, '\0', e->data.scalar.length) != NULL) {
		conf_error(t->ctx, n, "a zero byte (\\0) cannot be part of a value");
		t->broken = true;
	}
	n->text = arena_strdup(t->ctx->arena, value);
	n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node_put(t, n);
}

static void
on_open(struct tree *t, struct conf_node *n)
{
	if (t->depth == CONF_DEPTH_MAX) {
		conf_error(t->ctx, n, "nested deeper than %d levels", CONF_DEPTH_MAX);
		t->broken = t->end = true;
		return;
	}
	node_put(t, n);
	t->frames[t->depth++] = (struct frame){.node = n};
}

static int
key_cmp(const void *a, const void *b)
{
	const struct conf_pair *const *x = a;
	const struct conf_pair *const *y = b;
	int order = strcmp((*x)->key->text, (*y)->key->text);

	if (order != 0)
		return order;
	return *x < *y ? -1 : 1;
}

/* Reports the keys that stand there twice and drops all but the first. */
static void
drop_duplicates(struct tree *t, struct frame *f)
{
	struct conf_node *n = f->node;
	struct conf_pair **sorted = mem_array(n->count, sizeof(struct conf_pair *));
	const struct conf_pair *first = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < n->count; i++)
		sorted[i] = &f->pairs[i];
	qsort(sorted, n->count, sizeof(struct conf_pair *), key_cmp);
	for (size_t i = 0; i < n->count; i++) {
		if (first == NULL || !str_equal(first->key->text, sorted[i]->key->text)) {
			first = sorted[i];
			continue;
		}
		conf_error(t->ctx, sorted[i]->key, "%s is here twice: first in line %u",
		    conf_quote(t->ctx, first->key->text), first->key->line);
		sorted[i]->value = NULL;
	}
	free(sorted);
	for (size_t i = 0; i < n->count; i++) {
		if (f->pairs[i].value != NULL)
			f->pairs[kept++] = f->pairs[i];
	}
	n->count = kept;
}

static void
on_close(struct tree *t)
{
	struct frame *f = &t->frames[t->depth - 1];
	struct conf_node *n = f->node;

	assert(n != NULL && (n->count == 0 || f->pairs != NULL));
	if (n->kind == CONF_MAPPING && !t->broken)
		drop_duplicates(t, f);
	n->pairs = arena_alloc(t->ctx->arena, n->count * sizeof(n->pairs[0]));
	if (n->count > 0)
		memcpy(n->pairs, f->pairs, n->count * sizeof(n->pairs[0]));
	free(f->pairs);
	t->depth--;
}

static void
on_alias(struct tree *t, const yaml_event_t *e)
{
	struct conf_node *n = node_new(t, CONF_SCALAR, e);

	conf_error(t->ctx, n,
	    "aliases ('*%s') are not supported: write the value out; text that begins with * "
	    "needs quotes",
	    (const char *)e->data.alias.anchor);
	n->text = "";
	t->broken = true;
	node_put(t, n);
}

static void
on_document(struct tree *t, const yaml_event_t *e)
{
	if (t->root == NULL)
		return;
	conf_error_at(t->ctx, (unsigned)e->start_mark.line + 1, (unsigned)e->start_mark.column + 1,
	    "a second document begins here ('---'): a configuration is one document");
	t->end = true;
}

static void
on_event(struct tree *t, const yaml_event_t *e)
{
	struct conf_node *n;

	switch (e->type) {
	case YAML_DOCUMENT_START_EVENT: on_document(t, e); break;
	case YAML_SCALAR_EVENT: on_scalar(t, e); break;
	case YAML_ALIAS_EVENT: on_alias(t, e); break;
	case YAML_SEQUENCE_START_EVENT:
		n = node_new(t, CONF_SEQUENCE, e);
		refuse_extras(t, n, e->data.sequence_start.anchor, e->data.sequence_start.tag);
		on_open(t, n);
		break;
	case YAML_MAPPING_START_EVENT:
		n = node_new(t, CONF_MAPPING, e);
		refuse_extras(t, n, e->data.mapping_start.anchor, e->data.mapping_start.tag);
		on_open(t, n);
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT: on_close(t); break;
	case YAML_STREAM_END_EVENT: t->end = true; break;
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_DOCUMENT_END_EVENT: break;
	}
}

static void
read_events(struct tree *t, yaml_parser_t *parser)
{
	yaml_event_t event;

	while (!t->end) {
		if (yaml_parser_parse(parser, &event) == 0) {
			report_problem(t->ctx, parser);
			t->broken = true;
			break;
		}
		on_event(t, &event);
		yaml_event_delete(&event);
	}
	while (t->depth > 0)
		free(t->frames[--t->depth].pairs);
}

struct conf_node *
conf_tree_parse(struct conf_ctx *ctx, const char *text, size_t len)
{
	static const char bom[] = "\xef\xbb\xbf";
	struct tree t = {.ctx = ctx};
	yaml_parser_t parser;
	int rc;

	if (len >= 3 && memcmp(text, bom, 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (!check_bytes(ctx, text, len))
		return NULL;
	rc = yaml_parser_initialize(&parser);
	assert(rc == 1); /* fails only without memory */
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	read_events(&t, &parser);
	yaml_parser_delete(&parser);
	if (t.broken)
		return NULL;
	if (t.root == NULL) {
		t.root = arena_alloc(ctx->arena, sizeof(*t.root));
		*t.root = (struct conf_node){.kind = CONF_MAPPING, .line = 1, .column = 1};
	}
	return t.root;
}

bool
conf_node_is_empty(const struct conf_node *node)
{
	return node->kind == CONF_SCALAR && !node->quoted && node->text[0] == '\0';
}

const char *
conf_node_kind_str(const struct conf_node *node)
{
	static const char *const words[] = {
	    [CONF_SCALAR] = "a single value",
	    [CONF_SEQUENCE] = "a list",
	    [CONF_MAPPING] = "a mapping",
	};

	return conf_node_is_empty(node) ? "nothing" : words[node->kind];
}
