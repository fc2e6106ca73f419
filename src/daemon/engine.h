/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: one node, assembled. Configuration in; probes, decisions and speakers at work.
 *
 * It runs on whatever loop, network and host it is given: nighd gives it the real ones, the
 * simulator runs many engines in one process on virtual ones.
 */
#ifndef DAEMON_ENGINE_H
#define DAEMON_ENGINE_H

#include "core/command.h"
#include "core/core.h"
#include "core/kernel_port.h"
#include "daemon/config.h"
#include "loop/net.h"

struct engine;

/* What came of asking for a reload; `diag` text is for people, "" when fine. */
struct engine_reload {
	uint64_t ticket; /* counts reloads asked for */
	bool pending;
	bool ok;
	char *text; /* owned by the engine */
};

struct engine_env;
/* Everything has been withdrawn and said: the process may end. */
typedef void engine_stopped_fn(struct engine_env *env);
/* The operator wants the configuration to be read again; the answer comes by engine_reloaded(). */
typedef void engine_reload_fn(struct engine_env *env);

/* Embedded in whoever composes the engine, and outlives it. */
struct engine_env {
	struct loop *loop;
	struct net *net;
	struct kernel_port *kernel; /* the engine becomes its listener */
	uint64_t seed;
	engine_stopped_fn *stopped;
	engine_reload_fn *reload; /* NULL: reload is refused */
};

struct engine *engine_new(struct engine_env *env, const struct node_conf *node);
void engine_free(struct engine *e);

/* Makes a generation the one in force (and owns it from now on): the difference to the one before
 * is carried out, what is equal is not touched. Not while stopping. */
void engine_apply(struct engine *e, struct conf_generation *g);
/* The answer to env.reload: `error` NULL when a new generation was applied. */
void engine_reloaded(struct engine *e, const char *error);
/* What is wrong with a configuration, a line of the log for each line of the text. */
void engine_log_lines(const char *text);
/* Starts a reload as the operator's command does (SIGHUP); returns its ticket. While one is under
 * way the file is read once more, so that what was written meanwhile counts, and one answer goes to
 * both. Nothing happens while stopping. */
uint64_t engine_reload(struct engine *e);

/* Withdraws, drains, gives up addresses, says goodbye to neighbors with `text`, then calls
 * env.stopped: after ENGINE_STOP_LIMIT at the latest, beyond the longest drain. */
void engine_stop(struct engine *e, const char *text);
#define ENGINE_STOP_LIMIT (5 * DUR_S)
/* From engine_stop() on: no configuration is taken any more. */
bool engine_stopping(const struct engine *e);

const struct command_list *engine_commands(struct engine *e);
void engine_metrics(struct engine *e, struct str *out);
/* For the simulator's invariants and the tests. */
struct core *engine_core(struct engine *e);
const struct history *engine_history(const struct engine *e);
const struct config *engine_config(const struct engine *e);

#endif
