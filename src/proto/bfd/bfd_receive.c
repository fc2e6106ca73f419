/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reception of BFD control packets: RFC 5880 section 6.8.6 as a list.
 *
 * A row is a reason and a question; the first question that is answered with yes throws the packet
 * away. The rows stand in the RFC's order, and two of them also find the session, as the RFC's
 * text does: by Your Discriminator, or by the path when that is zero. In front stands the TTL (RFC
 * 5881 section 5), which is known before the packet is looked at. Behind come authentication
 * (bfd_auth.c, whose verdicts are reasons too) and what follows in the RFC, which is the session's
 * (bfd_session.c).
 *
 * Nothing here owns memory.
 */
#include "proto/bfd/bfd_receive.h"

#include "base/mem.h"

static const enum bfd_drop auth_drops[] = {
    [BFD_AUTH_OK] = BFD_ACCEPTED,
    [BFD_AUTH_BAD_TYPE] = BFD_DROP_AUTH_TYPE,
    [BFD_AUTH_BAD_LENGTH] = BFD_DROP_AUTH_LENGTH,
    [BFD_AUTH_BAD_KEY] = BFD_DROP_AUTH_KEY,
    [BFD_AUTH_BAD_SEQUENCE] = BFD_DROP_AUTH_SEQUENCE,
    [BFD_AUTH_BAD_DIGEST] = BFD_DROP_AUTH_DIGEST,
};

/* -- the header -- */

typedef bool header_rule_fn(const struct bfd_packet *p, const struct bfd_msg *m);

static bool
ttl_low(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)m;
	return p->ttl < p->min_ttl;
}

static bool
version_wrong(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)p;
	return m->version != BFD_VERSION;
}

static bool
length_short(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)p;
	return m->length < ((m->flags & BFD_AUTHENTICATED) != 0 ? BFD_LEN_AUTH : BFD_LEN);
}

static bool
length_beyond(const struct bfd_packet *p, const struct bfd_msg *m)
{
	return m->length > p->len;
}

static bool
mult_zero(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)p;
	return m->detect_mult == 0;
}

static bool
multipoint_set(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)p;
	return (m->flags & BFD_MULTIPOINT) != 0;
}

static bool
my_discr_zero(const struct bfd_packet *p, const struct bfd_msg *m)
{
	(void)p;
	return m->my_discr == 0;
}

static const struct {
	enum bfd_drop drop;
	header_rule_fn *breaks;
} header_rules[] = {
    {BFD_DROP_TTL, ttl_low},
    {BFD_DROP_VERSION, version_wrong},
    {BFD_DROP_TOO_SHORT, length_short},
    {BFD_DROP_TRUNCATED, length_beyond},
    {BFD_DROP_DETECT_MULT, mult_zero},
    {BFD_DROP_MULTIPOINT, multipoint_set},
    {BFD_DROP_MY_DISCR, my_discr_zero},
};

enum bfd_drop
bfd_receive_header(const struct bfd_packet *p, const struct bfd_msg *msg)
{
	for (size_t i = 0; i < ARRAY_LEN(header_rules); i++) {
		if (header_rules[i].breaks(p, msg))
			return header_rules[i].drop;
	}
	return BFD_ACCEPTED;
}

/* -- the session -- */

struct search {
	struct bfd_table *table;
	const struct bfd_msg *msg;
	struct bfd_session *session; /* NULL: not found yet */
};
typedef bool session_rule_fn(struct search *f);

static bool
discr_unknown(struct search *f)
{
	if (f->msg->your_discr == 0)
		return false;
	f->session = f->table->by_discr(f->table, f->msg->your_discr);
	return f->session == NULL;
}

static bool
state_needs_discr(struct search *f)
{
	return f->msg->your_discr == 0 && (f->msg->state == BFD_INIT || f->msg->state == BFD_UP);
}

static bool
path_unknown(struct search *f)
{
	if (f->session == NULL)
		f->session = f->table->by_path(f->table);
	return f->session == NULL;
}

static bool
auth_unexpected(struct search *f)
{
	return f->session->config.auth == NULL && (f->msg->flags & BFD_AUTHENTICATED) != 0;
}

static bool
auth_missing(struct search *f)
{
	return f->session->config.auth != NULL && (f->msg->flags & BFD_AUTHENTICATED) == 0;
}

static const struct {
	enum bfd_drop drop;
	session_rule_fn *breaks;
} session_rules[] = {
    {BFD_DROP_YOUR_DISCR, discr_unknown},
    {BFD_DROP_STATE, state_needs_discr},
    {BFD_DROP_NO_SESSION, path_unknown},
    {BFD_DROP_AUTH_UNEXPECTED, auth_unexpected},
    {BFD_DROP_AUTH_MISSING, auth_missing},
};

static enum bfd_drop
judge_session(struct search *f)
{
	for (size_t i = 0; i < ARRAY_LEN(session_rules); i++) {
		if (session_rules[i].breaks(f))
			return session_rules[i].drop;
	}
	return BFD_ACCEPTED;
}

static enum bfd_drop
judge_auth(struct bfd_session *s, const struct bfd_msg *msg, const struct bfd_packet *p, mono_t now)
{
	if (s->config.auth == NULL)
		return BFD_ACCEPTED;
	bfd_session_age_auth(s, now);
	return auth_drops[bfd_auth_check(s->config.auth, &s->auth, msg, p->data)];
}

enum bfd_drop
bfd_receive(struct bfd_table *t, const struct bfd_packet *p, mono_t now,
    struct bfd_session **session, struct bfd_outcome *out)
{
	struct bfd_msg msg;
	struct search f = {.table = t, .msg = &msg};
	enum bfd_drop drop;

	*out = (struct bfd_outcome){0};
	bfd_msg_read(p->data, p->len, &msg);
	drop = bfd_receive_header(p, &msg);
	if (drop == BFD_ACCEPTED)
		drop = judge_session(&f);
	if (drop == BFD_ACCEPTED)
		drop = judge_auth(f.session, &msg, p, now);
	if (drop == BFD_ACCEPTED && !bfd_session_receive(f.session, &msg, now, out))
		drop = BFD_DROP_ADMIN_DOWN;
	if (f.session != NULL)
		f.session->dropped[drop]++;
	t->dropped[drop]++;
	*session = f.session;
	return drop;
}
