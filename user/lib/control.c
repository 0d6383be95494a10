// SPDX-License-Identifier: BSD-2-Clause
/*
 * The connection of one listener to the daemon. It is made again when it
 * breaks, with the same bound socket and the same channel: the descriptor
 * that the application holds never changes.
 *
 *   DOWN --connect, request--> ASKED --reply--> UP
 *     ^                          |              |
 *     +--- no answer, refused ---+--- closed ---+
 *
 * A listener that no daemon has taken yet is not tried again: hf_listen()
 * reports why. Later there is nobody to tell, so any trouble is tried again,
 * and the kernel's listener serves meanwhile.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/lib.h"

/* The daemon's own backlog is full, and nothing tells when it is not. */
#define CONNECT_AGAIN_NS (20 * HF_MS)

__attribute__((format(printf, 3, 4))) static void
answer(struct listener *l, int err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(l->text, sizeof(l->text), format, args);
	va_end(args);
	l->done = l->sent;
	l->answer = err;
	pthread_cond_broadcast(&hf_lib.answered);
}

static void disconnect(struct listener *l)
{
	if (l->control_fd >= 0) {
		hf_thread_unwatch(l->control_fd);
		close(l->control_fd);
	}
	l->control_fd = -1;
	l->state = CONTROL_DOWN;
	l->welcome = false;
}

/* A caller who waits for a new backlog while there is no daemon gets it from
 * the kernel now, and from the daemon later. */
static void change_without_daemon(struct listener *l)
{
	l->sent = l->want;
	if (listen(l->bound_fd, l->wanted.backlog)) {
		answer(l, errno, "listen: %s", strerror(errno));
		return;
	}
	if (!l->direct)
		hf_channel_resize(l, l->wanted.backlog);
	answer(l, 0, "%s", "");
}

static void retry_later(struct listener *l, uint64_t now)
{
	l->retry_ns = now + l->backoff_ns;
	l->backoff_ns *= 2;
	if (l->backoff_ns > HF_BACKOFF_MAX_NS)
		l->backoff_ns = HF_BACKOFF_MAX_NS;
}

/* The daemon went away, or will not have what another one had taken. */
static void lose(struct listener *l, uint64_t now)
{
	disconnect(l);
	retry_later(l, now);
	if (l->done != l->want)
		change_without_daemon(l);
}

/* A first registration failed: told to hf_listen(), which drops it. */
static void refuse(struct listener *l, int err, const char *what,
		   const char *advice)
{
	disconnect(l);
	l->retry_ns = 0;
	l->sent = l->want;
	answer(l, err, "%s %s: %s%s", what, l->path, strerror(err), advice);
}

static void fail(struct listener *l, uint64_t now, int err, const char *what,
		 const char *advice)
{
	if (l->registered)
		lose(l, now);
	else
		refuse(l, err, what, advice);
}

/* ------------------------------------------------------------- connecting */

