/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper of one command.
 *
 * A command may fork, leave its process group and its session, ignore signals, and hold its output
 * open. The keeper is a process of its own for each run, whose children are the command and, as it
 * is a subreaper (PR_SET_CHILD_SUBREAPER), everything that the command leaves behind. So there is
 * no doubt about what belongs to the run: the keeper's descendants, and nothing else on the host
 * can be among them. When the command has ended, or shall end, the keeper kills its group, then
 * its own remaining children again and again until it has none (ECHILD), and ends.
 *
 * It is told to kill by the end of its control socket, so a helper that dies takes its commands
 * with it. It ignores signals that are meant for the daemon (a terminal's ^C, a stop of the whole
 * unit): the helper ends it.
 *
 * The keeper is a fork of the helper that never executes anything itself: it closes every
 * descriptor that it does not need, first of all the helper's end of the engine's socket. It may
 * sleep and block; it has no loop.
 */
#include "base/mem.h"
#include "kernel/exec_run.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Where the keeper's descriptors stand; all others are closed. */
enum { KEEP_CONTROL = 3, KEEP_OUTPUT = 4, KEEP_ERROR = 5, KEEP_FIRST_FREE = 6, KEEP_SAFE = 64 };

#define EXIT_NOT_STARTED 127
#define REAP_PAUSE_MIN   (200 * 1000L)
#define REAP_PAUSE_MAX   (20 * 1000 * 1000L)

/* -- the command's side, between fork and exec -- */

static void
command_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int
command_user(const struct helper_policy_exec *rule)
{
	if (rule->user == NULL)
		return 0;
	if (geteuid() != 0 && geteuid() == rule->uid)
		return 0;
	if (setgroups(rule->group_count, rule->groups) != 0 ||
	    setresgid(rule->gid, rule->gid, rule->gid) != 0 ||
	    setresuid(rule->uid, rule->uid, rule->uid) != 0)
		return -errno;
	return 0;
}

/* A clean environment: nothing of the daemon's own. */
static void
command_environment(const struct helper_policy_exec *rule)
{
	clearenv();
	setenv("PATH", EXEC_RUN_PATH, 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("HOME", "/", 1);
	setenv("NIGH_PROBE", rule->name, 1);
	if (rule->user != NULL) {
		setenv("USER", rule->user, 1);
		setenv("LOGNAME", rule->user, 1);
	}
}

static _Noreturn void
command_exec(const struct helper_policy_exec *rule)
{
	int error;

	setsid();
	command_signals();
	dup2(KEEP_OUTPUT, STDOUT_FILENO);
	dup2(KEEP_OUTPUT, STDERR_FILENO);
	umask(022);
	command_environment(rule);
	error = command_user(rule);
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (error == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(rule->argv[0], rule->argv);
		error = -errno;
	}
	(void)!write(KEEP_ERROR, &error, sizeof(error));
	_exit(EXIT_NOT_STARTED);
}

/* -- the keeper -- */

/* The parent of a process by /proc/PID/stat: "pid (name) state ppid ...", where the name may
 * contain anything. 0 when it is gone. */
static pid_t
parent_of(const char *pid)
{
	char path[64], stat[512], *end;
	pid_t parent = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, stat, sizeof(stat) - 1);
	close(fd);
	stat[n > 0 ? n : 0] = 0;
	end = strrchr(stat, ')');
	if (end != NULL && end[1] == ' ' && end[2] != 0)
		parent = (pid_t)strtol(end + 3, NULL, 10);
	return parent;
}

static void
kill_children(void)
{
	DIR *proc = opendir("/proc");
	pid_t self = getpid();
	struct dirent *d;

	if (proc == NULL)
		return;
	while ((d = readdir(proc)) != NULL)
		if (isdigit((unsigned char)d->d_name[0]) && parent_of(d->d_name) == self)
			kill((pid_t)strtol(d->d_name, NULL, 10), SIGKILL);
	closedir(proc);
}

/* Kills and reaps until there is no child left. Those of a killed child come to us in their turn.
 */
