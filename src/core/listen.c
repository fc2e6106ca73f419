/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `listens`: the ports that a service must be served on, and the tracks that follow them.
 *
 * Each port of a service is a track of its own, required by the service and named after both
 * ("dns udp/53"; a blank cannot stand in a configured name). It is up while a socket serves the
 * port on every address of the service, and down as soon as one address is deserted: the kernel
 * says so, so nothing has to be confirmed.
 */
#include "base/mem.h"
#include "core/core_priv.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *word;
	enum kernel_proto proto;
} protos[] = {{"udp/", KERNEL_UDP}, {"tcp/", KERNEL_TCP}};

static void
listen_parse(struct conf_ctx *ctx, const struct conf_node *node, void *out)
{
	struct service_listen *l = out;

	for (size_t i = 0; node->kind == CONF_SCALAR && i < ARRAY_LEN(protos); i++) {
		size_t len = strlen(protos[i].word);
		uint64_t port;

		if (strncmp(node->text, protos[i].word, len) != 0 ||
		    str_to_u64(node->text + len, 1, UINT16_MAX, &port) != 0)
			continue;
		*l = (struct service_listen){.proto = protos[i].proto, .port = (uint16_t)port};
		return;
	}
	conf_error(ctx, node, "a port to listen on is udp/PORT or tcp/PORT, as in udp/53");
}

static void
listen_show(const void *member, struct str *out)
{
	const struct service_listen *l = member;

	str_printf(out, "%s%u", protos[l->proto].word, l->port);
}

const struct conf_custom service_listen_custom = {
    .parse = listen_parse,
    .show = listen_show,
    .syntax = "udp/PORT or tcp/PORT",
    .json_schema = "{\"type\":\"string\",\"pattern\":\"^(udp|tcp)/[0-9]+$\"}",
    .size = sizeof(struct service_listen),
};

char *
listen_track_name(const char *service, const struct service_listen *l)
{
	struct str name = {0};

	str_printf(&name, "%s ", service);
	listen_show(l, &name);
	return str_take(&name);
}

/* What is known of an address's port; unknown when it is new. */
static enum track_state
port_state(const struct track *t, const struct addr *addr)
{
	for (size_t i = 0; i < t->port_count; i++) {
		if (addr_equal(&t->ports[i].addr, addr))
			return t->ports[i].state;
	}
	return TRACK_UNKNOWN;
}

void
track_configure_listen(
    struct track *t, const struct service_conf *service, const struct service_listen *l)
{
	const struct prefix *prefix = service->addresses.items;
	struct track_port *ports = mem_array(service->addresses.count + 1, sizeof(*ports));

	for (size_t i = 0; i < service->addresses.count; i++) {
		ports[i].addr = prefix[i].addr;
		ports[i].state = port_state(t, &prefix[i].addr);
	}
	free(t->ports);
	t->ports = ports;
	t->port_count = service->addresses.count;
	t->listen = *l;
}

/* Down if one address is deserted, up if all are served. */
static bool
combine(struct track *t, enum why why)
{
	char text[ADDR_TEXT];
	bool unknown = false;

	for (size_t i = 0; i < t->port_count; i++) {
		if (t->ports[i].state == TRACK_DOWN) {
			str_copy(t->detail, sizeof(t->detail),
			    addr_format(&t->ports[i].addr, text, sizeof(text)));
			return track_set_raw(t, TRACK_DOWN, why);
		}
		unknown = unknown || t->ports[i].state == TRACK_UNKNOWN;
	}
	t->detail[0] = '\0';
	return !unknown && track_set_raw(t, TRACK_UP, WHY_SERVED);
}

bool
track_served(
    struct track *t, const struct kernel_listen *what, enum kernel_served served, enum why why)
{
	if (t->listen.proto != what->proto || t->listen.port != what->port)
		return false;
	for (size_t i = 0; i < t->port_count; i++) {
		if (!addr_equal(&t->ports[i].addr, &what->addr))
			continue;
		t->ports[i].state = served == KERNEL_SERVED ? TRACK_UP : TRACK_DOWN;
		return combine(t, why);
	}
	return false;
}
