/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples in Prometheus' text format, and which of them a metric probe looks at: pure, read piece
 * by piece as the text comes.
 */
#ifndef PROBE_METRIC_MSG_H
#define PROBE_METRIC_MSG_H

#include "core/probe.h"

#define METRIC_LINE_MAX   4096 /* bytes; a longer line is left out */
#define METRIC_LABELS_MAX 16   /* of a selector */

/* `up{job="node"}`: a name, and labels that the sample must have among others. */
struct metric_label {
	const char *name;
	const char *value;
};
struct metric_selector {
	const char *text; /* as written; NULL: not written */
	const char *name;
	const struct metric_label *labels;
	size_t label_count;
};
extern const struct conf_custom metric_selector_custom;

/* What the values must be; from `expect:`. */
struct metric_bound {
	const char *text; /* as written; NULL: none */
	double value;
};
extern const struct conf_custom metric_bound_custom;
struct metric_expect {
	struct metric_bound above;
	struct metric_bound below;
	struct metric_bound equal;
};

/* Reading one text. */
struct metric_scan {
	const struct metric_selector *selector;
	const struct metric_expect *expect; /* NULL: any value is fine */
	struct str *line;                   /* the beginning of a line whose end has not come */
	bool too_long;                      /* the line under way is left out */
	bool malformed;                     /* a sample of that name could not be read */
	bool broken;                        /* a value is out of bounds; it is in `value` */
	unsigned found;                     /* samples that were selected */
	double value;                       /* of the first, or of the first out of bounds */
};
/* `line` is empty, and the scan's until its end. */
void metric_scan_init(struct metric_scan *s, const struct metric_selector *selector,
    const struct metric_expect *expect, struct str *line);
void metric_scan_feed(struct metric_scan *s, const uint8_t *data, size_t len);
/* The text has ended: what it means. */
void metric_scan_end(struct metric_scan *s, struct probe_sample *sample);

#endif
