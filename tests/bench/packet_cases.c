// SPDX-License-Identifier: BSD-2-Clause
/* The cases, in the order of the table. */
#include <linux/bpf.h>

#include "packet.h"

#define OPEN .half_open = true
#define FULL .half_open = true, .full = true, .cookies = true

#define REFERENCE(id, kind, set, what)                                         \
	.target = id, .frame = kind, .flows = set, .verdict = what, .reason = -1
#define UNDER_TEST(kind, set, what, why)                                       \
	.target = TARGET_HANDFAST, .frame = kind, .flows = set,                \
	.verdict = what, .reason = why
#define FACTOR(x, name) .limit = {.kind = LIMIT_FACTOR, .value = x, .of = name}
#define PLUS(ns, name) .limit = {.kind = LIMIT_PLUS, .value = ns, .of = name}

struct bench_case bench_cases[] = {
    {
	.name = "harness",
	REFERENCE(TARGET_NULL, FRAME_SYN, FLOWS_FRESH, XDP_PASS),
    },
    {
	.name = "bare_parse",
	REFERENCE(TARGET_PARSE, FRAME_SEGMENT, FLOWS_CONNECTED, XDP_PASS),
    },
    {
	.name = "bare_responder",
	REFERENCE(TARGET_RESPONDER, FRAME_SYN, FLOWS_FRESH, XDP_TX),
    },
    {
	.name = "xdp_synproxy_syn",
	REFERENCE(TARGET_SYNPROXY, FRAME_SYN, FLOWS_FRESH, XDP_TX),
    },
    {
	.name = "xdp_synproxy_ack",
	REFERENCE(TARGET_SYNPROXY, FRAME_ACK_COOKIE, FLOWS_FRESH, XDP_PASS),
    },
    {
	.name = "syn_cookie",
	UNDER_TEST(FRAME_SYN, FLOWS_FRESH, XDP_TX, HF_R_synack_cookie),
	.state = {FULL},
	.after = AFTER_ABSENT,
	FACTOR(0.5, "xdp_synproxy_syn"),
    },
    {
	.name = "syn_cookie_hostile",
	UNDER_TEST(FRAME_SYN_HOSTILE, FLOWS_FRESH, XDP_TX, HF_R_synack_cookie),
	.state = {FULL},
	.after = AFTER_ABSENT,
	FACTOR(1.0, "xdp_synproxy_syn"),
    },
    {
	.name = "syn_cookie_nops",
	UNDER_TEST(FRAME_SYN_NOPS, FLOWS_FRESH, XDP_TX, HF_R_synack_cookie),
	.state = {FULL},
	.after = AFTER_ABSENT,
	FACTOR(1.0, "xdp_synproxy_syn"),
    },
    {
	.name = "syn_state",
	UNDER_TEST(FRAME_SYN, FLOWS_FRESH, XDP_TX, HF_R_synack_state),
	.state = {OPEN},
	.after = AFTER_SYN_RECV,
	.undo = HARNESS_UNDO_DELETE,
	FACTOR(1.0, "xdp_synproxy_syn"),
    },
    {
	.name = "syn_retransmitted",
	UNDER_TEST(FRAME_SYN, FLOWS_BACKGROUND, XDP_TX, HF_R_synack_again),
	.state = {OPEN},
	.after = AFTER_ANSWERED,
	.undo = HARNESS_UNDO_RESTORE,
	FACTOR(1.0, "xdp_synproxy_syn"),
    },
    {
	.name = "ack_state",
	UNDER_TEST(FRAME_ACK_REQUEST, FLOWS_BACKGROUND, XDP_REDIRECT,
		   HF_R_redirect_acked),
	.state = {OPEN},
	.after = AFTER_ACKED,
	.undo = HARNESS_UNDO_RESTORE,
    },
    {
	.name = "ack_cookie_good",
	UNDER_TEST(
	    FRAME_ACK_COOKIE, FLOWS_FRESH, XDP_REDIRECT, HF_R_redirect_cookie),
	.state = {FULL},
	.after = AFTER_ACKED,
	.undo = HARNESS_UNDO_DELETE,
	FACTOR(2.0, "xdp_synproxy_ack"),
    },
    /* As in a flood: every unknown segment is looked up in ehash. */
    {
	.name = "ack_cookie_bad",
	UNDER_TEST(FRAME_ACK_BAD, FLOWS_FRESH, XDP_DROP, HF_R_drop_ack_unknown),
	.state = {FULL, .guard = true},
	.after = AFTER_ABSENT,
	FACTOR(1.0, "xdp_synproxy_ack"),
    },
    {
	.name = "established_pass",
	UNDER_TEST(FRAME_SEGMENT, FLOWS_CONNECTED, XDP_PASS, -1),
	.after = AFTER_ABSENT,
	PLUS(40, "bare_parse"),
    },
    /* Half-open requests: the filter before syn_table is not empty. */
    {
	.name = "established_pass_open",
	UNDER_TEST(FRAME_SEGMENT, FLOWS_CONNECTED, XDP_PASS, -1),
	.state = {OPEN},
	.after = AFTER_ABSENT,
    },
    {
	.name = "unlisted_pass",
	UNDER_TEST(FRAME_SEGMENT_UNLISTED, FLOWS_CONNECTED, XDP_PASS, -1),
	.after = AFTER_ABSENT,
	PLUS(15, "bare_parse"),
    },
};
const size_t bench_case_count = sizeof(bench_cases) / sizeof(bench_cases[0]);
