/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sockets serve a port, when the helper learns that the last one is gone, and what does not
 * wake it.
 */
#include "base/mem.h"
#include "port_world.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const four[] = {
    "udp 192.0.2.53 53", "udp 2001:db8::53 53", "tcp 192.0.2.53 53", "tcp 2001:db8::53 53", NULL};
enum { UDP4, UDP6, TCP4, TCP6 };

static const char *const udp4[] = {"udp 192.0.2.53 53", NULL};
static const char *const tcp4[] = {"tcp 192.0.2.53 53", NULL};

/* Each port is reported, when the configuration comes and when it comes again. */
static void
test_start(void **state)
{
	struct world *w = *state;
	int fd = world_bind("tcp 192.0.2.53 53", BIND_PLAIN);

	for (unsigned round = 1; round <= 2; round++) {
		world_watch(w, four);
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(w->reports[i], round);
			if (i == TCP4)
				assert_true(world_is(w, i, KERNEL_SERVED, WHY_OK));
			else
				assert_true(world_is(w, i, KERNEL_DESERTED, WHY_SOCKET));
		}
	}
	close(fd);
}

/* What is bound where, and which of the four ports it serves. */
static const struct {
	const char *bind;
	unsigned how;
	bool serves[4];
} cases[] = {
    {"udp 192.0.2.53 53", BIND_PLAIN, {[UDP4] = true}},
    {"udp 0.0.0.0 53", BIND_PLAIN, {[UDP4] = true}},
    {"udp :: 53", BIND_PLAIN, {[UDP4] = true, [UDP6] = true}},
    {"udp :: 53", BIND_V6ONLY, {[UDP6] = true}},
    {"udp 2001:db8::53 53", BIND_PLAIN, {[UDP6] = true}},
    {"udp ::ffff:192.0.2.53 53", BIND_PLAIN, {[UDP4] = true}},
    {"udp 127.0.0.1 53", BIND_PLAIN, {false}},
    {"udp ::1 53", BIND_PLAIN, {false}},
    {"udp 192.0.2.53 54", BIND_PLAIN, {false}},
    {"tcp 192.0.2.53 53", BIND_PLAIN, {[TCP4] = true}},
    {"tcp 0.0.0.0 53", BIND_PLAIN, {[TCP4] = true}},
    {"tcp :: 53", BIND_PLAIN, {[TCP4] = true, [TCP6] = true}},
    {"tcp :: 53", BIND_V6ONLY, {[TCP6] = true}},
    {"tcp ::1 53", BIND_PLAIN, {false}},
    {"tcp 0.0.0.0 5353", BIND_PLAIN, {false}},
};

static void
test_what_serves(void **state)
{
	struct world *w = *state;

	for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
		int fd = world_bind(cases[c].bind, cases[c].how);

		assert_true(fd >= 0);
		world_watch(w, four);
		for (size_t i = 0; i < 4; i++)
			if ((w->last[i].served == KERNEL_SERVED) != cases[c].serves[i])
				fail_msg("'%s' (%u) and port %zu", cases[c].bind, cases[c].how, i);
		close(fd);
	}
}

/* The single look-up and the dump say the same. */
static void
test_look_up(void **state)
{
	struct world *w = *state;
	struct kernel_listen v4 = world_listen("udp 192.0.2.53 53");
	struct kernel_listen v6 = world_listen("tcp 2001:db8::53 53");
	int udp, tcp;
	struct nl_sock s;

	assert_int_equal(nl_socks_find(&w->pw.socks, &v4, 1, &s), -ENOENT);
	assert_int_equal(nl_socks_find(&w->pw.socks, &v6, 1, &s), -ENOENT);
	udp = world_bind("udp :: 53", BIND_PLAIN);
	tcp = world_bind("tcp :: 53", BIND_PLAIN);
	world_watch(w, four);
	assert_int_equal(w->pw.found_count, 2);
	assert_int_equal(nl_socks_find(&w->pw.socks, &v4, 1, &s), 0);
	assert_true(s.cookie == w->pw.found[0].sock.cookie);
	assert_int_equal(s.inode, w->pw.found[0].sock.inode);
	assert_int_equal(nl_socks_find(&w->pw.socks, &v6, 1, &s), 0);
	assert_true(s.cookie == w->pw.found[1].sock.cookie);
	/* The wildcard, as the address of a socket, finds the same. */
	for (size_t i = 0; i < 2; i++) {
		const struct nl_sock *f = &w->pw.found[i].sock;
		struct kernel_listen place = {.addr = f->addr, .port = f->port, .proto = f->proto};

		assert_int_equal(nl_socks_find(&w->pw.socks, &place, 54321, &s), 0);
		assert_true(s.cookie == f->cookie);
		assert_int_equal(s.queue, 0);
	}
	close(udp);
	close(tcp);
}

