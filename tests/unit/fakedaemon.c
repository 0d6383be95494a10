// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fakedaemon.h"
#include "handfast/abi.h"

/* Threads cannot use cmocka's assertions: they jump. */
#define must(condition)                                                        \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, \
				#condition, strerror(errno));                  \
			abort();                                               \
		}                                                              \
	} while (0)

#define FAKE_FREE ((struct fake_client){-1, -1, -1, NULL})

/* --------------------------------------------------------------- requests */

static void client_close(struct fake_client *client)
{
	if (client->connection >= 0)
		close(client->connection);
	if (client->channel >= 0)
		close(client->channel);
	if (client->bound >= 0)
		close(client->bound);
	if (client->page)
		munmap(client->page, sizeof(*client->page));
	*client = FAKE_FREE;
}

static void reply_send(struct fake_daemon *daemon, int fd, int error)
{
	struct hf_ctl_reply reply = {.version = HF_CTL_VERSION, .error = error};
	size_t size = sizeof(reply);

	if (error)
		strcpy(reply.text, "the daemon's words");
	if (daemon->mode == FAKE_VERSION)
		reply.version++;
	if (daemon->mode == FAKE_SHORT)
		size--;
	must(send(fd, &reply, size, MSG_NOSIGNAL) == (ssize_t)size);
	if (daemon->mode == FAKE_TALKATIVE)
		must(send(fd, &reply, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static void request_serve(struct fake_daemon *daemon,
			  struct fake_client *client,
			  const struct hf_ctl_request *request)
{
	int error = 0;

	daemon->last = *request;
	daemon->requests++;
	switch (daemon->mode) {
	case FAKE_SILENT:
		return;
	case FAKE_HANG_UP:
		client_close(client);
		return;
	case FAKE_REFUSE:
		reply_send(daemon, client->connection, daemon->error);
		client_close(client);
		return;
	case FAKE_KEEP:
		error = daemon->error;
		break;
	default:
		if (listen(client->bound, request->backlog))
			error = errno;
	}
	reply_send(daemon, client->connection, error);
}

static struct hf_channel_page *page_map(int fd)
{
	void *page = mmap(NULL, sizeof(struct hf_channel_page),
			  PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	must(page != MAP_FAILED);
	close(fd);
	return page;
}

/* One request with its descriptors: the bound socket, the channel, its page.
 * A later request replaces them. */
static void request_receive(struct fake_daemon *daemon,
			    struct fake_client *client)
{
	struct hf_ctl_request request;
	int fds[3];
	char control[CMSG_SPACE(sizeof(fds))];
	struct iovec iov = {&request, sizeof(request)};
	struct msghdr hdr = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	struct cmsghdr *cmsg;
	size_t count;
	ssize_t len;

	len =
	    recvmsg(client->connection, &hdr, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (len < 0 && errno == EAGAIN)
		return;
	if (len <= 0) {
		client_close(client);
		return;
	}
	must(len == sizeof(request));
	/* Delivery by the kernel needs no channel. */
	count = request.delivery == HF_DELIVERY_KERNEL ? 1 : 3;
	cmsg = CMSG_FIRSTHDR(&hdr);
	must(cmsg && cmsg->cmsg_len == CMSG_LEN(count * sizeof(fds[0])));
	memcpy(fds, CMSG_DATA(cmsg), count * sizeof(fds[0]));
	if (client->bound >= 0)
		close(client->bound);
	if (client->channel >= 0)
		close(client->channel);
	client->bound = fds[0];
	if (client->page)
		munmap(client->page, sizeof(*client->page));
	client->channel = count > 1 ? fds[1] : -1;
	client->page = count > 1 ? page_map(fds[2]) : NULL;
	request_serve(daemon, client, &request);
}

static void connection_take(struct fake_daemon *daemon)
{
	int fd = accept4(daemon->listener, NULL, NULL, SOCK_CLOEXEC), i;

	must(fd >= 0);
	for (i = 0; i < FAKE_CLIENTS; i++) {
		if (daemon->clients[i].connection >= 0)
			continue;
		daemon->clients[i].connection = fd;
		return;
	}
	must(!"room for a client");
}

static int poll_fill(struct fake_daemon *daemon, struct pollfd *fds, int *who)
{
	int i, n = 2;

	fds[0] = (struct pollfd){.fd = daemon->wake[0], .events = POLLIN};
	fds[1] = (struct pollfd){.fd = daemon->listener, .events = POLLIN};
	for (i = 0; i < FAKE_CLIENTS; i++) {
		if (daemon->clients[i].connection < 0)
			continue;
		fds[n].fd = daemon->clients[i].connection;
		fds[n].events = POLLIN;
		who[n++] = i;
	}
	return n;
}

static void *fake_main(void *arg)
{
	static struct pollfd fds[FAKE_CLIENTS + 2];
	static int who[FAKE_CLIENTS + 2];
	struct fake_daemon *daemon = arg;
	int i, n;

	for (;;) {
		pthread_mutex_lock(&daemon->mutex);
		n = poll_fill(daemon, fds, who);
		pthread_mutex_unlock(&daemon->mutex);
		must(poll(fds, n, -1) > 0 || errno == EINTR);
		if (fds[0].revents)
			return NULL;
		pthread_mutex_lock(&daemon->mutex);
		if (fds[1].revents)
			connection_take(daemon);
		for (i = 2; i < n; i++)
			if (fds[i].revents)
				request_receive(
				    daemon, &daemon->clients[who[i]]);
		pthread_mutex_unlock(&daemon->mutex);
	}
}

/* ------------------------------------------------------------- life cycle */

void fake_restart(struct fake_daemon *daemon)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int i;

	for (i = 0; i < FAKE_CLIENTS; i++)
		daemon->clients[i] = FAKE_FREE;
	pthread_mutex_init(&daemon->mutex, NULL);
	daemon->requests = 0;
	strcpy(addr.sun_path, daemon->path);
	unlink(daemon->path);
	daemon->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	must(daemon->listener >= 0);
	must(!bind(daemon->listener, (struct sockaddr *)&addr, sizeof(addr)));
	must(!listen(daemon->listener, 64));
	must(!pipe(daemon->wake));
	must(!pthread_create(&daemon->thread, NULL, fake_main, daemon));
}

void fake_start(struct fake_daemon *daemon)
{
	static int number;

	snprintf(daemon->path, sizeof(daemon->path),
		 "/tmp/handfast-unit.%d.%d.sock", getpid(), number++);
	daemon->mode = FAKE_GOOD;
	fake_restart(daemon);
}

void fake_kill(struct fake_daemon *daemon)
{
	int i;

	must(write(daemon->wake[1], "", 1) == 1);
	pthread_join(daemon->thread, NULL);
	close(daemon->listener);
	close(daemon->wake[0]);
	close(daemon->wake[1]);
	for (i = 0; i < FAKE_CLIENTS; i++)
		client_close(&daemon->clients[i]);
}

void fake_stop(struct fake_daemon *daemon)
{
	fake_kill(daemon);
	unlink(daemon->path);
}

void fake_set(struct fake_daemon *daemon, enum fake_mode mode, int error)
{
	pthread_mutex_lock(&daemon->mutex);
	daemon->mode = mode;
	daemon->error = error;
	daemon->requests = 0;
	pthread_mutex_unlock(&daemon->mutex);
}

int fake_requests(struct fake_daemon *daemon)
{
	int n;

	pthread_mutex_lock(&daemon->mutex);
	n = daemon->requests;
	pthread_mutex_unlock(&daemon->mutex);
	return n;
}

struct hf_ctl_request fake_last(struct fake_daemon *daemon)
{
	struct hf_ctl_request last;

	pthread_mutex_lock(&daemon->mutex);
	last = daemon->last;
	pthread_mutex_unlock(&daemon->mutex);
	return last;
}

int fake_listeners(struct fake_daemon *daemon)
{
	int i, n = 0;

	pthread_mutex_lock(&daemon->mutex);
	for (i = 0; i < FAKE_CLIENTS; i++)
		n += daemon->clients[i].bound >= 0;
	pthread_mutex_unlock(&daemon->mutex);
	return n;
}

/* --------------------------------------------------------------- channels */

int fake_channel(struct fake_daemon *daemon)
{
	int i, fd = -1;

	pthread_mutex_lock(&daemon->mutex);
	for (i = 0; i < FAKE_CLIENTS; i++)
		if (daemon->clients[i].channel >= 0)
			fd = daemon->clients[i].channel;
	pthread_mutex_unlock(&daemon->mutex);
	assert_true(fd >= 0);
	return fd;
}

struct hf_channel_page *fake_page(struct fake_daemon *daemon)
{
	struct hf_channel_page *page = NULL;
	int i;

	pthread_mutex_lock(&daemon->mutex);
	for (i = 0; i < FAKE_CLIENTS; i++)
		if (daemon->clients[i].channel >= 0)
			page = daemon->clients[i].page;
	pthread_mutex_unlock(&daemon->mutex);
	assert_non_null(page);
	return page;
}

int fake_push(int channel, int fd, const struct hf_child_msg *msg)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	struct iovec iov = {(void *)msg, sizeof(*msg)};
	struct msghdr hdr = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *cmsg;

	if (fd >= 0) {
		hdr.msg_control = control.buf;
		hdr.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&hdr);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (sendmsg(channel, &hdr, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

int fake_connect(int channel)
{
	struct hf_child_msg msg = {};
	int client, child;

	tcp_pair(&client, &child, &msg.peer.in);
	assert_int_equal(fake_push(channel, child, &msg), 0);
	close(child);
	return client;
}
