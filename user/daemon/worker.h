/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A worker: the thread of one queue. What comes from the ring becomes
 * children, or goes back into the kernel.
 */
#ifndef HF_WORKER_H
#define HF_WORKER_H

#include "daemon/daemon.h"
#include "daemon/xsk.h"

struct device;

/* What others ask of a worker. */
enum letter_kind {
	LETTER_FRAME, /* a frame of a flow that it owns, from another queue */
	LETTER_SEND,  /* a frame to send */
};

struct letter {
	STAILQ_ENTRY(letter) link;
	enum letter_kind kind;
	uint32_t len;
	uint8_t data[];
};

struct worker {
	struct device *device;
	uint32_t queue;
	struct xsk xsk;
	struct xsk_drops drops; /* as counted already */
	struct request_batch batch;
	pthread_t thread;
	bool running;
	int wake_fd; /* eventfd */
	atomic_bool stop;
	pthread_mutex_t mutex; /* of the letters */
	STAILQ_HEAD(, letter) letters;
	atomic_uint letter_count;
};

/* Opens ring and thread. 0 or a negative errno, logged. */
int worker_start(struct worker *w, struct device *device, uint32_t queue);
/* Ends the thread, after what is in the ring; closes the ring. */
void worker_stop(struct worker *w);
/* Copies the frame into the worker's letter box. False: it is full. */
bool worker_post(struct worker *w, enum letter_kind kind, const uint8_t *data,
		 uint32_t len);

#endif
