/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions as bytes, and the verdict on every kind of answer.
 */
#include "base/wire.h"
#include "probe/dns_msg.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_A     1
#define TYPE_CNAME 5
#define TYPE_MX    15
#define TYPE_TXT   16

/* An answer under construction: the query with another header, then records. */
struct msg {
	uint8_t bytes[1024];
	struct wire_writer w;
	uint16_t count;
};

static uint8_t query[DNS_QUERY_MAX];
static size_t query_len;

static int
make_query(void **state)
{
	const struct dns_question q = {.name = "www.example.net", .type = TYPE_A, .class = 1};

	query_len = dns_query_build(&q, true, query, sizeof(query));
	dns_query_set_id(query, 0x1234);
	return query_len > 0 ? 0 : -1;
}

static void
msg_start(struct msg *m, uint16_t flags)
{
	memset(m, 0, sizeof(*m));
	wire_writer_init(&m->w, m->bytes, sizeof(m->bytes));
	wire_put_bytes(&m->w, query, query_len);
	wire_patch_u16(&m->w, 2, flags);
}

static void
msg_add(struct msg *m, uint16_t type, const void *rdata, size_t len)
{
	wire_put_u16(&m->w, 0xc00c); /* the name of the question */
	wire_put_u16(&m->w, type);
	wire_put_u16(&m->w, 1);
	wire_put_u32(&m->w, 60);
	wire_put_u16(&m->w, (uint16_t)len);
	wire_put_bytes(&m->w, rdata, len);
	wire_patch_u16(&m->w, 6, ++m->count);
}

static void
msg_add_a(struct msg *m, const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	msg_add(m, TYPE_A, a.bytes, 4);
}

static enum dns_verdict
judge(const uint8_t *data, size_t len, const struct dns_expect *expect, struct probe_sample *s)
{
	struct wire_reader r;

	memset(s, 0, sizeof(*s));
	wire_reader_init(&r, data, len);
	return dns_judge(query, query_len, expect, &r, s);
}

static void
expect_sample(struct msg *m, const struct dns_expect *expect, enum why why, const char *detail)
{
	struct probe_sample s;

	assert_int_equal(judge(m->bytes, m->w.pos, expect, &s), DNS_JUDGED);
	assert_string_equal(s.detail, detail);
	assert_int_equal(s.why, why);
	assert_int_equal(s.ok, why == WHY_OK);
}

static const struct dns_expect any = {.records = 1};

static void
query_bytes(void **state)
{
	static const uint8_t want[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w',
	    7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'n', 'e', 't', 0, 0, 1, 0, 1};
	const struct dns_question bad = {.name = "a..b", .type = TYPE_A, .class = 1};
	uint8_t small[16];

	assert_int_equal(query_len, sizeof(want));
	assert_memory_equal(query, want, sizeof(want));
	assert_int_equal(dns_query_build(&bad, true, query, sizeof(query)), 0);
	assert_int_equal(dns_query_build(&(struct dns_question){"example.net", TYPE_A, 1}, true,
			     small, sizeof(small)),
	    0);
}

static void
good_answers(void **state)
{
	const char *one[] = {"192.0.2.80"}, *two[] = {"192.0.2.80", "192.0.2.81"};
	struct dns_expect e = {.records = 1, .answers = {one, 1}};
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	expect_sample(&m, &any, WHY_OK, "192.0.2.80");
	expect_sample(&m, &e, WHY_OK, "192.0.2.80");
	msg_add_a(&m, "192.0.2.81");
	e.answers = (struct conf_list){two, 2};
	expect_sample(&m, &e, WHY_OK, "192.0.2.80");
	e.records = 2;
	expect_sample(&m, &e, WHY_OK, "192.0.2.80");
}

static void
wrong_answers(void **state)
{
	const char *want[] = {"192.0.2.80"};
	static const uint8_t alias[] = {3, 'f', 'o', 'o', 0};
	struct dns_expect e = {.records = 1, .answers = {want, 1}};
	struct msg m;

	msg_start(&m, 0x8180);
	expect_sample(&m, &any, WHY_CONTENT, "0 records of the type, expected at least 1");
	msg_add(&m, TYPE_CNAME, alias, sizeof(alias));
	expect_sample(&m, &any, WHY_CONTENT, "0 records of the type, expected at least 1");
	msg_add_a(&m, "192.0.2.99");
	expect_sample(&m, &any, WHY_OK, "192.0.2.99");
	expect_sample(&m, &e, WHY_CONTENT, "answer 192.0.2.99, expected 192.0.2.80");
	e.records = 0;
	e.answers.count = 0;
	msg_start(&m, 0x8180);
	expect_sample(&m, &e, WHY_OK, "");
}

