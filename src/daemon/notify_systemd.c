/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's notification protocol, by libsystemd.
 */
#include "daemon/notify.h"

#include <systemd/sd-daemon.h>

void
notify_ready(void)
{
	sd_notify(0, "READY=1\nSTATUS=running");
}

void
notify_stopping(void)
{
	sd_notify(0, "STOPPING=1\nSTATUS=withdrawing routes");
}

void
notify_alive(void)
{
	sd_notify(0, "WATCHDOG=1");
}

dur_t
notify_watchdog(void)
{
	uint64_t us = 0;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return (dur_t)(us / 2) * DUR_US;
}
