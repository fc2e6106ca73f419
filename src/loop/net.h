/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: the only place that calls socket(2), and the stream façade under which a speaker runs on
 * real TCP or on the simulator's virtual network.
 *
 * A stream is owned by whoever opened or accepted it and ends with net_stream_close(), which is
 * safe in its own callback. Reads and writes never block. An error is a negative errno.
 */
#ifndef LOOP_NET_H
#define LOOP_NET_H

#include "base/addr.h"
#include "loop/loop.h"

#include <sys/types.h>

/* What can be asked of a socket, beyond its addresses. Zeroes ask for nothing. */
struct net_opts {
	struct addr local;   /* source address; ADDR_NONE: the kernel's choice */
	uint16_t local_port; /* 0: the kernel's choice */
	char device[16];     /* SO_BINDTODEVICE; "": none */
	uint8_t ttl;         /* IP_TTL / IPV6_UNICAST_HOPS; 0: the kernel's default */
	uint8_t min_ttl;     /* IP_MINTTL / IPV6_MINHOPCOUNT (RFC 5082); 0: any */
	uint8_t tos;         /* IP_TOS / IPV6_TCLASS */
};

/* A connected, non-blocking UDP socket (asynchronous ICMP errors are reported by recv), for probes.
 * Returns the descriptor, owned by the caller, or a negative errno. */
int net_udp_connect(const struct endpoint *remote, const struct net_opts *opts);
/* An unconnected, non-blocking UDP socket on a port of the kernel's choice, for questions to many
 * servers. ICMP errors wait in its error queue (IP_RECVERR). The descriptor or a negative errno. */
int net_udp_socket(enum addr_family family, const struct net_opts *opts);
/* A non-blocking TCP socket whose connect is under way: writable when decided, net_fd_error() then
 * tells how it went. Returns the descriptor or a negative errno. */
int net_tcp_connect(const struct endpoint *remote, const struct net_opts *opts);
/* The same socket, bound but not yet connecting: for libraries that connect it themselves. */
int net_tcp_socket(const struct endpoint *remote, const struct net_opts *opts);
/* A non-blocking, listening TCP socket (SO_REUSEADDR, IPV6_V6ONLY). */
int net_tcp_listen(const struct endpoint *local, const struct net_opts *opts);
/* A listening or connecting UNIX stream socket, non-blocking. `mode` as for chmod. */
int net_unix_listen(const char *path, unsigned mode);
int net_unix_connect(const char *path);
/* The pending SO_ERROR as a negative errno, or 0. */
int net_fd_error(int fd);

enum net_event {
	NET_OPEN,     /* a connect succeeded */
	NET_READABLE, /* bytes or the end can be read */
	NET_WRITABLE, /* room again, after net_stream_want_write() */
	NET_FAILED,   /* connect failed or the connection broke: see `error`; only close is left.
		       * At most once; also after read or write told of it, unless closed then */
};

struct net_stream;
typedef void net_stream_fn(struct net_stream *s, enum net_event what);

/* The handle that an owner embeds; the provider hangs its own state below `impl`. */
struct net_stream {
	const struct net_stream_ops *ops; /* NULL: closed */
	net_stream_fn *fn;
	void *impl;
	struct endpoint local;
	struct endpoint remote;
	int error; /* negative errno after NET_FAILED */
};

struct net_stream_ops {
	ssize_t (*read)(struct net_stream *s, void *buf, size_t len);
	ssize_t (*write)(struct net_stream *s, const void *buf, size_t len);
	void (*want_write)(struct net_stream *s, bool on);
	void (*want_read)(struct net_stream *s, bool on);
	size_t (*unsent)(const struct net_stream *s);
	/* The handle lies at `s` now (net_stream_adopt). */
	void (*moved)(struct net_stream *s);
	void (*close)(struct net_stream *s);
};

/* > 0 bytes, 0 end of stream, -EAGAIN nothing now, other negative errno: broken. */
ssize_t net_stream_read(struct net_stream *s, void *buf, size_t len);
/* > 0 bytes taken, -EAGAIN full, other negative errno: broken. */
ssize_t net_stream_write(struct net_stream *s, const void *buf, size_t len);
void net_stream_want_write(struct net_stream *s, bool on);
/* Off: back-pressure on the peer. On at the start. */
void net_stream_want_read(struct net_stream *s, bool on);
/* Bytes written and not yet acknowledged by the peer's TCP (SIOCOUTQ). */
size_t net_stream_unsent(const struct net_stream *s);
/* From connect or adopt until close: also while connecting, and after NET_FAILED. */
bool net_stream_is_open(const struct net_stream *s);
/* What was written still goes out. Safe on a zeroed handle and twice. */
void net_stream_close(struct net_stream *s);

struct net_listener;
/* `s` is not yet connected to an owner: the callback moves it with net_stream_adopt() or closes it.
 */
typedef void net_accept_fn(struct net_listener *l, struct net_stream *s);
struct net_listener {
	struct net *net; /* NULL: not listening */
	net_accept_fn *fn;
	struct endpoint local;
	void *impl;
	/* Negative errno while it cannot be opened; the provider tries again every few seconds. */
	int error;
};

/* A provider of streams: the kernel's TCP, or the simulator's. */
struct net;
struct net_ops {
	/* Starts a connection into `s` (fn set by the caller). 0 or a negative errno. `opts` is
	 * never NULL here. */
	int (*connect)(struct net *n, struct net_stream *s, const struct endpoint *remote,
	    const struct net_opts *opts);
	int (*listen)(struct net *n, struct net_listener *l, const struct endpoint *local,
	    const struct net_opts *opts);
	void (*unlisten)(struct net_listener *l);
	void (*free)(struct net *n);
};
struct net {
	const struct net_ops *ops;
	struct loop *loop;
};
/* 0: NET_OPEN or NET_FAILED follows, never from inside this call. Negative errno: `s` is closed.
 * `opts` may be NULL. */
int net_connect(struct net *n, struct net_stream *s, const struct endpoint *remote,
    const struct net_opts *opts);
/* 0 even when the address cannot be had yet: l->error says so, and the provider goes on trying. */
int net_listen(struct net *n, struct net_listener *l, const struct endpoint *local,
    const struct net_opts *opts);
/* Safe on a zeroed listener and twice. */
void net_unlisten(struct net_listener *l);
/* Moves an accepted stream into its owner's handle (fn set by the owner). */
void net_stream_adopt(struct net_stream *to, struct net_stream *from);
/* Listeners end; streams of the kernel's provider live on, those of a virtual node are reset. */
void net_free(struct net *n);

/* Opens listening sockets with privileges that this process has not. Asked by the kernel's
 * provider; the answer comes later through net_real_opened(). */
struct net_opener {
	void (*open)(struct net_opener *o, uint32_t ticket, const struct endpoint *local,
	    const struct net_opts *opts);
};
/* The kernel's TCP. `opener` may be NULL: listen directly. */
struct net *net_real_new(struct loop *l, struct net_opener *opener);
/* The opener's answer to `ticket`: a listening descriptor (taken over) or a negative errno. */
void net_real_opened(struct net *n, uint32_t ticket, int fd);

#endif
