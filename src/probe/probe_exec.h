/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the exec probe, which the privileged side reads as well: it runs only what its own
 * reading of the configuration names.
 */
#ifndef PROBE_EXEC_H
#define PROBE_EXEC_H

#include "conf/conf.h"

struct exec_conf {
	struct conf_list command; /* of const char *: the program and its arguments */
	bool shell;               /* the command is one line for /bin/sh -c */
	const char *user;
};

#endif
