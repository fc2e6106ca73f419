/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this folder share.
 *
 *   bgp.c           the speaker: configuration by diff, listeners, who may connect, stop
 *   bgp_neighbor.c  one neighbor: up to two connections, which of them wins, when to try again
 *   bgp_session.c   one connection: carries out what the state machine orders; timers
 *   bgp_receive.c   what comes in on it
 *   bgp_io.c        a connection's buffers, and the end of a connection that still has to say
 *                   something
 *   bgp_out.c       what the neighbor has from us (Adj-RIB-Out) and how it gets the rest
 *   bgp_rib.c       the tables for that: prefixes, and sets of attributes
 *   bgp_show.c      commands; bgp_metric.c the metrics
 *
 * Ownership goes down this list: the speaker owns neighbors and lingering connections, a neighbor
 * its two sessions and its out table.
 */
#ifndef BGP_PRIV_H
#define BGP_PRIV_H

#include "base/history.h"
#include "base/mem.h"
#include "base/queue.h"
#include "base/rng.h"
#include "core/speaker.h"
#include "proto/bgp/bgp.h"
#include "proto/bgp/bgp_conf.h"
#include "proto/bgp/bgp_fsm.h"

struct bgp_neighbor;
struct bgp_session;
struct bgp_speaker;

#define BGP_TX_SIZE           ((size_t)64 * 1024)       /* bytes that routes may queue */
#define BGP_TX_RESERVE        ((size_t)2 * BGP_MSG_MAX) /* beyond that: room for everything else */
#define BGP_RX_SIZE           ((size_t)64 * 1024)
#define BGP_TYPE_COUNT        (BGP_REFRESH + 1)
#define BGP_DISPOSITION_COUNT (BGP_SESSION_RESET + 1)
#define BGP_ERROR_TEXT        192

#define BGP_HOLD_OPEN     (4 * DUR_MIN) /* RFC 4271 section 8.2.2: a large value */
#define BGP_IDLE_HOLD_MIN DUR_S
#define BGP_IDLE_HOLD_MAX DUR_MIN
#define BGP_STABLE        DUR_MIN /* Established for so long: the back-off starts over */
#define BGP_LINGER_MAX    DUR_S   /* how long a NOTIFICATION may need to leave */
#define BGP_LINGER_COUNT  64
#define BGP_SEND_HOLD_MIN (8 * DUR_MIN) /* RFC 9687 section 5 */
#define BGP_LOCAL_PREF    100

/* -- why a session changed its state: metric label, history's `why`, and text -- */
enum bgp_why {
	BGP_WHY_NONE,
	BGP_WHY_START,
	BGP_WHY_CONNECTED,      /* TCP is there, or a message moved the state machine on */
	BGP_WHY_UP,             /* Established */
	BGP_WHY_CONNECT_FAILED, /* TCP never came up */
	BGP_WHY_CLOSED,         /* the neighbor closed the connection without a word */
	BGP_WHY_BROKEN,         /* the connection was reset or timed out */
	BGP_WHY_HOLD,           /* nothing heard for the hold time */
	BGP_WHY_SEND_HOLD,      /* the neighbor reads nothing (RFC 9687) */
	BGP_WHY_NOTIFIED,       /* the neighbor sent a NOTIFICATION */
	BGP_WHY_HEADER,         /* what came is not BGP */
	BGP_WHY_OPEN,           /* the neighbor's OPEN is not acceptable */
	BGP_WHY_UPDATE,         /* an UPDATE that only a reset can answer */
	BGP_WHY_FSM,            /* a message that does not belong here */
	BGP_WHY_COLLISION,      /* the other connection to the same neighbor won */
	BGP_WHY_SHUTDOWN,       /* an operator keeps the session down */
	BGP_WHY_DECONFIGURED,   /* the neighbor is not configured any more */
	BGP_WHY_CONFIG,         /* an option changed that needs a new session */
	BGP_WHY_STOP,           /* nigh is stopping */
	BGP_WHY_COUNT
};
const char *bgp_why_str(enum bgp_why why);  /* "hold-expired" */
const char *bgp_why_text(enum bgp_why why); /* "nothing heard for the hold time" */

