/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection: the driver of the state machine.
 *
 * Whatever happens (a timer, the socket, a message, an operator) becomes an event for bgp_fsm(),
 * which answers with the next state and a mask of actions; bgp_session_event() carries them out in
 * the order of their bits. Nothing else changes a session. Failures that are noticed in the middle
 * of an action become an event of their own at the end of the loop's turn.
 *
 * Timers (RFC 4271 section 10; every one but the hold timer is shortened by a new random jitter at
 * each arming): connect-retry, hold, keepalive, and send-hold (RFC 9687), which runs while bytes
 * wait and the socket takes none. The idle-hold timer belongs to the neighbor. Before the hold time
 * is declared over the socket is read once more: a process that was stalled must not take its own
 * silence for the neighbor's.
 *
 * A session is a member of its neighbor and is used again and again; `epoch` changes when a
 * connection ends, so that a loop over received messages (bgp_receive.c) notices that its
 * connection is gone.
 */
#include "proto/bgp/bgp_priv.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TOS_CONTROL 0xc0 /* CS6: network control (RFC 4271 appendix E) */

dur_t
bgp_jitter(struct bgp_neighbor *n, dur_t d)
{
	return rng_between(n->speaker->env.rng, d / 4 * 3, d);
}

bool
bgp_session_connected(const struct bgp_session *s)
{
	return s->rx.data != NULL;
}

/* -- sending -- */

uint8_t *
bgp_session_reserve(struct bgp_session *s)
{
	uint8_t *at = bgp_buffer_room(&s->tx, BGP_MSG_MAX);

	assert(at != NULL);
	return at;
}

void
bgp_session_commit(struct bgp_session *s, size_t len)
{
	const uint8_t *msg = s->tx.data + s->tx.len;

	assert(len >= BGP_HEADER_LEN && len <= BGP_MSG_MAX);
	s->neighbor->counters.sent[bgp_frame_type(msg)]++;
	s->tx.len += len;
	s->queued += len;
}

size_t
bgp_session_room(const struct bgp_session *s)
{
	size_t waiting = bgp_buffer_waiting(&s->tx);

	return waiting >= BGP_TX_SIZE ? 0 : BGP_TX_SIZE - waiting;
}

uint64_t
bgp_session_acked(const struct bgp_session *s)
{
	uint64_t unsent = net_stream_unsent(&s->stream);

	return unsent >= s->written ? 0 : s->written - unsent;
}

void
bgp_session_want_room(struct bgp_session *s)
{
	net_stream_want_write(&s->stream, true);
}

/* RFC 9687 section 5: runs while something waits, anew with every byte that leaves. */
static void
send_hold_update(struct bgp_session *s, bool progress)
{
	if (bgp_buffer_waiting(&s->tx) == 0 || s->hold_time == 0) {
		loop_timer_cancel(&s->send_hold);
		return;
	}
	if (progress || !loop_timer_armed(&s->send_hold)) {
		dur_t d = 2 * s->hold_time;
		loop_timer_after(&s->send_hold, d > BGP_SEND_HOLD_MIN ? d : BGP_SEND_HOLD_MIN);
	}
}

void
bgp_session_push(struct bgp_session *s)
{
	bool progress = false;

	while (bgp_buffer_waiting(&s->tx) > 0) {
		ssize_t n = net_stream_write(
		    &s->stream, s->tx.data + s->tx.head, bgp_buffer_waiting(&s->tx));
		if (n == -EAGAIN) {
			net_stream_want_write(&s->stream, true);
			break;
		}
		if (n <= 0) {
			s->error = (int)n;
			loop_task_schedule(&s->broken);
			return;
		}
		s->tx.head += (size_t)n;
		s->written += (uint64_t)n;
		progress = true;
	}
	send_hold_update(s, progress);
}

static void
on_writable(struct bgp_session *s)
{
	net_stream_want_write(&s->stream, false);
	bgp_session_push(s);
	if (s->state == BGP_ESTABLISHED)
		bgp_out_writable(&s->neighbor->out);
}

/* -- actions -- */

static void
do_notify(struct bgp_session *s)
{
	if (!bgp_session_connected(s))
		return;
	uint8_t *at = bgp_session_reserve(s);
	bgp_session_commit(s, bgp_notify_encode(&s->notify, at, BGP_MSG_MAX));
}

