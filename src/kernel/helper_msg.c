/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages between engine and helper, as bytes.
 *
 * A datagram is a 16-bit kind followed by the fields of that kind, big-endian, each of a fixed
 * size. Two tables say everything: the kinds (name, sender, fields) and the field types (size, how
 * to write, how to read and what is in range). Encoding and decoding both walk the kind's list of
 * fields, so they cannot disagree.
 *
 * Decoding treats the bytes as foreign: the engine reads the network and may have been taken over,
 * and then the helper is what stands between it and the host. A text must end inside its field and
 * be followed by zeros only, a prefix has no bits beyond its length, a truth value is 0 or 1. What
 * is not exactly so is refused as a whole; the receiver ends the conversation.
 */
#include "kernel/helper_msg.h"

#include "base/mem.h"
#include "base/str.h"
#include "base/wire.h"

#include <assert.h>
#include <string.h>

#define ERRNO_LIMIT 4095

enum field_type {
	FIELD_END,
	FIELD_U8,
	FIELD_U32,
	FIELD_ID, /* u32, not 0 */
	FIELD_U64,
	FIELD_BOOL,
	FIELD_ERROR, /* int: 0 or a negative errno */
	FIELD_INT,
	FIELD_EXEC_END,
	FIELD_PREFIX,
	FIELD_ENDPOINT,
	FIELD_IFNAME,
	FIELD_DEVICE, /* an interface's name or "" */
	FIELD_EXEC_NAME,
	FIELD_OUTPUT,
	FIELD_VERSION,
	FIELD_SOCKET_KIND,
	FIELD_WHAT, /* a service port */
	FIELD_VERDICT,
	FIELD_SUSPICION,
};

struct field {
	enum field_type type;
	size_t offset;
};

#define FIELDS_MAX 8
#define AT(member) offsetof(struct helper_msg, member)

struct kind_row {
	const char *name;
	enum helper_from from;
	struct field fields[FIELDS_MAX];
};

static const struct kind_row kind_rows[HELPER_KIND_END] = {
    [HELPER_READY] = {"ready", HELPER_FROM_ENGINE, {{FIELD_VERSION, AT(ready.version)}}},
    [HELPER_HEARTBEAT] = {"heartbeat", HELPER_FROM_ENGINE, {{FIELD_U64, AT(heartbeat.seq)}}},
    [HELPER_ADDRESS_SET] = {"address-set", HELPER_FROM_ENGINE,
	{{FIELD_PREFIX, AT(address_set.prefix)}, {FIELD_IFNAME, AT(address_set.ifname)},
	    {FIELD_BOOL, AT(address_set.present)}}},
    [HELPER_LISTEN] = {"listen", HELPER_FROM_ENGINE,
	{{FIELD_U32, AT(listen.ticket)}, {FIELD_ENDPOINT, AT(listen.local)},
	    {FIELD_DEVICE, AT(listen.device)}, {FIELD_U8, AT(listen.ttl)},
	    {FIELD_U8, AT(listen.min_ttl)}, {FIELD_U8, AT(listen.tos)}}},
    [HELPER_EXEC_START] = {"exec-start", HELPER_FROM_ENGINE,
	{{FIELD_ID, AT(exec_start.id)}, {FIELD_EXEC_NAME, AT(exec_start.name)}}},
    [HELPER_EXEC_KILL] = {"exec-kill", HELPER_FROM_ENGINE, {{FIELD_ID, AT(exec_kill.id)}}},
    [HELPER_CONFIG_READ] = {"config-read", HELPER_FROM_ENGINE, {{FIELD_ID, AT(config.serial)}}},
    [HELPER_CONFIG_COMMIT] = {"config-commit", HELPER_FROM_ENGINE, {{FIELD_ID, AT(config.serial)}}},
    [HELPER_STOPPING] = {"stopping", HELPER_FROM_ENGINE, {{FIELD_END, 0}}},
    [HELPER_SOCKET_OPEN] = {"socket-open", HELPER_FROM_ENGINE,
	{{FIELD_ID, AT(socket_open.id)}, {FIELD_SOCKET_KIND, AT(socket_open.kind)}}},
    [HELPER_HEARTBEAT_ACK] = {"heartbeat-ack", HELPER_FROM_HELPER,
	{{FIELD_U64, AT(heartbeat.seq)}}},
    [HELPER_ADDRESS_STATE] = {"address-state", HELPER_FROM_HELPER,
	{{FIELD_PREFIX, AT(address_state.prefix)}, {FIELD_BOOL, AT(address_state.present)},
	    {FIELD_ERROR, AT(address_state.error)}}},
    [HELPER_LINK_STATE] = {"link-state", HELPER_FROM_HELPER,
	{{FIELD_IFNAME, AT(link_state.ifname)}, {FIELD_BOOL, AT(link_state.up)}}},
    [HELPER_LISTEN_RESULT] = {"listen-result", HELPER_FROM_HELPER,
	{{FIELD_U32, AT(listen_result.ticket)}, {FIELD_ERROR, AT(listen_result.error)}}},
    [HELPER_EXEC_RESULT] = {"exec-result", HELPER_FROM_HELPER,
	{{FIELD_ID, AT(exec_result.id)}, {FIELD_EXEC_END, AT(exec_result.result.end)},
	    {FIELD_INT, AT(exec_result.result.code)},
	    {FIELD_OUTPUT, AT(exec_result.result.output)}}},
    [HELPER_CONFIG_DATA] = {"config-data", HELPER_FROM_HELPER,
	{{FIELD_ID, AT(config_data.serial)}, {FIELD_ERROR, AT(config_data.error)}}},
    [HELPER_STOP] = {"stop", HELPER_FROM_HELPER, {{FIELD_END, 0}}},
    [HELPER_RELOAD] = {"reload", HELPER_FROM_HELPER, {{FIELD_END, 0}}},
    [HELPER_SOCKET_RESULT] = {"socket-result", HELPER_FROM_HELPER,
	{{FIELD_ID, AT(socket_result.id)}, {FIELD_ERROR, AT(socket_result.error)}}},
    [HELPER_SERVED_STATE] = {"served-state", HELPER_FROM_HELPER,
	{{FIELD_WHAT, AT(served_state.what)}, {FIELD_VERDICT, AT(served_state.verdict)}}},
    [HELPER_SUSPECT] = {"suspect", HELPER_FROM_HELPER,
	{{FIELD_WHAT, AT(suspect.what)}, {FIELD_SUSPICION, AT(suspect.why)}}},
};

