/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Malformed attributes: one row for each way in which one can be wrong, with what RFC 7606 or the
 * attribute's own RFC wants done, for an external and for an internal neighbor. Every row is also
 * tried without prefixes, where section 5.2 makes the session end.
 */
#include "base/mem.h"
#include "bgp_updates.h"

struct row {
	const char *section;
	const char *what;
	uint8_t type;
	const char *attr; /* put in place of the good one, if there is a good one */
	enum bgp_disposition ebgp, ibgp;
	uint8_t subcode; /* looked at when it is more than a discard */
	uint8_t blamed;  /* 0: `type` */
};

static const struct row rows4[] = {
    {"7.1", "ORIGIN empty", 1, "40 01 00", W, W, 5},
    {"7.1", "ORIGIN of 2 bytes", 1, "40 01 02 0000", W, W, 5},
    {"7.1", "ORIGIN undefined", 1, "40 01 01 03", W, W, 6},
    {"7.1", "ORIGIN 255", 1, "40 01 01 ff", W, W, 6},
    {"3c", "ORIGIN optional", 1, "c0 01 01 00", W, W, 4},
    {"3c", "ORIGIN not transitive", 1, "00 01 01 00", W, W, 4},
    {"-", "ORIGIN partial: not looked at", 1, "60 01 01 00", A, A, 0},
    {"-", "ORIGIN, low flag bits: ignored", 1, "4f 01 01 00", A, A, 0},
    {"-", "ORIGIN, extended length", 1, "50 01 0001 00", A, A, 0},

    {"7.2", "AS_PATH segment type 0", 2, "40 02 06 00 01 0000fbf4", W, W, 11},
    {"7.2", "AS_PATH segment type 5", 2, "40 02 06 05 01 0000fbf4", W, W, 11},
    {"7.2", "AS_PATH overrun", 2, "40 02 06 02 02 0000fbf4", W, W, 11},
    {"7.2", "AS_PATH underrun", 2, "40 02 07 02 01 0000fbf4 02", W, W, 11},
    {"7.2", "AS_PATH empty segment", 2, "40 02 02 02 00", W, W, 11},
    {"7.2", "AS_PATH empty segment behind", 2, "40 02 08 02 01 0000fbf4 02 00", W, W, 11},
    {"7.2", "AS_PATH of 2-octet numbers", 2, "40 02 04 02 01 fbf4", W, W, 11},
    {"-", "AS_PATH of two segments", 2, "40 02 0c 02 01 0000fbf4 02 01 00000001", A, A, 0},
    {"-", "AS_PATH empty", 2, "40 02 00", A, A, 0},
    {"3c", "AS_PATH optional", 2, "c0 02 06 02 01 0000fbf4", W, W, 4},
    {"RFC 7607", "AS_PATH with AS 0", 2, "40 02 0a 02 02 0000fbf4 00000000", W, W, 11},

    {"7.3", "NEXT_HOP empty", 3, "40 03 00", W, W, 5},
    {"7.3", "NEXT_HOP of 3 bytes", 3, "40 03 03 0a0000", W, W, 5},
    {"7.3", "NEXT_HOP of 16 bytes", 3, "40 03 10 " NH6, W, W, 5},
    {"3c", "NEXT_HOP optional", 3, "c0 03 04 0a000001", W, W, 4},
    {"3e", "NEXT_HOP 0.0.0.0", 3, "40 03 04 00000000", W, W, 8},
    {"3e", "NEXT_HOP multicast", 3, "40 03 04 e0000001", W, W, 8},
    {"3e", "NEXT_HOP broadcast", 3, "40 03 04 ffffffff", W, W, 8},

    {"7.4", "MED empty", 4, "80 04 00", W, W, 5},
    {"7.4", "MED of 3 bytes", 4, "80 04 03 000000", W, W, 5},
    {"7.4", "MED of 5 bytes", 4, "80 04 05 0000000000", W, W, 5},
    {"3c", "MED transitive", 4, "c0 04 04 00000000", W, W, 4},
    {"3c", "MED well-known", 4, "40 04 04 00000000", W, W, 4},

    {"7.5", "LOCAL_PREF good", 5, "40 05 04 00000064", D, A, 9},
    {"7.5", "LOCAL_PREF empty", 5, "40 05 00", D, W, 5},
    {"7.5", "LOCAL_PREF of 5 bytes", 5, "40 05 05 0000000064", D, W, 5},
    {"3c", "LOCAL_PREF optional", 5, "80 05 04 00000064", D, W, 4},

    {"-", "ATOMIC_AGGREGATE good", 6, "40 06 00", A, A, 0},
    {"7.6", "ATOMIC_AGGREGATE of 1 byte", 6, "40 06 01 00", D, D, 5},
    {"3c", "ATOMIC_AGGREGATE optional", 6, "c0 06 00", W, W, 4},

    {"-", "AGGREGATOR good", 7, "c0 07 08 0000fbf4 0a000001", A, A, 0},
    {"7.7", "AGGREGATOR of 2-octet number", 7, "c0 07 06 fbf4 0a000001", D, D, 5},
    {"7.7", "AGGREGATOR of 7 bytes", 7, "c0 07 07 0000fbf40a0000", D, D, 5},
    {"7.7", "AGGREGATOR empty", 7, "c0 07 00", D, D, 5},
    {"RFC 7607", "AGGREGATOR AS 0", 7, "c0 07 08 00000000 0a000001", D, D, 9},
    {"3c", "AGGREGATOR not transitive", 7, "80 07 08 0000fbf4 0a000001", W, W, 4},

    {"7.8", "COMMUNITIES empty", 8, "c0 08 00", W, W, 5},
    {"7.8", "COMMUNITIES of 3 bytes", 8, "c0 08 03 000000", W, W, 5},
    {"7.8", "COMMUNITIES of 5 bytes", 8, "c0 08 05 0000000000", W, W, 5},
    {"3c", "COMMUNITIES not transitive", 8, "80 08 04 00000000", W, W, 4},
    {"-", "COMMUNITIES partial", 8, "e0 08 04 00000000", A, A, 0},

    {"7.9", "ORIGINATOR_ID good", 9, "80 09 04 0a000001", D, A, 9},
    {"7.9", "ORIGINATOR_ID empty", 9, "80 09 00", D, W, 5},
    {"7.9", "ORIGINATOR_ID of 8 bytes", 9, "80 09 08 0a0000010a000001", D, W, 5},
    {"3c", "ORIGINATOR_ID transitive", 9, "c0 09 04 0a000001", D, W, 4},

    {"7.10", "CLUSTER_LIST good", 10, "80 0a 04 0a000001", D, A, 9},
    {"7.10", "CLUSTER_LIST empty", 10, "80 0a 00", D, W, 5},
    {"7.10", "CLUSTER_LIST of 6 bytes", 10, "80 0a 06 0a0000010a00", D, W, 5},
    {"3c", "CLUSTER_LIST well-known", 10, "40 0a 04 0a000001", D, W, 4},

    {"7.14", "EXTENDED_COMMUNITIES empty", 16, "c0 10 00", W, W, 5},
    {"7.14", "EXTENDED_COMMUNITIES of 7 bytes", 16, "c0 10 07 00000000000000", W, W, 5},
    {"7.14", "EXTENDED_COMMUNITIES, unknown type", 16, "c0 10 08 7f7f000000000000", A, A, 0},
    {"3c", "EXTENDED_COMMUNITIES not transitive", 16, "80 10 08 0000000000000000", W, W, 4},

    {"7.15", "IPv6 EXTENDED_COMMUNITIES empty", 25, "c0 19 00", W, W, 5},
    {"7.15", "IPv6 EXTENDED_COMMUNITIES of 8 bytes", 25, "c0 19 08 0000000000000000", W, W, 5},

    {"RFC 8092 6", "LARGE_COMMUNITY empty", 32, "c0 20 00", W, W, 5},
    {"RFC 8092 6", "LARGE_COMMUNITY of 8 bytes", 32, "c0 20 08 0000000000000000", W, W, 5},
    {"RFC 8092 5", "LARGE_COMMUNITY twice the same", 32,
	"c0 20 18 000000010000000200000003 000000010000000200000003", A, A, 0},
    {"3c", "LARGE_COMMUNITY not transitive", 32, "80 20 0c 000000010000000200000003", W, W, 4},

    {"RFC 6793 4.1", "AS4_PATH from a new speaker", 17, "c0 11 06 02 01 0000fbf4", D, D, 9},
    {"RFC 6793 4.1", "AS4_AGGREGATOR from a new speaker", 18, "c0 12 08 0000fbf40a000001", D, D, 9},
    {"RFC 6793 4.1", "malformed, and unwanted anyway", 17, "80 11 00", D, D, 9},

    {"RFC 9774", "AS_SET", 2, "40 02 0c 02 01 0000fbf4 01 01 00000001", W, W, 11},
    {"RFC 9774", "AS_CONFED_SET", 2, "40 02 0c 02 01 0000fbf4 04 01 00000001", W, W, 11},
    {"RFC 5065 5", "AS_CONFED_SEQUENCE", 2, "40 02 0c 03 01 00000001 02 01 0000fbf4", W, A, 11},

    {"-", "unknown, optional transitive", 99, "c0 63 02 abcd", A, A, 0},
    {"-", "unknown, optional", 99, "80 63 02 abcd", A, A, 0},
    {"-", "type 0, optional", 0, "c0 00 01 00", A, A, 0},
    {"-", "type 33, the first behind our table", 33, "c0 21 01 00", A, A, 0},
    {"-", "type 255, optional", 255, "c0 ff 01 00", A, A, 0},
    {"-", "ATTR_SET is not ours", 128, "c0 80 02 abcd", A, A, 0},
    {"RFC 4271 6.3", "unknown well-known", 99, "40 63 02 abcd", R, R, 2},
    {"RFC 4271 6.3", "unknown, no flags", 99, "00 63 02 abcd", R, R, 2},
};

