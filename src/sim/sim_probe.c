/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scripted probe: answers as the scenario says, after the delay that it says. The answers
 * belong to the node and are found by the probe's name, so a reload does not change them.
 */
#include "sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_DELAY (2 * DUR_MS)

struct script_probe {
	struct probe probe;
	struct sim_node *node;
	struct loop_timer answer;
	bool under_way;
};

struct script_conf {
	const char *target;
};

static const struct conf_row script_rows[] = {
    {
	.key = "target",
	.type = CONF_STRING,
	.offset = offsetof(struct script_conf, target),
	.dflt = "nobody",
	.doc = "Whom it pretends to ask.",
    },
    {.type = CONF_END},
};

static const struct conf_schema script_schema = {
    .name = "script",
    .size = sizeof(struct script_conf),
    .rows = script_rows,
    .doc = "Answers as the scenario says.",
};

struct sim_result *
sim_result_get(struct sim_node *n, const char *probe)
{
	struct sim_result *r;

	LIST_FOREACH (r, &n->results, link) {
		if (strcmp(r->name, probe) == 0)
			return r;
	}
	r = mem_alloc(sizeof(*r));
	str_copy(r->name, sizeof(r->name), probe);
	r->delay = RESULT_DELAY;
	LIST_INSERT_HEAD(&n->results, r, link);
	return r;
}

void
sim_results_done(struct sim_node *n)
{
	struct sim_result *r;

	while ((r = LIST_FIRST(&n->results)) != NULL) {
		LIST_REMOVE(r, link);
		free(r);
	}
}

static struct script_probe *
script_of(struct probe *p)
{
	return container_of(p, struct script_probe, probe);
}

static void
script_answer(struct loop_timer *t)
{
	struct script_probe *x = container_of(t, struct script_probe, answer);

	x->under_way = false;
	if (sim_result_get(x->node, x->probe.name)->answer == ANSWER_OK)
		probe_ok(&x->probe, NULL);
	else
		probe_fail(&x->probe, WHY_STATUS, "scripted failure");
}

static struct probe *
script_new(const struct probe_env *env, const void *kind_conf)
{
	struct script_probe *x = mem_alloc(sizeof(*x));

	x->node = container_of(env->kernel, struct sim_host, port)->node;
	loop_timer_init(&x->answer, env->loop, script_answer);
	return &x->probe;
}

static void
script_start(struct probe *p)
{
	struct script_probe *x = script_of(p);
	const struct sim_result *r = sim_result_get(x->node, p->name);

	assert(!x->under_way);
	x->under_way = true;
	if (r->answer != ANSWER_HANG)
		loop_timer_after(&x->answer, r->delay);
}

static void
script_cancel(struct probe *p)
{
	struct script_probe *x = script_of(p);

	assert(x->under_way);
	x->under_way = false;
	loop_timer_cancel(&x->answer);
}

static void
script_free(struct probe *p)
{
	assert(!script_of(p)->under_way);
	free(script_of(p));
}

static void
script_describe(const struct probe *p, struct str *out)
{
	str_printf(out, "script %s", ((const struct script_conf *)p->conf)->target);
}

const struct probe_kind sim_probe = {
    .variant = {.type = "script", .schema = &script_schema},
    .new = script_new,
    .start = script_start,
    .cancel = script_cancel,
    .free = script_free,
    .describe = script_describe,
};
