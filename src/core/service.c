/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Services: their options, and the decision which level a service has.
 *
 * The decision (service_judge) is the worst of three: what health allows (require, prefer,
 * hold-up), what operators allow (drain), and whether nigh is stopping. An operator's "admin down"
 * and "admin up" take the place of health. A drained service whose requirement fails is down: a
 * drained route may still be announced, and nothing may be announced for a server that does not
 * answer.
 *
 * A requirement that has not reported yet keeps a service down, but does not take it down: when a
 * reload adds a requirement to a service that is announced, the service waits for its first
 * verdict. Otherwise one reload on all nodes would withdraw the address everywhere at once.
 *
 * Pure: members' states and `now` in, a verdict out.
 */
#include "core/service.h"

#include "core/core_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

static const char *const service_levels[LEVEL_COUNT] = {
    [LEVEL_DOWN] = "down",
    [LEVEL_DRAINED] = "drained",
    [LEVEL_DEGRADED] = "degraded",
    [LEVEL_UP] = "up",
};

const char *
service_level_str(enum service_level l)
{
	assert(l < LEVEL_COUNT);
	return service_levels[l];
}

static const char *const service_admins[] = {
    [ADMIN_AUTO] = "auto",
    [ADMIN_UP] = "up",
    [ADMIN_DOWN] = "down",
};

const char *
service_admin_str(enum service_admin a)
{
	assert(a <= ADMIN_DOWN);
	return service_admins[a];
}

/* -- levels -- */

#define COMMUNITY_GRACEFUL_SHUTDOWN 0xffff0000u /* RFC 8326 */

static const uint32_t drained_communities[] = {COMMUNITY_GRACEFUL_SHUTDOWN};
static const struct attrs_conf drained_attrs = {
    .communities = {.items = drained_communities, .count = ARRAY_LEN(drained_communities)},
};
/* A longer AS path is compared before MED, and between neighbors of different AS as well. */
static const struct attrs_conf degraded_attrs = {.prepend = 2};

static const struct level_conf default_levels[LEVEL_COUNT] = {
    [LEVEL_DOWN] = {.withdraw = true},
    [LEVEL_DRAINED] = {.attrs = &drained_attrs},
    [LEVEL_DEGRADED] = {.attrs = &degraded_attrs},
};

const struct level_conf *
service_level_conf(const struct service_conf *conf, enum service_level level)
{
	if (conf->levels != NULL) {
		const struct level_conf *l = &conf->levels->level[level];

		if (l->withdraw || l->attrs != NULL)
			return l;
	}
	return &default_levels[level];
}

static void
level_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct level_conf *level = out;
	struct attrs_conf *attrs;

	if (node->kind == CONF_SCALAR && strcmp(node->text, "withdraw") == 0) {
		level->withdraw = true;
		return;
	}
	if (node->kind != CONF_MAPPING) {
		conf_error(ctx, node,
		    "a level is the word \"withdraw\" or attributes, as in {prepend: 2}");
		return;
	}
	attrs = arena_alloc(conf_arena(ctx), sizeof(*attrs));
	conf_read_struct(ctx, &attrs_schema, node, attrs);
	level->attrs = attrs;
}

static void
level_show(const void *member, struct str *out)
{
	const struct level_conf *level = member;

	if (level->withdraw)
		str_add(out, "withdraw");
	else if (level->attrs != NULL)
		conf_print_flow(&attrs_schema, level->attrs, out);
}

static const struct conf_custom level_custom = {
    .parse = level_parse,
    .show = level_show,
    .syntax = "withdraw | {ATTRIBUTES}",
    .json_schema = "{\"anyOf\":[{\"const\":\"withdraw\"},{\"type\":\"object\"}]}",
    .size = sizeof(struct level_conf),
};

#define LEVEL_ROW(word, which, text)                                                               \
	{                                                                                          \
		.key = word, .type = CONF_CUSTOM,                                                  \
		.offset = offsetof(struct levels_conf, level[which]), .custom = &level_custom,     \
		.sub = &attrs_schema, .doc = text,                                                 \
	}

