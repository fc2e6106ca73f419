/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading UPDATEs (RFC 4271 sections 4.3 and 6.3) with the revised error handling of RFC 7606.
 *
 * The message is cut into its three fields, whose lists of prefixes are checked first: without them
 * nothing can be withdrawn, and the session ends (sections 3(b), 3(i), 3(j), 5.3). Then the
 * attributes are taken one by one (bgp_attr.c). A list of attributes that does not add up stops
 * there and withdraws, for Total Attribute Length still says where the prefixes are (section 4);
 * but when it is a multiprotocol attribute that is cut off, its prefixes are lost, and the session
 * ends (section 3(j)).
 *
 * At the end stand the rules about the message as a whole. Those about meaning (mandatory
 * attributes, sets, the first AS, the next hop) are asked only when there are prefixes that they
 * are about. Last comes section 5.2: attributes without reachable prefixes and a fault that is more
 * than a discarded attribute leave no trust in what was read.
 *
 * LOCAL_PREF is not among the mandatory attributes: RFC 4271 section 5.1.5 has an internal neighbor
 * send it, but names it discretionary, and a default does no harm.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_decode.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const char *const disposition_names[] = {
    [BGP_ACCEPT] = "accept",
    [BGP_ATTR_DISCARD] = "attribute-discard",
    [BGP_TREAT_AS_WITHDRAW] = "treat-as-withdraw",
    [BGP_AF_DISABLE] = "af-disable",
    [BGP_SESSION_RESET] = "session-reset",
};

const char *
bgp_disposition_str(enum bgp_disposition d)
{
	return (unsigned)d < ARRAY_LEN(disposition_names) ? disposition_names[d] : "unknown";
}

/* -- prefixes -- */

bool
bgp_nlri_valid(enum bgp_af af, const uint8_t *data, size_t len)
{
	unsigned max = af == BGP_AF_IPV4 ? 32 : 128;

	while (len > 0) {
		size_t step = 1 + ((size_t)data[0] + 7) / 8;

		if (data[0] > max || step > len)
			return false;
		data += step;
		len -= step;
	}
	return true;
}

bool
bgp_nlri_next(struct bgp_nlri *list, struct prefix *out)
{
	struct wire_reader r;

	if (list->len == 0)
		return false;
	wire_reader_init(&r, list->data, list->len);
	*out = wire_prefix(&r, list->af == BGP_AF_IPV4 ? ADDR_V4 : ADDR_V6);
	list->data = wire_here(&r);
	list->len = wire_left(&r);
	return wire_ok(&r);
}

/* -- faults -- */

static void
fault_notify(struct bgp_decoder *d, enum bgp_update_error error, uint8_t type)
{
	struct bgp_notify *n = &d->out->notify;
	size_t len = d->attr.raw_len;

	*n = bgp_notify_make(BGP_ERR_UPDATE, (uint8_t)error);
	if (error == BGP_UPDATE_MISSING) {
		n->data[0] = type;
		n->data_len = 1;
	} else if (error != BGP_UPDATE_LIST && type != 0 && type == d->attr.type) {
		n->data_len = (uint16_t)(len < BGP_NOTIFY_DATA ? len : BGP_NOTIFY_DATA);
		memcpy(n->data, d->attr.raw, n->data_len);
	}
}

void
bgp_decode_fault(struct bgp_decoder *d, enum bgp_disposition disposition,
    enum bgp_update_error error, uint8_t type, const char *fmt, ...)
{
	struct bgp_update *out = d->out;
	const char *name = bgp_attr_str(type);
	size_t used;
	va_list ap;

	if (disposition <= out->disposition)
		return;
	out->disposition = disposition;
	out->bad_attr = type;
	fault_notify(d, error, type);

	if (name)
		used = (size_t)snprintf(out->reason, sizeof(out->reason), "%s: ", name);
	else if (type)
		used = (size_t)snprintf(out->reason, sizeof(out->reason), "attribute %u: ", type);
	else
		used = 0;
	va_start(ap, fmt);
	vsnprintf(out->reason + used, sizeof(out->reason) - used, fmt, ap);
	va_end(ap);
}

bool
bgp_decode_seen(const struct bgp_decoder *d, uint8_t type)
{
	return (d->seen[type / 64] >> type % 64 & 1) != 0;
}

/* -- the list of attributes -- */

