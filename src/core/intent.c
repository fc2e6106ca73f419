/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent: entries, and what follows for them from what services ask and the kernel reports.
 *
 * Every prefix has an address entry, when its service asks for the address, and a route entry; they
 * are neighbors in one tree. A route is wanted while it is asked for and the address is present. An
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
 * intent_run(), which alone frees entries. Cursors and settling are in intent_sink.c.
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

static int
entry_cmp(const struct intent_entry *a, const struct intent_entry *b)
{
	int order = prefix_cmp(&a->prefix, &b->prefix);

	if (order != 0)
		return order;
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	if (a->ghost != b->ghost)
		return a->ghost ? 1 : -1;
	if (a->ghost && a->version != b->version) /* a ghost's never changes */
		return a->version < b->version ? -1 : 1;
	return 0;
}

RB_PROTOTYPE_STATIC(intent_tree, intent_entry, tree, entry_cmp)
RB_GENERATE_STATIC(intent_tree, intent_entry, tree, entry_cmp)

/* -- words -- */

static struct intent_words *
word_bucket(struct intent *in, const char *text)
{
	uint32_t hash = 2166136261u;

	for (const char *p = text; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619u;
	return &in->words[hash % INTENT_WORD_BUCKETS];
}

static struct intent_word *
word_find(struct intent *in, const char *text)
{
	struct intent_word *w;

	LIST_FOREACH (w, word_bucket(in, text), link) {
		if (strcmp(w->text, text) == 0)
			return w;
	}
	return NULL;
}

static struct intent_word *
word_get(struct intent *in, const char *text)
{
	struct intent_word *w = word_find(in, text);

	if (w != NULL)
		return w;
	w = mem_alloc(sizeof(*w) + strlen(text) + 1);
	memcpy(w->text, text, strlen(text) + 1);
	LIST_INSERT_HEAD(word_bucket(in, text), w, link);
	return w;
}

static struct intent_word *
entry_word(const struct intent_entry *e)
{
	return container_of(e->service, struct intent_word, text);
}

/* -- entries -- */

static struct intent_entry *
entry_find(const struct intent *in, enum intent_kind kind, const struct prefix *prefix)
{
	struct intent_entry *e = RB_ROOT(&in->tree);

	while (e != NULL) {
		int order = prefix_cmp(prefix, &e->prefix);

		if (order == 0 && kind == e->kind && !e->ghost)
			return e;
		if (order == 0)
			order = kind < e->kind || e->ghost ? -1 : 1;
		e = order < 0 ? RB_LEFT(e, tree) : RB_RIGHT(e, tree);
	}
	return NULL;
}

/* The prefix's address entry, for a route entry. */
static struct intent_entry *
entry_address(struct intent_entry *route)
{
	struct intent_entry *e;

	for (e = RB_PREV(intent_tree, NULL, route); e != NULL; e = RB_PREV(intent_tree, NULL, e)) {
		if (!prefix_equal(&e->prefix, &route->prefix))
			return NULL;
		if (e->kind == INTENT_ADDRESS)
			return e;
	}
	return NULL;
}

static void
entry_set_service(struct intent *in, struct intent_entry *e, const char *service)
{
	struct intent_word *from, *to;

	if (e->service != NULL && strcmp(e->service, service) == 0)
		return;
	to = word_get(in, service);
	to->entries++;
	to->held += e->held;
	if (e->service != NULL) {
		from = entry_word(e);
		from->entries--;
		from->held -= e->held;
	}
	e->service = to->text;
}

static struct intent_entry *
entry_new(
    struct intent *in, enum intent_kind kind, const struct prefix *prefix, const char *service)
{
	struct intent_entry *e = mem_alloc(sizeof(*e));

	e->node.entry = e;
	e->kind = kind;
	e->prefix = *prefix;
	e->why = WHY_START;
	entry_set_service(in, e, service);
	return e;
}

static void
entry_free(struct intent *in, struct intent_entry *e)
{
	intent_wait_clear(in, e);
	if (e->node.queue != NULL)
		TAILQ_REMOVE(e->node.queue, &e->node, link);
	RB_REMOVE(intent_tree, &in->tree, e);
	entry_word(e)->entries--;
	entry_word(e)->held -= e->held;
	free(e);
}

/* -- waiting -- */

static void
wait_detach(struct intent *in, struct intent_wait *w)
{
	if (w->list != NULL)
		TAILQ_REMOVE(w->list, w, link);
	w->list = NULL;
	due_cancel(&in->due, &w->due);
}

void
intent_wait_set(struct intent *in, struct intent_entry *e, enum intent_wait_kind kind)
{
	if (e->wait == NULL) {
		e->wait = mem_alloc(sizeof(*e->wait));
		e->wait->entry = e;
	}
	wait_detach(in, e->wait);
	e->wait->kind = kind;
	if (kind != WAIT_READY)
		return;
	if (TAILQ_EMPTY(&in->ready) && in->host != NULL && in->host->wake != NULL)
		in->host->wake(in->host);
	e->wait->list = &in->ready;
	TAILQ_INSERT_TAIL(&in->ready, e->wait, link);
}

void
intent_wait_clear(struct intent *in, struct intent_entry *e)
{
	if (e->wait == NULL)
		return;
	wait_detach(in, e->wait);
	free(e->wait);
	e->wait = NULL;
}

static bool
waits_for(const struct intent_entry *e, enum intent_wait_kind kind)
{
	return e->wait != NULL && e->wait->kind == kind;
}

/* Is the route of any concern to the address that it needs? */
static void
entry_set_held(struct intent_entry *e, bool held)
{
	struct intent_entry *address;

	if (e->kind != INTENT_ROUTE || e->held == held)
		return;
	e->held = held;
	address = entry_address(e);
	if (held) {
		entry_word(e)->held++;
		if (address != NULL)
			address->holds++;
		return;
	}
	entry_word(e)->held--;
	if (address != NULL)
		address->holds--;
}

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

	entry_set_held(e, false);
	intent_wait_set(in, e, WAIT_READY);
	if (e->kind != INTENT_ROUTE)
		return;
	address = entry_address(e);
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
		      entry_word(e)->entries <= INTENT_HISTORY_ENTRIES;
	struct str attrs = {0};

	if (!record && log_get_level() < LOG_LVL_DEBUG)
		return;
	prefix_format(&e->prefix, event.object, sizeof(event.object));
	if (e->kind == INTENT_ROUTE && e->wanted)
		attrs_format(&e->attrs, &attrs);
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
	if (wanted && !from && !waits_for(e, WAIT_SETTLE))
		e->since = e->version;
	in->counts[e->kind][wanted][why]++;
	entry_record(in, e, from);
	if (wanted) {
		intent_wait_clear(in, e);
		entry_set_held(e, true);
	} else {
		intent_await(in, e);
	}
	intent_publish(in, e);
}

