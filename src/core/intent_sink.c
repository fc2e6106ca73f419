/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How sinks see the intent: two queues of entries in the order of their last change, one of those
 * that are unwanted and one of those that are wanted, and in each queue one marker for each sink.
 * All before a marker has been seen. A change moves its entry to the end of a queue, so a sink pays
 * for what changed and not for what exists, and an entry that changed five times is seen once. The
 * unwanted queue is handed out first.
 *
 * Which sinks have to follow a withdrawal is told by versions. An entry keeps the version by which
 * it became wanted (`since`); a sink keeps the newest wanted version that it was handed (`seen`).
 * The wanted queue is ordered by version, hence a sink with seen < since was never handed the entry
 * as wanted: it owes nothing and is not bothered. The reverse does not hold, which at worst hands
 * out a withdrawal of something that the sink did not have.
 *
 * Settling: an unwanted entry waits in the list of one sink that owes its withdrawal, ordered by
 * version. When that sink settles, the entry moves on to the next sink that owes, until none is
 * left. So the cost of settling is by entries and not by entries times sinks times turns.
 */
#include "base/mem.h"
#include "core/intent_priv.h"

#include <assert.h>
#include <string.h>

static bool
sink_concerns(const struct intent_sink *s, const struct intent_entry *e)
{
	return s->kind == e->kind &&
	       (e->kind == INTENT_ADDRESS || (s->audience & e->audience) != 0);
}

/* Could the sink have been handed the entry as wanted since it was reset? */
static bool
sink_has(const struct intent_sink *s, const struct intent_entry *e)
{
	return sink_concerns(s, e) && e->since <= s->seen;
}

static bool
sink_shows(const struct intent_sink *s, const struct intent_entry *e)
{
	return e->wanted ? sink_concerns(s, e) : sink_has(s, e);
}

static bool
sink_owes(const struct intent_sink *s, const struct intent_entry *e)
{
	return s->settled < e->version && sink_has(s, e);
}

static void
mark_place(struct intent_node *mark, struct intent_queue *queue)
{
	mark->entry = NULL;
	mark->queue = queue;
}

static void
mark_to_tail(struct intent_node *mark)
{
	TAILQ_REMOVE(mark->queue, mark, link);
	TAILQ_INSERT_TAIL(mark->queue, mark, link);
}

static void
mark_to_head(struct intent_node *mark)
{
	TAILQ_REMOVE(mark->queue, mark, link);
	TAILQ_INSERT_HEAD(mark->queue, mark, link);
}

/* The next entry beyond the mark that the sink is to see. The mark steps over those that it is not
 * to see, so that they are looked at once. */
static struct intent_entry *
mark_next(const struct intent_sink *s, struct intent_node *mark)
{
	struct intent_node *n, *skipped = NULL;

	for (n = TAILQ_NEXT(mark, link); n != NULL; n = TAILQ_NEXT(n, link)) {
		if (n->entry == NULL)
			continue;
		if (sink_shows(s, n->entry))
			break;
		skipped = n;
	}
	if (skipped != NULL) {
		TAILQ_REMOVE(mark->queue, mark, link);
		TAILQ_INSERT_AFTER(mark->queue, skipped, mark, link);
	}
	return n != NULL ? n->entry : NULL;
}

/* -- settling -- */

static void
waits_insert(struct intent_sink *s, struct intent_wait *w)
{
	struct intent_wait *before = TAILQ_LAST(&s->waits, intent_waits);

	/* Nearly always the newest; another sink may have passed on an older one. */
	while (before != NULL && before->entry->version > w->entry->version)
		before = TAILQ_PREV(before, intent_waits, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&s->waits, before, w, link);
	else
		TAILQ_INSERT_HEAD(&s->waits, w, link);
	w->list = &s->waits;
}

void
intent_await(struct intent *in, struct intent_entry *e)
{
	struct intent_sink *s;

	TAILQ_FOREACH (s, &in->sinks, link) {
		if (!sink_owes(s, e))
			continue;
		intent_wait_set(in, e, WAIT_SETTLE);
		waits_insert(s, e->wait);
		return;
	}
	intent_settled_entry(in, e);
}

/* The sink settled or gave up what it had: those that waited for it look for another. */
static void
sink_release(struct intent_sink *s, uint64_t version)
{
	struct intent_waits moved = TAILQ_HEAD_INITIALIZER(moved);
	struct intent_wait *w;

	while ((w = TAILQ_FIRST(&s->waits)) != NULL && w->entry->version <= version) {
		TAILQ_REMOVE(&s->waits, w, link);
		w->list = &moved;
		TAILQ_INSERT_TAIL(&moved, w, link);
	}
	while ((w = TAILQ_FIRST(&moved)) != NULL)
		intent_await(s->intent, w->entry);
}

