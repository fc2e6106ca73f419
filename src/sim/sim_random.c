/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The random run: a few nodes with random configurations, faults of every kind one after the other,
 * and from time to time a quiet spell in which everything has to find its way to the truth.
 *
 * All choices come from one seeded generator, so a seed is a run. Faults are carried out by the
 * words of scenarios (sim_words.c).
 */
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

#define NODES       3
#define QUIET       (30 * DUR_S)
#define QUIET_BGP   (240 * DUR_S) /* after failures a speaker waits up to a minute */
#define FAULTS_BUSY 250           /* between two quiet spells */
#define ACTION_TEXT 96
#define PROBES      4
#define SERVICES    3

static const char *const random_prefixes[] = {
    "192.0.2.53/32", "192.0.2.123/32", "\"2001:db8::53/128\"", "198.51.100.0/24"};
static const char *const random_names[] = {
    "p0", "p1", "p2", "p3", "both", "either", "uplink", "quick"};
static const char *const random_drains[] = {"0s", "500ms", "2s"};
static const char *const random_routers[] = {"10.0.0.1", "10.0.0.2"};

static const char *
pick(struct rng *r, const char *const *words, size_t count)
{
	return words[rng_below(r, count)];
}
#define PICK(r, words) pick(r, words, ARRAY_LEN(words))

static bool
chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

/* -- configurations -- */

static void
random_probes(struct rng *r, struct str *out)
{
	static const char *const paces[] = {"frequency: 300ms, timeout: 100ms",
	    "frequency: 500ms, timeout: 500ms", "frequency: 1s, timeout: 200ms"};
	static const char *const retries[] = {"0s", "100ms", "200ms"};

	str_add(out, "probes:\n");
	for (int i = 0; i < PROBES; i++) {
		int fall = 1 + (int)rng_below(r, 3);

		str_printf(out, "  p%d: {type: script, %s, rise: %d, fall: %d, threshold: 50ms", i,
		    PICK(r, paces), 1 + (int)rng_below(r, 3), fall);
		if (chance(r, 25))
			str_printf(out, ", of: %d", fall + (int)rng_below(r, 4));
		str_printf(out, ", retry: %s}\n", PICK(r, retries));
	}
}

static void
random_tracks(struct rng *r, struct str *out)
{
	static const char *const delays[] = {"", "", ", delay: {up: 1s}", ", delay: {down: 700ms}",
	    ", delay: {up: 300ms, down: 2s}"};

	str_printf(out, "tracks:\n  both: {all: [p0, p1]%s}\n", PICK(r, delays));
	str_printf(
	    out, "  either: {any: [%s, p2]%s}\n", chance(r, 50) ? "p1" : "both", PICK(r, delays));
	str_printf(out, "  uplink: {interface: eth0%s}\n", PICK(r, delays));
	str_add(out, "  quick: {in-time: p3}\n");
}

static void
random_list(struct rng *r, const char *key, unsigned most, struct str *out)
{
	unsigned count = (unsigned)rng_below(r, most + 1);

	if (count == 0)
		return;
	str_printf(out, "    %s: [", key);
	for (unsigned i = 0; i < count; i++)
		str_printf(out, "%s%s", i > 0 ? ", " : "", PICK(r, random_names));
	str_add(out, "]\n");
}

static void
random_service(struct sim_node *n, int number, const char *addresses, bool bgp, struct str *out)
{
	static const struct {
		unsigned percent;
		const char *text;
	} options[] = {
	    {25, "    hold-up: 1s\n"},
	    {25, "    if-missing: withdraw\n"},
	    {25, "    attributes: {med: 50}\n"},
	    {5, "    interface: eth0\n"},
	    {25, "    listens: [udp/53, tcp/53]\n"},
	};
	static const char *const levels[] = {"", "", "    levels: {degraded: {med: +100}}\n",
	    "    levels: {drained: withdraw}\n", "    levels: {down: {prepend: 4}}\n",
	    "    levels: {degraded: withdraw, up: {communities: [64500:1]}}\n"};
	struct rng *r = &n->sim->rng;

	str_printf(out, "  s%d:\n    addresses: [%s]\n", number, addresses);
	/* The same in every generation, so that the check knows how long an address has to stay. */
	str_printf(out, "    drain: %s\n", random_drains[n->number % ARRAY_LEN(random_drains)]);
	random_list(r, "require", 2, out);
	random_list(r, "prefer", 1, out);
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		if (chance(r, options[i].percent))
			str_add(out, options[i].text);
	}
	str_add(out, PICK(r, levels));
	if (bgp && chance(r, 30))
		str_add(out, "    advertise: [bgp]\n");
}

