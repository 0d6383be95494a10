// SPDX-License-Identifier: BSD-2-Clause
/* handfast-relay: many connections, much data, few descriptors. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "relayproc.h"

/* ------------------------------------------------------------------- data */

#define CHUNK 65536

/* One end: sends and receives so many bytes that can be told from others. */
struct end {
	int fd;
	uint32_t seed;
	size_t to_send, sent, to_receive, received;
	bool shut;
};

static unsigned char byte_at(uint32_t seed, size_t position)
{
	uint32_t x = (uint32_t)(position / 4) * 2654435761U + seed;

	return (x ^ x >> 15) >> 8 * (position % 4);
}

static void end_send(struct end *end)
{
	static unsigned char buf[CHUNK];
	size_t n = end->to_send - end->sent, i;
	ssize_t sent;

	if (!n)
		return;
	if (n > CHUNK)
		n = CHUNK;
	for (i = 0; i < n; i++)
		buf[i] = byte_at(end->seed, end->sent + i);
	sent = send(end->fd, buf, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	assert_true(sent > 0 || errno == EAGAIN);
	if (sent > 0)
		end->sent += sent;
}

/* What the other end sends has the complement of its seed. */
static void end_receive(struct end *end)
{
	static unsigned char buf[CHUNK];
	ssize_t n = recv(end->fd, buf, CHUNK, MSG_DONTWAIT), i;

	assert_true(n > 0 || (n < 0 && errno == EAGAIN));
	for (i = 0; i < n; i++)
		if (buf[i] != byte_at(~end->seed, end->received + i))
			fail_msg("byte %zu is wrong", end->received + i);
	if (n > 0)
		end->received += n;
}

/* Drives n ends until each has done its part. */
static void ends_run(struct end *ends, int n)
{
	struct pollfd pfds[n];
	int i, busy;

	for (;;) {
		busy = 0;
		for (i = 0; i < n; i++) {
			pfds[i] = (struct pollfd){.fd = ends[i].fd};
			if (ends[i].sent < ends[i].to_send)
				pfds[i].events |= POLLOUT;
			if (ends[i].received < ends[i].to_receive)
				pfds[i].events |= POLLIN;
			busy += !!pfds[i].events;
		}
		if (!busy)
			return;
		assert_true(poll(pfds, n, 20000) > 0);
		for (i = 0; i < n; i++) {
			if (pfds[i].events & pfds[i].revents & POLLOUT)
				end_send(&ends[i]);
			if (pfds[i].events & pfds[i].revents & POLLIN)
				end_receive(&ends[i]);
		}
	}
}

static void test_bulk(void **state)
{
	size_t size = 48 * 1024 * 1024;
	struct end ends[2] = {
	    {.seed = 7, .to_send = size, .to_receive = size},
	    {.seed = ~7U, .to_send = size, .to_receive = size},
	};
	struct relay relay;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &ends[0].fd, &ends[1].fd);
	ends_run(ends, 2);
	assert_int_equal(shutdown(ends[0].fd, SHUT_WR), 0);
	assert_int_equal(tcp_end(ends[1].fd), 0);
	relay_pair_close(&relay, ends[0].fd, ends[1].fd);
	relay_stop(&relay);
}

static bool is_served(int client)
{
	struct pollfd pfd = {.fd = client, .events = POLLIN};

	return poll(&pfd, 1, 1000) == 1;
}

/* A client whose window and the relay's send buffer for it are small. */
static int narrow_client(const struct relay *relay)
{
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_port = htons(relay->port),
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int mss = 536, buffer = 4096;

	setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &mss, sizeof(mss));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return fd;
}

