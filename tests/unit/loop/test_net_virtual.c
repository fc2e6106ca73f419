/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The virtual network: latency, order, back-pressure, cut paths, nodes that die, and that the same
 * inputs give the same run.
 */
#include "net_party.h"

#include "base/rng.h"
#include "loop/net_virtual.h"

#define PORT    179
#define LATENCY (10 * DUR_MS)
#define BUFFER  ((size_t)64 << 10)

struct fixture {
	struct loop *loop;
	struct net_cloud *cloud;
	struct addr a, b; /* of the client's node, of the server's */
	struct net *na, *nb;
	struct endpoint target;
	struct host host;
	struct party server[3];
	struct party client;
};

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->loop = loop_virtual_new((mono_t){DUR_S});
	f->cloud = net_cloud_new(f->loop);
	net_cloud_set_latency(f->cloud, LATENCY);
	f->a = endpoint_of("10.0.0.1", 0).addr;
	f->target = endpoint_of("10.0.0.2", PORT);
	f->b = f->target.addr;
	f->na = net_cloud_node(f->cloud, &f->a, 1);
	f->nb = net_cloud_node(f->cloud, &f->b, 1);
	host_init(&f->host, f->server, ARRAY_LEN(f->server));
	party_init(&f->client);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	net_stream_close(&f->client.stream);
	for (size_t i = 0; i < ARRAY_LEN(f->server); i++)
		net_stream_close(&f->server[i].stream);
	net_unlisten(&f->host.listener);
	net_free(f->na);
	net_free(f->nb);
	net_cloud_free(f->cloud);
	loop_free(f->loop);
	free(f);
	return 0;
}

static void
run(struct fixture *f, dur_t d)
{
	loop_run_until(f->loop, mono_add(loop_now(f->loop), d));
}

static void
listen_and_connect(struct fixture *f)
{
	assert_int_equal(net_listen(f->nb, &f->host.listener, &f->target, NULL), 0);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
}

static void
connect_pair(struct fixture *f)
{
	listen_and_connect(f);
	run(f, 3 * LATENCY);
	assert_int_equal(f->client.opens, 1);
	assert_int_equal(f->host.accepted, 1);
}

static void
test_connect(void **state)
{
	struct fixture *f = *state;
	uint8_t byte = 0;

	listen_and_connect(f);
	assert_true(net_stream_is_open(&f->client.stream));
	assert_int_equal(net_stream_write(&f->client.stream, &byte, 1), -EAGAIN);
	run(f, LATENCY - 1);
	assert_int_equal(f->host.accepted, 0);
	run(f, 1);
	assert_int_equal(f->host.accepted, 1);
	run(f, LATENCY - 1);
	assert_int_equal(f->client.opens, 0);
	run(f, 1);
	assert_int_equal(f->client.opens, 1);
	run(f, DUR_HOUR);
	assert_int_equal(f->client.opens, 1);
	assert_int_equal(f->server[0].opens, 0);
	assert_true(endpoint_equal(&f->client.stream.remote, &f->target));
	assert_true(endpoint_equal(&f->client.stream.remote, &f->server[0].stream.local));
	assert_true(endpoint_equal(&f->client.stream.local, &f->server[0].stream.remote));
	assert_true(addr_equal(&f->client.stream.local.addr, &f->a));
	assert_true(f->client.stream.local.port >= 49152);
	assert_int_equal(net_stream_read(&f->client.stream, &byte, 1), -EAGAIN);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	/* No listener at that address; one at another port; one that has ended. */
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, 2 * LATENCY - 1);
	assert_int_equal(f->client.failures, 0);
	run(f, 1);
	assert_int_equal(f->client.failures, 1);
	assert_int_equal(f->client.stream.error, -ECONNREFUSED);
	uint8_t byte = 0;
	assert_int_equal(net_stream_read(&f->client.stream, &byte, 1), -ECONNREFUSED);
	assert_int_equal(net_stream_write(&f->client.stream, &byte, 1), -ECONNREFUSED);
	run(f, DUR_HOUR);
	assert_int_equal(f->client.failures, 1);
	net_stream_close(&f->client.stream);

	struct endpoint other = f->target;
	other.port++;
	assert_int_equal(net_listen(f->nb, &f->host.listener, &other, NULL), 0);
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	assert_int_equal(f->client.stream.error, -ECONNREFUSED);
	net_stream_close(&f->client.stream);

	net_unlisten(&f->host.listener);
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &other, NULL), 0);
	run(f, DUR_S);
	assert_int_equal(f->client.stream.error, -ECONNREFUSED);
}

