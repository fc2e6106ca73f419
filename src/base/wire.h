/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded reader and writer for wire formats (big-endian), with a sticky error.
 *
 * A codec reads or writes straight down and asks once at the end whether all went well: after the
 * first overrun a reader returns zeros and a writer drops what it is given. Neither owns its
 * buffer.
 */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct wire_reader {
	const uint8_t *base;
	size_t pos;
	size_t end;
	bool failed;
};

void wire_reader_init(struct wire_reader *r, const uint8_t *data, size_t len);
bool wire_ok(const struct wire_reader *r);
size_t wire_left(const struct wire_reader *r);
/* The unread bytes; valid as long as the buffer is. */
const uint8_t *wire_here(const struct wire_reader *r);
void wire_fail(struct wire_reader *r);
uint8_t wire_u8(struct wire_reader *r);
uint16_t wire_u16(struct wire_reader *r);
uint32_t wire_u32(struct wire_reader *r);
uint64_t wire_u64(struct wire_reader *r);
/* Points at `len` bytes and steps over them; NULL after an overrun. */
const uint8_t *wire_bytes(struct wire_reader *r, size_t len);
void wire_skip(struct wire_reader *r, size_t len);
/* A reader of the next `len` bytes; the outer reader steps over them. After an overrun both have
 * failed and the sub-reader is empty. */
struct wire_reader wire_sub(struct wire_reader *r, size_t len);
struct addr wire_addr(struct wire_reader *r, enum addr_family family);
/* A prefix as BGP and OSPFv3 write it: length in bits, then only the bytes that are needed. Bits
 * beyond the length are cleared. Fails when the length is more than the family allows. */
struct prefix wire_prefix(struct wire_reader *r, enum addr_family family);

struct wire_writer {
	uint8_t *base;
	size_t pos;
	size_t cap;
	bool failed;
};

void wire_writer_init(struct wire_writer *w, uint8_t *buf, size_t cap);
bool wire_writer_ok(const struct wire_writer *w);
size_t wire_room(const struct wire_writer *w);
void wire_put_u8(struct wire_writer *w, uint8_t v);
void wire_put_u16(struct wire_writer *w, uint16_t v);
void wire_put_u32(struct wire_writer *w, uint32_t v);
void wire_put_u64(struct wire_writer *w, uint64_t v);
void wire_put_bytes(struct wire_writer *w, const void *data, size_t len);
void wire_put_addr(struct wire_writer *w, const struct addr *a);
void wire_put_prefix(struct wire_writer *w, const struct prefix *p);
/* Leaves room for a length that is known later: returns its position for wire_set_u8/u16, which
 * write the number of bytes that follow the field. They fail when it does not fit the field. */
size_t wire_mark_u8(struct wire_writer *w);
size_t wire_mark_u16(struct wire_writer *w);
void wire_set_u8(struct wire_writer *w, size_t mark);
void wire_set_u16(struct wire_writer *w, size_t mark);
/* Overwrites an earlier 16-bit field. */
void wire_patch_u16(struct wire_writer *w, size_t pos, uint16_t v);

#endif
