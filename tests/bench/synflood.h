/* SPDX-License-Identifier: BSD-2-Clause */
/* A flood of TCP segments from spoofed sources: options and parts. */
#ifndef BENCH_SYNFLOOD_H
#define BENCH_SYNFLOOD_H

#include <stdint.h>

#include "flood.h"
#include "progress.h"

struct flood_skel; /* flood.skel.h */

struct flood_options {
	const char *dev;
	const char *tuples_path;
	const char *progress_path;
	const char *kind_name[FLOOD_KINDS];
	unsigned int kinds;
	uint8_t smac[6], dmac[6];
	int have_dmac;
	uint8_t dst[16];
	const char *dst_text;
	uint16_t port;
	int ifindex;
	double rate; /* frames a second, 0: as fast as it goes */
	double seconds;
	uint64_t seed;
	int quiet;
};

/* What is to be sent: templates and, with --tuples, the flows. */
struct flood_plan {
	struct flood_template templates[FLOOD_KINDS];
	uint32_t template_count;
	uint32_t frame_len; /* the longest */
	struct flood_tuple *tuples;
	uint32_t tuple_count;
};

/* The kinds of --kind, for the usage text. */
extern const char flood_kind_names[];

/* Fills the plan. 0, or -1 with a message written. */
int flood_plan_make(struct flood_plan *plan, const struct flood_options *opt);

/*
 * The device that gives the pace: its XDP program is to be `burst`. Returns
 * its descriptor, or a negative errno.
 */
int flood_tap_open(int *ifindex);
/* Triggers a burst. 0, or a negative errno. */
int flood_tap_send(int fd, uint32_t frame_len);

/*
 * Sends until the time is up or *stop is set. tap_fd: -1 for live frames.
 * *seconds: how long it took. 0, or a negative errno.
 */
int flood_run(struct flood_skel *skel, const struct flood_plan *plan,
	      const struct flood_options *opt, int tap_fd,
	      struct flood_progress *progress, const volatile int *stop,
	      double *seconds);

#endif
