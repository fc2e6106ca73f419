/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path attributes of a received UPDATE: one row each (RFC 4271 section 5, RFC 7606 section 7).
 *
 * A row says what the attribute is called, which flags it must have, which lengths are valid, what
 * RFC 7606 wants done when it is malformed, whether it is meaningless from an external neighbor
 * (and then discarded unread), and how its value is read. bgp_decode_attr() applies the rules that
 * all attributes share, in this order: unknown, repeated, not from this neighbor, flags, length,
 * value. The first that fails decides about this attribute; bgp_decode_fault() keeps the strongest
 * over the whole message.
 *
 * An unknown attribute is ignored when it is optional, for we pass nothing on (RFC 4271 section 5);
 * an unknown well-known one ends the session (section 6.3, which RFC 7606 left alone).
 *
 * MP_REACH_NLRI and MP_UNREACH_NLRI that cannot be read cost their address family, not the session:
 * losing the session would take our own routes off the network (RFC 7606 sections 5.3 and 7.11
 * leave the choice). When not even the family can be read the session ends.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_decode.h"

#include <stdio.h>

enum {
	WELL_KNOWN = BGP_FLAG_TRANSITIVE,
	OPTIONAL = BGP_FLAG_OPTIONAL,
	OPTIONAL_TRANSITIVE = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
	FLAGS_CHECKED = BGP_FLAG_OPTIONAL | BGP_FLAG_TRANSITIVE,
};

/* From whom it means something; from others it is discarded unread. */
enum attr_source { ANYBODY, INTERNAL_ONLY, AS2_ONLY };

struct attr_row {
	const char *name;
	uint8_t flags;
	uint16_t min, max, unit; /* of the length */
	enum bgp_disposition malformed;
	enum attr_source source;
	void (*parse)(struct bgp_decoder *d, struct wire_reader *r);
};

static const struct attr_row *attr_find(uint8_t type);

/* -- faults -- */

/* MP attributes: gives up the family, if it can be read and is in use. */
static void
family_fault(struct bgp_decoder *d, enum bgp_update_error error, const char *text)
{
	const struct attr_view *a = &d->attr;
	enum bgp_af af;

	/* A list that cannot be read is not an empty one. */
	d->reachable |= a->type == BGP_ATTR_MP_REACH;
	if (a->len < 3) {
		bgp_decode_fault(d, BGP_SESSION_RESET, error, a->type, "%s", text);
		return;
	}
	if (!bgp_af_from_wire((uint16_t)(a->value[0] << 8 | a->value[1]), a->value[2], &af) ||
	    !(d->ctx->af & BGP_AF_BIT(af))) {
		bgp_decode_fault(d, BGP_ATTR_DISCARD, error, a->type, "%s", text);
		return;
	}
	d->out->disable |= BGP_AF_BIT(af);
	bgp_decode_fault(d, BGP_AF_DISABLE, error, a->type, "%s", text);
}

static void
malformed(struct bgp_decoder *d, enum bgp_update_error error, const char *text)
{
	enum bgp_disposition disposition = attr_find(d->attr.type)->malformed;

	if (disposition == BGP_AF_DISABLE)
		family_fault(d, error, text);
	else
		bgp_decode_fault(d, disposition, error, d->attr.type, "%s", text);
}

/* -- values -- */

static void
origin_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	uint8_t origin = wire_u8(r);

	if (origin > BGP_ORIGIN_INCOMPLETE) {
		malformed(d, BGP_UPDATE_ORIGIN, "undefined value");
		return;
	}
	d->out->path.has_origin = true;
	d->out->path.origin = origin;
}

static void
as_path_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	const char *error =
	    bgp_as_view_init(&d->path, wire_here(r), wire_left(r), d->ctx->as4 ? 4 : 2);

	if (error)
		malformed(d, BGP_UPDATE_AS_PATH, error);
}

/* Whether it is an address that a host can have is looked at when there are prefixes that use it:
 * RFC 4760 section 3 has it ignored otherwise. */
