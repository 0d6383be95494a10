/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A SYN: tcp_conn_request() and the SYN-ACK. */
#ifndef HF_BPF_SYN_H
#define HF_BPF_SYN_H

/* What both halves of the program know of a segment for a listed port. */
struct hf_rx {
	struct xdp_md *ctx;
	struct hf_pkt *pkt;
	struct hf_device *dev;    /* the attached device */
	struct hf_device *l3_dev; /* the VLAN device of a tagged frame */
	struct hf_config *config;
	struct hf_keys *keys;
	struct hf_port *port;
	__u32 l3_ifindex;
	__u32 header; /* bytes of the TCP header */
	__u64 now;
	__u64 flow_hash; /* upper half: ISN; lower half: timestamp offset */
	struct hf_options options;
};

/* What stays the same for a flow: upper half ISN, lower half TSval. */
__noinline __u64 flow_hash(const struct hf_tuple *t, bool ipv6)
{
	struct hf_keys *k = map_one(&keys);

	return t && k ? hf_flow_hash(t, ipv6, k->flow, 0) : 0;
}

/* tcp_clock_ms() with the flow's own offset (secure_tcp_ts_off()). */
static __always_inline __u32 flow_tsval(__u64 now, __u32 ts_off)
{
	return (__u32)hf_ns_to_ms(now) + ts_off;
}

/*
 * tcp_select_initial_window(): whole segments; the field is never scaled in
 * a SYN-ACK. mss: ours, without the timestamps' share.
 */
static __always_inline __u16 synack_window(__u32 space, __u32 mss)
{
	if (mss && space > mss)
		space -= space % mss;
	return space > 0xffff ? 0xffff : space;
}

/* What we agree to: the client asked for it, and the sysctl allows it. */
__noinline int synack_agree(struct hf_request *req, const struct hf_options *o,
			    const struct hf_listener *l,
			    const struct hf_device *dev, bool ipv6)
{
	struct hf_config *c = map_one(&config);
	__u16 mss;

	if (!req || !o || !l || !dev || !c)
		return -1;
	mss = ipv6 ? dev->mss6 : dev->mss4;
	if (l->user_mss && l->user_mss < mss)
		mss = l->user_mss;
	req->adv_mss = mss;
	req->mss = o->mss ?: ipv6 ? 1220 : 536;
	req->snd_wscale = HF_WSCALE_NONE;
	req->rcv_wscale = HF_WSCALE_NONE;
	if (o->wscale != HF_WSCALE_NONE && c->window_scaling) {
		req->snd_wscale = o->wscale;
		req->rcv_wscale = l->rcv_wscale;
	}
	if (o->sack_perm && c->sack)
		req->flags |= HF_REQUEST_SACK;
	if (o->tstamp && c->timestamps) {
		req->flags |= HF_REQUEST_TSTAMP;
		mss -= 12;
	}
	req->rcv_wnd = synack_window(l->rcv_space, mss);
	req->ts_recent = o->tsval;
	req->ttl = l->ttl ?: ipv6 ? dev->hop_limit : dev->ttl;
	req->tos = l->tos;
	if (!ipv6 || !c->auto_flowlabels)
		req->flowlabel = 0;
	return 0;
}

/* The request's fields that the segment alone does not decide. */
static __always_inline int rx_agree(struct hf_rx *rx, struct hf_listener *l,
				    __u32 index, struct hf_request *req)
{
	req->listener = index;
	req->listener_generation = l->generation;
	req->word.generation = (__u32)(rx->now >> 5);
	req->ts_off = (__u32)rx->flow_hash;
	req->flowlabel = (__u32)(rx->flow_hash >> 20) & 0xfffff;
	return synack_agree(req, &rx->options, l, rx->l3_dev, rx->pkt->ipv6);
}

static __always_inline void synack_segment(const struct hf_request *req,
					   struct hf_segment *seg)
{
	struct hf_synack_options o = {
	    .mss = req->adv_mss,
	    .wscale = req->rcv_wscale,
	    .sack = req->flags & HF_REQUEST_SACK,
	    .tstamp = req->flags & HF_REQUEST_TSTAMP,
	    .tsval = req->tsval_last,
	    .tsecr = req->ts_recent,
	};

	seg->seq = req->iss;
	seg->ack = req->irs + 1;
	seg->flags = HF_TCP_SYN | HF_TCP_ACK;
	seg->window = req->rcv_wnd;
	seg->flowlabel = req->flowlabel;
	seg->ttl = req->ttl;
	seg->tos = req->tos;
	seg->options_words = hf_synack_options_write(seg->options, &o);
}

static __always_inline bool rx_reply(struct hf_rx *rx,
				     const struct hf_segment *seg)
{
	return reply_make(rx->ctx, rx->pkt->l3_off, rx->pkt->ipv6,
			  &rx->pkt->tuple, seg) == 0;
}

/* The frame becomes the SYN-ACK of `req`. 0, or -1: no room. */
__noinline int synack_make(struct xdp_md *ctx, __u32 l3_off, bool ipv6,
			   const struct hf_tuple *tuple,
			   const struct hf_request *req)
{
	struct hf_segment seg = {};

	if (!req)
		return -1;
	synack_segment(req, &seg);
	return reply_make(ctx, l3_off, ipv6, tuple, &seg);
}