/* Ends the connection, if there is one. A NOTIFICATION that waits is delivered first. */
static void
do_drop(struct bgp_session *s)
{
	bool last_words = s->notify.code != 0 && bgp_session_connected(s);

	loop_timer_cancel(&s->hold);
	loop_timer_cancel(&s->keepalive);
	loop_timer_cancel(&s->send_hold);
	loop_task_cancel(&s->broken);
	bgp_receive_done(s);
	if (net_stream_is_open(&s->stream)) {
		if (last_words)
			bgp_linger_start(s->neighbor->speaker, &s->stream, &s->tx);
		else
			net_stream_close(&s->stream);
	}
	bgp_buffer_done(&s->rx);
	bgp_buffer_done(&s->tx);
	s->epoch++;
	s->hold_time = 0;
	s->af = 0;
	s->af_disabled = 0;
	s->complained = false;
	s->as4 = false;
}

static void
do_stop_timers(struct bgp_session *s)
{
	loop_timer_cancel(&s->retry);
	loop_timer_cancel(&s->hold);
	loop_timer_cancel(&s->keepalive);
	loop_timer_cancel(&s->send_hold);
}

/* The loser of a collision has failed at nothing. */
static void
do_count_retry(struct bgp_session *s)
{
	s->counted = s->cause->why != BGP_WHY_COLLISION;
}

static void
do_idle_hold(struct bgp_session *s)
{
	bgp_neighbor_idle_hold(s->neighbor, s->counted);
}

static void on_stream(struct net_stream *stream, enum net_event what);

static void
do_connect(struct bgp_session *s)
{
	struct bgp_neighbor *n = s->neighbor;
	const struct bgp_options *o = &n->opts;
	struct endpoint remote = {.addr = n->addr, .port = o->port};
	struct net_opts opts = {.local = o->source, .ttl = o->ttl, .tos = TOS_CONTROL};
	int rc;

	if (n->conf->passive)
		return;
	str_copy(opts.device, sizeof(opts.device), o->device);
	s->incoming = false;
	s->stream = (struct net_stream){.fn = on_stream};
	n->counters.attempts++;
	rc = net_connect(n->speaker->env.net, &s->stream, &remote, &opts);
	if (rc < 0) {
		s->error = rc;
		loop_task_schedule(&s->broken);
	}
}

/* In Connect the timer limits the attempt, elsewhere it is the pause until the next one. */
static void
do_arm_retry(struct bgp_session *s)
{
	struct bgp_neighbor *n = s->neighbor;

	if (n->conf->passive)
		return;
	if (s->state == BGP_CONNECT)
		loop_timer_after(&s->retry, bgp_jitter(n, n->speaker->conf->connect_retry));
	else
		loop_timer_after(&s->retry, bgp_neighbor_pause(n));
}

static void
do_stop_retry(struct bgp_session *s)
{
	loop_timer_cancel(&s->retry);
}

static void
do_send_open(struct bgp_session *s)
{
	const struct bgp_neighbor *n = s->neighbor;
	const struct bgp_options *o = &n->opts;
	struct bgp_open open = {
	    .version = BGP_VERSION,
	    .as2 = o->local_as > UINT16_MAX ? BGP_AS_TRANS : (uint16_t)o->local_as,
	    .as = o->local_as,
	    .hold_s = o->hold_s,
	    .router_id = o->router_id,
	};

	if (!n->plain)
		open.caps = (struct bgp_caps){.mp = true,
		    .af = o->families,
		    .as4 = true,
		    .as4_number = o->local_as,
		    .refresh = true,
		    .enhanced_refresh = true};
	bgp_session_commit(s, bgp_open_encode(&open, bgp_session_reserve(s), BGP_MSG_MAX));
	bgp_session_push(s);
}

static void
do_arm_hold_open(struct bgp_session *s)
{
	loop_timer_after(&s->hold, BGP_HOLD_OPEN);
}

/* RFC 4271 section 4.2, 4760 section 8, 6793 section 4.1: what both sides offered. */
static void
do_negotiate(struct bgp_session *s)
{
	const struct bgp_neighbor *n = s->neighbor;
	const struct bgp_open *peer = &s->peer;
	uint16_t hold = peer->hold_s < n->opts.hold_s ? peer->hold_s : n->opts.hold_s;
	uint32_t theirs = peer->caps.mp && !n->plain ? peer->caps.af : BGP_AF_BIT(BGP_AF_IPV4);

	s->hold_time = hold * DUR_S;
	s->af = theirs & n->opts.families;
	s->as4 = peer->caps.as4 && !n->plain;
	if (hold == 0)
		log_warn("bgp: %s asks for a hold time of 0: a dead neighbor will go unnoticed on "
			 "both sides; set a hold time there",
		    n->name);
	if (s->af == 0)
		log_warn("bgp: %s and we have no address family in common: nothing will be "
			 "announced; check 'families' here and there",
		    n->name);
}

