/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state machine against RFC 4271 section 8.2.2: an expectation for every pair of state and
 * event, written from the RFC's text with the RFC's event numbers and words; then properties that
 * must hold on every path, checked on a model of a session that carries the orders out; and the
 * collision rules of section 6.8.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "proto/bgp/bgp_fsm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The RFC's numbers; "7" is the idle hold that ends for a passive neighbor, "R" a ROUTE-REFRESH. */
static const struct {
	const char *number;
	enum bgp_event event;
} numbers[] = {
    {"1", BGP_EV_START},
    {"4", BGP_EV_START_PASSIVE},
    {"2", BGP_EV_STOP},
    {"9", BGP_EV_CONNECT_RETRY},
    {"10", BGP_EV_HOLD_EXPIRED},
    {"11", BGP_EV_KEEPALIVE_EXPIRED},
    {"13", BGP_EV_IDLE_HOLD_EXPIRED},
    {"7", BGP_EV_IDLE_HOLD_PASSIVE},
    {"17", BGP_EV_TCP_OPEN},
    {"18", BGP_EV_TCP_FAILED},
    {"19", BGP_EV_OPEN},
    {"21", BGP_EV_HEADER_ERROR},
    {"22", BGP_EV_OPEN_ERROR},
    {"23", BGP_EV_COLLISION_DUMP},
    {"24", BGP_EV_NOTIFICATION_VERSION},
    {"25", BGP_EV_NOTIFICATION},
    {"26", BGP_EV_KEEPALIVE},
    {"27", BGP_EV_UPDATE},
    {"28", BGP_EV_UPDATE_ERROR},
    {"R", BGP_EV_REFRESH},
    {"29", BGP_EV_SEND_HOLD_EXPIRED},
};

static const struct {
	const char *word;
	uint32_t action;
} words[] = {
    {"notify", BGP_DO_NOTIFY},
    {"drop", BGP_DO_DROP},
    {"count", BGP_DO_COUNT_RETRY},
    {"zero", BGP_DO_ZERO_RETRY},
    {"stop-timers", BGP_DO_STOP_TIMERS},
    {"damp", BGP_DO_IDLE_HOLD},
    {"connect", BGP_DO_CONNECT},
    {"listen", BGP_DO_LISTEN},
    {"retry", BGP_DO_ARM_RETRY},
    {"stop-retry", BGP_DO_STOP_RETRY},
    {"open", BGP_DO_SEND_OPEN},
    {"large-hold", BGP_DO_ARM_HOLD_OPEN},
    {"negotiate", BGP_DO_NEGOTIATE},
    {"keepalive", BGP_DO_SEND_KEEPALIVE},
    {"hold", BGP_DO_ARM_HOLD},
    {"keepalive-timer", BGP_DO_ARM_KEEPALIVE},
    {"established", BGP_DO_ESTABLISHED},
    {"update", BGP_DO_UPDATE},
    {"refresh", BGP_DO_REFRESH},
};

struct expectation {
	enum bgp_state state;
	const char *events;
	enum bgp_state next;
	const char *actions;
	uint8_t code, subcode;
};

#define FAIL   "drop stop-timers count damp"
#define N_FAIL "notify drop stop-timers count damp"

