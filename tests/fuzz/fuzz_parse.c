// SPDX-License-Identifier: BSD-2-Clause
/* The parser of the XDP program: what it accepts is a segment in the frame. */
#include <netinet/in.h>

#include "../tools/frame.h"
#include "../unit/parse_host.h"
#include "fuzz.h"

/* A frame to change bytes of; form: tags, family, extension headers. */
static size_t seed_frame(uint8_t form, uint8_t *buf, size_t size)
{
	struct frame f;

	frame_init(&f);
	f.family = form & 1 ? AF_INET6 : AF_INET;
	f.vlans = form >> 1 & 3;
	if (f.vlans == 3)
		f.vlans = 0;
	f.vlan[0].proto = f.vlan[1].proto = 0x8100;
	f.flags = TH_SYN;
	f.options_len = form & 0x30;
	f.ip_options_len = form & 0x40 ? 24 : 0;
	for (size_t i = 0; i < f.ip_options_len; i += 8)
		f.ip_options[i] =
		    i + 8 < f.ip_options_len ? IPPROTO_DSTOPTS : IPPROTO_TCP;
	return frame_build(&f, buf, size);
}

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static void check(const uint8_t *frame, size_t len, const struct hf_pkt *pkt)
{
	const uint8_t *ip = frame + pkt->l3_off, *tcp = frame + pkt->l4_off;
	__u32 header = pkt->header;

	HOLDS(pkt->vlan_count <= 2 && pkt->l3_off == 14 + pkt->vlan_count * 4U);
	HOLDS(pkt->l4_off >= pkt->l3_off + (pkt->ipv6 ? 40 : 20));
	HOLDS(pkt->l4_off + 20 <= len && pkt->l4_len >= 20);
	HOLDS(pkt->tuple.rport == get16(tcp) && pkt->flags == tcp[13]);
	HOLDS(pkt->tuple.lport == get16(tcp + 2));
	HOLDS(!header || (header >= 20 && header <= pkt->l4_len));
	HOLDS(ip[0] >> 4 == (pkt->ipv6 ? 6 : 4));
	if (pkt->ipv6) {
		HOLDS(!memcmp(pkt->tuple.raddr.b, ip + 8, 16));
		HOLDS(pkt->l4_off - pkt->l3_off + pkt->l4_len ==
		      40 + get16(ip + 4));
		return;
	}
	HOLDS(!memcmp(pkt->tuple.raddr.b + 12, ip + 12, 4));
	HOLDS(!memcmp(pkt->tuple.laddr.b + 12, ip + 16, 4));
	HOLDS(!(get16(ip + 6) & 0x3fff) && ip[9] == IPPROTO_TCP);
	HOLDS(pkt->l4_off - pkt->l3_off + pkt->l4_len == get16(ip + 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t buf[512], form, change[2];
	struct hf_pkt pkt;
	size_t len, cut;

	fuzz_take(&data, &size, &form, 1);
	len = seed_frame(form, buf, sizeof(buf));
	fuzz_take(&data, &size, change, 1);
	cut = form & 0x80 ? change[0] % len : len;
	for (int n = 0; size && n < 8; n++) {
		fuzz_take(&data, &size, change, 2);
		buf[change[0] % len] = change[1];
	}
	if (parse_host(buf, cut, &pkt))
		check(buf, cut, &pkt);
	return 0;
}
