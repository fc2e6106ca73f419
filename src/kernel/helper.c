/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper: reads requests, compares them with the policy, hands them to the back end, reports.
 *
 * What the engine may ask for is a row of `handlers`; what it may have is in the policy that the
 * daemon made from the helper's own reading of the configuration file. Three readings are kept:
 * the candidate (read, not yet in force), the one in force, and the one before it, to which an
 * unconfirmed reload goes back. Taking off an address needs no permission: the back end only takes
 * off what it put there.
 *
 * States (addresses, links) are level-triggered: the back end keeps what has not been told, and it
 * goes when there is room. The same holds for "please stop" and "please reload". Answers wait in
 * the channel's queue.
 *
 * The engine is watched by counting ticks without a word from it. The loop reads sockets before it
 * runs timers and ticks are not made up for, so a helper that was stopped for a while, alone or
 * together with the engine, starts to count only when it runs again.
 *
 * Owns: the channel, the back end, the policies. The host is the daemon.
 */
#include "kernel/helper.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/helper_backend.h"
#include "kernel/helper_chan.h"
#include "kernel/helper_config.h"
#include "kernel/helper_policy.h"
#include "kernel/helper_socket.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TICK (250 * DUR_MS)
/* Whole ticks that must pass in silence; the first one may begin just before it. */
#define TICKS(silence) ((unsigned)((silence) / TICK) + 1)

/* One reading of the configuration file. */
struct helper_reading {
	uint32_t serial; /* 0: none */
	struct helper_policy *policy;
};

struct helper {
	struct loop *loop;
	struct helper_host *host;
	struct helper_backend *backend;
	struct helper_chan chan;
	struct helper_reading candidate;
	struct helper_reading current;
	struct helper_reading previous;
	struct loop_task flush;
	struct loop_timer tick;
	unsigned silent;  /* ticks without a word from the engine */
	unsigned patient; /* ticks for which it has a configuration to chew on */
	bool committed;   /* and has said so: the next heartbeat means that it is through */
	bool ready;
	bool stopping;
	bool owes_stop;
	bool owes_reload;
};

const char *
helper_end_str(enum helper_end end)
{
	static const char *const words[] = {
	    [HELPER_END_CLEAN] = "stopped",
	    [HELPER_END_EOF] = "died",
	    [HELPER_END_PROTOCOL] = "broke the protocol",
	};

	return words[end];
}

/* -- what is told when there is room -- */

static bool
flush_word(struct helper *h, bool *owed, enum helper_kind kind)
{
	struct helper_msg m = {.kind = kind};

	if (!*owed)
		return true;
	if (helper_chan_try(&h->chan, &m) != 0)
		return false;
	*owed = false;
	return true;
}

static void
helper_flush(struct helper *h)
{
	struct helper_msg m;

	if (!flush_word(h, &h->owes_stop, HELPER_STOP) ||
	    !flush_word(h, &h->owes_reload, HELPER_RELOAD))
		return;
	while (h->backend->ops->report(h->backend, &m)) {
		if (helper_chan_try(&h->chan, &m) != 0)
			return;
		h->backend->ops->reported(h->backend);
	}
}

static void
flush_task(struct loop_task *t)
{
	helper_flush(container_of(t, struct helper, flush));
}

void
helper_has_reports(struct helper *h)
{
	loop_task_schedule(&h->flush);
}

void
helper_ask_stop(struct helper *h)
{
	h->owes_stop = true;
	loop_task_schedule(&h->flush);
}

void
helper_ask_reload(struct helper *h)
{
	h->owes_reload = true;
	loop_task_schedule(&h->flush);
}

/* An answer; the channel stops reading long before its queue is full. */
static void
helper_answer(struct helper *h, const struct helper_msg *m, int fd)
{
	if (helper_chan_send(&h->chan, m, fd) == -ENOBUFS)
		log_error("too many answers wait for the engine: one '%s' is lost",
		    helper_kind_str(m->kind));
}

/* -- configuration -- */

static void
reading_drop(struct helper_reading *r)
{
	helper_policy_free(r->policy);
	*r = (struct helper_reading){0};
}

static void
on_config_read(struct helper *h, const struct helper_msg *m)
{
	struct helper_msg answer = {.kind = HELPER_CONFIG_DATA};
	char *text = NULL;
	size_t len;
	int fd = -1, error;

	reading_drop(&h->candidate);
	error = helper_config_load(h->host->config_path, &text, &len);
	if (error == 0) {
		fd = helper_config_seal(text, len);
		error = fd < 0 ? fd : 0;
	}
	if (error == 0) {
		h->candidate.serial = m->config.serial;
		h->candidate.policy = h->host->read_policy(h->host, text, len);
		if (h->candidate.policy != NULL)
			helper_policy_seal(h->candidate.policy);
	}
	free(text);
	answer.config_data.serial = m->config.serial;
	answer.config_data.error = error;
	h->patient = TICKS(HELPER_SILENCE_CONFIG);
	h->committed = false;
	helper_answer(h, &answer, fd);
}

