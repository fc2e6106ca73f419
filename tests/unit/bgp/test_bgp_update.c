/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading UPDATEs: values, then the error handling of RFC 7606, section by section. The table of
 * malformed attributes has one row for each way in which one can be wrong, with what an external
 * and an internal neighbor get for it; every row is also tried without prefixes (section 5.2).
 */
#include "base/mem.h"
#include "bgp_updates.h"

/* -- values -- */

static void
reads_ipv4(void **state)
{
	struct bgp_update u = decode(&external, "20 c6336401 00", GOOD "80 04 04 0000000a", NLRI);
	char text[ADDR_TEXT];

	check_accepted(&u);
	check_list(u.withdrawn, "198.51.100.1/32 0.0.0.0/0");
	check_list(u.announced, "192.0.2.0/24");
	assert_false(u.has_mp_reach || u.has_mp_unreach || u.end_of_rib);
	assert_null(u.mp_announced.data);
	assert_true(u.path.has_origin && u.path.has_as_path && u.path.has_next_hop);
	assert_int_equal(u.path.as_count, 1);
	assert_int_equal(u.path.as_path[0], 64500);
	assert_string_equal(addr_format(&u.path.next_hop, text, sizeof(text)), "10.0.0.1");
	assert_true(u.path.has_med);
	assert_int_equal(u.path.med, 10);
	assert_false(u.path.has_local_pref);
}

static void
reads_every_attribute(void **state)
{
	struct bgp_update u = decode(&internal, "",
	    "40 01 01 02"
	    "50 02 000e 02 03 00000001 00000002 fffffffe"
	    "40 03 04 0a000001"
	    "80 04 04 ffffffff"
	    "40 05 04 000000c8"
	    "40 06 00"
	    "c0 07 08 0000fbf4 0a000001"
	    "c0 08 08 ffff0000 fbf40007"
	    "80 09 04 0a000009"
	    "80 0a 08 0a000001 0a000002"
	    "c0 10 08 0002fbf400000001"
	    "e0 20 0c fffffffe 00000001 00000002"
	    "c0 19 14 0000000000000000000000000000000000000000"
	    "c0 23 04 0000fbf4" /* OTC: unknown to us, optional */
	    "80 63 00",         /* unknown, not transitive */
	    NLRI);

	check_accepted(&u);
	assert_int_equal(u.path.origin, BGP_ORIGIN_INCOMPLETE);
	assert_int_equal(u.path.as_count, 3);
	assert_int_equal(u.path.as_path[2], 4294967294u);
	assert_int_equal(u.path.med, UINT32_MAX);
	assert_true(u.path.has_local_pref);
	assert_int_equal(u.path.local_pref, 200);
	assert_true(u.path.atomic_aggregate);
	assert_int_equal(u.path.community_count, 2);
	assert_bytes(u.path.communities, 8, "ffff0000 fbf40007");
	assert_int_equal(u.path.ext_count, 1);
	assert_int_equal(u.path.large_count, 1);
	assert_bytes(u.path.large_communities, 12, "fffffffe 00000001 00000002");
}

static void
reads_ipv6(void **state)
{
	struct bgp_update u = decode(&external, "",
	    ORIGIN AS_PATH "80 0e 26 0002 01 20 " NH6 "fe800000000000000000000000000001 00 00"
			   "80 0f 08 0002 01 20 20010db8",
	    "");
	char text[ADDR_TEXT];

	check_accepted(&u);
	assert_true(u.has_mp_reach && u.has_mp_unreach);
	check_list(u.mp_announced, "::/0");
	check_list(u.mp_withdrawn, "2001:db8::/32");
	assert_string_equal(addr_format(&u.mp_next_hop, text, sizeof(text)), "2001:db8::1");
	assert_string_equal(addr_format(&u.mp_next_hop_ll, text, sizeof(text)), "fe80::1");
	assert_false(u.end_of_rib);

	u = decode(&external, "", REACH6 ORIGIN AS_PATH, "");
	check_accepted(&u);
	check_list(u.mp_announced, "2001:db8:1:2::/64");
	assert_int_equal(u.mp_next_hop_ll.family, ADDR_NONE);
}

