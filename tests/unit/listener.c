// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

struct fake_daemon fake;

int listener_setup(void **state)
{
	(void)state;
	fake_start(&fake);
	setenv("HANDFAST_SOCKET", fake.path, 1);
	return 0;
}

int listener_teardown(void **state)
{
	(void)state;
	fake_stop(&fake);
	return 0;
}

void assert_fails(int result, int error)
{
	int err = errno;

	assert_int_equal(result, -1);
	assert_int_equal(err, error);
}

int listener_open(const char *address, int *bound)
{
	int fd;

	*bound = tcp_bind(address);
	fd = hf_listen(*bound, 16, NULL);
	assert_true(fd >= 0);
	return fd;
}

void listener_close(int fd, int bound)
{
	int before = fake_listeners(&fake);

	close(bound);
	close(fd);
	assert_true(eventually(fake_listeners(&fake) < before));
}

void thread_started(void)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	listener_close(fd, bound);
}

void accept_check(int fd, int client)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int child;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	child = hf_accept(fd, NULL, NULL, SOCK_CLOEXEC);
	assert_true(child >= 0);
	tcp_check(client, child);
	tcp_check(child, client);
	close(child);
	assert_int_equal(tcp_end(client), 0);
	close(client);
}

void child_wait(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

void nonblock(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

pid_t child_fork(void)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (!pid)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}
