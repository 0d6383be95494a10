/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Delivery KERNEL. The segment that completes a handshake meets no socket in
 * the kernel yet. It is given to the listening socket together with what the
 * SYN-ACK promised (bpf_sk_assign_tcp_reqsk()): the kernel makes the connection
 * as it does for a SYN cookie of its own, and queues it for accept(2). What it
 * does not make (its queue is full, no memory) stays a request; no segment of
 * it may reach the listener alone, which would answer with a reset.
 */
#ifndef HF_BPF_DELIVER_H
#define HF_BPF_DELIVER_H

/*
 * A segment is given to the listener again if there is no connection after
 * this. Until then one is on its way through the kernel's queues.
 */
#define ASSIGN_AGAIN_MS 20
/*
 * skb->mark of a segment that waits behind the one that makes its connection
 * counts how often it went through the kernel's queue; 0 again before it goes
 * on. Once is enough on one CPU; another one may be slow to make it.
 */
#define MARK_WAITED 0x68660000
#define WAIT_MAX 32

/* Linux 6.9; layouts of the kernel's, by name and order. */
struct bpf_tcp_req_attrs {
	__u32 rcv_tsval;
	__u32 rcv_tsecr;
	__u16 mss;
	__u8 rcv_wscale;
	__u8 snd_wscale;
	__u8 ecn_ok;
	__u8 wscale_ok;
	__u8 sack_ok;
	__u8 tstamp_ok;
	__u8 usec_ts_ok;
	__u8 reserved[3];
};
extern int bpf_sk_assign_tcp_reqsk(struct __sk_buff *skb, struct sock *sk,
				   struct bpf_tcp_req_attrs *attrs,
				   int attrs__sz) __ksym __weak;

static __always_inline bool skb_ipv4(struct __sk_buff *skb, __u32 *off,
				     struct hf_tuple *t)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, *off, &ip, sizeof(ip)) ||
	    ip.protocol != IPPROTO_TCP)
		return false;
	addr_from_ipv4(&t->raddr, ip.saddr);
	addr_from_ipv4(&t->laddr, ip.daddr);
	*off += ip.ihl * 4;
	return true;
}

/* XDP has walked the same headers before. */
static __always_inline bool skb_ipv6(struct __sk_buff *skb, __u32 *off,
				     struct hf_tuple *t)
{
	struct ipv6hdr ip;
	__u8 ext[2]; /* next header, length */

	if (bpf_skb_load_bytes(skb, *off, &ip, sizeof(ip)))
		return false;
	__builtin_memcpy(t->raddr.b, &ip.saddr, 16);
	__builtin_memcpy(t->laddr.b, &ip.daddr, 16);
	*off += sizeof(ip);
	ext[0] = ip.nexthdr;
	for (int i = 0; i < EXT_HEADERS_MAX && ext[0] != IPPROTO_TCP; i++) {
		if (bpf_skb_load_bytes(skb, *off, ext, sizeof(ext)))
			return false;
		*off += (ext[1] + 1) * 8;
	}
	return ext[0] == IPPROTO_TCP;
}

/* A segment of a flow, as this program needs it; host order. */
struct deliver_segment {
	struct hf_tuple tuple;
	bool ipv6;
	__u8 flags;
	__u32 seq, ack;
};

/* Its tag, of which there is one at the most, is in skb. */
static __always_inline bool skb_segment(struct __sk_buff *skb,
					struct deliver_segment *seg)
{
	__u32 off = sizeof(struct ethhdr);
	struct hf_tuple *t = &seg->tuple;
	struct tcphdr tcp;

	__builtin_memset(seg, 0, sizeof(*seg));
	seg->ipv6 = skb->protocol == bpf_htons(ETH_P_IPV6);
	if (seg->ipv6 ? !skb_ipv6(skb, &off, t)
		      : skb->protocol != bpf_htons(ETH_P_IP) ||
			    !skb_ipv4(skb, &off, t))
		return false;
	if (bpf_skb_load_bytes(skb, off, &tcp, sizeof(tcp)))
		return false;
	t->rport = bpf_ntohs(tcp.source);
	t->lport = bpf_ntohs(tcp.dest);
	seg->flags = ((__u8 *)&tcp)[13];
	seg->seq = bpf_ntohl(tcp.seq);
	seg->ack = bpf_ntohl(tcp.ack_seq);
	return true;
}

/* What the SYN-ACK promised. */
static __always_inline void assign_attrs(struct bpf_tcp_req_attrs *a,
					 const struct hf_request *req,
					 const struct hf_listener *l, bool ipv6)
{
	__u16 least = ipv6 ? 1220 : 536;

	__builtin_memset(a, 0, sizeof(*a));
	a->mss = req->mss;
	if (l->user_mss && l->user_mss < a->mss)
		a->mss = l->user_mss;
	/* The kernel takes no less, as its own cookies promise no less. */
	if (a->mss < least)
		a->mss = least;
	if (req->snd_wscale != HF_WSCALE_NONE) {
		a->wscale_ok = 1;
		a->snd_wscale = req->snd_wscale;
		a->rcv_wscale = req->rcv_wscale;
	}
	a->sack_ok = !!(req->flags & HF_REQUEST_SACK);
	if (req->flags & HF_REQUEST_TSTAMP) {
		a->tstamp_ok = 1;
		a->rcv_tsval = req->ts_recent;
		/* What our clock for the flow shows now. */
		a->rcv_tsecr = flow_tsval(bpf_ktime_get_ns(), req->ts_off);
	}
}

