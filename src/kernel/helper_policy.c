/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper's policy: which addresses may be put where, where a socket may listen, which kinds
 * of privileged sockets may be had, which commands may be run as whom. Everything is named; there
 * is no pattern, no default and no "any".
 *
 * A policy is filled, then sealed, then only asked. Sealing sorts the addresses (one interface
 * each: the configuration refuses an address in two services) and the commands, so that a question
 * is a binary search; endpoints are few. The user of a command is looked up when the policy is
 * made, never when the command is started: the user database may be slow, and a wrong name should
 * be found at load.
 */
#include "kernel/helper_policy.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define PASSWD_BUFFER 16384

struct helper_policy {
	struct helper_policy_address *addresses;
	size_t address_count, address_cap;
	struct helper_policy_exec *execs;
	size_t exec_count, exec_cap;
	struct endpoint *listens;
	size_t listen_count, listen_cap;
	struct kernel_listen *watches;
	size_t watch_count, watch_cap;
	dur_t stall;
	uint32_t sockets; /* mask of 1 << enum kernel_socket_kind */
	bool sealed;
};

struct helper_policy *
helper_policy_new(void)
{
	struct helper_policy *p = mem_alloc(sizeof(*p));

	p->stall = HELPER_STALL;
	return p;
}

static void
policy_exec_done(struct helper_policy_exec *x)
{
	for (char **arg = x->argv; arg != NULL && *arg != NULL; arg++)
		free(*arg);
	free(x->argv);
	free(x->name);
	free(x->user);
}

void
helper_policy_free(struct helper_policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->exec_count; i++)
		policy_exec_done(&p->execs[i]);
	free(p->execs);
	free(p->addresses);
	free(p->listens);
	free(p->watches);
	free(p);
}

/* Room for one more in an array that doubles. */
static void *
array_grow(void *items, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return items;
	*cap = *cap == 0 ? 8 : *cap * 2;
	return mem_resize(items, *cap, size);
}

void
helper_policy_add_address(struct helper_policy *p, const struct prefix *prefix, const char *ifname)
{
	struct helper_policy_address *a;

	assert(!p->sealed);
	if (p->address_count >= HELPER_POLICY_MAX)
		return;
	p->addresses =
	    array_grow(p->addresses, p->address_count, &p->address_cap, sizeof(*p->addresses));
	a = &p->addresses[p->address_count++];
	*a = (struct helper_policy_address){.prefix = *prefix};
	str_copy(a->ifname, sizeof(a->ifname), ifname);
}

void
helper_policy_add_listen(struct helper_policy *p, const struct endpoint *local)
{
	assert(!p->sealed);
	if (p->listen_count >= HELPER_POLICY_MAX)
		return;
	p->listens = array_grow(p->listens, p->listen_count, &p->listen_cap, sizeof(*p->listens));
	p->listens[p->listen_count++] = *local;
}

void
helper_policy_add_watch(struct helper_policy *p, const struct kernel_listen *what)
{
	assert(!p->sealed && what->port != 0);
	if (p->watch_count >= HELPER_POLICY_MAX)
		return;
	p->watches = array_grow(p->watches, p->watch_count, &p->watch_cap, sizeof(*p->watches));
	p->watches[p->watch_count++] = *what;
}

void
helper_policy_set_stall(struct helper_policy *p, dur_t stall)
{
	assert(!p->sealed && stall >= 0);
	p->stall = stall;
}

void
helper_policy_allow_socket(struct helper_policy *p, enum kernel_socket_kind kind)
{
	assert(!p->sealed && kind < KERNEL_SOCKET_COUNT);
	p->sockets |= 1u << kind;
}

/* Fills in who `user` is; NULL: nobody else than now. */
static int
policy_find_user(struct helper_policy_exec *x, const char *user)
{
	int group_count = HELPER_POLICY_GROUPS;
	struct passwd pw, *found = NULL;
	char *buf;

	if (user == NULL)
		return 0;
	buf = mem_alloc(PASSWD_BUFFER);
	if (getpwnam_r(user, &pw, buf, PASSWD_BUFFER, &found) != 0 || found == NULL) {
		free(buf);
		return -ENOENT;
	}
	x->uid = found->pw_uid;
	x->gid = found->pw_gid;
	/* More groups than we keep: the first ones have been filled in. */
	if (getgrouplist(user, found->pw_gid, x->groups, &group_count) < 0)
		group_count = HELPER_POLICY_GROUPS;
	x->group_count = (size_t)group_count;
	x->user = mem_strdup(user);
	free(buf);
	return 0;
}

