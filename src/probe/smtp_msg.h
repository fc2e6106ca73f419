/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replies of SMTP servers: pure (RFC 5321).
 */
#ifndef PROBE_SMTP_MSG_H
#define PROBE_SMTP_MSG_H

#include <stddef.h>
#include <stdint.h>

#define SMTP_REPLY_MAX 8192 /* of all lines; RFC 5321 section 4.5.3.1.5 has 512 for one */
#define SMTP_TEXT_MAX  48

struct smtp_reply {
	unsigned code;            /* 220 */
	char text[SMTP_TEXT_MAX]; /* the last line, printable */
	size_t len;               /* of all of it */
};

enum smtp_verdict {
	SMTP_MORE, /* not all of it is there */
	SMTP_WHOLE,
	SMTP_BROKEN, /* this is no reply */
};
/* Reads the reply that `data` begins with. */
enum smtp_verdict smtp_reply_read(const uint8_t *data, size_t len, struct smtp_reply *out);

#endif
