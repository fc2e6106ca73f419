/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dns probe: one query over UDP or TCP, and a look at what comes back.
 *
 * Every attempt has a socket of its own, connected (so that "port unreachable" is heard at once)
 * and with a random port and id. A truncated UDP answer is asked for again over TCP within the same
 * attempt, as a resolver would. An answer that is not ours (wrong id, wrong question) is counted
 * and waited past.
 *
 * RFC 1035 section 4.2: messages over UDP and over TCP with a two-byte length in front.
 */
#include "base/rng.h"
#include "core/probe.h"
#include "loop/net.h"
#include "probe/dns_msg.h"
#include "probe/probe_kinds.h"
#include "probe/probe_net.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DNS_PORT     53
#define DNS_UDP_MAX  4096
#define DNS_PER_TURN 64 /* datagrams, so that a flood of them holds up nobody else */
#define DNS_TCP_MAX  65535

enum dns_protocol { DNS_UDP, DNS_TCP };

struct dns_conf {
	struct endpoint server;
	struct dns_question question;
	int protocol;
	bool recursion;
	struct probe_net_conf net;
	const struct dns_expect *expect;
};

struct dns_probe {
	struct probe probe;
	const struct probe_env *env;
	uint8_t query[2 + DNS_QUERY_MAX]; /* with room for the length that TCP wants */
	size_t query_len;
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
	bool tcp;
	size_t sent;     /* TCP: bytes of the query that left */
	uint8_t *answer; /* TCP: the answer so far, with its length */
	size_t received;
	unsigned ignored; /* datagrams that were not for us */
};

static const struct conf_choice protocols[] = {
    {"udp", DNS_UDP, "UDP, and TCP when the answer is truncated"},
    {"tcp", DNS_TCP, "TCP only"},
    {NULL, 0, NULL},
};

static const struct conf_row expect_rows[] = {
    {.key = "rcode",
	.type = CONF_ENUM,
	.choices = dns_rcodes,
	.dflt = "NOERROR",
	.offset = offsetof(struct dns_expect, rcode),
	.doc = "The response code that counts as healthy."},
    {.key = "answer",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct dns_expect, answers),
	.doc = "Record data that must be in the answer, as text: `192.0.2.80`, `10 "
	       "mail.example.net`."},
    {.key = "records",
	.type = CONF_U32,
	.max = 1000,
	.dflt = "1",
	.offset = offsetof(struct dns_expect, records),
	.doc = "At least that many records of the type asked for, when the rcode is NOERROR."},
    {.key = "flags",
	.type = CONF_FLAGS,
	.choices = dns_flags,
	.offset = offsetof(struct dns_expect, flags),
	.doc = "Header flags that must be set."},
    {.type = CONF_END},
};

static const struct conf_schema expect_schema = {
    .name = "expect",
    .size = sizeof(struct dns_expect),
    .rows = expect_rows,
    .doc = "What an answer must be like. Without this section: NOERROR with at least one record of "
	   "the type.",
};

static const struct conf_row rows[] = {
    {.key = "server",
	.type = CONF_ENDPOINT,
	.flags = CONF_REQUIRED,
	.min = DNS_PORT,
	.offset = offsetof(struct dns_conf, server),
	.doc = "The name server to ask: usually the service address itself. Port 53 when none is "
	       "written."},
    {.key = "query",
	.type = CONF_CUSTOM,
	.custom = &dns_question_custom,
	.flags = CONF_REQUIRED,
	.offset = offsetof(struct dns_conf, question),
	.doc = "What to ask: name and type."},
    {.key = "protocol",
	.type = CONF_ENUM,
	.choices = protocols,
	.dflt = "udp",
	.offset = offsetof(struct dns_conf, protocol),
	.doc = "How to ask."},
    {.key = "recursion",
	.type = CONF_BOOL,
	.dflt = "true",
	.offset = offsetof(struct dns_conf, recursion),
	.doc = "Set the RD bit: ask a resolver to resolve."},
    PROBE_NET_ROWS(struct dns_conf, net),
    {.key = "expect",
	.type = CONF_STRUCT,
	.sub = &expect_schema,
	.offset = offsetof(struct dns_conf, expect),
	.doc = "What an answer must be like."},
    {.type = CONF_END},
};

