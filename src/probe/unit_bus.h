/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asking systemd for the state of units, over the system bus. One connection serves all that ask.
 *
 * There are two of it: unit_bus_systemd.c with libsystemd, and unit_bus_none.c, which has no way to
 * ask and says so.
 */
#ifndef PROBE_UNIT_BUS_H
#define PROBE_UNIT_BUS_H

#include "core/probe.h"

#define UNIT_STATE 32

struct unit_bus;
struct sd_bus_slot;

/* How it ended: `error` is 0 and the states are filled in, or it is a negative errno and `text`
 * says what failed. */
struct unit_answer {
	int error;
	const char *text;
	char active[UNIT_STATE]; /* "active", "failed"... */
	char sub[UNIT_STATE];    /* "running", "exited"... */
};

/* One question, embedded by who asks. */
struct unit_ask;
typedef void unit_answer_fn(struct unit_ask *a, const struct unit_answer *answer);
struct unit_ask {
	unit_answer_fn *fn;
	struct unit_bus *bus;
	struct sd_bus_slot *slot; /* NULL: not asking */
	char *path;               /* of the unit on the bus */
	struct unit_answer answer;
};

/* Why this nighd cannot ask at all; NULL when it can. */
const char *unit_bus_missing(void);
/* Connects when it is first asked. Owned by the caller. */
struct unit_bus *unit_bus_new(struct loop *l);
/* Nobody asks any more. */
void unit_bus_free(struct unit_bus *b);
/* The answer comes by `fn`, once, perhaps from inside this call, unless cancelled. */
void unit_bus_ask(struct unit_bus *b, struct unit_ask *a, const char *unit);
/* Harmless when it is not asking. */
void unit_bus_cancel(struct unit_ask *a);

#endif
