/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine answers: every row of its commands with good and with bad arguments, `explain`,
 * `status` and `history` in each state that a service can be in, and the metrics.
 *
 * site_ask() checks the form of every answer: one line of JSON, rows that have exactly the columns
 * of their table, values of the right kind.
 */
#include "engine_world.h"

#include "base/mem.h"
#include "control/control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK                                                                                      \
	"{type: exec, command: [/bin/check], frequency: 100ms, timeout: 100ms, rise: 3, fall: 2}"
#define CONFIG                                                                                     \
	"node: {name: ns1, router-id: " SITE_ADDR "}\n"                                            \
	"probes: {check: " CHECK ", fast: " CHECK "}\n"                                            \
	"tracks: {uplink: {interface: eth0}, ready: {all: [check, uplink], delay: {up: 1s}}}\n"    \
	"services:\n"                                                                              \
	"  dns: {addresses: [192.0.2.53/32, \"2001:db8::53/128\"], require: [ready], prefer: "     \
	"[fast], hold-up: 3s}\n"                                                                   \
	"  plain: {addresses: [192.0.2.1/32]}\n"                                                   \
	"bgp: {as: 64501, neighbors: {" ROUTER_ADDR ": {as: 64500, next-hop-ipv6: "                \
	"\"2001:db8::2\"}}}\n"

struct test {
	struct world world;
	struct site site;
	struct router router;
};

static int
setup(void **state)
{
	struct test *t = mem_alloc(sizeof(*t));

	world_init(&t->world, 1);
	site_init(&t->site, &t->world);
	router_init(&t->router, &t->world, ROUTER_ADDR, 64500, 90);
	router_listen(&t->router);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct test *t = *state;

	site_done(&t->site);
	router_done(&t->router);
	world_done(&t->world);
	free(t);
	return 0;
}

/* All is well: everything is up and announced. */
static struct test *
well(void **state)
{
	struct test *t = *state;

	site_load(&t->site, CONFIG);
	site_link(&t->site, "eth0", true);
	world_run(&t->world, 20 * DUR_S);
	assert_int_equal(t->router.routes, 3);
	return t;
}

/* -- every row, with good and bad arguments -- */

enum expected { GOOD, FAILS, USAGE };

