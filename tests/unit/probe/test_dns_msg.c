/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions as bytes, and the verdict on every kind of answer.
 */
#include "base/wire.h"
#include "probe/dns_judge.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TYPE_A     1
#define TYPE_CNAME 5
#define TYPE_MX    15
#define TYPE_TXT   16
#define TYPE_AAAA  28
#define TYPE_OPT   41
#define TYPE_RRSIG 46

#define NOW 1800000000

/* An answer under construction: the query with another header, then records. */
struct msg {
	uint8_t bytes[1024];
	struct wire_writer w;
	uint16_t count;
};

static struct dns_query query;
static struct dns_question question;
static const struct dns_query_opts recursive = {.flags = DNS_QUERY_RD};

static void
ask(const char *name, uint16_t type, uint16_t class, const struct dns_query_opts *opts)
{
	question = (struct dns_question){name, type, class};
	assert_true(dns_query_build(&question, opts, &query));
}

static int
make_query(void **state)
{
	ask("www.example.net", TYPE_A, 1, &recursive);
	dns_query_set_id(&query, 0x1234);
	return 0;
}

static void
msg_start(struct msg *m, uint16_t flags)
{
	memset(m, 0, sizeof(*m));
	wire_writer_init(&m->w, m->bytes, sizeof(m->bytes));
	wire_put_bytes(&m->w, dns_query_msg(&query), query.question_len);
	wire_patch_u16(&m->w, 2, flags);
	wire_patch_u16(&m->w, 10, 0);
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

/* The verdict on an answer; it must be one. */
static void
judge(const struct msg *m, const struct dns_demands *d, struct probe_sample *s)
{
	struct dns_judge j;

	memset(s, 0, sizeof(*s));
	assert_int_equal(dns_match(&query, m->bytes, m->w.pos), DNS_ANSWER);
	dns_judge_init(&j, dns_query_type(&query), d);
	dns_judge_answer(&j, m->bytes, m->w.pos, NOW * DUR_S, s);
	dns_judge_done(&j);
}

static void
expect_demands(const struct msg *m, const struct dns_demands *d, enum why why, const char *detail)
{
	struct probe_sample s;

	judge(m, d, &s);
	assert_string_equal(s.detail, detail);
	assert_int_equal(s.why, why);
	assert_int_equal(s.ok, why == WHY_OK);
}

static void
expect_sample(
    const struct msg *m, const struct dns_expect *expect, enum why why, const char *detail)
{
	expect_demands(m, &(struct dns_demands){.expect = expect}, why, detail);
}

static const struct dns_expect any = {.records = 1};

static void
query_bytes(void **state)
{
	static const uint8_t want[] = {0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'w', 'w', 'w',
	    7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'n', 'e', 't', 0, 0, 1, 0, 1};
	const struct dns_question bad = {.name = "a..b", .type = TYPE_A, .class = 1};

	assert_int_equal(query.len, sizeof(want));
	assert_int_equal(query.question_len, sizeof(want));
	assert_memory_equal(dns_query_msg(&query), want, sizeof(want));
	assert_int_equal(query.bytes[0] << 8 | query.bytes[1], sizeof(want));
	assert_int_equal(dns_query_id(&query), 0x1234);
	assert_int_equal(dns_query_type(&query), TYPE_A);
	assert_false(dns_query_build(&bad, &recursive, &query));
}

static void
query_options(void **state)
{
	static const uint8_t edns[] = {0, 0, TYPE_OPT, 4, 0xd0, 0, 0, 0x80, 0, 0, 4, 0, 3, 0, 0};
	static const uint8_t sized[] = {0, 0, TYPE_OPT, 2, 0, 0, 0, 0, 0, 0, 0};
	const uint8_t *msg = dns_query_msg(&query);
	struct dns_query_opts opts = {.flags = DNS_QUERY_CD | DNS_QUERY_DO | DNS_QUERY_NSID};

	ask("a", TYPE_A, 1, &opts);
	assert_int_equal(msg[2] << 8 | msg[3], 0x0010);
	assert_int_equal(msg[11], 1);
	assert_int_equal(query.len, query.question_len + sizeof(edns));
	assert_memory_equal(msg + query.question_len, edns, sizeof(edns));
	opts = (struct dns_query_opts){.edns_size = 512};
	ask("a", TYPE_A, 1, &opts);
	assert_int_equal(query.len, query.question_len + sizeof(sized));
	assert_memory_equal(msg + query.question_len, sized, sizeof(sized));
}

static void
random_label(void **state)
{
	const struct dns_query_opts opts = {.flags = DNS_QUERY_RANDOM};
	const uint8_t *msg = dns_query_msg(&query);
	static const uint8_t rest[] = {7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0, 1};
	char name[256] = "", *end = name;
	uint8_t label[12];

	ask("example", TYPE_A, 1, &opts);
	dns_query_renew(&query, 0x0123456789abcdef);
	assert_int_equal(msg[12], sizeof(label));
	memcpy(label, msg + 13, sizeof(label));
	assert_memory_equal(msg + 25, rest, sizeof(rest));
	for (size_t i = 0; i < sizeof(label); i++)
		assert_true(
		    (label[i] >= 'a' && label[i] <= 'z') || (label[i] >= '2' && label[i] <= '7'));
	dns_query_renew(&query, 0xfedcba9876543210);
	assert_memory_not_equal(label, msg + 13, sizeof(label));
	/* 242 octets leave room for the label, 243 do not */
	for (int i = 0; i < 120; i++)
		end = stpcpy(end, "a.");
	assert_true(dns_query_build(&(struct dns_question){name, TYPE_A, 1}, &opts, &query));
	memcpy(name, "aa", 2);
	memcpy(name + 2, ".aa", 3);
	end = name + 5;
	for (int i = 0; i < 118; i++)
		end = stpcpy(end, ".a");
	assert_false(dns_query_build(&(struct dns_question){name, TYPE_A, 1}, &opts, &query));
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
	expect_sample(&m, &e, WHY_OK, "0 records");
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
	const char *want[] = {"10 mail"};
	struct dns_expect e = {.records = 1, .answers = {want, 1}};
	struct msg m;

	ask("example.net", TYPE_MX, 1, &recursive);
	msg_start(&m, 0x8400);
	msg_add(&m, TYPE_MX, mx, sizeof(mx));
	expect_sample(&m, &e, WHY_OK, "10 mail.");
	expect_sample(&m, &any, WHY_OK, "1 record");
	want[0] = "regex:^10 .*\\.$";
	expect_sample(&m, &e, WHY_OK, "10 mail.");
	want[0] = "regex:^20 ";
	expect_sample(&m, &e, WHY_CONTENT, "answer 10 mail., expected regex:^20 ");
	ask("id.server", TYPE_TXT, 3, &recursive);
	want[0] = "NS1";
	msg_start(&m, 0x8400);
	msg_add(&m, TYPE_TXT, txt, sizeof(txt));
	expect_sample(&m, &e, WHY_OK, "\"ns1\"");
}

static void
addresses(void **state)
{
	const char *want[] = {"2001:DB8:0::80", "regex:^2001:db8:"};
	struct dns_expect e = {.records = 1, .answers = {want, 1}};
	struct msg m;
	struct addr a;

	ask("www.example.net", TYPE_AAAA, 1, &recursive);
	msg_start(&m, 0x8400);
	assert_int_equal(addr_parse("2001:db8::80", &a), 0);
	msg_add(&m, TYPE_AAAA, a.bytes, 16);
	expect_sample(&m, &e, WHY_OK, "2001:db8::80");
	e.answers.count = 2;
	expect_sample(&m, &e, WHY_OK, "2001:db8::80");
	want[0] = "2001:db8::81";
	expect_sample(&m, &e, WHY_CONTENT, "answer 2001:db8::80, expected 2001:db8::81");
	e.answers.count = 1;
	expect_sample(&m, &e, WHY_CONTENT, "answer 2001:db8::80, expected 2001:db8::81");
	msg_add(&m, TYPE_AAAA, a.bytes, 4);
	expect_sample(&m, &e, WHY_MALFORMED, "an address of 4 bytes");
	msg_start(&m, 0x8400);
	e.records = 0;
	expect_sample(&m, &e, WHY_CONTENT, "answer empty, expected 2001:db8::81");
}

/* An OPT record with options in the additional section. */
static void
msg_add_opt(struct msg *m, const void *options, size_t len)
{
	wire_put_u8(&m->w, 0);
	wire_put_u16(&m->w, TYPE_OPT);
	wire_put_u16(&m->w, 1232);
	wire_put_u32(&m->w, 0);
	wire_put_u16(&m->w, (uint16_t)len);
	wire_put_bytes(&m->w, options, len);
	wire_patch_u16(&m->w, 10, 1);
}

static void
nsid(void **state)
{
	static const uint8_t options[] = {0, 10, 0, 2, 9, 9, 0, 3, 0, 3, 'n', 's', '1'};
	static const uint8_t cut[] = {0, 3, 0, 9, 'n', 's', '1'};
	struct dns_demands d = {.nsid = {(const uint8_t *)"ns1", 3}};
	struct dns_expect no = {.rcode = 3};
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	expect_demands(&m, &d, WHY_CONTENT, "no NSID in the answer, expected ns1");
	msg_add_opt(&m, cut, sizeof(cut));
	expect_demands(&m, &d, WHY_CONTENT, "no NSID in the answer, expected ns1");
	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	msg_add_opt(&m, options, sizeof(options));
	expect_demands(&m, &d, WHY_OK, "192.0.2.80");
	d.report_nsid = true;
	expect_demands(&m, &d, WHY_OK, "192.0.2.80, NSID ns1");
	d.nsid = (struct probe_bytes){(const uint8_t *)"ns2", 3};
	expect_demands(&m, &d, WHY_CONTENT, "NSID ns1, expected ns2");
	/* an error that is expected must come from our node as well */
	m.bytes[3] = 0x83;
	d.expect = &no;
	expect_demands(&m, &d, WHY_CONTENT, "NSID ns1, expected ns2");
}

static void
msg_add_rrsig(struct msg *m, uint16_t covered, uint32_t expires)
{
	uint8_t rdata[40] = {0};
	struct wire_writer w;

	wire_writer_init(&w, rdata, sizeof(rdata));
	wire_put_u16(&w, covered);
	wire_put_u16(&w, 13 << 8 | 3);
	wire_put_u32(&w, 60);
	wire_put_u32(&w, expires);
	msg_add(m, TYPE_RRSIG, rdata, sizeof(rdata));
}

static void
signatures(void **state)
{
	const struct dns_demands d = {.signature_left = 2 * DUR_DAY};
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	expect_demands(&m, &d, WHY_CONTENT, "the answer is not signed");
	msg_add_rrsig(&m, TYPE_CNAME, NOW);
	expect_demands(&m, &d, WHY_CONTENT, "the answer is not signed");
	msg_add_rrsig(&m, TYPE_A, NOW + 2 * 86400);
	expect_demands(&m, &d, WHY_OK, "192.0.2.80");
	msg_add_rrsig(&m, TYPE_A, NOW + 86400); /* the one that ends first counts */
	expect_demands(&m, &d, WHY_CONTENT, "the signature expires in 1d, expected 2d");
	msg_add_rrsig(&m, TYPE_A, NOW - 3600);
	expect_demands(&m, &d, WHY_CONTENT, "the signature expired 1h ago");
}

static void
not_for_us(void **state)
{
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	m.bytes[0] ^= 1; /* another id */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
	m.bytes[0] ^= 1;
	m.bytes[13] = 'x'; /* another question */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
	m.bytes[13] = 'W'; /* the same, in capitals */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_ANSWER);
	m.bytes[2] &= 0x7f; /* a query, not an answer */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
	msg_start(&m, 0x8180);
	m.bytes[5] = 2; /* two questions */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
	m.bytes[5] = 0; /* no question: only with an error */
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
	m.bytes[3] |= 2;
	assert_int_equal(dns_match(&query, m.bytes, DNS_HEADER), DNS_ANSWER);
	msg_start(&m, 0x8380);
	assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_TRUNCATED);
}

