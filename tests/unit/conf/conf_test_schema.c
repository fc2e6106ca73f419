/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema that uses every type and flag of conf.h at least once: with and without bounds,
 * defaults, lists, secrets, a struct that may be absent and one that is always there, a custom
 * type alone and in a list, variants that share an option's name, and checks at three depths.
 *
 * It looks like the real configuration, so that the expected messages read like real ones.
 */
#include "conf_test_schema.h"

#include <string.h>

#define OFF(type, member) offsetof(struct type, member)

/* -- custom: "NAME TYPE" -- */

static void
query_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	const char *blank = node->kind == CONF_SCALAR ? strchr(node->text, ' ') : NULL;
	struct test_query *q = out;

	if (blank == NULL || blank == node->text || blank[1] == '\0') {
		conf_error(ctx, node, "query: write a name and a type like 'www.example.net A'");
		return;
	}
	q->name = arena_strndup(conf_arena(ctx), node->text, (size_t)(blank - node->text));
	q->type = blank + 1;
}

static void
query_show(const void *member, struct str *out)
{
	const struct test_query *q = member;
	struct str text = {0};

	if (q->name == NULL)
		return;
	str_printf(&text, "%s %s", q->name, q->type);
	conf_print_scalar(str_text(&text), out);
	str_done(&text);
}

static const struct conf_custom query_custom = {
    .parse = query_parse,
    .show = query_show,
    .syntax = "NAME TYPE",
    .json_schema = "{\"type\": \"string\", \"pattern\": \"^[^ ]+ .+$\"}",
    .size = sizeof(struct test_query),
};

/* -- structs -- */

static void
delay_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct test_delay *d = obj;

	if (d->up < d->down)
		conf_error(ctx, node, "'up' must not be shorter than 'down'");
}

static const struct conf_row delay_rows[] = {
    {.key = "up", .type = CONF_DUR, .offset = OFF(test_delay, up), .dflt = "10s", .doc = "Up."},
    {.key = "down", .type = CONF_DUR, .offset = OFF(test_delay, down), .doc = "Down."},
    {.type = CONF_END},
};

static const struct conf_schema delay_schema = {
    .name = "delay",
    .size = sizeof(struct test_delay),
    .rows = delay_rows,
    .check = delay_check,
    .doc = "How long a change must last.",
};

static const struct conf_row route_rows[] = {
    {.key = "prefix",
	.type = CONF_PREFIX,
	.flags = CONF_REQUIRED,
	.offset = OFF(test_route, prefix),
	.doc = "Where to."},
    {.key = "via", .type = CONF_ADDR, .offset = OFF(test_route, via), .doc = "The next hop."},
    {.key = "distance",
	.type = CONF_U32,
	.offset = OFF(test_route, distance),
	.dflt = "1",
	.min = 1,
	.max = 255,
	.doc = "The route with the least one is used."},
    {.key = "key",
	.type = CONF_STRING,
	.flags = CONF_SECRET,
	.offset = OFF(test_route, key),
	.doc = "A secret in a list."},
    {.type = CONF_END},
};

static const struct conf_schema route_schema = {
    .name = "route",
    .size = sizeof(struct test_route),
    .rows = route_rows,
    .doc = "A static route.",
};

static const struct conf_row neighbor_rows[] = {
    {.key = "as",
	.type = CONF_U32,
	.offset = OFF(test_neighbor, as),
	.min = 1,
	.max = 4294967295,
	.doc = "Its autonomous system."},
    {.key = "bfd", .type = CONF_BOOL, .offset = OFF(test_neighbor, bfd), .doc = "Use BFD."},
    {.key = "password",
	.type = CONF_STRING,
	.flags = CONF_SECRET,
	.offset = OFF(test_neighbor, password),
	.doc = "TCP-MD5 key."},
    {.type = CONF_END},
};

static const struct conf_schema neighbor_schema = {
    .name = "neighbor",
    .size = sizeof(struct test_neighbor),
    .rows = neighbor_rows,
    .doc = "A BGP neighbor.",
};

/* -- variants -- */

static const struct conf_row dns_rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = OFF(test_dns, server),
	.min = 53,
	.doc = "Whom to ask."},
    {.key = "query",
	.type = CONF_CUSTOM,
	.flags = CONF_REQUIRED,
	.offset = OFF(test_dns, query),
	.custom = &query_custom,
	.doc = "What to ask."},
    {.key = "expect",
	.type = CONF_ADDR,
	.flags = CONF_LIST,
	.offset = OFF(test_dns, expect),
	.doc = "The answer."},
    {.type = CONF_END},
};

