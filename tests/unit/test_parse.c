// SPDX-License-Identifier: BSD-2-Clause
/* The parser of the XDP program, on frames of all kinds. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../tools/frame.h"
#include "parse_host.h"
#include "random.h"

#define BUF 2048

static const uint8_t mss_option[4] = {2, 4, 0x05, 0xb4};

static void base_frame(struct frame *f, int family, int vlans)
{
	frame_init(f);
	f->family = family;
	f->vlans = vlans;
	f->vlan[0] = (struct vlan_tag){0x88a8, 0x2064};
	f->vlan[1] = (struct vlan_tag){0x8100, 0x0abc};
	for (int i = 0; i < 16; i++) {
		f->src[i] = (uint8_t)(0x10 + i);
		f->dst[i] = (uint8_t)(0x40 + i);
	}
	f->sport = 40000;
	f->dport = 443;
	f->flags = TH_SYN;
	memcpy(f->options, mss_option, sizeof(mss_option));
	f->options_len = sizeof(mss_option);
}

static void assert_addr(const struct hf_addr *addr, const uint8_t *want,
			int family)
{
	static const uint8_t mapped[12] = {[10] = 0xff, 0xff};

	if (family == AF_INET6) {
		assert_memory_equal(addr->b, want, 16);
		return;
	}
	assert_memory_equal(addr->b, mapped, 12);
	assert_memory_equal(addr->b + 12, want, 4);
}

/* The frame is read as what it was built from. */
static void assert_parsed(const struct frame *f, size_t l4_off)
{
	uint8_t buf[BUF];
	size_t len = frame_build(f, buf, sizeof(buf));
	struct hf_pkt pkt;

	assert_true(len > 0);
	assert_true(parse_host(buf, len, &pkt));
	assert_addr(&pkt.tuple.raddr, f->src, f->family);
	assert_addr(&pkt.tuple.laddr, f->dst, f->family);
	assert_int_equal(pkt.tuple.rport, f->sport);
	assert_int_equal(pkt.tuple.lport, f->dport);
	assert_int_equal(pkt.tuple.scope, 0);
	assert_int_equal(pkt.flags, f->flags);
	assert_int_equal(pkt.ipv6, f->family == AF_INET6);
	assert_int_equal(pkt.l3_off, 14 + f->vlans * 4);
	assert_int_equal(pkt.l4_off, l4_off);
	assert_int_equal(pkt.l4_len, 24 + f->payload_len);
	assert_int_equal(pkt.header, 24);
	assert_int_equal(pkt.vlan_count, f->vlans);
	for (int i = 0; i < f->vlans; i++) {
		assert_int_equal(ntohs(pkt.vlan_proto[i]), f->vlan[i].proto);
		assert_int_equal(ntohs(pkt.vlan_tci[i]), f->vlan[i].tci);
	}
}

static void assert_refused(const struct frame *f)
{
	uint8_t buf[BUF];
	size_t len = frame_build(f, buf, sizeof(buf));
	struct hf_pkt pkt;

	assert_true(len > 0);
	assert_false(parse_host(buf, len, &pkt));
}

static void test_plain(void **state)
{
	struct frame f;

	(void)state;
	for (int vlans = 0; vlans <= 2; vlans++) {
		base_frame(&f, AF_INET, vlans);
		assert_parsed(&f, 14 + vlans * 4 + 20);
		f.payload = (const uint8_t *)"abc";
		f.payload_len = 3;
		f.pad_to = 100;
		assert_parsed(&f, 14 + vlans * 4 + 20);
		base_frame(&f, AF_INET6, vlans);
		assert_parsed(&f, 14 + vlans * 4 + 40);
	}
}

static void test_ipv4_options(void **state)
{
	struct frame f;

	(void)state;
	for (size_t len = 4; len <= 40; len += 4) {
		base_frame(&f, AF_INET, 1);
		memset(f.ip_options, 1, len);
		f.ip_options_len = len;
		assert_parsed(&f, 18 + 20 + len);
	}
}

/* n headers of 8 bytes: hop-by-hop, then destination options. */
static void ext_chain(struct frame *f, int n)
{
	base_frame(f, AF_INET6, 0);
	memset(f->ip_options, 0, sizeof(f->ip_options));
	for (int i = 0; i < n; i++) {
		uint8_t *ext = f->ip_options + i * 8;

		ext[0] = i + 1 < n ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		ext[2] = 1; /* PadN of 4 */
		ext[3] = 4;
	}
	f->ip_options_len = n * 8;
}

static void test_ext_headers(void **state)
{
	struct frame f;

	(void)state;
	for (int n = 1; n <= EXT_HEADERS_MAX; n++) {
		ext_chain(&f, n);
		assert_parsed(&f, 14 + 40 + n * 8);
	}
	/* One of 24 bytes. */
	ext_chain(&f, 1);
	f.ip_options[1] = 2;
	f.ip_options_len = 24;
	assert_parsed(&f, 14 + 40 + 24);
	/* A routing header that was walked to its end. */
	ext_chain(&f, 2);
	f.ip_options[0] = IPPROTO_ROUTING;
	f.ip_options[10] = f.ip_options[11] = 0;
	assert_parsed(&f, 14 + 40 + 16);
}

