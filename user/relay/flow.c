// SPDX-License-Identifier: BSD-2-Clause
/*
 * One direction of a connection.
 *
 * Data goes from socket to pipe to socket by splice(2), without a copy. A
 * pipe costs two descriptors, so a flow has one only while it holds data in
 * it, and nothing is read while the other side cannot take it: what waits
 * waits in the kernel's receive buffer, which closes the sender's window.
 *
 * Where no pipe is to be had, data is looked at (MSG_PEEK), sent, and then
 * taken out as far as it was sent: nothing is held then, either.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "relay/relay.h"

/* More than a pipe holds: the kernel stops when it is full. */
#define CHUNK (256 * 1024)

/* A side that is no use for reading any more. */
static void from_ended(struct flow *flow, bool failed)
{
	flow->eof = true;
	if (failed)
		flow->from->failed = true;
}

/* One that takes no more: what is held has nowhere to go. */
static void to_failed(struct worker *worker, struct flow *flow)
{
	flow->to->failed = true;
	flow->eof = true;
	flow->done = true;
	flow_drop(worker, flow);
}

/* A send that did not send. */
static void send_error(struct worker *worker, struct flow *flow)
{
	if (errno == EAGAIN)
		flow->to->writable = false;
	else if (errno != EINTR)
		to_failed(worker, flow);
}

/* Returns what was moved. */
static size_t pipe_fill(struct flow *flow)
{
	ssize_t n = splice(flow->from->fd, NULL, flow->pipe->write_fd, NULL,
			   CHUNK, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0) {
		flow->held += n;
		return n;
	}
	if (!n) {
		from_ended(flow, false);
	} else if (errno == EAGAIN) {
		/* With data in the pipe, it may also be the pipe's. */
		if (!flow->held)
			flow->from->readable = false;
	} else if (errno != EINTR) {
		from_ended(flow, true);
	}
	return 0;
}

static size_t pipe_drain(struct worker *worker, struct flow *flow)
{
	ssize_t n = splice(flow->pipe->read_fd, NULL, flow->to->fd, NULL,
			   flow->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0) {
		flow->held -= n;
		return n;
	}
	send_error(worker, flow);
	return 0;
}

static size_t copy_some(struct worker *worker, struct flow *flow)
{
	ssize_t n, sent;

	n = recv(flow->from->fd, worker->copy, sizeof(worker->copy),
		 MSG_PEEK | MSG_DONTWAIT);
	if (!n) {
		from_ended(flow, false);
		return 0;
	}
	if (n < 0) {
		if (errno == EAGAIN)
			flow->from->readable = false;
		else if (errno != EINTR)
			from_ended(flow, true);
		return 0;
	}
	sent = send(flow->to->fd, worker->copy, n, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0) {
		send_error(worker, flow);
		return 0;
	}
	/* tcp(7): MSG_TRUNC throws received bytes away. */
	recv(flow->from->fd, NULL, sent, MSG_TRUNC | MSG_DONTWAIT);
	return sent;
}

/* One step. Returns what was moved; 0: nothing more to do for now. */
static size_t flow_step(struct worker *worker, struct flow *flow)
{
	size_t moved = 0;

	if (!flow->to->writable)
		return 0;
	if (!flow->eof && flow->from->readable) {
		if (!flow->pipe)
			flow->pipe = relay_pipe_get(&worker->pipes);
		if (!flow->pipe)
			return copy_some(worker, flow);
		moved = pipe_fill(flow);
	}
	if (flow->held)
		moved += pipe_drain(worker, flow);
	return moved;
}

void flow_drop(struct worker *worker, struct flow *flow)
{
	if (flow->pipe)
		relay_pipe_put(&worker->pipes, flow->pipe, !flow->held);
	flow->pipe = NULL;
	flow->held = 0;
}

enum flow_result flow_run(struct worker *worker, struct flow *flow)
{
	size_t moved, total = 0;

	if (flow->done)
		return FLOW_IDLE;
	do {
		moved = flow_step(worker, flow);
		total += moved;
	} while (moved && !flow->done && total < FLOW_BUDGET);

	if (flow->done)
		return FLOW_IDLE;
	if (flow->held)
		return moved ? FLOW_MORE : FLOW_IDLE;
	flow_drop(worker, flow);
	if (!flow->eof)
		return moved ? FLOW_MORE : FLOW_IDLE;
	if (flow->from->failed)
		return FLOW_FAILED;
	flow->done = true;
	/* Half-close: the other direction goes on. */
	if (shutdown(flow->to->fd, SHUT_WR))
		flow->to->failed = true;
	return FLOW_IDLE;
}
