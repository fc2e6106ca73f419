/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Framing and the small messages: every header error of RFC 4271 section 6.1, a stream cut at every
 * byte, NOTIFICATION with its data and texts, KEEPALIVE and ROUTE-REFRESH.
 */
#include "base/mem.h"
#include "bgp_hex.h"

static int
frame(const struct bytes *b, struct bgp_notify *n)
{
	*n = bgp_notify_make(0, 0);
	return bgp_frame(b->data, b->len, BGP_MSG_MAX, n);
}

static void
check_notify(const struct bgp_notify *n, unsigned code, unsigned subcode, const char *data_hex)
{
	assert_int_equal(n->code, code);
	assert_int_equal(n->subcode, subcode);
	assert_bytes(n->data, n->data_len, data_hex);
}

static void
frames_whole_messages(void **state)
{
	struct bytes b = message(BGP_KEEPALIVE, "");
	struct bytes open = message(BGP_OPEN, "04 fde8 005a 0a000001 00");
	struct bgp_notify n;

	bytes_add(&b, open.data, open.len);
	assert_int_equal(frame(&b, &n), 19);
	assert_int_equal(bgp_frame_type(b.data), BGP_KEEPALIVE);
	assert_int_equal(bgp_frame(b.data + 19, b.len - 19, BGP_MSG_MAX, &n), 29);
	assert_int_equal(bgp_frame_type(b.data + 19), BGP_OPEN);
	for (size_t len = 0; len < open.len; len++)
		assert_int_equal(bgp_frame(open.data, len, BGP_MSG_MAX, &n), 0);
}

static void
refuses_a_wrong_marker_at_its_first_byte(void **state)
{
	struct bytes b = message(BGP_KEEPALIVE, "");
	struct bgp_notify n;

	for (size_t i = 0; i < 16; i++) {
		b.data[i] = 0xfe;
		assert_int_equal(bgp_frame(b.data, i, BGP_MSG_MAX, &n), 0);
		assert_int_equal(bgp_frame(b.data, i + 1, BGP_MSG_MAX, &n), -1);
		check_notify(&n, 1, 1, "");
		b.data[i] = 0xff;
	}
}

static void
refuses_wrong_lengths(void **state)
{
	static const struct {
		unsigned type;
		unsigned len;
		bool good;
	} rows[] = {
	    {BGP_KEEPALIVE, 18, false},
	    {BGP_KEEPALIVE, 0, false},
	    {BGP_KEEPALIVE, 20, false},
	    {BGP_KEEPALIVE, 19, true},
	    {BGP_OPEN, 28, false},
	    {BGP_OPEN, 29, true},
	    {BGP_OPEN, 4096, true},
	    {BGP_OPEN, 4097, false},
	    {BGP_UPDATE, 22, false},
	    {BGP_UPDATE, 23, true},
	    {BGP_UPDATE, 4097, false},
	    {BGP_NOTIFICATION, 20, false},
	    {BGP_NOTIFICATION, 21, true},
	    {BGP_REFRESH, 19, true}, /* its error is 7/1, not 1/2: RFC 7313 section 5 */
	    {BGP_REFRESH, 65535, false},
	};
	struct bytes b;
	struct bgp_notify n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char data[8];

		b = message(rows[i].type, "");
		b.data[16] = (uint8_t)(rows[i].len >> 8);
		b.data[17] = (uint8_t)rows[i].len;
		int rc = frame(&b, &n);
		if (rows[i].good) {
			assert_int_equal(rc, rows[i].len == b.len ? (int)b.len : 0);
			continue;
		}
		assert_int_equal(rc, -1);
		snprintf(data, sizeof(data), "%04x", rows[i].len);
		check_notify(&n, 1, 2, data);
	}
}

