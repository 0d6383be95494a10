// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
/*
 * `deliver`, which stands where `inject` does on kernels that can make
 * connections (Linux 6.9). An object of its own, with the maps of the other:
 * for a function that the kernel has not, libbpf looks through the BTF of all
 * modules, which takes CAP_SYS_ADMIN, and refuses the whole object without it.
 */
#include "base.h"
#include "check.h"
#include "device.h"
#include "recent.h"
#include "listener.h"
#include "request.h"
#include "ehash.h"
#include "inject.h"
#include "deliver.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Those that do not go on at once. A count() with a constant for each: without
 * CAP_PERFMON the verifier refuses to add an index to a pointer. */
static __always_inline int deliver_hold(struct __sk_buff *skb,
					enum deliver_way way)
{
	__u32 mark = skb->mark ?: MARK_WAITED;

	switch (way) {
	case DELIVER_FAILED:
		count(HF_R_drop_assign_failed);
		return TC_ACT_SHOT;
	case DELIVER_RST:
		count(HF_R_request_rst);
		count(HF_R_drop_rst);
		return TC_ACT_SHOT;
	case DELIVER_WAIT:
		if (mark < MARK_WAITED + WAIT_MAX)
			break;
		count(HF_R_drop_assign_early);
		return TC_ACT_SHOT;
	default:
		count(HF_R_drop_assign_early);
		return TC_ACT_SHOT;
	}
	skb->mark = mark + 1;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}

SEC("tc")
int deliver(struct __sk_buff *skb)
{
	enum deliver_way way = deliver_way(skb);

	if (way != DELIVER_ON)
		return deliver_hold(skb, way);
	skb->mark = 0;
	return inject_redirect(skb);
}
