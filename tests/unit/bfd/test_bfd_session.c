/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two sessions on a link under a virtual clock: how they come up and go down, how fast they send
 * and how long they wait, Poll Sequences, demand mode, the operator's switch, deadlines.
 */
#include "bfd_link.h"

#include "base/mem.h"

static const struct bfd_config fast = {
    .desired_min_tx_us = 300000, .required_min_rx_us = 200000, .detect_mult = 3};
static const struct bfd_config faster = {
    .desired_min_tx_us = 100000, .required_min_rx_us = 50000, .detect_mult = 5};

/* The gaps between the periodic packets of a node: those without F. */
static void
assert_gaps(const struct node *n, dur_t least, dur_t most)
{
	mono_t before = {0};
	unsigned gaps = 0;

	for (size_t i = 0; i < n->sent_count; i++) {
		if ((n->sent[i].msg.flags & BFD_FINAL) != 0)
			continue;
		if (before.ns != 0) {
			assert_true(mono_sub(n->sent[i].at, before) >= least);
			assert_true(mono_sub(n->sent[i].at, before) <= most);
			gaps++;
		}
		before = n->sent[i].at;
	}
	assert_true(gaps > 5);
}

static unsigned
count_flag(const struct node *n, uint8_t flag)
{
	unsigned count = 0;

	for (size_t i = 0; i < n->sent_count; i++)
		count += (n->sent[i].msg.flags & flag) != 0;
	return count;
}

static void
comes_up_and_stays(void **state)
{
	struct link *l = link_new(&fast, &faster, 1);

	(void)state;
	link_up(l);
	link_run(l, DUR_HOUR / 60);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(l->node[i].ups, 1);
		assert_int_equal(l->node[i].downs, 0);
		assert_int_equal(l->node[i].session.ups, 1);
		assert_int_equal(bfd_session_verdict(&l->node[i].session), BFD_SAYS_UP);
		assert_int_equal(l->node[i].session.diag, BFD_DIAG_NONE);
		assert_false(l->node[i].session.poll);
	}
	/* Each side's rate: the slower of what it wishes and what the other takes. */
	link_mark(l);
	link_run(l, 20 * DUR_S);
	assert_gaps(&l->node[0], 225 * DUR_MS, 300 * DUR_MS);
	assert_gaps(&l->node[1], 150 * DUR_MS, 200 * DUR_MS);
	assert_true(bfd_session_detect_time(&l->node[0].session) == 5 * 200 * DUR_MS);
	assert_true(bfd_session_detect_time(&l->node[1].session) == 3 * 300 * DUR_MS);
	free(l);
}

static void
is_slow_until_up(void **state)
{
	struct link *l = link_new(&fast, &fast, 2);

	(void)state;
	l->cut[0] = l->cut[1] = true;
	link_run(l, 30 * DUR_S);
	assert_gaps(&l->node[0], 750 * DUR_MS, DUR_S);
	for (size_t i = 0; i < l->node[0].sent_count; i++) {
		assert_int_equal(l->node[0].sent[i].msg.desired_min_tx_us, 1000000);
		assert_int_equal(l->node[0].sent[i].msg.required_min_rx_us, 200000);
		assert_int_equal(l->node[0].sent[i].msg.your_discr, 0);
	}
	/* Never Up is no failure. */
	assert_int_equal(bfd_session_verdict(&l->node[0].session), BFD_SAYS_NOTHING);
	free(l);
}

/* Leaving a second for the configured rate is a Poll Sequence, and both sides end theirs. */
static void
polls_when_it_speeds_up(void **state)
{
	struct link *l = link_new(&fast, &fast, 3);

	(void)state;
	link_run(l, 5 * DUR_S);
	for (int i = 0; i < 2; i++) {
		assert_true(count_flag(&l->node[i], BFD_POLL) >= 1);
		assert_true(count_flag(&l->node[i], BFD_FINAL) >= 1);
		for (size_t j = 0; j < l->node[i].sent_count; j++) {
			uint8_t both = BFD_POLL | BFD_FINAL;

			assert_int_not_equal(l->node[i].sent[j].msg.flags & both, both);
		}
	}
	link_mark(l);
	link_run(l, 10 * DUR_S);
	assert_int_equal(count_flag(&l->node[0], BFD_POLL), 0);
	assert_int_equal(count_flag(&l->node[1], BFD_FINAL), 0);
	free(l);
}

