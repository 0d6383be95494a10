// SPDX-License-Identifier: BSD-2-Clause
/*
 * client - many TCP connections for tests
 *
 *   client [options] ADDR PORT
 *
 * Makes -n connections, -c at once. Each sends in the instant in which its
 * connect completes and compares what comes back byte for byte. Prints one
 * line of counters; exit code 1 if any connection failed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define EVENTS_MAX 512
#define LATENCIES_MAX 1000000

struct client_options opt = {
    .bytes = 100,
    .rounds = 1,
    .timeout_ms = 20000,
};
bool client_stopping;
uint64_t client_rounds;

static uint64_t results[RESULT_COUNT];
static int64_t first_us, last_ok_us, longest_gap_us;
static uint32_t *latencies;
static uint64_t latency_count;
static struct conn *conns, **free_conns;
static int free_count;
static long total = 1, started;
static int at_once = 1, epoll_fd, rate;
static double duration;
static volatile sig_atomic_t signalled;

int64_t client_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

void client_watch(struct conn *conn, uint32_t events, int op)
{
	struct epoll_event ev = {.events = events, .data.ptr = conn};

	if (epoll_ctl(epoll_fd, op, conn->fd, &ev)) {
		perror("client: epoll_ctl");
		exit(2);
	}
}

static void note_success(const struct conn *conn)
{
	int64_t now = client_now_us();

	if (now - last_ok_us > longest_gap_us)
		longest_gap_us = now - last_ok_us;
	last_ok_us = now;
	if (latency_count < LATENCIES_MAX)
		latencies[latency_count++] = now - conn->start_us;
}

void client_done(struct conn *conn, enum client_result result)
{
	results[result]++;
	if (result == RESULT_ok)
		note_success(conn);
	if (conn->fd >= 0)
		close(conn->fd);
	conn->state = CONN_FREE;
	free_conns[free_count++] = conn;
}

static bool all_started(void)
{
	return client_stopping ||
	       ((opt.keep || duration <= 0) && started >= total);
}

static bool may_start(int64_t now)
{
	if (!free_count || all_started())
		return false;
	return !rate || started < (now - first_us) * rate / 1000000 + 1;
}

static void check_end(int64_t now)
{
	if (signalled || (duration > 0 && now - first_us > duration * 1e6))
		client_stopping = true;
}

static void tick_all(int64_t now)
{
	int i;

	for (i = 0; i < at_once; i++)
		conn_tick(&conns[i], now);
}

static void run(void)
{
	struct epoll_event ev[EVENTS_MAX];
	int64_t now, next_tick = 0;
	int i, n;

	first_us = last_ok_us = client_now_us();
	for (;;) {
		now = client_now_us();
		check_end(now);
		/* A few each time, so that events are not left waiting. */
		for (i = 0; i < 64 && may_start(now); i++)
			conn_start(free_conns[--free_count], started++);
		if (now >= next_tick) {
			tick_all(now);
			next_tick = now + 5000;
		}
		if (free_count == at_once && all_started())
			return;
		n = epoll_wait(epoll_fd, ev, EVENTS_MAX,
			       may_start(now) ? 0
			       : rate         ? 1
					      : 5);
		for (i = 0; i < n; i++)
			conn_event(ev[i].data.ptr);
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static double latency_ms(double part)
{
	if (!latency_count)
		return 0;
	return latencies[(uint64_t)((latency_count - 1) * part)] / 1000.0;
}

static int report(void)
{
	static const char *const names[] = {
#define X(name) #name,
	    CLIENT_RESULTS(X)
#undef X
	};
	uint64_t failed = 0;
	int i;

	qsort(latencies, latency_count, sizeof(*latencies), compare);
	for (i = 1; i < RESULT_COUNT; i++)
		failed += results[i];
	printf("started=%ld failed=%lu rounds=%lu", started, failed,
	       client_rounds);
	for (i = 0; i < RESULT_COUNT; i++)
		printf(" %s=%lu", names[i], results[i]);
	printf(" p50_ms=%.2f p99_ms=%.2f max_ms=%.2f gap_ms=%.0f "
	       "seconds=%.2f\n",
	       latency_ms(0.5), latency_ms(0.99), latency_ms(1),
	       longest_gap_us / 1000.0, (client_now_us() - first_us) / 1e6);
	return failed ? 1 : 0;
}

