/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds that look at this host: file, listen, process. Files in a directory of the test's own,
 * sockets on the loopback, child processes.
 */
#include "probe/probe_kinds.h"
#include "probe/sock_ask.h"
#include "probe_run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH 128

static char directory[] = "/tmp/nigh-test-XXXXXX";

static const char *
path_of(const char *name, char *buf)
{
	snprintf(buf, PATH, "%s/%s", directory, name);
	return buf;
}

static void
put(const char *name, const char *text)
{
	char path[PATH];
	FILE *f = fopen(path_of(name, path), "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* Dates a file `seconds` from now. */
static void
date(const char *name, int seconds)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = time(NULL) + seconds}};
	char path[PATH];

	assert_int_equal(utimensat(AT_FDCWD, path_of(name, path), times, 0), 0);
}

static void
check_file(const char *name, const char *options, enum why why, const char *detail)
{
	probe_check(&probe_file, why, detail, "path: %s/%s%s", directory, name, options);
}

/* -- file -- */

static void
file_presence(void **state)
{
	char path[PATH], target[PATH];

	put("plain", "x");
	check_file("plain", "", WHY_OK, NULL);
	check_file("missing", "", WHY_STATUS, "there is no such file");
	check_file("plain/below", "", WHY_STATUS, "there is no such file");
	check_file(".", "", WHY_STATUS, "not a regular file");
	assert_int_equal(symlink(path_of("plain", target), path_of("link", path)), 0);
	check_file("link", ", content: x", WHY_OK, "x");
	assert_int_equal(unlink(path_of("plain", path)), 0);
	check_file("link", "", WHY_STATUS, "there is no such file");
}

/* Neither open() nor read() of a FIFO may wait, with or without somebody at its other end. */
static void
file_fifo(void **state)
{
	char path[PATH];
	int fd;

	assert_int_equal(mkfifo(path_of("fifo", path), 0600), 0);
	check_file("fifo", ", content: x", WHY_STATUS, "not a regular file");
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	check_file("fifo", ", content: x", WHY_STATUS, "not a regular file");
	close(fd);
}

static void
file_age(void **state)
{
	put("beat", "x");
	check_file("beat", ", fresh: 5m", WHY_OK, NULL);
	date("beat", -299);
	check_file("beat", ", fresh: 5m", WHY_OK, NULL);
	date("beat", -3600);
	check_file("beat", ", fresh: 5m", WHY_STATUS, NULL);
	check_file("beat", "", WHY_OK, NULL);
	date("beat", 60);
	check_file("beat", ", fresh: 5m", WHY_OK, NULL);
	date("beat", 3600);
	check_file("beat", ", fresh: 5m", WHY_STATUS, NULL);
}

static void
file_content(void **state)
{
	char *text = mem_alloc(65536 + 8);

	put("state", "state: ready\n");
	check_file("state", ", content: ready", WHY_OK, "state: ready");
	check_file("state", ", content: 'regex:^state: (ready|busy)'", WHY_OK, NULL);
	check_file("state", ", content: failed", WHY_CONTENT, NULL);
	put("state", "");
	check_file("state", ", content: ready", WHY_CONTENT, "empty");
	memset(text, 'a', 65536);
	memcpy(text + 65536 - 5, "ready", sizeof("ready"));
	put("state", text);
	check_file("state", ", content: ready", WHY_OK, NULL);
	memset(text, 'a', 65536);
	memcpy(text + 65536 - 4, "ready", sizeof("ready"));
	put("state", text);
	check_file("state", ", content: ready", WHY_CONTENT, NULL);
	free(text);
}

static void
file_refused(void **state)
{
	struct probe_run run = {.kind = &probe_file};

	probe_refused(&probe_file, "must begin with '/'", "path: run/state");
	probe_run(&run, "path: /nonexistent, fresh: 5m, content: ready");
	assert_string_equal(run.description, "file /nonexistent fresh 5m content hex:7265616479");
}

