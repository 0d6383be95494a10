// SPDX-License-Identifier: BSD-2-Clause
/* hf_accept() and hf_accept_batch(), against accept4(2)'s behaviour. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

static long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* -------------------------------------------------------- flags, addresses */

static void flags_check(int fd, int flags)
{
	int client = fake_connect(fake_channel(&fake));
	int child = hf_accept(fd, NULL, NULL, flags);

	assert_true(child >= 0);
	assert_int_equal(
	    !!(fcntl(child, F_GETFL) & O_NONBLOCK), !!(flags & SOCK_NONBLOCK));
	assert_int_equal(
	    !!(fcntl(child, F_GETFD) & FD_CLOEXEC), !!(flags & SOCK_CLOEXEC));
	close(child);
	close(client);
}

static void test_flags(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	flags_check(fd, 0);
	flags_check(fd, SOCK_NONBLOCK);
	flags_check(fd, SOCK_CLOEXEC);
	flags_check(fd, SOCK_NONBLOCK | SOCK_CLOEXEC);
	assert_fails(hf_accept(fd, NULL, NULL, 1), EINVAL);
	assert_fails(hf_accept(fd, NULL, NULL, O_DIRECT), EINVAL);
	listener_close(fd, bound);
}

static void address_check(int fd, socklen_t room)
{
	int client = fake_connect(fake_channel(&fake)), child;
	struct sockaddr_in expected;
	socklen_t len = room, expected_len = sizeof(expected);
	unsigned char buf[64];

	memset(buf, 0xa5, sizeof(buf));
	getsockname(client, (struct sockaddr *)&expected, &expected_len);
	child = hf_accept(fd, (struct sockaddr *)buf, &len, 0);
	assert_true(child >= 0);
	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(
	    buf, &expected, room < sizeof(expected) ? room : sizeof(expected));
	if (room < sizeof(expected))
		assert_int_equal(buf[room], 0xa5);
	assert_int_equal(buf[sizeof(expected)], 0xa5);
	close(child);
	close(client);
}

static void test_addresses(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client, child;
	struct sockaddr_in addr;
	socklen_t len = -1;

	(void)state;
	address_check(fd, 0);
	address_check(fd, 5);
	address_check(fd, sizeof(struct sockaddr_in));
	address_check(fd, 64);
	/* Errors leave the connection where it is. */
	client = fake_connect(fake_channel(&fake));
	assert_fails(hf_accept(fd, (struct sockaddr *)&addr, NULL, 0), EFAULT);
	assert_fails(hf_accept(fd, (struct sockaddr *)&addr, &len, 0), EINVAL);
	/* Without addr, addrlen is not looked at. */
	len = -1;
	child = hf_accept(fd, NULL, &len, 0);
	assert_true(child >= 0);
	close(child);
	close(client);
	listener_close(fd, bound);
}

static void test_not_a_listener(void **state)
{
	int file = open("/dev/null", O_RDONLY), tcp = tcp_bind("127.0.0.1");

	(void)state;
	assert_fails(hf_accept(-1, NULL, NULL, 0), EBADF);
	assert_fails(hf_accept(file, NULL, NULL, 0), ENOTSOCK);
	assert_fails(hf_accept(tcp, NULL, NULL, 0), EINVAL);
	/* A listening socket is what delivery by the kernel has. */
	assert_int_equal(listen(tcp, 1), 0);
	nonblock(tcp);
	assert_fails(hf_accept(tcp, NULL, NULL, 0), EAGAIN);
	close(file);
	close(tcp);
}

/* What else the channel may bring: nothing leaks, nothing is taken for a
 * connection. */
static void test_bad_messages(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), before;
	int channel = fake_channel(&fake), client, child;
	struct hf_child_msg msg = {};

	(void)state;
	tcp_pair(&client, &child, &msg.peer.in);
	before = descriptors_open();
	assert_int_equal(fake_push(channel, -1, &msg), 0);
	assert_fails(hf_accept(fd, NULL, NULL, 0), ECONNABORTED);
	assert_int_equal(send(channel, "x", 1, 0), 1);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EINVAL);
	msg.peer.in.sin_family = AF_UNIX;
	assert_int_equal(fake_push(channel, child, &msg), 0);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EINVAL);
	assert_int_equal(descriptors_open(), before);
	close(client);
	close(child);
	accept_check(fd, fake_connect(channel));
	listener_close(fd, bound);
}

