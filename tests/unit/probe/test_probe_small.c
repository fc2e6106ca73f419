/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds tftp, snmp, radius and smtp: their messages byte by byte, and the probes against
 * servers on the loopback that behave well or in every wrong way.
 */
#include "base/wire.h"
#include "probe/probe_kinds.h"
#include "probe/radius_msg.h"
#include "probe/smtp_msg.h"
#include "probe/snmp_msg.h"
#include "probe/tftp_msg.h"
#include "probe_run.h"

#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <cmocka.h>

static const char *const loopbacks[] = {"127.0.0.1", "::1"};

/* Asks a fresh server of that manner over both families. */
static void
check(const struct probe_kind *kind, test_reply_fn *reply, int manner, const char *options,
    enum why why, const char *detail)
{
	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct test_server s;
		test_server_start(&s, loopbacks[i], kind == &probe_smtp ? SOCK_STREAM : SOCK_DGRAM,
		    reply, manner);
		probe_check(kind, why, detail, "server: '%s', timeout: 300ms%s", s.name, options);
		test_server_stop(&s);
	}
}

/* -- tftp -- */

static void
tftp_messages(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"\0\3\0\1hello", 9, WHY_OK, "first block of 5 bytes"},
	    {"\0\3\0\1", 4, WHY_OK, "first block of 0 bytes"},
	    {"\0\3\0\2x", 5, WHY_MALFORMED, "DATA 2, expected DATA 1"},
	    {"\0\3\0", 3, WHY_MALFORMED, "DATA of 0 bytes"},
	    {"\0\5\0\1File not found\0", 19, WHY_STATUS, "error 1: File not found"},
	    {"\0\5\0\2Denied", 10, WHY_STATUS, "error 2: Denied"},
	    {"\0\5\0", 3, WHY_MALFORMED, "ERROR without a code"},
	    {"\0\6tsize\0", 8, WHY_OK, "options acknowledged"},
	    {"\0\4\0\0", 4, WHY_MALFORMED, "message with opcode 4"},
	    {"\0", 1, WHY_MALFORMED, "message with opcode 0"},
	    {"", 0, WHY_MALFORMED, "message with opcode 0"},
	};
	uint8_t buf[TFTP_REQUEST_MAX];

	assert_int_equal(tftp_request_build("pxe/boot", buf, sizeof(buf)), 17);
	assert_memory_equal(buf, "\0\1pxe/boot\0octet\0", 17);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_sample s = {0};
		struct wire_reader r;
		wire_reader_init(&r, (const uint8_t *)cases[i].bytes, cases[i].len);
		tftp_judge(&r, &s);
		assert_string_equal(s.detail, cases[i].detail);
		assert_int_equal(s.why, cases[i].why);
	}
}

enum tftp_manner { TFTP_GOOD, TFTP_NO_FILE, TFTP_SILENT };

static ssize_t
tftp_serve(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	static const char request[] = "\0\1boot\0octet";
	static const uint8_t block[] = {0, 3, 0, 1, 'a', 'b'};
	static const uint8_t refusal[] = {0, 5, 0, 1, 'n', 'o'};

	if (len != sizeof(request) || memcmp(in, request, len) != 0 || s->manner == TFTP_SILENT)
		return -1;
	memcpy(out, s->manner == TFTP_NO_FILE ? refusal : block, sizeof(block));
	return sizeof(block);
}

static void
tftp_probes(void **state)
{
	const struct probe_kind *k = &probe_tftp;

	check(k, tftp_serve, TFTP_GOOD, ", file: boot", WHY_OK, "first block of 2 bytes");
	check(k, tftp_serve, TFTP_NO_FILE, ", file: boot", WHY_STATUS, "error 1: no");
	check(k, tftp_serve, TFTP_SILENT, ", file: boot", WHY_TIMEOUT, "no answer");
	probe_refused(k, "file", "server: 127.0.0.1");
}

