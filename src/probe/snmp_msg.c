/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building SNMPv2c requests and judging responses.
 *
 * A message is nested TLVs: sequence { version, community, PDU { id, error status, error index,
 * sequence { sequence { object identifier, value } } } }. Only what SNMP uses of BER is read: one
 * byte of tag and definite lengths of at most two bytes (RFC 3417 section 8); every value is a
 * reader of its own that ends with it.
 *
 * RFC 3416 section 3 (PDUs), RFC 2578 section 7 (values), X.690 section 8.
 */
#include "probe/snmp_msg.h"

#include <stdio.h>
#include <string.h>

enum ber_tag {
	BER_INTEGER = 0x02,
	BER_OCTETS = 0x04,
	BER_NULL = 0x05,
	BER_OID = 0x06,
	BER_SEQUENCE = 0x30,
	SNMP_IP_ADDRESS = 0x40,
	SNMP_COUNTER = 0x41,
	SNMP_GAUGE = 0x42,
	SNMP_TIME_TICKS = 0x43,
	SNMP_COUNTER64 = 0x46,
	SNMP_NO_OBJECT = 0x80,
	SNMP_NO_INSTANCE = 0x81,
	SNMP_END_OF_VIEW = 0x82,
	SNMP_GET = 0xa0,
	SNMP_RESPONSE = 0xa2,
};

#define SNMP_V2C 1

/* -- writing -- */

/* One number of an object identifier: seven bits a byte, the top bit set in all but the last. */
static void
put_arc(struct wire_writer *w, uint32_t arc)
{
	for (int shift = 28; shift > 0; shift -= 7) {
		if (arc >> shift != 0)
			wire_put_u8(w, (uint8_t)(0x80 | (arc >> shift & 0x7f)));
	}
	wire_put_u8(w, arc & 0x7f);
}

/* The number at *text, and steps over it and the dot behind it. -1 when there is none. */
static int64_t
take_arc(const char **text)
{
	uint64_t arc = 0;
	const char *t = *text;

	if (*t < '0' || *t > '9')
		return -1;
	for (; *t >= '0' && *t <= '9'; t++) {
		arc = arc * 10 + (uint64_t)(*t - '0');
		if (arc > UINT32_MAX)
			return -1;
	}
	if (*t == '.' && t[1] != '\0')
		t++;
	*text = t;
	return (int64_t)arc;
}

size_t
snmp_oid_encode(const char *text, uint8_t *buf, size_t cap)
{
	int64_t first, second;
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	if (*text == '.')
		text++;
	first = take_arc(&text);
	second = take_arc(&text);
	if (first < 0 || first > 2 || second < 0 || second > 39)
		return 0;
	put_arc(&w, (uint32_t)(first * 40 + second));
	while (*text != '\0') {
		int64_t arc = take_arc(&text);
		if (arc < 0)
			return 0;
		put_arc(&w, (uint32_t)arc);
	}
	return wire_writer_ok(&w) ? w.pos : 0;
}

/* A length that is filled in later, in the long form of two bytes so that its size is known. */
static size_t
open_tlv(struct wire_writer *w, uint8_t tag)
{
	wire_put_u8(w, tag);
	wire_put_u8(w, 0x82);
	return wire_mark_u16(w);
}

static void
put_tlv(struct wire_writer *w, uint8_t tag, const void *data, uint8_t len)
{
	wire_put_u8(w, tag);
	wire_put_u8(w, len);
	wire_put_bytes(w, data, len);
}

static void
put_small(struct wire_writer *w, uint8_t value)
{
	put_tlv(w, BER_INTEGER, &value, 1);
}

size_t
snmp_request_build(const struct snmp_question *q, uint8_t *buf, size_t cap)
{
	uint8_t oid[SNMP_OID_MAX];
	size_t oid_len = snmp_oid_encode(q->oid, oid, sizeof(oid));
	size_t message, pdu, list, binding;
	struct wire_writer w;

	if (oid_len == 0 || strlen(q->community) > SNMP_COMMUNITY_MAX)
		return 0;
	wire_writer_init(&w, buf, cap);
	message = open_tlv(&w, BER_SEQUENCE);
	put_small(&w, SNMP_V2C);
	put_tlv(&w, BER_OCTETS, q->community, (uint8_t)strlen(q->community));
	pdu = open_tlv(&w, SNMP_GET);
	wire_put_u8(&w, BER_INTEGER);
	wire_put_u8(&w, 4);
	wire_put_u32(&w, q->id);
	put_small(&w, 0); /* error status */
	put_small(&w, 0); /* error index */
	list = open_tlv(&w, BER_SEQUENCE);
	binding = open_tlv(&w, BER_SEQUENCE);
	put_tlv(&w, BER_OID, oid, (uint8_t)oid_len);
	wire_put_u8(&w, BER_NULL);
	wire_put_u8(&w, 0);
	wire_set_u16(&w, binding);
	wire_set_u16(&w, list);
	wire_set_u16(&w, pdu);
	wire_set_u16(&w, message);
	return wire_writer_ok(&w) ? w.pos : 0;
}

/* -- reading -- */

