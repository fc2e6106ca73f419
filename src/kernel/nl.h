/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink: requests with their answers, dumps, and the stream of changes, for whoever keeps a
 * table of kernel objects (nl_link.c, nl_addr.c; routes come next to them). Private to the folder.
 */
#ifndef KERNEL_NL_H
#define KERNEL_NL_H

#include "base/queue.h"
#include "loop/loop.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>

/* Enough for any request that we send and for one part of any dump. */
#define NL_BUFFER 32768
#define NL_TEXT   128

struct nl;
struct nl_user;

/* Embedded by a table. Called in the order in which the tables were added, from the loop or from
 * within nl_drain() and nl_resync(). */
struct nl_user_ops {
	/* A change, as the kernel tells it. Messages that are not the table's are ignored. */
	void (*message)(struct nl_user *u, const struct nlmsghdr *nlh);
	/* Changes were lost: dump everything anew. 0 or a negative errno: it is tried again. */
	int (*resync)(struct nl_user *u);
};
struct nl_user {
	const struct nl_user_ops *ops;
	STAILQ_ENTRY(nl_user) link;
};

struct nl {
	struct loop *loop;
	struct mnl_socket *request;
	struct mnl_socket *monitor;
	struct loop_fd watch;    /* of the monitor */
	struct loop_timer retry; /* of a resync that failed */
	uint32_t seq;
	uint64_t resyncs;    /* times that changes were lost */
	char error[NL_TEXT]; /* what the kernel said about the last refusal; "" when nothing */
	STAILQ_HEAD(, nl_user) users;
};

/* Opens both sockets in the caller's network namespace. 0 or a negative errno; after an error
 * nl_done() is safe. */
int nl_init(struct nl *nl, struct loop *l);
void nl_done(struct nl *nl);
/* Adds a table; it is told of changes from now on, and dumps by itself when it wants. */
void nl_add_user(struct nl *nl, struct nl_user *u);

/* Starts a request in `buf` (NL_BUFFER bytes): the header, with the flags of a request that wants
 * an acknowledgement. Append the family's header and attributes with libmnl. */
struct nlmsghdr *nl_request_start(struct nl *nl, void *buf, uint16_t type, uint16_t flags);
/* Sends it and reads the acknowledgement, which the kernel has ready at once. 0 or a negative
 * errno, and then nl->error has the kernel's own words if it had any. */
int nl_request(struct nl *nl, const struct nlmsghdr *nlh);

/* Called for each object of a dump. */
struct nl_dump;
typedef void nl_dump_fn(struct nl_dump *d, const struct nlmsghdr *nlh);
struct nl_dump {
	uint16_t type;     /* RTM_GETLINK... */
	uint8_t family;    /* AF_UNSPEC: all */
	size_t header_len; /* of the family's header: sizeof(struct ifinfomsg)... */
	nl_dump_fn *start; /* the dump begins, or begins again; may be NULL */
	nl_dump_fn *each;
};
/* 0 or a negative errno. A dump that the kernel interrupts is started again. */
int nl_dump(struct nl *nl, struct nl_dump *d);

/* Reads the changes that the kernel has told so far: after a request they contain its effect. */
void nl_drain(struct nl *nl);
/* Lets every table dump anew, and again later if one of them cannot. */
void nl_resync(struct nl *nl);

#endif
