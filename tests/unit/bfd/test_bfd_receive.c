/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reception: every rule of RFC 5880 section 6.8.6 broken on its own, the order of the rules, the
 * counters, what a packet leaves behind in a session; and the S-BFD reflector of RFC 7880.
 */
#include "base/mem.h"
#include "proto/bfd/bfd_reflect.h"

#include "bfd_hex.h"

#define OURS 0x77

struct world {
	struct bfd_table table;
	struct bfd_session session;
	bool has_path;
};

static struct bfd_session *
by_discr(struct bfd_table *t, uint32_t discr)
{
	struct world *w = container_of(t, struct world, table);

	return discr == OURS ? &w->session : NULL;
}

static struct bfd_session *
by_path(struct bfd_table *t)
{
	struct world *w = container_of(t, struct world, table);

	return w->has_path ? &w->session : NULL;
}

static const struct bfd_auth sha1 = {BFD_AUTH_SHA1, 1, {{1, 3, "key"}}};

static struct world
world_of(const struct bfd_auth *auth)
{
	struct world w = {.table = {.by_discr = by_discr, .by_path = by_path}, .has_path = true};
	struct bfd_config c = {.desired_min_tx_us = 300000,
	    .required_min_rx_us = 300000,
	    .detect_mult = 3,
	    .auth = auth};

	bfd_session_init(&w.session, &c, OURS, 1, (mono_t){0});
	return w;
}

static enum bfd_drop
give(struct world *w, const uint8_t *data, size_t len, uint8_t ttl, struct bfd_outcome *out)
{
	struct bfd_packet p = {.data = data, .len = len, .ttl = ttl, .min_ttl = 255};
	struct bfd_session *s;

	return bfd_receive(&w->table, &p, (mono_t){DUR_S}, &s, out);
}

/* What is wrong with a packet: 32 bits at a place, the length, the TTL; and with the world. */
struct fault {
	enum bfd_drop drop;
	size_t at;
	uint32_t value;
	size_t len;
	uint8_t ttl;
	const struct bfd_auth *auth;
	bool no_path;
};

/* In the order of the RFC's list. */
static const struct fault faults[] = {
    {BFD_DROP_TTL, 4, 0x11, 24, 254, NULL, false},
    {BFD_DROP_VERSION, 0, 0x00400318, 24, 255, NULL, false},
    {BFD_DROP_VERSION, 0, 0x40400318, 24, 255, NULL, false},
    {BFD_DROP_VERSION, 0, 0x20400318, 0, 255, NULL, false},
    {BFD_DROP_TOO_SHORT, 0, 0x20400317, 24, 255, NULL, false},
    {BFD_DROP_TOO_SHORT, 0, 0x20400318, 3, 255, NULL, false},
    {BFD_DROP_TOO_SHORT, 0, 0x20440319, 48, 255, NULL, false}, /* A, and 25 */
    {BFD_DROP_TRUNCATED, 0, 0x20400318, 23, 255, NULL, false},
    {BFD_DROP_TRUNCATED, 0, 0x20400319, 24, 255, NULL, false},
    {BFD_DROP_DETECT_MULT, 0, 0x20400018, 24, 255, NULL, false},
    {BFD_DROP_MULTIPOINT, 0, 0x20410318, 24, 255, NULL, false},
    {BFD_DROP_MY_DISCR, 4, 0, 24, 255, NULL, false},
    {BFD_DROP_YOUR_DISCR, 8, 0x78, 24, 255, NULL, false},
    {BFD_DROP_STATE, 0, 0x20800318, 24, 255, NULL, false},
    {BFD_DROP_STATE, 0, 0x20c00318, 24, 255, NULL, false},
    {BFD_DROP_NO_SESSION, 4, 0x11, 24, 255, NULL, true},
    {BFD_DROP_AUTH_UNEXPECTED, 0, 0x2044031a, 26, 255, NULL, false},
    {BFD_DROP_AUTH_MISSING, 4, 0x11, 24, 255, &sha1, false},
    {BFD_DROP_AUTH_TYPE, 0, 0x2044031a, 26, 255, &sha1, false},
};

static void
drops_by_every_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		const struct fault *f = &faults[i];
		struct world w = world_of(f->auth);
		struct bfd_session before = w.session;
		struct bfd_outcome out;
		uint8_t b[64] = {0};

		w.has_path = !f->no_path;
		sound_packet(b);
		set_u32(b, f->at, f->value);
		assert_int_equal(give(&w, b, f->len, f->ttl, &out), f->drop);
		assert_int_equal(w.table.dropped[f->drop], 1);
		assert_int_equal(out.send_len, 0);
		memset(w.session.dropped, 0, sizeof(w.session.dropped));
		assert_memory_equal(&w.session.state, &before.state,
		    sizeof(before) - offsetof(struct bfd_session, state));
	}
}

