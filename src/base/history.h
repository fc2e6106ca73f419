/* SPDX-License-Identifier: Apache-2.0 */
/*
 * History: a bounded ring of typed events, newest last. What `nigh history` and `nigh explain` tell
 * comes from here; when the ring is full the oldest event goes and is counted.
 */
#ifndef BASE_HISTORY_H
#define BASE_HISTORY_H

#include "base/mono.h"

#include <stddef.h>
#include <stdint.h>

#define HISTORY_OBJECT 64
#define HISTORY_STATE  16
#define HISTORY_WHY    32
#define HISTORY_DETAIL 96

struct history_event {
	uint64_t seq; /* from 1, without gaps */
	mono_t at;
	int64_t wall_ns;
	const char *kind; /* "probe", "track", "service", "route", "neighbor"...: a constant */
	char object[HISTORY_OBJECT]; /* its name */
	char from[HISTORY_STATE];
	char to[HISTORY_STATE];
	char why[HISTORY_WHY];
	char detail[HISTORY_DETAIL];
};

struct history {
	struct history_event *ring;
	size_t cap;
	uint64_t next_seq;
};

void history_init(struct history *h, size_t cap);
void history_done(struct history *h);
/* Copies the event in; `seq` is set here. */
void history_add(struct history *h, const struct history_event *e);
/* Events lost from the ring so far. */
uint64_t history_lost(const struct history *h);
/* The first kept event with seq >= `seq`, or NULL. Walk: seq = e->seq + 1. */
const struct history_event *history_from(const struct history *h, uint64_t seq);

#endif
