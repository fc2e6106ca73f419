/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process family: helper (privileged, the main process) and engine (no privileges).
 */
#ifndef DAEMON_FAMILY_H
#define DAEMON_FAMILY_H

#include "daemon/config.h"

#define FAMILY_USER "nigh"

enum family_mode {
	FAMILY_SPLIT,  /* helper and engine in a process each */
	FAMILY_SINGLE, /* both in one process, with all privileges: for debugging */
};

/* What the daemon was started with. */
struct family_start {
	const char *config_path;
	enum family_mode mode;
	struct node_conf node; /* of the first reading of the file */
	int control_fd;        /* listening UNIX socket, or -1; taken over */
};

/* Runs the family until it ends; returns the exit status of the main process: 0 after a clean stop,
 * 1 otherwise (systemd then restarts it). */
int family_run(const struct family_start *start);

/* -- inside -- */

/* The engine's process: its end of the socket pair in, its exit status out. */
int engine_process(const struct family_start *start, int helper_fd);

#endif
