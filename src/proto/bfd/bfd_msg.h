/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BFD control packet (RFC 5880 section 4): fields, names, reading and writing. Whether a packet
 * may be believed is not decided here but by the rules of bfd_receive.h.
 */
#ifndef BFD_MSG_H
#define BFD_MSG_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

#define BFD_VERSION    1
#define BFD_LEN        24  /* the mandatory section */
#define BFD_LEN_AUTH   26  /* with the shortest authentication section */
#define BFD_PACKET_MAX 255 /* what the field Length can say */
#define BFD_KEY_MAX    20  /* SHA1; MD5 and simple passwords have 16 */

/* Section 4.1, Sta. */
enum bfd_state { BFD_ADMIN_DOWN, BFD_DOWN, BFD_INIT, BFD_UP, BFD_STATE_COUNT };
const char *bfd_state_str(enum bfd_state s); /* RFC names: "AdminDown", "Up"... */

/* Section 4.1, Diag. */
enum bfd_diag {
	BFD_DIAG_NONE,
	BFD_DIAG_EXPIRED,
	BFD_DIAG_ECHO_FAILED,
	BFD_DIAG_NEIGHBOR_DOWN,
	BFD_DIAG_FORWARDING_RESET,
	BFD_DIAG_PATH_DOWN,
	BFD_DIAG_CONCATENATED_DOWN,
	BFD_DIAG_ADMIN_DOWN,
	BFD_DIAG_REVERSE_CONCATENATED_DOWN,
	BFD_DIAG_COUNT
};
/* "reserved" for a number that has no name. */
const char *bfd_diag_str(unsigned diag);

/* The low six bits of the second byte. */
enum bfd_flag {
	BFD_POLL = 0x20,
	BFD_FINAL = 0x10,
	BFD_INDEPENDENT = 0x08, /* of the control plane */
	BFD_AUTHENTICATED = 0x04,
	BFD_DEMAND = 0x02,
	BFD_MULTIPOINT = 0x01,
};

/* Section 4.1, Auth Type. */
enum bfd_auth_type {
	BFD_AUTH_NONE,
	BFD_AUTH_SIMPLE,
	BFD_AUTH_MD5,
	BFD_AUTH_METICULOUS_MD5,
	BFD_AUTH_SHA1,
	BFD_AUTH_METICULOUS_SHA1,
	BFD_AUTH_COUNT
};
/* "simple", "keyed-md5"...; "unknown" for a number that has no name. */
const char *bfd_auth_str(unsigned type);

/* A packet, field by field. The last four are zero where there is no authentication section, and
 * the sequence number also where the section has none. */
struct bfd_msg {
	uint8_t version;
	uint8_t diag;
	uint8_t state; /* enum bfd_state */
	uint8_t flags; /* mask of enum bfd_flag */
	uint8_t detect_mult;
	uint8_t length;
	uint32_t my_discr;
	uint32_t your_discr;
	uint32_t desired_min_tx_us;
	uint32_t required_min_rx_us;
	uint32_t required_min_echo_rx_us;
	uint8_t auth_type;
	uint8_t auth_len;
	uint8_t auth_key_id;
	uint32_t auth_seq;
};

/* Reads any bytes: what is missing reads as zero, and the rules then refuse it. */
void bfd_msg_read(const uint8_t *data, size_t len, struct bfd_msg *out);
/* Writes the mandatory section, with Length 24 and without the A bit: bfd_auth_sign() adds both. */
void bfd_msg_write(const struct bfd_msg *m, uint8_t buf[static BFD_LEN]);
/* Appends the packet as a line of text, without a line end. */
void bfd_msg_format(const struct bfd_msg *m, struct str *out);

#endif