static void
test_what_cannot_start(void **state)
{
	struct fixture *f = *state;
	struct net_opts opts = {.local = f->b};
	struct endpoint v6 = endpoint_of("2001:db8::1", PORT);
	struct host second;

	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, &opts), -EADDRNOTAVAIL);
	assert_int_equal(net_connect(f->na, &f->client.stream, &v6, NULL), -ENETUNREACH);
	assert_false(net_stream_is_open(&f->client.stream));
	assert_int_equal(net_listen(f->na, &f->host.listener, &f->target, NULL), -EADDRNOTAVAIL);
	assert_int_equal(net_listen(f->nb, &f->host.listener, &f->target, NULL), 0);
	host_init(&second, NULL, 0);
	assert_int_equal(net_listen(f->nb, &second.listener, &f->target, NULL), -EADDRINUSE);
	struct endpoint any = endpoint_of("0.0.0.0", PORT + 1);
	assert_int_equal(net_listen(f->nb, &second.listener, &any, NULL), 0);
	any.addr = f->b;
	opts = (struct net_opts){.local = f->a, .local_port = 1790};
	assert_int_equal(net_connect(f->na, &f->client.stream, &any, &opts), 0);
	run(f, DUR_S);
	assert_int_equal(second.accepted, 1);
	assert_int_equal(f->client.stream.local.port, 1790);
	/* That host closes what it accepts. */
	assert_true(f->client.ended);
	net_unlisten(&second.listener);
}

static void
test_latency_and_unsent(void **state)
{
	struct fixture *f = *state;

	connect_pair(f);
	f->client.to_send = 1000;
	party_send(&f->client);
	assert_int_equal(net_stream_unsent(&f->client.stream), 1000);
	run(f, LATENCY / 2);
	f->client.to_send = 500;
	party_send(&f->client);
	/* A shorter path does not let bytes overtake. */
	net_cloud_set_latency(f->cloud, DUR_MS);
	f->client.to_send = 70;
	party_send(&f->client);
	net_cloud_set_latency(f->cloud, LATENCY);
	assert_int_equal(net_stream_unsent(&f->client.stream), 1570);
	run(f, LATENCY / 2 - 1);
	assert_int_equal(f->server[0].received, 0);
	run(f, 1);
	assert_int_equal(f->server[0].received, 1000);
	assert_int_equal(net_stream_unsent(&f->client.stream), 570);
	run(f, LATENCY / 2);
	assert_int_equal(f->server[0].received, 1570);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
}

static void
test_back_pressure(void **state)
{
	struct fixture *f = *state;
	struct party *server = &f->server[0];
	const size_t volume = 10 * BUFFER + 77;

	connect_pair(f);
	net_stream_want_read(&server->stream, false);
	f->client.to_send = volume;
	party_send(&f->client);
	assert_int_equal(f->client.sent, BUFFER);
	run(f, DUR_MIN);
	/* One buffer at the receiver, one at the sender; then nothing moves. */
	assert_int_equal(f->client.sent, 2 * BUFFER);
	assert_int_equal(net_stream_unsent(&f->client.stream), BUFFER);
	assert_int_equal(server->readables, 0);
	unsigned writables = f->client.writables;
	run(f, DUR_MIN);
	assert_int_equal(f->client.writables, writables);

	server->bite = 1234;
	net_stream_want_read(&server->stream, true);
	run(f, DUR_MIN);
	assert_int_equal(server->received, volume);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
	assert_true(f->client.writables > writables);
}

