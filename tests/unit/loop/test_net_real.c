/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams on the kernel's TCP, over 127.0.0.1 and ::1: connect, refuse, transfer with
 * back-pressure, the end, breakage, GTSM.
 */
#include "net_party.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE (10 * DUR_S)
#define VOLUME   ((size_t)6 << 20)

static const char *const loopbacks[] = {"127.0.0.1", "::1"};

struct fixture {
	struct loop *loop;
	struct net *net;
	struct host host;
	struct party server[2];
	struct party client;
};

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	f->loop = loop_new();
	f->net = net_real_new(f->loop, NULL);
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
	net_free(f->net);
	loop_free(f->loop);
	free(f);
	return 0;
}

/* Turns the loop until the condition holds; a test that waits for nothing fails. */
#define TURN_UNTIL(f, condition)                                                                   \
	do {                                                                                       \
		mono_t patience_end = mono_add(mono_clock(), PATIENCE);                            \
		while (!(condition) && mono_before(mono_clock(), patience_end))                    \
			loop_turn((f)->loop, 10 * DUR_MS);                                         \
		assert_true(condition);                                                            \
	} while (0)

/* Nothing happens any more. */
static void
assert_quiet(struct fixture *f)
{
	assert_false(loop_turn(f->loop, 5 * DUR_MS));
	assert_false(loop_turn(f->loop, 5 * DUR_MS));
}

static void
connect_pair(struct fixture *f, const char *address)
{
	struct endpoint e = endpoint_of(address, 0);

	assert_int_equal(net_listen(f->net, &f->host.listener, &e, NULL), 0);
	assert_int_equal(f->host.listener.error, 0);
	assert_true(f->host.listener.local.port != 0);
	assert_int_equal(net_connect(f->net, &f->client.stream, &f->host.listener.local, NULL), 0);
	assert_true(net_stream_is_open(&f->client.stream));
	TURN_UNTIL(f, f->client.opens == 1 && f->host.accepted == 1);
}

static void
each_family(struct fixture *f, void (*test)(struct fixture *f))
{
	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		connect_pair(f, loopbacks[i]);
		test(f);
		/* Start over in place, with everything closed. */
		net_stream_close(&f->client.stream);
		net_stream_close(&f->server[0].stream);
		net_unlisten(&f->host.listener);
		host_init(&f->host, f->server, ARRAY_LEN(f->server));
		party_init(&f->client);
	}
}

static void
check_connect(struct fixture *f)
{
	assert_true(endpoint_equal(&f->client.stream.local, &f->server[0].stream.remote));
	assert_true(endpoint_equal(&f->client.stream.remote, &f->server[0].stream.local));
	assert_true(endpoint_equal(&f->client.stream.remote, &f->host.listener.local));
	assert_quiet(f);
	assert_int_equal(f->client.opens, 1);
	assert_int_equal(f->server[0].opens, 0);
	uint8_t byte;
	assert_int_equal(net_stream_read(&f->client.stream, &byte, 1), -EAGAIN);
	assert_int_equal(net_stream_unsent(&f->client.stream), 0);
}

static void
test_connect(void **state)
{
	each_family(*state, check_connect);
}

static void
check_transfer(struct fixture *f)
{
	struct party *server = &f->server[0];

	net_stream_want_read(&server->stream, false);
	f->client.to_send = VOLUME;
	party_send(&f->client);
	/* The receiver does not read: at some point the kernel takes no more. */
	while (loop_turn(f->loop, 50 * DUR_MS))
		continue;
	assert_true(f->client.to_send > 0);
	assert_int_equal(server->readables, 0);
	assert_true(net_stream_unsent(&f->client.stream) > 0);

	net_stream_want_read(&server->stream, true);
	server->to_send = VOLUME / 3;
	party_send(server);
	TURN_UNTIL(f, server->received == VOLUME && f->client.received == VOLUME / 3);
	assert_true(f->client.writables > 0);
	TURN_UNTIL(f, net_stream_unsent(&f->client.stream) == 0);
	assert_quiet(f);
	assert_int_equal(f->client.broken, 0);
	assert_int_equal(server->broken, 0);
}

