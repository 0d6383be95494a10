// SPDX-License-Identifier: BSD-2-Clause
/*
 * server - what stands behind every system that is compared: one thread, a
 * short answer to a short request, then it closes. With --handfast it listens
 * and accepts through libhandfast, otherwise by the kernel; nothing else
 * differs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handfast.h"

#define BATCH 64
#define ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"
#define LISTENER_KEY UINT32_MAX

struct server {
	bool handfast;
	enum hf_delivery_opt delivery;
	bool stream; /* send or receive for ever, as the first byte says */
	int listener;
	int epoll_fd;
	uint64_t accepted, answered, reset, errors;
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static void watch(struct server *s, int fd, uint32_t key)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = key};

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event)) {
		s->errors++;
		close(fd);
	}
}

/* The first byte: 'R' the client receives, else it sends. */
static void stream_event(struct server *s, int fd, uint32_t events)
{
	static char buf[65536];
	struct epoll_event event = {.events = EPOLLOUT, .data.u32 = fd};
	ssize_t n;

	if (events & EPOLLOUT) {
		n = send(fd, buf, sizeof(buf), MSG_NOSIGNAL);
	} else {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n > 0 && buf[0] == 'R') {
			buf[0] = 0;
			epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, fd, &event);
		}
	}
	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	s->reset += n < 0;
	close(fd);
}

/* False: nothing there yet. */
static bool answer(struct server *s, int fd)
{
	char request[2048];
	ssize_t n = recv(fd, request, sizeof(request), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n > 0 && send(fd, ANSWER, sizeof(ANSWER) - 1, MSG_NOSIGNAL) > 0)
		s->answered++;
	else
		s->reset++;
	close(fd);
	return true;
}

static void connection(struct server *s, int fd)
{
	s->accepted++;
	if (s->stream || !answer(s, fd))
		watch(s, fd, fd);
}

static void accept_kernel(struct server *s)
{
	for (int i = 0; i < BATCH; i++) {
		int fd = accept4(
		    s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno != EAGAIN && errno != EINTR)
				s->errors++;
			return;
		}
		connection(s, fd);
	}
}

static void accept_handfast(struct server *s)
{
	struct hf_accepted out[BATCH];
	int n = hf_accept_batch(
	    s->listener, out, BATCH, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->errors++;
	for (int i = 0; i < n; i++)
		connection(s, out[i].fd);
}

static void run(struct server *s)
{
	struct epoll_event events[BATCH];

	while (!stop) {
		int n = epoll_wait(s->epoll_fd, events, BATCH, -1);

		for (int i = 0; i < n; i++) {
			int fd = (int)events[i].data.u32;

			if (events[i].data.u32 != LISTENER_KEY && s->stream)
				stream_event(s, fd, events[i].events);
			else if (events[i].data.u32 != LISTENER_KEY)
				answer(s, fd);
			else if (s->handfast)
				accept_handfast(s);
			else
				accept_kernel(s);
		}
	}
}

static int listen_on(struct server *s, const char *addr, uint16_t port,
		     int backlog)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET,
	    .sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const struct hf_listen_options options = {
	    .size = sizeof(options),
	    .delivery = s->delivery,
	};
	int on = 1;

	if (inet_pton(AF_INET, addr, &sin.sin_addr) != 1) {
		fprintf(stderr, "server: no IPv4 address: %s\n", addr);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)))
		goto fail;
	s->listener = fd;
	if (!s->handfast)
		return listen(fd, backlog) ? -1 : 0;
	s->listener = hf_listen(fd, backlog, &options);
	if (s->listener < 0) {
		fprintf(stderr, "server: %s\n", hf_listen_error());
		return -1;
	}
	/* Non-blocking, as its epoll says when to accept. */
	fcntl(s->listener, F_SETFL, O_NONBLOCK);
	return 0;
fail:
	fprintf(stderr, "server: listen on %s:%u: %s\n", addr, port,
		strerror(errno));
	return -1;
}

static void usage(FILE *to)
{
	fprintf(to, "usage: server [--handfast [--delivery-kernel]] [--stream] "
		    "[--backlog N] "
		    "--listen ADDR --port N\n");
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"handfast", no_argument, NULL, 'f'},
	    {"delivery-kernel", no_argument, NULL, 'k'},
	    {"stream", no_argument, NULL, 'o'},
	    {"backlog", required_argument, NULL, 'b'},
	    {"listen", required_argument, NULL, 'l'},
	    {"port", required_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'},
	    {},
	};
	struct sigaction sa = {.sa_handler = on_signal};
	const char *addr = "0.0.0.0";
	struct rlimit lim;
	struct server s = {};
	unsigned long port = 0;
	int c, backlog = 4096;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'f')
			s.handfast = true;
		else if (c == 'k')
			s.delivery = HF_DELIVERY_OPT_KERNEL;
		else if (c == 'o')
			s.stream = true;
		else if (c == 'b')
			backlog = atoi(optarg);
		else if (c == 'l')
			addr = optarg;
		else if (c == 'p')
			port = strtoul(optarg, NULL, 10);
		else
			return usage(c == 'h' ? stdout : stderr),
			       c == 'h' ? 0 : 2;
	}
	if (optind < argc || port < 1 || port > 65535 || backlog < 1)
		return usage(stderr), 2;
	if (!getrlimit(RLIMIT_NOFILE, &lim)) {
		lim.rlim_cur = lim.rlim_max;
		setrlimit(RLIMIT_NOFILE, &lim);
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s.epoll_fd < 0 || listen_on(&s, addr, port, backlog))
		return 1;
	watch(&s, s.listener, LISTENER_KEY);
	run(&s);
	printf("accepted %llu answered %llu reset %llu errors %llu\n",
	       (unsigned long long)s.accepted, (unsigned long long)s.answered,
	       (unsigned long long)s.reset, (unsigned long long)s.errors);
	return 0;
}
