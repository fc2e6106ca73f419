/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom an http probe asks.
 *
 * A target is a URL and an address. The host in the URL is what the server is asked for (the Host
 * header of RFC 9110 section 7.2, and the server name of RFC 6066 section 3), and whose certificate
 * is expected; the address is where the connection goes. Names are never looked up: a probe that
 * hangs in a resolver measures the resolver.
 *
 * libcurl wants to resolve the URL's host itself. It is told to connect to another host, a label,
 * which is an address of the reserved block 240.0.0.0/4 with the target's serial number in it: that
 * needs no resolver, and makes libcurl keep each target's connections apart. The true address is
 * put in place when the socket is opened (http_pool.c), so that no packet ever goes to the label.
 */
#include "probe/http_target.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP_PORT  80
#define HTTPS_PORT 443

static const struct {
	const char *word;
	uint16_t port;
} schemes[] = {[HTTP_PLAIN] = {"http", HTTP_PORT}, [HTTP_TLS] = {"https", HTTPS_PORT}};

/* The parts of a URL that matter here; owned, see parts_done(). */
struct url_parts {
	CURLU *url;
	char *scheme;
	char *host; /* an IPv6 address stands in brackets */
	char *port;
};

static void
parts_done(struct url_parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
	curl_url_cleanup(p->url);
}

/* NULL, or what is wrong. */
static const char *
parts_read(struct url_parts *p, const char *url)
{
	CURLUcode rc;

	*p = (struct url_parts){.url = curl_url()};
	if (p->url == NULL)
		abort(); /* no memory */
	if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
		return "it must begin with http:// or https://";
	rc = curl_url_set(p->url, CURLUPART_URL, url, CURLU_DISALLOW_USER);
	if (rc == CURLUE_OK)
		rc = curl_url_get(p->url, CURLUPART_SCHEME, &p->scheme, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_get(p->url, CURLUPART_HOST, &p->host, 0);
	if (rc == CURLUE_OK)
		rc = curl_url_get(p->url, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT);
	return rc == CURLUE_OK ? NULL : curl_url_strerror(rc);
}

/* The host as an address: 0, or -1 when it is a name. */
static int
host_address(const struct url_parts *p, struct addr *out)
{
	char text[ADDR_TEXT];
	size_t len = strlen(p->host);

	if (p->host[0] != '[')
		return addr_parse(p->host, out);
	if (len < 2 || len - 2 >= sizeof(text))
		return -1;
	memcpy(text, p->host + 1, len - 2);
	text[len - 2] = '\0';
	return addr_parse(text, out);
}

/* The URL as libcurl is given it; owned by the caller. */
static char *
url_compose(const struct http_target_conf *c, enum http_scheme scheme)
{
	struct str s = {0};
	char server[ENDPOINT_TEXT];
	struct endpoint at = c->server;

	if (c->url != NULL)
		return mem_strdup(c->url);
	at.scope = 0;
	if (at.port == schemes[scheme].port)
		at.port = 0;
	str_printf(&s, "%s://", schemes[scheme].word);
	if (c->host != NULL) {
		str_add(&s, c->host);
		if (at.port != 0)
			str_printf(&s, ":%u", at.port);
	} else {
		endpoint_format(&at, server, sizeof(server));
		str_printf(&s, at.addr.family == ADDR_V6 && at.port == 0 ? "[%s]" : "%s", server);
	}
	str_add(&s, c->path != NULL ? c->path : "/");
	return str_take(&s);
}

/* -- checks -- */

static void
check_url(struct conf_ctx *ctx, const struct conf_node *node, struct http_target_conf *c,
    const struct url_parts *p)
{
	const struct conf_node *server = conf_node_find(node, "server");
	struct addr addr;
	uint16_t port = (uint16_t)strtoul(p->port, NULL, 10);

	if (server != NULL) {
		/* The port that a server without one has is the URL's. */
		endpoint_parse(server->text, port, &c->server);
		return;
	}
	if (host_address(p, &addr) == 0) {
		c->server = (struct endpoint){.addr = addr, .port = port};
		return;
	}
	conf_error(ctx, conf_node_find(node, "url"),
	    "url: names are never looked up; add 'server: ADDRESS' to say which server to ask "
	    "for '%s'",
	    p->host);
}

/* Without a URL: can one be made of the parts? */
static bool
check_parts(struct conf_ctx *ctx, const struct conf_node *node, const struct http_target_conf *c)
{
	if (c->server.addr.family == ADDR_NONE) {
		conf_error(ctx, node, "a 'server' or a 'url' is needed, to know whom to ask");
		return false;
	}
	if (c->host != NULL && strcspn(c->host, "/?#@:[] ") != strlen(c->host)) {
		conf_error(ctx, conf_node_find(node, "host"),
		    "host: '%s' must be a host name and nothing else", c->host);
		return false;
	}
	if (c->path != NULL && c->path[0] != '/') {
		conf_error(
		    ctx, conf_node_find(node, "path"), "path: '%s' must begin with a '/'", c->path);
		return false;
	}
	return true;
}

void
http_target_check(struct conf_ctx *ctx, const struct conf_node *node, struct http_target_conf *c,
    enum http_scheme scheme)
{
	const struct conf_node *at = conf_node_find(node, "url");
	struct url_parts p;
	const char *wrong;
	char *url;

	if (c->url != NULL && (c->path != NULL || c->host != NULL)) {
		conf_error(ctx, at, "url: it says path and host already; remove 'path' and 'host'");
		return;
	}
	if (c->url == NULL && !check_parts(ctx, node, c))
		return;
	url = url_compose(c, scheme);
	wrong = parts_read(&p, url);
	if (wrong != NULL)
		conf_error(ctx, at != NULL ? at : node, "'%s' is no URL: %s", url, wrong);
	else if (scheme != HTTP_EITHER && strcmp(p.scheme, schemes[scheme].word) != 0)
		conf_error(ctx, at, "url: '%s' is for a probe of type %s", url, p.scheme);
	else if (c->url != NULL)
		check_url(ctx, node, c, &p);
	parts_done(&p);
	free(url);
}

/* -- targets -- */

void
http_target_init(struct http_target *t, const struct http_target_conf *c, enum http_scheme scheme,
    uint32_t serial)
{
	char text[ADDR_TEXT];
	struct addr label = addr_v4(0xf0000000u | (serial & 0x0fffffffu));

	t->url = url_compose(c, scheme);
	t->server = c->server;
	t->scheme = strncmp(t->url, "https:", 6) == 0 ? HTTP_TLS : HTTP_PLAIN;
	snprintf(t->label, sizeof(t->label), "::%s:", addr_format(&label, text, sizeof(text)));
	t->connect_to = (struct curl_slist){.data = t->label};
}

void
http_target_done(struct http_target *t)
{
	free(t->url);
}

void
http_target_describe(const struct http_target_conf *c, enum http_scheme scheme, struct str *out)
{
	char *url = url_compose(c, scheme);
	char server[ENDPOINT_TEXT], bare[ADDR_TEXT];

	str_add(out, url);
	if (strstr(url, addr_format(&c->server.addr, bare, sizeof(bare))) == NULL)
		str_printf(out, " at %s", endpoint_format(&c->server, server, sizeof(server)));
	free(url);
}
