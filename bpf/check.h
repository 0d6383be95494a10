/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What has to be true of a frame before it is answered: checksums, addresses,
 * and reading its options.
 */
#ifndef HF_BPF_CHECK_H
#define HF_BPF_CHECK_H

#define CSUM_CHUNK SCRATCH_BUF /* bpf_csum_diff() takes no more on 6.1 */
#define CSUM_CHUNKS 128        /* 64 KiB */

/*
 * Functions that are not static are verified once, not at every call with all
 * that the caller knows: that keeps the verifier's work small. They find the
 * frame again by themselves. A call costs 14 ns where returns are guarded
 * against speculation ("Safe RET"), as much as all else of a short function:
 * what every SYN and every ACK needs is inlined into few of them.
 */

/*
 * The sum of a header of `words` (5 to 15) at `off`. Words past the frame's
 * end do not count: the sum is wrong then, as it has to be.
 */
__noinline __u64 header_sum(struct xdp_md *ctx, __u32 off, __u32 words)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	__u32 *w = data + (off & 0x3ff);
	__u64 sum;

	if ((void *)(w + 5) > data_end)
		return 1;
	sum = hf_csum_words(w, 5, 0);
#define WORD(i)                                                                \
	if (words <= (i) || (void *)(w + (i) + 1) > data_end)                  \
		return sum;                                                    \
	sum += w[i];
	WORD(5)
	WORD(6)
	WORD(7)
	WORD(8)
	WORD(9)
	WORD(10)
	WORD(11)
	WORD(12)
	WORD(13)
	WORD(14)
#undef WORD
	return sum;
}

/* The same for the lengths that most headers have, without a call. */
static __always_inline __u64 tcp_header_sum(struct xdp_md *ctx,
					    const struct hf_pkt *pkt)
{
	void *data_end = (void *)(long)ctx->data_end;
	__u32 *w = (void *)(long)ctx->data + (pkt->l4_off & 0x3ff);

	if (pkt->header == 40 && (void *)(w + 10) <= data_end)
		return hf_csum_words(w, 10, 0);
	if (pkt->header == 32 && (void *)(w + 8) <= data_end)
		return hf_csum_words(w, 8, 0);
	return header_sum(ctx, pkt->l4_off, pkt->header / 4);
}

static __always_inline __u64 ipv4_header_sum(struct xdp_md *ctx,
					     const struct hf_pkt *pkt)
{
	void *data_end = (void *)(long)ctx->data_end;
	__u32 *w = (void *)(long)ctx->data + (pkt->l3_off & 0x1f);
	__u32 words = (pkt->l4_off - pkt->l3_off) / 4;

	if (words == 5 && (void *)(w + 5) <= data_end)
		return hf_csum_words(w, 5, 0);
	return header_sum(ctx, pkt->l3_off, words);
}

static __always_inline __u64 pseudo_sum(const struct hf_pkt *pkt)
{
	__u64 sum = (__u64)bpf_htonl(pkt->l4_len) + bpf_htonl(IPPROTO_TCP);
	const __u32 *r = (const __u32 *)pkt->tuple.raddr.b;
	const __u32 *l = (const __u32 *)pkt->tuple.laddr.b;

	if (pkt->ipv6)
		return hf_csum_words(r, 4, hf_csum_words(l, 4, sum));
	return sum + r[3] + l[3];
}

/*
 * A size from 1 to `max`, a power of two, unchanged, but so that the verifier
 * of Linux 6.1 sees the bounds: "not 0" is nothing that it learns from a
 * comparison, and to that clang reduces every other way to say it.
 */
static __always_inline __u32 size_bounded(__u32 size, __u32 max)
{
	asm volatile("" : "+r"(size));
	return ((size - 1) & (max - 1)) + 1;
}

struct csum_loop {
	struct xdp_md *ctx;
	__u32 off;
	__u32 left;
	__u64 sum;
	bool failed;
};

static long csum_chunk(__u32 index, struct csum_loop *loop)
{
	struct hf_scratch *s = map_one(&scratch);
	__u32 size = loop->left;
	__s64 sum;

	(void)index;
	loop->failed = true;
	if (!s || !size)
		return 1;
	if (size > CSUM_CHUNK)
		size = CSUM_CHUNK;
	size = size_bounded(size, CSUM_CHUNK);
	if (bpf_xdp_load_bytes(loop->ctx, loop->off, s->buf, size))
		return 1;
	/* Whole words: pad the last one. */
	*(__u32 *)(s->buf + size) = 0;
	sum = bpf_csum_diff(NULL, 0, (__be32 *)s->buf, (size + 3) & 0x3fc, 0);
	if (sum < 0)
		return 1;
	loop->failed = false;
	loop->sum += (__u32)sum;
	loop->off += size;
	loop->left -= size;
	return loop->left == 0;
}

