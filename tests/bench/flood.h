/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the flood sender and its BPF program share. */
#ifndef BENCH_FLOOD_H
#define BENCH_FLOOD_H

#ifndef __bpf__
#include <linux/types.h>
#endif

#define FLOOD_FRAME_MAX 74
#define FLOOD_KINDS 5
#define FLOOD_TUPLES_MAX 131072U
#define FLOOD_BURST_MAX 32U
/* Time lost to others is made up for, unless it is more than this. */
#define FLOOD_LATE_MAX_NS 50000000

/* A frame to start from; what the program fills in is 0 here. */
struct flood_template {
	__u32 len;
	__u32 tsval_off; /* offset in the frame, 0: no timestamps */
	__u32 ack;       /* has an acknowledgment number to fill in */
	__u32 pad;
	__u8 frame[80];
};

/* The flow of a given connection, as on the wire. */
struct flood_tuple {
	__be32 saddr;
	__be32 daddr;
	__be16 sport;
	__be16 dport;
};

/* What came back for the spoofed sources. */
struct flood_answers {
	__u64 synack;
	__u64 rst;
	__u64 other;
};

#endif
