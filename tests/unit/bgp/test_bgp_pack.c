/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing UPDATEs: exact bytes of the plain cases, the order of attributes, AS_PATH towards all
 * kinds of neighbors, filling a message to its last byte, and that the decoder reads back what was
 * packed, for random attributes and prefixes.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "bgp_hex.h"

static const struct bgp_update_ctx external = {
    .ebgp = true,
    .as4 = true,
    .af = BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6),
};

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct addr
address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static enum bgp_af
family(const struct prefix *p)
{
	return p->addr.family == ADDR_V4 ? BGP_AF_IPV4 : BGP_AF_IPV6;
}

static size_t
announce_one(const struct bgp_announce *a, const char *text, uint8_t *buf, size_t cap)
{
	struct prefix p = prefix(text);
	struct bgp_packer packer;

	bgp_pack_announce(&packer, buf, cap, family(&p), a);
	if (!bgp_pack_add(&packer, &p))
		return 0;
	return bgp_pack_finish(&packer);
}

static void
check_update(const struct bgp_announce *a, const char *text, const char *attrs, const char *nlri)
{
	struct bytes want = update("", attrs, nlri);
	uint8_t buf[BGP_MSG_MAX];
	size_t len = announce_one(a, text, buf, sizeof(buf));

	assert_int_equal(len, want.len);
	assert_memory_equal(buf, want.data, len);
}

static void
announces_to_an_external_neighbor(void **state)
{
	struct bgp_announce a = {
	    .ebgp = true,
	    .as4 = true,
	    .local_as = 64501,
	    .next_hop = address("10.0.0.2"),
	    .local_pref = 100, /* not for them */
	};
	uint32_t communities[] = {0xffff0000, 0xfbf50001};

	check_update(&a, "192.0.2.53/32", "40 01 01 00  40 02 06 02 01 0000fbf5  40 03 04 0a000002",
	    "20 c0000235");
	a.prepend = 2;
	a.has_med = true;
	a.med = 50;
	a.communities = communities;
	a.community_count = 2;
	check_update(&a, "192.0.2.0/23",
	    "40 01 01 00  40 02 0e 02 03 0000fbf5 0000fbf5 0000fbf5  40 03 04 0a000002"
	    "80 04 04 00000032  c0 08 08 ffff0000 fbf50001",
	    "17 c00002");
}

static void
announces_to_an_internal_neighbor(void **state)
{
	struct bgp_announce a = {
	    .as4 = true,
	    .local_as = 64501,
	    .prepend = 3, /* would be a loop to them */
	    .next_hop = address("10.0.0.2"),
	    .local_pref = 200,
	};

	check_update(
	    &a, "0.0.0.0/0", "40 01 01 00  40 02 00  40 03 04 0a000002  40 05 04 000000c8", "00");
}

/* RFC 7606 section 5.1: MP_REACH_NLRI first, the rest in ascending order. */
static void
announces_ipv6(void **state)
{
	struct bgp_announce a = {
	    .ebgp = true,
	    .as4 = true,
	    .local_as = 64501,
	    .next_hop = address("2001:db8::2"),
	    .has_med = true,
	    .med = 1,
	};

	check_update(&a, "2001:db8:53::53/128",
	    "90 0e 0026 0002 01 10 20010db8000000000000000000000002 00"
	    "80 20010db8005300000000000000000053"
	    "40 01 01 00  40 02 06 02 01 0000fbf5  80 04 04 00000001",
	    "");
	a.next_hop_ll = address("fe80::2");
	a.has_med = false;
	check_update(&a, "2001:db8::/32",
	    "90 0e 002a 0002 01 20 20010db8000000000000000000000002"
	    "fe800000000000000000000000000002 00 20 20010db8"
	    "40 01 01 00  40 02 06 02 01 0000fbf5",
	    "");
}

