/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper: the privileged side of the family. It does for the engine what needs privileges, and
 * only what its own reading of the configuration file allows: service addresses, listening
 * sockets, exec probes. It watches links and addresses and reports them. It reads no byte that
 * came from the network and takes no path from anybody: the only file it opens for the engine is
 * the configuration file that it was started with.
 *
 * The helper lives on a loop of its own process, or, with `nighd --single`, on the engine's loop:
 * it only knows its end of the socket pair. The daemon owns the object and does what the object
 * cannot do itself: read a configuration, end the engine, end the process.
 *
 * Everything in struct helper_host is called from the loop, and helper_free() must not be called
 * from inside one of these callbacks: stop the loop, or schedule a task.
 */
#ifndef KERNEL_HELPER_H
#define KERNEL_HELPER_H

#include "loop/loop.h"

struct helper;
struct helper_host;
struct helper_policy;

/* The engine sends a heartbeat this often, from its loop, once it has said that it is ready. */
#define HELPER_HEARTBEAT_EVERY (200 * DUR_MS)
/* The engine is taken for hung after this long without a word from it. Counted in the helper's own
 * ticks, so that time in which the helper itself did not run (suspend, freezer, starvation) does
 * not count against the engine. */
#define HELPER_SILENCE (1 * DUR_S)
/* The same while the engine reads and applies a configuration that it has just been handed: until
 * its first heartbeat after the commit, or for this long. */
#define HELPER_SILENCE_CONFIG (10 * DUR_S)
/* The engine takes the helper for dead after this long without an answer to its heartbeats. */
#define HELPER_SILENCE_ACK (3 * DUR_S)

/* How the conversation with the other side ended. */
enum helper_end {
	HELPER_END_CLEAN,    /* closed after it had said that it was stopping */
	HELPER_END_EOF,      /* closed without a word: it died */
	HELPER_END_PROTOCOL, /* sent what no healthy peer sends; nothing more is read from it */
};
/* "stopped", "died", "broke the protocol" */
const char *helper_end_str(enum helper_end end);

/* Embedded by the daemon; must outlive the helper. */
struct helper_host {
	/* The path of the configuration file, as the daemon was started with it. */
	const char *config_path;
	/* Makes a policy from the text of a configuration (text[len] is 0). NULL when the text has
	 * mistakes: the engine, which is handed the same bytes, tells people about them. The helper
	 * owns the policy. */
	struct helper_policy *(*read_policy)(struct helper_host *h, const char *text, size_t len);
	/* The engine said that it is ready: its start-up is over, it is watched from now on. */
	void (*engine_ready)(struct helper_host *h);
	/* No heartbeat for HELPER_SILENCE: the engine hangs. Kill it (SIGKILL); engine_gone()
	 * follows when its end of the socket closes. Called once. */
	void (*engine_silent)(struct helper_host *h);
	/* The engine's end of the socket is closed, or cannot be trusted any more. Called once; the
	 * helper has ended all exec runs, and leaves the service addresses where they are: they are
	 * recognised when the family starts again. */
	void (*engine_gone)(struct helper_host *h, enum helper_end end);
};

/* Takes over `fd`, the helper's end of a SOCK_SEQPACKET socketpair(), also when it fails. Opens
 * netlink sockets in the network namespace of the caller. NULL when the kernel refuses them
 * (logged). */
struct helper *helper_new(struct loop *l, int fd, struct helper_host *host);
/* Kills and reaps what still runs, closes. NULL is fine. */
void helper_free(struct helper *h);

/* SIGTERM came: asks the engine to stop cleanly (helper_client_host.stop). Idempotent. */
void helper_ask_stop(struct helper *h);
/* SIGHUP came: asks the engine to reload (helper_client_host.reload). */
void helper_ask_reload(struct helper *h);

#endif
