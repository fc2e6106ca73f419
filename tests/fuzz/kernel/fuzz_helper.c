/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzing of what passes between engine and helper.
 *
 * The first byte of the input picks the victim: the helper (on a back end that does nothing but
 * obey) or the engine's client. What follows is cut into datagrams by 16-bit lengths and sent to
 * the victim over a real socket pair. Besides not crashing, a message that decodes must encode to
 * the same bytes, and the helper's back end must never be asked for what the policy does not name.
 */
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "kernel/helper_backend.h"
#include "kernel/helper_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define DATAGRAMS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
demand(bool holds)
{
	if (!holds)
		abort();
}

/* -- the helper as the victim -- */

static struct prefix
allowed_prefix(void)
{
	struct prefix p;

	demand(prefix_parse("192.0.2.53/32", &p) == 0);
	return p;
}

static void
null_policy(struct helper_backend *b, const struct helper_policy *p)
{
	(void)b;
	demand(p != NULL);
}

static void
null_add(struct helper_backend *b, const struct prefix *prefix, const char *ifname)
{
	struct prefix allowed = allowed_prefix();

	(void)b;
	demand(prefix_equal(prefix, &allowed) && str_equal(ifname, "lo"));
}

static int
null_del(struct helper_backend *b, const struct prefix *prefix)
{
	(void)b;
	(void)prefix;
	return -ENOENT;
}

static bool
null_has(struct helper_backend *b, const struct prefix *prefix)
{
	(void)b;
	(void)prefix;
	return false;
}

static int
null_listen(struct helper_backend *b, const struct endpoint *local, const struct net_opts *opts)
{
	(void)b;
	demand(local->port == 179 && memchr(opts->device, 0, sizeof(opts->device)) != NULL);
	return memfd_create("listener", MFD_CLOEXEC);
}

static int
null_socket_open(struct helper_backend *b, enum kernel_socket_kind kind)
{
	(void)b;
	demand(kind == KERNEL_SOCKET_ICMP4);
	return memfd_create("socket", MFD_CLOEXEC);
}

static int
null_exec_start(struct helper_backend *b, uint32_t id, const struct helper_policy_exec *rule)
{
	(void)b;
	demand(id != 0 && str_equal(rule->name, "check"));
	return -ENOSYS;
}

static void
null_exec_kill(struct helper_backend *b, uint32_t id)
{
	(void)b;
	demand(id != 0);
}

static void
null_nothing(struct helper_backend *b)
{
	(void)b;
}

static bool
null_report(struct helper_backend *b, struct helper_msg *m)
{
	(void)b;
	(void)m;
	return false;
}

static const struct helper_backend_ops null_ops = {
    .policy = null_policy,
    .address_add = null_add,
    .address_del = null_del,
    .address_is_ours = null_has,
    .address_is_present = null_has,
    .listen = null_listen,
    .socket_open = null_socket_open,
    .exec_start = null_exec_start,
    .exec_kill = null_exec_kill,
    .exec_kill_all = null_nothing,
    .report = null_report,
    .reported = null_nothing,
    .free = null_nothing,
};

static struct helper_policy *
host_read_policy(struct helper_host *h, const char *text, size_t len)
{
	static const char *const argv[] = {"/bin/true", NULL};
	struct helper_exec_rule rule = {.argv = argv, .timeout = DUR_S};
	struct helper_policy *p = helper_policy_new();
	struct prefix prefix = allowed_prefix();
	struct endpoint local = {.addr = addr_v4(0), .port = 179};

	(void)h;
	demand(text[len] == 0);
	helper_policy_add_address(p, &prefix, "lo");
	helper_policy_add_listen(p, &local);
	helper_policy_allow_socket(p, KERNEL_SOCKET_ICMP4);
	demand(helper_policy_add_exec(p, "check", &rule) == 0);
	return p;
}

static void
host_ready(struct helper_host *h)
{
	(void)h;
}

static void
host_gone(struct helper_host *h, enum helper_end end)
{
	(void)h;
	(void)end;
}

/* -- the client as the victim -- */

static void
client_opened(struct helper_client_host *h, uint32_t ticket, int fd)
{
	(void)h;
	(void)ticket;
	if (fd >= 0)
		close(fd);
}

static void
client_config(struct helper_client_host *h, const struct helper_config *config)
{
	(void)h;
	demand((config->error == 0) == (config->text != NULL));
}

static void
client_word(struct helper_client_host *h)
{
	(void)h;
}

