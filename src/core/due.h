/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines of a pure module: a tree of points in time, ordered, without a clock.
 *
 * The owner embeds a node, finds it back with container_of, and asks for what is due. Setting,
 * cancelling and asking cost O(log n) however many wait.
 */
#ifndef CORE_DUE_H
#define CORE_DUE_H

#include "base/mono.h"
#include "base/queue.h"

#include <stdbool.h>
#include <stdint.h>

struct due_node {
	RB_ENTRY(due_node) tree;
	mono_t at;
	uint64_t order; /* of setting, among equal deadlines */
	bool armed;
};

RB_HEAD(due_tree, due_node);
struct due {
	struct due_tree tree;
	uint64_t order;
};

void due_init(struct due *d);
/* Arms, or arms anew. A point that is never reached (DUR_NEVER) cancels. */
void due_set(struct due *d, struct due_node *n, mono_t at);
void due_cancel(struct due *d, struct due_node *n);
/* Takes out the first node whose time has come (at <= now); NULL when there is none. */
struct due_node *due_pop(struct due *d, mono_t now);
/* The earliest deadline; one that is never reached when nothing waits. */
mono_t due_next(struct due *d);

#endif
