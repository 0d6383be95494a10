// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "daemon/frame.h"
#include "handfast/segment.h"

#define TCP_FLAGS_ACK 0x10
#define TCP_FLAGS_PSH 0x08
#define TCP_FLAGS_ECN 0xc0

static uint16_t read16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Offset of the network header; *proto: what it is. 0: too short. */
static size_t frame_l3(const uint8_t *frame, size_t len, uint16_t *proto)
{
	size_t off = sizeof(struct ethhdr);

	if (len < off)
		return 0;
	*proto = read16(frame + 12);
	for (int i = 0; i < 2; i++) {
		if (*proto != ETH_P_8021Q && *proto != ETH_P_8021AD)
			break;
		if (len < off + 4)
			return 0;
		*proto = read16(frame + off + 2);
		off += 4;
	}
	return off;
}

/* Offset of TCP from the IPv6 header, 0 if there is none; XDP has walked the
 * same headers before. */
static size_t ipv6_l4(const uint8_t *ip, size_t len)
{
	size_t off = sizeof(struct ipv6hdr);
	uint8_t next = ip[6];

	while (next != IPPROTO_TCP) {
		if ((next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING &&
		     next != IPPROTO_DSTOPTS) ||
		    off + 8 > len)
			return 0;
		next = ip[off];
		off += (size_t)(ip[off + 1] + 1) * 8;
	}
	return off;
}

static bool frame_read_tcp(const uint8_t *tcp, size_t len,
			   struct frame_info *info)
{
	size_t header;

	if (len < sizeof(struct tcphdr))
		return false;
	header = (size_t)(tcp[12] >> 4) * 4;
	if (header < sizeof(struct tcphdr) || header > len)
		return false;
	info->tuple.rport = read16(tcp);
	info->tuple.lport = read16(tcp + 2);
	info->payload = (uint32_t)(len - header);
	info->bare_ack =
	    !info->payload &&
	    (tcp[13] & ~(TCP_FLAGS_PSH | TCP_FLAGS_ECN)) == TCP_FLAGS_ACK;
	return true;
}

static void addr_from_ipv4(struct hf_addr *addr, const uint8_t *ip)
{
	memset(addr->b, 0, 10);
	memset(addr->b + 10, 0xff, 2);
	memcpy(addr->b + 12, ip, 4);
}

bool frame_read(const uint8_t *frame, size_t len, struct frame_info *info)
{
	uint16_t proto;
	size_t l3 = frame_l3(frame, len, &proto);
	const uint8_t *ip = frame + l3;
	size_t l4, total;

	memset(info, 0, sizeof(*info));
	if (!l3)
		return false;
	len -= l3;
	if (proto == ETH_P_IP && len >= sizeof(struct iphdr)) {
		l4 = (size_t)(ip[0] & 15) * 4;
		total = read16(ip + 2);
		addr_from_ipv4(&info->tuple.raddr, ip + 12);
		addr_from_ipv4(&info->tuple.laddr, ip + 16);
	} else if (proto == ETH_P_IPV6 && len >= sizeof(struct ipv6hdr)) {
		l4 = ipv6_l4(ip, len);
		total = sizeof(struct ipv6hdr) + read16(ip + 4);
		memcpy(info->tuple.raddr.b, ip + 8, 16);
		memcpy(info->tuple.laddr.b, ip + 24, 16);
	} else {
		return false;
	}
	if (!l4 || total > len || l4 > total)
		return false;
	return frame_read_tcp(ip + l4, total - l4, info);
}

/* Who sends a frame, and to whom. */
struct frame_ends {
	const uint8_t *from_mac, *to_mac;
	const struct hf_addr *from, *to;
	uint16_t from_port, to_port;
};

static size_t frame_link(uint8_t *frame, const struct frame_ends *ends,
			 const struct hf_request *req, uint16_t proto)
{
	size_t off = 12;

	memcpy(frame, ends->to_mac, 6);
	memcpy(frame + 6, ends->from_mac, 6);
	for (int i = 0; i < req->vlan_count && i < 2; i++) {
		memcpy(frame + off, &req->vlan_proto[i], 2);
		memcpy(frame + off + 2, &req->vlan_tci[i], 2);
		off += 4;
	}
	proto = htons(proto);
	memcpy(frame + off, &proto, 2);
	return off + 2;
}

