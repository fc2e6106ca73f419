/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOTIFICATION: the message, the names of its codes, and how a person reads it.
 *
 * The names are IANA's ("BGP Error (Notification) Codes" and the subcode registries), in one table:
 * a row with subcode 0 names the code itself. Codes that are not in the table are kept and shown as
 * numbers, never mapped to a neighbor of theirs.
 *
 * Three kinds of data are understood: the shutdown communication of Cease 2 and 4 (RFC 9003), the
 * reason inside a hard reset (RFC 8538), and a version or length where RFC 4271 section 6 puts one.
 * All other data is shown in hexadecimal. Text from outside is sanitised before it is shown.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_msg.h"
#include "proto/bgp/bgp_wire.h"

#include <string.h>

#define COMMUNICATION_MAX 255 /* RFC 9003 section 2 */
#define SHOWN_DATA        16

struct code_row {
	uint8_t code;
	uint8_t subcode;
	const char *name;
};

static const struct code_row codes[] = {
    {BGP_ERR_HEADER, 0, "Message Header Error"},
    {BGP_ERR_HEADER, 1, "Connection Not Synchronized"},
    {BGP_ERR_HEADER, 2, "Bad Message Length"},
    {BGP_ERR_HEADER, 3, "Bad Message Type"},
    {BGP_ERR_OPEN, 0, "OPEN Message Error"},
    {BGP_ERR_OPEN, 1, "Unsupported Version Number"},
    {BGP_ERR_OPEN, 2, "Bad Peer AS"},
    {BGP_ERR_OPEN, 3, "Bad BGP Identifier"},
    {BGP_ERR_OPEN, 4, "Unsupported Optional Parameter"},
    {BGP_ERR_OPEN, 6, "Unacceptable Hold Time"},
    {BGP_ERR_OPEN, 7, "Unsupported Capability"},
    {BGP_ERR_OPEN, 11, "Role Mismatch"},
    {BGP_ERR_UPDATE, 0, "UPDATE Message Error"},
    {BGP_ERR_UPDATE, 1, "Malformed Attribute List"},
    {BGP_ERR_UPDATE, 2, "Unrecognized Well-known Attribute"},
    {BGP_ERR_UPDATE, 3, "Missing Well-known Attribute"},
    {BGP_ERR_UPDATE, 4, "Attribute Flags Error"},
    {BGP_ERR_UPDATE, 5, "Attribute Length Error"},
    {BGP_ERR_UPDATE, 6, "Invalid ORIGIN Attribute"},
    {BGP_ERR_UPDATE, 8, "Invalid NEXT_HOP Attribute"},
    {BGP_ERR_UPDATE, 9, "Optional Attribute Error"},
    {BGP_ERR_UPDATE, 10, "Invalid Network Field"},
    {BGP_ERR_UPDATE, 11, "Malformed AS_PATH"},
    {BGP_ERR_HOLD, 0, "Hold Timer Expired"},
    {BGP_ERR_FSM, 0, "Finite State Machine Error"},
    {BGP_ERR_FSM, 1, "Receive Unexpected Message in OpenSent State"},
    {BGP_ERR_FSM, 2, "Receive Unexpected Message in OpenConfirm State"},
    {BGP_ERR_FSM, 3, "Receive Unexpected Message in Established State"},
    {BGP_ERR_CEASE, 0, "Cease"},
    {BGP_ERR_CEASE, BGP_CEASE_MAX_PREFIX, "Maximum Number of Prefixes Reached"},
    {BGP_ERR_CEASE, BGP_CEASE_SHUTDOWN, "Administrative Shutdown"},
    {BGP_ERR_CEASE, BGP_CEASE_DECONFIGURED, "Peer De-configured"},
    {BGP_ERR_CEASE, BGP_CEASE_RESET, "Administrative Reset"},
    {BGP_ERR_CEASE, BGP_CEASE_REJECTED, "Connection Rejected"},
    {BGP_ERR_CEASE, BGP_CEASE_CONFIG_CHANGE, "Other Configuration Change"},
    {BGP_ERR_CEASE, BGP_CEASE_COLLISION, "Connection Collision Resolution"},
    {BGP_ERR_CEASE, BGP_CEASE_RESOURCES, "Out of Resources"},
    {BGP_ERR_CEASE, BGP_CEASE_HARD_RESET, "Hard Reset"},
    {BGP_ERR_CEASE, BGP_CEASE_BFD_DOWN, "BFD Down"},
    {BGP_ERR_REFRESH, 0, "ROUTE-REFRESH Message Error"},
    {BGP_ERR_REFRESH, 1, "Invalid Message Length"},
    {BGP_ERR_SEND_HOLD, 0, "Send Hold Timer Expired"},
};

static const char *
code_name(uint8_t code, uint8_t subcode)
{
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (codes[i].code == code && codes[i].subcode == subcode)
			return codes[i].name;
	}
	return NULL;
}

struct bgp_notify
bgp_notify_make(uint8_t code, uint8_t subcode)
{
	return (struct bgp_notify){.code = code, .subcode = subcode};
}