/* The content of the next TLV, and its tag. */
static struct wire_reader
read_any(struct wire_reader *r, uint8_t *tag)
{
	size_t len;

	*tag = wire_u8(r);
	len = wire_u8(r);
	if (len == 0x81)
		len = wire_u8(r);
	else if (len == 0x82)
		len = wire_u16(r);
	else if (len >= 0x80)
		wire_fail(r);
	return wire_sub(r, len);
}

/* The same, when it must have this tag. */
static struct wire_reader
read_tlv(struct wire_reader *r, uint8_t want)
{
	uint8_t tag;
	struct wire_reader content = read_any(r, &tag);

	if (tag != want)
		wire_fail(&content);
	return content;
}

/* A signed number of at most eight bytes, or an unsigned one of nine with a leading zero. */
static int64_t
read_number(struct wire_reader *content)
{
	size_t len = wire_left(content);
	uint64_t value;

	if (len == 0 || len > 9) {
		wire_fail(content);
		return 0;
	}
	value = len < 9 && (*wire_here(content) & 0x80) != 0 ? UINT64_MAX : 0;
	while (wire_left(content) > 0)
		value = value << 8 | wire_u8(content);
	return (int64_t)value;
}

static int64_t
read_integer(struct wire_reader *r)
{
	struct wire_reader content = read_tlv(r, BER_INTEGER);
	int64_t value = read_number(&content);

	if (!wire_ok(&content))
		wire_fail(r);
	return value;
}

/* The value as text, for people and for `expect`; its length. */
static size_t
value_text(uint8_t tag, struct wire_reader *v, char *buf, size_t size)
{
	char address[ADDR_TEXT];
	struct addr a;

	switch (tag) {
	case BER_INTEGER: snprintf(buf, size, "%lld", (long long)read_number(v)); break;
	case SNMP_COUNTER:
	case SNMP_GAUGE:
	case SNMP_TIME_TICKS:
	case SNMP_COUNTER64: snprintf(buf, size, "%llu", (unsigned long long)read_number(v)); break;
	case SNMP_IP_ADDRESS:
		a = wire_addr(v, ADDR_V4);
		snprintf(buf, size, "%s", addr_format(&a, address, sizeof(address)));
		break;
	case BER_OCTETS: probe_bytes_excerpt(wire_here(v), wire_left(v), buf, size); break;
	default: snprintf(buf, size, "a value of type 0x%02x", tag); break;
	}
	return strlen(buf);
}

static void
judge_value(
    uint8_t tag, struct wire_reader *v, const struct probe_matcher *expect, struct probe_sample *s)
{
	char text[PROBE_EXCERPT];
	size_t len;

	if (tag == SNMP_NO_OBJECT || tag == SNMP_NO_INSTANCE || tag == SNMP_END_OF_VIEW) {
		probe_sample_set(s, WHY_CONTENT, "there is no such object");
		return;
	}
	len = value_text(tag, v, text, sizeof(text));
	if (!wire_ok(v))
		probe_sample_set(s, WHY_MALFORMED, "the value cannot be read");
	else if (tag == BER_OCTETS ? probe_matcher_find(expect, wire_here(v), wire_left(v))
				   : probe_matcher_find(expect, (const uint8_t *)text, len))
		probe_sample_set(s, WHY_OK, "%s", text);
	else
		probe_sample_set(s, WHY_CONTENT, "got \"%s\"", text);
}

static void
judge_pdu(const struct snmp_question *q, const struct probe_matcher *expect,
    struct wire_reader *pdu, struct probe_sample *s)
{
	int64_t status = read_integer(pdu);
	struct wire_reader list, binding, oid, value;
	uint8_t want[SNMP_OID_MAX], tag;
	size_t want_len = snmp_oid_encode(q->oid, want, sizeof(want));

	read_integer(pdu); /* error index */
	if (wire_ok(pdu) && status != 0) {
		probe_sample_set(s, WHY_STATUS, "error status %lld", (long long)status);
		return;
	}
	list = read_tlv(pdu, BER_SEQUENCE);
	binding = read_tlv(&list, BER_SEQUENCE);
	oid = read_tlv(&binding, BER_OID);
	value = read_any(&binding, &tag);
	if (!wire_ok(pdu) || !wire_ok(&oid) || !wire_ok(&value))
		probe_sample_set(s, WHY_MALFORMED, "the response cannot be read");
	else if (wire_left(&oid) != want_len || memcmp(wire_here(&oid), want, want_len) != 0)
		probe_sample_set(s, WHY_MALFORMED, "the response is about another object");
	else
		judge_value(tag, &value, expect, s);
}

enum snmp_verdict
snmp_judge(const struct snmp_question *q, const struct probe_matcher *expect,
    struct wire_reader *msg, struct probe_sample *sample)
{
	struct wire_reader message = read_tlv(msg, BER_SEQUENCE), pdu, community;
	int64_t version = read_integer(&message), id;

	community = read_tlv(&message, BER_OCTETS);
	pdu = read_tlv(&message, SNMP_RESPONSE);
	id = read_integer(&pdu);
	if (!wire_ok(&community) || !wire_ok(&pdu) || version != SNMP_V2C) {
		probe_sample_set(sample, WHY_MALFORMED, "not an SNMPv2c response");
		return SNMP_JUDGED;
	}
	if (id != (int64_t)q->id)
		return SNMP_IGNORE;
	judge_pdu(q, expect, &pdu, sample);
	return SNMP_JUDGED;
}
