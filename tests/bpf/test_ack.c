// SPDX-License-Identifier: BSD-2-Clause
/* Segments of a half-open request: tcp_check_req(), rule by rule. */
#include <linux/bpf.h>

#include "bpftest.h"
#include "options.h"

#define WINDOW 65160 /* of the SYN-ACK: the baseline's */

/* The client has our SYN-ACK; the frame is its ACK. */
static void ack(struct scene *s)
{
	scene_handshake(s, HF_R_synack_state);
}

#define PLAIN(name, ...)                                                       \
	OPTIONS(name##_options, __VA_ARGS__)                                   \
	static void name(struct scene *s)                                      \
	{                                                                      \
		name##_options(s);                                             \
		ack(s);                                                        \
	}

PLAIN(ack_windows, MSS(1460), 1, WS(8), 1, 1, SACK)
PLAIN(ack_mss, MSS(1460))
PLAIN(ack_hostile, 1, WS(3), SACK, TS, MSS(1300))

#define WITH(name, change)                                                     \
	static void name(struct scene *s)                                      \
	{                                                                      \
		ack(s);                                                        \
		change;                                                        \
	}

/* The timestamp option of the ACK: NOP, NOP, 8, 10, TSval, TSecr. */
static void ts_add(struct scene *s, int at, int32_t n)
{
	uint8_t *p = s->frame.options + at;
	uint32_t v = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];

	v += (uint32_t)n;
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - i * 8));
}

#define TSVAL 4
#define TSECR 8

static void data(struct scene *s, size_t len)
{
	static uint8_t bytes[9000];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7 + 1);
	s->frame.flags |= TH_PUSH;
	s->frame.payload = bytes;
	s->frame.payload_len = len;
}

/* ------------------------------------------------------------- completes */

WITH(data_1, data(s, 1))
WITH(data_mss, data(s, 1448))
WITH(data_511, data(s, 511 - 32))
WITH(data_512, data(s, 512 - 32))
WITH(data_513, data(s, 513 - 32))
WITH(data_jumbo, data(s, 8948))
WITH(data_jumbo_odd, data(s, 8947))
WITH(fin, s->frame.flags |= TH_FIN)
WITH(urgent, s->frame.flags |= TH_URG)
WITH(ece, s->frame.flags |= TH_ECE | TH_CWR)
WITH(padded, s->frame.pad_to = 100)
WITH(window_0, s->frame.window = 0)
WITH(window_65535, s->frame.window = 65535)
WITH(no_timestamps, scene_options(s, NULL, 0))
WITH(other_queue, s->queue = 1)
WITH(tsval_same, ts_add(s, TSVAL, -1))
WITH(tsval_far_ahead, ts_add(s, TSVAL, 0x7fffff00))

static void data_fin(struct scene *s)
{
	data_1(s);
	s->frame.flags |= TH_FIN;
}

static void second_segment(struct scene *s)
{
	data_1(s);
	s->frame.seq += 1000;
	ts_add(s, TSVAL, 50);
}

/* Reaches over the window's start, or its end: Linux takes both. */
WITH(data_over_start, (data(s, 100), s->frame.seq -= 50))
WITH(data_at_last, (data(s, 100), s->frame.seq += WINDOW - 1))
WITH(empty_at_end, s->frame.seq += WINDOW)

static void ext_headers(struct scene *s)
{
	ack(s);
	s->frame.ip_options[0] = IPPROTO_TCP;
	s->frame.ip_options[1] = 0;
	memcpy(s->frame.ip_options + 2, (uint8_t[]){1, 4, 0, 0, 0, 0}, 6);
	s->frame.ip_options_len = 8;
}

static void ip_options(struct scene *s)
{
	ack(s);
	memset(s->frame.ip_options, 1, 40);
	s->frame.ip_options_len = 40;
}

