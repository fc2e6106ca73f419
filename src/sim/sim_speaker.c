/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's end of the sessions with model routers: a speaker like any other, with an intent sink
 * for every neighbor of the section `bgp:`.
 *
 * When a session is up, its sink walks the intent; each entry becomes a message that takes the
 * latency of the path to be delivered, and as long again to be acknowledged, which settles it. A
 * router that takes its time makes messages queue up, and the sink stops walking when SPEAKER_ROOM
 * of them wait. A session whose path stays blocked for the hold time goes down; whatever it had on
 * its way is lost, and the sink starts from nothing.
 *
 * struct sim_session is the node's (it outlives the engine); the sink in it is registered as long
 * as the engine has the neighbor.
 */
#include "proto/bgp/bgp.h"
#include "proto/bgp/bgp_conf.h"
#include "sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SPEAKER_ROOM 4 /* messages under way to a slow router */
#define ECHO_EVERY   25

struct sim_speaker {
	struct speaker speaker;
	struct speaker_env env;
	struct sim_node *node;
	bool stopping;
};

/* -- what a neighbor was told -- */

bool
sim_node_told(struct sim_node *n, const struct prefix *p)
{
	const struct sim_message *m;
	struct sim_session *x;

	LIST_FOREACH (x, &n->sessions, link) {
		if (sim_view_find(&x->handed, p) != NULL)
			return true;
		if (n->sim->real && sim_bgp_told(x, p))
			return true;
		TAILQ_FOREACH (m, &x->messages, link) {
			if (prefix_equal(&m->route.prefix, p))
				return true;
		}
	}
	return false;
}

void
sim_node_lost(struct sim_node *n, const struct prefix *p)
{
	struct sim_address *a = sim_host_find(&n->host, p);

	if (a != NULL && !sim_node_told(n, p))
		a->lost_at = sim_now(n->sim);
}

/* -- sending -- */

static void
wire_arm(struct sim_session *x)
{
	mono_t at = {.ns = DUR_NEVER};
	const struct sim_message *m;

	TAILQ_FOREACH (m, &x->messages, link)
		at = mono_min(at, m->at);
	if (sim_path_open(x) && at.ns != DUR_NEVER)
		loop_timer_at(&x->wire, at);
	else
		loop_timer_cancel(&x->wire);
}

/* A withdrawal of what the neighbor does not have stays here. */
static bool
session_knows(struct sim_session *x, const struct intent_entry *e)
{
	return e->wanted || sim_view_find(&x->handed, &e->prefix) != NULL;
}

static void
session_send(struct sim_session *x, const struct intent_entry *e)
{
	const struct bgp_neighbor_conf *conf = x->conf;
	const struct sim_message *last = TAILQ_LAST(&x->messages, sim_messages);
	mono_t earliest = mono_add(sim_now(x->node->sim), SIM_LATENCY);
	struct sim_message *m;

	x->handed_count++;
	sim_check_handed(x, e);
	if (!session_knows(x, e))
		return;
	m = mem_alloc(sizeof(*m));
	m->route = (struct sim_route){
	    .prefix = e->prefix, .attrs = attrs_apply(e->attrs, conf->attributes)};
	m->wanted = e->wanted;
	m->version = x->sink.handed;
	m->at = earliest;
	if (last != NULL && last->state == MESSAGE_SENT && mono_before(earliest, last->at))
		m->at = last->at;
	m->at = mono_add(m->at, x->pace);
	TAILQ_INSERT_TAIL(&x->messages, m, link);
	if (e->wanted)
		sim_view_put(&x->handed, &m->route);
	else
		sim_view_del(&x->handed, &m->route.prefix);
	x->total_handed++;
	if (x->node->sim->sabotage == SABOTAGE_EARLY)
		intent_settle(&x->sink, m->version);
}

static size_t
session_load(const struct sim_session *x)
{
	const struct sim_message *m;
	size_t n = 0;

	TAILQ_FOREACH (m, &x->messages, link)
		n++;
	return n;
}

/* Nothing is on its way: the router has all that was handed out. */
static void
session_quiet(struct sim_session *x)
{
	if (TAILQ_EMPTY(&x->messages))
		intent_settle(&x->sink, x->sink.handed);
}

/* Sabotage: what is wanted first. Entries stay where they are until intent_run(). */
static void
walk_backwards(struct sim_session *x)
{
	const struct intent_entry *e, *late[64];
	size_t n = 0;

	while (n < ARRAY_LEN(late) && (e = intent_next(&x->sink)) != NULL) {
		if (e->wanted)
			session_send(x, e);
		else
			late[n++] = e;
	}
	for (size_t i = 0; i < n; i++)
		session_send(x, late[i]);
}

static void
session_walk(struct loop_task *t)
{
	struct sim_session *x = container_of(t, struct sim_session, walk);
	const struct intent_entry *e;

	if (!x->up)
		return;
	if (x->node->sim->sabotage == SABOTAGE_ORDER)
		walk_backwards(x);
	if (x->node->sim->sabotage == SABOTAGE_ECHO && x->handed_count % ECHO_EVERY == 1)
		intent_sink_replay(&x->sink);
	while (x->pace == 0 || session_load(x) < SPEAKER_ROOM) {
		e = intent_next(&x->sink);
		if (e == NULL)
			break;
		session_send(x, e);
	}
	session_quiet(x);
	wire_arm(x);
}

