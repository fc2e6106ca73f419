/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One attempt of one probe through a runner on the real loop, and small servers in a thread for it
 * to ask.
 */
#ifndef TEST_PROBE_RUN_H
#define TEST_PROBE_RUN_H

#include "base/rng.h"
#include "core/kernel_port.h"
#include "core/runner.h"

#include <poll.h>
#include <pthread.h>

/* Runs `kind` with these options (the inside of a YAML flow map, without `type`) for `attempts`
 * attempts one after the other, and fills in the last one's sample. `kernel` may be NULL. */
struct probe_run {
	const struct probe_kind *kind;
	struct kernel_port *kernel;
	unsigned attempts; /* 0 is one */
	struct probe_sample sample;
	char description[160];
};
void probe_run(struct probe_run *run, const char *options, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, and what it must come to. `detail` NULL: anything. */
void probe_check(const struct probe_kind *kind, enum why why, const char *detail,
    const char *options, ...) __attribute__((format(printf, 4, 5)));
/* The options are refused with a message that contains `message`. */
void probe_refused(const struct probe_kind *kind, const char *message, const char *options);

/* A server in a thread. UDP: `reply` is called for each datagram. TCP: for each connection and for
 * what was read each time; before anything was read with len 0. */
struct test_server;
/* Writes an answer of at most `cap` bytes into out and returns its length; -1: says nothing (UDP),
 * closes the connection (TCP). */
typedef ssize_t test_reply_fn(
    const struct test_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t cap);
struct test_server {
	test_reply_fn *reply;
	int manner; /* for `reply` to act on */
	int type;   /* SOCK_DGRAM or SOCK_STREAM */
	int fd, stop[2];
	char name[ENDPOINT_TEXT]; /* address and port, as in a configuration */
	pthread_t thread;
};
/* `address`: "127.0.0.1" or "::1". */
void test_server_start(
    struct test_server *s, const char *address, int type, test_reply_fn *reply, int manner);
void test_server_stop(struct test_server *s);

#endif