/* -- field types: `at` points at the member; the memory is the caller's struct helper_msg -- */

static void
put_u8(struct wire_writer *w, const void *at)
{
	wire_put_u8(w, *(const uint8_t *)at);
}

static void
get_u8(struct wire_reader *r, void *at)
{
	*(uint8_t *)at = wire_u8(r);
}

static void
put_u32(struct wire_writer *w, const void *at)
{
	wire_put_u32(w, *(const uint32_t *)at);
}

static void
get_u32(struct wire_reader *r, void *at)
{
	*(uint32_t *)at = wire_u32(r);
}

static void
get_id(struct wire_reader *r, void *at)
{
	uint32_t id = wire_u32(r);

	if (id == 0)
		wire_fail(r);
	*(uint32_t *)at = id;
}

static void
get_version(struct wire_reader *r, void *at)
{
	uint32_t version = wire_u32(r);

	if (version != HELPER_VERSION)
		wire_fail(r);
	*(uint32_t *)at = version;
}

static void
put_u64(struct wire_writer *w, const void *at)
{
	wire_put_u64(w, *(const uint64_t *)at);
}

static void
get_u64(struct wire_reader *r, void *at)
{
	*(uint64_t *)at = wire_u64(r);
}

static void
put_bool(struct wire_writer *w, const void *at)
{
	wire_put_u8(w, *(const bool *)at ? 1 : 0);
}

static void
get_bool(struct wire_reader *r, void *at)
{
	uint8_t v = wire_u8(r);

	if (v > 1)
		wire_fail(r);
	*(bool *)at = v == 1;
}

static void
put_int(struct wire_writer *w, const void *at)
{
	wire_put_u32(w, (uint32_t) * (const int *)at);
}

static void
get_int(struct wire_reader *r, void *at)
{
	*(int *)at = (int32_t)wire_u32(r);
}

static void
get_error(struct wire_reader *r, void *at)
{
	int32_t error = (int32_t)wire_u32(r);

	if (error > 0 || error < -ERRNO_LIMIT)
		wire_fail(r);
	*(int *)at = error;
}

static void
put_exec_end(struct wire_writer *w, const void *at)
{
	wire_put_u8(w, (uint8_t) * (const enum kernel_exec_end *)at);
}

static void
get_exec_end(struct wire_reader *r, void *at)
{
	uint8_t end = wire_u8(r);

	if (end > KERNEL_EXEC_FAILED)
		wire_fail(r);
	*(enum kernel_exec_end *)at = (enum kernel_exec_end)end;
}

static void
put_socket_kind(struct wire_writer *w, const void *at)
{
	wire_put_u8(w, (uint8_t) * (const enum kernel_socket_kind *)at);
}

static void
get_socket_kind(struct wire_reader *r, void *at)
{
	uint8_t kind = wire_u8(r);

	if (kind >= KERNEL_SOCKET_COUNT)
		wire_fail(r);
	*(enum kernel_socket_kind *)at = (enum kernel_socket_kind)kind;
}

