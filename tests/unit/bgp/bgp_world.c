/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bgp_world.h.
 */
#include "bgp_world.h"

#include "base/log.h"
#include "base/mem.h"
#include "proto/bgp/bgp.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUTER_PACE (100 * DUR_MS)

/* -- the world -- */

static void
log_nowhere(enum log_level level, const char *line)
{
	(void)level;
	if (getenv("BGP_TEST_LOG") != NULL)
		print_message("%s\n", line);
}

void
world_init(struct world *w, uint64_t seed)
{
	log_open("test", LOG_LVL_DEBUG);
	log_set_sink(log_nowhere);
	w->loop = loop_virtual_new((mono_t){DUR_S});
	w->cloud = net_cloud_new(w->loop);
	rng_init(&w->rng, seed);
}

void
world_done(struct world *w)
{
	net_cloud_free(w->cloud);
	loop_free(w->loop);
	log_set_sink(NULL);
}

void
world_run(struct world *w, dur_t d)
{
	loop_run_until(w->loop, mono_add(loop_now(w->loop), d));
}

mono_t
world_now(const struct world *w)
{
	return loop_now(w->loop);
}

void
assert_text(const char *text, const char *part)
{
	if (text == NULL || strstr(text, part) == NULL)
		fail_msg("no '%s' in: %s", part, text != NULL ? text : "(nothing)");
}

/* -- configuration -- */

struct root {
	const void *bgp;
};

static const struct conf_row root_rows[] = {
    {.key = "bgp",
	.type = CONF_STRUCT,
	.sub = &bgp_schema,
	.offset = offsetof(struct root, bgp),
	.doc = "BGP."},
    {.type = CONF_END},
};

static const struct conf_schema root_schema = {
    .name = "test", .size = sizeof(struct root), .rows = root_rows, .doc = "A test's."};

static struct conf_generation *
load(const char *yaml, struct str *errors)
{
	struct conf_generation *g;
	struct str text = {0};
	struct diag d;

	diag_init(&d);
	str_printf(&text, "bgp: %s\n", yaml);
	g = conf_load(&root_schema, "t", text.text, text.len, &d);
	if (!diag_empty(&d))
		diag_print(&d, errors);
	diag_done(&d);
	str_done(&text);
	return g;
}

char *
bgp_conf_errors(const char *yaml)
{
	struct str errors = {0};
	struct conf_generation *g = load(yaml, &errors);

	if (g != NULL)
		conf_free(g);
	str_add(&errors, "");
	return str_take(&errors);
}

/* -- nodes -- */

static size_t
read_addrs(const char *text, struct addr *out, size_t max)
{
	char word[ADDR_TEXT];
	size_t count = 0;
	int used;

	while (count < max && sscanf(text, "%45s%n", word, &used) == 1) {
		assert_int_equal(addr_parse(word, &out[count++]), 0);
		text += used;
	}
	return count;
}

void
node_init(struct node *n, struct world *w, const char *addrs)
{
	struct addr a[2];
	size_t count = read_addrs(addrs, a, 2);

	*n = (struct node){.world = w};
	n->net = net_cloud_node(w->cloud, a, count);
	n->intent = intent_new();
	history_init(&n->history, 256);
	n->identity.name = "node";
	n->identity.router_id = a[0].family == ADDR_V4 ? a[0] : addr_v4(0x0a090909);
	struct speaker_env env = {.loop = w->loop,
	    .net = n->net,
	    .intent = n->intent,
	    .history = &n->history,
	    .rng = &w->rng,
	    .audience = 1};
	n->speaker = bgp_speaker.new(&env);
}

void
node_configure(struct node *n, const char *yaml)
{
	struct str errors = {0};
	struct conf_generation *old = n->conf;

	n->conf = load(yaml, &errors);
	if (n->conf == NULL)
		fail_msg("%s", str_text(&errors));
	str_done(&errors);
	bgp_speaker.configure(n->speaker, &n->identity, ((const struct root *)n->conf->root)->bgp);
	if (old != NULL)
		conf_free(old);
}

void
node_kill(struct node *n)
{
	net_cloud_kill(n->net);
	bgp_speaker.free(n->speaker);
	n->speaker = NULL;
}

