/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tests of the library share: each has a daemon of its own. */
#ifndef LISTENER_H
#define LISTENER_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fakedaemon.h"
#include "handfast.h"

/* The daemon of the running test; HANDFAST_SOCKET names it. */
extern struct fake_daemon fake;

int listener_setup(void **state);
int listener_teardown(void **state);

/* errno is looked at before anything else. */
void assert_fails(int result, int error);
/* A listener (backlog 16) and its socket. */
int listener_open(const char *address, int *bound);
/* Closes both and waits until the daemon has lost it. */
void listener_close(int fd, int bound);
/* The thread and its two descriptors stay from the first listener on. */
void thread_started(void);
/* The next connection is this client's, works, and ends well. */
void accept_check(int fd, int client);

/* In forked children, where cmocka is of no use. */
#define child_must(condition)                                                  \
	do {                                                                   \
		if (!(condition)) {                                            \
			fprintf(stderr, "child: %s:%d: %s\n", __FILE__,        \
				__LINE__, strerror(errno));                    \
			_exit(1);                                              \
		}                                                              \
	} while (0)
/* fork(2); a child does not outlive its test. */
pid_t child_fork(void);
/* The child ended well. */
void child_wait(pid_t pid);
void nonblock(int fd);

#endif
