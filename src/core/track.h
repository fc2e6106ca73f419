/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks: from samples and facts to up or down.
 *
 * Every probe feeds a track of its own name (rise and fall); other tracks watch an interface or
 * combine tracks (all, any). `delay` holds a change back until it has lasted. Pure: an input and
 * `now` in, a state and the next deadline out.
 */
#ifndef CORE_TRACK_H
#define CORE_TRACK_H

#include "base/queue.h"
#include "conf/conf.h"
#include "core/why.h"

enum track_state { TRACK_UNKNOWN, TRACK_UP, TRACK_DOWN };
const char *track_state_str(enum track_state s);

struct track_delay_conf {
	dur_t up;
	dur_t down;
};

#define QUALITY_SAMPLES_MAX 1000
struct quality_conf {
	const char *probe;
	uint32_t samples;
	uint32_t max_loss;    /* percent */
	dur_t max_average;    /* 0: any */
	uint32_t percentile;  /* 1..100 */
	dur_t max_percentile; /* 0: any */
};
extern const struct conf_schema quality_schema;

/* A row of `tracks:`. Exactly one of interface, in_time, quality, all and any is set. */
struct track_conf {
	const char *interface;
	const char *in_time; /* a probe */
	const struct quality_conf *quality;
	struct conf_list all; /* of const char *: probes and tracks */
	struct conf_list any;
	const struct track_delay_conf *delay; /* NULL: none */
};
extern const struct conf_schema track_schema;

#endif
