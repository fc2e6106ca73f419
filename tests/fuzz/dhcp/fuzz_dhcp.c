/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer to a fixed question. The first byte picks the question and what is
 * expected; the part that says whose answer it is is made to match, so that the fuzzer spends its
 * time behind it.
 */
#include "base/wire.h"
#include "probe/dhcp_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEAD 44 /* from the operation to the hardware address */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t head[] = {2, 1, 6, 0, 1, 2, 3, 4};
	static const struct prefix pool = {.addr = {ADDR_V4, {192, 0, 2, 0}}, .len = 24};
	struct dhcp_query q = {.type = DHCP_DISCOVER, .xid = 0x01020304, .mac = {2, 0, 0, 0, 0, 1}};
	struct dhcp_expect expect = {0};
	struct probe_sample sample = {0};
	struct wire_reader r;
	struct addr server;
	enum dhcp_verdict verdict;
	uint8_t *msg;

	if (size < 2 || size > 4096)
		return 0;
	if ((data[0] & 1) != 0)
		q.type = DHCP_INFORM;
	if ((data[0] & 2) != 0)
		expect.server_id = pool.addr;
	if ((data[0] & 4) != 0)
		expect.offers_from = (struct conf_list){&pool, 1};
	msg = malloc(size - 1);
	if (msg == NULL)
		return 0;
	memcpy(msg, data + 1, size - 1);
	if ((data[0] & 8) == 0 && size - 1 >= HEAD) {
		memcpy(msg, head, sizeof(head));
		memcpy(msg + 28, q.mac, DHCP_MAC);
	}
	if ((data[0] & 8) == 0 && size - 1 >= 240)
		memcpy(msg + 236, "\143\202\123\143", 4);
	wire_reader_init(&r, msg, size - 1);
	verdict = dhcp_judge(&q, &expect, &r, &sample, &server);
	assert(verdict != DHCP_OTHER || server.family == ADDR_V4);
	if (verdict == DHCP_JUDGED) {
		assert(memchr(sample.detail, '\0', sizeof(sample.detail)) != NULL);
		assert(sample.ok == (sample.why == WHY_OK));
	}
	free(msg);
	return 0;
}
