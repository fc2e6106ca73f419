/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The icmp-echo probe in a network namespace of its own, whose kernel answers no echo requests: a
 * thread with raw sockets does, in whatever manner the test wants.
 */
#include "base/wire.h"
#include "probe/icmp_socket.h"
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SKIPPED 77 /* what meson takes for it */

enum manner {
	GOOD,
	SILENT,
	DAMAGED,
	SHORTER,
	OTHER_COOKIE,
	OTHER_SEQUENCE,
	OTHER_ID,
	TWICE,
	UNREACHABLE,
	EXPIRED,
	UNREACHABLE_OTHER,
	UNREACHABLE_SHORT, /* only what RFC 792 demands */
	MANNERS
};

/* -- the port: opens the sockets here -- */

enum port_manner { AT_ONCE, REFUSE, NEVER };

struct fake_port {
	struct kernel_port port;
	enum port_manner manner;
	struct kernel_socket *asked; /* and not answered */
	unsigned opened, cancelled;
};

static int
raw_socket(enum kernel_socket_kind kind)
{
	return kind == KERNEL_SOCKET_ICMP6
		   ? socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMPV6)
		   : socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static void
port_open(struct kernel_port *k, struct kernel_socket *s, enum kernel_socket_kind kind)
{
	struct fake_port *f = container_of(k, struct fake_port, port);

	assert_int_equal(s->id, 0);
	f->opened++;
	if (f->manner == NEVER) {
		s->id = 1;
		f->asked = s;
		return;
	}
	s->fn(s, f->manner == REFUSE ? -EACCES : raw_socket(kind));
}

static void
port_cancel(struct kernel_port *k, struct kernel_socket *s)
{
	struct fake_port *f = container_of(k, struct fake_port, port);

	assert_ptr_equal(s, f->asked);
	f->asked = NULL;
	s->id = 0;
	f->cancelled++;
}

static const struct kernel_ops port_ops = {.socket_open = port_open, .socket_cancel = port_cancel};

/* -- the host that answers -- */

struct host {
	int raw4, raw6, stop[2];
	enum manner manner;
	pthread_t thread;
	unsigned requests;
	uint8_t ttl, tos; /* of the last request; IPv4 */
	struct addr from;
};

static void
put_checksum(uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	data[2] = data[3] = 0;
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	data[2] = (uint8_t)(~sum >> 8);
	data[3] = (uint8_t)~sum;
}

/* A failure with the request in it: an IP header is made up for IPv6, where raw sockets get none.
 */
static size_t
quote(const struct host *h, bool v6, const uint8_t *packet, size_t len, uint8_t *out)
{
	size_t header = v6 ? 40 : 20;
	bool expired = h->manner == EXPIRED;

	memset(out, 0, 8 + header);
	out[0] = v6 ? (expired ? 3 : 1) : (expired ? 11 : 3);
	out[1] = expired ? 0 : v6 ? 3 : 1;
	if (v6) {
		out[8] = 0x60;
		out[8 + 6] = 58;
		out[8 + 39] = 1; /* to ::1 */
		memcpy(out + 8 + 40, packet, len);
		len += 40;
	} else {
		memcpy(out + 8, packet, len);
	}
	if (h->manner == UNREACHABLE_OTHER)
		out[8 + header - 1] ^= 0xff; /* the destination */
	return 8 + (h->manner == UNREACHABLE_SHORT ? header + 8 : len);
}

/* The answer to a request `icmp` that lies in `packet`. */
static size_t
answer_to(const struct host *h, bool v6, const uint8_t *packet, size_t len, uint8_t *out)
{
	const uint8_t *icmp = packet + (v6 ? 0 : 20);
	size_t icmp_len = len - (v6 ? 0 : 20);

	if (h->manner >= UNREACHABLE)
		return quote(h, v6, packet, len, out);
	memcpy(out, icmp, icmp_len);
	out[0] = v6 ? 129 : 0;
	if (h->manner == DAMAGED)
		out[icmp_len - 1] ^= 0xff;
	if (h->manner == OTHER_ID)
		out[4] ^= 1;
	if (h->manner == OTHER_SEQUENCE)
		out[7] ^= 1;
	if (h->manner == OTHER_COOKIE)
		out[8] ^= 1;
	return icmp_len - (h->manner == SHORTER ? 1 : 0);
}

static void
serve_one(struct host *h, int fd)
{
	bool v6 = fd == h->raw6;
	uint8_t packet[2048], out[2200];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &from_len);
	struct endpoint e;
	size_t len;

	if (n < 28 || packet[v6 ? 0 : 20] != (v6 ? 128 : 8))
		return;
	h->requests++;
	h->tos = packet[1];
	h->ttl = packet[8];
	if (endpoint_from_sockaddr((struct sockaddr *)&from, &e) == 0)
		h->from = e.addr;
	if (h->manner == SILENT)
		return;
	len = answer_to(h, v6, packet, (size_t)n, out);
	if (!v6)
		put_checksum(out, len);
	for (int i = 0; i < (h->manner == TWICE ? 2 : 1); i++)
		sendto(fd, out, len, 0, (struct sockaddr *)&from, from_len);
}

