/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of the BGP speaker against scripted routers on a virtual network: how they come up, what
 * ends them, what is said at the end, when they are tried again, and which of two connections
 * stays.
 */
#include "bgp_world.h"

#include "base/mem.h"
#include "proto/bgp/bgp.h"

#include <stdlib.h>
#include <string.h>

#define ACTIVE_YAML  "{as: 64501, neighbors: {10.0.0.1: {as: 64500}}}"
#define PASSIVE_YAML "{as: 64501, neighbors: {10.0.0.1: {as: 64500, passive: true}}}"

struct pair {
	struct world w;
	struct node n;
	struct router r;
};

/* A speaker 10.0.0.2 in AS 64501 and a router 10.0.0.1 in AS 64500 that listens. */
static struct pair *
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

static void
pair_free(struct pair *p)
{
	router_done(&p->r);
	node_done(&p->n);
	world_done(&p->w);
	free(p);
}

static struct pair *
pair_up(const char *yaml)
{
	struct pair *p = pair_new(yaml);

	world_run(&p->w, DUR_S);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Established");
	assert_non_null(router_up(&p->r));
	return p;
}

static void
test_up(void **state)
{
	struct pair *p = pair_new(ACTIVE_YAML);
	const struct link *l;
	const struct history_event *e;

	(void)state;
	world_run(&p->w, 20 * DUR_MS); /* the first attempt does not wait */
	assert_true(node_up(&p->n, "10.0.0.1"));
	l = router_up(&p->r);
	assert_true(l->incoming);
	assert_int_equal(l->peer.as, 64501);
	assert_int_equal(l->peer.hold_s, 90);
	assert_int_equal(l->peer.router_id, 0x0a000002);
	assert_true(l->peer.caps.mp && l->peer.caps.as4 && l->peer.caps.refresh);
	assert_int_equal(l->peer.caps.af, 3);
	assert_false(l->peer.caps.graceful_restart);
	assert_int_equal(l->end_of_rib, 3);
	assert_int_equal(l->received[BGP_UPDATE], 2); /* two End-of-RIB and nothing else */
	e = history_from(&p->n.history, 1);
	assert_non_null(e);
	assert_string_equal(e->kind, "neighbor");
	assert_string_equal(e->object, "10.0.0.1");
	assert_string_equal(e->to, "Established");
	assert_string_equal(e->why, "up");
	pair_free(p);
}

static void
test_passive(void **state)
{
	struct pair *p = pair_new(PASSIVE_YAML);

	(void)state;
	world_run(&p->w, DUR_MIN);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Active");
	assert_int_equal(p->r.links, 0); /* it never connects */
	assert_string_equal(node_detail(&p->n, "10.0.0.1"), "waiting for the neighbor to connect");
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	/* And again after the end of it. */
	link_close(router_up(&p->r));
	world_run(&p->w, 3 * DUR_S);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Active");
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

static void
test_stranger(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct router stranger;

	(void)state;
	router_init(&stranger, &p->w, "10.0.0.66", 64500, 90);
	router_connect(&stranger, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(router_last(&stranger)->closed);
	assert_int_equal(router_last(&stranger)->rx_total, 0);
	assert_int_equal((int)node_metric(&p->n, "nigh_bgp_strangers_total "), 1);
	assert_true(node_up(&p->n, "10.0.0.1"));
	router_done(&stranger);
	pair_free(p);
}

/* Both sides connect at once. The connection that the larger router-id opened stays. */
static void
collide(uint32_t router_id, bool from_router)
{
	struct pair *p = pair_new(NULL);
	unsigned collisions = 0;

	p->r.open.router_id = router_id;
	node_configure(&p->n, ACTIVE_YAML);
	router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.links, 2);
	assert_int_equal(router_open_links(&p->r), 1);
	assert_int_equal(router_up(&p->r)->incoming, !from_router);
	for (size_t i = 0; i < p->r.links; i++) {
		const struct bgp_notify *n = &p->r.link[i].notify;
		collisions += n->code == BGP_ERR_CEASE && n->subcode == BGP_CEASE_COLLISION;
	}
	assert_int_equal(collisions, 1);
	world_run(&p->w, 10 * DUR_MIN);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.links, 2);
	assert_int_equal(
	    (int)node_metric(&p->n, "nigh_bgp_session_established_total{neighbor=\"10.0.0.1\"} "),
	    1);
	pair_free(p);
}

