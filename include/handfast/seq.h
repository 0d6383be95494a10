/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* TCP sequence numbers, modulo 2^32 (RFC 9293, 3.4), and the clock of
 * timestamps; host order. */
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

/*
 * Nanoseconds to milliseconds, exactly: x / 1000000 by the upper half of a
 * product. BPF has no such multiplication, so clang leaves a 64-bit division
 * there, which costs more than all of SipHash.
 */
static inline __attribute__((always_inline)) __u64 hf_ns_to_ms(__u64 ns)
{
	const __u64 m = 0x431bde82d7b634dbULL; /* 2^82 / 1000000, rounded up */
	__u64 nh = ns >> 32, nl = (__u32)ns;
	__u64 mh = m >> 32, ml = (__u32)m;
	__u64 mid = nh * ml + (nl * ml >> 32);
	__u64 mid2 = nl * mh + (__u32)mid;

	return (nh * mh + (mid >> 32) + (mid2 >> 32)) >> 18;
}

#endif
