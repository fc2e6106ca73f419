/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and endpoints: what is read, what is refused, and how it is written.
 */
#include "base/addr.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>

static struct addr
addr(const char *text)
{
	struct addr a;

	if (addr_parse(text, &a) < 0)
		fail_msg("'%s' is not read as an address", text);
	return a;
}

static struct prefix
prefix(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) < 0)
		fail_msg("'%s' is not read as a prefix", text);
	return p;
}

static struct addr
random_addr(struct rng *r)
{
	struct addr a = {.family = rng_below(r, 2) == 0 ? ADDR_V4 : ADDR_V6};

	/* Many zero bytes, so that runs of zeros occur. */
	for (size_t i = 0; i < addr_len(&a); i++)
		a.bytes[i] = rng_below(r, 3) == 0 ? (uint8_t)rng_next(r) : 0;
	return a;
}

/* RFC 5952 section 4 and 5: lower case, no leading zeros, the longest run of zeros shortened, the
 * first of equals, never a single group; mixed notation for IPv4-mapped addresses. */
static void
writes_addresses_as_rfc_5952_says(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"192.0.2.53", "192.0.2.53"},
	    {"0.0.0.0", "0.0.0.0"},
	    {"255.255.255.255", "255.255.255.255"},
	    {"::", "::"},
	    {"::1", "::1"},
	    {"2001:DB8::53", "2001:db8::53"},
	    {"2001:0db8:0000:0000:0000:0000:0000:0053", "2001:db8::53"},
	    {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
	    {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
	    {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
	    {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
	    {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
	    {"fe80:0:0:0:0:0:0:0", "fe80::"},
	    {"::ffff:c000:201", "::ffff:192.0.2.1"},
	    {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
	};
	char text[ADDR_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = addr(rows[i].in);

		assert_string_equal(addr_format(&a, text, sizeof(text)), rows[i].out);
	}
}

static void
refuses_garbage_addresses(void **state)
{
	static const char *const rows[] = {"", " ", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4",
	    "1.2.3.4 ", " 1.2.3.4", "1.2.3.4/32", "0x7f.1", "127.1", "a.b.c.d", "localhost", ":",
	    ":::", "1::2::3", "12345::", "2001:db8:1:2:3:4:5:6:7", "2001:db8::g", "::1%1", "[::1]",
	    "::ffff:300.0.0.1", "-1.2.3.4"};
	struct addr a = addr("192.0.2.1");

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (addr_parse(rows[i], &a) == 0)
			fail_msg("'%s' is read as an address", rows[i]);
	}
	assert_int_equal(addr_to_v4(&a), 0xc0000201); /* untouched by what failed */
}

static void
reads_back_what_it_writes(void **state)
{
	char text[PREFIX_TEXT];
	struct rng r;

	rng_init(&r, 1);
	for (int i = 0; i < 20000; i++) {
		struct addr a = random_addr(&r), a2;
		struct prefix p = {.addr = a, .len = (uint8_t)addr_bits(&a)}, p2;
		struct endpoint e = {.addr = a, .port = (uint16_t)rng_below(&r, 3)}, e2;
		char endpoint_text[ENDPOINT_TEXT];

		if (addr_is_linklocal(&a) && a.family == ADDR_V6)
			e.scope = (uint32_t)rng_next(&r);
		assert_int_equal(addr_parse(addr_format(&a, text, sizeof(text)), &a2), 0);
		assert_memory_equal(&a, &a2, sizeof(a));
		assert_int_equal(prefix_parse(prefix_format(&p, text, sizeof(text)), &p2), 0);
		assert_true(prefix_equal(&p, &p2));
		endpoint_format(&e, endpoint_text, sizeof(endpoint_text));
		assert_int_equal(endpoint_parse(endpoint_text, 0, &e2), 0);
		assert_true(endpoint_equal(&e, &e2));
	}
}

static void
cuts_text_to_the_buffer(void **state)
{
	struct addr a = addr("192.0.2.53");
	char text[5] = "xxxx";

	assert_string_equal(addr_format(&a, text, sizeof(text)), "192.");
}

static void
none_is_a_dash(void **state)
{
	struct addr none = {0};
	struct prefix p = {0};
	char text[PREFIX_TEXT];

	assert_string_equal(addr_format(&none, text, sizeof(text)), "-");
	assert_string_equal(prefix_format(&p, text, sizeof(text)), "-");
	assert_int_equal(addr_len(&none), 0);
	assert_false(addr_is_any(&none));
	assert_false(prefix_is_host(&p));
}

static void
converts_ipv4_numbers(void **state)
{
	struct addr a = addr_v4(0xc0000235);
	char text[ADDR_TEXT];

	assert_string_equal(addr_format(&a, text, sizeof(text)), "192.0.2.53");
	assert_int_equal(addr_to_v4(&a), 0xc0000235);
}

static void
orders_by_family_then_bytes(void **state)
{
	static const char *const rising[] = {"0.0.0.0", "9.255.255.255", "10.0.0.0", "255.0.0.0",
	    "::", "::1", "2001:db8::", "ff00::"};

	for (size_t i = 0; i < ARRAY_LEN(rising); i++) {
		for (size_t k = 0; k < ARRAY_LEN(rising); k++) {
			struct addr a = addr(rising[i]), b = addr(rising[k]);

			assert_int_equal(addr_cmp(&a, &b) < 0, i < k);
			assert_int_equal(addr_cmp(&a, &b) > 0, i > k);
			assert_int_equal(addr_equal(&a, &b), i == k);
		}
	}
}

static void
knows_special_addresses(void **state)
{
	enum { ANY = 1, LOOPBACK = 2, MULTICAST = 4, LINKLOCAL = 8 };
	static const struct {
		const char *text;
		int what;
	} rows[] = {
	    {"0.0.0.0", ANY},
	    {"::", ANY},
	    {"127.0.0.1", LOOPBACK},
	    {"127.255.0.9", LOOPBACK},
	    {"::1", LOOPBACK},
	    {"224.0.0.5", MULTICAST},
	    {"239.255.255.255", MULTICAST},
	    {"ff02::1", MULTICAST},
	    {"169.254.1.1", LINKLOCAL},
	    {"fe80::1", LINKLOCAL},
	    {"febf::1", LINKLOCAL},
	    {"128.0.0.1", 0},
	    {"223.255.255.255", 0},
	    {"240.0.0.1", 0},
	    {"169.253.0.1", 0},
	    {"fec0::1", 0},
	    {"::2", 0},
	    {"100::1", 0},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct addr a = addr(rows[i].text);

		assert_int_equal(addr_is_any(&a), (rows[i].what & ANY) != 0);
		assert_int_equal(addr_is_loopback(&a), (rows[i].what & LOOPBACK) != 0);
		assert_int_equal(addr_is_multicast(&a), (rows[i].what & MULTICAST) != 0);
		assert_int_equal(addr_is_linklocal(&a), (rows[i].what & LINKLOCAL) != 0);
	}
}

static void
reads_prefixes(void **state)
{
	static const struct {
		const char *in;
		int rc;
		const char *out;
	} rows[] = {
	    {"192.0.2.53/32", 0, "192.0.2.53/32"},
	    {"192.0.2.53", 0, "192.0.2.53/32"},
	    {"2001:db8::53", 0, "2001:db8::53/128"},
	    {"2001:DB8::/32", 0, "2001:db8::/32"},
	    {"0.0.0.0/0", 0, "0.0.0.0/0"},
	    {"::/0", 0, "::/0"},
	    {"192.0.2.128/25", 0, "192.0.2.128/25"},
	    {"192.0.2.1/24", -2, NULL},
	    {"192.0.2.128/24", -2, NULL},
	    {"192.0.2.64/25", -2, NULL},
	    {"0.0.0.1/0", -2, NULL},
	    {"2001:db8::1/127", -2, NULL},
	    {"192.0.2.0/33", -1, NULL},
	    {"2001:db8::/129", -1, NULL},
	    {"192.0.2.0/", -1, NULL},
	    {"192.0.2.0/-1", -1, NULL},
	    {"192.0.2.0/+8", -1, NULL},
	    {"192.0.2.0/ 24", -1, NULL},
	    {"192.0.2.0/24x", -1, NULL},
	    {"192.0.2.0/24/24", -1, NULL},
	    {"192.0.2.0/4294967320", -1, NULL},
	    {"/24", -1, NULL},
	    {"", -1, NULL},
	    {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000/64", -1, NULL},
	    {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", -1, NULL},
	};
	char text[PREFIX_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix p;

		if (prefix_parse(rows[i].in, &p) != rows[i].rc)
			fail_msg("'%s' is not answered by %d", rows[i].in, rows[i].rc);
		if (rows[i].rc == 0)
			assert_string_equal(prefix_format(&p, text, sizeof(text)), rows[i].out);
	}
}

static void
tells_what_a_prefix_contains(void **state)
{
	static const struct {
		const char *outer, *inner;
		bool contains;
	} rows[] = {
	    {"0.0.0.0/0", "192.0.2.53/32", true},
	    {"0.0.0.0/0", "::/0", false},
	    {"::/0", "0.0.0.0/0", false},
	    {"192.0.2.0/24", "192.0.2.0/24", true},
	    {"192.0.2.0/24", "192.0.2.128/25", true},
	    {"192.0.2.128/25", "192.0.2.0/24", false},
	    {"192.0.2.0/25", "192.0.2.128/32", false},
	    {"192.0.2.128/25", "192.0.2.255/32", true},
	    {"2001:db8::/33", "2001:db8:8000::/34", false},
	    {"2001:db8::53/128", "2001:db8::53/128", true},
	    {"2001:db8::53/128", "2001:db8::54/128", false},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct prefix outer = prefix(rows[i].outer), inner = prefix(rows[i].inner);

		if (prefix_contains(&outer, &inner) != rows[i].contains)
			fail_msg("%s in %s is wrong", rows[i].inner, rows[i].outer);
	}
}

static void
orders_and_hashes_prefixes(void **state)
{
	struct prefix a = prefix("192.0.2.0/24"), b = prefix("192.0.2.0/25");
	struct prefix c = prefix("192.0.3.0/24"), host = prefix("192.0.2.1");
	struct prefix v6 = prefix("c000:200::/24");

	assert_true(prefix_cmp(&a, &b) < 0 && prefix_cmp(&b, &a) > 0);
	assert_true(prefix_cmp(&b, &c) < 0 && prefix_cmp(&c, &v6) < 0);
	assert_int_equal(prefix_cmp(&a, &a), 0);
	assert_true(prefix_equal(&a, &a) && !prefix_equal(&a, &b) && !prefix_equal(&a, &v6));
	assert_true(prefix_is_host(&host) && !prefix_is_host(&a));
	assert_true(prefix_hash(&a) != prefix_hash(&b) && prefix_hash(&a) != prefix_hash(&v6));
}

/* Neighbouring host routes must not share buckets more than chance makes them. */
static void
spreads_hashes(void **state)
{
	unsigned buckets[4096] = {0};
	unsigned fullest = 0;

	for (uint32_t i = 0; i < 4096; i++) {
		struct prefix p = {.addr = addr_v4(0x0a000000 + i), .len = 32};
		unsigned in_bucket = ++buckets[prefix_hash(&p) % ARRAY_LEN(buckets)];

		fullest = in_bucket > fullest ? in_bucket : fullest;
	}
	assert_in_range(fullest, 1, 10);
}

static void
reads_endpoints(void **state)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
	    {"192.0.2.53", "192.0.2.53:99"},
	    {"192.0.2.53:53", "192.0.2.53:53"},
	    {"192.0.2.53:65535", "192.0.2.53:65535"},
	    {"192.0.2.53:0", "192.0.2.53"},
	    {"2001:db8::1", "[2001:db8::1]:99"},
	    {"[2001:db8::1]", "[2001:db8::1]:99"},
	    {"[2001:db8::1]:53", "[2001:db8::1]:53"},
	    {"[2001:db8::1]:0", "2001:db8::1"},
	    {"[fe80::1%2]:179", "[fe80::1%2]:179"},
	    {"fe80::1%4294967295", "[fe80::1%4294967295]:99"},
	    {"[::ffff:192.0.2.1]:53", "[::ffff:192.0.2.1]:53"},
	};
	char text[ENDPOINT_TEXT];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint e;

		if (endpoint_parse(rows[i].in, 99, &e) < 0)
			fail_msg("'%s' is not read as an endpoint", rows[i].in);
		assert_string_equal(endpoint_format(&e, text, sizeof(text)), rows[i].out);
	}
}

static void
refuses_garbage_endpoints(void **state)
{
	static const char *const rows[] = {"", ":", ":53", "192.0.2.53:", "192.0.2.53:65536",
	    "192.0.2.53:-1", "192.0.2.53: 53", "192.0.2.53:dns", "192.0.2.53:53:53",
	    "[192.0.2.53]:53", "[2001:db8::1", "[2001:db8::1]53",
	    "[2001:db8::1]:", "[2001:db8::1]]:53", "2001:db8::1]:53", "[]:53", "[", "]",
	    "[fe80::1%]:1", "[fe80::1%0]:1", "[fe80::1%eth0]:1", "[2001:db8::1%2]:1", "192.0.2.1%2",
	    "169.254.0.1%2", "www.example.net:80",
	    "[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:53"};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct endpoint e;

		if (endpoint_parse(rows[i], 99, &e) == 0)
			fail_msg("'%s' is read as an endpoint", rows[i]);
	}
}

static void
compares_endpoints(void **state)
{
	struct endpoint a, b;

	assert_int_equal(endpoint_parse("[fe80::1%2]:179", 0, &a), 0);
	b = a;
	assert_true(endpoint_equal(&a, &b));
	b.scope = 3;
	assert_false(endpoint_equal(&a, &b));
	b = a;
	b.port = 180;
	assert_false(endpoint_equal(&a, &b));
	b = a;
	b.addr = addr("fe80::2");
	assert_false(endpoint_equal(&a, &b));
}

static void
converts_to_and_from_sockaddr(void **state)
{
	static const char *const rows[] = {"192.0.2.53:53", "[2001:db8::1]:853", "[fe80::1%7]:179"};
	struct sockaddr_storage ss;
	struct endpoint e, back;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		socklen_t len;

		assert_int_equal(endpoint_parse(rows[i], 0, &e), 0);
		len = endpoint_to_sockaddr(&e, &ss);
		assert_int_equal(len, e.addr.family == ADDR_V4 ? sizeof(struct sockaddr_in)
							       : sizeof(struct sockaddr_in6));
		assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &back), 0);
		assert_true(endpoint_equal(&e, &back));
	}
	assert_int_equal(endpoint_to_sockaddr(&(struct endpoint){0}, &ss), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &back), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_addresses_as_rfc_5952_says),
	    cmocka_unit_test(refuses_garbage_addresses),
	    cmocka_unit_test(reads_back_what_it_writes),
	    cmocka_unit_test(cuts_text_to_the_buffer),
	    cmocka_unit_test(none_is_a_dash),
	    cmocka_unit_test(converts_ipv4_numbers),
	    cmocka_unit_test(orders_by_family_then_bytes),
	    cmocka_unit_test(knows_special_addresses),
	    cmocka_unit_test(reads_prefixes),
	    cmocka_unit_test(tells_what_a_prefix_contains),
	    cmocka_unit_test(orders_and_hashes_prefixes),
	    cmocka_unit_test(spreads_hashes),
	    cmocka_unit_test(reads_endpoints),
	    cmocka_unit_test(refuses_garbage_endpoints),
	    cmocka_unit_test(compares_endpoints),
	    cmocka_unit_test(converts_to_and_from_sockaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
