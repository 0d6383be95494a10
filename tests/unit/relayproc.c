// SPDX-License-Identifier: BSD-2-Clause
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "relayproc.h"

#define ARGS_MAX 24

/* In the child. Its standard error goes to `fd`. */
static void relay_exec(const char *const *args, int fd)
{
	/* A test that fails leaves nobody behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDERR_FILENO);
	dup2(fd, STDOUT_FILENO);
	execv(RELAY, (char *const *)args);
	perror(RELAY);
	_exit(127);
}

/* Root may raise a hard limit; without this capability it may not. */
static void limit_descriptors(int n)
{
	struct rlimit limit = {n, n};

	child_must(!setrlimit(RLIMIT_NOFILE, &limit));
	child_must(!prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0));
}

static void args_fill(const struct relay_start *start, const char **args,
		      char *listen_on, char *upstream)
{
	int n = 0, i;

	args[n++] = "handfast-relay";
	args[n++] = "--listen";
	args[n++] = listen_on;
	args[n++] = "--upstream";
	args[n++] = upstream;
	for (i = 0; i < 8 && start->args[i]; i++)
		args[n++] = start->args[i];
	args[n] = NULL;
}

static void endpoint_print(char *out, size_t size, const char *address,
			   int port)
{
	snprintf(out, size, strchr(address, ':') ? "[%s]:%d" : "%s:%d", address,
		 port);
}

/* "relaying 127.0.0.1:12345 to ..." */
static int port_logged(const struct relay *relay)
{
	const char *text = strstr(relay_log(relay), "relaying "), *end;

	end = text ? strstr(text, " to ") : NULL;
	if (!end)
		return 0;
	while (end[-1] != ':')
		end--;
	return atoi(end);
}

void relay_start(struct relay *relay, const struct relay_start *start)
{
	const char *address = start->upstream ? start->upstream : "127.0.0.1";
	char listen_on[80], upstream[80];
	const char *args[ARGS_MAX];

	relay->upstream = tcp_bind(address);
	if (!start->down)
		assert_int_equal(listen(relay->upstream, 4096), 0);
	endpoint_print(listen_on, sizeof(listen_on),
		       start->listen ? start->listen : "127.0.0.1", 0);
	endpoint_print(
	    upstream, sizeof(upstream), address, tcp_port(relay->upstream));
	args_fill(start, args, listen_on, upstream);

	relay->log = memfd_create("relay.log", MFD_CLOEXEC);
	assert_true(relay->log >= 0);
	relay->pid = fork();
	if (!relay->pid) {
		if (start->descriptors)
			limit_descriptors(start->descriptors);
		relay_exec(args, relay->log);
	}
	assert_true(eventually(relay->port = port_logged(relay)));
}

int relay_wait(struct relay *relay)
{
	int status;

	assert_int_equal(waitpid(relay->pid, &status, 0), relay->pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fprintf(stderr, "%s", relay_log(relay));
	close(relay->log);
	close(relay->upstream);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void relay_stop(struct relay *relay)
{
	assert_int_equal(kill(relay->pid, SIGTERM), 0);
	assert_int_equal(relay_wait(relay), 0);
}

int relay_run(const char *const *args, char *text, size_t size)
{
	int pipe_fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	pid = fork();
	if (!pid)
		relay_exec(args, pipe_fds[1]);
	close(pipe_fds[1]);
	while ((n = read(pipe_fds[0], text + len, size - 1 - len)) > 0)
		len += n;
	text[len] = '\0';
	close(pipe_fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *relay_log(const struct relay *relay)
{
	static char text[65536];
	ssize_t len = pread(relay->log, text, sizeof(text) - 1, 0);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

int relay_log_count(const struct relay *relay, const char *text)
{
	const char *at = relay_log(relay);
	int n = 0;

	while ((at = strstr(at, text))) {
		at += strlen(text);
		n++;
	}
	return n;
}

int relay_descriptors(const struct relay *relay)
{
	char path[64];
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", relay->pid);
	dir = opendir(path);
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n - 2;
}

int relay_client(const struct relay *relay)
{
	return tcp_connect("127.0.0.1", relay->port);
}

int relay_accept(const struct relay *relay)
{
	struct pollfd pfd = {.fd = relay->upstream, .events = POLLIN};
	int fd;

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fd = accept4(relay->upstream, NULL, NULL, SOCK_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

void relay_pair(const struct relay *relay, int *client, int *server)
{
	*client = relay_client(relay);
	*server = relay_accept(relay);
}

void relay_pair_close(const struct relay *relay, int client, int server)
{
	int before = relay_descriptors(relay);

	close(client);
	close(server);
	assert_true(eventually(relay_descriptors(relay) < before));
}

void tcp_reset(int fd)
{
	struct linger linger = {1, 0};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(fd);
}
