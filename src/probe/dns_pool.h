/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The UDP sockets that all dns probes share, and the queries that wait for answers on them.
 */
#ifndef PROBE_DNS_POOL_H
#define PROBE_DNS_POOL_H

#include "core/probe.h"
#include "probe/dns_msg.h"

struct dns_pool;
struct dns_pool_query;

struct dns_pool_ops {
	/* A datagram that answers the query (dns_match() says how). It waits no more. */
	void (*answered)(
	    struct dns_pool_query *p, enum dns_match match, const uint8_t *msg, size_t len);
	/* It could not be sent, or an ICMP error came back: negative errno. It waits no more. */
	void (*failed)(struct dns_pool_query *p, int error, const char *what);
};

/* A query under way, embedded by whoever asks. Callbacks come from the loop, at most one for each
 * dns_pool_send(). */
struct dns_pool_query {
	const struct dns_pool_ops *ops; /* set by the owner, as are the next two */
	struct dns_query *query;
	struct endpoint server;
	unsigned ignored;               /* datagrams from the server that were no answer */
	struct dns_pool *pool;          /* NULL: not under way */
	struct dns_pool_socket *socket; /* NULL: not yet sent */
	int error;                      /* while in the list of the failed */
	const char *what;
	LIST_ENTRY(dns_pool_query) same_id;
	TAILQ_ENTRY(dns_pool_query) link; /* to be sent, waiting, or failed */
	bool waiting;
};

/* The one pool of this environment. */
struct dns_pool *dns_pool_get(const struct probe_env *env);
/* Sends at the end of this turn of the loop, with a new random id. */
void dns_pool_send(struct dns_pool *pool, struct dns_pool_query *p);
/* Nothing is heard of it any more. Safe when it is not under way. */
void dns_pool_cancel(struct dns_pool_query *p);

#endif
