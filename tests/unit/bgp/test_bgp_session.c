/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions of the BGP speaker against scripted routers on a virtual network: how they come up, what
 * ends them, what is said at the end, and what is made of what comes in.
 */
#include "bgp_world.h"

#include "base/mem.h"
#include "proto/bgp/bgp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ACTIVE_YAML "{as: 64501, neighbors: {10.0.0.1: {as: 64500}}}"

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
	struct pair *p = pair_up("{as: 64501, hold-time: 3s, neighbors: {10.0.0.1: {as: 64500}}}");
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
updates(struct node *n, enum bgp_disposition d)
{
	struct str start = {0};
	double value;

	str_printf(&start,
	    "nigh_bgp_updates_received_total{neighbor=\"10.0.0.1\",disposition=\"%s\"} ",
	    bgp_disposition_str(d));
	value = node_metric(n, start.text);
	str_done(&start);
	return value;
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
	assert_int_equal((int)updates(&p->n, BGP_ACCEPT), 1);
	assert_int_equal((int)updates(&p->n, BGP_TREAT_AS_WITHDRAW), 1);
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
	assert_int_equal((int)updates(&p->n, BGP_SESSION_RESET), 1);
	pair_free(p);
}

/* -- a process that was stalled -- */

/* A network whose bytes can be read before anybody has told of them, as after a long stall. */
struct stalled {
	struct net net;
	struct net_stream *stream;
	uint8_t bytes[512];
	size_t len;
};

static ssize_t
stalled_read(struct net_stream *s, void *buf, size_t len)
{
	struct stalled *f = s->impl;
	size_t n = f->len;

	assert_true(n <= len);
	if (n == 0)
		return -EAGAIN;
	memcpy(buf, f->bytes, n);
	f->len = 0;
	return (ssize_t)n;
}

static ssize_t
stalled_write(struct net_stream *s, const void *buf, size_t len)
{
	(void)s;
	(void)buf;
	return (ssize_t)len;
}

static void
stalled_want(struct net_stream *s, bool on)
{
	(void)s;
	(void)on;
}

static size_t
stalled_unsent(const struct net_stream *s)
{
	(void)s;
	return 0;
}

static void
stalled_moved(struct net_stream *s)
{
	((struct stalled *)s->impl)->stream = s;
}

static void
stalled_close(struct net_stream *s)
{
	((struct stalled *)s->impl)->stream = NULL;
	s->ops = NULL;
}

static const struct net_stream_ops stalled_stream_ops = {
    .read = stalled_read,
    .write = stalled_write,
    .want_write = stalled_want,
    .want_read = stalled_want,
    .unsent = stalled_unsent,
    .moved = stalled_moved,
    .close = stalled_close,
};

static int
stalled_connect(
    struct net *n, struct net_stream *s, const struct endpoint *remote, const struct net_opts *opts)
{
	struct stalled *f = container_of(n, struct stalled, net);

	(void)opts;
	if (f->stream != NULL)
		return -EBUSY;
	f->stream = s;
	s->ops = &stalled_stream_ops;
	s->impl = f;
	s->remote = *remote;
	s->local = (struct endpoint){.addr = addr_v4(0x0a000002), .port = 12345};
	return 0;
}

static const struct net_ops stalled_ops = {.connect = stalled_connect};

/* Bytes that came while the process stood still count as life: the hold timer looks first. */
static void
test_stalled_process(void **state)
{
	struct bgp_open open = {.version = BGP_VERSION, .as = 64500, .hold_s = 90, .router_id = 1};
	struct stalled f = {.net = {.ops = &stalled_ops}};
	struct world w;
	struct node n;

	(void)state;
	world_init(&w, 1);
	node_init(&n, &w, "10.0.0.2");
	bgp_speaker.free(n.speaker);
	struct speaker_env env = {
	    .loop = w.loop, .net = &f.net, .intent = n.intent, .rng = &w.rng, .audience = 1};
	n.speaker = bgp_speaker.new(&env);
	node_configure(&n, "{as: 64501, listen: false, hold-time: 9s, neighbors: {10.0.0.1: {as: "
			   "64500}}}");
	f.stream->fn(f.stream, NET_OPEN);
	f.len = bgp_open_encode(&open, f.bytes, sizeof(f.bytes));
	f.len += bgp_keepalive_encode(f.bytes + f.len, sizeof(f.bytes) - f.len);
	f.stream->fn(f.stream, NET_READABLE);
	assert_true(node_up(&n, "10.0.0.1"));
	for (int i = 0; i < 5; i++) {
		f.len = bgp_keepalive_encode(f.bytes, sizeof(f.bytes));
		world_run(&w, 9 * DUR_S);
		assert_true(node_up(&n, "10.0.0.1"));
		assert_int_equal(f.len, 0);
	}
	world_run(&w, 20 * DUR_S);
	assert_false(node_up(&n, "10.0.0.1"));
	assert_int_equal(
	    (int)node_metric(
		&n, "nigh_bgp_session_lost_total{neighbor=\"10.0.0.1\",why=\"hold-expired\"} "),
	    1);
	node_done(&n);
	world_done(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_up),
	    cmocka_unit_test(test_hold_expires),
	    cmocka_unit_test(test_keepalives),
	    cmocka_unit_test(test_kill_and_back),
	    cmocka_unit_test(test_notification_received),
	    cmocka_unit_test(test_last_words),
	    cmocka_unit_test(test_stop_is_bounded),
	    cmocka_unit_test(test_garbage),
	    cmocka_unit_test(test_unexpected_message),
	    cmocka_unit_test(test_no_open),
	    cmocka_unit_test(test_no_capabilities),
	    cmocka_unit_test(test_send_hold),
	    cmocka_unit_test(test_stalled_process),
	    cmocka_unit_test(test_updates_received),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
