/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SNMP requests and responses of the snmp probe: pure (RFC 3416, BER of X.690).
 */
#ifndef PROBE_SNMP_MSG_H
#define PROBE_SNMP_MSG_H

#include "base/wire.h"
#include "core/probe.h"
#include "probe/probe_text.h"

#define SNMP_COMMUNITY_MAX 64
#define SNMP_OID_MAX       100         /* bytes of an encoded object identifier */
#define SNMP_ID_MIN        0x40000000u /* so that four bytes are its shortest form */
#define SNMP_REQUEST_MAX   (SNMP_COMMUNITY_MAX + SNMP_OID_MAX + 64)

struct snmp_question {
	const char *community;
	const char *oid; /* "1.3.6.1.2.1.1.3.0" */
	uint32_t id;     /* from SNMP_ID_MIN, below twice that */
};

/* BER of an object identifier; its length, 0 when the text is none or it is too long. */
size_t snmp_oid_encode(const char *text, uint8_t *buf, size_t cap);
/* A GetRequest in SNMPv2c for one object. Returns its length, 0 when it does not fit. */
size_t snmp_request_build(const struct snmp_question *q, uint8_t *buf, size_t cap);

enum snmp_verdict {
	SNMP_IGNORE, /* not the response to our request: wait on */
	SNMP_JUDGED, /* `sample` says how it is */
};
/* The object's value as text must match `expect` (NULL: anything). */
enum snmp_verdict snmp_judge(const struct snmp_question *q, const struct probe_matcher *expect,
    struct wire_reader *msg, struct probe_sample *sample);

#endif
