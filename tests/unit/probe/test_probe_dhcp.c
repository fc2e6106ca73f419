/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP: how questions look on the wire, how answers are judged, and the probe against a server in a
 * thread. The sockets come from a port that binds them to the loopback.
 */
#include "probe/dhcp_msg.h"
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define XID     0x12345678
#define HEAD    44 /* op to chaddr */
#define SNAME   44
#define FILE_   108
#define OPTIONS 240

static const struct dhcp_query discover = {
    .type = DHCP_DISCOVER, .xid = XID, .mac = {2, 1, 2, 3, 4, 5}};
static const struct dhcp_query inform = {
    .type = DHCP_INFORM, .xid = XID, .mac = {2, 1, 2, 3, 4, 5}};

/* -- questions -- */

static void
question_of_a_client(void **state)
{
	static const uint8_t head[] = {1, 1, 6, 0, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0};
	static const uint8_t options[] = {99, 130, 83, 99, 53, 1, 1, 55, 4, 1, 3, 6, 15, 255};
	static const uint8_t zeros[DHCP_QUERY_MAX];
	uint8_t q[DHCP_QUERY_MAX];

	assert_int_equal(dhcp_query_build(&discover, q, sizeof(q)), 300);
	assert_memory_equal(q, head, sizeof(head));
	assert_memory_equal(q + 12, zeros, 16); /* four addresses */
	assert_memory_equal(q + 28, discover.mac, 6);
	assert_memory_equal(q + 34, zeros, 202);
	assert_memory_equal(q + 236, options, sizeof(options));
	assert_memory_equal(q + 236 + sizeof(options), zeros, 300 - 236 - sizeof(options));
}

static void
question_of_a_relay(void **state)
{
	static const uint8_t agent[] = {82, 6, 5, 4, 198, 51, 100, 1, 255};
	struct dhcp_query query = discover;
	uint8_t q[DHCP_QUERY_MAX];

	query.relay = addr_v4(0xc0000201);
	query.link = addr_v4(0xc6336401);
	assert_int_equal(dhcp_query_build(&query, q, sizeof(q)), 300);
	assert_int_equal(q[3], 1); /* hops */
	assert_memory_equal(q + 24, "\300\0\2\1", 4);
	assert_memory_equal(q + 249, agent, sizeof(agent));
}

static void
question_of_an_inform(void **state)
{
	struct dhcp_query query = inform;
	uint8_t q[DHCP_QUERY_MAX];

	query.client = addr_v4(0xc0000209);
	assert_int_equal(dhcp_query_build(&query, q, sizeof(q)), 300);
	assert_int_equal(q[10], 0); /* no broadcast */
	assert_memory_equal(q + 12, "\300\0\2\11", 4);
	assert_int_equal(q[242], 8);
	assert_int_equal(dhcp_query_build(&query, q, 299), 0);
}

/* -- answers -- */

/* An answer with the options given as bytes; what is offered is 192.0.2.100. */
static size_t
answer(uint8_t *msg, const void *options, size_t len)
{
	static const uint8_t head[] = {2, 1, 6, 0, 0x12, 0x34, 0x56, 0x78};

	memset(msg, 0, OPTIONS);
	memcpy(msg, head, sizeof(head));
	memcpy(msg + 16, "\300\0\2\144", 4);
	memcpy(msg + 28, discover.mac, 6);
	memcpy(msg + 236, "\143\202\123\143", 4);
	memcpy(msg + OPTIONS, options, len);
	return OPTIONS + len;
}
#define ANSWER(msg, options) answer(msg, options, sizeof(options) - 1)

#define TYPE(n)   "\065\001" n
#define SERVER(n) "\066\004\300\000\002" n
#define OFFER     TYPE("\002") SERVER("\001")

static const struct dhcp_expect anything;

static void
check_judge(const struct dhcp_query *q, const struct dhcp_expect *expect, const uint8_t *msg,
    size_t len, enum why why, const char *detail)
{
	struct probe_sample sample = {0};
	struct wire_reader r;
	struct addr server;

	wire_reader_init(&r, msg, len);
	assert_int_equal(dhcp_judge(q, expect, &r, &sample, &server), DHCP_JUDGED);
	assert_string_equal(sample.detail, detail);
	assert_string_equal(why_str(sample.why), why_str(why));
}

