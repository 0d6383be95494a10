// SPDX-License-Identifier: BSD-2-Clause
/* SYN cookies: which ACKs they make good. */
#include <linux/bpf.h>
#include <unistd.h>

#include "bpftest.h"
#include "handfast/cookie.h"
#include "options.h"

#define LIFETIME (2 * T_EPOCH_NS)

static struct hf_listener *listener(const struct scene *s)
{
	return &env.listener[s->listener];
}

static void always(struct scene *s)
{
	listener(s)->cookies = HF_COOKIES_ALWAYS;
}

static void vlan(struct scene *s)
{
	struct hf_device dev;

	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &dev);
	memcpy(s->frame.dmac, dev.mac, 6);
	s->l3_ifindex = T_VLAN_IFINDEX;
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, T_VLAN};
}

static void no_options(struct scene *s)
{
	scene_options(s, NULL, 0);
}

OPTIONS(mss_only, MSS(1460))
OPTIONS(mss_1400, MSS(1400))
OPTIONS(mss_1399, MSS(1399))
OPTIONS(mss_300, MSS(300))
OPTIONS(mss_jumbo, MSS(9100), 1, WS(14), SACK, TS)
OPTIONS(windows, MSS(1452), 1, WS(8), 1, 1, SACK)
OPTIONS(no_sack, MSS(1460), 1, 1, TS, 1, WS(0))
OPTIONS(no_scale, MSS(1460), SACK, TS)
OPTIONS(only_ts, 1, 1, TS)
OPTIONS(hostile, 1, SACK, 1, WS(200), MSS(1300), 1, TS)

static void odd_epoch(struct scene *s)
{
	struct hf_keys keys;

	(void)s;
	keys_get(&keys);
	keys.epoch++;
	keys_put(&keys);
}

static void synq_full(struct scene *s)
{
	listener(s)->cookies = HF_COOKIES_AUTO;
	listener(s)->synq_max = 0;
}

static void timestamps_off(struct scene *s)
{
	(void)s;
	CONFIG_SET(timestamps, 0);
}

static void all_off(struct scene *s)
{
	(void)s;
	CONFIG_SET(timestamps, 0);
	CONFIG_SET(sack, 0);
	CONFIG_SET(window_scaling, 0);
}

/* ------------------------------------------------------------- good ACKs */
static void good(struct scene *s)
{
	always(s);
	scene_handshake(s, HF_R_synack_cookie);
}

#define GOOD(name)                                                             \
	static void good_##name(struct scene *s)                               \
	{                                                                      \
		always(s);                                                     \
		name(s);                                                       \
		scene_handshake(s, HF_R_synack_cookie);                        \
	}

GOOD(no_options)
GOOD(mss_only)
GOOD(mss_1400)
GOOD(mss_1399)
GOOD(mss_300)
GOOD(mss_jumbo)
GOOD(windows)
GOOD(no_sack)
GOOD(no_scale)
GOOD(only_ts)
GOOD(hostile)
GOOD(odd_epoch)
GOOD(synq_full)
GOOD(timestamps_off)
GOOD(all_off)
GOOD(vlan)

