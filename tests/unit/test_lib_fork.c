// SPDX-License-Identifier: BSD-2-Clause
/* libhandfast: its thread, and processes that fork. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "listener.h"

/* Of the thread named so: the blocked signals; 0 if there is none. */
static uint64_t thread_signals(const char *name)
{
	char path[300], line[256], comm[32];
	uint64_t blocked = 0, found = 0;
	struct dirent *entry;
	DIR *dir = opendir("/proc/self/task");
	FILE *file;

	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/self/task/%s/status",
			 entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		comm[0] = '\0';
		while (fgets(line, sizeof(line), file)) {
			sscanf(line, "Name: %31s", comm);
			sscanf(line, "SigBlk: %lx", &blocked);
		}
		fclose(file);
		if (!strcmp(comm, name))
			found = blocked;
	}
	closedir(dir);
	return found;
}

static void test_thread_signals(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), sig;
	uint64_t blocked;

	(void)state;
	blocked = thread_signals("libhandfast");
	for (sig = 1; sig < 32; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			assert_true(blocked & 1ULL << (sig - 1));
	listener_close(fd, bound);
}

/* A child accepts from what it inherits, and listens on its own. */
static void child_main(int fd, int port)
{
	int bound, own, child, client;
	char c;

	child = hf_accept(fd, NULL, NULL, 0);
	child_must(child >= 0);
	child_must(write(child, "x", 1) == 1);
	close(child);

	bound = tcp_bind("127.0.0.1");
	own = hf_listen(bound, 5, NULL);
	child_must(own >= 0 && own != fd);
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	child = hf_accept(own, NULL, NULL, 0);
	child_must(child >= 0);
	child_must(write(child, "x", 1) == 1);
	close(child);
	close(client);

	/* Whose connection it gets is open. */
	client = tcp_connect("127.0.0.1", port);
	child = hf_accept(fd, NULL, NULL, 0);
	child_must(child >= 0);
	child_must(write(child, "x", 1) == 1);
	child_must(recv(client, &c, 1, 0) == 1);
	_exit(0);
}

static void test_fork(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client, i;
	int channel = fake_channel(&fake); /* children add theirs */
	pid_t pids[4];
	char c;

	(void)state;
	for (i = 0; i < 4; i++) {
		pids[i] = child_fork();
		if (!pids[i])
			child_main(fd, tcp_port(bound));
	}
	for (i = 0; i < 4; i++) {
		client = i & 1 ? tcp_connect("127.0.0.1", tcp_port(bound))
			       : fake_connect(channel);
		assert_int_equal(recv(client, &c, 1, 0), 1);
		close(client);
	}
	for (i = 0; i < 4; i++)
		child_wait(pids[i]);
	assert_true(eventually(fake_listeners(&fake) == 1));
	/* Nothing the children did or closed touched it. */
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	accept_check(fd, fake_connect(channel));
	listener_close(fd, bound);
}

struct busy {
	pthread_t thread;
	int bound, fd;
	int calls; /* atomic, as end */
	bool end;
};

static void *busy_main(void *arg)
{
	struct busy *busy = arg;

	while (!__atomic_load_n(&busy->end, __ATOMIC_ACQUIRE))
		if (hf_listen(busy->bound, 16, NULL) == busy->fd)
			__atomic_fetch_add(&busy->calls, 1, __ATOMIC_RELEASE);
		else
			abort();
	return NULL;
}

/*
 * Forks while the library's thread and another are busy with the lock. The
 * other one lives all the time: a child forked while a thread is made cannot
 * make one itself under AddressSanitizer, whose locks are not made for that.
 */
static void test_fork_busy(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), i;
	struct busy busy = {.bound = bound, .fd = fd};
	pid_t pid;

	(void)state;
	pthread_create(&busy.thread, NULL, busy_main, &busy);
	assert_true(eventually(__atomic_load_n(&busy.calls, __ATOMIC_ACQUIRE)));
	for (i = 0; i < 50; i++) {
		usleep(500);
		pid = child_fork();
		if (!pid) {
			int own = hf_listen(tcp_bind("127.0.0.1"), 1, NULL);

			_exit(own < 0);
		}
		child_wait(pid);
	}
	__atomic_store_n(&busy.end, true, __ATOMIC_RELEASE);
	pthread_join(busy.thread, NULL);
	assert_true(eventually(fake_listeners(&fake) == 1));
	listener_close(fd, bound);
}

/* The parent listens, its child waits in hf_accept(), the parent ends. */
static void test_parent_dies(void **state)
{
	int bound, fd, result[2];
	char answer = 0;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(result), 0);
	pid = child_fork();
	if (!pid) {
		fd = listener_open("127.0.0.1", &bound);
		if (fork())
			_exit(0);
		close(bound);
		answer = hf_accept(fd, NULL, NULL, 0) == -1 && errno == EINVAL;
		child_must(write(result[1], answer ? "y" : "n", 1) == 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(result[1]);
	assert_true(eventually(!fake_listeners(&fake)));
	assert_int_equal(read(result[0], &answer, 1), 1);
	assert_int_equal(answer, 'y');
	close(result[0]);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_thread_signals),
	    T(test_fork),
	    T(test_fork_busy),
	    T(test_parent_dies),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
