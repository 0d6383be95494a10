// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/param.h>
#include <unistd.h>

#include "client.h"

#define CHUNK 16384
static const char greeting[] = "220 ready\r\n";
#define GREETING_LEN ((int)sizeof(greeting) - 1)

/* Byte `offset` of what connection `id` sends: no two streams are alike. */
static uint8_t pattern(uint32_t id, int round, uint32_t offset)
{
	uint32_t x = (id * 2654435761U) ^ (round * 40503U) ^ offset;

	x ^= x >> 15;
	x *= 2246822519U;
	return x >> 24;
}

static void fail(struct conn *conn, int err)
{
	enum client_result result = RESULT_other;

	if (err == ECONNREFUSED)
		result = RESULT_refused;
	else if (err == ECONNRESET || err == EPIPE)
		result = RESULT_reset;
	else if (err == ETIMEDOUT)
		result = RESULT_timeout;
	else if (err == EHOSTUNREACH || err == ENETUNREACH)
		result = RESULT_unreachable;
	if (opt.verbose || result == RESULT_other)
		fprintf(stderr, "client: connection %u, round %d: %s\n",
			conn->id, conn->round, strerror(err));
	client_done(conn, result);
}

static int set_md5(int fd)
{
	struct tcp_md5sig md5 = {.tcpm_keylen = strlen(opt.md5)};

	memcpy(&md5.tcpm_addr, &opt.to, opt.addrlen);
	memcpy(md5.tcpm_key, opt.md5, md5.tcpm_keylen);
	return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &md5, sizeof(md5));
}

static int prepare_socket(int fd)
{
	int one = 1, zero = 0;
	struct sockaddr_storage from = opt.from;

	if (opt.md5 && set_md5(fd))
		return -errno;
	/* The kernel delays its ACK then, and sends it with the data. */
	if (opt.with_ack &&
	    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof(zero)))
		return -errno;
	if (!opt.bind && !opt.sport)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (opt.reuseport &&
	     setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))) ||
	    (!opt.sport && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT,
				      &one, sizeof(one))))
		return -errno;
	from.ss_family = opt.to.ss_family;
	if (from.ss_family == AF_INET)
		((struct sockaddr_in *)&from)->sin_port = htons(opt.sport);
	else
		((struct sockaddr_in6 *)&from)->sin6_port = htons(opt.sport);
	return bind(fd, (struct sockaddr *)&from, opt.addrlen) ? -errno : 0;
}

void conn_start(struct conn *conn, uint32_t id)
{
	int err;

	*conn = (struct conn){
	    .state = CONN_CONNECTING,
	    .id = id,
	    .start_us = client_now_us(),
	};
	conn->round_us = conn->start_us;
	conn->fd = socket(
	    opt.to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0) {
		fail(conn, errno);
		return;
	}
	err = prepare_socket(conn->fd);
	if (!err &&
	    connect(conn->fd, (struct sockaddr *)&opt.to, opt.addrlen) &&
	    errno != EINPROGRESS)
		err = -errno;
	if (err)
		fail(conn, -err);
	else
		client_watch(conn, EPOLLOUT, EPOLL_CTL_ADD);
}

static void begin_round(struct conn *conn)
{
	conn->sent = conn->received = 0;
	conn->round_us = client_now_us();
	conn->state = CONN_EXCHANGE;
}

