// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * The wrapper around a program that is measured by BPF_PROG_TEST_RUN: it
 * restores the frame, which the program changes, calls the program, looks at
 * its verdict and undoes what it did to syn_table.
 *
 * The call is a tail call inside a function: the program that is called
 * returns to the caller of that function (x86 JIT, Linux 5.10 and later).
 * An freplace program would be the direct way, but is refused on 6.18.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "handfast/abi.h"
#include "handfast/cookie.h"
#include "handfast/csum.h"
#include "handfast/options.h"
#include "handfast/segment.h"
#include "handfast/seq.h"

#define IP_MF 0x2000
#define IP_OFFSET 0x1fff

#include "maps.h"
#include "count.h"
#include "parse.h"
#include "check.h"
#include "device.h"
#include "recent.h"
#include "reply.h"
#include "listener.h"
#include "request.h"

#include "harness.h"

struct harness_control control;

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} target SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HARNESS_FRAMES_MAX);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct harness_frame);
} frames SEC(".maps");

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * adjust_tail is called in every round, also where the length is right: so
 * its cost is in the harness, whether the program resizes the frame or not.
 */
static __always_inline bool frame_restore(struct xdp_md *ctx)
{
	__u32 index = control.frame_next;
	struct harness_frame *f = bpf_map_lookup_elem(&frames, &index);
	__u32 len;

	if (!f)
		return false;
	control.frame_next = index + 1 < control.frame_count ? index + 1 : 0;
	len = f->len;
	if (len < 1 || len > HARNESS_DATA_MAX)
		return false;
	if (bpf_xdp_adjust_tail(ctx, len - (int)bpf_xdp_get_buff_len(ctx)))
		return false;
	return !bpf_xdp_store_bytes(ctx, 0, f->data, len);
}

static __noinline int target_call(struct xdp_md *ctx)
{
	int none = -1;

	bpf_tail_call(ctx, &target, 0);
	/* Or clang takes -1 for what this function always returns. */
	asm volatile("" : "+r"(none));
	return none;
}

/* ACKED back to SYN_RECV: the reverse of request_ack(). */
static __always_inline void request_restore(struct hf_request *req)
{
	struct hf_listener *l = request_listener(req);

	if (req->word.state == HF_REQUEST_ACKED && l) {
		acceptq_give(l);
		fill_acked(-1);
		fill_half_open(1);
		synq_add(l, 1);
	}
	*req = control.undo_request;
}

static __noinline void undo_request(void)
{
	struct hf_tuple key = control.undo_key;
	struct hf_request *req = bpf_map_lookup_elem(&syn_table, &key);

	if (!req || req->word.state != control.undo_state) {
		control.missed++;
		return;
	}
	if (control.undo == HARNESS_UNDO_RESTORE)
		request_restore(req);
	else if (!request_end(&key, req, request_word_read(req), false))
		control.missed++;
}

static __always_inline void undo(void)
{
	__u64 start = bpf_ktime_get_ns();

	if (control.undo != HARNESS_UNDO_CLOCK)
		undo_request();
	control.undo_ns += bpf_ktime_get_ns() - start;
}

SEC("xdp")
int harness(struct xdp_md *ctx)
{
	int verdict;

	if (!frame_restore(ctx)) {
		control.wrong++;
		control.verdict_seen = -2;
		return XDP_ABORTED;
	}
	verdict = target_call(ctx);
	if (verdict != control.verdict) {
		control.wrong++;
		control.verdict_seen = verdict;
	}
	if (control.undo)
		undo();
	return XDP_PASS;
}