static __always_inline bool synack_tx(struct hf_rx *rx,
				      const struct hf_request *req)
{
	return synack_make(rx->ctx, rx->pkt->l3_off, rx->pkt->ipv6,
			   &rx->pkt->tuple, req) == 0;
}

/* Where the frame came from, so that the daemon can answer it again. */
static __always_inline void request_link(const struct hf_rx *rx,
					 struct hf_request *req)
{
	const struct ethhdr *eth = rx->pkt->data;

	req->ifindex = rx->ctx->ingress_ifindex;
	req->queue = rx->ctx->rx_queue_index;
	req->l3_ifindex = rx->l3_ifindex;
	req->vlan_count = rx->pkt->vlan_count;
	__builtin_memcpy(req->vlan_proto, rx->pkt->vlan_proto, 4);
	__builtin_memcpy(req->vlan_tci, rx->pkt->vlan_tci, 4);
	if (rx->pkt->data + sizeof(*eth) > rx->pkt->data_end)
		return;
	__builtin_memcpy(req->client_mac, eth->h_source, ETH_ALEN);
	__builtin_memcpy(req->local_mac, eth->h_dest, ETH_ALEN);
}

/* Our ISN and TSval for a SYN that leaves no state. */
__noinline int cookie_make(const struct hf_tuple *t, struct hf_request *req,
			   const struct hf_keys *k, bool ipv6)
{
	struct hf_cookie cookie = {};

	if (!t || !req || !k)
		return -1;
	cookie.mss = req->mss;
	cookie.wscale = req->snd_wscale;
	cookie.sack = req->flags & HF_REQUEST_SACK;
	cookie.tstamp = req->flags & HF_REQUEST_TSTAMP;
	req->iss =
	    hf_cookie_make(t, ipv6, k, req->irs, &cookie, &req->tsval_last);
	return 0;
}

static __always_inline int syn_cookie(struct hf_rx *rx, struct hf_listener *l,
				      __u32 index, struct hf_request *req)
{
	req->tsval_last = flow_tsval(rx->now, req->ts_off);
	cookie_make(&rx->pkt->tuple, req, rx->keys, rx->pkt->ipv6);
	listener_note_cookie(
	    l, rx->port, rx->now, 2 * rx->config->key_epoch_ns);
	if (!synack_tx(rx, req))
		return VERDICT(drop_no_answer);
	LISTENER_COUNT(index, synack_cookie);
	return VERDICT(synack_cookie);
}

/* RFC 6528: a keyed hash of the flow and a clock of 64 ns, as Linux. */
static __always_inline __u32 flow_isn(const struct hf_rx *rx)
{
	return (__u32)(rx->flow_hash >> 32) + (__u32)(rx->now >> 6);
}

static __always_inline long syn_insert(struct hf_rx *rx, struct hf_listener *l,
				       struct hf_request *req)
{
	req->iss = flow_isn(rx);
	req->tsval_last = flow_tsval(rx->now, req->ts_off);
	req->tsval_first = req->tsval_last;
	req->synack_ns = rx->now;
	req->timer_ns = rx->now + SYNACK_TIMEOUT_NS;
	req->expires_ns = rx->now + REQUEST_LIFE_NS;
	req->word.state = HF_REQUEST_SYN_RECV;
	request_link(rx, req);
	return request_insert(&rx->pkt->tuple, req, l);
}

static __always_inline bool synq_is_full(const struct hf_rx *rx,
					 const struct hf_listener *l)
{
	struct hf_fills *f = map_one(&fills);

	return l->synq_len >= l->synq_max ||
	       (f && f->half_open >= rx->config->half_open_max);
}

/* A SYN of a flow that has no request. */
static __always_inline int syn_new(struct hf_rx *rx, struct hf_listener *l,
				   __u32 index)
{
	struct hf_scratch *s = map_one(&scratch);
	bool full = synq_is_full(rx, l);
	struct hf_request *req;
	long err;

	if (acceptq_is_full(l)) {
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_syn_acceptq_full);
	}
	if (full && l->cookies == HF_COOKIES_OFF) {
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_synq_full);
	}
	if (!s)
		return XDP_PASS;
	req = &s->req;
	__builtin_memset(req, 0, sizeof(*req));
	req->irs = bpf_ntohl(rx->pkt->tcp->seq);
	req->snd_wnd = bpf_ntohs(rx->pkt->tcp->window);
	rx_agree(rx, l, index, req);
	if (full || l->cookies == HF_COOKIES_ALWAYS)
		return syn_cookie(rx, l, index, req);
	err = syn_insert(rx, l, req);
	/* Another CPU has it, and answers, or is about to delete one. */
	if (err == -EEXIST)
		return VERDICT(drop_race);
	if (err) {
		if (l->cookies == HF_COOKIES_OFF) {
			LISTENER_COUNT(index, dropped);
			return VERDICT(drop_syn_table_full);
		}
		count(HF_R_cookie_fallback);
		return syn_cookie(rx, l, index, req);
	}
	if (!synack_tx(rx, req))
		return VERDICT(drop_no_answer);
	LISTENER_COUNT(index, synack_state);
	return VERDICT(synack_state);
}

