/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dns probe's options against small servers on the loopback: what the query carries, and what
 * else an attempt asks.
 */
#include "base/wire.h"
#include "probe/dns_msg.h"
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define FAMILIES 2
static const char *const loopback[FAMILIES] = {"127.0.0.1", "::1"};

/* How a server treats a query; what is not named here is answered with 192.0.2.80. */
enum manner {
	PLAIN,
	NAMED,      /* with an NSID, and says who it is (CHAOS) */
	ONLY_BIND,  /* knows hostname.bind and not id.server */
	MUTE_CHAOS, /* does not answer CHAOS */
	CHECKING,   /* refuses what is not asked with CD, DO and 1400 bytes */
	RANDOM,     /* refuses a name without a random label in front */
	SERIAL_5,   /* answers SOA with that serial */
	SERIAL_9,
	SERVFAIL,
	MUTE,
};

struct reply {
	struct wire_writer w;
	uint16_t answers;
};

static void
add_record(struct reply *r, uint16_t type, uint16_t class, const void *data, size_t len)
{
	wire_put_u16(&r->w, 0xc00c);
	wire_put_u16(&r->w, type);
	wire_put_u16(&r->w, class);
	wire_put_u32(&r->w, 60);
	wire_put_u16(&r->w, (uint16_t)len);
	wire_put_bytes(&r->w, data, len);
	wire_patch_u16(&r->w, 6, ++r->answers);
}

static void
add_soa(struct reply *r, uint8_t serial)
{
	uint8_t data[22] = {0, 0, [5] = serial};

	add_record(r, 6, 1, data, sizeof(data));
}

static void
add_nsid(struct reply *r)
{
	static const uint8_t opt[] = {
	    0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 3, 'n', 's', '1'};

	wire_put_bytes(&r->w, opt, sizeof(opt));
	wire_patch_u16(&r->w, 10, 1);
}

/* The length of the question section of a query with one question. */
static size_t
question_len(const uint8_t *q, size_t len)
{
	size_t at = DNS_HEADER;

	while (at < len && q[at] != 0)
		at += q[at] + 1u;
	return at + 5 - DNS_HEADER;
}

static void
chaos(struct reply *r, const uint8_t *q, int manner)
{
	static const uint8_t name[] = {3, 'n', 's', '1'};
	bool id_server = q[DNS_HEADER] == 2;

	if (manner == NAMED || (manner == ONLY_BIND && !id_server))
		add_record(r, 16, 3, name, sizeof(name));
	else
		wire_patch_u16(&r->w, 2, 0x8005);
}

/* The option record follows the question: size, flags. */
static bool
has_all_options(const uint8_t *q, size_t at, size_t len)
{
	static const uint8_t opt[] = {0, 0, 41, 1400 >> 8, 1400 & 0xff, 0, 0, 0x80, 0};

	return (q[3] & 0x10) != 0 && len >= at + sizeof(opt) &&
	       memcmp(q + at, opt, sizeof(opt)) == 0;
}

static ssize_t
reply(const struct test_server *s, const uint8_t *q, size_t len, uint8_t *out, size_t cap)
{
	static const uint8_t address[] = {192, 0, 2, 80};
	size_t end = DNS_HEADER + question_len(q, len);
	struct reply r = {0};
	uint16_t class = q[end - 1], type = q[end - 3];

	if (s->manner == MUTE || (s->manner == MUTE_CHAOS && class == 3))
		return -1;
	wire_writer_init(&r.w, out, cap);
	wire_put_bytes(&r.w, q, end);
	wire_patch_u16(&r.w, 2, 0x8180);
	wire_patch_u16(&r.w, 10, 0);
	if (class == 3)
		chaos(&r, q, s->manner);
	else if (s->manner == SERVFAIL)
		wire_patch_u16(&r.w, 2, 0x8182);
	else if ((s->manner == CHECKING && !has_all_options(q, end, len)) ||
		 (s->manner == RANDOM && (q[DNS_HEADER] != 12 || q[DNS_HEADER + 13] != 3)))
		wire_patch_u16(&r.w, 2, 0x8185);
	else if (type == 6)
		add_soa(&r, s->manner == SERIAL_9 ? 9 : 5);
	else
		add_record(&r, 1, 1, address, sizeof(address));
	if (s->manner == NAMED && q[11] == 1)
		add_nsid(&r);
	return (ssize_t)r.w.pos;
}

/* Asks servers of that manner, one of each family. */
static void
check(enum manner manner, enum why why, const char *detail, const char *options)
{
	for (int i = 0; i < FAMILIES; i++) {
		struct test_server s;
		test_server_start(&s, loopback[i], SOCK_DGRAM, reply, manner);
		probe_check(
		    &probe_dns, why, detail, "timeout: 300ms, server: \"%s\", %s", s.name, options);
		test_server_stop(&s);
	}
}

#define WWW "query: www.example.net A"

static void
query_options(void **state)
{
	check(CHECKING, WHY_OK, "192.0.2.80", WWW ", edns: 1400, cd: true, dnssec: true");
	check(CHECKING, WHY_STATUS, "REFUSED, expected NOERROR", WWW ", edns: 1400, dnssec: true");
	check(CHECKING, WHY_STATUS, "REFUSED, expected NOERROR", WWW ", cd: true, dnssec: true");
	check(CHECKING, WHY_STATUS, "REFUSED, expected NOERROR", WWW ", edns: 1400, cd: true");
	check(RANDOM, WHY_OK, "192.0.2.80", WWW ", random-label: true");
	check(RANDOM, WHY_STATUS, "REFUSED, expected NOERROR", WWW);
	check(PLAIN, WHY_OK, "192.0.2.80", WWW ", expect: {answer: \"regex:^192[.]0[.]\"}");
	check(PLAIN, WHY_CONTENT, "the answer is not signed", WWW ", signature-left: 2d");
}

