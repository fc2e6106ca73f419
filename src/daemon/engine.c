/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine assembles one node and keeps it going.
 *
 * The flow of one turn: runners, the kernel's listener and operators hand facts to the core, which
 * wakes `decide`; at the end of the turn core_run() turns all of them into one change of the
 * intent; the sinks (address sink, neighbors of the speakers) are notified and act in tasks of
 * their own, in the same turn. One timer waits for the core's next deadline.
 *
 * Applying a generation is a diff by name: the core keeps what is equal, a runner whose options are
 * equal gets a new pointer and nothing else, speakers decide per neighbor.
 *
 * Owns: runners, core, speakers, history, and the generation in force.
 */
#include "daemon/engine.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/engine_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STOP_POLL (10 * DUR_MS)

int
engine_runner_cmp(const struct engine_runner *a, const struct engine_runner *b)
{
	return strcmp(a->runner.name, b->runner.name);
}

RB_GENERATE(engine_runners, engine_runner, tree, engine_runner_cmp)

static struct engine_runner *
runner_find(const struct engine *e, const char *name)
{
	struct engine_runner key = {.runner.name = (char *)(uintptr_t)name};
	struct engine_runners *runners = (struct engine_runners *)(uintptr_t)&e->runners;

	return RB_FIND(engine_runners, runners, &key);
}

const struct runner *
engine_runner_find(const struct engine *e, const char *name)
{
	const struct engine_runner *er = runner_find(e, name);

	return er != NULL ? &er->runner : NULL;
}

struct engine *
engine_of_host(struct command_host *host)
{
	return container_of(host, struct engine, own_commands);
}

/* -- facts -- */

static void
on_wake(struct core_env *env)
{
	struct engine *e = container_of(env, struct engine, core_env);

	loop_task_schedule(&e->decide);
}

static void
on_decide(struct loop_task *t)
{
	struct engine *e = container_of(t, struct engine, decide);
	mono_t next = core_run(e->core, loop_now(e->env->loop));

	loop_timer_at(&e->deadline, next);
}

static void
on_deadline(struct loop_timer *t)
{
	struct engine *e = container_of(t, struct engine, deadline);

	loop_task_schedule(&e->decide);
}

static void
on_sample(struct runner *r, const struct probe_sample *sample)
{
	struct engine *e = container_of(r, struct engine_runner, runner)->engine;

	core_sample(e->core, r->name, sample, loop_now(e->env->loop));
}

static void
on_address(struct kernel_listener *l, const struct prefix *prefix, bool present, int error)
{
	struct engine *e = container_of(l, struct engine, listener);

	address_sink_state(e->addresses, prefix, present, error);
}

static void
on_present(struct address_sink_host *h, const struct prefix *prefix, bool present)
{
	struct engine *e = container_of(h, struct engine, address_host);

	core_address(e->core, prefix, present, loop_now(e->env->loop));
}

static void
on_link(struct kernel_listener *l, const char *ifname, bool up)
{
	struct engine *e = container_of(l, struct engine, listener);

	core_link(e->core, ifname, up, loop_now(e->env->loop));
}

static bool
service_has(const struct service_conf *s, const struct addr *addr)
{
	const struct prefix *p = s->addresses.items;

	for (size_t i = 0; i < s->addresses.count; i++) {
		if (addr_equal(&p[i].addr, addr))
			return true;
	}
	return false;
}

/* The probes that a service on this address requires ask at once, out of turn. */
static void
ask_at_once(struct engine *e, const struct addr *addr)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		const char *const *name = v.conf->require.items;
		if (!service_has(v.conf, addr))
			continue;
		for (size_t k = 0; k < v.conf->require.count; k++) {
			struct engine_runner *er = runner_find(e, name[k]);
			if (er != NULL)
				runner_ask_now(&er->runner);
		}
	}
}

/* What the kernel says of a port needs no confirmation; that a server is there again is worth a
 * question before the probe's turn comes. */
static void
on_served(struct kernel_listener *l, const struct kernel_listen *what, enum kernel_served served,
    enum why why)
{
	struct engine *e = container_of(l, struct engine, listener);

	core_served(e->core, what, served, why, loop_now(e->env->loop));
	if (served == KERNEL_SERVED)
		ask_at_once(e, &what->addr);
}

/* A server looks wrong, which may be a mistake: a failure will be confirmed by the probes' retries.
 */
static void
on_suspect(struct kernel_listener *l, const struct kernel_listen *what, enum why why)
{
	struct engine *e = container_of(l, struct engine, listener);
	char text[ADDR_TEXT];

	log_info("%s port %u: %s: the probes ask at once",
	    addr_format(&what->addr, text, sizeof(text)), what->port, why_text(why));
	ask_at_once(e, &what->addr);
}