static void
test_transfer(void **state)
{
	each_family(*state, check_transfer);
}

static void
check_end(struct fixture *f)
{
	struct party *server = &f->server[0];

	server->deaf = true;
	f->client.to_send = 10000;
	party_send(&f->client);
	assert_int_equal(f->client.to_send, 0);
	net_stream_close(&f->client.stream);
	net_stream_close(&f->client.stream);
	assert_false(net_stream_is_open(&f->client.stream));
	TURN_UNTIL(f, server->readables > 0);
	server->deaf = false;
	TURN_UNTIL(f, server->ended);
	assert_int_equal(server->received, 10000);
	/* The end is told once, and can be read again and again. */
	assert_quiet(f);
	uint8_t byte;
	assert_int_equal(net_stream_read(&server->stream, &byte, 1), 0);
	assert_quiet(f);
}

static void
test_end(void **state)
{
	each_family(*state, check_end);
}

/* Writing to a peer that is gone: an error from write, then NET_FAILED once, then silence. */
static void
check_broken_write(struct fixture *f)
{
	struct party *server = &f->server[0];

	net_stream_close(&f->client.stream);
	TURN_UNTIL(f, server->ended);
	mono_t give_up = mono_add(mono_clock(), PATIENCE);
	while (server->broken == 0 && mono_before(mono_clock(), give_up)) {
		server->to_send = 1;
		party_send(server);
		loop_turn(f->loop, DUR_MS);
	}
	assert_true(server->broken == -EPIPE || server->broken == -ECONNRESET);
	TURN_UNTIL(f, server->failures == 1);
	assert_int_equal(server->stream.error, server->broken);
	assert_quiet(f);
	uint8_t byte = 0;
	assert_int_equal(net_stream_read(&server->stream, &byte, 1), server->broken);
	assert_int_equal(net_stream_write(&server->stream, &byte, 1), server->broken);
	assert_quiet(f);
	assert_true(net_stream_is_open(&server->stream));
}

static void
test_broken_write(void **state)
{
	each_family(*state, check_broken_write);
}

/* A reset: read tells, and NET_FAILED once. */
static void
test_reset(void **state)
{
	struct fixture *f = *state;
	struct endpoint e = endpoint_of("127.0.0.1", 0);
	struct net_opts none = {0};
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	assert_int_equal(net_listen(f->net, &f->host.listener, &e, &none), 0);
	int fd = net_tcp_connect(&f->host.listener.local, &none);
	assert_true(fd >= 0);
	TURN_UNTIL(f, f->host.accepted == 1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
	close(fd);
	TURN_UNTIL(f, f->server[0].failures == 1);
	assert_int_equal(f->server[0].broken, -ECONNRESET);
	assert_int_equal(f->server[0].stream.error, -ECONNRESET);
	assert_quiet(f);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct endpoint e = endpoint_of(loopbacks[i], 0);
		assert_int_equal(net_listen(f->net, &f->host.listener, &e, NULL), 0);
		e = f->host.listener.local;
		net_unlisten(&f->host.listener);
		net_unlisten(&f->host.listener);

		party_init(&f->client);
		int error = net_connect(f->net, &f->client.stream, &e, NULL);
		if (error == 0) {
			uint8_t byte = 0;
			assert_int_equal(net_stream_write(&f->client.stream, &byte, 1), -EAGAIN);
			TURN_UNTIL(f, f->client.failures == 1);
			error = f->client.stream.error;
		} else {
			assert_false(net_stream_is_open(&f->client.stream));
		}
		assert_int_equal(error, -ECONNREFUSED);
		assert_quiet(f);
		assert_int_equal(f->client.opens, 0);
		net_stream_close(&f->client.stream);
	}
	struct endpoint nowhere = {.port = 1};
	assert_int_equal(net_connect(f->net, &f->client.stream, &nowhere, NULL), -EAFNOSUPPORT);
	assert_int_equal(net_listen(f->net, &f->host.listener, &nowhere, NULL), -EAFNOSUPPORT);
}

