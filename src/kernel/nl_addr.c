/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service addresses by rtnetlink.
 *
 * The table holds an entry for each address that the configuration names and for each that nigh
 * itself put on the host, and follows RTM_NEWADDR and RTM_DELADDR. What an entry says always comes
 * from the kernel: after a request the changes are read at once, before anything is reported.
 *
 * Whose is it? Addresses that we add carry our IFA_PROTO, so that a later life recognises them;
 * kernels before 5.18 do not keep it, there we remember until we end. An address that somebody
 * else put there is adopted: it counts as present, and we never take it off.
 *
 * Usable means: on the interface, not tentative, and the interface is set up.
 */
#include "kernel/nl_addr.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

static int
nl_addr_cmp(const struct nl_addr *a, const struct nl_addr *b)
{
	int order = addr_cmp(&a->prefix.addr, &b->prefix.addr);

	return order != 0 ? order : strcmp(a->ifname, b->ifname);
}
RB_PROTOTYPE(nl_addr_tree, nl_addr, tree, nl_addr_cmp)
RB_GENERATE(nl_addr_tree, nl_addr, tree, nl_addr_cmp)

/* -- entries -- */

static struct nl_addr *
entry_find(struct nl_addrs *as, const struct addr *addr, const char *ifname)
{
	struct nl_addr key = {.prefix.addr = *addr};

	str_copy(key.ifname, sizeof(key.ifname), ifname);
	return RB_FIND(nl_addr_tree, &as->tree, &key);
}

static struct nl_addr *
entry_get(struct nl_addrs *as, const struct prefix *prefix, const char *ifname)
{
	struct nl_addr *e = entry_find(as, &prefix->addr, ifname);

	if (e != NULL)
		return e;
	e = mem_alloc(sizeof(*e));
	e->prefix = *prefix;
	str_copy(e->ifname, sizeof(e->ifname), ifname);
	RB_INSERT(nl_addr_tree, &as->tree, e);
	return e;
}

/* The entries of one address stand next to each other: the first one, and the one after `e`. */
static struct nl_addr *
entry_first(struct nl_addrs *as, const struct addr *addr)
{
	struct nl_addr key = {.prefix.addr = *addr};
	struct nl_addr *e = RB_NFIND(nl_addr_tree, &as->tree, &key);

	return e != NULL && addr_equal(&e->prefix.addr, addr) ? e : NULL;
}

static struct nl_addr *
entry_next(struct nl_addrs *as, struct nl_addr *e)
{
	struct nl_addr *next = RB_NEXT(nl_addr_tree, &as->tree, e);

	if (next == NULL || !addr_equal(&next->prefix.addr, &e->prefix.addr))
		return NULL;
	return next;
}

/* Frees it when it holds nothing worth knowing. */
static void
entry_release(struct nl_addrs *as, struct nl_addr *e)
{
	if (e->named || e->waits || (e->index != 0 && (e->tagged || e->added)))
		return;
	RB_REMOVE(nl_addr_tree, &as->tree, e);
	free(e);
}

static bool
entry_is_ours(const struct nl_addr *e)
{
	return e->index != 0 && (e->tagged || e->added);
}

static bool
entry_is_usable(struct nl_addrs *as, const struct nl_addr *e)
{
	const struct nl_link *link;

	if (e->index == 0 || (e->flags & IFA_F_DADFAILED))
		return false;
	if ((e->flags & IFA_F_TENTATIVE) && !(e->flags & IFA_F_OPTIMISTIC))
		return false;
	link = nl_links_at(as->links, e->index);
	return link != NULL && nl_link_is_enabled(link);
}

static void
entry_owe_report(struct nl_addrs *as, struct nl_addr *e)
{
	if (!e->waits) {
		e->waits = true;
		TAILQ_INSERT_TAIL(&as->unreported, e, unreported);
	}
	as->host->changed(as->host);
}

/* The kernel has it no more. */
static void
entry_lost(struct nl_addrs *as, struct nl_addr *e)
{
	e->index = 0;
	e->tagged = false;
	e->added = false;
	entry_owe_report(as, e);
}

/* -- what the kernel tells -- */

struct addr_news {
	struct prefix prefix;
	unsigned index;
	uint32_t flags;
	uint8_t proto;
	bool local; /* IFA_LOCAL was there; IFA_ADDRESS is the peer's then */
};

