/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From text to structs: what stands where after loading, and that a text with mistakes yields
 * nothing.
 */
#include "conf_test_schema.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* after the four that it needs */
#include <cmocka.h>

static struct conf_generation *
load(const char *text)
{
	struct conf_generation *g;
	struct diag diag;
	struct str s = {0};

	diag_init(&diag);
	g = conf_load(&test_schema, "t.yaml", text, strlen(text), &diag);
	if (g == NULL) {
		diag_print(&diag, &s);
		print_error("%s", str_text(&s));
	}
	assert_non_null(g);
	assert_true(diag_empty(&diag));
	diag_done(&diag);
	return g;
}

static void
assert_refused(const char *text, const char *messages)
{
	struct diag diag;
	struct str s = {0};

	diag_init(&diag);
	assert_null(conf_load(&test_schema, "t.yaml", text, strlen(text), &diag));
	diag_print(&diag, &s);
	assert_string_equal(str_text(&s), messages);
	str_done(&s);
	diag_done(&diag);
}

static void
defaults_fill_what_is_absent(void **state)
{
	struct conf_generation *g = load("name: x\n");
	const struct test_conf *c = g->root;
	const uint32_t *ports = c->ports.items;

	assert_string_equal(g->file, "t.yaml");
	assert_ptr_equal(g->schema, &test_schema);
	assert_string_equal(c->motto, "near: & \"far\"");
	assert_string_equal(c->empty, "");
	assert_true(c->enabled);
	assert_int_equal(c->rise, 3);
	assert_int_equal(c->count, 0);
	assert_true(c->ratio == 0.5);
	assert_int_equal(c->timeout, 300 * DUR_MS);
	assert_int_equal(c->mode, TEST_MODE_SLOW);
	assert_int_equal(c->families, TEST_FAMILY_V4 | TEST_FAMILY_V6);
	assert_int_equal(c->router_id.family, ADDR_NONE);
	assert_int_equal(c->server.port, 5353);
	assert_null(c->query.name);
	assert_null(c->password);
	assert_null(c->delay);
	assert_non_null(c->pause);
	assert_int_equal(c->pause->up, 2 * DUR_S);
	assert_int_equal(c->ports.count, 2);
	assert_int_equal(ports[1], 853);
	assert_int_equal(c->probes.count, 0);
	assert_int_equal(c->addresses.count, 0);
	conf_free(g);
}

static void
members_get_what_is_written(void **state)
{
	struct conf_generation *g =
	    load("name: x\n"
		 "enabled: false\n"
		 "offset: -7\n"
		 "families: []\n"
		 "query: www.example.net A\n"
		 "delay: {down: 2s}\n"
		 "addresses: 192.0.2.53\n"
		 "names: [b, a, '']\n"
		 "modes: [odd, fast]\n"
		 "routes: [{prefix: 192.0.2.0/24}, {prefix: '::/0', via: '::1'}]\n");
	const struct test_conf *c = g->root;
	const struct prefix *addresses = c->addresses.items;
	const char *const *names = c->names.items;
	const int *modes = c->modes.items;
	const struct test_route *const *routes = c->routes.items;

	assert_false(c->enabled);
	assert_int_equal(c->offset, -7);
	assert_int_equal(c->families, 0);
	assert_string_equal(c->query.type, "A");
	assert_int_equal(c->delay->up, 10 * DUR_S);
	assert_int_equal(c->delay->down, 2 * DUR_S);
	assert_int_equal(c->addresses.count, 1);
	assert_int_equal(addresses[0].len, 32);
	assert_int_equal(c->names.count, 3);
	assert_string_equal(names[0], "b");
	assert_string_equal(names[2], "");
	assert_int_equal(modes[0], TEST_MODE_ODD);
	assert_int_equal(c->routes.count, 2);
	assert_int_equal(routes[0]->distance, 1);
	assert_int_equal(routes[1]->via.family, ADDR_V6);
	conf_free(g);
}

static void
maps_keep_the_order_of_the_file(void **state)
{
	struct conf_generation *g = load("name: x\n"
					 "neighbors:\n"
					 "  10.1.1.2: {as: 2}\n"
					 "  10.1.1.1: {as: 1}\n"
					 "  a:\n");
	const struct test_conf *c = g->root;
	const struct conf_map *m = &c->neighbors;
	const struct test_neighbor *n = m->entries[0].value;
	struct conf_map plain = {.entries = m->entries, .count = m->count};

	assert_int_equal(m->count, 3);
	assert_string_equal(m->entries[0].name, "10.1.1.2");
	assert_int_equal(m->entries[1].line, 4);
	assert_int_equal(m->entries[1].column, 3);
	assert_int_equal(n->as, 2);
	assert_ptr_equal(conf_map_find(m, "10.1.1.1"), &m->entries[1]);
	assert_ptr_equal(conf_map_find(m, "a"), &m->entries[2]);
	assert_null(conf_map_find(m, "b"));
	/* also in a map that somebody made by hand */
	assert_ptr_equal(conf_map_find(&plain, "10.1.1.1"), &m->entries[1]);
	assert_null(conf_map_find(&plain, "b"));
	conf_free(g);
}

