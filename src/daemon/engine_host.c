/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's place in nighd: it connects the engine to the helper's client, and serves control
 * and HTTP.
 *
 * Configurations always come the same way, at start and at reload: the helper is asked for the
 * file's bytes, they are parsed here, and when they are good the helper's policy follows (commit)
 * before the engine applies them. A file that became bad between nighd's first look and the
 * engine's start ends the family; later a bad file changes nothing.
 *
 * Owns: the client, the network provider, the engine, the control server.
 */
#include "daemon/engine_host.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "control/control.h"
#include "daemon/engine.h"
#include "kernel/helper_client.h"

#include <stdlib.h>
#include <string.h>

#define STOP_TEXT  "nigh stops"
#define HTTP_RETRY (3 * DUR_S)

struct engine_host {
	struct loop *loop;
	const struct family_start *start;
	struct helper_client *client;
	struct helper_client_host client_host;
	struct net *net;
	struct engine *engine;
	struct engine_env env;
	struct control *control;
	struct control_source source;
	struct loop_timer http_retry;
	int http_error; /* that was logged last */
	char *socket;   /* where control listens, for good; owned */
	bool ready;     /* a configuration is in force */
	int status;
};

static void
end(struct engine_host *h, int status)
{
	h->status = status;
	loop_stop(h->loop);
}

/* -- from the helper -- */

static void
on_opened(struct helper_client_host *host, uint32_t ticket, int fd)
{
	struct engine_host *h = container_of(host, struct engine_host, client_host);

	net_real_opened(h->net, ticket, fd);
}

/* The address may come later than we do. */
static void
open_http(struct engine_host *h)
{
	struct control_conf conf = config_control(engine_config(h->engine));
	char text[ENDPOINT_TEXT];
	int error = control_http(h->control, &conf.http);

	if (error != 0)
		loop_timer_after(&h->http_retry, HTTP_RETRY);
	else
		loop_timer_cancel(&h->http_retry);
	if (error != 0 && error != h->http_error)
		log_error("control: cannot serve HTTP on %s: %s; trying again",
		    endpoint_format(&conf.http, text, sizeof(text)), strerror(-error));
	h->http_error = error;
}

static void
on_http_retry(struct loop_timer *t)
{
	open_http(container_of(t, struct engine_host, http_retry));
}

/* What is read at the start only, and was changed since. */
static void
check_unchangeable(struct engine_host *h)
{
	struct control_conf conf = config_control(engine_config(h->engine));

	if (h->socket == NULL)
		h->socket = mem_strdup(conf.socket);
	else if (!str_equal(h->socket, conf.socket))
		log_warn("control.socket: still on %s; %s is used after the next start", h->socket,
		    conf.socket);
}

/* Puts a configuration in force, or says in `problem` why not. */
static void
take_config(struct engine_host *h, const struct helper_config *config, struct str *problem)
{
	const char *path = h->start->config_path;
	struct conf_generation *g;
	struct diag diag;

	if (config->error != 0) {
		str_printf(problem, "%s: %s\n", path, strerror(-config->error));
		return;
	}
	diag_init(&diag);
	g = conf_load(&config_schema, path, config->text, config->len, &diag);
	if (g == NULL) {
		diag_print(&diag, problem);
	} else {
		helper_client_config_commit(h->client, config->serial);
		engine_apply(h->engine, g);
		open_http(h);
		check_unchangeable(h);
	}
	diag_done(&diag);
}

static void
on_config(struct helper_client_host *host, const struct helper_config *config)
{
	struct engine_host *h = container_of(host, struct engine_host, client_host);
	struct str problem = {0};
	bool good;

	if (engine_stopping(h->engine))
		return;
	take_config(h, config, &problem);
	good = problem.len == 0;
	if (h->ready) {
		engine_reloaded(h->engine, good ? NULL : str_text(&problem));
	} else if (good) {
		h->ready = true;
		helper_client_ready(h->client);
	} else {
		log_error("configuration: cannot start:");
		engine_log_lines(str_text(&problem));
		end(h, 1);
	}
	str_done(&problem);
}

static void
on_stop(struct helper_client_host *host)
{
	engine_host_stop(container_of(host, struct engine_host, client_host));
}

static void
on_reload(struct helper_client_host *host)
{
	engine_host_reload(container_of(host, struct engine_host, client_host));
}

static void
on_gone(struct helper_client_host *host, enum helper_end how)
{
	struct engine_host *h = container_of(host, struct engine_host, client_host);

	log_error("the helper %s: ending, so that the routes go", helper_end_str(how));
	end(h, 1);
}

/* -- from the engine -- */

static void
on_engine_stopped(struct engine_env *env)
{
	struct engine_host *h = container_of(env, struct engine_host, env);

	log_notice("stopped");
	end(h, 0);
}

static void
on_engine_reload(struct engine_env *env)
{
	struct engine_host *h = container_of(env, struct engine_host, env);

	helper_client_config_read(h->client);
}

static void
on_metrics(struct control_source *source, struct str *out)
{
	engine_metrics(container_of(source, struct engine_host, source)->engine, out);
}

/* -- life -- */

struct engine_host *
engine_host_new(struct loop *l, const struct family_start *start, int helper_fd)
{
	struct engine_host *h = mem_alloc(sizeof(*h));

	h->loop = l;
	h->start = start;
	h->status = 1;
	h->client_host = (struct helper_client_host){
	    .opened = on_opened,
	    .config = on_config,
	    .stop = on_stop,
	    .reload = on_reload,
	    .gone = on_gone,
	};
	h->client = helper_client_new(l, helper_fd, &h->client_host);
	h->net = net_real_new(l, helper_client_opener(h->client));
	h->env = (struct engine_env){
	    .loop = l,
	    .net = h->net,
	    .kernel = helper_client_port(h->client),
	    .seed = rng_secure(),
	    .stopped = on_engine_stopped,
	    .reload = on_engine_reload,
	};
	h->engine = engine_new(&h->env, &start->node);
	h->source = (struct control_source){
	    .commands = engine_commands(h->engine),
	    .metrics = on_metrics,
	};
	h->control = control_new(l, &h->source, start->control_fd);
	loop_timer_init(&h->http_retry, l, on_http_retry);
	helper_client_config_read(h->client);
	return h;
}

void
engine_host_free(struct engine_host *h)
{
	loop_timer_cancel(&h->http_retry);
	control_free(h->control);
	engine_free(h->engine);
	net_free(h->net);
	helper_client_free(h->client);
	free(h->socket);
	free(h);
}

void
engine_host_stop(struct engine_host *h)
{
	helper_client_stopping(h->client);
	engine_stop(h->engine, STOP_TEXT);
}

void
engine_host_reload(struct engine_host *h)
{
	if (h->ready)
		engine_reload(h->engine);
	else if (!engine_stopping(h->engine)) /* the file may have changed since it was read */
		helper_client_config_read(h->client);
}

int
engine_host_status(const struct engine_host *h)
{
	return h->status;
}
