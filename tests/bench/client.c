// SPDX-License-Identifier: BSD-2-Clause
/*
 * client - an honest client: connects, sends a request, reads the answer to
 * its end. At a rate whatever becomes of the others (open loop), or a number
 * at once (closed loop). Every request ends in exactly one count.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define NSEC 1000000000LL
#define EVENTS 256
#define SECONDS_MAX 3600
#define REQUEST "GET / HTTP/1.0\r\nHost: bench\r\n\r\n"

struct request {
	TAILQ_ENTRY(request) entry; /* in the order they began */
	int fd;
	bool connected;
	size_t received;
	char head[16]; /* the answer's first bytes */
	int64_t begin_ns;
	int64_t connected_ns;
};

TAILQ_HEAD(request_list, request);

struct client {
	struct sockaddr_in dst;
	uint32_t src;     /* host order, 0: the kernel chooses */
	uint32_t sources; /* consecutive addresses from there */
	double rate;      /* requests a second, 0: closed loop */
	uint32_t at_once; /* closed loop: so many, always */
	uint32_t most;    /* descriptors that there are */
	int64_t timeout_ns;
	int64_t end_ns; /* nothing begins from here on */
	const char *request;
	const char *expect;
	struct client_progress *progress;
	struct request_list open;
	uint32_t open_count;
	uint64_t next_source;
	int epoll_fd;
	/* Requests that had to send again, the latency of the others. */
	uint64_t retried;
	uint64_t smooth_us[PROGRESS_CLASSES];
};

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

static void request_end(struct client *c, struct request *r, uint64_t *count)
{
	++*count;
	TAILQ_REMOVE(&c->open, r, entry);
	c->open_count--;
	close(r->fd);
	free(r);
}

static void latency_add(uint64_t *classes, uint64_t *max, int64_t ns)
{
	uint64_t us = ns / 1000;

	classes[progress_class(us)]++;
	if (us > *max)
		*max = us;
}

/* Open loop only: where the rate is what counts, it is not to pay for this. */
static void retries_note(struct client *c, const struct request *r, int64_t ns)
{
	struct tcp_info info = {};
	socklen_t size = sizeof(info);

	if (c->rate <= 0 ||
	    getsockopt(r->fd, IPPROTO_TCP, TCP_INFO, &info, &size))
		return;
	if (info.tcpi_total_retrans)
		c->retried++;
	else
		c->smooth_us[progress_class(ns / 1000)]++;
}

static void request_answered(struct client *c, struct request *r)
{
	struct client_progress *p = c->progress;
	size_t want = strlen(c->expect);
	int64_t total_ns = now_ns() - r->begin_ns;

	if (r->received < want || memcmp(r->head, c->expect, want)) {
		request_end(c, r, &p->bad);
		return;
	}
	latency_add(
	    p->connect_us, &p->connect_max_us, r->connected_ns - r->begin_ns);
	latency_add(p->total_us, &p->total_max_us, total_ns);
	retries_note(c, r, total_ns);
	request_end(c, r, &p->ok);
}

static void request_failed(struct client *c, struct request *r, int err)
{
	struct client_progress *p = c->progress;

	if (err == ETIMEDOUT)
		request_end(c, r, &p->timeout);
	else if (r->connected || err != ECONNREFUSED)
		request_end(c, r, &p->reset);
	else
		request_end(c, r, &p->refused);
}

static int socket_make(struct client *c)
{
	struct sockaddr_in src = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || !c->src)
		return fd;
	src.sin_addr.s_addr = htonl(c->src + c->next_source++ % c->sources);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (!bind(fd, (struct sockaddr *)&src, sizeof(src)))
		return fd;
	close(fd);
	return -1;
}

/* Sends as soon as it is connected: data right behind the ACK. */
static void request_connected(struct client *c, struct request *r)
{
	size_t len = strlen(c->request);
	socklen_t size = sizeof(int);
	int err = 0;

	getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &err, &size);
	if (err) {
		request_failed(c, r, err);
		return;
	}
	r->connected = true;
	r->connected_ns = now_ns();
	if (send(r->fd, c->request, len, MSG_NOSIGNAL) != (ssize_t)len) {
		request_failed(c, r, errno);
		return;
	}
	epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, r->fd,
		  &(struct epoll_event){.events = EPOLLIN, .data.ptr = r});
}

