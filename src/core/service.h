/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services: addresses, what they need, and the level that follows.
 *
 *   admin down, drain      -> down, drained
 *   something required down or unknown -> down
 *   something preferred not up         -> degraded
 *   else                               -> up; nothing required is plain network-layer anycast
 *
 * Leaving `down` takes `hold-up` of unbroken goodness; getting worse is immediate. Pure.
 */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include "core/attrs.h"
#include "core/kernel_port.h"
#include "core/why.h"

enum service_level { LEVEL_DOWN, LEVEL_DRAINED, LEVEL_DEGRADED, LEVEL_UP, LEVEL_COUNT };
const char *service_level_str(enum service_level l);

enum service_admin { ADMIN_AUTO, ADMIN_UP, ADMIN_DOWN };
const char *service_admin_str(enum service_admin a);

/* What a level does to the route: withdraw it, or announce it with these attributes on top. */
struct level_conf {
	bool withdraw;
	const struct attrs_conf *attrs; /* NULL: none */
};

struct levels_conf {
	struct level_conf level[LEVEL_COUNT];
};

enum address_missing { ADDRESS_REPAIR, ADDRESS_WITHDRAW };

/* A port that a service must be served on. */
struct service_listen {
	enum kernel_proto proto;
	uint16_t port;
};
extern const struct conf_custom service_listen_custom;

struct damping_conf {
	dur_t half_life;
	double suppress;
	double reuse;
	dur_t max;
};
extern const struct conf_schema damping_schema;

struct service_conf {
	struct conf_list addresses; /* of struct prefix */
	const char *interface;      /* where the address lives; "lo" */
	int if_missing;             /* enum address_missing: somebody deleted the address */
	struct conf_list listens;   /* of struct service_listen */
	struct conf_list require;   /* of const char *: probes and tracks */
	struct conf_list prefer;
	const struct attrs_conf *attributes;
	const struct levels_conf *levels;
	struct conf_list advertise; /* of const char *: speakers; empty: all that are configured */
	dur_t hold_up;
	const struct damping_conf *damping; /* NULL: none */
	dur_t drain; /* between the withdrawal and the removal of the address */
};
extern const struct conf_schema service_schema;

#endif
