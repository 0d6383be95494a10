// SPDX-License-Identifier: BSD-2-Clause
/*
 * handfast-relay: one connection at a time. Clients come over the kernel's
 * listener or are pushed by the test's daemon.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "relayproc.h"

static long ms_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* ---------------------------------------------------------------- options */

#define LISTEN "--listen", "127.0.0.1:0"
#define UPSTREAM "--upstream", "127.0.0.1:9"
#define BOTH LISTEN, UPSTREAM

static const struct {
	const char *args[8];
	int status;
	const char *text;
} command_lines[] = {
    {{"--help"}, 0, "--proxy-protocol v2"},
    {{"--version"}, 0, "handfast-relay "},
    {{NULL}, 2, "--listen ADDR:PORT is missing"},
    {{LISTEN}, 2, "--upstream ADDR:PORT is missing"},
    {{UPSTREAM}, 2, "--listen ADDR:PORT is missing"},
    {{"--listen"}, 2, "--listen: its value is missing"},
    {{"--listne", "x"}, 2, "--listne: no such option"},
    {{"-x"}, 2, "-x: no such option"},
    {{BOTH, "extra"}, 2, "'extra': only options are expected"},
    {{"--listen", "127.0.0.1", UPSTREAM}, 2, "there is no port"},
    {{"--listen", "", UPSTREAM}, 2, "there is no port"},
    {{"--listen", "127.0.0.1:", UPSTREAM}, 2, "the port has to be"},
    {{"--listen", "127.0.0.1:65536", UPSTREAM}, 2, "the port has to be"},
    {{"--listen", "127.0.0.1:-1", UPSTREAM}, 2, "the port has to be"},
    {{"--listen", "127.0.0.1:http", UPSTREAM}, 2, "the port has to be"},
    {{"--listen", "127.1:80", UPSTREAM}, 2, "names are not looked up"},
    {{"--listen", "localhost:80", UPSTREAM}, 2, "names are not looked up"},
    {{"--listen", ":80", UPSTREAM}, 2, "names are not looked up"},
    {{"--listen", "::1:80", UPSTREAM}, 2, "an IPv6 address needs brackets"},
    {{"--listen", "[::1:80", UPSTREAM}, 2, "write [ADDR]:PORT"},
    {{"--listen", "[::1]80", UPSTREAM}, 2, "write [ADDR]:PORT"},
    {{"--listen", "[127.0.0.1]:80", UPSTREAM}, 2, "that is no IPv6 address"},
    {{"--listen", "[fe80::1%nothing0]:80", UPSTREAM}, 2, "does not exist"},
    {{LISTEN, "--upstream", "127.0.0.1:0"}, 2, "the port is 0"},
    {{"--listen", "127.0.0.1:80", "--upstream", "127.0.0.1:80"},
     2,
     "where it listens itself"},
    {{BOTH, "--backlog", "0"}, 2, "from 1 to"},
    {{BOTH, "--backlog", "many"}, 2, "that is no number"},
    {{BOTH, "--backlog", "99999999999999999999"}, 2, "that is no number"},
    {{BOTH, "--cookies", "on"}, 2, "off, auto or always"},
    {{BOTH, "--overflow", "drop"}, 2, "hold or rst"},
    {{BOTH, "--delivery", "relay"}, 2, "accept or kernel"},
    {{BOTH, "--proxy-protocol", "v1"}, 2, "it has to be v2"},
    {{BOTH, "--workers", "0"}, 2, "from 1 to 256"},
    {{BOTH, "--workers", "257"}, 2, "from 1 to 256"},
    {{BOTH, "--socket", "/nowhere/control.sock"},
     1,
     "/nowhere/control.sock: No such file or directory (is handfastd"},
    {{"--listen", "192.0.2.1:0", UPSTREAM}, 1, "no interface has"},
};

static void test_command_line(void **state)
{
	const char *args[10] = {"handfast-relay"};
	char text[8192];
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < sizeof(command_lines) / sizeof(command_lines[0]); i++) {
		memcpy(args + 1, command_lines[i].args,
		       sizeof(command_lines[i].args));
		status = relay_run(args, text, sizeof(text));
		if (status == command_lines[i].status &&
		    strstr(text, command_lines[i].text))
			continue;
		fail_msg("row %zu: exit status %d, text:\n%s", i, status, text);
	}
}

