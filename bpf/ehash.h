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

/* The flow as the kernel's look-ups want it; returns the size. */
static __always_inline __u32 ehash_tuple(const struct hf_tuple *t, bool ipv6,
					 struct bpf_sock_tuple *sk_tuple)
{
	__builtin_memset(sk_tuple, 0, sizeof(*sk_tuple));
	if (ipv6) {
		__builtin_memcpy(sk_tuple->ipv6.saddr, t->raddr.b, 16);
		__builtin_memcpy(sk_tuple->ipv6.daddr, t->laddr.b, 16);
		sk_tuple->ipv6.sport = bpf_htons(t->rport);
		sk_tuple->ipv6.dport = bpf_htons(t->lport);
		return sizeof(sk_tuple->ipv6);
	}
	__builtin_memcpy(&sk_tuple->ipv4.saddr, t->raddr.b + 12, 4);
	__builtin_memcpy(&sk_tuple->ipv4.daddr, t->laddr.b + 12, 4);
	sk_tuple->ipv4.sport = bpf_htons(t->rport);
	sk_tuple->ipv4.dport = bpf_htons(t->lport);
	return sizeof(sk_tuple->ipv4);
}

/* Of the kernel's; found by name, wherever it has it. */
struct sock {
	__u32 sk_ack_backlog;
} __attribute__((preserve_access_index));

/*
 * The kernel's listener is what unknown tuples meet: that is a miss. *fill, if
 * it is wanted: how many connections wait in that listener's accept queue.
 */
static __always_inline enum ehash_result
ehash_lookup_fill(struct xdp_md *ctx, const struct hf_pkt *pkt, __u32 *fill)
{
	enum ehash_result result = EHASH_KNOWN;
	struct bpf_sock_tuple tuple;
	__u32 size = ehash_tuple(&pkt->tuple, pkt->ipv6, &tuple);
	struct bpf_sock *sk;
	struct sock *full;

	sk = bpf_skc_lookup_tcp(ctx, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!sk)
		return EHASH_NONE;
	if (sk->state == TCP_STATE_LISTEN) {
		result = EHASH_NONE;
		full = fill ? (struct sock *)bpf_skc_to_tcp_sock(sk) : NULL;
		if (full)
			*fill = full->sk_ack_backlog;
	} else if (sk->state == TCP_STATE_TIME_WAIT) {
		result = EHASH_TIME_WAIT;
	}
	bpf_sk_release(sk);
	return result;
}

static __always_inline enum ehash_result ehash_lookup(struct xdp_md *ctx,
						      const struct hf_pkt *pkt)
{
	return ehash_lookup_fill(ctx, pkt, NULL);
}

__noinline int ehash_find(struct xdp_md *ctx, const struct hf_pkt *pkt)
{
	return pkt ? ehash_lookup(ctx, pkt) : EHASH_NONE;
}

__noinline int ehash_find_fill(struct xdp_md *ctx, const struct hf_pkt *pkt,
			       __u32 *fill)
{
	return pkt && fill ? ehash_lookup_fill(ctx, pkt, fill) : EHASH_NONE;
}

/* Counts `n` unknown segments; more than the rate in a second: guard on. */
static __always_inline void guard_unknown(struct hf_guard *g, __u64 now,
					  __u32 rate, __u32 n)
{
	if (ns_since(now, g->window_ns) > NSEC_PER_SEC) {
		g->window_ns = now;
		g->unknown = 0;
	}
	g->unknown += n;
	if (rate && g->unknown > rate)
		g->until_ns = now + GUARD_HOLD_NS;
}

/* Is every segment looked up at present? Tagged ones: see established(). */
static __always_inline bool guard_is_on(const struct hf_guard *g,
					const struct hf_config *c, __u64 now,
					const struct hf_pkt *pkt)
{
	return g->until_ns && now <= g->until_ns && c->guard_rate &&
	       !pkt->vlan_count;
}

static __always_inline void guard_count_look(struct hf_guard *g)
{
	g->seen++;
	count(HF_R_guard_lookups);
}

/* A segment for a listener of ours that nobody knows, while it is on. */
static __always_inline int guard_drop(struct hf_guard *g,
				      const struct hf_config *c, __u64 now)
{
	count(HF_R_guard_unknown);
	guard_unknown(g, now, c->guard_rate, 1);
	return VERDICT(drop_ack_unknown);
}

/*
 * Is the segment for a listener of this host? The guard must not count, let
 * alone drop, what this host forwards, or what is for another MAC: that has
 * no socket here. Nor anything while no worker runs: the kernel's listener
 * may send SYN cookies then, and ehash does not know whom to.
 */
static __always_inline bool
guard_applies(struct xdp_md *ctx, const struct hf_pkt *pkt, struct hf_recent *r)
{
	void *data_end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	__u32 number = pkt->tuple.lport, index = 0;
	const struct hf_device *dev = recent_device(r, ctx->ingress_ifindex);
	struct hf_port *port = bpf_map_lookup_elem(&port_table, &number);

	if (!port || !dev || (void *)(eth + 1) > data_end)
		return false;
	return device_has_mac(dev, eth) &&
	       device_has_worker(dev, ctx->rx_queue_index) &&
	       listener_find(r, port, pkt, &index) != NULL;
}

/* Looks the segment up, and counts it if nobody knows it. A verdict. */
__noinline int guard_look(struct xdp_md *ctx, const struct hf_pkt *pkt)
{
	struct hf_recent *r = map_one(&recent);
	struct hf_guard *g = map_one(&guard);
	struct hf_config *c = map_one(&config);
	bool all;
	__u64 now;

	if (!pkt || !r || !g || !c || !c->guard_rate)
		return XDP_PASS;
	now = recent_now(r);
	if (g->until_ns && now > g->until_ns)
		g->until_ns = 0;
	all = g->until_ns != 0;
	count(HF_R_guard_lookups);
	if (ehash_lookup(ctx, pkt) != EHASH_NONE)
		return XDP_PASS;
	if (!guard_applies(ctx, pkt, r))
		return XDP_PASS;
	count(HF_R_guard_unknown);
	guard_unknown(g, now, c->guard_rate, all ? 1 : GUARD_SAMPLE);
	return all ? VERDICT(drop_ack_unknown) : XDP_PASS;
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

	if (!g)
		return XDP_PASS;
	g->seen++;
	if ((!g->until_ns && g->seen % GUARD_SAMPLE) || pkt->vlan_count)
		return XDP_PASS;
	return guard_look(ctx, pkt);
}

#endif