/* A server with a port for each transfer, for one transfer. */
struct tftp_relay {
	int listen, transfer;
	char name[ENDPOINT_TEXT];
	uint8_t last[64];
	ssize_t last_len;
};

static int
bound_socket(char *name, size_t size)
{
	struct endpoint e = {.addr = addr_v4(0x7f000001)};
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&e, &ss);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), 0);
	if (name != NULL)
		endpoint_format(&e, name, size);
	return fd;
}

static void *
relay_run(void *arg)
{
	struct tftp_relay *r = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	uint8_t buf[64];

	if (recvfrom(r->listen, buf, sizeof(buf), 0, (struct sockaddr *)&ss, &len) > 0 &&
	    sendto(r->transfer, "\0\3\0\1ab", 6, 0, (struct sockaddr *)&ss, len) == 6)
		r->last_len = recv(r->transfer, r->last, sizeof(r->last), 0);
	return NULL;
}

/* As real servers do it: the block comes from another port, and there the end is told. */
static void
tftp_other_port(void **state)
{
	struct tftp_relay r = {.transfer = bound_socket(NULL, 0)};
	pthread_t thread;

	r.listen = bound_socket(r.name, sizeof(r.name));
	assert_int_equal(pthread_create(&thread, NULL, relay_run, &r), 0);
	probe_check(&probe_tftp, WHY_OK, "first block of 2 bytes",
	    "server: '%s', file: boot, timeout: 2s", r.name);
	pthread_join(thread, NULL);
	assert_int_equal(r.last_len, 16);
	assert_memory_equal(r.last, "\0\5\0\0seen enough", 16);
	close(r.listen);
	close(r.transfer);
	probe_check(
	    &probe_tftp, WHY_REFUSED, NULL, "server: '%s', file: boot, timeout: 2s", r.name);
}

/* -- snmp -- */

static const struct snmp_question sys_up_time = {
    .community = "public", .oid = "1.3.6.1.2.1.1.3.0", .id = 0x41424344};

/* The request for it, lengths in their long form. */
static const uint8_t snmp_request[] = {0x30, 0x82, 0, 0x2f, 2, 1, 1, 4, 6, 'p', 'u', 'b', 'l', 'i',
    'c', 0xa0, 0x82, 0, 0x20, 2, 4, 'A', 'B', 'C', 'D', 2, 1, 0, 2, 1, 0, 0x30, 0x82, 0, 0x10, 0x30,
    0x82, 0, 0x0c, 6, 8, 43, 6, 1, 2, 1, 1, 3, 0, 5, 0};

static void
snmp_oids(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *bytes;
	} cases[] = {
	    {"1.3.6.1.2.1.1.3.0", 8, "\53\6\1\2\1\1\3\0"},
	    {".1.3.6", 2, "\53\6"},
	    {"2.39.127", 2, "\167\177"},
	    {"1.3.128", 3, "\53\201\0"},
	    {"1.3.16383.16384", 6, "\53\377\177\201\200\0"},
	    {"1.3.4294967295", 6, "\53\217\377\377\377\177"},
	    {"1.3.4294967296", 0, ""},
	    {"", 0, ""},
	    {"1", 0, ""},
	    {"3.1.1", 0, ""},
	    {"1.40", 0, ""},
	    {"1.3.", 0, ""},
	    {"1..3", 0, ""},
	    {"1.3.a", 0, ""},
	    {"1.3.6 ", 0, ""},
	    {"sysUpTime", 0, ""},
	};
	uint8_t buf[SNMP_OID_MAX];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = snmp_oid_encode(cases[i].text, buf, sizeof(buf));
		if (len != cases[i].len || memcmp(buf, cases[i].bytes, len) != 0)
			fail_msg("%s: %zu bytes", cases[i].text, len);
	}
	assert_int_equal(snmp_oid_encode("1.3.6.1.2.1", buf, 4), 0);
}

