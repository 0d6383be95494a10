/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Every other segment: tcp_v4_hnd_req() and tcp_check_req() for those of a
 * request, cookie_v4_check() for those that may carry a cookie.
 */
#ifndef HF_BPF_ACK_H
#define HF_BPF_ACK_H

/* The fields of the segment in host order. */
struct ack_fields {
	__u32 seq;
	__u32 end_seq;
	__u32 ack;
	__u32 window; /* bytes */
	__u32 payload;
};

static __always_inline void
ack_fields_read(const struct hf_rx *rx, __u8 snd_wscale, struct ack_fields *f)
{
	const struct tcphdr *tcp = rx->pkt->tcp;
	__u8 flags = rx->pkt->flags;

	f->seq = bpf_ntohl(tcp->seq);
	f->ack = bpf_ntohl(tcp->ack_seq);
	f->payload = rx->pkt->l4_len - rx->header;
	f->end_seq = f->seq + f->payload + !!(flags & TCP_FLAG_FIN) +
		     !!(flags & TCP_FLAG_SYN);
	f->window = bpf_ntohs(tcp->window);
	if (snd_wscale != HF_WSCALE_NONE)
		f->window <<= snd_wscale & 15;
}

/* To the worker of the queue that it came on. */
static __always_inline int rx_redirect(struct hf_rx *rx, enum hf_reason reason)
{
	__u32 slot = rx->dev->first_xsk + rx->ctx->rx_queue_index;

	count(reason);
	return bpf_redirect_map(&xsks, slot, XDP_DROP);
}

/* PAWS and TSecr, as tcp_check_req() looks at them. */
static __always_inline bool ack_tstamp_ok(const struct hf_rx *rx,
					  const struct hf_request *req)
{
	const struct hf_options *o = &rx->options;

	if (!(req->flags & HF_REQUEST_TSTAMP) || !o->tstamp)
		return true;
	if (o->tsecr &&
	    !hf_seq_between(o->tsecr, req->tsval_first, req->tsval_last))
		return false;
	return (__s32)(req->ts_recent - o->tsval) <= 0 ||
	       rx->pkt->flags & TCP_FLAG_RST;
}

/*
 * A segment that does not fit its request. It may be an existing
 * connection's, on whose tuple somebody forged a SYN: then it passes and the
 * bogus request goes, or that SYN would have cut the connection.
 */
static __always_inline bool ack_is_known(struct hf_rx *rx,
					 struct hf_request *req, __u64 bits)
{
	if (ehash_find(rx->ctx, &rx->pkt->tuple, rx->pkt->ipv6) != EHASH_KNOWN)
		return false;
	if (request_end(&rx->pkt->tuple, req, bits, false))
		count(HF_R_request_bogus);
	return true;
}

static __always_inline int ack_wrong(struct hf_rx *rx, struct hf_request *req,
				     __u64 bits)
{
	if (ack_is_known(rx, req, bits))
		return VERDICT(pass_known);
	if (rx->pkt->flags & TCP_FLAG_RST)
		return VERDICT(drop_rst);
	return rx_reset(rx, HF_R_rst_wrong_ack);
}

static __always_inline int ack_out_of_window(struct hf_rx *rx,
					     struct hf_request *req, __u64 bits)
{
	if (ack_is_known(rx, req, bits))
		return VERDICT(pass_known);
	if (rx->pkt->flags & TCP_FLAG_RST)
		return VERDICT(drop_ack_window);
	return request_challenge(rx, req);
}

/* RST in the window; one without ACK has to be exact (RFC 5961, 3.2). */
static __always_inline int ack_rst(struct hf_rx *rx, struct hf_request *req,
				   __u64 bits, const struct ack_fields *f)
{
	if (ack_is_known(rx, req, bits))
		return VERDICT(pass_known);
	if (!(rx->pkt->flags & TCP_FLAG_ACK) && f->seq != req->irs + 1)
		return VERDICT(drop_rst);
	if (request_end(&rx->pkt->tuple, req, bits, false))
		count(HF_R_request_rst);
	return VERDICT(drop_rst);
}

/* The accept queue has no place: Linux's listen_overflow. */
static __always_inline int ack_overflow(struct hf_rx *rx, struct hf_listener *l,
					struct hf_request *req, __u64 bits)
{
	LISTENER_COUNT(req->listener, dropped);
	if (l->overflow == HF_OVERFLOW_HOLD) {
		req->flags |= HF_REQUEST_HELD;
		return VERDICT(drop_ack_acceptq_full);
	}
	if (!request_end(&rx->pkt->tuple, req, bits, false))
		return VERDICT(drop_race);
	return rx_reset(rx, HF_R_rst_overflow);
}

