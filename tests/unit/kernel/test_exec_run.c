/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of commands, with real processes: what their result is, and that nothing is left of them,
 * whatever they do. Every process that a command leaves is a `sleep` with a number of seconds that
 * nobody else uses, so that it can be looked for in /proc.
 */
#include "base/mem.h"
#include "base/str.h"
#include "kernel/exec_run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE (20 * DUR_S)

struct bench {
	struct exec_runner runner;
	struct loop *loop;
	char sleep[32]; /* "7000012345": seconds that only our processes sleep */
	unsigned results;
	uint32_t last_id;
	struct kernel_exec_result last;
};

static void
on_result(struct exec_runner *r, uint32_t id, const struct kernel_exec_result *result)
{
	struct bench *b = container_of(r, struct bench, runner);

	b->results++;
	b->last_id = id;
	b->last = *result;
}

static int
setup(void **state)
{
	struct bench *b = mem_alloc(sizeof(*b));

	b->loop = loop_new();
	snprintf(b->sleep, sizeof(b->sleep), "7%09d", (int)getpid());
	exec_runner_init(&b->runner, b->loop, on_result);
	*state = b;
	return 0;
}

static int
teardown(void **state)
{
	struct bench *b = *state;

	exec_runner_done(&b->runner);
	loop_free(b->loop);
	free(b);
	return 0;
}

