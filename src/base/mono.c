/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monotonic time and durations.
 *
 * Sums and differences saturate at the ends of the range: "never" stays never, whatever is added
 * to it, and no caller has to think of overflow.
 *
 * As text a duration is a row of whole numbers with falling units ("1h30m"), of which the last may
 * have a fraction ("1.5s"). Reading is exact or refused. Writing is for people: below an hour at
 * most three digits of fraction are kept, from an hour on whole seconds, always cut, never rounded
 * up, so that "59.999s" does not read as a minute.
 */
#include "base/mono.h"

#include "base/mem.h"
#include "base/str.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

struct unit {
	const char *name;
	dur_t ns;
};

/* From large to small. */
static const struct unit units[] = {
    {"d", DUR_DAY},
    {"h", DUR_HOUR},
    {"m", DUR_MIN},
    {"s", DUR_S},
    {"ms", DUR_MS},
    {"us", DUR_US},
    {"ns", 1},
};

static int64_t
saturating_add(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

mono_t
mono_add(mono_t t, dur_t d)
{
	if (d == DUR_NEVER)
		return (mono_t){INT64_MAX};
	return (mono_t){saturating_add(t.ns, d)};
}

dur_t
mono_sub(mono_t to, mono_t from)
{
	dur_t d;

	if (__builtin_sub_overflow(to.ns, from.ns, &d))
		return to.ns < 0 ? INT64_MIN : INT64_MAX;
	return d;
}

bool
mono_before(mono_t a, mono_t b)
{
	return a.ns < b.ns;
}

mono_t
mono_min(mono_t a, mono_t b)
{
	return mono_before(b, a) ? b : a;
}

static int64_t
clock_ns(clockid_t clock)
{
	struct timespec ts;
	int rc = clock_gettime(clock, &ts);

	assert(rc == 0);
	return ts.tv_sec * DUR_S + ts.tv_nsec;
}

mono_t
mono_clock(void)
{
	return (mono_t){clock_ns(CLOCK_MONOTONIC)};
}

int64_t
wall_clock_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/* Appends "1.5s": `ns` in the given unit with up to three digits of fraction. */
static void
format_decimal(char *buf, size_t size, uint64_t ns, const struct unit *unit)
{
	uint64_t whole = ns / (uint64_t)unit->ns;
	uint64_t rest = ns % (uint64_t)unit->ns;
	unsigned milli = unit->ns >= 1000 ? (unsigned)(rest / ((uint64_t)unit->ns / 1000)) : 0;
	int digits = 3;

	if (milli == 0) {
		snprintf(buf, size, "%" PRIu64 "%s", whole, unit->name);
		return;
	}
	while (milli % 10 == 0) {
		milli /= 10;
		digits--;
	}
	snprintf(buf, size, "%" PRIu64 ".%0*u%s", whole, digits, milli, unit->name);
}

/* The largest unit that is not larger than `ns`; nanoseconds for 0. */
static const struct unit *
unit_for(uint64_t ns)
{
	const struct unit *unit = units;

	while (unit->ns > 1 && (uint64_t)unit->ns > ns)
		unit++;
	return unit;
}

char *
dur_format(dur_t d, char *buf, size_t size)
{
	uint64_t ns = d < 0 ? 0 - (uint64_t)d : (uint64_t)d;
	char text[40] = "";
	size_t len = 0;

	if (d == DUR_NEVER || d == 0) {
		str_copy(buf, size, d == 0 ? "0s" : "never");
		return buf;
	}
	if (d < 0)
		text[len++] = '-';
	if (ns >= (uint64_t)DUR_HOUR)
		ns -= ns % (uint64_t)DUR_S;
	while (ns >= (uint64_t)DUR_MIN) {
		const struct unit *unit = unit_for(ns);

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%" PRIu64 "%s",
		    ns / (uint64_t)unit->ns, unit->name);
		ns %= (uint64_t)unit->ns;
	}
	/* Behind minutes only seconds and their fraction follow. */
	if (len > 1 && ns >= (uint64_t)DUR_MS)
		format_decimal(text + len, sizeof(text) - len, ns, &units[3]);
	else if (len <= 1)
		format_decimal(text + len, sizeof(text) - len, ns, unit_for(ns));
	str_copy(buf, size, text);
	return buf;
}

static const struct unit *
unit_find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strlen(units[i].name) == len && strncmp(name, units[i].name, len) == 0)
			return &units[i];
	}
	return NULL;
}

/* Adds the value of the digits behind a point. 0, or -1 when a nanosecond would have to be split.
 */
static int
parse_fraction(const char *digits, size_t len, dur_t unit_ns, dur_t *sum)
{
	for (size_t i = 0; i < len; i++) {
		if (unit_ns % 10 != 0)
			return -1;
		unit_ns /= 10;
		*sum = saturating_add(*sum, (digits[i] - '0') * unit_ns);
	}
	return 0;
}

/* Reads one number with its unit and adds it to `*sum`. The unit must be smaller than `*limit`,
 * which then becomes that unit, or 0 when a fraction says that nothing may follow. Returns the text
 * behind, or NULL when malformed. */
static const char *
parse_part(const char *text, dur_t *limit, dur_t *sum)
{
	size_t whole_len = strspn(text, "0123456789");
	bool pointed = text[whole_len] == '.';
	const char *fraction = text + whole_len + (pointed ? 1 : 0);
	size_t fraction_len = pointed ? strspn(fraction, "0123456789") : 0;
	const char *word = fraction + fraction_len;
	size_t word_len = strspn(word, "abcdefghijklmnopqrstuvwxyz");
	const struct unit *unit = unit_find(word, word_len);
	dur_t value = 0;

	if (unit == NULL || unit->ns >= *limit || whole_len == 0 || (pointed && fraction_len == 0))
		return NULL;
	for (size_t i = 0; i < whole_len; i++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, text[i] - '0', &value))
			return NULL;
	}
	if (__builtin_mul_overflow(value, unit->ns, &value) ||
	    parse_fraction(fraction, fraction_len, unit->ns, &value) < 0)
		return NULL;
	*limit = pointed ? 0 : unit->ns;
	*sum = saturating_add(*sum, value);
	return word + word_len;
}

int
dur_parse(const char *text, dur_t *out)
{
	dur_t limit = INT64_MAX;
	dur_t d = 0;

	if (str_equal(text, "0")) {
		*out = 0;
		return 0;
	}
	do {
		text = parse_part(text, &limit, &d);
		if (text == NULL)
			return -1;
	} while (*text != '\0');
	if (d == DUR_NEVER)
		return -1;
	*out = d;
	return 0;
}
