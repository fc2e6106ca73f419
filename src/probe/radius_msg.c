/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building Status-Server requests and judging what comes back.
 *
 * The request holds one attribute, the Message-Authenticator: HMAC-MD5 of the packet, with zeros in
 * its place, keyed with the shared secret. A server drops a request in which it is wrong. The
 * response proves by its authenticator, an MD5 that includes the secret and the request's
 * authenticator, that the server knows the secret and answers this request.
 *
 * MD5 is what the protocol has; nothing but the health of a server hangs on it here.
 *
 * RFC 5997 sections 2 and 3, RFC 2865 section 3 (header, response authenticator), RFC 3579 section
 * 3.2 (Message-Authenticator).
 */
#include "probe/radius_msg.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

enum radius_code {
	RADIUS_ACCESS_ACCEPT = 2,
	RADIUS_ACCOUNTING_RESPONSE = 5,
	RADIUS_STATUS_SERVER = 12,
};

#define RADIUS_HEADER         20
#define MESSAGE_AUTHENTICATOR 80
#define MD5_LEN               16

int
radius_request_build(const struct radius_question *q, uint8_t *buf)
{
	uint8_t digest[MD5_LEN];
	struct wire_writer w;
	size_t len = 0;

	wire_writer_init(&w, buf, RADIUS_REQUEST_LEN);
	wire_put_u8(&w, RADIUS_STATUS_SERVER);
	wire_put_u8(&w, q->id);
	wire_put_u16(&w, RADIUS_REQUEST_LEN);
	wire_put_bytes(&w, q->authenticator, RADIUS_AUTHENTICATOR);
	wire_put_u8(&w, MESSAGE_AUTHENTICATOR);
	wire_put_u8(&w, 2 + MD5_LEN);
	memset(buf + w.pos, 0, MD5_LEN);
	if (EVP_Q_mac(NULL, "HMAC", NULL, "MD5", NULL, q->secret, strlen(q->secret), buf,
		RADIUS_REQUEST_LEN, digest, sizeof(digest), &len) == NULL ||
	    len != MD5_LEN)
		return -1;
	wire_put_bytes(&w, digest, MD5_LEN);
	return 0;
}

/* RFC 2865 section 3: MD5(code, id, length, request authenticator, attributes, secret). */
static bool
authenticator_fits(const struct radius_question *q, const uint8_t *msg, size_t len)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;
	bool done;

	done = md != NULL && EVP_DigestInit_ex(md, EVP_md5(), NULL) == 1 &&
	       EVP_DigestUpdate(md, msg, 4) == 1 &&
	       EVP_DigestUpdate(md, q->authenticator, RADIUS_AUTHENTICATOR) == 1 &&
	       EVP_DigestUpdate(md, msg + RADIUS_HEADER, len - RADIUS_HEADER) == 1 &&
	       EVP_DigestUpdate(md, q->secret, strlen(q->secret)) == 1 &&
	       EVP_DigestFinal_ex(md, digest, &digest_len) == 1;
	EVP_MD_CTX_free(md);
	return done && digest_len == MD5_LEN && CRYPTO_memcmp(digest, msg + 4, MD5_LEN) == 0;
}

enum radius_verdict
radius_judge(const struct radius_question *q, struct wire_reader *msg, struct probe_sample *sample)
{
	const uint8_t *data = wire_here(msg);
	size_t received = wire_left(msg), len;
	unsigned code, id;

	code = wire_u8(msg);
	id = wire_u8(msg);
	len = wire_u16(msg);
	if (!wire_ok(msg) || len < RADIUS_HEADER || len > RADIUS_MAX || len > received) {
		probe_sample_set(sample, WHY_MALFORMED, "response of %zu bytes", received);
		return RADIUS_JUDGED;
	}
	if (id != q->id || !authenticator_fits(q, data, len))
		return RADIUS_IGNORE;
	if (code == RADIUS_ACCESS_ACCEPT)
		probe_sample_set(sample, WHY_OK, "Access-Accept");
	else if (code == RADIUS_ACCOUNTING_RESPONSE)
		probe_sample_set(sample, WHY_OK, "Accounting-Response");
	else
		probe_sample_set(sample, WHY_STATUS, "response with code %u", code);
	return RADIUS_JUDGED;
}
