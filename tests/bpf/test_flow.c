// SPDX-License-Identifier: BSD-2-Clause
/*
 * What becomes of a request: the accept queue, the flow that is handed over,
 * workers and listeners that go.
 */
#include <linux/bpf.h>

#include "bpftest.h"

static struct hf_listener *listener(const struct scene *s)
{
	return &env.listener[s->listener];
}

/* The frame is the ACK of a half-open request. */
static void ack(struct scene *s)
{
	scene_handshake(s, HF_R_synack_state);
}

#define WITH(name, before, change)                                             \
	static void name(struct scene *s)                                      \
	{                                                                      \
		before(s);                                                     \
		change;                                                        \
	}

/* ------------------------------------------------------------ accept queue */

WITH(queue_full, ack, acceptq_place(s->listener, listener(s)->backlog + 1))
WITH(queue_nearly_full, ack, acceptq_place(s->listener, listener(s)->backlog))
WITH(queue_full_rst, queue_full, listener(s)->overflow = HF_OVERFLOW_RST)
WITH(backlog_shrinks, queue_nearly_full, listener(s)->backlog--)
WITH(backlog_grows, queue_full, listener(s)->backlog++)

static void held_then_room(struct scene *s)
{
	queue_full(s);
	scene_expect(s, XDP_DROP, HF_R_drop_ack_acceptq_full);
	listener(s)->backlog++;
}

/* listen(fd, 0): one child, as in Linux. */
static void backlog_0(struct scene *s)
{
	listener(s)->backlog = 0;
	ack(s);
}

static void backlog_0_second(struct scene *s)
{
	uint32_t iss, seq = s->frame.seq;

	ack(s);
	iss = s->frame.ack;
	/* Another client is first. */
	s->frame.sport++;
	s->frame.seq = seq;
	s->frame.flags = TH_SYN;
	ack(s);
	listener(s)->backlog = 0;
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	s->frame.sport--;
	s->frame.ack = iss;
	scene_options(s, NULL, 0);
}

static void dropped_once(struct scene *s)
{
	struct hf_listener_stats stats;

	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.dropped, 1);
}

static void held(struct scene *s)
{
	dropped_once(s);
	assert_true(s->is.flags & HF_REQUEST_HELD);
	assert_int_equal(listener(s)->synq_len, 1);
}

/* --------------------------------------------------- TCP_DEFER_ACCEPT */

static void deferred(struct scene *s)
{
	listener(s)->defer_accept = 2;
	ack(s);
}

WITH(deferred_data, deferred,
     (s->frame.payload = (const uint8_t *)"x", s->frame.payload_len = 1))
WITH(deferred_fin, deferred, s->frame.flags |= TH_FIN)

static void timed_out_once(struct hf_request *req)
{
	req->num_timeout = 1;
}

static void timed_out_twice(struct hf_request *req)
{
	req->num_timeout = 2;
}

WITH(deferred_once, deferred, scene_request(s, timed_out_once))
WITH(deferred_enough, deferred, scene_request(s, timed_out_twice))

static void deferred_then_data(struct scene *s)
{
	deferred(s);
	scene_expect(s, XDP_DROP, HF_R_drop_ack_deferred);
	s->frame.payload = (const uint8_t *)"GET";
	s->frame.payload_len = 3;
}

static void acked_by_client(struct scene *s)
{
	assert_true(s->is.flags & HF_REQUEST_HELD);
	assert_int_equal(listener(s)->acceptq_len, 0);
}

/* ------------------------------------------------------------------ ACKED */

static void acked(struct scene *s)
{
	ack(s);
	scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
}

WITH(acked_data, acked,
     (s->frame.payload = (const uint8_t *)"more", s->frame.payload_len = 4))
WITH(acked_fin, acked, s->frame.flags |= TH_FIN)
WITH(acked_rst, acked, s->frame.flags = TH_RST)
WITH(acked_rst_ack, acked, s->frame.flags = TH_RST | TH_ACK)
WITH(acked_syn_ack, acked, s->frame.flags = TH_SYN | TH_ACK)
WITH(acked_no_flags, acked, s->frame.flags = 0)
WITH(acked_wrong_ack, acked, s->frame.ack += 12345)
WITH(acked_far_seq, acked, s->frame.seq += 0x40000000)
WITH(acked_bad_csum, acked, s->frame.tcp_csum = 3)
WITH(acked_padded, acked, s->frame.pad_to = 500)
WITH(acked_other_queue, acked, (s->queue = 1, worker_set(0, false)))
WITH(acked_no_worker, acked, worker_set(0, false))
WITH(acked_closing, acked, listener(s)->state = HF_LISTENER_CLOSING)
WITH(acked_queue_full, acked, acceptq_place(s->listener, 100))
WITH(acked_draining, acked, DEVICE_SET(draining, 1))

