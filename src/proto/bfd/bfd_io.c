/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BFD sessions on real sockets: RFC 5881 sections 4 and 5, RFC 5883 sections 4 and 5.
 *
 * One socket for each port and family receives for all sessions; the control messages beside a
 * packet tell its TTL, its destination and its interface. Each session sends from a connected
 * socket of its own, whose source port lies in 49152 to 65535, is no other session's and stays the
 * same (RFC 5881 section 4: some routers drop everything else, and the kernel's own range begins
 * lower). On one hop a packet must have come with TTL 255; over several the TTL says nothing.
 *
 * A turn of the loop reads descriptors before it runs timers, so a process that was held up finds
 * the packets that arrived meanwhile before it declares anybody dead. They count as arrived when
 * they are read. A turn reads a bounded number: a flood cannot keep the loop from its timers.
 *
 * The peers belong to their owners; the sockets are closed here.
 */
#include "proto/bfd/bfd_io.h"

#include "base/mem.h"
#include "base/str.h"
#include "loop/net.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_LEAST  49152u
#define PORT_COUNT  (65536u - PORT_LEAST)
#define DRAIN_MAX   512
#define TTL_MAX     255
#define TOS_CONTROL 0xc0 /* CS6: network control */

/* -- finding sessions -- */

static struct bfd_session *
by_discr(struct bfd_table *t, uint32_t discr)
{
	struct bfd_io *io = container_of(t, struct bfd_io, table);
	struct bfd_peer *p;

	TAILQ_FOREACH (p, &io->peers, link) {
		if (p->session.local_discr == discr)
			return p->hops == io->hops ? &p->session : NULL;
	}
	return NULL;
}

static struct bfd_session *
by_path(struct bfd_table *t)
{
	struct bfd_io *io = container_of(t, struct bfd_io, table);
	struct bfd_peer *p;

	TAILQ_FOREACH (p, &io->peers, link) {
		if (p->hops == io->hops && addr_equal(&p->remote, &io->src) &&
		    addr_equal(&p->local, &io->dst) &&
		    (p->ifindex == 0 || p->ifindex == io->ifindex))
			return &p->session;
	}
	return NULL;
}

static bool
discr_taken(const struct bfd_io *io, uint32_t discr)
{
	const struct bfd_peer *p;

	TAILQ_FOREACH (p, &io->peers, link) {
		if (p->session.local_discr == discr)
			return true;
	}
	return false;
}

static uint32_t
discr_new(const struct bfd_io *io)
{
	uint32_t discr;

	do {
		discr = (uint32_t)rng_secure();
	} while (discr == 0 || discr_taken(io, discr));
	return discr;
}

/* -- sending -- */

static void
timer_set(struct bfd_peer *p)
{
	mono_t due = bfd_session_deadline(&p->session);

	if (due.ns == DUR_NEVER)
		loop_timer_cancel(&p->timer);
	else
		loop_timer_at(&p->timer, due);
}

/* Carries out what an event gave. The owner's callback comes last, for it may delete the peer. */
static void
act(struct bfd_peer *p, const struct bfd_outcome *out)
{
	if (out->send_len > 0 && send(p->fd, out->send, out->send_len, MSG_NOSIGNAL) < 0)
		p->send_errors++;
	timer_set(p);
	if (out->before != out->after && p->fn != NULL)
		p->fn(p, out);
}

/* -- receiving -- */

struct arrival {
	struct sockaddr_storage from;
	uint8_t data[BFD_PACKET_MAX + 1];
	_Alignas(struct cmsghdr) uint8_t control[256];
};

static int
control_int(const struct cmsghdr *c)
{
	int v;

	memcpy(&v, CMSG_DATA(c), sizeof(v));
	return v;
}

