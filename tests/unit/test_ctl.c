// SPDX-License-Identifier: BSD-2-Clause
/* The client of the control socket, against servers good and bad. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ctl.h"

static char directory[] = "/tmp/handfast-ctl-XXXXXX";
static char path[64];

static int listener(int type)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type, 0);

	unlink(path);
	strcpy(addr.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

/* A daemon for one request. It answers `len` bytes of *reply, or hangs up
 * (0), or stays silent (-1). */
static pid_t serve(int fd, const void *reply, int len)
{
	struct hf_ctl_request request;
	pid_t pid = fork();
	int client;

	if (pid)
		return pid;
	client = accept(fd, NULL, NULL);
	if (recv(client, &request, sizeof(request), 0) != sizeof(request) ||
	    request.version != HF_CTL_VERSION || request.type != HF_CTL_RELOAD)
		_exit(1);
	if (len > 0)
		send(client, reply, len, 0);
	else if (len < 0)
		pause();
	_exit(0);
}

static int call(const void *reply, int len, struct hf_ctl_reply *out)
{
	struct hf_ctl_request request = {.type = HF_CTL_RELOAD};
	int fd = listener(SOCK_SEQPACKET), result;
	pid_t pid = serve(fd, reply, len);

	result = hf_ctl_call(path, &request, out, 200);
	if (len < 0)
		kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	return result;
}

static void reply_is_taken(void **state)
{
	struct hf_ctl_reply reply = {.version = HF_CTL_VERSION, .error = 16};
	struct hf_ctl_reply out = {};

	(void)state;
	/* A daemon that forgets the NUL */
	memset(reply.text, 'x', sizeof(reply.text));
	assert_int_equal(call(&reply, sizeof(reply), &out), 0);
	assert_int_equal(out.error, 16);
	assert_int_equal(strlen(out.text), sizeof(out.text) - 1);
}

static void bad_replies(void **state)
{
	struct {
		struct hf_ctl_reply reply;
		char more[8];
	} r = {.reply.version = HF_CTL_VERSION};
	struct hf_ctl_reply out = {.error = 77};

	(void)state;
	assert_int_equal(call(&r, sizeof(r.reply) - 1, &out), -EPROTO);
	assert_int_equal(call(&r, sizeof(r.reply) + 1, &out), -EPROTO);
	r.reply.version++;
	assert_int_equal(call(&r, sizeof(r.reply), &out), -EPROTO);
	assert_int_equal(call(&r, 0, &out), -ECONNRESET);
	assert_int_equal(out.error, 77);
}

static void silence_times_out(void **state)
{
	struct hf_ctl_reply out;

	(void)state;
	assert_int_equal(call(NULL, -1, &out), -ETIMEDOUT);
}

/* Nobody accepts, and the backlog is full */
static void full_backlog_times_out(void **state)
{
	struct hf_ctl_request request = {.type = HF_CTL_RELOAD};
	struct hf_ctl_reply out;
	int fd = listener(SOCK_SEQPACKET), fds[8], i;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	(void)state;
	strcpy(addr.sun_path, path);
	for (i = 0; i < 8; i++) {
		fds[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
		connect(fds[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	assert_int_equal(hf_ctl_call(path, &request, &out, 100), -ETIMEDOUT);
	for (i = 0; i < 8; i++)
		close(fds[i]);
	close(fd);
}

static void no_daemon(void **state)
{
	struct hf_ctl_request request = {.type = HF_CTL_RELOAD};
	struct hf_ctl_reply out;
	char long_path[200];

	(void)state;
	unlink(path);
	assert_int_equal(hf_ctl_call(path, &request, &out, 100), -ENOENT);
	close(listener(SOCK_SEQPACKET));
	assert_int_equal(hf_ctl_call(path, &request, &out, 100), -ECONNREFUSED);
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(
	    hf_ctl_call(long_path, &request, &out, 100), -ENAMETOOLONG);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/socket", directory);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(reply_is_taken),
	    cmocka_unit_test(bad_replies),
	    cmocka_unit_test(silence_times_out),
	    cmocka_unit_test(full_backlog_times_out),
	    cmocka_unit_test(no_daemon),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
