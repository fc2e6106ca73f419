/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The model of a host behind a helper, and the fixture that puts the engine's client and the helper
 * on the two ends of a socket pair.
 */
#include "helper_model.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t
host_index(const struct prefix *p)
{
	size_t index = addr_to_v4(&p->addr) & 0xffff;

	assert_true(p->addr.family == ADDR_V4 && index < HOST_MAX);
	return index;
}

struct prefix
host_prefix(size_t index)
{
	return (struct prefix){.addr = addr_v4(0x0a000000 + (uint32_t)index), .len = 32};
}

static struct model *
model_of(struct helper_backend *b)
{
	return container_of(b, struct model, backend);
}

void
model_touch(struct model *m, size_t index)
{
	m->addresses[index].dirty = true;
	if (index < m->first_dirty)
		m->first_dirty = index;
	helper_has_reports(m->backend.helper);
}

static void
model_policy(struct helper_backend *b, const struct helper_policy *p)
{
	const struct helper_policy_address *a;

	model_of(b)->policies++;
	for (size_t i = 0; (a = helper_policy_address_at(p, i)) != NULL; i++)
		model_touch(model_of(b), host_index(&a->prefix));
}

static void
model_add(struct helper_backend *b, const struct prefix *prefix, const char *ifname)
{
	assert_string_equal(ifname, "lo");
	model_of(b)->addresses[host_index(prefix)].ours = true;
	model_touch(model_of(b), host_index(prefix));
}

static int
model_del(struct helper_backend *b, const struct prefix *prefix)
{
	struct host_address *a = &model_of(b)->addresses[host_index(prefix)];

	if (!a->ours)
		return -ENOENT;
	a->ours = false;
	model_touch(model_of(b), host_index(prefix));
	return 0;
}

static bool
model_is_ours(struct helper_backend *b, const struct prefix *prefix)
{
	return model_of(b)->addresses[host_index(prefix)].ours;
}

static int
model_listen(struct helper_backend *b, const struct endpoint *local, const struct net_opts *opts)
{
	assert_int_equal(local->port, 179);
	assert_int_equal(opts->min_ttl, 255);
	assert_string_equal(opts->device, "veth0");
	model_of(b)->listens++;
	return memfd_create("listener", MFD_CLOEXEC);
}

static int
model_socket_open(struct helper_backend *b, enum kernel_socket_kind kind)
{
	assert_int_equal(kind, KERNEL_SOCKET_ICMP6);
	model_of(b)->sockets++;
	return memfd_create("socket", MFD_CLOEXEC);
}

static int
model_exec_start(struct helper_backend *b, uint32_t id, const struct helper_policy_exec *rule)
{
	struct kernel_exec_result result = {.code = 3, .output = "a\nb\x1b"};

	assert_string_equal(rule->name, "check");
	model_of(b)->started = id;
	model_of(b)->starts++;
	if (!model_of(b)->mute)
		helper_exec_ended(b->helper, id, &result);
	return 0;
}

static void
model_exec_kill(struct helper_backend *b, uint32_t id)
{
	assert_true(id != 0);
	model_of(b)->kills++;
}

static void
model_exec_kill_all(struct helper_backend *b)
{
	model_of(b)->killed_all++;
}

static bool
model_report(struct helper_backend *b, struct helper_msg *m)
{
	struct model *host = model_of(b);
	size_t i = host->first_dirty;

	while (i < HOST_MAX && !host->addresses[i].dirty)
		i++;
	host->first_dirty = i;
	if (i < HOST_MAX) {
		*m = (struct helper_msg){.kind = HELPER_ADDRESS_STATE};
		m->address_state.prefix = host_prefix(i);
		m->address_state.present = host->addresses[i].ours;
		return true;
	}
	*m = (struct helper_msg){.kind = HELPER_LINK_STATE};
	str_copy(m->link_state.ifname, sizeof(m->link_state.ifname), "link0");
	m->link_state.up = true;
	return host->links > 0;
}

static void
model_reported(struct helper_backend *b)
{
	struct model *host = model_of(b);

	if (host->first_dirty < HOST_MAX)
		host->addresses[host->first_dirty].dirty = false;
	else
		host->links--;
}

