// SPDX-License-Identifier: BSD-2-Clause
/* SYNs on a tuple that has a request already. */
#include <linux/bpf.h>

#include "bpftest.h"

#define WINDOW 65160U /* of our SYN-ACK: the baseline's */

/* The SYN-ACK that the first SYN drew. */
static uint8_t first[T_FRAME_MAX];
static size_t first_len;

static void two_seconds_later(struct hf_request *req)
{
	req->synack_ns -= 2 * SEC;
	req->tsval_first -= 2000;
	req->tsval_last -= 2000;
}

static void answered_before(struct scene *s)
{
	scene_expect(s, XDP_TX, HF_R_synack_state);
	memcpy(first, s->out, s->out_len);
	first_len = s->out_len;
	scene_request(s, two_seconds_later);
}

/* ---------------------------------------------------------- the same ISN */

static void too_soon(struct scene *s)
{
	scene_expect(s, XDP_TX, HF_R_synack_state);
}

static void no_rate_limit(struct scene *s)
{
	CONFIG_SET(invalid_ratelimit, 0);
	too_soon(s);
}

static void with_cookies_always(struct scene *s)
{
	answered_before(s);
	env.listener[s->listener].cookies = HF_COOKIES_ALWAYS;
}

static void with_queues_full(struct scene *s)
{
	answered_before(s);
	env.listener[s->listener].synq_max = 0;
	acceptq_place(s->listener, 100);
}

static void on_other_queue(struct scene *s)
{
	answered_before(s);
	s->queue = 1;
}

/* The client tries without options: what was agreed stays. */
static void without_options(struct scene *s)
{
	answered_before(s);
	scene_options(s, NULL, 0);
	s->frame.window = 1;
}

static void isn_wraps(struct scene *s)
{
	s->frame.seq = 0xffffffff;
	answered_before(s);
}

static void same_isn(struct scene *s)
{
	assert_int_equal(s->is.iss, s->was.iss);
	assert_int_equal(s->is.irs, s->was.irs);
	assert_int_equal(s->is.tsval_first, s->was.tsval_first);
	assert_true((int32_t)(s->is.tsval_last - s->was.tsval_last) >= 2000);
	assert_in_range(s->is.synack_ns, s->start_ns, s->end_ns);
	assert_int_equal(s->is.queue, 0);
	assert_int_equal(s->is.timer_ns, s->was.timer_ns);
	assert_int_equal(s->is.word.generation, s->was.word.generation);
	assert_int_equal(env.listener[s->listener].synq_len, 1);
	assert_int_equal(env.fills->half_open, 1);
}

/* All but checksum and TSval: bytes 38 to 51 of the segment's 40. */
static void same_options(struct scene *s)
{
	same_isn(s);
	assert_int_equal(s->out_len, first_len);
	assert_memory_equal(s->out, first, 34 + 16);
	assert_memory_equal(s->out + 34 + 18, first + 34 + 18, 10);
	assert_memory_equal(s->out + 34 + 32, first + 34 + 32, 8);
}

/* ---------------------------------------------------------- another ISN */

#define OTHER_ISN(name, distance)                                              \
	static void name(struct scene *s)                                      \
	{                                                                      \
		answered_before(s);                                            \
		s->frame.seq += (uint32_t)(distance);                          \
	}

/* The window starts at irs + 1. */
OTHER_ISN(isn_before, -1)
OTHER_ISN(isn_far_before, -100000)
OTHER_ISN(isn_window_start, 1)
OTHER_ISN(isn_in_window, 1000)
OTHER_ISN(isn_window_last, WINDOW)
OTHER_ISN(isn_window_end, WINDOW + 1)
OTHER_ISN(isn_far_after, 0x40000000)

static void isn_before_no_scale(struct scene *s)
{
	scene_options(s, NULL, 0);
	isn_before(s);
}

static void isn_before_ttl(struct scene *s)
{
	env.listener[s->listener].ttl = 9;
	env.listener[s->listener].tos = 0x10;
	isn_before(s);
}

static void challenged(struct scene *s)
{
	struct hf_request same = s->is;

	assert_in_range(s->is.oow_ns, s->start_ns, s->end_ns);
	same.oow_ns = s->was.oow_ns;
	/* The client echoes the TSval of this answer. */
	if (s->is.flags & HF_REQUEST_TSTAMP)
		assert_true((int32_t)(s->is.tsval_last - s->was.tsval_last) >
			    0);
	same.tsval_last = s->was.tsval_last;
	assert_memory_equal(&same, &s->was, sizeof(same));
}

