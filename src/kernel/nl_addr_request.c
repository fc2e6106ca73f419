/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a service address is put on an interface and taken off: the two requests.
 *
 * A host must not use a service address as the source of its own connections: the answers have to
 * come back to this host, and anycast would carry them to the nearest one. So IPv4 host addresses
 * get scope host, which source selection passes over when it looks for an address to reach others,
 * and IPv6 addresses a preferred lifetime of 0 (deprecated, RFC 4862 section 5.5.4). They also get
 * no duplicate address detection: being on many hosts is what they are for.
 *
 * A prefix of several addresses makes the loopback accept all of them; on any other interface it
 * must not bring a route to its neighbours (IFA_F_NOPREFIXROUTE).
 *
 * Each address carries our IFA_PROTO. A kernel that does not know the attribute ignores it.
 */
#include "kernel/nl_addr.h"

#include <linux/if_addr.h>
#include <net/if.h>

#define LIFETIME_FOREVER UINT32_MAX

static void
put_addr(struct nlmsghdr *nlh, const struct addr *addr)
{
	mnl_attr_put(nlh, IFA_LOCAL, addr_len(addr), addr->bytes);
	mnl_attr_put(nlh, IFA_ADDRESS, addr_len(addr), addr->bytes);
}

static struct ifaddrmsg *
put_header(struct nlmsghdr *nlh, const struct addr *addr, uint8_t len, unsigned index)
{
	struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifa));

	ifa->ifa_family = addr->family == ADDR_V4 ? AF_INET : AF_INET6;
	ifa->ifa_prefixlen = len;
	ifa->ifa_index = index;
	return ifa;
}

int
nl_addr_request_add(struct nl *nl, const struct prefix *prefix, const struct nl_link *link)
{
	static const struct ifa_cacheinfo deprecated = {.ifa_valid = LIFETIME_FOREVER};
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	bool loopback = (link->flags & IFF_LOOPBACK) != 0;
	bool v6 = prefix->addr.family == ADDR_V6;
	uint32_t flags = v6 ? IFA_F_NODAD : 0;
	struct ifaddrmsg *ifa;
	struct nlmsghdr *nlh;

	nlh = nl_request_start(nl, buf, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	ifa = put_header(nlh, &prefix->addr, prefix->len, link->index);
	if (!v6 && prefix_is_host(prefix))
		ifa->ifa_scope = RT_SCOPE_HOST;
	if (!prefix_is_host(prefix) && !loopback)
		flags |= IFA_F_NOPREFIXROUTE;
	put_addr(nlh, &prefix->addr);
	mnl_attr_put_u32(nlh, IFA_FLAGS, flags);
	mnl_attr_put_u8(nlh, IFA_PROTO, NL_ADDR_PROTO);
	if (v6)
		mnl_attr_put(nlh, IFA_CACHEINFO, sizeof(deprecated), &deprecated);
	return nl_request(nl, nlh);
}

int
nl_addr_request_del(struct nl *nl, const struct addr *addr, uint8_t len, unsigned index)
{
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	struct nlmsghdr *nlh = nl_request_start(nl, buf, RTM_DELADDR, 0);

	put_header(nlh, addr, len, index);
	put_addr(nlh, addr);
	return nl_request(nl, nlh);
}
