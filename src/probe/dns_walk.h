/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded walk over the records of a DNS message, without an allocation: pure (RFC 1035 4.1).
 */
#ifndef PROBE_DNS_WALK_H
#define PROBE_DNS_WALK_H

#include "base/wire.h"

enum dns_section { DNS_SECTION_ANSWER, DNS_SECTION_AUTHORITY, DNS_SECTION_ADDITIONAL };

struct dns_record {
	enum dns_section section;
	uint16_t type;
	uint16_t class;
	const uint8_t *rdata; /* in the message */
	uint16_t rdata_len;
	size_t rdata_at; /* where it begins in the message */
};

enum dns_walk_error {
	DNS_WALK_FINE,
	DNS_WALK_SHORT,   /* the message ends within a record */
	DNS_WALK_LABEL,   /* a label of a kind that there is not */
	DNS_WALK_POINTER, /* a compression pointer that does not point back */
};
const char *dns_walk_error_str(enum dns_walk_error e);

struct dns_walk {
	struct wire_reader r;
	uint16_t left[3]; /* records not yet seen, by section */
	enum dns_walk_error error;
};
/* Begins behind the question section. */
void dns_walk_start(struct dns_walk *w, const uint8_t *msg, size_t len);
/* The next record up to and including the section `last`; false at the end, or after an error. */
bool dns_walk_next(struct dns_walk *w, enum dns_section last, struct dns_record *rec);

/* The value of an EDNS option; NULL when the message has none. */
const uint8_t *dns_edns_option(const uint8_t *msg, size_t len, uint16_t code, uint16_t *value_len);
/* The serial of the first SOA record in the answer section. */
bool dns_soa_serial(const uint8_t *msg, size_t len, uint32_t *serial);
/* When the first signature over records of `type` (any: 255) in the answer section expires, in
 * seconds since 1970 modulo 2^32 (RFC 4034 section 3.1.5), as seen from `now`. */
bool dns_signature_end(
    const uint8_t *msg, size_t len, uint16_t type, uint32_t now, uint32_t *expires);
/* The first string of the first TXT record in the answer section. */
bool dns_txt_first(const uint8_t *msg, size_t len, char *buf, size_t size);

/* How far `b` lies ahead of `a` in serial number arithmetic (RFC 1982): negative when behind;
 * INT32_MIN when that is not defined. */
int32_t dns_serial_ahead(uint32_t a, uint32_t b);

#endif
