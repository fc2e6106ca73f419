/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcurl multi object on the loop.
 *
 * libcurl says which sockets it waits for and when it wants to be called (the two callbacks below);
 * the loop tells it what became ready, and after each such call the finished transfers are
 * collected and handed to the owner. So nothing of the owner's runs inside libcurl, but the
 * functions that read an answer.
 *
 * A watcher belongs to libcurl as long as it waits for the socket, and to the list of idle ones
 * otherwise: an attempt allocates none.
 */
#include "probe/http_multi.h"

#include "base/log.h"
#include "base/mem.h"

#include <stdlib.h>

struct http_watch {
	struct loop_fd fd;
	struct http_multi *multi;
	LIST_ENTRY(http_watch) link; /* while idle */
};

void
http_must(bool fine, const char *what)
{
	if (!fine) {
		log_error("libcurl failed: %s", what);
		abort();
	}
}

static void
drive(struct http_multi *m, curl_socket_t fd, int ready)
{
	const CURLMsg *msg;
	int left;

	curl_multi_socket_action(m->curl, fd, ready, &left);
	while ((msg = curl_multi_info_read(m->curl, &left)) != NULL) {
		if (msg->msg == CURLMSG_DONE)
			m->finished(m, msg->easy_handle, msg->data.result);
	}
}

/* -- time -- */

static void
on_timer(struct loop_timer *t)
{
	drive(container_of(t, struct http_multi, timer), CURL_SOCKET_TIMEOUT, 0);
}

/* libcurl would begin a transfer a millisecond later: it never asks for a shorter time. */
static void
on_begin(struct loop_task *t)
{
	drive(container_of(t, struct http_multi, begin), CURL_SOCKET_TIMEOUT, 0);
}

static int
on_want_time(CURLM *curl, long timeout_ms, void *arg)
{
	struct http_multi *m = arg;

	if (timeout_ms < 0)
		loop_timer_cancel(&m->timer);
	else
		loop_timer_after(&m->timer, timeout_ms * DUR_MS);
	return 0;
}

/* -- sockets -- */

static void
on_ready(struct loop_fd *w, unsigned ready)
{
	struct http_watch *watch = container_of(w, struct http_watch, fd);

	drive(watch->multi, w->fd,
	    ((ready & LOOP_READ) != 0 ? CURL_CSELECT_IN : 0) |
		((ready & LOOP_WRITE) != 0 ? CURL_CSELECT_OUT : 0));
}

static struct http_watch *
watch_take(struct http_multi *m)
{
	struct http_watch *w = LIST_FIRST(&m->watches);

	if (w == NULL)
		return mem_alloc(sizeof(*w));
	LIST_REMOVE(w, link);
	return w;
}

/* `known` is what was assigned to the socket before. */
static int
on_want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct http_multi *m = arg;
	struct http_watch *w = known;

	if (what == CURL_POLL_REMOVE) {
		if (w != NULL) {
			loop_fd_done(&w->fd);
			LIST_INSERT_HEAD(&m->watches, w, link);
		}
		return 0;
	}
	if (w == NULL) {
		w = watch_take(m);
		w->multi = m;
		loop_fd_init(&w->fd, m->loop, fd, on_ready);
		curl_multi_assign(m->curl, fd, w);
	}
	loop_fd_want(&w->fd, ((what & CURL_POLL_IN) != 0 ? LOOP_READ : 0) |
				 ((what & CURL_POLL_OUT) != 0 ? LOOP_WRITE : 0));
	return 0;
}

/* -- the object -- */

void
http_multi_init(struct http_multi *m, struct loop *l, http_finished_fn *finished)
{
	m->loop = l;
	m->finished = finished;
	LIST_INIT(&m->watches);
	loop_timer_init(&m->timer, l, on_timer);
	loop_task_init(&m->begin, l, on_begin);
	m->curl = curl_multi_init();
	http_must(m->curl != NULL, "no multi object");
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETFUNCTION, on_want_socket);
	curl_multi_setopt(m->curl, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERFUNCTION, on_want_time);
	curl_multi_setopt(m->curl, CURLMOPT_TIMERDATA, m);
	curl_multi_setopt(m->curl, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void
http_multi_done(struct http_multi *m)
{
	struct http_watch *w, *next;

	curl_multi_cleanup(m->curl);
	loop_timer_cancel(&m->timer);
	loop_task_cancel(&m->begin);
	LIST_FOREACH_SAFE (w, &m->watches, link, next)
		free(w);
}

void
http_multi_add(struct http_multi *m, CURL *easy)
{
	http_must(curl_multi_add_handle(m->curl, easy) == CURLM_OK, "cannot begin");
	loop_task_schedule(&m->begin);
}

void
http_multi_del(struct http_multi *m, CURL *easy)
{
	curl_multi_remove_handle(m->curl, easy);
}