static void
test_collision_router_wins(void **state)
{
	(void)state;
	collide(0x0a0000ff, true);
}

static void
test_collision_speaker_wins(void **state)
{
	(void)state;
	collide(0x0a000001, false);
}

/* RFC 6286: equal identifiers of different ASes; the larger AS decides, ours is. */
static void
test_collision_equal_ids(void **state)
{
	(void)state;
	collide(0x0a000002, false);
}

/* The winner is confirmed only when the loser has had time to go: FRR would close both. */
static void
test_collision_loser_goes_first(void **state)
{
	struct pair *p = pair_new(NULL);
	const struct link *winner;

	(void)state;
	p->r.open.router_id = 0x0a0000ff;
	node_configure(&p->n, ACTIVE_YAML);
	winner = router_connect(&p->r, "10.0.0.2");
	world_run(&p->w, 40 * DUR_MS);
	assert_int_equal(p->r.links, 2);
	assert_int_equal(p->r.link[1].notify.subcode, BGP_CEASE_COLLISION);
	assert_int_equal(winner->received[BGP_OPEN], 1);
	assert_int_equal(winner->received[BGP_KEEPALIVE], 0);
	world_run(&p->w, 20 * DUR_MS);
	assert_int_equal(winner->received[BGP_KEEPALIVE], 1);
	assert_true(winner->up);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Established");
	pair_free(p);
}

/* A second connection beside an Established session is closed, and the session stays. */
static void
test_second_connection(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *second = router_connect(&p->r, "10.0.0.2");

	(void)state;
	world_run(&p->w, DUR_S);
	assert_true(second->closed);
	assert_int_equal(second->notify.code, BGP_ERR_CEASE);
	assert_int_equal(second->notify.subcode, BGP_CEASE_COLLISION);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(router_open_links(&p->r), 1);
	pair_free(p);
}

/* -- ends -- */

