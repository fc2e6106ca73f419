/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an HTTP answer must be like.
 *
 * A status is a number or a range of numbers (RFC 9110 section 15). A header field is written as on
 * the wire, "Name: pattern"; a field that occurs several times (section 5.3) is fine when one of
 * its values matches. The options are in the configuration's arena, the compiled patterns belong to
 * the probe.
 */
#include "probe/http_expect.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MIN 100
#define STATUS_MAX 599
#define STATUS_ANY                                                                                 \
	(struct http_status_range)                                                                 \
	{                                                                                          \
		200, 399                                                                           \
	}

/* -- options -- */

/* Three digits; 0 when it is anything else. */
static uint16_t
status_read(const char *text)
{
	uint64_t value;

	return str_to_u64(text, STATUS_MIN, STATUS_MAX, &value) == 0 ? (uint16_t)value : 0;
}

static void
status_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct http_status_range r = {0};
	char low[4];

	if (node->kind == CONF_SCALAR && strlen(node->text) == 3) {
		r.low = r.high = status_read(node->text);
	} else if (node->kind == CONF_SCALAR && strlen(node->text) == 7 && node->text[3] == '-') {
		str_copy(low, sizeof(low), node->text);
		r.low = status_read(low);
		r.high = status_read(node->text + 4);
	}
	if (r.low == 0 || r.high < r.low)
		conf_error(ctx, node,
		    "a status or a range of them is needed, from %d to %d: 200 or 200-299",
		    STATUS_MIN, STATUS_MAX);
	else
		*(struct http_status_range *)out = r;
}

static void
range_show(struct http_status_range r, struct str *out)
{
	if (r.low == r.high)
		str_printf(out, "%u", r.low);
	else
		str_printf(out, "%u-%u", r.low, r.high);
}

static void
status_show(const void *member, struct str *out)
{
	const struct http_status_range *r = member;

	range_show(*r, out);
}

static const struct conf_custom status_custom = {
    .parse = status_parse,
    .show = status_show,
    .syntax = "200 or 200-299",
    .json_schema = "{\"type\": [\"integer\", \"string\"]}",
    .size = sizeof(struct http_status_range),
};

static void
header_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct http_header_expect *h = out;
	struct conf_node pattern = *node;
	const char *colon = node->kind == CONF_SCALAR ? strchr(node->text, ':') : NULL;

	if (colon == NULL || colon == node->text ||
	    strcspn(node->text, " \t") < (size_t)(colon - node->text)) {
		conf_error(ctx, node, "\"Name: pattern\" is needed, as in \"Content-Type: json\"");
		return;
	}
	pattern.text = colon + 1 + strspn(colon + 1, " \t");
	h->text = arena_strdup(conf_arena(ctx), node->text);
	h->name = arena_strndup(conf_arena(ctx), node->text, (size_t)(colon - node->text));
	probe_pattern_custom.parse(ctx, &pattern, &h->pattern);
}

static void
header_show(const void *member, struct str *out)
{
	const struct http_header_expect *h = member;

	if (h->text != NULL)
		conf_print_scalar(h->text, out);
}

static const struct conf_custom header_custom = {
    .parse = header_parse,
    .show = header_show,
    .syntax = "Name: pattern",
    .json_schema = "{\"type\": \"string\"}",
    .size = sizeof(struct http_header_expect),
};

static const struct conf_row rows[] = {
    {.key = "status",
	.type = CONF_CUSTOM,
	.custom = &status_custom,
	.flags = CONF_LIST,
	.offset = offsetof(struct http_expect, status),
	.doc = "The status codes that count as healthy, numbers and ranges: `[200-299, 404]`. "
	       "Without this option: `200-399`. Redirections are not followed."},
    {.key = "header",
	.type = CONF_CUSTOM,
	.custom = &header_custom,
	.flags = CONF_LIST,
	.offset = offsetof(struct http_expect, headers),
	.doc = "Header fields that must be there, with a value that has the pattern in it: "
	       "`\"Content-Type: json\"`, `\"X-Role: regex:^primary$\"`."},
    {.key = "body",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct http_expect, body),
	.doc = "What must occur in the first 64 kB of the body."},
    {.type = CONF_END},
};

const struct conf_schema http_expect_schema = {
    .name = "expect",
    .size = sizeof(struct http_expect),
    .rows = rows,
    .doc = "What an answer must be like. Without this section: a status from 200 to 399.",
};

/* -- matching -- */

void
http_checks_init(struct http_checks *c, const struct http_expect *e)
{
	*c = (struct http_checks){0};
	if (e == NULL)
		return;
	c->body = probe_matcher_new(&e->body);
	c->header_count = e->headers.count;
	if (c->header_count == 0)
		return;
	c->headers = mem_array(c->header_count, sizeof(struct probe_matcher *));
	for (size_t i = 0; i < c->header_count; i++) {
		const struct http_header_expect *h = e->headers.items;
		c->headers[i] = probe_matcher_new(&h[i].pattern);
	}
}

void
http_checks_done(struct http_checks *c)
{
	probe_matcher_free(c->body);
	for (size_t i = 0; i < c->header_count; i++)
		probe_matcher_free(c->headers[i]);
	free(c->headers);
}

static bool
status_in(struct http_status_range r, unsigned status)
{
	return r.low <= status && status <= r.high;
}

bool
http_status_fails(struct probe *p, const struct http_expect *e, unsigned status)
{
	const struct http_status_range *ranges = e != NULL ? e->status.items : NULL;
	size_t count = e != NULL ? e->status.count : 0;
	struct str expected = {0};

	if (count == 0 && status_in(STATUS_ANY, status))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (status_in(ranges[i], status))
			return false;
	}
	if (count == 0)
		range_show(STATUS_ANY, &expected);
	for (size_t i = 0; i < count; i++) {
		str_add(&expected, i > 0 ? ", " : "");
		range_show(ranges[i], &expected);
	}
	probe_fail(p, WHY_STATUS, "%u, expected %s", status, str_text(&expected));
	str_done(&expected);
	return true;
}

/* Does one of the field's values match? */
static bool
header_matches(const struct http_reply *reply, const char *name, const struct probe_matcher *m)
{
	const char *value;

	for (size_t i = 0; (value = http_reply_header(reply, name, i)) != NULL; i++) {
		if (probe_matcher_find(m, (const uint8_t *)value, strlen(value)))
			return true;
	}
	return false;
}

bool
http_headers_fail(struct probe *p, const struct http_expect *e, const struct http_checks *c,
    const struct http_reply *reply)
{
	const struct http_header_expect *h = e != NULL ? e->headers.items : NULL;

	for (size_t i = 0; i < c->header_count; i++) {
		if (header_matches(reply, h[i].name, c->headers[i]))
			continue;
		if (http_reply_header(reply, h[i].name, 0) == NULL)
			probe_fail(p, WHY_CONTENT, "%u, no header %s", reply->status, h[i].name);
		else
			probe_fail(p, WHY_CONTENT, "%u, header %s: %s", reply->status, h[i].name,
			    http_reply_header(reply, h[i].name, 0));
		return true;
	}
	return false;
}
