/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudo-random numbers (xoshiro256**): seeded, so that a simulation repeats bit by bit. Not for
 * secrets; probe ids that an attacker must not guess come from rng_secure().
 */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/mono.h"

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_init(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
/* Uniform in [0, bound); bound > 0. */
uint64_t rng_below(struct rng *r, uint64_t bound);
/* Uniform in [lo, hi]. */
dur_t rng_between(struct rng *r, dur_t lo, dur_t hi);
/* A random number from the kernel (getrandom), for seeds and message ids. */
uint64_t rng_secure(void);

#endif
