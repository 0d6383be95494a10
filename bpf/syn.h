/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A SYN: tcp_conn_request() and the SYN-ACK. */
#ifndef HF_BPF_SYN_H
#define HF_BPF_SYN_H

/* What both halves of the program know of a segment for a listed port. */
struct hf_rx {
	struct xdp_md *ctx;
	struct hf_pkt *pkt;
	const struct hf_device *dev;    /* the attached device */
	const struct hf_device *l3_dev; /* the VLAN device of a tagged frame */
	struct hf_config *config;
	struct hf_port *port;
	struct hf_recent *recent;
	struct hf_scratch *scratch;
	struct hf_options *options; /* in scratch */
	__u64 now;                  /* recent_now() */
};

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

/*
 * What we agree to: the client asked for it, and the sysctl allows it. Fills
 * all that a SYN-ACK says but for ISN and timestamps.
 */
static __always_inline void
request_agree(struct hf_request *req, const struct hf_pkt *pkt,
	      const struct hf_options *o, const struct hf_listener *l,
	      const struct hf_device *dev, const struct hf_config *c)
{
	__u16 mss = pkt->ipv6 ? dev->mss6 : dev->mss4;

	if (l->user_mss && l->user_mss < mss)
		mss = l->user_mss;
	req->adv_mss = mss;
	req->mss = o->mss ?: pkt->ipv6 ? 1220 : 536;
	req->snd_wscale = HF_WSCALE_NONE;
	req->rcv_wscale = HF_WSCALE_NONE;
	req->flags = 0;
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
	req->ttl = l->ttl ?: pkt->ipv6 ? dev->hop_limit : dev->ttl;
	req->tos = l->tos;
}

