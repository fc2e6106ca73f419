/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that probing by DNS costs: what bench/probes.py measures nighd against.
 *
 * COUNT queries a second go to 127.0.0.1:PORT, each name once a second at its own moment, evenly
 * spread, through one shared UDP socket: what is due leaves by sendmmsg, what comes back is read by
 * recvmmsg and compared with the query of its id. No configuration, no deadlines, no decisions, no
 * history: a prober that does anything useful costs more.
 *
 * Usage: dns_limit PORT COUNT
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH  32
#define ROOM   600
#define SECOND 1000000000LL

struct probe {
	uint8_t query[64];
	size_t len;
	uint64_t good, bad;
};

struct limit {
	int fd, ep;
	size_t count, next; /* the probe that is due next */
	int64_t begin;      /* when probe 0 was first due */
	uint64_t round;     /* how often all of them were */
	struct probe *probes;
	struct probe *by_id[65536]; /* under way */
	struct sockaddr_in server;
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_vec[BATCH], out_vec[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t data[BATCH][ROOM];
};

static int64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int64_t
due_at(const struct limit *l)
{
	return l->begin + (int64_t)l->round * SECOND +
	       (int64_t)l->next * SECOND / (int64_t)l->count;
}

static void
build(struct probe *p, size_t number)
{
	static const uint8_t tail[] = {
	    7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'n', 'e', 't', 0, 0, 1, 0, 1};

	p->query[2] = 1;
	p->query[5] = 1;
	p->query[12] = (uint8_t)snprintf((char *)p->query + 13, 16, "p%zu", number);
	p->len = 13u + p->query[12];
	memcpy(p->query + p->len, tail, sizeof(tail));
	p->len += sizeof(tail);
}

static void
send_due(struct limit *l)
{
	int64_t now = now_ns();
	uint16_t ids[BATCH];
	unsigned n = 0, sent = 0;

	if (due_at(l) > now || getrandom(ids, sizeof(ids), 0) != sizeof(ids))
		return;
	while (n < BATCH && due_at(l) <= now) {
		struct probe *p = &l->probes[l->next];
		memcpy(p->query, &ids[n], 2);
		l->by_id[ids[n]] = p;
		l->out_vec[n] = (struct iovec){p->query, p->len};
		l->out[n].msg_hdr = (struct msghdr){.msg_name = &l->server,
		    .msg_namelen = sizeof(l->server),
		    .msg_iov = &l->out_vec[n],
		    .msg_iovlen = 1};
		n++;
		if (++l->next == l->count) {
			l->next = 0;
			l->round++;
		}
	}
	while (sent < n) {
		int rc = sendmmsg(l->fd, l->out + sent, n - sent, 0);
		sent += rc > 0 ? (unsigned)rc : 1;
	}
}

static void
receive(struct limit *l)
{
	int n;

	for (int i = 0; i < BATCH; i++) {
		l->in_vec[i] = (struct iovec){l->data[i], ROOM};
		l->in[i].msg_hdr = (struct msghdr){.msg_name = &l->from[i],
		    .msg_namelen = sizeof(l->from[i]),
		    .msg_iov = &l->in_vec[i],
		    .msg_iovlen = 1};
	}
	n = recvmmsg(l->fd, l->in, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		const uint8_t *msg = l->data[i];
		struct probe *p;
		uint16_t id;
		memcpy(&id, msg, 2);
		p = l->by_id[id];
		if (p == NULL || l->in[i].msg_len < p->len + 16 ||
		    l->from[i].sin_port != l->server.sin_port ||
		    memcmp(msg + 12, p->query + 12, p->len - 12) != 0)
			continue;
		l->by_id[id] = NULL;
		if ((msg[3] & 15) == 0 && msg[7] == 1)
			p->good++;
		else
			p->bad++;
	}
}

int
main(int argc, char **argv)
{
	struct limit *l = calloc(1, sizeof(*l));
	struct epoll_event ev = {.events = EPOLLIN};

	if (argc != 3 || l == NULL || (l->count = strtoul(argv[2], NULL, 10)) == 0) {
		fprintf(stderr, "usage: %s PORT COUNT\n", argv[0]);
		return 2;
	}
	l->probes = calloc(l->count, sizeof(*l->probes));
	for (size_t i = 0; i < l->count; i++)
		build(&l->probes[i], i);
	l->server = (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	l->ep = epoll_create1(0);
	epoll_ctl(l->ep, EPOLL_CTL_ADD, l->fd, &ev);
	l->begin = now_ns() + SECOND / 10;
	for (;;) {
		int64_t wait = due_at(l) - now_ns();
		struct timespec ts = {.tv_sec = wait / SECOND, .tv_nsec = wait % SECOND};
		if (wait < 0)
			ts = (struct timespec){0};
		if (epoll_pwait2(l->ep, &ev, 1, &ts, NULL) > 0)
			receive(l);
		send_due(l);
	}
}
