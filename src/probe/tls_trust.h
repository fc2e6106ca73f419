/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom TLS probes trust: the options, and one OpenSSL context with its certificate store for each
 * CA file, shared by all probes that name it.
 */
#ifndef PROBE_TLS_TRUST_H
#define PROBE_TLS_TRUST_H

#include "core/probe.h"

#include <openssl/ssl.h>

struct tls_conf {
	bool verify;
	const char *ca; /* NULL: the system's */
	uint32_t certificate_days;
};

/* The rows of `verify`, `ca` and `certificate-days`, for a kind's struct with a member of the type
 * above. */
#define TLS_ROWS(conf_struct, member)                                                              \
	{.key = "verify",                                                                          \
	    .type = CONF_BOOL,                                                                     \
	    .dflt = "true",                                                                        \
	    .offset = offsetof(conf_struct, member.verify),                                        \
	    .doc = "Demand a certificate that a trusted authority has signed, that is valid now "  \
		   "and that is for this name."},                                                  \
	    {.key = "ca",                                                                          \
		.type = CONF_STRING,                                                               \
		.offset = offsetof(conf_struct, member.ca),                                        \
		.doc = "A file with the trusted authorities' certificates (PEM), readable by the " \
		       "user `nigh`; instead of those of the system. Read again when it has "      \
		       "changed."},                                                                \
	{                                                                                          \
		.key = "certificate-days", .type = CONF_U32, .max = 3650,                          \
		.offset = offsetof(conf_struct, member.certificate_days),                          \
		.doc = "The certificate must be valid for at least so many days more."             \
	}

/* For a kind's check(). */
void tls_conf_check(struct conf_ctx *ctx, const struct conf_node *node, const struct tls_conf *c);

struct tls_trust;
/* The one for this `ca`. Never NULL; given back with tls_trust_put(). */
struct tls_trust *tls_trust_get(const struct probe_env *env, const struct tls_conf *c);
/* NULL is fine. */
void tls_trust_put(struct tls_trust *t);
/* The context, its file read again when it has changed; owned by the trust. NULL when the file
 * cannot be used: tls_trust_error() says why. */
SSL_CTX *tls_trust_context(struct tls_trust *t);
const char *tls_trust_error(const struct tls_trust *t);

/* What the peer's certificate says of its end. */
struct tls_certificate {
	bool present;
	int days; /* whole days left; negative: expired */
};
struct tls_certificate tls_certificate_of(const SSL *ssl, int64_t wall_ns);
/* Is it not valid for long enough? Then this gives the verdict, and the probe may be gone. */
bool tls_certificate_fails(
    struct probe *p, const struct tls_certificate *cert, const struct tls_conf *c);
/* "certificate 41 days"; "" when there is none. Returns buf. */
char *tls_certificate_format(const struct tls_certificate *cert, char *buf, size_t size);

#endif
