/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wire reader and writer: values, every overrun, marks, and random programs of calls that are
 * checked against a reference model which keeps bytes in the plainest way.
 */
#include "base/mem.h"
#include "base/rng.h"
#include "base/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t sixteen[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void
reads_big_endian(void **state)
{
	struct wire_reader r;

	wire_reader_init(&r, sixteen, sizeof(sixteen));
	assert_int_equal(wire_u8(&r), 0x01);
	assert_int_equal(wire_u16(&r), 0x0203);
	assert_int_equal(wire_u32(&r), 0x04050607);
	assert_int_equal(wire_u64(&r), 0x08090a0b0c0d0e0f);
	assert_int_equal(wire_left(&r), 1);
	assert_ptr_equal(wire_here(&r), sixteen + 15);
	wire_skip(&r, 1);
	assert_int_equal(wire_left(&r), 0);
	assert_true(wire_ok(&r));
}

/* Calls that need `len` bytes; each is tried with every number of bytes below, and with just
 * enough. They answer whether what they returned is zero. */
static bool
u8_zero(struct wire_reader *r)
{
	return wire_u8(r) == 0;
}

static bool
u16_zero(struct wire_reader *r)
{
	return wire_u16(r) == 0;
}

static bool
u32_zero(struct wire_reader *r)
{
	return wire_u32(r) == 0;
}

static bool
u64_zero(struct wire_reader *r)
{
	return wire_u64(r) == 0;
}

static bool
bytes_zero(struct wire_reader *r)
{
	return wire_bytes(r, 5) == NULL;
}

static bool
sub_zero(struct wire_reader *r)
{
	struct wire_reader sub = wire_sub(r, 5);

	assert_int_equal(wire_ok(&sub), wire_ok(r));
	return wire_left(&sub) == 0;
}

static bool
addr4_zero(struct wire_reader *r)
{
	return wire_addr(r, ADDR_V4).family == ADDR_NONE;
}

static bool
addr6_zero(struct wire_reader *r)
{
	return wire_addr(r, ADDR_V6).family == ADDR_NONE;
}

static bool
prefix_zero(struct wire_reader *r)
{
	struct prefix p = wire_prefix(r, ADDR_V6);

	return p.addr.family == ADDR_NONE && p.len == 0;
}

static void
every_overrun_is_caught(void **state)
{
	static const struct {
		bool (*call)(struct wire_reader *r);
		size_t len;
	} rows[] = {
	    {u8_zero, 1}, {u16_zero, 2}, {u32_zero, 4}, {u64_zero, 8}, {bytes_zero, 5},
	    {sub_zero, 5}, {addr4_zero, 4}, {addr6_zero, 16},
	    {prefix_zero, 6}, /* 0x21 bits: five bytes and the length */
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t len = 0; len <= rows[i].len; len++) {
			/* Of exactly this size, for the sanitizer to watch its end. */
			uint8_t *data = mem_alloc(len);
			struct wire_reader r;

			memset(data, 0x21, len);
			wire_reader_init(&r, data, len);
			assert_int_equal(rows[i].call(&r), len < rows[i].len);
			assert_int_equal(wire_ok(&r), len == rows[i].len);
			assert_int_equal(wire_left(&r), 0);
			free(data);
		}
	}
}

static void
failure_sticks(void **state)
{
	struct wire_reader r, sub;

	wire_reader_init(&r, sixteen, sizeof(sixteen));
	wire_skip(&r, 17);
	assert_false(wire_ok(&r));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(wire_left(&r), 0);
		assert_int_equal(wire_u8(&r), 0);
		assert_null(wire_bytes(&r, 0));
		sub = wire_sub(&r, 0);
		assert_false(wire_ok(&sub));
		wire_fail(&r);
	}
	wire_reader_init(&r, sixteen, sizeof(sixteen));
	wire_skip(&r, SIZE_MAX); /* no sum may wrap around */
	assert_false(wire_ok(&r));
}

static void
nothing_can_be_read_from_nothing(void **state)
{
	struct wire_reader r;

	wire_reader_init(&r, NULL, 0);
	assert_int_equal(wire_left(&r), 0);
	wire_skip(&r, 0);
	assert_true(wire_ok(&r));
	assert_int_equal(wire_u8(&r), 0);
	assert_false(wire_ok(&r));
}

static void
sub_reader_ends_where_it_must(void **state)
{
	struct wire_reader r, sub;

	wire_reader_init(&r, sixteen, sizeof(sixteen));
	wire_skip(&r, 2);
	sub = wire_sub(&r, 3);
	assert_int_equal(wire_u16(&sub), 0x0304);
	assert_int_equal(wire_u16(&sub), 0);
	assert_false(wire_ok(&sub));
	assert_true(wire_ok(&r)); /* what happens inside stays inside */
	assert_int_equal(wire_u8(&r), 6);
}

