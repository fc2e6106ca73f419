/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks: from samples and facts to up or down.
 *
 * A track has two states: `raw`, what the facts say at this moment, and `state`, what counts. A
 * probe's raw state changes after `rise` successes or `fall` failures in a row; an interface's with
 * its link; a list's with its members. The state follows the raw one at once, or after the raw one
 * has lasted for the delay without a break.
 *
 * Nothing ever returns to "unknown": when a reload adds a member that has not reported yet, a list
 * keeps what it knew until there is something new to know. A delay for "down" does not hold back
 * the first verdict, since there is nothing yet to protect; a delay for "up" does.
 *
 * Pure: who calls and what follows from a change is core.c's business.
 */
#include "core/track.h"

#include "core/core_priv.h"

#include <assert.h>

static const char *const track_states[] = {
    [TRACK_UNKNOWN] = "unknown",
    [TRACK_UP] = "up",
    [TRACK_DOWN] = "down",
};

const char *
track_state_str(enum track_state s)
{
	assert(s <= TRACK_DOWN);
	return track_states[s];
}

static const char *const track_kinds[] = {
    [TRACK_PROBE] = "probe",
    [TRACK_INTERFACE] = "interface",
    [TRACK_ALL] = "all",
    [TRACK_ANY] = "any",
    [TRACK_IN_TIME] = "in-time",
    [TRACK_LISTEN] = "listen",
    [TRACK_QUALITY] = "quality",
};

const char *
track_kind_str(enum track_kind kind)
{
	return track_kinds[kind];
}

static const struct conf_row track_delay_rows[] = {
    {
	.key = "up",
	.type = CONF_DUR,
	.offset = offsetof(struct track_delay_conf, up),
	.dflt = "0s",
	.max = DUR_DAY,
	.doc = "How long the track must stay up before that counts.",
    },
    {
	.key = "down",
	.type = CONF_DUR,
	.offset = offsetof(struct track_delay_conf, down),
	.dflt = "0s",
	.max = DUR_DAY,
	.doc = "How long the track must stay down before that counts.",
    },
    {.type = CONF_END},
};

static const struct conf_schema track_delay_schema = {
    .name = "delay",
    .size = sizeof(struct track_delay_conf),
    .rows = track_delay_rows,
    .doc = "Holds a change back until it has lasted that long without a break.",
};

static const struct conf_row track_rows[] = {
    {
	.key = "interface",
	.type = CONF_STRING,
	.offset = offsetof(struct track_conf, interface),
	.max = 15,
	.doc = "Up while this network interface is operational.",
    },
    {
	.key = "all",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct track_conf, all),
	.doc = "Up while all of these probes and tracks are up; down as soon as one is down.",
    },
    {
	.key = "any",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct track_conf, any),
	.doc = "Up while at least one of these probes and tracks is up; down when all are down.",
    },
    {
	.key = "in-time",
	.type = CONF_STRING,
	.offset = offsetof(struct track_conf, in_time),
	.doc =
	    "Up while this probe answers within its threshold; counted with the probe's rise and "
	    "fall. For `prefer`: a service that is slow is degraded, not down.",
    },
    {
	.key = "quality",
	.type = CONF_STRUCT,
	.sub = &quality_schema,
	.offset = offsetof(struct track_conf, quality),
	.doc = "Up while the last samples of a probe stay within bounds of loss and time.",
    },
    {
	.key = "delay",
	.type = CONF_STRUCT,
	.offset = offsetof(struct track_conf, delay),
	.sub = &track_delay_schema,
	.doc = "Holds changes back.",
    },
    {.type = CONF_END},
};

static void
track_conf_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct track_conf *t = obj;
	int given = (t->interface != NULL) + (t->in_time != NULL) + (t->quality != NULL) +
		    (t->all.count > 0) + (t->any.count > 0);

	if (given != 1)
		conf_error(ctx, node,
		    "a track watches exactly one of \"interface\", \"in-time\", \"quality\", "
		    "\"all\" and "
		    "\"any\"; this "
		    "one has %s",
		    given == 0 ? "none of them, or an empty list" : "several");
}

const struct conf_schema track_schema = {
    .name = "track",
    .size = sizeof(struct track_conf),
    .rows = track_rows,
    .check = track_conf_check,
    .doc = "A track is up or down: it watches an interface or combines probes and tracks.",
};

