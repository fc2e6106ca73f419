/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One end of the conversation between engine and helper: messages in and out of a non-blocking
 * SOCK_SEQPACKET socket, with a bounded queue of what did not fit. Private to the folder.
 */
#ifndef KERNEL_HELPER_CHAN_H
#define KERNEL_HELPER_CHAN_H

#include "base/queue.h"
#include "kernel/helper.h"
#include "kernel/helper_msg.h"
#include "loop/loop.h"

/* Messages that wait for room in the socket; a sender is refused beyond. */
#define HELPER_CHAN_QUEUE 512
/* A reader that gives way stops reading while so many of its answers wait. */
#define HELPER_CHAN_PRESSURE 256

struct helper_chan;
struct helper_chan_item;

struct helper_chan_ops {
	/* A valid message; `fd` is -1 or the descriptor that came with it, now the callee's. */
	void (*message)(struct helper_chan *c, const struct helper_msg *m, int fd);
	/* Nothing waits any more: there is room for state messages (helper_chan_try). */
	void (*room)(struct helper_chan *c);
	/* The other end closed (HELPER_END_EOF) or sent nonsense (HELPER_END_PROTOCOL). The last
	 * call; only helper_chan_done() is left. */
	void (*ended)(struct helper_chan *c, enum helper_end end);
};

/* Who gives way when both sides have much to say: the helper stops reading, the engine never. */
enum helper_chan_manner { HELPER_CHAN_READS_ON, HELPER_CHAN_GIVES_WAY };

/* A member of its owner. */
struct helper_chan {
	const struct helper_chan_ops *ops;
	enum helper_from peer;
	enum helper_chan_manner manner;
	struct loop_fd watch;
	int fd; /* owned; -1: ended */
	STAILQ_HEAD(, helper_chan_item) queue;
	size_t queued;
	bool waits_for_room;
};

/* Takes over `fd` and makes it non-blocking. `peer`: whose messages are read from it. */
void helper_chan_init(struct helper_chan *c, struct loop *l, int fd, enum helper_from peer,
    const struct helper_chan_ops *ops);
/* Drops what waits, closes. Safe twice. Not from inside a callback of the same channel. */
void helper_chan_done(struct helper_chan *c);
/* Sends, or queues. `fd` is -1 or a descriptor to pass along, taken over in any case. 0, -ENOBUFS
 * when the queue is full, -EPIPE when the conversation has ended. */
int helper_chan_send(struct helper_chan *c, const struct helper_msg *m, int fd);
/* Sends only if it can go at once and nothing waits: for what can be said again later. 0, or
 * -EAGAIN and ops->room() comes when it is worth trying again; -EPIPE. */
int helper_chan_try(struct helper_chan *c, const struct helper_msg *m);

#endif
