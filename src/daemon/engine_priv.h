/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's own struct, for engine*.c alone.
 */
#ifndef DAEMON_ENGINE_PRIV_H
#define DAEMON_ENGINE_PRIV_H

#include "base/history.h"
#include "base/metric.h"
#include "base/rng.h"
#include "core/runner.h"
#include "daemon/engine.h"
#include "kernel/address_sink.h"

struct engine_runner {
	struct runner runner;
	struct engine *engine;
	RB_ENTRY(engine_runner) tree;
};
RB_HEAD(engine_runners, engine_runner);

enum engine_phase { ENGINE_RUNNING, ENGINE_WITHDRAWING, ENGINE_LEAVING, ENGINE_STOPPED };

struct engine {
	struct engine_env *env;
	struct history history;
	struct rng rng;
	struct core_env core_env;
	struct core *core;
	struct probe_env probe_env;
	struct probe_shared_list probe_shared;
	struct engine_runners runners;
	struct speaker *speakers[KINDS_SPEAKERS_MAX];
	struct kernel_listener listener;
	struct address_sink *addresses;
	struct address_sink_host address_host;
	struct loop_task decide;
	struct loop_timer deadline;
	struct conf_generation *generation;
	uint64_t generations;
	char name[64]; /* the node's */
	struct command_list commands;
	struct command_host own_commands;
	struct engine_reload reload;
	mono_t started;
	int64_t started_wall_ns;
	enum engine_phase phase;
	char *stop_text;
	struct loop_timer stop_poll;
	mono_t stop_limit;
};

extern const struct command engine_command_rows[];
struct engine *engine_of_host(struct command_host *host);
/* The table of services, of one when the call names it. */
void engine_services_table(struct engine *e, const struct command_call *call, struct answer *a);
void engine_status(struct command_host *host, const struct command_call *call, struct answer *a);
void engine_explain(struct command_host *host, const struct command_call *call, struct answer *a);
/* The runner of a probe, or NULL. */
const struct runner *engine_runner_find(const struct engine *e, const char *name);

RB_PROTOTYPE(engine_runners, engine_runner, tree, engine_runner_cmp)
int engine_runner_cmp(const struct engine_runner *a, const struct engine_runner *b);

#endif
