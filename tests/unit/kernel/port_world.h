/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table of served ports on the real kernel, in a network namespace of the test's own, and the
 * sockets to try it with. For the tests that include it.
 */
#ifndef TEST_PORT_WORLD_H
#define TEST_PORT_WORLD_H

#include "kernel/port_watch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENCE  (10 * DUR_S)
#define SKIPPED   77
#define WORLD_MAX 16

struct world {
	struct loop *loop;
	struct port_watches pw;
	struct port_watches_user user;
	struct helper_policy *policy;
	size_t count; /* of watched ports */
	/* By the index of the watched port, what has been told last. */
	struct port_report last[WORLD_MAX];
	unsigned reports[WORLD_MAX];
	unsigned suspects[WORLD_MAX];
};

/* Turns the loop, taking reports, until the condition holds. */
#define AWAIT(w, condition)                                                                        \
	do {                                                                                       \
		mono_t limit_ = mono_add(mono_clock(), PATIENCE);                                  \
		while (!(condition)) {                                                             \
			loop_turn((w)->loop, 10 * DUR_MS);                                         \
			assert_true(mono_before(mono_clock(), limit_));                            \
		}                                                                                  \
	} while (0)

/* Skips everything (77) without the privileges for a network namespace; else enters a new one. */
int world_enter(void);
/* Stays in the namespaces that are there, and only quietens the log. */
void world_stay(void);
int world_setup(void **state);
int world_teardown(void **state);
/* "udp 192.0.2.53 53" */
struct kernel_listen world_listen(const char *text);
/* Watches these ports from now on, NULL-terminated. */
void world_watch(struct world *w, const char *const *ports);
bool world_is(const struct world *w, size_t index, enum kernel_served served, enum why why);
/* Turns the loop for so long. */
void world_turn_for(struct world *w, dur_t d);

/* Binds (and listens), with SO_REUSEADDR or what is asked for. -1 with errno. */
enum world_bind { BIND_PLAIN = 0, BIND_V6ONLY = 1, BIND_REUSEPORT = 2 };
int world_bind(const char *text, unsigned how);

#endif