/* A response to the request above whose value is `value`, tag and length included. */
static size_t
snmp_response(const uint8_t *value, size_t len, uint8_t *out)
{
	size_t head = sizeof(snmp_request) - 2;

	memcpy(out, snmp_request, head);
	memcpy(out + head, value, len);
	out[15] = 0xa2;
	out[3] = (uint8_t)(out[3] + len - 2);
	out[18] = (uint8_t)(out[18] + len - 2);
	out[34] = (uint8_t)(out[34] + len - 2);
	out[38] = (uint8_t)(out[38] + len - 2);
	return head + len;
}

static enum snmp_verdict
snmp_judged(const uint8_t *msg, size_t len, const char *expect, struct probe_sample *s)
{
	struct probe_pattern p = {.regex = expect};
	struct probe_matcher *m = probe_matcher_new(&p);
	enum snmp_verdict verdict;
	struct wire_reader r;

	wire_reader_init(&r, msg, len);
	verdict = snmp_judge(&sys_up_time, m, &r, s);
	probe_matcher_free(m);
	return verdict;
}

static void
snmp_values(void **state)
{
	static const struct {
		const char *value;
		size_t len;
		const char *expect;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"\x43\x03\x01\x00\x00", 5, NULL, WHY_OK, "65536"},
	    {"\x43\x05\x00\xff\xff\xff\xff", 7, NULL, WHY_OK, "4294967295"},
	    {"\x02\x01\xff", 3, NULL, WHY_OK, "-1"},
	    {"\x02\x01\x07", 3, "^7$", WHY_OK, "7"},
	    {"\x02\x01\x07", 3, "^8$", WHY_CONTENT, "got \"7\""},
	    {"\x46\x09\x00\xff\xff\xff\xff\xff\xff\xff\xff", 11, NULL, WHY_OK,
		"18446744073709551615"},
	    {"\x04\x05Linux", 7, "^Li", WHY_OK, "Linux"},
	    {"\x04\x05Linux", 7, "BSD", WHY_CONTENT, "got \"Linux\""},
	    {"\x04\x00", 2, NULL, WHY_OK, ""},
	    {"\x40\x04\xc0\x00\x02\x01", 6, NULL, WHY_OK, "192.0.2.1"},
	    {"\x06\x01\x2b", 3, NULL, WHY_OK, "a value of type 0x06"},
	    {"\x80\x00", 2, NULL, WHY_CONTENT, "there is no such object"},
	    {"\x81\x00", 2, NULL, WHY_CONTENT, "there is no such object"},
	    {"\x82\x00", 2, NULL, WHY_CONTENT, "there is no such object"},
	    {"\x02\x00", 2, NULL, WHY_MALFORMED, "the value cannot be read"},
	    {"\x40\x03\x01\x02\x03", 5, NULL, WHY_MALFORMED, "the value cannot be read"},
	    {"\x02\x0a\1\2\3\4\5\6\7\x08\x09\x0a", 12, NULL, WHY_MALFORMED,
		"the value cannot be read"},
	};
	uint8_t buf[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_sample s = {0};
		size_t len = snmp_response((const uint8_t *)cases[i].value, cases[i].len, buf);
		assert_int_equal(snmp_judged(buf, len, cases[i].expect, &s), SNMP_JUDGED);
		assert_string_equal(s.detail, cases[i].detail);
		assert_int_equal(s.why, cases[i].why);
	}
}

