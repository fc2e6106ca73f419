/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of `bgp:` and of its neighbors, one row each, and what no row can check alone: that a
 * neighbor's name is an address (and each address is there once), that the hold time can work, and
 * that addresses belong to the family in which they are used.
 *
 * Options that a later version brings are rows of their own kind, so that a file which uses them is
 * told so and is not asked whether it meant something else.
 */
#include "proto/bgp/bgp_conf.h"

#include "base/log.h"
#include "proto/bgp/bgp.h"

#define HOLD_MIN (3 * DUR_S) /* RFC 4271 section 4.2 */
#define HOLD_MAX (65535 * DUR_S)

static const struct conf_choice families[] = {
    {"ipv4", BGP_AF_BIT(BGP_AF_IPV4), "IPv4 unicast"},
    {"ipv6", BGP_AF_BIT(BGP_AF_IPV6), "IPv6 unicast"},
    {NULL, 0, NULL},
};

static const struct conf_choice imports[] = {
    {"none", BGP_IMPORT_NONE, "what the neighbor announces is counted and not used"},
    {NULL, 0, NULL},
};

/* RFC 4271 section 4.2: zero or at least three seconds; and zero would leave dead neighbors
 * unnoticed. */
static void
check_hold(struct conf_ctx *ctx, const struct conf_node *node, dur_t hold)
{
	const struct conf_node *at = conf_node_find(node, "hold-time");

	if (at == NULL)
		return;
	if (hold == 0)
		conf_error(ctx, at,
		    "hold-time: 0 switches off the detection of a dead neighbor, and the neighbor "
		    "would keep our routes for ever: write 3s or more");
	else if (hold < HOLD_MIN)
		conf_error(ctx, at, "hold-time: at least 3s (RFC 4271), 9s or more is sensible");
	else if (hold % DUR_S != 0)
		conf_error(ctx, at, "hold-time: whole seconds only");
}

static const char *
family_word(const struct addr *a)
{
	return a->family == ADDR_V6 ? "IPv6" : "IPv4";
}

static void
check_family(struct conf_ctx *ctx, const struct conf_node *node, const char *key,
    const struct addr *addr, enum addr_family want)
{
	if (addr->family != ADDR_NONE && addr->family != want)
		conf_error(ctx, conf_node_find(node, key), "%s: an %s address is needed", key,
		    want == ADDR_V6 ? "IPv6" : "IPv4");
}

static void
neighbor_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct bgp_neighbor_conf *n = obj;

	if (n->as == BGP_AS_TRANS)
		conf_error(ctx, conf_node_find(node, "as"),
		    "as: %u is reserved for the transition to 4-octet numbers (RFC 6793)",
		    (unsigned)BGP_AS_TRANS);
	check_hold(ctx, node, n->hold_time);
	check_family(ctx, node, "next-hop", &n->next_hop[BGP_AF_IPV4], ADDR_V4);
	check_family(ctx, node, "next-hop-ipv6", &n->next_hop[BGP_AF_IPV6], ADDR_V6);
}

