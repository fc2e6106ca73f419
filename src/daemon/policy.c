/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to what the helper may do: put service addresses on their interface, open
 * the speakers' listening sockets and the privileged sockets that kinds of probes ask for, run the
 * commands of exec probes as their users.
 */
#include "daemon/policy.h"

#include "base/log.h"
#include "kernel/helper_policy.h"
#include "probe/probe_exec.h"
#include "probe/probe_kinds.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A run gets a little longer here than its probe grants it: the probe's time-out, which is exact,
 * comes first, and this one holds when the engine cannot ask any more. */
#define EXEC_GRACE (1 * DUR_S)

/* Every port that a service listens on, on each of its addresses. */
static void
add_watches(struct helper_policy *p, const struct service_conf *s)
{
	const struct prefix *prefixes = s->addresses.items;
	const struct service_listen *listens = s->listens.items;

	for (size_t i = 0; i < s->addresses.count; i++) {
		for (size_t k = 0; k < s->listens.count; k++) {
			const struct kernel_listen what = {.addr = prefixes[i].addr,
			    .port = listens[k].port,
			    .proto = listens[k].proto};
			helper_policy_add_watch(p, &what);
		}
	}
}

static void
add_addresses(struct helper_policy *p, const struct config *c)
{
	for (size_t i = 0; i < c->services.count; i++) {
		const struct service_conf *s = c->services.entries[i].value;
		const struct prefix *prefixes = s->addresses.items;
		for (size_t j = 0; j < s->addresses.count; j++)
			helper_policy_add_address(p, &prefixes[j], s->interface);
		add_watches(p, s);
	}
}

static void
add_listen(void *arg, const struct endpoint *local)
{
	helper_policy_add_listen(arg, local);
}

static void
add_listens(struct helper_policy *p, const struct config *c)
{
	for (size_t i = 0; kinds_speakers[i] != NULL; i++) {
		if (c->speakers[i] != NULL && kinds_speakers[i]->listens != NULL)
			kinds_speakers[i]->listens(c->speakers[i], add_listen, p);
	}
}

static void
add_exec(struct helper_policy *p, const char *name, const struct probe_conf *probe)
{
	const struct exec_conf *exec = probe->kind_conf;
	const char *const *words = exec->command.items;
	size_t count = exec->command.count;
	const char **argv = mem_array(count + 3, sizeof(*argv));
	struct helper_exec_rule rule = {
	    .argv = argv, .user = exec->user, .timeout = probe->timeout + EXEC_GRACE};
	size_t n = 0;
	int error;

	if (exec->shell) {
		argv[n++] = "/bin/sh";
		argv[n++] = "-c";
	}
	for (size_t i = 0; i < count; i++)
		argv[n++] = words[i];
	error = helper_policy_add_exec(p, name, &rule);
	if (error == -ENOENT)
		log_error("probe %s: there is no user '%s' here: its command is not run", name,
		    exec->user);
	else if (error != 0)
		log_error(
		    "probe %s: cannot run as user '%s': %s", name, exec->user, strerror(-error));
	free(argv);
}

static void
add_sockets(struct helper_policy *p, uint32_t sockets)
{
	for (unsigned kind = 0; kind < KERNEL_SOCKET_COUNT; kind++)
		if (sockets & 1u << kind)
			helper_policy_allow_socket(p, (enum kernel_socket_kind)kind);
}

struct helper_policy *
policy_make(const struct config *c)
{
	struct helper_policy *p = helper_policy_new();

	add_addresses(p, c);
	add_listens(p, c);
	for (size_t i = 0; i < c->probes.count; i++) {
		const struct probe_conf *probe = c->probes.entries[i].value;
		add_sockets(p, probe_kind_of(probe)->sockets);
		if (probe_kind_of(probe) == &probe_exec)
			add_exec(p, c->probes.entries[i].name, probe);
	}
	return p;
}
