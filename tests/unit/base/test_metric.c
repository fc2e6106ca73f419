/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text: layout, escaping, numbers.
 */
#include "base/mem.h"
#include "base/metric.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
writes_families_and_samples(void **state)
{
	const struct metric_label two[] = {{"probe", "resolver"}, {"result", "ok"}, {0}};
	const struct metric_label none[] = {{0}};
	struct metric_writer m;
	struct str out = {0};

	metric_init(&m, &out);
	metric_family(&m, "nigh_probe_runs_total", METRIC_COUNTER, "Runs by result.");
	metric_sample(&m, two, 42);
	metric_family(&m, "nigh_up", METRIC_GAUGE, "Always 1.");
	metric_sample(&m, NULL, 1);
	metric_sample(&m, none, 0);
	assert_string_equal(out.text, "# HELP nigh_probe_runs_total Runs by result.\n"
				      "# TYPE nigh_probe_runs_total counter\n"
				      "nigh_probe_runs_total{probe=\"resolver\",result=\"ok\"} 42\n"
				      "# HELP nigh_up Always 1.\n"
				      "# TYPE nigh_up gauge\n"
				      "nigh_up 1\n"
				      "nigh_up 0\n");
	str_done(&out);
}

static void
writes_histograms(void **state)
{
	const struct metric_label le[] = {{"le", "+Inf"}, {0}};
	struct metric_writer m;
	struct str out = {0};

	metric_init(&m, &out);
	metric_family(&m, "rtt_seconds", METRIC_HISTOGRAM, "Round trips.");
	metric_sample_suffix(&m, "_bucket", le, 3);
	metric_sample_suffix(&m, "_sum", NULL, 0.25);
	metric_sample_suffix(&m, "_count", NULL, 3);
	assert_string_equal(out.text, "# HELP rtt_seconds Round trips.\n"
				      "# TYPE rtt_seconds histogram\n"
				      "rtt_seconds_bucket{le=\"+Inf\"} 3\n"
				      "rtt_seconds_sum 0.25\n"
				      "rtt_seconds_count 3\n");
	str_done(&out);
}

static void
escapes_text_and_mends_names(void **state)
{
	const struct metric_label labels[] = {
	    {"na-me", "a\"b\\c\nd"}, {"0x", ""}, {"a1", "\n"}, {0}};
	struct metric_writer m;
	struct str out = {0};

	metric_init(&m, &out);
	metric_family(&m, "azAZ_09.b", METRIC_GAUGE, "say \"a\\b\"\nhere");
	metric_sample(&m, labels, 1);
	assert_string_equal(out.text,
	    "# HELP azAZ_09_b say \"a\\\\b\"\\nhere\n"
	    "# TYPE azAZ_09_b gauge\n"
	    "azAZ_09_b{na_me=\"a\\\"b\\\\c\\nd\",_x=\"\",a1=\"\\n\"} 1\n");
	str_done(&out);
}

static void
numbers_are_short_and_exact(void **state)
{
	static const struct {
		double value;
		const char *text;
	} rows[] = {
	    {0, "x 0\n"},
	    {-3, "x -3\n"},
	    {1e15, "x 1000000000000000\n"},
	    {0.1, "x 0.1\n"},
	    {0.000125, "x 0.000125\n"},
	    {1e-9, "x 1e-09\n"},
	    {1e300, "x 1e+300\n"},
	    {DBL_MAX, "x 1.7976931348623157e+308\n"},
	    {NAN, "x NaN\n"},
	    {INFINITY, "x +Inf\n"},
	    {-INFINITY, "x -Inf\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct metric_writer m;
		struct str out = {0};

		metric_init(&m, &out);
		m.family = "x";
		metric_sample(&m, NULL, rows[i].value);
		assert_string_equal(out.text, rows[i].text);
		str_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(writes_families_and_samples),
	    cmocka_unit_test(writes_histograms),
	    cmocka_unit_test(escapes_text_and_mends_names),
	    cmocka_unit_test(numbers_are_short_and_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
