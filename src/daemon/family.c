/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The family: the main process becomes the helper and keeps its privileges, its child becomes the
 * engine and gives them all up. They share a socket pair and nothing else. If one dies, the other
 * ends.
 *
 * In single mode both live on one loop in one process, and everything else is the same code.
 */
#include "daemon/family.h"

#include "base/log.h"
#include "base/mem.h"
#include "daemon/engine_host.h"
#include "daemon/helper_side.h"
#include "daemon/privileges.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How long the helper waits for the engine's process to be gone after its end of the socket closed.
 */
#define REAP_LIMIT (2 * DUR_S)

/* The signals of one process: each is handed to whoever is there. */
struct signals {
	struct loop_signal term, intr, hup;
	struct engine_host *engine; /* NULL in the helper's process */
	struct helper_side *helper; /* NULL in the engine's process */
};

static void
stop_asked(struct signals *s)
{
	if (s->helper != NULL)
		helper_side_stop(s->helper);
	if (s->engine != NULL)
		engine_host_stop(s->engine);
}

static void
on_term(struct loop_signal *sig)
{
	stop_asked(container_of(sig, struct signals, term));
}

static void
on_int(struct loop_signal *sig)
{
	stop_asked(container_of(sig, struct signals, intr));
}

static void
on_hup(struct loop_signal *sig)
{
	struct signals *s = container_of(sig, struct signals, hup);

	if (s->helper != NULL)
		helper_side_reload(s->helper);
	else
		engine_host_reload(s->engine);
}

static void
signals_start(struct signals *s, struct loop *l)
{
	loop_signal_start(&s->term, l, SIGTERM, on_term);
	loop_signal_start(&s->intr, l, SIGINT, on_int);
	loop_signal_start(&s->hup, l, SIGHUP, on_hup);
}

static void
signals_stop(struct signals *s)
{
	loop_signal_stop(&s->term);
	loop_signal_stop(&s->intr);
	loop_signal_stop(&s->hup);
}

int
engine_process(const struct family_start *start, int helper_fd)
{
	struct loop *loop = loop_new();
	struct signals signals = {0};
	int status;

	log_open("engine", (enum log_level)start->node.log_level);
	signals.engine = engine_host_new(loop, start, helper_fd);
	signals_start(&signals, loop);
	loop_run(loop);
	signals_stop(&signals);
	status = engine_host_status(signals.engine);
	engine_host_free(signals.engine);
	loop_free(loop);
	return status;
}

/* The engine is gone, or about to be: waits for it, and kills it when that takes too long. */
static void
reap(pid_t engine)
{
	mono_t limit = mono_add(mono_clock(), REAP_LIMIT);
	const struct timespec pause = {.tv_nsec = 5 * DUR_MS};
	int status = 0;
	pid_t got;

	while ((got = waitpid(engine, &status, WNOHANG)) == 0) {
		if (!mono_before(mono_clock(), limit))
			kill(engine, SIGKILL);
		nanosleep(&pause, NULL);
	}
	if (got == engine && WIFSIGNALED(status))
		log_error("the engine was ended by signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
}

static int
helper_process(const struct family_start *start, int engine_fd, pid_t engine)
{
	struct loop *loop = loop_new();
	struct signals signals = {0};
	int status = 1;

	log_open("helper", (enum log_level)start->node.log_level);
	signals.helper = helper_side_new(loop, start, engine_fd, engine);
	if (signals.helper != NULL) {
		signals_start(&signals, loop);
		loop_run(loop);
		signals_stop(&signals);
		status = helper_side_status(signals.helper);
		helper_side_free(signals.helper);
	} else {
		kill(engine, SIGKILL);
	}
	loop_free(loop);
	reap(engine);
	return status;
}

/* An engine that hangs does not see that the helper is gone, and nobody is left to end it: the
 * kernel does. After the change of user, which clears the wish. */
static void
die_with(pid_t helper)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != helper)
		_exit(1);
}

static int
split(const struct family_start *start, const int pair[2])
{
	struct privileges_user user;
	pid_t helper = getpid(), engine;

	if (privileges_find(&user) != 0) {
		log_error("there is no user '%s' and no 'nobody': create one", FAMILY_USER);
		return 1;
	}
	engine = fork();
	if (engine < 0) {
		log_error("cannot start the engine: %s", strerror(errno));
		return 1;
	}
	if (engine == 0) {
		close(pair[0]);
		prctl(PR_SET_NAME, "nighd-engine");
		privileges_drop(&user);
		die_with(helper);
		_exit(engine_process(start, pair[1]));
	}
	close(pair[1]);
	if (start->control_fd >= 0)
		close(start->control_fd);
	return helper_process(start, pair[0], engine);
}

static int
single(const struct family_start *start, const int pair[2])
{
	struct loop *loop = loop_new();
	struct signals signals = {0};
	int status;

	log_open("nighd", (enum log_level)start->node.log_level);
	signals.helper = helper_side_new(loop, start, pair[0], 0);
	if (signals.helper == NULL)
		return 1;
	signals.engine = engine_host_new(loop, start, pair[1]);
	signals_start(&signals, loop);
	loop_run(loop);
	signals_stop(&signals);
	status = engine_host_status(signals.engine);
	engine_host_free(signals.engine);
	helper_side_free(signals.helper);
	loop_free(loop);
	return status;
}

int
family_run(const struct family_start *start)
{
	int pair[2];

	signal(SIGPIPE, SIG_IGN);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
		log_error("socketpair: %s", strerror(errno));
		return 1;
	}
	return start->mode == FAMILY_SINGLE ? single(start, pair) : split(start, pair);
}
