/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of configured commands, as the helper sees them.
 *
 * Each run has a keeper (exec_keeper.c), a process that starts the command, tells how it ended and
 * clears away whatever the command leaves behind. The helper holds three descriptors of a run:
 *   control  the verdict comes in here; closing it makes the keeper kill everything
 *   output   standard output and error of the command: the first bytes are kept, the rest is read
 *            and dropped, one portion a turn, so that no command can fill a pipe and hang on it
 *   keeper   a pidfd: readable when the keeper has ended and wants to be reaped
 *
 * The result is decided by the command itself, its time-out, or the end of the keeper, whichever
 * comes first; processes that hold the output open cannot delay it. After the result, or after
 * exec_runner_kill(), the run has no id any more and only waits for its keeper; until then it
 * counts against EXEC_RUN_MAX, so processes that do not die cannot pile up.
 */
#include "kernel/exec_run.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long exec_runner_done() waits for keepers. */
#define LAST_WAIT_MS 2000
/* Output read at once, and at most before a result is given. */
#define OUTPUT_PORTION  4096
#define OUTPUT_PORTIONS 16

struct exec_run {
	LIST_ENTRY(exec_run) link;
	struct exec_runner *runner;
	uint32_t id; /* 0: only waits for its keeper */
	pid_t pid;   /* of the keeper */
	struct loop_fd control;
	struct loop_fd output;
	struct loop_fd keeper;
	struct loop_timer timeout;
	char text[KERNEL_EXEC_OUTPUT];
	size_t len;
};

static void
watch_start(struct loop_fd *w, struct loop *l, int fd, loop_fd_fn *fn)
{
	loop_fd_init(w, l, fd, fn);
	loop_fd_want(w, LOOP_READ);
}

static void
watch_close(struct loop_fd *w)
{
	if (w->fd < 0)
		return;
	loop_fd_done(w);
	close(w->fd);
	w->fd = -1;
}

/* Nothing more is wanted of the command: the keeper sees its control closed, and kills. */
static void
run_let_go(struct exec_run *run)
{
	run->id = 0;
	loop_timer_cancel(&run->timeout);
	watch_close(&run->control);
	watch_close(&run->output);
}

static void
run_free(struct exec_run *run)
{
	run_let_go(run);
	watch_close(&run->keeper);
	LIST_REMOVE(run, link);
	run->runner->count--;
	free(run);
}

/* Reads one portion; false when there is none now. */
static bool
output_read(struct exec_run *run)
{
	char portion[OUTPUT_PORTION];
	size_t room = sizeof(run->text) - 1 - run->len;
	ssize_t n;

	if (run->output.fd < 0)
		return false;
	n = read(run->output.fd, portion, sizeof(portion));
	if (n == 0)
		watch_close(&run->output);
	if (n <= 0)
		return false;
	if ((size_t)n < room)
		room = (size_t)n;
	memcpy(run->text + run->len, portion, room);
	run->len += room;
	return true;
}

static void
output_ready(struct loop_fd *w, unsigned ready)
{
	(void)ready;
	output_read(container_of(w, struct exec_run, output));
}

/* Texts in messages end at the first zero. */
static void
output_end(struct exec_run *run)
{
	for (int i = 0; i < OUTPUT_PORTIONS && output_read(run); i++)
		;
	for (size_t i = 0; i < run->len; i++)
		if (run->text[i] == 0)
			run->text[i] = '?';
	run->text[run->len] = 0;
}

/* The only place that gives a result. */
static void
run_end(struct exec_run *run, enum kernel_exec_end end, int code)
{
	struct kernel_exec_result result = {.end = end, .code = code};
	struct exec_runner *r = run->runner;
	uint32_t id = run->id;

	if (id == 0)
		return;
	output_end(run);
	memcpy(result.output, run->text, run->len);
	run_let_go(run);
	r->fn(r, id, &result);
}

static void
run_timeout(struct loop_timer *t)
{
	run_end(container_of(t, struct exec_run, timeout), KERNEL_EXEC_FAILED, -ETIMEDOUT);
}

/* The verdict, or the end of a keeper that could not give one. */
static void
control_ready(struct loop_fd *w, unsigned ready)
{
	struct exec_run *run = container_of(w, struct exec_run, control);
	struct exec_verdict v;
	ssize_t n;

	(void)ready;
	n = recv(w->fd, &v, sizeof(v), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(v))
		run_end(run, (enum kernel_exec_end)v.end, v.code);
	else
		run_end(run, KERNEL_EXEC_FAILED, -ECHILD);
}

