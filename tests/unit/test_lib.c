// SPDX-License-Identifier: BSD-2-Clause
/* libhandfast against a daemon in the same process: hf_listen() and what the
 * library's thread does afterwards. test_accept.c has hf_accept(). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "handfast/abi.h"
#include "listener.h"

/* ---------------------------------------------------------------- errors */

static void test_socket_errors(void **state)
{
	int udp = socket(AF_INET, SOCK_DGRAM, 0);
	int local = socket(AF_UNIX, SOCK_STREAM, 0);
	int file = open("/dev/null", O_RDONLY);

	(void)state;
	assert_fails(hf_listen(-1, 1, NULL), EBADF);
	assert_fails(hf_listen(file, 1, NULL), ENOTSOCK);
	assert_fails(hf_listen(udp, 1, NULL), EOPNOTSUPP);
	assert_fails(hf_listen(local, 1, NULL), EPROTONOSUPPORT);
	assert_non_null(strstr(hf_listen_error(), "not a TCP socket"));
	close(udp);
	close(local);
	close(file);
}

static void test_option_errors(void **state)
{
	struct {
		struct hf_listen_options opt;
		char later[8];
	} longer = {.opt = {.size = sizeof(longer)}};
	struct hf_listen_options opt = {};
	int bound = tcp_bind("127.0.0.1"), fd;
	char path[300];

	(void)state;
	assert_fails(hf_listen(bound, 1, &opt), EINVAL);
	opt.size = sizeof(opt);
	opt.cookies = 3;
	assert_fails(hf_listen(bound, 1, &opt), EINVAL);
	opt.cookies = 0;
	opt.overflow = -1;
	assert_fails(hf_listen(bound, 1, &opt), EINVAL);
	opt.overflow = 0;
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	opt.socket_path = path;
	assert_fails(hf_listen(bound, 1, &opt), EINVAL);
	longer.later[7] = 1;
	assert_fails(hf_listen(bound, 1, &longer.opt), EINVAL);
	longer.later[7] = 0;
	fd = hf_listen(bound, 1, &longer.opt);
	assert_true(fd >= 0);
	assert_string_equal(hf_listen_error(), "");
	listener_close(fd, bound);
}

static void no_daemon(const char *path, int error)
{
	struct hf_listen_options opt = {
	    .size = sizeof(opt), .socket_path = path};
	int bound = tcp_bind("127.0.0.1");

	assert_fails(hf_listen(bound, 1, &opt), error);
	assert_non_null(strstr(hf_listen_error(), path));
	close(bound);
}

static void test_no_daemon(void **state)
{
	char *path;

	(void)state;
	no_daemon("/tmp/handfast-unit-nothing.sock", ENOENT);
	fake_kill(&fake);
	path = strdup(fake.path);
	no_daemon(path, ECONNREFUSED);
	free(path);
	fake_restart(&fake);
}

/* A process of its own, because it gives up its rights. */
static void test_no_right(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (getuid())
		skip();
	chmod(fake.path, 0600);
	pid = child_fork();
	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(2);
		_exit(!(hf_listen(tcp_bind("127.0.0.1"), 1, NULL) == -1 &&
			errno == EACCES));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void refused(enum fake_mode mode, int error, int seen)
{
	int bound = tcp_bind("127.0.0.1");

	fake_set(&fake, mode, error);
	assert_fails(hf_listen(bound, 1, NULL), seen);
	assert_true(hf_listen_error()[0]);
	/* The socket can be used again. */
	fake_set(&fake, FAKE_GOOD, 0);
	listener_close(hf_listen(bound, 1, NULL), bound);
}

static void test_daemon_errors(void **state)
{
	static const int errors[] = {EADDRINUSE, EXDEV, ENOSPC, EPROTO, EINVAL};
	int before;
	size_t i;

	(void)state;
	thread_started();
	before = descriptors_open();
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		refused(FAKE_REFUSE, errors[i], errors[i]);
		refused(FAKE_KEEP, errors[i], errors[i]);
	}
	refused(FAKE_SHORT, 0, EPROTO);
	refused(FAKE_VERSION, 0, EPROTO);
	refused(FAKE_HANG_UP, 0, ECONNRESET);
	assert_true(eventually(descriptors_open() == before));
}

static void test_silent_daemon(void **state)
{
	(void)state;
	refused(FAKE_SILENT, 0, ETIMEDOUT);
}

/* listen(2)'s own error, by way of the daemon. */
static void test_connected_socket(void **state)
{
	int client, child;

	(void)state;
	tcp_pair(&client, &child, NULL);
	assert_fails(hf_listen(client, 1, NULL), EINVAL);
	close(client);
	close(child);
}

/* --------------------------------------------------------------- requests */

