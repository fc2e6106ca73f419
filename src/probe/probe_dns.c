/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dns probe: one query to a name server, and a look at what comes back.
 *
 * An attempt has up to three parts, which begin together: the query itself, the node's name
 * (CHAOS), and the primary's serial. It succeeds when all of them have, and fails with the first
 * that fails. The transports are in dns_ask.c, the verdict on an answer is in dns_judge.c, the
 * other parts are in dns_side.c, the options in dns_conf.c.
 *
 * The probe owns its parts. It keeps no pointer into the configuration: what it needs is copied
 * when it is made, or taken from `conf` when an attempt begins.
 */
#include "core/probe.h"
#include "core/runner.h"
#include "probe/dns_ask.h"
#include "probe/dns_conf.h"
#include "probe/dns_side.h"
#include "probe/dns_walk.h"
#include "probe/probe_kinds.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parts of an attempt that are under way. */
enum dns_part { PART_QUERY = 1, PART_CHAOS = 2, PART_SERIAL = 4 };

struct dns_chaos_part {
	struct dns_chaos chaos;
	struct dns_probe *probe;
};

struct dns_serial_part {
	struct dns_serial serial;
	struct dns_probe *probe;
};

struct dns_probe {
	struct probe probe;
	struct dns_ask ask;
	struct dns_judge judge;
	struct dns_chaos_part *chaos;   /* NULL: not asked */
	struct dns_serial_part *serial; /* NULL: not compared */
	struct dns_tls_opts *tls;       /* NULL: not over TLS */
	unsigned open;                  /* mask of enum dns_part */
	struct probe_sample sample;     /* of the query; ok once it is answered */
};

static const struct dns_conf *
conf_of(const struct dns_probe *d)
{
	return d->probe.conf;
}

/* -- the end of an attempt -- */

static void
attempt_end(struct dns_probe *d)
{
	d->open = 0;
	dns_ask_stop(&d->ask);
	if (d->chaos != NULL)
		dns_ask_stop(&d->chaos->chaos.ask);
	if (d->serial != NULL)
		dns_serial_stop(&d->serial->serial);
}

static void
attempt_failed(struct dns_probe *d, int error, const char *what)
{
	attempt_end(d);
	probe_fail_errno(&d->probe, error, what);
}

static void
attempt_judged(struct dns_probe *d, const struct probe_sample *sample)
{
	attempt_end(d);
	probe_done(&d->probe, sample);
}

/* A part has succeeded; with the last one the attempt has. */
static void
part_done(struct dns_probe *d, enum dns_part part)
{
	d->open &= ~(unsigned)part;
	if (d->open == 0)
		attempt_judged(d, &d->sample);
}

static void
add_remark(struct dns_probe *d, const char *remark)
{
	size_t at = strlen(d->sample.detail);

	snprintf(d->sample.detail + at, sizeof(d->sample.detail) - at, "%s%s", at > 0 ? "; " : "",
	    remark);
	str_sanitise(d->sample.detail);
}

/* A side question's verdict. */
static void
side_done(struct dns_probe *d, enum dns_part part, const struct dns_side_result *result)
{
	if (result->error != 0) {
		attempt_failed(d, result->error, result->what);
	} else if (!result->sample.ok) {
		attempt_judged(d, &result->sample);
	} else {
		if (result->sample.detail[0] != '\0')
			add_remark(d, result->sample.detail);
		part_done(d, part);
	}
}

static void
on_chaos(struct dns_chaos *c, const struct dns_side_result *result)
{
	side_done(container_of(c, struct dns_chaos_part, chaos)->probe, PART_CHAOS, result);
}

static void
on_serial(struct dns_serial *s, const struct dns_side_result *result)
{
	side_done(container_of(s, struct dns_serial_part, serial)->probe, PART_SERIAL, result);
}

/* -- the query -- */

/* The answer is good; its serial is still to be compared, unless the primary is away. */
static void
own_serial(struct dns_probe *d, const struct dns_reply *reply, const char *remark)
{
	struct probe_sample sample;
	uint32_t serial;

	if (!dns_soa_serial(reply->msg, reply->len, &serial)) {
		probe_sample_set(&sample, WHY_CONTENT, "no SOA record in the answer");
		attempt_judged(d, &sample);
		return;
	}
	snprintf(d->sample.detail, sizeof(d->sample.detail), "serial %u", serial);
	if (remark[0] != '\0')
		add_remark(d, remark);
	if ((d->open & PART_SERIAL) == 0) {
		part_done(d, PART_QUERY);
		return;
	}
	d->open &= ~(unsigned)PART_QUERY;
	dns_serial_own(&d->serial->serial, serial);
}