static void vlan(struct scene *s)
{
	struct hf_device dev;

	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &dev);
	memcpy(s->frame.dmac, dev.mac, 6);
	s->l3_ifindex = T_VLAN_IFINDEX;
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, T_VLAN};
	ack(s);
}

/* ----------------------------------------------- workers, listeners, time */

WITH(no_worker, ack, worker_set(0, false))
WITH(no_worker_bad_ack, no_worker, s->frame.ack++)
WITH(no_worker_rst, no_worker, s->frame.flags = TH_RST)
WITH(closing, ack, listener(s)->state = HF_LISTENER_CLOSING)
WITH(freed, ack, listener(s)->state = HF_LISTENER_FREE)
WITH(paused, ack, CONFIG_SET(paused, 1))
WITH(draining, ack, DEVICE_SET(draining, 1))

static void queue_without_ring(struct scene *s)
{
	ack(s);
	DEVICE_SET(queues, 1);
	s->queue = 1;
}

static void replaced(struct scene *s)
{
	ack(s);
	listener(s)->generation++;
	listener(s)->synq_len = 0;
}

static void replaced_acked(struct scene *s)
{
	acked(s);
	listener(s)->generation++;
	listener(s)->acceptq_len = 0;
}

static void expire(struct hf_request *req)
{
	req->expires_ns = 1;
}

WITH(expired, ack, scene_request(s, expire))
WITH(expired_acked, acked, scene_request(s, expire))

static void set_dead(struct hf_request *req)
{
	req->word.state = HF_REQUEST_DEAD;
}

WITH(dead, ack, scene_request(s, set_dead))

static void revive(struct hf_request *req)
{
	req->word.state = HF_REQUEST_SYN_RECV;
}

static void revived(struct scene *s)
{
	scene_request(s, revive);
}

/* ----------------------------------------------------------------- filter */

/* Every slot is somebody's: the look-up finds nothing all the same. */
static void filter_hits(struct scene *s)
{
	s->frame.flags = TH_ACK;
	memset(env.filter, 0x11, sizeof(*env.filter));
}

static void filter_clear(struct scene *s)
{
	(void)s;
	memset(env.filter, 0, sizeof(*env.filter));
}

/* Requests of neighbours do not get in each other's way. */
static void hundred_flows(struct scene *s)
{
	uint32_t ack_of[100], seq = s->frame.seq;

	CONFIG_SET(half_open_max, 200);
	listener(s)->synq_max = 200;
	listener(s)->backlog = 200;
	for (int i = 0; i < 100; i++) {
		s->frame.sport = (uint16_t)(T_CLIENT_PORT + i);
		s->frame.seq = seq;
		s->frame.flags = TH_SYN;
		ack(s);
		ack_of[i] = s->frame.ack;
	}
	assert_int_equal(request_count(HF_REQUEST_SYN_RECV), 100);
	scene_options(s, NULL, 0);
	for (int i = 1; i < 100; i++) {
		s->frame.sport = (uint16_t)(T_CLIENT_PORT + i);
		s->frame.ack = ack_of[i];
		scene_expect(s, XDP_REDIRECT, HF_R_redirect_acked);
	}
	s->frame.sport = T_CLIENT_PORT;
	s->frame.ack = ack_of[0];
}

static void hundred_acked(struct scene *s)
{
	assert_int_equal(request_count(HF_REQUEST_SYN_RECV), 0);
	assert_int_equal(request_count(HF_REQUEST_ACKED), 100);
	assert_int_equal(listener(s)->acceptq_len, 100);
}

#define COMPLETES XDP_REDIRECT, HF_R_redirect_acked, 0, AS_IT_CAME, ACKED
#define HANDED_OVER XDP_REDIRECT, HF_R_redirect_flow, 0, AS_IT_CAME, AS_BEFORE
#define KEEPS(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, AS_BEFORE
#define HOLDS(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, SYN_RECV
#define PASSED(reason) XDP_PASS, HF_R_##reason, 0, AS_IT_CAME, AS_BEFORE