static void
next_hop_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.has_next_hop = true;
	d->out->path.next_hop = wire_addr(r, ADDR_V4);
}

static void
med_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.has_med = true;
	d->out->path.med = wire_u32(r);
}

static void
local_pref_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.has_local_pref = true;
	d->out->path.local_pref = wire_u32(r);
}

static void
atomic_aggregate_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.atomic_aggregate = true;
}

static void
aggregator_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	bool as4 = d->ctx->as4;

	if (wire_left(r) != (as4 ? 8 : 6)) {
		malformed(d, BGP_UPDATE_LENGTH,
		    as4 ? "wrong length, must be 8" : "wrong length, must be 6");
		return;
	}
	d->aggregator_as = as4 ? wire_u32(r) : wire_u16(r);
	if (d->aggregator_as == 0)
		malformed(d, BGP_UPDATE_OPTIONAL, "AS 0");
}

static void
communities_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.communities = wire_here(r);
	d->out->path.community_count = (uint16_t)(wire_left(r) / 4);
}

static void
ext_communities_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.ext_communities = wire_here(r);
	d->out->path.ext_count = (uint16_t)(wire_left(r) / 8);
}

static void
large_communities_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	d->out->path.large_communities = wire_here(r);
	d->out->path.large_count = (uint16_t)(wire_left(r) / 12);
}

static void
as4_path_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	const char *error = bgp_as_view_init(&d->path4, wire_here(r), wire_left(r), 4);
	if (error)
		malformed(d, BGP_UPDATE_OPTIONAL, error);
}

static void
as4_aggregator_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	if (wire_u32(r) == 0)
		malformed(d, BGP_UPDATE_OPTIONAL, "AS 0");
	else
		d->as4_aggregator = true;
}

/* -- multiprotocol -- */

/* The family of the attribute; false when it is none that we agreed on, and then discarded. */
static bool
family_parse(struct bgp_decoder *d, struct wire_reader *r, enum bgp_af *af)
{
	uint16_t afi = wire_u16(r);
	uint8_t safi = wire_u8(r);

	if (bgp_af_from_wire(afi, safi, af) && (d->ctx->af & BGP_AF_BIT(*af)))
		return true;
	bgp_decode_fault(d, BGP_ATTR_DISCARD, BGP_UPDATE_OPTIONAL, d->attr.type,
	    "family %u/%u was not agreed on", afi, safi);
	return false;
}

/* RFC 4760 section 3, RFC 2545 section 3. */
static bool
mp_next_hop_parse(struct bgp_decoder *d, struct wire_reader *r, enum bgp_af af)
{
	size_t len = wire_u8(r);
	struct wire_reader hop = wire_sub(r, len);
	bool fits = af == BGP_AF_IPV4 ? len == 4 : len == 16 || len == 32;

	wire_skip(r, 1); /* reserved */
	if (!wire_ok(r) || !fits) {
		malformed(d, BGP_UPDATE_OPTIONAL, "bad length of the next hop");
		return false;
	}
	d->out->mp_next_hop = wire_addr(&hop, af == BGP_AF_IPV4 ? ADDR_V4 : ADDR_V6);
	if (len == 32)
		d->out->mp_next_hop_ll = wire_addr(&hop, ADDR_V6);
	return true;
}

static bool
mp_nlri_parse(struct bgp_decoder *d, struct wire_reader *r, enum bgp_af af, struct bgp_nlri *out)
{
	struct bgp_nlri list = {af, wire_here(r), wire_left(r)};

	if (!bgp_nlri_valid(af, list.data, list.len)) {
		malformed(d, BGP_UPDATE_OPTIONAL, "bad prefix");
		return false;
	}
	*out = list;
	return true;
}

static void
mp_reach_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	enum bgp_af af;

	d->reachable = true; /* until shown otherwise */
	if (!family_parse(d, r, &af) || !mp_next_hop_parse(d, r, af) ||
	    !mp_nlri_parse(d, r, af, &d->out->mp_announced))
		return;
	d->out->has_mp_reach = true;
	d->reachable = d->out->announced.len > 0 || d->out->mp_announced.len > 0;
}

