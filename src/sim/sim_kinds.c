/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated node is made of: scripted probes, and one speaker, which is the model or the
 * real one by the simulation's choice. Both read the section `bgp:`, so that configurations are
 * those of the daemon.
 */
#include "daemon/kinds.h"

#include "proto/bgp/bgp.h"
#include "sim/sim.h"

static struct speaker *
either_new(const struct speaker_env *env)
{
	struct sim_node *n = sim_node_of_net(env->net);

	n->speaker = (n->sim->real ? &bgp_speaker : &sim_model_speaker)->new (env);
	return n->speaker;
}

static void
either_configure(struct speaker *s, const struct speaker_node *node, const void *section)
{
	s->kind->configure(s, node, section);
}

static void
either_stop(struct speaker *s, const char *text)
{
	s->kind->stop(s, text);
}

static bool
either_idle(const struct speaker *s)
{
	return s->kind->idle(s);
}

static void
either_free(struct speaker *s)
{
	s->kind->free(s);
}

static void
either_peers(const struct speaker *s, speaker_peer_fn *fn, void *arg)
{
	s->kind->peers(s, fn, arg);
}

static void
either_explain(const struct speaker *s, const struct prefix *p, struct answer *a, mono_t now)
{
	s->kind->explain(s, p, a, now);
}

static bool
either_hears(const struct speaker *s, const struct prefix *p)
{
	return s->kind->hears(s, p);
}

static void
either_metrics(const struct speaker *s, struct metric_writer *m, mono_t now)
{
	s->kind->metrics(s, m, now);
}

const struct speaker_kind sim_speaker = {
    .name = "bgp",
    .schema = &bgp_schema,
    .new = either_new,
    .configure = either_configure,
    .stop = either_stop,
    .idle = either_idle,
    .free = either_free,
    .peers = either_peers,
    .explain = either_explain,
    .hears = either_hears,
    .metrics = either_metrics,
};

const struct conf_variant *const kinds_probes[] = {
    &sim_probe.variant,
    NULL,
};

const struct speaker_kind *const kinds_speakers[] = {
    &sim_speaker,
    NULL,
};

const char *const kinds_speaker_names[] = {
    "bgp",
    NULL,
};
