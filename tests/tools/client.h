/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_CLIENT_H
#define TEST_CLIENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum client_mode {
	MODE_ECHO,  /* send, and read the same bytes */
	MODE_GREET, /* wait for the greeting, then as echo */
	MODE_SINK,  /* send, FIN, and read how many bytes arrived */
	MODE_NONE,  /* connect and close */
	MODE_EOF,   /* wait for the server to close, then close */
};

/* How a connection ends: a counter each, "ok" first. */
#define CLIENT_RESULTS(X)                                                      \
	X(ok)                                                                  \
	X(refused)                                                             \
	X(reset)                                                               \
	X(timeout)                                                             \
	X(unreachable)                                                         \
	X(eof)                                                                 \
	X(mismatch)                                                            \
	X(other)

enum client_result {
#define X(name) RESULT_##name,
	CLIENT_RESULTS(X)
#undef X
	    RESULT_COUNT,
};

struct client_options {
	enum client_mode mode;
	struct sockaddr_storage to, from;
	socklen_t addrlen;
	bool bind, reuseport, with_ack, reset, keep, verbose;
	int bytes, rounds, timeout_ms, interval_ms, sport;
	const char *md5;
};

enum conn_state {
	CONN_FREE,
	CONN_CONNECTING,
	CONN_GREETING,
	CONN_EXCHANGE,
	CONN_IDLE,   /* between two rounds */
	CONN_ENDING, /* our FIN is out */
};

struct conn {
	enum conn_state state;
	int fd;
	uint32_t id;
	int round;
	int sent, received; /* of this round */
	int64_t start_us, round_us, next_us;
};

extern struct client_options opt;
extern bool client_stopping;
extern uint64_t client_rounds; /* that were completed */

int64_t client_now_us(void);
/* The main part counts the result and frees the slot. */
void client_done(struct conn *conn, enum client_result result);
/* Waits for these events of the connection. */
void client_watch(struct conn *conn, uint32_t events, int op);

void conn_start(struct conn *conn, uint32_t id);
void conn_event(struct conn *conn);
/* For idle connections and time limits; called every few milliseconds. */
void conn_tick(struct conn *conn, int64_t now_us);

#endif