static void test_port_taken(void **state)
{
	const char *args[] = {
	    "handfast-relay", "--listen", NULL, UPSTREAM, NULL};
	int bound = tcp_bind("127.0.0.1");
	char address[40], text[8192];

	(void)state;
	assert_int_equal(listen(bound, 1), 0);
	snprintf(address, sizeof(address), "127.0.0.1:%d", tcp_port(bound));
	args[2] = address;
	assert_int_equal(relay_run(args, text, sizeof(text)), 1);
	assert_non_null(strstr(text, "another server has it"));
	close(bound);
}

/* What the daemon is asked for. */
static void test_request(void **state)
{
	struct relay_start start = {.args = {"--backlog", "77", "--cookies",
					     "always", "--overflow", "rst"}};
	struct relay relay;
	struct hf_ctl_request last;

	(void)state;
	relay_start(&relay, &start);
	last = fake_last(&fake);
	assert_int_equal(last.backlog, 77);
	assert_int_equal(last.cookies, 2);  /* HF_COOKIES_ALWAYS */
	assert_int_equal(last.overflow, 1); /* HF_OVERFLOW_RST */
	assert_int_equal(last.delivery, 1); /* HF_DELIVERY_RELAY */
	relay_stop(&relay);
}

/* --------------------------------------------------------------- relaying */

static void test_both_ways(void **state)
{
	struct relay relay;
	int client, server, i;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	for (i = 0; i < 100; i++) {
		tcp_check(client, server);
		tcp_check(server, client);
	}
	relay_pair_close(&relay, client, server);
	/* A connection that the daemon brings. */
	client = fake_connect(fake_channel(&fake));
	server = relay_accept(&relay);
	tcp_check(server, client);
	tcp_check(client, server);
	relay_pair_close(&relay, client, server);
	relay_stop(&relay);
}

/* Accepts from the listening socket itself. */
static void test_delivery_kernel(void **state)
{
	struct relay_start start = {.args = {"--delivery", "kernel"}};
	struct relay relay;
	int client, server, i;

	(void)state;
	relay_start(&relay, &start);
	assert_int_equal(fake_last(&fake).delivery, 2); /* HF_DELIVERY_KERNEL */
	for (i = 0; i < 10; i++) {
		relay_pair(&relay, &client, &server);
		tcp_check(client, server);
		tcp_check(server, client);
		relay_pair_close(&relay, client, server);
	}
	relay_stop(&relay);
}

static void test_ipv6(void **state)
{
	struct relay_start start = {.listen = "::", .upstream = "::1"};
	struct relay relay;
	int client, server;

	(void)state;
	relay_start(&relay, &start);
	relay_pair(&relay, &client, &server); /* by IPv4 */
	tcp_check(client, server);
	relay_pair_close(&relay, client, server);
	client = tcp_connect("::1", relay.port);
	server = relay_accept(&relay);
	tcp_check(client, server);
	relay_pair_close(&relay, client, server);
	relay_stop(&relay);
}

/* One end says that it has sent all; the other way goes on. */
static void half_close(int first, int second)
{
	tcp_check(first, second);
	assert_int_equal(shutdown(first, SHUT_WR), 0);
	assert_int_equal(tcp_end(second), 0);
	usleep(20000);
	tcp_check(second, first);
	tcp_check(second, first);
	assert_int_equal(shutdown(second, SHUT_WR), 0);
	assert_int_equal(tcp_end(first), 0);
}

static void test_half_close(void **state)
{
	struct relay relay;
	int client, server, before;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	before = relay_descriptors(&relay);
	relay_pair(&relay, &client, &server);
	half_close(client, server);
	close(client);
	close(server);
	relay_pair(&relay, &client, &server);
	half_close(server, client);
	close(client);
	close(server);
	/* A client that sends and ends before the upstream is connected. */
	client = relay_client(&relay);
	assert_int_equal(send(client, "bye", 3, 0), 3);
	close(client);
	server = relay_accept(&relay);
	assert_int_equal(tcp_end(server), 0);
	close(server);
	/* Both ended: nothing is left but pipes for the next. */
	assert_true(eventually(relay_descriptors(&relay) <= before + 4));
	relay_stop(&relay);
}

/* ----------------------------------------------------------------- resets */

static void test_client_resets(void **state)
{
	struct relay relay;
	int client, server;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	tcp_check(client, server);
	tcp_reset(client);
	assert_int_equal(tcp_end(server), -ECONNRESET);
	close(server);
	/* After its FIN, when nothing is read from it any more. */
	relay_pair(&relay, &client, &server);
	shutdown(client, SHUT_WR);
	assert_int_equal(tcp_end(server), 0);
	tcp_reset(client);
	assert_true(eventually(send(server, "x", 1, MSG_NOSIGNAL) < 0));
	close(server);
	relay_stop(&relay);
}

