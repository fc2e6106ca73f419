/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's frame: the clock, the count of events, the trace of what happened last, and the
 * first invariant that failed.
 *
 * An event is one turn of the loop in which something ran, or one change from outside (a line of a
 * scenario, a fault of the random run). After each, everything is checked.
 */
#include "sim/sim.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTERS_EVERY 64 /* events between looks at the whole history */

static const char *const sabotages[] = {
    [SABOTAGE_NONE] = "none",
    [SABOTAGE_DEAF] = "deaf",
    [SABOTAGE_EARLY] = "early",
    [SABOTAGE_ECHO] = "echo",
    [SABOTAGE_ORDER] = "order",
    [SABOTAGE_LIAR] = "liar",
    [SABOTAGE_ZOMBIE] = "zombie",
    [SABOTAGE_FORGET] = "forget",
    [SABOTAGE_PAINT] = "paint",
    [SABOTAGE_STUCK] = "stuck",
};

const char *
sim_sabotage_str(enum sim_sabotage x)
{
	return sabotages[x];
}

int
sim_sabotage_parse(const char *word, enum sim_sabotage *out)
{
	for (size_t i = 0; i < ARRAY_LEN(sabotages); i++) {
		if (strcmp(word, sabotages[i]) == 0) {
			*out = (enum sim_sabotage)i;
			return 0;
		}
	}
	return -1;
}

struct sim *
sim_new(uint64_t seed)
{
	struct sim *s = mem_alloc(sizeof(*s));

	s->loop = loop_virtual_new((mono_t){.ns = 0});
	s->seed = seed;
	rng_init(&s->rng, seed);
	return s;
}

void
sim_free(struct sim *s)
{
	for (size_t i = 0; i < s->node_count; i++)
		sim_node_free(s->nodes[i]);
	sim_bgp_done(s);
	loop_free(s->loop);
	free(s->violated);
	str_done(&s->report);
	free(s);
}

mono_t
sim_now(const struct sim *s)
{
	return loop_now(s->loop);
}

void
sim_trace(struct sim *s, const char *fmt, ...)
{
	char *line = s->trace[s->traced++ % SIM_TRACE];
	va_list ap;
	int used;

	used = snprintf(line, SIM_TRACE_TEXT, "%" PRIu64 " %.6fs ", s->events,
	    (double)sim_now(s).ns / (double)DUR_S);
	va_start(ap, fmt);
	vsnprintf(line + used, SIM_TRACE_TEXT - (size_t)used, fmt, ap);
	va_end(ap);
	log_debug("%s", line);
}

void
sim_violation(struct sim *s, const char *invariant, const char *fmt, ...)
{
	uint64_t first = s->traced > SIM_TRACE ? s->traced - SIM_TRACE : 0;
	va_list ap;

	if (s->violated != NULL)
		return;
	s->violated = mem_strdup(invariant);
	str_printf(&s->report, "invariant \"%s\" violated: ", invariant);
	va_start(ap, fmt);
	str_vprintf(&s->report, fmt, ap);
	va_end(ap);
	str_printf(&s->report,
	    "\nseed %" PRIu64 ", event %" PRIu64 ", at %.6fs; what happened last:\n", s->seed,
	    s->events, (double)sim_now(s).ns / (double)DUR_S);
	for (uint64_t i = first; i < s->traced; i++)
		str_printf(&s->report, "  %s\n", s->trace[i % SIM_TRACE]);
}

static void
sim_checked(struct sim *s)
{
	s->events++;
	sim_check(s);
	if (s->events % COUNTERS_EVERY != 0)
		return;
	for (size_t i = 0; i < s->node_count; i++)
		sim_check_counters(s->nodes[i]);
}

void
sim_event(struct sim *s)
{
	loop_turn(s->loop, 0);
	sim_checked(s);
}

static bool
sim_over(const struct sim *s)
{
	return s->violated != NULL || (s->limit > 0 && s->events >= s->limit);
}

void
sim_run(struct sim *s, mono_t until)
{
	while (!sim_over(s)) {
		dur_t left = mono_sub(until, sim_now(s));

		if (loop_turn(s->loop, left))
			sim_checked(s);
		else if (left <= 0)
			break;
	}
}

size_t
sim_split(char *text, const char **words, size_t max)
{
	size_t count = 0;

	for (;;) {
		text += strspn(text, " \t");
		if (*text == '\0' || count == max)
			return count;
		words[count++] = text;
		text += strcspn(text, " \t");
		if (*text != '\0')
			*text++ = '\0';
	}
}