static int
news_attr(const struct nlattr *attr, void *data)
{
	struct addr_news *news = data;
	uint16_t len = mnl_attr_get_payload_len(attr);

	switch (mnl_attr_get_type(attr)) {
	case IFA_LOCAL:
	case IFA_ADDRESS:
		if (len != addr_len(&news->prefix.addr) || news->local)
			break;
		news->prefix.addr = addr_from_bytes(
		    (enum addr_family)news->prefix.addr.family, mnl_attr_get_payload(attr));
		news->local = mnl_attr_get_type(attr) == IFA_LOCAL;
		break;
	case IFA_FLAGS:
		if (len == sizeof(uint32_t))
			news->flags = mnl_attr_get_u32(attr);
		break;
	case IFA_PROTO:
		if (len == sizeof(uint8_t))
			news->proto = mnl_attr_get_u8(attr);
		break;
	default: break;
	}
	return MNL_CB_OK;
}

static bool
news_read(const struct nlmsghdr *nlh, struct addr_news *news)
{
	const struct ifaddrmsg *ifa = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*ifa))
		return false;
	if (ifa->ifa_family != AF_INET && ifa->ifa_family != AF_INET6)
		return false;
	*news = (struct addr_news){.index = ifa->ifa_index, .flags = ifa->ifa_flags};
	news->prefix.addr.family = ifa->ifa_family == AF_INET ? ADDR_V4 : ADDR_V6;
	news->prefix.len = ifa->ifa_prefixlen;
	mnl_attr_parse(nlh, sizeof(*ifa), news_attr, news);
	return !addr_is_any(&news->prefix.addr);
}

static void
addr_new(struct nl_addrs *as, const struct addr_news *news, const char *ifname)
{
	bool tagged = news->proto == NL_ADDR_PROTO, was_usable;
	struct nl_addr *e = entry_find(as, &news->prefix.addr, ifname);

	if (e == NULL && !tagged)
		return;
	if (e == NULL)
		e = entry_get(as, &news->prefix, ifname);
	/* IPv4 allows the address twice, in prefixes of different lengths: ours counts. */
	if (entry_is_ours(e) && e->kernel_len != news->prefix.len)
		return;
	was_usable = entry_is_usable(as, e);
	e->seen = true;
	e->index = news->index;
	e->kernel_len = news->prefix.len;
	e->flags = news->flags;
	e->tagged = tagged;
	if (was_usable != entry_is_usable(as, e))
		entry_owe_report(as, e);
}

static void
addr_del(struct nl_addrs *as, const struct addr_news *news, const char *ifname)
{
	struct nl_addr *e = entry_find(as, &news->prefix.addr, ifname);

	if (e != NULL && e->index == news->index && e->kernel_len == news->prefix.len)
		entry_lost(as, e);
}

static void
addrs_message(struct nl_user *u, const struct nlmsghdr *nlh)
{
	struct nl_addrs *as = container_of(u, struct nl_addrs, user);
	const struct nl_link *link;
	struct addr_news news;

	if (nlh->nlmsg_type != RTM_NEWADDR && nlh->nlmsg_type != RTM_DELADDR)
		return;
	if (!news_read(nlh, &news))
		return;
	link = nl_links_at(as->links, news.index);
	if (link == NULL)
		return;
	if (nlh->nlmsg_type == RTM_NEWADDR)
		addr_new(as, &news, link->name);
	else
		addr_del(as, &news, link->name);
}

static void
addrs_dump_start(struct nl_dump *d, const struct nlmsghdr *nlh)
{
	struct nl_addrs *as = container_of(d, struct nl_addrs, dump);
	struct nl_addr *e;

	(void)nlh;
	RB_FOREACH (e, nl_addr_tree, &as->tree)
		e->seen = false;
}

static void
addrs_dump_each(struct nl_dump *d, const struct nlmsghdr *nlh)
{
	struct nl_addrs *as = container_of(d, struct nl_addrs, dump);

	addrs_message(&as->user, nlh);
}

static int
addrs_read_all(struct nl_addrs *as)
{
	struct nl_addr *e;
	int error = nl_dump(as->nl, &as->dump);

	if (error != 0) {
		log_error(
		    "netlink: cannot read the addresses: %s (%s)", strerror(-error), as->nl->error);
		return error;
	}
	RB_FOREACH (e, nl_addr_tree, &as->tree)
		if (e->index != 0 && !e->seen)
			entry_lost(as, e);
	return 0;
}