static void
reads_prefixes_of_every_length(void **state)
{
	static const enum addr_family families[] = {ADDR_V4, ADDR_V6};

	for (size_t f = 0; f < ARRAY_LEN(families); f++) {
		unsigned bits = families[f] == ADDR_V4 ? 32 : 128;

		for (unsigned len = 0; len <= 255; len++) {
			uint8_t data[1 + 32];
			struct wire_reader r;
			struct prefix p;

			memset(data, 0xff, sizeof(data));
			data[0] = (uint8_t)len;
			wire_reader_init(&r, data, 1 + (len + 7) / 8);
			p = wire_prefix(&r, families[f]);
			assert_int_equal(wire_ok(&r), len <= bits);
			if (!wire_ok(&r))
				continue;
			assert_int_equal(p.len, len);
			assert_int_equal(wire_left(&r), 0);
			for (unsigned bit = 0; bit < 128; bit++)
				assert_int_equal(
				    p.addr.bytes[bit / 8] >> (7 - bit % 8) & 1, bit < len);
		}
	}
}

static void
no_family_has_no_prefix(void **state)
{
	struct wire_reader r;

	wire_reader_init(&r, (const uint8_t[]){0}, 1);
	assert_int_equal(wire_prefix(&r, ADDR_NONE).addr.family, ADDR_NONE);
	assert_false(wire_ok(&r));
}

static void
writes_big_endian(void **state)
{
	uint8_t buf[16];
	struct wire_writer w;

	wire_writer_init(&w, buf, sizeof(buf));
	wire_put_u8(&w, 0x01);
	wire_put_u16(&w, 0x0203);
	wire_put_u32(&w, 0x04050607);
	wire_put_u64(&w, 0x08090a0b0c0d0e0f);
	wire_put_bytes(&w, "\x10", 1);
	assert_true(wire_writer_ok(&w));
	assert_int_equal(wire_room(&w), 0);
	assert_memory_equal(buf, sixteen, sizeof(sixteen));
	wire_put_bytes(&w, NULL, 0);
	assert_true(wire_writer_ok(&w));
	wire_put_u8(&w, 0);
	assert_false(wire_writer_ok(&w));
}

static void
writes_nothing_after_an_overrun(void **state)
{
	uint8_t buf[4] = {9, 9, 9, 9};
	struct wire_writer w;

	wire_writer_init(&w, buf, 3);
	wire_put_u8(&w, 1);
	wire_put_u32(&w, 0xffffffff);
	assert_false(wire_writer_ok(&w));
	wire_put_u8(&w, 2); /* would have fitted */
	wire_set_u8(&w, wire_mark_u8(&w));
	wire_set_u16(&w, wire_mark_u16(&w));
	wire_patch_u16(&w, 0, 0xffff);
	assert_int_equal(wire_room(&w), 0);
	assert_memory_equal(buf, ((const uint8_t[]){1, 9, 9, 9}), 4);
}

static void
writes_addresses_and_prefixes(void **state)
{
	static const uint8_t wanted[] = {
	    192, 0, 2, 53, 25, 192, 0, 2, 128, 0, 33, 0x20, 1, 0xd, 0xb8, 0x80};
	struct addr a = addr_v4(0xc0000235);
	struct prefix p = {.addr = a, .len = 25};
	struct wire_writer w;
	uint8_t buf[16];

	wire_writer_init(&w, buf, sizeof(buf));
	wire_put_addr(&w, &a);
	p.addr.bytes[3] = 0xff; /* bits beyond the length do not get onto the wire */
	wire_put_prefix(&w, &p);
	p.len = 0;
	wire_put_prefix(&w, &p);
	assert_int_equal(prefix_parse("2001:db8:8000::/33", &p), 0);
	wire_put_prefix(&w, &p);
	assert_true(wire_writer_ok(&w));
	assert_memory_equal(buf, wanted, sizeof(wanted));
}

static void
marks_are_filled_with_lengths(void **state)
{
	static const uint8_t wanted[] = {0, 5, 3, 0xaa, 0xbb, 0xcc, 0xdd, 0};
	struct wire_writer w;
	size_t outer, inner;
	uint8_t buf[8];

	wire_writer_init(&w, buf, sizeof(buf));
	outer = wire_mark_u16(&w);
	inner = wire_mark_u8(&w);
	wire_put_bytes(&w, "\xaa\xbb\xcc", 3);
	wire_set_u8(&w, inner);
	wire_put_u8(&w, 0xdd);
	wire_set_u16(&w, outer);
	inner = wire_mark_u8(&w);
	wire_set_u8(&w, inner);
	assert_true(wire_writer_ok(&w));
	assert_memory_equal(buf, wanted, sizeof(wanted));
	wire_patch_u16(&w, 6, 0x0102);
	assert_int_equal(buf[6] << 8 | buf[7], 0x0102);
}

