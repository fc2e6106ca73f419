/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain views of tracks and services, and the counters of their transitions, for whoever shows
 * them. The pointers in a view are good until the core is next run or configured.
 */
#include "core/core_priv.h"

bool
core_track_at(const struct core *c, size_t index, struct track_view *out)
{
	const struct track *t;

	if (index >= c->order_count)
		return false;
	t = c->order[index];
	*out = (struct track_view){
	    .name = t->name,
	    .kind = track_kind_str(t->kind),
	    .state = t->state,
	    .why = t->why,
	    .detail = t->detail,
	    .since = t->since,
	    .streak = t->streak,
	    .streak_ok = t->streak_ok,
	    .pending = t->delay_due.armed,
	    .pending_at = t->delay_due.at,
	};
	return true;
}

bool
core_service_at(const struct core *c, size_t index, struct service_view *out)
{
	const struct service *s;

	if (index >= c->service_count)
		return false;
	s = c->service_order[index];
	*out = (struct service_view){
	    .name = s->name,
	    .conf = s->conf,
	    .level = s->level,
	    .why = s->why,
	    .culprit = s->culprit != NULL ? s->culprit : "",
	    .since = s->since,
	    .admin = s->admin,
	    .draining = s->draining,
	    .drain_until = s->drain_until,
	    .damped = s->damped,
	    .damped_until = s->damped_until,
	    .holding = s->holding,
	    .hold_until = s->hold_until,
	};
	return true;
}

static void
each_track(const struct track *t, core_count_fn *fn, void *arg)
{
	const char *kind = t->kind == TRACK_PROBE ? "probe" : "track";

	for (int state = 0; state <= TRACK_DOWN; state++) {
		for (int why = 0; why < WHY_COUNT; why++) {
			if (t->counts[state][why] > 0)
				fn(arg, kind, t->name, track_state_str((enum track_state)state),
				    (enum why)why, t->counts[state][why]);
		}
	}
}

static void
each_service(const struct service *s, core_count_fn *fn, void *arg)
{
	for (int level = 0; level < LEVEL_COUNT; level++) {
		for (int why = 0; why < WHY_COUNT; why++) {
			if (s->counts[level][why] > 0)
				fn(arg, "service", s->name,
				    service_level_str((enum service_level)level), (enum why)why,
				    s->counts[level][why]);
		}
	}
}

void
core_each_count(const struct core *c, core_count_fn *fn, void *arg)
{
	for (size_t i = 0; i < c->order_count; i++)
		each_track(c->order[i], fn, arg);
	for (size_t i = 0; i < c->service_count; i++)
		each_service(c->service_order[i], fn, arg);
	intent_each_count(c->intent, fn, arg);
}
