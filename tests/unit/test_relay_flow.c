// SPDX-License-Identifier: BSD-2-Clause
/*
 * One direction of a relayed connection (user/relay/flow.c), step by step.
 * The sockets are pairs: what `source` writes the flow reads from `from`;
 * what it writes to `to` arrives at `sink`.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "relay/relay.h"
#include "testnet.h"

static struct bench {
	struct worker *worker;
	struct side from, to;
	struct flow flow;
	int source, sink;
} b;

static void nonblock(int fd)
{
	assert_int_equal(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

/* Unix sockets: every send is a page of its own in a pipe. */
static void unix_pair(int *outside, int *inside)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*outside = pair[0];
	*inside = pair[1];
}

enum { UNIX = 0, TCP_FROM = 1, TCP_TO = 2, TCP = 3 };

static void bench_open(int which, int pipes)
{
	int one = 1;

	b = (struct bench){};
	b.worker = calloc(1, sizeof(*b.worker));
	b.worker->pipes.max = pipes;
	if (which & TCP_FROM) {
		tcp_pair(&b.source, &b.from.fd, NULL);
		/* What is sent is there at once. */
		setsockopt(
		    b.source, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	} else
		unix_pair(&b.source, &b.from.fd);
	if (which & TCP_TO)
		tcp_pair(&b.sink, &b.to.fd, NULL);
	else
		unix_pair(&b.sink, &b.to.fd);
	nonblock(b.from.fd);
	nonblock(b.to.fd);
	nonblock(b.source);
	nonblock(b.sink);
	b.flow = (struct flow){.from = &b.from, .to = &b.to};
	b.from.readable = b.to.writable = true;
}

static void bench_close(void)
{
	flow_drop(b.worker, &b.flow);
	relay_pipes_close(&b.worker->pipes);
	assert_int_equal(b.worker->pipes.n_all, 0);
	if (b.source >= 0)
		close(b.source);
	if (b.sink >= 0)
		close(b.sink);
	close(b.from.fd);
	close(b.to.fd);
	free(b.worker);
}

/* Fills what lies between `to` and `sink`, unix sockets; returns how much
 * that is. */
static size_t to_fill(void)
{
	static char junk[4096];
	size_t total = 0;
	ssize_t n;

	while ((n = send(b.to.fd, junk, sizeof(junk), 0)) > 0)
		total += n;
	return total;
}

static size_t sink_empty(size_t size)
{
	static char junk[65536];
	size_t total = 0;
	ssize_t n;

	while (total < size) {
		n = recv(
		    b.sink, junk,
		    size - total < sizeof(junk) ? size - total : sizeof(junk),
		    0);
		if (n <= 0)
			break;
		total += n;
	}
	return total;
}

static void put(int n)
{
	char c;

	for (; n; n--) {
		c = n;
		assert_int_equal(send(b.source, &c, 1, 0), 1);
	}
}

/* n bytes arrive in the order of put(), and no more. */
static void take(int n)
{
	char c;

	for (; n; n--) {
		assert_int_equal(recv(b.sink, &c, 1, 0), 1);
		assert_int_equal(c, (char)n);
	}
	assert_int_equal(recv(b.sink, &c, 1, 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static enum flow_result run(void)
{
	return flow_run(b.worker, &b.flow);
}

static void test_moves(void **state)
{
	(void)state;
	bench_open(UNIX, 1);
	put(5);
	assert_int_equal(run(), FLOW_IDLE);
	take(5);
	assert_false(b.from.readable);
	assert_true(b.to.writable);
	/* Nothing held, no pipe held. */
	assert_null(b.flow.pipe);
	assert_int_equal(b.worker->pipes.n_idle, 1);
	bench_close();
}

/* Nothing is read for somebody who cannot take it. */
static void test_waits(void **state)
{
	(void)state;
	bench_open(UNIX, 1);
	put(5);
	b.to.writable = false;
	assert_int_equal(run(), FLOW_IDLE);
	assert_null(b.flow.pipe);
	assert_true(b.from.readable);
	b.to.writable = true;
	assert_int_equal(run(), FLOW_IDLE);
	take(5);
	bench_close();
}

/*
 * A full pipe is no empty socket: after EAGAIN with data in the pipe the
 * socket is read again, because no event would tell of what it still has.
 */
static void test_pipe_full(void **state)
{
	size_t junk;

	(void)state;
	bench_open(UNIX, 1);
	junk = to_fill();
	put(100);
	assert_int_equal(run(), FLOW_IDLE);
	assert_false(b.to.writable);
	assert_true(b.from.readable);
	assert_in_range(b.flow.held, 1, 99);
	assert_int_equal(sink_empty(junk), junk);
	b.to.writable = true;
	assert_int_equal(run(), FLOW_IDLE);
	take(100);
	assert_false(b.from.readable);
	assert_null(b.flow.pipe);
	bench_close();
}

/* Without a pipe only what was sent is taken out of the socket. */
static void test_copies(void **state)
{
	size_t junk;

	(void)state;
	bench_open(TCP_FROM, 0);
	put(100);
	usleep(10000);
	assert_int_equal(run(), FLOW_IDLE);
	usleep(10000);
	take(100);
	junk = to_fill();
	put(100);
	usleep(10000);
	b.from.readable = true;
	assert_int_equal(run(), FLOW_IDLE);
	assert_false(b.to.writable);
	assert_true(b.from.readable);
	assert_int_equal(sink_empty(junk), junk);
	b.to.writable = true;
	assert_int_equal(run(), FLOW_IDLE);
	usleep(10000);
	take(100);
	assert_int_equal(b.worker->pipes.n_all, 0);
	bench_close();
}

static void test_budget(void **state)
{
	static char data[4 * FLOW_BUDGET];
	size_t sent = 0, got = 0;
	enum flow_result result;
	ssize_t n;

	(void)state;
	bench_open(TCP, 1);
	/* As a peer that is as fast as the relay. */
	while (got < sizeof(data)) {
		n = send(b.source, data + sent, sizeof(data) - sent, 0);
		sent += n > 0 ? n : 0;
		b.from.readable = b.to.writable = true;
		result = run();
		assert_int_not_equal(result, FLOW_FAILED);
		got += sink_empty(sizeof(data));
	}
	assert_int_equal(got, sizeof(data));
	bench_close();
}

static void eof_check(int pipes)
{
	char c;

	bench_open(TCP, pipes);
	put(3);
	shutdown(b.source, SHUT_WR);
	usleep(10000);
	assert_int_equal(run(), FLOW_IDLE);
	assert_true(b.flow.done);
	usleep(10000);
	assert_int_equal(recv(b.sink, &c, 1, 0), 1);
	assert_int_equal(recv(b.sink, &c, 1, 0), 1);
	assert_int_equal(recv(b.sink, &c, 1, 0), 1);
	assert_int_equal(recv(b.sink, &c, 1, 0), 0);
	assert_int_equal(run(), FLOW_IDLE);
	bench_close();
}

static void test_eof(void **state)
{
	(void)state;
	eof_check(1);
	eof_check(0);
}

/* An end with data on the way: FIN only behind it. */
static void test_eof_behind_data(void **state)
{
	size_t junk;
	char c;

	(void)state;
	bench_open(UNIX, 1);
	junk = to_fill();
	put(3);
	shutdown(b.source, SHUT_WR);
	assert_int_equal(run(), FLOW_IDLE);
	/* It has not read the end yet; now it does. */
	b.to.writable = true;
	assert_int_equal(run(), FLOW_IDLE);
	assert_true(b.flow.eof);
	assert_false(b.flow.done);
	assert_int_equal(sink_empty(junk), junk);
	b.to.writable = true;
	assert_int_equal(run(), FLOW_IDLE);
	assert_true(b.flow.done);
	assert_int_equal(sink_empty(3), 3);
	assert_int_equal(recv(b.sink, &c, 1, 0), 0);
	bench_close();
}

static void reset_source(void)
{
	struct linger linger = {1, 0};

	setsockopt(b.source, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(b.source);
	b.source = -1;
	usleep(10000);
}

/* A reset: what came before is delivered, then it is told. */
static void reset_check(int pipes)
{
	bench_open(TCP, pipes);
	put(3);
	usleep(10000);
	reset_source();
	b.from.failed = true; /* as EPOLLERR says */
	assert_int_equal(run(), FLOW_FAILED);
	assert_false(b.flow.done);
	usleep(10000);
	take(3);
	bench_close();
}

static void test_reset(void **state)
{
	(void)state;
	reset_check(1);
	reset_check(0);
}

/* Found out by reading. */
static void test_reset_unannounced(void **state)
{
	(void)state;
	bench_open(TCP, 1);
	reset_source();
	assert_int_equal(run(), FLOW_FAILED);
	assert_true(b.from.failed);
	bench_close();
}

static void sink_gone(int pipes)
{
	struct linger linger = {1, 0};

	bench_open(TCP, pipes);
	setsockopt(b.sink, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(b.sink);
	b.sink = -1;
	put(3);
	usleep(10000);
	assert_int_equal(run(), FLOW_IDLE);
	assert_true(b.flow.done);
	assert_true(b.to.failed);
	assert_false(b.from.failed);
	assert_null(b.flow.pipe);
	/* A pipe that held data is not used again. */
	assert_int_equal(b.worker->pipes.n_all, 0);
	bench_close();
}

static void test_sink_gone(void **state)
{
	(void)state;
	sink_gone(1);
	sink_gone(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_moves),
	    cmocka_unit_test(test_waits),
	    cmocka_unit_test(test_pipe_full),
	    cmocka_unit_test(test_copies),
	    cmocka_unit_test(test_budget),
	    cmocka_unit_test(test_eof),
	    cmocka_unit_test(test_eof_behind_data),
	    cmocka_unit_test(test_reset),
	    cmocka_unit_test(test_reset_unannounced),
	    cmocka_unit_test(test_sink_gone),
	};

	signal(SIGPIPE, SIG_IGN);
	network_own();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
