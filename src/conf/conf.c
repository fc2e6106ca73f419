/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration: the way in and out.
 *
 * conf_load() makes the tree (conf_tree.c), walks it along the rows of the root schema
 * (conf_load.c, conf_types.c) and keeps the result only when there was no mistake at all. Tree,
 * structs and texts lie in one arena, so a custom parser may keep pointers into the tree, and
 * conf_free() is one step whatever had been read.
 *
 * Messages pass through conf_error(), which makes foreign bytes harmless and clips them: a file
 * may be megabytes of anything.
 */
#include "base/log.h"
#include "conf/conf_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define QUOTE_MAX   60  /* bytes of a value in a message */
#define MESSAGE_MAX 600 /* bytes of a message */

static void report(struct conf_ctx *ctx, unsigned line, unsigned column, const char *fmt,
    va_list ap) __attribute__((format(printf, 4, 0)));

/* Cuts at a character's boundary. */
static void
clip(struct str *s, size_t max)
{
	if (s->len <= max)
		return;
	while (max > 0 && ((unsigned char)s->text[max] & 0xc0) == 0x80)
		max--;
	s->text[max] = '\0';
	s->len = max;
	str_add(s, "...");
}

static void
report(struct conf_ctx *ctx, unsigned line, unsigned column, const char *fmt, va_list ap)
{
	struct str message = {0};

	ctx->errors++;
	str_vprintf(&message, fmt, ap);
	clip(&message, MESSAGE_MAX);
	str_sanitise(message.text);
	if (ctx->diag == NULL)
		log_error("bug: an option's default is refused by its reader (see conf_lint): %s",
		    message.text);
	assert(ctx->diag != NULL);
	diag_add(ctx->diag, ctx->file, line, column, "%s", message.text);
	str_done(&message);
}

void
conf_error(struct conf_ctx *ctx, const struct conf_node *at, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, at != NULL ? at->line : 0, at != NULL ? at->column : 0, fmt, ap);
	va_end(ap);
}

void
conf_error_at(struct conf_ctx *ctx, unsigned line, unsigned column, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report(ctx, line, column, fmt, ap);
	va_end(ap);
}

struct arena *
conf_arena(struct conf_ctx *ctx)
{
	return ctx->arena;
}

const char *
conf_quote(struct conf_ctx *ctx, const char *text)
{
	struct str s = {0};
	const char *quoted;

	str_add(&s, "'");
	str_addn(&s, text, strnlen(text, QUOTE_MAX + 4));
	clip(&s, QUOTE_MAX);
	str_add(&s, "'");
	quoted = arena_strdup(ctx->arena, s.text);
	str_done(&s);
	return quoted;
}

const char *
conf_suggest(struct conf_ctx *ctx, const char *word, const char *const *words)
{
	const char *nearest = str_nearest(word, words);
	struct str s = {0};
	const char *text;

	if (nearest == NULL)
		return "";
	str_printf(&s, " (did you mean '%s'?)", nearest);
	text = arena_strdup(ctx->arena, s.text);
	str_done(&s);
	return text;
}

struct conf_generation *
conf_load(const struct conf_schema *root, const char *file, const char *text, size_t len,
    struct diag *diag)
{
	struct conf_ctx ctx = {.arena = arena_new(), .diag = diag, .file = file};
	struct conf_generation *g;
	struct conf_node *tree;
	void *obj = arena_alloc(ctx.arena, root->size);

	tree = conf_tree_parse(&ctx, text, len);
	if (tree != NULL)
		conf_read_struct(&ctx, root, tree, obj);
	if (ctx.errors > 0) {
		arena_free(ctx.arena);
		return NULL;
	}
	g = arena_alloc(ctx.arena, sizeof(*g));
	*g = (struct conf_generation){
	    .arena = ctx.arena,
	    .root = obj,
	    .schema = root,
	    .file = arena_strdup(ctx.arena, file),
	};
	return g;
}

void
conf_free(struct conf_generation *g)
{
	if (g != NULL)
		arena_free(g->arena);
}

/* Everything until the end, one byte more than allowed at most. 0 or a negative errno. */
static int
read_all(int fd, struct str *out)
{
	char buf[65536];
	ssize_t n;

	while (out->len <= CONF_FILE_MAX) {
		n = read(fd, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		str_addn(out, buf, (size_t)n);
	}
	return -EFBIG;
}

int
conf_read_file(const char *file, struct str *out, struct diag *diag)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : read_all(fd, out);

	if (fd >= 0)
		close(fd);
	if (rc == 0)
		return 0;
	if (rc == -EFBIG)
		diag_add(diag, file, 0, 0, "larger than the %u MiB that a configuration may have",
		    CONF_FILE_MAX >> 20);
	else
		diag_add(diag, file, 0, 0, "cannot be read: %s", strerror(-rc));
	return -1;
}

static int
name_cmp(const void *key, const void *item)
{
	const struct conf_map_entry *const *e = item;

	return strcmp(key, (*e)->name);
}

const struct conf_map_entry *
conf_map_find(const struct conf_map *m, const char *name)
{
	if (m->by_name != NULL) {
		const struct conf_map_entry *const *found =
		    bsearch(name, m->by_name, m->count, sizeof(m->by_name[0]), name_cmp);

		return found != NULL ? *found : NULL;
	}
	for (size_t i = 0; i < m->count; i++) {
		if (str_equal(m->entries[i].name, name))
			return &m->entries[i];
	}
	return NULL;
}

const struct conf_node *
conf_node_find(const struct conf_node *map, const char *key)
{
	if (map->kind != CONF_MAPPING)
		return NULL;
	for (size_t i = 0; i < map->count; i++) {
		if (str_equal(map->pairs[i].key->text, key))
			return map->pairs[i].value;
	}
	return NULL;
}
