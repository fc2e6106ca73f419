/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for tests of the BGP speaker: a virtual clock, a virtual network, nodes with a real
 * speaker on an intent that the test writes, and scripted routers.
 *
 * A router speaks BGP with the project's codec but has no state machine: it answers an OPEN, keeps
 * the session alive, remembers the routes that it hears and the order in which it hears them, and
 * does whatever the test says beside that.
 */
#ifndef BGP_WORLD_H
#define BGP_WORLD_H

#include "base/history.h"
#include "base/rng.h"
#include "core/speaker.h"
#include "loop/net_virtual.h"
#include "proto/bgp/bgp_msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct world {
	struct loop *loop;
	struct net_cloud *cloud;
	struct rng rng;
};

void world_init(struct world *w, uint64_t seed);
void world_done(struct world *w);
void world_run(struct world *w, dur_t d);
mono_t world_now(const struct world *w);

/* A node with a speaker. */
struct node {
	struct world *world;
	struct net *net;
	struct intent *intent;
	struct history history;
	struct speaker *speaker;
	struct speaker_node identity;
	struct conf_generation *conf;
};

/* `addrs`: up to two addresses, "10.0.0.2 2001:db8::2"; the first one is the router-id when it is
 * IPv4, else 10.9.9.9. */
void node_init(struct node *n, struct world *w, const char *addrs);
/* `yaml`: what stands under `bgp:`, in flow style. The test fails when it is not accepted. */
void node_configure(struct node *n, const char *yaml);
/* The process ends without a word, as by kill -9. */
void node_kill(struct node *n);
void node_done(struct node *n);
/* Wants a route, or not; no address is needed for it. */
void node_announce(struct node *n, const char *prefix, const struct attrs *attrs);
void node_withdraw(struct node *n, const char *prefix);
/* The state of the session with `neighbor`: "Established", and whether it is up. */
const char *node_state(struct node *n, const char *neighbor);
bool node_up(struct node *n, const char *neighbor);
uint64_t node_announced(struct node *n, const char *neighbor);
const char *node_detail(struct node *n, const char *neighbor);
/* The lines and cells of a command's answer in one text; to be freed. */
char *node_command(struct node *n, const char *words, const char *arg);
char *node_explain(struct node *n, const char *prefix);
char *node_metrics(struct node *n);
/* The line of the metrics that begins with `start`; NAN when there is none. */
double node_metric(struct node *n, const char *start);
/* The errors that a configuration gives, as one text; to be freed. */
char *bgp_conf_errors(const char *yaml);

/* One connection of a router. */
struct link {
	struct router *router;
	struct net_stream stream;
	bool incoming; /* opened by the speaker */
	bool opened;   /* our OPEN has been sent */
	bool up;
	bool closed;
	bool mute; /* sends no keepalives */
	bool deaf; /* reads nothing */
	struct loop_timer keepalive;
	struct loop_timer pacer;
	uint8_t rx[2 * BGP_MSG_MAX];
	size_t rx_len;
	size_t rx_total;
	struct bgp_open peer;     /* what the speaker said */
	struct bgp_notify notify; /* that the speaker sent; code 0: none */
	uint64_t received[6];     /* messages by type */
	unsigned end_of_rib;      /* mask of families */
	unsigned begin_refresh, end_refresh;
	mono_t last_message;
	dur_t longest_silence;
};

#define ROUTER_LINKS 32

struct router_route;
RB_HEAD(router_rib, router_route);

struct router {
	struct world *world;
	struct net *net;
	struct addr addr;
	struct net_listener listener;
	struct bgp_open open; /* what we say */
	bool ebgp;            /* towards the speaker */
	bool silent;          /* no OPEN by itself */
	size_t pace;          /* bytes read in one go; 0: all */
	struct link link[ROUTER_LINKS];
	size_t links;
	struct router_rib rib;
	size_t routes;
	bool quiet;     /* no log of updates */
	struct str log; /* "+192.0.2.1/32 med 5\n", "-192.0.2.1/32\n", "|\n" after each UPDATE */
	uint64_t updates;
	uint64_t errors; /* UPDATEs that the codec did not accept */
};

/* A router in AS `as` at `addr` (IPv4: also its router-id), offering both families. */
void router_init(struct router *r, struct world *w, const char *addr, uint32_t as, uint16_t hold_s);
void router_listen(struct router *r);
void router_unlisten(struct router *r);
/* Opens a connection to the speaker. */
struct link *router_connect(struct router *r, const char *addr);
void router_done(struct router *r);
/* The connection that is up, or NULL. */
struct link *router_up(struct router *r);
struct link *router_last(struct router *r);
unsigned router_open_links(const struct router *r);
/* The attributes of a route: "next-hop 10.0.0.2, as-path 64501, med 5"; NULL: it is not there. */
const char *router_route(struct router *r, const char *prefix);
void link_send(struct link *l, const void *data, size_t len);
void link_send_keepalive(struct link *l);
void link_send_open(struct link *l);
void link_send_notify(struct link *l, struct bgp_notify n);
/* Stops reading. */
void link_deaf(struct link *l);
void link_close(struct link *l);

/* What most tests need: a speaker at 10.0.0.2 and, in AS 64500 at 10.0.0.1, a router that listens.
 */
struct pair {
	struct world w;
	struct node n;
	struct router r;
};
/* `yaml` may be NULL: the speaker is not configured yet. */
struct pair *pair_new(const char *yaml);
/* The same, with the session up and the router's log empty. */
struct pair *pair_up(const char *yaml);
void pair_free(struct pair *p);

/* Fails the test, with the log of what happened, unless `text` holds `part`. */
void assert_text(const char *text, const char *part);

#endif
