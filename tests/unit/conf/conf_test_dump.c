/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what conf makes of the test schema, for checks in another language: the JSON Schema or
 * the reference.
 */
#include "conf_test_schema.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	struct str out = {0};

	if (argc != 2) {
		fprintf(stderr, "usage: %s json|reference\n", argv[0]);
		return 2;
	}
	if (strcmp(argv[1], "json") == 0)
		conf_print_json_schema(&test_schema, &out);
	else
		conf_print_reference(&test_schema, &out);
	fputs(str_text(&out), stdout);
	str_done(&out);
	return 0;
}
