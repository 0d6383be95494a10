// SPDX-License-Identifier: BSD-2-Clause
/*
 * Which frames are looked at: everything else passes, bit for bit. And the
 * unusual ones that are: tags, IP options, extension headers.
 */
#include <linux/bpf.h>

#include "bpftest.h"

/* --------------------------------------------------------- not for us */

static void other_port(struct scene *s)
{
	s->frame.dport = T_PORT_FREE;
}

static void other_port_ack(struct scene *s)
{
	s->frame.dport = T_PORT_FREE;
	s->frame.flags = TH_ACK;
}

/* From a listed port of somebody else: the answer to our own connect(). */
static void answer_to_us(struct scene *s)
{
	s->frame.dport = 50000;
	s->frame.sport = T_PORT;
	s->frame.flags = TH_SYN | TH_ACK;
}

static void other_device(struct scene *s)
{
	s->ifindex = env.other_ifindex;
}

static void other_mac(struct scene *s)
{
	for (int i = 0; i < 6; i++) {
		s->frame.dmac[i] ^= i ? 1 : 2;
		scene_expect(s, XDP_PASS, NOTHING);
		assert_memory_equal(s->out, s->in, s->in_len);
		s->frame.dmac[i] ^= i ? 1 : 2;
	}
	s->frame.dmac[5] ^= 0x80;
}

static void to_broadcast_mac(struct scene *s)
{
	memset(s->frame.dmac, 0xff, 6);
}

static void to_multicast_mac(struct scene *s)
{
	static const uint8_t mac[6] = {1, 0, 0x5e, 0, 0, 1};

	memcpy(s->frame.dmac, mac, 6);
}

#define DESTINATION(name, text)                                                \
	static void name(struct scene *s)                                      \
	{                                                                      \
		if (strchr(text, ':'))                                         \
			scene_ipv6(s);                                         \
		frame_parse_addr(text, s->frame.dst);                          \
	}

DESTINATION(to_other_host, "10.9.0.77")
DESTINATION(to_other_host6, "fd09::77")
DESTINATION(to_directed_broadcast, "10.9.0.255")
DESTINATION(to_broadcast, "255.255.255.255")
DESTINATION(to_multicast, "224.0.0.1")
DESTINATION(to_multicast6, "ff02::1")
DESTINATION(to_loopback, "127.0.0.1")
DESTINATION(to_loopback6, "::1")
DESTINATION(to_unspecified, "0.0.0.0")
DESTINATION(to_unspecified6, "::")

/* Listeners that no frame from outside may reach. */
static void loopback_listener(struct scene *s)
{
	to_loopback(s);
	listener_put(L_SPARE, "127.0.0.1", T_PORT, 0);
}

static void loopback_listener6(struct scene *s)
{
	to_loopback6(s);
	listener_put(L_SPARE, "::1", T_PORT, 0);
}

static void multicast_listener(struct scene *s)
{
	to_multicast(s);
	listener_put(L_SPARE, "224.0.0.1", T_PORT, 0);
}

static void broadcast_listener(struct scene *s)
{
	to_broadcast(s);
	listener_put(L_SPARE, "255.255.255.255", T_PORT, 0);
}

/* ------------------------------------------------------------ no segment */

static void raw_frame(struct scene *s)
{
	s->in_len = frame_build(&s->frame, s->in, sizeof(s->in));
	s->raw = true;
}

#define BYTE(name, at, value)                                                  \
	static void name(struct scene *s)                                      \
	{                                                                      \
		raw_frame(s);                                                  \
		s->in[at] = value;                                             \
	}

BYTE(arp, 13, 0x06)
BYTE(udp, 14 + 9, 17)
BYTE(icmp, 14 + 9, 1)
BYTE(ipv6_udp, 14 + 6, 17)
BYTE(ipv6_no_next, 14 + 6, 59)
BYTE(ipv6_esp, 14 + 6, 50)
BYTE(ipv6_ah, 14 + 6, 51)
BYTE(version_5, 14, 0x55)
BYTE(ihl_4, 14, 0x44)
BYTE(ipv6_version_4, 14, 0x40)

static void length_field(struct scene *s)
{
	raw_frame(s);
	s->in[12] = 0;
	s->in[13] = 60;
}

