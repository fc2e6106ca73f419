/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Authentication of BFD control packets: RFC 5880 sections 4.2 to 4.4 and 6.7.
 *
 * One row for each type: which digest, how long, and whether the sequence number must rise with
 * every packet. A keyed digest is a plain one over the whole packet with the key, padded with
 * zeros, in the place of the digest; it is no HMAC. The key is compared in constant time.
 *
 * The RFC takes over a first sequence number before it looks at the digest. Here it is taken over
 * from an authentic packet alone: otherwise anybody could lock out the real neighbor with one
 * forged packet.
 *
 * Nothing here owns memory, but for what libcrypto holds during a digest.
 */
#include "proto/bfd/bfd_auth.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#define AUTH_AT     BFD_LEN       /* where the section begins */
#define PASSWORD_AT (AUTH_AT + 3) /* behind type, length and key ID */
#define SEQ_AT      (AUTH_AT + 4) /* behind a reserved byte */
#define DIGEST_AT   (AUTH_AT + 8) /* behind the sequence number */
#define DIGEST_HEAD (DIGEST_AT - AUTH_AT)

struct auth_kind {
	const EVP_MD *(*digest)(void); /* NULL: the password itself */
	uint8_t key_max;               /* and the digest's length */
	bool meticulous;
};

static const struct auth_kind kinds[BFD_AUTH_COUNT] = {
    [BFD_AUTH_SIMPLE] = {NULL, 16, false},
    [BFD_AUTH_MD5] = {EVP_md5, 16, false},
    [BFD_AUTH_METICULOUS_MD5] = {EVP_md5, 16, true},
    [BFD_AUTH_SHA1] = {EVP_sha1, 20, false},
    [BFD_AUTH_METICULOUS_SHA1] = {EVP_sha1, 20, true},
};

size_t
bfd_auth_key_max(enum bfd_auth_type type)
{
	return kinds[type].key_max;
}

bool
bfd_auth_meticulous(enum bfd_auth_type type)
{
	return kinds[type].meticulous;
}

static const struct bfd_key *
key_find(const struct bfd_auth *auth, uint8_t id)
{
	for (size_t i = 0; i < auth->count; i++) {
		if (auth->keys[i].id == id)
			return &auth->keys[i];
	}
	return NULL;
}

/* The digest of a packet with this key, written to `out`. */
static int
digest(const struct auth_kind *kind, const struct bfd_key *key, const uint8_t *packet, size_t len,
    uint8_t out[static EVP_MAX_MD_SIZE])
{
	uint8_t keyed[BFD_PACKET_MAX];
	int rc;

	assert(len <= sizeof(keyed) && DIGEST_AT + (size_t)kind->key_max <= len);
	memcpy(keyed, packet, len);
	memset(keyed + DIGEST_AT, 0, kind->key_max);
	memcpy(keyed + DIGEST_AT, key->bytes, key->len);
	rc = EVP_Digest(keyed, len, out, NULL, kind->digest(), NULL) == 1 ? 0 : -1;
	OPENSSL_cleanse(keyed, sizeof(keyed));
	return rc;
}

size_t
bfd_auth_sign(const struct bfd_auth *auth, uint32_t seq, uint8_t packet[static BFD_PACKET_MAX])
{
	const struct auth_kind *kind = &kinds[auth->type];
	const struct bfd_key *key = &auth->keys[0];
	uint8_t md[EVP_MAX_MD_SIZE];
	size_t section;

	assert(auth->count > 0 && key->len > 0 && key->len <= kind->key_max);
	section = kind->digest != NULL ? DIGEST_HEAD + (size_t)kind->key_max : 3u + key->len;
	packet[1] |= BFD_AUTHENTICATED;
	packet[3] = (uint8_t)(BFD_LEN + section);
	packet[AUTH_AT] = (uint8_t)auth->type;
	packet[AUTH_AT + 1] = (uint8_t)section;
	packet[AUTH_AT + 2] = key->id;
	if (kind->digest == NULL) {
		memcpy(packet + PASSWORD_AT, key->bytes, key->len);
		return BFD_LEN + section;
	}
	packet[AUTH_AT + 3] = 0;
	for (unsigned i = 0; i < 4; i++)
		packet[SEQ_AT + i] = (uint8_t)(seq >> (24 - 8 * i));
	if (digest(kind, key, packet, BFD_LEN + section, md) < 0)
		return 0;
	memcpy(packet + DIGEST_AT, md, kind->key_max);
	return BFD_LEN + section;
}

/* Sections 6.7.3 and 6.7.4: from what was last seen, or one more, up to three times Detect Mult
 * ahead, in circular numbers. */
static bool
sequence_fits(
    const struct auth_kind *kind, const struct bfd_auth_state *state, const struct bfd_msg *msg)
{
	uint32_t ahead = msg->auth_seq - state->rcv_seq;

	if (!state->seq_known)
		return true;
	return ahead >= (kind->meticulous ? 1u : 0u) && ahead <= 3u * msg->detect_mult;
}

static enum bfd_auth_result
check_password(const struct bfd_key *key, const struct bfd_msg *msg, const uint8_t *packet)
{
	if (msg->auth_len != 3u + key->len)
		return BFD_AUTH_BAD_LENGTH;
	if (CRYPTO_memcmp(packet + PASSWORD_AT, key->bytes, key->len) != 0)
		return BFD_AUTH_BAD_DIGEST;
	return BFD_AUTH_OK;
}

static enum bfd_auth_result
check_digest(const struct auth_kind *kind, const struct bfd_key *key, struct bfd_auth_state *state,
    const struct bfd_msg *msg, const uint8_t *packet)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (msg->auth_len != DIGEST_HEAD + kind->key_max)
		return BFD_AUTH_BAD_LENGTH;
	if (!sequence_fits(kind, state, msg))
		return BFD_AUTH_BAD_SEQUENCE;
	if (digest(kind, key, packet, msg->length, md) < 0 ||
	    CRYPTO_memcmp(packet + DIGEST_AT, md, kind->key_max) != 0)
		return BFD_AUTH_BAD_DIGEST;
	state->seq_known = true;
	state->rcv_seq = msg->auth_seq;
	return BFD_AUTH_OK;
}

enum bfd_auth_result
bfd_auth_check(const struct bfd_auth *auth, struct bfd_auth_state *state, const struct bfd_msg *msg,
    const uint8_t *packet)
{
	const struct auth_kind *kind = &kinds[auth->type];
	const struct bfd_key *key = key_find(auth, msg->auth_key_id);

	if (msg->auth_type != auth->type)
		return BFD_AUTH_BAD_TYPE;
	if (BFD_LEN + msg->auth_len > msg->length)
		return BFD_AUTH_BAD_LENGTH;
	if (key == NULL)
		return BFD_AUTH_BAD_KEY;
	if (kind->digest == NULL)
		return check_password(key, msg, packet);
	return check_digest(kind, key, state, msg, packet);
}
