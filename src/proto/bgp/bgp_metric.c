/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The speaker's metrics: a table of families, each with the function that writes a neighbor's
 * samples. Label values come from the same tables as the words that people read.
 */
#include "proto/bgp/bgp_priv.h"

struct sample_ctx {
	struct metric_writer *m;
	const struct bgp_neighbor *n;
	mono_t now;
};

/* One sample with the neighbor and, unless `name` is NULL, one more label. */
static void
sample(const struct sample_ctx *c, const char *name, const char *value, double v)
{
	struct metric_label labels[] = {{"neighbor", c->n->name}, {name, value}, {NULL, NULL}};

	metric_sample(c->m, labels, v);
}

static double
seconds(dur_t d)
{
	return (double)d / (double)DUR_S;
}

static void
write_info(const struct sample_ctx *c)
{
	char as[16];
	const char *text = c->n->conf->description;
	struct metric_label labels[] = {{"neighbor", c->n->name}, {"as", as},
	    {"description", text != NULL ? text : ""}, {NULL, NULL}};
	struct str s = {0};

	str_printf(&s, "%u", c->n->opts.as);
	str_copy(as, sizeof(as), str_text(&s));
	str_done(&s);
	metric_sample(c->m, labels, 1);
}

static void
write_up(const struct sample_ctx *c)
{
	sample(c, NULL, NULL, c->n->up != NULL ? 1 : 0);
}

static void
write_state(const struct sample_ctx *c)
{
	for (int i = 0; i < BGP_STATE_COUNT; i++)
		sample(c, "state", bgp_state_str((enum bgp_state)i),
		    c->n->state == (enum bgp_state)i ? 1 : 0);
}

static void
write_since(const struct sample_ctx *c)
{
	sample(c, NULL, NULL, seconds(mono_sub(c->now, c->n->since)));
}

static void
write_established(const struct sample_ctx *c)
{
	sample(c, NULL, NULL, (double)c->n->counters.established);
}

static void
write_lost(const struct sample_ctx *c)
{
	for (int i = BGP_WHY_CLOSED; i < BGP_WHY_COUNT; i++)
		sample(c, "why", bgp_why_str((enum bgp_why)i), (double)c->n->counters.lost[i]);
}

static void
write_connections(const struct sample_ctx *c)
{
	const struct bgp_counters *k = &c->n->counters;

	sample(c, "what", "attempted", (double)k->attempts);
	sample(c, "what", "accepted", (double)k->accepted);
	sample(c, "what", "refused", (double)k->refused);
}

static void
write_received(const struct sample_ctx *c)
{
	for (int i = BGP_OPEN; i < BGP_TYPE_COUNT; i++)
		sample(
		    c, "type", bgp_type_str((enum bgp_type)i), (double)c->n->counters.received[i]);
}

static void
write_sent(const struct sample_ctx *c)
{
	for (int i = BGP_OPEN; i < BGP_TYPE_COUNT; i++)
		sample(c, "type", bgp_type_str((enum bgp_type)i), (double)c->n->counters.sent[i]);
}

static void
write_updates(const struct sample_ctx *c)
{
	for (int i = 0; i < BGP_DISPOSITION_COUNT; i++)
		sample(c, "disposition", bgp_disposition_str((enum bgp_disposition)i),
		    (double)c->n->counters.updates[i]);
}

static void
write_prefixes(const struct sample_ctx *c)
{
	sample(c, "what", "announced", (double)c->n->counters.prefixes_announced);
	sample(c, "what", "withdrawn", (double)c->n->counters.prefixes_withdrawn);
}

static void
write_routes(const struct sample_ctx *c)
{
	for (int i = 0; i < BGP_AF_COUNT; i++)
		sample(c, "family", bgp_af_str((enum bgp_af)i), (double)c->n->out.routes[i]);
}

static void
write_error(const struct sample_ctx *c)
{
	if (c->n->last_error[0] != '\0')
		sample(c, "why", bgp_why_str(c->n->last_why),
		    seconds(mono_sub(c->now, c->n->last_error_at)));
}

static const struct {
	const char *name;
	enum metric_type type;
	const char *help;
	void (*write)(const struct sample_ctx *c);
} families[] = {
    {"nigh_bgp_neighbor_info", METRIC_GAUGE, "The configured neighbors; always 1.", write_info},
    {"nigh_bgp_session_up", METRIC_GAUGE, "1 when the session is Established, else 0.", write_up},
    {"nigh_bgp_session_state", METRIC_GAUGE, "1 for the state of RFC 4271 that the session is in.",
	write_state},
    {"nigh_bgp_session_since_seconds", METRIC_GAUGE,
	"For how long the session has been up, or has not been.", write_since},
    {"nigh_bgp_session_established_total", METRIC_COUNTER, "How often the session came up.",
	write_established},
    {"nigh_bgp_session_lost_total", METRIC_COUNTER,
	"How often an Established session ended, by the reason.", write_lost},
    {"nigh_bgp_connections_total", METRIC_COUNTER,
	"TCP connections to the neighbor attempted by us, and from it accepted and refused.",
	write_connections},
    {"nigh_bgp_messages_received_total", METRIC_COUNTER, "BGP messages from the neighbor, by type.",
	write_received},
    {"nigh_bgp_messages_sent_total", METRIC_COUNTER, "BGP messages to the neighbor, by type.",
	write_sent},
    {"nigh_bgp_updates_received_total", METRIC_COUNTER,
	"UPDATEs from the neighbor by what RFC 7606 made of them.", write_updates},
    {"nigh_bgp_prefixes_received_total", METRIC_COUNTER,
	"Prefixes that the neighbor announced and withdrew; none is used.", write_prefixes},
    {"nigh_bgp_routes_announced", METRIC_GAUGE, "Routes that the neighbor has from us now.",
	write_routes},
    {"nigh_bgp_last_error_seconds", METRIC_GAUGE,
	"How long ago the last failure of the session was, with its reason; absent without one.",
	write_error},
};

void
bgp_metrics(const struct speaker *s, struct metric_writer *m, mono_t now)
{
	const struct bgp_speaker *b = const_container_of(s, struct bgp_speaker, head);
	struct sample_ctx c = {.m = m, .now = now};

	if (b->conf == NULL)
		return;
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		metric_family(m, families[i].name, families[i].type, families[i].help);
		TAILQ_FOREACH (c.n, &b->neighbors, link)
			families[i].write(&c);
	}
	metric_family(m, "nigh_bgp_strangers_total", METRIC_COUNTER,
	    "Connections closed because they came from no configured neighbor.");
	metric_sample(m, NULL, (double)b->strangers);
}
