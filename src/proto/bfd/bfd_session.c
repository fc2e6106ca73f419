/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BFD session: RFC 5880 sections 6.8.1 to 6.8.7 and 6.8.16.
 *
 * Every event ends the same way, in settle(): the rates that follow from the state are set, the
 * packet that would be sent now is compared with the last one, and it goes out at once when
 * something in it is new (section 6.8.7: a change is told early), when the far side asked with a
 * Poll, or when its time has come. Then the two deadlines are computed anew from the time of the
 * last packet out and in. So there is no deadline that somebody forgot to move, and none without a
 * reason: a passive side that has heard nothing, a disabled session that has said so, a far side
 * that wants no packets or has put us in demand mode leave it at "never".
 *
 * Rates (section 6.8.3): what we say changes at once. What counts follows at once where that is
 * the safe direction, sending faster or waiting longer, and while the session is not Up; else it
 * follows when the Poll Sequence has ended. A change during a Poll Sequence starts another behind
 * it, because its Final may answer a packet that did not yet carry the change.
 *
 * When a Detection Time passes, everything known of the far side goes back to what it was at the
 * start. The RFC demands that of bfd.RemoteDiscr alone; but a far side that once asked for silence
 * and was then replaced must not leave us silent for good.
 *
 * The session owns nothing; the keys belong to whoever configured them.
 */
#include "proto/bfd/bfd_session.h"

#include "proto/bfd/bfd_timing.h"

#include <assert.h>

#define NEVER ((mono_t){DUR_NEVER})

/* Has the far side asked for an answer? */
enum ask { ASK_NOTHING, ASK_FINAL };

static const char *const drop_names[BFD_DROP_COUNT] = {
    [BFD_ACCEPTED] = "accepted",
    [BFD_DROP_TTL] = "ttl",
    [BFD_DROP_VERSION] = "version",
    [BFD_DROP_TOO_SHORT] = "too-short",
    [BFD_DROP_TRUNCATED] = "truncated",
    [BFD_DROP_DETECT_MULT] = "detect-mult",
    [BFD_DROP_MULTIPOINT] = "multipoint",
    [BFD_DROP_MY_DISCR] = "my-discriminator",
    [BFD_DROP_YOUR_DISCR] = "your-discriminator",
    [BFD_DROP_STATE] = "state",
    [BFD_DROP_NO_SESSION] = "no-session",
    [BFD_DROP_AUTH_UNEXPECTED] = "auth-unexpected",
    [BFD_DROP_AUTH_MISSING] = "auth-missing",
    [BFD_DROP_AUTH_TYPE] = "auth-type",
    [BFD_DROP_AUTH_LENGTH] = "auth-length",
    [BFD_DROP_AUTH_KEY] = "auth-key",
    [BFD_DROP_AUTH_SEQUENCE] = "auth-sequence",
    [BFD_DROP_AUTH_DIGEST] = "auth-digest",
    [BFD_DROP_ADMIN_DOWN] = "admin-down",
    [BFD_DROP_DEMAND] = "demand",
};

const char *
bfd_drop_str(enum bfd_drop d)
{
	return drop_names[d];
}

const char *
bfd_verdict_str(enum bfd_verdict v)
{
	static const char *const names[] = {
	    [BFD_SAYS_NOTHING] = "nothing", [BFD_SAYS_UP] = "up", [BFD_SAYS_FAILED] = "failed"};

	return names[v];
}

enum bfd_verdict
bfd_session_verdict(const struct bfd_session *s)
{
	if (s->state == BFD_UP)
		return BFD_SAYS_UP;
	return s->failed ? BFD_SAYS_FAILED : BFD_SAYS_NOTHING;
}

mono_t
bfd_session_deadline(const struct bfd_session *s)
{
	return mono_min(s->tx_due, s->detect_due);
}

dur_t
bfd_session_detect_time(const struct bfd_session *s)
{
	if (s->remote_discr == 0)
		return 0;
	return bfd_detect_time(s->remote_mult, s->rx_in_force_us, s->remote_desired_tx_us);
}

/* -- the far side -- */

static void
remote_forget(struct bfd_session *s)
{
	s->remote_state = BFD_DOWN;
	s->remote_diag = BFD_DIAG_NONE;
	s->remote_mult = 0;
	s->remote_demand = false;
	s->remote_discr = 0;
	s->remote_min_rx_us = 1;
	s->remote_desired_tx_us = 0;
	s->poll = false;
	s->again = false;
}

/* Section 6.6: is the far side in demand mode, so that we do not send on our own? */
static bool
demand_active(const struct bfd_session *s)
{
	return s->remote_demand && s->state == BFD_UP && s->remote_state == BFD_UP;
}

/* -- rates -- */

static void
poll_request(struct bfd_session *s)
{
	if (s->remote_discr == 0 || s->state == BFD_ADMIN_DOWN)
		return;
	if (s->poll)
		s->again = true;
	s->poll = true;
}

