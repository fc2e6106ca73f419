/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nobody to notify: nighd was built without libsystemd.
 */
#include "daemon/notify.h"

void
notify_ready(void)
{
}

void
notify_stopping(void)
{
}

void
notify_alive(void)
{
}

dur_t
notify_watchdog(void)
{
	return 0;
}