/* As a user who may not read it. */
static void
file_of_others(void **state)
{
	char path[PATH];
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	put("secret", "x");
	assert_int_equal(chmod(path_of("secret", path), 0600), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(65534) != 0)
			_exit(2);
		check_file("secret", "", WHY_OK, NULL);
		check_file("secret", ", content: x", WHY_LOCAL, "read: Permission denied");
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* -- listen -- */

static uint16_t
bound(const char *address, int type, int v6only, int *fd)
{
	struct endpoint e = {0};
	struct sockaddr_storage ss;
	socklen_t len;

	assert_int_equal(addr_parse(address, &e.addr), 0);
	len = endpoint_to_sockaddr(&e, &ss);
	*fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);
	if (ss.ss_family == AF_INET6)
		assert_int_equal(
		    setsockopt(*fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)), 0);
	assert_int_equal(bind(*fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(*fd, 8), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), 0);
	return e.port;
}

static void
check_listen(const char *address, uint16_t port, int type, enum why why)
{
	probe_check(&probe_listen, why, NULL, "address: '%s:%u', protocol: %s", address, port,
	    type == SOCK_STREAM ? "tcp" : "udp");
}

static void
listen_matrix(void **state)
{
	static const int types[] = {SOCK_DGRAM, SOCK_STREAM};
	static const struct {
		const char *bound;
		int v6only;
		bool loop4, other4, loop6, any4, any6;
	} cases[] = {
	    {"127.0.0.1", 0, true, false, false, false, false},
	    {"0.0.0.0", 0, true, true, false, true, false},
	    {"::1", 0, false, false, true, false, false},
	    {"::", 1, false, false, true, false, true},
	    {"::", 0, true, true, true, true, true},
	    {"::ffff:127.0.0.1", 0, true, false, false, false, false},
	};

	for (size_t i = 0; i < ARRAY_LEN(types) * ARRAY_LEN(cases); i++) {
		int type = types[i % 2], fd;
		size_t n = i / 2;
		uint16_t port = bound(cases[n].bound, type, cases[n].v6only, &fd);

		check_listen("127.0.0.1", port, type, cases[n].loop4 ? WHY_OK : WHY_REFUSED);
		check_listen("127.0.0.9", port, type, cases[n].other4 ? WHY_OK : WHY_REFUSED);
		check_listen("[::1]", port, type, cases[n].loop6 ? WHY_OK : WHY_REFUSED);
		check_listen("0.0.0.0", port, type, cases[n].any4 ? WHY_OK : WHY_REFUSED);
		check_listen("[::]", port, type, cases[n].any6 ? WHY_OK : WHY_REFUSED);
		close(fd);
		check_listen("127.0.0.1", port, type, WHY_REFUSED);
	}
}

/* A bound TCP socket that does not listen serves nobody, nor does a connection that is left. */
static void
listen_tcp_only_listeners(void **state)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	int fd, client, server;
	uint16_t port = bound("127.0.0.1", SOCK_STREAM, 0, &fd);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(client, (struct sockaddr *)&ss, len), 0);
	server = accept(fd, NULL, NULL);
	assert_true(server >= 0);
	check_listen("127.0.0.1", port, SOCK_STREAM, WHY_OK);
	close(fd);
	check_listen("127.0.0.1", port, SOCK_STREAM, WHY_REFUSED);
	close(client);
	close(server);
}

static void
listen_text(void **state)
{
	struct probe_run run = {.kind = &probe_listen, .attempts = 3};
	char detail[64];
	int fd;
	uint16_t port = bound("0.0.0.0", SOCK_DGRAM, 0, &fd);

	probe_run(&run, "address: 127.0.0.1:%u, protocol: udp", port);
	snprintf(detail, sizeof(detail), "bound to 0.0.0.0, uid %u", (unsigned)getuid());
	assert_string_equal(run.sample.detail, detail);
	snprintf(detail, sizeof(detail), "listen udp 127.0.0.1:%u", port);
	assert_string_equal(run.description, detail);
	close(fd);
	probe_refused(&probe_listen, "protocol", "address: 127.0.0.1:53");
	probe_refused(&probe_listen, "port", "address: 127.0.0.1, protocol: udp");
}

/* -- process -- */

struct child {
	pid_t pid;
	int hold; /* closing it ends the child */
};