static void
poll_answered(struct bfd_session *s)
{
	s->poll = s->again;
	s->again = false;
}

/* What we say follows from the configuration and the state. */
static void
rates_say(struct bfd_session *s)
{
	uint32_t tx = s->config.desired_min_tx_us;
	uint32_t rx = s->config.required_min_rx_us;

	if (s->state != BFD_UP && tx < BFD_SLOW_US)
		tx = BFD_SLOW_US;
	if (tx == s->desired_min_tx_us && rx == s->required_min_rx_us)
		return;
	s->desired_min_tx_us = tx;
	s->required_min_rx_us = rx;
	poll_request(s);
}

/* What counts follows what we say, at once or when no Poll Sequence is under way. */
static void
rates_follow(struct bfd_session *s)
{
	bool free = s->state != BFD_UP || !s->poll;

	if (free || s->desired_min_tx_us < s->tx_in_force_us)
		s->tx_in_force_us = s->desired_min_tx_us;
	if (free || s->required_min_rx_us > s->rx_in_force_us)
		s->rx_in_force_us = s->required_min_rx_us;
}

/* -- sending -- */

/* Section 6.8.7: may anything be sent that is not a Final? */
static bool
may_send(const struct bfd_session *s, mono_t now)
{
	if (s->config.role == BFD_PASSIVE && s->remote_discr == 0)
		return false;
	if (s->remote_min_rx_us == 0)
		return false;
	return s->state != BFD_ADMIN_DOWN || mono_before(now, s->goodbye);
}

static struct bfd_msg
compose(const struct bfd_session *s, enum ask ask)
{
	uint8_t flags = 0;

	if (ask == ASK_FINAL)
		flags |= BFD_FINAL;
	else if (s->poll)
		flags |= BFD_POLL;
	if (s->config.independent)
		flags |= BFD_INDEPENDENT;
	return (struct bfd_msg){
	    .version = BFD_VERSION,
	    .diag = s->diag,
	    .state = (uint8_t)s->state,
	    .flags = flags,
	    .detect_mult = s->config.detect_mult,
	    .length = BFD_LEN,
	    .my_discr = s->local_discr,
	    .your_discr = s->remote_discr,
	    .desired_min_tx_us = s->desired_min_tx_us,
	    .required_min_rx_us = s->required_min_rx_us,
	};
}

/* Does the far side learn anything from `m` that the packet before did not say? P and F do not
 * count. */
static bool
tells_news(const struct bfd_session *s, const struct bfd_msg *m)
{
	const struct bfd_msg *last = &s->last;

	return !s->sent_any || m->diag != last->diag || m->state != last->state ||
	       m->detect_mult != last->detect_mult || m->your_discr != last->your_discr ||
	       ((m->flags ^ last->flags) & BFD_INDEPENDENT) != 0 ||
	       m->desired_min_tx_us != last->desired_min_tx_us ||
	       m->required_min_rx_us != last->required_min_rx_us;
}

/* Sections 6.7.3 and 6.7.4: a meticulous number rises with every packet, another one with every
 * change of what is said, and now and then, so that an old packet does not stay good for ever. */
static void
sequence_advance(struct bfd_session *s, const struct bfd_msg *m)
{
	bool changed = tells_news(s, m) || m->flags != s->last.flags;

	if (bfd_auth_meticulous(s->config.auth->type) || changed ||
	    s->same_seq >= s->config.detect_mult) {
		s->auth.xmit_seq++;
		s->same_seq = 0;
	}
	s->same_seq++;
}

static void
send_packet(struct bfd_session *s, const struct bfd_msg *m, struct bfd_outcome *out)
{
	bfd_msg_write(m, out->send);
	out->send_len = BFD_LEN;
	if (s->config.auth != NULL) {
		sequence_advance(s, m);
		out->send_len = bfd_auth_sign(s->config.auth, s->auth.xmit_seq, out->send);
	}
	if (out->send_len > 0)
		s->packets_out++;
	else
		s->unsigned_out++;
	s->last = *m;
	s->sent_any = true;
}

/* When the next periodic packet is due: by the RFC's 6.8.7 perhaps never. */
static mono_t
tx_time(const struct bfd_session *s, mono_t now)
{
	dur_t interval = bfd_tx_interval(s->tx_in_force_us, s->remote_min_rx_us, s->share_ppm);
	mono_t due = mono_add(s->last_tx, interval);

	if (!may_send(s, now) || (demand_active(s) && !s->poll))
		return NEVER;
	if (s->state == BFD_ADMIN_DOWN && !mono_before(due, s->goodbye))
		return NEVER;
	return due;
}

static void
plan(struct bfd_session *s, mono_t now)
{
	s->tx_due = tx_time(s, now);
	s->detect_due = NEVER;
	if (s->remote_discr == 0)
		return;
	s->detect_due = mono_add(s->last_rx, bfd_session_detect_time(s));
	s->auth_until = mono_add(s->last_rx, 2 * bfd_session_detect_time(s));
}

