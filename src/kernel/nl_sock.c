/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sock_diag: looking sockets up, and hearing when one is destroyed.
 *
 * As with rtnetlink (nl.c) there are two sockets, for requests and for events, and nothing waits:
 * the kernel answers from within sendmsg(2).
 *
 * A dump asks for listening TCP and unconnected UDP sockets, each for IPv4 and for IPv6 (where the
 * sockets are that serve both), and a program in the request lets the kernel itself leave out other
 * ports. A dump of more than one part may miss a socket when another one ends between two parts, so
 * nobody may conclude from a dump alone that a port is deserted. The single look-up is what the
 * kernel does for a packet that arrives; it cannot miss, costs less than 3 us whatever the number
 * of sockets, and knows wildcards, IPv6 sockets that take IPv4, and SO_REUSEPORT.
 *
 * The kernel announces the end of sockets (SKNLGRP_INET_TCP_DESTROY...), never their beginning.
 * Only those groups are joined whose protocol is watched: a kernel without listeners spends
 * nothing.
 */
#include "kernel/nl_sock.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUFFER         32768
#define MONITOR_BUFFER (1024 * 1024)
/* Datagrams read in one turn of the loop. */
#define MONITOR_BURST 256
/* Ports that one request can name; with more, all sockets are told. */
#define CODE_PORTS 64
/* Per port: the comparison, its operand, and the jump to the end. */
#define CODE_STEP 3

static const struct proto_row {
	uint8_t protocol;
	uint32_t states;
	unsigned groups; /* mask: 1 << (SKNLGRP_... - 1) */
} proto_rows[] = {
    [KERNEL_UDP] = {IPPROTO_UDP, 1u << TCP_CLOSE,
	1u << (SKNLGRP_INET_UDP_DESTROY - 1) | 1u << (SKNLGRP_INET6_UDP_DESTROY - 1)},
    [KERNEL_TCP] = {IPPROTO_TCP, 1u << TCP_LISTEN,
	1u << (SKNLGRP_INET_TCP_DESTROY - 1) | 1u << (SKNLGRP_INET6_TCP_DESTROY - 1)},
};

/* -- reading the kernel's description of a socket -- */

static int
meminfo_attr(const struct nlattr *attr, void *data)
{
	const uint32_t *info = mnl_attr_get_payload(attr);
	struct nl_sock *s = data;

	switch (mnl_attr_get_type(attr)) {
	case INET_DIAG_SKMEMINFO:
		if (mnl_attr_get_payload_len(attr) >= (SK_MEMINFO_DROPS + 1) * sizeof(*info))
			s->drops = info[SK_MEMINFO_DROPS];
		break;
	case INET_DIAG_SKV6ONLY:
		s->v6only = mnl_attr_get_payload_len(attr) > 0 && mnl_attr_get_u8(attr) != 0;
		break;
	default: break;
	}
	return MNL_CB_OK;
}

static struct addr
sock_addr(const struct inet_diag_msg *msg)
{
	const uint8_t *bytes = (const uint8_t *)msg->id.idiag_src;

	if (msg->idiag_family == AF_INET)
		return addr_from_bytes(ADDR_V4, bytes);
	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)bytes))
		return addr_from_bytes(ADDR_V4, bytes + 12);
	return addr_from_bytes(ADDR_V6, bytes);
}

static uint64_t
sock_cookie(const struct inet_diag_msg *msg)
{
	return (uint64_t)msg->id.idiag_cookie[1] << 32 | msg->id.idiag_cookie[0];
}

/* 0, or -1 when it is none that serves. */
static int
sock_read(const struct nlmsghdr *nlh, enum kernel_proto proto, struct nl_sock *s)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);

	if (nlh->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    mnl_nlmsg_get_payload_len(nlh) < sizeof(*msg) ||
	    (1u << msg->idiag_state & proto_rows[proto].states) == 0 || msg->id.idiag_dport != 0)
		return -1;
	*s = (struct nl_sock){.cookie = sock_cookie(msg),
	    .inode = msg->idiag_inode,
	    .proto = proto,
	    .addr = sock_addr(msg),
	    .port = ntohs(msg->id.idiag_sport),
	    .queue = msg->idiag_rqueue};
	mnl_attr_parse(nlh, sizeof(*msg), meminfo_attr, s);
	return 0;
}

/* -- requests -- */

static struct nlmsghdr *
request_start(struct nl_socks *ns, void *buf, int family, enum kernel_proto proto)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));

	nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
	nlh->nlmsg_flags = NLM_F_REQUEST;
	nlh->nlmsg_seq = ++ns->seq;
	req->sdiag_family = (uint8_t)family;
	req->sdiag_protocol = proto_rows[proto].protocol;
	req->idiag_states = proto_rows[proto].states;
	req->idiag_ext = 1u << (INET_DIAG_SKMEMINFO - 1);
	req->id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	req->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return nlh;
}

