// SPDX-License-Identifier: BSD-2-Clause
/*
 * A connection's life:
 *
 *   CONNECTING --> RELAYING --both ends closed--> CLOSED
 *        |             |                            ^
 *        |             +--one end was reset----> RESETTING
 *        +-- upstream does not answer: the client gets a RST
 *
 * A reset is passed on as a reset, so that nobody takes half an answer for a
 * whole one. But what came before it is delivered first: a RST throws away
 * what is still in the send buffer.
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/log.h"
#include "relay/relay.h"

#define CONNECT_NS (10 * 1000000000ULL)
#define RESET_NS (10 * 1000000000ULL)

static void conn_move(struct worker *worker, struct conn *conn,
		      enum conn_state state)
{
	TAILQ_REMOVE(&worker->lists[conn->state], conn, link);
	conn->state = state;
	TAILQ_INSERT_TAIL(&worker->lists[state], conn, link);
}

static void side_close(struct worker *worker, struct side *side, bool reset)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	if (side->fd < 0)
		return;
	/* Explicitly: whoever passed the descriptor on may have its copy still,
	 * and epoll would go on telling of it. */
	epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL, side->fd, NULL);
	if (reset)
		setsockopt(
		    side->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	close(side->fd);
	side->fd = -1;
}

/* Its turn for work that is left over does not come. */
static void conn_dequeue(struct worker *worker, struct conn *conn)
{
	if (conn->queued)
		TAILQ_REMOVE(&worker->ready, conn, ready);
	conn->queued = false;
}

static void conn_close(struct worker *worker, struct conn *conn, bool reset)
{
	flow_drop(worker, &conn->up);
	flow_drop(worker, &conn->down);
	side_close(worker, &conn->client, reset);
	side_close(worker, &conn->upstream, reset);
	conn_dequeue(worker, conn);
	/* Later events of this round may still name it. */
	conn_move(worker, conn, CONN_CLOSED);
	atomic_fetch_sub(&worker->relay->connections, 1);
}

void conn_cut(struct worker *worker, struct conn *conn)
{
	conn_close(worker, conn, true);
}

/* ------------------------------------------------------------- connecting */

static void upstream_complain(struct relay *relay, int err)
{
	const char *advice = err == ECONNREFUSED ? " (is it running?)" : "";
	uint64_t more;

	atomic_store(&relay->failing, true);
	if (!relay_notice_due(&relay->upstream, &more))
		return;
	if (more)
		hf_error("upstream %s: %s: client reset%s; %llu more since the "
			 "last such line",
			 relay->options.upstream.text, strerror(err), advice,
			 (unsigned long long)more);
	else
		hf_error("upstream %s: %s: client reset%s",
			 relay->options.upstream.text, strerror(err), advice);
}

static void upstream_failed(struct worker *worker, struct conn *conn, int err)
{
	upstream_complain(worker->relay, err);
	conn_close(worker, conn, true);
}

/* 0 or an errno value. */
static int proxy_send(struct conn *conn)
{
	unsigned char header[PROXY_HEADER_MAX];
	struct sockaddr_storage local;
	socklen_t len = sizeof(local);
	ssize_t size, sent;

	if (getsockname(conn->client.fd, (struct sockaddr *)&local, &len))
		return errno;
	size = proxy_header(header, &conn->peer, &local);
	/* Nothing was sent before: it fits into any send buffer. */
	sent = send(conn->upstream.fd, header, size, MSG_NOSIGNAL);
	if (sent < 0)
		return errno;
	return sent == size ? 0 : EIO;
}

static void upstream_connected(struct worker *worker, struct conn *conn)
{
	struct relay *relay = worker->relay;
	socklen_t len = sizeof(int);
	int err = 0;

	if (getsockopt(conn->upstream.fd, SOL_SOCKET, SO_ERROR, &err, &len))
		err = errno;
	if (!err && relay->options.proxy)
		err = proxy_send(conn);
	if (err) {
		upstream_failed(worker, conn, err);
		return;
	}
	if (atomic_load_explicit(&relay->failing, memory_order_relaxed) &&
	    atomic_exchange(&relay->failing, false))
		hf_info(
		    "upstream %s answers again", relay->options.upstream.text);
	conn_move(worker, conn, CONN_RELAYING);
	conn_run(worker, conn);
}