static void linger_check(int fd, int told, int on, int seconds)
{
	struct linger linger = {1, 0};
	struct hf_child_msg msg = {.linger = told};
	socklen_t len = sizeof(linger);
	int client, child;

	tcp_pair(&client, &child, &msg.peer.in);
	setsockopt(child, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	assert_int_equal(fake_push(fake_channel(&fake), child, &msg), 0);
	close(child);
	child = hf_accept(fd, NULL, NULL, 0);
	getsockopt(child, SOL_SOCKET, SO_LINGER, &linger, &len);
	assert_int_equal(linger.l_onoff, on);
	assert_int_equal(linger.l_linger, seconds);
	close(child);
	close(client);
}

static void test_linger(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	linger_check(fd, 0, 1, 0);
	linger_check(fd, -1, 0, 0);
	linger_check(fd, 7, 1, 7);
	listener_close(fd, bound);
}

/* ---------------------------------------------------------------- waiting */

struct waiter {
	pthread_t thread;
	int fd, result, error;
	bool done;
};

static void *waiter_main(void *arg)
{
	struct waiter *waiter = arg;

	waiter->result = hf_accept(waiter->fd, NULL, NULL, 0);
	waiter->error = errno;
	__atomic_store_n(&waiter->done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void waiter_start(struct waiter *waiter, int fd)
{
	*waiter = (struct waiter){.fd = fd};
	assert_int_equal(
	    pthread_create(&waiter->thread, NULL, waiter_main, waiter), 0);
	usleep(30000);
	assert_false(__atomic_load_n(&waiter->done, __ATOMIC_ACQUIRE));
}

static void test_blocking(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client;
	struct waiter waiter;

	(void)state;
	waiter_start(&waiter, fd);
	client = fake_connect(fake_channel(&fake));
	pthread_join(waiter.thread, NULL);
	assert_true(waiter.result >= 0);
	tcp_check(client, waiter.result);
	close(client);
	close(waiter.result);
	listener_close(fd, bound);
}

static void test_nonblocking(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);
	struct hf_accepted out;

	(void)state;
	nonblock(fd);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EAGAIN);
	assert_fails(hf_accept_batch(fd, &out, 1, 0), EAGAIN);
	accept_check(fd, fake_connect(fake_channel(&fake)));
	assert_fails(hf_accept(fd, NULL, NULL, 0), EAGAIN);
	assert_fails(hf_accept_batch(fd, &out, 1, 0), EAGAIN);
	listener_close(fd, bound);
}

static void test_timeout(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);
	struct timeval tv = {.tv_usec = 60000};
	struct hf_accepted out;
	long begin = ms_now();

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	assert_fails(hf_accept(fd, NULL, NULL, 0), EAGAIN);
	assert_fails(hf_accept_batch(fd, &out, 1, 0), EAGAIN);
	assert_in_range(ms_now() - begin, 110, 5000);
	accept_check(fd, fake_connect(fake_channel(&fake)));
	listener_close(fd, bound);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void signal_waiter(struct waiter *waiter, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	sigaction(SIGUSR1, &action, NULL);
	pthread_kill(waiter->thread, SIGUSR1);
}

static void test_interrupted(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client;
	struct waiter waiter;

	(void)state;
	waiter_start(&waiter, fd);
	signal_waiter(&waiter, SA_RESTART);
	usleep(30000);
	assert_false(__atomic_load_n(&waiter.done, __ATOMIC_ACQUIRE));
	signal_waiter(&waiter, 0);
	pthread_join(waiter.thread, NULL);
	assert_int_equal(waiter.result, -1);
	assert_int_equal(waiter.error, EINTR);
	client = fake_connect(fake_channel(&fake));
	accept_check(fd, client);
	listener_close(fd, bound);
}

/* A connection whose writer still holds its copy: see enum hf_writer. */
static int held_connect(uint32_t ticket)
{
	struct hf_child_msg msg = {
	    .writer = HF_WRITER_DAEMON, .ticket = ticket};
	int client, child;

	tcp_pair(&client, &child, &msg.peer.in);
	assert_int_equal(fake_push(fake_channel(&fake), child, &msg), 0);
	close(child);
	return client;
}

static void release(uint32_t ticket)
{
	__atomic_store_n(&fake_page(&fake)->released[HF_WRITER_DAEMON], ticket,
			 __ATOMIC_RELEASE);
}

static void test_held(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client[2];
	struct hf_accepted out[2];
	struct waiter waiter;
	long begin;

	(void)state;
	/* Released before it is read: at once. */
	release(7);
	client[0] = held_connect(7);
	accept_check(fd, client[0]);
	/* Not yet: it waits, until then. */
	waiter_start(&waiter, fd);
	client[0] = held_connect(8);
	usleep(10000);
	assert_false(__atomic_load_n(&waiter.done, __ATOMIC_ACQUIRE));
	release(8);
	pthread_join(waiter.thread, NULL);
	assert_true(waiter.result >= 0);
	close(waiter.result);
	assert_int_equal(tcp_end(client[0]), 0);
	close(client[0]);
	/* A writer that died never tells: not for ever. */
	client[0] = held_connect(9);
	client[1] = held_connect(10);
	begin = ms_now();
	assert_int_equal(hf_accept_batch(fd, out, 2, 0), 2);
	assert_in_range(ms_now() - begin, 30, 2000);
	close(out[0].fd);
	close(out[1].fd);
	close(client[0]);
	close(client[1]);
	listener_close(fd, bound);
}

/* ------------------------------------------------------------------ epoll */

static int epoll_open(int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	assert_true(epoll >= 0);
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	return epoll;
}

static bool epoll_ready(int epoll)
{
	struct epoll_event event;

	return epoll_wait(epoll, &event, 1, 0) == 1 && event.events & EPOLLIN;
}

static void test_level_triggered(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);
	int epoll = epoll_open(fd, EPOLLIN), clients[2];

	(void)state;
	assert_false(epoll_ready(epoll));
	clients[0] = fake_connect(fake_channel(&fake));
	clients[1] = fake_connect(fake_channel(&fake));
	assert_true(epoll_ready(epoll));
	assert_true(epoll_ready(epoll));
	accept_check(fd, clients[0]);
	assert_true(epoll_ready(epoll));
	accept_check(fd, clients[1]);
	assert_false(epoll_ready(epoll));
	close(epoll);
	listener_close(fd, bound);
}

