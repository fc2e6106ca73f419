/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NTP replies: what is judged how, and the arithmetic of offset and delay, also across the end of
 * an era.
 */
#include "probe/ntp_msg.h"
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <setjmp.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define COOKIE  0x0123456789abcdefu
#define NOW     (1767225600 * DUR_S) /* 2026-01-01 */
#define ERA_END (2085978496 * DUR_S) /* 2036-02-07 06:28:16: seconds begin at 0 again */

struct fields {
	unsigned leap, version, mode, stratum;
	uint32_t delay, dispersion;
	const char *reference;
	uint64_t origin, receive, transmit;
};

static const struct fields good = {.version = 4,
    .mode = 4,
    .stratum = 2,
    .delay = 0x00008000,      /* 0.5 s */
    .dispersion = 0x00004000, /* 0.25 s */
    .reference = "\300\0\2\1",
    .origin = COOKIE};

static const struct ntp_expect lenient = {.stratum = 15};

/* By hand and not by the code under test: seconds and the fraction of whole milliseconds. */
static uint64_t
stamp(int64_t ns)
{
	uint64_t ms = (uint64_t)(ns / DUR_MS) + 2208988800000u;

	return (ms / 1000) << 32 | ((ms % 1000) << 32) / 1000;
}

static size_t
encode(const struct fields *f, uint8_t *buf)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, NTP_LEN);
	wire_put_u8(&w, (uint8_t)(f->leap << 6 | f->version << 3 | f->mode));
	wire_put_u8(&w, (uint8_t)f->stratum);
	wire_put_u16(&w, 0x0600);
	wire_put_u32(&w, f->delay);
	wire_put_u32(&w, f->dispersion);
	wire_put_bytes(&w, f->reference, 4);
	wire_put_u64(&w, 0);
	wire_put_u64(&w, f->origin);
	wire_put_u64(&w, f->receive);
	wire_put_u64(&w, f->transmit);
	assert_true(wire_writer_ok(&w));
	return w.pos;
}

static void
check_at(
    int64_t now, struct fields f, const struct ntp_expect *expect, enum why why, const char *detail)
{
	const struct ntp_exchange x = {COOKIE, now, now + 20 * DUR_MS};
	struct probe_sample sample = {0};
	struct wire_reader r;
	uint8_t buf[NTP_LEN];

	if (f.receive == 0) {
		f.receive = stamp(now + 510 * DUR_MS);
		f.transmit = stamp(now + 512 * DUR_MS);
	}
	wire_reader_init(&r, buf, encode(&f, buf));
	assert_int_equal(ntp_judge(&x, expect, &r, &sample), NTP_JUDGED);
	assert_string_equal(sample.detail, detail);
	assert_string_equal(why_str(sample.why), why_str(why));
	assert_int_equal(sample.ok, why == WHY_OK);
}

static void
check(struct fields f, const struct ntp_expect *expect, enum why why, const char *detail)
{
	check_at(NOW, f, expect, why, detail);
}

#define WITH(...)                                                                                  \
	({                                                                                         \
		struct fields f = good;                                                            \
		__VA_ARGS__;                                                                       \
		f;                                                                                 \
	})

/* The server's clock is half a second ahead; 18 of 20 ms were on the way. */
static void
arithmetic(void **state)
{
	check(good, &lenient, WHY_OK, "stratum 2, offset +501ms, delay 18ms");
	check(WITH(f.receive = stamp(NOW - 3600 * DUR_S), f.transmit = f.receive), &lenient, WHY_OK,
	    "stratum 2, offset -1h, delay 20ms");
}

static void
era(void **state)
{
	check_at(
	    ERA_END - 10 * DUR_MS, good, &lenient, WHY_OK, "stratum 2, offset +501ms, delay 18ms");
	check_at(
	    ERA_END + 300 * DUR_S, good, &lenient, WHY_OK, "stratum 2, offset +501ms, delay 18ms");
}

static void
unusable(void **state)
{
	check(WITH(f.leap = 3), &lenient, WHY_STATUS, "not synchronised (leap alarm)");
	check(WITH(f.stratum = 16), &lenient, WHY_STATUS, "not synchronised (stratum 16)");
	check(WITH(f.stratum = 0), &lenient, WHY_STATUS, "not synchronised (stratum 0)");
	check(WITH(f.stratum = 0, f.leap = 3, f.reference = "RATE"), &lenient, WHY_STATUS,
	    "kiss-o'-death RATE");
	check(WITH(f.stratum = 0, f.leap = 3, f.reference = "\0\0\0\0"), &lenient, WHY_STATUS,
	    "not synchronised (leap alarm)");
	check(WITH(f.mode = 5), &lenient, WHY_MALFORMED, "mode 5, version 4: not a server's reply");
	check(WITH(f.version = 0), &lenient, WHY_MALFORMED,
	    "mode 4, version 0: not a server's reply");
	check(WITH(f.version = 7), &lenient, WHY_MALFORMED,
	    "mode 4, version 7: not a server's reply");
	check(WITH(f.receive = stamp(NOW), f.transmit = 0), &lenient, WHY_MALFORMED,
	    "a timestamp is missing");
}

