/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root schema: every section of nigh.yaml as one row, and the checks that no section can do
 * alone (names across probes, tracks and services; speakers that a service wants and nobody
 * configured).
 *
 * Each module describes its own options; this file only puts the sections side by side. Sections of
 * the design that are not built yet are listed as such, so that a file written for a later version
 * says what is missing instead of complaining about an unknown word.
 */
#include "daemon/config.h"

#include "base/log.h"
#include "proto/bgp/bgp.h"

#include <string.h>
#include <unistd.h>

static const struct conf_choice log_levels[] = {
    {"error", LOG_LVL_ERR, "only what needs a person"},
    {"warning", LOG_LVL_WARN, "what may need one"},
    {"notice", LOG_LVL_NOTICE, "changes of services and neighbors"},
    {"info", LOG_LVL_INFO, "changes of probes and tracks as well"},
    {"debug", LOG_LVL_DEBUG, "everything"},
    {NULL, 0, NULL},
};

static const struct conf_row node_rows[] = {
    {.key = "name",
	.type = CONF_STRING,
	.max = 63,
	.offset = offsetof(struct node_conf, name),
	.doc = "The node's name in logs, metrics and answers. Default: the host's name."},
    {.key = "router-id",
	.type = CONF_ADDR,
	.offset = offsetof(struct node_conf, router_id),
	.doc =
	    "The IPv4 address by which routing protocols know this node; unique in the network."},
    {.key = "log-level",
	.type = CONF_ENUM,
	.choices = log_levels,
	.dflt = "info",
	.offset = offsetof(struct node_conf, log_level),
	.doc = "How much is logged."},
    {.key = "history",
	.type = CONF_U32,
	.min = 64,
	.max = 1000000,
	.dflt = "4096",
	.offset = offsetof(struct node_conf, history),
	.doc = "How many events `nigh history` keeps. Read at start only."},
    {.type = CONF_END},
};

static void
node_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct node_conf *n = obj;

	if (n->router_id.family == ADDR_V6)
		conf_error(ctx, conf_node_find(node, "router-id"),
		    "router-id: an IPv4 address is needed, as in 10.1.1.2");
	if (n->router_id.family == ADDR_V4 && addr_to_v4(&n->router_id) == 0)
		conf_error(
		    ctx, conf_node_find(node, "router-id"), "router-id: 0.0.0.0 is not allowed");
}

static const struct conf_schema node_schema = {
    .name = "node",
    .size = sizeof(struct node_conf),
    .rows = node_rows,
    .check = node_check,
    .doc = "Who this node is.",
};

static const struct conf_row control_rows[] = {
    {.key = "socket",
	.type = CONF_STRING,
	.max = 107,
	.dflt = CONFIG_SOCKET,
	.offset = offsetof(struct control_conf, socket),
	.doc = "The UNIX socket that `nigh` talks to. Read at start only."},
    {.key = "http",
	.type = CONF_ENDPOINT,
	.min = 9753,
	.offset = offsetof(struct control_conf, http),
	.doc = "Where /metrics is served. Absent: nowhere."},
    {.type = CONF_END},
};

static void
control_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct control_conf *c = obj;

	if (c->socket[0] != '/')
		conf_error(ctx, conf_node_find(node, "socket"),
		    "socket: an absolute path is needed, as in %s", CONFIG_SOCKET);
}

static const struct conf_schema control_schema = {
    .name = "control",
    .size = sizeof(struct control_conf),
    .rows = control_rows,
    .check = control_check,
    .doc = "How operators and monitoring reach nighd.",
};

const struct conf_schema config_probe_schema = {
    .name = "probe",
    .size = sizeof(struct probe_conf),
    .rows = probe_rows,
    .check = probe_conf_check,
    .variants = kinds_probes,
    .variant_offset = offsetof(struct probe_conf, variant),
    .variant_conf_offset = offsetof(struct probe_conf, kind_conf),
    .doc = "One question, asked again and again. Each probe is also a track of the same name.",
};

static const struct conf_row root_rows[] = {
    {.key = "node",
	.type = CONF_STRUCT,
	.sub = &node_schema,
	.offset = offsetof(struct config, node),
	.doc = "Who this node is."},
    {.key = "probes",
	.type = CONF_VARIANT,
	.sub = &config_probe_schema,
	.offset = offsetof(struct config, probes),
	.doc = "What is asked, how often, and what counts as an answer."},
    {.key = "tracks",
	.type = CONF_MAP,
	.sub = &track_schema,
	.offset = offsetof(struct config, tracks),
	.doc = "Up or down, out of probes, interfaces and other tracks."},
    {.key = "services",
	.type = CONF_MAP,
	.sub = &service_schema,
	.offset = offsetof(struct config, services),
	.doc = "The anycast services of this node."},
    {.key = "routes", .type = CONF_LATER, .doc = "Tracked static routes on a router."},
    {.key = "bgp",
	.type = CONF_STRUCT,
	.sub = &bgp_schema,
	.offset = offsetof(struct config, speakers[0]),
	.doc = "The BGP speaker."},
    {.key = "ospf", .type = CONF_LATER, .doc = "The OSPF speaker."},
    {.key = "eigrp", .type = CONF_LATER, .doc = "The EIGRP speaker."},
    {.key = "control",
	.type = CONF_STRUCT,
	.sub = &control_schema,
	.offset = offsetof(struct config, control),
	.doc = "How operators and monitoring reach nighd."},
    {.type = CONF_END},
};

