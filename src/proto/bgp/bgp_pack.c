/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing UPDATEs: one set of attributes, then as many prefixes of one family as fit.
 *
 * IPv4 prefixes stand in the fixed fields at the end of the message (RFC 4271 section 4.3), IPv6
 * prefixes in MP_REACH_NLRI or MP_UNREACH_NLRI (RFC 4760). RFC 7606 section 5.1 wants MP_REACH_NLRI
 * to be the first attribute, so that it is found even when a later one is broken; the others follow
 * in ascending order of their type code (RFC 4271 section 5). The attributes that follow the
 * prefixes are therefore written once into the end of the buffer, the room before them is filled
 * with prefixes, and finishing moves them up to the last prefix.
 *
 * A caller starts a message, adds prefixes until one does not fit, finishes it, sends it and starts
 * the next one with the same attributes. Neither the buffer nor the attributes are owned here.
 */
#include "proto/bgp/bgp_msg.h"
#include "proto/bgp/bgp_wire.h"

#include <assert.h>
#include <string.h>

#define SEGMENT_MAX 255

enum {
	WELL_KNOWN = BGP_FLAG_TRANSITIVE,
	OPTIONAL = BGP_FLAG_OPTIONAL,
	OPTIONAL_TRANSITIVE = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
};

static void
attr_head(struct wire_writer *w, uint8_t flags, enum bgp_attr type, size_t len)
{
	bool extended = len > UINT8_MAX;

	wire_put_u8(w, extended ? flags | BGP_FLAG_EXTENDED : flags);
	wire_put_u8(w, (uint8_t)type);
	if (extended)
		wire_put_u16(w, (uint16_t)len);
	else
		wire_put_u8(w, (uint8_t)len);
}

/* `count` times the same AS, in as many sequences as that takes. */
static void
as_path_put(struct wire_writer *w, const struct bgp_announce *a, enum bgp_attr type)
{
	bool wide = a->as4 || type == BGP_ATTR_AS4_PATH;
	unsigned count = a->ebgp ? 1u + a->prepend : 0;
	unsigned segments = (count + SEGMENT_MAX - 1) / SEGMENT_MAX;
	uint16_t narrow = (uint16_t)(a->local_as > UINT16_MAX ? BGP_AS_TRANS : a->local_as);

	attr_head(w, type == BGP_ATTR_AS4_PATH ? OPTIONAL_TRANSITIVE : WELL_KNOWN, type,
	    segments * 2 + count * (wide ? 4 : 2));
	while (count > 0) {
		unsigned n = count < SEGMENT_MAX ? count : SEGMENT_MAX;

		wire_put_u8(w, BGP_AS_SEQUENCE);
		wire_put_u8(w, (uint8_t)n);
		count -= n;
		for (; n > 0; n--) {
			if (wide)
				wire_put_u32(w, a->local_as);
			else
				wire_put_u16(w, narrow);
		}
	}
}

static void
communities_put(struct wire_writer *w, const struct bgp_announce *a)
{
	attr_head(w, OPTIONAL_TRANSITIVE, BGP_ATTR_COMMUNITIES, a->community_count * 4);
	for (size_t i = 0; i < a->community_count; i++)
		wire_put_u32(w, a->communities[i]);
}

static void
number_put(struct wire_writer *w, uint8_t flags, enum bgp_attr type, uint32_t value)
{
	attr_head(w, flags, type, 4);
	wire_put_u32(w, value);
}

/* All attributes but MP_REACH_NLRI. */
static void
attrs_put(struct wire_writer *w, enum bgp_af af, const struct bgp_announce *a)
{
	attr_head(w, WELL_KNOWN, BGP_ATTR_ORIGIN, 1);
	wire_put_u8(w, BGP_ORIGIN_IGP);
	as_path_put(w, a, BGP_ATTR_AS_PATH);
	if (af == BGP_AF_IPV4) {
		attr_head(w, WELL_KNOWN, BGP_ATTR_NEXT_HOP, 4);
		wire_put_addr(w, &a->next_hop);
	}
	if (a->has_med)
		number_put(w, OPTIONAL, BGP_ATTR_MED, a->med);
	if (!a->ebgp)
		number_put(w, WELL_KNOWN, BGP_ATTR_LOCAL_PREF, a->local_pref);
	if (a->community_count > 0)
		communities_put(w, a);
	if (a->ebgp && !a->as4 && a->local_as > UINT16_MAX)
		as_path_put(w, a, BGP_ATTR_AS4_PATH);
}

static void
begin(struct bgp_packer *p, uint8_t *buf, size_t cap, enum bgp_af af)
{
	*p = (struct bgp_packer){.af = af};
	wire_writer_init(&p->w, buf, cap < UINT16_MAX ? cap : UINT16_MAX);
	bgp_header_put(&p->w, BGP_UPDATE);
}

