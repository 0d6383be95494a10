/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handfast-relay: accepts through libhandfast and relays to an upstream.
 *
 *   main.c      start, signals, drain
 *   options.c   the command line, address.c ADDR:PORT
 *   listener.c  bind, hf_listen
 *   limits.c    how many connections the limit of descriptors carries
 *   worker.c    one thread: its epoll loop, accepting, timers
 *   conn.c      one connection: connect, relay, close, reset
 *   flow.c      one direction: splice(2) through a pipe, or a copy
 *   pipes.c     the pipes, held only while they hold data
 *   proxy.c     the PROXY protocol header
 *   notice.c    messages that a flood of failures must not multiply
 */
#ifndef HF_RELAY_H
#define HF_RELAY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "handfast.h"

/* ---------------------------------------------------------------- options */

struct relay_address {
	struct sockaddr_storage addr;
	socklen_t len;
	char text[80]; /* "192.0.2.1:80", "[2001:db8::1]:80" */
};

/* ADDR:PORT or [ADDR]:PORT, numbers only. Returns NULL, or what is wrong. */
const char *relay_address_parse(const char *text, struct relay_address *out);
/* Fills `text` of an address whose other members are set. */
void relay_address_print(struct relay_address *address);

struct relay_options {
	struct relay_address listen, upstream;
	int backlog;
	enum hf_cookies cookies;
	enum hf_overflow_opt overflow;
	enum hf_delivery_opt delivery;
	bool proxy;         /* PROXY protocol v2 to the upstream */
	const char *socket; /* NULL: libhandfast's default */
	int workers;
};

/* Reads the command line. Ends the program for --help, --version (0) and
 * errors (2). */
void relay_options_parse(int argc, char **argv, struct relay_options *options);

/* Binds and listens. The listener, non-blocking, or a negative errno,
 * logged. *address: where it really listens. */
int relay_listener_open(const struct relay_options *options,
			struct relay_address *address);

/* ----------------------------------------------------------------- limits */

struct relay_limits {
	int descriptors; /* RLIMIT_NOFILE, as far as it could be raised */
	int connections; /* that many are carried at once */
	int pipes;       /* that many at most */
};

/* Raises the limit of descriptors and shares them out. 0 or -errno, logged. */
int relay_limits_raise(int workers, struct relay_limits *limits);

/* ---------------------------------------------------------------- notices */

/* At most one line a second; what was left out is counted. */
struct relay_notice {
	pthread_mutex_t mutex;
	uint64_t last_ns;
	uint64_t left_out;
};

#define RELAY_NOTICE_INIT                                                      \
	{                                                                      \
		.mutex = PTHREAD_MUTEX_INITIALIZER                             \
	}

/* Is it time for a line? *left_out: how many were not written since. */
bool relay_notice_due(struct relay_notice *notice, uint64_t *left_out);

/* ------------------------------------------------------------------ relay */

struct relay {
	struct relay_options options;
	struct relay_limits limits;
	int listener;
	atomic_int connections;
	atomic_bool stopping; /* take what waits, then accept no more */
	atomic_bool cut;      /* end now, whatever is open */
	atomic_int accepting; /* workers that still accept */
	atomic_bool failing;  /* the upstream did not take the last one */
	struct relay_notice full, upstream, accept;
};

/* ---------------------------------------------------------------- a pipe  */

struct relay_pipe {
	SLIST_ENTRY(relay_pipe) link;
	int read_fd, write_fd;
};

SLIST_HEAD(pipe_list, relay_pipe);

struct relay_pipes {
	struct pipe_list idle;
	int n_idle, n_all, max;
};

/* An empty pipe; NULL: none to be had, do without. */
struct relay_pipe *relay_pipe_get(struct relay_pipes *pipes);
/* Gives it back; `empty`: it may be used again. */
void relay_pipe_put(struct relay_pipes *pipes, struct relay_pipe *pipe,
		    bool empty);
void relay_pipes_close(struct relay_pipes *pipes);

/* ------------------------------------------------------------- connections */

/* One end of a connection. */
struct side {
	struct conn *conn;
	int fd;
	/* As edge-triggered epoll last told, until EAGAIN: */
	bool readable, writable;
	bool failed; /* reset, or timed out */
};

/* One direction. */
struct flow {
	struct side *from, *to;
	struct relay_pipe *pipe; /* NULL: nothing held */
	size_t held;
	bool eof;  /* `from` has ended */
	bool done; /* so does `to` know, or it can take no more */
};

enum conn_state {
	CONN_CONNECTING,
	CONN_RELAYING,
	CONN_RESETTING, /* data first, then the RST */
	CONN_CLOSED,    /* freed after this round of events */
};

struct conn {
	TAILQ_ENTRY(conn) link;  /* of the list of its state */
	TAILQ_ENTRY(conn) ready; /* while `queued` */
	enum conn_state state;
	bool queued;
	uint64_t deadline_ns; /* CONNECTING, RESETTING */
	struct sockaddr_storage peer;
	struct side client, upstream;
	struct flow up, down;
};

TAILQ_HEAD(conn_list, conn);

/* What flow_run() moves before others have their turn. */
#define FLOW_BUDGET (1024 * 1024)

struct worker {
	struct relay *relay;
	pthread_t thread;
	int epoll_fd, wake_fd;
	bool accepting; /* has not stopped for good */
	bool watching;  /* the listener is in the epoll set */
	uint64_t pause_ns;
	struct conn_list lists[4]; /* by enum conn_state */
	struct conn_list ready;
	struct relay_pipes pipes;
	char copy[65536];
};

/* Starts one thread. 0 or -errno. */
int relay_worker_start(struct worker *worker, struct relay *relay);
void relay_worker_wake(struct worker *worker);
uint64_t relay_now(void); /* CLOCK_MONOTONIC, ns */
/* Adds a descriptor, edge-triggered, both directions. 0 or -errno. */
int relay_worker_watch(struct worker *worker, struct side *side);
/* The connection has work left: it gets its next turn after the others. */
void relay_worker_queue(struct worker *worker, struct conn *conn);

/* Takes over the client's descriptor; connects to the upstream. */
void conn_open(struct worker *worker, const struct hf_accepted *accepted);
void conn_event(struct worker *worker, struct side *side, uint32_t events);
void conn_run(struct worker *worker, struct conn *conn);
/* The deadline has come. */
void conn_expire(struct worker *worker, struct conn *conn);
/* Looks whether a RESETTING connection may be reset now. */
void conn_reset_try(struct worker *worker, struct conn *conn);
/* At once, with RSTs. */
void conn_cut(struct worker *worker, struct conn *conn);

enum flow_result {
	FLOW_IDLE,   /* nothing more to do until an event */
	FLOW_MORE,   /* the budget is used up */
	FLOW_FAILED, /* `from` has failed; all it sent is with `to` */
};

/* Moves what can be moved. Sets `failed` of the sides, `eof` and `done`. */
enum flow_result flow_run(struct worker *worker, struct flow *flow);
/* Gives the pipe back, with what it holds. */
void flow_drop(struct worker *worker, struct flow *flow);

/* The header for a connection. Returns its length: at most 52 bytes. */
#define PROXY_HEADER_MAX 52
size_t proxy_header(unsigned char *out, const struct sockaddr_storage *peer,
		    const struct sockaddr_storage *local);

#endif