/* RFC 5082: who comes with a smaller TTL is not heard; who comes with enough gets through. */
static void
test_gtsm(void **state)
{
	struct fixture *f = *state;
	const struct net_opts near = {.ttl = 255, .min_ttl = 255};

	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct endpoint e = endpoint_of(loopbacks[i], 0);
		struct party far;
		party_init(&far);
		host_init(&f->host, f->server, ARRAY_LEN(f->server));
		party_init(&f->client);
		assert_int_equal(net_listen(f->net, &f->host.listener, &e, &near), 0);
		e = f->host.listener.local;
		assert_int_equal(
		    net_connect(f->net, &far.stream, &e, &(struct net_opts){.ttl = 64}), 0);
		assert_int_equal(net_connect(f->net, &f->client.stream, &e, &near), 0);
		TURN_UNTIL(f, f->client.opens == 1 && f->host.accepted == 1);
		assert_quiet(f);
		assert_int_equal(far.opens + far.failures, 0);
		f->server[0].to_send = 100;
		party_send(&f->server[0]);
		TURN_UNTIL(f, f->client.received == 100);
		net_stream_close(&far.stream);
		net_stream_close(&f->client.stream);
		net_stream_close(&f->server[0].stream);
		net_unlisten(&f->host.listener);
	}
}

/* Every event may be the last: the owner closes in the callback. */
static void
test_close_in_callback(void **state)
{
	struct fixture *f = *state;

	f->client.close_on_open = true;
	connect_pair(f, "127.0.0.1");
	assert_false(net_stream_is_open(&f->client.stream));
	TURN_UNTIL(f, f->server[0].ended);
	net_stream_close(&f->server[0].stream);

	/* Readable and writable at once, closed by the first of the two. */
	party_init(&f->client);
	assert_int_equal(net_connect(f->net, &f->client.stream, &f->host.listener.local, NULL), 0);
	TURN_UNTIL(f, f->client.opens == 1 && f->host.accepted == 2);
	f->server[1].close_on_read = true;
	net_stream_want_write(&f->server[1].stream, true);
	f->client.to_send = 1;
	party_send(&f->client);
	TURN_UNTIL(f, f->server[1].readables == 1);
	assert_false(net_stream_is_open(&f->server[1].stream));
	TURN_UNTIL(f, f->client.ended);
	assert_quiet(f);

	/* Adopting a third one: refused by the host. */
	struct party third;
	party_init(&third);
	assert_int_equal(net_connect(f->net, &third.stream, &f->host.listener.local, NULL), 0);
	TURN_UNTIL(f, third.ended);
	net_stream_close(&third.stream);
}

/* What was written last reaches the peer even when something from it was not read. */
static void
test_last_words(void **state)
{
	struct fixture *f = *state;

	connect_pair(f, "127.0.0.1");
	net_stream_want_read(&f->server[0].stream, false);
	f->client.to_send = 5000;
	party_send(&f->client);
	TURN_UNTIL(f, net_stream_unsent(&f->client.stream) == 0);
	f->server[0].to_send = 300;
	party_send(&f->server[0]);
	net_stream_close(&f->server[0].stream);
	TURN_UNTIL(f, f->client.ended);
	assert_int_equal(f->client.received, 300);
	assert_int_equal(f->client.failures, 0);
}

/* Streams do not need the provider that made them. */
static void
test_streams_outlive_the_provider(void **state)
{
	struct fixture *f = *state;

	connect_pair(f, "::1");
	net_free(f->net);
	f->net = NULL;
	assert_null(f->host.listener.net);
	f->client.to_send = 1000;
	party_send(&f->client);
	TURN_UNTIL(f, f->server[0].received == 1000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_connect),
	    TEST(test_transfer),
	    TEST(test_end),
	    TEST(test_broken_write),
	    TEST(test_reset),
	    TEST(test_refused),
	    TEST(test_gtsm),
	    TEST(test_close_in_callback),
	    TEST(test_last_words),
	    TEST(test_streams_outlive_the_provider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