static const struct conf_schema dns_schema = {
    .name = "dns probe",
    .size = sizeof(struct test_dns),
    .rows = dns_rows,
    .doc = "Asks a name server.",
};

static void
tcp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct test_tcp *t = obj;

	if (t->target.port == 9)
		conf_error(ctx, conf_node_find(node, "target"), "target: port 9 discards");
}

static const struct conf_row tcp_rows[] = {
    {.key = "target",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = OFF(test_tcp, target),
	.doc = "Where to connect to."},
    {.key = "send", .type = CONF_STRING, .offset = OFF(test_tcp, send), .doc = "What to send."},
    {.type = CONF_END},
};

static const struct conf_schema tcp_schema = {
    .name = "tcp probe",
    .size = sizeof(struct test_tcp),
    .rows = tcp_rows,
    .check = tcp_check,
    .doc = "Opens a TCP connection.",
};

const struct conf_variant test_variant_dns = {.type = "dns", .schema = &dns_schema};
const struct conf_variant test_variant_tcp = {.type = "tcp", .schema = &tcp_schema};
static const struct conf_variant *const probe_variants[] = {
    &test_variant_dns, &test_variant_tcp, NULL};

static void
probe_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct test_probe *p = obj;

	if (p->timeout > p->frequency)
		conf_error(ctx, node, "'timeout' must not be longer than 'frequency'");
}

static const struct conf_row probe_rows[] = {
    {.key = "frequency",
	.type = CONF_DUR,
	.offset = OFF(test_probe, frequency),
	.dflt = "1s",
	.min = 10 * DUR_MS,
	.max = DUR_DAY,
	.doc = "How often to ask."},
    {.key = "timeout",
	.type = CONF_DUR,
	.offset = OFF(test_probe, timeout),
	.dflt = "300ms",
	.min = DUR_MS,
	.max = DUR_HOUR,
	.doc = "How long to wait."},
    {.key = "rise",
	.type = CONF_U32,
	.offset = OFF(test_probe, rise),
	.dflt = "3",
	.min = 1,
	.max = 100,
	.doc = "Successes in a row."},
    {.type = CONF_END},
};

static const struct conf_schema probe_schema = {
    .name = "probe",
    .size = sizeof(struct test_probe),
    .rows = probe_rows,
    .check = probe_check,
    .variants = probe_variants,
    .variant_offset = offsetof(struct test_probe, variant),
    .variant_conf_offset = offsetof(struct test_probe, kind),
    .doc = "A question that is asked again and again.",
};

/* -- the root -- */

static const struct conf_choice modes[] = {
    {"fast", TEST_MODE_FAST, "as fast as possible"},
    {"slow", TEST_MODE_SLOW, "with time | for a pipe"},
    {"odd", TEST_MODE_ODD, NULL},
    {NULL},
};

static const struct conf_choice levels[] = {
    {"low", 1, NULL},
    {"high", 2, NULL},
    {NULL},
};

static const struct conf_choice families[] = {
    {"ipv4", TEST_FAMILY_V4, NULL},
    {"ipv6", TEST_FAMILY_V6, NULL},
    {NULL},
};

/* Names that dangle. */
static void
root_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct test_conf *c = obj;
	const char *const *use = c->use.items;

	for (size_t i = 0; i < c->use.count; i++) {
		if (conf_map_find(&c->probes, use[i]) == NULL)
			conf_error(ctx, conf_node_find(node, "use"), "use: there is no probe '%s'",
			    use[i]);
	}
}

