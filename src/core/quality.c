/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tracks over the quality of a probe's last samples: loss, average and percentile of the answers'
 * times.
 *
 * A ring keeps the last `samples` verdicts. Until it is full the track is unknown; then it is up
 * while every bound that is written holds. Meant for `prefer`: a service with poor quality is
 * degraded.
 *
 * Pure.
 */
#include "base/mem.h"
#include "core/core_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf_row quality_rows[] = {
    {
	.key = "probe",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct quality_conf, probe),
	.doc = "The probe whose samples are looked at.",
    },
    {
	.key = "samples",
	.type = CONF_U32,
	.offset = offsetof(struct quality_conf, samples),
	.dflt = "20",
	.min = 2,
	.max = QUALITY_SAMPLES_MAX,
	.doc = "How many of the last samples.",
    },
    {
	.key = "max-loss",
	.type = CONF_U32,
	.offset = offsetof(struct quality_conf, max_loss),
	.dflt = "100",
	.max = 100,
	.doc = "The failures may be this many percent.",
    },
    {
	.key = "max-average",
	.type = CONF_DUR,
	.offset = offsetof(struct quality_conf, max_average),
	.max = DUR_HOUR,
	.doc = "The answers may take so long on average. 0: any.",
    },
    {
	.key = "percentile",
	.type = CONF_U32,
	.offset = offsetof(struct quality_conf, percentile),
	.dflt = "95",
	.min = 1,
	.max = 100,
	.doc = "Which percentile `max-percentile` is about.",
    },
    {
	.key = "max-percentile",
	.type = CONF_DUR,
	.offset = offsetof(struct quality_conf, max_percentile),
	.max = DUR_HOUR,
	.doc = "That many percent of the answers may take so long at the most. 0: any.",
    },
    {.type = CONF_END},
};

static void
quality_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct quality_conf *q = obj;

	if (q->max_loss == 100 && q->max_average == 0 && q->max_percentile == 0)
		conf_error(ctx, node,
		    "quality: nothing is bounded; write max-loss, max-average or max-percentile");
}

const struct conf_schema quality_schema = {
    .name = "quality",
    .size = sizeof(struct quality_conf),
    .rows = quality_rows,
    .check = quality_check,
    .doc = "Up while the last samples of a probe stay within bounds.",
};

#define QUALITY_LOST (-1)

void
track_configure_quality(struct track *t, const struct quality_conf *q)
{
	if (t->ring_size != q->samples) {
		free(t->ring);
		t->ring = mem_array(q->samples, sizeof(*t->ring));
		t->ring_size = q->samples;
		t->ring_count = 0;
	}
	t->quality = *q;
	t->quality.probe = NULL; /* the members know */
}

static int
dur_order(const void *a, const void *b)
{
	const dur_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* What the full ring says. */
struct quality {
	uint32_t lost; /* percent, rounded up: one loss is never 0 % */
	dur_t average;
	dur_t percentile;
};

static struct quality
quality_of(const struct track *t)
{
	dur_t times[QUALITY_SAMPLES_MAX];
	struct quality q = {0};
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->ring_size; i++) {
		if (t->ring[i] == QUALITY_LOST)
			continue;
		times[n++] = t->ring[i];
		q.average += t->ring[i];
	}
	q.lost = (100 * (t->ring_size - n) + t->ring_size - 1) / t->ring_size;
	if (n == 0)
		return q;
	q.average /= n;
	qsort(times, n, sizeof(*times), dur_order);
	/* the nearest rank */
	q.percentile = times[(n * t->quality.percentile + 99) / 100 - 1];
	return q;
}

bool
track_quality(struct track *t, const struct probe_sample *s)
{
	const struct quality_conf *max = &t->quality;
	struct quality q;
	char average[24], percentile[24];
	bool good;

	t->ring[t->ring_count++ % t->ring_size] = s->ok ? s->rtt : QUALITY_LOST;
	if (t->ring_count < t->ring_size)
		return false;
	if (t->ring_count == 2 * t->ring_size)
		t->ring_count = t->ring_size;
	q = quality_of(t);
	good = q.lost <= max->max_loss &&
	       (max->max_average == 0 || q.average <= max->max_average) &&
	       (max->max_percentile == 0 || q.percentile <= max->max_percentile);
	snprintf(t->detail, sizeof(t->detail),
	    "%" PRIu32 " %% lost, %s on average, %" PRIu32 " %% within %s", q.lost,
	    dur_format(q.average / DUR_US * DUR_US, average, sizeof(average)), max->percentile,
	    dur_format(q.percentile / DUR_US * DUR_US, percentile, sizeof(percentile)));
	return track_set_raw(t, good ? TRACK_UP : TRACK_DOWN, WHY_QUALITY);
}
