/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A neighbor: two places for connections and the policy between them.
 *
 * One of the two sessions is begun by us (Connect) or waits (Active), the other one takes what the
 * neighbor opens meanwhile; which is which changes freely. When the neighbor's OPEN has come on one
 * of two, RFC 4271 section 6.8 decides which one stays. When one is Established the other one ends.
 *
 * Starting again after a failure: a neighbor that could not be reached is tried again after 1 s,
 * 2 s, ... up to `connect-retry`; one whose session broke after 1 s, 2 s, ... up to a minute, and
 * from the start again once a session has lasted for a minute. The neighbor may come back earlier
 * than we would: its own connection is taken during the idle hold as well, unless the last one
 * ended less than a second ago. (The RFC refuses all of them; but then a passive speaker would send
 * away the router that has just come back.)
 *
 * A second connection while a session is Established is often the sign that the neighbor has died
 * and returned and that its reset never came. A keepalive on the old connection finds out at once.
 */
#include "proto/bgp/bgp_priv.h"

#include "base/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	const char *text;
} whys[BGP_WHY_COUNT] = {
    [BGP_WHY_NONE] = {"none", "none"},
    [BGP_WHY_START] = {"start", "started"},
    [BGP_WHY_CONNECTED] = {"connected", "connected"},
    [BGP_WHY_UP] = {"up", "session is up"},
    [BGP_WHY_CONNECT_FAILED] = {"connect-failed", "cannot connect"},
    [BGP_WHY_CLOSED] = {"closed", "the neighbor closed the connection without saying why"},
    [BGP_WHY_BROKEN] = {"connection-lost", "the connection broke"},
    [BGP_WHY_HOLD] = {"hold-expired", "nothing heard for the hold time"},
    [BGP_WHY_SEND_HOLD] = {"send-hold-expired", "the neighbor has stopped reading"},
    [BGP_WHY_NOTIFIED] = {"notification", "the neighbor ended the session"},
    [BGP_WHY_HEADER] = {"header-error", "what came is not BGP"},
    [BGP_WHY_OPEN] = {"open-error", "the neighbor's OPEN is not acceptable"},
    [BGP_WHY_UPDATE] = {"update-error", "an UPDATE cannot be read"},
    [BGP_WHY_FSM] = {"fsm-error", "a message that does not belong here"},
    [BGP_WHY_COLLISION] = {"collision", "the other connection stays"},
    [BGP_WHY_SHUTDOWN] = {"shutdown", "shut down by the configuration"},
    [BGP_WHY_DECONFIGURED] = {"deconfigured", "not configured any more"},
    [BGP_WHY_CONFIG] = {"config-change", "an option changed that needs a new session"},
    [BGP_WHY_STOP] = {"stop", "nigh is stopping"},
};

const char *
bgp_why_str(enum bgp_why why)
{
	return whys[why].word;
}

const char *
bgp_why_text(enum bgp_why why)
{
	return whys[why].text;
}

bool
bgp_neighbor_ebgp(const struct bgp_neighbor *n)
{
	return n->opts.as != n->opts.local_as;
}

const char *
bgp_neighbor_detail(const struct bgp_neighbor *n)
{
	if (n->up != NULL)
		return "";
	if (n->speaker->router_id == 0)
		return "there is no router-id: set node: {router-id: ...}";
	if (!n->running)
		return "shut down by the configuration";
	if (n->last_error[0] != '\0')
		return n->last_error;
	return n->conf->passive ? "waiting for the neighbor to connect" : "connecting";
}

/* -- telling people -- */

/* "sent Hold Timer Expired: ..." */
static void
cause_format(const struct bgp_cause *cause, char *buf, size_t size)
{
	struct str s = {0};

	if (cause->notify.code != 0) {
		str_add(&s, cause->why == BGP_WHY_NOTIFIED ? "received " : "sent ");
		bgp_notify_format(&cause->notify, &s);
	} else {
		str_add(&s, bgp_why_text(cause->why));
	}
	if (cause->text[0] != '\0')
		str_printf(&s, ": %s", cause->text);
	str_copy(buf, size, str_text(&s));
	str_sanitise(buf);
	str_done(&s);
}

static void
record(struct bgp_neighbor *n, enum bgp_state from, enum bgp_why why, const char *detail)
{
	struct history_event e = {
	    .at = bgp_now(n->speaker),
	    .wall_ns = loop_wall_ns(n->speaker->env.loop),
	    .kind = "neighbor",
	};

