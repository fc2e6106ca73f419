/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers as JSON, the choice of a command by its words, and the words of enum why.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "core/command.h"
#include "core/why.h"

static void
expect_json(const struct answer *a, const char *expected)
{
	char *text = json_dumps(a->root, JSON_COMPACT);

	assert_string_equal(text, expected);
	free(text);
}

static void
test_table_and_lines(void **state)
{
	static const struct answer_column columns[] = {
	    {"name", "Name", ANSWER_TEXT},
	    {"since", "Since", ANSWER_AGO},
	    {NULL, NULL, ANSWER_TEXT},
	};
	struct answer a;
	struct prefix p;

	prefix_parse("192.0.2.0/24", &p);
	answer_init(&a);
	answer_table(&a, NULL, columns);
	answer_row(&a);
	answer_str(&a, "name", "dns");
	answer_int(&a, "since", 5);
	answer_row(&a);
	answer_str(&a, "name", NULL);
	answer_prefix(&a, "since", &p);
	answer_row(&a);
	answer_bool(&a, "name", true);
	answer_fmt(&a, "since", "%s", "x");
	answer_line(&a, 1, "%d\xff", 7);
	answer_again(&a, 500, "history --after %d", 3);
	expect_json(&a, "{\"ok\":true,\"tables\":[{\"title\":null,\"columns\":["
			"{\"key\":\"name\",\"head\":\"Name\",\"unit\":\"text\"},"
			"{\"key\":\"since\",\"head\":\"Since\",\"unit\":\"ago\"}],"
			"\"rows\":[{\"name\":\"dns\",\"since\":5},"
			"{\"name\":null,\"since\":\"192.0.2.0/24\"},"
			"{\"name\":true,\"since\":\"x\"}]}],"
			"\"lines\":[{\"level\":1,\"text\":\"7?\"}],"
			"\"again\":{\"after_ms\":500,\"words\":\"history --after 3\"}}");
	answer_done(&a);
}

/* After a failure nothing else counts. */
static void
test_failure(void **state)
{
	static const struct answer_column none[] = {{NULL, NULL, ANSWER_TEXT}};
	struct answer a;

	answer_init(&a);
	answer_table(&a, "t", none);
	answer_row(&a);
	answer_bool(&a, "x", true);
	answer_fail(&a, "no service \"%s\"", "dns");
	answer_fail(&a, "a second failure");
	answer_str(&a, "x", "y");
	answer_table(&a, "t", none);
	answer_row(&a);
	answer_line(&a, 0, "text");
	assert_true(a.failed);
	expect_json(&a, "{\"ok\":false,\"error\":\"no service \\\"dns\\\"\"}");
	answer_usage(&a);
	expect_json(&a, "{\"ok\":false,\"error\":\"no service \\\"dns\\\"\",\"usage\":true}");
	answer_done(&a);
}

static void
run_nothing(struct command_host *host, const struct command_call *call, struct answer *a)
{
}

static void
test_longest_match(void **state)
{
	static const struct command engine[] = {
	    {"show", NULL, "", run_nothing},
	    {"show bgp", NULL, "", run_nothing},
	    {NULL, NULL, NULL, NULL},
	};
	static const struct command bgp[] = {
	    {"show bgp routes", "[NAME]", "", run_nothing},
	    {NULL, NULL, NULL, NULL},
	};
	static const struct {
		const char *words[4];
		size_t count;
		const struct command *found;
		size_t used;
	} cases[] = {
	    {{"show", "bgp", "routes", "x"}, 4, &bgp[0], 3},
	    {{"show", "bgp", "10.0.0.1"}, 3, &engine[1], 2},
	    {{"show", "bg"}, 2, &engine[0], 1},
	    {{"shows"}, 1, NULL, 0},
	    {{"sho"}, 1, NULL, 0},
	    {{NULL}, 0, NULL, 0},
	};
	struct command_list list = TAILQ_HEAD_INITIALIZER(list);
	struct command_host a = {.commands = engine}, b = {.commands = bgp}, *host;
	size_t used;

	TAILQ_INSERT_TAIL(&list, &a, link);
	TAILQ_INSERT_TAIL(&list, &b, link);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_ptr_equal(command_find(&list, cases[i].words, cases[i].count, &host, &used),
		    cases[i].found);
		assert_int_equal(used, cases[i].used);
		if (cases[i].found != NULL)
			assert_ptr_equal(host, cases[i].found == &bgp[0] ? &b : &a);
	}
}

/* Metric labels: lower case, no blanks, all different. */
static void
test_why_words(void **state)
{
	for (int i = 0; i < WHY_COUNT; i++) {
		const char *word = why_str((enum why)i);

		assert_true(
		    word[0] != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyz-") == strlen(word));
		assert_true(why_text((enum why)i)[0] != '\0');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(word, why_str((enum why)k));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_table_and_lines),
	    cmocka_unit_test(test_failure),
	    cmocka_unit_test(test_longest_match),
	    cmocka_unit_test(test_why_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
