/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tftp probe: asks for a file and is content with its first block.
 *
 * The server answers from a port of its own for this transfer (RFC 1350 section 4). So that it does
 * not send the block again and again, it is told that the transfer is over.
 */
#include "loop/net.h"
#include "probe/probe_kinds.h"
#include "probe/tftp_msg.h"
#include "probe/udp_ask.h"

#include <stdlib.h>

#define TFTP_PORT 69

struct tftp_conf {
	struct endpoint server;
	struct probe_net_conf net;
	const char *file;
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = TFTP_PORT,
	.offset = offsetof(struct tftp_conf, server),
	.doc = "The TFTP server. Port 69 when none is written."},
    PROBE_NET_ROWS(struct tftp_conf, net),
    {.key = "file",
	.type = CONF_STRING,
	.flags = CONF_REQUIRED,
	.min = 1,
	.max = TFTP_FILE_MAX,
	.offset = offsetof(struct tftp_conf, file),
	.doc = "The file to ask for. Only its first block is transferred."},
    {.type = CONF_END},
};

static void
tftp_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct tftp_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "tftp",
    .size = sizeof(struct tftp_conf),
    .rows = rows,
    .check = tftp_check,
    .doc = "Asks a TFTP server for a file and expects its first block.",
};

static enum udp_verdict
on_answer(struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample)
{
	struct wire_reader r;
	uint8_t end[32];

	wire_reader_init(&r, msg, len);
	tftp_judge(&r, sample);
	if (sample->ok)
		udp_ask_reply(a, end, tftp_end_build(end, sizeof(end)));
	return UDP_JUDGED;
}

static struct probe *
tftp_new(const struct probe_env *env, const void *kind_conf)
{
	struct udp_ask *a = mem_alloc(sizeof(*a));

	udp_ask_init(a, env, on_answer);
	return &a->probe;
}

static void
tftp_start(struct probe *p)
{
	struct udp_ask *a = container_of(p, struct udp_ask, probe);
	const struct tftp_conf *c = p->conf;
	uint8_t request[TFTP_REQUEST_MAX];
	size_t len = tftp_request_build(c->file, request, sizeof(request));

	udp_ask_send(a, &(struct udp_question){.server = &c->server,
			    .net = &c->net,
			    .data = request,
			    .len = len,
			    .port = UDP_ANY_PORT});
}

static void
tftp_free(struct probe *p)
{
	free(container_of(p, struct udp_ask, probe));
}

static void
tftp_describe(const struct probe *p, struct str *out)
{
	const struct tftp_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "tftp %s %s", endpoint_format(&c->server, server, sizeof(server)), c->file);
}

const struct probe_kind probe_tftp = {
    .variant = {.type = "tftp", .schema = &schema},
    .new = tftp_new,
    .start = tftp_start,
    .cancel = udp_ask_cancel,
    .free = tftp_free,
    .describe = tftp_describe,
    .timed_out = udp_ask_timed_out,
};