static void
snmp_messages(void **state)
{
	struct probe_sample s = {0};
	uint8_t buf[SNMP_REQUEST_MAX];
	size_t len;

	assert_int_equal(snmp_request_build(&sys_up_time, buf, sizeof(buf)), sizeof(snmp_request));
	assert_memory_equal(buf, snmp_request, sizeof(snmp_request));
	/* its own request is no response */
	assert_int_equal(snmp_judged(buf, sizeof(snmp_request), NULL, &s), SNMP_JUDGED);
	assert_string_equal(s.detail, "not an SNMPv2c response");
	len = snmp_response((const uint8_t *)"\x02\x01\x07", 3, buf);
	buf[24] ^= 1; /* the id */
	assert_int_equal(snmp_judged(buf, len, NULL, &s), SNMP_IGNORE);
	buf[24] ^= 1;
	buf[27] = 5; /* error status */
	assert_int_equal(snmp_judged(buf, len, NULL, &s), SNMP_JUDGED);
	assert_string_equal(s.detail, "error status 5");
	assert_int_equal(s.why, WHY_STATUS);
	buf[27] = 0;
	buf[47] ^= 1; /* the object */
	assert_int_equal(snmp_judged(buf, len, NULL, &s), SNMP_JUDGED);
	assert_string_equal(s.detail, "the response is about another object");
	buf[47] ^= 1;
	buf[6] = 0; /* version */
	assert_int_equal(snmp_judged(buf, len, NULL, &s), SNMP_JUDGED);
	assert_int_equal(s.why, WHY_MALFORMED);
	buf[6] = 1;
	for (size_t cut = 0; cut < len; cut++) {
		snmp_judged(buf, cut, NULL, &s);
		assert_int_equal(s.why, WHY_MALFORMED);
	}
	assert_int_equal(snmp_judged(buf, len, NULL, &s), SNMP_JUDGED);
	assert_int_equal(s.why, WHY_OK);
}

enum snmp_manner { AGENT_GOOD, AGENT_NO_OBJECT, AGENT_SILENT };

static ssize_t
agent(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	const char *value = s->manner == AGENT_NO_OBJECT ? "\x80\x00" : "\x43\x02\x01\x00";

	if (len != sizeof(snmp_request) || s->manner == AGENT_SILENT ||
	    memcmp(in, snmp_request, 21) != 0)
		return -1;
	len = snmp_response((const uint8_t *)value, s->manner == AGENT_NO_OBJECT ? 2 : 4, out);
	memcpy(out + 21, in + 21, 4); /* the id */
	return (ssize_t)len;
}

static void
snmp_probes(void **state)
{
	const struct probe_kind *k = &probe_snmp;

	check(k, agent, AGENT_GOOD, "", WHY_OK, "256");
	check(k, agent, AGENT_GOOD, ", expect: 'regex:^25'", WHY_OK, "256");
	check(k, agent, AGENT_GOOD, ", expect: 7", WHY_CONTENT, "got \"256\"");
	check(k, agent, AGENT_NO_OBJECT, "", WHY_CONTENT, "there is no such object");
	check(k, agent, AGENT_GOOD, ", community: secret", WHY_TIMEOUT, "no answer");
	check(k, agent, AGENT_SILENT, "", WHY_TIMEOUT, "no answer");
	probe_refused(k, "is no object identifier", "server: 127.0.0.1, oid: sysUpTime");
}

/* -- radius -- */

/* RFC 5997 section 6.1: the request with its authenticator, secret "xyzzy5461". */
static const struct radius_question rfc_question = {.secret = "xyzzy5461",
    .id = 0xda,
    .authenticator = {0x8a, 0x54, 0xf4, 0x68, 0x6f, 0xb3, 0x94, 0xc5, 0x28, 0x66, 0xe3, 0x02, 0x18,
	0x5d, 0x06, 0x23}};
static const uint8_t rfc_request[] = {0x0c, 0xda, 0x00, 0x26, 0x8a, 0x54, 0xf4, 0x68, 0x6f, 0xb3,
    0x94, 0xc5, 0x28, 0x66, 0xe3, 0x02, 0x18, 0x5d, 0x06, 0x23, 0x50, 0x12, 0x5a, 0x66, 0x5e, 0x2e,
    0x1e, 0x84, 0x11, 0xf3, 0xe2, 0x43, 0x82, 0x20, 0x97, 0xc8, 0x4f, 0xa3};
