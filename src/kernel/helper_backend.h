/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the helper does its work with: the kernel (helper_kernel.c), or nothing (tests, fuzzing).
 * Everything that is asked of a back end has been checked against the policy. Private to the
 * folder.
 */
#ifndef KERNEL_HELPER_BACKEND_H
#define KERNEL_HELPER_BACKEND_H

#include "kernel/helper.h"
#include "kernel/helper_msg.h"
#include "kernel/helper_policy.h"
#include "loop/net.h"

struct helper_backend;

struct helper_backend_ops {
	/* A policy came into force; it lives until the next call. */
	void (*policy)(struct helper_backend *b, const struct helper_policy *p);
	/* A state report follows. */
	void (*address_add)(
	    struct helper_backend *b, const struct prefix *prefix, const char *ifname);
	/* 0 and a state report follows, or -ENOENT: nothing is known of it. */
	int (*address_del)(struct helper_backend *b, const struct prefix *prefix);
	bool (*address_is_ours)(struct helper_backend *b, const struct prefix *prefix);
	bool (*address_is_present)(struct helper_backend *b, const struct prefix *prefix);
	/* A listening TCP descriptor for the engine, or a negative errno. */
	int (*listen)(
	    struct helper_backend *b, const struct endpoint *local, const struct net_opts *opts);
	/* A socket of that kind for the engine, or a negative errno. */
	int (*socket_open)(struct helper_backend *b, enum kernel_socket_kind kind);
	/* 0, and helper_exec_ended() follows unless it is killed; or a negative errno. */
	int (*exec_start)(
	    struct helper_backend *b, uint32_t id, const struct helper_policy_exec *rule);
	void (*exec_kill)(struct helper_backend *b, uint32_t id);
	void (*exec_kill_all)(struct helper_backend *b);
	/* The next state that the engine has not been told (an address or a link); false when
	 * there is none. reported() tells that it went. */
	bool (*report)(struct helper_backend *b, struct helper_msg *m);
	void (*reported)(struct helper_backend *b);
	void (*free)(struct helper_backend *b);
};

/* The head of every back end's struct. */
struct helper_backend {
	const struct helper_backend_ops *ops;
	struct helper *helper; /* set by helper_new_with() */
};

/* The kernel's; NULL when it refuses netlink sockets (logged). */
struct helper_backend *helper_kernel_new(struct loop *l);

/* helper_new() with another back end, which is taken over. Never NULL. */
struct helper *helper_new_with(
    struct loop *l, int fd, struct helper_host *host, struct helper_backend *b);

/* -- from the back end -- */

/* report() has something new. */
void helper_has_reports(struct helper *h);
void helper_exec_ended(struct helper *h, uint32_t id, const struct kernel_exec_result *result);

#endif
