/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the virtual network: rings (net_ring.c), the sides of a connection (net_side.c),
 * and nodes and the cloud (net_virtual.c).
 */
#ifndef LOOP_NET_VIRTUAL_PRIV_H
#define LOOP_NET_VIRTUAL_PRIV_H

#include "loop/net_virtual.h"

#define NET_BUFFER_MAX (64u << 10) /* bytes, for sending and for receiving */

/* -- rings -- */
struct net_ring {
	uint8_t *data;
	size_t head;
	size_t len;
	size_t cap;
};
void net_ring_done(struct net_ring *r);
void net_ring_put(struct net_ring *r, const void *data, size_t len);
/* Takes out `len` bytes, which must be there; `buf` may be NULL. */
void net_ring_take(struct net_ring *r, void *buf, size_t len);
/* Moves `len` bytes from one ring to the other. */
void net_ring_move(struct net_ring *to, struct net_ring *from, size_t len);

/* -- connections -- */
enum net_segment_kind {
	NET_SEGMENT_BYTES,
	NET_SEGMENT_OPEN,  /* the answer to a connect */
	NET_SEGMENT_END,   /* nothing comes after it */
	NET_SEGMENT_RESET, /* the far side is broken, or its connect refused */
};
struct net_segment;
TAILQ_HEAD(net_segment_queue, net_segment);

struct net_conn;
struct net_side {
	struct net_conn *conn;
	struct net_stream *handle;       /* NULL: closed, or not there yet */
	LIST_ENTRY(net_side) link;       /* of the node; while the handle is open */
	struct loop_timer tell;          /* the owner */
	struct loop_timer arrival;       /* of the first segment at the far side */
	struct net_segment_queue flight; /* in order; owned */
	struct net_ring send;
	struct net_ring received;
	int error;
	bool open;
	bool open_told;
	bool ended; /* nothing comes after what is received */
	bool end_read;
	bool failed_told;
	bool want_read;
	bool want_write;
};
LIST_HEAD(net_side_list, net_side);

struct net_conn {
	struct net_cloud *cloud;
	TAILQ_ENTRY(net_conn) link;
	struct net_side side[2];   /* the one that connects, the one that accepts */
	struct endpoint at[2];     /* where they are */
	struct loop_timer connect; /* asks, asks again, gives up */
	mono_t give_up;
	bool busy; /* calling an owner: freed only after that */
};

/* A connection of the cloud without any handle; freed when the last handle is closed. */
struct net_conn *net_conn_new(struct net_cloud *c);
/* Hangs a handle on a side, and the side on its node. */
void net_side_attach(struct net_side *s, struct net_stream *handle, struct net_side_list *node);
/* The handle is closed: its last word to the far side is `kind`, END or RESET. */
void net_side_detach(struct net_side *s, enum net_segment_kind kind);
void net_side_send(struct net_side *s, enum net_segment_kind kind, size_t len);
/* Something about the side changed: its owner is told when there is something to tell. */
void net_side_update(struct net_side *s);
/* The path works again: what was lost is sent once more, in the same order. */
void net_conn_heal(struct net_conn *conn);

/* -- cloud -- */
struct net_node;
struct net_cut {
	struct addr a, b;
};

struct net_cloud {
	struct loop *loop;
	dur_t latency;
	unsigned ports; /* handed out so far */
	TAILQ_HEAD(, net_node) nodes;
	TAILQ_HEAD(, net_conn) conns; /* owned */
	struct net_cut *cuts;         /* owned */
	size_t cut_count;
};
bool net_conn_is_cut(const struct net_conn *conn);

#endif
