/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See web_server.h. One connection at a time. A thread that waits always waits for the stop as
 * well, so that a test that fails does not hang.
 */
#include "web_server.h"

#include "base/mem.h"
#include "base/str.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY 86400L

/* -- certificates -- */

static void
add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* A certificate for `key` that is not signed yet. */
static X509 *
certificate_new(EVP_PKEY *key, const char *name, long serial, long days)
{
	X509 *cert = X509_new();
	const unsigned char *text = (const unsigned char *)name;

	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), -30 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * DAY + 60);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(
	    X509_get_subject_name(cert), "CN", MBSTRING_ASC, text, -1, -1, 0);
	return cert;
}

void
web_server_certify(struct web_server *s, int days)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = certificate_new(ca_key, "nigh test CA", 1, 100);
	X509 *cert = certificate_new(key, "server", 2, days);
	char path[64];
	FILE *file;

	X509_set_issuer_name(ca, X509_get_subject_name(ca));
	add_extension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(ca, ca_key, EVP_sha256()) > 0);
	X509_set_issuer_name(cert, X509_get_subject_name(ca));
	add_extension(cert, ca, NID_subject_alt_name, "DNS:www.example.net,IP:127.0.0.1,IP:::1");
	assert_true(X509_sign(cert, ca_key, EVP_sha256()) > 0);

	s->tls = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_use_certificate(s->tls, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(s->tls, key), 1);
	str_copy(s->dir, sizeof(s->dir), "/tmp/nigh-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(path, sizeof(path), "%s/ca.pem", s->dir);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, ca), 1);
	fclose(file);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
}

/* -- connections -- */

struct connection {
	struct web_server *server;
	int fd;
	SSL *ssl; /* NULL: plain */
};

/* False when there is nothing to read any more, or the server is stopped. */
static bool
wait_readable(const struct connection *c)
{
	struct pollfd fds[] = {{c->fd, POLLIN, 0}, {c->server->stop[0], POLLIN, 0}};

	if (c->ssl != NULL && SSL_pending(c->ssl) > 0)
		return true;
	return poll(fds, 2, -1) > 0 && fds[1].revents == 0;
}

static int
read_some(const struct connection *c, char *buf, size_t size)
{
	if (!wait_readable(c))
		return -1;
	return c->ssl != NULL ? SSL_read(c->ssl, buf, (int)size) : (int)recv(c->fd, buf, size, 0);
}

static void
write_all(const struct connection *c, const char *text)
{
	size_t len = strlen(text);

	if (c->ssl != NULL)
		SSL_write(c->ssl, text, (int)len);
	else
		send(c->fd, text, len, MSG_NOSIGNAL);
}

/* A request up to the empty line; false when the connection is over. */
static bool
read_request(const struct connection *c)
{
	char *request = c->server->request;
	size_t len = 0;

	while (len + 1 < sizeof(c->server->request)) {
		int n = read_some(c, request + len, sizeof(c->server->request) - 1 - len);
		if (n <= 0)
			return false;
		len += (size_t)n;
		request[len] = '\0';
		if (strstr(request, "\r\n\r\n") != NULL)
			return true;
	}
	return false;
}

static const struct web_page *
page_of(const struct web_server *s)
{
	const char *path = strchr(s->request, ' ');

	for (const struct web_page *p = s->pages; path != NULL && p->path != NULL; p++) {
		size_t len = strlen(p->path);
		if (strncmp(path + 1, p->path, len) == 0 && path[1 + len] == ' ')
			return p;
	}
	return NULL;
}

static void
wait_for_stop(const struct web_server *s)
{
	struct pollfd stop = {s->stop[0], POLLIN, 0};

	poll(&stop, 1, -1);
}

static void
serve_requests(struct connection *c)
{
	const struct linger reset = {.l_onoff = 1};

	while (read_request(c)) {
		const struct web_page *p = page_of(c->server);
		if (p == NULL)
			return;
		if (p->answer != NULL)
			write_all(c, p->answer);
		if (p->manner == WEB_CLOSE)
			return;
		if (p->manner == WEB_SILENT) {
			wait_for_stop(c->server);
			return;
		}
		if (p->manner == WEB_RESET) {
			setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			return;
		}
	}
}

/* During the handshake, so that it is known however the connection ends. */
static int
on_server_name(SSL *ssl, int *alert, void *arg)
{
	struct web_server *s = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	str_copy(s->server_name, sizeof(s->server_name), name != NULL ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static void
serve_connection(struct web_server *s)
{
	struct connection c = {.server = s, .fd = accept(s->fd, NULL, NULL)};

	s->connections++;
	if (s->mute)
		wait_for_stop(s);
	if (s->tls != NULL && !s->mute) {
		SSL_CTX_set_tlsext_servername_callback(s->tls, on_server_name);
		SSL_CTX_set_tlsext_servername_arg(s->tls, s);
		c.ssl = SSL_new(s->tls);
		SSL_set_fd(c.ssl, c.fd);
		if (SSL_accept(c.ssl) == 1)
			serve_requests(&c);
		SSL_free(c.ssl);
	} else if (!s->mute) {
		serve_requests(&c);
	}
	close(c.fd);
}

static void *
serve(void *arg)
{
	struct web_server *s = arg;
	struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
	sigset_t pipe_signal;

	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE); /* OpenSSL writes with write() */
	pthread_sigmask(SIG_BLOCK, &pipe_signal, NULL);
	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0)
		serve_connection(s);
	return NULL;
}

void
web_server_start(struct web_server *s, const char *address)
{
	struct endpoint e = {0};
	struct sockaddr_storage ss;
	socklen_t len;

	assert_int_equal(addr_parse(address, &e.addr), 0);
	len = endpoint_to_sockaddr(&e, &ss);
	s->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(s->fd, 8), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), 0);
	endpoint_format(&e, s->name, sizeof(s->name));
	s->port = e.port;
	assert_int_equal(pipe(s->stop), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void
web_server_stop(struct web_server *s)
{
	char path[64];

	assert_int_equal(write(s->stop[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->fd);
	close(s->stop[0]);
	close(s->stop[1]);
	SSL_CTX_free(s->tls);
	if (s->dir[0] == '\0')
		return;
	snprintf(path, sizeof(path), "%s/ca.pem", s->dir);
	unlink(path);
	rmdir(s->dir);
}