static void completed(struct scene *s)
{
	const struct hf_request *r = &s->is;
	struct hf_listener_stats stats;
	uint32_t wnd = s->frame.window;

	if (r->snd_wscale != HF_WSCALE_NONE)
		wnd <<= r->snd_wscale;
	assert_int_equal(r->snd_wnd, wnd);
	assert_int_equal(r->ack_seq, s->frame.seq);
	assert_int_equal(r->iss, s->iss);
	assert_int_equal(r->irs, s->was.irs);
	assert_int_equal(r->queue, s->was.queue);
	assert_int_equal(r->word.generation, s->was.word.generation);
	assert_int_equal(env.fills->half_open, 0);
	assert_int_equal(env.fills->acked, 1);
	assert_int_equal(env.listener[s->listener].synq_len, 0);
	assert_int_equal(env.listener[s->listener].acceptq_len, 1);
	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.acked, 1);
	assert_int_equal(stats.acked_cookie, 0);
}

static void ts_recent_is(const struct scene *s, uint32_t want)
{
	assert_int_equal(s->is.ts_recent, want);
}

static void completed_ts(struct scene *s)
{
	completed(s);
	ts_recent_is(s, 5001);
}

static void completed_ts_same(struct scene *s)
{
	completed(s);
	ts_recent_is(s, 5000);
}

/* RFC 7323, 4.3: only a segment at the left edge moves ts_recent. */
static void completed_ts_kept(struct scene *s)
{
	completed(s);
	ts_recent_is(s, 5000);
}

/* --------------------------------------------------------- the SYN-ACK timer
 */

static void resent(struct hf_request *req)
{
	req->tsval_first -= 3000;
	req->num_timeout = 2;
}

/* The client answers the first of two SYN-ACKs, the last, one between. */
static void tsecr_first(struct scene *s)
{
	ack(s);
	scene_request(s, resent);
	ts_add(s, TSECR, -3000);
}

static void tsecr_between(struct scene *s)
{
	ack(s);
	scene_request(s, resent);
	ts_add(s, TSECR, -1500);
}

static void tsecr_before_first(struct scene *s)
{
	ack(s);
	scene_request(s, resent);
	ts_add(s, TSECR, -3001);
}

WITH(tsecr_after_last, ts_add(s, TSECR, 1))
WITH(tsecr_before, ts_add(s, TSECR, -1))
WITH(tsecr_zero, memset(s->frame.options + TSECR, 0, 4))

/* ------------------------------------------------------------- wrong ACKs */

WITH(ack_of_isn, s->frame.ack -= 1)
WITH(ack_of_data, s->frame.ack += 1)
WITH(ack_zero, s->frame.ack = 0)
WITH(ack_far, s->frame.ack += 0x80000000)

static void wrong_ack_data(struct scene *s)
{
	data_mss(s);
	s->frame.ack++;
}

static void wrong_ack_fin(struct scene *s)
{
	fin(s);
	s->frame.ack++;
}

static void wrong_ack_syn(struct scene *s)
{
	ack_of_data(s);
	s->frame.flags |= TH_SYN;
}

static void wrong_ack_rst(struct scene *s)
{
	ack_of_data(s);
	s->frame.flags |= TH_RST;
}

static void wrong_ack_out_of_window(struct scene *s)
{
	ack_of_data(s);
	s->frame.seq += 0x40000000;
}

/* ---------------------------------------------------------- out of window */

WITH(seq_before, s->frame.seq -= 1)
WITH(seq_far_before, s->frame.seq -= 0x40000000)
WITH(seq_after, s->frame.seq += WINDOW + 1)
WITH(data_before, (data(s, 100), s->frame.seq -= 100))
WITH(data_at_end, (data(s, 1), s->frame.seq += WINDOW))
WITH(paws, ts_add(s, TSVAL, -2))
WITH(paws_far, ts_add(s, TSVAL, -0x40000000))

static void seq_before_mss(struct scene *s)
{
	ack_mss(s);
	s->frame.seq--;
}

static void seq_before_twice(struct scene *s)
{
	seq_before(s);
	scene_expect(s, XDP_TX, HF_R_challenge_ack);
}