/* What the request of a cookie is made of. */
static void rebuilt(struct scene *s, uint16_t mss, uint8_t wscale, bool sack,
		    bool tstamp)
{
	const struct hf_request *r = &s->is;

	assert_int_equal(r->irs, s->frame.seq - 1);
	assert_int_equal(r->iss, s->iss);
	assert_int_equal(r->ack_seq, s->frame.seq);
	assert_int_equal(r->mss, mss);
	assert_int_equal(r->snd_wscale, wscale);
	assert_int_equal(r->snd_wnd, wscale == HF_WSCALE_NONE
					 ? s->frame.window
					 : (uint32_t)s->frame.window << wscale);
	assert_int_equal(r->rcv_wscale, wscale == HF_WSCALE_NONE
					    ? HF_WSCALE_NONE
					    : listener(s)->rcv_wscale);
	assert_int_equal(r->flags, HF_REQUEST_COOKIE |
				       (sack ? HF_REQUEST_SACK : 0) |
				       (tstamp ? HF_REQUEST_TSTAMP : 0));
	if (tstamp) {
		assert_int_equal(r->ts_recent, 5001);
		assert_int_equal(r->tsval_first, s->tsval);
		assert_int_equal(r->tsval_last, s->tsval);
		/* The child goes on where the SYN-ACK was. */
		assert_in_range(
		    (uint32_t)(s->start_ns / MSEC) + r->ts_off - s->tsval, 0,
		    LIFETIME / MSEC + 2048);
	}
	assert_int_equal(r->listener, s->listener);
	assert_int_equal(r->listener_generation, listener(s)->generation);
	assert_int_equal(r->ifindex, env.ifindex);
	assert_int_equal(r->l3_ifindex, s->l3_ifindex);
	assert_int_equal(r->queue, s->queue);
	assert_memory_equal(r->client_mac, s->frame.smac, 6);
	assert_memory_equal(r->local_mac, s->frame.dmac, 6);
	assert_true(r->timer_ns > s->end_ns && r->expires_ns > s->end_ns);
	assert_int_equal(env.fills->acked, 1);
	assert_int_equal(listener(s)->acceptq_len, 1);
	assert_int_equal(listener(s)->synq_len, 0);
}

/* The window that the SYN-ACK promised. */
static void rebuilt_window(struct scene *s, bool tstamp)
{
	assert_int_equal(
	    s->is.rcv_wnd, reference_window(65536, s->is.adv_mss, tstamp));
}

#define REBUILT(name, mss, wscale, sack, tstamp)                               \
	static void name(struct scene *s)                                      \
	{                                                                      \
		rebuilt(s, mss, wscale, sack, tstamp);                         \
		rebuilt_window(s, tstamp);                                     \
	}

#define NOSCALE HF_WSCALE_NONE
REBUILT(all_options, 1460, 7, true, true)
REBUILT(all_options6, 1440, 7, true, true)
REBUILT(defaults, 536, NOSCALE, false, false)
REBUILT(defaults6, 1220, NOSCALE, false, false)
REBUILT(just_1460, 1460, NOSCALE, false, false)
REBUILT(just_1400, 1400, NOSCALE, false, false)
REBUILT(just_1360, 1360, NOSCALE, false, false)
REBUILT(just_8960, 8960, 14, true, true)
REBUILT(like_windows, 1452, 8, true, false)
REBUILT(without_sack, 1460, 0, false, true)
REBUILT(without_scale, 1460, NOSCALE, true, true)
REBUILT(just_ts, 536, NOSCALE, false, true)
REBUILT(mss_1200_scale14, 1200, 14, true, true)
REBUILT(without_ts, 1460, 7, true, false)

static void counted(struct scene *s)
{
	struct hf_listener_stats stats;

	all_options(s);
	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.acked, 1);
	assert_int_equal(stats.acked_cookie, 1);
	assert_int_equal(stats.dropped, 0);
}

static void with_data(struct scene *s)
{
	good(s);
	s->frame.flags |= TH_PUSH;
	s->frame.payload = (const uint8_t *)"GET / HTTP/1.0\r\n\r\n";
	s->frame.payload_len = 18;
}

static void with_odd_data(struct scene *s)
{
	with_data(s);
	s->frame.payload_len = 17;
}

static void with_data_and_fin(struct scene *s)
{
	with_data(s);
	s->frame.flags |= TH_FIN;
}

static void next_epoch(struct scene *s)
{
	struct hf_keys keys;

	good(s);
	keys_get(&keys);
	keys.epoch++;
	keys.cookie[keys.epoch & 1][0] ^= 0x1234;
	keys_put(&keys);
}

static void auto_within_lifetime(struct scene *s)
{
	good(s);
	listener(s)->cookies = HF_COOKIES_AUTO;
	listener(s)->cookie_last_ns = now_ns() - (LIFETIME - SEC);
}

/* Another node sent the cookie, with the same keys. */
static void always_never_sent(struct scene *s)
{
	good(s);
	listener(s)->cookie_last_ns = 0;
}

