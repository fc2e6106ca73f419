/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the kernel's news about destroyed sockets may wake the helper.
 *
 * The kernel tells of every socket that ends, and a busy server ends thousands of connections a
 * second, all of them with the watched local port. A listener differs from them in having no remote
 * port. (Its state does not help: at its end every TCP socket is CLOSE. A connection that the
 * server resets forgets its remote port, and so passes; the reader knows its listeners by their
 * cookies and ignores it.)
 *
 * So a classic BPF program looks at every message before it is queued: no remote port, and one of
 * the watched local ports. It runs in the context of the sender. What it drops costs neither a
 * wake-up nor room in the receive buffer.
 */
#include "kernel/nl_sock.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdlib.h>

/* With more ports than this only the remote port is looked at. Two instructions each; the kernel
 * takes 4,096. */
#define FILTER_PORTS 1024
#define FILTER_FIXED 6

#define MSG_AT(member) (NLMSG_HDRLEN + offsetof(struct inet_diag_msg, member))

static const struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
static const struct sock_filter pass = BPF_STMT(BPF_RET | BPF_K, 0xffffffff);

int
nl_sock_filter(int fd, const struct nl_sock_port *ports, size_t count)
{
	struct sock_filter *code = mem_array(FILTER_FIXED + 2 * FILTER_PORTS, sizeof(*code));
	struct sock_fprog program = {.filter = code};
	size_t n = 0;
	int error = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, MSG_AT(id.idiag_dport));
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
	code[n++] = drop;
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, MSG_AT(id.idiag_sport));
	for (size_t i = 0; i < count && count <= FILTER_PORTS; i++) {
		code[n++] =
		    (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i].port, 0, 1);
		code[n++] = pass;
	}
	code[n++] = count <= FILTER_PORTS ? drop : pass;
	program.len = (unsigned short)n;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
		error = -errno;
	free(code);
	return error;
}
