/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: the mistakes found in a person's input.
 *
 * Whoever reads the input adds what it finds and reads on, so that a person sees all mistakes at
 * once. The struct owns its entries and their text. More than DIAG_MAX are counted, not kept: by
 * then the file is not what its author thinks it is, and the first two hundred tell that.
 */
#include "base/diag.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void
diag_init(struct diag *d)
{
	*d = (struct diag){0};
}

void
diag_done(struct diag *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->entries[i].file);
		free(d->entries[i].message);
	}
	free(d->entries);
	diag_init(d);
}

void
diag_add(struct diag *d, const char *file, unsigned line, unsigned column, const char *fmt, ...)
{
	struct str message = {0};
	va_list ap;

	if (d->count == DIAG_MAX) {
		d->dropped++;
		return;
	}
	if (d->entries == NULL)
		d->entries = mem_array(DIAG_MAX, sizeof(*d->entries));
	va_start(ap, fmt);
	str_vprintf(&message, fmt, ap);
	va_end(ap);
	d->entries[d->count++] = (struct diag_entry){
	    .file = mem_strdup(file),
	    .line = line,
	    .column = column,
	    .message = str_take(&message),
	};
}

bool
diag_empty(const struct diag *d)
{
	return d->count == 0;
}

static int
entry_cmp(const struct diag_entry *a, const struct diag_entry *b)
{
	int files = strcmp(a->file, b->file);

	if (files != 0)
		return files;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return 0;
}

/* By insertion: few entries, mostly in order already, and equal places keep their order. */
static void
diag_sort(struct diag *d)
{
	for (size_t i = 1; i < d->count; i++) {
		struct diag_entry e = d->entries[i];
		size_t at = i;

		while (at > 0 && entry_cmp(&d->entries[at - 1], &e) > 0) {
			d->entries[at] = d->entries[at - 1];
			at--;
		}
		d->entries[at] = e;
	}
}

void
diag_print(struct diag *d, struct str *out)
{
	diag_sort(d);
	for (size_t i = 0; i < d->count; i++) {
		const struct diag_entry *e = &d->entries[i];

		str_add(out, e->file);
		if (e->line > 0)
			str_printf(out, ":%u", e->line);
		if (e->line > 0 && e->column > 0)
			str_printf(out, ":%u", e->column);
		str_printf(out, ": %s\n", e->message);
	}
	if (d->dropped > 0)
		str_printf(out, "and %zu more; mend these first\n", d->dropped);
}
