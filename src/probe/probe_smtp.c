/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smtp probe: waits for the server's greeting, may introduce itself, and says goodbye.
 *
 * A server that has no resources left greets with 421 or 554, one whose filters are broken often
 * fails at EHLO. The goodbye (QUIT) is sent without waiting for its answer.
 *
 * RFC 5321 sections 3.1 (greeting), 4.1.1.1 (EHLO), 4.2 (replies).
 */
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"
#include "probe/smtp_msg.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMTP_PORT 25
#define EHLO_MAX  253

enum smtp_step { SMTP_CONNECT, SMTP_GREETING, SMTP_EHLO, SMTP_STEPS };

struct smtp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	const char *ehlo;
};

struct smtp_probe {
	struct probe probe;
	const struct probe_env *env;
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
	enum smtp_step step;
	size_t received;
	uint8_t data[SMTP_REPLY_MAX];
};

static const struct {
	unsigned code; /* that is good */
	const char *name;
} steps[SMTP_STEPS] = {
    [SMTP_CONNECT] = {0, "connection"},
    [SMTP_GREETING] = {220, "greeting"},
    [SMTP_EHLO] = {250, "answer to EHLO"},
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = SMTP_PORT,
	.offset = offsetof(struct smtp_conf, server),
	.doc = "The mail server. Port 25 when none is written."},
    PROBE_NET_ROWS(struct smtp_conf, net),
    {.key = "ehlo",
	.type = CONF_STRING,
	.min = 1,
	.max = EHLO_MAX,
	.offset = offsetof(struct smtp_conf, ehlo),
	.doc =
	    "The name to say EHLO with, after the greeting. Without it, the greeting is enough."},
    {.type = CONF_END},
};

static void
smtp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct smtp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
	if (c->ehlo != NULL && strpbrk(c->ehlo, " \t\r\n") != NULL)
		conf_error(ctx, conf_node_find(node, "ehlo"),
		    "ehlo: a host name is needed, without blanks");
}

static const struct conf_schema schema = {
    .name = "smtp",
    .size = sizeof(struct smtp_conf),
    .rows = rows,
    .check = smtp_check,
    .doc = "Waits for a mail server's greeting and may say EHLO.",
};

static struct probe *
smtp_new(const struct probe_env *env, const void *kind_conf)
{
	struct smtp_probe *s = mem_alloc(sizeof(*s));

	s->env = env;
	s->fd = -1;
	return &s->probe;
}

static void
smtp_cancel(struct probe *p)
{
	struct smtp_probe *s = container_of(p, struct smtp_probe, probe);

	loop_fd_done(&s->watch);
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

static void
attempt_failed(struct smtp_probe *s, int error)
{
	smtp_cancel(&s->probe);
	probe_fail_errno(&s->probe, error, steps[s->step].name);
}

/* A command is shorter than any socket's buffer, which is empty: it goes out whole. 0 or a negative
 * errno. */
static int
say(struct smtp_probe *s, const char *command)
{
	ssize_t n = send(s->fd, command, strlen(command), MSG_NOSIGNAL);

	if (n < 0)
		return -errno;
	return (size_t)n == strlen(command) ? 0 : -ENOBUFS;
}

/* The reply of this step is there: the verdict, or the next step. */
static void
on_reply(struct smtp_probe *s, const struct smtp_reply *reply)
{
	const struct smtp_conf *c = s->probe.conf;
	char command[EHLO_MAX + 16];
	int error;

	if (reply->code == steps[s->step].code && s->step == SMTP_GREETING && c->ehlo != NULL) {
		snprintf(command, sizeof(command), "EHLO %s\r\n", c->ehlo);
		s->received = 0;
		s->step = SMTP_EHLO;
		error = say(s, command);
		if (error < 0)
			attempt_failed(s, error);
		return;
	}
	(void)say(s, "QUIT\r\n");
	smtp_cancel(&s->probe);
	if (reply->code == steps[s->step].code)
		probe_ok(&s->probe, "%s", reply->text);
	else
		probe_fail(&s->probe, WHY_STATUS, "%s: %s", steps[s->step].name, reply->text);
}

static void
smtp_receive(struct smtp_probe *s)
{
	ssize_t n = recv(s->fd, s->data + s->received, sizeof(s->data) - s->received, 0);
	enum smtp_verdict verdict;
	struct smtp_reply reply;

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			attempt_failed(s, -errno);
		return;
	}
	s->received += (size_t)n;
	verdict = smtp_reply_read(s->data, s->received, &reply);
	if (verdict == SMTP_WHOLE) {
		on_reply(s, &reply);
	} else if (n == 0) {
		smtp_cancel(&s->probe);
		probe_fail(&s->probe, WHY_RESET, "closed before the %s", steps[s->step].name);
	} else if (verdict == SMTP_BROKEN || s->received == sizeof(s->data)) {
		smtp_cancel(&s->probe);
		probe_fail(
		    &s->probe, WHY_MALFORMED, "the %s is no SMTP reply", steps[s->step].name);
	}
}

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	struct smtp_probe *s = container_of(w, struct smtp_probe, watch);

	if (s->step == SMTP_CONNECT) {
		int error = net_fd_error(s->fd);
		if (error != 0) {
			attempt_failed(s, error);
			return;
		}
		s->step = SMTP_GREETING;
		loop_fd_want(&s->watch, LOOP_READ);
	}
	if ((ready & LOOP_READ) != 0)
		smtp_receive(s);
}

static void
smtp_start(struct probe *p)
{
	struct smtp_probe *s = container_of(p, struct smtp_probe, probe);
	const struct smtp_conf *c = p->conf;
	struct net_opts opts = probe_net_opts(&c->net);

	s->step = SMTP_CONNECT;
	s->received = 0;
	s->fd = net_tcp_connect(&c->server, &opts);
	if (s->fd < 0) {
		attempt_failed(s, s->fd);
		return;
	}
	loop_fd_init(&s->watch, s->env->loop, s->fd, on_ready);
	loop_fd_want(&s->watch, LOOP_WRITE);
}

static void
smtp_free(struct probe *p)
{
	free(container_of(p, struct smtp_probe, probe));
}

static void
smtp_describe(const struct probe *p, struct str *out)
{
	const struct smtp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "smtp %s", endpoint_format(&c->server, server, sizeof(server)));
}

static void
smtp_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct smtp_probe *s = const_container_of(p, struct smtp_probe, probe);

	snprintf(detail, size, "no %s", steps[s->step].name);
}

const struct probe_kind probe_smtp = {
    .variant = {.type = "smtp", .schema = &schema},
    .new = smtp_new,
    .start = smtp_start,
    .cancel = smtp_cancel,
    .free = smtp_free,
    .describe = smtp_describe,
    .timed_out = smtp_timed_out,
};
