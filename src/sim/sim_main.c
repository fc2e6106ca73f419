/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator as a program.
 *
 *   nigh-sim FILE...                                   replays scenarios
 *   nigh-sim --random SEED [--bgp] [--events N] [--sabotage WORD --expect INVARIANT]
 *
 * Exit code 0: fine (with --expect: that invariant, or one of several with commas between them, was
 * found violated); 1: an invariant or an expectation failed; 2: usage, or a file that cannot be
 * read. `--log` shows the engines' log. With `--bgp` the nodes speak BGP to the routers instead of
 * the model.
 */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	const char *const *files;
	size_t file_count;
	uint64_t seed;
	uint64_t events;
	enum sim_sabotage sabotage;
	const char *expect;
	bool random;
	bool log;
	bool bgp;
};

static void
discard(enum log_level level, const char *line)
{
}

static int
option_value(struct options *o, const char *name, const char *value)
{
	if (strcmp(name, "--random") == 0) {
		o->random = true;
		return str_to_u64(value, 0, UINT64_MAX, &o->seed);
	}
	if (strcmp(name, "--events") == 0)
		return str_to_u64(value, 1, UINT64_MAX, &o->events);
	if (strcmp(name, "--sabotage") == 0)
		return sim_sabotage_parse(value, &o->sabotage);
	if (strcmp(name, "--expect") == 0) {
		o->expect = value;
		return 0;
	}
	return -1;
}

static bool
option_flag(struct options *o, const char *name)
{
	bool log = strcmp(name, "--log") == 0, bgp = strcmp(name, "--bgp") == 0;

	o->log = o->log || log;
	o->bgp = o->bgp || bgp;
	return log || bgp;
}

static int
options_read(struct options *o, int argc, const char *const *argv)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (option_flag(o, argv[i]))
			continue;
		if (i + 1 == argc || option_value(o, argv[i], argv[i + 1]) != 0)
			return -1;
		i++;
	}
	o->files = argv + i;
	o->file_count = (size_t)(argc - i);
	return o->random != (o->file_count > 0) ? 0 : -1;
}

/* Is the word one of the list, which has commas between its words? */
static bool
expected(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)) != NULL; at++) {
		if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

static int
run_random(const struct options *o)
{
	struct sim *s = sim_new(o->seed);
	int rc;

	s->sabotage = o->sabotage;
	if (o->bgp)
		sim_bgp_start(s);
	sim_random_run(s, o->events);
	printf("seed %" PRIu64 ": %" PRIu64 " events in %.0f virtual seconds\n", s->seed, s->events,
	    (double)sim_now(s).ns / (double)DUR_S);
	if (s->violated != NULL)
		fputs(str_text(&s->report), stdout);
	rc = s->violated == NULL ? 0 : 1;
	if (o->expect != NULL)
		rc = s->violated != NULL && expected(o->expect, s->violated) ? 0 : 1;
	if (o->expect != NULL && rc != 0)
		printf("the invariant \"%s\" should have been violated\n", o->expect);
	sim_free(s);
	return rc;
}

static int
run_files(const struct options *o)
{
	int worst = 0;

	for (size_t i = 0; i < o->file_count; i++) {
		struct str out = {0};
		int rc = sim_script_run(o->files[i], &out);

		fputs(str_text(&out), stdout);
		printf("%s: %s\n", o->files[i], rc == 0 ? "fine" : "failed");
		str_done(&out);
		worst = rc > worst ? rc : worst;
	}
	return worst;
}

int
main(int argc, char **argv)
{
	struct options o = {.events = 100000};

	if (options_read(&o, argc, (const char *const *)argv) != 0) {
		fprintf(stderr, "usage: nigh-sim [--log] FILE...\n"
				"       nigh-sim [--log] --random SEED [--bgp] [--events N] "
				"[--sabotage WORD --expect INVARIANT]\n");
		return 2;
	}
	if (!o.log)
		log_set_sink(discard);
	return o.random ? run_random(&o) : run_files(&o);
}