static void
test_hold_expires(void **state)
{
	struct pair *p = pair_up("{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500}}}");
	mono_t cut_at;

	(void)state;
	assert_int_equal(router_up(&p->r)->peer.hold_s, 9);
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	cut_at = world_now(&p->w);
	while (node_up(&p->n, "10.0.0.1"))
		world_run(&p->w, 100 * DUR_MS);
	/* The router's last keepalive was up to 30 s / 3 old; its own offer was 90 s. */
	assert_in_range(mono_sub(world_now(&p->w), cut_at) / DUR_MS, 100, 9100);
	assert_text(node_detail(&p->n, "10.0.0.1"), "Hold Timer");
	assert_int_equal(
	    (int)node_metric(
		&p->n, "nigh_bgp_session_lost_total{neighbor=\"10.0.0.1\",why=\"hold-expired\"} "),
	    1);
	/* The path heals: the NOTIFICATION is long gone, and the session comes back. */
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, false);
	world_run(&p->w, 70 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

static void
test_keepalives(void **state)
{
	struct pair *p = pair_up(
	    "{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500, hold-time: 30s}}}");
	const struct link *l = router_up(&p->r);

	(void)state;
	assert_int_equal(l->peer.hold_s, 30);
	world_run(&p->w, DUR_HOUR);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_true(l->longest_silence <= 10 * DUR_S + 10 * DUR_MS);
	/* Every 7.5 s to 10 s. */
	assert_in_range(l->received[BGP_KEEPALIVE], 350, 490);
	assert_int_equal(l->received[BGP_UPDATE], 2);
	pair_free(p);
}

/* A router that is killed resets its connections. */
static void
test_kill_and_back(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct router second;

	(void)state;
	net_cloud_kill(p->r.net);
	world_run(&p->w, 10 * DUR_MS);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "Idle");
	assert_text(node_detail(&p->n, "10.0.0.1"), "reset by peer");
	world_run(&p->w, 3 * DUR_MIN);
	assert_false(node_up(&p->n, "10.0.0.1"));
	router_done(&p->r);
	router_init(&second, &p->w, "10.0.0.1", 64500, 90);
	router_listen(&second);
	p->r = (struct router){0};
	/* However long it was away: one connect-retry at most. */
	world_run(&p->w, 5 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	router_done(&second);
	router_init(&p->r, &p->w, "10.0.0.9", 64500, 90);
	pair_free(p);
}

static void
test_notification_received(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);

	(void)state;
	link_send_notify(
	    router_up(&p->r), bgp_notify_cease(BGP_CEASE_SHUTDOWN, "maintenance\n\x1b[31m"));
	world_run(&p->w, 10 * DUR_MS);
	assert_false(node_up(&p->n, "10.0.0.1"));
	assert_text(node_detail(&p->n, "10.0.0.1"), "received Cease/Administrative Shutdown");
	assert_text(node_detail(&p->n, "10.0.0.1"), "maintenance?");
	assert_null(strchr(node_detail(&p->n, "10.0.0.1"), '\x1b'));
	assert_int_equal(router_last(&p->r)->notify.code, 0); /* and is not answered */
	world_run(&p->w, 2 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* Whatever is said at the end arrives, although the speaker has not read everything from us. */
static void
test_last_words(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *l = router_up(&p->r);

	(void)state;
	for (int i = 0; i < 2000; i++)
		link_send_keepalive(l);
	bgp_speaker.stop(p->n.speaker, "upgrade of the host");
	assert_false(bgp_speaker.idle(p->n.speaker));
	world_run(&p->w, 100 * DUR_MS);
	assert_true(bgp_speaker.idle(p->n.speaker));
	assert_true(l->closed);
	assert_int_equal(l->notify.code, BGP_ERR_CEASE);
	assert_int_equal(l->notify.subcode, BGP_CEASE_SHUTDOWN);
	struct str text = {0};
	bgp_notify_format(&l->notify, &text);
	assert_text(str_text(&text), "upgrade of the host");
	str_done(&text);
	world_run(&p->w, 10 * DUR_MIN);
	assert_int_equal(p->r.links, 1); /* stopped is stopped */
	pair_free(p);
}

/* A neighbor that is cut off does not hold up the end for more than a second. */
static void
test_stop_is_bounded(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);

	(void)state;
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	bgp_speaker.stop(p->n.speaker, "");
	world_run(&p->w, 900 * DUR_MS);
	assert_false(bgp_speaker.idle(p->n.speaker));
	world_run(&p->w, 200 * DUR_MS);
	assert_true(bgp_speaker.idle(p->n.speaker));
	pair_free(p);
}

static void
test_garbage(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *l = router_up(&p->r);
	static const char garbage[64] = "GET / HTTP/1.1\r\nHost: 10.0.0.2\r\n\r\n";

	(void)state;
	link_send(l, garbage, sizeof(garbage));
	world_run(&p->w, 10 * DUR_MS);
	assert_true(l->closed);
	assert_int_equal(l->notify.code, BGP_ERR_HEADER);
	assert_int_equal(l->notify.subcode, 1);
	assert_text(node_detail(&p->n, "10.0.0.1"), "sent Message Header Error");
	pair_free(p);
}

/* RFC 6608: a message that does not belong to the state. */
static void
test_unexpected_message(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *l = router_up(&p->r);

	(void)state;
	link_send_open(l);
	world_run(&p->w, 10 * DUR_MS);
	assert_int_equal(l->notify.code, BGP_ERR_FSM);
	assert_int_equal(l->notify.subcode, 3);
	assert_int_equal(
	    (int)node_metric(
		&p->n, "nigh_bgp_session_lost_total{neighbor=\"10.0.0.1\",why=\"fsm-error\"} "),
	    1);
	pair_free(p);
}

/* A router with another AS than configured: refused with 2/2, again and again, ever more slowly. */
static void
test_bad_as_and_back_off(void **state)
{
	struct pair *p = pair_new(NULL);
	size_t after_minute;

	(void)state;
	p->r.open.as = 64999;
	p->r.open.caps.as4_number = 64999;
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, DUR_MIN);
	assert_false(node_up(&p->n, "10.0.0.1"));
	assert_int_equal(p->r.link[0].notify.code, BGP_ERR_OPEN);
	assert_int_equal(p->r.link[0].notify.subcode, 2);
	assert_text(node_detail(&p->n, "10.0.0.1"), "Bad Peer AS");
	/* After about 1, 3, 7, 15, 31, 63 s. */
	after_minute = p->r.links;
	assert_in_range(after_minute, 5, 8);
	world_run(&p->w, 10 * DUR_MIN);
	assert_in_range(p->r.links - after_minute, 9, 14);
	/* Mended there: back within a minute. */
	p->r.open.as = 64500;
	p->r.open.caps.as4_number = 64500;
	world_run(&p->w, DUR_MIN);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* Nobody listens: the attempts stay within connect-retry, and one reason is recorded once. */
static void
test_refused_connections(void **state)
{
	struct pair *p = pair_new(NULL);
	double attempts;

	(void)state;
	router_unlisten(&p->r);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 10 * DUR_MIN);
	assert_text(node_detail(&p->n, "10.0.0.1"), "cannot connect: Connection refused");
	attempts = node_metric(
	    &p->n, "nigh_bgp_connections_total{neighbor=\"10.0.0.1\",what=\"attempted\"} ");
	assert_in_range((int)attempts, 120, 165);
	assert_non_null(history_from(&p->n.history, 1));
	assert_null(history_from(&p->n.history, 2));
	router_listen(&p->r);
	world_run(&p->w, 5 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* A path that swallows the SYN: the attempt is given up after connect-retry and begun again. */
static void
test_connect_times_out(void **state)
{
	struct pair *p = pair_new(NULL);
	double attempts;

	(void)state;
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, true);
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, DUR_MIN);
	assert_text(node_detail(&p->n, "10.0.0.1"), "timed out");
	attempts = node_metric(
	    &p->n, "nigh_bgp_connections_total{neighbor=\"10.0.0.1\",what=\"attempted\"} ");
	assert_in_range((int)attempts, 12, 17);
	net_cloud_cut(p->w.cloud, &p->r.addr, &p->n.identity.router_id, false);
	world_run(&p->w, 6 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	pair_free(p);
}

/* A router that accepts and closes at once must not be run down. */
static void
test_closed_at_once(void **state)
{
	struct pair *p = pair_new(NULL);
	unsigned links = 0;

	(void)state;
	p->r.silent = true;
	node_configure(&p->n, ACTIVE_YAML);
	for (int i = 0; i < 60 * 20; i++) {
		world_run(&p->w, 50 * DUR_MS);
		for (; links < p->r.links; links++)
			link_close(&p->r.link[links]);
	}
	assert_in_range(links, 8, 20);
	pair_free(p);
}

/* A silent router: the large hold time of OpenSent. */
static void
test_no_open(void **state)
{
	struct pair *p = pair_new(NULL);

	(void)state;
	p->r.silent = true;
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 239 * DUR_S);
	assert_string_equal(node_state(&p->n, "10.0.0.1"), "OpenSent");
	world_run(&p->w, 2 * DUR_S);
	assert_int_equal(p->r.link[0].notify.code, BGP_ERR_HOLD);
	pair_free(p);
}

