// SPDX-License-Identifier: BSD-2-Clause
/* The control socket: one packet, one reply; a listener for a connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"
#include "daemon/device.h"
#include "daemon/listener.h"

#define CONNECTIONS_MAX 4096
#define FDS_MAX 3 /* socket, channel, the channel's page */

struct connection {
	struct source source;
	LIST_ENTRY(connection) link;
	int fd;
	struct ucred peer;
	struct listener *listener;
};

static LIST_HEAD(, connection) connections = LIST_HEAD_INITIALIZER(connections);
static int connection_count;
static struct source listen_source;
static int listen_fd = -1;

struct packet {
	struct hf_ctl_request request;
	int fds[FDS_MAX];
	int fd_count;
};

/* ------------------------------------------------------------- requests */

static int handle_listen(struct connection *c, const struct packet *p,
			 struct hf_ctl_reply *reply)
{
	const struct hf_ctl_request *ctl = &p->request;
	struct listen_request request = {
	    .bound_fd = p->fds[0],
	    .channel_fd = p->fd_count > 1 ? p->fds[1] : -1,
	    .page_fd = p->fd_count > 2 ? p->fds[2] : -1,
	    .pid = c->peer.pid,
	    .uid = c->peer.uid,
	    .gid = c->peer.gid,
	    .ctl = ctl,
	};

	const int fds_needed =
	    c->listener || ctl->delivery == HF_DELIVERY_KERNEL ? 1 : 2;

	if (p->fd_count < fds_needed || ctl->cookies > HF_COOKIES_ALWAYS ||
	    (ctl->overflow > HF_OVERFLOW_RST &&
	     ctl->overflow != HF_CTL_DEFAULT) ||
	    ctl->delivery > HF_DELIVERY_KERNEL)
		return -EPROTO;
	if (c->listener)
		return listener_change(
		    c->listener, &request, reply->text, sizeof(reply->text));
	return listener_open(
	    &request, &c->listener, reply->text, sizeof(reply->text));
}

static int handle_device(const struct connection *c, const struct packet *p,
			 struct hf_ctl_reply *reply)
{
	if (c->peer.uid != 0 && c->peer.uid != hfd.uid) {
		snprintf(reply->text, sizeof(reply->text),
			 "only root and uid %u may do that", hfd.uid);
		return -EPERM;
	}
	if (p->request.type == HF_CTL_RELOAD)
		return config_reload();
	if (p->request.type == HF_CTL_DETACH)
		return device_drain(
		    p->request.ifindex, reply->text, sizeof(reply->text));
	netlink_sync();
	return device_open(
	    p->request.ifindex, reply->text, sizeof(reply->text));
}

static int handle(struct connection *c, const struct packet *p, ssize_t len,
		  struct hf_ctl_reply *reply)
{
	if (len != sizeof(p->request) || p->request.version != HF_CTL_VERSION) {
		snprintf(reply->text, sizeof(reply->text),
			 "not a request of protocol version %u",
			 HF_CTL_VERSION);
		return -EPROTO;
	}
	switch (p->request.type) {
	case HF_CTL_LISTEN:
		return handle_listen(c, p, reply);
	case HF_CTL_ATTACHED:
	case HF_CTL_DETACH:
	case HF_CTL_RELOAD:
		return handle_device(c, p, reply);
	default:
		return -EPROTO;
	}
}

/* ----------------------------------------------------------- connections */

static void connection_close(struct connection *c)
{
	LIST_REMOVE(c, link);
	connection_count--;
	source_remove(c->fd);
	close(c->fd);
	if (c->listener)
		listener_close(c->listener);
	free(c);
}

static void take_fds(struct msghdr *msg, struct packet *p)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(
			    &fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (p->fd_count < FDS_MAX)
				p->fds[p->fd_count++] = fd;
			else
				close(fd);
		}
	}
}

/* Bytes of the packet, 0: end, or -errno. One byte more than a request is
 * read, to know a longer one. */
