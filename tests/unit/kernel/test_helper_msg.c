/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between engine and helper: each kind there and back, and everything that is not exactly
 * a message is refused.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "kernel/helper_msg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* One good message of each kind. */
static struct helper_msg
sample(enum helper_kind kind)
{
	struct helper_msg m = {.kind = kind};

	switch (kind) {
	case HELPER_READY: m.ready.version = HELPER_VERSION; break;
	case HELPER_HEARTBEAT:
	case HELPER_HEARTBEAT_ACK: m.heartbeat.seq = UINT64_C(0x0123456789abcdef); break;
	case HELPER_ADDRESS_SET:
		assert_int_equal(prefix_parse("192.0.2.53/32", &m.address_set.prefix), 0);
		str_copy(m.address_set.ifname, sizeof(m.address_set.ifname), "fifteen-letters");
		m.address_set.present = true;
		break;
	case HELPER_LISTEN:
		m.listen.ticket = 7;
		assert_int_equal(endpoint_parse("[2001:db8::1]:179", 0, &m.listen.local), 0);
		m.listen.min_ttl = 255;
		m.listen.ttl = 254;
		m.listen.tos = 0xc0;
		break;
	case HELPER_EXEC_START:
		m.exec_start.id = 42;
		memset(m.exec_start.name, 'x', sizeof(m.exec_start.name) - 1);
		break;
	case HELPER_EXEC_KILL: m.exec_kill.id = UINT32_MAX; break;
	case HELPER_CONFIG_READ:
	case HELPER_CONFIG_COMMIT: m.config.serial = 3; break;
	case HELPER_ADDRESS_STATE:
		assert_int_equal(prefix_parse("2001:db8::/32", &m.address_state.prefix), 0);
		m.address_state.present = true;
		m.address_state.error = -ENODEV;
		break;
	case HELPER_LINK_STATE:
		str_copy(m.link_state.ifname, sizeof(m.link_state.ifname), "lo");
		m.link_state.up = true;
		break;
	case HELPER_LISTEN_RESULT:
		m.listen_result.ticket = 7;
		m.listen_result.error = -EADDRINUSE;
		break;
	case HELPER_EXEC_RESULT:
		m.exec_result.id = 42;
		m.exec_result.result.end = KERNEL_EXEC_FAILED;
		m.exec_result.result.code = -ETIMEDOUT;
		memset(m.exec_result.result.output, 'o', KERNEL_EXEC_OUTPUT - 1);
		break;
	case HELPER_CONFIG_DATA: m.config_data.serial = 3; break;
	case HELPER_SOCKET_OPEN:
		m.socket_open.id = 9;
		m.socket_open.kind = KERNEL_SOCKET_DHCP_RELAY;
		break;
	case HELPER_SOCKET_RESULT:
		m.socket_result.id = 9;
		m.socket_result.error = -EACCES;
		break;
	case HELPER_SERVED_STATE:
		assert_int_equal(addr_parse("192.0.2.53", &m.served_state.what.addr), 0);
		m.served_state.what.port = 53;
		m.served_state.what.proto = KERNEL_TCP;
		m.served_state.verdict = (struct helper_verdict){KERNEL_DESERTED, WHY_EXIT};
		break;
	case HELPER_SUSPECT:
		assert_int_equal(addr_parse("2001:db8::53", &m.suspect.what.addr), 0);
		m.suspect.what.port = 53;
		m.suspect.why = WHY_STALL;
		break;
	default: break;
	}
	return m;
}

static enum helper_from
from_of(enum helper_kind kind)
{
	return kind <= HELPER_SOCKET_OPEN ? HELPER_FROM_ENGINE : HELPER_FROM_HELPER;
}

static enum helper_from
other(enum helper_from from)
{
	return from == HELPER_FROM_ENGINE ? HELPER_FROM_HELPER : HELPER_FROM_ENGINE;
}

