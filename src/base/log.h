/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line per event, levels as journald reads them ("<3>" prefixes when standard error
 * goes to the journal, level words when it goes to a person).
 *
 * The sink is process-wide and the only mutable state below daemon/ (log.c). Writing never blocks
 * the caller for long: standard error is set non-blocking by the daemon, and lines that find it
 * full are counted, not waited for.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOG_LVL_ERR = 3,
	LOG_LVL_WARN = 4,
	LOG_LVL_NOTICE = 5,
	LOG_LVL_INFO = 6,
	LOG_LVL_DEBUG = 7
};

/* A sink takes one finished line, with its prefix ("warning engine: "), without newline. */
typedef void log_sink_fn(enum log_level level, const char *line);

/* `who` is the process's name in the family ("engine", "helper"), copied. */
void log_open(const char *who, enum log_level max);
void log_set_level(enum log_level max);
enum log_level log_get_level(void);
/* Redirects lines (simulator, tests); NULL restores standard error. */
void log_set_sink(log_sink_fn *sink);
/* Lines dropped because standard error was full. */
uint64_t log_dropped(void);
const char *log_level_str(enum log_level level);
/* Reads "error", "warning", "notice", "info", "debug". 0 or -1. */
int log_level_parse(const char *text, enum log_level *out);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
