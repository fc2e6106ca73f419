/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The port to the host: what the engine asks of the privileged side, and what it hears from it.
 * Behind it stands the helper process (kernel/), or the simulator's model of a host.
 *
 * Requests are named, never free-form: the other side acts only on what its own reading of the
 * configuration allows.
 */
#ifndef CORE_KERNEL_PORT_H
#define CORE_KERNEL_PORT_H

#include "base/addr.h"
#include "base/mono.h"
#include "base/queue.h"
#include "core/why.h"

#include <stdbool.h>

#define KERNEL_IFNAME      16
#define KERNEL_EXEC_OUTPUT 256
#define KERNEL_EXEC_NAME   64

struct kernel_port;

/* How an exec run ended. */
enum kernel_exec_end { KERNEL_EXEC_EXITED, KERNEL_EXEC_SIGNALLED, KERNEL_EXEC_FAILED };

struct kernel_exec_result {
	enum kernel_exec_end end;
	int code; /* exit code, signal number, or negative errno of the start */
	char output[KERNEL_EXEC_OUTPUT]; /* the first line of standard output, or its first bytes */
};

/* One run of a configured command, embedded by the exec probe. */
struct kernel_exec;
typedef void kernel_exec_fn(struct kernel_exec *x, const struct kernel_exec_result *result);
struct kernel_exec {
	kernel_exec_fn *fn;
	uint32_t id; /* 0: not running; set by the port */
	LIST_ENTRY(kernel_exec) link;
};

/* Sockets that need privileges to open, one of each kind for all probes of a kind. */
enum kernel_socket_kind {
	KERNEL_SOCKET_ICMP4,       /* raw ICMP */
	KERNEL_SOCKET_ICMP6,       /* raw ICMPv6; only echo replies pass its filter */
	KERNEL_SOCKET_DHCP_CLIENT, /* UDP 0.0.0.0:68, broadcast allowed */
	KERNEL_SOCKET_DHCP_RELAY,  /* UDP 0.0.0.0:67, where a relay's answers arrive */
	KERNEL_SOCKET_COUNT
};

/* A request for one, embedded by who wants it. */
struct kernel_socket;
/* `fd`: the socket, non-blocking, now the callee's; or a negative errno (-EACCES: the configuration
 * has no probe that needs it). */
typedef void kernel_socket_fn(struct kernel_socket *s, int fd);
struct kernel_socket {
	kernel_socket_fn *fn;
	uint32_t id; /* 0: not waiting; set by the port */
	LIST_ENTRY(kernel_socket) link;
};

/* A port of a service address that somebody on this host must serve; which ones there are follows
 * from the configuration (`listens`), which the other side reads itself. */
enum kernel_proto { KERNEL_UDP, KERNEL_TCP };
struct kernel_listen {
	struct addr addr;
	uint16_t port;
	enum kernel_proto proto;
};
enum kernel_served { KERNEL_SERVED, KERNEL_DESERTED };

/* Told by the port, always from the loop and never from inside a request. */
struct kernel_listener {
	/* The address is, or is no longer, on the host. Sent for every configured address after a
	 * request, after a change by anybody, and after a resync. `error` is 0 or why a request
	 * failed (negative errno). */
	void (*address)(
	    struct kernel_listener *l, const struct prefix *prefix, bool present, int error);
	/* A link's operational state; sent for every link at the start and at each change. */
	void (*link)(struct kernel_listener *l, const char *ifname, bool up);
	/* A socket serves the port, or none does any more. Sent for every configured one after a
	 * commit, at each change, and after a resync; it cannot be wrong, so it acts at once.
	 * `why`: WHY_OK, WHY_SOCKET or WHY_EXIT. */
	void (*served)(struct kernel_listener *l, const struct kernel_listen *what,
	    enum kernel_served served, enum why why);
	/* The port's server looks wrong (its queue does not move): this may be a mistake, so probes
	 * should ask at once. */
	void (*suspect)(struct kernel_listener *l, const struct kernel_listen *what, enum why why);
};

struct kernel_ops {
	/* Puts the address on the interface or takes it off; idempotent, answered by `address`. */
	void (*address_set)(
	    struct kernel_port *k, const struct prefix *prefix, const char *ifname, bool present);
	/* Runs the command of probe `name` (from the other side's own reading of the
	 * configuration). The result comes once; after kernel_exec_kill() never. */
	void (*exec_start)(struct kernel_port *k, struct kernel_exec *x, const char *name);
	/* Kills the run's whole process group and reaps it. */
	void (*exec_kill)(struct kernel_port *k, struct kernel_exec *x);
	/* Opens a socket; the answer comes once, and never after socket_cancel(). */
	void (*socket_open)(
	    struct kernel_port *k, struct kernel_socket *s, enum kernel_socket_kind kind);
	void (*socket_cancel)(struct kernel_port *k, struct kernel_socket *s);
};

struct kernel_port {
	const struct kernel_ops *ops;
	struct kernel_listener *listener;
};

#endif