static void
test_round_trip(void **state)
{
	(void)state;
	for (int kind = 1; kind < HELPER_KIND_END; kind++) {
		struct helper_msg m = sample((enum helper_kind)kind), back;
		uint8_t data[HELPER_MSG_MAX], again[HELPER_MSG_MAX];
		size_t len = helper_msg_encode(&m, data);

		assert_int_equal(
		    helper_msg_decode(data, len, from_of((enum helper_kind)kind), &back), 0);
		assert_int_equal(back.kind, kind);
		assert_int_equal(helper_msg_encode(&back, again), len);
		assert_memory_equal(data, again, len);
		assert_string_not_equal(helper_kind_str((enum helper_kind)kind), "?");
	}
	assert_string_equal(helper_kind_str(HELPER_KIND_END), "?");
}

static struct helper_msg
there_and_back(enum helper_kind kind)
{
	struct helper_msg m = sample(kind), back;
	uint8_t data[HELPER_MSG_MAX];
	size_t len = helper_msg_encode(&m, data);

	assert_int_equal(helper_msg_decode(data, len, from_of(kind), &back), 0);
	return back;
}

/* Every field arrives. */
static void
test_fields(void **state)
{
	struct helper_msg m, sent = sample(HELPER_ADDRESS_SET);

	(void)state;
	m = there_and_back(HELPER_ADDRESS_SET);
	assert_true(prefix_equal(&m.address_set.prefix, &sent.address_set.prefix));
	assert_string_equal(m.address_set.ifname, "fifteen-letters");
	assert_true(m.address_set.present);
	sent = sample(HELPER_LISTEN);
	m = there_and_back(HELPER_LISTEN);
	assert_int_equal(m.listen.ticket, 7);
	assert_true(endpoint_equal(&m.listen.local, &sent.listen.local));
	assert_int_equal(m.listen.ttl, 254);
	assert_int_equal(m.listen.min_ttl, 255);
	assert_int_equal(m.listen.tos, 0xc0);
	m = there_and_back(HELPER_ADDRESS_STATE);
	assert_int_equal(m.address_state.error, -ENODEV);
	assert_true(m.address_state.present);
	m = there_and_back(HELPER_LINK_STATE);
	assert_string_equal(m.link_state.ifname, "lo");
	assert_true(m.link_state.up);
	m = there_and_back(HELPER_LISTEN_RESULT);
	assert_int_equal(m.listen_result.ticket, 7);
	assert_int_equal(m.listen_result.error, -EADDRINUSE);
	m = there_and_back(HELPER_EXEC_RESULT);
	assert_int_equal(m.exec_result.id, 42);
	assert_int_equal(m.exec_result.result.end, KERNEL_EXEC_FAILED);
	assert_int_equal(m.exec_result.result.code, -ETIMEDOUT);
	assert_int_equal(strlen(m.exec_result.result.output), KERNEL_EXEC_OUTPUT - 1);
	m = there_and_back(HELPER_EXEC_START);
	assert_int_equal(m.exec_start.id, 42);
	assert_int_equal(strlen(m.exec_start.name), KERNEL_EXEC_NAME - 1);
	m = there_and_back(HELPER_SOCKET_OPEN);
	assert_int_equal(m.socket_open.id, 9);
	assert_int_equal(m.socket_open.kind, KERNEL_SOCKET_DHCP_RELAY);
	m = there_and_back(HELPER_SOCKET_RESULT);
	assert_int_equal(m.socket_result.id, 9);
	assert_int_equal(m.socket_result.error, -EACCES);
	sent = sample(HELPER_SERVED_STATE);
	m = there_and_back(HELPER_SERVED_STATE);
	assert_true(addr_equal(&m.served_state.what.addr, &sent.served_state.what.addr));
	assert_int_equal(m.served_state.what.port, 53);
	assert_int_equal(m.served_state.what.proto, KERNEL_TCP);
	assert_int_equal(m.served_state.verdict.served, KERNEL_DESERTED);
	assert_int_equal(m.served_state.verdict.why, WHY_EXIT);
	m = there_and_back(HELPER_SUSPECT);
	assert_int_equal(m.suspect.what.proto, KERNEL_UDP);
	assert_int_equal(m.suspect.why, WHY_STALL);
	m = there_and_back(HELPER_HEARTBEAT);
	assert_true(m.heartbeat.seq == UINT64_C(0x0123456789abcdef));
}

