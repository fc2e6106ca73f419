/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DHCP socket, shared by all dhcp probes that ask from the same port: it opens when the first
 * asks, sends their questions, and finds whose an answer is.
 */
#ifndef PROBE_DHCP_SOCKET_H
#define PROBE_DHCP_SOCKET_H

#include "core/kernel_port.h"
#include "core/probe.h"
#include "probe/dhcp_msg.h"

/* What to send, and where to. */
struct dhcp_ask {
	struct dhcp_query query;
	struct endpoint server;        /* 255.255.255.255 to broadcast */
	struct addr source;            /* ADDR_NONE: the kernel's choice */
	char interface[KERNEL_IFNAME]; /* "": the routing table's choice */
};

/* One who asks: embedded by a probe. */
struct dhcp_client;
/* Called for each datagram of the client's transaction, until dhcp_client_cancel(); the client may
 * be gone afterwards. */
typedef void dhcp_reply_fn(struct dhcp_client *c, const uint8_t *msg, size_t len);
/* It could not be asked: a negative errno of what `what` names. */
typedef void dhcp_failed_fn(struct dhcp_client *c, int error, const char *what);
struct dhcp_client {
	dhcp_reply_fn *reply;
	dhcp_failed_fn *failed;
	struct dhcp_ask ask;
	enum { DHCP_IDLE, DHCP_WAITING, DHCP_ASKING } state; /* which list it is in */
	TAILQ_ENTRY(dhcp_client) link;
};
TAILQ_HEAD(dhcp_client_list, dhcp_client);

struct dhcp_socket {
	const struct probe_env *env;
	enum kernel_socket_kind kind;
	struct kernel_socket request;
	int fd; /* -1: not open */
	struct loop_fd watch;
	struct dhcp_client_list waiting; /* for the socket */
	struct dhcp_client_list asking;  /* for an answer */
};

void dhcp_socket_init(
    struct dhcp_socket *s, const struct probe_env *env, enum kernel_socket_kind kind);
/* All clients are idle. */
void dhcp_socket_done(struct dhcp_socket *s);

/* Sends `c->ask`, now or when the socket is open. `failed` may come from inside. */
void dhcp_client_ask(struct dhcp_socket *s, struct dhcp_client *c);
/* Harmless when idle. */
void dhcp_client_cancel(struct dhcp_socket *s, struct dhcp_client *c);

#endif
