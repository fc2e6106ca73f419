/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: a bounded ring of events, newest last.
 *
 * An event's place in the ring is its sequence number modulo the ring's size, so the number alone
 * says where an event is and whether it is still kept: the kept ones are those of the last `cap`
 * numbers. A reader walks with a number of its own and needs no registration; when it falls
 * behind, history_from() puts it on the oldest event that is left.
 *
 * The ring is owned by the struct and allocated once.
 */
#include "base/history.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>

void
history_init(struct history *h, size_t cap)
{
	assert(cap > 0);
	h->ring = mem_array(cap, sizeof(*h->ring));
	h->cap = cap;
	h->next_seq = 1;
}

void
history_done(struct history *h)
{
	free(h->ring);
	*h = (struct history){0};
}

void
history_add(struct history *h, const struct history_event *e)
{
	struct history_event *slot = &h->ring[h->next_seq % h->cap];

	*slot = *e;
	slot->seq = h->next_seq++;
}

uint64_t
history_lost(const struct history *h)
{
	uint64_t added = h->next_seq - 1;

	return added > h->cap ? added - h->cap : 0;
}

const struct history_event *
history_from(const struct history *h, uint64_t seq)
{
	uint64_t oldest = history_lost(h) + 1;

	if (seq < oldest)
		seq = oldest;
	if (seq >= h->next_seq)
		return NULL;
	return &h->ring[seq % h->cap];
}