/* What happened, for the NOTIFICATION and for people. */
struct bgp_cause {
	enum bgp_why why;
	struct bgp_notify notify;  /* received, or to be sent; code 0: none */
	char text[BGP_ERROR_TEXT]; /* what `why` and `notify` do not tell; "" */
};

/* -- bgp_io.c -- */

struct bgp_buffer {
	uint8_t *data; /* NULL: no connection */
	size_t head;
	size_t len; /* end of the bytes; head..len are waiting */
	size_t cap;
};

/* A connection that is over, but for the bytes of its NOTIFICATION. */
struct bgp_linger {
	LIST_ENTRY(bgp_linger) link;
	struct bgp_speaker *speaker;
	struct net_stream stream;
	struct bgp_buffer tx;
	struct loop_timer limit;
};
LIST_HEAD(bgp_linger_list, bgp_linger);

void bgp_buffer_open(struct bgp_buffer *b, size_t cap);
void bgp_buffer_done(struct bgp_buffer *b);
size_t bgp_buffer_waiting(const struct bgp_buffer *b);
/* At least `need` bytes of room at the end, moving the bytes to the front when that helps; NULL
 * when there is not so much room. */
uint8_t *bgp_buffer_room(struct bgp_buffer *b, size_t need);

/* Takes the stream and what waits in `tx`, sends it, and closes when the neighbor has closed or
 * after BGP_LINGER_MAX. What still arrives is read and dropped, because closing with unread bytes
 * would send a reset and destroy the NOTIFICATION on its way. */
void bgp_linger_start(struct bgp_speaker *b, struct net_stream *stream, struct bgp_buffer *tx);
void bgp_linger_done(struct bgp_linger *l);
/* Closes a connection that was never ours with a NOTIFICATION. */
void bgp_refuse(struct bgp_speaker *b, struct net_stream *stream, enum bgp_cease subcode);

/* -- bgp_session.c -- */

/* One connection, or the attempt to make one. Member of the neighbor; never freed alone. */
struct bgp_session {
	struct bgp_neighbor *neighbor;
	enum bgp_state state;
	enum bgp_state reached; /* the furthest state since Idle */
	bool incoming;
	struct net_stream stream;
	uint32_t epoch; /* changes with every end of a connection */
	struct loop_timer retry;
	struct loop_timer hold;
	struct loop_timer keepalive;
	struct loop_timer send_hold;
	struct loop_timer resume; /* the OPEN that was put aside */
	bool postponed;
	struct loop_task broken; /* a failure noticed inside a handler */
	int error;               /* negative errno of it */
	struct bgp_buffer rx;
	struct bgp_buffer tx;
	uint64_t queued;  /* bytes put into tx since the connection began */
	uint64_t written; /* of these, taken by the socket */

	/* of the step under way */
	const struct bgp_cause *cause;
	struct bgp_notify notify;
	const struct bgp_update *update;
	struct bgp_refresh refresh;
	bool counted; /* the step is a failure that lengthens the idle hold */

	/* from the neighbor's OPEN; valid from OpenConfirm on */
	struct bgp_open peer;
	dur_t hold_time;      /* negotiated; 0: none */
	uint32_t af;          /* negotiated families */
	uint32_t af_disabled; /* RFC 7606: what of them is not listened to any more */
	bool as4;
	bool complained; /* a bad UPDATE was logged for this connection */
};

