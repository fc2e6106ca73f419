/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: a stream of bytes cut into messages, and each message shown as text.
 *
 * However the bytes come in, the answer of bgp_frame() must be the same: "more" as long as the
 * message is short, then one length or one error that no further byte changes.
 */
#include "fuzz_bgp.h"

static void
check_growth(const uint8_t *data, size_t size, int whole)
{
	struct bgp_notify n;
	int before = 0;

	for (size_t len = 0; len <= size; len++) {
		int now = bgp_frame(data, len, BGP_MSG_MAX, &n);

		check(before == 0 || now == before);
		check(now <= (int)len);
		before = now;
	}
	check(before == whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_update_ctx ctx = {.ebgp = true, .as4 = true, .af = 3};

	while (size > 0) {
		struct bgp_notify n = bgp_notify_make(0, 0);
		int whole = bgp_frame(data, size, BGP_MSG_MAX, &n);
		struct str text = {0};

		check_growth(data, size < 300 ? size : 300,
		    size < 300 ? whole : bgp_frame(data, 300, BGP_MSG_MAX, &n));
		bgp_msg_format(data, size, &ctx, &text);
		check(text.len > 0);
		str_done(&text);
		if (whole <= 0) {
			check(whole == 0 ||
			      (n.code == BGP_ERR_HEADER && n.subcode >= 1 && n.subcode <= 3));
			break;
		}
		check((size_t)whole <= size && whole >= BGP_HEADER_LEN && whole <= BGP_MSG_MAX);
		data += whole;
		size -= (size_t)whole;
	}
	return 0;
}
