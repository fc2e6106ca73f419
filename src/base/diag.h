/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: the mistakes found in a person's input, collected with their place, reported
 * together.
 */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct diag_entry {
	char *file;
	unsigned line; /* from 1; 0: the file as a whole */
	unsigned column;
	char *message;
};

struct diag {
	struct diag_entry *entries;
	size_t count;
	size_t dropped; /* beyond DIAG_MAX */
};

#define DIAG_MAX 200

void diag_init(struct diag *d);
void diag_done(struct diag *d);
void diag_add(struct diag *d, const char *file, unsigned line, unsigned column, const char *fmt,
    ...) __attribute__((format(printf, 5, 6)));
bool diag_empty(const struct diag *d);
/* Orders by file, line, column and writes "file:line:column: message\n" for each. */
void diag_print(struct diag *d, struct str *out);

#endif
