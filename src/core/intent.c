/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent: entries, and what follows for them from what services ask and the kernel reports.
 *
 * Every prefix has an address entry, when its service asks for the address, and a route entry. A
 * route is wanted while it is asked for and the address is present. An
 * address is wanted from the moment when it is asked for until it has been given up:
 *
 *   not asked any more -> every withdrawal of the prefix's routes settled -> `drain` passed
 *     -> unwanted (the address sink takes it off the host) -> settled -> freed
 *
 * An address that changes its interface goes the same way and is then wanted anew on the other one.
 * When the audience of an announced route loses a speaker, a hidden entry (ghost) carries the
 * withdrawal to that speaker's sinks while the route itself stays for the others.
 *
 * entry_set_state() is the only place where the state that sinks see changes. What takes time or
 * has to wait for others hangs on the entry as a struct intent_wait and is taken up by
 * intent_run(), which alone frees entries. How entries are kept is in intent_entry.c, cursors and
 * settling are in intent_sink.c.
 */
#include "core/intent.h"

#include "base/log.h"
#include "base/mem.h"
#include "core/intent_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* An address that somebody keeps deleting is put back at most this often. */
#define INTENT_REPAIR_PAUSE DUR_S
/* A service with more prefixes than this does not fill the history with each of them: the service's
 * own event says it all. */
#define INTENT_HISTORY_ENTRIES 128

/* -- leaving -- */

/* Is it on its way out, at least from this interface? */
static bool
address_leaves(const struct intent_entry *a)
{
	return !a->asked || a->interface_to != NULL;
}

/* To be reviewed, unless it is far enough to wait for something else. */
static void
address_hasten(struct intent *in, struct intent_entry *a)
{
	if (a->wait == NULL || a->wait->kind == WAIT_REPAIR)
		intent_wait_set(in, a, WAIT_READY);
	else if (a->wait->kind == WAIT_DRAIN)
		due_set(&in->due, &a->wait->due, mono_add(a->settled_at, a->drain));
}

void
intent_settled_entry(struct intent *in, struct intent_entry *e)
{
	struct intent_entry *address;

	intent_entry_set_held(in, e, false);
	intent_wait_set(in, e, WAIT_READY);
	if (e->kind != INTENT_ROUTE)
		return;
	address = intent_entry_address(in, e);
	if (address != NULL && address_leaves(address))
		address_hasten(in, address);
}

/* -- the state that sinks see -- */

static const char *const intent_words[2][2] = {
    [INTENT_ADDRESS] = {"released", "wanted"},
    [INTENT_ROUTE] = {"withdrawn", "announced"},
};
static const char *const intent_kinds[2] = {[INTENT_ADDRESS] = "address", [INTENT_ROUTE] = "route"};

static void
entry_record(const struct intent *in, const struct intent_entry *e, bool from)
{
	struct history_event event = {.at = e->changed, .kind = intent_kinds[e->kind]};
	bool record = in->host != NULL && in->host->history != NULL &&
		      intent_entry_word(e)->entries <= INTENT_HISTORY_ENTRIES;
	struct str attrs = {0};

	if (!record && log_get_level() < LOG_LVL_DEBUG)
		return;
	prefix_format(&e->prefix, event.object, sizeof(event.object));
	if (e->kind == INTENT_ROUTE && e->wanted)
		attrs_format(e->attrs, &attrs);
	str_copy(event.from, sizeof(event.from), intent_words[e->kind][from]);
	str_copy(event.to, sizeof(event.to), intent_words[e->kind][e->wanted]);
	str_copy(event.why, sizeof(event.why), why_str(e->why));
	str_copy(event.detail, sizeof(event.detail),
	    e->kind == INTENT_ADDRESS ? e->interface : str_text(&attrs));
	log_debug("%s %s of service %s: %s -> %s: %s%s%s", event.kind, event.object, e->service,
	    event.from, event.to, why_text(e->why), event.detail[0] != '\0' ? "; " : "",
	    event.detail);
	str_done(&attrs);
	if (!record)
		return;
	event.wall_ns = e->changed.ns + in->host->wall_offset_ns;
	history_add(in->host->history, &event);
}

static void
entry_set_state(struct intent *in, struct intent_entry *e, bool wanted, enum why why, mono_t now)
{
	bool from = e->wanted;

	e->version = ++in->version;
	e->changed = now;
	e->wanted = wanted;
	e->why = why;
	/* A sink that still owes the last withdrawal may have it from before that. */
	if (wanted && !from && !intent_waits_for(e, WAIT_SETTLE))
		e->since = e->version;
	in->counts[e->kind][wanted][why]++;
	entry_record(in, e, from);
	if (wanted) {
		intent_wait_clear(in, e);
		intent_entry_set_held(in, e, true);
	} else {
		intent_await(in, e);
	}
	intent_publish(in, e);
}

