/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink sockets.
 *
 * There are two: one for requests and dumps, one that hears every change. rtnetlink works inside
 * sendmsg(2): when it returns, the acknowledgement waits in the socket, and so does each further
 * part of a dump. Both sockets are therefore non-blocking and nothing here ever waits for the
 * kernel; an acknowledgement that is not there is an error (-EIO).
 *
 * The monitor may overrun (ENOBUFS) when changes come faster than they are read. Then what was
 * lost is unknown, and every table dumps anew; a table also does so at its start, so there is no
 * second way to learn the state. A change that was told before a dump and read after it may be
 * older than the dump; the newer change follows it in the same socket, so the tables end up right.
 *
 * Requests ask for extended acknowledgements: the kernel's own words about a refusal
 * ("Nexthop has invalid gateway") go to the log. Dumps are strict (NETLINK_GET_STRICT_CHK), so
 * the kernel refuses what it does not understand instead of ignoring it.
 */
#include "kernel/nl.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

#define DUMP_TRIES     8
#define RESYNC_RETRY   (500 * DUR_MS)
#define MONITOR_BUFFER (4 * 1024 * 1024)
/* Datagrams read in one turn of the loop. */
#define MONITOR_BURST 256

static void
socket_set(struct mnl_socket *s, int option)
{
	int on = 1;

	/* An option that an old kernel does not know only costs its comfort. */
	(void)mnl_socket_setsockopt(s, option, &on, sizeof(on));
}

static struct mnl_socket *
socket_open(unsigned groups)
{
	struct mnl_socket *s = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (s == NULL)
		return NULL;
	if (mnl_socket_bind(s, groups, MNL_SOCKET_AUTOPID) < 0) {
		int error = errno;

		mnl_socket_close(s);
		errno = error;
		return NULL;
	}
	socket_set(s, NETLINK_EXT_ACK);
	socket_set(s, NETLINK_CAP_ACK);
	socket_set(s, NETLINK_GET_STRICT_CHK);
	return s;
}

void
nl_resync(struct nl *nl)
{
	struct nl_user *u;
	int error = 0;

	STAILQ_FOREACH (u, &nl->users, link)
		if (u->ops->resync(u) != 0)
			error = -EAGAIN;
	if (error != 0)
		loop_timer_after(&nl->retry, RESYNC_RETRY);
}

static void
resync_retry(struct loop_timer *t)
{
	nl_resync(container_of(t, struct nl, retry));
}

/* Hands on the messages of one datagram. */
static void
monitor_messages(struct nl *nl, const void *buf, size_t size)
{
	const struct nlmsghdr *nlh = buf;
	struct nl_user *u;
	int len = (int)size;

	while (mnl_nlmsg_ok(nlh, len)) {
		STAILQ_FOREACH (u, &nl->users, link)
			u->ops->message(u, nlh);
		nlh = mnl_nlmsg_next(nlh, &len);
	}
}

enum monitor_read { MONITOR_ONE, MONITOR_EMPTY, MONITOR_LOST };

static enum monitor_read
monitor_read(struct nl *nl)
{
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	ssize_t n = mnl_socket_recvfrom(nl->monitor, buf, sizeof(buf));

	if (n > 0) {
		monitor_messages(nl, buf, (size_t)n);
		return MONITOR_ONE;
	}
	/* A datagram that did not fit is as good as lost. */
	if (n < 0 && (errno == ENOBUFS || errno == ENOSPC))
		return MONITOR_LOST;
	return MONITOR_EMPTY;
}

static void
monitor_burst(struct nl *nl, unsigned burst)
{
	bool lost = false;

	for (unsigned i = 0; i < burst; i++) {
		enum monitor_read got = monitor_read(nl);

		if (got == MONITOR_EMPTY)
			break;
		if (got == MONITOR_LOST)
			lost = true;
	}
	if (!lost)
		return;
	nl->resyncs++;
	log_notice("netlink: changes came faster than they could be read: reading links and "
		   "addresses anew");
	nl_resync(nl);
}

void
nl_drain(struct nl *nl)
{
	monitor_burst(nl, UINT32_MAX);
}

static void
monitor_ready(struct loop_fd *w, unsigned ready)
{
	struct nl *nl = container_of(w, struct nl, watch);

	(void)ready;
	monitor_burst(nl, MONITOR_BURST);
}

int
nl_init(struct nl *nl, struct loop *l)
{
	unsigned groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	int size = MONITOR_BUFFER, fd;

	*nl = (struct nl){.loop = l};
	STAILQ_INIT(&nl->users);
	loop_timer_init(&nl->retry, l, resync_retry);
	nl->request = socket_open(0);
	if (nl->request == NULL)
		return -errno;
	nl->monitor = socket_open(groups);
	if (nl->monitor == NULL)
		return -errno;
	fd = mnl_socket_get_fd(nl->monitor);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	loop_fd_init(&nl->watch, l, fd, monitor_ready);
	loop_fd_want(&nl->watch, LOOP_READ);
	return 0;
}