/* RFC 4760 section 3: IPv4 may come that way, too. */
static void
reads_ipv4_in_mp_reach(void **state)
{
	struct bgp_update u =
	    decode(&external, "", "80 0e 0d 0001 01 04 0a000001 00 " NLRI ORIGIN AS_PATH, "");

	check_accepted(&u);
	assert_int_equal(u.mp_announced.af, BGP_AF_IPV4);
	check_list(u.mp_announced, "192.0.2.0/24");
}

/* The bits beyond the length are nobody's: RFC 4271 section 4.3. */
static void
clears_bits_beyond_the_length(void **state)
{
	struct bgp_update u = decode(&external, "", GOOD, "15 c00fff 01 ff");

	check_accepted(&u);
	check_list(u.announced, "192.15.248.0/21 128.0.0.0/1");
}

static void
reads_the_end_of_rib(void **state)
{
	static const struct {
		const char *withdrawn, *attrs;
		bool end;
		enum bgp_af af;
	} rows[] = {
	    {"", "", true, BGP_AF_IPV4}, {"", "80 0f 03 0002 01", true, BGP_AF_IPV6},
	    {"", "90 0f 0003 0002 01", true, BGP_AF_IPV6},
	    {"", "80 0f 03 0001 01", true, BGP_AF_IPV4}, {"00", "", false, 0},
	    {"00", "80 0f 03 0002 01", false, 0}, {"", "80 0f 04 0002 01 00", false, 0},
	    {"", ORIGIN "80 0f 03 0002 01", false, 0}, {"", ORIGIN, false, 0},
	    {"", "80 0f 03 0019 41", false, 0}, /* a family that we did not agree on */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bgp_update u = decode(&external, rows[i].withdrawn, rows[i].attrs, "");

		assert_int_equal(u.end_of_rib, rows[i].end);
		assert_true(u.disposition <= BGP_ATTR_DISCARD);
		if (rows[i].end)
			assert_int_equal(u.end_of_rib_af, rows[i].af);
	}
}

static void
counts_long_paths_and_loops(void **state)
{
	struct bgp_update_ctx ctx = external;
	struct bytes attrs = {0};
	struct bgp_update u;

	bytes_hex(&attrs, "50 02 0262 02 64");
	for (unsigned i = 0; i < 100; i++)
		bytes_hex(&attrs, i % 10 == 9 ? "0000fbf5" : "0000fbf4");
	bytes_hex(&attrs, "02 32");
	for (unsigned i = 0; i < 50; i++)
		bytes_hex(&attrs, "0000fbf5");
	attrs.data[2] = (uint8_t)((attrs.len - 4) >> 8);
	attrs.data[3] = (uint8_t)(attrs.len - 4);
	last = update("", ORIGIN NEXT_HOP, "");
	bytes_add(&last, attrs.data, attrs.len);
	last.data[22] = (uint8_t)((attrs.len + 11) & 0xff);
	last.data[21] = (uint8_t)((attrs.len + 11) >> 8);
	bytes_hex(&last, NLRI);
	ctx.local_as = 64501;
	bgp_update_decode(last.data, last.len, &ctx, &u);
	check_accepted(&u);
	assert_int_equal(u.path.as_count, 150);
	assert_int_equal(u.path.own_count, 60);
	assert_int_equal(u.path.as_path[BGP_AS_PATH_MAX - 1], 64500);
}

/* -- RFC 6793 -- */

static void
check_path(const char *attrs, const char *want)
{
	struct bgp_update u = decode(&external2, "", attrs, NLRI);
	struct str text = {0};

	assert_true(u.disposition <= BGP_ATTR_DISCARD);
	for (unsigned i = 0; i < u.path.as_count; i++)
		str_printf(&text, "%s%u", i ? " " : "", u.path.as_path[i]);
	assert_string_equal(str_text(&text), want);
	str_done(&text);
}

