/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream façade: forwards to the provider behind a handle, and keeps the rules that hold for
 * all of them.
 *
 * A handle is a member of its owner and holds no memory of its own; `ops` is NULL while it is
 * closed, and everything but read and write is harmless then. The provider's state hangs below
 * `impl` and points back at the handle, so moving a handle (net_stream_adopt) tells the provider.
 *
 * Providers: net_real.c on the kernel's TCP, net_virtual.c in the simulator. Plain sockets are in
 * net_socket.c.
 */
#include "loop/net.h"

#include <assert.h>
#include <errno.h>

static const struct net_opts no_opts;

ssize_t
net_stream_read(struct net_stream *s, void *buf, size_t len)
{
	assert(s->ops != NULL && len > 0);
	return s->ops->read(s, buf, len);
}

ssize_t
net_stream_write(struct net_stream *s, const void *buf, size_t len)
{
	assert(s->ops != NULL && len > 0);
	return s->ops->write(s, buf, len);
}

void
net_stream_want_write(struct net_stream *s, bool on)
{
	if (s->ops != NULL)
		s->ops->want_write(s, on);
}

void
net_stream_want_read(struct net_stream *s, bool on)
{
	if (s->ops != NULL)
		s->ops->want_read(s, on);
}

size_t
net_stream_unsent(const struct net_stream *s)
{
	return s->ops != NULL ? s->ops->unsent(s) : 0;
}

bool
net_stream_is_open(const struct net_stream *s)
{
	return s->ops != NULL;
}

void
net_stream_close(struct net_stream *s)
{
	if (s->ops == NULL)
		return;
	s->ops->close(s);
	s->ops = NULL;
	s->impl = NULL;
}

void
net_stream_adopt(struct net_stream *to, struct net_stream *from)
{
	assert(to->ops == NULL && to->fn != NULL && from->ops != NULL);
	net_stream_fn *fn = to->fn;

	*to = *from;
	to->fn = fn;
	from->ops = NULL;
	from->impl = NULL;
	to->ops->moved(to);
}

int
net_connect(
    struct net *n, struct net_stream *s, const struct endpoint *remote, const struct net_opts *opts)
{
	assert(s->ops == NULL && s->fn != NULL);
	s->error = 0;
	return n->ops->connect(n, s, remote, opts != NULL ? opts : &no_opts);
}

int
net_listen(struct net *n, struct net_listener *l, const struct endpoint *local,
    const struct net_opts *opts)
{
	assert(l->net == NULL && l->fn != NULL);
	if (addr_len(&local->addr) == 0)
		return -EAFNOSUPPORT;
	l->error = 0;
	return n->ops->listen(n, l, local, opts != NULL ? opts : &no_opts);
}

void
net_unlisten(struct net_listener *l)
{
	if (l->net == NULL)
		return;
	l->net->ops->unlisten(l);
	l->net = NULL;
	l->impl = NULL;
}

void
net_free(struct net *n)
{
	if (n != NULL)
		n->ops->free(n);
}
