/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What timers cost: nanoseconds for arming, re-arming, cancelling and firing one of N, for N of
 * 10,000 and of 1,000,000, with deadlines in random order over one virtual minute. The virtual loop
 * and the real one share the heap, so this is the cost of both without the wait.
 *
 *     ninja -C build tests/unit/loop/bench_timers && build/tests/unit/loop/bench_timers
 */
#include "base/mem.h"
#include "base/rng.h"
#include "loop/loop.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct bench {
	struct loop *loop;
	struct rng rng;
	size_t count;
	struct ticker *tickers;
};

struct ticker {
	struct loop_timer timer;
	bool periodic;
};

static void
ticker_fired(struct loop_timer *t)
{
	struct ticker *k = container_of(t, struct ticker, timer);

	if (k->periodic)
		loop_timer_at(t, mono_add(t->deadline, DUR_MIN));
}

static void
arm(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		loop_timer_after(&b->tickers[i].timer, rng_between(&b->rng, DUR_MS, DUR_MIN));
}

static void
cancel(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		loop_timer_cancel(&b->tickers[i].timer);
}

static void
fire(struct bench *b)
{
	loop_run_until(b->loop, mono_add(loop_now(b->loop), DUR_MIN));
}

static void
fire_periodic(struct bench *b)
{
	for (size_t i = 0; i < b->count; i++)
		b->tickers[i].periodic = true;
	fire(b);
}

static const struct step {
	const char *name;
	void (*run)(struct bench *b);
} steps[] = {
    {"arm", arm},
    {"arm again", arm},
    {"cancel", cancel},
    {"arm", arm},
    {"fire", fire},
    {"arm", arm},
    {"fire and arm again", fire_periodic},
};

static void
bench(size_t count)
{
	struct bench b = {.count = count, .loop = loop_virtual_new((mono_t){0})};

	rng_init(&b.rng, 1);
	b.tickers = mem_array(count, sizeof(*b.tickers));
	for (size_t i = 0; i < count; i++)
		loop_timer_init(&b.tickers[i].timer, b.loop, ticker_fired);
	printf("%zu timers, ns each:", count);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		mono_t start = mono_clock();
		steps[i].run(&b);
		dur_t spent = mono_sub(mono_clock(), start);
		printf("%s %s %" PRId64, i > 0 ? "," : "", steps[i].name, spent / (dur_t)count);
	}
	printf("\n");
	for (size_t i = 0; i < count; i++)
		loop_timer_cancel(&b.tickers[i].timer);
	free(b.tickers);
	loop_free(b.loop);
}

int
main(void)
{
	bench(10000);
	bench(1000000);
	return 0;
}
