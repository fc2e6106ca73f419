/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links by rtnetlink.
 *
 * The table holds every interface by its index, as RTM_NEWLINK and RTM_DELLINK tell it; after a
 * loss of changes a dump is laid over the table, and what it does not contain is gone.
 *
 * An interface is up when it is set up (IFF_UP), has carrier (IFF_LOWER_UP) and its operational
 * state is up or unknown (IFF_RUNNING, RFC 2863; the loopback never says more than "unknown").
 *
 * Reporting is level-triggered: a changed link stands in a list until its state has been told, so
 * however often it flaps meanwhile, one report of the newest state is owed. A rename is the end of
 * the old name and the start of the new one.
 */
#include "kernel/nl_link.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#ifndef IFF_LOWER_UP
#define IFF_LOWER_UP (1 << 16)
#endif

static int
nl_link_cmp(const struct nl_link *a, const struct nl_link *b)
{
	return a->index < b->index ? -1 : a->index > b->index;
}
RB_PROTOTYPE(nl_link_tree, nl_link, tree, nl_link_cmp)
RB_GENERATE(nl_link_tree, nl_link, tree, nl_link_cmp)

bool
nl_link_is_up(const struct nl_link *link)
{
	unsigned need = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;

	return link->known && (link->flags & need) == need;
}

bool
nl_link_is_enabled(const struct nl_link *link)
{
	return link->known && (link->flags & IFF_UP) != 0;
}

static struct nl_link *
link_at(struct nl_links *ls, unsigned index)
{
	struct nl_link key = {.index = index};

	return RB_FIND(nl_link_tree, &ls->tree, &key);
}

const struct nl_link *
nl_links_at(struct nl_links *ls, unsigned index)
{
	return link_at(ls, index);
}

const struct nl_link *
nl_links_find(struct nl_links *ls, const char *name)
{
	struct nl_link *link;

	RB_FOREACH (link, nl_link_tree, &ls->tree)
		if (str_equal(link->name, name))
			return link;
	return NULL;
}

static void
link_owe_report(struct nl_links *ls, struct nl_link *link)
{
	struct nl_links_user *u;

	if (!link->waits) {
		link->waits = true;
		TAILQ_INSERT_TAIL(&ls->unreported, link, unreported);
	}
	STAILQ_FOREACH (u, &ls->users, link)
		u->changed(u);
}

static void
links_tell_moved(struct nl_links *ls, unsigned index)
{
	struct nl_links_user *u;

	STAILQ_FOREACH (u, &ls->users, link)
		u->moved(u, index);
}

/* Takes it out of the table; the report that it is down is still owed. */
static void
link_forget(struct nl_links *ls, struct nl_link *link)
{
	unsigned index = link->index;

	RB_REMOVE(nl_link_tree, &ls->tree, link);
	link->known = false;
	link_owe_report(ls, link);
	links_tell_moved(ls, index);
}

static struct nl_link *
link_add(struct nl_links *ls, unsigned index, const char *name)
{
	struct nl_link *link = mem_alloc(sizeof(*link));

	link->index = index;
	link->known = true;
	str_copy(link->name, sizeof(link->name), name);
	RB_INSERT(nl_link_tree, &ls->tree, link);
	return link;
}