/* The head of MP_REACH_NLRI or MP_UNREACH_NLRI, always with two bytes of length. */
static void
mp_begin(struct bgp_packer *p, enum bgp_attr type)
{
	uint16_t afi;
	uint8_t safi;

	bgp_af_to_wire(p->af, &afi, &safi);
	wire_put_u8(&p->w, OPTIONAL | BGP_FLAG_EXTENDED);
	wire_put_u8(&p->w, (uint8_t)type);
	p->mp_len_mark = wire_mark_u16(&p->w);
	wire_put_u16(&p->w, afi);
	wire_put_u8(&p->w, safi);
}

static void
mp_next_hop_put(struct wire_writer *w, const struct bgp_announce *a)
{
	size_t mark = wire_mark_u8(w);

	wire_put_addr(w, &a->next_hop);
	if (a->next_hop_ll.family == ADDR_V6)
		wire_put_addr(w, &a->next_hop_ll);
	wire_set_u8(w, mark);
	wire_put_u8(w, 0); /* reserved */
}

/* Keeps `len` bytes at the end of the buffer out of reach of the prefixes. */
static void
keep_back(struct bgp_packer *p, size_t len)
{
	if (len > wire_room(&p->w)) {
		p->w.failed = true;
		return;
	}
	p->tail = len;
	p->w.cap -= len;
}

void
bgp_pack_announce(
    struct bgp_packer *p, uint8_t *buf, size_t cap, enum bgp_af af, const struct bgp_announce *a)
{
	assert(a->next_hop.family == (af == BGP_AF_IPV4 ? ADDR_V4 : ADDR_V6));

	begin(p, buf, cap, af);
	wire_put_u16(&p->w, 0); /* no withdrawn routes */
	p->attr_len_mark = wire_mark_u16(&p->w);
	if (af == BGP_AF_IPV4) {
		attrs_put(&p->w, af, a);
		wire_set_u16(&p->w, p->attr_len_mark);
		return;
	}
	mp_begin(p, BGP_ATTR_MP_REACH);
	mp_next_hop_put(&p->w, a);

	size_t start = p->w.pos;
	attrs_put(&p->w, af, a);
	if (!wire_writer_ok(&p->w))
		return;
	size_t len = p->w.pos - start;
	p->w.pos = start;
	memmove(buf + p->w.cap - len, buf + start, len);
	keep_back(p, len);
}

void
bgp_pack_withdraw(struct bgp_packer *p, uint8_t *buf, size_t cap, enum bgp_af af)
{
	begin(p, buf, cap, af);
	p->withdraw = true;
	if (af == BGP_AF_IPV4) {
		p->mp_len_mark = wire_mark_u16(&p->w); /* Withdrawn Routes Length */
		keep_back(p, 2);                       /* Total Path Attribute Length */
		return;
	}
	wire_put_u16(&p->w, 0);
	p->attr_len_mark = wire_mark_u16(&p->w);
	mp_begin(p, BGP_ATTR_MP_UNREACH);
}

bool
bgp_pack_add(struct bgp_packer *p, const struct prefix *prefix)
{
	assert(prefix->addr.family == (p->af == BGP_AF_IPV4 ? ADDR_V4 : ADDR_V6));

	if (!wire_writer_ok(&p->w) || wire_room(&p->w) < 1 + ((size_t)prefix->len + 7) / 8)
		return false;
	wire_put_prefix(&p->w, prefix);
	p->count++;
	return true;
}

size_t
bgp_pack_finish(struct bgp_packer *p)
{
	struct wire_writer *w = &p->w;

	if (p->count == 0 || !wire_writer_ok(w))
		return 0;
	w->cap += p->tail;
	if (p->af == BGP_AF_IPV4 && p->withdraw) {
		wire_set_u16(w, p->mp_len_mark);
		wire_put_u16(w, 0);
	} else if (p->af != BGP_AF_IPV4) {
		wire_set_u16(w, p->mp_len_mark);
		memmove(w->base + w->pos, w->base + w->cap - p->tail, p->tail);
		w->pos += p->tail;
		wire_set_u16(w, p->attr_len_mark);
	}
	p->tail = 0;
	return bgp_header_finish(w);
}

size_t
bgp_end_of_rib_encode(enum bgp_af af, uint8_t *buf, size_t cap)
{
	struct bgp_packer p;

	begin(&p, buf, cap, af);
	wire_put_u16(&p.w, 0);
	p.attr_len_mark = wire_mark_u16(&p.w);
	if (af != BGP_AF_IPV4) {
		mp_begin(&p, BGP_ATTR_MP_UNREACH);
		wire_set_u16(&p.w, p.mp_len_mark);
	}
	wire_set_u16(&p.w, p.attr_len_mark);
	return bgp_header_finish(&p.w);
}
