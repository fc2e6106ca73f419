/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's side of the helper.
 *
 * It stands in for the kernel: the kernel port and the opener are structs inside the client, their
 * functions send a message, and the answer is found back by the prefix, the run's id or the
 * ticket. Nothing is called back from inside a request. A request that finds the queue full is
 * answered with -EAGAIN from a deferred task, like an answer of the helper; only addresses are
 * remembered (`unsent`, newest wish for each) and sent when there is room.
 *
 * The helper is watched as it watches us: by counting own heartbeats that nothing came back after,
 * so time in which this process did not run does not count. Whatever comes from the helper is
 * checked like foreign bytes; texts that a command wrote are made printable here.
 *
 * Owns: the channel, unsent wishes, deferred answers. Runs belong to the probes.
 */
#include "kernel/helper_client.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/helper_chan.h"
#include "kernel/helper_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Heartbeats without an answer until the helper counts as dead. */
#define UNANSWERED(silence) ((unsigned)((silence) / HELPER_HEARTBEAT_EVERY))

/* An address that is to be set as soon as there is room. */
struct client_wish {
	RB_ENTRY(client_wish) tree;
	TAILQ_ENTRY(client_wish) link;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool present;
};
RB_HEAD(client_wish_tree, client_wish);

/* A request that could not be sent: its answer comes from a task. */
enum client_request { CLIENT_EXEC, CLIENT_LISTEN, CLIENT_CONFIG, CLIENT_SOCKET };
struct client_refusal {
	STAILQ_ENTRY(client_refusal) link;
	enum client_request request;
	uint32_t id; /* of the run or the socket, the ticket, the serial */
	int error;
};

struct helper_client {
	struct helper_client_host *host;
	struct helper_chan chan;
	struct kernel_port port;
	struct net_opener opener;
	struct client_wish_tree unsent;
	TAILQ_HEAD(, client_wish) unsent_order;
	LIST_HEAD(, kernel_exec) runs;
	LIST_HEAD(, kernel_socket) sockets;
	STAILQ_HEAD(, client_refusal) refusals;
	struct loop_task refuse;
	struct loop_timer beat;
	uint64_t beats;
	unsigned unanswered;
	uint32_t last_run;
	uint32_t last_socket;
	uint32_t last_serial;
	bool reading; /* the helper has a configuration to chew on */
	bool stopping;
};

static int
client_wish_cmp(const struct client_wish *a, const struct client_wish *b)
{
	return prefix_cmp(&a->prefix, &b->prefix);
}
RB_PROTOTYPE(client_wish_tree, client_wish, tree, client_wish_cmp)
RB_GENERATE(client_wish_tree, client_wish, tree, client_wish_cmp)

/* -- requests that could not be sent -- */

static void
client_refuse(struct helper_client *c, enum client_request request, uint32_t id, int error)
{
	struct client_refusal *r = mem_alloc(sizeof(*r));

	*r = (struct client_refusal){.request = request, .id = id, .error = error};
	STAILQ_INSERT_TAIL(&c->refusals, r, link);
	loop_task_schedule(&c->refuse);
}

static void
client_send(
    struct helper_client *c, const struct helper_msg *m, enum client_request request, uint32_t id)
{
	int error = helper_chan_send(&c->chan, m, -1);

	if (error != 0)
		client_refuse(c, request, id, error == -ENOBUFS ? -EAGAIN : error);
}

static void
client_exec_result(struct helper_client *c, uint32_t id, const struct kernel_exec_result *result)
{
	struct kernel_exec *x;

	LIST_FOREACH (x, &c->runs, link)
		if (x->id == id)
			break;
	if (x == NULL)
		return;
	LIST_REMOVE(x, link);
	x->id = 0;
	x->fn(x, result);
}

