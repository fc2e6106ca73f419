/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as an answer to a fixed query. The first byte picks what is expected; the id and the
 * question are made to match, so that the fuzzer spends its time behind them.
 *
 * Where both ways of judging an answer apply, the walk and ldns must come to the same verdict.
 */
#include "base/wire.h"
#include "probe/dns_judge.h"
#include "probe/dns_walk.h"

#include <assert.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW ((int64_t)1800000000 * DUR_S)

/* ldns loses its step in records whose length does not fit their type, so what it has understood is
 * written anew before the two are compared. Records with no data at all stay a difference. */
static void
compare(const struct dns_judge *j, const uint8_t *msg, size_t len)
{
	struct probe_sample walk = {0}, full = {0};
	ldns_pkt *pkt = NULL;
	uint8_t *clean = NULL;
	size_t clean_len = 0;

	dns_judge_walk(j, msg, len, &walk);
	if (ldns_wire2pkt(&pkt, msg, len) != LDNS_STATUS_OK)
		return;
	if (ldns_pkt2wire(&clean, pkt, &clean_len) == LDNS_STATUS_OK) {
		dns_judge_walk(j, clean, clean_len, &walk);
		dns_judge_full(j, clean, clean_len, &full);
		if (strcmp(walk.detail, "an address of 0 bytes") != 0 && full.why != WHY_MALFORMED)
			assert(walk.why == full.why);
		if (walk.ok && full.ok && (j->type == 1 || j->type == 28))
			assert(strcmp(walk.detail, full.detail) == 0 || walk.detail[0] == '0');
	}
	free(clean);
	ldns_pkt_free(pkt);
}

static void
single_things(const struct dns_query *q, const uint8_t *msg, size_t len)
{
	uint32_t serial = 0, expires = 0;
	uint16_t nsid_len = 0;
	const uint8_t *nsid = dns_edns_option(msg, len, 3, &nsid_len);
	char text[8];

	assert(nsid == NULL || (nsid > msg && nsid + nsid_len <= msg + len));
	dns_soa_serial(msg, len, &serial);
	dns_signature_end(msg, len, dns_query_type(q), (uint32_t)(NOW / DUR_S), &expires);
	if (dns_txt_first(msg, len, text, sizeof(text)))
		assert(memchr(text, '\0', sizeof(text)) != NULL);
}

static void
judge(const struct dns_query *q, unsigned pick, const uint8_t *msg, size_t len)
{
	static const char *const answers[] = {"192.0.2.80", "regex:^1"};
	const struct dns_expect expect = {
	    .records = 1, .answers = {answers, (pick & 8) != 0 ? 1 + (pick >> 4 & 1) : 0}};
	const struct dns_demands demands = {
	    .expect = &expect,
	    .report_nsid = (pick & 32) != 0,
	    .signature_left = (pick & 64) != 0 ? DUR_DAY : 0,
	};
	struct probe_sample sample = {0};
	struct dns_judge j;

	dns_judge_init(&j, dns_query_type(q), &demands);
	dns_judge_answer(&j, msg, len, NOW, &sample);
	assert(memchr(sample.detail, '\0', sizeof(sample.detail)) != NULL);
	assert(sample.ok == (sample.why == WHY_OK));
	if (j.walk)
		compare(&j, msg, len);
	dns_judge_done(&j);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {1, 28, 6, 15, 16, 46, 255, 64};
	const struct dns_question question = {
	    .name = "www.example.net", .type = types[size > 0 ? data[0] & 7 : 0], .class = 1};
	const struct dns_query_opts opts = {.flags = DNS_QUERY_RD};
	struct dns_query q;
	uint8_t *msg;
	size_t len;

	if (size < 1 || size > 4096 || !dns_query_build(&question, &opts, &q))
		return 0;
	len = size - 1 + q.len;
	msg = malloc(len);
	if (msg == NULL)
		return 0;
	memcpy(msg, dns_query_msg(&q), q.len);
	memcpy(msg + q.len, data + 1, size - 1);
	msg[2] = 0x81;
	msg[3] = 0x80;
	if (size > 4) { /* section counts come from the input too */
		msg[7] = data[1];
		msg[9] = data[2];
		msg[11] = data[3];
	}
	if (dns_match(&q, msg, len) == DNS_ANSWER) {
		judge(&q, data[0], msg, len);
		single_things(&q, msg, len);
	}
	dns_match(&q, data, size);
	free(msg);
	return 0;
}
