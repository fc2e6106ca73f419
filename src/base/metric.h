/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus text exposition format (version 0.0.4), written straight into a str.
 *
 * A family is announced once (metric_family) and followed by its samples. Names, help and labels
 * are escaped here. Each module has one metrics function that is handed the writer.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/str.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric_label {
	const char *name;
	const char *value;
};

struct metric_writer {
	struct str *out;
	const char *family;
};

void metric_init(struct metric_writer *m, struct str *out);
/* Starts a family; `name` must outlive its samples. */
void metric_family(
    struct metric_writer *m, const char *name, enum metric_type type, const char *help);
/* A sample of the current family. `labels` ends with a NULL name; may be NULL. */
void metric_sample(struct metric_writer *m, const struct metric_label *labels, double value);
/* The same with a suffix on the family's name ("_sum", "_count", "_bucket"). */
void metric_sample_suffix(
    struct metric_writer *m, const char *suffix, const struct metric_label *labels, double value);

#endif