static void
refuses_unknown_types(void **state)
{
	static const uint8_t unknown[] = {0, 6, 7, 128, 255};
	struct bgp_notify n;

	for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
		struct bytes b = message(unknown[i], "");

		assert_int_equal(frame(&b, &n), -1);
		assert_int_equal(n.code, 1);
		assert_int_equal(n.subcode, 3);
		assert_int_equal(n.data_len, 1);
		assert_int_equal(n.data[0], unknown[i]);
	}
}

/* RFC 8654 section 4: only OPEN and KEEPALIVE keep the old bound. */
static void
allows_long_messages_where_agreed(void **state)
{
	struct bytes b = message(BGP_UPDATE, "");
	struct bgp_notify n;

	b.data[16] = 0xff;
	b.data[17] = 0xff;
	assert_int_equal(bgp_frame(b.data, b.len, UINT16_MAX, &n), 0);
	b.data[18] = BGP_OPEN;
	assert_int_equal(bgp_frame(b.data, b.len, UINT16_MAX, &n), -1);
	check_notify(&n, 1, 2, "ffff");
}

static void
writes_a_keepalive(void **state)
{
	uint8_t buf[19];

	assert_int_equal(bgp_keepalive_encode(buf, sizeof(buf)), 19);
	assert_bytes(buf, 19, "ffffffffffffffffffffffffffffffff 0013 04");
	assert_int_equal(bgp_keepalive_encode(buf, 18), 0);
}

static void
speaks_route_refresh(void **state)
{
	struct bytes b = message(BGP_REFRESH, "0002 01 01");
	struct bgp_refresh r;
	struct bgp_notify n;
	uint8_t buf[23];

	assert_int_equal(bgp_refresh_decode(b.data, b.len, &r, &n), 0);
	assert_int_equal(r.afi, 2);
	assert_int_equal(r.subtype, 1);
	assert_int_equal(r.safi, 1);
	assert_int_equal(bgp_refresh_encode(&r, buf, sizeof(buf)), b.len);
	assert_memory_equal(buf, b.data, b.len);
	assert_int_equal(bgp_refresh_encode(&r, buf, 22), 0);

	/* RFC 7313 section 5: 7/1 with the whole message. */
	b = message(BGP_REFRESH, "0002 01 01 00");
	assert_int_equal(bgp_refresh_decode(b.data, b.len, &r, &n), -1);
	check_notify(&n, 7, 1, "ffffffffffffffffffffffffffffffff 0018 05 0002 01 01 00");
	b = message(BGP_REFRESH, "0002 01");
	assert_int_equal(bgp_refresh_decode(b.data, b.len, &r, &n), -1);
	assert_int_equal(n.data_len, 22);
}

static void
carries_notifications(void **state)
{
	struct bytes b = message(BGP_NOTIFICATION, "09 03 cafe");
	struct bgp_notify n;
	uint8_t buf[BGP_MSG_MAX];

	assert_int_equal(bgp_notify_decode(b.data, b.len, &n), 0);
	check_notify(&n, 9, 3, "cafe");
	assert_int_equal(bgp_notify_encode(&n, buf, sizeof(buf)), b.len);
	assert_memory_equal(buf, b.data, b.len);
	assert_int_equal(bgp_notify_encode(&n, buf, b.len - 1), 0);
	assert_int_equal(bgp_notify_decode(b.data, 20, &n), -1);

	/* What is beyond the room is dropped, never written past it. */
	b = message(BGP_NOTIFICATION, "03 05");
	for (unsigned i = 0; i < 400; i++)
		bytes_hex(&b, "aa");
	assert_int_equal(bgp_notify_decode(b.data, b.len, &n), 0);
	assert_int_equal(n.data_len, BGP_NOTIFY_DATA);
}

