/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probe kinds, one a file.
 */
#ifndef PROBE_KINDS_H
#define PROBE_KINDS_H

#include "core/probe.h"

extern const struct probe_kind probe_dns;
extern const struct probe_kind probe_tcp;
extern const struct probe_kind probe_exec;
extern const struct probe_kind probe_tcp_connect;
extern const struct probe_kind probe_udp;
extern const struct probe_kind probe_udp_echo;
extern const struct probe_kind probe_ntp;
extern const struct probe_kind probe_icmp_echo;
extern const struct probe_kind probe_file;
extern const struct probe_kind probe_listen;
extern const struct probe_kind probe_process;
extern const struct probe_kind probe_http;
extern const struct probe_kind probe_https;
extern const struct probe_kind probe_tls;
extern const struct probe_kind probe_metric;
extern const struct probe_kind probe_dhcp;
extern const struct probe_kind probe_tftp;
extern const struct probe_kind probe_snmp;
extern const struct probe_kind probe_radius;
extern const struct probe_kind probe_smtp;
extern const struct probe_kind probe_unit;

#endif
