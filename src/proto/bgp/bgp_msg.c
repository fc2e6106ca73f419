/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BGP messages: framing, the header, and the two messages that are little more than a header.
 *
 * A byte stream is cut into messages by bgp_frame(), which checks everything that RFC 4271 section
 * 6.1 wants of a header before a message is handed on, so that the decoders of the bodies (in
 * bgp_open.c, bgp_update.c, bgp_notify.c and here) may rely on a message's minimum length. They
 * check it all the same: the fuzzers call them directly.
 *
 * One const table says what a message type is called and how long it may be. ROUTE-REFRESH has its
 * length error in its own error code (RFC 7313 section 5), so that the frame lets any length pass.
 * OPEN and KEEPALIVE stay at 4096 bytes where longer messages were agreed on (RFC 8654 section 4).
 */
#include "proto/bgp/bgp_msg.h"

#include "base/mem.h"
#include "proto/bgp/bgp_wire.h"

#include <string.h>

#define MARKER_LEN 16

struct type_row {
	const char *name;
	uint16_t min; /* whole message */
	uint16_t max; /* 0: as long as the session allows */
};

static const struct type_row types[] = {
    [BGP_OPEN] = {"OPEN", BGP_OPEN_MIN, BGP_MSG_MAX},
    [BGP_UPDATE] = {"UPDATE", BGP_UPDATE_MIN, 0},
    [BGP_NOTIFICATION] = {"NOTIFICATION", BGP_NOTIFICATION_MIN, 0},
    [BGP_KEEPALIVE] = {"KEEPALIVE", BGP_HEADER_LEN, BGP_HEADER_LEN},
    [BGP_REFRESH] = {"ROUTE-REFRESH", BGP_HEADER_LEN, 0},
};

struct af_row {
	uint16_t afi;
	uint8_t safi;
	const char *name;
};

static const struct af_row families[BGP_AF_COUNT] = {
    [BGP_AF_IPV4] = {1, 1, "ipv4-unicast"},
    [BGP_AF_IPV6] = {2, 1, "ipv6-unicast"},
};

static const struct type_row *
type_find(unsigned type)
{
	return type < ARRAY_LEN(types) && types[type].name ? &types[type] : NULL;
}

const char *
bgp_type_str(enum bgp_type t)
{
	const struct type_row *row = type_find(t);
	return row ? row->name : "unknown";
}

const char *
bgp_af_str(enum bgp_af af)
{
	return (unsigned)af < BGP_AF_COUNT ? families[af].name : "unknown";
}

bool
bgp_af_from_wire(uint16_t afi, uint8_t safi, enum bgp_af *out)
{
	for (unsigned i = 0; i < BGP_AF_COUNT; i++) {
		if (families[i].afi == afi && families[i].safi == safi) {
			*out = (enum bgp_af)i;
			return true;
		}
	}
	return false;
}

void
bgp_af_to_wire(enum bgp_af af, uint16_t *afi, uint8_t *safi)
{
	*afi = families[af].afi;
	*safi = families[af].safi;
}

/* -- framing -- */

static int
bad_length(struct bgp_notify *n, size_t len)
{
	*n = bgp_notify_make(BGP_ERR_HEADER, 2);
	n->data[0] = (uint8_t)(len >> 8);
	n->data[1] = (uint8_t)len;
	n->data_len = 2;
	return -1;
}

static bool
marker_ok(const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && i < MARKER_LEN; i++) {
		if (data[i] != 0xff)
			return false;
	}
	return true;
}

int
bgp_frame(const uint8_t *data, size_t len, size_t max, struct bgp_notify *n)
{
	if (!marker_ok(data, len)) {
		*n = bgp_notify_make(BGP_ERR_HEADER, 1);
		return -1;
	}
	if (len < BGP_HEADER_LEN)
		return 0;

	size_t whole = (size_t)data[MARKER_LEN] << 8 | data[MARKER_LEN + 1];
	if (whole < BGP_HEADER_LEN || whole > max)
		return bad_length(n, whole);

	uint8_t type = data[MARKER_LEN + 2];
	const struct type_row *row = type_find(type);
	if (!row) {
		*n = bgp_notify_make(BGP_ERR_HEADER, 3);
		n->data[0] = type;
		n->data_len = 1;
		return -1;
	}
	if (whole < row->min || (row->max && whole > row->max))
		return bad_length(n, whole);
	return len < whole ? 0 : (int)whole;
}

enum bgp_type
bgp_frame_type(const uint8_t *msg)
{
	return (enum bgp_type)msg[MARKER_LEN + 2];
}

void
bgp_header_put(struct wire_writer *w, enum bgp_type type)
{
	static const uint8_t marker[MARKER_LEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

	wire_put_bytes(w, marker, sizeof(marker));
	wire_put_u16(w, 0);
	wire_put_u8(w, (uint8_t)type);
}

size_t
bgp_header_finish(struct wire_writer *w)
{
	if (!wire_writer_ok(w) || w->pos > UINT16_MAX)
		return 0;
	wire_patch_u16(w, MARKER_LEN, (uint16_t)w->pos);
	return w->pos;
}

/* -- KEEPALIVE and ROUTE-REFRESH -- */

size_t
bgp_keepalive_encode(uint8_t *buf, size_t cap)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	bgp_header_put(&w, BGP_KEEPALIVE);
	return bgp_header_finish(&w);
}

int
bgp_refresh_decode(const uint8_t *msg, size_t len, struct bgp_refresh *out, struct bgp_notify *n)
{
	struct wire_reader r;

	*out = (struct bgp_refresh){0};
	if (len != BGP_REFRESH_LEN) {
		*n = bgp_notify_make(BGP_ERR_REFRESH, 1);
		n->data_len = (uint16_t)(len < BGP_NOTIFY_DATA ? len : BGP_NOTIFY_DATA);
		memcpy(n->data, msg, n->data_len);
		return -1;
	}
	wire_reader_init(&r, msg, len);
	wire_skip(&r, BGP_HEADER_LEN);
	out->afi = wire_u16(&r);
	out->subtype = wire_u8(&r);
	out->safi = wire_u8(&r);
	return 0;
}

size_t
bgp_refresh_encode(const struct bgp_refresh *r, uint8_t *buf, size_t cap)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	bgp_header_put(&w, BGP_REFRESH);
	wire_put_u16(&w, r->afi);
	wire_put_u8(&w, r->subtype);
	wire_put_u8(&w, r->safi);
	return bgp_header_finish(&w);
}
