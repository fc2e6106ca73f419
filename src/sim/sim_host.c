/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a host behind the kernel port: addresses that come and go, links, and somebody else
 * who deletes what he should not. Requests are done one after the other, each after a delay, and
 * answered in the same order; a refusing host answers with an error. The addresses stay when the
 * engine dies, as a kernel's do.
 */
#include "sim/sim.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct sim_host *
host_of(struct kernel_port *k)
{
	return container_of(k, struct sim_host, port);
}

struct sim_address *
sim_host_find(struct sim_host *h, const struct prefix *p)
{
	struct sim_address *a;

	TAILQ_FOREACH (a, &h->addresses, link) {
		if (prefix_equal(&a->prefix, p))
			return a;
	}
	return NULL;
}

static struct sim_address *
host_address(struct sim_host *h, const struct prefix *p)
{
	struct sim_address *a = sim_host_find(h, p);

	if (a != NULL)
		return a;
	a = mem_alloc(sizeof(*a));
	a->prefix = *p;
	a->lost_at = sim_now(h->node->sim);
	TAILQ_INSERT_TAIL(&h->addresses, a, link);
	return a;
}

static void
host_arm(struct sim_host *h)
{
	const struct sim_request *r = TAILQ_FIRST(&h->requests);

	if (r == NULL)
		loop_timer_cancel(&h->work);
	else
		loop_timer_at(&h->work, r->at);
}

static void
host_enqueue(struct sim_host *h, const struct sim_request *what, dur_t delay)
{
	struct sim_request *r = mem_alloc(sizeof(*r));
	const struct sim_request *last = TAILQ_LAST(&h->requests, sim_requests);

	*r = *what;
	r->at = mono_add(sim_now(h->node->sim), delay);
	if (last != NULL && mono_before(r->at, last->at))
		r->at = last->at;
	TAILQ_INSERT_TAIL(&h->requests, r, link);
	host_arm(h);
}

static void
host_report(struct sim_host *h, struct sim_address *a, int error)
{
	struct kernel_listener *l = h->port.listener;
	bool present = a->present;

	if (l == NULL)
		return;
	if (h->node->sim->sabotage == SABOTAGE_LIAR && !present) {
		present = true;
		error = 0;
	}
	a->reported = present;
	l->address(l, &a->prefix, present, error);
}

static void
host_change(struct sim_host *h, struct sim_address *a, const struct sim_request *r)
{
	char text[PREFIX_TEXT];

	/* Taking it off another interface than it is on changes nothing. */
	if (!r->present && a->present && strcmp(a->ifname, r->ifname) != 0)
		return;
	a->ours = a->ours || r->present;
	prefix_format(&a->prefix, text, sizeof(text));
	if (a->present && !r->present)
		sim_check_removal(h->node, a);
	if (a->present != r->present || strcmp(a->ifname, r->ifname) != 0)
		sim_trace(h->node->sim, "node %u: host: %s %s %s", h->node->number,
		    r->present ? "puts" : "removes", text, r->ifname);
	a->present = r->present;
	str_copy(a->ifname, sizeof(a->ifname), r->ifname);
}

static bool
host_is(const struct sim_address *a, const struct sim_request *r)
{
	return a->present == r->present && (!a->present || strcmp(a->ifname, r->ifname) == 0);
}

static void
host_do(struct sim_host *h, const struct sim_request *r)
{
	struct sim_address *a = host_address(h, &r->prefix);

	if (r->asked && h->refuses) {
		host_report(h, a, host_is(a, r) ? 0 : -EPERM);
		return;
	}
	if (r->asked && h->node->sim->sabotage != SABOTAGE_LIAR)
		host_change(h, a, r);
	host_report(h, a, 0);
}

static void
host_work(struct loop_timer *t)
{
	struct sim_host *h = container_of(t, struct sim_host, work);
	mono_t now = sim_now(h->node->sim);
	struct sim_request *r;

	while ((r = TAILQ_FIRST(&h->requests)) != NULL && !mono_before(now, r->at)) {
		TAILQ_REMOVE(&h->requests, r, link);
		host_do(h, r);
		free(r);
	}
	host_arm(h);
}

static void
host_address_set(
    struct kernel_port *k, const struct prefix *prefix, const char *ifname, bool present)
{
	struct sim_host *h = host_of(k);
	struct sim_request r = {.prefix = *prefix, .asked = true, .present = present};

	if (h->node->sim->sabotage == SABOTAGE_STUCK && h->delay > SIM_HOST_DELAY)
		return;
	str_copy(r.ifname, sizeof(r.ifname), ifname);
	host_enqueue(h, &r, h->delay);
}

/* No kind of probe of the simulator runs programs. */
static void
host_exec_start(struct kernel_port *k, struct kernel_exec *x, const char *name)
{
	assert(!"the simulator runs no programs");
}

