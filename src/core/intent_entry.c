/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of the intent: how they are kept and found.
 *
 * A hash table by prefix finds the entries of a prefix (its address, its route, and ghosts, see
 * intent.c) in one chain; a list keeps all of them in the order in which they were made, which is
 * that of the configuration. What many entries share (names of services and interfaces, attributes)
 * exists once, so that an entry stays small when there are a million.
 */
#include "base/mem.h"
#include "core/intent_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define INTENT_BUCKETS_MIN 64

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

struct intent_word *
intent_word_get(struct intent *in, const char *text)
{
	struct intent_word *w = word_find(in, text);

	if (w != NULL)
		return w;
	w = mem_alloc(sizeof(*w) + strlen(text) + 1);
	memcpy(w->text, text, strlen(text) + 1);
	LIST_INSERT_HEAD(word_bucket(in, text), w, link);
	return w;
}

struct intent_word *
intent_entry_word(const struct intent_entry *e)
{
	return container_of(e->service, struct intent_word, text);
}

/* -- attributes -- */

static uint32_t
attrs_hash(const struct attrs *a)
{
	uint32_t hash = a->med * 31 + a->local_pref * 17 + a->prepend;

	for (size_t i = 0; i < a->community_count; i++)
		hash = (hash ^ a->communities[i]) * 16777619u;
	return hash;
}

static struct intent_attrs *
attrs_get(struct intent *in, const struct attrs *attrs)
{
	struct intent_attrs_list *bucket = &in->attrs[attrs_hash(attrs) % INTENT_ATTRS_BUCKETS];
	struct intent_attrs *x;

	LIST_FOREACH (x, bucket, link) {
		if (attrs_equal(&x->attrs, attrs))
			return x;
	}
	x = mem_alloc(sizeof(*x));
	x->attrs = *attrs;
	LIST_INSERT_HEAD(bucket, x, link);
	return x;
}

static void
attrs_unuse(const struct attrs *attrs)
{
	struct intent_attrs *x;

	if (attrs == NULL)
		return;
	x = (struct intent_attrs *)(uintptr_t)((const char *)attrs -
					       offsetof(struct intent_attrs, attrs));
	if (--x->users > 0)
		return;
	LIST_REMOVE(x, link);
	free(x);
}

void
intent_entry_set_attrs(struct intent *in, struct intent_entry *e, const struct attrs *attrs)
{
	struct intent_attrs *x;

	if (e->attrs != NULL && attrs_equal(e->attrs, attrs))
		return;
	x = attrs_get(in, attrs);
	x->users++;
	attrs_unuse(e->attrs);
	e->attrs = &x->attrs;
}

/* -- finding -- */

static struct intent_entry **
entry_bucket(const struct intent *in, const struct prefix *p)
{
	return &in->buckets[prefix_hash(p) & (in->bucket_count - 1)];
}

struct intent_entry *
intent_entry_find(const struct intent *in, enum intent_kind kind, const struct prefix *prefix)
{
	struct intent_entry *e;

	for (e = *entry_bucket(in, prefix); e != NULL; e = e->chain) {
		if (e->kind == kind && !e->ghost && prefix_equal(&e->prefix, prefix))
			return e;
	}
	return NULL;
}

struct intent_entry *
intent_entry_address(const struct intent *in, const struct intent_entry *route)
{
	return intent_entry_find(in, INTENT_ADDRESS, &route->prefix);
}

static void
buckets_grow(struct intent *in)
{
	size_t count = in->bucket_count == 0 ? INTENT_BUCKETS_MIN : in->bucket_count * 2;
	struct intent_entry *e;

	free(in->buckets);
	in->buckets = mem_array(count, sizeof(struct intent_entry *));
	in->bucket_count = count;
	TAILQ_FOREACH (e, &in->all, all) {
		struct intent_entry **bucket = entry_bucket(in, &e->prefix);

		e->chain = *bucket;
		*bucket = e;
	}
}

void
intent_entries_init(struct intent *in)
{
	TAILQ_INIT(&in->all);
	buckets_grow(in);
}

/* -- entries -- */