static void
clear_away(void)
{
	struct timespec pause = {.tv_nsec = REAP_PAUSE_MIN};
	pid_t got;

	for (;;) {
		while ((got = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (got < 0 && errno == ECHILD)
			return;
		kill_children();
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < REAP_PAUSE_MAX)
			pause.tv_nsec *= 2;
	}
}

static void
keeper_signals(void)
{
	static const int ignored[] = {
	    SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM};
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
		signal(ignored[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Moves what is needed out of the way, then into place, and closes the rest. */
static int
keeper_descriptors(int control, int output)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), error[2];

	if (null < 0 || pipe2(error, O_CLOEXEC) != 0)
		return -errno;
	null = fcntl(null, F_DUPFD_CLOEXEC, KEEP_SAFE);
	control = fcntl(control, F_DUPFD_CLOEXEC, KEEP_SAFE);
	output = fcntl(output, F_DUPFD_CLOEXEC, KEEP_SAFE);
	error[0] = fcntl(error[0], F_DUPFD_CLOEXEC, KEEP_SAFE);
	error[1] = fcntl(error[1], F_DUPFD_CLOEXEC, KEEP_SAFE);
	if (null < 0 || control < 0 || output < 0 || error[0] < 0 || error[1] < 0)
		return -errno;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	dup3(control, KEEP_CONTROL, O_CLOEXEC);
	dup3(output, KEEP_OUTPUT, O_CLOEXEC);
	dup3(error[1], KEEP_ERROR, O_CLOEXEC);
	dup3(error[0], KEEP_FIRST_FREE, O_CLOEXEC);
	if (close_range(KEEP_FIRST_FREE + 1, ~0U, 0) != 0)
		return -errno;
	return KEEP_FIRST_FREE;
}

/* Waits until the command ends (true) or shall end. */
static bool
keeper_wait(int command)
{
	struct pollfd fds[] = {
	    {.fd = command, .events = POLLIN},
	    {.fd = KEEP_CONTROL, .events = POLLIN},
	};

	while (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno == EINTR)
		;
	return fds[0].revents != 0;
}

static struct exec_verdict
keeper_verdict(pid_t command, int error_fd)
{
	siginfo_t info = {0};
	int error;

	/* Not reaped yet: its number stays ours until its group has been killed. */
	while (waitid(P_PID, (id_t)command, &info, WEXITED | WNOWAIT) != 0 && errno == EINTR)
		;
	close(KEEP_ERROR);
	if (read(error_fd, &error, sizeof(error)) == (ssize_t)sizeof(error))
		return (struct exec_verdict){KERNEL_EXEC_FAILED, error};
	if (info.si_code == CLD_EXITED)
		return (struct exec_verdict){KERNEL_EXEC_EXITED, info.si_status};
	return (struct exec_verdict){KERNEL_EXEC_SIGNALLED, info.si_status};
}

static void
keeper_tell(struct exec_verdict verdict)
{
	(void)!write(KEEP_CONTROL, &verdict, sizeof(verdict));
}

_Noreturn void
exec_keeper(const struct helper_policy_exec *rule, int control, int output)
{
	int error_fd, pidfd;
	pid_t command;

	setsid();
	keeper_signals();
	prctl(PR_SET_NAME, "nighd-exec");
	if (chdir("/") != 0)
		_exit(1);
	error_fd = keeper_descriptors(control, output);
	if (error_fd < 0)
		_exit(1);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) != 0 || (command = fork()) < 0) {
		keeper_tell((struct exec_verdict){KERNEL_EXEC_FAILED, -errno});
		_exit(1);
	}
	if (command == 0)
		command_exec(rule);
	close(KEEP_OUTPUT);
	pidfd = (int)syscall(SYS_pidfd_open, command, 0);
	if (pidfd < 0)
		keeper_tell((struct exec_verdict){KERNEL_EXEC_FAILED, -errno});
	else if (keeper_wait(pidfd))
		keeper_tell(keeper_verdict(command, error_fd));
	kill(-command, SIGKILL);
	kill(command, SIGKILL);
	clear_away();
	_exit(0);
}
