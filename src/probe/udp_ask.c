/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question over UDP.
 *
 * Every attempt has a socket of its own, connected, so that its port is fresh, only the server's
 * datagrams arrive, and an ICMP error fails the attempt at once. What the judge does not take for
 * an answer is counted and waited past; everything else ends the attempt.
 *
 * A server may be allowed to answer from another port. Then the socket is not connected: the
 * sender's address is compared here, and ICMP errors are asked for (IP_RECVERR).
 */
#include "probe/udp_ask.h"

#include "loop/net.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define UDP_MAX      65536
#define UDP_PER_TURN 64 /* datagrams, so that a flood of them holds up nobody else */

void
udp_ask_init(struct udp_ask *a, const struct probe_env *env, udp_judge_fn *judge)
{
	a->env = env;
	a->judge = judge;
	a->fd = -1;
}

void
udp_ask_cancel(struct probe *p)
{
	struct udp_ask *a = container_of(p, struct udp_ask, probe);

	loop_fd_done(&a->watch);
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static void
attempt_failed(struct udp_ask *a, int error, const char *what)
{
	udp_ask_cancel(&a->probe);
	probe_fail_errno(&a->probe, error, what);
}

/* Bytes of a datagram from the server; -1 with errno; -2 for one from somebody else. */
static ssize_t
receive(struct udp_ask *a, uint8_t *msg, size_t size)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = sizeof(ss);
	ssize_t n = recvfrom(a->fd, msg, size, 0, (struct sockaddr *)&ss, &ss_len);

	if (n < 0)
		return -1;
	if (endpoint_from_sockaddr((struct sockaddr *)&ss, &a->from) < 0 ||
	    !addr_equal(&a->from.addr, &a->server))
		return -2;
	return n;
}

static void
on_datagram(struct loop_fd *w, unsigned ready)
{
	struct udp_ask *a = container_of(w, struct udp_ask, watch);
	struct probe_sample sample = {0};
	uint8_t msg[UDP_MAX];
	ssize_t n;

	for (int i = 0; i < UDP_PER_TURN; i++) {
		n = receive(a, msg, sizeof(msg));
		if (n == -1) {
			if (errno != EAGAIN && errno != EINTR)
				attempt_failed(a, -errno, "receive");
			return;
		}
		if (n >= 0 && a->judge(a, msg, (size_t)n, &sample) == UDP_JUDGED) {
			udp_ask_cancel(&a->probe);
			probe_done(&a->probe, &sample);
			return;
		}
		a->ignored++;
	}
}

void
udp_ask_send(struct udp_ask *a, const struct udp_question *q)
{
	struct net_opts opts = probe_net_opts(q->net);
	struct sockaddr_storage ss;
	socklen_t ss_len = 0;

	a->ignored = 0;
	a->server = q->server->addr;
	if (q->port == UDP_ANY_PORT) {
		a->fd = net_udp_socket((enum addr_family)q->server->addr.family, &opts);
		ss_len = endpoint_to_sockaddr(q->server, &ss);
	} else {
		a->fd = net_udp_connect(q->server, &opts);
	}
	if (a->fd < 0) {
		attempt_failed(a, a->fd, "socket");
		return;
	}
	if (sendto(a->fd, q->data, q->len, 0, ss_len > 0 ? (struct sockaddr *)&ss : NULL, ss_len) <
	    0) {
		attempt_failed(a, -errno, "send");
		return;
	}
	loop_fd_init(&a->watch, a->env->loop, a->fd, on_datagram);
	loop_fd_want(&a->watch, LOOP_READ);
}

void
udp_ask_reply(const struct udp_ask *a, const void *data, size_t len)
{
	struct sockaddr_storage ss;
	socklen_t ss_len = endpoint_to_sockaddr(&a->from, &ss);

	(void)sendto(a->fd, data, len, 0, (struct sockaddr *)&ss, ss_len);
}

void
udp_ask_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct udp_ask *a = const_container_of(p, struct udp_ask, probe);

	if (a->ignored > 0)
		snprintf(detail, size, "no answer; %u datagrams ignored that were not for us",
		    a->ignored);
	else
		str_copy(detail, size, "no answer");
}