static void
answers(void **state)
{
	static const struct {
		const struct dhcp_query *query;
		const char *options;
		size_t len;
		enum why why;
		const char *detail;
	} cases[] = {
#define CASE(query, options, why, detail) {query, options, sizeof(options) - 1, why, detail}
	    CASE(&discover, OFFER "\377", WHY_OK, "192.0.2.100 offered by 192.0.2.1"),
	    CASE(&discover, OFFER, WHY_OK, "192.0.2.100 offered by 192.0.2.1"),
	    CASE(&discover, "\0\0" TYPE("\002") "\0\377" SERVER("\001"), WHY_OK,
		"192.0.2.100 offered"),
	    CASE(&discover, OFFER TYPE("\006") "\377", WHY_OK, "192.0.2.100 offered by 192.0.2.1"),
	    CASE(&discover, TYPE("\006") "\377", WHY_STATUS, "NAK, expected OFFER"),
	    CASE(&discover, TYPE("\005") SERVER("\001"), WHY_STATUS,
		"ACK by 192.0.2.1, expected OFFER"),
	    CASE(&inform, TYPE("\005") SERVER("\001"), WHY_OK, "ACK by 192.0.2.1"),
	    CASE(&inform, OFFER, WHY_STATUS, "OFFER by 192.0.2.1, expected ACK"),
	    CASE(&discover, "", WHY_MALFORMED, "no message type"),
	    CASE(&discover, TYPE("\011"), WHY_MALFORMED, "an unknown message type"),
	    CASE(&discover, TYPE("\000"), WHY_MALFORMED, "no message type"),
	    CASE(&discover, "\065\002\002\002", WHY_MALFORMED, "an unknown message type"),
	    CASE(&discover, "\065", WHY_MALFORMED, "an option goes beyond the end of the message"),
	    CASE(&discover, "\065\002\002", WHY_MALFORMED,
		"an option goes beyond the end of the message"),
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint8_t msg[512];
		size_t len = answer(msg, cases[i].options, cases[i].len);
		check_judge(cases[i].query, &anything, msg, len, cases[i].why, cases[i].detail);
	}
}

/* Options that go on in the file and sname fields, in that order. */
static void
overload(void **state)
{
	uint8_t msg[512];
	size_t len = ANSWER(msg, "\064\001\003\377");

	memcpy(msg + FILE_, TYPE("\002") "\377", 4);
	memcpy(msg + SNAME, TYPE("\006") SERVER("\007") "\377", 10);
	check_judge(&discover, &anything, msg, len, WHY_OK, "192.0.2.100 offered by 192.0.2.7");
	msg[OPTIONS + 2] = 1;
	check_judge(&discover, &anything, msg, len, WHY_OK, "192.0.2.100 offered");
	msg[OPTIONS + 2] = 2;
	check_judge(&discover, &anything, msg, len, WHY_STATUS, "NAK by 192.0.2.7, expected OFFER");
	memset(msg + SNAME, 0, 64);
	msg[SNAME + 63] = 53;
	check_judge(&discover, &anything, msg, len, WHY_MALFORMED,
	    "an option goes beyond the end of the sname field");
	msg[OPTIONS + 2] = 1;
	memset(msg + FILE_, 0, 128);
	memcpy(msg + FILE_ + 126, "\065\001", 2);
	check_judge(&discover, &anything, msg, len, WHY_MALFORMED,
	    "an option goes beyond the end of the file field");
}

static void
not_ours(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{0, 1}, {1, 6}, {7, 0x79}, {28, 3}, {33, 6}};
	struct probe_sample sample;
	struct wire_reader r;
	struct addr server;
	uint8_t msg[512];
	uint32_t xid;
	size_t len;

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		len = ANSWER(msg, OFFER "\377");
		msg[changes[i].at] = changes[i].value;
		wire_reader_init(&r, msg, len);
		assert_int_equal(
		    dhcp_judge(&discover, &anything, &r, &sample, &server), DHCP_IGNORE);
	}
	len = ANSWER(msg, OFFER "\377");
	for (size_t cut = 0; cut < HEAD; cut++) {
		wire_reader_init(&r, msg, cut);
		assert_int_equal(
		    dhcp_judge(&discover, &anything, &r, &sample, &server), DHCP_IGNORE);
		assert_int_equal(dhcp_reply_xid(msg, cut, &xid), -1);
	}
	assert_int_equal(dhcp_reply_xid(msg, len, &xid), 0);
	assert_int_equal(xid, XID);
	for (size_t cut = HEAD; cut < OPTIONS; cut++)
		check_judge(&discover, &anything, msg, cut, WHY_MALFORMED, "no options (BOOTP?)");
}

