/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S-BFD reflector (RFC 7880 section 7.2, RFC 7881): answers a packet from itself alone, with no
 * state for whoever asks.
 */
#ifndef BFD_REFLECT_H
#define BFD_REFLECT_H

#include "proto/bfd/bfd_receive.h"

struct bfd_reflector {
	uint32_t discr;              /* the S-BFD discriminator of this host; not 0 */
	uint8_t state;               /* BFD_UP, or BFD_ADMIN_DOWN: out of service */
	uint32_t required_min_rx_us; /* how fast an initiator may ask; > 0 */
};

/* Decides about one packet. With BFD_ACCEPTED `reply` is to be sent to where the packet came from,
 * from the address and port that it was sent to. */
enum bfd_drop bfd_reflect(
    const struct bfd_reflector *r, const struct bfd_packet *p, uint8_t reply[static BFD_LEN]);

#endif
