/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP finite state machine as one table: (state, event) -> step (RFC 4271 section 8.2.2).
 *
 * Every pair is written out, in the order of the RFC's states and events, so that the table can be
 * read beside the RFC. A dozen names stand for the steps that come again and again:
 *
 *   STAY         nothing happens
 *   DO           something is done, the state stays or changes
 *   STOPPED      a stop: Idle, ConnectRetryCounter zero, and no restart by itself
 *   FAILED       an error: Idle, counted, and a restart after the idle hold
 *   QUIET        the same, not counted
 *
 * each with a NOTIFICATION (N_) where a connection exists and the fault was found here. What
 * departs from the RFC's text is marked by a letter, and doc/proto/bgp.md says why:
 *
 *   (a) Idle, stop: a pending restart is called off.
 *   (b) every way into Idle other than a stop arms the idle hold: automatic start is always on.
 *   (c) Active, TCP failure: ConnectRetryTimer is stopped, for Idle has no use for it.
 *   (d) OpenSent, NOTIFICATION: not answered by a NOTIFICATION (section 6.4).
 *   (e) a second OPEN on one connection is an unexpected message (RFC 6608), in OpenConfirm and in
 *       Established; collisions between two connections are bgp_collision_resolve()'s.
 *   (f) Established, header error: the header's own error code (section 6.1).
 *   (g) a message in the wrong state has its subcode of RFC 6608, a timer subcode 0.
 */
#include "proto/bgp/bgp_fsm.h"

#include "base/mem.h"

#include <assert.h>

static const char *const state_names[BGP_STATE_COUNT] = {
    [BGP_IDLE] = "Idle",
    [BGP_CONNECT] = "Connect",
    [BGP_ACTIVE] = "Active",
    [BGP_OPENSENT] = "OpenSent",
    [BGP_OPENCONFIRM] = "OpenConfirm",
    [BGP_ESTABLISHED] = "Established",
};

/* What the RFC calls it, and the message that it tells of (0: none). */
static const struct {
	const char *name;
	uint8_t message;
} events[BGP_EVENT_COUNT] = {
    [BGP_EV_START] = {"Start", 0},
    [BGP_EV_START_PASSIVE] = {"Start_with_PassiveTcpEstablishment", 0},
    [BGP_EV_STOP] = {"Stop", 0},
    [BGP_EV_CONNECT_RETRY] = {"ConnectRetryTimer_Expires", 0},
    [BGP_EV_HOLD_EXPIRED] = {"HoldTimer_Expires", 0},
    [BGP_EV_KEEPALIVE_EXPIRED] = {"KeepaliveTimer_Expires", 0},
    [BGP_EV_IDLE_HOLD_EXPIRED] = {"IdleHoldTimer_Expires", 0},
    [BGP_EV_IDLE_HOLD_PASSIVE] = {"IdleHoldTimer_Expires_with_PassiveTcpEstablishment", 0},
    [BGP_EV_TCP_OPEN] = {"TcpConnectionConfirmed", 0},
    [BGP_EV_TCP_FAILED] = {"TcpConnectionFails", 0},
    [BGP_EV_OPEN] = {"BGPOpen", BGP_OPEN},
    [BGP_EV_HEADER_ERROR] = {"BGPHeaderErr", 0},
    [BGP_EV_OPEN_ERROR] = {"BGPOpenMsgErr", BGP_OPEN},
    [BGP_EV_COLLISION_DUMP] = {"OpenCollisionDump", 0},
    [BGP_EV_NOTIFICATION_VERSION] = {"NotifMsgVerErr", BGP_NOTIFICATION},
    [BGP_EV_NOTIFICATION] = {"NotifMsg", BGP_NOTIFICATION},
    [BGP_EV_KEEPALIVE] = {"KeepAliveMsg", BGP_KEEPALIVE},
    [BGP_EV_UPDATE] = {"UpdateMsg", BGP_UPDATE},
    [BGP_EV_UPDATE_ERROR] = {"UpdateMsgErr", BGP_UPDATE},
    [BGP_EV_REFRESH] = {"RouteRefreshMsg", BGP_REFRESH},
    [BGP_EV_SEND_HOLD_EXPIRED] = {"SendHoldTimer_Expires", 0},
};

