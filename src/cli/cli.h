/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line: words go to the daemon, its answers are rendered here.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };

#define CLI_TIMEOUT_S 10
#define CLI_WORDS     64

/* A connection to the daemon, blocking, with a time-out on each answer. */
struct cli_client {
	int fd;
	FILE *in;
};
/* 0, or a negative errno. Says nothing: cli_say_unreachable() does. */
int cli_connect(struct cli_client *c, const char *socket_path);
void cli_close(struct cli_client *c);
/* Why there is no daemon to talk to, and what to do about it. */
void cli_say_unreachable(const char *socket_path, int error);
/* Sends the words, returns the answer (owned by the caller), or NULL with a message on standard
 * error. */
json_t *cli_ask(struct cli_client *c, const char *const *words, size_t count);

#define CLI_COLUMNS 32

struct cli_render {
	FILE *out;
	bool colour;
	bool headless; /* the continuation of a table that was begun before */
	/* of that table, so that its columns stay where they were; the renderer's own */
	size_t widths[CLI_COLUMNS];
};
/* An answer for people. */
void cli_render(struct cli_render *r, const json_t *answer);

/* Commands that need no daemon. CLI_OK and so on, or -1 when the words are none of them. */
int cli_local(const char *const *words, size_t count);

/* `nigh probe`: what follows the word. An exit status. */
int cli_probe(const char *const *given, size_t count);

#endif