static void
data_add(struct bgp_notify *n, const void *data, size_t len)
{
	if (len > (size_t)BGP_NOTIFY_DATA - n->data_len)
		len = (size_t)BGP_NOTIFY_DATA - n->data_len;
	memcpy(n->data + n->data_len, data, len);
	n->data_len = (uint16_t)(n->data_len + len);
}

/* The longest start of `text` within `max` bytes that does not cut a character in two. */
static size_t
utf8_cut(const char *text, size_t max)
{
	size_t len = strnlen(text, max + 1);
	if (len <= max)
		return len;
	len = max;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return len;
}

static void
communication_add(struct bgp_notify *n, const char *text)
{
	size_t room = (size_t)BGP_NOTIFY_DATA - n->data_len - 1;
	size_t len = utf8_cut(text, room < COMMUNICATION_MAX ? room : COMMUNICATION_MAX);
	uint8_t len8 = (uint8_t)len;

	data_add(n, &len8, 1);
	data_add(n, text, len);
}

struct bgp_notify
bgp_notify_cease(enum bgp_cease subcode, const char *text)
{
	static const uint8_t hard[] = {BGP_ERR_CEASE, BGP_CEASE_SHUTDOWN};
	struct bgp_notify n = bgp_notify_make(BGP_ERR_CEASE, (uint8_t)subcode);
	bool carries_text = subcode == BGP_CEASE_SHUTDOWN || subcode == BGP_CEASE_RESET;

	if (subcode == BGP_CEASE_HARD_RESET) {
		data_add(&n, hard, sizeof(hard));
		carries_text = true;
	}
	if (carries_text && text && text[0])
		communication_add(&n, text);
	return n;
}

int
bgp_notify_decode(const uint8_t *msg, size_t len, struct bgp_notify *out)
{
	*out = bgp_notify_make(0, 0);
	if (len < BGP_NOTIFICATION_MIN)
		return -1;
	out->code = msg[BGP_HEADER_LEN];
	out->subcode = msg[BGP_HEADER_LEN + 1];
	data_add(out, msg + BGP_NOTIFICATION_MIN, len - BGP_NOTIFICATION_MIN);
	return 0;
}

size_t
bgp_notify_encode(const struct bgp_notify *n, uint8_t *buf, size_t cap)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	bgp_header_put(&w, BGP_NOTIFICATION);
	wire_put_u8(&w, n->code);
	wire_put_u8(&w, n->subcode);
	wire_put_bytes(&w, n->data, n->data_len);
	return bgp_header_finish(&w);
}

/* -- for people -- */

static void
names_format(uint8_t code, uint8_t subcode, struct str *out)
{
	const char *name = code_name(code, 0);
	const char *sub = subcode ? code_name(code, subcode) : NULL;

	if (!name) {
		str_printf(out, "code %u/%u", code, subcode);
		return;
	}
	str_add(out, name);
	if (sub)
		str_printf(out, "/%s", sub);
	else if (subcode)
		str_printf(out, "/subcode %u", subcode);
}

static void
hex_format(const uint8_t *data, size_t len, struct str *out)
{
	str_add(out, ": data ");
	for (size_t i = 0; i < len && i < SHOWN_DATA; i++)
		str_printf(out, "%02x", data[i]);
	if (len > SHOWN_DATA)
		str_printf(out, "... (%zu bytes)", len);
}

/* RFC 9003: length, text. False when it is not of that form. */
static bool
communication_format(const uint8_t *data, size_t len, struct str *out)
{
	char text[COMMUNICATION_MAX + 1];

	if (len < 1 || data[0] > len - 1)
		return false;
	if (data[0] == 0)
		return true;
	memcpy(text, data + 1, data[0]);
	text[data[0]] = '\0';
	/* A zero byte within ends the text: what follows cannot be shown. */
	str_sanitise(text);
	str_printf(out, ": %s", text);
	return true;
}

static void
data_format(uint8_t code, uint8_t subcode, const uint8_t *data, size_t len, struct str *out)
{
	bool shutdown =
	    code == BGP_ERR_CEASE && (subcode == BGP_CEASE_SHUTDOWN || subcode == BGP_CEASE_RESET);

	if (len == 0 || (shutdown && communication_format(data, len, out)))
		return;
	if (code == BGP_ERR_HEADER && subcode == 2 && len == 2)
		str_printf(out, ": length %u", (unsigned)(data[0] << 8 | data[1]));
	else if (code == BGP_ERR_HEADER && subcode == 3 && len == 1)
		str_printf(out, ": type %u", data[0]);
	else if (code == BGP_ERR_OPEN && subcode == 1 && len == 2)
		str_printf(out, ": version %u", (unsigned)(data[0] << 8 | data[1]));
	else
		hex_format(data, len, out);
}

void
bgp_notify_format(const struct bgp_notify *n, struct str *out)
{
	const uint8_t *data = n->data;
	size_t len = n->data_len;
	uint8_t code = n->code;
	uint8_t subcode = n->subcode;

	names_format(code, subcode, out);
	if (code == BGP_ERR_CEASE && subcode == BGP_CEASE_HARD_RESET && len >= 2) {
		code = data[0];
		subcode = data[1];
		data += 2;
		len -= 2;
		str_add(out, ": ");
		names_format(code, subcode, out);
	}
	data_format(code, subcode, data, len, out);
}