/* `fd` is a descriptor, which somebody has to own, or a negative errno. */
static void
client_socket_result(struct helper_client *c, uint32_t id, int fd)
{
	struct kernel_socket *s;

	LIST_FOREACH (s, &c->sockets, link)
		if (s->id == id)
			break;
	if (s == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	LIST_REMOVE(s, link);
	s->id = 0;
	s->fn(s, fd);
}

static void
client_answer_refusal(struct helper_client *c, const struct client_refusal *r)
{
	struct kernel_exec_result result = {.end = KERNEL_EXEC_FAILED, .code = r->error};
	struct helper_config config = {.serial = r->id, .error = r->error};

	switch (r->request) {
	case CLIENT_EXEC: client_exec_result(c, r->id, &result); break;
	case CLIENT_LISTEN: c->host->opened(c->host, r->id, r->error); break;
	case CLIENT_SOCKET: client_socket_result(c, r->id, r->error); break;
	case CLIENT_CONFIG:
		if (r->id != c->last_serial)
			break;
		c->reading = false;
		c->host->config(c->host, &config);
		break;
	}
}

static void
client_refuse_task(struct loop_task *t)
{
	struct helper_client *c = container_of(t, struct helper_client, refuse);
	struct client_refusal *r;

	while ((r = STAILQ_FIRST(&c->refusals)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->refusals, link);
		client_answer_refusal(c, r);
		free(r);
	}
}

/* -- addresses -- */

static int
wish_send(struct helper_client *c, const struct client_wish *w)
{
	struct helper_msg m = {.kind = HELPER_ADDRESS_SET};

	m.address_set.prefix = w->prefix;
	m.address_set.present = w->present;
	str_copy(m.address_set.ifname, sizeof(m.address_set.ifname), w->ifname);
	return helper_chan_try(&c->chan, &m);
}

static void
wish_drop(struct helper_client *c, struct client_wish *w)
{
	RB_REMOVE(client_wish_tree, &c->unsent, w);
	TAILQ_REMOVE(&c->unsent_order, w, link);
	free(w);
}

static void
client_send_wishes(struct helper_client *c)
{
	struct client_wish *w;

	while ((w = TAILQ_FIRST(&c->unsent_order)) != NULL && wish_send(c, w) == 0)
		wish_drop(c, w);
}

static void
client_address_set(
    struct kernel_port *k, const struct prefix *prefix, const char *ifname, bool present)
{
	struct helper_client *c = container_of(k, struct helper_client, port);
	struct client_wish wish = {.prefix = *prefix, .present = present}, *w;

	str_copy(wish.ifname, sizeof(wish.ifname), ifname);
	if (TAILQ_EMPTY(&c->unsent_order) && wish_send(c, &wish) == 0)
		return;
	w = RB_FIND(client_wish_tree, &c->unsent, &wish);
	if (w == NULL) {
		w = mem_alloc(sizeof(*w));
		w->prefix = *prefix;
		RB_INSERT(client_wish_tree, &c->unsent, w);
		TAILQ_INSERT_TAIL(&c->unsent_order, w, link);
	}
	w->present = present;
	str_copy(w->ifname, sizeof(w->ifname), ifname);
}

/* -- runs -- */

static void
client_exec_start(struct kernel_port *k, struct kernel_exec *x, const char *name)
{
	struct helper_client *c = container_of(k, struct helper_client, port);
	struct helper_msg m = {.kind = HELPER_EXEC_START};

	if (++c->last_run == 0)
		c->last_run = 1;
	x->id = c->last_run;
	LIST_INSERT_HEAD(&c->runs, x, link);
	m.exec_start.id = x->id;
	if (*name != 0 && str_copy(m.exec_start.name, sizeof(m.exec_start.name), name))
		client_send(c, &m, CLIENT_EXEC, x->id);
	else
		client_refuse(c, CLIENT_EXEC, x->id, -ENAMETOOLONG);
}

static void
client_exec_kill(struct kernel_port *k, struct kernel_exec *x)
{
	struct helper_client *c = container_of(k, struct helper_client, port);
	struct helper_msg m = {.kind = HELPER_EXEC_KILL};

	if (x->id == 0)
		return;
	m.exec_kill.id = x->id;
	LIST_REMOVE(x, link);
	x->id = 0;
	/* Should it get lost in a full queue, the helper's own bound ends the command. */
	(void)helper_chan_send(&c->chan, &m, -1);
}

/* -- sockets that need privileges -- */

static void
client_socket_open(struct kernel_port *k, struct kernel_socket *s, enum kernel_socket_kind kind)
{
	struct helper_client *c = container_of(k, struct helper_client, port);
	struct helper_msg m = {.kind = HELPER_SOCKET_OPEN};

	if (++c->last_socket == 0)
		c->last_socket = 1;
	s->id = c->last_socket;
	LIST_INSERT_HEAD(&c->sockets, s, link);
	m.socket_open.id = s->id;
	m.socket_open.kind = kind;
	client_send(c, &m, CLIENT_SOCKET, s->id);
}

/* The helper is not told: the socket that comes all the same is closed. */
static void
client_socket_cancel(struct kernel_port *k, struct kernel_socket *s)
{
	(void)k;
	if (s->id == 0)
		return;
	LIST_REMOVE(s, link);
	s->id = 0;
}

static const struct kernel_ops port_ops = {
    .address_set = client_address_set,
    .exec_start = client_exec_start,
    .exec_kill = client_exec_kill,
    .socket_open = client_socket_open,
    .socket_cancel = client_socket_cancel,
};

/* -- listening sockets -- */

static void
client_open(struct net_opener *o, uint32_t ticket, const struct endpoint *local,
    const struct net_opts *opts)
{
	struct helper_client *c = container_of(o, struct helper_client, opener);
	struct helper_msg m = {.kind = HELPER_LISTEN};

	m.listen.ticket = ticket;
	m.listen.local = *local;
	m.listen.ttl = opts->ttl;
	m.listen.min_ttl = opts->min_ttl;
	m.listen.tos = opts->tos;
	str_copy(m.listen.device, sizeof(m.listen.device), opts->device);
	client_send(c, &m, CLIENT_LISTEN, ticket);
}

/* -- from the helper -- */

static void
on_heartbeat_ack(struct helper_client *c, const struct helper_msg *m, int fd)
{
	(void)c;
	(void)m;
	(void)fd;
}

static void
on_address_state(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct kernel_listener *l = c->port.listener;

	(void)fd;
	if (l != NULL)
		l->address(
		    l, &m->address_state.prefix, m->address_state.present, m->address_state.error);
}

static void
on_link_state(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct kernel_listener *l = c->port.listener;

	(void)fd;
	if (l != NULL)
		l->link(l, m->link_state.ifname, m->link_state.up);
}

static void
on_served_state(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct kernel_listener *l = c->port.listener;

	(void)fd;
	if (l != NULL && l->served != NULL)
		l->served(l, &m->served_state.what, m->served_state.verdict.served,
		    m->served_state.verdict.why);
}

static void
on_suspect(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct kernel_listener *l = c->port.listener;

	(void)fd;
	if (l != NULL && l->suspect != NULL)
		l->suspect(l, &m->suspect.what, m->suspect.why);
}

static void
on_listen_result(struct helper_client *c, const struct helper_msg *m, int fd)
{
	int error = m->listen_result.error;

	c->host->opened(c->host, m->listen_result.ticket, error == 0 ? fd : error);
}

static void
on_exec_result(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct kernel_exec_result result = m->exec_result.result;

	(void)fd;
	result.output[strcspn(result.output, "\r\n")] = '\0';
	str_sanitise(result.output);
	client_exec_result(c, m->exec_result.id, &result);
}

static void
on_socket_result(struct helper_client *c, const struct helper_msg *m, int fd)
{
	int error = m->socket_result.error;

	client_socket_result(c, m->socket_result.id, error == 0 ? fd : error);
}

static void
on_config_data(struct helper_client *c, const struct helper_msg *m, int fd)
{
	struct helper_config config = {
	    .serial = m->config_data.serial, .error = m->config_data.error};
	char *text = NULL;

	if (config.serial == c->last_serial) {
		c->reading = false;
		if (config.error == 0)
			config.error = helper_config_unseal(fd, &text, &config.len);
		config.text = text;
		c->host->config(c->host, &config);
		free(text);
	}
	if (fd >= 0)
		close(fd);
}

static void
on_stop(struct helper_client *c, const struct helper_msg *m, int fd)
{
	(void)m;
	(void)fd;
	c->host->stop(c->host);
}

static void
on_reload(struct helper_client *c, const struct helper_msg *m, int fd)
{
	(void)m;
	(void)fd;
	c->host->reload(c->host);
}

typedef void client_handler_fn(struct helper_client *c, const struct helper_msg *m, int fd);

static client_handler_fn *const handlers[HELPER_KIND_END] = {
    [HELPER_HEARTBEAT_ACK] = on_heartbeat_ack,
    [HELPER_ADDRESS_STATE] = on_address_state,
    [HELPER_LINK_STATE] = on_link_state,
    [HELPER_LISTEN_RESULT] = on_listen_result,
    [HELPER_EXEC_RESULT] = on_exec_result,
    [HELPER_CONFIG_DATA] = on_config_data,
    [HELPER_STOP] = on_stop,
    [HELPER_RELOAD] = on_reload,
    [HELPER_SOCKET_RESULT] = on_socket_result,
    [HELPER_SERVED_STATE] = on_served_state,
    [HELPER_SUSPECT] = on_suspect,
};

static void
chan_message(struct helper_chan *chan, const struct helper_msg *m, int fd)
{
	struct helper_client *c = container_of(chan, struct helper_client, chan);

	c->unanswered = 0;
	handlers[m->kind](c, m, fd);
}

static void
chan_room(struct helper_chan *chan)
{
	client_send_wishes(container_of(chan, struct helper_client, chan));
}

static void
client_gone(struct helper_client *c, enum helper_end end)
{
	loop_timer_cancel(&c->beat);
	if (end == HELPER_END_EOF && c->stopping)
		end = HELPER_END_CLEAN;
	c->host->gone(c->host, end);
}

static void
chan_ended(struct helper_chan *chan, enum helper_end end)
{
	client_gone(container_of(chan, struct helper_client, chan), end);
}

static const struct helper_chan_ops chan_ops = {chan_message, chan_room, chan_ended};

/* -- heartbeat -- */

static void
client_beat(struct loop_timer *t)
{
	struct helper_client *c = container_of(t, struct helper_client, beat);
	struct helper_msg m = {.kind = HELPER_HEARTBEAT};
	unsigned limit = UNANSWERED(c->reading ? HELPER_SILENCE_CONFIG : HELPER_SILENCE_ACK);

	if (c->unanswered++ >= limit) {
		log_error("the helper has not answered for %u heartbeats", limit);
		helper_chan_done(&c->chan);
		client_gone(c, HELPER_END_EOF);
		return;
	}
	m.heartbeat.seq = ++c->beats;
	/* When there is no room, what waits will tell that we live. */
	(void)helper_chan_try(&c->chan, &m);
	loop_timer_after(&c->beat, HELPER_HEARTBEAT_EVERY);
}

void
helper_client_ready(struct helper_client *c)
{
	struct helper_msg m = {.kind = HELPER_READY};

	m.ready.version = HELPER_VERSION;
	if (helper_chan_send(&c->chan, &m, -1) == 0)
		loop_timer_after(&c->beat, HELPER_HEARTBEAT_EVERY);
}

/* -- configuration and end -- */

uint32_t
helper_client_config_read(struct helper_client *c)
{
	struct helper_msg m = {.kind = HELPER_CONFIG_READ};

	if (++c->last_serial == 0)
		c->last_serial = 1;
	m.config.serial = c->last_serial;
	c->reading = true;
	client_send(c, &m, CLIENT_CONFIG, c->last_serial);
	return c->last_serial;
}

void
helper_client_config_commit(struct helper_client *c, uint32_t serial)
{
	struct helper_msg m = {.kind = HELPER_CONFIG_COMMIT};

	m.config.serial = serial;
	if (helper_chan_send(&c->chan, &m, -1) == -ENOBUFS)
		log_error(
		    "the helper could not be told of configuration %u: reload once more", serial);
}

void
helper_client_stopping(struct helper_client *c)
{
	struct helper_msg m = {.kind = HELPER_STOPPING};

	c->stopping = true;
	(void)helper_chan_send(&c->chan, &m, -1);
}

/* -- life -- */

struct helper_client *
helper_client_new(struct loop *l, int fd, struct helper_client_host *host)
{
	struct helper_client *c = mem_alloc(sizeof(*c));

	c->host = host;
	c->port.ops = &port_ops;
	c->opener.open = client_open;
	RB_INIT(&c->unsent);
	TAILQ_INIT(&c->unsent_order);
	LIST_INIT(&c->runs);
	LIST_INIT(&c->sockets);
	STAILQ_INIT(&c->refusals);
	loop_task_init(&c->refuse, l, client_refuse_task);
	loop_timer_init(&c->beat, l, client_beat);
	helper_chan_init(&c->chan, l, fd, HELPER_FROM_HELPER, &chan_ops);
	return c;
}

void
helper_client_free(struct helper_client *c)
{
	struct client_refusal *r;
	struct client_wish *w;
	struct kernel_socket *s;
	struct kernel_exec *x;

	if (c == NULL)
		return;
	loop_timer_cancel(&c->beat);
	loop_task_cancel(&c->refuse);
	helper_chan_done(&c->chan);
	while ((w = TAILQ_FIRST(&c->unsent_order)) != NULL)
		wish_drop(c, w);
	while ((r = STAILQ_FIRST(&c->refusals)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->refusals, link);
		free(r);
	}
	while ((x = LIST_FIRST(&c->runs)) != NULL) {
		LIST_REMOVE(x, link);
		x->id = 0;
	}
	while ((s = LIST_FIRST(&c->sockets)) != NULL) {
		LIST_REMOVE(s, link);
		s->id = 0;
	}
	free(c);
}

struct kernel_port *
helper_client_port(struct helper_client *c)
{
	return &c->port;
}

struct net_opener *
helper_client_opener(struct helper_client *c)
{
	return &c->opener;
}