static void other_queue(struct scene *s)
{
	good(s);
	s->queue = 1;
}

static void kernel_listens(struct scene *s)
{
	good(s);
	s->connection.server = kernel_listen(AF_INET, T_PORT);
	s->connection.client = dup(s->connection.server);
}

static void time_wait(struct scene *s)
{
	scene_of_connection(s, AF_INET);
	connection_time_wait(&s->connection);
	good(s);
}

/* -------------------------------------------------------------- bad ACKs */

static void key_gone(struct scene *s)
{
	struct hf_keys keys;

	next_epoch(s);
	keys_get(&keys);
	keys.epoch++;
	keys.cookie[keys.epoch & 1][0] ^= 0x1234;
	keys_put(&keys);
}

/* Everything that the cookie vouches for, changed. */
static void every_bit(struct scene *s)
{
	good(s);
	for (int bit = 0; bit < 32; bit++) {
		s->frame.ack ^= 1U << bit;
		scene_expect(s, XDP_PASS, NOTHING);
		s->frame.ack ^= 1U << bit;
		s->frame.seq ^= 1U << bit;
		scene_expect(s, XDP_PASS, NOTHING);
		s->frame.seq ^= 1U << bit;
		assert_false(s->has);
	}
	s->frame.ack ^= 8; /* the scale */
}

static void other_port(struct scene *s)
{
	good(s);
	s->frame.sport++;
}

static void other_address(struct scene *s)
{
	good(s);
	s->frame.src[s->frame.family == AF_INET ? 3 : 15]++;
}

static void timestamps_left_out(struct scene *s)
{
	good(s);
	scene_options(s, NULL, 0);
}

static void timestamps_made_up(struct scene *s)
{
	static const uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 1};

	good_windows(s);
	scene_options(s, ts, sizeof(ts));
}

/* An ACK to a SYN-ACK of `age` ms ago, by the keys of the host. */
static void cookie_of_age(struct scene *s, uint32_t age)
{
	struct hf_cookie c = {1460, 7, true, true};
	bool ipv6 = s->frame.family == AF_INET6;
	uint8_t ts[12] = {1, 1, 8, 10, 0, 0, 0x13, 0x89};
	struct hf_tuple key;
	struct hf_keys keys;
	uint32_t tsval;

	always(s);
	env.port[T_PORT].cookies = 1;
	keys_get(&keys);
	scene_tuple(s, &key);
	tsval = (uint32_t)(now_ns() / MSEC) - age;
	s->frame.ack =
	    hf_cookie_make(&key, ipv6, &keys, s->frame.seq, &c, &tsval) + 1;
	s->iss = s->frame.ack - 1;
	s->tsval = tsval;
	s->frame.seq++;
	s->frame.flags = TH_ACK;
	for (int i = 0; i < 4; i++)
		ts[8 + i] = (uint8_t)(tsval >> (24 - i * 8));
	scene_options(s, ts, sizeof(ts));
}

static void old_enough(struct scene *s)
{
	cookie_of_age(s, (uint32_t)(LIFETIME / MSEC) - 1000);
}

static void too_old(struct scene *s)
{
	cookie_of_age(s, (uint32_t)(LIFETIME / MSEC) + 3000);
}

static void from_the_future(struct scene *s)
{
	cookie_of_age(s, (uint32_t)-5000);
}

static void not_in_cookie_mode(struct scene *s)
{
	good(s);
	listener(s)->cookies = HF_COOKIES_AUTO;
	listener(s)->cookie_last_ns = 0;
}

static void spell_over(struct scene *s)
{
	good(s);
	listener(s)->cookies = HF_COOKIES_AUTO;
	listener(s)->cookie_last_ns = now_ns() - LIFETIME - SEC;
}

static void port_not_in_cookie_mode(struct scene *s)
{
	not_in_cookie_mode(s);
	env.port[T_PORT].cookies = 0;
}

static void closing(struct scene *s)
{
	good(s);
	listener(s)->state = HF_LISTENER_CLOSING;
}

