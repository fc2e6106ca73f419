/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel between engine and helper.
 *
 * SOCK_SEQPACKET keeps message boundaries and order, tells of the other end's death, and carries
 * descriptors. Sending never blocks: what the socket does not take waits in a queue with a bound,
 * and goes when the socket is writable again. State that can be derived again (an address, a link)
 * never waits here: helper_chan_try() refuses while there is no room, and the owner says it later,
 * in its then newest form.
 *
 * Neither side can wait for the other for ever: the engine's end always reads, so the helper's
 * queue always drains; the helper stops reading while many of its answers wait, so a flood of
 * requests ends in the engine's own bounded queue, which refuses.
 *
 * Whatever arrives is checked by helper_msg_decode(), its descriptors are counted. At the first
 * datagram that is not right, the conversation is over.
 */
#include "kernel/helper_chan.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Messages read in one turn of the loop, so that a busy peer does not keep timers waiting. */
#define READ_BURST 64
/* One more than any message may carry, so that a surplus is seen. */
#define FDS_MAX 2

struct helper_chan_item {
	STAILQ_ENTRY(helper_chan_item) link;
	size_t len;
	int fd;
	uint8_t data[HELPER_MSG_MAX];
};

static void
close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void
chan_set_wants(struct helper_chan *c)
{
	unsigned want = 0;

	if (c->fd < 0)
		return;
	if (c->manner == HELPER_CHAN_READS_ON || c->queued < HELPER_CHAN_PRESSURE)
		want |= LOOP_READ;
	if (c->queued > 0 || c->waits_for_room)
		want |= LOOP_WRITE;
	loop_fd_want(&c->watch, want);
}

static void
chan_drop_queue(struct helper_chan *c)
{
	struct helper_chan_item *item;

	while ((item = STAILQ_FIRST(&c->queue)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->queue, link);
		close_fd(item->fd);
		free(item);
	}
	c->queued = 0;
}

static void
chan_end(struct helper_chan *c, enum helper_end end)
{
	if (c->fd < 0)
		return;
	helper_chan_done(c);
	c->ops->ended(c, end);
}

/* 0, -EAGAIN, or -EPIPE (anything else that went wrong: the read side will see the end). */
static int
chan_write(struct helper_chan *c, const uint8_t *data, size_t len, int fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof(control.bytes);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (sendmsg(c->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM || errno == EINTR)
		return -EAGAIN;
	return -EPIPE;
}

/* Sends what waits; true when the queue is empty. */
static bool
chan_flush(struct helper_chan *c)
{
	struct helper_chan_item *item;

	while ((item = STAILQ_FIRST(&c->queue)) != NULL) {
		if (chan_write(c, item->data, item->len, item->fd) == -EAGAIN)
			return false;
		STAILQ_REMOVE_HEAD(&c->queue, link);
		c->queued--;
		close_fd(item->fd);
		free(item);
	}
	return true;
}

static size_t
chan_take_fds(struct msghdr *msg, int fds[FDS_MAX])
{
	size_t count = 0;
	struct cmsghdr *cmsg;

	for (cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= cmsg->cmsg_len;
		     at += sizeof(int)) {
			int fd;

			memcpy(&fd, (char *)cmsg + at, sizeof(fd));
			if (count < FDS_MAX)
				fds[count++] = fd;
			else
				close(fd);
		}
	}
	return count;
}

enum chan_read { CHAN_READ_ONE, CHAN_READ_NOTHING, CHAN_READ_END };

static enum chan_read
chan_read_one(struct helper_chan *c)
{
	uint8_t data[HELPER_MSG_MAX + 1];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
	} control;
	struct iovec iov = {.iov_base = data, .iov_len = sizeof(data)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control.bytes)};
	int fds[FDS_MAX] = {-1, -1};
	struct helper_msg m;
	size_t fd_count;
	ssize_t n;

	n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return CHAN_READ_NOTHING;
	if (n <= 0) {
		chan_end(c, HELPER_END_EOF);
		return CHAN_READ_END;
	}
	fd_count = chan_take_fds(&msg, fds);
	if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 ||
	    helper_msg_decode(data, (size_t)n, c->peer, &m) != 0 ||
	    helper_msg_fds(&m) != fd_count) {
		for (size_t i = 0; i < FDS_MAX; i++)
			close_fd(fds[i]);
		chan_end(c, HELPER_END_PROTOCOL);
		return CHAN_READ_END;
	}
	c->ops->message(c, &m, fds[0]);
	return c->fd < 0 ? CHAN_READ_END : CHAN_READ_ONE;
}

static void
chan_ready(struct loop_fd *w, unsigned ready)
{
	struct helper_chan *c = container_of(w, struct helper_chan, watch);

	if (ready & LOOP_WRITE) {
		if (chan_flush(c)) {
			c->waits_for_room = false;
			c->ops->room(c);
		}
		if (c->fd < 0)
			return;
	}
	if (ready & LOOP_READ) {
		enum chan_read got = CHAN_READ_ONE;

		for (int i = 0; i < READ_BURST && got == CHAN_READ_ONE; i++)
			got = chan_read_one(c);
		if (got == CHAN_READ_END)
			return;
	}
	chan_set_wants(c);
}

void
helper_chan_init(struct helper_chan *c, struct loop *l, int fd, enum helper_from peer,
    const struct helper_chan_ops *ops)
{
	*c = (struct helper_chan){.ops = ops, .peer = peer, .fd = fd};
	c->manner = peer == HELPER_FROM_ENGINE ? HELPER_CHAN_GIVES_WAY : HELPER_CHAN_READS_ON;
	STAILQ_INIT(&c->queue);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	loop_fd_init(&c->watch, l, fd, chan_ready);
	chan_set_wants(c);
}

void
helper_chan_done(struct helper_chan *c)
{
	if (c->fd < 0)
		return;
	loop_fd_done(&c->watch);
	chan_drop_queue(c);
	close(c->fd);
	c->fd = -1;
}

int
helper_chan_send(struct helper_chan *c, const struct helper_msg *m, int fd)
{
	struct helper_chan_item *item;
	int error = -EPIPE;

	if (c->fd < 0)
		goto out;
	error = -ENOBUFS;
	if (c->queued >= HELPER_CHAN_QUEUE)
		goto out;
	item = mem_alloc(sizeof(*item));
	item->fd = fd;
	item->len = helper_msg_encode(m, item->data);
	STAILQ_INSERT_TAIL(&c->queue, item, link);
	c->queued++;
	chan_flush(c);
	chan_set_wants(c);
	return 0;
out:
	close_fd(fd);
	return error;
}

int
helper_chan_try(struct helper_chan *c, const struct helper_msg *m)
{
	uint8_t data[HELPER_MSG_MAX];
	int error = -EAGAIN;

	if (c->fd < 0)
		return -EPIPE;
	if (c->queued == 0)
		error = chan_write(c, data, helper_msg_encode(m, data), -1);
	if (error == -EAGAIN) {
		c->waits_for_room = true;
		chan_set_wants(c);
	}
	return error;
}