static void
says_goodbye_with_a_text(void **state)
{
	struct bgp_notify n = bgp_notify_cease(BGP_CEASE_SHUTDOWN, "maint");
	struct str out = {0};
	char text[600];

	check_notify(&n, 6, 2, "05 6d61696e74");
	bgp_notify_format(&n, &out);
	assert_text(&out, "Cease/Administrative Shutdown: maint");

	n = bgp_notify_cease(BGP_CEASE_RESET, NULL);
	check_notify(&n, 6, 4, "");
	bgp_notify_format(&n, &out);
	assert_text(&out, "Cease/Administrative Reset");

	/* Only shutdown and reset carry one: RFC 9003 section 2. */
	n = bgp_notify_cease(BGP_CEASE_COLLISION, "ours");
	check_notify(&n, 6, 7, "");

	/* RFC 8538 section 3.1: the reason inside. */
	n = bgp_notify_cease(BGP_CEASE_HARD_RESET, "go");
	check_notify(&n, 6, 9, "06 02 02 676f");
	bgp_notify_format(&n, &out);
	assert_text(&out, "Cease/Hard Reset: Cease/Administrative Shutdown: go");

	memset(text, 'x', sizeof(text));
	text[255] = '\0';
	n = bgp_notify_cease(BGP_CEASE_SHUTDOWN, text);
	assert_int_equal(n.data_len, 256);
	assert_int_equal(n.data[0], 255);
	text[255] = 'x';
	text[599] = '\0';
	n = bgp_notify_cease(BGP_CEASE_SHUTDOWN, text);
	assert_int_equal(n.data[0], 255);
	bgp_notify_format(&n, &out);
	assert_int_equal(out.len, strlen("Cease/Administrative Shutdown: ") + 255);
	/* The two bytes before it leave less room. */
	n = bgp_notify_cease(BGP_CEASE_HARD_RESET, text);
	assert_int_equal(n.data_len, BGP_NOTIFY_DATA);
	assert_int_equal(n.data[2], 253);
	str_done(&out);
}

static void
cuts_a_text_between_characters(void **state)
{
	char text[300];

	/* 254 bytes, then a character of 2, 3 and 4 bytes that does not fit into 255. */
	static const char *const wide[] = {"\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
	for (size_t i = 0; i < ARRAY_LEN(wide); i++) {
		memset(text, 'x', 254);
		str_copy(text + 254, sizeof(text) - 254, wide[i]);
		struct bgp_notify n = bgp_notify_cease(BGP_CEASE_RESET, text);
		assert_int_equal(n.data[0], 254);
		assert_int_equal(n.data_len, 255);
	}
	/* One that ends just there stays whole. */
	memset(text, 'x', 253);
	str_copy(text + 253, sizeof(text) - 253, wide[0]);
	struct bgp_notify n = bgp_notify_cease(BGP_CEASE_RESET, text);
	assert_int_equal(n.data[0], 255);
}

static void
shows_notifications(void **state)
{
	static const struct {
		const char *body;
		const char *text;
	} rows[] = {
	    {"01 02 ffff", "Message Header Error/Bad Message Length: length 65535"},
	    {"01 03 09", "Message Header Error/Bad Message Type: type 9"},
	    {"02 01 0004", "OPEN Message Error/Unsupported Version Number: version 4"},
	    {"02 02 fbf4", "OPEN Message Error/Bad Peer AS: data fbf4"},
	    {"02 00", "OPEN Message Error"},
	    {"02 05", "OPEN Message Error/subcode 5"},
	    {"03 01", "UPDATE Message Error/Malformed Attribute List"},
	    {"03 05 40010100", "UPDATE Message Error/Attribute Length Error: data 40010100"},
	    {"03 02 000102030405060708090a0b0c0d0e0f",
		"UPDATE Message Error/Unrecognized Well-known Attribute: data "
		"000102030405060708090a0b0c0d0e0f"},
	    {"03 02 000102030405060708090a0b0c0d0e0f10",
		"UPDATE Message Error/Unrecognized Well-known Attribute: data "
		"000102030405060708090a0b0c0d0e0f... (17 bytes)"},
	    {"04 00", "Hold Timer Expired"},
	    {"05 03 01",
		"Finite State Machine Error/Receive Unexpected Message in Established State"
		": data 01"},
	    {"06 01 0001010000000a",
		"Cease/Maximum Number of Prefixes Reached: data 0001010000000a"},
	    {"06 0a", "Cease/BFD Down"},
	    {"06 2a", "Cease/subcode 42"},
	    {"07 01", "ROUTE-REFRESH Message Error/Invalid Message Length"},
	    {"08 00", "Send Hold Timer Expired"},
	    {"09 03", "code 9/3"},
	    {"00 00", "code 0/0"},
	    /* RFC 9003 section 4: a length that lies is shown raw; control bytes are not passed on.
	     */
	    {"06 02 ff 41", "Cease/Administrative Shutdown: data ff41"},
	    {"06 02 00", "Cease/Administrative Shutdown"},
	    {"06 02 04 411b5b42", "Cease/Administrative Shutdown: A?[B"},
	    {"06 04 03 c328ff", "Cease/Administrative Reset: ?(?"},
	    {"06 09", "Cease/Hard Reset"},
	    {"06 09 06", "Cease/Hard Reset: data 06"},
	    {"06 09 03 01", "Cease/Hard Reset: UPDATE Message Error/Malformed Attribute List"},
	    {"06 09 06 09 06 09", "Cease/Hard Reset: Cease/Hard Reset: data 0609"},
	};
	struct str out = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bytes b = message(BGP_NOTIFICATION, rows[i].body);
		struct bgp_notify n;

		assert_int_equal(bgp_notify_decode(b.data, b.len, &n), 0);
		bgp_notify_format(&n, &out);
		assert_text(&out, rows[i].text);
	}
	str_done(&out);
}

