/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monotonic time and durations.
 *
 * A mono_t is a point on the monotonic clock and a struct, so that it cannot be mixed up with a
 * duration or with wall-clock time. A dur_t is a signed number of nanoseconds.
 */
#ifndef BASE_MONO_H
#define BASE_MONO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
	int64_t ns;
} mono_t;

typedef int64_t dur_t;

#define DUR_US    ((dur_t)1000)
#define DUR_MS    ((dur_t)1000000)
#define DUR_S     ((dur_t)1000000000)
#define DUR_MIN   (60 * DUR_S)
#define DUR_HOUR  (60 * DUR_MIN)
#define DUR_DAY   (24 * DUR_HOUR)
#define DUR_NEVER INT64_MAX

/* The point `d` after `t`; saturates, so that DUR_NEVER gives a point that is never reached. */
mono_t mono_add(mono_t t, dur_t d);
/* How long from `from` until `to`; negative when `to` lies before `from`. */
dur_t mono_sub(mono_t to, mono_t from);
/* Is `a` before `b`? */
bool mono_before(mono_t a, mono_t b);
/* The earlier of the two. */
mono_t mono_min(mono_t a, mono_t b);
/* CLOCK_MONOTONIC, now. Only the loop's libevent back end and tools may call this; everything else
 * is handed `now`. */
mono_t mono_clock(void);
/* CLOCK_REALTIME in nanoseconds since 1970, for people only. Same callers as mono_clock(). */
int64_t wall_clock_ns(void);

/* Writes a duration as people read it ("1.5s", "300ms", "2h5m", "never") into buf, always
 * terminated: up to three digits of fraction, none from an hour on; what is finer is cut off.
 * Returns buf. 24 bytes hold any duration. */
char *dur_format(dur_t d, char *buf, size_t size);
/* Reads "300ms", "1s", "1.5s", "2m", "1h30m", "1d". A unit is demanded (except for 0). Returns 0,
 * or -1 when malformed, negative or too large. */
int dur_parse(const char *text, dur_t *out);

#endif