static void
on_config_commit(struct helper *h, const struct helper_msg *m)
{
	struct helper_reading next = {0};
	uint32_t serial = m->config.serial;

	h->committed = true;
	if (h->candidate.serial == serial && h->candidate.policy != NULL) {
		next = h->candidate;
		h->candidate = (struct helper_reading){0};
		reading_drop(&h->previous);
	} else if (h->previous.serial == serial) {
		next = h->previous;
	} else {
		log_error("the engine wants configuration %u, which the helper could not read: "
			  "the one before stays in force here",
		    serial);
		return;
	}
	h->previous = h->current;
	h->current = next;
	h->backend->ops->policy(h->backend, h->current.policy);
}

/* -- requests -- */

/* A sign that the engine's loop goes round: a configuration that it committed is applied. */
static void
engine_is_through(struct helper *h)
{
	if (h->committed)
		h->patient = 0;
}

static void
on_ready(struct helper *h, const struct helper_msg *m)
{
	(void)m;
	if (h->ready)
		return;
	h->ready = true;
	engine_is_through(h);
	loop_timer_after(&h->tick, TICK);
	h->host->engine_ready(h->host);
}

static void
on_heartbeat(struct helper *h, const struct helper_msg *m)
{
	struct helper_msg ack = {.kind = HELPER_HEARTBEAT_ACK};

	engine_is_through(h);
	/* When there is no room, what waits is sign of life enough. */
	ack.heartbeat.seq = m->heartbeat.seq;
	(void)helper_chan_try(&h->chan, &ack);
}

static void
answer_address(struct helper *h, const struct prefix *prefix, int error)
{
	struct helper_msg m = {.kind = HELPER_ADDRESS_STATE};

	m.address_state.prefix = *prefix;
	m.address_state.present = h->backend->ops->address_is_present(h->backend, prefix);
	m.address_state.error = error;
	helper_answer(h, &m, -1);
}

static void
on_address_set(struct helper *h, const struct helper_msg *m)
{
	const struct prefix *prefix = &m->address_set.prefix;
	const char *ifname = m->address_set.ifname;
	char text[PREFIX_TEXT];

	if (!m->address_set.present) {
		if (h->backend->ops->address_del(h->backend, prefix) != 0)
			answer_address(h, prefix, 0);
		return;
	}
	if (helper_policy_allows_address(h->current.policy, prefix, ifname)) {
		h->backend->ops->address_add(h->backend, prefix, ifname);
		return;
	}
	log_error("refused to put %s on %s: the configuration does not name it there",
	    prefix_format(prefix, text, sizeof(text)), ifname);
	answer_address(h, prefix, -EPERM);
}

static void
on_listen(struct helper *h, const struct helper_msg *m)
{
	struct net_opts opts = {
	    .ttl = m->listen.ttl, .min_ttl = m->listen.min_ttl, .tos = m->listen.tos};
	struct helper_msg answer = {.kind = HELPER_LISTEN_RESULT};
	char text[ENDPOINT_TEXT];
	int fd = -EPERM;

	str_copy(opts.device, sizeof(opts.device), m->listen.device);
	if (helper_policy_allows_listen(h->current.policy, &m->listen.local))
		fd = h->backend->ops->listen(h->backend, &m->listen.local, &opts);
	else
		log_error("refused to listen on %s: the configuration does not name it",
		    endpoint_format(&m->listen.local, text, sizeof(text)));
	answer.listen_result.ticket = m->listen.ticket;
	answer.listen_result.error = fd < 0 ? fd : 0;
	helper_answer(h, &answer, fd < 0 ? -1 : fd);
}

static void
on_socket_open(struct helper *h, const struct helper_msg *m)
{
	enum kernel_socket_kind kind = m->socket_open.kind;
	struct helper_msg answer = {.kind = HELPER_SOCKET_RESULT};
	int fd = -EACCES;

	if (helper_policy_allows_socket(h->current.policy, kind))
		fd = h->backend->ops->socket_open(h->backend, kind);
	else
		log_error("refused to open a socket for %s: the configuration has no probe that "
			  "needs it",
		    helper_socket_str(kind));
	answer.socket_result.id = m->socket_open.id;
	answer.socket_result.error = fd < 0 ? fd : 0;
	helper_answer(h, &answer, fd < 0 ? -1 : fd);
}

