/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP-4 messages: bytes to structs and back (RFC 4271 section 4). Pure.
 *
 * Decoding separates structure from meaning: a decoder reports positions and values, and for UPDATE
 * the strongest of RFC 7606's dispositions; the session decides what to do. Nothing here allocates:
 * decoded lists are views into the message, read with the iterators below.
 */
#ifndef BGP_MSG_H
#define BGP_MSG_H

#include "base/addr.h"
#include "base/str.h"
#include "base/wire.h"

#define BGP_PORT        179
#define BGP_HEADER_LEN  19
#define BGP_MSG_MAX     4096
#define BGP_VERSION     4
#define BGP_AS_TRANS    23456 /* RFC 6793 section 9 */
#define BGP_NOTIFY_DATA 256   /* RFC 9003: a length byte and 255 bytes of text */
#define BGP_AS_PATH_MAX 64    /* decoded for showing; longer paths are counted */

enum bgp_type {
	BGP_OPEN = 1,
	BGP_UPDATE = 2,
	BGP_NOTIFICATION = 3,
	BGP_KEEPALIVE = 4,
	BGP_REFRESH = 5
};
const char *bgp_type_str(enum bgp_type t);

/* Address families that we speak: RFC 4760. Index for tables, bit for masks. */
enum bgp_af { BGP_AF_IPV4, BGP_AF_IPV6, BGP_AF_COUNT };
#define BGP_AF_BIT(af) (1u << (af))
const char *bgp_af_str(enum bgp_af af); /* "ipv4-unicast" */

/* NOTIFICATION (RFC 4271 section 4.5, 6; RFC 4486, 6608, 7313, 9003, 9384, 9687). `code` 0: no
 * error. */
struct bgp_notify {
	uint8_t code;
	uint8_t subcode;
	uint16_t data_len; /* what is beyond BGP_NOTIFY_DATA is dropped */
	uint8_t data[BGP_NOTIFY_DATA];
};
enum bgp_notify_code {
	BGP_ERR_HEADER = 1,
	BGP_ERR_OPEN = 2,
	BGP_ERR_UPDATE = 3,
	BGP_ERR_HOLD = 4,
	BGP_ERR_FSM = 5,
	BGP_ERR_CEASE = 6,
	BGP_ERR_REFRESH = 7,
	BGP_ERR_SEND_HOLD = 8
};
enum bgp_cease {
	BGP_CEASE_MAX_PREFIX = 1,
	BGP_CEASE_SHUTDOWN = 2,
	BGP_CEASE_DECONFIGURED = 3,
	BGP_CEASE_RESET = 4,
	BGP_CEASE_REJECTED = 5,
	BGP_CEASE_CONFIG_CHANGE = 6,
	BGP_CEASE_COLLISION = 7,
	BGP_CEASE_RESOURCES = 8,
	BGP_CEASE_HARD_RESET = 9,
	BGP_CEASE_BFD_DOWN = 10
};
struct bgp_notify bgp_notify_make(uint8_t code, uint8_t subcode);
/* Cease. `text` (may be NULL) goes with shutdown and reset (RFC 9003: at most 255 bytes, cut at a
 * UTF-8 boundary) and is left out with other subcodes. A hard reset (RFC 8538) wraps an
 * Administrative Shutdown with that text. */
struct bgp_notify bgp_notify_cease(enum bgp_cease subcode, const char *text);
/* "Cease/Administrative Shutdown: maintenance": known or "code 9/3". Text sanitised. */
void bgp_notify_format(const struct bgp_notify *n, struct str *out);

/* -- framing -- */
/* Looks at the bytes received so far. Returns the message's whole length when it is complete, 0
 * when more bytes are needed, -1 with *n filled when the header is wrong (1/1, 1/2, 1/3; RFC
 * 4271 6.1). */
int bgp_frame(const uint8_t *data, size_t len, size_t max, struct bgp_notify *n);
enum bgp_type bgp_frame_type(const uint8_t *msg);