static const struct expectation rfc[] = {
    /* Idle: "refuses all incoming BGP connections", "no resources are allocated". */
    {BGP_IDLE, "1", BGP_CONNECT, "stop-timers zero retry connect listen", 0, 0},
    {BGP_IDLE, "4", BGP_ACTIVE, "stop-timers zero retry listen", 0, 0},
    {BGP_IDLE, "13", BGP_CONNECT, "stop-timers retry connect listen", 0, 0},
    {BGP_IDLE, "7", BGP_ACTIVE, "stop-timers retry listen", 0, 0},
    /* Departure a: the RFC ignores it, but a pending restart must not survive a stop. */
    {BGP_IDLE, "2", BGP_IDLE, "zero stop-timers", 0, 0},
    {BGP_IDLE, "9 10 11 17 18 19 21 22 23 24 25 26 27 28 R 29", BGP_IDLE, "", 0, 0},

    {BGP_CONNECT, "1 4", BGP_CONNECT, "", 0, 0},
    {BGP_CONNECT, "2", BGP_IDLE, "drop zero stop-timers", 0, 0},
    {BGP_CONNECT, "9", BGP_CONNECT, "drop retry connect listen", 0, 0},
    {BGP_CONNECT, "17", BGP_OPENSENT, "stop-retry open large-hold", 0, 0},
    /* "If the DelayOpenTimer is not running": Idle, and the counter is not named. */
    {BGP_CONNECT, "18", BGP_IDLE, "drop stop-timers damp", 0, 0},
    {BGP_CONNECT, "10 11 13 7 19 21 22 23 24 25 26 27 28 R 29", BGP_IDLE, FAIL, 0, 0},

    {BGP_ACTIVE, "1 4", BGP_ACTIVE, "", 0, 0},
    {BGP_ACTIVE, "2", BGP_IDLE, "drop zero stop-timers", 0, 0},
    {BGP_ACTIVE, "9", BGP_CONNECT, "retry connect listen", 0, 0},
    {BGP_ACTIVE, "17", BGP_OPENSENT, "stop-retry open large-hold", 0, 0},
    {BGP_ACTIVE, "18", BGP_IDLE, FAIL, 0, 0},
    {BGP_ACTIVE, "10 11 13 7 19 21 22 23 24 25 26 27 28 R 29", BGP_IDLE, FAIL, 0, 0},

    {BGP_OPENSENT, "1 4", BGP_OPENSENT, "", 0, 0},
    {BGP_OPENSENT, "2", BGP_IDLE, "notify drop zero stop-timers", 0, 0},
    {BGP_OPENSENT, "10", BGP_IDLE, N_FAIL, 4, 0}, {BGP_OPENSENT, "17", BGP_OPENSENT, "", 0, 0},
    {BGP_OPENSENT, "18", BGP_ACTIVE, "drop stop-timers retry listen", 0, 0},
    {BGP_OPENSENT, "19", BGP_OPENCONFIRM, "stop-retry negotiate keepalive hold keepalive-timer", 0,
	0},
    {BGP_OPENSENT, "21 22", BGP_IDLE, N_FAIL, 0, 0}, {BGP_OPENSENT, "23", BGP_IDLE, N_FAIL, 6, 7},
    {BGP_OPENSENT, "24", BGP_IDLE, "drop stop-timers damp", 0, 0},
    {BGP_OPENSENT, "25", BGP_IDLE, FAIL, 0, 0}, /* departure d */
    {BGP_OPENSENT, "9 11 13 7 29", BGP_IDLE, N_FAIL, 5, 0},
    {BGP_OPENSENT, "26 27 28 R", BGP_IDLE, N_FAIL, 5, 1},

    {BGP_OPENCONFIRM, "1 4", BGP_OPENCONFIRM, "", 0, 0},
    {BGP_OPENCONFIRM, "2", BGP_IDLE, "notify drop zero stop-timers", 0, 0},
    {BGP_OPENCONFIRM, "10", BGP_IDLE, N_FAIL, 4, 0},
    {BGP_OPENCONFIRM, "11", BGP_OPENCONFIRM, "keepalive keepalive-timer", 0, 0},
    {BGP_OPENCONFIRM, "17", BGP_OPENCONFIRM, "", 0, 0},
    {BGP_OPENCONFIRM, "18 25", BGP_IDLE, FAIL, 0, 0},
    {BGP_OPENCONFIRM, "24", BGP_IDLE, "drop stop-timers damp", 0, 0},
    {BGP_OPENCONFIRM, "19", BGP_IDLE, N_FAIL, 5, 2}, /* departure e */
    {BGP_OPENCONFIRM, "21 22", BGP_IDLE, N_FAIL, 0, 0},
    {BGP_OPENCONFIRM, "23", BGP_IDLE, N_FAIL, 6, 7},
    {BGP_OPENCONFIRM, "26", BGP_ESTABLISHED, "hold established", 0, 0},
    {BGP_OPENCONFIRM, "9 13 7 29", BGP_IDLE, N_FAIL, 5, 0},
    {BGP_OPENCONFIRM, "27 28 R", BGP_IDLE, N_FAIL, 5, 2},

    {BGP_ESTABLISHED, "1 4", BGP_ESTABLISHED, "", 0, 0},
    {BGP_ESTABLISHED, "2", BGP_IDLE, "notify drop zero stop-timers", 0, 0},
    {BGP_ESTABLISHED, "10", BGP_IDLE, N_FAIL, 4, 0},
    {BGP_ESTABLISHED, "11", BGP_ESTABLISHED, "keepalive keepalive-timer", 0, 0},
    {BGP_ESTABLISHED, "17", BGP_ESTABLISHED, "", 0, 0},
    {BGP_ESTABLISHED, "19", BGP_IDLE, N_FAIL, 5, 3}, /* departure e */
    {BGP_ESTABLISHED, "23", BGP_IDLE, N_FAIL, 6, 7},
    {BGP_ESTABLISHED, "18 24 25", BGP_IDLE, FAIL, 0, 0},
    {BGP_ESTABLISHED, "26", BGP_ESTABLISHED, "hold", 0, 0},
    {BGP_ESTABLISHED, "27", BGP_ESTABLISHED, "hold update", 0, 0},
    {BGP_ESTABLISHED, "28", BGP_IDLE, N_FAIL, 0, 0},
    {BGP_ESTABLISHED, "21", BGP_IDLE, N_FAIL, 0, 0}, /* departure f */
    {BGP_ESTABLISHED, "22", BGP_IDLE, N_FAIL, 5, 3},
    {BGP_ESTABLISHED, "9 13 7", BGP_IDLE, N_FAIL, 5, 0},
    {BGP_ESTABLISHED, "R", BGP_ESTABLISHED, "refresh", 0, 0}, /* RFC 2918 section 4 */
    {BGP_ESTABLISHED, "29", BGP_IDLE, N_FAIL, 8, 0},          /* RFC 9687 section 4.3 */
};

