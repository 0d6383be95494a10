// SPDX-License-Identifier: BSD-2-Clause
/* Flows and the frames that they send. */
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "packet.h"
#include "tests/tools/frame.h"

#define SPOOFED_NET 0xc6120000U /* 198.18.0.0/15 */
#define WSCALE 7

/* splitmix64, so that every run of the bench has the same flows. */
static uint64_t random_next(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/*
 * No two flows are alike: 17 bits of an index are in the address, spread over
 * it by the multiplication, the 18th one in the port.
 */
static void flow_make(struct bench_flow *flow, uint32_t index, uint64_t *state)
{
	uint64_t r = random_next(state);

	flow->saddr = SPOOFED_NET | (index * 40503U & 0x1ffff);
	flow->sport = 1024 + r % 32000 * 2 + (index >> 17 & 1);
	flow->seq = r >> 32;
	flow->tsval = random_next(state);
}

int flows_make(struct bench *b)
{
	uint64_t state = 1;
	uint32_t index = 0;

	for (int set = 0; set < FLOWS_SETS; set++) {
		b->flow[set] = calloc(b->flows[set] + 1, sizeof(**b->flow));
		if (!b->flow[set])
			return -1;
		for (uint32_t i = 0; i < b->flows[set]; i++)
			flow_make(&b->flow[set][i], index++, &state);
	}
	return 0;
}

static void frame_begin(const struct bench *b, const struct bench_flow *flow,
			struct frame *f)
{
	frame_init(f);
	memcpy(f->smac, b->env.peer_mac, 6);
	memcpy(f->dmac, b->env.mac, 6);
	for (int i = 0; i < 4; i++) {
		f->src[i] = flow->saddr >> (24 - 8 * i);
		f->dst[i] = b->env.local >> (24 - 8 * i);
	}
	f->sport = flow->sport;
	f->dport = BENCH_PORT;
}

static void frame_end(const struct frame *f, struct harness_frame *frame)
{
	uint8_t buf[FRAME_MAX];

	frame->len = frame_build(f, buf, sizeof(buf));
	if (frame->len > HARNESS_DATA_MAX)
		abort();
	memcpy(frame->data, buf, frame->len);
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

/* Linux's own layout: MSS, SACK, timestamps, NOP, scale. */
static void options_linux(struct frame *f, uint32_t tsval)
{
	static const uint8_t options[20] = {
	    2, 4, 5, 180, 4, 2, 8, 10, [16] = 1, 3, 3, WSCALE};

	memcpy(f->options, options, sizeof(options));
	put32(f->options + 8, tsval);
	f->options_len = sizeof(options);
}

/* The same options backwards, with NOPs at every place, 40 bytes in all. */
static void options_hostile(struct frame *f, uint32_t tsval)
{
	uint8_t *p = f->options;

	memset(p, 1, 40);
	memcpy(p + 4, (uint8_t[]){3, 3, WSCALE}, 3);
	memcpy(p + 13, (uint8_t[]){8, 10}, 2);
	put32(p + 15, tsval);
	memset(p + 19, 0, 4);
	memcpy(p + 29, (uint8_t[]){4, 2}, 2);
	memcpy(p + 36, (uint8_t[]){2, 4, 5, 180}, 4);
	f->options_len = 40;
}

static void options_tstamp(struct frame *f, uint32_t tsval, uint32_t tsecr)
{
	memcpy(f->options, (uint8_t[]){1, 1, 8, 10}, 4);
	put32(f->options + 4, tsval);
	put32(f->options + 8, tsecr);
	f->options_len = 12;
}

void frame_syn(const struct bench *b, const struct bench_flow *flow,
	       enum bench_frame_kind kind, struct harness_frame *frame)
{
	struct frame f;

	frame_begin(b, flow, &f);
	f.flags = TH_SYN;
	f.seq = flow->seq;
	if (kind == FRAME_SYN_HOSTILE)
		options_hostile(&f, flow->tsval);
	else if (kind == FRAME_SYN_NOPS)
		memset(f.options, 1, f.options_len = 40);
	else
		options_linux(&f, flow->tsval);
	frame_end(&f, frame);
}

static void frame_ack(const struct bench *b, const struct bench_flow *flow,
		      uint16_t dport, uint32_t ack, uint32_t tsecr,
		      struct harness_frame *frame)
{
	struct frame f;

	frame_begin(b, flow, &f);
	f.flags = TH_ACK;
	f.dport = dport;
	f.window = 502;
	f.seq = flow->seq + 1;
	f.ack = ack;
	options_tstamp(&f, flow->tsval + 1, tsecr);
	frame_end(&f, frame);
}

/* Asks the program for a cookie, and acknowledges it. */
static int frame_ack_cookie(struct bench *b, enum bench_target_id target,
			    const struct bench_flow *flow,
			    struct harness_frame *frame)
{
	uint8_t out[HARNESS_DATA_MAX];
	struct tcp_options o;
	struct frame synack;
	uint32_t len = 0;
	int verdict;

	frame_syn(b, flow, FRAME_SYN, frame);
	verdict = target_answer(b, target, frame, out, &len);
	if (verdict != XDP_TX || frame_parse(&synack, out, len) ||
	    synack.flags != (TH_SYN | TH_ACK) || !frame_csum_ok(&synack) ||
	    synack.ack != flow->seq + 1) {
		fprintf(stderr,
			"packet: no right SYN-ACK: verdict %d (XDP_TX is %d), "
			"%u bytes\n",
			verdict, XDP_TX, len);
		return -1;
	}
	frame_read_options(&synack, &o);
	frame_ack(b, flow, BENCH_PORT, synack.seq + 1,
		  o.timestamps ? o.tsval : 0, frame);
	return 0;
}

static int frame_make(struct bench *b, const struct bench_case *c, uint32_t i,
		      struct harness_frame *frame)
{
	const struct bench_flow *flow = &b->flow[c->flows][i];
	const struct hf_request *req;

	switch (c->frame) {
	case FRAME_ACK_REQUEST:
		req = world_request(b, i);
		frame_ack(
		    b, flow, BENCH_PORT, req->iss + 1, req->tsval_last, frame);
		return 0;
	case FRAME_ACK_COOKIE:
		return frame_ack_cookie(b, c->target, flow, frame);
	case FRAME_ACK_BAD:
		frame_ack(b, flow, BENCH_PORT, flow->seq ^ 0x5a5a5a5a,
			  flow->tsval ^ 0x3c3c3c3c, frame);
		return 0;
	case FRAME_SEGMENT:
		frame_ack(b, flow, BENCH_PORT, flow->seq, flow->tsval, frame);
		return 0;
	case FRAME_SEGMENT_UNLISTED:
		frame_ack(b, flow, BENCH_PORT_UNLISTED, flow->seq, flow->tsval,
			  frame);
		return 0;
	default:
		frame_syn(b, flow, c->frame, frame);
		return 0;
	}
}

/* [1] has all flows, [0] the first one everywhere. */
int frames_make(struct bench *b, struct bench_case *c)
{
	uint32_t n = b->flows[c->flows];

	for (int r = 0; r < 2; r++) {
		c->frames[r] = calloc(BENCH_FLOWS, sizeof(*c->frames[r]));
		if (!c->frames[r])
			return -1;
	}
	for (uint32_t i = 0; i < BENCH_FLOWS; i++) {
		/* Fewer flows than frames: some more than once. */
		if (i >= n)
			c->frames[1][i] = c->frames[1][i % n];
		else if (frame_make(b, c, i, &c->frames[1][i]))
			return -1;
	}
	c->frames[0][0] = c->frames[1][0];
	return 0;
}