/* -- life -- */

static void
speakers_new(struct engine *e)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		struct speaker_env env = {
		    .loop = e->env->loop,
		    .net = e->env->net,
		    .intent = core_intent(e->core),
		    .history = &e->history,
		    .rng = &e->rng,
		    .audience = 1u << i,
		};
		e->speakers[i] = kinds_speakers[i]->new (&env);
		if (e->speakers[i]->commands.commands != NULL)
			TAILQ_INSERT_TAIL(&e->commands, &e->speakers[i]->commands, link);
	}
}

static void on_stop_poll(struct loop_timer *t);

struct engine *
engine_new(struct engine_env *env, const struct node_conf *node)
{
	struct engine *e = mem_alloc(sizeof(*e));
	mono_t now = loop_now(env->loop);

	e->env = env;
	e->started = now;
	e->started_wall_ns = loop_wall_ns(env->loop);
	str_copy(e->name, sizeof(e->name), node->name);
	rng_init(&e->rng, env->seed);
	history_init(&e->history, node->history);
	RB_INIT(&e->runners);
	TAILQ_INIT(&e->commands);
	e->own_commands.commands = engine_command_rows;
	TAILQ_INSERT_TAIL(&e->commands, &e->own_commands, link);

	e->core_env = (struct core_env){
	    .history = &e->history,
	    .wake = on_wake,
	    .wall_offset_ns = e->started_wall_ns - now.ns,
	    .speakers = kinds_speaker_names,
	};
	loop_task_init(&e->decide, env->loop, on_decide);
	loop_timer_init(&e->deadline, env->loop, on_deadline);
	loop_timer_init(&e->stop_poll, env->loop, on_stop_poll);
	e->core = core_new(&e->core_env);
	LIST_INIT(&e->probe_shared);
	e->probe_env = (struct probe_env){
	    .loop = env->loop,
	    .kernel = env->kernel,
	    .rng = &e->rng,
	    .shared = &e->probe_shared,
	};
	e->listener = (struct kernel_listener){
	    .address = on_address,
	    .link = on_link,
	    .served = on_served,
	    .suspect = on_suspect,
	};
	e->address_host.present = on_present;
	e->addresses =
	    address_sink_new(env->loop, core_intent(e->core), env->kernel, &e->address_host);
	env->kernel->listener = &e->listener;
	speakers_new(e);
	return e;
}

static void
runner_del(struct engine *e, struct engine_runner *er)
{
	RB_REMOVE(engine_runners, &e->runners, er);
	runner_done(&er->runner);
	free(er);
}

void
engine_free(struct engine *e)
{
	struct engine_runner *er, *next;

	RB_FOREACH_SAFE (er, engine_runners, &e->runners, next)
		runner_del(e, er);
	probe_shared_free_all(&e->probe_env);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->free(e->speakers[i]);
	e->env->kernel->listener = NULL;
	address_sink_free(e->addresses);
	loop_task_cancel(&e->decide);
	loop_timer_cancel(&e->deadline);
	loop_timer_cancel(&e->stop_poll);
	core_free(e->core);
	history_done(&e->history);
	if (e->generation != NULL)
		conf_free(e->generation);
	free(e->reload.text);
	free(e->stop_text);
	free(e);
}

/* -- configuration -- */

static void
runners_apply(struct engine *e, const struct conf_map *probes)
{
	struct engine_runner *er, *next;

	RB_FOREACH_SAFE (er, engine_runners, &e->runners, next) {
		const struct conf_map_entry *entry = conf_map_find(probes, er->runner.name);
		if (entry == NULL ||
		    !conf_equal(&config_probe_schema, er->runner.conf, entry->value))
			runner_del(e, er);
		else
			runner_set_conf(&er->runner, entry->value);
	}
	for (size_t i = 0; i < probes->count; i++) {
		const struct conf_map_entry *entry = &probes->entries[i];
		if (runner_find(e, entry->name) != NULL)
			continue;
		er = mem_alloc(sizeof(*er));
		er->engine = e;
		runner_init(&er->runner, &e->probe_env, entry->name, entry->value, on_sample);
		RB_INSERT(engine_runners, &e->runners, er);
		runner_start(&er->runner);
	}
}

/* A reload in the history: from one generation to the next, or to none. */
static void
record_config(struct engine *e, const char *refused, const char *detail)
{
	struct history_event event = {.at = loop_now(e->env->loop), .kind = "config"};
	bool failed = refused[0] != '\0';

	event.wall_ns = event.at.ns + e->core_env.wall_offset_ns;
	str_copy(event.object, sizeof(event.object), e->name);
	snprintf(event.from, sizeof(event.from), "%" PRIu64, e->generations - !failed);
	if (failed)
		str_copy(event.to, sizeof(event.to), refused);
	else
		snprintf(event.to, sizeof(event.to), "%" PRIu64, e->generations);
	str_copy(event.why, sizeof(event.why), why_str(WHY_CONFIG));
	str_copy(event.detail, sizeof(event.detail), detail);
	event.detail[strcspn(event.detail, "\n")] = '\0';
	history_add(&e->history, &event);
}

