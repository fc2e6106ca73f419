/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel port of a program that has no helper beside it: `nigh probe`.
 *
 * Sockets are opened and commands run by the same code as in the helper, in this process. Requests
 * are answered from the loop, as the port's contract says: an open socket waits in a list until the
 * task hands it over. Addresses are nobody's business here.
 *
 * Owns: the policy, the runner of commands, sockets that were not handed over yet.
 */
#include "kernel/local_port.h"

#include "base/mem.h"
#include "kernel/exec_run.h"
#include "kernel/helper_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An answer that waits for the end of the turn. */
struct local_answer {
	struct kernel_socket *socket; /* one of the two */
	struct kernel_exec *exec;
	int result; /* descriptor or negative errno */
	TAILQ_ENTRY(local_answer) link;
};
TAILQ_HEAD(local_answers, local_answer);

struct local_port {
	struct kernel_port port;
	struct helper_policy *policy;
	struct exec_runner runner;
	LIST_HEAD(, kernel_exec) runs;
	uint32_t next_id;
	struct local_answers answers;
	struct loop_task task;
};

static struct local_port *
local_of(struct kernel_port *k)
{
	return container_of(k, struct local_port, port);
}

static void
answer_later(struct local_port *p, const struct local_answer *what)
{
	struct local_answer *a = mem_alloc(sizeof(*a));

	*a = *what;
	TAILQ_INSERT_TAIL(&p->answers, a, link);
	loop_task_schedule(&p->task);
}

static void
on_task(struct loop_task *t)
{
	struct local_port *p = container_of(t, struct local_port, task);
	struct local_answer *a;

	while ((a = TAILQ_FIRST(&p->answers)) != NULL) {
		struct local_answer what = *a;
		TAILQ_REMOVE(&p->answers, a, link);
		free(a);
		if (what.socket != NULL) {
			what.socket->id = 0;
			what.socket->fn(what.socket, what.result);
		} else {
			const struct kernel_exec_result failed = {
			    .end = KERNEL_EXEC_FAILED, .code = what.result};
			what.exec->id = 0;
			what.exec->fn(what.exec, &failed);
		}
	}
}

static void
on_ended(struct exec_runner *r, uint32_t id, const struct kernel_exec_result *result)
{
	struct local_port *p = container_of(r, struct local_port, runner);
	struct kernel_exec *x;

	LIST_FOREACH (x, &p->runs, link) {
		if (x->id == id) {
			LIST_REMOVE(x, link);
			x->id = 0;
			x->fn(x, result);
			return;
		}
	}
}

static void
local_address_set(
    struct kernel_port *k, const struct prefix *prefix, const char *ifname, bool present)
{
}

static void
local_exec_start(struct kernel_port *k, struct kernel_exec *x, const char *name)
{
	struct local_port *p = local_of(k);
	const struct helper_policy_exec *rule = helper_policy_find_exec(p->policy, name);
	int error = rule == NULL ? -EACCES : exec_runner_start(&p->runner, p->next_id, rule);

	x->id = p->next_id++;
	if (error == 0)
		LIST_INSERT_HEAD(&p->runs, x, link);
	else
		answer_later(p, &(struct local_answer){.exec = x, .result = error});
}

/* Forgets an answer that nobody waits for any more. */
static void
answer_drop(struct local_port *p, const struct kernel_socket *s, const struct kernel_exec *x)
{
	struct local_answer *a, *next;

	TAILQ_FOREACH_SAFE (a, &p->answers, link, next) {
		if (a->socket != s || a->exec != x)
			continue;
		TAILQ_REMOVE(&p->answers, a, link);
		if (a->socket != NULL && a->result >= 0)
			close(a->result);
		free(a);
	}
}

static void
local_exec_kill(struct kernel_port *k, struct kernel_exec *x)
{
	struct local_port *p = local_of(k);
	struct kernel_exec *run;

	answer_drop(p, NULL, x);
	LIST_FOREACH (run, &p->runs, link) {
		if (run == x) {
			LIST_REMOVE(x, link);
			exec_runner_kill(&p->runner, x->id);
			break;
		}
	}
	x->id = 0;
}

static void
local_socket_open(struct kernel_port *k, struct kernel_socket *s, enum kernel_socket_kind kind)
{
	struct local_port *p = local_of(k);

	s->id = p->next_id++;
	answer_later(p, &(struct local_answer){.socket = s, .result = helper_socket_open(kind)});
}

static void
local_socket_cancel(struct kernel_port *k, struct kernel_socket *s)
{
	answer_drop(local_of(k), s, NULL);
	s->id = 0;
}

static const struct kernel_ops local_ops = {
    .address_set = local_address_set,
    .exec_start = local_exec_start,
    .exec_kill = local_exec_kill,
    .socket_open = local_socket_open,
    .socket_cancel = local_socket_cancel,
};

struct local_port *
local_port_new(struct loop *l, struct helper_policy *policy)
{
	struct local_port *p = mem_alloc(sizeof(*p));

	p->port.ops = &local_ops;
	helper_policy_seal(policy);
	p->policy = policy;
	p->next_id = 1;
	LIST_INIT(&p->runs);
	TAILQ_INIT(&p->answers);
	exec_runner_init(&p->runner, l, on_ended);
	loop_task_init(&p->task, l, on_task);
	return p;
}

void
local_port_free(struct local_port *p)
{
	struct local_answer *a;

	loop_task_cancel(&p->task);
	while ((a = TAILQ_FIRST(&p->answers)) != NULL)
		answer_drop(p, a->socket, a->exec);
	exec_runner_done(&p->runner);
	helper_policy_free(p->policy);
	free(p);
}

struct kernel_port *
local_port_kernel(struct local_port *p)
{
	return &p->port;
}