void
intent_entry_set_service(struct intent *in, struct intent_entry *e, const char *service)
{
	struct intent_word *from, *to;

	if (e->service != NULL && strcmp(e->service, service) == 0)
		return;
	to = intent_word_get(in, service);
	to->entries++;
	to->held += e->held;
	if (e->service != NULL) {
		from = intent_entry_word(e);
		from->entries--;
		from->held -= e->held;
	}
	e->service = to->text;
}

/* Routes of the prefix that an address made now has to wait for. */
static uint32_t
routes_held(const struct intent *in, const struct prefix *prefix)
{
	uint32_t held = 0;

	for (const struct intent_entry *e = *entry_bucket(in, prefix); e != NULL; e = e->chain)
		held += e->kind == INTENT_ROUTE && e->held && prefix_equal(&e->prefix, prefix);
	return held;
}

struct intent_entry *
intent_entry_new(struct intent *in, enum intent_kind kind, const struct prefix *prefix,
    const char *service, mono_t now)
{
	struct intent_entry *e = mem_alloc(sizeof(*e));
	struct intent_entry **bucket;
	struct attrs none = {0};

	e->node.entry = e;
	e->kind = kind;
	e->prefix = *prefix;
	e->why = WHY_START;
	e->changed = now;
	intent_entry_set_service(in, e, service);
	intent_entry_set_attrs(in, e, &none);
	if (kind == INTENT_ADDRESS)
		e->holds = routes_held(in, prefix);
	if (in->entry_count >= in->bucket_count)
		buckets_grow(in);
	bucket = entry_bucket(in, prefix);
	e->chain = *bucket;
	*bucket = e;
	TAILQ_INSERT_TAIL(&in->all, e, all);
	in->entry_count++;
	return e;
}

void
intent_entry_free(struct intent *in, struct intent_entry *e)
{
	struct intent_entry **at = entry_bucket(in, &e->prefix);

	intent_wait_clear(in, e);
	if (e->node.queue != NULL)
		TAILQ_REMOVE(e->node.queue, &e->node, link);
	while (*at != e)
		at = &(*at)->chain;
	*at = e->chain;
	TAILQ_REMOVE(&in->all, e, all);
	in->entry_count--;
	intent_entry_word(e)->entries--;
	intent_entry_word(e)->held -= e->held;
	attrs_unuse(e->attrs);
	free(e);
}

void
intent_entries_done(struct intent *in)
{
	struct intent_entry *e;
	struct intent_word *w;

	while ((e = TAILQ_FIRST(&in->all)) != NULL)
		intent_entry_free(in, e);
	for (size_t i = 0; i < INTENT_WORD_BUCKETS; i++) {
		while ((w = LIST_FIRST(&in->words[i])) != NULL) {
			LIST_REMOVE(w, link);
			free(w);
		}
	}
	free(in->buckets);
}

/* Is the route of any concern to the address that it needs? */
void
intent_entry_set_held(struct intent *in, struct intent_entry *e, bool held)
{
	struct intent_entry *address;

	if (e->kind != INTENT_ROUTE || e->held == held)
		return;
	e->held = held;
	address = intent_entry_address(in, e);
	if (held) {
		intent_entry_word(e)->held++;
		if (address != NULL)
			address->holds++;
		return;
	}
	intent_entry_word(e)->held--;
	if (address != NULL)
		address->holds--;
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

bool
intent_waits_for(const struct intent_entry *e, enum intent_wait_kind kind)
{
	return e->wait != NULL && e->wait->kind == kind;
}

/* -- for showing and checking -- */

const struct intent_entry *
intent_find(const struct intent *in, enum intent_kind kind, const struct prefix *prefix)
{
	return intent_entry_find(in, kind, prefix);
}

const struct intent_entry *
intent_first(const struct intent *in)
{
	const struct intent_entry *e = TAILQ_FIRST(&in->all);

	return e != NULL && e->ghost ? intent_after(e) : e;
}

const struct intent_entry *
intent_after(const struct intent_entry *e)
{
	do
		e = TAILQ_NEXT(e, all);
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
