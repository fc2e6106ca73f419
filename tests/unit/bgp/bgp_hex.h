/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of the codec: messages written as hexadecimal, spaces allowed, so that they can be
 * read beside the RFC.
 */
#ifndef BGP_HEX_H
#define BGP_HEX_H

#include "proto/bgp/bgp_msg.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX_MAX 8192

struct bytes {
	size_t len;
	uint8_t data[HEX_MAX];
};

static inline void
bytes_add(struct bytes *b, const void *data, size_t len)
{
	assert_true(b->len + len <= sizeof(b->data));
	memcpy(b->data + b->len, data, len);
	b->len += len;
}

static inline void
bytes_u16(struct bytes *b, size_t v)
{
	uint8_t two[] = {(uint8_t)(v >> 8), (uint8_t)v};
	bytes_add(b, two, 2);
}

static inline void
bytes_hex(struct bytes *b, const char *hex)
{
	while (*hex) {
		char digits[3] = {0};

		if (isspace((unsigned char)*hex)) {
			hex++;
			continue;
		}
		assert_true(isxdigit((unsigned char)hex[0]) && isxdigit((unsigned char)hex[1]));
		memcpy(digits, hex, 2);
		uint8_t v = (uint8_t)strtoul(digits, NULL, 16);
		bytes_add(b, &v, 1);
		hex += 2;
	}
}

/* A whole message with the right marker and length. */
static inline struct bytes
message(unsigned type, const char *body_hex)
{
	struct bytes body = {0};
	struct bytes b = {0};
	uint8_t type8 = (uint8_t)type;

	bytes_hex(&body, body_hex);
	bytes_hex(&b, "ffffffffffffffffffffffffffffffff");
	bytes_u16(&b, BGP_HEADER_LEN + body.len);
	bytes_add(&b, &type8, 1);
	bytes_add(&b, body.data, body.len);
	return b;
}

/* An UPDATE of three fields. */
static inline struct bytes
update(const char *withdrawn_hex, const char *attrs_hex, const char *nlri_hex)
{
	struct bytes withdrawn = {0};
	struct bytes attrs = {0};
	struct bytes nlri = {0};
	struct bytes b = message(BGP_UPDATE, "");

	bytes_hex(&withdrawn, withdrawn_hex);
	bytes_hex(&attrs, attrs_hex);
	bytes_hex(&nlri, nlri_hex);
	bytes_u16(&b, withdrawn.len);
	bytes_add(&b, withdrawn.data, withdrawn.len);
	bytes_u16(&b, attrs.len);
	bytes_add(&b, attrs.data, attrs.len);
	bytes_add(&b, nlri.data, nlri.len);
	b.data[16] = (uint8_t)(b.len >> 8);
	b.data[17] = (uint8_t)b.len;
	return b;
}

static inline void
assert_bytes(const uint8_t *data, size_t len, const char *hex)
{
	struct bytes want = {0};

	bytes_hex(&want, hex);
	assert_int_equal(len, want.len);
	assert_memory_equal(data, want.data, len);
}

static inline void
assert_text(struct str *got, const char *want)
{
	assert_string_equal(str_text(got), want);
	str_clear(got);
}

#endif
