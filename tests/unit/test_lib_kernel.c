// SPDX-License-Identifier: BSD-2-Clause
/* libhandfast: connections that the kernel's own listener took. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

static void assert_linger(int fd, int on, int seconds)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	assert_int_equal(linger.l_onoff, on);
	assert_int_equal(linger.l_linger, seconds);
}

static void kernel_linger(int on, int seconds)
{
	struct linger linger = {on, seconds};
	int bound = tcp_bind("127.0.0.1"), fd, client, child;

	setsockopt(bound, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	fd = hf_listen(bound, 1, NULL);
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	child = hf_accept(fd, NULL, NULL, 0);
	assert_true(child >= 0);
	assert_linger(child, on, seconds);
	close(child);
	close(client);
	listener_close(fd, bound);
}

static void test_kernel_linger(void **state)
{
	(void)state;
	kernel_linger(0, 0);
	kernel_linger(1, 5);
	kernel_linger(1, 0);
}

static void kernel_address(const char *listen_on, const char *from, int family)
{
	struct sockaddr_storage addr, expected;
	socklen_t len = sizeof(addr), expected_len = sizeof(expected);
	int bound, fd = listener_open(listen_on, &bound), client, child;

	client = tcp_connect(from, tcp_port(bound));
	child = hf_accept(fd, (struct sockaddr *)&addr, &len, 0);
	assert_true(child >= 0);
	assert_int_equal(fcntl(child, F_GETFL) & O_NONBLOCK, 0);
	assert_int_equal(addr.ss_family, family);
	getpeername(child, (struct sockaddr *)&expected, &expected_len);
	assert_int_equal(len, expected_len);
	assert_memory_equal(&addr, &expected, len);
	close(child);
	close(client);
	listener_close(fd, bound);
}

static void test_kernel_address(void **state)
{
	(void)state;
	kernel_address("127.0.0.1", "127.0.0.1", AF_INET);
	kernel_address("::1", "::1", AF_INET6);
	kernel_address("::", "127.0.0.1", AF_INET6);
}

/* Unread connections of a channel; message_size: what one takes. */
static int unread(int channel)
{
	struct hf_child_msg msg = {};
	int pair[2], one, all;

	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	send(pair[0], &msg, sizeof(msg), 0);
	ioctl(pair[0], SIOCOUTQ, &one);
	ioctl(channel, SIOCOUTQ, &all);
	close(pair[0]);
	close(pair[1]);
	return all / one;
}

/* As many as Linux has in an accept queue: one more than the backlog. */
static void test_kernel_bound(void **state)
{
	enum { BACKLOG = 4, N = 2 * (BACKLOG + 1) };
	int bound = tcp_bind("127.0.0.1"), clients[N], i;
	int fd = hf_listen(bound, BACKLOG, NULL);
	int channel = fake_channel(&fake);

	(void)state;
	for (i = 0; i < N; i++) {
		clients[i] = tcp_connect("127.0.0.1", tcp_port(bound));
		if (i == BACKLOG)
			assert_true(eventually(unread(channel) == i + 1));
	}
	usleep(100000);
	assert_int_equal(unread(channel), BACKLOG + 1);
	/* A larger backlog takes effect; the rest comes as room is made. */
	assert_int_equal(hf_listen(bound, BACKLOG + 2, NULL), fd);
	channel = fake_channel(&fake);
	assert_true(eventually(unread(channel) == BACKLOG + 3));
	for (i = 0; i < N; i++)
		accept_check(fd, clients[i]);
	listener_close(fd, bound);
}

/* The channel holds less than the backlog: nothing is lost. */
static void test_channel_small(void **state)
{
	enum { N = 60 };
	int bound = tcp_bind("127.0.0.1"), clients[N], i, size = 1, full;
	int fd = hf_listen(bound, 100, NULL);
	int channel = fake_channel(&fake);

	(void)state;
	setsockopt(channel, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < N; i++)
		clients[i] = tcp_connect("127.0.0.1", tcp_port(bound));
	usleep(50000);
	full = unread(channel);
	assert_true(full > 0 && full < N / 2);
	for (i = 0; i < N; i++)
		accept_check(fd, clients[i]);
	listener_close(fd, bound);
}

/* Connections that wait in the library itself are reset at the end, too. */
static void test_channel_small_closed(void **state)
{
	enum { N = 20 };
	int bound = tcp_bind("127.0.0.1"), clients[N], i, size = 1;
	int fd = hf_listen(bound, 100, NULL);

	(void)state;
	setsockopt(
	    fake_channel(&fake), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	for (i = 0; i < N; i++)
		clients[i] = tcp_connect("127.0.0.1", tcp_port(bound));
	usleep(50000);
	listener_close(fd, bound);
	for (i = 0; i < N; i++) {
		assert_int_equal(tcp_end(clients[i]), -ECONNRESET);
		close(clients[i]);
	}
}

static void test_kernel_shutdown(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	/* The application stops the kernel's listener, not this one. */
	assert_int_equal(shutdown(bound, SHUT_RD), 0);
	usleep(50000);
	accept_check(fd, fake_connect(fake_channel(&fake)));
	/* And the daemon's listen(2) starts it again. */
	assert_int_equal(hf_listen(bound, 16, NULL), fd);
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	listener_close(fd, bound);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_kernel_linger),        T(test_kernel_address),
	    T(test_kernel_bound),         T(test_channel_small),
	    T(test_channel_small_closed), T(test_kernel_shutdown),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