/* Notes destination and interface, and returns the TTL; 0 when the kernel told none. */
static uint8_t
control_read(struct bfd_io *io, struct msghdr *m)
{
	uint8_t ttl = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		struct in_pktinfo v4;
		struct in6_pktinfo v6;

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			io->dst = addr_from_bytes(ADDR_V4, (const uint8_t *)&v4.ipi_addr);
			io->ifindex = (unsigned)v4.ipi_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			io->dst = addr_from_bytes(ADDR_V6, v6.ipi6_addr.s6_addr);
			io->ifindex = v6.ipi6_ifindex;
		} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
			   (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
			ttl = (uint8_t)control_int(c);
		}
	}
	return ttl;
}

/* One packet; false when there is none. */
static bool
receive_one(struct bfd_listener *l)
{
	struct bfd_io *io = l->io;
	struct arrival a;
	struct iovec iov = {a.data, sizeof(a.data)};
	struct msghdr m = {.msg_name = &a.from,
	    .msg_namelen = sizeof(a.from),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = a.control,
	    .msg_controllen = sizeof(a.control)};
	ssize_t n = recvmsg(l->fd, &m, MSG_DONTWAIT);
	struct bfd_packet packet = {.data = a.data};
	struct bfd_session *session;
	struct bfd_outcome out;
	struct endpoint from;

	if (n < 0)
		return false;
	if (endpoint_from_sockaddr((const struct sockaddr *)&a.from, &from) < 0)
		return true;
	io->src = from.addr;
	io->hops = l->hops;
	packet.len = (size_t)n;
	packet.ttl = control_read(io, &m);
	packet.min_ttl = l->hops == BFD_SINGLE_HOP ? TTL_MAX : 0;
	bfd_receive(&io->table, &packet, loop_now(io->loop), &session, &out);
	if (session != NULL)
		act(container_of(session, struct bfd_peer, session), &out);
	return true;
}

static void
drain(struct bfd_listener *l)
{
	for (int i = 0; l->fd >= 0 && i < DRAIN_MAX; i++) {
		if (!receive_one(l))
			return;
	}
}

static void
readable(struct loop_fd *w, unsigned ready)
{
	(void)ready;
	drain(container_of(w, struct bfd_listener, watch));
}

static void
expired(struct loop_timer *t)
{
	struct bfd_peer *p = container_of(t, struct bfd_peer, timer);
	struct bfd_outcome out;

	bfd_session_expire(&p->session, loop_now(p->io->loop), &out);
	act(p, &out);
}

/* -- ports -- */

static int
receive_opts(int fd, enum addr_family family)
{
	static const struct {
		int level, ttl, info;
	} names[] = {{IPPROTO_IP, IP_RECVTTL, IP_PKTINFO},
	    {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, IPV6_RECVPKTINFO}};
	int i = family == ADDR_V6, on = 1;

	if (setsockopt(fd, names[i].level, names[i].ttl, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, names[i].level, names[i].info, &on, sizeof(on)) < 0)
		return -errno;
	return 0;
}

static int
listener_open(struct bfd_listener *l)
{
	struct net_opts opts = {
	    .local_port = l->hops == BFD_SINGLE_HOP ? BFD_PORT_SINGLE : BFD_PORT_MULTI};
	int rc;

	if (l->fd >= 0)
		return 0;
	l->fd = net_udp_socket(l->family, &opts);
	if (l->fd < 0) {
		rc = l->fd;
		l->fd = -1;
		return rc;
	}
	rc = receive_opts(l->fd, l->family);
	if (rc < 0) {
		close(l->fd);
		l->fd = -1;
		return rc;
	}
	loop_fd_init(&l->watch, l->io->loop, l->fd, readable);
	loop_fd_want(&l->watch, LOOP_READ);
	return 0;
}

static struct bfd_listener *
listener_of(struct bfd_io *io, const struct bfd_peer *p)
{
	return &io->listener[(p->remote.family == ADDR_V6 ? BFD_HOPS_COUNT : 0) + p->hops];
}

static bool
port_taken(const struct bfd_io *io, uint16_t port)
{
	const struct bfd_peer *p;

	TAILQ_FOREACH (p, &io->peers, link) {
		if (p->port == port)
			return true;
	}
	return false;
}

