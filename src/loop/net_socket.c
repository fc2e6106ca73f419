/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain sockets: the one place that calls socket(2). Every descriptor is non-blocking and closed on
 * exec, is owned by the caller, and has all its options before it is bound, so that a listener's
 * connections inherit them.
 *
 * Options are rows of a table that says where the value stands in struct net_opts and what it is
 * called for either family. IP_MINTTL and IPV6_MINHOPCOUNT are the receiving side of RFC 5082: the
 * kernel drops what came from farther away, before anybody sees it.
 */
#include "loop/net.h"

#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 128

static const struct socket_option {
	size_t offset; /* of a uint8_t in struct net_opts; 0 in there: not asked for */
	int v4, v6;
} socket_options[] = {
    {offsetof(struct net_opts, ttl), IP_TTL, IPV6_UNICAST_HOPS},
    {offsetof(struct net_opts, min_ttl), IP_MINTTL, IPV6_MINHOPCOUNT},
    {offsetof(struct net_opts, tos), IP_TOS, IPV6_TCLASS},
};

/* Closes after a failure, keeping the reason. */
static int
fail(int fd)
{
	int error = -errno;

	if (fd >= 0)
		close(fd);
	return error;
}

static int
set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

static int
set_opts(int fd, enum addr_family family, const struct net_opts *opts)
{
	for (size_t i = 0; i < ARRAY_LEN(socket_options); i++) {
		const struct socket_option *o = &socket_options[i];
		uint8_t value = *((const uint8_t *)opts + o->offset);
		int level = family == ADDR_V6 ? IPPROTO_IPV6 : IPPROTO_IP;
		int name = family == ADDR_V6 ? o->v6 : o->v4;
		if (value != 0 && set_int(fd, level, name, value) < 0)
			return -1;
	}
	if (opts->device[0] != '\0' &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, opts->device,
		(socklen_t)strnlen(opts->device, sizeof(opts->device))) < 0)
		return -1;
	return 0;
}

/* A socket with its options, not yet bound. -1 with errno. */
static int
open_socket(enum addr_family family, int type, const struct net_opts *opts)
{
	if (family != ADDR_V4 && family != ADDR_V6) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	int fd =
	    socket(family == ADDR_V6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (set_opts(fd, family, opts) < 0) {
		errno = -fail(fd);
		return -1;
	}
	return fd;
}

static int
bind_to(int fd, const struct endpoint *local)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(local, &ss);

	return bind(fd, (const struct sockaddr *)&ss, len);
}

/* Binds a socket that will connect, when anything was asked for. Without a port the kernel picks
 * one at connect, when it knows the remote end, and so does not run out of them. */
static int
bind_source(int fd, const struct endpoint *remote, const struct net_opts *opts)
{
	struct endpoint local = {
	    .addr = opts->local, .port = opts->local_port, .scope = remote->scope};

	if (local.addr.family == ADDR_NONE && local.port == 0)
		return 0;
	if (local.addr.family == ADDR_NONE)
		local.addr.family = remote->addr.family;
	if (local.addr.family != remote->addr.family) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	int set = local.port == 0 ? set_int(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
				  : set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return set < 0 ? -1 : bind_to(fd, &local);
}

static int
connect_to(int fd, const struct endpoint *remote)
{
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(remote, &ss);

	return connect(fd, (const struct sockaddr *)&ss, len);
}

int
net_udp_connect(const struct endpoint *remote, const struct net_opts *opts)
{
	int fd = open_socket(remote->addr.family, SOCK_DGRAM, opts);

	if (fd < 0 || bind_source(fd, remote, opts) < 0 || connect_to(fd, remote) < 0)
		return fail(fd);
	return fd;
}

int
net_udp_socket(enum addr_family family, const struct net_opts *opts)
{
	struct endpoint local = {.addr = opts->local, .port = opts->local_port};
	int fd = open_socket(family, SOCK_DGRAM, opts);
	bool v6 = family == ADDR_V6;

	local.addr.family = (uint8_t)family;
	if (fd < 0 ||
	    set_int(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_RECVERR : IP_RECVERR, 1) < 0 ||
	    (v6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0) || bind_to(fd, &local) < 0)
		return fail(fd);
	return fd;
}

int
net_tcp_socket(const struct endpoint *remote, const struct net_opts *opts)
{
	int fd = open_socket(remote->addr.family, SOCK_STREAM, opts);

	if (fd < 0 || set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0 ||
	    bind_source(fd, remote, opts) < 0)
		return fail(fd);
	return fd;
}

int
net_tcp_connect(const struct endpoint *remote, const struct net_opts *opts)
{
	int fd = net_tcp_socket(remote, opts);

	if (fd < 0)
		return fd;
	if (connect_to(fd, remote) < 0 && errno != EINPROGRESS)
		return fail(fd);
	return fd;
}

int
net_tcp_listen(const struct endpoint *local, const struct net_opts *opts)
{
	int fd = open_socket(local->addr.family, SOCK_STREAM, opts);

	if (fd < 0 || set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0 ||
	    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1) < 0)
		return fail(fd);
	if (local->addr.family == ADDR_V6 && set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) < 0)
		return fail(fd);
	if (bind_to(fd, local) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return fail(fd);
	return fd;
}

static int
unix_addr(const char *path, struct sockaddr_un *sun)
{
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(sun->sun_path))
		return -ENAMETOOLONG;
	*sun = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(sun->sun_path, path, len);
	return 0;
}

int
net_unix_connect(const char *path)
{
	struct sockaddr_un sun;
	int error = unix_addr(path, &sun);

	if (error < 0)
		return error;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return fail(fd);
	return fd;
}

/* Removes a socket that nobody listens on any more; anything else at that path stays. */
static int
remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	int fd = net_unix_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -EAGAIN)
		return -EADDRINUSE;
	if (fd != -ECONNREFUSED)
		return fd == -ENOENT ? 0 : fd;
	return unlink(path) < 0 && errno != ENOENT ? -errno : 0;
}

int
net_unix_listen(const char *path, unsigned mode)
{
	struct sockaddr_un sun;
	int error = unix_addr(path, &sun);

	if (error == 0)
		error = remove_stale(path);
	if (error < 0)
		return error;
	/* The mode before the bind is an upper bound; the one after it gives back what the umask
	 * took. At no time may more people connect than `mode` lets. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || fchmod(fd, (mode_t)mode) < 0 ||
	    bind(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return fail(fd);
	if (chmod(path, (mode_t)mode) < 0 || listen(fd, LISTEN_BACKLOG) < 0) {
		error = fail(fd);
		unlink(path);
		return error;
	}
	return fd;
}

int
net_fd_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return -errno;
	return -error;
}
