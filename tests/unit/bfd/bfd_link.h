/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two BFD sessions joined by a link of one's own making, under a virtual clock: packets are lost,
 * doubled, overtaken and cut off as a test demands, and the same seed gives the same run.
 */
#ifndef BFD_LINK_H
#define BFD_LINK_H

#include "bfd_hex.h"

#define FLIGHT_MAX 256
#define SENT_MAX   4096

struct node {
	struct bfd_table table;
	struct bfd_session session;
	struct bfd_config config;
	struct link *link;
	unsigned ups, downs; /* changes to and from Up */
	mono_t changed;      /* when the state last changed */
	size_t sent_count;
	struct {
		mono_t at;
		struct bfd_msg msg;
	} sent[SENT_MAX];
};

struct link {
	mono_t now;
	struct rng rng;
	struct node node[2];
	dur_t delay_min, delay_max; /* uneven delays let packets overtake each other */
	unsigned loss_percent;
	unsigned double_percent;
	bool cut[2]; /* what node i sends is lost */
	uint32_t next_discr;
	size_t flight_count;
	struct {
		mono_t at;
		unsigned to;
		size_t len;
		uint8_t data[BFD_PACKET_MAX];
	} flight[FLIGHT_MAX];
	/* The packets of node 1 from here on, for a replay. */
	size_t kept_len;
	uint8_t kept[BFD_PACKET_MAX];
};

/* Both sessions begin at second 100. */
struct link *link_new(const struct bfd_config *a, const struct bfd_config *b, uint64_t seed);
/* Everything that happens until then. */
void link_run(struct link *l, dur_t for_how_long);
/* Until both are Up; fails after a time that is more than enough. */
void link_up(struct link *l);
/* A side's process dies and starts again: new discriminator, nothing remembered. */
void link_restart(struct link *l, unsigned which);
/* Carries out what an event at a node gave. */
void link_act(struct link *l, unsigned which, const struct bfd_outcome *out);
/* Hands bytes to a node as if they came in now. */
enum bfd_drop link_inject(struct link *l, unsigned which, const uint8_t *data, size_t len);
/* Forgets what was sent so far. */
void link_mark(struct link *l);

#endif
