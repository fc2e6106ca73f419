/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP messages: requests byte by byte, and what is read from replies, quotations and rubbish.
 */
#include "probe/icmp_msg.h"

#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct icmp_token token = {0x1234, 7, 0x0102030405060708u};

/* id 0x1234, sequence 7, ten bytes; the checksum was computed by hand. */
static const uint8_t request4[] = {
    8, 0, 0xcd, 0xa7, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9};
static const uint8_t request6[] = {128, 0, 0, 0, 0x12, 0x34, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9};

static const uint8_t ip4[] = {
    0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 1, 0, 0, 192, 0, 2, 1, 192, 0, 2, 53};
static const uint8_t ip6[] = {0x60, 0, 0, 0, 0, 0, 58, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0, 0, 1, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53};

struct packet {
	uint8_t data[256];
	size_t len;
};

static void
add(struct packet *p, const void *data, size_t len)
{
	memcpy(p->data + p->len, data, len);
	p->len += len;
}

/* Another way to the checksum than the code's: words summed up from the end, carry by carry. */
static void
set_checksum(struct packet *p, size_t at)
{
	uint32_t sum = 0;

	p->data[at + 2] = p->data[at + 3] = 0;
	if ((p->len - at) % 2 != 0)
		p->data[p->len] = 0;
	for (size_t i = at; i < p->len; i += 2) {
		sum += (uint32_t)p->data[i] << 8 | p->data[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	p->data[at + 2] = (uint8_t)(~sum >> 8);
	p->data[at + 3] = (uint8_t)~sum;
}

/* An echo reply to the request above, as a raw socket receives it. */
static struct packet
reply(enum addr_family family)
{
	struct packet p = {0};
	size_t at = 0;

	if (family == ADDR_V4) {
		add(&p, ip4, sizeof(ip4));
		at = sizeof(ip4);
	}
	add(&p, family == ADDR_V4 ? request4 : request6, sizeof(request4));
	p.data[at] = family == ADDR_V4 ? 0 : 129;
	set_checksum(&p, at);
	return p;
}

/* A failure that quotes `quoted` bytes of the request's ICMP part. */
static struct packet
failure(enum addr_family family, uint8_t type, uint8_t code, size_t quoted)
{
	const uint8_t head[] = {type, code, 0, 0, 0, 0, 0, 0};
	struct packet p = {0};
	size_t at = family == ADDR_V4 ? sizeof(ip4) : 0;

	if (family == ADDR_V4)
		add(&p, ip4, sizeof(ip4));
	add(&p, head, sizeof(head));
	add(&p, family == ADDR_V4 ? ip4 : ip6, family == ADDR_V4 ? sizeof(ip4) : sizeof(ip6));
	add(&p, family == ADDR_V4 ? request4 : request6, quoted);
	set_checksum(&p, at);
	return p;
}

static struct icmp_msg
read_packet(enum addr_family family, const struct packet *p)
{
	struct icmp_msg m;

	icmp_read(family, p->data, p->len, &m);
	return m;
}

static void
requests(void **state)
{
	uint8_t buf[sizeof(request4)];

	icmp_echo_build(ADDR_V4, &token, 10, buf);
	assert_memory_equal(buf, request4, sizeof(buf));
	icmp_echo_build(ADDR_V6, &token, 10, buf);
	assert_memory_equal(buf, request6, sizeof(buf));
}

static void
check_token(const struct icmp_msg *m, bool cookie)
{
	assert_int_equal(m->token.id, token.id);
	assert_int_equal(m->token.sequence, token.sequence);
	assert_int_equal(m->has_cookie, cookie);
	if (cookie)
		assert_true(m->token.cookie == token.cookie);
}

static void
replies(void **state)
{
	static const enum addr_family families[] = {ADDR_V4, ADDR_V6};

	for (int i = 0; i < 2; i++) {
		struct packet p = reply(families[i]);
		struct icmp_msg m = read_packet(families[i], &p);
		assert_int_equal(m.kind, ICMP_REPLY);
		check_token(&m, true);
		assert_int_equal(m.len, 10);
		assert_int_equal(icmp_payload_damage(m.payload, m.len), 10);
		p.len -= 3; /* no room for the cookie any more */
		if (families[i] == ADDR_V4)
			set_checksum(&p, sizeof(ip4));
		m = read_packet(families[i], &p);
		assert_int_equal(m.kind, ICMP_NOTHING);
	}
}

static void
damage(void **state)
{
	uint8_t payload[40];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)i;
	assert_int_equal(icmp_payload_damage(payload, 40), 40);
	for (size_t i = 8; i < sizeof(payload); i++) {
		payload[i] ^= 1;
		assert_int_equal(icmp_payload_damage(payload, 40), i);
		payload[i] ^= 1;
	}
	payload[3] ^= 1; /* the cookie is not its business */
	assert_int_equal(icmp_payload_damage(payload, 40), 40);
}

static void
failures(void **state)
{
	static const struct {
		enum addr_family family;
		uint8_t type, code;
		const char *text;
	} cases[] = {
	    {ADDR_V4, 3, 0, "network unreachable"},
	    {ADDR_V4, 3, 1, "host unreachable"},
	    {ADDR_V4, 3, 13, "administratively prohibited"},
	    {ADDR_V4, 3, 14, "unreachable"},
	    {ADDR_V4, 11, 0, "time to live exceeded"},
	    {ADDR_V6, 1, 0, "no route"},
	    {ADDR_V6, 1, 3, "address unreachable"},
	    {ADDR_V6, 1, 9, "unreachable"},
	    {ADDR_V6, 3, 0, "time to live exceeded"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr target = addr_from_bytes(
		    cases[i].family, cases[i].family == ADDR_V4 ? ip4 + 16 : ip6 + 24);
		for (size_t quoted = 8; quoted <= sizeof(request4); quoted += 2) {
			struct packet p =
			    failure(cases[i].family, cases[i].type, cases[i].code, quoted);
			struct icmp_msg m = read_packet(cases[i].family, &p);
			assert_int_equal(m.kind, ICMP_FAILURE);
			check_token(&m, quoted >= 16);
			assert_true(addr_equal(&m.target, &target));
			assert_string_equal(icmp_failure_text(cases[i].family, &m), cases[i].text);
		}
	}
}

/* One byte after the other, set to something else: what was said to matter does. */
static void
strangers(void **state)
{
	static const struct {
		enum addr_family family;
		bool failure;
		size_t at; /* byte of the packet */
		uint8_t value;
	} cases[] = {
	    {ADDR_V4, false, 0, 0x65},       /* not IPv4 */
	    {ADDR_V4, false, 0, 0x44},       /* a header of 16 bytes */
	    {ADDR_V4, false, 0, 0x4f},       /* options beyond the end */
	    {ADDR_V4, false, 9, 17},         /* UDP */
	    {ADDR_V4, false, 20, 8},         /* a request */
	    {ADDR_V4, true, 20 + 8, 0x55},   /* the quotation is not IPv4 */
	    {ADDR_V4, true, 20 + 8 + 7, 1},  /* a later fragment */
	    {ADDR_V4, true, 20 + 8 + 9, 6},  /* TCP */
	    {ADDR_V4, true, 20 + 8 + 20, 0}, /* a reply of ours */
	    {ADDR_V6, false, 0, 128},        /* a request */
	    {ADDR_V6, true, 8, 0x40},        /* the quotation is not IPv6 */
	    {ADDR_V6, true, 8 + 6, 44},      /* a fragment */
	    {ADDR_V6, true, 8 + 40, 129},    /* a reply of ours */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool v4 = cases[i].family == ADDR_V4;
		struct packet p = cases[i].failure ? failure(cases[i].family, v4 ? 3 : 1, 1, 18)
						   : reply(cases[i].family);
		struct icmp_msg m = read_packet(cases[i].family, &p);
		assert_int_not_equal(m.kind, ICMP_NOTHING);
		p.data[cases[i].at] = cases[i].value;
		if (v4)
			set_checksum(&p, sizeof(ip4));
		m = read_packet(cases[i].family, &p);
		if (m.kind != ICMP_NOTHING)
			fail_msg("case %zu is taken for something", i);
	}
}

/* ICMP of IPv4 has nobody else to look at its checksum. */
static void
checksums(void **state)
{
	struct packet p = reply(ADDR_V4);
	struct icmp_msg m;

	for (size_t i = sizeof(ip4); i < p.len; i++) {
		p.data[i] ^= 0x10;
		m = read_packet(ADDR_V4, &p);
		assert_int_equal(m.kind, ICMP_NOTHING);
		p.data[i] ^= 0x10;
	}
	m = read_packet(ADDR_V4, &p);
	assert_int_equal(m.kind, ICMP_REPLY);
}

/* Every length, of every kind: cut short is nothing, and nothing is read beyond the end. */
static void
truncated(void **state)
{
	for (int i = 0; i < 4; i++) {
		enum addr_family family = i % 2 == 0 ? ADDR_V4 : ADDR_V6;
		struct packet p = i < 2 ? reply(family) : failure(family, i == 2 ? 3 : 1, 1, 8);
		size_t whole = p.len;
		for (p.len = 0; p.len < whole; p.len++) {
			struct packet copy = p;
			struct icmp_msg m;
			if (family == ADDR_V4 && p.len >= sizeof(ip4) + 8)
				set_checksum(&copy, sizeof(ip4));
			m = read_packet(family, &copy);
			if (m.kind != ICMP_NOTHING && !(i < 2 && p.len >= whole - 2))
				fail_msg("packet %d of %zu bytes is taken for something", i, p.len);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(requests),
	    cmocka_unit_test(replies),
	    cmocka_unit_test(damage),
	    cmocka_unit_test(failures),
	    cmocka_unit_test(strangers),
	    cmocka_unit_test(checksums),
	    cmocka_unit_test(truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
