// SPDX-License-Identifier: BSD-2-Clause
/*
 * hf_accept() reads one message of the channel: the kernel's own blocking,
 * timeouts, signals and wake-ups of a socket are accept(2)'s. Of the library's
 * state it reads only the channel's page, without a lock, so that it works in
 * forked children, after exec and in any thread.
 *
 * With delivery by the kernel the descriptor is a listening socket, which says
 * ENOTCONN to that; then it is accept4(2).
 *
 * One thing differs: recvmsg(2) without a free descriptor drops the one that
 * comes with the message, where accept(2) leaves the connection in the queue.
 * So a process that is, or was, near its limit looks before it reads.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handfast.h"
#include "handfast/control.h"
#include "lib/lib.h"

#define BATCH_MAX 64
/* Near: a batch and what other threads open meanwhile. */
#define NEAR_LIMIT 256

/* A message's space. One descriptor, not two: CMSG_SPACE() has padding. */
struct slot {
	struct hf_child_msg msg;
	struct iovec iov;
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
};

/* The first call looks; NEAR, once seen, stays. */
enum { LIMIT_UNKNOWN, LIMIT_FAR, LIMIT_NEAR };
static atomic_int limit_state;

static void limit_watch(int fd)
{
	static _Atomic rlim_t limit;
	struct rlimit r;

	/* Zero: not read yet. A limit that is lowered later is learnt from
	 * the first connection that it costs. */
	if (!limit)
		limit = getrlimit(RLIMIT_NOFILE, &r) ? 1024 : r.rlim_cur;
	if ((rlim_t)fd + NEAR_LIMIT >= limit)
		limit_state = LIMIT_NEAR;
	else if (limit_state == LIMIT_UNKNOWN)
		limit_state = LIMIT_FAR;
}

/* Waits for a message without taking it; then, is there a descriptor? */
static int descriptor_wait(int fd, int wait_flag)
{
	char byte;
	int spare;

	if (recv(fd, &byte, 1, MSG_PEEK | wait_flag) < 0)
		return -errno;
	spare = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (spare < 0)
		return -errno;
	close(spare);
	return 0;
}

static void slot_prepare(struct slot *slot, struct msghdr *hdr)
{
	slot->iov.iov_base = &slot->msg;
	slot->iov.iov_len = sizeof(slot->msg);
	*hdr = (struct msghdr){
	    .msg_iov = &slot->iov,
	    .msg_iovlen = 1,
	    .msg_control = slot->control.buf,
	    .msg_controllen = CMSG_LEN(sizeof(int)),
	};
}

static int slot_descriptor(struct msghdr *hdr)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(hdr);
	int fd;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET ||
	    cmsg->cmsg_type != SCM_RIGHTS ||
	    cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return -1;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Size of the peer's address, 0 if there is none. */
static socklen_t peer_size(const struct hf_child_msg *msg)
{
	switch (msg->peer.in.sin_family) {
	case AF_INET:
		return sizeof(msg->peer.in);
	case AF_INET6:
		return sizeof(msg->peer.in6);
	default:
		return 0;
	}
}

/* SO_LINGER as it was before the channel, see struct hf_child_msg. */
static void linger_restore(int fd, int linger)
{
	struct linger value = {
	    .l_onoff = linger > 0, .l_linger = linger > 0 ? linger : 0};

	if (linger)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value));
}

/* The connection of a received message, or -errno. */
static int slot_take(struct slot *slot, struct msghdr *hdr, ssize_t len,
		     int flags)
{
	int fd = slot_descriptor(hdr);

	if (len != sizeof(slot->msg) || !peer_size(&slot->msg)) {
		/* Nothing at all: the writing end is closed or shut down. */
		if (fd >= 0)
			close(fd);
		return -EINVAL;
	}
	if (fd < 0) {
		if (!(hdr->msg_flags & MSG_CTRUNC))
			return -ECONNABORTED;
		limit_state = LIMIT_NEAR;
		return -EMFILE;
	}
	limit_watch(fd);
	linger_restore(fd, slot->msg.linger);
	if ((flags & SOCK_NONBLOCK) &&
	    fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK)) {
		close(fd);
		return -ECONNABORTED;
	}
	return fd;
}

static int cloexec_flag(int flags)
{
	return flags & SOCK_CLOEXEC ? MSG_CMSG_CLOEXEC : 0;
}