/* RFC 6793 section 4.2.2. */
static void
hides_large_as_numbers_from_old_speakers(void **state)
{
	struct bgp_announce a = {
	    .ebgp = true,
	    .local_as = 4200000001,
	    .prepend = 1,
	    .next_hop = address("10.0.0.2"),
	};

	check_update(&a, "192.0.2.53/32",
	    "40 01 01 00  40 02 06 02 02 5ba0 5ba0  40 03 04 0a000002"
	    "c0 11 0a 02 02 fa56ea01 fa56ea01",
	    "20 c0000235");
	/* The last that needs no hiding, and the first that does. */
	a.prepend = 0;
	a.local_as = 65535;
	check_update(&a, "192.0.2.53/32", "40 01 01 00  40 02 04 02 01 ffff  40 03 04 0a000002",
	    "20 c0000235");
	a.local_as = 65536;
	check_update(&a, "192.0.2.53/32",
	    "40 01 01 00  40 02 04 02 01 5ba0  40 03 04 0a000002  c0 11 06 02 01 00010000",
	    "20 c0000235");
	a.prepend = 1;
	a.local_as = 64501;
	check_update(&a, "192.0.2.53/32",
	    "40 01 01 00  40 02 06 02 02 fbf5 fbf5  40 03 04 0a000002", "20 c0000235");
	/* An empty path has nothing to hide. */
	a.local_as = 4200000001;
	a.ebgp = false;
	check_update(&a, "192.0.2.53/32",
	    "40 01 01 00  40 02 00  40 03 04 0a000002  40 05 04 00000000", "20 c0000235");
}

/* A segment has room for 255 numbers: RFC 4271 section 4.3. */
static void
prepends_beyond_one_segment(void **state)
{
	struct bgp_announce a = {
	    .ebgp = true,
	    .as4 = true,
	    .local_as = 64501,
	    .prepend = 255,
	    .next_hop = address("10.0.0.2"),
	};
	uint8_t buf[BGP_MSG_MAX];
	struct bgp_update u;
	size_t len = announce_one(&a, "192.0.2.53/32", buf, sizeof(buf));

	bgp_update_decode(buf, len, &external, &u);
	assert_int_equal(u.disposition, BGP_ACCEPT);
	assert_int_equal(u.path.as_count, 256);
	assert_bytes(buf + 27, 6, "50 02 0404 02 ff");
}

static void
withdraws(void **state)
{
	struct prefix p4 = prefix("192.0.2.53/32");
	struct prefix p6 = prefix("2001:db8::/33");
	struct bgp_packer packer;
	uint8_t buf[BGP_MSG_MAX];
	struct bytes want;

	bgp_pack_withdraw(&packer, buf, sizeof(buf), BGP_AF_IPV4);
	assert_true(bgp_pack_add(&packer, &p4));
	assert_true(bgp_pack_add(&packer, &p4));
	want = update("20 c0000235 20 c0000235", "", "");
	assert_int_equal(bgp_pack_finish(&packer), want.len);
	assert_memory_equal(buf, want.data, want.len);

	bgp_pack_withdraw(&packer, buf, sizeof(buf), BGP_AF_IPV6);
	assert_true(bgp_pack_add(&packer, &p6));
	want = update("", "90 0f 0009 0002 01 21 20010db800", "");
	assert_int_equal(bgp_pack_finish(&packer), want.len);
	assert_memory_equal(buf, want.data, want.len);
}

static void
ends_the_rib(void **state)
{
	uint8_t buf[64];
	struct bgp_update u;
	struct bytes want = update("", "", "");

	assert_int_equal(bgp_end_of_rib_encode(BGP_AF_IPV4, buf, sizeof(buf)), want.len);
	assert_memory_equal(buf, want.data, want.len);
	want = update("", "90 0f 0003 0002 01", "");
	assert_int_equal(bgp_end_of_rib_encode(BGP_AF_IPV6, buf, sizeof(buf)), want.len);
	assert_memory_equal(buf, want.data, want.len);
	for (unsigned af = 0; af < BGP_AF_COUNT; af++) {
		size_t len = bgp_end_of_rib_encode(af, buf, sizeof(buf));
		bgp_update_decode(buf, len, &external, &u);
		assert_true(u.end_of_rib);
		assert_int_equal(u.end_of_rib_af, af);
		assert_int_equal(bgp_end_of_rib_encode(af, buf, len - 1), 0);
	}
}