/* The parts that the flow's hash, or the cookie's, decides. */
static __always_inline void request_flow(struct hf_request *req, __u64 hash,
					 const struct hf_pkt *pkt,
					 const struct hf_config *c)
{
	req->ts_off = (__u32)hash;
	req->flowlabel = 0;
	if (pkt->ipv6 && c->auto_flowlabels)
		req->flowlabel = (__u32)(hash >> 20) & 0xfffff;
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

/* The frame becomes the SYN-ACK of `req`. 0, or -1: no room. */
__noinline int synack_make(struct xdp_md *ctx, const struct hf_pkt *pkt,
			   const struct hf_request *req)
{
	struct hf_scratch *s = map_one(&scratch);

	if (!pkt || !req || !s)
		return -1;
	synack_segment(req, &s->seg);
	return reply_write(ctx, pkt, &s->seg);
}

/* Whose the request is, and where the frame came from: the daemon answers it
 * again, on the same way. Begins with an empty request. */
static __always_inline struct hf_request *
request_begin(const struct hf_rx *rx, const struct hf_listener *l, __u32 index)
{
	void *data_end = (void *)(long)rx->ctx->data_end;
	const struct ethhdr *eth = (void *)(long)rx->ctx->data;
	struct hf_request *req = &rx->scratch->req;

	__builtin_memset(req, 0, sizeof(*req));
	req->listener = index;
	req->listener_generation = l->generation;
	req->ifindex = rx->ctx->ingress_ifindex;
	req->queue = rx->ctx->rx_queue_index;
	req->l3_ifindex = rx->pkt->l3_ifindex;
	req->vlan_count = rx->pkt->vlan_count;
	__builtin_memcpy(req->vlan_proto, rx->pkt->vlan_proto, 4);
	__builtin_memcpy(req->vlan_tci, rx->pkt->vlan_tci, 4);
	if ((const void *)(eth + 1) <= data_end) {
		__builtin_memcpy(req->client_mac, eth->h_source, ETH_ALEN);
		__builtin_memcpy(req->local_mac, eth->h_dest, ETH_ALEN);
	}
	return req;
}

/*
 * The frame becomes a SYN-ACK that leaves no state: ISN and the low bits of
 * TSval are the cookie. 0, or -1: no room in the frame.
 */
__noinline int cookie_make(struct xdp_md *ctx, const struct hf_pkt *pkt,
			   const struct hf_options *o,
			   const struct hf_listener *l,
			   const struct hf_device *dev)
{
	struct hf_scratch *s = map_one(&scratch);
	struct hf_recent *r = map_one(&recent);
	struct hf_config *c = map_one(&config);
	struct hf_keys *k = map_one(&keys);
	struct hf_cookie cookie = {};
	struct hf_request *req;

	if (!pkt || !o || !l || !dev || !s || !r || !c || !k)
		return -1;
	req = &s->req;
	request_agree(req, pkt, o, l, dev, c);
	cookie.mss = req->mss;
	cookie.wscale = req->snd_wscale;
	cookie.sack = req->flags & HF_REQUEST_SACK;
	cookie.tstamp = req->flags & HF_REQUEST_TSTAMP;
	req->irs = bpf_ntohl(pkt->seq);
	req->tsval_last = flow_tsval(r->now, 0);
	req->iss = hf_cookie_make(
	    &pkt->tuple, pkt->ipv6, k, req->irs, &cookie, &req->tsval_last);
	request_flow(req, cookie.flow, pkt, c);
	synack_segment(req, &s->seg);
	return reply_write(ctx, pkt, &s->seg);
}

static __always_inline int syn_cookie(struct hf_rx *rx, struct hf_listener *l,
				      __u32 index)
{
	listener_note_cookie(
	    l, rx->port, rx->now, 2 * rx->config->key_epoch_ns);
	if (cookie_make(rx->ctx, rx->pkt, rx->options, l, rx->l3_dev))
		return VERDICT(drop_no_answer);
	LISTENER_COUNT(index, synack_cookie);
	return VERDICT(synack_cookie);
}

/*
 * Completes the request that request_begin() began and puts it into
 * syn_table. 0, or the errno of the insertion.
 */
__noinline int request_make(const struct hf_pkt *pkt,
			    const struct hf_options *o, struct hf_listener *l,
			    const struct hf_device *dev)
{
	struct hf_scratch *s = map_one(&scratch);
	struct hf_config *c = map_one(&config);
	struct hf_keys *k = map_one(&keys);
	struct hf_recent *r = map_one(&recent);
	struct hf_request *req;
	__u64 hash;

	if (!pkt || !o || !l || !dev || !s || !c || !k || !r)
		return -EINVAL;
	r->serial++;
	req = &s->req;
	request_agree(req, pkt, o, l, dev, c);
	hash = hf_flow_hash(&pkt->tuple, pkt->ipv6, k->flow, 0);
	request_flow(req, hash, pkt, c);
	req->irs = bpf_ntohl(pkt->seq);
	req->snd_wnd = bpf_ntohs(pkt->window);
	/* RFC 6528: a keyed hash of the flow and a clock, as Linux's 64 ns. */
	req->iss = (__u32)(hash >> 32) + recent_unique(r, 6);
	req->tsval_last = flow_tsval(r->now, req->ts_off);
	req->tsval_first = req->tsval_last;
	req->synack_ns = r->now;
	req->timer_ns = r->now + SYNACK_TIMEOUT_NS;
	req->expires_ns = r->now + REQUEST_LIFE_NS;
	req->word.state = HF_REQUEST_SYN_RECV;
	req->word.generation = recent_unique(r, 5);
	return request_insert(&pkt->tuple, req, l);
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
	bool full = synq_is_full(rx, l);
	struct hf_request *req;
	int err;

	if (acceptq_is_full(l)) {
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_syn_acceptq_full);
	}
	if (full && l->cookies == HF_COOKIES_OFF) {
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_synq_full);
	}
	if (full || l->cookies == HF_COOKIES_ALWAYS)
		return syn_cookie(rx, l, index);
	req = request_begin(rx, l, index);
	err = request_make(rx->pkt, rx->options, l, rx->l3_dev);
	/* Another CPU has it, and answers, or is about to delete one. */
	if (err == -EEXIST)
		return VERDICT(drop_race);
	if (err) {
		if (l->cookies == HF_COOKIES_OFF) {
			LISTENER_COUNT(index, dropped);
			return VERDICT(drop_syn_table_full);
		}
		count(HF_R_cookie_fallback);
		return syn_cookie(rx, l, index);
	}
	if (synack_make(rx->ctx, rx->pkt, req))
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
	__u64 now;

	if (limit && req->oow_ns && ns_since(rx->now, req->oow_ns) < limit)
		return VERDICT(drop_ack_window);
	/* TSval may not be below that of the SYN-ACK, and may come back. */
	now = bpf_ktime_get_ns();
	req->oow_ns = now;
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
		req->tsval_last = flow_tsval(now, req->ts_off);
		seg.options[0] = HF_W(1, 1, 8, 10);
		seg.options[1] = bpf_htonl(req->tsval_last);
		seg.options[2] = bpf_htonl(req->ts_recent);
		seg.options_words = 3;
	}
	if (reply_make(rx->ctx, rx->pkt, &seg))
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
		seg.seq = bpf_ntohl(pkt->ack_seq);
	} else {
		seg.flags |= HF_TCP_ACK;
		seg.ack = bpf_ntohl(pkt->seq) + pkt->l4_len - pkt->header +
			  !!(pkt->flags & TCP_FLAG_SYN) +
			  !!(pkt->flags & TCP_FLAG_FIN);
	}
	if (reply_make(rx->ctx, rx->pkt, &seg))
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
	__u32 seq = bpf_ntohl(rx->pkt->seq);
	__u32 nxt = req->irs + 1;

	if (seq == req->irs) {
		__u64 limit = rx->config->invalid_ratelimit * NSEC_PER_MSEC;

		if (ns_since(rx->now, req->synack_ns) < limit)
			return VERDICT(drop_syn_rate);
		req->synack_ns = bpf_ktime_get_ns();
		req->tsval_last = flow_tsval(req->synack_ns, req->ts_off);
		if (synack_make(rx->ctx, rx->pkt, req))
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
