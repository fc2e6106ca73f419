/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helper may do for the engine: the daemon fills a policy from the helper's own reading
 * of the configuration file, and the helper compares every request with it.
 *
 * A policy never changes once it is in use; a reload replaces it. Owned by the helper.
 */
#ifndef KERNEL_HELPER_POLICY_H
#define KERNEL_HELPER_POLICY_H

#include "base/addr.h"
#include "base/mono.h"
#include "core/kernel_port.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct helper_policy;

/* Bound on what one policy holds of each kind. */
#define HELPER_POLICY_MAX 100000
#define HELPER_STALL      (60 * DUR_MS)
/* Bound on the supplementary groups of an exec probe's user. */
#define HELPER_POLICY_GROUPS 64

struct helper_policy *helper_policy_new(void);
void helper_policy_free(struct helper_policy *p);

/* The service address may be put on this interface. */
void helper_policy_add_address(
    struct helper_policy *p, const struct prefix *prefix, const char *ifname);
/* A TCP socket may listen there. */
void helper_policy_add_listen(struct helper_policy *p, const struct endpoint *local);

/* Somebody on this host must serve the port: it is watched. */
void helper_policy_add_watch(struct helper_policy *p, const struct kernel_listen *what);
/* How long the queue of a watched port may stand until it looks wrong; 0: for ever. HELPER_STALL
 * when it is not called. */
void helper_policy_set_stall(struct helper_policy *p, dur_t stall);
/* The configuration has a probe that needs such a socket. */
void helper_policy_allow_socket(struct helper_policy *p, enum kernel_socket_kind kind);

/* A command as the configuration has it. For a command that wants a shell the daemon passes
 * {"/bin/sh", "-c", text}. Everything is copied. */
struct helper_exec_rule {
	const char *const *argv; /* NULL-terminated; argv[0] is an absolute path, or is looked for
				    in HELPER_EXEC_PATH */
	const char *user;        /* NULL: the helper's own user */
	dur_t timeout;           /* a bound; > 0. The probe's own time-out kills earlier. */
};
/* Looks the user up (may read the user database). 0, -ENOENT: there is no such user; -EINVAL: no
 * argv or no name. After an error the name is not allowed. */
int helper_policy_add_exec(
    struct helper_policy *p, const char *probe, const struct helper_exec_rule *rule);

/* -- for the helper -- */

/* Ends the filling, before the first question. The helper does this to what read_policy() made. */
void helper_policy_seal(struct helper_policy *p);

struct helper_policy_address {
	struct prefix prefix;
	char ifname[16];
};
/* Ordered by address; index from 0, NULL beyond the end. */
const struct helper_policy_address *helper_policy_address_at(
    const struct helper_policy *p, size_t index);
dur_t helper_policy_stall(const struct helper_policy *p);
/* Ordered by protocol, port, address, no two equal; index from 0, NULL beyond the end. */
const struct kernel_listen *helper_policy_watch_at(const struct helper_policy *p, size_t index);
/* The entry for this address (whatever the length of the prefix), or NULL. `p` may be NULL. */
const struct helper_policy_address *helper_policy_find_address(
    const struct helper_policy *p, const struct addr *addr);
/* May it be put there? `p` may be NULL (nothing is allowed). */
bool helper_policy_allows_address(
    const struct helper_policy *p, const struct prefix *prefix, const char *ifname);
bool helper_policy_allows_listen(const struct helper_policy *p, const struct endpoint *local);
bool helper_policy_allows_socket(const struct helper_policy *p, enum kernel_socket_kind kind);

struct helper_policy_exec {
	char *name;
	char **argv; /* NULL-terminated */
	char *user;  /* NULL: the helper's own */
	uid_t uid;
	gid_t gid;
	gid_t groups[HELPER_POLICY_GROUPS];
	size_t group_count;
	dur_t timeout;
};
const struct helper_policy_exec *helper_policy_find_exec(
    const struct helper_policy *p, const char *probe);

#endif
