/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One BFD session (RFC 5880 section 6.8): a pure object. An event and the time go in; a packet to
 * send, a change of state and the next deadline come out. It has no socket, no clock and no timer.
 *
 * The owner embeds the struct, sends what an outcome holds, and calls bfd_session_expire() when
 * bfd_session_deadline() has passed. Before it does so it hands in every packet that has already
 * arrived, each with the time of its arrival: a process that was held up must not take its own
 * lateness for a failure of the path.
 */
#ifndef BFD_SESSION_H
#define BFD_SESSION_H

#include "base/mono.h"
#include "base/rng.h"
#include "proto/bfd/bfd_auth.h"
#include "proto/bfd/bfd_fsm.h"

/* Section 6.1: does this side speak first? */
enum bfd_role { BFD_ACTIVE, BFD_PASSIVE };

struct bfd_config {
	uint32_t desired_min_tx_us;  /* > 0 */
	uint32_t required_min_rx_us; /* > 0 */
	uint8_t detect_mult;         /* > 0 */
	uint8_t role;                /* enum bfd_role */
	/* The C bit: only a process that outlives the routing process may say so. */
	bool independent;
	const struct bfd_auth *auth; /* NULL: none; lives as long as the session */
};

/* What a client, such as a BGP neighbor, is told (RFC 5882 sections 3.2 and 4). */
enum bfd_verdict {
	BFD_SAYS_NOTHING, /* never Up yet, or one side is AdminDown: no reason to end anything */
	BFD_SAYS_UP,
	BFD_SAYS_FAILED, /* was Up, and is not any more */
};
const char *bfd_verdict_str(enum bfd_verdict v);

/* Why a packet was thrown away, in the order in which it is asked. */
enum bfd_drop {
	BFD_ACCEPTED,
	BFD_DROP_TTL,             /* RFC 5881 section 5 */
	BFD_DROP_VERSION,         /* from here on RFC 5880 section 6.8.6 */
	BFD_DROP_TOO_SHORT,       /* Length is less than 24, with the A bit 26 */
	BFD_DROP_TRUNCATED,       /* Length is more than there is */
	BFD_DROP_DETECT_MULT,     /* is zero */
	BFD_DROP_MULTIPOINT,      /* is set */
	BFD_DROP_MY_DISCR,        /* is zero */
	BFD_DROP_YOUR_DISCR,      /* no session has it */
	BFD_DROP_STATE,           /* Your Discriminator is zero, and Sta is Init or Up */
	BFD_DROP_NO_SESSION,      /* Your Discriminator is zero, and the path has no session */
	BFD_DROP_AUTH_UNEXPECTED, /* the A bit, and we have no authentication */
	BFD_DROP_AUTH_MISSING,    /* the other way round */
	BFD_DROP_AUTH_TYPE,       /* from here on section 6.7 */
	BFD_DROP_AUTH_LENGTH,
	BFD_DROP_AUTH_KEY,
	BFD_DROP_AUTH_SEQUENCE,
	BFD_DROP_AUTH_DIGEST,
	BFD_DROP_ADMIN_DOWN, /* section 6.8.6 again: we are AdminDown */
	BFD_DROP_DEMAND,     /* RFC 7880: not from an S-BFD initiator */
	BFD_DROP_COUNT
};
/* As counters and `nigh` name it: "ttl", "version", "auth-digest"... */
const char *bfd_drop_str(enum bfd_drop d);

struct bfd_session {
	struct bfd_config config;
	struct rng rng;
	enum bfd_state state;
	uint8_t diag; /* enum bfd_diag */
	bool failed;  /* was Up and failed; until it is Up again or one side AdminDown */
	bool poll;    /* a Poll Sequence is under way... */
	bool again;   /* ...and another one must follow, for what changed meanwhile */

	/* What the last packet of the far side said (section 6.8.1), or how it all begins. */
	enum bfd_state remote_state;
	uint8_t remote_diag;
	uint8_t remote_mult;
	bool remote_demand;
	uint32_t remote_discr; /* 0: nothing heard, or not for a Detection Time */
	uint32_t remote_min_rx_us;
	uint32_t remote_desired_tx_us;

	/* What we say, and what counts until a Poll Sequence has ended (section 6.8.3). */
	uint32_t local_discr;
	uint32_t desired_min_tx_us;
	uint32_t required_min_rx_us;
	uint32_t tx_in_force_us;
	uint32_t rx_in_force_us;

	struct bfd_auth_state auth;
	struct bfd_msg last; /* the packet that was sent last */
	bool sent_any;
	uint8_t same_seq;   /* packets since the sequence number rose */
	uint32_t share_ppm; /* jitter of the next packet */
	mono_t last_tx;     /* periodic, not a Final */
	mono_t last_rx;
	mono_t goodbye;    /* AdminDown is told until then */
	mono_t auth_until; /* then the sequence number is forgotten */
	mono_t tx_due;
	mono_t detect_due;

	uint64_t dropped[BFD_DROP_COUNT]; /* packets that were ours; [BFD_ACCEPTED]: not dropped */
	uint64_t packets_out;
	uint64_t unsigned_out; /* not sent, because libcrypto would not sign */
	uint64_t ups;          /* times it came Up */
};

struct bfd_outcome {
	enum bfd_state before, after;
	size_t send_len; /* 0: nothing to send */
	uint8_t send[BFD_PACKET_MAX];
};

/* In state Down, with nothing sent: the first deadline is `now`, that of a passive one never.
 * `discr` is not 0 and no other session's. `seed`: rng_secure(), outside tests. */
void bfd_session_init(struct bfd_session *s, const struct bfd_config *config, uint32_t discr,
    uint64_t seed, mono_t now);
/* A packet that stands the rules (bfd_receive.h) and has arrived at `now`. Returns false when it
 * was discarded after all, in state AdminDown. */
bool bfd_session_receive(
    struct bfd_session *s, const struct bfd_msg *msg, mono_t now, struct bfd_outcome *out);
/* A deadline may have passed. */
void bfd_session_expire(struct bfd_session *s, mono_t now, struct bfd_outcome *out);
/* New parameters, in any state: rates change by a Poll Sequence, the session stays as it is. */
void bfd_session_configure(
    struct bfd_session *s, const struct bfd_config *config, mono_t now, struct bfd_outcome *out);
/* Section 6.8.16. Disabled, the session says AdminDown for a Detection Time and then falls silent.
 */
void bfd_session_disable(struct bfd_session *s, mono_t now, struct bfd_outcome *out);
void bfd_session_enable(struct bfd_session *s, mono_t now, struct bfd_outcome *out);

/* When bfd_session_expire() is due; never reached when nothing is awaited. */
mono_t bfd_session_deadline(const struct bfd_session *s);
/* The Detection Time that counts now; 0 while nothing has been heard. */
dur_t bfd_session_detect_time(const struct bfd_session *s);
enum bfd_verdict bfd_session_verdict(const struct bfd_session *s);
/* Section 6.8.1: forgets the sequence number after twice the Detection Time without a packet. To be
 * called before a packet is authenticated. */
void bfd_session_age_auth(struct bfd_session *s, mono_t now);

#endif
