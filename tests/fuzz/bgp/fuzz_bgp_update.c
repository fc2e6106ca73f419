/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: the body of an UPDATE; the first byte says what the session agreed on.
 *
 * The decoder takes anything. What it answers must fit together: views within the message, lists
 * that can be walked to their last byte, a reason for every disposition, nothing left after a
 * reset, the mandatory attributes when prefixes are accepted. The lists are packed into new
 * messages and must come back prefix by prefix.
 */
#include "fuzz_bgp.h"

enum { EXTERNAL = 1, AS4 = 2, IPV4 = 4, IPV6 = 8, FIRST_AS = 16 };

static void
check_within(const uint8_t *msg, size_t len, const uint8_t *view, size_t view_len)
{
	if (view == NULL) {
		check(view_len == 0);
		return;
	}
	check(view >= msg && view <= msg + len && view_len <= (size_t)(msg + len - view));
}

static struct bgp_announce
any_path(enum bgp_af af)
{
	struct bgp_announce a = {.ebgp = true, .as4 = true, .local_as = 64501};

	addr_parse(af == BGP_AF_IPV4 ? "10.0.0.2" : "2001:db8::2", &a.next_hop);
	return a;
}

/* Packs the list, in as many messages as that takes, and compares what comes out of each. */
static void
check_again(struct bgp_nlri list, bool withdraw)
{
	struct bgp_update_ctx ctx = {.ebgp = true, .as4 = true, .af = 3};
	struct bgp_announce a = any_path(list.af);
	struct bgp_nlri unsent = list;
	uint8_t buf[BGP_MSG_MAX];
	struct prefix p, q;

	while (unsent.len > 0) {
		struct bgp_packer packer;
		struct bgp_update u;
		struct bgp_nlri from = unsent;

		if (withdraw)
			bgp_pack_withdraw(&packer, buf, sizeof(buf), list.af);
		else
			bgp_pack_announce(&packer, buf, sizeof(buf), list.af, &a);
		for (struct bgp_nlri next = unsent; bgp_nlri_next(&next, &p); unsent = next) {
			if (!bgp_pack_add(&packer, &p))
				break;
		}
		size_t len = bgp_pack_finish(&packer);
		check(len > 0);
		bgp_update_decode(buf, len, &ctx, &u);
		check(u.disposition == BGP_ACCEPT);
		struct bgp_nlri v4 = withdraw ? u.withdrawn : u.announced;
		struct bgp_nlri v6 = withdraw ? u.mp_withdrawn : u.mp_announced;
		struct bgp_nlri back = list.af == BGP_AF_IPV4 ? v4 : v6;
		while (bgp_nlri_next(&back, &q)) {
			check(bgp_nlri_next(&from, &p));
			check(prefix_equal(&p, &q));
		}
		check(from.len == unsent.len);
	}
}

static void
check_list(const uint8_t *msg, size_t len, struct bgp_nlri list, bool withdraw)
{
	struct bgp_nlri walk = list;
	struct prefix p;
	size_t bytes = 0;

	check_within(msg, len, list.data, list.len);
	while (bgp_nlri_next(&walk, &p)) {
		check(p.len <= addr_bits(&p.addr));
		bytes += 1 + (p.len + 7u) / 8;
	}
	check(bytes == list.len && walk.len == 0);
	check_again(list, withdraw);
}

static void
check_path(const uint8_t *msg, size_t len, const struct bgp_path *path)
{
	check_within(msg, len, path->communities, path->community_count * 4u);
	check_within(msg, len, path->large_communities, path->large_count * 12u);
	check_within(msg, len, path->ext_communities, path->ext_count * 8u);
	check(path->own_count <= path->as_count);
	check(path->has_as_path || path->as_count == 0);
	check(!path->has_origin || path->origin <= BGP_ORIGIN_INCOMPLETE);
	for (unsigned i = 0; i < path->as_count && i < BGP_AS_PATH_MAX; i++)
		check(path->as_path[i] != 0);
}

static void
check_accepted(const struct bgp_update *u, const struct bgp_update_ctx *ctx)
{
	if (u->announced.len == 0 && u->mp_announced.len == 0)
		return;
	check(u->path.has_origin && u->path.has_as_path && !u->path.has_as_set);
	check(u->announced.len == 0 || u->path.has_next_hop);
	check(!ctx->ebgp || !u->path.has_local_pref);
	if (ctx->ebgp && ctx->first_as)
		check(u->path.as_count > 0 && u->path.as_path[0] == ctx->first_as);
}

static void
check_disposition(const struct bgp_update *u, const struct bgp_update_ctx *ctx)
{
	check((u->disposition == BGP_ACCEPT) == (u->reason[0] == '\0'));
	check((u->disposition == BGP_AF_DISABLE) == (u->disable != 0));
	check((u->disable & ~ctx->af) == 0);
	if (u->disposition != BGP_ACCEPT)
		check(u->notify.code == BGP_ERR_UPDATE && u->notify.data_len <= BGP_NOTIFY_DATA);
	if (u->disposition == BGP_SESSION_RESET)
		check(!u->withdrawn.len && !u->announced.len && !u->mp_withdrawn.len &&
		      !u->mp_announced.len);
	if (u->disposition <= BGP_ATTR_DISCARD)
		check_accepted(u, ctx);
	if (u->end_of_rib)
		check(u->disposition == BGP_ACCEPT && !u->announced.len && !u->withdrawn.len &&
		      !u->mp_announced.len && !u->mp_withdrawn.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bgp_update u;
	struct str text = {0};

	if (size < 1 || size > UINT16_MAX - BGP_HEADER_LEN)
		return 0;
	struct bgp_update_ctx ctx = {
	    .ebgp = (data[0] & EXTERNAL) != 0,
	    .as4 = (data[0] & AS4) != 0,
	    .af = ((data[0] & IPV4) ? BGP_AF_BIT(BGP_AF_IPV4) : 0) |
		  ((data[0] & IPV6) ? BGP_AF_BIT(BGP_AF_IPV6) : 0),
	    .first_as = (data[0] & FIRST_AS) ? 64500 : 0,
	    .local_as = 64501,
	};
	size_t len = BGP_HEADER_LEN + size - 1;
	uint8_t *msg = message_new(BGP_UPDATE, data + 1, size - 1);

	bgp_update_decode(msg, len, &ctx, &u);
	check_list(msg, len, u.withdrawn, true);
	check_list(msg, len, u.mp_withdrawn, true);
	check_list(msg, len, u.announced, false);
	check_list(msg, len, u.mp_announced, false);
	check_path(msg, len, &u.path);
	check_disposition(&u, &ctx);
	bgp_msg_format(msg, len, &ctx, &text);
	str_done(&text);
	free(msg);
	return 0;
}