/* Takes the next word off a list; false at its end. */
static bool
next_word(const char **list, char *word, size_t size)
{
	size_t len = strcspn(*list, " ");

	if (len == 0)
		return false;
	assert_true(len < size);
	memcpy(word, *list, len);
	word[len] = '\0';
	*list += len;
	*list += strspn(*list, " ");
	return true;
}

static enum bgp_event
event_of(const char *number)
{
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		if (strcmp(numbers[i].number, number) == 0)
			return numbers[i].event;
	}
	fail_msg("no event has the number %s", number);
	return BGP_EVENT_COUNT;
}

static uint32_t
actions_of(const char *list)
{
	uint32_t mask = 0;
	char word[24];

	while (next_word(&list, word, sizeof(word))) {
		size_t i = 0;
		while (i < ARRAY_LEN(words) && strcmp(words[i].word, word) != 0)
			i++;
		if (i == ARRAY_LEN(words))
			fail_msg("no action is called %s", word);
		mask |= words[i].action;
	}
	return mask;
}

static void
check_pair(const struct expectation *e, enum bgp_event event)
{
	struct bgp_step step = bgp_fsm(e->state, event);
	char where[96];

	snprintf(where, sizeof(where), "%s, %s", bgp_state_str(e->state), bgp_event_str(event));
	if (step.next != e->next)
		fail_msg("%s: goes to %s, must go to %s", where, bgp_state_str(step.next),
		    bgp_state_str(e->next));
	if (step.actions != actions_of(e->actions))
		fail_msg("%s: actions %#x, must be %#x (%s)", where, step.actions,
		    actions_of(e->actions), e->actions);
	if (step.code != e->code || step.subcode != e->subcode)
		fail_msg("%s: NOTIFICATION %u/%u, must be %u/%u", where, step.code, step.subcode,
		    e->code, e->subcode);
}

static void
follows_the_rfc_in_every_pair(void **state)
{
	unsigned seen[BGP_STATE_COUNT][BGP_EVENT_COUNT] = {0};
	char number[8];

	for (size_t i = 0; i < ARRAY_LEN(rfc); i++) {
		const char *list = rfc[i].events;
		while (next_word(&list, number, sizeof(number))) {
			enum bgp_event event = event_of(number);
			seen[rfc[i].state][event]++;
			check_pair(&rfc[i], event);
		}
	}
	for (unsigned s = 0; s < BGP_STATE_COUNT; s++) {
		for (unsigned e = 0; e < BGP_EVENT_COUNT; e++) {
			if (seen[s][e] != 1)
				fail_msg("%s, %s: expected %u times", bgp_state_str(s),
				    bgp_event_str(e), seen[s][e]);
		}
	}
}

