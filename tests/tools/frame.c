// SPDX-License-Identifier: BSD-2-Clause
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "frame.h"

#define TCP_MIN 20
#define IP4_MIN 20
#define IP6_HDR 40
#define IP6_FRAG 44 /* next header: fragment */

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

static uint32_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

static uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t len)
{
	for (; len > 1; p += 2, len -= 2)
		sum += get16(p);
	if (len)
		sum += p[0] << 8;
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static size_t addr_len(const struct frame *f)
{
	return f->family == AF_INET ? 4 : 16;
}

/* Of a segment whose own checksum field is in it, or is zero. */
static uint16_t tcp_csum(const struct frame *f, const uint8_t *tcp, size_t len)
{
	uint32_t sum = IPPROTO_TCP + len;

	sum = sum_bytes(sum, f->src, addr_len(f));
	sum = sum_bytes(sum, f->dst, addr_len(f));
	return sum_fold(sum_bytes(sum, tcp, len));
}

void frame_init(struct frame *f)
{
	memset(f, 0, sizeof(*f));
	f->family = AF_INET;
	f->window = 64240;
	f->ttl = 64;
	f->df = true;
	f->tcp_csum = FRAME_AUTO;
	f->ip_csum = FRAME_AUTO;
	f->ip_len = FRAME_AUTO;
	f->ip_ihl = FRAME_AUTO;
	f->ip_version = FRAME_AUTO;
	f->doff = FRAME_AUTO;
	f->ext_first = IPPROTO_HOPOPTS;
}

static size_t build_ether(const struct frame *f, uint8_t *p)
{
	size_t n = 12;
	int i;

	memcpy(p, f->dmac, 6);
	memcpy(p + 6, f->smac, 6);
	for (i = 0; i < f->vlans; i++, n += 4) {
		put16(p + n, f->vlan[i].proto);
		put16(p + n + 2, f->vlan[i].tci);
	}
	put16(p + n, f->family == AF_INET ? ETH_P_IP : ETH_P_IPV6);
	return n + 2;
}

static size_t build_ip4(const struct frame *f, uint8_t *p, size_t tcp_len)
{
	size_t len = IP4_MIN + f->ip_options_len;
	uint32_t frag = f->frag / 8;

	if (f->more_frags)
		frag |= 0x2000;
	else if (f->df && !f->frag)
		frag |= 0x4000;
	p[0] = (f->ip_version == FRAME_AUTO ? 4 : f->ip_version) << 4 |
	       (f->ip_ihl == FRAME_AUTO ? (int)len / 4 : f->ip_ihl);
	p[1] = f->tos;
	put16(
	    p + 2, f->ip_len == FRAME_AUTO ? len + tcp_len : (size_t)f->ip_len);
	put16(p + 4, 0x1234);
	put16(p + 6, frag);
	p[8] = f->ttl;
	p[9] = IPPROTO_TCP;
	put16(p + 10, 0);
	memcpy(p + 12, f->src, 4);
	memcpy(p + 16, f->dst, 4);
	memcpy(p + IP4_MIN, f->ip_options, f->ip_options_len);
	put16(p + 10, f->ip_csum == FRAME_AUTO ? sum_fold(sum_bytes(0, p, len))
					       : f->ip_csum);
	return len;
}

static size_t build_ip6(const struct frame *f, uint8_t *p, size_t tcp_len)
{
	bool fragment = f->frag || f->more_frags;
	size_t ext = f->ip_options_len + (fragment ? 8 : 0);
	uint8_t *q = p + IP6_HDR;

	put32(p, (uint32_t)(f->ip_version == FRAME_AUTO ? 6 : f->ip_version)
			 << 28 |
		     f->tos << 20);
	put16(
	    p + 4, f->ip_len == FRAME_AUTO ? ext + tcp_len : (size_t)f->ip_len);
	p[6] = f->ip_options_len ? f->ext_first
	       : fragment        ? IP6_FRAG
				 : IPPROTO_TCP;
	p[7] = f->ttl;
	memcpy(p + 8, f->src, 16);
	memcpy(p + 24, f->dst, 16);
	/* The chain's own last next-header byte is the caller's business. */
	memcpy(q, f->ip_options, f->ip_options_len);
	q += f->ip_options_len;
	if (fragment) {
		q[0] = IPPROTO_TCP;
		q[1] = 0;
		put16(q + 2, (f->frag & ~7U) | f->more_frags);
		put32(q + 4, 0x12345678);
	}
	return IP6_HDR + ext;
}

static void build_tcp(const struct frame *f, uint8_t *p, size_t options_len)
{
	size_t len = TCP_MIN + options_len;

	put16(p, f->sport);
	put16(p + 2, f->dport);
	put32(p + 4, f->seq);
	put32(p + 8, f->ack);
	p[12] = (f->doff == FRAME_AUTO ? (int)len / 4 : f->doff) << 4;
	p[13] = f->flags;
	put16(p + 14, f->window);
	put16(p + 16, 0);
	put16(p + 18, f->urg);
	memset(p + TCP_MIN, 1, options_len); /* NOP */
	memcpy(p + TCP_MIN, f->options, f->options_len);
	if (f->payload_len)
		memcpy(p + len, f->payload, f->payload_len);
	put16(p + 16, f->tcp_csum == FRAME_AUTO
			  ? tcp_csum(f, p, len + f->payload_len)
			  : f->tcp_csum);
}

size_t frame_build(const struct frame *f, uint8_t *buf, size_t size)
{
	size_t options_len = (f->options_len + 3) & ~3UL;
	size_t tcp_len = TCP_MIN + options_len + f->payload_len;
	size_t n;

	if (size < 14 + 8 + IP6_HDR + 48 + tcp_len || size < f->pad_to)
		return 0;
	n = build_ether(f, buf);
	if (f->family == AF_INET)
		n += build_ip4(f, buf + n, tcp_len);
	else
		n += build_ip6(f, buf + n, tcp_len);
	build_tcp(f, buf + n, options_len);
	n += tcp_len;
	if (n < f->pad_to) {
		memset(buf + n, 0xa5, f->pad_to - n);
		n = f->pad_to;
	}
	return f->cut_to && f->cut_to < n ? f->cut_to : n;
}

/* Returns the offset of the IP header, or 0. */
static size_t parse_ether(struct frame *f, const uint8_t *p, size_t len)
{
	size_t n = 12;
	uint32_t proto;

	if (len < 14)
		return 0;
	memcpy(f->dmac, p, 6);
	memcpy(f->smac, p + 6, 6);
	proto = get16(p + n);
	while ((proto == ETH_P_8021Q || proto == ETH_P_8021AD) &&
	       f->vlans < 2 && n + 6 <= len) {
		f->vlan[f->vlans].proto = proto;
		f->vlan[f->vlans++].tci = get16(p + n + 2);
		n += 4;
		proto = get16(p + n);
	}
	if (proto == ETH_P_IP)
		f->family = AF_INET;
	else if (proto == ETH_P_IPV6)
		f->family = AF_INET6;
	else
		return 0;
	return n + 2;
}

/* Offset of the TCP header in *off and its end in *end. */
static int parse_ip(struct frame *f, const uint8_t *p, size_t len, size_t *off,
		    size_t *end)
{
	const uint8_t *ip = p + *off;

	if (f->family == AF_INET) {
		if (*off + IP4_MIN > len || ip[9] != IPPROTO_TCP ||
		    (get16(ip + 6) & 0x3fff))
			return -1;
		f->df = get16(ip + 6) & 0x4000;
		f->tos = ip[1];
		f->ttl = ip[8];
		memcpy(f->src, ip + 12, 4);
		memcpy(f->dst, ip + 16, 4);
		*end = *off + get16(ip + 2);
		*off += (ip[0] & 15) * 4;
	} else {
		if (*off + IP6_HDR > len || ip[6] != IPPROTO_TCP)
			return -1;
		f->tos = get16(ip) >> 4;
		f->ttl = ip[7];
		memcpy(f->src, ip + 8, 16);
		memcpy(f->dst, ip + 24, 16);
		*end = *off + IP6_HDR + get16(ip + 4);
		*off += IP6_HDR;
	}
	return *end <= len && *off + TCP_MIN <= *end ? 0 : -1;
}

int frame_parse(struct frame *f, const uint8_t *buf, size_t len)
{
	size_t off, end, doff;
	const uint8_t *tcp;

	frame_init(f);
	off = parse_ether(f, buf, len);
	if (!off || parse_ip(f, buf, len, &off, &end))
		return -1;
	tcp = buf + off;
	doff = (tcp[12] >> 4) * 4;
	if (doff < TCP_MIN || off + doff > end)
		return -1;
	f->sport = get16(tcp);
	f->dport = get16(tcp + 2);
	f->seq = get32(tcp + 4);
	f->ack = get32(tcp + 8);
	f->flags = tcp[13];
	f->window = get16(tcp + 14);
	f->options_len = doff - TCP_MIN;
	memcpy(f->options, tcp + TCP_MIN, f->options_len);
	f->payload = tcp + doff;
	f->payload_len = end - off - doff;
	return 0;
}

bool frame_csum_ok(const struct frame *f)
{
	const uint8_t *tcp = f->payload - TCP_MIN - f->options_len;

	return !tcp_csum(f, tcp, TCP_MIN + f->options_len + f->payload_len);
}

void frame_read_options(const struct frame *f, struct tcp_options *opt)
{
	const uint8_t *p = f->options;
	size_t left = f->options_len;

	*opt = (struct tcp_options){.mss = -1, .wscale = -1};
	while (left && *p) {
		if (*p == 1) {
			p++;
			left--;
			continue;
		}
		if (left < 2 || p[1] < 2 || p[1] > left)
			return;
		if (p[0] == 2 && p[1] == 4)
			opt->mss = get16(p + 2);
		else if (p[0] == 3 && p[1] == 3)
			opt->wscale = p[2];
		else if (p[0] == 4)
			opt->sack_ok = true;
		else if (p[0] == 8 && p[1] == 10) {
			opt->timestamps = true;
			opt->tsval = get32(p + 2);
			opt->tsecr = get32(p + 6);
		}
		left -= p[1];
		p += p[1];
	}
}

int frame_parse_addr(const char *text, uint8_t addr[16])
{
	memset(addr, 0, 16);
	if (inet_pton(AF_INET, text, addr) == 1)
		return AF_INET;
	if (inet_pton(AF_INET6, text, addr) == 1)
		return AF_INET6;
	return 0;
}

int frame_parse_mac(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1],
		      &mac[2], &mac[3], &mac[4], &mac[5]) == 6
		   ? 0
		   : -EINVAL;
}

int frame_interface(const char *name, int *ifindex, uint8_t mac[6])
{
	struct ifreq ifr = {0};
	int fd, err = 0;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	*ifindex = if_nametoindex(name);
	if (!*ifindex)
		return -errno;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		err = -errno;
	else
		memcpy(mac, ifr.ifr_hwaddr.sa_data, 6);
	close(fd);
	return err;
}
