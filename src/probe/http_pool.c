/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP transfers for probes.
 *
 * The probes sit together in groups of GROUP_SEATS, each group with a libcurl multi object of its
 * own (http_multi.c). libcurl's tables are made for some hundred connections: ten thousand in one
 * object take ten times the processor's time that the same take in many.
 *
 * A transfer borrows a slot, which is a libcurl handle with everything set that never changes. A
 * probe that is not asking has none: memory goes with the attempts under way and not with the
 * probes. Up to SLOTS_IDLE slots wait for the next attempt, so that an attempt allocates little.
 *
 * A fresh connection is closed by a reset (SO_LINGER of zero), because ten thousand probes a second
 * would otherwise leave half a million sockets behind in TIME_WAIT.
 *
 * The pool owns the groups and the slots; the environment owns the pool. RFC 9110, RFC 9112,
 * RFC 9113.
 */
#include "probe/http_pool.h"

#include "probe/http_multi.h"
#include "probe/probe_kinds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GROUP_SEATS    256
#define SLOTS_IDLE     256
#define SLOT_BUFFER    16384 /* bytes that an idle slot may keep */
#define HTTP_RECV_SIZE 8192  /* bytes that libcurl reads at once */

/* Probes that share a multi object. */
struct http_group {
	struct http_multi multi;
	struct http_pool *pool;
	unsigned seats; /* taken */
	unsigned keep;  /* of them: probes that keep their connections */
	LIST_ENTRY(http_group) link;
};
LIST_HEAD(http_group_list, http_group);

struct http_slot {
	CURL *easy;
	struct http_pool *pool;
	struct http_group *group;       /* of the transfer */
	struct http_transfer *transfer; /* NULL: idle, or being judged */
	struct http_request request;
	int fd; /* that this transfer opened; -1: none, or it uses one that was kept */
	struct http_reply reply;
	struct str buffer;
	char error[CURL_ERROR_SIZE];
	LIST_ENTRY(http_slot) link; /* while idle */
};
LIST_HEAD(http_slot_list, http_slot);

struct http_pool {
	struct probe_shared shared;
	struct loop *loop;
	struct http_group_list groups;
	struct http_slot_list slots; /* idle */
	unsigned idle;               /* slots */
	uint32_t serial;
};

/* -- libcurl's callbacks for a transfer -- */

static curl_socket_t
on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct http_slot *s = arg;
	const struct endpoint *server = &s->request.target->server;
	const struct linger reset = {.l_onoff = 1};
	struct sockaddr_storage ss;
	void *to = &address->addr; /* libcurl has room for any family there */
	int fd = net_tcp_socket(server, &s->request.net);

	if (fd < 0) {
		s->reply.error = fd;
		return CURL_SOCKET_BAD;
	}
	if (s->request.connection == HTTP_FRESH)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	s->fd = fd;
	address->addrlen = endpoint_to_sockaddr(server, &ss);
	address->family = ss.ss_family;
	memcpy(to, &ss, address->addrlen);
	return fd;
}

/* OpenSSL's end of the connection under way; NULL: there is none. */
static const SSL *
slot_ssl(const struct http_slot *s)
{
	const struct curl_tlssessioninfo *tls = NULL;

	if (s->request.target->scheme != HTTP_TLS ||
	    curl_easy_getinfo(s->easy, CURLINFO_TLS_SSL_PTR, &tls) != CURLE_OK)
		return NULL;
	return tls->internals;
}

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_slot *s = arg;
	const SSL *ssl;

	/* The certificate can only be looked at while the connection is there. */
	if (!s->reply.certificate.present && (ssl = slot_ssl(s)) != NULL)
		s->reply.certificate = tls_certificate_of(ssl, loop_wall_ns(s->pool->loop));
	return size * count;
}

static size_t
on_body(char *data, size_t size, size_t count, void *arg)
{
	struct http_slot *s = arg;
	size_t len = size * count;
	size_t room = s->request.body_max - s->reply.body_len;
	size_t some = len < room ? len : room;

	s->reply.body_len += some;
	if (s->transfer->body(s->transfer, (const uint8_t *)data, some) && len <= room)
		return len;
	s->reply.body_cut = true;
	return 0; /* ends the transfer with CURLE_WRITE_ERROR */
}

static CURLcode
on_tls_context(CURL *easy, void *context, void *arg)
{
	const struct http_slot *s = arg;

	if (s->request.trust != NULL)
		SSL_CTX_set1_cert_store(context, SSL_CTX_get_cert_store(s->request.trust));
	return CURLE_OK;
}

/* -- slots -- */

static const struct {
	CURLoption option;
	long value;
} fixed_options[] = {
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_TCP_NODELAY, 0}, /* net_tcp_socket() has set it */
    {CURLOPT_FOLLOWLOCATION, 0},
    {CURLOPT_HTTP09_ALLOWED, 0},
    {CURLOPT_SSL_SESSIONID_CACHE, 0},
    {CURLOPT_DNS_CACHE_TIMEOUT, 0}, /* nothing is looked up: keep no addresses */
    {CURLOPT_BUFFERSIZE, HTTP_RECV_SIZE},
};