static void
quality(void **state)
{
	const struct ntp_expect stratum = {.stratum = 1};
	const struct ntp_expect offset = {.stratum = 15, .offset = 500 * DUR_MS};
	const struct ntp_expect wide = {.stratum = 2, .offset = 502 * DUR_MS};
	const struct ntp_expect dispersion = {.stratum = 15, .root_dispersion = 249 * DUR_MS};
	const struct ntp_expect delay = {.stratum = 15, .root_delay = 499 * DUR_MS};
	const struct ntp_expect exact = {
	    .stratum = 2, .root_dispersion = 250 * DUR_MS, .root_delay = 500 * DUR_MS};

	check(good, &stratum, WHY_CONTENT, "stratum 2, expected at most 1");
	check(good, &offset, WHY_CONTENT, "offset +501ms, expected at most 500ms");
	check(good, &wide, WHY_OK, "stratum 2, offset +501ms, delay 18ms");
	check(good, &dispersion, WHY_CONTENT, "root dispersion 250ms, expected at most 249ms");
	check(good, &delay, WHY_CONTENT, "root delay 500ms, expected at most 499ms");
	check(good, &exact, WHY_OK, "stratum 2, offset +501ms, delay 18ms");
}

static void
not_ours(void **state)
{
	const struct ntp_exchange x = {COOKIE, NOW, NOW};
	struct probe_sample sample = {0};
	struct wire_reader r;
	uint8_t buf[NTP_LEN];

	encode(&(struct fields){.mode = 4, .reference = "abcd", .origin = COOKIE + 1}, buf);
	wire_reader_init(&r, buf, sizeof(buf));
	assert_int_equal(ntp_judge(&x, &lenient, &r, &sample), NTP_IGNORE);
	for (size_t len = 0; len < NTP_LEN; len++) {
		wire_reader_init(&r, buf, len);
		assert_int_equal(ntp_judge(&x, &lenient, &r, &sample), NTP_JUDGED);
		assert_int_equal(sample.why, WHY_MALFORMED);
	}
}

/* The request is a client's, and says nothing of our time. */
static void
request(void **state)
{
	uint8_t want[NTP_LEN] = {0x23};
	uint8_t buf[NTP_LEN];

	for (int i = 0; i < 8; i++)
		want[40 + i] = (uint8_t)(COOKIE >> (56 - 8 * i));
	ntp_request_build(COOKIE, buf);
	assert_memory_equal(buf, want, NTP_LEN);
}

/* -- the probe, against a server -- */

enum manner { GOOD, BEHIND, SPOOFED, SHORT };

static ssize_t
serve(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	struct fields f = good;
	struct wire_reader r;
	int64_t now = wall_clock_ns() - (s->manner == BEHIND ? 60 * DUR_S : 0);

	wire_reader_init(&r, in, len);
	wire_skip(&r, 40);
	f.origin = wire_u64(&r) ^ (s->manner == SPOOFED ? 1u : 0u);
	f.receive = f.transmit = stamp(now);
	if (!wire_ok(&r) || in[0] != 0x23)
		return -1;
	encode(&f, out);
	return s->manner == SHORT ? NTP_LEN - 1 : NTP_LEN;
}

static void
probes(void **state)
{
	static const struct {
		enum manner manner;
		const char *options;
		enum why why;
	} cases[] = {
	    {GOOD, "expect: {offset: 10s, stratum: 2}", WHY_OK},
	    {GOOD, "expect: {stratum: 1}", WHY_CONTENT},
	    {BEHIND, "timeout: 1s", WHY_OK},
	    {BEHIND, "expect: {offset: 10s}", WHY_CONTENT},
	    {SPOOFED, "timeout: 100ms", WHY_TIMEOUT},
	    {SHORT, "timeout: 1s", WHY_MALFORMED},
	};
	static const char *const loopbacks[] = {"127.0.0.1", "::1"};

	for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
		struct test_server s;
		const char *address = loopbacks[i % 2];
		test_server_start(&s, address, SOCK_DGRAM, serve, (int)cases[i / 2].manner);
		probe_check(&probe_ntp, cases[i / 2].why,
		    cases[i / 2].manner == SPOOFED
			? "no answer; 1 datagrams ignored that were not for us"
			: NULL,
		    "server: '%s', %s", s.name, cases[i / 2].options);
		test_server_stop(&s);
	}
}

static void
options_are_checked(void **state)
{
	probe_refused(&probe_ntp, "stratum", "server: 127.0.0.1, expect: {stratum: 16}");
	probe_refused(&probe_ntp, "an IPv6 address is needed", "server: '::1', source: 127.0.0.1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(arithmetic),
	    cmocka_unit_test(era),
	    cmocka_unit_test(unusable),
	    cmocka_unit_test(quality),
	    cmocka_unit_test(not_ours),
	    cmocka_unit_test(request),
	    cmocka_unit_test(probes),
	    cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
