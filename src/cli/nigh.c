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

#define WORDS_MAX  64
#define WATCH_MS   1000
#define SOCKET_ENV "NIGH_SOCKET"

static const char usage_text[] =
    "usage: nigh [-s SOCKET] [--json] [--watch] COMMAND [ARGUMENT ...]\n"
    "\n"
    "  nigh status            the node on one screen\n"
    "  nigh help              all commands of the running daemon\n"
    "  nigh config check FILE | schema | reference      need no daemon\n"
    "\n"
    "  -s, --socket PATH   the daemon's socket ($" SOCKET_ENV ", " CONFIG_SOCKET ")\n"
    "      --json          print the answer's objects, one a line\n"
    "      --watch         again every second\n"
    "      --version, --help\n";

struct options {
	const char *socket;
	bool json;
	bool watch;
	const char *words[WORDS_MAX];
	size_t count;
};

/* -1: go on; otherwise the exit status. */
static int
options_read(struct options *o, int argc, char **argv)
{
	*o = (struct options){.socket = getenv(SOCKET_ENV)};
	if (o->socket == NULL)
		o->socket = CONFIG_SOCKET;
	for (int i = 1; i < argc; i++) {
		if (str_equal(argv[i], "--json")) {
			o->json = true;
		} else if (str_equal(argv[i], "--watch")) {
			o->watch = true;
		} else if (str_equal(argv[i], "--version")) {
			puts("nigh " NIGH_VERSION);
			return CLI_OK;
		} else if (str_equal(argv[i], "--help") || str_equal(argv[i], "-h")) {
			fputs(usage_text, stdout);
			return CLI_OK;
		} else if ((str_equal(argv[i], "-s") || str_equal(argv[i], "--socket")) &&
			   i + 1 < argc) {
			o->socket = argv[++i];
		} else if (o->count < WORDS_MAX) {
			o->words[o->count++] = argv[i];
		}
	}
	if (o->count > 0)
		return -1;
	fputs(usage_text, stderr);
	return CLI_USAGE;
}

static void
pause_ms(unsigned ms)
{
	const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * DUR_MS};

	nanosleep(&t, NULL);
}

static void
print_answer(const struct options *o, const json_t *answer, bool headless)
{
	const struct cli_render r = {
	    .out = stdout,
	    .colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL,
	    .headless = headless,
	};

	if (o->json) {
		json_dumpf(answer, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
	} else {
		cli_render(&r, answer);
	}
}

static int
print_failure(const struct options *o, const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));

	if (o->json)
		print_answer(o, answer, false);
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
	while ((word = strsep(&rest, " ")) != NULL && count < WORDS_MAX)
		words[count++] = word;
	return count;
}

/* Asks until the answer wants no more. */
static int
converse(struct cli_client *client, const struct options *o)
{
	const char *words[WORDS_MAX];
	size_t count = o->count;
	char buf[1024];
	bool first = true;

	memcpy(words, o->words, sizeof(words));
	while (count > 0) {
		json_t *answer = cli_ask(client, words, count);
		unsigned wait;

		if (answer == NULL)
			return CLI_UNREACHABLE;
		if (!json_is_true(json_object_get(answer, "ok"))) {
			int status = print_failure(o, answer);
			json_decref(answer);
			return status;
		}
		print_answer(o, answer, !first);
		wait = (unsigned)json_integer_value(
		    json_object_get(json_object_get(answer, "again"), "after_ms"));
		count = words_again(answer, buf, sizeof(buf), words);
		json_decref(answer);
		if (count > 0)
			pause_ms(wait);
		first = false;
	}
	return CLI_OK;
}

static int
watch(struct cli_client *client, const struct options *o)
{
	int status;

	do {
		if (!o->json)
			fputs("\033[H\033[2J", stdout);
		status = converse(client, o);
		pause_ms(WATCH_MS);
	} while (status == CLI_OK);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options;
	struct cli_client client;
	int status = options_read(&options, argc, argv);

	if (status >= 0)
		return status;
	status = cli_local(options.words, options.count);
	if (status >= 0)
		return status;
	status = cli_connect(&client, options.socket);
	if (status < 0) {
		fprintf(stderr, "nigh: cannot reach nighd on %s: %s\n", options.socket,
		    strerror(-status));
		return CLI_UNREACHABLE;
	}
	status = options.watch ? watch(&client, &options) : converse(&client, &options);
	cli_close(&client);
	return status;
}
