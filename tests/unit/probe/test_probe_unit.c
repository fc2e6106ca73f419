/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit probe against a bus of its own: dbus-daemon in a directory of the test's, and a process
 * that plays systemd on it.
 */
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <cmocka.h>

#define SKIPPED 77 /* what meson takes for it */
#define DAEMON  "/usr/bin/dbus-daemon"
#define PREFIX  "/org/freedesktop/systemd1/unit"

static char directory[] = "/tmp/nigh-test-XXXXXX";

struct world {
	pid_t daemon, systemd;
};

/* -- the one who plays systemd -- */

static const struct unit {
	const char *name, *active, *sub; /* active NULL: no answer; "": of a wrong type */
} units[] = {
    {"web.service", "active", "running"},
    {"once.service", "active", "exited"},
    {"dead.service", "failed", "failed"},
    {"odd-name@1.service", "reloading", "reload"},
    {"silent.service", NULL, NULL},
    {"number.service", "", ""},
};

static int
get_property(sd_bus_message *m, const struct unit *u)
{
	const char *interface, *property;

	if (sd_bus_message_read(m, "ss", &interface, &property) < 0 ||
	    strcmp(interface, "org.freedesktop.systemd1.Unit") != 0)
		return -EINVAL;
	if (u->active == NULL)
		return 1;
	if (u->active[0] == '\0')
		return sd_bus_reply_method_return(m, "v", "u", 7);
	return sd_bus_reply_method_return(
	    m, "v", "s", strcmp(property, "SubState") == 0 ? u->sub : u->active);
}

static int
on_call(sd_bus_message *m, void *user, sd_bus_error *error)
{
	char *name = NULL;
	int rc = -ENOENT;

	if (!sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", "Get"))
		return 0;
	if (sd_bus_path_decode(sd_bus_message_get_path(m), PREFIX, &name) <= 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(units[i].name, name) == 0)
			rc = get_property(m, &units[i]);
	}
	free(name);
	if (rc == -ENOENT)
		return sd_bus_reply_method_errorf(
		    m, "org.freedesktop.systemd1.NoSuchUnit", "no such unit");
	return rc;
}

_Noreturn static void
play_systemd(int ready)
{
	sd_bus *bus = NULL;

	if (sd_bus_open_system(&bus) < 0 || sd_bus_add_filter(bus, NULL, on_call, NULL) < 0 ||
	    sd_bus_request_name(bus, "org.freedesktop.systemd1", 0) < 0 ||
	    write(ready, "x", 1) != 1)
		_exit(1);
	while (sd_bus_process(bus, NULL) >= 0)
		sd_bus_wait(bus, UINT64_MAX);
	_exit(0);
}

/* -- the bus -- */

static void
wait_byte(int fd)
{
	struct pollfd p = {fd, POLLIN, 0};
	char byte;

	assert_int_equal(poll(&p, 1, 10000), 1);
	assert_int_equal(read(fd, &byte, 1), 1);
}

/* `fn` in a child that tells by a byte that it is ready. */
static pid_t
child_start(void (*fn)(int ready))
{
	int ready[2];
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(ready[0]);
		fn(ready[1]);
	}
	close(ready[1]);
	wait_byte(ready[0]);
	close(ready[0]);
	return pid;
}