static void
on_exec_start(struct helper *h, const struct helper_msg *m)
{
	const struct helper_policy_exec *rule =
	    helper_policy_find_exec(h->current.policy, m->exec_start.name);
	struct kernel_exec_result result = {.end = KERNEL_EXEC_FAILED, .code = -EPERM};

	if (rule != NULL)
		result.code = h->backend->ops->exec_start(h->backend, m->exec_start.id, rule);
	else
		log_error("refused to run a command for probe '%s': the configuration has none",
		    m->exec_start.name);
	if (result.code != 0)
		helper_exec_ended(h, m->exec_start.id, &result);
}

void
helper_exec_ended(struct helper *h, uint32_t id, const struct kernel_exec_result *result)
{
	struct helper_msg m = {.kind = HELPER_EXEC_RESULT};

	m.exec_result.id = id;
	m.exec_result.result = *result;
	helper_answer(h, &m, -1);
}

static void
on_exec_kill(struct helper *h, const struct helper_msg *m)
{
	h->backend->ops->exec_kill(h->backend, m->exec_kill.id);
}

static void
on_stopping(struct helper *h, const struct helper_msg *m)
{
	(void)m;
	h->stopping = true;
}

typedef void helper_handler_fn(struct helper *h, const struct helper_msg *m);

static helper_handler_fn *const handlers[HELPER_KIND_END] = {
    [HELPER_READY] = on_ready,
    [HELPER_HEARTBEAT] = on_heartbeat,
    [HELPER_ADDRESS_SET] = on_address_set,
    [HELPER_LISTEN] = on_listen,
    [HELPER_EXEC_START] = on_exec_start,
    [HELPER_EXEC_KILL] = on_exec_kill,
    [HELPER_CONFIG_READ] = on_config_read,
    [HELPER_CONFIG_COMMIT] = on_config_commit,
    [HELPER_STOPPING] = on_stopping,
    [HELPER_SOCKET_OPEN] = on_socket_open,
};

/* -- the channel -- */

static void
chan_message(struct helper_chan *c, const struct helper_msg *m, int fd)
{
	struct helper *h = container_of(c, struct helper, chan);

	assert(fd < 0 && handlers[m->kind] != NULL);
	h->silent = 0;
	handlers[m->kind](h, m);
}

static void
chan_room(struct helper_chan *c)
{
	helper_flush(container_of(c, struct helper, chan));
}

static void
chan_ended(struct helper_chan *c, enum helper_end end)
{
	struct helper *h = container_of(c, struct helper, chan);

	loop_timer_cancel(&h->tick);
	loop_task_cancel(&h->flush);
	if (end == HELPER_END_EOF && h->stopping)
		end = HELPER_END_CLEAN;
	h->backend->ops->exec_kill_all(h->backend);
	h->host->engine_gone(h->host, end);
}

static const struct helper_chan_ops chan_ops = {chan_message, chan_room, chan_ended};

/* -- the watch over the engine -- */

static void
helper_tick(struct loop_timer *t)
{
	struct helper *h = container_of(t, struct helper, tick);
	unsigned limit = h->patient > 0 ? TICKS(HELPER_SILENCE_CONFIG) : TICKS(HELPER_SILENCE);

	h->silent++;
	if (h->silent >= limit) {
		h->host->engine_silent(h->host);
		return;
	}
	if (h->patient > 0)
		h->patient--;
	loop_timer_after(&h->tick, TICK);
}

/* -- life -- */

struct helper *
helper_new_with(struct loop *l, int fd, struct helper_host *host, struct helper_backend *b)
{
	struct helper *h = mem_alloc(sizeof(*h));

	h->loop = l;
	h->host = host;
	h->backend = b;
	b->helper = h;
	loop_task_init(&h->flush, l, flush_task);
	loop_timer_init(&h->tick, l, helper_tick);
	helper_chan_init(&h->chan, l, fd, HELPER_FROM_ENGINE, &chan_ops);
	loop_task_schedule(&h->flush);
	return h;
}

struct helper *
helper_new(struct loop *l, int fd, struct helper_host *host)
{
	struct helper_backend *b = helper_kernel_new(l);

	if (b == NULL) {
		close(fd);
		return NULL;
	}
	return helper_new_with(l, fd, host, b);
}

void
helper_free(struct helper *h)
{
	if (h == NULL)
		return;
	loop_timer_cancel(&h->tick);
	loop_task_cancel(&h->flush);
	helper_chan_done(&h->chan);
	h->backend->ops->free(h->backend);
	reading_drop(&h->candidate);
	reading_drop(&h->current);
	reading_drop(&h->previous);
	free(h);
}
