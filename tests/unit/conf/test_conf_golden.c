/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs over the golden files: NAME.yaml goes in; out comes its normal form (NAME.ok) or the exact
 * text of its mistakes (NAME.err). What loads must also survive being printed: both forms must load
 * again to an equal configuration, and print the same again.
 *
 *   test_conf_golden DIR            compares
 *   test_conf_golden --update DIR   writes what comes out, to be read before it is committed
 */
#include "conf_test_schema.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode { COMPARE, UPDATE };

static const char hidden[] = "# key: \"(hidden)\"";
static const char hidden_password[] = "# password: \"(hidden)\"";

/* A secret is not printed, so that a print with one cannot load to the same. */
static bool
has_secret(const struct str *text)
{
	return strstr(str_text(text), hidden) != NULL ||
	       strstr(str_text(text), hidden_password) != NULL;
}

static bool
survives(const char *name, const struct conf_generation *g, enum conf_show what)
{
	struct conf_generation *again;
	struct str first = {0};
	struct str second = {0};
	struct diag diag;
	bool fine = true;

	diag_init(&diag);
	conf_print(&test_schema, g->root, what, &first);
	again = conf_load(&test_schema, "printed", str_text(&first), first.len, &diag);
	if (again == NULL) {
		diag_print(&diag, &second);
		printf("%s: its normal form does not load:\n%s%s", name, str_text(&first),
		    str_text(&second));
		fine = false;
	} else {
		conf_print(&test_schema, again->root, what, &second);
		if (!has_secret(&first) && (!conf_equal(&test_schema, g->root, again->root) ||
					       !str_equal(str_text(&first), str_text(&second)))) {
			printf("%s: its normal form loads to something else:\n%s---\n%s", name,
			    str_text(&first), str_text(&second));
			fine = false;
		}
	}
	conf_free(again);
	diag_done(&diag);
	str_done(&first);
	str_done(&second);
	return fine;
}

/* What the file gives, and the name of the file where that is expected. */
static bool
outcome(const char *path, struct str *text, struct str *expected_path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash != NULL ? slash + 1 : path;
	struct conf_generation *g = NULL;
	struct str input = {0};
	struct diag diag;
	bool fine = true;

	diag_init(&diag);
	if (conf_read_file(path, &input, &diag) == 0)
		g = conf_load(&test_schema, base, str_text(&input), input.len, &diag);
	if (g != NULL) {
		conf_print(&test_schema, g->root, CONF_SHOW_SET, text);
		fine = survives(base, g, CONF_SHOW_SET) && survives(base, g, CONF_SHOW_ALL);
	} else {
		diag_print(&diag, text);
	}
	str_addn(expected_path, path, strlen(path) - strlen("yaml"));
	str_add(expected_path, g != NULL ? "ok" : "err");
	conf_free(g);
	diag_done(&diag);
	str_done(&input);
	return fine;
}

static bool
compare(const char *path, const struct str *text)
{
	struct str expected = {0};
	struct diag diag;
	bool same;

	diag_init(&diag);
	if (conf_read_file(path, &expected, &diag) < 0)
		str_add(&expected, "(no such file)\n");
	same = str_equal(str_text(&expected), str_text(text));
	if (!same)
		printf("%s: expected:\n%s--- got:\n%s", path, str_text(&expected), str_text(text));
	diag_done(&diag);
	str_done(&expected);
	return same;
}

static bool
update(const char *path, const struct str *text)
{
	struct str other = {0};
	size_t stem = (size_t)(strrchr(path, '.') - path) + 1;
	FILE *f;

	str_addn(&other, path, stem);
	str_add(&other, strcmp(path + stem, "ok") == 0 ? "err" : "ok");
	unlink(str_text(&other));
	str_done(&other);
	f = fopen(path, "w");
	if (f == NULL || fputs(str_text(text), f) < 0 || fclose(f) != 0) {
		printf("%s: cannot be written\n", path);
		return false;
	}
	return true;
}

static bool
run_file(const char *path, enum mode mode)
{
	struct str text = {0};
	struct str expected_path = {0};
	bool fine = outcome(path, &text, &expected_path);

	if (mode == UPDATE)
		fine = update(str_text(&expected_path), &text) && fine;
	else
		fine = compare(str_text(&expected_path), &text) && fine;
	str_done(&text);
	str_done(&expected_path);
	return fine;
}

int
main(int argc, char **argv)
{
	enum mode mode = argc == 3 && strcmp(argv[1], "--update") == 0 ? UPDATE : COMPARE;
	struct str pattern = {0};
	size_t failed = 0;
	glob_t found = {0};

	if (argc != (mode == UPDATE ? 3 : 2)) {
		fprintf(stderr, "usage: %s [--update] DIR\n", argv[0]);
		return 2;
	}
	str_printf(&pattern, "%s/*.yaml", argv[argc - 1]);
	if (glob(str_text(&pattern), 0, NULL, &found) != 0) {
		printf("%s: no such files\n", str_text(&pattern));
		str_done(&pattern);
		return 1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (!run_file(found.gl_pathv[i], mode))
			failed++;
	}
	printf("%zu files, %zu failed\n", found.gl_pathc, failed);
	globfree(&found);
	str_done(&pattern);
	return failed > 0 ? 1 : 0;
}
