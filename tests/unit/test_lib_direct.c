// SPDX-License-Identifier: BSD-2-Clause
/* libhandfast, delivery by the kernel: the descriptor is the listening socket
 * itself. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "handfast/abi.h"
#include "listener.h"

static const struct hf_listen_options direct = {
    .size = sizeof(direct),
    .delivery = HF_DELIVERY_OPT_KERNEL,
};

static int direct_open(int *bound)
{
	int fd;

	*bound = tcp_bind("127.0.0.1");
	fd = hf_listen(*bound, 16, &direct);
	assert_true(fd >= 0);
	return fd;
}

static uint64_t socket_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len), 0);
	return cookie;
}

/* It is asked for, and the very socket comes back (fakedaemon.c looks that
 * there is no channel) */
static void test_listens(void **state)
{
	int bound, fd = direct_open(&bound);

	(void)state;
	assert_int_equal(fake_last(&fake).delivery, HF_DELIVERY_KERNEL);
	assert_int_not_equal(fd, bound);
	assert_true(socket_cookie(fd) == socket_cookie(bound));
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* O_NONBLOCK is the caller's: nobody else accepts. */
	assert_false(fcntl(fd, F_GETFL) & O_NONBLOCK);
	listener_close(fd, bound);
}

/* hf_accept(), accept4(2) and poll(2) all do what they do on a listener */
static void test_accepts(void **state)
{
	int bound, fd = direct_open(&bound), client, child;
	struct sockaddr_in addr, expected;
	socklen_t len = sizeof(addr), expected_len = sizeof(expected);

	(void)state;
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	child = hf_accept(fd, (struct sockaddr *)&addr, &len, SOCK_NONBLOCK);
	assert_true(child >= 0);
	assert_true(fcntl(child, F_GETFL) & O_NONBLOCK);
	getsockname(client, (struct sockaddr *)&expected, &expected_len);
	assert_int_equal(len, expected_len);
	assert_memory_equal(&addr, &expected, len);
	close(child);
	close(client);
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	child = accept4(fd, NULL, NULL, 0);
	tcp_check(client, child);
	close(child);
	close(client);
	nonblock(fd);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EAGAIN);
	assert_fails(hf_accept(fd, NULL, NULL, O_DIRECT), EINVAL);
	listener_close(fd, bound);
}

/* A batch is all that waits, but one where the next accept4(2) could block */
static void test_batch(void **state)
{
	int bound, fd = direct_open(&bound), client[3];
	struct hf_accepted out[8];

	(void)state;
	for (int i = 0; i < 3; i++)
		client[i] = tcp_connect("127.0.0.1", tcp_port(bound));
	assert_int_equal(hf_accept_batch(fd, out, 8, SOCK_CLOEXEC), 1);
	tcp_check(client[0], out[0].fd);
	close(out[0].fd);
	nonblock(fd);
	assert_int_equal(hf_accept_batch(fd, out, 8, SOCK_CLOEXEC), 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(out[i].addrlen, sizeof(struct sockaddr_in));
		tcp_check(client[i + 1], out[i].fd);
		close(out[i].fd);
	}
	assert_fails(hf_accept_batch(fd, out, 8, 0), EAGAIN);
	for (int i = 0; i < 3; i++)
		close(client[i]);
	listener_close(fd, bound);
}

/* The registration ends with the descriptor, not with the bound socket */
static void test_ends(void **state)
{
	int bound, fd = direct_open(&bound), client;

	(void)state;
	close(bound);
	usleep(600000); /* twice what the library takes to see an end */
	assert_int_equal(fake_listeners(&fake), 1);
	bound = dup(fd);
	close(fd);
	assert_true(eventually(fake_listeners(&fake) == 0));
	/* A copy goes on as the kernel's own listener. */
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	accept_check(bound, client);
	close(bound);
}

/* It registers again with the next daemon, and a change reaches that */
static void test_comes_back(void **state)
{
	int bound, fd = direct_open(&bound);

	(void)state;
	fake_kill(&fake);
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	fake_restart(&fake);
	assert_true(eventually(fake_listeners(&fake) == 1));
	assert_int_equal(fake_last(&fake).delivery, HF_DELIVERY_KERNEL);
	assert_int_equal(hf_listen(bound, 99, &direct), fd);
	assert_int_equal(fake_last(&fake).backlog, 99);
	listener_close(fd, bound);
}

static void test_refused(void **state)
{
	struct hf_listen_options bad = direct;
	int bound = tcp_bind("127.0.0.1");

	(void)state;
	bad.delivery = HF_DELIVERY_OPT_KERNEL + 1;
	assert_fails(hf_listen(bound, 1, &bad), EINVAL);
	fake_set(&fake, FAKE_REFUSE, EOPNOTSUPP);
	assert_fails(hf_listen(bound, 1, &direct), EOPNOTSUPP);
	close(bound);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_listens), T(test_accepts),    T(test_batch),
	    T(test_ends),    T(test_comes_back), T(test_refused),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