static int upstream_connect(const struct relay_address *address, int *result)
{
	int fd, one = 1;

	fd = socket(address->addr.ss_family,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	*result = fd;
	if (connect(
		fd, (const struct sockaddr *)&address->addr, address->len) &&
	    errno != EINPROGRESS)
		return -errno;
	return 0;
}

static struct conn *conn_new(struct worker *worker,
			     const struct hf_accepted *accepted)
{
	struct conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->client.conn = conn->upstream.conn = conn;
	conn->client.fd = accepted->fd;
	conn->upstream.fd = -1;
	conn->up.from = conn->down.to = &conn->client;
	conn->up.to = conn->down.from = &conn->upstream;
	memcpy(&conn->peer, &accepted->addr, sizeof(conn->peer));
	conn->deadline_ns = relay_now() + CONNECT_NS;
	conn->state = CONN_CONNECTING;
	TAILQ_INSERT_TAIL(&worker->lists[CONN_CONNECTING], conn, link);
	return conn;
}

void conn_open(struct worker *worker, const struct hf_accepted *accepted)
{
	struct conn *conn = conn_new(worker, accepted);
	struct side lost = {.fd = accepted->fd};
	int err;

	if (!conn) {
		upstream_complain(worker->relay, ENOMEM);
		side_close(worker, &lost, true);
		atomic_fetch_sub(&worker->relay->connections, 1);
		return;
	}
	err = upstream_connect(
	    &worker->relay->options.upstream, &conn->upstream.fd);
	if (!err)
		err = relay_worker_watch(worker, &conn->client);
	/* After connect(): before it, a socket reports a hang-up. */
	if (!err)
		err = relay_worker_watch(worker, &conn->upstream);
	if (err)
		upstream_failed(worker, conn, -err);
}

/* --------------------------------------------------------------- relaying */

void conn_reset_try(struct worker *worker, struct conn *conn)
{
	struct side *left =
	    conn->client.fd >= 0 ? &conn->client : &conn->upstream;
	int unsent = 0;

	/* SIOCOUTQ: bytes that the peer has not acknowledged. */
	if (left->failed || ioctl(left->fd, SIOCOUTQ, &unsent) || !unsent)
		conn_close(worker, conn, true);
}

/* One side was reset, and nothing more is to come from it. */
static void conn_reset(struct worker *worker, struct conn *conn,
		       struct side *failed)
{
	flow_drop(worker, &conn->up);
	flow_drop(worker, &conn->down);
	side_close(worker, failed, true);
	conn_dequeue(worker, conn);
	conn->deadline_ns = relay_now() + RESET_NS;
	conn_move(worker, conn, CONN_RESETTING);
	conn_reset_try(worker, conn);
}

void conn_run(struct worker *worker, struct conn *conn)
{
	enum flow_result up = flow_run(worker, &conn->up);
	enum flow_result down = flow_run(worker, &conn->down);

	if (up == FLOW_FAILED || (conn->client.failed && conn->up.done))
		conn_reset(worker, conn, &conn->client);
	else if (down == FLOW_FAILED ||
		 (conn->upstream.failed && conn->down.done))
		conn_reset(worker, conn, &conn->upstream);
	else if (conn->up.done && conn->down.done)
		conn_close(worker, conn, false);
	else if (up == FLOW_MORE || down == FLOW_MORE)
		relay_worker_queue(worker, conn);
}

void conn_event(struct worker *worker, struct side *side, uint32_t events)
{
	struct conn *conn = side->conn;

	if (events & EPOLLERR)
		side->failed = true;
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		side->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		side->writable = true;
	switch (conn->state) {
	case CONN_CONNECTING:
		if (side == &conn->upstream && side->writable)
			upstream_connected(worker, conn);
		else if (conn->client.failed)
			conn_close(worker, conn, true);
		break;
	case CONN_RELAYING:
		conn_run(worker, conn);
		break;
	case CONN_RESETTING:
		conn_reset_try(worker, conn);
		break;
	case CONN_CLOSED:
		break;
	}
}

void conn_expire(struct worker *worker, struct conn *conn)
{
	if (conn->state == CONN_CONNECTING)
		upstream_failed(worker, conn, ETIMEDOUT);
	else
		conn_close(worker, conn, true);
}
