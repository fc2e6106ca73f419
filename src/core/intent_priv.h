/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What intent.c (entries and decisions) and intent_sink.c (cursors and settling) share, and what
 * the core attaches.
 */
#ifndef CORE_INTENT_PRIV_H
#define CORE_INTENT_PRIV_H

#include "base/history.h"
#include "core/due.h"
#include "core/intent.h"

/* Whoever runs the intent: told when intent_run() has something to do. */
struct intent_host {
	void (*wake)(struct intent_host *h); /* may be NULL */
	struct history *history;             /* may be NULL */
	int64_t wall_offset_ns;
};
/* `host` outlives the intent. */
void intent_attach(struct intent *in, struct intent_host *host);

/* A word that many entries share: the name of a service or an interface. Lives as long as the
 * intent, so that an entry costs a pointer. For a service it also counts. */
struct intent_word {
	LIST_ENTRY(intent_word) link;
	uint64_t entries;
	uint64_t held; /* routes that are wanted, or whose withdrawal has not settled */
	char text[];
};

/*
 * What an entry waits for; exists only while it does.
 *   SETTLE  in the list of one sink that has not settled the entry's withdrawal
 *   READY   in the intent's list: intent_run() reviews it
 *   DRAIN   in the tree of deadlines: an address that is to be given up
 *   REPAIR  in the tree of deadlines: an address that is to be put back
 */
enum intent_wait_kind { WAIT_SETTLE, WAIT_READY, WAIT_DRAIN, WAIT_REPAIR };
struct intent_wait {
	TAILQ_ENTRY(intent_wait) link;
	struct intent_entry *entry;
	struct intent_waits *list; /* SETTLE, READY */
	enum intent_wait_kind kind;
	struct due_node due;
};

/* Attributes that many routes share. */
struct intent_attrs {
	LIST_ENTRY(intent_attrs) link;
	size_t users;
	struct attrs attrs;
};

TAILQ_HEAD(intent_entries, intent_entry);
TAILQ_HEAD(intent_sinks, intent_sink);
LIST_HEAD(intent_words, intent_word);
LIST_HEAD(intent_attrs_list, intent_attrs);

#define INTENT_WORD_BUCKETS  1024
#define INTENT_ATTRS_BUCKETS 256

struct intent {
	struct intent_entries all;     /* in the order in which they were made */
	struct intent_entry **buckets; /* by prefix; a power of two of them */
	size_t bucket_count;
	size_t entry_count;
	struct intent_queue unwanted;
	struct intent_queue wanted;
	struct intent_sinks sinks;
	struct intent_waits ready;
	struct due due;
	uint64_t version;
	struct intent_host *host;
	struct intent_words words[INTENT_WORD_BUCKETS];
	struct intent_attrs_list attrs[INTENT_ATTRS_BUCKETS];
	uint64_t counts[2][2][WHY_COUNT]; /* kind, wanted, why */
};

/* Changes so far, by kind, new state and why; `name` is always "". As core_count_fn. */
void intent_each_count(const struct intent *in,
    void (*fn)(void *arg, const char *kind, const char *name, const char *to, enum why why,
	uint64_t count),
    void *arg);

/* intent_sink.c: the entry moved to the end of a queue; tells the sinks that it concerns. */
void intent_publish(struct intent *in, struct intent_entry *e);
/* The entry became unwanted: waits for every sink that has to follow. */
void intent_await(struct intent *in, struct intent_entry *e);
/* Has a sink of addresses been told that the host should not have it any more? */
bool intent_removal_seen(const struct intent *in, const struct intent_entry *e);

/* intent.c: nobody has to follow the entry's withdrawal any more. */
void intent_settled_entry(struct intent *in, struct intent_entry *e);

/* intent_entry.c */
void intent_entries_init(struct intent *in);
void intent_entries_done(struct intent *in);
struct intent_entry *intent_entry_new(struct intent *in, enum intent_kind kind,
    const struct prefix *prefix, const char *service, mono_t now);
void intent_entry_free(struct intent *in, struct intent_entry *e);
struct intent_entry *intent_entry_find(
    const struct intent *in, enum intent_kind kind, const struct prefix *prefix);
/* The address entry of a route's prefix, or NULL. */
struct intent_entry *intent_entry_address(
    const struct intent *in, const struct intent_entry *route);
struct intent_word *intent_word_get(struct intent *in, const char *text);
struct intent_word *intent_entry_word(const struct intent_entry *e);
void intent_entry_set_service(struct intent *in, struct intent_entry *e, const char *service);
void intent_entry_set_attrs(struct intent *in, struct intent_entry *e, const struct attrs *attrs);
/* Routes: the address of the prefix has to wait for it, or not any more. */
void intent_entry_set_held(struct intent *in, struct intent_entry *e, bool held);
void intent_wait_set(struct intent *in, struct intent_entry *e, enum intent_wait_kind kind);
void intent_wait_clear(struct intent *in, struct intent_entry *e);
bool intent_waits_for(const struct intent_entry *e, enum intent_wait_kind kind);

#endif
