/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of handfastd.
 *
 *   main.c       options, start, the main loop and its timer
 *   control.c    the control socket
 *   listener.c   listeners: listen_table and its indices
 *   acceptq.c    the accept queue of a listener, the channel
 *   inherit.c    what a child inherits from its listener
 *   device.c     attached devices: their workers, addresses, MTU
 *   worker.c     one thread a queue: ring to children
 *   xsk.c        the AF_XDP socket of a queue
 *   child.c      a request becomes a kernel socket
 *   frame.c      frames: read those of the ring, write SYN-ACKs
 *   inject.c     segments back into the kernel's receive path
 *   deliver.c    the way to listeners of delivery KERNEL
 *   netdev.c     the devices that both have
 *   request.c    changing requests in syn_table
 *   timer.c      the SYN-ACK timer
 *   keys.c       key epochs, the end of a spell of cookie mode
 *   restart.c    taking over from a daemon that died
 *
 * Threads: the main thread and one per queue. `lock` (read by workers while
 * they look at listeners, written by the main thread when it adds or removes
 * one) keeps listeners alive; each listener's mutex guards its queue.
 */
#ifndef HF_DAEMON_H
#define HF_DAEMON_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/types.h>

#include "common/sysctl.h"
#include "common/world.h"
#include "handfast/abi.h"
#include "handfast/control.h"

#define NSEC_PER_MSEC 1000000ULL
#define NSEC_PER_SEC 1000000000ULL

struct listener;
struct device;

struct daemon {
	struct hf_world world;
	struct hf_config config; /* as last written to the map */
	struct hf_rcvbuf rcvbuf;
	const char *socket_path;
	uint64_t netns; /* inode of our network namespace */
	uid_t uid;
	gid_t group; /* of the control socket, (gid_t)-1: none */

	/* The mmapable maps. */
	struct hf_listener *listen_table;
	struct hf_port *port_table;
	struct hf_fills *fills;
	struct hf_daemon_stats *stats;
	struct hf_request_op *batches;

	pthread_rwlock_t lock;
	struct listener *listeners[HF_LISTENERS_MAX];
	TAILQ_HEAD(, device) devices;

	int epoll_fd;
	atomic_long open_children; /* descriptors that wait in accept queues */
	long children_max;
	size_t
	    child_truesize; /* bytes that one hf_child_msg takes of a socket */
	uint64_t grace_until_ns; /* start: no rings before; 0: over */
	uint64_t epoch_ns;       /* when the present key epoch began */
	bool stop;
};

extern struct daemon hfd;

/* An entry of the main epoll set: the handler gets the events. */
struct source {
	void (*ready)(struct source *source, uint32_t events);
};

int source_add(struct source *source, int fd, uint32_t events);
/* Other events from now on; any thread. */
int source_change(struct source *source, int fd, uint32_t events);
void source_remove(int fd);

/* One more of a counter of struct hf_daemon_stats; any thread. */
#define DAEMON_COUNT_N(field, n)                                               \
	__atomic_fetch_add(&hfd.stats->field, (n), __ATOMIC_RELAXED)
#define DAEMON_COUNT(field) DAEMON_COUNT_N(field, 1)

/* ------------------------------------------------------------ request.c */

/* The batch of a thread: slot 0 is the main thread's. */
struct request_batch {
	uint32_t slot;
	uint32_t count;
	struct hf_request_op *op; /* HF_OPS_MAX of them */
};

int request_batch_init(struct request_batch *batch, uint32_t slot);
/* Room for one more, its op set; runs the batch first when it is full. */
struct hf_request_op *request_batch_add(struct request_batch *batch,
					enum hf_op op,
					const struct hf_tuple *key);
/* Carries the batch out and empties it; results stay readable. 0 or -errno. */
int request_batch_run(struct request_batch *batch);
/* Calls visit() for every request, some hundreds a system call. */
int request_each(void (*visit)(const struct hf_tuple *key,
			       const struct hf_request *req, void *arg),
		 void *arg);

/* ----------------------------------------------------------- listener.c */

/* Registers, or changes, the listener of a bound socket. Takes neither
 * descriptor. 0 or -errno with a text in reply. */
struct listen_request {
	int bound_fd;
	int channel_fd; /* -1: none, delivery KERNEL */
	int page_fd;    /* of the channel, -1: none */
	pid_t pid;
	uid_t uid;
	gid_t gid;
	const struct hf_ctl_request *ctl;
};

int listener_open(const struct listen_request *request,
		  struct listener **listener, char *text, size_t size);
int listener_change(struct listener *listener,
		    const struct listen_request *request, char *text,
		    size_t size);
/* Ends it: requests dropped, queue reset, slot free. Main thread. */
void listener_close(struct listener *listener);
/* backlog, bounds and window again from the sysctls. */
void listener_refresh_all(void);

/* -------------------------------------------------------------- timer.c */

/* Retransmits and expires what is due. Main thread, now and then. */
void timer_run(struct request_batch *batch, uint64_t now);

/* --------------------------------------------------------------- keys.c */

/* Next key epoch when its time has come. */
void keys_run(uint64_t now);
/* Clears the cookie flag of ports whose listeners sent none of late. */
void keys_end_spells(uint64_t now);

/* ------------------------------------------------------------ restart.c */

/* Before any ring is open: recounts the fills, marks the listeners that the
 * last daemon had as orphans that may come back. */
int restart_take_over(void);
/* The grace time is over: orphans go. */
void restart_end_grace(void);
/* Slot of an orphan that this is the listener of, 0: none. */
uint32_t restart_claim(const struct hf_listener *want);
bool restart_has_orphans(void);

/* ------------------------------------------------------------ control.c */

int control_open(void);
void control_reap(void);
void control_close(void);

/* -------------------------------------------------------------- config */

/* Reads the sysctls and writes the config map. 0 or -errno. */
int config_reload(void);
int config_write(void);

#endif
