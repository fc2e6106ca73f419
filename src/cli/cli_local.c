/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands that need no daemon: the configuration's check, schema and reference.
 */
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "daemon/config.h"

#include <stdio.h>

static int
config_check(const char *file)
{
	struct str problems = {0};
	struct conf_generation *g = config_load(file, &problems);

	if (g == NULL) {
		fputs(str_text(&problems), stderr);
		str_done(&problems);
		return CLI_FAILED;
	}
	printf("%s: good\n", file);
	conf_free(g);
	return CLI_OK;
}

static int
print_rows(void (*print)(const struct conf_schema *root, struct str *out))
{
	struct str text = {0};

	print(&config_schema, &text);
	fputs(str_text(&text), stdout);
	str_done(&text);
	return CLI_OK;
}

int
cli_local(const char *const *words, size_t count)
{
	const char *what = count >= 2 ? words[1] : "";

	if (str_equal(words[0], "probe"))
		return cli_probe(words + 1, count - 1);
	if (!str_equal(words[0], "config"))
		return -1;
	if (str_equal(what, "check") && count <= 3)
		return config_check(count == 3 ? words[2] : CONFIG_FILE);
	if (str_equal(what, "schema") && count == 2)
		return print_rows(conf_print_json_schema);
	if (str_equal(what, "reference") && count == 2)
		return print_rows(conf_print_reference);
	fprintf(stderr,
	    "nigh: usage: nigh config check [FILE] | schema | reference; a running nighd reads its "
	    "file again with 'nigh reload'\n");
	return CLI_USAGE;
}
