/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command answers: tables that describe their own columns, and lines of text. The command
 * line renders any of them; `--json` prints the objects.
 *
 * A value is given under the key of its column. Durations and times are sent as numbers (ns) with
 * the column's unit, so that a machine can compute and the command line can format.
 */
#ifndef CORE_ANSWER_H
#define CORE_ANSWER_H

#include "base/addr.h"
#include "base/mono.h"

#include <jansson.h>
#include <stdbool.h>

enum answer_unit {
	ANSWER_TEXT,
	ANSWER_NUMBER,
	ANSWER_DURATION, /* ns; "for 2m5s" */
	ANSWER_AGO,      /* ns before now */
	ANSWER_TIME,     /* wall clock, ns since 1970 */
	ANSWER_STATE,    /* text, coloured by its word on a terminal: up, down, degraded,
			    Established... */
};

struct answer_column {
	const char *key; /* NULL ends the table */
	const char *head;
	enum answer_unit unit;
};

struct answer {
	json_t *root;  /* owned */
	json_t *table; /* the current one, borrowed */
	json_t *row;   /* the current one, borrowed */
	bool failed;
};

void answer_init(struct answer *a);
void answer_done(struct answer *a);
/* Starts a table; `title` may be NULL. `columns` ends with a NULL key. */
void answer_table(struct answer *a, const char *title, const struct answer_column *columns);
/* Starts a row of the current table; the values follow. */
void answer_row(struct answer *a);
void answer_str(struct answer *a, const char *key, const char *value); /* NULL: null */
void answer_fmt(struct answer *a, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void answer_int(struct answer *a, const char *key, int64_t value);
void answer_bool(struct answer *a, const char *key, bool value);
void answer_addr(struct answer *a, const char *key, const struct addr *addr);
void answer_prefix(struct answer *a, const char *key, const struct prefix *p);
/* A line of text; the level is its indentation (0, 1, 2...). */
void answer_line(struct answer *a, unsigned level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The client is to ask `words` (joined by blanks) next, after so many milliseconds: how `--follow`
 * and
 * `--wait` work without anybody holding state. */
void answer_again(struct answer *a, unsigned after_ms, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The failure is one of usage: exit code 2. After answer_fail(). */
void answer_usage(struct answer *a);
/* The command was refused or failed: exit code 1, and this message. */
void answer_fail(struct answer *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
