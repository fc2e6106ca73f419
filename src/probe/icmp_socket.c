/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One raw socket for all probes of a family.
 *
 * Raw sockets need privileges, so the socket comes through the kernel port, which takes a moment;
 * who asks before it is there waits in a list. When it cannot be had, everybody who waits is told,
 * and the next question asks for it again.
 *
 * The kernel hands every raw socket a copy of every ICMP message that its filter passes, so one
 * socket each for ten thousand probes would make a hundred million copies. With one socket, a reply
 * finds its probe by the id, which is the probe's place in a table. Sequence number, cookie and
 * address must match as well: the id alone can be guessed, and other programs use the same ones.
 *
 * What is an option of the socket elsewhere (source, interface, TOS, TTL) is a control message of
 * each packet here.
 *
 * RFC 3542 section 6 (control messages of IPv6); ip(7), ipv6(7).
 */
#include "probe/icmp_socket.h"

#include "base/rng.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX    256 /* messages in one turn of the loop */
#define CLIENTS_MIN 16

static void
client_tell(struct icmp_client *c, const struct icmp_outcome *o)
{
	c->asking = false;
	c->fn(c, o);
}

static void
client_failed(struct icmp_client *c, int error, const char *what)
{
	client_tell(c, &(struct icmp_outcome){.error = error, .what = what});
}

/* -- the table of clients -- */

static void
grow(struct icmp_socket *s)
{
	size_t capacity = s->capacity == 0 ? CLIENTS_MIN : 2 * s->capacity;

	s->clients = mem_resize(s->clients, capacity, sizeof(struct icmp_client *));
	for (size_t i = s->capacity; i < capacity; i++)
		s->clients[i] = NULL;
	s->capacity = capacity;
}

void
icmp_client_add(struct icmp_socket *s, struct icmp_client *c, icmp_client_fn *fn)
{
	size_t slot = s->lowest_free;

	c->fn = fn;
	while (slot < s->capacity && s->clients[slot] != NULL)
		slot++;
	s->lowest_free = slot;
	if (slot == ICMP_CLIENTS_MAX)
		return;
	if (slot == s->capacity)
		grow(s);
	s->clients[slot] = c;
	s->lowest_free++;
	c->token.id = (uint16_t)(s->base + slot);
	c->registered = true;
}

void
icmp_client_del(struct icmp_socket *s, struct icmp_client *c)
{
	size_t slot = (uint16_t)(c->token.id - s->base);

	icmp_client_cancel(s, c);
	if (!c->registered)
		return;
	assert(s->clients[slot] == c);
	s->clients[slot] = NULL;
	if (slot < s->lowest_free)
		s->lowest_free = slot;
	c->registered = false;
}

/* Whose message it is; NULL when it is nobody's. */
static struct icmp_client *
client_find(const struct icmp_socket *s, const struct icmp_msg *m, const struct addr *from)
{
	const struct addr *target = m->kind == ICMP_REPLY ? from : &m->target;
	size_t slot = (uint16_t)(m->token.id - s->base);
	struct icmp_client *c = slot < s->capacity ? s->clients[slot] : NULL;

	if (c == NULL || !c->asking || m->token.sequence != c->token.sequence)
		return NULL;
	if (m->has_cookie && m->token.cookie != c->token.cookie)
		return NULL;
	return addr_equal(target, &c->ask.target) ? c : NULL;
}

/* -- receiving -- */

static void
on_readable(struct loop_fd *w, unsigned ready)
{
	struct icmp_socket *s = container_of(w, struct icmp_socket, watch);
	struct sockaddr_storage ss;
	struct icmp_client *c;
	struct endpoint from;
	struct icmp_msg msg;

	for (int i = 0; i < READ_MAX; i++) {
		socklen_t ss_len = sizeof(ss);
		ssize_t n = recvfrom(
		    s->fd, s->buffer, sizeof(s->buffer), 0, (struct sockaddr *)&ss, &ss_len);
		if (n < 0)
			return;
		icmp_read(s->family, s->buffer, (size_t)n, &msg);
		if (msg.kind == ICMP_NOTHING ||
		    endpoint_from_sockaddr((struct sockaddr *)&ss, &from) < 0)
			continue;
		c = client_find(s, &msg, &from.addr);
		if (c != NULL)
			client_tell(c, &(struct icmp_outcome){.msg = &msg, .from = from.addr});
	}
}

/* -- sending -- */

/* Room for a pktinfo and two integers, aligned as control messages must be. */
union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int))];
};

static void
add_control(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr *c =
	    (struct cmsghdr *)(void *)((uint8_t *)m->msg_control + m->msg_controllen);

	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static void
add_pktinfo(struct msghdr *m, const struct icmp_ask *ask, unsigned ifindex)
{
	struct in6_pktinfo v6 = {.ipi6_ifindex = ifindex};
	struct in_pktinfo v4 = {.ipi_ifindex = (int)ifindex};

	if (ask->source.family == ADDR_NONE && ifindex == 0)
		return;
	if (ask->target.family == ADDR_V6) {
		memcpy(&v6.ipi6_addr, ask->source.bytes, sizeof(v6.ipi6_addr));
		add_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &v6, sizeof(v6));
	} else {
		memcpy(&v4.ipi_spec_dst, ask->source.bytes, sizeof(v4.ipi_spec_dst));
		add_control(m, IPPROTO_IP, IP_PKTINFO, &v4, sizeof(v4));
	}
}

