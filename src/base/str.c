/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings: a growing buffer, and the few text helpers that everybody needs.
 *
 * A struct str doubles its memory when it grows and stays zero-terminated. Numbers are read whole:
 * no blanks, no base prefixes, nothing behind the digits, and a range is always named, so that a
 * caller cannot forget the check.
 *
 * str_nearest() compares by optimal string alignment: the Damerau–Levenshtein distance in which no
 * piece of text is edited twice. Letters that differ only in case count as equal.
 */
#include "base/str.h"

#include "base/mem.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STR_FIRST_CAP 64
#define NEAREST_MAX   48 /* words longer than this are not compared */

void
str_init(struct str *s)
{
	*s = (struct str){0};
}

void
str_done(struct str *s)
{
	free(s->text);
	str_init(s);
}

void
str_clear(struct str *s)
{
	s->len = 0;
	if (s->text != NULL)
		s->text[0] = '\0';
}

/* Makes room for `more` bytes and the zero behind them. */
static void
str_reserve(struct str *s, size_t more)
{
	size_t cap = s->cap > 0 ? s->cap : STR_FIRST_CAP;

	assert(more < SIZE_MAX / 4 && s->len < SIZE_MAX / 4);
	while (cap < s->len + more + 1)
		cap *= 2;
	if (cap == s->cap)
		return;
	s->text = mem_resize(s->text, cap, 1);
	s->cap = cap;
}

void
str_add(struct str *s, const char *text)
{
	str_addn(s, text, strlen(text));
}

void
str_addn(struct str *s, const char *text, size_t len)
{
	str_reserve(s, len);
	if (len > 0)
		memcpy(s->text + s->len, text, len);
	s->len += len;
	s->text[s->len] = '\0';
}

void
str_printf(struct str *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	str_vprintf(s, fmt, ap);
	va_end(ap);
}

void
str_vprintf(struct str *s, const char *fmt, va_list ap)
{
	va_list again;
	int len;

	va_copy(again, ap);
	str_reserve(s, STR_FIRST_CAP);
	len = vsnprintf(s->text + s->len, s->cap - s->len, fmt, ap);
	assert(len >= 0);
	if ((size_t)len >= s->cap - s->len) {
		str_reserve(s, (size_t)len);
		len = vsnprintf(s->text + s->len, s->cap - s->len, fmt, again);
	}
	va_end(again);
	s->len += (size_t)len;
}

const char *
str_text(const struct str *s)
{
	return s->text != NULL ? s->text : "";
}

char *
str_take(struct str *s)
{
	char *text = s->text != NULL ? s->text : mem_strdup("");

	str_init(s);
	return text;
}

bool
str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (size == 0)
		return false;
	if (len < size) {
		memcpy(dst, src, len + 1);
		return true;
	}
	memcpy(dst, src, size - 1);
	dst[size - 1] = '\0';
	return false;
}

bool
str_equal(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return strcmp(a, b) == 0;
}

/* Decimal digits and nothing else. */
static int
read_digits(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	if (*text == '\0')
		return -1;
	for (; *text != '\0'; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return -1;
	}
	*out = value;
	return 0;
}

int
str_to_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (read_digits(text, &value) < 0 || value < min || value > max)
		return -1;
	*out = value;
	return 0;
}

int
str_to_i64(const char *text, int64_t min, int64_t max, int64_t *out)
{
	bool negative = text[0] == '-';
	uint64_t magnitude;
	int64_t value;

	if (text[0] == '-' || text[0] == '+')
		text++;
	if (read_digits(text, &magnitude) < 0)
		return -1;
	if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0))
		return -1;
	value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
	if (value < min || value > max)
		return -1;
	*out = value;
	return 0;
}

static unsigned
min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;

	return least < c ? least : c;
}

static bool
same_letter(char a, char b)
{
	return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* How many letters must be put in, left out, replaced or swapped with their neighbour to make `b`
 * of `a`. Both are at most NEAREST_MAX long. cost[i][j]: from the first i of a to the first j of b.
 */
static unsigned
edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned cost[NEAREST_MAX + 1][NEAREST_MAX + 1];

	for (size_t i = 0; i <= a_len; i++)
		cost[i][0] = (unsigned)i;
	for (size_t j = 0; j <= b_len; j++)
		cost[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			unsigned differ = same_letter(a[i - 1], b[j - 1]) ? 0 : 1;
			unsigned best = min3(
			    cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + differ);

			if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
			    same_letter(a[i - 2], b[j - 1]) && cost[i - 2][j - 2] + 1 < best)
				best = cost[i - 2][j - 2] + 1;
			cost[i][j] = best;
		}
	}
	return cost[a_len][b_len];
}

/* A slip in a short word, two in a middling one, three in a long one. */
static unsigned
tolerated(size_t len)
{
	if (len <= 3)
		return 1;
	return len <= 7 ? 2 : 3;
}

const char *
str_nearest(const char *word, const char *const *words)
{
	size_t len = strlen(word);
	unsigned best = tolerated(len) + 1;
	const char *nearest = NULL;

	if (len < 2 || len > NEAREST_MAX)
		return NULL;
	for (; *words != NULL; words++) {
		size_t other = strlen(*words);
		unsigned distance;

		if (other == 0 || other > NEAREST_MAX)
			continue;
		distance = edit_distance(word, len, *words, other);
		if (distance < best) {
			best = distance;
			nearest = *words;
		}
	}
	return nearest;
}

/* The length of the UTF-8 character at `s` that may be shown, or 0 when the byte there is a control
 * byte or does not begin a valid character (RFC 3629: no overlong forms, no surrogates, nothing
 * beyond U+10FFFF). The C1 controls U+0080 to U+009F are refused as well. */
static size_t
character_len(const unsigned char *s)
{
	static const struct {
		unsigned char first_min, first_max;   /* range of the first byte */
		unsigned char second_min, second_max; /* range of the second byte */
		size_t len;
	} forms[] = {
	    {0xc2, 0xc2, 0xa0, 0xbf, 2},
	    {0xc3, 0xdf, 0x80, 0xbf, 2},
	    {0xe0, 0xe0, 0xa0, 0xbf, 3},
	    {0xe1, 0xec, 0x80, 0xbf, 3},
	    {0xed, 0xed, 0x80, 0x9f, 3},
	    {0xee, 0xef, 0x80, 0xbf, 3},
	    {0xf0, 0xf0, 0x90, 0xbf, 4},
	    {0xf1, 0xf3, 0x80, 0xbf, 4},
	    {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		if (s[0] < forms[i].first_min || s[0] > forms[i].first_max)
			continue;
		if (s[1] < forms[i].second_min || s[1] > forms[i].second_max)
			return 0;
		for (size_t k = 2; k < forms[i].len; k++) {
			if ((s[k] & 0xc0) != 0x80)
				return 0;
		}
		return forms[i].len;
	}
	return 0;
}

void
str_sanitise(char *text)
{
	while (*text != '\0') {
		size_t len = character_len((const unsigned char *)text);

		if (len == 0) {
			*text = '?';
			len = 1;
		}
		text += len;
	}
}
