/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BFD control packet: RFC 5880 section 4.
 *
 * Reading never fails. The bounded reader gives zeros behind the end, and a packet that is cut
 * short is then refused by the very rules that refuse one with wrong fields: there is one list of
 * reasons for throwing a packet away (bfd_receive.c), and this is not it. The authentication
 * section begins the same in all types, with type, length and key ID; those with a digest go on
 * with a reserved byte and the sequence number. The password or digest itself is left to
 * bfd_auth.c.
 *
 * Nothing here owns memory.
 */
#include "proto/bfd/bfd_msg.h"

#include "base/mem.h"
#include "base/wire.h"

static const char *const state_names[BFD_STATE_COUNT] = {
    [BFD_ADMIN_DOWN] = "AdminDown",
    [BFD_DOWN] = "Down",
    [BFD_INIT] = "Init",
    [BFD_UP] = "Up",
};

static const char *const diag_names[BFD_DIAG_COUNT] = {
    [BFD_DIAG_NONE] = "none",
    [BFD_DIAG_EXPIRED] = "detection time expired",
    [BFD_DIAG_ECHO_FAILED] = "echo failed",
    [BFD_DIAG_NEIGHBOR_DOWN] = "neighbor signaled down",
    [BFD_DIAG_FORWARDING_RESET] = "forwarding plane reset",
    [BFD_DIAG_PATH_DOWN] = "path down",
    [BFD_DIAG_CONCATENATED_DOWN] = "concatenated path down",
    [BFD_DIAG_ADMIN_DOWN] = "administratively down",
    [BFD_DIAG_REVERSE_CONCATENATED_DOWN] = "reverse concatenated path down",
};

static const char *const auth_names[BFD_AUTH_COUNT] = {
    [BFD_AUTH_NONE] = "none",
    [BFD_AUTH_SIMPLE] = "simple",
    [BFD_AUTH_MD5] = "keyed-md5",
    [BFD_AUTH_METICULOUS_MD5] = "meticulous-keyed-md5",
    [BFD_AUTH_SHA1] = "keyed-sha1",
    [BFD_AUTH_METICULOUS_SHA1] = "meticulous-keyed-sha1",
};

static const struct {
	uint8_t flag;
	char letter;
} flag_letters[] = {
    {BFD_POLL, 'P'},
    {BFD_FINAL, 'F'},
    {BFD_INDEPENDENT, 'C'},
    {BFD_AUTHENTICATED, 'A'},
    {BFD_DEMAND, 'D'},
    {BFD_MULTIPOINT, 'M'},
};

const char *
bfd_state_str(enum bfd_state s)
{
	return state_names[s];
}

const char *
bfd_diag_str(unsigned diag)
{
	return diag < BFD_DIAG_COUNT ? diag_names[diag] : "reserved";
}

const char *
bfd_auth_str(unsigned type)
{
	return type < BFD_AUTH_COUNT ? auth_names[type] : "unknown";
}

/* What stands behind the mandatory section, within the packet's own Length. */
static void
read_auth(struct wire_reader *r, struct bfd_msg *out)
{
	out->auth_type = wire_u8(r);
	out->auth_len = wire_u8(r);
	if (wire_left(r) > 0)
		out->auth_key_id = wire_u8(r);
	if (out->auth_type < BFD_AUTH_MD5 || wire_left(r) < 5)
		return;
	wire_skip(r, 1);
	out->auth_seq = wire_u32(r);
}

void
bfd_msg_read(const uint8_t *data, size_t len, struct bfd_msg *out)
{
	struct wire_reader r;
	uint8_t byte;

	*out = (struct bfd_msg){0};
	wire_reader_init(&r, data, len);
	byte = wire_u8(&r);
	out->version = byte >> 5;
	out->diag = byte & 0x1f;
	byte = wire_u8(&r);
	out->state = byte >> 6;
	out->flags = byte & 0x3f;
	out->detect_mult = wire_u8(&r);
	out->length = wire_u8(&r);
	out->my_discr = wire_u32(&r);
	out->your_discr = wire_u32(&r);
	out->desired_min_tx_us = wire_u32(&r);
	out->required_min_rx_us = wire_u32(&r);
	out->required_min_echo_rx_us = wire_u32(&r);
	if ((out->flags & BFD_AUTHENTICATED) == 0 || out->length < BFD_LEN_AUTH)
		return;
	r = wire_sub(&r, out->length - BFD_LEN);
	if (wire_ok(&r))
		read_auth(&r, out);
}

void
bfd_msg_write(const struct bfd_msg *m, uint8_t buf[static BFD_LEN])
{
	struct wire_writer w;

	wire_writer_init(&w, buf, BFD_LEN);
	wire_put_u8(&w, (uint8_t)(m->version << 5 | (m->diag & 0x1f)));
	wire_put_u8(&w, (uint8_t)(m->state << 6 | (m->flags & 0x3f & ~BFD_AUTHENTICATED)));
	wire_put_u8(&w, m->detect_mult);
	wire_put_u8(&w, BFD_LEN);
	wire_put_u32(&w, m->my_discr);
	wire_put_u32(&w, m->your_discr);
	wire_put_u32(&w, m->desired_min_tx_us);
	wire_put_u32(&w, m->required_min_rx_us);
	wire_put_u32(&w, m->required_min_echo_rx_us);
}

void
bfd_msg_format(const struct bfd_msg *m, struct str *out)
{
	char flags[ARRAY_LEN(flag_letters) + 1] = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(flag_letters); i++) {
		if ((m->flags & flag_letters[i].flag) != 0)
			flags[n++] = flag_letters[i].letter;
	}
	str_printf(out, "%s diag=%u flags=%s mult=%u my=%08x your=%08x tx=%u rx=%u echo=%u",
	    bfd_state_str(m->state), m->diag, n > 0 ? flags : "-", m->detect_mult, m->my_discr,
	    m->your_discr, m->desired_min_tx_us, m->required_min_rx_us, m->required_min_echo_rx_us);
	if (m->auth_type != BFD_AUTH_NONE)
		str_printf(out, " auth=%s key=%u seq=%u", bfd_auth_str(m->auth_type),
		    m->auth_key_id, m->auth_seq);
}