/* A packet with two faults is dropped for the one that is first in the list. */
static void
asks_in_order(void **state)
{
	unsigned pairs = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		for (size_t j = i + 1; j < ARRAY_LEN(faults); j++) {
			const struct fault *a = &faults[i], *b = &faults[j];
			struct world w = world_of(b->auth);
			struct bfd_outcome out;
			uint8_t bytes[64] = {0};
			size_t len = a->len > b->len ? a->len : b->len;
			uint8_t ttl = a->ttl < b->ttl ? a->ttl : b->ttl;

			if (a->at == b->at || a->len < 24 || a->auth != NULL ||
			    (a->drop == BFD_DROP_AUTH_UNEXPECTED && b->auth != NULL))
				continue; /* they cannot stand together */
			w.has_path = !a->no_path && !b->no_path;
			sound_packet(bytes);
			set_u32(bytes, a->at, a->value);
			set_u32(bytes, b->at, b->value);
			assert_int_equal(give(&w, bytes, len, ttl, &out), a->drop);
			pairs++;
		}
	}
	assert_true(pairs > 40);
}

static void
drops_by_authentication(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
		enum bfd_drop drop;
	} cases[] = {
	    {24, BFD_AUTH_MD5, BFD_DROP_AUTH_TYPE},
	    {25, 27, BFD_DROP_AUTH_LENGTH},
	    {26, 2, BFD_DROP_AUTH_KEY},
	    {51, 0x00, BFD_DROP_AUTH_DIGEST},
	    {12, 0x01, BFD_DROP_AUTH_DIGEST},
	};
	struct world w = world_of(&sha1);
	struct bfd_outcome out;
	uint8_t good[BFD_PACKET_MAX], b[BFD_PACKET_MAX];
	size_t len;

	(void)state;
	sound_packet(good);
	len = bfd_auth_sign(&sha1, 50, good);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		memcpy(b, good, len);
		b[cases[i].at] = cases[i].at == 51 ? (uint8_t)~good[51] : cases[i].value;
		assert_int_equal(give(&w, b, len, 255, &out), cases[i].drop);
		assert_int_equal(w.session.state, BFD_DOWN);
	}
	assert_int_equal(give(&w, good, len, 255, &out), BFD_ACCEPTED);
	assert_int_equal(w.session.state, BFD_INIT);
	len = bfd_auth_sign(&sha1, 49, good);
	assert_int_equal(give(&w, good, len, 255, &out), BFD_DROP_AUTH_SEQUENCE);
	assert_int_equal(w.session.dropped[BFD_DROP_AUTH_SEQUENCE], 1);
	assert_int_equal(w.session.dropped[BFD_DROP_AUTH_DIGEST], 2);
}

static void
takes_what_a_packet_says(void **state)
{
	struct world w = world_of(NULL);
	struct bfd_outcome out;
	uint8_t b[BFD_LEN];

	(void)state;
	sound_packet(b);
	b[1] |= BFD_DEMAND | BFD_POLL;
	b[0] |= BFD_DIAG_PATH_DOWN;
	set_u32(b, 12, 700000);
	set_u32(b, 16, 800000);
	assert_int_equal(give(&w, b, sizeof(b), 255, &out), BFD_ACCEPTED);
	assert_int_equal(w.session.remote_discr, 0x11);
	assert_int_equal(w.session.remote_state, BFD_DOWN);
	assert_int_equal(w.session.remote_diag, BFD_DIAG_PATH_DOWN);
	assert_true(w.session.remote_demand);
	assert_int_equal(w.session.remote_desired_tx_us, 700000);
	assert_int_equal(w.session.remote_min_rx_us, 800000);
	assert_int_equal(bfd_session_detect_time(&w.session), 3 * 700 * DUR_MS);
	assert_int_equal(out.before, BFD_DOWN);
	assert_int_equal(out.after, BFD_INIT);
	/* The Poll is answered at once. */
	assert_int_equal(out.send_len, BFD_LEN);
	assert_int_equal(out.send[1], BFD_INIT << 6 | BFD_FINAL);
	assert_int_equal(w.table.dropped[BFD_ACCEPTED], 1);
}

/* Trailing bytes behind Length are no part of the packet. */
static void
looks_at_nothing_behind_the_length(void **state)
{
	struct world w = world_of(NULL);
	struct bfd_outcome out;
	uint8_t b[64];

	(void)state;
	memset(b, 0xff, sizeof(b));
	sound_packet(b);
	assert_int_equal(give(&w, b, sizeof(b), 255, &out), BFD_ACCEPTED);
}

