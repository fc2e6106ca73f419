/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 addresses, prefixes and endpoints.
 *
 * Everything is a value: no call here allocates, asks the resolver or reads the system's state. The
 * bytes that a family does not use are zero, which makes comparison and hashing plain.
 *
 * Text is read by inet_pton(3), which takes IPv4 in dotted decimal without leading zeros and IPv6
 * as RFC 4291 section 2.2 writes it, and written by inet_ntop(3), which follows RFC 5952. The scope
 * of a link-local endpoint is written as a number ("fe80::1%2"): names belong to the kernel, and
 * this file does not ask it.
 */
#include "base/addr.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

size_t
addr_len(const struct addr *a)
{
	switch (a->family) {
	case ADDR_V4: return 4;
	case ADDR_V6: return 16;
	default: return 0;
	}
}

unsigned
addr_bits(const struct addr *a)
{
	return (unsigned)addr_len(a) * 8;
}

struct addr
addr_v4(uint32_t host_order)
{
	uint32_t net_order = htonl(host_order);

	return addr_from_bytes(ADDR_V4, (const uint8_t *)&net_order);
}

uint32_t
addr_to_v4(const struct addr *a)
{
	uint32_t net_order;

	assert(a->family == ADDR_V4);
	memcpy(&net_order, a->bytes, sizeof(net_order));
	return ntohl(net_order);
}

struct addr
addr_from_bytes(enum addr_family family, const uint8_t *bytes)
{
	struct addr a = {.family = (uint8_t)family};

	if (family != ADDR_NONE)
		memcpy(a.bytes, bytes, addr_len(&a));
	return a;
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return addr_cmp(a, b) == 0;
}

int
addr_cmp(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool
addr_is_any(const struct addr *a)
{
	static const uint8_t zeros[16];

	return a->family != ADDR_NONE && memcmp(a->bytes, zeros, sizeof(zeros)) == 0;
}

bool
addr_is_loopback(const struct addr *a)
{
	static const uint8_t one[16] = {[15] = 1};

	if (a->family == ADDR_V4)
		return a->bytes[0] == 127;
	return a->family == ADDR_V6 && memcmp(a->bytes, one, sizeof(one)) == 0;
}

bool
addr_is_multicast(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return (a->bytes[0] & 0xf0) == 0xe0;
	return a->family == ADDR_V6 && a->bytes[0] == 0xff;
}

bool
addr_is_linklocal(const struct addr *a)
{
	if (a->family == ADDR_V4)
		return a->bytes[0] == 169 && a->bytes[1] == 254;
	return a->family == ADDR_V6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

int
addr_parse(const char *text, struct addr *out)
{
	struct addr a = {0};

	a.family = strchr(text, ':') != NULL ? ADDR_V6 : ADDR_V4;
	if (inet_pton(a.family == ADDR_V6 ? AF_INET6 : AF_INET, text, a.bytes) != 1)
		return -1;
	*out = a;
	return 0;
}

char *
addr_format(const struct addr *a, char *buf, size_t size)
{
	char text[ADDR_TEXT] = "-";

	if (a->family != ADDR_NONE)
		inet_ntop(a->family == ADDR_V6 ? AF_INET6 : AF_INET, a->bytes, text, sizeof(text));
	str_copy(buf, size, text);
	return buf;
}

/* Are the first `bits` bits of the two equal? */
static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

/* Are all bits beyond the prefix's length zero? */
static bool
host_bits_clear(const struct prefix *p)
{
	uint8_t network[16] = {0};

	memcpy(network, p->addr.bytes, (p->len + 7u) / 8);
	if (p->len % 8 != 0)
		network[p->len / 8] &= (uint8_t)(0xff << (8 - p->len % 8));
	return memcmp(network, p->addr.bytes, sizeof(network)) == 0;
}

int
prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	char host[ADDR_TEXT];
	struct prefix p;
	uint64_t len;

	if (slash != NULL && slash - text >= ADDR_TEXT)
		return -1;
	if (!str_copy(host, slash != NULL ? (size_t)(slash - text) + 1 : sizeof(host), text) &&
	    slash == NULL)
		return -1;
	if (addr_parse(host, &p.addr) < 0)
		return -1;
	len = addr_bits(&p.addr);
	if (slash != NULL && str_to_u64(slash + 1, 0, len, &len) < 0)
		return -1;
	p.len = (uint8_t)len;
	if (!host_bits_clear(&p))
		return -2;
	*out = p;
	return 0;
}

char *
prefix_format(const struct prefix *p, char *buf, size_t size)
{
	char text[ADDR_TEXT];

	addr_format(&p->addr, text, sizeof(text));
	if (p->addr.family == ADDR_NONE)
		str_copy(buf, size, text);
	else
		snprintf(buf, size, "%s/%u", text, p->len);
	return buf;
}

bool
prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_cmp(a, b) == 0;
}