static void
expected(void **state)
{
	static const struct prefix pools[] = {
	    {.addr = {ADDR_V4, {198, 51, 100, 0}}, .len = 24},
	    {.addr = {ADDR_V4, {192, 0, 2, 96}}, .len = 29},
	};
	struct dhcp_expect expect = {.offers_from = {pools, 2}};
	struct probe_sample sample;
	struct wire_reader r;
	struct addr server;
	uint8_t msg[512];
	size_t len = ANSWER(msg, OFFER "\377");

	check_judge(&discover, &expect, msg, len, WHY_OK, "192.0.2.100 offered by 192.0.2.1");
	msg[19] = 104;
	check_judge(&discover, &expect, msg, len, WHY_CONTENT,
	    "192.0.2.104 offered by 192.0.2.1, which is in no prefix of offers-from");
	memset(msg + 16, 0, 4);
	check_judge(
	    &discover, &expect, msg, len, WHY_MALFORMED, "an OFFER of no address by 192.0.2.1");
	expect = (struct dhcp_expect){.server_id = addr_v4(0xc0000202)};
	wire_reader_init(&r, msg, len);
	assert_int_equal(dhcp_judge(&discover, &expect, &r, &sample, &server), DHCP_OTHER);
	assert_int_equal(addr_to_v4(&server), 0xc0000201);
	len = ANSWER(msg, TYPE("\002") "\377");
	check_judge(&discover, &expect, msg, len, WHY_MALFORMED, "no server identifier");
}

/* -- the probe -- */

enum port_manner { AT_ONCE, REFUSE, NEVER };

struct fake_port {
	struct kernel_port port;
	enum port_manner manner;
	enum kernel_socket_kind kind; /* that was asked for */
	unsigned opened, cancelled;
};

static int
loopback_socket(void)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (const struct sockaddr *)&sin, sizeof(sin)), 0);
	return fd;
}

static void
port_open(struct kernel_port *k, struct kernel_socket *s, enum kernel_socket_kind kind)
{
	struct fake_port *f = container_of(k, struct fake_port, port);

	assert_int_equal(s->id, 0);
	f->opened++;
	f->kind = kind;
	if (f->manner == NEVER)
		s->id = 1;
	else
		s->fn(s, f->manner == REFUSE ? -EACCES : loopback_socket());
}

static void
port_cancel(struct kernel_port *k, struct kernel_socket *s)
{
	container_of(k, struct fake_port, port)->cancelled++;
	s->id = 0;
}

static const struct kernel_ops port_ops = {.socket_open = port_open, .socket_cancel = port_cancel};

enum manner { GOOD, SILENT, NAK, OTHER_XID };

static ssize_t
reply(const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap)
{
	bool wants_offer = len >= OPTIONS + 3 && in[242] == 1;
	size_t n;

	if (s->manner == SILENT)
		return -1;
	n = wants_offer ? ANSWER(out, OFFER "\377")
			: ANSWER(out, TYPE("\005") SERVER("\001") "\377");
	memcpy(out + 4, in + 4, 4);
	memcpy(out + 28, in + 28, 16);
	memcpy(out + 24, in + 24, 4);
	/* A relay's own address, and a made-up hardware address. */
	if (wants_offer && memcmp(in + 24, "\177\0\0\1", 4) != 0)
		return -1;
	if (!wants_offer && memcmp(in + 12, "\177\0\0\1", 4) != 0)
		return -1;
	if ((in[28] & 3) != 2)
		return -1;
	if (s->manner == NAK)
		out[OPTIONS + 2] = 6;
	if (s->manner == OTHER_XID)
		out[4] ^= 1;
	return (ssize_t)n;
}

static void
check_probe(enum manner manner, const char *options, enum why why, const char *detail)
{
	struct fake_port f = {.port = {.ops = &port_ops}};
	struct probe_run run = {.kind = &probe_dhcp, .kernel = &f.port, .attempts = 3};
	struct test_server s;

	test_server_start(&s, "127.0.0.1", SOCK_DGRAM, reply, manner);
	probe_run(&run, "server: '%s', timeout: 200ms%s", s.name, options);
	test_server_stop(&s);
	assert_string_equal(run.sample.detail, detail);
	assert_string_equal(why_str(run.sample.why), why_str(why));
	assert_int_equal(f.opened, 1);
	assert_int_equal(f.kind, strstr(options, "inform") != NULL ? KERNEL_SOCKET_DHCP_CLIENT
								   : KERNEL_SOCKET_DHCP_RELAY);
}

