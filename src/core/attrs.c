/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Route attributes as a person asks for them: their options, how layers add up, and how they read.
 *
 * A route gets the service's attributes and, on top, those of the service's level and of the
 * neighbor. A number either replaces the one below it or adds to it; prepends add up; communities
 * are joined. Where nothing is below, a metric counts from 0 and a local preference from 100, which
 * is what routers take when the attribute is missing (RFC 4271 section 9.1.2.2 for the metric; for
 * the preference it is custom).
 *
 * The communities of a layer are limited so that all layers of a route fit into struct attrs.
 *
 * Well-known communities have words: RFC 1997, 3765 (no-peer), 7611 (accept-own), 7999 (blackhole),
 * 8326 (graceful-shutdown), 9494 (llgr-stale, no-llgr). struct attrs is a plain value without
 * pointers.
 */
#include "core/attrs.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define LOCAL_PREF_DFLT 100

/* -- communities -- */

static const struct {
	const char *word;
	uint32_t value;
} known[] = {
    {"graceful-shutdown", 0xffff0000},
    {"accept-own", 0xffff0001},
    {"llgr-stale", 0xffff0006},
    {"no-llgr", 0xffff0007},
    {"blackhole", 0xffff029a},
    {"no-export", 0xffffff01},
    {"no-advertise", 0xffffff02},
    {"no-export-subconfed", 0xffffff03},
    {"no-peer", 0xffffff04},
};

/* Decimal digits without leading zeros, up to 65535. The text behind, or NULL. */
static const char *
parse_half(const char *text, uint32_t *out)
{
	size_t len = strspn(text, "0123456789");
	char digits[6];
	uint64_t value;

	if (len == 0 || len >= sizeof(digits) || (len > 1 && text[0] == '0'))
		return NULL;
	memcpy(digits, text, len);
	digits[len] = '\0';
	if (str_to_u64(digits, 0, UINT16_MAX, &value) < 0)
		return NULL;
	*out = (uint32_t)value;
	return text + len;
}

int
community_parse(const char *text, uint32_t *out)
{
	uint32_t high;
	uint32_t low;

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (str_equal(text, known[i].word)) {
			*out = known[i].value;
			return 0;
		}
	}
	text = parse_half(text, &high);
	if (text == NULL || *text != ':')
		return -1;
	text = parse_half(text + 1, &low);
	if (text == NULL || *text != '\0')
		return -1;
	*out = high << 16 | low;
	return 0;
}

void
community_format(uint32_t community, struct str *out)
{
	str_printf(out, "%" PRIu32 ":%" PRIu32, community >> 16, community & 0xffff);
}

static void
community_read(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	const char *words[ARRAY_LEN(known) + 1] = {NULL};
	const char *nearest;
	struct str list = {0};

	if (node->kind == CONF_SCALAR && community_parse(node->text, out) == 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		words[i] = known[i].word;
		str_printf(&list, ", %s", known[i].word);
	}
	nearest = node->kind == CONF_SCALAR ? str_nearest(node->text, words) : NULL;
	conf_error(ctx, node,
	    "communities: '%.40s' is not a community: write two numbers from 0 to 65535 like "
	    "64500:100, or one of%s%s%s%s",
	    node->kind == CONF_SCALAR ? node->text : "[...]", str_text(&list) + 1,
	    nearest != NULL ? " (did you mean '" : "", nearest != NULL ? nearest : "",
	    nearest != NULL ? "'?)" : "");
	str_done(&list);
}

static void
community_show(const void *member, struct str *out)
{
	uint32_t value = *(const uint32_t *)member;
	struct str numbers = {0};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i].value == value) {
			str_add(out, known[i].word);
			return;
		}
	}
	community_format(value, &numbers);
	conf_print_scalar(str_text(&numbers), out);
	str_done(&numbers);
}

static const struct conf_custom community_custom = {
    .parse = community_read,
    .show = community_show,
    .syntax = "AS:NUMBER or a word",
    .json_schema = "{\"type\": \"string\", \"pattern\": "
		   "\"^([0-9]{1,5}:[0-9]{1,5}|graceful-shutdown|accept-own|llgr-stale|no-llgr|"
		   "blackhole|no-export|no-advertise|no-export-subconfed|no-peer)$\"}",
    .size = sizeof(uint32_t),
};

/* -- numbers -- */

static void
number_read(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct attrs_number *n = out;
	const char *digits = node->kind == CONF_SCALAR ? node->text : "";
	bool adds = digits[0] == '+' || digits[0] == '-';
	bool negative = digits[0] == '-';
	uint64_t value;

	if (adds)
		digits++;
	if ((digits[0] == '0' && digits[1] != '\0') ||
	    str_to_u64(digits, 0, UINT32_MAX, &value) < 0) {
		conf_error(ctx, node,
		    "'%.40s' is not a number from 0 to 4294967295: write 100, or +100 or -50 to "
		    "add to what is there before",
		    node->kind == CONF_SCALAR ? node->text : "[...]");
		return;
	}
	n->how = adds ? ATTRS_ADD : ATTRS_SET;
	n->value = negative ? -(int64_t)value : (int64_t)value;
}

static void
number_show(const void *member, struct str *out)
{
	const struct attrs_number *n = member;

	if (n->how == ATTRS_SET)
		str_printf(out, "%" PRId64, n->value);
	else if (n->how == ATTRS_ADD)
		str_printf(out, "%+" PRId64, n->value);
}

