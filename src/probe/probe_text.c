/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and patterns as people write them, and matching.
 *
 * A text is taken as it stands, with a few escapes; "hex:" begins bytes, "regex:" a POSIX extended
 * regular expression. What is wrong is said when the configuration is read, so that matching cannot
 * fail.
 */
#include "probe/probe_text.h"

#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#define HEX_WORD   "hex:"
#define REGEX_WORD "regex:"

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* -1 when these are not two hex digits. */
static int
hex_byte(const char *text)
{
	int high = hex_digit(text[0]);
	int low = high < 0 ? -1 : hex_digit(text[1]);

	return low < 0 ? -1 : high << 4 | low;
}

/* Pairs of hex digits, with blanks between them if one likes. The length, or -1. */
static ssize_t
read_hex(const char *text, uint8_t *out)
{
	size_t len = 0;

	while (*text != '\0') {
		int byte;
		if (*text == ' ') {
			text++;
			continue;
		}
		byte = hex_byte(text);
		if (byte < 0)
			return -1;
		out[len++] = (uint8_t)byte;
		text += 2;
	}
	return (ssize_t)len;
}

/* The character behind a backslash; -1 when there is no such escape. Steps over it. */
static int
read_escape(const char **text)
{
	static const struct {
		char name;
		char value;
	} escapes[] = {{'r', '\r'}, {'n', '\n'}, {'t', '\t'}, {'0', '\0'}, {'\\', '\\'}};
	char c = *(*text)++;

	for (size_t i = 0; i < ARRAY_LEN(escapes); i++) {
		if (escapes[i].name == c)
			return escapes[i].value;
	}
	if (c == 'x') {
		int byte = hex_byte(*text);
		if (byte >= 0)
			*text += 2;
		return byte;
	}
	return -1;
}

static ssize_t
read_text(const char *text, uint8_t *out)
{
	size_t len = 0;

	while (*text != '\0') {
		int c = (uint8_t)*text++;
		if (c == '\\')
			c = read_escape(&text);
		if (c < 0)
			return -1;
		out[len++] = (uint8_t)c;
	}
	return (ssize_t)len;
}

static void
bytes_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct probe_bytes *b = out;
	bool hex;
	uint8_t *data;
	ssize_t len;

	if (node->kind != CONF_SCALAR) {
		conf_error(ctx, node, "a text is needed, as in \"QUIT\\r\\n\" or hex:00ff");
		return;
	}
	hex = strncmp(node->text, HEX_WORD, strlen(HEX_WORD)) == 0;
	data = arena_alloc(conf_arena(ctx), strlen(node->text) + 1);
	len = hex ? read_hex(node->text + strlen(HEX_WORD), data) : read_text(node->text, data);
	if (len < 0) {
		conf_error(ctx, node,
		    hex ? "'%s': behind hex: stand pairs of hexadecimal digits"
			: "'%s': a backslash begins one of \\r \\n \\t \\0 \\\\ \\xHH",
		    node->text);
		return;
	}
	*b = (struct probe_bytes){.data = data, .len = (size_t)len};
}

static void
bytes_show(const void *member, struct str *out)
{
	const struct probe_bytes *b = member;

	str_add(out, HEX_WORD);
	for (size_t i = 0; i < b->len; i++)
		str_printf(out, "%02x", b->data[i]);
}

const struct conf_custom probe_bytes_custom = {
    .parse = bytes_parse,
    .show = bytes_show,
    .syntax = "text with \\r \\n \\xHH, or hex:00ff",
    .json_schema = "{\"type\": \"string\"}",
    .size = sizeof(struct probe_bytes),
};

static void
pattern_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct probe_pattern *p = out;
	const char *expression;
	char why[128];
	regex_t regex;
	int rc;

	if (node->kind != CONF_SCALAR || strncmp(node->text, REGEX_WORD, strlen(REGEX_WORD)) != 0) {
		bytes_parse(ctx, node, &p->bytes);
		return;
	}
	expression = node->text + strlen(REGEX_WORD);
	rc = regcomp(&regex, expression, REG_EXTENDED | REG_NOSUB);
	if (rc != 0) {
		regerror(rc, &regex, why, sizeof(why));
		conf_error(ctx, node, "'%s' is no regular expression: %s", expression, why);
		return;
	}
	regfree(&regex);
	p->regex = arena_strdup(conf_arena(ctx), expression);
}

static void
pattern_show(const void *member, struct str *out)
{
	const struct probe_pattern *p = member;
	struct str text = {0};

	if (p->regex == NULL) {
		bytes_show(&p->bytes, out);
		return;
	}
	str_printf(&text, REGEX_WORD "%s", p->regex);
	conf_print_scalar(str_text(&text), out);
	str_done(&text);
}

const struct conf_custom probe_pattern_custom = {
    .parse = pattern_parse,
    .show = pattern_show,
    .syntax = "text, hex:00ff, or regex:^220",
    .json_schema = "{\"type\": \"string\"}",
    .size = sizeof(struct probe_pattern),
};

/* -- matching -- */

struct probe_matcher {
	uint8_t *bytes; /* NULL: `regex` */
	size_t len;
	regex_t regex;
};

struct probe_matcher *
probe_matcher_new(const struct probe_pattern *p)
{
	struct probe_matcher *m;

	if (p->regex == NULL && p->bytes.data == NULL)
		return NULL;
	m = mem_alloc(sizeof(*m));
	if (p->regex == NULL) {
		m->len = p->bytes.len;
		m->bytes = mem_alloc(m->len + 1);
		memcpy(m->bytes, p->bytes.data, m->len);
	} else if (regcomp(&m->regex, p->regex, REG_EXTENDED | REG_NOSUB) != 0) {
		abort(); /* it compiled when the configuration was read: no memory */
	}
	return m;
}

void
probe_matcher_free(struct probe_matcher *m)
{
	if (m == NULL)
		return;
	if (m->bytes == NULL)
		regfree(&m->regex);
	free(m->bytes);
	free(m);
}

bool
probe_matcher_find(const struct probe_matcher *m, const uint8_t *data, size_t len)
{
	regmatch_t range = {.rm_so = 0, .rm_eo = (regoff_t)len};

	if (m == NULL)
		return true;
	if (m->bytes != NULL)
		return memmem(data, len, m->bytes, m->len) != NULL;
	return regexec(&m->regex, (const char *)data, 1, &range, REG_STARTEND) == 0;
}

const char *
probe_bytes_excerpt(const uint8_t *data, size_t len, char *buf, size_t size)
{
	static const char more[] = "…";
	size_t room = size - sizeof(more);
	size_t shown = len < room ? len : room;

	while (shown == len && shown > 0 && (data[shown - 1] == '\n' || data[shown - 1] == '\r'))
		len = --shown;
	for (size_t i = 0; i < shown; i++)
		buf[i] = data[i] >= ' ' && data[i] < 0x7f ? (char)data[i] : '.';
	str_copy(buf + shown, size - shown, shown < len ? more : "");
	return buf;
}
