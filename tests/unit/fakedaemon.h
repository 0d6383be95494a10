/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A daemon without XDP, in a thread of the test: it takes listeners on a
 * control socket, calls listen(2) on them and lets the test push connections
 * into their channels.
 *
 * All functions end the test when something fails that should not.
 */
#ifndef FAKEDAEMON_H
#define FAKEDAEMON_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "handfast/control.h"
#include "testnet.h"

#define FAKE_CLIENTS 1100

/* What the daemon does with a request. */
enum fake_mode {
	FAKE_GOOD,
	FAKE_REFUSE,    /* replies `error` and closes, as for a first request */
	FAKE_KEEP,      /* replies `error`, stays connected */
	FAKE_SILENT,    /* no reply */
	FAKE_HANG_UP,   /* closes without a reply */
	FAKE_SHORT,     /* a reply of another size */
	FAKE_VERSION,   /* a reply of another version */
	FAKE_TALKATIVE, /* a good reply, twice */
};

struct fake_client {
	int connection; /* -1: free */
	int channel;    /* -1: delivery by the kernel */
	int bound;
	struct hf_channel_page *page;
};

struct fake_daemon {
	char path[108];
	int listener;
	int wake[2];
	pthread_t thread;
	pthread_mutex_t mutex;

	/* Under the mutex: */
	enum fake_mode mode;
	int error;
	int requests; /* since the mode was set, or the start */
	struct hf_ctl_request last;
	struct fake_client clients[FAKE_CLIENTS];
};

/* A fresh control socket, under /tmp, served by a thread. */
void fake_start(struct fake_daemon *daemon);
/* As if killed: all it holds is closed, the socket stays in the directory. */
void fake_kill(struct fake_daemon *daemon);
/* Serves the same path again, in the same mode. */
void fake_restart(struct fake_daemon *daemon);
/* Kills it and removes the socket. */
void fake_stop(struct fake_daemon *daemon);
/* From the next request on; fake_requests() counts those. */
void fake_set(struct fake_daemon *daemon, enum fake_mode mode, int error);

int fake_requests(struct fake_daemon *daemon);
struct hf_ctl_request fake_last(struct fake_daemon *daemon);
/* Connections that carry a listener. */
int fake_listeners(struct fake_daemon *daemon);

/* The writing end of the newest listener's channel; stays the daemon's. */
int fake_channel(struct fake_daemon *daemon);
/* And its page. */
struct hf_channel_page *fake_page(struct fake_daemon *daemon);
/* Pushes a descriptor; the caller keeps its own. 0 or -errno. */
int fake_push(int channel, int fd, const struct hf_child_msg *msg);
/* Makes a connection, pushes one end and returns the client's. */
int fake_connect(int channel);

#endif