/* From a speaker of 2-octet numbers. */
static const struct row rows2[] = {
    {"-", "AGGREGATOR good", 7, "c0 07 06 fbf4 0a000001", A, A, 0},
    {"7.7", "AGGREGATOR of 4-octet number", 7, "c0 07 08 0000fbf4 0a000001", D, D, 5},
    {"7.2", "AS_PATH of 4-octet numbers", 2, "40 02 06 02 01 0000fbf4", W, W, 11},
    {"-", "AS4_PATH good", 17, "c0 11 06 02 01 0000fbf4", A, A, 0},
    {"RFC 6793 6", "AS4_PATH empty", 17, "c0 11 00", D, D, 5},
    {"RFC 6793 6", "AS4_PATH of 4 bytes", 17, "c0 11 04 02 01 fbf4", D, D, 5},
    {"RFC 6793 6", "AS4_PATH of 7 bytes", 17, "c0 11 07 02 01 0000fbf4 00", D, D, 5},
    {"RFC 6793 6", "AS4_PATH overrun", 17, "c0 11 06 02 02 0000fbf4", D, D, 9},
    {"RFC 6793 6", "AS4_PATH empty segment", 17, "c0 11 08 02 01 0000fbf4 02 00", D, D, 9},
    {"RFC 6793 6", "AS4_PATH segment type 7", 17, "c0 11 06 07 01 0000fbf4", D, D, 9},
    {"RFC 7607", "AS4_PATH with AS 0", 17, "c0 11 06 02 01 00000000", D, D, 9},
    {"3c", "AS4_PATH not transitive", 17, "80 11 06 02 01 0000fbf4", W, W, 4},
    {"RFC 9774", "AS_SET in AS4_PATH", 17, "c0 11 06 01 01 0000fbf4", W, W, 11, 2},
    {"-", "AS4_AGGREGATOR good", 18, "c0 12 08 0000fbf40a000001", A, A, 0},
    {"RFC 6793 6", "AS4_AGGREGATOR of 6 bytes", 18, "c0 12 06 fbf40a000001", D, D, 5},
    {"RFC 6793 6", "AS4_AGGREGATOR empty", 18, "c0 12 00", D, D, 5},
    {"RFC 7607", "AS4_AGGREGATOR AS 0", 18, "c0 12 08 000000000a000001", D, D, 9},
};

