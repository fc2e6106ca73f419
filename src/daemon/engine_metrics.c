/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics of the engine and, through their own functions, of the speakers.
 */
#include "base/log.h"
#include "base/mem.h"
#include "daemon/engine_priv.h"

static double
seconds(dur_t d)
{
	return (double)d / (double)DUR_S;
}

static void
node_metrics(struct engine *e, struct metric_writer *m, mono_t now)
{
	const struct metric_label build[] = {
	    {"version", NIGH_VERSION}, {"node", e->name}, {NULL, NULL}};

	metric_family(m, "nigh_build_info", METRIC_GAUGE, "Version and node; always 1.");
	metric_sample(m, build, 1);
	metric_family(
	    m, "nigh_uptime_seconds", METRIC_GAUGE, "How long the engine has been running.");
	metric_sample(m, NULL, seconds(mono_sub(now, e->started)));
	metric_family(m, "nigh_config_generation", METRIC_GAUGE,
	    "Number of the configuration in force; grows with each reload.");
	metric_sample(m, NULL, (double)e->generations);
	metric_family(m, "nigh_config_reload_failed", METRIC_GAUGE,
	    "1 while the last reload was refused and an older configuration is in force.");
	metric_sample(m, NULL, e->reload.text != NULL);
	metric_family(m, "nigh_history_lost_events_total", METRIC_COUNTER,
	    "Events that left the history to make room.");
	metric_sample(m, NULL, (double)history_lost(&e->history));
	metric_family(m, "nigh_log_dropped_lines_total", METRIC_COUNTER,
	    "Log lines dropped because standard error was full.");
	metric_sample(m, NULL, (double)log_dropped());
}

static void
loop_metrics(struct engine *e, struct metric_writer *m)
{
	const struct loop_lag *lag = loop_lag(e->env->loop);
	uint64_t sum = 0;
	char bound[32];

	metric_family(m, "nigh_loop_lag_seconds", METRIC_HISTOGRAM,
	    "How late timers ran: the health of the engine itself.");
	for (size_t i = 0; i < LOOP_LAG_BUCKETS; i++) {
		struct str text = {0};
		sum += lag->bucket[i];
		if (loop_lag_bound[i] == DUR_NEVER)
			str_add(&text, "+Inf");
		else
			str_printf(&text, "%g", seconds(loop_lag_bound[i]));
		str_copy(bound, sizeof(bound), str_text(&text));
		str_done(&text);
		const struct metric_label labels[] = {{"le", bound}, {NULL, NULL}};
		metric_sample_suffix(m, "_bucket", labels, (double)sum);
	}
	metric_sample_suffix(m, "_sum", NULL, seconds(lag->sum));
	metric_sample_suffix(m, "_count", NULL, (double)lag->count);
}

static void
service_metrics(struct engine *e, struct metric_writer *m, mono_t now)
{
	struct service_view v;

	metric_family(m, "nigh_service_level", METRIC_GAUGE,
	    "The service's level: 0 down, 1 drained, 2 degraded, 3 up.");
	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		const struct metric_label labels[] = {{"service", v.name}, {NULL, NULL}};
		metric_sample(m, labels, v.level);
	}
	metric_family(m, "nigh_service_level_age_seconds", METRIC_GAUGE,
	    "How long the service has had its level.");
	for (size_t i = 0; core_service_at(e->core, i, &v); i++) {
		const struct metric_label labels[] = {{"service", v.name}, {NULL, NULL}};
		metric_sample(m, labels, seconds(mono_sub(now, v.since)));
	}
}

static void
track_metrics(struct engine *e, struct metric_writer *m)
{
	struct track_view v;

	metric_family(m, "nigh_track_up", METRIC_GAUGE, "1 up, 0 down, -1 unknown.");
	for (size_t i = 0; core_track_at(e->core, i, &v); i++) {
		const struct metric_label labels[] = {
		    {"track", v.name}, {"kind", v.kind}, {NULL, NULL}};
		metric_sample(m, labels, v.state == TRACK_UP ? 1 : v.state == TRACK_DOWN ? 0 : -1);
	}
}

