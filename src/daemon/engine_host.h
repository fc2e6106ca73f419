/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine in nighd: on the real loop, behind the helper's client, with control socket and HTTP.
 */
#ifndef DAEMON_ENGINE_HOST_H
#define DAEMON_ENGINE_HOST_H

#include "daemon/family.h"
#include "loop/loop.h"

struct engine_host;

/* `helper_fd`: the engine's end of the socket pair, taken over, like the control socket of `start`.
 * The loop is stopped when the engine has ended. */
struct engine_host *engine_host_new(
    struct loop *l, const struct family_start *start, int helper_fd);
void engine_host_free(struct engine_host *h);
/* Stops cleanly, as SIGTERM does. */
void engine_host_stop(struct engine_host *h);
void engine_host_reload(struct engine_host *h);
/* 0 after a clean stop, 1 otherwise. */
int engine_host_status(const struct engine_host *h);

#endif
