/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two sockets of the dhcp kind: port 68, where clients are answered, and port 67, where relays
 * are (RFC 2131, section 4.1).
 *
 * Ports below 1024 need privileges, so the socket comes through the kernel port, which takes a
 * moment; who asks before it is there waits in a list. When it cannot be had, everybody who waits
 * is told, and the next question asks for it again.
 *
 * The relay's port is that of servers, too. Of two sockets on it the younger one gets every packet,
 * so ours would take the questions of real clients away from a server of this host. So it is not
 * opened while anybody else serves the port.
 *
 * An answer finds its client by the transaction id, which is random for each question. Few probes
 * ask at the same time, so a list is enough.
 *
 * The interface and the source address are a control message of each packet (ip(7), IP_PKTINFO):
 * without an interface the kernel would not know where to broadcast to.
 */
#include "probe/dhcp_socket.h"

#include "probe/sock_ask.h"

#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_MAX     64 /* datagrams in one turn of the loop */
#define DATAGRAM_MAX 2048

static void
client_failed(struct dhcp_client *c, int error, const char *what)
{
	c->state = DHCP_IDLE;
	c->failed(c, error, what);
}

/* -- receiving -- */

static struct dhcp_client *
client_find(struct dhcp_socket *s, uint32_t xid)
{
	struct dhcp_client *c;

	TAILQ_FOREACH (c, &s->asking, link) {
		if (c->ask.query.xid == xid)
			return c;
	}
	return NULL;
}

static void
on_datagram(struct dhcp_socket *s, const uint8_t *msg, size_t len)
{
	struct dhcp_client *c;
	uint32_t xid;

	if (dhcp_reply_xid(msg, len, &xid) < 0)
		return;
	c = client_find(s, xid);
	if (c != NULL)
		c->reply(c, msg, len);
}

static void
on_readable(struct loop_fd *w, unsigned ready)
{
	struct dhcp_socket *s = container_of(w, struct dhcp_socket, watch);
	uint8_t msg[DATAGRAM_MAX];

	for (int i = 0; i < READ_MAX; i++) {
		ssize_t n = recv(s->fd, msg, sizeof(msg), 0);
		if (n < 0)
			return;
		on_datagram(s, msg, (size_t)n);
	}
}

/* -- sending -- */

/* Aligned as control messages must be. */
union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

static void
set_pktinfo(struct msghdr *m, const struct in_pktinfo *info, union control *control)
{
	struct cmsghdr *c = &control->align;

	m->msg_control = control;
	m->msg_controllen = sizeof(*control);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(*info));
	memcpy(CMSG_DATA(c), info, sizeof(*info));
}

/* The index of the interface in `r`, and its address when the client tells one in its question but
 * has none yet. 0 or a negative errno. */
static int
interface_look_up(int fd, struct dhcp_ask *ask, int *index)
{
	struct ifreq r = {0};
	struct endpoint own;

	str_copy(r.ifr_name, sizeof(r.ifr_name), ask->interface);
	if (ioctl(fd, SIOCGIFINDEX, &r) < 0)
		return -errno;
	*index = r.ifr_ifindex;
	if (ask->query.type != DHCP_INFORM || ask->query.client.family != ADDR_NONE)
		return 0;
	if (ioctl(fd, SIOCGIFADDR, &r) < 0)
		return -errno;
	if (endpoint_from_sockaddr(&r.ifr_addr, &own) < 0)
		return -EADDRNOTAVAIL;
	ask->query.client = own.addr;
	return 0;
}

