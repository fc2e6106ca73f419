/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hears that a process ends: as early as the kernel tells. Private to the folder.
 */
#ifndef KERNEL_PROC_EXIT_H
#define KERNEL_PROC_EXIT_H

#include "base/queue.h"
#include "loop/loop.h"

#include <libmnl/libmnl.h>
#include <sys/types.h>

enum proc_state {
	PROC_RUNS,
	PROC_DYING, /* ends: runs no more of its program, but may still have sockets */
	PROC_GONE,  /* has ended: all that it had is closed */
};

/* A watched process; a member of its owner. */
struct proc {
	LIST_ENTRY(proc) link;
	pid_t pid;
	int pidfd;
	struct loop_fd watch; /* of the pidfd */
	struct proc_exit *exit;
	enum proc_state state;
};

/* The process came into its next state. Called from the loop; the callee may remove it. */
typedef void proc_exit_fn(struct proc_exit *pe, struct proc *p);

/* A member of its owner. */
struct proc_exit {
	struct loop *loop;
	proc_exit_fn *fn;
	LIST_HEAD(, proc) procs;
	struct mnl_socket *records; /* taskstats; NULL: not in use */
	struct loop_fd watch;
	uint64_t heard;   /* records that passed the filter */
	bool unavailable; /* taskstats, and the log has said so */
};

void proc_exit_init(struct proc_exit *pe, struct loop *l, proc_exit_fn *fn);
/* After the last process was removed. */
void proc_exit_done(struct proc_exit *pe);
/* Watches the process. 0, -ESRCH or another negative errno. */
int proc_exit_add(struct proc_exit *pe, struct proc *p, pid_t pid);
/* Safe twice. */
void proc_exit_del(struct proc_exit *pe, struct proc *p);
/* After processes came or went: makes the kernel tell of exactly these. */
void proc_exit_sync(struct proc_exit *pe);

/* -- proc_record.c: taskstats -- */

/* Registers for exit records of all CPUs. NULL with errno when the kernel or our namespaces do not
 * allow it. */
struct mnl_socket *proc_record_open(void);
/* Lets only the records of these processes through. 0 or a negative errno. */
int proc_record_filter(int fd, const pid_t *pids, size_t count);
/* The most that a filter takes. */
#define PROC_RECORD_PIDS 256

/* What one record says. */
struct proc_record {
	pid_t pid;  /* the thread that ends */
	pid_t tgid; /* the process that ends with its last thread; 0: only the thread */
};
/* 0, or -1 when it is none. */
int proc_record_read(const struct nlmsghdr *nlh, struct proc_record *out);

#endif
