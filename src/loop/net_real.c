/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider of streams on the kernel's TCP.
 *
 * A stream is a descriptor, its watcher and what its owner wants; it knows nothing of the provider
 * and may outlive it. Watching is level-triggered, so whatever is readable without end is taken out
 * of the mask: a stream that read its end or an error waits for nothing more. An error that read or
 * write returned is also told by NET_FAILED at the end of the turn, unless the owner has closed the
 * stream by then.
 *
 * A listener that cannot be opened, because its address is not on the host yet or a descriptor is
 * missing, says so once in the log and is tried again every RETRY. It is opened here, or by the
 * opener in a process that may; the opener's answer comes by ticket, and an answer to a listener
 * that is gone is closed. One turn accepts at most ACCEPT_MAX connections of a listener; when
 * descriptors run out it pauses, because the kernel would report it readable without end.
 *
 * Any callback may close its stream, end its listener or free the provider. Closing gives up the
 * descriptor at once; the memory of a stream or listener that is calling its owner (`busy`) is
 * released when the call has returned.
 */
#include "loop/net.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ACCEPT_MAX  16
#define RETRY       (3 * DUR_S)
#define PAUSE       (DUR_S)
#define DISCARD_MAX (1 << 20)

struct real_stream {
	struct net_stream *handle; /* NULL: closed, about to be freed */
	struct loop_fd watch;
	struct loop_task failing; /* tells NET_FAILED at the end of the turn */
	int fd;
	bool busy; /* calling the owner */
	bool connecting;
	bool want_read;
	bool want_write;
	bool ended; /* the end was read */
};

struct real_listener {
	struct net_listener *handle; /* NULL: ended, about to be freed */
	LIST_ENTRY(real_listener) link;
	struct endpoint local;
	struct net_opts opts;
	struct loop_fd watch;
	struct loop_timer retry;
	bool busy;       /* calling the owner */
	int fd;          /* -1: not open */
	uint32_t ticket; /* of the opener; 0: none under way */
	int logged;      /* the error that the log knows of */
};

struct real_net {
	struct net net;
	struct net_opener *opener;
	uint32_t last_ticket;
	LIST_HEAD(, real_listener) listeners;
};

static const struct net_stream_ops real_stream_ops;

/* -- streams -- */

static struct real_stream *
stream_of(const struct net_stream *s)
{
	return s->impl;
}

static void
stream_update(struct real_stream *r)
{
	unsigned want = 0;

	if (r->connecting) {
		want = LOOP_WRITE;
	} else if (r->handle->error == 0) {
		if (r->want_read && !r->ended)
			want |= LOOP_READ;
		if (r->want_write)
			want |= LOOP_WRITE;
	}
	loop_fd_want(&r->watch, want);
}

static void
stream_tell_failed(struct loop_task *t)
{
	struct real_stream *r = container_of(t, struct real_stream, failing);

	r->handle->fn(r->handle, NET_FAILED);
}

/* Remembers what broke the stream, and tells the owner later. Returns the error. */
static int
stream_broke(struct real_stream *r, int error)
{
	r->handle->error = error;
	r->connecting = false;
	stream_update(r);
	loop_task_schedule(&r->failing);
	return error;
}

static void
stream_names(struct real_stream *r)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(r->fd, (struct sockaddr *)&ss, &len) == 0)
		endpoint_from_sockaddr((struct sockaddr *)&ss, &r->handle->local);
}

static void
stream_connected(struct real_stream *r)
{
	int error = net_fd_error(r->fd);

	if (error < 0) {
		stream_broke(r, error);
		return;
	}
	r->connecting = false;
	stream_names(r);
	stream_update(r);
	r->handle->fn(r->handle, NET_OPEN);
}

static void
stream_ready(struct loop_fd *w, unsigned ready)
{
	struct real_stream *r = container_of(w, struct real_stream, watch);

	if (r->connecting) {
		stream_connected(r);
		return;
	}
	/* Whatever is not wanted any more after the first callback is not told. */
	r->busy = true;
	if (ready & w->want & LOOP_READ)
		r->handle->fn(r->handle, NET_READABLE);
	if (ready & w->want & LOOP_WRITE)
		r->handle->fn(r->handle, NET_WRITABLE);
	r->busy = false;
	if (r->handle == NULL)
		free(r);
}

/* A stream on `fd`, which it owns from now on. */
static struct real_stream *
stream_new(struct loop *l, struct net_stream *s, int fd)
{
	struct real_stream *r = mem_alloc(sizeof(*r));

	r->handle = s;
	r->fd = fd;
	r->want_read = true;
	loop_fd_init(&r->watch, l, fd, stream_ready);
	loop_task_init(&r->failing, l, stream_tell_failed);
	s->ops = &real_stream_ops;
	s->impl = r;
	return r;
}