static void
rcodes_and_flags(void **state)
{
	struct dns_expect e = {.rcode = 3};
	struct msg m;

	msg_start(&m, 0x8182);
	expect_sample(&m, &any, WHY_STATUS, "SERVFAIL, expected NOERROR");
	msg_start(&m, 0x8183);
	expect_sample(&m, &any, WHY_STATUS, "NXDOMAIN, expected NOERROR");
	expect_sample(&m, &e, WHY_OK, "NXDOMAIN");
	msg_start(&m, 0x818f);
	expect_sample(&m, &any, WHY_STATUS, "RCODE15, expected NOERROR");

	e = (struct dns_expect){.records = 1, .flags = DNS_AA};
	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	expect_sample(&m, &e, WHY_CONTENT, "flag aa is not set");
	msg_start(&m, 0x8580);
	msg_add_a(&m, "192.0.2.80");
	expect_sample(&m, &e, WHY_OK, "192.0.2.80");
	e.flags = DNS_AA | DNS_AD;
	expect_sample(&m, &e, WHY_CONTENT, "flag ad is not set");
}

static void
other_types(void **state)
{
	static const uint8_t mx[] = {0, 10, 4, 'm', 'a', 'i', 'l', 0}, txt[] = {3, 'n', 's', '1'};
	const struct dns_question q = {.name = "example.net", .type = TYPE_MX, .class = 1};
	const struct dns_question t = {.name = "id.server", .type = TYPE_TXT, .class = 3};
	const char *want[] = {"10 mail"};
	struct dns_expect e = {.records = 1, .answers = {want, 1}};
	struct msg m;

	query_len = dns_query_build(&q, false, query, sizeof(query));
	msg_start(&m, 0x8400);
	msg_add(&m, TYPE_MX, mx, sizeof(mx));
	expect_sample(&m, &e, WHY_OK, "10 mail.");
	query_len = dns_query_build(&t, false, query, sizeof(query));
	want[0] = "NS1";
	msg_start(&m, 0x8400);
	msg_add(&m, TYPE_TXT, txt, sizeof(txt));
	expect_sample(&m, &e, WHY_OK, "\"ns1\"");
}

static void
not_for_us(void **state)
{
	struct probe_sample s;
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	m.bytes[0] ^= 1; /* another id */
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_IGNORE);
	m.bytes[0] ^= 1;
	m.bytes[13] = 'x'; /* another question */
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_IGNORE);
	m.bytes[13] = 'W'; /* the same, in capitals */
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_JUDGED);
	m.bytes[2] &= 0x7f; /* a query, not an answer */
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_IGNORE);
	msg_start(&m, 0x8380);
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_TRUNCATED);
}

/* Every shorter piece of a good answer is malformed, ignored, or at least no success. */
static void
cut_answers(void **state)
{
	struct probe_sample s;
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	for (size_t len = 0; len < m.w.pos; len++) {
		enum dns_verdict v = judge(m.bytes, len, &any, &s);
		if (len < 12)
			assert_int_equal(s.why, WHY_MALFORMED);
		else if (len < query_len)
			assert_int_equal(v, DNS_IGNORE);
		else
			assert_int_equal(s.why, WHY_MALFORMED);
		assert_false(s.ok);
	}
}

/* A compression pointer that points at itself. */
static void
pointer_loop(void **state)
{
	struct probe_sample s;
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	m.bytes[query_len] = (uint8_t)(0xc0 | query_len >> 8);
	m.bytes[query_len + 1] = (uint8_t)query_len;
	assert_int_equal(judge(m.bytes, m.w.pos, &any, &s), DNS_JUDGED);
	assert_int_equal(s.why, WHY_MALFORMED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(query_bytes, make_query),
	    cmocka_unit_test_setup(good_answers, make_query),
	    cmocka_unit_test_setup(wrong_answers, make_query),
	    cmocka_unit_test_setup(rcodes_and_flags, make_query),
	    cmocka_unit_test_setup(other_types, make_query),
	    cmocka_unit_test_setup(not_for_us, make_query),
	    cmocka_unit_test_setup(cut_answers, make_query),
	    cmocka_unit_test_setup(pointer_loop, make_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
