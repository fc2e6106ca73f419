/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OPEN and capabilities (RFC 4271 sections 4.2 and 6.2, RFC 5492, RFC 9072).
 *
 * A capability is one row of a const table: code, the value lengths that are valid, how to read it
 * and how to write it. Reading steps through the optional parameters (with one or two length bytes,
 * RFC 9072), takes the capabilities out of every parameter of type 2 and hands each to its row.
 * Unknown capabilities are counted and otherwise ignored. A known one of a wrong length refuses the
 * OPEN when the session would be misread without it (families, AS number); else it counts as
 * unknown, for a session is worth more than a nicety.
 *
 * Structure is checked before meaning: an OPEN that does not add up is 2/0, and only then version,
 * AS (RFC 6793, 7607), hold time and identifier (RFC 6286) are looked at. The one exception is the
 * version, which decides what the rest means.
 *
 * Writing puts all capabilities into one parameter. They are at most 121 bytes, so that the
 * extended form is never needed.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_msg.h"
#include "proto/bgp/bgp_wire.h"

#include <string.h>

enum {
	PARAM_CAPABILITIES = 2, /* RFC 5492 section 4 */
	PARAM_EXTENDED = 255,   /* RFC 9072 section 2 */
};

enum open_error { OPEN_MALFORMED = 0, OPEN_VERSION, OPEN_AS, OPEN_ID, OPEN_PARAM, OPEN_HOLD = 6 };

#define RESTART_STATE 0x8000 /* RFC 4724 section 3 */
#define RESTART_TIME  0x0fff

/* -- capabilities -- */

struct cap_row {
	uint8_t code;
	uint8_t min, max; /* of the value, in bytes */
	bool essential;   /* of a wrong length: refuse the OPEN */
	size_t present;   /* offset of its bool in struct bgp_caps */
	void (*get)(struct wire_reader *r, struct bgp_caps *c);
	/* Writes the capability as often as there are values; NULL: once, with an empty value. */
	void (*put)(struct wire_writer *w, const struct bgp_caps *c);
};

static size_t
cap_begin(struct wire_writer *w, uint8_t code)
{
	wire_put_u8(w, code);
	return wire_mark_u8(w);
}

/* Multiprotocol Extensions, RFC 4760 section 8. Families that we do not speak are passed over. */
#define CAP_MP 1

static void
mp_get(struct wire_reader *r, struct bgp_caps *c)
{
	enum bgp_af af;
	uint16_t afi = wire_u16(r);

	wire_skip(r, 1);
	if (bgp_af_from_wire(afi, wire_u8(r), &af))
		c->af |= BGP_AF_BIT(af);
}

static void
mp_put(struct wire_writer *w, const struct bgp_caps *c)
{
	for (unsigned i = 0; i < BGP_AF_COUNT; i++) {
		uint16_t afi;
		uint8_t safi;

		if (!(c->af & BGP_AF_BIT(i)))
			continue;
		bgp_af_to_wire((enum bgp_af)i, &afi, &safi);
		size_t mark = cap_begin(w, CAP_MP);
		wire_put_u16(w, afi);
		wire_put_u8(w, 0);
		wire_put_u8(w, safi);
		wire_set_u8(w, mark);
	}
}

/* Graceful Restart, RFC 4724 section 3; the families after the flags are not ours to know. */
#define CAP_GRACEFUL_RESTART 64

static void
graceful_restart_get(struct wire_reader *r, struct bgp_caps *c)
{
	uint16_t flags = wire_u16(r);

	c->restart_state = (flags & RESTART_STATE) != 0;
	c->restart_time = flags & RESTART_TIME;
}

static void
graceful_restart_put(struct wire_writer *w, const struct bgp_caps *c)
{
	uint16_t state = c->restart_state ? RESTART_STATE : 0;
	size_t mark = cap_begin(w, CAP_GRACEFUL_RESTART);

	wire_put_u16(w, (uint16_t)(state | (c->restart_time & RESTART_TIME)));
	wire_set_u8(w, mark);
}

/* 4-octet AS number, RFC 6793 section 3. */
#define CAP_AS4 65