/* After a loss everything is said again, changed or not. */
static int
addrs_resync(struct nl_user *u)
{
	struct nl_addrs *as = container_of(u, struct nl_addrs, user);
	int error = addrs_read_all(as);
	struct nl_addr *e;

	RB_FOREACH (e, nl_addr_tree, &as->tree)
		if (e->named || entry_is_ours(e))
			entry_owe_report(as, e);
	return error;
}

static const struct nl_user_ops addrs_ops = {addrs_message, addrs_resync};

/* -- what the links tell -- */

static void
addrs_link_changed(struct nl_links_user *u)
{
	(void)u;
}

/* A link was set up or down, came, went or got another name: what stands on it may be usable now or
 * not any more. A name that is new to a link may bring addresses that were told under the old one.
 */
static void
addrs_link_moved(struct nl_links_user *u, unsigned index)
{
	struct nl_addrs *as = container_of(u, struct nl_addrs, links_user);
	const struct nl_link *link = nl_links_at(as->links, index);
	bool unknown = false;
	struct nl_addr *e;

	RB_FOREACH (e, nl_addr_tree, &as->tree) {
		bool same = link != NULL && str_equal(link->name, e->ifname);

		if (e->index == index && !same)
			entry_lost(as, e);
		else if (e->index == index)
			entry_owe_report(as, e);
		else if (same)
			unknown = true;
	}
	if (unknown)
		addrs_read_all(as);
}

/* -- requests -- */

/* The answer is in the next report, and in the log unless it was the same before. */
static void
entry_verdict(struct nl_addrs *as, struct nl_addr *e, const char *what, int error)
{
	char text[PREFIX_TEXT];

	prefix_format(&e->prefix, text, sizeof(text));
	e->error = error;
	if (error == 0)
		log_info("address %s: %s %s", text, what, e->ifname);
	else if (error != e->logged)
		log_error("address %s: not %s %s: %s%s%s", text, what, e->ifname, strerror(-error),
		    as->nl->error[0] != 0 ? ": " : "", as->nl->error);
}

/* Takes off what is ours. */
static void
entry_remove(struct nl_addrs *as, struct nl_addr *e)
{
	int error = nl_addr_request_del(as->nl, &e->prefix.addr, e->kernel_len, e->index);

	if (error == -EADDRNOTAVAIL || error == -ENODEV)
		error = 0;
	entry_verdict(as, e, "taken off", error);
	entry_owe_report(as, e);
}

/* Why an address that is there, or would be there, cannot be used; 0: it can. */
static int
entry_obstacle(struct nl_addrs *as, const struct nl_addr *e)
{
	if (e->index == 0 || entry_is_usable(as, e))
		return 0;
	if (e->flags & IFA_F_DADFAILED)
		return -EADDRINUSE;
	return e->flags & IFA_F_TENTATIVE ? 0 : -ENETDOWN;
}

/* The kernel has taken it. It tells so at once for IPv4, but for IPv6 only some time later. */
static void
entry_put(struct nl_addr *e, const struct prefix *prefix, const struct nl_link *link)
{
	e->added = true;
	e->index = link->index;
	e->kernel_len = prefix->len;
	e->flags = 0;
}

void
nl_addrs_add(struct nl_addrs *as, const struct prefix *prefix, const char *ifname)
{
	struct nl_addr *e = entry_get(as, prefix, ifname), *other;
	const struct nl_link *link;
	int error;

	nl_drain(as->nl);
	entry_owe_report(as, e);
	if (e->index == 0) {
		link = nl_links_find(as->links, ifname);
		as->nl->error[0] = 0;
		error = link == NULL ? -ENODEV : nl_addr_request_add(as->nl, prefix, link);
		if (error == 0)
			entry_put(e, prefix, link);
		if (error != -EEXIST)
			entry_verdict(as, e, "put on", error);
		nl_drain(as->nl);
	}
	if (e->error == 0)
		e->error = entry_obstacle(as, e);
	if (e->index == 0)
		return;
	/* The interface was another one before: what stands there is not wanted any more. */
	for (other = entry_first(as, &prefix->addr); other != NULL; other = entry_next(as, other))
		if (other != e && entry_is_ours(other))
			entry_remove(as, other);
	nl_drain(as->nl);
}

