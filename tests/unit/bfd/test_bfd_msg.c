/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec and authentication: fields against bytes written by hand from RFC 5880 section 4,
 * every cut of a packet, known answers of the keyed digests, and the sequence number's window.
 */
#include "bfd_hex.h"

static void
reads_every_field(void **state)
{
	uint8_t b[BFD_LEN];
	struct bfd_msg m;

	(void)state;
	assert_int_equal(
	    hex_read("25f8031811223344556677880000c3500001d4c00003d090", b, sizeof(b)), BFD_LEN);
	bfd_msg_read(b, sizeof(b), &m);
	assert_int_equal(m.version, 1);
	assert_int_equal(m.diag, BFD_DIAG_PATH_DOWN);
	assert_int_equal(m.state, BFD_UP);
	assert_int_equal(m.flags, BFD_POLL | BFD_FINAL | BFD_INDEPENDENT);
	assert_int_equal(m.detect_mult, 3);
	assert_int_equal(m.length, 24);
	assert_int_equal(m.my_discr, 0x11223344);
	assert_int_equal(m.your_discr, 0x55667788);
	assert_int_equal(m.desired_min_tx_us, 50000);
	assert_int_equal(m.required_min_rx_us, 120000);
	assert_int_equal(m.required_min_echo_rx_us, 250000);
	assert_int_equal(m.auth_type, 0);
}

static void
writes_what_it_reads(void **state)
{
	uint8_t b[BFD_LEN], again[BFD_LEN];
	struct bfd_msg m;

	(void)state;
	hex_read("3f7a051800000001ffffffff000000010000000200000003", b, sizeof(b));
	bfd_msg_read(b, sizeof(b), &m);
	bfd_msg_write(&m, again);
	assert_memory_equal(b, again, BFD_LEN);
}

static void
reads_any_cut_as_zeros(void **state)
{
	uint8_t b[52];
	struct bfd_msg m;

	(void)state;
	memset(b, 0xff, sizeof(b));
	b[3] = sizeof(b);
	for (size_t len = 0; len <= sizeof(b); len++) {
		uint8_t *exact = malloc(len > 0 ? len : 1);

		assert_non_null(exact);
		memcpy(exact, b, len);
		bfd_msg_read(exact, len, &m);
		assert_int_equal(m.version, len >= 1 ? 7 : 0);
		assert_int_equal(m.required_min_echo_rx_us, len >= 24 ? 0xffffffff : 0);
		assert_int_equal(m.auth_seq, len >= 52 ? 0xffffffff : 0);
		free(exact);
	}
}

static void
shows_packets(void **state)
{
	struct str s = {0};
	struct bfd_msg m = {.state = BFD_UP,
	    .flags = BFD_POLL | BFD_DEMAND | BFD_AUTHENTICATED,
	    .diag = 1,
	    .detect_mult = 3,
	    .my_discr = 0xa,
	    .auth_type = 9,
	    .auth_key_id = 2,
	    .auth_seq = 7};

	(void)state;
	bfd_msg_format(&m, &s);
	assert_string_equal(str_text(&s),
	    "Up diag=1 flags=PAD mult=3 my=0000000a your=00000000 tx=0 rx=0 echo=0 "
	    "auth=unknown key=2 seq=7");
	str_done(&s);
	assert_string_equal(bfd_diag_str(BFD_DIAG_EXPIRED), "detection time expired");
	assert_string_equal(bfd_diag_str(31), "reserved");
	for (enum bfd_drop d = 0; d < BFD_DROP_COUNT; d++)
		assert_non_null(bfd_drop_str(d));
}

/* -- authentication -- */

static struct bfd_auth
auth_of(enum bfd_auth_type type, uint8_t id, const char *password)
{
	struct bfd_auth a = {.type = type, .count = 1};

	a.keys[0].id = id;
	a.keys[0].len = (uint8_t)strlen(password);
	memcpy(a.keys[0].bytes, password, a.keys[0].len);
	return a;
}

static void
knows_a_published_digest(void **state)
{
	struct bfd_auth auth = auth_of(BFD_AUTH_METICULOUS_SHA1, 1, "password12345");
	struct bfd_auth_state seq = {0};
	uint8_t want[BFD_PACKET_MAX], got[BFD_PACKET_MAX] = {0};
	struct bfd_msg m;
	size_t len;

	(void)state;
	len = hex_read("20440a340000000100000000000f4240000f424000000000051c010000000001"
		       "709d3307304d790f58bf0a3cefd783b438408996",
	    want, sizeof(want));
	bfd_msg_read(want, len, &m);
	assert_int_equal(bfd_auth_check(&auth, &seq, &m, want), BFD_AUTH_OK);
	bfd_msg_write(&m, got);
	assert_int_equal(bfd_auth_sign(&auth, 1, got), len);
	assert_memory_equal(want, got, len);
}

/* Signs a sound packet, and judges it. */
static enum bfd_auth_result
judge(const struct bfd_auth *sender, const struct bfd_auth *receiver, struct bfd_auth_state *seq,
    uint32_t number)
{
	uint8_t b[BFD_PACKET_MAX];
	struct bfd_msg m;

	sound_packet(b);
	assert_true(bfd_auth_sign(sender, number, b) > BFD_LEN);
	bfd_msg_read(b, b[3], &m);
	return bfd_auth_check(receiver, seq, &m, b);
}

static void
accepts_its_own(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		for (size_t len = 1; len <= bfd_auth_key_max(t); len++) {
			static const char password[] = "abcdefghijklmnopqrst";
			struct bfd_auth auth = auth_of(t, 200, password + 20 - len);
			struct bfd_auth_state seq = {0};

			assert_int_equal(judge(&auth, &auth, &seq, 1), BFD_AUTH_OK);
		}
	}
}