static void
child_stop(pid_t *pid)
{
	if (*pid == 0)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

static void
play_bus(int ready)
{
	char config[128], print[32];

	snprintf(config, sizeof(config), "--config-file=%s/bus.conf", directory);
	snprintf(print, sizeof(print), "--print-address=%d", ready);
	execl(DAEMON, DAEMON, config, print, "--nofork", "--nosyslog", (char *)NULL);
	_exit(127);
}

static void
world_start(struct world *w)
{
	w->daemon = child_start(play_bus);
	w->systemd = child_start((void (*)(int))play_systemd);
}

static void
world_stop(struct world *w)
{
	child_stop(&w->systemd);
	child_stop(&w->daemon);
}

static void
check(const char *options, enum why why, const char *detail)
{
	struct probe_run run = {.kind = &probe_unit, .attempts = 3};

	probe_run(&run, "timeout: 500ms, %s", options);
	assert_string_equal(run.sample.detail, detail);
	assert_string_equal(why_str(run.sample.why), why_str(why));
	assert_int_equal(run.sample.ok, why == WHY_OK);
}

static void
states(void **state)
{
	struct world w;

	world_start(&w);
	check("unit: web.service", WHY_OK, "active (running)");
	check("unit: web.service, sub-state: running", WHY_OK, "active (running)");
	check("unit: once.service, sub-state: [running, waiting]", WHY_STATUS, "active (exited)");
	check("unit: dead.service", WHY_STATUS, "failed (failed)");
	check("unit: dead.service, state: [inactive, failed]", WHY_OK, "failed (failed)");
	check("unit: odd-name@1.service", WHY_STATUS, "reloading (reload)");
	check("unit: odd-name@1.service, state: [active, reloading]", WHY_OK, "reloading (reload)");
	world_stop(&w);
}

static void
bad_answers(void **state)
{
	struct probe_run run = {.kind = &probe_unit};
	struct world w;

	world_start(&w);
	check("unit: silent.service", WHY_TIMEOUT, "systemd did not answer");
	check("unit: number.service", WHY_LOCAL, "systemd's answer could not be read: Bad message");
	probe_run(&run, "unit: unknown.service");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_memory_equal(run.sample.detail, "no such unit", 12);
	kill(w.systemd, SIGSTOP);
	check("unit: web.service", WHY_TIMEOUT, "systemd did not answer");
	world_stop(&w);
}

/* Nobody has the name; there is no bus. */
static void
no_systemd(void **state)
{
	struct probe_run run = {.kind = &probe_unit};
	struct world w;

	world_start(&w);
	child_stop(&w.systemd);
	probe_run(&run, "timeout: 2s, unit: web.service");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_non_null(strstr(run.sample.detail, "org.freedesktop.systemd1"));
	world_stop(&w);
	probe_run(&run, "timeout: 2s, unit: web.service");
	assert_string_equal(why_str(run.sample.why), "local");
	assert_memory_equal(run.sample.detail, "no connection to the system bus: ", 33);
	assert_string_equal(run.description, "unit web.service");
}

/* One probe for many attempts: the bus goes away under it, and comes back. */
struct story {
	struct runner runner;
	struct probe_sample sample;
	bool got;
};

static void
story_result(struct runner *r, const struct probe_sample *sample)
{
	struct story *s = container_of(r, struct story, runner);

	s->sample = *sample;
	s->got = true;
}

static void
story_ask(struct loop *l, struct story *s)
{
	mono_t limit = mono_add(loop_now(l), 10 * DUR_S);

	s->got = false;
	runner_ask_now(&s->runner);
	while (!s->got && mono_before(loop_now(l), limit))
		loop_turn(l, 100 * DUR_MS);
	assert_true(s->got);
}

/* The first attempt may be the one that finds the old connection broken. */
static void
story_recovers(struct loop *l, struct story *s)
{
	story_ask(l, s);
	if (!s->sample.ok)
		story_ask(l, s);
	assert_string_equal(s->sample.detail, "active (running)");
}

static void
bus_comes_back(void **state)
{
	/* The kind's options as the reader would leave them. */
	const struct conf_row *rows = probe_unit.variant.schema->rows;
	uint8_t *options = mem_alloc(probe_unit.variant.schema->size);
	struct probe_conf conf = {.variant = &probe_unit.variant,
	    .kind_conf = options,
	    .frequency = 5 * DUR_S,
	    .timeout = 2 * DUR_S,
	    .rise = 1,
	    .fall = 1};
	static const char unit[] = "web.service", *name = unit;
	struct probe_shared_list shared = LIST_HEAD_INITIALIZER(shared);
	struct story s = {0};
	struct probe_env env;
	struct rng rng;
	struct world w;
	uint32_t active = 1;

	memcpy(options + rows[0].offset, &name, sizeof(name));
	memcpy(options + rows[1].offset, &active, sizeof(active));
	rng_init(&rng, 1);
	env = (struct probe_env){.loop = loop_new(), .rng = &rng, .shared = &shared};
	world_start(&w);
	runner_init(&s.runner, &env, "p", &conf, story_result);
	for (int i = 0; i < 3; i++) {
		story_recovers(env.loop, &s);
		world_stop(&w);
		story_ask(env.loop, &s);
		assert_string_equal(why_str(s.sample.why), "local");
		world_start(&w);
	}
	story_recovers(env.loop, &s);
	runner_done(&s.runner);
	probe_shared_free_all(&env);
	loop_free(env.loop);
	world_stop(&w);
	free(options);
}

static void
refused(void **state)
{
	probe_refused(&probe_unit, "is no name of a unit", "unit: nginx");
	probe_refused(&probe_unit, "is no name of a unit", "unit: a/b.service");
	probe_refused(&probe_unit, "state", "unit: nginx.service, state: running");
}

/* -- the directory -- */

static int
directory_make(void **state)
{
	char path[128], address[160];
	FILE *f;

	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/bus.conf", directory);
	f = fopen(path, "w");
	if (f == NULL)
		return -1;
	fprintf(f,
	    "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
	    " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
	    "<busconfig><listen>unix:path=%s/bus</listen><auth>EXTERNAL</auth>\n"
	    "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>"
	    "<allow receive_sender=\"*\" eavesdrop=\"true\"/>"
	    "<allow own=\"*\"/><allow user=\"*\"/></policy></busconfig>\n",
	    directory);
	fclose(f);
	snprintf(address, sizeof(address), "unix:path=%s/bus", directory);
	return setenv("DBUS_SYSTEM_BUS_ADDRESS", address, 1);
}

static int
directory_remove(void **state)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/bus", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/bus.conf", directory);
	unlink(path);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states),
	    cmocka_unit_test(bad_answers),
	    cmocka_unit_test(no_systemd),
	    cmocka_unit_test(bus_comes_back),
	    cmocka_unit_test(refused),
	};

	if (access(DAEMON, X_OK) != 0) {
		printf("skipped: there is no %s (package dbus-daemon)\n", DAEMON);
		return SKIPPED;
	}
	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