static void
sends_nothing_without_prefixes(void **state)
{
	struct bgp_announce a = {.ebgp = true, .as4 = true, .local_as = 1};
	struct bgp_packer packer;
	uint8_t buf[BGP_MSG_MAX];

	a.next_hop = address("10.0.0.2");
	bgp_pack_announce(&packer, buf, sizeof(buf), BGP_AF_IPV4, &a);
	assert_int_equal(bgp_pack_finish(&packer), 0);
	a.next_hop = address("2001:db8::2");
	bgp_pack_announce(&packer, buf, sizeof(buf), BGP_AF_IPV6, &a);
	assert_int_equal(bgp_pack_finish(&packer), 0);
	bgp_pack_withdraw(&packer, buf, sizeof(buf), BGP_AF_IPV4);
	assert_int_equal(bgp_pack_finish(&packer), 0);
	bgp_pack_withdraw(&packer, buf, sizeof(buf), BGP_AF_IPV6);
	assert_int_equal(bgp_pack_finish(&packer), 0);
}

static struct prefix
host(enum bgp_af af, uint32_t i)
{
	struct prefix p = prefix(af == BGP_AF_IPV4 ? "192.0.0.0/32" : "2001:db8::/128");

	p.addr.bytes[2] = (uint8_t)(i >> 8);
	p.addr.bytes[3] = (uint8_t)i;
	return p;
}

/* Every buffer size: as many prefixes as fit, not one fewer, and never a byte beyond. */
static void
fills_a_message_to_its_end(void **state)
{
	struct bgp_announce a = {.ebgp = true, .as4 = true, .local_as = 64501, .has_med = true};

	for (unsigned af = 0; af < BGP_AF_COUNT; af++) {
		size_t step = af == BGP_AF_IPV4 ? 5 : 17;
		size_t announced_min = 0;

		a.next_hop = address(af == BGP_AF_IPV4 ? "10.0.0.2" : "2001:db8::2");
		for (unsigned cap = 0; cap < 300; cap++) {
			for (unsigned withdraw = 0; withdraw < 2; withdraw++) {
				uint8_t *buf = malloc(cap + 1);
				struct bgp_packer packer;
				uint32_t count = 0;
				struct bgp_update u;

				buf[cap] = 0x5a;
				if (withdraw)
					bgp_pack_withdraw(&packer, buf, cap, af);
				else
					bgp_pack_announce(&packer, buf, cap, af, &a);
				struct prefix p = host(af, 0);
				while (bgp_pack_add(&packer, &p))
					p = host(af, ++count);
				size_t len = bgp_pack_finish(&packer);
				assert_int_equal(buf[cap], 0x5a);
				assert_true(len <= cap);
				if (count > 0) {
					assert_true(cap - len < step);
					bgp_update_decode(buf, len, &external, &u);
					assert_int_equal(u.disposition, BGP_ACCEPT);
					if (!withdraw && announced_min == 0)
						announced_min = len;
				} else {
					assert_int_equal(len, 0);
				}
				free(buf);
			}
		}
		/* The smallest that works is the message with one prefix. */
		uint8_t buf[BGP_MSG_MAX];
		assert_int_equal(announced_min,
		    announce_one(&a, af == BGP_AF_IPV4 ? "192.0.2.1/32" : "2001:db8::1/128", buf,
			sizeof(buf)));
	}
}

/* Without the bits beyond its length, which do not travel. */
static struct prefix
masked(const struct prefix *p)
{
	struct prefix out = *p;

	for (unsigned bit = p->len; bit < 128; bit++)
		out.addr.bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	return out;
}

struct sample {
	struct bgp_announce a;
	uint32_t communities[70];
};

static void
random_sample(struct rng *rng, enum bgp_af af, struct sample *s)
{
	memset(s, 0, sizeof(*s));
	s->a.ebgp = rng_below(rng, 2);
	s->a.as4 = rng_below(rng, 2);
	s->a.local_as = 1 + (uint32_t)rng_below(rng, rng_below(rng, 2) ? 65535 : UINT32_MAX - 1);
	s->a.prepend = (uint8_t)rng_below(rng, 20);
	s->a.next_hop = address(af == BGP_AF_IPV4 ? "10.1.2.3" : "2001:db8::9");
	if (af == BGP_AF_IPV6 && rng_below(rng, 2))
		s->a.next_hop_ll = address("fe80::9");
	s->a.has_med = rng_below(rng, 2);
	s->a.med = (uint32_t)rng_next(rng);
	s->a.local_pref = (uint32_t)rng_next(rng);
	s->a.community_count = rng_below(rng, ARRAY_LEN(s->communities));
	for (size_t i = 0; i < s->a.community_count; i++)
		s->communities[i] = (uint32_t)rng_next(rng);
	s->a.communities = s->communities;
}

