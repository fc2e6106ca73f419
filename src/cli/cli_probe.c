/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nigh probe TYPE ARGS…`: asks once from the shell, with the code, the options and the words of
 * the daemon.
 *
 * The arguments become the configuration of a single probe: `option=value`, or bare values for the
 * options that the type requires, in the order of its reference. A value that begins with { or [ is
 * YAML. So the options, their checks and their messages are the daemon's, and a line that works
 * here can be copied into nigh.yaml.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "cli/cli.h"
#include "core/runner.h"
#include "daemon/config.h"
#include "daemon/policy.h"
#include "kernel/helper_policy.h"
#include "kernel/local_port.h"

#include <stdio.h>
#include <string.h>

#define PROBE_NAME   "probe"
#define COUNT_OPTION "count="
#define COUNT_MAX    1000000

struct probe_shot {
	struct loop *loop;
	struct rng rng;
	struct probe_shared_list shared;
	struct probe_env env;
	struct runner runner;
	struct probe_sample sample;
	bool got;
};

static const struct conf_variant *
type_find(const char *type)
{
	for (size_t i = 0; kinds_probes[i] != NULL; i++) {
		if (str_equal(kinds_probes[i]->type, type))
			return kinds_probes[i];
	}
	return NULL;
}

static int
usage(const char *type)
{
	const struct conf_variant *v = type_find(type);

	fprintf(stderr, "usage: nigh probe TYPE [VALUE ...] [OPTION=VALUE ...] [count=N]\ntypes:");
	for (size_t i = 0; kinds_probes[i] != NULL; i++)
		fprintf(stderr, " %s", kinds_probes[i]->type);
	fputc('\n', stderr);
	for (const struct conf_row *row = v != NULL ? v->schema->rows : NULL;
	     row != NULL && row->type != CONF_END; row++)
		fprintf(stderr, "  %s%s  %s\n", row->key,
		    (row->flags & CONF_REQUIRED) != 0 ? " (required)" : "", row->doc);
	return CLI_USAGE;
}

/* The required options of the type that no word names, in order; NULL beyond the last. */
static const struct conf_row *
required_next(const struct conf_row *row, const char *const *words, size_t count)
{
	for (; row->type != CONF_END; row++) {
		size_t len = strlen(row->key);
		bool named = false;
		for (size_t i = 0; i < count; i++)
			named = named ||
				(strncmp(words[i], row->key, len) == 0 && words[i][len] == '=');
		if ((row->flags & CONF_REQUIRED) != 0 && !named)
			return row;
	}
	return NULL;
}

/* Is the word `option=value`? An option has lower-case letters, digits and dashes. */
static bool
is_option(const char *word)
{
	size_t len = strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len > 0 && word[len] == '=';
}

static void
add_value(struct str *text, const char *value)
{
	if (value[0] == '{' || value[0] == '[')
		str_add(text, value);
	else
		conf_print_scalar(value, text);
}

/* The words as the text of a configuration; false when there is a value too many. */
static bool
words_to_text(
    const struct conf_variant *v, const char *const *words, size_t count, struct str *text)
{
	const struct conf_row *row = v->schema->rows;

	str_printf(text, "probes:\n  " PROBE_NAME ":\n    type: %s\n", v->type);
	for (size_t i = 0; i < count; i++) {
		const char *value = words[i];
		if (is_option(words[i])) {
			value = strchr(words[i], '=') + 1;
			str_printf(text, "    %.*s: ", (int)(value - words[i] - 1), words[i]);
		} else {
			row = required_next(row, words, count);
			if (row == NULL) {
				fprintf(stderr, "nigh: '%s' is one value too many for %s\n",
				    words[i], v->type);
				return false;
			}
			str_printf(text, "    %s: ", row->key);
			row++;
		}
		add_value(text, value);
		str_add(text, "\n");
	}
	return true;
}

static void
on_result(struct runner *r, const struct probe_sample *sample)
{
	struct probe_shot *shot = container_of(r, struct probe_shot, runner);

	shot->sample = *sample;
	shot->got = true;
}

static void
print_sample(const struct probe_shot *shot)
{
	const struct probe_sample *s = &shot->sample;
	struct str target = {0};
	char rtt[24];

	shot->runner.probe->kind->describe(shot->runner.probe, &target);
	printf("%s: %s in %s: %s%s%s\n", str_text(&target), s->ok ? "ok" : why_str(s->why),
	    dur_format(s->rtt, rtt, sizeof(rtt)), s->ok ? "" : why_text(s->why),
	    !s->ok && s->detail[0] != '\0' ? ": " : "", s->detail);
	fflush(stdout);
	str_done(&target);
}

/* Asks `count` times; CLI_OK when the last answer was good. */
static int
shoot(const struct config *config, uint64_t count)
{
	const struct probe_conf *conf = config->probes.entries[0].value;
	struct probe_shot shot = {.loop = loop_new()};
	struct local_port *port = local_port_new(shot.loop, policy_make(config));

	LIST_INIT(&shot.shared);
	rng_init(&shot.rng, rng_secure());
	shot.env = (struct probe_env){
	    .loop = shot.loop,
	    .kernel = local_port_kernel(port),
	    .rng = &shot.rng,
	    .shared = &shot.shared,
	};
	runner_init(&shot.runner, &shot.env, PROBE_NAME, conf, on_result);
	for (uint64_t i = 0; i < count; i++) {
		mono_t next = mono_add(loop_now(shot.loop), conf->frequency);
		shot.got = false;
		runner_ask_now(&shot.runner);
		while (!shot.got)
			loop_turn(shot.loop, DUR_NEVER);
		print_sample(&shot);
		while (i + 1 < count && mono_before(loop_now(shot.loop), next))
			loop_turn(shot.loop, mono_sub(next, loop_now(shot.loop)));
	}
	runner_done(&shot.runner);
	probe_shared_free_all(&shot.env);
	local_port_free(port);
	loop_free(shot.loop);
	return shot.sample.ok ? CLI_OK : CLI_FAILED;
}

/* Takes `count=N` out of the words; 0 when it is no number. */
static uint64_t
take_count(const char **words, size_t *n)
{
	uint64_t count = 1;
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (strncmp(words[i], COUNT_OPTION, strlen(COUNT_OPTION)) != 0)
			words[kept++] = words[i];
		else if (str_to_u64(words[i] + strlen(COUNT_OPTION), 1, COUNT_MAX, &count) != 0)
			count = 0;
	}
	*n = kept;
	return count;
}

int
cli_probe(const char *const *given, size_t count)
{
	const char *words[CLI_WORDS];
	const struct conf_variant *v = count > 0 ? type_find(given[0]) : NULL;
	struct conf_generation *g;
	struct str text = {0}, problems = {0};
	struct diag diag;
	uint64_t times;
	int status = CLI_USAGE;

	if (v == NULL)
		return usage("");
	count--;
	memcpy(words, given + 1, count * sizeof(*words));
	times = take_count(words, &count);
	if (times == 0 || !words_to_text(v, words, count, &text)) {
		str_done(&text);
		return usage(v->type);
	}
	log_open("nigh", LOG_LVL_WARN);
	diag_init(&diag);
	g = conf_load(&config_schema, v->type, text.text, text.len, &diag);
	if (g != NULL) {
		status = shoot(g->root, times);
		conf_free(g);
	} else {
		diag_print(&diag, &problems);
		fputs(str_text(&problems), stderr);
		usage(v->type);
	}
	diag_done(&diag);
	str_done(&text);
	str_done(&problems);
	return status;
}