/* -- OPEN (RFC 4271 4.2, 5492, 9072) -- */
struct bgp_caps {
	bool mp;     /* any Multiprotocol capability seen */
	uint32_t af; /* mask of BGP_AF_BIT; decoded without `mp`: IPv4 alone (RFC 4760 8) */
	bool as4;
	uint32_t as4_number;
	bool refresh;          /* RFC 2918 (2) or the old code (128) */
	bool enhanced_refresh; /* RFC 7313 (70) */
	bool extended_message; /* RFC 8654 (6) */
	bool graceful_restart; /* RFC 4724 (64) */
	bool restart_state;
	uint16_t restart_time; /* s */
	uint8_t unknown;       /* count of capabilities that we do not know */
	bool fqdn;             /* the hostname capability (73) */
	char hostname[65];     /* from it, sanitised; may be empty */
};
struct bgp_open {
	uint8_t version;
	uint16_t as2; /* the My AS field */
	uint32_t as;  /* the effective AS (RFC 6793) */
	uint16_t hold_s;
	uint32_t router_id; /* host order */
	struct bgp_caps caps;
};
/* What the local side demands of an OPEN. */
struct bgp_open_expect {
	uint32_t as; /* the neighbor's; 0: any */
	uint32_t local_as;
	uint32_t router_id; /* ours: an equal one is refused on iBGP (RFC 6286) */
};
/* Decodes and checks the body (RFC 4271 6.2; 6286; 7607). 0, or -1 with *n (2/x). */
int bgp_open_decode(const uint8_t *msg, size_t len, const struct bgp_open_expect *expect,
    struct bgp_open *out, struct bgp_notify *n);
/* Writes a whole message; bytes, or 0 when it does not fit. The My AS field follows from `as`;
 * graceful restart is written without families: helper only. */
size_t bgp_open_encode(const struct bgp_open *o, uint8_t *buf, size_t cap);

/* -- NOTIFICATION, KEEPALIVE, ROUTE-REFRESH -- */
int bgp_notify_decode(const uint8_t *msg, size_t len, struct bgp_notify *out);
size_t bgp_notify_encode(const struct bgp_notify *n, uint8_t *buf, size_t cap);
size_t bgp_keepalive_encode(uint8_t *buf, size_t cap);
struct bgp_refresh {
	uint16_t afi;
	uint8_t subtype; /* RFC 7313: 0 request, 1 BoRR, 2 EoRR */
	uint8_t safi;
};
/* 0, or -1 with *n (7/1). */
int bgp_refresh_decode(
    const uint8_t *msg, size_t len, struct bgp_refresh *out, struct bgp_notify *n);
size_t bgp_refresh_encode(const struct bgp_refresh *r, uint8_t *buf, size_t cap);
bool bgp_af_from_wire(uint16_t afi, uint8_t safi, enum bgp_af *out);
void bgp_af_to_wire(enum bgp_af af, uint16_t *afi, uint8_t *safi);

/* -- UPDATE (RFC 4271 4.3, 5; 4760; 6793; 7606) -- */
/* What the session must do with a received UPDATE: the strongest wins (RFC 7606 section 3(h)). */
enum bgp_disposition {
	BGP_ACCEPT,
	BGP_ATTR_DISCARD,
	BGP_TREAT_AS_WITHDRAW,
	BGP_AF_DISABLE,
	BGP_SESSION_RESET,
};
const char *bgp_disposition_str(enum bgp_disposition d);

/* NLRI in a message: a view. */
struct bgp_nlri {
	enum bgp_af af;
	const uint8_t *data;
	size_t len;
};
/* Steps over one prefix; false at the end. The list was validated by the decoder. */
bool bgp_nlri_next(struct bgp_nlri *list, struct prefix *out);

enum bgp_origin { BGP_ORIGIN_IGP, BGP_ORIGIN_EGP, BGP_ORIGIN_INCOMPLETE };

struct bgp_path {
	bool has_origin, has_as_path, has_next_hop, has_med, has_local_pref;
	bool atomic_aggregate;
	uint8_t origin;
	uint32_t med, local_pref;
	uint32_t
	    as_path[BGP_AS_PATH_MAX]; /* sequences and sets flattened, AS4_PATH merged (RFC 6793) */
	uint16_t as_count;            /* ASes in the path; beyond BGP_AS_PATH_MAX only counted */
	uint16_t own_count;   /* how often ctx->local_as stands in it: a loop (RFC 4271 9.1.2) */
	bool has_as_set;      /* RFC 9774: such a route is withdrawn */
	struct addr next_hop; /* of the NEXT_HOP attribute */
	const uint8_t *communities; /* view: 4 bytes each */
	uint16_t community_count;
	const uint8_t *large_communities; /* view: 12 bytes each */
	uint16_t large_count;
	const uint8_t *ext_communities; /* view: 8 bytes each */
	uint16_t ext_count;
};

