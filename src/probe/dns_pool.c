/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP sockets that all dns probes share.
 *
 * A socket for each attempt costs more than the attempt itself: socket(), connect(), epoll_ctl()
 * twice and close(), and no two of them can be done at once. So the queries of one turn of the loop
 * leave together (sendmmsg), through one of sixteen unconnected sockets of their family, picked at
 * random; what comes back is read together (recvmmsg). A socket is replaced after some minutes, so
 * that ports stay fresh; the old one is kept until nobody waits on it.
 *
 * An answer is told from a forgery by the server's address, the socket (its port), a random id and
 * the question. Waiting queries are found by their id in a hash table. A datagram that matches none
 * is counted at the queries to that server, as long as few are waiting.
 *
 * IP_RECVERR gives ICMP errors to an unconnected socket: its error queue quotes the datagram and
 * where it went, which leads back to the query. An error is also reported by the next call on the
 * socket, whatever that call is about; so after a failure the error queue is read and the call is
 * made again, and what fails twice is its own.
 *
 * The pool is made by the first probe that needs it and freed with the environment; queries are
 * owned by who asks.
 */
#include "probe/dns_pool.h"

#include "base/rng.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"

#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL_SOCKETS  16
#define POOL_BATCH    32
#define POOL_ROUNDS   32 /* batches read from a socket before others have their turn */
#define POOL_BUCKETS  4096
#define POOL_DATAGRAM 4096
#define POOL_LIFE_MIN (2 * DUR_MIN)
#define POOL_LIFE_MAX (4 * DUR_MIN)
#define POOL_FEW      64 /* waiting queries that are looked through for a stray datagram */
#define POOL_ID_TRIES 8
#define POOL_ERRORS   64 /* read from an error queue at most in one go */

struct dns_pool_family;

struct dns_pool_socket {
	struct dns_pool_family *family;
	struct loop_fd watch;
	int fd;
	mono_t expires;
	unsigned users;                   /* queries that wait on it */
	LIST_ENTRY(dns_pool_socket) link; /* among the retired */
};

TAILQ_HEAD(dns_pool_list, dns_pool_query);
LIST_HEAD(dns_pool_bucket, dns_pool_query);

struct dns_pool_family {
	struct dns_pool *pool;
	enum addr_family family;
	struct dns_pool_socket *sockets[POOL_SOCKETS]; /* NULL: not yet opened */
	LIST_HEAD(, dns_pool_socket) retired;
	struct dns_pool_list to_send;
};

struct dns_pool {
	struct probe_shared shared;
	struct loop *loop;
	struct loop_task flush;
	struct dns_pool_family v4, v6;
	struct dns_pool_bucket buckets[POOL_BUCKETS]; /* by id: all that are under way */
	struct dns_pool_list waiting;
	struct dns_pool_list failed;
	unsigned waiting_count;
	uint64_t random; /* bits that are not used up */
	unsigned random_bits;
	struct mmsghdr in[POOL_BATCH], out[POOL_BATCH];
	struct iovec in_vec[POOL_BATCH], out_vec[POOL_BATCH];
	struct sockaddr_storage in_addr[POOL_BATCH], out_addr[POOL_BATCH];
	uint8_t data[POOL_BATCH][POOL_DATAGRAM];
};

/* Unpredictable bits, a few from each call to the kernel. */
static unsigned
pool_random(struct dns_pool *pool, unsigned bits)
{
	unsigned value;

	if (pool->random_bits < bits) {
		pool->random = rng_secure();
		pool->random_bits = 64;
	}
	value = (unsigned)(pool->random & ((1u << bits) - 1));
	pool->random >>= bits;
	pool->random_bits -= bits;
	return value;
}

/* -- queries -- */

static struct dns_pool_bucket *
bucket_of(struct dns_pool *pool, uint16_t id)
{
	return &pool->buckets[id % POOL_BUCKETS];
}

/* A query with this id to this server; `socket` NULL: on any. */
static struct dns_pool_query *
query_find(struct dns_pool *pool, uint16_t id, const struct endpoint *server,
    const struct dns_pool_socket *socket)
{
	struct dns_pool_query *p;

	LIST_FOREACH (p, bucket_of(pool, id), same_id) {
		if (dns_query_id(p->query) == id && endpoint_equal(&p->server, server) &&
		    (socket == NULL || p->socket == socket))
			return p;
	}
	return NULL;
}

static void
query_wait(struct dns_pool_query *p, struct dns_pool_socket *socket)
{
	struct dns_pool *pool = p->pool;

	p->socket = socket;
	p->waiting = true;
	socket->users++;
	pool->waiting_count++;
	TAILQ_INSERT_TAIL(&pool->waiting, p, link);
}