/* The session's own socket. The search begins anywhere and takes the first port that is free here
 * and in the kernel. */
static int
sender_open(struct bfd_io *io, struct bfd_peer *p)
{
	struct endpoint remote = {.addr = p->remote,
	    .port = p->hops == BFD_SINGLE_HOP ? BFD_PORT_SINGLE : BFD_PORT_MULTI,
	    .scope = addr_is_linklocal(&p->remote) ? p->ifindex : 0};
	struct net_opts opts = {.local = p->local, .ttl = TTL_MAX, .tos = TOS_CONTROL};
	unsigned start = (unsigned)(rng_secure() % PORT_COUNT);
	int fd = -EADDRINUSE;

	str_copy(opts.device, sizeof(opts.device), p->device);
	for (unsigned i = 0; i < PORT_COUNT && fd == -EADDRINUSE; i++) {
		opts.local_port = (uint16_t)(PORT_LEAST + (start + i) % PORT_COUNT);
		if (!port_taken(io, opts.local_port))
			fd = net_udp_connect(&remote, &opts);
	}
	p->port = opts.local_port;
	return fd;
}

/* -- the owner's calls -- */

void
bfd_io_init(struct bfd_io *io, struct loop *l)
{
	*io = (struct bfd_io){.loop = l, .table = {.by_discr = by_discr, .by_path = by_path}};
	TAILQ_INIT(&io->peers);
	for (unsigned i = 0; i < ARRAY_LEN(io->listener); i++) {
		io->listener[i] = (struct bfd_listener){.io = io,
		    .family = i < BFD_HOPS_COUNT ? ADDR_V4 : ADDR_V6,
		    .hops = (enum bfd_hops)(i % BFD_HOPS_COUNT),
		    .fd = -1};
	}
}

void
bfd_io_done(struct bfd_io *io)
{
	struct bfd_peer *p, *next;

	TAILQ_FOREACH_SAFE (p, &io->peers, link, next)
		bfd_peer_del(p);
	for (unsigned i = 0; i < ARRAY_LEN(io->listener); i++) {
		loop_fd_done(&io->listener[i].watch);
		if (io->listener[i].fd >= 0)
			close(io->listener[i].fd);
		io->listener[i].fd = -1;
	}
}

int
bfd_peer_add(struct bfd_io *io, struct bfd_peer *p, const struct bfd_config *config)
{
	int rc = listener_open(listener_of(io, p));

	if (rc < 0)
		return rc;
	p->ifindex = p->device[0] != '\0' ? if_nametoindex(p->device) : 0;
	if (p->device[0] != '\0' && p->ifindex == 0)
		return -errno;
	p->fd = sender_open(io, p);
	if (p->fd < 0)
		return p->fd;
	bfd_session_init(&p->session, config, discr_new(io), rng_secure(), loop_now(io->loop));
	p->io = io;
	TAILQ_INSERT_TAIL(&io->peers, p, link);
	loop_timer_init(&p->timer, io->loop, expired);
	timer_set(p);
	return 0;
}

void
bfd_peer_del(struct bfd_peer *p)
{
	if (p->io == NULL)
		return;
	loop_timer_cancel(&p->timer);
	TAILQ_REMOVE(&p->io->peers, p, link);
	close(p->fd);
	p->io = NULL;
}

void
bfd_peer_configure(struct bfd_peer *p, const struct bfd_config *config)
{
	struct bfd_outcome out;

	bfd_session_configure(&p->session, config, loop_now(p->io->loop), &out);
	act(p, &out);
}

void
bfd_peer_disable(struct bfd_peer *p)
{
	struct bfd_outcome out;

	bfd_session_disable(&p->session, loop_now(p->io->loop), &out);
	act(p, &out);
}

void
bfd_peer_enable(struct bfd_peer *p)
{
	struct bfd_outcome out;

	bfd_session_enable(&p->session, loop_now(p->io->loop), &out);
	act(p, &out);
}