static void challenge_long_ago(struct hf_request *req)
{
	req->oow_ns -= 501 * MSEC;
}

static void seq_before_later(struct scene *s)
{
	seq_before_twice(s);
	scene_request(s, challenge_long_ago);
}

static void rst_out_of_window(struct scene *s)
{
	seq_after(s);
	s->frame.flags = TH_RST | TH_ACK;
}

static void rst_before_window(struct scene *s)
{
	seq_before(s);
	s->frame.flags = TH_RST;
}

/* After a challenge the right ACK still counts. */
static void right_after_wrong(struct scene *s)
{
	seq_before_twice(s);
	s->frame.seq++;
}

static void right_after_reset(struct scene *s)
{
	ack_of_data(s);
	scene_expect(s, XDP_TX, HF_R_rst_wrong_ack);
	s->frame.ack--;
}

static void wraps(struct scene *s)
{
	s->frame.seq = 0xffffffff;
	ack(s);
}

static void wraps_within(struct scene *s)
{
	s->frame.seq = 0xfffffff0;
	ack(s);
	data(s, 100);
	s->frame.seq += 30;
}

static void wraps_before(struct scene *s)
{
	wraps(s);
	s->frame.seq--;
}

/* -------------------------------------------------------------- RST, SYN */

WITH(rst_exact, s->frame.flags = TH_RST)
WITH(rst_ack_exact, s->frame.flags = TH_RST | TH_ACK)
WITH(rst_in_window, (s->frame.flags = TH_RST, s->frame.seq += 100))
WITH(rst_ack_in_window, (s->frame.flags = TH_RST | TH_ACK, s->frame.seq += 100))
WITH(rst_old_tsval, (s->frame.flags = TH_RST, ts_add(s, TSVAL, -100)))
WITH(rst_no_options, (s->frame.flags = TH_RST, scene_options(s, NULL, 0)))
WITH(syn_ack, s->frame.flags = TH_SYN | TH_ACK)
WITH(syn_ack_before, (s->frame.flags = TH_SYN | TH_ACK, s->frame.seq -= 5))
WITH(syn_fin, (s->frame.flags = TH_SYN | TH_FIN, s->frame.seq += 9))
WITH(no_flags, s->frame.flags = 0)
WITH(fin_alone, s->frame.flags = TH_FIN)
WITH(push_alone, (data(s, 10), s->frame.flags = TH_PUSH))
WITH(bad_tcp_csum, s->frame.tcp_csum = 0x4321)
WITH(bad_ip_csum, s->frame.ip_csum = 0x4321)
WITH(bad_offset, s->frame.doff = 2)
WITH(other_mac, s->frame.dmac[0] ^= 2)

static void bad_csum_data(struct scene *s)
{
	data_511(s);
	s->frame.tcp_csum = 0x4321;
}

static void bad_csum_wrong_ack(struct scene *s)
{
	ack_of_data(s);
	s->frame.tcp_csum = 0x4321;
}

static void bad_csum_rst(struct scene *s)
{
	rst_exact(s);
	s->frame.tcp_csum = 0x4321;
}

/* The frame ends before what its IP length says. */
static void cut_data(struct scene *s)
{
	data_mss(s);
	s->frame.cut_to = 1000;
}

static void cut_options(struct scene *s)
{
	ack(s);
	s->frame.cut_to = 60;
}

static void request_gone_counts(struct scene *s)
{
	assert_int_equal(env.fills->half_open, 0);
	assert_int_equal(env.listener[s->listener].synq_len, 0);
	assert_int_equal(env.listener[s->listener].acceptq_len, 0);
}

