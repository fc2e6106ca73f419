/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Allocation and arenas: zeroed, aligned, apart from each other, and death when there is none.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct member {
	int before;
	int inner;
};

static void
container_is_found_back(void **state)
{
	struct member m;
	int *inner = &m.inner;

	assert_ptr_equal(container_of(inner, struct member, inner), &m);
}

static void
memory_is_zeroed(void **state)
{
	static const uint8_t zeros[96];
	uint8_t *a = mem_array(32, 3);
	void *none = mem_alloc(0);

	assert_memory_equal(a, zeros, 96);
	assert_non_null(none);
	a[0] = 7;
	a = mem_resize(a, 1000, 100);
	assert_int_equal(a[0], 7);
	a = mem_resize(a, 0, 0);
	assert_non_null(a);
	free(a);
	free(none);
}

/* Does a process that calls `fn` die? Its last words are not for the test's log. Without a
 * sanitizer it aborts; a sanitizer ends it earlier, in its own way. */
static bool
kills(void (*fn)(void))
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		signal(SIGABRT, SIG_DFL);
		close(STDERR_FILENO);
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status != 0;
}

static void
resize_beyond_memory(void)
{
	free(mem_resize(NULL, SIZE_MAX / 2, 4));
}

static void
arena_beyond_memory(void)
{
	arena_alloc(arena_new(), SIZE_MAX - 20);
}

static void
no_memory_is_the_end(void **state)
{
	assert_true(kills(resize_beyond_memory));
	assert_true(kills(arena_beyond_memory));
}

#define OBJECTS 2000

/* Objects of all sizes, each filled with a byte of its own: none may touch another. */
static void
arena_objects_are_apart(void **state)
{
	struct arena *a = arena_new();
	uint8_t *objects[OBJECTS];
	size_t sizes[OBJECTS];
	size_t total = 0;
	struct rng r;

	rng_init(&r, 5);
	for (size_t i = 0; i < OBJECTS; i++) {
		sizes[i] = rng_below(&r, rng_below(&r, 50) == 0 ? 40000 : 200);
		total += sizes[i];
		objects[i] = arena_alloc(a, sizes[i]);
		assert_int_equal((uintptr_t)objects[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(objects[i][k], 0);
		memset(objects[i], (int)(i % 255) + 1, sizes[i]);
	}
	for (size_t i = 0; i < OBJECTS; i++) {
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(objects[i][k], i % 255 + 1);
	}
	/* Alignment, heads and ends of blocks cost something, but not as much again. */
	assert_in_range(arena_size(a), total, 2 * total);
	arena_free(a);
	arena_free(NULL);
}

static void
arena_copies_text(void **state)
{
	struct arena *a = arena_new();

	assert_int_equal(arena_size(a), 0);
	assert_string_equal(arena_strdup(a, "text"), "text");
	assert_string_equal(arena_strdup(a, ""), "");
	assert_string_equal(arena_strndup(a, "text", 2), "te");
	assert_true(arena_size(a) > 0);
	arena_free(a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(container_is_found_back),
	    cmocka_unit_test(memory_is_zeroed),
	    cmocka_unit_test(no_memory_is_the_end),
	    cmocka_unit_test(arena_objects_are_apart),
	    cmocka_unit_test(arena_copies_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