static void
mp_unreach_parse(struct bgp_decoder *d, struct wire_reader *r)
{
	enum bgp_af af;

	if (family_parse(d, r, &af) && mp_nlri_parse(d, r, af, &d->out->mp_withdrawn))
		d->out->has_mp_unreach = true;
}

/* -- the table -- */

#define ANY_LENGTH UINT16_MAX
#define WITHDRAW   BGP_TREAT_AS_WITHDRAW
#define DISCARD    BGP_ATTR_DISCARD
#define DISABLE    BGP_AF_DISABLE

static const struct attr_row rows[] = {
    [BGP_ATTR_ORIGIN] = {"ORIGIN", WELL_KNOWN, 1, 1, 1, WITHDRAW, ANYBODY, origin_parse},
    [BGP_ATTR_AS_PATH] = {"AS_PATH", WELL_KNOWN, 0, ANY_LENGTH, 1, WITHDRAW, ANYBODY,
	as_path_parse},
    [BGP_ATTR_NEXT_HOP] = {"NEXT_HOP", WELL_KNOWN, 4, 4, 1, WITHDRAW, ANYBODY, next_hop_parse},
    [BGP_ATTR_MED] = {"MULTI_EXIT_DISC", OPTIONAL, 4, 4, 1, WITHDRAW, ANYBODY, med_parse},
    [BGP_ATTR_LOCAL_PREF] = {"LOCAL_PREF", WELL_KNOWN, 4, 4, 1, WITHDRAW, INTERNAL_ONLY,
	local_pref_parse},
    [BGP_ATTR_ATOMIC_AGGREGATE] = {"ATOMIC_AGGREGATE", WELL_KNOWN, 0, 0, 1, DISCARD, ANYBODY,
	atomic_aggregate_parse},
    [BGP_ATTR_AGGREGATOR] = {"AGGREGATOR", OPTIONAL_TRANSITIVE, 6, 8, 2, DISCARD, ANYBODY,
	aggregator_parse},
    [BGP_ATTR_COMMUNITIES] = {"COMMUNITIES", OPTIONAL_TRANSITIVE, 4, ANY_LENGTH, 4, WITHDRAW,
	ANYBODY, communities_parse},
    [BGP_ATTR_ORIGINATOR_ID] = {"ORIGINATOR_ID", OPTIONAL, 4, 4, 1, WITHDRAW, INTERNAL_ONLY, NULL},
    [BGP_ATTR_CLUSTER_LIST] = {"CLUSTER_LIST", OPTIONAL, 4, ANY_LENGTH, 4, WITHDRAW, INTERNAL_ONLY,
	NULL},
    [BGP_ATTR_MP_REACH] = {"MP_REACH_NLRI", OPTIONAL, 5, ANY_LENGTH, 1, DISABLE, ANYBODY,
	mp_reach_parse},
    [BGP_ATTR_MP_UNREACH] = {"MP_UNREACH_NLRI", OPTIONAL, 3, ANY_LENGTH, 1, DISABLE, ANYBODY,
	mp_unreach_parse},
    [BGP_ATTR_EXT_COMMUNITIES] = {"EXTENDED_COMMUNITIES", OPTIONAL_TRANSITIVE, 8, ANY_LENGTH, 8,
	WITHDRAW, ANYBODY, ext_communities_parse},
    [BGP_ATTR_AS4_PATH] = {"AS4_PATH", OPTIONAL_TRANSITIVE, 6, ANY_LENGTH, 2, DISCARD, AS2_ONLY,
	as4_path_parse},
    [BGP_ATTR_AS4_AGGREGATOR] = {"AS4_AGGREGATOR", OPTIONAL_TRANSITIVE, 8, 8, 1, DISCARD, AS2_ONLY,
	as4_aggregator_parse},
    [BGP_ATTR_IPV6_EXT_COMMUNITIES] = {"IPV6_EXTENDED_COMMUNITIES", OPTIONAL_TRANSITIVE, 20,
	ANY_LENGTH, 20, WITHDRAW, ANYBODY, NULL},
    [BGP_ATTR_LARGE_COMMUNITIES] = {"LARGE_COMMUNITY", OPTIONAL_TRANSITIVE, 12, ANY_LENGTH, 12,
	WITHDRAW, ANYBODY, large_communities_parse},
};

