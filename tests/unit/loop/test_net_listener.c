/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listeners of the kernel's provider: tried again when the address cannot be had, opened by
 * somebody else, many connections at once, no descriptors left, ended in their own callback.
 */
#include "net_party.h"

#include "base/log.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PATIENCE (10 * DUR_S)
#define MANY     40

struct fixture {
	struct loop *loop;
	struct net *net;
	struct host host;
	struct party party[MANY];
	int fd[MANY];
};

static unsigned warnings;
static unsigned notices;

static void
count_lines(enum log_level level, const char *line)
{
	(void)line;
	if (level == LOG_LVL_WARN)
		warnings++;
	if (level == LOG_LVL_NOTICE)
		notices++;
}

static int
setup(void **state)
{
	struct fixture *f = mem_alloc(sizeof(*f));

	warnings = 0;
	notices = 0;
	log_set_sink(count_lines);
	f->loop = loop_new();
	f->net = net_real_new(f->loop, NULL);
	host_init(&f->host, f->party, MANY);
	for (size_t i = 0; i < MANY; i++)
		f->fd[i] = -1;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < MANY; i++) {
		net_stream_close(&f->party[i].stream);
		if (f->fd[i] >= 0)
			close(f->fd[i]);
	}
	net_free(f->net);
	loop_free(f->loop);
	free(f);
	log_set_sink(NULL);
	return 0;
}

#define TURN_UNTIL(f, condition)                                                                   \
	do {                                                                                       \
		mono_t patience_end = mono_add(mono_clock(), PATIENCE);                            \
		while (!(condition) && mono_before(mono_clock(), patience_end))                    \
			loop_turn((f)->loop, DUR_S);                                               \
		assert_true(condition);                                                            \
	} while (0)

/* Clients beside the loop; their connects are complete in the kernel before anybody accepts. */
static void
clients(struct fixture *f, size_t count)
{
	const struct net_opts none = {0};

	for (size_t i = 0; i < count; i++) {
		f->fd[i] = net_tcp_connect(&f->host.listener.local, &none);
		assert_true(f->fd[i] >= 0);
	}
}

static void
test_retry(void **state)
{
	struct fixture *f = *state;
	struct endpoint e = endpoint_of("127.0.0.1", 0);
	const struct net_opts none = {0};
	struct host other;

	/* Somebody else has the port. */
	host_init(&other, NULL, 0);
	assert_int_equal(net_listen(f->net, &other.listener, &e, NULL), 0);
	e = other.listener.local;
	assert_int_equal(net_listen(f->net, &f->host.listener, &e, &none), 0);
	assert_int_equal(f->host.listener.error, -EADDRINUSE);
	assert_ptr_equal(f->host.listener.net, f->net);
	assert_int_equal(warnings, 1);

	/* After the first retry it is still so, which is no news. */
	mono_t start = mono_clock();
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_true(mono_sub(mono_clock(), start) >= 2 * DUR_S);
	assert_int_equal(f->host.listener.error, -EADDRINUSE);
	assert_int_equal(warnings, 1);
	assert_int_equal(notices, 0);

	net_unlisten(&other.listener);
	TURN_UNTIL(f, f->host.listener.error == 0);
	assert_int_equal(notices, 1);
	clients(f, 1);
	TURN_UNTIL(f, f->host.accepted == 1);
}

static void
test_many_at_once(void **state)
{
	struct fixture *f = *state;
	struct endpoint e = endpoint_of("127.0.0.1", 0);

	assert_int_equal(net_listen(f->net, &f->host.listener, &e, NULL), 0);
	clients(f, MANY);
	/* One turn takes some, and leaves time for others. */
	assert_true(loop_turn(f->loop, PATIENCE));
	assert_true(f->host.accepted > 0 && f->host.accepted < MANY);
	TURN_UNTIL(f, f->host.accepted == MANY);
	assert_int_equal(warnings, 0);
}

