/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sink of addresses: makes the host have the addresses that the intent wants, through the
 * kernel port, and tells the intent what the kernel says.
 *
 * The engine's kernel_listener hands every `address` call to address_sink_state(), which passes the
 * fact on to the host's `present` (core_address()) and retries what failed every
 * ADDRESS_SINK_RETRY. Owned by the engine; freed before the intent and the port.
 */
#ifndef KERNEL_ADDRESS_SINK_H
#define KERNEL_ADDRESS_SINK_H

#include "core/intent.h"
#include "core/kernel_port.h"
#include "loop/loop.h"

#define ADDRESS_SINK_RETRY (2 * DUR_S)

struct address_sink;
struct address_sink_host;

/* Embedded by the engine; must outlive the sink. */
struct address_sink_host {
	/* The address is, or is no longer, on the host: call core_address(). Called from within
	 * address_sink_state(). */
	void (*present)(struct address_sink_host *h, const struct prefix *prefix, bool present);
};

struct address_sink *address_sink_new(
    struct loop *l, struct intent *in, struct kernel_port *port, struct address_sink_host *host);
/* Takes no address off. NULL is fine. */
void address_sink_free(struct address_sink *s);
/* From kernel_listener.address. */
void address_sink_state(
    struct address_sink *s, const struct prefix *prefix, bool present, int error);

#endif
