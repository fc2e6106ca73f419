/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BFD state machine as one table: (state, event) -> step.
 *
 * Packets: RFC 5880 section 6.8.6, the part behind "If bfd.SessionState is AdminDown"; the diagram
 * is in section 6.2. Expiry: section 6.8.4, which knows Init and Up alone. The operator: section
 * 6.8.16. Every pair is written out, so that the table can be read beside the RFC.
 *
 * The diagnostic is the reason why the session last failed, and stays while the session comes up
 * again, so that the far side can still read it: no step sets it back to "none".
 */
#include "proto/bfd/bfd_fsm.h"

#include <assert.h>

static const char *const event_names[BFD_EVENT_COUNT] = {
    [BFD_EV_ADMIN_DOWN] = "received AdminDown",
    [BFD_EV_DOWN] = "received Down",
    [BFD_EV_INIT] = "received Init",
    [BFD_EV_UP] = "received Up",
    [BFD_EV_EXPIRED] = "expired",
    [BFD_EV_DISABLE] = "disable",
    [BFD_EV_ENABLE] = "enable",
};

/* clang-format off */
#define STAY(state)     {(state), BFD_DIAG_KEEP}
#define GO(state)       {(state), BFD_DIAG_KEEP}
#define SIGNALED        {BFD_DOWN, BFD_DIAG_NEIGHBOR_DOWN}
#define EXPIRED         {BFD_DOWN, BFD_DIAG_EXPIRED}
#define DISABLED        {BFD_ADMIN_DOWN, BFD_DIAG_ADMIN_DOWN}

static const struct bfd_step steps[BFD_STATE_COUNT][BFD_EVENT_COUNT] = {
[BFD_ADMIN_DOWN] = {
	[BFD_EV_ADMIN_DOWN] = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_DOWN]       = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_INIT]       = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_UP]         = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_EXPIRED]    = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_DISABLE]    = STAY(BFD_ADMIN_DOWN),
	[BFD_EV_ENABLE]     = GO(BFD_DOWN),
},
[BFD_DOWN] = {
	[BFD_EV_ADMIN_DOWN] = STAY(BFD_DOWN),
	[BFD_EV_DOWN]       = GO(BFD_INIT),
	[BFD_EV_INIT]       = GO(BFD_UP),
	[BFD_EV_UP]         = STAY(BFD_DOWN),
	[BFD_EV_EXPIRED]    = STAY(BFD_DOWN),
	[BFD_EV_DISABLE]    = DISABLED,
	[BFD_EV_ENABLE]     = STAY(BFD_DOWN),
},
[BFD_INIT] = {
	[BFD_EV_ADMIN_DOWN] = SIGNALED,
	[BFD_EV_DOWN]       = STAY(BFD_INIT),
	[BFD_EV_INIT]       = GO(BFD_UP),
	[BFD_EV_UP]         = GO(BFD_UP),
	[BFD_EV_EXPIRED]    = EXPIRED,
	[BFD_EV_DISABLE]    = DISABLED,
	[BFD_EV_ENABLE]     = STAY(BFD_INIT),
},
[BFD_UP] = {
	[BFD_EV_ADMIN_DOWN] = SIGNALED,
	[BFD_EV_DOWN]       = SIGNALED,
	[BFD_EV_INIT]       = STAY(BFD_UP),
	[BFD_EV_UP]         = STAY(BFD_UP),
	[BFD_EV_EXPIRED]    = EXPIRED,
	[BFD_EV_DISABLE]    = DISABLED,
	[BFD_EV_ENABLE]     = STAY(BFD_UP),
},
};
/* clang-format on */

const char *
bfd_event_str(enum bfd_event e)
{
	return event_names[e];
}

struct bfd_step
bfd_fsm(enum bfd_state state, enum bfd_event event)
{
	assert(state < BFD_STATE_COUNT && event < BFD_EVENT_COUNT);
	return steps[state][event];
}

enum bfd_event
bfd_event_received(enum bfd_state sta)
{
	static const enum bfd_event events[BFD_STATE_COUNT] = {
	    [BFD_ADMIN_DOWN] = BFD_EV_ADMIN_DOWN,
	    [BFD_DOWN] = BFD_EV_DOWN,
	    [BFD_INIT] = BFD_EV_INIT,
	    [BFD_UP] = BFD_EV_UP,
	};

	return events[sta];
}