static void
test_no_descriptors_left(void **state)
{
	struct fixture *f = *state;
	struct endpoint e = endpoint_of("127.0.0.1", 0);
	struct rlimit before, tight;
	int filler[64];
	size_t count = 0;

	assert_int_equal(net_listen(f->net, &f->host.listener, &e, NULL), 0);
	clients(f, 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	tight = before;
	tight.rlim_cur = (rlim_t)f->fd[1] + 32;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	int fd;
	while ((fd = dup(f->fd[0])) >= 0) {
		assert_true(count < ARRAY_LEN(filler));
		filler[count++] = fd;
	}
	assert_int_equal(errno, EMFILE);

	/* It says so once and does not spin. */
	unsigned turns = 0;
	mono_t end = mono_add(mono_clock(), 300 * DUR_MS);
	while (mono_before(mono_clock(), end))
		turns += loop_turn(f->loop, mono_sub(end, mono_clock()));
	assert_int_equal(turns, 1);
	assert_int_equal(warnings, 1);
	assert_int_equal(f->host.accepted, 0);

	while (count > 0)
		close(filler[--count]);
	TURN_UNTIL(f, f->host.accepted == 2);
	assert_int_equal(warnings, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
}

static void
test_unlisten_in_callback(void **state)
{
	struct fixture *f = *state;
	struct endpoint e = endpoint_of("127.0.0.1", 0);

	assert_int_equal(net_listen(f->net, &f->host.listener, &e, NULL), 0);
	clients(f, 5);
	f->host.unlisten = true;
	TURN_UNTIL(f, f->host.accepted == 1);
	assert_false(loop_turn(f->loop, 20 * DUR_MS));
	assert_int_equal(f->host.accepted, 1);
	assert_null(f->host.listener.net);
}

/* -- opened by somebody else -- */

struct opener {
	struct net_opener opener;
	struct net *net;
	unsigned asked;
	uint32_t ticket; /* the last */
	struct endpoint local;
	struct net_opts opts;
	bool at_once; /* answers from within the question */
};

static void
opener_open(struct net_opener *o, uint32_t ticket, const struct endpoint *local,
    const struct net_opts *opts)
{
	struct opener *op = container_of(o, struct opener, opener);

	op->asked++;
	op->ticket = ticket;
	op->local = *local;
	op->opts = *opts;
	if (op->at_once)
		net_real_opened(op->net, ticket, net_tcp_listen(local, opts));
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
test_opener(void **state)
{
	struct fixture *f = *state;
	struct opener op = {.opener = {.open = opener_open}};
	struct endpoint e = endpoint_of("127.0.0.1", 0);
	const struct net_opts opts = {.min_ttl = 1, .tos = 0xc0};

	net_free(f->net);
	f->net = op.net = net_real_new(f->loop, &op.opener);
	assert_int_equal(net_listen(f->net, &f->host.listener, &e, &opts), 0);
	assert_int_equal(op.asked, 1);
	assert_true(op.ticket != 0);
	assert_true(endpoint_equal(&op.local, &e));
	assert_int_equal(op.opts.tos, 0xc0);
	/* No answer, no second question. */
	assert_false(loop_turn(f->loop, 10 * DUR_MS));

	/* An answer to a question that nobody asked is closed. */
	int fd = net_tcp_listen(&e, &opts);
	net_real_opened(f->net, op.ticket + 1, fd);
	assert_false(is_open(fd));
	fd = net_tcp_listen(&e, &opts);
	net_real_opened(f->net, 0, fd);
	assert_false(is_open(fd));

	fd = net_tcp_listen(&e, &opts);
	net_real_opened(f->net, op.ticket, fd);
	assert_true(is_open(fd));
	assert_true(f->host.listener.local.port != 0);
	clients(f, 1);
	TURN_UNTIL(f, f->host.accepted == 1);

	/* Answered already. */
	int second = net_tcp_listen(&e, &opts);
	net_real_opened(f->net, op.ticket, second);
	assert_false(is_open(second));
	net_unlisten(&f->host.listener);
	assert_false(is_open(fd));
}

static void
test_opener_fails_first(void **state)
{
	struct fixture *f = *state;
	struct opener op = {.opener = {.open = opener_open}};
	struct endpoint e = endpoint_of("127.0.0.1", 0);
	const struct net_opts none = {0};

	net_free(f->net);
	f->net = op.net = net_real_new(f->loop, &op.opener);
	assert_int_equal(net_listen(f->net, &f->host.listener, &e, &none), 0);
	uint32_t first = op.ticket;
	net_real_opened(f->net, first, -EADDRNOTAVAIL);
	assert_int_equal(f->host.listener.error, -EADDRNOTAVAIL);
	assert_int_equal(warnings, 1);
	op.at_once = true;
	TURN_UNTIL(f, op.asked == 2);
	assert_true(op.ticket != first);
	assert_int_equal(f->host.listener.error, 0);

	/* The listener goes while the answer is under way. */
	net_unlisten(&f->host.listener);
	op.at_once = false;
	assert_int_equal(net_listen(f->net, &f->host.listener, &e, &none), 0);
	net_unlisten(&f->host.listener);
	int fd = net_tcp_listen(&e, &none);
	net_real_opened(f->net, op.ticket, fd);
	assert_false(is_open(fd));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(test_retry),
	    TEST(test_many_at_once),
	    TEST(test_no_descriptors_left),
	    TEST(test_unlisten_in_callback),
	    TEST(test_opener),
	    TEST(test_opener_fails_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
