/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole configuration: the root of nigh.yaml as a struct, and the checks that span sections.
 */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "conf/conf.h"
#include "core/core.h"
#include "daemon/kinds.h"

#define CONFIG_FILE    "/etc/nigh/nigh.yaml"
#define CONFIG_SOCKET  "/run/nigh/nigh.sock"
#define CONFIG_HISTORY 4096

struct node_conf {
	const char *name;      /* the host's name when not written: see config_node() */
	struct addr router_id; /* ADDR_NONE when not written */
	int log_level;         /* enum log_level */
	uint32_t history;      /* events kept */
};

struct control_conf {
	const char *socket;
	struct endpoint http; /* family ADDR_NONE: no HTTP server */
};

struct config {
	const struct node_conf *node; /* NULL: not written */
	struct conf_map probes;       /* of struct probe_conf */
	struct conf_map tracks;       /* of struct track_conf */
	struct conf_map services;     /* of struct service_conf */
	const void *speakers[KINDS_SPEAKERS_MAX];
	const struct control_conf *control; /* NULL: not written */
};

/* The root, and `probes:` with the kinds that are compiled in. */
extern const struct conf_schema config_schema;
extern const struct conf_schema config_probe_schema;

/* Reads and checks a file. The configuration (owned by the caller), or NULL with every mistake, a
 * line each, added to `problems`. */
struct conf_generation *config_load(const char *file, struct str *problems);
/* What the core takes from a configuration. */
struct core_conf config_core(const struct config *c);
/* The sections that may be left out, with their defaults. `name_buf` receives the host's name when
 * the configuration gives none. */
struct node_conf config_node(const struct config *c, char *name_buf, size_t size);
struct control_conf config_control(const struct config *c);

#endif
