/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What comes in on a connection: bytes, messages, events for the state machine.
 *
 * Messages are taken from the buffer one by one and become events of the session, with whatever
 * they bring checked before. A table has a function for each type. Errors found here go along with
 * their event as a cause (RFC 4271 section 6), and the state machine decides; an UPDATE is decoded
 * with RFC 7606's dispositions, of which only the last one is an error of the session.
 *
 * When the OPEN shows that there are two connections and this one stays, the other one is closed
 * first and the OPEN is put aside for a moment. Some routers (FRR 8.4) tear down both if the one is
 * confirmed while the other one has not been closed yet.
 */
#include "proto/bgp/bgp_priv.h"

#include <assert.h>
#include <errno.h>

#define READ_ROUNDS     16 /* reads of one socket in one turn */
#define COLLISION_PAUSE (50 * DUR_MS)

static void
event_error(
    struct bgp_session *s, enum bgp_event event, enum bgp_why why, const struct bgp_notify *n)
{
	struct bgp_cause cause = {.why = why, .notify = *n};

	bgp_session_event(s, event, &cause);
}

/* The other connection is on its way out: this OPEN is looked at again in a moment, and nothing
 * that follows it before that. */
static void
postpone(struct bgp_session *s, size_t len)
{
	s->postponed = true;
	s->rx.head -= len;
	s->neighbor->counters.received[BGP_OPEN]--;
	net_stream_want_read(&s->stream, false);
	loop_timer_after(&s->resume, COLLISION_PAUSE);
}

static void
on_open(struct bgp_session *s, const uint8_t *msg, size_t len)
{
	struct bgp_neighbor *n = s->neighbor;
	struct bgp_open_expect expect = {
	    .as = n->opts.as, .local_as = n->opts.local_as, .router_id = n->opts.router_id};
	struct bgp_notify notify;
	struct bgp_cause cause = {.why = BGP_WHY_CONNECTED};

	if (s->state != BGP_OPENSENT) {
		bgp_session_event(s, BGP_EV_OPEN, &cause);
		return;
	}
	if (bgp_open_decode(msg, len, &expect, &s->peer, &notify) != 0) {
		event_error(s, BGP_EV_OPEN_ERROR, BGP_WHY_OPEN, &notify);
		return;
	}
	switch (bgp_neighbor_collision(n, s)) {
	case BGP_COLLISION_NONE: bgp_session_event(s, BGP_EV_OPEN, &cause); break;
	case BGP_COLLISION_WON: postpone(s, len); break;
	case BGP_COLLISION_LOST:
		notify = bgp_notify_make(BGP_ERR_CEASE, BGP_CEASE_COLLISION);
		event_error(s, BGP_EV_COLLISION_DUMP, BGP_WHY_COLLISION, &notify);
		break;
	}
}

static void
on_update(struct bgp_session *s, const uint8_t *msg, size_t len)
{
	struct bgp_update_ctx ctx = {.ebgp = bgp_neighbor_ebgp(s->neighbor),
	    .as4 = s->as4,
	    .af = s->af,
	    .local_as = s->neighbor->opts.local_as};
	struct bgp_update update;

	if (s->state != BGP_ESTABLISHED) {
		bgp_session_event(s, BGP_EV_UPDATE, NULL);
		return;
	}
	if (ctx.ebgp)
		ctx.first_as = s->neighbor->opts.as;
	bgp_update_decode(msg, len, &ctx, &update);
	if (update.disposition == BGP_SESSION_RESET) {
		struct bgp_cause cause = {.why = BGP_WHY_UPDATE, .notify = update.notify};
		str_copy(cause.text, sizeof(cause.text), update.reason);
		s->neighbor->counters.updates[BGP_SESSION_RESET]++;
		bgp_session_event(s, BGP_EV_UPDATE_ERROR, &cause);
		return;
	}
	s->update = &update;
	bgp_session_event(s, BGP_EV_UPDATE, NULL);
	s->update = NULL;
}

