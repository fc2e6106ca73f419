/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit probe: systemd says that a unit is active.
 *
 * That a service's main process runs says little of whether it serves, but for units without a
 * network side (a mount, a tunnel, a target) it is what can be asked. systemd is asked over the
 * system bus (unit_bus_systemd.c); any user may. A nighd that was built without libsystemd knows
 * the options, and refuses a configuration with the kind.
 */
#include "core/probe.h"
#include "probe/probe_kinds.h"
#include "probe/unit_bus.h"

#include <stdlib.h>
#include <string.h>

struct unit_conf {
	const char *unit;
	uint32_t states;       /* mask of enum active_state */
	struct conf_list subs; /* of const char *; empty: any */
};

struct unit_shared {
	struct probe_shared shared;
	struct unit_bus *bus;
};

struct unit_probe {
	struct probe probe;
	struct unit_shared *shared;
	struct unit_ask ask;
};

enum active_state {
	STATE_ACTIVE = 1,
	STATE_RELOADING = 2,
	STATE_INACTIVE = 4,
	STATE_FAILED = 8,
	STATE_ACTIVATING = 16,
	STATE_DEACTIVATING = 32,
	STATE_MAINTENANCE = 64,
};

static const struct conf_choice states[] = {
    {"active", STATE_ACTIVE, "started, and not yet told to stop"},
    {"reloading", STATE_RELOADING, "active, and reading its configuration again"},
    {"inactive", STATE_INACTIVE, "not started, or unknown to systemd"},
    {"failed", STATE_FAILED, "ended by a failure"},
    {"activating", STATE_ACTIVATING, "being started"},
    {"deactivating", STATE_DEACTIVATING, "being stopped"},
    {"maintenance", STATE_MAINTENANCE, "inactive while a clean-up runs"},
    {0},
};

static const struct conf_row rows[] = {
    {.key = "unit",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct unit_conf, unit),
	.doc = "The unit with its suffix: nginx.service."},
    {.key = "state",
	.type = CONF_FLAGS,
	.choices = states,
	.dflt = "active",
	.offset = offsetof(struct unit_conf, states),
	.doc = "The states (ActiveState) that count as healthy."},
    {.key = "sub-state",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.max = UNIT_STATE - 1,
	.offset = offsetof(struct unit_conf, subs),
	.doc = "The finer states (SubState) that count as healthy, such as running. Without it, "
	       "any."},
    {.type = CONF_END},
};

static void
unit_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct unit_conf *c = obj;
	const char *dot = strrchr(c->unit, '.');

	if (unit_bus_missing() != NULL)
		conf_error(ctx, conf_node_find(node, "type"), "type unit: %s", unit_bus_missing());
	if (dot == NULL || dot == c->unit || dot[1] == '\0' || strchr(c->unit, '/') != NULL)
		conf_error(ctx, conf_node_find(node, "unit"),
		    "unit: '%s' is no name of a unit: write it with its suffix, as in "
		    "nginx.service",
		    c->unit);
}

static const struct conf_schema schema = {
    .name = "unit",
    .size = sizeof(struct unit_conf),
    .rows = rows,
    .check = unit_check,
    .doc = "Asks systemd for the state of a unit. Needs a nighd that was built with libsystemd.",
};

static void
unit_shared_free(struct probe_shared *s)
{
	struct unit_shared *u = container_of(s, struct unit_shared, shared);

	unit_bus_free(u->bus);
	free(u);
}

static struct unit_shared *
unit_shared_get(const struct probe_env *env)
{
	struct probe_shared *s = probe_shared_find(env, &probe_unit);
	struct unit_shared *u;

	if (s != NULL)
		return container_of(s, struct unit_shared, shared);
	u = mem_alloc(sizeof(*u));
	u->bus = unit_bus_new(env->loop);
	u->shared.free = unit_shared_free;
	probe_shared_add(env, &probe_unit, &u->shared);
	return u;
}

static bool
state_wanted(const struct unit_conf *c, const char *active)
{
	for (const struct conf_choice *s = states; s->word != NULL; s++) {
		if ((c->states & (uint32_t)s->value) != 0 && strcmp(s->word, active) == 0)
			return true;
	}
	return false;
}

static bool
sub_wanted(const struct unit_conf *c, const char *sub)
{
	const char *const *words = c->subs.items;

	for (size_t i = 0; i < c->subs.count; i++) {
		if (strcmp(words[i], sub) == 0)
			return true;
	}
	return c->subs.count == 0;
}

static void
on_answer(struct unit_ask *a, const struct unit_answer *answer)
{
	struct unit_probe *u = container_of(a, struct unit_probe, ask);
	const struct unit_conf *c = u->probe.conf;

	if (answer->error < 0)
		probe_fail(&u->probe, WHY_LOCAL, "%s: %s", answer->text, strerror(-answer->error));
	else if (state_wanted(c, answer->active) && sub_wanted(c, answer->sub))
		probe_ok(&u->probe, "%s (%s)", answer->active, answer->sub);
	else
		probe_fail(&u->probe, WHY_STATUS, "%s (%s)", answer->active, answer->sub);
}

static struct probe *
unit_new(const struct probe_env *env, const void *kind_conf)
{
	struct unit_probe *u = mem_alloc(sizeof(*u));

	u->shared = unit_shared_get(env);
	u->ask.fn = on_answer;
	return &u->probe;
}

static void
unit_start(struct probe *p)
{
	struct unit_probe *u = container_of(p, struct unit_probe, probe);
	const struct unit_conf *c = p->conf;

	unit_bus_ask(u->shared->bus, &u->ask, c->unit);
}

static void
unit_cancel(struct probe *p)
{
	unit_bus_cancel(&container_of(p, struct unit_probe, probe)->ask);
}

static void
unit_free(struct probe *p)
{
	free(container_of(p, struct unit_probe, probe));
}

static void
unit_describe(const struct probe *p, struct str *out)
{
	const struct unit_conf *c = p->conf;

	str_printf(out, "unit %s", c->unit);
}

static void
unit_timed_out(const struct probe *p, char *detail, size_t size)
{
	str_copy(detail, size, "systemd did not answer");
}

const struct probe_kind probe_unit = {
    .variant = {.type = "unit", .schema = &schema},
    .new = unit_new,
    .start = unit_start,
    .cancel = unit_cancel,
    .free = unit_free,
    .describe = unit_describe,
    .timed_out = unit_timed_out,
};