static void request_begin(struct client *c)
{
	struct client_progress *p = c->progress;
	struct request *r = NULL;
	struct epoll_event event = {.events = EPOLLOUT};

	p->started++;
	if (c->open_count < c->most)
		r = calloc(1, sizeof(*r));
	if (!r) {
		p->local++;
		return;
	}
	r->fd = socket_make(c);
	r->begin_ns = now_ns();
	if (r->fd < 0 ||
	    (connect(r->fd, (struct sockaddr *)&c->dst, sizeof(c->dst)) &&
	     errno != EINPROGRESS)) {
		p->local++;
		if (r->fd >= 0)
			close(r->fd);
		free(r);
		return;
	}
	TAILQ_INSERT_TAIL(&c->open, r, entry);
	c->open_count++;
	event.data.ptr = r;
	epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, r->fd, &event);
}

static void request_read(struct client *c, struct request *r)
{
	char buf[16384];
	ssize_t n;

	do {
		n = recv(r->fd, buf, sizeof(buf), 0);
		if (n > 0 && r->received < sizeof(r->head)) {
			size_t room = sizeof(r->head) - r->received;
			size_t head = (size_t)n < room ? (size_t)n : room;

			memcpy(r->head + r->received, buf, head);
		}
		if (n > 0)
			r->received += n;
	} while (n == sizeof(buf));
	if (n == 0)
		request_answered(c, r);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		request_failed(c, r, errno);
}

static void requests_expire(struct client *c, int64_t now)
{
	struct request *r;

	while ((r = TAILQ_FIRST(&c->open)) &&
	       now - r->begin_ns >= c->timeout_ns)
		request_failed(c, r, ETIMEDOUT);
}

/* Begins what is due; returns when the next one will be. */
static int64_t requests_begin(struct client *c, int64_t start, int64_t now)
{
	uint64_t due;

	if (stop || now >= c->end_ns)
		return INT64_MAX;
	if (c->rate <= 0) {
		while (c->open_count < c->at_once) {
			uint64_t local = c->progress->local;

			request_begin(c);
			if (c->progress->local != local)
				return now + NSEC / 1000;
		}
		return INT64_MAX;
	}
	due = (now - start) * c->rate / NSEC + 1;
	while (c->progress->started < due)
		request_begin(c);
	return start + (int64_t)(due * (NSEC / c->rate));
}

static void events_wait(struct client *c, int64_t until, int64_t now)
{
	struct request *first = TAILQ_FIRST(&c->open);
	struct epoll_event events[EVENTS];
	struct timespec t;
	int64_t wait;
	int n;

	if (first && first->begin_ns + c->timeout_ns < until)
		until = first->begin_ns + c->timeout_ns;
	wait = until - now;
	if (wait < 0)
		wait = 0;
	if (wait > NSEC / 10)
		wait = NSEC / 10;
	t = (struct timespec){.tv_nsec = wait};
	n = epoll_pwait2(c->epoll_fd, events, EVENTS, &t, NULL);
	for (int i = 0; i < n; i++) {
		struct request *r = events[i].data.ptr;

		if (r->connected)
			request_read(c, r);
		else
			request_connected(c, r);
	}
}

static void run(struct client *c)
{
	int64_t start = now_ns();
	int64_t now = start;

	while (!TAILQ_EMPTY(&c->open) || (now < c->end_ns && !stop)) {
		int64_t next = requests_begin(c, start, now);

		events_wait(c, next < c->end_ns ? next : INT64_MAX, now);
		now = now_ns();
		requests_expire(c, now);
	}
}

static void report(const struct client *c, double seconds)
{
	const struct client_progress *p = c->progress;

	printf("started %llu ok %llu refused %llu reset %llu timeout %llu "
	       "bad %llu local %llu in %.2f s; ms: connect p50 %.3f p99 %.3f "
	       "max %.3f; request p50 %.3f p99 %.3f max %.3f; "
	       "retried %llu, without them p99 %.3f\n",
	       (unsigned long long)p->started, (unsigned long long)p->ok,
	       (unsigned long long)p->refused, (unsigned long long)p->reset,
	       (unsigned long long)p->timeout, (unsigned long long)p->bad,
	       (unsigned long long)p->local, seconds,
	       progress_percentile(p->connect_us, 0.5) / 1000,
	       progress_percentile(p->connect_us, 0.99) / 1000,
	       p->connect_max_us / 1000.0,
	       progress_percentile(p->total_us, 0.5) / 1000,
	       progress_percentile(p->total_us, 0.99) / 1000,
	       p->total_max_us / 1000.0, (unsigned long long)c->retried,
	       progress_percentile(c->smooth_us, 0.99) / 1000);
}

