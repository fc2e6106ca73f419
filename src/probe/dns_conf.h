/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of the dns probe.
 */
#ifndef PROBE_DNS_CONF_H
#define PROBE_DNS_CONF_H

#include "probe/dns_judge.h"
#include "probe/probe_net.h"
#include "probe/tls_trust.h"

#define DNS_PORT     53
#define DNS_TLS_PORT 853

enum dns_protocol { DNS_UDP, DNS_TCP, DNS_TLS };

/* `identity`: which node must have answered. */
struct dns_identity_conf {
	struct probe_bytes nsid;
	const char *chaos; /* NULL: not asked */
};

/* `serial`: how far behind the primary the zone may be. */
struct dns_serial_conf {
	struct endpoint primary;
	uint32_t max_lag;
	bool require_primary;
};

struct dns_conf {
	struct endpoint server;
	struct dns_question question;
	int protocol;
	bool recursion;
	bool checking_disabled;
	bool dnssec;
	bool nsid;
	bool random_label;
	uint32_t edns;
	dur_t signature_left;
	const char *tls_name; /* NULL: the server's address */
	struct tls_conf tls;
	struct probe_net_conf net;
	const struct dns_expect *expect;          /* NULL: any NOERROR answer */
	const struct dns_identity_conf *identity; /* NULL: any node */
	const struct dns_serial_conf *serial;     /* NULL: not compared */
};

extern const struct conf_schema dns_conf_schema;

/* What a probe with these options asks, and what it demands of the answer; both point into `c`. */
struct dns_query_opts dns_conf_query(const struct dns_conf *c);
struct dns_demands dns_conf_demands(const struct dns_conf *c);

#endif
