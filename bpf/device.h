/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is known of the device that a frame came in on. */
#ifndef HF_BPF_DEVICE_H
#define HF_BPF_DEVICE_H

static __always_inline bool device_has_mac(const struct hf_device *dev,
					   const struct ethhdr *eth)
{
	return *(__u16 *)eth->h_dest == *(__u16 *)dev->mac &&
	       *(__u16 *)(eth->h_dest + 2) == *(__u16 *)(dev->mac + 2) &&
	       *(__u16 *)(eth->h_dest + 4) == *(__u16 *)(dev->mac + 4);
}

/* Does a worker read this queue? Its socket leaves the map when it dies. */
static __always_inline bool device_has_worker(const struct hf_device *dev,
					      __u32 queue)
{
	__u32 slot = dev->first_xsk + queue;

	return queue < dev->queues && bpf_map_lookup_elem(&xsks, &slot);
}

#endif
