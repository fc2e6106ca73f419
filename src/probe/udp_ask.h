/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question over UDP: what the kinds that send a datagram and judge what comes back share.
 */
#ifndef PROBE_UDP_ASK_H
#define PROBE_UDP_ASK_H

#include "core/probe.h"
#include "probe/probe_net.h"

struct udp_ask;

enum udp_verdict {
	UDP_IGNORE, /* not an answer to our question: counted, and waited past */
	UDP_JUDGED, /* `sample` says how it is */
};
typedef enum udp_verdict udp_judge_fn(
    struct udp_ask *a, const uint8_t *msg, size_t len, struct probe_sample *sample);

/* The head of a kind's own struct, in the place of struct probe. */
struct udp_ask {
	struct probe probe;
	const struct probe_env *env;
	udp_judge_fn *judge;
	struct loop_fd watch;
	int fd; /* -1: no attempt under way */
	struct addr server;
	struct endpoint from; /* who sent the datagram that is judged */
	unsigned ignored;     /* datagrams of this attempt that were not for us */
};

/* Where an answer may come from. */
enum udp_port {
	UDP_SAME_PORT, /* the port that was asked */
	UDP_ANY_PORT,  /* any port of the server's address (TFTP) */
};

struct udp_question {
	const struct endpoint *server;
	const struct probe_net_conf *net;
	const void *data;
	size_t len;
	enum udp_port port;
};

void udp_ask_init(struct udp_ask *a, const struct probe_env *env, udp_judge_fn *judge);
/* Begins an attempt; the datagram has left, or the verdict is given, when it returns. */
void udp_ask_send(struct udp_ask *a, const struct udp_question *q);
/* From inside the judge: a last word to who sent the datagram. It may be lost. */
void udp_ask_reply(const struct udp_ask *a, const void *data, size_t len);
/* A kind's `cancel` and `timed_out` as they stand. */
void udp_ask_cancel(struct probe *p);
void udp_ask_timed_out(const struct probe *p, char *detail, size_t size);

#endif
