/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds that send bytes and look at bytes: tcp-connect, udp, udp-echo. Servers on the loopback
 * of both families.
 */
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <setjmp.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

enum manner { ECHO, SILENT, SHORTER, DAMAGED, BANNER, FLOOD, CLOSE, BYE, TWO_PIECES };

static const char *const loopbacks[] = {"127.0.0.1", "::1"};

static ssize_t
put(uint8_t *out, const char *text)
{
	ssize_t len = 0;

	for (; text[len] != '\0'; len++)
		out[len] = (uint8_t)text[len];
	return len;
}

static ssize_t
datagram(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	if (s->manner == SILENT)
		return -1;
	memcpy(out, in, len);
	if (s->manner == SHORTER)
		return (ssize_t)len - 1;
	if (s->manner == DAMAGED)
		out[len - 1] ^= 0xff;
	return (ssize_t)len;
}

static ssize_t
stream(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	switch ((enum manner)s->manner) {
	case BANNER: return len == 0 ? put(out, "220 mail.example.net\r\n") : 0;
	case TWO_PIECES: return len == 0 ? put(out, "22") : put(out, "0 mail");
	case FLOOD: memset(out, 'a', 20000); return len == 0 ? 20000 : 0;
	case CLOSE: return len == 0 ? 0 : -1;
	case BYE:
		if (len > 0)
			return -1;
		return put(out, "554 go away\r\n");
	case ECHO: memcpy(out, in, len); return (ssize_t)len;
	default: return 0;
	}
}

/* Asks a fresh server of that manner over both families. */
static void
check(const struct probe_kind *kind, enum manner manner, const char *options, enum why why,
    const char *detail)
{
	bool tcp = kind == &probe_tcp_connect || kind == &probe_tcp;

	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct test_server s;
		test_server_start(&s, loopbacks[i], tcp ? SOCK_STREAM : SOCK_DGRAM,
		    tcp ? stream : datagram, manner);
		probe_check(kind, why, detail, "server: '%s', timeout: 200ms%s", s.name, options);
		test_server_stop(&s);
	}
}

static void
tcp_connects(void **state)
{
	check(&probe_tcp_connect, SILENT, "", WHY_OK, "connected");
	check(&probe_tcp_connect, SILENT, ", send: hello", WHY_OK, "connected and sent");
}

static void
tcp_expects(void **state)
{
	const struct probe_kind *k = &probe_tcp_connect;

	check(k, BANNER, ", expect: mail", WHY_OK, "220 mail.example.net");
	check(k, BANNER, ", expect: 'regex:^220 '", WHY_OK, "220 mail.example.net");
	check(k, ECHO, ", send: PING\\r\\n, expect: PING", WHY_OK, "PING");
	check(k, TWO_PIECES, ", send: x, expect: 220 mail", WHY_OK, "220 mail");
	check(k, BANNER, ", expect: 'regex:^250 '", WHY_TIMEOUT, "got \"220 mail.example.net\"");
	check(k, SILENT, ", expect: mail", WHY_TIMEOUT, "connected, then nothing");
	check(k, CLOSE, ", send: x, expect: mail", WHY_RESET, "closed without a byte");
	check(
	    k, BYE, ", send: x, expect: 'regex:^220'", WHY_CONTENT, "closed; got \"554 go away\"");
	check(k, FLOOD, ", expect: b", WHY_CONTENT, NULL);
}

/* The buffer is bounded, and what it ends in says so. */
static void
tcp_flood(void **state)
{
	struct probe_run run = {.kind = &probe_tcp};
	struct test_server s;

	test_server_start(&s, "127.0.0.1", SOCK_STREAM, stream, FLOOD);
	probe_run(&run, "server: '%s', expect: b", s.name);
	test_server_stop(&s);
	assert_ptr_equal(
	    strstr(run.sample.detail, "not in the first 16 KiB; got \"aaaa"), run.sample.detail);
}

