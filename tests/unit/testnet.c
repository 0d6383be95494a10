// SPDX-License-Identifier: BSD-2-Clause
/* The network of the library's tests, see testnet.h. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "testnet.h"

#define WAIT_MS 10000

void network_own(void)
{
	struct ifreq ifr = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	/* Without root, a user namespace gives the right to make one. */
	if (unshare(CLONE_NEWNET) && unshare(CLONE_NEWUSER | CLONE_NEWNET)) {
		perror("network namespace");
		exit(1);
	}
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &ifr)) {
		perror("loopback interface");
		exit(1);
	}
	close(fd);
}

static socklen_t address_parse(const char *text, int port,
			       struct sockaddr_storage *addr)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;
	struct sockaddr_in *in = (struct sockaddr_in *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	return sizeof(*in6);
}

int tcp_bind(const char *address)
{
	struct sockaddr_storage addr;
	socklen_t len = address_parse(address, 0, &addr);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	return fd;
}

int tcp_port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	/* The port is at the same place in both. */
	return ntohs(((struct sockaddr_in *)&addr)->sin_port);
}

int tcp_connect(const char *address, int port)
{
	struct sockaddr_storage addr;
	socklen_t len = address_parse(address, port, &addr);
	int fd = socket(addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, len), 0);
	return fd;
}

void tcp_pair(int *client, int *child, struct sockaddr_in *peer)
{
	socklen_t len = sizeof(*peer);
	int fd = tcp_bind("127.0.0.1");

	assert_int_equal(listen(fd, 1), 0);
	*client = tcp_connect("127.0.0.1", tcp_port(fd));
	*child = accept4(
	    fd, (struct sockaddr *)peer, peer ? &len : NULL, SOCK_CLOEXEC);
	assert_true(*child >= 0);
	close(fd);
}

void tcp_check(int from, int to)
{
	struct pollfd pfd = {.fd = to, .events = POLLIN};
	char text[8] = "";

	assert_int_equal(send(from, "hello", 5, MSG_NOSIGNAL), 5);
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_int_equal(recv(to, text, sizeof(text), MSG_DONTWAIT), 5);
	assert_string_equal(text, "hello");
}

int tcp_end(int fd)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char buf[4096];
	ssize_t len;

	do {
		assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
		len = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (len > 0);
	return len < 0 ? -errno : 0;
}

int descriptors_open(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 3; /* ".", "..", the directory */
}