static struct bytes
message_with(const struct row *row, const char *as_path, const char *nlri)
{
	char attrs[512];

	snprintf(attrs, sizeof(attrs), "%s%s%s%s", row->type == 1 ? "" : ORIGIN,
	    row->type == 2 ? "" : as_path, row->type == 3 ? "" : NEXT_HOP, row->attr);
	return update("", attrs, nlri);
}

static void
check_row(const struct row *row, const struct bgp_update_ctx *ctx, enum bgp_disposition want)
{
	const char *as_path = ctx->as4 ? AS_PATH : AS_PATH2;
	const char *side = ctx->ebgp ? "external" : "internal";
	struct bytes b = message_with(row, as_path, NLRI);
	struct bgp_update u;

	bgp_update_decode(b.data, b.len, ctx, &u);
	if (u.disposition != want)
		fail_msg("%s (%s), %s: %s, must be %s; %s", row->what, row->section, side,
		    bgp_disposition_str(u.disposition), bgp_disposition_str(want), u.reason);
	if (want == BGP_ACCEPT) {
		check_accepted(&u);
	} else {
		assert_int_equal(u.notify.code, BGP_ERR_UPDATE);
		assert_true(u.reason[0] != '\0');
		assert_int_equal(u.bad_attr, row->blamed ? row->blamed : row->type);
		if (want > BGP_ATTR_DISCARD)
			assert_int_equal(u.notify.subcode, row->subcode);
	}
	/* What is to be withdrawn can be read; after a reset nothing can. */
	check_list(u.announced, want == BGP_SESSION_RESET ? "" : "192.0.2.0/24");

	/* Section 5.2: without prefixes, what is worse than a discard ends the session. What is
	 * only about the prefixes (a set, the next hop's value, a confederation) is then no fault.
	 */
	bool about_prefixes = strncmp(row->section, "RFC 9774", 8) == 0 ||
			      strncmp(row->section, "RFC 5065", 8) == 0 || row->subcode == 8;
	b = message_with(row, as_path, "");
	bgp_update_decode(b.data, b.len, ctx, &u);
	if (about_prefixes)
		want = BGP_ACCEPT;
	else if (want > BGP_ATTR_DISCARD)
		want = BGP_SESSION_RESET;
	if (u.disposition != want)
		fail_msg("%s (%s), %s, no prefixes: %s, must be %s", row->what, row->section, side,
		    bgp_disposition_str(u.disposition), bgp_disposition_str(want));
	if (want == BGP_SESSION_RESET) {
		assert_int_equal(u.notify.code, BGP_ERR_UPDATE);
		assert_int_equal(u.notify.subcode, row->subcode);
	}
}

