/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tcp and tcp-connect probes: one kind under two names, the second being that of IP SLA.
 *
 * Without `send` and `expect` the question is whether a connection can be made; it is closed at
 * once. With `send` its bytes are written first. With `expect` the attempt goes on until what has
 * been read so far holds the pattern; the end of the stream or EXPECT_MAX bytes without it are a
 * failure, and so is the time-out.
 *
 * Every attempt has a connection of its own. What was read is kept in a buffer that the probe makes
 * once, when it first reads.
 */
#include "core/probe.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"
#include "probe/probe_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define EXPECT_MAX 16384

struct tcp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	struct probe_bytes send;
	struct probe_pattern expect;
};

struct tcp_probe {
	struct probe probe;
	const struct probe_env *env;
	struct probe_matcher *expect; /* NULL: nothing is expected */
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
	bool connected;
	size_t sent;
	uint8_t *data; /* NULL: nothing was ever read */
	size_t received;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct tcp_conf, server),
	.doc = "Address and port to connect to."},
    PROBE_NET_ROWS(struct tcp_conf, net),
    {.key = "send",
	.type = CONF_CUSTOM,
	.custom = &probe_bytes_custom,
	.offset = offsetof(struct tcp_conf, send),
	.doc = "What to send once connected."},
    {.key = "expect",
	.type = CONF_CUSTOM,
	.custom = &probe_pattern_custom,
	.offset = offsetof(struct tcp_conf, expect),
	.doc = "What must occur in the first 16 KiB that the server sends. Without it, a "
	       "connection is enough."},
    {.type = CONF_END},
};

static void
tcp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct tcp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema tcp_schema = {
    .name = "tcp",
    .size = sizeof(struct tcp_conf),
    .rows = rows,
    .check = tcp_check,
    .doc = "Opens a TCP connection and closes it again; may send something, and look at what "
	   "comes back.",
};

static const struct conf_schema tcp_connect_schema = {
    .name = "tcp-connect",
    .size = sizeof(struct tcp_conf),
    .rows = rows,
    .check = tcp_check,
    .doc = "The same as `tcp`, under the name that IP SLA gives it.",
};

static const struct tcp_conf *
conf_of(const struct tcp_probe *t)
{
	return t->probe.conf;
}

static struct probe *
tcp_new(const struct probe_env *env, const void *kind_conf)
{
	const struct tcp_conf *c = kind_conf;
	struct tcp_probe *t = mem_alloc(sizeof(*t));

	t->env = env;
	t->fd = -1;
	t->expect = probe_matcher_new(&c->expect);
	return &t->probe;
}

