/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions that authenticate each other, on a link under a virtual clock: every type, bad links,
 * wrong and changed keys, one side without, replays, and a restart of one side.
 */
#include "bfd_link.h"

static struct bfd_auth
auth_of(enum bfd_auth_type type, uint8_t id, const char *password)
{
	struct bfd_auth a = {.type = type, .count = 1};

	a.keys[0].id = id;
	a.keys[0].len = (uint8_t)strlen(password);
	memcpy(a.keys[0].bytes, password, a.keys[0].len);
	return a;
}

static struct bfd_config
config_of(const struct bfd_auth *auth)
{
	return (struct bfd_config){.desired_min_tx_us = 100000,
	    .required_min_rx_us = 100000,
	    .detect_mult = 3,
	    .auth = auth};
}

static void
comes_up_with_every_type(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		struct bfd_auth auth = auth_of(t, 3, "shared secret");
		struct bfd_config c = config_of(&auth);
		struct link *l = link_new(&c, &c, t);

		link_up(l);
		link_run(l, DUR_MIN);
		for (int i = 0; i < 2; i++) {
			const struct bfd_session *s = &l->node[i].session;

			assert_int_equal(l->node[i].downs, 0);
			for (enum bfd_drop d = BFD_ACCEPTED + 1; d < BFD_DROP_COUNT; d++)
				assert_int_equal(s->dropped[d], 0);
			assert_int_equal(s->unsigned_out, 0);
		}
		free(l);
	}
}

/* Section 6.7: a meticulous number rises with every packet, another one often enough. */
static void
counts_packets(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_MD5; t < BFD_AUTH_COUNT; t++) {
		struct bfd_auth auth = auth_of(t, 3, "shared secret");
		struct bfd_config c = config_of(&auth);
		struct link *l = link_new(&c, &c, t);
		const struct node *n = &l->node[0];
		unsigned same = 0;

		link_up(l);
		link_run(l, 10 * DUR_S);
		for (size_t i = 1; i < n->sent_count; i++) {
			uint32_t rise = n->sent[i].msg.auth_seq - n->sent[i - 1].msg.auth_seq;

			assert_true(rise <= 1);
			same = rise == 0 ? same + 1 : 0;
			assert_true(same < (bfd_auth_meticulous(t) ? 1 : 3));
			/* Nothing new is said under an old number. */
			if (n->sent[i].msg.state != n->sent[i - 1].msg.state)
				assert_int_equal(rise, 1);
		}
		free(l);
	}
}

static void
bears_a_bad_link(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 25; seed++) {
		struct bfd_auth auth =
		    auth_of((enum bfd_auth_type)(BFD_AUTH_SIMPLE + seed % 5), 3, "secret");
		struct bfd_config c = config_of(&auth);
		struct link *l = link_new(&c, &c, seed);

		l->loss_percent = 20;
		l->double_percent = 20;
		l->delay_max = 150 * DUR_MS;
		link_run(l, DUR_MIN);
		l->loss_percent = l->double_percent = 0;
		l->delay_max = l->delay_min;
		link_run(l, 20 * DUR_S);
		assert_int_equal(l->node[0].session.state, BFD_UP);
		assert_int_equal(l->node[1].session.state, BFD_UP);
		assert_int_equal(l->node[0].session.dropped[BFD_DROP_AUTH_DIGEST], 0);
		free(l);
	}
}

static void
refuses_a_wrong_key(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		struct bfd_auth ours = auth_of(t, 3, "shared secret");
		struct bfd_auth theirs = auth_of(t, 3, "shared secrex");
		struct bfd_config a = config_of(&ours);
		struct bfd_config b = config_of(&theirs);
		struct link *l = link_new(&a, &b, t);

		link_run(l, DUR_MIN);
		assert_int_equal(l->node[0].ups + l->node[1].ups, 0);
		assert_int_equal(l->node[0].session.state, BFD_DOWN);
		assert_int_equal(l->node[0].session.remote_discr, 0);
		assert_true(l->node[0].session.dropped[BFD_DROP_AUTH_DIGEST] > 50);
		free(l);
	}
}

static void
refuses_one_side_without(void **state)
{
	struct bfd_auth auth = auth_of(BFD_AUTH_METICULOUS_SHA1, 3, "shared secret");
	struct bfd_config a = config_of(&auth);
	struct bfd_config b = config_of(NULL);
	struct link *l = link_new(&a, &b, 1);

	(void)state;
	link_run(l, DUR_MIN);
	assert_int_equal(l->node[0].ups + l->node[1].ups, 0);
	assert_true(l->node[0].session.dropped[BFD_DROP_AUTH_MISSING] > 50);
	assert_true(l->node[1].session.dropped[BFD_DROP_AUTH_UNEXPECTED] > 50);
	free(l);
}