static void
notices_a_cut(void **state)
{
	struct link *l = link_new(&fast, &faster, 4);
	mono_t cut;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	l->cut[1] = true;
	cut = l->now;
	link_run(l, DUR_S + DUR_MS);
	/* Node 0 hears nothing any more: a Detection Time behind the last packet. */
	assert_int_equal(l->node[0].session.state, BFD_DOWN);
	assert_int_equal(l->node[0].session.diag, BFD_DIAG_EXPIRED);
	assert_int_equal(l->node[0].session.remote_discr, 0);
	assert_true(mono_sub(l->node[0].changed, cut) <= DUR_S + DUR_MS);
	assert_true(mono_sub(l->node[0].changed, cut) >= DUR_S - 200 * DUR_MS);
	assert_int_equal(bfd_session_verdict(&l->node[0].session), BFD_SAYS_FAILED);
	/* And tells the other side at once, which still hears it. */
	link_run(l, 5 * DUR_MS);
	assert_int_not_equal(l->node[1].session.state, BFD_UP);
	assert_int_equal(l->node[1].session.diag, BFD_DIAG_NEIGHBOR_DOWN);
	assert_int_equal(l->node[1].session.remote_diag, BFD_DIAG_EXPIRED);
	assert_int_equal(bfd_session_verdict(&l->node[1].session), BFD_SAYS_FAILED);
	/* Healed, it comes up again by itself; the diagnostic still tells why it failed. */
	l->cut[1] = false;
	link_up(l);
	assert_int_equal(bfd_session_verdict(&l->node[0].session), BFD_SAYS_UP);
	assert_int_equal(l->node[0].session.diag, BFD_DIAG_EXPIRED);
	free(l);
}

/* The Detection Time is met to the nanosecond, not a packet early. */
static void
expires_in_time(void **state)
{
	struct link *l = link_new(&fast, &fast, 5);
	struct bfd_session *s = &l->node[0].session;
	struct bfd_outcome out;
	mono_t due;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	due = mono_add(s->last_rx, bfd_session_detect_time(s));
	bfd_session_expire(s, (mono_t){due.ns - 1}, &out);
	assert_int_equal(s->state, BFD_UP);
	bfd_session_expire(s, due, &out);
	assert_int_equal(s->state, BFD_DOWN);
	free(l);
}

/* A process that was held up hands in what has arrived, and then asks for expiry. */
static void
survives_its_own_lateness(void **state)
{
	struct link *l = link_new(&fast, &fast, 6);
	struct bfd_session *s = &l->node[0].session;
	struct bfd_outcome out;
	struct bfd_msg m;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	m = l->node[1].sent[l->node[1].sent_count - 1].msg;
	m.flags = 0;
	for (int i = 1; i <= 20; i++)
		assert_true(bfd_session_receive(s, &m, mono_add(l->now, i * 200 * DUR_MS), &out));
	bfd_session_expire(s, mono_add(l->now, 4100 * DUR_MS), &out);
	assert_int_equal(s->state, BFD_UP);
	free(l);
}

static void
follows_a_restart(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		struct link *l = link_new(&fast, &fast, seed);

		link_up(l);
		link_run(l, 5 * DUR_S);
		link_restart(l, 1);
		link_run(l, DUR_MS);
		/* The new process says Down with a new discriminator. */
		assert_int_not_equal(l->node[0].session.state, BFD_UP);
		assert_int_equal(l->node[0].session.diag, BFD_DIAG_NEIGHBOR_DOWN);
		assert_int_equal(l->node[0].session.remote_discr, l->node[1].session.local_discr);
		link_up(l);
		free(l);
	}
}

