/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nigh status`: the node on one screen, and at its end what is wrong or unusual.
 *
 * It is read by somebody who was woken up. So everything that keeps an address from being heard has
 * a line of its own there, with the name of what to look at: a level below up, a level that an
 * operator forced, an address that is not on the host, a neighbor that is away or has fewer routes
 * than it should, a reload that was refused, a stop under way. "All is well" means that none of
 * these is so.
 */
#include "base/mem.h"
#include "daemon/engine_priv.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

static const struct answer_column node_columns[] = {
    {"node", "NODE", ANSWER_TEXT},
    {"up", "RUNNING", ANSWER_AGO},
    {"generation", "CONFIGURATION", ANSWER_TEXT},
    {"state", "STATE", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static const struct answer_column peer_columns[] = {
    {"neighbor", "NEIGHBOR", ANSWER_TEXT},
    {"speaker", "BY", ANSWER_TEXT},
    {"state", "STATE", ANSWER_STATE},
    {"since", "SINCE", ANSWER_AGO},
    {"announced", "HEARS", ANSWER_NUMBER},
    {"detail", "REMARK", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static const char *
phase_str(const struct engine *e)
{
	static const char *const words[] = {
	    "running", "stopping: withdrawing", "stopping: leaving", "stopped"};

	return words[e->phase];
}

/* -- what is wrong -- */

/* Nobody reads more than this on one screen. */
#define PROBLEMS_SHOWN 20

/* Collects the lines; the first one brings the head. */
struct problems {
	struct engine *engine;
	struct answer *a;
	mono_t now;
	size_t peers_up;
	size_t peers;
	size_t count;
};

static void problem(struct problems *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
problem(struct problems *p, const char *fmt, ...)
{
	struct str text = {0};
	va_list ap;

	if (p->count++ == 0)
		answer_line(p->a, 0, "Wrong or unusual:");
	if (p->count > PROBLEMS_SHOWN)
		return;
	va_start(ap, fmt);
	str_vprintf(&text, fmt, ap);
	va_end(ap);
	answer_line(p->a, 1, "%s", str_text(&text));
	str_done(&text);
}

static void
problems_of_service(struct problems *p, const struct service_view *v)
{
	const char *name = v->name;
	char left[24];

	if (v->admin == ADMIN_DOWN)
		problem(p, "service %s is forced down; 'nigh admin %s auto' lets its probes decide",
		    name, name);
	else if (v->admin == ADMIN_UP)
		problem(p, "service %s is forced up; 'nigh admin %s auto' lets its probes decide",
		    name, name);
	else if (v->level != LEVEL_UP && v->why != WHY_DRAIN && v->why != WHY_STOP)
		problem(p, "service %s is %s: %s%s%s", name, service_level_str(v->level),
		    why_text(v->why), v->culprit[0] != '\0' ? ": " : "", v->culprit);
	if (v->draining && v->drain_until.ns == DUR_NEVER)
		problem(p, "service %s is drained until 'nigh undrain %s'", name, name);
	else if (v->draining)
		problem(p, "service %s is drained for %s more; 'nigh undrain %s' ends that", name,
		    dur_format(
			(mono_sub(v->drain_until, p->now) / DUR_S + 1) * DUR_S, left, sizeof(left)),
		    name);
}

static void
problems_of_addresses(struct problems *p)
{
	char text[PREFIX_TEXT];

	for (const struct intent_entry *i = intent_first(core_intent(p->engine->core)); i != NULL;
	     i = intent_after(i)) {
		if (i->kind == INTENT_ADDRESS && i->wanted && !i->present)
			problem(p,
			    "address %s of service %s is not on %s: nobody is told of it until it "
			    "is",
			    prefix_format(&i->prefix, text, sizeof(text)), i->service,
			    i->interface);
	}
}

static bool
heard(const struct engine *e, const struct intent_entry *route)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		if ((route->audience & 1u << i) != 0 &&
		    kinds_speakers[i]->hears(e->speakers[i], &route->prefix))
			return true;
	}
	return false;
}

/* A route that should be announced and that no neighbor has, though some neighbor is there. */
static void
problems_of_routes(struct problems *p)
{
	char text[PREFIX_TEXT], address[ADDR_TEXT];

	for (const struct intent_entry *i = intent_first(core_intent(p->engine->core)); i != NULL;
	     i = intent_after(i)) {
		if (i->kind == INTENT_ROUTE && i->wanted && !heard(p->engine, i))
			problem(p,
			    "%s should be announced, but no neighbor has it; 'nigh explain %s' "
			    "says why",
			    prefix_format(&i->prefix, text, sizeof(text)),
			    addr_format(&i->prefix.addr, address, sizeof(address)));
	}
}

static void
count_peer(void *arg, const struct speaker_peer *peer)
{
	struct problems *p = arg;

	p->peers++;
	p->peers_up += peer->up;
}

static void
problems_of_peer(void *arg, const struct speaker_peer *peer)
{
	struct problems *p = arg;

	if (!peer->up)
		problem(p, "neighbor %s does not hear us: %s", peer->name,
		    peer->detail[0] != '\0' ? peer->detail : peer->state);
}

static void
problems_of_node(struct problems *p)
{
	const struct engine *e = p->engine;

	if (engine_stopping(e))
		problem(p, "nighd is stopping");
	if (e->generation == NULL)
		problem(p, "there is no configuration yet");
	else if (p->peers == 0)
		problem(p, "nobody hears us: no neighbor is configured");
	if (e->reload.text != NULL)
		problem(p,
		    "the last reload was refused, the configuration before it is in force: %.*s",
		    (int)strcspn(e->reload.text, "\n"), e->reload.text);
}

static void
problems_all(struct engine *e, const struct command_call *call, struct answer *a)
{
	struct problems p = {.engine = e, .a = a, .now = call->now};
	struct service_view v;

	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->peers(e->speakers[i], count_peer, &p);
	/* what concerns everything first, since the rest may be cut off */
	problems_of_node(&p);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->peers(e->speakers[i], problems_of_peer, &p);
	for (size_t i = 0; core_service_at(e->core, i, &v); i++)
		problems_of_service(&p, &v);
	problems_of_addresses(&p);
	if (p.peers_up > 0)
		problems_of_routes(&p);
	if (p.count == 0)
		answer_line(a, 0, "All is well.");
	if (p.count > PROBLEMS_SHOWN)
		answer_line(a, 1, "and %zu more", p.count - PROBLEMS_SHOWN);
}

/* -- the screen -- */

struct peers_arg {
	struct answer *a;
	mono_t now;
};

static void
on_peer(void *arg, const struct speaker_peer *p)
{
	struct peers_arg *x = arg;

	answer_row(x->a);
	answer_str(x->a, "neighbor", p->name);
	answer_str(x->a, "speaker", p->speaker);
	answer_str(x->a, "state", p->state);
	answer_int(x->a, "since", mono_sub(x->now, p->since));
	answer_int(x->a, "announced", (int64_t)p->announced);
	answer_str(x->a, "detail", p->detail);
}

void
engine_status(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct peers_arg arg = {.a = a, .now = call->now};

	answer_table(a, NULL, node_columns);
	answer_row(a);
	answer_str(a, "node", e->name);
	answer_int(a, "up", mono_sub(call->now, e->started));
	answer_fmt(a, "generation", "%" PRIu64, e->generations);
	answer_str(a, "state", phase_str(e));
	engine_services_table(e, call, a);
	answer_table(a, "neighbors", peer_columns);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->peers(e->speakers[i], on_peer, &arg);
	problems_all(e, call, a);
}
