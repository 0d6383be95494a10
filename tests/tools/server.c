// SPDX-License-Identifier: BSD-2-Clause
/*
 * server - a TCP server for tests, on libhandfast or (--kernel) on listen(2)
 *
 * Prints "listening on ADDR PORT" when it is ready. SIGUSR1 switches
 * accepting off and on, SIGUSR2 listens again with the second backlog,
 * SIGTERM prints the statistics and ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handfast.h"
#include "server.h"

#define PROCESSES_MAX 16
#define EVENTS_MAX 256

struct server_counters *counters;

static struct options {
	const char *bind, *device;
	int port, backlog, backlog2, processes, defer;
	const char *md5, *md5_peer;
	bool kernel, reuseport, v6only, inherit, hold, edge, batch;
	struct hf_listen_options listen;
} opt = {
    .bind = "0.0.0.0",
    .backlog = 128,
    .processes = 1,
    .listen.size = sizeof(struct hf_listen_options),
};

static struct server server;
static int bound_fd = -1, listen_fd = -1;
static bool accepting = true;
static pid_t children[PROCESSES_MAX];

static void die(const char *what)
{
	fprintf(stderr, "server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_flag(int level, int name, const char *what)
{
	int one = 1;

	if (setsockopt(bound_fd, level, name, &one, sizeof(one)))
		die(what);
}

static void set_md5(void)
{
	struct tcp_md5sig md5 = {.tcpm_keylen = strlen(opt.md5)};
	struct sockaddr_in *in = (struct sockaddr_in *)&md5.tcpm_addr;

	in->sin_family = AF_INET;
	if (inet_pton(AF_INET, opt.md5_peer, &in->sin_addr) != 1)
		die(opt.md5_peer);
	memcpy(md5.tcpm_key, opt.md5, md5.tcpm_keylen);
	if (setsockopt(bound_fd, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof(md5)))
		die("TCP_MD5SIG");
}

static void set_options(void)
{
	set_flag(SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR");
	if (opt.reuseport)
		set_flag(SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT");
	if (opt.v6only)
		set_flag(IPPROTO_IPV6, IPV6_V6ONLY, "IPV6_V6ONLY");
	if (opt.device && setsockopt(bound_fd, SOL_SOCKET, SO_BINDTODEVICE,
				     opt.device, strlen(opt.device)))
		die("SO_BINDTODEVICE");
	if (opt.defer && setsockopt(bound_fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
				    &opt.defer, sizeof(opt.defer)))
		die("TCP_DEFER_ACCEPT");
	if (opt.md5 && opt.md5_peer)
		set_md5();
	if (opt.inherit)
		show_set_options(bound_fd);
}

static void bind_socket(void)
{
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
	struct sockaddr_in in = {.sin_family = AF_INET};
	struct sockaddr *addr = (struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	char text[64], *scope;

	snprintf(text, sizeof(text), "%s", opt.bind);
	scope = strchr(text, '%');
	if (scope)
		*scope++ = 0;
	if (inet_pton(AF_INET6, text, &in6.sin6_addr) == 1) {
		addr = (struct sockaddr *)&in6;
		len = sizeof(in6);
		in6.sin6_scope_id = scope ? if_nametoindex(scope) : 0;
	} else if (inet_pton(AF_INET, text, &in.sin_addr) != 1) {
		errno = EINVAL;
		die(opt.bind);
	}
	in6.sin6_port = in.sin_port = htons(opt.port);
	bound_fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bound_fd < 0)
		die("socket");
	set_options();
	if (bind(bound_fd, addr, len))
		die("bind");
}

static void start_listening(int backlog)
{
	if (!opt.kernel) {
		listen_fd = hf_listen(bound_fd, backlog, &opt.listen);
	} else {
		listen_fd = bound_fd;
		if (listen(bound_fd, backlog))
			listen_fd = -1;
	}
	if (listen_fd < 0 && !opt.kernel)
		fprintf(stderr, "server: %s\n", hf_listen_error());
	if (listen_fd < 0)
		die(opt.kernel ? "listen" : "hf_listen");
	if (fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK))
		die("fcntl");
}

static void print_ready(void)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	uint16_t port;

	if (getsockname(bound_fd, (struct sockaddr *)&ss, &len))
		die("getsockname");
	port = ss.ss_family == AF_INET
		   ? ((struct sockaddr_in *)&ss)->sin_port
		   : ((struct sockaddr_in6 *)&ss)->sin6_port;
	printf("listening on %s %d\n", opt.bind, ntohs(port));
	fflush(stdout);
}

static bool accept_error(int err)
{
	if (err == EAGAIN || err == EINTR)
		return false;
	COUNT(errors, 1);
	fprintf(stderr, "server: accept: %s\n", strerror(err));
	return err == ECONNABORTED;
}

static void accept_batch(void)
{
	struct hf_accepted out[64];
	int i, n;

	do {
		n = hf_accept_batch(listen_fd, out, 64, SOCK_NONBLOCK);
		for (i = 0; i < n; i++)
			conn_new(&server, out[i].fd);
	} while (n == 64 || (n < 0 && accept_error(errno)));
}

static void accept_all(void)
{
	struct sockaddr_storage peer;
	int fd;

	if (!accepting)
		return;
	if (opt.batch && !opt.kernel) {
		accept_batch();
		return;
	}
	for (;;) {
		socklen_t len = sizeof(peer);

		if (opt.kernel)
			fd = accept4(listen_fd, (struct sockaddr *)&peer, &len,
				     SOCK_NONBLOCK | SOCK_CLOEXEC);
		else
			fd = hf_accept(listen_fd, (struct sockaddr *)&peer,
				       &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0)
			conn_new(&server, fd);
		else if (!accept_error(errno))
			return;
	}
}

static void watch_listener(void)
{
	struct epoll_event ev = {
	    .events = EPOLLIN | (opt.edge ? EPOLLET : 0),
	};

	if (epoll_ctl(server.epoll_fd,
		      accepting ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listen_fd,
		      &ev))
		die("epoll_ctl");
}

static void print_statistics(void)
{
	struct server_counters *c = counters;

	printf("accepted=%lu closed=%lu resets=%lu errors=%lu bytes_in=%lu "
	       "bytes_out=%lu\n",
	       c->accepted, c->closed, c->resets, c->errors, c->bytes_in,
	       c->bytes_out);
	fflush(stdout);
}

static void end_children(void)
{
	int i;

	for (i = 1; i < opt.processes; i++)
		if (children[i] > 0)
			kill(children[i], SIGTERM);
	for (i = 1; i < opt.processes; i++)
		if (children[i] > 0)
			waitpid(children[i], NULL, 0);
}

static void handle_signal(int signal_fd)
{
	struct signalfd_siginfo info;

	if (read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1) {
		accepting = !accepting;
		watch_listener();
		printf("%s\n", accepting ? "accepting" : "holding");
		fflush(stdout);
		accept_all();
	} else if (info.ssi_signo == SIGUSR2) {
		start_listening(opt.backlog2);
		printf("backlog %d\n", opt.backlog2);
		fflush(stdout);
	} else {
		end_children();
		if (children[0])
			print_statistics();
		exit(0);
	}
}

static void run(int signal_fd)
{
	struct epoll_event ev[EVENTS_MAX];
	struct epoll_event sig = {.events = EPOLLIN, .data.ptr = &server};
	int i, n;

	server.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (server.epoll_fd < 0 ||
	    epoll_ctl(server.epoll_fd, EPOLL_CTL_ADD, signal_fd, &sig))
		die("epoll");
	if (accepting)
		watch_listener();
	for (;;) {
		n = epoll_wait(server.epoll_fd, ev, EVENTS_MAX, -1);
		for (i = 0; i < n; i++) {
			if (!ev[i].data.ptr)
				accept_all();
			else if (ev[i].data.ptr == &server)
				handle_signal(signal_fd);
			else
				conn_event(
				    &server, ev[i].data.ptr, ev[i].events);
		}
	}
}

static void fork_children(void)
{
	int i;

	children[0] = getpid();
	for (i = 1; i < opt.processes; i++) {
		children[i] = fork();
		if (children[i] < 0)
			die("fork");
		if (!children[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			opt.processes = 0;
			children[0] = 0;
			return;
		}
	}
}

static int block_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		die("signalfd");
	return fd;
}

static int usage(void)
{
	fprintf(stderr,
		"usage: server --port N [--bind ADDR] [--backlog N]\n"
		"  [--mode echo|greet|sink|discard|http] [--body BYTES]\n"
		"  [--kernel] [--socket PATH] [--cookies off|auto|always]\n"
		"  [--overflow system|hold|rst] [--processes N] [--reuseport]\n"
		"  [--device IFACE] [--v6only] [--defer SECONDS] [--inherit]\n"
		"  [--show] [--hold] [--edge] [--batch] [--backlog2 N]\n"
		"  [--md5 KEY --md5-peer ADDR]\n");
	exit(2);
}

static int choice(const char *names, const char *name)
{
	size_t len = strlen(name);
	int n = 0;

	for (; *names; names += strcspn(names, " "), names += *names == ' ') {
		if (!strncmp(names, name, len) &&
		    (names[len] == ' ' || !names[len]))
			return n;
		n++;
	}
	return usage();
}

static const struct option long_options[] = {
    {"bind", required_argument, NULL, 'a'},
    {"port", required_argument, NULL, 'p'},
    {"backlog", required_argument, NULL, 'b'},
    {"backlog2", required_argument, NULL, 'B'},
    {"mode", required_argument, NULL, 'm'},
    {"body", required_argument, NULL, 'l'},
    {"socket", required_argument, NULL, 's'},
    {"cookies", required_argument, NULL, 'c'},
    {"overflow", required_argument, NULL, 'o'},
    {"delivery", required_argument, NULL, 'y'},
    {"processes", required_argument, NULL, 'n'},
    {"device", required_argument, NULL, 'd'},
    {"defer", required_argument, NULL, 'D'},
    {"md5", required_argument, NULL, 'K'},
    {"md5-peer", required_argument, NULL, 'M'},
    {"kernel", no_argument, NULL, 'k'},
    {"reuseport", no_argument, NULL, 'r'},
    {"v6only", no_argument, NULL, '6'},
    {"inherit", no_argument, NULL, 'i'},
    {"show", no_argument, NULL, 'w'},
    {"hold", no_argument, NULL, 'h'},
    {"edge", no_argument, NULL, 'e'},
    {"batch", no_argument, NULL, 't'},
    {0},
};

static void set_flag_option(int c)
{
	opt.kernel |= c == 'k';
	opt.reuseport |= c == 'r';
	opt.v6only |= c == '6';
	opt.inherit |= c == 'i';
	server.show |= c == 'w';
	opt.hold |= c == 'h';
	opt.edge |= c == 'e';
	opt.batch |= c == 't';
}

static void set_option(int c)
{
	switch (c) {
	case 'a':
		opt.bind = optarg;
		break;
	case 'p':
		opt.port = atoi(optarg);
		break;
	case 'b':
		opt.backlog = atoi(optarg);
		break;
	case 'B':
		opt.backlog2 = atoi(optarg);
		break;
	case 'm':
		server.mode = choice("echo greet sink discard http", optarg);
		break;
	case 'l':
		server.body_len = atol(optarg);
		break;
	case 's':
		opt.listen.socket_path = optarg;
		break;
	case 'c':
		opt.listen.cookies = choice("auto off always", optarg);
		break;
	case 'o':
		opt.listen.overflow = choice("system hold rst", optarg);
		break;
	case 'y':
		opt.listen.delivery = choice("accept kernel", optarg);
		break;
	case 'n':
		opt.processes = atoi(optarg);
		break;
	case 'd':
		opt.device = optarg;
		break;
	case 'D':
		opt.defer = atoi(optarg);
		break;
	case 'K':
		opt.md5 = optarg;
		break;
	case 'M':
		opt.md5_peer = optarg;
		break;
	case '?':
		usage();
		break;
	default:
		set_flag_option(c);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;
	int c, signal_fd;

	server.body_len = 100;
	while ((c = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		set_option(c);
	if (optind < argc || opt.processes < 1 || opt.processes > PROCESSES_MAX)
		usage();
	accepting = !opt.hold;
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	counters = mmap(NULL, sizeof(*counters), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED)
		die("mmap");
	conn_prepare_http(&server);
	signal_fd = block_signals();
	bind_socket();
	start_listening(opt.backlog);
	print_ready();
	fork_children();
	run(signal_fd);
}
