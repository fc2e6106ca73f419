/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that take privileges: raw ICMP and ICMPv6, and the two ports of DHCP.
 *
 * A kind is a row: the arguments of socket(2), the port, and a function for what is special. This
 * file calls socket(2) itself, next to loop/net_socket.c, because no other process than the helper
 * may open these, and no other is to have the code.
 *
 * A raw ICMP socket hears every ICMP message that the host receives. What a probe can do nothing
 * with is filtered in the kernel, where it costs nothing: only echo replies pass, and the errors
 * that routers send back (RFC 792, RFC 4443). Raw ICMPv6 sockets get their checksum from the kernel
 * (RFC 3542, section 3.1); for raw ICMP the probe computes it.
 *
 * The DHCP sockets are bound to all addresses, because answers to a client without an address are
 * broadcast (RFC 2131, section 4.1); IP_PKTINFO tells on which interface one came, and SO_REUSEADDR
 * lets them stand beside a DHCP client or relay of the host that allows the same.
 */
#include "kernel/helper_socket.h"

#include "base/log.h"

#include <errno.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One socket serves all probes of a kind, and answers may come in bursts. */
#define RECEIVE_BUFFER (1024 * 1024)

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int
prepare_icmp4(int fd)
{
	struct icmp_filter drop = {
	    .data = ~(1u << ICMP_ECHOREPLY | 1u << ICMP_DEST_UNREACH | 1u << ICMP_TIME_EXCEEDED)};

	return setsockopt(fd, SOL_RAW, ICMP_FILTER, &drop, sizeof(drop));
}

static int
prepare_icmp6(int fd)
{
	struct icmp6_filter filter;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	ICMP6_FILTER_SETPASS(ICMP6_DST_UNREACH, &filter);
	ICMP6_FILTER_SETPASS(ICMP6_TIME_EXCEEDED, &filter);
	return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
}

static int
prepare_dhcp(int fd)
{
	if (set_int(fd, SOL_SOCKET, SO_BROADCAST, 1) < 0 ||
	    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0)
		return -1;
	return set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

static const struct socket_row {
	const char *name;
	int family, type, protocol;
	uint16_t port; /* to bind to; 0: none */
	int (*prepare)(int fd);
} socket_rows[KERNEL_SOCKET_COUNT] = {
    [KERNEL_SOCKET_ICMP4] = {"ICMP", AF_INET, SOCK_RAW, IPPROTO_ICMP, 0, prepare_icmp4},
    [KERNEL_SOCKET_ICMP6] = {"ICMPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, 0, prepare_icmp6},
    [KERNEL_SOCKET_DHCP_CLIENT] = {"DHCP client", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 68,
	prepare_dhcp},
    [KERNEL_SOCKET_DHCP_RELAY] = {"DHCP relay", AF_INET, SOCK_DGRAM, IPPROTO_UDP, 67, prepare_dhcp},
};

static int
bind_port(int fd, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};

	return port == 0 ? 0 : bind(fd, (const struct sockaddr *)&sin, sizeof(sin));
}

int
helper_socket_open(enum kernel_socket_kind kind)
{
	const struct socket_row *row = &socket_rows[kind];
	int fd, error;

	fd = socket(row->family, row->type | SOCK_NONBLOCK | SOCK_CLOEXEC, row->protocol);
	if (fd >= 0) {
		(void)set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
		if (row->prepare(fd) == 0 && bind_port(fd, row->port) == 0)
			return fd;
	}
	error = -errno;
	if (fd >= 0)
		close(fd);
	log_error("cannot open a socket for %s probes: %s", row->name, strerror(-error));
	return error;
}

const char *
helper_socket_str(enum kernel_socket_kind kind)
{
	return socket_rows[kind].name;
}
