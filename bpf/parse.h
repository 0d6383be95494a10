/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From a frame to a TCP segment: Ethernet with up to two VLAN tags, IPv4 with
 * options, IPv6 with hop-by-hop, routing and destination headers. Whatever is
 * not a whole, unfragmented TCP segment is none of our business.
 */
#ifndef HF_BPF_PARSE_H
#define HF_BPF_PARSE_H

#define VLAN_VID_MASK 0x0fff
#define EXT_HEADERS_MAX 4
#define EXT_HEADERS_LEN_MAX 512

#define TCP_FLAG_FIN 0x01
#define TCP_FLAG_SYN 0x02
#define TCP_FLAG_RST 0x04
#define TCP_FLAG_ACK 0x10

struct vlan_hdr {
	__be16 tci;
	__be16 proto; /* of what follows */
};

/*
 * A parsed segment. No pointers into the frame: functions that are verified
 * once can take it, and it outlives a change of the frame.
 */
struct hf_pkt {
	struct hf_tuple tuple; /* scope: 0 until the device is known */
	__u32 l3_off;          /* bytes from the frame's start */
	__u32 l4_off;
	__u32 l4_len; /* TCP header and payload, by the IP length */
	__be32 seq;
	__be32 ack_seq;
	__be16 window;
	__u16 header; /* bytes of the TCP header; 0: malformed */
	__be16 vlan_proto[2];
	__be16 vlan_tci[2];
	__u16 vlan_count;
	__u8 flags; /* TCP_FLAG_* */
	bool ipv6;
	__u32 l3_ifindex; /* the VLAN device of a tagged frame; rx_init() */
};

struct hf_frame {
	void *data;
	void *data_end;
};

static __always_inline bool is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) ||
	       proto == bpf_htons(ETH_P_8021AD);
}

/* Takes one tag; `proto` and l3_off move on. False: the frame ends. */
static __always_inline bool parse_vlan(const struct hf_frame *f,
				       struct hf_pkt *pkt, __be16 *proto, int n)
{
	struct vlan_hdr *vlan = f->data + pkt->l3_off;

	if ((void *)(vlan + 1) > f->data_end)
		return false;
	pkt->vlan_proto[n] = *proto;
	pkt->vlan_tci[n] = vlan->tci;
	pkt->vlan_count = n + 1;
	pkt->l3_off += sizeof(*vlan);
	*proto = vlan->proto;
	return true;
}

static __always_inline bool parse_eth(const struct hf_frame *f,
				      struct hf_pkt *pkt, __be16 *proto)
{
	struct ethhdr *eth = f->data;

	if ((void *)(eth + 1) > f->data_end)
		return false;
	*proto = eth->h_proto;
	pkt->l3_off = sizeof(*eth);
	pkt->vlan_count = 0;
	__builtin_memset(pkt->vlan_proto, 0, sizeof(pkt->vlan_proto));
	__builtin_memset(pkt->vlan_tci, 0, sizeof(pkt->vlan_tci));
	if (!is_vlan(*proto))
		return true;
	if (!parse_vlan(f, pkt, proto, 0))
		return false;
	return !is_vlan(*proto) || parse_vlan(f, pkt, proto, 1);
}

static __always_inline void addr_from_ipv4(struct hf_addr *addr, __be32 ip)
{
	__u32 *w = (__u32 *)addr->b;

	w[0] = 0;
	w[1] = 0;
	w[2] = bpf_htonl(0xffff);
	w[3] = ip;
}

static __always_inline bool parse_ipv4(const struct hf_frame *f,
				       struct hf_pkt *pkt)
{
	struct iphdr *ip = f->data + pkt->l3_off;
	__u32 len, header;

	if ((void *)(ip + 1) > f->data_end)
		return false;
	header = ip->ihl * 4;
	len = bpf_ntohs(ip->tot_len);
	if (ip->version != 4 || header < sizeof(*ip) || len < header ||
	    ip->protocol != IPPROTO_TCP ||
	    ip->frag_off & bpf_htons(IP_MF | IP_OFFSET))
		return false;
	addr_from_ipv4(&pkt->tuple.raddr, ip->saddr);
	addr_from_ipv4(&pkt->tuple.laddr, ip->daddr);
	pkt->ipv6 = false;
	pkt->l4_off = pkt->l3_off + header;
	pkt->l4_len = len - header;
	return true;
}

