/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engine's client and helper on the two ends of a real socket pair, each on a real loop of its own
 * in this process, so that either can be made to stand still. The helper works on a model of a
 * host. For the tests that include it.
 */
#ifndef TEST_HELPER_MODEL_H
#define TEST_HELPER_MODEL_H

#include "kernel/helper_backend.h"
#include "kernel/helper_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define PATIENCE (20 * DUR_S)
#define HOST_MAX 4096

struct host_address {
	bool ours;
	bool dirty;
};

struct model {
	struct helper_backend backend;
	struct host_address addresses[HOST_MAX]; /* 10.0.x.y, by x.y */
	size_t first_dirty;
	unsigned links; /* reports of "link0" that are owed */
	unsigned policies;
	unsigned listens;
	unsigned sockets; /* opened */
	uint32_t started; /* the last run */
	unsigned starts, kills, killed_all;
	bool mute; /* runs end only when told */
};

struct run {
	struct kernel_exec exec;
	struct pair *pair;
	unsigned results;
	struct kernel_exec_result result;
};

struct want {
	struct kernel_socket socket;
	struct pair *pair;
	unsigned results;
	int fd; /* or the error */
};

struct pair {
	struct model model;
	/* helper */
	struct loop *helper_loop;
	struct helper *helper;
	struct helper_host helper_host;
	unsigned readies, silents;
	int helper_end; /* enum helper_end; -1: not yet */
	/* engine */
	struct loop *engine_loop;
	struct helper_client *client;
	struct helper_client_host client_host;
	struct kernel_listener listener;
	struct kernel_port *port;
	int engine_end;
	unsigned stops, reloads, configs, links, reports, opens, results;
	uint32_t config_serial;
	int config_error;
	char *config_text;
	int report_error;
	int errors[HOST_MAX];
	bool present[HOST_MAX];
	uint32_t ticket;
	int opened;
	bool inside; /* a request is being made */
	struct run run;
	struct want want;
	struct run *runs;
	char path[64]; /* of the configuration file */
};

/* Turns both loops until the condition holds. */
#define AWAIT(p, condition)                                                                        \
	do {                                                                                       \
		mono_t limit_ = mono_add(mono_clock(), PATIENCE);                                  \
		while (!(condition)) {                                                             \
			loop_turn((p)->engine_loop, DUR_MS);                                       \
			loop_turn((p)->helper_loop, DUR_MS);                                       \
			assert_true(mono_before(mono_clock(), limit_));                            \
		}                                                                                  \
	} while (0)

/* For cmocka: makes and releases a struct pair. */
int pair_setup(void **state);
int pair_teardown(void **state);
/* Turns what is asked for (either may be NULL) for so long. */
void turn_for(struct loop *a, struct loop *b, dur_t d);
void write_config(struct pair *p, const char *text);
/* Reads and commits the configuration. */
void pair_load(struct pair *p);
void ask_address(struct pair *p, size_t index, bool present);
void ask_exec(struct pair *p, struct run *r, const char *name);
void ask_socket(struct pair *p, struct want *w, enum kernel_socket_kind kind);
/* The model's address number `index`, and its report when it is touched. */
struct prefix host_prefix(size_t index);
void model_touch(struct model *m, size_t index);
unsigned open_fds(void);

#endif