void
nl_addrs_del(struct nl_addrs *as, const struct prefix *prefix)
{
	struct nl_addr *e;

	nl_drain(as->nl);
	for (e = entry_first(as, &prefix->addr); e != NULL; e = entry_next(as, e)) {
		entry_owe_report(as, e);
		if (entry_is_ours(e))
			entry_remove(as, e);
	}
	nl_drain(as->nl);
}

/* -- questions -- */

bool
nl_addrs_is_known(struct nl_addrs *as, const struct prefix *prefix)
{
	return entry_first(as, &prefix->addr) != NULL;
}

bool
nl_addrs_is_ours(struct nl_addrs *as, const struct prefix *prefix)
{
	struct nl_addr *e;

	for (e = entry_first(as, &prefix->addr); e != NULL; e = entry_next(as, e))
		if (entry_is_ours(e))
			return true;
	return false;
}

bool
nl_addrs_is_present(struct nl_addrs *as, const struct prefix *prefix)
{
	struct nl_addr *e;

	for (e = entry_first(as, &prefix->addr); e != NULL; e = entry_next(as, e))
		if (e->named)
			return entry_is_usable(as, e);
	return nl_addrs_is_ours(as, prefix);
}

bool
nl_addrs_report(struct nl_addrs *as, struct nl_addr_report *out)
{
	const struct nl_addr *e = TAILQ_FIRST(&as->unreported);

	if (e == NULL)
		return false;
	*out = (struct nl_addr_report){
	    .prefix = e->prefix,
	    .present = nl_addrs_is_present(as, &e->prefix),
	    .error = e->error,
	};
	return true;
}

void
nl_addrs_reported(struct nl_addrs *as)
{
	struct nl_addr *e = TAILQ_FIRST(&as->unreported);

	TAILQ_REMOVE(&as->unreported, e, unreported);
	e->waits = false;
	e->error = 0;
	entry_release(as, e);
}

/* -- configuration -- */

static void
addrs_remove_leftovers(struct nl_addrs *as)
{
	struct nl_addr *e;

	RB_FOREACH (e, nl_addr_tree, &as->tree)
		if (!e->named && entry_is_ours(e))
			entry_remove(as, e);
	nl_drain(as->nl);
}

void
nl_addrs_set_policy(struct nl_addrs *as, const struct helper_policy *policy)
{
	const struct helper_policy_address *a;
	struct nl_addr *e, *next;

	RB_FOREACH (e, nl_addr_tree, &as->tree)
		e->named = false;
	for (size_t i = 0; (a = helper_policy_address_at(policy, i)) != NULL; i++) {
		e = entry_get(as, &a->prefix, a->ifname);
		e->prefix = a->prefix;
		e->named = true;
	}
	addrs_read_all(as);
	if (!as->configured)
		addrs_remove_leftovers(as);
	as->configured = true;
	RB_FOREACH_SAFE (e, nl_addr_tree, &as->tree, next) {
		if (e->named)
			entry_owe_report(as, e);
		else
			entry_release(as, e);
	}
}

int
nl_addrs_init(
    struct nl_addrs *as, struct nl *nl, struct nl_links *links, struct nl_addrs_user *host)
{
	*as = (struct nl_addrs){.nl = nl, .links = links, .host = host};
	as->user.ops = &addrs_ops;
	as->links_user.changed = addrs_link_changed;
	as->links_user.moved = addrs_link_moved;
	as->dump = (struct nl_dump){.type = RTM_GETADDR,
	    .family = AF_UNSPEC,
	    .header_len = sizeof(struct ifaddrmsg),
	    .start = addrs_dump_start,
	    .each = addrs_dump_each};
	RB_INIT(&as->tree);
	TAILQ_INIT(&as->unreported);
	nl_add_user(nl, &as->user);
	nl_links_add_user(links, &as->links_user);
	return addrs_read_all(as);
}

void
nl_addrs_done(struct nl_addrs *as)
{
	struct nl_addr *e;

	while ((e = RB_MIN(nl_addr_tree, &as->tree)) != NULL) {
		RB_REMOVE(nl_addr_tree, &as->tree, e);
		free(e);
	}
	TAILQ_INIT(&as->unreported);
}
