/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFTP messages: a two-byte opcode, then what belongs to it.
 *
 * A server that can serve the file answers a read request with its first block (DATA 1), or with an
 * OACK when it wants to talk of options; one that cannot, with an ERROR.
 *
 * RFC 1350 section 5, RFC 2347 (OACK).
 */
#include "probe/tftp_msg.h"

#include "probe/probe_text.h"

#include <string.h>

enum tftp_opcode { TFTP_RRQ = 1, TFTP_DATA = 3, TFTP_ERROR = 5, TFTP_OACK = 6 };

#define TFTP_BLOCK 512

size_t
tftp_request_build(const char *file, uint8_t *buf, size_t cap)
{
	static const char mode[] = "octet";
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	wire_put_u16(&w, TFTP_RRQ);
	wire_put_bytes(&w, file, strlen(file) + 1);
	wire_put_bytes(&w, mode, sizeof(mode));
	return wire_writer_ok(&w) ? w.pos : 0;
}

size_t
tftp_end_build(uint8_t *buf, size_t cap)
{
	static const char text[] = "seen enough";
	struct wire_writer w;

	wire_writer_init(&w, buf, cap);
	wire_put_u16(&w, TFTP_ERROR);
	wire_put_u16(&w, 0);
	wire_put_bytes(&w, text, sizeof(text));
	return wire_writer_ok(&w) ? w.pos : 0;
}

static void
judge_data(struct wire_reader *r, struct probe_sample *s)
{
	unsigned block = wire_u16(r);

	if (!wire_ok(r) || wire_left(r) > TFTP_BLOCK)
		probe_sample_set(s, WHY_MALFORMED, "DATA of %zu bytes", wire_left(r));
	else if (block != 1)
		probe_sample_set(s, WHY_MALFORMED, "DATA %u, expected DATA 1", block);
	else
		probe_sample_set(s, WHY_OK, "first block of %zu bytes", wire_left(r));
}

static void
judge_error(struct wire_reader *r, struct probe_sample *s)
{
	char text[PROBE_EXCERPT];
	unsigned code = wire_u16(r);

	if (!wire_ok(r)) {
		probe_sample_set(s, WHY_MALFORMED, "ERROR without a code");
		return;
	}
	probe_bytes_excerpt(
	    wire_here(r), strnlen((const char *)wire_here(r), wire_left(r)), text, sizeof(text));
	probe_sample_set(s, WHY_STATUS, "error %u: %s", code, text);
}

void
tftp_judge(struct wire_reader *msg, struct probe_sample *sample)
{
	unsigned opcode = wire_u16(msg);

	switch (opcode) {
	case TFTP_DATA: judge_data(msg, sample); break;
	case TFTP_ERROR: judge_error(msg, sample); break;
	case TFTP_OACK: probe_sample_set(sample, WHY_OK, "options acknowledged"); break;
	default: probe_sample_set(sample, WHY_MALFORMED, "message with opcode %u", opcode); break;
	}
}
