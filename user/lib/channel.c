// SPDX-License-Identifier: BSD-2-Clause
/*
 * A channel is bounded as an accept queue is: by the number of connections
 * in it. The kernel tells the bytes that are unread (SIOCOUTQ), and it counts
 * what a message takes in memory, not its length. That is the same for every
 * message here, so one message of a socketpair of our own tells it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/lib.h"

#define SOMAXCONN_DEFAULT 4096 /* since Linux 5.4 */
/* Messages that another writer (the daemon) may have on top of the limit. */
#define CHANNEL_SLACK 64

static int bytes_unread(int fd)
{
	int bytes;

	if (ioctl(fd, SIOCOUTQ, &bytes))
		return -errno;
	return bytes;
}

/* What one message takes. 0: not known (yet). */
static uint32_t message_size(void)
{
	static uint32_t size;
	struct hf_child_msg msg = {};
	int pair[2], bytes;

	if (size)
		return size;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return 0;
	if (send(pair[1], &msg, sizeof(msg), MSG_DONTWAIT) == sizeof(msg)) {
		bytes = bytes_unread(pair[1]);
		if (bytes > 0)
			size = bytes;
	}
	close(pair[0]);
	close(pair[1]);
	return size;
}

/* How many unread connections a backlog allows, as Linux counts. */
static uint32_t backlog_limit(int backlog)
{
	uint32_t somaxconn = SOMAXCONN_DEFAULT;
	uint32_t limit = backlog; /* negative: as many as allowed */
	char text[16] = "";
	int fd;

	fd = open("/proc/sys/net/core/somaxconn", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			somaxconn = strtoul(text, NULL, 10);
		close(fd);
	}
	if (limit > somaxconn)
		limit = somaxconn;
	return limit + 1; /* sk_acceptq_is_full() compares with '>' */
}

int hf_channel_open(struct listener *l)
{
	struct stat st;
	int pair[2], err;

	l->message_size = message_size();
	if (!l->message_size)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	if (fstat(pair[0], &st)) {
		err = -errno;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	l->page_fd = hf_page_open(st.st_ino, &l->page);
	if (l->page_fd < 0) {
		err = l->page_fd;
		close(pair[0]);
		close(pair[1]);
		return err;
	}
	l->read_fd = pair[0];
	l->read_inode = st.st_ino;
	l->write_fd = pair[1];
	return 0;
}

void hf_channel_close(struct listener *l)
{
	if (l->write_fd >= 0)
		close(l->write_fd);
	l->write_fd = -1;
	if (l->page)
		hf_page_close(l->page, l->page_fd);
	l->page = NULL;
	l->page_fd = -1;
}

void hf_channel_resize(struct listener *l, int backlog)
{
	uint64_t bytes;
	int half;

	l->limit = backlog_limit(backlog);
	/* The kernel doubles what it is asked for. */
	bytes = (uint64_t)l->message_size * (l->limit + CHANNEL_SLACK);
	half = bytes / 2 > INT32_MAX / 2 ? INT32_MAX / 2 : bytes / 2;
	/* Without the privilege, as much as net.core.wmem_max allows. */
	if (setsockopt(
		l->write_fd, SOL_SOCKET, SO_SNDBUFFORCE, &half, sizeof(half)))
		setsockopt(
		    l->write_fd, SOL_SOCKET, SO_SNDBUF, &half, sizeof(half));
}

uint32_t hf_channel_room(const struct listener *l)
{
	int bytes = bytes_unread(l->write_fd);
	uint32_t unread;

	if (bytes < 0 || !l->message_size)
		return 0;
	unread = bytes / l->message_size + l->n_pending;
	return unread < l->limit ? l->limit - unread : 0;
}

bool hf_channel_hung_up(const struct listener *l)
{
	struct pollfd pfd = {.fd = l->write_fd};

	return poll(&pfd, 1, 0) == 1 && (pfd.revents & POLLHUP);
}

union control {
	struct cmsghdr align;
	char buf[CMSG_SPACE(sizeof(int))];
};

static void message_build(struct msghdr *hdr, struct iovec *iov,
			  union control *control, struct child *child)
{
	struct cmsghdr *cmsg;

	memset(hdr, 0, sizeof(*hdr));
	memset(control, 0, sizeof(*control));
	iov->iov_base = &child->msg;
	iov->iov_len = sizeof(child->msg);
	hdr->msg_iov = iov;
	hdr->msg_iovlen = 1;
	hdr->msg_control = control->buf;
	hdr->msg_controllen = sizeof(control->buf);
	cmsg = CMSG_FIRSTHDR(hdr);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &child->fd, sizeof(int));
}

int hf_channel_push(struct listener *l)
{
	struct mmsghdr msgs[HF_LIB_BATCH];
	struct iovec iovs[HF_LIB_BATCH];
	union control controls[HF_LIB_BATCH];
	int i, n;

	for (i = 0; i < (int)l->n_pending; i++) {
		l->pending[i].msg.writer = HF_WRITER_LIBRARY;
		l->pending[i].msg.ticket = l->ticket + i + 1;
		message_build(
		    &msgs[i].msg_hdr, &iovs[i], &controls[i], &l->pending[i]);
	}
	n = sendmmsg(
	    l->write_fd, msgs, l->n_pending, MSG_DONTWAIT | MSG_NOSIGNAL);
	/*
	 * EAGAIN: the channel holds less than the backlog. ETOOMANYREFS: too
	 * many descriptors are in flight (RLIMIT_NOFILE counts them, per
	 * user). Both pass, so that the connections stay here.
	 */
	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? -EPIPE : 0;
	for (i = 0; i < n; i++)
		close(l->pending[i].fd);
	l->ticket += n;
	__atomic_store_n(
	    &l->page->released[HF_WRITER_LIBRARY], l->ticket, __ATOMIC_RELEASE);
	l->n_pending -= n;
	memmove(
	    l->pending, l->pending + n, l->n_pending * sizeof(l->pending[0]));
	return 0;
}
