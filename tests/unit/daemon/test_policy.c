/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a configuration to what the helper allows: exactly the addresses, listening sockets and
 * commands that the file names, and nothing next to them.
 */
#include "daemon/policy.h"

#include "base/log.h"
#include "kernel/helper_policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#define NODE "node: {router-id: 10.1.1.2}\n"

static char last_error[512]; /* of the log; the sink has no other way to tell */

static void
keep_errors(enum log_level level, const char *line)
{
	if (level == LOG_LVL_ERR)
		str_copy(last_error, sizeof(last_error), line);
}

static struct helper_policy *
policy_of(const char *yaml)
{
	struct conf_generation *g;
	struct helper_policy *p;
	struct str errors = {0};
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, "t", yaml, strlen(yaml), &diag);
	diag_print(&diag, &errors);
	if (g == NULL)
		fail_msg("%s", str_text(&errors));
	last_error[0] = '\0';
	log_set_sink(keep_errors);
	p = policy_make(g->root);
	log_set_sink(NULL);
	helper_policy_seal(p);
	/* The policy keeps nothing of the configuration. */
	conf_free(g);
	str_done(&errors);
	diag_done(&diag);
	return p;
}

static bool
allows_address(const struct helper_policy *p, const char *prefix, const char *ifname)
{
	struct prefix x;

	assert_int_equal(prefix_parse(prefix, &x), 0);
	return helper_policy_allows_address(p, &x, ifname);
}

static bool
allows_listen(const struct helper_policy *p, const char *local)
{
	struct endpoint x;

	assert_int_equal(endpoint_parse(local, 0, &x), 0);
	return helper_policy_allows_listen(p, &x);
}

static void
nothing_allows_nothing(void **state)
{
	struct helper_policy *p = policy_of("services: {}\n");

	assert_null(helper_policy_address_at(p, 0));
	assert_false(allows_address(p, "192.0.2.53/32", "lo"));
	assert_false(allows_listen(p, "0.0.0.0:179"));
	assert_null(helper_policy_find_exec(p, "check"));
	helper_policy_free(p);
}

static void
addresses_on_their_interface(void **state)
{
	struct helper_policy *p =
	    policy_of("services:\n"
		      "  dns: {addresses: [192.0.2.53/32, \"2001:db8::53/128\"]}\n"
		      "  web: {addresses: [192.0.2.80/32], interface: eth1}\n");

	assert_true(allows_address(p, "192.0.2.53/32", "lo"));
	assert_true(allows_address(p, "2001:db8::53/128", "lo"));
	assert_true(allows_address(p, "192.0.2.80/32", "eth1"));
	assert_false(allows_address(p, "192.0.2.80/32", "lo"));
	assert_false(allows_address(p, "192.0.2.53/32", "eth1"));
	assert_false(allows_address(p, "192.0.2.54/32", "lo"));
	assert_false(allows_address(p, "192.0.2.0/24", "lo"));
	assert_non_null(helper_policy_address_at(p, 2));
	assert_null(helper_policy_address_at(p, 3));
	helper_policy_free(p);
}

static void
listens_where_bgp_does(void **state)
{
	struct helper_policy *p =
	    policy_of(NODE "bgp: {as: 64501, port: 1179, neighbors: {10.1.1.1: {as: 64500}}}\n");

	assert_true(allows_listen(p, "0.0.0.0:1179"));
	assert_true(allows_listen(p, "[::]:1179"));
	assert_false(allows_listen(p, "0.0.0.0:179"));
	assert_false(allows_listen(p, "10.1.1.2:1179"));
	assert_false(allows_listen(p, "0.0.0.0:22"));
	helper_policy_free(p);
	p = policy_of(NODE "bgp: {as: 64501, listen: false}\n");
	assert_false(allows_listen(p, "0.0.0.0:179"));
	helper_policy_free(p);
}

static void
commands_as_they_are_written(void **state)
{
	struct helper_policy *p = policy_of(
	    "probes:\n"
	    "  plain: {type: exec, command: [/bin/check, \"a b\", \"\"], timeout: 200ms}\n"
	    "  shell: {type: exec, command: \"test -e /x && exit 0\", shell: true, user: root}\n"
	    "  web: {type: tcp, server: \"127.0.0.1:80\"}\n");
	const struct helper_policy_exec *x = helper_policy_find_exec(p, "plain");
	const struct passwd *nobody = getpwnam("nobody");

	assert_non_null(x);
	assert_string_equal(x->argv[0], "/bin/check");
	assert_string_equal(x->argv[1], "a b");
	assert_string_equal(x->argv[2], "");
	assert_null(x->argv[3]);
	assert_non_null(nobody);
	assert_int_equal(x->uid, nobody->pw_uid);
	assert_int_equal(x->gid, nobody->pw_gid);
	/* the probe's own time-out comes first */
	assert_true(x->timeout > 200 * DUR_MS && x->timeout <= 5 * DUR_S);
	x = helper_policy_find_exec(p, "shell");
	assert_non_null(x);
	assert_string_equal(x->argv[0], "/bin/sh");
	assert_string_equal(x->argv[1], "-c");
	assert_string_equal(x->argv[2], "test -e /x && exit 0");
	assert_null(x->argv[3]);
	assert_int_equal(x->uid, 0);
	assert_null(helper_policy_find_exec(p, "web"));
	assert_string_equal(last_error, "");
	helper_policy_free(p);
}

/* Said once, clearly, and the others still work. */
static void
unknown_user_leaves_its_probe_out(void **state)
{
	struct helper_policy *p =
	    policy_of("probes:\n"
		      "  bad: {type: exec, command: [/bin/true], user: no-such-user-here}\n"
		      "  good: {type: exec, command: [/bin/true]}\n");

	assert_null(helper_policy_find_exec(p, "bad"));
	assert_non_null(helper_policy_find_exec(p, "good"));
	assert_non_null(strstr(last_error, "probe bad: there is no user 'no-such-user-here' here"));
	helper_policy_free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_allows_nothing),
	    cmocka_unit_test(addresses_on_their_interface),
	    cmocka_unit_test(listens_where_bgp_does),
	    cmocka_unit_test(commands_as_they_are_written),
	    cmocka_unit_test(unknown_user_leaves_its_probe_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