static int control_connect(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, err;

	memcpy(addr.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static const char *connect_advice(int err)
{
	switch (err) {
	case ENOENT:
	case ECONNREFUSED:
		return " (is handfastd running?)";
	case EACCES:
		return " (the socket belongs to the group that "
		       "handfastd --group names: join it)";
	case EPROTOTYPE:
		return " (that is not handfastd's socket)";
	default:
		return "";
	}
}

static int request_send(struct listener *l)
{
	int fds[3] = {l->bound_fd, l->write_fd, l->page_fd};
	const size_t size = (l->direct ? 1 : 3) * sizeof(int);
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(fds))];
	} control = {};
	struct iovec iov = {&l->asked, sizeof(l->asked)};
	struct msghdr hdr = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = CMSG_SPACE(size)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&hdr);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(cmsg), fds, size);
	if (sendmsg(l->control_fd, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? -ECONNRESET : -errno;
	return 0;
}

static void ask(struct listener *l, uint64_t now)
{
	int err;

	l->sent = l->want;
	l->asked = l->wanted;
	err = request_send(l);
	if (err) {
		fail(l, now, -err, "cannot send to handfastd at", "");
		return;
	}
	l->state = CONTROL_ASKED;
	l->deadline_ns = now + HF_ANSWER_NS;
}

static void try_connect(struct listener *l, uint64_t now)
{
	int fd = control_connect(l->path), err;

	l->retry_ns = 0;
	if (fd == -EAGAIN && !l->registered && now < l->deadline_ns) {
		l->retry_ns = now + CONNECT_AGAIN_NS;
		return;
	}
	if (fd < 0) {
		err = fd == -EAGAIN ? ETIMEDOUT : -fd;
		fail(l, now, err, "cannot connect to", connect_advice(err));
		return;
	}
	l->control_fd = fd;
	err = hf_thread_watch(l, SOURCE_CONTROL, fd, EPOLLIN | EPOLLRDHUP);
	if (err) {
		fail(l, now, -err, "cannot wait for handfastd at", "");
		return;
	}
	ask(l, now);
}

/* ---------------------------------------------------------------- replies */

static int reply_receive(int fd, struct hf_ctl_reply *reply)
{
	ssize_t len = recv(fd, reply, sizeof(*reply), MSG_DONTWAIT | MSG_TRUNC);

	if (len < 0)
		return -errno;
	if (!len)
		return -ECONNRESET;
	if (len != sizeof(*reply) || reply->version != HF_CTL_VERSION ||
	    reply->error < 0)
		return -EPROTO;
	reply->text[sizeof(reply->text) - 1] = '\0';
	return 0;
}

static void accepted(struct listener *l)
{
	l->state = CONTROL_UP;
	l->welcome = true;
	l->registered = true;
	l->backoff_ns = HF_BACKOFF_FIRST_NS;
	l->granted = l->asked;
	if (!l->direct)
		hf_channel_resize(l, l->granted.backlog);
	hf_kernel_watch(l);
	answer(l, 0, "%s", "");
}

static void refused(struct listener *l, const struct hf_ctl_reply *reply,
		    uint64_t now)
{
	if (l->welcome) {
		/* Only the change was refused. */
		if (l->sent == l->want)
			l->wanted = l->granted;
		l->state = CONTROL_UP;
		answer(l, reply->error, "%s", reply->text);
	} else if (l->registered) {
		lose(l, now);
	} else {
		disconnect(l);
		l->sent = l->want;
		answer(l, reply->error, "%s", reply->text);
	}
}

void hf_control_event(struct listener *l, uint64_t now)
{
	struct hf_ctl_reply reply;
	int err;

	err = reply_receive(l->control_fd, &reply);
	if (err == -EAGAIN || err == -EINTR)
		return;
	if (!err && l->state != CONTROL_ASKED)
		err = -EPROTO; /* an answer to nothing */
	if (err == -EPROTO)
		fail(l, now, EPROTO, "no answer that makes sense from",
		     " (install the same version of handfastd and "
		     "libhandfast)");
	else if (err)
		fail(l, now, -err, "no answer from handfastd at", "");
	else if (reply.error)
		refused(l, &reply, now);
	else
		accepted(l);
}

uint64_t hf_control_timer(struct listener *l, uint64_t now)
{
	if (l->state == CONTROL_DOWN && l->retry_ns && now >= l->retry_ns)
		try_connect(l, now);
	if (l->state == CONTROL_ASKED && now >= l->deadline_ns)
		fail(l, now, ETIMEDOUT, "no answer from handfastd at",
		     " (it lives, but does not work)");
	if (l->state == CONTROL_DOWN && l->registered && l->done != l->want)
		change_without_daemon(l);
	if (l->state == CONTROL_UP && l->sent != l->want)
		ask(l, now);

	if (l->state == CONTROL_ASKED)
		return l->deadline_ns;
	return l->state == CONTROL_DOWN ? l->retry_ns : 0;
}
