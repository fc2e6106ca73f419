/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process probe: the process that a pid file names is alive.
 *
 * The file is read at each attempt, as the server may have been started anew. A file that is left
 * over names a number which another process may have by now; `name` and `executable` tell those
 * apart. `name` is what every user may read of every process (the kernel's name of it, as ps -o
 * comm shows). `executable` cannot be forged by the process, but only its own user and the
 * superuser may read it, so without that right the attempt fails as this host's own trouble.
 *
 * The process is held by a pidfd while it is looked at, so that all answers are of one process: a
 * pid cannot be given to another while one asks, or the pidfd says at the end that its process has
 * exited. A process that has ended and waits for its parent (a zombie) is not alive.
 *
 * proc(5), pidfd_open(2).
 */
#include "core/probe.h"
#include "probe/probe_kinds.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define COMM_LEN     15 /* the kernel keeps no more */
#define PID_FILE_MAX 64
#define PID_MAX      (1 << 22) /* the kernel's PID_MAX_LIMIT */
#define PROC_PATH    40

struct process_conf {
	const char *pid_file;
	const char *name;
	const char *executable;
};

struct process_probe {
	struct probe probe;
};

static const struct conf_row rows[] = {
    {.key = "pid-file",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.max = 4095,
	.offset = offsetof(struct process_conf, pid_file),
	.doc = "The file that holds the number of the process, with its absolute path."},
    {.key = "name",
	.type = CONF_STRING,
	.max = COMM_LEN,
	.offset = offsetof(struct process_conf, name),
	.doc = "What the process must be called, as `ps -o comm` shows it: at most 15 bytes. "
	       "Without it, a pid file that was left over may name an unrelated process."},
    {.key = "executable",
	.type = CONF_STRING,
	.max = 255,
	.offset = offsetof(struct process_conf, executable),
	.doc = "The name of the program file that the process must run, without directories. Only "
	       "the superuser may ask this of other users' processes: use `name` for those."},
    {.type = CONF_END},
};

static void
process_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct process_conf *c = obj;

	if (c->pid_file[0] != '/')
		conf_error(ctx, conf_node_find(node, "pid-file"),
		    "pid-file: '%s' must begin with '/': the daemon has no directory of its own",
		    c->pid_file);
	if (c->executable != NULL && strchr(c->executable, '/') != NULL)
		conf_error(ctx, conf_node_find(node, "executable"),
		    "executable: '%s' must be a file name without directories", c->executable);
}

static const struct conf_schema schema = {
    .name = "process",
    .size = sizeof(struct process_conf),
    .rows = rows,
    .check = process_check,
    .doc = "Looks whether the process that a pid file names is alive.",
};

/* A small file's text, without the white space at its end; 0 or a negative errno. -EFBIG when it
 * does not fit, -EINVAL when it is no regular file. Never waits, whatever stands at the path. */
static int
small_file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	n = read(fd, buf, size);
	if (n < 0)
		n = -errno;
	close(fd);
	if (n < 0)
		return (int)n;
	if ((size_t)n == size)
		return -EFBIG;
	while (n > 0 && strchr(" \t\r\n", buf[n - 1]) != NULL)
		n--;
	buf[n] = '\0';
	return 0;
}

/* The number in the pid file; 0 when there is none: then the sample says why. */
static pid_t
pid_read(const char *path, struct probe_sample *s)
{
	char text[PID_FILE_MAX];
	uint64_t pid = 0;
	int error = small_file_read(path, text, sizeof(text));

	if (error == -ENOENT || error == -ENOTDIR)
		probe_sample_set(s, WHY_STATUS, "there is no pid file");
	else if (error == -EINVAL)
		probe_sample_set(s, WHY_STATUS, "the pid file is not a regular file");
	else if (error == -EFBIG || (error == 0 && str_to_u64(text, 1, PID_MAX, &pid) != 0))
		probe_sample_set(s, WHY_MALFORMED, "the pid file holds no process number");
	else if (error < 0)
		probe_sample_set(s, WHY_LOCAL, "pid file: %s", strerror(-error));
	return (pid_t)pid;
}