static void gone(struct scene *s)
{
	good(s);
	listener(s)->state = HF_LISTENER_FREE;
}

static void no_worker(struct scene *s)
{
	good(s);
	worker_set(0, false);
}

static void address_gone(struct scene *s)
{
	good(s);
	env.port[T_PORT].any4 = env.port[T_PORT].any6 = 0;
	env.port[T_PORT].exact = 1;
}

static void other_mac(struct scene *s)
{
	good(s);
	s->frame.dmac[5]++;
}

static void bad_tcp_csum(struct scene *s)
{
	good(s);
	s->frame.tcp_csum = 5;
}

static void bad_ip_csum(struct scene *s)
{
	good(s);
	s->frame.ip_csum = 5;
}

static void bad_csum_odd_data(struct scene *s)
{
	with_odd_data(s);
	s->frame.tcp_csum = 5;
}

static void queue_full_hold(struct scene *s)
{
	good(s);
	acceptq_place(s->listener, listener(s)->backlog + 1);
}

static void queue_full_rst(struct scene *s)
{
	queue_full_hold(s);
	listener(s)->overflow = HF_OVERFLOW_RST;
}

static void dropped(struct scene *s)
{
	struct hf_listener_stats stats;

	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.dropped, 1);
	assert_int_equal(stats.acked, 0);
}

static void table_full_ack(struct scene *s)
{
	good(s);
	table_fill();
}

/* The accept queue's place was given back. */
static void place_back(struct scene *s)
{
	dropped(s);
	assert_int_equal(listener(s)->acceptq_len, 0);
	assert_int_equal(env.fills->acked, 0);
	world_reset();
}

#define FLAGS(name, bits)                                                      \
	static void name(struct scene *s)                                      \
	{                                                                      \
		good(s);                                                       \
		s->frame.flags = (bits);                                       \
	}

FLAGS(rst, TH_RST | TH_ACK)
FLAGS(syn_ack, TH_SYN | TH_ACK)
FLAGS(fin_alone, TH_FIN)
FLAGS(no_flags, 0)

static void bad_offset(struct scene *s)
{
	good(s);
	s->frame.doff = 4;
}

static void of_connection(struct scene *s)
{
	scene_of_connection(s, s->frame.family);
	good(s);
}

static void again(struct scene *s)
{
	good(s);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_cookie);
}

#define ACCEPTED XDP_REDIRECT, HF_R_redirect_cookie, 0, AS_IT_CAME, ACKED
#define DROPPED(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, NO_REQUEST
#define PASSED XDP_PASS, NOTHING, 0, AS_IT_CAME, NO_REQUEST
#define REFUSED XDP_PASS, HF_R_pass_cookie_bad, 0, AS_IT_CAME, NO_REQUEST

