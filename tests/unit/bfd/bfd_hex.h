/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For the tests of BFD: packets written as hexadecimal, and changed by a byte or a word.
 */
#ifndef BFD_HEX_H
#define BFD_HEX_H

#include "proto/bfd/bfd_receive.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Returns the number of bytes. */
static inline size_t
hex_read(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;

	for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		char digits[3] = {hex[0], hex[1], '\0'};

		assert_true(n < cap);
		out[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return n;
}

static inline void
set_u32(uint8_t *packet, size_t at, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++)
		packet[at + i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A sound packet: Down, Detect Mult 3, My Discriminator 0x11, intervals of a second. */
static inline void
sound_packet(uint8_t packet[static BFD_LEN])
{
	static const struct bfd_msg m = {
	    .version = BFD_VERSION,
	    .state = BFD_DOWN,
	    .detect_mult = 3,
	    .my_discr = 0x11,
	    .desired_min_tx_us = 1000000,
	    .required_min_rx_us = 1000000,
	};

	bfd_msg_write(&m, packet);
}

#endif