static void
as4_get(struct wire_reader *r, struct bgp_caps *c)
{
	c->as4_number = wire_u32(r);
}

static void
as4_put(struct wire_writer *w, const struct bgp_caps *c)
{
	size_t mark = cap_begin(w, CAP_AS4);

	wire_put_u32(w, c->as4_number);
	wire_set_u8(w, mark);
}

/* FQDN (draft-walton-bgp-hostname-capability): host name, domain name, each after its length. */
#define CAP_FQDN 73

static void
fqdn_get(struct wire_reader *r, struct bgp_caps *c)
{
	size_t len = wire_u8(r);
	const uint8_t *name = wire_bytes(r, len);

	if (!name)
		return;
	len = strnlen((const char *)name, len);
	if (len >= sizeof(c->hostname))
		len = sizeof(c->hostname) - 1;
	memset(c->hostname, 0, sizeof(c->hostname)); /* of one that came before */
	memcpy(c->hostname, name, len);
	str_sanitise(c->hostname);
}

static void
fqdn_put(struct wire_writer *w, const struct bgp_caps *c)
{
	size_t len = strnlen(c->hostname, sizeof(c->hostname) - 1);
	size_t mark = cap_begin(w, CAP_FQDN);

	wire_put_u8(w, (uint8_t)len);
	wire_put_bytes(w, c->hostname, len);
	wire_put_u8(w, 0);
	wire_set_u8(w, mark);
}

#define PRESENT(member) offsetof(struct bgp_caps, member)

/* In the order in which we write them. */
static const struct cap_row capabilities[] = {
    {CAP_MP, 4, 4, true, PRESENT(mp), mp_get, mp_put},
    {2, 0, 0, false, PRESENT(refresh), NULL, NULL},          /* RFC 2918 */
    {6, 0, 0, false, PRESENT(extended_message), NULL, NULL}, /* RFC 8654 */
    {CAP_GRACEFUL_RESTART, 2, 254, false, PRESENT(graceful_restart), graceful_restart_get,
	graceful_restart_put},
    {CAP_AS4, 4, 4, true, PRESENT(as4), as4_get, as4_put},
    {70, 0, 0, false, PRESENT(enhanced_refresh), NULL, NULL}, /* RFC 7313 */
    {CAP_FQDN, 2, 255, false, PRESENT(fqdn), fqdn_get, fqdn_put},
};

/* Codes of the time before the RFC, read as if they were the one beside them. */
static const struct {
	uint8_t old, code;
} aliases[] = {
    {128, 2},
};

static const struct cap_row *
capability_find(uint8_t code)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++) {
		if (aliases[i].old == code)
			code = aliases[i].code;
	}
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		if (capabilities[i].code == code)
			return &capabilities[i];
	}
	return NULL;
}

static bool *
present_flag(struct bgp_caps *c, const struct cap_row *row)
{
	return (bool *)(void *)((char *)c + row->present);
}

static bool
is_present(const struct bgp_caps *c, const struct cap_row *row)
{
	return *(const bool *)(const void *)((const char *)c + row->present);
}

/* -- reading -- */

static int
refuse(struct bgp_notify *n, enum open_error subcode)
{
	*n = bgp_notify_make(BGP_ERR_OPEN, (uint8_t)subcode);
	return -1;
}

/* One parameter's capabilities. False: malformed. */
static bool
capabilities_get(struct wire_reader *r, struct bgp_caps *c)
{
	while (wire_ok(r) && wire_left(r) > 0) {
		const struct cap_row *row = capability_find(wire_u8(r));
		size_t len = wire_u8(r);
		struct wire_reader value = wire_sub(r, len);

		if (!wire_ok(r))
			return false;
		if (row && (len < row->min || len > row->max)) {
			if (row->essential)
				return false;
			row = NULL;
		}
		if (!row) {
			c->unknown += c->unknown < UINT8_MAX;
			continue;
		}
		*present_flag(c, row) = true;
		if (row->get)
			row->get(&value, c);
	}
	return wire_ok(r);
}

/* A reader of the parameters alone; *extended: each has two bytes of length. It has failed when the
 * lengths do not add up to the end of the message. */