static void
identity_nsid(void **state)
{
	check(NAMED, WHY_OK, "192.0.2.80", WWW ", identity: {nsid: ns1}");
	check(NAMED, WHY_OK, "192.0.2.80, NSID ns1", WWW ", nsid: true");
	check(NAMED, WHY_OK, "192.0.2.80", WWW ", identity: {nsid: \"hex:6e7331\"}");
	check(NAMED, WHY_CONTENT, "NSID ns1, expected ns2", WWW ", identity: {nsid: ns2}");
	check(PLAIN, WHY_CONTENT, "no NSID in the answer, expected ns1",
	    WWW ", identity: {nsid: ns1}");
}

static void
identity_chaos(void **state)
{
	check(NAMED, WHY_OK, "192.0.2.80", WWW ", identity: {chaos: ns1}");
	check(ONLY_BIND, WHY_OK, "192.0.2.80", WWW ", identity: {chaos: ns1}");
	check(NAMED, WHY_CONTENT, "answered by ns1, expected ns2", WWW ", identity: {chaos: ns2}");
	check(PLAIN, WHY_CONTENT, "hostname.bind: REFUSED, expected ns1",
	    WWW ", identity: {chaos: ns1}");
	check(MUTE_CHAOS, WHY_TIMEOUT, "the server's name: no answer",
	    WWW ", identity: {chaos: ns1}");
	check(MUTE, WHY_TIMEOUT, "no answer", WWW ", identity: {chaos: ns1}");
}

/* A server and its primary of these manners. */
static void
check_serial(
    enum manner own, enum manner primary, const char *options, enum why why, const char *detail)
{
	struct test_server s, p;

	test_server_start(&s, "127.0.0.1", SOCK_DGRAM, reply, own);
	test_server_start(&p, "::1", SOCK_DGRAM, reply, primary);
	probe_check(&probe_dns, why, detail,
	    "timeout: 300ms, server: \"%s\", query: example.net SOA, serial: {primary: \"%s\", %s}",
	    s.name, p.name, options);
	test_server_stop(&s);
	test_server_stop(&p);
}

static void
serials(void **state)
{
	check_serial(SERIAL_5, SERIAL_5, "", WHY_OK, "serial 5");
	check_serial(SERIAL_5, SERIAL_9, "max-lag: 4", WHY_OK, "serial 5");
	check_serial(SERIAL_5, SERIAL_9, "max-lag: 3", WHY_CONTENT,
	    "serial 5, the primary has 9: more than 3 behind");
	check_serial(SERIAL_9, SERIAL_5, "", WHY_OK, "serial 9; ahead of the primary, which has 5");
	check_serial(SERVFAIL, SERIAL_9, "", WHY_STATUS, "SERVFAIL, expected NOERROR");
	check_serial(MUTE, SERIAL_9, "", WHY_TIMEOUT, "no answer");
}

static void
primary_is_away(void **state)
{
	struct test_server s, p;

	check_serial(SERIAL_5, SERVFAIL, "", WHY_OK, "serial 5; the primary: SERVFAIL");
	check_serial(SERIAL_5, MUTE, "", WHY_OK, "serial 5; the primary: no answer");
	check_serial(
	    SERIAL_5, SERVFAIL, "require-primary: true", WHY_CONTENT, "the primary: SERVFAIL");
	check_serial(
	    SERIAL_5, MUTE, "require-primary: true", WHY_TIMEOUT, "the primary: no answer");
	/* nobody listens at its port */
	test_server_start(&s, "127.0.0.1", SOCK_DGRAM, reply, SERIAL_5);
	test_server_start(&p, "127.0.0.1", SOCK_DGRAM, reply, MUTE);
	test_server_stop(&p);
	const struct {
		const char *require;
		enum why why;
	} cases[] = {{"false", WHY_OK}, {"true", WHY_REFUSED}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_run run = {.kind = &probe_dns};
		probe_run(&run,
		    "timeout: 300ms, server: \"%s\", query: example.net SOA, "
		    "serial: {primary: \"%s\", require-primary: %s}",
		    s.name, p.name, cases[i].require);
		assert_string_equal(why_str(run.sample.why), why_str(cases[i].why));
		assert_non_null(strstr(run.sample.detail, "the primary: Connection refused"));
	}
	test_server_stop(&s);
}

static void
options_are_checked(void **state)
{
	static const struct {
		const char *options;
		const char *message;
	} cases[] = {
	    {WWW ", edns: 100", "edns"},
	    {WWW ", identity: {}", "nsid or chaos is needed"},
	    {WWW ", identity: {nsid: \"hex:0\"}", "pairs of hexadecimal digits"},
	    {WWW ", expect: {answer: \"regex:(\"}", "is no regular expression"},
	    {WWW ", serial: {primary: 192.0.2.1}", "must be for the zone's SOA record"},
	    {"query: example.net SOA, serial: {max-lag: 3}", "primary"},
	    {WWW ", source: \"::1\"", "an IPv4 address is needed"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char options[256];
		snprintf(options, sizeof(options), "server: 192.0.2.53, %s", cases[i].options);
		probe_refused(&probe_dns, cases[i].message, options);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(query_options),
	    cmocka_unit_test(identity_nsid),
	    cmocka_unit_test(identity_chaos),
	    cmocka_unit_test(serials),
	    cmocka_unit_test(primary_is_away),
	    cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
