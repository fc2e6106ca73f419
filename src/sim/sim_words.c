/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be done to the world, by the words of a scenario; the random run uses the same words, so
 * that what it did can be replayed from its trace.
 *
 *   node N start|stop|kill|reload
 *   node N probe NAME ok|fail|hang [DELAY]
 *   node N link INTERFACE up|down
 *   node N serve udp/PORT|tcp/PORT on|off
 *   node N delete PREFIX
 *   node N host obey|refuse|slow DELAY
 *   node N neighbor NAME cut|heal|freeze|thaw|close|open|pace DELAY
 *   node N do COMMAND...           as an operator types it after `nigh`
 *   sabotage WORD
 */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define WORDS 12

struct call {
	struct sim_node *node;
	const char *const *args;
	size_t count;
	const char *line; /* from the first argument on, uncut */
	struct str *out;
};

static int
complain(const struct call *c, const char *text)
{
	str_add(c->out, text);
	return -1;
}

/* -- life -- */

static int
do_start(const struct call *c)
{
	if (c->node->engine != NULL)
		return complain(c, "the node runs already");
	if (c->node->next_config == NULL)
		return complain(c, "the node has no configuration");
	return sim_node_start(c->node, c->out);
}

static int
do_stop(const struct call *c)
{
	if (c->node->engine == NULL)
		return complain(c, "the node does not run");
	sim_node_stop(c->node);
	return 0;
}

static int
do_kill(const struct call *c)
{
	if (c->node->engine == NULL)
		return complain(c, "the node does not run");
	sim_node_kill(c->node);
	return 0;
}

static int
do_reload(const struct call *c)
{
	if (c->node->engine == NULL)
		return complain(c, "the node does not run");
	engine_reload(c->node->engine);
	return 0;
}

static int
do_command(const struct call *c)
{
	if (c->node->engine == NULL)
		return complain(c, "the node does not run");
	return sim_node_command(c->node, c->line, c->out);
}

/* -- facts -- */

static int
do_probe(const struct call *c)
{
	static const char *const answers[] = {"ok", "fail", "hang"};
	struct sim_result *r = sim_result_get(c->node, c->args[0]);

	if (c->count > 2 && dur_parse(c->args[2], &r->delay) != 0)
		return complain(c, "a delay is needed, as in 20ms");
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		if (strcmp(c->args[1], answers[i]) == 0) {
			r->answer = (enum sim_answer)i;
			return 0;
		}
	}
	return complain(c, "a probe answers ok, fail or hang");
}

static int
do_link(const struct call *c)
{
	bool up = strcmp(c->args[1], "up") == 0;

	if (!up && strcmp(c->args[1], "down") != 0)
		return complain(c, "a link is up or down");
	sim_host_link(&c->node->host, c->args[0], up);
	return 0;
}

static int
do_serve(const struct call *c)
{
	bool on = strcmp(c->args[1], "on") == 0, tcp = strncmp(c->args[0], "tcp/", 4) == 0;
	uint64_t port;

	if (!on && strcmp(c->args[1], "off") != 0)
		return complain(c, "a port is served on or off");
	if ((!tcp && strncmp(c->args[0], "udp/", 4) != 0) ||
	    str_to_u64(c->args[0] + 4, 1, UINT16_MAX, &port) != 0)
		return complain(c, "a port is udp/PORT or tcp/PORT");
	sim_host_serve(&c->node->host, tcp ? KERNEL_TCP : KERNEL_UDP, (uint16_t)port, on);
	return 0;
}

static int
do_delete(const struct call *c)
{
	struct prefix p;

	if (prefix_parse(c->args[0], &p) != 0)
		return complain(c, "that is no prefix");
	if (!sim_host_delete(&c->node->host, &p))
		return complain(c, "the address is not on the host");
	return 0;
}

static int
do_host(const struct call *c)
{
	struct sim_host *h = &c->node->host;

	if (strcmp(c->args[0], "slow") == 0 && c->count == 2)
		return dur_parse(c->args[1], &h->delay) == 0 ? 0 : complain(c, "no duration");
	if (strcmp(c->args[0], "refuse") == 0) {
		h->refuses = true;
		return 0;
	}
	if (strcmp(c->args[0], "obey") != 0)
		return complain(c, "a host does obey, refuse, or is slow");
	h->refuses = false;
	h->delay = SIM_HOST_DELAY;
	return 0;
}

/* -- paths and routers -- */

static int
do_neighbor(const struct call *c)
{
	struct sim_session *x = sim_session_get(c->node, c->args[0]);
	const struct {
		const char *word;
		bool *flag;
		bool value;
	} switches[] = {
	    {"cut", &x->cut, true},
	    {"heal", &x->cut, false},
	    {"freeze", &x->frozen, true},
	    {"thaw", &x->frozen, false},
	    {"close", &x->closed, true},
	    {"open", &x->closed, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(switches); i++) {
		if (strcmp(c->args[1], switches[i].word) != 0)
			continue;
		*switches[i].flag = switches[i].value;
		sim_path_update(x);
		return 0;
	}
	if (strcmp(c->args[1], "pace") == 0 && c->count == 3 &&
	    dur_parse(c->args[2], &x->pace) == 0)
		return 0;
	return complain(c, "unknown word for a neighbor");
}

static const struct {
	const char *word;
	size_t args;
	int (*run)(const struct call *c);
} words[] = {
    {"start", 0, do_start},
    {"stop", 0, do_stop},
    {"kill", 0, do_kill},
    {"reload", 0, do_reload},
    {"probe", 2, do_probe},
    {"link", 2, do_link},
    {"serve", 2, do_serve},
    {"delete", 1, do_delete},
    {"host", 1, do_host},
    {"neighbor", 2, do_neighbor},
    {"do", 1, do_command},
};

static int
node_do(struct sim *s, const char *line, const char *const *w, size_t count, struct str *out)
{
	const char *tail = strstr(line, " do ");
	struct call c = {.args = w + 3, .count = count - 3, .out = out};
	uint64_t number;

	c.line = tail != NULL ? tail + 4 : "";
	if (str_to_u64(w[1], 1, SIM_NODES, &number) != 0) {
		str_printf(out, "there is no node \"%s\"", w[1]);
		return -1;
	}
	c.node = sim_node_get(s, (unsigned)number);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(w[2], words[i].word) == 0 && c.count >= words[i].args)
			return words[i].run(&c);
	}
	str_printf(out, "cannot be done: \"%s\"", line);
	return -1;
}

int
sim_do(struct sim *s, const char *line, struct str *out)
{
	const char *w[WORDS];
	char *copy = mem_strdup(line);
	size_t count = sim_split(copy, w, WORDS);
	int rc = -1;

	sim_trace(s, "%s", line);
	if (count >= 3 && strcmp(w[0], "node") == 0)
		rc = node_do(s, line, w, count, out);
	else if (count == 2 && strcmp(w[0], "sabotage") == 0)
		rc = sim_sabotage_parse(w[1], &s->sabotage);
	if (rc != 0 && out->len == 0)
		str_printf(out, "cannot be done: \"%s\"", line);
	free(copy);
	return rc;
}