static struct wire_reader
parameters(struct wire_reader *r, bool *extended)
{
	size_t len = wire_u8(r);

	*extended = len > 0 && wire_left(r) >= 3 && wire_here(r)[0] == PARAM_EXTENDED;
	if (*extended) {
		wire_skip(r, 1);
		len = wire_u16(r);
	}
	if (len != wire_left(r))
		wire_fail(r);
	return wire_sub(r, len);
}

static int
parameters_get(struct wire_reader *r, struct bgp_caps *c, struct bgp_notify *n)
{
	bool extended;
	struct wire_reader params = parameters(r, &extended);

	while (wire_ok(&params) && wire_left(&params) > 0) {
		uint8_t type = wire_u8(&params);
		size_t len = extended ? wire_u16(&params) : wire_u8(&params);
		struct wire_reader value = wire_sub(&params, len);

		if (!wire_ok(&params))
			return refuse(n, OPEN_MALFORMED);
		if (type != PARAM_CAPABILITIES)
			return refuse(n, OPEN_PARAM);
		if (!capabilities_get(&value, c))
			return refuse(n, OPEN_MALFORMED);
	}
	if (!wire_ok(r) || !wire_ok(&params))
		return refuse(n, OPEN_MALFORMED);
	if (!c->mp)
		c->af = BGP_AF_BIT(BGP_AF_IPV4);
	return 0;
}

static int
meaning_check(const struct bgp_open *o, const struct bgp_open_expect *expect, struct bgp_notify *n)
{
	bool internal = o->as == expect->local_as;

	if (o->as == 0 || o->as2 == 0 || (expect->as && o->as != expect->as))
		return refuse(n, OPEN_AS);
	if (o->router_id == 0 || (internal && o->router_id == expect->router_id))
		return refuse(n, OPEN_ID);
	if (o->hold_s == 1 || o->hold_s == 2)
		return refuse(n, OPEN_HOLD);
	return 0;
}

int
bgp_open_decode(const uint8_t *msg, size_t len, const struct bgp_open_expect *expect,
    struct bgp_open *out, struct bgp_notify *n)
{
	struct wire_reader r;

	*out = (struct bgp_open){0};
	wire_reader_init(&r, msg, len);
	wire_skip(&r, BGP_HEADER_LEN);
	out->version = wire_u8(&r);
	out->as2 = wire_u16(&r);
	out->hold_s = wire_u16(&r);
	out->router_id = wire_u32(&r);
	if (wire_ok(&r) && out->version != BGP_VERSION) {
		refuse(n, OPEN_VERSION);
		n->data[1] = BGP_VERSION;
		n->data_len = 2;
		return -1;
	}
	if (parameters_get(&r, &out->caps, n) < 0)
		return -1;
	out->as = out->caps.as4 ? out->caps.as4_number : out->as2;
	return meaning_check(out, expect, n);
}

/* -- writing -- */

static void
capabilities_put(struct wire_writer *w, const struct bgp_caps *c)
{
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++) {
		const struct cap_row *row = &capabilities[i];

		if (!is_present(c, row))
			continue;
		if (row->put)
			row->put(w, c);
		else
			wire_set_u8(w, cap_begin(w, row->code));
	}
}

size_t
bgp_open_encode(const struct bgp_open *o, uint8_t *buf, size_t cap)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	bgp_header_put(&w, BGP_OPEN);
	wire_put_u8(&w, BGP_VERSION);
	wire_put_u16(&w, (uint16_t)(o->as > UINT16_MAX ? BGP_AS_TRANS : o->as));
	wire_put_u16(&w, o->hold_s);
	wire_put_u32(&w, o->router_id);

	size_t params = wire_mark_u8(&w);
	size_t before = w.pos;
	wire_put_u8(&w, PARAM_CAPABILITIES);
	size_t mark = wire_mark_u8(&w);
	size_t start = w.pos;
	capabilities_put(&w, &o->caps);
	if (w.pos == start)
		w.pos = before; /* none: no parameter either, for those who know nothing of them */
	else
		wire_set_u8(&w, mark);
	wire_set_u8(&w, params);
	return bgp_header_finish(&w);
}
