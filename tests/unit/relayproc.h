/* SPDX-License-Identifier: BSD-2-Clause */
/* handfast-relay as a process of the test, with an upstream in the test. */
#ifndef RELAYPROC_H
#define RELAYPROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "listener.h"

struct relay {
	pid_t pid;
	int port;     /* where it listens */
	int upstream; /* listening socket of the test */
	int log;      /* what it writes: a memfd */
};

struct relay_start {
	const char *listen;   /* "127.0.0.1" */
	const char *upstream; /* "127.0.0.1" */
	const char *args[8];  /* further ones */
	int descriptors;      /* hard limit; 0: as it is */
	bool down;            /* the upstream does not listen */
};

/* Starts one and waits until it listens. */
void relay_start(struct relay *relay, const struct relay_start *start);
/* SIGTERM; it has to end with 0, and soon: no connection may be open. */
void relay_stop(struct relay *relay);
/* Waits for the end; its exit status. */
int relay_wait(struct relay *relay);

/* Runs one with these arguments to its end. Exit status, -1 for a crash;
 * what it wrote is in `text`. */
int relay_run(const char *const *args, char *text, size_t size);

/* What it has logged so far. Static storage. */
const char *relay_log(const struct relay *relay);
/* How often a text stands in its log. */
int relay_log_count(const struct relay *relay, const char *text);
int relay_descriptors(const struct relay *relay);

/* A client, and what the relay made of it at the upstream. */
int relay_client(const struct relay *relay);
int relay_accept(const struct relay *relay);
void relay_pair(const struct relay *relay, int *client, int *server);
/* Closes both and waits until the relay has seen it. */
void relay_pair_close(const struct relay *relay, int client, int server);
/* Closes with a RST. */
void tcp_reset(int fd);

#endif
