/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP transfers for probes: libcurl on the loop, shared by all kinds that ask over HTTP.
 */
#ifndef PROBE_HTTP_POOL_H
#define PROBE_HTTP_POOL_H

#include "core/probe.h"
#include "loop/net.h"
#include "probe/http_target.h"
#include "probe/tls_trust.h"

enum http_method { HTTP_GET, HTTP_HEAD };
enum http_version { HTTP_VERSION_ANY, HTTP_VERSION_1_1, HTTP_VERSION_2 };
enum http_connection { HTTP_FRESH, HTTP_REUSE };

/* What to ask. */
struct http_request {
	const struct http_target *target; /* outlives the transfer */
	struct net_opts net;
	int method;      /* enum http_method */
	int version;     /* enum http_version */
	int connection;  /* enum http_connection */
	size_t body_max; /* bytes of the body to read */
	SSL_CTX *trust;  /* HTTP_TLS: whose store is trusted; NULL: no verification */
};

/* What came back. */
struct http_reply {
	CURLcode code;     /* CURLE_OK, and what of the body was wanted has been read */
	int error;         /* negative errno of the socket, or 0 */
	const char *text;  /* libcurl's words for a failure; may be "" */
	unsigned status;   /* 0: none came */
	int version;       /* enum http_version; ANY: neither of the two */
	uint64_t body_len; /* bytes read of it */
	bool body_cut;     /* there was more than body_max, or the reader stopped */
	struct tls_certificate certificate;
	struct str *buffer; /* what the reader of the body kept, see http_transfer_buffer() */
	CURL *easy;         /* for http_reply_header() */
};

struct http_transfer;
/* Reads a piece of the body. Returns false when nothing more of it is wanted. Starts and ends no
 * transfers. */
typedef bool http_body_fn(struct http_transfer *t, const uint8_t *data, size_t len);
/* The end: never called from within http_transfer_start(). The reply is valid until the call
 * returns; the transfer's owner may be freed in it. */
typedef void http_done_fn(struct http_transfer *t, const struct http_reply *reply);

/* Embedded by the probe. */
struct http_transfer {
	http_body_fn *body;
	http_done_fn *done;
	struct http_slot *slot; /* NULL: none under way */
};

struct http_group;
/* A seat for a probe that will ask with this enum http_connection; given back with
 * http_group_leave(). The pool behind it is the environment's, and freed with it. */
struct http_group *http_group_join(const struct probe_env *env, int connection);
void http_group_leave(struct http_group *g, int connection);
/* A number for http_target_init(). */
uint32_t http_group_serial(struct http_group *g);
void http_transfer_start(
    struct http_group *g, struct http_transfer *t, const struct http_request *request);
/* Abandons it; nothing is called any more. Safe when none is under way. */
void http_transfer_cancel(struct http_transfer *t);
/* How far it has come, for a time-out's detail: "no connection". */
const char *http_transfer_progress(const struct http_transfer *t);
/* Empty when the transfer starts, for its body function to use. */
struct str *http_transfer_buffer(struct http_transfer *t);
/* The value of the header field's occurrence `index`, or NULL. */
const char *http_reply_header(const struct http_reply *reply, const char *name, size_t index);
/* Did no answer come, or over a certificate that does not hold? Then this gives the verdict, and
 * the probe may be gone. */
bool http_reply_fails(struct probe *p, const struct http_reply *reply, const struct tls_conf *tls);

#endif
