/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine asks of the helper, and what comes back: configuration and policy, addresses,
 * listening sockets, commands, full buffers, stop and end.
 */
#include "base/mem.h"
#include "base/str.h"
#include "helper_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define RUNS 2000

/* -- configuration and policy -- */

static void
test_config_is_handed_over(void **state)
{
	struct pair *p = *state;
	unsigned fds = open_fds();

	pair_load(p);
	assert_string_equal(p->config_text, "0 4096");
	assert_int_equal(open_fds(), fds);

	unlink(p->path);
	helper_client_config_read(p->client);
	AWAIT(p, p->configs == 2);
	assert_int_equal(p->config_error, -ENOENT);
	assert_null(p->config_text);

	p->helper_host.config_path = "/tmp";
	helper_client_config_read(p->client);
	AWAIT(p, p->configs == 3);
	assert_int_equal(p->config_error, -EISDIR);

	p->helper_host.config_path = "/dev/zero";
	helper_client_config_read(p->client);
	AWAIT(p, p->configs == 4);
	assert_int_equal(p->config_error, -EINVAL);
	assert_int_equal(open_fds(), fds);
}

static void
test_only_the_newest_config(void **state)
{
	struct pair *p = *state;
	uint32_t serial;

	helper_client_config_read(p->client);
	serial = helper_client_config_read(p->client);
	AWAIT(p, p->configs == 1);
	turn_for(p->helper_loop, p->engine_loop, 20 * DUR_MS);
	assert_int_equal(p->configs, 1);
	assert_int_equal(p->config_serial, serial);
}

static void
expect_address(struct pair *p, size_t index, bool present, int error)
{
	p->errors[index] = 1;
	ask_address(p, index, true);
	AWAIT(p, p->errors[index] == error && p->present[index] == present);
	assert_int_equal(p->model.addresses[index].ours, present);
}

static void
test_policy_follows_commit(void **state)
{
	struct pair *p = *state;
	uint32_t first, second;

	expect_address(p, 5, false, -EPERM); /* nothing loaded */
	write_config(p, "0 10");
	pair_load(p);
	first = p->config_serial;
	AWAIT(p, p->reports >= 11); /* each named address is reported */
	expect_address(p, 5, true, 0);
	expect_address(p, 15, false, -EPERM);

	write_config(p, "10 10");
	second = helper_client_config_read(p->client);
	AWAIT(p, p->config_serial == second);
	expect_address(p, 15, false, -EPERM); /* read, not committed */
	helper_client_config_commit(p->client, second);
	expect_address(p, 15, true, 0);
	expect_address(p, 6, false, -EPERM);

	ask_address(p, 5, false); /* ours may go, though it is not named any more */
	AWAIT(p, !p->model.addresses[5].ours);

	helper_client_config_commit(p->client, first); /* taken back */
	expect_address(p, 6, true, 0);
	expect_address(p, 16, false, -EPERM);
	helper_client_config_commit(p->client, 12345); /* never read */
	expect_address(p, 7, true, 0);
}

static void
test_unreadable_config_commits_nothing(void **state)
{
	struct pair *p = *state;
	uint32_t serial;

	write_config(p, "a mistake");
	serial = helper_client_config_read(p->client);
	AWAIT(p, p->configs == 1);
	assert_string_equal(p->config_text, "a mistake");
	helper_client_config_commit(p->client, serial);
	expect_address(p, 1, false, -EPERM);
	assert_int_equal(p->model.policies, 0);
}

/* Removing what is not there, or not ours, is answered. */
static void
test_removal_is_answered(void **state)
{
	struct pair *p = *state;

	p->present[3] = true;
	ask_address(p, 3, false);
	AWAIT(p, p->reports == 1);
	assert_int_equal(p->report_error, 0);
	assert_false(p->present[3]);
}

/* -- listening sockets -- */

static void
ask_listen(struct pair *p, const char *where, uint32_t ticket)
{
	struct net_opener *o = helper_client_opener(p->client);
	struct net_opts opts = {.min_ttl = 255, .device = "veth0"};
	struct endpoint local;
	unsigned opens = p->opens;

	assert_int_equal(endpoint_parse(where, 0, &local), 0);
	p->inside = true;
	o->open(o, ticket, &local, &opts);
	p->inside = false;
	AWAIT(p, p->opens > opens);
	assert_int_equal(p->ticket, ticket);
}