static const struct {
	const char *words;
	enum expected expected;
	const char *part; /* of the text */
} calls[] = {
    {"help", GOOD, "show services [NAME]"},
    {"help status", USAGE, "help"},
    {"status", GOOD, "All is well."},
    {"status now", USAGE, "takes no argument"},
    {"show services", GOOD, "plain|up|"},
    {"show services dns", GOOD, "|192.0.2.53/32 2001:db8::53/128|auto|"},
    {"show services dsn", FAILS, "there is no service 'dsn'"},
    {"show services dns plain", USAGE, "plain"},
    {"show probes", GOOD, "fast|up|"},
    {"show probes check", GOOD, "exec /bin/check"},
    {"show probes uplink", FAILS, "there is no probe 'uplink'"},
    {"show probes check fast", USAGE, "fast"},
    {"show tracks", GOOD, "uplink|interface|up|"},
    {"show tracks ready", GOOD, "ready|all|up|"},
    {"show tracks reedy", FAILS, "there is no track 'reedy'"},
    {"show intent", GOOD, "route|2001:db8::53/128|yes|dns|up|"},
    {"show intent 192.0.2.1/32", GOOD, "route|192.0.2.1/32|yes|plain|up|"},
    {"show intent 192.0.2.1", GOOD, "address|192.0.2.1/32|yes|plain|up|"},
    {"show intent 2001:db8:0::53", GOOD, "route|2001:db8::53/128|yes|dns|up|"},
    {"show intent 192.0.2.2", FAILS, "there is no prefix '192.0.2.2'"},
    {"show intent 192.0.2.0/24", FAILS, "there is no prefix '192.0.2.0/24'"},
    {"show intent dns", FAILS, "there is no prefix 'dns'"},
    {"show kernel", GOOD, "192.0.2.53/32|lo|yes|yes|dns|"},
    {"show kernel 2001:db8::53", GOOD, "2001:db8::53/128|lo|yes|yes|dns|"},
    {"show kernel lo", FAILS, "there is no address 'lo'"},
    {"show config", GOOD, "router-id: 10.1.1.2"},
    {"show config bgp", USAGE, "takes no argument"},
    {"show neighbors", GOOD, "10.1.1.1|64500|Established|"},
    {"show bgp", GOOD, "10.1.1.1"},
    {"show bgp 10.1.1.1", GOOD, "Established"},
    {"show bgp 10.1.1.9", FAILS, "10.1.1.9"},
    {"explain 192.0.2.53", GOOD, "service dns: up"},
    {"explain 192.0.2.53/32", GOOD, "service dns: up"},
    {"explain 2001:db8:0::53", GOOD, "service dns: up"},
    {"explain 192.0.2.2", FAILS, "no service has the address 192.0.2.2"},
    {"explain dns", USAGE, "an address is needed"},
    {"explain", USAGE, "an address is needed"},
    {"explain 192.0.2.53 192.0.2.1", USAGE, "'192.0.2.1' is too much; usage: explain ADDRESS"},
    {"history", GOOD, "service|dns|down|up|"},
    {"history --since 1h", GOOD, "service|dns|down|up|"},
    {"history --since", USAGE, "--since"},
    {"history --since 1", USAGE, "--since"},
    {"history --since yesterday", USAGE, "yesterday"},
    {"history --after 3", GOOD, "service|dns|down|up|"},
    {"history --after x", USAGE, "--after"},
    {"history --folow", USAGE, "--folow"},
    {"history --follow", GOOD, "service|dns|down|up|"},
    {"reload-result", USAGE, "ticket"},
    {"reload-result 0", USAGE, "ticket"},
    {"reload-result one", USAGE, "ticket"},
    {"reload-result 99", FAILS, "there was no reload 99"},
    {"reload now", USAGE, "takes no argument"},
    {"reload", GOOD, ""},
    {"reload-result 1", GOOD, ""},
    {"admin", USAGE, "which service?"},
    {"admin dns", USAGE, "admin SERVICE up|down|auto"},
    {"admin dns on", USAGE, "admin SERVICE up|down|auto"},
    {"admin dns up now", USAGE, "admin SERVICE up|down|auto"},
    {"admin dsn up", FAILS, "there is no service 'dsn'"},
    {"admin dns up", GOOD, "service dns"},
    {"admin dns down", GOOD, "service dns"},
    {"admin dns auto", GOOD, "service dns"},
    {"drain", USAGE, "which service?"},
    {"drain dsn", FAILS, "there is no service 'dsn'"},
    {"drain plain --for", USAGE, "drain SERVICE"},
    {"drain plain --for 10", USAGE, "drain SERVICE"},
    {"drain plain --for 1m --for 2m", USAGE, "drain SERVICE"},
    {"drain plain 10m", USAGE, "drain SERVICE"},
    {"drain plain", GOOD, "service plain is drained"},
    {"drain plain --for 1m", GOOD, "service plain is drained"},
    {"undrain", USAGE, "which service?"},
    {"undrain dsn", FAILS, "there is no service 'dsn'"},
    {"undrain plain now", USAGE, "undrain SERVICE"},
    {"undrain plain", GOOD, "service plain is up"},
    {"show", USAGE, "show services"},
    {"show everything", USAGE, "show services"},
    {"stauts", USAGE, "did you mean 'status'?"},
    {"show servces", USAGE, "did you mean 'show services'?"},
};

static enum expected
verdict(const json_t *answer)
{
	if (json_is_true(json_object_get(answer, "ok")))
		return GOOD;
	return json_is_true(json_object_get(answer, "usage")) ? USAGE : FAILS;
}

static void
rows_answer_good_and_bad_arguments(void **state)
{
	struct test *t = well(state);

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		json_t *answer = site_ask(&t->site, calls[i].words);
		enum expected got = verdict(answer);
		char *dump = json_dumps(answer, JSON_COMPACT);

		if (got != calls[i].expected)
			fail_msg("'%s': %s", calls[i].words, dump);
		free(dump);
		json_decref(answer);
		site_says(&t->site, calls[i].words, calls[i].part);
	}
}

static bool
is_called(const char *words)
{
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (calls[i].expected == GOOD && strncmp(calls[i].words, words, strlen(words)) == 0)
			return true;
	}
	return false;
}

/* A new row without a line in the table above is a row that nobody has tried. */
static void
every_row_is_called(void **state)
{
	struct test *t = *state;
	const struct command_host *host;

	TAILQ_FOREACH (host, engine_commands(t->site.engine), link) {
		for (const struct command *c = host->commands; c->words != NULL; c++) {
			if (!is_called(c->words))
				fail_msg("no good call of '%s' is tested", c->words);
			assert_true(c->help != NULL && strchr(c->help, '\n') == NULL);
		}
	}
}