static void
is_deaf_while_disabled(void **state)
{
	struct world w = world_of(NULL);
	struct bfd_outcome out;
	uint8_t b[BFD_LEN];

	(void)state;
	bfd_session_disable(&w.session, (mono_t){0}, &out);
	sound_packet(b);
	b[1] |= BFD_POLL;
	assert_int_equal(give(&w, b, sizeof(b), 255, &out), BFD_DROP_ADMIN_DOWN);
	assert_int_equal(w.session.state, BFD_ADMIN_DOWN);
	assert_int_equal(out.send[1] & BFD_FINAL, 0);
}

/* -- the reflector -- */

static void
reflects(void **state)
{
	const struct bfd_reflector r = {0x0a0b0c0d, BFD_UP, 50000};
	uint8_t b[BFD_LEN], reply[BFD_LEN];
	struct bfd_packet p = {.data = b, .len = sizeof(b)};
	struct bfd_msg m;

	(void)state;
	sound_packet(b);
	b[1] = BFD_DOWN << 6 | BFD_POLL | BFD_DEMAND;
	set_u32(b, 8, 0x0a0b0c0d);
	set_u32(b, 12, 123456);
	assert_int_equal(bfd_reflect(&r, &p, reply), BFD_ACCEPTED);
	bfd_msg_read(reply, sizeof(reply), &m);
	assert_int_equal(m.state, BFD_UP);
	assert_int_equal(m.flags, BFD_FINAL);
	assert_int_equal(m.diag, BFD_DIAG_NONE);
	assert_int_equal(m.detect_mult, 3);
	assert_int_equal(m.my_discr, 0x0a0b0c0d);
	assert_int_equal(m.your_discr, 0x11);
	assert_int_equal(m.desired_min_tx_us, 123456);
	assert_int_equal(m.required_min_rx_us, 50000);
	assert_int_equal(m.required_min_echo_rx_us, 0);
}

static void
says_when_it_is_out_of_service(void **state)
{
	const struct bfd_reflector r = {0x0a0b0c0d, BFD_ADMIN_DOWN, 50000};
	uint8_t b[BFD_LEN], reply[BFD_LEN];
	struct bfd_packet p = {.data = b, .len = sizeof(b)};

	(void)state;
	sound_packet(b);
	b[1] |= BFD_DEMAND;
	set_u32(b, 8, 0x0a0b0c0d);
	assert_int_equal(bfd_reflect(&r, &p, reply), BFD_ACCEPTED);
	assert_int_equal(reply[0], 0x20 | BFD_DIAG_ADMIN_DOWN);
	assert_int_equal(reply[1], BFD_ADMIN_DOWN << 6);
}

static void
does_not_reflect_everything(void **state)
{
	const struct bfd_reflector r = {0x0a0b0c0d, BFD_UP, 50000};
	uint8_t b[64] = {0}, reply[BFD_LEN];
	struct bfd_packet p = {.data = b, .len = BFD_LEN};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (faults[i].drop > BFD_DROP_MY_DISCR || faults[i].drop == BFD_DROP_TTL)
			continue;
		sound_packet(b);
		b[1] |= BFD_DEMAND;
		set_u32(b, 8, 0x0a0b0c0d);
		set_u32(b, faults[i].at, faults[i].value);
		p.len = faults[i].len;
		assert_int_equal(bfd_reflect(&r, &p, reply), faults[i].drop);
	}
	p.len = BFD_LEN;
	sound_packet(b);
	b[1] |= BFD_DEMAND;
	assert_int_equal(bfd_reflect(&r, &p, reply), BFD_DROP_YOUR_DISCR);
	/* What a reflector sends is never reflected: no loop of two. */
	set_u32(b, 8, 0x0a0b0c0d);
	assert_int_equal(bfd_reflect(&r, &p, reply), BFD_ACCEPTED);
	p.data = reply;
	set_u32(reply, 8, 0x0a0b0c0d);
	assert_int_equal(bfd_reflect(&r, &p, b), BFD_DROP_DEMAND);
	p.data = b;
	p.len = 26;
	sound_packet(b);
	b[1] |= BFD_DEMAND | BFD_AUTHENTICATED;
	b[3] = 26;
	set_u32(b, 8, 0x0a0b0c0d);
	assert_int_equal(bfd_reflect(&r, &p, reply), BFD_DROP_AUTH_UNEXPECTED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(drops_by_every_rule),
	    cmocka_unit_test(asks_in_order),
	    cmocka_unit_test(drops_by_authentication),
	    cmocka_unit_test(takes_what_a_packet_says),
	    cmocka_unit_test(looks_at_nothing_behind_the_length),
	    cmocka_unit_test(is_deaf_while_disabled),
	    cmocka_unit_test(reflects),
	    cmocka_unit_test(says_when_it_is_out_of_service),
	    cmocka_unit_test(does_not_reflect_everything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