static void
test_listen(void **state)
{
	struct pair *p = *state;
	unsigned fds = open_fds();
	struct stat st;

	ask_listen(p, "0.0.0.0:179", 1);
	assert_int_equal(p->opened, -EPERM);
	pair_load(p);
	ask_listen(p, "0.0.0.0:179", 2);
	assert_true(p->opened >= 0);
	assert_int_equal(fstat(p->opened, &st), 0);
	assert_int_equal(fcntl(p->opened, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(p->opened);
	assert_int_equal(open_fds(), fds);
	ask_listen(p, "0.0.0.0:53", 3);
	assert_int_equal(p->opened, -EPERM);
	ask_listen(p, "[::]:179", 4);
	assert_int_equal(p->opened, -EPERM);
	assert_int_equal(p->model.listens, 1);
}

/* -- privileged sockets -- */

static void
test_socket(void **state)
{
	struct pair *p = *state;
	unsigned fds = open_fds();

	ask_socket(p, &p->want, KERNEL_SOCKET_ICMP6); /* nothing loaded */
	AWAIT(p, p->want.results == 1);
	assert_int_equal(p->want.fd, -EACCES);
	pair_load(p);
	ask_socket(p, &p->want, KERNEL_SOCKET_ICMP6);
	AWAIT(p, p->want.results == 2);
	assert_true(p->want.fd >= 0);
	assert_int_equal(open_fds(), fds + 1);
	close(p->want.fd);
	ask_socket(p, &p->want, KERNEL_SOCKET_DHCP_CLIENT);
	AWAIT(p, p->want.results == 3);
	assert_int_equal(p->want.fd, -EACCES);
	assert_int_equal(p->model.sockets, 1);
}

/* The descriptor of a request that was taken back is closed, whoever asks next. */
static void
test_socket_cancel(void **state)
{
	struct pair *p = *state;
	unsigned fds = open_fds();

	pair_load(p);
	ask_socket(p, &p->want, KERNEL_SOCKET_ICMP6);
	p->port->ops->socket_cancel(p->port, &p->want.socket);
	assert_int_equal(p->want.socket.id, 0);
	p->port->ops->socket_cancel(p->port, &p->want.socket); /* not waiting: nothing */
	AWAIT(p, p->model.sockets == 1);
	ask_socket(p, &p->want, KERNEL_SOCKET_DHCP_RELAY);
	AWAIT(p, p->want.results == 1);
	assert_int_equal(p->want.fd, -EACCES);
	assert_int_equal(open_fds(), fds);
}

/* -- commands -- */

static void
test_exec(void **state)
{
	struct pair *p = *state;

	pair_load(p);
	ask_exec(p, &p->run, "check");
	AWAIT(p, p->run.results == 1);
	assert_int_equal(p->run.result.end, KERNEL_EXEC_EXITED);
	assert_int_equal(p->run.result.code, 3);
	assert_null(strchr(p->run.result.output, 0x1b)); /* made printable */

	ask_exec(p, &p->run, "another");
	AWAIT(p, p->run.results == 2);
	assert_int_equal(p->run.result.end, KERNEL_EXEC_FAILED);
	assert_int_equal(p->run.result.code, -EPERM);

	ask_exec(p, &p->run,
	    "a name that is longer than any probe's name can be, because it is rather long");
	AWAIT(p, p->run.results == 3);
	assert_int_equal(p->run.result.end, KERNEL_EXEC_FAILED);
	assert_int_equal(p->run.result.code, -ENAMETOOLONG);
	assert_int_equal(p->model.starts, 1);
}

static void
test_exec_kill(void **state)
{
	struct pair *p = *state;
	struct kernel_exec_result late = {.code = 1};

	pair_load(p);
	p->model.mute = true;
	ask_exec(p, &p->run, "check");
	AWAIT(p, p->model.starts == 1);
	p->port->ops->exec_kill(p->port, &p->run.exec);
	assert_int_equal(p->run.exec.id, 0);
	p->port->ops->exec_kill(p->port, &p->run.exec); /* not running: nothing */
	helper_exec_ended(p->helper, p->model.started, &late);
	AWAIT(p, p->model.kills == 1);
	turn_for(p->helper_loop, p->engine_loop, 20 * DUR_MS);
	assert_int_equal(p->run.results, 0);

	/* Refused before it was sent, and killed before the refusal was told. */
	ask_exec(p, &p->run, "");
	p->port->ops->exec_kill(p->port, &p->run.exec);
	turn_for(p->helper_loop, p->engine_loop, 20 * DUR_MS);
	assert_int_equal(p->run.results, 0);
}

/* -- full buffers -- */

/* The helper stands still while the engine asks for thousands of addresses, twice. */
static void
test_flood_of_wishes(void **state)
{
	struct pair *p = *state;

	pair_load(p);
	AWAIT(p, p->reports == HOST_MAX);
	for (size_t i = 0; i < HOST_MAX; i++)
		ask_address(p, i, true);
	for (size_t i = 0; i < HOST_MAX; i++)
		ask_address(p, i, i % 2 == 0);
	AWAIT(p, p->reports >= 2 * HOST_MAX && p->present[HOST_MAX - 2]);
	turn_for(p->helper_loop, p->engine_loop, 50 * DUR_MS);
	for (size_t i = 0; i < HOST_MAX; i++) {
		assert_int_equal(p->model.addresses[i].ours, i % 2 == 0);
		assert_int_equal(p->present[i], i % 2 == 0);
	}
}

/* The engine stands still while thousands of states change, again and again. */
static void
test_flood_of_states(void **state)
{
	struct pair *p = *state;

	pair_load(p);
	AWAIT(p, p->reports == HOST_MAX);
	p->model.links = 3;
	for (unsigned round = 0; round < 5; round++) {
		for (size_t i = 0; i < HOST_MAX; i++) {
			p->model.addresses[i].ours = (i + round) % 3 == 0;
			model_touch(&p->model, i);
		}
		loop_turn(p->helper_loop, DUR_MS);
	}
	AWAIT(p, p->links == 3);
	for (size_t i = 0; i < HOST_MAX; i++)
		assert_int_equal(p->present[i], (i + 4) % 3 == 0);
}

/* More commands than the queue takes: each gets exactly one answer. */
static void
test_flood_of_runs(void **state)
{
	struct pair *p = *state;
	unsigned refused = 0;

	pair_load(p);
	p->runs = mem_array(RUNS, sizeof(*p->runs));
	for (size_t i = 0; i < RUNS; i++) {
		p->runs[i].exec.fn = p->run.exec.fn;
		p->runs[i].pair = p;
		ask_exec(p, &p->runs[i], "check");
	}
	AWAIT(p, p->results == RUNS);
	turn_for(p->helper_loop, p->engine_loop, 20 * DUR_MS);
	for (size_t i = 0; i < RUNS; i++) {
		assert_int_equal(p->runs[i].results, 1);
		if (p->runs[i].result.end != KERNEL_EXEC_FAILED)
			continue;
		assert_int_equal(p->runs[i].result.code, -EAGAIN);
		refused++;
	}
	assert_in_range(refused, 1, RUNS - 1);
	assert_int_equal(p->model.starts, RUNS - refused);
}

/* -- stop, reload, and the end -- */

static void
test_words(void **state)
{
	struct pair *p = *state;

	helper_ask_reload(p->helper);
	helper_ask_reload(p->helper);
	AWAIT(p, p->reloads == 1);
	helper_ask_stop(p->helper);
	AWAIT(p, p->stops == 1);
	helper_ask_reload(p->helper);
	AWAIT(p, p->reloads == 2);
	assert_int_equal(p->stops, 1);
}

static void
test_clean_end(void **state)
{
	struct pair *p = *state;

	helper_client_ready(p->client);
	helper_client_stopping(p->client);
	helper_client_free(p->client);
	p->client = NULL;
	AWAIT(p, p->helper_end >= 0);
	assert_int_equal(p->readies, 1);
	assert_int_equal(p->helper_end, HELPER_END_CLEAN);
	assert_int_equal(p->model.killed_all, 1);
}

static void
test_engine_dies(void **state)
{
	struct pair *p = *state;

	helper_client_ready(p->client);
	helper_client_free(p->client);
	p->client = NULL;
	AWAIT(p, p->helper_end >= 0);
	assert_int_equal(p->helper_end, HELPER_END_EOF);
	assert_int_equal(p->model.killed_all, 1);
	helper_ask_stop(p->helper); /* nobody hears it, nobody minds */
	turn_for(p->helper_loop, NULL, 20 * DUR_MS);
	assert_int_equal(p->silents, 0);
}

static void
test_helper_dies(void **state)
{
	struct pair *p = *state;

	helper_client_ready(p->client);
	helper_free(p->helper);
	p->helper = NULL;
	AWAIT(p, p->engine_end >= 0);
	assert_int_equal(p->engine_end, HELPER_END_EOF);
	ask_exec(p, &p->run, "check"); /* answered all the same */
	AWAIT(p, p->run.results == 1);
	assert_int_equal(p->run.result.end, KERNEL_EXEC_FAILED);
	assert_int_equal(p->run.result.code, -EPIPE);
	ask_socket(p, &p->want, KERNEL_SOCKET_ICMP6);
	AWAIT(p, p->want.results == 1);
	assert_int_equal(p->want.fd, -EPIPE);
	ask_address(p, 1, true);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, pair_setup, pair_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_config_is_handed_over),
	    TEST(test_only_the_newest_config),
	    TEST(test_policy_follows_commit),
	    TEST(test_unreadable_config_commits_nothing),
	    TEST(test_removal_is_answered),
	    TEST(test_listen),
	    TEST(test_socket),
	    TEST(test_socket_cancel),
	    TEST(test_exec),
	    TEST(test_exec_kill),
	    TEST(test_flood_of_wishes),
	    TEST(test_flood_of_states),
	    TEST(test_flood_of_runs),
	    TEST(test_words),
	    TEST(test_clean_end),
	    TEST(test_engine_dies),
	    TEST(test_helper_dies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
