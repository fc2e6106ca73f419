/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands: one row and one function in the module's *_show.c. The control socket finds the row by
 * its words; text, JSON, help and completion follow from it.
 */
#ifndef CORE_COMMAND_H
#define CORE_COMMAND_H

#include "base/queue.h"
#include "core/answer.h"

struct command_host;

struct command_call {
	const char *const *args; /* what follows the words */
	size_t count;
	mono_t now;
	int64_t wall_ns;
};

struct command {
	const char *words; /* "show bgp"; NULL ends the table */
	const char *args;  /* "[NAME]", "SERVICE [--for DURATION]"; NULL: none */
	const char *help;  /* one line */
	void (*run)(struct command_host *host, const struct command_call *call, struct answer *a);
};

/* A module that answers commands embeds this; run() finds the module with container_of. */
struct command_host {
	const struct command *commands;
	TAILQ_ENTRY(command_host) link;
};
TAILQ_HEAD(command_list, command_host);

/* The row whose words are the longest match at the start of `words`; *used: how many words it took.
 * NULL when there is none. */
const struct command *command_find(const struct command_list *list, const char *const *words,
    size_t count, struct command_host **host, size_t *used);

#endif