static bool
has_exited(int pidfd)
{
	struct pollfd p = {pidfd, POLLIN, 0};

	return poll(&p, 1, 0) != 0;
}

/* What stands behind the last slash; the kernel marks files that an update has replaced. */
static const char *
program_name(char *path)
{
	static const char deleted[] = " (deleted)";
	size_t len = strlen(path), cut = sizeof(deleted) - 1;
	const char *slash;

	if (len > cut && strcmp(path + len - cut, deleted) == 0)
		path[len - cut] = '\0';
	slash = strrchr(path, '/');
	return slash != NULL ? slash + 1 : path;
}

/* True when the process is called so; else the sample says what it is called. */
static bool
judge_name(pid_t pid, const char *name, struct probe_sample *s)
{
	char path[PROC_PATH], comm[COMM_LEN + 2];
	int error;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	error = small_file_read(path, comm, sizeof(comm));
	if (error < 0)
		probe_sample_set(s, WHY_LOCAL, "%s: %s", path, strerror(-error));
	else if (strcmp(comm, name) != 0)
		probe_sample_set(
		    s, WHY_STATUS, "process %d is '%s', expected '%s'", (int)pid, comm, name);
	return error == 0 && strcmp(comm, name) == 0;
}

static bool
judge_executable(pid_t pid, const char *name, struct probe_sample *s)
{
	char path[PROC_PATH], target[4096];
	const char *runs;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0) {
		probe_sample_set(s, WHY_LOCAL, "%s: %s%s", path, strerror(errno),
		    errno == EACCES || errno == EPERM ? "; use 'name'" : "");
		return false;
	}
	target[n] = '\0';
	runs = program_name(target);
	if (strcmp(runs, name) == 0)
		return true;
	probe_sample_set(
	    s, WHY_STATUS, "process %d runs '%s', expected '%s'", (int)pid, runs, name);
	return false;
}

/* In this order: what was read of a process counts only if it still lived afterwards. */
static void
judge(const struct process_conf *c, pid_t pid, int pidfd, struct probe_sample *s)
{
	bool fine = (c->name == NULL || judge_name(pid, c->name, s)) &&
		    (c->executable == NULL || judge_executable(pid, c->executable, s));

	if (has_exited(pidfd))
		probe_sample_set(s, WHY_STATUS, "process %d has ended", (int)pid);
	else if (fine)
		probe_sample_set(s, WHY_OK, "process %d", (int)pid);
}

static void
process_start(struct probe *p)
{
	const struct process_conf *c = p->conf;
	struct probe_sample sample = {0};
	pid_t pid = pid_read(c->pid_file, &sample);
	int pidfd = -1;

	if (pid > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
		if (pidfd >= 0)
			judge(c, pid, pidfd, &sample);
		else if (errno == ESRCH || errno == EINVAL) /* EINVAL: a thread's number */
			probe_sample_set(&sample, WHY_STATUS, "there is no process %d", (int)pid);
		else
			probe_sample_set(&sample, WHY_LOCAL, "pidfd_open: %s", strerror(errno));
	}
	if (pidfd >= 0)
		close(pidfd);
	probe_done(p, &sample);
}

static struct probe *
process_new(const struct probe_env *env, const void *kind_conf)
{
	struct process_probe *r = mem_alloc(sizeof(*r));

	return &r->probe;
}

/* No attempt is ever under way: each ends inside start(). */
static void
process_cancel(struct probe *p)
{
}

static void
process_free(struct probe *p)
{
	free(container_of(p, struct process_probe, probe));
}

static void
process_describe(const struct probe *p, struct str *out)
{
	const struct process_conf *c = p->conf;

	str_printf(out, "process %s", c->pid_file);
	if (c->name != NULL)
		str_printf(out, " name %s", c->name);
	if (c->executable != NULL)
		str_printf(out, " executable %s", c->executable);
}

const struct probe_kind probe_process = {
    .variant = {.type = "process", .schema = &schema},
    .new = process_new,
    .start = process_start,
    .cancel = process_cancel,
    .free = process_free,
    .describe = process_describe,
};