static const struct {
	CURLoption option;
	const char *value;
} fixed_texts[] = {
    {CURLOPT_NOPROXY, "*"},
    {CURLOPT_PROXY, ""},
    {CURLOPT_PROTOCOLS_STR, "http,https"},
    {CURLOPT_USERAGENT, "nigh/" NIGH_VERSION},
    {CURLOPT_CAINFO, NULL}, /* on_tls_context() brings them */
    {CURLOPT_CAPATH, NULL},
};

static void
set_long(CURL *easy, CURLoption option, long value)
{
	http_must(curl_easy_setopt(easy, option, value) == CURLE_OK, "option");
}

static struct http_slot *
slot_new(struct http_pool *p)
{
	struct http_slot *s = mem_alloc(sizeof(*s));

	s->pool = p;
	s->easy = curl_easy_init();
	http_must(s->easy != NULL, "no handle");
	for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
		set_long(s->easy, fixed_options[i].option, fixed_options[i].value);
	for (size_t i = 0; i < ARRAY_LEN(fixed_texts); i++)
		http_must(curl_easy_setopt(s->easy, fixed_texts[i].option, fixed_texts[i].value) ==
			      CURLE_OK,
		    "text option");
	curl_easy_setopt(s->easy, CURLOPT_PRIVATE, s);
	curl_easy_setopt(s->easy, CURLOPT_ERRORBUFFER, s->error);
	curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	curl_easy_setopt(s->easy, CURLOPT_OPENSOCKETDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(s->easy, CURLOPT_HEADERDATA, s);
	curl_easy_setopt(s->easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(s->easy, CURLOPT_WRITEDATA, s);
	http_must(curl_easy_setopt(s->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK,
	    "it was built without OpenSSL");
	curl_easy_setopt(s->easy, CURLOPT_SSL_CTX_DATA, s);
	return s;
}

static void
slot_free(struct http_slot *s)
{
	curl_easy_cleanup(s->easy);
	str_done(&s->buffer);
	free(s);
}

static struct http_slot *
slot_take(struct http_pool *p)
{
	struct http_slot *s = LIST_FIRST(&p->slots);

	if (s == NULL)
		return slot_new(p);
	LIST_REMOVE(s, link);
	p->idle--;
	return s;
}

static void
slot_put(struct http_slot *s)
{
	struct http_pool *p = s->pool;

	if (p->idle >= SLOTS_IDLE) {
		slot_free(s);
		return;
	}
	if (s->buffer.cap > SLOT_BUFFER)
		str_done(&s->buffer);
	LIST_INSERT_HEAD(&p->slots, s, link);
	p->idle++;
}

static const long http_versions[][2] = {
    [HTTP_VERSION_ANY] = {CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_2TLS},
    [HTTP_VERSION_1_1] = {CURL_HTTP_VERSION_1_1, CURL_HTTP_VERSION_1_1},
    [HTTP_VERSION_2] = {CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE, CURL_HTTP_VERSION_2TLS},
};

static void
slot_prepare(struct http_slot *s, const struct http_request *request)
{
	const struct http_target *target = request->target;
	bool fresh = request->connection == HTTP_FRESH;

	s->request = *request;
	s->fd = -1;
	s->reply = (struct http_reply){.easy = s->easy, .buffer = &s->buffer, .text = s->error};
	s->error[0] = '\0';
	str_clear(&s->buffer);
	http_must(curl_easy_setopt(s->easy, CURLOPT_URL, target->url) == CURLE_OK, "URL");
	curl_easy_setopt(s->easy, CURLOPT_CONNECT_TO, &target->connect_to);
	if (request->method == HTTP_HEAD)
		set_long(s->easy, CURLOPT_NOBODY, 1);
	else
		set_long(s->easy, CURLOPT_HTTPGET, 1);
	set_long(s->easy, CURLOPT_HTTP_VERSION,
	    http_versions[request->version][target->scheme == HTTP_TLS]);
	set_long(s->easy, CURLOPT_FRESH_CONNECT, fresh);
	set_long(s->easy, CURLOPT_FORBID_REUSE, fresh);
	if (target->scheme == HTTP_TLS) {
		set_long(s->easy, CURLOPT_SSL_VERIFYPEER, request->trust != NULL);
		set_long(s->easy, CURLOPT_SSL_VERIFYHOST, request->trust != NULL ? 2 : 0);
	}
}

/* -- finished transfers -- */

static void
reply_fill(struct http_slot *s, CURLcode code)
{
	struct http_reply *r = &s->reply;
	long value = 0;

	r->code = r->body_cut && code == CURLE_WRITE_ERROR ? CURLE_OK : code;
	if (r->error == 0 && curl_easy_getinfo(s->easy, CURLINFO_OS_ERRNO, &value) == CURLE_OK)
		r->error = -(int)value;
	value = 0;
	curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &value);
	r->status = (unsigned)value;
	value = 0;
	curl_easy_getinfo(s->easy, CURLINFO_HTTP_VERSION, &value);
	if (value == CURL_HTTP_VERSION_1_1)
		r->version = HTTP_VERSION_1_1;
	else if (value == CURL_HTTP_VERSION_2_0)
		r->version = HTTP_VERSION_2;
}

/* Takes the handle out of the multi object: the connection is closed, or kept for the next. */
static struct http_transfer *
slot_detach(struct http_slot *s)
{
	struct http_transfer *t = s->transfer;

	http_multi_del(&s->group->multi, s->easy);
	s->transfer = NULL;
	t->slot = NULL;
	return t;
}

static void
on_finished(struct http_multi *m, CURL *easy, CURLcode code)
{
	struct http_slot *s = NULL;
	struct http_transfer *t;

	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s);
	reply_fill(s, code);
	t = slot_detach(s);
	t->done(t, &s->reply);
	slot_put(s);
}

/* -- the pool -- */

static void
pool_free(struct probe_shared *shared)
{
	struct http_pool *p = container_of(shared, struct http_pool, shared);
	struct http_group *g, *next_group;
	struct http_slot *s, *next_slot;

	LIST_FOREACH_SAFE (s, &p->slots, link, next_slot)
		slot_free(s);
	LIST_FOREACH_SAFE (g, &p->groups, link, next_group) {
		assert(g->seats == 0);
		http_multi_done(&g->multi);
		free(g);
	}
	free(p);
	curl_global_cleanup();
}

static struct http_pool *
pool_get(const struct probe_env *env)
{
	struct probe_shared *shared = probe_shared_find(env, &probe_http);
	struct http_pool *p;

	if (shared != NULL)
		return container_of(shared, struct http_pool, shared);
	http_must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "initialisation");
	p = mem_alloc(sizeof(*p));
	p->loop = env->loop;
	p->shared.free = pool_free;
	LIST_INIT(&p->groups);
	LIST_INIT(&p->slots);
	probe_shared_add(env, &probe_http, &p->shared);
	return p;
}