/* One connection, or -errno. wait_flag: 0 or MSG_DONTWAIT. */
static int accept_one(int fd, struct slot *slot, int flags, int wait_flag)
{
	struct msghdr hdr;
	ssize_t len;
	int err;

	if (limit_state != LIMIT_FAR) {
		err = descriptor_wait(fd, wait_flag);
		if (err)
			return err;
	}
	slot_prepare(slot, &hdr);
	len = recvmsg(fd, &hdr, cloexec_flag(flags) | wait_flag);
	if (len < 0)
		return -errno;
	return slot_take(slot, &hdr, len, flags);
}

static int fail(int err)
{
	errno = -err;
	return -1;
}

int hf_accept(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
	struct hf_tickets tickets = {};
	struct slot slot;
	socklen_t size;
	int child;

	if (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return fail(-EINVAL);
	if (addr && !addrlen)
		return fail(-EFAULT);
	if (addr && (int)*addrlen < 0)
		return fail(-EINVAL);
	child = accept_one(fd, &slot, flags, 0);
	/* A listening socket: delivery by the kernel. */
	if (child == -ENOTCONN)
		return accept4(fd, addr, addrlen, flags);
	if (child < 0)
		return fail(child);
	hf_tickets_add(&tickets, &slot.msg);
	hf_page_wait(fd, &tickets);
	if (addr) {
		size = peer_size(&slot.msg);
		memcpy(addr, &slot.msg.peer, size < *addrlen ? size : *addrlen);
		*addrlen = size;
	}
	return child;
}

/* ------------------------------------------------------------------ batch */

static void accepted_fill(struct hf_accepted *out, int child,
			  const struct hf_child_msg *msg)
{
	out->fd = child;
	out->addrlen = peer_size(msg);
	memset(&out->addr, 0, sizeof(out->addr));
	memcpy(&out->addr, &msg->peer, out->addrlen);
}

/* One by one, each with a look at the limit. */
static int batch_careful(int fd, struct hf_accepted *out, int n, int flags)
{
	struct hf_tickets tickets = {};
	struct slot slot;
	int i, child = 0;

	for (i = 0; i < n; i++) {
		child = accept_one(fd, &slot, flags, i ? MSG_DONTWAIT : 0);
		if (child < 0)
			break;
		hf_tickets_add(&tickets, &slot.msg);
		accepted_fill(&out[i], child, &slot.msg);
	}
	hf_page_wait(fd, &tickets);
	return i ? i : child;
}

static int batch_receive(int fd, struct hf_accepted *out, int n, int flags)
{
	struct hf_tickets tickets = {};
	struct mmsghdr msgs[BATCH_MAX];
	struct slot slots[BATCH_MAX];
	int i, child, filled = 0, err = -EAGAIN;

	for (i = 0; i < n; i++)
		slot_prepare(&slots[i], &msgs[i].msg_hdr);
	n = recvmmsg(fd, msgs, n, cloexec_flag(flags) | MSG_WAITFORONE, NULL);
	if (n < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		child = slot_take(
		    &slots[i], &msgs[i].msg_hdr, msgs[i].msg_len, flags);
		if (child < 0) {
			err = err == -EAGAIN ? child : err;
			continue;
		}
		hf_tickets_add(&tickets, &slots[i].msg);
		accepted_fill(&out[filled++], child, &slots[i].msg);
	}
	hf_page_wait(fd, &tickets);
	return filled ? filled : err;
}

/* Delivery by the kernel. Only where accept4(2) does not block is there a look
 * for more than one. */
static int batch_kernel(int fd, struct hf_accepted *out, int n, int flags)
{
	bool nonblock = fcntl(fd, F_GETFL) & O_NONBLOCK;
	int i;

	for (i = 0; i < n && (!i || nonblock); i++) {
		out[i].addrlen = sizeof(out[i].addr);
		out[i].fd = accept4(fd, (struct sockaddr *)&out[i].addr,
				    &out[i].addrlen, flags);
		if (out[i].fd < 0)
			break;
	}
	return i ? i : -errno;
}

int hf_accept_batch(int fd, struct hf_accepted *out, int n, int flags)
{
	int result;

	if (n < 1 || (flags & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)))
		return fail(-EINVAL);
	if (!out)
		return fail(-EFAULT);
	if (n > BATCH_MAX)
		n = BATCH_MAX;
	result = limit_state != LIMIT_FAR ? batch_careful(fd, out, n, flags)
					  : batch_receive(fd, out, n, flags);
	if (result == -ENOTCONN)
		result = batch_kernel(fd, out, n, flags);
	return result < 0 ? fail(result) : result;
}
