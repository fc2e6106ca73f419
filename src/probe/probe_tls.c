/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tls probe: a handshake, and a look at the certificate and at the protocol agreed on. Nothing
 * is asked over the connection, so it fits any service that begins with TLS: DNS over TLS, LDAPS,
 * IMAPS and the like.
 *
 * OpenSSL works on the probe's own non-blocking socket and says what it waits for. The context with
 * the trusted certificates is shared (tls_trust.c); a connection exists only during an attempt.
 *
 * RFC 8446 (TLS 1.3), RFC 6066 section 3 (server name), RFC 7301 (ALPN), RFC 9525 (whose name a
 * certificate must bear).
 */
#include "core/probe.h"
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"
#include "probe/tls_trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALPN_MAX 255 /* bytes of all names, each with its length in front */

struct tls_probe_conf {
	struct endpoint server;
	const char *name;
	struct conf_list alpn; /* of const char * */
	struct tls_conf tls;
	struct probe_net_conf net;
};

struct tls_probe {
	struct probe probe;
	const struct probe_env *env;
	struct tls_trust *trust;
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
	bool connected;
	SSL *ssl;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct tls_probe_conf, server),
	.doc = "Address and port to connect to."},
    {.key = "name",
	.type = CONF_STRING,
	.offset = offsetof(struct tls_probe_conf, name),
	.doc = "The server name to ask for (SNI), which must be in the certificate. Without it the "
	       "server's address must be in the certificate."},
    {.key = "alpn",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct tls_probe_conf, alpn),
	.doc = "The protocols to offer, the first one preferred; the server must pick one: `[h2, "
	       "http/1.1]`, `dot`."},
    TLS_ROWS(struct tls_probe_conf, tls),
    PROBE_NET_ROWS(struct tls_probe_conf, net),
    {.type = CONF_END},
};

/* The names as ALPN writes them; the length, 0 when there are none or too many. */
static size_t
alpn_build(const struct conf_list *names, uint8_t *out)
{
	const char *const *name = names->items;
	size_t len = 0;

	for (size_t i = 0; i < names->count; i++) {
		size_t n = strlen(name[i]);
		if (n == 0 || len + 1 + n > ALPN_MAX)
			return 0;
		out[len] = (uint8_t)n;
		memcpy(out + len + 1, name[i], n);
		len += 1 + n;
	}
	return len;
}

static void
tls_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct tls_probe_conf *c = obj;
	uint8_t alpn[ALPN_MAX];

	probe_net_check(ctx, node, &c->net, &c->server.addr);
	tls_conf_check(ctx, node, &c->tls);
	if (c->alpn.count > 0 && alpn_build(&c->alpn, alpn) == 0)
		conf_error(ctx, conf_node_find(node, "alpn"),
		    "alpn: names of protocols are needed, %d characters in all at most", ALPN_MAX);
}

static const struct conf_schema schema = {
    .name = "tls",
    .size = sizeof(struct tls_probe_conf),
    .rows = rows,
    .check = tls_check,
    .doc = "Makes a TLS handshake and looks at the certificate.",
};

static struct probe *
tls_new(const struct probe_env *env, const void *kind_conf)
{
	const struct tls_probe_conf *c = kind_conf;
	struct tls_probe *t = mem_alloc(sizeof(*t));

	t->env = env;
	t->fd = -1;
	t->trust = tls_trust_get(env, &c->tls);
	return &t->probe;
}

static void
tls_cancel(struct probe *p)
{
	struct tls_probe *t = container_of(p, struct tls_probe, probe);

	SSL_free(t->ssl);
	t->ssl = NULL;
	loop_fd_done(&t->watch);
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
	t->connected = false;
}

/* -- the verdict -- */

static void
fail_errno(struct tls_probe *t, int error, const char *what)
{
	tls_cancel(&t->probe);
	probe_fail_errno(&t->probe, error, what);
}

/* The handshake has failed for a reason of TLS. */
static void
fail_handshake(struct tls_probe *t)
{
	long verdict = SSL_get_verify_result(t->ssl);
	unsigned long error = ERR_peek_error();
	const char *text = ERR_reason_error_string(error);

	ERR_clear_error();
	tls_cancel(&t->probe);
	if (verdict != X509_V_OK)
		probe_fail(&t->probe, WHY_TLS, "%s", X509_verify_cert_error_string(verdict));
	else
		probe_fail(&t->probe, WHY_TLS, "%s", text != NULL ? text : "no handshake");
}