/* Processes on this host that sleep our number of seconds. */
static unsigned
sleepers(const struct bench *b)
{
	DIR *proc = opendir("/proc");
	struct dirent *d;
	unsigned count = 0;

	assert_non_null(proc);
	while ((d = readdir(proc)) != NULL) {
		char path[300], line[256];
		ssize_t n;
		int fd;

		if (!isdigit((unsigned char)d->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/cmdline", d->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		n = read(fd, line, sizeof(line) - 1);
		close(fd);
		if (n > 6 && memcmp(line, "sleep", 6) == 0) {
			line[n] = 0;
			count += str_equal(line + 6, b->sleep);
		}
	}
	closedir(proc);
	return count;
}

static unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}

static void
run_until_results(struct bench *b, unsigned results)
{
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	while (b->results < results) {
		loop_turn(b->loop, 100 * DUR_MS);
		assert_true(mono_before(mono_clock(), limit));
	}
}

/* Until every keeper has been reaped. */
static void
run_until_quiet(struct bench *b)
{
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	while (b->runner.count > 0) {
		loop_turn(b->loop, 100 * DUR_MS);
		assert_true(mono_before(mono_clock(), limit));
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
run_until_sleepers(struct bench *b, unsigned count)
{
	mono_t limit = mono_add(mono_clock(), PATIENCE);

	while (sleepers(b) != count) {
		loop_turn(b->loop, 5 * DUR_MS);
		assert_true(mono_before(mono_clock(), limit));
	}
}

static void
rule_shell(struct helper_policy_exec *rule, char *argv[4], const char *script, dur_t timeout)
{
	argv[0] = (char *)(uintptr_t) "/bin/sh";
	argv[1] = (char *)(uintptr_t) "-c";
	argv[2] = (char *)(uintptr_t)script;
	argv[3] = NULL;
	*rule = (struct helper_policy_exec){
	    .name = (char *)(uintptr_t) "probe-1", .argv = argv, .timeout = timeout};
}

static int
start_shell(struct bench *b, uint32_t id, const char *script, dur_t timeout)
{
	struct helper_policy_exec rule;
	char *argv[4];

	rule_shell(&rule, argv, script, timeout);
	return exec_runner_start(&b->runner, id, &rule);
}

/* A script in which @ stands for our number of seconds. */
static char *
script(const struct bench *b, const char *text)
{
	struct str s = {0};

	for (; *text != 0; text++)
		if (*text == '@')
			str_add(&s, b->sleep);
		else
			str_addn(&s, text, 1);
	return str_take(&s);
}

static const struct {
	const char *script;
	enum kernel_exec_end end;
	int code;
	const char *output;
} ends[] = {
    {"exit 0", KERNEL_EXEC_EXITED, 0, ""},
    {"exit 1", KERNEL_EXEC_EXITED, 1, ""},
    {"exit 255", KERNEL_EXEC_EXITED, 255, ""},
    {"kill -TERM $$", KERNEL_EXEC_SIGNALLED, SIGTERM, ""},
    {"kill -KILL $$", KERNEL_EXEC_SIGNALLED, SIGKILL, ""},
    {"echo hello", KERNEL_EXEC_EXITED, 0, "hello\n"},
    {"echo out; echo err >&2; exit 2", KERNEL_EXEC_EXITED, 2, "out\nerr\n"},
    {"printf 'a\\000b'", KERNEL_EXEC_EXITED, 0, "a?b"},
    {"cat", KERNEL_EXEC_EXITED, 0, ""},
    {"pwd", KERNEL_EXEC_EXITED, 0, "/\n"},
    {"umask", KERNEL_EXEC_EXITED, 0, "0022\n"},
    {"echo $NIGH_PROBE $LEAK", KERNEL_EXEC_EXITED, 0, "probe-1\n"},
    {"ls /proc/self/fd | tr '\\n' ' '", KERNEL_EXEC_EXITED, 0, "0 1 2 3 "},
    {"trap '' TERM; kill -TERM $$; echo alive", KERNEL_EXEC_EXITED, 0, "alive\n"},
    {"exec /no/such/program", KERNEL_EXEC_EXITED, 127, NULL},
};

static void
test_ends(void **state)
{
	struct bench *b = *state;

	setenv("LEAK", "leaked", 1);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		assert_int_equal(start_shell(b, (uint32_t)i + 1, ends[i].script, PATIENCE), 0);
		run_until_results(b, (unsigned)i + 1);
		assert_int_equal(b->last_id, i + 1);
		if (b->last.end != ends[i].end || b->last.code != ends[i].code)
			fail_msg(
			    "'%s' ended with %d/%d", ends[i].script, b->last.end, b->last.code);
		if (ends[i].output != NULL)
			assert_string_equal(b->last.output, ends[i].output);
	}
	unsetenv("LEAK");
	run_until_quiet(b);
	assert_int_equal(b->results, ARRAY_LEN(ends));
}

static void
test_cannot_be_started(void **state)
{
	struct bench *b = *state;
	char *argv[] = {(char *)(uintptr_t) "/no/such/program", NULL};
	struct helper_policy_exec rule = {
	    .name = (char *)(uintptr_t) "p", .argv = argv, .timeout = PATIENCE};

	assert_int_equal(exec_runner_start(&b->runner, 1, &rule), 0);
	run_until_results(b, 1);
	assert_int_equal(b->last.end, KERNEL_EXEC_FAILED);
	assert_int_equal(b->last.code, -ENOENT);
	argv[0] = (char *)(uintptr_t) "/etc/passwd";
	assert_int_equal(exec_runner_start(&b->runner, 2, &rule), 0);
	run_until_results(b, 2);
	assert_int_equal(b->last.end, KERNEL_EXEC_FAILED);
	assert_int_equal(b->last.code, -EACCES);
	run_until_quiet(b);
}

static void
test_path_is_searched(void **state)
{
	struct bench *b = *state;
	char *argv[] = {(char *)(uintptr_t) "echo", (char *)(uintptr_t) "$HOME; ls", NULL};
	struct helper_policy_exec rule = {
	    .name = (char *)(uintptr_t) "p", .argv = argv, .timeout = PATIENCE};

	assert_int_equal(exec_runner_start(&b->runner, 1, &rule), 0);
	run_until_results(b, 1);
	assert_int_equal(b->last.end, KERNEL_EXEC_EXITED);
	assert_int_equal(b->last.code, 0);
	assert_string_equal(b->last.output, "$HOME; ls\n"); /* no shell in between */
	run_until_quiet(b);
}

static void
test_user(void **state)
{
	struct bench *b = *state;
	struct passwd *nobody = getpwnam("nobody");
	struct helper_policy_exec rule;
	char *argv[4], expected[64];

	if (geteuid() != 0) {
		print_message("needs root: commands cannot be run as another user\n");
		skip();
	}
	assert_non_null(nobody);
	rule_shell(&rule, argv, "echo $(id -u) $(id -g) $(id -G) $(id -ru) $USER; ", PATIENCE);
	rule.user = nobody->pw_name;
	rule.uid = nobody->pw_uid;
	rule.gid = nobody->pw_gid;
	rule.groups[0] = nobody->pw_gid;
	rule.group_count = 1;
	assert_int_equal(exec_runner_start(&b->runner, 1, &rule), 0);
	snprintf(expected, sizeof(expected), "%d %d %d %d nobody\n", (int)nobody->pw_uid,
	    (int)nobody->pw_gid, (int)nobody->pw_gid, (int)nobody->pw_uid);
	run_until_results(b, 1);
	assert_string_equal(b->last.output, expected);
	run_until_quiet(b);
}

static void
test_much_output(void **state)
{
	struct bench *b = *state;

	assert_int_equal(
	    start_shell(b, 1, "head -c 3000000 /dev/zero | tr '\\0' z; exit 5", PATIENCE), 0);
	run_until_results(b, 1);
	assert_int_equal(b->last.end, KERNEL_EXEC_EXITED);
	assert_int_equal(b->last.code, 5);
	assert_int_equal(strlen(b->last.output), KERNEL_EXEC_OUTPUT - 1);
	assert_int_equal(strspn(b->last.output, "z"), KERNEL_EXEC_OUTPUT - 1);
	run_until_quiet(b);
}

/* Endless output neither hangs the loop nor keeps the time-out from coming. */
static void
test_endless_output(void **state)
{
	struct bench *b = *state;

	assert_int_equal(start_shell(b, 1, "yes no", 200 * DUR_MS), 0);
	run_until_results(b, 1);
	assert_int_equal(b->last.code, -ETIMEDOUT);
	assert_memory_equal(b->last.output, "no\nno\n", 6);
	run_until_quiet(b);
}

static const char stubborn[] =
    "trap '' TERM INT HUP; (trap '' TERM HUP; sleep @) & "
    "setsid sh -c 'trap \"\" TERM HUP; sleep @ & sleep @' & "
    "(setsid setsid sh -c 'sleep @ & exec sleep @' &) ; sleep @; sleep @";

static void
test_timeout_leaves_nothing(void **state)
{
	struct bench *b = *state;
	char *text = script(b, stubborn);

	assert_int_equal(start_shell(b, 9, text, 3 * DUR_S), 0);
	run_until_sleepers(b, 6);
	assert_int_equal(b->results, 0);
	run_until_results(b, 1);
	assert_int_equal(b->last_id, 9);
	assert_int_equal(b->last.end, KERNEL_EXEC_FAILED);
	assert_int_equal(b->last.code, -ETIMEDOUT);
	run_until_quiet(b);
	assert_int_equal(sleepers(b), 0);
	free(text);
}

static void
test_kill_leaves_nothing(void **state)
{
	struct bench *b = *state;
	char *text = script(b, stubborn);

	assert_int_equal(start_shell(b, 9, text, PATIENCE), 0);
	run_until_sleepers(b, 6);
	exec_runner_kill(&b->runner, 8); /* nobody */
	exec_runner_kill(&b->runner, 9);
	exec_runner_kill(&b->runner, 9);
	run_until_quiet(b);
	assert_int_equal(sleepers(b), 0);
	assert_int_equal(b->results, 0);
	free(text);
}

/* A process that stays behind with the output open does not delay the result, and goes as well. */
static void
test_result_waits_for_nobody(void **state)
{
	struct bench *b = *state;
	char *text = script(b, "setsid sleep @ & sleep @ & echo done; exit 4");
	mono_t started = mono_clock();

	assert_int_equal(start_shell(b, 1, text, PATIENCE), 0);
	run_until_results(b, 1);
	assert_true(mono_sub(mono_clock(), started) < PATIENCE / 2);
	assert_int_equal(b->last.end, KERNEL_EXEC_EXITED);
	assert_int_equal(b->last.code, 4);
	assert_string_equal(b->last.output, "done\n");
	run_until_quiet(b);
	assert_int_equal(sleepers(b), 0);
	free(text);
}

static void
test_bounds(void **state)
{
	struct bench *b = *state;
	char *text = script(b, "exec sleep @");

	for (uint32_t id = 1; id <= EXEC_RUN_MAX; id++)
		assert_int_equal(start_shell(b, id, text, PATIENCE), 0);
	assert_int_equal(start_shell(b, EXEC_RUN_MAX + 1, text, PATIENCE), -EAGAIN);
	run_until_sleepers(b, EXEC_RUN_MAX);
	exec_runner_kill(&b->runner, 1);
	while (b->runner.count == EXEC_RUN_MAX)
		loop_turn(b->loop, 100 * DUR_MS);
	assert_int_equal(start_shell(b, 2, text, PATIENCE), -EEXIST);
	assert_int_equal(start_shell(b, 1, text, PATIENCE), 0);
	exec_runner_done(&b->runner);
	assert_int_equal(b->runner.count, 0);
	assert_int_equal(sleepers(b), 0);
	assert_int_equal(b->results, 0);
	run_until_quiet(b);
	free(text);
}

/* Two hundred runs of every kind, several at a time. */
static void
test_nothing_piles_up(void **state)
{
	static const char *const kinds[] = {
	    "exit 0",
	    "setsid sleep @ & exit 1",
	    "(setsid sleep @ &) ; kill -9 $$",
	    "exec sleep @",
	    "(sleep @ | sleep @) & echo x; exit 0",
	    "yes | head -c 100000",
	};
	struct bench *b = *state;
	unsigned fds = open_fds(), started = 0;

	while (started < 200) {
		char *text = script(b, kinds[started % ARRAY_LEN(kinds)]);

		assert_int_equal(start_shell(b, ++started, text, 50 * DUR_MS), 0);
		free(text);
		if (started % 8 == 0)
			run_until_results(b, started);
		if (started % 16 == 0)
			run_until_quiet(b);
	}
	run_until_results(b, started);
	run_until_quiet(b);
	assert_int_equal(b->results, 200);
	assert_int_equal(sleepers(b), 0);
	assert_int_equal(open_fds(), fds);
}

/* The helper dies without a word: its commands go with it. */
static void
test_dies_with_the_helper(void **state)
{
	struct bench *b = *state;
	char *text = script(b, stubborn);
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct exec_runner r;
		struct loop *l = loop_new();
		struct helper_policy_exec rule;
		char *argv[4];

		exec_runner_init(&r, l, on_result);
		rule_shell(&rule, argv, text, PATIENCE);
		_exit(exec_runner_start(&r, 1, &rule) == 0 ? pause() : 1);
	}
	run_until_sleepers(b, 6);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	run_until_sleepers(b, 0);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_ends, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_cannot_be_started, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_path_is_searched, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_user, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_much_output, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_endless_output, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_timeout_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_kill_leaves_nothing, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_result_waits_for_nobody, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bounds, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_nothing_piles_up, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_dies_with_the_helper, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
