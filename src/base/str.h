/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: a growing buffer, and the few text helpers that everybody needs.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing text buffer. `text` is NULL while empty and zero-terminated otherwise; the owner of the
 * struct releases it with str_done(). Zero-initialisation is a valid start. */
struct str {
	char *text;
	size_t len;
	size_t cap;
};

void str_init(struct str *s);
void str_done(struct str *s);
/* Empties without releasing. */
void str_clear(struct str *s);
void str_add(struct str *s, const char *text);
void str_addn(struct str *s, const char *text, size_t len);
void str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* The text, "" when empty; valid until the next change. */
const char *str_text(const struct str *s);
/* Hands the text to the caller (free()), and empties the buffer. */
char *str_take(struct str *s);

/* Copies with truncation; always terminated when size > 0. Returns true when all of it fitted. */
bool str_copy(char *dst, size_t size, const char *src);
/* NULL equals NULL and nothing else. */
bool str_equal(const char *a, const char *b);
/* Reads a whole unsigned or signed decimal number within [min, max]. Returns 0 or -1. */
int str_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);
int str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out);
/* The entry of `words` (NULL-terminated) nearest to `word`, for "did you mean"; NULL when none is
 * near enough to be worth suggesting. */
const char *str_nearest(const char *word, const char *const *words);
/* Replaces control bytes and invalid UTF-8 by '?', in place, for text that came from outside. */
void str_sanitise(char *text);

#endif