static void
check_path(const struct sample *s, const struct bgp_update *u, enum bgp_af af)
{
	const struct bgp_announce *a = &s->a;
	const struct bgp_path *path = &u->path;
	const struct addr *next_hop = af == BGP_AF_IPV4 ? &path->next_hop : &u->mp_next_hop;

	assert_true(path->has_origin);
	assert_int_equal(path->origin, BGP_ORIGIN_IGP);
	assert_int_equal(path->as_count, a->ebgp ? 1 + a->prepend : 0);
	for (unsigned i = 0; i < path->as_count; i++)
		assert_int_equal(path->as_path[i], a->local_as);
	assert_int_equal(path->own_count, path->as_count);
	assert_true(addr_equal(next_hop, &a->next_hop));
	assert_int_equal(u->mp_next_hop_ll.family, a->next_hop_ll.family);
	assert_int_equal(path->has_med, a->has_med);
	assert_int_equal(path->med, a->has_med ? a->med : 0);
	assert_int_equal(path->has_local_pref, !a->ebgp);
	assert_int_equal(path->local_pref, a->ebgp ? 0 : a->local_pref);
	assert_int_equal(path->community_count, a->community_count);
	for (unsigned i = 0; i < path->community_count; i++) {
		struct wire_reader r;
		wire_reader_init(&r, path->communities + i * 4, 4);
		assert_int_equal(wire_u32(&r), s->communities[i]);
	}
}

static void
reads_back_what_it_packs(void **state)
{
	struct rng rng;
	uint8_t buf[BGP_MSG_MAX];

	rng_init(&rng, 4760);
	for (unsigned i = 0; i < 3000; i++) {
		enum bgp_af af = rng_below(&rng, 2) ? BGP_AF_IPV6 : BGP_AF_IPV4;
		struct bgp_packer packer;
		struct prefix sent[64];
		size_t count = 1 + rng_below(&rng, ARRAY_LEN(sent));
		struct bgp_update u;
		struct sample s;

		random_sample(&rng, af, &s);
		bgp_pack_announce(&packer, buf, sizeof(buf), af, &s.a);
		for (size_t j = 0; j < count; j++) {
			struct prefix *p = &sent[j];
			*p = host(af, (uint32_t)rng_next(&rng));
			p->len = (uint8_t)rng_below(&rng, af == BGP_AF_IPV4 ? 33 : 129);
			assert_true(bgp_pack_add(&packer, p));
		}
		size_t len = bgp_pack_finish(&packer);

		struct bgp_update_ctx ctx = external;
		ctx.ebgp = s.a.ebgp;
		ctx.as4 = s.a.as4;
		ctx.local_as = s.a.local_as;
		ctx.first_as = s.a.ebgp ? s.a.local_as : 0;
		bgp_update_decode(buf, len, &ctx, &u);
		assert_int_equal(u.disposition, BGP_ACCEPT);
		check_path(&s, &u, af);
		struct bgp_nlri list = af == BGP_AF_IPV4 ? u.announced : u.mp_announced;
		for (size_t j = 0; j < count; j++) {
			struct prefix got;
			struct prefix want = masked(&sent[j]);
			assert_true(bgp_nlri_next(&list, &got));
			assert_true(prefix_equal(&got, &want));
		}
		assert_int_equal(list.len, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(announces_to_an_external_neighbor),
	    cmocka_unit_test(announces_to_an_internal_neighbor),
	    cmocka_unit_test(announces_ipv6),
	    cmocka_unit_test(hides_large_as_numbers_from_old_speakers),
	    cmocka_unit_test(prepends_beyond_one_segment),
	    cmocka_unit_test(withdraws),
	    cmocka_unit_test(ends_the_rib),
	    cmocka_unit_test(sends_nothing_without_prefixes),
	    cmocka_unit_test(fills_a_message_to_its_end),
	    cmocka_unit_test(reads_back_what_it_packs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
