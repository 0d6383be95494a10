// SPDX-License-Identifier: BSD-2-Clause
/* SYNs answered from syn_table: the whole SYN-ACK, and the request. */
#include <linux/bpf.h>

#include "bpftest.h"
#include "options.h"

/* -------------------------------------------------------------- options */

OPTIONS(mss, MSS(1460))
OPTIONS(mss_ws, MSS(1460), 1, WS(7))
OPTIONS(mss_sack, MSS(1460), 1, 1, SACK)
OPTIONS(windows, MSS(1460), 1, WS(7), 1, 1, SACK)
OPTIONS(mss_ts, MSS(1460), 1, 1, TS)
OPTIONS(mss_ts_ws, MSS(1460), 1, 1, TS, 1, WS(7))
OPTIONS(mss_sack_ts, MSS(1460), SACK, TS)
OPTIONS(freebsd, MSS(1460), 1, WS(7), SACK, TS)
OPTIONS(macos, MSS(1460), 1, WS(7), 1, 1, TS, SACK, 0, 0)
OPTIONS(only_ts, 1, 1, TS)
OPTIONS(hostile, NOP8, WS(7), SACK, MSS(1460), TS, 1, 1, 1, 1, 1)
OPTIONS(nops, NOP8, NOP8, NOP8, NOP8, NOP8)
OPTIONS(scale15, MSS(1460), 1, 3, 3, 15)
OPTIONS(scale255, MSS(1460), 1, 3, 3, 255)
OPTIONS(fast_open, MSS(1460), 34, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1)
OPTIONS(fast_open_ask, MSS(1460), 34, 2, 1, 1)
OPTIONS(mptcp, MSS(1460), SACK, TS, 1, WS(7), 30, 12, 0, 0x81, 1, 2, 3, 4, 5, 6,
	7, 8)
OPTIONS(unknown, 253, 4, 1, 2, MSS(1460))
OPTIONS(malformed, SACK, 3, 0, MSS(1460))
OPTIONS(bad_length, MSS(1460), 8, 40, 1, 2)
OPTIONS(mss0, 2, 4, 0, 0)
OPTIONS(md5, MSS(1460), 1, 1, 19, 18, NOP8, NOP8)
OPTIONS(ao, MSS(1460), 29, 16, NOP8, 1, 1, 1, 1, 1, 1)

static void no_options(struct scene *s)
{
	scene_options(s, NULL, 0);
}

/* What the request keeps of a full set of options. */
static void keeps_all(struct scene *s)
{
	const struct hf_request *r = &s->is;

	assert_int_equal(r->irs, s->frame.seq);
	assert_int_equal(r->snd_wnd, s->frame.window);
	assert_int_equal(r->mss, 1460);
	assert_int_equal(r->snd_wscale, 7);
	assert_int_equal(r->rcv_wscale, 7);
	assert_int_equal(r->flags, HF_REQUEST_SACK | HF_REQUEST_TSTAMP);
	assert_int_equal(r->ts_recent, 5000);
	assert_int_equal(r->tsval_first, r->tsval_last);
	assert_int_equal(r->adv_mss, s->frame.family == AF_INET6 ? 1440 : 1460);
	assert_int_equal(r->num_timeout, 0);
	assert_int_equal(r->listener, s->listener);
	assert_int_equal(
	    r->listener_generation, env.listener[s->listener].generation);
	assert_int_equal(r->ifindex, env.ifindex);
	assert_int_equal(r->queue, s->queue);
	assert_int_equal(r->l3_ifindex, env.ifindex);
	assert_memory_equal(r->client_mac, env.client_mac, 6);
	assert_memory_equal(r->local_mac, env.mac, 6);
	assert_int_equal(r->vlan_count, 0);
	assert_in_range(r->timer_ns, s->start_ns + SEC, s->end_ns + SEC);
	assert_true(r->expires_ns > s->end_ns + 63 * SEC);
	assert_int_equal(env.listener[s->listener].synq_len, 1);
	assert_int_equal(env.fills->half_open, 1);
}

