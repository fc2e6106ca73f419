/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speakers: whatever carries routes out of this host. The engine knows them only by this header.
 *
 * A speaker builds what it advertises from the intent alone, never from what it learned: no
 * transit, by structure.
 */
#ifndef CORE_SPEAKER_H
#define CORE_SPEAKER_H

#include "base/metric.h"
#include "core/command.h"
#include "core/intent.h"
#include "loop/net.h"

struct history;
struct rng;
struct speaker;

struct speaker_env {
	struct loop *loop;
	struct net *net;
	struct intent *intent;
	struct history *history;
	struct rng *rng;
	intent_audience audience; /* this speaker's bit */
};

/* The node's identity, from `node:`. */
struct speaker_node {
	const char *name;
	struct addr router_id; /* IPv4 */
};

/* One line of "who hears us". */
struct speaker_peer {
	const char *speaker;
	char name[ENDPOINT_TEXT];
	const char *state; /* the protocol's word */
	bool up;
	mono_t since;
	uint64_t announced; /* routes that the neighbor has from us */
	char detail[96];    /* why it is not up; "" */
};
typedef void speaker_peer_fn(void *arg, const struct speaker_peer *peer);

/* Where a speaker will listen with a section in force: what the privileged side then allows. */
typedef void speaker_listen_fn(void *arg, const struct endpoint *local);

/* A kind of speaker: a const object in proto/NAME/NAME.c, listed in daemon/kinds.c. */
struct speaker_kind {
	const char *name; /* the section of the configuration and the word in `advertise:` */
	const struct conf_schema *schema;
	struct speaker *(*new)(const struct speaker_env *env);
	/* Takes a generation's section (outlives the next configure) or NULL: section absent.
	 * Sessions whose options are equal are not touched. */
	void (*configure)(struct speaker *s, const struct speaker_node *node, const void *section);
	/* Says goodbye to everybody (BGP: Cease/Administrative Shutdown with `text`). Done when
	 * idle(). */
	void (*stop)(struct speaker *s, const char *text);
	bool (*idle)(const struct speaker *s);
	void (*free)(struct speaker *s);
	void (*peers)(const struct speaker *s, speaker_peer_fn *fn, void *arg);
	/* What each neighbor has of a prefix: lines for `nigh explain`. */
	void (*explain)(
	    const struct speaker *s, const struct prefix *p, struct answer *a, mono_t now);
	/* Does any neighbor have the prefix from us now? */
	bool (*hears)(const struct speaker *s, const struct prefix *p);
	void (*metrics)(const struct speaker *s, struct metric_writer *m, mono_t now);
	/* Names every endpoint that this section may make it listen on. NULL: none ever. */
	void (*listens)(const void *section, speaker_listen_fn *fn, void *arg);
};

/* The head of every speaker's own struct. */
struct speaker {
	const struct speaker_kind *kind;
	struct command_host commands;
};

#endif
