/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to one server, until its answer is there.
 *
 * Over UDP the query leaves through the sockets that all dns probes share (dns_pool.c), unless
 * something is asked of the socket itself (source, interface, tos): then each attempt has a
 * connected one of its own. In both cases, a datagram that is not an answer to the question (too
 * short, wrong id, wrong question) is counted and waited past: anybody can send one, and the good
 * answer may be right behind it. A truncated answer is asked for again over TCP, as a resolver
 * would. On a stream everything comes from the server, so what does not match is the server's
 * fault.
 *
 * An ask owns its descriptor and, on a stream, the buffer of the answer; both are gone when the
 * callback runs, so the owner may start anew or free the ask there.
 *
 * RFC 1035 section 4.2: messages over UDP and over TCP with a two-byte length in front; RFC 7858:
 * the same over TLS (dns_tls.c).
 */
#include "probe/dns_ask.h"

#include "base/rng.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_UDP_MAX 4096
#define DNS_TCP_MAX 65535

static void on_pool_answer(
    struct dns_pool_query *p, enum dns_match match, const uint8_t *msg, size_t len);
static void on_pool_failure(struct dns_pool_query *p, int error, const char *what);

static const struct dns_pool_ops pool_ops = {.answered = on_pool_answer, .failed = on_pool_failure};

void
dns_ask_init(struct dns_ask *a, const struct probe_env *env, dns_ask_fn *fn)
{
	a->env = env;
	a->fn = fn;
	a->fd = -1;
	a->pooled.ops = &pool_ops;
	a->pooled.query = &a->query;
}

void
dns_ask_stop(struct dns_ask *a)
{
	dns_pool_cancel(&a->pooled);
	SSL_free(a->ssl);
	a->ssl = NULL;
	loop_fd_done(&a->watch);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
	free(a->answer);
	a->answer = NULL;
	a->sent = a->received = 0;
	a->connected = a->secured = false;
}

static void
ask_failed(struct dns_ask *a, int error, const char *what)
{
	struct dns_reply reply = {.error = error, .what = what};

	dns_ask_stop(a);
	a->fn(a, &reply);
}

static void
ask_refused(struct dns_ask *a, enum why why, const char *what)
{
	struct dns_reply reply = {.why = why, .what = what};

	dns_ask_stop(a);
	a->fn(a, &reply);
}

static void
ask_answered(struct dns_ask *a, const uint8_t *msg, size_t len)
{
	struct dns_reply reply = {.msg = msg, .len = len};
	uint8_t *buffer = a->answer; /* msg may be in it */

	a->answer = NULL;
	dns_ask_stop(a);
	a->fn(a, &reply);
	free(buffer);
}

static int stream_begin(struct dns_ask *a, const char **what);

/* The answer did not fit a datagram. */
static void
ask_by_tcp(struct dns_ask *a)
{
	const char *what;
	int error;

	dns_ask_stop(a);
	error = stream_begin(a, &what);
	if (error < 0)
		ask_failed(a, error, what);
}

/* -- UDP by a shared socket -- */

static void
on_pool_answer(struct dns_pool_query *p, enum dns_match match, const uint8_t *msg, size_t len)
{
	struct dns_ask *a = container_of(p, struct dns_ask, pooled);

	if (match == DNS_TRUNCATED)
		ask_by_tcp(a);
	else
		ask_answered(a, msg, len);
}

static void
on_pool_failure(struct dns_pool_query *p, int error, const char *what)
{
	ask_failed(container_of(p, struct dns_ask, pooled), error, what);
}

static void
pool_begin(struct dns_ask *a)
{
	if (a->pool == NULL)
		a->pool = dns_pool_get(a->env);
	a->stream = false;
	a->pooled.server = a->to.server;
	dns_pool_send(a->pool, &a->pooled);
}

static bool
is_plain(const struct net_opts *o)
{
	return o->local.family == ADDR_NONE && o->local_port == 0 && o->device[0] == '\0' &&
	       o->ttl == 0 && o->tos == 0;
}

/* -- UDP by a socket of its own -- */

