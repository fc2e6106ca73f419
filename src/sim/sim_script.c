/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scenarios: text files that are replayed in virtual time.
 *
 *   # a remark
 *   seed 7                     first, if at all; 1 otherwise
 *   speaker bgp                nodes speak BGP to the routers, instead of the model
 *   must-fail removal          this invariant has to be found violated, or the scenario fails
 *   config 1 2                 what these nodes read at their next start or reload,
 *     ...                      up to a line that is just
 *   end
 *   at 5s node 1 probe resolver fail        see sim_words.c
 *   at 7s expect node 1 service dns down    see sim_expect.c
 *
 * Times count from the beginning and do not go backwards. All that happens up to and including that
 * instant has happened before the line takes effect.
 */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define CONFIG_NODES 16

struct script {
	struct sim *sim;
	const char *file;
	unsigned line;
	char *next; /* the text that is left */
	char *must_fail;
	struct str config;
	unsigned config_nodes[CONFIG_NODES];
	size_t config_count; /* inside a block when > 0 */
	struct str *out;
};

static int
script_error(struct script *x, const char *what, const char *detail)
{
	str_printf(x->out, "%s:%u: %s%s%s\n", x->file, x->line, what, detail[0] != '\0' ? ": " : "",
	    detail);
	return 2;
}

/* The next line, without the newline; NULL at the end. */
static char *
script_next(struct script *x)
{
	char *line = x->next;
	char *end;

	if (*line == '\0')
		return NULL;
	end = strchr(line, '\n');
	x->next = end != NULL ? end + 1 : line + strlen(line);
	if (end != NULL)
		*end = '\0';
	x->line++;
	return line;
}

static int
config_begin(struct script *x, char *line)
{
	const char *w[CONFIG_NODES + 1];
	size_t count = sim_split(line, w, CONFIG_NODES + 1);

	for (size_t i = 1; i < count; i++) {
		uint64_t number;

		if (str_to_u64(w[i], 1, SIM_NODES, &number) != 0)
			return script_error(x, "there is no such node", w[i]);
		x->config_nodes[x->config_count++] = (unsigned)number;
	}
	if (x->config_count == 0)
		return script_error(x, "whose configuration?", "");
	str_clear(&x->config);
	return 0;
}

static int
config_line(struct script *x, const char *line)
{
	if (strcmp(line, "end") != 0) {
		str_printf(&x->config, "%s\n", line);
		return 0;
	}
	for (size_t i = 0; i < x->config_count; i++)
		sim_node_set_config(sim_node_get(x->sim, x->config_nodes[i]), str_text(&x->config));
	x->config_count = 0;
	return 0;
}

static int
script_act(struct script *x, const char *what)
{
	static const char expect[] = "expect ";
	struct str why = {0};
	int rc = 0;

	if (strncmp(what, expect, strlen(expect)) == 0) {
		if (sim_expect(x->sim, what + strlen(expect), &why) != 0) {
			script_error(x, what, str_text(&why));
			rc = 1;
		}
	} else if (sim_do(x->sim, what, &why) != 0) {
		rc = script_error(x, what, str_text(&why));
	} else {
		sim_event(x->sim);
	}
	str_done(&why);
	return rc;
}

/* "at 5s WHAT" */
static int
script_at(struct script *x, char *line)
{
	char *time = line + strlen("at ");
	char *what = strchr(time, ' ');
	dur_t at;

	if (what == NULL)
		return script_error(x, "what is to happen?", "");
	*what++ = '\0';
	if (dur_parse(time, &at) != 0)
		return script_error(x, "this is no time", time);
	if (at < sim_now(x->sim).ns)
		return script_error(x, "time goes backwards", time);
	sim_run(x->sim, (mono_t){.ns = at});
	if (x->sim->violated != NULL)
		return 0;
	return script_act(x, what);
}

static int
script_header(struct script *x, const char *line)
{
	static const char seed[] = "seed ", must_fail[] = "must-fail ";
	uint64_t number;

	if (strncmp(line, seed, strlen(seed)) == 0 &&
	    str_to_u64(line + strlen(seed), 0, UINT64_MAX, &number) == 0) {
		x->sim->seed = number;
		rng_init(&x->sim->rng, number);
		return 0;
	}
	if (strcmp(line, "speaker bgp") == 0) {
		sim_bgp_start(x->sim);
		return 0;
	}
	if (strncmp(line, must_fail, strlen(must_fail)) == 0) {
		free(x->must_fail);
		x->must_fail = mem_strdup(line + strlen(must_fail));
		return 0;
	}
	return script_error(x, "cannot be read", line);
}

static int
script_line(struct script *x, char *line)
{
	if (x->config_count > 0)
		return config_line(x, line);
	line += strspn(line, " \t");
	if (*line == '\0' || *line == '#')
		return 0;
	if (strncmp(line, "config ", 7) == 0)
		return config_begin(x, line);
	if (strncmp(line, "at ", 3) == 0)
		return script_at(x, line);
	return script_header(x, line);
}

static int
script_verdict(struct script *x, int rc)
{
	const char *violated = x->sim->violated;

	if (rc == 2)
		return rc;
	if (x->must_fail != NULL && violated != NULL && strcmp(violated, x->must_fail) == 0)
		return 0;
	if (violated != NULL) {
		str_printf(x->out, "%s:%u: %s", x->file, x->line, str_text(&x->sim->report));
		return 1;
	}
	if (x->must_fail == NULL)
		return rc;
	str_printf(x->out, "%s: the invariant \"%s\" should have been violated, and was not\n",
	    x->file, x->must_fail);
	return 1;
}

int
sim_script_run(const char *file, struct str *out)
{
	struct script x = {.file = file, .out = out};
	struct str text = {0};
	struct diag diag;
	char *line;
	int rc = 0;

	diag_init(&diag);
	if (conf_read_file(file, &text, &diag) != 0) {
		diag_print(&diag, out);
		diag_done(&diag);
		return 2;
	}
	diag_done(&diag);
	x.sim = sim_new(1);
	x.next = text.text != NULL ? text.text : (char[]){'\0'};
	while (rc == 0 && x.sim->violated == NULL && (line = script_next(&x)) != NULL)
		rc = script_line(&x, line);
	rc = script_verdict(&x, rc);
	sim_free(x.sim);
	str_done(&x.config);
	str_done(&text);
	free(x.must_fail);
	return rc;
}
