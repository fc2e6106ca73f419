/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a connection: its two buffers, and its last words.
 *
 * A buffer is a bounded stretch of memory that is filled at its end and drained at its front. It
 * exists only while there is a connection.
 *
 * A connection that ends with a NOTIFICATION must not simply be closed: bytes that the socket did
 * not take yet would be lost, and closing with unread bytes makes the kernel send a reset, upon
 * which the neighbor's kernel throws away what it had received, the NOTIFICATION with it; so does a
 * message of the neighbor that arrives after the close. So the stream moves to a bgp_linger, which
 * belongs to the speaker, reads on until the neighbor closes and lives for a second at most; the
 * session is free for its next connection meanwhile.
 */
#include "proto/bgp/bgp_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_READS 16 /* in one turn */

void
bgp_buffer_open(struct bgp_buffer *b, size_t cap)
{
	b->data = mem_alloc(cap);
	b->cap = cap;
	b->head = 0;
	b->len = 0;
}

void
bgp_buffer_done(struct bgp_buffer *b)
{
	free(b->data);
	*b = (struct bgp_buffer){0};
}

size_t
bgp_buffer_waiting(const struct bgp_buffer *b)
{
	return b->len - b->head;
}

uint8_t *
bgp_buffer_room(struct bgp_buffer *b, size_t need)
{
	if (b->cap - b->len < need && b->head > 0) {
		memmove(b->data, b->data + b->head, b->len - b->head);
		b->len -= b->head;
		b->head = 0;
	}
	return b->cap - b->len < need ? NULL : b->data + b->len;
}

/* -- last words -- */

void
bgp_linger_done(struct bgp_linger *l)
{
	LIST_REMOVE(l, link);
	l->speaker->linger_count--;
	loop_timer_cancel(&l->limit);
	if (net_stream_is_open(&l->stream))
		net_stream_close(&l->stream);
	bgp_buffer_done(&l->tx);
	free(l);
}

/* Reads and drops; false at the end of the connection. */
static bool
linger_read(struct bgp_linger *l)
{
	uint8_t sink[4096];

	for (unsigned i = 0; i < LINGER_READS; i++) {
		ssize_t n = net_stream_read(&l->stream, sink, sizeof(sink));
		if (n == -EAGAIN)
			return true;
		if (n <= 0)
			return false;
	}
	return true;
}

/* False when the connection is broken. */
static bool
linger_write(struct bgp_linger *l)
{
	while (bgp_buffer_waiting(&l->tx) > 0) {
		ssize_t n = net_stream_write(
		    &l->stream, l->tx.data + l->tx.head, bgp_buffer_waiting(&l->tx));
		if (n == -EAGAIN)
			break;
		if (n <= 0)
			return false;
		l->tx.head += (size_t)n;
	}
	net_stream_want_write(&l->stream, bgp_buffer_waiting(&l->tx) > 0);
	return true;
}

static void
linger_run(struct bgp_linger *l)
{
	if (!linger_read(l) || !linger_write(l))
		bgp_linger_done(l);
}

static void
on_linger_stream(struct net_stream *s, enum net_event what)
{
	struct bgp_linger *l = container_of(s, struct bgp_linger, stream);

	if (what == NET_FAILED)
		bgp_linger_done(l);
	else
		linger_run(l);
}

static void
on_linger_limit(struct loop_timer *t)
{
	bgp_linger_done(container_of(t, struct bgp_linger, limit));
}

void
bgp_linger_start(struct bgp_speaker *b, struct net_stream *stream, struct bgp_buffer *tx)
{
	struct bgp_linger *l;

	if (b->linger_count >= BGP_LINGER_COUNT) {
		net_stream_close(stream);
		bgp_buffer_done(tx);
		return;
	}
	l = mem_alloc(sizeof(*l));
	l->speaker = b;
	l->tx = *tx;
	*tx = (struct bgp_buffer){0};
	l->stream.fn = on_linger_stream;
	net_stream_adopt(&l->stream, stream);
	net_stream_want_read(&l->stream, true);
	loop_timer_init(&l->limit, b->env.loop, on_linger_limit);
	loop_timer_after(&l->limit, BGP_LINGER_MAX);
	LIST_INSERT_HEAD(&b->lingers, l, link);
	b->linger_count++;
	linger_run(l);
}

void
bgp_refuse(struct bgp_speaker *b, struct net_stream *stream, enum bgp_cease subcode)
{
	struct bgp_notify n = bgp_notify_make(BGP_ERR_CEASE, (uint8_t)subcode);
	struct bgp_buffer tx = {0};

	bgp_buffer_open(&tx, BGP_MSG_MAX);
	tx.len = bgp_notify_encode(&n, tx.data, tx.cap);
	bgp_linger_start(b, stream, &tx);
}