/* Out of the list that it waits in, if it does. */
static void
query_unwait(struct dns_pool_query *p)
{
	if (!p->waiting)
		return;
	p->waiting = false;
	p->socket->users--;
	p->pool->waiting_count--;
	TAILQ_REMOVE(&p->pool->waiting, p, link);
}

void
dns_pool_cancel(struct dns_pool_query *p)
{
	struct dns_pool *pool = p->pool;

	if (pool == NULL)
		return;
	if (p->waiting)
		query_unwait(p);
	else if (p->error != 0)
		TAILQ_REMOVE(&pool->failed, p, link);
	else
		TAILQ_REMOVE(
		    p->server.addr.family == ADDR_V6 ? &pool->v6.to_send : &pool->v4.to_send, p,
		    link);
	LIST_REMOVE(p, same_id);
	p->pool = NULL;
	p->socket = NULL;
	p->error = 0;
}

/* The owner hears of it at the end of this turn. Must be in no list but its bucket's. */
static void
query_failed(struct dns_pool_query *p, int error, const char *what)
{
	p->error = error;
	p->what = what;
	TAILQ_INSERT_TAIL(&p->pool->failed, p, link);
	loop_task_schedule(&p->pool->flush);
}

void
dns_pool_send(struct dns_pool *pool, struct dns_pool_query *p)
{
	uint16_t id = 0;

	assert(p->pool == NULL);
	for (int i = 0; i < POOL_ID_TRIES; i++) {
		id = (uint16_t)pool_random(pool, 16);
		if (query_find(pool, id, &p->server, NULL) == NULL)
			break;
	}
	dns_query_set_id(p->query, id);
	p->pool = pool;
	p->socket = NULL;
	p->ignored = 0;
	p->error = 0;
	LIST_INSERT_HEAD(bucket_of(pool, id), p, same_id);
	TAILQ_INSERT_TAIL(
	    p->server.addr.family == ADDR_V6 ? &pool->v6.to_send : &pool->v4.to_send, p, link);
	loop_task_schedule(&pool->flush);
}

/* -- receiving -- */

/* Nobody's answer: the queries to that server should know, unless it takes too long to find out. */
static void
stray(struct dns_pool *pool, const struct dns_pool_socket *s, const struct endpoint *from)
{
	struct dns_pool_query *p;

	if (pool->waiting_count > POOL_FEW)
		return;
	TAILQ_FOREACH (p, &pool->waiting, link) {
		if (p->socket == s && endpoint_equal(&p->server, from))
			p->ignored++;
	}
}

static void
pool_datagram(struct dns_pool_socket *s, const struct mmsghdr *m)
{
	struct dns_pool *pool = s->family->pool;
	const uint8_t *msg = m->msg_hdr.msg_iov->iov_base;
	struct dns_pool_query *p = NULL;
	enum dns_match match = DNS_IGNORE;
	struct endpoint from;

	if (endpoint_from_sockaddr(m->msg_hdr.msg_name, &from) < 0)
		return;
	if (m->msg_len >= DNS_HEADER)
		p = query_find(pool, (uint16_t)(msg[0] << 8 | msg[1]), &from, s);
	if (p != NULL)
		match = dns_match(p->query, msg, m->msg_len);
	if (match == DNS_IGNORE) {
		stray(pool, s, &from);
		return;
	}
	dns_pool_cancel(p);
	p->ops->answered(p, match, msg, m->msg_len);
}

/* The queries that an ICMP error speaks of: one when it quotes the id, else all to that server. */
static void
pool_icmp(struct dns_pool_socket *s, const struct endpoint *to, const uint8_t *quoted, size_t len,
    int error)
{
	struct dns_pool *pool = s->family->pool;
	struct dns_pool_query *p, *next;

	if (len >= 2) {
		p = query_find(pool, (uint16_t)(quoted[0] << 8 | quoted[1]), to, s);
		if (p != NULL && p->waiting) {
			query_unwait(p);
			query_failed(p, error, "receive");
		}
		return;
	}
	TAILQ_FOREACH_SAFE (p, &pool->waiting, link, next) {
		if (p->socket == s && endpoint_equal(&p->server, to)) {
			query_unwait(p);
			query_failed(p, error, "receive");
		}
	}
}

