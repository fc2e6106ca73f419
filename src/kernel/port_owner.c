/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The owners of sockets.
 *
 * Who holds a socket stands in no table: it takes a look at all descriptors of all processes
 * (/proc/PID/fd). Such a scan goes in steps, so that it never holds up the loop for more than a
 * millisecond or two, and it happens when other sockets serve than before, twice again soon after
 * (servers fork, and hand sockets to workers), and then once a minute.
 *
 * When the last known owner of a socket dies, an alarm must be quick and right, so only processes
 * that the last scan did not see are looked at first, which catches all children. A full scan
 * follows at once; had somebody else been given the socket in between, the port would be served
 * again a few milliseconds later.
 *
 * A dying process keeps its socket until its memory is torn down. What it held counts until it is
 * gone, and not longer: should the socket live on then, somebody has it whom no scan can see, and
 * the port is served.
 *
 * Owns: the owners, each with its watch (proc_exit.h).
 */
#include "kernel/port_owner.h"

#include "base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptors that one step looks at. */
#define STEP_FILES 512
/* And the pause between two steps, in which the loop does other things. */
#define STEP_PAUSE (1 * DUR_MS)

/* Until the next scan, by the number of scans since the sockets changed. */
static const dur_t scan_pauses[] = {DUR_S / 2, 5 * DUR_S, DUR_MIN};

struct port_owner {
	LIST_ENTRY(port_owner) link;
	struct proc proc;
};

/* -- tables -- */

static void
holds_add(struct port_holds *h, uint32_t inode, struct port_owner *owner)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].inode == inode && h->items[i].owner == owner)
			return;
	if (h->count == h->cap) {
		h->cap = h->cap == 0 ? 16 : h->cap * 2;
		h->items = mem_resize(h->items, h->cap, sizeof(*h->items));
	}
	h->items[h->count++] = (struct port_hold){inode, owner};
}

static bool
holds_has(const struct port_holds *h, const struct port_owner *owner)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].owner == owner)
			return true;
	return false;
}

static void
holds_forget(struct port_holds *h, const struct port_owner *owner)
{
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++)
		if (h->items[i].owner != owner)
			h->items[n++] = h->items[i];
	h->count = n;
}

static int
inode_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static bool
is_asked(const struct port_owners *po, uint32_t inode)
{
	return po->inode_count > 0 &&
	       bsearch(&inode, po->inodes, po->inode_count, sizeof(inode), inode_cmp) != NULL;
}

static int
pid_cmp(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

static void
pids_add(struct port_pids *p, pid_t pid)
{
	if (p->count == p->cap) {
		p->cap = p->cap == 0 ? 256 : p->cap * 2;
		p->items = mem_resize(p->items, p->cap, sizeof(*p->items));
	}
	p->items[p->count++] = pid;
}

static bool
pids_has(const struct port_pids *p, pid_t pid)
{
	return p->count > 0 && bsearch(&pid, p->items, p->count, sizeof(pid), pid_cmp) != NULL;
}

/* -- owners -- */

static void
owner_free(struct port_owners *po, struct port_owner *o)
{
	holds_forget(&po->holds, o);
	holds_forget(&po->found, o);
	proc_exit_del(&po->exit, &o->proc);
	LIST_REMOVE(o, link);
	free(o);
}

/* The owner for a process that runs now; NULL when it has ended meanwhile. */
static struct port_owner *
owner_get(struct port_owners *po, pid_t pid)
{
	struct port_owner *o;

	LIST_FOREACH (o, &po->owners, link)
		if (o->proc.pid == pid && o->proc.state != PROC_GONE)
			return o;
	o = mem_alloc(sizeof(*o));
	if (proc_exit_add(&po->exit, &o->proc, pid) != 0) {
		free(o);
		return NULL;
	}
	LIST_INSERT_HEAD(&po->owners, o, link);
	return o;
}

/* -- looking at a process -- */

/* The inode of "socket:[123]", or 0. */
static uint32_t
socket_inode(int dir, const char *name)
{
	static const char word[] = "socket:[";
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n < 0)
		return 0;
	link[n] = 0;
	if (strncmp(link, word, sizeof(word) - 1) != 0)
		return 0;
	return (uint32_t)strtoul(link + sizeof(word) - 1, NULL, 10);
}

static pid_t
entry_pid(const struct dirent *e)
{
	return e->d_name[0] >= '1' && e->d_name[0] <= '9' ? (pid_t)strtol(e->d_name, NULL, 10) : 0;
}

static DIR *
files_open(pid_t pid)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	return opendir(path);
}

/* Looks at the next descriptor of a process. False when that was the last one. */
static bool
files_next(struct port_owners *po, DIR *files, pid_t pid, struct port_holds *into)
{
	const struct dirent *e = readdir(files);
	struct port_owner *o;
	uint32_t inode;

	if (e == NULL)
		return false;
	inode = socket_inode(dirfd(files), e->d_name);
	if (inode == 0 || !is_asked(po, inode))
		return true;
	o = owner_get(po, pid);
	if (o != NULL)
		holds_add(into, inode, o);
	return true;
}

/* -- the scan -- */

static void
scan_stop(struct port_owners *po)
{
	loop_timer_cancel(&po->step);
	if (po->files != NULL)
		closedir(po->files);
	if (po->processes != NULL)
		closedir(po->processes);
	po->files = po->processes = NULL;
	po->found.count = po->pids_now.count = 0;
}

