/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event, to standard error or to a sink.
 *
 * Standard error that systemd has connected to the journal gets "<3>engine: text", which journald
 * reads as priority and message (sd-daemon(3)); any other gets "error engine: text". Whether it is
 * the journal is told by $JOURNAL_STREAM, which names the device and inode of that stream
 * (systemd.exec(5)); the variable alone proves nothing, since children inherit it.
 *
 * A line is built in a buffer on the stack and written by one write(2): no allocation, so that
 * "out of memory" can be logged, and no waiting. A line that standard error does not take is
 * counted. One that it takes in part is counted too, and the next begins on a new line.
 *
 * Text from the network and from people passes through here, so control bytes are replaced: a line
 * is always one line.
 */
#include "base/log.h"

#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_LINE 2048 /* below PIPE_BUF, so that a pipe takes a line whole or not at all */
#define LOG_WHO  16

static struct {
	char who[LOG_WHO];
	enum log_level max;
	bool journal;
	bool torn; /* the last line was written in part */
	log_sink_fn *sink;
	uint64_t dropped;
} state = {.max = LOG_LVL_INFO};

static const struct {
	enum log_level level;
	const char *word;
} levels[] = {
    {LOG_LVL_ERR, "error"},
    {LOG_LVL_WARN, "warning"},
    {LOG_LVL_NOTICE, "notice"},
    {LOG_LVL_INFO, "info"},
    {LOG_LVL_DEBUG, "debug"},
};

static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char own[48];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return str_equal(stream, own);
}

void
log_open(const char *who, enum log_level max)
{
	str_copy(state.who, sizeof(state.who), who);
	state.max = max;
	state.journal = stderr_is_journal();
}

void
log_set_level(enum log_level max)
{
	state.max = max;
}

enum log_level
log_get_level(void)
{
	return state.max;
}

void
log_set_sink(log_sink_fn *sink)
{
	state.sink = sink;
}

uint64_t
log_dropped(void)
{
	return state.dropped;
}

const char *
log_level_str(enum log_level level)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (levels[i].level == level)
			return levels[i].word;
	}
	return "unknown";
}

int
log_level_parse(const char *text, enum log_level *out)
{
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		if (str_equal(levels[i].word, text)) {
			*out = levels[i].level;
			return 0;
		}
	}
	return -1;
}

/* Writes what stands before the text; returns its length. */
static size_t
format_head(char *line, size_t size, enum log_level level)
{
	const char *colon = state.who[0] != '\0' ? ": " : "";
	int len;

	if (state.journal)
		len = snprintf(line, size, "<%d>%s%s", (int)level, state.who, colon);
	else
		len = snprintf(line, size, "%s%s%s: ", log_level_str(level),
		    state.who[0] != '\0' ? " " : "", state.who);
	return (size_t)len;
}

/* `line` has room for the newline behind it. */
static void
write_stderr(char *line, size_t len)
{
	ssize_t n;

	if (state.torn && write(STDERR_FILENO, "\n", 1) == 1)
		state.torn = false;
	line[len++] = '\n';
	do {
		n = write(STDERR_FILENO, line, len);
	} while (n < 0 && errno == EINTR);
	if (n == (ssize_t)len)
		return;
	state.dropped++;
	if (n > 0)
		state.torn = true;
}

static void __attribute__((format(printf, 2, 0)))
log_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[LOG_LINE];
	int saved_errno = errno;
	size_t head;

	if (level > state.max)
		return;
	head = format_head(line, sizeof(line), level);
	/* Longer text is cut; the last byte is kept for the newline. */
	vsnprintf(line + head, sizeof(line) - 1 - head, fmt, ap);
	str_sanitise(line);
	if (state.sink != NULL)
		state.sink(level, line);
	else
		write_stderr(line, strlen(line));
	errno = saved_errno;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_ERR, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_WARN, fmt, ap);
	va_end(ap);
}

void
log_notice(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_NOTICE, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_LVL_DEBUG, fmt, ap);
	va_end(ap);
}