static void
random_services(struct sim_node *n, bool bgp, struct str *out)
{
	struct rng *r = &n->sim->rng;
	struct str addresses[SERVICES] = {0};

	for (size_t i = 0; i < ARRAY_LEN(random_prefixes); i++) {
		struct str *a = &addresses[rng_below(r, SERVICES)];

		if (chance(r, 15))
			continue;
		str_printf(a, "%s%s", a->len > 0 ? ", " : "", random_prefixes[i]);
	}
	str_add(out, "services:\n");
	for (int i = 0; i < SERVICES; i++) {
		if (addresses[i].len > 0)
			random_service(n, i, str_text(&addresses[i]), bgp, out);
		str_done(&addresses[i]);
	}
}

static void
random_bgp(struct rng *r, struct str *out)
{
	bool first = chance(r, 85);

	str_add(out, "bgp:\n  as: 64501\n  hold-time: 9s\n  connect-retry: 2s\n  neighbors:\n");
	if (first)
		str_printf(out, "    %s: {as: 64500, next-hop-ipv6: \"2001:db8::1\"}\n",
		    random_routers[0]);
	if (!first || chance(r, 80))
		str_printf(out, "    %s: {as: 64500, next-hop-ipv6: \"2001:db8::1\"%s}\n",
		    random_routers[1], chance(r, 30) ? ", attributes: {prepend: 1}" : "");
}

static void
random_config(struct sim_node *n)
{
	struct rng *r = &n->sim->rng;
	bool bgp = chance(r, 95);
	struct str text = {0};

	str_printf(&text, "node: {name: n%u, router-id: 10.1.1.%u, log-level: error}\n", n->number,
	    n->number);
	random_probes(r, &text);
	random_tracks(r, &text);
	random_services(n, bgp, &text);
	if (bgp)
		random_bgp(r, &text);
	sim_node_set_config(n, str_text(&text));
	str_done(&text);
}

/* -- faults -- */

/* Writes the words of a fault. */
typedef void fault_fn(struct sim_node *n, struct rng *r, char *text);

static void
fault_probe(struct sim_node *n, struct rng *r, char *text)
{
	static const char *const answers[] = {
	    "ok", "ok", "ok", "fail", "hang", "ok 80ms", "ok 400ms"};

	snprintf(text, ACTION_TEXT, "node %u probe p%d %s", n->number, (int)rng_below(r, PROBES),
	    PICK(r, answers));
}

static void
fault_link(struct sim_node *n, struct rng *r, char *text)
{
	snprintf(
	    text, ACTION_TEXT, "node %u link eth0 %s", n->number, chance(r, 60) ? "up" : "down");
}

static void
fault_delete(struct sim_node *n, struct rng *r, char *text)
{
	const struct sim_address *a;
	char prefix[PREFIX_TEXT];

	TAILQ_FOREACH (a, &n->host.addresses, link) {
		if (!a->present || !chance(r, 50))
			continue;
		snprintf(text, ACTION_TEXT, "node %u delete %s", n->number,
		    prefix_format(&a->prefix, prefix, sizeof(prefix)));
		return;
	}
}

static void
fault_serve(struct sim_node *n, struct rng *r, char *text)
{
	snprintf(text, ACTION_TEXT, "node %u serve %s/53 %s", n->number,
	    chance(r, 50) ? "udp" : "tcp", chance(r, 65) ? "on" : "off");
}

static void
fault_host(struct sim_node *n, struct rng *r, char *text)
{
	static const char *const moods[] = {"obey", "obey", "refuse", "slow 300ms", "slow 40ms"};

	snprintf(text, ACTION_TEXT, "node %u host %s", n->number, PICK(r, moods));
}