static size_t receive_all(int fd, int *end)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	size_t total = 0;
	char buf[65536];
	ssize_t n;

	for (;;) {
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n <= 0)
			break;
		total += n;
	}
	*end = n ? errno : 0;
	return total;
}

static void send_all(int fd, size_t size)
{
	char buf[65536] = {};
	ssize_t n;

	while (size) {
		n = send(fd, buf, size < sizeof(buf) ? size : sizeof(buf),
			 MSG_NOSIGNAL);
		assert_true(n > 0);
		size -= n;
	}
}

static bool all_acked(int fd)
{
	int unsent = 1;

	ioctl(fd, SIOCOUTQ, &unsent);
	return !unsent;
}

/* What came before the RST arrives, and then the RST. */
static void test_upstream_resets(void **state)
{
	size_t size = 256 * 1024;
	struct relay relay;
	int client, server, end;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	send_all(server, size);
	assert_true(eventually(all_acked(server)));
	tcp_reset(server);
	usleep(100000);
	assert_int_equal(receive_all(client, &end), size);
	assert_int_equal(end, ECONNRESET);
	close(client);
	relay_stop(&relay);
}

static bool has_unread(int fd)
{
	int bytes = 0;

	ioctl(fd, FIONREAD, &bytes);
	return bytes > 0;
}

/* Answers and closes although the client still sends: the answer counts. */
static void test_upstream_closes_early(void **state)
{
	struct relay relay;
	int client, server, end;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	send_all(client, 100000);
	send_all(server, 5000);
	assert_true(eventually(has_unread(server) && all_acked(server)));
	close(server); /* with unread data: a RST */
	assert_int_equal(receive_all(client, &end), 5000);
	assert_int_equal(end, ECONNRESET);
	close(client);
	relay_stop(&relay);
}

static void test_upstream_down(void **state)
{
	struct relay relay;
	int client, server, i;

	(void)state;
	relay_start(&relay, &(struct relay_start){.down = true});
	for (i = 0; i < 100; i++) {
		client = relay_client(&relay);
		assert_int_equal(tcp_end(client), -ECONNRESET);
		close(client);
	}
	/* Said, but not a hundred times. */
	i = relay_log_count(&relay, "Connection refused: client reset (is it");
	assert_in_range(i, 1, 3);
	sleep(1);
	client = relay_client(&relay);
	assert_int_equal(tcp_end(client), -ECONNRESET);
	close(client);
	assert_true(eventually(relay_log_count(&relay, "more since")));
	/* It comes back. */
	assert_int_equal(listen(relay.upstream, 10), 0);
	relay_pair(&relay, &client, &server);
	tcp_check(client, server);
	assert_true(eventually(relay_log_count(&relay, "answers again") == 1));
	relay_pair_close(&relay, client, server);
	relay_stop(&relay);
}

/* Its accept queue is full, so that it does not answer SYNs. */
static void test_upstream_silent(void **state)
{
	struct relay relay;
	int client, filler, first;
	long begin;

	(void)state;
	relay_start(&relay, &(struct relay_start){.down = true});
	assert_int_equal(listen(relay.upstream, 0), 0);
	filler = tcp_connect("127.0.0.1", tcp_port(relay.upstream));
	begin = ms_now();
	client = relay_client(&relay);
	sleep(9);
	assert_int_equal(relay_log_count(&relay, "client reset"), 0);
	assert_int_equal(tcp_end(client), -ECONNRESET);
	assert_true(eventually(relay_log_count(&relay, "timed out")));
	assert_in_range(ms_now() - begin, 9500, 12000);
	close(client);
	first = relay_accept(&relay);
	close(first);
	close(filler);
	relay_stop(&relay);
}

/* --------------------------------------------------------- PROXY protocol */

static const unsigned char proxy_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

