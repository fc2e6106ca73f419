/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nigh explain ADDRESS`: the whole chain from the samples to the neighbors and the kernel, with
 * times, so that one reading answers "why is this route (not) there?".
 */
#include "base/mem.h"
#include "daemon/engine_priv.h"

#include <string.h>

#define EXPLAIN_DEPTH 8 /* of tracks within tracks */

/* The service that has the address. */
static bool
service_of(struct engine *e, const struct addr *addr, struct service_view *v, struct prefix *prefix)
{
	for (size_t i = 0; core_service_at(e->core, i, v); i++) {
		const struct prefix *p = v->conf->addresses.items;
		for (size_t j = 0; j < v->conf->addresses.count; j++) {
			if (addr_equal(&p[j].addr, addr)) {
				*prefix = p[j];
				return true;
			}
		}
	}
	return false;
}

static bool
track_named(struct engine *e, const char *name, struct track_view *v)
{
	for (size_t i = 0; core_track_at(e->core, i, v); i++) {
		if (str_equal(v->name, name))
			return true;
	}
	return false;
}

/* Durations for people: no more digits than help. */
static const char *
rough(dur_t d, char *buf, size_t size)
{
	dur_t step = d >= 10 * DUR_S ? DUR_S
		     : d >= DUR_S    ? 100 * DUR_MS
		     : d >= DUR_MS   ? DUR_MS
				     : DUR_US;

	return dur_format(d / step * step, buf, size);
}

static const char *
ago(mono_t now, mono_t then, char *buf, size_t size)
{
	return rough(mono_sub(now, then), buf, size);
}

static void
explain_probe(struct engine *e, const char *name, unsigned level, mono_t now, struct answer *a)
{
	const struct runner *r = engine_runner_find(e, name);
	struct str target = {0};
	char when[24], rtt[24], every[24];

	if (r == NULL)
		return;
	r->probe->kind->describe(r->probe, &target);
	dur_format(r->conf->frequency, every, sizeof(every));
	answer_line(a, level, "asks %s every %s", str_text(&target), every);
	str_done(&target);
	if (r->attempts == 0) {
		answer_line(a, level, "no answer yet: the first attempt has not ended");
		return;
	}
	answer_line(a, level, "last sample %s ago: %s%s%s after %s; %llu of %llu failed",
	    ago(now, r->last_at, when, sizeof(when)), why_text(r->last.why),
	    r->last.detail[0] != '\0' ? ": " : "", r->last.detail,
	    rough(r->last.rtt, rtt, sizeof(rtt)), (unsigned long long)r->failures,
	    (unsigned long long)r->attempts);
}

static const struct track_conf *
track_conf_of(const struct engine *e, const char *name)
{
	const struct config *c = engine_config(e);
	const struct conf_map_entry *entry = c != NULL ? conf_map_find(&c->tracks, name) : NULL;

	return entry != NULL ? entry->value : NULL;
}

static void explain_tracks(
    struct engine *e, const struct conf_list *names, unsigned level, mono_t now, struct answer *a);

static void
explain_track(struct engine *e, const char *name, unsigned level, mono_t now, struct answer *a)
{
	const struct track_conf *conf = track_conf_of(e, name);
	struct track_view v;
	char since[24], wait[24];

	if (!track_named(e, name, &v))
		return;
	answer_line(a, level, "%s %s: %s for %s: %s%s%s", v.kind, name, track_state_str(v.state),
	    ago(now, v.since, since, sizeof(since)), why_text(v.why),
	    v.detail[0] != '\0' ? ": " : "", v.detail);
	if (v.pending)
		answer_line(a, level + 1, "changes in %s unless it turns back",
		    rough(mono_sub(v.pending_at, now), wait, sizeof(wait)));
	explain_probe(e, name, level + 1, now, a);
	if (conf != NULL && level < EXPLAIN_DEPTH) {
		explain_tracks(e, &conf->all, level + 1, now, a);
		explain_tracks(e, &conf->any, level + 1, now, a);
	}
}

static void
explain_tracks(
    struct engine *e, const struct conf_list *names, unsigned level, mono_t now, struct answer *a)
{
	const char *const *name = names->items;

	for (size_t i = 0; i < names->count; i++)
		explain_track(e, name[i], level, now, a);
}

/* The tracks of the service's ports: named after it, with a blank that no configured name has. */
static void
explain_listens(struct engine *e, const char *service, mono_t now, struct answer *a)
{
	size_t len = strlen(service);
	struct track_view v;

	for (size_t i = 0; core_track_at(e->core, i, &v); i++) {
		if (strncmp(v.name, service, len) == 0 && v.name[len] == ' ')
			explain_track(e, v.name, 2, now, a);
	}
}

static void
explain_service(struct engine *e, const struct service_view *v, mono_t now, struct answer *a)
{
	char since[24], left[24];

	answer_line(a, 0, "service %s: %s for %s: %s%s%s", v->name, service_level_str(v->level),
	    ago(now, v->since, since, sizeof(since)), why_text(v->why),
	    v->culprit[0] != '\0' ? ": " : "", v->culprit);
	if (v->admin != ADMIN_AUTO)
		answer_line(a, 1, "an operator has set admin %s", service_admin_str(v->admin));
	if (v->damped)
		answer_line(a, 1, "damped: it went down too often; may come up in %s",
		    dur_format(mono_sub(v->damped_until, now), left, sizeof(left)));
	if (v->holding)
		answer_line(a, 1, "good, and up in %s (hold-up)",
		    rough(mono_sub(v->hold_until, now), left, sizeof(left)));
	if (v->draining && v->drain_until.ns != DUR_NEVER)
		answer_line(a, 1, "the drain ends in %s",
		    rough(mono_sub(v->drain_until, now), left, sizeof(left)));
	if (v->conf->require.count + v->conf->listens.count > 0)
		answer_line(a, 1, "requires:");
	else
		answer_line(a, 1, "requires nothing: announced while this host runs");
	explain_tracks(e, &v->conf->require, 2, now, a);
	explain_listens(e, v->name, now, a);
	if (v->conf->prefer.count > 0)
		answer_line(a, 1, "prefers:");
	explain_tracks(e, &v->conf->prefer, 2, now, a);
}

static void
explain_intent(struct engine *e, const struct prefix *p, mono_t now, struct answer *a)
{
	const struct intent *in = core_intent(e->core);
	const struct intent_entry *address = intent_find(in, INTENT_ADDRESS, p);
	const struct intent_entry *route = intent_find(in, INTENT_ROUTE, p);
	struct str attrs = {0};
	char since[24];

	if (address != NULL)
		answer_line(a, 0, "kernel: the address is %son %s%s",
		    address->present ? "" : "not ", address->interface,
		    address->wanted == address->present ? ""
		    : address->wanted                   ? ", but should be"
							: ", and is to be removed");
	if (route == NULL) {
		answer_line(a, 0, "intent: no route");
		return;
	}
	attrs_format(route->attrs, &attrs);
	answer_line(a, 0, "intent: %s for %s: %s%s%s",
	    route->wanted ? "announce" : "do not announce",
	    ago(now, route->changed, since, sizeof(since)), why_text(route->why),
	    route->wanted && attrs.len > 0 ? "; " : "", route->wanted ? str_text(&attrs) : "");
	str_done(&attrs);
}

void
engine_explain(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct service_view v;
	struct prefix prefix;

	if (call->count != 1 || prefix_parse(call->args[0], &prefix) != 0) {
		answer_fail(a, "an address is needed, as in: explain 192.0.2.53");
		answer_usage(a);
		return;
	}
	if (!service_of(e, &prefix.addr, &v, &prefix)) {
		answer_fail(a, "no service has the address %s; 'nigh show services' lists them",
		    call->args[0]);
		return;
	}
	explain_service(e, &v, call->now, a);
	explain_intent(e, &prefix, call->now, a);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->explain(e->speakers[i], &prefix, a, call->now);
}
