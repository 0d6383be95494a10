// SPDX-License-Identifier: BSD-2-Clause
/*
 * A worker: one thread, one epoll set. All workers wait on the same listener
 * (EPOLLEXCLUSIVE: one of them is woken); whoever accepts a connection keeps
 * it, so that nothing below needs a lock.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "relay/relay.h"

#define EVENTS_AT_ONCE 256
#define ACCEPT_AT_ONCE 16
#define MS 1000000ULL
/* Nothing tells when other workers close connections, or data is acked. */
#define PAUSE_NS (100 * MS)
#define RESET_LOOK_NS (50 * MS)
/* What a worker takes from the accept queue when it stops, at most. */
#define LAST_ROUNDS 1024

uint64_t relay_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

void relay_worker_wake(struct worker *worker)
{
	uint64_t one = 1;

	if (write(worker->wake_fd, &one, sizeof(one)) < 0)
		return; /* it is awake: the counter is full */
}

int relay_worker_watch(struct worker *worker, struct side *side)
{
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
	    .data.ptr = side,
	};

	return epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, side->fd, &event)
		   ? -errno
		   : 0;
}

void relay_worker_queue(struct worker *worker, struct conn *conn)
{
	if (conn->queued)
		return;
	conn->queued = true;
	TAILQ_INSERT_TAIL(&worker->ready, conn, ready);
}

/* -------------------------------------------------------------- accepting */

static int listener_watch(struct worker *worker)
{
	/* The relay itself marks the listener, NULL the wake-up. */
	struct epoll_event event = {
	    .events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = worker->relay};

	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->relay->listener,
		      &event))
		return -errno;
	worker->watching = true;
	return 0;
}

static void listener_unwatch(struct worker *worker)
{
	if (worker->watching)
		epoll_ctl(worker->epoll_fd, EPOLL_CTL_DEL,
			  worker->relay->listener, NULL);
	worker->watching = false;
}

static void listener_pause(struct worker *worker)
{
	listener_unwatch(worker);
	worker->pause_ns = relay_now() + PAUSE_NS;
}

/* Places for at most n connections more. */
static int places_take(struct relay *relay, int n)
{
	int open = atomic_load(&relay->connections), free;

	do {
		free = relay->limits.connections - open;
		if (free <= 0)
			return 0;
		if (n > free)
			n = free;
	} while (!atomic_compare_exchange_weak(
	    &relay->connections, &open, open + n));
	return n;
}

static void full_complain(struct relay *relay)
{
	uint64_t more;

	if (relay_notice_due(&relay->full, &more))
		hf_warn("%d connections are open, all that %d descriptors "
			"carry: new ones wait in the accept queue (raise "
			"LimitNOFILE= of the unit, or ulimit -n)",
			relay->limits.connections, relay->limits.descriptors);
}

static void accept_complain(struct relay *relay, int err)
{
	uint64_t more;

	if (relay_notice_due(&relay->accept, &more))
		hf_error("cannot accept connections: %s: trying again",
			 strerror(err));
}

/* Returns whether there may be more to accept. */
static bool accept_some(struct worker *worker)
{
	struct relay *relay = worker->relay;
	struct hf_accepted accepted[ACCEPT_AT_ONCE];
	int places = places_take(relay, ACCEPT_AT_ONCE), i, n, err;

	if (!places) {
		full_complain(relay);
		listener_pause(worker);
		return false;
	}
	n = hf_accept_batch(
	    relay->listener, accepted, places, SOCK_NONBLOCK | SOCK_CLOEXEC);
	err = errno;
	atomic_fetch_sub(&relay->connections, places - (n > 0 ? n : 0));
	for (i = 0; i < n; i++)
		conn_open(worker, &accepted[i]);
	if (n > 0)
		return true;
	if (err == EINTR || err == ECONNABORTED)
		return true;
	if (err != EAGAIN) {
		accept_complain(relay, err);
		listener_pause(worker);
	}
	return false;
}

/* Those that wait have done their handshake: they are served, too. */
static void accept_stop(struct worker *worker)
{
	int round;

	for (round = 0; round < LAST_ROUNDS; round++)
		if (!accept_some(worker))
			break;
	listener_unwatch(worker);
	worker->accepting = false;
	atomic_fetch_sub(&worker->relay->accepting, 1);
}

static void accept_resume(struct worker *worker)
{
	struct relay *relay = worker->relay;
	int limit = relay->limits.connections;

	/* Some below the limit, not to switch with each connection. */
	if (atomic_load(&relay->connections) > limit - limit / 64 - 1 ||
	    listener_watch(worker))
		worker->pause_ns = relay_now() + PAUSE_NS;
}

/* ------------------------------------------------------------------- loop */

