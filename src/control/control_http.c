/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: GET /metrics, in Prometheus' text format. It only reads.
 */
#include "base/log.h"
#include "control/control.h"
#include "control/control_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <string.h>

#define HTTP_HEADERS_MAX 8192
#define HTTP_TIMEOUT_S   10

static void
reply(struct evhttp_request *request, const char *type, const char *text, size_t len)
{
	struct evbuffer *body = evbuffer_new();

	if (body == NULL || evbuffer_add(body, text, len) != 0) {
		evhttp_send_error(request, HTTP_INTERNAL, NULL);
	} else {
		evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
		evhttp_send_reply(request, HTTP_OK, "OK", body);
	}
	if (body != NULL)
		evbuffer_free(body);
}

static void
on_metrics(struct evhttp_request *request, void *arg)
{
	struct control *c = arg;
	struct str text = {0};

	c->source->metrics(c->source, &text);
	reply(request, "text/plain; version=0.0.4; charset=utf-8", str_text(&text), text.len);
	str_done(&text);
}

static void
on_other(struct evhttp_request *request, void *arg)
{
	evhttp_send_error(request, HTTP_NOTFOUND, "only /metrics is here");
}

void
control_http_close(struct control *c)
{
	if (c->http != NULL)
		evhttp_free(c->http);
	c->http = NULL;
	c->http_where = (struct endpoint){0};
}

int
control_http(struct control *c, const struct endpoint *where)
{
	char text[ADDR_TEXT];

	if (endpoint_equal(where, &c->http_where))
		return 0;
	control_http_close(c);
	if (where->addr.family == ADDR_NONE)
		return 0;
	c->http = evhttp_new(loop_event_base(c->loop));
	if (c->http == NULL)
		return -ENOMEM;
	evhttp_set_allowed_methods(c->http, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
	evhttp_set_max_headers_size(c->http, HTTP_HEADERS_MAX);
	evhttp_set_max_body_size(c->http, 0);
	evhttp_set_timeout(c->http, HTTP_TIMEOUT_S);
	evhttp_set_cb(c->http, "/metrics", on_metrics, c);
	evhttp_set_gencb(c->http, on_other, c);
	addr_format(&where->addr, text, sizeof(text));
	errno = 0;
	if (evhttp_bind_socket(c->http, text, where->port) != 0) {
		int error = errno != 0 ? -errno : -EADDRNOTAVAIL;
		control_http_close(c);
		return error;
	}
	c->http_where = *where;
	return 0;
}
