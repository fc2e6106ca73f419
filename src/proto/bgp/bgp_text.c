/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message as one line of text: for the log, `nigh`, and the test vectors.
 *
 *   OPEN version 4; AS 64500; hold 90; id 10.0.0.1; mp ipv4-unicast ipv6-unicast; as4; refresh
 *   UPDATE announce 192.0.2.53/32; origin igp; as-path 64501; next-hop 10.0.0.2; med 100
 *   UPDATE withdraw 192.0.2.53/32
 *   UPDATE end-of-rib ipv6-unicast
 *   NOTIFICATION Cease/Administrative Shutdown: maintenance
 *
 * The decoders do the reading; what they found wrong stands at the end, with the disposition. Parts
 * are separated by "; ". A long list of prefixes is cut and counted.
 */
#include "base/mem.h"
#include "proto/bgp/bgp_wire.h"

#define SHOWN_PREFIXES 100

static void part(struct str *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
part(struct str *out, const char *fmt, ...)
{
	va_list ap;

	/* The message's name stands alone before the first part. */
	if (out->len > 0 && out->text[out->len - 1] != ' ')
		str_add(out, "; ");
	va_start(ap, fmt);
	str_vprintf(out, fmt, ap);
	va_end(ap);
}

static void
addr_add(struct str *out, const struct addr *a)
{
	char text[ADDR_TEXT];

	str_printf(out, " %s", addr_format(a, text, sizeof(text)));
}

/* -- OPEN -- */

static void
families_add(uint32_t mask, struct str *out)
{
	for (unsigned i = 0; i < BGP_AF_COUNT; i++) {
		if (mask & BGP_AF_BIT(i))
			str_printf(out, " %s", bgp_af_str((enum bgp_af)i));
	}
}

static void
caps_add(const struct bgp_caps *c, struct str *out)
{
	const struct {
		bool present;
		const char *name;
	} flags[] = {
	    {c->as4, "as4"},
	    {c->refresh, "refresh"},
	    {c->enhanced_refresh, "enhanced-refresh"},
	    {c->extended_message, "extended-message"},
	};

	if (c->mp) {
		part(out, "mp");
		families_add(c->af, out);
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (flags[i].present)
			part(out, "%s", flags[i].name);
	}
	if (c->graceful_restart)
		part(out, "graceful-restart %us%s", c->restart_time,
		    c->restart_state ? " restarting" : "");
	if (c->fqdn)
		part(out, "host \"%s\"", c->hostname);
	if (c->unknown)
		part(out, "%u unknown", c->unknown);
}

static void
open_add(const uint8_t *msg, size_t len, struct str *out)
{
	struct bgp_open_expect anyone = {0};
	struct bgp_open o;
	struct bgp_notify n;

	int rc = bgp_open_decode(msg, len, &anyone, &o, &n);
	struct addr id = addr_v4(o.router_id);

	str_printf(out, "version %u; AS %u; hold %u; id", o.version, o.as ? o.as : o.as2, o.hold_s);
	addr_add(out, &id);
	caps_add(&o.caps, out);
	if (rc < 0) {
		part(out, "refused: ");
		bgp_notify_format(&n, out);
	}
}

/* -- UPDATE -- */

static void
nlri_add(const char *name, struct bgp_nlri list, struct str *out)
{
	struct prefix p;
	char text[PREFIX_TEXT];
	size_t count = 0;

	if (list.len == 0)
		return;
	part(out, "%s", name);
	while (bgp_nlri_next(&list, &p)) {
		if (count++ < SHOWN_PREFIXES)
			str_printf(out, " %s", prefix_format(&p, text, sizeof(text)));
	}
	if (count > SHOWN_PREFIXES)
		str_printf(out, " ... (%zu)", count);
}

static uint32_t
number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
communities_add(const struct bgp_path *path, struct str *out)
{
	if (path->community_count > 0)
		part(out, "communities");
	for (unsigned i = 0; i < path->community_count; i++) {
		uint32_t c = number_at(path->communities + i * 4);
		str_printf(out, " %u:%u", c >> 16, c & 0xffff);
	}
	if (path->large_count > 0)
		part(out, "large-communities");
	for (unsigned i = 0; i < path->large_count; i++) {
		const uint8_t *c = path->large_communities + i * 12;
		str_printf(out, " %u:%u:%u", number_at(c), number_at(c + 4), number_at(c + 8));
	}
	if (path->ext_count > 0)
		part(out, "ext-communities");
	for (unsigned i = 0; i < path->ext_count; i++) {
		const uint8_t *c = path->ext_communities + i * 8;
		str_printf(out, " %08x%08x", number_at(c), number_at(c + 4));
	}
}

static void
as_path_add(const struct bgp_path *path, struct str *out)
{
	part(out, "as-path%s", path->as_count > 0 ? "" : " empty");
	for (unsigned i = 0; i < path->as_count && i < BGP_AS_PATH_MAX; i++)
		str_printf(out, " %u", path->as_path[i]);
	if (path->as_count > BGP_AS_PATH_MAX)
		str_printf(out, " ... (%u)", path->as_count);
	if (path->has_as_set)
		str_add(out, " (with a set)");
}

static void
path_add(const struct bgp_path *path, struct str *out)
{
	static const char *const origins[] = {
	    [BGP_ORIGIN_IGP] = "igp",
	    [BGP_ORIGIN_EGP] = "egp",
	    [BGP_ORIGIN_INCOMPLETE] = "incomplete",
	};

	if (path->has_origin)
		part(out, "origin %s", origins[path->origin]);
	if (path->has_as_path)
		as_path_add(path, out);
	if (path->has_next_hop) {
		part(out, "next-hop");
		addr_add(out, &path->next_hop);
	}
	if (path->has_med)
		part(out, "med %u", path->med);
	if (path->has_local_pref)
		part(out, "local-pref %u", path->local_pref);
	if (path->atomic_aggregate)
		part(out, "atomic-aggregate");
	communities_add(path, out);
}

static void
update_add(const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, struct str *out)
{
	struct bgp_update u;

	bgp_update_decode(msg, len, ctx, &u);
	nlri_add("withdraw", u.withdrawn, out);
	nlri_add("withdraw", u.mp_withdrawn, out);
	nlri_add("announce", u.announced, out);
	nlri_add("announce", u.mp_announced, out);
	if (u.end_of_rib)
		part(out, "end-of-rib %s", bgp_af_str(u.end_of_rib_af));
	if (u.has_mp_reach) {
		part(out, "via");
		addr_add(out, &u.mp_next_hop);
		if (u.mp_next_hop_ll.family != ADDR_NONE)
			addr_add(out, &u.mp_next_hop_ll);
	}
	path_add(&u.path, out);
	if (u.disposition != BGP_ACCEPT) {
		part(out, "%s", bgp_disposition_str(u.disposition));
		families_add(u.disable, out);
		str_printf(out, " (%s)", u.reason);
	}
	if (u.disposition == BGP_SESSION_RESET) {
		part(out, "notify ");
		bgp_notify_format(&u.notify, out);
	}
}

/* -- the others -- */

static void
notification_add(const uint8_t *msg, size_t len, struct str *out)
{
	struct bgp_notify n;

	bgp_notify_decode(msg, len, &n);
	bgp_notify_format(&n, out);
}

static void
refresh_add(const uint8_t *msg, size_t len, struct str *out)
{
	static const char *const subtypes[] = {"request", "begin", "end"};
	struct bgp_refresh r;
	struct bgp_notify n;
	enum bgp_af af;

	if (bgp_refresh_decode(msg, len, &r, &n) < 0) {
		str_add(out, "refused: ");
		bgp_notify_format(&n, out);
		return;
	}
	if (r.subtype < ARRAY_LEN(subtypes))
		str_add(out, subtypes[r.subtype]);
	else
		str_printf(out, "subtype %u", r.subtype);
	if (bgp_af_from_wire(r.afi, r.safi, &af))
		str_printf(out, " %s", bgp_af_str(af));
	else
		str_printf(out, " family %u/%u", r.afi, r.safi);
}

void
bgp_msg_format(const uint8_t *msg, size_t len, const struct bgp_update_ctx *ctx, struct str *out)
{
	struct bgp_notify n;
	int whole = bgp_frame(msg, len, UINT16_MAX, &n);

	if (whole <= 0) {
		str_add(out, whole < 0 ? "refused: " : "incomplete");
		if (whole < 0)
			bgp_notify_format(&n, out);
		return;
	}
	len = (size_t)whole;
	str_add(out, bgp_type_str(bgp_frame_type(msg)));
	if (bgp_frame_type(msg) != BGP_KEEPALIVE)
		str_add(out, " ");
	switch (bgp_frame_type(msg)) {
	case BGP_OPEN: open_add(msg, len, out); break;
	case BGP_UPDATE: update_add(msg, len, ctx, out); break;
	case BGP_NOTIFICATION: notification_add(msg, len, out); break;
	case BGP_REFRESH: refresh_add(msg, len, out); break;
	case BGP_KEEPALIVE: break;
	}
}
