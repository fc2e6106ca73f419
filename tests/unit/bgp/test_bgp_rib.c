/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables behind an Adj-RIB-Out against simple models: prefixes in random order of adding and
 * removing, and sets of attributes that come and go.
 */
#include "base/rng.h"
#include "proto/bgp/bgp_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MODEL 300

/* Few different prefixes and a small table, so that runs of occupied slots wrap around the end. */
static struct prefix
model_prefix(unsigned i)
{
	struct prefix p = {.addr = addr_v4(0x0a000000 + i), .len = 32};

	if (i % 3 == 0) {
		uint8_t bytes[16] = {
		    0x20, 0x01, 0x0d, 0xb8, [15] = (uint8_t)i, [14] = (uint8_t)(i >> 8)};
		p = (struct prefix){.addr = addr_from_bytes(ADDR_V6, bytes), .len = 128};
	}
	return p;
}

static void
check_rib(const struct bgp_rib *r, const uint32_t *model)
{
	size_t count = 0;

	for (unsigned i = 0; i < MODEL; i++) {
		struct prefix p = model_prefix(i);
		const struct bgp_rib_slot *slot = bgp_rib_find(r, &p);
		assert_int_equal(slot != NULL ? slot->set : 0, model[i]);
		count += model[i] != 0;
	}
	assert_int_equal(r->count, count);
}

static void
test_rib_against_model(void **state)
{
	uint32_t model[MODEL] = {0};
	struct bgp_rib r = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, 42);
	for (unsigned step = 0; step < 20000; step++) {
		unsigned i = (unsigned)rng_below(&rng, MODEL);
		struct prefix p = model_prefix(i);
		/* Grows and shrinks in turns. */
		if (rng_below(&rng, 10) < (step / 2000 % 2 == 0 ? 7u : 3u)) {
			struct bgp_rib_slot *slot = bgp_rib_put(&r, &p);
			assert_int_equal(slot->set, model[i]);
			slot->set = model[i] = 1 + (uint32_t)rng_below(&rng, 1000);
		} else {
			assert_int_equal(bgp_rib_del(&r, &p), model[i]);
			model[i] = 0;
		}
		if (step % 50 == 0)
			check_rib(&r, model);
	}
	check_rib(&r, model);
	bgp_rib_done(&r);
	assert_null(bgp_rib_find(&r, &(struct prefix){.addr = addr_v4(1), .len = 32}));
}

static struct bgp_route
model_route(unsigned i)
{
	struct bgp_route r = {
	    .af = i % 2 == 0 ? BGP_AF_IPV4 : BGP_AF_IPV6, .next_hop = addr_v4(0x0a000001 + i % 3)};

	if (i % 5 != 0) {
		r.attrs.has_med = true;
		r.attrs.med = i;
	} else {
		r.attrs.has_local_pref = true;
		r.attrs.local_pref = i;
	}
	if (i % 7 == 0) {
		r.attrs.community_count = 2;
		r.attrs.communities[0] = i;
		r.attrs.communities[1] = i + 1;
	}
	return r;
}

/* Equal routes have equal numbers, different ones never, while they have users. */
static void
test_sets_against_model(void **state)
{
	uint32_t number[MODEL] = {0};
	unsigned users[MODEL] = {0};
	struct bgp_sets s = {0};
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (unsigned step = 0; step < 50000; step++) {
		unsigned i = (unsigned)rng_below(&rng, MODEL);
		struct bgp_route r = model_route(i);
		if (rng_below(&rng, 10) < (step / 5000 % 2 == 0 ? 7u : 3u)) {
			uint32_t set = bgp_sets_get(&s, &r);
			assert_int_not_equal(set, 0);
			bgp_sets_ref(&s, set);
			if (users[i] > 0)
				assert_int_equal(set, number[i]);
			number[i] = set;
			users[i]++;
		} else if (users[i] > 0) {
			assert_true(attrs_equal(&s.items[number[i]].route.attrs, &r.attrs));
			assert_true(addr_equal(&s.items[number[i]].route.next_hop, &r.next_hop));
			assert_int_equal(s.items[number[i]].routes, users[i]);
			bgp_sets_unref(&s, number[i]);
			users[i]--;
		}
	}
	uint32_t live = 0;
	for (unsigned i = 0; i < MODEL; i++) {
		live += users[i] > 0;
		for (unsigned k = 0; k < i; k++)
			assert_false(users[i] > 0 && users[k] > 0 && number[i] == number[k]);
	}
	assert_int_equal(s.live, live);
	/* Numbers are used again: there are never more than there were sets at once. */
	assert_true(s.count <= MODEL + 1);
	bgp_sets_done(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rib_against_model),
	    cmocka_unit_test(test_sets_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
