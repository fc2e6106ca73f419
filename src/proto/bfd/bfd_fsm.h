/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BFD state machine (RFC 5880 sections 6.2, 6.8.6, 6.8.4, 6.8.16): a pure function from (state,
 * event) to the next state and the diagnostic. It holds no timers; bfd_session.h does.
 */
#ifndef BFD_FSM_H
#define BFD_FSM_H

#include "proto/bfd/bfd_msg.h"

enum bfd_event {
	BFD_EV_ADMIN_DOWN, /* a packet whose Sta is AdminDown; the next three alike */
	BFD_EV_DOWN,
	BFD_EV_INIT,
	BFD_EV_UP,
	BFD_EV_EXPIRED, /* a Detection Time without a packet */
	BFD_EV_DISABLE, /* the operator: stop */
	BFD_EV_ENABLE,  /* the operator: go on */
	BFD_EVENT_COUNT
};
const char *bfd_event_str(enum bfd_event e);

/* The diagnostic stays what it was. */
#define BFD_DIAG_KEEP 0xff

struct bfd_step {
	uint8_t next; /* enum bfd_state */
	uint8_t diag; /* enum bfd_diag or BFD_DIAG_KEEP */
};

struct bfd_step bfd_fsm(enum bfd_state state, enum bfd_event event);
/* The event that a received Sta is. */
enum bfd_event bfd_event_received(enum bfd_state sta);

#endif
