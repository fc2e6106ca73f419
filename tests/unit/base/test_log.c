/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: levels, prefixes for people and for the journal, one line per event, and what happens
 * when standard error takes no more.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char seen[4096];
static enum log_level seen_level;
static unsigned seen_count;

static void
remember(enum log_level level, const char *line)
{
	str_copy(seen, sizeof(seen), line);
	seen_level = level;
	seen_count++;
}

static int
setup(void **state)
{
	unsetenv("JOURNAL_STREAM");
	log_open("engine", LOG_LVL_DEBUG);
	log_set_sink(remember);
	seen[0] = '\0';
	seen_count = 0;
	return 0;
}

static void
lines_name_level_and_process(void **state)
{
	log_error("no %s", "route");
	assert_string_equal(seen, "error engine: no route");
	assert_int_equal(seen_level, LOG_LVL_ERR);
	log_warn("a");
	assert_string_equal(seen, "warning engine: a");
	log_notice("a");
	assert_string_equal(seen, "notice engine: a");
	log_info("a");
	assert_string_equal(seen, "info engine: a");
	log_debug("a");
	assert_string_equal(seen, "debug engine: a");
	log_open("", LOG_LVL_DEBUG);
	log_error("a");
	assert_string_equal(seen, "error: a");
}

static void
levels_above_the_limit_are_left_out(void **state)
{
	static const enum log_level all[] = {
	    LOG_LVL_ERR, LOG_LVL_WARN, LOG_LVL_NOTICE, LOG_LVL_INFO, LOG_LVL_DEBUG};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		seen_count = 0;
		log_set_level(all[i]);
		assert_int_equal(log_get_level(), all[i]);
		log_error("x");
		log_warn("x");
		log_notice("x");
		log_info("x");
		log_debug("x");
		assert_int_equal(seen_count, i + 1);
	}
}

static void
level_words_are_read_back(void **state)
{
	enum log_level level;

	for (int i = LOG_LVL_ERR; i <= LOG_LVL_DEBUG; i++) {
		assert_int_equal(log_level_parse(log_level_str((enum log_level)i), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(log_level_parse("loud", &level), -1);
	assert_int_equal(log_level_parse("", &level), -1);
}

static void
an_event_is_one_line(void **state)
{
	char *text = mem_array(1, 5001);

	log_info("peer says \"%s\"", "bye\ninfo engine: forged\x1b[2J");
	assert_string_equal(seen, "info engine: peer says \"bye?info engine: forged?[2J\"");
	memset(text, 'a', 5000);
	log_info("%s", text);
	assert_in_range(strlen(seen), 2000, 2048);
	free(text);
}

static void
errno_survives(void **state)
{
	errno = ENOENT;
	log_info("x");
	assert_int_equal(errno, ENOENT);
}

/* Standard error becomes the writing end of a pipe. Returns the reading end. */
static int
redirect_stderr(int *saved)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_NONBLOCK | O_CLOEXEC), 0);
	*saved = dup(STDERR_FILENO);
	assert_true(dup2(fds[1], STDERR_FILENO) >= 0);
	close(fds[1]);
	return fds[0];
}

static void
restore_stderr(int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
}

static size_t
drain(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	return len;
}

static void
the_journal_gets_numbers(void **state)
{
	char env[64], text[256];
	struct stat st;
	int saved;
	int fd = redirect_stderr(&saved);

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(env, sizeof(env), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", env, 1);
	log_set_sink(NULL);
	log_open("helper", LOG_LVL_DEBUG);
	log_error("a");
	log_debug("b");
	/* The variable is inherited, but standard error is not that stream. */
	snprintf(env, sizeof(env), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", env, 1);
	log_open("helper", LOG_LVL_DEBUG);
	log_warn("c");
	setenv("JOURNAL_STREAM", "nonsense", 1);
	log_open("helper", LOG_LVL_DEBUG);
	log_warn("d");
	restore_stderr(saved);
	drain(fd, text, sizeof(text));
	close(fd);
	assert_string_equal(
	    text, "<3>helper: a\n<7>helper: b\nwarning helper: c\nwarning helper: d\n");
}

/* Nobody reads the pipe: whatever does not fit is dropped and counted, and nothing is torn. */
static void
a_full_pipe_drops_and_counts(void **state)
{
	enum { LINES = 20000 };
	size_t size = 4 << 20;
	char *text = mem_alloc(size);
	uint64_t before = log_dropped();
	unsigned lines = 0;
	int saved;
	int fd = redirect_stderr(&saved);

	log_set_sink(NULL);
	for (int i = 0; i < LINES; i++)
		log_info("line %06d", i);
	drain(fd, text, size);
	for (const char *c = text; *c != '\0'; lines++) {
		char want[64];
		int len = snprintf(want, sizeof(want), "info engine: line %06u\n", lines);

		assert_memory_equal(c, want, (size_t)len);
		c += len;
	}
	assert_true(lines > 0 && lines < LINES);
	assert_int_equal(log_dropped() - before, LINES - lines);
	log_info("again");
	drain(fd, text, size);
	assert_string_equal(text, "info engine: again\n");
	restore_stderr(saved);
	close(fd);
	free(text);
}

/* Standard error is a file that may not grow beyond the middle of a line. */
static void
a_torn_line_is_ended(void **state)
{
	struct rlimit unlimited, tight;
	uint64_t before = log_dropped();
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	char text[128];
	size_t len;

	assert_non_null(file);
	assert_true(dup2(fileno(file), STDERR_FILENO) >= 0);
	getrlimit(RLIMIT_FSIZE, &unlimited);
	tight = (struct rlimit){.rlim_cur = 16, .rlim_max = unlimited.rlim_max};
	setrlimit(RLIMIT_FSIZE, &tight);
	signal(SIGXFSZ, SIG_IGN);
	log_set_sink(NULL);
	log_info("first line");
	log_info("second line");
	setrlimit(RLIMIT_FSIZE, &unlimited);
	signal(SIGXFSZ, SIG_DFL);
	log_info("third line");
	restore_stderr(saved);
	rewind(file);
	len = fread(text, 1, sizeof(text) - 1, file);
	text[len] = '\0';
	fclose(file);
	assert_string_equal(text, "info engine: fir\ninfo engine: third line\n");
	assert_int_equal(log_dropped() - before, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(lines_name_level_and_process, setup),
	    cmocka_unit_test_setup(levels_above_the_limit_are_left_out, setup),
	    cmocka_unit_test_setup(level_words_are_read_back, setup),
	    cmocka_unit_test_setup(an_event_is_one_line, setup),
	    cmocka_unit_test_setup(errno_survives, setup),
	    cmocka_unit_test_setup(the_journal_gets_numbers, setup),
	    cmocka_unit_test_setup(a_full_pipe_drops_and_counts, setup),
	    cmocka_unit_test_setup(a_torn_line_is_ended, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
