/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of processes.
 *
 * Two sources tell of it. A pidfd becomes readable when the process has ended altogether: certain,
 * always there (Linux 5.3), but late, because the kernel tears down the memory first. Exit records
 * (proc_record.c) come when the process stops to run its program, long before; where the kernel
 * does not give them, the pidfd alone does, and the log says so once.
 *
 * A record without a part about the process is that of a process with one thread, or of one thread
 * among others that go on; the number of threads in /proc tells which.
 */
#include "kernel/proc_exit.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BUFFER 8192
#define BURST  256
/* In /proc/PID/stat, counted from behind the command's name. */
#define STAT_THREADS 18

static void
set_state(struct proc *p, enum proc_state state)
{
	if (state <= p->state)
		return;
	p->state = state;
	p->exit->fn(p->exit, p);
}

/* -- pidfd -- */

static void
pidfd_ready(struct loop_fd *w, unsigned ready)
{
	struct proc *p = container_of(w, struct proc, watch);

	(void)ready;
	loop_fd_want(w, 0);
	set_state(p, PROC_GONE);
}

int
proc_exit_add(struct proc_exit *pe, struct proc *p, pid_t pid)
{
	*p = (struct proc){.pid = pid, .exit = pe, .state = PROC_RUNS};
	p->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p->pidfd < 0)
		return -errno;
	loop_fd_init(&p->watch, pe->loop, p->pidfd, pidfd_ready);
	loop_fd_want(&p->watch, LOOP_READ);
	LIST_INSERT_HEAD(&pe->procs, p, link);
	return 0;
}

void
proc_exit_del(struct proc_exit *pe, struct proc *p)
{
	(void)pe;
	if (p->exit == NULL)
		return;
	loop_fd_done(&p->watch);
	close(p->pidfd);
	LIST_REMOVE(p, link);
	p->exit = NULL;
}

/* -- exit records -- */

/* How many threads the process has; 0 when it is gone. */
static unsigned long
thread_count(pid_t pid)
{
	char path[32], buf[1024], *at;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	at = strrchr(buf, ')');
	for (int i = 0; at != NULL && i < STAT_THREADS; i++)
		at = strchr(at + 1, ' ');
	return at == NULL ? 0 : strtoul(at, NULL, 10);
}

static void
handle_record(struct proc_exit *pe, const struct proc_record *r)
{
	struct proc *p;

	pe->heard++;
	LIST_FOREACH (p, &pe->procs, link)
		if (p->pid == r->tgid || p->pid == r->pid)
			break;
	if (p != NULL && (p->pid == r->tgid || thread_count(p->pid) <= 1))
		set_state(p, PROC_DYING);
}

static bool
read_records(struct proc_exit *pe)
{
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	const struct nlmsghdr *nlh = (const void *)buf;
	ssize_t n = mnl_socket_recvfrom(pe->records, buf, sizeof(buf));
	int len = (int)n;

	/* Records that were lost are made up for by the pidfds. */
	if (n < 0 && errno != ENOBUFS)
		return false;
	for (; n > 0 && mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		struct proc_record r;

		if (proc_record_read(nlh, &r) == 0)
			handle_record(pe, &r);
	}
	return true;
}

static void
records_ready(struct loop_fd *w, unsigned ready)
{
	struct proc_exit *pe = container_of(w, struct proc_exit, watch);

	(void)ready;
	for (int i = 0; i < BURST && pe->records != NULL && read_records(pe); i++)
		continue;
}

static void
records_stop(struct proc_exit *pe)
{
	loop_fd_done(&pe->watch);
	if (pe->records != NULL)
		mnl_socket_close(pe->records);
	pe->records = NULL;
}

static void
records_start(struct proc_exit *pe)
{
	if (pe->records != NULL || pe->unavailable)
		return;
	pe->records = proc_record_open();
	if (pe->records == NULL) {
		pe->unavailable = true;
		log_info(
		    "the kernel gives no exit records here (%s): the end of a server with much "
		    "memory is noticed a little later",
		    strerror(errno));
		return;
	}
	loop_fd_init(&pe->watch, pe->loop, mnl_socket_get_fd(pe->records), records_ready);
	loop_fd_want(&pe->watch, LOOP_READ);
}

void
proc_exit_sync(struct proc_exit *pe)
{
	pid_t pids[PROC_RECORD_PIDS];
	struct proc *p;
	size_t n = 0;
	int error;

	LIST_FOREACH (p, &pe->procs, link)
		if (p->state == PROC_RUNS && n < ARRAY_LEN(pids))
			pids[n++] = p->pid;
	if (n == 0) {
		records_stop(pe);
		return;
	}
	records_start(pe);
	if (pe->records == NULL)
		return;
	error = proc_record_filter(mnl_socket_get_fd(pe->records), pids, n);
	if (error != 0)
		log_notice(
		    "cannot filter exit records, which will cost more: %s", strerror(-error));
}

/* -- life -- */

void
proc_exit_init(struct proc_exit *pe, struct loop *l, proc_exit_fn *fn)
{
	*pe = (struct proc_exit){.loop = l, .fn = fn};
	LIST_INIT(&pe->procs);
}

void
proc_exit_done(struct proc_exit *pe)
{
	records_stop(pe);
}