static void finish(struct conn *conn)
{
	if (opt.reset) {
		struct linger linger = {.l_onoff = 1};

		setsockopt(
		    conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		client_done(conn, RESULT_ok);
		return;
	}
	if (shutdown(conn->fd, SHUT_WR)) {
		fail(conn, errno);
		return;
	}
	conn->state = CONN_ENDING;
	client_watch(conn, EPOLLIN, EPOLL_CTL_MOD);
}

static void end_round(struct conn *conn)
{
	conn->round++;
	client_rounds++;
	if (client_stopping || (!opt.keep && conn->round >= opt.rounds)) {
		finish(conn);
		return;
	}
	if (!opt.interval_ms) {
		begin_round(conn);
		return;
	}
	conn->state = CONN_IDLE;
	conn->next_us = client_now_us() + opt.interval_ms * 1000LL;
	/* A reset or a FIN between two rounds is an error too. */
	client_watch(conn, EPOLLIN, EPOLL_CTL_MOD);
}

static int send_some(struct conn *conn)
{
	uint8_t buf[CHUNK];
	int i, len = MIN(CHUNK, opt.bytes - conn->sent);
	ssize_t n;

	for (i = 0; i < len; i++)
		buf[i] = pattern(conn->id, conn->round, conn->sent + i);
	n = send(conn->fd, buf, len, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN ? 0 : -errno;
	conn->sent += n;
	return n;
}

static int check_echo(struct conn *conn, const uint8_t *buf, int len)
{
	int i;

	for (i = 0; i < len; i++)
		if (buf[i] !=
		    pattern(conn->id, conn->round, conn->received + i)) {
			fprintf(stderr,
				"client: connection %u, round %d: byte %d "
				"differs\n",
				conn->id, conn->round, conn->received + i);
			return -1;
		}
	conn->received += len;
	return 0;
}

/* Returns what recv() gave; negative: the connection is gone. */
static int receive_echo(struct conn *conn)
{
	uint8_t buf[CHUNK];
	ssize_t n;

	n = recv(conn->fd, buf, MIN(CHUNK, opt.bytes - conn->received), 0);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0) {
		fail(conn, errno);
		return -1;
	}
	if (!n || check_echo(conn, buf, n)) {
		client_done(conn, n ? RESULT_mismatch : RESULT_eof);
		return -1;
	}
	return n;
}

/* One attempt to send and one to receive. True: try again. */
static bool exchange_step(struct conn *conn)
{
	int sent = 0, received;

	if (conn->sent < opt.bytes) {
		sent = send_some(conn);
		if (sent < 0) {
			fail(conn, -sent);
			return false;
		}
	}
	if (opt.mode == MODE_SINK) {
		if (conn->sent == opt.bytes)
			finish(conn);
		return sent > 0;
	}
	received = receive_echo(conn);
	if (received < 0)
		return false;
	if (conn->received == opt.bytes)
		end_round(conn);
	return sent > 0 || received > 0;
}

static void exchange(struct conn *conn)
{
	while (conn->state == CONN_EXCHANGE && exchange_step(conn))
		;
	if (conn->state != CONN_EXCHANGE)
		return;
	client_watch(conn, EPOLLIN | (conn->sent < opt.bytes ? EPOLLOUT : 0),
		     EPOLL_CTL_MOD);
}

static void read_greeting(struct conn *conn)
{
	char buf[GREETING_LEN];
	ssize_t n = recv(conn->fd, buf, GREETING_LEN - conn->received, 0);

	if (n < 0 && errno == EAGAIN) {
		client_watch(conn, EPOLLIN, EPOLL_CTL_MOD);
	} else if (n < 0) {
		fail(conn, errno);
	} else if (!n || memcmp(buf, greeting + conn->received, n) != 0) {
		client_done(conn, n ? RESULT_mismatch : RESULT_eof);
	} else {
		conn->received += n;
		if (conn->received < GREETING_LEN)
			return;
		begin_round(conn);
		exchange(conn);
	}
}

/* Our FIN is out: a sink's answer, then the end. */
static void read_ending(struct conn *conn)
{
	char buf[64];
	ssize_t n = recv(conn->fd, buf, sizeof(buf) - 1, 0);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n < 0) {
		fail(conn, errno);
		return;
	}
	buf[n] = 0;
	if (n && (opt.mode != MODE_SINK || atol(buf) != opt.bytes))
		client_done(conn, RESULT_mismatch);
	else if (n)
		conn->received = n;
	else if (opt.mode == MODE_SINK && !conn->received)
		client_done(conn, RESULT_eof);
	else
		client_done(conn, RESULT_ok);
}

static void connected(struct conn *conn)
{
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err) {
		fail(conn, err);
	} else if (opt.mode == MODE_NONE) {
		finish(conn);
	} else if (opt.mode == MODE_EOF) {
		conn->state = CONN_ENDING;
		client_watch(conn, EPOLLIN, EPOLL_CTL_MOD);
	} else if (opt.mode == MODE_GREET) {
		conn->state = CONN_GREETING;
		read_greeting(conn);
	} else {
		begin_round(conn);
		exchange(conn);
	}
}

void conn_event(struct conn *conn)
{
	char c;
	ssize_t n;

	switch (conn->state) {
	case CONN_CONNECTING:
		connected(conn);
		break;
	case CONN_GREETING:
		read_greeting(conn);
		break;
	case CONN_EXCHANGE:
		exchange(conn);
		break;
	case CONN_ENDING:
		read_ending(conn);
		break;
	case CONN_IDLE:
		n = recv(conn->fd, &c, 1, 0);
		if (n < 0 && errno != EAGAIN)
			fail(conn, errno);
		else if (n >= 0)
			client_done(conn, n ? RESULT_mismatch : RESULT_eof);
		break;
	case CONN_FREE:
		break;
	}
}

void conn_tick(struct conn *conn, int64_t now_us)
{
	if (conn->state == CONN_FREE)
		return;
	if (conn->state == CONN_IDLE) {
		if (client_stopping) {
			finish(conn);
		} else if (now_us >= conn->next_us) {
			begin_round(conn);
			exchange(conn);
		}
		return;
	}
	if (now_us - conn->round_us > opt.timeout_ms * 1000LL) {
		if (opt.verbose)
			fprintf(stderr,
				"client: connection %u timed out in state %d, "
				"round %d\n",
				conn->id, conn->state, conn->round);
		client_done(conn, RESULT_timeout);
	}
}