/* RFC 5492 section 3: 2/4 means a speaker from before capabilities. */
static void
test_no_capabilities(void **state)
{
	struct pair *p = pair_new(NULL);

	(void)state;
	p->r.silent = true;
	node_configure(&p->n, ACTIVE_YAML);
	world_run(&p->w, 100 * DUR_MS);
	assert_true(p->r.link[0].peer.caps.mp);
	link_send_notify(&p->r.link[0], bgp_notify_make(BGP_ERR_OPEN, 4));
	p->r.silent = false;
	p->r.open.caps = (struct bgp_caps){0};
	world_run(&p->w, 2 * DUR_S);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_false(router_up(&p->r)->peer.caps.mp);
	assert_int_equal(router_up(&p->r)->end_of_rib, 1); /* IPv4 alone */
	pair_free(p);
}

/* A neighbor that reads nothing for eight minutes while routes wait (RFC 9687). */
static void
test_send_hold(void **state)
{
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *l = router_up(&p->r);
	char prefix[PREFIX_TEXT];

	(void)state;
	link_deaf(l);
	for (unsigned i = 0; i < 60000; i++) {
		struct prefix pfx = {.addr = addr_v4(0xc6000000 + i), .len = 32};
		node_announce(&p->n, prefix_format(&pfx, prefix, sizeof(prefix)), NULL);
	}
	world_run(&p->w, 7 * DUR_MIN);
	assert_true(node_up(&p->n, "10.0.0.1"));
	world_run(&p->w, 2 * DUR_MIN);
	assert_int_equal((int)node_metric(&p->n, "nigh_bgp_session_lost_total{neighbor=\"10.0.0."
						 "1\",why=\"send-hold-expired\"} "),
	    1);
	pair_free(p);
}

