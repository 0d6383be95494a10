/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Every verdict passes here and is counted under its reason. */
#ifndef HF_BPF_COUNT_H
#define HF_BPF_COUNT_H

enum {
	XDP_INFO = -1, /* a count without a verdict */
};

enum hf_verdict {
#define X(name, verdict, text) HF_V_##name = XDP_##verdict,
	HF_REASONS(X)
#undef X
};

static __always_inline void count(enum hf_reason reason)
{
	__u64 *counters = map_one(&stats);

	if (counters)
		counters[reason]++;
}

#define VERDICT(name) (count(HF_R_##name), (int)HF_V_##name)

#define LISTENER_COUNT(index, field)                                           \
	do {                                                                   \
		__u32 index_ = (index);                                        \
		struct hf_listener_stats *s_ =                                 \
		    bpf_map_lookup_elem(&listener_stats, &index_);             \
		if (s_)                                                        \
			s_->field++;                                           \
	} while (0)

#endif
