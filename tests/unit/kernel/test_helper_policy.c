/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper's policy: a table of questions, and who runs what.
 */
#include "base/mem.h"
#include "base/str.h"
#include "kernel/helper_policy.h"

#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static struct prefix
pfx(const char *text)
{
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	return p;
}

static struct endpoint
ep(const char *text)
{
	struct endpoint e;

	assert_int_equal(endpoint_parse(text, 0, &e), 0);
	return e;
}

static const char *const argv_true[] = {"/bin/true", "one", NULL};

static struct helper_policy *
policy(void)
{
	static const char *const addresses[] = {
	    "203.0.113.9/32", "192.0.2.53/32", "2001:db8::53/128", "192.0.2.0/25"};
	struct helper_policy *p = helper_policy_new();

	for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
		struct prefix prefix = pfx(addresses[i]);

		helper_policy_add_address(p, &prefix, i == 0 ? "eth0" : "lo");
	}
	for (size_t i = 0; i < 2; i++) {
		struct endpoint e = ep(i == 0 ? "0.0.0.0:179" : "[::]:179");

		helper_policy_add_listen(p, &e);
	}
	return p;
}

struct address_question {
	const char *prefix;
	const char *ifname;
	bool allowed;
};

static const struct address_question address_questions[] = {
    {"192.0.2.53/32", "lo", true},
    {"2001:db8::53/128", "lo", true},
    {"203.0.113.9/32", "eth0", true},
    {"192.0.2.0/25", "lo", true},
    {"203.0.113.9/32", "lo", false},
    {"192.0.2.53/32", "eth0", false},
    {"192.0.2.53/32", "l", false},
    {"192.0.2.53/32", "", false},
    {"192.0.2.54/32", "lo", false},
    {"192.0.2.0/24", "lo", false},
    {"192.0.2.0/32", "lo", false},
    {"2001:db8::/64", "lo", false},
    {"2001:db8::54/128", "lo", false},
    {"0.0.0.0/0", "lo", false},
    {"::/0", "lo", false},
};

static void
test_addresses(void **state)
{
	struct helper_policy *p = policy();

	(void)state;
	helper_policy_seal(p);
	for (size_t i = 0; i < ARRAY_LEN(address_questions); i++) {
		const struct address_question *q = &address_questions[i];
		struct prefix prefix = pfx(q->prefix);

		if (helper_policy_allows_address(p, &prefix, q->ifname) != q->allowed)
			fail_msg("%s on '%s' was %s", q->prefix, q->ifname,
			    q->allowed ? "refused" : "allowed");
		assert_false(helper_policy_allows_address(NULL, &prefix, q->ifname));
	}
	helper_policy_free(p);
}

static void
test_addresses_in_order(void **state)
{
	struct helper_policy *p = policy();
	const struct helper_policy_address *a, *before = NULL;
	size_t count = 0;

	(void)state;
	helper_policy_seal(p);
	for (; (a = helper_policy_address_at(p, count)) != NULL; count++) {
		if (before != NULL)
			assert_true(addr_cmp(&before->prefix.addr, &a->prefix.addr) < 0);
		before = a;
	}
	assert_int_equal(count, 4);
	assert_null(helper_policy_address_at(NULL, 0));
	helper_policy_free(p);
}

static const struct {
	const char *endpoint;
	bool allowed;
} listen_questions[] = {
    {"0.0.0.0:179", true},
    {"[::]:179", true},
    {"0.0.0.0:180", false},
    {"127.0.0.1:179", false},
    {"[::1]:179", false},
    {"0.0.0.0:53", false},
};

static void
test_listens(void **state)
{
	struct helper_policy *p = policy();

	(void)state;
	helper_policy_seal(p);
	for (size_t i = 0; i < ARRAY_LEN(listen_questions); i++) {
		struct endpoint e = ep(listen_questions[i].endpoint);

		if (helper_policy_allows_listen(p, &e) != listen_questions[i].allowed)
			fail_msg("%s was not judged right", listen_questions[i].endpoint);
		assert_false(helper_policy_allows_listen(NULL, &e));
	}
	helper_policy_free(p);
}

static void
test_sockets(void **state)
{
	struct helper_policy *p = policy();

	(void)state;
	helper_policy_allow_socket(p, KERNEL_SOCKET_ICMP6);
	helper_policy_allow_socket(p, KERNEL_SOCKET_DHCP_RELAY);
	helper_policy_seal(p);
	assert_false(helper_policy_allows_socket(p, KERNEL_SOCKET_ICMP4));
	assert_true(helper_policy_allows_socket(p, KERNEL_SOCKET_ICMP6));
	assert_false(helper_policy_allows_socket(p, KERNEL_SOCKET_DHCP_CLIENT));
	assert_true(helper_policy_allows_socket(p, KERNEL_SOCKET_DHCP_RELAY));
	assert_false(helper_policy_allows_socket(NULL, KERNEL_SOCKET_ICMP6));
	helper_policy_free(p);
}

