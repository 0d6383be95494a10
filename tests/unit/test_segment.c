// SPDX-License-Identifier: BSD-2-Clause
/* The headers of what is sent, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "handfast/segment.h"
#include "random.h"

/* A packet in words, so that headers in it are aligned as in a frame. */
union packet {
	uint32_t w[25];
	uint8_t b[100];
	struct iphdr ip4;
	struct ipv6hdr ip6;
};

static void packet_ipv4(union packet *p, const struct hf_segment *seg,
			uint32_t from, uint32_t to, uint32_t ports)
{
	struct tcphdr *tcp = (struct tcphdr *)(p->b + sizeof(struct iphdr));

	memset(p, 0xee, sizeof(*p));
	hf_ipv4_write(&p->ip4, seg, from, to);
	hf_tcp_write(tcp, seg, ports, (__u64)from + to);
	memcpy(tcp + 1, seg->options, seg->options_words * 4);
}

static void packet_ipv6(union packet *p, const struct hf_segment *seg,
			const uint32_t from[4], const uint32_t to[4],
			uint32_t ports)
{
	struct tcphdr *tcp = (struct tcphdr *)(p->b + sizeof(struct ipv6hdr));

	memset(p, 0xee, sizeof(*p));
	hf_ipv6_write(&p->ip6, seg, from, to);
	hf_tcp_write(
	    tcp, seg, ports, hf_csum_words(from, 4, hf_csum_words(to, 4, 0)));
	memcpy(tcp + 1, seg->options, seg->options_words * 4);
}

static void assert_bytes(const union packet *p, const uint8_t *want, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p->b[i] != want[i])
			fail_msg(
			    "byte %zu is %#x, not %#x", i, p->b[i], want[i]);
	assert_int_equal(p->b[len], 0xee);
}

/* As Linux 6.18 sent it from 10.77.0.1:8080, captured on a veth. */
static const uint8_t linux_ipv4[] = {
    0x45, 0x00, 0x00, 0x3c, 0x00, 0x00, 0x40, 0x00, 0x40, 0x06, 0x26, 0x20,
    0x0a, 0x4d, 0x00, 0x01, 0x0a, 0x4d, 0x00, 0x02, 0x1f, 0x90, 0x9c, 0x40,
    0x29, 0xdc, 0x72, 0xb8, 0x2d, 0x63, 0x30, 0xf2, 0xa0, 0x12, 0xfe, 0x88,
    0x6f, 0x91, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04, 0x02, 0x08, 0x0a,
    0x95, 0x03, 0xda, 0x65, 0xd1, 0xed, 0xcd, 0x24, 0x01, 0x03, 0x03, 0x0a};

static const uint8_t linux_ipv6[] = {
    0x60, 0x0c, 0xfe, 0x6f, 0x00, 0x28, 0x06, 0x40, 0xfd, 0x77, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0xfd, 0x77, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x02, 0x1f, 0x90, 0x9c, 0x41, 0xfe, 0xcc, 0x0a, 0x5d,
    0x6d, 0x23, 0xee, 0x3e, 0xa0, 0x12, 0xfb, 0x04, 0x29, 0xbf, 0x00, 0x00,
    0x02, 0x04, 0x05, 0xa0, 0x04, 0x02, 0x08, 0x0a, 0xa6, 0x51, 0xf8, 0x9b,
    0xc6, 0xe2, 0xa2, 0x1c, 0x01, 0x03, 0x03, 0x0a};

static void test_synack_ipv4(void **state)
{
	struct hf_segment seg = {
	    .seq = 0x29dc72b8,
	    .ack = 0x2d6330f2,
	    .flags = HF_TCP_SYN | HF_TCP_ACK,
	    .window = 65160,
	    .ttl = 64,
	};
	struct hf_synack_options o = {
	    .mss = 1460,
	    .wscale = 10,
	    .sack = true,
	    .tstamp = true,
	    .tsval = 0x9503da65,
	    .tsecr = 0xd1edcd24,
	};
	union packet p;

	(void)state;
	seg.options_words = hf_synack_options_write(seg.options, &o);
	assert_int_equal(hf_segment_len(&seg), 40);
	packet_ipv4(
	    &p, &seg, htonl(0x0a4d0001), htonl(0x0a4d0002), htonl(0x1f909c40));
	assert_bytes(&p, linux_ipv4, sizeof(linux_ipv4));
}