	if (n->speaker->env.history == NULL)
		return;
	str_copy(e.object, sizeof(e.object), n->name);
	str_copy(e.from, sizeof(e.from), bgp_state_str(from));
	str_copy(e.to, sizeof(e.to), bgp_state_str(n->state));
	str_copy(e.why, sizeof(e.why), bgp_why_str(why));
	str_copy(e.detail, sizeof(e.detail), detail);
	history_add(n->speaker->env.history, &e);
}

/* A failure. What comes again and again (a router that is away) is told once: when it differs from
 * the one before. */
static void
note_error(struct bgp_neighbor *n, enum bgp_state from, const struct bgp_cause *cause)
{
	char text[BGP_ERROR_TEXT];

	cause_format(cause, text, sizeof(text));
	if (from != BGP_ESTABLISHED && !str_equal(text, n->last_error)) {
		log_info("bgp: %s (AS %u): %s", n->name, n->opts.as, text);
		record(n, from, cause->why, text);
	}
	str_copy(n->last_error, sizeof(n->last_error), text);
	n->last_error_at = bgp_now(n->speaker);
	n->last_why = cause->why;
}

/* The one place where a neighbor's state changes. */
static void
set_state(struct bgp_neighbor *n, enum bgp_state state, const struct bgp_cause *cause)
{
	enum bgp_state old = n->state;
	char spell[24];
	mono_t now = bgp_now(n->speaker);
	dur_t lasted = mono_sub(now, n->since);

	if (state == old)
		return;
	n->state = state;
	if (state < old && cause->why != BGP_WHY_COLLISION)
		note_error(n, old, cause);
	if (state == BGP_ESTABLISHED) {
		n->since = now;
		n->counters.established++;
		log_notice("bgp: %s (AS %u) is Established", n->name, n->opts.as);
		record(n, old, cause->why, "");
	} else if (old == BGP_ESTABLISHED) {
		n->since = now;
		n->counters.lost[cause->why]++;
		log_notice("bgp: %s (AS %u) lost after %s: %s", n->name, n->opts.as,
		    dur_format(lasted, spell, sizeof(spell)), n->last_error);
		record(n, old, cause->why, n->last_error);
	}
}

/* -- starting -- */

static struct bgp_session *
other(struct bgp_neighbor *n, const struct bgp_session *s)
{
	return s == &n->session[0] ? &n->session[1] : &n->session[0];
}

static struct bgp_session *
in_state(struct bgp_neighbor *n, enum bgp_state state)
{
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++) {
		if (n->session[i].state == state)
			return &n->session[i];
	}
	return NULL;
}

/* Is there a session that will connect, or wait, by itself? */
static bool
has_own(const struct bgp_neighbor *n)
{
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++) {
		const struct bgp_session *s = &n->session[i];
		if (s->state != BGP_IDLE && (!s->incoming || s->state == BGP_ACTIVE))
			return true;
	}
	return false;
}

static void
begin(struct bgp_neighbor *n, enum bgp_event active, enum bgp_event passive)
{
	struct bgp_session *s = in_state(n, BGP_IDLE);
	struct bgp_cause cause = {.why = BGP_WHY_START};

	if (n->up != NULL || s == NULL || has_own(n))
		return;
	s->incoming = false;
	bgp_session_event(s, n->conf->passive ? passive : active, &cause);
}

static void
start(struct bgp_neighbor *n)
{
	if (n->speaker->router_id == 0)
		return;
	n->running = true;
	n->connect_failures = 0;
	n->session_failures = 0;
	begin(n, BGP_EV_START, BGP_EV_START_PASSIVE);
}

static void
on_idle_hold(struct loop_timer *t)
{
	begin(container_of(t, struct bgp_neighbor, idle_hold), BGP_EV_IDLE_HOLD_EXPIRED,
	    BGP_EV_IDLE_HOLD_PASSIVE);
}

/* 1 s, 2 s, 4 s... for the 1st, 2nd, 3rd... failure in a row. */
static dur_t
back_off(unsigned failures, dur_t max)
{
	dur_t d = BGP_IDLE_HOLD_MIN;

	while (failures-- > 1 && d < max)
		d *= 2;
	return d < max ? d : max;
}

dur_t
bgp_neighbor_pause(struct bgp_neighbor *n)
{
	n->connect_failures++;
	return bgp_jitter(n, back_off(n->connect_failures, n->speaker->conf->connect_retry));
}

void
bgp_neighbor_idle_hold(struct bgp_neighbor *n, bool counted)
{
	dur_t d;

	if (counted) {
		if (n->up != NULL && mono_sub(bgp_now(n->speaker), n->since) >= BGP_STABLE)
			n->session_failures = 0;
		n->session_failures++;
		d = bgp_jitter(n, back_off(n->session_failures, BGP_IDLE_HOLD_MAX));
	} else {
		d = bgp_neighbor_pause(n);
	}
	if (n->running)
		loop_timer_after(&n->idle_hold, d);
}

