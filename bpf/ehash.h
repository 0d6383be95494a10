/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Is there a socket for this flow? And the guard against floods of ACKs. */
#ifndef HF_BPF_EHASH_H
#define HF_BPF_EHASH_H

#define TCP_STATE_TIME_WAIT 6
#define TCP_STATE_LISTEN 10

#define GUARD_SAMPLE 64 /* one segment in so many is looked up */
#define GUARD_HOLD_NS (2 * NSEC_PER_SEC) /* the guard stays on that long */

enum ehash_result {
	EHASH_NONE,
	EHASH_KNOWN,
	EHASH_TIME_WAIT,
};

/* The kernel's listener is what unknown tuples meet: that is a miss. */
__noinline int ehash_find(struct xdp_md *ctx, const struct hf_tuple *t,
			  bool ipv6)
{
	struct bpf_sock_tuple sk_tuple = {};
	enum ehash_result result = EHASH_KNOWN;
	__u32 size = ipv6 ? sizeof(sk_tuple.ipv6) : sizeof(sk_tuple.ipv4);
	struct bpf_sock *sk;

	if (!t)
		return EHASH_NONE;
	if (ipv6) {
		__builtin_memcpy(sk_tuple.ipv6.saddr, t->raddr.b, 16);
		__builtin_memcpy(sk_tuple.ipv6.daddr, t->laddr.b, 16);
		sk_tuple.ipv6.sport = bpf_htons(t->rport);
		sk_tuple.ipv6.dport = bpf_htons(t->lport);
	} else {
		__builtin_memcpy(&sk_tuple.ipv4.saddr, t->raddr.b + 12, 4);
		__builtin_memcpy(&sk_tuple.ipv4.daddr, t->laddr.b + 12, 4);
		sk_tuple.ipv4.sport = bpf_htons(t->rport);
		sk_tuple.ipv4.dport = bpf_htons(t->lport);
	}
	sk = bpf_skc_lookup_tcp(ctx, &sk_tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return EHASH_NONE;
	if (sk->state == TCP_STATE_LISTEN)
		result = EHASH_NONE;
	else if (sk->state == TCP_STATE_TIME_WAIT)
		result = EHASH_TIME_WAIT;
	bpf_sk_release(sk);
	return result;
}

/* Counts `n` unknown segments; more than the rate in a second: guard on. */
static __always_inline void guard_unknown(struct hf_guard *g, __u64 now,
					  __u32 rate, __u32 n)
{
	if (now - g->window_ns > NSEC_PER_SEC) {
		g->window_ns = now;
		g->unknown = 0;
	}
	g->unknown += n;
	if (rate && g->unknown > rate)
		g->until_ns = now + GUARD_HOLD_NS;
}

/*
 * Is the segment for a listener of this host? The guard must not count, let
 * alone drop, what this host forwards, or what is for another MAC: that has
 * no socket here. Nor anything while no worker runs: the kernel's listener
 * may send SYN cookies then, and ehash does not know whom to.
 */
__noinline int guard_applies(struct xdp_md *ctx, const struct hf_tuple *t,
			     bool ipv6)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 ifindex = ctx->ingress_ifindex;
	__u32 number, index = 0;
	struct hf_device *dev;
	struct hf_port *port;

	if (!t || (void *)(eth + 1) > data_end)
		return 0;
	number = t->lport;
	port = bpf_map_lookup_elem(&port_table, &number);
	dev = bpf_map_lookup_elem(&devices, &ifindex);
	return port && dev && device_has_mac(dev, eth) &&
	       device_has_worker(dev, ctx->rx_queue_index) &&
	       listener_find(port, t, ipv6, ifindex, 0, &index) != NULL;
}

/*
 * An established connection's segment, as far as we know: the hot path. One
 * in GUARD_SAMPLE is looked up; while the guard is on, every one is, and what
 * nobody knows is dropped. Tagged frames are left out: XDP would look for
 * their sockets on the wrong device.
 */
static __always_inline int established(struct xdp_md *ctx,
				       const struct hf_pkt *pkt)
{
	struct hf_guard *g = map_one(&guard);
	struct hf_config *c;
	bool all;
	__u64 now;

	if (!g)
		return XDP_PASS;
	g->seen++;
	all = g->until_ns != 0;
	if ((!all && g->seen % GUARD_SAMPLE) || pkt->vlan_count)
		return XDP_PASS;
	c = map_one(&config);
	if (!c || !c->guard_rate)
		return XDP_PASS;
	now = bpf_ktime_get_ns();
	if (all && now > g->until_ns) {
		g->until_ns = 0;
		all = false;
	}
	count(HF_R_guard_lookups);
	if (ehash_find(ctx, &pkt->tuple, pkt->ipv6) != EHASH_NONE)
		return XDP_PASS;
	if (!guard_applies(ctx, &pkt->tuple, pkt->ipv6))
		return XDP_PASS;
	count(HF_R_guard_unknown);
	guard_unknown(g, now, c->guard_rate, all ? 1 : GUARD_SAMPLE);
	return all ? VERDICT(drop_ack_unknown) : XDP_PASS;
}

#endif
