// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "server.h"

/* Options that an accepted socket inherits, and what the listener sets. */
static const struct {
	const char *name;
	int level, option, value; /* value -1: not set, only shown */
} inherited[] = {
    {"keepalive", SOL_SOCKET, SO_KEEPALIVE, 1},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE, 77},
    {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, 11},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT, 4},
    {"user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 54321},
    {"nodelay", IPPROTO_TCP, TCP_NODELAY, 1},
    {"linger2", IPPROTO_TCP, TCP_LINGER2, 17},
    {"notsent_lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, 65432},
    {"priority", SOL_SOCKET, SO_PRIORITY, 5},
    {"mark", SOL_SOCKET, SO_MARK, 0x77},
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF, 100000},
    {"sndbuf", SOL_SOCKET, SO_SNDBUF, 90000},
    {"rcvlowat", SOL_SOCKET, SO_RCVLOWAT, -1},
    {"oobinline", SOL_SOCKET, SO_OOBINLINE, 1},
    {"reuseaddr", SOL_SOCKET, SO_REUSEADDR, -1},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT, -1},
    {"maxseg", IPPROTO_TCP, TCP_MAXSEG, 1240},
};

#define INHERITED (sizeof(inherited) / sizeof(inherited[0]))

void show_set_options(int listener)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 3};
	int family = 0, tos = 0x20;
	socklen_t len = sizeof(family);
	size_t i;

	for (i = 0; i < INHERITED; i++) {
		if (inherited[i].value < 0)
			continue;
		if (setsockopt(listener, inherited[i].level,
			       inherited[i].option, &inherited[i].value,
			       sizeof(int))) {
			fprintf(stderr, "server: setting %s: %s\n",
				inherited[i].name, strerror(errno));
			exit(1);
		}
	}
	getsockopt(listener, SOL_SOCKET, SO_DOMAIN, &family, &len);
	if (setsockopt(
		listener, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ||
	    setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) ||
	    (family == AF_INET &&
	     setsockopt(listener, IPPROTO_IP, IP_TOS, &tos, sizeof(tos))) ||
	    (family == AF_INET6 &&
	     setsockopt(
		 listener, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos)))) {
		fprintf(
		    stderr, "server: setting options: %s\n", strerror(errno));
		exit(1);
	}
}

static void show_tos(int fd, int family)
{
	socklen_t len = sizeof(int);
	int value = -1;

	if (family == AF_INET)
		getsockopt(fd, IPPROTO_IP, IP_TOS, &value, &len);
	else
		getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, &len);
	printf(" tos=%d", value);
}

static void show_tcp_info(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	unsigned int agreed =
	    TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;

	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	printf(" state=%d options=%u snd_wscale=%d rcv_wscale=%d snd_mss=%u",
	       info.tcpi_state, info.tcpi_options & agreed,
	       info.tcpi_snd_wscale, info.tcpi_rcv_wscale, info.tcpi_snd_mss);
}

static void show_name(int fd, const char *label,
		      int (*get)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);
	char text[INET6_ADDRSTRLEN] = "?";
	uint16_t port;

	if (get(fd, (struct sockaddr *)&ss, &len)) {
		printf("%s=%s ", label, strerror(errno));
		return;
	}
	if (ss.ss_family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)&ss;

		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		port = ntohs(in->sin_port);
	} else {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		port = ntohs(in6->sin6_port);
	}
	printf("%s=%s,%d ", label, text, port);
}

void show_connection(int fd)
{
	struct linger linger = {0};
	socklen_t len = sizeof(linger);
	char congestion[16] = "";
	int family = 0;
	size_t i;

	show_name(fd, "peer", getpeername);
	show_name(fd, "local", getsockname);
	for (i = 0; i < INHERITED; i++) {
		int value = -1;

		len = sizeof(value);
		getsockopt(
		    fd, inherited[i].level, inherited[i].option, &value, &len);
		printf("%s=%d ", inherited[i].name, value);
	}
	len = sizeof(linger);
	getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len);
	len = sizeof(congestion) - 1;
	getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, &len);
	len = sizeof(family);
	getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len);
	printf("linger=%d,%d congestion=%s cloexec=%d nonblock=%d family=%d",
	       linger.l_onoff, linger.l_linger, congestion,
	       !!(fcntl(fd, F_GETFD) & FD_CLOEXEC),
	       !!(fcntl(fd, F_GETFL) & O_NONBLOCK), family);
	show_tos(fd, family);
	show_tcp_info(fd);
	printf("\n");
	fflush(stdout);
}
