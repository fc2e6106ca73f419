/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DHCP messages (RFC 2131, section 2; options of RFC 2132).
 *
 * A question is a DISCOVER or an INFORM and nothing else: neither makes a server give a lease away.
 * It is padded to the 300 bytes that BOOTP relays demand (RFC 1542, section 2.1).
 *
 * Of an answer are read the fixed fields, the message type and the server identifier. Options may
 * go on in the fields for the boot file and the server's name (option overload, RFC 2132, section
 * 9.3), which are read in that order (RFC 2131, section 4.1). The first occurrence of an option
 * counts. Options must stay within their field; the end option may be missing, as some servers
 * leave it out when the field is full.
 *
 * What does not carry our transaction id and hardware address is not an answer to us and no sign of
 * anything wrong: a broadcast answer to somebody else, or a forgery.
 */
#include "probe/dhcp_msg.h"

#include <stdio.h>
#include <string.h>

#define BOOTREQUEST    1
#define BOOTREPLY      2
#define ETHERNET       1
#define FLAG_BROADCAST 0x8000
#define COOKIE         0x63825363
#define LEN_MIN        300
#define CHADDR_LEN     16
#define SNAME_LEN      64
#define FILE_LEN       128
#define TEXT_MAX       96

enum option {
	OPTION_PAD = 0,
	OPTION_OVERLOAD = 52,
	OPTION_TYPE = 53,
	OPTION_SERVER_ID = 54,
	OPTION_PARAMETERS = 55,
	OPTION_RELAY_AGENT = 82,
	OPTION_END = 255
};
#define AGENT_LINK_SELECTION 5

enum overload { OVERLOAD_FILE = 1, OVERLOAD_SNAME = 2 };

static const char *const type_names[DHCP_TYPE_COUNT] = {
    [DHCP_DISCOVER] = "DISCOVER",
    [DHCP_OFFER] = "OFFER",
    [DHCP_REQUEST] = "REQUEST",
    [DHCP_DECLINE] = "DECLINE",
    [DHCP_ACK] = "ACK",
    [DHCP_NAK] = "NAK",
    [DHCP_RELEASE] = "RELEASE",
    [DHCP_INFORM] = "INFORM",
};

/* -- the question -- */

static void
put_zeros(struct wire_writer *w, size_t count)
{
	for (size_t i = 0; i < count; i++)
		wire_put_u8(w, 0);
}

/* 0.0.0.0 for ADDR_NONE. */
static void
put_v4(struct wire_writer *w, const struct addr *a)
{
	wire_put_u32(w, a->family == ADDR_V4 ? addr_to_v4(a) : 0);
}

static void
put_options(struct wire_writer *w, const struct dhcp_query *q)
{
	/* Subnet mask, routers, name servers, domain name: what any client asks for. */
	static const uint8_t parameters[] = {1, 3, 6, 15};

	wire_put_u8(w, OPTION_TYPE);
	wire_put_u8(w, 1);
	wire_put_u8(w, (uint8_t)q->type);
	wire_put_u8(w, OPTION_PARAMETERS);
	wire_put_u8(w, sizeof(parameters));
	wire_put_bytes(w, parameters, sizeof(parameters));
	if (q->link.family == ADDR_V4) {
		wire_put_u8(w, OPTION_RELAY_AGENT);
		wire_put_u8(w, 6);
		wire_put_u8(w, AGENT_LINK_SELECTION);
		wire_put_u8(w, 4);
		put_v4(w, &q->link);
	}
	wire_put_u8(w, OPTION_END);
}

size_t
dhcp_query_build(const struct dhcp_query *q, uint8_t *buf, size_t size)
{
	bool relayed = q->relay.family == ADDR_V4;
	struct wire_writer w;

	wire_writer_init(&w, buf, size);
	wire_put_u8(&w, BOOTREQUEST);
	wire_put_u8(&w, ETHERNET);
	wire_put_u8(&w, DHCP_MAC);
	wire_put_u8(&w, relayed ? 1 : 0); /* hops */
	wire_put_u32(&w, q->xid);
	wire_put_u16(&w, 0); /* seconds */
	/* An INFORM is answered to its ciaddr, whatever the flag says. */
	wire_put_u16(&w, q->type == DHCP_DISCOVER ? FLAG_BROADCAST : 0);
	put_v4(&w, &q->client);
	put_zeros(&w, 8); /* yiaddr, siaddr */
	put_v4(&w, &q->relay);
	wire_put_bytes(&w, q->mac, DHCP_MAC);
	put_zeros(&w, CHADDR_LEN - DHCP_MAC + SNAME_LEN + FILE_LEN);
	wire_put_u32(&w, COOKIE);
	put_options(&w, q);
	if (w.pos < LEN_MIN)
		put_zeros(&w, LEN_MIN - w.pos);
	return wire_writer_ok(&w) ? w.pos : 0;
}

/* -- the answer -- */

struct reply {
	uint32_t xid;
	struct addr offered; /* yiaddr */
	uint8_t mac[CHADDR_LEN];
	const uint8_t *sname, *file;
	uint8_t overload; /* mask of enum overload */
	unsigned type;    /* 0: not told */
	struct addr server;
};

/* The part that says whose answer it is; false when it is none, or too short to tell. */
static bool
read_head(struct wire_reader *r, struct reply *out)
{
	const uint8_t *mac;
	uint8_t op = wire_u8(r);
	uint8_t hardware = wire_u8(r);

	wire_skip(r, 2); /* length of the hardware address, hops */
	out->xid = wire_u32(r);
	wire_skip(r, 8); /* seconds, flags, ciaddr */
	out->offered = wire_addr(r, ADDR_V4);
	wire_skip(r, 8); /* siaddr, giaddr */
	mac = wire_bytes(r, CHADDR_LEN);
	if (!wire_ok(r) || op != BOOTREPLY || hardware != ETHERNET)
		return false;
	memcpy(out->mac, mac, CHADDR_LEN);
	return true;
}

