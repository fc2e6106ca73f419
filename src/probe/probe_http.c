/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The http and https probes: one request, and a look at status, header and body.
 *
 * The transfer itself is the pool's (http_pool.c). Here are the options, what the answer must be
 * like, and what is said about it. The two kinds differ in the scheme and in the options that speak
 * of certificates. Of the body HTTP_BODY_MAX bytes are read at most: it is kept only when a pattern
 * is looked for, otherwise it is counted.
 *
 * RFC 9110 (HTTP semantics), RFC 9112 (HTTP/1.1), RFC 9113 (HTTP/2).
 */
#include "probe/http_expect.h"
#include "probe/http_pool.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct http_conf {
	struct http_target_conf target;
	struct probe_net_conf net;
	struct tls_conf tls; /* https only */
	int method;
	int version;
	bool reuse;
	const struct http_expect *expect;
};

struct http_probe {
	struct probe probe;
	struct http_group *group;
	struct tls_trust *trust; /* NULL: nothing is verified */
	int connection;          /* enum http_connection */
	struct http_target target;
	struct http_checks checks;
	struct http_transfer transfer;
};

static const struct conf_choice methods[] = {
    {"GET", HTTP_GET, "the body comes too"},
    {"HEAD", HTTP_HEAD, "status and header only"},
    {NULL, 0, NULL},
};

static const struct conf_choice versions[] = {
    {"1.1", HTTP_VERSION_1_1, "HTTP/1.1"},
    {"2", HTTP_VERSION_2, "HTTP/2, and nothing less is accepted"},
    {"any", HTTP_VERSION_ANY, "over TLS what the server prefers, else HTTP/1.1"},
    {NULL, 0, NULL},
};

#define HTTP_ROWS                                                                                  \
	HTTP_PATH_ROWS(struct http_conf, target),                                                  \
	    {.key = "method",                                                                      \
		.type = CONF_ENUM,                                                                 \
		.choices = methods,                                                                \
		.dflt = "GET",                                                                     \
		.offset = offsetof(struct http_conf, method),                                      \
		.doc = "How to ask."},                                                             \
	    {.key = "version",                                                                     \
		.type = CONF_ENUM,                                                                 \
		.choices = versions,                                                               \
		.dflt = "1.1",                                                                     \
		.offset = offsetof(struct http_conf, version),                                     \
		.doc = "The version of HTTP."},                                                    \
	    {.key = "reuse",                                                                       \
		.type = CONF_BOOL,                                                                 \
		.dflt = "false",                                                                   \
		.offset = offsetof(struct http_conf, reuse),                                       \
		.doc = "Keep the connection for the next attempt. Cheaper, but it says less: "     \
		       "whether the server takes new connections remains unknown."},               \
	    PROBE_NET_ROWS(struct http_conf, net),                                                 \
	{                                                                                          \
		.key = "expect", .type = CONF_STRUCT, .sub = &http_expect_schema,                  \
		.offset = offsetof(struct http_conf, expect),                                      \
		.doc = "What an answer must be like."                                              \
	}

static const struct conf_row http_rows[] = {
    HTTP_URL_ROWS(struct http_conf, target, 80, 0, "http://192.0.2.80/health"),
    HTTP_ROWS,
    {.type = CONF_END},
};

static const struct conf_row https_rows[] = {
    HTTP_URL_ROWS(struct http_conf, target, 443, 0, "https://www.example.net/health"),
    TLS_ROWS(struct http_conf, tls),
    HTTP_ROWS,
    {.type = CONF_END},
};

static void
check(struct conf_ctx *ctx, const struct conf_node *node, struct http_conf *c,
    enum http_scheme scheme)
{
	const struct conf_node *expect = conf_node_find(node, "expect");

	http_target_check(ctx, node, &c->target, scheme);
	probe_net_check(ctx, node, &c->net, &c->target.server.addr);
	if (c->expect != NULL && c->method == HTTP_HEAD &&
	    (c->expect->body.regex != NULL || c->expect->body.bytes.data != NULL))
		conf_error(ctx, conf_node_find(expect, "body"),
		    "body: with 'method: HEAD' no body comes; write 'method: GET'");
}

static void
http_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	check(ctx, node, obj, HTTP_PLAIN);
}

static void
https_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	struct http_conf *c = obj;

	check(ctx, node, c, HTTP_TLS);
	tls_conf_check(ctx, node, &c->tls);
}

static const struct conf_schema http_schema = {
    .name = "http",
    .size = sizeof(struct http_conf),
    .rows = http_rows,
    .check = http_check,
    .doc = "Asks a web server and looks at the answer.",
};

static const struct conf_schema https_schema = {
    .name = "https",
    .size = sizeof(struct http_conf),
    .rows = https_rows,
    .check = https_check,
    .doc = "Asks a web server over TLS and looks at the certificate and the answer.",
};

static const struct http_conf *
conf_of(const struct http_probe *h)
{
	return h->probe.conf;
}

/* -- the answer -- */

static bool
on_body(struct http_transfer *t, const uint8_t *data, size_t len)
{
	const struct http_probe *h = container_of(t, struct http_probe, transfer);

	if (h->checks.body != NULL)
		str_addn(http_transfer_buffer(t), (const char *)data, len);
	return true;
}

