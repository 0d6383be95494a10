// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/ctl.h"

static long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int wait_for(int fd, short events, long deadline_ms)
{
	struct pollfd pfd = {.fd = fd, .events = events};
	long left;
	int n;

	do {
		left = deadline_ms - now_ms();
		n = poll(&pfd, 1, left > 0 ? left : 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int control_connect(const char *path, long deadline_ms)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, err;

	if (strlen(path) >= sizeof(addr.sun_path))
		return -ENAMETOOLONG;
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* EAGAIN: the daemon's own backlog is full, and poll() does not tell
	 * when it has room again. */
	while (connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		err = errno;
		if (err == EINTR)
			continue;
		if (err == EAGAIN && now_ms() < deadline_ms) {
			poll(NULL, 0, 10);
			continue;
		}
		close(fd);
		return err == EAGAIN ? -ETIMEDOUT : -err;
	}
	return fd;
}

static int request_send(int fd, const struct hf_ctl_request *request,
			long deadline_ms)
{
	struct hf_ctl_request r = *request;
	int err;

	r.version = HF_CTL_VERSION;
	while (send(fd, &r, sizeof(r), MSG_NOSIGNAL) < 0) {
		if (errno == EPIPE)
			return -ECONNRESET;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_for(fd, POLLOUT, deadline_ms);
		if (err)
			return err;
	}
	return 0;
}

static int reply_receive(int fd, struct hf_ctl_reply *reply, long deadline_ms)
{
	struct hf_ctl_reply r;
	ssize_t len;
	int err;

	/* MSG_TRUNC: the packet's own size, to tell a longer one. */
	while ((len = recv(fd, &r, sizeof(r), MSG_TRUNC)) < 0) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		err = wait_for(fd, POLLIN, deadline_ms);
		if (err)
			return err;
	}
	if (!len)
		return -ECONNRESET;
	if (len != sizeof(r) || r.version != HF_CTL_VERSION)
		return -EPROTO;
	r.text[sizeof(r.text) - 1] = '\0';
	*reply = r;
	return 0;
}

int hf_ctl_call(const char *path, const struct hf_ctl_request *request,
		struct hf_ctl_reply *reply, int timeout_ms)
{
	long deadline_ms = now_ms() + timeout_ms;
	int fd, err;

	fd = control_connect(path, deadline_ms);
	if (fd < 0)
		return fd;
	err = request_send(fd, request, deadline_ms);
	if (!err)
		err = reply_receive(fd, reply, deadline_ms);
	close(fd);
	return err;
}
