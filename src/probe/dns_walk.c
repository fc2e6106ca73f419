/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded walk over the records of a DNS message.
 *
 * Most answers are looked at only for how many records there are and for their addresses; for that
 * nobody needs a tree of allocated records. The walk steps over names without following their
 * pointers (it only demands that they point back, as RFC 1035 section 4.1.4 says), and hands out
 * each record's type and data in place. What it accepts may still have faults in sections and
 * data that nobody asked for; what ldns accepts, it accepts (tests/fuzz/dns compares the two).
 *
 * The readers below it take one thing each from an answer: an EDNS option (RFC 6891 section 6.1.2),
 * a SOA's serial (RFC 1035 section 3.3.13), the end of a signature (RFC 4034 section 3.1), a text.
 */
#include "probe/dns_walk.h"

#include "base/mem.h"
#include "probe/dns_msg.h"

#include <string.h>

#define TYPE_SOA      6
#define TYPE_TXT      16
#define TYPE_OPT      41
#define TYPE_RRSIG    46
#define TYPE_ANY      255
#define LABEL_POINTER 0xc0

const char *
dns_walk_error_str(enum dns_walk_error e)
{
	static const char *const words[] = {
	    [DNS_WALK_FINE] = "fine",
	    [DNS_WALK_SHORT] = "ends within a record",
	    [DNS_WALK_LABEL] = "a name has a label of an unknown kind",
	    [DNS_WALK_POINTER] = "a name's pointer does not point back",
	};

	return words[e];
}

static void
walk_fail(struct dns_walk *w, enum dns_walk_error error)
{
	w->error = error;
	wire_fail(&w->r);
}

static void
skip_name(struct dns_walk *w)
{
	size_t start = w->r.pos;

	for (;;) {
		uint8_t label = wire_u8(&w->r);
		if (!wire_ok(&w->r) || label == 0)
			return;
		if ((label & LABEL_POINTER) == LABEL_POINTER) {
			size_t target = (size_t)(label & ~LABEL_POINTER) << 8 | wire_u8(&w->r);
			/* A pointer into this name itself would never end. */
			if (wire_ok(&w->r) && target >= start)
				walk_fail(w, DNS_WALK_POINTER);
			return;
		}
		if ((label & LABEL_POINTER) != 0) {
			walk_fail(w, DNS_WALK_LABEL);
			return;
		}
		wire_skip(&w->r, label);
	}
}

void
dns_walk_start(struct dns_walk *w, const uint8_t *msg, size_t len)
{
	uint16_t questions;

	memset(w, 0, sizeof(*w));
	wire_reader_init(&w->r, msg, len);
	wire_skip(&w->r, 4);
	questions = wire_u16(&w->r);
	for (size_t i = 0; i < ARRAY_LEN(w->left); i++)
		w->left[i] = wire_u16(&w->r);
	for (unsigned i = 0; i < questions && wire_ok(&w->r); i++) {
		skip_name(w);
		wire_skip(&w->r, 4);
	}
	if (!wire_ok(&w->r) && w->error == DNS_WALK_FINE)
		w->error = DNS_WALK_SHORT;
}

bool
dns_walk_next(struct dns_walk *w, enum dns_section last, struct dns_record *rec)
{
	enum dns_section section = DNS_SECTION_ANSWER;

	while (section <= last && w->left[section] == 0)
		section++;
	if (section > last || w->error != DNS_WALK_FINE)
		return false;
	w->left[section]--;
	rec->section = section;
	skip_name(w);
	rec->type = wire_u16(&w->r);
	rec->class = wire_u16(&w->r);
	wire_skip(&w->r, 4); /* TTL */
	rec->rdata_len = wire_u16(&w->r);
	rec->rdata_at = w->r.pos;
	rec->rdata = wire_bytes(&w->r, rec->rdata_len);
	if (!wire_ok(&w->r) && w->error == DNS_WALK_FINE)
		w->error = DNS_WALK_SHORT;
	return w->error == DNS_WALK_FINE;
}

/* -- single things -- */

const uint8_t *
dns_edns_option(const uint8_t *msg, size_t len, uint16_t code, uint16_t *value_len)
{
	struct dns_record rec;
	struct dns_walk w;

	dns_walk_start(&w, msg, len);
	while (dns_walk_next(&w, DNS_SECTION_ADDITIONAL, &rec)) {
		struct wire_reader r;
		if (rec.type != TYPE_OPT || rec.section != DNS_SECTION_ADDITIONAL)
			continue;
		wire_reader_init(&r, rec.rdata, rec.rdata_len);
		while (wire_left(&r) > 0) {
			uint16_t this = wire_u16(&r);
			uint16_t this_len = wire_u16(&r);
			const uint8_t *value = wire_bytes(&r, this_len);
			if (!wire_ok(&r))
				break;
			if (this == code) {
				*value_len = this_len;
				return value;
			}
		}
	}
	return NULL;
}

/* The first record of the type in the answer section. */
static bool
find_answer(struct dns_walk *w, uint16_t type, struct dns_record *rec)
{
	while (dns_walk_next(w, DNS_SECTION_ANSWER, rec)) {
		if (rec->type == type)
			return true;
	}
	return false;
}

bool
dns_soa_serial(const uint8_t *msg, size_t len, uint32_t *serial)
{
	struct dns_record rec;
	struct dns_walk w, data;

	dns_walk_start(&w, msg, len);
	if (!find_answer(&w, TYPE_SOA, &rec))
		return false;
	/* Names in the data may point into the message before it, so the reader starts there. */
	data = (struct dns_walk){.error = DNS_WALK_FINE};
	wire_reader_init(&data.r, msg, rec.rdata_at + rec.rdata_len);
	wire_skip(&data.r, rec.rdata_at);
	skip_name(&data);
	skip_name(&data);
	*serial = wire_u32(&data.r);
	return wire_ok(&data.r);
}

bool
dns_signature_end(const uint8_t *msg, size_t len, uint16_t type, uint32_t now, uint32_t *expires)
{
	struct dns_record rec;
	struct dns_walk w;
	bool found = false;

	dns_walk_start(&w, msg, len);
	while (dns_walk_next(&w, DNS_SECTION_ANSWER, &rec)) {
		struct wire_reader r;
		uint16_t covered;
		uint32_t end;
		if (rec.type != TYPE_RRSIG)
			continue;
		wire_reader_init(&r, rec.rdata, rec.rdata_len);
		covered = wire_u16(&r);
		wire_skip(&r, 6); /* algorithm, labels, original TTL */
		end = wire_u32(&r);
		if (!wire_ok(&r) || (covered != type && type != TYPE_ANY))
			continue;
		if (!found || (int32_t)(end - now) < (int32_t)(*expires - now))
			*expires = end;
		found = true;
	}
	return found && w.error == DNS_WALK_FINE;
}

bool
dns_txt_first(const uint8_t *msg, size_t len, char *buf, size_t size)
{
	struct dns_record rec;
	struct dns_walk w;
	size_t n;

	dns_walk_start(&w, msg, len);
	if (!find_answer(&w, TYPE_TXT, &rec) || rec.rdata_len < 1 ||
	    rec.rdata[0] + 1u > rec.rdata_len)
		return false;
	n = rec.rdata[0] < size ? rec.rdata[0] : size - 1;
	memcpy(buf, rec.rdata + 1, n);
	buf[n] = '\0';
	return true;
}

int32_t
dns_serial_ahead(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a);
}
