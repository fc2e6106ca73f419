/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runner: when each probe asks, and for how long at most.
 *
 * `planned` walks a fixed grid of one frequency per step, so that lateness never adds up; every
 * attempt starts at its grid point moved by up to 2 % of the frequency, so that nodes do not march
 * in step. The first point of the grid is random within the first period, but at most one second
 * away: ten thousand probes spread out, and yet an operator who starts the daemon does not wait.
 *
 * Attempts never overlap. When the grid point comes while an attempt is under way (a time-out as
 * long as the frequency, or an attempt out of turn), the next one starts at the latest moment at
 * which the running one can end. After a stall of more than a period the missed points are counted
 * and skipped, not made up for.
 *
 * The owner embeds struct runner; the runner owns the probe and its two timers. The owner may end
 * the runner (runner_done) in its result callback.
 */
#include "core/runner.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNNER_SPREAD_MAX     DUR_S
#define RUNNER_JITTER_DIVISOR 50 /* a fiftieth: 2 % */

static dur_t
runner_jitter(const struct runner *r)
{
	dur_t most = r->conf->frequency / RUNNER_JITTER_DIVISOR;

	return rng_between(r->env->rng, -most, most);
}

/* A first failure is confirmed, or refuted, soon. */
static void
runner_confirm(struct runner *r, bool ok)
{
	loop_timer_cancel(&r->again);
	r->failed_in_row = ok ? 0 : r->failed_in_row + 1;
	if (!ok && r->failed_in_row < r->conf->fall && r->conf->retry > 0)
		loop_timer_after(&r->again, r->conf->retry);
}

static void
runner_again(struct loop_timer *t)
{
	runner_ask_now(container_of(t, struct runner, again));
}

/* The one place where a verdict takes effect. */
static void
runner_verdict(struct runner *r, const struct probe_sample *sample)
{
	mono_t now = loop_now(r->env->loop);

	r->running = false;
	loop_timer_cancel(&r->deadline);
	r->last = *sample;
	r->last.rtt = mono_sub(now, r->started);
	r->last_at = now;
	r->attempts++;
	r->by_why[sample->why]++;
	r->last.late = sample->ok && r->conf->threshold > 0 && r->last.rtt > r->conf->threshold;
	r->late += r->last.late;
	if (sample->ok)
		r->rtt_sum += r->last.rtt;
	else
		r->failures++;
	runner_confirm(r, sample->ok);
	r->result(r, &r->last);
}

void
probe_done(struct probe *p, const struct probe_sample *sample)
{
	assert(p->runner->running);
	runner_verdict(p->runner, sample);
}

static void
runner_timed_out(struct loop_timer *t)
{
	struct runner *r = container_of(t, struct runner, deadline);
	struct probe_sample sample = {.why = WHY_TIMEOUT};
	char text[32];

	assert(r->running);
	if (r->probe->kind->timed_out != NULL)
		r->probe->kind->timed_out(r->probe, sample.detail, sizeof(sample.detail));
	if (sample.detail[0] == '\0')
		snprintf(sample.detail, sizeof(sample.detail), "no answer within %s",
		    dur_format(r->conf->timeout, text, sizeof(text)));
	r->probe->kind->cancel(r->probe);
	runner_verdict(r, &sample);
}

static void
runner_attempt(struct runner *r)
{
	r->running = true;
	r->started = loop_now(r->env->loop);
	loop_timer_at(&r->deadline, mono_add(r->started, r->conf->timeout));
	r->probe->kind->start(r->probe);
}

/* Moves the grid on to its first point after `now` and arms the timer for it. */
static void
runner_plan(struct runner *r, mono_t now)
{
	dur_t late = mono_sub(now, r->planned);
	int64_t steps = 1;

	/* A jitter lets an attempt start before its point: that is one step as well. */
	if (late >= r->conf->frequency)
		steps += late / r->conf->frequency;
	r->by_why[WHY_MISSED] += (uint64_t)(steps - 1);
	r->planned = mono_add(r->planned, steps * r->conf->frequency);
	loop_timer_at(&r->next, mono_add(r->planned, runner_jitter(r)));
}

static void
runner_due(struct loop_timer *t)
{
	struct runner *r = container_of(t, struct runner, next);

	if (r->running) {
		/* Armed after the deadline timer, so it comes after it at the same moment. */
		loop_timer_at(&r->next, r->deadline.deadline);
		return;
	}
	runner_plan(r, loop_now(r->env->loop));
	runner_attempt(r);
}

void
runner_init(struct runner *r, const struct probe_env *env, const char *name,
    const struct probe_conf *conf, runner_result_fn *result)
{
	const struct probe_kind *kind = probe_kind_of(conf);

	memset(r, 0, sizeof(*r));
	r->name = mem_strdup(name);
	r->conf = conf;
	r->env = env;
	r->result = result;
	loop_timer_init(&r->next, env->loop, runner_due);
	loop_timer_init(&r->deadline, env->loop, runner_timed_out);
	loop_timer_init(&r->again, env->loop, runner_again);
	r->probe = kind->new (env, conf->kind_conf);
	r->probe->kind = kind;
	r->probe->runner = r;
	r->probe->name = r->name;
	r->probe->conf = conf->kind_conf;
}

void
runner_start(struct runner *r)
{
	dur_t spread =
	    r->conf->frequency < RUNNER_SPREAD_MAX ? r->conf->frequency : RUNNER_SPREAD_MAX;

	r->planned = mono_add(loop_now(r->env->loop), rng_between(r->env->rng, 0, spread));
	loop_timer_at(&r->next, r->planned);
}

void
runner_ask_now(struct runner *r)
{
	if (!r->running)
		runner_attempt(r);
}

void
runner_set_conf(struct runner *r, const struct probe_conf *conf)
{
	assert(probe_kind_of(conf) == r->probe->kind);
	r->conf = conf;
	r->probe->conf = conf->kind_conf;
}

void
runner_done(struct runner *r)
{
	if (r->probe == NULL)
		return;
	loop_timer_cancel(&r->next);
	loop_timer_cancel(&r->deadline);
	loop_timer_cancel(&r->again);
	if (r->running) {
		r->running = false;
		r->probe->kind->cancel(r->probe);
	}
	r->probe->kind->free(r->probe);
	r->probe = NULL;
	free(r->name);
	r->name = NULL;
}