static void
model_free(struct helper_backend *b)
{
	(void)b;
}

static const struct helper_backend_ops model_ops = {
    .policy = model_policy,
    .address_add = model_add,
    .address_del = model_del,
    .address_is_ours = model_is_ours,
    .address_is_present = model_is_ours,
    .listen = model_listen,
    .socket_open = model_socket_open,
    .exec_start = model_exec_start,
    .exec_kill = model_exec_kill,
    .exec_kill_all = model_exec_kill_all,
    .report = model_report,
    .reported = model_reported,
    .free = model_free,
};

static struct helper_policy *
on_read_policy(struct helper_host *h, const char *text, size_t len)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct helper_exec_rule rule = {.argv = argv, .timeout = DUR_S};
	struct helper_policy *p;
	struct endpoint local;
	unsigned first, count;

	(void)h;
	assert_int_equal(text[len], 0);
	/* "FIRST COUNT": the addresses that may be used; anything else is a mistake. */
	if (sscanf(text, "%u %u", &first, &count) != 2)
		return NULL;
	p = helper_policy_new();
	for (unsigned i = first; i < first + count; i++) {
		struct prefix prefix = host_prefix(i);

		helper_policy_add_address(p, &prefix, "lo");
	}
	assert_int_equal(endpoint_parse("0.0.0.0:179", 0, &local), 0);
	helper_policy_add_listen(p, &local);
	helper_policy_allow_socket(p, KERNEL_SOCKET_ICMP6);
	assert_int_equal(helper_policy_add_exec(p, "check", &rule), 0);
	return p;
}

static void
on_engine_ready(struct helper_host *h)
{
	container_of(h, struct pair, helper_host)->readies++;
}

static void
on_engine_silent(struct helper_host *h)
{
	container_of(h, struct pair, helper_host)->silents++;
}

static void
on_engine_gone(struct helper_host *h, enum helper_end end)
{
	struct pair *p = container_of(h, struct pair, helper_host);

	assert_int_equal(p->helper_end, -1);
	p->helper_end = (int)end;
}

static void
on_opened(struct helper_client_host *h, uint32_t ticket, int fd)
{
	struct pair *p = container_of(h, struct pair, client_host);

	assert_false(p->inside);
	p->opens++;
	p->ticket = ticket;
	p->opened = fd;
}

static void
on_config(struct helper_client_host *h, const struct helper_config *config)
{
	struct pair *p = container_of(h, struct pair, client_host);

	assert_false(p->inside);
	p->configs++;
	p->config_serial = config->serial;
	p->config_error = config->error;
	free(p->config_text);
	p->config_text = config->text != NULL ? mem_strdup(config->text) : NULL;
	if (config->text != NULL)
		assert_int_equal(strlen(config->text), config->len);
}

static void
on_stop(struct helper_client_host *h)
{
	container_of(h, struct pair, client_host)->stops++;
}

static void
on_reload(struct helper_client_host *h)
{
	container_of(h, struct pair, client_host)->reloads++;
}

static void
on_gone(struct helper_client_host *h, enum helper_end end)
{
	struct pair *p = container_of(h, struct pair, client_host);

	assert_int_equal(p->engine_end, -1);
	p->engine_end = (int)end;
}

static void
on_address(struct kernel_listener *l, const struct prefix *prefix, bool present, int error)
{
	struct pair *p = container_of(l, struct pair, listener);

	assert_false(p->inside);
	p->reports++;
	p->report_error = error;
	p->errors[host_index(prefix)] = error;
	p->present[host_index(prefix)] = present;
}

static void
on_link(struct kernel_listener *l, const char *ifname, bool up)
{
	struct pair *p = container_of(l, struct pair, listener);

	assert_string_equal(ifname, "link0");
	assert_true(up);
	p->links++;
}

static void
on_exec(struct kernel_exec *x, const struct kernel_exec_result *result)
{
	struct run *r = container_of(x, struct run, exec);

	assert_false(r->pair->inside);
	assert_int_equal(x->id, 0);
	r->results++;
	r->pair->results++;
	r->result = *result;
}

