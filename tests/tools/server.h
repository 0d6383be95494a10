/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TEST_SERVER_H
#define TEST_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum server_mode {
	MODE_ECHO,
	MODE_GREET,   /* speaks first, then echo */
	MODE_SINK,    /* reads to the end, then tells how many bytes */
	MODE_DISCARD, /* accepts and closes */
	MODE_HTTP,    /* a fixed answer to each request */
};

struct server {
	enum server_mode mode;
	bool show; /* a line for each connection */
	size_t body_len;
	char *http_answer;
	size_t http_answer_len;
	int epoll_fd;
};

/* Shared by all processes of the server. */
struct server_counters {
	uint64_t accepted, closed, resets, errors, bytes_in, bytes_out;
};
extern struct server_counters *counters;

#define COUNT(name, n)                                                         \
	__atomic_add_fetch(&counters->name, (n), __ATOMIC_RELAXED)

/* server_conn.c: a connection lives from conn_new() to its end by itself. */
struct conn;
void conn_new(struct server *server, int fd);
void conn_event(struct server *server, struct conn *conn, uint32_t events);
void conn_prepare_http(struct server *server);

/* server_show.c: what a child should have from its listener, and its TCP
 * state; one line, the same for kernel and handfast where they agree. */
void show_set_options(int listener);
void show_connection(int fd);

#endif