/* Loss, copies and overtaking; then everything is well again. */
static void
bears_a_bad_link(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct link *l = link_new(&fast, &faster, seed);

		l->loss_percent = 30;
		l->double_percent = 20;
		l->delay_max = 400 * DUR_MS;
		link_run(l, DUR_MIN);
		l->cut[seed % 2] = true;
		link_run(l, 3 * DUR_S);
		l->cut[seed % 2] = false;
		link_run(l, DUR_MIN);
		assert_true(l->node[0].ups > 0 && l->node[1].ups > 0);
		l->loss_percent = l->double_percent = 0;
		l->delay_max = l->delay_min;
		link_run(l, 10 * DUR_S);
		assert_int_equal(l->node[0].session.state, BFD_UP);
		assert_int_equal(l->node[1].session.state, BFD_UP);
		assert_false(l->node[0].session.poll || l->node[1].session.poll);
		free(l);
	}
}

/* One packet in ten is lost: with three to miss, an hour passes without a flap. */
static void
rides_out_some_loss(void **state)
{
	struct bfd_config c = {
	    .desired_min_tx_us = 1000000, .required_min_rx_us = 1000000, .detect_mult = 10};
	struct link *l = link_new(&c, &c, 7);

	(void)state;
	l->loss_percent = 10;
	link_up(l);
	link_run(l, DUR_HOUR / 2);
	assert_int_equal(l->node[0].downs + l->node[1].downs, 0);
	free(l);
}

/* -- parameters -- */

static void
reconfigure(struct link *l, unsigned which, const struct bfd_config *c)
{
	struct bfd_outcome out;

	bfd_session_configure(&l->node[which].session, c, l->now, &out);
	link_act(l, which, &out);
}

/* Section 6.8.3: slower sending waits for the Final, faster does not. */
static void
slows_down_after_the_final(void **state)
{
	struct link *l = link_new(&fast, &fast, 8);
	struct bfd_session *s = &l->node[0].session;
	struct bfd_config slow = fast;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	l->cut[1] = true; /* no Final comes back, for less than a Detection Time */
	slow.desired_min_tx_us = 2000000;
	link_mark(l);
	reconfigure(l, 0, &slow);
	/* Said at once, with P. */
	assert_int_equal(l->node[0].sent[0].msg.desired_min_tx_us, 2000000);
	assert_int_equal(l->node[0].sent[0].msg.flags, BFD_POLL);
	link_run(l, 600 * DUR_MS);
	assert_int_equal(s->tx_in_force_us, 300000);
	assert_true(l->node[0].sent_count >= 2);
	assert_true(bfd_session_detect_time(&l->node[1].session) == 3 * 2000 * DUR_MS);
	l->cut[1] = false;
	link_run(l, 3 * DUR_S);
	assert_false(s->poll);
	assert_int_equal(s->tx_in_force_us, 2000000);
	link_mark(l);
	link_run(l, 40 * DUR_S);
	assert_gaps(&l->node[0], 1500 * DUR_MS, 2 * DUR_S);
	assert_int_equal(l->node[0].downs + l->node[1].downs, 0);
	free(l);
}

static void
waits_longer_until_the_final(void **state)
{
	struct bfd_config slow = fast;
	struct link *l;
	struct bfd_session *s;

	(void)state;
	slow.required_min_rx_us = 900000;
	l = link_new(&slow, &fast, 9);
	s = &l->node[0].session;
	link_up(l);
	link_run(l, 5 * DUR_S);
	assert_true(bfd_session_detect_time(s) == 2700 * DUR_MS);
	l->cut[1] = true;
	reconfigure(l, 0, &fast);
	/* The far side does not yet know that it may be faster: the old time counts. */
	assert_int_equal(s->required_min_rx_us, 200000);
	assert_true(bfd_session_detect_time(s) == 2700 * DUR_MS);
	l->cut[1] = false;
	link_run(l, 2 * DUR_S);
	assert_true(bfd_session_detect_time(s) == 900 * DUR_MS);
	/* The other way round counts at once. */
	reconfigure(l, 0, &slow);
	assert_true(bfd_session_detect_time(s) == 2700 * DUR_MS);
	link_run(l, 20 * DUR_S);
	assert_int_equal(l->node[0].downs + l->node[1].downs, 0);
	free(l);
}