static const struct row rows[] = {
    {"accept queue full, hold: the request stays", queue_full,
     HOLDS(drop_ack_acceptq_full), held},
    {"accept queue full, hold: the request stays, IPv6", queue_full,
     HOLDS(drop_ack_acceptq_full), held, .ipv6 = true},
    {"accept queue full, rst: RST, the request goes", queue_full_rst, XDP_TX,
     HF_R_rst_overflow, 0, A_RST, NO_REQUEST, dropped_once},
    {"accept queue full, rst: RST, the request goes, IPv6", queue_full_rst,
     XDP_TX, HF_R_rst_overflow, 0, A_RST, NO_REQUEST, dropped_once,
     .ipv6 = true},
    {"accept queue holds the backlog: one more fits", queue_nearly_full,
     COMPLETES},
    {"backlog made smaller", backlog_shrinks, HOLDS(drop_ack_acceptq_full),
     held},
    {"backlog made larger", backlog_grows, COMPLETES},
    {"held, then there is room", held_then_room, COMPLETES},
    {"backlog 0: one child", backlog_0, COMPLETES},
    {"backlog 0: not two", backlog_0_second, HOLDS(drop_ack_acceptq_full),
     held},

    {"TCP_DEFER_ACCEPT: an ACK alone waits", deferred, HOLDS(drop_ack_deferred),
     acked_by_client},
    {"TCP_DEFER_ACCEPT: data completes", deferred_data, COMPLETES},
    {"TCP_DEFER_ACCEPT: FIN completes", deferred_fin, COMPLETES},
    {"TCP_DEFER_ACCEPT: a timeout before its end", deferred_once,
     HOLDS(drop_ack_deferred)},
    {"TCP_DEFER_ACCEPT: at its end an ACK completes", deferred_enough,
     COMPLETES},
    {"TCP_DEFER_ACCEPT: data after the ACK", deferred_then_data, COMPLETES},

    {"handed over: data", acked_data, HANDED_OVER},
    {"handed over: data, IPv6", acked_data, HANDED_OVER, .ipv6 = true},
    {"handed over: FIN", acked_fin, HANDED_OVER},
    {"handed over: RST", acked_rst, HANDED_OVER},
    {"handed over: RST with ACK", acked_rst_ack, HANDED_OVER},
    {"handed over: SYN-ACK", acked_syn_ack, HANDED_OVER},
    {"handed over: no flags", acked_no_flags, HANDED_OVER},
    {"handed over: wrong ACK", acked_wrong_ack, HANDED_OVER},
    {"handed over: far out of the window", acked_far_seq, HANDED_OVER},
    {"handed over: bad checksum, the kernel sees it", acked_bad_csum,
     HANDED_OVER},
    {"handed over: padded", acked_padded, HANDED_OVER},
    {"handed over: to the ring of the frame's queue", acked_other_queue,
     HANDED_OVER},
    {"handed over: accept queue full meanwhile", acked_queue_full, HANDED_OVER},
    {"handed over: listener closes", acked_closing, HANDED_OVER},
    {"handed over: device about to be detached", acked_draining, HANDED_OVER},
    {"handed over: no worker", acked_no_worker, KEEPS(drop_no_worker)},

    {"tagged: to the ring of the device below", vlan, COMPLETES},
    {"a hundred flows, each its own request", hundred_flows, COMPLETES,
     hundred_acked},
    {"filter hits, but no request: passes", filter_hits, XDP_PASS, NOTHING, 0,
     AS_IT_CAME, NO_REQUEST, filter_clear},

    {"half-open: no worker", no_worker, KEEPS(drop_no_worker)},
    {"half-open: no worker, wrong ACK: no RST", no_worker_bad_ack,
     KEEPS(drop_no_worker)},
    {"half-open: no worker, RST", no_worker_rst, KEEPS(drop_no_worker)},
    {"half-open: queue without ring", queue_without_ring,
     KEEPS(drop_no_worker)},
    {"half-open: listener closes", closing, PASSED(pass_closing)},
    {"half-open: listener gone", freed, PASSED(pass_closing)},
    {"half-open: listener replaced", replaced, PASSED(pass_expired)},
    {"half-open: past its time", expired, PASSED(pass_expired)},
    {"half-open: being deleted", dead, KEEPS(drop_race), revived},
    {"half-open: the daemon runs out of descriptors", paused, COMPLETES},
    {"half-open: device about to be detached", draining, COMPLETES},
    {"complete: listener replaced", replaced_acked, PASSED(pass_expired)},
    {"complete: past its time", expired_acked, PASSED(pass_expired)},
};

ROWS_MAIN(rows)
