/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom an http probe asks: the URL, and the address to connect to, which is never looked up.
 */
#ifndef PROBE_HTTP_TARGET_H
#define PROBE_HTTP_TARGET_H

#include "conf/conf.h"

#include <curl/curl.h>

struct http_target_conf {
	const char *url;
	struct endpoint server; /* after http_target_check(): always there */
	const char *host;
	const char *path;
};

/* The rows of `url` (`need`: 0 or CONF_REQUIRED) and `server`, and those of `path` and `host`, for
 * a kind's struct with a member of the type above. */
#define HTTP_URL_ROWS(conf_struct, member, port, need, example)                                    \
	{.key = "url",                                                                             \
	    .type = CONF_STRING,                                                                   \
	    .flags = (need),                                                                       \
	    .max = 2000,                                                                           \
	    .offset = offsetof(conf_struct, member.url),                                           \
	    .doc = "What to ask for: `" example "`. A host name in it is sent to the server, and " \
		   "never looked up: then `server` says whom to ask."},                            \
	{                                                                                          \
		.key = "server", .type = CONF_ENDPOINT, .min = (port),                             \
		.offset = offsetof(conf_struct, member.server),                                    \
		.doc = "The address to connect to, and the port unless it is the URL's. Needed "   \
		       "unless the URL has an address for a host."                                 \
	}
#define HTTP_PATH_ROWS(conf_struct, member)                                                        \
	{.key = "path",                                                                            \
	    .type = CONF_STRING,                                                                   \
	    .max = 1500,                                                                           \
	    .offset = offsetof(conf_struct, member.path),                                          \
	    .doc = "Instead of a URL: the path to ask the `server` for; `/` when none is "         \
		   "written."},                                                                    \
	{                                                                                          \
		.key = "host", .type = CONF_STRING, .offset = offsetof(conf_struct, member.host),  \
		.doc = "Instead of a URL: the host name that the `server` is asked for. The "      \
		       "server's address when none is written."                                    \
	}

/* What a kind's URL may begin with. */
enum http_scheme { HTTP_PLAIN, HTTP_TLS, HTTP_EITHER };

/* For a kind's check(): what can be asked, and the server from the URL when it has none. */
void http_target_check(struct conf_ctx *ctx, const struct conf_node *node,
    struct http_target_conf *c, enum http_scheme scheme);

/* A target ready for libcurl; owned by its probe. */
struct http_target {
	char *url;
	struct endpoint server;
	enum http_scheme scheme; /* HTTP_PLAIN or HTTP_TLS */
	char label[32];
	struct curl_slist connect_to; /* `label`, for CURLOPT_CONNECT_TO; see http_target.c */
};
/* `serial` tells the targets of a pool apart. */
void http_target_init(struct http_target *t, const struct http_target_conf *c,
    enum http_scheme scheme, uint32_t serial);
void http_target_done(struct http_target *t);
/* The URL, and the server when the URL does not tell it. */
void http_target_describe(
    const struct http_target_conf *c, enum http_scheme scheme, struct str *out);

#endif
