/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole of it: engine's client and helper with the real kernel behind, in a network namespace
 * of the test's own; on one loop as in `nighd --single`, and in two processes.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/helper_client.h"
#include "kernel/helper_policy.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE (20 * DUR_S)
#define SKIPPED  77
#define V4       "192.0.2.53/32"
#define V6       "2001:db8::53/128"

struct family {
	struct loop *loop; /* of both, or of the one that this process plays */
	/* helper */
	struct helper *helper;
	struct helper_host helper_host;
	pid_t engine;
	int helper_end;
	bool silent;
	/* engine */
	struct helper_client *client;
	struct helper_client_host client_host;
	struct kernel_listener listener;
	struct kernel_port *port;
	bool committed;
	bool lo_up;
	bool v4, v6;
	unsigned v4_reports;
	int opened;
	struct kernel_exec exec;
	unsigned results;
	struct kernel_exec_result result;
};

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct helper_policy *
on_read_policy(struct helper_host *h, const char *text, size_t len)
{
	static const char *const check[] = {"/bin/sh", "-c", "echo checked; exit 7", NULL};
	static const char *const hang[] = {"sleep", "1000", NULL};
	struct helper_exec_rule rule = {.argv = check, .timeout = 10 * DUR_S};
	struct helper_policy *p = helper_policy_new();
	struct prefix v4 = pfx(V4), v6 = pfx(V6);
	struct endpoint local;

	(void)h;
	(void)text;
	(void)len;
	helper_policy_add_address(p, &v4, "lo");
	helper_policy_add_address(p, &v6, "lo");
	assert_int_equal(endpoint_parse("0.0.0.0:179", 0, &local), 0);
	helper_policy_add_listen(p, &local);
	assert_int_equal(helper_policy_add_exec(p, "check", &rule), 0);
	rule.argv = hang;
	assert_int_equal(helper_policy_add_exec(p, "hang", &rule), 0);
	return p;
}

static void
on_engine_ready(struct helper_host *h)
{
	(void)h;
}

static void
on_engine_silent(struct helper_host *h)
{
	struct family *f = container_of(h, struct family, helper_host);

	f->silent = true;
	if (f->engine > 0)
		kill(f->engine, SIGKILL);
}

static void
on_engine_gone(struct helper_host *h, enum helper_end end)
{
	container_of(h, struct family, helper_host)->helper_end = (int)end;
}

static void
on_opened(struct helper_client_host *h, uint32_t ticket, int fd)
{
	assert_int_equal(ticket, 5);
	container_of(h, struct family, client_host)->opened = fd;
}

static void
on_config(struct helper_client_host *h, const struct helper_config *config)
{
	struct family *f = container_of(h, struct family, client_host);

	assert_int_equal(config->error, 0);
	helper_client_config_commit(f->client, config->serial);
	helper_client_ready(f->client);
	f->committed = true;
}

static void
on_word(struct helper_client_host *h)
{
	(void)h;
}

static void
on_gone(struct helper_client_host *h, enum helper_end end)
{
	(void)end;
	loop_stop(container_of(h, struct family, client_host)->loop);
}

static void
on_address(struct kernel_listener *l, const struct prefix *prefix, bool present, int error)
{
	struct family *f = container_of(l, struct family, listener);

	assert_int_equal(error, 0);
	if (prefix->addr.family == ADDR_V4) {
		f->v4 = present;
		f->v4_reports++;
	} else {
		f->v6 = present;
	}
}

static void
on_link(struct kernel_listener *l, const char *ifname, bool up)
{
	if (str_equal(ifname, "lo"))
		container_of(l, struct family, listener)->lo_up = up;
}

