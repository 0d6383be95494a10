// SPDX-License-Identifier: BSD-2-Clause
/*
 * stream - established connections with bytes on them: N of them, sent to or
 * received from a server that runs with --stream. Says how many bytes went
 * over and how many connections broke, and writes down the flows, so that
 * somebody can forge segments for them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 10000
#define CHUNK 65536
#define CONNECT_PATIENCE_MS 3000

struct stream {
	struct sockaddr_in dst;
	uint32_t n;
	bool receive;
	bool quiet; /* connections stand, and nothing is sent */
	double seconds;
	const char *tuples_path;
	int fd[CONNECTIONS_MAX];
	int epoll_fd;
	uint64_t bytes, broken, idle;
	uint64_t per_fd[CONNECTIONS_MAX];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static int connected(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int err = ETIMEDOUT;

	if (poll(&p, 1, CONNECT_PATIENCE_MS) == 1)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &size);
	return err;
}

/* The first byte says which way the data goes. */
static int connection_open(struct stream *s, uint32_t i)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct epoll_event event = {.data.u32 = i};
	int err = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (struct sockaddr *)&s->dst, sizeof(s->dst)) &&
	    errno != EINPROGRESS)
		err = errno;
	if (!err)
		err = connected(fd);
	if (!err && send(fd, s->receive ? "R" : "S", 1, MSG_NOSIGNAL) != 1)
		err = errno;
	s->fd[i] = fd;
	event.events = s->receive ? EPOLLIN : EPOLLOUT;
	if (!err && !s->quiet &&
	    epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		err = errno;
	return err;
}

/* As the client's segments have them. */
static int tuples_write(const struct stream *s)
{
	FILE *out = fopen(s->tuples_path, "we");
	char src[INET_ADDRSTRLEN], dst[INET_ADDRSTRLEN];

	if (!out) {
		fprintf(stderr, "stream: %s: %s\n", s->tuples_path,
			strerror(errno));
		return -1;
	}
	inet_ntop(AF_INET, &s->dst.sin_addr, dst, sizeof(dst));
	for (uint32_t i = 0; i < s->n; i++) {
		struct sockaddr_in sin;
		socklen_t len = sizeof(sin);

		if (getsockname(s->fd[i], (struct sockaddr *)&sin, &len))
			continue;
		inet_ntop(AF_INET, &sin.sin_addr, src, sizeof(src));
		fprintf(out, "%s %u %s %u\n", src, ntohs(sin.sin_port), dst,
			ntohs(s->dst.sin_port));
	}
	return fclose(out);
}

static void connection_move(struct stream *s, uint32_t i)
{
	static char buf[CHUNK];
	ssize_t n;

	if (s->receive)
		n = recv(s->fd[i], buf, sizeof(buf), 0);
	else
		n = send(s->fd[i], buf, sizeof(buf), MSG_NOSIGNAL);
	if (n > 0) {
		s->bytes += n;
		s->per_fd[i] += n;
		return;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, s->fd[i], NULL);
	s->broken++;
}

static void run(struct stream *s)
{
	struct epoll_event events[256];
	double begin = now();

	while (now() - begin < s->seconds) {
		int n = epoll_wait(s->epoll_fd, events, 256, 100);

		for (int i = 0; i < n; i++)
			connection_move(s, events[i].data.u32);
	}
	for (uint32_t i = 0; i < s->n; i++)
		s->idle += !s->per_fd[i];
}

static void usage(FILE *to)
{
	fprintf(to,
		"usage: stream --dst ADDR --port N [--n N] [--seconds S]\n"
		"              [--receive | --idle] [--tuples FILE]\n"
		"Sends to a server that runs with --stream, or receives from\n"
		"it; --idle: nothing but the connections; --tuples: write the\n"
		"flows there once they stand.\n");
}

static int option_take(struct stream *s, int c, const char *arg)
{
	switch (c) {
	case 'd':
		return inet_pton(AF_INET, arg, &s->dst.sin_addr) != 1;
	case 'p':
		s->dst.sin_port = htons(strtoul(arg, NULL, 10));
		return !s->dst.sin_port;
	case 'n':
		s->n = strtoul(arg, NULL, 10);
		return s->n < 1 || s->n > CONNECTIONS_MAX;
	case 's':
		s->seconds = strtod(arg, NULL);
		return !(s->seconds > 0 && s->seconds <= 3600);
	case 'r':
		s->receive = true;
		return 0;
	case 'i':
		s->quiet = true;
		return 0;
	case 't':
		s->tuples_path = arg;
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"dst", required_argument, NULL, 'd'},
	    {"port", required_argument, NULL, 'p'},
	    {"n", required_argument, NULL, 'n'},
	    {"seconds", required_argument, NULL, 's'},
	    {"receive", no_argument, NULL, 'r'},
	    {"idle", no_argument, NULL, 'i'},
	    {"tuples", required_argument, NULL, 't'},
	    {},
	};
	static struct stream s = {.n = 1, .seconds = 2};
	int c, err;

	s.dst.sin_family = AF_INET;
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option_take(&s, c, optarg))
			return usage(stderr), 2;
	}
	if (optind < argc || !s.dst.sin_port || !s.dst.sin_addr.s_addr)
		return usage(stderr), 2;
	s.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	for (uint32_t i = 0; i < s.n; i++) {
		err = connection_open(&s, i);
		if (err) {
			fprintf(stderr, "stream: connection %u: %s\n", i,
				strerror(err));
			return 1;
		}
	}
	if (s.tuples_path && tuples_write(&s))
		return 1;
	run(&s);
	printf("bytes=%llu seconds=%.2f broken=%llu idle=%llu\n",
	       (unsigned long long)s.bytes, s.seconds,
	       (unsigned long long)s.broken, (unsigned long long)s.idle);
	return 0;
}
