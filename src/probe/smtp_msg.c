/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SMTP replies: one or more lines, each with the same three digits, then "-" in all but the last.
 *
 * RFC 5321 section 4.2 (replies), 4.2.1 (several lines).
 */
#include "probe/smtp_msg.h"

#include "probe/probe_text.h"

#include <stdbool.h>
#include <string.h>

/* The code that a line begins with; 0 when it begins with none. */
static unsigned
line_code(const uint8_t *line, size_t len)
{
	if (len < 3)
		return 0;
	for (int i = 0; i < 3; i++) {
		if (line[i] < '0' || line[i] > '9')
			return 0;
	}
	return (unsigned)(line[0] - '0') * 100 + (unsigned)(line[1] - '0') * 10 +
	       (unsigned)(line[2] - '0');
}

enum smtp_verdict
smtp_reply_read(const uint8_t *data, size_t len, struct smtp_reply *out)
{
	size_t at = 0;

	*out = (struct smtp_reply){0};
	while (at < len) {
		const uint8_t *line = data + at;
		const uint8_t *end = memchr(line, '\n', len - at);
		size_t line_len;
		unsigned code;

		if (end == NULL)
			return SMTP_MORE;
		line_len = (size_t)(end - line);
		if (line_len > 0 && line[line_len - 1] == '\r')
			line_len--;
		code = line_code(line, line_len);
		if (code < 200 || (out->code != 0 && code != out->code))
			return SMTP_BROKEN;
		out->code = code;
		at += (size_t)(end - line) + 1;
		if (line_len == 3 || line[3] == ' ') {
			probe_bytes_excerpt(line, line_len, out->text, sizeof(out->text));
			out->len = at;
			return SMTP_WHOLE;
		}
		if (line[3] != '-')
			return SMTP_BROKEN;
	}
	return SMTP_MORE;
}
