/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP transfers for probes.
 *
 * One libcurl multi object does all of them. It says which sockets it waits for and when it wants
 * to be called (the two callbacks below); the loop tells it what became ready, and after each such
 * call the finished transfers are collected and handed to their probes. libcurl calls no probe by
 * itself but to read a body, so a probe may start, cancel and free whatever it likes.
 *
 * A transfer borrows a slot, which is a libcurl handle with everything set that never changes. A
 * probe that is not asking has none: memory goes with the attempts under way and not with the
 * probes. Up to SLOTS_IDLE slots wait for the next attempt, so that an attempt allocates little.
 *
 * A fresh connection is closed by a reset (SO_LINGER of zero), because ten thousand probes a second
 * would otherwise leave half a million sockets behind in TIME_WAIT.
 *
 * The pool owns the slots and the watchers; the environment owns the pool. RFC 9110, RFC 9112,
 * RFC 9113.
 */
#include "probe/http_pool.h"

#include "base/log.h"
#include "probe/probe_kinds.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SLOTS_IDLE     256
#define SLOT_BUFFER    16384 /* bytes that an idle slot may keep */
#define HTTP_RECV_SIZE 16384 /* bytes that libcurl reads at once */

/* A socket of libcurl's. */
struct http_watch {
	struct loop_fd fd;
	struct http_pool *pool;
	LIST_ENTRY(http_watch) link; /* while idle */
};
LIST_HEAD(http_watch_list, http_watch);

struct http_slot {
	CURL *easy;
	struct http_pool *pool;
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
	CURLM *multi;
	struct loop_timer timer;
	struct http_watch_list watches; /* idle */
	struct http_slot_list slots;    /* idle */
	unsigned idle;                  /* slots */
	uint32_t serial;
	int keep; /* probes that keep their connections */
};

static void
must(bool fine, const char *what)
{
	if (!fine) {
		log_error("libcurl failed: %s", what);
		abort();
	}
}

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

static size_t
on_header(char *data, size_t size, size_t count, void *arg)
{
	struct http_slot *s = arg;
	const struct curl_tlssessioninfo *tls = NULL;

	/* The certificate can only be looked at while the connection is there. */
	if (s->request.target->scheme == HTTP_TLS && !s->reply.certificate.present &&
	    curl_easy_getinfo(s->easy, CURLINFO_TLS_SSL_PTR, &tls) == CURLE_OK &&
	    tls->internals != NULL)
		s->reply.certificate =
		    tls_certificate_of(tls->internals, loop_wall_ns(s->pool->loop));
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
	must(curl_easy_setopt(easy, option, value) == CURLE_OK, "option");
}

