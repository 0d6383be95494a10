/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Back into the kernel: on the ingress of devices of the daemon's own, frames
 * that XDP had redirected go on as if they had come in on the device that they
 * were redirected from.
 */
#ifndef HF_BPF_INJECT_H
#define HF_BPF_INJECT_H

/* On to the device that it came from; without one it comes in here. */
static __always_inline int inject_redirect(struct __sk_buff *skb)
{
	__u32 ifindex = skb->ifindex;
	__u32 *target = bpf_map_lookup_elem(&inject_targets, &ifindex);

	if (!target)
		return TC_ACT_OK;
	return bpf_redirect(*target, BPF_F_INGRESS);
}

#endif