/* Any length, linear or in fragments: segments with data. */
__noinline int tcp_csum_slow(struct xdp_md *ctx, __u32 off, __u32 len,
			     __u64 pseudo)
{
	struct csum_loop loop = {
	    .ctx = ctx,
	    .off = off,
	    .left = len,
	    .sum = pseudo,
	};

	bpf_loop(CSUM_CHUNKS, csum_chunk, &loop, 0);
	return !loop.failed && !loop.left && hf_csum_fold(loop.sum) == 0;
}

static __always_inline bool csum_ok(struct xdp_md *ctx,
				    const struct hf_pkt *pkt)
{
	__u64 pseudo = pseudo_sum(pkt);

	if (!pkt->ipv6 && hf_csum_fold(ipv4_header_sum(ctx, pkt)) != 0)
		return false;
	/* A header alone, which is what a handshake is made of. */
	if (pkt->l4_len == pkt->header)
		return hf_csum_fold(pseudo + tcp_header_sum(ctx, pkt)) == 0;
	return tcp_csum_slow(ctx, pkt->l4_off, pkt->l4_len, pseudo);
}

/*
 * Loopback, multicast, broadcast, unspecified: nobody on the wire has such an
 * address (ip_route_input_slow()'s martians).
 */
static __always_inline bool addr_is_martian(const struct hf_addr *addr,
					    bool ipv6)
{
	const __u32 *w = (const __u32 *)addr->b;
	__u32 net = bpf_ntohl(w[3]) >> 24;

	if (!ipv6)
		return net == 0 || net == 127 || net >= 224;
	/* Multicast; ::, ::1, v4-compatible, v4-mapped. */
	return addr->b[0] == 0xff ||
	       (!w[0] && !w[1] && (!w[2] || w[2] == bpf_htonl(0xffff)));
}

/* No host sends a SYN from there. */
static __always_inline bool source_is_martian(const struct hf_tuple *t,
					      bool ipv6)
{
	const __u32 *s = (const __u32 *)t->raddr.b;
	const __u32 *d = (const __u32 *)t->laddr.b;

	if (s[0] == d[0] && s[1] == d[1] && s[2] == d[2] && s[3] == d[3])
		return true; /* LAND */
	return addr_is_martian(&t->raddr, ipv6);
}

/* The general parser: a copy in scratch memory, one option a step. */
__noinline int options_parse_slow(struct xdp_md *ctx, __u32 off, __u32 len,
				  struct hf_options *o)
{
	struct hf_scratch *s = map_one(&scratch);

	if (!s || !o)
		return -1;
	if (len < 1 || len > HF_OPTIONS_MAX)
		return 0;
	len = size_bounded(len, 64);
	__builtin_memset(s->buf, 0, HF_OPTIONS_BUF);
	if (bpf_xdp_load_bytes(ctx, off, s->buf, len))
		return -1;
	/*
	 * The position lives in memory: its value is unknown to the verifier
	 * then, every round looks the same to it, and it looks at one.
	 */
	s->at = 0;
	for (__u32 i = 0; i < HF_OPTIONS_MAX; i++) {
		__u32 at = *(volatile __u32 *)&s->at;

		if (at >= len)
			break;
		at = hf_option_next(s->buf, at, len, o);
		*(volatile __u32 *)&s->at = at;
	}
	return 0;
}

static __always_inline bool options_known(const __u32 *w, const void *data_end,
					  __u32 len, struct hf_options *o)
{
	if (len == 12) {
		if ((const void *)(w + 3) > data_end)
			return false;
		return hf_options_tstamp_only(w, o) || hf_options_windows(w, o);
	}
	if (len == 20) {
		if ((const void *)(w + 5) > data_end)
			return false;
		return hf_options_linux(w, o) || hf_options_freebsd(w, o);
	}
	if (len == 24) {
		if ((const void *)(w + 6) > data_end)
			return false;
		return hf_options_macos(w, o);
	}
	if (len == 4) {
		if ((const void *)(w + 1) > data_end)
			return false;
		return hf_options_is_mss(*w, o);
	}
	return len == 0;
}

/* The segment's options. False: the frame ends before them. */
static __always_inline bool
options_read(struct xdp_md *ctx, const struct hf_pkt *pkt, struct hf_options *o)
{
	__u32 off = pkt->l4_off + sizeof(struct tcphdr);
	__u32 len = pkt->header - sizeof(struct tcphdr);
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	hf_options_init(o);
	if (options_known(data + (off & 0x3ff), data_end, len, o))
		return true;
	/* A layout that fitted in part may have left something. */
	hf_options_init(o);
	return options_parse_slow(ctx, off, len, o) == 0;
}

enum segment_read {
	SEGMENT_MALFORMED,
	SEGMENT_CSUM_BAD,
	SEGMENT_OK,
};

/*
 * Options and checksums at once; the options are there in both of the last
 * two cases. Returns enum segment_read.
 */
__noinline int segment_read(struct xdp_md *ctx, const struct hf_pkt *pkt,
			    struct hf_options *o)
{
	if (!pkt || !o || !pkt->header || !options_read(ctx, pkt, o))
		return SEGMENT_MALFORMED;
	return csum_ok(ctx, pkt) ? SEGMENT_OK : SEGMENT_CSUM_BAD;
}

#endif