static void
lengths_beyond_the_field_fail(void **state)
{
	static const struct {
		size_t (*mark)(struct wire_writer *w);
		void (*set)(struct wire_writer *w, size_t mark);
		size_t max;
	} rows[] = {
	    {wire_mark_u8, wire_set_u8, UINT8_MAX},
	    {wire_mark_u16, wire_set_u16, UINT16_MAX},
	};
	uint8_t *buf = mem_alloc(UINT16_MAX + 16);

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t extra = 0; extra <= 1; extra++) {
			struct wire_writer w;
			size_t mark;

			wire_writer_init(&w, buf, UINT16_MAX + 16);
			mark = rows[i].mark(&w);
			for (size_t k = 0; k < rows[i].max + extra; k++)
				wire_put_u8(&w, 0);
			rows[i].set(&w, mark);
			assert_int_equal(wire_writer_ok(&w), extra == 0);
		}
	}
	free(buf);
}

/* The reference: a number is a loop over bytes, and a failure is a flag. */
struct model {
	uint8_t data[64];
	size_t len;
	size_t cap;
	bool failed;
};

static void
model_put(struct model *m, uint64_t value, size_t len)
{
	if (m->failed || m->len + len > m->cap) {
		m->failed = true;
		return;
	}
	for (size_t i = 0; i < len; i++)
		m->data[m->len + i] = (uint8_t)(value >> (8 * (len - 1 - i)));
	m->len += len;
}

static uint64_t
model_get(struct model *m, size_t *pos, size_t len)
{
	uint64_t value = 0;

	if (m->failed || *pos + len > m->len) {
		m->failed = true;
		return 0;
	}
	while (len-- > 0)
		value = value * 256 + m->data[(*pos)++];
	return value;
}

static void
put(struct wire_writer *w, uint64_t value, size_t len)
{
	switch (len) {
	case 1: wire_put_u8(w, (uint8_t)value); break;
	case 2: wire_put_u16(w, (uint16_t)value); break;
	case 4: wire_put_u32(w, (uint32_t)value); break;
	default: wire_put_u64(w, value); break;
	}
}

static uint64_t
get(struct wire_reader *r, size_t len)
{
	switch (len) {
	case 1: return wire_u8(r);
	case 2: return wire_u16(r);
	case 4: return wire_u32(r);
	default: return wire_u64(r);
	}
}

static void
random_programs_agree_with_the_model(void **state)
{
	struct rng rng;

	rng_init(&rng, 20);
	for (int round = 0; round < 20000; round++) {
		struct model m = {.cap = rng_below(&rng, sizeof(m.data) + 1)};
		uint8_t *buf = mem_alloc(m.cap);
		struct wire_writer w;
		struct wire_reader r;
		size_t pos = 0;

		wire_writer_init(&w, buf, m.cap);
		for (int i = 0; i < 12; i++) {
			size_t len = (size_t)1 << rng_below(&rng, 4);
			uint64_t value = rng_next(&rng);

			put(&w, value, len);
			model_put(&m, value, len);
			assert_int_equal(wire_writer_ok(&w), !m.failed);
			assert_int_equal(wire_room(&w), m.failed ? 0 : m.cap - m.len);
		}
		assert_int_equal(w.pos, m.len);
		assert_memory_equal(buf, m.data, m.len);

		wire_reader_init(&r, buf, m.len);
		m.failed = false;
		for (int i = 0; i < 12; i++) {
			size_t len = (size_t)1 << rng_below(&rng, 4);

			assert_int_equal(get(&r, len), model_get(&m, &pos, len));
			assert_int_equal(wire_ok(&r), !m.failed);
			assert_int_equal(wire_left(&r), m.failed ? 0 : m.len - pos);
		}
		free(buf);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reads_big_endian),
	    cmocka_unit_test(every_overrun_is_caught),
	    cmocka_unit_test(failure_sticks),
	    cmocka_unit_test(nothing_can_be_read_from_nothing),
	    cmocka_unit_test(sub_reader_ends_where_it_must),
	    cmocka_unit_test(reads_prefixes_of_every_length),
	    cmocka_unit_test(no_family_has_no_prefix),
	    cmocka_unit_test(writes_big_endian),
	    cmocka_unit_test(writes_nothing_after_an_overrun),
	    cmocka_unit_test(writes_addresses_and_prefixes),
	    cmocka_unit_test(marks_are_filled_with_lengths),
	    cmocka_unit_test(lengths_beyond_the_field_fail),
	    cmocka_unit_test(random_programs_agree_with_the_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
