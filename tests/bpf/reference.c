// SPDX-License-Identifier: BSD-2-Clause
/*
 * What answers have to look like, written down apart from the code under
 * test: byte by byte from the RFCs, and from what Linux sends.
 */
#include <stdio.h>

#include "bpftest.h"
#include "handfast/cookie.h"

static uint8_t *put8(uint8_t *p, uint32_t v)
{
	*p = (uint8_t)v;
	return p + 1;
}

static uint8_t *put16(uint8_t *p, uint32_t v)
{
	return put8(put8(p, v >> 8), v);
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, v >> 16), v);
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += p[i] << 8 | p[i + 1];
	return len & 1 ? sum + (p[len - 1] << 8) : sum;
}

static uint32_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

static uint8_t *build_ether(const struct frame *f, uint8_t *p)
{
	memcpy(p, f->smac, 6);
	memcpy(p + 6, f->dmac, 6);
	p += 12;
	for (int i = 0; i < f->vlans; i++)
		p = put16(put16(p, f->vlan[i].proto), f->vlan[i].tci);
	return put16(p, f->family == AF_INET ? 0x0800 : 0x86dd);
}

static uint8_t *build_ip(const struct frame *f, const struct answer_fields *a,
			 uint8_t *ip, size_t tcp_len)
{
	uint8_t *p = ip;

	if (f->family == AF_INET6) {
		p = put32(p, 6U << 28 | a->tos << 20 | a->flowlabel);
		p = put16(p, tcp_len);
		p = put8(put8(p, 6), a->ttl);
		memcpy(p, f->dst, 16);
		memcpy(p + 16, f->src, 16);
		return p + 32;
	}
	p = put8(put8(p, 0x45), a->tos);
	p = put16(p, 20 + tcp_len);
	p = put16(p, 0);      /* identification */
	p = put16(p, 0x4000); /* DF */
	p = put8(put8(p, a->ttl), 6);
	p = put16(p, 0);
	memcpy(p, f->dst, 4);
	memcpy(p + 4, f->src, 4);
	put16(ip + 10, sum_fold(sum_bytes(0, ip, 20)));
	return p + 8;
}

size_t reference_build(const struct frame *f, const struct answer_fields *a,
		       uint8_t *buf)
{
	size_t addr_len = f->family == AF_INET ? 4 : 16;
	size_t tcp_len = 20 + a->options_len;
	uint8_t *p = build_ip(f, a, build_ether(f, buf), tcp_len), *tcp = p;
	uint32_t sum = 6 + (uint32_t)tcp_len;

	p = put16(put16(p, f->dport), f->sport);
	p = put32(put32(p, a->seq), a->ack);
	p = put8(put8(p, tcp_len / 4 << 4), a->flags);
	p = put16(p, a->window);
	p = put16(put16(p, 0), 0);
	memcpy(p, a->options, a->options_len);
	sum = sum_bytes(sum, f->src, addr_len);
	sum = sum_bytes(sum, f->dst, addr_len);
	put16(tcp + 16, sum_fold(sum_bytes(sum, tcp, tcp_len)));
	return p + a->options_len - buf;
}

static uint8_t *put_timestamps(uint8_t *p, uint32_t tsval, uint32_t tsecr)
{
	return put32(put32(put8(put8(p, 8), 10), tsval), tsecr);
}

size_t reference_options(uint8_t *start, uint16_t mss, int wscale, bool sack,
			 bool tstamp, uint32_t tsval, uint32_t tsecr)
{
	uint8_t *p = put16(put8(put8(start, 2), 4), mss);

	if (tstamp && sack) {
		p = put8(put8(p, 4), 2);
		p = put_timestamps(p, tsval, tsecr);
	} else if (tstamp) {
		p = put8(put8(p, 1), 1);
		p = put_timestamps(p, tsval, tsecr);
	} else if (sack) {
		p = put8(put8(put8(put8(p, 1), 1), 4), 2);
	}
	if (wscale >= 0)
		p = put8(put8(put8(put8(p, 1), 3), 3), wscale);
	return p - start;
}

uint16_t reference_window(uint32_t space, uint32_t mss, bool tstamp)
{
	uint32_t whole = mss - (tstamp ? 12 : 0);

	if (space > whole)
		space = space / whole * whole;
	return space < 65535 ? space : 65535;
}

