/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OPEN: what is read from real ones, every refusal of RFC 4271 section 6.2 with its subcode, the
 * extended parameter length of RFC 9072, broken capabilities, and that what is written is read back
 * to the same values.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "bgp_hex.h"

/* AS 64500, hold time 90, identifier 10.0.0.1; then the parameters. */
#define FIXED "04 fbf4 005a 0a000001 "

static const struct bgp_open_expect anybody = {.as = 0, .local_as = 64501, .router_id = 0x0a000002};

static int
decode(const char *body, struct bgp_open *o, struct bgp_notify *n)
{
	struct bytes b = message(BGP_OPEN, body);

	return bgp_open_decode(b.data, b.len, &anybody, o, n);
}

static void
reads_the_fixed_part(void **state)
{
	struct bgp_open o;
	struct bgp_notify n;

	assert_int_equal(decode(FIXED "00", &o, &n), 0);
	assert_int_equal(o.version, 4);
	assert_int_equal(o.as2, 64500);
	assert_int_equal(o.as, 64500);
	assert_int_equal(o.hold_s, 90);
	assert_int_equal(o.router_id, 0x0a000001);
	/* RFC 4760 section 8: without the capability it is IPv4 unicast and nothing else. */
	assert_false(o.caps.mp);
	assert_int_equal(o.caps.af, BGP_AF_BIT(BGP_AF_IPV4));
}

static void
reads_every_capability(void **state)
{
	struct bgp_open o;
	struct bgp_notify n;

	assert_int_equal(
	    decode(FIXED "41"
			 "02 06 01 04 0001 00 01"      /* IPv4 unicast */
			 "02 06 01 04 0002 00 01"      /* IPv6 unicast */
			 "02 06 01 04 0019 00 41"      /* L2VPN: not ours, no harm */
			 "02 02 80 00"                 /* route refresh, old code */
			 "02 04 06 00 46 00"           /* two in one parameter */
			 "02 06 41 04 fffffff0"        /* AS 4294967280 */
			 "02 08 40 06 c078 0001 01 80" /* graceful restart, R and N, 120 s */
			 "02 07 49 05 03 616263 00"    /* hostname abc */
			 "02 02 47 00",                /* long-lived graceful restart: unknown */
		&o, &n),
	    0);
	assert_true(o.caps.mp);
	assert_int_equal(o.caps.af, BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6));
	assert_true(o.caps.refresh);
	assert_true(o.caps.enhanced_refresh);
	assert_true(o.caps.extended_message);
	assert_true(o.caps.as4);
	assert_int_equal(o.as, 4294967280u);
	assert_int_equal(o.as2, 64500);
	assert_true(o.caps.graceful_restart);
	assert_true(o.caps.restart_state);
	assert_int_equal(o.caps.restart_time, 120);
	assert_string_equal(o.caps.hostname, "abc");
	assert_int_equal(o.caps.unknown, 1);
}

static void
speaks_no_family_that_was_not_offered(void **state)
{
	struct bgp_open o;
	struct bgp_notify n;

	assert_int_equal(decode(FIXED "08 02 06 01 04 0002 00 01", &o, &n), 0);
	assert_int_equal(o.caps.af, BGP_AF_BIT(BGP_AF_IPV6));
	assert_int_equal(decode(FIXED "08 02 06 01 04 0001 00 80", &o, &n), 0);
	assert_int_equal(o.caps.af, 0);
}

