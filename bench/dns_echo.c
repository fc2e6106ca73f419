/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DNS responder for bench/probes.py: answers every query at 127.0.0.1:PORT with one A record.
 *
 * It keeps up with anything that a prober on the same machine can send, and notes when each query
 * arrived, by the kernel's clock (SO_TIMESTAMPNS). Queries are told apart by the number in the
 * first label of their name: p17.example.net. SIGUSR1 begins a window, SIGUSR2 ends it: then a line
 * of JSON says how many queries there were, and how far the time between two queries of the same
 * name was off one second (median and 99th percentile). SIGTERM ends the program.
 *
 * Usage: dns_echo PORT
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH     64
#define ROOM      600
#define NAMES     65536
#define INTERVALS 4000000
#define SECOND    1000000000LL

struct echo {
	int fd;
	uint64_t received;
	int64_t *last; /* by name: when its last query came */
	uint32_t *off; /* ns off one second */
	size_t off_count;
	struct mmsghdr msgs[BATCH];
	struct iovec vecs[BATCH];
	struct sockaddr_in from[BATCH];
	uint8_t data[BATCH][ROOM];
	uint8_t control[BATCH][64];
};

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t
arrival(struct msghdr *m)
{
	struct timespec ts = {0};

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&ts, CMSG_DATA(c), sizeof(ts));
	}
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

static void
note(struct echo *e, const uint8_t *query, int64_t at)
{
	unsigned name = 0;

	for (unsigned i = 14; i < 13u + query[12]; i++)
		name = name * 10 + (query[i] - '0');
	name %= NAMES;
	if (e->last[name] != 0 && e->off_count < INTERVALS) {
		int64_t off = llabs(at - e->last[name] - SECOND);
		e->off[e->off_count++] = off < UINT32_MAX ? (uint32_t)off : UINT32_MAX;
	}
	e->last[name] = at;
	e->received++;
}

/* The question, and 192.0.2.80. */
static size_t
answer(uint8_t *msg, size_t len)
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80};

	msg[2] = 0x84;
	msg[3] = 0;
	msg[7] = 1;
	memcpy(msg + len, record, sizeof(record));
	return len + sizeof(record);
}

static void
serve(struct echo *e)
{
	int n, sent = 0;

	for (int i = 0; i < BATCH; i++) {
		e->vecs[i] = (struct iovec){e->data[i], 512};
		e->msgs[i].msg_hdr = (struct msghdr){.msg_name = &e->from[i],
		    .msg_namelen = sizeof(e->from[i]),
		    .msg_iov = &e->vecs[i],
		    .msg_iovlen = 1,
		    .msg_control = e->control[i],
		    .msg_controllen = sizeof(e->control[i])};
	}
	n = recvmmsg(e->fd, e->msgs, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		if (e->msgs[i].msg_len < 17)
			continue;
		note(e, e->data[i], arrival(&e->msgs[i].msg_hdr));
		e->vecs[i].iov_len = answer(e->data[i], e->msgs[i].msg_len);
		e->msgs[i].msg_hdr.msg_control = NULL;
		e->msgs[i].msg_hdr.msg_controllen = 0;
	}
	while (sent < n) {
		int rc = sendmmsg(e->fd, e->msgs + sent, (unsigned)(n - sent), 0);
		sent += rc > 0 ? rc : 1;
	}
}

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
window_begin(struct echo *e)
{
	e->received = 0;
	e->off_count = 0;
	memset(e->last, 0, NAMES * sizeof(*e->last));
}

static void
window_end(struct echo *e)
{
	size_t n = e->off_count;

	qsort(e->off, n, sizeof(*e->off), compare);
	printf("{\"received\": %llu, \"off_p50_us\": %.1f, \"off_p99_us\": %.1f}\n",
	    (unsigned long long)e->received, n > 0 ? e->off[n / 2] / 1e3 : 0.0,
	    n > 0 ? e->off[n * 99 / 100] / 1e3 : 0.0);
	fflush(stdout);
}

static int
open_port(uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int on = 1, room = 8 << 20;

	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
		die("bind");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) < 0)
		die("SO_TIMESTAMPNS");
	return fd;
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, 0);
}

int
main(int argc, char **argv)
{
	struct echo *e = calloc(1, sizeof(*e));
	int signals = open_signals(), ep = epoll_create1(0);
	struct epoll_event ev = {.events = EPOLLIN};

	if (argc != 2 || e == NULL || signals < 0 || ep < 0) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		return 2;
	}
	e->last = calloc(NAMES, sizeof(*e->last));
	e->off = calloc(INTERVALS, sizeof(*e->off));
	e->fd = open_port((uint16_t)strtoul(argv[1], NULL, 10));
	ev.data.fd = e->fd;
	epoll_ctl(ep, EPOLL_CTL_ADD, e->fd, &ev);
	ev.data.fd = signals;
	epoll_ctl(ep, EPOLL_CTL_ADD, signals, &ev);
	for (;;) {
		struct signalfd_siginfo info;
		if (epoll_wait(ep, &ev, 1, -1) != 1)
			continue;
		if (ev.data.fd == e->fd) {
			serve(e);
			continue;
		}
		if (read(signals, &info, sizeof(info)) != sizeof(info) || info.ssi_signo == SIGTERM)
			return 0;
		if (info.ssi_signo == SIGUSR1)
			window_begin(e);
		else
			window_end(e);
	}
}
