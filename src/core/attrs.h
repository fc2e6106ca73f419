/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route attributes as a person asks for them, independent of the protocol that will carry them.
 */
#ifndef CORE_ATTRS_H
#define CORE_ATTRS_H

#include "conf/conf.h"

/* A number that replaces ("100") or adds to ("+100", "-50") what is there before. */
struct attrs_number {
	enum { ATTRS_UNSET, ATTRS_SET, ATTRS_ADD } how;
	int64_t value;
};

#define ATTRS_PREPEND_MAX 16
/* A route has at most three layers (service, level, neighbor), each with at most 8 communities, so
 * that none has to be dropped. */
#define ATTRS_LAYERS            3
#define ATTRS_LAYER_COMMUNITIES 8
#define ATTRS_COMMUNITIES       (ATTRS_LAYERS * ATTRS_LAYER_COMMUNITIES)

/* One layer of attributes, as written under `services.X.attributes` or `levels.Y`. */
struct attrs_conf {
	struct attrs_number med;
	struct attrs_number local_pref;
	uint32_t prepend;
	struct conf_list communities; /* of uint32_t; words like graceful-shutdown are known */
};
extern const struct conf_schema attrs_schema;

/* The layers summed up: what a route carries. Plain values, comparable with attrs_equal(). */
struct attrs {
	bool has_med;
	bool has_local_pref;
	uint32_t med;
	uint32_t local_pref;
	uint8_t prepend; /* own AS that many times more */
	uint8_t community_count;
	uint32_t communities[ATTRS_COMMUNITIES]; /* ascending, no duplicates */
};
/* `base` with `layer` (may be NULL) on top; saturates at 0 and 2^32-1. Adding to what is not there
 * begins at 0 for MED and at 100 for local preference. */
struct attrs attrs_apply(const struct attrs *base, const struct attrs_conf *layer);
bool attrs_equal(const struct attrs *a, const struct attrs *b);
/* "med 100, prepend 2, communities 65535:0"; "" when there are none. */
void attrs_format(const struct attrs *a, struct str *out);
void community_format(uint32_t community, struct str *out);
int community_parse(const char *text, uint32_t *out);

#endif