static void
test_only_exact_sizes(void **state)
{
	(void)state;
	for (int kind = 1; kind < HELPER_KIND_END; kind++) {
		struct helper_msg m = sample((enum helper_kind)kind), back;
		uint8_t data[HELPER_MSG_MAX + 1] = {0};
		size_t len = helper_msg_encode(&m, data);
		enum helper_from from = from_of((enum helper_kind)kind);

		for (size_t shorter = 0; shorter < len; shorter++)
			assert_int_equal(helper_msg_decode(data, shorter, from, &back), -1);
		assert_int_equal(helper_msg_decode(data, len + 1, from, &back), -1);
	}
}

static void
test_only_from_its_side(void **state)
{
	(void)state;
	for (int kind = 1; kind < HELPER_KIND_END; kind++) {
		struct helper_msg m = sample((enum helper_kind)kind), back;
		uint8_t data[HELPER_MSG_MAX];
		size_t len = helper_msg_encode(&m, data);

		assert_int_equal(
		    helper_msg_decode(data, len, other(from_of((enum helper_kind)kind)), &back),
		    -1);
	}
}

/* A field of a good message is overwritten: `at` counts from behind the kind. */
struct spoilt {
	enum helper_kind kind;
	size_t at;
	const char *bytes;
	size_t len;
	const char *what;
};

static const struct spoilt spoilt[] = {
    {HELPER_READY, 3, "\x02", 1, "another version"},
    {HELPER_ADDRESS_SET, 0, "\x05", 1, "no address family"},
    {HELPER_ADDRESS_SET, 0, "\x00", 1, "no address"},
    {HELPER_ADDRESS_SET, 1 + 4, "\x01", 1, "bytes behind an IPv4 address"},
    {HELPER_ADDRESS_SET, 17, "\x21", 1, "a prefix of 33 bits"},
    {HELPER_ADDRESS_SET, 17, "\x18", 1, "bits beyond the prefix"},
    {HELPER_ADDRESS_SET, 18, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, "no interface"},
    {HELPER_ADDRESS_SET, 18 + 15, "x", 1, "an interface without an end"},
    {HELPER_ADDRESS_SET, 18 + 2, "\0", 1, "bytes behind the interface's name"},
    {HELPER_ADDRESS_SET, 18, "/", 1, "a path as the interface"},
    {HELPER_ADDRESS_SET, 18, "..\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16, "a directory"},
    {HELPER_ADDRESS_SET, 18, " ", 1, "a blank in the interface"},
    {HELPER_ADDRESS_SET, 34, "\x02", 1, "neither true nor false"},
    {HELPER_LISTEN, 4, "\x09", 1, "no endpoint's family"},
    {HELPER_LISTEN, 4 + 17, "\0\0", 2, "port 0"},
    {HELPER_LISTEN, 4 + 17 + 2, "\0\0\0\x05", 4, "a scope on a global address"},
    {HELPER_LISTEN, 4 + 17 + 2 + 4, "a/b", 3, "a path as the device"},
    {HELPER_EXEC_START, 0, "\0\0\0\0", 4, "run 0"},
    {HELPER_EXEC_START, 4, "\0", 1, "bytes behind an empty name"},
    {HELPER_EXEC_START, 4 + 63, "x", 1, "a name without an end"},
    {HELPER_EXEC_KILL, 0, "\0\0\0\0", 4, "run 0"},
    {HELPER_CONFIG_READ, 0, "\0\0\0\0", 4, "serial 0"},
    {HELPER_ADDRESS_STATE, 19, "\0\0\0\x01", 4, "an error above 0"},
    {HELPER_ADDRESS_STATE, 19, "\xff\xff\xf0\x00", 4, "an error below all errors"},
    {HELPER_LINK_STATE, 16, "\xff", 1, "neither up nor down"},
    {HELPER_EXEC_RESULT, 4, "\x03", 1, "no end"},
    {HELPER_SOCKET_OPEN, 0, "\0\0\0\0", 4, "request 0"},
    {HELPER_SOCKET_OPEN, 4, "\x04", 1, "no kind of socket"},
    {HELPER_SOCKET_RESULT, 0, "\0\0\0\0", 4, "request 0"},
    {HELPER_SOCKET_RESULT, 4, "\0\0\0\x01", 4, "an error above 0"},
    {HELPER_SERVED_STATE, 0, "\x05", 1, "no address family"},
    {HELPER_SERVED_STATE, 17, "\0\0", 2, "port 0"},
    {HELPER_SERVED_STATE, 19, "\x02", 1, "no protocol"},
    {HELPER_SERVED_STATE, 20, "\x03", 1, "no verdict"},
    {HELPER_SUSPECT, 20, "\x01", 1, "no suspicion"},
    {HELPER_EXEC_RESULT, 9 + 255, "x", 1, "an output without an end"},
};

static void
test_fields_in_range(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(spoilt); i++) {
		struct helper_msg m = sample(spoilt[i].kind), back;
		uint8_t data[HELPER_MSG_MAX];
		size_t len = helper_msg_encode(&m, data);

		assert_true(2 + spoilt[i].at + spoilt[i].len <= len);
		memcpy(data + 2 + spoilt[i].at, spoilt[i].bytes, spoilt[i].len);
		if (helper_msg_decode(data, len, from_of(spoilt[i].kind), &back) != -1)
			fail_msg("%s with %s was accepted", helper_kind_str(spoilt[i].kind),
			    spoilt[i].what);
	}
}