static void
on_reply(struct dns_ask *a, const struct dns_reply *reply)
{
	struct dns_probe *d = container_of(a, struct dns_probe, ask);
	char remark[PROBE_DETAIL];
	struct probe_sample sample = {0};

	if (reply->msg == NULL) {
		if (reply->why == WHY_NONE) {
			attempt_failed(d, reply->error, reply->what);
			return;
		}
		probe_sample_set(&sample, reply->why, "%s", reply->what);
		attempt_judged(d, &sample);
		return;
	}
	dns_judge_answer(&d->judge, reply->msg, reply->len, loop_wall_ns(a->env->loop), &sample);
	if (!sample.ok) {
		attempt_judged(d, &sample);
		return;
	}
	str_copy(remark, sizeof(remark), d->sample.detail); /* of a part that was faster */
	d->sample = sample;
	if (d->serial != NULL) {
		own_serial(d, reply, remark);
		return;
	}
	if (remark[0] != '\0')
		add_remark(d, remark);
	part_done(d, PART_QUERY);
}

/* -- the kind -- */

static struct probe *
dns_new(const struct probe_env *env, const void *kind_conf)
{
	const struct dns_conf *c = kind_conf;
	struct dns_query_opts opts = dns_conf_query(c);
	struct dns_demands demands = dns_conf_demands(c);
	struct dns_probe *d = mem_alloc(sizeof(*d));
	bool built;

	dns_ask_init(&d->ask, env, on_reply);
	built = dns_query_build(&c->question, &opts, &d->ask.query);
	assert(built);
	dns_judge_init(&d->judge, c->question.type, &demands);
	if (c->protocol == DNS_TLS) {
		d->tls = mem_alloc(sizeof(*d->tls));
		d->tls->trust = tls_trust_get(env, &c->tls);
		d->tls->verify = c->tls.verify;
		d->tls->certificate_days = c->tls.certificate_days;
		str_copy(
		    d->tls->name, sizeof(d->tls->name), c->tls_name != NULL ? c->tls_name : "");
	}
	if (c->identity != NULL && c->identity->chaos != NULL) {
		d->chaos = mem_alloc(sizeof(*d->chaos));
		d->chaos->probe = d;
		dns_chaos_init(&d->chaos->chaos, env, c->identity->chaos, on_chaos);
	}
	if (c->serial != NULL) {
		d->serial = mem_alloc(sizeof(*d->serial));
		d->serial->probe = d;
		dns_serial_init(&d->serial->serial, env, &c->question, c->serial, on_serial);
	}
	return &d->probe;
}

/* The primary has three quarters of the attempt's time. */
static void
serial_begin(struct dns_probe *d)
{
	const struct dns_conf *c = conf_of(d);
	struct dns_ask_to primary = {.server = c->serial->primary, .protocol = DNS_UDP};

	if (c->net.source.family == primary.server.addr.family)
		primary.opts = probe_net_opts(&c->net);
	d->open |= PART_SERIAL;
	dns_serial_start(&d->serial->serial, &primary, d->probe.runner->conf->timeout / 4 * 3);
}

static void
dns_start(struct probe *p)
{
	struct dns_probe *d = container_of(p, struct dns_probe, probe);
	const struct dns_conf *c = conf_of(d);
	const struct dns_ask_to to = {
	    .server = c->server,
	    .protocol = c->protocol,
	    .opts = probe_net_opts(&c->net),
	    .tls = d->tls,
	};
	const char *what = NULL;
	int error;

	d->sample.detail[0] = '\0';
	d->open = PART_QUERY;
	if (d->serial != NULL)
		serial_begin(d);
	error = dns_ask_start(&d->ask, &to, &what);
	if (error == 0 && d->chaos != NULL) {
		d->open |= PART_CHAOS;
		error = dns_chaos_start(&d->chaos->chaos, &to, &what);
	}
	if (error < 0)
		attempt_failed(d, error, what);
}

static void
dns_cancel(struct probe *p)
{
	attempt_end(container_of(p, struct dns_probe, probe));
}

static void
dns_free(struct probe *p)
{
	struct dns_probe *d = container_of(p, struct dns_probe, probe);

	if (d->chaos != NULL)
		dns_chaos_done(&d->chaos->chaos);
	free(d->chaos);
	free(d->serial);
	if (d->tls != NULL)
		tls_trust_put(d->tls->trust);
	free(d->tls);
	dns_judge_done(&d->judge);
	free(d);
}

static void
dns_describe(const struct probe *p, struct str *out)
{
	static const char *const words[] = {
	    [DNS_UDP] = "udp", [DNS_TCP] = "tcp", [DNS_TLS] = "tls"};
	const struct dns_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(
	    out, "%s %s ", words[c->protocol], endpoint_format(&c->server, server, sizeof(server)));
	dns_question_custom.show(&c->question, out);
}

static void
dns_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct dns_probe *d = const_container_of(p, struct dns_probe, probe);
	char silence[PROBE_DETAIL];

	if ((d->open & PART_QUERY) != 0 || d->chaos == NULL) {
		dns_ask_silence(&d->ask, detail, size);
		return;
	}
	dns_ask_silence(&d->chaos->chaos.ask, silence, sizeof(silence));
	snprintf(detail, size, "the server's name: %s", silence);
}

const struct probe_kind probe_dns = {
    .variant = {.type = "dns", .schema = &dns_conf_schema},
    .new = dns_new,
    .start = dns_start,
    .cancel = dns_cancel,
    .free = dns_free,
    .describe = dns_describe,
    .timed_out = dns_timed_out,
};
