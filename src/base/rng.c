/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pseudo-random numbers: xoshiro256** (David Blackman and Sebastiano Vigna, "Scrambled Linear
 * Pseudorandom Number Generators", 2021), its four words of state filled by splitmix64 as the
 * authors advise, so that any seed will do, 0 included.
 *
 * The state belongs to the caller: each user of chance has its own generator, and one that draws
 * more does not change what the others see.
 */
#include "base/rng.h"

#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

void
rng_init(struct rng *r, uint64_t seed)
{
	for (int i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

static uint64_t
rotate_left(uint64_t x, int bits)
{
	return (x << bits) | (x >> (64 - bits));
}

uint64_t
rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate_left(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate_left(s[3], 45);
	return result;
}

uint64_t
rng_below(struct rng *r, uint64_t bound)
{
	uint64_t uneven, x;

	assert(bound > 0);
	/* 2^64 mod bound: so many of the lowest numbers would make small results likelier. */
	uneven = (0 - bound) % bound;
	do {
		x = rng_next(r);
	} while (x < uneven);
	return x % bound;
}

dur_t
rng_between(struct rng *r, dur_t lo, dur_t hi)
{
	uint64_t span;

	assert(lo <= hi);
	span = (uint64_t)hi - (uint64_t)lo;
	if (span == UINT64_MAX)
		return (dur_t)rng_next(r);
	return (dur_t)((uint64_t)lo + rng_below(r, span + 1));
}

uint64_t
rng_secure(void)
{
	uint64_t number;
	ssize_t n;

	do {
		n = getrandom(&number, sizeof(number), 0);
	} while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(number)) {
		log_error("getrandom: %s: ending; the kernel must provide random numbers",
		    strerror(errno));
		abort();
	}
	return number;
}
