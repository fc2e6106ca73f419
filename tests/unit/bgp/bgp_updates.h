/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of UPDATEs: good attributes to put bad ones between, sessions to read them in, and
 * what to check of every result.
 */
#ifndef BGP_UPDATES_H
#define BGP_UPDATES_H

#include "bgp_hex.h"

#define ORIGIN   "40 01 01 00 "
#define AS_PATH  "40 02 06 02 01 0000fbf4 "
#define AS_PATH2 "40 02 04 02 01 fbf4 "
#define NEXT_HOP "40 03 04 0a000001 "
#define GOOD     ORIGIN AS_PATH NEXT_HOP
#define NLRI     "18 c00002"
#define NH6      "20010db8000000000000000000000001"
#define REACH6   "80 0e 1e 0002 01 10 " NH6 " 00 40 20010db800010002 "
#define BOTH     (BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6))

#define A BGP_ACCEPT
#define D BGP_ATTR_DISCARD
#define W BGP_TREAT_AS_WITHDRAW
#define F BGP_AF_DISABLE
#define R BGP_SESSION_RESET

static const struct bgp_update_ctx external = {.ebgp = true, .as4 = true, .af = BOTH};
static const struct bgp_update_ctx internal = {.ebgp = false, .as4 = true, .af = BOTH};
static const struct bgp_update_ctx external2 = {.ebgp = true, .as4 = false, .af = BOTH};
static const struct bgp_update_ctx internal2 = {.ebgp = false, .as4 = false, .af = BOTH};

/* The message that was decoded last: the views of the result point into it. */
static struct bytes last;

static inline struct bgp_update
decode(const struct bgp_update_ctx *ctx, const char *withdrawn, const char *attrs, const char *nlri)
{
	struct bgp_update u;

	last = update(withdrawn, attrs, nlri);
	bgp_update_decode(last.data, last.len, ctx, &u);
	return u;
}

static inline void
check_list(struct bgp_nlri list, const char *want)
{
	struct str text = {0};
	char buf[PREFIX_TEXT];
	struct prefix p;

	while (bgp_nlri_next(&list, &p))
		str_printf(&text, "%s%s", text.len ? " " : "", prefix_format(&p, buf, sizeof(buf)));
	assert_string_equal(str_text(&text), want);
	str_done(&text);
}

static inline void
check_accepted(const struct bgp_update *u)
{
	assert_string_equal(u->reason, "");
	assert_int_equal(u->disposition, BGP_ACCEPT);
	assert_int_equal(u->bad_attr, 0);
}

#endif
