/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixture of the tests of served ports.
 */
#include "port_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

void
world_stay(void)
{
	log_set_sink(quiet);
}

int
world_enter(void)
{
	world_stay();
	if (unshare(CLONE_NEWNET) != 0) {
		fprintf(stderr, "skipped: a network namespace needs root (%s)\n", strerror(errno));
		return SKIPPED;
	}
	if (system("ip link set lo up && ip addr add 192.0.2.53/32 dev lo && "
		   "ip -6 addr add 2001:db8::53/128 dev lo nodad") != 0) {
		fprintf(stderr, "skipped: there is no ip(8); install iproute2\n");
		return SKIPPED;
	}
	return 0;
}

struct kernel_listen
world_listen(const char *text)
{
	struct kernel_listen what = {0};
	char proto[4], addr[ADDR_TEXT];
	unsigned port;

	assert_int_equal(sscanf(text, "%3s %45s %u", proto, addr, &port), 3);
	assert_int_equal(addr_parse(addr, &what.addr), 0);
	what.proto = str_equal(proto, "tcp") ? KERNEL_TCP : KERNEL_UDP;
	what.port = (uint16_t)port;
	return what;
}

static size_t
index_of(const struct world *w, const struct kernel_listen *what)
{
	for (size_t i = 0; i < w->count; i++) {
		const struct kernel_listen *x = &w->pw.watches[i].what;

		if (addr_equal(&x->addr, &what->addr) && x->port == what->port &&
		    x->proto == what->proto)
			return i;
	}
	fail_msg("a port was reported that nobody watches");
	return 0;
}

static void
on_changed(struct port_watches_user *u)
{
	struct world *w = container_of(u, struct world, user);
	struct port_report r;

	while (port_watches_report(&w->pw, &r)) {
		size_t i = index_of(w, &r.what);

		if (r.kind == PORT_REPORT_SUSPECT) {
			w->suspects[i]++;
		} else {
			w->last[i] = r;
			w->reports[i]++;
		}
		port_watches_reported(&w->pw);
	}
}

int
world_setup(void **state)
{
	struct world *w = mem_alloc(sizeof(*w));

	w->loop = loop_new();
	w->user.changed = on_changed;
	port_watches_init(&w->pw, w->loop, &w->user);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	struct world *w = *state;

	port_watches_done(&w->pw);
	helper_policy_free(w->policy);
	loop_free(w->loop);
	free(w);
	return 0;
}

void
world_watch(struct world *w, const char *const *ports)
{
	struct helper_policy *p = helper_policy_new();

	w->count = 0;
	for (; *ports != NULL; ports++) {
		struct kernel_listen what = world_listen(*ports);

		helper_policy_add_watch(p, &what);
		w->count++;
	}
	assert_in_range(w->count, 0, WORLD_MAX);
	helper_policy_seal(p);
	port_watches_set_policy(&w->pw, p);
	helper_policy_free(w->policy);
	w->policy = p;
}

bool
world_is(const struct world *w, size_t index, enum kernel_served served, enum why why)
{
	return w->reports[index] > 0 && w->last[index].served == served &&
	       w->last[index].why == why;
}

void
world_turn_for(struct world *w, dur_t d)
{
	mono_t end = mono_add(mono_clock(), d);

	while (mono_before(mono_clock(), end))
		loop_turn(w->loop, DUR_MS);
}

int
world_bind(const char *text, unsigned how)
{
	struct kernel_listen what = world_listen(text);
	struct endpoint local = {.addr = what.addr, .port = what.port};
	int type = what.proto == KERNEL_TCP ? SOCK_STREAM : SOCK_DGRAM, on = 1;
	int v6only = (how & BIND_V6ONLY) != 0;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(&local, &ss);
	int fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	if (how & BIND_REUSEPORT)
		assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
	if (ss.ss_family == AF_INET6)
		assert_int_equal(
		    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
	if (bind(fd, (struct sockaddr *)&ss, len) == 0 &&
	    (type == SOCK_DGRAM || listen(fd, 8) == 0))
		return fd;
	close(fd);
	return -1;
}
