/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the exec probe, which the privileged side reads as well: it runs only what its own
 * reading of the configuration names.
 */
#ifndef PROBE_EXEC_H
#define PROBE_EXEC_H

#include "conf/conf.h"

/* What a plugin's warning (exit code 1) comes to. */
enum exec_warning { EXEC_WARNING_OK, EXEC_WARNING_FAIL };

struct exec_conf {
	struct conf_list command; /* of const char *: the program and its arguments */
	bool shell;               /* the command is one line for /bin/sh -c */
	const char *user;
	bool nagios; /* exit code and output as monitoring plugins have them */
	int warning; /* enum exec_warning; only with `nagios` */
};

#endif