int
prefix_cmp(const struct prefix *a, const struct prefix *b)
{
	int addrs = addr_cmp(&a->addr, &b->addr);

	return addrs != 0 ? addrs : (int)a->len - (int)b->len;
}

bool
prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->addr.family == inner->addr.family && outer->len <= inner->len &&
	       same_bits(outer->addr.bytes, inner->addr.bytes, outer->len);
}

bool
prefix_is_host(const struct prefix *p)
{
	return p->addr.family != ADDR_NONE && p->len == addr_bits(&p->addr);
}

/* Two multiplications spread all bytes over the result; the constants are large odd numbers. */
uint32_t
prefix_hash(const struct prefix *p)
{
	uint64_t halves[2];
	uint64_t h;

	memcpy(halves, p->addr.bytes, sizeof(halves));
	h = (halves[0] ^ ((uint64_t)p->len << 8 | p->addr.family)) * 0x9e3779b97f4a7c15;
	h = ((h ^ h >> 32) + halves[1]) * 0xd6e8feb86659fd93;
	return (uint32_t)(h ^ h >> 32);
}

/* "fe80::1%2", or an address without a scope. */
static int
scoped_parse(char *text, struct endpoint *e)
{
	char *percent = strchr(text, '%');
	uint64_t scope = 0;

	if (percent != NULL) {
		*percent = '\0';
		if (str_to_u64(percent + 1, 1, UINT32_MAX, &scope) < 0)
			return -1;
	}
	if (addr_parse(text, &e->addr) < 0)
		return -1;
	if (percent != NULL && (e->addr.family != ADDR_V6 || !addr_is_linklocal(&e->addr)))
		return -1;
	e->scope = (uint32_t)scope;
	return 0;
}

int
endpoint_parse(const char *text, uint16_t port, struct endpoint *out)
{
	char copy[ENDPOINT_TEXT];
	struct endpoint e = {.port = port};
	char *host = copy;
	char *port_text = NULL;
	uint64_t number;

	if (!str_copy(copy, sizeof(copy), text))
		return -1;
	if (copy[0] == '[') {
		char *bracket = strchr(copy, ']');

		if (bracket == NULL || (bracket[1] != '\0' && bracket[1] != ':'))
			return -1;
		port_text = bracket[1] == ':' ? bracket + 2 : NULL;
		*bracket = '\0';
		host = copy + 1;
	} else if (strchr(copy, ':') != NULL && strchr(copy, ':') == strrchr(copy, ':')) {
		port_text = strchr(copy, ':') + 1;
		port_text[-1] = '\0';
	}
	if (port_text != NULL) {
		if (str_to_u64(port_text, 0, UINT16_MAX, &number) < 0)
			return -1;
		e.port = (uint16_t)number;
	}
	if (scoped_parse(host, &e) < 0 || (host != copy && e.addr.family != ADDR_V6))
		return -1;
	*out = e;
	return 0;
}

char *
endpoint_format(const struct endpoint *e, char *buf, size_t size)
{
	bool brackets = e->addr.family == ADDR_V6 && e->port != 0;
	char addr[ADDR_TEXT];
	char scope[16] = "";
	char port[8] = "";

	if (e->scope != 0)
		snprintf(scope, sizeof(scope), "%%%u", e->scope);
	if (e->port != 0)
		snprintf(port, sizeof(port), ":%u", e->port);
	snprintf(buf, size, "%s%s%s%s%s", brackets ? "[" : "",
	    addr_format(&e->addr, addr, sizeof(addr)), scope, brackets ? "]" : "", port);
	return buf;
}

bool
endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return addr_equal(&a->addr, &b->addr) && a->port == b->port && a->scope == b->scope;
}

socklen_t
endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	switch (e->addr.family) {
	case ADDR_V4:
		in4->sin_family = AF_INET;
		in4->sin_port = htons(e->port);
		memcpy(&in4->sin_addr, e->addr.bytes, sizeof(in4->sin_addr));
		return sizeof(*in4);
	case ADDR_V6:
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(e->port);
		in6->sin6_scope_id = e->scope;
		memcpy(&in6->sin6_addr, e->addr.bytes, sizeof(in6->sin6_addr));
		return sizeof(*in6);
	default: return 0;
	}
}

int
endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *e)
{
	const struct sockaddr_in *in4 = (const struct sockaddr_in *)(const void *)sa;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)sa;

	switch (sa->sa_family) {
	case AF_INET:
		*e = (struct endpoint){
		    .addr = addr_from_bytes(ADDR_V4, (const uint8_t *)&in4->sin_addr),
		    .port = ntohs(in4->sin_port),
		};
		return 0;
	case AF_INET6:
		*e = (struct endpoint){
		    .addr = addr_from_bytes(ADDR_V6, (const uint8_t *)&in6->sin6_addr),
		    .port = ntohs(in6->sin6_port),
		    .scope = in6->sin6_scope_id,
		};
		return 0;
	default: return -1;
	}
}
