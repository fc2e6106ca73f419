/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and trees: the BSD macros of libbsd, in the one place that names them.
 *
 * libbsd writes the static trees with a word, __unused, that it does not define on Linux. They are
 * defined anew here.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#undef RB_PROTOTYPE_STATIC
#undef RB_GENERATE_STATIC
#define RB_PROTOTYPE_STATIC(name, type, field, cmp)                                                \
	RB_PROTOTYPE_INTERNAL(name, type, field, cmp, static __attribute__((unused)))
#define RB_GENERATE_STATIC(name, type, field, cmp)                                                 \
	RB_GENERATE_INTERNAL(name, type, field, cmp, static __attribute__((unused)))

#endif