/* -- seats -- */

/* Room for all connections that are kept, and no more. */
static void
group_set_keep(struct http_group *g)
{
	curl_multi_setopt(g->multi.curl, CURLMOPT_MAXCONNECTS, (long)g->keep + 1);
}

struct http_group *
http_group_join(const struct probe_env *env, int connection)
{
	struct http_pool *p = pool_get(env);
	struct http_group *g;

	LIST_FOREACH (g, &p->groups, link) {
		if (g->seats < GROUP_SEATS)
			break;
	}
	if (g == NULL) {
		g = mem_alloc(sizeof(*g));
		g->pool = p;
		http_multi_init(&g->multi, p->loop, on_finished);
		LIST_INSERT_HEAD(&p->groups, g, link);
	}
	g->seats++;
	g->keep += connection == HTTP_REUSE;
	group_set_keep(g);
	return g;
}

void
http_group_leave(struct http_group *g, int connection)
{
	assert(g->seats > 0);
	g->seats--;
	g->keep -= connection == HTTP_REUSE;
	group_set_keep(g);
}

uint32_t
http_group_serial(struct http_group *g)
{
	return g->pool->serial++;
}

/* -- transfers -- */

void
http_transfer_start(
    struct http_group *g, struct http_transfer *t, const struct http_request *request)
{
	struct http_slot *s = slot_take(g->pool);

	assert(t->slot == NULL);
	slot_prepare(s, request);
	s->group = g;
	s->transfer = t;
	t->slot = s;
	http_multi_add(&g->multi, s->easy);
}

void
http_transfer_cancel(struct http_transfer *t)
{
	struct http_slot *s = t->slot;

	if (s == NULL)
		return;
	slot_detach(s);
	slot_put(s);
}

const char *
http_transfer_progress(const struct http_transfer *t)
{
	const struct http_slot *s = t->slot;
	const SSL *ssl = slot_ssl(s);
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	curl_off_t answer = 0;

	/* libcurl's own times of connection and handshake are not set step by step. */
	if (s->fd >= 0 && getpeername(s->fd, (struct sockaddr *)&ss, &len) < 0)
		return "no connection";
	if (s->request.target->scheme == HTTP_TLS && (ssl == NULL || !SSL_is_init_finished(ssl)))
		return "connected, but the TLS handshake did not end";
	curl_easy_getinfo(s->easy, CURLINFO_STARTTRANSFER_TIME_T, &answer);
	return answer == 0 ? "connected, but no answer" : "the answer did not end";
}

struct str *
http_transfer_buffer(struct http_transfer *t)
{
	return &t->slot->buffer;
}