static void challenged_before(struct scene *s)
{
	isn_before(s);
	scene_expect(s, XDP_TX, HF_R_challenge_ack);
}

static void challenge_long_ago(struct hf_request *req)
{
	req->oow_ns -= 600 * MSEC;
}

static void challenged_long_ago(struct scene *s)
{
	challenged_before(s);
	scene_request(s, challenge_long_ago);
}

static void challenged_no_limit(struct scene *s)
{
	CONFIG_SET(invalid_ratelimit, 0);
	challenged_before(s);
}

static void isn_in_window_data(struct scene *s)
{
	isn_in_window(s);
	s->frame.payload = (const uint8_t *)"abc";
	s->frame.payload_len = 3;
}

/* --------------------------------------------------------- other states */

static void set_acked(struct hf_request *req)
{
	req->word.state = HF_REQUEST_ACKED;
}

/* As the ACK would have left the counts. */
static void acked(struct scene *s)
{
	answered_before(s);
	scene_request(s, set_acked);
	env.fills->half_open--;
	env.fills->acked++;
	env.listener[s->listener].synq_len--;
	env.listener[s->listener].acceptq_len++;
}

static void acked_other_isn(struct scene *s)
{
	acked(s);
	s->frame.seq += 5000;
}

static void set_dead(struct hf_request *req)
{
	req->word.state = HF_REQUEST_DEAD;
}

static void dead(struct scene *s)
{
	answered_before(s);
	scene_request(s, set_dead);
}

static void expire(struct hf_request *req)
{
	req->expires_ns = 1;
}

static void dead_and_expired(struct scene *s)
{
	dead(s);
	scene_request(s, expire);
}

static void revive(struct hf_request *req)
{
	req->word.state = HF_REQUEST_SYN_RECV;
}

/* Whoever made it so deletes it: the counts are his to settle. */
static void counts_kept(struct scene *s)
{
	assert_int_equal(env.fills->half_open, 1);
	assert_int_equal(env.listener[s->listener].synq_len, 1);
	scene_request(s, revive);
}

static void expired(struct scene *s)
{
	answered_before(s);
	scene_request(s, expire);
	s->frame.seq += 77;
}

static void expired_acked(struct scene *s)
{
	acked(s);
	scene_request(s, expire);
	s->frame.seq += 77;
}

static void listener_replaced(struct scene *s)
{
	answered_before(s);
	env.listener[s->listener].generation++;
	env.listener[s->listener].synq_len = 0;
	s->frame.seq += 77;
}

static void replaced(struct scene *s)
{
	assert_int_equal(s->is.irs, s->frame.seq);
	/* Even within one tick of the clock. */
	assert_true((int32_t)(s->is.iss - s->was.iss) > 0);
	assert_int_not_equal(s->is.word.generation, s->was.word.generation);
	assert_int_equal(
	    s->is.listener_generation, env.listener[s->listener].generation);
	assert_int_equal(env.fills->half_open, 1);
	assert_int_equal(env.fills->acked, 0);
	assert_int_equal(env.listener[s->listener].synq_len, 1);
	assert_int_equal(env.listener[s->listener].acceptq_len, 0);
}

/* ------------------------------------------------------ no answer to it */

static void bad_checksum(struct scene *s)
{
	answered_before(s);
	s->frame.tcp_csum = 1;
}

static void paused(struct scene *s)
{
	answered_before(s);
	CONFIG_SET(paused, 1);
}

static void worker_gone(struct scene *s)
{
	answered_before(s);
	worker_set(0, false);
}

static void draining(struct scene *s)
{
	answered_before(s);
	DEVICE_SET(draining, 1);
}

static void worker_gone_acked(struct scene *s)
{
	acked(s);
	worker_set(0, false);
}

static void other_port(struct scene *s)
{
	answered_before(s);
	s->frame.sport++;
}

static void two_requests(struct scene *s)
{
	assert_false(s->had);
	assert_int_equal(env.listener[s->listener].synq_len, 2);
	assert_int_equal(env.fills->half_open, 2);
}

