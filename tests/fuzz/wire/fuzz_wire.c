/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target over the readers of foreign bytes in base/: the wire reader and the text readers of
 * addresses, prefixes, endpoints, durations and numbers.
 *
 * The first byte chooses. For the wire reader the input is a program: one byte says which call,
 * and it reads from the rest. After every step the reader must stand within its buffer, and must
 * stay failed once it has. What a text reader accepts must come back from its writer and be read to
 * the same value.
 */
#include "base/addr.h"
#include "base/mem.h"
#include "base/mono.h"
#include "base/str.h"
#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool holds)
{
	if (!holds)
		abort();
}

/* What is read is written again and read once more, to the same prefix. */
static void
check_prefix(const struct prefix *p)
{
	enum addr_family family = p->addr.family;
	struct wire_reader r;
	struct wire_writer w;
	struct prefix again;
	uint8_t bytes[17];

	wire_writer_init(&w, bytes, sizeof(bytes));
	wire_put_prefix(&w, p);
	check(wire_writer_ok(&w));
	wire_reader_init(&r, bytes, w.pos);
	again = wire_prefix(&r, family);
	check(wire_ok(&r) && wire_left(&r) == 0 && prefix_equal(&again, p));
}

static void
step(struct wire_reader *r, uint8_t op)
{
	enum addr_family family = (op & 0x80) != 0 ? ADDR_V6 : ADDR_V4;
	size_t len = op >> 3;
	struct prefix p;

	switch (op & 7) {
	case 0: wire_u8(r); break;
	case 1: wire_u16(r); break;
	case 2: wire_u32(r); break;
	case 3: wire_u64(r); break;
	case 4: wire_skip(r, len); break;
	case 5: wire_addr(r, family); break;
	case 6:
		p = wire_prefix(r, family);
		if (wire_ok(r))
			check_prefix(&p);
		break;
	default: check((wire_bytes(r, len) != NULL) == wire_ok(r) || len == 0); break;
	}
}

static void
read_wire(struct wire_reader *r)
{
	while (wire_left(r) > 0) {
		size_t left = wire_left(r);
		uint8_t op = wire_u8(r);

		if (op == 0xff) {
			struct wire_reader sub = wire_sub(r, wire_u8(r));

			check(wire_left(&sub) <= left && wire_ok(&sub) == wire_ok(r));
			read_wire(&sub);
		} else {
			step(r, op);
		}
		check(wire_left(r) < left);
		check(wire_ok(r) || (wire_left(r) == 0 && wire_u32(r) == 0));
	}
}

static void
read_addr(const char *text)
{
	struct addr a, again;
	char out[ADDR_TEXT];

	if (addr_parse(text, &a) == 0)
		check(addr_parse(addr_format(&a, out, sizeof(out)), &again) == 0 &&
		      addr_equal(&a, &again));
}

static void
read_prefix(const char *text)
{
	struct prefix p, again;
	char out[PREFIX_TEXT];

	if (prefix_parse(text, &p) == 0)
		check(prefix_parse(prefix_format(&p, out, sizeof(out)), &again) == 0 &&
		      prefix_equal(&p, &again) && prefix_contains(&p, &again));
}

static void
read_endpoint(const char *text)
{
	struct endpoint e, again;
	char out[ENDPOINT_TEXT];

	if (endpoint_parse(text, 53, &e) == 0)
		check(endpoint_parse(endpoint_format(&e, out, sizeof(out)), 0, &again) == 0 &&
		      endpoint_equal(&e, &again));
}

static void
read_dur(const char *text)
{
	char out[24], twice[24];
	dur_t d, again;

	if (dur_parse(text, &d) < 0)
		return;
	/* Writing cuts, so the second time nothing may be left to cut. */
	check(dur_parse(dur_format(d, out, sizeof(out)), &again) == 0 && again <= d);
	check(str_equal(out, dur_format(again, twice, sizeof(twice))));
}

static void
read_number(const char *text)
{
	uint64_t u;
	int64_t i;

	if (str_to_u64(text, 0, UINT64_MAX, &u) == 0)
		check(u == strtoull(text, NULL, 10));
	if (str_to_i64(text, INT64_MIN, INT64_MAX, &i) == 0)
		check(i == strtoll(text, NULL, 10));
}

static void
read_sanitise(const char *text)
{
	char *once = mem_strdup(text);
	char *twice;

	str_sanitise(once);
	check(strlen(once) == strlen(text));
	twice = mem_strdup(once);
	str_sanitise(twice);
	check(str_equal(once, twice));
	free(once);
	free(twice);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const char *) = {
	    read_addr, read_prefix, read_endpoint, read_dur, read_number, read_sanitise};
	struct wire_reader r;
	char *text;

	if (size == 0)
		return 0;
	if (data[0] < ARRAY_LEN(readers)) {
		text = mem_alloc(size);
		memcpy(text, data + 1, size - 1);
		readers[data[0]](text);
		free(text);
		return 0;
	}
	wire_reader_init(&r, data + 1, size - 1);
	read_wire(&r);
	return 0;
}
