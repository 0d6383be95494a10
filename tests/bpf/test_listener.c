// SPDX-License-Identifier: BSD-2-Clause
/* Whose the SYN is: the order of inet_lookup_listener(). */
#include <linux/bpf.h>

#include "bpftest.h"

#define LINK_LOCAL "fe80::9:1"

static void no_wildcard(void)
{
	env.port[T_PORT].any4 = env.port[T_PORT].any6 = 0;
}

static void expect_listener(struct scene *s, uint32_t index, const char *text,
			    uint32_t ifindex)
{
	listener_put(index, text, T_PORT, ifindex);
	s->listener = index;
}

/* ---------------------------------------------------------------- exact */

static void exact(struct scene *s)
{
	expect_listener(s, L_SPARE, T_LOCAL4, 0);
}

static void exact6(struct scene *s)
{
	expect_listener(s, L_SPARE, T_LOCAL6, 0);
}

static void exact_alone(struct scene *s)
{
	no_wildcard();
	exact(s);
}

static void exact_elsewhere(struct scene *s)
{
	(void)s;
	listener_put(L_SPARE, "10.9.0.99", T_PORT, 0);
}

static void exact_elsewhere_alone(struct scene *s)
{
	no_wildcard();
	exact_elsewhere(s);
}

static void exact_other_port(struct scene *s)
{
	(void)s;
	listener_put(L_SPARE, T_LOCAL4, T_PORT_FREE, 0);
	env.port[T_PORT].exact = 1;
}

/* IP_FREEBIND: an address that this host does not have. */
static void exact_not_local(struct scene *s)
{
	frame_parse_addr("10.9.0.77", s->frame.dst);
	expect_listener(s, L_SPARE, "10.9.0.77", 0);
}

static void exact_on_device(struct scene *s)
{
	listener_put(L_SPARE2, T_LOCAL4, T_PORT, 0);
	expect_listener(s, L_SPARE, T_LOCAL4, env.ifindex);
}

static void exact_on_other_device(struct scene *s)
{
	listener_put(L_SPARE2, T_LOCAL4, T_PORT, env.other_ifindex);
	expect_listener(s, L_SPARE, T_LOCAL4, 0);
}

static void exact_only_other_device(struct scene *s)
{
	(void)s;
	listener_put(L_SPARE, T_LOCAL4, T_PORT, env.other_ifindex);
}

static void exact_only_other_device_alone(struct scene *s)
{
	no_wildcard();
	exact_only_other_device(s);
}

static void exact_before_wildcard_on_device(struct scene *s)
{
	listener_put(L_SPARE2, "0.0.0.0", T_PORT, env.ifindex);
	exact(s);
}

/* ------------------------------------------------------ wildcard, device */

static void wildcard_on_device(struct scene *s)
{
	expect_listener(s, L_SPARE, "0.0.0.0", env.ifindex);
}

static void wildcard_on_device6(struct scene *s)
{
	expect_listener(s, L_SPARE, "::", env.ifindex);
}

static void wildcard_on_other_device(struct scene *s)
{
	(void)s;
	listener_put(L_SPARE, "0.0.0.0", T_PORT, env.other_ifindex);
}

static void wildcard_on_device_forwarded(struct scene *s)
{
	no_wildcard();
	wildcard_on_device(s);
	frame_parse_addr("10.9.0.77", s->frame.dst);
}

static void ipv4_wildcard_on_device_alone(struct scene *s)
{
	no_wildcard();
	listener_put(L_SPARE, "0.0.0.0", T_PORT, env.ifindex);
	(void)s;
}

/* ------------------------------------------------------------- families */

static void dual_stack(struct scene *s)
{
	no_wildcard();
	env.listener[L_ANY6].v6only = 0;
	env.port[T_PORT].any4 = env.port[T_PORT].any6 = L_ANY6;
	s->listener = L_ANY6;
}

static void dual_stack_no_options(struct scene *s)
{
	dual_stack(s);
	scene_options(s, NULL, 0);
}

static void ipv4_defaults(struct scene *s)
{
	assert_int_equal(s->is.listener, L_ANY6);
	assert_int_equal(s->is.mss, 536);
	assert_int_equal(s->is.adv_mss, 1460);
}

static void v6only_alone(struct scene *s)
{
	(void)s;
	env.port[T_PORT].any4 = 0;
}

static void ipv4_alone(struct scene *s)
{
	(void)s;
	env.port[T_PORT].any6 = 0;
}

static void dual_stack_on_device(struct scene *s)
{
	no_wildcard();
	wildcard_on_device6(s);
	env.listener[L_SPARE].v6only = 0;
}

static void v6only_on_device(struct scene *s)
{
	no_wildcard();
	wildcard_on_device6(s);
}

static void both_on_device(struct scene *s)
{
	listener_put(L_SPARE2, "::", T_PORT, env.ifindex)->v6only = 0;
	wildcard_on_device(s);
}

/* ------------------------------------------------------- link-local, VLAN */