/* The error in a message of the error queue; 0 when there is none that concerns a query. */
static int
queued_error(struct msghdr *m)
{
	struct sock_extended_err e;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
		if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(e)))
			continue;
		memcpy(&e, CMSG_DATA(c), sizeof(e));
		/* "Fragmentation needed" is the kernel's business: it sends smaller pieces. */
		return e.ee_errno == EMSGSIZE ? 0 : -(int)e.ee_errno;
	}
	return 0;
}

/* Empties the error queue; false when there was nothing in it. */
static bool
pool_errors(struct dns_pool_socket *s)
{
	bool any = false;

	for (int i = 0; i < POOL_ERRORS; i++) {
		struct sockaddr_storage ss = {0};
		uint8_t quoted[DNS_HEADER], control[512];
		struct iovec vec = {quoted, sizeof(quoted)};
		struct msghdr m = {
		    .msg_name = &ss,
		    .msg_namelen = sizeof(ss),
		    .msg_iov = &vec,
		    .msg_iovlen = 1,
		    .msg_control = control,
		    .msg_controllen = sizeof(control),
		};
		struct endpoint to;
		ssize_t n = recvmsg(s->fd, &m, MSG_ERRQUEUE);
		int error;
		if (n < 0)
			break;
		any = true;
		error = queued_error(&m);
		if (error != 0 && endpoint_from_sockaddr((struct sockaddr *)&ss, &to) == 0)
			pool_icmp(s, &to, quoted, (size_t)n, error);
	}
	return any;
}

static void
on_socket(struct loop_fd *w, unsigned ready)
{
	struct dns_pool_socket *s = container_of(w, struct dns_pool_socket, watch);
	struct dns_pool *pool = s->family->pool;
	int n;

	for (int round = 0; round < POOL_ROUNDS; round++) {
		for (int i = 0; i < POOL_BATCH; i++)
			pool->in[i].msg_hdr.msg_namelen = sizeof(pool->in_addr[i]);
		n = recvmmsg(s->fd, pool->in, POOL_BATCH, MSG_DONTWAIT, NULL);
		if (n < 0 && errno == EINTR)
			continue;
		/* An empty socket that was ready has an error; so it cannot spin. */
		if (n < 0 && pool_errors(s))
			continue;
		for (int i = 0; i < n; i++)
			pool_datagram(s, &pool->in[i]);
		if (n < POOL_BATCH)
			return;
	}
}

/* -- sockets -- */

static void
socket_close(struct dns_pool_socket *s)
{
	loop_fd_done(&s->watch);
	close(s->fd);
	free(s);
}

static void
reap_retired(struct dns_pool_family *f)
{
	struct dns_pool_socket *s, *next;

	LIST_FOREACH_SAFE (s, &f->retired, link, next) {
		if (s->users > 0)
			continue;
		LIST_REMOVE(s, link);
		socket_close(s);
	}
}

/* A new socket, or NULL with the reason. */
static struct dns_pool_socket *
socket_open(struct dns_pool_family *f, int *error)
{
	const struct net_opts plain = {0};
	struct dns_pool_socket *s;
	int fd = net_udp_socket(f->family, &plain);

	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	s = mem_alloc(sizeof(*s));
	s->family = f;
	s->fd = fd;
	/* Ten bits spread the ends of their lives. */
	s->expires = mono_add(loop_now(f->pool->loop),
	    POOL_LIFE_MIN + (POOL_LIFE_MAX - POOL_LIFE_MIN) / 1024 * pool_random(f->pool, 10));
	loop_fd_init(&s->watch, f->pool->loop, fd, on_socket);
	loop_fd_want(&s->watch, LOOP_READ);
	return s;
}

/* One of the family's sockets, at random. NULL with the reason. */
static struct dns_pool_socket *
socket_pick(struct dns_pool_family *f, int *error)
{
	struct dns_pool_socket **slot = &f->sockets[pool_random(f->pool, 4)];
	struct dns_pool_socket *fresh;

	if (!LIST_EMPTY(&f->retired))
		reap_retired(f);
	if (*slot != NULL && mono_before(loop_now(f->pool->loop), (*slot)->expires))
		return *slot;
	fresh = socket_open(f, error);
	if (fresh == NULL)
		return *slot; /* the old one is better than none */
	if (*slot != NULL)
		LIST_INSERT_HEAD(&f->retired, *slot, link);
	*slot = fresh;
	return fresh;
}

/* -- sending -- */

/* Sends a batch; returns how many messages it dealt with, the last of which may have failed. */
static int
send_some(struct dns_pool_socket *s, struct mmsghdr *out, unsigned count, int *error)
{
	int n = sendmmsg(s->fd, out, count, 0);

	*error = 0;
	if (n < 0) {
		/* It may be the error of an earlier datagram. */
		pool_errors(s);
		n = sendmmsg(s->fd, out, count, 0);
	}
	if (n >= 0)
		return n;
	*error = -errno;
	return 1;
}