static void
test_close_and_bind(void **state)
{
	static const char *const binds[] = {
	    "udp 192.0.2.53 53", "udp 2001:db8::53 53", "tcp 0.0.0.0 53", "tcp 2001:db8::53 53"};
	struct world *w = *state;
	int fds[4];

	world_watch(w, four);
	for (size_t i = 0; i < 4; i++)
		fds[i] = world_bind(binds[i], BIND_PLAIN);
	for (size_t i = 0; i < 4; i++)
		AWAIT(w, world_is(w, i, KERNEL_SERVED, WHY_OK));
	for (size_t i = 0; i < 4; i++) {
		mono_t before = mono_clock();

		close(fds[i]);
		AWAIT(w, world_is(w, i, KERNEL_DESERTED, WHY_SOCKET));
		/* By the kernel's news, not by the poll: that is not armed while all are served. */
		print_message("%s: told after %lld us\n", binds[i],
		    (long long)(mono_sub(mono_clock(), before) / DUR_US));
		fds[i] = world_bind(binds[i], BIND_PLAIN);
		assert_true(fds[i] >= 0);
		AWAIT(w, world_is(w, i, KERNEL_SERVED, WHY_OK));
		assert_false(loop_timer_armed(&w->pw.poll));
	}
	for (size_t i = 0; i < 4; i++)
		close(fds[i]);
}

static void
test_reuseport(void **state)
{
	struct world *w = *state;
	int fds[3];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = world_bind("udp 192.0.2.53 53", BIND_REUSEPORT);
	world_watch(w, udp4);
	assert_int_equal(w->pw.found_count, 3);
	for (size_t i = 0; i < 2; i++) {
		close(fds[i]);
		AWAIT(w, w->pw.found_count == 2 - i);
		assert_int_equal(w->reports[0], 1);
	}
	close(fds[2]);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_SOCKET));
	assert_int_equal(w->reports[0], 2);
}

/* A server that starts anew, again and again, and binds before the old one closes. */
static void
test_restart_without_a_gap(void **state)
{
	struct world *w = *state;
	int old = world_bind("tcp 192.0.2.53 53", BIND_REUSEPORT);

	world_watch(w, tcp4);
	for (unsigned i = 0; i < 50; i++) {
		uint64_t looks = w->pw.looks;
		int new = world_bind("tcp 192.0.2.53 53", BIND_REUSEPORT);

		assert_true(new >= 0);
		close(old);
		old = new;
		AWAIT(w, w->pw.looks > looks);
		assert_int_equal(w->reports[0], 1);
	}
	close(old);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_SOCKET));
}

static int
connect_to(const char *text)
{
	struct kernel_listen what = world_listen(text);
	struct endpoint remote = {.addr = what.addr, .port = what.port};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&remote, &ss);
	int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static void
one_connection(int listener, struct linger *linger)
{
	int client = connect_to("tcp 192.0.2.53 53"), server = accept(listener, NULL, NULL);

	assert_true(server >= 0);
	if (linger != NULL)
		assert_int_equal(
		    setsockopt(server, SOL_SOCKET, SO_LINGER, linger, sizeof(*linger)), 0);
	close(server);
	close(client);
}

/* Connections that end on a watched port are not heard of; those that the server resets are, and
 * are known not to be the listener. */
