/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reception of BFD control packets (RFC 5880 section 6.8.6): the rules in the RFC's order, each
 * with a reason and a counter of its own.
 */
#ifndef BFD_RECEIVE_H
#define BFD_RECEIVE_H

#include "proto/bfd/bfd_session.h"

/* A packet that has come in. */
struct bfd_packet {
	const uint8_t *data;
	size_t len;
	uint8_t ttl;     /* or hop limit */
	uint8_t min_ttl; /* 255 on one hop; 0: do not look */
};

/* What the owner of the sessions knows. It embeds the struct, beside the addresses of the packet in
 * hand. */
struct bfd_table {
	/* The session with this local discriminator, or NULL. */
	struct bfd_session *(*by_discr)(struct bfd_table *t, uint32_t discr);
	/* The session of the path that the packet came on (RFC 5881 section 3, RFC 5883 section 4):
	 * by its interface or addresses. Or NULL. */
	struct bfd_session *(*by_path)(struct bfd_table *t);
	uint64_t dropped[BFD_DROP_COUNT]; /* [BFD_ACCEPTED]: not dropped */
};

/* Judges a packet and hands it to its session. `*session`: whose it is, NULL when that did not
 * become known. `out` is filled when the packet reached its session, and empty otherwise. */
enum bfd_drop bfd_receive(struct bfd_table *t, const struct bfd_packet *p, mono_t now,
    struct bfd_session **session, struct bfd_outcome *out);
/* The rules that need no session: the header's. */
enum bfd_drop bfd_receive_header(const struct bfd_packet *p, const struct bfd_msg *msg);

#endif
