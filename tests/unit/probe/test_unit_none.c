/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The unit probe as it is without libsystemd: a configuration that has it is refused, and says why.
 */
#include "probe/probe_kinds.h"
#include "probe_run.h"

#include <setjmp.h>

#include <cmocka.h>

static void
refused(void **state)
{
	probe_refused(&probe_unit, "built without libsystemd", "unit: web.service");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(refused)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