static void
notifies_only_where_it_drops(void **state)
{
	for (unsigned s = 0; s < BGP_STATE_COUNT; s++) {
		for (unsigned e = 0; e < BGP_EVENT_COUNT; e++) {
			struct bgp_step step = bgp_fsm(s, e);
			bool connected = s >= BGP_OPENSENT;

			if (step.actions & BGP_DO_NOTIFY) {
				assert_true(step.actions & BGP_DO_DROP);
				assert_true(connected);
				assert_int_equal(step.next, BGP_IDLE);
			} else {
				assert_int_equal(step.code, 0);
			}
			if (connected && step.next < BGP_OPENSENT)
				assert_true(step.actions & BGP_DO_DROP);
		}
	}
}

/* -- a session that does what it is told -- */

struct model {
	enum bgp_state state;
	bool connection, trying, listening;
	bool retry, hold, keepalive, idle_hold;
};

static void
carry_out(struct model *m, const struct bgp_step *step)
{
	uint32_t a = step->actions;

	if (a & BGP_DO_NOTIFY)
		assert_true(m->connection);
	if (a & BGP_DO_DROP)
		m->connection = m->trying = false;
	if (a & BGP_DO_STOP_TIMERS)
		m->retry = m->hold = m->keepalive = m->idle_hold = false;
	m->idle_hold |= (a & BGP_DO_IDLE_HOLD) != 0;
	if (a & BGP_DO_CONNECT) {
		assert_false(m->trying || m->connection);
		m->trying = true;
	}
	m->listening |= (a & BGP_DO_LISTEN) != 0;
	m->retry |= (a & BGP_DO_ARM_RETRY) != 0;
	if (a & BGP_DO_STOP_RETRY)
		m->retry = false;
	if (a & (BGP_DO_SEND_OPEN | BGP_DO_SEND_KEEPALIVE | BGP_DO_ESTABLISHED | BGP_DO_UPDATE))
		assert_true(m->connection);
	m->hold |= (a & (BGP_DO_ARM_HOLD | BGP_DO_ARM_HOLD_OPEN)) != 0;
	m->keepalive |= (a & BGP_DO_ARM_KEEPALIVE) != 0;
	m->state = step->next;
	if (m->state == BGP_IDLE)
		m->listening = false;
}

static void
check_model(const struct model *m)
{
	bool waiting = m->state == BGP_CONNECT || m->state == BGP_ACTIVE;
	bool open = m->state == BGP_OPENCONFIRM || m->state == BGP_ESTABLISHED;

	assert_int_equal(m->connection, m->state >= BGP_OPENSENT);
	assert_int_equal(m->trying, m->state == BGP_CONNECT);
	assert_int_equal(m->retry, waiting);
	assert_int_equal(m->listening, m->state != BGP_IDLE);
	assert_int_equal(m->hold, open || m->state == BGP_OPENSENT);
	assert_int_equal(m->keepalive, open);
	if (m->state != BGP_IDLE)
		assert_false(m->idle_hold);
}

static void
holds_what_its_state_needs_on_every_path(void **state)
{
	struct model m = {0};
	struct rng rng;
	unsigned reached = 0;

	rng_init(&rng, 4271);
	for (unsigned i = 0; i < 200000; i++) {
		/* Half of the events are those that lead on, or nothing would come up. */
		static const enum bgp_event onward[BGP_STATE_COUNT] = {BGP_EV_START,
		    BGP_EV_TCP_OPEN, BGP_EV_TCP_OPEN, BGP_EV_OPEN, BGP_EV_KEEPALIVE, BGP_EV_UPDATE};
		enum bgp_event event =
		    rng_below(&rng, 2) ? onward[m.state] : rng_below(&rng, BGP_EVENT_COUNT);
		struct bgp_step step = bgp_fsm(m.state, event);

		if (event == BGP_EV_TCP_OPEN && (m.state == BGP_CONNECT || m.state == BGP_ACTIVE)) {
			m.connection = true;
			m.trying = false;
		}
		carry_out(&m, &step);
		check_model(&m);
		if (event == BGP_EV_STOP) {
			assert_int_equal(m.state, BGP_IDLE);
			assert_false(m.idle_hold);
		} else if (m.state == BGP_IDLE && (step.actions & BGP_DO_DROP)) {
			assert_true(m.idle_hold);
		}
		reached |= 1u << m.state;
	}
	assert_int_equal(reached, (1u << BGP_STATE_COUNT) - 1);
}