/* The end of every event. A Final does not count as a periodic packet: a far side that polls often
 * must not put off our own. */
static void
settle(struct bfd_session *s, enum ask ask, mono_t now, struct bfd_outcome *out)
{
	struct bfd_msg m;

	rates_say(s);
	rates_follow(s);
	m = compose(s, ask);
	if (ask == ASK_FINAL) {
		send_packet(s, &m, out);
	} else if (may_send(s, now) && (tells_news(s, &m) || !mono_before(now, tx_time(s, now)))) {
		send_packet(s, &m, out);
		s->last_tx = now;
		s->share_ppm = bfd_jitter_draw(&s->rng, s->config.detect_mult);
	}
	plan(s, now);
	out->after = s->state;
}

static void
begin(const struct bfd_session *s, struct bfd_outcome *out)
{
	out->before = s->state;
	out->send_len = 0;
}

/* -- events -- */

void
bfd_session_init(struct bfd_session *s, const struct bfd_config *config, uint32_t discr,
    uint64_t seed, mono_t now)
{
	assert(discr != 0 && config->detect_mult > 0);
	assert(config->desired_min_tx_us > 0 && config->required_min_rx_us > 0);
	*s = (struct bfd_session){.config = *config, .local_discr = discr, .state = BFD_DOWN};
	rng_init(&s->rng, seed);
	s->auth.xmit_seq = (uint32_t)rng_next(&s->rng);
	remote_forget(s);
	rates_say(s);
	rates_follow(s);
	s->detect_due = NEVER;
	s->tx_due = may_send(s, now) ? now : NEVER;
}

static void
transition(struct bfd_session *s, enum bfd_event event)
{
	struct bfd_step step = bfd_fsm(s->state, event);
	enum bfd_state before = s->state;

	s->state = step.next;
	if (step.diag != BFD_DIAG_KEEP)
		s->diag = step.diag;
	if (before == BFD_UP && s->state != BFD_UP)
		s->failed = true;
	if (before != BFD_UP && s->state == BFD_UP)
		s->ups++;
	/* RFC 5882 section 3.2: who goes down on purpose has not failed. */
	if (s->state == BFD_UP || s->state == BFD_ADMIN_DOWN || event == BFD_EV_ADMIN_DOWN)
		s->failed = false;
}

bool
bfd_session_receive(
    struct bfd_session *s, const struct bfd_msg *msg, mono_t now, struct bfd_outcome *out)
{
	bool wanted = s->state != BFD_ADMIN_DOWN;

	begin(s, out);
	s->remote_discr = msg->my_discr;
	s->remote_state = msg->state;
	s->remote_diag = msg->diag;
	s->remote_demand = (msg->flags & BFD_DEMAND) != 0;
	s->remote_min_rx_us = msg->required_min_rx_us;
	s->remote_desired_tx_us = msg->desired_min_tx_us;
	s->remote_mult = msg->detect_mult;
	if (s->poll && (msg->flags & BFD_FINAL) != 0)
		poll_answered(s);
	s->last_rx = now;
	if (wanted)
		transition(s, bfd_event_received(msg->state));
	settle(s, wanted && (msg->flags & BFD_POLL) != 0 ? ASK_FINAL : ASK_NOTHING, now, out);
	return wanted;
}

void
bfd_session_expire(struct bfd_session *s, mono_t now, struct bfd_outcome *out)
{
	begin(s, out);
	if (!mono_before(now, s->detect_due)) {
		remote_forget(s);
		transition(s, BFD_EV_EXPIRED);
	}
	settle(s, ASK_NOTHING, now, out);
}

void
bfd_session_configure(
    struct bfd_session *s, const struct bfd_config *config, mono_t now, struct bfd_outcome *out)
{
	assert(config->detect_mult > 0);
	assert(config->desired_min_tx_us > 0 && config->required_min_rx_us > 0);
	begin(s, out);
	s->config = *config;
	settle(s, ASK_NOTHING, now, out);
}

void
bfd_session_disable(struct bfd_session *s, mono_t now, struct bfd_outcome *out)
{
	begin(s, out);
	if (s->state != BFD_ADMIN_DOWN) {
		transition(s, BFD_EV_DISABLE);
		s->poll = false;
		s->again = false;
		rates_say(s);
		/* What the far side takes for our Detection Time. */
		s->goodbye = mono_add(now, bfd_detect_time(s->config.detect_mult,
					       s->remote_min_rx_us, s->desired_min_tx_us));
	}
	settle(s, ASK_NOTHING, now, out);
}

void
bfd_session_enable(struct bfd_session *s, mono_t now, struct bfd_outcome *out)
{
	begin(s, out);
	transition(s, BFD_EV_ENABLE);
	settle(s, ASK_NOTHING, now, out);
}

void
bfd_session_age_auth(struct bfd_session *s, mono_t now)
{
	if (!mono_before(now, s->auth_until))
		s->auth.seq_known = false;
}