static void
test_unknown_kinds(void **state)
{
	struct helper_msg back;
	uint8_t data[HELPER_MSG_MAX] = {0};

	(void)state;
	assert_int_equal(helper_msg_decode(data, 0, HELPER_FROM_ENGINE, &back), -1);
	assert_int_equal(helper_msg_decode(data, 1, HELPER_FROM_ENGINE, &back), -1);
	for (unsigned kind = 0; kind <= 0xffff; kind++) {
		data[0] = (uint8_t)(kind >> 8);
		data[1] = (uint8_t)kind;
		if (kind == HELPER_STOPPING)
			continue;
		assert_int_equal(helper_msg_decode(data, 2, HELPER_FROM_ENGINE, &back), -1);
	}
}

/* Whatever is accepted is exactly what we would have written. */
static void
test_accepted_means_canonical(void **state)
{
	unsigned accepted = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	for (unsigned i = 0; i < 200000; i++) {
		enum helper_kind kind =
		    (enum helper_kind)(1 + rng_below(&rng, HELPER_KIND_END - 1));
		struct helper_msg m = sample(kind), back;
		uint8_t data[HELPER_MSG_MAX], again[HELPER_MSG_MAX];
		size_t len = helper_msg_encode(&m, data);

		data[rng_below(&rng, len)] = (uint8_t)rng_next(&rng);
		if (helper_msg_decode(data, len, from_of(kind), &back) != 0)
			continue;
		accepted++;
		assert_int_equal(helper_msg_encode(&back, again), len);
		assert_memory_equal(data, again, len);
	}
	assert_in_range(accepted, 1000, 199000);
}

static void
test_descriptors(void **state)
{
	struct helper_msg m = sample(HELPER_LISTEN_RESULT);

	(void)state;
	assert_int_equal(helper_msg_fds(&m), 0);
	m.listen_result.error = 0;
	assert_int_equal(helper_msg_fds(&m), 1);
	m = sample(HELPER_CONFIG_DATA);
	assert_int_equal(helper_msg_fds(&m), 1);
	m.config_data.error = -ENOENT;
	assert_int_equal(helper_msg_fds(&m), 0);
	m = sample(HELPER_SOCKET_RESULT);
	assert_int_equal(helper_msg_fds(&m), 0);
	m.socket_result.error = 0;
	assert_int_equal(helper_msg_fds(&m), 1);
	m = sample(HELPER_SOCKET_OPEN);
	assert_int_equal(helper_msg_fds(&m), 0);
	m = sample(HELPER_LISTEN);
	assert_int_equal(helper_msg_fds(&m), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_only_exact_sizes),
	    cmocka_unit_test(test_only_from_its_side),
	    cmocka_unit_test(test_fields_in_range),
	    cmocka_unit_test(test_unknown_kinds),
	    cmocka_unit_test(test_accepted_means_canonical),
	    cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