#define OLD(path) ORIGIN NEXT_HOP path
#define TRANS     "40 02 08 02 03 fbf4 5ba0 5ba0 "

static void
merges_as4_path(void **state)
{
	check_path(OLD(TRANS), "64500 23456 23456");
	check_path(OLD(TRANS) "c0 11 0a 02 02 00010000 fa56ea01", "64500 65536 4200000001");
	check_path(OLD(TRANS) "c0 11 06 02 01 fa56ea01", "64500 23456 4200000001");
	check_path(OLD(TRANS) "c0 11 0e 02 03 00000001 00000002 00000003", "1 2 3");
	/* Longer than AS_PATH: stale. */
	check_path(
	    OLD(TRANS) "c0 11 12 02 04 00000001 00000002 00000003 00000004", "64500 23456 23456");
	/* In segments, cut within one. */
	check_path(OLD("40 02 0a 02 01 fbf4 02 02 5ba0 5ba0 ") "c0 11 06 02 01 00010000",
	    "64500 23456 65536");
	/* The order of attributes is no matter. */
	check_path("c0 11 06 02 01 fa56ea01" OLD(TRANS), "64500 23456 4200000001");
	/* Confederation segments do not belong there and do not count: section 6. */
	check_path(OLD(TRANS) "c0 11 0c 03 01 00000009 02 01 fa56ea01", "64500 23456 4200000001");
	/* AGGREGATOR that an old speaker made anew: section 4.2.3. */
	check_path(OLD(TRANS) "c0 07 06 fbf4 0a000001 c0 11 06 02 01 fa56ea01"
			      "c0 12 08 00010000 0a000001",
	    "64500 23456 23456");
	check_path(OLD(TRANS) "c0 07 06 5ba0 0a000001 c0 11 06 02 01 fa56ea01"
			      "c0 12 08 00010000 0a000001",
	    "64500 23456 4200000001");
	/* Without AS4_AGGREGATOR the AGGREGATOR says nothing. */
	check_path(
	    OLD(TRANS) "c0 07 06 fbf4 0a000001 c0 11 06 02 01 fa56ea01", "64500 23456 4200000001");
	/* Neither does one that is malformed. */
	check_path(OLD(TRANS) "c0 07 08 fbf4 0a000001 0000 c0 11 06 02 01 fa56ea01"
			      "c0 12 08 00010000 0a000001",
	    "64500 23456 4200000001");
	/* Malformed: discarded, and AS_PATH stands. */
	check_path(OLD(TRANS) "c0 11 06 05 01 fa56ea01", "64500 23456 23456");
}

/* -- RFC 7606: the message -- */

/* Section 3(d). */
static void
demands_the_mandatory_attributes(void **state)
{
	static const struct {
		const char *attrs, *nlri;
		enum bgp_disposition want;
		uint8_t missing;
	} rows[] = {
	    {AS_PATH NEXT_HOP, NLRI, W, 1}, {ORIGIN NEXT_HOP, NLRI, W, 2},
	    {ORIGIN AS_PATH, NLRI, W, 3}, {"", NLRI, W, 1}, {REACH6 AS_PATH, "", W, 1},
	    {REACH6 ORIGIN, "", W, 2}, {REACH6 ORIGIN AS_PATH, "", A, 0},
	    {REACH6 ORIGIN AS_PATH, NLRI, W, 3},
	    {ORIGIN, "", A, 0}, /* "correct path attributes, but no NLRI": valid */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bgp_update u = decode(&external, "", rows[i].attrs, rows[i].nlri);

		assert_int_equal(u.disposition, rows[i].want);
		assert_int_equal(u.bad_attr, rows[i].missing);
		if (rows[i].missing) {
			assert_int_equal(u.notify.subcode, 3);
			assert_int_equal(u.notify.data_len, 1);
			assert_int_equal(u.notify.data[0], rows[i].missing);
		}
	}
	/* LOCAL_PREF is not among them. */
	struct bgp_update u = decode(&internal, "", GOOD, NLRI);
	check_accepted(&u);
}