static struct child
child_start(const char *name)
{
	struct child c;
	int ready[2], hold[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	c.pid = fork();
	assert_true(c.pid >= 0);
	if (c.pid == 0) {
		close(hold[1]);
		prctl(PR_SET_NAME, name);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		_exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(hold[0]);
	c.hold = hold[1];
	return c;
}

static void
check_process(const char *options, enum why why, const char *detail)
{
	probe_check(&probe_process, why, detail, "pid-file: %s/pid%s", directory, options);
}

static void
process_life(void **state)
{
	struct child c = child_start("served");
	char text[32], alive[64], ended[64], gone[64];
	siginfo_t info;

	snprintf(text, sizeof(text), "%d\n", (int)c.pid);
	snprintf(alive, sizeof(alive), "process %d", (int)c.pid);
	snprintf(ended, sizeof(ended), "process %d has ended", (int)c.pid);
	snprintf(gone, sizeof(gone), "there is no process %d", (int)c.pid);
	put("pid", text);
	check_process("", WHY_OK, alive);
	close(c.hold);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	check_process("", WHY_STATUS, ended); /* a zombie */
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	check_process("", WHY_STATUS, gone);
}

static void
process_names(void **state)
{
	struct child c = child_start("served");
	char text[96];

	snprintf(text, sizeof(text), "%d", (int)c.pid);
	put("pid", text);
	check_process(", name: served", WHY_OK, NULL);
	check_process(", executable: test_probe_host", WHY_OK, NULL);
	check_process(", name: served, executable: test_probe_host", WHY_OK, NULL);
	snprintf(text, sizeof(text), "process %d is 'served', expected 'named'", (int)c.pid);
	check_process(", name: named", WHY_STATUS, text);
	snprintf(
	    text, sizeof(text), "process %d runs 'test_probe_host', expected 'named'", (int)c.pid);
	check_process(", executable: named", WHY_STATUS, text);
	close(c.hold);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
}

static void
process_pid_file(void **state)
{
	static const char *const wrong[] = {"", "\n", "0\n", "-1\n", "12x\n", "1 2\n", "4194305\n",
	    "99999999999999999999\n",
	    "000000000000000000000000000000000000000000000000000000000000000000000001\n"};
	char path[PATH];

	unlink(path_of("pid", path));
	check_process("", WHY_STATUS, "there is no pid file");
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		put("pid", wrong[i]);
		check_process("", WHY_MALFORMED, "the pid file holds no process number");
	}
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_process("", WHY_STATUS, "the pid file is not a regular file");
	unlink(path);
	probe_refused(&probe_process, "must begin with '/'", "pid-file: x.pid");
	probe_refused(
	    &probe_process, "without directories", "pid-file: /x.pid, executable: /bin/x");
	probe_refused(&probe_process, "name", "pid-file: /x.pid, name: longer-than-15-bytes");
}

/* What another user may not read is this host's trouble; `name` may be read by all. */
static void
process_of_others(void **state)
{
	struct child c;
	char text[96];
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	c = child_start("served");
	snprintf(text, sizeof(text), "%d", (int)c.pid);
	put("pid", text);
	snprintf(text, sizeof(text), "/proc/%d/exe: Permission denied; use 'name'", (int)c.pid);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (setuid(65534) != 0)
			_exit(2);
		check_process(", name: served", WHY_OK, NULL);
		check_process(", executable: test_probe_host", WHY_LOCAL, text);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(c.hold);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
}

/* -- the directory -- */

static int
directory_make(void **state)
{
	return mkdtemp(directory) != NULL && chmod(directory, 0755) == 0 ? 0 : -1;
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *walk)
{
	return remove(path);
}

static int
directory_remove(void **state)
{
	return nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(file_presence),
	    cmocka_unit_test(file_fifo),
	    cmocka_unit_test(file_age),
	    cmocka_unit_test(file_content),
	    cmocka_unit_test(file_refused),
	    cmocka_unit_test(file_of_others),
	    cmocka_unit_test(listen_matrix),
	    cmocka_unit_test(listen_tcp_only_listeners),
	    cmocka_unit_test(listen_text),
	    cmocka_unit_test(process_life),
	    cmocka_unit_test(process_names),
	    cmocka_unit_test(process_pid_file),
	    cmocka_unit_test(process_of_others),
	};

	return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
