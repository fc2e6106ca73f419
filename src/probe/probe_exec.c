/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec probe: a program's exit code is the verdict, 0 is healthy.
 *
 * The program runs on the privileged side (kernel_port.h), as its configured user, in a process
 * group of its own that is killed whole when the attempt times out. No shell is involved unless
 * `shell: true` asks for one.
 */
#include "probe/probe_exec.h"

#include "core/kernel_port.h"
#include "core/probe.h"
#include "probe/probe_kinds.h"

#include <stdlib.h>
#include <string.h>

struct exec_probe {
	struct probe probe;
	const struct probe_env *env;
	struct kernel_exec run;
};

static const struct conf_row rows[] = {
    {.key = "command",
	.type = CONF_STRING,
	.flags = CONF_LIST | CONF_REQUIRED,
	.max = 4095,
	.offset = offsetof(struct exec_conf, command),
	.doc = "The program with its absolute path, and its arguments, as a list."},
    {.key = "shell",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct exec_conf, shell),
	.doc = "Hand the command, then a single string, to /bin/sh -c."},
    {.key = "user",
	.type = CONF_STRING,
	.max = 32,
	.dflt = "nobody",
	.offset = offsetof(struct exec_conf, user),
	.doc = "The user that the program runs as."},
    {.type = CONF_END},
};

static void
exec_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct exec_conf *c = obj;
	const char *const *words = c->command.items;
	const struct conf_node *at = conf_node_find(node, "command");

	if (c->command.count == 0)
		return;
	if (c->shell && c->command.count != 1)
		conf_error(ctx, at, "command: with 'shell: true' it must be a single string");
	if (c->shell)
		return;
	if (words[0][0] != '/')
		conf_error(ctx, at, "command: '%s' must begin with an absolute path%s", words[0],
		    strchr(words[0], ' ') != NULL ? ", and arguments are list items of their own"
						  : "");
	else if (c->command.count == 1 && strchr(words[0], ' ') != NULL)
		conf_error(ctx, at,
		    "command: write program and arguments as a list, as in [/usr/bin/dig, +short], "
		    "or set "
		    "'shell: true'");
}

static const struct conf_schema schema = {
    .name = "exec",
    .size = sizeof(struct exec_conf),
    .rows = rows,
    .check = exec_check,
    .doc = "Runs a program; exit code 0 means healthy.",
};

static void
on_result(struct kernel_exec *x, const struct kernel_exec_result *r)
{
	struct exec_probe *e = container_of(x, struct exec_probe, run);
	struct probe *p = &e->probe;

	if (r->end == KERNEL_EXEC_FAILED)
		probe_fail(p, WHY_LOCAL, "could not be started: %s", strerror(-r->code));
	else if (r->end == KERNEL_EXEC_SIGNALLED)
		probe_fail(p, WHY_STATUS, "ended by signal %d%s%s", r->code,
		    r->output[0] != '\0' ? ": " : "", r->output);
	else if (r->code != 0)
		probe_fail(p, WHY_STATUS, "exit code %d%s%s", r->code,
		    r->output[0] != '\0' ? ": " : "", r->output);
	else
		probe_ok(p, "%s", r->output);
}

static struct probe *
exec_new(const struct probe_env *env, const void *kind_conf)
{
	struct exec_probe *e = mem_alloc(sizeof(*e));

	e->env = env;
	e->run.fn = on_result;
	return &e->probe;
}

static void
exec_start(struct probe *p)
{
	struct exec_probe *e = container_of(p, struct exec_probe, probe);
	struct kernel_port *k = e->env->kernel;

	k->ops->exec_start(k, &e->run, p->name);
}

static void
exec_cancel(struct probe *p)
{
	struct exec_probe *e = container_of(p, struct exec_probe, probe);
	struct kernel_port *k = e->env->kernel;

	k->ops->exec_kill(k, &e->run);
}

static void
exec_free(struct probe *p)
{
	free(container_of(p, struct exec_probe, probe));
}

static void
exec_describe(const struct probe *p, struct str *out)
{
	const struct exec_conf *c = p->conf;
	const char *const *words = c->command.items;

	str_add(out, "exec");
	for (size_t i = 0; i < c->command.count; i++)
		str_printf(out, " %s", words[i]);
}

static void
exec_timed_out(const struct probe *p, char *detail, size_t size)
{
	str_copy(detail, size, "still running; its process group was killed");
}

const struct probe_kind probe_exec = {
    .variant = {.type = "exec", .schema = &schema},
    .new = exec_new,
    .start = exec_start,
    .cancel = exec_cancel,
    .free = exec_free,
    .describe = exec_describe,
    .timed_out = exec_timed_out,
};