/* Section 3(b), 3(i), 5.3. */
static void
resets_when_the_fields_do_not_add_up(void **state)
{
	static const struct {
		const char *body;
		uint8_t subcode;
	} rows[] = {
	    {"0001 0000", 1},
	    {"0000 0001", 1},
	    {"ffff 0000", 1},
	    {"0000 ffff", 1},
	    {"0002 00 0000", 1},
	    {"0004 18c00002 0001", 1},
	    {"0001 21 0000", 10},            /* a withdrawn /33 */
	    {"0002 20c0 0000", 10},          /* cut off */
	    {"0000 0000 21 c000020000", 10}, /* an announced /33 */
	    {"0000 0000 20 c00002", 10},
	    {"0000 0000 18", 10},
	};
	struct bgp_update u;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes b = message(BGP_UPDATE, rows[i].body);

		bgp_update_decode(b.data, b.len, &external, &u);
		assert_int_equal(u.disposition, BGP_SESSION_RESET);
		assert_int_equal(u.notify.code, BGP_ERR_UPDATE);
		assert_int_equal(u.notify.subcode, rows[i].subcode);
		assert_int_equal(u.notify.data_len, 0);
		check_list(u.withdrawn, "");
		check_list(u.announced, "");
	}
}

/* Section 4: Total Attribute Length finds the prefixes. */
static void
withdraws_when_the_attributes_overrun(void **state)
{
	static const char *const tails[] = {
	    "40",
	    "40 01",
	    "40 01 02 00",
	    "50 01",
	    "50 01 00",
	    "c0 08 08 ffff0000",
	    "c0 63 ff",
	};

	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		char attrs[256];
		struct bgp_update u;

		snprintf(attrs, sizeof(attrs), GOOD "%s", tails[i]);
		u = decode(&external, "20 c6336401", attrs, NLRI);
		assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
		assert_int_equal(u.notify.subcode, 1);
		check_list(u.announced, "192.0.2.0/24");
		check_list(u.withdrawn, "198.51.100.1/32");
		/* Section 5.2. */
		u = decode(&external, "20 c6336401", attrs, "");
		assert_int_equal(u.disposition, BGP_SESSION_RESET);
	}
	/* Section 3(j): the prefixes are in what is cut off. */
	struct bgp_update u = decode(&external, "", GOOD "80 0f 10 0002 01 00", NLRI);
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	u = decode(&external, "", GOOD "80 0e 20 0002 01", NLRI);
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
}

