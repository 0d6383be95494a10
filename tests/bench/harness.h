/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the packet bench and its wrapper program share. */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include "handfast/abi.h"

#define HARNESS_DATA_MAX 124
#define HARNESS_FRAMES_MAX 16384U

/* A frame to restore before each round. */
struct harness_frame {
	__u32 len;
	__u8 data[HARNESS_DATA_MAX];
};

/* What a round leaves in syn_table and has to be undone before the next. */
enum harness_undo {
	HARNESS_UNDO_NONE,
	HARNESS_UNDO_CLOCK,   /* nothing, but it is timed: to calibrate */
	HARNESS_UNDO_DELETE,  /* the request that the round made */
	HARNESS_UNDO_RESTORE, /* the request as it was before */
};

/*
 * Set before a run, read after it. `wrong` counts rounds with another verdict
 * than `verdict`, `missed` rounds after which there was no request in
 * `undo_state` to undo.
 */
struct harness_control {
	__u32 frame_count;
	__u32 frame_next;
	__s32 verdict;
	__s32 verdict_seen; /* the last wrong one */
	__u64 wrong;
	__u64 missed;
	__u64 undo_ns;
	enum harness_undo undo;
	enum hf_request_state undo_state;
	struct hf_tuple undo_key;
	struct hf_request undo_request;
};

#endif
