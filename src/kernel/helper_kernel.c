/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper's back end on the real kernel: netlink tables of links, addresses and served ports,
 * sockets for the engine, and commands. It decides nothing; the helper has compared each request
 * with the policy.
 *
 * Routes get their own table next to the addresses, their own member here, and their own kind of
 * report.
 */
#include "base/log.h"
#include "base/mem.h"
#include "kernel/exec_run.h"
#include "kernel/helper_backend.h"
#include "kernel/helper_socket.h"
#include "kernel/nl_addr.h"
#include "kernel/nl_link.h"
#include "kernel/port_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct helper_kernel {
	struct helper_backend backend;
	struct nl nl;
	struct nl_links links;
	struct nl_links_user links_user;
	struct nl_addrs addrs;
	struct nl_addrs_user addrs_user;
	struct port_watches ports;
	struct port_watches_user ports_user;
	struct exec_runner exec;
};

static struct helper_kernel *
kernel_of(struct helper_backend *b)
{
	return container_of(b, struct helper_kernel, backend);
}

static void
kernel_policy(struct helper_backend *b, const struct helper_policy *p)
{
	nl_addrs_set_policy(&kernel_of(b)->addrs, p);
	port_watches_set_policy(&kernel_of(b)->ports, p);
}

static void
kernel_address_add(struct helper_backend *b, const struct prefix *prefix, const char *ifname)
{
	nl_addrs_add(&kernel_of(b)->addrs, prefix, ifname);
}

static int
kernel_address_del(struct helper_backend *b, const struct prefix *prefix)
{
	struct nl_addrs *addrs = &kernel_of(b)->addrs;

	if (!nl_addrs_is_known(addrs, prefix))
		return -ENOENT;
	nl_addrs_del(addrs, prefix);
	return 0;
}

static bool
kernel_address_is_ours(struct helper_backend *b, const struct prefix *prefix)
{
	return nl_addrs_is_ours(&kernel_of(b)->addrs, prefix);
}

static bool
kernel_address_is_present(struct helper_backend *b, const struct prefix *prefix)
{
	return nl_addrs_is_present(&kernel_of(b)->addrs, prefix);
}

static int
kernel_listen(struct helper_backend *b, const struct endpoint *local, const struct net_opts *opts)
{
	(void)b;
	return net_tcp_listen(local, opts);
}

static int
kernel_socket_open(struct helper_backend *b, enum kernel_socket_kind kind)
{
	(void)b;
	return helper_socket_open(kind);
}

static int
kernel_exec_start(struct helper_backend *b, uint32_t id, const struct helper_policy_exec *rule)
{
	return exec_runner_start(&kernel_of(b)->exec, id, rule);
}

static void
kernel_exec_kill(struct helper_backend *b, uint32_t id)
{
	exec_runner_kill(&kernel_of(b)->exec, id);
}

static void
kernel_exec_kill_all(struct helper_backend *b)
{
	exec_runner_done(&kernel_of(b)->exec);
}

static void
put_port_report(const struct port_report *r, struct helper_msg *m)
{
	if (r->kind == PORT_REPORT_SUSPECT) {
		*m = (struct helper_msg){.kind = HELPER_SUSPECT};
		m->suspect.what = r->what;
		m->suspect.why = r->why;
		return;
	}
	*m = (struct helper_msg){.kind = HELPER_SERVED_STATE};
	m->served_state.what = r->what;
	m->served_state.verdict = (struct helper_verdict){r->served, r->why};
}

/* Served ports first, which are the most urgent; then addresses, which decide about routes. */
static bool
kernel_report(struct helper_backend *b, struct helper_msg *m)
{
	struct helper_kernel *k = kernel_of(b);
	struct nl_addr_report address;
	struct port_report port;

	if (port_watches_report(&k->ports, &port)) {
		put_port_report(&port, m);
		return true;
	}
	if (nl_addrs_report(&k->addrs, &address)) {
		*m = (struct helper_msg){.kind = HELPER_ADDRESS_STATE};
		m->address_state.prefix = address.prefix;
		m->address_state.present = address.present;
		m->address_state.error = address.error;
		return true;
	}
	*m = (struct helper_msg){.kind = HELPER_LINK_STATE};
	return nl_links_report(&k->links, m->link_state.ifname, &m->link_state.up);
}

static void
kernel_reported(struct helper_backend *b)
{
	struct helper_kernel *k = kernel_of(b);
	struct nl_addr_report address;
	struct port_report port;

	if (port_watches_report(&k->ports, &port))
		port_watches_reported(&k->ports);
	else if (nl_addrs_report(&k->addrs, &address))
		nl_addrs_reported(&k->addrs);
	else
		nl_links_reported(&k->links);
}

static void
kernel_free(struct helper_backend *b)
{
	struct helper_kernel *k = kernel_of(b);

	exec_runner_done(&k->exec);
	port_watches_done(&k->ports);
	nl_addrs_done(&k->addrs);
	nl_links_done(&k->links);
	nl_done(&k->nl);
	free(k);
}

static const struct helper_backend_ops kernel_ops = {
    .policy = kernel_policy,
    .address_add = kernel_address_add,
    .address_del = kernel_address_del,
    .address_is_ours = kernel_address_is_ours,
    .address_is_present = kernel_address_is_present,
    .listen = kernel_listen,
    .socket_open = kernel_socket_open,
    .exec_start = kernel_exec_start,
    .exec_kill = kernel_exec_kill,
    .exec_kill_all = kernel_exec_kill_all,
    .report = kernel_report,
    .reported = kernel_reported,
    .free = kernel_free,
};

static void
on_links_changed(struct nl_links_user *u)
{
	helper_has_reports(container_of(u, struct helper_kernel, links_user)->backend.helper);
}

static void
on_link_moved(struct nl_links_user *u, unsigned index)
{
	(void)u;
	(void)index;
}

static void
on_addrs_changed(struct nl_addrs_user *u)
{
	struct helper_kernel *k = container_of(u, struct helper_kernel, addrs_user);

	if (k->backend.helper != NULL)
		helper_has_reports(k->backend.helper);
}

static void
on_ports_changed(struct port_watches_user *u)
{
	helper_has_reports(container_of(u, struct helper_kernel, ports_user)->backend.helper);
}

static void
on_exec_ended(struct exec_runner *r, uint32_t id, const struct kernel_exec_result *result)
{
	struct helper_kernel *k = container_of(r, struct helper_kernel, exec);

	helper_exec_ended(k->backend.helper, id, result);
}

struct helper_backend *
helper_kernel_new(struct loop *l)
{
	struct helper_kernel *k = mem_alloc(sizeof(*k));
	int error;

	k->backend.ops = &kernel_ops;
	k->links_user.changed = on_links_changed;
	k->links_user.moved = on_link_moved;
	k->addrs_user.changed = on_addrs_changed;
	k->ports_user.changed = on_ports_changed;
	exec_runner_init(&k->exec, l, on_exec_ended);
	port_watches_init(&k->ports, l, &k->ports_user);
	error = nl_init(&k->nl, l);
	if (error == 0)
		error = nl_links_init(&k->links, &k->nl);
	if (error == 0)
		error = nl_addrs_init(&k->addrs, &k->nl, &k->links, &k->addrs_user);
	if (error == 0) {
		nl_links_add_user(&k->links, &k->links_user);
		return &k->backend;
	}
	log_error("cannot watch links and addresses by netlink: %s", strerror(-error));
	kernel_free(&k->backend);
	return NULL;
}