static void ready_run(struct worker *worker)
{
	struct conn *last = TAILQ_LAST(&worker->ready, conn_list), *conn;

	/* Once each: those that are queued again come after `last`. */
	while ((conn = TAILQ_FIRST(&worker->ready))) {
		TAILQ_REMOVE(&worker->ready, conn, ready);
		conn->queued = false;
		conn_run(worker, conn);
		if (conn == last)
			break;
	}
}

static void timers_run(struct worker *worker, uint64_t now)
{
	struct conn *conn, *next;

	/* In the order of their deadlines. */
	while ((conn = TAILQ_FIRST(&worker->lists[CONN_CONNECTING])) &&
	       conn->deadline_ns <= now)
		conn_expire(worker, conn);
	for (conn = TAILQ_FIRST(&worker->lists[CONN_RESETTING]); conn;
	     conn = next) {
		next = TAILQ_NEXT(conn, link);
		if (conn->deadline_ns <= now)
			conn_expire(worker, conn);
		else
			conn_reset_try(worker, conn);
	}
	if (worker->accepting && !worker->watching && worker->pause_ns <= now)
		accept_resume(worker);
}

/* What epoll_wait() may sleep, in ms. */
static int timeout_next(struct worker *worker, uint64_t now)
{
	struct conn *conn = TAILQ_FIRST(&worker->lists[CONN_CONNECTING]);
	uint64_t next = UINT64_MAX;

	if (!TAILQ_EMPTY(&worker->ready))
		return 0;
	if (conn)
		next = conn->deadline_ns;
	if (!TAILQ_EMPTY(&worker->lists[CONN_RESETTING]) &&
	    now + RESET_LOOK_NS < next)
		next = now + RESET_LOOK_NS;
	if (worker->accepting && !worker->watching && worker->pause_ns < next)
		next = worker->pause_ns;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (next - now + MS - 1) / MS;
}

static void closed_free(struct worker *worker)
{
	struct conn *conn, *next;

	for (conn = TAILQ_FIRST(&worker->lists[CONN_CLOSED]); conn;
	     conn = next) {
		next = TAILQ_NEXT(conn, link);
		free(conn);
	}
	TAILQ_INIT(&worker->lists[CONN_CLOSED]);
}

static bool conns_left(const struct worker *worker)
{
	return !TAILQ_EMPTY(&worker->lists[CONN_CONNECTING]) ||
	       !TAILQ_EMPTY(&worker->lists[CONN_RELAYING]) ||
	       !TAILQ_EMPTY(&worker->lists[CONN_RESETTING]);
}

static void conns_cut(struct worker *worker)
{
	struct conn *conn;
	int state;

	for (state = CONN_CONNECTING; state < CONN_CLOSED; state++)
		while ((conn = TAILQ_FIRST(&worker->lists[state])))
			conn_cut(worker, conn);
}

static void event_handle(struct worker *worker, const struct epoll_event *event)
{
	uint64_t count;

	if (event->data.ptr == worker->relay) {
		if (worker->watching)
			accept_some(worker);
	} else if (event->data.ptr) {
		conn_event(worker, event->data.ptr, event->events);
	} else if (read(worker->wake_fd, &count, sizeof(count)) < 0) {
		return; /* woken for what the flags say */
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	struct relay *relay = worker->relay;
	struct epoll_event events[EVENTS_AT_ONCE];
	int i, n;

	while (worker->accepting || conns_left(worker)) {
		n = epoll_wait(worker->epoll_fd, events, EVENTS_AT_ONCE,
			       timeout_next(worker, relay_now()));
		for (i = 0; i < n; i++)
			event_handle(worker, &events[i]);
		ready_run(worker);
		timers_run(worker, relay_now());
		if (worker->accepting && atomic_load(&relay->stopping))
			accept_stop(worker);
		if (atomic_load(&relay->cut))
			conns_cut(worker);
		closed_free(worker);
	}
	relay_pipes_close(&worker->pipes);
	return NULL;
}

/* ------------------------------------------------------------------ start */

static int worker_open(struct worker *worker)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int i, err;

	for (i = 0; i <= CONN_CLOSED; i++)
		TAILQ_INIT(&worker->lists[i]);
	TAILQ_INIT(&worker->ready);
	SLIST_INIT(&worker->pipes.idle);
	worker->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->epoll_fd < 0 || worker->wake_fd < 0)
		return -errno;
	if (epoll_ctl(worker->epoll_fd, EPOLL_CTL_ADD, worker->wake_fd, &event))
		return -errno;
	err = listener_watch(worker);
	worker->accepting = !err;
	return err;
}

int relay_worker_start(struct worker *worker, struct relay *relay)
{
	int err;

	worker->relay = relay;
	worker->pipes.max = relay->limits.pipes / relay->options.workers;
	err = worker_open(worker);
	if (err)
		return err;
	atomic_fetch_add(&relay->accepting, 1);
	err = pthread_create(&worker->thread, NULL, worker_main, worker);
	if (err)
		atomic_fetch_sub(&relay->accepting, 1);
	return -err;
}
