/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Giving up privileges: the engine parses everything that comes from the network, so it has none.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <sys/types.h>

struct privileges_user {
	const char *name;
	uid_t uid;
	gid_t gid;
};

/* The engine's user: `nigh`, else `nobody` (logged). 0, or -1 when there is neither. */
int privileges_find(struct privileges_user *out);
/* Becomes that user, for good: groups, ids, capabilities, no_new_privs. Aborts when the kernel
 * refuses a step, because going on with privileges would be worse. Does nothing but no_new_privs
 * when this process is not root. */
void privileges_drop(const struct privileges_user *user);

#endif
