/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses, prefixes and endpoints. The syntax is that of base/addr.h; here are the messages: a
 * prefix with host bits set is answered with the two prefixes that may have been meant, an endpoint
 * without a port with one that has it.
 */
#include "conf/conf_priv.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static bool
read_addr(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	struct addr a = {0};

	if (addr_parse(node->text, &a) < 0)
		return conf_wrong(ctx, row, node,
		    "is not an address: write IPv4 or IPv6 like 192.0.2.53 or 2001:db8::53");
	*(struct addr *)member = a;
	return true;
}

static void
show_addr(const struct conf_row *row, const void *member, struct str *out)
{
	const struct addr *a = member;
	char text[ADDR_TEXT];

	if (a->family != ADDR_NONE)
		conf_print_scalar(addr_format(a, text, sizeof(text)), out);
}

static bool
equal_addr(const struct conf_row *row, const void *a, const void *b)
{
	return addr_equal(a, b);
}

/* "192.0.2.53/24": which network or which host was meant? */
static bool
wrong_host_bits(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node)
{
	const char *slash = strchr(node->text, '/');
	char host[ADDR_TEXT] = "";
	char network[PREFIX_TEXT];
	struct prefix p = {0};
	uint64_t len;

	assert(slash != NULL);
	snprintf(host, sizeof(host), "%.*s", (int)(slash - node->text), node->text);
	if (addr_parse(host, &p.addr) < 0 || str_to_u64(slash + 1, 0, 128, &len) < 0)
		return conf_wrong(ctx, row, node, "has bits set behind its length");
	for (unsigned bit = (unsigned)len; bit < addr_bits(&p.addr); bit++)
		p.addr.bytes[bit / 8] &= (uint8_t) ~(0x80U >> (bit % 8));
	p.len = (uint8_t)len;
	return conf_wrong(ctx, row, node, "has bits set behind its length: write %s or %s/%u",
	    prefix_format(&p, network, sizeof(network)), host, addr_bits(&p.addr));
}

/* "/032": some read that as octal. */
static bool
length_has_leading_zero(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash != NULL && slash[1] == '0' && slash[2] != '\0';
}

static bool
read_prefix(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	struct prefix p = {0};
	int rc = prefix_parse(node->text, &p);

	if (rc == 0 && length_has_leading_zero(node->text))
		return conf_wrong(ctx, row, node, "has a length with a leading zero: remove that");
	if (rc == -2)
		return wrong_host_bits(ctx, row, node);
	if (rc < 0)
		return conf_wrong(ctx, row, node,
		    "is not a prefix: write an address and a length like 192.0.2.53/32 or "
		    "2001:db8::/32");
	*(struct prefix *)member = p;
	return true;
}

static void
show_prefix(const struct conf_row *row, const void *member, struct str *out)
{
	const struct prefix *p = member;
	char text[PREFIX_TEXT];

	if (p->addr.family != ADDR_NONE)
		conf_print_scalar(prefix_format(p, text, sizeof(text)), out);
}

static bool
equal_prefix(const struct conf_row *row, const void *a, const void *b)
{
	return prefix_equal(a, b);
}

/* None was written, or 0. */
static bool
wrong_port(struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node)
{
	const char *colon = strchr(node->text, ':');
	bool v6 = colon != NULL && strchr(colon + 1, ':') != NULL;

	if (node->text[0] == '[' || (colon != NULL && !v6))
		return conf_wrong(ctx, row, node, "has no port: write one from 1 to 65535");
	return conf_wrong(ctx, row, node,
	    v6 ? "has no port: write [%.60s]:53" : "has no port: write %.60s:53", node->text);
}

static bool
read_endpoint(
    struct conf_ctx *ctx, const struct conf_row *row, const struct conf_node *node, void *member)
{
	struct endpoint e = {0};

	if (endpoint_parse(node->text, (uint16_t)row->min, &e) < 0)
		return conf_wrong(ctx, row, node, "is not an address%s: write one like %s or %s",
		    row->min > 0 ? " with or without a port" : " with a port",
		    row->min > 0 ? "192.0.2.53" : "192.0.2.53:53", "[2001:db8::53]:53");
	if (e.port == 0)
		return wrong_port(ctx, row, node);
	*(struct endpoint *)member = e;
	return true;
}

static void
show_endpoint(const struct conf_row *row, const void *member, struct str *out)
{
	const struct endpoint *e = member;
	char text[ENDPOINT_TEXT];

	if (e->addr.family != ADDR_NONE)
		conf_print_scalar(endpoint_format(e, text, sizeof(text)), out);
}

static bool
equal_endpoint(const struct conf_row *row, const void *a, const void *b)
{
	return endpoint_equal(a, b);
}

#define PATTERN_ADDR "[0-9]{1,3}(\\\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"

const struct conf_type_ops conf_type_addr = {
    .word = "address",
    .example = "192.0.2.53",
    .json = "\"type\": \"string\", \"pattern\": \"^(" PATTERN_ADDR ")$\"",
    .size = sizeof(struct addr),
    .read = read_addr,
    .show = show_addr,
    .equal = equal_addr,
};

const struct conf_type_ops conf_type_prefix = {
    .word = "prefix",
    .example = "192.0.2.53/32",
    .json = "\"type\": \"string\", \"pattern\": \"^(" PATTERN_ADDR ")(/[0-9]{1,3})?$\"",
    .size = sizeof(struct prefix),
    .read = read_prefix,
    .show = show_prefix,
    .equal = equal_prefix,
};

const struct conf_type_ops conf_type_endpoint = {
    .word = "address and port",
    .example = "192.0.2.53:53",
    .size = sizeof(struct endpoint),
    .read = read_endpoint,
    .show = show_endpoint,
    .equal = equal_endpoint,
};
