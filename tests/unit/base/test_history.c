/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring of events: numbering, loss, and readers that walk, keep up or fall behind.
 */
#include "base/history.h"
#include "base/mem.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void
add(struct history *h, unsigned number)
{
	struct history_event e = {.seq = 999, .at = {number}, .kind = "probe"};

	snprintf(e.object, sizeof(e.object), "object-%u", number);
	history_add(h, &e);
}

static void
an_empty_ring_has_nothing(void **state)
{
	struct history h;

	history_init(&h, 4);
	assert_null(history_from(&h, 0));
	assert_null(history_from(&h, 1));
	assert_int_equal(history_lost(&h), 0);
	history_done(&h);
}

/* For every size and fill: a walk from any number sees the kept events behind it, each once. */
static void
walks_see_what_is_kept(void **state)
{
	for (size_t cap = 1; cap <= 5; cap++) {
		struct history h;

		history_init(&h, cap);
		for (unsigned count = 1; count <= 12; count++) {
			uint64_t oldest = count > cap ? count - cap + 1 : 1;

			add(&h, count);
			assert_int_equal(history_lost(&h), oldest - 1);
			for (uint64_t from = 0; from <= count + 1; from++) {
				uint64_t want = from > oldest ? from : oldest;
				const struct history_event *e = history_from(&h, from);

				for (; e != NULL; e = history_from(&h, e->seq + 1)) {
					assert_int_equal(e->seq, want);
					assert_int_equal(e->at.ns, want);
					want++;
				}
				assert_int_equal(want, count + 1);
			}
		}
		history_done(&h);
	}
}

static void
events_are_copied(void **state)
{
	struct history_event e = {.kind = "track", .wall_ns = 7};
	const struct history_event *kept;
	struct history h;

	history_init(&h, 2);
	str_copy(e.to, sizeof(e.to), "down");
	history_add(&h, &e);
	str_copy(e.to, sizeof(e.to), "up");
	kept = history_from(&h, 1);
	assert_non_null(kept);
	assert_string_equal(kept->to, "down");
	assert_string_equal(kept->kind, "track");
	assert_int_equal(kept->wall_ns, 7);
	history_done(&h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_ring_has_nothing),
	    cmocka_unit_test(walks_see_what_is_kept),
	    cmocka_unit_test(events_are_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
