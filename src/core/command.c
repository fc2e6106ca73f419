/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a command by its words.
 *
 * Every module hands in a const table of rows; the words of a row ("show bgp") are compared with
 * the words of the call, and the row that matches most of them wins, so that "show bgp routes" is
 * not taken for "show bgp" with an argument when both exist. Nothing is owned here.
 */
#include "core/command.h"

#include <string.h>

/* How many words of the call the row takes; 0 when it does not match. */
static size_t
command_match(const char *row, const char *const *words, size_t count)
{
	size_t used = 0;

	while (*row != '\0') {
		size_t len = strcspn(row, " ");

		if (used == count || strlen(words[used]) != len ||
		    strncmp(row, words[used], len) != 0)
			return 0;
		used++;
		row += len;
		row += strspn(row, " ");
	}
	return used;
}

const struct command *
command_find(const struct command_list *list, const char *const *words, size_t count,
    struct command_host **host, size_t *used)
{
	const struct command *best = NULL;
	struct command_host *h;

	*used = 0;
	*host = NULL;
	TAILQ_FOREACH (h, list, link) {
		for (const struct command *c = h->commands; c->words != NULL; c++) {
			size_t n = command_match(c->words, words, count);

			if (n <= *used)
				continue;
			best = c;
			*host = h;
			*used = n;
		}
	}
	return best;
}
