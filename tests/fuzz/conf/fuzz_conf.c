/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds bytes to the configuration reader. What loads is printed in both forms, and each must load
 * again and print the same; without secrets, which are not printed, it must also be equal. What
 * does not load must leave a message, and nothing behind (leaks are the sanitizer's to find).
 */
#include "conf_test_schema.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_secret(const struct test_conf *c)
{
	const struct test_route *const *routes = c->routes.items;
	bool found = c->password != NULL;

	for (size_t i = 0; i < c->routes.count; i++)
		found = found || routes[i]->key != NULL;
	for (size_t i = 0; i < c->neighbors.count; i++) {
		const struct test_neighbor *n = c->neighbors.entries[i].value;

		found = found || n->password != NULL;
	}
	return found;
}

static void
check_form(const struct conf_generation *g, enum conf_show what)
{
	struct conf_generation *again;
	struct str first = {0};
	struct str second = {0};
	struct diag diag;

	diag_init(&diag);
	conf_print(&test_schema, g->root, what, &first);
	again = conf_load(&test_schema, "printed", str_text(&first), first.len, &diag);
	if (again == NULL) {
		diag_print(&diag, &second);
		fprintf(stderr, "%s\n%s", str_text(&first), str_text(&second));
	}
	assert(again != NULL);
	if (!has_secret(g->root)) {
		conf_print(&test_schema, again->root, what, &second);
		assert(str_equal(str_text(&first), str_text(&second)));
		assert(conf_equal(&test_schema, g->root, again->root));
	}
	conf_free(again);
	diag_done(&diag);
	str_done(&first);
	str_done(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct conf_generation *g;
	struct str text = {0};
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&test_schema, "fuzz", (const char *)data, size, &diag);
	if (g != NULL) {
		assert(diag_empty(&diag));
		check_form(g, CONF_SHOW_SET);
		check_form(g, CONF_SHOW_ALL);
		conf_print_flow(&test_schema, g->root, &text);
		conf_free(g);
	} else {
		assert(!diag_empty(&diag));
		diag_print(&diag, &text);
		for (size_t i = 0; i < diag.count; i++)
			assert(diag.entries[i].line > 0 && diag.entries[i].column > 0);
	}
	diag_done(&diag);
	str_done(&text);
	return 0;
}