static const struct conf_row neighbor_rows[] = {
    {.key = "as",
	.type = CONF_U32,
	.flags = CONF_REQUIRED,
	.min = 1,
	.max = 4294967294,
	.offset = offsetof(struct bgp_neighbor_conf, as),
	.doc = "The neighbor's AS. The same as ours: iBGP."},
    {.key = "description",
	.type = CONF_STRING,
	.max = 80,
	.offset = offsetof(struct bgp_neighbor_conf, description),
	.doc = "For people."},
    {.key = "port",
	.type = CONF_U32,
	.min = 1,
	.max = 65535,
	.dflt = "179",
	.offset = offsetof(struct bgp_neighbor_conf, port),
	.doc = "The TCP port to which we connect."},
    {.key = "passive",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct bgp_neighbor_conf, passive),
	.doc = "Never connect, wait for the neighbor to do so."},
    {.key = "source",
	.type = CONF_ADDR,
	.offset = offsetof(struct bgp_neighbor_conf, source),
	.doc = "Our address of the session. Default: the kernel's choice."},
    {.key = "interface",
	.type = CONF_STRING,
	.max = 15,
	.offset = offsetof(struct bgp_neighbor_conf, interface),
	.doc = "The interface that leads to the neighbor; needed for a link-local address."},
    {.key = "ttl",
	.type = CONF_U32,
	.min = 1,
	.max = 255,
	.offset = offsetof(struct bgp_neighbor_conf, ttl),
	.doc = "Hops that our packets may take. Default: 1 for eBGP (a directly connected "
	       "neighbor), 255 for iBGP. More than 1 is what others call multihop."},
    {.key = "hold-time",
	.type = CONF_DUR,
	.min = 0,
	.max = HOLD_MAX,
	.offset = offsetof(struct bgp_neighbor_conf, hold_time),
	.doc = "As in the section, for this neighbor."},
    {.key = "families",
	.type = CONF_FLAGS,
	.choices = families,
	.offset = offsetof(struct bgp_neighbor_conf, families),
	.doc = "Which routes are exchanged. Default: ipv4 and ipv6."},
    {.key = "next-hop",
	.type = CONF_ADDR,
	.offset = offsetof(struct bgp_neighbor_conf, next_hop[BGP_AF_IPV4]),
	.doc = "Next hop of IPv4 routes. Default: our address of an IPv4 session; a session over "
	       "IPv6 has none, and without this option it announces no IPv4 routes."},
    {.key = "next-hop-ipv6",
	.type = CONF_ADDR,
	.offset = offsetof(struct bgp_neighbor_conf, next_hop[BGP_AF_IPV6]),
	.doc = "Next hop of IPv6 routes. Default: our address of an IPv6 session; a session over "
	       "IPv4 has none, and without this option it announces no IPv6 routes."},
    {.key = "attributes",
	.type = CONF_STRUCT,
	.sub = &attrs_schema,
	.offset = offsetof(struct bgp_neighbor_conf, attributes),
	.doc = "On top of the service's attributes, for this neighbor."},
    {.key = "import",
	.type = CONF_ENUM,
	.choices = imports,
	.dflt = "none",
	.offset = offsetof(struct bgp_neighbor_conf, import),
	.doc = "What is taken from the neighbor."},
    {.key = "shutdown",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct bgp_neighbor_conf, shutdown),
	.doc = "Keep the session down; the neighbor is told (RFC 9003)."},
    {.key = "bfd", .type = CONF_LATER, .doc = "Detection of a dead neighbor in milliseconds."},
    {.key = "password", .type = CONF_LATER, .doc = "TCP-MD5 (RFC 2385)."},
    {.key = "md5", .type = CONF_LATER, .doc = "TCP-MD5 (RFC 2385)."},
    {.type = CONF_END},
};

const struct conf_schema bgp_neighbor_schema = {
    .name = "neighbor",
    .size = sizeof(struct bgp_neighbor_conf),
    .rows = neighbor_rows,
    .check = neighbor_check,
    .doc = "A BGP neighbor; its name is its address.",
};

/* One neighbor by its name: what the row's own check cannot see. */
static void
check_name(struct conf_ctx *ctx, const struct conf_map_entry *e, const struct addr *addr)
{
	const struct bgp_neighbor_conf *n = e->value;

	if (addr_is_any(addr) || addr_is_multicast(addr))
		conf_error_at(ctx, e->line, e->column,
		    "neighbor '%s': nobody can be there: give the neighbor's own address", e->name);
	if (addr_is_linklocal(addr) && addr->family == ADDR_V6 && n->interface == NULL)
		conf_error_at(ctx, e->line, e->column,
		    "neighbor '%s': a link-local address needs its interface: add 'interface: "
		    "eth0'",
		    e->name);
	if (n->source.family != ADDR_NONE && n->source.family != addr->family)
		conf_error_at(ctx, e->line, e->column,
		    "neighbor '%s': source is an %s address, but the neighbor's is %s", e->name,
		    family_word(&n->source), family_word(addr));
}