static void
on_datagram(struct loop_fd *w, unsigned ready)
{
	struct dns_ask *a = container_of(w, struct dns_ask, watch);
	uint8_t msg[DNS_UDP_MAX];
	ssize_t n;

	for (;;) {
		n = recv(a->fd, msg, sizeof(msg), 0);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				ask_failed(a, -errno, "receive");
			return;
		}
		switch (dns_match(&a->query, msg, (size_t)n)) {
		case DNS_IGNORE: a->ignored++; break;
		case DNS_TRUNCATED: ask_by_tcp(a); return;
		case DNS_ANSWER: ask_answered(a, msg, (size_t)n); return;
		}
	}
}

static int
udp_begin(struct dns_ask *a, const char **what)
{
	int error;

	a->stream = false;
	dns_query_set_id(&a->query, (uint16_t)rng_secure());
	*what = "socket";
	a->fd = net_udp_connect(&a->to.server, &a->to.opts);
	if (a->fd < 0)
		return a->fd;
	*what = "send";
	if (send(a->fd, dns_query_msg(&a->query), a->query.len, 0) < 0) {
		error = -errno;
		dns_ask_stop(a);
		return error;
	}
	loop_fd_init(&a->watch, a->env->loop, a->fd, on_datagram);
	loop_fd_want(&a->watch, LOOP_READ);
	return 0;
}

/* -- TCP -- */

/* Looks once how the connect went; false when it has failed. */
static bool
stream_connected(struct dns_ask *a)
{
	int error;

	if (a->connected)
		return true;
	error = net_fd_error(a->fd);
	a->connected = error == 0;
	if (error != 0)
		ask_failed(a, error, "connect");
	return error == 0;
}

/* Writes what is left of the query; false when it has failed. */
static bool
stream_send(struct dns_ask *a)
{
	size_t whole = a->query.len + 2u;
	ssize_t n;

	if (a->sent == whole)
		return true;
	n = send(a->fd, a->query.bytes + a->sent, whole - a->sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		ask_failed(a, -errno, "send");
		return false;
	}
	if (n > 0)
		a->sent += (size_t)n;
	if (a->sent == whole)
		loop_fd_want(&a->watch, LOOP_READ);
	return true;
}

/* The whole message is there. */
static void
stream_message(struct dns_ask *a, const uint8_t *msg, size_t len)
{
	switch (dns_match(&a->query, msg, len)) {
	case DNS_IGNORE:
		ask_refused(a, WHY_MALFORMED,
		    len < DNS_HEADER ? "the answer is shorter than a header"
				     : "the answer is for another question");
		return;
	case DNS_TRUNCATED: ask_refused(a, WHY_MALFORMED, "truncated over TCP"); return;
	case DNS_ANSWER: ask_answered(a, msg, len); return;
	}
}

/* Where the answer is read to. */
static uint8_t *
stream_room(struct dns_ask *a, size_t *room)
{
	if (a->answer == NULL)
		a->answer = mem_alloc(2 + DNS_TCP_MAX);
	*room = 2 + DNS_TCP_MAX - a->received;
	return a->answer + a->received;
}

/* So many bytes more were read; true when the ask is over. */
static bool
stream_got(struct dns_ask *a, size_t n)
{
	size_t want;

	a->received += n;
	if (a->received < 2)
		return false;
	want = 2u + (size_t)(a->answer[0] << 8 | a->answer[1]);
	if (a->received < want)
		return false;
	stream_message(a, a->answer + 2, want - 2);
	return true;
}

static void
stream_receive(struct dns_ask *a)
{
	size_t room;
	uint8_t *buf = stream_room(a, &room);
	ssize_t n = recv(a->fd, buf, room, 0);

	if (n > 0)
		stream_got(a, (size_t)n);
	else if (n == 0)
		ask_refused(a, WHY_RESET, "the server closed the connection without an answer");
	else if (errno != EAGAIN && errno != EINTR)
		ask_failed(a, -errno, "receive");
}

