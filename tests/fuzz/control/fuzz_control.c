/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any line as a request of the control socket: the answer is always one line.
 */
#include "control/control.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
run_echo(struct command_host *host, const struct command_call *call, struct answer *a)
{
	for (size_t i = 0; i < call->count; i++)
		answer_line(a, (unsigned)i, "%s", call->args[i]);
}

static const struct command rows[] = {
    {"show echo", "[WORD]", "says its words", run_echo},
    {"show", NULL, "plain", run_echo},
    {NULL, NULL, NULL, NULL},
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct command_host host = {.commands = rows};
	struct command_list list = TAILQ_HEAD_INITIALIZER(list);
	struct control_source source = {.commands = &list};
	struct str out = {0};

	TAILQ_INSERT_TAIL(&list, &host, link);
	control_answer(&source, (const char *)data, size, (mono_t){0}, &out);
	assert(out.len > 0 && strchr(out.text, '\n') == out.text + out.len - 1);
	str_done(&out);
	return 0;
}