static void
dns_check(struct conf_ctx *ctx, const struct conf_node *node, void *obj)
{
	const struct dns_conf *c = obj;

	probe_net_check(ctx, node, &c->net, &c->server.addr);
}

static const struct conf_schema schema = {
    .name = "dns",
    .size = sizeof(struct dns_conf),
    .rows = rows,
    .check = dns_check,
    .doc = "Asks a name server one question and looks at the answer.",
};

static const struct dns_expect expect_default = {.rcode = 0, .records = 1};

static const struct dns_conf *
conf_of(const struct dns_probe *d)
{
	return d->probe.conf;
}

static struct probe *
dns_new(const struct probe_env *env, const void *kind_conf)
{
	const struct dns_conf *c = kind_conf;
	struct dns_probe *d = mem_alloc(sizeof(*d));

	d->env = env;
	d->fd = -1;
	d->query_len = dns_query_build(&c->question, c->recursion, d->query + 2, DNS_QUERY_MAX);
	d->query[0] = (uint8_t)(d->query_len >> 8);
	d->query[1] = (uint8_t)d->query_len;
	return &d->probe;
}

/* Ends the attempt: nothing of it is left afterwards. */
static void
attempt_end(struct dns_probe *d)
{
	loop_fd_done(&d->watch);
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	free(d->answer);
	d->answer = NULL;
	d->sent = d->received = 0;
}

static void
attempt_failed(struct dns_probe *d, int error, const char *what)
{
	attempt_end(d);
	probe_fail_errno(&d->probe, error, what);
}

static void tcp_begin(struct dns_probe *d);

/* Returns true when the attempt is over (or goes on over TCP). */
static bool
judge(struct dns_probe *d, const uint8_t *msg, size_t len)
{
	const struct dns_expect *expect = conf_of(d)->expect;
	struct probe_sample sample = {0};
	struct wire_reader r;

	wire_reader_init(&r, msg, len);
	switch (dns_judge(
	    d->query + 2, d->query_len, expect != NULL ? expect : &expect_default, &r, &sample)) {
	case DNS_IGNORE:
		d->ignored++;
		if (!d->tcp)
			return false;
		attempt_end(d);
		probe_fail(&d->probe, WHY_MALFORMED, "the answer over TCP is for another question");
		return true;
	case DNS_TRUNCATED:
		if (!d->tcp) {
			attempt_end(d);
			tcp_begin(d);
			return true;
		}
		attempt_end(d);
		probe_fail(&d->probe, WHY_MALFORMED, "truncated over TCP");
		return true;
	case DNS_JUDGED: break;
	}
	attempt_end(d);
	probe_done(&d->probe, &sample);
	return true;
}

/* -- UDP -- */

static void
on_udp(struct loop_fd *w, unsigned ready)
{
	struct dns_probe *d = container_of(w, struct dns_probe, watch);
	uint8_t msg[DNS_UDP_MAX];
	ssize_t n;

	for (int i = 0; i < DNS_PER_TURN; i++) {
		n = recv(d->fd, msg, sizeof(msg), 0);
		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				attempt_failed(d, -errno, "receive");
			return;
		}
		if (judge(d, msg, (size_t)n))
			return;
	}
}

static void
udp_begin(struct dns_probe *d)
{
	const struct dns_conf *c = conf_of(d);
	struct net_opts opts = probe_net_opts(&c->net);

	d->tcp = false;
	d->fd = net_udp_connect(&c->server, &opts);
	if (d->fd < 0) {
		attempt_failed(d, d->fd, "socket");
		return;
	}
	if (send(d->fd, d->query + 2, d->query_len, 0) < 0) {
		attempt_failed(d, -errno, "send");
		return;
	}
	loop_fd_init(&d->watch, d->env->loop, d->fd, on_udp);
	loop_fd_want(&d->watch, LOOP_READ);
}

/* -- TCP -- */