static void
sink_settle(struct intent_sink *s, uint64_t version)
{
	if (version <= s->settled)
		return;
	s->settled = version;
	sink_release(s, version);
}

void
intent_settle(struct intent_sink *s, uint64_t version)
{
	assert(version <= s->intent->version);
	sink_settle(s, version);
	/* Who settles everything without walking has no session: the next change tells it again. */
	if (s->settled == s->intent->version)
		s->idle = true;
}

uint64_t
intent_version(const struct intent *in)
{
	return in->version;
}

bool
intent_removal_seen(const struct intent *in, const struct intent_entry *e)
{
	const struct intent_sink *s;

	TAILQ_FOREACH (s, &in->sinks, link) {
		if (sink_has(s, e) && s->seen_unwanted >= e->version)
			return true;
	}
	return false;
}

/* -- cursors -- */

const struct intent_entry *
intent_peek(struct intent_sink *s)
{
	const struct intent_entry *e = mark_next(s, &s->unwanted_mark);

	if (e == NULL)
		e = mark_next(s, &s->wanted_mark);
	if (e != NULL)
		return e;
	s->idle = true;
	if (s->settled >= s->handed) /* nothing is on its way either */
		sink_settle(s, s->intent->version);
	s->handed = s->intent->version;
	return NULL;
}

const struct intent_entry *
intent_next(struct intent_sink *s)
{
	const struct intent_entry *e = intent_peek(s);
	struct intent_node *mark = &s->wanted_mark;
	struct intent_node *at;

	if (e == NULL)
		return NULL;
	if (e->wanted) {
		s->seen = e->version > s->seen ? e->version : s->seen;
	} else {
		mark = &s->unwanted_mark;
		s->seen_unwanted = e->version;
	}
	for (at = TAILQ_NEXT(mark, link); at->entry != e; at = TAILQ_NEXT(at, link))
		;
	TAILQ_REMOVE(mark->queue, mark, link);
	TAILQ_INSERT_AFTER(mark->queue, at, mark, link);
	s->handed = e->version > s->handed ? e->version : s->handed;
	return e;
}

void
intent_publish(struct intent *in, struct intent_entry *e)
{
	struct intent_queue *queue = e->wanted ? &in->wanted : &in->unwanted;
	struct intent_sink *s, *next;

	if (e->node.queue != NULL)
		TAILQ_REMOVE(e->node.queue, &e->node, link);
	e->node.queue = queue;
	TAILQ_INSERT_TAIL(queue, &e->node, link);
	TAILQ_FOREACH_SAFE (s, &in->sinks, link, next) {
		if (!s->idle || !sink_shows(s, e))
			continue;
		s->idle = false;
		if (s->notify != NULL)
			s->notify(s);
	}
}

void
intent_sink_add(struct intent *in, struct intent_sink *s, const char *name, enum intent_kind kind,
    intent_notify_fn *notify)
{
	s->intent = in;
	s->name = name;
	s->kind = kind;
	s->notify = notify;
	mark_place(&s->unwanted_mark, &in->unwanted);
	mark_place(&s->wanted_mark, &in->wanted);
	TAILQ_INSERT_TAIL(&in->unwanted, &s->unwanted_mark, link);
	TAILQ_INSERT_TAIL(&in->wanted, &s->wanted_mark, link);
	TAILQ_INIT(&s->waits);
	TAILQ_INSERT_TAIL(&in->sinks, s, link);
	intent_sink_reset(s);
}

void
intent_sink_del(struct intent_sink *s)
{
	struct intent *in = s->intent;

	if (in == NULL)
		return;
	TAILQ_REMOVE(&in->sinks, s, link);
	sink_release(s, UINT64_MAX);
	TAILQ_REMOVE(s->unwanted_mark.queue, &s->unwanted_mark, link);
	TAILQ_REMOVE(s->wanted_mark.queue, &s->wanted_mark, link);
	s->intent = NULL;
}

void
intent_sink_reset(struct intent_sink *s)
{
	uint64_t version = s->intent->version;

	mark_to_tail(&s->unwanted_mark);
	mark_to_head(&s->wanted_mark);
	s->seen = 0;
	s->seen_unwanted = version;
	s->settled = version;
	s->handed = version;
	s->idle = false;
	sink_release(s, UINT64_MAX);
	intent_peek(s);
}

void
intent_sink_replay(struct intent_sink *s)
{
	mark_to_head(&s->unwanted_mark);
	mark_to_head(&s->wanted_mark);
	s->seen = s->intent->version;
	s->seen_unwanted = 0;
	s->settled = 0;
	s->handed = 0;
	s->idle = false;
	intent_peek(s);
}
