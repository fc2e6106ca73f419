/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of service addresses: what the configuration names and what nigh put on the host.
 * Private to the folder.
 */
#ifndef KERNEL_NL_ADDR_H
#define KERNEL_NL_ADDR_H

#include "base/addr.h"
#include "base/queue.h"
#include "kernel/helper_policy.h"
#include "kernel/nl_link.h"

/* IFA_PROTO of the addresses that nigh adds ('n'): how a later life recognises them. The kernel
 * keeps it since Linux 5.18. */
#define NL_ADDR_PROTO 0x6e

/* One address on one interface. */
struct nl_addr {
	RB_ENTRY(nl_addr) tree;
	TAILQ_ENTRY(nl_addr) unreported;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool named;         /* by the configuration in force */
	unsigned index;     /* the interface that has it; 0: it is not on the host */
	uint8_t kernel_len; /* the length of the prefix that the kernel has */
	uint32_t flags;     /* IFA_F_... */
	bool tagged;        /* the kernel says that nigh added it */
	bool added;         /* we added it in this life: what counts before Linux 5.18 */
	bool seen;          /* by the dump under way */
	bool waits;         /* in the list of the unreported */
	int error;          /* of the last request, until reported */
	int logged;         /* what the log has said of it already */
};
RB_HEAD(nl_addr_tree, nl_addr);
TAILQ_HEAD(nl_addr_list, nl_addr);

struct nl_addrs;
/* Embedded by whoever wants to know. */
struct nl_addrs_user {
	/* nl_addrs_report() has something new. */
	void (*changed)(struct nl_addrs_user *u);
};

struct nl_addrs {
	struct nl_user user;
	struct nl_links_user links_user;
	struct nl_dump dump;
	struct nl *nl;
	struct nl_links *links;
	struct nl_addrs_user *host;
	struct nl_addr_tree tree; /* by address, then interface */
	struct nl_addr_list unreported;
	bool configured; /* a policy was set: what an earlier life left has been looked at */
};

struct nl_addr_report {
	struct prefix prefix;
	bool present;
	int error;
};

/* Adds itself to `nl` and `links`, and finds what an earlier life left. 0 or a negative errno;
 * nl_addrs_done() is safe then, and takes nothing off the host. */
int nl_addrs_init(
    struct nl_addrs *as, struct nl *nl, struct nl_links *links, struct nl_addrs_user *host);
void nl_addrs_done(struct nl_addrs *as);

/* The configuration names these addresses from now on: reads the host anew and reports each. The
 * first time, addresses that an earlier life left and that are not named any more are removed. */
void nl_addrs_set_policy(struct nl_addrs *as, const struct helper_policy *policy);

/* Puts it on the interface, or takes off what nigh put there; an address that somebody else put
 * there counts as present and is never removed. A report follows, except for the removal of an
 * address that is not in the table (nl_addrs_is_known()). */
void nl_addrs_add(struct nl_addrs *as, const struct prefix *prefix, const char *ifname);
void nl_addrs_del(struct nl_addrs *as, const struct prefix *prefix);
bool nl_addrs_is_known(struct nl_addrs *as, const struct prefix *prefix);
/* Is there one that nigh put on the host? */
bool nl_addrs_is_ours(struct nl_addrs *as, const struct prefix *prefix);
/* Is it usable on the interface that the configuration names (or, when it names none any more,
 * still there from us)? */
bool nl_addrs_is_present(struct nl_addrs *as, const struct prefix *prefix);

/* The first state that nobody has been told; false when there is none. */
bool nl_addrs_report(struct nl_addrs *as, struct nl_addr_report *out);
/* It has been told. */
void nl_addrs_reported(struct nl_addrs *as);

/* -- nl_addr_request.c: 0 or a negative errno, with the kernel's words in nl->error -- */

int nl_addr_request_add(struct nl *nl, const struct prefix *prefix, const struct nl_link *link);
/* `len` and `index` as the kernel has them. */
int nl_addr_request_del(struct nl *nl, const struct addr *addr, uint8_t len, unsigned index);

#endif
