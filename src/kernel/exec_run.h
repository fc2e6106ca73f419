/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs configured commands: bounded in number, time and output, and leaving nothing behind.
 * Private to the folder.
 */
#ifndef KERNEL_EXEC_RUN_H
#define KERNEL_EXEC_RUN_H

#include "base/queue.h"
#include "core/kernel_port.h"
#include "kernel/helper_policy.h"
#include "loop/loop.h"

/* Commands at the same time, counting those that are killed and not yet gone. */
#define EXEC_RUN_MAX 64
/* Where a command without a slash is looked for, and the PATH that it gets. */
#define EXEC_RUN_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct exec_run;
struct exec_runner;

/* The result of run `id`: once, from the loop; never after exec_runner_kill(). */
typedef void exec_runner_fn(
    struct exec_runner *r, uint32_t id, const struct kernel_exec_result *result);

/* A member of its owner. */
struct exec_runner {
	struct loop *loop;
	exec_runner_fn *fn;
	LIST_HEAD(, exec_run) runs;
	size_t count;
};

void exec_runner_init(struct exec_runner *r, struct loop *l, exec_runner_fn *fn);
/* Kills everything and waits until it is gone (bounded: a process that hangs in the kernel is left
 * to end by itself). No result comes any more. */
void exec_runner_done(struct exec_runner *r);

/* Starts a command; `rule` is not needed afterwards. `id` is not 0. 0; -EAGAIN: too many run;
 * -EEXIST: this id runs; or why the kernel gave no process or descriptor. */
int exec_runner_start(struct exec_runner *r, uint32_t id, const struct helper_policy_exec *rule);
/* Kills the command and all that it started. Unknown ids are ignored: it may just have ended. */
void exec_runner_kill(struct exec_runner *r, uint32_t id);

/* -- exec_keeper.c -- */

/* How a command ended, as the keeper tells it: an enum kernel_exec_end and a code. */
struct exec_verdict {
	int32_t end;
	int32_t code;
};

/* In a freshly forked child with all signals blocked: becomes the keeper of one command, and never
 * returns. The keeper writes one exec_verdict to `control` when the command has ended; when
 * `control` closes first, or afterwards, it kills all that is left of the command and ends. The
 * command writes to `output`. */
_Noreturn void exec_keeper(const struct helper_policy_exec *rule, int control, int output);

#endif