/* Somebody else changed it; if to ACKED, the segment belongs to the flow. */
static __always_inline int ack_raced(struct hf_rx *rx, struct hf_request *req,
				     __u64 bits)
{
	union request_word was = {.bits = bits};

	if (request_word_read(req) ==
	    word_bits(HF_REQUEST_ACKED, was.word.generation))
		return rx_redirect(rx, HF_R_redirect_flow);
	return VERDICT(drop_race);
}

/* A segment that completes the handshake, if there is room for the child. */
static __always_inline int ack_complete(struct hf_rx *rx, struct hf_listener *l,
					struct hf_request *req, __u64 bits,
					const struct ack_fields *f)
{
	if (!acceptq_take(l))
		return ack_overflow(rx, l, req, bits);
	if (!request_ack(req, bits, l)) {
		acceptq_give(l);
		return ack_raced(rx, req, bits);
	}
	req->snd_wnd = f->window;
	req->ack_seq = f->seq;
	if (rx->options.tstamp && !hf_seq_after(f->seq, req->irs + 1))
		req->ts_recent = rx->options.tsval;
	LISTENER_COUNT(req->listener, acked);
	return rx_redirect(rx, HF_R_redirect_acked);
}

/* tcp_check_req(), in its order. */
static __always_inline int ack_check(struct hf_rx *rx, struct hf_listener *l,
				     struct hf_request *req, __u64 bits)
{
	__u8 flags = rx->pkt->flags;
	__u32 nxt = req->irs + 1;
	struct ack_fields f;

	ack_fields_read(rx, req->snd_wscale, &f);
	if (flags & TCP_FLAG_ACK && f.ack != req->iss + 1)
		return ack_wrong(rx, req, bits);
	if (!ack_tstamp_ok(rx, req) ||
	    !hf_seq_in_window(f.seq, f.end_seq, nxt, nxt + req->rcv_wnd))
		return ack_out_of_window(rx, req, bits);
	if (flags & TCP_FLAG_RST)
		return ack_rst(rx, req, bits, &f);
	if (flags & TCP_FLAG_SYN) {
		if (!request_end(&rx->pkt->tuple, req, bits, false))
			return VERDICT(drop_race);
		return rx_reset(rx, HF_R_rst_syn_in_window);
	}
	if (!(flags & TCP_FLAG_ACK))
		return VERDICT(drop_no_ack);
	if (f.end_seq == nxt && req->num_timeout < l->defer_accept) {
		req->flags |= HF_REQUEST_HELD;
		return VERDICT(drop_ack_deferred);
	}
	return ack_complete(rx, l, req, bits, &f);
}

/*
 * The daemon that comes back will go on with the flow; until then nobody
 * does. But a half-open request may be forged, on the tuple of a connection.
 */
static __always_inline int
request_without_worker(struct hf_rx *rx, struct hf_request *req, __u64 bits)
{
	union request_word w = {.bits = bits};

	if (w.word.state == HF_REQUEST_SYN_RECV && ack_is_known(rx, req, bits))
		return VERDICT(pass_known);
	return VERDICT(drop_no_worker);
}

/* A segment of a flow that has a request. */
static __always_inline int request_receive(struct hf_rx *rx,
					   struct hf_request *req, bool worker)
{
	__u64 bits = request_word_read(req);
	union request_word w = {.bits = bits};
	struct hf_listener *l = request_listener(req);

	if (rx->now > req->expires_ns || !l)
		return VERDICT(pass_expired);
	if (!worker)
		return request_without_worker(rx, req, bits);
	if (w.word.state == HF_REQUEST_ACKED)
		return rx_redirect(rx, HF_R_redirect_flow);
	if (w.word.state != HF_REQUEST_SYN_RECV)
		return VERDICT(drop_race);
	if (l->state != HF_LISTENER_LISTENING)
		return VERDICT(pass_closing);
	if (!csum_ok(rx->ctx, rx->pkt))
		return VERDICT(drop_ack_csum);
	return ack_check(rx, l, req, bits);
}

