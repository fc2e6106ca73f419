/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two BFD sessions on a link, under a virtual clock.
 *
 * The clock jumps from one event to the next: a packet that arrives, a session's deadline. A
 * deadline that does not move on when it is served is a bug of the session, and ends the test. Each
 * session is checked after every event: no deadline in AdminDown beyond the good-bye and the
 * neighbor's Detection Time, a poll only with a neighbor, intervals that hold.
 */
#include "bfd_link.h"

#include "base/mem.h"

static struct bfd_session *
by_discr(struct bfd_table *t, uint32_t discr)
{
	struct node *n = container_of(t, struct node, table);

	return n->session.local_discr == discr ? &n->session : NULL;
}

static struct bfd_session *
by_path(struct bfd_table *t)
{
	return &container_of(t, struct node, table)->session;
}

static void
node_begin(struct link *l, unsigned which)
{
	struct node *n = &l->node[which];

	bfd_session_init(&n->session, &n->config, l->next_discr++, rng_next(&l->rng), l->now);
}

struct link *
link_new(const struct bfd_config *a, const struct bfd_config *b, uint64_t seed)
{
	struct link *l = mem_alloc(sizeof(*l));

	l->now = (mono_t){100 * DUR_S};
	l->delay_min = l->delay_max = DUR_MS;
	l->next_discr = 1000;
	rng_init(&l->rng, seed);
	for (unsigned i = 0; i < 2; i++) {
		l->node[i].table.by_discr = by_discr;
		l->node[i].table.by_path = by_path;
		l->node[i].config = i == 0 ? *a : *b;
		node_begin(l, i);
	}
	return l;
}

static void
check(const struct bfd_session *s)
{
	assert_true(s->local_discr != 0);
	assert_true(s->desired_min_tx_us >= 1000000 || s->state == BFD_UP);
	if (s->remote_discr == 0) {
		assert_false(s->poll);
		assert_true(s->detect_due.ns == DUR_NEVER);
		assert_true(s->state == BFD_DOWN || s->state == BFD_ADMIN_DOWN);
	}
	assert_true(s->poll || !s->again);
	if (!s->poll) {
		assert_int_equal(s->tx_in_force_us, s->desired_min_tx_us);
		assert_int_equal(s->rx_in_force_us, s->required_min_rx_us);
	}
	/* What counts is never more daring than what is said. */
	assert_true(s->tx_in_force_us <= s->desired_min_tx_us);
	assert_true(s->rx_in_force_us >= s->required_min_rx_us);
	if (s->state == BFD_ADMIN_DOWN)
		assert_true(s->tx_due.ns == DUR_NEVER || s->tx_due.ns < s->goodbye.ns);
}

static void
depart(struct link *l, unsigned to, const uint8_t *data, size_t len)
{
	assert_true(l->flight_count < FLIGHT_MAX);
	l->flight[l->flight_count].at =
	    mono_add(l->now, rng_between(&l->rng, l->delay_min, l->delay_max));
	l->flight[l->flight_count].to = to;
	l->flight[l->flight_count].len = len;
	memcpy(l->flight[l->flight_count].data, data, len);
	l->flight_count++;
}

static void
transmit(struct link *l, unsigned from, const struct bfd_outcome *out)
{
	struct node *n = &l->node[from];

	assert_true(n->sent_count < SENT_MAX);
	n->sent[n->sent_count].at = l->now;
	bfd_msg_read(out->send, out->send_len, &n->sent[n->sent_count].msg);
	n->sent_count++;
	if (from == 1) {
		memcpy(l->kept, out->send, out->send_len);
		l->kept_len = out->send_len;
	}
	if (l->cut[from])
		return;
	for (int copies = rng_below(&l->rng, 100) < l->double_percent ? 2 : 1; copies > 0;
	     copies--) {
		if (rng_below(&l->rng, 100) >= l->loss_percent)
			depart(l, 1 - from, out->send, out->send_len);
	}
}

void
link_act(struct link *l, unsigned which, const struct bfd_outcome *out)
{
	struct node *n = &l->node[which];

	check(&n->session);
	assert_int_equal(out->after, n->session.state);
	if (out->before != out->after)
		n->changed = l->now;
	n->ups += out->before != BFD_UP && out->after == BFD_UP;
	n->downs += out->before == BFD_UP && out->after != BFD_UP;
	if (out->send_len > 0)
		transmit(l, which, out);
}

enum bfd_drop
link_inject(struct link *l, unsigned which, const uint8_t *data, size_t len)
{
	struct bfd_packet p = {.data = data, .len = len};
	struct bfd_session *s;
	struct bfd_outcome out;
	enum bfd_drop drop = bfd_receive(&l->node[which].table, &p, l->now, &s, &out);

	if (drop == BFD_ACCEPTED || drop == BFD_DROP_ADMIN_DOWN)
		link_act(l, which, &out);
	return drop;
}

static void
arrive(struct link *l, size_t i)
{
	uint8_t data[BFD_PACKET_MAX];
	size_t len = l->flight[i].len;
	unsigned to = l->flight[i].to;

	memcpy(data, l->flight[i].data, len);
	l->flight[i] = l->flight[--l->flight_count];
	link_inject(l, to, data, len);
}

static void
deadline(struct link *l, unsigned which)
{
	struct bfd_outcome out;

	bfd_session_expire(&l->node[which].session, l->now, &out);
	/* Served: not due again. */
	assert_true(mono_before(l->now, bfd_session_deadline(&l->node[which].session)));
	link_act(l, which, &out);
}

/* The next event until `end`; packets come before deadlines. */
static bool
step(struct link *l, mono_t end)
{
	size_t first = l->flight_count;
	mono_t at = end;
	unsigned which = 2;

	for (size_t i = 0; i < l->flight_count; i++) {
		if (!mono_before(at, l->flight[i].at)) {
			at = l->flight[i].at;
			first = i;
		}
	}
	for (unsigned i = 0; i < 2; i++) {
		mono_t due = bfd_session_deadline(&l->node[i].session);

		if (mono_before(due, at)) {
			at = due;
			which = i;
		}
	}
	l->now = mono_before(at, l->now) ? l->now : at;
	if (which < 2) {
		deadline(l, which);
		return true;
	}
	if (first == l->flight_count)
		return false;
	arrive(l, first);
	return true;
}

void
link_run(struct link *l, dur_t for_how_long)
{
	mono_t end = mono_add(l->now, for_how_long);

	while (step(l, end))
		;
}

void
link_up(struct link *l)
{
	for (int i = 0; i < 600; i++) {
		if (l->node[0].session.state == BFD_UP && l->node[1].session.state == BFD_UP)
			return;
		link_run(l, 100 * DUR_MS);
	}
	fail_msg("not Up after a minute");
}

void
link_restart(struct link *l, unsigned which)
{
	node_begin(l, which);
}

void
link_mark(struct link *l)
{
	l->node[0].sent_count = l->node[1].sent_count = 0;
}