/* Section 6.8.3: a far side that takes packets faster gets them at once. */
static void
honors_a_faster_receiver_at_once(void **state)
{
	struct bfd_config slow = fast;
	struct link *l;

	(void)state;
	slow.required_min_rx_us = 10000000;
	l = link_new(&fast, &slow, 10);
	link_up(l);
	link_run(l, DUR_MIN);
	link_mark(l);
	reconfigure(l, 1, &fast);
	link_run(l, DUR_MS + 300 * DUR_MS);
	assert_true(l->node[0].sent_count >= 2); /* the Final, and one of its own */
	free(l);
}

/* Changes that come while a Poll Sequence is under way get one of their own. */
static void
polls_again_for_a_change_meanwhile(void **state)
{
	struct link *l = link_new(&fast, &fast, 11);
	struct bfd_session *s = &l->node[0].session;
	struct bfd_config c = fast;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	c.desired_min_tx_us = 500000;
	reconfigure(l, 0, &c);
	l->cut[0] = true; /* this one is not heard: the Final that comes answers the one before */
	c.desired_min_tx_us = 700000;
	reconfigure(l, 0, &c);
	l->cut[0] = false;
	assert_true(s->poll && s->again);
	link_run(l, 3 * DUR_MS); /* the first Final */
	assert_true(s->poll && !s->again);
	assert_int_equal(s->tx_in_force_us, 300000);
	link_run(l, 2 * DUR_S);
	assert_false(s->poll);
	assert_int_equal(s->tx_in_force_us, 700000);
	free(l);
}

static void
changes_under_fire(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 30; seed++) {
		struct bfd_config patient = fast;
		struct link *l;

		patient.detect_mult = 20;
		l = link_new(&patient, &patient, seed);
		link_up(l);
		link_run(l, 5 * DUR_S);
		l->loss_percent = 5;
		l->delay_max = 30 * DUR_MS;
		for (int i = 0; i < 30; i++) {
			struct bfd_config c = {.detect_mult = 20,
			    .desired_min_tx_us = 50000 + (uint32_t)rng_below(&l->rng, 900000),
			    .required_min_rx_us = 50000 + (uint32_t)rng_below(&l->rng, 900000)};

			reconfigure(l, (unsigned)i % 2, &c);
			link_run(l, rng_between(&l->rng, 0, 3 * DUR_S));
		}
		/* With twenty to miss, no change of rates is a failure. */
		assert_int_equal(l->node[0].downs + l->node[1].downs, 0);
		l->loss_percent = 0;
		link_run(l, 10 * DUR_S);
		assert_false(l->node[0].session.poll || l->node[1].session.poll);
		free(l);
	}
}

static void
keeps_jitter_in_bounds(void **state)
{
	(void)state;
	for (uint8_t mult = 1; mult <= 3; mult++) {
		struct bfd_config c = {
		    .desired_min_tx_us = 100000, .required_min_rx_us = 100000, .detect_mult = mult};
		struct link *l = link_new(&c, &c, mult);

		l->delay_min = l->delay_max = 1; /* no delay eats into the tenth */
		link_up(l);
		link_run(l, 3 * DUR_S);
		link_mark(l);
		link_run(l, 100 * DUR_S);
		assert_gaps(&l->node[0], 75 * DUR_MS, (mult == 1 ? 90 : 100) * DUR_MS);
		assert_int_equal(l->node[0].downs, 0);
		free(l);
	}
}

/* -- roles, demand, the operator -- */