static void
list_fault(struct bgp_decoder *d, const char *text)
{
	uint8_t type = d->attr.type;
	bool mp = type == BGP_ATTR_MP_REACH || type == BGP_ATTR_MP_UNREACH;

	bgp_decode_fault(
	    d, mp ? BGP_SESSION_RESET : BGP_TREAT_AS_WITHDRAW, BGP_UPDATE_LIST, type, "%s", text);
}

/* Steps over one attribute into d->attr; false when the list does not add up. */
static bool
attr_next(struct bgp_decoder *d, struct wire_reader *r)
{
	struct attr_view *a = &d->attr;

	*a = (struct attr_view){.raw = wire_here(r)};
	size_t before = wire_left(r);
	a->flags = wire_u8(r);
	a->type = wire_u8(r);
	a->len = a->flags & BGP_FLAG_EXTENDED ? wire_u16(r) : wire_u8(r);
	d->attr_count++;
	d->other_attrs |= a->type != BGP_ATTR_MP_UNREACH;
	if (!wire_ok(r)) {
		list_fault(d, "attribute list ends within the head of an attribute");
		return false;
	}
	a->value = wire_bytes(r, a->len);
	if (!wire_ok(r)) {
		list_fault(d, "runs past the end of the attribute list");
		return false;
	}
	a->raw_len = before - wire_left(r);
	return true;
}

static void
attrs_decode(struct bgp_decoder *d, struct wire_reader *r)
{
	while (wire_left(r) > 0 && attr_next(d, r))
		bgp_decode_attr(d);
	d->attr = (struct attr_view){0};
}

/* -- rules about the message as a whole -- */

/* A unicast address that is not "this network": RFC 4271 section 6.3, a valid host address. */
static bool
is_host(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return a->bytes[0] != 0 && a->bytes[0] < 224;
	return !addr_is_any(a) && !addr_is_multicast(a);
}

static void
withdraw(struct bgp_decoder *d, enum bgp_update_error error, uint8_t type, const char *text)
{
	bgp_decode_fault(d, BGP_TREAT_AS_WITHDRAW, error, type, "%s", text);
}

/* RFC 7606 section 3(d). */
static void
mandatory_check(struct bgp_decoder *d)
{
	static const uint8_t always[] = {BGP_ATTR_ORIGIN, BGP_ATTR_AS_PATH};

	for (size_t i = 0; i < ARRAY_LEN(always); i++) {
		if (!bgp_decode_seen(d, always[i]))
			withdraw(d, BGP_UPDATE_MISSING, always[i], "missing");
	}
	if (d->out->announced.len > 0 && !bgp_decode_seen(d, BGP_ATTR_NEXT_HOP))
		withdraw(d, BGP_UPDATE_MISSING, BGP_ATTR_NEXT_HOP, "missing");
}

static void
as_path_check(struct bgp_decoder *d)
{
	const struct bgp_path *path = &d->out->path;
	uint32_t first = path->as_count > 0 ? path->as_path[0] : 0;

	if (!path->has_as_path)
		return;
	if (path->has_as_set)
		withdraw(d, BGP_UPDATE_AS_PATH, BGP_ATTR_AS_PATH, "has a set (RFC 9774)");
	if (!d->ctx->ebgp)
		return;
	if (d->path.has_confed)
		withdraw(d, BGP_UPDATE_AS_PATH, BGP_ATTR_AS_PATH,
		    "confederation segment from an external neighbor");
	if (d->ctx->first_as && path->as_count == 0)
		withdraw(
		    d, BGP_UPDATE_AS_PATH, BGP_ATTR_AS_PATH, "empty, from an external neighbor");
	else if (d->ctx->first_as && first != d->ctx->first_as)
		bgp_decode_fault(d, BGP_TREAT_AS_WITHDRAW, BGP_UPDATE_AS_PATH, BGP_ATTR_AS_PATH,
		    "starts with AS %u, the neighbor is AS %u", first, d->ctx->first_as);
}

static void
next_hop_check(struct bgp_decoder *d)
{
	const struct bgp_update *out = d->out;

	if (out->announced.len > 0 && out->path.has_next_hop && !is_host(&out->path.next_hop))
		withdraw(d, BGP_UPDATE_NEXT_HOP, BGP_ATTR_NEXT_HOP, "not a host's address");
	if (out->mp_announced.len > 0 && !is_host(&out->mp_next_hop) &&
	    !addr_is_linklocal(&out->mp_next_hop_ll))
		withdraw(
		    d, BGP_UPDATE_OPTIONAL, BGP_ATTR_MP_REACH, "next hop is not a host's address");
}

