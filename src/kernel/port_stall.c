/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that do not read: the queue of a socket tells.
 *
 * A queue that is not empty, has not shrunk and has grown (or had to turn something away) for the
 * time `stall` belongs to a server that hangs. One that reads, however busy it is, lets its queue
 * shrink between two of a dozen samples. Still it may be a mistake, so it is only a reason to
 * probe at once, told once until the queue shrinks.
 *
 * The kernel does not tell of growing queues. So there is a glance every 40 to 60 ms, which is one
 * cheap look-up for each place that is served (of the sockets that share one, a random one
 * answers); only when something waits somewhere all queues are sampled, every 3 to 7 ms, until
 * they have shrunk or the verdict is there. The pauses are random, so that a server with a rhythm
 * of its own is not always met in the same moment. No port served, or `stall` 0: no glance.
 */
#include "kernel/port_watch.h"

#include "base/log.h"
#include "base/mem.h"

#include <stddef.h>

#define GLANCE_MIN (40 * DUR_MS)
#define GLANCE_MAX (60 * DUR_MS)
#define SAMPLE_MIN (3 * DUR_MS)
#define SAMPLE_MAX (7 * DUR_MS)
/* Time alone proves nothing: the helper itself may not have run. */
#define SAMPLES_NEEDED 10
/* Sockets of one place that a glance looks at. */
#define GLANCE_SOCKETS 4

/* What one sample of a socket means. */
static void
sample_take(struct port_sock *p, const struct port_sock *before, mono_t now)
{
	p->since = now;
	if (before == NULL || p->sock.queue == 0 || p->sock.queue < before->sock.queue)
		return;
	/* From empty to something is how every question arrives: the time begins. */
	if (before->sock.queue == 0)
		return;
	p->since = before->since;
	p->samples = before->samples + 1;
	p->told = before->told;
	p->pressed = before->pressed || p->sock.queue > before->sock.queue ||
		     p->sock.drops != before->sock.drops;
}

static void
suspect(struct port_watches *pw, struct port_sock *p)
{
	p->told = true;
	for (size_t i = 0; i < pw->count; i++)
		if (port_sock_serves(&p->sock, &pw->watches[i].what))
			port_watch_suspect(pw, &pw->watches[i]);
}

void
port_stall_judge(struct port_watches *pw, const struct port_sock *before, size_t before_count)
{
	mono_t now = loop_now(pw->loop);
	dur_t pause = rng_between(&pw->rng, GLANCE_MIN, GLANCE_MAX);

	for (size_t i = 0; i < pw->found_count; i++) {
		struct port_sock *p = &pw->found[i];
		dur_t lasts;

		sample_take(p, port_sock_find(before, before_count, p), now);
		lasts = mono_sub(now, p->since);
		if (pw->stall == 0 || p->sock.queue == 0 || p->told)
			continue;
		if (lasts >= pw->stall && p->pressed && p->samples >= SAMPLES_NEEDED)
			suspect(pw, p);
		else if (lasts < pw->stall || p->samples < SAMPLES_NEEDED)
			pause = rng_between(&pw->rng, SAMPLE_MIN, SAMPLE_MAX);
	}
	if (pw->stall > 0 && pw->found_count > 0)
		loop_timer_after(&pw->sample, pause);
	else
		loop_timer_cancel(&pw->sample);
}

/* Is there anything that is worth a sample at this place? */
static bool
glance_at(struct port_watches *pw, const struct port_sock *place, size_t sockets)
{
	struct kernel_listen what = {
	    .addr = place->sock.addr, .port = place->sock.port, .proto = place->sock.proto};
	struct nl_sock s;

	for (size_t i = 0; i < sockets && i < GLANCE_SOCKETS; i++) {
		uint16_t remote = (uint16_t)(1024 + rng_below(&pw->rng, 60000));

		/* Not there any more, without news of its end: it stopped to listen. */
		if (nl_socks_find(&pw->socks, &what, remote, &s) != 0 || s.queue > 0)
			return true;
	}
	return false;
}

void
port_stall_glance(struct loop_timer *t)
{
	struct port_watches *pw = container_of(t, struct port_watches, sample);
	bool look = false;

	for (size_t i = 0, n = 1; i < pw->found_count && !look; i += n) {
		const struct port_sock *place = &pw->found[i];

		for (n = 1; i + n < pw->found_count && port_sock_shares(place, place + n); n++)
			continue;
		look = place->sock.queue > 0 || glance_at(pw, place, n);
	}
	if (look)
		port_watches_look(pw);
	else
		loop_timer_after(&pw->sample, rng_between(&pw->rng, GLANCE_MIN, GLANCE_MAX));
}
