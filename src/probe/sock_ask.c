/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look-up that the kernel does for a packet that arrives, on request: sock_diag(7) with the two
 * ends of a connection and without NLM_F_DUMP. So wildcards, IPv6 sockets that take IPv4, and
 * SO_REUSEPORT are the kernel's business. It costs microseconds whatever the number of sockets, and
 * needs no privileges.
 *
 * The remote end is port 0 of no address, from which nothing can come, so that never an established
 * connection is found. Answers have a fixed layout, of which only the beginning is read; it comes
 * from the kernel of this host and nobody else (the sender is checked).
 */
#include "probe/sock_ask.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWERS_MAX 8 /* left over from questions that nobody waited for */

struct request {
	struct nlmsghdr head;
	struct inet_diag_req_v2 ask;
};

/* Large enough for a description with all attributes; aligned for the head. */
union answer {
	struct nlmsghdr head;
	uint8_t bytes[4096];
};

static const struct {
	uint8_t protocol;
	uint8_t state;
} protos[] = {
    [SOCK_ASK_UDP] = {IPPROTO_UDP, TCP_CLOSE},
    [SOCK_ASK_TCP] = {IPPROTO_TCP, TCP_LISTEN},
};

int
sock_ask_open(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);

	if (fd < 0)
		return -errno;
	return fd;
}

static void
request_fill(struct request *r, enum sock_proto proto, const struct endpoint *what)
{
	struct inet_diag_sockid *id = &r->ask.id;

	*r = (struct request){.head = {.nlmsg_len = sizeof(*r),
				  .nlmsg_type = SOCK_DIAG_BY_FAMILY,
				  .nlmsg_flags = NLM_F_REQUEST},
	    .ask = {.sdiag_family = what->addr.family == ADDR_V4 ? AF_INET : AF_INET6,
		.sdiag_protocol = protos[proto].protocol,
		.idiag_states = UINT32_MAX}};
	/* For UDP the kernel takes the two ends the other way round. */
	if (proto == SOCK_ASK_UDP) {
		memcpy(id->idiag_dst, what->addr.bytes, addr_len(&what->addr));
		id->idiag_dport = htons(what->port);
	} else {
		memcpy(id->idiag_src, what->addr.bytes, addr_len(&what->addr));
		id->idiag_sport = htons(what->port);
	}
	id->idiag_if = what->scope;
	id->idiag_cookie[0] = INET_DIAG_NOCOOKIE;
	id->idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static int
answer_read(const union answer *a, size_t len, enum sock_proto proto, struct sock_found *out)
{
	const struct inet_diag_msg *msg = (const void *)(a->bytes + NLMSG_HDRLEN);
	const struct nlmsgerr *error = (const void *)(a->bytes + NLMSG_HDRLEN);
	const uint8_t *src = (const uint8_t *)msg->id.idiag_src;

	if (len < NLMSG_LENGTH(sizeof(error->error)))
		return -EBADMSG;
	if (a->head.nlmsg_type == NLMSG_ERROR)
		return error->error < 0 ? error->error : -EBADMSG;
	if (a->head.nlmsg_type != SOCK_DIAG_BY_FAMILY || len < NLMSG_LENGTH(sizeof(*msg)))
		return -EBADMSG;
	if (msg->idiag_state != protos[proto].state)
		return -ENOENT;
	out->uid = msg->idiag_uid;
	if (msg->idiag_family == AF_INET)
		out->addr = addr_from_bytes(ADDR_V4, src);
	else if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)src))
		out->addr = addr_from_bytes(ADDR_V4, src + 12);
	else
		out->addr = addr_from_bytes(ADDR_V6, src);
	return 0;
}

int
sock_ask(int fd, enum sock_proto proto, const struct endpoint *what, struct sock_found *out)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct request r;
	union answer a;

	request_fill(&r, proto, what);
	if (sendto(fd, &r, sizeof(r), 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -errno;
	for (int i = 0; i < ANSWERS_MAX; i++) {
		struct sockaddr_nl from = {0};
		socklen_t from_len = sizeof(from);
		ssize_t n = recvfrom(fd, &a, sizeof(a), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		if (from.nl_pid == 0 && (size_t)n >= sizeof(a.head))
			return answer_read(&a, (size_t)n, proto, out);
	}
	return -EIO;
}