static void *
host_run(void *arg)
{
	struct host *h = arg;
	struct pollfd fds[] = {{h->raw4, POLLIN, 0}, {h->raw6, POLLIN, 0}, {h->stop[0], POLLIN, 0}};

	while (poll(fds, 3, -1) > 0 && fds[2].revents == 0) {
		for (int i = 0; i < 2; i++)
			if (fds[i].revents != 0)
				serve_one(h, fds[i].fd);
	}
	return NULL;
}

static void
host_start(struct host *h, enum manner manner)
{
	*h = (struct host){.manner = manner,
	    .raw4 = raw_socket(KERNEL_SOCKET_ICMP4),
	    .raw6 = raw_socket(KERNEL_SOCKET_ICMP6)};
	assert_true(h->raw4 >= 0 && h->raw6 >= 0);
	assert_int_equal(pipe(h->stop), 0);
	assert_int_equal(pthread_create(&h->thread, NULL, host_run, h), 0);
}

static void
host_stop(struct host *h)
{
	assert_int_equal(write(h->stop[1], "x", 1), 1);
	pthread_join(h->thread, NULL);
	close(h->raw4);
	close(h->raw6);
	close(h->stop[0]);
	close(h->stop[1]);
}

/* -- the namespace -- */

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int
prepare_namespace(void **state)
{
	struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &r), 0);
	close(fd);
	write_file("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	write_file("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
	return 0;
}

/* -- the tests -- */

static struct probe_sample
ask(const char *options, unsigned attempts)
{
	struct fake_port port = {.port = {.ops = &port_ops}};
	struct probe_run run = {
	    .kind = &probe_icmp_echo, .kernel = &port.port, .attempts = attempts};

	probe_run(&run, "timeout: 300ms, %s", options);
	assert_int_equal(port.opened, 1);
	return run.sample;
}

static void
manners(void **state)
{
	static const struct {
		enum why why;
		const char *detail; /* %s: who said so */
	} wanted[MANNERS] = {
	    [GOOD] = {WHY_OK, "56 bytes"},
	    [SILENT] = {WHY_TIMEOUT, "no reply"},
	    [DAMAGED] = {WHY_CONTENT, "byte 56 of 56 came back as 0xc8, was 0x37"},
	    [SHORTER] = {WHY_CONTENT, "55 bytes came back of 56"},
	    [OTHER_COOKIE] = {WHY_TIMEOUT, "no reply"},
	    [OTHER_SEQUENCE] = {WHY_TIMEOUT, "no reply"},
	    [OTHER_ID] = {WHY_TIMEOUT, "no reply"},
	    [TWICE] = {WHY_OK, "56 bytes"},
	    [UNREACHABLE] = {WHY_UNREACHABLE, NULL},
	    [EXPIRED] = {WHY_UNREACHABLE, NULL},
	    [UNREACHABLE_OTHER] = {WHY_TIMEOUT, "no reply"},
	    [UNREACHABLE_SHORT] = {WHY_UNREACHABLE, NULL},
	};

	for (int i = 0; i < 2 * MANNERS; i++) {
		const char *server = i % 2 == 0 ? "server: 127.0.0.1" : "server: '::1'";
		struct host h;
		host_start(&h, (enum manner)(i / 2));
		struct probe_sample s = ask(server, i / 2 == TWICE ? 3 : 1);
		host_stop(&h);
		if (s.why != wanted[i / 2].why)
			fail_msg("manner %d: %s, %s", i / 2, why_str(s.why), s.detail);
		if (wanted[i / 2].detail != NULL)
			assert_string_equal(s.detail, wanted[i / 2].detail);
	}
}

