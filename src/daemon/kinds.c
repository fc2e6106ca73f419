/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nighd is made of: a probe kind or a speaker more is a row more, and nothing else changes.
 */
#include "daemon/kinds.h"

#include "probe/probe_kinds.h"
#include "proto/bgp/bgp.h"

const struct conf_variant *const kinds_probes[] = {
    &probe_dns.variant,
    &probe_tcp.variant,
    &probe_exec.variant,
    &probe_tcp_connect.variant,
    &probe_udp.variant,
    &probe_udp_echo.variant,
    &probe_ntp.variant,
    &probe_icmp_echo.variant,
    &probe_file.variant,
    &probe_listen.variant,
    &probe_process.variant,
    &probe_http.variant,
    &probe_https.variant,
    &probe_tls.variant,
    &probe_metric.variant,
    &probe_dhcp.variant,
    &probe_tftp.variant,
    &probe_snmp.variant,
    &probe_radius.variant,
    &probe_smtp.variant,
    &probe_unit.variant,
    NULL,
};

const struct speaker_kind *const kinds_speakers[] = {
    &bgp_speaker,
    NULL,
};

const char *const kinds_speaker_names[] = {
    "bgp",
    NULL,
};