static void
a_passive_side_waits(void **state)
{
	struct bfd_config passive = fast;
	struct link *l;

	(void)state;
	passive.role = BFD_PASSIVE;
	l = link_new(&passive, &passive, 12);
	assert_true(bfd_session_deadline(&l->node[0].session).ns == DUR_NEVER);
	link_run(l, DUR_HOUR);
	assert_int_equal(l->node[0].sent_count + l->node[1].sent_count, 0);
	free(l);
	l = link_new(&passive, &fast, 12);
	link_up(l);
	/* Lost again, it falls silent. */
	l->cut[1] = true;
	link_run(l, 10 * DUR_S);
	link_mark(l);
	link_run(l, DUR_MIN);
	assert_int_equal(l->node[0].sent_count, 0);
	assert_true(bfd_session_deadline(&l->node[0].session).ns == DUR_NEVER);
	free(l);
}

/* A packet of node 1 with some bits and fields of its own. */
static void
say(struct link *l, uint8_t sta, uint8_t flags, uint32_t required_min_rx_us)
{
	struct bfd_msg m = {.version = BFD_VERSION,
	    .state = sta,
	    .flags = flags,
	    .detect_mult = 3,
	    .my_discr = l->node[1].session.local_discr,
	    .your_discr = l->node[0].session.local_discr,
	    .desired_min_tx_us = 100000,
	    .required_min_rx_us = required_min_rx_us};
	uint8_t b[BFD_LEN];

	bfd_msg_write(&m, b);
	assert_int_equal(link_inject(l, 0, b, sizeof(b)), BFD_ACCEPTED);
}

/* Keeps node 0's session up by packets alone, for three seconds. */
static void
keep_saying(struct link *l, uint8_t flags, uint32_t required_min_rx_us)
{
	for (int i = 0; i < 30; i++) {
		say(l, BFD_UP, flags, required_min_rx_us);
		link_run(l, 100 * DUR_MS);
	}
	assert_int_equal(l->node[0].session.state, BFD_UP);
}

static void
answers_demand_mode(void **state)
{
	struct link *l = link_new(&fast, &fast, 13);
	struct bfd_config slow = fast;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	l->cut[0] = l->cut[1] = true;
	say(l, BFD_UP, BFD_DEMAND, 100000);
	link_mark(l);
	keep_saying(l, BFD_DEMAND, 100000);
	assert_int_equal(l->node[0].sent_count, 0);
	/* A Poll is answered. */
	say(l, BFD_UP, BFD_DEMAND | BFD_POLL, 100000);
	assert_int_equal(l->node[0].sent_count, 1);
	assert_int_equal(l->node[0].sent[0].msg.flags, BFD_FINAL);
	/* A Poll Sequence of our own is sent until it is answered. */
	slow.desired_min_tx_us = 400000;
	reconfigure(l, 0, &slow);
	keep_saying(l, BFD_DEMAND, 100000);
	assert_true(count_flag(&l->node[0], BFD_POLL) >= 7);
	say(l, BFD_UP, BFD_DEMAND | BFD_FINAL, 100000);
	link_mark(l);
	keep_saying(l, BFD_DEMAND, 100000);
	assert_int_equal(l->node[0].sent_count, 0);
	/* The end of demand mode is the end of the silence. */
	keep_saying(l, 0, 100000);
	assert_true(l->node[0].sent_count >= 6);
	/* And demand counts only between two that are Up. */
	say(l, BFD_DOWN, BFD_DEMAND, 100000);
	link_mark(l);
	for (int i = 0; i < 30; i++) {
		say(l, BFD_DOWN, BFD_DEMAND | BFD_FINAL, 100000);
		link_run(l, 100 * DUR_MS);
	}
	assert_true(l->node[0].sent_count >= 2);
	free(l);
}

/* Answers to a far side that polls all the time do not put off the packets of our own. */
static void
sends_on_while_it_answers(void **state)
{
	struct link *l = link_new(&fast, &fast, 17);

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	l->cut[0] = l->cut[1] = true;
	link_mark(l);
	keep_saying(l, BFD_POLL, 100000);
	assert_int_equal(count_flag(&l->node[0], BFD_FINAL), 30);
	assert_in_range(l->node[0].sent_count, 30 + 9, 30 + 14);
	free(l);
}

