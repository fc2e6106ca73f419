/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the fuzz targets of the BGP codec: a check that ends the program, and an input wrapped into a
 * message.
 */
#ifndef FUZZ_BGP_H
#define FUZZ_BGP_H

#include "proto/bgp/bgp_msg.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void
check(bool holds)
{
	if (!holds)
		abort();
}

/* A message of exactly its size on the heap, so that a sanitizer sees the first byte beyond. */
static inline uint8_t *
message_new(enum bgp_type type, const uint8_t *body, size_t len)
{
	size_t whole = BGP_HEADER_LEN + len;
	uint8_t *msg = malloc(whole);

	check(msg != NULL);
	memset(msg, 0xff, 16);
	msg[16] = (uint8_t)(whole >> 8);
	msg[17] = (uint8_t)whole;
	msg[18] = (uint8_t)type;
	if (len > 0)
		memcpy(msg + BGP_HEADER_LEN, body, len);
	return msg;
}

#endif