/* Writes what is left of the query; false when the attempt has failed. */
static bool
tcp_send(struct dns_probe *d)
{
	size_t whole = d->query_len + 2;
	ssize_t n;

	if (d->sent == whole)
		return true;
	if (d->sent == 0) {
		int error = net_fd_error(d->fd);
		if (error != 0) {
			attempt_failed(d, error, "connect");
			return false;
		}
	}
	n = send(d->fd, d->query + d->sent, whole - d->sent, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		attempt_failed(d, -errno, "send");
		return false;
	}
	if (n > 0)
		d->sent += (size_t)n;
	if (d->sent == whole)
		loop_fd_want(&d->watch, LOOP_READ);
	return true;
}

static void
tcp_receive(struct dns_probe *d)
{
	size_t want;
	ssize_t n;

	if (d->answer == NULL)
		d->answer = mem_alloc(2 + DNS_TCP_MAX);
	n = recv(d->fd, d->answer + d->received, 2 + DNS_TCP_MAX - d->received, 0);
	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			attempt_failed(d, -errno, "receive");
		return;
	}
	if (n == 0) {
		attempt_end(d);
		probe_fail(
		    &d->probe, WHY_RESET, "the server closed the connection without an answer");
		return;
	}
	d->received += (size_t)n;
	if (d->received < 2)
		return;
	want = 2u + (size_t)(d->answer[0] << 8 | d->answer[1]);
	if (d->received >= want)
		judge(d, d->answer + 2, want - 2);
}

static void
on_tcp(struct loop_fd *w, unsigned ready)
{
	struct dns_probe *d = container_of(w, struct dns_probe, watch);

	if ((ready & LOOP_WRITE) != 0 && !tcp_send(d))
		return;
	if ((ready & LOOP_READ) != 0 && d->sent > 0)
		tcp_receive(d);
}

static void
tcp_begin(struct dns_probe *d)
{
	const struct dns_conf *c = conf_of(d);
	struct net_opts opts = probe_net_opts(&c->net);

	d->tcp = true;
	d->fd = net_tcp_connect(&c->server, &opts);
	if (d->fd < 0) {
		attempt_failed(d, d->fd, "connect");
		return;
	}
	loop_fd_init(&d->watch, d->env->loop, d->fd, on_tcp);
	loop_fd_want(&d->watch, LOOP_READ | LOOP_WRITE);
}

/* -- the kind -- */

static void
dns_start(struct probe *p)
{
	struct dns_probe *d = container_of(p, struct dns_probe, probe);

	d->ignored = 0;
	dns_query_set_id(d->query + 2, (uint16_t)rng_next(d->env->rng));
	if (conf_of(d)->protocol == DNS_TCP)
		tcp_begin(d);
	else
		udp_begin(d);
}

static void
dns_cancel(struct probe *p)
{
	attempt_end(container_of(p, struct dns_probe, probe));
}

static void
dns_free(struct probe *p)
{
	free(container_of(p, struct dns_probe, probe));
}

static void
dns_describe(const struct probe *p, struct str *out)
{
	const struct dns_conf *c = p->conf;
	char server[ENDPOINT_TEXT];

	str_printf(out, "%s %s ", c->protocol == DNS_TCP ? "tcp" : "udp",
	    endpoint_format(&c->server, server, sizeof(server)));
	dns_question_custom.show(&c->question, out);
}

static void
dns_timed_out(const struct probe *p, char *detail, size_t size)
{
	const struct dns_probe *d = const_container_of(p, struct dns_probe, probe);

	if (d->ignored > 0)
		snprintf(detail, size,
		    "no answer; %u datagrams ignored that were not for this query", d->ignored);
	else if (d->tcp && d->sent == 0)
		str_copy(detail, size, "no connection");
	else
		str_copy(detail, size, "no answer");
}

const struct probe_kind probe_dns = {
    .variant = {.type = "dns", .schema = &schema},
    .new = dns_new,
    .start = dns_start,
    .cancel = dns_cancel,
    .free = dns_free,
    .describe = dns_describe,
    .timed_out = dns_timed_out,
};