static void
session_acknowledged(struct sim_session *x, struct sim_message *m)
{
	TAILQ_REMOVE(&x->messages, m, link);
	intent_settle(&x->sink, m->version);
	session_quiet(x);
	sim_node_lost(x->node, &m->route.prefix);
	free(m);
	if (!x->sink.idle) /* the walk stopped for want of room */
		loop_task_schedule(&x->walk);
}

static void
session_wire(struct loop_timer *t)
{
	struct sim_session *x = container_of(t, struct sim_session, wire);
	mono_t now = sim_now(x->node->sim);
	struct sim_message *m, *next;

	TAILQ_FOREACH_SAFE (m, &x->messages, link, next) {
		if (mono_before(now, m->at))
			continue;
		if (m->state == MESSAGE_SENT) {
			m->state = MESSAGE_DELIVERED;
			m->at = mono_add(now, SIM_LATENCY);
			sim_router_take(x, m);
			continue;
		}
		session_acknowledged(x, m);
	}
	wire_arm(x);
}

/* -- up and down -- */

static void
session_reset(struct sim_session *x)
{
	const struct intent *in = x->sink.intent;

	intent_sink_reset(&x->sink);
	x->reset_version = intent_version(in);
	x->reset_entries = 0;
	x->handed_count = 0;
	for (const struct intent_entry *e = intent_first(in); e != NULL; e = intent_after(e))
		x->reset_entries += e->kind == INTENT_ROUTE && e->wanted;
}

static void
session_try(struct loop_timer *t)
{
	struct sim_session *x = container_of(t, struct sim_session, connect);

	if (!sim_path_open(x) || x->closed) {
		loop_timer_after(&x->connect, SIM_CONNECT);
		return;
	}
	x->up = true;
	x->since = sim_now(x->node->sim);
	sim_trace(x->node->sim, "node %u: session with %s up", x->node->number, x->name);
	sim_router_opened(x);
	session_reset(x);
	loop_task_schedule(&x->walk);
}

static void
session_drop(struct sim_session *x)
{
	struct sim_message *m;

	while (x->handed.count > 0) {
		struct prefix p = x->handed.routes[0].prefix;

		sim_view_del(&x->handed, &p);
		sim_node_lost(x->node, &p);
	}
	while ((m = TAILQ_FIRST(&x->messages)) != NULL) {
		struct prefix p = m->route.prefix;

		TAILQ_REMOVE(&x->messages, m, link);
		free(m);
		sim_node_lost(x->node, &p);
	}
	loop_timer_cancel(&x->wire);
	loop_timer_cancel(&x->hold);
	loop_timer_cancel(&x->connect);
	loop_task_cancel(&x->walk);
}

void
sim_session_down(struct sim_session *x, const char *why)
{
	if (!x->up)
		return;
	x->up = false;
	x->since = sim_now(x->node->sim);
	sim_trace(x->node->sim, "node %u: session with %s down: %s", x->node->number, x->name, why);
	session_drop(x);
	session_reset(x);
	sim_router_lost(x);
	if (x->configured && !x->speaker->stopping)
		loop_timer_after(&x->connect, SIM_CONNECT);
}

static void
session_hold(struct loop_timer *t)
{
	sim_session_down(container_of(t, struct sim_session, hold), "hold time expired");
}

void
sim_session_path(struct sim_session *x)
{
	struct sim_message *m;
	mono_t now = sim_now(x->node->sim);

	if (!x->up)
		return;
	if (sim_path_open(x)) {
		loop_timer_cancel(&x->hold);
		TAILQ_FOREACH (m, &x->messages, link) {
			if (mono_before(m->at, now))
				m->at = now;
		}
	} else if (!loop_timer_armed(&x->hold)) {
		loop_timer_after(&x->hold, SIM_HOLD);
	}
	wire_arm(x);
}

static void
session_notify(struct intent_sink *sink)
{
	struct sim_session *x = container_of(sink, struct sim_session, sink);

	if (x->up)
		loop_task_schedule(&x->walk);
}

/* -- sessions -- */

struct sim_session *
sim_session_get(struct sim_node *n, const char *name)
{
	struct sim_session *x;

	LIST_FOREACH (x, &n->sessions, link) {
		if (strcmp(x->name, name) == 0)
			return x;
	}
	x = mem_alloc(sizeof(*x));
	x->node = n;
	str_copy(x->name, sizeof(x->name), name);
	TAILQ_INIT(&x->messages);
	loop_task_init(&x->walk, n->sim->loop, session_walk);
	loop_timer_init(&x->connect, n->sim->loop, session_try);
	loop_timer_init(&x->hold, n->sim->loop, session_hold);
	loop_timer_init(&x->wire, n->sim->loop, session_wire);
	sim_router_init(x);
	LIST_INSERT_HEAD(&n->sessions, x, link);
	if (n->sim->real)
		sim_bgp_session(x);
	return x;
}

