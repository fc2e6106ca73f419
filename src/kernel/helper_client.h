/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the helper: the kernel port and the opener of listening sockets, both by
 * messages over a socket pair.
 *
 * Requests never block and never call back from inside: answers come from the loop. What does not
 * fit into the socket waits in a bounded queue; addresses need no queue, because the client knows
 * what was asked last and says it again when there is room.
 *
 * Owner: the engine. Everything in struct helper_client_host is called from the loop, and
 * helper_client_free() must not be called from inside one of these callbacks.
 */
#ifndef KERNEL_HELPER_CLIENT_H
#define KERNEL_HELPER_CLIENT_H

#include "core/kernel_port.h"
#include "kernel/helper.h"
#include "loop/net.h"

struct helper_client;
struct helper_client_host;

/* What the engine was handed: the text of the configuration file, or why there is none. */
struct helper_config {
	uint32_t serial;  /* for helper_client_config_commit() */
	int error;        /* 0, or a negative errno of opening or reading the file */
	const char *text; /* zero-terminated; valid during the call; NULL on error */
	size_t len;
};

/* Embedded by the engine; must outlive the client. */
struct helper_client_host {
	/* The answer to a request of the opener: a listening descriptor (now the host's) or a
	 * negative errno. Pass it to net_real_opened(). */
	void (*opened)(struct helper_client_host *h, uint32_t ticket, int fd);
	/* The answer to helper_client_config_read(). */
	void (*config)(struct helper_client_host *h, const struct helper_config *config);
	/* SIGTERM came to the family: stop cleanly, then let the process end. */
	void (*stop)(struct helper_client_host *h);
	/* SIGHUP came: reload, which starts with helper_client_config_read(). */
	void (*reload)(struct helper_client_host *h);
	/* The helper is gone: closed, broke the protocol, or (HELPER_END_EOF as well) did not
	 * answer for HELPER_SILENCE_ACK. The engine must end. Called once. */
	void (*gone)(struct helper_client_host *h, enum helper_end end);
};

/* Takes over `fd`, the engine's end of a SOCK_SEQPACKET socketpair(). Never NULL. */
struct helper_client *helper_client_new(struct loop *l, int fd, struct helper_client_host *host);
/* Forgets all requests (no callback comes any more) and closes. NULL is fine. */
void helper_client_free(struct helper_client *c);

/* The ports; they live as long as the client. Set port->listener before the
 * loop runs: the helper reports every link at its start, and addresses after each commit. */
struct kernel_port *helper_client_port(struct helper_client *c);
struct net_opener *helper_client_opener(struct helper_client *c);

/* Start-up is over: from now on heartbeats go out every HELPER_HEARTBEAT_EVERY and the helper ends
 * an engine that falls silent. */
void helper_client_ready(struct helper_client *c);
/* Asks for the text of the configuration file; host->config() answers. The helper reads the same
 * bytes into a candidate of its policy. A second call before the answer makes the first one void:
 * only the answer with the newest serial is handed on. Returns the serial. */
uint32_t helper_client_config_read(struct helper_client *c);
/* The configuration with this serial is in force: the helper's policy follows before any request
 * that is made after this call. Committing the one before the current one again takes it back (an
 * unconfirmed reload). */
void helper_client_config_commit(struct helper_client *c, uint32_t serial);
/* A clean stop is under way: the end of the connection that follows is no failure. */
void helper_client_stopping(struct helper_client *c);

#endif
