/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * From a destination to its listener, in the order of inet_lookup_listener():
 * exact address before wildcard, bound to the device before unbound.
 */
#ifndef HF_BPF_LISTENER_H
#define HF_BPF_LISTENER_H

static __always_inline __u32 listen_hash_find(const struct hf_addr *addr,
					      __u16 port, __u32 ifindex)
{
	struct hf_listen_key key = {
	    .addr = *addr,
	    .ifindex = ifindex,
	    .port = port,
	};
	__u32 *index = bpf_map_lookup_elem(&listen_hash, &key);

	return index ? *index : 0;
}

/* Listeners of this port that are in listen_hash. */
static __always_inline __u32 listener_find_exact(struct hf_recent *r,
						 const struct hf_tuple *t,
						 bool ipv6, __u32 ifindex)
{
	struct hf_addr any = {};
	__u32 index;

	/* A socket may be bound there; the wire does not reach it. */
	if (addr_is_martian(&t->laddr, ipv6))
		return 0;
	index = listen_hash_find(&t->laddr, t->lport, ifindex);
	if (!index)
		index = listen_hash_find(&t->laddr, t->lport, 0);
	if (index || !recent_addr_is_local(r, &t->laddr))
		return index;
	if (!ipv6) {
		addr_from_ipv4(&any, 0);
		index = listen_hash_find(&any, t->lport, ifindex);
		if (index)
			return index;
		__builtin_memset(&any, 0, sizeof(any));
	}
	index = listen_hash_find(&any, t->lport, ifindex);
	if (index && !ipv6) {
		struct hf_listener *l =
		    bpf_map_lookup_elem(&listen_table, &index);

		if (!l || l->v6only)
			index = 0;
	}
	return index;
}

/* What stays the same for a flow: upper half ISN, lower half TSval. */
__noinline __u64 flow_hash(const struct hf_tuple *t, bool ipv6)
{
	struct hf_keys *k = map_one(&keys);

	return t && k ? hf_flow_hash(t, ipv6, k->flow, 0) : 0;
}

/* A member of the group, by the flow; the same one for SYN and ACK. */
static __always_inline __u32 listener_of_group(__u32 index, __u32 group,
					       const struct hf_tuple *t,
					       bool ipv6)
{
	struct hf_group *g = bpf_map_lookup_elem(&reuseport_groups, &group);
	__u32 hash = (__u32)flow_hash(t, ipv6);
	__u32 n;

	if (!g || !g->count)
		return index;
	n = (__u32)(((__u64)hash * g->count) >> 32);
	return n < HF_GROUP_MAX ? g->member[n] : index;
}

/* The listener of a segment, or NULL. *index: its place in listen_table. */
static __always_inline struct hf_listener *
listener_find(struct hf_recent *r, const struct hf_port *port,
	      const struct hf_pkt *pkt, __u32 *index)
{
	const struct hf_tuple *t = &pkt->tuple;
	bool ipv6 = pkt->ipv6;
	struct hf_listener *l;
	__u32 i = 0;

	if (port->exact)
		i = listener_find_exact(r, t, ipv6, pkt->l3_ifindex);
	if (!i) {
		i = ipv6 ? port->any6 : port->any4;
		/* A wildcard means this host's own addresses. */
		if (!i || !recent_addr_is_local(r, &t->laddr))
			return NULL;
	}
	l = bpf_map_lookup_elem(&listen_table, &i);
	if (!l)
		return NULL;
	if (l->group) {
		i = listener_of_group(i, l->group, t, ipv6);
		l = bpf_map_lookup_elem(&listen_table, &i);
		if (!l)
			return NULL;
	}
	*index = i;
	return l->state == HF_LISTENER_FREE ? NULL : l;
}

/* sk_acceptq_is_full(): one more than the backlog fits, as in Linux. */
static __always_inline bool acceptq_is_full(const struct hf_listener *l)
{
	return l->acceptq_len + l->acceptq_kernel > l->backlog;
}

/*
 * A place for a complete request. With delivery KERNEL the queue is the
 * kernel's, which counts for itself: there XDP only looks.
 */
static __always_inline bool acceptq_take(struct hf_listener *l)
{
	if (l->delivery == HF_DELIVERY_KERNEL)
		return !acceptq_is_full(l);
	if (__sync_fetch_and_add(&l->acceptq_len, 1) <= l->backlog)
		return true;
	__sync_fetch_and_add(&l->acceptq_len, -1);
	return false;
}

static __always_inline void acceptq_give(struct hf_listener *l)
{
	if (l->delivery != HF_DELIVERY_KERNEL)
		__sync_fetch_and_add(&l->acceptq_len, -1);
}

/*
 * Notes that a cookie went out. The time is written once in 2^30 ns at the
 * most: the line is read by every core. `port->cookies` only after the time,
 * which the daemon reads when it wants to clear the flag; the flag is looked
 * at each time, as the daemon may have cleared it just when the time was
 * written, and its ACKs would be refused until the next writing.
 */
static __always_inline void listener_note_cookie(struct hf_listener *l,
						 struct hf_port *port,
						 __u64 now, __u64 lifetime)
{
	__u64 last = l->cookie_last_ns;

	if (!last || ns_since(now, last) >= (1ULL << 30)) {
		if (!last || ns_since(now, last) > lifetime)
			l->cookie_since_ns = now;
		l->cookie_last_ns = now;
	}
	if (!port->cookies)
		port->cookies = 1;
}

/* Invariant: cookies count only where some were sent of late. */
static __always_inline bool listener_takes_cookies(const struct hf_listener *l,
						   __u64 now, __u64 lifetime)
{
	if (l->cookies == HF_COOKIES_ALWAYS)
		return true;
	return l->cookie_last_ns &&
	       ns_since(now, l->cookie_last_ns) <= lifetime;
}

#endif
