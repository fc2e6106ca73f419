/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of decoding one UPDATE, shared by bgp_update.c (the message), bgp_attr.c (the
 * attributes) and bgp_aspath.c (AS_PATH), and by nobody else.
 */
#ifndef BGP_DECODE_H
#define BGP_DECODE_H

#include "proto/bgp/bgp_wire.h"

/* UPDATE Message Error subcodes: RFC 4271 section 6.3. */
enum bgp_update_error {
	BGP_UPDATE_LIST = 1,
	BGP_UPDATE_UNRECOGNIZED = 2,
	BGP_UPDATE_MISSING = 3,
	BGP_UPDATE_FLAGS = 4,
	BGP_UPDATE_LENGTH = 5,
	BGP_UPDATE_ORIGIN = 6,
	BGP_UPDATE_NEXT_HOP = 8,
	BGP_UPDATE_OPTIONAL = 9,
	BGP_UPDATE_NETWORK = 10,
	BGP_UPDATE_AS_PATH = 11,
};

/* A checked AS_PATH or AS4_PATH: a view. */
struct as_view {
	const uint8_t *data;
	size_t len;
	unsigned width; /* bytes of an AS number */
	unsigned count; /* as RFC 4271 section 9.1.2.2 counts: a set is one, confederations none */
	bool present;
	bool has_set; /* or a confederation's set */
	bool has_confed;
};
/* Checks and fills the view; NULL, or what is wrong (RFC 7606 section 7.2, RFC 7607). */
const char *bgp_as_view_init(struct as_view *v, const uint8_t *data, size_t len, unsigned width);

/* One attribute of the list. */
struct attr_view {
	uint8_t flags;
	uint8_t type;
	const uint8_t *raw; /* from the flags on */
	size_t raw_len;
	const uint8_t *value;
	size_t len;
};

struct bgp_decoder {
	const struct bgp_update_ctx *ctx;
	struct bgp_update *out;
	struct attr_view attr; /* at work */
	uint64_t seen[4];      /* bit per type code */
	unsigned attr_count;
	bool reachable;   /* the message encodes reachable NLRI, usable or not */
	bool other_attrs; /* ... and attributes other than MP_UNREACH_NLRI: RFC 7606 section 5.2 */
	struct as_view path;
	struct as_view path4;
	uint32_t aggregator_as; /* 0: none */
	bool as4_aggregator;
};

/* Writes the AS_PATH, merged with AS4_PATH, into the result (RFC 6793 section 4.2.3). */
void bgp_decode_as_path(struct bgp_decoder *d);
/* Checks and takes in the attribute at work. */
void bgp_decode_attr(struct bgp_decoder *d);
/* Are the bytes a list of prefixes (RFC 7606 section 5.3)? */
bool bgp_nlri_valid(enum bgp_af af, const uint8_t *data, size_t len);
/* Records a fault of the attribute `type` (0: of the message); the strongest fault is kept, of
 * equal ones the first. The attribute at work becomes the data of the NOTIFICATION when it is the
 * one. */
void bgp_decode_fault(struct bgp_decoder *d, enum bgp_disposition disposition,
    enum bgp_update_error error, uint8_t type, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Has an attribute of this type been in the list, usable or not? */
bool bgp_decode_seen(const struct bgp_decoder *d, uint8_t type);

#endif