void bgp_session_init(struct bgp_session *s, struct bgp_neighbor *n);
/* Closes without a word and cancels everything. */
void bgp_session_done(struct bgp_session *s);
/* The one way to change a session. `given` may be NULL. */
void bgp_session_event(struct bgp_session *s, enum bgp_event event, const struct bgp_cause *given);
/* Takes an accepted connection. The session is Active and has none. */
void bgp_session_adopt(struct bgp_session *s, struct net_stream *stream);
/* The connection, or the attempt, failed with a negative errno; 0: the neighbor closed it. */
void bgp_session_failed(struct bgp_session *s, int error);
bool bgp_session_connected(const struct bgp_session *s);
/* A duration shortened by the jitter of RFC 4271 section 10, drawn anew each time. */
dur_t bgp_jitter(struct bgp_neighbor *n, dur_t d);

/* Queues a whole message of at most BGP_MSG_MAX bytes: write at the pointer, then commit. */
uint8_t *bgp_session_reserve(struct bgp_session *s);
void bgp_session_commit(struct bgp_session *s, size_t len);
/* Room for routes; control messages have their own reserve. */
size_t bgp_session_room(const struct bgp_session *s);
/* Hands the queue to the socket as far as it takes it. */
void bgp_session_push(struct bgp_session *s);
/* Be called back (bgp_out_writable) in the next turn in which the socket has room. */
void bgp_session_want_room(struct bgp_session *s);
/* Bytes that the neighbor's TCP has acknowledged, on the scale of `queued`. */
uint64_t bgp_session_acked(const struct bgp_session *s);

/* -- bgp_receive.c -- */

void bgp_receive_init(struct bgp_session *s);
void bgp_receive_done(struct bgp_session *s);
/* Reads what is there and handles it. A full socket is left for the next turn. */
void bgp_session_read(struct bgp_session *s);

/* -- bgp_rib.c -- */

/* What the neighbor has of one prefix. */
struct bgp_rib_slot {
	struct prefix prefix;
	uint32_t set;   /* index of the attributes; 0: the slot is free */
	uint32_t ticks; /* when it was sent: BGP_TICK since the session came up */
};
#define BGP_TICK (100 * DUR_MS)
struct bgp_rib {
	struct bgp_rib_slot *slots; /* open addressing; a power of two */
	size_t size;
	size_t count;
};
const struct bgp_rib_slot *bgp_rib_find(const struct bgp_rib *r, const struct prefix *p);
/* The slot of the prefix; a new one has set 0 and must get one before the next call. */
struct bgp_rib_slot *bgp_rib_put(struct bgp_rib *r, const struct prefix *p);
/* The set that the prefix had; 0: it was not there. */
uint32_t bgp_rib_del(struct bgp_rib *r, const struct prefix *p);
void bgp_rib_done(struct bgp_rib *r);

/* All that an UPDATE says beside its prefixes. */
struct bgp_route {
	enum bgp_af af;
	struct attrs attrs;
	struct addr next_hop;
	struct addr next_hop_ll;
};
struct bgp_set {
	struct bgp_route route;
	uint32_t hash;
	uint32_t routes; /* that use it; 0: free */
	uint32_t next;   /* in the bucket, or in the list of free ones */
	uint32_t head;   /* prefixes of the batch under way: index + 1 */
	uint32_t tail;
};
struct bgp_sets {
	struct bgp_set *items; /* from 1 */
	uint32_t *buckets;
	uint32_t size;  /* of buckets */
	uint32_t count; /* items made so far, with item 0 */
	uint32_t cap;
	uint32_t free;
	uint32_t live;
};
/* The set with these contents, made when it is not there. It stays while it has routes. */
uint32_t bgp_sets_get(struct bgp_sets *s, const struct bgp_route *route);
void bgp_sets_ref(struct bgp_sets *s, uint32_t set);
void bgp_sets_unref(struct bgp_sets *s, uint32_t set);
void bgp_sets_done(struct bgp_sets *s);

/* -- bgp_out.c -- */