/* The header that the upstream reads first, and what follows it. */
static void proxy_check(const struct relay *relay, int client, int family,
			const void *address, size_t size)
{
	size_t len = 16 + 2 * size + 4, i;
	int server = relay_accept(relay), port;
	unsigned char header[64];

	tcp_check(server, client);
	assert_int_equal(send(client, "data", 4, 0), 4);
	for (i = 0; i < len + 4; i++)
		assert_int_equal(recv(server, header + i, 1, 0), 1);
	assert_memory_equal(header + len, "data", 4);
	assert_memory_equal(header, proxy_signature, 12);
	assert_int_equal(header[12], 0x21);
	assert_int_equal(header[13], family);
	assert_int_equal(header[14] << 8 | header[15], 2 * size + 4);
	assert_memory_equal(header + 16, address, size);
	assert_memory_equal(header + 16 + size, address, size);
	port = header[len - 4] << 8 | header[len - 3];
	assert_int_equal(port, tcp_port(client));
	port = header[len - 2] << 8 | header[len - 1];
	assert_int_equal(port, relay->port);
	relay_pair_close(relay, client, server);
}

static void test_proxy(void **state)
{
	struct relay_start start = {.args = {"--proxy-protocol", "v2"}};
	unsigned char v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
	struct relay relay;

	(void)state;
	relay_start(&relay, &start);
	proxy_check(&relay, relay_client(&relay), 0x11, v4, 4);
	relay_stop(&relay);

	start.listen = "::";
	relay_start(&relay, &start);
	proxy_check(&relay, tcp_connect("::1", relay.port), 0x21, v6, 16);
	/* ::ffff:127.0.0.1 is an IPv4 client. */
	proxy_check(&relay, relay_client(&relay), 0x11, v4, 4);
	relay_stop(&relay);
}

/* ------------------------------------------------------------------ the end */

static bool is_refused(int port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	err = connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? errno : 0;
	close(fd);
	return err == ECONNREFUSED;
}

/* What is open goes on; new clients are refused; the last one ends it. */
static void test_drain(void **state)
{
	struct relay relay;
	int client, server;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	assert_int_equal(kill(relay.pid, SIGTERM), 0);
	assert_true(eventually(relay_log_count(&relay, "stopped listening")));
	assert_true(eventually(is_refused(relay.port)));
	tcp_check(client, server);
	half_close(client, server);
	close(client);
	close(server);
	assert_int_equal(relay_wait(&relay), 0);
}

static void test_drain_ends(void **state)
{
	struct relay relay;
	int client, server;
	long begin = ms_now();

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	assert_int_equal(kill(relay.pid, SIGTERM), 0);
	assert_true(eventually(relay_log_count(&relay, "stopped listening")));
	sleep(9);
	tcp_check(client, server);
	assert_int_equal(tcp_end(client), -ECONNRESET);
	assert_int_equal(tcp_end(server), -ECONNRESET);
	assert_in_range(ms_now() - begin, 9500, 13000);
	assert_int_equal(relay_log_count(&relay, "1 connections were cut"), 1);
	close(client);
	close(server);
	assert_int_equal(relay_wait(&relay), 0);
}

static void test_second_signal(void **state)
{
	struct relay relay;
	int client, server;
	long begin = ms_now();

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	assert_int_equal(kill(relay.pid, SIGTERM), 0);
	assert_true(eventually(relay_log_count(&relay, "stopped listening")));
	assert_int_equal(kill(relay.pid, SIGINT), 0);
	assert_int_equal(tcp_end(client), -ECONNRESET);
	close(client);
	close(server);
	assert_int_equal(relay_wait(&relay), 0);
	assert_true(ms_now() - begin < 9000);
}

/* The relay outlives the daemon. */
static void test_daemon_restarts(void **state)
{
	struct relay relay;
	int client, server;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &client, &server);
	fake_kill(&fake);
	tcp_check(client, server);
	relay_pair_close(&relay, client, server);
	relay_pair(&relay, &client, &server);
	tcp_check(client, server);
	fake_restart(&fake);
	assert_true(eventually(fake_listeners(&fake) == 1));
	relay_pair_close(&relay, client, server);
	client = fake_connect(fake_channel(&fake));
	server = relay_accept(&relay);
	tcp_check(client, server);
	relay_pair_close(&relay, client, server);
	relay_stop(&relay);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_command_line),    T(test_port_taken),
	    T(test_request),         T(test_both_ways),
	    T(test_delivery_kernel), T(test_ipv6),
	    T(test_half_close),      T(test_client_resets),
	    T(test_upstream_resets), T(test_upstream_closes_early),
	    T(test_upstream_down),   T(test_upstream_silent),
	    T(test_proxy),           T(test_drain),
	    T(test_drain_ends),      T(test_second_signal),
	    T(test_daemon_restarts),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