/* An old packet of the neighbor, given again: not with a meticulous type, and never what it said
 * before its state changed. */
static void
refuses_replays(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_MD5; t < BFD_AUTH_COUNT; t++) {
		struct bfd_auth auth = auth_of(t, 3, "shared secret");
		struct bfd_config c = config_of(&auth);
		struct link *l = link_new(&c, &c, t);
		uint8_t down[BFD_PACKET_MAX], up[BFD_PACKET_MAX];
		size_t down_len, up_len;

		link_run(l, DUR_US); /* the first packet, in state Down */
		memcpy(down, l->kept, down_len = l->kept_len);
		assert_true(down_len > 0);
		assert_int_equal(down[1] >> 6, BFD_DOWN);
		link_up(l);
		link_run(l, 5 * DUR_S);
		assert_int_equal(link_inject(l, 0, down, down_len), BFD_DROP_AUTH_SEQUENCE);
		memcpy(up, l->kept, up_len = l->kept_len);
		link_run(l, 2 * DUR_MS);
		if (bfd_auth_meticulous(t))
			assert_int_equal(link_inject(l, 0, up, up_len), BFD_DROP_AUTH_SEQUENCE);
		link_run(l, 2 * DUR_S);
		assert_int_equal(link_inject(l, 0, up, up_len), BFD_DROP_AUTH_SEQUENCE);
		assert_int_equal(l->node[0].downs, 0);
		free(l);
	}
}

/* A new process begins with a number of its own: it is heard when the old number is forgotten,
 * twice the Detection Time after the last packet (section 6.8.1). */
static void
follows_a_restart(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 10; seed++) {
		struct bfd_auth auth = auth_of(BFD_AUTH_METICULOUS_SHA1, 3, "shared secret");
		struct bfd_config c = config_of(&auth);
		struct link *l = link_new(&c, &c, seed);

		link_up(l);
		link_run(l, 5 * DUR_S);
		link_restart(l, 1);
		link_run(l, 310 * DUR_MS);
		assert_int_equal(l->node[0].session.state, BFD_DOWN);
		assert_int_equal(l->node[0].session.diag, BFD_DIAG_EXPIRED);
		assert_true(l->node[0].session.dropped[BFD_DROP_AUTH_SEQUENCE] > 0);
		assert_true(l->node[0].session.auth.seq_known);
		/* Forgotten after 600 ms, and the new process speaks once a second. */
		link_run(l, 2 * DUR_S);
		assert_int_equal(l->node[0].session.state, BFD_UP);
		free(l);
	}
}

/* Both accept the new key, then both send it, then the old one is taken away. */
static void
changes_keys_without_a_flap(void **state)
{
	struct bfd_auth old = auth_of(BFD_AUTH_METICULOUS_SHA1, 1, "old");
	struct bfd_auth both = old;
	struct bfd_auth turned = auth_of(BFD_AUTH_METICULOUS_SHA1, 2, "new");
	struct bfd_auth fresh = turned;
	const struct bfd_auth *stages[] = {&both, &turned, &fresh};
	struct bfd_config c = config_of(&old);
	struct link *l = link_new(&c, &c, 1);

	(void)state;
	both.keys[both.count++] = turned.keys[0];
	turned.keys[turned.count++] = old.keys[0];
	link_up(l);
	link_run(l, 5 * DUR_S);
	for (unsigned i = 0; i < 6; i++) {
		struct bfd_config next = config_of(stages[i / 2]);
		struct bfd_outcome out;

		bfd_session_configure(&l->node[i % 2].session, &next, l->now, &out);
		link_act(l, i % 2, &out);
		link_run(l, DUR_S);
	}
	link_run(l, 10 * DUR_S);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(l->node[i].downs, 0);
		assert_int_equal(l->node[i].session.dropped[BFD_DROP_AUTH_KEY], 0);
		assert_int_equal(l->node[i].sent[l->node[i].sent_count - 1].msg.auth_key_id, 2);
	}
	free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(comes_up_with_every_type),
	    cmocka_unit_test(counts_packets),
	    cmocka_unit_test(bears_a_bad_link),
	    cmocka_unit_test(refuses_a_wrong_key),
	    cmocka_unit_test(refuses_one_side_without),
	    cmocka_unit_test(refuses_replays),
	    cmocka_unit_test(follows_a_restart),
	    cmocka_unit_test(changes_keys_without_a_flap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