static void
test_end(void **state)
{
	struct fixture *f = *state;
	struct party *server = &f->server[0];

	connect_pair(f);
	net_stream_want_read(&server->stream, false);
	f->client.to_send = 3 * BUFFER / 2;
	party_send(&f->client);
	run(f, DUR_S);
	assert_int_equal(f->client.to_send, 0);
	net_stream_close(&f->client.stream);
	net_stream_close(&f->client.stream);
	run(f, DUR_S);
	assert_false(server->ended);
	net_stream_want_read(&server->stream, true);
	run(f, DUR_S);
	assert_int_equal(server->received, 3 * BUFFER / 2);
	assert_true(server->ended);
	unsigned readables = server->readables;
	run(f, DUR_S);
	assert_int_equal(server->readables, readables);
	assert_int_equal(server->failures, 0);

	/* Nobody reads what it writes now: answered with a reset. */
	server->to_send = 10;
	party_send(server);
	assert_int_equal(net_stream_unsent(&server->stream), 10);
	run(f, 2 * LATENCY);
	assert_int_equal(server->failures, 1);
	assert_int_equal(server->stream.error, -ECONNRESET);
}

static void
test_cut_and_heal(void **state)
{
	struct fixture *f = *state;

	connect_pair(f);
	f->client.to_send = 100;
	party_send(&f->client);
	run(f, LATENCY / 2);
	net_cloud_cut(f->cloud, &f->b, &f->a, true);
	net_cloud_cut(f->cloud, &f->a, &f->b, true);
	f->client.to_send = 200;
	party_send(&f->client);
	f->server[0].to_send = 50;
	party_send(&f->server[0]);
	run(f, DUR_HOUR);
	assert_int_equal(f->server[0].received, 0);
	assert_int_equal(f->client.received, 0);
	assert_int_equal(net_stream_unsent(&f->client.stream), 300);
	assert_int_equal(net_stream_unsent(&f->server[0].stream), 50);
	f->client.to_send = BUFFER;
	party_send(&f->client);
	assert_int_equal(f->client.to_send, 300);

	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	run(f, LATENCY - 1);
	assert_int_equal(f->server[0].received, 0);
	run(f, 1);
	assert_int_equal(f->server[0].received, BUFFER);
	assert_int_equal(f->client.received, 50);
	run(f, DUR_S);
	assert_int_equal(f->server[0].received, BUFFER + 300);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
}

static void
test_close_behind_a_cut(void **state)
{
	struct fixture *f = *state;

	connect_pair(f);
	net_cloud_cut(f->cloud, &f->a, &f->b, true);
	f->client.to_send = 100;
	party_send(&f->client);
	net_stream_close(&f->client.stream);
	run(f, DUR_HOUR);
	assert_false(f->server[0].ended);
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	run(f, DUR_S);
	assert_int_equal(f->server[0].received, 100);
	assert_true(f->server[0].ended);
}

static void
test_connect_on_a_cut_path(void **state)
{
	struct fixture *f = *state;

	net_cloud_cut(f->cloud, &f->a, &f->b, true);
	listen_and_connect(f);
	run(f, 5 * DUR_S);
	assert_int_equal(f->client.failures, 0);
	run(f, DUR_MIN);
	assert_int_equal(f->client.failures, 1);
	assert_int_equal(f->client.stream.error, -ETIMEDOUT);
	assert_int_equal(f->host.accepted, 0);
	net_stream_close(&f->client.stream);

	/* Healed in time. */
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, 5 * DUR_S);
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	run(f, 2 * DUR_S);
	assert_int_equal(f->client.opens, 1);
	assert_int_equal(f->host.accepted, 1);
	net_stream_close(&f->client.stream);

	/* Cut while the answer is under way: the server has a connection that the client gave up.
	 */
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, LATENCY);
	assert_int_equal(f->host.accepted, 2);
	net_cloud_cut(f->cloud, &f->a, &f->b, true);
	run(f, DUR_MIN);
	assert_int_equal(f->client.stream.error, -ETIMEDOUT);
	net_stream_close(&f->client.stream);
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	run(f, DUR_S);
	assert_int_equal(f->server[1].stream.error, -ECONNRESET);
	assert_int_equal(f->server[1].failures, 1);
}

