/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the sockets that probes need and that take privileges. Private to the folder.
 */
#ifndef KERNEL_HELPER_SOCKET_H
#define KERNEL_HELPER_SOCKET_H

#include "core/kernel_port.h"

/* A non-blocking descriptor, owned by the caller, or a negative errno (logged). */
int helper_socket_open(enum kernel_socket_kind kind);
/* "ICMP", "DHCP client": for sentences. */
const char *helper_socket_str(enum kernel_socket_kind kind);

#endif
