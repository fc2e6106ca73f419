/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines in a red-black tree, by time and then by the order in which they were set, so that a
 * run repeats exactly. Nothing is owned: nodes are members of tracks, services and intent entries.
 */
#include "core/due.h"

static int
due_cmp(const struct due_node *a, const struct due_node *b)
{
	if (a->at.ns != b->at.ns)
		return a->at.ns < b->at.ns ? -1 : 1;
	if (a->order != b->order)
		return a->order < b->order ? -1 : 1;
	return 0;
}

RB_PROTOTYPE_STATIC(due_tree, due_node, tree, due_cmp)
RB_GENERATE_STATIC(due_tree, due_node, tree, due_cmp)

void
due_init(struct due *d)
{
	RB_INIT(&d->tree);
	d->order = 0;
}

void
due_set(struct due *d, struct due_node *n, mono_t at)
{
	due_cancel(d, n);
	n->at = at;
	if (at.ns == DUR_NEVER)
		return;
	n->order = d->order++;
	n->armed = true;
	RB_INSERT(due_tree, &d->tree, n);
}

void
due_cancel(struct due *d, struct due_node *n)
{
	if (!n->armed)
		return;
	RB_REMOVE(due_tree, &d->tree, n);
	n->armed = false;
}

struct due_node *
due_pop(struct due *d, mono_t now)
{
	struct due_node *n = RB_MIN(due_tree, &d->tree);

	if (n == NULL || mono_before(now, n->at))
		return NULL;
	due_cancel(d, n);
	return n;
}

mono_t
due_next(struct due *d)
{
	const struct due_node *n = RB_MIN(due_tree, &d->tree);

	return n != NULL ? n->at : (mono_t){.ns = DUR_NEVER};
}
