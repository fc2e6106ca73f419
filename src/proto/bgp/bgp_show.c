/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the speaker tells people: `show neighbors` (a line for each), `show bgp` (all of one or of
 * every neighbor), its part of `explain`, and the lines of "who hears us".
 */
#include "proto/bgp/bgp_priv.h"

#include <inttypes.h>
#include <string.h>

static uint64_t
announced(const struct bgp_neighbor *n)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < BGP_AF_COUNT; i++)
		sum += n->out.routes[i];
	return sum;
}

/* "ipv4-unicast ipv6-unicast" */
static void
families_format(uint32_t mask, struct str *out)
{
	for (int i = 0; i < BGP_AF_COUNT; i++) {
		if ((mask & BGP_AF_BIT(i)) != 0)
			str_printf(
			    out, "%s%s", out->len > 0 ? " " : "", bgp_af_str((enum bgp_af)i));
	}
}

static struct bgp_speaker *
speaker_of(struct command_host *host)
{
	return container_of(host, struct bgp_speaker, head.commands);
}

/* -- show neighbors -- */

static const struct answer_column neighbor_columns[] = {
    {"neighbor", "NEIGHBOR", ANSWER_TEXT},
    {"as", "AS", ANSWER_NUMBER},
    {"state", "STATE", ANSWER_STATE},
    {"since", "SINCE", ANSWER_AGO},
    {"announced", "ANNOUNCED", ANSWER_NUMBER},
    {"received", "RECEIVED", ANSWER_NUMBER},
    {"families", "FAMILIES", ANSWER_TEXT},
    {"error", "LAST ERROR", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

/* What keeps a negotiated family's routes back, for the column of errors. */
static const char *
held_back(const struct bgp_neighbor *n)
{
	for (size_t i = 0; n->up != NULL && i < BGP_AF_COUNT; i++) {
		if (n->out.export[i].complained)
			return bgp_held_text(n->out.export[i].held);
	}
	return NULL;
}

static void
neighbor_row(struct answer *a, const struct bgp_neighbor *n, mono_t now)
{
	struct str families = {0};
	const char *held = held_back(n);
	const char *error = n->up != NULL ? n->last_error : bgp_neighbor_detail(n);

	answer_row(a);
	answer_str(a, "neighbor", n->name);
	answer_int(a, "as", n->opts.as);
	answer_str(a, "state", bgp_state_str(n->state));
	answer_int(a, "since", mono_sub(now, n->since));
	answer_int(a, "announced", (int64_t)announced(n));
	answer_int(a, "received", (int64_t)n->counters.prefixes_announced);
	if (n->up != NULL)
		families_format(n->up->af, &families);
	answer_str(a, "families", str_text(&families));
	answer_str(a, "error", held != NULL ? held : error);
	str_done(&families);
}

static void
show_neighbors(struct command_host *host, const struct command_call *call, struct answer *a)
{
	const struct bgp_speaker *b = speaker_of(host);
	const struct bgp_neighbor *n;

	answer_table(a, NULL, neighbor_columns);
	TAILQ_FOREACH (n, &b->neighbors, link)
		neighbor_row(a, n, call->now);
}

/* -- show bgp -- */

static void
line_timer(struct answer *a, const char *name, const struct loop_timer *t, mono_t now)
{
	char text[24];

	if (loop_timer_armed(t))
		answer_line(a, 2, "%s in %s", name,
		    dur_format(mono_sub(t->deadline, now) / DUR_MS * DUR_MS, text, sizeof(text)));
}

static void
line_capabilities(struct answer *a, const struct bgp_caps *c)
{
	struct str s = {0};
	const struct {
		bool set;
		const char *word;
	} words[] = {
	    {c->mp, "multiprotocol"},
	    {c->as4, "4-octet-as"},
	    {c->refresh, "route-refresh"},
	    {c->enhanced_refresh, "enhanced-route-refresh"},
	    {c->extended_message, "extended-message"},
	    {c->graceful_restart, "graceful-restart"},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (words[i].set)
			str_printf(&s, "%s%s", s.len > 0 ? ", " : "", words[i].word);
	}
	if (c->unknown > 0)
		str_printf(&s, "%s%u unknown", s.len > 0 ? ", " : "", c->unknown);
	if (c->hostname[0] != '\0')
		str_printf(&s, "; its name is %s", c->hostname);
	answer_line(a, 1, "neighbor's capabilities: %s", s.len > 0 ? str_text(&s) : "none");
	str_done(&s);
}

static void
lines_session(struct answer *a, const struct bgp_session *s, mono_t now)
{
	char local[ENDPOINT_TEXT], remote[ENDPOINT_TEXT], id[ADDR_TEXT], hold[24];
	struct addr router_id = addr_v4(s->peer.router_id);
	struct str families = {0};

	answer_line(a, 1, "connection %s (%s): %s", s->incoming ? "from the neighbor" : "by us",
	    bgp_state_str(s->state), bgp_session_connected(s) ? "open" : "none");
	if (bgp_session_connected(s))
		answer_line(a, 2, "%s -> %s, %zu bytes waiting, %zu unacknowledged",
		    endpoint_format(&s->stream.local, local, sizeof(local)),
		    endpoint_format(&s->stream.remote, remote, sizeof(remote)),
		    bgp_buffer_waiting(&s->tx), net_stream_unsent(&s->stream));
	line_timer(a, "connect-retry", &s->retry, now);
	line_timer(a, "hold time ends", &s->hold, now);
	line_timer(a, "keepalive", &s->keepalive, now);
	line_timer(a, "send-hold ends", &s->send_hold, now);
	if (s->state < BGP_OPENCONFIRM)
		return;
	families_format(s->af, &families);
	answer_line(a, 1, "negotiated: hold time %s, families %s, %s AS numbers",
	    dur_format(s->hold_time, hold, sizeof(hold)),
	    families.len > 0 ? str_text(&families) : "none", s->as4 ? "4-octet" : "2-octet");
	answer_line(a, 1, "neighbor's router-id %s, its hold time %us",
	    addr_format(&router_id, id, sizeof(id)), s->peer.hold_s);
	line_capabilities(a, &s->peer.caps);
	str_done(&families);
}

static void
lines_families(struct answer *a, const struct bgp_neighbor *n)
{
	char nh[ADDR_TEXT];

	for (int i = 0; n->up != NULL && i < BGP_AF_COUNT; i++) {
		const struct bgp_export *x = &n->out.export[i];
		const char *name = bgp_af_str((enum bgp_af)i);
		if (x->held != BGP_HELD_NOT)
			answer_line(a, 1, "%s: not announced: %s", name, bgp_held_text(x->held));
		else
			answer_line(a, 1, "%s: %" PRIu64 " routes announced, next hop %s", name,
			    n->out.routes[i], addr_format(&x->next_hop, nh, sizeof(nh)));
	}
}

static void
lines_counters(struct answer *a, const struct bgp_neighbor *n)
{
	const struct bgp_counters *k = &n->counters;

	for (int i = BGP_OPEN; i < BGP_TYPE_COUNT; i++)
		answer_line(a, 2, "%s: %" PRIu64 " received, %" PRIu64 " sent",
		    bgp_type_str((enum bgp_type)i), k->received[i], k->sent[i]);
	for (int i = BGP_ATTR_DISCARD; i < BGP_DISPOSITION_COUNT; i++) {
		if (k->updates[i] > 0)
			answer_line(a, 2, "faulty UPDATEs, %s: %" PRIu64,
			    bgp_disposition_str((enum bgp_disposition)i), k->updates[i]);
	}
	answer_line(a, 2,
	    "prefixes heard: %" PRIu64 " announced, %" PRIu64 " withdrawn (import: none)",
	    k->prefixes_announced, k->prefixes_withdrawn);
	answer_line(a, 2,
	    "session came up %" PRIu64 " times; connections: %" PRIu64 " attempted, %" PRIu64
	    " accepted, %" PRIu64 " refused",
	    k->established, k->attempts, k->accepted, k->refused);
}

static void
show_one(struct answer *a, const struct bgp_neighbor *n, mono_t now)
{
	char spell[24];

	answer_line(a, 0, "%s (AS %u, %s)%s%s", n->name, n->opts.as,
	    bgp_neighbor_ebgp(n) ? "eBGP" : "iBGP", n->conf->description != NULL ? ": " : "",
	    n->conf->description != NULL ? n->conf->description : "");
	answer_line(a, 1, "%s%s%s, %s for %s", bgp_state_str(n->state), n->up == NULL ? ": " : "",
	    bgp_neighbor_detail(n), n->up != NULL ? "up" : "not up",
	    dur_format(mono_sub(now, n->since) / DUR_S * DUR_S, spell, sizeof(spell)));
	for (size_t i = 0; i < ARRAY_LEN(n->session); i++) {
		if (n->session[i].state != BGP_IDLE)
			lines_session(a, &n->session[i], now);
	}
	line_timer(a, "next attempt", &n->idle_hold, now);
	lines_families(a, n);
	if (n->last_error[0] != '\0')
		answer_line(a, 1, "last error %s ago: %s",
		    dur_format(
			mono_sub(now, n->last_error_at) / DUR_S * DUR_S, spell, sizeof(spell)),
		    n->last_error);
	answer_line(a, 1, "counters:");
	lines_counters(a, n);
}

static void
show_bgp(struct command_host *host, const struct command_call *call, struct answer *a)
{
	const struct bgp_speaker *b = speaker_of(host);
	const struct bgp_neighbor *n;
	struct addr addr, id = addr_v4(b->router_id);
	char text[ADDR_TEXT];

	if (b->conf == NULL) {
		answer_line(a, 0, "there is no 'bgp:' section in the configuration");
		return;
	}
	if (call->count > 0) {
		n = addr_parse(call->args[0], &addr) == 0 ? bgp_find(b, &addr) : NULL;
		if (n != NULL)
			show_one(a, n, call->now);
		else
			answer_fail(a, "there is no neighbor %s; `nigh show neighbors` lists them",
			    call->args[0]);
		return;
	}
	answer_line(a, 0, "AS %u, router-id %s, %" PRIu64 " connections from strangers refused",
	    b->conf->as, addr_format(&id, text, sizeof(text)), b->strangers);
	for (int i = 0; i < BGP_AF_COUNT; i++) {
		const struct net_listener *l = &b->listener[i];
		if (l->net != NULL)
			answer_line(a, 1, "listening on %s port %u%s%s",
			    i == BGP_AF_IPV6 ? "IPv6" : "IPv4", (unsigned)b->conf->port,
			    l->error != 0 ? ": not yet: " : "",
			    l->error != 0 ? strerror(-l->error) : "");
	}
	TAILQ_FOREACH (n, &b->neighbors, link)
		show_one(a, n, call->now);
}

const struct command bgp_commands[] = {
    {"show neighbors", NULL, "Who hears us: sessions, what they have from us, last errors",
	show_neighbors},
    {"show bgp", "[NEIGHBOR]", "BGP in detail: timers, capabilities, counters", show_bgp},
    {NULL, NULL, NULL, NULL},
};

/* -- who hears us -- */

void
bgp_peers(const struct speaker *s, speaker_peer_fn *fn, void *arg)
{
	const struct bgp_speaker *b = const_container_of(s, struct bgp_speaker, head);
	const struct bgp_neighbor *n;

	TAILQ_FOREACH (n, &b->neighbors, link) {
		struct speaker_peer peer = {
		    .speaker = "bgp",
		    .state = bgp_state_str(n->state),
		    .up = n->up != NULL,
		    .since = n->since,
		    .announced = announced(n),
		};
		str_copy(peer.name, sizeof(peer.name), n->name);
		str_copy(peer.detail, sizeof(peer.detail), bgp_neighbor_detail(n));
		fn(arg, &peer);
	}
}

/* -- explain -- */

/* Why the neighbor does not have the prefix. */
static const char *
why_not(const struct bgp_neighbor *n, const struct intent_entry *e, const struct prefix *p)
{
	enum bgp_af af = p->addr.family == ADDR_V6 ? BGP_AF_IPV6 : BGP_AF_IPV4;

	if (e == NULL || !e->wanted)
		return "no service wants it announced now";
	if ((e->audience & n->speaker->env.audience) == 0)
		return "its service is not advertised by bgp";
	if (n->out.export[af].held != BGP_HELD_NOT)
		return bgp_held_text(n->out.export[af].held);
	return "about to be announced";
}

static void
explain_route(struct answer *a, const struct bgp_neighbor *n, const struct bgp_route *r, dur_t age)
{
	struct str attrs = {0};
	char nh[ADDR_TEXT], spell[24];

	attrs_format(&r->attrs, &attrs);
	answer_line(a, 1, "%s (AS %u): announced %s ago, %s%snext hop %s", n->name, n->opts.as,
	    dur_format(age / DUR_S * DUR_S, spell, sizeof(spell)), str_text(&attrs),
	    attrs.len > 0 ? ", " : "", addr_format(&r->next_hop, nh, sizeof(nh)));
	str_done(&attrs);
}

void
bgp_explain(const struct speaker *s, const struct prefix *p, struct answer *a, mono_t now)
{
	const struct bgp_speaker *b = const_container_of(s, struct bgp_speaker, head);
	const struct intent_entry *e = intent_find(b->env.intent, INTENT_ROUTE, p);
	const struct bgp_neighbor *n;

	TAILQ_FOREACH (n, &b->neighbors, link) {
		mono_t at;
		const struct bgp_route *r = bgp_out_find(&n->out, p, &at);
		if (r != NULL)
			explain_route(a, n, r, mono_sub(now, at));
		else if (n->up == NULL)
			answer_line(a, 1, "%s (AS %u): not announced: the session is %s: %s",
			    n->name, n->opts.as, bgp_state_str(n->state), bgp_neighbor_detail(n));
		else
			answer_line(a, 1, "%s (AS %u): not announced: %s", n->name, n->opts.as,
			    why_not(n, e, p));
	}
}

bool
bgp_hears(const struct speaker *s, const struct prefix *p)
{
	const struct bgp_speaker *b = const_container_of(s, struct bgp_speaker, head);
	const struct bgp_neighbor *n;
	mono_t at;

	TAILQ_FOREACH (n, &b->neighbors, link) {
		if (bgp_out_find(&n->out, p, &at) != NULL)
			return true;
	}
	return false;
}
