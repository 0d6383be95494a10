/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The IP and TCP headers of what handfast sends, written by XDP into the
 * frame that it answers and by the daemon into a frame of its own. Nothing
 * here allocates or reads what it writes over.
 */
#ifndef HANDFAST_SEGMENT_H
#define HANDFAST_SEGMENT_H

#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>

#include "handfast/abi.h"
#include "handfast/csum.h"
#include "handfast/options.h"

#ifdef __bpf__
#define hf_htons(x) bpf_htons(x)
#else
#define hf_htons(x) htons(x)
#endif

#define HF_SEGMENT_OPTIONS 5 /* words */

#define HF_TCP_RST (4U << 16) /* bits of the header's fourth word */
#define HF_TCP_SYN (2U << 16)
#define HF_TCP_ACK (16U << 16)

/* A segment without data, from this host to the client. */
struct hf_segment {
	__u32 seq;
	__u32 ack;
	__u32 flags;  /* HF_TCP_* */
	__u32 window; /* the field, not scaled */
	__u32 options_words;
	__u32 options[HF_SEGMENT_OPTIONS]; /* network order */
	__u32 flowlabel;                   /* IPv6, host order */
	__u8 ttl;
	__u8 tos;
};

static inline __attribute__((always_inline)) __u32
hf_segment_len(const struct hf_segment *seg)
{
	return sizeof(struct tcphdr) + seg->options_words * 4;
}

/* ip_build_and_send_pkt(): DF, and with it identification 0. */
static inline __attribute__((always_inline)) void
hf_ipv4_write(struct iphdr *ip, const struct hf_segment *seg, __be32 from,
	      __be32 to)
{
	__u32 *w = (__u32 *)ip;

	w[0] = hf_htonl(0x45000000 | (__u32)seg->tos << 16 |
			(sizeof(*ip) + hf_segment_len(seg)));
	w[1] = hf_htonl(0x4000);
	w[2] = hf_htonl((__u32)seg->ttl << 24 | 6U << 16);
	w[3] = from;
	w[4] = to;
	ip->check = hf_csum_fold(hf_csum_words(w, 5, 0));
}

static inline __attribute__((always_inline)) void
hf_ipv6_write(struct ipv6hdr *ip, const struct hf_segment *seg,
	      const __u32 from[4], const __u32 to[4])
{
	__u32 *w = (__u32 *)ip;

	w[0] = hf_htonl(6U << 28 | (__u32)seg->tos << 20 |
			(seg->flowlabel & 0xfffff));
	w[1] = hf_htonl(hf_segment_len(seg) << 16 | 6U << 8 | seg->ttl);
	__builtin_memcpy(w + 2, from, 16);
	__builtin_memcpy(w + 6, to, 16);
}

/* The sum of the pseudo header but for the addresses. */
static inline __attribute__((always_inline)) __u64
hf_pseudo_sum(const struct hf_segment *seg)
{
	return (__u64)hf_htonl(hf_segment_len(seg)) + hf_htonl(6);
}

/*
 * The five words of the fixed header, and the sum of all words of the
 * segment. ports: source and destination as on the wire, this host's first.
 * addresses: the sum of both addresses.
 */
static inline __attribute__((always_inline)) void
hf_tcp_write(struct tcphdr *tcp, const struct hf_segment *seg, __be32 ports,
	     __u64 addresses)
{
	__u32 *w = (__u32 *)tcp;
	__u64 sum = addresses + hf_pseudo_sum(seg);

	w[0] = ports;
	w[1] = hf_htonl(seg->seq);
	w[2] = hf_htonl(seg->ack);
	w[3] = hf_htonl((5 + seg->options_words) << 28 | seg->flags |
			(seg->window & 0xffff));
	w[4] = 0;
	sum = hf_csum_words(w, 5, sum);
#ifdef __clang__
#pragma clang loop unroll(full)
#endif
	for (__u32 i = 0; i < HF_SEGMENT_OPTIONS; i++)
		if (i < seg->options_words)
			sum += seg->options[i];
	tcp->check = hf_csum_fold(sum);
}

#endif