static void
failures_are_told(void **state)
{
	static const struct {
		enum manner manner;
		const char *options, *detail;
	} cases[] = {
	    {UNREACHABLE, "server: 127.0.0.1", "host unreachable, says 127.0.0.1"},
	    {UNREACHABLE, "server: '::1'", "address unreachable, says ::1"},
	    {EXPIRED, "server: 127.0.0.1", "time to live exceeded, says 127.0.0.1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct host h;
		host_start(&h, cases[i].manner);
		struct probe_sample s = ask(cases[i].options, 1);
		host_stop(&h);
		assert_string_equal(s.detail, cases[i].detail);
	}
}

/* What the socket cannot be asked for, since it is everybody's, each packet carries. */
static void
packet_options(void **state)
{
	struct host h;

	host_start(&h, GOOD);
	assert_true(ask("server: 127.0.0.1, ttl: 17, tos: 184, source: 127.0.0.9", 1).ok);
	assert_int_equal(h.ttl, 17);
	assert_int_equal(h.tos, 184);
	assert_int_equal(addr_to_v4(&h.from), 0x7f000009);
	assert_true(ask("server: 127.0.0.1, interface: lo, size: 8", 1).ok);
	assert_int_equal(h.ttl, 64);
	assert_true(ask("server: '::1', interface: lo, ttl: 3, tos: 4, source: '::1'", 1).ok);
	assert_int_equal(h.requests, 3);
	host_stop(&h);
}

static void
local_trouble(void **state)
{
	static const struct {
		const char *options;
		enum why why;
		const char *detail;
	} cases[] = {
	    {"server: 127.0.0.1, interface: eth7", WHY_LOCAL, "eth7: No such device"},
	    {"server: 192.0.2.1", WHY_UNREACHABLE, "send: Network is unreachable"},
	    {"server: '2001:db8::1'", WHY_UNREACHABLE, "send: Network is unreachable"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct probe_sample s = ask(cases[i].options, 2);
		assert_string_equal(s.detail, cases[i].detail);
		assert_string_equal(why_str(s.why), why_str(cases[i].why));
	}
	/* A source that the host has not: which error that is differs between kernels. */
	assert_false(ask("server: 127.0.0.1, source: 192.0.2.1", 1).ok);
	assert_false(ask("server: '::1', source: '2001:db8::2'", 1).ok);
}

/* No socket: said each time, asked for each time, and given up when the environment goes. */
static void
socket_refused(void **state)
{
	struct fake_port port = {.port = {.ops = &port_ops}, .manner = REFUSE};
	struct probe_run run = {.kind = &probe_icmp_echo, .kernel = &port.port, .attempts = 3};

	probe_run(&run, "server: 127.0.0.1");
	assert_string_equal(run.sample.detail, "raw ICMP socket: Permission denied");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_int_equal(port.opened, 3);
	port = (struct fake_port){.port = {.ops = &port_ops}, .manner = NEVER};
	probe_run(&run, "server: 127.0.0.1, timeout: 20ms");
	assert_string_equal(run.sample.detail, "the raw ICMP socket is not open yet");
	assert_int_equal(port.opened, 1);
	assert_int_equal(port.cancelled, 1);
	assert_string_equal(run.description, "icmp-echo 127.0.0.1");
}

/* Ids are all different, are given back, and end at 65,536. */
static void
ids(void **state)
{
	const size_t count = ICMP_CLIENTS_MAX + 1;
	struct icmp_client *clients = mem_array(count, sizeof(*clients));
	struct icmp_socket *s = mem_alloc(sizeof(*s));
	bool *used = mem_array(ICMP_CLIENTS_MAX, sizeof(*used));
	struct probe_env env = {0};

	icmp_socket_init(s, &env, ADDR_V4);
	for (size_t i = 0; i < count; i++) {
		icmp_client_add(s, &clients[i], NULL);
		if (i == ICMP_CLIENTS_MAX)
			break;
		assert_true(clients[i].registered);
		assert_false(used[clients[i].token.id]);
		used[clients[i].token.id] = true;
	}
	assert_false(clients[count - 1].registered);
	icmp_client_del(s, &clients[count - 1]);
	icmp_client_del(s, &clients[4711]);
	icmp_client_del(s, &clients[17]);
	icmp_client_add(s, &clients[17], NULL);
	icmp_client_add(s, &clients[4711], NULL);
	assert_true(clients[17].registered && clients[4711].registered);
	assert_int_not_equal(clients[17].token.id, clients[4711].token.id);
	icmp_client_add(s, &clients[count - 1], NULL);
	assert_false(clients[count - 1].registered);
	for (size_t i = 0; i < count; i++)
		icmp_client_del(s, &clients[i]);
	icmp_socket_done(s);
	free(used);
	free(s);
	free(clients);
}

static void
options_are_checked(void **state)
{
	const struct probe_kind *k = &probe_icmp_echo;

	probe_refused(k, "multicast", "server: 224.0.0.1");
	probe_refused(k, "multicast", "server: 'ff02::1'");
	probe_refused(k, "needs 'interface'", "server: 'fe80::1'");
	probe_refused(k, "an IPv4 address is needed", "server: 192.0.2.1, source: '::1'");
	probe_refused(k, "size", "server: 192.0.2.1, size: 7");
	probe_refused(k, "ttl", "server: 192.0.2.1, ttl: 256");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(manners),
	    cmocka_unit_test(failures_are_told),
	    cmocka_unit_test(packet_options),
	    cmocka_unit_test(local_trouble),
	    cmocka_unit_test(socket_refused),
	    cmocka_unit_test(ids),
	    cmocka_unit_test(options_are_checked),
	};

	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "skipped: a network namespace needs root (%s)\n", strerror(errno));
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, prepare_namespace, NULL);
}