void
node_done(struct node *n)
{
	if (n->speaker != NULL)
		bgp_speaker.free(n->speaker);
	if (n->conf != NULL)
		conf_free(n->conf);
	net_free(n->net);
	history_done(&n->history);
	intent_free(n->intent);
}

static void
node_want(struct node *n, const char *prefix, const struct attrs *attrs, bool route)
{
	struct intent_ask ask = {.service = "s",
	    .interface = "lo",
	    .audience = 1,
	    .level = LEVEL_UP,
	    .why = WHY_HEALTHY,
	    .route = route};
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p), 0);
	if (attrs != NULL)
		ask.attrs = *attrs;
	intent_set(n->intent, &p, &ask, loop_now(n->world->loop));
}

void
node_announce(struct node *n, const char *prefix, const struct attrs *attrs)
{
	node_want(n, prefix, attrs, true);
}

void
node_withdraw(struct node *n, const char *prefix)
{
	node_want(n, prefix, NULL, false);
}

struct peer_query {
	const char *name;
	bool found;
	struct speaker_peer peer;
};

static void
on_peer(void *arg, const struct speaker_peer *peer)
{
	struct peer_query *q = arg;

	if (strcmp(peer->name, q->name) != 0)
		return;
	q->found = true;
	q->peer = *peer;
}

static struct speaker_peer
node_peer(struct node *n, const char *neighbor)
{
	struct peer_query q = {.name = neighbor};

	bgp_speaker.peers(n->speaker, on_peer, &q);
	if (!q.found)
		fail_msg("no neighbor %s", neighbor);
	return q.peer;
}

const char *
node_state(struct node *n, const char *neighbor)
{
	return node_peer(n, neighbor).state;
}

bool
node_up(struct node *n, const char *neighbor)
{
	return node_peer(n, neighbor).up;
}

uint64_t
node_announced(struct node *n, const char *neighbor)
{
	return node_peer(n, neighbor).announced;
}

const char *
node_detail(struct node *n, const char *neighbor)
{
	static char text[128];
	struct speaker_peer p = node_peer(n, neighbor);

	str_copy(text, sizeof(text), p.detail);
	return text;
}

static char *
answer_text(struct answer *a)
{
	char *dump = json_dumps(a->root, JSON_COMPACT | JSON_SORT_KEYS);

	assert_non_null(dump);
	answer_done(a);
	return dump;
}

char *
node_command(struct node *n, const char *words, const char *arg)
{
	struct command_call call = {.args = &arg, .count = arg != NULL ? 1 : 0};
	const struct command *c = n->speaker->commands.commands;
	struct answer a;

	call.now = loop_now(n->world->loop);
	while (c->words != NULL && strcmp(c->words, words) != 0)
		c++;
	assert_non_null(c->words);
	answer_init(&a);
	c->run(&n->speaker->commands, &call, &a);
	return answer_text(&a);
}

char *
node_explain(struct node *n, const char *prefix)
{
	struct answer a;
	struct prefix p;

	assert_int_equal(prefix_parse(prefix, &p), 0);
	answer_init(&a);
	bgp_speaker.explain(n->speaker, &p, &a, loop_now(n->world->loop));
	return answer_text(&a);
}

char *
node_metrics(struct node *n)
{
	struct metric_writer m;
	struct str out = {0};

	metric_init(&m, &out);
	bgp_speaker.metrics(n->speaker, &m, loop_now(n->world->loop));
	str_add(&out, "");
	return str_take(&out);
}

double
node_metric(struct node *n, const char *start)
{
	char *text = node_metrics(n);
	double value = (double)NAN;

	for (const char *line = text; line != NULL && *line != '\0';) {
		if (strncmp(line, start, strlen(start)) == 0)
			value = strtod(line + strlen(start), NULL);
		line = strchr(line, '\n');
		line = line != NULL ? line + 1 : NULL;
	}
	free(text);
	return value;
}

/* -- routers -- */

struct router_route {
	RB_ENTRY(router_route) tree;
	struct prefix prefix;
	char *attrs;
};

static int
route_cmp(const struct router_route *a, const struct router_route *b)
{
	return prefix_cmp(&a->prefix, &b->prefix);
}

RB_GENERATE_STATIC(router_rib, router_route, tree, route_cmp)

