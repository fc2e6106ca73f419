/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a probe's socket: from the configuration to what loop/net.h takes.
 */
#include "probe/probe_net.h"

#include "base/str.h"

struct net_opts
probe_net_opts(const struct probe_net_conf *c)
{
	struct net_opts o = {.local = c->source, .tos = (uint8_t)c->tos};

	if (c->interface != NULL)
		str_copy(o.device, sizeof(o.device), c->interface);
	return o;
}

void
probe_net_check(struct conf_ctx *ctx, const struct conf_node *node, const struct probe_net_conf *c,
    const struct addr *target)
{
	if (c->source.family != ADDR_NONE && c->source.family != target->family)
		conf_error(ctx, conf_node_find(node, "source"),
		    "source: an %s address is needed, like that of the server",
		    target->family == ADDR_V6 ? "IPv6" : "IPv4");
}