/* A second attempt begins from nothing. */
static void
tcp_twice(void **state)
{
	struct probe_run run = {.kind = &probe_tcp, .attempts = 3};
	struct test_server s;

	test_server_start(&s, "127.0.0.1", SOCK_STREAM, stream, ECHO);
	probe_run(&run, "server: '%s', send: abc, expect: 'regex:^abc$'", s.name);
	test_server_stop(&s);
	assert_string_equal(run.sample.detail, "abc");
	assert_true(run.sample.ok);
}

static void
udp_answers(void **state)
{
	check(&probe_udp, ECHO, ", send: 'hex:00ff10'", WHY_OK, "...");
	check(&probe_udp, ECHO, ", send: ping, expect: in", WHY_OK, "ping");
	check(&probe_udp, ECHO, ", send: ping, expect: pong", WHY_CONTENT, "got \"ping\"");
	check(&probe_udp, SILENT, ", send: ping", WHY_TIMEOUT, "no answer");
}

static void
echoes(void **state)
{
	const struct probe_kind *k = &probe_udp_echo;

	check(k, ECHO, "", WHY_OK, "16 bytes");
	check(k, ECHO, ", size: 12", WHY_OK, "12 bytes");
	check(k, ECHO, ", size: 65507", WHY_OK, "65507 bytes");
	check(k, SHORTER, "", WHY_CONTENT, "15 bytes came back of 16");
	check(k, DAMAGED, ", size: 20", WHY_CONTENT, "byte 20 of 20 came back as 0xec, was 0x13");
	check(k, SILENT, "", WHY_TIMEOUT, "no answer");
}

/* Nobody listens: heard at once, over both families. */
static void
refused(void **state)
{
	static const struct {
		const struct probe_kind *kind;
		int type;
		const char *options;
	} kinds[] = {
	    {&probe_tcp_connect, SOCK_STREAM, ""},
	    {&probe_udp, SOCK_DGRAM, ", send: x"},
	    {&probe_udp_echo, SOCK_DGRAM, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		for (size_t j = 0; j < ARRAY_LEN(loopbacks); j++) {
			struct test_server s;
			test_server_start(&s, loopbacks[j], kinds[i].type, stream, SILENT);
			test_server_stop(&s);
			probe_check(kinds[i].kind, WHY_REFUSED, NULL, "timeout: 5s, server: '%s'%s",
			    s.name, kinds[i].options);
		}
	}
}

static void
described(void **state)
{
	struct probe_run run = {.kind = &probe_tcp};

	probe_run(&run, "server: '127.0.0.1:1', expect: 'regex:^220'");
	assert_string_equal(run.description, "tcp 127.0.0.1:1 expect \"regex:^220\"");
	run.kind = &probe_udp_echo;
	probe_run(&run, "server: 127.0.0.1, source: 127.0.0.2, timeout: 1ms");
	assert_string_equal(run.description, "udp-echo 127.0.0.1:7 16 bytes");
}

static void
options_are_checked(void **state)
{
	probe_refused(&probe_tcp_connect, "no regular expression",
	    "server: '127.0.0.1:1', expect: 'regex:('");
	probe_refused(&probe_tcp_connect, "an IPv4 address is needed",
	    "server: '127.0.0.1:1', source: '::1'");
	probe_refused(&probe_udp, "send", "server: '127.0.0.1:1'");
	probe_refused(&probe_udp, "an IPv6 address is needed",
	    "server: '[::1]:1', send: x, source: 127.0.0.1");
	probe_refused(&probe_udp_echo, "size", "server: 127.0.0.1, size: 11");
	probe_refused(
	    &probe_udp_echo, "an IPv4 address is needed", "server: 127.0.0.1, source: '::1'");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(tcp_connects),
	    cmocka_unit_test(tcp_expects),
	    cmocka_unit_test(tcp_flood),
	    cmocka_unit_test(tcp_twice),
	    cmocka_unit_test(udp_answers),
	    cmocka_unit_test(echoes),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(described),
	    cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