static void mpls(struct scene *s)
{
	raw_frame(s);
	s->in[12] = 0x88;
	s->in[13] = 0x47;
}

static void three_tags(struct scene *s)
{
	static const uint8_t tags[12] = {
	    0x81, 0, 0, 0, 0x81, 0, 0, 0, 0x81, 0, 0, 0};

	raw_frame(s);
	memmove(s->in + 24, s->in + 12, s->in_len - 12);
	memcpy(s->in + 12, tags, sizeof(tags));
	s->in_len += sizeof(tags);
}

static void ethernet_alone(struct scene *s)
{
	s->frame.cut_to = 14;
}

static void first_fragment(struct scene *s)
{
	s->frame.more_frags = true;
}

static void later_fragment(struct scene *s)
{
	s->frame.frag = 8;
	s->frame.more_frags = true;
}

static void last_fragment(struct scene *s)
{
	s->frame.frag = 1480;
}

static void total_length_short(struct scene *s)
{
	s->frame.ip_len = 39;
}

static void total_length_zero(struct scene *s)
{
	s->frame.ip_len = 0;
}

static void total_length_long(struct scene *s)
{
	s->frame.ip_len = 1500;
}

/* Header and options end with the packet: 20 and 20 bytes are there. */
static void total_length_in_options(struct scene *s)
{
	s->frame.ip_len = 50;
}

/* Every flag byte that is no SYN: an established connection's, if any's. */
static void all_flags(struct scene *s)
{
	for (int flags = 0; flags < 256; flags++) {
		s->frame.flags = (uint8_t)flags;
		if ((flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN)
			continue;
		scene_expect(s, XDP_PASS, NOTHING);
		assert_memory_equal(s->out, s->in, s->in_len);
		assert_false(s->has);
	}
	s->frame.flags = TH_SYN;
}

static void bad_offset_ack(struct scene *s)
{
	s->frame.flags = TH_ACK;
	s->frame.doff = 3;
	env.port[T_PORT].cookies = 1;
}

/* ------------------------------------------------------------ truncated */

/* Less than a TCP header passes; what lacks of a SYN then drops it. */
static void truncated(struct scene *s)
{
	size_t len = frame_build(&s->frame, s->in, sizeof(s->in));
	size_t options = s->frame.options_len, data = s->frame.payload_len;
	size_t header = len - options - data;

	for (size_t cut = 14; cut < len; cut++) {
		s->frame.cut_to = cut;
		if (cut < header)
			scene_expect(s, XDP_PASS, NOTHING);
		else if (cut < header + options)
			scene_expect(s, XDP_DROP, HF_R_drop_syn_malformed);
		else
			scene_expect(s, XDP_DROP, HF_R_drop_syn_csum);
		assert_int_equal(s->out_len, cut);
		assert_memory_equal(s->out, s->in, cut);
		assert_false(s->has);
	}
	s->frame.cut_to = 0;
}

static void truncated_data(struct scene *s)
{
	s->frame.payload = (const uint8_t *)"some bytes of data";
	s->frame.payload_len = 18;
	truncated(s);
}

static void ip_options(struct scene *s, size_t len)
{
	memset(s->frame.ip_options, 1, len);
	s->frame.ip_options_len = len;
}

static void truncated_ip_options(struct scene *s)
{
	ip_options(s, 40);
	truncated(s);
}

static void vlan_known(struct scene *s)
{
	struct hf_device vlan;

	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &vlan);
	memcpy(s->frame.dmac, vlan.mac, 6);
	s->l3_ifindex = T_VLAN_IFINDEX;
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, T_VLAN};
}

static void truncated_vlan(struct scene *s)
{
	vlan_known(s);
	truncated(s);
}

/* ------------------------------------------------------ IP options, IPv6 */

static void ip_options_4(struct scene *s)
{
	ip_options(s, 4);
}

static void ip_options_40(struct scene *s)
{
	ip_options(s, 40);
}

static void ip_options_bad_csum(struct scene *s)
{
	ip_options(s, 40);
	s->frame.ip_csum = 7;
}