static void
send_batch(struct dns_pool_socket *s, struct dns_pool_query **batch, unsigned count)
{
	struct dns_pool *pool = s->family->pool;
	unsigned done = 0;

	for (unsigned i = 0; i < count; i++) {
		struct dns_pool_query *p = batch[i];
		query_wait(p, s);
		pool->out_vec[i] = (struct iovec){p->query->bytes + 2, p->query->len};
		pool->out[i].msg_hdr.msg_namelen =
		    endpoint_to_sockaddr(&p->server, &pool->out_addr[i]);
	}
	while (done < count) {
		int error;
		int n = send_some(s, pool->out + done, count - done, &error);
		struct dns_pool_query *p = batch[done];
		if (error != 0 && p->waiting) {
			query_unwait(p);
			query_failed(p, error, "send");
		}
		done += (unsigned)n;
	}
}

static void
family_flush(struct dns_pool_family *f)
{
	struct dns_pool_query *batch[POOL_BATCH];

	while (!TAILQ_EMPTY(&f->to_send)) {
		int error = 0;
		struct dns_pool_socket *s = socket_pick(f, &error);
		unsigned count = 0;
		while (count < POOL_BATCH && !TAILQ_EMPTY(&f->to_send)) {
			struct dns_pool_query *p = TAILQ_FIRST(&f->to_send);
			TAILQ_REMOVE(&f->to_send, p, link);
			if (s == NULL)
				query_failed(p, error, "socket");
			else
				batch[count++] = p;
		}
		if (count > 0)
			send_batch(s, batch, count);
	}
}

static void
on_flush(struct loop_task *t)
{
	struct dns_pool *pool = container_of(t, struct dns_pool, flush);
	struct dns_pool_query *p;

	family_flush(&pool->v4);
	family_flush(&pool->v6);
	/* A callback may cancel any other query, so they are taken one by one. */
	while ((p = TAILQ_FIRST(&pool->failed)) != NULL) {
		int error = p->error;
		dns_pool_cancel(p);
		p->ops->failed(p, error, p->what);
	}
}

/* -- the pool -- */

static void
family_init(struct dns_pool *pool, struct dns_pool_family *f, enum addr_family family)
{
	f->pool = pool;
	f->family = family;
	LIST_INIT(&f->retired);
	TAILQ_INIT(&f->to_send);
}

static void
family_done(struct dns_pool_family *f)
{
	assert(TAILQ_EMPTY(&f->to_send));
	reap_retired(f);
	assert(LIST_EMPTY(&f->retired));
	for (size_t i = 0; i < POOL_SOCKETS; i++) {
		if (f->sockets[i] != NULL)
			socket_close(f->sockets[i]);
	}
}

static void
pool_free(struct probe_shared *shared)
{
	struct dns_pool *pool = container_of(shared, struct dns_pool, shared);

	assert(pool->waiting_count == 0);
	loop_task_cancel(&pool->flush);
	family_done(&pool->v4);
	family_done(&pool->v6);
	free(pool);
}

static void
buffers_init(struct dns_pool *pool)
{
	for (size_t i = 0; i < POOL_BATCH; i++) {
		pool->in_vec[i] = (struct iovec){pool->data[i], POOL_DATAGRAM};
		pool->in[i].msg_hdr = (struct msghdr){
		    .msg_name = &pool->in_addr[i], .msg_iov = &pool->in_vec[i], .msg_iovlen = 1};
		pool->out[i].msg_hdr = (struct msghdr){
		    .msg_name = &pool->out_addr[i], .msg_iov = &pool->out_vec[i], .msg_iovlen = 1};
	}
}

struct dns_pool *
dns_pool_get(const struct probe_env *env)
{
	struct probe_shared *shared = probe_shared_find(env, &probe_dns);
	struct dns_pool *pool;

	if (shared != NULL)
		return container_of(shared, struct dns_pool, shared);
	pool = mem_alloc(sizeof(*pool));
	pool->loop = env->loop;
	pool->shared.free = pool_free;
	TAILQ_INIT(&pool->waiting);
	TAILQ_INIT(&pool->failed);
	loop_task_init(&pool->flush, env->loop, on_flush);
	family_init(pool, &pool->v4, ADDR_V4);
	family_init(pool, &pool->v6, ADDR_V6);
	buffers_init(pool);
	probe_shared_add(env, &probe_dns, &pool->shared);
	return pool;
}