static void
on_socket(struct kernel_socket *s, int fd)
{
	struct want *w = container_of(s, struct want, socket);

	assert_false(w->pair->inside);
	assert_int_equal(s->id, 0);
	w->results++;
	w->fd = fd;
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

void
write_config(struct pair *p, const char *text)
{
	FILE *f = fopen(p->path, "w");

	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0 && fclose(f) == 0, 1);
}

int
pair_setup(void **state)
{
	struct pair *p = mem_alloc(sizeof(*p));
	int fds[2], fd;

	log_set_sink(quiet);
	str_copy(p->path, sizeof(p->path), "/tmp/nigh-test-XXXXXX");
	fd = mkstemp(p->path);
	assert_true(fd >= 0);
	close(fd);
	write_config(p, "0 4096");
	p->model.backend.ops = &model_ops;
	p->model.first_dirty = HOST_MAX;
	p->helper_end = p->engine_end = p->opened = -1;
	p->helper_loop = loop_new();
	p->engine_loop = loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	p->helper_host = (struct helper_host){.config_path = p->path,
	    .read_policy = on_read_policy,
	    .engine_ready = on_engine_ready,
	    .engine_silent = on_engine_silent,
	    .engine_gone = on_engine_gone};
	p->helper = helper_new_with(p->helper_loop, fds[0], &p->helper_host, &p->model.backend);
	p->client_host = (struct helper_client_host){.opened = on_opened,
	    .config = on_config,
	    .stop = on_stop,
	    .reload = on_reload,
	    .gone = on_gone};
	p->client = helper_client_new(p->engine_loop, fds[1], &p->client_host);
	p->port = helper_client_port(p->client);
	p->port->listener = &p->listener;
	p->listener.address = on_address;
	p->listener.link = on_link;
	p->run.exec.fn = on_exec;
	p->run.pair = p;
	p->want.socket.fn = on_socket;
	p->want.pair = p;
	*state = p;
	return 0;
}

int
pair_teardown(void **state)
{
	struct pair *p = *state;

	helper_client_free(p->client);
	helper_free(p->helper);
	loop_free(p->helper_loop);
	loop_free(p->engine_loop);
	unlink(p->path);
	free(p->config_text);
	free(p->runs);
	free(p);
	log_set_sink(NULL);
	return 0;
}

void
turn_for(struct loop *a, struct loop *b, dur_t d)
{
	struct loop *idle = loop_new();
	mono_t end = mono_add(mono_clock(), d);

	while (mono_before(mono_clock(), end)) {
		loop_turn(idle, 2 * DUR_MS);
		if (a != NULL)
			loop_turn(a, DUR_MS);
		if (b != NULL)
			loop_turn(b, DUR_MS);
	}
	loop_free(idle);
}

void
pair_load(struct pair *p)
{
	unsigned configs = p->configs, policies = p->model.policies;
	uint32_t serial = helper_client_config_read(p->client);

	AWAIT(p, p->configs > configs);
	assert_int_equal(p->config_error, 0);
	assert_int_equal(p->config_serial, serial);
	helper_client_config_commit(p->client, serial);
	AWAIT(p, p->model.policies > policies);
}

void
ask_address(struct pair *p, size_t index, bool present)
{
	struct prefix prefix = host_prefix(index);

	p->inside = true;
	p->port->ops->address_set(p->port, &prefix, "lo", present);
	p->inside = false;
}

void
ask_exec(struct pair *p, struct run *r, const char *name)
{
	p->inside = true;
	p->port->ops->exec_start(p->port, &r->exec, name);
	assert_int_not_equal(r->exec.id, 0);
	p->inside = false;
}

void
ask_socket(struct pair *p, struct want *w, enum kernel_socket_kind kind)
{
	p->inside = true;
	p->port->ops->socket_open(p->port, &w->socket, kind);
	assert_int_not_equal(w->socket.id, 0);
	p->inside = false;
}

unsigned
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned count = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		count++;
	closedir(dir);
	return count;
}