static bool
body_fails(struct http_probe *h, const struct http_reply *reply)
{
	const struct str *b = reply->buffer;

	if (probe_matcher_find(h->checks.body, (const uint8_t *)str_text(b), b->len))
		return false;
	probe_fail(&h->probe, WHY_CONTENT, "%u, what is expected is not in the %sbody (%zu bytes)",
	    reply->status, reply->body_cut ? "first 64 kB of the " : "", b->len);
	return true;
}

static const char *const version_names[] = {
    [HTTP_VERSION_ANY] = "HTTP/1.0",
    [HTTP_VERSION_1_1] = "HTTP/1.1",
    [HTTP_VERSION_2] = "HTTP/2",
};

static bool
version_fails(struct http_probe *h, const struct http_reply *reply)
{
	if (conf_of(h)->version != HTTP_VERSION_2 || reply->version == HTTP_VERSION_2)
		return false;
	probe_fail(&h->probe, WHY_CONTENT, "%u by %s, expected HTTP/2", reply->status,
	    version_names[reply->version]);
	return true;
}

/* "12 kB" */
static const char *
size_format(const struct http_reply *reply, char *buf, size_t size)
{
	const char *over = reply->body_cut ? "over " : "";

	if (reply->body_len < 1000)
		snprintf(buf, size, "%s%u bytes", over, (unsigned)reply->body_len);
	else
		snprintf(buf, size, "%s%u kB", over, (unsigned)((reply->body_len + 500) / 1000));
	return buf;
}

static void
on_done(struct http_transfer *t, const struct http_reply *reply)
{
	struct http_probe *h = container_of(t, struct http_probe, transfer);
	const struct http_conf *c = conf_of(h);
	char size[32], certificate[64];

	if (http_reply_fails(&h->probe, reply, &c->tls) ||
	    http_status_fails(&h->probe, c->expect, reply->status) || version_fails(h, reply) ||
	    http_headers_fail(&h->probe, c->expect, &h->checks, reply) || body_fails(h, reply))
		return;
	tls_certificate_format(&reply->certificate, certificate, sizeof(certificate));
	probe_ok(&h->probe, "%u, %s%s%s", reply->status, size_format(reply, size, sizeof(size)),
	    certificate[0] != '\0' ? ", " : "", certificate);
}

/* -- the kinds -- */

static struct probe *
probe_make(const struct probe_env *env, const struct http_conf *c, enum http_scheme scheme)
{
	struct http_probe *h = mem_alloc(sizeof(*h));

	h->connection = c->reuse ? HTTP_REUSE : HTTP_FRESH;
	h->group = http_group_join(env, h->connection);
	if (scheme == HTTP_TLS && c->tls.verify)
		h->trust = tls_trust_get(env, &c->tls);
	http_target_init(&h->target, &c->target, scheme, http_group_serial(h->group));
	http_checks_init(&h->checks, c->expect);
	h->transfer.body = on_body;
	h->transfer.done = on_done;
	return &h->probe;
}

static struct probe *
http_new(const struct probe_env *env, const void *kind_conf)
{
	return probe_make(env, kind_conf, HTTP_PLAIN);
}

static struct probe *
https_new(const struct probe_env *env, const void *kind_conf)
{
	return probe_make(env, kind_conf, HTTP_TLS);
}

static void
http_start(struct probe *p)
{
	struct http_probe *h = container_of(p, struct http_probe, probe);
	const struct http_conf *c = p->conf;
	struct http_request request = {
	    .target = &h->target,
	    .net = probe_net_opts(&c->net),
	    .method = c->method,
	    .version = c->version,
	    .connection = h->connection,
	    .body_max = HTTP_BODY_MAX,
	};

	if (h->trust != NULL) {
		request.trust = tls_trust_context(h->trust);
		if (request.trust == NULL) {
			probe_fail(p, WHY_LOCAL, "%s", tls_trust_error(h->trust));
			return;
		}
	}
	http_transfer_start(h->group, &h->transfer, &request);
}

static void
http_cancel(struct probe *p)
{
	http_transfer_cancel(&container_of(p, struct http_probe, probe)->transfer);
}

static void
http_free(struct probe *p)
{
	struct http_probe *h = container_of(p, struct http_probe, probe);

	http_group_leave(h->group, h->connection);
	tls_trust_put(h->trust);
	http_target_done(&h->target);
	http_checks_done(&h->checks);
	free(h);
}

static void
http_describe(const struct probe *p, struct str *out)
{
	const struct http_probe *h = const_container_of(p, struct http_probe, probe);
	const struct http_conf *c = p->conf;

	str_add(out, c->method == HTTP_HEAD ? "HEAD " : "");
	http_target_describe(&c->target, h->target.scheme, out);
}

static void
http_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct http_probe *h = const_container_of(p, struct http_probe, probe);

	str_copy(detail, size, http_transfer_progress(&h->transfer));
}

const struct probe_kind probe_http = {
    .variant = {.type = "http", .schema = &http_schema},
    .new = http_new,
    .start = http_start,
    .cancel = http_cancel,
    .free = http_free,
    .describe = http_describe,
    .timed_out = http_timed_out,
};

const struct probe_kind probe_https = {
    .variant = {.type = "https", .schema = &https_schema},
    .new = https_new,
    .start = http_start,
    .cancel = http_cancel,
    .free = http_free,
    .describe = http_describe,
    .timed_out = http_timed_out,
};