/* Every command also answers before there is a configuration, and while stopping. */
static void
rows_answer_at_any_time(void **state)
{
	struct test *t = *state;

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		json_decref(site_ask(&t->site, calls[i].words));
	site_says(&t->site, "status", "there is no configuration yet");
	well(state);
	engine_stop(t->site.engine, "enough");
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		json_decref(site_ask(&t->site, calls[i].words));
	site_says(&t->site, "status", "nighd is stopping");
	while (!t->site.stopped)
		world_run(&t->world, DUR_MS);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		json_decref(site_ask(&t->site, calls[i].words));
}

/* -- explain and status, state by state -- */

static void
explains_up(void **state)
{
	struct test *t = well(state);

	site_says(&t->site, "explain 192.0.2.53", "all ready: up for");
	site_says(&t->site, "explain 192.0.2.53", "probe check: up for");
	site_says(&t->site, "explain 192.0.2.53", "asks exec /bin/check every 100ms");
	site_says(&t->site, "explain 192.0.2.53", "answered as expected");
	site_says(&t->site, "explain 192.0.2.53", "interface uplink: up for");
	site_says(&t->site, "explain 192.0.2.53", "probe fast: up for");
	site_says(&t->site, "explain 192.0.2.53", "kernel: the address is on lo");
	site_says(&t->site, "explain 192.0.2.53", "intent: announce for");
	site_says(&t->site, "explain 192.0.2.53", "10.1.1.1 (AS 64500): announced");
	site_says(&t->site, "explain 192.0.2.1", "requires nothing");
	site_says(&t->site, "status", "dns|up|");
	site_says(&t->site, "status", "10.1.1.1|bgp|Established|");
	site_says(&t->site, "status", "|3|");
}

static void
explains_unknown(void **state)
{
	struct test *t = *state;

	t->site.kernel.hung = true;
	site_load(&t->site, CONFIG);
	site_link(&t->site, "eth0", true);
	world_run(&t->world, DUR_MS);
	site_says(&t->site, "explain 192.0.2.53",
	    "service dns: down for 1ms: something that is required has not reported yet: ready");
	site_says(&t->site, "explain 192.0.2.53", "no answer yet");
	site_says(&t->site, "explain 192.0.2.53", "intent: do not announce for 1ms: ");
	site_says(&t->site, "show probes", "check|unknown|-|-|-|0|0|");
	site_says(&t->site, "status", "service dns is down: something that is required");
}

static void
explains_down(void **state)
{
	struct test *t = well(state);

	site_health(&t->site, "check", 7);
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: down for");
	site_says(&t->site, "explain 192.0.2.53", "something that is required is not up: ready");
	site_says(&t->site, "explain 192.0.2.53", "exit code 7: no luck");
	site_says(&t->site, "explain 192.0.2.53", "intent: do not announce for");
	site_says(&t->site, "explain 192.0.2.53",
	    "10.1.1.1 (AS 64500): not announced: no service wants it announced now");
	site_says(
	    &t->site, "status", "service dns is down: something that is required is not up: ready");
	site_says(&t->site, "history --since 5s", "service|dns|up|down|require|ready|");
}

static void
explains_delay_and_hold_up(void **state)
{
	struct test *t = well(state);

	site_health(&t->site, "check", 7);
	world_run(&t->world, DUR_S);
	site_health(&t->site, "check", 0);
	world_run(&t->world, 500 * DUR_MS);
	site_says(&t->site, "explain 192.0.2.53", "unless it turns back");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "good, and up in");
	site_says(&t->site, "show services dns", "good, but not for long enough (up in");
	world_run(&t->world, 4 * DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: up");
}

static void
explains_degraded(void **state)
{
	struct test *t = well(state);

	site_health(&t->site, "fast", 1);
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: degraded for");
	site_says(&t->site, "explain 192.0.2.53", "something that is preferred is not up: fast");
	site_says(&t->site, "explain 192.0.2.53", "prepend 2");
	site_says(&t->site, "status", "service dns is degraded");
}

static void
explains_drained(void **state)
{
	struct test *t = well(state);

	site_says(&t->site, "drain dns --for 1m", "service dns is drained");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: drained for 1s");
	site_says(&t->site, "explain 192.0.2.53", "the drain ends in 59s");
	site_says(&t->site, "status", "service dns is drained for 1m more");
	assert_text(router_route(&t->router, "192.0.2.53/32"), "65535:0");
	world_run(&t->world, DUR_MIN);
	site_says(&t->site, "explain 192.0.2.53", "service dns: up for");
	site_says(&t->site, "drain dns", "service dns is drained");
	site_says(&t->site, "status", "service dns is drained until 'nigh undrain dns'");
	site_says(&t->site, "undrain dns", "service dns is up");
	site_says(&t->site, "status", "All is well.");
}

