/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * For the far end of a veth: frames that XDP_TX sends there wait in a ring
 * until something else wakes the receiver, unless it has an XDP program too.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "Dual BSD/GPL";

SEC("xdp.frags")
int pass(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_PASS;
}