static void counted_for_listener(struct scene *s)
{
	struct hf_listener_stats stats;

	keeps_all(s);
	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.syn_recv, 1);
	assert_int_equal(stats.synack_state, 1);
	assert_int_equal(stats.synack_cookie, 0);
	assert_int_equal(stats.dropped, 0);
}

static void keeps_defaults(struct scene *s)
{
	assert_int_equal(s->is.mss, s->frame.family == AF_INET6 ? 1220 : 536);
	assert_int_equal(s->is.snd_wscale, HF_WSCALE_NONE);
	assert_int_equal(s->is.rcv_wscale, HF_WSCALE_NONE);
	assert_int_equal(s->is.flags, 0);
}

static void keeps_scale14(struct scene *s)
{
	assert_int_equal(s->is.snd_wscale, 14);
}

static void acks_isn_only(struct scene *s)
{
	struct frame got;

	assert_int_equal(frame_parse(&got, s->out, s->out_len), 0);
	assert_int_equal(got.ack, s->frame.seq + 1);
}

static void fast_open_data(struct scene *s)
{
	fast_open(s);
	s->frame.payload = (const uint8_t *)"early data";
	s->frame.payload_len = 10;
}

/* --------------------------------------------------- sysctls, listener */

static void no_timestamps(struct scene *s)
{
	(void)s;
	CONFIG_SET(timestamps, 0);
}

static void no_sack(struct scene *s)
{
	(void)s;
	CONFIG_SET(sack, 0);
}

static void no_scaling(struct scene *s)
{
	(void)s;
	CONFIG_SET(window_scaling, 0);
}

static void no_flowlabels(struct scene *s)
{
	(void)s;
	CONFIG_SET(auto_flowlabels, 0);
}

static void user_mss(struct scene *s)
{
	env.listener[s->listener].user_mss = 1000;
}

static void user_mss_large(struct scene *s)
{
	env.listener[s->listener].user_mss = 9000;
}

static void ttl_tos(struct scene *s)
{
	env.listener[s->listener].ttl = 5;
	env.listener[s->listener].tos = 0xb8;
}

/* ---------------------------------------------------------------- window */

#define SPACE(name, bytes)                                                     \
	static void name(struct scene *s)                                      \
	{                                                                      \
		env.listener[s->listener].rcv_space = bytes;                   \
	}

SPACE(space_0, 0)
SPACE(space_small, 700)
SPACE(space_one, 1448)
SPACE(space_less_than_two, 2895)
SPACE(space_two, 2896)
SPACE(space_64k, 65536)
SPACE(space_65535, 65535)
SPACE(space_huge, 6 * 1024 * 1024)

static void window_700(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 700);
}

static void window_1448(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 1448);
}

static void window_2896(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 2896);
}

/* What Linux shows with its default tcp_rmem and an MTU of 1500. */
static void window_65160(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 65160);
}

static void window_65535(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 65535);
}

static void space_64k_no_ts(struct scene *s)
{
	mss(s);
	space_64k(s);
}

/* 44 segments of 1460 */
static void window_64240(struct scene *s)
{
	assert_int_equal(s->is.rcv_wnd, 64240);
}

/* ------------------------------------------------------- shapes of SYNs */

static void padded(struct scene *s)
{
	scene_options(s, NULL, 0);
	s->frame.pad_to = 60;
}

static void padded_data(struct scene *s)
{
	s->frame.pad_to = 200;
}

static void no_df(struct scene *s)
{
	s->frame.df = false;
}

static void wants_ecn(struct scene *s)
{
	s->frame.flags |= TH_ECE | TH_CWR;
	s->frame.tos = 2;
}

static void odd_flags(struct scene *s)
{
	s->frame.flags |= TH_PUSH | TH_URG;
	s->frame.urg = 1;
}

static void with_data(struct scene *s)
{
	s->frame.payload = (const uint8_t *)"data";
	s->frame.payload_len = 4;
}

static void seq_wraps(struct scene *s)
{
	s->frame.seq = 0xffffffff;
}

static void other_queue(struct scene *s)
{
	s->queue = 1;
}

