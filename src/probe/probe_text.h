/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a probe sends, and what it expects to read: texts, bytes and regular expressions as people
 * write them in the configuration.
 */
#ifndef PROBE_TEXT_H
#define PROBE_TEXT_H

#include "conf/conf.h"

/* Bytes, written as text with the escapes \r \n \t \0 \\ \xHH, or as "hex:00ff10". */
struct probe_bytes {
	const uint8_t *data; /* NULL: not written */
	size_t len;
};
extern const struct conf_custom probe_bytes_custom;

/* A pattern: text or bytes that must occur ("contains"), or "regex:^220 " (POSIX extended). Checked
 * when the configuration is read. */
struct probe_pattern {
	struct probe_bytes bytes; /* data NULL: a regex, or nothing */
	const char *regex;        /* NULL: bytes, or nothing */
};
extern const struct conf_custom probe_pattern_custom;

/* A pattern ready for matching; owns the compiled regex. */
struct probe_matcher;
/* NULL when the pattern is empty. Copies what it needs of the pattern. */
struct probe_matcher *probe_matcher_new(const struct probe_pattern *p);
void probe_matcher_free(struct probe_matcher *m);
/* Does it occur in the bytes? A NULL matcher matches anything. */
bool probe_matcher_find(const struct probe_matcher *m, const uint8_t *data, size_t len);

/* What came instead of what was expected, for a sample's detail: the first bytes as text, a dot for
 * each that cannot be printed, "…" when there is more. Writes into buf and returns it. */
const char *probe_bytes_excerpt(const uint8_t *data, size_t len, char *buf, size_t size);
#define PROBE_EXCERPT 48

#endif
