/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The shared sockets: many queries at once, answers that are no answers, ICMP errors, and
 * cancelling.
 */
#include "probe/dns_pool.h"

#include "base/rng.h"
#include "loop/net.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 200

struct query {
	struct dns_pool_query pooled;
	struct dns_query query;
	struct query *cancels; /* another query that this one's callback cancels */
	unsigned answers, failures;
	int error;
	enum dns_match match;
};

struct world {
	struct loop *loop;
	struct rng rng;
	struct probe_shared_list shared;
	struct probe_env env;
	struct dns_pool *pool;
	int server; /* asked, and answers by hand */
	struct endpoint at;
};

static void
on_answer(struct dns_pool_query *p, enum dns_match match, const uint8_t *msg, size_t len)
{
	struct query *q = container_of(p, struct query, pooled);

	assert_true(len >= DNS_HEADER);
	q->answers++;
	q->match = match;
	if (q->cancels != NULL)
		dns_pool_cancel(&q->cancels->pooled);
}

static void
on_failure(struct dns_pool_query *p, int error, const char *what)
{
	struct query *q = container_of(p, struct query, pooled);

	assert_non_null(what);
	q->failures++;
	q->error = error;
	if (q->cancels != NULL)
		dns_pool_cancel(&q->cancels->pooled);
}

static const struct dns_pool_ops ops = {.answered = on_answer, .failed = on_failure};

static void
world_start(struct world *w, const char *address)
{
	struct net_opts opts = {0};
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	memset(w, 0, sizeof(*w));
	w->loop = loop_new();
	rng_init(&w->rng, 1);
	w->env = (struct probe_env){.loop = w->loop, .rng = &w->rng, .shared = &w->shared};
	w->pool = dns_pool_get(&w->env);
	assert_ptr_equal(dns_pool_get(&w->env), w->pool);
	assert_int_equal(addr_parse(address, &opts.local), 0);
	w->server = net_udp_socket(opts.local.family, &opts);
	assert_true(w->server >= 0);
	assert_int_equal(getsockname(w->server, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &w->at), 0);
}

static void
world_stop(struct world *w)
{
	probe_shared_free_all(&w->env);
	loop_free(w->loop);
	close(w->server);
}

static void
ask(struct world *w, struct query *q, const char *name)
{
	const struct dns_question question = {.name = name, .type = 1, .class = 1};
	const struct dns_query_opts plain = {0};

	memset(q, 0, sizeof(*q));
	assert_true(dns_query_build(&question, &plain, &q->query));
	q->pooled.ops = &ops;
	q->pooled.query = &q->query;
	q->pooled.server = w->at;
	dns_pool_send(w->pool, &q->pooled);
}

/* Turns the loop until `*count` is reached. */
static void
wait_for(struct world *w, const unsigned *count, unsigned want)
{
	mono_t limit = mono_add(loop_now(w->loop), 5 * DUR_S);

	while (*count < want && mono_before(loop_now(w->loop), limit))
		loop_turn(w->loop, 10 * DUR_MS);
	assert_int_equal(*count, want);
}

/* One query at the server; false when none is there. */
struct received {
	uint8_t msg[512];
	size_t len;
	struct sockaddr_storage from;
	socklen_t from_len;
};

static bool
receive(struct world *w, struct received *r)
{
	ssize_t n;

	r->from_len = sizeof(r->from);
	n = recvfrom(w->server, r->msg, sizeof(r->msg), MSG_DONTWAIT, (struct sockaddr *)&r->from,
	    &r->from_len);
	r->len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void
answer(struct world *w, struct received *r)
{
	r->msg[2] |= 0x80;
	assert_int_equal(
	    sendto(w->server, r->msg, r->len, 0, (struct sockaddr *)&r->from, r->from_len), r->len);
}

static void
run_many(const char *address)
{
	struct query *all = calloc(MANY, sizeof(*all));
	struct received r;
	struct world w;
	unsigned served = 0;
	uint16_t port = 0;
	bool other_port = false;

	world_start(&w, address);
	for (unsigned i = 0; i < MANY; i++)
		ask(&w, &all[i], "example.net");
	loop_turn(w.loop, 0);
	while (receive(&w, &r)) {
		struct endpoint from;
		assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&r.from, &from), 0);
		other_port |= port != 0 && from.port != port;
		port = from.port;
		answer(&w, &r);
		served++;
	}
	assert_int_equal(served, MANY);
	assert_true(
	    other_port); /* all of seven batches through one socket: once in 16 million runs */
	for (unsigned i = 0; i < MANY; i++) {
		wait_for(&w, &all[i].answers, 1);
		assert_int_equal(all[i].failures, 0);
		assert_null(all[i].pooled.pool);
	}
	world_stop(&w);
	free(all);
}

