/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the answer of a TFTP, SNMP, RADIUS or SMTP server; the first byte picks which. The
 * SNMP request id is the one that the corpus uses. RADIUS gets no farther than its MD5, and what
 * lies before that is all that reads lengths.
 */
#include "base/wire.h"
#include "probe/radius_msg.h"
#include "probe/smtp_msg.h"
#include "probe/snmp_msg.h"
#include "probe/tftp_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_sample(const struct probe_sample *s)
{
	assert(memchr(s->detail, '\0', sizeof(s->detail)) != NULL);
	assert(s->ok == (s->why == WHY_OK));
}

static void
fuzz_tftp(const uint8_t *data, size_t size)
{
	struct probe_sample s = {0};
	struct wire_reader r;

	wire_reader_init(&r, data, size);
	tftp_judge(&r, &s);
	check_sample(&s);
}

static void
fuzz_snmp(const uint8_t *data, size_t size)
{
	static const struct snmp_question q = {
	    .community = "public", .oid = "1.3.6.1.2.1.1.3.0", .id = 0x41424344};
	static const uint8_t byte[] = {'1'};
	static const struct probe_pattern one = {.bytes = {byte, sizeof(byte)}};
	struct probe_matcher *m = size % 2 == 0 ? NULL : probe_matcher_new(&one);
	struct probe_sample s = {0};
	struct wire_reader r;

	wire_reader_init(&r, data, size);
	if (snmp_judge(&q, m, &r, &s) == SNMP_JUDGED)
		check_sample(&s);
	probe_matcher_free(m);
}

static void
fuzz_oid(const uint8_t *data, size_t size)
{
	uint8_t oid[SNMP_OID_MAX];
	char text[256];

	if (size >= sizeof(text))
		return;
	memcpy(text, data, size);
	text[size] = '\0';
	assert(snmp_oid_encode(text, oid, sizeof(oid)) <= sizeof(oid));
}

static void
fuzz_radius(const uint8_t *data, size_t size)
{
	static const struct radius_question q = {.secret = "secret", .id = 1};
	struct probe_sample s = {0};
	struct wire_reader r;

	wire_reader_init(&r, data, size);
	if (radius_judge(&q, &r, &s) == RADIUS_JUDGED)
		check_sample(&s);
}

static void
fuzz_smtp(const uint8_t *data, size_t size)
{
	struct smtp_reply reply;

	if (smtp_reply_read(data, size, &reply) != SMTP_WHOLE)
		return;
	assert(reply.len <= size && reply.code >= 200 && reply.code <= 999);
	assert(memchr(reply.text, '\0', sizeof(reply.text)) != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const targets[])(const uint8_t *, size_t) = {
	    fuzz_tftp, fuzz_snmp, fuzz_oid, fuzz_radius, fuzz_smtp};
	uint8_t *copy;

	if (size < 1 || size > 9000)
		return 0;
	copy = malloc(size);
	if (copy == NULL)
		return 0;
	memcpy(copy, data + 1, size - 1);
	targets[data[0] % (sizeof(targets) / sizeof(targets[0]))](copy, size - 1);
	free(copy);
	return 0;
}
