/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * TCP options: reading those of a segment, writing those of a SYN-ACK.
 *
 * Reading follows tcp_parse_options(): a malformed option ends the list, what
 * stood before it counts. Writing follows tcp_options_write(): the same order
 * and the same padding as Linux's own SYN-ACK.
 */
#ifndef HANDFAST_OPTIONS_H
#define HANDFAST_OPTIONS_H

#include "handfast/abi.h"

#ifdef __bpf__
#include <bpf/bpf_endian.h>
#define hf_htonl(x) bpf_htonl(x)
#define hf_ntohl(x) bpf_ntohl(x)
#else
#include <arpa/inet.h>
#include <stdbool.h>
#define hf_htonl(x) htonl(x)
#define hf_ntohl(x) ntohl(x)
#endif

#define HF_OPTIONS_MAX 40U /* bytes of options in a TCP header */

enum hf_option_kind {
	HF_OPTION_EOL = 0,
	HF_OPTION_NOP = 1,
	HF_OPTION_MSS = 2,
	HF_OPTION_WSCALE = 3,
	HF_OPTION_SACK_PERM = 4,
	HF_OPTION_TSTAMP = 8,
	HF_OPTION_MD5 = 19,
	HF_OPTION_AO = 29,
};

/* What a segment's options say; zero-initialised means "none". */
struct hf_options {
	__u32 tsval;
	__u32 tsecr;
	__u16 mss;   /* 0: no such option */
	__u8 wscale; /* HF_WSCALE_NONE: no such option; at most 14 */
	bool sack_perm;
	bool tstamp;
	bool auth; /* MD5 or AO */
};

static inline __attribute__((always_inline)) void
hf_options_init(struct hf_options *o)
{
	o->tsval = 0;
	o->tsecr = 0;
	o->mss = 0;
	o->wscale = HF_WSCALE_NONE;
	o->sack_perm = false;
	o->tstamp = false;
	o->auth = false;
}

static inline __attribute__((always_inline)) __u32 hf_read32(const __u8 *p)
{
	return (__u32)p[0] << 24 | (__u32)p[1] << 16 | (__u32)p[2] << 8 | p[3];
}

static inline __attribute__((always_inline)) __u8 hf_wscale_clamp(__u8 wscale)
{
	return wscale > HF_WSCALE_MAX ? HF_WSCALE_MAX : wscale;
}

/* One option with its body at buf[at]; `size` is its length byte. */
static inline __attribute__((always_inline)) void
hf_option_read(const __u8 *buf, __u32 at, __u8 kind, __u8 size,
	       struct hf_options *o)
{
	const __u8 *body = buf + (at & 63);

	if (kind == HF_OPTION_MSS && size == 4) {
		o->mss = (__u16)(body[2] << 8 | body[3]);
	} else if (kind == HF_OPTION_WSCALE && size == 3) {
		o->wscale = hf_wscale_clamp(body[2]);
	} else if (kind == HF_OPTION_SACK_PERM && size == 2) {
		o->sack_perm = true;
	} else if (kind == HF_OPTION_TSTAMP && size == 10) {
		o->tstamp = true;
		o->tsval = hf_read32(body + 2);
		o->tsecr = hf_read32(body + 6);
	} else if (kind == HF_OPTION_MD5 || kind == HF_OPTION_AO) {
		o->auth = true;
	}
}

/*
 * One step of the general parser: the option at `at`. Returns where the next
 * one stands, or `len` when there is none. buf has 80 bytes, zero after
 * `len`, so that a masked index plus the longest body stays inside.
 */
static inline __attribute__((always_inline)) __u32
hf_option_next(const __u8 *buf, __u32 at, __u32 len, struct hf_options *o)
{
	__u8 kind = buf[at & 63];
	__u8 size;

	if (kind == HF_OPTION_EOL)
		return len;
	if (kind == HF_OPTION_NOP)
		return at + 1;
	size = buf[(at & 63) + 1];
	if (size < 2 || at + 1 >= len || at + size > len)
		return len;
	hf_option_read(buf, at, kind, size, o);
	return at + size;
}

#define HF_OPTIONS_BUF 80

#ifndef __bpf__
/* The general parser, as the host runs it; o is initialised here. */
static inline void hf_options_parse(const __u8 buf[HF_OPTIONS_BUF], __u32 len,
				    struct hf_options *o)
{
	hf_options_init(o);
	for (__u32 at = 0; at < len;)
		at = hf_option_next(buf, at, len, o);
}
#endif

/*
 * The layouts that real stacks send, compared as a whole. `w` are the words
 * of the options, `words` how many there are; w[0..words) can be read.
 * Returns false for anything else, which is the general parser's.
 */
#define HF_W(a, b, c, d)                                                       \
	hf_htonl((__u32)(a) << 24 | (__u32)(b) << 16 | (__u32)(c) << 8 | (d))

