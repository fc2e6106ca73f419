/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Servers that die: how early it is noticed, who else may hold their sockets, and that other
 * processes cost nothing. On loopback addresses of the namespaces that are there, because the
 * kernel gives exit records nowhere else; without them the tests of the pidfds remain.
 */
#include "base/mem.h"
#include "port_world.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUCH_MEMORY ((size_t)500 << 20)

static const char *const udp[] = {"udp 127.53.53.53 5353", NULL};
static const char *const both[] = {"udp 127.53.53.53 5353", "tcp 127.53.53.53 5353", NULL};

/* A server process, which does what is written to it. */
struct server {
	pid_t pid;
	int commands;
	int answers;
};

static void
server_command(char command, int answers)
{
	pid_t child;

	switch (command) {
	case 'f': /* a worker, which inherits the sockets */
		child = fork();
		if (child == 0) {
			close(answers);
			for (;;)
				pause();
		}
		(void)!write(answers, &child, sizeof(child));
		break;
	case 'e': /* the main thread ends, the others go on */ pthread_exit(NULL);
	default: _exit(1);
	}
}

static void *
server_thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

static _Noreturn void
server_main(const char *const *binds, size_t memory, unsigned threads, int commands, int answers)
{
	pid_t self = getpid();
	char command;

	for (; *binds != NULL; binds++)
		if (world_bind(*binds, BIND_REUSEPORT) < 0)
			_exit(1);
	if (memory > 0)
		memset(
		    mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
		    1, memory);
	for (unsigned i = 0; i < threads; i++) {
		pthread_t t;

		if (pthread_create(&t, NULL, server_thread, NULL) != 0)
			_exit(1);
	}
	if (write(answers, &self, sizeof(self)) != sizeof(self))
		_exit(1);
	while (read(commands, &command, 1) == 1)
		server_command(command, answers);
	_exit(0);
}

static struct server
server_start(const char *const *binds, size_t memory, unsigned threads)
{
	int commands[2], answers[2];
	struct server s;
	pid_t pid;

	assert_int_equal(pipe(commands) | pipe(answers), 0);
	s.pid = fork();
	assert_true(s.pid >= 0);
	if (s.pid == 0) {
		close(commands[1]);
		close(answers[0]);
		server_main(binds, memory, threads, commands[0], answers[1]);
	}
	close(commands[0]);
	close(answers[1]);
	s.commands = commands[1];
	s.answers = answers[0];
	assert_int_equal(read(s.answers, &pid, sizeof(pid)), sizeof(pid));
	return s;
}

static void
server_reap(struct server *s)
{
	kill(s->pid, SIGKILL);
	assert_int_equal(waitpid(s->pid, NULL, 0), s->pid);
	close(s->commands);
	close(s->answers);
}

static pid_t
server_fork(struct server *s)
{
	pid_t child;

	assert_int_equal(write(s->commands, "f", 1), 1);
	assert_int_equal(read(s->answers, &child, sizeof(child)), sizeof(child));
	return child;
}

static size_t
owner_count(const struct world *w)
{
	return w->pw.owners.holds.count;
}

/* Watches, and waits until the owners are known. */
static void
watch(struct world *w, const char *const *ports, size_t owners)
{
	world_watch(w, ports);
	for (size_t i = 0; i < w->count; i++)
		assert_true(world_is(w, i, KERNEL_SERVED, WHY_OK));
	AWAIT(w, w->pw.owners.scans > 0 && owner_count(w) == owners);
}

static bool
has_records(const struct world *w)
{
	return !w->pw.owners.exit.unavailable;
}

/* -- tests -- */

static void
test_kill(void **state)
{
	struct world *w = *state;
	struct server s = server_start(both, 0, 0);
	mono_t before;

	watch(w, both, 2);
	before = mono_clock();
	kill(s.pid, SIGKILL);
	AWAIT(w, w->last[0].served == KERNEL_DESERTED && w->last[1].served == KERNEL_DESERTED);
	print_message("small server: told after %lld us\n",
	    (long long)(mono_sub(mono_clock(), before) / DUR_US));
	if (has_records(w))
		assert_true(w->last[0].why == WHY_EXIT && w->last[1].why == WHY_EXIT);
	server_reap(&s);
	world_turn_for(w, 50 * DUR_MS);
	assert_int_equal(w->reports[0], 2);
	assert_int_equal(w->reports[1], 2);
}

/* The alarm comes while the socket is still there, and it stays: nobody flaps. */
static void
test_kill_large(void **state)
{
	struct world *w = *state;
	struct kernel_listen what = world_listen(udp[0]);
	struct server s = server_start(udp, MUCH_MEMORY, 0);
	struct nl_sock sock;
	mono_t before;

	watch(w, udp, 1);
	if (!has_records(w)) {
		server_reap(&s);
		skip();
	}
	before = mono_clock();
	kill(s.pid, SIGKILL);
	AWAIT(w, world_is(w, 0, KERNEL_DESERTED, WHY_EXIT));
	print_message("500 MB server: told after %lld us",
	    (long long)(mono_sub(mono_clock(), before) / DUR_US));
	assert_int_equal(nl_socks_find(&w->pw.socks, &what, 1, &sock), 0);
	AWAIT(w, w->pw.found_count == 0);
	print_message(", its socket gone after %lld us\n",
	    (long long)(mono_sub(mono_clock(), before) / DUR_US));
	server_reap(&s);
	world_turn_for(w, 50 * DUR_MS);
	assert_int_equal(w->reports[0], 2);
}

