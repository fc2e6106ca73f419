/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions of one node: tracks, services and the intent that follows from them.
 *
 * Facts go in (a sample, a link, an address, an operator's word) and mark what they touch;
 * core_run() then evaluates tracks in the order of their dependencies, services after them, and the
 * intent last, so that a turn of the loop in which a hundred tracks move yields one change. Pure:
 * every function takes `now`; core_run() returns when it wants to be called next even if nothing
 * happens.
 *
 * Owns tracks, services and the intent. Configuration structs must outlive their generation.
 */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include "base/history.h"
#include "core/intent.h"
#include "core/probe.h"
#include "core/service.h"
#include "core/track.h"

struct core;
struct track;
struct service;

/* Called when something was marked that core_run() has to look at (schedule a deferred task). */
struct core_env;
typedef void core_wake_fn(struct core_env *env);

/* Embedded in whoever runs the core; outlives it. `history` and `wake` may be NULL.
 * `wall_offset_ns`: what to add to a mono_t to get the wall clock, for the history. */
struct core_env {
	struct history *history;
	core_wake_fn *wake;
	int64_t wall_offset_ns;
	/* speaker words of `advertise:` -> audience bits */
	const char *const *speakers; /* NULL-terminated */
	intent_audience configured;  /* which of them the configuration has */
};
struct core *core_new(struct core_env *env);
void core_free(struct core *c);

/* -- configuration: what a generation contains. Names are unique over probes and tracks; references
 * have been checked (core_check_names). Things not named any more are removed; a thing whose
 * options are equal (conf_equal) keeps its state. -- */
struct core_conf {
	const struct conf_map *probes;   /* of struct probe_conf */
	const struct conf_map *tracks;   /* of struct track_conf */
	const struct conf_map *services; /* of struct service_conf */
	intent_audience configured;
};
void core_configure(struct core *c, const struct core_conf *conf, mono_t now);
/* Reports dangling names, loops between tracks, a name used twice, a prefix in two services. */
void core_check_names(struct conf_ctx *ctx, const struct core_conf *conf);

/* -- facts -- */
void core_sample(struct core *c, const char *probe, const struct probe_sample *s, mono_t now);
void core_link(struct core *c, const char *ifname, bool up, mono_t now);
/* A port of a service is served, or deserted. */
void core_served(struct core *c, const struct kernel_listen *what, enum kernel_served served,
    enum why why, mono_t now);
void core_address(struct core *c, const struct prefix *p, bool present, mono_t now);
/* Operators. 0, or -1 when there is no such service. `until`: the drain ends by itself; a deadline
 * of DUR_NEVER: until undrained. */
int core_admin(struct core *c, const char *service, enum service_admin admin, mono_t now);
int core_drain(struct core *c, const char *service, bool drain, mono_t until, mono_t now);
/* Withdraws every route, then gives up every address (each after its drain). core_stopped() tells
 * when nothing is asked for, announced or held any more. */
void core_stop(struct core *c, mono_t now);
bool core_stopped(const struct core *c);

/* -- decision -- */
mono_t core_run(struct core *c, mono_t now);
struct intent *core_intent(struct core *c);

/* -- for showing: plain views, in the order of the configuration -- */
struct track_view {
	const char *name;
	const char *kind; /* "probe", "interface", "all", "any" */
	enum track_state state;
	enum why why;
	const char *detail; /* the sample's, or the member's name */
	mono_t since;
	uint32_t streak; /* samples in a row that agree */
	bool streak_ok;
	bool pending; /* a change is held back by a delay */
	mono_t pending_at;
};
struct service_view {
	const char *name;
	const struct service_conf *conf;
	enum service_level level;
	enum why why;
	const char *culprit; /* the track that decided, or "" */
	mono_t since;
	enum service_admin admin;
	bool draining;
	mono_t drain_until;
	bool damped; /* kept down until damped_until though it is well */
	mono_t damped_until;
	bool holding; /* good, waiting for hold-up */
	mono_t hold_until;
};
/* Index from 0; false beyond the end. */
bool core_track_at(const struct core *c, size_t index, struct track_view *out);
bool core_service_at(const struct core *c, size_t index, struct service_view *out);
/* Transitions so far, for the metrics: by object and why. */
typedef void core_count_fn(
    void *arg, const char *kind, const char *name, const char *to, enum why why, uint64_t count);
void core_each_count(const struct core *c, core_count_fn *fn, void *arg);

#endif