static void test_ext_headers_hostile(void **state)
{
	static const uint8_t strangers[] = {
	    IPPROTO_NONE, IPPROTO_ESP, IPPROTO_AH, IPPROTO_UDP, 135, 255};
	struct frame f;

	(void)state;
	ext_chain(&f, EXT_HEADERS_MAX + 1);
	assert_refused(&f);
	for (size_t i = 0; i < sizeof(strangers); i++) {
		ext_chain(&f, 1);
		f.ip_options[0] = strangers[i];
		assert_refused(&f);
		ext_chain(&f, 1);
		f.ext_first = strangers[i];
		assert_refused(&f);
	}
	for (int size = 4; size < 256; size++) {
		/* Longer than the packet, or than the frame. */
		ext_chain(&f, 1);
		f.ip_options[1] = (uint8_t)size;
		assert_refused(&f);
		f.ip_len = 65535;
		assert_refused(&f);
	}
	/* Hop-by-hop stands first or not at all. */
	ext_chain(&f, 2);
	f.ext_first = IPPROTO_DSTOPTS;
	f.ip_options[0] = IPPROTO_HOPOPTS;
	assert_refused(&f);
	/* Segments left: this host is on the way, not the end of it. */
	ext_chain(&f, 2);
	f.ip_options[0] = IPPROTO_ROUTING;
	f.ip_options[11] = 1;
	assert_refused(&f);
}

static void test_fragments(void **state)
{
	struct frame f;

	(void)state;
	for (int family = AF_INET; family;
	     family = family == AF_INET ? AF_INET6 : 0) {
		base_frame(&f, family, 0);
		f.more_frags = true;
		assert_refused(&f);
		f.frag = 8;
		assert_refused(&f);
		f.more_frags = false;
		assert_refused(&f);
		f.frag = 65528;
		assert_refused(&f);
	}
	base_frame(&f, AF_INET, 0);
	f.df = false;
	assert_parsed(&f, 34);
}

static void test_lengths(void **state)
{
	struct frame f;

	(void)state;
	for (int words = 0; words < 5; words++) {
		base_frame(&f, AF_INET, 0);
		f.ip_ihl = words;
		assert_refused(&f);
	}
	for (int len = 0; len < 40; len++) {
		base_frame(&f, AF_INET, 0);
		f.ip_len = len;
		assert_refused(&f);
	}
	for (int len = 0; len < 20; len++) {
		base_frame(&f, AF_INET6, 0);
		f.ip_len = len;
		assert_refused(&f);
	}
	for (int version = 0; version < 16; version++) {
		base_frame(&f, AF_INET, 0);
		f.ip_version = version;
		if (version != 4)
			assert_refused(&f);
		base_frame(&f, AF_INET6, 0);
		f.ip_version = version;
		if (version != 6)
			assert_refused(&f);
	}
}

static void test_data_offset(void **state)
{
	uint8_t buf[BUF];
	struct hf_pkt pkt;
	struct frame f;

	(void)state;
	for (int words = 0; words < 16; words++) {
		base_frame(&f, AF_INET, 0);
		f.doff = words;
		assert_true(
		    parse_host(buf, frame_build(&f, buf, sizeof(buf)), &pkt));
		assert_int_equal(
		    pkt.header, words == 5 || words == 6 ? words * 4 : 0);
	}
}

static void test_ether_types(void **state)
{
	static const uint16_t types[] = {
	    0, 0x0600, 0x0806, 0x8847, 0x8864, 0x9100, 0xffff};
	struct hf_pkt pkt;
	uint8_t buf[BUF];
	struct frame f;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (int vlans = 0; vlans <= 2; vlans++) {
			base_frame(&f, AF_INET, vlans);
			len = frame_build(&f, buf, sizeof(buf));
			buf[12 + vlans * 4] = (uint8_t)(types[i] >> 8);
			buf[13 + vlans * 4] = (uint8_t)types[i];
			assert_false(parse_host(buf, len, &pkt));
		}
	/* A third tag. */
	base_frame(&f, AF_INET, 2);
	len = frame_build(&f, buf + 4, sizeof(buf) - 4);
	memmove(buf, buf + 4, 12);
	memcpy(buf + 12, (uint8_t[]){0x81, 0, 0, 1}, 4);
	assert_false(parse_host(buf, len + 4, &pkt));
}

/* Less than the TCP header: nothing. From there on: all that there is. */
static void test_truncated(void **state)
{
	static uint8_t payload[64];
	uint8_t buf[BUF];
	struct hf_pkt pkt;
	struct frame f;
	size_t len;

	(void)state;
	for (int form = 0; form < 6; form++) {
		ext_chain(&f, 2);
		if (form < 3) {
			base_frame(&f, AF_INET, form);
			f.ip_options_len = 8;
		}
		f.vlans = form % 3;
		f.vlan[0].proto = f.vlan[1].proto = 0x8100;
		f.payload = payload;
		f.payload_len = sizeof(payload);
		len = frame_build(&f, buf, sizeof(buf));
		for (size_t cut = 0; cut <= len; cut++)
			assert_int_equal(parse_host(buf, cut, &pkt),
					 cut >= len - sizeof(payload) - 4);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_ipv4_options),
	    cmocka_unit_test(test_ext_headers),
	    cmocka_unit_test(test_ext_headers_hostile),
	    cmocka_unit_test(test_fragments),
	    cmocka_unit_test(test_lengths),
	    cmocka_unit_test(test_data_offset),
	    cmocka_unit_test(test_ether_types),
	    cmocka_unit_test(test_truncated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
