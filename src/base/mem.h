/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: allocation that cannot fail, and arenas.
 *
 * When memory runs out the process logs a line and aborts: the sessions close and the routes go,
 * which is better than limping (doc/design.md, "Death withdraws").
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* The struct around a member. The second form is for pointers to const. */
#define container_of(ptr, type, member) ((type *)(void *)(((char *)(ptr)) - offsetof(type, member)))
#define const_container_of(ptr, type, member)                                                      \
	((const type *)(const void *)(((const char *)(ptr)) - offsetof(type, member)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Zeroed memory, owned by the caller, released with free(). Never NULL. */
void *mem_alloc(size_t size);
void *mem_array(size_t count, size_t size);
/* Grows or shrinks; new bytes are not zeroed. Never NULL. */
void *mem_resize(void *ptr, size_t count, size_t size);
char *mem_strdup(const char *text);

/* An arena hands out zeroed, aligned memory that is released all at once. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *text);
char *arena_strndup(struct arena *a, const char *text, size_t len);
/* Bytes taken from the system so far. */
size_t arena_size(const struct arena *a);

#endif
