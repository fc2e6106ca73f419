/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples in Prometheus' text format: what is found in a text, however it is cut into pieces.
 */
#include "probe/metric_msg.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A selector as the configuration would give it: through its own reader. */
struct root {
	struct metric_selector metric;
	struct metric_bound above, below, equal;
};

#define CUSTOM_ROW(name, reader)                                                                   \
	{                                                                                          \
		.key = #name, .type = CONF_CUSTOM, .custom = &(reader),                            \
		.offset = offsetof(struct root, name)                                              \
	}

static const struct conf_row rows[] = {
    CUSTOM_ROW(metric, metric_selector_custom),
    CUSTOM_ROW(above, metric_bound_custom),
    CUSTOM_ROW(below, metric_bound_custom),
    CUSTOM_ROW(equal, metric_bound_custom),
    {.type = CONF_END},
};

static const struct conf_schema schema = {
    .name = "root", .size = sizeof(struct root), .rows = rows};

/* NULL when it is refused. */
static struct conf_generation *
load(const char *text)
{
	struct conf_generation *conf;
	struct diag diag;

	diag_init(&diag);
	conf = conf_load(&schema, "test", text, strlen(text), &diag);
	diag_done(&diag);
	return conf;
}

/* What the text means, fed in pieces of that many bytes. */
static struct probe_sample
scan(const char *options, const char *text, size_t piece)
{
	struct conf_generation *conf = load(options);
	const struct root *root;
	struct metric_expect expect;
	struct probe_sample sample = {0};
	struct metric_scan s;
	struct str line = {0};
	size_t len = strlen(text);

	assert_non_null(conf);
	root = conf->root;
	expect = (struct metric_expect){root->above, root->below, root->equal};
	metric_scan_init(&s, &root->metric, &expect, &line);
	for (size_t at = 0; at < len; at += piece)
		metric_scan_feed(
		    &s, (const uint8_t *)text + at, len - at < piece ? len - at : piece);
	metric_scan_end(&s, &sample);
	str_done(&line);
	conf_free(conf);
	return sample;
}

static void
check(const char *options, const char *text, enum why why, const char *detail)
{
	static const size_t pieces[] = {1, 2, 3, 7, 100000};

	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct probe_sample sample = scan(options, text, pieces[i]);
		assert_string_equal(sample.detail, detail);
		assert_string_equal(why_str(sample.why), why_str(why));
		assert_int_equal(sample.ok, why == WHY_OK);
	}
}

#define PAGE                                                                                       \
	"# HELP up Whether it is.\n"                                                               \
	"# TYPE up gauge\n"                                                                        \
	"\n"                                                                                       \
	"upper 7\n"                                                                                \
	"up{job=\"a\",zone=\"x\"} 1\n"                                                             \
	"up{ job = \"b\" , zone=\"x\", } 0 1700000000000\n"                                        \
	"up{job=\"q\\\"u\\\\o\\nte\"} 3\r\n"                                                       \
	"  load \t 0.25 # {trace=\"1\"} 1\n"                                                       \
	"small 1e-9\n"                                                                             \
	"big +Inf\n"                                                                               \
	"none NaN\n"                                                                               \
	"plain{} -2"

static void
samples_are_found(void **state)
{
	check("metric: load", PAGE, WHY_OK, "load 0.25");
	check("metric: small", PAGE, WHY_OK, "small 1e-09");
	check("metric: plain", PAGE, WHY_OK, "plain -2"); /* no line's end behind it */
	check("metric: plain{}", PAGE, WHY_OK, "plain -2");
	check("metric: up", PAGE, WHY_OK, "up: 3 samples, the first 1");
	check("metric: 'up{zone=\"x\"}'", PAGE, WHY_OK, "up: 2 samples, the first 1");
	check("metric: 'up{zone=\"x\",job=\"b\"}'", PAGE, WHY_OK, "up 0");
	check("metric: 'up{job=\"q\\\"u\\\\o\\nte\"}'", PAGE, WHY_OK, "up 3");
	check("metric: 'up{job=\"c\"}'", PAGE, WHY_CONTENT, "there is no up{job=\"c\"}");
	check("metric: 'load{job=\"a\"}'", PAGE, WHY_CONTENT, "there is no load{job=\"a\"}");
	check("metric: uppe", PAGE, WHY_CONTENT, "there is no uppe");
	check("metric: HELP", PAGE, WHY_CONTENT, "there is no HELP");
	check("metric: up", "", WHY_CONTENT, "there is no up");
	check("metric: up", "<html>up</html>\n", WHY_CONTENT, "there is no up");
}