static void test_request(void **state)
{
	struct hf_listen_options opt = {.size = sizeof(opt)};
	int bound = tcp_bind("127.0.0.1"), fd;
	struct hf_ctl_request last;

	(void)state;
	fd = hf_listen(bound, -1, NULL);
	last = fake_last(&fake);
	assert_int_equal(last.version, HF_CTL_VERSION);
	assert_int_equal(last.type, HF_CTL_LISTEN);
	assert_int_equal(last.backlog, -1);
	assert_int_equal(last.cookies, HF_COOKIES_AUTO);
	assert_int_equal(last.overflow, HF_CTL_DEFAULT);
	assert_int_equal(last.delivery, HF_DELIVERY_ACCEPT);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);

	opt.cookies = HF_COOKIES_OPT_OFF;
	opt.overflow = HF_OVERFLOW_OPT_RST;
	opt.relay = 1;
	assert_int_equal(hf_listen(bound, 7, &opt), fd);
	last = fake_last(&fake);
	assert_int_equal(last.backlog, 7);
	assert_int_equal(last.cookies, HF_COOKIES_OFF);
	assert_int_equal(last.overflow, HF_OVERFLOW_RST);
	assert_int_equal(last.delivery, HF_DELIVERY_RELAY);

	opt.cookies = HF_COOKIES_OPT_ALWAYS;
	opt.overflow = HF_OVERFLOW_OPT_HOLD;
	assert_int_equal(hf_listen(bound, 7, &opt), fd);
	last = fake_last(&fake);
	assert_int_equal(last.cookies, HF_COOKIES_ALWAYS);
	assert_int_equal(last.overflow, HF_OVERFLOW_HOLD);
	assert_int_equal(fake_listeners(&fake), 1);
	listener_close(fd, bound);
}

static void test_unbound_socket(void **state)
{
	int bound = socket(AF_INET, SOCK_STREAM, 0), fd;

	(void)state;
	fd = hf_listen(bound, 1, NULL);
	assert_true(fd >= 0);
	assert_true(tcp_port(bound) > 0);
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	listener_close(fd, bound);
}

static void test_change_refused(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	fake_set(&fake, FAKE_KEEP, EINVAL);
	assert_fails(hf_listen(bound, 99, NULL), EINVAL);
	assert_string_equal(hf_listen_error(), "the daemon's words");
	accept_check(fd, fake_connect(fake_channel(&fake)));
	/* The next daemon is told what was granted. */
	fake_kill(&fake);
	fake_set(&fake, FAKE_GOOD, 0);
	fake_restart(&fake);
	assert_true(eventually(fake_requests(&fake) == 1));
	assert_int_equal(fake_last(&fake).backlog, 16);
	listener_close(fd, bound);
}

static void test_descriptor_copied(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), copy = dup(fd);

	(void)state;
	close(fd);
	assert_fails(hf_listen(bound, 99, NULL), EBADF);
	accept_check(copy, fake_connect(fake_channel(&fake)));
	listener_close(copy, bound);
}

struct racer {
	pthread_t thread;
	int bound, fd;
};

static void *racer_main(void *arg)
{
	struct racer *racer = arg;

	racer->fd = hf_listen(racer->bound, 16, NULL);
	return NULL;
}

static void race(int error)
{
	struct racer racers[8];
	int bound = tcp_bind("127.0.0.1");
	size_t i, n = sizeof(racers) / sizeof(racers[0]);

	fake_set(&fake, error ? FAKE_REFUSE : FAKE_GOOD, error);
	for (i = 0; i < n; i++) {
		racers[i].bound = bound;
		pthread_create(&racers[i].thread, NULL, racer_main, &racers[i]);
	}
	for (i = 0; i < n; i++) {
		pthread_join(racers[i].thread, NULL);
		if (error)
			assert_int_equal(racers[i].fd, -1);
		else
			assert_int_equal(racers[i].fd, racers[0].fd);
	}
	if (error)
		close(bound);
	else
		listener_close(racers[0].fd, bound);
}

static void test_threads_listen(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 20; i++)
		race(i & 1 ? ENOSPC : 0);
}

static void test_many_listeners(void **state)
{
	enum { N = 500 };
	static int fds[N], bound[N];
	int i, before;

	(void)state;
	thread_started();
	before = descriptors_open();
	for (i = 0; i < N; i++)
		fds[i] = listener_open("127.0.0.1", &bound[i]);
	for (i = 0; i < N; i++)
		accept_check(
		    fds[i], tcp_connect("127.0.0.1", tcp_port(bound[i])));
	for (i = 0; i < N; i++) {
		close(fds[i]);
		close(bound[i]);
	}
	assert_true(eventually(descriptors_open() == before));
	assert_int_equal(fake_listeners(&fake), 0);
}

/* ---------------------------------------------------------------- closing */

