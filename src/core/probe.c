/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all kinds of probes share: the common options, and the ways for a kind to say how an attempt
 * went. When an attempt starts and what a verdict means is the runner's business (runner.c).
 *
 * A call of probe_done() (or of one of its shorthands) is the last thing that a kind does with its
 * probe: the runner's owner may free the probe before the call returns.
 */
#include "core/probe.h"

#include "core/runner.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const struct conf_row probe_rows[] = {
    {
	.key = "frequency",
	.type = CONF_DUR,
	.offset = offsetof(struct probe_conf, frequency),
	.dflt = "1s",
	.min = 10 * DUR_MS,
	.max = DUR_DAY,
	.doc = "How often to ask.",
    },
    {
	.key = "timeout",
	.type = CONF_DUR,
	.offset = offsetof(struct probe_conf, timeout),
	.dflt = "300ms",
	.min = DUR_MS,
	.max = DUR_DAY,
	.doc = "How long to wait for an answer before the attempt counts as failed; at most the "
	       "frequency.",
    },
    {
	.key = "rise",
	.type = CONF_U32,
	.offset = offsetof(struct probe_conf, rise),
	.dflt = "3",
	.min = 1,
	.max = 1000,
	.doc = "How many successes in a row make it up.",
    },
    {
	.key = "fall",
	.type = CONF_U32,
	.offset = offsetof(struct probe_conf, fall),
	.dflt = "2",
	.min = 1,
	.max = 1000,
	.doc = "How many failures make it down: in a row, or among the last `of`.",
    },
    {
	.key = "of",
	.type = CONF_U32,
	.offset = offsetof(struct probe_conf, of),
	.dflt = "0",
	.max = 64,
	.doc = "Count failures among that many of the last samples, so that a service which fails "
	       "every other time is down. 0: in a row.",
    },
    {
	.key = "retry",
	.type = CONF_DUR,
	.offset = offsetof(struct probe_conf, retry),
	.dflt = "200ms",
	.max = DUR_DAY,
	.doc = "After a failure ask again so soon, until `fall` failures confirm it or an answer "
	       "refutes it. 0: wait for the next regular attempt.",
    },
    {
	.key = "threshold",
	.type = CONF_DUR,
	.offset = offsetof(struct probe_conf, threshold),
	.dflt = "0s",
	.max = DUR_DAY,
	.doc =
	    "A good answer that takes longer is late: it does not count as a failure, and a track "
	    "with `in-time` follows it. 0: no answer is late.",
    },
    {.type = CONF_END},
};

void
probe_conf_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct probe_conf *conf = obj;
	const struct conf_node *at;
	char timeout[32], frequency[32];

	if (conf->of != 0 && conf->of < conf->fall) {
		at = conf_node_find(node, "of");
		conf_error(ctx, at != NULL ? at : node,
		    "of: %u failures cannot be among the last %u samples: make `of` at least "
		    "`fall`",
		    conf->fall, conf->of);
	}
	if (conf->timeout <= conf->frequency)
		return;
	at = conf_node_find(node, "timeout");
	if (at == NULL)
		at = conf_node_find(node, "frequency");
	conf_error(ctx, at != NULL ? at : node,
	    "the timeout (%s) is longer than the frequency (%s): attempts would overlap; make the "
	    "timeout shorter or the frequency longer",
	    dur_format(conf->timeout, timeout, sizeof(timeout)),
	    dur_format(conf->frequency, frequency, sizeof(frequency)));
}

/* -- what a kind's probes share -- */

struct probe_shared *
probe_shared_find(const struct probe_env *env, const struct probe_kind *kind)
{
	struct probe_shared *s;

	LIST_FOREACH (s, env->shared, link) {
		if (s->kind == kind)
			return s;
	}
	return NULL;
}

void
probe_shared_add(const struct probe_env *env, const struct probe_kind *kind, struct probe_shared *s)
{
	assert(probe_shared_find(env, kind) == NULL);
	s->kind = kind;
	LIST_INSERT_HEAD(env->shared, s, link);
}

void
probe_shared_free_all(const struct probe_env *env)
{
	struct probe_shared *s, *next;

	LIST_FOREACH_SAFE (s, env->shared, link, next) {
		LIST_REMOVE(s, link);
		s->free(s);
	}
}

/* -- verdicts -- */

const struct probe_kind *
probe_kind_of(const struct probe_conf *conf)
{
	const struct conf_variant *v = conf->variant;

	assert(v != NULL);
	return (const struct probe_kind *)(const void *)((const char *)v -
							 offsetof(struct probe_kind, variant));
}

static void sample_fill(struct probe_sample *s, enum why why, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static void
sample_fill(struct probe_sample *s, enum why why, const char *fmt, va_list ap)
{
	*s = (struct probe_sample){.ok = why == WHY_OK, .why = why};
	if (fmt != NULL) {
		vsnprintf(s->detail, sizeof(s->detail), fmt, ap);
		str_sanitise(s->detail);
	}
}

void
probe_sample_set(struct probe_sample *s, enum why why, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	sample_fill(s, why, fmt, ap);
	va_end(ap);
}

void
probe_ok(struct probe *p, const char *fmt, ...)
{
	struct probe_sample sample;
	va_list ap;

	va_start(ap, fmt);
	sample_fill(&sample, WHY_OK, fmt, ap);
	va_end(ap);
	probe_done(p, &sample);
}

void
probe_fail(struct probe *p, enum why why, const char *fmt, ...)
{
	struct probe_sample sample;
	va_list ap;

	assert(why != WHY_OK);
	va_start(ap, fmt);
	sample_fill(&sample, why, fmt, ap);
	va_end(ap);
	probe_done(p, &sample);
}

/* What the kernel's errors mean for a probe; anything else is this host's own trouble. */
static const struct {
	int error;
	enum why why;
} probe_errors[] = {
    {ECONNREFUSED, WHY_REFUSED},
    {ECONNRESET, WHY_RESET},
    {ECONNABORTED, WHY_RESET},
    {EPIPE, WHY_RESET},
    {ENETUNREACH, WHY_UNREACHABLE},
    {EHOSTUNREACH, WHY_UNREACHABLE},
    {ENETDOWN, WHY_UNREACHABLE},
    {EHOSTDOWN, WHY_UNREACHABLE},
    {ENONET, WHY_UNREACHABLE},
    {EPROTO, WHY_UNREACHABLE},
    {ENOPROTOOPT, WHY_UNREACHABLE},
    {ETIMEDOUT, WHY_TIMEOUT},
};

void
probe_fail_errno(struct probe *p, int error, const char *what)
{
	enum why why = WHY_LOCAL;

	for (size_t i = 0; i < ARRAY_LEN(probe_errors); i++) {
		if (probe_errors[i].error == -error)
			why = probe_errors[i].why;
	}
	probe_fail(p, why, "%s: %s", what, strerror(-error));
}
