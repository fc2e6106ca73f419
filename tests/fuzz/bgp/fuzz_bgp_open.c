/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the body of an OPEN.
 *
 * What is accepted keeps the rules of RFC 4271 section 6.2, and is written and read again to the
 * same values. What is refused has an OPEN error.
 */
#include "fuzz_bgp.h"

static const struct bgp_open_expect anyone = {.local_as = 64501, .router_id = 0x0a000002};

/* Written, read, and written once more: the same values, and the same bytes. */
static void
check_again(const struct bgp_open *o)
{
	struct bgp_open back;
	struct bgp_notify n;
	uint8_t once[512], twice[512];
	size_t len = bgp_open_encode(o, once, sizeof(once));

	check(len > 0);
	check(bgp_frame(once, len, BGP_MSG_MAX, &n) == (int)len);
	check(bgp_open_decode(once, len, &anyone, &back, &n) == 0);
	check(back.as == o->as && back.hold_s == o->hold_s && back.router_id == o->router_id);
	/* A list of families none of which we speak is not written; then it is IPv4 again. */
	check(o->caps.af == 0 ? !back.caps.mp : back.caps.af == o->caps.af);
	check(strcmp(back.caps.hostname, o->caps.hostname) == 0);
	check(bgp_open_encode(&back, twice, sizeof(twice)) == len && memcmp(once, twice, len) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_open o;
	struct bgp_notify n = bgp_notify_make(0, 0);

	if (size > BGP_MSG_MAX - BGP_HEADER_LEN)
		return 0;
	uint8_t *msg = message_new(BGP_OPEN, data, size);
	int rc = bgp_open_decode(msg, BGP_HEADER_LEN + size, &anyone, &o, &n);
	check(memchr(o.caps.hostname, '\0', sizeof(o.caps.hostname)) != NULL);
	if (rc == 0) {
		check(o.version == BGP_VERSION && o.as != 0 && o.router_id != 0);
		check(o.hold_s == 0 || o.hold_s >= 3);
		check(o.as != anyone.local_as || o.router_id != anyone.router_id);
		check_again(&o);
	} else {
		check(n.code == BGP_ERR_OPEN && n.subcode != 5 && n.subcode <= 6);
	}
	free(msg);
	return 0;
}
