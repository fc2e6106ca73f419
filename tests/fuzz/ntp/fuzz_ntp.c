/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a time server's reply. The first byte picks what is expected; with its top bit the
 * origin timestamp is made to match, so that the fuzzer spends its time behind that.
 */
#include "probe/ntp_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define ORIGIN 24 /* where the origin timestamp stands */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ntp_exchange x = {
	    0x0102030405060708u, 1767225600 * DUR_S, 1767225601 * DUR_S};
	struct probe_sample sample = {0};
	struct ntp_expect expect;
	struct wire_reader r;
	uint8_t *msg;

	if (size < 1 || size > 4096)
		return 0;
	expect = (struct ntp_expect){
	    .stratum = 1u + (data[0] & 15) % 15,
	    .offset = data[0] & 0x10 ? DUR_S : 0,
	    .root_dispersion = data[0] & 0x20 ? DUR_S : 0,
	    .root_delay = data[0] & 0x40 ? DUR_S : 0,
	};
	msg = malloc(size);
	if (msg == NULL)
		return 0;
	memcpy(msg, data + 1, size - 1);
	for (size_t i = 0; (data[0] & 0x80) != 0 && i < 8 && ORIGIN + i < size - 1; i++)
		msg[ORIGIN + i] = (uint8_t)(x.cookie >> (56 - 8 * i));
	wire_reader_init(&r, msg, size - 1);
	if (ntp_judge(&x, &expect, &r, &sample) == NTP_JUDGED) {
		assert(memchr(sample.detail, '\0', sizeof(sample.detail)) != NULL);
		assert(sample.detail[0] != '\0');
		assert(sample.ok == (sample.why == WHY_OK));
	}
	free(msg);
	return 0;
}