struct bgp_update {
	struct bgp_nlri withdrawn;    /* IPv4, from the fixed field */
	struct bgp_nlri announced;    /* IPv4, from the fixed field */
	struct bgp_nlri mp_withdrawn; /* MP_UNREACH_NLRI; data NULL: absent */
	struct bgp_nlri mp_announced; /* MP_REACH_NLRI; data NULL: absent */
	bool has_mp_reach, has_mp_unreach;
	struct addr mp_next_hop;
	struct addr mp_next_hop_ll; /* second, link-local next hop (RFC 2545), or ADDR_NONE */
	struct bgp_path path;
	bool end_of_rib; /* RFC 4724 section 2 */
	enum bgp_af end_of_rib_af;
	enum bgp_disposition disposition;
	uint32_t disable; /* families given up (mask), when the disposition is BGP_AF_DISABLE */
	struct bgp_notify notify; /* when the disposition is BGP_SESSION_RESET */
	uint8_t bad_attr;         /* type code that decided, for log and counters */
	char reason[80];          /* "ORIGIN: length 2, must be 1"; "" when accepted */
};
struct bgp_update_ctx {
	bool ebgp;
	bool as4;          /* 4-octet AS negotiated */
	uint32_t af;       /* negotiated families */
	uint32_t first_as; /* demanded leftmost AS (eBGP); 0: no check */
	uint32_t local_as; /* for path.own_count; 0: not counted */
};
/* Never fails: what is wrong is in out->disposition. `len` is a whole framed message.
 *   BGP_ACCEPT, BGP_ATTR_DISCARD: use it (what was bad is left out of it);
 *   BGP_TREAT_AS_WITHDRAW: its announced prefixes, too, are withdrawn;
 *   BGP_AF_DISABLE: give up the families in `disable`; its other prefixes are withdrawn;
 *   BGP_SESSION_RESET: close with `notify`; the lists are empty. */
void bgp_update_decode(
    const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, struct bgp_update *out);

/* What we announce: built from intent alone. MP_REACH_NLRI leaves first (RFC 7606 section 5.1), the
 * other attributes follow in ascending order of their type code. */
struct bgp_announce {
	bool ebgp;
	bool as4;
	uint32_t local_as;
	uint8_t prepend; /* eBGP: local_as is written 1 + prepend times. iBGP: the path is empty;
			    our own AS in it would be a loop to the neighbor */
	struct addr next_hop;
	struct addr next_hop_ll; /* IPv6 over a link: RFC 2545; or ADDR_NONE */
	bool has_med;
	uint32_t med;
	uint32_t local_pref; /* written on iBGP only; RFC 4271 5.1.5 */
	const uint32_t *communities;
	size_t community_count;
};
/* An UPDATE under construction: the attributes once, then as many prefixes of one family as fit. */
struct bgp_packer {
	struct wire_writer w;
	enum bgp_af af;
	size_t attr_len_mark;
	size_t mp_len_mark;
	size_t tail; /* bytes kept back at the end of the buffer for what follows the prefixes */
	size_t count;
	bool withdraw;
};
void bgp_pack_announce(
    struct bgp_packer *p, uint8_t *buf, size_t cap, enum bgp_af af, const struct bgp_announce *a);
void bgp_pack_withdraw(struct bgp_packer *p, uint8_t *buf, size_t cap, enum bgp_af af);
/* False when it does not fit any more: finish this message and start the next. */
bool bgp_pack_add(struct bgp_packer *p, const struct prefix *prefix);
/* The whole message's length; 0 when nothing was added. */
size_t bgp_pack_finish(struct bgp_packer *p);
size_t bgp_end_of_rib_encode(enum bgp_af af, uint8_t *buf, size_t cap);

/* One message as text, for vectors, `nigh` and logs. */
void bgp_msg_format(
    const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, struct str *out);

#endif
