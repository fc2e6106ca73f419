/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libcurl multi object on the loop: it carries any number of transfers.
 */
#ifndef PROBE_HTTP_MULTI_H
#define PROBE_HTTP_MULTI_H

#include "base/queue.h"
#include "loop/loop.h"

#include <curl/curl.h>

struct http_watch;
LIST_HEAD(http_watch_list, http_watch);

struct http_multi;
/* A transfer has ended. The handle is still in the multi object: the callee takes it out
 * (http_multi_del) and may then do whatever it likes, but free the multi object. */
typedef void http_finished_fn(struct http_multi *m, CURL *easy, CURLcode code);
struct http_multi {
	CURLM *curl;
	struct loop *loop;
	http_finished_fn *finished;
	struct loop_timer timer;
	struct loop_task begin;         /* runs what was added in this turn */
	struct http_watch_list watches; /* idle; owned */
};

void http_multi_init(struct http_multi *m, struct loop *l, http_finished_fn *finished);
/* No transfer is left in it. */
void http_multi_done(struct http_multi *m);
/* Starts a transfer; finished() is never called from within. */
void http_multi_add(struct http_multi *m, CURL *easy);
/* Takes it out, finished or not. Not for libcurl's own callbacks. */
void http_multi_del(struct http_multi *m, CURL *easy);
/* Aborts, with a line in the log, when libcurl refuses what it cannot refuse but without memory. */
void http_must(bool fine, const char *what);

#endif
