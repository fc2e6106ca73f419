/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and answers as text, and the server with real clients: slow, greedy, rude and many.
 */
#include "base/mem.h"
#include "control/control.h"
#include "loop/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* -- a module with commands -- */

static void
run_echo(struct command_host *host, const struct command_call *call, struct answer *a)
{
	for (size_t i = 0; i < call->count; i++)
		answer_line(a, 0, "%s", call->args[i]);
}

static void
run_plain(struct command_host *host, const struct command_call *call, struct answer *a)
{
	answer_line(a, 0, "plain");
}

/* A large answer, to fill a client's buffers. */
static void
run_large(struct command_host *host, const struct command_call *call, struct answer *a)
{
	for (int i = 0; i < 50000; i++)
		answer_line(a, 0, "line %d of a large answer", i);
}

static const struct command rows[] = {
    {"show echo", "[WORD...]", "says its words", run_echo},
    {"show", NULL, "plain", run_plain},
    {"show large", NULL, "says much", run_large},
    {NULL, NULL, NULL, NULL},
};

struct fixture {
	struct command_host host;
	struct command_list list;
	struct control_source source;
	struct loop *loop;
	struct control *control;
	char path[64];
};

static void
on_metrics(struct control_source *s, struct str *out)
{
	str_add(out, "nigh_test 1\n");
}

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->host.commands = rows;
	TAILQ_INIT(&f->list);
	TAILQ_INSERT_TAIL(&f->list, &f->host, link);
	f->source = (struct control_source){.commands = &f->list, .metrics = on_metrics};
	f->loop = loop_new();
	snprintf(f->path, sizeof(f->path), "/tmp/nigh-test-control-%d.sock", (int)getpid());
	unlink(f->path);
	f->control = control_new(f->loop, &f->source, net_unix_listen(f->path, 0600));
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	control_free(f->control);
	loop_free(f->loop);
	unlink(f->path);
	free(f);
	return 0;
}

static void
expect(struct fixture *f, const char *request, const char *part)
{
	struct str out = {0};

	control_answer(&f->source, request, strlen(request), (mono_t){0}, &out);
	if (strstr(str_text(&out), part) == NULL)
		fail_msg("%s: %s", request, str_text(&out));
	assert_int_equal(out.text[out.len - 1], '\n');
	assert_ptr_equal(strchr(out.text, '\n'), out.text + out.len - 1);
	str_done(&out);
}

static void
requests(void **state)
{
	struct fixture *f = *state;

	expect(f, "{\"words\":[\"show\"]}", "\"plain\"");
	expect(f, "{\"words\":[\"show\",\"echo\",\"a\",\"b c\"]}", "\"b c\"");
	expect(f, "{\"words\":[\"help\"]}", "show echo [WORD...]");
	expect(f, "{\"words\":[\"show\",\"ecco\"]}", "\"ok\":false");
	expect(f, "{\"words\":[\"shw\"]}", "did you mean 'show'");
	expect(f, "{\"words\":[\"nonsense\"]}", "unknown command 'nonsense'");
	expect(f, "{\"words\":[\"show\",\"large\",\"x\"]}", "takes no argument");
	expect(f, "{\"words\":[]}", "a request is");
	expect(f, "{\"words\":[1]}", "word 1 of the request is not a string");
	expect(f, "{\"word\":[\"show\"]}", "a request is");
	expect(f, "[]", "a request is");
	expect(f, "", "not JSON");
	expect(f, "{\"words\":[\"show\"", "not JSON");
	expect(f, "\xff\xfe", "not JSON");
}