/* The request that a valid cookie stands for, complete from the start. */
static __always_inline int cookie_complete(struct hf_rx *rx,
					   struct hf_listener *l, __u32 index,
					   const struct hf_cookie *cookie)
{
	struct hf_scratch *s = map_one(&scratch);
	struct hf_request *req;
	struct ack_fields f;

	if (!s)
		return XDP_PASS;
	req = &s->req;
	__builtin_memset(req, 0, sizeof(*req));
	/* What the SYN said, as the cookie kept it: the same agreement. */
	rx->options.mss = cookie->mss;
	rx->options.wscale = cookie->wscale;
	rx->options.sack_perm = cookie->sack;
	rx_agree(rx, l, index, req);
	ack_fields_read(rx, req->snd_wscale, &f);
	req->irs = f.seq - 1;
	req->iss = f.ack - 1;
	req->ack_seq = f.seq;
	req->snd_wnd = f.window;
	req->tsval_first = rx->options.tsecr;
	req->tsval_last = rx->options.tsecr;
	req->flags |= HF_REQUEST_COOKIE;
	req->synack_ns = rx->now;
	req->timer_ns = rx->now + SYNACK_TIMEOUT_NS;
	req->expires_ns = rx->now + REQUEST_LIFE_NS;
	req->word.state = HF_REQUEST_ACKED;
	request_link(rx, req);
	if (!acceptq_take(l)) {
		LISTENER_COUNT(index, dropped);
		if (l->overflow == HF_OVERFLOW_RST)
			return rx_reset(rx, HF_R_rst_overflow);
		return VERDICT(drop_ack_acceptq_full);
	}
	if (request_insert(&rx->pkt->tuple, req, l)) {
		acceptq_give(l);
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_ack_table_full);
	}
	LISTENER_COUNT(index, acked);
	LISTENER_COUNT(index, acked_cookie);
	return rx_redirect(rx, HF_R_redirect_cookie);
}

/* What a cookie is checked with. */
struct cookie_ack {
	__u32 irs;
	__u32 iss;
	__u32 tsecr;
	__u32 now; /* our clock for the flow, milliseconds */
	bool tstamp;
};

__noinline int cookie_check(const struct hf_tuple *t, bool ipv6,
			    const struct cookie_ack *ack,
			    struct hf_cookie *cookie)
{
	struct hf_config *c = map_one(&config);
	struct hf_keys *k = map_one(&keys);

	if (!t || !ack || !cookie || !c || !k)
		return 0;
	return hf_cookie_check(t, ipv6, k, ack->irs, ack->iss, ack->tstamp,
			       ack->tsecr, ack->now,
			       (__u32)hf_ns_to_ms(2 * c->key_epoch_ns), cookie);
}

static __always_inline bool cookie_is_valid(struct hf_rx *rx,
					    struct hf_cookie *cookie)
{
	struct cookie_ack ack = {
	    .irs = bpf_ntohl(rx->pkt->tcp->seq) - 1,
	    .iss = bpf_ntohl(rx->pkt->tcp->ack_seq) - 1,
	    .tsecr = rx->options.tsecr,
	    .tstamp = rx->options.tstamp && rx->config->timestamps,
	};

	if (ack.tstamp) {
		rx->flow_hash = flow_hash(&rx->pkt->tuple, rx->pkt->ipv6);
		ack.now = flow_tsval(rx->now, (__u32)rx->flow_hash);
	}
	return cookie_check(&rx->pkt->tuple, rx->pkt->ipv6, &ack, cookie);
}

/*
 * A segment without a request, on a port that sent cookies of late. The hash
 * comes first: under an ACK flood nearly all fail there.
 */
static __always_inline int cookie_receive(struct hf_rx *rx)
{
	__u64 lifetime = 2 * rx->config->key_epoch_ns;
	struct hf_cookie cookie = {};
	struct hf_listener *l;
	__u32 index = 0;

	if (!cookie_is_valid(rx, &cookie))
		return established(rx->ctx, rx->pkt);
	if (!rx->flow_hash)
		rx->flow_hash = flow_hash(&rx->pkt->tuple, rx->pkt->ipv6);
	l = listener_find(rx->port, &rx->pkt->tuple, rx->pkt->ipv6,
			  rx->l3_ifindex, (__u32)rx->flow_hash, &index);
	if (!l || l->state != HF_LISTENER_LISTENING ||
	    !listener_takes_cookies(l, rx->now, lifetime))
		return VERDICT(pass_cookie_bad);
	if (!csum_ok(rx->ctx, rx->pkt))
		return VERDICT(drop_ack_csum);
	if (ehash_find(rx->ctx, &rx->pkt->tuple, rx->pkt->ipv6) == EHASH_KNOWN)
		return XDP_PASS;
	return cookie_complete(rx, l, index, &cookie);
}

#endif