static ssize_t packet_receive(int fd, struct packet *p)
{
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	char extra;
	struct iovec iov[2] = {
	    {.iov_base = &p->request, .iov_len = sizeof(p->request)},
	    {.iov_base = &extra, .iov_len = 1},
	};
	struct msghdr msg = {
	    .msg_iov = iov,
	    .msg_iovlen = 2,
	    .msg_control = control.buf,
	    .msg_controllen = sizeof(control.buf),
	};
	ssize_t n;

	memset(p, 0, sizeof(*p));
	n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	take_fds(&msg, p);
	return n;
}

static void connection_ready(struct source *source, uint32_t events)
{
	struct connection *c = (struct connection *)source;
	struct hf_ctl_reply reply = {.version = HF_CTL_VERSION};
	struct packet p;
	ssize_t n = packet_receive(c->fd, &p);
	int err;

	(void)events;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n <= 0) {
		connection_close(c);
		return;
	}
	err = handle(c, &p, n, &reply);
	while (p.fd_count)
		close(p.fds[--p.fd_count]);
	reply.error = -err;
	if (err && !reply.text[0])
		snprintf(reply.text, sizeof(reply.text), "%s", strerror(-err));
	if (err)
		hf_debug("pid %d: %s", c->peer.pid, reply.text);
	if (send(c->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) <
		0 ||
	    err == -EPROTO)
		connection_close(c);
}

static void listen_ready(struct source *source, uint32_t events)
{
	struct connection *c;
	socklen_t len = sizeof(c->peer);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)source;
	(void)events;
	if (fd < 0)
		return;
	c = calloc(1, sizeof(*c));
	if (!c || connection_count >= CONNECTIONS_MAX ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c->peer, &len)) {
		close(fd);
		free(c);
		return;
	}
	c->fd = fd;
	c->source.ready = connection_ready;
	if (source_add(&c->source, fd, EPOLLIN)) {
		close(fd);
		free(c);
		return;
	}
	LIST_INSERT_HEAD(&connections, c, link);
	connection_count++;
}

/* Ends the listeners whose application closed its descriptor. */
void control_reap(void)
{
	struct connection *c = LIST_FIRST(&connections);

	while (c) {
		struct connection *next = LIST_NEXT(c, link);

		if (c->listener && c->listener->closed)
			connection_close(c);
		c = next;
	}
}

/* ---------------------------------------------------------------- socket */

static int socket_dir(const char *path)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash || slash == dir)
		return 0;
	*slash = '\0';
	return mkdir(dir, 0755) && errno != EEXIST ? -errno : 0;
}

/* A socket that nobody listens on is left from a daemon that died. */
static int socket_clear(int fd, const struct sockaddr_un *addr)
{
	if (!connect(fd, (const struct sockaddr *)addr, sizeof(*addr)))
		return -EADDRINUSE;
	if (errno == ECONNREFUSED && unlink(addr->sun_path))
		return -errno;
	return 0;
}

static int socket_bind(const char *path, const struct sockaddr_un *addr)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = socket_clear(fd, addr);
	close(fd);
	if (err)
		return err;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) ||
	    (hfd.group != (gid_t)-1 && chown(path, (uid_t)-1, hfd.group)) ||
	    chmod(path, hfd.group != (gid_t)-1 ? 0660 : 0600) ||
	    listen(fd, SOMAXCONN)) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int control_open(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int err;

	if (strlen(hfd.socket_path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	memcpy(addr.sun_path, hfd.socket_path, strlen(hfd.socket_path));
	err = socket_dir(hfd.socket_path);
	if (!err) {
		listen_fd = socket_bind(hfd.socket_path, &addr);
		err = listen_fd < 0 ? listen_fd : 0;
	}
	if (err) {
		hf_error("cannot open the control socket %s: %s",
			 hfd.socket_path,
			 err == -EADDRINUSE ? "another daemon listens there; "
					      "pass --socket"
					    : strerror(-err));
		return err;
	}
	listen_source.ready = listen_ready;
	return source_add(&listen_source, listen_fd, EPOLLIN);
}

void control_close(void)
{
	struct connection *c;

	while ((c = LIST_FIRST(&connections)))
		connection_close(c);
	if (listen_fd >= 0) {
		unlink(hfd.socket_path);
		close(listen_fd);
	}
	listen_fd = -1;
}
