/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a scenario can expect:
 *
 *   node N alive|dead
 *   node N service NAME LEVEL [WHY]
 *   node N track NAME up|down|unknown
 *   node N route PREFIX announced|withdrawn       in the intent
 *   node N address PREFIX present|absent          on the host
 *   node N session NAME up|down
 *   node N sent NAME COUNT                        messages since the beginning
 *   router NAME route PREFIX from nobody|N...     exactly these nodes
 *   router NAME route PREFIX of N carries TEXT    attributes as nigh prints them; "nothing"
 *   truth                                         see sim_truth.c
 */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 12

struct expectation {
	struct sim *sim;
	struct sim_node *node;
	const char *const *args;
	size_t count;
	const char *line;
	struct str *out; /* what is the case */
};

static int
is(const struct expectation *x, const char *actual, const char *expected)
{
	if (strcmp(actual, expected) == 0)
		return 0;
	str_printf(x->out, "it is %s", actual);
	return -1;
}

static int
not_running(const struct expectation *x)
{
	str_add(x->out, "the node does not run");
	return -1;
}

static int
expect_service(const struct expectation *x)
{
	struct service_view v;

	if (x->node->engine == NULL)
		return not_running(x);
	for (size_t i = 0; core_service_at(engine_core(x->node->engine), i, &v); i++) {
		if (strcmp(v.name, x->args[0]) != 0)
			continue;
		if (strcmp(service_level_str(v.level), x->args[1]) == 0 &&
		    (x->count < 3 || strcmp(why_str(v.why), x->args[2]) == 0))
			return 0;
		str_printf(x->out, "it is %s, why %s %s", service_level_str(v.level),
		    why_str(v.why), v.culprit);
		return -1;
	}
	str_add(x->out, "there is no such service");
	return -1;
}

static int
expect_track(const struct expectation *x)
{
	struct track_view v;

	if (x->node->engine == NULL)
		return not_running(x);
	for (size_t i = 0; core_track_at(engine_core(x->node->engine), i, &v); i++) {
		if (strcmp(v.name, x->args[0]) == 0)
			return is(x, track_state_str(v.state), x->args[1]);
	}
	str_add(x->out, "there is no such track");
	return -1;
}

static int
expect_route(const struct expectation *x)
{
	const struct intent_entry *e;
	struct prefix p;

	if (x->node->engine == NULL || prefix_parse(x->args[0], &p) != 0)
		return not_running(x);
	e = intent_find(core_intent(engine_core(x->node->engine)), INTENT_ROUTE, &p);
	return is(x, e != NULL && e->wanted ? "announced" : "withdrawn", x->args[1]);
}

static int
expect_address(const struct expectation *x)
{
	const struct sim_address *a;
	struct prefix p;

	if (prefix_parse(x->args[0], &p) != 0)
		return -1;
	a = sim_host_find(&x->node->host, &p);
	return is(x, a != NULL && a->present ? "present" : "absent", x->args[1]);
}

static int
expect_session(const struct expectation *x)
{
	const struct sim_session *session = sim_session_get(x->node, x->args[0]);
	bool up = x->sim->real ? sim_bgp_is_up(session) : session->up;

	return is(x, up ? "up" : "down", x->args[1]);
}

static int
expect_sent(const struct expectation *x)
{
	uint64_t sent = sim_session_get(x->node, x->args[0])->total_handed, count;

	if (str_to_u64(x->args[1], 0, UINT64_MAX, &count) == 0 && count == sent)
		return 0;
	str_printf(x->out, "%" PRIu64 " messages have been sent", sent);
	return -1;
}

static const struct {
	const char *word;
	int (*run)(const struct expectation *x);
} words[] = {
    {"service", expect_service},
    {"track", expect_track},
    {"route", expect_route},
    {"address", expect_address},
    {"session", expect_session},
    {"sent", expect_sent},
};

static int
expect_node(struct expectation *x, const char *const *w, size_t count)
{
	uint64_t number;

	if (str_to_u64(w[1], 1, SIM_NODES, &number) != 0)
		return -1;
	x->node = sim_node_get(x->sim, (unsigned)number);
	x->args = w + 3;
	x->count = count - 3;
	if (count == 3)
		return is(x, x->node->engine != NULL ? "alive" : "dead", w[2]);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(w[2], words[i].word) == 0 && x->count >= 2)
			return words[i].run(x);
	}
	return -1;
}

static const struct sim_route *
router_route(struct sim_node *n, const char *router, const struct prefix *p)
{
	return sim_view_find(&sim_session_get(n, router)->view, p);
}

/* "router R route P from 1 3": the words from the sixth on. */
static int
expect_from(struct expectation *x, const char *router, const struct prefix *p, const char *const *w)
{
	struct str actual = {0}, expected = {0};
	int rc;

	for (unsigned number = 1; number <= SIM_NODES; number++) {
		for (size_t i = 0; i < x->sim->node_count; i++) {
			struct sim_node *n = x->sim->nodes[i];

			if (n->number == number && router_route(n, router, p) != NULL)
				str_printf(&actual, "%s%u", actual.len > 0 ? " " : "", number);
		}
	}
	if (actual.len == 0)
		str_add(&actual, "nobody");
	for (size_t i = 5; i < x->count; i++)
		str_printf(&expected, "%s%s", i > 5 ? " " : "", w[i]);
	rc = is(x, str_text(&actual), str_text(&expected));
	str_done(&actual);
	str_done(&expected);
	return rc;
}

/* "router R route P of 1 carries TEXT" */
static int
expect_carries(
    struct expectation *x, const char *router, const struct prefix *p, const char *number)
{
	const struct sim_route *r;
	const char *text = strstr(x->line, " carries ");
	struct str actual = {0};
	uint64_t n;
	int rc;

	if (text == NULL || str_to_u64(number, 1, SIM_NODES, &n) != 0)
		return -1;
	r = router_route(sim_node_get(x->sim, (unsigned)n), router, p);
	if (r == NULL)
		str_add(&actual, "not there");
	else
		attrs_format(&r->attrs, &actual);
	rc = is(x, actual.len > 0 ? str_text(&actual) : "nothing", text + strlen(" carries "));
	str_done(&actual);
	return rc;
}

static int
expect_router(struct expectation *x, const char *const *w, size_t count)
{
	struct prefix p;

	x->count = count;
	if (count < 6 || strcmp(w[2], "route") != 0 || prefix_parse(w[3], &p) != 0)
		return -1;
	if (strcmp(w[4], "from") == 0)
		return expect_from(x, w[1], &p, w);
	if (strcmp(w[4], "of") == 0)
		return expect_carries(x, w[1], &p, w[5]);
	return -1;
}

int
sim_expect(struct sim *s, const char *line, struct str *out)
{
	const char *w[WORDS];
	char *copy = mem_strdup(line);
	size_t count = sim_split(copy, w, WORDS);
	struct expectation x = {.sim = s, .line = line, .out = out};
	int rc = -1;

	if (count >= 3 && strcmp(w[0], "node") == 0)
		rc = expect_node(&x, w, count);
	else if (count >= 3 && strcmp(w[0], "router") == 0)
		rc = expect_router(&x, w, count);
	else if (count == 1 && strcmp(w[0], "truth") == 0) {
		sim_check_truth(s);
		rc = s->violated == NULL ? 0 : -1;
	}
	if (rc != 0 && out->len == 0)
		str_add(out, "not so, or no such expectation");
	free(copy);
	return rc;
}