/* -- what sessions tell -- */

void
bgp_neighbor_established(struct bgp_neighbor *n, struct bgp_session *s)
{
	struct bgp_session *o = other(n, s);
	struct bgp_cause up = {.why = BGP_WHY_UP}, cause = {.why = BGP_WHY_COLLISION};

	n->up = s;
	set_state(n, BGP_ESTABLISHED, &up);
	n->plain = false;
	if (o->state >= BGP_OPENSENT)
		bgp_session_event(o, BGP_EV_COLLISION_DUMP, &cause);
	else if (o->state != BGP_IDLE)
		bgp_session_event(o, BGP_EV_STOP, &cause);
	loop_timer_cancel(&n->idle_hold);
	bgp_out_start(&n->out);
}

static void
lost(struct bgp_neighbor *n)
{
	n->up = NULL;
	bgp_out_stop(&n->out);
}

void
bgp_neighbor_stepped(struct bgp_neighbor *n, struct bgp_session *s, enum bgp_state old,
    const struct bgp_cause *cause)
{
	struct bgp_session *o = other(n, s);

	if (s->state == old) {
		if (cause->why == BGP_WHY_CONNECT_FAILED && cause->text[0] != '\0')
			note_error(n, old, cause);
		return;
	}
	if (old >= BGP_OPENSENT && s->state < BGP_OPENSENT)
		n->ended = bgp_now(n->speaker);
	if (old == BGP_ESTABLISHED)
		lost(n);
	if (s->state == BGP_OPENCONFIRM)
		n->connect_failures = 0;
	set_state(n, s->state > o->state ? s->state : o->state, cause);
	/* A lost connection fell back to Active, but another one is there to go on. */
	if (s->state == BGP_ACTIVE && old == BGP_OPENSENT && o->state != BGP_IDLE)
		bgp_session_event(s, BGP_EV_STOP, cause);
}

enum bgp_verdict
bgp_neighbor_collision(struct bgp_neighbor *n, struct bgp_session *s)
{
	struct bgp_session *o = other(n, s);
	struct bgp_collision_ids ids = {
	    .local_id = n->opts.router_id,
	    .local_as = n->opts.local_as,
	    .remote_id = s->peer.router_id,
	    .remote_as = s->peer.as,
	};
	struct bgp_cause cause = {.why = BGP_WHY_COLLISION};

	if (bgp_collision_resolve(&ids, s->incoming ? BGP_INCOMING : BGP_OUTGOING,
		o->incoming ? BGP_INCOMING : BGP_OUTGOING, o->state) == BGP_KEEP_EXISTING)
		return BGP_COLLISION_LOST;
	if (o->state < BGP_OPENSENT)
		return BGP_COLLISION_NONE;
	bgp_session_event(o, BGP_EV_COLLISION_DUMP, &cause);
	return BGP_COLLISION_WON;
}

/* -- what others tell -- */

void
bgp_neighbor_accept(struct bgp_neighbor *n, struct net_stream *stream)
{
	struct bgp_session *s = in_state(n, BGP_ACTIVE);
	struct bgp_cause cause = {.why = BGP_WHY_CONNECTED};
	bool early =
	    n->ended.ns != 0 && mono_sub(bgp_now(n->speaker), n->ended) < BGP_IDLE_HOLD_MIN;

	if (!n->running) {
		n->counters.refused++;
		bgp_refuse(n->speaker, stream, BGP_CEASE_SHUTDOWN);
		return;
	}
	if (n->up != NULL) {
		uint8_t *at = bgp_session_reserve(n->up);
		if (bgp_buffer_waiting(&n->up->tx) == 0)
			bgp_session_commit(n->up, bgp_keepalive_encode(at, BGP_MSG_MAX));
		bgp_session_push(n->up);
	}
	if (s == NULL && !early) {
		s = in_state(n, BGP_IDLE);
		if (s != NULL)
			bgp_session_event(s, BGP_EV_IDLE_HOLD_PASSIVE, &cause);
	}
	if (s == NULL) {
		n->counters.refused++;
		bgp_refuse(n->speaker, stream, BGP_CEASE_REJECTED);
		return;
	}
	n->counters.accepted++;
	bgp_session_adopt(s, stream);
}

