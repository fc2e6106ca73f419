/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The privileged side of nighd: makes policies from the configuration, ends an engine that hangs,
 * and tells systemd how things are.
 *
 * The watchdog of systemd watches this process, this process watches the engine: a hang anywhere
 * ends the family, and the routes go with it.
 *
 * Owns: the helper object. In split mode it also owns the engine's process, by pid.
 */
#include "daemon/helper_side.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/notify.h"
#include "daemon/policy.h"
#include "kernel/helper.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct helper_side {
	struct loop *loop;
	struct helper *helper;
	struct helper_host host;
	struct loop_timer alive;
	dur_t alive_every;
	pid_t engine;
	int status;
};

static struct helper_policy *
on_read_policy(struct helper_host *host, const char *text, size_t len)
{
	struct conf_generation *g;
	struct helper_policy *policy = NULL;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, host->config_path, text, len, &diag);
	if (g != NULL) {
		policy = policy_make(g->root);
		conf_free(g);
	}
	diag_done(&diag);
	return policy;
}

static void
on_ready(struct helper_host *host)
{
	notify_ready();
}

static void
on_silent(struct helper_host *host)
{
	struct helper_side *h = container_of(host, struct helper_side, host);

	log_error("the engine has not been heard for 1 s: ending it, so that the routes go");
	if (h->engine > 0)
		kill(h->engine, SIGKILL);
	else
		abort();
}

static void
on_gone(struct helper_host *host, enum helper_end how)
{
	struct helper_side *h = container_of(host, struct helper_side, host);

	h->status = how == HELPER_END_CLEAN ? 0 : 1;
	if (how != HELPER_END_CLEAN)
		log_error("the engine %s", helper_end_str(how));
	if (how == HELPER_END_PROTOCOL && h->engine > 0)
		kill(h->engine, SIGKILL);
	if (h->engine > 0)
		loop_stop(h->loop);
}

static void
on_alive(struct loop_timer *t)
{
	struct helper_side *h = container_of(t, struct helper_side, alive);

	notify_alive();
	loop_timer_after(&h->alive, h->alive_every);
}

struct helper_side *
helper_side_new(struct loop *l, const struct family_start *start, int fd, pid_t engine)
{
	struct helper_side *h = mem_alloc(sizeof(*h));

	h->loop = l;
	h->engine = engine;
	h->status = 1;
	h->host = (struct helper_host){
	    .config_path = start->config_path,
	    .read_policy = on_read_policy,
	    .engine_ready = on_ready,
	    .engine_silent = on_silent,
	    .engine_gone = on_gone,
	};
	h->helper = helper_new(l, fd, &h->host);
	if (h->helper == NULL) {
		free(h);
		return NULL;
	}
	loop_timer_init(&h->alive, l, on_alive);
	h->alive_every = notify_watchdog();
	if (h->alive_every > 0)
		loop_timer_after(&h->alive, h->alive_every);
	return h;
}

void
helper_side_free(struct helper_side *h)
{
	loop_timer_cancel(&h->alive);
	helper_free(h->helper);
	free(h);
}

void
helper_side_stop(struct helper_side *h)
{
	notify_stopping();
	helper_ask_stop(h->helper);
}

void
helper_side_reload(struct helper_side *h)
{
	helper_ask_reload(h->helper);
}

int
helper_side_status(const struct helper_side *h)
{
	return h->status;
}