static void
do_send_keepalive(struct bgp_session *s)
{
	/* What waits already tells the neighbor as much when it arrives. */
	if (bgp_buffer_waiting(&s->tx) > 0) {
		bgp_session_push(s);
		return;
	}
	bgp_session_commit(s, bgp_keepalive_encode(bgp_session_reserve(s), BGP_MSG_MAX));
	bgp_session_push(s);
}

static void
do_arm_hold(struct bgp_session *s)
{
	if (s->hold_time > 0)
		loop_timer_after(&s->hold, s->hold_time);
	else
		loop_timer_cancel(&s->hold);
}

static void
do_arm_keepalive(struct bgp_session *s)
{
	if (s->hold_time > 0)
		loop_timer_after(&s->keepalive, bgp_jitter(s->neighbor, s->hold_time / 3));
}

static void
do_established(struct bgp_session *s)
{
	bgp_neighbor_established(s->neighbor, s);
}

/* RFC 7606. Nothing is imported (RFC 8212): routes are counted and forgotten. */
static void
do_update(struct bgp_session *s)
{
	struct bgp_neighbor *n = s->neighbor;
	const struct bgp_update *u = s->update;
	struct bgp_nlri lists[] = {u->announced, u->mp_announced, u->withdrawn, u->mp_withdrawn};
	struct prefix prefix;

	n->counters.updates[u->disposition]++;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (lists[i].data == NULL || (s->af_disabled & BGP_AF_BIT(lists[i].af)) != 0)
			continue;
		bool announced = i < 2 && u->disposition < BGP_TREAT_AS_WITHDRAW;
		while (bgp_nlri_next(&lists[i], &prefix)) {
			if (announced)
				n->counters.prefixes_announced++;
			else
				n->counters.prefixes_withdrawn++;
		}
	}
	if (u->disposition == BGP_ACCEPT)
		return;
	s->af_disabled |= u->disable;
	if (!s->complained)
		log_warn("bgp: %s sent a faulty UPDATE (%s): %s; the session goes on, further "
			 "ones are only counted",
		    n->name, bgp_disposition_str(u->disposition), u->reason);
	s->complained = true;
}

static void
do_refresh(struct bgp_session *s)
{
	enum bgp_af af;

	/* RFC 7313: 1 and 2 bracket the neighbor's own refresh; we keep no routes to compare. */
	if (s->refresh.subtype != 0)
		return;
	if (bgp_af_from_wire(s->refresh.afi, s->refresh.safi, &af) && (s->af & BGP_AF_BIT(af)) != 0)
		bgp_out_refresh(&s->neighbor->out, af);
}

typedef void action_fn(struct bgp_session *s);

/* By bit. */
static action_fn *const actions[] = {
    do_notify,
    do_drop,
    do_count_retry,
    NULL, /* BGP_DO_ZERO_RETRY: the neighbor's, which has one counter for both sessions */
    do_stop_timers,
    do_idle_hold,
    do_connect,
    NULL, /* BGP_DO_LISTEN: the speaker listens for all */
    do_arm_retry,
    do_stop_retry,
    do_send_open,
    do_arm_hold_open,
    do_negotiate,
    do_send_keepalive,
    do_arm_hold,
    do_arm_keepalive,
    do_established,
    do_update,
    do_refresh,
};

static void
set_state(struct bgp_session *s, enum bgp_state state, const struct bgp_cause *cause)
{
	if (state == s->state)
		return;
	log_debug("bgp: %s %s: %s -> %s (%s)", s->neighbor->name, s->incoming ? "in" : "out",
	    bgp_state_str(s->state), bgp_state_str(state), bgp_why_str(cause->why));
	if (s->state == BGP_IDLE || state > s->reached)
		s->reached = state;
	s->state = state;
}

void
bgp_session_event(struct bgp_session *s, enum bgp_event event, const struct bgp_cause *given)
{
	enum bgp_state old = s->state;
	struct bgp_step step = bgp_fsm(old, event);
	struct bgp_cause cause = {0};

	if (given != NULL)
		cause = *given;
	s->notify = (struct bgp_notify){0};
	s->counted = false;
	if (step.actions & BGP_DO_NOTIFY) {
		s->notify =
		    bgp_step_notify(&step, event, cause.notify.code != 0 ? &cause.notify : NULL);
		if (s->notify.code == BGP_ERR_FSM) {
			cause = (struct bgp_cause){.why = BGP_WHY_FSM};
			str_copy(cause.text, sizeof(cause.text), bgp_event_str(event));
		}
		cause.notify = s->notify;
	} else if (cause.why != BGP_WHY_NOTIFIED) {
		cause.notify = s->notify; /* nobody was there to hear it */
	}
	s->cause = &cause;
	set_state(s, step.next, &cause);
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if ((step.actions & (1u << i)) != 0 && actions[i] != NULL)
			actions[i](s);
	}
	s->cause = NULL;
	bgp_neighbor_stepped(s->neighbor, s, old, &cause);
}

