/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to one server, until its answer is there: the transports of the dns probe.
 */
#ifndef PROBE_DNS_ASK_H
#define PROBE_DNS_ASK_H

#include "core/probe.h"
#include "loop/net.h"
#include "probe/dns_conf.h"
#include "probe/dns_msg.h"
#include "probe/dns_pool.h"
#include "probe/dns_tls.h"

struct dns_ask;

/* How it went. */
struct dns_reply {
	const uint8_t *msg; /* the answer, until the callback returns; NULL: there is none */
	size_t len;
	enum why why;     /* without an answer: WHY_NONE means that `error` tells */
	int error;        /* negative errno */
	const char *what; /* what failed: "receive" */
};
/* Called once, never from inside dns_ask_start(); nothing is under way any more. */
typedef void dns_ask_fn(struct dns_ask *a, const struct dns_reply *reply);

/* Whom to ask, and how. */
struct dns_ask_to {
	struct endpoint server;
	int protocol; /* enum dns_protocol */
	struct net_opts opts;
	const struct dns_tls_opts *tls; /* DNS_TLS: outlives the ask */
};

/* Embedded by whoever asks. `query` is built by the owner before the first start. */
struct dns_ask {
	const struct probe_env *env;
	dns_ask_fn *fn;
	struct dns_query query;
	struct dns_ask_to to;
	struct dns_pool *pool; /* NULL: not needed so far */
	struct dns_pool_query pooled;
	struct loop_fd watch;
	int fd; /* -1: none of its own */
	SSL *ssl;
	bool stream, connected, secured;
	size_t sent;     /* stream: bytes of the query that left */
	uint8_t *answer; /* stream: the answer so far, with its length */
	size_t received;
	unsigned ignored; /* datagrams that were not for us */
};
void dns_ask_init(struct dns_ask *a, const struct probe_env *env, dns_ask_fn *fn);
/* Asks with a new id. 0, or a negative errno: nothing has begun, and *what says at what. */
int dns_ask_start(struct dns_ask *a, const struct dns_ask_to *to, const char **what);
/* Abandons what is under way, if anything. */
void dns_ask_stop(struct dns_ask *a);
/* Why there is no answer yet, for the detail of a time-out. */
void dns_ask_silence(const struct dns_ask *a, char *detail, size_t size);

#endif