/* Turns the loop until the descriptor has given `want` bytes, or its end; returns how many came. */
static size_t
collect(struct fixture *f, int fd, char *buf, size_t want)
{
	mono_t limit = mono_add(loop_now(f->loop), 20 * DUR_S);
	size_t got = 0;

	while (got < want && mono_before(loop_now(f->loop), limit)) {
		ssize_t n = recv(fd, buf + got, want - got, MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
		else if (n == 0)
			break;
		else
			loop_turn(f->loop, 5 * DUR_MS);
	}
	return got;
}

static int
client(struct fixture *f)
{
	int fd = net_unix_connect(f->path);

	assert_true(fd >= 0);
	return fd;
}

static void
say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void
one_line_each(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	char buf[256] = {0};
	size_t len =
	    strlen("{\"ok\":true,\"tables\":[],\"lines\":[{\"level\":0,\"text\":\"plain\"}]}\n");

	/* in pieces, and two requests at once */
	say(fd, "{\"words\":");
	loop_turn(f->loop, 5 * DUR_MS);
	say(fd, "[\"show\"]}\n{\"words\":[\"show\"]}\n");
	assert_int_equal(collect(f, fd, buf, 2 * len), 2 * len);
	assert_memory_equal(buf, buf + len, len);
	close(fd);
}

/* A script writes all that it wants, closes its half and reads: it gets an answer to each line,
 * even when all of them together are longer than one request may be. */
static void
all_at_once_and_half_closed(void **state)
{
	enum { REQUESTS = 5000 };
	static const char request[] = "{\"words\":[\"show\"]}\n";
	size_t line =
	    strlen("{\"ok\":true,\"tables\":[],\"lines\":[{\"level\":0,\"text\":\"plain\"}]}\n");
	size_t whole = strlen(request), size = REQUESTS * whole, sent = 0, got = 0,
	       room = REQUESTS * line;
	struct fixture *f = *state;
	char *out = mem_alloc(size), *in = mem_alloc(room + 1);
	int fd = client(f);

	assert_true(size > CONTROL_REQUEST_MAX);
	for (size_t i = 0; i < REQUESTS; i++)
		memcpy(out + i * whole, request, whole);
	while (sent < size) {
		ssize_t n = send(fd, out + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		else
			assert_int_equal(errno, EAGAIN);
		loop_turn(f->loop, DUR_MS);
		n = recv(fd, in + got, room - got, MSG_DONTWAIT);
		if (n > 0)
			got += (size_t)n;
	}
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	/* one byte more is asked for: the end comes after the last answer */
	got += collect(f, fd, in + got, room + 1 - got);
	assert_int_equal(got, room);
	assert_memory_equal(in, in + room - line, line);
	close(fd);
	free(out);
	free(in);
}

/* A client that asks for much and reads nothing does not keep others from being served. */
static void
slow_reader(void **state)
{
	struct fixture *f = *state;
	int slow = client(f), quick = client(f);
	char buf[32];

	for (int i = 0; i < 20; i++)
		say(slow, "{\"words\":[\"show\",\"large\"]}\n");
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, DUR_MS);
	say(quick, "{\"words\":[\"show\"]}\n");
	assert_int_equal(collect(f, quick, buf, sizeof(buf)), sizeof(buf));
	close(slow);
	close(quick);
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, DUR_MS);
}

static void
too_long(void **state)
{
	struct fixture *f = *state;
	int fd = client(f);
	size_t size = CONTROL_REQUEST_MAX + 10;
	char *long_line = mem_alloc(size + 1), buf[256];
	size_t sent = 0, got;

	memset(long_line, 'x', size);
	while (sent < size) {
		ssize_t n = send(fd, long_line + sent, size - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			sent += (size_t)n;
		else if (errno != EAGAIN)
			break;
		loop_turn(f->loop, DUR_MS);
	}
	got = collect(f, fd, buf, sizeof(buf) - 1);
	buf[got] = '\0';
	assert_non_null(strstr(buf, "too long"));
	close(fd);
	free(long_line);
}

static void
too_many(void **state)
{
	struct fixture *f = *state;
	int fds[CONTROL_CLIENTS + 1];
	char buf[32];

	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		fds[i] = client(f);
		loop_turn(f->loop, DUR_MS);
	}
	for (int i = 0; i < 20; i++)
		loop_turn(f->loop, DUR_MS);
	assert_int_equal(collect(f, fds[CONTROL_CLIENTS], buf, sizeof(buf)), 0);
	say(fds[0], "{\"words\":[\"show\"]}\n");
	assert_int_equal(collect(f, fds[0], buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

static void
http(void **state)
{
	struct fixture *f = *state;
	struct endpoint where;
	struct sockaddr_storage ss;
	socklen_t len;
	char buf[1024];
	size_t got;
	int fd = -1, tries = 0;

	assert_int_equal(endpoint_parse("127.0.0.1", 0, &where), 0);
	do {
		where.port = (uint16_t)(20000 + (getpid() + tries * 37) % 20000);
	} while (control_http(f->control, &where) != 0 && ++tries < 50);
	assert_int_equal(control_http(f->control, &where), 0);

	len = endpoint_to_sockaddr(&where, &ss);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	say(fd, "GET /metrics HTTP/1.0\r\n\r\n");
	got = collect(f, fd, buf, sizeof(buf) - 1);
	buf[got] = '\0';
	assert_non_null(strstr(buf, "200 OK"));
	assert_non_null(strstr(buf, "text/plain; version=0.0.4"));
	assert_non_null(strstr(buf, "nigh_test 1\n"));
	close(fd);

	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	say(fd, "GET /etc/passwd HTTP/1.0\r\n\r\n");
	got = collect(f, fd, buf, sizeof(buf) - 1);
	buf[got] = '\0';
	assert_non_null(strstr(buf, "404"));
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(requests, setup, teardown),
	    cmocka_unit_test_setup_teardown(one_line_each, setup, teardown),
	    cmocka_unit_test_setup_teardown(all_at_once_and_half_closed, setup, teardown),
	    cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_long, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_many, setup, teardown),
	    cmocka_unit_test_setup_teardown(http, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* as nighd does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