int
dhcp_reply_xid(const uint8_t *msg, size_t len, uint32_t *xid)
{
	struct wire_reader r;
	struct reply reply;

	wire_reader_init(&r, msg, len);
	if (!read_head(&r, &reply))
		return -1;
	*xid = reply.xid;
	return 0;
}

static void
read_option(struct reply *out, unsigned code, struct wire_reader value)
{
	size_t len = wire_left(&value);

	if (code == OPTION_TYPE && out->type == 0)
		out->type = len == 1 ? wire_u8(&value) : DHCP_TYPE_COUNT;
	else if (code == OPTION_SERVER_ID && out->server.family == ADDR_NONE && len == 4)
		out->server = wire_addr(&value, ADDR_V4);
	else if (code == OPTION_OVERLOAD && out->overload == 0 && len == 1)
		out->overload = wire_u8(&value);
}

/* The options of one field. The reader fails when one goes beyond it. */
static void
read_options(struct wire_reader *r, struct reply *out)
{
	while (wire_ok(r) && wire_left(r) > 0) {
		uint8_t code = wire_u8(r);
		struct wire_reader value;

		if (code == OPTION_END)
			return;
		if (code == OPTION_PAD)
			continue;
		value = wire_sub(r, wire_u8(r));
		if (wire_ok(r))
			read_option(out, code, value);
	}
}

static bool
read_field(const uint8_t *field, size_t len, struct reply *out)
{
	struct wire_reader r;

	wire_reader_init(&r, field, len);
	read_options(&r, out);
	return wire_ok(&r);
}

/* Behind the head. NULL, or what is wrong. */
static const char *
read_rest(struct wire_reader *r, struct reply *out)
{
	uint8_t overload;

	out->sname = wire_bytes(r, SNAME_LEN);
	out->file = wire_bytes(r, FILE_LEN);
	if (wire_u32(r) != COOKIE || !wire_ok(r))
		return "no options (BOOTP?)";
	read_options(r, out);
	if (!wire_ok(r))
		return "an option goes beyond the end of the message";
	overload = out->overload;
	if ((overload & OVERLOAD_FILE) != 0 && !read_field(out->file, FILE_LEN, out))
		return "an option goes beyond the end of the file field";
	if ((overload & OVERLOAD_SNAME) != 0 && !read_field(out->sname, SNAME_LEN, out))
		return "an option goes beyond the end of the sname field";
	if (out->type == 0)
		return "no message type";
	if (out->type >= DHCP_TYPE_COUNT)
		return "an unknown message type";
	return NULL;
}

static bool
offered_as_expected(const struct dhcp_expect *expect, const struct addr *offered)
{
	const struct prefix *pools = expect->offers_from.items;
	const struct prefix host = {.addr = *offered, .len = 32};

	for (size_t i = 0; i < expect->offers_from.count; i++) {
		if (prefix_contains(&pools[i], &host))
			return true;
	}
	return expect->offers_from.count == 0;
}

/* " by 192.0.2.1", or "". */
static const char *
by_text(const struct addr *server, char *buf, size_t size)
{
	char text[ADDR_TEXT];

	buf[0] = '\0';
	if (server->family != ADDR_NONE)
		snprintf(buf, size, " by %s", addr_format(server, text, sizeof(text)));
	return buf;
}

static void
judge_answer(const struct dhcp_query *q, const struct dhcp_expect *expect, const struct reply *a,
    struct probe_sample *sample)
{
	unsigned wanted = q->type == DHCP_DISCOVER ? DHCP_OFFER : DHCP_ACK;
	char by[TEXT_MAX], offered[ADDR_TEXT];

	by_text(&a->server, by, sizeof(by));
	if (a->type != wanted) {
		probe_sample_set(sample, WHY_STATUS, "%s%s, expected %s", type_names[a->type], by,
		    type_names[wanted]);
	} else if (wanted == DHCP_ACK) {
		probe_sample_set(sample, WHY_OK, "ACK%s", by);
	} else if (addr_is_any(&a->offered)) {
		probe_sample_set(sample, WHY_MALFORMED, "an OFFER of no address%s", by);
	} else {
		addr_format(&a->offered, offered, sizeof(offered));
		if (offered_as_expected(expect, &a->offered))
			probe_sample_set(sample, WHY_OK, "%s offered%s", offered, by);
		else
			probe_sample_set(sample, WHY_CONTENT,
			    "%s offered%s, which is in no prefix of offers-from", offered, by);
	}
}

enum dhcp_verdict
dhcp_judge(const struct dhcp_query *q, const struct dhcp_expect *expect, struct wire_reader *r,
    struct probe_sample *sample, struct addr *server)
{
	struct reply a = {0};
	const char *wrong;

	*server = (struct addr){0};
	if (!read_head(r, &a) || a.xid != q->xid || memcmp(a.mac, q->mac, DHCP_MAC) != 0)
		return DHCP_IGNORE;
	wrong = read_rest(r, &a);
	*server = a.server;
	if (expect->server_id.family != ADDR_NONE && a.server.family != ADDR_NONE &&
	    !addr_equal(&expect->server_id, &a.server))
		return DHCP_OTHER;
	if (wrong != NULL)
		probe_sample_set(sample, WHY_MALFORMED, "%s", wrong);
	else if (expect->server_id.family != ADDR_NONE && a.server.family == ADDR_NONE)
		probe_sample_set(sample, WHY_MALFORMED, "no server identifier");
	else
		judge_answer(q, expect, &a, sample);
	return DHCP_JUDGED;
}