/* The ports of one protocol: a part of the sorted array. */
struct port_range {
	const struct nl_sock_port *first;
	size_t count;
};

static struct port_range
ports_of(const struct nl_socks *ns, enum kernel_proto proto)
{
	struct port_range r = {0};

	for (size_t i = 0; i < ns->port_count; i++) {
		if (ns->ports[i].proto != proto)
			continue;
		if (r.count++ == 0)
			r.first = &ns->ports[i];
	}
	return r;
}

static bool
range_has(const struct port_range *r, uint16_t port)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->first[i].port == port)
			return true;
	return false;
}

/* Names the ports in the request: each is compared, and the first that is equal jumps to the end,
 * which means yes; the last that is not jumps beyond the end, which means no. */
static void
request_name_ports(struct nlmsghdr *nlh, const struct port_range *r)
{
	struct inet_diag_bc_op code[CODE_STEP * CODE_PORTS] = {0};
	size_t len = 0;

	if (r->count > CODE_PORTS)
		return;
	for (size_t i = 0; i < r->count; i++) {
		size_t left = (r->count - i - 1) * CODE_STEP * sizeof(*code);

		code[len++] = (struct inet_diag_bc_op){
		    .code = INET_DIAG_BC_S_EQ, .yes = 2 * sizeof(*code), .no = 3 * sizeof(*code)};
		code[len++].no = r->first[i].port;
		if (left == 0)
			break;
		code[len++] = (struct inet_diag_bc_op){
		    .code = INET_DIAG_BC_JMP, .yes = sizeof(*code), .no = (uint16_t)left};
	}
	mnl_attr_put(nlh, INET_DIAG_REQ_BYTECODE, len * sizeof(*code), code);
}

/* The error that a message of the kernel's carries. */
static int
message_error(const struct nlmsghdr *nlh)
{
	const int *error = mnl_nlmsg_get_payload(nlh);

	return mnl_nlmsg_get_payload_len(nlh) < sizeof(*error) ? 0 : *error;
}

/* One part of a dump: 1 when more follow, 0 at its end, or a negative errno. */
static int
dump_part(struct nl_socks *ns, struct nl_sock_dump *d, enum kernel_proto proto,
    const struct port_range *r)
{
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t n = mnl_socket_recvfrom(ns->request, buf, sizeof(buf));
	int len = (int)n;

	if (n < 0)
		return errno == EAGAIN ? -EIO : -errno;
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		struct nl_sock s;

		if (nlh->nlmsg_seq != ns->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR)
			return message_error(nlh);
		if (sock_read(nlh, proto, &s) == 0 && range_has(r, s.port))
			d->each(d, &s);
	}
	return 1;
}

