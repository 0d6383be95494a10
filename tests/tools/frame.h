/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP frames for tests, built and parsed with full control over every field:
 * also the wrong ones. Used by the raw frame sender and by the flood sender.
 */
#ifndef TEST_FRAME_H
#define TEST_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 16384
#define FRAME_AUTO (-1)

#define TH_FIN 0x01
#define TH_SYN 0x02
#define TH_RST 0x04
#define TH_PUSH 0x08
#define TH_ACK 0x10
#define TH_URG 0x20
#define TH_ECE 0x40
#define TH_CWR 0x80

struct vlan_tag {
	uint16_t proto; /* 0x8100 or 0x88a8 */
	uint16_t tci;
};

/* TCP options, read from a frame. */
struct tcp_options {
	int mss; /* -1: absent, as in the next ones */
	int wscale;
	bool sack_ok;
	bool timestamps;
	uint32_t tsval;
	uint32_t tsecr;
};

/*
 * One TCP segment in its Ethernet frame. Host byte order, but for addresses.
 * frame_init() gives an ordinary one; the members after `payload` make it
 * unusual. FRAME_AUTO: the right value is computed.
 */
struct frame {
	uint8_t smac[6], dmac[6];
	int vlans;
	struct vlan_tag vlan[2];
	int family;
	uint8_t src[16], dst[16]; /* 4 bytes used for AF_INET */
	uint16_t sport, dport;
	uint32_t seq, ack;
	uint8_t flags;
	uint16_t window;
	uint8_t options[40]; /* as on the wire; padded with NOPs */
	size_t options_len;
	const uint8_t *payload;
	size_t payload_len;

	uint8_t ttl, tos;
	bool df;
	int tcp_csum; /* FRAME_AUTO, or the value */
	int ip_csum;  /* IPv4 */
	int ip_len;   /* total (IPv4) or payload (IPv6) length */
	int ip_ihl;   /* in words, IPv4 */
	int ip_version;
	int doff; /* in words */
	uint16_t urg;
	uint16_t frag;   /* offset in bytes, a multiple of 8 */
	bool more_frags; /* with it or frag: IPv6 gets a fragment header */
	uint8_t ip_options[40]; /* IPv4: a multiple of 4; IPv6: header chain */
	size_t ip_options_len;
	uint8_t ext_first; /* IPv6: next header value of ip_options[0] */
	size_t pad_to;     /* frame's least length */
	size_t cut_to;     /* 0, or the frame's greatest length */
};

void frame_init(struct frame *frame);

/* Writes the frame. Returns its length, 0 where size does not suffice. */
size_t frame_build(const struct frame *frame, uint8_t *buf, size_t size);

/*
 * Reads a frame: addresses, TCP header, payload (a pointer into buf). Returns
 * 0, or -1 where it is no whole TCP segment. Fragments are none.
 */
int frame_parse(struct frame *frame, const uint8_t *buf, size_t len);

/* True where the TCP checksum of a frame that frame_parse() read is right. */
bool frame_csum_ok(const struct frame *frame);

void frame_read_options(const struct frame *frame, struct tcp_options *opt);

/* Address text to bytes; returns AF_INET, AF_INET6 or 0. */
int frame_parse_addr(const char *text, uint8_t addr[16]);
int frame_parse_mac(const char *text, uint8_t mac[6]);

/* The MAC and index of an interface of this namespace. 0 or -errno. */
int frame_interface(const char *name, int *ifindex, uint8_t mac[6]);

#endif