/* Section 3(g). */
static void
keeps_the_first_of_repeated_attributes(void **state)
{
	struct bgp_update u =
	    decode(&external, "", GOOD "80 04 04 00000001 80 04 04 00000002", NLRI);

	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
	assert_int_equal(u.bad_attr, 4);
	assert_int_equal(u.path.med, 1);
	/* A repeated one is not even looked at. */
	u = decode(&external, "", GOOD "40 01 05 0000000000", NLRI);
	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
	/* The first counts though it is wrong. */
	u = decode(&external, "", "40 01 01 09" AS_PATH NEXT_HOP ORIGIN, NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
	/* Unknown ones, too. */
	u = decode(&external, "", GOOD "c0 63 00 c0 63 00", NLRI);
	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
	assert_int_equal(u.bad_attr, 99);

	u = decode(&external, "", REACH6 REACH6 ORIGIN AS_PATH, "");
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	assert_int_equal(u.notify.subcode, 1);
	u = decode(&external, "", "80 0f 03 0002 01 80 0f 03 0002 01", "");
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	assert_int_equal(u.notify.subcode, 1);
}

/* Section 3(h). */
static void
takes_the_strongest(void **state)
{
	struct bgp_update u;

	/* discard, then withdraw */
	u = decode(&external, "", GOOD "40 06 01 00 80 04 00", NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
	assert_int_equal(u.bad_attr, 4);
	/* withdraw, then discard */
	u = decode(&external, "", GOOD "80 04 00 40 06 01 00", NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
	assert_int_equal(u.bad_attr, 4);
	/* two of the same: the first is named */
	u = decode(&external, "", GOOD "80 04 00 c0 08 00", NLRI);
	assert_int_equal(u.bad_attr, 4);
	/* withdraw, then family */
	u = decode(&external, "", GOOD "80 04 00 80 0f 04 0002 01 81", NLRI);
	assert_int_equal(u.disposition, BGP_AF_DISABLE);
	assert_int_equal(u.disable, BGP_AF_BIT(BGP_AF_IPV6));
	/* family, then reset */
	u = decode(&external, "", GOOD "80 0f 04 0002 01 81 40 63 00", NLRI);
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	assert_int_equal(u.disable, 0);
}

/* -- multiprotocol -- */

static const struct {
	const char *what;
	const char *attrs;
	enum bgp_disposition want;
	uint32_t disable;
} mp_rows[] = {
    {"next hop of 0 bytes", "80 0e 06 0002 01 00 00 00", F, 2},
    {"next hop of 4 bytes", "80 0e 0a 0002 01 04 0a000001 00 00", F, 2},
    {"next hop of 15 bytes", "80 0e 15 0002 01 0f 20010db80000000000000000000000 00 00", F, 2},
    {"next hop of 24 bytes", "80 0e 1e 0002 01 18 " NH6 "0000000000000000 00 00", F, 2},
    {"next hop overruns", "80 0e 06 0002 01 10 2001", F, 2},
    {"next hop overruns by the reserved byte", "80 0e 14 0002 01 10 " NH6, F, 2},
    {"IPv4, next hop of 16 bytes", "80 0e 16 0001 01 10 " NH6 " 00 00", F, 1},
    {"a /129", "80 0e 27 0002 01 10 " NH6 " 00 81 " NH6 "00", F, 2},
    {"a prefix cut off", "80 0e 18 0002 01 10 " NH6 " 00 40 2001", F, 2},
    {"an IPv4 /33", "80 0e 0f 0001 01 04 0a000001 00 21 0a00000000", F, 1},
    {"transitive", "c0 0e 15 0002 01 10 " NH6 " 00", F, 2},
    {"well-known", "40 0e 15 0002 01 10 " NH6 " 00", F, 2},
    {"reach of 4 bytes", "80 0e 04 0002 01 00", F, 2},
    {"reach of 3 bytes", "80 0e 03 0002 01", F, 2},
    {"reach of 2 bytes", "80 0e 02 0002", R, 0},
    {"reach of 0 bytes", "80 0e 00", R, 0},
    {"unreach of 2 bytes", "80 0f 02 0002", R, 0},
    {"unreach, a /129", "80 0f 15 0002 01 81 " NH6 "00", F, 2},
    {"unreach, cut off", "80 0f 05 0002 01 40 20", F, 2},
    {"unreach, transitive", "c0 0f 03 0002 01", F, 2},
    {"both broken", "80 0e 06 0002 01 00 00 00 80 0f 04 0001 01 21", F, 3},
    {"other family", "80 0e 0b 0019 41 04 0a000001 00 00 00", D, 0},
    {"other family, broken for us", "80 0e 06 0001 80 00 00 00", D, 0},
    {"other family, wrong flags", "40 0e 06 0001 80 00 00 00", D, 0},
    {"other family withdrawn", "80 0f 04 0019 41 00", D, 0},
    {"reserved byte set", "80 0e 1e 0002 01 10 " NH6 " ff 40 20010db800010002", A, 0},
    {"next hop ::", "80 0e 16 0002 01 10 00000000000000000000000000000000 00 00", W, 0},
    {"next hop multicast", "80 0e 16 0002 01 10 ff020000000000000000000000000001 00 00", W, 0},
    {"next hop :: with a link-local one",
	"80 0e 26 0002 01 20 00000000000000000000000000000000 fe800000000000000000000000000001 00 "
	"00",
	A, 0},
    {"next hop link-local alone", "80 0e 16 0002 01 10 fe800000000000000000000000000001 00 00", A,
	0},
};

/* Sections 5.3, 7.11, 7.12; RFC 4760 section 7. */
static void
gives_up_a_family_rather_than_the_session(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(mp_rows); i++) {
		char attrs[256];
		struct bgp_update u;

		snprintf(attrs, sizeof(attrs), GOOD "%s", mp_rows[i].attrs);
		u = decode(&external, "", attrs, NLRI);
		if (u.disposition != mp_rows[i].want || u.disable != mp_rows[i].disable)
			fail_msg("%s: %s %u (%s), must be %s %u", mp_rows[i].what,
			    bgp_disposition_str(u.disposition), u.disable, u.reason,
			    bgp_disposition_str(mp_rows[i].want), mp_rows[i].disable);
		if (u.disposition == BGP_AF_DISABLE)
			check_list(u.announced, "192.0.2.0/24");
	}
	/* MP_REACH_NLRI that cannot be read is not "no reachable NLRI"; MP_UNREACH_NLRI is. */
	struct bgp_update u = decode(&external, "", ORIGIN AS_PATH "80 0e 04 0002 01 00", "");
	assert_int_equal(u.disposition, BGP_AF_DISABLE);
	u = decode(&external, "", "80 0f 04 0002 01 81", "");
	assert_int_equal(u.disposition, BGP_AF_DISABLE);
	u = decode(&external, "", ORIGIN "80 0f 04 0002 01 81", "");
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	/* An empty one is none; with one prefix it is. */
	u = decode(&external, "", AS_PATH "40 01 00 80 0e 15 0002 01 10 " NH6 " 00", "");
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	u = decode(&external, "", AS_PATH "40 01 00" REACH6, "");
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
}

static void
ignores_families_that_were_not_agreed_on(void **state)
{
	struct bgp_update_ctx only6 = external;
	struct bgp_update_ctx only4 = external;
	struct bgp_update u;

	only6.af = BGP_AF_BIT(BGP_AF_IPV6);
	u = decode(&only6, "20 c6336401", GOOD, NLRI);
	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
	check_list(u.announced, "");
	check_list(u.withdrawn, "");
	u = decode(&only6, "", "", "");
	check_accepted(&u);
	assert_false(u.end_of_rib);

	only4.af = BGP_AF_BIT(BGP_AF_IPV4);
	u = decode(&only4, "", GOOD REACH6, NLRI);
	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
	assert_false(u.has_mp_reach);
	check_list(u.announced, "192.0.2.0/24");
	/* The mandatory attributes of prefixes that we ignore are not missed. */
	u = decode(&only4, "", REACH6, "");
	assert_int_equal(u.disposition, BGP_ATTR_DISCARD);
}

/* RFC 4760 section 3: without IPv4 prefixes NEXT_HOP is not looked at. */
static void
ignores_the_next_hop_of_nothing(void **state)
{
	struct bgp_update u = decode(&external, "", REACH6 ORIGIN AS_PATH "40 03 04 00000000", "");
	check_accepted(&u);
	u = decode(&external, "", REACH6 ORIGIN AS_PATH "40 03 04 00000000", NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
}

/* RFC 4271 section 6.3, RFC 7606 section 7.2. */
static void
demands_the_neighbor_first(void **state)
{
	struct bgp_update_ctx ctx = external;
	struct bgp_update u;

	ctx.first_as = 64500;
	u = decode(&ctx, "", GOOD, NLRI);
	check_accepted(&u);
	ctx.first_as = 64499;
	u = decode(&ctx, "", GOOD, NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
	assert_string_equal(u.reason, "AS_PATH: starts with AS 64500, the neighbor is AS 64499");
	u = decode(&ctx, "", ORIGIN NEXT_HOP "40 02 00", NLRI);
	assert_int_equal(u.disposition, BGP_TREAT_AS_WITHDRAW);
	ctx.ebgp = false;
	u = decode(&ctx, "", GOOD, NLRI);
	check_accepted(&u);
}

/* -- robustness -- */

static void
survives_every_cut(void **state)
{
	struct bytes b = update("20 c6336401", GOOD REACH6 "c0 08 08 ffff0000 fbf40007", NLRI);
	struct bgp_update u;

	for (size_t len = 0; len < b.len; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		memcpy(exact, b.data, len);
		bgp_update_decode(exact, len, &external, &u);
		/* Between two prefixes nothing can be missed; elsewhere the cut is seen. */
		if (u.disposition != BGP_SESSION_RESET)
			assert_true(len == b.len - 4);
		free(exact);
	}
}

static void
reads_no_list_beyond_its_end(void **state)
{
	static const struct {
		enum bgp_af af;
		const char *hex;
		unsigned good;
	} rows[] = {
	    {BGP_AF_IPV4, "18 c00002 20 c000", 1},
	    {BGP_AF_IPV4, "21 c000020000", 0},
	    {BGP_AF_IPV4, "ff", 0},
	    {BGP_AF_IPV6, "40 20010db800010002 81", 1},
	    {BGP_AF_IPV6, "00 00 00", 3},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes b = {0};
		struct prefix p;
		unsigned count = 0;

		bytes_hex(&b, rows[i].hex);
		struct bgp_nlri list = {rows[i].af, b.data, b.len};
		while (bgp_nlri_next(&list, &p))
			count++;
		assert_int_equal(count, rows[i].good);
		assert_int_equal(list.len, 0);
	}
}

static void
names_dispositions(void **state)
{
	assert_string_equal(bgp_disposition_str(BGP_ACCEPT), "accept");
	assert_string_equal(bgp_disposition_str(BGP_ATTR_DISCARD), "attribute-discard");
	assert_string_equal(bgp_disposition_str(BGP_TREAT_AS_WITHDRAW), "treat-as-withdraw");
	assert_string_equal(bgp_disposition_str(BGP_AF_DISABLE), "af-disable");
	assert_string_equal(bgp_disposition_str(BGP_SESSION_RESET), "session-reset");
	assert_string_equal(bgp_disposition_str(BGP_SESSION_RESET + 1), "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_ipv4),
	    cmocka_unit_test(reads_every_attribute),
	    cmocka_unit_test(reads_ipv6),
	    cmocka_unit_test(reads_ipv4_in_mp_reach),
	    cmocka_unit_test(clears_bits_beyond_the_length),
	    cmocka_unit_test(reads_the_end_of_rib),
	    cmocka_unit_test(counts_long_paths_and_loops),
	    cmocka_unit_test(merges_as4_path),
	    cmocka_unit_test(demands_the_mandatory_attributes),
	    cmocka_unit_test(resets_when_the_fields_do_not_add_up),
	    cmocka_unit_test(withdraws_when_the_attributes_overrun),
	    cmocka_unit_test(keeps_the_first_of_repeated_attributes),
	    cmocka_unit_test(takes_the_strongest),
	    cmocka_unit_test(gives_up_a_family_rather_than_the_session),
	    cmocka_unit_test(ignores_families_that_were_not_agreed_on),
	    cmocka_unit_test(ignores_the_next_hop_of_nothing),
	    cmocka_unit_test(demands_the_neighbor_first),
	    cmocka_unit_test(survives_every_cut),
	    cmocka_unit_test(reads_no_list_beyond_its_end),
	    cmocka_unit_test(names_dispositions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
