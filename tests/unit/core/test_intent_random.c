/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The intent under random operations, with several sinks, a model host that obeys late, and a naive
 * model of what must be true: always, and when everybody has done all there is to do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/intent.h"

#define AT(n) ((mono_t){.ns = (n)})

static struct prefix
prefix_of(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

#define PREFIXES      5
#define ROUTE_SINKS   3
#define ADDRESS_SINKS 2

/* A router that does what it was handed when it settles, and not before. */
struct model_router {
	struct intent_sink sink;
	bool has[PREFIXES];  /* handed as wanted */
	bool owes[PREFIXES]; /* handed as unwanted, not settled */
	struct attrs attrs[PREFIXES];
};

struct model_host {
	struct intent_sink sink;
	bool busy[PREFIXES]; /* was asked something and has not answered */
	bool wants[PREFIXES];
};

struct world {
	struct rng rng;
	struct intent *in;
	mono_t now;
	struct prefix prefixes[PREFIXES];
	struct intent_ask asks[PREFIXES];
	bool asked[PREFIXES];
	bool present[PREFIXES];
	mono_t free_since[PREFIXES]; /* since when no router has or owes it */
	struct model_router routers[ROUTE_SINKS];
	struct model_host hosts[ADDRESS_SINKS];
	int withdrawn, removed;
};

static bool
chance(struct world *w, unsigned percent)
{
	return rng_below(&w->rng, 100) < percent;
}

static size_t
index_of(const struct world *w, const struct prefix *p)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		if (prefix_equal(&w->prefixes[i], p))
			return i;
	}
	fail_msg("a foreign prefix");
	return 0;
}

static bool
router_clear_of(const struct world *w, size_t i)
{
	for (size_t r = 0; r < ROUTE_SINKS; r++) {
		if (w->routers[r].has[i] || w->routers[r].owes[i])
			return false;
	}
	return true;
}

static void
note_freedom(struct world *w, const bool before[PREFIXES])
{
	for (size_t i = 0; i < PREFIXES; i++) {
		if (!before[i] && router_clear_of(w, i))
			w->free_since[i] = w->now;
	}
}

static void
random_ask(struct world *w)
{
	static const char *const services[] = {"dns", "ntp"};
	static const char *const interfaces[] = {"lo", "lo", "lo", "eth0"};
	size_t i = rng_below(&w->rng, PREFIXES);
	struct intent_ask *ask = &w->asks[i];
	uint64_t version = intent_version(w->in);
	bool again = w->asked[i] && chance(w, 20);

	if (!again) {
		*ask = (struct intent_ask){
		    .service = services[rng_below(&w->rng, 2)],
		    .interface = interfaces[rng_below(&w->rng, 4)],
		    .audience = (intent_audience)(1 + rng_below(&w->rng, 3)),
		    .level = LEVEL_UP,
		    .why = WHY_HEALTHY,
		    .repair = chance(w, 70),
		    .drain = (dur_t)i * 15,
		    .address = chance(w, 75),
		};
		ask->route = ask->address && chance(w, 75);
		ask->attrs.has_med = true;
		ask->attrs.med = (uint32_t)rng_below(&w->rng, 3);
		w->asked[i] = true;
	}
	intent_set(w->in, &w->prefixes[i], ask, w->now);
	if (again)
		assert_int_equal(intent_version(w->in), version);
}

/* Nothing wanted is handed out while the router has something that it should not have. */
static void
check_order(const struct world *w, const struct model_router *r)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		const struct intent_entry *e = intent_find(w->in, INTENT_ROUTE, &w->prefixes[i]);

		if (r->has[i])
			assert_true(
			    e != NULL && e->wanted && (e->audience & r->sink.audience) != 0);
	}
}

static bool
router_step(struct world *w, struct model_router *r)
{
	const struct intent_entry *peek = intent_peek(&r->sink);
	const struct intent_entry *e = intent_next(&r->sink);
	size_t i;

	assert_ptr_equal(peek, e);
	if (e == NULL)
		return false;
	i = index_of(w, &e->prefix);
	if (e->wanted) {
		check_order(w, r);
		assert_true(w->present[i] || !w->asks[i].address);
		r->has[i] = true;
		r->owes[i] = false;
		r->attrs[i] = *e->attrs;
		return true;
	}
	w->withdrawn++;
	r->owes[i] = r->owes[i] || r->has[i];
	r->has[i] = false;
	return true;
}

static void
router_settle(struct world *w, struct model_router *r)
{
	bool before[PREFIXES];

	for (size_t i = 0; i < PREFIXES; i++)
		before[i] = router_clear_of(w, i);
	intent_settle(&r->sink, r->sink.handed);
	memset(r->owes, 0, sizeof(r->owes));
	note_freedom(w, before);
}

static void
router_reset(struct world *w, struct model_router *r)
{
	bool before[PREFIXES];

	for (size_t i = 0; i < PREFIXES; i++)
		before[i] = router_clear_of(w, i);
	intent_sink_reset(&r->sink);
	memset(r->owes, 0, sizeof(r->owes));
	memset(r->has, 0, sizeof(r->has));
	note_freedom(w, before);
}

static void
check_removal(struct world *w, size_t i, const struct intent_entry *e)
{
	assert_true(router_clear_of(w, i));
	assert_true(mono_sub(w->now, w->free_since[i]) >= e->drain);
	w->removed++;
}

