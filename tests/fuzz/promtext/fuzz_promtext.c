/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a page of metrics. The first byte says into how large pieces it is cut: the verdict
 * must be the same as for the whole.
 */
#include "probe/metric_msg.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
scan(const uint8_t *data, size_t size, size_t piece, struct probe_sample *sample)
{
	static const struct metric_label labels[] = {{"a", "b"}, {"c", "d\n\"\\"}};
	static const struct metric_selector selector = {
	    .text = "up{a,c}", .name = "up", .labels = labels, .label_count = 2};
	static const struct metric_expect expect = {
	    .above = {"-1", -1}, .below = {"1000000000", 1e9}};
	struct metric_scan s;
	struct str line = {0};

	metric_scan_init(&s, &selector, &expect, &line);
	for (size_t at = 0; at < size; at += piece)
		metric_scan_feed(&s, data + at, size - at < piece ? size - at : piece);
	assert(line.len <= METRIC_LINE_MAX);
	metric_scan_end(&s, sample);
	str_done(&line);
	assert(memchr(sample->detail, '\0', sizeof(sample->detail)) != NULL);
	assert(sample->ok == (sample->why == WHY_OK));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct probe_sample whole = {0}, pieces = {0};

	if (size < 2)
		return 0;
	scan(data + 1, size - 1, size, &whole);
	scan(data + 1, size - 1, (size_t)data[0] + 1, &pieces);
	assert(memcmp(&whole, &pieces, sizeof(whole)) == 0);
	return 0;
}