static void test_close(void **state)
{
	struct pollfd pfd = {.events = POLLIN};
	int before, bound, fd, port, client;

	(void)state;
	thread_started();
	before = descriptors_open();
	fd = pfd.fd = listener_open("127.0.0.1", &bound);
	port = tcp_port(bound);
	client = tcp_connect("127.0.0.1", port);
	/* Linux resets what waits in the accept queue. */
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	listener_close(fd, bound);
	assert_int_equal(tcp_end(client), -ECONNRESET);
	close(client);
	assert_true(eventually(descriptors_open() == before));
	/* The port is free again. */
	bound = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(
	    bind(bound,
		 (struct sockaddr *)&(struct sockaddr_in){
		     .sin_family = AF_INET, .sin_port = htons(port)},
		 sizeof(struct sockaddr_in)),
	    0);
	close(bound);
}

static void test_close_and_listen_again(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), i;

	(void)state;
	for (i = 0; i < 200; i++) {
		close(fd);
		fd = hf_listen(bound, 16, NULL);
		assert_true(fd >= 0);
	}
	assert_true(eventually(fake_listeners(&fake) == 1));
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	listener_close(fd, bound);
}

static void test_shutdown(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EINVAL);
	assert_true(eventually(!fake_listeners(&fake)));
	close(fd);
	close(bound);
}

/* Half shut down: found out by the next connection. */
static void test_shutdown_reading(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), client;

	(void)state;
	assert_int_equal(shutdown(fd, SHUT_RD), 0);
	assert_fails(hf_accept(fd, NULL, NULL, 0), EINVAL);
	client = tcp_connect("127.0.0.1", tcp_port(bound));
	assert_int_equal(tcp_end(client), -ECONNRESET);
	assert_true(eventually(!fake_listeners(&fake)));
	close(client);
	close(fd);
	close(bound);
}

/* ----------------------------------------------------------- reconnecting */

static void test_daemon_dies(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound), i;
	int port = tcp_port(bound);

	(void)state;
	for (i = 0; i < 3; i++) {
		fake_kill(&fake);
		/* The service goes on without it. */
		accept_check(fd, tcp_connect("127.0.0.1", port));
		fake_restart(&fake);
		assert_true(eventually(fake_listeners(&fake) == 1));
		accept_check(fd, fake_connect(fake_channel(&fake)));
		accept_check(fd, tcp_connect("127.0.0.1", port));
	}
	listener_close(fd, bound);
}

static void test_daemon_refuses_later(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	fake_kill(&fake);
	fake_set(&fake, FAKE_REFUSE, ENOSPC);
	fake_restart(&fake);
	assert_true(eventually(fake_requests(&fake) >= 3));
	accept_check(fd, tcp_connect("127.0.0.1", tcp_port(bound)));
	fake_set(&fake, FAKE_GOOD, 0);
	assert_true(eventually(fake_listeners(&fake) == 1));
	accept_check(fd, fake_connect(fake_channel(&fake)));
	listener_close(fd, bound);
}

static int kernel_backlog(int bound)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	assert_int_equal(
	    getsockopt(bound, IPPROTO_TCP, TCP_INFO, &info, &len), 0);
	return info.tcpi_sacked; /* of a listener: sk_max_ack_backlog */
}

static void test_change_without_daemon(void **state)
{
	int bound, fd = listener_open("127.0.0.1", &bound);

	(void)state;
	assert_int_equal(kernel_backlog(bound), 16);
	fake_kill(&fake);
	assert_int_equal(hf_listen(bound, 33, NULL), fd);
	assert_int_equal(kernel_backlog(bound), 33);
	fake_restart(&fake);
	assert_true(eventually(fake_requests(&fake) == 1));
	assert_int_equal(fake_last(&fake).backlog, 33);
	listener_close(fd, bound);
}

/* An answer that nobody asked for: not a daemon to go on with. */
static void test_talkative_daemon(void **state)
{
	int bound, fd;

	(void)state;
	fake_set(&fake, FAKE_TALKATIVE, 0);
	fd = listener_open("127.0.0.1", &bound);
	assert_true(eventually(fake_requests(&fake) >= 2));
	fake_set(&fake, FAKE_GOOD, 0);
	/* Not the one that was talkative, which is about to be closed. */
	assert_true(eventually(fake_requests(&fake) >= 1));
	assert_true(eventually(fake_listeners(&fake) == 1));
	accept_check(fd, fake_connect(fake_channel(&fake)));
	listener_close(fd, bound);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_socket_errors),
	    T(test_option_errors),
	    T(test_no_daemon),
	    T(test_no_right),
	    T(test_daemon_errors),
	    T(test_silent_daemon),
	    T(test_connected_socket),
	    T(test_request),
	    T(test_unbound_socket),
	    T(test_change_refused),
	    T(test_descriptor_copied),
	    T(test_threads_listen),
	    T(test_many_listeners),
	    T(test_close),
	    T(test_close_and_listen_again),
	    T(test_shutdown),
	    T(test_shutdown_reading),
	    T(test_daemon_dies),
	    T(test_daemon_refuses_later),
	    T(test_change_without_daemon),
	    T(test_talkative_daemon),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
