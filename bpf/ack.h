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
ack_fields_read(const struct hf_pkt *pkt, __u8 snd_wscale, struct ack_fields *f)
{
	__u8 flags = pkt->flags;

	f->seq = bpf_ntohl(pkt->seq);
	f->ack = bpf_ntohl(pkt->ack_seq);
	f->payload = pkt->l4_len - pkt->header;
	f->end_seq = f->seq + f->payload + !!(flags & TCP_FLAG_FIN) +
		     !!(flags & TCP_FLAG_SYN);
	f->window = bpf_ntohs(pkt->window);
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

/*
 * A segment of a complete request, on to where the connection is made: the
 * worker, or for delivery KERNEL the device whose program gives it to the
 * listening socket. `known` is what ehash has of the flow. The first segment
 * that finds the connection made ends the request, and passes as all do
 * behind it. What the kernel could not make by itself is the worker's until
 * that ends the request, with all that follows, or that would overtake.
 */
static __always_inline int rx_deliver(struct hf_rx *rx, struct hf_request *req,
				      __u64 bits, const struct hf_listener *l,
				      enum ehash_result known,
				      enum hf_reason reason)
{
	if (l->delivery != HF_DELIVERY_KERNEL)
		return rx_redirect(rx, reason);
	if (known != EHASH_NONE && !req->assigned_ms)
		req->flags |= HF_REQUEST_BLOCKED;
	if (req->flags & (HF_REQUEST_BLOCKED | HF_REQUEST_AHEAD) ||
	    !rx->dev->deliver_ifindex)
		return rx_redirect(rx, reason);
	if (known == EHASH_KNOWN) {
		request_end(&rx->pkt->tuple, req, bits, false);
		return VERDICT(pass_delivered);
	}
	count(reason);
	return bpf_redirect(rx->dev->deliver_ifindex, 0);
}

static __always_inline int request_acked(struct hf_rx *rx,
					 struct hf_request *req, __u64 bits,
					 const struct hf_listener *l)
{
	enum ehash_result known = EHASH_NONE;

	if (l->delivery == HF_DELIVERY_KERNEL)
		known = ehash_find(rx->ctx, rx->pkt);
	return rx_deliver(rx, req, bits, l, known, HF_R_redirect_flow);
}

/* PAWS and TSecr, as tcp_check_req() looks at them. */
static __always_inline bool ack_tstamp_ok(const struct hf_rx *rx,
					  const struct hf_request *req)
{
	const struct hf_options *o = rx->options;

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
	if (ehash_find(rx->ctx, rx->pkt) != EHASH_KNOWN)
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
static __always_inline int ack_raced(struct hf_rx *rx, struct hf_listener *l,
				     struct hf_request *req, __u64 bits)
{
	__u64 acked = word_acked(bits);

	if (request_word_read(req) == acked)
		return request_acked(rx, req, acked, l);
	return VERDICT(drop_race);
}

/* A segment that completes the handshake, if there is room for the child. */
static __always_inline int ack_complete(struct hf_rx *rx, struct hf_listener *l,
					struct hf_request *req, __u64 bits,
					const struct ack_fields *f)
{
	enum ehash_result known = EHASH_NONE;

	if (l->delivery == HF_DELIVERY_KERNEL)
		known = ehash_find_fill(rx->ctx, rx->pkt, &l->acceptq_kernel);
	if (!acceptq_take(l))
		return ack_overflow(rx, l, req, bits);
	if (!request_ack(req, bits, l)) {
		acceptq_give(l);
		return ack_raced(rx, l, req, bits);
	}
	req->snd_wnd = f->window;
	req->ack_seq = f->seq;
	if (f->seq != req->irs + 1)
		req->flags |= HF_REQUEST_AHEAD;
	if (rx->options->tstamp && !hf_seq_after(f->seq, req->irs + 1))
		req->ts_recent = rx->options->tsval;
	LISTENER_COUNT(req->listener, acked);
	return rx_deliver(
	    rx, req, word_acked(bits), l, known, HF_R_redirect_acked);
}

/* tcp_check_req(), in its order. */
static __always_inline int ack_check(struct hf_rx *rx, struct hf_listener *l,
				     struct hf_request *req, __u64 bits)
{
	__u8 flags = rx->pkt->flags;
	__u32 nxt = req->irs + 1;
	struct ack_fields f;

	ack_fields_read(rx->pkt, req->snd_wscale, &f);
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

/* With delivery KERNEL no daemon is needed to complete a handshake. */
static __always_inline bool delivers_alone(const struct hf_rx *rx,
					   const struct hf_listener *l)
{
	return l->delivery == HF_DELIVERY_KERNEL && rx->dev->deliver_ifindex;
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
	if (!worker && !delivers_alone(rx, l))
		return request_without_worker(rx, req, bits);
	if (w.word.state == HF_REQUEST_ACKED)
		return request_acked(rx, req, bits, l);
	if (w.word.state != HF_REQUEST_SYN_RECV)
		return VERDICT(drop_race);
	if (l->state != HF_LISTENER_LISTENING)
		return VERDICT(pass_closing);
	switch (segment_read(rx->ctx, rx->pkt, rx->options)) {
	case SEGMENT_OK:
		return ack_check(rx, l, req, bits);
	case SEGMENT_CSUM_BAD:
		return VERDICT(drop_ack_csum);
	default:
		return XDP_PASS;
	}
}

/*
 * Is this ACK an answer to a cookie of ours? Fills the options, and for a
 * valid one scratch->cookie: in memory, or the verifier follows all that it
 * may say. Under an ACK flood nearly all fail at the MAC.
 */
static __always_inline bool cookie_valid(struct hf_rx *rx)
{
	const struct hf_config *c = rx->config;
	const struct hf_pkt *pkt = rx->pkt;
	struct hf_scratch *s = rx->scratch;
	struct hf_options *o = rx->options;
	struct hf_keys *k = map_one(&keys);
	__u32 now, age;
	bool tstamp;

	if (!k || !pkt->header || !options_read(rx->ctx, pkt, o))
		return false;
	tstamp = o->tstamp && c->timestamps;
	if (!hf_cookie_check(&pkt->tuple, pkt->ipv6, k, bpf_ntohl(pkt->seq) - 1,
			     bpf_ntohl(pkt->ack_seq) - 1, tstamp, o->tsecr,
			     &s->cookie))
		return false;
	if (!tstamp)
		return true;
	now = flow_tsval(rx->now, (__u32)s->cookie.flow);
	age = (__u32)hf_ns_to_ms(2 * c->key_epoch_ns);
	return hf_cookie_is_fresh(o->tsecr, now, age);
}

/*
 * The request that a valid cookie stands for, complete from the start. What
 * the cookie says takes the place of the SYN's options: the same agreement.
 */
static __always_inline struct hf_request *
cookie_request(struct hf_rx *rx, const struct hf_listener *l, __u32 index)
{
	struct hf_request *req = request_begin(rx, l, index);
	struct hf_scratch *s = rx->scratch;
	struct hf_options *o = rx->options;
	struct ack_fields f;

	o->mss = s->cookie.mss;
	o->wscale = s->cookie.wscale;
	o->sack_perm = s->cookie.sack;
	request_agree(req, rx->pkt, o, l, rx->l3_dev, rx->config);
	request_flow(req, s->cookie.flow, rx->pkt, rx->config);
	ack_fields_read(rx->pkt, req->snd_wscale, &f);
	req->irs = f.seq - 1;
	req->iss = f.ack - 1;
	req->ack_seq = f.seq;
	req->snd_wnd = f.window;
	req->tsval_first = o->tsecr;
	req->tsval_last = o->tsecr;
	req->flags |= HF_REQUEST_COOKIE;
	req->synack_ns = rx->now;
	req->timer_ns = rx->now + SYNACK_TIMEOUT_NS;
	req->expires_ns = rx->now + REQUEST_LIFE_NS;
	req->word.state = HF_REQUEST_ACKED;
	rx->recent->serial++;
	req->word.generation = recent_unique(rx->recent, 5);
	return req;
}

static __always_inline int
cookie_overflow(struct hf_rx *rx, const struct hf_listener *l, __u32 index)
{
	LISTENER_COUNT(index, dropped);
	if (l->overflow == HF_OVERFLOW_RST)
		return rx_reset(rx, HF_R_rst_overflow);
	return VERDICT(drop_ack_acceptq_full);
}

/* A valid cookie, and no connection of its flow, but perhaps one in
 * TIME_WAIT. */
static __always_inline int cookie_receive(struct hf_rx *rx,
					  struct hf_listener *l, __u32 index,
					  enum ehash_result known)
{
	__u64 lifetime = 2 * rx->config->key_epoch_ns;
	struct hf_request *req;

	if (!l || l->state != HF_LISTENER_LISTENING ||
	    !listener_takes_cookies(l, rx->now, lifetime))
		return VERDICT(pass_cookie_bad);
	if (!csum_ok(rx->ctx, rx->pkt))
		return VERDICT(drop_ack_csum);
	req = cookie_request(rx, l, index);
	if (l->delivery == HF_DELIVERY_KERNEL) {
		ehash_find_fill(rx->ctx, rx->pkt, &l->acceptq_kernel);
		if (known != EHASH_NONE)
			req->flags |= HF_REQUEST_BLOCKED;
	}
	if (!acceptq_take(l))
		return cookie_overflow(rx, l, index);
	if (request_insert(&rx->pkt->tuple, req, l)) {
		acceptq_give(l);
		LISTENER_COUNT(index, dropped);
		return VERDICT(drop_ack_table_full);
	}
	LISTENER_COUNT(index, acked);
	LISTENER_COUNT(index, acked_cookie);
	return rx_deliver(rx, req, 0, l, known, HF_R_redirect_cookie);
}

/* It goes the way of an established connection's segments. */
#define SEGMENT_ESTABLISHED -1

/*
 * An ACK of a flow without a request, on a port where a cookie is possible.
 * The MAC is quicker than ehash, so it decides whether that is asked; while
 * the guard is on, both are. All in the caller, as the one call that it takes
 * to be verified apart is a tenth of what a bad ACK costs.
 */
static __always_inline int ack_unknown(struct hf_rx *rx)
{
	struct hf_guard *g = map_one(&guard);
	bool valid = cookie_valid(rx);
	enum ehash_result known;
	struct hf_listener *l;
	__u32 index = 0;

	if (!g || (!valid && !guard_is_on(g, rx->config, rx->now, rx->pkt)))
		return SEGMENT_ESTABLISHED;
	known = ehash_lookup(rx->ctx, rx->pkt);
	if (!valid)
		guard_count_look(g);
	if (known == EHASH_KNOWN || (known != EHASH_NONE && !valid))
		return XDP_PASS;
	l = listener_find(rx->recent, rx->port, rx->pkt, &index);
	if (valid)
		return cookie_receive(rx, l, index, known);
	return l ? guard_drop(g, rx->config, rx->now) : XDP_PASS;
}

#endif