/* n headers of 8 bytes: hop-by-hop, then destination options. */
static void ext_headers(struct scene *s, int n)
{
	memset(s->frame.ip_options, 0, sizeof(s->frame.ip_options));
	for (int i = 0; i < n; i++) {
		uint8_t *ext = s->frame.ip_options + i * 8;

		ext[0] = i + 1 < n ? IPPROTO_DSTOPTS : IPPROTO_TCP;
		ext[2] = 1; /* PadN of 4 */
		ext[3] = 4;
	}
	s->frame.ip_options_len = n * 8;
}

static void hop_by_hop(struct scene *s)
{
	ext_headers(s, 1);
}

static void ext_four(struct scene *s)
{
	ext_headers(s, 4);
}

static void ext_five(struct scene *s)
{
	ext_headers(s, 5);
}

static void ext_long(struct scene *s)
{
	ext_headers(s, 1);
	s->frame.ip_options[1] = 4;
	s->frame.ip_options_len = 40;
}

static void routing(struct scene *s)
{
	ext_headers(s, 2);
	s->frame.ip_options[0] = IPPROTO_ROUTING;
	memset(s->frame.ip_options + 10, 0, 6);
}

static void routing_on_the_way(struct scene *s)
{
	routing(s);
	s->frame.ip_options[11] = 1;
}

static void hop_by_hop_late(struct scene *s)
{
	ext_headers(s, 2);
	s->frame.ext_first = IPPROTO_DSTOPTS;
	s->frame.ip_options[0] = IPPROTO_HOPOPTS;
}

static void ext_past_packet(struct scene *s)
{
	ext_headers(s, 1);
	s->frame.ip_options[1] = 30;
}

static void ext_bad_csum(struct scene *s)
{
	ext_headers(s, 2);
	s->frame.tcp_csum = 9;
}

static void ext_truncated(struct scene *s)
{
	ext_headers(s, 3);
	truncated(s);
}

/* ----------------------------------------------------------------- VLAN */

static void keeps_tags(struct scene *s)
{
	assert_int_equal(s->is.l3_ifindex, s->l3_ifindex);
	assert_int_equal(s->is.ifindex, env.ifindex);
	assert_int_equal(s->is.vlan_count, s->frame.vlans);
	for (int i = 0; i < s->frame.vlans; i++) {
		assert_int_equal(
		    ntohs(s->is.vlan_proto[i]), s->frame.vlan[i].proto);
		assert_int_equal(
		    ntohs(s->is.vlan_tci[i]), s->frame.vlan[i].tci);
	}
	assert_memory_equal(s->is.local_mac, s->frame.dmac, 6);
}

static void vlan_priority(struct scene *s)
{
	vlan_known(s);
	s->frame.vlan[0].tci |= 0xe000;
}

static void vlan_8021ad(struct scene *s)
{
	vlan_known(s);
	vlan_put(0x88a8, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	s->frame.vlan[0].proto = 0x88a8;
}

static void vlan_other_proto(struct scene *s)
{
	vlan_known(s);
	s->frame.vlan[0].proto = 0x88a8;
}

static void vlan_unknown(struct scene *s)
{
	vlan_known(s);
	s->frame.vlan[0].tci++;
}

static void vlan_no_device(struct scene *s)
{
	vlan_known(s);
	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX + 1);
}

static void vlan_lower_mac(struct scene *s)
{
	vlan_known(s);
	memcpy(s->frame.dmac, env.mac, 6);
}

/* The device itself gets priority-tagged frames. */
static void vlan_zero(struct scene *s)
{
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, 0xa000};
}

static void vlan_two_zero(struct scene *s)
{
	vlan_zero(s);
	s->frame.vlans = 2;
	s->frame.vlan[1] = (struct vlan_tag){0x8100, 0};
}

static void vlan_inner(struct scene *s, uint16_t outer_proto, uint16_t outer,
		       uint16_t inner)
{
	vlan_known(s);
	s->frame.vlans = 2;
	s->frame.vlan[0] = (struct vlan_tag){outer_proto, outer};
	s->frame.vlan[1] = (struct vlan_tag){0x8100, inner};
}

