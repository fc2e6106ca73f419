/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe kinds against small servers on the loopback, through a runner on the real loop.
 */
#include "base/rng.h"
#include "core/kernel_port.h"
#include "core/runner.h"
#include "probe/probe_kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static const struct conf_variant *const variants[] = {
    &probe_dns.variant, &probe_tcp.variant, &probe_exec.variant, NULL};

static const struct conf_schema probe_schema = {
    .name = "probe",
    .size = sizeof(struct probe_conf),
    .rows = probe_rows,
    .check = probe_conf_check,
    .variants = variants,
    .variant_offset = offsetof(struct probe_conf, variant),
    .variant_conf_offset = offsetof(struct probe_conf, kind_conf),
};

struct root {
	struct conf_map probes;
};

static const struct conf_row root_rows[] = {
    {.key = "probes",
	.type = CONF_VARIANT,
	.sub = &probe_schema,
	.offset = offsetof(struct root, probes)},
    {.type = CONF_END},
};

static const struct conf_schema root_schema = {
    .name = "root", .size = sizeof(struct root), .rows = root_rows};

/* How the server treats a query. */
enum manner {
	GOOD,
	SERVFAIL,
	GARBAGE,
	SPOOF_THEN_GOOD,
	SHORT_THEN_GOOD,
	JUNK,
	TRUNCATE,
	SILENT,
	CLOSE_EARLY
};

/* A DNS server in a thread: UDP and TCP on one port of 127.0.0.1. */
struct server {
	int udp, tcp, stop[2];
	uint16_t port;
	enum manner manner;
	pthread_t thread;
};

struct fixture {
	struct loop *loop;
	struct rng rng;
	struct probe_env env;
	struct probe_shared_list shared;
	struct kernel_port kernel;
	struct conf_generation *conf;
	struct runner runner;
	struct probe_sample sample;
	bool got;
};

/* -- the server -- */

/* The query with an answer's header and one A record. */
static size_t
answer_to(const struct server *s, const uint8_t *q, size_t len, uint8_t *out)
{
	static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 80};

	memcpy(out, q, len);
	out[2] = 0x81;
	out[3] = s->manner == SERVFAIL ? 0x82 : 0x80;
	if (s->manner == GARBAGE)
		out[7] = 9; /* nine answers promised */
	else
		out[7] = 1;
	memcpy(out + len, record, sizeof(record));
	return len + (s->manner == SERVFAIL ? 0 : sizeof(record));
}

static void
serve_udp(const struct server *s)
{
	uint8_t q[512], a[600];
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s->udp, q, sizeof(q), 0, (struct sockaddr *)&from, &from_len);
	size_t len;

	if (n < 12 || s->manner == SILENT)
		return;
	len = answer_to(s, q, (size_t)n, a);
	if (s->manner == TRUNCATE)
		a[2] |= 2;
	if (s->manner == SPOOF_THEN_GOOD) {
		a[0] ^= 0xff;
		sendto(s->udp, a, len, 0, (struct sockaddr *)&from, from_len);
		a[0] ^= 0xff;
	}
	if (s->manner == SHORT_THEN_GOOD || s->manner == JUNK) {
		/* nothing, less than a header, and another question */
		sendto(s->udp, a, 0, 0, (struct sockaddr *)&from, from_len);
		sendto(s->udp, a, 11, 0, (struct sockaddr *)&from, from_len);
		a[13] ^= 1;
		sendto(s->udp, a, len, 0, (struct sockaddr *)&from, from_len);
		a[13] ^= 1;
	}
	if (s->manner == JUNK)
		return;
	sendto(s->udp, a, len, 0, (struct sockaddr *)&from, from_len);
}

static void
serve_tcp(const struct server *s)
{
	uint8_t q[514], a[602];
	int fd = accept(s->tcp, NULL, NULL);
	ssize_t n = recv(fd, q, sizeof(q), 0);
	size_t len;

	if (n > 14 && s->manner != CLOSE_EARLY) {
		len = answer_to(s, q + 2, (size_t)n - 2, a + 2);
		a[0] = (uint8_t)(len >> 8);
		a[1] = (uint8_t)len;
		/* in two pieces: the reader must put them together */
		send(fd, a, 5, MSG_NOSIGNAL);
		send(fd, a + 5, len - 3, MSG_NOSIGNAL);
	}
	close(fd);
}

