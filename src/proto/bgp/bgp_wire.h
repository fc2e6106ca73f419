/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the codec's files share, for this folder alone: numbers of the wire format and the message
 * header.
 */
#ifndef BGP_WIRE_H
#define BGP_WIRE_H

#include "proto/bgp/bgp_msg.h"

enum {
	BGP_OPEN_MIN = 29,
	BGP_UPDATE_MIN = 23,
	BGP_NOTIFICATION_MIN = 21,
	BGP_REFRESH_LEN = 23,
};

/* Path attribute type codes (IANA "BGP Path Attributes"). */
enum bgp_attr {
	BGP_ATTR_ORIGIN = 1,
	BGP_ATTR_AS_PATH = 2,
	BGP_ATTR_NEXT_HOP = 3,
	BGP_ATTR_MED = 4,
	BGP_ATTR_LOCAL_PREF = 5,
	BGP_ATTR_ATOMIC_AGGREGATE = 6,
	BGP_ATTR_AGGREGATOR = 7,
	BGP_ATTR_COMMUNITIES = 8,
	BGP_ATTR_ORIGINATOR_ID = 9,
	BGP_ATTR_CLUSTER_LIST = 10,
	BGP_ATTR_MP_REACH = 14,
	BGP_ATTR_MP_UNREACH = 15,
	BGP_ATTR_EXT_COMMUNITIES = 16,
	BGP_ATTR_AS4_PATH = 17,
	BGP_ATTR_AS4_AGGREGATOR = 18,
	BGP_ATTR_IPV6_EXT_COMMUNITIES = 25,
	BGP_ATTR_LARGE_COMMUNITIES = 32,
};

/* Attribute flags: RFC 4271 section 4.3. */
enum {
	BGP_FLAG_OPTIONAL = 0x80,
	BGP_FLAG_TRANSITIVE = 0x40,
	BGP_FLAG_PARTIAL = 0x20,
	BGP_FLAG_EXTENDED = 0x10,
};

/* AS_PATH segment types: RFC 4271 section 4.3, RFC 5065 section 3. */
enum bgp_segment {
	BGP_AS_SET = 1,
	BGP_AS_SEQUENCE = 2,
	BGP_AS_CONFED_SEQUENCE = 3,
	BGP_AS_CONFED_SET = 4,
};

/* Starts a message: marker, room for the length, type. `w` stands at its beginning. */
void bgp_header_put(struct wire_writer *w, enum bgp_type type);
/* Writes the length; returns it, or 0 when something did not fit. */
size_t bgp_header_finish(struct wire_writer *w);
/* The attribute's name in the RFCs, or NULL when we do not know it. */
const char *bgp_attr_str(uint8_t type);

#endif
