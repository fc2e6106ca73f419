/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told: ready, stopping, alive. Without libsystemd (notify_none.c), nothing.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

#include "base/mono.h"

void notify_ready(void);
void notify_stopping(void);
void notify_alive(void);
/* How often notify_alive() is wanted: half of WatchdogSec; 0: never. */
dur_t notify_watchdog(void);

#endif