static void qinq(struct scene *s)
{
	vlan_inner(s, 0x88a8, 10, 0x6014);
	vlan_put(0x88a8, 10, 0x8100, 20, T_VLAN_IFINDEX);
}

static void qinq_8021q(struct scene *s)
{
	vlan_inner(s, 0x8100, 10, 20);
	vlan_put(0x8100, 10, 0x8100, 20, T_VLAN_IFINDEX);
}

static void qinq_unknown(struct scene *s)
{
	vlan_inner(s, 0x88a8, 20, 10);
	vlan_put(0x88a8, 10, 0x8100, 20, T_VLAN_IFINDEX);
}

/* Outer tag known alone: not the frame's device. */
static void qinq_outer_only(struct scene *s)
{
	vlan_inner(s, 0x8100, T_VLAN, 20);
}

static void qinq_outer_zero(struct scene *s)
{
	vlan_inner(s, 0x8100, 0xe000, T_VLAN);
}

static void qinq_inner_zero(struct scene *s)
{
	vlan_inner(s, 0x8100, T_VLAN, 0xe000);
}

#define ANSWERED XDP_TX, HF_R_synack_state, 0, A_SYNACK, SYN_RECV
#define DROPPED(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, NO_REQUEST
#define PASSED XDP_PASS, NOTHING, 0, AS_IT_CAME, NO_REQUEST

