/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is compiled in: the one place that lists probe kinds and speakers. nighd and the simulator
 * bring a kinds file each (daemon/kinds.c, sim/sim_kinds.c) and share everything else.
 */
#ifndef DAEMON_KINDS_H
#define DAEMON_KINDS_H

#include "core/probe.h"
#include "core/speaker.h"

#define KINDS_SPEAKERS_MAX 8

/* NULL-terminated. */
extern const struct conf_variant *const kinds_probes[];
/* NULL-terminated, in the order of struct config's `speakers`. */
extern const struct speaker_kind *const kinds_speakers[];
/* Their names in the same order, NULL-terminated. */
extern const char *const kinds_speaker_names[];

#endif