static int
link_name_attr(const struct nlattr *attr, void *data)
{
	const char **name = data;

	if (mnl_attr_get_type(attr) == IFLA_IFNAME &&
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
		*name = mnl_attr_get_str(attr);
	return MNL_CB_OK;
}

static void
link_new(struct nl_links *ls, const struct nlmsghdr *nlh)
{
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct nl_link *link = link_at(ls, (unsigned)ifi->ifi_index);
	const char *name = NULL;
	bool was_up, was_enabled, fresh;

	mnl_attr_parse(nlh, sizeof(*ifi), link_name_attr, &name);
	if (name == NULL)
		return;
	if (link != NULL && !str_equal(link->name, name)) {
		link_forget(ls, link);
		link = NULL;
	}
	fresh = link == NULL;
	if (fresh)
		link = link_add(ls, (unsigned)ifi->ifi_index, name);
	link->seen = true;
	was_up = nl_link_is_up(link);
	was_enabled = nl_link_is_enabled(link);
	link->flags = ifi->ifi_flags;
	if (fresh || was_up != nl_link_is_up(link))
		link_owe_report(ls, link);
	if (fresh || was_enabled != nl_link_is_enabled(link))
		links_tell_moved(ls, link->index);
}

static void
links_message(struct nl_user *u, const struct nlmsghdr *nlh)
{
	struct nl_links *ls = container_of(u, struct nl_links, user);
	const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
	struct nl_link *link;

	if ((nlh->nlmsg_type != RTM_NEWLINK && nlh->nlmsg_type != RTM_DELLINK) ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifi))
		return;
	/* A bridge tells of its ports in the same words; they are no change of the link. */
	if (ifi->ifi_family != AF_UNSPEC)
		return;
	if (nlh->nlmsg_type == RTM_NEWLINK) {
		link_new(ls, nlh);
		return;
	}
	link = link_at(ls, (unsigned)ifi->ifi_index);
	if (link != NULL)
		link_forget(ls, link);
}

static void
links_dump_start(struct nl_dump *d, const struct nlmsghdr *nlh)
{
	struct nl_links *ls = container_of(d, struct nl_links, dump);
	struct nl_link *link;

	(void)nlh;
	RB_FOREACH (link, nl_link_tree, &ls->tree)
		link->seen = false;
}

static void
links_dump_each(struct nl_dump *d, const struct nlmsghdr *nlh)
{
	struct nl_links *ls = container_of(d, struct nl_links, dump);

	links_message(&ls->user, nlh);
}

static int
links_read_all(struct nl_links *ls)
{
	struct nl_link *link, *next;
	int error = nl_dump(ls->nl, &ls->dump);

	if (error != 0) {
		log_error(
		    "netlink: cannot read the links: %s (%s)", strerror(-error), ls->nl->error);
		return error;
	}
	RB_FOREACH_SAFE (link, nl_link_tree, &ls->tree, next)
		if (!link->seen)
			link_forget(ls, link);
	return 0;
}

static int
links_resync(struct nl_user *u)
{
	return links_read_all(container_of(u, struct nl_links, user));
}

static const struct nl_user_ops links_ops = {links_message, links_resync};

int
nl_links_init(struct nl_links *ls, struct nl *nl)
{
	*ls = (struct nl_links){.nl = nl};
	ls->user.ops = &links_ops;
	ls->dump = (struct nl_dump){.type = RTM_GETLINK,
	    .family = AF_UNSPEC,
	    .header_len = sizeof(struct ifinfomsg),
	    .start = links_dump_start,
	    .each = links_dump_each};
	RB_INIT(&ls->tree);
	TAILQ_INIT(&ls->unreported);
	STAILQ_INIT(&ls->users);
	nl_add_user(nl, &ls->user);
	return links_read_all(ls);
}

void
nl_links_done(struct nl_links *ls)
{
	struct nl_link *link;

	while (!TAILQ_EMPTY(&ls->unreported))
		nl_links_reported(ls);
	while ((link = RB_MIN(nl_link_tree, &ls->tree)) != NULL) {
		RB_REMOVE(nl_link_tree, &ls->tree, link);
		free(link);
	}
}

void
nl_links_add_user(struct nl_links *ls, struct nl_links_user *u)
{
	STAILQ_INSERT_TAIL(&ls->users, u, link);
}

bool
nl_links_report(struct nl_links *ls, char name[KERNEL_IFNAME], bool *up)
{
	const struct nl_link *link = TAILQ_FIRST(&ls->unreported);

	if (link == NULL)
		return false;
	str_copy(name, KERNEL_IFNAME, link->name);
	*up = nl_link_is_up(link);
	return true;
}

void
nl_links_reported(struct nl_links *ls)
{
	struct nl_link *link = TAILQ_FIRST(&ls->unreported);

	TAILQ_REMOVE(&ls->unreported, link, unreported);
	link->waits = false;
	if (!link->known)
		free(link);
}
