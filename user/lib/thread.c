// SPDX-License-Identifier: BSD-2-Clause
/*
 * The library's thread, one per process that listens. It waits on one epoll
 * set for the daemon, the kernel's listeners and the end of channels, and for
 * the nearest of the listeners' timers.
 *
 * fork(2): the thread stays with the parent. The child closes its copies of
 * the library's descriptors, so that the end of the parent is seen, by the
 * daemon and by children that wait in hf_accept(); the copies of the channels'
 * reading ends are the application's and stay open.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/lib.h"

#define EVENTS_AT_ONCE 64
/* Sanitizers need more than the smallest stack. */
#define STACK_SIZE (512 * 1024)

struct hf_lib hf_lib = {
    .mutex = PTHREAD_MUTEX_INITIALIZER,
    .answered = PTHREAD_COND_INITIALIZER,
    .epoll_fd = -1,
    .wake_fd = -1,
};

uint64_t hf_lib_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

int hf_thread_watch(struct listener *l, enum source_kind kind, int fd,
		    uint32_t events)
{
	struct epoll_event event = {
	    .events = events, .data.ptr = &l->sources[kind]};

	return epoll_ctl(hf_lib.epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno
								     : 0;
}

void hf_thread_unwatch(int fd)
{
	/* Explicitly: a copy in another process would keep it in the set. */
	epoll_ctl(hf_lib.epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

void hf_thread_wake(void)
{
	uint64_t one = 1;

	/* Cannot fail: the counter would have to be at 2^64 - 2. */
	if (write(hf_lib.wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void event_handle(const struct epoll_event *event, uint64_t now)
{
	struct source *source = event->data.ptr;
	struct listener *l;
	uint64_t count;

	if (!source) {
		if (read(hf_lib.wake_fd, &count, sizeof(count)) < 0)
			return;
		return;
	}
	l = source->listener;
	/* An event before it in the same batch may have ended the source. */
	if (l->dead)
		return;
	switch (source->kind) {
	case SOURCE_CHANNEL:
		if (event->events & EPOLLHUP)
			hf_listener_drop(l);
		break;
	case SOURCE_CONTROL:
		if (l->control_fd >= 0)
			hf_control_event(l, now);
		break;
	case SOURCE_KERNEL:
		if (l->watched)
			hf_kernel_event(l, now);
		break;
	}
}

/* Returns what epoll_wait() may sleep, in ms. */
static int timers_run(uint64_t now)
{
	uint64_t next = UINT64_MAX, due;
	struct listener *l, *following;

	for (l = LIST_FIRST(&hf_lib.listeners); l; l = following) {
		following = LIST_NEXT(l, link);
		due = hf_control_timer(l, now);
		if (due && due < next)
			next = due;
		due = hf_kernel_timer(l, now);
		if (due && due < next)
			next = due;
	}
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (next - now + HF_MS - 1) / HF_MS;
}

static void graves_clear(void)
{
	struct listener *l, *following;

	for (l = LIST_FIRST(&hf_lib.graves); l; l = following) {
		following = LIST_NEXT(l, link);
		if (l->waiters)
			continue;
		LIST_REMOVE(l, link);
		free(l);
	}
}

static void *thread_main(void *unused)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int i, n, timeout = 0;
	uint64_t now;

	(void)unused;
	for (;;) {
		n = epoll_wait(
		    hf_lib.epoll_fd, events, EVENTS_AT_ONCE, timeout);
		/* An application that closes all descriptors closes ours;
		 * do not spin then. */
		if (n < 0 && errno != EINTR)
			usleep(100000);
		pthread_mutex_lock(&hf_lib.mutex);
		now = hf_lib_now();
		for (i = 0; i < n; i++)
			event_handle(&events[i], now);
		timeout = timers_run(now);
		graves_clear();
		pthread_mutex_unlock(&hf_lib.mutex);
	}
	return NULL;
}

/* ------------------------------------------------------------------- fork */

static void fork_prepare(void)
{
	pthread_mutex_lock(&hf_lib.mutex);
}

static void fork_parent(void)
{
	pthread_mutex_unlock(&hf_lib.mutex);
}

static void child_forget(struct listener *l)
{
	unsigned int i;

	for (i = 0; i < l->n_pending; i++)
		close(l->pending[i].fd);
	if (l->control_fd >= 0)
		close(l->control_fd);
	if (l->write_fd >= 0)
		close(l->write_fd);
	if (l->page_fd >= 0)
		close(l->page_fd);
	if (l->bound_fd >= 0)
		close(l->bound_fd);
	free(l);
}

static void child_forget_all(struct listener_list *list)
{
	struct listener *l, *following;

	for (l = LIST_FIRST(list); l; l = following) {
		following = LIST_NEXT(l, link);
		child_forget(l);
	}
	LIST_INIT(list);
}

static void fork_child(void)
{
	child_forget_all(&hf_lib.listeners);
	child_forget_all(&hf_lib.graves);
	if (hf_lib.running) {
		close(hf_lib.epoll_fd);
		close(hf_lib.wake_fd);
	}
	hf_lib.epoll_fd = -1;
	hf_lib.wake_fd = -1;
	hf_lib.running = false;
	/* Whoever waited in the parent is not here. */
	pthread_cond_init(&hf_lib.answered, NULL);
	pthread_mutex_unlock(&hf_lib.mutex);
}

/* ------------------------------------------------------------------ start */

static int thread_create(void)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;
	int err;

	err = pthread_attr_init(&attr);
	if (err)
		return -err;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* The application's signals are none of the library's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&thread, &attr, thread_main, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		return -err;
	pthread_setname_np(thread, "libhandfast");
	return 0;
}

static int wake_open(void)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
	int err;

	hf_lib.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (hf_lib.epoll_fd < 0)
		return -errno;
	hf_lib.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (hf_lib.wake_fd < 0 ||
	    epoll_ctl(hf_lib.epoll_fd, EPOLL_CTL_ADD, hf_lib.wake_fd, &event)) {
		err = -errno;
		close(hf_lib.epoll_fd);
		if (hf_lib.wake_fd >= 0)
			close(hf_lib.wake_fd);
		return err;
	}
	return 0;
}

int hf_thread_start(void)
{
	static bool forks_known;
	int err;

	if (hf_lib.running)
		return 0;
	if (!forks_known) {
		err = pthread_atfork(fork_prepare, fork_parent, fork_child);
		if (err)
			return -err;
		forks_known = true;
	}
	err = wake_open();
	if (err)
		return err;
	err = thread_create();
	if (err) {
		close(hf_lib.epoll_fd);
		close(hf_lib.wake_fd);
		return err;
	}
	hf_lib.running = true;
	return 0;
}