static size_t frame_write(uint8_t frame[FRAME_WRITTEN_MAX], bool ipv4,
			  const struct frame_ends *ends,
			  const struct hf_request *req,
			  const struct hf_segment *seg)
{
	/* Headers are built aligned, then copied behind the link header. */
	union {
		struct iphdr ip4;
		struct ipv6hdr ip6;
	} ip;
	struct {
		struct tcphdr tcp;
		uint32_t options[HF_SEGMENT_OPTIONS];
	} l4;
	size_t l3_len = ipv4 ? sizeof(ip.ip4) : sizeof(ip.ip6);
	uint32_t from[4], to[4];
	uint64_t sum;
	size_t off;

	memcpy(from, ends->from->b, 16);
	memcpy(to, ends->to->b, 16);
	if (ipv4) {
		hf_ipv4_write(&ip.ip4, seg, from[3], to[3]);
		sum = (uint64_t)from[3] + to[3];
	} else {
		hf_ipv6_write(&ip.ip6, seg, from, to);
		sum = hf_csum_words(from, 4, hf_csum_words(to, 4, 0));
	}
	hf_tcp_write(&l4.tcp, seg,
		     htonl((uint32_t)ends->from_port << 16 | ends->to_port),
		     sum);
	memcpy(l4.options, seg->options, sizeof(l4.options));
	off = frame_link(frame, ends, req, ipv4 ? ETH_P_IP : ETH_P_IPV6);
	memcpy(frame + off, &ip, l3_len);
	memcpy(frame + off + l3_len, &l4, hf_segment_len(seg));
	return off + l3_len + hf_segment_len(seg);
}

size_t frame_synack(uint8_t frame[FRAME_WRITTEN_MAX],
		    const struct hf_tuple *tuple, const struct hf_request *req,
		    uint32_t tsval)
{
	const struct frame_ends ends = {
	    .from_mac = req->local_mac,
	    .to_mac = req->client_mac,
	    .from = &tuple->laddr,
	    .to = &tuple->raddr,
	    .from_port = tuple->lport,
	    .to_port = tuple->rport,
	};
	struct hf_synack_options options = {
	    .mss = req->adv_mss,
	    .wscale = req->rcv_wscale,
	    .sack = req->flags & HF_REQUEST_SACK,
	    .tstamp = req->flags & HF_REQUEST_TSTAMP,
	    .tsval = tsval,
	    .tsecr = req->ts_recent,
	};
	struct hf_segment seg = {
	    .seq = req->iss,
	    .ack = req->irs + 1,
	    .flags = HF_TCP_SYN | HF_TCP_ACK,
	    .window = req->rcv_wnd,
	    .flowlabel = req->flowlabel,
	    .ttl = req->ttl,
	    .tos = req->tos,
	};

	seg.options_words = hf_synack_options_write(seg.options, &options);
	return frame_write(frame, tuple_is_ipv4(tuple), &ends, req, &seg);
}

size_t frame_ack(uint8_t frame[FRAME_WRITTEN_MAX], const struct hf_tuple *tuple,
		 const struct hf_request *req)
{
	const struct frame_ends ends = {
	    .from_mac = req->client_mac,
	    .to_mac = req->local_mac,
	    .from = &tuple->raddr,
	    .to = &tuple->laddr,
	    .from_port = tuple->rport,
	    .to_port = tuple->lport,
	};
	struct hf_segment seg = {
	    .seq = req->irs + 1,
	    .ack = req->iss + 1,
	    .flags = HF_TCP_ACK,
	    .window = req->snd_wnd,
	    .ttl = 64,
	};

	if (req->snd_wscale != HF_WSCALE_NONE)
		seg.window >>= req->snd_wscale;
	if (req->flags & HF_REQUEST_TSTAMP) {
		seg.options[0] = HF_W(1, 1, 8, 10);
		seg.options[1] = htonl(req->ts_recent);
		seg.options[2] = htonl(req->tsval_last);
		seg.options_words = 3;
	}
	return frame_write(frame, tuple_is_ipv4(tuple), &ends, req, &seg);
}