void
bgp_session_failed(struct bgp_session *s, int error)
{
	struct bgp_cause cause = {.why = BGP_WHY_CLOSED};

	if (s->state == BGP_CONNECT || s->state == BGP_ACTIVE)
		cause.why = BGP_WHY_CONNECT_FAILED;
	else if (error != 0)
		cause.why = BGP_WHY_BROKEN;
	if (error != 0)
		str_copy(cause.text, sizeof(cause.text), strerror(-error));
	bgp_session_event(s, BGP_EV_TCP_FAILED, &cause);
}

/* -- the connection -- */

static void
connected(struct bgp_session *s)
{
	struct bgp_cause cause = {.why = BGP_WHY_CONNECTED};

	bgp_buffer_open(&s->rx, BGP_RX_SIZE);
	bgp_buffer_open(&s->tx, BGP_TX_SIZE + BGP_TX_RESERVE);
	s->queued = 0;
	s->written = 0;
	s->error = 0;
	bgp_session_event(s, BGP_EV_TCP_OPEN, &cause);
}

static void
on_stream(struct net_stream *stream, enum net_event what)
{
	struct bgp_session *s = container_of(stream, struct bgp_session, stream);

	switch (what) {
	case NET_OPEN: connected(s); break;
	case NET_READABLE: bgp_session_read(s); break;
	case NET_WRITABLE: on_writable(s); break;
	case NET_FAILED: bgp_session_failed(s, stream->error); break;
	}
}

void
bgp_session_adopt(struct bgp_session *s, struct net_stream *stream)
{
	s->incoming = true;
	s->stream = (struct net_stream){.fn = on_stream};
	net_stream_adopt(&s->stream, stream);
	connected(s);
}

/* -- timers -- */

static void
on_retry(struct loop_timer *t)
{
	struct bgp_session *s = container_of(t, struct bgp_session, retry);
	struct bgp_cause cause = {.why = BGP_WHY_CONNECT_FAILED};

	if (s->state == BGP_CONNECT)
		str_copy(cause.text, sizeof(cause.text), strerror(ETIMEDOUT));
	bgp_session_event(s, BGP_EV_CONNECT_RETRY, &cause);
}

static void
on_hold(struct loop_timer *t)
{
	struct bgp_session *s = container_of(t, struct bgp_session, hold);
	struct bgp_cause cause = {.why = BGP_WHY_HOLD, .notify = bgp_notify_make(BGP_ERR_HOLD, 0)};
	uint32_t epoch = s->epoch;

	bgp_session_read(s);
	if (s->epoch == epoch && !loop_timer_armed(&s->hold))
		bgp_session_event(s, BGP_EV_HOLD_EXPIRED, &cause);
}

static void
on_keepalive_due(struct loop_timer *t)
{
	bgp_session_event(
	    container_of(t, struct bgp_session, keepalive), BGP_EV_KEEPALIVE_EXPIRED, NULL);
}

static void
on_send_hold(struct loop_timer *t)
{
	struct bgp_cause cause = {
	    .why = BGP_WHY_SEND_HOLD, .notify = bgp_notify_make(BGP_ERR_SEND_HOLD, 0)};

	bgp_session_event(
	    container_of(t, struct bgp_session, send_hold), BGP_EV_SEND_HOLD_EXPIRED, &cause);
}

static void
on_broken(struct loop_task *t)
{
	struct bgp_session *s = container_of(t, struct bgp_session, broken);

	bgp_session_failed(s, s->error);
}

/* -- life -- */

void
bgp_session_init(struct bgp_session *s, struct bgp_neighbor *n)
{
	struct loop *loop = n->speaker->env.loop;

	*s = (struct bgp_session){.neighbor = n};
	loop_timer_init(&s->retry, loop, on_retry);
	loop_timer_init(&s->hold, loop, on_hold);
	loop_timer_init(&s->keepalive, loop, on_keepalive_due);
	loop_timer_init(&s->send_hold, loop, on_send_hold);
	loop_task_init(&s->broken, loop, on_broken);
	bgp_receive_init(s);
}

void
bgp_session_done(struct bgp_session *s)
{
	s->notify = (struct bgp_notify){0};
	do_drop(s);
	do_stop_timers(s);
	s->state = BGP_IDLE;
}