static void
rib_del(struct router *r, struct router_route *route)
{
	RB_REMOVE(router_rib, &r->rib, route);
	r->routes--;
	free(route->attrs);
	free(route);
}

static void
rib_clear(struct router *r)
{
	struct router_route *route;

	while ((route = RB_MIN(router_rib, &r->rib)) != NULL)
		rib_del(r, route);
}

static void
rib_set(struct router *r, const struct prefix *p, const char *attrs)
{
	struct router_route key = {.prefix = *p};
	struct router_route *route = RB_FIND(router_rib, &r->rib, &key);
	char text[PREFIX_TEXT];

	if (!r->quiet)
		str_printf(&r->log, "%c%s%s%s\n", attrs != NULL ? '+' : '-',
		    prefix_format(p, text, sizeof(text)), attrs != NULL ? " " : "",
		    attrs != NULL ? attrs : "");
	if (route != NULL)
		rib_del(r, route);
	if (attrs == NULL)
		return;
	route = mem_alloc(sizeof(*route));
	route->prefix = *p;
	route->attrs = mem_strdup(attrs);
	RB_INSERT(router_rib, &r->rib, route);
	r->routes++;
}

const char *
router_route(struct router *r, const char *prefix)
{
	struct router_route key, *route;

	assert_int_equal(prefix_parse(prefix, &key.prefix), 0);
	route = RB_FIND(router_rib, &r->rib, &key);
	return route != NULL ? route->attrs : NULL;
}

static void
format_path(const struct bgp_path *p, const struct addr *next_hop, struct str *out)
{
	char text[ADDR_TEXT];

	str_printf(out, "next-hop %s, as-path", addr_format(next_hop, text, sizeof(text)));
	for (uint16_t i = 0; i < p->as_count; i++)
		str_printf(out, " %u", p->as_path[i]);
	if (p->has_med)
		str_printf(out, ", med %u", p->med);
	if (p->has_local_pref)
		str_printf(out, ", local-pref %u", p->local_pref);
	for (uint16_t i = 0; i < p->community_count; i++) {
		struct wire_reader w;
		wire_reader_init(&w, p->communities + 4 * i, 4);
		str_add(out, ", ");
		community_format(wire_u32(&w), out);
	}
}

static void
take(struct router *r, struct bgp_nlri list, const char *attrs)
{
	struct prefix p;

	while (list.data != NULL && bgp_nlri_next(&list, &p))
		rib_set(r, &p, attrs);
}

static void
on_update(struct link *l, const uint8_t *msg, size_t len)
{
	struct router *r = l->router;
	struct bgp_update_ctx ctx = {.ebgp = r->ebgp,
	    .as4 = l->peer.caps.as4,
	    .af = 3,
	    .first_as = r->ebgp ? l->peer.as : 0};
	struct bgp_update u;
	struct str attrs = {0};

	bgp_update_decode(msg, len, &ctx, &u);
	if (u.disposition != BGP_ACCEPT) {
		r->errors++;
		print_error("router: %s\n", u.reason);
	}
	if (u.end_of_rib) {
		l->end_of_rib |= BGP_AF_BIT(u.end_of_rib_af);
		return;
	}
	r->updates++;
	take(r, u.withdrawn, NULL);
	take(r, u.mp_withdrawn, NULL);
	format_path(&u.path, &u.path.next_hop, &attrs);
	take(r, u.announced, str_text(&attrs));
	str_clear(&attrs);
	format_path(&u.path, &u.mp_next_hop, &attrs);
	take(r, u.mp_announced, str_text(&attrs));
	str_done(&attrs);
	if (!r->quiet)
		str_add(&r->log, "|\n");
}

void
link_send(struct link *l, const void *data, size_t len)
{
	if (net_stream_is_open(&l->stream))
		(void)net_stream_write(&l->stream, data, len);
}

void
link_send_keepalive(struct link *l)
{
	uint8_t buf[BGP_HEADER_LEN];

	link_send(l, buf, bgp_keepalive_encode(buf, sizeof(buf)));
}

void
link_send_open(struct link *l)
{
	uint8_t buf[BGP_MSG_MAX];

	l->opened = true;
	link_send(l, buf, bgp_open_encode(&l->router->open, buf, sizeof(buf)));
}

