/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer to a fixed query. The first byte picks what is expected; the id and the
 * question are made to match, so that the fuzzer spends its time behind them.
 */
#include "base/wire.h"
#include "probe/dns_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const answers[] = {"192.0.2.80"};
	static const uint16_t types[] = {1, 28, 6, 15, 16, 46, 255, 64};
	const struct dns_question q = {
	    .name = "www.example.net", .type = types[size > 0 ? data[0] & 7 : 0], .class = 1};
	const struct dns_expect expect = {
	    .records = 1, .answers = {answers, size > 0 && (data[0] & 8) != 0}};
	struct probe_sample sample = {0};
	struct wire_reader r;
	uint8_t query[DNS_QUERY_MAX];
	uint8_t *msg;
	size_t len = dns_query_build(&q, true, query, sizeof(query));

	if (size < 1 || size > 4096)
		return 0;
	msg = malloc(size - 1 + len);
	if (msg == NULL)
		return 0;
	memcpy(msg, query, len);
	memcpy(msg + len, data + 1, size - 1);
	msg[2] = 0x81;
	msg[3] = 0x80;
	if (size > 4) { /* section counts come from the input too */
		msg[7] = data[1];
		msg[9] = data[2];
		msg[11] = data[3];
	}
	wire_reader_init(&r, msg, size - 1 + len);
	if (dns_judge(query, len, &expect, &r, &sample) == DNS_JUDGED) {
		assert(memchr(sample.detail, '\0', sizeof(sample.detail)) != NULL);
		assert(sample.ok == (sample.why == WHY_OK));
	}
	free(msg);
	return 0;
}