static void
bounds(void **state)
{
	check("{metric: load, above: 0.2, below: 0.3}", PAGE, WHY_OK, "load 0.25");
	check("{metric: load, above: 0.25}", PAGE, WHY_CONTENT, "load 0.25, expected above 0.25");
	check("{metric: load, below: 0.25}", PAGE, WHY_CONTENT, "load 0.25, expected below 0.25");
	check("{metric: load, above: 1, below: 9}", PAGE, WHY_CONTENT,
	    "load 0.25, expected above 1 and below 9");
	check("{metric: load, equal: 0.25}", PAGE, WHY_OK, "load 0.25");
	check("{metric: plain, equal: 2}", PAGE, WHY_CONTENT, "plain -2, expected equal to 2");
	check("{metric: up, above: 0}", PAGE, WHY_CONTENT, "up 0, expected above 0");
	check("{metric: up, above: -1}", PAGE, WHY_OK, "up: 3 samples, the first 1");
	check("{metric: big, above: 100000000000000000000000000000}", PAGE, WHY_OK, "big inf");
	check("{metric: none, above: 0}", PAGE, WHY_CONTENT, "none nan, expected above 0");
	check("{metric: none, below: 0}", PAGE, WHY_CONTENT, "none nan, expected below 0");
}

static void
malformed(void **state)
{
	static const char *const lines[] = {
	    "up\n",
	    "up{\n",
	    "up{job} 1\n",
	    "up{job=a} 1\n",
	    "up{job=\"a} 1\n",
	    "up{job=\"a\" 1\n",
	    "up{job=\"a\"zone=\"b\"} 1\n",
	    "up{job=\"a\\",
	    "up one\n",
	    "up 1x\n",
	    "up 0000000000000000000000000000000000000000000000000000000000000000001\n",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		check("metric: up", lines[i], WHY_MALFORMED, "a sample of up could not be read");
	/* What is not looked at may be anything; what is out of bounds counts all the same. */
	check("metric: up", "down{\nup 1\n", WHY_OK, "up 1");
	check("{metric: up, above: 1}", "up x\nup 1\n", WHY_CONTENT, "up 1, expected above 1");
}

/* A line without an end is left out, and the one behind it read. */
static void
long_lines(void **state)
{
	static const char head[] = "up{job=\"", tail[] = "\"} 0\nup 1\n";
	const size_t long_len = METRIC_LINE_MAX;
	char *text = mem_alloc(sizeof(head) + long_len + sizeof(tail));

	memcpy(text, head, sizeof(head));
	memset(text + strlen(head), 'x', long_len);
	memcpy(text + strlen(head) + long_len, tail, sizeof(tail));
	check("metric: up", text, WHY_OK, "up 1");
	/* One that just fits is read. */
	memset(text + strlen(head), 'x', long_len);
	memcpy(text + METRIC_LINE_MAX - 4, tail, sizeof(tail));
	check("metric: up", text, WHY_OK, "up: 2 samples, the first 0");
	free(text);
}

static void
selectors_are_checked(void **state)
{
	static const char *const wrong[] = {"1up", "up{", "up{}x", "up{job}", "up{job=a}",
	    "up{job=\"a}", "up{job=\"a\"", "up x", "up{job=\"a\" zone=\"b\"}"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct str text = {0};
		str_printf(&text, "metric: '%s'", wrong[i]);
		assert_null(load(text.text));
		str_done(&text);
	}
	assert_null(load("metric: [up]"));
	assert_null(load("above: x"));
}

/* The normal form is read back as the same. */
static void
selectors_are_printed(void **state)
{
	struct conf_generation *conf = load("{metric: 'up{job=\"a b\"}', above: 0.1}"), *again;
	struct str text = {0};

	assert_non_null(conf);
	conf_print(&schema, conf->root, CONF_SHOW_SET, &text);
	again = load(text.text);
	assert_non_null(again);
	assert_true(conf_equal(&schema, conf->root, again->root));
	conf_free(conf);
	conf_free(again);
	str_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples_are_found),
	    cmocka_unit_test(bounds),
	    cmocka_unit_test(malformed),
	    cmocka_unit_test(long_lines),
	    cmocka_unit_test(selectors_are_checked),
	    cmocka_unit_test(selectors_are_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
