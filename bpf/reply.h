/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Turns the frame that came in into the answer to it, in place: addresses
 * exchanged, VLAN tags kept, IP options and extension headers gone, resized
 * only where the length differs.
 */
#ifndef HF_BPF_REPLY_H
#define HF_BPF_REPLY_H

/*
 * `have`: where the segment ends by its own length. A SYN like ours from a
 * host like ours fits as it is. What a driver that splits headers from data
 * has beyond the linear part, `have` counts, unless it is padding.
 */
static __always_inline bool reply_resize(struct xdp_md *ctx, __u32 have,
					 __u32 len)
{
	if (have == len && ctx->data_end - ctx->data == len)
		return true;
	have = bpf_xdp_get_buff_len(ctx);
	return have == len ||
	       bpf_xdp_adjust_tail(ctx, (int)len - (int)have) == 0;
}

static __always_inline void reply_swap_macs(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

static __always_inline bool reply_options(struct tcphdr *tcp, void *data_end,
					  const struct hf_segment *seg)
{
	__u32 *w = (__u32 *)(tcp + 1);

#pragma clang loop unroll(full)
	for (__u32 i = 0; i < HF_SEGMENT_OPTIONS; i++) {
		if (i >= seg->options_words)
			break;
		if ((void *)(w + i + 1) > data_end)
			return false;
		w[i] = seg->options[i];
	}
	return true;
}

/*
 * Makes the frame the answer `seg` to `pkt`. Returns 0, or -1: there was no
 * room, the frame must not be sent.
 */
static __always_inline int reply_write(struct xdp_md *ctx,
				       const struct hf_pkt *pkt,
				       const struct hf_segment *seg)
{
	__u32 l3_off = pkt->l3_off;
	__u32 l3_len =
	    pkt->ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	const __u32 *from = (const __u32 *)pkt->tuple.laddr.b;
	const __u32 *to = (const __u32 *)pkt->tuple.raddr.b;
	void *data, *data_end, *l3;
	struct tcphdr *tcp;
	__u64 sum;

	if (l3_off > 22)
		return -1;
	if (!reply_resize(ctx, pkt->l4_off + pkt->l4_len,
			  l3_off + l3_len + hf_segment_len(seg)))
		return -1;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	l3 = data + l3_off;
	tcp = l3 + l3_len;
	if (data + sizeof(struct ethhdr) > data_end || l3 + l3_len > data_end ||
	    (void *)(tcp + 1) > data_end)
		return -1;
	if (pkt->ipv6) {
		if (l3 + sizeof(struct ipv6hdr) > data_end)
			return -1;
		hf_ipv6_write(l3, seg, from, to);
		sum = hf_csum_words(from, 4, hf_csum_words(to, 4, 0));
	} else {
		hf_ipv4_write(l3, seg, from[3], to[3]);
		sum = (__u64)from[3] + to[3];
	}
	hf_tcp_write(
	    tcp, seg,
	    bpf_htonl((__u32)pkt->tuple.lport << 16 | pkt->tuple.rport), sum);
	if (!reply_options(tcp, data_end, seg))
		return -1;
	reply_swap_macs(data);
	return 0;
}

/* For answers that are not worth an inlined copy. */
__noinline int reply_make(struct xdp_md *ctx, const struct hf_pkt *pkt,
			  const struct hf_segment *seg)
{
	return pkt && seg ? reply_write(ctx, pkt, seg) : -1;
}

#endif