static const uint8_t rfc_response[] = {0x02, 0xda, 0x00, 0x14, 0xef, 0x0d, 0x55, 0x2a, 0x4b, 0xf2,
    0xd6, 0x93, 0xec, 0x2b, 0x6f, 0xe8, 0xb5, 0x41, 0x1d, 0x66};

static enum radius_verdict
radius_judged(const uint8_t *msg, size_t len, struct probe_sample *s)
{
	struct wire_reader r;

	wire_reader_init(&r, msg, len);
	return radius_judge(&rfc_question, &r, s);
}

static void
radius_messages(void **state)
{
	uint8_t buf[RADIUS_REQUEST_LEN];
	struct probe_sample s = {0};

	assert_int_equal(radius_request_build(&rfc_question, buf), 0);
	assert_memory_equal(buf, rfc_request, sizeof(rfc_request));
	assert_int_equal(radius_judged(rfc_response, sizeof(rfc_response), &s), RADIUS_JUDGED);
	assert_string_equal(s.detail, "Access-Accept");
	assert_true(s.ok);
	for (size_t i = 0; i < sizeof(rfc_response); i++) {
		uint8_t msg[sizeof(rfc_response)];
		memcpy(msg, rfc_response, sizeof(msg));
		msg[i] ^= 1;
		s = (struct probe_sample){0};
		if (radius_judged(msg, sizeof(msg), &s) != RADIUS_IGNORE)
			assert_int_equal(s.why, WHY_MALFORMED);
		assert_int_equal(radius_judged(rfc_response, i, &s), RADIUS_JUDGED);
		assert_int_equal(s.why, WHY_MALFORMED);
	}
}

/* A server that knows the secret "testing123"; `manner` is the code that it answers with. */
static ssize_t
radius_serve(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	static const char secret[] = "testing123";
	uint8_t sum[64];

	if (len != RADIUS_REQUEST_LEN || in[0] != 12 || s->manner == 0)
		return -1;
	sum[0] = (uint8_t)s->manner;
	sum[1] = in[1];
	sum[2] = 0;
	sum[3] = 20;
	memcpy(sum + 4, in + 4, 16);
	memcpy(sum + 20, secret, strlen(secret));
	memcpy(out, sum, 4);
	if (EVP_Digest(sum, 20 + strlen(secret), out + 4, NULL, EVP_md5(), NULL) != 1)
		return -1;
	return 20;
}

static void
radius_probes(void **state)
{
	const struct probe_kind *k = &probe_radius;
	const char *right = ", secret: testing123";

	check(k, radius_serve, 2, right, WHY_OK, "Access-Accept");
	check(k, radius_serve, 5, right, WHY_OK, "Accounting-Response");
	check(k, radius_serve, 3, right, WHY_STATUS, "response with code 3");
	check(k, radius_serve, 0, right, WHY_TIMEOUT, "no answer");
	check(k, radius_serve, 2, ", secret: wrong", WHY_TIMEOUT,
	    "no answer; 1 datagrams ignored that were not for us");
	probe_refused(k, "secret", "server: 127.0.0.1");
}

/* -- smtp -- */