static void
test_kill(void **state)
{
	struct fixture *f = *state;
	uint8_t byte;

	connect_pair(f);
	f->server[0].to_send = 40;
	party_send(&f->server[0]);
	net_cloud_kill(f->nb);
	/* The dead say nothing to their owners, and ask for nothing. */
	assert_false(net_stream_is_open(&f->server[0].stream));
	assert_null(f->host.listener.net);
	struct party late;
	party_init(&late);
	struct endpoint e = {.addr = f->a, .port = PORT};
	assert_true(net_connect(f->nb, &late.stream, &e, NULL) < 0);
	host_init(&f->host, f->server, ARRAY_LEN(f->server));
	assert_true(net_listen(f->nb, &f->host.listener, &f->target, NULL) < 0);

	run(f, LATENCY - 1);
	assert_int_equal(f->client.failures, 0);
	f->client.to_send = 10;
	party_send(&f->client);
	assert_int_equal(net_stream_unsent(&f->client.stream), 10);
	run(f, 1);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
	/* What it wrote before it died is read first. */
	assert_int_equal(f->client.received, 40);
	assert_int_equal(f->client.failures, 1);
	assert_int_equal(f->client.stream.error, -ECONNRESET);
	assert_int_equal(net_stream_read(&f->client.stream, &byte, 1), -ECONNRESET);
	assert_int_equal(f->server[0].readables + f->server[0].failures, 0);
	net_stream_close(&f->client.stream);

	/* The process comes back, on the same address, beside the dead one. */
	struct net *again = net_cloud_node(f->cloud, &f->b, 1);
	assert_int_equal(net_listen(again, &f->host.listener, &f->target, NULL), 0);
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	assert_int_equal(f->client.opens, 1);
	assert_int_equal(f->host.accepted, 1);
	/* Freeing a node ends what is left of it. */
	net_free(again);
	assert_false(net_stream_is_open(&f->server[0].stream));
	run(f, DUR_S);
	assert_int_equal(f->client.stream.error, -ECONNRESET);
}

static void
test_kill_behind_a_cut(void **state)
{
	struct fixture *f = *state;

	connect_pair(f);
	net_cloud_cut(f->cloud, &f->a, &f->b, true);
	net_cloud_kill(f->nb);
	run(f, DUR_HOUR);
	assert_int_equal(f->client.failures, 0);
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	run(f, DUR_S);
	assert_int_equal(f->client.failures, 1);
}

/* A node whose process is killed from within a callback of one of its own streams. */
struct suicide {
	struct party party;
	struct net *net;
};

static void
suicide_event(struct net_stream *s, enum net_event what)
{
	struct suicide *v = container_of(s, struct suicide, party.stream);

	if (what == NET_READABLE)
		net_cloud_kill(v->net);
}

static void
test_kill_in_callback(void **state)
{
	struct fixture *f = *state;
	struct suicide v = {.net = f->na};

	assert_int_equal(net_listen(f->nb, &f->host.listener, &f->target, NULL), 0);
	v.party.stream.fn = suicide_event;
	assert_int_equal(net_connect(f->na, &v.party.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	net_stream_want_write(&v.party.stream, false);
	f->server[0].to_send = 10;
	party_send(&f->server[0]);
	run(f, DUR_S);
	assert_false(net_stream_is_open(&v.party.stream));
	assert_int_equal(f->server[0].failures, 1);
}

static void
test_close_in_callback(void **state)
{
	struct fixture *f = *state;

	f->client.close_on_open = true;
	connect_pair(f);
	run(f, DUR_S);
	assert_true(f->server[0].ended);
	f->server[0].close_on_write = true;
	net_stream_want_write(&f->server[0].stream, true);
	run(f, DUR_S);
	assert_false(net_stream_is_open(&f->server[0].stream));

	/* Given up before the question arrives: nobody is ever asked. */
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, LATENCY / 2);
	net_stream_close(&f->client.stream);
	run(f, DUR_S);
	assert_int_equal(f->host.accepted, 1);

	/* Given up while the answer is under way: the server hears of it. */
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, LATENCY);
	assert_int_equal(f->host.accepted, 2);
	net_stream_close(&f->client.stream);
	run(f, DUR_S);
	assert_int_equal(f->server[1].failures, 1);

	/* Ended by its own callback, in both parties at the same time. */
	party_init(&f->client);
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	f->client.close_on_read = true;
	f->server[2].close_on_read = true;
	f->client.to_send = f->server[2].to_send = 5;
	party_send(&f->client);
	party_send(&f->server[2]);
	run(f, DUR_S);
	assert_int_equal(f->client.received, 5);
	assert_int_equal(f->server[2].received, 5);
	assert_false(net_stream_is_open(&f->client.stream));
	assert_false(net_stream_is_open(&f->server[2].stream));
}