static void
test_connections_cost_nothing(void **state)
{
	struct world *w = *state;
	struct linger reset = {.l_onoff = 1, .l_linger = 0};
	int listener = world_bind("tcp 192.0.2.53 53", BIND_PLAIN);
	int held = connect_to("tcp 192.0.2.53 53"), mine = accept(listener, NULL, NULL);
	mono_t before;
	uint64_t looks;

	world_watch(w, tcp4);
	looks = w->pw.looks - w->pw.owners.scans;
	before = mono_clock();
	for (unsigned i = 0; i < 2000; i++) {
		one_connection(listener, NULL);
		loop_turn(w->loop, 0);
	}
	print_message("2000 connections in %lld ms, %llu events\n",
	    (long long)(mono_sub(mono_clock(), before) / DUR_MS),
	    (unsigned long long)w->pw.socks.heard);
	assert_true(w->pw.socks.heard == 0);
	for (unsigned i = 0; i < 20; i++)
		one_connection(listener, &reset);
	AWAIT(w, w->pw.socks.heard == 20);
	/* All looks were for the owners. */
	assert_true(w->pw.looks - w->pw.owners.scans == looks);
	assert_int_equal(w->reports[0], 1);
	close(listener);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_SOCKET));
	close(held);
	close(mine);
}

static void
test_other_ports_cost_nothing(void **state)
{
	struct world *w = *state;
	int fd = world_bind("udp 192.0.2.53 53", BIND_PLAIN);

	world_watch(w, udp4);
	for (unsigned i = 0; i < 1000; i++) {
		close(world_bind("udp 192.0.2.53 54", BIND_PLAIN));
		loop_turn(w->loop, 0);
	}
	assert_true(w->pw.socks.heard == 0);
	close(fd);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_SOCKET));
}

/* More news than the buffer holds: the state is right in the end. */
static void
test_lost_events(void **state)
{
	struct world *w = *state;
	int fd = world_bind("udp 192.0.2.53 53", BIND_REUSEPORT);
	int small = 1;

	world_watch(w, udp4);
	assert_int_equal(setsockopt(mnl_socket_get_fd(w->pw.socks.monitor), SOL_SOCKET, SO_RCVBUF,
			     &small, sizeof(small)),
	    0);
	for (unsigned i = 0; i < 1000; i++)
		close(world_bind("udp 192.0.2.53 53", BIND_REUSEPORT));
	close(fd);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_SOCKET));
	assert_true(w->pw.socks.heard < 1000);
}

/* More ports than a request names or a filter compares. */
static void
test_many_ports(void **state)
{
	struct world *w = *state;
	struct nl_sock_port ports[2000];
	int fd = world_bind("udp 192.0.2.53 2000", BIND_PLAIN);
	uint64_t heard;

	world_watch(w, udp4);
	for (size_t count = 2; count <= ARRAY_LEN(ports); count = count * 3 + 1) {
		for (size_t i = 0; i < count; i++)
			ports[i] = (struct nl_sock_port){
			    .proto = KERNEL_UDP, .port = (uint16_t)(2001 + i - count)};
		nl_socks_set_ports(&w->pw.socks, ports, count);
		w->pw.found_count = 0;
		assert_int_equal(nl_socks_dump(&w->pw.socks, &w->pw.dump), 0);
		assert_int_equal(w->pw.found_count, 1);
		heard = w->pw.socks.heard;
		close(fd);
		AWAIT(w, w->pw.socks.heard > heard);
		fd = world_bind("udp 192.0.2.53 2000", BIND_PLAIN);
	}
	close(fd);
}

/* Nothing is watched any more: nothing is heard, nothing is polled. */
static void
test_empty_policy(void **state)
{
	static const char *const none[] = {NULL};
	struct world *w = *state;
	int fd = world_bind("udp 192.0.2.53 53", BIND_PLAIN);

	world_watch(w, udp4);
	world_watch(w, none);
	assert_int_equal(w->pw.socks.groups, 0);
	close(fd);
	world_turn_for(w, 50 * DUR_MS);
	assert_true(w->pw.socks.heard == 0);
	assert_false(loop_timer_armed(&w->pw.poll));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_start),
	    TEST(test_what_serves),
	    TEST(test_look_up),
	    TEST(test_close_and_bind),
	    TEST(test_reuseport),
	    TEST(test_restart_without_a_gap),
	    TEST(test_connections_cost_nothing),
	    TEST(test_other_ports_cost_nothing),
	    TEST(test_lost_events),
	    TEST(test_many_ports),
	    TEST(test_empty_policy),
	};
	int skip = world_enter();

	return skip != 0 ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