/* Why a family's routes are not announced to a neighbor. */
enum bgp_held {
	BGP_HELD_NOT,
	BGP_HELD_CONFIG,   /* `families` leaves it out */
	BGP_HELD_PEER,     /* the neighbor did not offer it */
	BGP_HELD_NEXT_HOP, /* there is no next hop for it */
	BGP_HELD_COUNT
};
const char *bgp_held_text(enum bgp_held held);

/* The last withdrawal that is on its way: when the neighbor's TCP has acknowledged `position`, all
 * changes up to `version` are settled. */
struct bgp_mark {
	bool set;
	uint64_t version;
	uint64_t position;
};

struct bgp_export {
	enum bgp_held held;
	struct addr next_hop;
	struct addr next_hop_ll;
	bool complained; /* the log has been told */
};

struct bgp_out {
	struct bgp_neighbor *neighbor;
	struct intent_sink sink;
	bool running; /* a session is Established */
	bool more;    /* the walk stopped for want of room */
	struct bgp_export export[BGP_AF_COUNT];
	struct bgp_rib rib;
	struct bgp_sets sets;
	uint64_t routes[BGP_AF_COUNT];
	uint32_t eor;   /* families whose End-of-RIB is due at the end of the walk */
	uint32_t again; /* families that asked for everything (RFC 2918) */
	struct loop_task flush;
	struct loop_timer settle;
	dur_t settle_wait;
	struct bgp_mark mark;
	struct bgp_mark next_mark;
	/* the last answer of bgp_out's policy: runs of equal routes are the rule */
	bool cached;
	struct attrs cached_in;
	enum bgp_af cached_af;
	uint32_t cached_set;
};

void bgp_out_init(struct bgp_out *o, struct bgp_neighbor *n);
void bgp_out_done(struct bgp_out *o);
/* The session is Established: send everything, then End-of-RIB. */
void bgp_out_start(struct bgp_out *o);
/* The session is down: the neighbor has nothing of us. */
void bgp_out_stop(struct bgp_out *o);
/* Attributes or next hops changed: send what differs. */
void bgp_out_replay(struct bgp_out *o);
/* The neighbor asks for a family's routes (RFC 2918, 7313). */
void bgp_out_refresh(struct bgp_out *o, enum bgp_af af);
void bgp_out_writable(struct bgp_out *o);
/* What the neighbor has of a prefix; NULL: nothing. `*at`: since when. */
const struct bgp_route *bgp_out_find(const struct bgp_out *o, const struct prefix *p, mono_t *at);
/* Room to sort one batch by its attributes; one for all neighbors. */
struct bgp_batch;
struct bgp_batch *bgp_batch_new(void);
void bgp_batch_free(struct bgp_batch *b);

/* -- bgp_neighbor.c -- */

/* The options that a session lives on; a change needs a new one. */
struct bgp_options {
	uint32_t local_as;
	uint32_t router_id;
	uint32_t as;
	uint16_t port;
	uint16_t hold_s;
	struct addr source;
	char device[16];
	uint8_t ttl;
	uint32_t families;
};

struct bgp_counters {
	uint64_t received[BGP_TYPE_COUNT];
	uint64_t sent[BGP_TYPE_COUNT];
	uint64_t updates[BGP_DISPOSITION_COUNT];
	uint64_t prefixes_announced; /* by the neighbor */
	uint64_t prefixes_withdrawn;
	uint64_t established;
	uint64_t lost[BGP_WHY_COUNT];
	uint64_t attempts; /* outgoing connections begun */
	uint64_t accepted;
	uint64_t refused;
};

