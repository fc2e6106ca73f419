/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The section `bgp:` of the configuration as structs.
 */
#ifndef BGP_CONF_H
#define BGP_CONF_H

#include "core/attrs.h"
#include "proto/bgp/bgp_msg.h"

#define BGP_TTL_EBGP 1
#define BGP_TTL_IBGP 255

enum bgp_import { BGP_IMPORT_NONE };

struct bgp_conf {
	uint32_t as;
	struct addr router_id; /* ADDR_NONE: the node's */
	dur_t hold_time;
	dur_t connect_retry;
	bool listen;
	uint32_t port; /* where we listen */
	struct conf_map neighbors;
};

struct bgp_neighbor_conf {
	uint32_t as;
	const char *description; /* NULL: none */
	uint32_t port;           /* where we connect to */
	bool passive;
	struct addr source;                  /* ADDR_NONE: the kernel's choice */
	const char *interface;               /* NULL: any */
	uint32_t ttl;                        /* 0: by the kind of the session */
	dur_t hold_time;                     /* 0: the section's */
	uint32_t families;                   /* mask of BGP_AF_BIT; 0: all */
	struct addr next_hop[BGP_AF_COUNT];  /* ADDR_NONE: the session's own address */
	const struct attrs_conf *attributes; /* NULL: none */
	int import;                          /* enum bgp_import */
	bool shutdown;
};

extern const struct conf_schema bgp_neighbor_schema;

#endif