static const struct conf_row root_rows[] = {
    {.key = "name",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.offset = OFF(test_conf, name),
	.min = 1,
	.max = 20,
	.doc = "What it is called."},
    {.key = "motto",
	.type = CONF_STRING,
	.offset = OFF(test_conf, motto),
	.dflt = "near: & \"far\"",
	.doc = "A text with a default that needs quotes."},
    {.key = "empty",
	.type = CONF_STRING,
	.offset = OFF(test_conf, empty),
	.dflt = "",
	.doc = "A text that is empty unless written."},
    {.key = "enabled",
	.type = CONF_BOOL,
	.offset = OFF(test_conf, enabled),
	.dflt = "true",
	.doc = "Whether."},
    {.key = "rise",
	.type = CONF_U32,
	.offset = OFF(test_conf, rise),
	.dflt = "3",
	.min = 1,
	.max = 100,
	.doc = "A number with bounds."},
    {.key = "count",
	.type = CONF_U32,
	.offset = OFF(test_conf, count),
	.doc = "A number without bounds."},
    {.key = "offset",
	.type = CONF_I64,
	.offset = OFF(test_conf, offset),
	.min = -10,
	.max = 10,
	.doc = "A signed number."},
    {.key = "big", .type = CONF_I64, .offset = OFF(test_conf, big), .doc = "Any number."},
    {.key = "ratio",
	.type = CONF_DOUBLE,
	.offset = OFF(test_conf, ratio),
	.dflt = "0.5",
	.max = 1,
	.doc = "A part of one."},
    {.key = "factor", .type = CONF_DOUBLE, .offset = OFF(test_conf, factor), .doc = "A factor."},
    {.key = "timeout",
	.type = CONF_DUR,
	.offset = OFF(test_conf, timeout),
	.dflt = "300ms",
	.min = DUR_MS,
	.max = DUR_HOUR,
	.doc = "A duration with bounds."},
    {.key = "wait",
	.type = CONF_DUR,
	.offset = OFF(test_conf, wait),
	.doc = "A duration without bounds."},
    {.key = "mode",
	.type = CONF_ENUM,
	.offset = OFF(test_conf, mode),
	.dflt = "slow",
	.choices = modes,
	.doc = "One word."},
    {.key = "level",
	.type = CONF_ENUM,
	.offset = OFF(test_conf, level),
	.choices = levels,
	.doc = "One word, or none."},
    {.key = "families",
	.type = CONF_FLAGS,
	.offset = OFF(test_conf, families),
	.dflt = "[ipv4, ipv6]",
	.choices = families,
	.doc = "Some words."},
    {.key = "router-id",
	.type = CONF_ADDR,
	.offset = OFF(test_conf, router_id),
	.doc = "An address."},
    {.key = "net", .type = CONF_PREFIX, .offset = OFF(test_conf, net), .doc = "A prefix."},
    {.key = "server",
	.type = CONF_ENDPOINT,
	.offset = OFF(test_conf, server),
	.dflt = "[::1]:5353",
	.min = 53,
	.doc = "An endpoint with a usual port."},
    {.key = "target",
	.type = CONF_ENDPOINT,
	.offset = OFF(test_conf, target),
	.doc = "An endpoint with any port."},
    {.key = "query",
	.type = CONF_CUSTOM,
	.offset = OFF(test_conf, query),
	.custom = &query_custom,
	.doc = "A question."},
    {.key = "password",
	.type = CONF_STRING,
	.flags = CONF_SECRET,
	.offset = OFF(test_conf, password),
	.doc = "A secret."},
    {.key = "delay",
	.type = CONF_STRUCT,
	.offset = OFF(test_conf, delay),
	.sub = &delay_schema,
	.doc = "Options that may be absent."},
    {.key = "pause",
	.type = CONF_STRUCT,
	.offset = OFF(test_conf, pause),
	.dflt = "{up: 2s, down: 1s}",
	.sub = &delay_schema,
	.doc = "Options that are always there."},
    {.key = "addresses",
	.type = CONF_PREFIX,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, addresses),
	.doc = "Prefixes."},
    {.key = "ports",
	.type = CONF_U32,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, ports),
	.dflt = "[53, 853]",
	.min = 1,
	.max = 65535,
	.doc = "Numbers."},
    {.key = "names",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, names),
	.doc = "Texts."},
    {.key = "modes",
	.type = CONF_ENUM,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, modes),
	.choices = modes,
	.doc = "Words in an order."},
    {.key = "queries",
	.type = CONF_CUSTOM,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, queries),
	.custom = &query_custom,
	.doc = "Questions."},
    {.key = "routes",
	.type = CONF_STRUCT,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, routes),
	.sub = &route_schema,
	.doc = "Routes."},
    {.key = "neighbors",
	.type = CONF_MAP,
	.offset = OFF(test_conf, neighbors),
	.sub = &neighbor_schema,
	.doc = "Neighbors by address."},
    {.key = "probes",
	.type = CONF_VARIANT,
	.offset = OFF(test_conf, probes),
	.sub = &probe_schema,
	.doc = "Probes by name."},
    {.key = "use",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = OFF(test_conf, use),
	.doc = "Probes to use."},
    {.key = "ospf", .type = CONF_LATER, .doc = "The OSPF speaker."},
    {.type = CONF_END},
};

const struct conf_schema test_schema = {
    .name = "configuration",
    .size = sizeof(struct test_conf),
    .rows = root_rows,
    .check = root_check,
    .doc = "What stands at the left margin.",
};