/* One node may talk to itself, and many nodes may share an address. */
static void
test_same_node_and_shared_address(void **state)
{
	struct fixture *f = *state;
	struct addr shared[2] = {f->a, f->b};
	struct net *third = net_cloud_node(f->cloud, shared, 2);
	struct host far;

	host_init(&far, NULL, 0);
	assert_int_equal(net_listen(third, &far.listener, &f->target, NULL), 0);
	/* The owner that listens is asked, not the first owner. */
	assert_int_equal(net_connect(f->na, &f->client.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	assert_int_equal(far.accepted, 1);
	net_stream_close(&f->client.stream);

	party_init(&f->client);
	assert_int_equal(net_connect(third, &f->client.stream, &f->target, NULL), 0);
	run(f, DUR_S);
	assert_int_equal(far.accepted, 2);
	net_free(third);
	assert_false(net_stream_is_open(&f->client.stream));
	assert_null(far.listener.net);
}

/* -- a long random run, twice -- */

static uint64_t
random_run(uint64_t seed)
{
	void *state;
	struct rng rng;
	uint64_t sum = 0;

	setup(&state);
	struct fixture *f = state;
	rng_init(&rng, seed);
	connect_pair(f);
	for (unsigned i = 0; i < 3000; i++) {
		struct party *p = rng_below(&rng, 2) ? &f->client : &f->server[0];
		switch (rng_below(&rng, 6)) {
		case 0: net_cloud_cut(f->cloud, &f->a, &f->b, rng_below(&rng, 3) == 0); break;
		case 1: net_cloud_set_latency(f->cloud, rng_between(&rng, 0, 20 * DUR_MS)); break;
		case 2: net_stream_want_read(&p->stream, rng_below(&rng, 3) != 0); break;
		case 3: p->bite = rng_below(&rng, 3000); break;
		default:
			p->to_send += rng_below(&rng, 30000);
			party_send(p);
			break;
		}
		run(f, rng_between(&rng, 0, 5 * DUR_MS));
		sum = sum * 31 + f->client.received + 7 * f->server[0].received +
		      net_stream_unsent(&f->client.stream);
	}
	net_cloud_cut(f->cloud, &f->a, &f->b, false);
	net_stream_want_read(&f->client.stream, true);
	net_stream_want_read(&f->server[0].stream, true);
	run(f, DUR_HOUR);
	/* Whatever happened: every byte came, once, in order. */
	assert_int_equal(f->client.to_send + f->server[0].to_send, 0);
	assert_int_equal(f->client.received, f->server[0].sent);
	assert_int_equal(f->server[0].received, f->client.sent);
	assert_true(f->client.received > BUFFER);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
	teardown(&state);
	return sum;
}

static void
test_random_and_repeatable(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++)
		assert_int_equal(random_run(seed), random_run(seed));
	assert_int_not_equal(random_run(1), random_run(2));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_connect),
	    TEST(test_refused),
	    TEST(test_what_cannot_start),
	    TEST(test_latency_and_unsent),
	    TEST(test_back_pressure),
	    TEST(test_end),
	    TEST(test_cut_and_heal),
	    TEST(test_close_behind_a_cut),
	    TEST(test_connect_on_a_cut_path),
	    TEST(test_kill),
	    TEST(test_kill_behind_a_cut),
	    TEST(test_kill_in_callback),
	    TEST(test_close_in_callback),
	    TEST(test_same_node_and_shared_address),
	    cmocka_unit_test(test_random_and_repeatable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
