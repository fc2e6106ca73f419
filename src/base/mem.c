/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: allocation that cannot fail, and arenas.
 *
 * The plain functions wrap calloc() and realloc() and end the process when memory runs out, so no
 * caller has a path for it. What they return belongs to the caller and is released with free().
 *
 * An arena is a list of blocks. An object is cut from the newest block; when it does not fit, a new
 * block of ARENA_BLOCK bytes is taken. An object that would waste much of a block gets one of its
 * own, put behind the newest, so that the newest is used on. Nothing is released before
 * arena_free(): that suits a configuration, which lives and dies as a whole.
 */
#include "base/mem.h"

#include "base/log.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 16384
#define ARENA_LARGE (ARENA_BLOCK / 4)

struct block {
	struct block *next;
	size_t used;
	size_t cap;
	max_align_t data[];
};

struct arena {
	struct block *newest;
	size_t size;
};

static _Noreturn void
out_of_memory(size_t count, size_t size)
{
	log_error("out of memory (%zu objects of %zu bytes wanted): ending; give the process more "
		  "memory or a smaller configuration",
	    count, size);
	abort();
}

void *
mem_alloc(size_t size)
{
	return mem_array(1, size);
}

void *
mem_array(size_t count, size_t size)
{
	void *ptr = calloc(count > 0 ? count : 1, size > 0 ? size : 1);

	if (ptr == NULL)
		out_of_memory(count, size);
	return ptr;
}

void *
mem_resize(void *ptr, size_t count, size_t size)
{
	void *resized = reallocarray(ptr, count > 0 ? count : 1, size > 0 ? size : 1);

	if (resized == NULL)
		out_of_memory(count, size);
	return resized;
}

char *
mem_strdup(const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(mem_alloc(size), text, size);
}

struct arena *
arena_new(void)
{
	return mem_alloc(sizeof(struct arena));
}

void
arena_free(struct arena *a)
{
	if (a == NULL)
		return;
	while (a->newest != NULL) {
		struct block *b = a->newest;

		a->newest = b->next;
		free(b);
	}
	free(a);
}

static struct block *
block_new(struct arena *a, size_t cap)
{
	struct block *b;

	if (cap > SIZE_MAX - sizeof(*b))
		out_of_memory(1, cap);
	b = mem_alloc(sizeof(*b) + cap);
	b->cap = cap;
	a->size += sizeof(*b) + cap;
	return b;
}

/* The block that has room for `size` bytes. */
static struct block *
block_for(struct arena *a, size_t size)
{
	struct block *b = a->newest;

	if (b != NULL && b->cap - b->used >= size)
		return b;
	if (b != NULL && size >= ARENA_LARGE) {
		struct block *own = block_new(a, size);

		own->next = b->next;
		b->next = own;
		return own;
	}
	b = block_new(a, size > ARENA_BLOCK ? size : ARENA_BLOCK);
	b->next = a->newest;
	a->newest = b;
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct block *b;
	void *ptr;

	if (size > SIZE_MAX - align)
		out_of_memory(1, size);
	size = (size + align - 1) / align * align;
	b = block_for(a, size);
	ptr = (char *)b->data + b->used;
	b->used += size;
	return ptr;
}

char *
arena_strdup(struct arena *a, const char *text)
{
	return arena_strndup(a, text, strlen(text));
}

char *
arena_strndup(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	memcpy(copy, text, len);
	return copy;
}

size_t
arena_size(const struct arena *a)
{
	return a->size;
}
