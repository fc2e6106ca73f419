/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root schema over the golden files: NAME.yaml goes in; out comes its normal form (NAME.ok) or
 * the exact text of its mistakes (NAME.err). What loads must also survive being printed, in both
 * forms: it loads again to an equal configuration and prints the same again.
 *
 *   test_config_golden DIR            compares
 *   test_config_golden --update DIR   writes what comes out, to be read before it is committed
 */
#include "daemon/config.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode { COMPARE, UPDATE };

/* A file's text into `out`; nothing when there is no such file. */
static void
slurp(const char *path, struct str *out)
{
	struct diag diag;

	diag_init(&diag);
	(void)conf_read_file(path, out, &diag);
	diag_done(&diag);
}

/* The configuration, or NULL with its mistakes in `errors`. */
static struct conf_generation *
load(const char *name, const struct str *text, struct str *errors)
{
	struct conf_generation *g;
	struct diag diag;

	diag_init(&diag);
	g = conf_load(&config_schema, name, str_text(text), text->len, &diag);
	diag_print(&diag, errors);
	diag_done(&diag);
	return g;
}

static bool
survives(const char *name, const struct conf_generation *g, enum conf_show what)
{
	struct str first = {0}, second = {0}, errors = {0};
	struct conf_generation *again;
	bool fine;

	conf_print(&config_schema, g->root, what, &first);
	again = load("printed", &first, &errors);
	if (again != NULL)
		conf_print(&config_schema, again->root, what, &second);
	fine = again != NULL && conf_equal(&config_schema, g->root, again->root) &&
	       str_equal(str_text(&first), str_text(&second));
	if (!fine)
		printf("%s: its normal form:\n%s--- loads to:\n%s%s", name, str_text(&first),
		    str_text(&second), str_text(&errors));
	conf_free(again);
	str_done(&first);
	str_done(&second);
	str_done(&errors);
	return fine;
}

/* What the file gives, and the ending of the file in which that is expected. */
static const char *
outcome(const char *path, const char *base, struct str *out, bool *fine)
{
	struct str input = {0};
	struct conf_generation *g;

	slurp(path, &input);
	g = load(base, &input, out);
	*fine = true;
	if (g != NULL) {
		conf_print(&config_schema, g->root, CONF_SHOW_SET, out);
		*fine = survives(base, g, CONF_SHOW_SET) && survives(base, g, CONF_SHOW_ALL);
	}
	conf_free(g);
	str_done(&input);
	return g != NULL ? "ok" : "err";
}

static bool
compare(const char *path, const struct str *text)
{
	struct str expected = {0};
	bool same;

	slurp(path, &expected);
	same = str_equal(str_text(&expected), str_text(text));
	if (!same)
		printf("%s: expected:\n%s--- got:\n%s", path, str_text(&expected), str_text(text));
	str_done(&expected);
	return same;
}

static bool
update(const char *path, const struct str *text)
{
	FILE *f = fopen(path, "w");

	if (f != NULL && fputs(str_text(text), f) >= 0 && fclose(f) == 0)
		return true;
	printf("%s: cannot be written\n", path);
	return false;
}

/* NAME.yaml with another ending; to be freed. */
static char *
sibling(const char *path, const char *ending)
{
	struct str s = {0};

	str_addn(&s, path, strlen(path) - strlen("yaml"));
	str_add(&s, ending);
	return str_take(&s);
}

static bool
run_file(const char *path, enum mode mode)
{
	struct str text = {0};
	bool fine;
	const char *ending = outcome(path, strrchr(path, '/') + 1, &text, &fine);
	char *expected = sibling(path, ending);
	char *other = sibling(path, str_equal(ending, "ok") ? "err" : "ok");

	if (mode == UPDATE) {
		unlink(other);
		fine = update(expected, &text) && fine;
	} else {
		fine = compare(expected, &text) && fine;
		if (access(other, F_OK) == 0) {
			printf("%s: this one is not expected\n", other);
			fine = false;
		}
	}
	free(expected);
	free(other);
	str_done(&text);
	return fine;
}

int
main(int argc, char **argv)
{
	enum mode mode = argc == 3 && str_equal(argv[1], "--update") ? UPDATE : COMPARE;
	struct str pattern = {0};
	glob_t found = {0};
	size_t failed = 0;

	if (argc != (mode == UPDATE ? 3 : 2)) {
		fprintf(stderr, "usage: %s [--update] DIR\n", argv[0]);
		return 2;
	}
	str_printf(&pattern, "%s/*.yaml", argv[argc - 1]);
	if (glob(str_text(&pattern), 0, NULL, &found) != 0) {
		printf("%s: no such files\n", str_text(&pattern));
		failed = 1;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		failed += !run_file(found.gl_pathv[i], mode);
	printf("%zu files, %zu failed\n", found.gl_pathc, failed);
	globfree(&found);
	str_done(&pattern);
	return failed > 0 ? 1 : 0;
}
