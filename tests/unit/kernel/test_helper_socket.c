/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that probes cannot open themselves, on the loopback of a network namespace of the
 * test's own: what passes their filters, what does not, and how the DHCP ones are bound.
 */
#include "base/log.h"
#include "base/mem.h"
#include "kernel/helper_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_MS 10000
#define SKIPPED     77

/* Reads one packet, with what the kernel says about it. */
static size_t
receive(int fd, uint8_t *buf, size_t size, struct msghdr *msg)
{
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
	msg->msg_iov = &iov;
	msg->msg_iovlen = 1;
	n = recvmsg(fd, msg, 0);
	assert_true(n > 0);
	return (size_t)n;
}

static void
assert_empty(int fd)
{
	uint8_t byte;

	assert_true(recv(fd, &byte, 1, 0) < 0 && errno == EAGAIN);
}

/* The checksum of a message of which only the first two words are not 0. */
static uint16_t
checksum(uint16_t a, uint16_t b)
{
	uint32_t sum = (uint32_t)a + b;

	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* The request passes by the very same socket: only the answer gets in. */
static void
test_icmp4(void **state)
{
	struct sockaddr_in lo = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons(0x1234)};
	int fd = helper_socket_open(KERNEL_SOCKET_ICMP4);
	struct msghdr msg = {0};
	uint8_t buf[256];

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_empty(fd);
	echo.checksum = htons(checksum(ICMP_ECHO << 8, 0x1234));
	assert_int_equal(
	    sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&lo, sizeof(lo)), sizeof(echo));
	assert_int_equal(receive(fd, buf, sizeof(buf), &msg), sizeof(struct iphdr) + sizeof(echo));
	assert_int_equal(buf[sizeof(struct iphdr)], ICMP_ECHOREPLY);
	assert_int_equal(buf[sizeof(struct iphdr) + 4], 0x12);
	assert_int_equal(buf[sizeof(struct iphdr) + 5], 0x34);
	assert_empty(fd);
	close(fd);
}

static void
test_icmp6(void **state)
{
	struct sockaddr_in6 lo = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	struct icmp6_hdr echo = {.icmp6_type = ICMP6_ECHO_REQUEST};
	int fd = helper_socket_open(KERNEL_SOCKET_ICMP6);
	struct icmp6_hdr answer;
	struct msghdr msg = {0};

	(void)state;
	assert_true(fd >= 0);
	echo.icmp6_id = htons(0x1234);
	assert_int_equal(
	    sendto(fd, &echo, sizeof(echo), 0, (struct sockaddr *)&lo, sizeof(lo)), sizeof(echo));
	assert_int_equal(receive(fd, (uint8_t *)&answer, sizeof(answer), &msg), sizeof(answer));
	assert_int_equal(answer.icmp6_type, ICMP6_ECHO_REPLY);
	assert_int_equal(ntohs(answer.icmp6_id), 0x1234);
	assert_empty(fd);
	close(fd);
}

/* Nobody listens on the port: the error comes to the raw socket as well. */
static void
test_unreachable_passes(void **state)
{
	struct sockaddr_in lo = {
	    .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = helper_socket_open(KERNEL_SOCKET_ICMP4);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct msghdr msg = {0};
	uint8_t buf[256];

	(void)state;
	assert_true(fd >= 0 && udp >= 0);
	assert_int_equal(sendto(udp, "x", 1, 0, (struct sockaddr *)&lo, sizeof(lo)), 1);
	assert_true(receive(fd, buf, sizeof(buf), &msg) > sizeof(struct iphdr));
	assert_int_equal(buf[sizeof(struct iphdr)], ICMP_DEST_UNREACH);
	close(udp);
	close(fd);
}

static void
check_dhcp(enum kernel_socket_kind kind, uint16_t port)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
	    .sin_port = htons(port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	union {
		char buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control;
	struct msghdr msg = {.msg_control = &control, .msg_controllen = sizeof(control)};
	int fd = helper_socket_open(kind), broadcast = 0;
	socklen_t len = sizeof(broadcast);
	uint8_t buf[16];

	assert_true(fd >= 0);
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_BROADCAST, &broadcast, &len), 0);
	assert_int_equal(broadcast, 1);
	assert_int_equal(sendto(fd, "abc", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	assert_int_equal(receive(fd, buf, sizeof(buf), &msg), 3);
	assert_non_null(CMSG_FIRSTHDR(&msg));
	assert_int_equal(CMSG_FIRSTHDR(&msg)->cmsg_type, IP_PKTINFO);
	assert_empty(fd);
	close(fd);
}

static void
test_dhcp(void **state)
{
	(void)state;
	check_dhcp(KERNEL_SOCKET_DHCP_CLIENT, 68);
	check_dhcp(KERNEL_SOCKET_DHCP_RELAY, 67);
}

/* A DHCP client of the host may have the port too, if it wants to share; if not, it is told. */
static void
test_dhcp_beside_another(void **state)
{
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(68)};
	int other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), on = 1, fd;

	(void)state;
	assert_true(other >= 0);
	assert_int_equal(bind(other, (struct sockaddr *)&any, sizeof(any)), 0);
	assert_int_equal(helper_socket_open(KERNEL_SOCKET_DHCP_CLIENT), -EADDRINUSE);
	assert_int_equal(setsockopt(other, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	fd = helper_socket_open(KERNEL_SOCKET_DHCP_CLIENT);
	assert_true(fd >= 0);
	close(fd);
	close(other);
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_icmp4),
	    cmocka_unit_test(test_icmp6),
	    cmocka_unit_test(test_unreachable_passes),
	    cmocka_unit_test(test_dhcp),
	    cmocka_unit_test(test_dhcp_beside_another),
	};

	log_set_sink(quiet);
	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "skipped: a network namespace needs root (%s)\n", strerror(errno));
		return SKIPPED;
	}
	if (system("ip link set lo up") != 0) {
		fprintf(stderr, "skipped: there is no ip(8); install iproute2\n");
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