/* What was found is the truth, except for the dying: what they held counts until they are gone. */
static void
scan_finish(struct port_owners *po)
{
	struct port_holds holds = po->found;
	struct port_pids pids = po->pids_now;
	struct port_owner *o, *next;
	size_t pause =
	    po->scans < ARRAY_LEN(scan_pauses) - 1 ? po->scans : ARRAY_LEN(scan_pauses) - 1;

	for (size_t i = 0; i < po->holds.count; i++) {
		const struct port_hold *h = &po->holds.items[i];

		if (h->owner->proc.state == PROC_DYING && is_asked(po, h->inode))
			holds_add(&holds, h->inode, h->owner);
	}
	po->found = po->holds;
	po->holds = holds;
	po->pids_now = po->pids;
	po->pids = pids;
	if (po->pids.count > 0)
		qsort(po->pids.items, po->pids.count, sizeof(pid_t), pid_cmp);
	scan_stop(po);
	LIST_FOREACH_SAFE (o, &po->owners, link, next)
		if (!holds_has(&po->holds, o))
			owner_free(po, o);
	proc_exit_sync(&po->exit);
	po->scans++;
	loop_timer_after(&po->again, scan_pauses[pause]);
	po->user->changed(po->user);
}

static void
scan_step(struct loop_timer *t)
{
	struct port_owners *po = container_of(t, struct port_owners, step);
	const struct dirent *e;

	for (int i = 0; i < STEP_FILES; i++) {
		if (po->files != NULL && files_next(po, po->files, po->pid, &po->found))
			continue;
		if (po->files != NULL)
			closedir(po->files);
		po->files = NULL;
		e = readdir(po->processes);
		if (e == NULL) {
			scan_finish(po);
			return;
		}
		po->pid = entry_pid(e);
		if (po->pid == 0)
			continue;
		pids_add(&po->pids_now, po->pid);
		po->files = files_open(po->pid);
	}
	loop_timer_after(&po->step, STEP_PAUSE);
}

static void
scan_start(struct port_owners *po)
{
	scan_stop(po);
	loop_timer_cancel(&po->again);
	if (po->inode_count == 0)
		return;
	po->processes = opendir("/proc");
	if (po->processes != NULL)
		loop_timer_after(&po->step, 0);
}

static void
scan_again(struct loop_timer *t)
{
	scan_start(container_of(t, struct port_owners, again));
}

/* Looks at the processes that the last scan has not seen. */
static void
scan_newcomers(struct port_owners *po)
{
	DIR *processes = opendir("/proc");
	const struct dirent *e;

	while (processes != NULL && (e = readdir(processes)) != NULL) {
		pid_t pid = entry_pid(e);
		DIR *files = pid == 0 || pids_has(&po->pids, pid) ? NULL : files_open(pid);

		if (files == NULL)
			continue;
		while (files_next(po, files, pid, &po->holds))
			continue;
		closedir(files);
	}
	if (processes != NULL)
		closedir(processes);
}

/* -- the end of an owner -- */

bool
port_owners_dying(const struct port_owners *po, uint32_t inode)
{
	bool dying = false;

	for (size_t i = 0; i < po->holds.count; i++) {
		if (po->holds.items[i].inode != inode)
			continue;
		if (po->holds.items[i].owner->proc.state == PROC_RUNS)
			return false;
		dying = true;
	}
	return dying;
}

static bool
leaves_nobody(const struct port_owners *po, const struct port_owner *o)
{
	for (size_t i = 0; i < po->holds.count; i++)
		if (po->holds.items[i].owner == o &&
		    port_owners_dying(po, po->holds.items[i].inode))
			return true;
	return false;
}

/* Lets go of those that are gone altogether. */
static void
owners_bury(struct port_owners *po)
{
	struct port_owner *o, *next;

	LIST_FOREACH_SAFE (o, &po->owners, link, next)
		if (o->proc.state == PROC_GONE)
			owner_free(po, o);
	proc_exit_sync(&po->exit);
}

static void
on_exit_state(struct proc_exit *pe, struct proc *p)
{
	struct port_owners *po = container_of(pe, struct port_owners, exit);
	struct port_owner *o = container_of(p, struct port_owner, proc);
	bool alarm = leaves_nobody(po, o);

	if (alarm) {
		scan_newcomers(po);
		po->user->changed(po->user);
	}
	/* The user may ask about other sockets now, and `o` be no more. */
	owners_bury(po);
	if (alarm)
		scan_start(po);
}

/* -- what is asked -- */

static void
owners_free_all(struct port_owners *po)
{
	struct port_owner *o;

	while ((o = LIST_FIRST(&po->owners)) != NULL)
		owner_free(po, o);
	proc_exit_sync(&po->exit);
}

void
port_owners_set(struct port_owners *po, const uint32_t *inodes, size_t count)
{
	if (count == po->inode_count &&
	    (count == 0 || memcmp(inodes, po->inodes, count * sizeof(*inodes)) == 0))
		return;
	free(po->inodes);
	po->inodes = mem_array(count + 1, sizeof(*inodes));
	po->inode_count = count;
	if (count > 0)
		memcpy(po->inodes, inodes, count * sizeof(*inodes));
	po->scans = 0;
	if (count == 0)
		owners_free_all(po);
	scan_start(po);
}

/* -- life -- */

void
port_owners_init(struct port_owners *po, struct loop *l, struct port_owners_user *user)
{
	*po = (struct port_owners){.loop = l, .user = user};
	LIST_INIT(&po->owners);
	loop_timer_init(&po->step, l, scan_step);
	loop_timer_init(&po->again, l, scan_again);
	proc_exit_init(&po->exit, l, on_exit_state);
}

void
port_owners_done(struct port_owners *po)
{
	if (po->loop == NULL)
		return;
	scan_stop(po);
	loop_timer_cancel(&po->again);
	owners_free_all(po);
	proc_exit_done(&po->exit);
	free(po->inodes);
	free(po->holds.items);
	free(po->found.items);
	free(po->pids.items);
	free(po->pids_now.items);
	*po = (struct port_owners){0};
}
