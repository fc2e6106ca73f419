/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec probe: a program's exit code is the verdict, 0 is healthy. The first line that it prints
 * is kept, for people.
 *
 * With `nagios: true` the program is a monitoring plugin: 0 is OK, 1 WARNING, 2 CRITICAL, 3
 * UNKNOWN, and what stands behind a '|' is performance data, which nobody here reads. A probe knows
 * only healthy and failed, so a warning is healthy unless `warning: fail` says otherwise; its word
 * and text stand in the detail. UNKNOWN is a failure: who cannot tell must not attract traffic.
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

/* The exit codes of plugins: what they are called, and the verdict. */
static const struct {
	const char *word;
	enum why why;
} plugin_codes[] = {
    {"OK", WHY_OK},
    {"WARNING", WHY_OK}, /* or as `warning` says */
    {"CRITICAL", WHY_STATUS},
    {"UNKNOWN", WHY_STATUS},
};
#define PLUGIN_WARNING 1

struct exec_probe {
	struct probe probe;
	const struct probe_env *env;
	struct kernel_exec run;
};

static const struct conf_choice warnings[] = {
    {"ok", EXEC_WARNING_OK, "healthy; the detail says that it is a warning"},
    {"fail", EXEC_WARNING_FAIL, "a failure"},
    {0},
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
    {.key = "nagios",
	.type = CONF_BOOL,
	.dflt = "false",
	.offset = offsetof(struct exec_conf, nagios),
	.doc =
	    "The program is a monitoring plugin: exit code 0 is OK, 1 is WARNING, 2 CRITICAL and "
	    "3 UNKNOWN are failures, and what it prints behind a '|' is not for people."},
    {.key = "warning",
	.type = CONF_ENUM,
	.choices = warnings,
	.dflt = "ok",
	.offset = offsetof(struct exec_conf, warning),
	.doc = "With 'nagios: true': what a warning comes to."},
    {.type = CONF_END},
};

static void
exec_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct exec_conf *c = obj;
	const char *const *words = c->command.items;
	const struct conf_node *at = conf_node_find(node, "command");

	if (!c->nagios && c->warning != EXEC_WARNING_OK)
		conf_error(ctx, conf_node_find(node, "warning"),
		    "warning: only plugins give warnings: set 'nagios: true', or leave it out");
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

/* The first line, without performance data. */
static void
first_line(const char *output, bool nagios, char *buf, size_t size)
{
	size_t len;

	str_copy(buf, size, output);
	len = strcspn(buf, nagios ? "\r\n|" : "\r\n");
	while (len > 0 && buf[len - 1] == ' ')
		len--;
	buf[len] = '\0';
}

static void
judge_plugin(const struct exec_conf *c, int code, const char *text, struct probe_sample *s)
{
	enum why why;

	if (code < 0 || (size_t)code >= ARRAY_LEN(plugin_codes)) {
		probe_sample_set(s, WHY_STATUS, "exit code %d, which no plugin has%s%s", code,
		    text[0] != '\0' ? ": " : "", text);
		return;
	}
	why = plugin_codes[code].why;
	if (code == PLUGIN_WARNING && c->warning == EXEC_WARNING_FAIL)
		why = WHY_STATUS;
	if (code == 0)
		probe_sample_set(s, why, "%s", text);
	else
		probe_sample_set(
		    s, why, "%s%s%s", plugin_codes[code].word, text[0] != '\0' ? ": " : "", text);
}

static void
on_result(struct kernel_exec *x, const struct kernel_exec_result *r)
{
	struct exec_probe *e = container_of(x, struct exec_probe, run);
	const struct exec_conf *c = e->probe.conf;
	char text[KERNEL_EXEC_OUTPUT];
	struct probe_sample sample;
	const char *colon;

	first_line(r->output, c->nagios, text, sizeof(text));
	colon = text[0] != '\0' ? ": " : "";
	if (r->end == KERNEL_EXEC_FAILED)
		probe_sample_set(
		    &sample, WHY_LOCAL, "could not be started: %s", strerror(-r->code));
	else if (r->end == KERNEL_EXEC_SIGNALLED)
		probe_sample_set(
		    &sample, WHY_STATUS, "ended by signal %d%s%s", r->code, colon, text);
	else if (c->nagios)
		judge_plugin(c, r->code, text, &sample);
	else if (r->code != 0)
		probe_sample_set(&sample, WHY_STATUS, "exit code %d%s%s", r->code, colon, text);
	else
		probe_sample_set(&sample, WHY_OK, "%s", text);
	probe_done(&e->probe, &sample);
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