static void
on_stream(struct loop_fd *w, unsigned ready)
{
	struct dns_ask *a = container_of(w, struct dns_ask, watch);

	if (!stream_connected(a) || ((ready & LOOP_WRITE) != 0 && !stream_send(a)))
		return;
	if ((ready & LOOP_READ) != 0 && a->sent > 0)
		stream_receive(a);
}

/* -- TLS -- */

static enum dns_tls_step
tls_secure(struct dns_ask *a, struct dns_tls_error *error)
{
	enum dns_tls_step step;

	if (a->secured)
		return DNS_TLS_DONE;
	if (a->ssl == NULL)
		a->ssl = dns_tls_open(a->to.tls, a->fd, &a->to.server.addr, error);
	if (a->ssl == NULL)
		return DNS_TLS_FAILED;
	step = dns_tls_handshake(a->ssl, error);
	if (step == DNS_TLS_DONE)
		step = dns_tls_certificate(a->ssl, a->to.tls, loop_wall_ns(a->env->loop), error);
	a->secured = step == DNS_TLS_DONE;
	return step;
}

/* Goes on from wherever the attempt stands, as far as it can; true when the ask is over. */
static bool
tls_drive(struct dns_ask *a, enum dns_tls_step *step, struct dns_tls_error *error)
{
	size_t whole = a->query.len + 2u, n, room;
	uint8_t *buf;

	*step = tls_secure(a, error);
	while (*step == DNS_TLS_DONE && a->sent < whole) {
		*step = dns_tls_write(a->ssl, a->query.bytes + a->sent, whole - a->sent, &n, error);
		if (*step == DNS_TLS_DONE)
			a->sent += n;
	}
	while (*step == DNS_TLS_DONE) {
		buf = stream_room(a, &room);
		*step = dns_tls_read(a->ssl, buf, room, &n, error);
		if (*step == DNS_TLS_DONE && stream_got(a, n))
			return true;
	}
	return false;
}

static void
on_tls(struct loop_fd *w, unsigned ready)
{
	struct dns_ask *a = container_of(w, struct dns_ask, watch);
	struct dns_tls_error error = {0};
	enum dns_tls_step step;

	if (!stream_connected(a) || tls_drive(a, &step, &error))
		return;
	if (step != DNS_TLS_FAILED)
		loop_fd_want(w, step == DNS_TLS_WANT_READ ? LOOP_READ : LOOP_WRITE);
	else if (error.error != 0)
		ask_failed(a, error.error, error.what);
	else
		ask_refused(a, error.why, error.what);
}

static int
stream_begin(struct dns_ask *a, const char **what)
{
	a->stream = true;
	dns_query_set_id(&a->query, (uint16_t)rng_secure());
	*what = "connect";
	a->fd = net_tcp_connect(&a->to.server, &a->to.opts);
	if (a->fd < 0)
		return a->fd;
	loop_fd_init(
	    &a->watch, a->env->loop, a->fd, a->to.protocol == DNS_TLS ? on_tls : on_stream);
	loop_fd_want(&a->watch, LOOP_WRITE);
	return 0;
}

/* -- any -- */

int
dns_ask_start(struct dns_ask *a, const struct dns_ask_to *to, const char **what)
{
	a->to = *to;
	a->ignored = 0;
	a->pooled.ignored = 0;
	if (a->query.random)
		dns_query_renew(&a->query, rng_secure());
	if (to->protocol != DNS_UDP)
		return stream_begin(a, what);
	if (!is_plain(&to->opts))
		return udp_begin(a, what);
	pool_begin(a);
	return 0;
}

void
dns_ask_silence(const struct dns_ask *a, char *detail, size_t size)
{
	unsigned ignored = a->ignored + a->pooled.ignored;

	if (ignored > 0)
		snprintf(detail, size,
		    "no answer; %u datagrams ignored that were not for this query", ignored);
	else if (a->stream && !a->connected)
		str_copy(detail, size, "no connection");
	else if (a->to.protocol == DNS_TLS && !a->secured)
		str_copy(detail, size, "connected, but the TLS handshake did not end");
	else
		str_copy(detail, size, "no answer");
}
