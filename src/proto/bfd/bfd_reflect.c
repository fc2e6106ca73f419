/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S-BFD reflector: RFC 7880 section 7.2, over UDP by RFC 7881.
 *
 * A packet must stand the rules of every BFD packet's header, name our discriminator, and have the
 * D bit, which initiators set and reflectors clear: without that check two reflectors could be made
 * to answer each other for ever (RFC 7880 appendix A). The answer carries the discriminators the
 * other way round, the far side's own multiplier and interval, our state, and a Final for a Poll.
 *
 * Authentication is not offered here: a packet with the A bit is refused. The function is pure; how
 * many answers a second are affordable is its caller's business.
 */
#include "proto/bfd/bfd_reflect.h"

static enum bfd_drop
judge(const struct bfd_reflector *r, const struct bfd_packet *p, const struct bfd_msg *m)
{
	enum bfd_drop drop = bfd_receive_header(p, m);

	if (drop != BFD_ACCEPTED)
		return drop;
	if (m->your_discr != r->discr)
		return BFD_DROP_YOUR_DISCR;
	if ((m->flags & BFD_AUTHENTICATED) != 0)
		return BFD_DROP_AUTH_UNEXPECTED;
	if ((m->flags & BFD_DEMAND) == 0)
		return BFD_DROP_DEMAND;
	return BFD_ACCEPTED;
}

enum bfd_drop
bfd_reflect(
    const struct bfd_reflector *r, const struct bfd_packet *p, uint8_t reply[static BFD_LEN])
{
	struct bfd_msg m, answer;
	enum bfd_drop drop;

	bfd_msg_read(p->data, p->len, &m);
	drop = judge(r, p, &m);
	if (drop != BFD_ACCEPTED)
		return drop;
	answer = (struct bfd_msg){
	    .version = BFD_VERSION,
	    .diag = r->state == BFD_ADMIN_DOWN ? BFD_DIAG_ADMIN_DOWN : BFD_DIAG_NONE,
	    .state = r->state,
	    .flags = (m.flags & BFD_POLL) != 0 ? BFD_FINAL : 0,
	    .detect_mult = m.detect_mult,
	    .my_discr = m.your_discr,
	    .your_discr = m.my_discr,
	    .desired_min_tx_us = m.desired_min_tx_us,
	    .required_min_rx_us = r->required_min_rx_us,
	};
	bfd_msg_write(&answer, reply);
	return BFD_ACCEPTED;
}
