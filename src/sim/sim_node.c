/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a node: its engine starts from a configuration text, reloads, stops in good order, or
 * dies without a word. Hosts, routers and the answers of probes outlive it.
 */
#include "loop/net_virtual.h"
#include "proto/bgp/bgp_conf.h"
#include "sim/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static struct sim_node *
node_of(struct engine_env *env)
{
	return container_of(env, struct sim_node, env);
}

struct sim_node *
sim_node_of_net(struct net *net)
{
	return container_of(net, struct sim_node, net);
}

/* A node's way to the network leads into the cloud; the model speaker has no use for it. */
static int
node_connect(struct net *net, struct net_stream *s, const struct endpoint *remote,
    const struct net_opts *opts)
{
	return net_connect(sim_node_of_net(net)->cloud_net, s, remote, opts);
}

static int
node_listen(struct net *net, struct net_listener *l, const struct endpoint *local,
    const struct net_opts *opts)
{
	return net_listen(sim_node_of_net(net)->cloud_net, l, local, opts);
}

static const struct net_ops node_net = {.connect = node_connect, .listen = node_listen};

/* -- configuration -- */

void
sim_node_set_config(struct sim_node *n, const char *text)
{
	free(n->next_config);
	n->next_config = mem_strdup(text);
}

static struct conf_generation *
node_load(struct sim_node *n, struct str *out)
{
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, "node.yaml", n->next_config, strlen(n->next_config), &diag);
	diag_print(&diag, out);
	diag_done(&diag);
	return g;
}

static uint64_t
history_length(const struct sim_node *n)
{
	return engine_history(n->engine)->next_seq - 1;
}

static void
add_count(
    void *arg, const char *kind, const char *name, const char *to, enum why why, uint64_t count)
{
	uint64_t *total = arg;

	*total += count;
}

static uint64_t
counted(const struct sim_node *n)
{
	uint64_t total = 0;

	core_each_count(engine_core(n->engine), add_count, &total);
	return total;
}

/* Every neighbor that is configured is there, whether or not it listens. */
static void
meet_neighbors(struct sim_node *n, const struct config *c)
{
	const struct bgp_conf *bgp = c->speakers[0];

	for (size_t i = 0; bgp != NULL && i < bgp->neighbors.count; i++)
		sim_session_get(n, bgp->neighbors.entries[i].name);
}

/* Objects that go take their counters with them: what they counted is remembered as a number. */
static void
node_apply(struct sim_node *n, struct conf_generation *g)
{
	sim_check_counters(n);
	meet_neighbors(n, g->root);
	engine_apply(n->engine, g);
	n->uncounted = history_length(n) - counted(n);
	sim_host_tell_ports(&n->host);
}

void
sim_check_counters(struct sim_node *n)
{
	uint64_t history, counters;

	/* The real speaker records events of its own. */
	if (n->engine == NULL || n->sim->real)
		return;
	history = history_length(n);
	counters = counted(n) + n->uncounted;
	if (n->sim->sabotage == SABOTAGE_FORGET && history > 100)
		counters--;
	if (history != counters)
		sim_violation(n->sim, "counters",
		    "node %u: the history has %llu events, the counters tell of %llu", n->number,
		    (unsigned long long)history, (unsigned long long)counters);
}

/* -- life -- */

static void
on_reload(struct loop_task *t)
{
	struct sim_node *n = container_of(t, struct sim_node, reload);
	struct str mistakes = {0};
	struct conf_generation *g = node_load(n, &mistakes);
	uint64_t before;

	if (g != NULL)
		node_apply(n, g);
	before = history_length(n);
	engine_reloaded(n->engine, g != NULL ? NULL : str_text(&mistakes));
	n->uncounted += history_length(n) - before; /* a refusal is no change of state */
	sim_trace(n->sim, "node %u: reload %s", n->number, g != NULL ? "done" : "refused");
	str_done(&mistakes);
}

static void
on_reload_asked(struct engine_env *env)
{
	loop_task_schedule(&node_of(env)->reload);
}

