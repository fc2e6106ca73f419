/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See probe_run.h. The wait for a verdict is bounded far above the probe's own time-out, so that a
 * verdict that never comes fails the test.
 */
#include "probe_run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define REPLY_MAX 65536

struct root {
	struct conf_map probes;
};

struct one_run {
	struct runner runner;
	struct probe_sample sample;
	unsigned got;
};

static void
on_result(struct runner *r, const struct probe_sample *sample)
{
	struct one_run *o = container_of(r, struct one_run, runner);

	o->sample = *sample;
	o->got++;
}

/* NULL with what is wrong in `message`. */
static struct conf_generation *
load(const struct probe_kind *kind, const char *options, struct str *message)
{
	const struct conf_variant *const variants[] = {&kind->variant, NULL};
	const struct conf_schema probe_schema = {
	    .name = "probe",
	    .size = sizeof(struct probe_conf),
	    .rows = probe_rows,
	    .check = probe_conf_check,
	    .variants = variants,
	    .variant_offset = offsetof(struct probe_conf, variant),
	    .variant_conf_offset = offsetof(struct probe_conf, kind_conf),
	};
	const struct conf_row root_rows[] = {
	    {.key = "probes",
		.type = CONF_VARIANT,
		.sub = &probe_schema,
		.offset = offsetof(struct root, probes)},
	    {.type = CONF_END},
	};
	const struct conf_schema root_schema = {
	    .name = "root", .size = sizeof(struct root), .rows = root_rows};
	struct conf_generation *conf;
	struct str text = {0};
	struct diag diag;

	diag_init(&diag);
	str_printf(
	    &text, "probes: {p: {frequency: 5s, type: %s, %s}}\n", kind->variant.type, options);
	conf = conf_load(&root_schema, "test", text.text, text.len, &diag);
	diag_print(&diag, message);
	diag_done(&diag);
	str_done(&text);
	return conf;
}

static void
run_conf(struct probe_run *run, const struct conf_generation *conf)
{
	const struct root *root = conf->root;
	struct probe_shared_list shared = LIST_HEAD_INITIALIZER(shared);
	struct one_run one = {0};
	struct probe_env env;
	struct str text = {0};
	struct rng rng;
	mono_t limit;

	rng_init(&rng, rng_secure());
	env = (struct probe_env){
	    .loop = loop_new(), .rng = &rng, .kernel = run->kernel, .shared = &shared};
	runner_init(&one.runner, &env, "p", root->probes.entries[0].value, on_result);
	limit = mono_add(loop_now(env.loop), 10 * DUR_S);
	do {
		unsigned before = one.got;
		runner_ask_now(&one.runner);
		while (one.got == before && mono_before(loop_now(env.loop), limit))
			loop_turn(env.loop, 100 * DUR_MS);
	} while (one.got < run->attempts && mono_before(loop_now(env.loop), limit));
	assert_true(one.got >= 1 && one.got >= run->attempts);
	run->sample = one.sample;
	run->kind->describe(one.runner.probe, &text);
	str_copy(run->description, sizeof(run->description), str_text(&text));
	str_done(&text);
	runner_done(&one.runner);
	probe_shared_free_all(&env);
	loop_free(env.loop);
}

static void
run_options(struct probe_run *run, const char *options)
{
	struct str message = {0};
	struct conf_generation *conf = load(run->kind, options, &message);

	assert_string_equal(str_text(&message), "");
	assert_non_null(conf);
	run_conf(run, conf);
	conf_free(conf);
	str_done(&message);
}

void
probe_run(struct probe_run *run, const char *options, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, options);
	vsnprintf(text, sizeof(text), options, ap);
	va_end(ap);
	run_options(run, text);
}

void
probe_check(
    const struct probe_kind *kind, enum why why, const char *detail, const char *options, ...)
{
	struct probe_run run = {.kind = kind};
	char text[1024];
	va_list ap;

	va_start(ap, options);
	vsnprintf(text, sizeof(text), options, ap);
	va_end(ap);
	run_options(&run, text);
	if (detail != NULL)
		assert_string_equal(run.sample.detail, detail);
	assert_string_equal(why_str(run.sample.why), why_str(why));
	assert_int_equal(run.sample.ok, why == WHY_OK);
}

void
probe_refused(const struct probe_kind *kind, const char *message, const char *options)
{
	struct str text = {0};

	assert_null(load(kind, options, &text));
	if (strstr(str_text(&text), message) == NULL)
		fail_msg("%s: %s", options, str_text(&text));
	str_done(&text);
}

/* -- servers -- */

static void
serve_datagram(const struct test_server *s)
{
	uint8_t in[REPLY_MAX], out[REPLY_MAX];
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	ssize_t n = recvfrom(s->fd, in, sizeof(in), 0, (struct sockaddr *)&from, &from_len);

	if (n >= 0)
		n = s->reply(s, in, (size_t)n, out, sizeof(out));
	if (n >= 0)
		sendto(s->fd, out, (size_t)n, 0, (struct sockaddr *)&from, from_len);
}

/* One connection at a time, until either side closes it or the server is stopped. */
static void
serve_connection(const struct test_server *s)
{
	uint8_t in[REPLY_MAX], out[REPLY_MAX];
	int fd = accept(s->fd, NULL, NULL);
	struct pollfd fds[] = {{fd, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
	ssize_t n = s->reply(s, in, 0, out, sizeof(out));

	while (n >= 0) {
		if (n > 0 && send(fd, out, (size_t)n, MSG_NOSIGNAL) < 0)
			break;
		if (poll(fds, 2, -1) <= 0 || fds[1].revents != 0)
			break;
		n = recv(fd, in, sizeof(in), 0);
		if (n <= 0)
			break;
		n = s->reply(s, in, (size_t)n, out, sizeof(out));
	}
	close(fd);
}

static void *
serve(void *arg)
{
	const struct test_server *s = arg;
	struct pollfd fds[] = {{s->fd, POLLIN, 0}, {s->stop[0], POLLIN, 0}};

	while (poll(fds, 2, -1) > 0 && fds[1].revents == 0) {
		if (fds[0].revents == 0)
			continue;
		if (s->type == SOCK_DGRAM)
			serve_datagram(s);
		else
			serve_connection(s);
	}
	return NULL;
}

void
test_server_start(
    struct test_server *s, const char *address, int type, test_reply_fn *reply, int manner)
{
	struct endpoint e = {0};
	struct sockaddr_storage ss;
	socklen_t len;

	*s = (struct test_server){.reply = reply, .manner = manner, .type = type};
	assert_int_equal(addr_parse(address, &e.addr), 0);
	len = endpoint_to_sockaddr(&e, &ss);
	s->fd = socket(ss.ss_family, type | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&ss, len), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(s->fd, 8), 0);
	len = sizeof(ss);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), 0);
	endpoint_format(&e, s->name, sizeof(s->name));
	assert_int_equal(pipe(s->stop), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void
test_server_stop(struct test_server *s)
{
	assert_int_equal(write(s->stop[1], "x", 1), 1);
	pthread_join(s->thread, NULL);
	close(s->fd);
	close(s->stop[0]);
	close(s->stop[1]);
}
