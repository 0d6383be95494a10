// SPDX-License-Identifier: BSD-2-Clause
/* What is written into frames: right sums, and nothing behind the end. */
#include "fuzz.h"
#include "handfast/segment.h"

struct input {
	struct hf_segment seg;
	__u32 from[4], to[4], ports;
	__u8 ipv6;
};

static uint16_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (size_t i = 0; i < len; i += 2)
		start += p[i] << 8 | p[i + 1];
	while (start >> 16)
		start = (start & 0xffff) + (start >> 16);
	return (uint16_t)start;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	union {
		uint32_t w[26];
		uint8_t b[104];
		struct iphdr ip4;
		struct ipv6hdr ip6;
	} p;
	struct tcphdr *tcp;
	struct input in;
	size_t l3, len;
	__u64 addrs;

	fuzz_take(&data, &size, &in, sizeof(in));
	memset(&p, 0xee, sizeof(p));
	in.seg.options_words %= HF_SEGMENT_OPTIONS + 1;
	in.seg.flags &= HF_TCP_RST | HF_TCP_SYN | HF_TCP_ACK;
	len = hf_segment_len(&in.seg);
	if (in.ipv6 & 1) {
		l3 = sizeof(p.ip6);
		hf_ipv6_write(&p.ip6, &in.seg, in.from, in.to);
		addrs = hf_csum_words(in.from, 4, hf_csum_words(in.to, 4, 0));
	} else {
		l3 = sizeof(p.ip4);
		hf_ipv4_write(&p.ip4, &in.seg, in.from[0], in.to[0]);
		addrs = (__u64)in.from[0] + in.to[0];
		HOLDS(sum(p.b, 20, 0) == 0xffff);
	}
	tcp = (struct tcphdr *)(p.b + l3);
	hf_tcp_write(tcp, &in.seg, in.ports, addrs);
	for (size_t i = l3 + 20; i < sizeof(p); i++)
		HOLDS(p.b[i] == 0xee);
	memcpy(tcp + 1, in.seg.options, len - 20);
	/* Addresses stand right before the segment in both families. */
	HOLDS(sum(p.b + l3 - (l3 == 20 ? 8 : 32), len + (l3 == 20 ? 8 : 32),
		  6 + (uint32_t)len) == 0xffff);
	return 0;
}
