/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Running totals that a load program shares with who watches it: a file that
 * both map. Written by one thread, word by word; readers take differences.
 */
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdint.h>

/* Latency classes: 16 an octave, so 4 % wide; class 0 begins at 1 us. */
#define PROGRESS_CLASSES 512

struct flood_progress {
	uint64_t sent;
	uint64_t delivered; /* taken by the device's ring */
	uint64_t synack;    /* answers to the spoofed sources */
	uint64_t rst;
	uint64_t other;
};

struct client_progress {
	uint64_t started;
	uint64_t ok;
	uint64_t refused; /* connect: RST */
	uint64_t reset;   /* RST later */
	uint64_t timeout;
	uint64_t bad;   /* another answer than expected */
	uint64_t local; /* not started: ports, descriptors */
	/* Of those that were ok: until connected, until the last byte. */
	uint64_t connect_max_us;
	uint64_t total_max_us;
	uint64_t connect_us[PROGRESS_CLASSES];
	uint64_t total_us[PROGRESS_CLASSES];
};

/*
 * Maps `path`, made or cut to `size` bytes and zeroed if `create`. NULL and
 * errno on failure. `path` NULL: private memory.
 */
void *progress_map(const char *path, uint64_t size, int create);

/* The class of a latency, and the middle of a class in microseconds. */
unsigned int progress_class(uint64_t us);
double progress_class_us(unsigned int class);

/* The latency that `share` (0 to 1) of the requests stay below, in us. */
double progress_percentile(const uint64_t *latency, double share);

#endif
