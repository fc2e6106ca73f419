/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nigh: the command line. Its own options may stand anywhere; all other words go to the daemon,
 * which knows its commands. An answer may ask to be asked again (`--follow`, waiting for a reload):
 * then it is.
 *
 * Exit status: 0 fine, 1 refused or failed, 2 usage, 3 daemon not reachable.
 */
#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"
#include "cli/cli.h"
#include "daemon/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MS   1000
#define SOCKET_ENV "NIGH_SOCKET"

static const char usage_text[] =
    "usage: nigh [-s SOCKET] [--json] [--watch] COMMAND [ARGUMENT ...]\n"
    "\n"
    "  nigh status            the node on one screen\n"
    "  nigh help              all commands of the running daemon\n"
    "  nigh config check FILE | schema | reference      need no daemon\n"
    "  nigh probe TYPE ARGUMENT ...                     asks once, needs no daemon\n"
    "\n"
    "  -s, --socket PATH   the daemon's socket ($" SOCKET_ENV ", " CONFIG_SOCKET ")\n"
    "      --json          print the answer's objects, one a line\n"
    "      --watch         again every second\n"
    "      --version, --help\n";

struct options {
	const char *socket;
	bool json;
	bool watch;
	const char *words[CLI_WORDS];
	size_t count;
};

static int
usage(const char *problem, const char *word)
{
	if (problem != NULL)
		fprintf(stderr, "nigh: %s '%s'\n", problem, word);
	fputs(usage_text, stderr);
	return CLI_USAGE;
}

/* `--socket PATH`, `--socket=PATH`, `-s PATH`: true when argv[*i] is one of these; *i moves on, and
 * the path is NULL when it is missing. */
static bool
socket_read(struct options *o, int argc, char **argv, int *i)
{
	static const char with[] = "--socket=";
	const char *word = argv[*i];

	if (strncmp(word, with, strlen(with)) == 0) {
		o->socket = word + strlen(with);
		return true;
	}
	if (!str_equal(word, "-s") && !str_equal(word, "--socket"))
		return false;
	o->socket = *i + 1 < argc ? argv[++*i] : NULL;
	return true;
}

/* -1: go on; otherwise the exit status. */
static int
options_read(struct options *o, int argc, char **argv)
{
	*o = (struct options){.socket = getenv(SOCKET_ENV)};
	if (o->socket == NULL)
		o->socket = CONFIG_SOCKET;
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (str_equal(word, "--json")) {
			o->json = true;
		} else if (str_equal(word, "--watch")) {
			o->watch = true;
		} else if (str_equal(word, "--version")) {
			puts("nigh " NIGH_VERSION);
			return CLI_OK;
		} else if (str_equal(word, "--help") || str_equal(word, "-h")) {
			fputs(usage_text, stdout);
			return CLI_OK;
		} else if (socket_read(o, argc, argv, &i)) {
			if (o->socket == NULL)
				return usage("a path must follow", word);
		} else if (o->count == 0 && word[0] == '-') {
			return usage("there is no option", word);
		} else if (o->count == CLI_WORDS) {
			return usage("too many words, from", word);
		} else {
			o->words[o->count++] = word;
		}
	}
	return o->count > 0 ? -1 : usage(NULL, NULL);
}

static void
pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * DUR_MS};

	nanosleep(&t, NULL);
}

/* Nothing is in it but the wish to be asked again. */
static bool
is_empty(const json_t *answer)
{
	size_t i;
	const json_t *table;

	json_array_foreach(json_object_get(answer, "tables"), i, table)
	{
		if (json_array_size(json_object_get(table, "rows")) > 0)
			return false;
	}
	return json_object_get(answer, "again") != NULL &&
	       json_array_size(json_object_get(answer, "lines")) == 0;
}

static void
print_answer(const struct options *o, struct cli_render *r, const json_t *answer)
{
	if (!o->json) {
		if (o->watch && !r->headless && isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		cli_render(r, answer);
		r->headless = true;
	} else if (!is_empty(answer)) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	}
}

static int
print_failure(const struct options *o, struct cli_render *r, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (o->json)
		print_answer(o, r, answer);
	fprintf(stderr, "nigh: %s\n", error != NULL ? error : "failed");
	return json_is_true(json_object_get(answer, "usage")) ? CLI_USAGE : CLI_FAILED;
}

/* The words that an answer wants to be asked next, split in place; 0 when it wants none. */
static size_t
words_again(const json_t *answer, char *buf, size_t size, const char **words)
{
	const char *text =
	    json_string_value(json_object_get(json_object_get(answer, "again"), "words"));
	char *rest = buf, *word;
	size_t count = 0;

	if (text == NULL || !str_copy(buf, size, text))
		return 0;
	while ((word = strsep(&rest, " ")) != NULL && count < CLI_WORDS)
		words[count++] = word;
	return count;
}

/* Asks until the answer wants no more. */
static int
converse(struct cli_client *client, const struct options *o)
{
	struct cli_render render = {
	    .out = stdout,
	    .colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL,
	};
	const char *words[CLI_WORDS];
	size_t count = o->count;
	char buf[1024];

	memcpy(words, o->words, sizeof(words));
	while (count > 0) {
		json_t *answer = cli_ask(client, words, count);
		unsigned wait;

		if (answer == NULL)
			return CLI_UNREACHABLE;
		if (!json_is_true(json_object_get(answer, "ok"))) {
			int status = print_failure(o, &render, answer);
			json_decref(answer);
			return status;
		}
		print_answer(o, &render, answer);
		wait = (unsigned)json_integer_value(
		    json_object_get(json_object_get(answer, "again"), "after_ms"));
		count = words_again(answer, buf, sizeof(buf), words);
		json_decref(answer);
		if (count > 0)
			pause_ms(wait);
	}
	return CLI_OK;
}

static int
ask_once(const struct options *o)
{
	struct cli_client client;
	int error = cli_connect(&client, o->socket);
	int status;

	if (error < 0) {
		cli_say_unreachable(o->socket, error);
		return CLI_UNREACHABLE;
	}
	status = converse(&client, o);
	cli_close(&client);
	return status;
}

/* Once there was an answer, a daemon that is away is waited for: it may be starting again. */
static int
watch(const struct options *o)
{
	bool answered = false;

	for (;;) {
		int status = ask_once(o);
		if (status != CLI_OK && (status != CLI_UNREACHABLE || !answered))
			return status;
		answered = true;
		pause_ms(WATCH_MS);
	}
}

int
main(int argc, char **argv)
{
	struct options options;
	int status = options_read(&options, argc, argv);

	if (status >= 0)
		return status;
	status = cli_local(options.words, options.count);
	if (status >= 0)
		return status;
	return options.watch ? watch(&options) : ask_once(&options);
}
