/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BGP speaker: a leaf that originates a few prefixes and never passes on what it learned.
 */
#ifndef BGP_H
#define BGP_H

#include "core/speaker.h"

extern const struct speaker_kind bgp_speaker;
/* `bgp:`, for the root schema (the same as bgp_speaker.schema, but a constant expression). */
extern const struct conf_schema bgp_schema;

#endif