void
bgp_neighbor_stop(struct bgp_neighbor *n, const struct bgp_cause *cause)
{
	n->running = false;
	loop_timer_cancel(&n->idle_hold);
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++) {
		if (n->session[i].state != BGP_IDLE)
			bgp_session_event(&n->session[i], BGP_EV_STOP, cause);
	}
}

/* -- configuration -- */

static struct bgp_options
options_make(const struct bgp_speaker *b, const struct bgp_neighbor_conf *conf)
{
	dur_t hold = conf->hold_time != 0 ? conf->hold_time : b->conf->hold_time;
	struct bgp_options o = {
	    .local_as = b->conf->as,
	    .router_id = b->router_id,
	    .as = conf->as,
	    .port = (uint16_t)conf->port,
	    .hold_s = (uint16_t)(hold / DUR_S),
	    .source = conf->source,
	    .ttl = (uint8_t)conf->ttl,
	    .families = conf->families,
	};

	if (o.ttl == 0)
		o.ttl = o.as == o.local_as ? BGP_TTL_IBGP : BGP_TTL_EBGP;
	if (o.families == 0)
		o.families = BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6);
	if (conf->interface != NULL)
		str_copy(o.device, sizeof(o.device), conf->interface);
	return o;
}

static bool
options_equal(const struct bgp_options *a, const struct bgp_options *b)
{
	return a->local_as == b->local_as && a->router_id == b->router_id && a->as == b->as &&
	       a->port == b->port && a->hold_s == b->hold_s && addr_equal(&a->source, &b->source) &&
	       str_equal(a->device, b->device) && a->ttl == b->ttl && a->families == b->families;
}

static bool
attributes_equal(const struct attrs_conf *a, const struct attrs_conf *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return conf_equal(&attrs_schema, a, b);
}

static bool
announces_equal(const struct bgp_neighbor_conf *a, const struct bgp_neighbor_conf *b)
{
	return attributes_equal(a->attributes, b->attributes) &&
	       addr_equal(&a->next_hop[BGP_AF_IPV4], &b->next_hop[BGP_AF_IPV4]) &&
	       addr_equal(&a->next_hop[BGP_AF_IPV6], &b->next_hop[BGP_AF_IPV6]);
}

/* Ends the sessions and begins again after a moment, in which the neighbor can take notice. */
static void
restart(struct bgp_neighbor *n)
{
	struct bgp_cause cause = {
	    .why = BGP_WHY_CONFIG, .notify = bgp_notify_cease(BGP_CEASE_CONFIG_CHANGE, NULL)};
	bool was_connected = n->state >= BGP_OPENSENT;

	bgp_neighbor_stop(n, &cause);
	n->running = true;
	if (was_connected)
		loop_timer_after(&n->idle_hold, bgp_jitter(n, BGP_IDLE_HOLD_MIN));
	else
		start(n);
}

void
bgp_neighbor_reconfigure(struct bgp_neighbor *n, const struct bgp_neighbor_conf *conf)
{
	const struct bgp_neighbor_conf *old = n->conf;
	struct bgp_options opts = options_make(n->speaker, conf);
	bool same = options_equal(&opts, &n->opts);
	struct bgp_cause shutdown = {.why = BGP_WHY_SHUTDOWN,
	    .notify = bgp_notify_cease(BGP_CEASE_SHUTDOWN, "shut down by the configuration")};

	n->conf = conf;
	n->opts = opts;
	if (conf->shutdown || opts.router_id == 0) {
		if (n->running)
			bgp_neighbor_stop(n, &shutdown);
	} else if (!n->running) {
		start(n);
	} else if (!same || (conf->passive != old->passive && n->up == NULL)) {
		restart(n);
	} else if (!announces_equal(old, conf)) {
		bgp_out_replay(&n->out);
	}
}

struct bgp_neighbor *
bgp_neighbor_new(
    struct bgp_speaker *b, const struct addr *addr, const struct bgp_neighbor_conf *conf)
{
	struct bgp_neighbor *n = mem_alloc(sizeof(*n));

	n->speaker = b;
	n->addr = *addr;
	addr_format(addr, n->name, sizeof(n->name));
	n->conf = conf;
	n->opts = options_make(b, conf);
	n->since = bgp_now(b);
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++)
		bgp_session_init(&n->session[i], n);
	loop_timer_init(&n->idle_hold, b->env.loop, on_idle_hold);
	bgp_out_init(&n->out, n);
	if (!conf->shutdown)
		start(n);
	return n;
}

void
bgp_neighbor_free(struct bgp_neighbor *n)
{
	loop_timer_cancel(&n->idle_hold);
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++)
		bgp_session_done(&n->session[i]);
	bgp_out_done(&n->out);
	free(n);
}