static void assert_frame(const struct scene *s, const uint8_t *want, size_t len)
{
	for (size_t i = 0; i < len && i < s->out_len; i++)
		if (s->out[i] != want[i])
			fail_msg("answer: byte %zu is %#x, not %#x", i,
				 s->out[i], want[i]);
	if (s->out_len != len)
		fail_msg("answer: %zu bytes, not %zu", s->out_len, len);
}

/* --------------------------------------------------------------- SYN-ACK */

static uint64_t flow_hash(const struct scene *s)
{
	struct hf_tuple key;
	struct hf_keys keys;

	scene_tuple(s, &key);
	keys_get(&keys);
	return hf_flow_hash(&key, s->frame.family == AF_INET6, keys.flow, 0);
}

/* What the cookie for the SYN says. */
static void syn_cookie(const struct scene *s, struct hf_cookie *cookie)
{
	struct hf_config config;
	struct tcp_options opt;

	config_get(&config);
	frame_read_options(&s->frame, &opt);
	*cookie = (struct hf_cookie){
	    .mss = s->frame.family == AF_INET6 ? 1220 : 536,
	    .wscale = HF_WSCALE_NONE,
	    .sack = opt.sack_ok && config.sack,
	    .tstamp = opt.timestamps && config.timestamps,
	};
	if (opt.mss > 0)
		cookie->mss = (uint16_t)opt.mss;
	if (opt.wscale >= 0 && config.window_scaling)
		cookie->wscale = opt.wscale > 14 ? 14 : (uint8_t)opt.wscale;
}

/* What the answer says of the flow: the cookie's part, or the flow's own. */
static uint64_t synack_hash(const struct scene *s)
{
	struct hf_cookie cookie;
	struct hf_tuple key;
	struct hf_keys keys;
	uint32_t tsval = 0;

	if (s->reason != HF_R_synack_cookie)
		return flow_hash(s);
	scene_tuple(s, &key);
	keys_get(&keys);
	syn_cookie(s, &cookie);
	hf_cookie_make(&key, s->frame.family == AF_INET6, &keys, s->frame.seq,
		       &cookie, &tsval);
	return cookie.flow;
}

/* What does not depend on clocks and keys. */
static void synack_fields(const struct scene *s, const struct hf_device *dev,
			  uint64_t hash, struct answer_fields *a)
{
	bool ipv6 = s->frame.family == AF_INET6;
	const struct hf_listener *l = &env.listener[s->listener];
	struct hf_config config;

	config_get(&config);
	a->ack = s->frame.seq + 1;
	a->flags = TH_SYN | TH_ACK;
	a->ttl = l->ttl ? l->ttl : ipv6 ? dev->hop_limit : dev->ttl;
	a->tos = l->tos;
	if (ipv6 && config.auto_flowlabels)
		a->flowlabel = hash >> 20 & 0xfffff;
}

static void synack_options(const struct scene *s, const struct hf_device *dev,
			   uint32_t tsval, struct answer_fields *a)
{
	const struct hf_listener *l = &env.listener[s->listener];
	struct hf_config config;
	struct tcp_options opt;
	bool tstamp, scale;
	uint16_t mss;

	config_get(&config);
	frame_read_options(&s->frame, &opt);
	mss = s->frame.family == AF_INET6 ? dev->mss6 : dev->mss4;
	if (l->user_mss && l->user_mss < mss)
		mss = l->user_mss;
	tstamp = opt.timestamps && config.timestamps;
	scale = opt.wscale >= 0 && config.window_scaling;
	a->window = reference_window(l->rcv_space, mss, tstamp);
	a->options_len = reference_options(
	    a->options, mss, scale ? l->rcv_wscale : -1,
	    opt.sack_ok && config.sack, tstamp, tsval, opt.tsval);
}

static bool in_range(uint32_t x, uint32_t low, uint32_t high)
{
	return x - low <= high - low;
}

/* RFC 6528, with a clock of 64 ns. */
static void check_isn_state(const struct scene *s, uint32_t seq)
{
	uint32_t isn = (uint32_t)(flow_hash(s) >> 32);

	if (s->reason == HF_R_synack_again)
		assert_int_equal(seq, s->was.iss);
	else
		assert_true(in_range(seq, isn + (uint32_t)(s->start_ns >> 6),
				     isn + (uint32_t)(s->end_ns >> 6)));
}