static void test_edge_triggered(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);
	int epoll = epoll_open(fd, EPOLLIN | EPOLLET), clients[3];

	(void)state;
	clients[0] = fake_connect(fake_channel(&fake));
	assert_true(epoll_ready(epoll));
	assert_false(epoll_ready(epoll));
	/* One more is one more edge, also with one unread. */
	clients[1] = fake_connect(fake_channel(&fake));
	assert_true(epoll_ready(epoll));
	accept_check(fd, clients[0]);
	assert_false(epoll_ready(epoll));
	accept_check(fd, clients[1]);
	assert_false(epoll_ready(epoll));
	clients[2] = tcp_connect("127.0.0.1", tcp_port(bound));
	assert_true(eventually(epoll_ready(epoll)));
	accept_check(fd, clients[2]);
	close(epoll);
	listener_close(fd, bound);
}

/* ------------------------------------------------------------------ batch */

static void test_batch(void **state)
{
	enum { N = 100 };
	int bound = tcp_bind("127.0.0.1"), clients[N], i, n, total = 0;
	int fd = hf_listen(bound, 200, NULL);
	struct hf_accepted out[N];
	struct sockaddr_in addr;
	socklen_t len;

	(void)state;
	for (i = 0; i < N; i++)
		clients[i] = fake_connect(fake_channel(&fake));
	/* In order, at most 64 at a time, with addresses and flags. */
	while (total < N) {
		n = hf_accept_batch(
		    fd, out, total ? N : 10, SOCK_CLOEXEC | SOCK_NONBLOCK);
		assert_int_equal(n, total == 0 ? 10 : total == 10 ? 64 : 26);
		for (i = 0; i < n; i++) {
			len = sizeof(addr);
			getsockname(
			    clients[total + i], (struct sockaddr *)&addr, &len);
			assert_int_equal(out[i].addrlen, len);
			assert_memory_equal(&out[i].addr, &addr, len);
			assert_true(fcntl(out[i].fd, F_GETFL) & O_NONBLOCK);
			assert_true(fcntl(out[i].fd, F_GETFD) & FD_CLOEXEC);
			tcp_check(clients[total + i], out[i].fd);
			close(out[i].fd);
			close(clients[total + i]);
		}
		total += n;
	}
	assert_fails(hf_accept_batch(fd, out, 0, 0), EINVAL);
	assert_fails(hf_accept_batch(fd, out, 1, 1), EINVAL);
	assert_fails(hf_accept_batch(fd, NULL, 1, 0), EFAULT);
	assert_fails(hf_accept_batch(-1, out, 1, 0), EBADF);
	listener_close(fd, bound);
}