/* Segments of one byte fill a pipe by their number, not by their size. */
static void test_small_segments(void **state)
{
	int client, server, sent = 0, received = 0, one = 1;
	struct relay relay;
	char buf[4096];
	ssize_t n;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	client = narrow_client(&relay);
	server = relay_accept(&relay);
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	memset(buf, 'x', sizeof(buf));
	while (sent < 100000)
		sent += send(server, buf, 1000, MSG_NOSIGNAL);
	while (sent < 110000 &&
	       send(server, buf, 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		sent++;
	usleep(100000);
	while (received < sent) {
		assert_true(is_served(client));
		n = recv(client, buf, 500, 0);
		assert_true(n > 0);
		received += n;
	}
	relay_pair_close(&relay, client, server);
	relay_stop(&relay);
}

/*
 * The client stops reading until everybody on the way is full, then reads in
 * small steps. Nobody sends any more: what is left in the relay's receive
 * buffer comes only if the relay looks for it.
 */
static void test_slow_reader(void **state)
{
	struct end ends[2] = {
	    {.seed = 5, .to_receive = 64 * 1024 * 1024},
	    {.seed = ~5U, .to_send = 64 * 1024 * 1024},
	};
	struct relay relay;
	size_t before;

	(void)state;
	relay_start(&relay, &(struct relay_start){});
	relay_pair(&relay, &ends[0].fd, &ends[1].fd);
	do {
		before = ends[1].sent;
		end_send(&ends[1]);
		usleep(before == ends[1].sent ? 50000 : 0);
		end_send(&ends[1]);
	} while (ends[1].sent > before);
	ends[0].to_receive = ends[1].to_send = ends[1].sent;
	while (ends[0].received < ends[0].to_receive) {
		before = ends[0].received;
		assert_true(eventually(
		    (end_receive(&ends[0]), ends[0].received > before)));
		usleep(1000);
	}
	relay_pair_close(&relay, ends[0].fd, ends[1].fd);
	relay_stop(&relay);
}

/* ------------------------------------------------------------------- many */

#define MANY 1000

static void test_idle(void **state)
{
	static int clients[MANY], servers[MANY];
	struct relay relay;
	int before, i;

	(void)state;
	relay_start(&relay, &(struct relay_start){.args = {"--workers", "2"}});
	before = relay_descriptors(&relay);
	for (i = 0; i < MANY; i++)
		relay_pair(&relay, &clients[i], &servers[i]);
	for (i = 0; i < MANY; i++) {
		tcp_check(clients[i], servers[i]);
		tcp_check(servers[i], clients[i]);
	}
	/* Two each. Pipes are shared: one after the other needs few. */
	assert_in_range(relay_descriptors(&relay), before + 2 * MANY,
			before + 2 * MANY + 8);
	for (i = 0; i < MANY; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	assert_true(eventually(relay_descriptors(&relay) <= before + 8));
	relay_stop(&relay);
}

/* All at once, each sends at once; the server gives back what it gets. */
static void test_crowd(void **state)
{
	static struct end ends[2 * MANY];
	struct relay relay;
	int i, n = MANY;

	(void)state;
	relay_start(&relay, &(struct relay_start){.args = {"--workers", "4"}});
	for (i = 0; i < n; i++) {
		ends[i] = (struct end){.fd = relay_client(&relay),
				       .seed = 99,
				       .to_send = 20000,
				       .to_receive = 20000};
		end_send(&ends[i]);
	}
	for (i = n; i < 2 * n; i++)
		ends[i] = (struct end){.fd = relay_accept(&relay),
				       .seed = ~99U,
				       .to_send = 20000,
				       .to_receive = 20000};
	ends_run(ends, 2 * n);
	for (i = 0; i < 2 * n; i++)
		close(ends[i].fd);
	relay_stop(&relay);
}

/* ------------------------------------------------------- few descriptors */

/* Connections that 200 descriptors carry, as the relay says. */
static int connections_told(const struct relay *relay)
{
	const char *text = strstr(relay_log(relay), "descriptors carry ");

	assert_non_null(text);
	assert_non_null(strstr(relay_log(relay), "200 descriptors carry "));
	return atoi(text + strlen("descriptors carry "));
}

static void few_start(struct relay *relay)
{
	struct relay_start start = {
	    .descriptors = 200, .args = {"--workers", "1"}};

	relay_start(relay, &start);
}

/* More clients than it carries: they wait, none is lost. */
static void test_limit(void **state)
{
	int clients[100], servers[100], most, i;
	struct relay relay;

	(void)state;
	few_start(&relay);
	most = connections_told(&relay);
	assert_in_range(most, 20, 90);
	for (i = 0; i < most; i++) {
		relay_pair(&relay, &clients[i], &servers[i]);
		tcp_check(clients[i], servers[i]);
	}
	for (i = most; i < most + 10; i++)
		clients[i] = relay_client(&relay);
	assert_false(is_served(relay.upstream));
	assert_true(eventually(relay_log_count(&relay, "new ones wait") > 0));
	assert_true(relay_descriptors(&relay) < 200);
	for (i = 0; i < 10; i++) {
		close(clients[i]);
		close(servers[i]);
		servers[most + i] = relay_accept(&relay);
	}
	for (i = most; i < most + 10; i++)
		assert_int_equal(send(servers[i], "x", 1, 0), 1);
	for (i = most; i < most + 10; i++)
		assert_true(is_served(clients[i]));
	for (i = 10; i < most + 10; i++) {
		close(clients[i]);
		close(servers[i]);
	}
	relay_stop(&relay);
}

/*
 * More slow readers than there are pipes: each has data that its client does
 * not read, and all the same everybody else is served, and every byte comes.
 */
static void test_no_pipes(void **state)
{
	enum { SLOW = 30 };
	size_t size = 8 * 1024 * 1024;
	struct end ends[2 * SLOW] = {};
	int client, server, i, round, before, small = 65536;
	struct relay relay;

	(void)state;
	few_start(&relay);
	before = relay_descriptors(&relay);
	for (i = 0; i < SLOW; i++) {
		relay_pair(&relay, &client, &server);
		setsockopt(
		    client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
		ends[2 * i] =
		    (struct end){.fd = client, .seed = i, .to_receive = size};
		ends[2 * i + 1] =
		    (struct end){.fd = server, .seed = ~i, .to_send = size};
	}
	/* Until all is full, from the server to the client. */
	for (round = 0; round < 200; round++)
		for (i = 0; i < SLOW; i++)
			end_send(&ends[2 * i + 1]);
	/* All of them are taken: 200 / 16. */
	assert_true(eventually(relay_descriptors(&relay) ==
			       before + 2 * SLOW + 2 * 12));
	relay_pair(&relay, &client, &server);
	tcp_check(client, server);
	tcp_check(server, client);
	relay_pair_close(&relay, client, server);
	ends_run(ends, 2 * SLOW);
	for (i = 0; i < 2 * SLOW; i++)
		close(ends[i].fd);
	relay_stop(&relay);
}

#define T(name)                                                                \
	cmocka_unit_test_setup_teardown(name, listener_setup, listener_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(test_bulk),     T(test_small_segments), T(test_slow_reader),
	    T(test_idle),     T(test_crowd),          T(test_limit),
	    T(test_no_pipes),
	};

	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