static void
test_pidfd_alone(void **state)
{
	struct world *w = *state;
	struct server s = server_start(udp, 0, 0);

	w->pw.owners.exit.unavailable = true;
	watch(w, udp, 1);
	assert_null(w->pw.owners.exit.records);
	kill(s.pid, SIGKILL);
	AWAIT(w, w->last[0].served == KERNEL_DESERTED);
	server_reap(&s);
	AWAIT(w, LIST_EMPTY(&w->pw.owners.owners));
	assert_int_equal(w->reports[0], 2);
}

/* A worker that was there when the owners were looked for, and one that came later. */
static void
test_another_holds_it(void **state)
{
	struct world *w = *state;

	for (unsigned late = 0; late < 2; late++) {
		struct server s = server_start(udp, 0, 0);
		pid_t child = late ? 0 : server_fork(&s);
		unsigned reports;

		watch(w, udp, late ? 1 : 2);
		if (late)
			child = server_fork(&s);
		reports = w->reports[0];
		kill(s.pid, SIGKILL);
		server_reap(&s);
		world_turn_for(w, 100 * DUR_MS);
		assert_int_equal(w->reports[0], reports);
		assert_int_equal(owner_count(w), 1);
		kill(child, SIGKILL);
		AWAIT(w, w->last[0].served == KERNEL_DESERTED);
		AWAIT(w, w->pw.found_count == 0);
		assert_int_equal(w->reports[0], reports + 1);
	}
}

/* Another process with a socket of its own on the same port. */
static void
test_reuseport(void **state)
{
	struct world *w = *state;
	struct server a = server_start(udp, 0, 0), b = server_start(udp, 0, 0);

	watch(w, udp, 2);
	server_reap(&a);
	AWAIT(w, w->pw.found_count == 1);
	assert_int_equal(w->reports[0], 1);
	server_reap(&b);
	AWAIT(w, w->last[0].served == KERNEL_DESERTED);
	assert_int_equal(w->reports[0], 2);
}

static void
test_threads(void **state)
{
	struct world *w = *state;
	struct server s = server_start(udp, 0, 3);

	watch(w, udp, 1);
	assert_int_equal(write(s.commands, "e", 1), 1);
	if (has_records(w))
		AWAIT(w, w->pw.owners.exit.heard > 0);
	world_turn_for(w, 50 * DUR_MS);
	assert_int_equal(w->reports[0], 1); /* the other threads go on */
	kill(s.pid, SIGKILL);
	AWAIT(w, w->last[0].served == KERNEL_DESERTED);
	if (has_records(w))
		assert_int_equal(w->last[0].why, WHY_EXIT);
	server_reap(&s);
}

/* A server that is killed and comes again, each time with another process. */
static void
test_again_and_again(void **state)
{
	struct world *w = *state;

	for (unsigned i = 0; i < 10; i++) {
		struct server s = server_start(udp, 0, 0);

		world_watch(w, udp);
		AWAIT(w, world_is(w, 0, KERNEL_SERVED, WHY_OK) && owner_count(w) == 1);
		server_reap(&s);
		AWAIT(w, w->last[0].served == KERNEL_DESERTED && w->pw.found_count == 0);
	}
}

static dur_t
cpu_time(int who)
{
	struct rusage u;

	assert_int_equal(getrusage(who, &u), 0);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * DUR_S +
	       (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * DUR_US;
}

static mono_t
fork_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		assert_true(pid > 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	return mono_clock();
}

/* Other processes that end do not wake us. */
static void
test_other_processes_cost_nothing(void **state)
{
	struct world *w = *state;
	struct server s = server_start(udp, 0, 0);
	mono_t start = mono_clock(), plain = fork_many(1000), watched, from;
	dur_t cpu;

	watch(w, udp, 1);
	if (!has_records(w)) {
		server_reap(&s);
		skip();
	}
	from = mono_clock();
	watched = fork_many(1000);
	cpu = cpu_time(RUSAGE_SELF);
	world_turn_for(w, 20 * DUR_MS);
	cpu = cpu_time(RUSAGE_SELF) - cpu;
	print_message(
	    "1000 processes: %lld ms, and %lld ms with exit records; then %lld us of work\n",
	    (long long)(mono_sub(plain, start) / DUR_MS),
	    (long long)(mono_sub(watched, from) / DUR_MS), (long long)(cpu / DUR_US));
	assert_true(w->pw.owners.exit.heard == 0);
	server_reap(&s);
	AWAIT(w, w->last[0].served == KERNEL_DESERTED);
	assert_true(w->pw.owners.exit.heard > 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_kill),
	    TEST(test_kill_large),
	    TEST(test_pidfd_alone),
	    TEST(test_another_holds_it),
	    TEST(test_reuseport),
	    TEST(test_threads),
	    TEST(test_again_and_again),
	    TEST(test_other_processes_cost_nothing),
	};

	world_stay();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
