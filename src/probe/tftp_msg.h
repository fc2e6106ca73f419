/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TFTP messages of the tftp probe: pure (RFC 1350).
 */
#ifndef PROBE_TFTP_MSG_H
#define PROBE_TFTP_MSG_H

#include "base/wire.h"
#include "core/probe.h"

#define TFTP_FILE_MAX    255
#define TFTP_REQUEST_MAX (2 + TFTP_FILE_MAX + 1 + 6)

/* A read request for a file, in octet mode. Returns its length. */
size_t tftp_request_build(const char *file, uint8_t *buf, size_t cap);
/* An error that ends a transfer which the server has begun. Returns its length. */
size_t tftp_end_build(uint8_t *buf, size_t cap);
/* Judges the first message of a server. */
void tftp_judge(struct wire_reader *msg, struct probe_sample *sample);

#endif
