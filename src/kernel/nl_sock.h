/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that serve watched ports, by sock_diag: which there are, how much waits in them, and
 * when one is gone. Private to the folder.
 */
#ifndef KERNEL_NL_SOCK_H
#define KERNEL_NL_SOCK_H

#include "core/kernel_port.h"
#include "loop/loop.h"

#include <libmnl/libmnl.h>

/* A listening TCP socket or an unconnected UDP socket. */
struct nl_sock {
	uint64_t cookie; /* the kernel's name of it, never used again */
	uint32_t inode;  /* as in /proc/PID/fd */
	enum kernel_proto proto;
	struct addr addr; /* 0.0.0.0 and :: for all; IPv4-mapped addresses as IPv4 */
	uint16_t port;
	bool v6only;    /* a socket on :: that takes no IPv4 */
	uint32_t queue; /* what waits: bytes (UDP) or connections (TCP) */
	uint32_t drops; /* what found no room, ever */
};

/* A port of either protocol that is watched. */
struct nl_sock_port {
	enum kernel_proto proto;
	uint16_t port;
};

struct nl_socks;
/* Embedded by whoever wants to know; called from the loop. */
struct nl_socks_user {
	/* The socket with this cookie, on a watched port, is gone. */
	void (*destroyed)(struct nl_socks_user *u, uint64_t cookie);
	/* It is not known which are gone: events were lost. */
	void (*lost)(struct nl_socks_user *u);
	/* After the last one of a batch of either: time to look. */
	void (*settled)(struct nl_socks_user *u);
};

struct nl_socks {
	struct loop *loop;
	struct nl_socks_user *user;
	struct mnl_socket *request;
	struct mnl_socket *monitor;
	struct loop_fd watch; /* of the monitor */
	uint32_t seq;
	struct nl_sock_port *ports; /* sorted, no two equal; owned */
	size_t port_count;
	uint64_t heard;  /* messages that passed the filter */
	unsigned groups; /* that the monitor is in: a mask */
};

/* 0 or a negative errno; then every other call is safe, and the look-ups fail. */
int nl_socks_init(struct nl_socks *ns, struct loop *l, struct nl_socks_user *user);
void nl_socks_done(struct nl_socks *ns);
/* These ports are watched from now on (sorted by protocol, then number; no two equal; copied). */
void nl_socks_set_ports(struct nl_socks *ns, const struct nl_sock_port *ports, size_t count);

/* Called for each socket on a watched port. */
struct nl_sock_dump;
typedef void nl_sock_dump_fn(struct nl_sock_dump *d, const struct nl_sock *s);
struct nl_sock_dump {
	nl_sock_dump_fn *each;
};
/* All of them. 0 or a negative errno. */
int nl_socks_dump(struct nl_socks *ns, struct nl_sock_dump *d);
/* The one socket that would get what somebody sends from `remote_port` to this port: where several
 * share a port (SO_REUSEPORT), another remote port may find another. 0, -ENOENT or another negative
 * errno. */
int nl_socks_find(struct nl_socks *ns, const struct kernel_listen *what, uint16_t remote_port,
    struct nl_sock *out);

/* -- nl_sock_filter.c -- */

/* Lets only those messages of the monitor through that tell of a socket on one of these ports and
 * without a peer. 0 or a negative errno. */
int nl_sock_filter(int fd, const struct nl_sock_port *ports, size_t count);

#endif