void
link_send_notify(struct link *l, struct bgp_notify n)
{
	uint8_t buf[BGP_MSG_MAX];

	link_send(l, buf, bgp_notify_encode(&n, buf, sizeof(buf)));
}

/* A third of the hold time that was negotiated. */
static dur_t
keepalive_every(const struct link *l)
{
	uint16_t ours = l->router->open.hold_s, theirs = l->peer.hold_s;

	return (ours < theirs ? ours : theirs) * DUR_S / 3;
}

/* Down: what was learned here goes. */
static void
link_down(struct link *l)
{
	if (l->up)
		rib_clear(l->router);
	l->up = false;
	l->closed = true;
	loop_timer_cancel(&l->keepalive);
	loop_timer_cancel(&l->pacer);
}

void
link_deaf(struct link *l)
{
	l->deaf = true;
	net_stream_want_read(&l->stream, false);
}

void
link_close(struct link *l)
{
	net_stream_close(&l->stream);
	link_down(l);
}

static void
on_open(struct link *l, const uint8_t *msg, size_t len)
{
	struct bgp_open_expect any = {.local_as = l->router->open.as};
	struct bgp_notify n;

	assert_int_equal(bgp_open_decode(msg, len, &any, &l->peer, &n), 0);
	l->router->ebgp = l->peer.as != l->router->open.as;
	if (l->router->silent)
		return;
	if (!l->opened)
		link_send_open(l);
	link_send_keepalive(l);
}

static void
on_message(struct link *l, const uint8_t *msg, size_t len)
{
	enum bgp_type type = bgp_frame_type(msg);
	mono_t now = loop_now(l->router->world->loop);
	struct bgp_refresh refresh;
	struct bgp_notify n;

	if (l->last_message.ns != 0 && mono_sub(now, l->last_message) > l->longest_silence)
		l->longest_silence = mono_sub(now, l->last_message);
	l->last_message = now;
	l->received[type]++;
	switch (type) {
	case BGP_OPEN: on_open(l, msg, len); break;
	case BGP_KEEPALIVE:
		if (!l->up && !l->router->silent) {
			l->up = true;
			loop_timer_after(&l->keepalive, keepalive_every(l));
		}
		break;
	case BGP_UPDATE: on_update(l, msg, len); break;
	case BGP_NOTIFICATION:
		(void)bgp_notify_decode(msg, len, &l->notify);
		link_close(l);
		break;
	case BGP_REFRESH:
		assert_int_equal(bgp_refresh_decode(msg, len, &refresh, &n), 0);
		l->begin_refresh += refresh.subtype == 1;
		l->end_refresh += refresh.subtype == 2;
		break;
	}
}

static void
on_readable(struct link *l)
{
	struct router *r = l->router;
	size_t budget = r->pace != 0 ? r->pace : SIZE_MAX;

	while (!l->closed && budget > 0) {
		struct bgp_notify n;
		size_t room = sizeof(l->rx) - l->rx_len;
		ssize_t got =
		    net_stream_read(&l->stream, l->rx + l->rx_len, room < budget ? room : budget);
		if (got == -EAGAIN)
			return;
		if (got <= 0) {
			link_close(l);
			return;
		}
		l->rx_len += (size_t)got;
		l->rx_total += (size_t)got;
		budget -= (size_t)got;
		int len;
		while ((len = bgp_frame(l->rx, l->rx_len, BGP_MSG_MAX, &n)) > 0) {
			on_message(l, l->rx, (size_t)len);
			l->rx_len -= (size_t)len;
			memmove(l->rx, l->rx + len, l->rx_len);
		}
		assert_int_equal(len, 0);
	}
	if (!l->closed) {
		net_stream_want_read(&l->stream, false);
		loop_timer_after(&l->pacer, ROUTER_PACE);
	}
}

static void
on_pacer(struct loop_timer *t)
{
	struct link *l = container_of(t, struct link, pacer);

	if (!l->deaf)
		net_stream_want_read(&l->stream, true);
}

static void
on_stream(struct net_stream *s, enum net_event what)
{
	struct link *l = container_of(s, struct link, stream);

	switch (what) {
	case NET_OPEN:
		if (!l->router->silent)
			link_send_open(l);
		break;
	case NET_READABLE: on_readable(l); break;
	case NET_WRITABLE: break;
	case NET_FAILED: link_close(l); break;
	}
}