static void
add_numbers(struct msghdr *m, const struct icmp_ask *ask)
{
	bool v6 = ask->target.family == ADDR_V6;
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int tos = ask->tos, ttl = ask->ttl;

	if (tos != 0)
		add_control(m, level, v6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
	if (ttl != 0)
		add_control(m, level, v6 ? IPV6_HOPLIMIT : IP_TTL, &ttl, sizeof(ttl));
}

/* The index of an interface, by the socket that we have; 0 with errno when there is none. */
static unsigned
interface_index(int fd, const char *name)
{
	struct ifreq r = {0};

	str_copy(r.ifr_name, sizeof(r.ifr_name), name);
	return ioctl(fd, SIOCGIFINDEX, &r) < 0 ? 0 : (unsigned)r.ifr_ifindex;
}

static void
client_send(struct icmp_socket *s, struct icmp_client *c)
{
	struct endpoint to = {.addr = c->ask.target};
	struct sockaddr_storage ss;
	struct iovec data = {s->buffer, ICMP_HEADER + c->ask.size};
	union control control = {0};
	struct msghdr m = {
	    .msg_name = &ss, .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control};
	unsigned ifindex = 0;

	if (c->ask.device[0] != '\0') {
		ifindex = interface_index(s->fd, c->ask.device);
		if (ifindex == 0) {
			client_failed(c, -errno, c->ask.device);
			return;
		}
	}
	if (addr_is_linklocal(&to.addr))
		to.scope = ifindex;
	m.msg_namelen = endpoint_to_sockaddr(&to, &ss);
	add_pktinfo(&m, &c->ask, ifindex);
	add_numbers(&m, &c->ask);
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	c->token.sequence++;
	c->token.cookie = rng_secure();
	icmp_echo_build(s->family, &c->token, c->ask.size, s->buffer);
	c->asking = true;
	if (sendmsg(s->fd, &m, 0) < 0)
		client_failed(c, -errno, "send");
}

/* -- opening -- */

static struct icmp_client *
take_waiting(struct icmp_socket *s)
{
	struct icmp_client *c = TAILQ_FIRST(&s->waiting);

	if (c != NULL) {
		TAILQ_REMOVE(&s->waiting, c, link);
		c->waiting = false;
	}
	return c;
}

/* Stops when somebody has asked for a socket anew from inside: who waits now waits for that. */
static void
on_opened(struct kernel_socket *request, int fd)
{
	struct icmp_socket *s = container_of(request, struct icmp_socket, request);
	struct icmp_client *c;

	if (fd >= 0) {
		s->fd = fd;
		loop_fd_init(&s->watch, s->env->loop, fd, on_readable);
		loop_fd_want(&s->watch, LOOP_READ);
	}
	while (s->request.id == 0 && (c = take_waiting(s)) != NULL) {
		if (fd >= 0)
			client_send(s, c);
		else
			client_failed(c, fd, "raw ICMP socket");
	}
}

static void
socket_request(struct icmp_socket *s)
{
	s->request.fn = on_opened;
	s->env->kernel->ops->socket_open(s->env->kernel, &s->request,
	    s->family == ADDR_V6 ? KERNEL_SOCKET_ICMP6 : KERNEL_SOCKET_ICMP4);
}

void
icmp_client_ask(struct icmp_socket *s, struct icmp_client *c, const struct icmp_ask *ask)
{
	c->ask = *ask;
	if (!c->registered) {
		client_failed(c, -EUSERS, "no ICMP id is left");
	} else if (s->fd >= 0) {
		client_send(s, c);
	} else {
		c->waiting = true;
		TAILQ_INSERT_TAIL(&s->waiting, c, link);
		if (s->request.id == 0)
			socket_request(s);
	}
}

void
icmp_client_cancel(struct icmp_socket *s, struct icmp_client *c)
{
	if (c->waiting)
		TAILQ_REMOVE(&s->waiting, c, link);
	c->waiting = false;
	c->asking = false;
}

void
icmp_socket_init(struct icmp_socket *s, const struct probe_env *env, enum addr_family family)
{
	s->env = env;
	s->family = family;
	s->fd = -1;
	s->base = (uint16_t)rng_secure();
	TAILQ_INIT(&s->waiting);
}

void
icmp_socket_done(struct icmp_socket *s)
{
	assert(TAILQ_EMPTY(&s->waiting));
	if (s->request.id != 0)
		s->env->kernel->ops->socket_cancel(s->env->kernel, &s->request);
	loop_fd_done(&s->watch);
	if (s->fd >= 0)
		close(s->fd);
	free(s->clients);
}
