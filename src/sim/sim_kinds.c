/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated node is made of: scripted probes, and a speaker whose neighbors are models. The
 * speaker reads the section `bgp:`, so that configurations are those of the daemon.
 */
#include "daemon/kinds.h"

#include "sim/sim.h"

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