/* The prefix leaves part of its audience: a hidden entry takes the withdrawal there. */
static void
ghost_add(struct intent *in, const struct intent_entry *route, intent_audience lost, mono_t now)
{
	struct intent_entry *g = entry_new(in, INTENT_ROUTE, &route->prefix, route->service);

	g->ghost = true;
	g->wanted = true;
	g->audience = lost;
	g->since = route->since;
	g->level = route->level;
	g->version = in->version + 1; /* what entry_set_state() will give it: the tree's order */
	RB_INSERT(intent_tree, &in->tree, g);
	entry_set_held(g, true);
	entry_set_state(in, g, false, WHY_CONFIG, now);
}

/* -- what services ask -- */

static void
route_update(struct intent *in, struct intent_entry *r, bool touched, mono_t now)
{
	const struct intent_entry *a = entry_address(r);
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
	bool touched = r->wanted && !attrs_equal(&r->attrs, &ask->attrs);

	entry_set_service(in, r, ask->service);
	r->asked = ask->route;
	r->level = ask->level;
	r->ask_why = ask->why;
	if (ask->route) {
		r->attrs = ask->attrs;
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
		if (waits_for(a, WAIT_DRAIN))
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

	entry_set_service(in, a, ask->service);
	a->asked = ask->address;
	a->level = ask->level;
	a->ask_why = ask->why;
	a->repair = ask->repair;
	a->drain = ask->drain;
	if (!ask->address)
		return;
	interface = word_get(in, ask->interface)->text;
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

static struct intent_entry *
prefix_entry(struct intent *in, enum intent_kind kind, const struct prefix *prefix,
    const struct intent_ask *ask, mono_t now)
{
	struct intent_entry *e = entry_new(in, kind, prefix, ask->service);
	struct intent_entry *r;

	e->changed = now;
	RB_INSERT(intent_tree, &in->tree, e);
	if (kind == INTENT_ROUTE)
		return e;
	for (r = RB_NEXT(intent_tree, &in->tree, e); r != NULL && prefix_equal(&r->prefix, prefix);
	     r = RB_NEXT(intent_tree, &in->tree, r))
		e->holds += r->held;
	return e;
}

void
intent_set(struct intent *in, const struct prefix *prefix, const struct intent_ask *ask, mono_t now)
{
	struct intent_entry *a = entry_find(in, INTENT_ADDRESS, prefix);
	struct intent_entry *r = entry_find(in, INTENT_ROUTE, prefix);
	bool missing = a != NULL && a->wanted && !a->present;
	bool tended = a != NULL && a->repair && !address_leaves(a);

	if (a == NULL && ask->address)
		a = prefix_entry(in, INTENT_ADDRESS, prefix, ask, now);
	if (r == NULL && (ask->address || ask->route))
		r = prefix_entry(in, INTENT_ROUTE, prefix, ask, now);
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
	struct intent_entry *a = entry_find(in, INTENT_ADDRESS, prefix);
	struct intent_entry *r = entry_find(in, INTENT_ROUTE, prefix);
	bool deleted;

	if (a == NULL || a->present == present)
		return;
	deleted = !present && a->wanted && !address_leaves(a);
	a->present = present;
	if (present && waits_for(a, WAIT_REPAIR))
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
		entry_free(in, a);
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
	a = entry_address(e);
	if (e->ghost || (!e->asked && !e->wanted && (a == NULL || !a->asked)))
		entry_free(in, e);
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

	RB_INIT(&in->tree);
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
	struct intent_entry *e;
	struct intent_word *w;

	if (in == NULL)
		return;
	in->host = NULL;
	while ((s = TAILQ_FIRST(&in->sinks)) != NULL)
		intent_sink_del(s);
	while ((e = RB_ROOT(&in->tree)) != NULL)
		entry_free(in, e);
	for (size_t i = 0; i < INTENT_WORD_BUCKETS; i++) {
		while ((w = LIST_FIRST(&in->words[i])) != NULL) {
			LIST_REMOVE(w, link);
			free(w);
		}
	}
	free(in);
}

/* -- for showing and checking -- */

const struct intent_entry *
intent_find(const struct intent *in, enum intent_kind kind, const struct prefix *prefix)
{
	return entry_find(in, kind, prefix);
}

const struct intent_entry *
intent_first(const struct intent *in)
{
	const struct intent_entry *e = RB_ROOT(&in->tree);

	/* The smallest is never a ghost alone: a prefix's ghosts sort behind its route, if any. */
	while (e != NULL && RB_LEFT(e, tree) != NULL)
		e = RB_LEFT(e, tree);
	return e != NULL && e->ghost ? intent_after(e) : e;
}

static const struct intent_entry *
entry_after(const struct intent_entry *e)
{
	const struct intent_entry *parent;

	if (RB_RIGHT(e, tree) != NULL) {
		e = RB_RIGHT(e, tree);
		while (RB_LEFT(e, tree) != NULL)
			e = RB_LEFT(e, tree);
		return e;
	}
	for (parent = RB_PARENT(e, tree); parent != NULL && e == RB_RIGHT(parent, tree);
	     parent = RB_PARENT(e, tree))
		e = parent;
	return parent;
}

const struct intent_entry *
intent_after(const struct intent_entry *e)
{
	do
		e = entry_after(e);
	while (e != NULL && e->ghost);
	return e;
}

bool
intent_settled(const struct intent *in, const char *service)
{
	struct intent_words *bucket;
	const struct intent_word *w;

	bucket = word_bucket((struct intent *)(uintptr_t)in, service);
	LIST_FOREACH (w, bucket, link) {
		if (strcmp(w->text, service) == 0)
			return w->held == 0;
	}
	return true;
}

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
