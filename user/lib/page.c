// SPDX-License-Identifier: BSD-2-Clause
/*
 * Pages of channels, see struct hf_channel_page.
 *
 * hf_accept() looks a page up by the inode of its descriptor, without a lock:
 * it may run in a child of fork(2), where the lock's owner does not exist.
 * A reader may still look at the page of a channel that is gone, so pages are
 * never unmapped: 4 KiB of address space for every hf_listen().
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "lib/lib.h"

#define PAGES_MAX 1024
#define PAGE_SIZE 4096
#define SPINS 200
/* A writer that is preempted gets its processor back within that; one that
 * died has closed everything. */
#define WAIT_MAX_NS (50 * HF_MS)
#define UNKNOWN_NS (1 * HF_MS)

static struct {
	_Atomic uint64_t inode; /* 0: free */
	struct hf_channel_page *_Atomic page;
} pages[PAGES_MAX];
static atomic_int pages_used;

static int page_map(int i)
{
	int fd =
	    memfd_create("handfast-channel", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *mem;

	if (fd < 0)
		return -errno;
	/* The daemon maps it and must not be killed by a page that is cut. */
	if (ftruncate(fd, PAGE_SIZE) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW)) {
		close(fd);
		return -errno;
	}
	mem = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED) {
		close(fd);
		return -ENOMEM;
	}
	pages[i].page = mem;
	return fd;
}

int hf_page_open(uint64_t inode, struct hf_channel_page **page)
{
	int fd;

	for (int i = 0; i < PAGES_MAX; i++) {
		if (pages[i].page && pages[i].inode)
			continue;
		fd = page_map(i);
		if (fd < 0)
			return fd;
		*page = pages[i].page;
		pages[i].inode = inode;
		if (i >= pages_used)
			pages_used = i + 1;
		return fd;
	}
	return -ENOSPC;
}

void hf_page_close(struct hf_channel_page *page, int fd)
{
	for (int i = 0; i < pages_used; i++)
		if (pages[i].page == page)
			pages[i].inode = 0;
	/* Let those go who wait still. */
	for (int w = 0; w < HF_WRITERS; w++)
		__atomic_fetch_add(
		    &page->released[w], INT32_MAX / 2, __ATOMIC_RELEASE);
	close(fd);
}

static const struct hf_channel_page *page_find(int read_fd)
{
	struct stat st;

	if (fstat(read_fd, &st))
		return NULL;
	for (int i = 0; i < pages_used; i++)
		if (pages[i].inode == st.st_ino)
			return pages[i].page;
	return NULL;
}

static void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

static void ticket_wait(const struct hf_channel_page *page, int writer,
			uint32_t ticket)
{
	uint64_t until;

	for (int i = 0; i < SPINS; i++) {
		if (hf_channel_is_released(page, writer, ticket))
			return;
		sched_yield();
	}
	until = hf_lib_now() + WAIT_MAX_NS;
	while (!hf_channel_is_released(page, writer, ticket) &&
	       hf_lib_now() < until)
		sleep_ns(20000);
}

void hf_tickets_add(struct hf_tickets *tickets, const struct hf_child_msg *msg)
{
	if (msg->writer == HF_WRITER_NONE || msg->writer >= HF_WRITERS)
		return;
	tickets->any[msg->writer] = true;
	tickets->last[msg->writer] = msg->ticket;
}

void hf_page_wait(int read_fd, const struct hf_tickets *tickets)
{
	const struct hf_channel_page *page = NULL;
	bool looked = false;

	for (int w = 0; w < HF_WRITERS; w++) {
		if (!tickets->any[w])
			continue;
		if (!looked)
			page = page_find(read_fd);
		if (!looked && !page)
			sleep_ns(UNKNOWN_NS);
		looked = true;
		if (page)
			ticket_wait(page, w, tickets->last[w]);
	}
}
