/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: when each probe asks, and for how long at most.
 *
 * Attempts of one probe start every `frequency`, drift-free, the first one at a random point of the
 * first period (spread), each one moved by a small jitter so that nodes do not march in step. An
 * attempt that has no verdict after `timeout` is cancelled and counts as failed. Attempts never
 * overlap: a timeout longer than the frequency is refused by the configuration. A failure is
 * followed by confirming attempts every `retry`, until `fall` in a row have failed or one has not.
 */
#ifndef CORE_RUNNER_H
#define CORE_RUNNER_H

#include "core/probe.h"

struct runner;
typedef void runner_result_fn(struct runner *r, const struct probe_sample *sample);

struct runner {
	char *name;
	const struct probe_conf *conf; /* of the current generation */
	struct probe *probe;
	const struct probe_env *env;
	runner_result_fn *result;
	struct loop_timer next;
	struct loop_timer deadline;
	struct loop_timer again; /* the next confirming attempt */
	mono_t planned;          /* the undisturbed start of the next attempt */
	mono_t started;
	bool running;
	struct probe_sample last;
	mono_t last_at; /* of the last verdict; valid when attempts > 0 */
	uint64_t attempts;
	uint64_t failures;
	uint64_t late; /* good answers beyond the threshold */
	uint32_t failed_in_row;
	uint64_t by_why[WHY_COUNT];
	dur_t rtt_sum; /* of successful attempts */
};

/* Prepares; nothing runs before runner_start(). `name` is copied, `conf` must outlive the runner or
 * be replaced by runner_set_conf(). */
void runner_init(struct runner *r, const struct probe_env *env, const char *name,
    const struct probe_conf *conf, runner_result_fn *result);
void runner_start(struct runner *r);
/* Asks now, unless an attempt is under way; the schedule goes on unchanged. */
void runner_ask_now(struct runner *r);
/* The same options in a new generation: the pointer moves, nothing else happens. */
void runner_set_conf(struct runner *r, const struct probe_conf *conf);
/* Cancels what is under way and frees the probe. */
void runner_done(struct runner *r);

#endif