static void
names_everything_once(void **state)
{
	for (unsigned a = 0; a < BGP_EVENT_COUNT; a++) {
		assert_non_null(bgp_event_str(a));
		for (unsigned b = 0; b < a; b++)
			assert_string_not_equal(bgp_event_str(a), bgp_event_str(b));
	}
	assert_string_equal(bgp_state_str(BGP_IDLE), "Idle");
	assert_string_equal(bgp_state_str(BGP_OPENSENT), "OpenSent");
	assert_string_equal(bgp_state_str(BGP_ESTABLISHED), "Established");
	assert_string_equal(bgp_state_str(BGP_STATE_COUNT), "unknown");
	assert_string_equal(bgp_event_str(BGP_EVENT_COUNT), "unknown");
}

static struct bgp_notify
notify_for(enum bgp_state s, enum bgp_event e, const struct bgp_notify *brought)
{
	struct bgp_step step = bgp_fsm(s, e);

	assert_true(step.actions & BGP_DO_NOTIFY);
	return bgp_step_notify(&step, e, brought);
}

static void
builds_the_notification_of_a_step(void **state)
{
	struct bgp_notify shutdown = bgp_notify_cease(BGP_CEASE_SHUTDOWN, "bye");
	struct bgp_notify n;

	n = notify_for(BGP_ESTABLISHED, BGP_EV_STOP, &shutdown);
	assert_memory_equal(&n, &shutdown, sizeof(n));
	n = notify_for(BGP_ESTABLISHED, BGP_EV_STOP, NULL);
	assert_int_equal(n.code, BGP_ERR_CEASE);
	n = notify_for(BGP_ESTABLISHED, BGP_EV_HOLD_EXPIRED, &shutdown);
	assert_int_equal(n.code, BGP_ERR_HOLD);
	assert_int_equal(n.data_len, 0);
	/* RFC 6608 section 3: the data is the type of the message. */
	n = notify_for(BGP_OPENSENT, BGP_EV_KEEPALIVE, NULL);
	assert_int_equal(n.code, BGP_ERR_FSM);
	assert_int_equal(n.subcode, 1);
	assert_int_equal(n.data_len, 1);
	assert_int_equal(n.data[0], BGP_KEEPALIVE);
	n = notify_for(BGP_OPENCONFIRM, BGP_EV_REFRESH, NULL);
	assert_int_equal(n.subcode, 2);
	assert_int_equal(n.data[0], BGP_REFRESH);
	n = notify_for(BGP_ESTABLISHED, BGP_EV_OPEN, NULL);
	assert_int_equal(n.subcode, 3);
	assert_int_equal(n.data[0], BGP_OPEN);
	n = notify_for(BGP_OPENSENT, BGP_EV_CONNECT_RETRY, NULL);
	assert_int_equal(n.subcode, 0);
	assert_int_equal(n.data_len, 0);
}

/* -- collisions -- */

static void
keeps_the_connection_of_the_higher_identifier(void **state)
{
	static const struct {
		struct bgp_collision_ids ids;
		bool ours; /* the outgoing connection stays */
	} rows[] = {
	    {{.local_id = 2, .local_as = 1, .remote_id = 1, .remote_as = 9}, true},
	    {{.local_id = 1, .local_as = 9, .remote_id = 2, .remote_as = 1}, false},
	    /* Compared as numbers in host order, not byte by byte or signed. */
	    {{.local_id = 0xc0000201, .remote_id = 0x0a000001}, true},
	    {{.local_id = 0x0a0000ff, .remote_id = 0x0a000100}, false},
	    /* RFC 6286 section 2.3: the larger AS decides between equal identifiers. */
	    {{.local_id = 7, .local_as = 65002, .remote_id = 7, .remote_as = 65001}, true},
	    {{.local_id = 7, .local_as = 65001, .remote_id = 7, .remote_as = 4200000000}, false},
	};
	static const enum bgp_state colliding[] = {BGP_OPENSENT, BGP_OPENCONFIRM};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t s = 0; s < ARRAY_LEN(colliding); s++) {
			enum bgp_collision incoming = bgp_collision_resolve(
			    &rows[i].ids, BGP_INCOMING, BGP_OUTGOING, colliding[s]);
			enum bgp_collision outgoing = bgp_collision_resolve(
			    &rows[i].ids, BGP_OUTGOING, BGP_INCOMING, colliding[s]);

			assert_int_equal(incoming, rows[i].ours ? BGP_KEEP_EXISTING : BGP_KEEP_NEW);
			assert_int_equal(outgoing, rows[i].ours ? BGP_KEEP_NEW : BGP_KEEP_EXISTING);
		}
	}
}

