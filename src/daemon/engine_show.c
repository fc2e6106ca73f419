/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine itself answers: show, history, reload and the operators' words. (Speakers bring
 * commands of their own; `status` is in engine_status.c, `explain` in engine_explain.c.)
 */
#include "base/mem.h"
#include "daemon/engine_priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 20000 /* of a table */

/* Does the call ask for all objects, or for this one? */
static bool
asked(const struct command_call *call, const char *name)
{
	return call->count == 0 || str_equal(call->args[0], name);
}

/* After a table: a name that matched nothing is a mistake. */
static void
check_found(const struct command_call *call, struct answer *a, const char *kind, bool found)
{
	if (call->count > 0 && !found)
		answer_fail(a, "there is no %s '%s'", kind, call->args[0]);
}

static void
say_why(struct answer *a, enum why why, const char *what)
{
	if (what[0] != '\0')
		answer_fmt(a, "why", "%s (%s)", why_text(why), what);
	else
		answer_str(a, "why", why_text(why));
}

/* -- services -- */

static const struct answer_column service_columns[] = {
    {"service", "SERVICE", ANSWER_TEXT},
    {"level", "LEVEL", ANSWER_STATE},
    {"since", "SINCE", ANSWER_AGO},
    {"why", "WHY", ANSWER_TEXT},
    {"addresses", "ADDRESSES", ANSWER_TEXT},
    {"admin", "ADMIN", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static void
service_addresses(const struct service_conf *conf, struct answer *a)
{
	const struct prefix *p = conf->addresses.items;
	struct str text = {0};
	char one[PREFIX_TEXT];

	for (size_t i = 0; i < conf->addresses.count; i++)
		str_printf(&text, "%s%s", i > 0 ? " " : "", prefix_format(&p[i], one, sizeof(one)));
	answer_str(a, "addresses", str_text(&text));
	str_done(&text);
}

static void
service_row(const struct service_view *v, const struct command_call *call, struct answer *a)
{
	char left[24];

	answer_row(a);
	answer_str(a, "service", v->name);
	answer_str(a, "level", service_level_str(v->level));
	answer_int(a, "since", mono_sub(call->now, v->since));
	if (v->holding) {
		dur_format(mono_sub(v->hold_until, call->now), left, sizeof(left));
		answer_fmt(a, "why", "%s (up in %s)", why_text(v->why), left);
	} else {
		say_why(a, v->why, v->culprit);
	}
	service_addresses(v->conf, a);
	answer_str(a, "admin", v->draining ? "drain" : service_admin_str(v->admin));
}

void
engine_services_table(struct engine *e, const struct command_call *call, struct answer *a)
{
	struct service_view v;
	bool found = false;

	answer_table(a, "services", service_columns);
	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		if (!asked(call, v.name))
			continue;
		service_row(&v, call, a);
		found = true;
	}
	check_found(call, a, "service", found);
}

static void
show_services(struct command_host *host, const struct command_call *call, struct answer *a)
{
	engine_services_table(engine_of_host(host), call, a);
}

/* -- probes -- */

static const struct answer_column probe_columns[] = {
    {"probe", "PROBE", ANSWER_TEXT},
    {"state", "STATE", ANSWER_STATE},
    {"last", "LAST", ANSWER_TEXT},
    {"ago", "AGO", ANSWER_AGO},
    {"rtt", "RTT", ANSWER_DURATION},
    {"asked", "ASKED", ANSWER_NUMBER},
    {"failed", "FAILED", ANSWER_NUMBER},
    {"target", "TARGET", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static void
probe_row(const struct runner *r, const struct track_view *v, const struct command_call *call,
    struct answer *a)
{
	struct str target = {0};

	answer_row(a);
	answer_str(a, "probe", r->name);
	answer_str(a, "state", track_state_str(v->state));
	if (r->attempts > 0) {
		if (r->last.detail[0] != '\0')
			answer_fmt(a, "last", "%s: %s", why_str(r->last.why), r->last.detail);
		else
			answer_str(a, "last", why_str(r->last.why));
		answer_int(a, "ago", mono_sub(call->now, r->last_at));
		answer_int(a, "rtt", r->last.rtt);
	} else {
		answer_str(a, "last", NULL);
		answer_str(a, "ago", NULL);
		answer_str(a, "rtt", NULL);
	}
	answer_int(a, "asked", (int64_t)r->attempts);
	answer_int(a, "failed", (int64_t)r->failures);
	r->probe->kind->describe(r->probe, &target);
	answer_str(a, "target", str_text(&target));
	str_done(&target);
}

static void
show_probes(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct track_view v;
	bool found = false;

	answer_table(a, NULL, probe_columns);
	for (size_t i = 0; core_track_at(e->core, i, &v); i++) {
		const struct runner *r = engine_runner_find(e, v.name);
		if (r == NULL || !asked(call, v.name))
			continue;
		probe_row(r, &v, call, a);
		found = true;
	}
	check_found(call, a, "probe", found);
}

/* -- tracks -- */

static const struct answer_column track_columns[] = {
    {"track", "TRACK", ANSWER_TEXT},
    {"kind", "KIND", ANSWER_TEXT},
    {"state", "STATE", ANSWER_STATE},
    {"since", "SINCE", ANSWER_AGO},
    {"why", "WHY", ANSWER_TEXT},
    {"streak", "STREAK", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static void
show_tracks(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct track_view v;
	bool found = false;

	answer_table(a, NULL, track_columns);
	for (size_t i = 0; core_track_at(e->core, i, &v); i++) {
		if (!asked(call, v.name))
			continue;
		answer_row(a);
		answer_str(a, "track", v.name);
		answer_str(a, "kind", v.kind);
		answer_str(a, "state", track_state_str(v.state));
		answer_int(a, "since", mono_sub(call->now, v.since));
		say_why(a, v.why, v.detail);
		if (v.streak > 0)
			answer_fmt(a, "streak", "%u %s", v.streak, v.streak_ok ? "good" : "bad");
		else
			answer_str(a, "streak", NULL);
		found = true;
	}
	check_found(call, a, "track", found);
}

/* -- intent and kernel -- */

static const struct answer_column intent_columns[] = {
    {"kind", "KIND", ANSWER_TEXT},
    {"prefix", "PREFIX", ANSWER_TEXT},
    {"wanted", "WANTED", ANSWER_TEXT},
    {"service", "SERVICE", ANSWER_TEXT},
    {"level", "LEVEL", ANSWER_STATE},
    {"why", "WHY", ANSWER_TEXT},
    {"attributes", "ATTRIBUTES", ANSWER_TEXT},
    {"changed", "CHANGED", ANSWER_AGO},
    {NULL, NULL, ANSWER_TEXT},
};

/* Which entries of the intent a call asks for: all, those of an address, or those of a prefix. */
struct entry_filter {
	bool all;
	bool whole; /* the length counts as well */
	struct prefix prefix;
	size_t found;
};

static struct entry_filter
filter_of(const struct command_call *call)
{
	struct entry_filter f = {.all = call->count == 0};

	if (!f.all && prefix_parse(call->args[0], &f.prefix) != 0)
		f.prefix = (struct prefix){0}; /* no entry is like that */
	f.whole = !f.all && strchr(call->args[0], '/') != NULL;
	return f;
}

/* An answer is made in one go, and while it is made nothing else happens: not a million rows. */
static bool
filter_takes(struct entry_filter *f, const struct prefix *p)
{
	if (!f->all && !addr_equal(&f->prefix.addr, &p->addr))
		return false;
	if (f->whole && f->prefix.len != p->len)
		return false;
	return ++f->found <= ROWS_MAX;
}

static void
filter_end(const struct entry_filter *f, const struct command_call *call, struct answer *a,
    const char *kind)
{
	check_found(call, a, kind, f->found > 0);
	if (f->found > ROWS_MAX)
		answer_line(
		    a, 0, "and %zu more: name the one that you want to see", f->found - ROWS_MAX);
}

static void
show_intent(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct entry_filter filter = filter_of(call);

	answer_table(a, NULL, intent_columns);
	for (const struct intent_entry *i = intent_first(core_intent(e->core)); i != NULL;
	     i = intent_after(i)) {
		struct str attrs = {0};
		if (!filter_takes(&filter, &i->prefix))
			continue;
		answer_row(a);
		answer_str(a, "kind", i->kind == INTENT_ADDRESS ? "address" : "route");
		answer_prefix(a, "prefix", &i->prefix);
		answer_str(a, "wanted", i->wanted ? "yes" : "no");
		answer_str(a, "service", i->service);
		answer_str(a, "level", service_level_str(i->level));
		answer_str(a, "why", why_text(i->why));
		attrs_format(i->attrs, &attrs);
		answer_str(a, "attributes", str_text(&attrs));
		answer_int(a, "changed", mono_sub(call->now, i->changed));
		str_done(&attrs);
	}
	filter_end(&filter, call, a, "prefix");
}

static const struct answer_column kernel_columns[] = {
    {"address", "ADDRESS", ANSWER_TEXT},
    {"interface", "INTERFACE", ANSWER_TEXT},
    {"wanted", "WANTED", ANSWER_TEXT},
    {"present", "PRESENT", ANSWER_TEXT},
    {"service", "SERVICE", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

static void
show_kernel(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct entry_filter filter = filter_of(call);

	answer_table(a, NULL, kernel_columns);
	for (const struct intent_entry *i = intent_first(core_intent(e->core)); i != NULL;
	     i = intent_after(i)) {
		if (i->kind != INTENT_ADDRESS || !filter_takes(&filter, &i->prefix))
			continue;
		answer_row(a);
		answer_prefix(a, "address", &i->prefix);
		answer_str(a, "interface", i->interface);
		answer_str(a, "wanted", i->wanted ? "yes" : "no");
		answer_str(a, "present", i->present ? "yes" : "no");
		answer_str(a, "service", i->service);
	}
	filter_end(&filter, call, a, "address");
}

static void
show_config(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct str text = {0};
	char *line, *rest;

	if (e->generation == NULL) {
		answer_fail(a, "no configuration is in force yet");
		return;
	}
	answer_line(
	    a, 0, "# generation %" PRIu64 " of %s", e->generation->number, e->generation->file);
	conf_print(&config_schema, e->generation->root, CONF_SHOW_SET, &text);
	rest = text.text;
	while (rest != NULL && (line = strsep(&rest, "\n")) != NULL) {
		if (rest != NULL || line[0] != '\0')
			answer_line(a, 0, "%s", line);
	}
	str_done(&text);
}

/* -- history -- */

static const struct answer_column history_columns[] = {
    {"time", "TIME", ANSWER_TIME},
    {"kind", "KIND", ANSWER_TEXT},
    {"object", "OBJECT", ANSWER_TEXT},
    {"from", "FROM", ANSWER_STATE},
    {"to", "TO", ANSWER_STATE},
    {"why", "WHY", ANSWER_TEXT},
    {"detail", "DETAIL", ANSWER_TEXT},
    {NULL, NULL, ANSWER_TEXT},
};

struct history_args {
	bool follow;
	dur_t since;
	uint64_t after;
};

#define HISTORY_POLL_MS 200
#define HISTORY_PAGE    2000 /* events in one answer */

static bool
history_args(const struct command_call *call, struct history_args *out, struct answer *a)
{
	*out = (struct history_args){.since = DUR_NEVER};
	for (size_t i = 0; i < call->count; i++) {
		const char *word = call->args[i];
		const char *value = i + 1 < call->count ? call->args[i + 1] : "";
		if (str_equal(word, "--follow")) {
			out->follow = true;
		} else if (str_equal(word, "--since") && dur_parse(value, &out->since) == 0) {
			i++;
		} else if (str_equal(word, "--after") &&
			   str_to_u64(value, 0, UINT64_MAX, &out->after) == 0) {
			i++;
		} else if (str_equal(word, "--since")) {
			answer_fail(a,
			    "history: --since needs a duration such as 30m or 1h, not '%s'", value);
			answer_usage(a);
			return false;
		} else {
			answer_fail(a,
			    "history: '%s' is not understood; usage: history [--follow] [--since "
			    "1h]",
			    word);
			answer_usage(a);
			return false;
		}
	}
	return true;
}

static void
show_history(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	struct history_args args;
	const struct history_event *event;
	uint64_t seq;
	bool more;

	if (!history_args(call, &args, a))
		return;
	answer_table(a, NULL, history_columns);
	seq = args.after + 1;
	for (size_t rows = 0;
	     rows < HISTORY_PAGE && (event = history_from(&e->history, seq)) != NULL;) {
		seq = event->seq + 1;
		if (mono_sub(call->now, event->at) > args.since)
			continue;
		rows++;
		answer_row(a);
		answer_int(a, "time", event->wall_ns);
		answer_str(a, "kind", event->kind);
		answer_str(a, "object", event->object);
		answer_str(a, "from", event->from);
		answer_str(a, "to", event->to);
		answer_str(a, "why", event->why);
		answer_str(a, "detail", event->detail);
	}
	more = history_from(&e->history, seq) != NULL;
	if (more || args.follow)
		answer_again(a, more ? 0 : HISTORY_POLL_MS, "history%s --after %" PRIu64,
		    args.follow ? " --follow" : "", seq - 1);
}

/* -- reload, admin, drain -- */

#define RELOAD_POLL_MS 20

static void
do_reload(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	uint64_t ticket;

	if (e->env->reload == NULL) {
		answer_fail(a, "reload is not possible here");
		return;
	}
	if (engine_stopping(e)) {
		answer_fail(a, "nighd is stopping");
		return;
	}
	ticket = engine_reload(e);
	answer_again(a, RELOAD_POLL_MS, "reload-result %" PRIu64, ticket);
}

static void
reload_result(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	uint64_t ticket;

	if (call->count != 1 || str_to_u64(call->args[0], 1, UINT64_MAX, &ticket) != 0) {
		answer_fail(a, "reload-result: a ticket is needed; use 'reload'");
		answer_usage(a);
	} else if (ticket > e->reload.ticket) {
		answer_fail(a, "there was no reload %" PRIu64 "; use 'reload'", ticket);
	} else if (engine_stopping(e)) {
		answer_fail(a, "nighd is stopping");
	} else if (ticket == e->reload.ticket && e->reload.pending) {
		answer_again(a, RELOAD_POLL_MS, "reload-result %" PRIu64, ticket);
	} else if (e->reload.ok) {
		answer_line(a, 0, "generation %" PRIu64 " is in force", e->generations);
	} else {
		answer_fail(a, "not reloaded, generation %" PRIu64 " stays in force:\n%s",
		    e->generations, e->reload.text != NULL ? e->reload.text : "");
	}
}

static bool
service_named(const struct command_call *call, const char *usage, struct answer *a)
{
	if (call->count >= 1)
		return true;
	answer_fail(a, "which service? usage: %s", usage);
	answer_usage(a);
	return false;
}

static void
do_admin(struct command_host *host, const struct command_call *call, struct answer *a)
{
	static const char usage[] = "admin SERVICE up|down|auto";
	struct engine *e = engine_of_host(host);

	if (!service_named(call, usage, a))
		return;
	for (int admin = ADMIN_AUTO; call->count == 2 && admin <= ADMIN_DOWN; admin++) {
		if (!str_equal(call->args[1], service_admin_str((enum service_admin)admin)))
			continue;
		if (core_admin(e->core, call->args[0], (enum service_admin)admin, call->now) != 0)
			answer_fail(a, "there is no service '%s'", call->args[0]);
		else
			answer_line(a, 0, "service %s: admin %s", call->args[0], call->args[1]);
		return;
	}
	answer_fail(a, "usage: %s", usage);
	answer_usage(a);
}

static void
drain_state(struct engine *e, const char *service, struct answer *a)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		if (str_equal(v.name, service))
			answer_line(a, 0, "service %s is %s%s", v.name, service_level_str(v.level),
			    v.draining && v.level != LEVEL_DRAINED
				? "; it will be drained when it gets better"
				: "");
	}
}

static void
do_drain(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);
	mono_t until = {.ns = DUR_NEVER};
	dur_t length;

	if (!service_named(call, "drain SERVICE [--for 10m]", a))
		return;
	if (call->count == 3 && str_equal(call->args[1], "--for") &&
	    dur_parse(call->args[2], &length) == 0) {
		until = mono_add(call->now, length);
	} else if (call->count != 1) {
		answer_fail(a, "usage: drain SERVICE [--for 10m]");
		answer_usage(a);
		return;
	}
	if (core_drain(e->core, call->args[0], true, until, call->now) != 0) {
		answer_fail(a, "there is no service '%s'", call->args[0]);
		return;
	}
	core_run(e->core, call->now);
	drain_state(e, call->args[0], a);
}

static void
do_undrain(struct command_host *host, const struct command_call *call, struct answer *a)
{
	struct engine *e = engine_of_host(host);

	if (!service_named(call, "undrain SERVICE", a))
		return;
	if (core_drain(e->core, call->args[0], false, call->now, call->now) != 0) {
		answer_fail(a, "there is no service '%s'", call->args[0]);
		return;
	}
	core_run(e->core, call->now);
	drain_state(e, call->args[0], a);
}

const struct command engine_command_rows[] = {
    {"status", NULL, "the node on one screen: services, who hears us, what is wrong",
	engine_status},
    {"show services", "[NAME]", "services: level, why, addresses", show_services},
    {"show probes", "[NAME]", "probes: last answer, time, counts", show_probes},
    {"show tracks", "[NAME]", "tracks: state, since when, why", show_tracks},
    {"show intent", "[PREFIX]", "what should be true: addresses and routes", show_intent},
    {"show kernel", "[ADDRESS]", "service addresses on this host", show_kernel},
    {"show config", NULL, "the configuration in force, in normal form", show_config},
    {"explain", "ADDRESS", "the whole chain: samples, track, service, intent, neighbors, kernel",
	engine_explain},
    {"history", "[--follow] [--since DURATION]", "what changed, when and why", show_history},
    {"reload", NULL, "read the configuration again and carry out the difference", do_reload},
    {"reload-result", "TICKET", "how a reload went (asked by 'reload')", reload_result},
    {"admin", "SERVICE up|down|auto", "force a service up or down, or let its probes decide",
	do_admin},
    {"drain", "SERVICE [--for DURATION]", "take a service out gently", do_drain},
    {"undrain", "SERVICE", "end a drain", do_undrain},
    {NULL, NULL, NULL, NULL},
};
