/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core with a configuration made of plain structs, for the tests of tracks, services and reloads.
 */
#ifndef CORE_BED_H
#define CORE_BED_H

#include "core/core.h"

#define AT(n)   ((mono_t){.ns = (n)})
#define OBJECTS 8

/* A configuration made of plain structs. */
struct bed {
	struct core_env env;
	struct history history;
	struct core *core;
	int woken;
	struct probe_conf probe_confs[OBJECTS];
	struct track_conf track_confs[OBJECTS];
	struct service_conf service_confs[OBJECTS];
	struct conf_map_entry probe_entries[OBJECTS];
	struct conf_map_entry track_entries[OBJECTS];
	struct conf_map_entry service_entries[OBJECTS];
	struct conf_map probes, tracks, services;
	struct prefix prefix;
	mono_t now;
};

struct bed *bed_new(void);
void bed_free(struct bed *b);
void add_probe(struct bed *b, const char *name, uint32_t rise, uint32_t fall);
struct track_conf *add_track(struct bed *b, const char *name);
struct service_conf *add_service(struct bed *b, const char *name);
struct conf_list list_of(const char *const *names, size_t count);
void configure(struct bed *b);
void sample(struct bed *b, const char *probe, bool ok);
struct track_view track_of(struct bed *b, const char *name);
struct service_view service_of(struct bed *b, const char *name);
void pass(struct bed *b, dur_t d);
const struct intent_entry *route_of(struct bed *b);
void set_track(struct bed *b, const char *probe, enum track_state s);
struct bed *bed_with_hold_up(dur_t hold_up);

#endif
