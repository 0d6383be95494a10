/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inside of libhandfast.
 *
 *   hf_listen()  listen.c    checks, enters the listener, waits for the answer
 *   the thread   thread.c    one per process: epoll, timers, fork
 *                control.c   the connection to the daemon, registering again
 *                kernel.c    accepts from the kernel's listener
 *                channel.c   the socketpair that carries the connections
 *                page.c      the page that says who has let go of them
 *   hf_accept()  accept.c    reads the channel; touches nothing of the above
 *
 * Everything in struct listener is changed under hf_lib.mutex. The thread
 * holds it while it works, never while it waits: no call below blocks.
 */
#ifndef HF_LIB_H
#define HF_LIB_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "handfast/control.h"

/* Connections taken from the kernel's listener at a time. */
#define HF_LIB_BATCH 32

/* What an epoll event is about. */
enum source_kind {
	SOURCE_CHANNEL, /* hang-up: the application closed its end */
	SOURCE_CONTROL,
	SOURCE_KERNEL,
};

struct source {
	enum source_kind kind;
	struct listener *listener;
};

enum control_state {
	CONTROL_DOWN,
	CONTROL_ASKED, /* a request was sent, its reply is due */
	CONTROL_UP,
};

/* A connection that is not in the channel yet. */
struct child {
	int fd;
	struct hf_child_msg msg;
};

struct listener {
	LIST_ENTRY(listener) link;
	struct source sources[3]; /* by enum source_kind */
	uint64_t cookie;          /* SO_COOKIE of the bound socket */
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	/* Delivery by the kernel: read_fd is the listening socket itself, and
	 * there is no channel. */
	bool direct;
	/* The application's end: its number and inode. Not ours. */
	int read_fd;
	uint64_t read_inode;
	/* Our copies: the channel's other end and the bound socket. */
	int write_fd;
	int bound_fd;
	int page_fd;
	struct hf_channel_page *page;
	uint32_t ticket; /* of the last message that the thread wrote */

	int control_fd;
	enum control_state state;
	bool registered; /* some daemon took it once */
	bool welcome;    /* this connection's daemon took it */
	/* What the application wants last, what is being asked for, what the
	 * daemon granted last. */
	struct hf_ctl_request wanted, asked, granted;
	uint32_t want, sent, done; /* numbers of requests */
	int answer;                /* to request `done`: 0 or an errno */
	char text[248];
	uint64_t retry_ns;    /* connect again; 0: not planned */
	uint64_t backoff_ns;  /* what the next failure waits */
	uint64_t deadline_ns; /* CONTROL_ASKED, or the first connect */

	bool watched;     /* the kernel's listener is in the epoll set */
	uint64_t look_ns; /* look for room in the channel; 0: not planned */
	uint32_t message_size; /* bytes that one takes in the channel */
	uint32_t limit;        /* unread connections, see hf_channel_resize() */
	struct child pending[HF_LIB_BATCH];
	unsigned int n_pending;

	bool dead; /* waits for the thread to free it */
	unsigned int waiters;
};

LIST_HEAD(listener_list, listener);

struct hf_lib {
	pthread_mutex_t mutex;
	pthread_cond_t answered;
	bool running; /* the thread lives in this process */
	int epoll_fd;
	int wake_fd; /* eventfd */
	struct listener_list listeners;
	struct listener_list graves;
};

extern struct hf_lib hf_lib __attribute__((visibility("hidden")));

#define HF_MS 1000000ULL
/* Between attempts to register again: 50 ms, doubling, to 1 s. */
#define HF_BACKOFF_FIRST_NS (50 * HF_MS)
#define HF_BACKOFF_MAX_NS (1000 * HF_MS)
#define HF_ANSWER_NS (10000 * HF_MS) /* what a daemon has for its answer */

uint64_t hf_lib_now(void); /* CLOCK_MONOTONIC, ns */

/* --------------------------------------------------------------- thread.c */

/* Starts the thread if this process has none. 0 or -errno. Locked. */
int hf_thread_start(void);
/* Makes the thread look at all listeners now. */
void hf_thread_wake(void);
/* Adds, or takes out, one descriptor of a listener. 0 or -errno. */
int hf_thread_watch(struct listener *l, enum source_kind kind, int fd,
		    uint32_t events);
void hf_thread_unwatch(int fd);

/* --------------------------------------------------------------- listen.c */

/* Closes all it holds; the thread frees it when nobody waits for it. */
void hf_listener_drop(struct listener *l);
/* Is the number that the application was given still that descriptor? It may
 * have closed it and keep a copy. */
bool hf_listener_read_end_open(const struct listener *l);

/* -------------------------------------------------------------- control.c */

void hf_control_event(struct listener *l, uint64_t now);
/* Connects, sends and gives up as due. Returns when to call again, or 0. */
uint64_t hf_control_timer(struct listener *l, uint64_t now);

/* --------------------------------------------------------------- kernel.c */

/* From now on accept from the kernel's listener, or look whether to. */
void hf_kernel_watch(struct listener *l);
void hf_kernel_unwatch(struct listener *l);
void hf_kernel_event(struct listener *l, uint64_t now);
uint64_t hf_kernel_timer(struct listener *l, uint64_t now);

/* ----------------------------------------------------------------- page.c */

/* Makes the page of the channel whose reading end has this inode. Returns
 * the memfd or -errno. Locked. */
int hf_page_open(uint64_t inode, struct hf_channel_page **page);
/* The channel is gone: nobody will wait for its messages. Locked. */
void hf_page_close(struct hf_channel_page *page, int fd);
/*
 * What to wait for. Messages are read in the order of their tickets, so that
 * the last one of each writer stands for those before it.
 */
struct hf_tickets {
	bool any[HF_WRITERS];
	__u32 last[HF_WRITERS];
};

void hf_tickets_add(struct hf_tickets *tickets, const struct hf_child_msg *msg);
/*
 * Waits until the writers have let go of the connections of these messages.
 * Any thread, any process: where the page is not known (after exec) it waits
 * for the time that this takes at the most, usually.
 */
void hf_page_wait(int read_fd, const struct hf_tickets *tickets);

/* -------------------------------------------------------------- channel.c */

/* Makes the channel of a new listener. 0 or -errno. */
int hf_channel_open(struct listener *l);
/* Bounds the channel as this backlog says; it may hold less. */
void hf_channel_resize(struct listener *l, int backlog);
/* How many more connections may go into the channel. */
uint32_t hf_channel_room(const struct listener *l);
/*
 * Moves pending connections into the channel, as many as it takes. 0, or
 * -EPIPE: the application's end is closed or shut down.
 */
int hf_channel_push(struct listener *l);
/* Closes the thread's part of it. */
void hf_channel_close(struct listener *l);
/* Is the application's end closed, by everybody? */
bool hf_channel_hung_up(const struct listener *l);

#endif
