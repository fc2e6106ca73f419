/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: a line in, a line out, as often as the client likes.
 *
 * Clients are bounded in number, a request in length, and a client that does not read its answer is
 * dropped after CLIENT_TIMEOUT; the next request is read only when the answer to the one before has
 * left. Buffers are libevent's.
 *
 * Owns: the listening descriptor and the clients. Each client owns its bufferevent.
 */
#include "control/control.h"

#include "base/log.h"
#include "base/mem.h"
#include "control/control_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_TIMEOUT_S 10
#define ACCEPT_MAX       16 /* per turn */

struct control_client {
	struct control *control;
	struct bufferevent *stream;
	bool closing; /* after what is queued has left */
	bool ended;   /* it asks nothing more than what is here */
	LIST_ENTRY(control_client) link;
};

static void
client_free(struct control_client *c)
{
	LIST_REMOVE(c, link);
	c->control->client_count--;
	bufferevent_free(c->stream);
	free(c);
}

static void
refuse_long(struct control_client *c)
{
	static const char too_long[] = "{\"ok\":false,\"error\":\"the request is too long\"}\n";

	bufferevent_write(c->stream, too_long, sizeof(too_long) - 1);
	bufferevent_disable(c->stream, EV_READ);
	c->closing = true;
}

/* Answers one line when there is one and the last answer has left; the client may be gone
 * afterwards. */
static void
client_serve(struct control_client *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	struct str answer = {0};
	size_t len;
	char *line;

	if (c->closing || evbuffer_get_length(bufferevent_get_output(c->stream)) > 0)
		return;
	line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
	if (line != NULL) {
		control_answer(c->control->source, line, len, loop_now(c->control->loop), &answer);
		bufferevent_write(c->stream, answer.text, answer.len);
		free(line);
		str_done(&answer);
	} else if (evbuffer_get_length(in) >= CONTROL_REQUEST_MAX) {
		refuse_long(c);
	} else if (c->ended) {
		client_free(c);
	}
}

static void
on_read(struct bufferevent *b, void *arg)
{
	client_serve(arg);
}

static void
on_written(struct bufferevent *b, void *arg)
{
	struct control_client *c = arg;

	if (c->closing)
		client_free(c);
	else
		client_serve(c);
}

/* A client that has closed its half still gets the answers to what it asked before. */
static void
on_event(struct bufferevent *b, short what, void *arg)
{
	struct control_client *c = arg;

	if ((what & BEV_EVENT_EOF) == 0 || (what & BEV_EVENT_READING) == 0) {
		client_free(c);
		return;
	}
	c->ended = true;
	client_serve(c);
}

static void
client_new(struct control *control, int fd)
{
	struct control_client *c = mem_alloc(sizeof(*c));
	const struct timeval timeout = {.tv_sec = CLIENT_TIMEOUT_S};

	c->control = control;
	c->stream =
	    bufferevent_socket_new(loop_event_base(control->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->stream == NULL) {
		close(fd);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&control->clients, c, link);
	control->client_count++;
	bufferevent_setcb(c->stream, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, CONTROL_REQUEST_MAX);
	bufferevent_set_timeouts(c->stream, NULL, &timeout);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
}

static void
on_accept(struct loop_fd *w, unsigned ready)
{
	struct control *control = container_of(w, struct control, listener);

	for (int i = 0; i < ACCEPT_MAX; i++) {
		int fd = accept4(control->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (control->client_count < CONTROL_CLIENTS) {
			client_new(control, fd);
			continue;
		}
		log_warn("control: %d clients already, refusing one more", CONTROL_CLIENTS);
		close(fd);
	}
}

struct control *
control_new(struct loop *l, struct control_source *source, int listen_fd)
{
	struct control *c = mem_alloc(sizeof(*c));

	c->loop = l;
	c->source = source;
	c->listen_fd = listen_fd;
	LIST_INIT(&c->clients);
	if (listen_fd >= 0) {
		loop_fd_init(&c->listener, l, listen_fd, on_accept);
		loop_fd_want(&c->listener, LOOP_READ);
	}
	return c;
}

void
control_free(struct control *c)
{
	struct control_client *client, *next;

	LIST_FOREACH_SAFE (client, &c->clients, link, next)
		client_free(client);
	control_http_close(c);
	if (c->listen_fd >= 0) {
		loop_fd_done(&c->listener);
		close(c->listen_fd);
	}
	free(c);
}
