/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose are the sockets that serve ports: the processes that hold them, and whether these are
 * alive. Private to the folder.
 */
#ifndef KERNEL_PORT_OWNER_H
#define KERNEL_PORT_OWNER_H

#include "kernel/proc_exit.h"

#include <dirent.h>

struct port_owner;
struct port_owners;

/* A process holds a socket. */
struct port_hold {
	uint32_t inode;
	struct port_owner *owner;
};
struct port_holds {
	struct port_hold *items;
	size_t count, cap;
};

/* Embedded by whoever wants to know. */
struct port_owners_user {
	/* port_owners_dying() may answer otherwise than before. */
	void (*changed)(struct port_owners_user *u);
};

struct port_pids {
	pid_t *items;
	size_t count, cap;
};

struct port_owners {
	struct loop *loop;
	struct port_owners_user *user;
	struct proc_exit exit;
	LIST_HEAD(, port_owner) owners;
	uint32_t *inodes; /* that are asked about, sorted */
	size_t inode_count;
	struct port_holds holds;   /* as far as is known */
	struct port_holds found;   /* by the scan under way */
	struct port_pids pids;     /* that the last scan saw, sorted */
	struct port_pids pids_now; /* and the one under way */
	DIR *processes;            /* the scan's place; NULL: none is under way */
	DIR *files;                /* of the process `pid` */
	pid_t pid;
	struct loop_timer step;  /* the scan goes on */
	struct loop_timer again; /* the next scan */
	unsigned scans;          /* finished since the sockets changed */
};

void port_owners_init(struct port_owners *po, struct loop *l, struct port_owners_user *user);
void port_owners_done(struct port_owners *po);
/* These sockets are asked about from now on (sorted; copied). */
void port_owners_set(struct port_owners *po, const uint32_t *inodes, size_t count);
/* Are all processes that hold the socket dying? No while none is known. */
bool port_owners_dying(const struct port_owners *po, uint32_t inode);

#endif