/* RST, or an ACK that says what we expect: bare answers to a segment. */
static __always_inline int request_challenge(struct hf_rx *rx,
					     struct hf_request *req)
{
	__u64 limit = rx->config->invalid_ratelimit * NSEC_PER_MSEC;
	struct hf_segment seg = {};

	if (limit && req->oow_ns && rx->now - req->oow_ns < limit)
		return VERDICT(drop_ack_window);
	req->oow_ns = rx->now;
	seg.seq = req->iss + 1;
	seg.ack = req->irs + 1;
	seg.flags = HF_TCP_ACK;
	seg.window = req->rcv_wnd;
	if (req->rcv_wscale != HF_WSCALE_NONE)
		seg.window >>= req->rcv_wscale & 15;
	seg.ttl = req->ttl;
	seg.tos = req->tos;
	seg.flowlabel = req->flowlabel;
	if (req->flags & HF_REQUEST_TSTAMP) {
		seg.options[0] = HF_W(1, 1, 8, 10);
		seg.options[1] = bpf_htonl(flow_tsval(rx->now, req->ts_off));
		seg.options[2] = bpf_htonl(req->ts_recent);
		seg.options_words = 3;
	}
	if (!rx_reply(rx, &seg))
		return VERDICT(drop_no_answer);
	return VERDICT(challenge_ack);
}

/*
 * tcp_v4_send_reset(): takes its sequence number from what the segment
 * acknowledges; one that acknowledges nothing is acknowledged itself, or a
 * client in SYN_SENT would not believe it (RFC 9293, 3.10.7.3).
 */
static __always_inline int rx_reset(struct hf_rx *rx, enum hf_reason reason)
{
	const struct hf_pkt *pkt = rx->pkt;
	struct hf_segment seg = {};

	seg.ttl = pkt->ipv6 ? rx->l3_dev->hop_limit : rx->l3_dev->ttl;
	seg.flags = HF_TCP_RST;
	if (pkt->flags & TCP_FLAG_ACK) {
		seg.seq = bpf_ntohl(pkt->tcp->ack_seq);
	} else {
		seg.flags |= HF_TCP_ACK;
		seg.ack = bpf_ntohl(pkt->tcp->seq) + pkt->l4_len - rx->header +
			  !!(pkt->flags & TCP_FLAG_SYN) +
			  !!(pkt->flags & TCP_FLAG_FIN);
	}
	if (!rx_reply(rx, &seg))
		return VERDICT(drop_no_answer);
	count(reason);
	return XDP_TX;
}

/*
 * A SYN of a flow in SYN_RECV. The same ISN: the client did not get our
 * SYN-ACK, it is sent again. Another one: tcp_check_req() answers a SYN
 * outside the window with an ACK and one inside with a reset.
 */
static __always_inline int syn_again(struct hf_rx *rx, struct hf_request *req,
				     __u64 bits)
{
	__u32 seq = bpf_ntohl(rx->pkt->tcp->seq);
	__u32 nxt = req->irs + 1;

	if (seq == req->irs) {
		__u64 limit = rx->config->invalid_ratelimit * NSEC_PER_MSEC;

		if (rx->now - req->synack_ns < limit)
			return VERDICT(drop_syn_rate);
		req->synack_ns = rx->now;
		req->tsval_last = flow_tsval(rx->now, req->ts_off);
		if (!synack_tx(rx, req))
			return VERDICT(drop_no_answer);
		return VERDICT(synack_again);
	}
	if (!hf_seq_in_window(seq, seq + 1, nxt, nxt + req->rcv_wnd))
		return request_challenge(rx, req);
	if (!request_end(&rx->pkt->tuple, req, bits, false))
		return VERDICT(drop_race);
	return rx_reset(rx, HF_R_rst_syn_in_window);
}

/*
 * No worker on this queue: the kernel's listener takes the SYN. A half-open
 * request of the flow would take the kernel's segments away from it.
 */
static __always_inline int syn_without_worker(struct hf_rx *rx)
{
	struct hf_request *req =
	    bpf_map_lookup_elem(&syn_table, &rx->pkt->tuple);

	if (req) {
		__u64 bits = request_word_read(req);
		union request_word w = {.bits = bits};

		if (w.word.state == HF_REQUEST_SYN_RECV)
			request_end(&rx->pkt->tuple, req, bits, false);
	}
	return VERDICT(pass_no_worker);
}

static __always_inline int syn_known(struct hf_rx *rx, struct hf_request *req)
{
	__u64 bits = request_word_read(req);
	union request_word w = {.bits = bits};

	if (w.word.state == HF_REQUEST_ACKED)
		return VERDICT(drop_syn_acked);
	if (w.word.state == HF_REQUEST_SYN_RECV)
		return syn_again(rx, req, bits);
	return VERDICT(drop_race);
}

#endif