static void
probe_asks(void **state)
{
	check_probe(GOOD, "", WHY_OK, "192.0.2.100 offered by 192.0.2.1");
	check_probe(GOOD, ", source: 127.0.0.1", WHY_OK, "192.0.2.100 offered by 192.0.2.1");
	check_probe(GOOD, ", interface: lo, mode: inform", WHY_OK, "ACK by 192.0.2.1");
	check_probe(GOOD, ", expect: {offers-from: 192.0.2.0/24}", WHY_OK,
	    "192.0.2.100 offered by 192.0.2.1");
	check_probe(GOOD, ", expect: {offers-from: [198.51.100.0/24]}", WHY_CONTENT,
	    "192.0.2.100 offered by 192.0.2.1, which is in no prefix of offers-from");
	check_probe(GOOD, ", expect: {server-id: 192.0.2.9}", WHY_TIMEOUT,
	    "no answer but of other servers, last 192.0.2.1");
	check_probe(NAK, "", WHY_STATUS, "NAK by 192.0.2.1, expected OFFER");
	check_probe(SILENT, "", WHY_TIMEOUT, "no answer");
	check_probe(OTHER_XID, "", WHY_TIMEOUT, "no answer");
}

static void
local_trouble(void **state)
{
	struct fake_port f = {.port = {.ops = &port_ops}, .manner = REFUSE};
	struct probe_run run = {.kind = &probe_dhcp, .kernel = &f.port, .attempts = 2};

	probe_run(&run, "server: 127.0.0.1");
	assert_string_equal(run.sample.detail, "UDP port 67: Permission denied");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_int_equal(f.opened, 2);
	assert_string_equal(run.description, "dhcp discover 127.0.0.1:67");
	probe_run(&run, "interface: nosuch");
	assert_string_equal(run.sample.detail, "UDP port 68: Permission denied");
	assert_string_equal(run.description, "dhcp discover on nosuch");
	f = (struct fake_port){.port = {.ops = &port_ops}, .manner = NEVER};
	probe_run(&run, "server: 127.0.0.1, timeout: 50ms");
	assert_string_equal(run.sample.detail, "no socket yet");
	assert_int_equal(f.opened, 1);
	assert_int_equal(f.cancelled, 1);
	f.manner = AT_ONCE;
	probe_run(&run, "interface: nosuch");
	assert_string_equal(run.sample.detail, "nosuch: No such device");
	assert_string_equal(why_str(run.sample.why), "local");
}

/* A server of this host keeps its port to itself: ours would take its packets away. */
static void
port_is_taken(void **state)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(67),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fake_port f = {.port = {.ops = &port_ops}};
	struct probe_run run = {.kind = &probe_dhcp, .kernel = &f.port};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&sin, sizeof(sin)) != 0) {
		close(fd);
		skip(); /* no right to bind there */
	}
	probe_run(&run, "server: 127.0.0.1");
	assert_string_equal(run.sample.detail,
	    "UDP port 67 (a DHCP server or relay of this host?): Address already in use");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_int_equal(f.opened, 0);
	close(fd);
}

static void
refused(void **state)
{
	static const struct {
		const char *options, *message;
	} cases[] = {
	    {"mode: discover", "'server' to ask one server, or 'interface'"},
	    {"server: '2001:db8::1'", "server: an IPv4 address is needed"},
	    {"server: 192.0.2.1, source: '2001:db8::1'", "source: an IPv4 address is needed"},
	    {"interface: eth0, link: 192.0.2.1", "link: only with 'server'"},
	    {"server: 192.0.2.1, link: 192.0.2.1, mode: inform", "link: only with 'server'"},
	    {"server: 192.0.2.1, mode: inform, expect: {offers-from: 192.0.2.0/24}",
		"nothing is offered"},
	    {"server: 192.0.2.1, mode: request", "mode"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		probe_refused(&probe_dhcp, cases[i].message, cases[i].options);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(question_of_a_client),
	    cmocka_unit_test(question_of_a_relay),
	    cmocka_unit_test(question_of_an_inform),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(overload),
	    cmocka_unit_test(not_ours),
	    cmocka_unit_test(expected),
	    cmocka_unit_test(probe_asks),
	    cmocka_unit_test(local_trouble),
	    cmocka_unit_test(port_is_taken),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
