/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IPv4 and IPv6 addresses, prefixes and endpoints (address + port), by value.
 *
 * Bytes are in network order; an IPv4 address uses the first four and the others are zero, so that
 * two equal values are equal byte by byte.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

enum addr_family { ADDR_NONE = 0, ADDR_V4 = 4, ADDR_V6 = 6 };

struct addr {
	uint8_t family; /* enum addr_family */
	uint8_t bytes[16];
};

struct prefix {
	struct addr addr;
	uint8_t len;
};

struct endpoint {
	struct addr addr;
	uint16_t port;
	uint32_t scope; /* interface index of an IPv6 link-local address, else 0 */
};

#define ADDR_TEXT     46 /* enough for any address, with the zero */
#define PREFIX_TEXT   50
#define ENDPOINT_TEXT 72

/* 4 or 16; 0 for ADDR_NONE. And the same in bits. */
size_t addr_len(const struct addr *a);
unsigned addr_bits(const struct addr *a);
/* An IPv4 address from host order, and back. */
struct addr addr_v4(uint32_t host_order);
uint32_t addr_to_v4(const struct addr *a);
/* From raw network-order bytes (4 or 16 by family). */
struct addr addr_from_bytes(enum addr_family family, const uint8_t *bytes);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Total order: family, then bytes. <0, 0, >0. */
int addr_cmp(const struct addr *a, const struct addr *b);
bool addr_is_any(const struct addr *a);
bool addr_is_loopback(const struct addr *a);
bool addr_is_multicast(const struct addr *a);
bool addr_is_linklocal(const struct addr *a);
int addr_parse(const char *text, struct addr *out); /* 0 or -1 */
char *addr_format(
    const struct addr *a, char *buf, size_t size); /* returns buf; "-" for ADDR_NONE */

/* "192.0.2.53/32"; a bare address becomes a host prefix. Host bits beyond the length are refused.
 * Returns 0, -1 malformed, -2 host bits set. */
int prefix_parse(const char *text, struct prefix *out);
char *prefix_format(const struct prefix *p, char *buf, size_t size);
bool prefix_equal(const struct prefix *a, const struct prefix *b);
int prefix_cmp(const struct prefix *a, const struct prefix *b);
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
/* A /32 or /128. */
bool prefix_is_host(const struct prefix *p);
uint32_t prefix_hash(const struct prefix *p);

/* "192.0.2.53", "192.0.2.53:53", "[2001:db8::1]:53", "2001:db8::1", "[fe80::1%2]:53" (the scope is
 * an interface index, never a name); `port` is used when none is written. Returns 0 or -1. */
int endpoint_parse(const char *text, uint16_t port, struct endpoint *out);
/* Port 0 is left out. */
char *endpoint_format(const struct endpoint *e, char *buf, size_t size);
bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
/* To and from the socket API. Returns the length of the filled sockaddr; from: 0 or -1. */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *ss);
int endpoint_from_sockaddr(const struct sockaddr *sa, struct endpoint *e);

#endif