static void
explains_admin(void **state)
{
	struct test *t = well(state);

	site_says(&t->site, "admin dns down", "service dns");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: down for 1s: an operator said so");
	site_says(&t->site, "explain 192.0.2.53", "an operator has set admin down");
	site_says(&t->site, "status", "service dns is forced down");
	assert_null(router_route(&t->router, "192.0.2.53/32"));
	site_health(&t->site, "check", 1);
	site_says(&t->site, "admin dns up", "service dns");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: up for 1s: an operator said so");
	site_says(&t->site, "status", "service dns is forced up");
	assert_non_null(router_route(&t->router, "192.0.2.53/32"));
	site_says(&t->site, "admin dns auto", "service dns");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "service dns: down");
}

static void
explains_missing_address(void **state)
{
	struct test *t = *state;

	t->site.kernel.refuse = -EPERM;
	site_load(&t->site, CONFIG);
	site_link(&t->site, "eth0", true);
	world_run(&t->world, 10 * DUR_S);
	site_says(&t->site, "explain 192.0.2.53", "the address is not on lo, but should be");
	site_says(&t->site, "explain 192.0.2.53", "the service address is not on the host");
	site_says(&t->site, "show kernel", "192.0.2.53/32|lo|yes|no|dns|");
	site_says(&t->site, "status", "address 2001:db8::53/128 of service dns is not on lo");
}

static void
explains_missing_neighbor(void **state)
{
	struct test *t = well(state);

	router_unlisten(&t->router);
	link_close(router_up(&t->router));
	world_run(&t->world, DUR_S);
	site_says(
	    &t->site, "explain 192.0.2.53", "10.1.1.1 (AS 64500): not announced: the session");
	site_says(&t->site, "status", "neighbor 10.1.1.1 does not hear us: ");
}

/* A neighbor is up, and yet nobody hears of one address. */
static void
tells_of_routes_that_a_neighbor_lacks(void **state)
{
	struct test *t = *state;

	site_load(&t->site, "node: {name: ns1, router-id: " SITE_ADDR "}\n"
			    "services: {dns: {addresses: [192.0.2.53/32, \"2001:db8::53/128\"]}}\n"
			    "bgp: {as: 64501, neighbors: {" ROUTER_ADDR ": {as: 64500}}}\n");
	world_run(&t->world, 10 * DUR_S);
	assert_int_equal(t->router.routes, 1);
	site_says(
	    &t->site, "status", "2001:db8::53/128 should be announced, but no neighbor has it");
	site_says(&t->site, "explain 2001:db8::53", "next-hop-ipv6");
}

/* A site that is down as a whole still fits on a screen, and the cause comes first. */
static void
status_is_one_screen(void **state)
{
	struct test *t = *state;
	struct str s = {0};
	char *text;

	str_add(&s,
	    "node: {name: ns1, router-id: " SITE_ADDR "}\nprobes: {check: " CHECK "}\nservices:\n");
	for (int i = 0; i < 50; i++)
		str_printf(&s, "  s%d: {addresses: [192.0.2.%d/32], require: [check]}\n", i, i + 1);
	str_add(&s, "bgp: {as: 64501, neighbors: {10.1.1.9: {as: 64500}}}\n");
	site_health(&t->site, "check", 1);
	site_load(&t->site, str_text(&s));
	str_done(&s);
	world_run(&t->world, 5 * DUR_S);
	text = site_text(&t->site, "status");
	assert_text(text, "Wrong or unusual:\n  neighbor 10.1.1.9 does not hear us: ");
	assert_text(text, "  service s18 is down: ");
	assert_null(strstr(text, "  service s19 is down: "));
	assert_text(text, "  and 31 more\n");
	free(text);
}

static void
tells_that_nobody_listens(void **state)
{
	struct test *t = *state;

	site_load(&t->site, "services: {dns: {addresses: [192.0.2.53/32]}}\n");
	world_run(&t->world, DUR_S);
	site_says(&t->site, "status", "nobody hears us: no neighbor is configured");
}

/* -- history -- */

static size_t
rows_of(struct site *s, const char *words)
{
	json_t *answer = site_ask(s, words);
	size_t count = json_array_size(
	    json_object_get(json_array_get(json_object_get(answer, "tables"), 0), "rows"));

	json_decref(answer);
	return count;
}

static void
history_follows_without_gaps(void **state)
{
	struct test *t = well(state);
	json_t *answer = site_ask(&t->site, "history --follow");
	const json_t *again = json_object_get(answer, "again");
	char words[128];

	assert_true(json_integer_value(json_object_get(again, "after_ms")) > 0);
	snprintf(words, sizeof(words), "%s", json_string_value(json_object_get(again, "words")));
	json_decref(answer);
	assert_int_equal(rows_of(&t->site, words), 0);
	site_health(&t->site, "fast", 1);
	world_run(&t->world, DUR_S);
	site_says(&t->site, words, "probe|fast|up|down|fall|exit code 1: no luck|");
	site_says(&t->site, words, "service|dns|up|degraded|prefer|fast|");
}