static void
client_gone(struct helper_client_host *h, enum helper_end end)
{
	(void)h;
	(void)end;
}

static void
listener_address(struct kernel_listener *l, const struct prefix *prefix, bool present, int error)
{
	(void)l;
	(void)present;
	demand(prefix->len <= addr_bits(&prefix->addr) && error <= 0);
}

static void
listener_link(struct kernel_listener *l, const char *ifname, bool up)
{
	(void)l;
	(void)up;
	demand(*ifname != 0 && strchr(ifname, '/') == NULL);
}

static void
listener_served(struct kernel_listener *l, const struct kernel_listen *what,
    enum kernel_served served, enum why why)
{
	(void)l;
	demand(what->port != 0 && what->proto <= KERNEL_TCP);
	demand((served == KERNEL_SERVED) == (why == WHY_OK));
}

static void
listener_suspect(struct kernel_listener *l, const struct kernel_listen *what, enum why why)
{
	(void)l;
	demand(what->port != 0 && what->proto <= KERNEL_TCP && why == WHY_STALL);
}

static void
exec_done(struct kernel_exec *x, const struct kernel_exec_result *result)
{
	demand(x->id == 0 && memchr(result->output, 0, sizeof(result->output)) != NULL);
}

static void
socket_opened(struct kernel_socket *s, int fd)
{
	demand(s->id == 0);
	if (fd >= 0)
		close(fd);
}

/* -- both -- */

/* What decodes is canonical. */
static void
check_decode(const uint8_t *data, size_t len, enum helper_from from)
{
	uint8_t again[HELPER_MSG_MAX];
	struct helper_msg m;

	if (helper_msg_decode(data, len, from, &m) != 0)
		return;
	demand(helper_msg_encode(&m, again) == len && memcmp(again, data, len) == 0);
}

/* Cuts the input into datagrams and sends them; the victim reads in between. */
static void
send_all(struct loop *l, int to, const uint8_t *data, size_t size, enum helper_from from)
{
	uint8_t answer[HELPER_MSG_MAX];

	for (int i = 0; i < DATAGRAMS_MAX && size > 2; i++) {
		size_t len = (size_t)data[0] << 8 | data[1];

		data += 2;
		size -= 2;
		if (len > size)
			len = size;
		check_decode(data, len, from);
		if (len > 0 && send(to, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
		data += len;
		size -= len;
		loop_turn(l, 0);
		while (recv(to, answer, sizeof(answer), MSG_DONTWAIT) > 0)
			;
	}
	loop_turn(l, 0);
}

static void
attack_helper(struct loop *l, const int pair[2], const uint8_t *data, size_t size)
{
	struct helper_backend backend = {.ops = &null_ops};
	struct helper_host host = {.config_path = "/etc/passwd",
	    .read_policy = host_read_policy,
	    .engine_ready = host_ready,
	    .engine_silent = host_ready,
	    .engine_gone = host_gone};
	struct helper *h;

	h = helper_new_with(l, pair[0], &host, &backend);
	send_all(l, pair[1], data, size, HELPER_FROM_ENGINE);
	helper_free(h);
}

static void
attack_client(struct loop *l, const int pair[2], const uint8_t *data, size_t size)
{
	struct helper_client_host host = {.opened = client_opened,
	    .config = client_config,
	    .stop = client_word,
	    .reload = client_word,
	    .gone = client_gone};
	struct kernel_listener listener = {
	    listener_address, listener_link, listener_served, listener_suspect};
	struct helper_client *c = helper_client_new(l, pair[0], &host);
	struct kernel_exec x = {.fn = exec_done};
	struct kernel_socket s = {.fn = socket_opened};
	struct kernel_port *port = helper_client_port(c);

	port->listener = &listener;
	helper_client_config_read(c);
	port->ops->exec_start(port, &x, "check");
	port->ops->socket_open(port, &s, KERNEL_SOCKET_ICMP6);
	send_all(l, pair[1], data, size, HELPER_FROM_HELPER);
	helper_client_free(c);
}

static void
quiet(enum log_level level, const char *line)
{
	(void)level;
	(void)line;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct loop *l;
	int pair[2];

	if (size < 1)
		return 0;
	log_set_sink(quiet);
	demand(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == 0);
	l = loop_new();
	if (data[0] % 2 == 0)
		attack_helper(l, pair, data + 1, size - 1);
	else
		attack_client(l, pair, data + 1, size - 1);
	close(pair[1]);
	loop_free(l);
	log_set_sink(NULL);
	return 0;
}
