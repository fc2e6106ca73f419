/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual connection: two sides, and what is under way between them.
 *
 * What a side writes waits in its send buffer, described by a list of segments in order: bytes, the
 * answer to a connect, the end, a reset. A segment arrives one latency after it was written and is
 * only then taken out of the sender's buffer; what is in the buffer is what the far end's TCP has
 * not acknowledged. If the path is cut at that moment, or the receiver's buffer is full, segments
 * wait: for the path to heal, or for the owner to read.
 *
 * Owners are told by a timer of their side that is armed for "now" as long as there is something to
 * tell and the owner wants it: level-triggered like the kernel, never from inside a call, and one
 * event after the other in the order of the loop's timers. So a run is repeatable, and an owner
 * that ignores readable bytes spins here as it would on a real socket.
 *
 * A reset leaves what was received before it to be read, and then breaks the stream. Bytes that
 * reach a side whose handle is closed are dropped and answered with a reset.
 */
#include "loop/net_virtual_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct net_segment {
	TAILQ_ENTRY(net_segment) link;
	enum net_segment_kind kind;
	size_t len;
	mono_t arrive;
};

static mono_t
now_of(const struct net_side *s)
{
	return loop_now(s->conn->cloud->loop);
}

static struct net_side *
far_side(struct net_side *s)
{
	return s == &s->conn->side[0] ? &s->conn->side[1] : &s->conn->side[0];
}

/* -- telling the owner -- */

static bool
readable(const struct net_side *s)
{
	return s->want_read && s->open &&
	       (s->received.len > 0 || (s->ended && !s->end_read && s->error == 0));
}

static bool
writable(const struct net_side *s)
{
	return s->want_write && s->open && s->error == 0 && s->send.len < NET_BUFFER_MAX;
}

static bool
has_news(const struct net_side *s)
{
	if (s->handle == NULL || s->handle->fn == NULL || s->failed_told)
		return false;
	return s->error != 0 || (s->open && !s->open_told) || readable(s) || writable(s);
}

void
net_side_update(struct net_side *s)
{
	if (!has_news(s))
		loop_timer_cancel(&s->tell);
	else if (!loop_timer_armed(&s->tell))
		loop_timer_after(&s->tell, 0);
}

/* -- segments -- */

static void
segment_free(struct net_side *s, struct net_segment *g)
{
	TAILQ_REMOVE(&s->flight, g, link);
	free(g);
}

/* Nothing that this side wrote goes anywhere any more. */
static void
flight_drop(struct net_side *s)
{
	while (!TAILQ_EMPTY(&s->flight))
		segment_free(s, TAILQ_FIRST(&s->flight));
	loop_timer_cancel(&s->arrival);
	net_ring_done(&s->send);
}

void
net_side_send(struct net_side *s, enum net_segment_kind kind, size_t len)
{
	struct net_segment *last = TAILQ_LAST(&s->flight, net_segment_queue);
	mono_t arrive = mono_add(now_of(s), s->conn->cloud->latency);

	if (last != NULL && kind == NET_SEGMENT_BYTES && last->kind == kind &&
	    last->arrive.ns == arrive.ns) {
		last->len += len;
		return;
	}
	struct net_segment *g = mem_alloc(sizeof(*g));
	g->kind = kind;
	g->len = len;
	g->arrive = arrive;
	TAILQ_INSERT_TAIL(&s->flight, g, link);
	/* Behind others it cannot overtake: the timer runs for the first of them, or they wait for
	 * healing or for a reader. */
	if (last == NULL)
		loop_timer_at(&s->arrival, arrive);
}

/* False when there was no room for all of it. */
static bool
arrive_bytes(struct net_side *s, struct net_segment *g)
{
	struct net_side *far = far_side(s);

	if (far->handle == NULL) {
		net_ring_take(&s->send, NULL, g->len);
		net_side_send(far, NET_SEGMENT_RESET, 0);
		return true;
	}
	size_t room = NET_BUFFER_MAX - far->received.len;
	size_t len = g->len < room ? g->len : room;
	net_ring_move(&far->received, &s->send, len);
	g->len -= len;
	return g->len == 0;
}