static void test_synack_ipv6(void **state)
{
	struct hf_segment seg = {
	    .seq = 0xfecc0a5d,
	    .ack = 0x6d23ee3e,
	    .flags = HF_TCP_SYN | HF_TCP_ACK,
	    .window = 64260,
	    .flowlabel = 0xcfe6f,
	    .ttl = 64,
	};
	struct hf_synack_options o = {
	    .mss = 1440,
	    .wscale = 10,
	    .sack = true,
	    .tstamp = true,
	    .tsval = 0xa651f89b,
	    .tsecr = 0xc6e2a21c,
	};
	uint32_t from[4] = {htonl(0xfd770000), 0, 0, htonl(1)};
	uint32_t to[4] = {htonl(0xfd770000), 0, 0, htonl(2)};
	union packet p;

	(void)state;
	seg.options_words = hf_synack_options_write(seg.options, &o);
	packet_ipv6(&p, &seg, from, to, htonl(0x1f909c41));
	assert_bytes(&p, linux_ipv6, sizeof(linux_ipv6));
}

/* A bare RST: no ACK bit, no window, no options. */
static void test_rst(void **state)
{
	static const uint8_t want[] = {
	    0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x40, 0x00, 0x3f, 0x06,
	    0x27, 0x34, 0x0a, 0x4d, 0x00, 0x01, 0x0a, 0x4d, 0x00, 0x02,
	    0x00, 0x50, 0x00, 0x07, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00,
	    0x00, 0x00, 0x50, 0x04, 0x00, 0x00, 0x96, 0xe7, 0x00, 0x00};
	struct hf_segment seg = {
	    .seq = 0x01020304,
	    .flags = HF_TCP_RST,
	    .ttl = 63,
	};
	union packet p;

	(void)state;
	packet_ipv4(
	    &p, &seg, htonl(0x0a4d0001), htonl(0x0a4d0002), htonl(0x00500007));
	assert_bytes(&p, want, sizeof(want));
}

static void test_fields(void **state)
{
	struct hf_segment seg = {
	    .flags = HF_TCP_ACK,
	    .window = 0x12345, /* more than the field takes */
	    .flowlabel = 0xfff54321,
	    .ttl = 255,
	    .tos = 0xfc,
	};
	uint32_t none[4] = {0};
	union packet p;

	(void)state;
	packet_ipv4(&p, &seg, 0, 0, 0);
	assert_int_equal(p.b[1], 0xfc);
	assert_int_equal(p.b[8], 255);
	assert_int_equal(p.b[33], 0x10);
	assert_int_equal(p.b[34] << 8 | p.b[35], 0x2345);
	packet_ipv6(&p, &seg, none, none, 0);
	assert_int_equal(ntohl(p.w[0]), 0x6fc54321);
	assert_int_equal(p.b[7], 255);
}

/* Over the packet as it goes out, pseudo header and all, the sum is 0. */
static uint16_t tcp_sum(const uint8_t *addrs, size_t addrs_len,
			const uint8_t *tcp, size_t len)
{
	uint32_t sum = 6 + (uint32_t)len;

	for (size_t i = 0; i < addrs_len; i += 2)
		sum += addrs[i] << 8 | addrs[i + 1];
	for (size_t i = 0; i < len; i += 2)
		sum += tcp[i] << 8 | tcp[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void test_checksums(void **state)
{
	uint64_t seed = 6;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		uint32_t from[4], to[4], ports;
		struct hf_segment seg;
		union packet p;

		random_bytes(&seed, &seg, sizeof(seg));
		random_bytes(&seed, from, sizeof(from));
		random_bytes(&seed, to, sizeof(to));
		ports = (uint32_t)random_next(&seed);
		seg.options_words %= HF_SEGMENT_OPTIONS + 1;
		seg.flags &= HF_TCP_SYN | HF_TCP_ACK | HF_TCP_RST;
		packet_ipv4(&p, &seg, from[0], to[0], ports);
		assert_int_equal(hf_csum_fold(hf_csum_words(p.w, 5, 0)), 0);
		assert_int_equal(
		    tcp_sum(p.b + 12, 8, p.b + 20, hf_segment_len(&seg)), 0);
		packet_ipv6(&p, &seg, from, to, ports);
		assert_int_equal(
		    tcp_sum(p.b + 8, 32, p.b + 40, hf_segment_len(&seg)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_synack_ipv4),
	    cmocka_unit_test(test_synack_ipv6),
	    cmocka_unit_test(test_rst),
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_checksums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
