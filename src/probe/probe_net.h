/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all probe kinds that use a socket share: where the question leaves from, and how it is
 * marked.
 */
#ifndef PROBE_NET_H
#define PROBE_NET_H

#include "conf/conf.h"
#include "loop/net.h"

struct probe_net_conf {
	struct addr source;
	const char *interface;
	uint32_t tos;
};

/* The rows of `source`, `interface` and `tos`, for a kind's struct with a member of the type above.
 */
#define PROBE_NET_ROWS(conf_struct, member)                                                        \
	{.key = "source",                                                                          \
	    .type = CONF_ADDR,                                                                     \
	    .offset = offsetof(conf_struct, member.source),                                        \
	    .doc = "The address to ask from."},                                                    \
	    {.key = "interface",                                                                   \
		.type = CONF_STRING,                                                               \
		.max = 15,                                                                         \
		.offset = offsetof(conf_struct, member.interface),                                 \
		.doc = "The interface or VRF to ask through (SO_BINDTODEVICE)."},                  \
	{                                                                                          \
		.key = "tos", .type = CONF_U32, .max = 255,                                        \
		.offset = offsetof(conf_struct, member.tos),                                       \
		.doc = "The TOS or traffic class byte of what is sent: the DSCP times four."       \
	}

/* The socket options that follow. */
struct net_opts probe_net_opts(const struct probe_net_conf *c);
/* For a kind's check(): `source` must be of the family of what is asked. */
void probe_net_check(struct conf_ctx *ctx, const struct conf_node *node,
    const struct probe_net_conf *c, const struct addr *target);

#endif
