/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See core_bed.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core_bed.h"

static const char *const speaker_words[] = {"bgp", "ospf", NULL};

static void
on_wake(struct core_env *env)
{
	container_of(env, struct bed, env)->woken++;
}

struct bed *
bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));

	history_init(&b->history, 256);
	b->env =
	    (struct core_env){.history = &b->history, .wake = on_wake, .speakers = speaker_words};
	b->core = core_new(&b->env);
	b->probes.entries = b->probe_entries;
	b->tracks.entries = b->track_entries;
	b->services.entries = b->service_entries;
	assert_int_equal(prefix_parse("192.0.2.53", &b->prefix), 0);
	b->now = AT(1000 * DUR_S);
	return b;
}

void
bed_free(struct bed *b)
{
	core_free(b->core);
	history_done(&b->history);
	free(b);
}

void
add_probe(struct bed *b, const char *name, uint32_t rise, uint32_t fall)
{
	size_t n = b->probes.count++;

	b->probe_confs[n] = (struct probe_conf){.rise = rise, .fall = fall};
	b->probe_entries[n] = (struct conf_map_entry){.name = name, .value = &b->probe_confs[n]};
}

struct track_conf *
add_track(struct bed *b, const char *name)
{
	size_t n = b->tracks.count++;

	b->track_confs[n] = (struct track_conf){0};
	b->track_entries[n] = (struct conf_map_entry){.name = name, .value = &b->track_confs[n]};
	return &b->track_confs[n];
}

struct service_conf *
add_service(struct bed *b, const char *name)
{
	size_t n = b->services.count++;

	b->service_confs[n] = (struct service_conf){
	    .addresses = {&b->prefix, 1}, .interface = "lo", .if_missing = ADDRESS_REPAIR};
	b->service_entries[n] =
	    (struct conf_map_entry){.name = name, .value = &b->service_confs[n]};
	return &b->service_confs[n];
}

struct conf_list
list_of(const char *const *names, size_t count)
{
	return (struct conf_list){.items = names, .count = count};
}

void
configure(struct bed *b)
{
	struct core_conf conf = {
	    .probes = &b->probes, .tracks = &b->tracks, .services = &b->services, .configured = 3};

	core_configure(b->core, &conf, b->now);
}

void
sample(struct bed *b, const char *probe, bool ok)
{
	struct probe_sample s = {.ok = ok, .why = ok ? WHY_OK : WHY_TIMEOUT};

	core_sample(b->core, probe, &s, b->now);
}

struct track_view
track_of(struct bed *b, const char *name)
{
	struct track_view v;

	for (size_t i = 0; core_track_at(b->core, i, &v); i++) {
		if (strcmp(v.name, name) == 0)
			return v;
	}
	fail_msg("no track %s", name);
	return v;
}

struct service_view
service_of(struct bed *b, const char *name)
{
	struct service_view v;

	for (size_t i = 0; core_service_at(b->core, i, &v); i++) {
		if (strcmp(v.name, name) == 0)
			return v;
	}
	fail_msg("no service %s", name);
	return v;
}

/* Lets time pass, stopping at every deadline on the way. */
void
pass(struct bed *b, dur_t d)
{
	mono_t end = mono_add(b->now, d);

	for (;;) {
		mono_t next = core_run(b->core, b->now);

		assert_true(mono_before(b->now, next));
		if (mono_before(end, next))
			break;
		b->now = next;
	}
	b->now = end;
	core_run(b->core, b->now);
}

const struct intent_entry *
route_of(struct bed *b)
{
	return intent_find(core_intent(b->core), INTENT_ROUTE, &b->prefix);
}

void
set_track(struct bed *b, const char *probe, enum track_state s)
{
	if (s != TRACK_UNKNOWN)
		sample(b, probe, s == TRACK_UP);
}

struct bed *
bed_with_hold_up(dur_t hold_up)
{
	static const char *const p[] = {"p"};
	struct bed *b = bed_new();
	struct service_conf *s;

	add_probe(b, "p", 1, 1);
	s = add_service(b, "dns");
	s->require = list_of(p, 1);
	s->hold_up = hold_up;
	configure(b);
	return b;
}