/* clang-format off */
#define RELEASE         (BGP_DO_DROP | BGP_DO_STOP_TIMERS)
#define STAY(state)     {(state), 0, 0, 0}
#define DO(state, what) {(state), (what), 0, 0}
#define STOPPED         {BGP_IDLE, RELEASE | BGP_DO_ZERO_RETRY, 0, 0}
#define N_STOPPED       {BGP_IDLE, BGP_DO_NOTIFY | RELEASE | BGP_DO_ZERO_RETRY, 0, 0}
#define QUIET           {BGP_IDLE, RELEASE | BGP_DO_IDLE_HOLD, 0, 0}
#define FAILED          {BGP_IDLE, RELEASE | BGP_DO_COUNT_RETRY | BGP_DO_IDLE_HOLD, 0, 0}
#define N_FAILED(code, subcode)                                                                    \
	{BGP_IDLE, BGP_DO_NOTIFY | RELEASE | BGP_DO_COUNT_RETRY | BGP_DO_IDLE_HOLD, (code), (subcode)}
#define N_BROUGHT       N_FAILED(0, 0)

/* Idle to Connect, Idle to Active; with a start the counter begins anew. */
#define BEGIN           (BGP_DO_STOP_TIMERS | BGP_DO_LISTEN | BGP_DO_ARM_RETRY)
#define TRY             (BGP_DO_CONNECT | BGP_DO_LISTEN | BGP_DO_ARM_RETRY)
#define OPENING         (BGP_DO_STOP_RETRY | BGP_DO_SEND_OPEN | BGP_DO_ARM_HOLD_OPEN)
#define CONFIRMING                                                                                 \
	(BGP_DO_STOP_RETRY | BGP_DO_NEGOTIATE | BGP_DO_SEND_KEEPALIVE | BGP_DO_ARM_HOLD |          \
	    BGP_DO_ARM_KEEPALIVE)
#define ALIVE           (BGP_DO_SEND_KEEPALIVE | BGP_DO_ARM_KEEPALIVE)