/* Every shorter piece of a good answer is ignored, as long as its question is not whole, and
 * malformed from there on. */
static void
cut_answers(void **state)
{
	struct probe_sample s;
	struct msg m;
	size_t whole;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	whole = m.w.pos;
	for (m.w.pos = 0; m.w.pos < whole; m.w.pos++) {
		if (m.w.pos < query.question_len) {
			assert_int_equal(dns_match(&query, m.bytes, m.w.pos), DNS_IGNORE);
			continue;
		}
		judge(&m, &(struct dns_demands){0}, &s);
		assert_int_equal(s.why, WHY_MALFORMED);
		assert_false(s.ok);
	}
}

/* A compression pointer that points at itself, at a label before it in the same name, or ahead. */
static void
pointer_loop(void **state)
{
	struct msg m;

	msg_start(&m, 0x8180);
	msg_add_a(&m, "192.0.2.80");
	for (unsigned ahead = 0; ahead < 3; ahead++) {
		m.bytes[query.question_len] = 0xc0;
		m.bytes[query.question_len + 1] = (uint8_t)(query.question_len + ahead);
		expect_sample(&m, &any, WHY_MALFORMED,
		    "answer of 49 bytes: a name's pointer does not point back");
	}
	m.bytes[query.question_len] = 0x80;
	expect_sample(
	    &m, &any, WHY_MALFORMED, "answer of 49 bytes: a name has a label of an unknown kind");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(query_bytes, make_query),
	    cmocka_unit_test_setup(query_options, make_query),
	    cmocka_unit_test_setup(random_label, make_query),
	    cmocka_unit_test_setup(good_answers, make_query),
	    cmocka_unit_test_setup(wrong_answers, make_query),
	    cmocka_unit_test_setup(rcodes_and_flags, make_query),
	    cmocka_unit_test_setup(other_types, make_query),
	    cmocka_unit_test_setup(addresses, make_query),
	    cmocka_unit_test_setup(nsid, make_query),
	    cmocka_unit_test_setup(signatures, make_query),
	    cmocka_unit_test_setup(not_for_us, make_query),
	    cmocka_unit_test_setup(cut_answers, make_query),
	    cmocka_unit_test_setup(pointer_loop, make_query),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