static void *
serve(void *arg)
{
	struct server *s = arg;
	struct pollfd fds[] = {{s->udp, POLLIN, 0}, {s->tcp, POLLIN, 0}, {s->stop[0], POLLIN, 0}};

	while (poll(fds, 3, -1) > 0 && fds[2].revents == 0) {
		if (fds[0].revents != 0)
			serve_udp(s);
		if (fds[1].revents != 0)
			serve_tcp(s);
	}
	return NULL;
}

static void
server_start(struct server *s, enum manner manner)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(sin);
	int tries = 0;

	s->manner = manner;
	do {
		s->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		sin.sin_port = 0;
		assert_int_equal(bind(s->udp, (struct sockaddr *)&sin, sizeof(sin)), 0);
		assert_int_equal(getsockname(s->udp, (struct sockaddr *)&sin, &len), 0);
		s->tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (bind(s->tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0)
			break;
		close(s->udp);
		close(s->tcp);
		assert_true(++tries < 50);
	} while (true);
	assert_int_equal(listen(s->tcp, 8), 0);
	s->port = ntohs(sin.sin_port);
	assert_int_equal(pipe(s->stop), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void
server_stop(struct server *s)
{
	assert_int_equal(write(s->stop[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->udp);
	close(s->tcp);
	close(s->stop[0]);
	close(s->stop[1]);
}

/* -- the runner -- */

static void
on_result(struct runner *r, const struct probe_sample *sample)
{
	struct fixture *f = container_of(r, struct fixture, runner);

	f->sample = *sample;
	f->got = true;
}

static void
run_probe(struct fixture *f, const char *options)
{
	struct str text = {0}, message = {0};
	struct diag diag;
	mono_t limit;

	memset(f, 0, sizeof(*f));
	diag_init(&diag);
	str_printf(&text, "probes: {p: {timeout: 200ms, frequency: 1s, %s}}\n", options);
	f->conf = conf_load(&root_schema, "test", text.text, text.len, &diag);
	diag_print(&diag, &message);
	assert_string_equal(str_text(&message), "");
	f->loop = loop_new();
	rng_init(&f->rng, 1);
	f->env = (struct probe_env){
	    .loop = f->loop, .rng = &f->rng, .kernel = &f->kernel, .shared = &f->shared};
	const struct root *root = f->conf->root;
	runner_init(&f->runner, &f->env, "p", root->probes.entries[0].value, on_result);
	runner_ask_now(&f->runner);
	limit = mono_add(loop_now(f->loop), 10 * DUR_S);
	while (!f->got && mono_before(loop_now(f->loop), limit))
		loop_turn(f->loop, 100 * DUR_MS);
	assert_true(f->got);
	runner_done(&f->runner);
	probe_shared_free_all(&f->env);
	loop_free(f->loop);
	conf_free(f->conf);
	diag_done(&diag);
	str_done(&text);
	str_done(&message);
}

/* Asks a server of that manner and compares the verdict. */
static void
check_dns(enum manner manner, const char *protocol, enum why why, const char *detail)
{
	struct server s;
	struct fixture f;
	char options[256];

	server_start(&s, manner);
	snprintf(options, sizeof(options),
	    "type: dns, server: \"127.0.0.1:%u\", query: www.example.net A, protocol: %s", s.port,
	    protocol);
	run_probe(&f, options);
	server_stop(&s);
	assert_string_equal(f.sample.detail, detail);
	assert_string_equal(why_str(f.sample.why), why_str(why));
	assert_int_equal(f.sample.ok, why == WHY_OK);
}

static void
dns_udp(void **state)
{
	check_dns(GOOD, "udp", WHY_OK, "192.0.2.80");
	check_dns(SERVFAIL, "udp", WHY_STATUS, "SERVFAIL, expected NOERROR");
	check_dns(SPOOF_THEN_GOOD, "udp", WHY_OK, "192.0.2.80");
	check_dns(SHORT_THEN_GOOD, "udp", WHY_OK, "192.0.2.80");
	check_dns(JUNK, "udp", WHY_TIMEOUT,
	    "no answer; 3 datagrams ignored that were not for this query");
	check_dns(TRUNCATE, "udp", WHY_OK, "192.0.2.80"); /* by TCP */
	check_dns(SILENT, "udp", WHY_TIMEOUT, "no answer");
}

static void
dns_tcp(void **state)
{
	check_dns(GOOD, "tcp", WHY_OK, "192.0.2.80");
	check_dns(SERVFAIL, "tcp", WHY_STATUS, "SERVFAIL, expected NOERROR");
	check_dns(
	    CLOSE_EARLY, "tcp", WHY_RESET, "the server closed the connection without an answer");
}

static void
dns_garbage(void **state)
{
	struct server s;
	struct fixture f;
	char options[256];

	server_start(&s, GARBAGE);
	snprintf(options, sizeof(options),
	    "type: dns, server: \"127.0.0.1:%u\", query: www.example.net A", s.port);
	run_probe(&f, options);
	server_stop(&s);
	assert_string_equal(why_str(f.sample.why), "malformed");
}

/* Nobody listens: heard at once, not at the time-out. */
static void
refused(void **state)
{
	struct server s;
	struct fixture f;
	char options[256];

	server_start(&s, GOOD);
	server_stop(&s);
	snprintf(options, sizeof(options),
	    "type: dns, server: \"127.0.0.1:%u\", query: www.example.net A", s.port);
	run_probe(&f, options);
	assert_string_equal(why_str(f.sample.why), "refused");
	snprintf(options, sizeof(options), "type: tcp, server: \"127.0.0.1:%u\"", s.port);
	run_probe(&f, options);
	assert_string_equal(why_str(f.sample.why), "refused");
}

static void
tcp_connects(void **state)
{
	struct server s;
	struct fixture f;
	char options[128];

	server_start(&s, GOOD);
	snprintf(options, sizeof(options), "type: tcp, server: \"127.0.0.1:%u\"", s.port);
	run_probe(&f, options);
	server_stop(&s);
	assert_true(f.sample.ok);
	assert_string_equal(f.sample.detail, "connected");
}

/* A source address that this host has not: a verdict, not a crash. */
static void
local_trouble(void **state)
{
	struct fixture f;

	run_probe(&f, "type: tcp, server: \"127.0.0.1:9\", source: 192.0.2.1");
	assert_false(f.sample.ok);
	assert_string_equal(why_str(f.sample.why), "local");
}

static void
options_are_checked(void **state)
{
	static const struct {
		const char *options;
		const char *message;
	} cases[] = {
	    {"type: dns, server: 192.0.2.53, query: www.example.net", "must be a name and a type"},
	    {"type: dns, server: 192.0.2.53, query: www.example.net QQ", "is no record type"},
	    {"type: dns, server: 192.0.2.53, query: a..b A", "is no domain name"},
	    {"type: dns, query: a A", "server"},
	    {"type: tcp, server: 192.0.2.53", "port"},
	    {"type: exec, command: ls -l", "absolute path"},
	    {"type: exec, command: /bin/ls -l", "as a list"},
	    {"type: exec, command: [/bin/ls, -l], shell: true", "single string"},
	    {"type: dsn, server: 192.0.2.53", "did you mean 'dns'"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str text = {0}, message = {0};
		struct diag diag;
		diag_init(&diag);
		str_printf(&text, "probes: {p: {%s}}\n", cases[i].options);
		assert_null(conf_load(&root_schema, "test", text.text, text.len, &diag));
		diag_print(&diag, &message);
		if (strstr(str_text(&message), cases[i].message) == NULL)
			fail_msg("%s: %s", cases[i].options, str_text(&message));
		diag_done(&diag);
		str_done(&text);
		str_done(&message);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(dns_udp),
	    cmocka_unit_test(dns_tcp),
	    cmocka_unit_test(dns_garbage),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(tcp_connects),
	    cmocka_unit_test(local_trouble),
	    cmocka_unit_test(options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