static void
refuses_others(void **state)
{
	(void)state;
	for (enum bfd_auth_type t = BFD_AUTH_SIMPLE; t < BFD_AUTH_COUNT; t++) {
		struct bfd_auth ours = auth_of(t, 1, "correct horse");
		struct bfd_auth wrong = auth_of(t, 1, "correct house");
		struct bfd_auth other_id = auth_of(t, 2, "correct horse");
		struct bfd_auth_state seq = {0};

		assert_int_equal(judge(&wrong, &ours, &seq, 1), BFD_AUTH_BAD_DIGEST);
		assert_int_equal(judge(&other_id, &ours, &seq, 1), BFD_AUTH_BAD_KEY);
		assert_false(seq.seq_known);
		for (enum bfd_auth_type u = BFD_AUTH_SIMPLE; u < BFD_AUTH_COUNT; u++) {
			struct bfd_auth theirs = auth_of(u, 1, "correct horse");

			assert_int_equal(judge(&theirs, &ours, &seq, 9),
			    u == t ? BFD_AUTH_OK : BFD_AUTH_BAD_TYPE);
		}
	}
}

/* One bit anywhere: no packet that was touched is accepted, but for P and F... not even those. */
static void
refuses_every_flipped_bit(void **state)
{
	struct bfd_auth auth = auth_of(BFD_AUTH_SHA1, 1, "k");
	uint8_t b[BFD_PACKET_MAX];
	struct bfd_msg m;
	size_t len;

	(void)state;
	sound_packet(b);
	len = bfd_auth_sign(&auth, 5, b);
	for (size_t bit = 0; bit < len * 8; bit++) {
		struct bfd_auth_state seq = {0};

		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bfd_msg_read(b, len, &m);
		if (m.length == len)
			assert_int_not_equal(bfd_auth_check(&auth, &seq, &m, b), BFD_AUTH_OK);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void
takes_any_of_its_keys(void **state)
{
	struct bfd_auth old = auth_of(BFD_AUTH_SHA1, 1, "old");
	struct bfd_auth both = auth_of(BFD_AUTH_SHA1, 2, "new");
	struct bfd_auth_state seq = {0};

	(void)state;
	both.keys[both.count++] = old.keys[0];
	assert_int_equal(judge(&old, &both, &seq, 1), BFD_AUTH_OK);
	assert_int_equal(judge(&both, &both, &seq, 2), BFD_AUTH_OK);
	assert_int_equal(judge(&both, &old, &seq, 3), BFD_AUTH_BAD_KEY);
}

static void
checks_lengths(void **state)
{
	struct bfd_auth simple = auth_of(BFD_AUTH_SIMPLE, 1, "four");
	struct bfd_auth longer = auth_of(BFD_AUTH_SIMPLE, 1, "fours");
	struct bfd_auth sha1 = auth_of(BFD_AUTH_SHA1, 1, "four");
	struct bfd_auth_state seq = {0};
	uint8_t b[BFD_PACKET_MAX];
	struct bfd_msg m;
	size_t len;

	(void)state;
	assert_int_equal(judge(&longer, &simple, &seq, 1), BFD_AUTH_BAD_LENGTH);
	sound_packet(b);
	len = bfd_auth_sign(&sha1, 1, b);
	for (unsigned auth_len = 0; auth_len < 256; auth_len++) {
		b[25] = (uint8_t)auth_len;
		bfd_msg_read(b, len, &m);
		if (auth_len != 28)
			assert_int_equal(bfd_auth_check(&sha1, &seq, &m, b), BFD_AUTH_BAD_LENGTH);
	}
	/* The section says 28, the packet ends before. */
	b[25] = 28;
	b[3] = 40;
	bfd_msg_read(b, len, &m);
	assert_int_equal(bfd_auth_check(&sha1, &seq, &m, b), BFD_AUTH_BAD_LENGTH);
}

/* Sections 6.7.3, 6.7.4: Detect Mult is 3, so 9 ahead is the most. */
static void
keeps_to_the_window(void **state)
{
	static const struct {
		uint32_t seen, next;
		bool keyed, meticulous;
	} cases[] = {
	    {100, 100, true, false}, /* a replay */
	    {100, 99, false, false},
	    {100, 101, true, true},
	    {100, 109, true, true},
	    {100, 110, false, false},
	    {0xffffffff, 0, true, true}, /* circular */
	    {0xfffffffc, 5, true, true},
	    {0xfffffffc, 6, false, false},
	    {0, 0xffffffff, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (enum bfd_auth_type t = BFD_AUTH_MD5; t < BFD_AUTH_COUNT; t++) {
			struct bfd_auth auth = auth_of(t, 1, "k");
			struct bfd_auth_state seq = {0};
			bool fits = bfd_auth_meticulous(t) ? cases[i].meticulous : cases[i].keyed;

			assert_int_equal(judge(&auth, &auth, &seq, cases[i].seen), BFD_AUTH_OK);
			assert_int_equal(judge(&auth, &auth, &seq, cases[i].next),
			    fits ? BFD_AUTH_OK : BFD_AUTH_BAD_SEQUENCE);
			assert_int_equal(seq.rcv_seq, fits ? cases[i].next : cases[i].seen);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_every_field),
	    cmocka_unit_test(writes_what_it_reads),
	    cmocka_unit_test(reads_any_cut_as_zeros),
	    cmocka_unit_test(shows_packets),
	    cmocka_unit_test(knows_a_published_digest),
	    cmocka_unit_test(accepts_its_own),
	    cmocka_unit_test(refuses_others),
	    cmocka_unit_test(refuses_every_flipped_bit),
	    cmocka_unit_test(takes_any_of_its_keys),
	    cmocka_unit_test(checks_lengths),
	    cmocka_unit_test(keeps_to_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