static void
test_watches(void **state)
{
	static const struct {
		const char *addr;
		uint16_t port;
		enum kernel_proto proto;
	} in[] = {
	    {"2001:db8::53", 53, KERNEL_TCP},
	    {"192.0.2.54", 53, KERNEL_UDP},
	    {"192.0.2.53", 853, KERNEL_TCP},
	    {"192.0.2.53", 53, KERNEL_UDP},
	    {"192.0.2.53", 53, KERNEL_TCP},
	    {"192.0.2.54", 53, KERNEL_UDP},
	};
	static const size_t order[] = {3, 1, 4, 0, 2};
	struct helper_policy *p = policy();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(in); i++) {
		struct kernel_listen what = {.port = in[i].port, .proto = in[i].proto};

		assert_int_equal(addr_parse(in[i].addr, &what.addr), 0);
		helper_policy_add_watch(p, &what);
	}
	helper_policy_seal(p);
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		const struct kernel_listen *what = helper_policy_watch_at(p, i);
		struct addr addr;

		assert_non_null(what);
		assert_int_equal(addr_parse(in[order[i]].addr, &addr), 0);
		assert_true(addr_equal(&what->addr, &addr));
		assert_int_equal(what->port, in[order[i]].port);
		assert_int_equal(what->proto, in[order[i]].proto);
	}
	assert_null(helper_policy_watch_at(p, ARRAY_LEN(order)));
	assert_null(helper_policy_watch_at(NULL, 0));
	helper_policy_free(p);
}

static void
test_execs(void **state)
{
	struct helper_exec_rule rule = {.argv = argv_true, .timeout = DUR_S};
	const struct helper_policy_exec *x;
	struct helper_policy *p = policy();
	struct passwd *root = getpwnam("root");

	(void)state;
	assert_non_null(root);
	assert_int_equal(helper_policy_add_exec(p, "zebra", &rule), 0);
	rule.user = "root";
	assert_int_equal(helper_policy_add_exec(p, "apple", &rule), 0);
	helper_policy_seal(p);

	x = helper_policy_find_exec(p, "zebra");
	assert_non_null(x);
	assert_null(x->user);
	assert_string_equal(x->argv[0], "/bin/true");
	assert_string_equal(x->argv[1], "one");
	assert_null(x->argv[2]);
	assert_int_equal(x->timeout, DUR_S);

	x = helper_policy_find_exec(p, "apple");
	assert_non_null(x);
	assert_string_equal(x->user, "root");
	assert_int_equal(x->uid, 0);
	assert_int_equal(x->gid, root->pw_gid);
	assert_in_range(x->group_count, 1, HELPER_POLICY_GROUPS);

	assert_null(helper_policy_find_exec(p, "appl"));
	assert_null(helper_policy_find_exec(p, "apples"));
	assert_null(helper_policy_find_exec(p, "/bin/true"));
	assert_null(helper_policy_find_exec(NULL, "apple"));
	helper_policy_free(p);
}

static void
test_exec_mistakes(void **state)
{
	static const char *const empty[] = {NULL};
	struct helper_exec_rule rule = {.argv = argv_true, .timeout = DUR_S};
	struct helper_policy *p = policy();

	(void)state;
	rule.user = "no-such-user-here";
	assert_int_equal(helper_policy_add_exec(p, "a", &rule), -ENOENT);
	rule.user = NULL;
	rule.timeout = 0;
	assert_int_equal(helper_policy_add_exec(p, "b", &rule), -EINVAL);
	rule.timeout = DUR_S;
	rule.argv = empty;
	assert_int_equal(helper_policy_add_exec(p, "c", &rule), -EINVAL);
	rule.argv = argv_true;
	assert_int_equal(helper_policy_add_exec(p, "", &rule), -EINVAL);
	helper_policy_seal(p);
	assert_null(helper_policy_find_exec(p, "a"));
	assert_null(helper_policy_find_exec(p, "b"));
	assert_null(helper_policy_find_exec(p, "c"));
	helper_policy_free(p);
}

static void
test_empty_policy_allows_nothing(void **state)
{
	struct helper_policy *p = helper_policy_new();
	struct prefix prefix = pfx("192.0.2.53/32");
	struct endpoint e = ep("0.0.0.0:179");

	(void)state;
	helper_policy_seal(p);
	assert_false(helper_policy_allows_address(p, &prefix, "lo"));
	assert_false(helper_policy_allows_listen(p, &e));
	assert_false(helper_policy_allows_socket(p, KERNEL_SOCKET_ICMP4));
	assert_null(helper_policy_find_exec(p, "x"));
	helper_policy_free(p);
	helper_policy_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_addresses),
	    cmocka_unit_test(test_addresses_in_order),
	    cmocka_unit_test(test_listens),
	    cmocka_unit_test(test_sockets),
	    cmocka_unit_test(test_watches),
	    cmocka_unit_test(test_execs),
	    cmocka_unit_test(test_exec_mistakes),
	    cmocka_unit_test(test_empty_policy_allows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
