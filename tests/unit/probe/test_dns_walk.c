/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk over a message's records, the readers of single things, and serial numbers.
 */
#include "probe/dns_walk.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* example. SOA: one answer whose names are compressed and plain, one authority, one additional. */
static const uint8_t soa[] = {
    0, 1, 0x84, 0, 0, 1, 0, 1, 0, 1, 0, 1,                                  /* header */
    7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 6, 0, 1,                    /* question */
    0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 60, 0, 29,                               /* answer */
    2, 'n', 's', 0xc0, 12, 1, 'h', 0xc0, 12,                                /* its two names */
    0x12, 0x34, 0x56, 0x78, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, /* its numbers */
    0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 2, 0xc0, 37,      /* authority: NS ns.example. */
    0xc0, 37, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 53, /* additional: its address */
};

static void
sections(void **state)
{
	static const struct {
		enum dns_section section;
		uint16_t type, len;
	} want[] = {{DNS_SECTION_ANSWER, 6, 29}, {DNS_SECTION_AUTHORITY, 2, 2},
	    {DNS_SECTION_ADDITIONAL, 1, 4}};
	struct dns_record rec;
	struct dns_walk w;

	for (enum dns_section last = DNS_SECTION_ANSWER; last <= DNS_SECTION_ADDITIONAL; last++) {
		dns_walk_start(&w, soa, sizeof(soa));
		for (enum dns_section i = DNS_SECTION_ANSWER; i <= last; i++) {
			assert_true(dns_walk_next(&w, last, &rec));
			assert_int_equal(rec.section, want[i].section);
			assert_int_equal(rec.type, want[i].type);
			assert_int_equal(rec.class, 1);
			assert_int_equal(rec.rdata_len, want[i].len);
			assert_ptr_equal(rec.rdata, soa + rec.rdata_at);
		}
		assert_false(dns_walk_next(&w, last, &rec));
		assert_int_equal(w.error, DNS_WALK_FINE);
	}
}

/* No piece of a message is walked to its end without an error. */
static void
cut(void **state)
{
	struct dns_record rec;
	struct dns_walk w;

	for (size_t len = 0; len < sizeof(soa); len++) {
		unsigned seen = 0;
		dns_walk_start(&w, soa, len);
		while (dns_walk_next(&w, DNS_SECTION_ADDITIONAL, &rec))
			seen++;
		assert_true(seen < 3);
		if (len >= 12)
			assert_int_equal(w.error, DNS_WALK_SHORT);
		else
			assert_int_not_equal(w.error, DNS_WALK_FINE);
	}
}

static void
serial_of_soa(void **state)
{
	uint8_t broken[sizeof(soa)];
	uint32_t serial = 0;

	assert_true(dns_soa_serial(soa, sizeof(soa), &serial));
	assert_int_equal(serial, 0x12345678);
	memcpy(broken, soa, sizeof(soa));
	broken[36] = 12; /* twelve bytes of data: the names, and no room for the serial */
	assert_false(dns_soa_serial(broken, 37 + 12, &serial));
	memcpy(broken, soa, sizeof(soa));
	broken[37] = 0xff; /* its first name: a pointer ahead */
	assert_false(dns_soa_serial(broken, sizeof(broken), &serial));
	memcpy(broken, soa, sizeof(soa));
	broken[28] = 1; /* not a SOA */
	assert_false(dns_soa_serial(broken, sizeof(broken), &serial));
}

static void
serial_arithmetic(void **state)
{
	assert_int_equal(dns_serial_ahead(5, 5), 0);
	assert_int_equal(dns_serial_ahead(5, 9), 4);
	assert_int_equal(dns_serial_ahead(9, 5), -4);
	assert_int_equal(dns_serial_ahead(0xfffffffe, 3), 5); /* around the end */
	assert_int_equal(dns_serial_ahead(3, 0xfffffffe), -5);
	assert_int_equal(dns_serial_ahead(0, 0x80000000), INT32_MIN); /* not defined */
}

static void
text(void **state)
{
	static const uint8_t txt[] = {0, 1, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0, /* header */
	    0, 0, 16, 0, 3, 0, 0, 0, 0, 0, 6, 3, 'n', 's', '1', 1, 'x'};
	uint8_t broken[sizeof(txt)];
	char buf[16], small[3];

	assert_true(dns_txt_first(txt, sizeof(txt), buf, sizeof(buf)));
	assert_string_equal(buf, "ns1");
	assert_true(dns_txt_first(txt, sizeof(txt), small, sizeof(small)));
	assert_string_equal(small, "ns");
	memcpy(broken, txt, sizeof(txt));
	broken[23] = 6; /* longer than the data */
	assert_false(dns_txt_first(broken, sizeof(broken), buf, sizeof(buf)));
	assert_false(dns_txt_first(soa, sizeof(soa), buf, sizeof(buf)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sections),
	    cmocka_unit_test(cut),
	    cmocka_unit_test(serial_of_soa),
	    cmocka_unit_test(serial_arithmetic),
	    cmocka_unit_test(text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