/* IPv4 prefixes in the fixed fields, though only other families were agreed on. */
static void
fixed_family_check(struct bgp_decoder *d)
{
	struct bgp_update *out = d->out;

	if ((d->ctx->af & BGP_AF_BIT(BGP_AF_IPV4)) ||
	    (out->announced.len == 0 && out->withdrawn.len == 0))
		return;
	out->announced.len = 0;
	out->withdrawn.len = 0;
	bgp_decode_fault(d, BGP_ATTR_DISCARD, BGP_UPDATE_OPTIONAL, 0,
	    "%s prefixes, which were not agreed on", bgp_af_str(BGP_AF_IPV4));
}

/* RFC 7606 section 5.2. */
static void
confidence_check(struct bgp_decoder *d)
{
	struct bgp_update *out = d->out;

	if (out->disposition > BGP_ATTR_DISCARD && d->other_attrs && !d->reachable)
		out->disposition = BGP_SESSION_RESET;
}

/* RFC 4724 section 2: nothing at all, or MP_UNREACH_NLRI alone and empty. */
static void
end_of_rib_check(struct bgp_decoder *d)
{
	struct bgp_update *out = d->out;

	if (out->withdrawn.len > 0 || out->announced.len > 0 || out->disposition != BGP_ACCEPT)
		return;
	if (d->attr_count == 0) {
		out->end_of_rib = (d->ctx->af & BGP_AF_BIT(BGP_AF_IPV4)) != 0;
		out->end_of_rib_af = BGP_AF_IPV4;
	} else if (d->attr_count == 1 && out->has_mp_unreach && out->mp_withdrawn.len == 0) {
		out->end_of_rib = true;
		out->end_of_rib_af = out->mp_withdrawn.af;
	}
}

static void
message_check(struct bgp_decoder *d)
{
	fixed_family_check(d);
	bgp_decode_as_path(d);
	if (d->out->announced.len > 0 || d->out->mp_announced.len > 0) {
		mandatory_check(d);
		as_path_check(d);
		next_hop_check(d);
	}
	confidence_check(d);
	end_of_rib_check(d);
}

/* -- the message -- */

/* Its three fields; false when the session cannot go on. */
static bool
fields_decode(struct bgp_decoder *d, const uint8_t *msg, size_t len, struct wire_reader *attrs)
{
	struct bgp_update *out = d->out;
	struct wire_reader r;

	wire_reader_init(&r, msg, len);
	wire_skip(&r, BGP_HEADER_LEN);
	struct wire_reader withdrawn = wire_sub(&r, wire_u16(&r));
	*attrs = wire_sub(&r, wire_u16(&r));
	if (!wire_ok(&r)) {
		bgp_decode_fault(d, BGP_SESSION_RESET, BGP_UPDATE_LIST, 0,
		    "withdrawn routes and attributes are longer than the message");
		return false;
	}
	out->withdrawn.data = wire_here(&withdrawn);
	out->withdrawn.len = wire_left(&withdrawn);
	out->announced.data = wire_here(&r);
	out->announced.len = wire_left(&r);
	if (!bgp_nlri_valid(BGP_AF_IPV4, out->withdrawn.data, out->withdrawn.len)) {
		bgp_decode_fault(
		    d, BGP_SESSION_RESET, BGP_UPDATE_NETWORK, 0, "bad prefix in withdrawn routes");
		return false;
	}
	if (!bgp_nlri_valid(BGP_AF_IPV4, out->announced.data, out->announced.len)) {
		bgp_decode_fault(d, BGP_SESSION_RESET, BGP_UPDATE_NETWORK, 0, "bad prefix in NLRI");
		return false;
	}
	return true;
}

void
bgp_update_decode(
    const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, struct bgp_update *out)
{
	struct bgp_decoder d = {.ctx = ctx, .out = out};
	struct wire_reader attrs;

	*out = (struct bgp_update){0};
	if (fields_decode(&d, msg, len, &attrs)) {
		d.reachable = out->announced.len > 0;
		attrs_decode(&d, &attrs);
		message_check(&d);
	}
	if (out->disposition == BGP_SESSION_RESET) {
		out->withdrawn = (struct bgp_nlri){0};
		out->announced = (struct bgp_nlri){0};
		out->mp_withdrawn = (struct bgp_nlri){0};
		out->mp_announced = (struct bgp_nlri){0};
		out->disable = 0;
	}
}