static void
transition_sample(
    void *arg, const char *kind, const char *name, const char *to, enum why why, uint64_t count)
{
	const struct metric_label labels[] = {
	    {"kind", kind}, {"name", name}, {"to", to}, {"why", why_str(why)}, {NULL, NULL}};

	metric_sample(arg, labels, (double)count);
}

static void
probe_metrics(struct engine *e, struct metric_writer *m, mono_t now)
{
	struct engine_runner *er;

	metric_family(m, "nigh_probe_samples_total", METRIC_COUNTER,
	    "Verdicts of a probe, by what it found.");
	RB_FOREACH (er, engine_runners, &e->runners) {
		for (int why = 0; why < WHY_COUNT; why++) {
			const struct metric_label labels[] = {{"probe", er->runner.name},
			    {"why", why_str((enum why)why)}, {NULL, NULL}};
			if (er->runner.by_why[why] > 0)
				metric_sample(m, labels, (double)er->runner.by_why[why]);
		}
	}
	metric_family(m, "nigh_probe_rtt_seconds", METRIC_GAUGE,
	    "Time of the last successful answer's verdict.");
	RB_FOREACH (er, engine_runners, &e->runners) {
		const struct metric_label labels[] = {{"probe", er->runner.name}, {NULL, NULL}};
		if (er->runner.attempts > 0 && er->runner.last.ok)
			metric_sample(m, labels, seconds(er->runner.last.rtt));
	}
	metric_family(m, "nigh_probe_last_age_seconds", METRIC_GAUGE,
	    "Time since the last verdict: grows when a probe is stuck.");
	RB_FOREACH (er, engine_runners, &e->runners) {
		const struct metric_label labels[] = {{"probe", er->runner.name}, {NULL, NULL}};
		if (er->runner.attempts > 0)
			metric_sample(m, labels, seconds(mono_sub(now, er->runner.last_at)));
	}
}

static void
intent_metrics(struct engine *e, struct metric_writer *m)
{
	uint64_t wanted[2] = {0}, missing = 0;
	const struct metric_label address[] = {{"kind", "address"}, {NULL, NULL}};
	const struct metric_label route[] = {{"kind", "route"}, {NULL, NULL}};

	for (const struct intent_entry *i = intent_first(core_intent(e->core)); i != NULL;
	     i = intent_after(i)) {
		wanted[i->kind == INTENT_ROUTE] += i->wanted;
		missing += i->kind == INTENT_ADDRESS && i->wanted && !i->present;
	}
	metric_family(m, "nigh_intent_wanted", METRIC_GAUGE,
	    "Addresses that should be on this host, routes that should be announced.");
	metric_sample(m, address, (double)wanted[0]);
	metric_sample(m, route, (double)wanted[1]);
	metric_family(m, "nigh_addresses_missing", METRIC_GAUGE,
	    "Addresses that should be on this host and are not; their routes are withdrawn.");
	metric_sample(m, NULL, (double)missing);
}

void
engine_metrics(struct engine *e, struct str *out)
{
	mono_t now = loop_now(e->env->loop);
	struct metric_writer m;

	metric_init(&m, out);
	node_metrics(e, &m, now);
	loop_metrics(e, &m);
	service_metrics(e, &m, now);
	track_metrics(e, &m);
	metric_family(&m, "nigh_transitions_total", METRIC_COUNTER,
	    "State changes of services and tracks, by new state and reason.");
	core_each_count(e->core, transition_sample, &m);
	probe_metrics(e, &m, now);
	intent_metrics(e, &m);
	for (size_t i = 0; kinds_speakers[i] != NULL; i++)
		kinds_speakers[i]->metrics(e->speakers[i], &m, now);
}