#define COMPLETES XDP_REDIRECT, HF_R_redirect_acked, 0, AS_IT_CAME, ACKED
#define WRONG XDP_TX, HF_R_rst_wrong_ack, 0, A_RST, AS_BEFORE
#define CHALLENGE XDP_TX, HF_R_challenge_ack, 0, A_CHALLENGE, SYN_RECV
#define KEEPS(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, AS_BEFORE
#define ENDS                                                                   \
	XDP_DROP, HF_R_drop_rst, HF_R_request_rst, AS_IT_CAME, NO_REQUEST,     \
	    request_gone_counts
#define RESET XDP_TX, HF_R_rst_syn_in_window, 0, A_RST, NO_REQUEST
#define PASSED XDP_PASS, NOTHING, 0, AS_IT_CAME, AS_BEFORE

static const struct row rows[] = {
    {"ACK completes", ack, COMPLETES, completed_ts},
    {"ACK completes, IPv6", ack, COMPLETES, completed_ts, .ipv6 = true},
    {"ACK, no timestamps agreed", ack_windows, COMPLETES, completed},
    {"ACK, MSS alone agreed", ack_mss, COMPLETES, completed},
    {"ACK, options in no usual order", ack_hostile, COMPLETES, completed_ts},
    {"ACK with a byte of data", data_1, COMPLETES, completed_ts},
    {"ACK with a full segment", data_mss, COMPLETES, completed_ts},
    {"ACK with a full segment, IPv6", data_mss, COMPLETES, completed_ts,
     .ipv6 = true},
    {"ACK with data: 511 bytes to sum", data_511, COMPLETES},
    {"ACK with data: 512 bytes to sum", data_512, COMPLETES},
    {"ACK with data: 513 bytes to sum", data_513, COMPLETES},
    {"ACK with 9000 bytes, in fragments of the buffer", data_jumbo, COMPLETES},
    {"ACK with 8999 bytes, in fragments of the buffer", data_jumbo_odd,
     COMPLETES},
    {"ACK with FIN", fin, COMPLETES, completed},
    {"ACK with data and FIN", data_fin, COMPLETES, completed},
    {"ACK with urgent pointer", urgent, COMPLETES, completed},
    {"ACK with ECN bits", ece, COMPLETES, completed},
    {"ACK in a padded frame", padded, COMPLETES, completed},
    {"ACK with extension headers", ext_headers, COMPLETES, completed_ts,
     .ipv6 = true},
    {"ACK with IP options", ip_options, COMPLETES, completed_ts},
    {"ACK, window 0", window_0, COMPLETES, completed},
    {"ACK, window 65535 scaled", window_65535, COMPLETES, completed},
    {"ACK without the timestamps agreed on", no_timestamps, COMPLETES,
     completed},
    {"ACK on another queue: the owner stays", other_queue, COMPLETES,
     completed_ts},
    {"the second segment comes first", second_segment, COMPLETES,
     completed_ts_kept},
    {"data from before the window into it", data_over_start, COMPLETES,
     completed},
    {"data from the window's last byte on", data_at_last, COMPLETES},
    {"ACK without data at the window's end", empty_at_end, COMPLETES},
    {"ISN at the wrap", wraps, COMPLETES, completed},
    {"window over the wrap", wraps_within, COMPLETES, completed_ts_kept},
    {"right ACK after a challenge", right_after_wrong, COMPLETES},
    {"right ACK after an RST", right_after_reset, COMPLETES},

    {"PAWS: TSval of the SYN is not old", tsval_same, COMPLETES,
     completed_ts_same},
    {"PAWS: TSval before the SYN's", paws, CHALLENGE},
    {"PAWS: TSval far before the SYN's", paws_far, CHALLENGE},
    {"PAWS: TSval far ahead", tsval_far_ahead, COMPLETES},
    {"TSecr of the first SYN-ACK", tsecr_first, COMPLETES},
    {"TSecr of a SYN-ACK between", tsecr_between, COMPLETES},
    {"TSecr before the first SYN-ACK", tsecr_before_first, CHALLENGE},
    {"TSecr before the only SYN-ACK", tsecr_before, CHALLENGE},
    {"TSecr after the last SYN-ACK", tsecr_after_last, CHALLENGE},
    {"TSecr 0 is not looked at", tsecr_zero, COMPLETES},

    {"ACK of the ISN: RST, seq is that ACK", ack_of_isn, WRONG},
    {"ACK of the ISN: RST, IPv6", ack_of_isn, WRONG, .ipv6 = true},
    {"ACK of data never sent: RST", ack_of_data, WRONG},
    {"ACK 0: RST", ack_zero, WRONG},
    {"ACK half the space away: RST", ack_far, WRONG},
    {"wrong ACK with data: RST", wrong_ack_data, WRONG},
    {"wrong ACK with FIN: RST", wrong_ack_fin, WRONG},
    {"wrong ACK with SYN: RST", wrong_ack_syn, WRONG},
    {"wrong ACK out of the window: RST", wrong_ack_out_of_window, WRONG},
    {"wrong ACK with RST: dropped, nothing goes", wrong_ack_rst,
     KEEPS(drop_rst)},

    {"before the window: challenge ACK", seq_before, CHALLENGE},
    {"before the window: challenge ACK, IPv6", seq_before, CHALLENGE,
     .ipv6 = true},
    {"before the window, no options: challenge ACK", seq_before_mss, CHALLENGE},
    {"far before the window: challenge ACK", seq_far_before, CHALLENGE},
    {"behind the window: challenge ACK", seq_after, CHALLENGE},
    {"data before the window: challenge ACK", data_before, CHALLENGE},
    {"data at the window's end: challenge ACK", data_at_end, CHALLENGE},
    {"before the window, wrapped: challenge ACK", wraps_before, CHALLENGE},
    {"challenge again at once: rate limit", seq_before_twice,
     KEEPS(drop_ack_window)},
    {"challenge again later", seq_before_later, CHALLENGE},

    {"RST, exact: the request goes", rst_exact, ENDS},
    {"RST, exact: the request goes, IPv6", rst_exact, ENDS, .ipv6 = true},
    {"RST, exact, without timestamps", rst_no_options, ENDS},
    {"RST, exact, old TSval", rst_old_tsval, ENDS},
    {"RST with ACK, exact", rst_ack_exact, ENDS},
    {"RST with ACK, in the window", rst_ack_in_window, ENDS},
    {"RST without ACK, in the window but not exact", rst_in_window,
     KEEPS(drop_rst)},
    {"RST behind the window", rst_out_of_window, KEEPS(drop_ack_window)},
    {"RST before the window", rst_before_window, KEEPS(drop_ack_window)},
    {"SYN-ACK in the window: RST, the request goes", syn_ack, RESET},
    {"SYN-ACK before the window: challenge ACK", syn_ack_before, CHALLENGE},
    {"SYN and FIN in the window: RST, the request goes", syn_fin, RESET},
    {"no flags", no_flags, KEEPS(drop_no_ack)},
    {"FIN without ACK", fin_alone, KEEPS(drop_no_ack)},
    {"data without ACK", push_alone, KEEPS(drop_no_ack)},

    {"bad TCP checksum", bad_tcp_csum, KEEPS(drop_ack_csum)},
    {"bad TCP checksum, IPv6", bad_tcp_csum, KEEPS(drop_ack_csum),
     .ipv6 = true},
    {"bad TCP checksum over odd data", bad_csum_data, KEEPS(drop_ack_csum)},
    {"bad TCP checksum, wrong ACK: no RST", bad_csum_wrong_ack,
     KEEPS(drop_ack_csum)},
    {"bad TCP checksum, RST: the request stays", bad_csum_rst,
     KEEPS(drop_ack_csum)},
    {"bad IP checksum", bad_ip_csum, KEEPS(drop_ack_csum)},
    {"data cut off", cut_data, KEEPS(drop_ack_csum)},
    {"options cut off: passes", cut_options, PASSED},
    {"bad data offset: passes", bad_offset, PASSED},
    {"for another MAC: passes", other_mac, PASSED},
};

ROWS_MAIN(rows)
