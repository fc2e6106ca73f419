/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exec probe: what an exit code and a line of output come to, with a port that makes them up.
 */
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COMMAND "command: [/usr/lib/plugin, -w, '5']"
#define NAGIOS  COMMAND ", nagios: true"

struct fake_port {
	struct kernel_port port;
	struct kernel_exec_result result;
};

static void
port_exec(struct kernel_port *k, struct kernel_exec *x, const char *name)
{
	struct fake_port *f = container_of(k, struct fake_port, port);

	assert_string_equal(name, "p");
	x->fn(x, &f->result);
}

static const struct kernel_ops port_ops = {.exec_start = port_exec};

static void
check(const char *options, enum kernel_exec_end end, int code, const char *output, enum why why,
    const char *detail)
{
	struct fake_port f = {.port = {.ops = &port_ops}, .result = {.end = end, .code = code}};
	struct probe_run run = {.kind = &probe_exec, .kernel = &f.port};

	str_copy(f.result.output, sizeof(f.result.output), output);
	probe_run(&run, "%s", options);
	assert_string_equal(run.sample.detail, detail);
	assert_string_equal(why_str(run.sample.why), why_str(why));
	assert_int_equal(run.sample.ok, why == WHY_OK);
	assert_string_equal(run.description, "exec /usr/lib/plugin -w 5");
}

static void
plain(void **state)
{
	check(COMMAND, KERNEL_EXEC_EXITED, 0, "", WHY_OK, "");
	check(COMMAND, KERNEL_EXEC_EXITED, 0, "all | well\nreally\n", WHY_OK, "all | well");
	check(COMMAND, KERNEL_EXEC_EXITED, 0, "\033[1mwell \n", WHY_OK, "?[1mwell");
	check(COMMAND, KERNEL_EXEC_EXITED, 1, "", WHY_STATUS, "exit code 1");
	check(COMMAND, KERNEL_EXEC_EXITED, 7, "ill\n", WHY_STATUS, "exit code 7: ill");
	check(COMMAND, KERNEL_EXEC_SIGNALLED, 9, "ill\n", WHY_STATUS, "ended by signal 9: ill");
	check(COMMAND, KERNEL_EXEC_FAILED, -ENOENT, "", WHY_LOCAL,
	    "could not be started: No such file or directory");
}

static void
plugins(void **state)
{
	check(
	    NAGIOS, KERNEL_EXEC_EXITED, 0, "DNS OK: 3 ms | time=3ms\nlong", WHY_OK, "DNS OK: 3 ms");
	check(NAGIOS, KERNEL_EXEC_EXITED, 1, "slow|time=9s\n", WHY_OK, "WARNING: slow");
	check(NAGIOS ", warning: ok", KERNEL_EXEC_EXITED, 1, "", WHY_OK, "WARNING");
	check(
	    NAGIOS ", warning: fail", KERNEL_EXEC_EXITED, 1, "slow\n", WHY_STATUS, "WARNING: slow");
	check(NAGIOS ", warning: fail", KERNEL_EXEC_EXITED, 0, "fine\n", WHY_OK, "fine");
	check(NAGIOS, KERNEL_EXEC_EXITED, 2, "dead\n", WHY_STATUS, "CRITICAL: dead");
	check(NAGIOS, KERNEL_EXEC_EXITED, 3, "|x=1\n", WHY_STATUS, "UNKNOWN");
	check(
	    NAGIOS, KERNEL_EXEC_EXITED, 127, "", WHY_STATUS, "exit code 127, which no plugin has");
	check(NAGIOS, KERNEL_EXEC_SIGNALLED, 11, "", WHY_STATUS, "ended by signal 11");
}

static void
refused(void **state)
{
	probe_refused(&probe_exec, "only plugins give warnings", COMMAND ", warning: fail");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain),
	    cmocka_unit_test(plugins),
	    cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
