/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper in nighd: what the helper object leaves to the daemon.
 */
#ifndef DAEMON_HELPER_SIDE_H
#define DAEMON_HELPER_SIDE_H

#include "daemon/family.h"
#include "loop/loop.h"

#include <sys/types.h>

struct helper_side;

/* `engine`: the engine's process, 0 in single mode. `fd`: the helper's end of the socket pair,
 * taken over. NULL when the kernel refuses (logged). The loop is stopped when the engine is gone.
 */
struct helper_side *helper_side_new(
    struct loop *l, const struct family_start *start, int fd, pid_t engine);
void helper_side_free(struct helper_side *h);
/* SIGTERM and SIGHUP. */
void helper_side_stop(struct helper_side *h);
void helper_side_reload(struct helper_side *h);
/* 0 when the engine had stopped cleanly, 1 otherwise. */
int helper_side_status(const struct helper_side *h);

#endif
