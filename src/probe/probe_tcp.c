/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tcp probe: can a connection be made? Nothing is sent; the connection is closed at once.
 */
#include "core/probe.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"

#include <stdlib.h>
#include <unistd.h>

struct tcp_conf {
	struct endpoint server;
	struct probe_net_conf net;
};

struct tcp_probe {
	struct probe probe;
	const struct probe_env *env;
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct tcp_conf, server),
	.doc = "Address and port to connect to."},
    PROBE_NET_ROWS(struct tcp_conf, net),
    {.type = CONF_END},
};

static void
tcp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct tcp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "tcp",
    .size = sizeof(struct tcp_conf),
    .rows = rows,
    .check = tcp_check,
    .doc = "Opens a TCP connection and closes it again.",
};

static struct probe *
tcp_new(const struct probe_env *env, const void *kind_conf)
{
	struct tcp_probe *t = mem_alloc(sizeof(*t));

	t->env = env;
	t->fd = -1;
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
on_connected(struct loop_fd *w, unsigned ready)
{
	struct tcp_probe *t = container_of(w, struct tcp_probe, watch);
	int error = net_fd_error(t->fd);

	tcp_cancel(&t->probe);
	if (error != 0)
		probe_fail_errno(&t->probe, error, "connect");
	else
		probe_ok(&t->probe, "connected");
}

static void
tcp_start(struct probe *p)
{
	struct tcp_probe *t = container_of(p, struct tcp_probe, probe);
	const struct tcp_conf *c = p->conf;
	struct net_opts opts = probe_net_opts(&c->net);
	int fd;

	fd = net_tcp_connect(&c->server, &opts);
	if (fd < 0) {
		probe_fail_errno(p, fd, "connect");
		return;
	}
	t->fd = fd;
	loop_fd_init(&t->watch, t->env->loop, fd, on_connected);
	loop_fd_want(&t->watch, LOOP_WRITE);
}

static void
tcp_free(struct probe *p)
{
	free(container_of(p, struct tcp_probe, probe));
}

static void
tcp_describe(const struct probe *p, struct str *out)
{
	const struct tcp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "tcp %s", endpoint_format(&c->server, server, sizeof(server)));
}

static void
tcp_timed_out(const struct probe *p, char *detail, size_t size)
{
	str_copy(detail, size, "no connection");
}

const struct probe_kind probe_tcp = {
    .variant = {.type = "tcp", .schema = &schema},
    .new = tcp_new,
    .start = tcp_start,
    .cancel = tcp_cancel,
    .free = tcp_free,
    .describe = tcp_describe,
    .timed_out = tcp_timed_out,
};
