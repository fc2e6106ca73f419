/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind core.h share: the objects of one node and how they hang together.
 *
 * Ownership: struct core owns every track, service and link; tracks and services point at each
 * other freely, and the pointers are made anew by every core_configure().
 */
#ifndef CORE_PRIV_H
#define CORE_PRIV_H

#include "core/core.h"
#include "core/due.h"
#include "core/intent_priv.h"

/* The tracks of a list, or the services of a track: pointers that are owned elsewhere. */
struct core_refs {
	void **items;
	size_t count;
	size_t cap;
};

/* -- tracks: track.c decides, core.c makes it so -- */

enum track_kind {
	TRACK_PROBE,
	TRACK_INTERFACE,
	TRACK_ALL,
	TRACK_ANY,
	TRACK_IN_TIME,
	TRACK_LISTEN,
	TRACK_QUALITY
};

/* A watched port on one address of its service. */
struct track_port {
	struct addr addr;
	enum track_state state;
};

struct track {
	RB_ENTRY(track) tree;
	TAILQ_ENTRY(track) dirty_link;
	char *name;
	enum track_kind kind;
	bool kept; /* named by the generation that is being applied */
	bool dirty;
	bool ranking;  /* on the path of the search for loops */
	unsigned rank; /* above the rank of every member */
	struct core_refs members;
	struct core_refs lists; /* the tracks that have it as a member */
	struct core_refs services;
	/* options */
	char *interface;
	uint32_t rise;
	uint32_t fall;
	struct track_delay_conf delay;
	uint32_t of; /* failures are counted among the last `of` samples; 0: in a row */
	struct service_listen listen;
	struct track_port *ports; /* owned */
	size_t port_count;
	/* what the facts say at the moment */
	enum track_state raw;
	enum why raw_why;
	bool raw_broken;             /* it changed since it was looked at: a delay starts again */
	struct quality_conf quality; /* bounds; `probe` is not used */
	dur_t *ring;                 /* owned: the last times, QUALITY_LOST for failures */
	uint32_t ring_size;
	uint32_t ring_count; /* samples so far, at most twice the size */
	uint64_t recent;     /* the last 64 samples, newest in bit 0: 1 is a failure */
	uint32_t streak;
	bool streak_ok;
	char detail[PROBE_DETAIL];
	/* what counts */
	enum track_state state;
	enum why why;
	mono_t since;
	struct due_node delay_due; /* armed: a change is held back */
	uint64_t counts[TRACK_DOWN + 1][WHY_COUNT];
};
const char *track_kind_str(enum track_kind kind);
/* A fact arrived; true when the track has to be looked at. */
bool track_sample(struct track *t, const struct probe_sample *s);
bool track_link(struct track *t, bool up);
bool track_served(
    struct track *t, const struct kernel_listen *what, enum kernel_served served, enum why why);
/* The facts say something new: true when the raw state changes. */
bool track_set_raw(struct track *t, enum track_state raw, enum why why);

/* quality.c */
void track_configure_quality(struct track *t, const struct quality_conf *q);
bool track_quality(struct track *t, const struct probe_sample *s);

/* listen.c: the track of a service's port. The name is owned by the caller. */
char *listen_track_name(const char *service, const struct service_listen *l);
void track_configure_listen(
    struct track *t, const struct service_conf *service, const struct service_listen *l);
/* Lists: reads the members' states again. */
void track_combine(struct track *t);
/* Should the state become `raw` now? Arms or cancels the delay. */
bool track_ripe(struct track *t, struct due *due, mono_t now);

/* -- services: service.c decides, core.c makes it so -- */

struct service {
	TAILQ_ENTRY(service) link; /* in the order of the configuration */
	TAILQ_ENTRY(service) dirty_link;
	char *name;
	const struct service_conf *conf;
	bool kept;
	bool dirty;
	bool fresh; /* never decided yet: no hold-up */
	bool asks;  /* has to tell the intent again */
	bool stopping;
	struct core_refs require; /* of struct track */
	struct core_refs prefer;
	intent_audience audience;
	enum service_admin admin;
	bool draining;
	mono_t drain_until;
	bool good; /* the health would allow to be announced */
	mono_t good_since;
	bool holding;
	mono_t hold_until;
	double penalty; /* at penalty_at; see damping.c */
	mono_t penalty_at;
	bool damped;
	mono_t damped_until;
	enum service_level level;
	enum why why;
	char *culprit; /* owned; NULL: nobody */
	mono_t since;
	struct due_node due; /* the end of the hold-up or of the drain */
	uint64_t counts[LEVEL_COUNT][WHY_COUNT];
};
TAILQ_HEAD(service_list, service);

/* What a service should be. */
struct service_verdict {
	enum service_level level;
	enum why why;
	const char *culprit; /* the track that decided, or NULL */
};
/* Decides from the members' states, the operators' words and the time; keeps the books of goodness,
 * hold-up and drain in `s`, and changes nothing else. */
struct service_verdict service_judge(struct service *s, mono_t now);
/* When it has to be judged again even if nothing happens. */
mono_t service_deadline(const struct service *s);
/* What the level does to the route: written or by default. */
const struct level_conf *service_level_conf(
    const struct service_conf *conf, enum service_level level);

/* damping.c: health has taken the service down once more. */
void damping_penalise(struct service *s, mono_t now);
/* Is it kept down though it is well? Sets damped_until. */
bool damping_holds(struct service *s, mono_t now);

/* -- the node -- */

struct core_link {
	RB_ENTRY(core_link) tree;
	char *ifname;
};

RB_HEAD(track_tree, track);
RB_HEAD(core_links, core_link);
TAILQ_HEAD(track_queue, track);
TAILQ_HEAD(service_queue, service);

struct core {
	struct core_env *env;
	struct intent *intent;
	struct intent_host intent_host;
	struct track_tree tracks;
	struct track **order; /* as configured: probes, then tracks */
	size_t order_count;
	struct track_queue *dirty; /* one queue a rank */
	unsigned ranks;
	struct service_list services;
	struct service **service_order;
	size_t service_count;
	struct service_queue dirty_services;
	struct due track_due;
	struct due service_due;
	struct core_links links; /* those that are up */
	bool links_known;        /* at least one report came: a link that is not there is down */
	bool stopping;
	bool running; /* inside core_run(): marks wake nobody */
};
int core_track_cmp(const struct track *a, const struct track *b);
int core_link_cmp(const struct core_link *a, const struct core_link *b);
RB_PROTOTYPE(track_tree, track, tree, core_track_cmp)
RB_PROTOTYPE(core_links, core_link, tree, core_link_cmp)

struct track *core_track_find(const struct core *c, const char *name);
struct service *core_service_find(const struct core *c, const char *name);
bool core_link_is_up(const struct core *c, const char *ifname);
void core_mark_track(struct core *c, struct track *t);
void core_mark_service(struct core *c, struct service *s);
/* The only places where a state changes. */
void track_set_state(struct core *c, struct track *t, enum track_state state, mono_t now);
void service_set_level(
    struct core *c, struct service *s, const struct service_verdict *v, mono_t now);

/* core_conf.c: frees every track and service. */
void core_forget(struct core *c);

void core_refs_add(struct core_refs *refs, void *item);
void core_refs_clear(struct core_refs *refs);
void core_refs_done(struct core_refs *refs);

#endif
