// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/* What the program under test is compared with. */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

volatile __u32 last_port;

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline struct tcphdr *tcp_find(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > data_end ||
	    eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl < 5 ||
	    ip->protocol != IPPROTO_TCP)
		return NULL;
	tcp = (void *)ip + ip->ihl * 4;
	return (void *)(tcp + 1) > data_end ? NULL : tcp;
}

/* The harness alone: what a call costs. */
SEC("xdp")
int ref_null(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}

/* As far as the port, the least that any filter on ports has to do. */
SEC("xdp")
int bare_parse(struct xdp_md *ctx)
{
	struct tcphdr *tcp = tcp_find(ctx);

	if (tcp)
		last_port = tcp->dest;
	return XDP_PASS;
}

static __always_inline void mac_swap(struct ethhdr *eth)
{
	__u8 mac[ETH_ALEN];

	__builtin_memcpy(mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, mac, ETH_ALEN);
}

static __always_inline __u16 csum_add(__u16 check, __u64 sum)
{
	sum += (__u16)~check;
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/*
 * Answers any SYN with an SYN-ACK in place: no cookie, no state, the client's
 * own options sent back. Below this no responder can be.
 */
SEC("xdp")
int bare_responder(struct xdp_md *ctx)
{
	struct tcphdr *tcp = tcp_find(ctx);
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	__be32 seq, addr;
	__be16 port;

	if (!tcp || (void *)(ip + 1) > data_end || !tcp->syn || tcp->ack)
		return XDP_PASS;
	mac_swap(data);
	addr = ip->saddr;
	ip->saddr = ip->daddr;
	ip->daddr = addr;
	port = tcp->source;
	tcp->source = tcp->dest;
	tcp->dest = port;
	/* seq moves to ack and is 0 itself; what is added is 1 and ACK. */
	seq = tcp->seq;
	tcp->seq = 0;
	tcp->ack_seq = bpf_htonl(bpf_ntohl(seq) + 1);
	tcp->ack = 1;
	tcp->check = csum_add(
	    tcp->check, (__u64)tcp->ack_seq + (__u32)~seq + bpf_htons(0x10));
	return XDP_TX;
}
