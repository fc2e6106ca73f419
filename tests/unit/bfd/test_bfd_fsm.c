/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine: an expectation for every pair of state and event, written from RFC 5880
 * sections 6.2, 6.8.4, 6.8.6 and 6.8.16; the jitter and the arithmetic of the timers.
 */
#include "proto/bfd/bfd_timing.h"

#include "bfd_hex.h"

/* A row for each state, a letter for each event: A admin-down, D down, I init, U up; a small letter
 * is no change. Behind it the diagnostic, "-" for none set. */
static const char *const expected[BFD_STATE_COUNT][BFD_EVENT_COUNT] = {
    /*                 AdminDown Down  Init  Up    expired disable enable */
    [BFD_ADMIN_DOWN] = {"A-", "A-", "A-", "A-", "A-", "A-", "D-"},
    [BFD_DOWN] = {"D-", "I-", "U-", "D-", "D-", "A7", "D-"},
    [BFD_INIT] = {"D3", "I-", "U-", "U-", "D1", "A7", "I-"},
    [BFD_UP] = {"D3", "D3", "U-", "U-", "D1", "A7", "U-"},
};

static void
takes_every_step(void **state)
{
	static const char letters[] = "ADIU";

	(void)state;
	for (enum bfd_state s = 0; s < BFD_STATE_COUNT; s++) {
		for (enum bfd_event e = 0; e < BFD_EVENT_COUNT; e++) {
			struct bfd_step step = bfd_fsm(s, e);
			char got[3] = {letters[step.next],
			    step.diag == BFD_DIAG_KEEP ? '-' : (char)('0' + step.diag), '\0'};

			if (strcmp(got, expected[s][e]) != 0)
				fail_msg("%s, %s: %s, not %s", bfd_state_str(s), bfd_event_str(e),
				    got, expected[s][e]);
		}
	}
}

static void
names_what_is_received(void **state)
{
	(void)state;
	assert_int_equal(bfd_event_received(BFD_ADMIN_DOWN), BFD_EV_ADMIN_DOWN);
	assert_int_equal(bfd_event_received(BFD_DOWN), BFD_EV_DOWN);
	assert_int_equal(bfd_event_received(BFD_INIT), BFD_EV_INIT);
	assert_int_equal(bfd_event_received(BFD_UP), BFD_EV_UP);
}

/* Nobody comes Up without the other side saying Init or Up: the three-way handshake. */
static void
needs_three_packets(void **state)
{
	enum bfd_state a, b;

	(void)state;
	a = bfd_fsm(BFD_DOWN, bfd_event_received(BFD_DOWN)).next;
	assert_int_equal(a, BFD_INIT);
	b = bfd_fsm(BFD_DOWN, bfd_event_received(a)).next;
	assert_int_equal(b, BFD_UP);
	a = bfd_fsm(a, bfd_event_received(b)).next;
	assert_int_equal(a, BFD_UP);
}

/* Bounds, and that the draws reach near both ends. */
static void
draws_jitter_within_bounds(void **state)
{
	(void)state;
	for (unsigned mult = 1; mult <= 3; mult++) {
		uint32_t least = 1000000, most = 0;
		uint32_t limit = mult == 1 ? 900000 : 1000000;
		struct rng rng;

		rng_init(&rng, mult);
		for (int i = 0; i < 20000; i++) {
			uint32_t share = bfd_jitter_draw(&rng, (uint8_t)mult);

			assert_in_range(share, 750000, limit);
			least = share < least ? share : least;
			most = share > most ? share : most;
		}
		assert_in_range(least, 750000, 752000);
		assert_in_range(most, limit - 2000, limit);
	}
}

static void
computes_intervals(void **state)
{
	(void)state;
	/* The slower of the two sides counts (6.8.2), and the slower of the others (6.8.4). */
	assert_int_equal(bfd_tx_interval(300000, 100000, 1000000), 300 * DUR_MS);
	assert_int_equal(bfd_tx_interval(300000, 500000, 750000), 375 * DUR_MS);
	assert_int_equal(bfd_detect_time(3, 300000, 100000), 900 * DUR_MS);
	assert_int_equal(bfd_detect_time(5, 300000, 1000000), 5 * DUR_S);
	assert_true(bfd_detect_time(255, UINT32_MAX, 1) == 255 * (dur_t)UINT32_MAX * DUR_US);
	assert_true(bfd_tx_interval(UINT32_MAX, 1, 1000000) == (dur_t)UINT32_MAX * DUR_US);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(takes_every_step),
	    cmocka_unit_test(names_what_is_received),
	    cmocka_unit_test(needs_three_packets),
	    cmocka_unit_test(draws_jitter_within_bounds),
	    cmocka_unit_test(computes_intervals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
