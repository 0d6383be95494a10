// SPDX-License-Identifier: BSD-2-Clause
/* Sending: bursts at their times, or all that goes. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "flood.skel.h"
#include "synflood.h"
#include "vethstat.h"

#define NSEC 1000000000LL
/* Without a rate: frames a call; a call is what *stop can wait for. */
#define FULL_CHUNK 16384
#define FULL_BATCH 64
/* More bursts a second only cost calls, fewer make the flood lumpy. */
#define BURSTS_A_SECOND 4000

struct sender {
	struct flood_skel *skel;
	struct flood_progress *progress;
	const char *dev;
	int tap_fd;
	uint32_t frame_len;
	uint64_t delivered_before;
	int64_t refresh_ns; /* next look at the counters */
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * NSEC + t.tv_nsec;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = {.tv_sec = ns / NSEC, .tv_nsec = ns % NSEC};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static void spin_until(int64_t ns)
{
	while (now_ns() < ns)
		;
}

static uint64_t delivered(const char *dev)
{
	uint64_t sum = 0;

	vethstat_sum(dev, "tx_queue_", "_xdp_xmit", &sum);
	return sum;
}

static void progress_read(struct sender *s)
{
	int cpus = libbpf_num_possible_cpus();
	struct flood_progress *p = s->progress;
	struct flood_answers *a;
	__u32 zero = 0;
	int i;

	p->sent = s->skel->bss->sent;
	p->delivered = delivered(s->dev) - s->delivered_before;
	a = calloc(cpus > 0 ? cpus : 1, sizeof(*a));
	if (!a)
		return;
	if (!bpf_map_lookup_elem(
		bpf_map__fd(s->skel->maps.answers), &zero, a)) {
		struct flood_answers sum = {};

		for (i = 0; i < cpus; i++) {
			sum.synack += a[i].synack;
			sum.rst += a[i].rst;
			sum.other += a[i].other;
		}
		p->synack = sum.synack;
		p->rst = sum.rst;
		p->other = sum.other;
	}
	free(a);
}

static void progress_refresh(struct sender *s, int64_t now)
{
	if (now < s->refresh_ns)
		return;
	progress_read(s);
	s->refresh_ns = now + NSEC / 50;
}

static int send_chunk(struct sender *s)
{
	uint8_t frame[FLOOD_FRAME_MAX] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame,
		    .data_size_in = s->frame_len, .repeat = FULL_CHUNK,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		    .batch_size = FULL_BATCH);
	int fd = bpf_program__fd(s->skel->progs.flood);

	if (!bpf_prog_test_run_opts(fd, &opts) || errno == EINTR)
		return 0;
	return -errno;
}

static uint32_t burst_size(double rate)
{
	uint32_t n = rate / BURSTS_A_SECOND + 1;

	return n > FLOOD_BURST_MAX ? FLOOD_BURST_MAX : n;
}

/* A burst is what one frame of the TAP device becomes. */
static int outlets_fill(struct sender *s, uint32_t burst)
{
	struct bpf_devmap_val outlet = {
	    .ifindex = s->skel->rodata->out_ifindex,
	    .bpf_prog.fd = bpf_program__fd(s->skel->progs.outlet),
	};

	for (uint32_t i = 0; i < burst; i++) {
		if (bpf_map__update_elem(s->skel->maps.outlets, &i, sizeof(i),
					 &outlet, sizeof(outlet), 0))
			return -errno;
	}
	return 0;
}

/*
 * A burst every `gap`. Whoever is late catches up with bursts of the same
 * size at three quarters of the gap, never a larger one nor much faster, as the
 * receiver may just keep up with the rate; it spins until then, as to wake up
 * takes longer.
 */
static int run_paced(struct sender *s, double rate, int64_t end,
		     const volatile int *stop)
{
	uint32_t burst = burst_size(rate);
	int64_t gap = NSEC * burst / rate;
	int64_t due = now_ns(), soonest, now;
	int err = outlets_fill(s, burst);

	if (err)
		return err;
	prctl(PR_SET_TIMERSLACK, 1000UL);
	while (!*stop && due < end) {
		soonest = now_ns() + gap * 3 / 4;
		err = flood_tap_send(s->tap_fd, s->frame_len);
		if (err)
			return err;
		due += gap;
		now = now_ns();
		progress_refresh(s, now);
		if (now - due > FLOOD_LATE_MAX_NS)
			due = now;
		if (due > now)
			sleep_until(due > soonest ? due : soonest);
		else
			spin_until(soonest);
	}
	return 0;
}

/* All that goes: live frames, a chunk a call. */
static int run_live(struct sender *s, int64_t end, const volatile int *stop)
{
	int64_t now = now_ns();
	int err = 0;

	while (!*stop && !err && now < end) {
		err = send_chunk(s);
		now = now_ns();
		progress_refresh(s, now);
	}
	return err;
}

int flood_run(struct flood_skel *skel, const struct flood_plan *plan,
	      const struct flood_options *opt, int tap_fd,
	      struct flood_progress *progress, const volatile int *stop,
	      double *seconds)
{
	struct sender s = {
	    .skel = skel,
	    .progress = progress,
	    .dev = opt->dev,
	    .tap_fd = tap_fd,
	    .frame_len = plan->frame_len,
	    .delivered_before = delivered(opt->dev),
	};
	int64_t begin = now_ns();
	int64_t end = begin + (int64_t)(opt->seconds * NSEC);
	int err;

	err = tap_fd >= 0 ? run_paced(&s, opt->rate, end, stop)
			  : run_live(&s, end, stop);
	*seconds = (now_ns() - begin) / (double)NSEC;
	sleep_until(now_ns() + NSEC / 20); /* the last answers */
	progress_read(&s);
	return err;
}