static void
obeys_a_request_for_silence(void **state)
{
	struct link *l = link_new(&fast, &fast, 14);

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	l->cut[0] = l->cut[1] = true;
	link_mark(l);
	keep_saying(l, 0, 0);
	assert_int_equal(l->node[0].sent_count, 0);
	say(l, BFD_UP, BFD_POLL, 0);
	assert_int_equal(l->node[0].sent_count, 1);
	/* Whoever asked has gone: so has what it asked. */
	link_run(l, 5 * DUR_S);
	assert_int_equal(l->node[0].session.remote_min_rx_us, 1);
	assert_true(l->node[0].sent_count >= 4);
	free(l);
}

static void
goes_down_on_purpose(void **state)
{
	struct link *l = link_new(&fast, &fast, 15);
	struct bfd_session *s = &l->node[0].session;
	struct bfd_outcome out;
	mono_t then;

	(void)state;
	link_up(l);
	link_run(l, 5 * DUR_S);
	link_mark(l);
	bfd_session_disable(s, l->now, &out);
	link_act(l, 0, &out);
	then = l->now;
	assert_int_equal(s->state, BFD_ADMIN_DOWN);
	link_run(l, 5 * DUR_MS);
	assert_int_equal(l->node[1].session.state, BFD_DOWN);
	assert_int_equal(l->node[1].session.remote_diag, BFD_DIAG_ADMIN_DOWN);
	/* On neither side may that end what hangs on the session. */
	assert_int_equal(bfd_session_verdict(s), BFD_SAYS_NOTHING);
	assert_int_equal(bfd_session_verdict(&l->node[1].session), BFD_SAYS_NOTHING);
	/* It says so for a Detection Time, then there is silence, and no deadline. */
	link_run(l, DUR_MIN);
	assert_true(l->node[0].sent_count >= 3);
	for (size_t i = 0; i < l->node[0].sent_count; i++) {
		assert_int_equal(l->node[0].sent[i].msg.state, BFD_ADMIN_DOWN);
		assert_true(mono_sub(l->node[0].sent[i].at, then) < 3 * DUR_S);
	}
	l->cut[1] = true;
	link_run(l, DUR_MIN);
	assert_true(bfd_session_deadline(s).ns == DUR_NEVER);
	l->cut[1] = false;
	bfd_session_enable(s, l->now, &out);
	link_act(l, 0, &out);
	link_up(l);
	free(l);
}

static void
says_it_is_independent(void **state)
{
	struct bfd_config c = fast;
	struct link *l;

	(void)state;
	c.independent = true;
	l = link_new(&c, &fast, 16);
	link_run(l, 3 * DUR_S);
	assert_int_equal(count_flag(&l->node[0], BFD_INDEPENDENT), l->node[0].sent_count);
	assert_int_equal(count_flag(&l->node[1], BFD_INDEPENDENT), 0);
	free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(comes_up_and_stays),
	    cmocka_unit_test(is_slow_until_up),
	    cmocka_unit_test(polls_when_it_speeds_up),
	    cmocka_unit_test(notices_a_cut),
	    cmocka_unit_test(expires_in_time),
	    cmocka_unit_test(survives_its_own_lateness),
	    cmocka_unit_test(follows_a_restart),
	    cmocka_unit_test(bears_a_bad_link),
	    cmocka_unit_test(rides_out_some_loss),
	    cmocka_unit_test(slows_down_after_the_final),
	    cmocka_unit_test(waits_longer_until_the_final),
	    cmocka_unit_test(honors_a_faster_receiver_at_once),
	    cmocka_unit_test(polls_again_for_a_change_meanwhile),
	    cmocka_unit_test(changes_under_fire),
	    cmocka_unit_test(keeps_jitter_in_bounds),
	    cmocka_unit_test(a_passive_side_waits),
	    cmocka_unit_test(answers_demand_mode),
	    cmocka_unit_test(sends_on_while_it_answers),
	    cmocka_unit_test(obeys_a_request_for_silence),
	    cmocka_unit_test(goes_down_on_purpose),
	    cmocka_unit_test(says_it_is_independent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
