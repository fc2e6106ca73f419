/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reader and writer for wire formats, big-endian, with a sticky error.
 *
 * Every access goes through reader_take() or writer_take(), which check the bounds and fail for
 * good: a failed reader stands at its end and a failed writer has no room, so nothing behind the
 * first overrun can touch the buffer. Both work on memory of the caller and own nothing.
 *
 * Prefixes are written as BGP (RFC 4271 section 4.3, RFC 4760 section 5) does it: the length in
 * bits, then the bytes that carry them.
 */
#include "base/wire.h"

#include <assert.h>
#include <string.h>

void
wire_reader_init(struct wire_reader *r, const uint8_t *data, size_t len)
{
	*r = (struct wire_reader){.base = data, .end = len};
}

bool
wire_ok(const struct wire_reader *r)
{
	return !r->failed;
}

size_t
wire_left(const struct wire_reader *r)
{
	return r->end - r->pos;
}

const uint8_t *
wire_here(const struct wire_reader *r)
{
	return r->pos > 0 ? r->base + r->pos : r->base;
}

void
wire_fail(struct wire_reader *r)
{
	r->failed = true;
	r->pos = r->end;
}

/* Steps over `len` bytes and returns where they begin; NULL when there are fewer. */
static const uint8_t *
reader_take(struct wire_reader *r, size_t len)
{
	const uint8_t *at = wire_here(r);

	if (r->failed || len > wire_left(r)) {
		wire_fail(r);
		return NULL;
	}
	r->pos += len;
	return at;
}

static uint64_t
read_number(struct wire_reader *r, size_t len)
{
	const uint8_t *at = reader_take(r, len);
	uint64_t value = 0;

	if (at == NULL)
		return 0;
	for (size_t i = 0; i < len; i++)
		value = value << 8 | at[i];
	return value;
}

uint8_t
wire_u8(struct wire_reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t
wire_u16(struct wire_reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t
wire_u32(struct wire_reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t
wire_u64(struct wire_reader *r)
{
	return read_number(r, 8);
}

const uint8_t *
wire_bytes(struct wire_reader *r, size_t len)
{
	return reader_take(r, len);
}

void
wire_skip(struct wire_reader *r, size_t len)
{
	reader_take(r, len);
}

struct wire_reader
wire_sub(struct wire_reader *r, size_t len)
{
	const uint8_t *at = reader_take(r, len);
	struct wire_reader sub;

	wire_reader_init(&sub, at, r->failed ? 0 : len);
	sub.failed = r->failed;
	return sub;
}

struct addr
wire_addr(struct wire_reader *r, enum addr_family family)
{
	struct addr a = {.family = (uint8_t)family};
	const uint8_t *at = reader_take(r, addr_len(&a));

	if (at == NULL || family == ADDR_NONE)
		return (struct addr){0};
	return addr_from_bytes(family, at);
}

/* Clears the bits of `bytes` beyond the first `bits`, within the last byte that has any. */
static void
clear_tail(uint8_t *bytes, unsigned bits)
{
	if (bits % 8 != 0)
		bytes[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
}

struct prefix
wire_prefix(struct wire_reader *r, enum addr_family family)
{
	struct prefix p = {.addr.family = (uint8_t)family};
	const uint8_t *at;

	p.len = wire_u8(r);
	if (family == ADDR_NONE || p.len > addr_bits(&p.addr))
		wire_fail(r);
	at = reader_take(r, (p.len + 7u) / 8);
	if (at == NULL)
		return (struct prefix){0};
	memcpy(p.addr.bytes, at, (p.len + 7u) / 8);
	clear_tail(p.addr.bytes, p.len);
	return p;
}

void
wire_writer_init(struct wire_writer *w, uint8_t *buf, size_t cap)
{
	*w = (struct wire_writer){.base = buf, .cap = cap};
}

bool
wire_writer_ok(const struct wire_writer *w)
{
	return !w->failed;
}

size_t
wire_room(const struct wire_writer *w)
{
	return w->failed ? 0 : w->cap - w->pos;
}

/* Takes the next `len` bytes of the buffer; NULL when there are fewer. */
static uint8_t *
writer_take(struct wire_writer *w, size_t len)
{
	uint8_t *at;

	if (w->failed || len > wire_room(w)) {
		w->failed = true;
		return NULL;
	}
	at = w->pos > 0 ? w->base + w->pos : w->base;
	w->pos += len;
	return at;
}

static void
store_number(uint8_t *at, size_t len, uint64_t value)
{
	while (len-- > 0) {
		at[len] = (uint8_t)value;
		value >>= 8;
	}
}

static void
write_number(struct wire_writer *w, size_t len, uint64_t value)
{
	uint8_t *at = writer_take(w, len);

	if (at != NULL)
		store_number(at, len, value);
}

void
wire_put_u8(struct wire_writer *w, uint8_t v)
{
	write_number(w, 1, v);
}

void
wire_put_u16(struct wire_writer *w, uint16_t v)
{
	write_number(w, 2, v);
}

void
wire_put_u32(struct wire_writer *w, uint32_t v)
{
	write_number(w, 4, v);
}

void
wire_put_u64(struct wire_writer *w, uint64_t v)
{
	write_number(w, 8, v);
}

void
wire_put_bytes(struct wire_writer *w, const void *data, size_t len)
{
	uint8_t *at = writer_take(w, len);

	if (at != NULL && len > 0)
		memcpy(at, data, len);
}

void
wire_put_addr(struct wire_writer *w, const struct addr *a)
{
	wire_put_bytes(w, a->bytes, addr_len(a));
}

void
wire_put_prefix(struct wire_writer *w, const struct prefix *p)
{
	uint8_t bytes[16];

	assert(p->len <= addr_bits(&p->addr));
	memcpy(bytes, p->addr.bytes, sizeof(bytes));
	clear_tail(bytes, p->len);
	wire_put_u8(w, p->len);
	wire_put_bytes(w, bytes, (p->len + 7u) / 8);
}

size_t
wire_mark_u8(struct wire_writer *w)
{
	size_t mark = w->pos;

	wire_put_u8(w, 0);
	return mark;
}

size_t
wire_mark_u16(struct wire_writer *w)
{
	size_t mark = w->pos;

	wire_put_u16(w, 0);
	return mark;
}

/* Writes into the `len` bytes at `mark` how many bytes stand behind them. */
static void
set_length(struct wire_writer *w, size_t mark, size_t len)
{
	size_t behind;

	if (w->failed)
		return;
	assert(mark <= w->pos && len <= w->pos - mark);
	behind = w->pos - mark - len;
	if (behind >> (8 * len) != 0) {
		w->failed = true;
		return;
	}
	store_number(w->base + mark, len, behind);
}

void
wire_set_u8(struct wire_writer *w, size_t mark)
{
	set_length(w, mark, 1);
}

void
wire_set_u16(struct wire_writer *w, size_t mark)
{
	set_length(w, mark, 2);
}

void
wire_patch_u16(struct wire_writer *w, size_t pos, uint16_t v)
{
	if (w->failed)
		return;
	assert(pos <= w->pos && w->pos - pos >= 2);
	store_number(w->base + pos, 2, v);
}