static const struct row rows[] = {
    {"ACK: a request, complete", good, ACCEPTED, counted},
    {"ACK, IPv6", good, ACCEPTED, all_options6, .ipv6 = true},
    {"ACK, no options", good_no_options, ACCEPTED, defaults},
    {"ACK, no options, IPv6", good_no_options, ACCEPTED, defaults6,
     .ipv6 = true},
    {"ACK, MSS", good_mss_only, ACCEPTED, just_1460},
    {"ACK, MSS of the table", good_mss_1400, ACCEPTED, just_1400},
    {"ACK, MSS rounded down", good_mss_1399, ACCEPTED, just_1360},
    {"ACK, MSS below the table", good_mss_300, ACCEPTED, defaults},
    {"ACK, jumbo MSS, scale 14", good_mss_jumbo, ACCEPTED, just_8960},
    {"ACK, Windows", good_windows, ACCEPTED, like_windows},
    {"ACK, without SACK, scale 0", good_no_sack, ACCEPTED, without_sack},
    {"ACK, without scale", good_no_scale, ACCEPTED, without_scale},
    {"ACK, timestamps alone", good_only_ts, ACCEPTED, just_ts},
    {"ACK, options in no usual order", good_hostile, ACCEPTED,
     mss_1200_scale14},
    {"ACK, odd epoch", good_odd_epoch, ACCEPTED, all_options},
    {"ACK, table was full", good_synq_full, ACCEPTED, all_options},
    {"ACK, tcp_timestamps=0", good_timestamps_off, ACCEPTED, without_ts},
    {"ACK, no options allowed", good_all_off, ACCEPTED, just_1460},
    {"ACK, tagged", good_vlan, ACCEPTED},
    {"ACK with data", with_data, ACCEPTED, all_options},
    {"ACK with data of odd length", with_odd_data, ACCEPTED, all_options},
    {"ACK with data and FIN", with_data_and_fin, ACCEPTED, all_options},
    {"ACK, data, IPv6", with_odd_data, ACCEPTED, all_options6, .ipv6 = true},
    {"ACK in the next epoch", next_epoch, ACCEPTED, all_options},
    {"ACK, nearly two epochs after the last cookie", auto_within_lifetime,
     ACCEPTED},
    {"ACK, cookies always, sent by another node", always_never_sent, ACCEPTED},
    {"ACK on another queue: that one owns it", other_queue, ACCEPTED,
     all_options},
    {"ACK, the kernel's listener is no connection", kernel_listens, ACCEPTED},
    {"ACK, TIME_WAIT makes way", time_wait, ACCEPTED},
    {"ACK, TSecr nearly two epochs old", old_enough, ACCEPTED, all_options},
    {"a segment after the ACK", again, XDP_REDIRECT, HF_R_redirect_flow, 0,
     AS_IT_CAME, AS_BEFORE},

    {"ACK two epochs later passes", key_gone, PASSED},
    {"ACK with any bit of the ISNs changed passes", every_bit, PASSED},
    {"ACK from another port passes", other_port, PASSED},
    {"ACK from another address passes", other_address, PASSED},
    {"ACK from another address passes, IPv6", other_address, PASSED,
     .ipv6 = true},
    {"ACK without the timestamps passes", timestamps_left_out, PASSED},
    {"ACK with timestamps made up passes", timestamps_made_up, PASSED},
    {"ACK, TSecr too old passes", too_old, PASSED},
    {"ACK, TSecr from the future passes", from_the_future, PASSED},
    {"ACK, listener never in cookie mode: refused", not_in_cookie_mode,
     REFUSED},
    {"ACK, cookie mode is over: refused", spell_over, REFUSED},
    {"ACK, port not in cookie mode passes", port_not_in_cookie_mode, PASSED},
    {"ACK, listener closes: refused", closing, REFUSED},
    {"ACK, listener gone: refused", gone, REFUSED},
    {"ACK, address no longer listened on: refused", address_gone, REFUSED},
    {"ACK, no worker passes", no_worker, PASSED},
    {"ACK for another MAC passes", other_mac, PASSED},
    {"ACK, bad TCP checksum", bad_tcp_csum, DROPPED(drop_ack_csum)},
    {"ACK, bad IP checksum", bad_ip_csum, DROPPED(drop_ack_csum)},
    {"ACK, bad checksum over odd data", bad_csum_odd_data,
     DROPPED(drop_ack_csum)},
    {"ACK, accept queue full, hold", queue_full_hold,
     DROPPED(drop_ack_acceptq_full), dropped},
    {"ACK, accept queue full, rst", queue_full_rst, XDP_TX, HF_R_rst_overflow,
     0, A_RST, NO_REQUEST, dropped},
    {"ACK, syn_table full", table_full_ack, DROPPED(drop_ack_table_full),
     place_back},
    {"RST is no cookie's", rst, PASSED},
    {"SYN-ACK is no cookie's", syn_ack, PASSED},
    {"FIN without ACK is no cookie's", fin_alone, PASSED},
    {"no flags is no cookie's", no_flags, PASSED},
    {"bad data offset passes", bad_offset, PASSED},
    {"valid cookie of an existing connection passes", of_connection, PASSED},
    {"valid cookie of an existing connection passes, IPv6", of_connection,
     PASSED, .ipv6 = true},
};

ROWS_MAIN(rows)