static ssize_t
real_read(struct net_stream *s, void *buf, size_t len)
{
	struct real_stream *r = stream_of(s);

	if (s->error != 0)
		return s->error;
	if (r->connecting)
		return -EAGAIN;
	ssize_t n = recv(r->fd, buf, len, 0);
	if (n > 0)
		return n;
	if (n == 0) {
		r->ended = true;
		stream_update(r);
		return 0;
	}
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	return stream_broke(r, -errno);
}

static ssize_t
real_write(struct net_stream *s, const void *buf, size_t len)
{
	struct real_stream *r = stream_of(s);

	if (s->error != 0)
		return s->error;
	if (r->connecting)
		return -EAGAIN;
	ssize_t n = send(r->fd, buf, len, MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (errno == EAGAIN || errno == EINTR)
		return -EAGAIN;
	return stream_broke(r, -errno);
}

static void
real_want_write(struct net_stream *s, bool on)
{
	stream_of(s)->want_write = on;
	stream_update(stream_of(s));
}

static void
real_want_read(struct net_stream *s, bool on)
{
	stream_of(s)->want_read = on;
	stream_update(stream_of(s));
}

static size_t
real_unsent(const struct net_stream *s)
{
	int bytes = 0;

	if (stream_of(s)->connecting || ioctl(stream_of(s)->fd, SIOCOUTQ, &bytes) < 0)
		return 0;
	return bytes > 0 ? (size_t)bytes : 0;
}

static void
real_moved(struct net_stream *s)
{
	stream_of(s)->handle = s;
	stream_update(stream_of(s));
}

static void
real_close(struct net_stream *s)
{
	struct real_stream *r = stream_of(s);

	r->handle = NULL;
	loop_task_cancel(&r->failing);
	loop_fd_done(&r->watch);
	/* The kernel resets a connection that is closed with bytes unread, and the reset overtakes
	 * what was written last (a NOTIFICATION). So they are thrown away first. */
	if (!r->connecting && s->error == 0 && !r->ended)
		(void)recv(r->fd, NULL, DISCARD_MAX, MSG_TRUNC | MSG_DONTWAIT);
	close(r->fd);
	if (!r->busy)
		free(r);
}

static const struct net_stream_ops real_stream_ops = {
    .read = real_read,
    .write = real_write,
    .want_write = real_want_write,
    .want_read = real_want_read,
    .unsent = real_unsent,
    .moved = real_moved,
    .close = real_close,
};

static int
real_connect(
    struct net *n, struct net_stream *s, const struct endpoint *remote, const struct net_opts *opts)
{
	int fd = net_tcp_connect(remote, opts);

	if (fd < 0)
		return fd;
	s->remote = *remote;
	s->local = (struct endpoint){.addr = opts->local, .port = opts->local_port};
	struct real_stream *r = stream_new(n->loop, s, fd);
	r->connecting = true;
	stream_update(r);
	return 0;
}

/* -- listeners -- */

static struct real_net *
net_of(struct net *n)
{
	return container_of(n, struct real_net, net);
}

static struct real_listener *
listener_of(const struct net_listener *l)
{
	return l->impl;
}

static void
listener_shut(struct real_listener *r)
{
	loop_fd_done(&r->watch);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* It is not open: says so when the reason is new, and tries again later. */
static void
listener_failed(struct real_listener *r, int error)
{
	char text[ENDPOINT_TEXT];
	char every[24];

	listener_shut(r);
	r->handle->error = error;
	loop_timer_after(&r->retry, RETRY);
	if (r->logged == error)
		return;
	r->logged = error;
	log_warn("cannot listen on tcp %s: %s; trying again every %s",
	    endpoint_format(&r->local, text, sizeof(text)), strerror(-error),
	    dur_format(RETRY, every, sizeof(every)));
}

/* Out of descriptors or memory: stays open, and looks again in a while. */
static void
listener_pause(struct real_listener *r, int error)
{
	char text[ENDPOINT_TEXT];

	loop_fd_want(&r->watch, 0);
	loop_timer_after(&r->retry, PAUSE);
	if (r->logged == error)
		return;
	r->logged = error;
	log_warn("cannot accept connections on tcp %s: %s; they wait until there is room",
	    endpoint_format(&r->local, text, sizeof(text)), strerror(-error));
}

/* Takes one waiting connection to the owner. 0, or the negative errno of accept. */
static int
listener_accept(struct real_listener *r)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd = accept4(r->fd, (struct sockaddr *)&ss, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0)
		return -errno;
	int on = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));

	struct net_stream s = {0};
	struct real_stream *stream = stream_new(r->retry.loop, &s, fd);
	stream_names(stream);
	endpoint_from_sockaddr((struct sockaddr *)&ss, &s.remote);
	r->handle->fn(r->handle, &s);
	assert(s.ops == NULL);
	return 0;
}

