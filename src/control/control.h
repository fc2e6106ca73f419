/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket and the HTTP server: how operators and monitoring reach the daemon.
 *
 * The socket speaks one JSON object a line. A request is {"words": ["show", "services"]}; its
 * answer is what core/answer.h builds. HTTP serves GET /metrics and nothing that changes anything.
 */
#ifndef CONTROL_CONTROL_H
#define CONTROL_CONTROL_H

#include "base/addr.h"
#include "base/str.h"
#include "core/command.h"
#include "loop/loop.h"

#define CONTROL_REQUEST_MAX 65536
#define CONTROL_CLIENTS     64
#define CONTROL_WORDS       64

struct control;

/* Embedded by the daemon; outlives the control. */
struct control_source {
	const struct command_list *commands;
	void (*metrics)(struct control_source *s, struct str *out);
};

/* Takes over `listen_fd`, a listening UNIX socket; -1: none. Never NULL. */
struct control *control_new(struct loop *l, struct control_source *source, int listen_fd);
void control_free(struct control *c);
/* Serves HTTP there from now on, or nowhere when the family is ADDR_NONE; nothing happens when that
 * is so already. 0 or a negative errno. */
int control_http(struct control *c, const struct endpoint *where);

/* One request line to one answer line (with its newline), for the socket and the fuzzer. */
void control_answer(
    const struct control_source *source, const char *line, size_t len, mono_t now, struct str *out);

#endif