static char **
argv_copy(const char *const *argv)
{
	size_t count = 0;
	char **copy;

	while (argv[count] != NULL)
		count++;
	copy = mem_array(count + 1, sizeof(*copy));
	for (size_t i = 0; i < count; i++)
		copy[i] = mem_strdup(argv[i]);
	return copy;
}

int
helper_policy_add_exec(
    struct helper_policy *p, const char *probe, const struct helper_exec_rule *rule)
{
	struct helper_policy_exec x = {0};
	int error;

	assert(!p->sealed);
	if (probe == NULL || *probe == 0 || rule->argv == NULL || rule->argv[0] == NULL ||
	    rule->timeout <= 0)
		return -EINVAL;
	if (p->exec_count >= HELPER_POLICY_MAX)
		return -ENOSPC;
	error = policy_find_user(&x, rule->user);
	if (error != 0)
		return error;
	x.name = mem_strdup(probe);
	x.argv = argv_copy(rule->argv);
	x.timeout = rule->timeout;
	p->execs = array_grow(p->execs, p->exec_count, &p->exec_cap, sizeof(*p->execs));
	p->execs[p->exec_count++] = x;
	return 0;
}

static int
address_cmp(const void *a, const void *b)
{
	const struct helper_policy_address *x = a, *y = b;

	return addr_cmp(&x->prefix.addr, &y->prefix.addr);
}

static int
exec_cmp(const void *a, const void *b)
{
	const struct helper_policy_exec *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int
watch_cmp(const void *a, const void *b)
{
	const struct kernel_listen *x = a, *y = b;

	if (x->proto != y->proto)
		return x->proto < y->proto ? -1 : 1;
	if (x->port != y->port)
		return x->port < y->port ? -1 : 1;
	return addr_cmp(&x->addr, &y->addr);
}

/* Two services on one host may name the same port of an address. */
static void
watches_unite(struct helper_policy *p)
{
	size_t n = 0;

	if (p->watch_count == 0)
		return;
	qsort(p->watches, p->watch_count, sizeof(*p->watches), watch_cmp);
	for (size_t i = 0; i < p->watch_count; i++)
		if (i == 0 || watch_cmp(&p->watches[i], &p->watches[n - 1]) != 0)
			p->watches[n++] = p->watches[i];
	p->watch_count = n;
}

void
helper_policy_seal(struct helper_policy *p)
{
	if (p->address_count > 0)
		qsort(p->addresses, p->address_count, sizeof(*p->addresses), address_cmp);
	if (p->exec_count > 0)
		qsort(p->execs, p->exec_count, sizeof(*p->execs), exec_cmp);
	watches_unite(p);
	p->sealed = true;
}

const struct helper_policy_address *
helper_policy_address_at(const struct helper_policy *p, size_t index)
{
	if (p == NULL || index >= p->address_count)
		return NULL;
	assert(p->sealed);
	return &p->addresses[index];
}

dur_t
helper_policy_stall(const struct helper_policy *p)
{
	return p == NULL ? 0 : p->stall;
}

const struct kernel_listen *
helper_policy_watch_at(const struct helper_policy *p, size_t index)
{
	if (p == NULL || index >= p->watch_count)
		return NULL;
	assert(p->sealed);
	return &p->watches[index];
}

const struct helper_policy_address *
helper_policy_find_address(const struct helper_policy *p, const struct addr *addr)
{
	struct helper_policy_address key = {.prefix.addr = *addr};

	if (p == NULL || p->address_count == 0)
		return NULL;
	assert(p->sealed);
	return bsearch(&key, p->addresses, p->address_count, sizeof(*p->addresses), address_cmp);
}

bool
helper_policy_allows_address(
    const struct helper_policy *p, const struct prefix *prefix, const char *ifname)
{
	const struct helper_policy_address *a = helper_policy_find_address(p, &prefix->addr);

	return a != NULL && prefix_equal(&a->prefix, prefix) && str_equal(a->ifname, ifname);
}

bool
helper_policy_allows_listen(const struct helper_policy *p, const struct endpoint *local)
{
	for (size_t i = 0; p != NULL && i < p->listen_count; i++)
		if (endpoint_equal(&p->listens[i], local))
			return true;
	return false;
}

bool
helper_policy_allows_socket(const struct helper_policy *p, enum kernel_socket_kind kind)
{
	return p != NULL && (p->sockets & 1u << kind) != 0;
}

const struct helper_policy_exec *
helper_policy_find_exec(const struct helper_policy *p, const char *probe)
{
	struct helper_policy_exec key = {.name = (char *)(uintptr_t)probe};

	if (p == NULL || p->exec_count == 0)
		return NULL;
	assert(p->sealed);
	return bsearch(&key, p->execs, p->exec_count, sizeof(*p->execs), exec_cmp);
}