static void
keeper_ready(struct loop_fd *w, unsigned ready)
{
	struct exec_run *run = container_of(w, struct exec_run, keeper);

	if (waitpid(run->pid, NULL, WNOHANG) == 0)
		return;
	if (run->id != 0)
		control_ready(&run->control, ready);
	run_free(run);
}

void
exec_runner_init(struct exec_runner *r, struct loop *l, exec_runner_fn *fn)
{
	*r = (struct exec_runner){.loop = l, .fn = fn};
	LIST_INIT(&r->runs);
}

static struct exec_run *
run_find(struct exec_runner *r, uint32_t id)
{
	struct exec_run *run;

	LIST_FOREACH (run, &r->runs, link)
		if (run->id == id)
			return run;
	return NULL;
}

struct run_fds {
	int control[2]; /* ours, the keeper's */
	int output[2];  /* ours, the command's */
	int keeper;
};

static void
fds_close(struct run_fds *fds)
{
	int all[] = {fds->control[0], fds->control[1], fds->output[0], fds->output[1], fds->keeper};

	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] >= 0)
			close(all[i]);
}

static int
fds_open(struct run_fds *fds)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds->control) != 0)
		return -errno;
	if (pipe2(fds->output, O_CLOEXEC) != 0)
		return -errno;
	if (fcntl(fds->output[0], F_SETFL, O_NONBLOCK) != 0)
		return -errno;
	return 0;
}

/* The keeper's process, and a descriptor for it. */
static int
keeper_start(struct run_fds *fds, const struct helper_policy_exec *rule, pid_t *pid)
{
	sigset_t all, before;
	int error;

	/* A signal must not run the loop's handlers in the child: it blocks them all until it has
	 * its own. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	*pid = fork();
	error = -errno;
	if (*pid == 0)
		exec_keeper(rule, fds->control[1], fds->output[1]);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (*pid < 0)
		return error;
	fds->keeper = (int)syscall(SYS_pidfd_open, *pid, 0);
	if (fds->keeper >= 0)
		return 0;
	error = -errno;
	/* Nobody could wait for it: it ends at once, before or after it started the command. */
	close(fds->control[0]);
	fds->control[0] = -1;
	waitpid(*pid, NULL, 0);
	return error;
}

int
exec_runner_start(struct exec_runner *r, uint32_t id, const struct helper_policy_exec *rule)
{
	struct run_fds fds = {{-1, -1}, {-1, -1}, -1};
	struct exec_run *run;
	pid_t pid;
	int error;

	if (r->count >= EXEC_RUN_MAX)
		return -EAGAIN;
	if (run_find(r, id) != NULL)
		return -EEXIST;
	error = fds_open(&fds);
	if (error == 0)
		error = keeper_start(&fds, rule, &pid);
	if (error != 0) {
		fds_close(&fds);
		return error;
	}
	close(fds.control[1]);
	close(fds.output[1]);
	run = mem_alloc(sizeof(*run));
	run->runner = r;
	run->id = id;
	run->pid = pid;
	LIST_INSERT_HEAD(&r->runs, run, link);
	r->count++;
	watch_start(&run->control, r->loop, fds.control[0], control_ready);
	watch_start(&run->output, r->loop, fds.output[0], output_ready);
	watch_start(&run->keeper, r->loop, fds.keeper, keeper_ready);
	loop_timer_init(&run->timeout, r->loop, run_timeout);
	loop_timer_after(&run->timeout, rule->timeout);
	return 0;
}

void
exec_runner_kill(struct exec_runner *r, uint32_t id)
{
	struct exec_run *run = run_find(r, id);

	if (run != NULL)
		run_let_go(run);
}

void
exec_runner_done(struct exec_runner *r)
{
	int wait_ms = LAST_WAIT_MS;
	struct exec_run *run;

	LIST_FOREACH (run, &r->runs, link)
		run_let_go(run);
	while ((run = LIST_FIRST(&r->runs)) != NULL) {
		struct pollfd end = {.fd = run->keeper.fd, .events = POLLIN};

		if (poll(&end, 1, wait_ms) > 0)
			waitpid(run->pid, NULL, WNOHANG);
		else
			wait_ms = 0;
		run_free(run);
	}
}
