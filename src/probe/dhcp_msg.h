/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP messages of version 4: building a question, and judging what comes back. Pure.
 */
#ifndef PROBE_DHCP_MSG_H
#define PROBE_DHCP_MSG_H

#include "base/wire.h"
#include "conf/conf.h"
#include "core/probe.h"

#define DHCP_SERVER_PORT 67
#define DHCP_QUERY_MAX   320
#define DHCP_MAC         6

/* RFC 2132, section 9.6. */
enum dhcp_type {
	DHCP_DISCOVER = 1,
	DHCP_OFFER,
	DHCP_REQUEST,
	DHCP_DECLINE,
	DHCP_ACK,
	DHCP_NAK,
	DHCP_RELEASE,
	DHCP_INFORM,
	DHCP_TYPE_COUNT
};

struct dhcp_query {
	enum dhcp_type type; /* DHCP_DISCOVER or DHCP_INFORM */
	uint32_t xid;
	uint8_t mac[DHCP_MAC];
	struct addr relay;  /* giaddr; ADDR_NONE: no relay, the answer to a DISCOVER is broadcast */
	struct addr client; /* ciaddr, of an INFORM */
	struct addr link;   /* an address of the network to offer from (RFC 3527), or ADDR_NONE */
};

/* What an answer must be. */
struct dhcp_expect {
	struct addr server_id;        /* ADDR_NONE: any */
	struct conf_list offers_from; /* of struct prefix; empty: any */
};

/* Writes the question; its length, at most DHCP_QUERY_MAX. */
size_t dhcp_query_build(const struct dhcp_query *q, uint8_t *buf, size_t size);

/* The transaction that a datagram belongs to; -1 when it is no answer of a server to an Ethernet
 * client. */
int dhcp_reply_xid(const uint8_t *msg, size_t len, uint32_t *xid);

enum dhcp_verdict {
	DHCP_IGNORE, /* not an answer to this question */
	DHCP_OTHER,  /* an answer by another server than the one expected: `server` says which */
	DHCP_JUDGED, /* `sample` says how it is */
};
/* Judges a datagram. `server`: the server identifier of the answer, ADDR_NONE when it has none. */
enum dhcp_verdict dhcp_judge(const struct dhcp_query *q, const struct dhcp_expect *expect,
    struct wire_reader *r, struct probe_sample *sample, struct addr *server);

#endif