static void
host_exec_kill(struct kernel_port *k, struct kernel_exec *x)
{
	assert(!"the simulator runs no programs");
}

static const struct kernel_ops host_ops = {
    .address_set = host_address_set,
    .exec_start = host_exec_start,
    .exec_kill = host_exec_kill,
};

void
sim_host_init(struct sim_host *h, struct sim_node *n)
{
	h->port.ops = &host_ops;
	h->node = n;
	h->delay = SIM_HOST_DELAY;
	TAILQ_INIT(&h->addresses);
	TAILQ_INIT(&h->requests);
	TAILQ_INIT(&h->links);
	LIST_INIT(&h->servers);
	loop_timer_init(&h->work, n->sim->loop, host_work);
}

void
sim_host_done(struct sim_host *h)
{
	struct sim_address *a;
	struct sim_link *l;
	struct sim_server *server;

	sim_host_detach(h);
	while ((a = TAILQ_FIRST(&h->addresses)) != NULL) {
		TAILQ_REMOVE(&h->addresses, a, link);
		free(a);
	}
	while ((l = TAILQ_FIRST(&h->links)) != NULL) {
		TAILQ_REMOVE(&h->links, l, link);
		free(l);
	}
	while ((server = LIST_FIRST(&h->servers)) != NULL) {
		LIST_REMOVE(server, link);
		free(server);
	}
}

void
sim_host_attach(struct sim_host *h)
{
	struct kernel_listener *l = h->port.listener;
	const struct sim_link *x;
	struct sim_address *a;

	TAILQ_FOREACH (a, &h->addresses, link) {
		a->reported = false;
		a->ours = false;
	}
	TAILQ_FOREACH (x, &h->links, link)
		l->link(l, x->name, x->up);
}

void
sim_host_detach(struct sim_host *h)
{
	struct sim_request *r;

	while ((r = TAILQ_FIRST(&h->requests)) != NULL) {
		TAILQ_REMOVE(&h->requests, r, link);
		free(r);
	}
	loop_timer_cancel(&h->work);
}

void
sim_host_link(struct sim_host *h, const char *name, bool up)
{
	struct kernel_listener *l = h->port.listener;
	struct sim_link *x;

	TAILQ_FOREACH (x, &h->links, link) {
		if (strcmp(x->name, name) == 0)
			break;
	}
	if (x == NULL) {
		x = mem_alloc(sizeof(*x));
		str_copy(x->name, sizeof(x->name), name);
		TAILQ_INSERT_TAIL(&h->links, x, link);
	}
	x->up = up;
	if (l != NULL)
		l->link(l, name, up);
}

/* -- servers -- */

static struct sim_server *
server_get(struct sim_host *h, enum kernel_proto proto, uint16_t port)
{
	struct sim_server *x;

	LIST_FOREACH (x, &h->servers, link) {
		if (x->proto == proto && x->port == port)
			return x;
	}
	x = mem_alloc(sizeof(*x));
	x->proto = proto;
	x->port = port;
	LIST_INSERT_HEAD(&h->servers, x, link);
	return x;
}

bool
sim_host_serves(struct sim_host *h, enum kernel_proto proto, uint16_t port)
{
	return !server_get(h, proto, port)->gone;
}

static void
tell_port(struct sim_host *h, const struct service_conf *s, const struct service_listen *l)
{
	bool served = sim_host_serves(h, l->proto, l->port);
	const struct prefix *p = s->addresses.items;

	for (size_t i = 0; i < s->addresses.count; i++) {
		struct kernel_listen what = {.addr = p[i].addr, .port = l->port, .proto = l->proto};

		h->port.listener->served(h->port.listener, &what,
		    served ? KERNEL_SERVED : KERNEL_DESERTED, served ? WHY_OK : WHY_SOCKET);
	}
}

void
sim_host_tell_ports(struct sim_host *h)
{
	const struct config *c = engine_config(h->node->engine);

	for (size_t i = 0; i < c->services.count; i++) {
		const struct service_conf *s = c->services.entries[i].value;
		const struct service_listen *l = s->listens.items;

		for (size_t k = 0; k < s->listens.count; k++)
			tell_port(h, s, &l[k]);
	}
}

void
sim_host_serve(struct sim_host *h, enum kernel_proto proto, uint16_t port, bool served)
{
	server_get(h, proto, port)->gone = !served;
	if (h->node->engine != NULL)
		sim_host_tell_ports(h);
}

bool
sim_host_delete(struct sim_host *h, const struct prefix *p)
{
	struct sim_address *a = sim_host_find(h, p);
	struct sim_request told = {.prefix = *p};

	if (a == NULL || !a->present)
		return false;
	a->present = false;
	host_enqueue(h, &told, SIM_NOTICE_DELAY);
	return true;
}
