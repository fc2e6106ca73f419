/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication of BFD control packets (RFC 5880 section 6.7): simple password, keyed and
 * meticulous keyed MD5 and SHA1, with several keys told apart by their key ID.
 */
#ifndef BFD_AUTH_H
#define BFD_AUTH_H

#include "proto/bfd/bfd_msg.h"

#include <stdbool.h>

#define BFD_KEYS_MAX 4

struct bfd_key {
	uint8_t id;
	uint8_t len; /* 1 to 16, with SHA1 to 20 */
	uint8_t bytes[BFD_KEY_MAX];
};

/* What a session was configured with. The first key is sent, all are accepted: that is how keys
 * are changed without a flap. */
struct bfd_auth {
	enum bfd_auth_type type;
	size_t count;
	struct bfd_key keys[BFD_KEYS_MAX];
};

/* The variables of section 6.8.1 that begin with bfd.RcvAuthSeq. */
struct bfd_auth_state {
	uint32_t rcv_seq;
	uint32_t xmit_seq;
	bool seq_known;
};

enum bfd_auth_result {
	BFD_AUTH_OK,
	BFD_AUTH_BAD_TYPE,
	BFD_AUTH_BAD_LENGTH,
	BFD_AUTH_BAD_KEY, /* no such key ID */
	BFD_AUTH_BAD_SEQUENCE,
	BFD_AUTH_BAD_DIGEST, /* or password */
};

/* The longest key of a type. */
size_t bfd_auth_key_max(enum bfd_auth_type type);
/* Does every packet need a number of its own? */
bool bfd_auth_meticulous(enum bfd_auth_type type);
/* Adds the section to a packet of 24 bytes and sets Length and the A bit. Returns the packet's new
 * length; 0 when the digest cannot be computed (a libcrypto that refuses MD5). */
size_t bfd_auth_sign(
    const struct bfd_auth *auth, uint32_t seq, uint8_t packet[static BFD_PACKET_MAX]);
/* Judges a packet whose header stands the rules; `packet` has msg->length bytes. Only a packet that
 * is authentic moves the sequence number. */
enum bfd_auth_result bfd_auth_check(const struct bfd_auth *auth, struct bfd_auth_state *state,
    const struct bfd_msg *msg, const uint8_t *packet);

#endif
