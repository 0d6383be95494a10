// SPDX-License-Identifier: BSD-2-Clause
/*
 * An echo server on libhandfast: epoll, one thread.
 *
 *   cc echo.c $(pkg-config --cflags --libs handfast) -o echo && ./echo 7777
 *
 * What differs from a server on listen(2) and accept4(2): two lines.
 */
#include <fcntl.h>
#include <handfast.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(int port)
{
	struct sockaddr_in6 addr = {
	    .sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	int listener;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		perror("echo: bind");
		exit(1);
	}
	listener = hf_listen(fd, SOMAXCONN, NULL); /* for listen(2) */
	if (listener < 0) {
		fprintf(stderr, "echo: %s\n", hf_listen_error());
		exit(1);
	}
	close(fd);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	return listener;
}

static void watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		close(fd);
}

static void echo(int fd)
{
	char buf[4096];
	ssize_t len = read(fd, buf, sizeof(buf)), done, n;

	for (done = 0; done < len; done += n) {
		n = send(fd, buf + done, len - done, MSG_NOSIGNAL);
		if (n < 0)
			break;
	}
	if (len <= 0 || done < len)
		close(fd);
}

int main(int argc, char **argv)
{
	int port = argc == 2 ? atoi(argv[1]) : 0, listener, epoll, i, n, fd;
	struct epoll_event events[64];

	if (port < 1 || port > 65535) {
		fprintf(stderr, "usage: echo PORT\n");
		return 2;
	}
	listener = listen_on(port);
	epoll = epoll_create1(EPOLL_CLOEXEC);
	watch(epoll, listener);
	for (;;) {
		n = epoll_wait(epoll, events, 64, -1);
		for (i = 0; i < n; i++) {
			if (events[i].data.fd != listener) {
				echo(events[i].data.fd);
				continue;
			}
			/* for accept4(2) */
			fd = hf_accept(listener, NULL, NULL, SOCK_CLOEXEC);
			if (fd >= 0)
				watch(epoll, fd);
		}
	}
}
