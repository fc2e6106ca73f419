/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ring of bytes that grows by doubling: the send and receive buffers of the virtual network.
 *
 * `head` is the first byte, `len` how many there are; both wrap at `cap`, which is a power of two
 * times RING_MIN. How much goes in is the caller's affair. The owner of the struct releases the
 * memory with net_ring_done(); a zeroed struct is an empty ring without memory.
 */
#include "loop/net_virtual_priv.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RING_MIN 256u

void
net_ring_done(struct net_ring *r)
{
	free(r->data);
	*r = (struct net_ring){0};
}

void
net_ring_take(struct net_ring *r, void *buf, size_t len)
{
	size_t first = r->cap - r->head < len ? r->cap - r->head : len;

	assert(len <= r->len);
	if (buf != NULL && len > 0) {
		memcpy(buf, r->data + r->head, first);
		memcpy((uint8_t *)buf + first, r->data, len - first);
	}
	r->len -= len;
	r->head = r->len > 0 ? (r->head + len) % r->cap : 0;
}

static void
ring_grow(struct net_ring *r, size_t len)
{
	size_t cap = r->cap > 0 ? r->cap : RING_MIN;

	while (cap < len)
		cap *= 2;
	if (cap == r->cap)
		return;
	struct net_ring grown = {.data = mem_alloc(cap), .len = r->len, .cap = cap};
	net_ring_take(r, grown.data, r->len);
	free(r->data);
	*r = grown;
}

void
net_ring_put(struct net_ring *r, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	ring_grow(r, r->len + len);
	size_t tail = (r->head + r->len) % r->cap;
	size_t first = r->cap - tail < len ? r->cap - tail : len;
	memcpy(r->data + tail, bytes, first);
	memcpy(r->data, bytes + first, len - first);
	r->len += len;
}

/* Moves `len` bytes from one ring to the other. */
void
net_ring_move(struct net_ring *to, struct net_ring *from, size_t len)
{
	while (len > 0) {
		size_t first = from->cap - from->head < len ? from->cap - from->head : len;
		net_ring_put(to, from->data + from->head, first);
		net_ring_take(from, NULL, first);
		len -= first;
	}
}
