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
	struct conf_generation *g = NULL;
	struct str text = {0}, message = {0};
	struct diag diag;

	diag_init(&diag);
	if (conf_read_file(file, &text, &diag) == 0)
		g = conf_load(&config_schema, file, str_text(&text), text.len, &diag);
	if (g == NULL) {
		diag_print(&diag, &message);
		fputs(str_text(&message), stderr);
	} else {
		printf("%s: good\n", file);
		conf_free(g);
	}
	diag_done(&diag);
	str_done(&text);
	str_done(&message);
	return g != NULL ? CLI_OK : CLI_FAILED;
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
	if (count < 2 || !str_equal(words[0], "config"))
		return -1;
	if (str_equal(words[1], "check") && count <= 3)
		return config_check(count == 3 ? words[2] : CONFIG_FILE);
	if (str_equal(words[1], "schema") && count == 2)
		return print_rows(conf_print_json_schema);
	if (str_equal(words[1], "reference") && count == 2)
		return print_rows(conf_print_reference);
	fprintf(stderr,
	    "nigh: usage: nigh config check [FILE] | schema | reference; a running nighd reads its "
	    "file again with 'nigh reload'\n");
	return CLI_USAGE;
}
