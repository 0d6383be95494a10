// SPDX-License-Identifier: BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server.h"

#define BUFFER 16384
static const char greeting[] = "220 ready\r\n";

struct conn {
	int fd;
	bool eof;          /* the peer has sent its FIN */
	size_t start, end; /* what is to be written */
	uint64_t received;
	const char *out; /* buf, or the fixed HTTP answer */
	char *buf;
	unsigned int match; /* bytes of the blank line seen (http) */
};

static void conn_close(struct conn *conn)
{
	COUNT(closed, 1);
	close(conn->fd);
	free(conn->buf);
	free(conn);
}

static void conn_fail(struct conn *conn)
{
	if (errno == ECONNRESET || errno == EPIPE) {
		COUNT(resets, 1);
	} else {
		COUNT(errors, 1);
		fprintf(stderr, "server: connection: %s\n", strerror(errno));
	}
	conn_close(conn);
}

static void conn_set_output(struct conn *conn, const char *out, size_t len)
{
	conn->out = out;
	conn->start = 0;
	conn->end = len;
}

/* Writes what it can. -1: the connection is gone. */
static int conn_write(struct conn *conn)
{
	while (conn->start < conn->end) {
		ssize_t n = send(conn->fd, conn->out + conn->start,
				 conn->end - conn->start, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0) {
			conn_fail(conn);
			return -1;
		}
		conn->start += n;
		COUNT(bytes_out, n);
	}
	conn_set_output(conn, conn->buf, 0);
	return 0;
}

/* Sees the blank line that ends a request. */
static bool request_complete(struct conn *conn, const char *data, size_t len)
{
	static const char blank[] = "\r\n\r\n";
	size_t i;

	for (i = 0; i < len; i++) {
		conn->match = data[i] == blank[conn->match] ? conn->match + 1
			      : data[i] == '\r'             ? 1
							    : 0;
		if (conn->match == 4) {
			conn->match = 0;
			return true;
		}
	}
	return false;
}

static void answer(struct server *server, struct conn *conn, size_t len)
{
	conn->received += len;
	if (server->mode == MODE_ECHO || server->mode == MODE_GREET)
		conn_set_output(conn, conn->buf, len);
	else if (server->mode == MODE_HTTP &&
		 request_complete(conn, conn->buf, len))
		conn_set_output(
		    conn, server->http_answer, server->http_answer_len);
}

static void answer_eof(struct server *server, struct conn *conn)
{
	int len;

	conn->eof = true;
	if (server->mode != MODE_SINK)
		return;
	len = snprintf(conn->buf, BUFFER, "%lu\n", conn->received);
	conn_set_output(conn, conn->buf, len);
}

void conn_event(struct server *server, struct conn *conn, uint32_t events)
{
	struct epoll_event ev = {.data.ptr = conn};

	(void)events;
	for (;;) {
		ssize_t n;

		if (conn->end && conn_write(conn))
			return;
		if (conn->end)
			break;
		if (conn->eof) {
			conn_close(conn);
			return;
		}
		n = recv(conn->fd, conn->buf, BUFFER, 0);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			conn_fail(conn);
			return;
		}
		COUNT(bytes_in, n);
		if (n)
			answer(server, conn, n);
		else
			answer_eof(server, conn);
	}
	ev.events = conn->end ? EPOLLOUT : EPOLLIN;
	epoll_ctl(server->epoll_fd, EPOLL_CTL_MOD, conn->fd, &ev);
}

void conn_new(struct server *server, int fd)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = conn};

	COUNT(accepted, 1);
	if (server->show)
		show_connection(fd);
	if (!conn || !(conn->buf = malloc(BUFFER)) ||
	    epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &ev)) {
		fprintf(stderr, "server: no room for a connection: %s\n",
			strerror(errno));
		exit(1);
	}
	conn->fd = fd;
	conn->out = conn->buf;
	if (server->mode == MODE_DISCARD) {
		conn_close(conn);
		return;
	}
	if (server->mode == MODE_GREET)
		conn_set_output(conn, greeting, sizeof(greeting) - 1);
	conn_event(server, conn, 0);
}

void conn_prepare_http(struct server *server)
{
	size_t size = server->body_len + 200;
	int head;

	server->http_answer = malloc(size);
	if (!server->http_answer)
		exit(1);
	head = snprintf(server->http_answer, size,
			"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
			"Content-Length: %zu\r\n\r\n",
			server->body_len);
	memset(server->http_answer + head, 'x', server->body_len);
	server->http_answer_len = head + server->body_len;
}
