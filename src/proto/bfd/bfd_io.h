/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BFD sessions on real sockets and the real loop (RFC 5881, RFC 5883): UDP ports 3784 and 4784, TTL
 * 255, a source port of its own for each session.
 */
#ifndef BFD_IO_H
#define BFD_IO_H

#include "base/addr.h"
#include "loop/loop.h"
#include "proto/bfd/bfd_receive.h"

#define BFD_PORT_SINGLE 3784
#define BFD_PORT_MULTI  4784

enum bfd_hops { BFD_SINGLE_HOP, BFD_MULTI_HOP, BFD_HOPS_COUNT };

struct bfd_peer;
/* The session's state has changed. The peer may be deleted inside. */
typedef void bfd_peer_fn(struct bfd_peer *p, const struct bfd_outcome *what);

/* A session with its addresses; embedded by its owner, who fills in the first block. */
struct bfd_peer {
	struct addr remote;
	struct addr local; /* needed: the path is told by both addresses */
	char device[16];   /* on one hop: packets of other interfaces are not its own; "": any */
	enum bfd_hops hops;
	bfd_peer_fn *fn;

	struct bfd_session session;
	struct bfd_io *io; /* NULL: not added */
	struct loop_timer timer;
	int fd;
	uint16_t port;    /* the source port */
	unsigned ifindex; /* of the device; 0: any */
	uint64_t send_errors;
	TAILQ_ENTRY(bfd_peer) link;
};

/* A port to listen on, for one family. */
struct bfd_listener {
	struct bfd_io *io;
	struct loop_fd watch;
	enum addr_family family;
	enum bfd_hops hops;
	int fd; /* -1: not open */
};

/* All sessions of a process. */
struct bfd_io {
	struct loop *loop;
	struct bfd_table table;
	struct bfd_listener listener[2 * BFD_HOPS_COUNT];
	TAILQ_HEAD(, bfd_peer) peers;
	/* Where the packet in hand came from. */
	struct addr src, dst;
	unsigned ifindex;
	enum bfd_hops hops;
};

void bfd_io_init(struct bfd_io *io, struct loop *l);
/* Deletes what is left of the peers and closes the ports. */
void bfd_io_done(struct bfd_io *io);
/* Begins a session. Opens the port when it is the first that needs it. Returns 0 or a negative
 * errno: then the peer is not added. */
int bfd_peer_add(struct bfd_io *io, struct bfd_peer *p, const struct bfd_config *config);
/* Ends a session without a word. Safe twice, and on a zeroed peer. */
void bfd_peer_del(struct bfd_peer *p);
void bfd_peer_configure(struct bfd_peer *p, const struct bfd_config *config);
void bfd_peer_disable(struct bfd_peer *p);
void bfd_peer_enable(struct bfd_peer *p);

#endif
