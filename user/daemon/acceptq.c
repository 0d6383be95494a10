// SPDX-License-Identifier: BSD-2-Clause
/*
 * The accept queue of a listener: what waits here, and what the application
 * has not read from the channel yet. Both hold places in acceptq_len, which
 * XDP compares with the backlog.
 *
 * Nobody tells the daemon that the application has accepted; SIOCOUTQ of the
 * channel's writing end does. It counts what the library pushed from the
 * kernel's listener too, which belongs to the same queue.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/listener.h"

#define PUSH_BATCH 32

union fd_control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

/*
 * Tickets go on where the page stands: messages of a daemon that died have
 * larger ones than it could confirm, but all of its copies are closed.
 */
#define TICKETS_LOST 0x10000U

int acceptq_page_open(struct listener *l, int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;
	void *mem;

	/* A page that can be cut off would kill the daemon with SIGBUS. */
	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) ||
	    st.st_size < (off_t)sizeof(*l->page))
		return -EPROTO;
	mem = mmap(
	    NULL, sizeof(*l->page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED)
		return -EPROTO;
	l->page = mem;
	l->ticket = l->page->released[HF_WRITER_DAEMON] + TICKETS_LOST;
	__atomic_store_n(
	    &l->page->released[HF_WRITER_DAEMON], l->ticket, __ATOMIC_RELEASE);
	return 0;
}

void acceptq_page_close(struct listener *l)
{
	if (l->page)
		munmap(l->page, sizeof(*l->page));
	l->page = NULL;
}

static void message_fill(struct mmsghdr *m, struct iovec *iov,
			 union fd_control *control, struct waiting *child)
{
	struct cmsghdr *cmsg;

	memset(m, 0, sizeof(*m));
	memset(control, 0, sizeof(*control));
	iov->iov_base = &child->msg;
	iov->iov_len = sizeof(child->msg);
	m->msg_hdr.msg_iov = iov;
	m->msg_hdr.msg_iovlen = 1;
	m->msg_hdr.msg_control = control->buf;
	m->msg_hdr.msg_controllen = sizeof(control->buf);
	cmsg = CMSG_FIRSTHDR(&m->msg_hdr);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &child->fd, sizeof(int));
}

/* One sendmmsg(2) from the queue's head; how many went, or -errno. */
static int flush_some(struct listener *l)
{
	struct mmsghdr messages[PUSH_BATCH];
	struct iovec iov[PUSH_BATCH];
	union fd_control control[PUSH_BATCH];
	uint32_t n = l->count < PUSH_BATCH ? l->count : PUSH_BATCH;
	int sent;

	for (uint32_t i = 0; i < n; i++) {
		struct waiting *child = &l->queue[(l->first + i) % l->capacity];

		child->msg.writer = l->page ? HF_WRITER_DAEMON : HF_WRITER_NONE;
		child->msg.ticket = l->ticket + i + 1;
		message_fill(&messages[i], &iov[i], &control[i], child);
	}
	sent =
	    sendmmsg(l->channel_fd, messages, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0)
		return -errno;
	for (int i = 0; i < sent; i++)
		close(l->queue[(l->first + (uint32_t)i) % l->capacity].fd);
	/* Now the application's copies are the only ones. */
	l->ticket += (uint32_t)sent;
	if (l->page)
		__atomic_store_n(&l->page->released[HF_WRITER_DAEMON],
				 l->ticket, __ATOMIC_RELEASE);
	l->first = (l->first + (uint32_t)sent) % l->capacity;
	l->count -= (uint32_t)sent;
	l->channel_counted += (uint32_t)sent;
	atomic_fetch_sub(&hfd.open_children, sent);
	return sent;
}

static void flush_locked(struct listener *l)
{
	while (l->count && !l->closed) {
		int sent = flush_some(l);

		/* No room (EAGAIN), or too many descriptors under way
		 * (ETOOMANYREFS): the timer and EPOLLOUT try again. */
		if (sent == -EPIPE || sent == -ECONNRESET)
			l->closed = true;
		if (sent <= 0)
			break;
	}
}

/*
 * Delivery KERNEL: the queue is the socket's own; of a listening one TCP_INFO
 * tells how many wait (tcp_get_info()).
 */