static inline __attribute__((always_inline)) bool
hf_options_is_mss(__u32 w, struct hf_options *o)
{
	if ((w & HF_W(0xff, 0xff, 0, 0)) != HF_W(2, 4, 0, 0))
		return false;
	o->mss = (__u16)hf_ntohl(w);
	return true;
}

static inline __attribute__((always_inline)) bool
hf_options_is_wscale(__u32 w, struct hf_options *o)
{
	if ((w & HF_W(0xff, 0xff, 0xff, 0)) != HF_W(1, 3, 3, 0))
		return false;
	o->wscale = hf_wscale_clamp((__u8)hf_ntohl(w));
	return true;
}

static inline __attribute__((always_inline)) void
hf_options_take_tstamp(__u32 tsval, __u32 tsecr, struct hf_options *o)
{
	o->tstamp = true;
	o->tsval = hf_ntohl(tsval);
	o->tsecr = hf_ntohl(tsecr);
}

/* Linux: MSS, SACK permitted, timestamps, NOP, window scale. */
static inline __attribute__((always_inline)) bool
hf_options_linux(const __u32 *w, struct hf_options *o)
{
	if (w[1] != HF_W(4, 2, 8, 10) || !hf_options_is_mss(w[0], o) ||
	    !hf_options_is_wscale(w[4], o))
		return false;
	o->sack_perm = true;
	hf_options_take_tstamp(w[2], w[3], o);
	return true;
}

/* FreeBSD: MSS, NOP, window scale, SACK permitted, timestamps. */
static inline __attribute__((always_inline)) bool
hf_options_freebsd(const __u32 *w, struct hf_options *o)
{
	if (w[2] != HF_W(4, 2, 8, 10) || !hf_options_is_mss(w[0], o) ||
	    !hf_options_is_wscale(w[1], o))
		return false;
	o->sack_perm = true;
	hf_options_take_tstamp(w[3], w[4], o);
	return true;
}

/* Windows: MSS, NOP, window scale, NOP, NOP, SACK permitted. */
static inline __attribute__((always_inline)) bool
hf_options_windows(const __u32 *w, struct hf_options *o)
{
	if (w[2] != HF_W(1, 1, 4, 2) || !hf_options_is_mss(w[0], o) ||
	    !hf_options_is_wscale(w[1], o))
		return false;
	o->sack_perm = true;
	return true;
}

/* macOS, iOS: MSS, NOP, scale, NOP, NOP, timestamps, SACK permitted, EOL. */
static inline __attribute__((always_inline)) bool
hf_options_macos(const __u32 *w, struct hf_options *o)
{
	if (w[2] != HF_W(1, 1, 8, 10) || w[5] != HF_W(4, 2, 0, 0) ||
	    !hf_options_is_mss(w[0], o) || !hf_options_is_wscale(w[1], o))
		return false;
	o->sack_perm = true;
	hf_options_take_tstamp(w[3], w[4], o);
	return true;
}

/* Every segment after the SYN, where timestamps are agreed. */
static inline __attribute__((always_inline)) bool
hf_options_tstamp_only(const __u32 *w, struct hf_options *o)
{
	if (w[0] != HF_W(1, 1, 8, 10))
		return false;
	hf_options_take_tstamp(w[1], w[2], o);
	return true;
}

/* What a SYN-ACK (or, with `syn` false, a bare ACK) of ours says. */
struct hf_synack_options {
	__u16 mss;
	__u8 wscale; /* HF_WSCALE_NONE: the client does not scale */
	bool sack;
	bool tstamp;
	__u32 tsval;
	__u32 tsecr;
};

/*
 * tcp_options_write() of a SYN-ACK: MSS; SACK permitted and timestamps in one
 * group of words, or each alone padded with NOPs in front; NOP, scale.
 * Writes up to 5 words (network order) and returns how many.
 */
static inline __attribute__((always_inline)) __u32
hf_synack_options_write(__u32 w[5], const struct hf_synack_options *o)
{
	__u32 n = 1;

	w[0] = hf_htonl(2U << 24 | 4U << 16 | o->mss);
	if (o->tstamp) {
		w[1] = o->sack ? HF_W(4, 2, 8, 10) : HF_W(1, 1, 8, 10);
		w[2] = hf_htonl(o->tsval);
		w[3] = hf_htonl(o->tsecr);
		n = 4;
	} else if (o->sack) {
		w[1] = HF_W(1, 1, 4, 2);
		n = 2;
	}
	if (o->wscale != HF_WSCALE_NONE) {
		__u32 scale =
		    hf_htonl(1U << 24 | 3U << 16 | 3U << 8 | o->wscale);
		/* A constant index for each place: the words may live in
		 * registers then. */
		if (n == 4)
			w[4] = scale;
		else if (n == 2)
			w[2] = scale;
		else
			w[1] = scale;
		n++;
	}
	return n;
}

#endif
