// SPDX-License-Identifier: BSD-2-Clause
/*
 * hf_accept() at the limit of descriptors. Each test runs it in a child:
 * a process learns its limit from its first call.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

/* Only `n` more descriptors may be opened. */
static void limit_set(int n)
{
	struct rlimit limit;
	int fd, top = 0;

	child_must(!getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 512;
	child_must(!setrlimit(RLIMIT_NOFILE, &limit));
	while ((fd = fcntl(0, F_DUPFD, 0)) >= 0)
		top = fd;
	child_must(errno == EMFILE);
	while (n--)
		child_must(!close(top--));
}

static void limit_child(int fd, bool batch)
{
	struct hf_accepted out[16];
	int got[2], n;

	limit_set(2);
	nonblock(fd);
	if (batch) {
		child_must(hf_accept_batch(fd, out, 16, 0) == 2);
		got[0] = out[0].fd;
		got[1] = out[1].fd;
	} else {
		got[0] = hf_accept(fd, NULL, NULL, 0);
		got[1] = hf_accept(fd, NULL, NULL, 0);
	}
	child_must(got[0] >= 0 && got[1] >= 0);
	child_must(hf_accept(fd, NULL, NULL, 0) == -1 && errno == EMFILE);
	child_must(hf_accept_batch(fd, out, 16, 0) == -1 && errno == EMFILE);
	/* Each in its turn, none lost. */
	for (n = 2; n < 10; n++) {
		close(got[n & 1]);
		got[n & 1] = n & 2 ? hf_accept(fd, NULL, NULL, 0) : -1;
		if (!(n & 2)) {
			child_must(hf_accept_batch(fd, out, 16, 0) == 1);
			got[n & 1] = out[0].fd;
		}
		child_must(got[n & 1] >= 0);
	}
	close(got[0]);
	child_must(hf_accept(fd, NULL, NULL, 0) == -1 && errno == EAGAIN);
	child_must(hf_accept_batch(fd, out, 16, 0) == -1 && errno == EAGAIN);
	_exit(0);
}

static void limit_check(bool batch)
{
	int bound, fd = listener_open("127.0.0.1", &bound), clients[10], i;
	pid_t pid;

	for (i = 0; i < 10; i++)
		clients[i] = fake_connect(fake_channel(&fake));
	pid = child_fork();
	if (!pid)
		limit_child(fd, batch);
	child_wait(pid);
	for (i = 0; i < 10; i++)
		close(clients[i]);
	listener_close(fd, bound);
}

static void test_limit(void **state)
{
	(void)state;
	limit_check(false);
	limit_check(true);
}

/* The limit is lowered behind the library's back: one is lost, and told. */
static void test_limit_lowered(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), clients[3], i;
	pid_t pid;

	(void)state;
	for (i = 0; i < 3; i++)
		clients[i] = fake_connect(fake_channel(&fake));
	pid = child_fork();
	if (!pid) {
		child_must(hf_accept(fd, NULL, NULL, 0) >= 0);
		limit_set(0);
		child_must(hf_accept(fd, NULL, NULL, 0) == -1 &&
			   errno == EMFILE);
		child_must(hf_accept(fd, NULL, NULL, 0) == -1 &&
			   errno == EMFILE);
		_exit(0);
	}
	child_wait(pid);
	assert_int_equal(tcp_end(clients[1]), 0);
	accept_check(fd, clients[2]);
	close(clients[0]);
	close(clients[1]);
	listener_close(fd, bound);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_limit),
	    T(test_limit_lowered),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
