/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building NTP requests and judging NTP replies.
 *
 * The request is a mode 3 header of zeros with a random transmit timestamp: the server sends it
 * back as the origin timestamp, which proves that the reply is to this request, and our own time
 * stays with us. A reply without it is not for us and is ignored.
 *
 * Timestamps count 2^-32 s in 64 bits and wrap around in 2036; only differences of them are
 * computed, modulo 2^64, so that an era's end does not matter (RFC 5905 section 6).
 *
 * RFC 5905 section 7.3 (header), 7.4 (kiss-o'-death), 8 (offset and delay). The header: leap,
 * version, mode; stratum; poll; precision; root delay; root dispersion; reference id; then the
 * reference, origin, receive and transmit timestamps.
 */
#include "probe/ntp_msg.h"

#include <ctype.h>
#include <string.h>

#define NTP_VERSION     4
#define NTP_CLIENT      3
#define NTP_SERVER      4
#define NTP_LEAP_ALARM  3
#define NTP_STRATUM_MAX 15
#define NTP_UNIX_EPOCH  2208988800u /* seconds from 1900 to 1970 */

void
ntp_request_build(uint64_t cookie, uint8_t *buf)
{
	struct wire_writer w;

	memset(buf, 0, NTP_LEN);
	wire_writer_init(&w, buf, NTP_LEN);
	wire_put_u8(&w, NTP_VERSION << 3 | NTP_CLIENT);
	w.pos = NTP_LEN - 8;
	wire_put_u64(&w, cookie);
}

/* -- numbers -- */

static uint64_t
stamp_of_ns(int64_t unix_ns)
{
	uint64_t seconds = (uint64_t)(unix_ns / DUR_S) + NTP_UNIX_EPOCH;
	uint64_t fraction = ((uint64_t)(unix_ns % DUR_S) << 32) / (uint64_t)DUR_S;

	return seconds << 32 | fraction;
}

/* A difference of timestamps, rounded to microseconds: finer is only noise. */
static dur_t
dur_of_difference(int64_t d)
{
	int64_t seconds = d / ((int64_t)1 << 32);
	int64_t fraction = d % ((int64_t)1 << 32);
	int64_t ns = seconds * DUR_S + fraction * DUR_S / ((int64_t)1 << 32);

	return (ns + (ns < 0 ? -1 : 1) * DUR_US / 2) / DUR_US * DUR_US;
}

/* The short format: 16 bits of seconds, 16 of fraction. */
static dur_t
dur_of_short(uint32_t v)
{
	return (dur_t)(((uint64_t)v * (uint64_t)DUR_S) >> 16);
}

/* "+1.2ms", "-3s". */
static const char *
signed_text(dur_t d, char *buf, size_t size)
{
	buf[0] = d < 0 ? '-' : '+';
	dur_format(d < 0 ? -d : d, buf + 1, size - 1);
	return buf;
}

/* -- the reply -- */

struct reply {
	unsigned leap, version, mode, stratum;
	uint32_t root_delay, root_dispersion;
	const uint8_t *reference_id;
	uint64_t origin, receive, transmit;
};

static bool
reply_read(struct wire_reader *r, struct reply *out)
{
	unsigned first = wire_u8(r);

	out->leap = first >> 6;
	out->version = first >> 3 & 7;
	out->mode = first & 7;
	out->stratum = wire_u8(r);
	wire_skip(r, 2); /* poll, precision */
	out->root_delay = wire_u32(r);
	out->root_dispersion = wire_u32(r);
	out->reference_id = wire_bytes(r, 4);
	wire_skip(r, 8); /* reference timestamp */
	out->origin = wire_u64(r);
	out->receive = wire_u64(r);
	out->transmit = wire_u64(r);
	return wire_ok(r);
}

/* A kiss code is four letters where a reference id would be: "RATE", "DENY". */
static bool
is_kiss(const struct reply *p)
{
	for (int i = 0; i < 4; i++) {
		if (!isupper(p->reference_id[i]) && !isdigit(p->reference_id[i]))
			return false;
	}
	return p->stratum == 0;
}

/* What makes a reply unusable whatever is expected; false when nothing does. */
static bool
judge_header(const struct reply *p, struct probe_sample *s)
{
	if (p->mode != NTP_SERVER || p->version == 0 || p->version > NTP_VERSION)
		probe_sample_set(s, WHY_MALFORMED, "mode %u, version %u: not a server's reply",
		    p->mode, p->version);
	else if (is_kiss(p))
		probe_sample_set(
		    s, WHY_STATUS, "kiss-o'-death %.4s", (const char *)p->reference_id);
	else if (p->leap == NTP_LEAP_ALARM)
		probe_sample_set(s, WHY_STATUS, "not synchronised (leap alarm)");
	else if (p->stratum == 0 || p->stratum > NTP_STRATUM_MAX)
		probe_sample_set(s, WHY_STATUS, "not synchronised (stratum %u)", p->stratum);
	else if (p->receive == 0 || p->transmit == 0)
		probe_sample_set(s, WHY_MALFORMED, "a timestamp is missing");
	else
		return false;
	return true;
}

static void
judge_quality(const struct reply *p, const struct ntp_exchange *x, const struct ntp_expect *expect,
    struct probe_sample *s)
{
	uint64_t sent = stamp_of_ns(x->sent_ns), received = stamp_of_ns(x->received_ns);
	int64_t there = (int64_t)(p->receive - sent), back = (int64_t)(p->transmit - received);
	dur_t offset = dur_of_difference(there / 2 + back / 2);
	dur_t delay = dur_of_difference((int64_t)((received - sent) - (p->transmit - p->receive)));
	dur_t size = offset < 0 ? -offset : offset;
	const struct {
		const char *name;
		dur_t value, limit;
	} limits[] = {
	    {"offset", size, expect->offset},
	    {"root dispersion", dur_of_short(p->root_dispersion), expect->root_dispersion},
	    {"root delay", dur_of_short(p->root_delay), expect->root_delay},
	};
	char a[32], b[32];

	if (p->stratum > expect->stratum) {
		probe_sample_set(
		    s, WHY_CONTENT, "stratum %u, expected at most %u", p->stratum, expect->stratum);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		if (limits[i].limit == 0 || limits[i].value <= limits[i].limit)
			continue;
		probe_sample_set(s, WHY_CONTENT, "%s %s, expected at most %s", limits[i].name,
		    i == 0 ? signed_text(offset, a, sizeof(a))
			   : dur_format(limits[i].value, a, sizeof(a)),
		    dur_format(limits[i].limit, b, sizeof(b)));
		return;
	}
	probe_sample_set(s, WHY_OK, "stratum %u, offset %s, delay %s", p->stratum,
	    signed_text(offset, a, sizeof(a)), dur_format(delay < 0 ? 0 : delay, b, sizeof(b)));
}

enum ntp_verdict
ntp_judge(const struct ntp_exchange *x, const struct ntp_expect *expect, struct wire_reader *msg,
    struct probe_sample *sample)
{
	size_t len = wire_left(msg);
	struct reply p;

	if (!reply_read(msg, &p)) {
		probe_sample_set(
		    sample, WHY_MALFORMED, "reply of %zu bytes is shorter than a header", len);
		return NTP_JUDGED;
	}
	if (p.origin != x->cookie)
		return NTP_IGNORE;
	if (!judge_header(&p, sample))
		judge_quality(&p, x, expect, sample);
	return NTP_JUDGED;
}