/* Both ends must come to the same connection, whichever OPEN each of them sees first. */
static void
both_ends_agree(void **state)
{
	struct rng rng;

	rng_init(&rng, 6286);
	for (unsigned i = 0; i < 1000; i++) {
		struct bgp_collision_ids a = {
		    .local_id = 1 + (uint32_t)rng_below(&rng, 3),
		    .local_as = 1,
		    .remote_id = 1 + (uint32_t)rng_below(&rng, 3),
		    .remote_as = 2,
		};
		struct bgp_collision_ids b = {a.remote_id, a.remote_as, a.local_id, a.local_as};
		enum bgp_direction a_fresh = rng_below(&rng, 2) ? BGP_OUTGOING : BGP_INCOMING;
		enum bgp_direction b_fresh = rng_below(&rng, 2) ? BGP_OUTGOING : BGP_INCOMING;
		bool a_keeps_new =
		    bgp_collision_resolve(&a, a_fresh, !a_fresh, BGP_OPENCONFIRM) == BGP_KEEP_NEW;
		bool b_keeps_new =
		    bgp_collision_resolve(&b, b_fresh, !b_fresh, BGP_OPENCONFIRM) == BGP_KEEP_NEW;
		/* Is it the connection that a opened? */
		bool a_keeps_own = (a_fresh == BGP_OUTGOING) == a_keeps_new;
		bool b_keeps_own = (b_fresh == BGP_OUTGOING) == b_keeps_new;

		assert_true(a_keeps_own != b_keeps_own);
	}
}

static void
spares_an_established_session(void **state)
{
	struct bgp_collision_ids low = {.local_id = 1, .remote_id = 2};
	struct bgp_collision_ids high = {.local_id = 2, .remote_id = 1};
	static const enum bgp_state early[] = {BGP_IDLE, BGP_CONNECT, BGP_ACTIVE};

	for (unsigned d = BGP_OUTGOING; d <= BGP_INCOMING; d++) {
		assert_int_equal(
		    bgp_collision_resolve(&low, d, !d, BGP_ESTABLISHED), BGP_KEEP_EXISTING);
		assert_int_equal(
		    bgp_collision_resolve(&high, d, !d, BGP_ESTABLISHED), BGP_KEEP_EXISTING);
		/* "Cannot be detected": the one with the OPEN is further. */
		for (size_t i = 0; i < ARRAY_LEN(early); i++) {
			assert_int_equal(
			    bgp_collision_resolve(&low, d, !d, early[i]), BGP_KEEP_NEW);
			assert_int_equal(
			    bgp_collision_resolve(&high, d, !d, early[i]), BGP_KEEP_NEW);
		}
		/* The neighbor that connects twice has forgotten the first. */
		assert_int_equal(bgp_collision_resolve(&high, d, d, BGP_OPENCONFIRM), BGP_KEEP_NEW);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(follows_the_rfc_in_every_pair),
	    cmocka_unit_test(notifies_only_where_it_drops),
	    cmocka_unit_test(holds_what_its_state_needs_on_every_path),
	    cmocka_unit_test(names_everything_once),
	    cmocka_unit_test(builds_the_notification_of_a_step),
	    cmocka_unit_test(keeps_the_connection_of_the_higher_identifier),
	    cmocka_unit_test(both_ends_agree),
	    cmocka_unit_test(spares_an_established_session),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
