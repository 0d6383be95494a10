// SPDX-License-Identifier: BSD-2-Clause
/*
 * The kernel's own listener, behind XDP: it gets what XDP leaves to the
 * kernel. Its connections go the same way as those that the daemon brings,
 * through the channel, so that hf_accept() has one place to look.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/lib.h"

/* Nothing tells when the application has read: look again after this. */
#define LOOK_NS (20 * HF_MS)
/* Delivery by the kernel: nor when it has closed its descriptor. */
#define END_LOOK_NS (250 * HF_MS)

/*
 * On the open file that bound_fd and the application share: needed because
 * another process may take the connection that epoll has told of.
 */
static int nonblock_set(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -errno;
	if (flags & O_NONBLOCK)
		return 0;
	return fcntl(fd, F_SETFL, flags | O_NONBLOCK) ? -errno : 0;
}

void hf_kernel_watch(struct listener *l)
{
	if (l->watched)
		return;
	if (l->direct) {
		l->look_ns = hf_lib_now() + END_LOOK_NS;
		return;
	}
	if (nonblock_set(l->bound_fd) ||
	    hf_thread_watch(l, SOURCE_KERNEL, l->bound_fd, EPOLLIN)) {
		l->look_ns = hf_lib_now() + LOOK_NS;
		return;
	}
	l->watched = true;
	l->look_ns = 0;
}

void hf_kernel_unwatch(struct listener *l)
{
	if (l->watched)
		hf_thread_unwatch(l->bound_fd);
	l->watched = false;
	l->look_ns = 0;
}

/* Out of the epoll set: a muted descriptor would still report hang-ups. */
static void kernel_pause(struct listener *l, uint64_t now)
{
	hf_kernel_unwatch(l);
	l->look_ns = now + LOOK_NS;
}

/* SO_LINGER for the time in the channel, see struct hf_child_msg. */
static __s32 linger_set(int fd)
{
	struct linger reset = {.l_onoff = 1, .l_linger = 0}, was;
	socklen_t len = sizeof(was);

	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &was, &len))
		return 0;
	if (was.l_onoff && !was.l_linger)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)))
		return 0;
	return was.l_onoff ? was.l_linger : -1;
}

/* One connection into l->pending. 0 or -errno. */
static int kernel_accept(struct listener *l)
{
	struct child *child = &l->pending[l->n_pending];
	socklen_t len = sizeof(child->msg.peer);

	child->msg = (struct hf_child_msg){};
	child->fd = accept4(l->bound_fd, (struct sockaddr *)&child->msg.peer,
			    &len, SOCK_CLOEXEC);
	if (child->fd < 0)
		return -errno;
	child->msg.linger = linger_set(child->fd);
	l->n_pending++;
	return 0;
}

/* Up to n connections. 0, -EAGAIN: no more there; else why it stopped. */
static int kernel_accept_many(struct listener *l, uint32_t n)
{
	int err = 0;

	while (n-- && l->n_pending < HF_LIB_BATCH) {
		err = kernel_accept(l);
		switch (err) {
		case 0:
		case -EINTR: /* and those of one connection, accept(2): */
		case -ECONNABORTED:
		case -EPROTO:
		case -ENETDOWN:
		case -ENETUNREACH:
		case -EHOSTDOWN:
		case -EHOSTUNREACH:
		case -ENONET:
		case -ENOPROTOOPT:
		case -EOPNOTSUPP:
			err = 0;
			continue;
		}
		break;
	}
	return err;
}

void hf_kernel_event(struct listener *l, uint64_t now)
{
	uint32_t room = hf_channel_room(l);
	int err = 0;

	if (room)
		err = kernel_accept_many(l, room);
	if (l->n_pending && hf_channel_push(l) == -EPIPE) {
		hf_listener_drop(l);
		return;
	}
	switch (err) {
	case 0:
	case -EAGAIN:
		if (!room || l->n_pending)
			kernel_pause(l, now);
		break;
	case -EMFILE:
	case -ENFILE:
	case -ENOBUFS:
	case -ENOMEM:
		kernel_pause(l, now);
		break;
	default:
		/* The application has shut it down: the daemon's next
		 * listen(2) on it starts it again. */
		hf_kernel_unwatch(l);
		if (l->n_pending)
			l->look_ns = now + LOOK_NS;
		break;
	}
}

uint64_t hf_kernel_timer(struct listener *l, uint64_t now)
{
	if (!l->look_ns || now < l->look_ns)
		return l->look_ns;
	if (l->direct && !hf_listener_read_end_open(l)) {
		hf_listener_drop(l);
		return 0;
	}
	if (l->direct)
		return l->look_ns = now + END_LOOK_NS;
	l->look_ns = 0;
	if (l->n_pending && hf_channel_push(l) == -EPIPE) {
		hf_listener_drop(l);
		return 0;
	}
	if (l->n_pending || !hf_channel_room(l))
		l->look_ns = now + LOOK_NS;
	else
		hf_kernel_watch(l);
	return l->look_ns;
}