static void peer_without_state(struct scene *s)
{
	s->frame.window = 0;
}

/* ------------------------------------------------------------- no answer */

static void bad_ip_csum(struct scene *s)
{
	s->frame.ip_csum = 0x1234;
}

static void bad_tcp_csum(struct scene *s)
{
	s->frame.tcp_csum = 0x1234;
}

static void no_tcp_csum(struct scene *s)
{
	s->frame.tcp_csum = 0;
}

static void bad_doff_short(struct scene *s)
{
	s->frame.doff = 4;
}

static void bad_doff_long(struct scene *s)
{
	s->frame.doff = 15;
}

#define SOURCE(name, text)                                                     \
	static void name(struct scene *s)                                      \
	{                                                                      \
		if (strchr(text, ':'))                                         \
			scene_ipv6(s);                                         \
		frame_parse_addr(text, s->frame.src);                          \
	}

SOURCE(from_land, T_LOCAL4)
SOURCE(from_land6, T_LOCAL6)
SOURCE(from_zero, "0.0.0.0")
SOURCE(from_zero_net, "0.1.2.3")
SOURCE(from_loopback, "127.1.2.3")
SOURCE(from_multicast, "224.0.0.1")
SOURCE(from_class_e, "240.0.0.1")
SOURCE(from_broadcast, "255.255.255.255")
SOURCE(from_unspecified6, "::")
SOURCE(from_loopback6, "::1")
SOURCE(from_multicast6, "ff02::1")
SOURCE(from_mapped6, "::ffff:10.9.0.2")
SOURCE(from_compatible6, "::10.9.0.2")

static void land_other_port(struct scene *s)
{
	from_land(s);
	s->frame.sport = 1234;
}

static void queue_full_of_children(struct scene *s)
{
	acceptq_place(s->listener, env.listener[s->listener].backlog + 1);
}

/* sk_acceptq_is_full() is true from one more than the backlog on. */
static void queue_of_backlog(struct scene *s)
{
	acceptq_place(s->listener, env.listener[s->listener].backlog);
}

static void paused(struct scene *s)
{
	(void)s;
	CONFIG_SET(paused, 1);
}

static void synq_full_off(struct scene *s)
{
	env.listener[s->listener].cookies = HF_COOKIES_OFF;
	env.listener[s->listener].synq_max = 0;
}

static void all_full_off(struct scene *s)
{
	env.listener[s->listener].cookies = HF_COOKIES_OFF;
	CONFIG_SET(half_open_max, 0);
}

static void table_full_off(struct scene *s)
{
	env.listener[s->listener].cookies = HF_COOKIES_OFF;
	table_fill();
}

static void counted_as_dropped(struct scene *s)
{
	struct hf_listener_stats stats;

	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.syn_recv, 1);
	assert_int_equal(stats.dropped, 1);
}

/* Their elements were never requests. */
static void empty_table(struct scene *s)
{
	counted_as_dropped(s);
	world_reset();
}

static void no_worker(struct scene *s)
{
	worker_set(s->queue, false);
}

static void no_worker_here(struct scene *s)
{
	s->queue = 1;
	worker_set(1, false);
}

static void queue_without_ring(struct scene *s)
{
	DEVICE_SET(queues, 1);
	s->queue = 1;
}

static void draining(struct scene *s)
{
	(void)s;
	DEVICE_SET(draining, 1);
}

static void closing(struct scene *s)
{
	env.listener[s->listener].state = HF_LISTENER_CLOSING;
}

static void freed(struct scene *s)
{
	env.listener[s->listener].state = HF_LISTENER_FREE;
}

#define ANSWERED XDP_TX, HF_R_synack_state, 0, A_SYNACK, SYN_RECV
#define DROPPED(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, NO_REQUEST
#define PASSED(reason) XDP_PASS, reason, 0, AS_IT_CAME, NO_REQUEST