void
nl_done(struct nl *nl)
{
	loop_fd_done(&nl->watch);
	if (nl->loop != NULL)
		loop_timer_cancel(&nl->retry);
	if (nl->monitor != NULL)
		mnl_socket_close(nl->monitor);
	if (nl->request != NULL)
		mnl_socket_close(nl->request);
	nl->monitor = NULL;
	nl->request = NULL;
}

void
nl_add_user(struct nl *nl, struct nl_user *u)
{
	STAILQ_INSERT_TAIL(&nl->users, u, link);
}

struct nlmsghdr *
nl_request_start(struct nl *nl, void *buf, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = ++nl->seq;
	return nlh;
}

/* Keeps the kernel's words (libmnl passes the nl through). */
static int
ack_attr(const struct nlattr *attr, void *data)
{
	struct nl *nl = data;

	if (mnl_attr_get_type(attr) != NLMSGERR_ATTR_MSG ||
	    mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	str_copy(nl->error, sizeof(nl->error), mnl_attr_get_str(attr));
	str_sanitise(nl->error);
	return MNL_CB_STOP;
}

static void
ack_text(struct nl *nl, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *err = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*err);

	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* Without NLM_F_CAPPED the request itself stands between. */
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED) && err->msg.nlmsg_len > sizeof(err->msg))
		skip += MNL_ALIGN(err->msg.nlmsg_len - sizeof(err->msg));
	if (mnl_nlmsg_get_payload_len(nlh) > skip)
		mnl_attr_parse(nlh, (unsigned)skip, ack_attr, nl);
}

/* The verdict of a message that ends a request or a dump: 0 or a negative errno. */
static int
ack_verdict(struct nl *nl, const struct nlmsghdr *nlh)
{
	const int *error = mnl_nlmsg_get_payload(nlh);
	size_t need = nlh->nlmsg_type == NLMSG_ERROR ? sizeof(struct nlmsgerr) : sizeof(*error);

	/* NLMSG_DONE carries the dump's error since Linux 4.19, or nothing. */
	if (mnl_nlmsg_get_payload_len(nlh) < need)
		return nlh->nlmsg_type == NLMSG_DONE ? 0 : -EBADMSG;
	if (nlh->nlmsg_type == NLMSG_ERROR)
		ack_text(nl, nlh);
	return *error;
}

int
nl_request(struct nl *nl, const struct nlmsghdr *nlh)
{
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	const struct nlmsghdr *ack;
	ssize_t n;
	int len;

	nl->error[0] = 0;
	if (mnl_socket_sendto(nl->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	for (;;) {
		n = mnl_socket_recvfrom(nl->request, buf, sizeof(buf));
		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		len = (int)n;
		for (ack = (const void *)buf; mnl_nlmsg_ok(ack, len);
		     ack = mnl_nlmsg_next(ack, &len))
			if (ack->nlmsg_seq == nlh->nlmsg_seq && ack->nlmsg_type == NLMSG_ERROR)
				return ack_verdict(nl, ack);
	}
}

enum dump_step { DUMP_MORE, DUMP_DONE };

/* The messages of one part; `*error` is set when the dump has ended. */
static enum dump_step
dump_part(struct nl *nl, struct nl_dump *d, const void *buf, size_t size, int *error)
{
	const struct nlmsghdr *nlh = buf;
	int len = (int)size;

	for (; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_seq != nl->seq)
			continue;
		if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
			*error = -EINTR;
		if (nlh->nlmsg_type == NLMSG_DONE || nlh->nlmsg_type == NLMSG_ERROR) {
			int verdict = ack_verdict(nl, nlh);

			if (verdict != 0)
				*error = verdict;
			return DUMP_DONE;
		}
		d->each(d, nlh);
	}
	return DUMP_MORE;
}

static int
dump_once(struct nl *nl, struct nl_dump *d)
{
	uint32_t buf[NL_BUFFER / sizeof(uint32_t)];
	enum dump_step step = DUMP_MORE;
	struct nlmsghdr *nlh;
	int error = 0;

	nlh = nl_request_start(nl, buf, d->type, NLM_F_DUMP);
	nlh->nlmsg_flags &= (uint16_t)~NLM_F_ACK;
	*(uint8_t *)mnl_nlmsg_put_extra_header(nlh, d->header_len) = d->family;
	nl->error[0] = 0;
	if (d->start != NULL)
		d->start(d, nlh);
	if (mnl_socket_sendto(nl->request, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	while (step == DUMP_MORE) {
		ssize_t n = mnl_socket_recvfrom(nl->request, buf, sizeof(buf));

		if (n < 0)
			return errno == EAGAIN ? -EIO : -errno;
		step = dump_part(nl, d, buf, (size_t)n, &error);
	}
	return error;
}

int
nl_dump(struct nl *nl, struct nl_dump *d)
{
	int error = -EINTR;

	for (int i = 0; i < DUMP_TRIES && error == -EINTR; i++)
		error = dump_once(nl, d);
	return error;
}