/* Milliseconds, with an offset for the flow. */
static void check_clock(const struct scene *s, uint32_t tsval)
{
	uint32_t off = (uint32_t)flow_hash(s);

	assert_true(in_range(tsval, off + (uint32_t)(s->start_ns / MSEC),
			     off + (uint32_t)(s->end_ns / MSEC)));
}

static void check_isn_cookie(const struct scene *s, uint32_t seq,
			     uint32_t tsval)
{
	bool ipv6 = s->frame.family == AF_INET6;
	struct hf_cookie cookie;
	struct hf_tuple key;
	struct hf_keys keys;

	scene_tuple(s, &key);
	keys_get(&keys);
	syn_cookie(s, &cookie);
	for (uint64_t ms = s->start_ns / MSEC; ms <= s->end_ns / MSEC; ms++) {
		uint32_t value = (uint32_t)ms, clock;

		if (hf_cookie_make(&key, ipv6, &keys, s->frame.seq, &cookie,
				   &value) == seq &&
		    (!cookie.tstamp || value == tsval))
			return;
		clock = (uint32_t)ms + (uint32_t)cookie.flow;
		assert_true((int32_t)(value - clock) <= 0);
	}
	fail_msg("cookie %#x, timestamp %u: not of this SYN", seq, tsval);
}

void check_synack(struct scene *s)
{
	struct answer_fields want = {};
	uint8_t buf[T_FRAME_MAX];
	struct tcp_options opt;
	struct hf_device dev;
	struct frame got;

	if (frame_parse(&got, s->out, s->out_len))
		fail_msg("the answer is no TCP segment");
	frame_read_options(&got, &opt);
	device_get(s->l3_ifindex, &dev);
	synack_fields(s, &dev, synack_hash(s), &want);
	synack_options(s, &dev, opt.tsval, &want);
	want.seq = got.seq;
	assert_frame(s, buf, reference_build(&s->frame, &want, buf));
	if (s->reason == HF_R_synack_cookie) {
		check_isn_cookie(s, got.seq, opt.tsval);
		return;
	}
	check_isn_state(s, got.seq);
	if (opt.timestamps)
		check_clock(s, opt.tsval);
}

/* --------------------------------------------------------- RST, challenge */

/* tcp_v4_send_reset() */
void check_rst(struct scene *s)
{
	const struct frame *f = &s->frame;
	struct answer_fields want = {.flags = TH_RST};
	uint8_t buf[T_FRAME_MAX];
	struct hf_device dev;

	device_get(s->l3_ifindex, &dev);
	want.ttl = f->family == AF_INET6 ? dev.hop_limit : dev.ttl;
	if (f->flags & TH_ACK) {
		want.seq = f->ack;
	} else {
		want.flags |= TH_ACK;
		want.ack = f->seq + (uint32_t)f->payload_len +
			   !!(f->flags & TH_SYN) + !!(f->flags & TH_FIN);
	}
	assert_frame(s, buf, reference_build(f, &want, buf));
}

/* tcp_v4_reqsk_send_ack() */
void check_challenge(struct scene *s)
{
	const struct hf_request *req = &s->was;
	struct answer_fields want = {
	    .seq = req->iss + 1,
	    .ack = req->irs + 1,
	    .flags = TH_ACK,
	    .window = req->rcv_wnd,
	    .ttl = req->ttl,
	    .tos = req->tos,
	    .flowlabel = req->flowlabel,
	};
	uint8_t buf[T_FRAME_MAX];
	struct tcp_options opt;
	struct frame got;

	assert_true(s->had);
	if (frame_parse(&got, s->out, s->out_len))
		fail_msg("the answer is no TCP segment");
	frame_read_options(&got, &opt);
	if (req->rcv_wscale != HF_WSCALE_NONE)
		want.window >>= req->rcv_wscale;
	if (req->flags & HF_REQUEST_TSTAMP) {
		uint8_t *p = put8(put8(want.options, 1), 1);

		put_timestamps(p, opt.tsval, req->ts_recent);
		want.options_len = 12;
		check_clock(s, opt.tsval);
	}
	assert_frame(s, buf, reference_build(&s->frame, &want, buf));
}