/* What accept reports although the listener is sound: the connection's own trouble, which Linux
 * passes on (accept(2), "Error handling"), and a firewall's refusal. */
static bool
is_of_connection(int error)
{
	static const int errors[] = {-ECONNABORTED, -EINTR, -EPERM, -ENETDOWN, -EPROTO,
	    -ENOPROTOOPT, -EHOSTDOWN, -ENONET, -EHOSTUNREACH, -EOPNOTSUPP, -ENETUNREACH};

	for (size_t i = 0; i < ARRAY_LEN(errors); i++)
		if (error == errors[i])
			return true;
	return false;
}

static bool
is_of_scarcity(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

static void
listener_ready(struct loop_fd *w, unsigned ready)
{
	struct real_listener *r = container_of(w, struct real_listener, watch);
	int error = 0;

	(void)ready;
	r->busy = true;
	for (int i = 0; i < ACCEPT_MAX && r->handle != NULL; i++) {
		error = listener_accept(r);
		if (error < 0 && !is_of_connection(error))
			break;
	}
	r->busy = false;
	if (r->handle == NULL) {
		free(r);
		return;
	}
	if (error == 0 || is_of_connection(error))
		return;
	if (error == -EAGAIN)
		r->logged = 0;
	else if (is_of_scarcity(error))
		listener_pause(r, error);
	else
		listener_failed(r, error);
}

/* Takes over a listening descriptor, or the reason why there is none. */
static void
listener_opened(struct real_listener *r, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char text[ENDPOINT_TEXT];

	if (fd < 0) {
		listener_failed(r, fd);
		return;
	}
	r->fd = fd;
	r->handle->error = 0;
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
		endpoint_from_sockaddr((struct sockaddr *)&ss, &r->handle->local);
	loop_fd_init(&r->watch, r->retry.loop, fd, listener_ready);
	loop_fd_want(&r->watch, LOOP_READ);
	if (r->logged != 0)
		log_notice(
		    "listening on tcp %s now", endpoint_format(&r->local, text, sizeof(text)));
	r->logged = 0;
}

static void
listener_open(struct real_listener *r)
{
	struct real_net *n = net_of(r->handle->net);

	if (n->opener == NULL) {
		listener_opened(r, net_tcp_listen(&r->local, &r->opts));
		return;
	}
	if (++n->last_ticket == 0)
		n->last_ticket = 1;
	r->ticket = n->last_ticket;
	n->opener->open(n->opener, r->ticket, &r->local, &r->opts);
}

static void
listener_retry(struct loop_timer *t)
{
	struct real_listener *r = container_of(t, struct real_listener, retry);

	if (r->fd >= 0)
		loop_fd_want(&r->watch, LOOP_READ);
	else
		listener_open(r);
}

static int
real_listen(struct net *n, struct net_listener *l, const struct endpoint *local,
    const struct net_opts *opts)
{
	struct real_listener *r = mem_alloc(sizeof(*r));

	r->handle = l;
	r->local = *local;
	r->opts = *opts;
	r->fd = -1;
	loop_timer_init(&r->retry, n->loop, listener_retry);
	LIST_INSERT_HEAD(&net_of(n)->listeners, r, link);
	l->net = n;
	l->impl = r;
	l->local = *local;
	listener_open(r);
	return 0;
}

static void
real_unlisten(struct net_listener *l)
{
	struct real_listener *r = listener_of(l);

	r->handle = NULL;
	LIST_REMOVE(r, link);
	loop_timer_cancel(&r->retry);
	listener_shut(r);
	if (!r->busy)
		free(r);
}

static void
real_free(struct net *n)
{
	struct real_net *r = net_of(n);

	while (!LIST_EMPTY(&r->listeners))
		net_unlisten(LIST_FIRST(&r->listeners)->handle);
	free(r);
}

void
net_real_opened(struct net *n, uint32_t ticket, int fd)
{
	struct real_listener *r;

	LIST_FOREACH (r, &net_of(n)->listeners, link) {
		if (ticket == 0 || r->ticket != ticket)
			continue;
		r->ticket = 0;
		if (fd >= 0 &&
		    (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
			int error = -errno;
			close(fd);
			fd = error;
		}
		listener_opened(r, fd);
		return;
	}
	if (fd >= 0)
		close(fd);
}

static const struct net_ops real_ops = {
    .connect = real_connect,
    .listen = real_listen,
    .unlisten = real_unlisten,
    .free = real_free,
};

struct net *
net_real_new(struct loop *l, struct net_opener *opener)
{
	struct real_net *r = mem_alloc(sizeof(*r));

	r->net.ops = &real_ops;
	r->net.loop = l;
	r->opener = opener;
	LIST_INIT(&r->listeners);
	return &r->net;
}
