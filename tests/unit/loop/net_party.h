/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of streams, real and virtual: a party that owns a stream, notes what it is told,
 * reads what comes and sends a pattern that the other party checks; and a host that listens and
 * adopts.
 */
#ifndef TESTS_NET_PARTY_H
#define TESTS_NET_PARTY_H

#include "base/mem.h"
#include "loop/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct party {
	struct net_stream stream;
	unsigned opens, readables, writables, failures;
	size_t to_send;  /* bytes of the pattern still to be written */
	size_t sent;     /* bytes taken */
	size_t received; /* bytes of the pattern that came, and were right */
	int broken;      /* what read or write told, a negative errno */
	bool ended;
	bool deaf;          /* leaves readable bytes alone */
	size_t bite;        /* reads that much at most; 0: any */
	bool close_on_read; /* closes in the callback */
	bool close_on_open;
	bool close_on_end;
	bool close_on_write;
};

static inline uint8_t
party_pattern(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

static inline void
party_send(struct party *p)
{
	uint8_t buf[5000];

	while (p->to_send > 0) {
		size_t len = p->to_send < sizeof(buf) ? p->to_send : sizeof(buf);
		for (size_t i = 0; i < len; i++)
			buf[i] = party_pattern(p->sent + i);
		ssize_t n = net_stream_write(&p->stream, buf, len);
		if (n == -EAGAIN)
			break;
		if (n < 0) {
			p->broken = (int)n;
			return;
		}
		assert_true(n > 0 && (size_t)n <= len);
		p->sent += (size_t)n;
		p->to_send -= (size_t)n;
	}
	net_stream_want_write(&p->stream, p->to_send > 0);
}

static inline void
party_read(struct party *p)
{
	uint8_t buf[4096];
	size_t len = p->bite > 0 ? p->bite : sizeof(buf);
	ssize_t n;

	while ((n = net_stream_read(&p->stream, buf, len)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i], party_pattern(p->received + (size_t)i));
		p->received += (size_t)n;
		if (p->bite > 0)
			return;
	}
	if (n == 0)
		p->ended = true;
	else if (n != -EAGAIN)
		p->broken = (int)n;
}

static inline void
party_event(struct net_stream *s, enum net_event what)
{
	struct party *p = container_of(s, struct party, stream);
	bool close = false;

	assert_int_equal(p->failures, 0);
	switch (what) {
	case NET_OPEN:
		p->opens++;
		close = p->close_on_open;
		break;
	case NET_READABLE:
		p->readables++;
		if (!p->deaf)
			party_read(p);
		close = p->close_on_read || (p->ended && p->close_on_end);
		break;
	case NET_WRITABLE:
		p->writables++;
		party_send(p);
		close = p->close_on_write;
		break;
	case NET_FAILED:
		p->failures++;
		assert_true(s->error < 0);
		break;
	}
	if (close)
		net_stream_close(s);
}

static inline void
party_init(struct party *p)
{
	*p = (struct party){.stream = {.fn = party_event}};
}

/* Accepts into `party`, one after the other; what is beyond the last is closed. */
struct host {
	struct net_listener listener;
	struct party *party;
	size_t count;
	size_t accepted;
	bool unlisten; /* ends the listener in the callback */
};

static inline void
host_accept(struct net_listener *l, struct net_stream *s)
{
	struct host *h = container_of(l, struct host, listener);

	assert_true(net_stream_is_open(s));
	if (h->accepted >= h->count) {
		net_stream_close(s);
	} else {
		party_init(&h->party[h->accepted]);
		net_stream_adopt(&h->party[h->accepted].stream, s);
	}
	assert_false(net_stream_is_open(s));
	h->accepted++;
	if (h->unlisten)
		net_unlisten(l);
}

static inline void
host_init(struct host *h, struct party *party, size_t count)
{
	*h = (struct host){.listener = {.fn = host_accept}, .party = party, .count = count};
}

static inline struct endpoint
endpoint_of(const char *text, uint16_t port)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(text, port, &e), 0);
	return e;
}

#endif
