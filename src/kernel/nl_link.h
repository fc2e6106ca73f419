/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of links: which interfaces there are, and which of them work. Private to the folder.
 */
#ifndef KERNEL_NL_LINK_H
#define KERNEL_NL_LINK_H

#include "base/queue.h"
#include "core/kernel_port.h"
#include "kernel/nl.h"

struct nl_links;

struct nl_link {
	RB_ENTRY(nl_link) tree;
	TAILQ_ENTRY(nl_link) unreported;
	unsigned index;
	char name[KERNEL_IFNAME];
	unsigned flags; /* IFF_... */
	bool known;     /* false: gone, and only the report of it is left */
	bool waits;     /* in the list of the unreported */
	bool seen;      /* by the dump under way */
};
RB_HEAD(nl_link_tree, nl_link);
TAILQ_HEAD(nl_link_list, nl_link);

/* Embedded by whoever wants to know. */
struct nl_links_user {
	/* nl_links_report() has something new. */
	void (*changed)(struct nl_links_user *u);
	/* An interface came, went, was renamed, or was set up or down. */
	void (*moved)(struct nl_links_user *u, unsigned index);
	STAILQ_ENTRY(nl_links_user) link;
};

struct nl_links {
	struct nl_user user;
	struct nl_dump dump;
	struct nl *nl;
	struct nl_link_tree tree; /* by index */
	struct nl_link_list unreported;
	STAILQ_HEAD(, nl_links_user) users;
};

/* Adds itself to `nl` and reads all links. 0 or a negative errno; nl_links_done() is safe then. */
int nl_links_init(struct nl_links *ls, struct nl *nl);
void nl_links_done(struct nl_links *ls);
void nl_links_add_user(struct nl_links *ls, struct nl_links_user *u);

/* NULL when there is no such interface. */
const struct nl_link *nl_links_find(struct nl_links *ls, const char *name);
const struct nl_link *nl_links_at(struct nl_links *ls, unsigned index);
/* Carries packets: set up, has carrier, and its protocol (802.1X, LACP) says so too. */
bool nl_link_is_up(const struct nl_link *link);
/* Set up by the administrator: addresses on it are usable by this host. */
bool nl_link_is_enabled(const struct nl_link *link);

/* The first link whose state nobody has been told; false when there is none. */
bool nl_links_report(struct nl_links *ls, char name[KERNEL_IFNAME], bool *up);
/* It has been told. */
void nl_links_reported(struct nl_links *ls);

#endif