struct bgp_neighbor {
	TAILQ_ENTRY(bgp_neighbor) link;
	struct bgp_speaker *speaker;
	struct addr addr;
	char name[ADDR_TEXT];
	const struct bgp_neighbor_conf *conf; /* of the current generation */
	struct bgp_options opts;
	struct bgp_session session[2];
	struct bgp_session *up; /* the Established one, or NULL */
	bool running;           /* not shut down */
	bool plain;             /* the next OPEN carries no capabilities (RFC 5492 section 3) */
	struct loop_timer idle_hold;
	unsigned connect_failures; /* in a row: each doubles the pause */
	unsigned session_failures;
	enum bgp_state state; /* of the session that is furthest */
	mono_t since;         /* in or out of Established; the start */
	mono_t ended;         /* when the last connection ended */
	enum bgp_why last_why;
	char last_error[BGP_ERROR_TEXT]; /* "" */
	mono_t last_error_at;
	struct bgp_out out;
	struct bgp_counters counters;
};
TAILQ_HEAD(bgp_neighbor_list, bgp_neighbor);

struct bgp_neighbor *bgp_neighbor_new(
    struct bgp_speaker *b, const struct addr *addr, const struct bgp_neighbor_conf *conf);
/* The new generation's options; `old` is what they were. */
void bgp_neighbor_reconfigure(struct bgp_neighbor *n, const struct bgp_neighbor_conf *conf);
/* Ends both sessions with `cause`, without starting again. */
void bgp_neighbor_stop(struct bgp_neighbor *n, const struct bgp_cause *cause);
void bgp_neighbor_free(struct bgp_neighbor *n);
bool bgp_neighbor_ebgp(const struct bgp_neighbor *n);
/* A connection from the neighbor's address. */
void bgp_neighbor_accept(struct bgp_neighbor *n, struct net_stream *stream);
/* From a session: an acceptable OPEN came; is there another connection (RFC 4271 section 6.8)? WON:
 * there was, and it has been closed just now. LOST: this one must go. */
enum bgp_verdict { BGP_COLLISION_NONE, BGP_COLLISION_WON, BGP_COLLISION_LOST };
enum bgp_verdict bgp_neighbor_collision(struct bgp_neighbor *n, struct bgp_session *s);
/* From a session: it is Established. */
void bgp_neighbor_established(struct bgp_neighbor *n, struct bgp_session *s);
/* From a session, after each step. */
void bgp_neighbor_stepped(struct bgp_neighbor *n, struct bgp_session *s, enum bgp_state old,
    const struct bgp_cause *cause);
/* From a session: it is Idle and may start again later. `counted`: it had been connected. */
void bgp_neighbor_idle_hold(struct bgp_neighbor *n, bool counted);
/* How long to wait before the next attempt to connect; longer each time. */
dur_t bgp_neighbor_pause(struct bgp_neighbor *n);
/* Why there is no session: the last error, or a word about what is awaited. */
const char *bgp_neighbor_detail(const struct bgp_neighbor *n);

/* -- bgp.c -- */

struct bgp_speaker {
	struct speaker head;
	struct speaker_env env;
	const struct bgp_conf *conf; /* NULL: no section */
	uint32_t router_id;          /* host order; 0: none, nothing is started */
	struct bgp_neighbor_list neighbors;
	struct bgp_linger_list lingers;
	unsigned linger_count;
	struct net_listener listener[BGP_AF_COUNT];
	uint8_t listener_ttl[BGP_AF_COUNT];
	struct bgp_batch *batch;
	bool stopping;
	uint64_t strangers; /* connections from addresses that are not configured */
	mono_t stranger_logged;
};
struct bgp_neighbor *bgp_find(const struct bgp_speaker *b, const struct addr *addr);
mono_t bgp_now(const struct bgp_speaker *b);

/* -- bgp_show.c, bgp_metric.c -- */

extern const struct command bgp_commands[];
void bgp_peers(const struct speaker *s, speaker_peer_fn *fn, void *arg);
void bgp_explain(const struct speaker *s, const struct prefix *p, struct answer *a, mono_t now);
bool bgp_hears(const struct speaker *s, const struct prefix *p);
void bgp_metrics(const struct speaker *s, struct metric_writer *m, mono_t now);

#endif