static const struct conf_row levels_rows[] = {
    LEVEL_ROW("up", LEVEL_UP, "All is well. Default: nothing on top of the service's attributes."),
    LEVEL_ROW("degraded", LEVEL_DEGRADED,
	"Something that is preferred is not up. Default: {prepend: 2}. A MED alone does not make a "
	"route less preferred than one that came by iBGP; a longer AS path does."),
    LEVEL_ROW("drained", LEVEL_DRAINED,
	"An operator drains the service. Default: {communities: [graceful-shutdown]}, which keeps "
	"the route while neighbors prefer others (RFC 8326)."),
    LEVEL_ROW("down", LEVEL_DOWN,
	"Something that is required is not up. Default: withdraw. Attributes instead announce the "
	"route as a last resort."),
    {.type = CONF_END},
};

static const struct conf_schema levels_schema = {
    .name = "levels",
    .size = sizeof(struct levels_conf),
    .rows = levels_rows,
    .doc = "What each level does to the routes: \"withdraw\", or attributes on top of the "
	   "service's own.",
};

/* -- options -- */

static const struct conf_choice if_missing_choices[] = {
    {"repair", ADDRESS_REPAIR, "withdraw the route, put the address back, announce again"},
    {"withdraw", ADDRESS_WITHDRAW, "withdraw the route until somebody puts the address back"},
    {NULL, 0, NULL},
};

static const struct conf_row service_rows[] = {
    {
	.key = "addresses",
	.type = CONF_PREFIX,
	.flags = CONF_LIST | CONF_REQUIRED,
	.offset = offsetof(struct service_conf, addresses),
	.doc = "The service addresses: put on the interface, and announced.",
    },
    {
	.key = "interface",
	.type = CONF_STRING,
	.offset = offsetof(struct service_conf, interface),
	.dflt = "lo",
	.min = 1,
	.max = 15,
	.doc = "Where the addresses live. The loopback never loses its carrier.",
    },
    {
	.key = "if-missing",
	.type = CONF_ENUM,
	.offset = offsetof(struct service_conf, if_missing),
	.dflt = "repair",
	.choices = if_missing_choices,
	.doc = "What to do when somebody deletes an address.",
    },
    {
	.key = "listens",
	.type = CONF_CUSTOM,
	.flags = CONF_LIST,
	.custom = &service_listen_custom,
	.offset = offsetof(struct service_conf, listens),
	.doc =
	    "Ports that must be served on every address of the service, as in udp/53. The kernel "
	    "tells when the last socket is gone or its process ends, and the service is down at "
	    "once, before any probe has asked.",
    },
    {
	.key = "require",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct service_conf, require),
	.doc = "Probes and tracks that must be up, or the service is down. None: announced while "
	       "this host runs.",
    },
    {
	.key = "prefer",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct service_conf, prefer),
	.doc = "Probes and tracks that should be up, or the service is degraded. What depends on "
	       "other hosts belongs here: a failure that all nodes share must not withdraw all.",
    },
    {
	.key = "attributes",
	.type = CONF_STRUCT,
	.offset = offsetof(struct service_conf, attributes),
	.sub = &attrs_schema,
	.doc = "What the routes carry at every level.",
    },
    {
	.key = "levels",
	.type = CONF_STRUCT,
	.offset = offsetof(struct service_conf, levels),
	.sub = &levels_schema,
	.doc = "What each level does to the routes.",
    },
    {
	.key = "advertise",
	.type = CONF_STRING,
	.flags = CONF_LIST,
	.offset = offsetof(struct service_conf, advertise),
	.doc = "By which speakers. Empty: by all that are configured.",
    },
    {
	.key = "hold-up",
	.type = CONF_DUR,
	.offset = offsetof(struct service_conf, hold_up),
	.dflt = "0s",
	.max = DUR_DAY,
	.doc = "How long all must be well without a break before a service that was down comes "
	       "up.",
    },
    {
	.key = "damping",
	.type = CONF_STRUCT,
	.sub = &damping_schema,
	.offset = offsetof(struct service_conf, damping),
	.doc = "Keeps a service that goes down too often down until it has been well for a while.",
    },
    {
	.key = "drain",
	.type = CONF_DUR,
	.offset = offsetof(struct service_conf, drain),
	.dflt = "0s",
	.max = DUR_DAY,
	.doc = "How long an address that is given up stays on the host after its route has been "
	       "withdrawn everywhere.",
    },
    {.type = CONF_END},
};

