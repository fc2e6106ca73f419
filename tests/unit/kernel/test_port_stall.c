/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues that stand still: a server that hangs under load is suspected, one that works is not, and
 * an idle one costs next to nothing.
 */
#include "base/mem.h"
#include "port_world.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char *const udp[] = {"udp 192.0.2.53 53", "udp 2001:db8::53 53", NULL};
static const char *const tcp[] = {"tcp 192.0.2.53 53", NULL};
static const char *const four[] = {
    "udp 192.0.2.53 53", "udp 2001:db8::53 53", "tcp 192.0.2.53 53", "tcp 2001:db8::53 53", NULL};

struct client {
	int fd;
	struct sockaddr_storage to;
	socklen_t len;
};

static struct client
client(const char *text)
{
	struct kernel_listen what = world_listen(text);
	struct endpoint remote = {.addr = what.addr, .port = what.port};
	struct client c;

	c.len = endpoint_to_sockaddr(&remote, &c.to);
	c.fd = socket(c.to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(c.fd >= 0);
	return c;
}

static void
ask(const struct client *c)
{
	assert_int_equal(sendto(c->fd, "?", 1, 0, (const struct sockaddr *)&c->to, c->len), 1);
}

static unsigned
drain(int fd, unsigned most)
{
	unsigned count = 0;
	char buf[16];

	while (count < most && recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		count++;
	return count;
}

/* Sends a question every millisecond until the condition holds. */
#define AWAIT_UNDER_LOAD(w, c, condition)                                                          \
	do {                                                                                       \
		mono_t limit_ = mono_add(mono_clock(), PATIENCE);                                  \
		while (!(condition)) {                                                             \
			ask(c);                                                                    \
			loop_turn((w)->loop, DUR_MS);                                              \
			assert_true(mono_before(mono_clock(), limit_));                            \
		}                                                                                  \
	} while (0)

static void
test_frozen_reader(void **state)
{
	struct world *w = *state;
	struct client c = client("udp 192.0.2.53 53");
	int fd = world_bind("udp :: 53", BIND_PLAIN);
	mono_t start;

	world_watch(w, udp);
	world_turn_for(w, 100 * DUR_MS);
	assert_int_equal(w->suspects[0], 0);
	start = mono_clock();
	AWAIT_UNDER_LOAD(w, &c, w->suspects[0] > 0);
	print_message("frozen UDP reader: suspected after %lld ms\n",
	    (long long)(mono_sub(mono_clock(), start) / DUR_MS));
	assert_true(mono_sub(mono_clock(), start) >= HELPER_STALL);
	assert_int_equal(w->suspects[1], 1); /* the same socket serves both */
	/* Once, until it moves again. */
	for (unsigned i = 0; i < 200; i++) {
		ask(&c);
		loop_turn(w->loop, DUR_MS);
	}
	assert_int_equal(w->suspects[0], 1);
	drain(fd, UINT32_MAX);
	world_turn_for(w, 100 * DUR_MS);
	AWAIT_UNDER_LOAD(w, &c, w->suspects[0] == 2);
	assert_int_equal(w->reports[0], 1);
	close(fd);
	close(c.fd);
}

/* One of several that share the port hangs. */
static void
test_one_of_several(void **state)
{
	struct world *w = *state;
	struct client c[32];
	int hangs = world_bind("udp 192.0.2.53 53", BIND_REUSEPORT);
	int works = world_bind("udp 192.0.2.53 53", BIND_REUSEPORT);
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	world_watch(w, udp);
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		c[i] = client("udp 192.0.2.53 53");
	for (size_t i = 0; w->suspects[0] == 0; i++) {
		ask(&c[i % ARRAY_LEN(c)]);
		drain(works, UINT32_MAX);
		loop_turn(w->loop, DUR_MS);
		assert_true(mono_before(mono_clock(), limit));
	}
	for (size_t i = 0; i < ARRAY_LEN(c); i++)
		close(c[i].fd);
	close(hangs);
	close(works);
}

/* A reader that always has a queue in front of it, and reads. */
static void
test_busy_reader(void **state)
{
	struct world *w = *state;
	struct client c = client("udp 192.0.2.53 53");
	int fd = world_bind("udp 192.0.2.53 53", BIND_PLAIN);
	mono_t end;
	unsigned answered = 0;

	world_watch(w, udp);
	for (unsigned i = 0; i < 50; i++)
		ask(&c);
	end = mono_add(mono_clock(), 2 * DUR_S);
	for (unsigned turn = 0; mono_before(mono_clock(), end); turn++) {
		unsigned batch = 1 + turn % 7;

		for (unsigned i = 0; i < 4; i++)
			ask(&c);
		/* On average as many as come; never all. */
		answered += drain(fd, batch);
		loop_turn(w->loop, DUR_MS);
	}
	print_message("busy UDP reader: %u answers, %u suspicions, %llu looks\n", answered,
	    w->suspects[0], (unsigned long long)w->pw.looks);
	assert_int_equal(w->suspects[0], 0);
	close(fd);
	close(c.fd);
}

/* What waits and does not grow is no stall: a server may take its time. */
static void
test_slow_is_not_stalled(void **state)
{
	struct world *w = *state;
	struct client c = client("udp 192.0.2.53 53");
	int fd = world_bind("udp 192.0.2.53 53", BIND_PLAIN);

	world_watch(w, udp);
	ask(&c);
	world_turn_for(w, 300 * DUR_MS);
	assert_int_equal(w->suspects[0], 0);
	AWAIT_UNDER_LOAD(w, &c, w->suspects[0] == 1);
	close(fd);
	close(c.fd);
}

static void
test_accept_queue(void **state)
{
	struct world *w = *state;
	struct client c = client("tcp 192.0.2.53 53");
	int fd = world_bind("tcp 192.0.2.53 53", BIND_PLAIN);
	int clients[64];
	size_t n = 0;

	world_watch(w, tcp);
	while (w->suspects[0] == 0) {
		assert_true(n < ARRAY_LEN(clients));
		clients[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(clients[n] >= 0);
		(void)connect(clients[n++], (const struct sockaddr *)&c.to, c.len);
		world_turn_for(w, 10 * DUR_MS);
	}
	while (n > 0)
		close(clients[--n]);
	close(fd);
	close(c.fd);
}

static void
test_off(void **state)
{
	struct world *w = *state;
	struct client c = client("udp 192.0.2.53 53");
	int fd = world_bind("udp 192.0.2.53 53", BIND_PLAIN);
	mono_t end = mono_add(mono_clock(), 300 * DUR_MS);
	struct kernel_listen what;

	what = world_listen("udp 192.0.2.53 53");
	w->policy = helper_policy_new();
	helper_policy_add_watch(w->policy, &what);
	helper_policy_set_stall(w->policy, 0);
	helper_policy_seal(w->policy);
	w->count = 1;
	port_watches_set_policy(&w->pw, w->policy);
	assert_false(loop_timer_armed(&w->pw.sample));
	while (mono_before(mono_clock(), end)) {
		ask(&c);
		loop_turn(w->loop, DUR_MS);
	}
	assert_int_equal(w->suspects[0], 0);
	close(fd);
	close(c.fd);
}

static dur_t
cpu_time(void)
{
	struct rusage u;

	assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * DUR_S +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * DUR_US;
}

/* Says what it costs to watch four idle ports; no timed assertion. */
static void
test_idle_cost(void **state)
{
	struct world *w = *state;
	int fds[] = {world_bind("udp :: 53", BIND_PLAIN), world_bind("tcp :: 53", BIND_PLAIN)};
	mono_t end;
	uint64_t looks;
	dur_t cpu;

	world_watch(w, four);
	AWAIT(w, w->pw.owners.scans >= 2);
	looks = w->pw.looks - w->pw.owners.scans;
	cpu = cpu_time();
	end = mono_add(mono_clock(), 2 * DUR_S);
	while (mono_before(mono_clock(), end))
		loop_turn(w->loop, DUR_S / 10);
	cpu = cpu_time() - cpu;
	print_message("idle: %lld us of CPU in 2 s (%.3f %%)\n", (long long)(cpu / DUR_US),
	    (double)cpu * 100 / (2.0 * (double)DUR_S));
	assert_true(w->pw.looks - w->pw.owners.scans == looks);
	close(fds[0]);
	close(fds[1]);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_frozen_reader),
	    TEST(test_one_of_several),
	    TEST(test_busy_reader),
	    TEST(test_slow_is_not_stalled),
	    TEST(test_accept_queue),
	    TEST(test_off),
	    TEST(test_idle_cost),
	};
	int skip = world_enter();

	return skip != 0 ? skip : cmocka_run_group_tests(tests, NULL, NULL);
}
