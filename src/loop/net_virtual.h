/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual network for tests and the simulator: streams between nodes on one virtual loop, with
 * latency, links that go down (bytes stay unacknowledged, connects time out) and nodes that die
 * (their connections are reset, as the kernel does when a process is killed).
 */
#ifndef LOOP_NET_VIRTUAL_H
#define LOOP_NET_VIRTUAL_H

#include "loop/net.h"

struct net_cloud;

/* The cloud outlives its nodes' providers. */
struct net_cloud *net_cloud_new(struct loop *l);
void net_cloud_free(struct net_cloud *c);
/* A provider for one node that owns `addrs` (copied). Freed with net_free(). */
struct net *net_cloud_node(struct net_cloud *c, const struct addr *addrs, size_t count);
/* One-way delay between any two nodes; 1 ms at the start. */
void net_cloud_set_latency(struct net_cloud *c, dur_t latency);
/* Cuts or heals the path between two addresses, both ways. */
void net_cloud_cut(struct net_cloud *c, const struct addr *a, const struct addr *b, bool cut);
/* The node's process dies: every stream of it is reset at the far end, its listeners vanish. */
void net_cloud_kill(struct net *node);

#endif