/* What is wrong in a batch does not hide what is right. */
static void test_batch_mixed(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), clients[2];
	struct hf_child_msg msg = {.peer.in.sin_family = AF_INET};
	int channel = fake_channel(&fake);
	struct hf_accepted out[8];

	(void)state;
	clients[0] = fake_connect(channel);
	fake_push(channel, -1, &msg);
	clients[1] = fake_connect(channel);
	assert_int_equal(hf_accept_batch(fd, out, 8, 0), 2);
	tcp_check(clients[0], out[0].fd);
	tcp_check(clients[1], out[1].fd);
	fake_push(channel, -1, &msg);
	assert_fails(hf_accept_batch(fd, out, 8, 0), ECONNABORTED);
	close(out[0].fd);
	close(out[1].fd);
	close(clients[0]);
	close(clients[1]);
	listener_close(fd, bound);
}

/* ----------------------------------------------------- several at a time */

#define CROWD 1000

struct crowd {
	int fd;
	int accepted; /* atomic */
};

static void crowd_serve(int child, int *accepted)
{
	char c;

	child_must(child >= 0);
	child_must(recv(child, &c, 1, 0) == 1);
	child_must(send(child, &c, 1, 0) == 1);
	close(child);
	__atomic_fetch_add(accepted, 1, __ATOMIC_RELAXED);
}

static void *crowd_main(void *arg)
{
	struct crowd *crowd = arg;
	struct timeval tv = {.tv_sec = 1};
	struct hf_accepted out[8];
	int i, n, round = 0;

	setsockopt(crowd->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	for (;;) {
		n = 1;
		if (++round & 1)
			out[0].fd = hf_accept(crowd->fd, NULL, NULL, 0);
		else
			n = hf_accept_batch(crowd->fd, out, 8, 0);
		if (n < 0 || out[0].fd < 0)
			break;
		for (i = 0; i < n; i++)
			crowd_serve(out[i].fd, &crowd->accepted);
	}
	child_must(errno == EAGAIN);
	return NULL;
}

/* Half of them by the daemon, half by the kernel's listener. */
static void crowd_connect(int port)
{
	int i, j, clients[50];
	char c;

	for (i = 0; i < CROWD; i += 50) {
		for (j = 0; j < 50; j++) {
			clients[j] = j & 1 ? tcp_connect("127.0.0.1", port)
					   : fake_connect(fake_channel(&fake));
			assert_int_equal(send(clients[j], "x", 1, 0), 1);
		}
		for (j = 0; j < 50; j++) {
			assert_int_equal(recv(clients[j], &c, 1, 0), 1);
			close(clients[j]);
		}
	}
}

static void test_threads(void **state)
{
	int bound = tcp_bind("127.0.0.1"), i;
	struct crowd crowd = {.fd = hf_listen(bound, 200, NULL)};
	pthread_t threads[4];

	(void)state;
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, crowd_main, &crowd);
	crowd_connect(tcp_port(bound));
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(crowd.accepted, CROWD);
	listener_close(crowd.fd, bound);
}

static void test_processes(void **state)
{
	int bound = tcp_bind("127.0.0.1"), i, total = 0, n, report[2];
	struct crowd crowd = {.fd = hf_listen(bound, 200, NULL)};
	pid_t pids[4];

	(void)state;
	assert_int_equal(pipe(report), 0);
	for (i = 0; i < 4; i++) {
		pids[i] = child_fork();
		if (pids[i])
			continue;
		crowd_main(&crowd);
		n = crowd.accepted;
		child_must(write(report[1], &n, sizeof(n)) == sizeof(n));
		_exit(0);
	}
	crowd_connect(tcp_port(bound));
	for (i = 0; i < 4; i++) {
		assert_int_equal(read(report[0], &n, sizeof(n)), sizeof(n));
		total += n;
		child_wait(pids[i]);
	}
	assert_int_equal(total, CROWD);
	close(report[0]);
	close(report[1]);
	listener_close(crowd.fd, bound);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_flags),           T(test_addresses),
	    T(test_not_a_listener),  T(test_bad_messages),
	    T(test_linger),          T(test_blocking),
	    T(test_nonblocking),     T(test_timeout),
	    T(test_interrupted),     T(test_held),
	    T(test_level_triggered), T(test_edge_triggered),
	    T(test_batch),           T(test_batch_mixed),
	    T(test_threads),         T(test_processes),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
