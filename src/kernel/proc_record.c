/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exit records (taskstats, a generic netlink family).
 *
 * The kernel writes a record for every thread that exits on a CPU that somebody registered for, in
 * do_exit() before the memory is torn down and before files are closed. So for a process of 1 GB it
 * comes a tenth of a second before its sockets end. The record of the last thread of a process with
 * several carries a second part about the process.
 *
 * A classic BPF program on the socket looks at the two process ids in the record, so that processes
 * which are not ours cost the helper nothing. (The kernel still fills in a record for each; the
 * registration therefore exists only while there is somebody to watch.) The kernel answers in the
 * initial network and process namespaces only, and only to a privileged process.
 *
 * An eBPF program on the sched_process_exit tracepoint would tell the same at the same time; it
 * would need a loader, BTF and more privileges, and work nowhere where this does not.
 */
#include "kernel/proc_exit.h"

#include "base/mem.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/taskstats.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUFFER      8192
#define RECEIVE_BUF (1024 * 1024)

/* Where in a record the first part begins, and in a part the process id. */
#define PART_AT            (NLMSG_HDRLEN + GENL_HDRLEN)
#define PART_PID           (2 * NLA_HDRLEN)
#define LITTLE_ENDIAN_HOST (__BYTE_ORDER == __LITTLE_ENDIAN)

/* Sends a request of generic netlink and reads the one message that answers it into `buf`. */
static const struct nlmsghdr *
ask(struct mnl_socket *s, void *buf, uint16_t type, uint8_t cmd, const char *text, uint16_t attr)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct genlmsghdr *genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	ssize_t n;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | (type == GENL_ID_CTRL ? 0 : NLM_F_ACK);
	genl->cmd = cmd;
	genl->version = 1;
	mnl_attr_put_strz(nlh, attr, text);
	if (mnl_socket_sendto(s, nlh, nlh->nlmsg_len) < 0)
		return NULL;
	n = mnl_socket_recvfrom(s, buf, BUFFER);
	if (n < 0)
		return NULL;
	nlh = buf;
	if (!mnl_nlmsg_ok(nlh, (int)n)) {
		errno = EBADMSG;
		return NULL;
	}
	if (nlh->nlmsg_type == NLMSG_ERROR) {
		errno = -*(const int *)mnl_nlmsg_get_payload(nlh);
		if (errno != 0)
			return NULL;
	}
	return nlh;
}

static int
family_attr(const struct nlattr *attr, void *data)
{
	if (mnl_attr_get_type(attr) == CTRL_ATTR_FAMILY_ID &&
	    mnl_attr_validate(attr, MNL_TYPE_U16) >= 0)
		*(uint16_t *)data = mnl_attr_get_u16(attr);
	return MNL_CB_OK;
}

/* "0-3": all CPUs that there can ever be. */
static int
read_cpus(char *buf, size_t size)
{
	int fd = open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

/* 0, or -1 with errno. */
static int
register_cpus(struct mnl_socket *s)
{
	uint32_t buf[BUFFER / sizeof(uint32_t)];
	const struct nlmsghdr *nlh;
	char cpus[256];
	uint16_t family = 0;

	if (read_cpus(cpus, sizeof(cpus)) != 0)
		return -1;
	nlh = ask(
	    s, buf, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, TASKSTATS_GENL_NAME, CTRL_ATTR_FAMILY_NAME);
	if (nlh == NULL)
		return -1;
	mnl_attr_parse(nlh, GENL_HDRLEN, family_attr, &family);
	if (family == 0) {
		errno = ENOENT;
		return -1;
	}
	nlh = ask(s, buf, family, TASKSTATS_CMD_GET, cpus, TASKSTATS_CMD_ATTR_REGISTER_CPUMASK);
	return nlh == NULL ? -1 : 0;
}

struct mnl_socket *
proc_record_open(void)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | SOCK_NONBLOCK);
	int size = RECEIVE_BUF, error;

	if (s == NULL)
		return NULL;
	if (mnl_socket_bind(s, 0, MNL_SOCKET_AUTOPID) == 0 && register_cpus(s) == 0) {
		(void)setsockopt(
		    mnl_socket_get_fd(s), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
		return s;
	}
	error = errno;
	mnl_socket_close(s);
	errno = error;
	return NULL;
}