#define AGAIN XDP_TX, HF_R_synack_again, 0, A_SYNACK, SYN_RECV
#define CHALLENGE XDP_TX, HF_R_challenge_ack, 0, A_CHALLENGE, SYN_RECV
#define RESET XDP_TX, HF_R_rst_syn_in_window, 0, A_RST, NO_REQUEST
#define DROPPED(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, AS_BEFORE

static const struct row rows[] = {
    {"SYN again: the same SYN-ACK, the same ISN", answered_before, AGAIN,
     same_isn},
    {"SYN again, IPv6", answered_before, AGAIN, same_isn, .ipv6 = true},
    {"SYN again within tcp_invalid_ratelimit", too_soon,
     DROPPED(drop_syn_rate)},
    {"SYN again, tcp_invalid_ratelimit=0", no_rate_limit, AGAIN},
    {"SYN again, cookies always by now", with_cookies_always, AGAIN, same_isn},
    {"SYN again, all queues full by now", with_queues_full, AGAIN, same_isn},
    {"SYN again on another queue: the owner stays", on_other_queue, AGAIN,
     same_isn},
    {"SYN again without options: what was agreed stays", without_options,
     XDP_TX, HF_R_synack_again, 0, A_ANYTHING, SYN_RECV, same_options},
    {"SYN again, ISN at the wrap", isn_wraps, AGAIN, same_isn},
    {"SYN again, bad checksum", bad_checksum, DROPPED(drop_syn_csum)},
    {"SYN again, the daemon runs out of descriptors", paused,
     DROPPED(drop_paused)},

    {"SYN before the window: challenge ACK", isn_before, CHALLENGE, challenged},
    {"SYN before the window: challenge ACK, IPv6", isn_before, CHALLENGE,
     challenged, .ipv6 = true},
    {"SYN far before the window: challenge ACK", isn_far_before, CHALLENGE},
    {"SYN at the window's end: challenge ACK", isn_window_end, CHALLENGE},
    {"SYN far behind the window: challenge ACK", isn_far_after, CHALLENGE},
    {"challenge ACK without options", isn_before_no_scale, CHALLENGE},
    {"challenge ACK with the listener's TTL and TOS", isn_before_ttl,
     CHALLENGE},
    {"a second challenge at once: rate limit", challenged_before,
     DROPPED(drop_ack_window)},
    {"a second challenge later", challenged_long_ago, CHALLENGE},
    {"a second challenge, tcp_invalid_ratelimit=0", challenged_no_limit,
     CHALLENGE},
    {"SYN at the window's start: RST", isn_window_start, RESET},
    {"SYN in the window: RST, the request goes", isn_in_window, RESET},
    {"SYN in the window: RST, IPv6", isn_in_window, RESET, .ipv6 = true},
    {"SYN in the window with data: RST acknowledges it", isn_in_window_data,
     RESET},
    {"SYN on the window's last byte: RST", isn_window_last, RESET},

    {"SYN for a request that is complete", acked, DROPPED(drop_syn_acked)},
    {"SYN with another ISN for a complete one", acked_other_isn,
     DROPPED(drop_syn_acked)},
    {"SYN for a request that is being deleted", dead, DROPPED(drop_race),
     counts_kept},
    {"SYN for one that is being deleted, past its time", dead_and_expired,
     DROPPED(drop_race), counts_kept},
    {"SYN for an expired request: a new one", expired, XDP_TX,
     HF_R_synack_state, 0, A_SYNACK, SYN_RECV, replaced},
    {"SYN for an expired complete one: a new one", expired_acked, XDP_TX,
     HF_R_synack_state, 0, A_SYNACK, SYN_RECV, replaced},
    {"SYN for a request of a listener that is gone", listener_replaced, XDP_TX,
     HF_R_synack_state, 0, A_SYNACK, SYN_RECV, replaced},
    {"no worker: the request goes, the kernel's listener answers", worker_gone,
     XDP_PASS, HF_R_pass_no_worker, 0, AS_IT_CAME, NO_REQUEST},
    {"to be detached: the request goes, the kernel's listener answers",
     draining, XDP_PASS, HF_R_pass_no_worker, 0, AS_IT_CAME, NO_REQUEST},
    {"no worker: a complete request stays", worker_gone_acked, XDP_PASS,
     HF_R_pass_no_worker, 0, AS_IT_CAME, AS_BEFORE},
    {"SYN from another port: a request of its own", other_port, XDP_TX,
     HF_R_synack_state, 0, A_SYNACK, SYN_RECV, two_requests},
};

ROWS_MAIN(rows)
