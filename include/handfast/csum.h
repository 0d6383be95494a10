/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The Internet checksum (RFC 1071). Sums are 64 bits wide and made of 32-bit
 * words in network order, so that up to 2^32 words need no carry handling.
 */
#ifndef HANDFAST_CSUM_H
#define HANDFAST_CSUM_H

#ifndef __bpf__
#include <linux/types.h>
#endif

static inline __attribute__((always_inline)) __u16 hf_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (__u16)~sum;
}

/* A run of whole words; `words` is a constant where it is compiled for BPF. */
static inline __attribute__((always_inline)) __u64
hf_csum_words(const __u32 *p, unsigned int words, __u64 sum)
{
#ifdef __clang__
#pragma clang loop unroll(full)
#endif
	for (unsigned int i = 0; i < words; i++)
		sum += p[i];
	return sum;
}

#endif