static void
fault_path(struct sim_node *n, struct rng *r, char *text)
{
	/* What a frozen router has read, and how fast it reads, only the model knows. */
	static const char *const faults[] = {"cut", "heal", "heal", "close", "open", "open",
	    "freeze", "thaw", "thaw", "pace 0s", "pace 20ms", "pace 150ms"};
	size_t count = n->sim->real ? ARRAY_LEN(faults) / 2 : ARRAY_LEN(faults);

	snprintf(text, ACTION_TEXT, "node %u neighbor %s %s", n->number, PICK(r, random_routers),
	    pick(r, faults, count));
}

static void
fault_operator(struct sim_node *n, struct rng *r, char *text)
{
	static const char *const words[] = {"drain s%d", "drain s%d --for 3s", "undrain s%d",
	    "undrain s%d", "admin s%d up", "admin s%d down", "admin s%d auto", "admin s%d auto"};
	const char *w = PICK(r, words);
	int used = snprintf(text, ACTION_TEXT, "node %u do ", n->number);

	for (; *w != '\0' && used < ACTION_TEXT - 2; w++) {
		if (*w == '%') {
			text[used++] = (char)('0' + rng_below(r, SERVICES));
			w++;
		} else {
			text[used++] = *w;
		}
	}
	text[used] = '\0';
}

static void
fault_reload(struct sim_node *n, struct rng *r, char *text)
{
	random_config(n);
	snprintf(text, ACTION_TEXT, "node %u reload", n->number);
}

static void
fault_life(struct sim_node *n, struct rng *r, char *text)
{
	snprintf(text, ACTION_TEXT, "node %u %s", n->number, chance(r, 60) ? "kill" : "stop");
}

static const struct {
	unsigned weight;
	fault_fn *fn;
} faults[] = {
    {40, fault_probe},
    {8, fault_link},
    {8, fault_delete},
    {8, fault_host},
    {6, fault_serve},
    {20, fault_path},
    {12, fault_operator},
    {6, fault_reload},
    {2, fault_life},
};

static void
act(struct sim *s, const char *text)
{
	struct str why = {0};

	/* What cannot be done (no such service, nothing to delete) is a fault that had no effect.
	 */
	sim_do(s, text, &why);
	str_done(&why);
	sim_event(s);
}

static void
random_fault(struct sim *s)
{
	struct sim_node *n = sim_node_get(s, 1 + (unsigned)rng_below(&s->rng, NODES));
	char text[ACTION_TEXT] = "";
	uint64_t dice;

	if (n->engine == NULL) {
		if (chance(&s->rng, 30))
			random_config(n);
		snprintf(text, sizeof(text), "node %u start", n->number);
		act(s, text);
		return;
	}
	dice = rng_below(&s->rng, 110);
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (dice < faults[i].weight) {
			faults[i].fn(n, &s->rng, text);
			break;
		}
		dice -= faults[i].weight;
	}
	if (text[0] != '\0')
		act(s, text);
}

/* -- quiet -- */

static void
heal(struct sim_node *n)
{
	struct sim_session *x;

	n->host.refuses = false;
	n->host.delay = SIM_HOST_DELAY;
	LIST_FOREACH (x, &n->sessions, link) {
		x->cut = false;
		x->frozen = false;
		x->closed = false;
		x->pace = 0;
		sim_path_update(x);
	}
}

static void
quiet(struct sim *s)
{
	sim_trace(s, "all faults are healed");
	for (size_t i = 0; i < s->node_count; i++)
		heal(s->nodes[i]);
	sim_event(s);
	sim_run(s, mono_add(sim_now(s), s->real ? QUIET_BGP : QUIET));
	if (s->violated == NULL && s->events < s->limit)
		sim_check_truth(s);
}

void
sim_random_run(struct sim *s, uint64_t events)
{
	s->limit = events;
	for (unsigned i = 1; i <= NODES; i++) {
		random_config(sim_node_get(s, i));
		sim_host_link(&sim_node_get(s, i)->host, "eth0", true);
	}
	while (s->violated == NULL && s->events < s->limit) {
		for (int i = 0; i < FAULTS_BUSY && s->violated == NULL; i++) {
			random_fault(s);
			sim_run(s, mono_add(sim_now(s), rng_between(&s->rng, 0, 600 * DUR_MS)));
		}
		quiet(s);
	}
}
