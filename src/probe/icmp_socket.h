/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The raw ICMP socket of a family, shared by all icmp-echo probes: it opens when the first asks,
 * sends their requests, and finds whose reply it is.
 */
#ifndef PROBE_ICMP_SOCKET_H
#define PROBE_ICMP_SOCKET_H

#include "core/kernel_port.h"
#include "core/probe.h"
#include "probe/icmp_msg.h"

#define ICMP_CLIENTS_MAX 65536 /* one for each id */

/* What to send; copied. */
struct icmp_ask {
	struct addr target;
	struct addr source; /* ADDR_NONE: the kernel's choice */
	char device[KERNEL_IFNAME];
	uint8_t tos;
	uint8_t ttl; /* 0: the kernel's default */
	size_t size; /* of the payload */
};

/* One who asks: embedded by a probe, registered as long as the probe is. */
struct icmp_client;
/* How it ended: `msg` is the reply, or the failure that quotes the request, and `from` who sent it;
 * or `msg` is NULL and `error` a negative errno of what `what` names. The client may be removed
 * inside. */
struct icmp_outcome {
	const struct icmp_msg *msg;
	struct addr from;
	int error;
	const char *what;
};
typedef void icmp_client_fn(struct icmp_client *c, const struct icmp_outcome *o);
struct icmp_client {
	icmp_client_fn *fn;
	struct icmp_token token;
	struct icmp_ask ask;
	bool registered; /* it has an id */
	bool waiting;    /* for the socket to open */
	bool asking;     /* sent, not yet answered */
	TAILQ_ENTRY(icmp_client) link;
};

struct icmp_socket {
	const struct probe_env *env;
	enum addr_family family;
	struct kernel_socket request;
	int fd; /* -1: not open */
	struct loop_fd watch;
	TAILQ_HEAD(, icmp_client) waiting;
	struct icmp_client **clients; /* by id - base; NULL: free */
	size_t capacity;
	size_t lowest_free; /* none below */
	uint16_t base;      /* random, so that two nighd on a host seldom share ids */
	uint8_t buffer[ICMP_HEADER + ICMP_PAYLOAD_MAX + 128];
};

void icmp_socket_init(struct icmp_socket *s, const struct probe_env *env, enum addr_family family);
/* All clients are gone. */
void icmp_socket_done(struct icmp_socket *s);

/* Gives the client an id, if one is left. */
void icmp_client_add(struct icmp_socket *s, struct icmp_client *c, icmp_client_fn *fn);
void icmp_client_del(struct icmp_socket *s, struct icmp_client *c);
/* Sends a request, now or when the socket is open; the outcome comes by `fn`, perhaps from inside
 * this call, once, unless cancelled. */
void icmp_client_ask(struct icmp_socket *s, struct icmp_client *c, const struct icmp_ask *ask);
void icmp_client_cancel(struct icmp_socket *s, struct icmp_client *c);

#endif
