/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink of addresses.
 *
 * It walks the intent once a turn in which something changed, passes each wish to the kernel port,
 * and keeps an errand for it until the port reports the state that was wished, or that an address
 * stays because it is not ours. A wish that did not come true (no such interface, no permission) is
 * repeated every ADDRESS_SINK_RETRY, and said in the log once for each reason.
 *
 * The intent's changes are settled when no errand is left: then the host has all that was seen.
 * Somebody else's doing needs nothing here: the report goes to the intent, which decides between
 * repair and withdrawal, and a repair comes back as a change.
 */
#include "kernel/address_sink.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct address_errand {
	RB_ENTRY(address_errand) tree;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool wanted;
	int error; /* of the last try */
};
RB_HEAD(address_errands, address_errand);

struct address_sink {
	struct intent_sink sink;
	struct intent *intent;
	struct kernel_port *port;
	struct address_sink_host *host;
	struct loop_task walk;
	struct loop_timer retry;
	struct address_errands errands;
	uint64_t walked; /* the intent's version that has been walked to its end */
};

static int
address_errand_cmp(const struct address_errand *a, const struct address_errand *b)
{
	return prefix_cmp(&a->prefix, &b->prefix);
}
RB_PROTOTYPE(address_errands, address_errand, tree, address_errand_cmp)
RB_GENERATE(address_errands, address_errand, tree, address_errand_cmp)

static struct address_errand *
errand_find(struct address_sink *s, const struct prefix *prefix)
{
	struct address_errand key = {.prefix = *prefix};

	return RB_FIND(address_errands, &s->errands, &key);
}

static void
errand_run(struct address_sink *s, struct address_errand *e)
{
	s->port->ops->address_set(s->port, &e->prefix, e->ifname, e->wanted);
}

static void
errand_start(struct address_sink *s, const struct intent_entry *entry)
{
	struct address_errand *e = errand_find(s, &entry->prefix);

	if (e == NULL) {
		e = mem_alloc(sizeof(*e));
		e->prefix = entry->prefix;
		RB_INSERT(address_errands, &s->errands, e);
	}
	str_copy(e->ifname, sizeof(e->ifname), entry->interface);
	e->wanted = entry->wanted;
	e->error = 0;
	errand_run(s, e);
}

static void
sink_settle(struct address_sink *s)
{
	if (RB_EMPTY(&s->errands))
		intent_settle(&s->sink, s->walked);
}

static void
sink_walk(struct loop_task *t)
{
	struct address_sink *s = container_of(t, struct address_sink, walk);
	const struct intent_entry *e;

	while ((e = intent_next(&s->sink)) != NULL)
		errand_start(s, e);
	s->walked = intent_version(s->intent);
	sink_settle(s);
}

static void
sink_notify(struct intent_sink *sink)
{
	loop_task_schedule(&container_of(sink, struct address_sink, sink)->walk);
}

static void
sink_retry(struct loop_timer *t)
{
	struct address_sink *s = container_of(t, struct address_sink, retry);
	struct address_errand *e;

	RB_FOREACH (e, address_errands, &s->errands)
		errand_run(s, e);
}

/* Not as wished: tries again later. Without an error somebody else may have been quicker. */
static void
errand_failed(struct address_sink *s, struct address_errand *e, int error)
{
	char text[PREFIX_TEXT];

	if (error != 0 && e->error != error)
		log_error("address %s cannot be %s %s: %s; trying again",
		    prefix_format(&e->prefix, text, sizeof(text)),
		    e->wanted ? "put on" : "taken off", e->ifname, strerror(-error));
	e->error = error;
	if (!loop_timer_armed(&s->retry))
		loop_timer_after(&s->retry, ADDRESS_SINK_RETRY);
}

static void
errand_end(struct address_sink *s, struct address_errand *e)
{
	RB_REMOVE(address_errands, &s->errands, e);
	free(e);
	sink_settle(s);
}

void
address_sink_state(struct address_sink *s, const struct prefix *prefix, bool present, int error)
{
	struct address_errand *e = errand_find(s, prefix);

	/* Unwanted, but it stays without an error: it is not ours to take off. */
	if (e != NULL && error == 0 && (present || !e->wanted))
		errand_end(s, e);
	else if (e != NULL)
		errand_failed(s, e, error);
	s->host->present(s->host, prefix, present);
}

struct address_sink *
address_sink_new(
    struct loop *l, struct intent *in, struct kernel_port *port, struct address_sink_host *host)
{
	struct address_sink *s = mem_alloc(sizeof(*s));

	s->intent = in;
	s->port = port;
	s->host = host;
	RB_INIT(&s->errands);
	loop_task_init(&s->walk, l, sink_walk);
	loop_timer_init(&s->retry, l, sink_retry);
	intent_sink_add(in, &s->sink, "kernel", INTENT_ADDRESS, sink_notify);
	loop_task_schedule(&s->walk);
	return s;
}

void
address_sink_free(struct address_sink *s)
{
	struct address_errand *e;

	if (s == NULL)
		return;
	loop_task_cancel(&s->walk);
	loop_timer_cancel(&s->retry);
	intent_sink_del(&s->sink);
	while ((e = RB_MIN(address_errands, &s->errands)) != NULL) {
		RB_REMOVE(address_errands, &s->errands, e);
		free(e);
	}
	free(s);
}