/* Gives the segment to the listening socket. (bpf_skc_to_tcp_sock() would need
 * CAP_PERFMON, which the daemon does not have.) */
static __always_inline bool assign(struct __sk_buff *skb, struct bpf_sock *skc,
				   const struct hf_request *req,
				   const struct hf_listener *l, bool ipv6)
{
	struct sock *sk = (struct sock *)bpf_sk_fullsock(skc);
	struct bpf_tcp_req_attrs attrs;

	if (!sk)
		return false;
	assign_attrs(&attrs, req, l, ipv6);
	return !bpf_sk_assign_tcp_reqsk(skb, sk, &attrs, sizeof(attrs));
}

enum deliver_way {
	DELIVER_ON,     /* nothing to be done for it */
	DELIVER_WAIT,   /* behind the segment that makes its connection */
	DELIVER_FAILED, /* the kernel refused it */
	DELIVER_EARLY,  /* nothing has made its connection, nor can it */
	DELIVER_RST,    /* it ended the request */
};

/* The kernel takes both ISNs from the segment, and believes it. */
static __always_inline bool segment_completes(const struct deliver_segment *seg,
					      const struct hf_request *req)
{
	return (seg->flags & (TCP_FLAG_ACK | TCP_FLAG_SYN | TCP_FLAG_RST)) ==
		   TCP_FLAG_ACK &&
	       seg->seq == req->irs + 1 && seg->ack == req->iss + 1;
}

/* A segment of a complete request that meets the listening socket. */
static __always_inline enum deliver_way
deliver_to_listener(struct __sk_buff *skb, const struct deliver_segment *seg,
		    struct hf_request *req, struct hf_listener *l,
		    struct bpf_sock *skc)
{
	__u32 now = (__u32)hf_ns_to_ms(bpf_ktime_get_ns()) ?: 1;
	__u32 last = req->assigned_ms, nxt = req->irs + 1;

	/* Its connection is on its way through the kernel's queues. */
	if (last && now - last < ASSIGN_AGAIN_MS)
		return DELIVER_WAIT;
	if (seg->flags & TCP_FLAG_RST &&
	    hf_seq_in_window(seg->seq, seg->seq, nxt, nxt + req->rcv_wnd) &&
	    request_end(&seg->tuple, req, request_word_read(req), false))
		return DELIVER_RST;
	if (!segment_completes(seg, req))
		return DELIVER_EARLY;
	/* One of those that complete it, should CPUs have two at once. */
	if (__sync_val_compare_and_swap(&req->assigned_ms, last, now) != last)
		return DELIVER_WAIT;
	if (!assign(skb, skc, req, l, seg->ipv6))
		return DELIVER_FAILED;
	if (last)
		count(HF_R_assigned_again);
	else
		count(HF_R_assigned);
	return DELIVER_ON;
}

/* The request of a segment, if it is of this delivery and complete. */
static __always_inline struct hf_request *
deliver_request(const struct hf_tuple *t, struct hf_listener **l)
{
	struct hf_request *req = bpf_map_lookup_elem(&syn_table, t);
	union request_word w;

	if (!req)
		return NULL; /* its connection has been made */
	w.bits = request_word_read(req);
	*l = request_listener(req);
	if (!*l || (*l)->delivery != HF_DELIVERY_KERNEL ||
	    w.word.state != HF_REQUEST_ACKED)
		return NULL;
	return req;
}

static __always_inline enum deliver_way deliver_way(struct __sk_buff *skb)
{
	enum deliver_way way = DELIVER_ON;
	struct bpf_sock_tuple tuple;
	struct deliver_segment seg;
	struct hf_listener *l = NULL;
	struct hf_request *req;
	struct bpf_sock *skc;
	__u32 size;

	if (!skb_segment(skb, &seg))
		return DELIVER_ON;
	req = deliver_request(&seg.tuple, &l);
	if (!req)
		return DELIVER_ON;
	size = ehash_tuple(&seg.tuple, seg.ipv6, &tuple);
	skc = bpf_skc_lookup_tcp(skb, &tuple, size, BPF_F_CURRENT_NETNS, 0);
	if (!skc)
		return DELIVER_ON; /* nobody listens: reset, as in Linux */
	if (skc->state == TCP_STATE_LISTEN)
		way = deliver_to_listener(skb, &seg, req, l, skc);
	bpf_sk_release(skc);
	return way;
}

#endif