static void
variants_are_picked_by_type(void **state)
{
	struct conf_generation *g =
	    load("name: x\n"
		 "probes:\n"
		 "  d: {frequency: 5s, server: 192.0.2.1, type: dns, query: a A}\n"
		 "  t: {type: 'tcp', target: '192.0.2.1:80', rise: 7}\n");
	const struct test_conf *c = g->root;
	const struct test_probe *d = conf_map_find(&c->probes, "d")->value;
	const struct test_probe *t = conf_map_find(&c->probes, "t")->value;
	const struct test_dns *dns = d->kind;
	const struct test_tcp *tcp = t->kind;

	assert_ptr_equal(d->variant, &test_variant_dns);
	assert_ptr_equal(t->variant, &test_variant_tcp);
	assert_int_equal(d->frequency, 5 * DUR_S);
	assert_int_equal(d->rise, 3);
	assert_int_equal(dns->server.port, 53);
	assert_string_equal(dns->query.name, "a");
	assert_int_equal(t->rise, 7);
	assert_int_equal(tcp->target.port, 80);
	assert_null(tcp->send);
	conf_free(g);
}

static void
mistakes_yield_nothing(void **state)
{
	assert_refused("name: x\nrise: 0\nfreqency: 1\n",
	    "t.yaml:2:7: rise: '0' is out of range: write a number from 1 to 100\n"
	    "t.yaml:3:1: unknown option 'freqency' in configuration\n");
	assert_refused(
	    "{}", "t.yaml:1:1: 'name' is missing in configuration: write 'name: TEXT'\n");
}

/* The caller may collect over several files. */
static void
what_the_diag_held_before_does_not_count(void **state)
{
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	diag_add(&diag, "other", 1, 1, "something");
	g = conf_load(&test_schema, "t", "name: x", 7, &diag);
	assert_non_null(g);
	assert_int_equal(diag.count, 1);
	conf_free(g);
	diag_done(&diag);
}

static void
a_text_need_not_end_in_zero(void **state)
{
	static const char name_x[] = {'n', 'a', 'm', 'e', ':', ' ', 'x'};
	char *text = mem_alloc(sizeof(name_x));
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	memcpy(text, name_x, sizeof(name_x));
	g = conf_load(&test_schema, "t", text, sizeof(name_x), &diag);
	free(text);
	assert_non_null(g);
	assert_string_equal(((const struct test_conf *)g->root)->name, "x");
	conf_free(g);
	diag_done(&diag);
}

static void
freeing_nothing_is_fine(void **state)
{
	conf_free(NULL);
}

static void
files_are_read_whole(void **state)
{
	char path[] = "/tmp/test_conf_load.XXXXXX";
	int fd = mkstemp(path);
	struct str text = {0};
	struct diag diag;

	diag_init(&diag);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "a\0b", 3), 3);
	assert_int_equal(conf_read_file(path, &text, &diag), 0);
	assert_int_equal(text.len, 3);
	assert_memory_equal(text.text, "a\0b", 3);
	assert_true(diag_empty(&diag));

	/* one byte too many; the file is sparse */
	assert_int_equal(ftruncate(fd, CONF_FILE_MAX), 0);
	str_clear(&text);
	assert_int_equal(conf_read_file(path, &text, &diag), 0);
	assert_int_equal(ftruncate(fd, CONF_FILE_MAX + 1), 0);
	str_clear(&text);
	assert_int_equal(conf_read_file(path, &text, &diag), -1);
	assert_int_equal(diag.count, 1);
	assert_non_null(strstr(diag.entries[0].message, "16 MiB"));
	close(fd);
	unlink(path);
	str_done(&text);
	diag_done(&diag);
}

static void
files_that_cannot_be_read(void **state)
{
	struct str text = {0};
	struct diag diag;

	diag_init(&diag);
	assert_int_equal(conf_read_file("/nonexistent/nigh.yaml", &text, &diag), -1);
	assert_int_equal(conf_read_file("/", &text, &diag), -1);
	assert_int_equal(diag.count, 2);
	assert_string_equal(diag.entries[0].file, "/nonexistent/nigh.yaml");
	assert_string_equal(diag.entries[0].message, "cannot be read: No such file or directory");
	str_done(&text);
	diag_done(&diag);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(defaults_fill_what_is_absent),
	    cmocka_unit_test(members_get_what_is_written),
	    cmocka_unit_test(maps_keep_the_order_of_the_file),
	    cmocka_unit_test(variants_are_picked_by_type),
	    cmocka_unit_test(mistakes_yield_nothing),
	    cmocka_unit_test(what_the_diag_held_before_does_not_count),
	    cmocka_unit_test(a_text_need_not_end_in_zero),
	    cmocka_unit_test(freeing_nothing_is_fine),
	    cmocka_unit_test(files_are_read_whole),
	    cmocka_unit_test(files_that_cannot_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