static void
handshake_done(struct tls_probe *t)
{
	const struct tls_probe_conf *c = t->probe.conf;
	struct tls_certificate cert = tls_certificate_of(t->ssl, loop_wall_ns(t->env->loop));
	const char *version = SSL_get_version(t->ssl);
	const unsigned char *alpn;
	char protocol[ALPN_MAX + 1], certificate[64];
	unsigned len;

	SSL_get0_alpn_selected(t->ssl, &alpn, &len);
	snprintf(protocol, sizeof(protocol), "%.*s", (int)len, (const char *)alpn);
	SSL_shutdown(t->ssl); /* says goodbye; nobody waits for the answer */
	tls_cancel(&t->probe);
	if (tls_certificate_fails(&t->probe, &cert, &c->tls))
		return;
	if (c->alpn.count > 0 && len == 0) {
		probe_fail(
		    &t->probe, WHY_CONTENT, "%s, the server picked no protocol (ALPN)", version);
		return;
	}
	probe_ok(&t->probe, "%s, %s%s%s", version, protocol, len > 0 ? ", " : "",
	    tls_certificate_format(&cert, certificate, sizeof(certificate)));
}

/* -- the attempt -- */

static void
handshake(struct tls_probe *t)
{
	int rc, error;

	ERR_clear_error();
	errno = 0;
	rc = SSL_connect(t->ssl);
	if (rc == 1) {
		handshake_done(t);
		return;
	}
	error = errno;
	switch (SSL_get_error(t->ssl, rc)) {
	case SSL_ERROR_WANT_READ: loop_fd_want(&t->watch, LOOP_READ); return;
	case SSL_ERROR_WANT_WRITE: loop_fd_want(&t->watch, LOOP_WRITE); return;
	case SSL_ERROR_SYSCALL:
		if (error != 0) {
			fail_errno(t, -error, "handshake");
			return;
		}
		break;
	case SSL_ERROR_SSL:
		if (ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			fail_handshake(t);
			return;
		}
		break;
	default: break;
	}
	ERR_clear_error();
	tls_cancel(&t->probe);
	probe_fail(&t->probe, WHY_RESET, "the server closed the connection during the handshake");
}

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	struct tls_probe *t = container_of(w, struct tls_probe, watch);

	if (!t->connected) {
		int error = net_fd_error(t->fd);
		if (error != 0) {
			fail_errno(t, error, "connect");
			return;
		}
		t->connected = true;
	}
	handshake(t);
}

/* The connection's own settings: whom to ask for, and whether to believe it. */
static bool
session_open(struct tls_probe *t, SSL_CTX *context)
{
	const struct tls_probe_conf *c = t->probe.conf;
	X509_VERIFY_PARAM *param;
	uint8_t alpn[ALPN_MAX];
	char name[256];
	size_t alpn_len = alpn_build(&c->alpn, alpn);

	t->ssl = SSL_new(context);
	if (t->ssl == NULL || SSL_set_fd(t->ssl, t->fd) != 1)
		return false;
	if (alpn_len > 0)
		SSL_set_alpn_protos(t->ssl, alpn, (unsigned)alpn_len);
	if (c->name != NULL) {
		str_copy(name, sizeof(name), c->name);
		SSL_set_tlsext_host_name(t->ssl, name);
	}
	if (!c->tls.verify)
		return true;
	SSL_set_verify(t->ssl, SSL_VERIFY_PEER, NULL);
	param = SSL_get0_param(t->ssl);
	if (c->name != NULL)
		return X509_VERIFY_PARAM_set1_host(param, c->name, 0) == 1;
	return X509_VERIFY_PARAM_set1_ip(param, c->server.addr.bytes, addr_len(&c->server.addr)) ==
	       1;
}

static void
tls_start(struct probe *p)
{
	struct tls_probe *t = container_of(p, struct tls_probe, probe);
	const struct tls_probe_conf *c = p->conf;
	struct net_opts opts = probe_net_opts(&c->net);
	SSL_CTX *context = tls_trust_context(t->trust);
	int fd;

	if (context == NULL) {
		probe_fail(p, WHY_LOCAL, "%s", tls_trust_error(t->trust));
		return;
	}
	fd = net_tcp_connect(&c->server, &opts);
	if (fd < 0) {
		probe_fail_errno(p, fd, "connect");
		return;
	}
	t->fd = fd;
	if (!session_open(t, context)) {
		ERR_clear_error();
		tls_cancel(p);
		probe_fail(p, WHY_LOCAL, "OpenSSL refuses to begin");
		return;
	}
	loop_fd_init(&t->watch, t->env->loop, fd, on_ready);
	loop_fd_want(&t->watch, LOOP_WRITE);
}

/* -- the kind -- */

static void
tls_free(struct probe *p)
{
	struct tls_probe *t = container_of(p, struct tls_probe, probe);

	tls_trust_put(t->trust);
	free(t);
}

static void
tls_describe(const struct probe *p, struct str *out)
{
	const struct tls_probe_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "tls %s", endpoint_format(&c->server, server, sizeof(server)));
	if (c->name != NULL)
		str_printf(out, " %s", c->name);
}

static void
tls_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct tls_probe *t = const_container_of(p, struct tls_probe, probe);

	str_copy(detail, size,
	    t->connected ? "connected, but the TLS handshake did not end" : "no connection");
}

const struct probe_kind probe_tls = {
    .variant = {.type = "tls", .schema = &schema},
    .new = tls_new,
    .start = tls_start,
    .cancel = tls_cancel,
    .free = tls_free,
    .describe = tls_describe,
    .timed_out = tls_timed_out,
};