static void
refuses_what_rfc4271_refuses(void **state)
{
	static const struct {
		const char *what;
		const char *body;
		uint8_t subcode;
		const char *data;
	} rows[] = {
	    {"version 3", "03 fbf4 005a 0a000001 00", 1, "0004"},
	    {"version 5, garbage behind", "05 fbf4 005a 0a000001 ff", 1, "0004"},
	    {"AS 0 (RFC 7607)", "04 0000 005a 0a000001 00", 2, ""},
	    {"AS 0 in the capability", FIXED "08 02 06 41 04 00000000", 2, ""},
	    {"AS 0 in the header alone", "04 0000 005a 0a000001 08 02 06 41 04 00000005", 2, ""},
	    {"identifier 0", "04 fbf4 005a 00000000 00", 3, ""},
	    {"internal, our identifier", "04 fbf5 005a 0a000002 00", 3, ""},
	    {"parameter 1", FIXED "03 01 01 00", 4, ""},
	    {"parameter 3", FIXED "02 03 00", 4, ""},
	    {"parameter 255 that is not the first", FIXED "04 02 00 ff 00", 4, ""},
	    {"hold time 1", "04 fbf4 0001 0a000001 00", 6, ""},
	    {"hold time 2", "04 fbf4 0002 0a000001 00", 6, ""},
	    {"parameters shorter than said", FIXED "01", 0, ""},
	    {"parameters longer than said", FIXED "00 02 00", 0, ""},
	    {"a parameter overruns", FIXED "02 02 01", 0, ""},
	    {"half a parameter", FIXED "01 02", 0, ""},
	    {"a capability overruns", FIXED "04 02 02 41 04", 0, ""},
	    {"half a capability", FIXED "03 02 01 41", 0, ""},
	    {"AS capability of 5 bytes", FIXED "09 02 07 41 05 0000fbf400", 0, ""},
	    {"AS capability of 2 bytes", FIXED "06 02 04 41 02 fbf4", 0, ""},
	    {"family of 3 bytes", FIXED "07 02 05 01 03 000100", 0, ""},
	};
	struct bgp_open o;
	struct bgp_notify n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (decode(rows[i].body, &o, &n) != -1)
			fail_msg("%s: accepted", rows[i].what);
		if (n.code != BGP_ERR_OPEN || n.subcode != rows[i].subcode)
			fail_msg("%s: %u/%u, must be 2/%u", rows[i].what, n.code, n.subcode,
			    rows[i].subcode);
		assert_bytes(n.data, n.data_len, rows[i].data);
	}
}

static void
accepts_what_is_allowed(void **state)
{
	static const char *const bodies[] = {
	    "04 fbf4 0000 0a000001 00", /* hold time 0 */
	    "04 fbf4 0003 0a000001 00", "04 fbf4 ffff 0a000001 00",
	    "04 fbf4 005a 0a000002 00", /* our identifier, but external: RFC 6286 */
	    "04 fbf4 005a e0000001 00", /* not an address: RFC 6286 section 2.1 */
	    "04 5ba0 005a 0a000001 08 02 06 41 04 00010000", /* AS_TRANS */
	    FIXED "02 02 00",                                /* a parameter without capabilities */
	    FIXED "05 02 03 06 01 00",   /* a capability that is too long: no harm */
	    FIXED "05 02 03 40 01 00",   /* one that is too short, likewise */
	    FIXED "06 02 04 fe 02 0000", /* unknown */
	    FIXED "06 02 04 49 02 ff00", /* a hostname that lies about its length */
	};
	struct bgp_open o;
	struct bgp_notify n;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (decode(bodies[i], &o, &n) != 0)
			fail_msg("%s: refused with %u/%u", bodies[i], n.code, n.subcode);
	}
}

static void
demands_the_configured_as(void **state)
{
	struct bytes b = message(BGP_OPEN, FIXED "08 02 06 41 04 00010000");
	struct bgp_open_expect expect = {.as = 65536, .local_as = 1, .router_id = 1};
	struct bgp_open o;
	struct bgp_notify n;

	assert_int_equal(bgp_open_decode(b.data, b.len, &expect, &o, &n), 0);
	/* The header's number does not count when there is a capability: RFC 6793 section 4.1. */
	expect.as = 64500;
	assert_int_equal(bgp_open_decode(b.data, b.len, &expect, &o, &n), -1);
	assert_int_equal(n.subcode, 2);
}