void
sim_session_free(struct sim_session *x)
{
	assert(!x->configured);
	sim_bgp_session_done(x);
	LIST_REMOVE(x, link);
	sim_router_done(x);
	free(x->handed.routes);
	free(x);
}

/* Other attributes for the neighbor: it is told everything again. */
static void
session_reconfigure(struct sim_session *x, const struct bgp_neighbor_conf *conf)
{
	const struct bgp_neighbor_conf *before = x->conf;
	struct attrs none = {0};
	struct attrs was = attrs_apply(&none, before->attributes);
	struct attrs is = attrs_apply(&none, conf->attributes);

	x->conf = conf;
	if (attrs_equal(&was, &is) || !x->up)
		return;
	intent_sink_replay(&x->sink);
	x->reset_entries += 2 * x->handed_count + intent_version(x->sink.intent);
	loop_task_schedule(&x->walk);
}

static void
session_configure(
    struct sim_speaker *s, struct sim_session *x, const struct bgp_neighbor_conf *conf)
{
	if (x->configured) {
		session_reconfigure(x, conf);
		return;
	}
	x->conf = conf;
	x->configured = true;
	x->speaker = s;
	memset(&x->sink, 0, sizeof(x->sink));
	x->sink.audience = s->env.audience;
	intent_sink_add(s->env.intent, &x->sink, x->name, INTENT_ROUTE, session_notify);
	loop_timer_after(&x->connect, 0);
}

static void
session_unconfigure(struct sim_session *x, const char *why)
{
	if (!x->configured)
		return;
	x->configured = false;
	sim_session_down(x, why);
	session_drop(x);
	intent_sink_del(&x->sink);
	x->conf = NULL;
	x->speaker = NULL;
}

/* -- the speaker -- */

static struct sim_speaker *
speaker_of(struct speaker *s)
{
	return container_of(s, struct sim_speaker, speaker);
}

static const struct sim_speaker *
speaker_of_const(const struct speaker *s)
{
	return (const struct sim_speaker *)(const void *)((const char *)s -
							  offsetof(struct sim_speaker, speaker));
}

static struct speaker *
speaker_new(const struct speaker_env *env)
{
	struct sim_speaker *s = mem_alloc(sizeof(*s));

	s->speaker.kind = &sim_model_speaker;
	s->env = *env;
	s->node = sim_node_of_net(env->net);
	return &s->speaker;
}

static void
speaker_configure(struct speaker *speaker, const struct speaker_node *node, const void *section)
{
	struct sim_speaker *s = speaker_of(speaker);
	const struct bgp_conf *conf = section;
	struct sim_session *x;

	LIST_FOREACH (x, &s->node->sessions, link) {
		if (conf == NULL || conf_map_find(&conf->neighbors, x->name) == NULL)
			session_unconfigure(x, "not configured any more");
	}
	for (size_t i = 0; conf != NULL && i < conf->neighbors.count; i++) {
		const struct conf_map_entry *e = &conf->neighbors.entries[i];

		session_configure(s, sim_session_get(s->node, e->name), e->value);
	}
}

static void
speaker_stop(struct speaker *speaker, const char *text)
{
	struct sim_speaker *s = speaker_of(speaker);
	struct sim_session *x;

	s->stopping = true;
	LIST_FOREACH (x, &s->node->sessions, link) {
		sim_session_down(x, text);
		loop_timer_cancel(&x->connect);
	}
}

static bool
speaker_idle(const struct speaker *speaker)
{
	const struct sim_session *x;

	LIST_FOREACH (x, &speaker_of_const(speaker)->node->sessions, link) {
		if (x->up)
			return false;
	}
	return true;
}

static void
speaker_free(struct speaker *speaker)
{
	struct sim_speaker *s = speaker_of(speaker);
	struct sim_session *x;

	LIST_FOREACH (x, &s->node->sessions, link)
		session_unconfigure(x, "the process ended");
	free(s);
}

static void
speaker_peers(const struct speaker *speaker, speaker_peer_fn *fn, void *arg)
{
}

static void
speaker_explain(const struct speaker *speaker, const struct prefix *p, struct answer *a, mono_t now)
{
}

static bool
speaker_hears(const struct speaker *speaker, const struct prefix *p)
{
	struct sim_session *x;

	LIST_FOREACH (x, &speaker_of_const(speaker)->node->sessions, link) {
		if (sim_view_find(&x->handed, p) != NULL)
			return true;
	}
	return false;
}

static void
speaker_metrics(const struct speaker *speaker, struct metric_writer *m, mono_t now)
{
}

const struct speaker_kind sim_model_speaker = {
    .name = "bgp",
    .schema = &bgp_schema,
    .new = speaker_new,
    .configure = speaker_configure,
    .stop = speaker_stop,
    .idle = speaker_idle,
    .free = speaker_free,
    .peers = speaker_peers,
    .explain = speaker_explain,
    .hears = speaker_hears,
    .metrics = speaker_metrics,
};