static void
history_since_leaves_out_what_is_older(void **state)
{
	struct test *t = well(state);
	size_t all = rows_of(&t->site, "history");

	assert_true(all > 5);
	world_run(&t->world, 10 * DUR_S);
	assert_int_equal(rows_of(&t->site, "history --since 5s"), 0);
	assert_int_equal(rows_of(&t->site, "history --since 1h"), all);
	site_says(&t->site, "history", "config|ns1|0|1|config|nigh.yaml|");
}

/* More than one answer holds comes in several, without gaps and repetitions. */
static void
history_comes_in_pages(void **state)
{
	struct test *t = well(state);
	char words[128] = "history";
	size_t rows = 0, pages = 0;

	for (int i = 0; i < 2000; i++) {
		json_decref(site_ask(&t->site, i % 2 == 0 ? "drain plain" : "undrain plain"));
		world_run(&t->world, 10 * DUR_MS);
	}
	while (words[0] != '\0') {
		json_t *answer = site_ask(&t->site, words);
		const json_t *again = json_object_get(json_object_get(answer, "again"), "words");
		rows += rows_of(&t->site, words);
		pages++;
		snprintf(words, sizeof(words), "%s", again != NULL ? json_string_value(again) : "");
		json_decref(answer);
	}
	assert_int_equal(rows, SITE_HISTORY);
	assert_int_equal(pages, 2);
}

/* -- metrics -- */

/* "# HELP name ...", "# TYPE name ...", and samples of that family. */
static void
check_metric_lines(char *text)
{
	char family[128] = "", *rest = text, *line;

	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "# HELP ", 7) == 0) {
			assert_int_equal(sscanf(line, "# HELP %127s", family), 1);
			continue;
		}
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (strncmp(line, family, strlen(family)) != 0)
			fail_msg("'%s' stands under '%s'", line, family);
		assert_non_null(strrchr(line, ' '));
	}
}

static void
metrics_have_families_and_values(void **state)
{
	struct test *t = well(state);
	struct str text = {0};

	engine_metrics(t->site.engine, &text);
	assert_text(text.text, "nigh_service_level{service=\"dns\"} 3\n");
	assert_text(text.text, "nigh_track_up{track=\"ready\",kind=\"all\"} 1\n");
	assert_text(text.text, "nigh_intent_wanted{kind=\"route\"} 3\n");
	assert_text(text.text, "nigh_addresses_missing 0\n");
	assert_text(text.text, "nigh_config_generation 1\n");
	assert_text(text.text, "nigh_config_reload_failed 0\n");
	assert_text(text.text, "nigh_probe_samples_total{probe=\"check\",why=\"ok\"} ");
	assert_text(text.text,
	    "nigh_transitions_total{kind=\"service\",name=\"dns\",to=\"up\",why=\"healthy\"} 1\n");
	check_metric_lines(text.text);
	str_clear(&text);
	engine_reload(t->site.engine);
	engine_reloaded(t->site.engine, "wrong\n");
	site_health(&t->site, "check", 1);
	t->site.kernel.refuse = -EPERM;
	site_meddle(&t->site, "192.0.2.1/32", false);
	world_run(&t->world, DUR_S);
	engine_metrics(t->site.engine, &text);
	assert_text(text.text, "nigh_service_level{service=\"dns\"} 0\n");
	assert_text(text.text, "nigh_config_reload_failed 1\n");
	assert_text(text.text, "nigh_addresses_missing 1\n");
	str_done(&text);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    TEST(rows_answer_good_and_bad_arguments),
	    TEST(every_row_is_called),
	    TEST(rows_answer_at_any_time),
	    TEST(explains_up),
	    TEST(explains_unknown),
	    TEST(explains_down),
	    TEST(explains_delay_and_hold_up),
	    TEST(explains_degraded),
	    TEST(explains_drained),
	    TEST(explains_admin),
	    TEST(explains_missing_address),
	    TEST(explains_missing_neighbor),
	    TEST(tells_of_routes_that_a_neighbor_lacks),
	    TEST(status_is_one_screen),
	    TEST(tells_that_nobody_listens),
	    TEST(history_follows_without_gaps),
	    TEST(history_since_leaves_out_what_is_older),
	    TEST(history_comes_in_pages),
	    TEST(metrics_have_families_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