static const struct conf_custom number_custom = {
    .parse = number_read,
    .show = number_show,
    .syntax = "NUMBER, +NUMBER or -NUMBER",
    .json_schema = "{\"type\": [\"integer\", \"string\"], \"minimum\": -4294967295, "
		   "\"maximum\": 4294967295, \"pattern\": \"^[+-]?[0-9]{1,10}$\"}",
    .size = sizeof(struct attrs_number),
};

/* -- options -- */

static void
attrs_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct attrs_conf *c = obj;

	if (c->communities.count > ATTRS_LAYER_COMMUNITIES)
		conf_error(ctx, conf_node_find(node, "communities"),
		    "communities: %zu are too many: %d are allowed", c->communities.count,
		    ATTRS_LAYER_COMMUNITIES);
}

static const struct conf_row rows[] = {
    {.key = "med",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct attrs_conf, med),
	.custom = &number_custom,
	.doc = "The metric that a neighbor AS compares (multi-exit discriminator), less is better; "
	       "with a sign it is added to the metric that the route has."},
    {.key = "local-pref",
	.type = CONF_CUSTOM,
	.offset = offsetof(struct attrs_conf, local_pref),
	.custom = &number_custom,
	.doc = "The preference inside the own AS, more is better; with a sign it is added to the "
	       "preference that the route has, or to 100. Only neighbors in the own AS hear it."},
    {.key = "prepend",
	.type = CONF_U32,
	.offset = offsetof(struct attrs_conf, prepend),
	.dflt = "0",
	.max = ATTRS_PREPEND_MAX,
	.doc = "How many times more the own AS stands in the path; a longer path is worse. Added "
	       "to what the route has."},
    {.key = "communities",
	.type = CONF_CUSTOM,
	.flags = CONF_LIST,
	.offset = offsetof(struct attrs_conf, communities),
	.custom = &community_custom,
	.doc = "Communities that the route carries, at most 8, besides those that it has. Words: "
	       "graceful-shutdown, accept-own, llgr-stale, no-llgr, blackhole, no-export, "
	       "no-advertise, no-export-subconfed, no-peer."},
    {.type = CONF_END},
};

const struct conf_schema attrs_schema = {
    .name = "attributes",
    .size = sizeof(struct attrs_conf),
    .rows = rows,
    .check = attrs_check,
    .doc = "What an announced route carries. A level's attributes come on top of the service's, a "
	   "neighbor's on top of both.",
};

/* -- values -- */

static void
number_apply(const struct attrs_number *n, uint32_t dflt, bool *has, uint32_t *value)
{
	int64_t sum = n->value;

	if (n->how == ATTRS_UNSET)
		return;
	if (n->how == ATTRS_ADD)
		sum += *has ? *value : dflt;
	if (sum < 0)
		sum = 0;
	*value = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	*has = true;
}

/* Puts it where it belongs, once. */
static void
community_add(struct attrs *a, uint32_t community)
{
	size_t at = 0;

	while (at < a->community_count && a->communities[at] < community)
		at++;
	if (at < a->community_count && a->communities[at] == community)
		return;
	assert(a->community_count < ATTRS_COMMUNITIES); /* not more than ATTRS_LAYERS */
	memmove(&a->communities[at + 1], &a->communities[at],
	    (a->community_count - at) * sizeof(a->communities[0]));
	a->communities[at] = community;
	a->community_count++;
}

struct attrs
attrs_apply(const struct attrs *base, const struct attrs_conf *layer)
{
	struct attrs a = *base;
	const uint32_t *communities;

	if (layer == NULL)
		return a;
	number_apply(&layer->med, 0, &a.has_med, &a.med);
	number_apply(&layer->local_pref, LOCAL_PREF_DFLT, &a.has_local_pref, &a.local_pref);
	a.prepend = layer->prepend > (uint32_t)(ATTRS_PREPEND_MAX - a.prepend)
			? ATTRS_PREPEND_MAX
			: (uint8_t)(a.prepend + layer->prepend);
	communities = layer->communities.items;
	for (size_t i = 0; i < layer->communities.count; i++)
		community_add(&a, communities[i]);
	return a;
}

bool
attrs_equal(const struct attrs *a, const struct attrs *b)
{
	if (a->has_med != b->has_med || (a->has_med && a->med != b->med))
		return false;
	if (a->has_local_pref != b->has_local_pref ||
	    (a->has_local_pref && a->local_pref != b->local_pref))
		return false;
	return a->prepend == b->prepend && a->community_count == b->community_count &&
	       memcmp(a->communities, b->communities,
		   a->community_count * sizeof(a->communities[0])) == 0;
}

void
attrs_format(const struct attrs *a, struct str *out)
{
	const char *comma = "";

	if (a->has_med) {
		str_printf(out, "med %" PRIu32, a->med);
		comma = ", ";
	}
	if (a->has_local_pref) {
		str_printf(out, "%slocal-pref %" PRIu32, comma, a->local_pref);
		comma = ", ";
	}
	if (a->prepend > 0) {
		str_printf(out, "%sprepend %u", comma, (unsigned)a->prepend);
		comma = ", ";
	}
	if (a->community_count > 0)
		str_printf(out, "%scommunities", comma);
	for (size_t i = 0; i < a->community_count; i++) {
		str_add(out, " ");
		community_format(a->communities[i], out);
	}
}