/* An address: family, then 16 bytes of which an IPv4 address uses the first four. */
static void
put_address(struct wire_writer *w, const struct addr *a)
{
	wire_put_u8(w, a->family);
	wire_put_bytes(w, a->bytes, sizeof(a->bytes));
}

static void
get_address(struct wire_reader *r, struct addr *a)
{
	static const uint8_t zeros[sizeof(a->bytes)];
	uint8_t family = wire_u8(r);
	const uint8_t *bytes = wire_bytes(r, sizeof(a->bytes));

	memset(a, 0, sizeof(*a));
	if (bytes == NULL || (family != ADDR_V4 && family != ADDR_V6)) {
		wire_fail(r);
		return;
	}
	*a = addr_from_bytes((enum addr_family)family, bytes);
	if (memcmp(bytes + addr_len(a), zeros, sizeof(zeros) - addr_len(a)) != 0)
		wire_fail(r);
}

static void
put_prefix(struct wire_writer *w, const void *at)
{
	const struct prefix *p = at;

	put_address(w, &p->addr);
	wire_put_u8(w, p->len);
}

/* Is a bit set behind the prefix's length? */
static bool
prefix_has_host_bits(const struct prefix *p)
{
	for (unsigned bit = p->len; bit < addr_bits(&p->addr); bit++)
		if (p->addr.bytes[bit / 8] & (0x80u >> (bit % 8)))
			return true;
	return false;
}

static void
get_prefix(struct wire_reader *r, void *at)
{
	struct prefix *p = at;

	get_address(r, &p->addr);
	p->len = wire_u8(r);
	if (p->len > addr_bits(&p->addr) || prefix_has_host_bits(p))
		wire_fail(r);
}

static void
put_endpoint(struct wire_writer *w, const void *at)
{
	const struct endpoint *e = at;

	put_address(w, &e->addr);
	wire_put_u16(w, e->port);
	wire_put_u32(w, e->scope);
}

static void
get_endpoint(struct wire_reader *r, void *at)
{
	struct endpoint *e = at;

	get_address(r, &e->addr);
	e->port = wire_u16(r);
	e->scope = wire_u32(r);
	if (e->port == 0 || (e->scope != 0 && !addr_is_linklocal(&e->addr)))
		wire_fail(r);
}

static void
put_what(struct wire_writer *w, const void *at)
{
	const struct kernel_listen *what = at;

	put_address(w, &what->addr);
	wire_put_u16(w, what->port);
	wire_put_u8(w, (uint8_t)what->proto);
}

static void
get_what(struct wire_reader *r, void *at)
{
	struct kernel_listen *what = at;
	uint8_t proto;

	get_address(r, &what->addr);
	what->port = wire_u16(r);
	proto = wire_u8(r);
	if (what->port == 0 || proto > KERNEL_TCP)
		wire_fail(r);
	what->proto = (enum kernel_proto)proto;
}

/* On the wire: the row. */
static const struct helper_verdict verdicts[] = {
    {KERNEL_SERVED, WHY_OK},
    {KERNEL_DESERTED, WHY_SOCKET},
    {KERNEL_DESERTED, WHY_EXIT},
};

static void
put_verdict(struct wire_writer *w, const void *at)
{
	const struct helper_verdict *v = at;
	size_t i = 0;

	while (i < ARRAY_LEN(verdicts) &&
	       (verdicts[i].served != v->served || verdicts[i].why != v->why))
		i++;
	assert(i < ARRAY_LEN(verdicts));
	wire_put_u8(w, (uint8_t)i);
}

static void
get_verdict(struct wire_reader *r, void *at)
{
	uint8_t row = wire_u8(r);

	if (row < ARRAY_LEN(verdicts))
		*(struct helper_verdict *)at = verdicts[row];
	else
		wire_fail(r);
}

/* There is one so far. */
static void
put_suspicion(struct wire_writer *w, const void *at)
{
	assert(*(const enum why *)at == WHY_STALL);
	wire_put_u8(w, 0);
}

static void
get_suspicion(struct wire_reader *r, void *at)
{
	if (wire_u8(r) != 0)
		wire_fail(r);
	*(enum why *)at = WHY_STALL;
}

static void
get_text(struct wire_reader *r, char *at, size_t size)
{
	const uint8_t *bytes = wire_bytes(r, size);
	size_t len;

	memset(at, 0, size);
	if (bytes == NULL)
		return;
	len = strnlen((const char *)bytes, size);
	for (size_t i = len; i < size; i++)
		if (bytes[i] != 0)
			wire_fail(r);
	if (len == size)
		wire_fail(r);
	else
		memcpy(at, bytes, len);
}

static void
put_text(struct wire_writer *w, const char *text, size_t size)
{
	static const uint8_t zeros[KERNEL_EXEC_OUTPUT];
	size_t len = strnlen(text, size - 1);

	wire_put_bytes(w, text, len);
	wire_put_bytes(w, zeros, size - len);
}