void
engine_apply(struct engine *e, struct conf_generation *g)
{
	const struct config *config = g->root;
	struct core_conf core = config_core(config);
	struct conf_generation *old = e->generation;
	struct node_conf node;
	struct speaker_node identity;

	assert(!engine_stopping(e));
	g->number = ++e->generations;
	node = config_node(config, e->name, sizeof(e->name));
	if (node.name != e->name)
		str_copy(e->name, sizeof(e->name), node.name);
	log_set_level((enum log_level)node.log_level);
	identity = (struct speaker_node){.name = e->name, .router_id = node.router_id};

	core_configure(e->core, &core, loop_now(e->env->loop));
	runners_apply(e, &config->probes);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->configure(e->speakers[i], &identity, config->speakers[i]);
	e->generation = g;
	if (old != NULL)
		conf_free(old);
	loop_task_schedule(&e->decide);
	record_config(e, "", g->file);
	log_notice("configuration: generation %" PRIu64 " of %s is in force", g->number, g->file);
}

void
engine_log_lines(const char *text)
{
	char *copy = mem_strdup(text), *rest = copy, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (line[0] != '\0')
			log_error("%s", line);
	}
	free(copy);
}

uint64_t
engine_reload(struct engine *e)
{
	if (engine_stopping(e))
		return e->reload.ticket;
	if (!e->reload.pending) {
		e->reload.pending = true;
		e->reload.ticket++;
	}
	e->env->reload(e->env);
	return e->reload.ticket;
}

void
engine_reloaded(struct engine *e, const char *error)
{
	e->reload.pending = false;
	e->reload.ok = error == NULL;
	free(e->reload.text);
	e->reload.text = error != NULL ? mem_strdup(error) : NULL;
	if (error == NULL)
		return;
	record_config(e, "refused", error);
	log_error(
	    "configuration: not reloaded, generation %" PRIu64 " stays in force:", e->generations);
	engine_log_lines(error);
}

/* -- stopping -- */

static dur_t
longest_drain(const struct engine *e)
{
	struct service_view v;
	dur_t longest = 0;

	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		if (v.conf->drain > longest)
			longest = v.conf->drain;
	}
	return longest;
}

static void
speakers_stop(struct engine *e)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->stop(e->speakers[i], e->stop_text);
}

static bool
speakers_idle(const struct engine *e)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		if (!kinds_speakers[i]->idle(e->speakers[i]))
			return false;
	}
	return true;
}

/* Routes first, then addresses, then neighbors: each phase ends when it is done or out of time. */
static void
on_stop_poll(struct loop_timer *t)
{
	struct engine *e = container_of(t, struct engine, stop_poll);
	mono_t now = loop_now(e->env->loop);
	bool late = !mono_before(now, e->stop_limit);

	if (e->phase == ENGINE_WITHDRAWING && (core_stopped(e->core) || late)) {
		if (!core_stopped(e->core))
			log_warn("stop: not everything could be withdrawn in time; leaving anyway");
		e->phase = ENGINE_LEAVING;
		e->stop_limit = mono_add(now, ENGINE_STOP_LIMIT / 5);
		speakers_stop(e);
	} else if (e->phase == ENGINE_LEAVING && (speakers_idle(e) || late)) {
		e->phase = ENGINE_STOPPED;
		e->env->stopped(e->env);
		return;
	}
	loop_timer_after(&e->stop_poll, STOP_POLL);
}

void
engine_stop(struct engine *e, const char *text)
{
	mono_t now = loop_now(e->env->loop);

	if (engine_stopping(e))
		return;
	e->phase = ENGINE_WITHDRAWING;
	e->stop_text = mem_strdup(text);
	e->stop_limit = mono_add(now, longest_drain(e) + ENGINE_STOP_LIMIT * 4 / 5);
	core_stop(e->core, now);
	loop_task_schedule(&e->decide);
	loop_timer_after(&e->stop_poll, STOP_POLL);
}

bool
engine_stopping(const struct engine *e)
{
	return e->phase != ENGINE_RUNNING;
}

const struct command_list *
engine_commands(struct engine *e)
{
	return &e->commands;
}

struct core *
engine_core(struct engine *e)
{
	return e->core;
}

const struct history *
engine_history(const struct engine *e)
{
	return &e->history;
}

const struct config *
engine_config(const struct engine *e)
{
	return e->generation != NULL ? e->generation->root : NULL;
}
