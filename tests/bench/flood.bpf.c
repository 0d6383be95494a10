// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The flood. For each frame that comes from anywhere else it writes one of its
 * own over it and sends that out of `out_ifindex`; frames from there are the
 * answers to the spoofed sources, which it counts and drops. `burst` makes of
 * a frame as many as `outlets` has entries: each is the same device, and its
 * program writes the frame.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "flood.h"

#define SPOOFED_MASK bpf_htonl(0x0001ffff) /* of 198.18.0.0/15 */
#define SPOOFED_NET bpf_htonl(0xc6120000)

const volatile __u32 out_ifindex;
const volatile __u32 template_count = 1;
const volatile __u32 tuple_count;

__u64 random_state = 0x9e3779b97f4a7c15ULL;
__u64 sent;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, FLOOD_KINDS);
	__type(key, __u32);
	__type(value, struct flood_template);
} templates SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* set before loading */
	__type(key, __u32);
	__type(value, struct flood_tuple);
} tuples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flood_answers);
} answers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, FLOOD_BURST_MAX);
	__type(key, __u32);
	__type(value, struct bpf_devmap_val);
} outlets SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* xorshift64*: a few cycles, one CPU only. */
static __always_inline __u64 random_next(void)
{
	__u64 x = random_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random_state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

static __always_inline __u16 fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The lengths that frames have: SYN with options, ACK, bare. */
static __always_inline bool frame_copy(struct xdp_md *ctx,
				       const struct flood_template *t)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;

	if (data + 74 <= data_end)
		__builtin_memcpy(data, t->frame, 74);
	else if (data + 66 <= data_end)
		__builtin_memcpy(data, t->frame, 66);
	else if (data + 60 <= data_end)
		__builtin_memcpy(data, t->frame, 60);
	else
		return false;
	return true;
}

/* The next of the given connections. Returns what it adds to both sums. */
static __always_inline __u64 tuple_given(struct iphdr *ip, struct tcphdr *tcp,
					 __u64 *tcp_sum)
{
	__u32 index = sent % tuple_count;
	struct flood_tuple *t = bpf_map_lookup_elem(&tuples, &index);

	if (!t)
		return 0;
	ip->saddr = t->saddr;
	ip->daddr = t->daddr;
	tcp->source = t->sport;
	tcp->dest = t->dport;
	*tcp_sum += (__u32)t->sport + t->dport;
	return (__u64)t->saddr + t->daddr;
}

static __always_inline __u64 tuple_random(struct iphdr *ip, struct tcphdr *tcp,
					  __u64 *tcp_sum, __u64 random)
{
	__u32 host = (__u32)random & SPOOFED_MASK;
	__u16 port = random >> 40;

	port |= bpf_htons(1024);
	ip->saddr |= host;
	tcp->source = port;
	*tcp_sum += port;
	return host;
}

static __always_inline __u64 numbers_fill(void *data, void *data_end,
					  struct tcphdr *tcp,
					  const struct flood_template *t)
{
	__u64 random = random_next();
	__u32 tsval_off = t->tsval_off;
	__u64 sum = (__u32)random;

	tcp->seq = (__u32)random;
	if (t->ack) {
		tcp->ack_seq = random >> 32;
		sum += random >> 32;
	}
	if (tsval_off && tsval_off <= FLOOD_FRAME_MAX - 8) {
		__u32 *ts = data + tsval_off;

		if ((void *)(ts + 2) > data_end)
			return sum;
		random = random_next();
		ts[0] = random;
		sum += (__u32)random;
		if (t->ack) {
			ts[1] = random >> 32;
			sum += random >> 32;
		}
	}
	return sum;
}

/* The frame becomes the flood's next one. */
static __always_inline bool frame_write(struct xdp_md *ctx)
{
	__u32 index = template_count > 1 ? sent % template_count : 0;
	struct flood_template *t = bpf_map_lookup_elem(&templates, &index);
	void *data, *data_end;
	__u64 tcp_sum, both;
	struct tcphdr *tcp;
	struct iphdr *ip;

	if (!t || !frame_copy(ctx, t))
		return false;
	data = (void *)(long)ctx->data;
	data_end = (void *)(long)ctx->data_end;
	ip = data + sizeof(struct ethhdr);
	tcp = (void *)(ip + 1);
	if ((void *)(tcp + 1) > data_end)
		return false;
	tcp_sum = (__u16)~tcp->check;
	both = tuple_count ? tuple_given(ip, tcp, &tcp_sum)
			   : tuple_random(ip, tcp, &tcp_sum, random_next());
	tcp_sum += numbers_fill(data, data_end, tcp, t);
	tcp->check = fold(tcp_sum + both);
	ip->check = fold((__u16)~ip->check + both);
	sent++;
	return true;
}

static __always_inline int answer_count(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data;
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	struct flood_answers *a;
	__u32 zero = 0;

	if ((void *)(tcp + 1) > data_end ||
	    eth->h_proto != bpf_htons(ETH_P_IP) || ip->ihl != 5 ||
	    (ip->daddr & ~SPOOFED_MASK) != SPOOFED_NET)
		return XDP_PASS;
	a = bpf_map_lookup_elem(&answers, &zero);
	if (!a)
		return XDP_DROP;
	if (ip->protocol != IPPROTO_TCP)
		a->other++;
	else if (tcp->syn && tcp->ack)
		a->synack++;
	else if (tcp->rst)
		a->rst++;
	else
		a->other++;
	return XDP_DROP;
}

SEC("xdp")
int flood(struct xdp_md *ctx)
{
	if (ctx->ingress_ifindex == out_ifindex)
		return answer_count(ctx);
	return frame_write(ctx) ? bpf_redirect(out_ifindex, 0) : XDP_ABORTED;
}

SEC("xdp")
int burst(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_redirect_map(&outlets, 0, BPF_F_BROADCAST);
}

SEC("xdp/devmap")
int outlet(struct xdp_md *ctx)
{
	return frame_write(ctx) ? XDP_PASS : XDP_DROP;
}
