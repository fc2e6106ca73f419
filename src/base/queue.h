/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists and trees: the BSD macros of libbsd, in the one place that names them.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#endif