static void
tcp_cancel(struct probe *p)
{
	struct tcp_probe *t = container_of(p, struct tcp_probe, probe);

	loop_fd_done(&t->watch);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static void
attempt_failed(struct tcp_probe *t, int error, const char *what)
{
	tcp_cancel(&t->probe);
	probe_fail_errno(&t->probe, error, what);
}

/* "got ...", or "" when nothing was read. */
static const char *
got_text(const struct tcp_probe *t, char *buf, size_t size)
{
	char excerpt[PROBE_EXCERPT];

	buf[0] = '\0';
	if (t->received > 0)
		snprintf(buf, size, "got \"%s\"",
		    probe_bytes_excerpt(t->data, t->received, excerpt, sizeof(excerpt)));
	return buf;
}

/* The stream holds no more, or holds more than we look at. */
static void
not_found(struct tcp_probe *t, const char *what)
{
	char got[PROBE_DETAIL];

	tcp_cancel(&t->probe);
	if (t->received == 0)
		probe_fail(&t->probe, WHY_RESET, "%s without a byte", what);
	else
		probe_fail(&t->probe, WHY_CONTENT, "%s; %s", what, got_text(t, got, sizeof(got)));
}

static void
tcp_receive(struct tcp_probe *t)
{
	char excerpt[PROBE_EXCERPT];
	ssize_t n;

	if (t->data == NULL)
		t->data = mem_alloc(EXPECT_MAX);
	n = recv(t->fd, t->data + t->received, EXPECT_MAX - t->received, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			attempt_failed(t, -errno, "receive");
		return;
	}
	t->received += (size_t)n;
	if (n > 0 && probe_matcher_find(t->expect, t->data, t->received)) {
		tcp_cancel(&t->probe);
		probe_ok(&t->probe, "%s",
		    probe_bytes_excerpt(t->data, t->received, excerpt, sizeof(excerpt)));
	} else if (n == 0) {
		not_found(t, "closed");
	} else if (t->received == EXPECT_MAX) {
		not_found(t, "not in the first 16 KiB");
	}
}

/* Writes what is left; false when the attempt is over. */
static bool
tcp_send(struct tcp_probe *t)
{
	const struct probe_bytes *bytes = &conf_of(t)->send;
	ssize_t n;

	if (t->sent < bytes->len) {
		n = send(t->fd, bytes->data + t->sent, bytes->len - t->sent, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR) {
			attempt_failed(t, -errno, "send");
			return false;
		}
		if (n > 0)
			t->sent += (size_t)n;
	}
	if (t->sent < bytes->len)
		return true;
	if (t->expect == NULL) {
		tcp_cancel(&t->probe);
		probe_ok(&t->probe, "%s", bytes->len > 0 ? "connected and sent" : "connected");
		return false;
	}
	loop_fd_want(&t->watch, LOOP_READ);
	return true;
}

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	struct tcp_probe *t = container_of(w, struct tcp_probe, watch);

	if (!t->connected) {
		int error = net_fd_error(t->fd);
		if (error != 0) {
			attempt_failed(t, error, "connect");
			return;
		}
		t->connected = true;
		if (t->expect != NULL)
			loop_fd_want(&t->watch, LOOP_READ | LOOP_WRITE);
	}
	if ((ready & LOOP_WRITE) != 0 && !tcp_send(t))
		return;
	if ((ready & LOOP_READ) != 0)
		tcp_receive(t);
}

static void
tcp_start(struct probe *p)
{
	struct tcp_probe *t = container_of(p, struct tcp_probe, probe);
	struct net_opts opts = probe_net_opts(&conf_of(t)->net);
	int fd;

	t->connected = false;
	t->sent = t->received = 0;
	fd = net_tcp_connect(&conf_of(t)->server, &opts);
	if (fd < 0) {
		probe_fail_errno(p, fd, "connect");
		return;
	}
	t->fd = fd;
	loop_fd_init(&t->watch, t->env->loop, fd, on_ready);
	loop_fd_want(&t->watch, LOOP_WRITE);
}

static void
tcp_free(struct probe *p)
{
	struct tcp_probe *t = container_of(p, struct tcp_probe, probe);

	probe_matcher_free(t->expect);
	free(t->data);
	free(t);
}

static void
tcp_describe(const struct probe *p, struct str *out)
{
	const struct tcp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "tcp %s", endpoint_format(&c->server, server, sizeof(server)));
	if (c->expect.regex != NULL || c->expect.bytes.data != NULL) {
		str_add(out, " expect ");
		probe_pattern_custom.show(&c->expect, out);
	}
}

static void
tcp_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct tcp_probe *t = const_container_of(p, struct tcp_probe, probe);

	if (!t->connected)
		str_copy(detail, size, "no connection");
	else if (t->received == 0)
		str_copy(detail, size, "connected, then nothing");
	else
		got_text(t, detail, size);
}

const struct probe_kind probe_tcp = {
    .variant = {.type = "tcp", .schema = &tcp_schema},
    .new = tcp_new,
    .start = tcp_start,
    .cancel = tcp_cancel,
    .free = tcp_free,
    .describe = tcp_describe,
    .timed_out = tcp_timed_out,
};

const struct probe_kind probe_tcp_connect = {
    .variant = {.type = "tcp-connect", .schema = &tcp_connect_schema},
    .new = tcp_new,
    .start = tcp_start,
    .cancel = tcp_cancel,
    .free = tcp_free,
    .describe = tcp_describe,
    .timed_out = tcp_timed_out,
};