static void
smtp_replies(void **state)
{
	static const struct {
		const char *bytes;
		enum smtp_verdict verdict;
		unsigned code;
		size_t len;
		const char *text;
	} cases[] = {
	    {"220 hi\r\n", SMTP_WHOLE, 220, 8, "220 hi"},
	    {"220\r\n", SMTP_WHOLE, 220, 5, "220"},
	    {"220 hi\n250 more", SMTP_WHOLE, 220, 7, "220 hi"},
	    {"250-a\r\n250-b\r\n250 c\r\n", SMTP_WHOLE, 250, 21, "250 c"},
	    {"250-a\r\n250-b\r\n250 c", SMTP_MORE, 250, 0, ""},
	    {"250-a\r\n250-b\r\n", SMTP_MORE, 250, 0, ""},
	    {"", SMTP_MORE, 0, 0, ""},
	    {"22", SMTP_MORE, 0, 0, ""},
	    {"250-a\r\n251 b\r\n", SMTP_BROKEN, 250, 0, ""},
	    {"hello\r\n", SMTP_BROKEN, 0, 0, ""},
	    {"\r\n", SMTP_BROKEN, 0, 0, ""},
	    {"22\r\n", SMTP_BROKEN, 0, 0, ""},
	    {"220x\r\n", SMTP_BROKEN, 220, 0, ""},
	    {"100 x\r\n", SMTP_BROKEN, 0, 0, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct smtp_reply r;
		enum smtp_verdict v =
		    smtp_reply_read((const uint8_t *)cases[i].bytes, strlen(cases[i].bytes), &r);
		if (v != cases[i].verdict || r.code != cases[i].code || r.len != cases[i].len ||
		    strcmp(r.text, cases[i].text) != 0)
			fail_msg("case %zu: %d, %u, %zu, %s", i, (int)v, r.code, r.len, r.text);
	}
}

enum smtp_manner { MAIL_GOOD, MAIL_BUSY, MAIL_NO_EHLO, MAIL_HTTP, MAIL_SILENT, MAIL_FLOOD };

static ssize_t
put(uint8_t *out, const char *text)
{
	ssize_t len = 0;

	for (; text[len] != '\0'; len++)
		out[len] = (uint8_t)text[len];
	return len;
}

static ssize_t
mail(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	if (len > 0 && memcmp(in, "EHLO node\r\n", 11) == 0)
		return put(
		    out, s->manner == MAIL_NO_EHLO ? "451 later\r\n" : "250-mx\r\n250 SIZE 1\r\n");
	if (len > 0)
		return -1; /* QUIT */
	switch ((enum smtp_manner)s->manner) {
	case MAIL_BUSY: return put(out, "421 too busy\r\n");
	case MAIL_HTTP: return put(out, "HTTP/1.1 400 Bad Request\r\n");
	case MAIL_SILENT: return 0;
	case MAIL_FLOOD: memset(out, 'a', 9000); return 9000;
	default: return put(out, "220-mx\r\n220 ESMTP\r\n");
	}
}

static void
smtp_probes(void **state)
{
	const struct probe_kind *k = &probe_smtp;

	check(k, mail, MAIL_GOOD, "", WHY_OK, "220 ESMTP");
	check(k, mail, MAIL_GOOD, ", ehlo: node", WHY_OK, "250 SIZE 1");
	check(k, mail, MAIL_BUSY, ", ehlo: node", WHY_STATUS, "greeting: 421 too busy");
	check(k, mail, MAIL_NO_EHLO, ", ehlo: node", WHY_STATUS, "answer to EHLO: 451 later");
	check(k, mail, MAIL_GOOD, ", ehlo: other", WHY_RESET, "closed before the answer to EHLO");
	check(k, mail, MAIL_HTTP, "", WHY_MALFORMED, "the greeting is no SMTP reply");
	check(k, mail, MAIL_FLOOD, "", WHY_MALFORMED, "the greeting is no SMTP reply");
	check(k, mail, MAIL_SILENT, "", WHY_TIMEOUT, "no greeting");
	probe_refused(k, "without blanks", "server: 127.0.0.1, ehlo: 'a b'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tftp_messages),
	    cmocka_unit_test(tftp_probes),
	    cmocka_unit_test(tftp_other_port),
	    cmocka_unit_test(snmp_oids),
	    cmocka_unit_test(snmp_values),
	    cmocka_unit_test(snmp_messages),
	    cmocka_unit_test(snmp_probes),
	    cmocka_unit_test(radius_messages),
	    cmocka_unit_test(radius_probes),
	    cmocka_unit_test(smtp_replies),
	    cmocka_unit_test(smtp_probes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
