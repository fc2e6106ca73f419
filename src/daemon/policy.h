/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a configuration allows the engine to ask of the helper.
 */
#ifndef DAEMON_POLICY_H
#define DAEMON_POLICY_H

#include "daemon/config.h"

struct helper_policy;

/* Never NULL; owned by the caller. Users that do not exist are logged and their probes left out. */
struct helper_policy *policy_make(const struct config *c);

#endif
