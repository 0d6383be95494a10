/* SPDX-License-Identifier: BSD-2-Clause */
/* A listener, and its accept queue. */
#ifndef HF_LISTENER_H
#define HF_LISTENER_H

#include "daemon/daemon.h"
#include "daemon/inherit.h"

/* A connection that waits for room in the channel. */
struct waiting {
	int fd;
	struct hf_child_msg msg;
};

struct listener {
	uint32_t index; /* in listen_table */
	struct hf_listener *mem;
	uint64_t cookie; /* SO_COOKIE of the bound socket */
	int bound_fd;
	bool reuseport;
	uid_t uid;
	gid_t gid;
	struct hf_ctl_request ctl; /* what was asked for last */
	struct inherit inherit;

	struct source source; /* channel: room again, or hung up */
	int channel_fd;       /* -1: delivery KERNEL, the kernel's own queue */
	struct hf_channel_page *page; /* NULL: the application passed none */
	pthread_mutex_t mutex;        /* of what follows */
	struct waiting *queue;        /* a ring: first, count of capacity */
	uint32_t first;
	uint32_t count;
	uint32_t capacity;
	uint32_t ticket; /* of the last message */
	/* Connections in the channel that acceptq_len includes. */
	uint32_t channel_counted;
	bool watched; /* the main loop is told of room in the channel */
	bool closed;  /* the application is gone, the main loop will close it */
};

/* Finds an inherited integer option. */
bool inherit_int(const struct inherit *inherit, int level, int name,
		 int *value);

/* The listener of a request, NULL if it is gone. Under hfd.lock. */
struct listener *listener_of(const struct hf_request *req);

/* ------------------------------------------------------------- acceptq.c */

/*
 * acceptq_push - children into the accept queue; their places in acceptq_len
 * were taken by XDP. The descriptors are the queue's from here on. 0, or
 * -ENOMEM: nothing was taken.
 */
int acceptq_push(struct listener *l, const struct waiting *children,
		 uint32_t n);
/* As much as the channel has room for. */
void acceptq_flush(struct listener *l);
/* Gives back the places of connections that were accepted meanwhile. */
void acceptq_refresh(struct listener *l);
/* Resets what waits. */
void acceptq_reset(struct listener *l);
/* Maps the page that the application passed. 0, or -EPROTO: no such page. */
int acceptq_page_open(struct listener *l, int fd);
void acceptq_page_close(struct listener *l);
/* Bytes that one message takes of a socket's send buffer, or -errno. */
int acceptq_measure(size_t *truesize);

#endif