static const struct row rows[] = {
    {"IPv4 SYN: Linux's SYN-ACK, a request", NULL, ANSWERED,
     counted_for_listener},
    {"IPv6 SYN: Linux's SYN-ACK, a request", NULL, ANSWERED,
     counted_for_listener, .ipv6 = true},

    {"options: none", no_options, ANSWERED, keeps_defaults},
    {"options: none, IPv6", no_options, ANSWERED, keeps_defaults, .ipv6 = true},
    {"options: MSS", mss, ANSWERED},
    {"options: MSS, scale", mss_ws, ANSWERED},
    {"options: MSS, SACK", mss_sack, ANSWERED},
    {"options: Windows", windows, ANSWERED},
    {"options: MSS, timestamps", mss_ts, ANSWERED},
    {"options: MSS, timestamps, scale", mss_ts_ws, ANSWERED},
    {"options: MSS, SACK, timestamps", mss_sack_ts, ANSWERED},
    {"options: FreeBSD", freebsd, ANSWERED, keeps_all},
    {"options: macOS", macos, ANSWERED, keeps_all},
    {"options: timestamps alone", only_ts, ANSWERED},
    {"options: in no usual order", hostile, ANSWERED, keeps_all},
    {"options: 40 NOPs", nops, ANSWERED, keeps_defaults},
    {"options: MSS, IPv6", mss, ANSWERED, .ipv6 = true},
    {"options: MSS, scale, IPv6", mss_ws, ANSWERED, .ipv6 = true},
    {"options: MSS, SACK, IPv6", mss_sack, ANSWERED, .ipv6 = true},
    {"options: Windows, IPv6", windows, ANSWERED, .ipv6 = true},
    {"options: MSS, timestamps, IPv6", mss_ts, ANSWERED, .ipv6 = true},
    {"options: MSS, timestamps, scale, IPv6", mss_ts_ws, ANSWERED,
     .ipv6 = true},
    {"options: MSS, SACK, timestamps, IPv6", mss_sack_ts, ANSWERED,
     .ipv6 = true},
    {"options: in no usual order, IPv6", hostile, ANSWERED, keeps_all,
     .ipv6 = true},
    {"options: scale 15 counts as 14", scale15, ANSWERED, keeps_scale14},
    {"options: scale 255 counts as 14", scale255, ANSWERED, keeps_scale14},
    {"options: Fast Open cookie, answered without", fast_open, ANSWERED},
    {"options: Fast Open request, answered without", fast_open_ask, ANSWERED},
    {"options: Fast Open data is not acknowledged", fast_open_data, ANSWERED,
     acks_isn_only},
    {"options: MPTCP, plain TCP", mptcp, ANSWERED, keeps_all},
    {"options: unknown ones are not reflected", unknown, ANSWERED},
    {"options: a malformed one ends the list", malformed, ANSWERED},
    {"options: a length past the header ends the list", bad_length, ANSWERED},
    {"options: MSS 0 is none", mss0, ANSWERED, keeps_defaults},
    {"options: MD5 belongs to the kernel", md5, PASSED(HF_R_pass_tcp_auth)},
    {"options: MD5 belongs to the kernel, IPv6", md5,
     PASSED(HF_R_pass_tcp_auth), .ipv6 = true},
    {"options: AO belongs to the kernel", ao, PASSED(HF_R_pass_tcp_auth)},

    {"tcp_timestamps=0", no_timestamps, ANSWERED},
    {"tcp_sack=0", no_sack, ANSWERED},
    {"tcp_window_scaling=0", no_scaling, ANSWERED},
    {"auto_flowlabels=0", no_flowlabels, ANSWERED, .ipv6 = true},
    {"TCP_MAXSEG below the device's MSS", user_mss, ANSWERED},
    {"TCP_MAXSEG above the device's MSS", user_mss_large, ANSWERED},
    {"IP_TTL and IP_TOS of the listener", ttl_tos, ANSWERED},
    {"IPv6 hop limit and class of the listener", ttl_tos, ANSWERED,
     .ipv6 = true},

    {"window: no space", space_0, ANSWERED},
    {"window: less than a segment", space_small, ANSWERED, window_700},
    {"window: one segment", space_one, ANSWERED, window_1448},
    {"window: rounded down to segments", space_less_than_two, ANSWERED,
     window_1448},
    {"window: two segments", space_two, ANSWERED, window_2896},
    {"window: Linux's default", space_64k, ANSWERED, window_65160},
    {"window: without timestamps", space_64k_no_ts, ANSWERED, window_64240},
    {"window: 65535 bytes of space", space_65535, ANSWERED, window_65160},
    {"window: never more than the field", space_huge, ANSWERED, window_65535},

    {"frame padded to 60 bytes", padded, ANSWERED},
    {"frame padded with garbage", padded_data, ANSWERED},
    {"DF not set", no_df, ANSWERED},
    {"ECN is not agreed to", wants_ecn, ANSWERED},
    {"PSH and URG on a SYN", odd_flags, ANSWERED},
    {"data on a SYN is not acknowledged", with_data, ANSWERED, acks_isn_only},
    {"client's ISN wraps", seq_wraps, ANSWERED},
    {"window 0 in the SYN", peer_without_state, ANSWERED},
    {"queue 1 has a worker of its own", other_queue, ANSWERED, keeps_all},

    {"bad IP checksum", bad_ip_csum, DROPPED(drop_syn_csum)},
    {"bad TCP checksum", bad_tcp_csum, DROPPED(drop_syn_csum)},
    {"bad TCP checksum, IPv6", bad_tcp_csum, DROPPED(drop_syn_csum),
     .ipv6 = true},
    {"TCP checksum 0", no_tcp_csum, DROPPED(drop_syn_csum)},
    {"data offset below 5", bad_doff_short, DROPPED(drop_syn_malformed)},
    {"data offset past the segment", bad_doff_long,
     DROPPED(drop_syn_malformed)},

    {"source: LAND", from_land, DROPPED(drop_syn_source)},
    {"source: LAND, other port", land_other_port, DROPPED(drop_syn_source)},
    {"source: LAND, IPv6", from_land6, DROPPED(drop_syn_source)},
    {"source: 0.0.0.0", from_zero, DROPPED(drop_syn_source)},
    {"source: 0/8", from_zero_net, DROPPED(drop_syn_source)},
    {"source: loopback", from_loopback, DROPPED(drop_syn_source)},
    {"source: multicast", from_multicast, DROPPED(drop_syn_source)},
    {"source: class E", from_class_e, DROPPED(drop_syn_source)},
    {"source: broadcast", from_broadcast, DROPPED(drop_syn_source)},
    {"source: ::", from_unspecified6, DROPPED(drop_syn_source)},
    {"source: ::1", from_loopback6, DROPPED(drop_syn_source)},
    {"source: multicast, IPv6", from_multicast6, DROPPED(drop_syn_source)},
    {"source: v4-mapped", from_mapped6, DROPPED(drop_syn_source)},
    {"source: v4-compatible", from_compatible6, DROPPED(drop_syn_source)},

    {"accept queue full", queue_full_of_children,
     DROPPED(drop_syn_acceptq_full), counted_as_dropped},
    {"accept queue holds the backlog: one more fits", queue_of_backlog,
     ANSWERED},
    {"the daemon runs out of descriptors", paused, DROPPED(drop_paused)},
    {"half-open requests of the listener, cookies off", synq_full_off,
     DROPPED(drop_synq_full), counted_as_dropped},
    {"half-open requests in all, cookies off", all_full_off,
     DROPPED(drop_synq_full), counted_as_dropped},
    {"syn_table full, cookies off", table_full_off,
     DROPPED(drop_syn_table_full), empty_table},

    {"no worker: the kernel's listener", no_worker,
     PASSED(HF_R_pass_no_worker)},
    {"no worker on this queue", no_worker_here, PASSED(HF_R_pass_no_worker)},
    {"a queue that has no ring", queue_without_ring,
     PASSED(HF_R_pass_no_worker)},
    {"device about to be detached", draining, PASSED(HF_R_pass_no_worker)},
    {"listener closes", closing, PASSED(HF_R_pass_closing)},
    {"listener is gone", freed, PASSED(NOTHING)},
};

ROWS_MAIN(rows)
