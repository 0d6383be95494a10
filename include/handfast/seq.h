/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TCP sequence numbers, modulo 2^32 (RFC 9293, 3.4); host order. */
#ifndef HANDFAST_SEQ_H
#define HANDFAST_SEQ_H

#ifndef __bpf__
#include <linux/types.h>
#include <stdbool.h>
#endif

static inline __attribute__((always_inline)) bool hf_seq_before(__u32 a,
								__u32 b)
{
	return (__s32)(a - b) < 0;
}

static inline __attribute__((always_inline)) bool hf_seq_after(__u32 a, __u32 b)
{
	return (__s32)(b - a) < 0;
}

/* low <= x <= high */
static inline __attribute__((always_inline)) bool
hf_seq_between(__u32 x, __u32 low, __u32 high)
{
	return high - low >= x - low;
}

/*
 * Whether the segment [seq, end_seq) touches the window [start, end), as
 * Linux's tcp_in_window(): a segment of no length may stand at the end.
 */
static inline __attribute__((always_inline)) bool
hf_seq_in_window(__u32 seq, __u32 end_seq, __u32 start, __u32 end)
{
	if (seq == start)
		return true;
	if (hf_seq_after(end_seq, start) && hf_seq_before(seq, end))
		return true;
	return seq == end && seq == end_seq;
}

#endif