static const struct attr_row *
attr_find(uint8_t type)
{
	return type < ARRAY_LEN(rows) && rows[type].name ? &rows[type] : NULL;
}

const char *
bgp_attr_str(uint8_t type)
{
	const struct attr_row *row = attr_find(type);
	return row ? row->name : NULL;
}

/* -- the rules that all share -- */

static void
length_fault(struct bgp_decoder *d, const struct attr_row *row)
{
	char text[64];
	size_t len = d->attr.len;

	if (row->min == row->max)
		snprintf(text, sizeof(text), "length %zu, must be %u", len, row->min);
	else if (len < row->min)
		snprintf(text, sizeof(text), "length %zu, must be at least %u", len, row->min);
	else if (len > row->max)
		snprintf(text, sizeof(text), "length %zu, must be at most %u", len, row->max);
	else
		snprintf(
		    text, sizeof(text), "length %zu, must be a multiple of %u", len, row->unit);
	malformed(d, BGP_UPDATE_LENGTH, text);
}

static void
repeated(struct bgp_decoder *d)
{
	bool mp = d->attr.type == BGP_ATTR_MP_REACH || d->attr.type == BGP_ATTR_MP_UNREACH;

	bgp_decode_fault(d, mp ? BGP_SESSION_RESET : BGP_ATTR_DISCARD, BGP_UPDATE_LIST,
	    d->attr.type, "more than once");
}

/* RFC 7606 sections 7.5, 7.9 and 7.10; RFC 6793 section 4.1. */
static const char *
unwanted(const struct attr_row *row, const struct bgp_update_ctx *ctx)
{
	if (row->source == INTERNAL_ONLY && ctx->ebgp)
		return "not from an external neighbor";
	if (row->source == AS2_ONLY && ctx->as4)
		return "not between speakers of 4-octet AS numbers";
	return NULL;
}

/* RFC 7606 section 3(c): withdraw, whatever else the attribute is worth. */
static void
flags_fault(struct bgp_decoder *d, const struct attr_row *row)
{
	if (row->malformed == BGP_AF_DISABLE)
		family_fault(d, BGP_UPDATE_FLAGS, "wrong flags");
	else
		bgp_decode_fault(
		    d, BGP_TREAT_AS_WITHDRAW, BGP_UPDATE_FLAGS, d->attr.type, "wrong flags");
}

void
bgp_decode_attr(struct bgp_decoder *d)
{
	const struct attr_view *a = &d->attr;
	const struct attr_row *row = attr_find(a->type);
	uint64_t *seen = &d->seen[a->type / 64];
	uint64_t bit = UINT64_C(1) << a->type % 64;
	struct wire_reader r;

	if (!row && !(a->flags & BGP_FLAG_OPTIONAL)) {
		bgp_decode_fault(d, BGP_SESSION_RESET, BGP_UPDATE_UNRECOGNIZED, a->type,
		    "unknown well-known attribute");
		return;
	}
	if (*seen & bit) {
		repeated(d);
		return;
	}
	*seen |= bit;
	if (!row)
		return;
	const char *reason = unwanted(row, d->ctx);
	if (reason) {
		bgp_decode_fault(d, BGP_ATTR_DISCARD, BGP_UPDATE_OPTIONAL, a->type, "%s", reason);
		return;
	}
	if ((a->flags & FLAGS_CHECKED) != row->flags) {
		flags_fault(d, row);
		return;
	}
	if (a->len < row->min || a->len > row->max || a->len % row->unit != 0) {
		length_fault(d, row);
		return;
	}
	wire_reader_init(&r, a->value, a->len);
	if (row->parse)
		row->parse(d, &r);
}