/*
 * Walks to TCP: `next` is the type of the header behind the IPv6 header at
 * l3_off, `left` what the packet says is there. Returns the bytes of the
 * extension headers, or -1 for what is not TCP. Verified once, not in every
 * state that the caller may be in.
 */
__noinline int ext_headers_len(struct xdp_md *ctx, __u32 l3_off, __u32 next,
			       __u32 left)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	void *first = data + (l3_off & 31) + sizeof(struct ipv6hdr);
	__u32 off = 0;

#pragma clang loop unroll(full)
	for (int i = 0; i < EXT_HEADERS_MAX; i++) {
		struct ipv6_rt_hdr *ext = first + off;

		if (next == IPPROTO_TCP)
			break;
		/* Hop-by-hop stands first or not at all (RFC 8200, 4.1). */
		if (next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    (next != IPPROTO_HOPOPTS || i))
			return -1;
		if ((void *)(ext + 1) > data_end)
			return -1;
		/* This host is on the way, not the end of it. */
		if (next == IPPROTO_ROUTING && ext->segments_left)
			return -1;
		off += (ext->hdrlen + 1) * 8;
		if (off > left || off > EXT_HEADERS_LEN_MAX)
			return -1;
		next = ext->nexthdr;
	}
	return next == IPPROTO_TCP ? (int)off : -1;
}

static __always_inline bool
parse_ipv6(struct xdp_md *ctx, const struct hf_frame *f, struct hf_pkt *pkt)
{
	struct ipv6hdr *ip = f->data + pkt->l3_off;
	int ext = 0;

	if ((void *)(ip + 1) > f->data_end || ip->version != 6)
		return false;
	__builtin_memcpy(pkt->tuple.raddr.b, &ip->saddr, 16);
	__builtin_memcpy(pkt->tuple.laddr.b, &ip->daddr, 16);
	pkt->ipv6 = true;
	if (ip->nexthdr != IPPROTO_TCP) {
		ext = ext_headers_len(
		    ctx, pkt->l3_off, ip->nexthdr, bpf_ntohs(ip->payload_len));
		if (ext < 0 || ext > EXT_HEADERS_LEN_MAX)
			return false;
	}
	pkt->l4_off = pkt->l3_off + sizeof(*ip) + ext;
	pkt->l4_len = bpf_ntohs(ip->payload_len) - ext;
	return true;
}

static __always_inline bool parse_tcp(const struct hf_frame *f,
				      struct hf_pkt *pkt)
{
	struct tcphdr *tcp = f->data + pkt->l4_off;

	if ((void *)(tcp + 1) > f->data_end || pkt->l4_len < sizeof(*tcp))
		return false;
	pkt->flags = ((__u8 *)tcp)[13];
	pkt->tuple.rport = bpf_ntohs(tcp->source);
	pkt->tuple.lport = bpf_ntohs(tcp->dest);
	pkt->tuple.scope = 0;
	pkt->seq = tcp->seq;
	pkt->ack_seq = tcp->ack_seq;
	pkt->window = tcp->window;
	pkt->header = ((__u8 *)tcp)[12] >> 4 << 2;
	if (pkt->header < sizeof(*tcp) || pkt->header > pkt->l4_len)
		pkt->header = 0;
	pkt->l3_ifindex = 0;
	return true;
}

/* Fills pkt; false: not a TCP segment that we could look at. */
static __always_inline bool parse(struct xdp_md *ctx, struct hf_pkt *pkt)
{
	struct hf_frame f = {
	    .data = (void *)(long)ctx->data,
	    .data_end = (void *)(long)ctx->data_end,
	};
	__be16 proto;

	if (!parse_eth(&f, pkt, &proto))
		return false;
	if (proto == bpf_htons(ETH_P_IP)) {
		if (!parse_ipv4(&f, pkt))
			return false;
	} else if (proto == bpf_htons(ETH_P_IPV6)) {
		if (!parse_ipv6(ctx, &f, pkt))
			return false;
	} else {
		return false;
	}
	return parse_tcp(&f, pkt);
}

static __always_inline bool addr_is_link_local(const struct hf_addr *addr)
{
	return addr->b[0] == 0xfe && (addr->b[1] & 0xc0) == 0x80;
}

#endif