const struct conf_schema service_schema = {
    .name = "service",
    .size = sizeof(struct service_conf),
    .rows = service_rows,
    .doc = "Addresses that are announced while what they need is up.",
};

/* -- the decision -- */

/* The first member that is in `state`, or NULL. */
static const struct track *
refs_first(const struct core_refs *refs, enum track_state state)
{
	for (size_t i = 0; i < refs->count; i++) {
		const struct track *t = refs->items[i];

		if (t->state == state)
			return t;
	}
	return NULL;
}

/* What requirements and preferences allow. */
static struct service_verdict
judge_health(const struct service *s)
{
	const struct track *t = refs_first(&s->require, TRACK_DOWN);

	if (t != NULL)
		return (struct service_verdict){LEVEL_DOWN, WHY_REQUIRE, t->name};
	t = refs_first(&s->require, TRACK_UNKNOWN);
	if (t != NULL && (s->level == LEVEL_DOWN || !s->good))
		return (struct service_verdict){LEVEL_DOWN, WHY_UNKNOWN, t->name};
	t = refs_first(&s->prefer, TRACK_DOWN);
	if (t == NULL)
		t = refs_first(&s->prefer, TRACK_UNKNOWN);
	if (t != NULL)
		return (struct service_verdict){LEVEL_DEGRADED, WHY_PREFER, t->name};
	return (struct service_verdict){LEVEL_UP, WHY_HEALTHY, NULL};
}

/* A service that was down must be good for hold-up, unless it was never decided before. */
static void
judge_hold_up(struct service *s, struct service_verdict *v, mono_t now)
{
	bool good = v->level != LEVEL_DOWN;

	if (good && !s->good)
		s->good_since = now;
	s->good = good;
	s->holding = false;
	if (!good || s->level != LEVEL_DOWN || s->fresh || s->admin != ADMIN_AUTO)
		return;
	if (damping_holds(s, now)) {
		*v = (struct service_verdict){LEVEL_DOWN, WHY_DAMPED, NULL};
		return;
	}
	s->hold_until = mono_add(s->good_since, s->conf->hold_up);
	if (!mono_before(now, s->hold_until))
		return;
	s->holding = true;
	*v = (struct service_verdict){LEVEL_DOWN, WHY_HOLD_UP, NULL};
}

struct service_verdict
service_judge(struct service *s, mono_t now)
{
	struct service_verdict v = judge_health(s);

	judge_hold_up(s, &v, now);
	s->fresh = false;
	if (s->draining && !mono_before(now, s->drain_until))
		s->draining = false;
	if (s->stopping)
		return (struct service_verdict){LEVEL_DOWN, WHY_STOP, NULL};
	if (s->admin == ADMIN_DOWN)
		return (struct service_verdict){LEVEL_DOWN, WHY_ADMIN, NULL};
	if (s->admin == ADMIN_UP)
		v = (struct service_verdict){LEVEL_UP, WHY_ADMIN, NULL};
	if (s->draining && v.level > LEVEL_DRAINED)
		return (struct service_verdict){LEVEL_DRAINED, WHY_DRAIN, NULL};
	return v;
}

mono_t
service_deadline(const struct service *s)
{
	mono_t at = {.ns = DUR_NEVER};

	if (s->draining)
		at = s->drain_until;
	if (s->holding)
		at = mono_min(at, s->hold_until);
	if (s->good && s->damped)
		at = mono_min(at, s->damped_until);
	return at;
}
