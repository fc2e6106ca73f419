/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain sockets: that every option reaches the kernel, and what opening them can answer.
 */
#include "base/mem.h"
#include "loop/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const loopbacks[] = {"127.0.0.1", "::1"};

static struct endpoint
at(const char *text, uint16_t port)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(text, port, &e), 0);
	return e;
}

static struct endpoint
name_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct endpoint e;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &e), 0);
	return e;
}

static int
get_int(int fd, int level, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	return value;
}

static void
check_flags(int fd)
{
	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

static void
wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, 10000), 1);
}

static void
check_opts(int fd, bool v6)
{
	int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;

	assert_int_equal(get_int(fd, level, v6 ? IPV6_UNICAST_HOPS : IP_TTL), 255);
	assert_int_equal(get_int(fd, level, v6 ? IPV6_MINHOPCOUNT : IP_MINTTL), 254);
	assert_int_equal(get_int(fd, level, v6 ? IPV6_TCLASS : IP_TOS), 0xc0);
}

static const struct net_opts all = {.ttl = 255, .min_ttl = 254, .tos = 0xc0, .device = "lo"};

static void
test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct endpoint e = at(loopbacks[i], 0);
		int listener = net_tcp_listen(&e, &all);
		check_flags(listener);
		check_opts(listener, i == 1);
		e = name_of(listener);
		assert_int_equal(get_int(listener, SOL_SOCKET, SO_REUSEADDR), 1);
		if (i == 1)
			assert_int_equal(get_int(listener, IPPROTO_IPV6, IPV6_V6ONLY), 1);

		int tcp = net_tcp_connect(&e, &all);
		check_flags(tcp);
		check_opts(tcp, i == 1);
		assert_int_equal(get_int(tcp, IPPROTO_TCP, TCP_NODELAY), 1);
		wait_for(tcp, POLLOUT);
		assert_int_equal(net_fd_error(tcp), 0);
		wait_for(listener, POLLIN);
		int accepted = accept(listener, NULL, NULL);
		assert_true(accepted >= 0);
		check_opts(accepted, i == 1);

		int udp = net_udp_connect(&e, &all);
		check_flags(udp);
		check_opts(udp, i == 1);
		char device[16];
		socklen_t len = sizeof(device);
		assert_int_equal(getsockopt(udp, SOL_SOCKET, SO_BINDTODEVICE, device, &len), 0);
		assert_string_equal(device, "lo");
		close(udp);
		close(accepted);
		close(tcp);
		close(listener);
	}
}

static void
test_source(void **state)
{
	struct net_opts opts = {.local = at("127.0.0.3", 0).addr};
	struct endpoint remote = at("127.0.0.1", 9);

	(void)state;
	int udp = net_udp_connect(&remote, &opts);
	struct endpoint e = name_of(udp);
	assert_true(addr_equal(&e.addr, &opts.local));
	assert_true(e.port != 0);
	close(udp);

	/* The port that was just given back, asked for by number, without an address. */
	opts = (struct net_opts){.local_port = e.port};
	udp = net_udp_connect(&remote, &opts);
	assert_int_equal(name_of(udp).port, opts.local_port);
	close(udp);

	opts = (struct net_opts){.local = at("192.0.2.77", 0).addr};
	assert_int_equal(net_udp_connect(&remote, &opts), -EADDRNOTAVAIL);
	assert_int_equal(net_tcp_connect(&remote, &opts), -EADDRNOTAVAIL);
	opts.local = at("::1", 0).addr;
	assert_int_equal(net_udp_connect(&remote, &opts), -EAFNOSUPPORT);
	struct endpoint nowhere = {0};
	assert_int_equal(net_udp_connect(&nowhere, &(struct net_opts){0}), -EAFNOSUPPORT);
	opts = (struct net_opts){.device = "no-such-link0"};
	assert_int_equal(net_tcp_connect(&remote, &opts), -ENODEV);
}

/* A closed UDP port answers by ICMP, and recv tells. */
static void
test_udp_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(loopbacks); i++) {
		struct net_opts none = {0};
		struct endpoint any = at(loopbacks[i], 9);
		int probe = net_udp_connect(&any, &none);
		struct endpoint closed = name_of(probe);
		close(probe);

		int udp = net_udp_connect(&closed, &none);
		char byte = 0;
		assert_int_equal(send(udp, &byte, 1, 0), 1);
		wait_for(udp, POLLIN);
		assert_int_equal(recv(udp, &byte, 1, 0), -1);
		assert_int_equal(errno, ECONNREFUSED);
		close(udp);
	}
}

static void
test_tcp_refused(void **state)
{
	struct net_opts none = {0};
	struct endpoint e = at("127.0.0.1", 0);

	(void)state;
	int listener = net_tcp_listen(&e, &none);
	e = name_of(listener);
	assert_int_equal(net_tcp_listen(&e, &none), -EADDRINUSE);
	close(listener);
	int fd = net_tcp_connect(&e, &none);
	if (fd >= 0) {
		wait_for(fd, POLLOUT);
		assert_int_equal(net_fd_error(fd), -ECONNREFUSED);
		assert_int_equal(net_fd_error(fd), 0);
		close(fd);
	} else {
		assert_int_equal(fd, -ECONNREFUSED);
	}
	assert_int_equal(net_fd_error(-1), -EBADF);
	e = at("192.0.2.77", 0);
	assert_int_equal(net_tcp_listen(&e, &none), -EADDRNOTAVAIL);
}

static void
test_unix(void **state)
{
	char dir[] = "/tmp/nigh-test-XXXXXX";
	char path[64], file[64], text[200];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	assert_int_equal(net_unix_connect(path), -ENOENT);
	mode_t mask = umask(077);
	int listener = net_unix_listen(path, 0660);
	umask(mask);
	check_flags(listener);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	int fd = net_unix_connect(path);
	check_flags(fd);
	close(fd);

	/* Somebody listens; nobody does any more; something else is there. */
	assert_int_equal(net_unix_listen(path, 0600), -EADDRINUSE);
	close(listener);
	assert_int_equal(net_unix_connect(path), -ECONNREFUSED);
	listener = net_unix_listen(path, 0600);
	assert_true(listener >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	close(listener);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(net_unix_listen(file, 0600), -EEXIST);

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(net_unix_listen(text, 0600), -ENAMETOOLONG);
	assert_int_equal(net_unix_connect(""), -ENAMETOOLONG);
	unlink(path);
	unlink(file);
	assert_int_equal(rmdir(dir), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_source),
	    cmocka_unit_test(test_udp_refused),
	    cmocka_unit_test(test_tcp_refused),
	    cmocka_unit_test(test_unix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