static void
check_neighbors(struct conf_ctx *ctx, const struct conf_map *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct conf_map_entry *e = &m->entries[i];
		struct addr addr, other;

		if (addr_parse(e->name, &addr) != 0) {
			conf_error_at(ctx, e->line, e->column,
			    "neighbor '%s': not an address: neighbors are named by their IPv4 or "
			    "IPv6 address, as in 10.1.1.1",
			    e->name);
			continue;
		}
		check_name(ctx, e, &addr);
		for (size_t k = 0; k < i; k++) {
			if (addr_parse(m->entries[k].name, &other) == 0 &&
			    addr_equal(&addr, &other))
				conf_error_at(ctx, e->line, e->column,
				    "neighbor '%s' is there already as '%s': keep one of them",
				    e->name, m->entries[k].name);
		}
	}
}

static void
bgp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct bgp_conf *c = obj;

	if (c->as == BGP_AS_TRANS)
		conf_error(ctx, conf_node_find(node, "as"),
		    "as: %u is reserved for the transition to 4-octet numbers (RFC 6793)",
		    (unsigned)BGP_AS_TRANS);
	if (c->router_id.family == ADDR_V6 ||
	    (c->router_id.family == ADDR_V4 && addr_to_v4(&c->router_id) == 0))
		conf_error(ctx, conf_node_find(node, "router-id"),
		    "router-id: an IPv4 address other than 0.0.0.0 is needed, as in 10.1.1.2");
	check_hold(ctx, node, c->hold_time);
	check_neighbors(ctx, &c->neighbors);
}

static const struct conf_row bgp_rows[] = {
    {.key = "as",
	.type = CONF_U32,
	.flags = CONF_REQUIRED,
	.min = 1,
	.max = 4294967294,
	.offset = offsetof(struct bgp_conf, as),
	.doc = "Our AS."},
    {.key = "router-id",
	.type = CONF_ADDR,
	.offset = offsetof(struct bgp_conf, router_id),
	.doc = "Our BGP identifier, an IPv4 address. Default: the node's router-id."},
    {.key = "hold-time",
	.type = CONF_DUR,
	.min = 0,
	.max = HOLD_MAX,
	.dflt = "90s",
	.offset = offsetof(struct bgp_conf, hold_time),
	.doc = "A neighbor that was silent for so long is dead, and so are we for it. The smaller "
	       "offer of the two sides counts; keepalives leave three times as often."},
    {.key = "connect-retry",
	.type = CONF_DUR,
	.min = DUR_S,
	.max = DUR_HOUR,
	.dflt = "5s",
	.offset = offsetof(struct bgp_conf, connect_retry),
	.doc = "How long to wait for a connection, and the longest pause between two attempts; "
	       "the first ones follow faster."},
    {.key = "listen",
	.type = CONF_BOOL,
	.dflt = "true",
	.offset = offsetof(struct bgp_conf, listen),
	.doc = "Accept connections from configured neighbors."},
    {.key = "port",
	.type = CONF_U32,
	.min = 1,
	.max = 65535,
	.dflt = "179",
	.offset = offsetof(struct bgp_conf, port),
	.doc = "The TCP port on which we listen."},
    {.key = "neighbors",
	.type = CONF_MAP,
	.sub = &bgp_neighbor_schema,
	.offset = offsetof(struct bgp_conf, neighbors),
	.doc = "The routers that hear us, by address."},
    {.type = CONF_END},
};

const struct conf_schema bgp_schema = {
    .name = "bgp",
    .size = sizeof(struct bgp_conf),
    .rows = bgp_rows,
    .check = bgp_check,
    .doc = "The BGP speaker: announces the services' addresses and never passes anything on.",
};