static int
dump_family(struct nl_socks *ns, struct nl_sock_dump *d, int family, enum kernel_proto proto)
{
	struct port_range r = ports_of(ns, proto);
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	struct nlmsghdr *nlh;
	int step;

	if (r.count == 0)
		return 0;
	nlh = request_start(ns, buf, family, proto);
	nlh->nlmsg_flags |= NLM_F_DUMP;
	request_name_ports(nlh, &r);
	if (mnl_socket_sendto(ns->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do
		step = dump_part(ns, d, proto, &r);
	while (step > 0);
	return step;
}

int
nl_socks_dump(struct nl_socks *ns, struct nl_sock_dump *d)
{
	static const int families[] = {AF_INET, AF_INET6};
	int error = ns->request == NULL ? -EPROTONOSUPPORT : 0;

	for (size_t proto = 0; proto < ARRAY_LEN(proto_rows); proto++)
		for (size_t i = 0; i < ARRAY_LEN(families) && error == 0; i++)
			error = dump_family(ns, d, families[i], (enum kernel_proto)proto);
	return error;
}

int
nl_socks_find(struct nl_socks *ns, const struct kernel_listen *what, uint16_t remote_port,
    struct nl_sock *out)
{
	int family = what->addr.family == ADDR_V4 ? AF_INET : AF_INET6;
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	struct nlmsghdr *nlh = request_start(ns, buf, family, what->proto);
	struct inet_diag_req_v2 *req = mnl_nlmsg_get_payload(nlh);
	ssize_t n;

	if (ns->request == NULL)
		return -EPROTONOSUPPORT;
	/* For UDP the kernel takes the two ends the other way round, "for historical reasons". */
	if (what->proto == KERNEL_UDP) {
		memcpy(req->id.idiag_dst, what->addr.bytes, addr_len(&what->addr));
		req->id.idiag_dport = htons(what->port);
		req->id.idiag_sport = htons(remote_port);
	} else {
		memcpy(req->id.idiag_src, what->addr.bytes, addr_len(&what->addr));
		req->id.idiag_sport = htons(what->port);
		req->id.idiag_dport = htons(remote_port);
	}
	if (mnl_socket_sendto(ns->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(ns->request, buf, sizeof(buf));
	if (n < 0)
		return errno == EAGAIN ? -EIO : -errno;
	nlh = (struct nlmsghdr *)buf;
	if (!mnl_nlmsg_ok(nlh, (int)n) || nlh->nlmsg_seq != ns->seq)
		return -EBADMSG;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		return message_error(nlh) < 0 ? message_error(nlh) : -EBADMSG;
	return sock_read(nlh, what->proto, out) == 0 ? 0 : -ENOENT;
}

/* -- events -- */

static void
monitor_message(struct nl_socks *ns, const struct nlmsghdr *nlh)
{
	const struct inet_diag_msg *msg = mnl_nlmsg_get_payload(nlh);

	ns->heard++;
	if (nlh->nlmsg_type == SOCK_DIAG_BY_FAMILY &&
	    mnl_nlmsg_get_payload_len(nlh) >= sizeof(*msg))
		ns->user->destroyed(ns->user, sock_cookie(msg));
}

/* One datagram. False when there is none, or when some were lost. */
static bool
monitor_read(struct nl_socks *ns)
{
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t n = mnl_socket_recvfrom(ns->monitor, buf, sizeof(buf));
	int len = (int)n;

	if (n < 0 && errno == ENOBUFS) {
		log_notice("netlink: sockets ended faster than could be read: looking anew");
		ns->user->lost(ns->user);
	}
	if (n <= 0)
		return false;
	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
		monitor_message(ns, nlh);
	return true;
}

static void
monitor_ready(struct loop_fd *w, unsigned ready)
{
	struct nl_socks *ns = container_of(w, struct nl_socks, watch);

	(void)ready;
	for (int i = 0; i < MONITOR_BURST && monitor_read(ns); i++)
		continue;
	ns->user->settled(ns->user);
}

/* -- life -- */

static struct mnl_socket *
socket_open(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (s == NULL)
		return NULL;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		mnl_socket_close(s);
		errno = error;
		return NULL;
	}
	return s;
}

int
nl_socks_init(struct nl_socks *ns, struct loop *l, struct nl_socks_user *user)
{
	int size = MONITOR_BUFFER, fd;

	*ns = (struct nl_socks){.loop = l, .user = user};
	ns->request = socket_open();
	if (ns->request == NULL)
		return -errno;
	ns->monitor = socket_open();
	if (ns->monitor == NULL)
		return -errno;
	fd = mnl_socket_get_fd(ns->monitor);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	loop_fd_init(&ns->watch, l, fd, monitor_ready);
	loop_fd_want(&ns->watch, LOOP_READ);
	return 0;
}

void
nl_socks_done(struct nl_socks *ns)
{
	loop_fd_done(&ns->watch);
	if (ns->monitor != NULL)
		mnl_socket_close(ns->monitor);
	if (ns->request != NULL)
		mnl_socket_close(ns->request);
	free(ns->ports);
	*ns = (struct nl_socks){0};
}

/* Joins and leaves groups. The filter is in place before. */
static void
join_groups(struct nl_socks *ns, unsigned wanted)
{
	unsigned changes = wanted ^ ns->groups;

	for (int group = 1; group <= SKNLGRP_MAX; group++) {
		unsigned bit = 1u << (group - 1);
		int option = wanted & bit ? NETLINK_ADD_MEMBERSHIP : NETLINK_DROP_MEMBERSHIP;

		if ((changes & bit) == 0)
			continue;
		if (mnl_socket_setsockopt(ns->monitor, option, &group, sizeof(group)) < 0)
			log_error("cannot hear of sockets that are closed: %s", strerror(errno));
		else
			ns->groups ^= bit;
	}
}

void
nl_socks_set_ports(struct nl_socks *ns, const struct nl_sock_port *ports, size_t count)
{
	unsigned wanted = 0;
	int error;

	free(ns->ports);
	ns->ports = mem_array(count + 1, sizeof(*ns->ports));
	ns->port_count = count;
	for (size_t i = 0; i < count; i++) {
		ns->ports[i] = ports[i];
		wanted |= proto_rows[ports[i].proto].groups;
	}
	if (ns->monitor == NULL)
		return;
	error = nl_sock_filter(mnl_socket_get_fd(ns->monitor), ns->ports, count);
	if (error != 0)
		log_notice("cannot filter the news of closed sockets, which will cost more: %s",
		    strerror(-error));
	join_groups(ns, wanted);
}
