/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Intent: what should be true now. Which addresses should be on this host, and which routes should
 * be announced with which attributes.
 *
 * Sinks (a neighbor of a speaker, the kernel) are level-triggered: each holds a cursor, asks for
 * the next entry that changed since it last asked, and makes it so. Whatever happens to a sink
 * (start, session up, netlink overrun) it resets its cursor and walks; there is no second path.
 * Withdrawals are handed out first.
 *
 * Order of truth lives here. A route's effective state is "announce" only while the address that it
 * requires is present on the host; an address that is not wanted any more stays until every sink
 * has settled the route's withdrawal and the service's drain time has passed since.
 *
 * A sink is handed an unwanted entry only if it may have been handed the same as wanted since its
 * last reset, and only such a sink is waited for: whoever announced nothing has nothing to settle.
 *
 * Owns: entries. A sink struct is a member of its owner. Pure: no clock, no I/O; `notify` is called
 * when a sink that had seen everything has something to see again. Entries are freed by
 * intent_run() alone: a pointer to one is good until then.
 */
#ifndef CORE_INTENT_H
#define CORE_INTENT_H

#include "base/addr.h"
#include "base/mono.h"
#include "base/queue.h"
#include "core/attrs.h"
#include "core/service.h"

enum intent_kind { INTENT_ADDRESS, INTENT_ROUTE };

/* The addressees of a route, as a mask of speakers (bit = index in daemon/kinds.c's table). */
typedef uint32_t intent_audience;

TAILQ_HEAD(intent_queue, intent_node);

/* A place in a queue: an entry or a sink's marker. */
struct intent_node {
	TAILQ_ENTRY(intent_node) link;
	struct intent_entry *entry; /* NULL: a marker */
	struct intent_queue *queue;
};

struct intent_wait;
TAILQ_HEAD(intent_waits, intent_wait);

struct intent_entry {
	/* in the queue of wanted or of unwanted entries, by time of change; in none before the
	 * first change that sinks see */
	struct intent_node node;
	struct intent_entry *chain; /* the next of the same hash */
	TAILQ_ENTRY(intent_entry) all;
	const char *interface;    /* addresses: "lo" (shared, owned by the intent) */
	const char *interface_to; /* addresses: where it moves when it has been given up; or NULL */
	char *service;            /* who wants it (shared, owned by the intent) */
	struct prefix prefix;
	bool asked;    /* the service wants it */
	bool wanted;   /* the effective state, which sinks see */
	bool present;  /* addresses: on the host, as the kernel says */
	bool repair;   /* addresses: put it back when somebody deletes it */
	bool draining; /* addresses: the wait of `drain` has begun */
	bool held;     /* routes: wanted, or the withdrawal has not settled everywhere */
	bool ghost;    /* routes: the withdrawal from an audience that lost the prefix; hidden */
	enum intent_kind kind : 8;
	enum service_level level : 8;
	enum why why : 8;     /* of the last change */
	enum why ask_why : 8; /* of what the service wants */
	const struct attrs
	    *attrs; /* routes; never NULL, shared, owned by the intent: copy to keep */
	intent_audience audience;
	intent_audience ask_audience; /* routes: that of the next announcement */
	uint32_t holds;               /* addresses: routes of the prefix that are held */
	dur_t drain;       /* addresses: wait this long after the route's withdrawal settled */
	mono_t settled_at; /* addresses: when that wait began */
	uint64_t version;  /* of the last change that sinks see */
	uint64_t since;    /* the version by which it became wanted the last time; 0: never yet */
	mono_t changed;
	struct intent_wait *wait; /* what it waits for, or NULL */
};

struct intent;
struct intent_sink;
typedef void intent_notify_fn(struct intent_sink *s);
struct intent_sink {
	struct intent *intent;
	const char *name;
	enum intent_kind kind;
	intent_audience
	    audience; /* routes: shows only entries whose audience has a bit in common */
	intent_notify_fn *notify;
	struct intent_node unwanted_mark; /* everything before the mark has been seen */
	struct intent_node wanted_mark;
	uint64_t settled; /* the effect of all changes up to this version is complete */
	bool idle;        /* has seen everything; the next change calls notify */
	/* the intent's own books */
	uint64_t seen;             /* newest wanted version handed out since the last reset */
	uint64_t seen_unwanted;    /* newest unwanted version handed out */
	uint64_t handed;           /* newest version handed out; with all seen: the intent's */
	struct intent_waits waits; /* entries whose withdrawal it has not settled */
	TAILQ_ENTRY(intent_sink) link;
};

struct intent *intent_new(void);
void intent_free(struct intent *in);

/* -- from the services -- */
struct intent_ask {
	const char *service;
	const char *interface;
	struct attrs attrs;
	intent_audience audience;
	enum service_level level;
	enum why why;
	bool repair;
	dur_t drain;
	bool address; /* ask for the address */
	bool route;   /* ask for the route; it is announced when the address is present as well */
};
/* Says what `prefix` should be. Nothing happens when nothing changed. A route that is asked for
 * without an address needs none. Asking for neither removes the prefix: the route at once, the
 * address when that has settled and `drain` has passed. */
void intent_set(
    struct intent *in, const struct prefix *prefix, const struct intent_ask *ask, mono_t now);
/* The kernel says whether the address is on the host. */
void intent_address_present(
    struct intent *in, const struct prefix *prefix, bool present, mono_t now);
/* Lets time pass (drain of addresses); returns the next deadline. */
mono_t intent_run(struct intent *in, mono_t now);

/* -- from the sinks -- */
/* The owner zeroes the sink and sets `audience` before. Whoever adds, resets or replays walks next:
 * notify is called for what changes after a walk has seen everything, and should do no more than
 * schedule the next one. */
void intent_sink_add(struct intent *in, struct intent_sink *s, const char *name,
    enum intent_kind kind, intent_notify_fn *notify);
void intent_sink_del(struct intent_sink *s);
/* Everything is to be seen again. Entries that are not wanted are skipped after a reset, because
 * whoever resets has announced nothing; pass them all with `intent_sink_replay`. */
void intent_sink_reset(struct intent_sink *s);
void intent_sink_replay(struct intent_sink *s);
/* The next entry that changed, unwanted ones first; NULL: all seen, notify will be called. */
const struct intent_entry *intent_next(struct intent_sink *s);
/* The same without stepping over it: for a sink that may find no room for it. */
const struct intent_entry *intent_peek(struct intent_sink *s);
/* The sink's world has everything it was handed out until `handed` was `version`. Versions of
 * entries do not come in order (withdrawals jump the queue), so remember sink->handed, or the
 * newest version so far, and not that of the last entry. */
void intent_settle(struct intent_sink *s, uint64_t version);
/* The newest version handed out or not: a sink without a session settles this. */
uint64_t intent_version(const struct intent *in);

/* -- for showing and checking -- */
const struct intent_entry *intent_find(
    const struct intent *in, enum intent_kind kind, const struct prefix *prefix);
const struct intent_entry *intent_first(const struct intent *in);
const struct intent_entry *intent_after(const struct intent_entry *e);
/* Is the withdrawal of every route of `service` settled with every sink? For drain --wait and stop.
 */
bool intent_settled(const struct intent *in, const char *service);

#endif