static const struct bgp_step steps[BGP_STATE_COUNT][BGP_EVENT_COUNT] = {
[BGP_IDLE] = {
	[BGP_EV_START]                = DO(BGP_CONNECT, BEGIN | BGP_DO_ZERO_RETRY | BGP_DO_CONNECT),
	[BGP_EV_START_PASSIVE]        = DO(BGP_ACTIVE, BEGIN | BGP_DO_ZERO_RETRY),
	[BGP_EV_STOP]                 = DO(BGP_IDLE, BGP_DO_ZERO_RETRY | BGP_DO_STOP_TIMERS), /* a */
	[BGP_EV_CONNECT_RETRY]        = STAY(BGP_IDLE),
	[BGP_EV_HOLD_EXPIRED]         = STAY(BGP_IDLE),
	[BGP_EV_KEEPALIVE_EXPIRED]    = STAY(BGP_IDLE),
	[BGP_EV_IDLE_HOLD_EXPIRED]    = DO(BGP_CONNECT, BEGIN | BGP_DO_CONNECT),
	[BGP_EV_IDLE_HOLD_PASSIVE]    = DO(BGP_ACTIVE, BEGIN),
	[BGP_EV_TCP_OPEN]             = STAY(BGP_IDLE),
	[BGP_EV_TCP_FAILED]           = STAY(BGP_IDLE),
	[BGP_EV_OPEN]                 = STAY(BGP_IDLE),
	[BGP_EV_HEADER_ERROR]         = STAY(BGP_IDLE),
	[BGP_EV_OPEN_ERROR]           = STAY(BGP_IDLE),
	[BGP_EV_COLLISION_DUMP]       = STAY(BGP_IDLE),
	[BGP_EV_NOTIFICATION_VERSION] = STAY(BGP_IDLE),
	[BGP_EV_NOTIFICATION]         = STAY(BGP_IDLE),
	[BGP_EV_KEEPALIVE]            = STAY(BGP_IDLE),
	[BGP_EV_UPDATE]               = STAY(BGP_IDLE),
	[BGP_EV_UPDATE_ERROR]         = STAY(BGP_IDLE),
	[BGP_EV_REFRESH]              = STAY(BGP_IDLE),
	[BGP_EV_SEND_HOLD_EXPIRED]    = STAY(BGP_IDLE),
},
[BGP_CONNECT] = {
	[BGP_EV_START]                = STAY(BGP_CONNECT),
	[BGP_EV_START_PASSIVE]        = STAY(BGP_CONNECT),
	[BGP_EV_STOP]                 = STOPPED,
	[BGP_EV_CONNECT_RETRY]        = DO(BGP_CONNECT, BGP_DO_DROP | TRY),
	[BGP_EV_HOLD_EXPIRED]         = FAILED,
	[BGP_EV_KEEPALIVE_EXPIRED]    = FAILED,
	[BGP_EV_IDLE_HOLD_EXPIRED]    = FAILED,
	[BGP_EV_IDLE_HOLD_PASSIVE]    = FAILED,
	[BGP_EV_TCP_OPEN]             = DO(BGP_OPENSENT, OPENING),
	[BGP_EV_TCP_FAILED]           = QUIET, /* b */
	[BGP_EV_OPEN]                 = FAILED,
	[BGP_EV_HEADER_ERROR]         = FAILED,
	[BGP_EV_OPEN_ERROR]           = FAILED,
	[BGP_EV_COLLISION_DUMP]       = FAILED,
	[BGP_EV_NOTIFICATION_VERSION] = FAILED,
	[BGP_EV_NOTIFICATION]         = FAILED,
	[BGP_EV_KEEPALIVE]            = FAILED,
	[BGP_EV_UPDATE]               = FAILED,
	[BGP_EV_UPDATE_ERROR]         = FAILED,
	[BGP_EV_REFRESH]              = FAILED,
	[BGP_EV_SEND_HOLD_EXPIRED]    = FAILED,
},
[BGP_ACTIVE] = {
	[BGP_EV_START]                = STAY(BGP_ACTIVE),
	[BGP_EV_START_PASSIVE]        = STAY(BGP_ACTIVE),
	[BGP_EV_STOP]                 = STOPPED,
	[BGP_EV_CONNECT_RETRY]        = DO(BGP_CONNECT, TRY),
	[BGP_EV_HOLD_EXPIRED]         = FAILED,
	[BGP_EV_KEEPALIVE_EXPIRED]    = FAILED,
	[BGP_EV_IDLE_HOLD_EXPIRED]    = FAILED,
	[BGP_EV_IDLE_HOLD_PASSIVE]    = FAILED,
	[BGP_EV_TCP_OPEN]             = DO(BGP_OPENSENT, OPENING),
	[BGP_EV_TCP_FAILED]           = FAILED, /* c */
	[BGP_EV_OPEN]                 = FAILED,
	[BGP_EV_HEADER_ERROR]         = FAILED,
	[BGP_EV_OPEN_ERROR]           = FAILED,
	[BGP_EV_COLLISION_DUMP]       = FAILED,
	[BGP_EV_NOTIFICATION_VERSION] = FAILED,
	[BGP_EV_NOTIFICATION]         = FAILED,
	[BGP_EV_KEEPALIVE]            = FAILED,
	[BGP_EV_UPDATE]               = FAILED,
	[BGP_EV_UPDATE_ERROR]         = FAILED,
	[BGP_EV_REFRESH]              = FAILED,
	[BGP_EV_SEND_HOLD_EXPIRED]    = FAILED,
},
[BGP_OPENSENT] = {
	[BGP_EV_START]                = STAY(BGP_OPENSENT),
	[BGP_EV_START_PASSIVE]        = STAY(BGP_OPENSENT),
	[BGP_EV_STOP]                 = N_STOPPED,
	[BGP_EV_CONNECT_RETRY]        = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_HOLD_EXPIRED]         = N_FAILED(BGP_ERR_HOLD, 0),
	[BGP_EV_KEEPALIVE_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_IDLE_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_IDLE_HOLD_PASSIVE]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_TCP_OPEN]             = STAY(BGP_OPENSENT), /* the session tracks it */
	[BGP_EV_TCP_FAILED]           = DO(BGP_ACTIVE, RELEASE | BGP_DO_LISTEN | BGP_DO_ARM_RETRY),
	[BGP_EV_OPEN]                 = DO(BGP_OPENCONFIRM, CONFIRMING),
	[BGP_EV_HEADER_ERROR]         = N_BROUGHT,
	[BGP_EV_OPEN_ERROR]           = N_BROUGHT,
	[BGP_EV_COLLISION_DUMP]       = N_FAILED(BGP_ERR_CEASE, BGP_CEASE_COLLISION),
	[BGP_EV_NOTIFICATION_VERSION] = QUIET,
	[BGP_EV_NOTIFICATION]         = FAILED, /* d */
	[BGP_EV_KEEPALIVE]            = N_FAILED(BGP_ERR_FSM, 1),
	[BGP_EV_UPDATE]               = N_FAILED(BGP_ERR_FSM, 1),
	[BGP_EV_UPDATE_ERROR]         = N_FAILED(BGP_ERR_FSM, 1),
	[BGP_EV_REFRESH]              = N_FAILED(BGP_ERR_FSM, 1),
	[BGP_EV_SEND_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
},
[BGP_OPENCONFIRM] = {
	[BGP_EV_START]                = STAY(BGP_OPENCONFIRM),
	[BGP_EV_START_PASSIVE]        = STAY(BGP_OPENCONFIRM),
	[BGP_EV_STOP]                 = N_STOPPED,
	[BGP_EV_CONNECT_RETRY]        = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_HOLD_EXPIRED]         = N_FAILED(BGP_ERR_HOLD, 0),
	[BGP_EV_KEEPALIVE_EXPIRED]    = DO(BGP_OPENCONFIRM, ALIVE),
	[BGP_EV_IDLE_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_IDLE_HOLD_PASSIVE]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_TCP_OPEN]             = STAY(BGP_OPENCONFIRM),
	[BGP_EV_TCP_FAILED]           = FAILED,
	[BGP_EV_OPEN]                 = N_FAILED(BGP_ERR_FSM, 2), /* e */
	[BGP_EV_HEADER_ERROR]         = N_BROUGHT,
	[BGP_EV_OPEN_ERROR]           = N_BROUGHT,
	[BGP_EV_COLLISION_DUMP]       = N_FAILED(BGP_ERR_CEASE, BGP_CEASE_COLLISION),
	[BGP_EV_NOTIFICATION_VERSION] = QUIET,
	[BGP_EV_NOTIFICATION]         = FAILED,
	[BGP_EV_KEEPALIVE]            = DO(BGP_ESTABLISHED, BGP_DO_ARM_HOLD | BGP_DO_ESTABLISHED),
	[BGP_EV_UPDATE]               = N_FAILED(BGP_ERR_FSM, 2),
	[BGP_EV_UPDATE_ERROR]         = N_FAILED(BGP_ERR_FSM, 2),
	[BGP_EV_REFRESH]              = N_FAILED(BGP_ERR_FSM, 2),
	[BGP_EV_SEND_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
},
[BGP_ESTABLISHED] = {
	[BGP_EV_START]                = STAY(BGP_ESTABLISHED),
	[BGP_EV_START_PASSIVE]        = STAY(BGP_ESTABLISHED),
	[BGP_EV_STOP]                 = N_STOPPED,
	[BGP_EV_CONNECT_RETRY]        = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_HOLD_EXPIRED]         = N_FAILED(BGP_ERR_HOLD, 0),
	[BGP_EV_KEEPALIVE_EXPIRED]    = DO(BGP_ESTABLISHED, ALIVE),
	[BGP_EV_IDLE_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_IDLE_HOLD_PASSIVE]    = N_FAILED(BGP_ERR_FSM, 0),
	[BGP_EV_TCP_OPEN]             = STAY(BGP_ESTABLISHED),
	[BGP_EV_TCP_FAILED]           = FAILED,
	[BGP_EV_OPEN]                 = N_FAILED(BGP_ERR_FSM, 3), /* e */
	[BGP_EV_HEADER_ERROR]         = N_BROUGHT, /* f */
	[BGP_EV_OPEN_ERROR]           = N_FAILED(BGP_ERR_FSM, 3),
	[BGP_EV_COLLISION_DUMP]       = N_FAILED(BGP_ERR_CEASE, BGP_CEASE_COLLISION),
	[BGP_EV_NOTIFICATION_VERSION] = FAILED,
	[BGP_EV_NOTIFICATION]         = FAILED,
	[BGP_EV_KEEPALIVE]            = DO(BGP_ESTABLISHED, BGP_DO_ARM_HOLD),
	[BGP_EV_UPDATE]               = DO(BGP_ESTABLISHED, BGP_DO_ARM_HOLD | BGP_DO_UPDATE),
	[BGP_EV_UPDATE_ERROR]         = N_BROUGHT,
	[BGP_EV_REFRESH]              = DO(BGP_ESTABLISHED, BGP_DO_REFRESH),
	[BGP_EV_SEND_HOLD_EXPIRED]    = N_FAILED(BGP_ERR_SEND_HOLD, 0), /* RFC 9687 section 4.3 */
},
};
/* clang-format on */