/* -- what is received -- */

static size_t
update_bytes(uint8_t *buf, const char *attributes, size_t attributes_len)
{
	struct wire_writer w;

	wire_writer_init(&w, buf, BGP_MSG_MAX);
	for (int i = 0; i < 16; i++)
		wire_put_u8(&w, 0xff);
	size_t len = 23 + attributes_len + 5;
	wire_put_u16(&w, (uint16_t)len);
	wire_put_u8(&w, BGP_UPDATE);
	wire_put_u16(&w, 0);
	wire_put_u16(&w, (uint16_t)attributes_len);
	wire_put_bytes(&w, attributes, attributes_len);
	wire_put_bytes(&w, "\x20\xc0\x00\x02\x01", 5); /* 192.0.2.1/32 */
	assert_true(wire_writer_ok(&w));
	return len;
}

static double
updates(struct node *n, const char *disposition)
{
	char start[128] = "nigh_bgp_updates_received_total{neighbor=\"10.0.0.1\",disposition=\"";

	strcat(start, disposition);
	strcat(start, "\"} ");
	return node_metric(n, start);
}

static void
test_updates_received(void **state)
{
	static const char good[] = "\x40\x01\x01\x00"
				   "\x40\x02\x06\x02\x01\x00\x00\xfb\xf4" /* AS 64500 */
				   "\x40\x03\x04\x0a\x00\x00\x01";
	static const char bad_origin[] = "\x40\x01\x01\x07"
					 "\x40\x02\x06\x02\x01\x00\x00\xfb\xf4"
					 "\x40\x03\x04\x0a\x00\x00\x01";
	struct pair *p = pair_up(ACTIVE_YAML);
	struct link *l = router_up(&p->r);
	uint8_t buf[BGP_MSG_MAX];

	(void)state;
	link_send(l, buf, update_bytes(buf, good, sizeof(good) - 1));
	link_send(l, buf, update_bytes(buf, bad_origin, sizeof(bad_origin) - 1));
	world_run(&p->w, 100 * DUR_MS);
	assert_true(node_up(&p->n, "10.0.0.1"));
	assert_int_equal((int)updates(&p->n, bgp_disposition_str(BGP_ACCEPT)), 1);
	assert_int_equal((int)updates(&p->n, bgp_disposition_str(BGP_TREAT_AS_WITHDRAW)), 1);
	assert_int_equal((int)node_metric(&p->n, "nigh_bgp_prefixes_received_total{neighbor=\"10.0."
						 "0.1\",what=\"announced\"} "),
	    1);
	/* Attributes longer than the message: nothing can be found in it (RFC 7606 section 3). */
	size_t len = update_bytes(buf, good, sizeof(good) - 1);
	buf[21] = 0x0f;
	link_send(l, buf, len);
	world_run(&p->w, 100 * DUR_MS);
	assert_int_equal(l->notify.code, BGP_ERR_UPDATE);
	assert_int_equal(l->notify.subcode, 1);
	assert_int_equal((int)updates(&p->n, bgp_disposition_str(BGP_SESSION_RESET)), 1);
	pair_free(p);
}

