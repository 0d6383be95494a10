// SPDX-License-Identifier: BSD-2-Clause
/* SYN cookies: any SYN's cookie is good, and says no more than it may. */
#include "fuzz.h"
#include "handfast/cookie.h"

struct input {
	struct hf_tuple tuple;
	struct hf_keys keys;
	__u32 irs, clock, later, ack, tsecr;
	__u16 mss;
	__u8 wscale, flags;
};

/* An ACK of any numbers: what comes out is at least in range. */
static void any_ack(const struct input *in, bool ipv6, bool tstamp)
{
	struct hf_cookie c;

	if (!hf_cookie_check(&in->tuple, ipv6, &in->keys, in->irs, in->ack,
			     tstamp, in->tsecr, &c))
		return;
	HOLDS(c.mss >= 536 && c.mss <= 8960);
	HOLDS(c.wscale <= HF_WSCALE_MAX || c.wscale == HF_WSCALE_NONE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hf_cookie c, got;
	struct input in;
	__u32 iss, tsval, clock;
	bool ipv6;

	fuzz_take(&data, &size, &in, sizeof(in));
	ipv6 = in.flags & 1;
	c.mss = in.mss;
	c.wscale = in.wscale % 16 == 15 ? HF_WSCALE_NONE : in.wscale % 16;
	c.sack = in.flags & 2;
	c.tstamp = in.flags & 4;
	any_ack(&in, ipv6, c.tstamp);
	tsval = in.clock;
	iss = hf_cookie_make(&in.tuple, ipv6, &in.keys, in.irs, &c, &tsval);
	clock = in.clock + (__u32)c.flow;
	HOLDS((__s32)(tsval - clock) <= 0 && clock - tsval < 2048);
	in.later %= 120000;
	in.keys.epoch++;
	HOLDS(hf_cookie_check(
	    &in.tuple, ipv6, &in.keys, in.irs, iss, c.tstamp, tsval, &got));
	HOLDS(hf_cookie_is_fresh(tsval, clock + in.later, 120000));
	HOLDS(got.wscale == c.wscale && got.sack == c.sack);
	HOLDS(got.tstamp == c.tstamp && got.flow == c.flow);
	HOLDS(got.mss <= c.mss || got.mss == (ipv6 ? 1220 : 536));
	return 0;
}
