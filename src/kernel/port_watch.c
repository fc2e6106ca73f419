/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Served ports.
 *
 * There is one way to learn the state, the look: dump the sockets on watched ports, and see for
 * each watched port whether one of them takes what is sent there. A socket serves a port when it is
 * bound to the address, to 0.0.0.0, or to :: (for IPv4 too, unless it is IPV6_V6ONLY). Before a
 * port counts as deserted the kernel is asked for that one port alone, because a dump may miss a
 * socket; so a server that binds anew before it closes raises no alarm, whatever the order of
 * events.
 *
 * A socket whose owners are all dying (port_owner.h) serves nobody, though it exists until their
 * memory is torn down.
 *
 * Whether a server reads what it is sent is another question: port_stall.c.
 *
 * A look happens when the configuration comes into force, when a socket that was found ends (the
 * kernel's news say so by its cookie), when an owner ends, and every 100 ms while a port is
 * deserted, since a new socket is not announced. A host whose ports are all served is not looked at
 * without a reason.
 *
 * Reports are level-triggered, as with links and addresses: a port whose state changed waits until
 * it has been told, and what is told is the state of then.
 *
 * When the kernel refuses to show sockets (no inet_diag), ports count as served: then only probes
 * decide, and the log says so.
 */
#include "kernel/port_watch.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Any remote port will do: who asks only wants to know whether there is a socket. */
#define SOME_PORT 33333

/* -- the sockets that were found -- */

static int
place_cmp(const struct nl_sock *a, const struct nl_sock *b)
{
	if (a->proto != b->proto)
		return a->proto < b->proto ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return addr_cmp(&a->addr, &b->addr);
}

static int
found_cmp(const void *a, const void *b)
{
	const struct nl_sock *x = &((const struct port_sock *)a)->sock;
	const struct nl_sock *y = &((const struct port_sock *)b)->sock;
	int order = place_cmp(x, y);

	if (order != 0)
		return order;
	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static void
found_add(struct port_watches *pw, const struct nl_sock *s)
{
	if (pw->found_count == pw->found_cap) {
		pw->found_cap = pw->found_cap == 0 ? 16 : pw->found_cap * 2;
		pw->found = mem_resize(pw->found, pw->found_cap, sizeof(*pw->found));
	}
	pw->found[pw->found_count++] = (struct port_sock){.sock = *s};
}

static void
dump_each(struct nl_sock_dump *d, const struct nl_sock *s)
{
	found_add(container_of(d, struct port_watches, dump), s);
}

static void
found_sort(struct port_watches *pw)
{
	if (pw->found_count > 0)
		qsort(pw->found, pw->found_count, sizeof(*pw->found), found_cmp);
}

/* The first socket that is not before this place. */
static size_t
found_from(const struct port_watches *pw, const struct nl_sock *place)
{
	size_t from = 0, to = pw->found_count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (place_cmp(&pw->found[middle].sock, place) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

const struct port_sock *
port_sock_find(const struct port_sock *socks, size_t count, const struct port_sock *key)
{
	return count == 0 ? NULL : bsearch(key, socks, count, sizeof(*socks), found_cmp);
}

bool
port_sock_shares(const struct port_sock *a, const struct port_sock *b)
{
	return place_cmp(&a->sock, &b->sock) == 0;
}

bool
port_sock_serves(const struct nl_sock *s, const struct kernel_listen *what)
{
	if (s->proto != what->proto || s->port != what->port)
		return false;
	if (addr_equal(&s->addr, &what->addr))
		return true;
	return addr_is_any(&s->addr) &&
	       (s->addr.family == what->addr.family || (s->addr.family == ADDR_V6 && !s->v6only));
}

/* -- who serves -- */

/* DYING: by processes that end. In the order of preference. */
enum port_service { PORT_NOBODY, PORT_DYING, PORT_SERVED };

/* Of the sockets at exactly this place. */
static enum port_service
service_at(
    const struct port_watches *pw, const struct kernel_listen *what, const struct nl_sock *place)
{
	enum port_service best = PORT_NOBODY;

	for (size_t i = found_from(pw, place); i < pw->found_count; i++) {
		const struct nl_sock *s = &pw->found[i].sock;

		if (place_cmp(s, place) != 0)
			break;
		if (s->v6only && what->addr.family != ADDR_V6)
			continue;
		if (!port_owners_dying(&pw->owners, s->inode))
			return PORT_SERVED;
		best = PORT_DYING;
	}
	return best;
}

static enum port_service
service_of(const struct port_watches *pw, const struct kernel_listen *what)
{
	const struct addr places[] = {what->addr, {.family = ADDR_V4}, {.family = ADDR_V6}};
	enum port_service best = PORT_NOBODY;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		struct nl_sock place = {
		    .proto = what->proto, .port = what->port, .addr = places[i]};
		enum port_service service;

		if (places[i].family == ADDR_V4 && what->addr.family != ADDR_V4)
			continue;
		service = service_at(pw, what, &place);
		if (service > best)
			best = service;
	}
	return best;
}

/* -- states -- */

static void
watch_owe(struct port_watches *pw, struct port_watch *w)
{
	size_t index = (size_t)(w - pw->watches);

	if (index < pw->first_waiting)
		pw->first_waiting = index;
}

static void
watch_set_state(
    struct port_watches *pw, struct port_watch *w, enum kernel_served served, enum why why)
{
	char text[ADDR_TEXT];

	if (w->known && w->served == served)
		return;
	if (w->known)
		log_info("%s port %u on %s: %s", w->what.proto == KERNEL_TCP ? "TCP" : "UDP",
		    w->what.port, addr_format(&w->what.addr, text, sizeof(text)),
		    served == KERNEL_SERVED ? "served" : why_text(why));
	w->known = true;
	w->served = served;
	w->why = why;
	w->waits = true;
	watch_owe(pw, w);
	pw->user->changed(pw->user);
}

void
port_watch_suspect(struct port_watches *pw, struct port_watch *w)
{
	w->suspect = true;
	watch_owe(pw, w);
	pw->user->changed(pw->user);
}

/* Makes the states follow from the sockets that were found. */
static void
port_watches_judge(struct port_watches *pw)
{
	bool deserted = false;

	for (size_t i = 0; i < pw->count; i++) {
		struct port_watch *w = &pw->watches[i];

		switch (service_of(pw, &w->what)) {
		case PORT_SERVED: watch_set_state(pw, w, KERNEL_SERVED, WHY_OK); break;
		case PORT_DYING: watch_set_state(pw, w, KERNEL_DESERTED, WHY_EXIT); break;
		case PORT_NOBODY:
			watch_set_state(pw, w, KERNEL_DESERTED, w->dying ? WHY_EXIT : WHY_SOCKET);
			break;
		}
		deserted |= w->served == KERNEL_DESERTED;
	}
	if (deserted)
		loop_timer_after(&pw->poll, PORT_WATCH_POLL);
	else
		loop_timer_cancel(&pw->poll);
}

/* -- the look -- */

static void
look_failed(struct port_watches *pw, int error)
{
	if (!pw->failed)
		log_error("cannot look for the sockets that serve ports (%s): only probes notice "
			  "when a server ends; is the kernel built with INET_DIAG and "
			  "INET_UDP_DIAG?",
		    strerror(-error));
	pw->failed = true;
	for (size_t i = 0; i < pw->count; i++)
		if (!pw->watches[i].known)
			watch_set_state(pw, &pw->watches[i], KERNEL_SERVED, WHY_OK);
	loop_timer_after(&pw->poll, PORT_WATCH_RETRY);
}

/* Asks for each port that nobody seems to serve by itself. */
static int
look_twice(struct port_watches *pw)
{
	struct nl_sock s;

	for (size_t i = 0; i < pw->count; i++) {
		const struct kernel_listen *what = &pw->watches[i].what;
		int error;

		if (service_of(pw, what) != PORT_NOBODY)
			continue;
		error = nl_socks_find(&pw->socks, what, SOME_PORT, &s);
		if (error == -ENOENT)
			continue;
		if (error != 0)
			return error;
		found_add(pw, &s);
		found_sort(pw);
	}
	return 0;
}

static int
inode_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* Asks for the owners of what was found. Some sockets belong to the kernel and have no inode. */
static void
look_for_owners(struct port_watches *pw)
{
	uint32_t *inodes = mem_array(pw->found_count + 1, sizeof(*inodes));
	size_t n = 0;

	for (size_t i = 0; i < pw->found_count; i++)
		if (pw->found[i].sock.inode != 0)
			inodes[n++] = pw->found[i].sock.inode;
	if (n > 0)
		qsort(inodes, n, sizeof(*inodes), inode_cmp);
	port_owners_set(&pw->owners, inodes, n);
	free(inodes);
}

void
port_watches_look(struct port_watches *pw)
{
	struct port_sock *before = pw->found;
	size_t before_count = pw->found_count;
	int error;

	if (pw->count == 0)
		return;
	pw->ended = false;
	pw->looks++;
	pw->found = NULL;
	pw->found_count = pw->found_cap = 0;
	error = nl_socks_dump(&pw->socks, &pw->dump);
	found_sort(pw);
	if (error == 0)
		error = look_twice(pw);
	if (error != 0) {
		look_failed(pw, error);
	} else {
		pw->failed = false;
		look_for_owners(pw);
		port_watches_judge(pw);
	}
	port_stall_judge(pw, before, before_count);
	free(before);
}

static void
poll_due(struct loop_timer *t)
{
	port_watches_look(container_of(t, struct port_watches, poll));
}

/* -- news from the kernel -- */

static void
on_destroyed(struct nl_socks_user *u, uint64_t cookie)
{
	struct port_watches *pw = container_of(u, struct port_watches, socks_user);

	for (size_t i = 0; i < pw->found_count; i++)
		if (pw->found[i].sock.cookie == cookie)
			pw->ended = true;
}

static void
on_lost(struct nl_socks_user *u)
{
	container_of(u, struct port_watches, socks_user)->ended = true;
}

static void
on_settled(struct nl_socks_user *u)
{
	struct port_watches *pw = container_of(u, struct port_watches, socks_user);

	if (pw->ended)
		port_watches_look(pw);
}

static void
on_owners_changed(struct port_owners_user *u)
{
	struct port_watches *pw = container_of(u, struct port_watches, owners_user);

	/* A small process may have closed its sockets before we get to look. */
	for (size_t i = 0; i < pw->count; i++)
		pw->watches[i].dying = service_of(pw, &pw->watches[i].what) == PORT_DYING;
	port_watches_look(pw);
	for (size_t i = 0; i < pw->count; i++)
		pw->watches[i].dying = false;
}

/* -- policy -- */

static bool
same_port(const struct kernel_listen *a, const struct kernel_listen *b)
{
	return a->proto == b->proto && a->port == b->port;
}

static void
watch_ports(struct port_watches *pw)
{
	struct nl_sock_port *ports = mem_array(pw->count + 1, sizeof(*ports));
	size_t n = 0;

	for (size_t i = 0; i < pw->count; i++) {
		const struct kernel_listen *what = &pw->watches[i].what;

		if (i == 0 || !same_port(what, &pw->watches[i - 1].what))
			ports[n++] =
			    (struct nl_sock_port){.proto = what->proto, .port = what->port};
	}
	nl_socks_set_ports(&pw->socks, ports, n);
	free(ports);
}

void
port_watches_set_policy(struct port_watches *pw, const struct helper_policy *policy)
{
	const struct kernel_listen *what;
	size_t count = 0;

	while (helper_policy_watch_at(policy, count) != NULL)
		count++;
	free(pw->watches);
	pw->watches = mem_array(count + 1, sizeof(*pw->watches));
	pw->count = count;
	pw->first_waiting = count;
	for (size_t i = 0; (what = helper_policy_watch_at(policy, i)) != NULL; i++)
		pw->watches[i].what = *what;
	pw->stall = helper_policy_stall(policy);
	loop_timer_cancel(&pw->poll);
	loop_timer_cancel(&pw->sample);
	if (count == 0)
		port_owners_set(&pw->owners, NULL, 0);
	watch_ports(pw);
	port_watches_look(pw);
}

/* -- reports -- */

static struct port_watch *
first_waiting(struct port_watches *pw)
{
	for (; pw->first_waiting < pw->count; pw->first_waiting++) {
		struct port_watch *w = &pw->watches[pw->first_waiting];

		if (w->waits || w->suspect)
			return w;
	}
	return NULL;
}

bool
port_watches_report(struct port_watches *pw, struct port_report *out)
{
	const struct port_watch *w = first_waiting(pw);

	if (w == NULL)
		return false;
	*out = (struct port_report){.what = w->what, .served = w->served, .why = w->why};
	if (!w->waits) {
		out->kind = PORT_REPORT_SUSPECT;
		out->why = WHY_STALL;
	}
	return true;
}

void
port_watches_reported(struct port_watches *pw)
{
	struct port_watch *w = first_waiting(pw);

	if (w == NULL)
		return;
	if (w->waits)
		w->waits = false;
	else
		w->suspect = false;
}

/* -- life -- */

void
port_watches_init(struct port_watches *pw, struct loop *l, struct port_watches_user *user)
{
	*pw = (struct port_watches){.loop = l, .user = user};
	rng_init(&pw->rng, rng_secure());
	loop_timer_init(&pw->sample, l, port_stall_glance);
	pw->socks_user.destroyed = on_destroyed;
	pw->socks_user.lost = on_lost;
	pw->socks_user.settled = on_settled;
	pw->dump.each = dump_each;
	loop_timer_init(&pw->poll, l, poll_due);
	pw->owners_user.changed = on_owners_changed;
	port_owners_init(&pw->owners, l, &pw->owners_user);
	(void)nl_socks_init(&pw->socks, l, &pw->socks_user);
}

void
port_watches_done(struct port_watches *pw)
{
	if (pw->loop == NULL)
		return;
	loop_timer_cancel(&pw->poll);
	loop_timer_cancel(&pw->sample);
	port_owners_done(&pw->owners);
	nl_socks_done(&pw->socks);
	free(pw->watches);
	free(pw->found);
	pw->watches = NULL;
	pw->found = NULL;
	pw->count = pw->found_count = pw->found_cap = 0;
}
