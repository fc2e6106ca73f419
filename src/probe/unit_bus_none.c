/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Without libsystemd there is no way to the system bus. The configuration refuses the kind with the
 * text below, so that no other function is ever called.
 */
#include "probe/unit_bus.h"

#include <errno.h>
#include <stdlib.h>

struct unit_bus {
	struct loop *loop;
};

const char *
unit_bus_missing(void)
{
	return "this nighd was built without libsystemd: build it with '-Dsystemd=enabled', or run "
	       "'systemctl is-active --quiet UNIT' by an exec probe";
}

struct unit_bus *
unit_bus_new(struct loop *l)
{
	struct unit_bus *b = mem_alloc(sizeof(*b));

	b->loop = l;
	return b;
}

void
unit_bus_free(struct unit_bus *b)
{
	free(b);
}

void
unit_bus_ask(struct unit_bus *b, struct unit_ask *a, const char *unit)
{
	a->fn(a, &(struct unit_answer){.error = -ENOSYS, .text = "no libsystemd"});
}

void
unit_bus_cancel(struct unit_ask *a)
{
}
