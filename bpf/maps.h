/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * The maps. All but the last three, and `recent` of recent.h, are pinned by
 * user space under the names they have here; abi.h describes keys and values.
 */
#ifndef HF_BPF_MAPS_H
#define HF_BPF_MAPS_H

#define ARRAY_MAP(map, value_type, entries, map_kind, flag)                    \
	struct {                                                               \
		__uint(type, map_kind);                                        \
		__uint(max_entries, entries);                                  \
		__uint(map_flags, flag##_FLAGS);                               \
		__type(key, __u32);                                            \
		__type(value, value_type);                                     \
	} map SEC(".maps")
#define HASH_MAP(map, key_type, value_type, entries)                           \
	struct {                                                               \
		__uint(type, BPF_MAP_TYPE_HASH);                               \
		__uint(max_entries, entries);                                  \
		__type(key, key_type);                                         \
		__type(value, value_type);                                     \
	} map SEC(".maps")
#define PLAIN_FLAGS 0
#define MMAP_FLAGS BPF_F_MMAPABLE

ARRAY_MAP(config, struct hf_config, 1, BPF_MAP_TYPE_ARRAY, PLAIN);
ARRAY_MAP(keys, struct hf_keys, 1, BPF_MAP_TYPE_ARRAY, PLAIN);

HASH_MAP(devices, __u32, struct hf_device, HF_DEVICES_MAX);
HASH_MAP(vlans, struct hf_vlan_key, __u32, HF_VLANS_MAX);
ARRAY_MAP(xsks, __u32, HF_XSKS_MAX, BPF_MAP_TYPE_XSKMAP, PLAIN);

/* This host's own addresses; the value is an ifindex that has it. */
HASH_MAP(local_addrs, struct hf_addr, __u32, HF_LOCAL_ADDRS_MAX);
ARRAY_MAP(port_table, struct hf_port, HF_PORTS, BPF_MAP_TYPE_ARRAY, MMAP);
HASH_MAP(listen_hash, struct hf_listen_key, __u32, HF_LISTEN_HASH_MAX);
ARRAY_MAP(listen_table, struct hf_listener, HF_LISTENERS_MAX,
	  BPF_MAP_TYPE_ARRAY, MMAP);
ARRAY_MAP(reuseport_groups, struct hf_group, HF_LISTENERS_MAX,
	  BPF_MAP_TYPE_ARRAY, PLAIN);
ARRAY_MAP(listener_stats, struct hf_listener_stats, HF_LISTENERS_MAX,
	  BPF_MAP_TYPE_PERCPU_ARRAY, PLAIN);

HASH_MAP(syn_table, struct hf_tuple, struct hf_request, HF_SYN_TABLE_MAX);
ARRAY_MAP(syn_filter, struct hf_filter, 1, BPF_MAP_TYPE_ARRAY, MMAP);
ARRAY_MAP(fills, struct hf_fills, 1, BPF_MAP_TYPE_ARRAY, MMAP);

ARRAY_MAP(guard, struct hf_guard, 1, BPF_MAP_TYPE_PERCPU_ARRAY, PLAIN);
ARRAY_MAP(stats, struct hf_stats, 1, BPF_MAP_TYPE_PERCPU_ARRAY, PLAIN);
ARRAY_MAP(daemon_stats, struct hf_daemon_stats, 1, BPF_MAP_TYPE_ARRAY, MMAP);

/*
 * Room that does not fit on the stack of 512 bytes. XDP runs with softirqs
 * off, so one a CPU is enough.
 */
#define SCRATCH_BUF 512

struct hf_scratch {
	struct hf_options options; /* of the segment */
	struct hf_cookie cookie;   /* that it answers */
	struct hf_request req;
	struct hf_segment seg;
	__u32 at;
	__u8 buf[SCRATCH_BUF + 64];
};
ARRAY_MAP(scratch, struct hf_scratch, 1, BPF_MAP_TYPE_PERCPU_ARRAY, PLAIN);

/* The daemon's own: what it asks request_ops for, one batch a thread. */
ARRAY_MAP(request_batches, struct hf_request_op, HF_BATCHES_MAX *HF_OPS_MAX,
	  BPF_MAP_TYPE_ARRAY, MMAP);

/* The daemon's own: devices of its own to those that they stand for. */
HASH_MAP(inject_targets, __u32, __u32, HF_DEVICES_MAX);

/* The only element of an array of one: always there. */
static __always_inline void *map_one(void *map)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(map, &zero);
}

#endif
