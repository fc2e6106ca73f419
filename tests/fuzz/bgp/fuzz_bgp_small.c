/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the bodies of NOTIFICATION and ROUTE-REFRESH; the first byte chooses.
 *
 * What can be read is written again to the same bytes, as far as its data is kept; the text for
 * people has no control characters.
 */
#include "fuzz_bgp.h"

static void
notification(const uint8_t *msg, size_t len)
{
	struct bgp_notify n;
	struct str text = {0};
	uint8_t buf[BGP_MSG_MAX];

	if (bgp_notify_decode(msg, len, &n) < 0) {
		check(len < BGP_HEADER_LEN + 2);
		return;
	}
	size_t again = bgp_notify_encode(&n, buf, sizeof(buf));
	check(again <= len && (again == len || n.data_len == BGP_NOTIFY_DATA));
	check(memcmp(buf + 18, msg + 18, again - 18) == 0);
	bgp_notify_format(&n, &text);
	check(text.len > 0);
	for (size_t i = 0; i < text.len; i++)
		check((unsigned char)text.text[i] >= 0x20 && text.text[i] != 0x7f);
	str_done(&text);
}

static void
refresh(const uint8_t *msg, size_t len)
{
	struct bgp_refresh r;
	struct bgp_notify n;
	uint8_t buf[64];

	if (bgp_refresh_decode(msg, len, &r, &n) < 0) {
		check(n.code == BGP_ERR_REFRESH && n.subcode == 1 && len != BGP_HEADER_LEN + 4);
		return;
	}
	check(bgp_refresh_encode(&r, buf, sizeof(buf)) == len && memcmp(buf, msg, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > BGP_MSG_MAX - BGP_HEADER_LEN)
		return 0;
	enum bgp_type type = data[0] & 1 ? BGP_REFRESH : BGP_NOTIFICATION;
	uint8_t *msg = message_new(type, data + 1, size - 1);

	if (type == BGP_REFRESH)
		refresh(msg, BGP_HEADER_LEN + size - 1);
	else
		notification(msg, BGP_HEADER_LEN + size - 1);
	free(msg);
	return 0;
}