static void
arrive_reset(struct net_side *s)
{
	struct net_side *far = far_side(s);

	if (far->error == 0)
		far->error = far->open ? -ECONNRESET : -ECONNREFUSED;
	loop_timer_cancel(&s->conn->connect);
	flight_drop(far);
}

/* A segment is there. False when it has to wait for room. */
static bool
arrive(struct net_side *s, struct net_segment *g)
{
	switch (g->kind) {
	case NET_SEGMENT_BYTES: return arrive_bytes(s, g);
	case NET_SEGMENT_OPEN:
		far_side(s)->open = true;
		loop_timer_cancel(&s->conn->connect);
		return true;
	case NET_SEGMENT_END: far_side(s)->ended = true; return true;
	case NET_SEGMENT_RESET: arrive_reset(s); return true;
	}
	return true;
}

static void
side_arrival(struct loop_timer *t)
{
	struct net_side *s = container_of(t, struct net_side, arrival);
	struct net_segment *g;

	if (net_conn_is_cut(s->conn))
		return;
	while ((g = TAILQ_FIRST(&s->flight)) != NULL) {
		if (mono_before(now_of(s), g->arrive)) {
			loop_timer_at(&s->arrival, g->arrive);
			break;
		}
		if (!arrive(s, g))
			break;
		segment_free(s, g);
	}
	net_side_update(s);
	net_side_update(far_side(s));
}

void
net_conn_heal(struct net_conn *conn)
{
	for (size_t i = 0; i < ARRAY_LEN(conn->side); i++) {
		struct net_side *s = &conn->side[i];
		mono_t again = mono_add(now_of(s), conn->cloud->latency);
		struct net_segment *g;
		TAILQ_FOREACH (g, &s->flight, link) {
			if (mono_before(g->arrive, again))
				g->arrive = again;
		}
		if (!TAILQ_EMPTY(&s->flight))
			loop_timer_at(&s->arrival, TAILQ_FIRST(&s->flight)->arrive);
	}
}

/* -- the end -- */

/* Frees the connection when nobody holds an end of it and nobody is being called. */
static bool
conn_free_unused(struct net_conn *conn)
{
	if (conn->busy || conn->side[0].handle != NULL || conn->side[1].handle != NULL)
		return false;
	TAILQ_REMOVE(&conn->cloud->conns, conn, link);
	loop_timer_cancel(&conn->connect);
	for (size_t i = 0; i < ARRAY_LEN(conn->side); i++) {
		flight_drop(&conn->side[i]);
		net_ring_done(&conn->side[i].received);
	}
	free(conn);
	return true;
}

static void
side_tell(struct loop_timer *t)
{
	struct net_side *s = container_of(t, struct net_side, tell);

	s->conn->busy = true;
	if (s->open && !s->open_told) {
		s->open_told = true;
		s->handle->fn(s->handle, NET_OPEN);
	}
	if (s->handle != NULL && readable(s))
		s->handle->fn(s->handle, NET_READABLE);
	if (s->handle != NULL && writable(s))
		s->handle->fn(s->handle, NET_WRITABLE);
	if (s->handle != NULL && s->error != 0 && !readable(s)) {
		s->failed_told = true;
		s->handle->error = s->error;
		s->handle->fn(s->handle, NET_FAILED);
	}
	s->conn->busy = false;
	if (!conn_free_unused(s->conn))
		net_side_update(s);
}

/* -- the handle -- */

static struct net_side *
side_of(const struct net_stream *handle)
{
	return handle->impl;
}