static struct http_slot *
slot_new(struct http_pool *p)
{
	struct http_slot *s = mem_alloc(sizeof(*s));

	s->pool = p;
	s->easy = curl_easy_init();
	must(s->easy != NULL, "no handle");
	for (size_t i = 0; i < ARRAY_LEN(fixed_options); i++)
		set_long(s->easy, fixed_options[i].option, fixed_options[i].value);
	for (size_t i = 0; i < ARRAY_LEN(fixed_texts); i++)
		must(curl_easy_setopt(s->easy, fixed_texts[i].option, fixed_texts[i].value) ==
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
	must(curl_easy_setopt(s->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK,
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
	must(curl_easy_setopt(s->easy, CURLOPT_URL, target->url) == CURLE_OK, "URL");
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

	curl_multi_remove_handle(s->pool->multi, s->easy);
	s->transfer = NULL;
	t->slot = NULL;
	return t;
}

static void
collect(struct http_pool *p)
{
	const CURLMsg *msg;
	int left;

	while ((msg = curl_multi_info_read(p->multi, &left)) != NULL) {
		struct http_slot *s = NULL;
		struct http_transfer *t;
		CURLcode code = msg->data.result;
		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &s);
		reply_fill(s, code);
		t = slot_detach(s);
		t->done(t, &s->reply);
		slot_put(s);
	}
}

static void
drive(struct http_pool *p, curl_socket_t fd, int ready)
{
	int running;

	curl_multi_socket_action(p->multi, fd, ready, &running);
	collect(p);
}

/* -- the loop -- */

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	struct http_watch *watch = container_of(w, struct http_watch, fd);

	drive(watch->pool, w->fd,
	    ((ready & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		((ready & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static void
on_timer(struct loop_timer *t)
{
	drive(container_of(t, struct http_pool, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int
on_want_time(CURLM *multi, long timeout_ms, void *arg)
{
	struct http_pool *p = arg;

	if (timeout_ms < 0)
		loop_timer_cancel(&p->timer);
	else
		loop_timer_after(&p->timer, timeout_ms * DUR_MS);
	return 0;
}

static struct http_watch *
watch_take(struct http_pool *p)
{
	struct http_watch *w = LIST_FIRST(&p->watches);

	if (w == NULL)
		return mem_alloc(sizeof(*w));
	LIST_REMOVE(w, link);
	return w;
}

/* libcurl says what it waits for on a socket; `known` is what was assigned to it before. */
static int
on_want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http_pool *p = arg;
	struct http_watch *w = known;

	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			loop_fd_done(&w->fd);
			LIST_INSERT_HEAD(&p->watches, w, link);
		}
		return 0;
	}
	if (w == NULL) {
		w = watch_take(p);
		w->pool = p;
		loop_fd_init(&w->fd, p->loop, fd, on_ready);
		curl_multi_assign(p->multi, fd, w);
	}
	loop_fd_want(&w->fd, ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
				 ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
	return 0;
}

/* -- the pool -- */

static void
pool_free(struct probe_shared *shared)
{
	struct http_pool *p = container_of(shared, struct http_pool, shared);
	struct http_watch *w, *next_watch;
	struct http_slot *s, *next_slot;

	LIST_FOREACH_SAFE (s, &p->slots, link, next_slot)
		slot_free(s);
	curl_multi_cleanup(p->multi);
	loop_timer_cancel(&p->timer);
	LIST_FOREACH_SAFE (w, &p->watches, link, next_watch)
		free(w);
	free(p);
	curl_global_cleanup();
}

struct http_pool *
http_pool_get(const struct probe_env *env)
{
	struct probe_shared *shared = probe_shared_find(env, &probe_http);
	struct http_pool *p;

	if (shared != NULL)
		return container_of(shared, struct http_pool, shared);
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK, "initialisation");
	p = mem_alloc(sizeof(*p));
	p->loop = env->loop;
	p->shared.free = pool_free;
	LIST_INIT(&p->watches);
	LIST_INIT(&p->slots);
	loop_timer_init(&p->timer, env->loop, on_timer);
	p->multi = curl_multi_init();
	must(p->multi != NULL, "no multi handle");
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_want_socket);
	curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_want_time);
	curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
	curl_multi_setopt(p->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	http_pool_keep(p, 0);
	probe_shared_add(env, &probe_http, &p->shared);
	return p;
}

uint32_t
http_pool_serial(struct http_pool *p)
{
	return p->serial++;
}

void
http_pool_keep(struct http_pool *p, int change)
{
	p->keep += change;
	assert(p->keep >= 0);
	curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS, (long)p->keep + 1);
}

/* -- transfers -- */

void
http_transfer_start(
    struct http_pool *p, struct http_transfer *t, const struct http_request *request)
{
	struct http_slot *s = slot_take(p);

	assert(t->slot == NULL);
	slot_prepare(s, request);
	s->transfer = t;
	t->slot = s;
	must(curl_multi_add_handle(p->multi, s->easy) == CURLM_OK, "cannot begin");
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
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	curl_off_t handshake = 0, answer = 0;

	/* libcurl counts a connection as made only after the handshake. */
	if (s->fd >= 0 && getpeername(s->fd, (struct sockaddr *)&ss, &len) < 0)
		return "no connection";
	curl_easy_getinfo(s->easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
	if (s->fd >= 0 && s->request.target->scheme == HTTP_TLS && handshake == 0)
		return "connected, but the TLS handshake did not end";
	curl_easy_getinfo(s->easy, CURLINFO_STARTTRANSFER_TIME_T, &answer);
	return answer == 0 ? "connected, but no answer" : "the answer did not end";
}

struct str *
http_transfer_buffer(struct http_transfer *t)
{
	return &t->slot->buffer;
}
