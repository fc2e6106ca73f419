/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a dns probe asks beside its own query, within the same attempt.
 *
 * The node's name (RFC 4892): `id.server CH TXT`, and `hostname.bind` when the server does not know
 * the first. Behind an address that several nodes share, this query may reach another node than the
 * probe's own did; where the server speaks NSID, that is the better proof.
 *
 * The primary's serial: asked at the same time as the server's, so that both are of the same
 * moment. The primary gets less time than the attempt has, because its silence is not the server's
 * fault: unless the operator says otherwise it ends in a remark. Serials are compared as RFC 1982
 * says; a server that is ahead of its primary is fine, and worth a remark.
 *
 * Each is embedded in or owned by the probe, and calls back once for each start.
 */
#include "probe/dns_side.h"

#include "probe/dns_walk.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- the node's name -- */

static const char *const chaos_names[] = {"id.server", "hostname.bind"};

static int
chaos_ask(struct dns_chaos *c, const char **what)
{
	const struct dns_question q = {
	    .name = chaos_names[c->name], .type = LDNS_RR_TYPE_TXT, .class = LDNS_RR_CLASS_CH};
	const struct dns_query_opts plain = {0};
	bool built = dns_query_build(&q, &plain, &c->ask.query);

	assert(built);
	return dns_ask_start(&c->ask, &c->to, what);
}

static void
chaos_name(struct dns_chaos *c, const struct dns_reply *reply, struct dns_side_result *result)
{
	char got[256], rcode[16];

	if (!dns_txt_first(reply->msg, reply->len, got, sizeof(got))) {
		probe_sample_set(&result->sample, WHY_CONTENT, "%s: %s, expected %s",
		    chaos_names[c->name],
		    dns_rcode_str(reply->msg[3] & DNS_HDR_RCODE, rcode, sizeof(rcode)), c->want);
		return;
	}
	if (strcmp(got, c->want) == 0)
		probe_sample_set(&result->sample, WHY_OK, NULL);
	else
		probe_sample_set(
		    &result->sample, WHY_CONTENT, "answered by %s, expected %s", got, c->want);
}

static void
chaos_replied(struct dns_ask *a, const struct dns_reply *reply)
{
	struct dns_chaos *c = container_of(a, struct dns_chaos, ask);
	struct dns_side_result result = {.what = reply->what};
	char got[2];

	if (reply->msg == NULL) {
		result.error = reply->error;
		if (reply->why != WHY_NONE)
			probe_sample_set(&result.sample, reply->why, "%s", reply->what);
	} else if (!dns_txt_first(reply->msg, reply->len, got, sizeof(got)) &&
		   c->name + 1 < ARRAY_LEN(chaos_names)) {
		c->name++;
		result.error = chaos_ask(c, &result.what);
		if (result.error == 0)
			return;
	} else {
		chaos_name(c, reply, &result);
	}
	c->fn(c, &result);
}

void
dns_chaos_init(struct dns_chaos *c, const struct probe_env *env, const char *want, dns_chaos_fn *fn)
{
	dns_ask_init(&c->ask, env, chaos_replied);
	c->want = mem_strdup(want);
	c->fn = fn;
}

void
dns_chaos_done(struct dns_chaos *c)
{
	dns_ask_stop(&c->ask);
	free(c->want);
	c->want = NULL;
}

int
dns_chaos_start(struct dns_chaos *c, const struct dns_ask_to *to, const char **what)
{
	c->to = *to;
	c->name = 0;
	return chaos_ask(c, what);
}

/* -- the primary's serial -- */

static void
serial_verdict(struct dns_serial *s, const struct dns_side_result *result)
{
	dns_serial_stop(s);
	s->fn(s, result);
}

/* The primary has nothing to compare with. */
static void
primary_away(struct dns_serial *s, enum why why, const char *how)
{
	struct dns_side_result result = {0};

	probe_sample_set(&result.sample, s->require_primary ? why : WHY_OK, "the primary: %s", how);
	serial_verdict(s, &result);
}

static void
primary_failed(struct dns_serial *s, const struct dns_reply *reply)
{
	struct dns_side_result result = {.error = reply->error, .what = "the primary"};

	if (reply->error != 0 && s->require_primary)
		serial_verdict(s, &result);
	else if (reply->error != 0)
		primary_away(s, WHY_LOCAL, strerror(-reply->error));
	else
		primary_away(s, reply->why, reply->what);
}

static void
serial_compare(struct dns_serial *s)
{
	struct dns_side_result result = {0};
	int32_t behind;

	if (!s->own_known || !s->primary_known)
		return;
	behind = dns_serial_ahead(s->own, s->primary);
	if (behind < 0 && behind != INT32_MIN)
		probe_sample_set(
		    &result.sample, WHY_OK, "ahead of the primary, which has %u", s->primary);
	else if (behind == INT32_MIN || (uint32_t)behind > s->max_lag)
		probe_sample_set(&result.sample, WHY_CONTENT,
		    "serial %u, the primary has %u: more than %u behind", s->own, s->primary,
		    s->max_lag);
	else
		probe_sample_set(&result.sample, WHY_OK, NULL);
	serial_verdict(s, &result);
}

static void
primary_replied(struct dns_ask *a, const struct dns_reply *reply)
{
	struct dns_serial *s = container_of(a, struct dns_serial, ask);
	char rcode[16];

	if (reply->msg == NULL) {
		primary_failed(s, reply);
		return;
	}
	s->primary_known = dns_soa_serial(reply->msg, reply->len, &s->primary);
	if (s->primary_known)
		serial_compare(s);
	else
		primary_away(s, WHY_CONTENT,
		    (reply->msg[3] & DNS_HDR_RCODE) != 0
			? dns_rcode_str(reply->msg[3] & DNS_HDR_RCODE, rcode, sizeof(rcode))
			: "no SOA record in its answer");
}

static void
out_of_patience(struct loop_timer *t)
{
	struct dns_serial *s = container_of(t, struct dns_serial, patience);
	char how[PROBE_DETAIL];

	if (s->primary_known)
		return; /* it is the server's own serial that is missing */
	dns_ask_silence(&s->ask, how, sizeof(how));
	primary_away(s, WHY_TIMEOUT, how);
}

void
dns_serial_init(struct dns_serial *s, const struct probe_env *env,
    const struct dns_question *question, const struct dns_serial_conf *c, dns_serial_fn *fn)
{
	const struct dns_query_opts plain = {0};
	bool built;

	dns_ask_init(&s->ask, env, primary_replied);
	built = dns_query_build(question, &plain, &s->ask.query);
	assert(built);
	loop_timer_init(&s->patience, env->loop, out_of_patience);
	s->require_primary = c->require_primary;
	s->max_lag = c->max_lag;
	s->fn = fn;
}

void
dns_serial_start(struct dns_serial *s, const struct dns_ask_to *to, dur_t patience)
{
	const char *what;
	int error;

	s->own_known = s->primary_known = false;
	error = dns_ask_start(&s->ask, to, &what);
	/* What cannot even be asked is known at once, and told from the loop. */
	loop_timer_after(&s->patience, error < 0 ? 0 : patience);
}

void
dns_serial_own(struct dns_serial *s, uint32_t serial)
{
	s->own = serial;
	s->own_known = true;
	serial_compare(s);
}

void
dns_serial_stop(struct dns_serial *s)
{
	loop_timer_cancel(&s->patience);
	dns_ask_stop(&s->ask);
}