static ssize_t
side_read(struct net_stream *handle, void *buf, size_t len)
{
	struct net_side *s = side_of(handle);

	if (s->received.len == 0 && s->error != 0) {
		handle->error = s->error;
		return s->error;
	}
	if (s->received.len == 0 && !s->ended)
		return -EAGAIN;
	if (s->received.len == 0) {
		s->end_read = true;
		net_side_update(s);
		return 0;
	}
	size_t n = len < s->received.len ? len : s->received.len;
	net_ring_take(&s->received, buf, n);
	/* The far side learns after one latency that there is room, if it waits for that. */
	struct net_side *far = far_side(s);
	if (!TAILQ_EMPTY(&far->flight) && !loop_timer_armed(&far->arrival) &&
	    !net_conn_is_cut(s->conn))
		loop_timer_after(&far->arrival, s->conn->cloud->latency);
	net_side_update(s);
	return (ssize_t)n;
}

static ssize_t
side_write(struct net_stream *handle, const void *buf, size_t len)
{
	struct net_side *s = side_of(handle);
	size_t room = NET_BUFFER_MAX - s->send.len;

	if (s->error != 0) {
		handle->error = s->error;
		return s->error;
	}
	if (!s->open || room == 0)
		return -EAGAIN;
	size_t n = len < room ? len : room;
	net_ring_put(&s->send, buf, n);
	net_side_send(s, NET_SEGMENT_BYTES, n);
	return (ssize_t)n;
}

static void
side_want_write(struct net_stream *handle, bool on)
{
	side_of(handle)->want_write = on;
	net_side_update(side_of(handle));
}

static void
side_want_read(struct net_stream *handle, bool on)
{
	side_of(handle)->want_read = on;
	net_side_update(side_of(handle));
}

static size_t
side_unsent(const struct net_stream *handle)
{
	return side_of(handle)->send.len;
}

static void
side_moved(struct net_stream *handle)
{
	side_of(handle)->handle = handle;
	net_side_update(side_of(handle));
}

static void
side_close(struct net_stream *handle)
{
	struct net_side *s = side_of(handle);

	/* A connect that is given up has not said anything that could have an end. */
	net_side_detach(s, s->open ? NET_SEGMENT_END : NET_SEGMENT_RESET);
}

static const struct net_stream_ops side_ops = {
    .read = side_read,
    .write = side_write,
    .want_write = side_want_write,
    .want_read = side_want_read,
    .unsent = side_unsent,
    .moved = side_moved,
    .close = side_close,
};

void
net_side_attach(struct net_side *s, struct net_stream *handle, struct net_side_list *node)
{
	size_t i = s == &s->conn->side[0] ? 0 : 1;

	s->handle = handle;
	s->want_read = true;
	LIST_INSERT_HEAD(node, s, link);
	handle->ops = &side_ops;
	handle->impl = s;
	handle->local = s->conn->at[i];
	handle->remote = s->conn->at[1 - i];
}

void
net_side_detach(struct net_side *s, enum net_segment_kind kind)
{
	s->handle->ops = NULL;
	s->handle->impl = NULL;
	s->handle = NULL;
	LIST_REMOVE(s, link);
	loop_timer_cancel(&s->tell);
	net_ring_done(&s->received);
	if (!conn_free_unused(s->conn) && far_side(s)->handle != NULL)
		net_side_send(s, kind, 0);
}

struct net_conn *
net_conn_new(struct net_cloud *c)
{
	struct net_conn *conn = mem_alloc(sizeof(*conn));

	conn->cloud = c;
	for (size_t i = 0; i < ARRAY_LEN(conn->side); i++) {
		struct net_side *s = &conn->side[i];
		s->conn = conn;
		TAILQ_INIT(&s->flight);
		loop_timer_init(&s->tell, c->loop, side_tell);
		loop_timer_init(&s->arrival, c->loop, side_arrival);
	}
	TAILQ_INSERT_TAIL(&c->conns, conn, link);
	return conn;
}