bool
track_set_raw(struct track *t, enum track_state raw, enum why why)
{
	t->raw_why = why;
	if (raw == t->raw)
		return false;
	t->raw = raw;
	t->raw_broken = true;
	return true;
}

/* Too many failures: in a row, or among the last `of`. */
static bool
failed_enough(const struct track *t)
{
	uint64_t window = t->of == 0 || t->of >= 64 ? UINT64_MAX : (UINT64_C(1) << t->of) - 1;

	if (t->of == 0)
		return !t->streak_ok && t->streak >= t->fall;
	return (uint32_t)__builtin_popcountll(t->recent & window) >= t->fall;
}

/* One more sample: `ok` as this track sees it. */
static bool
track_count(struct track *t, bool ok, enum why rise, enum why fall)
{
	if (t->streak == 0 || t->streak_ok != ok) {
		t->streak = 0;
		t->streak_ok = ok;
	}
	if (t->streak < UINT32_MAX)
		t->streak++;
	t->recent = t->recent << 1 | !ok;
	if (failed_enough(t))
		return track_set_raw(t, TRACK_DOWN, fall);
	if (ok && t->streak >= t->rise)
		return track_set_raw(t, TRACK_UP, rise);
	return false;
}

bool
track_sample(struct track *t, const struct probe_sample *s)
{
	const char *detail = s->detail;
	char rtt[24];

	if (t->kind == TRACK_QUALITY)
		return track_quality(t, s);
	if (t->kind == TRACK_IN_TIME) {
		str_copy(t->detail, sizeof(t->detail),
		    s->ok ? dur_format(s->rtt, rtt, sizeof(rtt)) : why_text(s->why));
		return track_count(t, s->ok && !s->late, WHY_RISE, WHY_LATE);
	}
	if (detail[0] == '\0' && !s->ok)
		detail = why_text(s->why);
	str_copy(t->detail, sizeof(t->detail), detail);
	return track_count(t, s->ok, WHY_RISE, WHY_FALL);
}

bool
track_link(struct track *t, bool up)
{
	str_copy(t->detail, sizeof(t->detail), t->interface);
	return track_set_raw(t, up ? TRACK_UP : TRACK_DOWN, WHY_LINK);
}

/*
 * One word decides for either kind of list: a member that is down for `all`, one that is up for
 * `any`. Without it the list has the opposite state if every member has, and is unknown otherwise.
 */
void
track_combine(struct track *t)
{
	enum track_state decides = t->kind == TRACK_ALL ? TRACK_DOWN : TRACK_UP;
	enum track_state opposite = t->kind == TRACK_ALL ? TRACK_UP : TRACK_DOWN;
	const struct track *last = NULL;
	bool unknown = false;

	for (size_t i = 0; i < t->members.count; i++) {
		const struct track *m = t->members.items[i];

		if (m->state == decides) {
			str_copy(t->detail, sizeof(t->detail), m->name);
			track_set_raw(t, decides, WHY_MEMBER);
			return;
		}
		unknown = unknown || m->state == TRACK_UNKNOWN;
		if (last == NULL || mono_before(last->since, m->since))
			last = m;
	}
	if (unknown || last == NULL) {
		track_set_raw(t, TRACK_UNKNOWN, WHY_MEMBER);
		return;
	}
	str_copy(t->detail, sizeof(t->detail), last->name);
	track_set_raw(t, opposite, WHY_MEMBER);
}

bool
track_ripe(struct track *t, struct due *due, mono_t now)
{
	dur_t delay = t->delay.up;
	bool broken = t->raw_broken;

	t->raw_broken = false;
	if (t->raw == TRACK_UNKNOWN || t->raw == t->state) {
		due_cancel(due, &t->delay_due);
		return false;
	}
	if (t->raw == TRACK_DOWN)
		delay = t->state == TRACK_UNKNOWN ? 0 : t->delay.down;
	/* Unbroken, `at` is still the moment to wait for. */
	if (broken)
		t->delay_due.at = mono_add(now, delay);
	if (!mono_before(now, t->delay_due.at)) {
		due_cancel(due, &t->delay_due);
		return true;
	}
	due_set(due, &t->delay_due, t->delay_due.at);
	return false;
}
