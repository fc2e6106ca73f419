/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of packets, silences and operator's acts, at one session.
 *
 * The input is a list of records: an operation, a length, that many bytes. Packets are given as
 * they are, or with our discriminator put in, or signed with our key as well, so that the fuzzer
 * spends its time behind the rules too. After each record the session must keep its promises; and
 * every packet goes to an S-BFD reflector, whose answers must be sound.
 */
#include "base/mem.h"
#include "proto/bfd/bfd_reflect.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OURS 0x11223344

struct world {
	struct bfd_table table;
	struct bfd_session session;
	mono_t now;
};

static struct bfd_session *
by_discr(struct bfd_table *t, uint32_t discr)
{
	return discr == OURS ? &container_of(t, struct world, table)->session : NULL;
}

static struct bfd_session *
by_path(struct bfd_table *t)
{
	return &container_of(t, struct world, table)->session;
}

static void
check(const struct world *w, const struct bfd_outcome *out)
{
	const struct bfd_session *s = &w->session;
	struct bfd_msg m;
	struct bfd_packet p = {.data = out->send, .len = out->send_len};

	assert(s->state < BFD_STATE_COUNT && s->local_discr == OURS);
	assert(s->remote_discr != 0 || !s->poll);
	assert(s->remote_discr != 0 || s->state <= BFD_DOWN);
	assert(s->desired_min_tx_us >= 1000000 || s->state == BFD_UP);
	if (out->send_len == 0)
		return;
	bfd_msg_read(out->send, out->send_len, &m);
	assert(bfd_receive_header(&p, &m) == BFD_ACCEPTED);
	assert(m.length == out->send_len && m.state == s->state);
	assert((m.flags & (BFD_POLL | BFD_FINAL)) != (BFD_POLL | BFD_FINAL));
}

static void
reflect(const struct bfd_packet *p)
{
	const struct bfd_reflector r = {OURS, BFD_UP, 1000};
	uint8_t reply[BFD_LEN];
	struct bfd_packet again = {.data = reply, .len = sizeof(reply)};
	struct bfd_msg m;

	if (bfd_reflect(&r, p, reply) != BFD_ACCEPTED)
		return;
	bfd_msg_read(reply, sizeof(reply), &m);
	assert(bfd_receive_header(&again, &m) == BFD_ACCEPTED);
	assert(bfd_reflect(&r, &again, reply) != BFD_ACCEPTED);
}

/* `mend`: 0 as it is, 1 with our discriminator, 2 signed as well. */
static void
receive(struct world *w, const uint8_t *bytes, size_t len, int mend)
{
	struct bfd_packet p = {.data = bytes, .len = len};
	uint8_t packet[BFD_PACKET_MAX];
	struct bfd_session *session;
	struct bfd_outcome out;
	struct bfd_msg m;

	if (mend > 0 && len >= BFD_LEN) {
		bfd_msg_read(bytes, len, &m);
		m.version = BFD_VERSION;
		m.flags &= (uint8_t)~BFD_MULTIPOINT;
		m.your_discr = OURS;
		bfd_msg_write(&m, packet);
		p.data = packet;
		p.len = BFD_LEN;
		if (mend > 1 && w->session.config.auth != NULL)
			p.len = bfd_auth_sign(w->session.config.auth, m.my_discr, packet);
	}
	bfd_receive(&w->table, &p, w->now, &session, &out);
	check(w, &out);
	reflect(&p);
}

static void
act(struct world *w, uint8_t operation, const uint8_t *bytes, size_t len)
{
	struct bfd_config c = w->session.config;
	struct bfd_outcome out;

	switch (operation % 8) {
	case 0:
	case 1:
	case 2: receive(w, bytes, len, operation % 8); return;
	case 3: w->now = mono_add(w->now, (dur_t)len * 100 * DUR_MS); break;
	case 4:
		w->now = mono_min(bfd_session_deadline(&w->session), mono_add(w->now, DUR_DAY));
		break;
	case 5: bfd_session_disable(&w->session, w->now, &out); goto done;
	case 6: bfd_session_enable(&w->session, w->now, &out); goto done;
	default:
		c.detect_mult = (uint8_t)(len + 1 > 255 ? 255 : len + 1);
		c.desired_min_tx_us = (uint32_t)(len > 0 ? bytes[0] + 1 : 1) * 10000;
		c.required_min_rx_us = (uint32_t)(len > 1 ? bytes[1] + 1 : 1) * 10000;
		bfd_session_configure(&w->session, &c, w->now, &out);
		goto done;
	}
	bfd_session_expire(&w->session, w->now, &out);
	assert(mono_before(w->now, bfd_session_deadline(&w->session)));
done:
	check(w, &out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct bfd_auth auth = {BFD_AUTH_METICULOUS_SHA1, 1, {{1, 3, "key"}}};
	struct bfd_config c = {
	    .desired_min_tx_us = 50000, .required_min_rx_us = 50000, .detect_mult = 3};
	struct world w = {.table = {.by_discr = by_discr, .by_path = by_path}};

	if (size < 1)
		return 0;
	c.auth = (data[0] & 1) != 0 ? &auth : NULL;
	c.role = (data[0] & 2) != 0 ? BFD_PASSIVE : BFD_ACTIVE;
	bfd_session_init(&w.session, &c, OURS, 1, w.now);
	for (size_t at = 1; at + 2 <= size;) {
		size_t len = data[at + 1];

		if (len > size - at - 2)
			len = size - at - 2;
		act(&w, data[at], data + at + 2, len);
		at += 2 + len;
	}
	return 0;
}
