/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS over TLS (RFC 7858): what dns_ask.c needs of OpenSSL on its own non-blocking descriptor.
 *
 * Every operation either is done, or says for what it waits, or has failed; a failure is told in
 * the words of a probe. The context with the trusted certificates is shared (tls_trust.c). ALPN
 * offers "dot" (RFC 7858 section 3.2 as registered by IANA); a server that does not know it goes on
 * without. Privacy profiles (RFC 8310) come down to `verify`: strict when on, opportunistic when
 * off.
 */
#include "probe/dns_tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#define CLOSED "the server closed the connection without an answer"

SSL *
dns_tls_open(
    const struct dns_tls_opts *opts, int fd, const struct addr *server, struct dns_tls_error *error)
{
	static const uint8_t alpn[] = {3, 'd', 'o', 't'};
	SSL_CTX *context = tls_trust_context(opts->trust);
	X509_VERIFY_PARAM *param;
	char name[DNS_TLS_NAME];
	SSL *ssl;
	bool fine;

	if (context == NULL) {
		*error =
		    (struct dns_tls_error){.why = WHY_LOCAL, .what = tls_trust_error(opts->trust)};
		return NULL;
	}
	ssl = SSL_new(context);
	fine = ssl != NULL && SSL_set_fd(ssl, fd) == 1 &&
	       SSL_set_alpn_protos(ssl, alpn, sizeof(alpn)) == 0;
	str_copy(name, sizeof(name), opts->name);
	if (fine && name[0] != '\0')
		fine = SSL_set_tlsext_host_name(ssl, name) == 1;
	if (fine && opts->verify) {
		SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
		param = SSL_get0_param(ssl);
		fine = name[0] != '\0'
			   ? X509_VERIFY_PARAM_set1_host(param, name, 0) == 1
			   : X509_VERIFY_PARAM_set1_ip(param, server->bytes, addr_len(server)) == 1;
	}
	if (fine)
		return ssl;
	ERR_clear_error();
	SSL_free(ssl);
	*error = (struct dns_tls_error){.why = WHY_LOCAL, .what = "OpenSSL refuses to begin"};
	return NULL;
}

/* What OpenSSL says after an operation that did not succeed. `error_number`: errno then. */
static enum dns_tls_step
explain(SSL *ssl, int rc, int error_number, struct dns_tls_error *error)
{
	int kind = SSL_get_error(ssl, rc);
	unsigned long code = ERR_peek_error();
	long verdict = SSL_get_verify_result(ssl);
	const char *text = ERR_reason_error_string(code);

	ERR_clear_error();
	if (kind == SSL_ERROR_WANT_READ)
		return DNS_TLS_WANT_READ;
	if (kind == SSL_ERROR_WANT_WRITE)
		return DNS_TLS_WANT_WRITE;
	*error = (struct dns_tls_error){.why = WHY_RESET, .what = CLOSED};
	if (kind == SSL_ERROR_SYSCALL && error_number != 0)
		*error = (struct dns_tls_error){.error = -error_number, .what = "TLS"};
	if (kind != SSL_ERROR_SSL || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return DNS_TLS_FAILED;
	error->why = WHY_TLS;
	error->what = text != NULL ? text : "no handshake";
	if (verdict != X509_V_OK)
		error->what = X509_verify_cert_error_string(verdict);
	return DNS_TLS_FAILED;
}

enum dns_tls_step
dns_tls_handshake(SSL *ssl, struct dns_tls_error *error)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_connect(ssl);
	return rc == 1 ? DNS_TLS_DONE : explain(ssl, rc, errno, error);
}

enum dns_tls_step
dns_tls_certificate(
    const SSL *ssl, const struct dns_tls_opts *opts, int64_t wall_ns, struct dns_tls_error *error)
{
	struct tls_certificate cert;

	if (opts->certificate_days == 0)
		return DNS_TLS_DONE;
	cert = tls_certificate_of(ssl, wall_ns);
	if (cert.present && cert.days >= (int)opts->certificate_days)
		return DNS_TLS_DONE;
	*error =
	    (struct dns_tls_error){.why = WHY_TLS, .what = "the certificate has too few days left"};
	return DNS_TLS_FAILED;
}

enum dns_tls_step
dns_tls_write(SSL *ssl, const void *data, size_t len, size_t *done, struct dns_tls_error *error)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_write_ex(ssl, data, len, done);
	return rc == 1 ? DNS_TLS_DONE : explain(ssl, rc, errno, error);
}

enum dns_tls_step
dns_tls_read(SSL *ssl, void *buf, size_t len, size_t *done, struct dns_tls_error *error)
{
	int rc;

	ERR_clear_error();
	errno = 0;
	rc = SSL_read_ex(ssl, buf, len, done);
	return rc == 1 ? DNS_TLS_DONE : explain(ssl, rc, errno, error);
}