/* RFC 9072 section 2: the type 255 decides, whatever the short length says (unless 0). */
static void
reads_extended_parameters(void **state)
{
	static const char *const lengths[] = {"ff", "01", "05"};
	struct bgp_open o;
	struct bgp_notify n;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		char body[128];

		snprintf(body, sizeof(body), FIXED "%s ff 0009 02 0006 41 04 00010000", lengths[i]);
		assert_int_equal(decode(body, &o, &n), 0);
		assert_int_equal(o.as, 65536);
	}
	/* One parameter of more than 255 bytes: 64 families. */
	struct bytes b = message(BGP_OPEN, FIXED "ff ff 0183 02 0180");
	for (unsigned i = 0; i < 64; i++)
		bytes_hex(&b, i == 63 ? "01 04 0002 00 01" : "01 04 4000 00 01");
	assert_int_equal(bgp_open_decode(b.data, b.len, &anybody, &o, &n), 0);
	assert_int_equal(o.caps.af, BGP_AF_BIT(BGP_AF_IPV6));

	static const char *const broken[] = {
	    FIXED "ff ff 000a 02 0006 41 04 00010000", /* longer than it is */
	    FIXED "ff ff 0008 02 0006 41 04 00010000", /* shorter */
	    FIXED "ff ff 0009 02 0007 41 04 00010000", /* the parameter overruns */
	    FIXED "ff ff 00",
	    FIXED "ff ff",
	};
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		assert_int_equal(decode(broken[i], &o, &n), -1);
		assert_int_equal(n.subcode, 0);
	}
}

static void
survives_every_cut(void **state)
{
	struct bytes b = message(BGP_OPEN, FIXED "10 02 06 01 04 0001 00 01 02 06 41 04 00010000");
	struct bgp_open o;
	struct bgp_notify n;

	for (size_t len = 0; len < b.len; len++) {
		assert_int_equal(bgp_open_decode(b.data, len, &anybody, &o, &n), -1);
		assert_int_equal(n.code, BGP_ERR_OPEN);
		assert_int_equal(n.subcode, 0);
	}
}

static void
cleans_host_names(void **state)
{
	struct bgp_open o;
	struct bgp_notify n;
	struct bytes b = message(BGP_OPEN, FIXED "69 02 67 49 65 63");

	for (unsigned i = 0; i < 99; i++)
		bytes_hex(&b, "61");
	bytes_hex(&b, "00");
	assert_int_equal(bgp_open_decode(b.data, b.len, &anybody, &o, &n), 0);
	assert_int_equal(strlen(o.caps.hostname), 64);

	assert_int_equal(decode(FIXED "09 02 07 49 05 03 1b5b41 00", &o, &n), 0);
	assert_string_equal(o.caps.hostname, "?[A");

	/* A zero byte ends it, and the last of two counts: nothing of the first is left. */
	struct bgp_open once, twice;
	assert_int_equal(decode(FIXED "0a 02 08 49 06 04 61006162 00", &once, &n), 0);
	assert_string_equal(once.caps.hostname, "a");
	assert_int_equal(
	    decode(FIXED "10 02 0e 49 04 03 787979 49 06 04 61006162 00", &twice, &n), 0);
	assert_memory_equal(&once.caps, &twice.caps, sizeof(once.caps));
}

static void
writes_capabilities_in_one_parameter(void **state)
{
	struct bgp_open o = {
	    .as = 4200000001,
	    .hold_s = 90,
	    .router_id = 0x0a000001,
	    .caps = {.mp = true,
		.af = BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6),
		.as4 = true,
		.as4_number = 4200000001,
		.refresh = true},
	};
	uint8_t buf[BGP_MSG_MAX];
	size_t len = bgp_open_encode(&o, buf, sizeof(buf));

	assert_bytes(buf + BGP_HEADER_LEN, len - BGP_HEADER_LEN,
	    "04 5ba0 005a 0a000001 16 02 14 01 04 0001 00 01 01 04 0002 00 01 02 00"
	    "41 04 fa56ea01");
	for (size_t cap = 0; cap < len; cap++)
		assert_int_equal(bgp_open_encode(&o, buf, cap), 0);
}

/* For those that answer 2/4 to any parameter: RFC 5492 section 3. */
static void
writes_no_parameter_without_capabilities(void **state)
{
	struct bgp_open o = {.as = 64500, .hold_s = 90, .router_id = 0x0a000001};
	uint8_t buf[64];
	size_t len = bgp_open_encode(&o, buf, sizeof(buf));

	assert_bytes(buf + BGP_HEADER_LEN, len - BGP_HEADER_LEN, FIXED "00");
}

