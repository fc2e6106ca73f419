/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of served ports: which of the service ports that the configuration names (`listens`)
 * somebody on this host serves. Private to the folder.
 */
#ifndef KERNEL_PORT_WATCH_H
#define KERNEL_PORT_WATCH_H

#include "base/rng.h"
#include "kernel/helper_policy.h"
#include "kernel/nl_sock.h"
#include "kernel/port_owner.h"

/* How often a deserted port is looked at: the kernel does not announce new sockets. */
#define PORT_WATCH_POLL (100 * DUR_MS)
/* After a look that the kernel refused. */
#define PORT_WATCH_RETRY (1 * DUR_S)

/* One service port. */
struct port_watch {
	struct kernel_listen what;
	enum kernel_served served;
	enum why why;
	bool dying;   /* before the look: served by processes that end, and nobody else */
	bool known;   /* it has been looked at */
	bool waits;   /* nobody has been told of the state */
	bool suspect; /* nor that it looks wrong */
};

/* One socket that serves some of them. */
struct port_sock {
	struct nl_sock sock;
	mono_t since;     /* its queue has not shrunk */
	unsigned samples; /* taken since */
	bool pressed;     /* and has grown, or been full */
	bool told;        /* and that has been reported */
};

struct port_watches;
/* Embedded by whoever wants to know. */
struct port_watches_user {
	/* port_watches_report() has something new. */
	void (*changed)(struct port_watches_user *u);
};

struct port_watches {
	struct loop *loop;
	struct rng rng;
	dur_t stall; /* 0: queues are not sampled */
	struct loop_timer sample;
	struct nl_socks socks;
	struct nl_socks_user socks_user;
	struct nl_sock_dump dump;
	struct port_owners owners;
	struct port_owners_user owners_user;
	struct port_watches_user *user;
	struct loop_timer poll;
	struct port_watch *watches; /* in the order of the policy */
	size_t count;
	size_t first_waiting;    /* no watch before it waits to be told */
	struct port_sock *found; /* sorted by protocol, port, address, cookie */
	size_t found_count, found_cap;
	uint64_t looks;
	bool ended;  /* one of them, in the batch of events that is being read */
	bool failed; /* the last look, and the log has said so */
};

/* Without sock_diag in the kernel it goes on, and says that all ports are served. */
void port_watches_init(struct port_watches *pw, struct loop *l, struct port_watches_user *user);
void port_watches_done(struct port_watches *pw);
/* These are the ports from now on: looks, and owes a report of each. */
void port_watches_set_policy(struct port_watches *pw, const struct helper_policy *policy);

enum port_report_kind { PORT_REPORT_STATE, PORT_REPORT_SUSPECT };
struct port_report {
	enum port_report_kind kind;
	struct kernel_listen what;
	enum kernel_served served; /* of a state */
	enum why why;
};
/* The first news that nobody has been told; false when there is none. */
bool port_watches_report(struct port_watches *pw, struct port_report *out);
/* It has been told. */
void port_watches_reported(struct port_watches *pw);

/* -- between port_watch.c and port_stall.c -- */

/* Looks which sockets there are, and what follows. */
void port_watches_look(struct port_watches *pw);
bool port_sock_serves(const struct nl_sock *s, const struct kernel_listen *what);
/* Both are bound to the same address and port. */
bool port_sock_shares(const struct port_sock *a, const struct port_sock *b);
/* The same socket among those of another look; NULL when it is not there. */
const struct port_sock *port_sock_find(
    const struct port_sock *socks, size_t count, const struct port_sock *key);
/* Owes the report that the port looks wrong. */
void port_watch_suspect(struct port_watches *pw, struct port_watch *w);
/* After a look: compares the queues with those of the look before. */
void port_stall_judge(struct port_watches *pw, const struct port_sock *before, size_t before_count);
loop_timer_fn port_stall_glance;

#endif