static void
on_exec(struct kernel_exec *x, const struct kernel_exec_result *result)
{
	struct family *f = container_of(x, struct family, exec);

	f->results++;
	f->result = *result;
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

static void
start_helper(struct family *f, int fd)
{
	f->helper_end = -1;
	f->helper_host = (struct helper_host){.config_path = "/etc/hostname",
	    .read_policy = on_read_policy,
	    .engine_ready = on_engine_ready,
	    .engine_silent = on_engine_silent,
	    .engine_gone = on_engine_gone};
	f->helper = helper_new(f->loop, fd, &f->helper_host);
	assert_non_null(f->helper);
}

static void
start_engine(struct family *f, int fd)
{
	f->opened = -1;
	f->exec.fn = on_exec;
	f->client_host = (struct helper_client_host){.opened = on_opened,
	    .config = on_config,
	    .stop = on_word,
	    .reload = on_word,
	    .gone = on_gone};
	f->client = helper_client_new(f->loop, fd, &f->client_host);
	f->port = helper_client_port(f->client);
	f->port->listener = &f->listener;
	f->listener.address = on_address;
	f->listener.link = on_link;
	helper_client_config_read(f->client);
}

#define AWAIT(f, condition)                                                                        \
	do {                                                                                       \
		mono_t limit_ = mono_add(mono_clock(), PATIENCE);                                  \
		while (!(condition)) {                                                             \
			loop_turn((f)->loop, 20 * DUR_MS);                                         \
			assert_true(mono_before(mono_clock(), limit_));                            \
		}                                                                                  \
	} while (0)

static void
shell(const char *command)
{
	if (system(command) != 0)
		fail_msg("'%s' failed", command);
}

static void
set_addresses(struct family *f, bool present)
{
	struct prefix v4 = pfx(V4), v6 = pfx(V6);

	f->port->ops->address_set(f->port, &v4, "lo", present);
	f->port->ops->address_set(f->port, &v6, "lo", present);
}

static void
socket_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

/* One process, one loop, both ends. */
static void
test_single(void **state)
{
	struct family f = {.loop = loop_new()};
	struct net_opts opts = {0};
	struct endpoint local;
	socklen_t len = sizeof(int);
	int fds[2], listening = 0;

	(void)state;
	shell("ip link set lo up");
	socket_pair(fds);
	start_helper(&f, fds[0]);
	start_engine(&f, fds[1]);
	AWAIT(&f, f.committed && f.lo_up && f.v4_reports > 0);
	assert_false(f.v4);

	set_addresses(&f, true);
	AWAIT(&f, f.v4 && f.v6);
	shell("ip -o addr show dev lo | grep -q " V4);
	shell("ip addr del " V4 " dev lo");
	AWAIT(&f, !f.v4);
	set_addresses(&f, true);
	AWAIT(&f, f.v4);
	set_addresses(&f, false);
	AWAIT(&f, !f.v4 && !f.v6);
	shell("! ip -o addr show dev lo | grep -q " V4);

	assert_int_equal(endpoint_parse("0.0.0.0:179", 0, &local), 0);
	helper_client_opener(f.client)->open(helper_client_opener(f.client), 5, &local, &opts);
	AWAIT(&f, f.opened != -1);
	assert_int_equal(getsockopt(f.opened, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len), 0);
	assert_int_equal(listening, 1);
	close(f.opened);

	f.port->ops->exec_start(f.port, &f.exec, "check");
	AWAIT(&f, f.results == 1);
	assert_int_equal(f.result.end, KERNEL_EXEC_EXITED);
	assert_int_equal(f.result.code, 7);
	assert_memory_equal(f.result.output, "checked", 7);

	f.port->ops->exec_start(f.port, &f.exec, "hang");
	helper_client_stopping(f.client);
	helper_client_free(f.client);
	AWAIT(&f, f.helper_end >= 0);
	assert_int_equal(f.helper_end, HELPER_END_CLEAN);
	helper_free(f.helper);
	loop_free(f.loop);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* The engine of the split family: puts the addresses on, and then lives until it is ended. */
static _Noreturn void
engine_process(int fd)
{
	struct family f = {.loop = loop_new()};

	start_engine(&f, fd);
	AWAIT(&f, f.committed);
	set_addresses(&f, true);
	loop_run(f.loop);
	helper_client_free(f.client);
	loop_free(f.loop);
	_exit(0);
}

/* Two processes: the engine is stopped, found to hang, and killed; the addresses stay, and the next
 * life knows them. */
static void
test_split(void **state)
{
	struct family f = {.loop = loop_new()};
	mono_t limit = mono_add(mono_clock(), PATIENCE);
	int fds[2], status;

	(void)state;
	shell("ip link set lo up");
	socket_pair(fds);
	f.engine = fork();
	assert_true(f.engine >= 0);
	if (f.engine == 0) {
		close(fds[0]);
		engine_process(fds[1]);
	}
	close(fds[1]);
	start_helper(&f, fds[0]);
	while (system("ip -o addr show dev lo | grep -q " V4) != 0) {
		loop_turn(f.loop, 50 * DUR_MS);
		assert_true(mono_before(mono_clock(), limit));
	}
	assert_int_equal(kill(f.engine, SIGSTOP), 0);
	AWAIT(&f, f.helper_end >= 0);
	assert_true(f.silent);
	assert_int_equal(f.helper_end, HELPER_END_EOF);
	assert_int_equal(waitpid(f.engine, &status, 0), f.engine);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	helper_free(f.helper);
	shell("ip -o addr show dev lo | grep -q " V4);

	socket_pair(fds);
	f.engine = 0;
	start_helper(&f, fds[0]);
	start_engine(&f, fds[1]);
	AWAIT(&f, f.committed && f.v4 && f.v6);
	set_addresses(&f, false);
	AWAIT(&f, !f.v4 && !f.v6);
	shell("! ip -o addr show dev lo | grep -q " V4);
	helper_client_free(f.client);
	helper_free(f.helper);
	loop_free(f.loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_single),
	    cmocka_unit_test(test_split),
	};

	log_set_sink(quiet);
	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "skipped: a network namespace needs root (%s)\n", strerror(errno));
		return SKIPPED;
	}
	if (system("command -v ip >/dev/null") != 0) {
		fprintf(stderr, "skipped: there is no ip(8); install iproute2\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
