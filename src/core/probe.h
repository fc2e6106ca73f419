/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes: what a kind has to provide, and what all kinds share.
 *
 * A kind knows how to ask one question once. The runner (runner.h) decides when, how long at most,
 * and what happens with the answer. A kind knows nothing of tracks, services or routes.
 */
#ifndef CORE_PROBE_H
#define CORE_PROBE_H

#include "base/queue.h"
#include "conf/conf.h"
#include "core/why.h"
#include "loop/loop.h"

#include <stdbool.h>

struct kernel_port;
struct probe;

#define PROBE_DETAIL 96

/* What one attempt found. */
struct probe_sample {
	bool ok;
	bool late; /* good, but slower than the threshold */
	enum why why;
	dur_t rtt;                 /* from the question to the verdict */
	char detail[PROBE_DETAIL]; /* "SERVFAIL, expected NOERROR"; may be "" */
};

/* The options that every kind has. */
struct probe_conf {
	const struct conf_variant *variant; /* the kind's; see probe_kind_of() */
	const void *kind_conf;              /* the kind's own struct */
	dur_t frequency;
	dur_t timeout;
	uint32_t rise;
	uint32_t fall;
	uint32_t of;     /* fall is counted among the last `of`; 0: in a row */
	dur_t retry;     /* between the attempts that confirm a first failure; 0: the frequency */
	dur_t threshold; /* a good answer that takes longer is late; 0: none is */
};

/* What all probes of a kind have in common (a socket, a connection pool): made by the first probe
 * that needs it, embedded in the kind's own struct, freed with the environment. */
struct probe_shared {
	const struct probe_kind *kind;
	void (*free)(struct probe_shared *s);
	LIST_ENTRY(probe_shared) link;
};
LIST_HEAD(probe_shared_list, probe_shared);

/* What a probe may use of the world. Outlives every probe. */
struct probe_env {
	struct loop *loop;
	struct kernel_port *kernel;
	struct rng *rng;
	struct probe_shared_list *shared;
};
/* NULL when the kind has none yet. */
struct probe_shared *probe_shared_find(const struct probe_env *env, const struct probe_kind *kind);
void probe_shared_add(
    const struct probe_env *env, const struct probe_kind *kind, struct probe_shared *s);
/* After the last probe is gone. */
void probe_shared_free_all(const struct probe_env *env);

/* A kind of probe: a const object in probe/NAME.c, listed in daemon/kinds.c. */
struct probe_kind {
	struct conf_variant variant; /* type name and own options */
	/* Makes a probe. Never NULL. The runner fills in the head. `env` outlives it. */
	struct probe *(*new)(const struct probe_env *env, const void *kind_conf);
	/* Asks once. The verdict comes by probe_done(), later or at once, exactly once for each
	 * start. */
	void (*start)(struct probe *p);
	/* Abandons the attempt under way (timeout, removal): probe_done() is not called any more.
	 */
	void (*cancel)(struct probe *p);
	/* Only when no attempt is under way. */
	void (*free)(struct probe *p);
	/* Whom it asks, for people: "udp 192.0.2.53:53 www.example.net A". */
	void (*describe)(const struct probe *p, struct str *out);
	/* The attempt has just run into its time-out and is about to be cancelled: text for the
	 * sample's detail. May be NULL. */
	void (*timed_out)(const struct probe *p, char *detail, size_t size);
	/* Mask of 1u << KERNEL_SOCKET_x (core/kernel_port.h): what its probes ask socket_open()
	 * for. */
	uint32_t sockets;
};

/* The head of every kind's own struct. `conf` is the kind's options in the generation of now: the
 * runner sets it after new() and moves it at a reload that left them equal, so a kind keeps no
 * other pointer into the configuration. `name` is the runner's. */
struct probe {
	const struct probe_kind *kind;
	struct runner *runner;
	const char *name;
	const void *conf;
};

/* The common options' schema rows, for the root schema to embed: frequency, timeout, rise, fall. */
extern const struct conf_row probe_rows[];
void probe_conf_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj);

const struct probe_kind *probe_kind_of(const struct probe_conf *conf);
/* From a kind: the attempt ended. `sample->rtt` is filled in by the runner. */
void probe_done(struct probe *p, const struct probe_sample *sample);
/* Shorthand for kinds. */
void probe_ok(struct probe *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void probe_fail(struct probe *p, enum why why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Fills in a sample, for the pure judges of answers; `ok` follows from `why`. */
void probe_sample_set(struct probe_sample *s, enum why why, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The sample for a negative errno of connect, send or recv. */
void probe_fail_errno(struct probe *p, int error, const char *what);

#endif