static bool
host_step(struct world *w, struct model_host *h)
{
	const struct intent_entry *e = intent_next(&h->sink);
	size_t i;

	if (e == NULL)
		return false;
	i = index_of(w, &e->prefix);
	if (!e->wanted && w->present[i])
		check_removal(w, i, e);
	h->busy[i] = true;
	h->wants[i] = e->wanted;
	return true;
}

/* The kernel does the last thing that it was asked, and says so. */
static void
host_answer(struct world *w, struct model_host *h)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		if (!h->busy[i])
			continue;
		h->busy[i] = false;
		w->present[i] = h->wants[i];
		intent_address_present(w->in, &w->prefixes[i], w->present[i], w->now);
	}
	intent_settle(&h->sink, h->sink.handed);
}

static void
random_step(struct world *w)
{
	struct model_router *r = &w->routers[rng_below(&w->rng, ROUTE_SINKS)];
	struct model_host *h = &w->hosts[0];
	size_t i = rng_below(&w->rng, PREFIXES);

	switch (rng_below(&w->rng, 9)) {
	case 0: random_ask(w); break;
	case 1: router_step(w, r); break;
	case 2:
		while (router_step(w, r))
			;
		break;
	case 3: router_settle(w, r); break;
	case 4:
		if (chance(w, 20))
			router_reset(w, r);
		break;
	case 5: host_step(w, h); break;
	case 6: host_answer(w, h); break;
	case 7:
		if (chance(w, 10) && w->present[i]) { /* somebody deletes an address */
			w->present[i] = false;
			intent_address_present(w->in, &w->prefixes[i], false, w->now);
		} else if (chance(w, 5)) {
			intent_sink_replay(&h->sink);
		}
		break;
	default:
		w->now = mono_add(w->now, (dur_t)rng_below(&w->rng, 30));
		intent_run(w->in, w->now);
	}
}

static void
check_always(const struct world *w)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		const struct intent_entry *e = intent_find(w->in, INTENT_ROUTE, &w->prefixes[i]);

		if (e == NULL || !e->wanted)
			continue;
		assert_true(w->asks[i].route);
		assert_true(w->present[i]);
		assert_true(attrs_equal(e->attrs, &w->asks[i].attrs));
	}
}

/* Everybody does all there is to do; then the world must be as asked. */
static void
quiesce(struct world *w)
{
	for (int round = 0; round < 12; round++) {
		w->now = mono_add(w->now, 2 * DUR_S);
		intent_run(w->in, w->now);
		for (size_t r = 0; r < ROUTE_SINKS; r++) {
			while (router_step(w, &w->routers[r]))
				;
			router_settle(w, &w->routers[r]);
		}
		while (host_step(w, &w->hosts[0]))
			;
		host_answer(w, &w->hosts[0]);
		while (host_step(w, &w->hosts[1]))
			;
		intent_settle(&w->hosts[1].sink, w->hosts[1].sink.handed);
	}
}

static void
check_quiet(const struct world *w)
{
	for (size_t i = 0; i < PREFIXES; i++) {
		const struct intent_ask *ask = &w->asks[i];
		/* A deleted address comes back only with repair. */
		bool announced = ask->route && w->present[i];

		if (ask->address && ask->repair)
			assert_true(w->present[i]);
		if (!ask->address)
			assert_false(w->present[i]);
		for (size_t r = 0; r < ROUTE_SINKS; r++) {
			const struct model_router *m = &w->routers[r];
			bool expected = announced && (ask->audience & m->sink.audience) != 0;

			assert_int_equal(m->has[i], expected);
			assert_false(m->owes[i]);
			if (expected)
				assert_true(attrs_equal(&m->attrs[i], &ask->attrs));
			assert_true(m->sink.idle);
		}
	}
}

static void
random_run(uint64_t seed, int *withdrawn, int *removed)
{
	static const char *const texts[PREFIXES] = {
	    "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "10.0.0.0/8"};
	struct world *w = calloc(1, sizeof(*w));

	rng_init(&w->rng, seed);
	w->in = intent_new();
	w->now = AT(1000);
	for (size_t i = 0; i < PREFIXES; i++)
		w->prefixes[i] = prefix_of(texts[i]);
	for (size_t r = 0; r < ROUTE_SINKS; r++) {
		w->routers[r].sink.audience = (intent_audience)(r + 1);
		intent_sink_add(w->in, &w->routers[r].sink, "r", INTENT_ROUTE, NULL);
	}
	for (size_t h = 0; h < ADDRESS_SINKS; h++)
		intent_sink_add(w->in, &w->hosts[h].sink, "h", INTENT_ADDRESS, NULL);
	for (int step = 0; step < 2000; step++) {
		random_step(w);
		check_always(w);
		if (step % 500 == 499) {
			quiesce(w);
			check_quiet(w);
		}
	}
	for (size_t i = 0; i < PREFIXES; i++) {
		w->asks[i] = (struct intent_ask){.service = "dns", .why = WHY_STOP};
		intent_set(w->in, &w->prefixes[i], &w->asks[i], w->now);
	}
	quiesce(w);
	assert_null(intent_first(w->in));
	assert_true(intent_settled(w->in, "dns") && intent_settled(w->in, "ntp"));
	*withdrawn += w->withdrawn;
	*removed += w->removed;
	intent_free(w->in);
	free(w);
}

static void
test_random(void **state)
{
	int withdrawn = 0, removed = 0;

	for (uint64_t seed = 1; seed <= 300; seed++)
		random_run(seed, &withdrawn, &removed);
	assert_true(withdrawn > 1000); /* the run did exercise what it checks */
	assert_true(removed > 1000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
