/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics: their order, their form, and their limit.
 */
#include "base/diag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void
prints_in_the_order_of_the_text(void **state)
{
	struct diag d;
	struct str out = {0};

	diag_init(&d);
	assert_true(diag_empty(&d));
	diag_add(&d, "b.yaml", 1, 1, "in %s", "b");
	diag_add(&d, "a.yaml", 10, 2, "first at 10:2");
	diag_add(&d, "a.yaml", 9, 30, "at 9:30");
	diag_add(&d, "a.yaml", 10, 2, "second at 10:2");
	diag_add(&d, "a.yaml", 9, 4, "at 9:4");
	diag_add(&d, "a.yaml", 9, 0, "line only");
	diag_add(&d, "a.yaml", 0, 9, "cannot be read");
	assert_false(diag_empty(&d));
	diag_print(&d, &out);
	assert_string_equal(out.text, "a.yaml: cannot be read\n"
				      "a.yaml:9: line only\n"
				      "a.yaml:9:4: at 9:4\n"
				      "a.yaml:9:30: at 9:30\n"
				      "a.yaml:10:2: first at 10:2\n"
				      "a.yaml:10:2: second at 10:2\n"
				      "b.yaml:1:1: in b\n");
	str_done(&out);
	diag_done(&d);
	assert_true(diag_empty(&d));
}

static void
keeps_a_bounded_number(void **state)
{
	struct diag d;
	struct str out = {0};
	unsigned lines = 0;

	diag_init(&d);
	for (unsigned i = 1; i <= DIAG_MAX + 7; i++)
		diag_add(&d, "f", i, 1, "wrong");
	assert_int_equal(d.count, DIAG_MAX);
	assert_int_equal(d.dropped, 7);
	diag_print(&d, &out);
	for (const char *c = out.text; (c = strchr(c, '\n')) != NULL; c++)
		lines++;
	assert_int_equal(lines, DIAG_MAX + 1);
	assert_non_null(strstr(out.text, "f:200:1: wrong\nand 7 more"));
	str_done(&out);
	diag_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(prints_in_the_order_of_the_text),
	    cmocka_unit_test(keeps_a_bounded_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