static void usage(FILE *to)
{
	fprintf(
	    to,
	    "usage: client --dst ADDR --port N [options]\n"
	    "  --rate N        requests begun a second, or\n"
	    "  --at-once N     so many open all the time (default 1)\n"
	    "  --seconds S     how long requests are begun (default 10)\n"
	    "  --timeout S     for a whole request (default 3)\n"
	    "  --src ADDR      bind to it, with --sources N to N addresses\n"
	    "  --request TEXT  default: an HTTP/1.0 GET /\n"
	    "  --expect TEXT   how the answer begins (default HTTP/1.1 200)\n"
	    "  --progress FILE running totals, to be mapped by a watcher\n"
	    "The answer ends with the server's FIN.\n");
}

enum {
	OPT_DST = 256,
	OPT_PORT,
	OPT_RATE,
	OPT_AT_ONCE,
	OPT_SECONDS,
	OPT_TIMEOUT,
	OPT_SRC,
	OPT_SOURCES,
	OPT_REQUEST,
	OPT_EXPECT,
	OPT_PROGRESS,
};

static const struct option long_options[] = {
    {"dst", required_argument, NULL, OPT_DST},
    {"port", required_argument, NULL, OPT_PORT},
    {"rate", required_argument, NULL, OPT_RATE},
    {"at-once", required_argument, NULL, OPT_AT_ONCE},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"src", required_argument, NULL, OPT_SRC},
    {"sources", required_argument, NULL, OPT_SOURCES},
    {"request", required_argument, NULL, OPT_REQUEST},
    {"expect", required_argument, NULL, OPT_EXPECT},
    {"progress", required_argument, NULL, OPT_PROGRESS},
    {"help", no_argument, NULL, 'h'},
    {},
};

static int number(const char *text, double min, double max, double *value)
{
	char *end;

	*value = strtod(text, &end);
	return end == text || *end || !(*value >= min) || !(*value <= max);
}

struct settings {
	double seconds;
	const char *progress_path;
};

static int option_take(struct client *c, struct settings *s, int option,
		       const char *arg)
{
	struct in_addr addr;
	double v = 0;
	int bad = 0;

	switch (option) {
	case OPT_DST:
		bad = inet_pton(AF_INET, arg, &c->dst.sin_addr) != 1;
		break;
	case OPT_PORT:
		bad = number(arg, 1, 65535, &v);
		c->dst.sin_port = htons(v);
		break;
	case OPT_RATE:
		bad = number(arg, 0.1, 1e6, &c->rate);
		break;
	case OPT_AT_ONCE:
		bad = number(arg, 1, 100000, &v);
		c->at_once = v;
		break;
	case OPT_SECONDS:
		bad = number(arg, 0.01, SECONDS_MAX, &s->seconds);
		break;
	case OPT_TIMEOUT:
		bad = number(arg, 0.001, 600, &v);
		c->timeout_ns = v * NSEC;
		break;
	case OPT_SRC:
		bad = inet_pton(AF_INET, arg, &addr) != 1;
		c->src = ntohl(addr.s_addr);
		break;
	case OPT_SOURCES:
		bad = number(arg, 1, 65536, &v);
		c->sources = v;
		break;
	case OPT_REQUEST:
		c->request = arg;
		break;
	case OPT_EXPECT:
		c->expect = arg;
		bad = strlen(arg) > sizeof(((struct request *)0)->head);
		break;
	case OPT_PROGRESS:
		s->progress_path = arg;
		break;
	}
	if (bad)
		fprintf(stderr, "client: bad value '%s'\n", arg);
	return bad;
}

static uint32_t descriptors(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return 100;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	return lim.rlim_cur > 100 ? lim.rlim_cur - 50 : 50;
}

int main(int argc, char **argv)
{
	struct client c = {
	    .dst.sin_family = AF_INET,
	    .sources = 1,
	    .at_once = 1,
	    .timeout_ns = 3 * NSEC,
	    .request = REQUEST,
	    .expect = "HTTP/1.1 200",
	};
	struct settings s = {.seconds = 10};
	struct sigaction sa = {.sa_handler = on_signal};
	int64_t begin;
	int o;

	while ((o = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (o == 'h') {
			usage(stdout);
			return 0;
		}
		if (o == '?' || option_take(&c, &s, o, optarg))
			return 2;
	}
	if (optind < argc || !c.dst.sin_port || !c.dst.sin_addr.s_addr) {
		usage(stderr);
		return 2;
	}
	c.progress = progress_map(s.progress_path, sizeof(*c.progress), 1);
	c.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!c.progress || c.epoll_fd < 0) {
		fprintf(stderr, "client: %s: %s\n",
			c.progress ? "epoll" : s.progress_path,
			strerror(errno));
		return 1;
	}
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	c.most = descriptors();
	TAILQ_INIT(&c.open);
	begin = now_ns();
	c.end_ns = begin + (int64_t)(s.seconds * NSEC);
	run(&c);
	report(&c, (now_ns() - begin) / (double)NSEC);
	return 0;
}
