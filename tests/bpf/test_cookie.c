// SPDX-License-Identifier: BSD-2-Clause
/* SYN cookies: when they are sent. */
#include <linux/bpf.h>

#include "bpftest.h"
#include "options.h"

#define LIFETIME (2 * T_EPOCH_NS)

static struct hf_listener *listener(const struct scene *s)
{
	return &env.listener[s->listener];
}

/* -------------------------------------------------------------- SYN-ACK */

static void always(struct scene *s)
{
	listener(s)->cookies = HF_COOKIES_ALWAYS;
}

#define COOKIE_FOR(name, ...)                                                  \
	OPTIONS(name##_options, __VA_ARGS__)                                   \
	static void name(struct scene *s)                                      \
	{                                                                      \
		name##_options(s);                                             \
		always(s);                                                     \
	}

COOKIE_FOR(mss_only, MSS(1460))
COOKIE_FOR(windows, MSS(1452), 1, WS(8), 1, 1, SACK)
COOKIE_FOR(no_sack, MSS(1460), 1, 1, TS, 1, WS(0))
COOKIE_FOR(no_scale, MSS(1460), SACK, TS)
COOKIE_FOR(only_ts, 1, 1, TS)
COOKIE_FOR(hostile, 1, SACK, 1, WS(200), MSS(1300), 1, TS)

static void no_options(struct scene *s)
{
	scene_options(s, NULL, 0);
	always(s);
}

static void odd_epoch(struct scene *s)
{
	struct hf_keys keys;

	keys_get(&keys);
	keys.epoch++;
	keys_put(&keys);
	always(s);
}

static void synq_full(struct scene *s)
{
	listener(s)->synq_max = 0;
}

/* One request takes the only place. */
static void synq_becomes_full(struct scene *s)
{
	listener(s)->synq_max = 1;
	scene_expect(s, XDP_TX, HF_R_synack_state);
	s->frame.sport++;
}

static void all_full(struct scene *s)
{
	(void)s;
	CONFIG_SET(half_open_max, 0);
}

static void table_full(struct scene *s)
{
	(void)s;
	table_fill();
}

/* The table's elements were never requests. */
static void empty_table(struct scene *s)
{
	(void)s;
	world_reset();
}

static void not_full(struct scene *s)
{
	listener(s)->synq_max = 1;
}

static void timestamps_off(struct scene *s)
{
	CONFIG_SET(timestamps, 0);
	always(s);
}

static void all_off(struct scene *s)
{
	CONFIG_SET(timestamps, 0);
	CONFIG_SET(sack, 0);
	CONFIG_SET(window_scaling, 0);
	always(s);
}

static void always_queue_full(struct scene *s)
{
	always(s);
	acceptq_place(s->listener, listener(s)->backlog + 1);
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
	always(s);
}

/* The time is noted, and the port's segments are looked at from now on. */
static void noted(struct scene *s)
{
	struct hf_listener_stats stats;

	assert_in_range(listener(s)->cookie_last_ns, s->start_ns, s->end_ns);
	assert_int_equal(env.port[T_PORT].cookies, 1);
	listener_stats_get(s->listener, &stats);
	assert_int_equal(stats.syn_recv, 1);
	assert_int_equal(stats.synack_cookie, 1);
	assert_int_equal(stats.synack_state, 0);
}

static void spell_begins(struct scene *s)
{
	noted(s);
	assert_int_equal(
	    listener(s)->cookie_since_ns, listener(s)->cookie_last_ns);
}

/* cookie_last_ns so long ago; cookie_since_ns is 5. */
static void noted_ago(struct scene *s, uint64_t ago)
{
	always(s);
	listener(s)->cookie_last_ns = now_ns() - ago;
	listener(s)->cookie_since_ns = 5;
	env.port[T_PORT].cookies = 1;
}

static void noted_just_now(struct scene *s)
{
	noted_ago(s, SEC / 2);
}

/* The line is every core's: it is not written at each SYN. */
static void not_noted_again(struct scene *s)
{
	assert_true(listener(s)->cookie_last_ns < s->start_ns - SEC / 4);
	assert_int_equal(listener(s)->cookie_since_ns, 5);
}

static void noted_two_seconds_ago(struct scene *s)
{
	noted_ago(s, 2 * SEC);
}

static void spell_goes_on(struct scene *s)
{
	noted(s);
	assert_int_equal(listener(s)->cookie_since_ns, 5);
}

static void noted_long_ago(struct scene *s)
{
	noted_ago(s, LIFETIME + SEC);
}

/* The daemon clears the flag while XDP notes the time. */
static void flag_cleared(struct scene *s)
{
	noted_ago(s, SEC / 2);
	env.port[T_PORT].cookies = 0;
}

static void flag_set(struct scene *s)
{
	(void)s;
	assert_int_equal(env.port[T_PORT].cookies, 1);
}

#define COOKIE XDP_TX, HF_R_synack_cookie, 0, A_SYNACK, NO_REQUEST
#define DROPPED(reason) XDP_DROP, HF_R_##reason, 0, AS_IT_CAME, NO_REQUEST

static const struct row rows[] = {
    {"SYN, cookies always: no state", always, COOKIE, spell_begins},
    {"SYN, cookies always, IPv6", always, COOKIE, spell_begins, .ipv6 = true},
    {"SYN, odd epoch", odd_epoch, COOKIE},
    {"SYN, odd epoch, IPv6", odd_epoch, COOKIE, .ipv6 = true},
    {"SYN, no options", no_options, COOKIE},
    {"SYN, no options, IPv6", no_options, COOKIE, .ipv6 = true},
    {"SYN, MSS", mss_only, COOKIE},
    {"SYN, Windows", windows, COOKIE},
    {"SYN, without SACK", no_sack, COOKIE},
    {"SYN, without scale", no_scale, COOKIE},
    {"SYN, timestamps alone", only_ts, COOKIE},
    {"SYN, options in no usual order", hostile, COOKIE},
    {"SYN, tcp_timestamps=0", timestamps_off, COOKIE},
    {"SYN, no options allowed", all_off, COOKIE},
    {"SYN, tagged", vlan, COOKIE},
    {"SYN, the listener's half-open requests full", synq_full, COOKIE, noted},
    {"SYN, the last place was taken", synq_becomes_full, COOKIE},
    {"SYN, half-open requests full in all", all_full, COOKIE},
    {"SYN, syn_table full", table_full, XDP_TX, HF_R_synack_cookie,
     HF_R_cookie_fallback, A_SYNACK, NO_REQUEST, empty_table},
    {"SYN, not full: no cookie", not_full, XDP_TX, HF_R_synack_state, 0,
     A_SYNACK, SYN_RECV},
    {"SYN, cookies always, accept queue full", always_queue_full,
     DROPPED(drop_syn_acceptq_full)},
    {"the time is not written at each SYN", noted_just_now, COOKIE,
     not_noted_again},
    {"a spell of cookie mode goes on", noted_two_seconds_ago, COOKIE,
     spell_goes_on},
    {"a new spell of cookie mode", noted_long_ago, COOKIE, spell_begins},
    {"the port's flag is set again", flag_cleared, COOKIE, flag_set},

};

ROWS_MAIN(rows)