static void link_local(struct scene *s)
{
	scene_ipv6(s);
	frame_parse_addr(LINK_LOCAL, s->frame.dst);
	frame_parse_addr("fe80::9:2", s->frame.src);
	local_addr_put(LINK_LOCAL);
	s->scope = env.ifindex;
}

static void link_local_exact(struct scene *s)
{
	link_local(s);
	expect_listener(s, L_SPARE, LINK_LOCAL, env.ifindex);
}

static void link_local_other_link(struct scene *s)
{
	no_wildcard();
	link_local(s);
	listener_put(L_SPARE, LINK_LOCAL, T_PORT, env.other_ifindex);
}

static void link_local_ack(struct scene *s)
{
	link_local_exact(s);
	scene_handshake(s, HF_R_synack_state);
}

static void tagged(struct scene *s)
{
	struct hf_device vlan;

	vlan_put(0x8100, T_VLAN, 0, 0, T_VLAN_IFINDEX);
	device_get(T_VLAN_IFINDEX, &vlan);
	memcpy(s->frame.dmac, vlan.mac, 6);
	s->l3_ifindex = T_VLAN_IFINDEX;
	s->frame.vlans = 1;
	s->frame.vlan[0] = (struct vlan_tag){0x8100, T_VLAN};
}

static void vlan_bound(struct scene *s)
{
	tagged(s);
	expect_listener(s, L_SPARE, "0.0.0.0", T_VLAN_IFINDEX);
}

static void vlan_bound_untagged(struct scene *s)
{
	no_wildcard();
	listener_put(L_SPARE, "0.0.0.0", T_PORT, T_VLAN_IFINDEX);
	(void)s;
}

static void lower_bound_tagged(struct scene *s)
{
	no_wildcard();
	tagged(s);
	listener_put(L_SPARE, "0.0.0.0", T_PORT, env.ifindex);
}

static void vlan_link_local(struct scene *s)
{
	link_local(s);
	tagged(s);
	s->scope = T_VLAN_IFINDEX;
}

/* ------------------------------------------------------------ SO_REUSEPORT */

static const struct hf_group pair = {
    .count = 2,
    .member = {L_SPARE, L_SPARE2},
};

static void group(struct scene *s, const struct hf_group *g)
{
	no_wildcard();
	listener_put(L_SPARE, T_LOCAL4, T_PORT, 0)->group = L_SPARE;
	listener_put(L_SPARE2, T_LOCAL4, T_PORT, 0)->group = L_SPARE;
	/* The hash has the first one. */
	listener_put(L_SPARE, T_LOCAL4, T_PORT, 0)->group = L_SPARE;
	group_put(L_SPARE, g);
	s->listener = L_SPARE;
}

/* By the flow: both get some, and each flow always the same one. */
static void group_of_two(struct scene *s)
{
	uint32_t got[L_COUNT] = {0}, index;

	group(s, &pair);
	env.listener[L_SPARE].synq_max = env.listener[L_SPARE2].synq_max = 100;
	for (int i = 0; i < 64; i++) {
		s->frame.sport = (uint16_t)(T_CLIENT_PORT + i);
		s->frame.flags = TH_SYN;
		scene_expect(s, XDP_TX, HF_R_synack_state);
		index = s->is.listener;
		got[index]++;
		assert_int_equal(env.listener[index].synq_len, got[index]);
	}
	assert_in_range(got[L_SPARE], 16, 48);
	assert_int_equal(got[L_SPARE] + got[L_SPARE2], 64);
	s->frame.sport = 39999;
}

static void any_member(struct scene *s)
{
	assert_true(s->is.listener == L_SPARE || s->is.listener == L_SPARE2);
}

static void group_cookie(struct scene *s)
{
	group(s, &pair);
	env.listener[L_SPARE].cookies = HF_COOKIES_ALWAYS;
	env.listener[L_SPARE2].cookies = HF_COOKIES_ALWAYS;
	for (int i = 0; i < 16; i++) {
		struct hf_listener_stats stats;

		s->frame.sport = (uint16_t)(T_CLIENT_PORT + i);
		s->frame.seq = 1000000;
		s->frame.flags = TH_SYN;
		scene_handshake(s, HF_R_synack_cookie);
		scene_expect(s, XDP_REDIRECT, HF_R_redirect_cookie);
		/* The member that sent the cookie takes the ACK. */
		listener_stats_get(s->is.listener, &stats);
		assert_true(stats.synack_cookie >= stats.acked_cookie);
		env.listener[s->is.listener].backlog++;
	}
	s->frame.sport = 39999;
	s->frame.flags = TH_SYN;
}

static void group_of_one(struct scene *s)
{
	struct hf_group one = {.count = 1, .member = {L_SPARE2}};

	group(s, &one);
	s->listener = L_SPARE2;
}

static void group_empty(struct scene *s)
{
	struct hf_group none = {};

	group(s, &none);
}

static void group_member_free(struct scene *s)
{
	struct hf_group stale = {.count = 1, .member = {L_FREE}};

	group(s, &stale);
}