static void
on_keepalive(struct loop_timer *t)
{
	struct link *l = container_of(t, struct link, keepalive);

	if (!l->mute)
		link_send_keepalive(l);
	loop_timer_after(t, keepalive_every(l));
}

static struct link *
link_new(struct router *r)
{
	struct link *l = &r->link[r->links++];

	assert_true(r->links <= ROUTER_LINKS);
	*l = (struct link){.router = r};
	l->stream.fn = on_stream;
	loop_timer_init(&l->keepalive, r->world->loop, on_keepalive);
	loop_timer_init(&l->pacer, r->world->loop, on_pacer);
	return l;
}

static void
on_accept(struct net_listener *listener, struct net_stream *s)
{
	struct router *r = container_of(listener, struct router, listener);
	struct link *l = link_new(r);

	l->incoming = true;
	net_stream_adopt(&l->stream, s);
}

void
router_init(struct router *r, struct world *w, const char *addr, uint32_t as, uint16_t hold_s)
{
	*r = (struct router){.world = w};
	assert_int_equal(addr_parse(addr, &r->addr), 0);
	r->net = net_cloud_node(w->cloud, &r->addr, 1);
	RB_INIT(&r->rib);
	r->open = (struct bgp_open){
	    .version = BGP_VERSION,
	    .as = as,
	    .hold_s = hold_s,
	    .router_id = r->addr.family == ADDR_V4 ? addr_to_v4(&r->addr) : 0x0a080808,
	    .caps = {.mp = true,
		.af = BGP_AF_BIT(BGP_AF_IPV4) | BGP_AF_BIT(BGP_AF_IPV6),
		.as4 = true,
		.as4_number = as,
		.refresh = true,
		.enhanced_refresh = true},
	};
}

void
router_listen(struct router *r)
{
	struct endpoint at = {.addr = {.family = r->addr.family}, .port = BGP_PORT};

	r->listener = (struct net_listener){.fn = on_accept};
	assert_int_equal(net_listen(r->net, &r->listener, &at, NULL), 0);
}

void
router_unlisten(struct router *r)
{
	net_unlisten(&r->listener);
}

struct link *
router_connect(struct router *r, const char *addr)
{
	struct endpoint to = {.port = BGP_PORT};
	struct link *l = link_new(r);

	assert_int_equal(addr_parse(addr, &to.addr), 0);
	assert_int_equal(net_connect(r->net, &l->stream, &to, NULL), 0);
	return l;
}

void
router_done(struct router *r)
{
	for (size_t i = 0; i < r->links; i++)
		link_close(&r->link[i]);
	rib_clear(r);
	router_unlisten(r);
	net_free(r->net);
	str_done(&r->log);
}

struct link *
router_up(struct router *r)
{
	for (size_t i = 0; i < r->links; i++) {
		if (r->link[i].up)
			return &r->link[i];
	}
	return NULL;
}

struct link *
router_last(struct router *r)
{
	assert_true(r->links > 0);
	return &r->link[r->links - 1];
}

unsigned
router_open_links(const struct router *r)
{
	unsigned open = 0;

	for (size_t i = 0; i < r->links; i++)
		open += !r->link[i].closed;
	return open;
}

/* -- pairs -- */

struct pair *
pair_new(const char *yaml)
{
	struct pair *p = mem_alloc(sizeof(*p));

	world_init(&p->w, 1);
	node_init(&p->n, &p->w, "10.0.0.2");
	router_init(&p->r, &p->w, "10.0.0.1", 64500, 90);
	router_listen(&p->r);
	if (yaml != NULL)
		node_configure(&p->n, yaml);
	return p;
}

struct pair *
pair_up(const char *yaml)
{
	struct pair *p = pair_new(yaml);

	world_run(&p->w, DUR_S);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Established");
	assert_non_null(router_up(&p->r));
	str_clear(&p->r.log);
	return p;
}

void
pair_free(struct pair *p)
{
	assert_int_equal(p->r.errors, 0);
	router_done(&p->r);
	node_done(&p->n);
	world_done(&p->w);
	free(p);
}
