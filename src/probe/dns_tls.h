/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS over TLS for dns_ask.c: the session on a stream's descriptor (RFC 7858).
 */
#ifndef PROBE_DNS_TLS_H
#define PROBE_DNS_TLS_H

#include "core/why.h"
#include "probe/tls_trust.h"

#include <sys/types.h>

#define DNS_TLS_NAME 256

/* Whom to believe; set by the owner of the ask before it starts, when it asks over TLS. */
struct dns_tls_opts {
	struct tls_trust *trust;
	bool verify;
	uint32_t certificate_days; /* must be left */
	char name[DNS_TLS_NAME];   /* "": the server's address must be in the certificate */
};

/* What a step came to. */
enum dns_tls_step { DNS_TLS_DONE, DNS_TLS_WANT_READ, DNS_TLS_WANT_WRITE, DNS_TLS_FAILED };
struct dns_tls_error {
	enum why why; /* WHY_NONE: `error` tells */
	int error;    /* negative errno */
	const char *what;
};

/* A session on a connecting descriptor; NULL with the reason. Freed with SSL_free(). */
SSL *dns_tls_open(const struct dns_tls_opts *opts, int fd, const struct addr *server,
    struct dns_tls_error *error);
enum dns_tls_step dns_tls_handshake(SSL *ssl, struct dns_tls_error *error);
/* Is the peer's certificate valid for long enough? DNS_TLS_DONE or DNS_TLS_FAILED. */
enum dns_tls_step dns_tls_certificate(
    const SSL *ssl, const struct dns_tls_opts *opts, int64_t wall_ns, struct dns_tls_error *error);
/* With DNS_TLS_DONE, *done bytes were moved. The end of the stream is a failure. */
enum dns_tls_step dns_tls_write(
    SSL *ssl, const void *data, size_t len, size_t *done, struct dns_tls_error *error);
enum dns_tls_step dns_tls_read(
    SSL *ssl, void *buf, size_t len, size_t *done, struct dns_tls_error *error);

#endif