static void group_count_wild(struct scene *s)
{
	struct hf_group wild = {.count = 0xffffffff};

	for (int i = 0; i < (int)HF_GROUP_MAX; i++)
		wild.member[i] = L_SPARE;
	group(s, &wild);
}

static void index_wild(struct scene *s)
{
	(void)s;
	env.port[T_PORT].any4 = HF_LISTENERS_MAX + 7;
}

static void the_listener(struct scene *s)
{
	assert_int_equal(s->is.listener, s->listener);
	assert_int_equal(env.listener[s->listener].synq_len, 1);
}

#define ANSWERED XDP_TX, HF_R_synack_state, 0, A_SYNACK, SYN_RECV, the_listener
#define PASSED XDP_PASS, NOTHING, 0, AS_IT_CAME, NO_REQUEST

static const struct row rows[] = {
    {"wildcard", NULL, ANSWERED},
    {"wildcard, IPv6", NULL, ANSWERED, .ipv6 = true},
    {"exact before wildcard", exact, ANSWERED},
    {"exact before wildcard, IPv6", exact6, ANSWERED, .ipv6 = true},
    {"exact without wildcard", exact_alone, ANSWERED},
    {"exact on another address: the wildcard", exact_elsewhere, ANSWERED},
    {"exact on another address alone: passes", exact_elsewhere_alone, PASSED},
    {"exact on another port: the wildcard", exact_other_port, ANSWERED},
    {"exact on an address that is not local", exact_not_local, ANSWERED},
    {"exact and bound to the device before exact", exact_on_device, ANSWERED},
    {"exact, another one bound to another device", exact_on_other_device,
     ANSWERED},
    {"exact on another device: the wildcard", exact_only_other_device,
     ANSWERED},
    {"exact on another device alone: passes", exact_only_other_device_alone,
     PASSED},
    {"exact before a wildcard bound to the device",
     exact_before_wildcard_on_device, ANSWERED},

    {"wildcard bound to the device before wildcard", wildcard_on_device,
     ANSWERED},
    {"wildcard bound to the device before wildcard, IPv6", wildcard_on_device6,
     ANSWERED, .ipv6 = true},
    {"wildcard bound to another device: the wildcard", wildcard_on_other_device,
     ANSWERED},
    {"wildcard bound to the device: local addresses only",
     wildcard_on_device_forwarded, PASSED},
    {"IPv4 wildcard bound to the device is not for IPv6",
     ipv4_wildcard_on_device_alone, PASSED, .ipv6 = true},

    {"[::] without IPV6_V6ONLY answers IPv4", dual_stack, ANSWERED},
    {"[::] without IPV6_V6ONLY answers IPv6", dual_stack, ANSWERED,
     .ipv6 = true},
    {"[::] answers IPv4 as IPv4", dual_stack_no_options, XDP_TX,
     HF_R_synack_state, 0, A_SYNACK, SYN_RECV, ipv4_defaults},
    {"[::] with IPV6_V6ONLY passes IPv4", v6only_alone, PASSED},
    {"0.0.0.0 passes IPv6", ipv4_alone, PASSED, .ipv6 = true},
    {"[::] on the device without IPV6_V6ONLY answers IPv4",
     dual_stack_on_device, ANSWERED},
    {"[::] on the device with IPV6_V6ONLY passes IPv4", v6only_on_device,
     PASSED},
    {"0.0.0.0 before [::] on the device", both_on_device, ANSWERED},

    {"link-local address: a wildcard", link_local, ANSWERED},
    {"link-local address: exact, with its scope", link_local_exact, ANSWERED},
    {"link-local address of another link passes", link_local_other_link,
     PASSED},
    {"link-local address: the ACK finds its request", link_local_ack,
     XDP_REDIRECT, HF_R_redirect_acked, 0, AS_IT_CAME, ACKED},
    {"link-local address on a VLAN", vlan_link_local, ANSWERED},
    {"bound to a VLAN device: tagged frames", vlan_bound, ANSWERED},
    {"bound to a VLAN device: not untagged frames", vlan_bound_untagged,
     PASSED},
    {"bound to the lower device: not tagged frames", lower_bound_tagged,
     PASSED},

    {"SO_REUSEPORT: members by flow", group_of_two, XDP_TX, HF_R_synack_state,
     0, A_SYNACK, SYN_RECV, any_member},
    {"SO_REUSEPORT: cookie and ACK meet the same member", group_cookie, XDP_TX,
     HF_R_synack_cookie, 0, A_ANYTHING, NO_REQUEST},
    {"SO_REUSEPORT: a group of one", group_of_one, ANSWERED},
    {"SO_REUSEPORT: an empty group is the listener itself", group_empty,
     ANSWERED},
    {"SO_REUSEPORT: a member that is gone passes", group_member_free, PASSED},
    {"SO_REUSEPORT: a count beyond the array", group_count_wild, ANSWERED},
    {"an index beyond listen_table passes", index_wild, PASSED},
};

ROWS_MAIN(rows)
