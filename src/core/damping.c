/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damping: a service that goes down too often has to stay well for a while before it comes up
 * again.
 *
 * Every time its health takes a service down it gets a penalty of one, and the sum halves every
 * `half-life`. At `suppress` the service is damped: it stays down, however well it is, until the
 * sum has fallen to `reuse`. The sum is capped so that this takes `max` at the longest. (RFC 2439
 * did this to other people's routes; here a node does it to its own, before anybody sees the
 * flaps.)
 *
 * Pure: times in, numbers out.
 */
#include "core/core_priv.h"

#include <math.h>

static const struct conf_row damping_rows[] = {
    {
	.key = "half-life",
	.type = CONF_DUR,
	.offset = offsetof(struct damping_conf, half_life),
	.dflt = "30s",
	.min = DUR_S,
	.max = DUR_DAY,
	.doc = "The time in which the penalty halves.",
    },
    {
	.key = "suppress",
	.type = CONF_DOUBLE,
	.offset = offsetof(struct damping_conf, suppress),
	.dflt = "3",
	.min = 1,
	.max = 1000,
	.doc = "At this penalty the service is damped. Each time that it goes down counts one.",
    },
    {
	.key = "reuse",
	.type = CONF_DOUBLE,
	.offset = offsetof(struct damping_conf, reuse),
	.dflt = "1",
	.max = 1000,
	.doc = "At this penalty it may come up again.",
    },
    {
	.key = "max",
	.type = CONF_DUR,
	.offset = offsetof(struct damping_conf, max),
	.dflt = "5m",
	.min = DUR_S,
	.max = DUR_DAY,
	.doc = "The longest time that a well service is kept down.",
    },
    {.type = CONF_END},
};

static void
damping_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct damping_conf *d = obj;

	if (d->reuse <= 0 || d->reuse >= d->suppress)
		conf_error(ctx, node, "reuse (%g) must be more than 0 and less than suppress (%g)",
		    d->reuse, d->suppress);
}

const struct conf_schema damping_schema = {
    .name = "damping",
    .size = sizeof(struct damping_conf),
    .rows = damping_rows,
    .check = damping_check,
    .doc = "Keeps a service that goes down too often down until it has been well for a while.",
};

/* The penalty at `now`. */
static double
penalty_now(const struct service *s, mono_t now)
{
	double halves = (double)mono_sub(now, s->penalty_at) / (double)s->conf->damping->half_life;

	return s->penalty * exp2(-halves);
}

void
damping_penalise(struct service *s, mono_t now)
{
	const struct damping_conf *d = s->conf->damping;
	double most;

	if (d == NULL)
		return;
	most = d->reuse * exp2((double)d->max / (double)d->half_life);
	s->penalty = fmin(penalty_now(s, now) + 1, fmax(most, d->suppress));
	s->penalty_at = now;
	if (s->penalty >= d->suppress)
		s->damped = true;
}

bool
damping_holds(struct service *s, mono_t now)
{
	const struct damping_conf *d = s->conf->damping;
	double halves;

	if (d == NULL)
		s->damped = false;
	if (!s->damped)
		return false;
	halves = log2(s->penalty / d->reuse);
	s->damped_until = mono_add(s->penalty_at, (dur_t)(halves * (double)d->half_life));
	s->damped = mono_before(now, s->damped_until);
	return s->damped;
}