static void
handles_malformed_attributes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows4); i++) {
		check_row(&rows4[i], &external, rows4[i].ebgp);
		check_row(&rows4[i], &internal, rows4[i].ibgp);
	}
}

static void
handles_malformed_attributes_of_old_speakers(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows2); i++) {
		check_row(&rows2[i], &external2, rows2[i].ebgp);
		check_row(&rows2[i], &internal2, rows2[i].ibgp);
	}
}

static void
says_what_was_wrong(void **state)
{
	static const struct {
		const char *attrs;
		const char *reason;
	} rows[] = {
	    {"40 01 02 0000" AS_PATH NEXT_HOP, "ORIGIN: length 2, must be 1"},
	    {"40 01 01 07" AS_PATH NEXT_HOP, "ORIGIN: undefined value"},
	    {"c0 01 01 00" AS_PATH NEXT_HOP, "ORIGIN: wrong flags"},
	    {GOOD "c0 08 06 000000000000", "COMMUNITIES: length 6, must be a multiple of 4"},
	    {GOOD "c0 08 00", "COMMUNITIES: length 0, must be at least 4"},
	    {AS_PATH NEXT_HOP, "ORIGIN: missing"},
	    {ORIGIN NEXT_HOP, "AS_PATH: missing"},
	    {ORIGIN AS_PATH, "NEXT_HOP: missing"},
	    {GOOD ORIGIN, "ORIGIN: more than once"},
	    {GOOD "40 63 00", "attribute 99: unknown well-known attribute"},
	    {GOOD "40 05 04 00000000", "LOCAL_PREF: not from an external neighbor"},
	    {GOOD "80 04 05 00000000", "MULTI_EXIT_DISC: runs past the end of the attribute list"},
	    {GOOD "80 04", "MULTI_EXIT_DISC: attribute list ends within the head of an attribute"},
	    {GOOD "80", "attribute list ends within the head of an attribute"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bgp_update u = decode(&external, "", rows[i].attrs, NLRI);
		assert_string_equal(u.reason, rows[i].reason);
	}
}

static void
puts_the_attribute_into_the_notification(void **state)
{
	struct bgp_update u = decode(&external, "", GOOD "50 63 0002 abcd", NLRI);
	struct bytes attrs = {0};

	assert_bytes(u.notify.data, u.notify.data_len, "50 63 0002 abcd");
	u = decode(&external, "", "40 01 01 07" AS_PATH NEXT_HOP, "");
	assert_int_equal(u.disposition, BGP_SESSION_RESET);
	assert_bytes(u.notify.data, u.notify.data_len, "40 01 01 07");

	/* As much of it as there is room for. */
	bytes_hex(&attrs, "50 63 03e8");
	attrs.len += 1000;
	last = update("", "", "");
	bytes_add(&last, attrs.data, attrs.len);
	last.data[21] = (uint8_t)(attrs.len >> 8);
	last.data[22] = (uint8_t)attrs.len;
	bgp_update_decode(last.data, last.len, &external, &u);
	assert_int_equal(u.notify.subcode, 2);
	assert_int_equal(u.notify.data_len, BGP_NOTIFY_DATA);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(handles_malformed_attributes),
	    cmocka_unit_test(handles_malformed_attributes_of_old_speakers),
	    cmocka_unit_test(says_what_was_wrong),
	    cmocka_unit_test(puts_the_attribute_into_the_notification),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