static bool
speaker_configured(const struct config *c, const char *name)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		if (str_equal(kinds_speakers[i]->name, name))
			return c->speakers[i] != NULL;
	}
	return false;
}

/* `advertise:` names speakers that this configuration has. */
static void
check_advertise(struct conf_ctx *ctx, const struct config *c, const struct conf_map_entry *e)
{
	const struct service_conf *s = e->value;
	const char *const *words = s->advertise.items;

	for (size_t i = 0; i < s->advertise.count; i++) {
		if (speaker_configured(c, words[i]))
			continue;
		const char *near = str_nearest(words[i], kinds_speaker_names);
		if (near != NULL && str_equal(near, words[i]))
			conf_error_at(ctx, e->line, e->column,
			    "service '%s' wants to be advertised by %s, but there is no '%s:' "
			    "section: add "
			    "one, or take it out of 'advertise'",
			    e->name, words[i], words[i]);
		else
			conf_error_at(ctx, e->line, e->column,
			    "service '%s': there is no speaker '%s'%s%s%s", e->name, words[i],
			    near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
			    near != NULL ? "'?)" : "");
	}
}

/* What no network would route to a service; NULL: nothing is wrong with the prefix. */
static const char *
unroutable(const struct prefix *p)
{
	if (p->len == 0)
		return "every address at once";
	if (addr_is_any(&p->addr))
		return "the unspecified address";
	if (addr_is_loopback(&p->addr))
		return "a loopback address, which every host keeps to itself";
	if (addr_is_multicast(&p->addr))
		return "a multicast address";
	if (addr_is_linklocal(&p->addr))
		return "a link-local address, which no router passes on";
	return NULL;
}

static void
check_addresses(struct conf_ctx *ctx, const struct conf_map_entry *e)
{
	const struct service_conf *s = e->value;
	const struct prefix *p = s->addresses.items;
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < s->addresses.count; i++) {
		const char *what = unroutable(&p[i]);
		if (what != NULL)
			conf_error_at(ctx, e->line, e->column,
			    "service '%s': %s cannot be a service address: it is %s", e->name,
			    prefix_format(&p[i], text, sizeof(text)), what);
	}
}

/* BGP starts no session without a router-id, from either section. */
static void
check_router_id(struct conf_ctx *ctx, const struct conf_node *root)
{
	const struct conf_node *node = conf_node_find(root, "node");
	const struct conf_node *bgp = conf_node_find(root, "bgp");

	if (bgp == NULL || conf_node_find(bgp, "router-id") != NULL ||
	    (node != NULL && conf_node_find(node, "router-id") != NULL))
		return;
	conf_error(ctx, bgp,
	    "bgp: a router-id is needed: add 'node: {router-id: 10.1.1.2}', with an IPv4 address "
	    "of this node");
}

static void
root_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct config *c = obj;
	struct core_conf core = config_core(c);

	/* A file that was cut off while it was written must not withdraw everything. */
	if (node->count == 0)
		conf_error(ctx, node, "the configuration is empty");
	core_check_names(ctx, &core);
	check_router_id(ctx, node);
	for (size_t i = 0; i < c->services.count; i++) {
		check_addresses(ctx, &c->services.entries[i]);
		check_advertise(ctx, c, &c->services.entries[i]);
	}
}

const struct conf_schema config_schema = {
    .name = "nigh.yaml",
    .size = sizeof(struct config),
    .rows = root_rows,
    .check = root_check,
    .doc = "The configuration of nighd.",
};

struct conf_generation *
config_load(const char *file, struct str *problems)
{
	struct conf_generation *g = NULL;
	struct str text = {0};
	struct diag diag;

	diag_init(&diag);
	if (conf_read_file(file, &text, &diag) == 0)
		g = conf_load(&config_schema, file, str_text(&text), text.len, &diag);
	if (g == NULL)
		diag_print(&diag, problems);
	diag_done(&diag);
	str_done(&text);
	return g;
}

struct core_conf
config_core(const struct config *c)
{
	struct core_conf core = {
	    .probes = &c->probes, .tracks = &c->tracks, .services = &c->services};

	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		if (c->speakers[i] != NULL)
			core.configured |= 1u << i;
	}
	return core;
}

struct node_conf
config_node(const struct config *c, char *name_buf, size_t size)
{
	struct node_conf n = {.log_level = LOG_LVL_INFO, .history = CONFIG_HISTORY};

	if (c->node != NULL)
		n = *c->node;
	if (n.name == NULL) {
		if (gethostname(name_buf, size) != 0)
			str_copy(name_buf, size, "localhost");
		name_buf[size - 1] = '\0';
		n.name = name_buf;
	}
	return n;
}

struct control_conf
config_control(const struct config *c)
{
	struct control_conf control = {.socket = CONFIG_SOCKET};

	if (c->control != NULL)
		control = *c->control;
	return control;
}