/* The prefix leaves part of its audience: a hidden entry takes the withdrawal there. */
static void
ghost_add(struct intent *in, const struct intent_entry *route, intent_audience lost, mono_t now)
{
	struct intent_entry *g =
	    intent_entry_new(in, INTENT_ROUTE, &route->prefix, route->service, now);

	g->ghost = true;
	g->wanted = true;
	g->audience = lost;
	g->since = route->since;
	g->level = route->level;
	intent_entry_set_held(in, g, true);
	entry_set_state(in, g, false, WHY_CONFIG, now);
}

/* -- what services ask -- */

static void
route_update(struct intent *in, struct intent_entry *r, bool touched, mono_t now)
{
	const struct intent_entry *a = intent_entry_address(in, r);
	bool has_address =
	    a == NULL || !a->asked || (a->present && a->wanted && !address_leaves(a));
	intent_audience lost = r->audience & ~r->ask_audience;
	enum why why = r->asked && !has_address ? WHY_ADDRESS : r->ask_why;

	if (!r->asked || !has_address) {
		r->why = why;
		if (r->wanted)
			entry_set_state(in, r, false, why, now);
		return;
	}
	if (lost != 0 && r->held)
		ghost_add(in, r, lost, now);
	touched = touched || !r->wanted || r->audience != r->ask_audience;
	r->audience = r->ask_audience;
	r->why = why;
	if (touched)
		entry_set_state(in, r, true, why, now);
}

static void
route_ask(struct intent *in, struct intent_entry *r, const struct intent_ask *ask, mono_t now)
{
	bool touched = r->wanted && !attrs_equal(r->attrs, &ask->attrs);

	intent_entry_set_service(in, r, ask->service);
	r->asked = ask->route;
	r->level = ask->level;
	r->ask_why = ask->why;
	if (ask->route) {
		intent_entry_set_attrs(in, r, &ask->attrs);
		r->ask_audience = ask->audience;
	}
	route_update(in, r, touched, now);
}

/* An address that is asked for: wanted, and not on its way out. */
static void
address_claim(struct intent *in, struct intent_entry *a, mono_t now)
{
	a->draining = false;
	if (a->wanted) {
		if (intent_waits_for(a, WAIT_DRAIN))
			intent_wait_clear(in, a);
		return;
	}
	/* What the kernel said before the removal that it is about to do says nothing any more. */
	if (a->present && intent_removal_seen(in, a))
		a->present = false;
	entry_set_state(in, a, true, a->ask_why, now);
}

static void
address_ask(struct intent *in, struct intent_entry *a, const struct intent_ask *ask)
{
	const char *interface;

	intent_entry_set_service(in, a, ask->service);
	a->asked = ask->address;
	a->level = ask->level;
	a->ask_why = ask->why;
	a->repair = ask->repair;
	a->drain = ask->drain;
	if (!ask->address)
		return;
	interface = intent_word_get(in, ask->interface)->text;
	if (a->interface == NULL || interface == a->interface)
		a->interface_to = NULL;
	else
		a->interface_to = interface;
	if (a->interface == NULL)
		a->interface = interface;
}

static void
address_repair(struct intent *in, struct intent_entry *a, mono_t now)
{
	mono_t at = mono_add(a->changed, INTENT_REPAIR_PAUSE);

	if (!mono_before(now, at)) {
		entry_set_state(in, a, true, WHY_ADDRESS, now);
		return;
	}
	intent_wait_set(in, a, WAIT_REPAIR);
	due_set(&in->due, &a->wait->due, at);
	if (in->host != NULL && in->host->wake != NULL)
		in->host->wake(in->host);
}

void
intent_set(struct intent *in, const struct prefix *prefix, const struct intent_ask *ask, mono_t now)
{
	struct intent_entry *a = intent_entry_find(in, INTENT_ADDRESS, prefix);
	struct intent_entry *r = intent_entry_find(in, INTENT_ROUTE, prefix);
	bool missing = a != NULL && a->wanted && !a->present;
	bool tended = a != NULL && a->repair && !address_leaves(a);

	if (a == NULL && ask->address)
		a = intent_entry_new(in, INTENT_ADDRESS, prefix, ask->service, now);
	if (r == NULL && (ask->address || ask->route))
		r = intent_entry_new(in, INTENT_ROUTE, prefix, ask->service, now);
	if (a != NULL)
		address_ask(in, a, ask);
	if (a != NULL && !address_leaves(a))
		address_claim(in, a, now);
	if (r != NULL)
		route_ask(in, r, ask, now);
	if (a != NULL && address_leaves(a))
		address_hasten(in, a);
	if (missing && !tended && a->repair && !address_leaves(a))
		address_repair(in, a, now);
	if (r != NULL && !ask->address && !ask->route && r->wait == NULL)
		intent_wait_set(in, r, WAIT_READY);
}

