/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listen probe: somebody on this host has a socket that would get what is sent to an address
 * and port. Nothing is sent, and the server notices nothing; whether it answers is for other kinds
 * to find out.
 *
 * The kernel itself looks the socket up (sock_ask.c), so a socket bound to all addresses counts,
 * and so does an IPv6 socket that takes IPv4. An address of all zeros asks for a socket on all
 * addresses.
 *
 * One netlink socket, made by the first attempt, serves all probes of the kind. One that failed is
 * replaced at the next attempt.
 */
#include "core/probe.h"
#include "probe/probe_kinds.h"
#include "probe/sock_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

struct listen_conf {
	struct endpoint address;
	int protocol; /* enum sock_proto */
};

struct listen_shared {
	struct probe_shared shared;
	int fd; /* -1: not open */
};

struct listen_probe {
	struct probe probe;
	struct listen_shared *shared;
};

static const struct conf_choice protocols[] = {
    {"udp", SOCK_ASK_UDP, "an unconnected UDP socket"},
    {"tcp", SOCK_ASK_TCP, "a listening TCP socket"},
    {0},
};

static const struct conf_row rows[] = {
    {.key = "address",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct listen_conf, address),
	.doc = "The address and port that somebody must serve. A socket on all addresses serves "
	       "every one; 0.0.0.0 and [::] demand such a socket."},
    {.key = "protocol",
	.type = CONF_ENUM,
	.flags = CONF_REQUIRED,
	.choices = protocols,
	.offset = offsetof(struct listen_conf, protocol),
	.doc = "The protocol of the socket."},
    {.type = CONF_END},
};

static const struct conf_schema schema = {
    .name = "listen",
    .size = sizeof(struct listen_conf),
    .rows = rows,
    .doc = "Asks the kernel of this host whether a socket serves an address and port. Sends "
	   "nothing.",
};

static void
listen_shared_free(struct probe_shared *s)
{
	struct listen_shared *l = container_of(s, struct listen_shared, shared);

	if (l->fd >= 0)
		close(l->fd);
	free(l);
}

static struct listen_shared *
listen_shared_get(const struct probe_env *env)
{
	struct probe_shared *s = probe_shared_find(env, &probe_listen);
	struct listen_shared *l;

	if (s != NULL)
		return container_of(s, struct listen_shared, shared);
	l = mem_alloc(sizeof(*l));
	l->fd = -1;
	l->shared.free = listen_shared_free;
	probe_shared_add(env, &probe_listen, &l->shared);
	return l;
}

static struct probe *
listen_new(const struct probe_env *env, const void *kind_conf)
{
	struct listen_probe *l = mem_alloc(sizeof(*l));

	l->shared = listen_shared_get(env);
	return &l->probe;
}

static void
listen_start(struct probe *p)
{
	struct listen_probe *l = container_of(p, struct listen_probe, probe);
	const struct listen_conf *c = p->conf;
	struct sock_found found;
	char text[ADDR_TEXT];
	int error;

	if (l->shared->fd < 0)
		l->shared->fd = sock_ask_open();
	if (l->shared->fd < 0) {
		probe_fail_errno(p, l->shared->fd, "sock_diag");
		return;
	}
	error = sock_ask(l->shared->fd, (enum sock_proto)c->protocol, &c->address, &found);
	if (error == -ENOENT) {
		probe_fail(p, WHY_REFUSED, "no socket serves it");
	} else if (error < 0) {
		close(l->shared->fd);
		l->shared->fd = -1;
		probe_fail_errno(p, error, "sock_diag");
	} else {
		probe_ok(p, "bound to %s, uid %u", addr_format(&found.addr, text, sizeof(text)),
		    found.uid);
	}
}

/* No attempt is ever under way: each ends inside start(). */
static void
listen_cancel(struct probe *p)
{
}

static void
listen_free(struct probe *p)
{
	free(container_of(p, struct listen_probe, probe));
}

static void
listen_describe(const struct probe *p, struct str *out)
{
	const struct listen_conf *c = p->conf;
	char address[ENDPOINT_TEXT];

	str_printf(out, "listen %s %s", protocols[c->protocol].word,
	    endpoint_format(&c->address, address, sizeof(address)));
}

const struct probe_kind probe_listen = {
    .variant = {.type = "listen", .schema = &schema},
    .new = listen_new,
    .start = listen_start,
    .cancel = listen_cancel,
    .free = listen_free,
    .describe = listen_describe,
};