static struct bgp_open
random_open(struct rng *rng)
{
	struct bgp_open o = {
	    .version = BGP_VERSION,
	    .hold_s = (uint16_t)(3 + rng_below(rng, 65533)),
	    .router_id = 1 + (uint32_t)rng_below(rng, UINT32_MAX - 1),
	};
	struct bgp_caps *c = &o.caps;

	c->as4 = rng_below(rng, 2);
	o.as = 1 + (uint32_t)rng_below(rng, c->as4 ? UINT32_MAX - 1 : UINT16_MAX - 1);
	c->as4_number = c->as4 ? o.as : 0;
	o.as2 = (uint16_t)(o.as > UINT16_MAX ? BGP_AS_TRANS : o.as);
	c->mp = rng_below(rng, 2);
	c->af = c->mp ? 1 + (uint32_t)rng_below(rng, 3) : BGP_AF_BIT(BGP_AF_IPV4);
	c->refresh = rng_below(rng, 2);
	c->enhanced_refresh = rng_below(rng, 2);
	c->extended_message = rng_below(rng, 2);
	c->graceful_restart = rng_below(rng, 2);
	if (c->graceful_restart) {
		c->restart_state = rng_below(rng, 2);
		c->restart_time = (uint16_t)rng_below(rng, 4096);
	}
	c->fqdn = rng_below(rng, 2);
	if (c->fqdn)
		memset(c->hostname, 'h', rng_below(rng, sizeof(c->hostname)));
	return o;
}

static void
reads_back_what_it_writes(void **state)
{
	struct rng rng;

	rng_init(&rng, 5492);
	for (unsigned i = 0; i < 5000; i++) {
		struct bgp_open o = random_open(&rng);
		struct bgp_open back;
		struct bgp_notify n;
		uint8_t buf[512];
		size_t len = bgp_open_encode(&o, buf, sizeof(buf));

		assert_true(len > 0);
		assert_int_equal(bgp_frame(buf, len, BGP_MSG_MAX, &n), len);
		struct bgp_open_expect expect = {.as = o.as};
		assert_int_equal(bgp_open_decode(buf, len, &expect, &back, &n), 0);
		assert_memory_equal(&o.caps, &back.caps, sizeof(o.caps));
		assert_int_equal(o.as, back.as);
		assert_int_equal(o.as2, back.as2);
		assert_int_equal(o.hold_s, back.hold_s);
		assert_int_equal(o.router_id, back.router_id);
	}
}

static void
shows_itself(void **state)
{
	struct bytes b = message(BGP_OPEN, FIXED "10 02 06 01 04 0001 00 01 02 06 41 04 00010000");
	struct str out = {0};

	bgp_msg_format(b.data, b.len, NULL, &out);
	assert_text(&out, "OPEN version 4; AS 65536; hold 90; id 10.0.0.1; mp ipv4-unicast; as4");
	b = message(BGP_OPEN, "04 fbf4 0002 0a000001 00");
	bgp_msg_format(b.data, b.len, NULL, &out);
	assert_text(&out, "OPEN version 4; AS 64500; hold 2; id 10.0.0.1; "
			  "refused: OPEN Message Error/Unacceptable Hold Time");
	str_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_the_fixed_part),
	    cmocka_unit_test(reads_every_capability),
	    cmocka_unit_test(speaks_no_family_that_was_not_offered),
	    cmocka_unit_test(refuses_what_rfc4271_refuses),
	    cmocka_unit_test(accepts_what_is_allowed),
	    cmocka_unit_test(demands_the_configured_as),
	    cmocka_unit_test(reads_extended_parameters),
	    cmocka_unit_test(survives_every_cut),
	    cmocka_unit_test(cleans_host_names),
	    cmocka_unit_test(writes_capabilities_in_one_parameter),
	    cmocka_unit_test(writes_no_parameter_without_capabilities),
	    cmocka_unit_test(reads_back_what_it_writes),
	    cmocka_unit_test(shows_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