static const struct row rows[] = {
    {"SYN to a port without listener passes", other_port, PASSED},
    {"SYN to a port without listener passes, IPv6", other_port, PASSED,
     .ipv6 = true},
    {"segment to a port without listener passes", other_port_ack, PASSED},
    {"SYN-ACK for a connect() to a listed port passes", answer_to_us, PASSED},
    {"frame on a device that is not attached passes", other_device, PASSED},
    {"frame for another MAC passes", other_mac, PASSED},
    {"frame for all MACs passes", to_broadcast_mac, PASSED},
    {"frame for a group of MACs passes", to_multicast_mac, PASSED},
    {"forwarded SYN passes", to_other_host, PASSED},
    {"forwarded SYN passes, IPv6", to_other_host6, PASSED},
    {"SYN to the subnet's broadcast passes", to_directed_broadcast, PASSED},
    {"SYN to 255.255.255.255 passes", to_broadcast, PASSED},
    {"SYN to a multicast address passes", to_multicast, PASSED},
    {"SYN to a multicast address passes, IPv6", to_multicast6, PASSED},
    {"SYN to 127.0.0.1 passes", to_loopback, PASSED},
    {"SYN to ::1 passes", to_loopback6, PASSED},
    {"SYN to 0.0.0.0 passes", to_unspecified, PASSED},
    {"SYN to :: passes", to_unspecified6, PASSED},
    {"listener on 127.0.0.1: not from outside", loopback_listener, PASSED},
    {"listener on ::1: not from outside", loopback_listener6, PASSED},
    {"listener on a multicast address: no answer", multicast_listener, PASSED},
    {"listener on 255.255.255.255: no answer", broadcast_listener, PASSED},

    {"ARP passes", arp, PASSED},
    {"MPLS passes", mpls, PASSED},
    {"802.3 length field passes", length_field, PASSED},
    {"three tags pass", three_tags, PASSED},
    {"an Ethernet header alone passes", ethernet_alone, PASSED},
    {"UDP passes", udp, PASSED},
    {"ICMP passes", icmp, PASSED},
    {"UDP passes, IPv6", ipv6_udp, PASSED, .ipv6 = true},
    {"no next header passes, IPv6", ipv6_no_next, PASSED, .ipv6 = true},
    {"ESP passes, IPv6", ipv6_esp, PASSED, .ipv6 = true},
    {"AH passes, IPv6", ipv6_ah, PASSED, .ipv6 = true},
    {"IP version 5 passes", version_5, PASSED},
    {"IP version 4 in an IPv6 frame passes", ipv6_version_4, PASSED,
     .ipv6 = true},
    {"IHL below 5 passes", ihl_4, PASSED},
    {"first fragment passes", first_fragment, PASSED},
    {"middle fragment passes", later_fragment, PASSED},
    {"last fragment passes", last_fragment, PASSED},
    {"first fragment passes, IPv6", first_fragment, PASSED, .ipv6 = true},
    {"middle fragment passes, IPv6", later_fragment, PASSED, .ipv6 = true},
    {"last fragment passes, IPv6", last_fragment, PASSED, .ipv6 = true},
    {"total length below the headers passes", total_length_short, PASSED},
    {"total length 0 passes", total_length_zero, PASSED},
    {"payload length 0 passes, IPv6", total_length_zero, PASSED, .ipv6 = true},
    {"total length past the frame", total_length_long, DROPPED(drop_syn_csum)},
    {"total length past the frame, IPv6", total_length_long,
     DROPPED(drop_syn_csum), .ipv6 = true},
    {"total length ends within the options", total_length_in_options,
     DROPPED(drop_syn_malformed)},
    {"whatever is not a SYN passes without request", all_flags, ANSWERED},
    {"bad data offset, no SYN: passes", bad_offset_ack, PASSED},

    {"cut off anywhere", truncated, ANSWERED},
    {"cut off anywhere, IPv6", truncated, ANSWERED, .ipv6 = true},
    {"cut off anywhere, with data", truncated_data, ANSWERED},
    {"cut off anywhere, with data, IPv6", truncated_data, ANSWERED,
     .ipv6 = true},
    {"cut off anywhere, with IP options", truncated_ip_options, ANSWERED},
    {"cut off anywhere, with extension headers", ext_truncated, ANSWERED,
     .ipv6 = true},
    {"cut off anywhere, tagged", truncated_vlan, ANSWERED},

    {"4 bytes of IP options", ip_options_4, ANSWERED},
    {"40 bytes of IP options", ip_options_40, ANSWERED},
    {"IP options, bad checksum", ip_options_bad_csum, DROPPED(drop_syn_csum)},
    {"hop-by-hop header", hop_by_hop, ANSWERED, .ipv6 = true},
    {"four extension headers", ext_four, ANSWERED, .ipv6 = true},
    {"five extension headers pass", ext_five, PASSED, .ipv6 = true},
    {"extension header of 40 bytes", ext_long, ANSWERED, .ipv6 = true},
    {"routing header at its end", routing, ANSWERED, .ipv6 = true},
    {"routing header with segments left passes", routing_on_the_way, PASSED,
     .ipv6 = true},
    {"hop-by-hop header not first passes", hop_by_hop_late, PASSED,
     .ipv6 = true},
    {"extension header longer than the packet passes", ext_past_packet, PASSED,
     .ipv6 = true},
    {"extension headers, bad checksum", ext_bad_csum, DROPPED(drop_syn_csum),
     .ipv6 = true},

    {"tag: kept in the answer, MSS and TTL of the VLAN device", vlan_known,
     ANSWERED, keeps_tags},
    {"tag, IPv6", vlan_known, ANSWERED, keeps_tags, .ipv6 = true},
    {"tag with priority bits", vlan_priority, ANSWERED, keeps_tags},
    {"tag of 802.1ad", vlan_8021ad, ANSWERED, keeps_tags},
    {"tag of another protocol passes", vlan_other_proto, PASSED},
    {"tag of no VLAN device passes", vlan_unknown, PASSED},
    {"tag of a VLAN device that is not known passes", vlan_no_device, PASSED},
    {"tagged frame for the lower device's MAC passes", vlan_lower_mac, PASSED},
    {"priority tag: the device itself", vlan_zero, ANSWERED, keeps_tags},
    {"two priority tags: the device itself", vlan_two_zero, ANSWERED,
     keeps_tags},
    {"QinQ: both tags kept", qinq, ANSWERED, keeps_tags},
    {"QinQ, IPv6", qinq, ANSWERED, keeps_tags, .ipv6 = true},
    {"two 802.1Q tags", qinq_8021q, ANSWERED, keeps_tags},
    {"QinQ of no VLAN device passes", qinq_unknown, PASSED},
    {"QinQ, only the outer VLAN known: passes", qinq_outer_only, PASSED},
    {"priority tag outside a VLAN tag", qinq_outer_zero, ANSWERED, keeps_tags},
    {"priority tag inside a VLAN tag", qinq_inner_zero, ANSWERED, keeps_tags},
};

ROWS_MAIN(rows)