/* -- disorder -- */

/* Two speakers through cuts, deaths and collisions: whatever happens, once it is quiet both are up
 * over one connection, and each has what the other one wants. */
static void
disorder(uint64_t seed)
{
	struct world w;
	struct node n[2];
	static const char *const addr[] = {"10.0.0.1", "10.0.0.2"};
	static const char *const yaml[] = {
	    "{as: 64500, hold-time: 9s, neighbors: {10.0.0.2: {as: 64501}}}",
	    "{as: 64501, hold-time: 9s, neighbors: {10.0.0.1: {as: 64500}}}"};

	world_init(&w, seed);
	for (int i = 0; i < 2; i++) {
		node_init(&n[i], &w, addr[i]);
		node_configure(&n[i], yaml[i]);
		node_announce(&n[i], i == 0 ? "192.0.2.1/32" : "192.0.2.2/32", NULL);
	}
	struct addr a = n[0].identity.router_id, b = n[1].identity.router_id;
	for (int step = 0; step < 60; step++) {
		int who = (int)rng_below(&w.rng, 2);
		switch (rng_below(&w.rng, 6)) {
		case 0: net_cloud_cut(w.cloud, &a, &b, true); break;
		case 1:
			node_kill(&n[who]);
			node_done(&n[who]);
			node_init(&n[who], &w, addr[who]);
			node_configure(&n[who], yaml[who]);
			node_announce(&n[who], who == 0 ? "192.0.2.1/32" : "192.0.2.2/32", NULL);
			break;
		case 2: net_cloud_set_latency(w.cloud, rng_between(&w.rng, 1, 200 * DUR_MS)); break;
		default: net_cloud_cut(w.cloud, &a, &b, false); break;
		}
		world_run(&w, rng_between(&w.rng, DUR_MS, 20 * DUR_S));
		assert_int_equal(strcmp(node_state(&n[0], addr[1]), "Established") == 0,
		    node_up(&n[0], addr[1]));
	}
	net_cloud_cut(w.cloud, &a, &b, false);
	net_cloud_set_latency(w.cloud, DUR_MS);
	world_run(&w, 80 * DUR_S);
	for (int i = 0; i < 2; i++) {
		if (!node_up(&n[i], addr[1 - i]))
			fail_msg("seed %d: %s is %s: %s", (int)seed, addr[i],
			    node_state(&n[i], addr[1 - i]), node_detail(&n[i], addr[1 - i]));
		assert_int_equal(node_announced(&n[i], addr[1 - i]), 1);
	}
	for (int i = 0; i < 2; i++)
		node_done(&n[i]);
	world_done(&w);
}

static void
test_disorder(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 100; seed++)
		disorder(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_up),
	    cmocka_unit_test(test_passive),
	    cmocka_unit_test(test_stranger),
	    cmocka_unit_test(test_collision_router_wins),
	    cmocka_unit_test(test_collision_speaker_wins),
	    cmocka_unit_test(test_collision_equal_ids),
	    cmocka_unit_test(test_collision_loser_goes_first),
	    cmocka_unit_test(test_second_connection),
	    cmocka_unit_test(test_hold_expires),
	    cmocka_unit_test(test_keepalives),
	    cmocka_unit_test(test_kill_and_back),
	    cmocka_unit_test(test_notification_received),
	    cmocka_unit_test(test_last_words),
	    cmocka_unit_test(test_stop_is_bounded),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_unexpected_message),
	    cmocka_unit_test(test_bad_as_and_back_off),
	    cmocka_unit_test(test_refused_connections),
	    cmocka_unit_test(test_connect_times_out),
	    cmocka_unit_test(test_closed_at_once),
	    cmocka_unit_test(test_no_open),
	    cmocka_unit_test(test_no_capabilities),
	    cmocka_unit_test(test_send_hold),
	    cmocka_unit_test(test_updates_received),
	    cmocka_unit_test(test_disorder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