/* -- what the kernel says -- */

void
intent_address_present(struct intent *in, const struct prefix *prefix, bool present, mono_t now)
{
	struct intent_entry *a = intent_entry_find(in, INTENT_ADDRESS, prefix);
	struct intent_entry *r = intent_entry_find(in, INTENT_ROUTE, prefix);
	bool deleted;

	if (a == NULL || a->present == present)
		return;
	deleted = !present && a->wanted && !address_leaves(a);
	a->present = present;
	if (present && intent_waits_for(a, WAIT_REPAIR))
		intent_wait_clear(in, a);
	if (r != NULL)
		route_update(in, r, false, now);
	if (deleted && a->repair)
		address_repair(in, a, now);
}

/* -- time -- */

/* An address that is to leave, or to move: the next step towards that. */
static void
address_review(struct intent *in, struct intent_entry *a, mono_t now)
{
	if (!address_leaves(a))
		return;
	if (a->wanted) {
		if (a->holds > 0) /* the last one to settle brings it back here */
			return;
		a->settled_at = now;
		a->draining = true;
		intent_wait_set(in, a, WAIT_DRAIN);
		due_set(&in->due, &a->wait->due, mono_add(now, a->drain));
		return;
	}
	if (!a->asked) {
		intent_entry_free(in, a);
		return;
	}
	a->interface = a->interface_to;
	a->interface_to = NULL;
	a->present = false;
	address_claim(in, a, now);
}

static void
entry_review(struct intent *in, struct intent_entry *e, mono_t now)
{
	const struct intent_entry *a;

	intent_wait_clear(in, e);
	if (e->kind == INTENT_ADDRESS) {
		address_review(in, e, now);
		return;
	}
	a = intent_entry_address(in, e);
	if (e->ghost || (!e->asked && !e->wanted && (a == NULL || !a->asked)))
		intent_entry_free(in, e);
}

/* The address has been kept long enough, or it is time to put it back. */
static void
address_due(struct intent *in, struct intent_entry *a, mono_t now)
{
	enum intent_wait_kind kind = a->wait->kind;

	intent_wait_clear(in, a);
	if (kind == WAIT_REPAIR) {
		entry_set_state(in, a, true, WHY_ADDRESS, now);
		return;
	}
	a->draining = false;
	if (a->holds == 0)
		entry_set_state(in, a, false, a->asked ? WHY_CONFIG : a->ask_why, now);
}

mono_t
intent_run(struct intent *in, mono_t now)
{
	struct intent_wait *w;
	struct due_node *n;

	do {
		while ((w = TAILQ_FIRST(&in->ready)) != NULL)
			entry_review(in, w->entry, now);
		while ((n = due_pop(&in->due, now)) != NULL)
			address_due(in, container_of(n, struct intent_wait, due)->entry, now);
	} while (!TAILQ_EMPTY(&in->ready));
	return due_next(&in->due);
}

/* -- life -- */

struct intent *
intent_new(void)
{
	struct intent *in = mem_alloc(sizeof(*in));

	intent_entries_init(in);
	TAILQ_INIT(&in->unwanted);
	TAILQ_INIT(&in->wanted);
	TAILQ_INIT(&in->sinks);
	TAILQ_INIT(&in->ready);
	due_init(&in->due);
	return in;
}

void
intent_attach(struct intent *in, struct intent_host *host)
{
	in->host = host;
}

void
intent_free(struct intent *in)
{
	struct intent_sink *s;

	if (in == NULL)
		return;
	in->host = NULL;
	while ((s = TAILQ_FIRST(&in->sinks)) != NULL)
		intent_sink_del(s);
	intent_entries_done(in);
	free(in);
}

/* -- for showing and checking -- */

void
intent_each_count(const struct intent *in,
    void (*fn)(void *arg, const char *kind, const char *name, const char *to, enum why why,
	uint64_t count),
    void *arg)
{
	for (int kind = 0; kind < 2; kind++) {
		for (int wanted = 0; wanted < 2; wanted++) {
			for (int why = 0; why < WHY_COUNT; why++) {
				uint64_t n = in->counts[kind][wanted][why];

				if (n > 0)
					fn(arg, intent_kinds[kind], "", intent_words[kind][wanted],
					    (enum why)why, n);
			}
		}
	}
}
