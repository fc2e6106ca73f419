/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP finite state machine (RFC 4271 section 8.2.2): a pure function from (state, event) to the
 * next state and a list of actions. It holds no timers and no sockets; the session (bgp_session.c)
 * carries out what it orders. Every pair of state and event is defined.
 */
#ifndef BGP_FSM_H
#define BGP_FSM_H

#include "proto/bgp/bgp_msg.h"

enum bgp_state {
	BGP_IDLE,
	BGP_CONNECT,
	BGP_ACTIVE,
	BGP_OPENSENT,
	BGP_OPENCONFIRM,
	BGP_ESTABLISHED,
	BGP_STATE_COUNT
};
const char *bgp_state_str(enum bgp_state s); /* RFC names: "Idle", "OpenSent"... */

/* RFC 4271 section 8.1; the comment is the RFC's number. Events that exist only with optional
 * session attributes that we do not have (delay-open) are left out, and doc/proto/bgp.md says so.
 */
enum bgp_event {
	BGP_EV_START,                /* 1, 3: manual or automatic start, active */
	BGP_EV_START_PASSIVE,        /* 4, 5 */
	BGP_EV_STOP,                 /* 2, 8: manual or automatic stop */
	BGP_EV_CONNECT_RETRY,        /* 9 */
	BGP_EV_HOLD_EXPIRED,         /* 10 */
	BGP_EV_KEEPALIVE_EXPIRED,    /* 11 */
	BGP_EV_IDLE_HOLD_EXPIRED,    /* 13, and with it 6: start again, active */
	BGP_EV_IDLE_HOLD_PASSIVE,    /* 13, and with it 7: start again, passive */
	BGP_EV_TCP_OPEN,             /* 16, 17: outgoing confirmed or incoming accepted */
	BGP_EV_TCP_FAILED,           /* 18 */
	BGP_EV_OPEN,                 /* 19 */
	BGP_EV_HEADER_ERROR,         /* 21 */
	BGP_EV_OPEN_ERROR,           /* 22 */
	BGP_EV_COLLISION_DUMP,       /* 23 */
	BGP_EV_NOTIFICATION_VERSION, /* 24 */
	BGP_EV_NOTIFICATION,         /* 25 */
	BGP_EV_KEEPALIVE,            /* 26 */
	BGP_EV_UPDATE,               /* 27 */
	BGP_EV_UPDATE_ERROR,         /* 28 */
	BGP_EV_REFRESH,              /* RFC 2918 */
	BGP_EV_SEND_HOLD_EXPIRED,    /* 29: RFC 9687 */
	BGP_EVENT_COUNT
};
const char *bgp_event_str(enum bgp_event e);

/* Orders to the session, a mask carried out in the order of the bits. A session of a passive
 * neighbor leaves BGP_DO_CONNECT and BGP_DO_ARM_RETRY out. In Idle a connection of the neighbor is
 * refused, in every other state accepted.
 *
 * ConnectRetryCounter is what the idle-hold back-off grows with. A neighbor that cannot be reached
 * (TCP failure in Connect) is not counted, so that the hold stays short while a router is away. */
enum bgp_action {
	BGP_DO_NOTIFY = 1 << 0,      /* send the NOTIFICATION given in the step */
	BGP_DO_DROP = 1 << 1,        /* close the connection, release what hangs on it */
	BGP_DO_COUNT_RETRY = 1 << 2, /* ConnectRetryCounter + 1 */
	BGP_DO_ZERO_RETRY = 1 << 3,  /* ConnectRetryCounter := 0 */
	BGP_DO_STOP_TIMERS = 1 << 4, /* connect-retry, hold, keepalive, send-hold, idle-hold */
	BGP_DO_IDLE_HOLD = 1 << 5,   /* arm the idle-hold timer, with back-off */
	BGP_DO_CONNECT = 1 << 6,     /* start an outgoing connection */
	BGP_DO_LISTEN = 1 << 7,      /* be ready for the neighbor's connection */
	BGP_DO_ARM_RETRY = 1 << 8,
	BGP_DO_STOP_RETRY = 1 << 9,
	BGP_DO_SEND_OPEN = 1 << 10,
	BGP_DO_ARM_HOLD_OPEN = 1 << 11, /* the large hold time of 4 minutes */
	BGP_DO_NEGOTIATE = 1 << 12,     /* take hold time, families from the OPEN */
	BGP_DO_SEND_KEEPALIVE = 1 << 13,
	BGP_DO_ARM_HOLD = 1 << 14,      /* the negotiated hold time; 0 stops the timer */
	BGP_DO_ARM_KEEPALIVE = 1 << 15, /* a third of it, with jitter; 0 stops the timer */
	BGP_DO_ESTABLISHED = 1 << 16,   /* tell the table: send everything, then End-of-RIB */
	BGP_DO_UPDATE = 1 << 17,        /* hand the UPDATE to the table */
	BGP_DO_REFRESH = 1 << 18,       /* send everything again */
};

struct bgp_step {
	enum bgp_state next;
	uint32_t actions; /* mask of enum bgp_action */
	uint8_t code;     /* NOTIFICATION when BGP_DO_NOTIFY; 0/0: the one that the event brought */
	uint8_t subcode;
};

struct bgp_step bgp_fsm(enum bgp_state state, enum bgp_event event);
/* The NOTIFICATION of a step with BGP_DO_NOTIFY. `brought` is the event's own (an error found in a
 * message; the Cease of a stop) and may be NULL with steps that name a code; a step of 0/0 without
 * one gives Cease/Other. Messages that come in the wrong state: RFC 6608 wants their type in the
 * data. */
struct bgp_notify bgp_step_notify(
    const struct bgp_step *step, enum bgp_event event, const struct bgp_notify *brought);

/* Collision detection (RFC 4271 section 6.8, RFC 6286 section 2.3): a valid OPEN has come in on one
 * connection while another one to the same neighbor exists. The loser's state machine gets
 * BGP_EV_COLLISION_DUMP. */
enum bgp_direction { BGP_OUTGOING, BGP_INCOMING };
enum bgp_collision { BGP_KEEP_EXISTING, BGP_KEEP_NEW };
struct bgp_collision_ids {
	uint32_t local_id, local_as;
	uint32_t remote_id, remote_as; /* from the OPEN */
};
/* `fresh`: who started the connection that the OPEN came in on. `existing`, `state`: the same of
 * the other connection, and how far it is. */
enum bgp_collision bgp_collision_resolve(const struct bgp_collision_ids *ids,
    enum bgp_direction fresh, enum bgp_direction existing, enum bgp_state state);

#endif
