/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of a transfer: from libcurl's codes to a probe's reasons.
 *
 * Where the socket has an errno of its own, that decides, as it does for every other kind. For the
 * rest a table says what a code means; what is not in it is an answer that could not be read.
 */
#include "probe/http_pool.h"

#include <string.h>

static const struct reply_failure {
	CURLcode code;
	enum why why;
	const char *text;  /* NULL: libcurl's */
	const char *doing; /* the socket's errno decides, when there is one; NULL: it does not */
} failures[] = {
    {CURLE_COULDNT_CONNECT, WHY_UNREACHABLE, "no connection", "connect"},
    {CURLE_OPERATION_TIMEDOUT, WHY_TIMEOUT, NULL},
    {CURLE_GOT_NOTHING, WHY_RESET, "the server closed the connection without an answer"},
    {CURLE_PARTIAL_FILE, WHY_RESET, "the connection ended in the middle of the answer"},
    {CURLE_SEND_ERROR, WHY_RESET, NULL, "send"},
    {CURLE_RECV_ERROR, WHY_RESET, NULL, "receive"},
    {CURLE_SSL_CONNECT_ERROR, WHY_TLS, NULL},
    {CURLE_PEER_FAILED_VERIFICATION, WHY_TLS, NULL},
    {CURLE_SSL_CERTPROBLEM, WHY_TLS, NULL},
    {CURLE_SSL_CIPHER, WHY_TLS, NULL},
    {CURLE_SSL_INVALIDCERTSTATUS, WHY_TLS, NULL},
    {CURLE_INTERFACE_FAILED, WHY_LOCAL, NULL},
    {CURLE_OUT_OF_MEMORY, WHY_LOCAL, NULL},
    {CURLE_FAILED_INIT, WHY_LOCAL, NULL},
    {CURLE_UNSUPPORTED_PROTOCOL, WHY_MALFORMED, "the answer is not HTTP"},
    {CURLE_HTTP2, WHY_MALFORMED, "the answer is not HTTP/2"},
};

static const struct reply_failure *
failure_find(CURLcode code)
{
	static const struct reply_failure other = {.why = WHY_MALFORMED};

	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		if (failures[i].code == code)
			return &failures[i];
	}
	return &other;
}

/* libcurl puts the place before the reason; the reason is what people want to read. */
static const char *
without_place(const char *text)
{
	static const char *const places[] = {"SSL certificate problem: ", "SSL: "};

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		size_t len = strlen(places[i]);
		if (strncmp(text, places[i], len) == 0)
			return text + len;
	}
	return text;
}

bool
http_reply_fails(struct probe *p, const struct http_reply *reply, const struct tls_conf *tls)
{
	const struct reply_failure *failure;
	const char *text;

	if (reply->code == CURLE_OK)
		return tls_certificate_fails(p, &reply->certificate, tls);
	failure = failure_find(reply->code);
	if (failure->doing != NULL && reply->error != 0) {
		probe_fail_errno(p, reply->error, failure->doing);
		return true;
	}
	text = failure->text;
	if (text == NULL)
		text = reply->text[0] != '\0' ? without_place(reply->text)
					      : curl_easy_strerror(reply->code);
	probe_fail(p, failure->why, "%s", text);
	return true;
}

const char *
http_reply_header(const struct http_reply *reply, const char *name, size_t index)
{
	struct curl_header *header;

	if (curl_easy_header(reply->easy, name, index, CURLH_HEADER, -1, &header) != CURLHE_OK)
		return NULL;
	return header->value;
}
