/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the body of an OPEN.
 *
 * What is accepted keeps the rules of RFC 4271 section 6.2, and is written and read again to the
 * same values. What is refused has an OPEN error.
 */
#include "fuzz_bgp.h"

static const struct bgp_open_expect anyone = {.local_as = 64501, .router_id = 0x0a000002};

static void
check_again(const struct bgp_open *o)
{
	struct bgp_open back;
	struct bgp_notify n;
	uint8_t buf[512];
	size_t len = bgp_open_encode(o, buf, sizeof(buf));

	check(len > 0);
	check(bgp_frame(buf, len, BGP_MSG_MAX, &n) == (int)len);
	check(bgp_open_decode(buf, len, &anyone, &back, &n) == 0);
	back.caps.unknown = o->caps.unknown;
	/* A family list that we do not speak at all is not written. */
	if (o->caps.af == 0) {
		check(!back.caps.mp);
		back.caps.mp = o->caps.mp;
		back.caps.af = 0;
	}
	check(memcmp(&back.caps, &o->caps, sizeof(back.caps)) == 0);
	check(back.as == o->as && back.hold_s == o->hold_s && back.router_id == o->router_id);
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
