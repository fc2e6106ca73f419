/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building ICMP echo requests and reading what comes back.
 *
 * A raw socket hears everybody's ICMP. Three things are of interest: an echo reply, and a
 * "destination unreachable" or "time exceeded" that quotes an echo request. The quotation begins
 * with the IP header of the request and holds at least eight bytes behind it (RFC 792), which is
 * the ICMP header with id and sequence; usually there is more, and then the cookie is there as
 * well. Whether any of it is ours is decided by the caller, by the token.
 *
 * The kernel has verified the checksum of ICMPv6, but not that of ICMP: raw sockets come first.
 *
 * RFC 792; RFC 4443 sections 3.1, 3.3, 4; RFC 1071 (checksum).
 */
#include "probe/icmp_msg.h"

#include "base/mem.h"
#include "base/wire.h"

#include <string.h>

#define PROTO_ICMP  1
#define PROTO_ICMP6 58

#define IP4_HEADER    20
#define IP4_FRAGMENT  0x1fff
#define IP6_ADDRESSES 8 /* where the addresses begin in the header */

/* The numbers of the two protocols, by what they mean. */
static const struct icmp_numbers {
	uint8_t echo, reply, unreachable, expired;
} numbers_v4 = {8, 0, 3, 11}, numbers_v6 = {128, 129, 1, 3};

static const struct icmp_numbers *
numbers_of(enum addr_family family)
{
	return family == ADDR_V6 ? &numbers_v6 : &numbers_v4;
}

static uint16_t
checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	if (len % 2 != 0)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

void
icmp_echo_build(enum addr_family family, const struct icmp_token *token, size_t size, uint8_t *buf)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, ICMP_HEADER + size);
	wire_put_u8(&w, numbers_of(family)->echo);
	wire_put_u8(&w, 0);
	wire_put_u16(&w, 0); /* checksum */
	wire_put_u16(&w, token->id);
	wire_put_u16(&w, token->sequence);
	wire_put_u64(&w, token->cookie);
	for (size_t i = ICMP_PAYLOAD_MIN; i < size; i++)
		wire_put_u8(&w, (uint8_t)i);
	if (family == ADDR_V4)
		wire_patch_u16(&w, 2, checksum(buf, w.pos));
}

size_t
icmp_payload_damage(const uint8_t *payload, size_t len)
{
	size_t at = ICMP_PAYLOAD_MIN;

	while (at < len && payload[at] == (uint8_t)at)
		at++;
	return at < len ? at : len;
}

/* -- reading -- */

/* Steps over an IPv4 header; the reader then holds what the packet carries. Fails when that is not
 * the beginning of an ICMP message. `target` gets the destination. */
static void
read_ip4(struct wire_reader *r, struct addr *target)
{
	uint8_t first = wire_u8(r);
	size_t header = (size_t)(first & 15) * 4;
	uint16_t fragment;
	uint8_t protocol;

	wire_skip(r, 5); /* tos, total length, id */
	fragment = wire_u16(r);
	wire_skip(r, 1); /* ttl */
	protocol = wire_u8(r);
	wire_skip(r, 6); /* checksum, source */
	*target = wire_addr(r, ADDR_V4);
	if (first >> 4 != 4 || header < IP4_HEADER || protocol != PROTO_ICMP ||
	    (fragment & IP4_FRAGMENT) != 0) {
		wire_fail(r);
		return;
	}
	wire_skip(r, header - IP4_HEADER);
}

static void
read_ip6(struct wire_reader *r, struct addr *target)
{
	uint8_t first = wire_u8(r);
	uint8_t next;

	wire_skip(r, 5); /* class, flow label, payload length */
	next = wire_u8(r);
	wire_skip(r, 1 + 16); /* hop limit, source */
	*target = wire_addr(r, ADDR_V6);
	if (first >> 4 != 6 || next != PROTO_ICMP6)
		wire_fail(r);
}

static void
read_ip(enum addr_family family, struct wire_reader *r, struct addr *target)
{
	if (family == ADDR_V6)
		read_ip6(r, target);
	else
		read_ip4(r, target);
}

/* What follows the checksum in an echo message: id, sequence, and the cookie if it is there. */
static void
read_echo(struct wire_reader *r, struct icmp_msg *out)
{
	out->token.id = wire_u16(r);
	out->token.sequence = wire_u16(r);
	out->payload = wire_here(r);
	out->len = wire_left(r);
	out->has_cookie = wire_left(r) >= ICMP_PAYLOAD_MIN;
	if (out->has_cookie)
		out->token.cookie = wire_u64(r);
}

/* The request that a failure quotes. */
static void
read_quotation(enum addr_family family, struct wire_reader *r, struct icmp_msg *out)
{
	wire_skip(r, 4); /* unused, or the length and MTU of RFC 4884 and RFC 1191 */
	read_ip(family, r, &out->target);
	if (wire_u8(r) != numbers_of(family)->echo)
		wire_fail(r);
	wire_skip(r, 3); /* code, checksum */
	read_echo(r, out);
}

void
icmp_read(enum addr_family family, const uint8_t *data, size_t len, struct icmp_msg *out)
{
	const struct icmp_numbers *n = numbers_of(family);
	enum icmp_kind kind = ICMP_NOTHING;
	struct wire_reader r;
	struct addr ours;

	*out = (struct icmp_msg){.kind = ICMP_NOTHING};
	wire_reader_init(&r, data, len);
	if (family == ADDR_V4) {
		read_ip4(&r, &ours);
		if (wire_ok(&r) && checksum(wire_here(&r), wire_left(&r)) != 0)
			wire_fail(&r);
	}
	out->type = wire_u8(&r);
	out->code = wire_u8(&r);
	wire_skip(&r, 2); /* checksum */
	if (out->type == n->reply) {
		kind = ICMP_REPLY;
		read_echo(&r, out);
	} else if (out->type == n->unreachable || out->type == n->expired) {
		kind = ICMP_FAILURE;
		read_quotation(family, &r, out);
	}
	if (wire_ok(&r) && (kind != ICMP_REPLY || out->has_cookie))
		out->kind = kind;
}

/* -- words -- */

static const char *const unreachable_v4[] = {"network unreachable", "host unreachable",
    "protocol unreachable", "port unreachable", "fragmentation needed", "source route failed",
    "network unknown", "host unknown", "source host isolated", "network prohibited",
    "host prohibited", "network unreachable for this TOS", "host unreachable for this TOS",
    "administratively prohibited"};
static const char *const unreachable_v6[] = {"no route", "administratively prohibited",
    "beyond the scope of the source address", "address unreachable", "port unreachable",
    "source address failed the policy", "route rejected"};

const char *
icmp_failure_text(enum addr_family family, const struct icmp_msg *m)
{
	const char *const *words = family == ADDR_V6 ? unreachable_v6 : unreachable_v4;
	size_t count = family == ADDR_V6 ? ARRAY_LEN(unreachable_v6) : ARRAY_LEN(unreachable_v4);

	if (m->type == numbers_of(family)->expired)
		return m->code == 0 ? "time to live exceeded" : "reassembly time exceeded";
	return m->code < count ? words[m->code] : "unreachable";
}