static void on_signal(int sig)
{
	(void)sig;
	signalled = 1;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: client [options] ADDR PORT\n"
		"  -n N        connections (1)\n"
		"  -c N        at once (1)\n"
		"  -b BYTES    each round (100)\n"
		"  -r N        rounds a connection (1)\n"
		"  -m MODE     echo, greet, sink, none or eof\n"
		"  -t MS       time limit of a round (20000)\n"
		"  -i MS       pause between two rounds\n"
		"  -R N        connections a second, no faster\n"
		"  -d SECONDS  new connections for so long, in place of -n\n"
		"  -k          keep connections; rounds until -d or SIGTERM\n"
		"  -x          end connections with RST\n"
		"  -a          send the data with the ACK of the handshake\n"
		"  -B ADDR -p PORT -P   source; SO_REUSEPORT\n"
		"  -K KEY      TCP_MD5SIG\n"
		"  -v          say why connections fail\n");
	return 2;
}

static int parse_address(const char *addr, int port,
			 struct sockaddr_storage *ss, socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	char text[64], *scope;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*len = sizeof(*in);
		return 0;
	}
	snprintf(text, sizeof(text), "%s", addr);
	scope = strchr(text, '%');
	if (scope)
		*scope++ = 0;
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return -1;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	in6->sin6_scope_id = scope ? if_nametoindex(scope) : 0;
	*len = sizeof(*in6);
	return 0;
}

static int choose_mode(const char *name)
{
	static const char *const names[] = {
	    "echo", "greet", "sink", "none", "eof"};
	int i;

	for (i = 0; i < 5; i++)
		if (!strcmp(name, names[i]))
			return i;
	exit(usage());
}

static void set_value(int c, const char *text)
{
	socklen_t len;

	switch (c) {
	case 'n':
		total = atol(text);
		break;
	case 'c':
		at_once = atoi(text);
		break;
	case 'b':
		opt.bytes = atoi(text);
		break;
	case 'r':
		opt.rounds = atoi(text);
		break;
	case 't':
		opt.timeout_ms = atoi(text);
		break;
	case 'i':
		opt.interval_ms = atoi(text);
		break;
	case 'R':
		rate = atoi(text);
		break;
	case 'p':
		opt.sport = atoi(text);
		break;
	case 'd':
		duration = atof(text);
		break;
	case 'm':
		opt.mode = choose_mode(text);
		break;
	case 'K':
		opt.md5 = text;
		break;
	case 'B':
		opt.bind = !parse_address(text, 0, &opt.from, &len);
		break;
	}
}

static void parse_options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "n:c:b:r:m:t:i:R:d:kxaB:p:PK:v")) !=
	       -1) {
		if (c == '?')
			exit(usage());
		opt.keep |= c == 'k';
		opt.reset |= c == 'x';
		opt.with_ack |= c == 'a';
		opt.reuseport |= c == 'P';
		opt.verbose |= c == 'v';
		if (optarg)
			set_value(c, optarg);
	}
	if (optind + 2 != argc || at_once < 1 || opt.bytes < 1 ||
	    parse_address(
		argv[optind], atoi(argv[optind + 1]), &opt.to, &opt.addrlen))
		exit(usage());
	if (opt.keep) {
		total = at_once;
		opt.interval_ms = opt.interval_ms ? opt.interval_ms : 20;
	}
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct rlimit files;
	int i;

	parse_options(argc, argv);
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	conns = calloc(at_once, sizeof(*conns));
	free_conns = calloc(at_once, sizeof(struct conn *));
	latencies = malloc(LATENCIES_MAX * sizeof(*latencies));
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!conns || !free_conns || !latencies || epoll_fd < 0) {
		perror("client");
		return 2;
	}
	for (i = at_once; i-- > 0;) {
		conns[i].fd = -1;
		free_conns[free_count++] = &conns[i];
	}
	run();
	return report();
}
