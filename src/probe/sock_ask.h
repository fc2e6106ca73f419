/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question of sock_diag: which local socket would get what is sent to an address and port.
 */
#ifndef PROBE_SOCK_ASK_H
#define PROBE_SOCK_ASK_H

#include "base/addr.h"

enum sock_proto { SOCK_ASK_UDP, SOCK_ASK_TCP };

/* What the kernel found. */
struct sock_found {
	struct addr addr; /* that the socket is bound to; IPv4-mapped addresses as IPv4 */
	uint32_t uid;     /* of its owner */
};

/* A netlink socket for sock_ask(), non-blocking; the caller closes it. Or a negative errno. */
int sock_ask_open(void);
/* 0; -ENOENT when no socket would; or another negative errno. Waits for nothing: the kernel has
 * answered before send(2) returns. */
int sock_ask(int fd, enum sock_proto proto, const struct endpoint *what, struct sock_found *out);

#endif