static void refresh_kernel(struct listener *l)
{
	struct tcp_info info = {};
	socklen_t len = sizeof(info);

	if (!getsockopt(l->bound_fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		__atomic_store_n(&l->mem->acceptq_kernel, info.tcpi_unacked,
				 __ATOMIC_RELAXED);
}

static void refresh_locked(struct listener *l)
{
	int bytes = 0;
	uint32_t unread;

	if (ioctl(l->channel_fd, SIOCOUTQ, &bytes) || bytes < 0)
		return;
	unread = (uint32_t)((size_t)bytes / hfd.child_truesize);
	__atomic_fetch_add(&l->mem->acceptq_len, unread - l->channel_counted,
			   __ATOMIC_RELAXED);
	l->channel_counted = unread;
}

/*
 * The channel tells of room each time that the application reads: of use only
 * while something waits here, or the queue may soon be full. Otherwise the
 * next push gives the places back, or the timer.
 */
static void watch_locked(struct listener *l)
{
	bool want = l->count || l->mem->acceptq_len > l->mem->backlog / 2;

	if (want == l->watched)
		return;
	if (!source_change(&l->source, l->channel_fd,
			   EPOLLET | (want ? (uint32_t)EPOLLOUT : 0)))
		l->watched = want;
}

static void flush_and_refresh_locked(struct listener *l)
{
	flush_locked(l);
	refresh_locked(l);
	watch_locked(l);
}

static int queue_reserve(struct listener *l, uint32_t n)
{
	uint32_t capacity = l->capacity ? l->capacity : 64;
	struct waiting *queue;

	while (capacity < l->count + n)
		capacity *= 2;
	if (capacity == l->capacity)
		return 0;
	queue = calloc(capacity, sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->count; i++)
		queue[i] = l->queue[(l->first + i) % l->capacity];
	free(l->queue);
	l->queue = queue;
	l->capacity = capacity;
	l->first = 0;
	return 0;
}

int acceptq_push(struct listener *l, const struct waiting *children, uint32_t n)
{
	int err;

	pthread_mutex_lock(&l->mutex);
	err = queue_reserve(l, n);
	if (!err) {
		for (uint32_t i = 0; i < n; i++)
			l->queue[(l->first + l->count++) % l->capacity] =
			    children[i];
		atomic_fetch_add(&hfd.open_children, n);
		flush_and_refresh_locked(l);
	}
	pthread_mutex_unlock(&l->mutex);
	return err;
}

void acceptq_flush(struct listener *l)
{
	pthread_mutex_lock(&l->mutex);
	flush_and_refresh_locked(l);
	pthread_mutex_unlock(&l->mutex);
}

void acceptq_refresh(struct listener *l)
{
	if (l->channel_fd < 0) {
		refresh_kernel(l);
		return;
	}
	if (!l->mem->acceptq_len && !l->count)
		return;
	acceptq_flush(l);
}

/* Children have SO_LINGER on with no time: closing them sends the RST that
 * Linux sends for what waits in the queue of a listener that closes. */
void acceptq_reset(struct listener *l)
{
	pthread_mutex_lock(&l->mutex);
	for (uint32_t i = 0; i < l->count; i++)
		close(l->queue[(l->first + i) % l->capacity].fd);
	DAEMON_COUNT_N(acceptq_reset, l->count);
	atomic_fetch_sub(&hfd.open_children, l->count);
	l->count = 0;
	pthread_mutex_unlock(&l->mutex);
}

int acceptq_measure(size_t *truesize)
{
	struct waiting child = {};
	struct mmsghdr message;
	union fd_control control;
	struct iovec iov;
	int pair[2], bytes = 0, err = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	child.fd = pair[0];
	message_fill(&message, &iov, &control, &child);
	if (sendmsg(pair[0], &message.msg_hdr, MSG_DONTWAIT) < 0 ||
	    ioctl(pair[0], SIOCOUTQ, &bytes))
		err = -errno;
	else if (bytes <= 0)
		err = -EPROTO;
	*truesize = (size_t)bytes;
	/* The message holds its own socket: read it, or it stays for ever. */
	if (recv(pair[1], &child.msg, sizeof(child.msg), MSG_DONTWAIT) < 0 &&
	    !err)
		err = -errno;
	close(pair[0]);
	close(pair[1]);
	return err;
}
