/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine and helper watch each other: who hangs is found, who was only stopped together with the
 * other is not blamed, and a peer that does not keep to the protocol is not listened to.
 */
#include "base/mem.h"
#include "helper_model.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* -- heartbeat -- */

static void
test_heartbeat_keeps_quiet(void **state)
{
	struct pair *p = *state;

	turn_for(p->helper_loop, NULL, 1500 * DUR_MS); /* not ready: not watched */
	assert_int_equal(p->silents, 0);
	helper_client_ready(p->client);
	AWAIT(p, p->readies == 1);
	turn_for(p->helper_loop, p->engine_loop, 2 * DUR_S);
	assert_int_equal(p->silents, 0);
	assert_int_equal(p->engine_end, -1);
}

static void
test_engine_hangs(void **state)
{
	struct pair *p = *state;
	mono_t since;
	dur_t took;

	helper_client_ready(p->client);
	AWAIT(p, p->readies == 1);
	since = mono_clock();
	while (p->silents == 0) {
		loop_turn(p->helper_loop, 100 * DUR_MS);
		assert_true(mono_sub(mono_clock(), since) < PATIENCE);
	}
	took = mono_sub(mono_clock(), since);
	assert_true(took >= HELPER_SILENCE);
	turn_for(p->helper_loop, NULL, HELPER_SILENCE + HELPER_SILENCE / 2);
	assert_int_equal(p->silents, 1); /* said once */
}

/* Both stand still, as in a suspend or a freezer: nobody is to blame. */
static void
test_both_stand_still(void **state)
{
	struct pair *p = *state;

	helper_client_ready(p->client);
	AWAIT(p, p->readies == 1);
	for (int i = 0; i < 2; i++) {
		turn_for(NULL, NULL, 3 * HELPER_SILENCE / 2);
		loop_turn(p->helper_loop, 0); /* the helper wakes first, to an empty socket */
		loop_turn(p->helper_loop, 0);
		turn_for(p->helper_loop, p->engine_loop, 300 * DUR_MS);
	}
	assert_int_equal(p->silents, 0);
	assert_int_equal(p->engine_end, -1);
}

/* The engine may take its time with a configuration that it has just been handed. */
static void
test_engine_reads_config(void **state)
{
	struct pair *p = *state;

	helper_client_ready(p->client);
	AWAIT(p, p->readies == 1);
	helper_client_config_read(p->client);
	AWAIT(p, p->configs == 1);
	turn_for(p->helper_loop, NULL, 2 * HELPER_SILENCE); /* reading */
	helper_client_config_commit(p->client, p->config_serial);
	turn_for(p->helper_loop, NULL, 2 * HELPER_SILENCE); /* applying */
	assert_int_equal(p->silents, 0);
	turn_for(p->helper_loop, p->engine_loop, HELPER_SILENCE / 2); /* through: a heartbeat */
	turn_for(p->helper_loop, NULL, 2 * HELPER_SILENCE);
	assert_int_equal(p->silents, 1);
}

static void
test_helper_hangs(void **state)
{
	struct pair *p = *state;
	mono_t since = mono_clock();
	dur_t took;

	helper_client_ready(p->client);
	AWAIT(p, p->readies == 1);
	while (p->engine_end < 0) {
		loop_turn(p->engine_loop, 100 * DUR_MS);
		assert_true(mono_sub(mono_clock(), since) < PATIENCE);
	}
	took = mono_sub(mono_clock(), since);
	assert_int_equal(p->engine_end, HELPER_END_EOF);
	assert_true(took >= HELPER_SILENCE_ACK - HELPER_HEARTBEAT_EVERY);
}

/* -- a hostile peer: the test holds the other end itself -- */

static int
hostile(struct pair *p)
{
	int fds[2];

	helper_client_free(p->client);
	p->client = NULL;
	helper_free(p->helper);
	p->helper_end = -1;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	p->helper = helper_new_with(p->helper_loop, fds[0], &p->helper_host, &p->model.backend);
	return fds[1];
}

static void
send_raw(int to, const void *data, size_t len, int passed, unsigned count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * 8)];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > 0) {
		struct cmsghdr *c;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * count);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * count);
		for (unsigned i = 0; i < count; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(int), &passed, sizeof(int));
	}
	assert_int_equal(sendmsg(to, &msg, 0), len);
}

static void
test_nonsense_ends_it(void **state)
{
	static const char nonsense[][5] = {"x", "hell", {0, 1, 0, 0, 0}, "\xff\xff"};
	struct pair *p = *state;
	unsigned fds;

	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		int fd = hostile(p);

		send_raw(fd, nonsense[i], sizeof(nonsense[i]), -1, 0);
		AWAIT(p, p->helper_end >= 0);
		assert_int_equal(p->helper_end, HELPER_END_PROTOCOL);
		close(fd);
	}
	for (unsigned count = 1; count <= 8; count++) {
		struct helper_msg m = {.kind = HELPER_STOPPING};
		uint8_t data[HELPER_MSG_MAX];
		int fd = hostile(p);

		fds = open_fds();
		send_raw(fd, data, helper_msg_encode(&m, data), fd, count);
		AWAIT(p, p->helper_end >= 0);
		assert_int_equal(p->helper_end, HELPER_END_PROTOCOL);
		assert_int_equal(open_fds(), fds - 1); /* the helper's end, and nothing leaked */
		close(fd);
	}
}

/* A peer that asks and never reads: the helper stops reading, keeps to its bound, and lives on. */
static void
test_peer_that_never_reads(void **state)
{
	struct pair *p = *state;
	struct helper_msg m = {.kind = HELPER_LISTEN};
	uint8_t data[HELPER_MSG_MAX];
	unsigned sent = 0, last = 0;
	size_t len;
	int fd = hostile(p);

	assert_int_equal(endpoint_parse("0.0.0.0:1", 0, &m.listen.local), 0);
	len = helper_msg_encode(&m, data);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	do {
		last = sent;
		while (send(fd, data, len, 0) > 0)
			sent++;
		turn_for(p->helper_loop, NULL, 20 * DUR_MS);
	} while (sent != last);
	assert_int_equal(p->helper_end, -1);
	assert_in_range(sent, 100, 20000);
	/* It starts to read: every question has its answer. */
	for (unsigned got = 0; got < sent;) {
		loop_turn(p->helper_loop, DUR_MS);
		while (recv(fd, data, sizeof(data), 0) > 0)
			got++;
	}
	close(fd);
	AWAIT(p, p->helper_end >= 0);
	assert_int_equal(p->helper_end, HELPER_END_EOF);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_heartbeat_keeps_quiet),
	    TEST(test_engine_hangs),
	    TEST(test_both_stand_still),
	    TEST(test_engine_reads_config),
	    TEST(test_helper_hangs),
	    TEST(test_nonsense_ends_it),
	    TEST(test_peer_that_never_reads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
