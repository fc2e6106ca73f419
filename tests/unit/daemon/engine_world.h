/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole engine for tests: on a virtual clock and a virtual network, with a kernel that the test
 * makes up. Routers that listen to it come from the world of the BGP tests.
 *
 * The kernel answers a millisecond after it was asked. An exec probe finds what site_health() says.
 */
#ifndef ENGINE_WORLD_H
#define ENGINE_WORLD_H

#include "../bgp/bgp_world.h"
#include "core/kernel_port.h"
#include "daemon/engine.h"

#include <jansson.h>

#define SITE_ADDR    "10.1.1.2"
#define ROUTER_ADDR  "10.1.1.1"
#define SITE_HISTORY 3000

/* An address that somebody asked for or that is there. */
struct site_address {
	LIST_ENTRY(site_address) link;
	struct prefix prefix;
	char ifname[KERNEL_IFNAME];
	bool present;
	bool asked; /* the engine's last wish */
	unsigned requests;
	mono_t changed;
};

/* A probe whose program does not succeed. */
struct site_health {
	LIST_ENTRY(site_health) link;
	char name[KERNEL_EXEC_NAME];
	int code;
};

struct site;

struct site_kernel {
	struct kernel_port port;
	struct site *site;
	LIST_HEAD(, site_address) addresses;
	LIST_HEAD(, site_health) health;
	LIST_HEAD(, site_run) runs;
	LIST_HEAD(, site_answer) answers;
	int refuse;      /* negative errno for every address that is asked for */
	bool hung;       /* programs do not end */
	unsigned starts; /* of programs */
};

struct site {
	struct world *world;
	struct net *net;
	struct site_kernel kernel;
	struct engine_env env;
	struct engine *engine;
	unsigned reloads; /* asked for by the engine */
	bool stopped;
	mono_t stopped_at;
	unsigned turn; /* for names of generations */
};

void site_init(struct site *s, struct world *w);
void site_done(struct site *s);
/* Puts this configuration in force; the test fails with its mistakes when it has some. */
void site_load(struct site *s, const char *yaml);
/* The same as the answer to a reload that was asked for. */
void site_reloaded(struct site *s, const char *yaml);
/* What the program of an exec probe exits with from now on; 0 at the start. */
void site_health(struct site *s, const char *probe, int code);
/* Is the address on the host? */
bool site_present(struct site *s, const char *prefix);
/* How often the engine has asked for something about the address. */
unsigned site_requests(struct site *s, const char *prefix);
/* When the address came or went last. */
mono_t site_changed(struct site *s, const char *prefix);
/* Somebody else adds or deletes it. */
void site_meddle(struct site *s, const char *prefix, bool present);
void site_link(struct site *s, const char *ifname, bool up);

/* Asks over the control's code; `words` are separated by blanks. The test fails when the answer is
 * not one line of JSON or not what core/answer.h promises. To be released with json_decref(). */
json_t *site_ask(struct site *s, const char *words);
/* All text of the answer in one piece, lines and cells, or the error; to be freed. */
char *site_text(struct site *s, const char *words);
/* Fails the test unless the answer to `words` holds `part`. */
void site_says(struct site *s, const char *words, const char *part);
/* The level of a service: "up". */
const char *site_level(struct site *s, const char *service);

#endif
