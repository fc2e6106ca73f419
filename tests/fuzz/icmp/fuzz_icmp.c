/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a raw ICMP socket receives. The first byte picks the family; for IPv4 the
 * checksum is made right, so that the fuzzer gets past it.
 */
#include "probe/icmp_msg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
set_checksum(uint8_t *icmp, size_t len)
{
	uint32_t sum = 0;

	if (len < 4)
		return;
	icmp[2] = icmp[3] = 0;
	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)icmp[i] << 8 : icmp[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	icmp[2] = (uint8_t)(~sum >> 8);
	icmp[3] = (uint8_t)~sum;
}

/* What is handed on must lie inside the packet and have a text. */
static void
check(enum addr_family family, const struct icmp_msg *m, const uint8_t *packet, size_t len)
{
	if (m->kind == ICMP_NOTHING)
		return;
	assert(m->payload >= packet && m->payload + m->len == packet + len);
	assert(m->kind != ICMP_REPLY || (m->has_cookie && m->len >= ICMP_PAYLOAD_MIN));
	if (m->kind == ICMP_REPLY)
		assert(icmp_payload_damage(m->payload, m->len) <= m->len);
	else
		assert(m->target.family == family && icmp_failure_text(family, m)[0] != '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum addr_family family;
	struct icmp_msg m;
	uint8_t *packet;
	size_t header;

	if (size < 1 || size > 65536)
		return 0;
	family = data[0] & 1 ? ADDR_V6 : ADDR_V4;
	size--;
	packet = malloc(size > 0 ? size : 1);
	if (packet == NULL)
		return 0;
	memcpy(packet, data + 1, size);
	header = family == ADDR_V4 && size > 0 ? (size_t)(packet[0] & 15) * 4 : 0;
	if (family == ADDR_V4 && header < size)
		set_checksum(packet + header, size - header);
	icmp_read(family, packet, size, &m);
	check(family, &m, packet, size);
	free(packet);
	return 0;
}