const char *
bgp_state_str(enum bgp_state s)
{
	return (unsigned)s < BGP_STATE_COUNT ? state_names[s] : "unknown";
}

const char *
bgp_event_str(enum bgp_event e)
{
	return (unsigned)e < BGP_EVENT_COUNT ? events[e].name : "unknown";
}

struct bgp_step
bgp_fsm(enum bgp_state state, enum bgp_event event)
{
	assert((unsigned)state < BGP_STATE_COUNT && (unsigned)event < BGP_EVENT_COUNT);
	return steps[state][event];
}

struct bgp_notify
bgp_step_notify(const struct bgp_step *step, enum bgp_event event, const struct bgp_notify *brought)
{
	if (step->code == 0 && brought)
		return *brought;
	if (step->code == 0)
		return bgp_notify_make(BGP_ERR_CEASE, 0);

	struct bgp_notify n = bgp_notify_make(step->code, step->subcode);
	if (step->code == BGP_ERR_FSM && step->subcode != 0) {
		n.data[0] = events[event].message;
		n.data_len = 1;
	}
	return n;
}

enum bgp_collision
bgp_collision_resolve(const struct bgp_collision_ids *ids, enum bgp_direction fresh,
    enum bgp_direction existing, enum bgp_state state)
{
	if (state == BGP_ESTABLISHED)
		return BGP_KEEP_EXISTING;
	if (state != BGP_OPENSENT && state != BGP_OPENCONFIRM)
		return BGP_KEEP_NEW;
	/* Not a collision: whoever opened both has given up the older one. */
	if (fresh == existing)
		return BGP_KEEP_NEW;

	bool ours = ids->local_id > ids->remote_id ||
		    (ids->local_id == ids->remote_id && ids->local_as > ids->remote_as);
	enum bgp_direction winner = ours ? BGP_OUTGOING : BGP_INCOMING;
	return fresh == winner ? BGP_KEEP_NEW : BGP_KEEP_EXISTING;
}
