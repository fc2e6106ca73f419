/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question over UDP.
 *
 * Every attempt has a socket of its own, connected, so that its port is fresh, only the server's
 * datagrams arrive, and an ICMP error fails the attempt at once. What the judge does not take for
 * an answer is counted and waited past; everything else ends the attempt.
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

static void
on_datagram(struct loop_fd *w, unsigned ready)
{
	struct udp_ask *a = container_of(w, struct udp_ask, watch);
	struct probe_sample sample = {0};
	uint8_t msg[UDP_MAX];
	bool judged = false;
	ssize_t n;

	for (int i = 0; !judged && i < UDP_PER_TURN; i++) {
		n = recv(a->fd, msg, sizeof(msg), 0);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				attempt_failed(a, -errno, "receive");
			return;
		}
		judged = a->judge(a, msg, (size_t)n, &sample) == UDP_JUDGED;
		a->ignored += !judged;
	}
	if (!judged)
		return;
	udp_ask_cancel(&a->probe);
	probe_done(&a->probe, &sample);
}

void
udp_ask_send(struct udp_ask *a, const struct udp_question *q)
{
	struct net_opts opts = probe_net_opts(q->net);

	a->ignored = 0;
	a->fd = net_udp_connect(q->server, &opts);
	if (a->fd < 0) {
		attempt_failed(a, a->fd, "socket");
		return;
	}
	if (send(a->fd, q->data, q->len, 0) < 0) {
		attempt_failed(a, -errno, "send");
		return;
	}
	loop_fd_init(&a->watch, a->env->loop, a->fd, on_datagram);
	loop_fd_want(&a->watch, LOOP_READ);
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