static void
client_send(struct dhcp_socket *s, struct dhcp_client *c)
{
	struct in_pktinfo info = {0};
	uint8_t query[DHCP_QUERY_MAX];
	struct sockaddr_storage ss;
	struct iovec data = {.iov_base = query};
	struct msghdr m = {.msg_name = &ss, .msg_iov = &data, .msg_iovlen = 1};
	union control control = {0};

	if (c->ask.interface[0] != '\0') {
		int error = interface_look_up(s->fd, &c->ask, &info.ipi_ifindex);
		if (error < 0) {
			client_failed(c, error, c->ask.interface);
			return;
		}
	}
	if (c->ask.source.family == ADDR_V4)
		memcpy(&info.ipi_spec_dst, c->ask.source.bytes, sizeof(info.ipi_spec_dst));
	set_pktinfo(&m, &info, &control);
	m.msg_namelen = endpoint_to_sockaddr(&c->ask.server, &ss);
	data.iov_len = dhcp_query_build(&c->ask.query, query, sizeof(query));
	if (sendmsg(s->fd, &m, 0) < 0) {
		client_failed(c, -errno, "send");
		return;
	}
	c->state = DHCP_ASKING;
	TAILQ_INSERT_TAIL(&s->asking, c, link);
}

/* -- opening -- */

static struct dhcp_client *
take_waiting(struct dhcp_socket *s)
{
	struct dhcp_client *c = TAILQ_FIRST(&s->waiting);

	if (c != NULL)
		TAILQ_REMOVE(&s->waiting, c, link);
	return c;
}

/* Stops when somebody has asked for a socket anew from inside: who waits now waits for that. */
static void
on_opened(struct kernel_socket *request, int fd)
{
	struct dhcp_socket *s = container_of(request, struct dhcp_socket, request);
	struct dhcp_client *c;

	if (fd >= 0) {
		s->fd = fd;
		loop_fd_init(&s->watch, s->env->loop, fd, on_readable);
		loop_fd_want(&s->watch, LOOP_READ);
	}
	while (s->request.id == 0 && (c = take_waiting(s)) != NULL) {
		if (fd >= 0)
			client_send(s, c);
		else
			client_failed(c, fd,
			    s->kind == KERNEL_SOCKET_DHCP_RELAY ? "UDP port 67" : "UDP port 68");
	}
}

/* Does somebody on this host serve the port that our socket would be on? */
static bool
is_taken(const struct dhcp_socket *s, const struct addr *own)
{
	const struct endpoint port = {.addr = *own, .port = DHCP_SERVER_PORT};
	struct sock_found found;
	bool taken;
	int fd;

	if (s->kind != KERNEL_SOCKET_DHCP_RELAY)
		return false;
	fd = sock_ask_open();
	if (fd < 0)
		return false; /* then opening tells */
	taken = sock_ask(fd, SOCK_ASK_UDP, &port, &found) == 0;
	close(fd);
	return taken;
}

void
dhcp_client_ask(struct dhcp_socket *s, struct dhcp_client *c)
{
	assert(c->state == DHCP_IDLE);
	if (s->fd >= 0) {
		client_send(s, c);
		return;
	}
	if (s->request.id == 0 && is_taken(s, &c->ask.source)) {
		client_failed(c, -EADDRINUSE, "UDP port 67 (a DHCP server or relay of this host?)");
		return;
	}
	c->state = DHCP_WAITING;
	TAILQ_INSERT_TAIL(&s->waiting, c, link);
	if (s->request.id != 0)
		return;
	s->request.fn = on_opened;
	s->env->kernel->ops->socket_open(s->env->kernel, &s->request, s->kind);
}

void
dhcp_client_cancel(struct dhcp_socket *s, struct dhcp_client *c)
{
	if (c->state == DHCP_WAITING)
		TAILQ_REMOVE(&s->waiting, c, link);
	else if (c->state == DHCP_ASKING)
		TAILQ_REMOVE(&s->asking, c, link);
	c->state = DHCP_IDLE;
}

void
dhcp_socket_init(struct dhcp_socket *s, const struct probe_env *env, enum kernel_socket_kind kind)
{
	s->env = env;
	s->kind = kind;
	s->fd = -1;
	TAILQ_INIT(&s->waiting);
	TAILQ_INIT(&s->asking);
}

void
dhcp_socket_done(struct dhcp_socket *s)
{
	assert(TAILQ_EMPTY(&s->waiting) && TAILQ_EMPTY(&s->asking));
	if (s->request.id != 0)
		s->env->kernel->ops->socket_cancel(s->env->kernel, &s->request);
	loop_fd_done(&s->watch);
	if (s->fd >= 0)
		close(s->fd);
}
