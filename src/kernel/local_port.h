/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel port without a helper: for a program that runs a probe once, with whatever privileges it
 * was started with. It opens sockets and runs commands itself, and touches no address.
 */
#ifndef KERNEL_LOCAL_PORT_H
#define KERNEL_LOCAL_PORT_H

#include "core/kernel_port.h"
#include "kernel/helper_policy.h"
#include "loop/loop.h"

struct local_port;

/* `policy`: the commands that may be run; taken over. Never NULL. */
struct local_port *local_port_new(struct loop *l, struct helper_policy *policy);
/* Kills and reaps what still runs. */
void local_port_free(struct local_port *p);
struct kernel_port *local_port_kernel(struct local_port *p);

#endif
