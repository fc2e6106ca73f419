/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dns probe asks beside its own query, within the same attempt.
 */
#ifndef PROBE_DNS_SIDE_H
#define PROBE_DNS_SIDE_H

#include "probe/dns_ask.h"

/* A verdict of a side question. */
struct dns_side_result {
	struct probe_sample sample; /* ok: nothing speaks against the attempt; its detail is a
				     * remark, or "" */
	int error;                  /* not 0: this errno (negative) is the verdict, at `what` */
	const char *what;
};

/* Is it our node? CHAOS TXT at the same server (RFC 4892). */
struct dns_chaos;
typedef void dns_chaos_fn(struct dns_chaos *c, const struct dns_side_result *result);
struct dns_chaos {
	struct dns_ask ask;
	dns_chaos_fn *fn;
	char *want;
	struct dns_ask_to to;
	unsigned name; /* which of the names is being asked */
};
void dns_chaos_init(
    struct dns_chaos *c, const struct probe_env *env, const char *want, dns_chaos_fn *fn);
void dns_chaos_done(struct dns_chaos *c);
int dns_chaos_start(struct dns_chaos *c, const struct dns_ask_to *to, const char **what);

/* Is the zone as new as that of the primary? */
struct dns_serial;
typedef void dns_serial_fn(struct dns_serial *s, const struct dns_side_result *result);
struct dns_serial {
	struct dns_ask ask;
	dns_serial_fn *fn;
	struct loop_timer patience;
	bool require_primary;
	uint32_t max_lag;
	bool own_known, primary_known;
	uint32_t own, primary;
};
/* `question`: the SOA question of the probe. */
void dns_serial_init(struct dns_serial *s, const struct probe_env *env,
    const struct dns_question *question, const struct dns_serial_conf *c, dns_serial_fn *fn);
/* Asks the primary, but for no longer than `patience`. Its failure is a verdict like any other, so
 * this does not fail. The verdict may come from inside dns_serial_own(), else from the loop. */
void dns_serial_start(struct dns_serial *s, const struct dns_ask_to *to, dur_t patience);
/* The serial of the server that is probed. */
void dns_serial_own(struct dns_serial *s, uint32_t serial);
void dns_serial_stop(struct dns_serial *s);

#endif