static void
put_ifname(struct wire_writer *w, const void *at)
{
	put_text(w, at, KERNEL_IFNAME);
}

/* An interface's name as the kernel allows it: no blank, no slash, no colon, not a directory. */
static bool
ifname_is_valid(const char *name)
{
	if (str_equal(name, ".") || str_equal(name, ".."))
		return false;
	for (const char *c = name; *c != 0; c++)
		if (*c == '/' || *c == ':' || (unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return true;
}

static void
get_device(struct wire_reader *r, void *at)
{
	get_text(r, at, KERNEL_IFNAME);
	if (!ifname_is_valid(at))
		wire_fail(r);
}

static void
get_ifname(struct wire_reader *r, void *at)
{
	get_device(r, at);
	if (*(const char *)at == 0)
		wire_fail(r);
}

static void
put_exec_name(struct wire_writer *w, const void *at)
{
	put_text(w, at, KERNEL_EXEC_NAME);
}

static void
get_exec_name(struct wire_reader *r, void *at)
{
	get_text(r, at, KERNEL_EXEC_NAME);
	if (*(const char *)at == 0)
		wire_fail(r);
}

static void
put_output(struct wire_writer *w, const void *at)
{
	put_text(w, at, KERNEL_EXEC_OUTPUT);
}

static void
get_output(struct wire_reader *r, void *at)
{
	get_text(r, at, KERNEL_EXEC_OUTPUT);
}

struct field_row {
	void (*put)(struct wire_writer *w, const void *at);
	void (*get)(struct wire_reader *r, void *at);
};

static const struct field_row field_rows[] = {
    [FIELD_U8] = {put_u8, get_u8},
    [FIELD_U32] = {put_u32, get_u32},
    [FIELD_ID] = {put_u32, get_id},
    [FIELD_U64] = {put_u64, get_u64},
    [FIELD_BOOL] = {put_bool, get_bool},
    [FIELD_ERROR] = {put_int, get_error},
    [FIELD_INT] = {put_int, get_int},
    [FIELD_EXEC_END] = {put_exec_end, get_exec_end},
    [FIELD_PREFIX] = {put_prefix, get_prefix},
    [FIELD_ENDPOINT] = {put_endpoint, get_endpoint},
    [FIELD_IFNAME] = {put_ifname, get_ifname},
    [FIELD_DEVICE] = {put_ifname, get_device},
    [FIELD_EXEC_NAME] = {put_exec_name, get_exec_name},
    [FIELD_OUTPUT] = {put_output, get_output},
    [FIELD_VERSION] = {put_u32, get_version},
    [FIELD_SOCKET_KIND] = {put_socket_kind, get_socket_kind},
    [FIELD_WHAT] = {put_what, get_what},
    [FIELD_VERDICT] = {put_verdict, get_verdict},
    [FIELD_SUSPICION] = {put_suspicion, get_suspicion},
};

size_t
helper_msg_encode(const struct helper_msg *m, uint8_t *buf)
{
	const struct field *f;
	struct wire_writer w;

	assert(m->kind > 0 && m->kind < HELPER_KIND_END);
	wire_writer_init(&w, buf, HELPER_MSG_MAX);
	wire_put_u16(&w, (uint16_t)m->kind);
	for (f = kind_rows[m->kind].fields; f->type != FIELD_END; f++)
		field_rows[f->type].put(&w, (const char *)m + f->offset);
	assert(wire_writer_ok(&w));
	return w.pos;
}

int
helper_msg_decode(const uint8_t *data, size_t len, enum helper_from from, struct helper_msg *out)
{
	const struct field *f;
	struct wire_reader r;
	uint16_t kind;

	memset(out, 0, sizeof(*out));
	wire_reader_init(&r, data, len);
	kind = wire_u16(&r);
	if (!wire_ok(&r) || kind == 0 || kind >= HELPER_KIND_END || kind_rows[kind].from != from)
		return -1;
	out->kind = (enum helper_kind)kind;
	for (f = kind_rows[kind].fields; f->type != FIELD_END; f++)
		field_rows[f->type].get(&r, (char *)out + f->offset);
	return wire_ok(&r) && wire_left(&r) == 0 ? 0 : -1;
}

size_t
helper_msg_fds(const struct helper_msg *m)
{
	if (m->kind == HELPER_LISTEN_RESULT)
		return m->listen_result.error == 0 ? 1 : 0;
	if (m->kind == HELPER_CONFIG_DATA)
		return m->config_data.error == 0 ? 1 : 0;
	if (m->kind == HELPER_SOCKET_RESULT)
		return m->socket_result.error == 0 ? 1 : 0;
	return 0;
}

const char *
helper_kind_str(enum helper_kind kind)
{
	if (kind <= 0 || kind >= HELPER_KIND_END)
		return "?";
	return kind_rows[kind].name;
}