static void
many_at_once(void **state)
{
	run_many("127.0.0.1");
	run_many("::1");
}

/* None of these is an answer; the one behind them is. */
static void
strays(void **state)
{
	struct received r;
	struct world w, other;
	struct query q;

	world_start(&w, "127.0.0.1");
	world_start(&other, "127.0.0.1");
	ask(&w, &q, "example.net");
	loop_turn(w.loop, 0);
	assert_true(receive(&w, &r));
	r.msg[0] ^= 1;
	answer(&w, &r);
	r.msg[0] ^= 1;
	r.msg[13] ^= 1;
	answer(&w, &r);
	r.msg[13] ^= 1;
	sendto(w.server, r.msg, 3, 0, (struct sockaddr *)&r.from, r.from_len);
	sendto(w.server, r.msg, 0, 0, (struct sockaddr *)&r.from, r.from_len);
	/* right in everything, but from somebody else: not even counted */
	answer(&other, &r);
	wait_for(&w, &q.pooled.ignored, 4);
	assert_int_equal(q.answers, 0);
	r.msg[2] |= 2;
	answer(&w, &r);
	wait_for(&w, &q.answers, 1);
	assert_int_equal(q.match, DNS_TRUNCATED);
	world_stop(&other);
	world_stop(&w);
}

static void
run_refused(const char *address)
{
	struct query first, second;
	struct received r;
	struct world w, gone;

	world_start(&w, address);
	world_start(&gone, address);
	close(gone.server);
	gone.server = -1;
	/* many queries to a closed port beside good ones: each hears of its own fate only */
	for (int i = 0; i < 50; i++) {
		struct endpoint good = w.at;
		ask(&w, &first, "example.net");
		w.at = gone.at;
		ask(&w, &second, "example.net");
		w.at = good;
		wait_for(&w, &second.failures, 1);
		assert_int_equal(second.error, -ECONNREFUSED);
		assert_true(receive(&w, &r));
		answer(&w, &r);
		wait_for(&w, &first.answers, 1);
		assert_int_equal(first.failures, 0);
	}
	world_stop(&gone);
	world_stop(&w);
}

static void
refused(void **state)
{
	run_refused("127.0.0.1");
	run_refused("::1");
}

/* What cannot be sent fails, at the end of the turn and without harm to the others. */
static void
unreachable(void **state)
{
	struct query bad, good;
	struct received r;
	struct world w;

	world_start(&w, "127.0.0.1");
	ask(&w, &bad, "example.net");
	bad.pooled.server.port = 0;
	ask(&w, &good, "example.net");
	assert_int_equal(bad.failures, 0);
	wait_for(&w, &bad.failures, 1);
	assert_int_equal(bad.error, -EINVAL);
	assert_true(receive(&w, &r));
	answer(&w, &r);
	wait_for(&w, &good.answers, 1);
	world_stop(&w);
}

static void
cancelled(void **state)
{
	struct query early, late, first, second;
	struct received r;
	struct world w;

	world_start(&w, "127.0.0.1");
	ask(&w, &early, "early.example.net");
	dns_pool_cancel(&early.pooled);
	dns_pool_cancel(&early.pooled);
	loop_turn(w.loop, 0);
	assert_false(receive(&w, &r));
	ask(&w, &late, "late.example.net");
	loop_turn(w.loop, 0);
	dns_pool_cancel(&late.pooled);
	assert_true(receive(&w, &r));
	answer(&w, &r);
	/* two that fail together: the callback of one cancels the other */
	ask(&w, &first, "example.net");
	ask(&w, &second, "example.net");
	first.pooled.server.port = second.pooled.server.port = 0;
	first.cancels = &second;
	second.cancels = &first;
	wait_for(&w, &first.failures, 1);
	loop_turn(w.loop, 0);
	assert_int_equal(second.failures, 0);
	assert_int_equal(early.answers + early.failures + late.answers + late.failures, 0);
	world_stop(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(many_at_once),
	    cmocka_unit_test(strays),
	    cmocka_unit_test(refused),
	    cmocka_unit_test(unreachable),
	    cmocka_unit_test(cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
