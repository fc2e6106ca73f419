/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root schema beyond its goldens: the rows themselves, the examples that we hand to people, and
 * the sections that may be left out.
 *
 * The first argument is the top of the source tree.
 */
#include "base/log.h"
#include "daemon/config.h"
#include "proto/bgp/bgp_conf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A generation from text; the test fails with the mistakes when it has some. */
static struct conf_generation *
load(const char *name, const char *text, size_t len)
{
	struct str errors = {0};
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, name, text, len, &diag);
	diag_print(&diag, &errors);
	if (g == NULL)
		fail_msg("%s", str_text(&errors));
	diag_done(&diag);
	str_done(&errors);
	return g;
}

static void
read_source(const char *top, const char *name, struct str *out)
{
	struct str path = {0};
	struct diag diag;

	diag_init(&diag);
	str_printf(&path, "%s/%s", top, name);
	assert_int_equal(conf_read_file(str_text(&path), out, &diag), 0);
	diag_done(&diag);
	str_done(&path);
}

static void
rows_are_sound(void **state)
{
	struct str text = {0};

	conf_lint(&config_schema, &text);
	assert_string_equal(str_text(&text), "");
	str_done(&text);
}

/* What the example of README.md and of etc/ says, read by a machine. */
static void
check_example(const struct config *c)
{
	const struct bgp_conf *bgp = c->speakers[0];
	const struct conf_map_entry *dns = conf_map_find(&c->services, "dns");
	const struct service_conf *s;

	assert_non_null(conf_map_find(&c->probes, "resolver"));
	assert_non_null(dns);
	s = dns->value;
	assert_int_equal(s->addresses.count, 1);
	assert_int_equal(s->listens.count, 2);
	assert_int_equal(s->require.count, 1);
	assert_non_null(bgp);
	assert_int_equal(bgp->as, 64501);
	assert_int_equal(bgp->neighbors.count, 1);
}

static void
readme_example_loads(void **state)
{
	static const char begin[] = "```yaml\n";
	struct str text = {0};
	struct conf_generation *g;
	char *from, *to;
	size_t examples = 0;

	read_source(*state, "README.md", &text);
	for (from = strstr(text.text, begin); from != NULL; from = strstr(to, begin)) {
		from += strlen(begin);
		to = strstr(from, "```");
		assert_non_null(to);
		g = load("README.md", from, (size_t)(to - from));
		check_example(g->root);
		conf_free(g);
		examples++;
		to += 3;
	}
	assert_int_equal(examples, 1);
	str_done(&text);
}

static void
installed_example_loads(void **state)
{
	struct str text = {0};
	struct conf_generation *g;

	read_source(*state, "etc/nigh.yaml", &text);
	g = load("etc/nigh.yaml", text.text, text.len);
	check_example(g->root);
	conf_free(g);
	str_done(&text);
}

static void
sections_left_out_have_defaults(void **state)
{
	static const char text[] = "services: {}\n";
	struct conf_generation *g = load("t", text, strlen(text));
	char name[64], host[64];
	struct node_conf node = config_node(g->root, name, sizeof(name));
	struct control_conf control = config_control(g->root);
	struct core_conf core = config_core(g->root);

	assert_int_equal(gethostname(host, sizeof(host)), 0);
	assert_string_equal(node.name, host);
	assert_int_equal(node.router_id.family, ADDR_NONE);
	assert_int_equal(node.log_level, LOG_LVL_INFO);
	assert_int_equal(node.history, CONFIG_HISTORY);
	assert_string_equal(control.socket, CONFIG_SOCKET);
	assert_int_equal(control.http.addr.family, ADDR_NONE);
	assert_int_equal(core.configured, 0);
	conf_free(g);
}

/* A section that is written in part has the rows' defaults, and they are the same ones. */
static void
sections_written_in_part_have_the_same_defaults(void **state)
{
	static const char text[] = "node: {name: a}\n"
				   "control: {http: 127.0.0.1}\n"
				   "bgp: {as: 1, router-id: 10.0.0.1}\n";
	struct conf_generation *g = load("t", text, strlen(text));
	char name[64];
	struct node_conf node = config_node(g->root, name, sizeof(name));
	struct control_conf control = config_control(g->root);
	struct core_conf core = config_core(g->root);

	assert_string_equal(node.name, "a");
	assert_int_equal(node.log_level, LOG_LVL_INFO);
	assert_int_equal(node.history, CONFIG_HISTORY);
	assert_string_equal(control.socket, CONFIG_SOCKET);
	assert_int_equal(control.http.port, 9753);
	assert_int_equal(core.configured, 1);
	conf_free(g);
}

/* A name that does not fit is cut, never left without its end. */
static void
host_name_always_ends(void **state)
{
	static const char text[] = "services: {}\n";
	struct conf_generation *g = load("t", text, strlen(text));
	char name[2] = {'x', 'x'};
	struct node_conf node = config_node(g->root, name, sizeof(name));

	assert_ptr_equal(node.name, name);
	assert_true(strlen(node.name) <= 1);
	conf_free(g);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows_are_sound),
	    cmocka_unit_test_prestate(readme_example_loads, argv[1]),
	    cmocka_unit_test_prestate(installed_example_loads, argv[1]),
	    cmocka_unit_test(sections_left_out_have_defaults),
	    cmocka_unit_test(sections_written_in_part_have_the_same_defaults),
	    cmocka_unit_test(host_name_always_ends),
	};

	if (argc != 2)
		return 2;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
