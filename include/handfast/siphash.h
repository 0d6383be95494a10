/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * SipHash-2-4 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012)
 * of messages given as 64-bit words. Compiles for BPF and for the host, where
 * it is held against the reference vectors.
 */
#ifndef HANDFAST_SIPHASH_H
#define HANDFAST_SIPHASH_H

#ifndef __bpf__
#include <linux/types.h>
#endif

struct hf_siphash {
	__u64 v0, v1, v2, v3;
};

static inline __attribute__((always_inline)) __u64 hf_rotl64(__u64 x, int n)
{
	return x << n | x >> (64 - n);
}

static inline __attribute__((always_inline)) void
hf_siphash_round(struct hf_siphash *s)
{
	s->v0 += s->v1;
	s->v1 = hf_rotl64(s->v1, 13) ^ s->v0;
	s->v0 = hf_rotl64(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = hf_rotl64(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = hf_rotl64(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = hf_rotl64(s->v1, 17) ^ s->v2;
	s->v2 = hf_rotl64(s->v2, 32);
}

static inline __attribute__((always_inline)) void
hf_siphash_word(struct hf_siphash *s, __u64 word)
{
	s->v3 ^= word;
	hf_siphash_round(s);
	hf_siphash_round(s);
	s->v0 ^= word;
}

static inline __attribute__((always_inline)) void
hf_siphash_init(struct hf_siphash *s, const __u64 key[2])
{
	s->v0 = key[0] ^ 0x736f6d6570736575ULL;
	s->v1 = key[1] ^ 0x646f72616e646f6dULL;
	s->v2 = key[0] ^ 0x6c7967656e657261ULL;
	s->v3 = key[1] ^ 0x7465646279746573ULL;
}

/*
 * bytes: of the whole message. tail: the bytes after the last whole word, up
 * to 7, read as little endian like the words. They share a word with the
 * length, so they cost nothing.
 */
static inline __attribute__((always_inline)) __u64
hf_siphash_final(struct hf_siphash *s, __u64 tail, unsigned int bytes)
{
	hf_siphash_word(s, (__u64)bytes << 56 | tail);
	s->v2 ^= 0xff;
	hf_siphash_round(s);
	hf_siphash_round(s);
	hf_siphash_round(s);
	hf_siphash_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

#endif
