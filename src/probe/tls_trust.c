/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom TLS probes trust.
 *
 * A context with its certificate store is expensive to make and holds every authority's
 * certificate, so there is one for each CA file, counted by the probes that use it, in an object
 * that all probes of an environment share. A file that has changed on the disk is read again
 * before the next handshake; until it can be read, the probes that need it fail and say so.
 *
 * The trust is owned by the shared object; it goes with the last probe that names its file.
 * RFC 5280 (certificates), RFC 8446 (TLS 1.3).
 */
#include "probe/tls_trust.h"

#include "probe/probe_kinds.h"

#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

struct tls_trust {
	LIST_ENTRY(tls_trust) link;
	unsigned users;
	char *ca;              /* NULL: the system's */
	SSL_CTX *context;      /* NULL: the file cannot be used */
	struct timespec mtime; /* of the file, when it was read */
	ino_t inode;
	char error[PROBE_DETAIL];
};
LIST_HEAD(tls_trust_list, tls_trust);

struct tls_shared {
	struct probe_shared shared;
	struct tls_trust_list trusts;
};

void
tls_conf_check(struct conf_ctx *ctx, const struct conf_node *node, const struct tls_conf *c)
{
	if (c->ca != NULL && !c->verify)
		conf_error(ctx, conf_node_find(node, "ca"),
		    "ca: of no use with 'verify: false'; remove one of the two");
	else if (c->ca != NULL && c->ca[0] != '/')
		conf_error(ctx, conf_node_find(node, "ca"),
		    "ca: '%s' must be an absolute path, as in /etc/ssl/my-ca.pem", c->ca);
}

/* -- the shared object -- */

static void
trust_free(struct tls_trust *t)
{
	LIST_REMOVE(t, link);
	SSL_CTX_free(t->context);
	free(t->ca);
	free(t);
}

static void
shared_free(struct probe_shared *s)
{
	struct tls_shared *all = container_of(s, struct tls_shared, shared);

	assert(LIST_EMPTY(&all->trusts));
	free(all);
}

static struct tls_shared *
shared_get(const struct probe_env *env)
{
	struct probe_shared *s = probe_shared_find(env, &probe_tls);
	struct tls_shared *all;

	if (s != NULL)
		return container_of(s, struct tls_shared, shared);
	all = mem_alloc(sizeof(*all));
	all->shared.free = shared_free;
	LIST_INIT(&all->trusts);
	probe_shared_add(env, &probe_tls, &all->shared);
	return all;
}

struct tls_trust *
tls_trust_get(const struct probe_env *env, const struct tls_conf *c)
{
	struct tls_shared *all = shared_get(env);
	struct tls_trust *t;

	LIST_FOREACH (t, &all->trusts, link) {
		if (str_equal(t->ca, c->ca))
			break;
	}
	if (t == NULL) {
		t = mem_alloc(sizeof(*t));
		t->ca = c->ca != NULL ? mem_strdup(c->ca) : NULL;
		LIST_INSERT_HEAD(&all->trusts, t, link);
	}
	t->users++;
	return t;
}

void
tls_trust_put(struct tls_trust *t)
{
	if (t != NULL && --t->users == 0)
		trust_free(t);
}

/* -- the context -- */

static SSL_CTX *
context_new(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());

	if (context == NULL)
		abort(); /* no memory */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	return context;
}

static void
trust_fail(struct tls_trust *t, const char *why)
{
	SSL_CTX_free(t->context);
	t->context = NULL;
	snprintf(t->error, sizeof(t->error), "cannot use the CA file: %s", why);
}

/* Reads the file, unless it is the one that was read before. */
static void
trust_read(struct tls_trust *t)
{
	struct stat st;

	if (stat(t->ca, &st) < 0) {
		trust_fail(t, strerror(errno));
		return;
	}
	if (t->context != NULL && st.st_ino == t->inode && st.st_mtim.tv_sec == t->mtime.tv_sec &&
	    st.st_mtim.tv_nsec == t->mtime.tv_nsec)
		return;
	SSL_CTX_free(t->context);
	t->context = context_new();
	t->inode = st.st_ino;
	t->mtime = st.st_mtim;
	ERR_clear_error();
	if (SSL_CTX_load_verify_file(t->context, t->ca) != 1) {
		unsigned long error = ERR_peek_error();
		const char *reason = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
							     : "no certificate in it";
		ERR_clear_error();
		trust_fail(t, reason);
	}
}

SSL_CTX *
tls_trust_context(struct tls_trust *t)
{
	if (t->ca != NULL) {
		trust_read(t);
	} else if (t->context == NULL) {
		t->context = context_new();
		SSL_CTX_set_default_verify_paths(t->context);
		ERR_clear_error();
	}
	return t->context;
}

const char *
tls_trust_error(const struct tls_trust *t)
{
	return t->error;
}

/* -- certificates -- */

struct tls_certificate
tls_certificate_of(const SSL *ssl, int64_t wall_ns)
{
	struct tls_certificate cert = {0};
	const X509 *x = SSL_get0_peer_certificate(ssl);
	struct tm end;
	int64_t left;

	if (x == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(x), &end) != 1)
		return cert;
	left = (int64_t)timegm(&end) - wall_ns / DUR_S;
	cert.present = true;
	cert.days = (int)(left / SECONDS_PER_DAY - (left < 0 && left % SECONDS_PER_DAY != 0));
	return cert;
}

bool
tls_certificate_fails(struct probe *p, const struct tls_certificate *cert, const struct tls_conf *c)
{
	char text[64];

	if (c->certificate_days == 0 || (cert->present && cert->days >= (int)c->certificate_days))
		return false;
	probe_fail(p, WHY_TLS, "%s, expected at least %u",
	    cert->present ? tls_certificate_format(cert, text, sizeof(text)) : "no certificate",
	    c->certificate_days);
	return true;
}

char *
tls_certificate_format(const struct tls_certificate *cert, char *buf, size_t size)
{
	const char *s = cert->days == 1 || cert->days == -1 ? "" : "s";

	if (!cert->present)
		buf[0] = '\0';
	else if (cert->days < 0)
		snprintf(buf, size, "certificate expired %d day%s ago", -cert->days, s);
	else
		snprintf(buf, size, "certificate %d day%s", cert->days, s);
	return buf;
}