/* -- the filter -- */

struct program {
	struct sock_filter *code;
	size_t len;
};

static void
put(struct program *p, unsigned op, uint32_t k)
{
	p->code[p->len++] = (struct sock_filter)BPF_STMT((uint16_t)op, k);
}

/* Passes the record when the accumulator is one of the process ids, as they stand in memory. */
static void
put_pids(struct program *p, const pid_t *pids, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		p->code[p->len++] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, htonl((uint32_t)pids[i]), 0, 1);
		put(p, BPF_RET | BPF_K, 0xffffffff);
	}
}

int
proc_record_filter(int fd, const pid_t *pids, size_t count)
{
	struct program p = {.code = mem_array(32 + 4 * PROC_RECORD_PIDS, sizeof(*p.code))};
	struct sock_fprog prog = {.filter = p.code};
	int error;

	if (count > PROC_RECORD_PIDS)
		count = PROC_RECORD_PIDS;
	put(&p, BPF_LD | BPF_W | BPF_ABS, PART_AT + PART_PID);
	put_pids(&p, pids, count);
	/* The second part begins where the first one, whose length is in host order, ends. A load
	 * beyond the end, which means that there is none, drops the record. */
	put(&p, BPF_LD | BPF_B | BPF_ABS, PART_AT + (LITTLE_ENDIAN_HOST ? 1 : 0));
	put(&p, BPF_ALU | BPF_LSH | BPF_K, 8);
	put(&p, BPF_MISC | BPF_TAX, 0);
	put(&p, BPF_LD | BPF_B | BPF_ABS, PART_AT + (LITTLE_ENDIAN_HOST ? 0 : 1));
	put(&p, BPF_ALU | BPF_OR | BPF_X, 0);
	put(&p, BPF_ALU | BPF_ADD | BPF_K, PART_AT + NLA_ALIGNTO - 1);
	put(&p, BPF_ALU | BPF_AND | BPF_K, ~(uint32_t)(NLA_ALIGNTO - 1));
	put(&p, BPF_MISC | BPF_TAX, 0);
	put(&p, BPF_LD | BPF_W | BPF_IND, PART_PID);
	put_pids(&p, pids, count);
	put(&p, BPF_RET | BPF_K, 0);
	prog.len = (unsigned short)p.len;
	error = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) != 0 ? -errno : 0;
	free(p.code);
	return error;
}

/* -- records -- */

static int
pid_attr(const struct nlattr *attr, void *data)
{
	uint16_t type = mnl_attr_get_type(attr);

	if ((type == TASKSTATS_TYPE_PID || type == TASKSTATS_TYPE_TGID) &&
	    mnl_attr_validate(attr, MNL_TYPE_U32) >= 0)
		*(pid_t *)data = (pid_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int
part_attr(const struct nlattr *attr, void *data)
{
	struct proc_record *r = data;

	if (mnl_attr_get_type(attr) == TASKSTATS_TYPE_AGGR_PID)
		mnl_attr_parse_nested(attr, pid_attr, &r->pid);
	else if (mnl_attr_get_type(attr) == TASKSTATS_TYPE_AGGR_TGID)
		mnl_attr_parse_nested(attr, pid_attr, &r->tgid);
	return MNL_CB_OK;
}

int
proc_record_read(const struct nlmsghdr *nlh, struct proc_record *out)
{
	*out = (struct proc_record){0};
	if (nlh->nlmsg_type < NLMSG_MIN_TYPE || mnl_nlmsg_get_payload_len(nlh) < GENL_HDRLEN)
		return -1;
	mnl_attr_parse(nlh, GENL_HDRLEN, part_attr, out);
	return out->pid != 0 ? 0 : -1;
}