static void
on_stopped(struct engine_env *env)
{
	loop_task_schedule(&node_of(env)->ended);
}

static void
on_ended(struct loop_task *t)
{
	sim_node_kill(container_of(t, struct sim_node, ended));
}

static struct sim_node *
node_new(struct sim *s, unsigned number)
{
	struct sim_node *n = mem_alloc(sizeof(*n));

	n->sim = s;
	n->number = number;
	n->net = (struct net){.ops = &node_net, .loop = s->loop};
	LIST_INIT(&n->sessions);
	LIST_INIT(&n->results);
	sim_host_init(&n->host, n);
	loop_task_init(&n->reload, s->loop, on_reload);
	loop_task_init(&n->ended, s->loop, on_ended);
	return n;
}

struct sim_node *
sim_node_get(struct sim *s, unsigned number)
{
	assert(number >= 1);
	for (size_t i = 0; i < s->node_count; i++) {
		if (s->nodes[i]->number == number)
			return s->nodes[i];
	}
	assert(s->node_count < SIM_NODES);
	s->nodes[s->node_count] = node_new(s, number);
	return s->nodes[s->node_count++];
}

void
sim_node_free(struct sim_node *n)
{
	struct sim_session *x;

	sim_node_kill(n);
	while ((x = LIST_FIRST(&n->sessions)) != NULL)
		sim_session_free(x);
	sim_host_done(&n->host);
	sim_results_done(n);
	free(n->next_config);
	free(n);
}

int
sim_node_start(struct sim_node *n, struct str *out)
{
	struct conf_generation *g;
	const struct config *c;
	struct node_conf node;
	char name[SIM_NAME];

	assert(n->engine == NULL);
	g = node_load(n, out);
	if (g == NULL)
		return -1;
	c = g->root;
	node = config_node(c, name, sizeof(name));
	n->env = (struct engine_env){
	    .loop = n->sim->loop,
	    .net = &n->net,
	    .kernel = &n->host.port,
	    .seed = rng_next(&n->sim->rng),
	    .stopped = on_stopped,
	    .reload = on_reload_asked,
	};
	if (n->sim->real)
		sim_bgp_node_up(n);
	n->engine = engine_new(&n->env, &node);
	n->stopping = false;
	n->uncounted = 0;
	node_apply(n, g);
	sim_host_attach(&n->host);
	sim_trace(n->sim, "node %u: started", n->number);
	return 0;
}

void
sim_node_kill(struct sim_node *n)
{
	if (n->engine == NULL)
		return;
	sim_trace(n->sim, "node %u: %s", n->number, n->stopping ? "has stopped" : "killed");
	loop_task_cancel(&n->reload);
	loop_task_cancel(&n->ended);
	sim_host_detach(&n->host);
	if (n->cloud_net != NULL)
		net_cloud_kill(n->cloud_net);
	engine_free(n->engine);
	n->engine = NULL;
	if (n->cloud_net != NULL)
		sim_bgp_node_down(n);
}

void
sim_node_stop(struct sim_node *n)
{
	n->stopping = true;
	engine_stop(n->engine, "stopping");
}

/* -- commands -- */

#define COMMAND_WORDS 8

int
sim_node_command(struct sim_node *n, const char *text, struct str *out)
{
	const char *words[COMMAND_WORDS];
	char *copy = mem_strdup(text);
	size_t count = sim_split(copy, words, COMMAND_WORDS), used;
	struct command_host *host;
	const struct command *c =
	    command_find(engine_commands(n->engine), words, count, &host, &used);
	struct answer a;
	int rc = -1;

	answer_init(&a);
	if (c == NULL) {
		str_printf(out, "no command \"%s\"", text);
	} else {
		struct command_call call = {.args = words + used,
		    .count = count - used,
		    .now = sim_now(n->sim),
		    .wall_ns = loop_wall_ns(n->sim->loop)};

		c->run(host, &call, &a);
		rc = a.failed ? -1 : 0;
		if (a.failed)
			str_add(out, json_string_value(json_object_get(a.root, "error")));
	}
	answer_done(&a);
	free(copy);
	return rc;
}