static void
on_notification(struct bgp_session *s, const uint8_t *msg, size_t len)
{
	struct bgp_cause cause = {.why = BGP_WHY_NOTIFIED};
	enum bgp_event event = BGP_EV_NOTIFICATION;

	if (bgp_notify_decode(msg, len, &cause.notify) != 0)
		cause.notify = bgp_notify_make(BGP_ERR_HEADER, 2);
	if (cause.notify.code == BGP_ERR_OPEN && cause.notify.subcode == 1)
		event = BGP_EV_NOTIFICATION_VERSION;
	/* RFC 5492 section 3: a neighbor that knows no capabilities gets one OPEN without. */
	s->neighbor->plain = cause.notify.code == BGP_ERR_OPEN && cause.notify.subcode == 4 &&
			     s->state < BGP_ESTABLISHED && !s->neighbor->plain;
	bgp_session_event(s, event, &cause);
}

static void
on_keepalive(struct bgp_session *s, const uint8_t *msg, size_t len)
{
	struct bgp_cause cause = {.why = BGP_WHY_UP};

	bgp_session_event(s, BGP_EV_KEEPALIVE, &cause);
}

static void
on_refresh(struct bgp_session *s, const uint8_t *msg, size_t len)
{
	struct bgp_notify notify;

	if (s->state == BGP_ESTABLISHED &&
	    bgp_refresh_decode(msg, len, &s->refresh, &notify) != 0) {
		event_error(s, BGP_EV_HEADER_ERROR, BGP_WHY_HEADER, &notify);
		return;
	}
	bgp_session_event(s, BGP_EV_REFRESH, NULL);
}

typedef void message_fn(struct bgp_session *s, const uint8_t *msg, size_t len);

static message_fn *const messages[BGP_TYPE_COUNT] = {
    [BGP_OPEN] = on_open,
    [BGP_UPDATE] = on_update,
    [BGP_NOTIFICATION] = on_notification,
    [BGP_KEEPALIVE] = on_keepalive,
    [BGP_REFRESH] = on_refresh,
};

/* Handles the whole messages in rx. False when the connection ended meanwhile. */
static bool
handle_messages(struct bgp_session *s)
{
	uint32_t epoch = s->epoch;
	struct bgp_notify notify;

	while (bgp_buffer_waiting(&s->rx) > 0 && !s->postponed) {
		const uint8_t *msg = s->rx.data + s->rx.head;
		int len = bgp_frame(msg, bgp_buffer_waiting(&s->rx), BGP_MSG_MAX, &notify);
		if (len == 0)
			return true;
		if (len < 0) {
			event_error(s, BGP_EV_HEADER_ERROR, BGP_WHY_HEADER, &notify);
			return s->epoch == epoch;
		}
		enum bgp_type type = bgp_frame_type(msg);
		s->rx.head += (size_t)len;
		s->neighbor->counters.received[type]++;
		messages[type](s, msg, (size_t)len);
		if (s->epoch != epoch)
			return false;
	}
	return true;
}

/* Reads what is there. A full socket is left for the next turn after READ_ROUNDS. */
void
bgp_session_read(struct bgp_session *s)
{
	for (unsigned i = 0; i < READ_ROUNDS && !s->postponed; i++) {
		uint8_t *at = bgp_buffer_room(&s->rx, BGP_MSG_MAX);
		assert(at != NULL);
		ssize_t n = net_stream_read(&s->stream, at, s->rx.cap - s->rx.len);
		if (n == -EAGAIN)
			return;
		if (n <= 0) {
			bgp_session_failed(s, (int)n);
			return;
		}
		s->rx.len += (size_t)n;
		if (!handle_messages(s))
			return;
	}
}

static void
on_resume(struct loop_timer *t)
{
	struct bgp_session *s = container_of(t, struct bgp_session, resume);

	s->postponed = false;
	net_stream_want_read(&s->stream, true);
	(void)handle_messages(s);
}

void
bgp_receive_init(struct bgp_session *s)
{
	loop_timer_init(&s->resume, s->neighbor->speaker->env.loop, on_resume);
}

void
bgp_receive_done(struct bgp_session *s)
{
	loop_timer_cancel(&s->resume);
	s->postponed = false;
}