static void
knows_its_families(void **state)
{
	enum bgp_af af;
	uint16_t afi;
	uint8_t safi;

	for (unsigned i = 0; i < BGP_AF_COUNT; i++) {
		bgp_af_to_wire(i, &afi, &safi);
		assert_true(bgp_af_from_wire(afi, safi, &af));
		assert_int_equal(af, i);
	}
	assert_false(bgp_af_from_wire(1, 2, &af));
	assert_false(bgp_af_from_wire(25, 1, &af));
	assert_string_equal(bgp_af_str(BGP_AF_IPV4), "ipv4-unicast");
	assert_string_equal(bgp_af_str(BGP_AF_IPV6), "ipv6-unicast");
	assert_string_equal(bgp_af_str(BGP_AF_COUNT), "unknown");
	assert_string_equal(bgp_type_str(BGP_UPDATE), "UPDATE");
	assert_string_equal(bgp_type_str((enum bgp_type)77), "unknown");
}

static void
shows_what_is_no_message(void **state)
{
	struct bytes b = message(BGP_KEEPALIVE, "");
	struct str out = {0};

	bgp_msg_format(b.data, 18, NULL, &out);
	assert_text(&out, "incomplete");
	bgp_msg_format(b.data, b.len, NULL, &out);
	assert_text(&out, "KEEPALIVE");
	b.data[18] = 9;
	bgp_msg_format(b.data, b.len, NULL, &out);
	assert_text(&out, "refused: Message Header Error/Bad Message Type: type 9");
	str_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_whole_messages),
	    cmocka_unit_test(refuses_a_wrong_marker_at_its_first_byte),
	    cmocka_unit_test(refuses_wrong_lengths),
	    cmocka_unit_test(refuses_unknown_types),
	    cmocka_unit_test(allows_long_messages_where_agreed),
	    cmocka_unit_test(writes_a_keepalive),
	    cmocka_unit_test(speaks_route_refresh),
	    cmocka_unit_test(carries_notifications),
	    cmocka_unit_test(says_goodbye_with_a_text),
	    cmocka_unit_test(cuts_a_text_between_characters),
	    cmocka_unit_test(shows_notifications),
	    cmocka_unit_test(knows_its_families),
	    cmocka_unit_test(shows_what_is_no_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
