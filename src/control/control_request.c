/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request line to one answer line.
 *
 * The words of the request are matched against the rows of every module; what follows the row's
 * words are its arguments. `help` is answered here, because only this place sees all rows.
 */
#include "base/mem.h"
#include "control/control.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static const struct answer_column help_columns[] = {
    {"command", "COMMAND", ANSWER_TEXT},
    {"help", "WHAT IT DOES", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static void
answer_help(const struct command_list *list, struct answer *a)
{
	const struct command_host *host;

	answer_table(a, NULL, help_columns);
	TAILQ_FOREACH (host, list, link) {
		for (const struct command *c = host->commands; c->words != NULL; c++) {
			answer_row(a);
			answer_fmt(a, "command", "%s%s%s", c->words, c->args != NULL ? " " : "",
			    c->args != NULL ? c->args : "");
			answer_str(a, "help", c->help);
		}
	}
}

/* The rows that begin with `word`: "show services, show probes". */
static void
rows_of(const struct command_list *list, const char *word, struct str *out)
{
	const struct command_host *host;
	size_t len = strlen(word);

	TAILQ_FOREACH (host, list, link) {
		for (const struct command *c = host->commands; c->words != NULL; c++) {
			if (strncmp(c->words, word, len) == 0 && c->words[len] == ' ')
				str_printf(out, "%s%s", out->len > 0 ? ", " : "", c->words);
		}
	}
}

/* The row nearest to what was typed, or NULL. */
static const char *
nearest_row(const struct command_list *list, const char *typed)
{
	const char *rows[256] = {"help"};
	const struct command_host *host;
	size_t n = 1;

	TAILQ_FOREACH (host, list, link) {
		for (const struct command *c = host->commands; c->words != NULL; c++) {
			if (n < ARRAY_LEN(rows) - 1)
				rows[n++] = c->words;
		}
	}
	return str_nearest(typed, rows);
}

/* "unknown command", with the nearest row, or else those that begin with the same word. */
static void
answer_unknown(
    const struct command_list *list, const char *const *words, size_t count, struct answer *a)
{
	struct str typed = {0}, rows = {0};
	const char *near;

	for (size_t i = 0; i < count; i++)
		str_printf(&typed, "%s%s", i > 0 ? " " : "", words[i]);
	rows_of(list, words[0], &rows);
	near = count > 1 || rows.len == 0 ? nearest_row(list, str_text(&typed)) : NULL;
	if (near != NULL)
		answer_fail(a, "unknown command '%s' (did you mean '%s'?); 'nigh help' lists them",
		    str_text(&typed), near);
	else if (rows.len > 0)
		answer_fail(
		    a, "unknown command '%s'; there are: %s", str_text(&typed), str_text(&rows));
	else
		answer_fail(a, "unknown command '%s'; 'nigh help' lists them", str_text(&typed));
	answer_usage(a);
	str_done(&typed);
	str_done(&rows);
}

/* How many arguments a row takes at most: the words of its description, unless it ends in "...". */
static size_t
args_max(const char *args)
{
	size_t count = 0;

	if (args != NULL && strstr(args, "...") != NULL)
		return SIZE_MAX;
	while (args != NULL && *args != '\0') {
		count++;
		args += strcspn(args, " ");
		args += strspn(args, " ");
	}
	return count;
}

static void
run(const struct control_source *source, const char *const *words, size_t count, mono_t now,
    struct answer *a)
{
	struct command_host *host;
	size_t used;
	const struct command *row = command_find(source->commands, words, count, &host, &used);

	if (count == 1 && str_equal(words[0], "help")) {
		answer_help(source->commands, a);
		return;
	}
	if (row == NULL) {
		answer_unknown(source->commands, words, count, a);
		return;
	}
	struct command_call call = {
	    .args = words + used, .count = count - used, .now = now, .wall_ns = wall_clock_ns()};
	if (call.count > 0 && row->args == NULL) {
		answer_fail(a, "'%s' takes no argument, but got '%s'", row->words, call.args[0]);
		answer_usage(a);
		return;
	}
	if (call.count > args_max(row->args)) {
		answer_fail(a, "'%s' is too much; usage: %s %s", call.args[args_max(row->args)],
		    row->words, row->args);
		answer_usage(a);
		return;
	}
	row->run(host, &call, a);
}

/* The words of a request, or NULL and a failed answer. The array is borrowed from `request`. */
static size_t
words_of(const json_t *request, const char **words, struct answer *a)
{
	const json_t *list = json_object_get(request, "words");
	size_t count = json_array_size(list);

	if (count == 0 || count > CONTROL_WORDS) {
		answer_fail(a,
		    "a request is {\"words\": [\"show\", \"services\"]}, with 1 to %d words",
		    CONTROL_WORDS);
		return 0;
	}
	for (size_t i = 0; i < count; i++) {
		words[i] = json_string_value(json_array_get(list, i));
		if (words[i] == NULL) {
			answer_fail(a, "word %zu of the request is not a string", i + 1);
			return 0;
		}
	}
	return count;
}

void
control_answer(
    const struct control_source *source, const char *line, size_t len, mono_t now, struct str *out)
{
	const char *words[CONTROL_WORDS];
	struct answer a;
	json_error_t error;
	json_t *request = json_loadb(line, len, 0, &error);
	size_t count;
	char *text;

	answer_init(&a);
	if (request == NULL)
		answer_fail(&a, "the request is not JSON: %s", error.text);
	else if ((count = words_of(request, words, &a)) > 0)
		run(source, words, count, now, &a);
	text = json_dumps(a.root, JSON_COMPACT | JSON_PRESERVE_ORDER);
	str_add(out, text);
	str_add(out, "\n");
	free(text);
	answer_done(&a);
	json_decref(request);
}
